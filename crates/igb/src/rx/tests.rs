use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::model::I82576;
use crate::regs::{RDH, RDT};
use crate::testing::{Chip, Memory, rx_queue};

const BUFFER: u64 = 2048;

fn small_queue<'a>(chip: &'a Chip, memory: &Memory, size: u16) -> Queue<&'a Chip> {
    let mut queue = Queue::with_size(chip, &I82576, 0, size, BUFFER as u16, memory.dma()).unwrap();
    queue.enable(chip).unwrap();
    queue
}

fn tail_writes(chip: &Chip) -> usize {
    chip.take_writes().iter().filter(|write| write.0 == RDT.at(0).offset()).count()
}

fn word(length: u16, flags: u64) -> u64 {
    u64::from(length) << LENGTH_SHIFT | flags
}

/// Every size up to 16, every place of the ring, every number posted and wanted; filled one by one and all at once.
#[test]
fn every_state_of_small_rings() {
    let chip = Chip::new();
    let buffers = Memory::new(17 * BUFFER as usize);
    let address = |n: u16| buffers.device_address() + u64::from(n) * BUFFER;
    for size in 2..=16u16 {
        let memory = Memory::new(memory_len(size));
        for (first, posted) in (0..size).flat_map(|first| (0..size).map(move |posted| (first, posted))) {
            for (more, together) in (0..=size).flat_map(|more| [(more, 1), (more, size)]) {
                let mut queue = small_queue(&chip, &memory, size);
                for n in 0..first {
                    assert_eq!(queue.refill([address(n)]), 1);
                    memory.write_back(n, word(60, DD | EOP));
                    assert_eq!(queue.completions().count(), 1);
                }
                assert_eq!(queue.refill((0..posted).map(address)), posted);
                chip.take_writes();

                let mut asked = 0;
                let taken = queue.refill((posted..posted + more).inspect(|_| asked += 1).map(address));
                let total = (posted + more).min(size - 1);
                assert_eq!((taken, asked), (total - posted, total - posted), "takes what it posts");
                assert_eq!(tail_writes(&chip), usize::from(taken != 0));
                assert_eq!((queue.posted(), queue.room()), (total, size - 1 - total));
                if total != 0 {
                    assert_eq!(chip.get(RDT.at(0).offset()), u32::from((first + total) % size));
                }
                for n in 0..total {
                    assert_eq!(memory.descriptor((first + n) % size), [address(n), 0]);
                }

                let filled = total - total / 3;
                for begin in (0..filled).step_by(usize::from(together)) {
                    let group = begin..(begin + together).min(filled);
                    for n in group.clone() {
                        memory.write_back((first + n) % size, word(100 + n, DD | EOP));
                    }
                    let lengths: Vec<u16> = queue.completions().map(Completion::length).collect();
                    assert_eq!(lengths, group.clone().map(|n| 100 + n).collect::<Vec<_>>());
                    assert_eq!(queue.posted(), total - group.end);
                }
                assert_eq!(queue.abandon(), 0, "DMA may be on");
                queue.disable(&&chip).unwrap();
                assert_eq!(queue.abandon(), total - filled);
            }
        }
    }
}

#[test]
fn tags_come_with_the_frame() {
    let tag = |flags: u64| Completion::checked(word(60, DD | EOP | flags), BUFFER as u16).tag();
    assert_eq!(tag(0xe123 << 48 | VP), Some(0xe123));
    assert_eq!(tag(0xe123 << 48), None);
    assert_eq!(tag(VP), Some(0));
}

#[test]
fn frames_arrive_in_one_buffer_and_in_many() {
    let chip = Chip::new();
    chip.let_traffic_flow();
    let memory = Memory::new(memory_len(64));
    let buffers = Memory::new(64 * BUFFER as usize);
    let mut queue = rx_queue(&chip, &memory, 64);
    let mut frames = FrameAssembler::new(5);
    let mut next = 0u64;
    for length in [60, 1514, 2047, 2048, 2049, 4096, 4097, 9014] {
        let room = u64::from(queue.room());
        queue.refill((next..next + room).map(|n| buffers.device_address() + n % 63 * BUFFER));
        next += room;
        assert!(chip.receive(0, &vec![0x5a; length]));
        let seen: Vec<Frame> = queue.completions().map(|completion| frames.push(completion)).collect();
        let count = length.div_ceil(BUFFER as usize);
        assert_eq!(seen.len(), count);
        assert!(seen[..count - 1].iter().all(|&frame| frame == Frame::Partial));
        assert_eq!(seen[count - 1], Frame::Whole { descriptors: count as u16, length: length as u32 });
    }
    assert_eq!(frames.dropped(), Dropped::default());
}

