//! Transmit queues with advanced data descriptors (7.2.2.3).
//!
//! Status is asked for (RS) once per group of packets, not per packet: with TXDCTL.WTHRESH = 0 the hardware writes back
//! exactly the descriptors that carry RS (8.12), and since it works in order, DD there means that everything before is
//! done too. A FIFO of these groups in CPU memory says what each DD completes, so the device can be early, late or
//! silent, but never make the count wrong.

use core::ops::DerefMut;

use crate::device::Reset;
use crate::memory::{DESCRIPTOR_BYTES, Descriptors, DmaMemory, read_barrier};
use crate::model::Model;
use crate::queue::{Engine, check_ring};
use crate::regs::{QueueControl, TDWBAL};
use crate::ring::Run;
use crate::{Delay, Direction, Error, Registers};

mod batch;
#[cfg(test)]
mod tests;

pub use batch::{Batch, Fragment, Posted, Refusal};

/// Descriptor done, in the second word of a write-back (7.2.2.3).
const DD: u64 = 1 << 32;

/// Zeroes behind the ring, for packets too short to send.
const PAD_BYTES: usize = 64;

/// Most descriptors between two RS; fewer in a small ring, so that it empties in several steps.
const REPORT_EVERY: u16 = 32;

/// Prefetch below 8 on the chip, fetch at once, write back each RS by itself.
const THRESHOLDS: QueueControl = QueueControl::thresholds(8, 1, 0);

/// Bytes of [`DmaMemory`] for a ring.
pub const fn memory_len(descriptors: u16) -> usize {
    descriptors as usize * DESCRIPTOR_BYTES + PAD_BYTES
}

/// What the DD of one descriptor completes: a group of packets. A queue's owner provides one per descriptor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Completion {
    last: u16,
    descriptors: u16,
    packets: u32,
}

/// One transmit queue. `C` holds its completions: `Box<[Completion]>`, `&mut [Completion]` and the like.
pub struct Queue<R, C> {
    engine: Engine<R>,
    descriptors: Descriptors,
    completions: C,
    books: Books,
}

/// What is under way.
struct Books {
    /// Descriptors posted and not reclaimed.
    in_flight: Run,
    /// Completions posted and not reclaimed.
    pending: Run,
    /// What the hardware was last told.
    tail: u16,
    /// Most descriptors between two RS.
    report_every: u16,
    /// Packets not sent, with nothing in flight before them.
    idle: u32,
    /// Packets taken and not reclaimed.
    outstanding: u32,
}

impl<R: Registers, C: DerefMut<Target = [Completion]>> Queue<R, C> {
    /// Queue `index` with a ring of `descriptors` (64..=4096, a multiple of 8) in `memory` ([`memory_len`] bytes,
    /// 128-byte aligned for the device). `completions` has at least `descriptors` entries.
    pub fn new(
        registers: R,
        model: &Model,
        index: u8,
        descriptors: u16,
        memory: DmaMemory,
        completions: C,
    ) -> Result<Self, Error> {
        check_ring(descriptors)?;
        Self::with_size(registers, model, index, descriptors, memory, completions)
    }

    /// As [`Self::new`], for sizes the hardware has not, so that tests can visit every state.
    fn with_size(
        registers: R,
        model: &Model,
        index: u8,
        size: u16,
        memory: DmaMemory,
        completions: C,
    ) -> Result<Self, Error> {
        let engine = Engine::new(registers, model, Direction::Transmit, index)?;
        if completions.len() < usize::from(size) {
            return Err(Error::BadRing);
        }
        Ok(Queue {
            engine,
            descriptors: Descriptors::share(memory, size, PAD_BYTES)?,
            completions,
            books: Books {
                in_flight: Run::new(size),
                pending: Run::new(size),
                tail: 0,
                report_every: REPORT_EVERY.min((size / 4).max(1)),
                idle: 0,
                outstanding: 0,
            },
        })
    }

    /// Starts the hardware on an empty ring.
    pub fn enable(&mut self, delay: &impl Delay) -> Result<(), Error> {
        if self.books.outstanding != 0 {
            return Err(self.engine.busy());
        }
        self.forget();
        let head_write_back = TDWBAL.at(self.engine.index());
        // Head write-back would replace DD, and write to an address of whoever set it.
        self.engine.enable(delay, &self.descriptors, THRESHOLDS, |bus| bus.write(head_write_back, 0))
    }

    /// Stops the hardware. After `Ok` or [`Error::DeviceGone`] nothing of this queue is under DMA; after
    /// [`Error::QueueStuck`] only a device reset and [`Self::halted`] get there.
    pub fn disable(&mut self, delay: &impl Delay) -> Result<(), Error> {
        self.engine.disable(delay)
    }

    /// The device was reset.
    pub fn halted(&mut self, _: &Reset) {
        self.engine.halted();
    }

    /// Number of packets completed since the last call, the oldest first. Reads memory only.
    #[inline]
    pub fn reclaim(&mut self) -> u32 {
        let mut packets = core::mem::take(&mut self.books.idle);
        while self.books.pending.used() != 0 {
            let group = self.completions[usize::from(self.books.pending.first())];
            if self.descriptors.read_high(group.last) & DD == 0 {
                break;
            }
            self.books.in_flight.retire(group.descriptors);
            self.books.pending.retire(1);
            packets += group.packets;
        }
        read_barrier();
        self.books.outstanding -= packets;
        packets
    }

    /// Gives up on everything not completed, once DMA is off: the number of packets, in order after those of
    /// [`Self::reclaim`]. While DMA may be on it does nothing and returns 0.
    pub fn abandon(&mut self) -> u32 {
        if !self.engine.is_off() {
            return 0;
        }
        self.forget();
        core::mem::take(&mut self.books.outstanding)
    }

    /// Back to an empty ring, as the hardware sees it when enabled.
    fn forget(&mut self) {
        self.books.in_flight.clear();
        self.books.pending.clear();
        self.books.tail = 0;
        self.books.idle = 0;
    }

    /// Descriptors that can be posted now; 0 while the queue is not enabled.
    #[inline]
    pub fn room(&self) -> u16 {
        if self.engine.is_on() { self.books.in_flight.room() } else { 0 }
    }

    /// Packets taken and not yet reported by [`Self::reclaim`] or [`Self::abandon`].
    #[inline]
    pub fn outstanding(&self) -> u32 {
        self.books.outstanding
    }

    /// Starts a batch of packets.
    #[inline]
    pub fn batch(&mut self) -> Batch<'_, R> {
        let room = self.room();
        let pad_address = self.descriptors.trailer_device_address();
        let free = self.descriptors.walk(self.books.in_flight.end(), room);
        Batch::new(&self.engine, free, pad_address, &mut self.completions, &mut self.books)
    }

    /// Memory and completions, back to the CPU alone; the queue itself while its DMA may be on.
    pub fn release(self) -> Result<(DmaMemory, C), Self> {
        if self.engine.is_off() { Ok((self.descriptors.unshare(), self.completions)) } else { Err(self) }
    }
}
