//! The memory of a VM queue: its ring and its receive buffers.
//!
//! NDIS is asked first: what it grants is memory that the consumer of the queue could map for its virtual machine. Where it
//! grants none (it was never told of VM queues by an adapter of NetAdapterCx), WDF common buffers serve as well.

use alloc::vec::Vec;
use core::ptr::NonNull;
use igb::memory::DmaMemory;
use netadaptercx::{
    Result, Status,
    adapter::Adapter,
    irql::Passive,
    ndis::{SharedMemory, Usage},
    wdf::dma::{CommonBuffer, DmaEnabler},
};
use vmq::QueueId;

/// Bytes of a piece of buffer memory: large enough to be few, small enough to be found in one piece.
const PIECE: usize = 64 * 1024;
/// Alignment of WDF common buffers: the ring's (82576 datasheet 8.10.5).
const ALIGNMENT: u32 = 128;

/// Where memory comes from.
pub trait Source {
    /// `len` bytes in one piece, for CPU and device.
    fn allocate(&self, usage: Usage, len: usize, passive: Passive<'_>) -> Result<Block>;
    /// Which one this is.
    fn kind(&self) -> Kind;
}

/// The sources by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// NdisAllocateSharedMemory.
    Ndis,
    /// WdfCommonBufferCreateWithConfig.
    Wdf,
}

/// NDIS shared memory of a queue.
pub struct Ndis {
    pub adapter: Adapter,
    pub queue: QueueId,
}

impl Source for Ndis {
    fn allocate(&self, usage: Usage, len: usize, passive: Passive<'_>) -> Result<Block> {
        let len = u32::try_from(len).map_err(|_| Status::new(wdk_sys::STATUS_INSUFFICIENT_RESOURCES))?;
        SharedMemory::new(self.adapter, self.queue.number(), usage, len, passive).map(Block::Ndis)
    }

    fn kind(&self) -> Kind {
        Kind::Ndis
    }
}

/// WDF common buffers of the device.
pub struct Wdf(pub DmaEnabler);

impl Source for Wdf {
    fn allocate(&self, _usage: Usage, len: usize, passive: Passive<'_>) -> Result<Block> {
        CommonBuffer::new(self.0, len, ALIGNMENT, passive).map(Block::Wdf)
    }

    fn kind(&self) -> Kind {
        Kind::Wdf
    }
}

/// A piece of memory. It is freed by [`Memory::free`]; dropped otherwise, it may be leaked.
pub enum Block {
    Ndis(SharedMemory),
    Wdf(CommonBuffer),
}

impl Block {
    fn address(&self) -> NonNull<u8> {
        match self {
            Self::Ndis(memory) => memory.address(),
            Self::Wdf(buffer) => buffer.address(),
        }
    }

    fn device_address(&self) -> u64 {
        match self {
            Self::Ndis(memory) => memory.device_address(),
            Self::Wdf(buffer) => buffer.device_address(),
        }
    }

    fn free(self, passive: Passive<'_>) {
        match self {
            Self::Ndis(memory) => memory.free(passive),
            Self::Wdf(buffer) => drop(buffer),
        }
    }
}

/// A receive buffer: where the CPU and where the device sees it.
#[derive(Clone, Copy)]
pub struct Buffer {
    pub data: NonNull<u8>,
    pub device_address: u64,
}

/// Ring and buffers.
pub struct Memory {
    blocks: Vec<Block>,
    buffers: Vec<Buffer>,
    kind: Kind,
}
// SAFETY: plain memory, owned.
unsafe impl Send for Memory {}

impl Memory {
    /// Memory for a ring of `ring_len` bytes and `count` buffers of `buffer_len` bytes, all of one source: the first that
    /// grants it. What the last one says is the error.
    pub fn new(
        sources: [&dyn Source; 2],
        ring_len: usize,
        count: u16,
        buffer_len: usize,
        passive: Passive<'_>,
    ) -> Result<(Self, DmaMemory)> {
        let [first, second] = sources;
        let from = |source| Self::from(source, ring_len, count, buffer_len, passive);
        let memory = from(first).or_else(|_| from(second))?;
        // The ring is the first block.
        let ring = &memory.blocks[0];
        // SAFETY: `ring_len` bytes of a fresh block that nothing else refers to and `memory` keeps; its owner gives it back
        // after the queue that takes this.
        let shared = unsafe { DmaMemory::new(ring.address(), ring.device_address(), ring_len) };
        Ok((memory, shared))
    }

    fn from(source: &dyn Source, ring_len: usize, count: u16, buffer_len: usize, passive: Passive<'_>) -> Result<Self> {
        let no_memory = Status::new(wdk_sys::STATUS_INSUFFICIENT_RESOURCES);
        let each = (PIECE / buffer_len).max(1);
        let pieces = usize::from(count).div_ceil(each);
        let mut memory = Self { blocks: Vec::new(), buffers: Vec::new(), kind: source.kind() };
        memory.blocks.try_reserve_exact(1 + pieces).map_err(|_| no_memory)?;
        memory.buffers.try_reserve_exact(count.into()).map_err(|_| no_memory)?;
        let lengths = core::iter::once((Usage::Other, ring_len))
            .chain(core::iter::repeat_n((Usage::Receive, each * buffer_len), pieces));
        for (usage, len) in lengths {
            match source.allocate(usage, len, passive) {
                Ok(block) => memory.blocks.push(block),
                Err(status) => {
                    memory.free(passive);
                    return Err(status);
                }
            }
        }
        for n in 0..usize::from(count) {
            let (block, offset) = (&memory.blocks[1 + n / each], n % each * buffer_len);
            memory.buffers.push(Buffer {
                // SAFETY: `each` buffers fit in a piece.
                data: unsafe { block.address().add(offset) },
                device_address: block.device_address() + offset as u64,
            });
        }
        Ok(memory)
    }

    /// The buffers, by index.
    pub fn buffers(&self) -> &[Buffer] {
        &self.buffers
    }

    /// Where it came from.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Gives everything back. Neither the device nor the consumer uses any of it any more.
    pub fn free(self, passive: Passive<'_>) {
        for block in self.blocks {
            block.free(passive);
        }
    }
}
