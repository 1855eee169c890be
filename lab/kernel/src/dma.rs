//! Memory that driver and device share.

use crate::cpu;
use crate::platform::Ram;

const PAGE: usize = 4096;

/// Physically contiguous, zeroed, page-aligned guest RAM; freed on drop.
pub struct DmaBlock {
    /// Address in this process.
    pub va: *mut u8,
    /// Guest-physical address.
    pub phys: u64,
    /// Bytes asked for; the block is whole pages.
    pub len: usize,
    _ram: Ram,
}

// SAFETY: the block is plain shared memory that this value owns; nothing in it is tied to a thread.
unsafe impl Send for DmaBlock {}

/// Takes `len` bytes of guest RAM. `None` when there is no room.
pub fn alloc_contiguous(len: usize) -> Option<DmaBlock> {
    let pages = len.max(1).div_ceil(PAGE) as u64;
    let ram = cpu::platform().ram_alloc(pages, PAGE as u64)?;
    // SAFETY: the platform hands out `ram.len` mapped bytes at `ram.va` that nothing else uses.
    unsafe { ram.va.write_bytes(0, ram.len) };
    Some(DmaBlock { va: ram.va, phys: ram.phys, len, _ram: ram })
}
