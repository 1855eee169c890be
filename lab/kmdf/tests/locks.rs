//! Spin locks and wait locks.

#[macro_use]
mod common;

use common::*;
use lab_kernel::cpu;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use wdk_sys::*;

fn spin_lock() -> WDFSPINLOCK {
    let mut lock = null_mut();
    assert_eq!(wdf!(WdfSpinLockCreate, null_mut(), &raw mut lock), STATUS_SUCCESS);
    lock
}

fn wait_lock() -> WDFWAITLOCK {
    let mut lock = null_mut();
    assert_eq!(wdf!(WdfWaitLockCreate, null_mut(), &raw mut lock), STATUS_SUCCESS);
    lock
}

machine_tests! {
    fn a_spin_lock_raises_and_restores_the_irql() {
        Board::boot();
        let driver = load(TestDriver::default()).unwrap();
        let (a, b) = (spin_lock(), spin_lock());
        wdf!(WdfSpinLockAcquire, a);
        wdf!(WdfSpinLockAcquire, b);
        cpu::queue_dpc(|| log("dpc"));
        cpu::preempt_point();
        assert_eq!((cpu::irql(), take_log()), (2, vec![]));
        wdf!(WdfSpinLockRelease, b);
        assert_eq!(cpu::irql(), 2);
        wdf!(WdfSpinLockRelease, a);
        assert_eq!((cpu::irql(), take_log()), (0, vec!["dpc".to_owned()]));
        driver.unload();
        no_violations();
    }

    fn spin_locks_released_out_of_order_break_a_rule() {
        Board::boot();
        let _driver = load(TestDriver::default()).unwrap();
        let (a, b) = (spin_lock(), spin_lock());
        wdf!(WdfSpinLockAcquire, a);
        wdf!(WdfSpinLockAcquire, b);
        wdf!(WdfSpinLockRelease, a);
        assert_eq!(violated(), ["SPIN_LOCK_ORDER"]);
    }

    fn a_wait_lock_makes_others_wait() {
        static LOCK: AtomicUsize = AtomicUsize::new(0);
        Board::boot();
        let driver = load(TestDriver::default()).unwrap();
        let lock = wait_lock();
        LOCK.store(lock as usize, Relaxed);
        assert_eq!(wdf!(WdfWaitLockAcquire, lock, null_mut()), STATUS_SUCCESS);
        let other = cpu::spawn("other", || {
            let lock = LOCK.load(Relaxed) as WDFWAITLOCK;
            let mut none = 0;
            assert_eq!(wdf!(WdfWaitLockAcquire, lock, &raw mut none), 0x102, "STATUS_TIMEOUT");
            let mut short = -20_000;
            assert_eq!(wdf!(WdfWaitLockAcquire, lock, &raw mut short), 0x102);
            assert_eq!(wdf!(WdfWaitLockAcquire, lock, null_mut()), STATUS_SUCCESS);
            log("other has it");
            wdf!(WdfWaitLockRelease, lock);
        });
        cpu::sleep(Duration::from_millis(10));
        log("main gives it");
        wdf!(WdfWaitLockRelease, lock);
        cpu::join(other);
        assert_eq!(take_log(), ["main gives it", "other has it"]);
        driver.unload();
        no_violations();
    }

    fn preempted_threads_share_locks_and_objects() {
        static LOCK: AtomicUsize = AtomicUsize::new(0);
        static INSIDE: AtomicUsize = AtomicUsize::new(0);
        static ROUNDS: AtomicUsize = AtomicUsize::new(0);
        Board::boot_preemptive(7, 2);
        let driver = load(TestDriver::default()).unwrap();
        LOCK.store(wait_lock() as usize, Relaxed);
        let threads = [(); 4].map(|()| {
            cpu::spawn("worker", || {
                for _ in 0..200 {
                    let lock = LOCK.load(Relaxed) as WDFWAITLOCK;
                    assert_eq!(wdf!(WdfWaitLockAcquire, lock, null_mut()), STATUS_SUCCESS);
                    assert_eq!(INSIDE.fetch_add(1, Relaxed), 0, "alone inside");
                    let parent = spin_lock();
                    let mut child = null_mut();
                    let mut attributes = child_of(parent.cast());
                    assert_eq!(wdf!(WdfSpinLockCreate, &raw mut attributes, &raw mut child), STATUS_SUCCESS);
                    wdf!(WdfObjectDelete, parent.cast());
                    INSIDE.fetch_sub(1, Relaxed);
                    ROUNDS.fetch_add(1, Relaxed);
                    wdf!(WdfWaitLockRelease, lock);
                }
            })
        });
        threads.into_iter().for_each(cpu::join);
        assert_eq!(ROUNDS.load(Relaxed), 800);
        assert!(cpu::stats().preemptions > 100);
        driver.unload();
        assert_eq!(lab_kmdf::live_objects(), []);
        no_violations();
    }

    fn a_wait_at_dispatch_breaks_a_rule() {
        Board::boot();
        let driver = load(TestDriver::default()).unwrap();
        let lock = wait_lock();
        let old = cpu::raise_irql(2);
        assert_eq!(wdf!(WdfWaitLockAcquire, lock, null_mut()), STATUS_INVALID_DEVICE_REQUEST);
        let mut none = 0;
        assert_eq!(wdf!(WdfWaitLockAcquire, lock, &raw mut none), STATUS_SUCCESS);
        wdf!(WdfWaitLockRelease, lock);
        cpu::lower_irql(old);
        assert_eq!(violated(), ["WAIT_LOCK_IRQL"]);
        driver.unload();
    }

    fn methods_above_their_irql_break_a_rule() {
        Board::boot();
        let driver = load(TestDriver::default()).unwrap();
        let before = lab_kernel::rules::checked_total();
        let lock = spin_lock();
        assert!(lab_kernel::rules::checked_total() >= before + 2, "globals and IRQL are counted");
        let old = cpu::raise_irql(5);
        let mut other = null_mut();
        wdf!(WdfSpinLockCreate, null_mut(), &raw mut other);
        cpu::lower_irql(old);
        assert_eq!(violated(), ["KMDF_IRQL"]);
        wdf!(WdfObjectDelete, lock.cast());
        driver.unload();
    }
}

stop_tests! {
    fn a_spin_lock_is_not_recursive() stops with ["WDF_RECURSIVE_LOCK", "WdfSpinLockAcquire"] {
        Board::boot();
        let _driver = load(TestDriver::default()).unwrap();
        let lock = spin_lock();
        wdf!(WdfSpinLockAcquire, lock);
        wdf!(WdfSpinLockAcquire, lock);
    }

    fn a_wait_lock_is_not_recursive() stops with ["WDF_RECURSIVE_LOCK", "WdfWaitLockAcquire"] {
        Board::boot();
        let _driver = load(TestDriver::default()).unwrap();
        let lock = wait_lock();
        wdf!(WdfWaitLockAcquire, lock, null_mut());
        wdf!(WdfWaitLockAcquire, lock, null_mut());
    }

    fn a_lock_that_is_not_held_is_not_released() stops with ["WDF_INVALID_LOCK_OPERATION", "WdfSpinLockRelease"] {
        Board::boot();
        let _driver = load(TestDriver::default()).unwrap();
        wdf!(WdfSpinLockRelease, spin_lock());
    }
}
