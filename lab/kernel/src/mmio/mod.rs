//! Register windows: device memory mapped so that every access traps and goes to the board.

mod alu;
pub mod emulate;

use crate::{cpu, rules};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

rules! {
    MMIO_MAP_DEVICE: "Only the device's own BARs are mapped", "DDI wdm MmMapIoSpaceEx: PhysicalAddress from the translated resources";
    MMIO_UNMAP_MATCHES: "A window is unmapped once, with the address and length it was mapped with", "DDI wdm MmUnmapIoSpace";
    MMIO_INSIDE: "Accesses stay inside the mapped length", "DDI wdm MmMapIoSpaceEx: NumberOfBytes";
    MMIO_ALIGNED_DWORDS: "Registers are read and written as aligned 32-bit words", "82576 datasheet 8.1, Register Conventions: 32-bit double-words";
}

const PAGE: usize = 4096;

struct Window {
    phys: u64,
    len: usize,
    mapped: bool,
}

/// All windows ever made, by address of their first byte. Address space is not reused, so that an access to a window
/// that was unmapped is recognised.
static WINDOWS: Mutex<BTreeMap<usize, Window>> = Mutex::new(BTreeMap::new());

fn windows() -> MutexGuard<'static, BTreeMap<usize, Window>> {
    WINDOWS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Maps device memory (MmMapIoSpaceEx). Null, and a rule violation, if `phys..phys + len` is not all of one BAR's.
pub fn map(phys: u64, len: usize) -> *mut c_void {
    let ok = len != 0 && cpu::platform().is_device_range(phys, len as u64);
    if !MMIO_MAP_DEVICE.check(ok, || format!("{phys:#x}, {len:#x} bytes")) {
        return ptr::null_mut();
    }
    let offset = phys as usize % PAGE;
    // One page in front and one behind stay out of the window: running over its ends faults.
    let pages = (offset + len).div_ceil(PAGE) + 2;
    // SAFETY: a fresh private mapping without access rights, never unmapped.
    let base = unsafe {
        libc::mmap(
            ptr::null_mut(),
            pages * PAGE,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if base == libc::MAP_FAILED {
        return ptr::null_mut();
    }
    let va = base as usize + PAGE + offset;
    windows().insert(va, Window { phys, len, mapped: true });
    va as *mut c_void
}

/// Takes a window away (MmUnmapIoSpace); false, and a rule violation, if there is none of `len` bytes at `va`.
pub fn unmap(va: *mut c_void, len: usize) -> bool {
    let found = match windows().get_mut(&(va as usize)) {
        Some(window) if window.mapped && window.len == len => {
            window.mapped = false;
            true
        }
        _ => false,
    };
    MMIO_UNMAP_MATCHES.check(found, || format!("no window of {len:#x} bytes at {va:p}"))
}

/// Windows mapped now: device address and length.
pub fn mapped() -> Vec<(u64, usize)> {
    windows().values().filter(|w| w.mapped).map(|w| (w.phys, w.len)).collect()
}

/// True if the lab emulates an access at `address`.
pub(crate) fn contains(address: u64) -> bool {
    windows().range(..=address as usize).next_back().is_some_and(|(va, w)| w.mapped && address as usize - va < w.len)
}

/// What an address near a window is, for a report.
pub(crate) fn describe(address: u64) -> Option<String> {
    const NEAR: usize = 2 * PAGE;
    let windows = windows();
    let near =
        |(va, w): &(&usize, &Window)| (address as usize).wrapping_add(NEAR).wrapping_sub(**va) < w.len + 2 * NEAR;
    let (va, w) = windows.iter().find(near)?;
    let state = if w.mapped { "mapped" } else { "unmapped" };
    let offset = (address as i64).wrapping_sub(*va as i64);
    Some(format!("offset {offset:#x} of the {state} window of {:#x} bytes at device address {:#x}", w.len, w.phys))
}

/// The board as the emulated instruction sees it.
#[derive(Default)]
pub(crate) struct Device {
    /// The instruction has read: all earlier posted writes are done.
    pub(crate) has_read: bool,
}

impl Device {
    fn phys(address: u64, width: u8) -> u64 {
        let windows = windows();
        let (va, window) = windows.range(..=address as usize).next_back().expect("the trap found the window");
        let offset = address as usize - va;
        MMIO_INSIDE.check(offset + usize::from(width) <= window.len, || {
            format!("{width} bytes at offset {offset:#x} of {:#x}", window.len)
        });
        MMIO_ALIGNED_DWORDS
            .check(width == 4 && offset.is_multiple_of(4), || format!("{width} bytes at offset {offset:#x}"));
        window.phys + offset as u64
    }
}

impl emulate::Bus for Device {
    fn read(&mut self, address: u64, width: u8) -> u64 {
        self.has_read = true;
        cpu::platform().mmio_read(Device::phys(address, width), width)
    }

    fn write(&mut self, address: u64, width: u8, value: u64) {
        cpu::platform().mmio_write(Device::phys(address, width), width, value);
    }
}
