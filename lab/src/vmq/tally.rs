//! Frames that say where they belong, and the count of where they came.

use super::books::Sink;
use super::rules::VMQ_ORDER;
use crate::pattern::Pattern;
use ndis_sys::NDIS_RECEIVE_QUEUE_ID;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The EtherType for local experiments (IEEE 802 9.2.4): no stack answers it.
const ETHER_TYPE: [u8; 2] = [0x88, 0xB5];
const ETHER_TYPE_VLAN: [u8; 2] = [0x81, 0x00];
/// Address of the wire.
const PEER: [u8; 6] = [0x02, 0, 0, 0, 0, 0xFE];
/// Both addresses.
const ADDRESSES: usize = 12;
/// What a payload begins with, before stream and number.
const MAGIC: [u8; 4] = *b"VMQ:";
/// Magic, stream and number.
const LABEL: usize = 4 + 4 + 8;

/// A frame of `len` bytes (at least 34, a tag comes on top) to `mac`: number `number` of stream `stream`, with a pattern
/// that no other frame has.
pub fn frame(mac: [u8; 6], vlan: Option<u16>, stream: u32, number: u64, len: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(len + 4);
    frame.extend_from_slice(&mac);
    frame.extend_from_slice(&PEER);
    if let Some(vlan) = vlan {
        frame.extend_from_slice(&ETHER_TYPE_VLAN);
        frame.extend_from_slice(&vlan.to_be_bytes());
    }
    frame.extend_from_slice(&ETHER_TYPE);
    let payload = frame.len();
    frame.extend_from_slice(&MAGIC);
    frame.extend_from_slice(&stream.to_le_bytes());
    frame.extend_from_slice(&number.to_le_bytes());
    frame.resize(payload + len - ADDRESSES - 2, 0);
    pattern(stream, number).fill(&mut frame[payload + LABEL..]);
    frame
}

fn pattern(stream: u32, number: u64) -> Pattern {
    Pattern::new(u64::from(stream) << 48 ^ number)
}

/// What a frame says it is.
struct Label {
    stream: u32,
    number: u64,
    /// Every byte is as it was made.
    intact: bool,
}

fn read(data: &[u8]) -> Option<Label> {
    let tagged = data.get(12..14)? == ETHER_TYPE_VLAN;
    let payload = data.get(if tagged { 18 } else { 14 }..)?;
    let of_ours = data[payload_type(tagged)] == ETHER_TYPE && payload.get(..4)? == MAGIC;
    let stream = u32::from_le_bytes(payload.get(4..8)?.try_into().ok()?);
    let number = u64::from_le_bytes(payload.get(8..16)?.try_into().ok()?);
    let mut expected = vec![0; payload.len() - LABEL];
    pattern(stream, number).fill(&mut expected);
    let intact = payload[LABEL..] == expected && data[6..12] == PEER;
    of_ours.then_some(Label { stream, number, intact })
}

fn payload_type(tagged: bool) -> std::ops::Range<usize> {
    if tagged { 16..18 } else { 12..14 }
}

/// What became of the frames of one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Put on the wire.
    pub sent: u64,
    /// Came where they belong, byte for byte.
    pub received: u64,
    /// Came in another queue.
    pub misplaced: u64,
    /// Came after a later one, or twice.
    pub reordered: u64,
    /// Did not come.
    pub lost: u64,
    /// Came with other bytes.
    pub corrupted: u64,
}

impl Counts {
    /// Every frame came as it should.
    pub fn is_clean(&self) -> bool {
        let Counts { sent, received, misplaced, reordered, lost, corrupted } = *self;
        received == sent && [misplaced, reordered, lost, corrupted] == [0; 4]
    }
}

#[derive(Default)]
struct Stream {
    counts: Counts,
    /// A bit for each frame that came.
    seen: Vec<u64>,
    /// The next number, if none is lost.
    next: u64,
}

#[derive(Default)]
struct State {
    streams: BTreeMap<u32, Stream>,
    /// The stream that belongs to each queue.
    belongs: BTreeMap<NDIS_RECEIVE_QUEUE_ID, u32>,
    arrived: u64,
    /// Frames that are none of ours, or cannot be read any more.
    foreign: u64,
}

/// The count of all streams; copies count together.
#[derive(Clone, Default)]
pub struct Tally(Arc<Mutex<State>>);

