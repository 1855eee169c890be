//! Memory-mapped device registers.

use crate::{Result, Status, irql::Passive, wdf::resources::MemoryRange};
use core::ptr::NonNull;
use wdk_sys::{
    PAGE_NOCACHE, PAGE_READWRITE,
    ntddk::{MmMapIoSpaceEx, MmUnmapIoSpace},
};

/// A device's registers, mapped uncached for as long as this value lives.
pub struct Mapping {
    base: NonNull<u8>,
    len: u32,
}
// SAFETY: a mapping in system space may be used from any thread.
unsafe impl Send for Mapping {}
// SAFETY: register accesses are single volatile loads and stores; the device serialises them.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `range`.
    ///
    /// # Errors
    /// STATUS_INSUFFICIENT_RESOURCES when the system has no room.
    pub fn new(range: MemoryRange, _passive: Passive<'_>) -> Result<Self> {
        // SAFETY: a range that PnP assigned to the device; PASSIVE_LEVEL by the token.
        let base = unsafe { MmMapIoSpaceEx(range.start, range.len as _, PAGE_READWRITE | PAGE_NOCACHE) };
        NonNull::new(base.cast())
            .map(|base| Self { base, len: range.len })
            .ok_or(Status::new(wdk_sys::STATUS_INSUFFICIENT_RESOURCES))
    }

    /// A copyable window on the registers.
    ///
    /// # Safety
    /// It is not used after the mapping is dropped. A driver drops the mapping in ReleaseHardware, when its interrupts are
    /// disconnected and its queues are destroyed.
    #[must_use]
    pub const unsafe fn window(&self) -> Window {
        Window { base: self.base, len: self.len }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `new`, with its length.
        unsafe { MmUnmapIoSpace(self.base.as_ptr().cast(), self.len as _) };
    }
}

/// 32-bit registers of a mapped device.
#[derive(Clone, Copy)]
pub struct Window {
    base: NonNull<u8>,
    len: u32,
}
// SAFETY: as for `Mapping`.
unsafe impl Send for Window {}
// SAFETY: as for `Mapping`.
unsafe impl Sync for Window {}

impl Window {
    /// Reads the register at byte `offset`. All ones outside the mapping, as from a device that is gone.
    #[inline]
    #[must_use]
    pub fn read(&self, offset: u32) -> u32 {
        match self.register(offset) {
            // SAFETY: inside the mapping and aligned; see `window` for its lifetime.
            Some(register) => unsafe { register.read_volatile() },
            None => u32::MAX,
        }
    }

    /// Writes the register at byte `offset`. Nothing happens outside the mapping.
    #[inline]
    pub fn write(&self, offset: u32, value: u32) {
        if let Some(register) = self.register(offset) {
            // SAFETY: as in `read`.
            unsafe { register.write_volatile(value) };
        }
    }

    #[inline]
    fn register(&self, offset: u32) -> Option<*mut u32> {
        (offset.is_multiple_of(4) && offset < self.len && self.len - offset >= 4)
            // SAFETY: the offset lies inside the mapping.
            .then(|| unsafe { self.base.as_ptr().add(offset as usize).cast() })
    }
}
