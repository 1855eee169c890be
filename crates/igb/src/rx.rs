//! Receive queues with advanced one-buffer descriptors (7.1.5).

use crate::device::Reset;
use crate::memory::{DESCRIPTOR_BYTES, Descriptors, DmaMemory, Straight, Walk, read_barrier};
use crate::model::Model;
use crate::queue::{Engine, check_ring};
use crate::regs::{QueueControl, SRRCTL, Srrctl};
use crate::ring::Run;
use crate::{Delay, Direction, Error, Registers};

mod frame;
#[cfg(test)]
mod tests;

pub use frame::{Dropped, Frame, FrameAssembler};

/// Second word of a write-back: status 19:0, extended error 31:20, length 47:32, VLAN tag 63:48 (7.1.5.2).
const DD: u64 = 1 << 0;
const EOP: u64 = 1 << 1;
const VP: u64 = 1 << 3;
const RXE: u64 = 1 << 31;
const LENGTH_SHIFT: u32 = 32;
const LENGTH: u64 = 0xffff << LENGTH_SHIFT;
const TAG_SHIFT: u32 = 48;

/// Prefetch below 8 on the chip when 8 wait, write back each descriptor at once.
const THRESHOLDS: QueueControl = QueueControl::thresholds(8, 8, 1);

/// Bytes of [`DmaMemory`] for a ring.
pub const fn memory_len(descriptors: u16) -> usize {
    descriptors as usize * DESCRIPTOR_BYTES
}

/// One receive queue. Buffers go in and come back strictly in the order of posting.
pub struct Queue<R> {
    engine: Engine<R>,
    descriptors: Descriptors,
    /// Descriptors posted and not completed.
    posted: Run,
    /// What the hardware was last told.
    tail: u16,
    buffer_size: u16,
    drop_when_full: bool,
}

impl<R: Registers> Queue<R> {
    /// Queue `index` with a ring of `descriptors` (64..=4096, a multiple of 8) in `memory` ([`memory_len`] bytes,
    /// 128-byte aligned for the device). Every buffer has `buffer_size` bytes: 1..=16 KiB in steps of 1 KiB.
    pub fn new(
        registers: R,
        model: &Model,
        index: u8,
        descriptors: u16,
        buffer_size: u16,
        memory: DmaMemory,
    ) -> Result<Self, Error> {
        check_ring(descriptors)?;
        Self::with_size(registers, model, index, descriptors, buffer_size, memory)
    }

    /// As [`Self::new`], for sizes the hardware has not, so that tests can visit every state.
    fn with_size(
        registers: R,
        model: &Model,
        index: u8,
        size: u16,
        buffer_size: u16,
        memory: DmaMemory,
    ) -> Result<Self, Error> {
        let engine = Engine::new(registers, model, Direction::Receive, index)?;
        if !(1024..=16384).contains(&buffer_size) || !buffer_size.is_multiple_of(1024) {
            return Err(Error::BadBufferSize);
        }
        let descriptors = Descriptors::share(memory, size, 0)?;
        Ok(Queue { engine, descriptors, posted: Run::new(size), tail: 0, buffer_size, drop_when_full: false })
    }

    /// A frame that finds no buffer is dropped at once, so that it does not hold up what is behind it for other queues.
    /// Without this it waits in the packet buffer, which a queue that is alone wants.
    #[must_use]
    pub fn dropping_when_full(self) -> Self {
        Queue { drop_when_full: true, ..self }
    }

    /// Starts the hardware on an empty ring; [`Self::refill`] gives it buffers.
    pub fn enable(&mut self, delay: &impl Delay) -> Result<(), Error> {
        if self.posted.used() != 0 {
            return Err(self.engine.busy());
        }
        let split = SRRCTL.at(self.engine.index());
        let mut buffers = Srrctl::buffer_kib((self.buffer_size / 1024) as u8) | Srrctl::ADVANCED_ONE_BUFFER;
        buffers.set(Srrctl::DROP_EN, self.drop_when_full);
        self.posted.clear();
        self.tail = 0;
        self.engine.enable(delay, &self.descriptors, THRESHOLDS, |bus| bus.write(split, buffers))
    }

