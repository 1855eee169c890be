use std::boxed::Box;
use std::collections::VecDeque;
use std::vec::Vec;

use proptest::prelude::*;

use super::batch::RS;
use super::*;
use crate::model::I82576;
use crate::regs::TDT;
use crate::testing::{Chip, Memory, completions, tx_queue};

type TestQueue<'a> = Queue<&'a Chip, Box<[Completion]>>;

/// A queue of any size, enabled; the chip sends only when told to.
fn small_queue<'a>(chip: &'a Chip, memory: &Memory, size: u16) -> TestQueue<'a> {
    let mut queue = Queue::with_size(chip, &I82576, 0, size, memory.dma(), completions(size)).unwrap();
    queue.enable(chip).unwrap();
    queue
}

fn fragments(buffer: &Memory, lengths: &[u32]) -> Vec<Fragment> {
    lengths.iter().map(|&length| Fragment { device_address: buffer.device_address(), length }).collect()
}

fn tail_writes(chip: &Chip) -> usize {
    chip.take_writes().iter().filter(|write| write.0 == TDT.at(0).offset()).count()
}

/// Every size up to 16, every place of the ring, every number of descriptors in flight, every packet size: posted whole
/// or not at all, one tail write or none, sent and reclaimed exactly once.
#[test]
fn every_state_of_small_rings() {
    let chip = Chip::new();
    let buffer = Memory::new(1024);
    for size in 2..=16u16 {
        let memory = Memory::new(memory_len(size));
        for first in 0..size {
            for in_flight in 0..size {
                for count in 1..=size + 1 {
                    let mut queue = small_queue(&chip, &memory, size);
                    let post = |queue: &mut TestQueue<'_>, count: u16| {
                        let mut batch = queue.batch();
                        let result = batch.post(fragments(&buffer, &vec![20; usize::from(count)]));
                        batch.submit();
                        result
                    };
                    for _ in 0..first {
                        post(&mut queue, 1).unwrap();
                        assert_eq!(chip.transmit(0, usize::MAX), 0, "nothing is sent before the transmitter is on");
                        chip.let_traffic_flow();
                        assert_eq!(chip.transmit(0, usize::MAX), 1);
                        chip.set(crate::regs::TCTL.offset(), 0);
                        assert_eq!(queue.reclaim(), 1);
                    }
                    for _ in 0..in_flight {
                        post(&mut queue, 1).unwrap();
                    }
                    assert_eq!(queue.room(), size - 1 - in_flight);
                    chip.take_writes();

                    let expected = match count {
                        count if count <= queue.room() => Ok(()),
                        count if count < size => Err(Refusal::NoRoom),
                        _ => Err(Refusal::TooLong),
                    };
                    assert_eq!(post(&mut queue, count), expected);
                    let posted = if expected.is_ok() { count } else { 0 };
                    assert_eq!(tail_writes(&chip), usize::from(posted != 0));
                    assert_eq!(queue.room(), size - 1 - in_flight - posted);
                    assert_eq!(u16::try_from(chip.get(TDT.at(0).offset())), Ok((first + in_flight + posted) % size));
                    assert_eq!(queue.reclaim(), 0);

                    chip.let_traffic_flow();
                    assert_eq!(chip.transmit(0, usize::MAX), usize::from(in_flight + posted));
                    chip.set(crate::regs::TCTL.offset(), 0);
                    assert_eq!(queue.reclaim(), u32::from(in_flight) + u32::from(posted != 0));
                    assert_eq!((queue.room(), queue.outstanding()), (size - 1, 0));
                    queue.disable(&&chip).unwrap();
                }
            }
        }
    }
}

