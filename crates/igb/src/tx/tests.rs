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

/// Posts one packet.
fn post(queue: &mut TestQueue<'_>, packet: Vec<Fragment>) -> Result<(), Refusal> {
    queue.batch().post(packet)
}

/// Posts packets in one batch while there is room; skips what can never be sent. Returns how many it took.
fn post_all<P: IntoIterator<Item = Fragment>>(queue: &mut TestQueue<'_>, packets: impl IntoIterator<Item = P>) -> u32 {
    let mut batch = queue.batch();
    let mut taken = 0;
    for packet in packets {
        match batch.post(packet) {
            Ok(()) => {}
            Err(Refusal::NoRoom) => break,
            Err(Refusal::TooLong) => batch.skip(),
        }
        taken += 1;
    }
    batch.submit();
    taken
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
                    let one = || fragments(&buffer, &[20]);
                    for _ in 0..first {
                        post(&mut queue, one()).unwrap();
                        assert_eq!(chip.transmit(0, usize::MAX), 0, "nothing is sent before the transmitter is on");
                        chip.let_traffic_flow();
                        assert_eq!(chip.transmit(0, usize::MAX), 1);
                        chip.set(crate::regs::TCTL.offset(), 0);
                        assert_eq!(queue.reclaim(), 1);
                    }
                    for _ in 0..in_flight {
                        post(&mut queue, one()).unwrap();
                    }
                    assert_eq!(queue.room(), size - 1 - in_flight);
                    chip.take_writes();

                    let expected = match count {
                        count if count <= queue.room() => Ok(()),
                        count if count < size => Err(Refusal::NoRoom),
                        _ => Err(Refusal::TooLong),
                    };
                    assert_eq!(post(&mut queue, fragments(&buffer, &vec![20; usize::from(count)])), expected);
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
        post(&mut queue, pieces).unwrap();
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
    memory.write_back(64, u64::MAX);
    let buffer = Memory::new(128);
    buffer.write_back(0, u64::MAX);
    let mut queue = tx_queue(&chip, &memory, 64);
    for length in 1..=18 {
        let device_address = buffer.device_address() + 8;
        post(&mut queue, vec![Fragment { device_address, length }]).unwrap();
        let frame = chip.take_sent().remove(0);
        assert_eq!(frame.len() as u32, length.max(17));
        assert!(frame[..length.min(8) as usize].iter().all(|&byte| byte == 0xff));
        assert!(frame[length as usize..].iter().all(|&byte| byte == 0));
    }
    assert_eq!(queue.reclaim(), 18);
}

#[test]
fn what_can_never_be_sent_is_told_from_what_cannot_now() {
    let chip = Chip::new();
    let memory = Memory::new(memory_len(64));
    let buffer = Memory::new(16384);
    let mut queue = tx_queue(&chip, &memory, 64);
    let mut post = |lengths: &[u32]| post(&mut queue, fragments(&buffer, lengths));
    assert_eq!(post(&[9728]), Ok(()));
    assert_eq!(post(&[9000, 728]), Ok(()));
    for never in [&[9729][..], &[9000, 729], &[u32::MAX, u32::MAX], &[20; 64], &[20; 1000]] {
        assert_eq!(post(never), Err(Refusal::TooLong));
    }
    assert_eq!(post(&[20; 61]), Err(Refusal::NoRoom));
    assert_eq!(post(&[20; 60]), Ok(()));
    assert_eq!(post(&[20]), Err(Refusal::NoRoom));
    assert_eq!((queue.outstanding(), queue.room()), (3, 0));
    chip.let_traffic_flow();
    chip.transmit(0, usize::MAX);
    assert_eq!((queue.reclaim(), chip.take_sent().len()), (3, 3));
}

