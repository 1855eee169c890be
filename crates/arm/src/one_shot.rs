//! The machine where a notice is one call.

use super::{Arm, Class};
#[cfg(not(loom))]
use core::sync::atomic::Ordering;
#[cfg(loom)]
use loom::sync::atomic::Ordering;

/// An [`Arm`] of class [`Class::Any`] only, whose notice begins and ends within [`OneShot::event`], and whose owner looks
/// for old events itself after it has armed. Two states are left, and every step leads to one of them from either: a
/// swap.
#[derive(Debug)]
pub struct OneShot(pub(crate) Arm);

impl OneShot {
    /// A disarmed machine.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self(Arm::new())
    }

    /// A disarmed machine.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self(Arm::new())
    }

    /// Asks for one notice, then lets events through with `unmask`: one that is pending already comes at once.
    #[inline]
    pub fn arm(&self, unmask: impl FnOnce()) {
        // A full barrier: the owner's look for old events comes after it.
        self.0.0.swap(Class::Any as u32, Ordering::SeqCst);
        unmask();
    }

    /// Takes the arming back; an event that came first may still have fired.
    #[inline]
    pub fn disarm(&self) {
        self.0.0.swap(0, Ordering::SeqCst);
    }

    /// An event. True if the caller gives the notice, now.
    #[inline]
    #[must_use]
    pub fn event(&self) -> bool {
        self.0.0.swap(0, Ordering::SeqCst) == Class::Any as u32
    }
}

impl Default for OneShot {
    fn default() -> Self {
        Self::new()
    }
}
