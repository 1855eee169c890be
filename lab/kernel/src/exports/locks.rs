//! IRQL, spin locks, push locks, fast mutexes, critical regions.

use super::{Ptr, exports};
use crate::bugcheck::bugcheck_because;
use crate::cpu::{self, APC_LEVEL, DISPATCH_LEVEL, Event, ThreadId};
use crate::rules;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

rules! {
    SPIN_LOCK_RELEASE_IRQL: "A spin lock is released at DISPATCH_LEVEL, to an IRQL not above it", "DDI wdm KeReleaseSpinLock";
    PUSH_LOCK_HELD: "A push lock is released in the mode it is held in", "DDI wdm ExReleasePushLockExclusive";
    PUSH_LOCK_CRITICAL_REGION: "A push lock is acquired with normal kernel APCs disabled", "DDI wdm ExAcquirePushLockExclusive";
    FAST_MUTEX_HELD: "A fast mutex is released by its holder, at APC_LEVEL", "DDI wdm ExReleaseFastMutex";
    CRITICAL_REGION_BALANCED: "A thread leaves a critical region that it entered", "DDI wdm KeLeaveCriticalRegion";
}

/// Takes a spin lock at DISPATCH_LEVEL or above. The machine has one processor: a lock that is held now is held by the
/// code that was interrupted or by the caller itself, and will never be released.
fn take_spin_lock(lock: Ptr<u64>) {
    if !try_spin_lock(lock) {
        let why = format!("spin lock {:#x} is held already: on one processor this waits for ever", lock.address());
        bugcheck_because(0x0F, [lock.address() as u64, 0, 0, 0], &why);
    }
}

fn try_spin_lock(lock: Ptr<u64>) -> bool {
    let free = lock.read() == 0;
    if free {
        lock.write(1);
    }
    free
}

fn release_spin_lock(lock: Ptr<u64>) {
    if lock.read() == 0 {
        bugcheck_because(0x10, [lock.address() as u64, 0, 0, 0], "release of a spin lock that is free");
    }
    lock.write(0);
}

fn release_to(lock: Ptr<u64>, irql: u8) {
    let now = cpu::irql();
    SPIN_LOCK_RELEASE_IRQL.check(now == DISPATCH_LEVEL && irql <= now, || format!("at IRQL {now}, to IRQL {irql}"));
    release_spin_lock(lock);
    cpu::lower_irql(irql);
}

/// KLOCK_QUEUE_HANDLE: KSPIN_LOCK_QUEUE { Next, Lock }, OldIrql.
const HANDLE_LOCK: usize = 8;
const HANDLE_IRQL: usize = 16;

/// FAST_MUTEX: Count (1 = free), Owner, Contention, Event, OldIrql.
const FAST_MUTEX_OWNER: usize = 8;
const FAST_MUTEX_IRQL: usize = 0x30;

/// Threads that wait for a lock word to change, by its address.
static WAITED_FOR: Mutex<BTreeMap<usize, Event>> = Mutex::new(BTreeMap::new());
static CRITICAL_REGIONS: Mutex<BTreeMap<ThreadId, u32>> = Mutex::new(BTreeMap::new());

fn waited_for() -> MutexGuard<'static, BTreeMap<usize, Event>> {
    WAITED_FOR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Blocks until `take` succeeds; it is tried again whenever [`changed`] is called for the address.
fn acquire(what: &str, address: usize, take: impl Fn() -> bool) {
    while !take() {
        let event = waited_for().entry(address).or_insert_with(|| Event::new(true, false)).clone();
        cpu::wait_for(&format!("{what} {address:#x}"), &event, None);
    }
}

fn changed(address: usize) {
    let event = waited_for().remove(&address);
    if let Some(event) = event {
        event.set();
    }
}

/// The push lock word: 0 free, 1 exclusive, 2 n shared by n.
const EXCLUSIVE: u64 = 1;
const SHARED: u64 = 2;

