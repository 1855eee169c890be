//! Memory that may not be there.

use alloc::{alloc::alloc, boxed::Box};
use core::alloc::Layout;

/// `value` in memory of its own; none without memory for it, where `Box::new` would end the system.
pub fn try_box<T>(value: T) -> Option<Box<T>> {
    const { assert!(size_of::<T>() != 0) };
    // SAFETY: a layout of non-zero size; the memory is written before the box takes it, with the layout it frees.
    unsafe {
        let memory = alloc(Layout::new::<T>()).cast::<T>();
        if memory.is_null() {
            return None;
        }
        memory.write(value);
        Some(Box::from_raw(memory))
    }
}
