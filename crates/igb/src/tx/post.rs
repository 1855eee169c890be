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
    pub free: Walk<'q>,
    pad_address: u64,
    report_every: u16,
    /// Second word of the newest descriptor, should it have to report after all.
    newest: u64,
    /// Packets and descriptors since the last RS.
    open: Completion,
}

/// Why a run of ordinary packets ended.
pub(super) enum End<F> {
    /// No more packets.
    Packets,
    /// The group of packets that completes together is full.
    Group,
    /// This packet needs a closer look.
    Unusual(F),
}

impl<'q> Posting<'q> {
    #[inline]
    pub fn new(free: Walk<'q>, pad_address: u64, completions: &'q mut [Completion], books: &'q mut Books) -> Self {
        let report_every = REPORT_EVERY.min((books.in_flight.capacity() / 4).max(1));
        Posting { completions, books, free, pad_address, report_every, newest: 0, open: Completion::default() }
    }

    /// Posts packets as long as they are ordinary: of usual length, without empty fragments, with room for them. Returns
    /// their number. This is the loop of the datapath.
    #[inline]
    pub fn run<F>(&mut self, packets: &mut impl Iterator<Item = F>) -> (u32, End<F>)
    where
        F: ExactSizeIterator<Item = Fragment> + Clone,
    {
        let limit = self.report_every;
        let mut free = self.free;
        let mut open = self.open;
        let mut newest = self.newest;
        let end = loop {
            let Some(fragments) = packets.next() else { break End::Packets };
            let mut ahead = free;
            let Some((count, word)) = post_ordinary(&mut ahead, fragments.clone()) else {
                break End::Unusual(fragments);
            };
            free = ahead;
            newest = word;
            open.packets += 1;
            open.descriptors += count;
            if open.descriptors >= limit {
                break End::Group;
            }
        };
        let posted = open.packets - self.open.packets;
        self.free = free;
        self.open = open;
        self.newest = newest;
        (posted, end)
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
        self.books.outstanding += 1;
        if self.open.descriptors != 0 {
            self.books.outstanding -= 1;
            self.open.packets += 1;
        } else if self.books.pending.used() != 0 {
            let newest = self.books.pending.previous(self.books.pending.end());
            self.completions[usize::from(newest)].packets += 1;
        } else {
            self.books.idle += 1;
        }
        true
    }

    /// Lets the newest descriptor report, and everything since the last RS complete with it.
    #[inline]
    pub fn close_group(&mut self) {
        let Some((slot, last)) = self.free.newest() else { return };
        if self.open.descriptors == 0 {
            return;
        }
        slot.write_high(self.newest | RS);
        self.completions[usize::from(self.books.pending.end())] = Completion { last, ..self.open };
        self.books.pending.extend(1);
        self.books.in_flight.extend(self.open.descriptors);
        self.books.outstanding += self.open.packets;
        self.open = Completion::default();
    }
}