fn acquire_push_lock(lock: Ptr<u64>, take: impl Fn(u64) -> Option<u64>) {
    let thread = cpu::current_thread();
    let regions = CRITICAL_REGIONS.lock().unwrap_or_else(PoisonError::into_inner).get(&thread).copied();
    let disabled = regions.is_some_and(|n| n > 0) || cpu::irql() == APC_LEVEL;
    PUSH_LOCK_CRITICAL_REGION.check(disabled, || format!("lock {:#x} outside a critical region", lock.address()));
    acquire("push lock", lock.address(), || {
        let taken = take(lock.read());
        taken.into_iter().for_each(|word| lock.write(word));
        taken.is_some()
    });
}

fn release_push_lock(lock: Ptr<u64>, exclusive: bool) {
    let word = lock.read();
    let held = if exclusive { word == EXCLUSIVE } else { word >= SHARED };
    if PUSH_LOCK_HELD.check(held, || format!("lock {:#x}, state {word}", lock.address())) {
        lock.write(if exclusive { 0 } else { word - SHARED });
        changed(lock.address());
    }
}

fn enter_region() {
    *CRITICAL_REGIONS.lock().unwrap_or_else(PoisonError::into_inner).entry(cpu::current_thread()).or_default() += 1;
}

fn leave_region() {
    let mut regions = CRITICAL_REGIONS.lock().unwrap_or_else(PoisonError::into_inner);
    let depth = regions.entry(cpu::current_thread()).or_default();
    let inside = *depth > 0;
    *depth = depth.saturating_sub(1);
    drop(regions);
    CRITICAL_REGION_BALANCED.check(inside, || "left without entering".to_owned());
}

fn try_fast_mutex(mutex: Ptr<i32>) -> bool {
    let free = mutex.read() == 1;
    if free {
        mutex.write(0);
        mutex.field::<u64>(FAST_MUTEX_OWNER).write(u64::from(cpu::current_thread().0) + 1);
    }
    free
}

fn release_fast_mutex(mutex: Ptr<i32>) {
    let owner = mutex.field::<u64>(FAST_MUTEX_OWNER).read();
    let (me, irql) = (u64::from(cpu::current_thread().0) + 1, cpu::irql());
    FAST_MUTEX_HELD.check(mutex.read() == 0 && owner == me, || format!("mutex {:#x} at IRQL {irql}", mutex.address()));
    mutex.field::<u64>(FAST_MUTEX_OWNER).write(0);
    mutex.write(1);
    changed(mutex.address());
}