#[test]
fn fragments_arrive_in_order_and_whole() {
    let chip = Chip::new();
    chip.let_traffic_flow();
    let memory = Memory::new(memory_len(64));
    let buffer = Memory::new(4096);
    let mut queue = tx_queue(&chip, &memory, 64);
    for count in 0..=40u32 {
        let mut pieces = Vec::new();
        let mut expected = Vec::new();
        for n in 0..count {
            // Piece n is 4 + n bytes of value n; every third one is empty.
            let length = if n % 3 == 2 { 0 } else { 4 + n };
            let offset = n * 64;
            buffer.write_back((offset / 16) as u16, u64::from_le_bytes([n as u8; 8]));
            let device_address = buffer.device_address() + u64::from(offset) + 8;
            pieces.push(Fragment { device_address, length: length.min(8) });
            expected.extend(vec![n as u8; length.min(8) as usize]);
        }
        let mut batch = queue.batch();
        batch.post(pieces).unwrap();
        batch.submit();
        if expected.is_empty() {
            assert_eq!(chip.take_sent(), Vec::<Vec<u8>>::new());
        } else {
            expected.resize(expected.len().max(17), 0);
            assert_eq!(chip.take_sent(), [expected]);
        }
        assert_eq!(queue.reclaim(), 1);
    }
}

#[test]
fn short_packets_are_padded_to_what_the_hardware_can_pad() {
    let chip = Chip::new();
    chip.let_traffic_flow();
    let memory = Memory::new(memory_len(64));
    let buffer = Memory::new(128);
    buffer.write_back(0, u64::MAX);
    let mut queue = tx_queue(&chip, &memory, 64);
    for length in 1..=18 {
        let mut batch = queue.batch();
        batch.post([Fragment { device_address: buffer.device_address() + 8, length }]).unwrap();
        batch.submit();
        let frame = chip.take_sent().remove(0);
        assert_eq!(frame.len() as u32, length.max(17));
        assert!(frame[..length.min(8) as usize].iter().all(|&byte| byte == 0xff));
        assert!(frame[length as usize..].iter().all(|&byte| byte == 0));
    }
    assert_eq!(queue.reclaim(), 18);
}

#[test]
fn longest_packet_is_the_hardwares() {
    let chip = Chip::new();
    let memory = Memory::new(memory_len(64));
    let buffer = Memory::new(16384);
    let mut queue = tx_queue(&chip, &memory, 64);
    let mut batch = queue.batch();
    assert_eq!(batch.post([fragments(&buffer, &[9728])[0]]), Ok(()));
    assert_eq!(batch.post(fragments(&buffer, &[9000, 728])), Ok(()));
    assert_eq!(batch.post([fragments(&buffer, &[9729])[0]]), Err(Refusal::TooLong));
    assert_eq!(batch.post(fragments(&buffer, &[u32::MAX, u32::MAX])), Err(Refusal::TooLong));
    assert_eq!(batch.post(fragments(&buffer, &[200; 64])[..63].iter().copied()), Err(Refusal::TooLong));
    assert_eq!(batch.room(), 60);
    assert_eq!(batch.post(fragments(&buffer, &[20; 61])), Err(Refusal::NoRoom));
    assert_eq!(batch.post(fragments(&buffer, &[20; 64])), Err(Refusal::TooLong));
    batch.submit();
    assert_eq!(queue.outstanding(), 2);
}

/// Runs of every length from every fill of the ring: what is taken is posted, in order, and the rest is left alone.
#[test]
fn singles_are_taken_while_there_is_room() {
    let chip = Chip::new();
    let memory = Memory::new(memory_len(64));
    let buffer = Memory::new(128);
    for in_flight in 0..64u32 {
        for wanted in 0..70u32 {
            let mut queue = tx_queue(&chip, &memory, 64);
            let room = 63 - in_flight;
            for _ in 0..in_flight {
                let mut batch = queue.batch();
                batch.post(fragments(&buffer, &[60])).unwrap();
                batch.submit();
            }
            let mut offered = 0;
            let packets = (0..wanted).inspect(|_| offered += 1);
            let device_address = buffer.device_address();
            let mut batch = queue.batch();
            let taken = batch.post_singles(packets.map(|n| Fragment { device_address, length: 20 + n }));
            batch.submit();
            assert_eq!((taken, offered), (wanted.min(room.saturating_sub(1)), taken));
            assert_eq!(queue.outstanding(), in_flight + taken);
            chip.let_traffic_flow();
            chip.transmit(0, usize::MAX);
            chip.set(crate::regs::TCTL.offset(), 0);
            let lengths: Vec<_> = chip.take_sent().iter().skip(in_flight as usize).map(|frame| frame.len()).collect();
            assert_eq!(lengths, (0..taken as usize).map(|n| 20 + n).collect::<Vec<_>>());
            assert_eq!(queue.reclaim(), in_flight + taken);
            queue.disable(&&chip).unwrap();
        }
    }
}

