//! Waiting for hardware.

use crate::irql::Passive;
use wdk_sys::{
    LARGE_INTEGER,
    ntddk::{KeDelayExecutionThread, KeQueryInterruptTimePrecise, KeStallExecutionProcessor},
};

/// KernelMode of MODE.
const KERNEL_MODE: i8 = 0;

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

/// Lets other threads run for `ms` milliseconds at least.
pub fn sleep(ms: u32, _passive: Passive<'_>) {
    // Negative: from now on, in units of 100 ns.
    let mut interval = LARGE_INTEGER { QuadPart: -10_000 * i64::from(ms) };
    // SAFETY: a live interval, PASSIVE_LEVEL by the token; not alertable, so it always waits to the end.
    let _ = unsafe { KeDelayExecutionThread(KERNEL_MODE, 0, &raw mut interval) };
}

/// Interrupt time: units of 100 ns since the system started, sleep included. At any IRQL.
#[must_use]
pub fn interrupt_time() -> u64 {
    let mut counter = 0;
    // SAFETY: a live place for the performance counter, which nobody here wants.
    unsafe { KeQueryInterruptTimePrecise(&raw mut counter) }
}
