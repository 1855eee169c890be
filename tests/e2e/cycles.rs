//! Queues, device and driver stopped and started again and again, with frames in flight.

use igbcx_tests::frames::packet;
use igbcx_tests::rig::LINK;
use igbcx_tests::{Rig, Run, Scenario, rig};
use lab_kernel::cpu;
use netcx_lab::Builder;
use std::time::Duration;

/// Frames in flight each way when a cycle begins.
const IN_FLIGHT: u64 = 500;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new("cycles::datapath_200", |run| {
            cycles(rig::builder(run), 200, |rig| rig.adapter().restart_datapath().unwrap())
        }),
        Scenario::new("cycles::device_50", |run| {
            cycles(rig::builder(run), 50, |rig| {
                rig.stop().unwrap();
                rig.bring_up();
            });
        }),
        Scenario::new("cycles::power_100", |run| {
            cycles(rig::builder(run), 100, |rig| {
                rig.d3().unwrap();
                rig.d0().unwrap();
                rig.wait_link(true, LINK).unwrap();
            });
        }),
        Scenario::new("cycles::add_and_remove_20", |run| {
            cycles(rig::builder(run), 20, |rig| {
                rig.add_again().unwrap();
                rig.bring_up();
            });
        }),
        Scenario::new("cycles::driver_10", |run| {
            cycles(rig::builder(run), 10, |rig| {
                rig.reload().unwrap();
                rig.bring_up();
            });
        }),
        Scenario::new("cycles::stopped_at_once", stopped_at_once),
    ]
}

/// What arrives in spite of the cycle arrives whole and in order; every packet to send is completed once; the next frame
/// passes.
pub fn cycles(builder: Builder, count: u64, cycle: impl Fn(&mut Rig)) {
    // Rings smaller than what is in flight: a cycle finds frames in the rings, above them and on the wire.
    let mut rig = Rig::up(builder.keyword("*TransmitBuffers", "64").keyword("*ReceiveBuffers", "64"));
    let (mut sent, mut received) = (0, 0);
    for round in 0..count {
        let adapter = rig.adapter();
        let first = 1_000_000 + round * IN_FLIGHT;
        let ids = first..first + IN_FLIGHT;
        let out: Vec<_> = ids.clone().map(|id| rig.outgoing(60 + (id % 900) as usize, id)).collect();
        let inwards: Vec<_> = ids.clone().map(|id| rig.incoming(60 + (id % 900) as usize, !id)).collect();
        for ((id, out), inwards) in ids.clone().zip(&out).zip(&inwards) {
            rig.wire().send(inwards);
            assert!(adapter.send(packet(out.clone(), id)));
        }
        // The cycle begins at another moment of the traffic each time.
        cpu::sleep(Duration::from_micros(round * 37 % 400));
        cycle(&mut rig);

        let mut completed = adapter.tx_completed();
        completed.sort_unstable();
        assert_eq!(completed, ids.collect::<Vec<_>>(), "round {round}: every packet is completed once");
        let mut seen = Vec::new();
        rig.wire().barrier();
        rig.drain_wire(&mut seen);
        sent += subsequence(&seen, &out, "sent");
        // If the adapter was removed, its last packets are still above it; the new one goes on with what the wire kept.
        let mut got: Vec<_> = std::iter::from_fn(|| adapter.recv()).map(|p| p.data).collect();
        got.extend(rig.collect(usize::MAX).into_iter().map(|p| p.data));
        received += subsequence(&got, &inwards, "received");
        rig.check_traffic();
    }
    assert!(sent > 0 && received > 0, "{sent} frames were sent and {received} received in spite of {count} cycles");
    rig.finish();
}

/// Every frame of `got` is one of `all`, in their order; how many there are.
fn subsequence(got: &[Vec<u8>], all: &[Vec<u8>], what: &str) -> usize {
    let mut rest = all.iter();
    for (i, frame) in got.iter().enumerate() {
        assert!(
            rest.any(|f| f == frame),
            "{what}: frame {i} ({} bytes) is damaged, out of order or doubled",
            frame.len()
        );
    }
    got.len()
}

/// Each transition directly after the one that undoes it, with no time between.
fn stopped_at_once(run: &Run) {
    let mut rig = Rig::build(rig::builder(run));
    for _ in 0..10 {
        rig.start().unwrap();
        rig.stop().unwrap();
        rig.start().unwrap();
        rig.d3().unwrap();
        rig.stop().unwrap();
        rig.add_again().unwrap();
    }
    rig.bring_up();
    rig.check_traffic();
    rig.finish();
}
