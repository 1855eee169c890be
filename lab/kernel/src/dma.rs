//! Memory that driver and device share.

use crate::platform::RamRange;

/// Physically contiguous, zeroed, page-aligned guest RAM; freed on drop.
#[derive(Debug)]
pub struct DmaBlock {
    /// Address in this process.
    pub va: *mut u8,
    /// Guest-physical address.
    pub phys: u64,
    /// Bytes asked for.
    pub len: usize,
    range: RamRange,
}

// SAFETY: the block is plain shared memory that this value owns; nothing in it is tied to a thread.
unsafe impl Send for DmaBlock {}

/// Takes `len` bytes of guest RAM. `None` when there is no room.
pub fn alloc_contiguous(len: usize) -> Option<DmaBlock> {
    let platform = crate::cpu::platform();
    let range = platform.ram_alloc(len.max(1).div_ceil(4096), 4096)?;
    // SAFETY: the platform hands out `range.len` mapped bytes at `range.va` that nothing else uses.
    unsafe { range.va.write_bytes(0, range.len) };
    Some(DmaBlock { va: range.va, phys: range.phys, len, range })
}

impl Drop for DmaBlock {
    fn drop(&mut self) {
        crate::cpu::platform().ram_free(self.range);
    }
}
