//! Memory descriptor lists: locked memory of a lab thread that plays a kernel component, and mappings of it.
//!
//! A list is the 48 bytes of `MDL` and one page frame number for each page (DDI wdm, MDL). Frame numbers are those of
//! this process's pages. The memory lies between two inaccessible pages, so an access of one byte too many faults.

use crate::rules;
use std::collections::{BTreeMap, BTreeSet};
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

rules! {
    MDL_MAPPED_ONCE: "Only locked pages that are not mapped yet are mapped: not those of nonpaged pool, nor twice", "DDI wdm MmMapLockedPagesSpecifyCache: Remarks; MmGetSystemAddressForMdlSafe";
    MDL_NO_BUG_CHECK: "A mapping that fails returns null: BugCheckOnFailure is FALSE, the mode is KernelMode and no address is asked for", "DDI wdm MmMapLockedPagesSpecifyCache: parameters";
    MDL_NO_EXECUTE: "Data is mapped without the right to execute it (MdlMappingNoExecute)", "DDI wdm MmMapLockedPagesSpecifyCache: Priority";
}

const PAGE: usize = 4096;
/// Bytes of `MDL` before its page frame numbers.
pub const HEADER: usize = 48;
const MAPPED_TO_SYSTEM_VA: u16 = 0x0001;
const PAGES_LOCKED: u16 = 0x0002;
const SOURCE_IS_NONPAGED_POOL: u16 = 0x0004;
const KERNEL_MODE: i8 = 0;
const NO_EXECUTE: u32 = 0x4000_0000;

/// What kind of memory a list describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nonpaged pool, as MmBuildMdlForNonPagedPool leaves it: mapped for good.
    NonPagedPool,
    /// Pages of somebody's address space at this virtual page, as MmProbeAndLockPages leaves them: not mapped. The
    /// address means nothing to the kernel.
    Locked(u64),
}

/// Memory with one or more lists that describe it, in order, as a virtually contiguous stretch.
pub struct Locked {
    /// The mapping with its two guard pages.
    base: usize,
    pages: usize,
    offset: usize,
    len: usize,
    virtual_start: u64,
    /// In words, so that they are aligned and stay where they are.
    lists: Vec<Box<[u64]>>,
}

#[derive(Default)]
struct Maps {
    /// Lists that are mapped.
    live: BTreeSet<usize>,
    /// First page of each [`Locked`], and its number of pages.
    memory: BTreeMap<usize, usize>,
    requests: u64,
    fails_at: Option<u64>,
}

static MAPS: Mutex<Maps> =
    Mutex::new(Maps { live: BTreeSet::new(), memory: BTreeMap::new(), requests: 0, fails_at: None });

fn maps() -> MutexGuard<'static, Maps> {
    MAPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The n-th mapping from now (1 = the next) fails, once.
pub fn fail_nth(n: u64) {
    let mut maps = maps();
    maps.fails_at = Some(maps.requests + n);
}

/// Ends a failure that has not happened; true if there was one.
pub fn clear_failure() -> bool {
    maps().fails_at.take().is_some()
}

impl Locked {
    /// Zeroed memory of `len` bytes that starts `offset` bytes into a page, with a list for each of `parts`: their
    /// lengths add up to `len`.
    ///
    /// # Panics
    /// The parts do not add up, `offset` is no offset in a page, or the host has no memory.
    pub fn new(source: Source, offset: usize, parts: &[usize]) -> Locked {
        let len: usize = parts.iter().sum();
        assert!(offset < PAGE && !parts.is_empty() && parts.iter().all(|part| *part > 0), "parts of a buffer");
        let pages = (offset + len).div_ceil(PAGE);
        let base = reserve(pages);
        let first = base + PAGE;
        let virtual_page = match source {
            Source::NonPagedPool => first as u64,
            Source::Locked(page) => page & !(PAGE as u64 - 1),
        };
        maps().memory.insert(first, pages);
        let mut locked =
            Locked { base, pages, offset, len, virtual_start: virtual_page + offset as u64, lists: Vec::new() };
        let mut at = offset;
        for part in parts {
            locked.lists.push(describe(source, first, virtual_page, at, *part));
            at += part;
        }
        for i in (1..locked.lists.len()).rev() {
            let next = locked.lists[i].as_ptr() as u64;
            locked.lists[i - 1][0] = next;
        }
        locked
    }