impl Tally {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the frames of `stream` belong to `queue`.
    pub fn belongs(&self, stream: u32, queue: NDIS_RECEIVE_QUEUE_ID) {
        let mut state = self.state();
        state.belongs.retain(|_, s| *s != stream);
        state.belongs.insert(queue, stream);
    }

    /// The number of a stream's next frame, which is about to be sent.
    pub fn send(&self, stream: u32) -> u64 {
        let mut state = self.state();
        let counts = &mut state.streams.entry(stream).or_default().counts;
        counts.sent += 1;
        counts.sent - 1
    }

    /// A frame came in a queue.
    pub fn arrive(&self, queue: NDIS_RECEIVE_QUEUE_ID, data: &[u8]) {
        let label = read(data);
        let mut state = self.state();
        state.arrived += 1;
        let belongs = state.belongs.get(&queue).copied();
        let Some((label, stream)) = label.and_then(|l| state.streams.get_mut(&l.stream).map(|s| (l, s))) else {
            state.foreign += 1;
            return;
        };
        stream.arrive(&label, belongs == Some(label.stream));
    }

    /// Frames that came, of any kind.
    pub fn arrived(&self) -> u64 {
        self.state().arrived
    }

    /// Frames that could not be told.
    pub fn foreign(&self) -> u64 {
        self.state().foreign
    }

    /// The counts of each stream.
    pub fn counts(&self) -> BTreeMap<u32, Counts> {
        let count = |s: &Stream| {
            let seen: u64 = s.seen.iter().map(|w| u64::from(w.count_ones())).sum();
            Counts { lost: s.counts.sent - seen, ..s.counts }
        };
        self.state().streams.iter().map(|(id, s)| (*id, count(s))).collect()
    }
}

impl Stream {
    fn arrive(&mut self, label: &Label, in_place: bool) {
        let (word, bit) = ((label.number / 64) as usize, 1 << (label.number % 64));
        let Label { stream, number, intact } = *label;
        if number >= self.counts.sent || !intact {
            self.counts.corrupted += 1;
            return;
        }
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        let doubled = self.seen[word] & bit != 0;
        self.seen[word] |= bit;
        if !in_place {
            self.counts.misplaced += 1;
            return;
        }
        let ordered = number >= self.next && !doubled;
        VMQ_ORDER.check(ordered, || format!("frame {number} of stream {stream} came after {}", self.next - 1));
        if ordered {
            self.next = number + 1;
            self.counts.received += 1;
        } else {
            self.counts.reordered += 1;
        }
    }
}

impl Sink for Tally {
    fn frame(&mut self, queue: NDIS_RECEIVE_QUEUE_ID, _tag: Option<u16>, data: &[u8]) {
        self.arrive(queue, data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

    fn tally(frames: &[(u32, Vec<u8>)]) -> Counts {
        let tally = Tally::default();
        tally.belongs(5, 1);
        (0..4).for_each(|number| assert_eq!(tally.send(5), number));
        frames.iter().for_each(|(queue, data)| tally.arrive(*queue, data));
        tally.counts()[&5]
    }

    fn made(number: u64) -> Vec<u8> {
        frame(MAC, number.is_multiple_of(2).then_some(7), 5, number, 60 + number as usize * 100)
    }

    #[test]
    fn frames_in_their_queue_and_order_are_clean() {
        let all: Vec<_> = (0..4).map(|n| (1, made(n))).collect();
        assert!(tally(&all).is_clean());
        assert_eq!((all[0].1.len(), all[1].1.len()), (64, 160));
    }

    #[test]
    fn every_other_fate_is_counted() {
        let mut broken = made(3);
        broken[100] ^= 1;
        let counts = tally(&[(1, made(1)), (1, made(0)), (2, made(2)), (1, broken)]);
        let expected = Counts { sent: 4, received: 1, misplaced: 1, reordered: 1, lost: 1, corrupted: 1 };
        assert_eq!(counts, expected);
        assert_eq!(tally(&[(1, made(0)), (1, made(0))]).reordered, 1, "the same frame twice");
    }

    #[test]
    fn what_is_none_of_ours_is_foreign() {
        let tally = Tally::default();
        tally.arrive(1, &[0xFF; 60]);
        tally.arrive(1, &made(0));
        assert_eq!((tally.arrived(), tally.foreign()), (2, 2));
    }
}
