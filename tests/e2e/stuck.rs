//! Bits of the hardware that never change: every wait of the driver ends, and no buffer goes back under DMA.

use igbcx_tests::frames::packet;
use igbcx_tests::{Rig, Run, Scenario, rig};
use lab_kernel::cpu;
use std::time::Duration;

/// Longest start and stop, whatever the hardware does (reliability.md A3).
const START: Duration = Duration::from_secs(5);
const STOP: Duration = Duration::from_secs(1);

/// A register bit that is stuck: name, offset in BAR0, bits that read as one, bits that read as zero.
type Stuck = (&'static str, u64, u64, u64);

/// 82576 datasheet: chapter 8 for each register, 4.5 and 4.6 for how a driver uses it.
const STUCK: [Stuck; 13] = [
    ("reset_never_ends", 0x0000, 1 << 26, 0),
    ("master_never_off", 0x0008, 1 << 19, 0),
    ("nvm_never_read", 0x0010, 0, 1 << 9),
    ("link_never_up", 0x0008, 0, 1 << 1),
    ("phy_never_ready", 0x0020, 0, 1 << 28),
    ("phy_always_fails", 0x0020, 1 << 30, 0),
    ("semaphore_never_free", 0x5B50, 1, 0),
    ("firmware_semaphore_never_granted", 0x5B50, 0, 1 << 1),
    ("phy_always_owned", 0x5B5C, 0xFFFF_0000, 0),
    ("rx_queue_never_on", 0xC028, 0, 1 << 25),
    ("tx_queue_never_on", 0xE028, 0, 1 << 25),
    ("rx_queue_never_off", 0xC028, 1 << 25, 0),
    ("tx_queue_never_off", 0xE028, 1 << 25, 0),
];

pub fn scenarios() -> Vec<Scenario> {
    let from_start = STUCK.map(|stuck| Scenario::new(format!("stuck::{}", stuck.0), move |run| from_start(run, stuck)));
    let while_running = STUCK
        .map(|stuck| Scenario::new(format!("stuck::{}_while_running", stuck.0), move |run| while_running(run, stuck)));
    from_start.into_iter().chain(while_running).collect()
}

fn timed<R>(what: &str, limit: Duration, work: impl FnOnce() -> R) -> R {
    let start = cpu::now();
    let result = work();
    let took = cpu::now() - start;
    println!("{what}: {took:?}");
    assert!(took <= limit, "{what} took {took:?} of lab time, {limit:?} are allowed");
    result
}

/// Stuck before the start: it fails or the device works as far as it can; without the fault it works.
fn from_start(run: &Run, (_, offset, ones, zeros): Stuck) {
    let mut rig = Rig::build(rig::builder(run).strict_dma(true));
    rig.nic().faults().stuck_bits(offset, ones, zeros);
    match timed("start", START, || rig.start()) {
        Ok(()) => load(&rig),
        Err(e) => println!("{e}"),
    }
    timed("removal", STOP, || rig.remove());
    recover(rig);
}

/// Stuck under load: stop, and what follows, ends.
fn while_running(run: &Run, (_, offset, ones, zeros): Stuck) {
    let mut rig = Rig::up(rig::builder(run).strict_dma(true));
    load(&rig);
    rig.nic().faults().stuck_bits(offset, ones, zeros);
    load(&rig);
    let restarted = timed("restart of the datapath", 2 * STOP, || rig.adapter().restart_datapath());
    println!("restart of the datapath: {restarted:?}");
    match timed("to D3", STOP, || rig.d3()) {
        Ok(()) => println!("to D0: {:?}", timed("to D0", START, || rig.d0())),
        Err(e) => println!("{e}"),
    }
    timed("removal", STOP, || rig.remove());
    recover(rig);
}

/// Frames both ways, some of them still in the rings when it returns.
fn load(rig: &Rig) {
    for id in 0..200 {
        rig.adapter().send(packet(rig.outgoing(300, id), id));
        rig.wire().send(&rig.incoming(300, id));
    }
    cpu::sleep(Duration::from_micros(200));
    drop(rig.adapter().tx_completed());
    while rig.adapter().recv().is_some() {}
}

fn recover(mut rig: Rig) {
    rig.nic().faults().clear();
    rig.add_again().unwrap();
    rig.bring_up();
    // What waited on the wire meanwhile.
    cpu::sleep(Duration::from_millis(1));
    while rig.adapter().recv().is_some() {}
    rig.drain_wire(&mut Vec::new());
    rig.check_traffic();
    rig.finish();
}