    /// Moves the virtual address of the last list on by a page: the lists no longer describe a contiguous stretch.
    pub fn tear(&mut self) {
        if let Some(list) = self.lists.last_mut() {
            list[4] += PAGE as u64;
        }
    }

    /// The first list.
    pub fn list(&self) -> usize {
        self.lists[0].as_ptr() as usize
    }

    /// MmGetMdlVirtualAddress of the first list.
    pub fn virtual_address(&self) -> u64 {
        self.virtual_start
    }

    /// Bytes that are described.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies bytes out.
    ///
    /// # Panics
    /// The range is not inside the memory.
    pub fn read(&self, at: usize, into: &mut [u8]) {
        assert!(at + into.len() <= self.len, "{} bytes at {at} of {}", into.len(), self.len);
        // SAFETY: the range was checked to lie in the pages of this mapping, which live as long as `self`. The driver may
        // write them meanwhile as a device would: no reference to them is made.
        unsafe { ptr::copy_nonoverlapping(self.start().wrapping_add(at), into.as_mut_ptr(), into.len()) };
    }

    /// Copies bytes in.
    ///
    /// # Panics
    /// The range is not inside the memory.
    pub fn write(&self, at: usize, from: &[u8]) {
        assert!(at + from.len() <= self.len, "{} bytes at {at} of {}", from.len(), self.len);
        // SAFETY: as for `read`.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), self.start().wrapping_add(at), from.len()) };
    }

    fn start(&self) -> *mut u8 {
        (self.base + PAGE + self.offset) as *mut u8
    }
}

impl Drop for Locked {
    /// MmUnlockPages: it ends a mapping of the list, too.
    fn drop(&mut self) {
        let mut maps = maps();
        maps.memory.remove(&(self.base + PAGE));
        for list in &self.lists {
            maps.live.remove(&(list.as_ptr() as usize));
        }
        drop(maps);
        // SAFETY: the mapping was made by `reserve` for this value alone. A pointer that the driver kept faults from now
        // on, and the trap ends the run with a backtrace.
        unsafe { libc::munmap(self.base as *mut libc::c_void, (self.pages + 2) * PAGE) };
    }
}

/// `pages` zeroed pages between two inaccessible ones; the address of the first of these.
fn reserve(pages: usize) -> usize {
    // SAFETY: a fresh private mapping; its inner pages get rights before anybody sees it.
    unsafe {
        let base = libc::mmap(
            ptr::null_mut(),
            (pages + 2) * PAGE,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        );
        assert_ne!(base, libc::MAP_FAILED, "mmap of locked memory");
        let result = libc::mprotect(base.add(PAGE), pages * PAGE, libc::PROT_READ | libc::PROT_WRITE);
        assert_eq!(result, 0, "mprotect of locked memory");
        base as usize
    }
}

/// The list of `len` bytes that start `at` bytes behind the first page.
fn describe(source: Source, first: usize, virtual_page: u64, at: usize, len: usize) -> Box<[u64]> {
    let (page, offset) = (at / PAGE, at % PAGE);
    let pages = (offset + len).div_ceil(PAGE);
    let (flags, mapped) = match source {
        Source::NonPagedPool => (SOURCE_IS_NONPAGED_POOL, first + at),
        Source::Locked(_) => (PAGES_LOCKED, 0),
    };
    let size = HEADER + pages * 8;
    let mut words = vec![0_u64; size / 8].into_boxed_slice();
    words[1] = size as u64 & 0xFFFF | u64::from(flags) << 16;
    words[3] = mapped as u64;
    words[4] = virtual_page + (page * PAGE) as u64;
    words[5] = len as u64 | (offset as u64) << 32;
    for (i, frame) in words[HEADER / 8..].iter_mut().enumerate() {
        *frame = (first / PAGE + page + i) as u64;
    }
    words
}

/// A list by its address, as the driver has it.
#[derive(Clone, Copy)]
struct List(usize);

impl List {
    fn field<T: Copy>(self, offset: usize) -> T {
        // SAFETY: a list that the driver got from the lab or made itself: what it passes wrongly faults like any other
        // wild access of its own and ends the run with a backtrace.
        unsafe { ((self.0 + offset) as *const T).read_unaligned() }
    }

    fn set<T: Copy>(self, offset: usize, value: T) {
        // SAFETY: as for `field`.
        unsafe { ((self.0 + offset) as *mut T).write_unaligned(value) }
    }

    fn flags(self) -> u16 {
        self.field(10)
    }

