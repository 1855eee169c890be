//! Transmit packets in many pieces, at any offset, and packets without data between them.

use igbcx_tests::frames::{Random, assert_same, packet};
use igbcx_tests::{Rig, Run, Scenario, rig};
use lab_netcx::Placement;
use netcx_lab::TxPacket;

/// Fragments of a packet that the driver declares to take (src/tx.rs); the framework copies a packet of more into one.
const MOST: usize = 40;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new("fragments::one_to_forty", |run| counts(run, Placement::Packed)),
        Scenario::new("fragments::scattered_over_pages", |run| counts(run, Placement::Scattered { seed: run.seed })),
        Scenario::new("fragments::more_are_bounced", more_are_bounced),
        Scenario::new("fragments::ignored_packets_between", ignored_between),
        Scenario::new("fragments::random", random),
        Scenario::new("fragments::ring_smaller_than_the_burst", small_rings),
        Scenario::new("fragments::bounce_always", bounce_always),
    ]
}

/// `frame` cut at random into `pieces` pieces, some of them empty if `empty`.
fn cut(frame: &[u8], pieces: usize, empty: bool, random: &mut Random) -> Vec<Vec<u8>> {
    let mut cuts: Vec<usize> = if empty {
        (1..pieces).map(|_| random.within(0..=frame.len())).collect()
    } else {
        let mut all: Vec<usize> = (1..frame.len()).collect();
        (1..pieces).map(|_| all.swap_remove(random.below(all.len()))).collect()
    };
    cuts.sort_unstable();
    let ends = cuts.iter().copied().chain([frame.len()]);
    let starts = [0].into_iter().chain(cuts.iter().copied());
    starts.zip(ends).map(|(from, to)| frame[from..to].to_vec()).collect()
}

fn counts(run: &Run, placement: Placement) {
    let rig = Rig::up(rig::builder(run).options(|o| o.tx_placement = placement));
    let mut random = Random::new(run.seed);
    for len in [60, 256, 1514] {
        let (mut packets, mut frames) = (Vec::new(), Vec::new());
        for pieces in 1..=MOST {
            let frame = rig.outgoing(len, pieces as u64);
            packets.push(TxPacket { fragments: cut(&frame, pieces, false, &mut random), id: pieces as u64 });
            frames.push(frame);
        }
        assert_same(&rig.transmit(&packets), &frames, "sent in 1 to 40 pieces");
    }
    let stats = rig.adapter().stats();
    if placement == Placement::Packed {
        assert_eq!(stats.tx_bounced, 0, "the driver takes 40 fragments");
    }
    rig.finish();
}

fn more_are_bounced(run: &Run) {
    let rig = Rig::up(rig::builder(run));
    let mut random = Random::new(run.seed);
    let frames: Vec<_> = (MOST + 1..MOST + 40).map(|n| rig.outgoing(1400, n as u64)).collect();
    let packets: Vec<_> = frames
        .iter()
        .zip(MOST + 1..)
        .map(|(f, n)| TxPacket { fragments: cut(f, n, false, &mut random), id: n as u64 })
        .collect();
    assert_same(&rig.transmit(&packets), &frames, "sent in more than 40 pieces");
    assert_eq!(rig.adapter().stats().tx_bounced, frames.len() as u64);
    rig.finish();
}

/// Packets that the OS posts with Ignore set and no fragments go back in their place: contract.md 3.1 Ignore.
fn ignored_between(run: &Run) {
    let rig = Rig::up(rig::builder(run));
    let mut random = Random::new(run.seed);
    let (mut packets, mut frames, mut ignored) = (Vec::new(), Vec::new(), 0);
    for id in 0..600 {
        match random.below(4) {
            0 => packets.push(TxPacket { fragments: vec![], id }),
            1 => packets.push(packet(rig.outgoing(3000, id), id)),
            _ => {
                frames.push(rig.outgoing(random.within(60..=1514), id));
                packets.push(packet(frames[frames.len() - 1].clone(), id));
                continue;
            }
        }
        ignored += 1;
    }
    assert_same(&rig.transmit(&packets), &frames, "sent between ignored packets");
    let stats = rig.adapter().stats();
    assert_eq!((stats.tx_ignored, stats.tx_packets), (ignored, frames.len() as u64));
    rig.finish();
}

/// Random numbers of fragments, empty ones among them, anywhere in memory.
fn random(run: &Run) {
    let rig = Rig::up(rig::builder(run).strict_dma(true).options(|o| {
        o.tx_placement = Placement::Scattered { seed: run.seed };
    }));
    let mut random = Random::new(run.seed);
    let (mut packets, mut frames) = (Vec::new(), Vec::new());
    for id in 0..1000 {
        let frame = rig.outgoing(random.within(60..=1514), id);
        let pieces = random.within(1..=MOST + 5);
        packets.push(TxPacket { fragments: cut(&frame, pieces, true, &mut random), id });
        frames.push(frame);
    }
    assert_same(&rig.transmit(&packets), &frames, "sent at random");
    rig.finish();
}

/// Rings of the framework that hold few packets and fragments, with a hardware ring of 64 descriptors.
fn small_rings(run: &Run) {
    let rig = Rig::up(rig::builder(run).keyword("*TransmitBuffers", "64").options(|o| {
        o.tx_packets = Some(4);
        o.tx_fragments = Some(64);
    }));
    let mut random = Random::new(run.seed);
    let frames: Vec<_> = (0..300).map(|id| rig.outgoing(1000, id)).collect();
    let packets: Vec<_> = frames
        .iter()
        .zip(0..)
        .map(|(f, id)| TxPacket { fragments: cut(f, random.within(1..=MOST), false, &mut random), id })
        .collect();
    assert_same(&rig.transmit(&packets), &frames, "sent through small rings");
    rig.finish();
}

/// The bounce policy "always": one fragment a packet (contract.md 3.1 DMA).
fn bounce_always(run: &Run) {
    let mut rig = Rig::up(rig::builder(run).options(|o| o.bounce_always = true));
    let mut random = Random::new(run.seed);
    let frames: Vec<_> = (0..500).map(|id| rig.outgoing(random.within(60..=1514), id)).collect();
    let packets: Vec<_> = frames
        .iter()
        .zip(0..)
        .map(|(f, id)| TxPacket { fragments: cut(f, random.within(1..=8), true, &mut random), id })
        .collect();
    assert_same(&rig.transmit(&packets), &frames, "bounced");
    assert_eq!(rig.adapter().stats().tx_bounced, 500);
    rig.check_traffic();
    rig.finish();
}
