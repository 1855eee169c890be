//! IRQL as zero-sized tokens.
//!
//! A token is handed to a callback that the framework runs at that level, and lives no longer than the callback. It is
//! neither `Send` nor `Sync`, so it cannot leave the thread whose level it speaks of.

use core::marker::PhantomData;
use wdk_sys::ntddk::KeGetCurrentIrql;

/// The current thread runs at PASSIVE_LEVEL until the callback returns.
#[derive(Clone, Copy)]
pub struct Passive<'cb>(PhantomData<(&'cb (), *const ())>);

/// The current thread runs at DISPATCH_LEVEL or below until the callback returns.
#[derive(Clone, Copy)]
pub struct AtMostDispatch<'cb>(PhantomData<(&'cb (), *const ())>);

impl Passive<'_> {
    /// The level of the current thread, asked for: for functions that other components call. None above PASSIVE_LEVEL.
    #[must_use]
    pub fn now() -> Option<Self> {
        // SAFETY: no preconditions.
        let level = unsafe { KeGetCurrentIrql() };
        (u32::from(level) == wdk_sys::PASSIVE_LEVEL).then_some(Self(PhantomData))
    }

    /// # Safety
    /// The caller runs at PASSIVE_LEVEL and keeps doing so while the token lives.
    #[must_use]
    pub const unsafe fn assume() -> Self {
        Self(PhantomData)
    }
}

impl AtMostDispatch<'_> {
    /// # Safety
    /// The caller runs at DISPATCH_LEVEL or below and does not go higher while the token lives.
    #[must_use]
    pub const unsafe fn assume() -> Self {
        Self(PhantomData)
    }
}

impl<'cb> From<Passive<'cb>> for AtMostDispatch<'cb> {
    fn from(_: Passive<'cb>) -> Self {
        Self(PhantomData)
    }
}
