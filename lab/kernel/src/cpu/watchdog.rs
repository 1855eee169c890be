//! The watchdog: driver code that runs for long without a preempt point has hung the processor.

use crate::traps;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Seconds without progress that end the run.
static LIMIT: AtomicU32 = AtomicU32::new(20);
static PROGRESS: AtomicU64 = AtomicU64::new(0);
/// pthread_t of the baton holder.
static HOLDER: AtomicUsize = AtomicUsize::new(0);

/// How long (whole seconds, at least 1; 20 at boot) code may run without a preempt point before the run is stopped
/// with a backtrace of the baton holder.
pub fn set_watchdog(limit: Duration) {
    LIMIT.store(limit.as_secs().clamp(1, u32::MAX.into()) as u32, Ordering::Relaxed);
}

pub(super) fn progress() {
    PROGRESS.fetch_add(1, Ordering::Relaxed);
}

pub(super) fn holder_is_this_thread() {
    // SAFETY: pthread_self has no preconditions.
    HOLDER.store(unsafe { libc::pthread_self() } as usize, Ordering::Relaxed);
    progress();
}

pub(super) fn start() {
    std::thread::Builder::new().name("watchdog".to_owned()).spawn(watch).expect("the host gives a thread");
}

fn watch() {
    let mut seen = PROGRESS.load(Ordering::Relaxed);
    let mut quiet = 0;
    loop {
        // Counting ticks instead of comparing clocks: a process that was suspended has not hung.
        std::thread::sleep(Duration::from_secs(1));
        let now = PROGRESS.load(Ordering::Relaxed);
        quiet = if now == seen { quiet + 1 } else { 0 };
        seen = now;
        if quiet >= LIMIT.load(Ordering::Relaxed) {
            traps::interrupt_holder(HOLDER.load(Ordering::Relaxed) as libc::pthread_t, quiet);
        }
    }
}
