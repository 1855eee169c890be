//! Mapping of the memory behind memory descriptor lists.

use super::exports;
use crate::mdl;

exports! {
    /// With BugCheckOnFailure the lab still returns null: the rule about it has been counted.
    [AtMostDispatch] fn MmMapLockedPagesSpecifyCache(
        list: usize, mode: i8, _cache_type: u32, requested: usize, bug_check: u32, priority: u32,
    ) -> usize {
        mdl::map(list, mode, requested, bug_check != 0, priority)
    }
}
