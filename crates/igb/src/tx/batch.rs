use super::{Books, Completion};
use crate::Registers;
use crate::memory::{Slot, Straight, Walk};
use crate::queue::Engine;

/// Second word of a data descriptor: DTALEN 15:0, DTYP 23:20, DCMD 31:24, STA 35:32, PAYLEN 63:46 (7.2.2.3).
const DATA: u64 = 0b0011 << 20 | IFCS | DEXT;
const EOP: u64 = 1 << 24;
const IFCS: u64 = 1 << 25;
pub(super) const RS: u64 = 1 << 27;
const DEXT: u64 = 1 << 29;
const PAYLEN_SHIFT: u32 = 46;

/// With TCTL.PSP the hardware pads, but wants 17 bytes to start from (8.12, TCTL.PSP).
const MIN_PACKET: u32 = 17;

/// Longest packet the transmit buffer is sized for: the 9.5 KB of a jumbo frame. Fits DTALEN.
const MAX_PACKET: u32 = 9728;

/// A contiguous piece of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Where the device finds it.
    pub device_address: u64,
    /// Bytes; zero is allowed.
    pub length: u32,
}

/// Why a packet was not posted. Nothing of it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not now: too few free descriptors.
    NoRoom,
    /// Never: longer than 9728 bytes, or of more fragments than the ring has descriptors. The caller may
    /// [`skip`](Batch::skip) it.
    TooLong,
}

/// Packets posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posted {
    /// Their number.
    pub packets: usize,
    /// Bytes in all of them.
    pub bytes: u64,
}

/// Packets on their way into a queue. The hardware sees them when the batch is submitted, or dropped: one tail write, if
/// anything was posted.
pub struct Batch<'q, R: Registers> {
    engine: &'q Engine<R>,
    completions: &'q mut [Completion],
    books: &'q mut Books,
    /// The descriptors that may still be used.
    free: Walk<'q>,
    pad_address: u64,
    /// Second word of the newest descriptor, should it have to report after all.
    newest: u64,
    /// Packets and descriptors since the last RS.
    open: Completion,
}

impl<'q, R: Registers> Batch<'q, R> {
    #[inline]
    pub(super) fn new(
        engine: &'q Engine<R>,
        free: Walk<'q>,
        pad_address: u64,
        completions: &'q mut [Completion],
        books: &'q mut Books,
    ) -> Self {
        Batch { engine, completions, books, free, pad_address, newest: 0, open: Completion::default() }
    }

    /// Descriptors that can still be posted.
    #[inline]
    pub fn room(&self) -> u16 {
        self.free.left()
    }

    /// Posts a packet, whole or not at all. Empty fragments take no descriptor; a packet of nothing but those is
    /// [skipped](Self::skip).
    #[inline]
    pub fn post(&mut self, fragments: impl IntoIterator<Item = Fragment>) -> Result<(), Refusal> {
        let mut fragments = fragments.into_iter();
        let Some(first) = fragments.next() else {
            self.skip();
            return Ok(());
        };
        match fragments.next() {
            None if (MIN_PACKET..=MAX_PACKET).contains(&first.length) => {
                let slot = self.free.next().ok_or(Refusal::NoRoom)?;
                let word = single(first.length);
                slot.write(first.device_address, word);
                self.take(1, 1, word);
                Ok(())
            }
            second => self.post_pieces(first, second, fragments),
        }
    }

    /// How many packets [`Self::post_singles`] can post: up to the end of the ring or of a group.
    #[inline]
    pub fn singles_room(&self) -> usize {
        self.free.straight().len().min(usize::from(self.books.report_every - self.open.descriptors))
    }