#[test]
fn unusual_singles_are_padded_or_skipped_in_their_place() {
    let chip = Chip::new();
    chip.let_traffic_flow();
    let memory = Memory::new(memory_len(64));
    let buffer = Memory::new(16384);
    let mut queue = tx_queue(&chip, &memory, 64);
    let mut batch = queue.batch();
    assert_eq!(batch.post_singles(fragments(&buffer, &[60, 0, 14, 9729, 61, 1])), 6);
    assert_eq!(batch.room(), 63 - 6);
    batch.submit();
    assert_eq!(chip.take_sent().iter().map(Vec::len).collect::<Vec<_>>(), [60, 17, 61, 17]);
    assert_eq!(queue.reclaim(), 6);
}

#[test]
fn dropped_batch_never_was() {
    let chip = Chip::new();
    let memory = Memory::new(memory_len(64));
    let buffer = Memory::new(128);
    let mut queue = tx_queue(&chip, &memory, 64);
    chip.take_writes();
    let mut batch = queue.batch();
    for _ in 0..40 {
        batch.post([fragments(&buffer, &[60])[0]]).unwrap();
        batch.skip();
    }
    drop(batch);
    queue.batch().submit();
    assert_eq!((queue.room(), queue.outstanding(), queue.reclaim()), (63, 0, 0));
    assert_eq!(chip.take_writes(), []);
}

#[test]
fn status_is_asked_for_once_per_group_and_at_the_end() {
    let chip = Chip::new();
    let memory = Memory::new(memory_len(256));
    let buffer = Memory::new(128);
    let mut queue = tx_queue(&chip, &memory, 256);
    let mut batch = queue.batch();
    for _ in 0..70 {
        batch.post([fragments(&buffer, &[60])[0]]).unwrap();
    }
    batch.submit();
    let reporting: Vec<u16> = (0..256).filter(|&n| memory.descriptor(n)[1] & RS != 0).collect();
    assert_eq!(reporting, [31, 63, 69]);
    chip.let_traffic_flow();
    for (sent, expected) in [(31, 0), (1, 32), (31, 0), (1, 32), (5, 0), (1, 6)] {
        assert_eq!(chip.transmit(0, sent), sent);
        assert_eq!(queue.reclaim(), expected);
    }
}

#[test]
fn skipped_packets_keep_their_place() {
    let chip = Chip::new();
    let memory = Memory::new(memory_len(64));
    let buffer = Memory::new(128);
    let mut queue = tx_queue(&chip, &memory, 64);
    chip.take_writes();
    let mut batch = queue.batch();
    batch.skip();
    batch.skip();
    batch.submit();
    assert_eq!(tail_writes(&chip), 0);
    assert_eq!(queue.reclaim(), 2, "nothing before them");

    let mut batch = queue.batch();
    batch.skip();
    batch.post([fragments(&buffer, &[60])[0]]).unwrap();
    batch.post(fragments(&buffer, &[0, 0])).unwrap();
    batch.submit();
    let mut batch = queue.batch();
    batch.skip();
    batch.submit();
    assert_eq!(
        (queue.outstanding(), queue.reclaim(), queue.reclaim()),
        (4, 1, 0),
        "three are at or behind the posted one"
    );
    chip.let_traffic_flow();
    assert_eq!(chip.transmit(0, usize::MAX), 1);
    assert_eq!(queue.reclaim(), 3);
}

#[test]
fn restarted_queue_begins_where_the_hardware_does() {
    let chip = Chip::new();
    chip.let_traffic_flow();
    let memory = Memory::new(memory_len(64));
    let buffer = Memory::new(128);
    let mut queue = tx_queue(&chip, &memory, 64);
    for packets in [3, 70, 5] {
        for _ in 0..packets {
            let mut batch = queue.batch();
            batch.post([fragments(&buffer, &[60])[0]]).unwrap();
            batch.submit();
            assert_eq!(queue.reclaim(), 1);
        }
        queue.disable(&&chip).unwrap();
        queue.enable(&&chip).unwrap();
    }
    assert_eq!(chip.take_sent().len(), 78);
}

