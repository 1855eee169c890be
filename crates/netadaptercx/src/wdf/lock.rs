//! A spin lock around data.

use crate::{
    Result, Status,
    irql::{AtMostDispatch, Passive},
    wdf::device::Device,
};
use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    mem::size_of,
    ops::{Deref, DerefMut},
    ptr::null_mut,
};
use wdk_sys::{
    _WDF_EXECUTION_LEVEL, _WDF_SYNCHRONIZATION_SCOPE, WDF_OBJECT_ATTRIBUTES, WDFSPINLOCK,
    call_unsafe_wdf_function_binding,
};

/// A WDFSPINLOCK, a child of the device, with the data it protects. Its holder runs at DISPATCH_LEVEL.
pub struct SpinLock<T> {
    handle: WDFSPINLOCK,
    data: UnsafeCell<T>,
}
// SAFETY: the lock hands its data to one thread at a time.
unsafe impl<T: Send> Sync for SpinLock<T> {}
// SAFETY: KMDF handles may be used from any thread.
unsafe impl<T: Send> Send for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// # Errors
    /// The framework's status.
    pub fn new(device: Device, data: T, _passive: Passive<'_>) -> Result<Self> {
        let mut attributes = WDF_OBJECT_ATTRIBUTES {
            Size: size_of::<WDF_OBJECT_ATTRIBUTES>() as u32,
            ExecutionLevel: _WDF_EXECUTION_LEVEL::WdfExecutionLevelInheritFromParent,
            SynchronizationScope: _WDF_SYNCHRONIZATION_SCOPE::WdfSynchronizationScopeInheritFromParent,
            ParentObject: device.raw().cast(),
            ..WDF_OBJECT_ATTRIBUTES::default()
        };
        let mut handle: WDFSPINLOCK = null_mut();
        // SAFETY: a live device as the parent, and live structures.
        Status::check(unsafe {
            call_unsafe_wdf_function_binding!(WdfSpinLockCreate, &raw mut attributes, &raw mut handle)
        })?;
        Ok(Self { handle, data: UnsafeCell::new(data) })
    }

    /// Takes the lock. The caller does not hold it already.
    pub fn lock<'l>(&'l self, _irql: AtMostDispatch<'l>) -> SpinGuard<'l, T> {
        // SAFETY: a live lock (the device's child), at most DISPATCH_LEVEL by the token.
        unsafe { call_unsafe_wdf_function_binding!(WdfSpinLockAcquire, self.handle) };
        SpinGuard { lock: self, thread: PhantomData }
    }
}

/// The lock is held.
pub struct SpinGuard<'l, T> {
    lock: &'l SpinLock<T>,
    /// The lock is released on the thread, and at the level, where it was taken.
    thread: PhantomData<*const ()>,
}

impl<T> Deref for SpinGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lock is held.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T> DerefMut for SpinGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held, and this guard is its only holder.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T> Drop for SpinGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: acquired in `lock`.
        unsafe { call_unsafe_wdf_function_binding!(WdfSpinLockRelease, self.lock.handle) };
    }
}