    /// Stops the hardware. After `Ok` or [`Error::DeviceGone`] no buffer is under DMA; after [`Error::QueueStuck`]
    /// only a device reset and [`Self::halted`] get there.
    pub fn disable(&mut self, delay: &impl Delay) -> Result<(), Error> {
        self.engine.disable(delay)
    }

    /// The device was reset.
    pub fn halted(&mut self, _: &Reset) {
        self.engine.halted();
    }

    /// Buffers that can be posted now; 0 while the queue is not enabled.
    #[inline]
    pub fn room(&self) -> u16 {
        if self.engine.is_on() { self.posted.room() } else { 0 }
    }

    /// Buffers posted and not yet come back.
    #[inline]
    pub fn posted(&self) -> u16 {
        self.posted.used()
    }

    /// Posts buffers while there is room, with one tail write if there was any; returns how many. Takes no address it
    /// does not post.
    pub fn refill(&mut self, device_addresses: impl IntoIterator<Item = u64>) -> u16 {
        let mut count = 0;
        for address in device_addresses.into_iter().take(self.room().into()) {
            self.post(1, |_| address);
            count += 1;
        }
        self.submit();
        count
    }

    /// How many buffers [`Self::post`] takes at once: as many as there is room for before the end of the ring.
    #[inline]
    pub fn straight_room(&self) -> usize {
        self.posted.straight_room(self.room()).into()
    }

    /// Posts `count` buffers, at most [`Self::straight_room`], the n-th one at `device_address(n)`. The hardware sees them
    /// when they are submitted.
    #[inline]
    pub fn post(&mut self, count: usize, device_address: impl Fn(usize) -> u64) {
        let room = self.room();
        let slots = self.descriptors.walk(self.posted.end(), room).straight();
        let slots = slots.first(count);
        for n in 0..count {
            // The second word is the header address, unused; its zero also clears DD.
            slots.get(n).write(device_address(n), 0);
        }
        // CAST: a ring has at most 4096 descriptors.
        self.posted.extend(count as u16);
    }

    /// Makes the posted buffers the hardware's, with one tail write if there are new ones; returns whether.
    #[inline]
    pub fn submit(&mut self) -> bool {
        let tail = self.posted.end();
        let new = tail != self.tail;
        if new {
            self.tail = tail;
            self.engine.doorbell(tail);
        }
        new
    }

    /// The descriptors the hardware is done with, oldest first. Each one taken is a buffer come back. Reads memory only.
    #[inline]
    pub fn completions(&mut self) -> Completions<'_> {
        // A DD behind what was posted is never looked at.
        let posted = self.descriptors.walk(self.posted.first(), self.posted.used());
        Completions { ahead: posted, posted: &mut self.posted, buffer_size: self.buffer_size }
    }

    /// Takes back every buffer not filled, once DMA is off: their number, in order after those of
    /// [`Self::completions`]. While DMA may be on it does nothing and returns 0.
    pub fn abandon(&mut self) -> u16 {
        if !self.engine.is_off() {
            return 0;
        }
        let count = self.posted.used();
        self.posted.clear();
        count
    }

    /// Memory, back to the CPU alone; the queue itself while its DMA may be on.
    pub fn release(self) -> Result<DmaMemory, Self> {
        if self.engine.is_off() { Ok(self.descriptors.unshare()) } else { Err(self) }
    }
}

/// Iterator of [`Queue::completions`].
pub struct Completions<'q> {
    ahead: Walk<'q>,
    posted: &'q mut Run,
    buffer_size: u16,
}

