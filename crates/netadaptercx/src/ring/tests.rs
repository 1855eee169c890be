//! Rings of every size up to 16 from every starting index, and random traffic, against the framework's view of them.

use super::{
    TxFragment,
    fake::{CAPACITY, Framework},
};
use netadaptercx_sys::{NET_FRAGMENT, NET_PACKET};
use proptest::prelude::*;
use std::vec::Vec;

/// Every ring size up to 16 with every starting index.
fn starts() -> impl Iterator<Item = (u32, u32)> {
    [2, 4, 8, 16].into_iter().flat_map(|slots| (0..slots).map(move |start| (slots, start)))
}

#[test]
fn every_split_of_a_full_tx_ring_completes_in_order() {
    for (slots, start) in starts() {
        for taken in 0..slots {
            for completed in 0..=taken {
                let framework = Framework::new(slots, start);
                for n in 0..slots - 1 {
                    let index = framework.post_fragment(60 + n, 3, 0x1000 * u64::from(n));
                    framework.post(NET_PACKET { FragmentIndex: index, FragmentCount: 1, ..NET_PACKET::default() });
                }
                let mut rings = framework.tx();
                for n in 0..taken.min(slots - 1) {
                    let packet = rings.next_packet().expect("posted");
                    let fragments: Vec<_> = packet.fragments().collect();
                    let expected = TxFragment { device_address: 0x1000 * u64::from(n) + 3, length: 60 + n };
                    assert_eq!(fragments, [expected]);
                    packet.take();
                }
                rings.complete(completed);
                let done = completed.min(slots - 1);
                let begin = (start + done) & (slots - 1);
                assert_eq!(framework.begin::<NET_PACKET>(), begin, "slots {slots} start {start} taken {taken}");
                assert_eq!(framework.begin::<NET_FRAGMENT>(), begin);
                assert_eq!(rings.outstanding(), taken.min(slots - 1) - done);
            }
        }
    }
}

#[test]
fn completing_more_than_was_taken_stops_at_what_was() {
    let framework = Framework::new(8, 5);
    for _ in 0..4 {
        let index = framework.post_fragment(60, 0, 0);
        framework.post(NET_PACKET { FragmentIndex: index, FragmentCount: 1, ..NET_PACKET::default() });
    }
    let mut rings = framework.tx();
    rings.next_packet().unwrap().take();
    rings.complete(u32::MAX);
    assert_eq!(framework.begin::<NET_PACKET>(), 6);
    assert!(rings.next_packet().is_some(), "the packets not taken are still there");
}

#[test]
fn an_ignored_tx_packet_has_no_fragments_whatever_it_says() {
    let framework = Framework::new(4, 3);
    framework.post(NET_PACKET {
        FragmentIndex: u32::MAX,
        FragmentCount: 3,
        Flags: NET_PACKET::Ignore,
        ..NET_PACKET::default()
    });
    let mut rings = framework.tx();
    let packet = rings.next_packet().unwrap();
    assert!(packet.is_ignored());
    assert_eq!(packet.fragments().count(), 0);
    packet.take();
    rings.complete(1);
    assert_eq!((framework.begin::<NET_PACKET>(), framework.begin::<NET_FRAGMENT>()), (0, 3));
}

#[test]
fn cancel_returns_every_rx_element_and_changes_only_ignore() {
    for (slots, start) in starts() {
        for posted in 0..slots {
            let framework = Framework::new(slots, start);
            // What the verifier fills new packets with.
            let poison = NET_PACKET { FragmentIndex: u32::MAX, FragmentCount: u16::MAX, ..NET_PACKET::default() };
            for _ in 0..posted {
                framework.post(poison);
                framework.post_fragment(7, 1, 0);
            }
            let fragments: Vec<NET_FRAGMENT> = (0..slots).map(|n| framework.get(n)).collect();
            let mut rings = framework.rx();
            assert_eq!(rings.free_buffers().count(), posted as usize);
            rings.return_all();
            assert_eq!(framework.begin::<NET_PACKET>(), framework.end::<NET_PACKET>());
            assert_eq!(framework.begin::<NET_FRAGMENT>(), framework.end::<NET_FRAGMENT>());
            for n in 0..posted {
                let packet: NET_PACKET = framework.get(start + n);
                assert_eq!(packet, NET_PACKET { Flags: NET_PACKET::Ignore, ..poison });
            }
            assert_eq!(fragments, (0..slots).map(|n| framework.get(n)).collect::<Vec<NET_FRAGMENT>>());
        }
    }
}

#[test]
fn a_buffer_never_offered_or_too_small_is_not_filled() {
    let framework = Framework::new(4, 0);
    framework.post(NET_PACKET::default());
    framework.post_fragment(0, 0, 0);
    framework.post_fragment(0, 0, 0);
    let mut rings = framework.rx();
    assert!(!rings.receive().fill(60), "nothing was offered to the hardware");
    assert_eq!(rings.free_buffers().take(1).count(), 1);
    let mut received = rings.receive();
    assert!(!received.fill(CAPACITY + 1));
    assert!(!received.fill(60), "only one buffer was offered");
    received.discard();
    received.finish();
    assert_eq!((framework.begin::<NET_PACKET>(), framework.begin::<NET_FRAGMENT>()), (0, 1));
}

