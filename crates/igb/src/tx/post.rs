use super::{Books, Completion};
use crate::memory::{Slot, Walk};

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

/// Most descriptors between two RS; fewer in a small ring, so that it empties in several steps.
const REPORT_EVERY: u16 = 32;

/// A contiguous piece of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Where the device finds it.
    pub device_address: u64,
    /// Bytes; zero is allowed.
    pub length: u32,
}

/// Packets on their way into the ring. Nothing is the hardware's before the doorbell, so what is not wanted in the end
/// is simply not counted.
pub(super) struct Posting<'q> {
    completions: &'q mut [Completion],
    books: &'q mut Books,
    /// The descriptors that may still be used.
    free: Walk<'q>,
    pad_address: u64,
    report_every: u16,
    /// Second word of the newest descriptor, should it have to report after all.
    newest: u64,
    /// Packets and descriptors since the last RS.
    open: Completion,
}

/// Why a run of packets ended.
pub(super) enum End<F> {
    /// No more packets.
    Packets,
    /// The group of packets that completes together is full.
    Group,
    /// This packet needs a closer look; it is not posted yet.
    Unusual(F),
}

impl<'q> Posting<'q> {
    #[inline]
    pub fn new(free: Walk<'q>, pad_address: u64, completions: &'q mut [Completion], books: &'q mut Books) -> Self {
        let report_every = REPORT_EVERY.min((books.in_flight.capacity() / 4).max(1));
        Posting { completions, books, free, pad_address, report_every, newest: 0, open: Completion::default() }
    }

    /// Posts packets as long as they are usual: neither short nor long, without empty fragments, with room for them.
    /// Returns their number. This is the loop of the datapath.
    #[inline]
    pub fn run<F>(&mut self, packets: &mut impl Iterator<Item = F>) -> (u32, End<F>)
    where
        F: Iterator<Item = Fragment> + Clone,
    {
        let mut free = self.free;
        let mut newest = self.newest;
        let limit = self.report_every.saturating_sub(self.open.descriptors);
        let mut descriptors = 0;
        let mut count = 0;
        let end = loop {
            if descriptors >= limit {
                break End::Group;
            }
            let Some(packet) = packets.next() else { break End::Packets };
            let mut fragments = packet.clone();
            if let (Some(fragment), None) = (fragments.next(), fragments.next())
                && (MIN_PACKET..=MAX_PACKET).contains(&fragment.length)
                && let Some(slot) = free.next()
            {
                newest = word(fragment.length) | payload(fragment.length) | EOP;
                slot.write(fragment.device_address, newest);
                descriptors += 1;
            } else if let Some(posted) = post_several(free, packet.clone()) {
                free = posted.free;
                newest = posted.newest;
                descriptors += posted.descriptors;
            } else {
                break End::Unusual(packet);
            }
            count += 1;
        };
        self.free = free;
        self.newest = newest;
        self.open.descriptors += descriptors;
        self.open.packets += count;
        (count, end)
    }

    /// Posts any packet, whole or not at all; false if there is no room now. Empty fragments take no descriptor. A
    /// packet of nothing but those, and one that can never be sent, completes in its place without being sent.
    #[cold]
    #[inline(never)]
    pub fn post_unusual(&mut self, fragments: impl Iterator<Item = Fragment>) -> bool {
        let mut packet = Packet { free: self.free, count: 0, total: 0, first: None, last: None };
        for fragment in fragments {
            packet.total = packet.total.saturating_add(fragment.length);
            if packet.total > MAX_PACKET {
                return self.refuse();
            }
            if fragment.length != 0 {
                packet.push(fragment);
            }
        }
        if (1..MIN_PACKET).contains(&packet.total) {
            packet.push(Fragment { device_address: self.pad_address, length: MIN_PACKET - packet.total });
            packet.total = MIN_PACKET;
        }
        if packet.count > self.books.in_flight.capacity() {
            return self.refuse();
        }
        if packet.count > self.free.left() {
            return false;
        }
        // PAYLEN belongs to the first descriptor, EOP to the last.
        let Some((slot, first)) = packet.first else { return self.skip() };
        let mut word = word(first.length) | payload(packet.total);
        if let Some((last_slot, last)) = packet.last {
            slot.write(first.device_address, word);
            word = self::word(last.length);
            last_slot.write(last.device_address, word | EOP);
        } else {
            slot.write(first.device_address, word | EOP);
        }
        self.newest = word | EOP;
        self.free = packet.free;
        self.open.descriptors += packet.count;
        self.open.packets += 1;
        true
    }