#[test]
fn taking_some_leaves_the_rest() {
    let chip = Chip::new();
    let memory = Memory::new(memory_len(64));
    let mut queue = rx_queue(&chip, &memory, 64);
    queue.refill((1..=10).map(|n| n * BUFFER));
    for n in 0..6 {
        memory.write_back(n, word(60 + n, DD | EOP));
    }
    let reads = chip.reads();
    assert_eq!(queue.completions().take(2).count(), 2);
    assert_eq!(queue.posted(), 8);
    assert_eq!(queue.completions().map(Completion::length).collect::<Vec<_>>(), [62, 63, 64, 65]);
    assert_eq!(queue.completions().count(), 0);
    assert_eq!(chip.reads(), reads);
}

#[test]
fn buffers_come_back_in_order_whatever_is_done_first() {
    let chip = Chip::new();
    let memory = Memory::new(memory_len(64));
    let mut queue = rx_queue(&chip, &memory, 64);
    queue.refill((1..=4).map(|n| n * BUFFER));
    // Done behind the oldest, and done where nothing was posted: neither counts.
    for n in [1, 3, 4, 63] {
        memory.write_back(n, word(60, DD | EOP));
    }
    assert_eq!(queue.completions().count(), 0);
    memory.write_back(0, word(60, DD | EOP));
    assert_eq!(queue.completions().count(), 2);
    memory.write_back(2, word(60, DD | EOP));
    assert_eq!(queue.completions().count(), 2);
    assert_eq!((queue.posted(), queue.completions().count()), (0, 0));
}

#[test]
fn impossible_lengths_and_errors_are_bad() {
    let judge = |high| {
        let completion = Completion::checked(high, BUFFER as u16);
        (completion.length(), completion.is_end(), completion.is_bad())
    };
    assert_eq!(judge(word(1, DD | EOP)), (1, true, false));
    assert_eq!(judge(word(2048, DD)), (2048, false, false));
    assert_eq!(judge(word(2048, DD | EOP)), (2048, true, false));
    assert_eq!(judge(word(0, DD | EOP)), (0, true, true));
    assert_eq!(judge(word(0, DD)), (0, false, true));
    assert_eq!(judge(word(2049, DD | EOP)), (0, true, true));
    assert_eq!(judge(word(0xffff, DD)), (0, false, true));
    assert_eq!(judge(word(60, DD | EOP | RXE)), (0, true, true));
    assert_eq!(judge(word(2048, DD | RXE)), (2048, false, false), "RXE means something at the end only");
    // Checksum errors, packet types and VLAN tags are not this module's matter.
    assert_eq!(judge(word(60, DD | EOP | 0b11 << 29 | 0xffff << 48)), (60, true, false));
}

#[test]
fn endless_chain_is_given_up_and_its_rest_dropped() {
    let mut frames = FrameAssembler::new(3);
    let part = Completion::checked(word(2048, DD), BUFFER as u16);
    let end = Completion::checked(word(100, DD | EOP), BUFFER as u16);
    assert_eq!(frames.push(part), Frame::Partial);
    assert_eq!(frames.push(part), Frame::Partial);
    assert_eq!(frames.pending(), 2);
    assert_eq!(frames.push(part), Frame::Bad { descriptors: 3 });
    for _ in 0..300 {
        assert_eq!(frames.push(part), Frame::Bad { descriptors: 1 });
        assert_eq!(frames.pending(), 0);
    }
    assert_eq!(frames.push(end), Frame::Bad { descriptors: 1 });
    assert_eq!(frames.push(end), Frame::Whole { descriptors: 1, length: 100 });
    assert_eq!(frames.dropped(), Dropped { errors: 0, too_long: 1 });
}

