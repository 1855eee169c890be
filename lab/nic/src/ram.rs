//! Guest RAM: one memory file, mapped by QEMU for DMA and here for the driver.
//!
//! It is mapped twice. The driver's mapping opens only the pages of live blocks: a page behind a block and a freed
//! block fault like any wild pointer. The lab's own mapping sees everything.

use std::{
    collections::BTreeMap,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use sha2::{Digest, Sha256};

use crate::{error::NicError, page_ranges::PageRanges, sys, sys::Mapping};

/// Bytes of a page, of the processor and of the DMA fence.
pub const PAGE_SIZE: u64 = 4096;

/// Pages below this one are left alone: the first MiB of a PC is not plain RAM.
const FIRST_PAGE: u64 = 256;

/// Memory that the driver and the adapter share.
#[derive(Clone)]
pub struct GuestRam(Arc<Ram>);

struct Ram {
    file: OwnedFd,
    driver: Mapping,
    lab: Mapping,
    len: u64,
    books: Mutex<Books>,
}

struct Books {
    blocks: PageRanges,
    /// How often a page is mapped for DMA.
    dma: BTreeMap<u64, u32>,
}

impl GuestRam {
    pub(crate) fn new(mib: u32) -> Result<GuestRam, NicError> {
        let len = u64::from(mib) << 20;
        let size = len as usize;
        let file = sys::memory_file("netcx-lab-ram", len).map_err(NicError::os("guest RAM"))?;
        let driver = Mapping::new(file.as_fd(), size, false).map_err(NicError::os("guest RAM"))?;
        let lab = Mapping::new(file.as_fd(), size, true).map_err(NicError::os("guest RAM"))?;
        let blocks = PageRanges::new(FIRST_PAGE, len / PAGE_SIZE);
        let books = Mutex::new(Books { blocks, dma: BTreeMap::new() });
        Ok(GuestRam(Arc::new(Ram { file, driver, lab, len, books })))
    }

    pub(crate) fn file(&self) -> BorrowedFd<'_> {
        self.0.file.as_fd()
    }

    /// A zeroed block of `pages` pages whose physical address is a multiple of `align` bytes (a power of two; less
    /// than a page means a page).
    ///
    /// # Errors
    /// [`NicError::OutOfRam`] when no gap is large enough.
    pub fn alloc(&self, pages: u64, align: u64) -> Result<RamBlock, NicError> {
        let align_pages = align.next_power_of_two().div_ceil(PAGE_SIZE);
        let first = self.0.books().blocks.alloc(pages, align_pages).ok_or(NicError::OutOfRam(pages))?;
        let (phys, len) = (first * PAGE_SIZE, pages * PAGE_SIZE);
        self.0.fill_zero(phys, len);
        let opened = self.0.driver.set_accessible(phys as usize, len as usize, true);
        if let Err(e) = opened {
            self.0.books().blocks.free(first);
            return Err(NicError::os("opening a block of guest RAM")(e));
        }
        Ok(RamBlock { va: self.0.driver.at(phys as usize), phys, len, ram: Arc::clone(&self.0) })
    }

    /// SHA-256 over address, length and content of every live block in address order. Two runs that did the same
    /// have the same hash.
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut page = [0; PAGE_SIZE as usize];
        for (first, pages) in self.0.books().blocks.iter() {
            hash.update(first.to_le_bytes());
            hash.update(pages.to_le_bytes());
            for number in first..first + pages {
                self.0.read(number * PAGE_SIZE, &mut page);
                hash.update(page);
            }
        }
        hash.finalize().into()
    }

    /// Whether any page of the range is mapped for DMA.
    pub fn is_dma_mapped(&self, phys: u64, len: u64) -> bool {
        self.0.is_dma_mapped(phys, len)
    }

    /// The driver's address of a byte of a live block.
    pub fn va_of(&self, phys: u64) -> Option<*mut u8> {
        self.0.books().blocks.containing(phys / PAGE_SIZE)?;
        Some(self.0.driver.at(phys as usize))
    }

    /// The physical address behind a driver's address inside a live block.
    pub fn phys_of(&self, va: *const u8) -> Option<u64> {
        let phys = self.0.driver.offset_of(va)? as u64;
        self.0.books().blocks.containing(phys / PAGE_SIZE)?;
        Some(phys)
    }

    /// Notes that the pages `first..first + pages` are mapped for DMA once more.
    ///
    /// # Panics
    /// When one of them belongs to no live block: the caller maps memory it does not own.
    pub(crate) fn note_dma_map(&self, first: u64, pages: u64) {
        let mut books = self.0.books();
        for page in first..first + pages {
            let owned = books.blocks.containing(page).is_some();
            assert!(owned, "page {:#x} is mapped for DMA but belongs to no block of guest RAM", page * PAGE_SIZE);
            *books.dma.entry(page).or_insert(0) += 1;
        }
    }

    /// Takes one DMA mapping of `page` back.
    pub(crate) fn note_dma_unmap(&self, page: u64) {
        let mut books = self.0.books();
        if let Some(count) = books.dma.get_mut(&page) {
            *count -= 1;
            if *count == 0 {
                books.dma.remove(&page);
            }
        }
    }

    /// Forgets every DMA mapping: the device is gone.
    pub(crate) fn forget_dma(&self) {
        self.0.books().dma.clear();
    }
}

