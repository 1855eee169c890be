//! Spin locks and wait locks.
//!
//! On one processor a spin lock is never contended: raising the IRQL to DISPATCH_LEVEL keeps every other thread and DPC
//! away. What is left to check is that a thread does not take one twice, releases only what it holds, and does so in
//! the reverse order.

use crate::abi::STATUS_TIMEOUT;
use crate::args::{In, Out};
use crate::ddi::ddi;
use crate::loader::driver_of;
use crate::object::attributes::{self, Allowed};
use crate::object::{Hooks, new_object, payload, set_hooks};
use crate::verifier::violation;
use lab_kernel::cpu::{self, DISPATCH_LEVEL, Event, PASSIVE_LEVEL, ThreadId};
use lab_kernel::rules;
use std::cell::{Cell, RefCell};
use std::time::Duration;
use wdk_sys::_WDF_BUGCHECK_CODES as codes;
use wdk_sys::{
    LONGLONG, NTSTATUS, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS, WDF_OBJECT_ATTRIBUTES, WDFOBJECT, WDFSPINLOCK,
    WDFWAITLOCK,
};

rules! {
    LOCK_RECURSION: "A lock is not acquired by a thread that holds it", "DDI wdfsync WdfSpinLockAcquire, WdfWaitLockAcquire; bugcheck 0x10D code 2";
    LOCK_RELEASE: "A lock is released by the thread that holds it", "WDF fxspinlock.cpp ReleaseLock: bugcheck 0x10D code 0xB";
    SPIN_LOCK_ORDER: "Spin locks are released in the reverse order of acquisition, since each restores its IRQL", "DDI wdfsync WdfSpinLockRelease; wdm KeReleaseSpinLock";
    SPIN_LOCK_INTERRUPT: "A spin lock that belongs to an interrupt is taken with WdfInterruptAcquireLock", "WDF fxspinlockapi.cpp IsInterruptLock";
    WAIT_LOCK_IRQL: "WdfWaitLockAcquire is called at PASSIVE_LEVEL unless its timeout is zero", "DDI wdfsync WdfWaitLockAcquire";
    LOCK_DELETE: "A lock is not deleted while it is held", "DDI wdfsync: a deleted object's handle is invalid";
}

/// A lock that raises the IRQL.
#[derive(Default)]
pub(crate) struct RaisedLock {
    owner: Cell<Option<ThreadId>>,
    old_irql: Cell<u8>,
}

impl RaisedLock {
    /// Raises to `level` (or stays above it) and takes the lock.
    pub(crate) fn acquire(&self, handle: WDFOBJECT, level: u8) {
        let thread = cpu::current_thread();
        if !LOCK_RECURSION
            .check(self.owner.get().is_none(), || format!("lock {handle:p}, holder {:?}", self.owner.get()))
        {
            violation(codes::WDF_RECURSIVE_LOCK, handle as u64, 0);
        }
        let old = cpu::irql();
        if level > old {
            cpu::raise_irql(level);
        }
        self.old_irql.set(old);
        self.owner.set(Some(thread));
        HELD.with_borrow_mut(|held| held.push(handle as usize));
    }

    /// Gives it back and restores the IRQL.
    pub(crate) fn release(&self, handle: WDFOBJECT) {
        let holder = self.owner.take();
        if !LOCK_RELEASE.check(holder == Some(cpu::current_thread()), || format!("lock {handle:p}, holder {holder:?}"))
        {
            violation(codes::WDF_INVALID_LOCK_OPERATION, handle as u64, 1);
        }
        let last = HELD.with_borrow_mut(|held| {
            let last = held.last() == Some(&(handle as usize));
            held.retain(|&h| h != handle as usize);
            last
        });
        SPIN_LOCK_ORDER.check(last, || format!("lock {handle:p} is not the last one taken"));
        if cpu::irql() != self.old_irql.get() {
            cpu::lower_irql(self.old_irql.get());
        }
    }

    fn is_mine(&self) -> bool {
        self.owner.get() == Some(cpu::current_thread())
    }

    /// True if some thread holds it.
    pub(crate) fn is_held(&self) -> bool {
        self.owner.get().is_some()
    }
}