    /// Posts packets of one fragment each, `most` of them, at most [`Self::singles_room`]. `fragment(n)` is the n-th packet
    /// from here, or None where something else comes. A packet that [`Self::post`] has to look at ends it too.
    #[inline]
    pub fn post_singles(&mut self, most: usize, fragment: impl Fn(usize) -> Option<Fragment>) -> Posted {
        let slots = self.free.straight().first(most);
        let mut posted = Posted { packets: 0, bytes: 0 };
        let mut newest = self.newest;
        while posted.packets < most {
            let n = posted.packets;
            let Some(fragment) = fragment(n) else { break };
            if !(MIN_PACKET..=MAX_PACKET).contains(&fragment.length) {
                break;
            }
            newest = single(fragment.length);
            slots.get(n).write(fragment.device_address, newest);
            posted.packets += 1;
            posted.bytes += u64::from(fragment.length);
        }
        self.free.pass(posted.packets);
        // CAST: at most the places of a group.
        self.take(posted.packets as u32, posted.packets as u16, newest);
        posted
    }

    /// Posts packets of several fragments each, `most` of them, while there is room before the end of the ring. `fragments(n)`
    /// are those of the n-th packet from here. A packet that [`Self::post`] has to look at ends it, and so does the end of
    /// a group.
    #[inline]
    pub fn post_chains<I: Iterator<Item = Fragment>>(&mut self, most: usize, fragments: impl Fn(usize) -> I) -> Posted {
        let slots = self.free.straight();
        let group = usize::from(self.books.report_every - self.open.descriptors);
        let mut posted = Posted { packets: 0, bytes: 0 };
        let (mut used, mut newest) = (0, self.newest);
        while posted.packets < most && used < group {
            let Some((count, total, last)) = write_chain(slots.after(used), fragments(posted.packets)) else { break };
            used += count;
            newest = last;
            posted.packets += 1;
            posted.bytes += u64::from(total);
        }
        self.free.pass(used);
        // CAST: at most the places of the ring.
        self.take(posted.packets as u32, used as u16, newest);
        posted
    }

    /// Counts a packet that is not sent: [`Queue::reclaim`](super::Queue::reclaim) reports it once everything before it
    /// is completed.
    #[cold]
    pub fn skip(&mut self) {
        if self.open.descriptors != 0 {
            self.open.packets += 1;
            return;
        }
        let books = &mut *self.books;
        books.outstanding += 1;
        if books.pending.used() == 0 {
            books.idle += 1;
        } else {
            let newest = books.pending.previous(books.pending.end());
            self.completions[usize::from(newest)].packets += 1;
        }
    }

    /// Makes the batch the hardware's.
    #[inline]
    pub fn submit(self) {}

    /// Posts a packet of several fragments, or one that is short, long or empty.
    #[inline]
    fn post_pieces(
        &mut self,
        first: Fragment,
        second: Option<Fragment>,
        rest: impl Iterator<Item = Fragment>,
    ) -> Result<(), Refusal> {
        let mut packet = Packet { free: self.free, count: 0, total: 0, first: None, last: None };
        packet.push(first)?;
        if let Some(second) = second {
            packet.push(second)?;
            for fragment in rest {
                packet.push(fragment)?;
            }
        }
        if (1..MIN_PACKET).contains(&packet.total) {
            packet.push(Fragment { device_address: self.pad_address, length: MIN_PACKET - packet.total })?;
        }
        if packet.count > self.free.left() {
            let never = packet.count > self.books.in_flight.capacity();
            return Err(if never { Refusal::TooLong } else { Refusal::NoRoom });
        }
        let (Some((first, first_word)), Some((last, mut last_word))) = (packet.first, packet.last) else {
            self.skip();
            return Ok(());
        };
        // PAYLEN belongs to the first descriptor, EOP to the last.
        first.write_high(first_word | payload(packet.total));
        last_word |= EOP;
        if packet.count == 1 {
            last_word |= payload(packet.total);
        }
        last.write_high(last_word);
        self.free = packet.free;
        self.take(1, packet.count, last_word);
        Ok(())
    }