impl Ram {
    fn books(&self) -> std::sync::MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn is_dma_mapped(&self, phys: u64, len: u64) -> bool {
        let pages = phys / PAGE_SIZE..(phys + len).div_ceil(PAGE_SIZE);
        self.books().dma.range(pages).next().is_some()
    }

    fn check(&self, phys: u64, len: usize) {
        let end = phys.checked_add(len as u64);
        assert!(end.is_some_and(|end| end <= self.len), "{phys:#x}+{len:#x} lies outside guest RAM");
    }

    fn fill_zero(&self, phys: u64, len: u64) {
        self.check(phys, len as usize);
        // SAFETY: the range lies inside the lab's mapping, which is open as a whole and holds plain bytes.
        unsafe { self.lab.at(phys as usize).write_bytes(0, len as usize) }
    }

    fn read(&self, phys: u64, bytes: &mut [u8]) {
        if bytes.is_empty() {
            return;
        }
        self.check(phys, bytes.len());
        // SAFETY: the source lies inside the lab's open mapping; `bytes` is memory of our own, so they cannot overlap.
        // The device may write meanwhile: then the bytes are old or new ones, as on real hardware.
        unsafe { self.lab.at(phys as usize).copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len()) }
    }

    fn write(&self, phys: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.check(phys, bytes.len());
        // SAFETY: as in `read`, the other way.
        unsafe { self.lab.at(phys as usize).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) }
    }
}

/// A block of guest RAM, freed when dropped.
///
/// # Panics
/// Dropping panics when the block is still mapped for DMA: the device could write into its next owner.
pub struct RamBlock {
    va: *mut u8,
    phys: u64,
    len: u64,
    ram: Arc<Ram>,
}

// SAFETY: `va` points into a shared mapping that `ram` keeps alive; all access through this type is by copies.
unsafe impl Send for RamBlock {}
// SAFETY: as above.
unsafe impl Sync for RamBlock {}

impl RamBlock {
    /// Address for the driver; valid as long as the block lives.
    pub fn va(&self) -> *mut u8 {
        self.va
    }

    /// Physical address. Not a DMA address while the fence is up: see [`crate::Nic::dma_map`].
    pub fn phys(&self) -> u64 {
        self.phys
    }

    /// Length in bytes, a multiple of the page size.
    #[expect(clippy::len_without_is_empty, reason = "a block is never empty")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Copies bytes from `offset` on.
    ///
    /// # Panics
    /// When they lie outside the block; so do the functions below.
    pub fn read(&self, offset: u64, bytes: &mut [u8]) {
        self.check(offset, bytes.len());
        self.ram.read(self.phys + offset, bytes);
    }

    /// Copies bytes to `offset`.
    pub fn write(&self, offset: u64, bytes: &[u8]) {
        self.check(offset, bytes.len());
        self.ram.write(self.phys + offset, bytes);
    }

    /// The little-endian 64-bit number at `offset`.
    pub fn read_u64(&self, offset: u64) -> u64 {
        let mut bytes = [0; 8];
        self.read(offset, &mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Puts a little-endian 64-bit number at `offset`.
    pub fn write_u64(&self, offset: u64, value: u64) {
        self.write(offset, &value.to_le_bytes());
    }

    /// The 32-bit number at `offset` (a multiple of 4), replaced by zero in one step.
    pub(crate) fn take_u32(&self, offset: u64) -> u32 {
        self.check(offset, 4);
        assert!(offset.is_multiple_of(4), "unaligned word at {offset:#x}");
        let word = self.ram.lab.at((self.phys + offset) as usize).cast::<u32>();
        // SAFETY: aligned, inside the lab's open mapping, which `ram` keeps alive.
        let word = unsafe { AtomicU32::from_ptr(word) };
        // A plain look first: an exchange would pull the line over from QEMU on every poll.
        if word.load(Ordering::Acquire) == 0 { 0 } else { word.swap(0, Ordering::AcqRel) }
    }

    fn check(&self, offset: u64, len: usize) {
        let end = offset.checked_add(len as u64);
        assert!(end.is_some_and(|end| end <= self.len), "{offset:#x}+{len:#x} of a block of {:#x} bytes", self.len);
    }
}

impl Drop for RamBlock {
    fn drop(&mut self) {
        let mapped = self.ram.is_dma_mapped(self.phys, self.len);
        if mapped && !thread::panicking() {
            panic!("guest RAM {:#x}+{:#x} is freed while it is mapped for DMA", self.phys, self.len);
        }
        if !mapped && self.ram.driver.set_accessible(self.phys as usize, self.len as usize, false).is_ok() {
            self.ram.books().blocks.free(self.phys / PAGE_SIZE);
        }
    }
}

impl std::fmt::Debug for RamBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RamBlock({:#x}+{:#x} at {:?})", self.phys, self.len, self.va)
    }
}