    fn refuse(&mut self) -> bool {
        self.books.refused += 1;
        self.skip()
    }

    /// Lets a packet that is not sent complete with what is before it.
    fn skip(&mut self) -> bool {
        if self.open.descriptors != 0 {
            self.open.packets += 1;
            return true;
        }
        let books = &mut *self.books;
        books.outstanding += 1;
        if books.pending.used() == 0 {
            books.idle += 1;
        } else {
            let newest = books.pending.previous(books.pending.end());
            self.completions[usize::from(newest)].packets += 1;
        }
        true
    }

    /// Ends the posting; returns the room left.
    #[inline]
    pub fn finish(mut self) -> u16 {
        if self.open.descriptors != 0 {
            // The last packet must report, or its completion would wait for packets to come.
            self.close_group();
        }
        self.free.left()
    }

    /// Lets the newest descriptor report, and everything since the last RS complete with it. There is something.
    #[inline]
    pub fn close_group(&mut self) {
        let Some((slot, last)) = self.free.newest() else { return };
        slot.write_high(self.newest | RS);
        self.completions[usize::from(self.books.pending.end())] = Completion { last, ..self.open };
        self.books.pending.extend(1);
        self.books.in_flight.extend(self.open.descriptors);
        self.books.outstanding += self.open.packets;
        self.open = Completion::default();
    }
}

/// A packet of several fragments, posted.
struct Posted<'q> {
    free: Walk<'q>,
    newest: u64,
    descriptors: u16,
}

/// Posts a packet of several fragments if it is usual. `None` leaves behind nothing that counts.
#[inline]
fn post_several<'q>(mut free: Walk<'q>, mut fragments: impl Iterator<Item = Fragment>) -> Option<Posted<'q>> {
    let first = fragments.next()?;
    let first_slot = free.next()?;
    let mut fragment = fragments.next()?;
    let mut total = first.length;
    let mut shortest = first.length;
    let mut descriptors = 1;
    let newest = loop {
        let slot = free.next()?;
        total = total.saturating_add(fragment.length);
        shortest = shortest.min(fragment.length);
        descriptors += 1;
        let word = word(fragment.length);
        let Some(next) = fragments.next() else {
            slot.write(fragment.device_address, word | EOP);
            break word | EOP;
        };
        slot.write(fragment.device_address, word);
        fragment = next;
    };
    if shortest == 0 || !(MIN_PACKET..=MAX_PACKET).contains(&total) {
        return None;
    }
    // PAYLEN belongs to the first descriptor, EOP to the last.
    first_slot.write(first.device_address, word(first.length) | payload(total));
    Some(Posted { free, newest, descriptors })
}

/// A packet looked at closely. Its first fragment is held back until the total is known, its last until it is the last.
struct Packet<'q> {
    free: Walk<'q>,
    /// Descriptors, whether there is room for them or not.
    count: u16,
    total: u32,
    first: Option<(Slot<'q>, Fragment)>,
    last: Option<(Slot<'q>, Fragment)>,
}

impl Packet<'_> {
    fn push(&mut self, fragment: Fragment) {
        self.count = self.count.saturating_add(1);
        let Some(slot) = self.free.next() else { return };
        if self.first.is_none() {
            self.first = Some((slot, fragment));
        } else if let Some((slot, held)) = self.last.replace((slot, fragment)) {
            slot.write(held.device_address, word(held.length));
        }
    }
}

/// Second word of a descriptor of `length` bytes; DTALEN has 16 bits.
#[inline]
const fn word(length: u32) -> u64 {
    DATA | (length & 0xffff) as u64
}

#[inline]
const fn payload(total: u32) -> u64 {
    (total as u64) << PAYLEN_SHIFT
}