/// Streams of every length from every fill of the ring: what is taken is sent, in order, the rest is left alone.
#[test]
fn packets_are_taken_while_there_is_room() {
    let chip = Chip::new();
    let memory = Memory::new(memory_len(64));
    let buffer = Memory::new(128);
    for pieces in 1..=3u32 {
        for in_flight in 0..64u32 {
            for wanted in 0..70u32 {
                let mut queue = tx_queue(&chip, &memory, 64);
                let first = fragments(&buffer, &[60]);
                assert_eq!(post_all(&mut queue, (0..in_flight).map(|_| first.iter().copied())), in_flight);
                chip.take_writes();
                let mut offered = 0;
                let packets = (0..wanted).inspect(|_| offered += 1).map(|n| {
                    let fragment = Fragment { device_address: buffer.device_address(), length: 20 + n };
                    core::iter::repeat_n(fragment, pieces as usize)
                });
                let taken = post_all(&mut queue, packets);
                assert_eq!(taken, wanted.min((63 - in_flight) / pieces));
                assert_eq!(offered, wanted.min(taken + 1));
                assert_eq!(tail_writes(&chip), usize::from(taken != 0));
                assert_eq!(queue.outstanding(), in_flight + taken);
                chip.let_traffic_flow();
                chip.transmit(0, usize::MAX);
                chip.set(crate::regs::TCTL.offset(), 0);
                let sent = chip.take_sent();
                let lengths = sent.iter().skip(in_flight as usize).map(|frame| frame.len() as u32);
                assert!(lengths.eq((0..taken).map(|n| pieces * (20 + n))));
                assert_eq!(queue.reclaim(), in_flight + taken);
                queue.disable(&&chip).unwrap();
            }
        }
    }
}

#[test]
fn unusual_packets_go_in_their_place() {
    let chip = Chip::new();
    chip.let_traffic_flow();
    let memory = Memory::new(memory_len(64));
    let buffer = Memory::new(16384);
    let mut queue = tx_queue(&chip, &memory, 64);
    let packets: [&[u32]; 9] = [&[60], &[], &[14], &[9729], &[61], &[1, 0, 2], &[0], &[0, 62, 0], &[63, 0]];
    assert_eq!(post_all(&mut queue, packets.map(|lengths| fragments(&buffer, lengths))), 9);
    assert_eq!(chip.take_sent().iter().map(Vec::len).collect::<Vec<_>>(), [60, 17, 61, 17, 62, 63]);
    assert_eq!(queue.reclaim(), 9);
}

#[test]
fn status_is_asked_for_once_per_group_and_at_the_end() {
    let chip = Chip::new();
    let memory = Memory::new(memory_len(256));
    let buffer = Memory::new(128);
    let mut queue = tx_queue(&chip, &memory, 256);
    let packet = fragments(&buffer, &[60]);
    assert_eq!(post_all(&mut queue, (0..70).map(|_| packet.iter().copied())), 70);
    let reporting: Vec<u16> = (0..256).filter(|&n| memory.descriptor(n)[1] & RS != 0).collect();
    assert_eq!(reporting, [31, 63, 69]);
    chip.let_traffic_flow();
    for (sent, expected) in [(31, 0), (1, 32), (31, 0), (1, 32), (5, 0), (1, 6)] {
        assert_eq!(chip.transmit(0, sent), sent);
        assert_eq!(queue.reclaim(), expected);
    }
}

/// RS where the group ends, however its packets are cut.
#[test]
fn groups_end_with_a_packet() {
    let chip = Chip::new();
    let memory = Memory::new(memory_len(256));
    let buffer = Memory::new(128);
    let mut queue = tx_queue(&chip, &memory, 256);
    let packet = fragments(&buffer, &[20; 10]);
    assert_eq!(post_all(&mut queue, (0..9).map(|_| packet.iter().copied())), 9);
    let reporting: Vec<u16> = (0..256).filter(|&n| memory.descriptor(n)[1] & RS != 0).collect();
    assert_eq!(reporting, [39, 79, 89]);
}