#[test]
fn nothing_is_posted_or_abandoned_at_the_wrong_time() {
    let chip = Chip::new();
    let memory = Memory::new(memory_len(64));
    let buffer = Memory::new(128);
    let mut queue = Queue::new(&chip, &I82576, 0, 64, memory.dma(), completions(64)).unwrap();
    chip.take_writes();
    let mut batch = queue.batch();
    assert_eq!(batch.post([fragments(&buffer, &[60])[0]]), Err(Refusal::NoRoom), "not enabled");
    batch.submit();
    assert_eq!(chip.take_writes(), []);

    queue.enable(&&chip).unwrap();
    let mut batch = queue.batch();
    batch.post([fragments(&buffer, &[60])[0]]).unwrap();
    batch.post(fragments(&buffer, &[60, 60])).unwrap();
    batch.skip();
    batch.submit();
    assert_eq!(queue.abandon(), 0, "DMA may be on");
    queue.disable(&&chip).unwrap();
    assert!(queue.enable(&&chip).is_err(), "packets are outstanding");
    assert_eq!((queue.reclaim(), queue.abandon(), queue.abandon()), (0, 3, 0));
    queue.enable(&&chip).unwrap();
    assert_eq!((queue.room(), queue.outstanding()), (63, 0));
}

#[test]
fn head_write_back_of_a_former_owner_is_off() {
    let chip = Chip::dirty();
    let memory = Memory::new(memory_len(64));
    tx_queue(&chip, &memory, 64);
    assert_eq!(chip.get(TDWBAL.at(0).offset()), 0);
    assert_eq!(chip.get(crate::regs::TXDCTL.at(0).offset()), 1 << 25 | 1 << 8 | 8, "write-back threshold 0");
}

#[derive(Clone, Debug)]
enum Step {
    Post(Vec<u32>),
    Skip,
    Submit,
    Transmit(usize),
    Reclaim,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec(prop_oneof![1 => Just(0u32), 4 => 1u32..200], 0..=40).prop_map(Step::Post),
        4 => (17u32..200).prop_map(|length| Step::Post(vec![length])),
        1 => Just(Step::Skip),
        2 => Just(Step::Submit),
        2 => (0usize..80).prop_map(Step::Transmit),
        2 => Just(Step::Reclaim),
    ]
}

/// What the queue must do, in absolute numbers that never wrap.
#[derive(Default)]
struct Model {
    /// Of each packet not reclaimed: number of descriptors posted up to its end.
    ends: VecDeque<u64>,
    /// Of each packet in the open batch, the same.
    batch: Vec<u64>,
    posted: u64,
    sent: u64,
    /// Descriptors sent when the last one with RS was.
    reported: u64,
    /// Descriptors freed by reclaiming.
    freed: u64,
}

