//! The wire takes no frame: what is posted stays under DMA until the queue is stopped.

use igbcx_tests::frames::{assert_same, packet};
use igbcx_tests::rig::LINK;
use igbcx_tests::{Rig, Run, Scenario, rig};
use lab_kernel::cpu;
use std::time::Duration;

/// More than rings and their backlog take at first.
const PACKETS: u64 = 3000;
/// Longest stop (reliability.md A3).
const STOP: Duration = Duration::from_secs(1);

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new("stalled::goes_on", goes_on),
        Scenario::new("stalled::restart", |run| {
            ended_by(run, |rig| rig.adapter().restart_datapath().unwrap(), |_| {});
        }),
        Scenario::new("stalled::d3", |run| ended_by(run, |rig| rig.d3().unwrap(), |rig| rig.d0().unwrap())),
        Scenario::new("stalled::stop", |run| ended_by(run, |rig| rig.stop().unwrap(), |rig| rig.start().unwrap())),
        Scenario::new("stalled::remove", |run| {
            ended_by(
                run,
                |rig| rig.remove(),
                |rig| {
                    rig.add_again().unwrap();
                    rig.start().unwrap();
                },
            );
        }),
    ]
}

fn stall(rig: &Rig) -> Vec<Vec<u8>> {
    rig.hold_transmitter();
    let out: Vec<_> = (0..PACKETS).map(|id| rig.outgoing(200, id)).collect();
    for (frame, id) in out.iter().zip(0..) {
        assert!(rig.adapter().send(packet(frame.clone(), id)));
    }
    cpu::sleep(Duration::from_millis(5));
    assert!(rig.adapter().tx_completed().is_empty(), "completed before it was sent");
    out
}

/// Every ring was full; all of it goes out when the wire takes it.
fn goes_on(run: &Run) {
    let mut rig = Rig::up(rig::builder(run).keyword("*TransmitBuffers", "64").strict_dma(true));
    for _ in 0..5 {
        let out = stall(&rig);
        rig.release_transmitter();
        let end = cpu::now() + STOP;
        let (mut completed, mut sent) = (0, Vec::new());
        while completed < out.len() && cpu::now() < end {
            cpu::wait_for("completions", &rig.adapter().tx_event(), Some(Duration::from_millis(10)));
            completed += rig.adapter().tx_completed().len();
            rig.drain_wire(&mut sent);
        }
        assert_eq!(completed, out.len());
        assert_same(&sent, &out, "sent in the end");
        rig.check_traffic();
    }
    rig.finish();
}

/// A stop completes everything in time, and nothing of it is read by the adapter afterwards (the fence would tell).
fn ended_by(run: &Run, end: impl Fn(&mut Rig), begin: impl Fn(&mut Rig)) {
    let mut rig = Rig::up(rig::builder(run).strict_dma(true));
    for _ in 0..5 {
        stall(&rig);
        let adapter = rig.adapter();
        let start = cpu::now();
        end(&mut rig);
        let took = cpu::now() - start;
        assert!(took <= STOP, "the stop took {took:?}");
        let mut completed = adapter.tx_completed();
        completed.sort_unstable();
        assert_eq!(completed, (0..PACKETS).collect::<Vec<_>>(), "every packet is completed once");
        begin(&mut rig);
        rig.wait_link(true, LINK).unwrap();
        // Its own transmitter is as before only if the device was reset.
        rig.release_transmitter();
        rig.check_traffic();
    }
    rig.finish();
}
