//! Ten thousand frames at once, each way, with rings of different sizes and other addresses.

use igbcx_tests::frames::{Random, assert_same, packet};
use igbcx_tests::{Rig, Run, Scenario, rig};
use lab_kernel::cpu;
use netcx_lab::Builder;
use std::time::Duration;

const FRAMES: usize = 10_000;

/// Transmit and receive descriptors.
const RINGS: [(u32, u32); 7] = [(512, 512), (64, 64), (4096, 4096), (64, 4096), (4096, 64), (72, 512), (512, 200)];
const ADDRESSES: u64 = 10;

pub fn scenarios() -> Vec<Scenario> {
    let rings = RINGS.into_iter().map(|(tx, rx)| {
        Scenario::new(format!("bursts::rings_{tx}_{rx}"), move |run| {
            let rings = [("*TransmitBuffers", tx), ("*ReceiveBuffers", rx)];
            let builder = rings.into_iter().fold(rig::builder(run), |b, (name, n)| b.keyword(name, n.to_string()));
            burst(builder, run.seed, FRAMES);
        })
    });
    let addresses = (0..ADDRESSES).map(|i| Scenario::new(format!("bursts::address_{i}"), move |run| address(run, i)));
    let starved = Scenario::new("bursts::after_seconds_without_advance", starved);
    let slow = Scenario::new("bursts::stack_that_keeps_its_packets", slow_stack);
    rings.chain(addresses).chain([starved, slow]).collect()
}

/// Nothing is lost, in either direction: the wire holds back what finds no receive buffer.
pub fn burst(builder: Builder, seed: u64, frames: usize) {
    let rig = Rig::up(builder);
    let mut random = Random::new(seed);
    let lengths: Vec<usize> = (0..frames).map(|_| random.within(60..=400)).collect();
    let out: Vec<_> = lengths.iter().zip(0..).map(|(len, id)| rig.outgoing(*len, id)).collect();
    let packets: Vec<_> = out.iter().zip(0..).map(|(f, id)| packet(f.clone(), id)).collect();
    assert_same(&rig.transmit(&packets), &out, "sent in one burst");
    let inwards: Vec<_> = lengths.iter().zip(0..).map(|(len, id)| rig.incoming(*len, !id)).collect();
    let got: Vec<_> = rig.receive(&inwards, frames).into_iter().map(|p| p.data).collect();
    assert_same(&got, &inwards, "received in one burst");
    let report = rig.finish();
    assert!(report.tx.tail_writes < report.tx.packets, "one tail write for each packet: {:?}", report.tx);
}

/// Any station address of a NIC will do.
fn address(run: &Run, i: u64) {
    let mut random = Random::new(run.seed ^ i << 32);
    let mut mac = [0; 6].map(|_: u8| random.below(256) as u8);
    mac[0] &= !1;
    let mut rig = Rig::up(rig::builder(run).mac(mac));
    assert_eq!(rig.adapter().mac(), mac);
    rig.check_traffic();
    // One bit off is another station.
    let mut other = rig.incoming(100, 1);
    let bit = random.within(8..=47);
    other[bit / 8] ^= 1 << (bit % 8);
    assert!(rig.receive(&[other], 1).is_empty(), "a frame to another station was received");
    rig.check_traffic();
    rig.finish();
}

/// No queue is advanced for four seconds while frames come and go: then nothing is missing (reliability.md B17).
fn starved(run: &Run) {
    let mut rig = Rig::up(rig::builder(run));
    rig.check_traffic();
    let long = Duration::from_secs(4);
    let out: Vec<_> = (0..3000).map(|id| rig.outgoing(100, id)).collect();
    let inwards: Vec<_> = (0..3000).map(|id| rig.incoming(100, !id)).collect();
    // Until the queues are idle: a poll loop that runs goes on to its end.
    cpu::sleep(Duration::from_millis(10));
    lab_netcx::starve(long);
    inwards.iter().for_each(|frame| rig.wire().send(frame));
    for (frame, id) in out.iter().zip(0..) {
        assert!(rig.adapter().send(packet(frame.clone(), id)));
    }
    cpu::sleep(long / 2);
    let mut sent = Vec::new();
    rig.drain_wire(&mut sent);
    assert!(sent.is_empty() && rig.adapter().recv().is_none(), "a queue was advanced");
    let got: Vec<_> = collect_after(&rig, long, inwards.len());
    assert_same(&got, &inwards, "received after it");
    rig.drain_wire(&mut sent);
    assert_same(&sent, &out, "sent after it");
    assert_eq!(rig.adapter().tx_completed().len(), out.len());
    rig.check_traffic();
    rig.finish();
}

/// What is received once the starvation is over.
fn collect_after(rig: &Rig, starvation: Duration, count: usize) -> Vec<Vec<u8>> {
    cpu::wait_for("the end of the starvation", &rig.adapter().rx_event(), Some(2 * starvation));
    rig.collect(count).into_iter().map(|p| p.data).collect()
}

/// A stack that takes no packets ends the supply of buffers; the wire holds the frames until it does.
fn slow_stack(run: &Run) {
    let mut rig = Rig::up(rig::builder(run));
    let inwards: Vec<_> = (0..5000).map(|id| rig.incoming(200, id)).collect();
    inwards.iter().for_each(|frame| rig.wire().send(frame));
    cpu::sleep(Duration::from_millis(100));
    assert!(!rig.wire().barrier(), "the adapter took all frames and has no buffers for them");
    let got: Vec<_> = rig.collect(inwards.len()).into_iter().map(|p| p.data).collect();
    assert_same(&got, &inwards, "received late");
    rig.check_traffic();
    rig.finish();
}