thread_local! {
    /// Locks that raised the IRQL of this thread, oldest first.
    static HELD: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// A lock of PASSIVE_LEVEL.
pub(crate) struct PassiveLock {
    free: Event,
    owner: Cell<Option<ThreadId>>,
}

impl Default for PassiveLock {
    fn default() -> PassiveLock {
        PassiveLock { free: Event::new(false, true), owner: Cell::new(None) }
    }
}

impl PassiveLock {
    /// Takes it; false = timed out.
    pub(crate) fn acquire(&self, handle: WDFOBJECT, timeout: Option<Duration>) -> bool {
        let thread = cpu::current_thread();
        if !LOCK_RECURSION.check(self.owner.get() != Some(thread), || format!("wait lock {handle:p}")) {
            violation(codes::WDF_RECURSIVE_LOCK, handle as u64, 0);
        }
        let taken = cpu::wait_for("a wait lock", &self.free, timeout);
        if taken {
            self.owner.set(Some(thread));
        }
        taken
    }

    /// Gives it back.
    pub(crate) fn release(&self, handle: WDFOBJECT) {
        let holder = self.owner.take();
        if !LOCK_RELEASE.check(holder == Some(cpu::current_thread()), || format!("lock {handle:p}, holder {holder:?}"))
        {
            violation(codes::WDF_INVALID_LOCK_OPERATION, handle as u64, 1);
        }
        self.free.set();
    }
}

/// The lock of WdfObjectAcquireLock, raised or passive by the device's execution level.
#[derive(Default)]
pub(crate) struct ObjectLock {
    raised: RaisedLock,
    passive: PassiveLock,
}

impl ObjectLock {
    pub(crate) fn acquire(&self, handle: WDFOBJECT, passive: bool) {
        if passive {
            self.passive.acquire(handle, None);
        } else {
            self.raised.acquire(handle, DISPATCH_LEVEL);
        }
    }

    /// True if the calling thread holds it.
    pub(crate) fn is_mine(&self, passive: bool) -> bool {
        if passive { self.passive.owner.get() == Some(cpu::current_thread()) } else { self.raised.is_mine() }
    }

    pub(crate) fn release(&self, handle: WDFOBJECT, passive: bool) {
        if passive {
            self.passive.release(handle);
        } else {
            self.raised.release(handle);
        }
    }
}

/// Payload of WDFSPINLOCK.
#[derive(Default)]
pub(crate) struct SpinLock {
    pub(crate) lock: RaisedLock,
    /// It is the lock of interrupts (WDF_INTERRUPT_CONFIG.SpinLock).
    pub(crate) of_interrupt: Cell<bool>,
}

/// Payload of WDFWAITLOCK.
#[derive(Default)]
pub(crate) struct WaitLock {
    pub(crate) lock: PassiveLock,
}

fn spin_lock(handle: WDFSPINLOCK) -> Option<&'static RaisedLock> {
    let lock = payload::<SpinLock>(handle.cast());
    SPIN_LOCK_INTERRUPT.check(!lock.of_interrupt.get(), || format!("lock {handle:p}")).then_some(&lock.lock)
}

fn check_free(handle: WDFOBJECT) {
    let held = crate::object::payload_opt::<SpinLock>(handle).is_some_and(|l| l.lock.is_held())
        || crate::object::payload_opt::<WaitLock>(handle).is_some_and(|l| l.lock.owner.get().is_some());
    LOCK_DELETE.check(!held, || format!("lock {handle:p}"));
}

/// Relative time of a DDI timeout: negative is relative in 100 ns units, positive an absolute system time.
pub(crate) fn relative(due: LONGLONG) -> Duration {
    if due > 0 {
        lab_kernel::bugcheck::stop(&format!(
            "{}: absolute times are not implemented",
            crate::verifier::current_entry()
        ));
    }
    Duration::from_nanos(due.unsigned_abs().saturating_mul(100))
}

ddi! {
    fn WdfSpinLockCreate(DISPATCH_LEVEL, globals; attributes: In<WDF_OBJECT_ATTRIBUTES>, lock: Out<WDFSPINLOCK>) -> NTSTATUS {
        lock.require("SpinLock");
        let made = attributes::read(attributes, Allowed::PARENT).and_then(|attributes| {
            new_object("WDFSPINLOCK", attributes.as_ref(), driver_of(globals), globals, Box::<SpinLock>::default())
        });
        match made {
            Ok(handle) => {
                set_hooks(handle, Hooks { dispose: Some(check_free), ..Hooks::default() });
                lock.set(handle.cast(), "SpinLock");
                STATUS_SUCCESS
            }
            Err(status) => status,
        }
    }

    fn WdfSpinLockAcquire(DISPATCH_LEVEL; handle: WDFSPINLOCK) {
        if let Some(lock) = spin_lock(handle) {
            lock.acquire(handle.cast(), DISPATCH_LEVEL);
        }
    }

    fn WdfSpinLockRelease(DISPATCH_LEVEL; handle: WDFSPINLOCK) {
        if let Some(lock) = spin_lock(handle) {
            lock.release(handle.cast());
        }
    }

    fn WdfWaitLockCreate(DISPATCH_LEVEL, globals; attributes: In<WDF_OBJECT_ATTRIBUTES>, lock: Out<WDFWAITLOCK>) -> NTSTATUS {
        lock.require("Lock");
        let made = attributes::read(attributes, Allowed::PARENT).and_then(|attributes| {
            new_object("WDFWAITLOCK", attributes.as_ref(), driver_of(globals), globals, Box::<WaitLock>::default())
        });
        match made {
            Ok(handle) => {
                set_hooks(handle, Hooks { dispose: Some(check_free), ..Hooks::default() });
                lock.set(handle.cast(), "Lock");
                STATUS_SUCCESS
            }
            Err(status) => status,
        }
    }

    fn WdfWaitLockAcquire(DISPATCH_LEVEL; handle: WDFWAITLOCK, timeout: In<LONGLONG>) -> NTSTATUS {
        let lock = payload::<WaitLock>(handle.cast());
        let timeout = timeout.opt();
        let irql = cpu::irql();
        if !WAIT_LOCK_IRQL.check(timeout == Some(0) || irql == PASSIVE_LEVEL, || format!("IRQL {irql}")) {
            return STATUS_INVALID_DEVICE_REQUEST;
        }
        if lock.lock.acquire(handle.cast(), timeout.map(relative)) { STATUS_SUCCESS } else { STATUS_TIMEOUT }
    }

    fn WdfWaitLockRelease(DISPATCH_LEVEL; handle: WDFWAITLOCK) {
        payload::<WaitLock>(handle.cast()).lock.release(handle.cast());
    }
}
