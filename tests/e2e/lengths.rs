//! Frames of every length, byte for byte, both ways.

use igbcx_tests::frames::{assert_same, packet, padded};
use igbcx_tests::{Rig, Run, Scenario, rig};
use std::ops::RangeInclusive;

/// Frames sent together.
const BATCH: usize = 100;
/// Capacity of a receive buffer of the driver: longer frames lie in several.
const BUFFER: usize = 2048;
/// Pad Short Packets (82576 datasheet 8.12.1); it works from 17 bytes on.
const TCTL: u64 = 0x400;
const TCTL_PSP: u64 = 1 << 3;
const SHORTEST_FOR_PSP: usize = 17;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new("lengths::standard", |run| both_ways(run, 1514, &(14..=1514).collect::<Vec<_>>())),
        Scenario::new("lengths::jumbo", |run| both_ways(run, 9014, &jumbo_lengths())),
        Scenario::new("lengths::longer_than_allowed", longer_than_allowed),
    ]
}

/// Every length around the borders of buffers and pages, and a sample of the others.
fn jumbo_lengths() -> Vec<usize> {
    let around = |at: usize| -> RangeInclusive<usize> { at - 6..=at + 6 };
    let borders = [1514, BUFFER, 2 * BUFFER, 3 * BUFFER, 4 * BUFFER].into_iter().flat_map(around);
    let sample = (14..9014).step_by(97);
    let mut lengths: Vec<usize> = borders.chain(sample).chain(9000..=9014).collect();
    lengths.sort_unstable();
    lengths.dedup();
    lengths
}

fn both_ways(run: &Run, longest: usize, lengths: &[usize]) {
    let rig = Rig::up(rig::builder(run).keyword("*JumboPacket", longest.to_string()));
    assert_eq!(rig.adapter().mtu() as usize, longest - 14);
    for batch in lengths.chunks(BATCH) {
        let out: Vec<_> = batch.iter().map(|len| rig.outgoing(*len, *len as u64)).collect();
        let packets: Vec<_> = out.iter().zip(batch).map(|(f, len)| packet(f.clone(), *len as u64)).collect();
        let sent = rig.transmit(&packets);
        assert!(sent.iter().all(|f| f.len() >= SHORTEST_FOR_PSP), "a frame too short for the adapter to pad");
        // QEMU's model leaves the padding that TCTL.PSP asks for to the peer.
        let sent: Vec<_> = sent.iter().map(|f| padded(f)).collect();
        let wanted: Vec<_> = out.iter().map(|f| padded(f)).collect();
        assert_same(&sent, &wanted, "sent");

        let inwards: Vec<_> = batch.iter().map(|len| rig.incoming(*len, !(*len as u64))).collect();
        let got = rig.receive(&inwards, inwards.len());
        for packet in &got {
            let fragments = packet.data.len().div_ceil(BUFFER);
            assert_eq!(usize::from(packet.fragments), fragments, "fragments of {} bytes", packet.data.len());
        }
        let got: Vec<_> = got.into_iter().map(|p| p.data).collect();
        let wanted: Vec<_> = inwards.iter().map(|f| padded(f)).collect();
        assert_same(&got, &wanted, "received");
    }
    assert_ne!(rig.register(TCTL) & TCTL_PSP, 0, "the adapter pads short frames to 64 bytes with FCS");
    let stats = rig.adapter().stats();
    assert_eq!((stats.tx_packets, stats.rx_packets), (lengths.len() as u64, lengths.len() as u64));
    assert_eq!(stats.tx_bytes, lengths.iter().sum::<usize>() as u64);
    rig.finish();
}

/// Frames longer than *JumboPacket with a VLAN tag (four bytes, for which RLPML has room) do not reach the stack; the next
/// ones do.
fn longer_than_allowed(run: &Run) {
    let mut rig = Rig::up(rig::builder(run).keyword("*JumboPacket", "9014"));
    for len in [9019, 9100, 12_000, 16_000] {
        let got = rig.receive(&[rig.incoming(len, 1)], 1);
        assert!(got.is_empty(), "a frame of {len} bytes was received as {} bytes", got[0].data.len());
        rig.check_traffic();
    }
    let stats = rig.adapter().stats();
    // A frame that no packet can hold is posted with Ignore set: contract.md 3.1 Ignore.
    let long = rig.outgoing(9019, 7);
    assert!(rig.transmit(&[packet(long, 7)]).is_empty());
    assert_eq!(rig.adapter().stats().tx_ignored, stats.tx_ignored + 1);
    rig.check_traffic();
    rig.finish();
}
