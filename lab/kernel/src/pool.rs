//! Kernel pool.

/// What one tag still holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagUse {
    /// The tag as text.
    pub tag: String,
    /// Allocations not freed.
    pub count: usize,
    /// Their bytes.
    pub bytes: usize,
}
/// Allocates; null when the allocation fails. `zero` as POOL_FLAG_UNINITIALIZED absent.
pub fn allocate(len: usize, tag: u32, zero: bool) -> *mut u8 { let _ = (len, tag, zero); todo!() }
/// Frees; a wrong address is bugcheck 0xC2. `tag` 0 = any.
pub fn free(p: *mut u8, tag: u32) { let _ = (p, tag); todo!() }
/// What is allocated now, by tag.
pub fn in_use() -> Vec<TagUse> { todo!() }
/// Each allocation ends at an inaccessible page from now on.
pub fn set_guard_pages(on: bool) { let _ = on; todo!() }
/// The n-th allocation from now (1 = the next) fails, once.
pub fn fail_nth(n: u64) { let _ = n; todo!() }
/// Allocations asked for so far.
pub fn requests() -> u64 { todo!() }