#[test]
fn packets_not_sent_keep_their_place() {
    let chip = Chip::new();
    let memory = Memory::new(memory_len(64));
    let buffer = Memory::new(128);
    let mut queue = tx_queue(&chip, &memory, 64);
    chip.take_writes();
    let empty = || Vec::new().into_iter();
    let full = || fragments(&buffer, &[60]).into_iter();
    assert_eq!(post_all(&mut queue, [empty(), empty()]), 2);
    assert_eq!(chip.take_writes(), []);
    assert_eq!(queue.reclaim(), 2, "nothing before them");

    assert_eq!(post_all(&mut queue, [empty(), full(), empty()]), 3);
    assert_eq!(post_all(&mut queue, [empty()]), 1);
    assert_eq!(
        (queue.outstanding(), queue.reclaim(), queue.reclaim()),
        (4, 1, 0),
        "three are at or behind the full one"
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
            post(&mut queue, fragments(&buffer, &[60])).unwrap();
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
    assert_eq!(post(&mut queue, fragments(&buffer, &[60])), Err(Refusal::NoRoom), "not enabled");
    assert_eq!(chip.take_writes(), []);

    queue.enable(&&chip).unwrap();
    for lengths in [&[60][..], &[60, 60], &[]] {
        post(&mut queue, fragments(&buffer, lengths)).unwrap();
    }
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
    Post(Vec<Vec<u32>>),
    Transmit(usize),
    Reclaim,
}

fn packet() -> impl Strategy<Value = Vec<u32>> {
    prop_oneof![
        4 => (17u32..200).prop_map(|length| vec![length]),
        4 => prop::collection::vec(prop_oneof![1 => Just(0u32), 8 => 1u32..200], 0..=40),
        1 => prop::collection::vec(0u32..20, 0..4),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop::collection::vec(packet(), 0..8).prop_map(Step::Post),
        2 => (0usize..80).prop_map(Step::Transmit),
        2 => Just(Step::Reclaim),
    ]
}

/// Descriptors of a packet.
fn descriptors(lengths: &[u32]) -> u64 {
    let total: u32 = lengths.iter().sum();
    lengths.iter().filter(|&&length| length != 0).count() as u64 + u64::from(total > 0 && total < 17)
}

/// What the queue must do, in absolute numbers that never wrap.
#[derive(Default)]
struct Model {
    /// Of each packet not reclaimed: number of descriptors posted up to its end.
    ends: VecDeque<u64>,
    posted: u64,
    sent: u64,
    /// Descriptors sent when the last one with RS was.
    reported: u64,
    /// Descriptors freed by reclaiming.
    freed: u64,
    /// Total length of each packet to be sent.
    lengths: VecDeque<u32>,
}

proptest! {
    /// Any sequence against the model: room, tail writes, what is sent, order and count of completions.
    #[test]
    fn behaves_as_the_model(size in (8u16..=64).prop_map(|n| n * 8), steps in prop::collection::vec(step(), 1..50)) {
        let chip = Chip::new();
        let memory = Memory::new(memory_len(size));
        let buffer = Memory::new(1024);
        let mut queue = tx_queue(&chip, &memory, size);
        let mut model = Model::default();
        for step in steps.into_iter().chain([Step::Transmit(usize::MAX), Step::Reclaim]) {
            match step {
                Step::Post(packets) => {
                    let before = model.posted;
                    chip.take_writes();
                    let mut expected = 0;
                    for lengths in &packets {
                        let room = u64::from(size) - 1 - (model.posted - model.freed);
                        if descriptors(lengths) > room {
                            break;
                        }
                        expected += 1;
                        model.posted += descriptors(lengths);
                        model.ends.push_back(model.posted);
                        let total: u32 = lengths.iter().sum();
                        if total != 0 {
                            model.lengths.push_back(total.max(17));
                        }
                    }
                    let packets: Vec<_> = packets.iter().map(|lengths| fragments(&buffer, lengths)).collect();
                    prop_assert_eq!(post_all(&mut queue, packets.iter().map(|packet| packet.iter().copied())), expected);
                    prop_assert_eq!(tail_writes(&chip), usize::from(model.posted != before));
                    prop_assert_eq!(u64::from(queue.room()), u64::from(size) - 1 - (model.posted - model.freed));
                }
                Step::Transmit(count) => {
                    let head = |chip: &Chip| chip.get(crate::regs::TDH.at(0).offset()) as u16;
                    // The chip sends within the tail write; let it do so only here.
                    chip.let_traffic_flow();
                    for _ in 0..count.min(usize::from(size)) {
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
                    for frame in chip.take_sent() {
                        prop_assert_eq!(Some(frame.len() as u32), model.lengths.pop_front());
                    }
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
                }
            }
        }
        // Everything taken was sent and came back.
        prop_assert_eq!((model.ends.len(), model.lengths.len(), queue.room()), (0, 0, size - 1));
        prop_assert_eq!(model.sent, model.posted);
    }

    /// A device that sets DD anywhere, early or twice, and moves its head: counts stay right, nothing panics.
    #[test]
    fn hostile_write_backs_do_no_harm(
        size in 2u16..=16,
        steps in prop::collection::vec((step(), any::<u16>(), any::<u64>()), 1..50),
    ) {
        let chip = Chip::new();
        let memory = Memory::new(memory_len(size));
        let buffer = Memory::new(1024);
        let mut queue = small_queue(&chip, &memory, size);
        let (mut posted, mut completed) = (0, 0);
        for (step, at, word) in steps {
            match step {
                Step::Post(packets) => {
                    posted += post_all(&mut queue, packets.iter().map(|lengths| fragments(&buffer, lengths).into_iter()));
                }
                Step::Transmit(_) => memory.write_back(at % size, word),
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

/// Every size up to 16, every place of the ring, every number in flight: a run ends where ring, room or group end, and
/// what it posted is sent and reclaimed exactly once.
#[test]
fn every_run_of_small_rings() {
    let chip = Chip::new();
    let buffer = Memory::new(1024);
    let one = Fragment { device_address: buffer.device_address(), length: 20 };
    for size in 2..=16u16 {
        let memory = Memory::new(memory_len(size));
        for first in 0..size {
            for in_flight in 0..size {
                for pieces in 1..=3usize {
                    let mut queue = small_queue(&chip, &memory, size);
                    for _ in 0..first {
                        post(&mut queue, vec![one]).unwrap();
                        chip.let_traffic_flow();
                        assert_eq!(chip.transmit(0, usize::MAX), 1);
                        chip.set(crate::regs::TCTL.offset(), 0);
                        assert_eq!(queue.reclaim(), 1);
                    }
                    for _ in 0..in_flight {
                        post(&mut queue, vec![one]).unwrap();
                    }
                    let start = (first + in_flight) % size;
                    let straight = queue.room().min(size - start);
                    let group = queue.books.report_every;
                    chip.take_writes();

                    let mut batch = queue.batch();
                    let posted = if pieces == 1 {
                        assert_eq!(batch.singles_room(), usize::from(straight.min(group)));
                        batch.post_singles(batch.singles_room(), |_| Some(one))
                    } else {
                        batch.post_chains(usize::MAX, |_| core::iter::repeat_n(one, pieces))
                    };
                    batch.submit();
                    let fit = usize::from(straight) / pieces;
                    assert_eq!(posted.packets, fit.min(usize::from(group).div_ceil(pieces)));
                    assert_eq!(posted.bytes, 20 * (pieces * posted.packets) as u64);
                    assert_eq!(tail_writes(&chip), usize::from(posted.packets != 0));
                    assert_eq!(queue.room(), size - 1 - in_flight - (pieces * posted.packets) as u16);

                    chip.let_traffic_flow();
                    assert_eq!(chip.transmit(0, usize::MAX), usize::from(in_flight) + pieces * posted.packets);
                    let sent = chip.take_sent();
                    assert!(sent.iter().rev().take(posted.packets).all(|frame| frame.len() == 20 * pieces), "{sent:?}");
                    assert_eq!(queue.reclaim() as usize, usize::from(in_flight) + posted.packets);
                    assert_eq!((queue.room(), queue.outstanding()), (size - 1, 0));
                    chip.set(crate::regs::TCTL.offset(), 0);
                    queue.disable(&&chip).unwrap();
                }
            }
        }
    }
}

#[test]
fn a_run_leaves_to_post_what_needs_a_thought() {
    let chip = Chip::new();
    let memory = Memory::new(memory_len(64));
    let mut queue = tx_queue(&chip, &memory, 64);
    chip.take_writes();
    let of = |lengths: &'static [u32]| lengths.iter().map(|&length| Fragment { device_address: 0x1000, length });
    let mut batch = queue.batch();
    for length in [0, 1, 16, 9729, u32::MAX] {
        let odd = Fragment { device_address: 0x1000, length };
        assert_eq!(batch.post_singles(1, |_| Some(odd)).packets, 0, "{length}");
    }
    assert_eq!(batch.post_singles(1, |_| None).packets, 0);
    for lengths in [&[][..], &[0], &[60, 0], &[0, 60], &[8, 8], &[9000, 9000], &[u32::MAX, 2]] {
        assert_eq!(batch.post_chains(1, |_| of(lengths)).packets, 0, "{lengths:?}");
    }
    batch.submit();
    assert_eq!((queue.room(), tail_writes(&chip)), (63, 0));
}