impl Iterator for Completions<'_> {
    type Item = Completion;

    #[inline]
    fn next(&mut self) -> Option<Completion> {
        let mut ahead = self.ahead;
        let word = ahead.next()?.read_high();
        if word & DD == 0 {
            return None;
        }
        read_barrier();
        self.ahead = ahead;
        Some(Completion::checked(word, self.buffer_size))
    }
}

impl<'q> Completions<'q> {
    /// A look ahead at `most` descriptors, up to the end of the ring at most. What it shows stays until [`Self::pass`].
    #[inline]
    pub fn straight(&self, most: usize) -> Ahead<'q> {
        let descriptors = self.ahead.straight();
        let count = most.min(descriptors.len());
        Ahead { descriptors: descriptors.first(count), buffer_size: self.buffer_size.into() }
    }

    /// Takes the next `count` descriptors of [`Self::straight`]: the caller has seen that the hardware is done with them.
    #[inline]
    pub fn pass(&mut self, count: usize) {
        read_barrier();
        self.ahead.pass(count);
    }
}

/// Descriptors posted, of which the hardware may be done with some.
pub struct Ahead<'q> {
    descriptors: Straight<'q>,
    buffer_size: u64,
}

impl Ahead<'_> {
    /// Number of descriptors.
    #[inline]
    pub const fn len(&self) -> usize {
        self.descriptors.len()
    }

    /// No descriptor is posted.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Length of the frame that descriptor `n` reports, if that is a good frame in one buffer.
    #[inline]
    pub fn whole(&self, n: usize) -> Option<u16> {
        // With the length in the low bits, DD and EOP without RXE above them and a length of 1..=buffer size together
        // are one interval of numbers.
        const WHOLE: u64 = (DD | EOP).rotate_left(64 - LENGTH_SHIFT);
        let report = (self.descriptors.get(n).read_high() & (LENGTH | RXE | EOP | DD)).rotate_right(LENGTH_SHIFT);
        let less_one = report.wrapping_sub(WHOLE + 1);
        // CAST: a buffer has at most 16 KiB.
        (less_one < self.buffer_size).then(|| less_one as u16 + 1)
    }
}

impl Drop for Completions<'_> {
    #[inline]
    fn drop(&mut self) {
        self.posted.retire(self.posted.used() - self.ahead.left());
    }
}

/// What the hardware reports of one buffer.
///
/// Invariant: the length is at most the buffer's size; a bad descriptor has length 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion(u64);

impl Completion {
    #[inline]
    fn checked(word: u64, buffer_size: u16) -> Completion {
        let impossible = Completion(word).length().wrapping_sub(1) >= buffer_size;
        if word & RXE == 0 && !impossible { Completion(word) } else { Completion::doubtful(word, impossible) }
    }

    #[cold]
    fn doubtful(word: u64, impossible: bool) -> Completion {
        // RXE means something together with EOP only (7.1.5.2). An impossible length is an error of its own.
        let bad = impossible || word & EOP != 0;
        if bad { Completion(word & !LENGTH | RXE) } else { Completion(word & !RXE) }
    }

    /// Bytes in the buffer: 1..=buffer size, or 0 if the descriptor is bad.
    #[inline]
    pub const fn length(self) -> u16 {
        (self.0 >> LENGTH_SHIFT) as u16
    }

    /// The 802.1Q tag that was taken out of the frame; valid where the frame ends.
    #[inline]
    pub const fn tag(self) -> Option<u16> {
        // CAST: the tag is the last 16 bits.
        if self.0 & VP != 0 { Some((self.0 >> TAG_SHIFT) as u16) } else { None }
    }

    /// The frame ends in this buffer.
    #[inline]
    pub const fn is_end(self) -> bool {
        self.0 & EOP != 0
    }

    /// The buffer holds nothing of use: a receive error, or a length that cannot be.
    #[inline]
    pub const fn is_bad(self) -> bool {
        self.0 & RXE != 0
    }
}
