//! What the engine needs of the system around it.

use crate::engine::Engine;
use core::{ops::DerefMut, ptr::NonNull};
use wdk_sys::{MDL, NTSTATUS};

/// The pages of one MDL, mapped into the system's address space.
#[derive(Debug)]
pub struct MappedMdl {
    /// Where the bytes are.
    pub address: NonNull<u8>,
    /// How many.
    pub bytes: usize,
}
// SAFETY: a system address is the same in every thread.
unsafe impl Send for MappedMdl {}

/// The system: a lock, a clock, deferred work, memory. One for a device and all its NDK adapters.
///
/// It is `'static` because handles of the consumer's lead back to it: it outlives the last of them.
pub trait Platform: Sync + Sized + 'static {
    /// The engine, locked, at DISPATCH_LEVEL until the guard is dropped. The caller is at or below DISPATCH_LEVEL and
    /// does not hold the lock.
    fn engine(&self) -> impl DerefMut<Target = Engine> + '_;

    /// Lets [`crate::run`] be called soon, at or below DISPATCH_LEVEL, and again while it returns true. At or below
    /// DISPATCH_LEVEL, without the lock; not called again before `run` returned false.
    fn schedule(&self);

    /// Lets [`crate::expire`] be called in about `delay` units of 100 ns, in place of what was set before. At or below
    /// DISPATCH_LEVEL, without the lock.
    fn set_timer(&self, delay: u64);

    /// Time since some moment, in units of 100 ns. At any IRQL.
    fn now(&self) -> u64;

    /// True if the caller runs at PASSIVE_LEVEL.
    fn is_passive(&self) -> bool;

    /// Gives way to others for about a millisecond. At PASSIVE_LEVEL.
    fn pause(&self);

    /// Maps the locked pages of one MDL, not of those chained to it, if they are not mapped. The mapping belongs to the
    /// MDL and ends with it (DDI MmGetSystemAddressForMdlSafe): there is nothing to undo. At or below DISPATCH_LEVEL,
    /// without the lock.
    ///
    /// # Safety
    /// `mdl` is a live MDL.
    ///
    /// # Errors
    /// STATUS_INSUFFICIENT_RESOURCES when the pages cannot be mapped.
    unsafe fn map(&self, mdl: NonNull<MDL>) -> Result<MappedMdl, NTSTATUS>;
}
