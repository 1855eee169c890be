//! Kernel pool: every block is known, its ends are watched, freed memory is poisoned and watched for a while.

use crate::bugcheck::bugcheck_because;
use crate::rules;
use std::alloc::Layout;
use std::collections::{BTreeMap, VecDeque};
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

rules! {
    POOL_FREE_TAG: "A block is freed with the tag it was allocated with", "DDI wdm ExFreePoolWithTag: Tag";
    POOL_NO_LEAK: "A driver that unloads has freed its pool", "Driver Verifier: Pool Tracking, bug check 0xC4 code 0x62";
}

const PAGE: usize = 4096;
/// Alignment of blocks below a page; larger ones start at a page.
const ALIGN: usize = 16;
/// Bytes of pattern behind each block.
const TAIL: usize = 16;
const TAIL_BYTE: u8 = 0xA5;
/// What uninitialised memory holds.
const NEW_BYTE: u8 = 0xCD;
/// What freed memory holds.
const FREED_BYTE: u8 = 0xDE;
/// Freed bytes kept out of use to catch late writes.
const QUARANTINE: usize = 4 << 20;

/// What one tag holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagUse {
    /// The tag as text.
    pub tag: String,
    /// Blocks not freed.
    pub count: usize,
    /// Their bytes.
    pub bytes: usize,
}

struct Block {
    len: usize,
    tag: u32,
    paged: bool,
    memory: Memory,
}

/// Where a block's bytes come from.
#[derive(Clone, Copy)]
enum Memory {
    /// The host's heap, with TAIL bytes of pattern behind the block.
    Heap(Layout),
    /// A mapping of its own of `pages` accessible pages at `base` and one inaccessible page behind them.
    Guarded { base: usize, pages: usize },
}

struct Pool {
    live: BTreeMap<usize, Block>,
    /// Freed heap blocks, oldest first.
    freed: VecDeque<(usize, Block)>,
    freed_bytes: usize,
    /// Freed guarded blocks: their mappings stay, inaccessible.
    freed_guarded: BTreeMap<usize, Block>,
    guard_pages: bool,
    requests: u64,
    /// Number of the request that fails.
    fails_at: Option<u64>,
}

static POOL: Mutex<Pool> = Mutex::new(Pool {
    live: BTreeMap::new(),
    freed: VecDeque::new(),
    freed_bytes: 0,
    freed_guarded: BTreeMap::new(),
    guard_pages: false,
    requests: 0,
    fails_at: None,
});

fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Allocates non-paged pool; null when the allocation is made to fail. Without `zero` the bytes are 0xCD.
pub fn allocate(len: usize, tag: u32, zero: bool) -> *mut u8 {
    allocate_from(false, len, tag, zero)
}

/// Allocates paged or non-paged pool.
pub(crate) fn allocate_from(paged: bool, len: usize, tag: u32, zero: bool) -> *mut u8 {
    let mut pool = pool();
    pool.requests += 1;
    if pool.fails_at == Some(pool.requests) {
        pool.fails_at = None;
        return ptr::null_mut();
    }
    let taken = if pool.guard_pages { take_guarded(len) } else { take_heap(len) };
    let Some((start, memory)) = taken else { return ptr::null_mut() };
    fill(start, len, if zero { 0 } else { NEW_BYTE });
    fill(start + len, tail_len(start, len, &memory), TAIL_BYTE);
    pool.live.insert(start, Block { len, tag, paged, memory });
    start as *mut u8
}

/// Frees a block; `tag` 0 fits every tag. An address that is no block's is bugcheck 0xC2, an overrun block 0x19.
pub fn free(p: *mut u8, tag: u32) {
    let start = p as usize;
    let mut pool = pool();
    let Some(block) = pool.live.remove(&start) else {
        let known = pool.describe(start as u64);
        drop(pool);
        let why = format!("free of {p:p}, which is no pool block{}", known.map_or(String::new(), |k| format!(": {k}")));
        bugcheck_because(0xC2, [7, 0, tag.into(), start as u64], &why);
    };
    // Tags may carry PROTECTED_POOL (bit 31).
    let same = tag == 0 || (tag ^ block.tag) & 0x7FFF_FFFF == 0;
    let intact = holds(start + block.len, tail_len(start, block.len, &block.memory), TAIL_BYTE);
    let what = block.to_string();
    let written_late = if intact { pool.retire(start, block) } else { None };
    drop(pool);
    if let Some((start, what)) = written_late {
        write_after_free(start, &what);
    }
    POOL_FREE_TAG.check(same, || format!("{what} freed with tag {}", tag_text(tag)));
    if !intact {
        bugcheck_because(0x19, [0x20, start as u64, 0, 0], &format!("write behind the end of {what}"));
    }
}

/// True if `p` is a block of paged pool.
pub(crate) fn is_paged(p: *mut u8) -> bool {
    pool().live.get(&(p as usize)).is_some_and(|b| b.paged)
}

/// What is allocated now, by tag.
pub fn in_use() -> Vec<TagUse> {
    let mut tags: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
    for block in pool().live.values() {
        let entry = tags.entry(block.tag).or_default();
        *entry = (entry.0 + 1, entry.1 + block.len);
    }
    tags.into_iter().map(|(tag, (count, bytes))| TagUse { tag: tag_text(tag), count, bytes }).collect()
}

/// Checks what must hold after a driver has unloaded: no block is left (rule), freed memory was not written.
pub fn check_unloaded() {
    let left = in_use();
    POOL_NO_LEAK.check(left.is_empty(), || {
        let tags: Vec<_> = left.iter().map(|t| format!("{} x {} ({} bytes)", t.tag, t.count, t.bytes)).collect();
        format!("not freed: {}", tags.join(", "))
    });
    let written =
        pool().freed.iter().find(|(start, b)| !holds(*start, b.len, FREED_BYTE)).map(|(s, b)| (*s, b.to_string()));
    if let Some((start, what)) = written {
        write_after_free(start, &what);
    }
}

