//! Waiting for hardware.

use wdk_sys::ntddk::KeStallExecutionProcessor;

/// Spins for `us` microseconds, at any IRQL. KeStallExecutionProcessor asks for at most 50 at a time.
pub fn stall(us: u32) {
    let mut left = us;
    while left > 0 {
        let step = left.min(50);
        // SAFETY: no preconditions.
        unsafe { KeStallExecutionProcessor(step) };
        left -= step;
    }
}
