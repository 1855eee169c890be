//! Memory that the device reaches: buffers of Tx packets and Rx frames.

use lab_kernel::dma::{DmaBlock, alloc_contiguous};
use lab_kmdf::Bus;
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes of a page: what a DMA mapping covers.
pub const PAGE: usize = 4096;

/// Guest memory for the buffers of one queue, mapped as a whole or range by range.
pub struct Region {
    block: DmaBlock,
    bus: Option<Arc<dyn Bus>>,
    /// Logical address when mapped as a whole.
    whole: Option<u64>,
    /// The device writes it (Rx).
    write: bool,
}

impl Region {
    /// `len` bytes. Without `bus` the client asked for no DMA mapping; `strict` leaves the mapping to [`Region::map`].
    pub fn new(len: usize, bus: Option<Arc<dyn Bus>>, strict: bool, write: bool) -> Option<Region> {
        let block = alloc_contiguous(len.next_multiple_of(PAGE))?;
        let whole = match &bus {
            Some(bus) if !strict => Some(bus.dma_map(block.phys, block.len as u64, write)),
            _ => None,
        };
        Some(Region { block, bus, whole, write })
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.block.len
    }

    /// True if ranges are mapped one by one.
    pub fn is_strict(&self) -> bool {
        self.bus.is_some() && self.whole.is_none()
    }

    /// Makes a page-aligned range reachable for the device; its logical address (0 without DMA).
    pub fn map(&self, offset: usize, len: usize) -> u64 {
        match (&self.bus, self.whole) {
            (_, Some(whole)) => whole + offset as u64,
            (Some(bus), None) => {
                assert!(offset.is_multiple_of(PAGE));
                bus.dma_map(self.block.phys + offset as u64, len.next_multiple_of(PAGE) as u64, self.write)
            }
            (None, None) => 0,
        }
    }

    /// Undoes [`Region::map`].
    pub fn unmap(&self, logical: u64, len: usize) {
        if let (Some(bus), None) = (&self.bus, self.whole) {
            bus.dma_unmap(logical, len.next_multiple_of(PAGE) as u64);
        }
    }

    /// Address in this process.
    pub fn va(&self, offset: usize) -> usize {
        debug_assert!(offset <= self.block.len);
        self.block.va as usize + offset
    }

    /// Copies bytes in.
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        assert!(offset + bytes.len() <= self.block.len);
        // SAFETY: the range lies in the block, which this value owns; the device may read it meanwhile, as on hardware.
        unsafe { self.block.va.add(offset).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }

    /// Appends bytes to `out`.
    pub fn read_into(&self, offset: usize, len: usize, out: &mut Vec<u8>) {
        assert!(offset + len <= self.block.len);
        // SAFETY: the range lies in the block; the client returned it, so nobody writes it.
        out.extend_from_slice(unsafe { std::slice::from_raw_parts(self.block.va.add(offset), len) });
    }

    /// Fills a range.
    pub fn fill(&self, offset: usize, len: usize, value: u8) {
        assert!(offset + len <= self.block.len);
        // SAFETY: as for `write`.
        unsafe { self.block.va.add(offset).write_bytes(value, len) };
    }

    /// First byte of a range that is not `value`.
    pub fn first_other(&self, offset: usize, len: usize, value: u8) -> Option<usize> {
        assert!(offset + len <= self.block.len);
        // SAFETY: as for `read_into`; a device that writes now is what the caller looks for.
        unsafe { std::slice::from_raw_parts(self.block.va.add(offset), len) }.iter().position(|b| *b != value)
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if let (Some(bus), Some(whole)) = (&self.bus, self.whole) {
            bus.dma_unmap(whole, self.block.len as u64);
        }
    }
}

/// Reads memory that the client attached itself.
///
/// # Safety
/// `va` is the start of `len` readable bytes.
pub unsafe fn read_client_memory(va: u64, len: usize, out: &mut Vec<u8>) {
    // SAFETY: the caller vouches for the range.
    out.extend_from_slice(unsafe { std::slice::from_raw_parts(va as *const u8, len) });
}

/// Space of a region given out and taken back in the same order.
pub struct Fifo {
    size: usize,
    /// Start and end of what is given out, oldest first. Wraps at most once, and never touches its own tail.
    live: VecDeque<(usize, usize)>,
}

impl Fifo {
    /// Over `size` bytes.
    pub fn new(size: usize) -> Fifo {
        Fifo { size, live: VecDeque::new() }
    }

    /// The offset of `len` bytes at `align`; `None`: not now.
    pub fn take(&mut self, len: usize, align: usize) -> Option<usize> {
        let (Some(&(tail, _)), Some(&(newest, head))) = (self.live.front(), self.live.back()) else {
            return self.give(0, len, self.size);
        };
        let start = head.next_multiple_of(align);
        if newest >= tail {
            self.give(start, len, self.size).or_else(|| self.give(0, len, tail))
        } else {
            self.give(start, len, tail)
        }
    }

    fn give(&mut self, start: usize, len: usize, limit: usize) -> Option<usize> {
        let end = start.checked_add(len.max(1))?;
        if end > limit {
            return None;
        }
        self.live.push_back((start, end));
        Some(start)
    }

    /// Takes the oldest range back.
    pub fn release_oldest(&mut self) {
        self.live.pop_front();
    }

    /// Takes the newest range back.
    pub fn release_newest(&mut self) {
        self.live.pop_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_never_overlap_and_the_space_is_reused() {
        let mut fifo = Fifo::new(1000);
        let mut live: VecDeque<(usize, usize)> = VecDeque::new();
        let mut state = 7u64;
        let mut given = 0;
        for _ in 0..10_000 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
            let len = (state >> 33) as usize % 200 + 1;
            let align = 1 << ((state >> 50) % 5);
            if let Some(start) = fifo.take(len, align) {
                assert!(start.is_multiple_of(align) && start + len <= 1000);
                assert!(live.iter().all(|(s, l)| start + len <= *s || s + l <= start), "{start}+{len} in {live:?}");
                live.push_back((start, len));
                given += 1;
            } else {
                assert!(!live.is_empty(), "an empty space takes {len} bytes");
                fifo.release_oldest();
                live.pop_front();
            }
        }
        assert!(given > 4000);
    }
}