#[test]
fn one_bad_part_spoils_the_frame() {
    let mut frames = FrameAssembler::new(3);
    let part = Completion::checked(word(2048, DD), BUFFER as u16);
    let bad = Completion::checked(word(0, DD), BUFFER as u16);
    let end = Completion::checked(word(100, DD | EOP), BUFFER as u16);
    assert_eq!(frames.push(bad), Frame::Partial);
    assert_eq!(frames.push(part), Frame::Partial);
    assert_eq!(frames.push(end), Frame::Bad { descriptors: 3 });
    assert_eq!(frames.push(Completion::checked(word(100, DD | EOP | RXE), 2048)), Frame::Bad { descriptors: 1 });
    assert_eq!(frames.push(end), Frame::Whole { descriptors: 1, length: 100 });
    assert_eq!(frames.dropped(), Dropped { errors: 2, too_long: 0 });
    assert_eq!(frames.push(part), Frame::Partial);
    frames.reset();
    assert_eq!(frames.push(end), Frame::Whole { descriptors: 1, length: 100 });
}

#[test]
fn nothing_is_posted_or_abandoned_at_the_wrong_time() {
    let chip = Chip::new();
    let memory = Memory::new(memory_len(64));
    let mut queue = Queue::new(&chip, &I82576, 0, 64, 2048, memory.dma()).unwrap();
    chip.take_writes();
    assert_eq!((queue.room(), queue.refill([BUFFER])), (0, 0), "not enabled");
    assert_eq!(chip.take_writes(), []);
    queue.enable(&&chip).unwrap();
    assert_eq!(chip.get(RDT.at(0).offset()), chip.get(RDH.at(0).offset()), "an empty ring");
    queue.refill([BUFFER, 2 * BUFFER]);
    assert!(queue.enable(&&chip).is_err());
    let Err(mut queue) = queue.release() else { panic!("released under DMA") };
    queue.disable(&&chip).unwrap();
    assert!(queue.enable(&&chip).is_err(), "buffers are posted");
    assert_eq!((queue.abandon(), queue.abandon()), (2, 0));
    queue.enable(&&chip).unwrap();
    assert_eq!((queue.room(), queue.completions().count()), (63, 0));
}

#[test]
fn restarted_queue_begins_where_the_hardware_does() {
    let chip = Chip::new();
    chip.let_traffic_flow();
    let memory = Memory::new(memory_len(64));
    let buffer = Memory::new(2048);
    let mut queue = rx_queue(&chip, &memory, 64);
    for frames in [3, 70, 5] {
        for _ in 0..frames {
            assert_eq!(queue.refill([buffer.device_address()]), 1);
            assert!(chip.receive(0, &[0; 60]));
            assert_eq!(queue.completions().count(), 1);
        }
        queue.disable(&&chip).unwrap();
        queue.enable(&&chip).unwrap();
    }
}

/// A late write-back after the queue was emptied is not taken for a new one.
#[test]
fn late_write_backs_do_not_survive_a_restart() {
    let chip = Chip::new();
    let memory = Memory::new(memory_len(64));
    let mut queue = rx_queue(&chip, &memory, 64);
    queue.refill((1..=63).map(|n| n * BUFFER));
    queue.disable(&&chip).unwrap();
    assert_eq!(queue.abandon(), 63);
    for n in 0..64 {
        memory.write_back(n, word(60, DD | EOP));
    }
    queue.enable(&&chip).unwrap();
    queue.refill([BUFFER]);
    assert_eq!(queue.completions().count(), 0);
}

#[derive(Clone, Debug)]
enum Step {
    Refill(u16),
    Receive(usize),
    Complete(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0u16..200).prop_map(Step::Refill),
        (1usize..10000).prop_map(Step::Receive),
        (0usize..100).prop_map(Step::Complete),
    ]
}

