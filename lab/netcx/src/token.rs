//! Opaque values for init objects and short-lived handles: unique, and a fault when a client dereferences one.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A kernel-half address, which user memory never has.
static NEXT: AtomicUsize = AtomicUsize::new(0xFFFF_B001_0000_0000);

/// A value never given out before.
pub fn new() -> usize {
    NEXT.fetch_add(0x100, Ordering::Relaxed)
}
