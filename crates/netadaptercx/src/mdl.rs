//! Memory that other components describe by MDLs.

use crate::irql::AtMostDispatch;
use core::ptr::{NonNull, null_mut};
use wdk_sys::{
    MDL, MDL_MAPPED_TO_SYSTEM_VA, MDL_PAGES_LOCKED, MDL_PARTIAL, MDL_SOURCE_IS_NONPAGED_POOL,
    ntddk::MmMapLockedPagesSpecifyCache,
};

/// KernelMode of MODE.
const KERNEL_MODE: i8 = 0;
/// MmCached of MEMORY_CACHING_TYPE.
const MM_CACHED: i32 = 1;
/// NormalPagePriority of MM_PAGE_PRIORITY.
const NORMAL_PAGE_PRIORITY: u32 = 16;
/// MdlMappingNoExecute.
const MDL_MAPPING_NO_EXECUTE: u32 = 0x4000_0000;

/// What MmGetSystemAddressForMdlSafe, an inline function, does: the address at which the system sees the bytes of an MDL,
/// mapped now if they were not. The mapping belongs to the MDL: MmUnlockPages or IoFreeMdl, which its owner calls, release
/// it. None if the pages are not locked or cannot be mapped.
///
/// # Safety
/// `mdl` is a live MDL, and nobody else maps it at the same time.
#[must_use]
pub unsafe fn system_address(mdl: NonNull<MDL>, _irql: AtMostDispatch<'_>) -> Option<NonNull<u8>> {
    let mdl = mdl.as_ptr();
    // SAFETY: a live MDL (caller).
    let (flags, mapped) = unsafe { (u32::from((*mdl).MdlFlags.cast_unsigned()), (*mdl).MappedSystemVa) };
    if flags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL) != 0 {
        return NonNull::new(mapped.cast());
    }
    if flags & (MDL_PAGES_LOCKED | MDL_PARTIAL) == 0 {
        return None;
    }
    // SAFETY: locked pages that are not mapped; kernel mode, no bugcheck on failure, at most DISPATCH_LEVEL by the token.
    let address = unsafe {
        MmMapLockedPagesSpecifyCache(
            mdl,
            KERNEL_MODE,
            MM_CACHED,
            null_mut(),
            0,
            NORMAL_PAGE_PRIORITY | MDL_MAPPING_NO_EXECUTE,
        )
    };
    NonNull::new(address.cast())
}