/// From now on each block ends at an inaccessible page and is inaccessible once it is freed. Slow; for tests.
pub fn set_guard_pages(on: bool) {
    pool().guard_pages = on;
}

/// The n-th allocation from now (1 = the next) fails, once.
pub fn fail_nth(n: u64) {
    let mut pool = pool();
    pool.fails_at = Some(pool.requests + n);
}

/// Allocations asked for so far.
pub fn requests() -> u64 {
    pool().requests
}

/// What an address is, if it lies in or near a block.
pub(crate) fn describe(address: u64) -> Option<String> {
    POOL.try_lock().ok()?.describe(address)
}

impl Pool {
    fn describe(&self, address: u64) -> Option<String> {
        let address = address as usize;
        let near = |(start, block): (&usize, &Block)| {
            let offset = address - start;
            (offset < block.len + PAGE).then(|| format!("offset {offset:#x} of {block}"))
        };
        let live = self.live.range(..=address).next_back().and_then(near);
        let guarded = || self.freed_guarded.range(..=address).next_back().and_then(near).map(|t| format!("freed: {t}"));
        let heap =
            || self.freed.iter().find(|(s, b)| (*s..s + b.len).contains(&address)).and_then(|(s, b)| near((s, b)));
        live.or_else(guarded).or_else(|| heap().map(|t| format!("freed: {t}")))
    }

    /// Poisons a freed block and keeps its addresses out of use. Returns an older freed block that was written.
    fn retire(&mut self, start: usize, block: Block) -> Option<(usize, String)> {
        match block.memory {
            Memory::Guarded { base, pages } => {
                // SAFETY: the mapping belongs to the block that was just freed; no lab code borrows pool memory.
                let result = unsafe { libc::mprotect(base as *mut libc::c_void, pages * PAGE, libc::PROT_NONE) };
                assert_eq!(result, 0, "mprotect of a pool block");
                self.freed_guarded.insert(start, block);
                None
            }
            Memory::Heap(_) => {
                fill(start, block.len, FREED_BYTE);
                self.freed_bytes += block.len;
                self.freed.push_back((start, block));
                let mut written = None;
                while self.freed_bytes > QUARANTINE && written.is_none() {
                    written = self.release_oldest();
                }
                written
            }
        }
    }

    fn release_oldest(&mut self) -> Option<(usize, String)> {
        let (start, block) = self.freed.pop_front()?;
        self.freed_bytes -= block.len;
        let written = !holds(start, block.len, FREED_BYTE);
        if let Memory::Heap(layout) = block.memory {
            // SAFETY: `start` came from `alloc` with this layout and left every table of the pool.
            unsafe { std::alloc::dealloc(start as *mut u8, layout) };
        }
        written.then(|| (start, block.to_string()))
    }
}

impl std::fmt::Display for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let paged = if self.paged { "paged " } else { "" };
        write!(f, "the {paged}pool block of {} bytes with tag {}", self.len, tag_text(self.tag))
    }
}

fn write_after_free(start: usize, what: &str) -> ! {
    bugcheck_because(0xC1, [start as u64, 0, 0, 0x32], &format!("freed memory was written: {what}"));
}

/// A tag as the debugger shows it.
fn tag_text(tag: u32) -> String {
    let printable = |b: u8| if b.is_ascii_graphic() || b == b' ' { b as char } else { '.' };
    tag.to_le_bytes().into_iter().map(printable).collect()
}

fn take_heap(len: usize) -> Option<(usize, Memory)> {
    let align = if len >= PAGE { PAGE } else { ALIGN };
    let layout = Layout::from_size_align(len.checked_add(TAIL)?, align).ok()?;
    // SAFETY: the size is at least TAIL, so not zero.
    let start = unsafe { std::alloc::alloc(layout) };
    (!start.is_null()).then_some((start as usize, Memory::Heap(layout)))
}

fn take_guarded(len: usize) -> Option<(usize, Memory)> {
    let pages = len.max(1).div_ceil(PAGE);
    // SAFETY: a fresh private mapping; its last page loses all rights before anybody sees it.
    let base = unsafe {
        let base = libc::mmap(
            ptr::null_mut(),
            (pages + 1) * PAGE,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        );
        if base == libc::MAP_FAILED || libc::mprotect(base.add(pages * PAGE), PAGE, libc::PROT_NONE) != 0 {
            return None;
        }
        base as usize
    };
    let end = base + pages * PAGE;
    let start = if len >= PAGE { base } else { (end - len) / ALIGN * ALIGN };
    Some((start, Memory::Guarded { base, pages }))
}

/// Bytes of pattern behind a block: all up to the guard page, where there is one.
fn tail_len(start: usize, len: usize, memory: &Memory) -> usize {
    match memory {
        Memory::Heap(_) => TAIL,
        Memory::Guarded { base, pages } => base + pages * PAGE - start - len,
    }
}

fn fill(start: usize, len: usize, byte: u8) {
    // SAFETY: callers pass ranges of a block (tail included) that the pool owns.
    unsafe { (start as *mut u8).write_bytes(byte, len) };
}

fn holds(start: usize, len: usize, byte: u8) -> bool {
    // SAFETY: as for `fill`; the bytes are initialised, and the driver does not run during the check.
    unsafe { std::slice::from_raw_parts(start as *const u8, len) }.iter().all(|b| *b == byte)
}