proptest! {
    /// Any sequence: every frame the chip took comes out whole, in order, from the buffers it was put into.
    #[test]
    fn frames_come_out_as_they_went_in(
        size in (8u16..=32).prop_map(|n| n * 8),
        steps in prop::collection::vec(step(), 1..100),
    ) {
        let chip = Chip::new();
        chip.let_traffic_flow();
        let memory = Memory::new(memory_len(size));
        let buffers = Memory::new(usize::from(size) * BUFFER as usize);
        let mut queue = rx_queue(&chip, &memory, size);
        let mut frames = FrameAssembler::new(5);
        let (mut next, mut returned) = (0u64, 0u64);
        let mut sent = std::collections::VecDeque::new();
        chip.take_writes();
        for step in steps.into_iter().chain([Step::Complete(usize::MAX)]) {
            match step {
                Step::Refill(count) => {
                    let addresses = (next..).map(|n| buffers.device_address() + n % u64::from(size) * BUFFER);
                    let posted = queue.refill(addresses.take(usize::from(count)));
                    prop_assert_eq!(tail_writes(&chip), usize::from(posted != 0));
                    next += u64::from(posted);
                    prop_assert_eq!(u64::from(queue.posted()), next - returned);
                    prop_assert_eq!(queue.room(), size - 1 - queue.posted());
                }
                Step::Receive(length) => {
                    if chip.receive(0, &vec![1; length]) {
                        sent.push_back(length as u32);
                    }
                }
                Step::Complete(count) => {
                    for completion in queue.completions().take(count) {
                        returned += 1;
                        match frames.push(completion) {
                            Frame::Whole { length, .. } => prop_assert_eq!(Some(length), sent.pop_front()),
                            Frame::Partial => {}
                            Frame::Bad { .. } => prop_assert!(false, "an honest chip"),
                        }
                    }
                }
            }
        }
        prop_assert!(sent.is_empty());
        prop_assert_eq!(u64::from(queue.posted()), next - returned);
    }

    /// A device that writes back anything anywhere: no length above the buffer, no buffer that was not posted, no chain
    /// longer than allowed, every buffer comes back exactly once.
    #[test]
    fn hostile_write_backs_do_no_harm(
        size in 2u16..=16,
        max_descriptors in 1u16..6,
        steps in prop::collection::vec((0u8..3, any::<u16>(), any::<u64>()), 1..200),
    ) {
        let chip = Chip::new();
        let memory = Memory::new(memory_len(size));
        let mut queue = small_queue(&chip, &memory, size);
        let mut frames = FrameAssembler::new(max_descriptors);
        let (mut posted, mut returned, mut accounted) = (0u64, 0u64, 0u64);
        for (step, at, high) in steps {
            match step {
                0 => posted += u64::from(queue.refill((0..at % 20).map(|n| u64::from(n + 1) * BUFFER))),
                1 => memory.write_back(at % size, high),
                _ => {
                    for completion in queue.completions() {
                        returned += 1;
                        prop_assert!(u64::from(completion.length()) <= BUFFER);
                        prop_assert_eq!(completion.length() == 0, completion.is_bad());
                        match frames.push(completion) {
                            Frame::Partial => {}
                            Frame::Whole { descriptors, length } => {
                                prop_assert!((1..=max_descriptors).contains(&descriptors));
                                prop_assert!(length <= u32::from(descriptors) * BUFFER as u32 && length > 0);
                                accounted += u64::from(descriptors);
                            }
                            Frame::Bad { descriptors } => {
                                prop_assert!((1..=max_descriptors).contains(&descriptors));
                                accounted += u64::from(descriptors);
                            }
                        }
                        prop_assert_eq!(accounted + u64::from(frames.pending()), returned);
                        prop_assert!(frames.pending() < max_descriptors);
                    }
                }
            }
            prop_assert_eq!(u64::from(queue.posted()), posted - returned);
        }
        queue.disable(&&chip).unwrap();
        prop_assert_eq!(returned + u64::from(queue.abandon()), posted);
    }
}

/// `whole` sees in one comparison what `next` and the assembler see step by step: every length and every status bit that
/// matters.
#[test]
fn a_look_ahead_agrees_with_the_long_way() {
    let chip = Chip::new();
    let memory = Memory::new(memory_len(64));
    let mut queue = rx_queue(&chip, &memory, 64);
    queue.post(1, |_| 0x1000);
    assert!(queue.submit());
    let mut seen = [0, 0];
    for status in [0, DD, EOP, DD | EOP, DD | RXE, DD | EOP | RXE, 0x7ffffffc, DD | EOP | 0x7ffffffc] {
        for length in (0..=0xffff).step_by(7).chain([1, 2047, 2048, 2049, 0xffff]) {
            for tag in [0, 0xffff_u64 << 48] {
                memory.write_back(0, status | length << LENGTH_SHIFT | tag);
                let ahead = queue.completions().straight(usize::MAX);
                let short = ahead.whole(0);
                let good = status & (DD | EOP | RXE) == DD | EOP && (1..=2048).contains(&length);
                assert_eq!(short.map(u64::from), good.then_some(length), "{status:#x} {length}");
                seen[usize::from(good)] += 1;
            }
        }
    }
    assert!(seen[0] > 0 && seen[1] > 0);
}
