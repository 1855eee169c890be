//! Queues, device and driver stopped and started again and again, with frames in flight.

use igbcx_tests::frames::packet;
use igbcx_tests::rig::LINK;
use igbcx_tests::{Rig, Run, Scenario, rig};
use lab_kernel::cpu;
use netcx_lab::Builder;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Frames in flight each way when a cycle begins.
const IN_FLIGHT: u64 = 500;
/// Longest frames, for one descriptor and for several.
pub const SHORT: usize = 960;
pub const LONG: usize = 9014;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new("cycles::datapath_200", |run| {
            cycles(rig::builder(run), 200, SHORT, |rig| rig.adapter().restart_datapath().unwrap())
        }),
        Scenario::new("cycles::datapath_jumbo_50", |run| {
            let builder = rig::builder(run).keyword("*JumboPacket", LONG.to_string()).strict_dma(true);
            cycles(builder, 50, LONG, |rig| rig.adapter().restart_datapath().unwrap());
        }),
        Scenario::new("cycles::device_50", |run| {
            cycles(rig::builder(run), 50, SHORT, |rig| {
                rig.stop().unwrap();
                rig.bring_up();
            });
        }),
        Scenario::new("cycles::power_100", |run| {
            cycles(rig::builder(run), 100, SHORT, |rig| {
                rig.d3().unwrap();
                rig.d0().unwrap();
                rig.wait_link(true, LINK).unwrap();
            });
        }),
        Scenario::new("cycles::add_and_remove_20", |run| {
            cycles(rig::builder(run), 20, SHORT, |rig| {
                rig.add_again().unwrap();
                rig.bring_up();
            });
        }),
        Scenario::new("cycles::driver_10", |run| {
            cycles(rig::builder(run), 10, SHORT, |rig| {
                rig.reload().unwrap();
                rig.bring_up();
            });
        }),
        Scenario::new("cycles::stopped_at_once", stopped_at_once),
        Scenario::new("cycles::flooded_restart", |run| {
            flooded(rig::builder(run), 200, |rig| rig.adapter().restart_datapath().unwrap());
        }),
    ]
}

/// A frame may come at any moment of a cycle, also between the return of a buffer and the next start of the queue: then it
/// must find the adapter's DMA off (contract.md 3.1 Cancel). Buffers are mapped only while the driver has them.
pub fn flooded(builder: Builder, count: u64, cycle: impl Fn(&mut Rig)) {
    let mut rig = Rig::up(builder.strict_dma(true).preempt_one_in(3));
    let (nic, frame) = (rig.nic().clone(), rig.incoming(300, 1));
    let over = Arc::new(AtomicBool::new(false));
    let stop = over.clone();
    let flood = cpu::spawn("flood", move || {
        let wire = nic.wire().expect("the rig is built on a wire");
        while !stop.load(Ordering::Relaxed) {
            // One at a time: no pile for the time when the link is up again.
            if wire.barrier() {
                wire.send(&frame);
            }
            cpu::sleep(Duration::from_micros(1));
        }
    });
    let mut received = 0;
    for _ in 0..count {
        cycle(&mut rig);
        cpu::sleep(Duration::from_micros(20));
        received += std::iter::from_fn(|| rig.adapter().recv()).count();
    }
    over.store(true, Ordering::Relaxed);
    cpu::join(flood);
    assert!(received > 0, "no frame came in the middle of anything");
    rig.collect(usize::MAX);
    rig.check_traffic();
    rig.finish();
}

/// What arrives in spite of the cycle arrives whole and in order; every packet to send is completed once; the next frame
/// passes.
pub fn cycles(builder: Builder, count: u64, longest: usize, cycle: impl Fn(&mut Rig)) {
    // Rings smaller than what is in flight: a cycle finds frames in the rings, above them and on the wire.
    let mut rig = Rig::up(builder.keyword("*TransmitBuffers", "64").keyword("*ReceiveBuffers", "64"));
    let length = |id: u64| 60 + (id * 37) as usize % (longest - 59);
    let (mut sent, mut received) = (0, 0);
    for round in 0..count {
        let adapter = rig.adapter();
        let first = 1_000_000 + round * IN_FLIGHT;
        let ids = first..first + IN_FLIGHT;
        let out: Vec<_> = ids.clone().map(|id| rig.outgoing(length(id), id)).collect();
        let inwards: Vec<_> = ids.clone().map(|id| rig.incoming(length(id), !id)).collect();
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