/// A frame as the hardware reports it: lengths of its buffers, and whether it is to be dropped.
type Frame = (Vec<u32>, bool);

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Packets of 0..=5 fragments, some ignored, taken and completed in random portions: the framework gets back exactly
    /// what it posted, in order, both rings together.
    #[test]
    fn tx_traffic_comes_back_in_order(
        slots in prop::sample::select(vec![4_u32, 8, 16]),
        start in 0_u32..16,
        packets in prop::collection::vec((0_u16..=3, any::<bool>()), 0..60),
        portions in prop::collection::vec((1_u32..5, 0_u32..5), 1..80),
    ) {
        let framework = Framework::new(slots, start % slots);
        let mut rings = framework.tx();
        let mut to_post = packets.iter().enumerate();
        let mut waiting = to_post.next();
        let mut fragment_ends = Vec::new();
        let (mut taken, mut completed) = (0_usize, 0_usize);
        for (take, complete) in portions {
            while let Some((n, &(count, ignored))) = waiting {
                let fragments = if ignored { 0 } else { count };
                if framework.free::<NET_PACKET>() == 0 || framework.free::<NET_FRAGMENT>() < fragments.into() {
                    break;
                }
                let first = framework.end::<NET_FRAGMENT>();
                for piece in 0..fragments {
                    framework.post_fragment(n as u32, 0, u64::from(piece));
                }
                let flags = if ignored { NET_PACKET::Ignore } else { 0 };
                framework.post(NET_PACKET { FragmentIndex: first, FragmentCount: fragments, Flags: flags, ..NET_PACKET::default() });
                fragment_ends.push(framework.end::<NET_FRAGMENT>());
                waiting = to_post.next();
            }
            for _ in 0..take {
                let Some(packet) = rings.next_packet() else { break };
                let (count, ignored) = packets[taken];
                prop_assert_eq!(packet.is_ignored(), ignored);
                let lengths: Vec<u32> = packet.fragments().map(|fragment| fragment.length).collect();
                prop_assert_eq!(lengths, vec![taken as u32; if ignored { 0 } else { count.into() }]);
                packet.take();
                taken += 1;
            }
            let complete = complete.min(rings.outstanding());
            rings.complete(complete);
            completed += complete as usize;
            prop_assert_eq!(rings.outstanding() as usize, taken - completed);
            prop_assert_eq!(framework.begin::<NET_PACKET>(), (start + completed as u32) % slots);
            if completed > 0 {
                prop_assert_eq!(framework.begin::<NET_FRAGMENT>(), fragment_ends[completed - 1]);
            }
        }
    }

    /// Frames of 1..=3 buffers, some dropped, in random portions with a partial frame left between them: packets come back
    /// with ascending, disjoint fragments of the right lengths, and both Begin indices move together.
    #[test]
    fn rx_frames_come_back_whole(
        slots in prop::sample::select(vec![4_u32, 8, 16]),
        start in 0_u32..16,
        frames in prop::collection::vec((prop::collection::vec(1_u32..=CAPACITY, 1..=3), any::<bool>()), 0..50),
        portions in prop::collection::vec(1_usize..6, 1..120),
    ) {
        let framework = Framework::new(slots, start % slots);
        let mut rings = framework.rx();
        let mut buffers = frames.iter().flat_map(|(lengths, bad): &Frame| {
            lengths.iter().enumerate().map(move |(n, &length)| (length, n + 1 == lengths.len(), *bad))
        });
        let mut expected = frames.iter().filter(|(_, bad)| !bad);
        let (mut offered, mut filled) = (0_usize, 0_usize);
        for portion in portions {
            while framework.free::<NET_PACKET>() > 0 {
                framework.post(NET_PACKET::default());
            }
            while framework.free::<NET_FRAGMENT>() > 0 {
                framework.post_fragment(0, 0, 0);
            }
            offered += rings.free_buffers().count();
            let (packet_begin, fragment_begin) = (framework.begin::<NET_PACKET>(), framework.begin::<NET_FRAGMENT>());
            let mut received = rings.receive();
            for _ in 0..portion {
                if filled == offered || !received.has_room() {
                    break;
                }
                let Some((length, end, bad)) = buffers.next() else { break };
                prop_assert!(received.fill(length));
                filled += 1;
                if end && bad {
                    received.discard();
                } else if end {
                    received.deliver();
                }
            }
            prop_assert_eq!(framework.begin::<NET_PACKET>(), packet_begin, "nothing goes back before finish");
            received.finish();
            let mut fragment = fragment_begin;
            let mut packet = packet_begin;
            while packet != framework.begin::<NET_PACKET>() {
                let element: NET_PACKET = framework.get(packet);
                let (lengths, _) = expected.next().expect("no packet without a frame");
                prop_assert_eq!(usize::from(element.FragmentCount), lengths.len());
                prop_assert_eq!(element.Flags, 0);
                prop_assert_eq!(element.Layout.Layer2Type(), 2);
                let skipped = element.FragmentIndex.wrapping_sub(fragment) & (slots - 1);
                let owned = framework.begin::<NET_FRAGMENT>().wrapping_sub(fragment) & (slots - 1);
                prop_assert!(skipped + u32::from(element.FragmentCount) <= owned, "inside what was returned");
                for (n, &length) in lengths.iter().enumerate() {
                    let piece: NET_FRAGMENT = framework.get(element.FragmentIndex + n as u32);
                    prop_assert_eq!((piece.ValidLength(), piece.Offset(), piece.Capacity()), (length, 0, CAPACITY));
                }
                fragment = (element.FragmentIndex + u32::from(element.FragmentCount)) & (slots - 1);
                packet = (packet + 1) & (slots - 1);
            }
        }
    }
}