exports! {
    [Any] fn KeGetCurrentIrql() -> u8 { cpu::irql() }

    [Any] fn KfRaiseIrql(new: u8) -> u8 { cpu::raise_irql(new) }

    [AtMostDispatch] fn KeRaiseIrqlToDpcLevel() -> u8 { cpu::raise_irql(DISPATCH_LEVEL) }

    [Any] fn KeLowerIrql(new: u8) { cpu::lower_irql(new); }

    [Any] fn KfLowerIrql(new: u8) { cpu::lower_irql(new); }

    [Any] fn KeInitializeSpinLock(lock: Ptr<u64>) { lock.write(0); }

    [AtMostDispatch] fn KeAcquireSpinLockRaiseToDpc(lock: Ptr<u64>) -> u8 {
        let old = cpu::raise_irql(DISPATCH_LEVEL);
        take_spin_lock(lock);
        old
    }

    [AtMostDispatch] fn KeReleaseSpinLock(lock: Ptr<u64>, irql: u8) { release_to(lock, irql); }

    [AtLeastDispatch] fn KeAcquireSpinLockAtDpcLevel(lock: Ptr<u64>) { take_spin_lock(lock); }

    [AtLeastDispatch] fn KeTryToAcquireSpinLockAtDpcLevel(lock: Ptr<u64>) -> bool { try_spin_lock(lock) }

    [AtLeastDispatch] fn KeReleaseSpinLockFromDpcLevel(lock: Ptr<u64>) { release_spin_lock(lock); }

    [AtMostDispatch] fn KeAcquireInStackQueuedSpinLock(lock: Ptr<u64>, handle: Ptr<u8>) {
        let old = cpu::raise_irql(DISPATCH_LEVEL);
        take_spin_lock(lock);
        handle.field::<usize>(HANDLE_LOCK).write(lock.address());
        handle.field::<u8>(HANDLE_IRQL).write(old);
    }

    [AtMostDispatch] fn KeReleaseInStackQueuedSpinLock(handle: Ptr<u8>) {
        let lock = handle.field::<Ptr<u64>>(HANDLE_LOCK).read();
        release_to(lock, handle.field::<u8>(HANDLE_IRQL).read());
    }

    [AtLeastDispatch] fn KeAcquireInStackQueuedSpinLockAtDpcLevel(lock: Ptr<u64>, handle: Ptr<u8>) {
        take_spin_lock(lock);
        handle.field::<usize>(HANDLE_LOCK).write(lock.address());
    }

    [AtLeastDispatch] fn KeReleaseInStackQueuedSpinLockFromDpcLevel(handle: Ptr<u8>) {
        release_spin_lock(handle.field::<Ptr<u64>>(HANDLE_LOCK).read());
    }

    [Any] fn ExInitializePushLock(lock: Ptr<u64>) { lock.write(0); }

    [AtMostApc] fn ExAcquirePushLockExclusiveEx(lock: Ptr<u64>, _flags: u32) {
        acquire_push_lock(lock, |word| (word == 0).then_some(EXCLUSIVE));
    }

    [AtMostApc] fn ExAcquirePushLockSharedEx(lock: Ptr<u64>, _flags: u32) {
        acquire_push_lock(lock, |word| (word != EXCLUSIVE).then(|| word + SHARED));
    }

    [AtMostApc] fn ExReleasePushLockExclusiveEx(lock: Ptr<u64>, _flags: u32) { release_push_lock(lock, true); }

    [AtMostApc] fn ExReleasePushLockSharedEx(lock: Ptr<u64>, _flags: u32) { release_push_lock(lock, false); }

    [AtMostApc] fn ExAcquireFastMutex(mutex: Ptr<i32>) {
        // The IRQL is raised when the mutex is ours: a wait at APC_LEVEL would look the same to the driver.
        acquire("fast mutex", mutex.address(), || try_fast_mutex(mutex));
        mutex.field::<u8>(FAST_MUTEX_IRQL).write(cpu::raise_irql(APC_LEVEL));
    }

    [AtMostApc] fn ExTryToAcquireFastMutex(mutex: Ptr<i32>) -> bool {
        let taken = try_fast_mutex(mutex);
        if taken {
            mutex.field::<u8>(FAST_MUTEX_IRQL).write(cpu::raise_irql(APC_LEVEL));
        }
        taken
    }

    [AtMostApc] fn ExReleaseFastMutex(mutex: Ptr<i32>) {
        let old = mutex.field::<u8>(FAST_MUTEX_IRQL).read();
        release_fast_mutex(mutex);
        cpu::lower_irql(old);
    }

    [AtMostApc] fn ExAcquireFastMutexUnsafe(mutex: Ptr<i32>) {
        acquire("fast mutex", mutex.address(), || try_fast_mutex(mutex));
    }

    [AtMostApc] fn ExReleaseFastMutexUnsafe(mutex: Ptr<i32>) { release_fast_mutex(mutex); }

    [AtMostApc] fn KeEnterCriticalRegion() { enter_region(); }

    [AtMostApc] fn KeLeaveCriticalRegion() { leave_region(); }

    [AtMostApc] fn KeEnterGuardedRegion() { enter_region(); }

    [AtMostApc] fn KeLeaveGuardedRegion() { leave_region(); }

    [AtMostDispatch] fn KeAreApcsDisabled() -> bool {
        let regions = CRITICAL_REGIONS.lock().unwrap_or_else(PoisonError::into_inner);
        cpu::irql() > 0 || regions.get(&cpu::current_thread()).is_some_and(|n| *n > 0)
    }
}
