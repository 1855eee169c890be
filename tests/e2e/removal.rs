//! The adapter is pulled out, or its registers lie, from access k on: for k over a whole life of the device.

use igbcx_tests::faults::Fault;
use igbcx_tests::frames::packet;
use igbcx_tests::{Rig, Run, Scenario, rig};
use lab_kernel::cpu;
use std::time::Duration;

/// Accesses of the sweep.
const LAST: u64 = 2000;
/// Longest start and stop in lab time, whatever the registers say (reliability.md A3).
const START: Duration = Duration::from_secs(5);
const STOP: Duration = Duration::from_secs(1);

pub fn scenarios() -> Vec<Scenario> {
    let faults = [
        (Fault::Ones, "ones", 43),
        (Fault::Pulled, "pulled", 47),
        (Fault::Zeros, "zeros", 173),
        (Fault::Random, "random", 181),
        (Fault::Previous, "previous", 191),
    ];
    let sweep = faults.into_iter().flat_map(|(fault, name, step)| {
        let first = if matches!(fault, Fault::Ones | Fault::Pulled) { 20 } else { 3 };
        (0..LAST).map(move |k| {
            let sampled = k <= first || k % step == 0;
            Scenario::new(format!("removal::{name}_{k:04}"), move |run| life(run, fault, k)).full_unless(sampled)
        })
    });
    let reference = Scenario::new("removal::a_life_without_fault", reference);
    [reference].into_iter().chain(sweep).collect()
}

fn reference(run: &Run) {
    let mut rig = Rig::build(rig::builder(run));
    live(&mut rig).unwrap_or_else(|e| panic!("{e}"));
    let accesses = rig.nic().faults().accesses();
    assert!(accesses >= LAST, "a whole life has {accesses} accesses, the sweep goes over {LAST}");
    rig.finish();
}

fn life(run: &Run, fault: Fault, k: u64) {
    // Memory is confined as closely as can be: an adapter that goes on is caught at once.
    let mut rig = Rig::build(rig::builder(run).strict_dma(true));
    fault.plan(rig.nic(), run.seed, k);
    match live(&mut rig) {
        Ok(()) => println!("it lived through {} accesses", rig.nic().faults().accesses()),
        Err(why) => println!("it ended: {why}"),
    }
    if fault == Fault::Pulled {
        timed("surprise removal", STOP, || rig.surprise_remove().unwrap());
    }
    timed("removal", STOP, || rig.remove());
    rig.finish();
}

/// Start, traffic, a new datapath, D3 and D0, traffic, stop: until the device fails.
fn live(rig: &mut Rig) -> Result<(), String> {
    timed("start", START, || rig.start()).map_err(|e| e.to_string())?;
    let _ = rig.wait_link(true, Duration::from_secs(2));
    traffic(rig)?;
    let adapter = rig.adapter();
    timed("restart of the datapath", STOP + STOP, || adapter.restart_datapath())
        .map_err(|s| format!("restart: {s:#x}"))?;
    let _ = adapter.set_receive_filter(0x0F, &[[0x33, 0x33, 0, 0, 0, 1]]);
    traffic(rig)?;
    timed("to D3", STOP, || rig.d3()).map_err(|e| e.to_string())?;
    timed("to D0", START, || rig.d0()).map_err(|e| e.to_string())?;
    let _ = rig.wait_link(true, Duration::from_secs(2));
    traffic(rig)?;
    timed("stop", STOP, || rig.stop()).map_err(|e| e.to_string())
}

/// Some frames each way, one after the other; what becomes of them does not matter.
fn traffic(rig: &Rig) -> Result<(), String> {
    let (adapter, wire) = (rig.adapter(), rig.wire());
    for id in 0..100 {
        adapter.send(packet(rig.outgoing(100, id), id));
        wire.send(&rig.incoming(100, id));
        cpu::sleep(Duration::from_micros(50));
        while adapter.recv().is_some() {}
        while wire.recv().is_some() {}
        drop(adapter.tx_completed());
    }
    let failed = rig.device().map_err(|e| e.to_string())?.failed_action();
    failed.map_or(Ok(()), |action| Err(format!("the driver reported a failed device, action {action}")))
}

fn timed<R>(what: &str, limit: Duration, work: impl FnOnce() -> R) -> R {
    let start = cpu::now();
    let result = work();
    let took = cpu::now() - start;
    assert!(took <= limit, "{what} took {took:?} of lab time, {limit:?} are allowed");
    result
}