proptest! {
    /// Any sequence against the model: room, tail writes, order and count of completions.
    #[test]
    fn behaves_as_the_model(size in (8u16..=64).prop_map(|n| n * 8), steps in prop::collection::vec(step(), 1..120)) {
        let chip = Chip::new();
        let memory = Memory::new(memory_len(size));
        let buffer = Memory::new(1024);
        let mut queue = tx_queue(&chip, &memory, size);
        chip.let_traffic_flow();
        let mut model = Model::default();
        let mut steps = steps.into_iter().chain([Step::Submit, Step::Transmit(usize::MAX), Step::Reclaim]).peekable();
        // The chip sends within the tail write; let it do so only when the sequence says.
        chip.set(crate::regs::TCTL.offset(), 0);
        while let Some(next) = steps.peek() {
            match next {
                Step::Post(_) | Step::Skip | Step::Submit => {
                    let before = model.posted;
                    chip.take_writes();
                    let mut batch = queue.batch();
                    loop {
                        match steps.peek() {
                            Some(Step::Post(lengths)) => {
                                let total: u32 = lengths.iter().sum();
                                let mut count = lengths.iter().filter(|&&length| length != 0).count() as u64;
                                count += u64::from(total > 0 && total < 17);
                                let room = u64::from(size) - 1 - (model.posted - model.freed);
                                prop_assert_eq!(u64::from(batch.room()), room);
                                let posted = match lengths.as_slice() {
                                    [_] => {
                                        let taken = batch.post_singles(fragments(&buffer, lengths)) == 1;
                                        prop_assert_eq!(taken, room > 1);
                                        taken
                                    }
                                    _ => {
                                        let posted = batch.post(fragments(&buffer, lengths)).is_ok();
                                        prop_assert_eq!(posted, count <= room);
                                        posted
                                    }
                                };
                                if posted {
                                    model.posted += count;
                                    model.batch.push(model.posted);
                                }
                            }
                            Some(Step::Skip) => {
                                batch.skip();
                                model.batch.push(model.posted);
                            }
                            _ => break,
                        }
                        steps.next();
                    }
                    batch.submit();
                    steps.next_if(|step| matches!(step, Step::Submit));
                    model.ends.extend(model.batch.drain(..));
                    prop_assert_eq!(tail_writes(&chip), usize::from(model.posted != before));
                }
                Step::Transmit(count) => {
                    let head = |chip: &Chip| chip.get(crate::regs::TDH.at(0).offset()) as u16;
                    chip.set(crate::regs::TCTL.offset(), crate::regs::Tctl::EN.bits());
                    for _ in 0..(*count).min(usize::from(size)) {
                        let reports = memory.descriptor(head(&chip))[1] & RS != 0;
                        if chip.transmit(0, 1) == 0 {
                            break;
                        }
                        model.sent += 1;
                        if reports {
                            model.reported = model.sent;
                        }
                    }
                    chip.set(crate::regs::TCTL.offset(), 0);
                    steps.next();
                }
                Step::Reclaim => {
                    let before = chip.reads();
                    let mut expected = 0;
                    while model.ends.front().is_some_and(|&end| end <= model.reported) {
                        model.ends.pop_front();
                        expected += 1;
                    }
                    model.freed = model.reported;
                    prop_assert_eq!(queue.reclaim(), expected);
                    prop_assert_eq!(queue.outstanding() as usize, model.ends.len());
                    prop_assert_eq!(chip.reads(), before);
                    steps.next();
                }
            }
        }
        // Everything submitted was sent and came back.
        prop_assert_eq!((model.ends.len(), queue.room()), (0, size - 1));
        prop_assert_eq!(model.sent, model.posted);
    }

    /// A device that sets DD anywhere, early or twice, and moves its head: counts stay right, nothing panics.
    #[test]
    fn hostile_write_backs_do_no_harm(
        size in 2u16..=16,
        steps in prop::collection::vec((step(), any::<u16>(), any::<u64>()), 1..120),
    ) {
        let chip = Chip::new();
        let memory = Memory::new(memory_len(size));
        let buffer = Memory::new(1024);
        let mut queue = small_queue(&chip, &memory, size);
        let (mut posted, mut completed) = (0, 0);
        for (step, at, word) in steps {
            match step {
                Step::Post(lengths) => {
                    let mut batch = queue.batch();
                    posted += u32::from(batch.post(fragments(&buffer, &lengths)).is_ok());
                    batch.submit();
                }
                Step::Skip => {
                    let mut batch = queue.batch();
                    batch.skip();
                    batch.submit();
                    posted += 1;
                }
                Step::Submit | Step::Transmit(_) => memory.write_back(at % size, word),
                Step::Reclaim => {
                    chip.set(crate::regs::TDH.at(0).offset(), u32::from(at));
                    completed += queue.reclaim();
                }
            }
            prop_assert!(queue.room() < size);
            prop_assert_eq!(queue.outstanding(), posted - completed);
        }
        queue.disable(&&chip).unwrap();
        prop_assert_eq!(completed + queue.abandon(), posted);
        prop_assert_eq!(queue.outstanding(), 0);
    }
}
