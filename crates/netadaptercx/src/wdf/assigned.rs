//! What exists while a device has hardware resources: from PrepareHardware to ReleaseHardware.
//!
//! The framework's order is the lock here (contract.md 3.1, "Start/stop and power"): interrupts are connected, queues live
//! and the receive filter is set only between the two callbacks, which themselves never overlap. So between them the
//! value is only read, from any context, and at the ends it is only touched by the callback.

use crate::{irql::Passive, wdf::resources::Resources};
use core::{
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, Ordering},
};

/// Proof that EvtDeviceReleaseHardware runs.
pub struct Released<'cb>(Passive<'cb>);

impl<'cb> Released<'cb> {
    /// # Safety
    /// EvtDeviceReleaseHardware runs while the token lives.
    pub(crate) const unsafe fn new(passive: Passive<'cb>) -> Self {
        Self(passive)
    }

    /// The callback runs at PASSIVE_LEVEL.
    #[must_use]
    pub const fn passive(&self) -> Passive<'cb> {
        self.0
    }
}

/// A value that is there while the device has its resources.
pub struct Assigned<T> {
    full: AtomicBool,
    value: UnsafeCell<Option<T>>,
}
// SAFETY: written only in PrepareHardware and ReleaseHardware, when nothing else of the device runs (module comment).
unsafe impl<T: Send + Sync> Sync for Assigned<T> {}

impl<T> Assigned<T> {
    /// No value.
    #[must_use]
    pub const fn empty() -> Self {
        Self { full: AtomicBool::new(false), value: UnsafeCell::new(None) }
    }

    /// Stores the value. From PrepareHardware, as its resources prove.
    pub fn fill(&self, value: T, _preparing: &Resources<'_>) -> &T {
        // SAFETY: PrepareHardware runs: nothing else refers to the value.
        let stored = unsafe { &mut *self.value.get() };
        let stored = stored.insert(value);
        self.full.store(true, Ordering::Release);
        stored
    }

    /// Takes the value out. From ReleaseHardware.
    pub fn take(&self, _released: &Released<'_>) -> Option<T> {
        self.full.store(false, Ordering::Release);
        // SAFETY: ReleaseHardware runs: interrupts are disconnected and queues destroyed, so nothing refers to the value.
        unsafe { (*self.value.get()).take() }
    }

    /// The value, if the device has one.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: `full` is set after the value was stored and cleared before it goes.
        if self.full.load(Ordering::Acquire) { unsafe { (*self.value.get()).as_ref() } } else { None }
    }
}
