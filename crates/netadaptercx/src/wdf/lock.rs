//! Locks around data: one for holders at DISPATCH_LEVEL, one for holders at PASSIVE_LEVEL.

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
    _WDF_EXECUTION_LEVEL, _WDF_SYNCHRONIZATION_SCOPE, STATUS_SUCCESS, WDF_OBJECT_ATTRIBUTES, WDFSPINLOCK, WDFWAITLOCK,
    call_unsafe_wdf_function_binding,
};

/// Attributes of a child of the device.
fn child_of(device: Device) -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES {
        Size: size_of::<WDF_OBJECT_ATTRIBUTES>() as u32,
        ExecutionLevel: _WDF_EXECUTION_LEVEL::WdfExecutionLevelInheritFromParent,
        SynchronizationScope: _WDF_SYNCHRONIZATION_SCOPE::WdfSynchronizationScopeInheritFromParent,
        ParentObject: device.raw().cast(),
        ..WDF_OBJECT_ATTRIBUTES::default()
    }
}

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
        let mut attributes = child_of(device);
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

/// A WDFWAITLOCK, a child of the device, with the data it protects. Its holder stays at PASSIVE_LEVEL and may wait.
pub struct WaitLock<T> {
    handle: WDFWAITLOCK,
    data: UnsafeCell<T>,
}
// SAFETY: the lock hands its data to one thread at a time.
unsafe impl<T: Send> Sync for WaitLock<T> {}
// SAFETY: KMDF handles may be used from any thread.
unsafe impl<T: Send> Send for WaitLock<T> {}

impl<T> WaitLock<T> {
    /// # Errors
    /// The framework's status.
    pub fn new(device: Device, data: T, _passive: Passive<'_>) -> Result<Self> {
        let mut attributes = child_of(device);
        let mut handle: WDFWAITLOCK = null_mut();
        // SAFETY: a live device as the parent, and live structures.
        Status::check(unsafe {
            call_unsafe_wdf_function_binding!(WdfWaitLockCreate, &raw mut attributes, &raw mut handle)
        })?;
        Ok(Self { handle, data: UnsafeCell::new(data) })
    }

    /// Takes the lock, however long it takes. The caller does not hold it already.
    pub fn lock<'l>(&'l self, _passive: Passive<'l>) -> WaitGuard<'l, T> {
        // Without a timeout only a wait at the wrong level fails; should one fail all the same, the lock is not held.
        // SAFETY: a live lock (the device's child), PASSIVE_LEVEL by the token.
        while unsafe { call_unsafe_wdf_function_binding!(WdfWaitLockAcquire, self.handle, null_mut()) }
            != STATUS_SUCCESS
        {}
        WaitGuard { lock: self, thread: PhantomData }
    }
}

/// The lock is held.
pub struct WaitGuard<'l, T> {
    lock: &'l WaitLock<T>,
    /// The lock is released on the thread where it was taken.
    thread: PhantomData<*const ()>,
}

impl<T> Deref for WaitGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lock is held.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T> DerefMut for WaitGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held, and this guard is its only holder.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T> Drop for WaitGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: acquired in `lock`.
        unsafe { call_unsafe_wdf_function_binding!(WdfWaitLockRelease, self.lock.handle) };
    }
}