#[test]
fn runs_of_waiting_packets_stop_at_the_end_of_the_ring_and_at_end() {
    for (slots, start) in starts() {
        for posted in 0..slots {
            for most in 0..=slots as usize {
                let framework = Framework::new(slots, start);
                for n in 0..posted {
                    let index = framework.post_fragment(60 + n, 3, 0x1000 * u64::from(n));
                    framework.post(NET_PACKET { FragmentIndex: index, FragmentCount: 1, ..NET_PACKET::default() });
                }
                let mut rings = framework.tx();
                let waiting = rings.waiting(most);
                let count = waiting.len();
                assert_eq!(count, most.min(posted.min(slots - start) as usize));
                for n in 0..count {
                    let expected = TxFragment { device_address: 0x1000 * n as u64 + 3, length: 60 + n as u32 };
                    assert_eq!(waiting.single(n), Some(expected));
                    assert_eq!(waiting.fragments(n).collect::<Vec<_>>(), [expected]);
                }
                rings.take(count);
                assert_eq!(rings.outstanding() as usize, count);
                rings.take(usize::MAX);
                assert_eq!((rings.outstanding(), rings.has_waiting()), (posted, false), "no more than there were");
            }
        }
    }
}

#[test]
fn runs_of_frames_stop_at_the_end_of_either_ring_and_at_what_is_no_single_frame() {
    for (slots, start) in starts() {
        for posted in 0..slots {
            for whole in 0..=posted as usize {
                let framework = Framework::new(slots, start);
                for n in 0..posted {
                    framework.post(NET_PACKET::default());
                    framework.post_fragment(7, 1, u64::from(n));
                }
                let mut rings = framework.rx();
                let straight = posted.min(slots - start) as usize;
                let free = rings.unoffered(usize::MAX);
                assert_eq!(free.len(), straight);
                assert!((0..straight).all(|n| free.device_address(n) == n as u64));
                rings.offer(straight);
                assert_eq!(rings.unoffered(usize::MAX).len(), posted as usize - straight);
                let mut received = rings.receive();
                assert_eq!(received.singles_room(), straight);
                let delivered = received.deliver_singles(straight, |n| (n < whole).then_some(60 + n as u16));
                let count = whole.min(straight);
                assert_eq!(delivered.packets, count);
                assert_eq!(delivered.bytes, (0..count as u64).map(|n| 60 + n).sum::<u64>());
                received.finish();
                assert_eq!(framework.begin::<NET_PACKET>(), (start + count as u32) % slots);
                assert_eq!(framework.begin::<NET_FRAGMENT>(), (start + count as u32) % slots);
                for n in 0..count as u32 {
                    let packet: NET_PACKET = framework.get(start + n);
                    assert_eq!((packet.FragmentIndex % slots, packet.FragmentCount), ((start + n) % slots, 1));
                    assert_eq!((packet.Layout.Layer2Type(), packet.Flags), (2, 0));
                    let fragment: NET_FRAGMENT = framework.get(start + n);
                    assert_eq!((fragment.ValidLength(), fragment.Offset(), fragment.Capacity()), (60 + n, 0, CAPACITY));
                }
            }
        }
    }
}

#[test]
fn a_frame_larger_than_its_buffer_ends_a_run_and_a_partial_one_allows_none() {
    let framework = Framework::new(4, 0);
    framework.post(NET_PACKET::default());
    framework.post_fragment(0, 0, 0);
    framework.post_fragment(0, 0, 0);
    let mut rings = framework.rx();
    rings.offer(2);
    let mut received = rings.receive();
    assert_eq!(received.deliver_singles(1, |_| Some(CAPACITY as u16 + 1)).packets, 0);
    assert!(received.fill(60));
    assert_eq!(received.singles_room(), 0, "the frame begun has to end first");
}
