//! A VM queue's ring: its buffers go round between the device, the consumer and here.

use crate::{
    hardware::{Mmio, Stall},
    vmq::{
        consumer::Consumer,
        memory::{Buffer, Memory},
        packets::{Chain, Frame, Packets},
    },
};
use alloc::{collections::VecDeque, vec::Vec};
use igb::{
    Error,
    device::Reset,
    rx::{Dropped, Frame as Assembled, FrameAssembler, Queue},
};
use netadaptercx::irql::Passive;
use vmq::QueueId;

/// Where each buffer is that the consumer does not have.
pub struct Lists {
    /// In the ring, in its order.
    posted: VecDeque<u16>,
    /// In nobody's hands.
    spare: Vec<u16>,
}

impl Lists {
    /// Lists of `count` buffers, all spare; none without memory for them.
    pub fn new(count: u16) -> Option<Self> {
        let (mut posted, mut spare) = (VecDeque::new(), Vec::new());
        posted.try_reserve_exact(count.into()).ok()?;
        spare.try_reserve_exact(count.into()).ok()?;
        spare.extend(0..count);
        Some(Self { posted, spare })
    }
}

/// The hardware's ring.
pub struct Ring {
    ring: Queue<Mmio>,
    lists: Lists,
    /// A frame lies in one buffer; what goes on in another is dropped.
    frames: FrameAssembler,
    memory: Memory,
    pub consumer: Consumer,
    /// Device resets that the ring knows of.
    resets: u64,
}

impl Ring {
    /// A ring over `memory`, whose buffers are in `lists`.
    pub const fn new(ring: Queue<Mmio>, memory: Memory, lists: Lists, consumer: Consumer) -> Self {
        Self { ring, lists, frames: FrameAssembler::new(1), memory, consumer, resets: 0 }
    }

    /// Buffers the device has.
    #[inline]
    pub fn posted(&self) -> u16 {
        self.ring.posted()
    }

    /// Frames dropped so far.
    #[inline]
    pub const fn dropped(&self) -> Dropped {
        self.frames.dropped()
    }

    /// Takes up to `most` descriptors the hardware is done with: their number. Good frames go to the end of `chain`, the
    /// buffers of others are spare again.
    pub fn take(&mut self, queue: QueueId, filter: u32, packets: &Packets, most: u16, chain: &mut Chain) -> u16 {
        let mut taken = 0;
        for completion in self.ring.completions().take(most.into()) {
            taken += 1;
            // The two go round in step.
            let Some(index) = self.lists.posted.pop_front() else { break };
            match (self.frames.push(completion), self.memory.buffers().get(usize::from(index))) {
                (Assembled::Whole { length, .. }, Some(Buffer { data, .. })) => {
                    let frame = Frame { queue, filter, data: data.as_ptr(), length, tag: completion.tag() };
                    packets.chain(chain, index, &frame);
                }
                _ => self.lists.spare.push(index),
            }
        }
        taken
    }

    /// Takes back the buffers of a chain that nobody got.
    pub fn keep(&mut self, packets: &Packets, chain: &Chain) {
        let mut packet = chain.first;
        while let Some(index) = packets.index(packet) {
            packet = packets.next(index);
            // CAST: a queue has at most 65535 buffers.
            packets.buffers.keep(index as u16);
            self.lists.spare.push(index as u16);
        }
    }

    /// Takes the returned buffers and gives the device all it has room for, with one tail write; whether there was one.
    pub fn refill(&mut self, packets: &Packets) -> bool {
        self.lists.spare.extend(packets.buffers.collect());
        let Self { ring, lists: Lists { posted, spare }, memory, .. } = self;
        let addresses = core::iter::from_fn(|| {
            let index = spare.pop()?;
            posted.push_back(index);
            memory.buffers().get(usize::from(index)).map(|buffer| buffer.device_address)
        });
        ring.refill(addresses) != 0
    }

    /// Learns of resets of the device since the ring was started last: `count` in all, of which `last` is the newest.
    pub fn note_resets(&mut self, count: u64, last: Option<&Reset>) {
        if let Some(reset) = last.filter(|_| count != self.resets) {
            self.ring.halted(reset);
        }
        self.resets = count;
    }

    /// Starts the hardware with every buffer that the consumer does not have.
    pub fn start(&mut self, packets: &Packets) -> Result<(), Error> {
        self.empty();
        self.ring.enable(&Stall)?;
        self.refill(packets);
        Ok(())
    }

    /// Stops the hardware; after `Ok` nothing of the memory is under DMA, and what was not taken is gone.
    pub fn stop(&mut self) -> Result<(), Error> {
        match self.ring.disable(&Stall) {
            Ok(()) | Err(Error::DeviceGone) => {}
            Err(error) => return Err(error),
        }
        self.empty();
        Ok(())
    }

    /// The device was reset after [`Self::stop`] failed.
    pub fn halted(&mut self, reset: &Reset) {
        self.ring.halted(reset);
        self.empty();
    }

    /// Takes all buffers out of the ring, once DMA is off.
    fn empty(&mut self) {
        self.ring.completions().for_each(drop);
        self.ring.abandon();
        self.frames.reset();
        self.lists.spare.extend(self.lists.posted.drain(..));
    }

    /// Gives the memory back; false, and leaks it, if it may still be under DMA.
    pub fn free(self, passive: Passive<'_>) -> bool {
        let mut ring = self.ring;
        // It is off already, or the device is gone and says so.
        let _ = ring.disable(&Stall);
        let free = ring.release().is_ok();
        if free {
            self.memory.free(passive);
        } else {
            core::mem::forget(self.memory);
        }
        free
    }
}
