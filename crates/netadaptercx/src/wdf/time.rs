//! Waiting for hardware.

use wdk_sys::ntddk::{KeQueryInterruptTimePrecise, KeStallExecutionProcessor};

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

/// Interrupt time: units of 100 ns since the system started, sleep included. At any IRQL.
#[must_use]
pub fn interrupt_time() -> u64 {
    let mut counter = 0;
    // SAFETY: a live place for the performance counter, which nobody here wants.
    unsafe { KeQueryInterruptTimePrecise(&raw mut counter) }
}