    fn byte_count(self) -> usize {
        self.field::<u32>(40) as usize
    }

    fn byte_offset(self) -> usize {
        self.field::<u32>(44) as usize
    }

    /// Where the pages begin in this process, if they follow each other and are a [`Locked`]'s.
    fn frames(self, memory: &BTreeMap<usize, usize>) -> Option<usize> {
        let count = (self.byte_offset() + self.byte_count()).div_ceil(PAGE);
        let first: u64 = self.field(HEADER);
        let in_order = (0..count).all(|i| self.field::<u64>(HEADER + 8 * i) == first + i as u64);
        let start = first as usize * PAGE;
        let (region, pages) = memory.range(..=start).next_back()?;
        (in_order && start + count * PAGE <= region + pages * PAGE).then_some(start)
    }
}

/// MmMapLockedPagesSpecifyCache: the address, or 0.
pub fn map(list: usize, mode: i8, requested: usize, bug_check: bool, priority: u32) -> usize {
    let this = List(list);
    let flags = this.flags();
    let (frames, fresh) = {
        let mut maps = maps();
        maps.requests += 1;
        if maps.fails_at == Some(maps.requests) {
            maps.fails_at = None;
            return 0;
        }
        let frames = this.frames(&maps.memory);
        (frames, frames.is_some() && !maps.live.contains(&list))
    };
    let fresh = fresh && flags & PAGES_LOCKED != 0 && flags & (MAPPED_TO_SYSTEM_VA | SOURCE_IS_NONPAGED_POOL) == 0;
    MDL_NO_BUG_CHECK.check(mode == KERNEL_MODE && requested == 0 && !bug_check, || {
        format!("mode {mode}, address {requested:#x}, BugCheckOnFailure {bug_check}")
    });
    MDL_NO_EXECUTE.check(priority & NO_EXECUTE != 0, || format!("priority {priority:#x}"));
    if !MDL_MAPPED_ONCE.check(fresh, || format!("list {list:#x}, MdlFlags {flags:#x}")) {
        return 0;
    }
    let address = frames.map_or(0, |start| start + this.byte_offset());
    maps().live.insert(list);
    this.set(10, flags | MAPPED_TO_SYSTEM_VA);
    this.set(24, address);
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test: the mappings and the planned failure are the process's.
    #[test]
    fn lists_describe_map_and_fail() {
        let pool = Locked::new(Source::NonPagedPool, 100, &[5000]);
        let list = List(pool.list());
        assert_eq!((list.byte_count(), list.byte_offset(), list.flags()), (5000, 100, SOURCE_IS_NONPAGED_POOL));
        assert_eq!(list.field::<usize>(24), pool.start() as usize, "pool is mapped already");
        assert_eq!(pool.virtual_address(), pool.start() as u64);
        assert_eq!(map(pool.list(), KERNEL_MODE, 0, false, NO_EXECUTE), 0, "and is not mapped again");
        assert_eq!(MDL_MAPPED_ONCE.count().violated, 1);

        let user = Locked::new(Source::Locked(0x7FF6_1234_5000), 8, &[4096, 100]);
        user.write(4090, b"across the lists");
        assert_eq!(user.virtual_address(), 0x7FF6_1234_5008);
        let second = List(list_after(user.list()));
        assert_eq!((second.byte_count(), second.byte_offset()), (100, 8));
        assert_eq!(second.field::<u64>(32), 0x7FF6_1234_6000);
        fail_nth(1);
        assert_eq!(map(user.list(), KERNEL_MODE, 0, false, NO_EXECUTE), 0);
        let address = map(user.list(), KERNEL_MODE, 0, false, NO_EXECUTE);
        assert_eq!(address, user.start() as usize);
        assert_eq!(map(user.list(), KERNEL_MODE, 0, false, NO_EXECUTE), 0, "twice");
        assert_eq!(map(second.0, 1, 0, true, 16), user.start() as usize + 4096, "obeyed and noted");
        assert_eq!(MDL_NO_BUG_CHECK.count().violated + MDL_NO_EXECUTE.count().violated, 2);
        let mut text = [0; 16];
        user.read(4090, &mut text);
        assert_eq!(&text, b"across the lists");
        assert_eq!(maps().live.len(), 2);
        drop(user);
        assert!(maps().live.is_empty(), "who unlocks the pages ends their mapping");
    }

    fn list_after(list: usize) -> usize {
        List(list).field(0)
    }
}