    /// Takes packets just written into the batch.
    #[inline]
    fn take(&mut self, packets: u32, descriptors: u16, newest: u64) {
        self.newest = newest;
        self.open.packets += packets;
        self.open.descriptors += descriptors;
        if self.open.descriptors >= self.books.report_every {
            self.close_group();
        }
    }

    /// Lets the newest descriptor report, and everything since the last RS complete with it.
    fn close_group(&mut self) {
        let Some((slot, last)) = self.free.newest() else { return };
        slot.write_high(self.newest | RS);
        let books = &mut *self.books;
        self.completions[usize::from(books.pending.end())] = Completion { last, ..self.open };
        books.pending.extend(1);
        books.in_flight.extend(self.open.descriptors);
        books.outstanding += self.open.packets;
        self.open = Completion::default();
    }
}

impl<R: Registers> Drop for Batch<'_, R> {
    #[inline]
    fn drop(&mut self) {
        if self.open.descriptors != 0 {
            // The last packet must report, or its completion would wait for packets to come.
            self.close_group();
        }
        let tail = self.books.in_flight.end();
        if tail != self.books.tail {
            self.books.tail = tail;
            self.engine.doorbell(tail);
        }
    }
}

/// Writes a packet to the first of `slots`, if it fits, no fragment is empty, and its length needs no thought. Returns
/// how many it took, the packet's length and the second word of the last. What it leaves behind otherwise is nobody's:
/// the hardware sees descriptors only when they are taken into the batch.
#[inline]
fn write_chain(slots: Straight<'_>, fragments: impl Iterator<Item = Fragment>) -> Option<(usize, u32, u64)> {
    let (mut count, mut total, mut first_word, mut last_word) = (0, 0, 0, 0);
    for fragment in fragments {
        if count == slots.len() || !(1..=MAX_PACKET).contains(&fragment.length) {
            return None;
        }
        // A ring has at most 4096 places, so this ends far below 2^32.
        total += fragment.length;
        last_word = word(fragment.length);
        if count == 0 {
            first_word = last_word;
        }
        slots.get(count).write(fragment.device_address, last_word);
        count += 1;
    }
    if !(MIN_PACKET..=MAX_PACKET).contains(&total) {
        return None;
    }
    // PAYLEN belongs to the first descriptor, EOP to the last.
    if count == 1 {
        last_word = single(total);
    } else {
        slots.get(0).write_high(first_word | payload(total));
        last_word |= EOP;
    }
    slots.get(count - 1).write_high(last_word);
    Some((count, total, last_word))
}

/// A packet being posted: its descriptors written, but for what is known only at its end.
struct Packet<'q> {
    free: Walk<'q>,
    /// Descriptors, whether there is room for them or not.
    count: u16,
    total: u32,
    /// First and last descriptor, and their second words so far.
    first: Option<(Slot<'q>, u64)>,
    last: Option<(Slot<'q>, u64)>,
}

impl Packet<'_> {
    #[inline]
    fn push(&mut self, fragment: Fragment) -> Result<(), Refusal> {
        self.total = self.total.saturating_add(fragment.length);
        if self.total > MAX_PACKET {
            return Err(Refusal::TooLong);
        }
        if fragment.length == 0 {
            return Ok(());
        }
        // At most one per byte of the packet, so this ends far below 2^16.
        self.count += 1;
        if let Some(slot) = self.free.next() {
            let word = word(fragment.length);
            slot.write(fragment.device_address, word);
            self.last = Some((slot, word));
            self.first = self.first.or(self.last);
        }
        Ok(())
    }
}

/// Second word of a descriptor of `length` bytes, at most [`MAX_PACKET`].
#[inline]
const fn word(length: u32) -> u64 {
    DATA | length as u64
}

/// Second word of a packet in one descriptor.
#[inline]
const fn single(length: u32) -> u64 {
    word(length) | payload(length) | EOP
}

#[inline]
const fn payload(total: u32) -> u64 {
    (total as u64) << PAYLEN_SHIFT
}
