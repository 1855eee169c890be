//! Timers, work items, DPCs.

#[macro_use]
mod common;

use common::*;
use lab_kernel::cpu;
use lab_kmdf::{Device, Driver};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use wdk_sys::*;

fn started() -> (Driver, Device) {
    let board = Board::boot();
    let driver = load(TestDriver::default()).unwrap();
    let device = driver.add_device(board.resources(1)).unwrap();
    take_log();
    (driver, device)
}

fn finish(driver: Driver, device: Device) {
    device.remove();
    driver.unload();
    assert_eq!(lab_kmdf::live_objects(), []);
    no_violations();
}

const MILLISECOND: LONGLONG = -10_000;

fn sleep(ms: u64) {
    cpu::sleep(Duration::from_millis(ms));
}

unsafe extern "win64" fn tick(_: WDFTIMER) {
    log(format!("tick@{}", cpu::irql()));
}

fn timer_config(period: u32) -> WDF_TIMER_CONFIG {
    WDF_TIMER_CONFIG {
        Size: size_of::<WDF_TIMER_CONFIG>() as u32,
        EvtTimerFunc: Some(tick),
        Period: period,
        AutomaticSerialization: 1,
        ..Default::default()
    }
}

fn timer(mut config: WDF_TIMER_CONFIG, mut attributes: WDF_OBJECT_ATTRIBUTES) -> Result<WDFTIMER, NTSTATUS> {
    let mut timer = null_mut();
    let status = wdf!(WdfTimerCreate, &raw mut config, &raw mut attributes, &raw mut timer);
    if NT_SUCCESS(status) { Ok(timer) } else { Err(status) }
}

fn work_item(device: &Device, function: unsafe extern "win64" fn(WDFWORKITEM)) -> WDFWORKITEM {
    let mut config = WDF_WORKITEM_CONFIG {
        Size: size_of::<WDF_WORKITEM_CONFIG>() as u32,
        EvtWorkItemFunc: Some(function),
        ..Default::default()
    };
    let mut item = null_mut();
    let mut attributes = child_of(device.handle().cast());
    assert_eq!(wdf!(WdfWorkItemCreate, &raw mut config, &raw mut attributes, &raw mut item), STATUS_SUCCESS);
    item
}

machine_tests! {
    fn a_one_shot_timer_ticks_once_at_its_time() {
        let (driver, device) = started();
        let timer = timer(timer_config(0), child_of(device.handle().cast())).unwrap();
        assert_eq!(wdf!(WdfTimerGetParentObject, timer), device.handle().cast());
        assert_eq!(wdf!(WdfTimerStart, timer, 5 * MILLISECOND), 0);
        sleep(4);
        assert_eq!(take_log(), [""; 0]);
        sleep(2);
        assert_eq!(take_log(), ["tick@2"]);
        sleep(20);
        assert_eq!(take_log(), [""; 0]);
        assert_eq!(wdf!(WdfTimerStart, timer, 5 * MILLISECOND), 0, "it was not in the queue");
        assert_eq!(wdf!(WdfTimerStart, timer, 8 * MILLISECOND), 1, "it was");
        sleep(6);
        assert_eq!(take_log(), [""; 0], "the second start moved it");
        assert_eq!(wdf!(WdfTimerStop, timer, 1), 1);
        sleep(10);
        assert_eq!(take_log(), [""; 0]);
        assert_eq!(wdf!(WdfTimerStop, timer, 0), 0);
        finish(driver, device);
    }

    fn a_periodic_timer_ticks_until_it_is_stopped() {
        let (driver, device) = started();
        let timer = timer(timer_config(10), child_of(device.handle().cast())).unwrap();
        wdf!(WdfTimerStart, timer, MILLISECOND);
        sleep(35);
        assert_eq!(take_log(), ["tick@2"; 4], "at 1, 11, 21 and 31 ms");
        assert_eq!(wdf!(WdfTimerStop, timer, 1), 1);
        sleep(30);
        assert_eq!(take_log(), [""; 0]);
        // Deletion stops a running timer.
        wdf!(WdfTimerStart, timer, MILLISECOND);
        finish(driver, device);
        sleep(30);
        assert_eq!(take_log().iter().filter(|l| l.starts_with("tick")).count(), 0);
    }

    fn a_passive_timer_runs_on_a_thread() {
        unsafe extern "win64" fn slow(_: WDFTIMER) {
            log(format!("begin@{}", cpu::irql()));
            sleep(10);
            log("end");
        }
        let (driver, device) = started();
        let passive = WDF_OBJECT_ATTRIBUTES {
            ExecutionLevel: _WDF_EXECUTION_LEVEL::WdfExecutionLevelPassive,
            ..child_of(device.handle().cast())
        };
        assert_eq!(timer(timer_config(10), passive), Err(STATUS_NOT_SUPPORTED), "not periodic");
        let timer = timer(WDF_TIMER_CONFIG { EvtTimerFunc: Some(slow), ..timer_config(0) }, passive).unwrap();
        wdf!(WdfTimerStart, timer, MILLISECOND);
        sleep(3);
        assert_eq!(take_log(), ["begin@0"]);
        assert_eq!(wdf!(WdfTimerStop, timer, 1), 0);
        assert_eq!(take_log(), ["end"], "the stop waited");
        finish(driver, device);
    }

    fn timers_need_a_device_above_them() {
        let (driver, device) = started();
        assert_eq!(timer(timer_config(0), attributes()), Err(0xC020_0212_u32 as i32));
        let driver_object = lab_kmdf::parent_of(device.handle().cast());
        assert_eq!(timer(timer_config(0), child_of(driver_object)), Err(STATUS_INVALID_DEVICE_REQUEST));
        let high_resolution = WDF_TIMER_CONFIG { UseHighResolutionTimer: 1, TolerableDelay: 5, ..timer_config(0) };
        assert_eq!(timer(high_resolution, child_of(device.handle().cast())), Err(STATUS_INVALID_PARAMETER));
        finish(driver, device);
    }

    fn a_stop_that_waits_at_dispatch_breaks_a_rule() {
        let (driver, device) = started();
        let timer = timer(timer_config(0), child_of(device.handle().cast())).unwrap();
        let old = cpu::raise_irql(2);
        assert_eq!(wdf!(WdfTimerStop, timer, 1), 0);
        cpu::lower_irql(old);
        assert_eq!(violated(), ["TIMER_STOP_WAIT"]);
        device.remove();
        driver.unload();
    }

    fn enqueues_before_the_run_are_one_run() {
        unsafe extern "win64" fn work(item: WDFWORKITEM) {
            log(format!("work@{}", cpu::irql()));
            assert!(!wdf!(WdfWorkItemGetParentObject, item).is_null());
        }
        let (driver, device) = started();
        let item = work_item(&device, work);
        let old = cpu::raise_irql(2);
        wdf!(WdfWorkItemEnqueue, item);
        wdf!(WdfWorkItemEnqueue, item);
        cpu::lower_irql(old);
        wdf!(WdfWorkItemFlush, item);
        assert_eq!(take_log(), ["work@0"]);
        wdf!(WdfWorkItemEnqueue, item);
        wdf!(WdfWorkItemFlush, item);
        assert_eq!(take_log(), ["work@0"]);
        finish(driver, device);
    }

    fn work_items_may_wait_for_each_other() {
        static FIRST: AtomicUsize = AtomicUsize::new(0);
        unsafe extern "win64" fn first(_: WDFWORKITEM) {
            sleep(5);
            log("first");
        }
        unsafe extern "win64" fn second(_: WDFWORKITEM) {
            wdf!(WdfWorkItemFlush, FIRST.load(Relaxed) as WDFWORKITEM);
            log("second");
        }
        let (driver, device) = started();
        let first = work_item(&device, first);
        FIRST.store(first as usize, Relaxed);
        let second = work_item(&device, second);
        wdf!(WdfWorkItemEnqueue, second);
        wdf!(WdfWorkItemEnqueue, first);
        wdf!(WdfWorkItemFlush, second);
        assert_eq!(take_log(), ["first", "second"]);
        finish(driver, device);
    }

    fn deletion_waits_for_a_work_item() {
        unsafe extern "win64" fn slow(_: WDFWORKITEM) {
            sleep(5);
            log("done");
        }
        let (driver, device) = started();
        let item = work_item(&device, slow);
        wdf!(WdfWorkItemEnqueue, item);
        wdf!(WdfObjectDelete, item.cast());
        assert_eq!(take_log(), ["done"]);
        finish(driver, device);
    }

    fn a_work_item_may_delete_itself() {
        unsafe extern "win64" fn last(item: WDFWORKITEM) {
            wdf!(WdfObjectDelete, item.cast());
            log("deleted");
        }
        let (driver, device) = started();
        let item = work_item(&device, last);
        wdf!(WdfWorkItemEnqueue, item);
        sleep(1);
        assert_eq!(take_log(), ["deleted"]);
        assert_eq!(lab_kmdf::kind_of(item.cast()), None);
        finish(driver, device);
    }

    fn dpcs_coalesce_and_can_be_cancelled() {
        unsafe extern "win64" fn dpc(_: WDFDPC) {
            log(format!("dpc@{}", cpu::irql()));
        }
        let (driver, device) = started();
        let mut config = WDF_DPC_CONFIG { Size: size_of::<WDF_DPC_CONFIG>() as u32, EvtDpcFunc: Some(dpc), ..Default::default() };
        let mut handle: WDFDPC = null_mut();
        let status = call!(
            WdfDpcCreateTableIndex,
            fn(*mut WDF_DPC_CONFIG, *mut WDF_OBJECT_ATTRIBUTES, *mut WDFDPC) -> NTSTATUS,
            &raw mut config, &mut child_of(device.handle().cast()), &raw mut handle
        );
        assert_eq!(status, STATUS_SUCCESS);
        let enqueue = || call!(WdfDpcEnqueueTableIndex, fn(WDFDPC) -> BOOLEAN, handle);
        let cancel = |wait| call!(WdfDpcCancelTableIndex, fn(WDFDPC, BOOLEAN) -> BOOLEAN, handle, wait);
        let old = cpu::raise_irql(2);
        assert_eq!((enqueue(), enqueue()), (1, 0));
        cpu::lower_irql(old);
        assert_eq!(take_log(), ["dpc@2"]);
        let old = cpu::raise_irql(2);
        assert_eq!((enqueue(), cancel(0), cancel(0)), (1, 1, 0));
        cpu::lower_irql(old);
        assert_eq!(take_log(), [""; 0]);
        finish(driver, device);
    }

    fn a_synchronization_scope_serialises_and_must_fit() {
        unsafe extern "win64" fn work(_: WDFWORKITEM) {}
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            let mut scoped = WDF_OBJECT_ATTRIBUTES {
                SynchronizationScope: _WDF_SYNCHRONIZATION_SCOPE::WdfSynchronizationScopeDevice,
                ..attributes()
            };
            create_device_with(init, &mut scoped).err().unwrap_or(STATUS_SUCCESS)
        }
        let board = Board::boot();
        let driver = load(TestDriver { device_add: add, ..TestDriver::default() }).unwrap();
        let device = driver.add_device(board.resources(1)).unwrap();
        take_log();
        // The device serialises at DISPATCH_LEVEL, a work item runs at PASSIVE_LEVEL.
        let mut config = WDF_WORKITEM_CONFIG {
            Size: size_of::<WDF_WORKITEM_CONFIG>() as u32,
            EvtWorkItemFunc: Some(work),
            AutomaticSerialization: 1,
        };
        let mut item = null_mut();
        let mut attributes = child_of(device.handle().cast());
        let status = wdf!(WdfWorkItemCreate, &raw mut config, &raw mut attributes, &raw mut item);
        assert_eq!(status, 0xC020_020C_u32 as i32, "STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL");
        let timer = timer(timer_config(0), attributes).unwrap();
        call!(WdfObjectAcquireLockTableIndex, fn(WDFOBJECT), device.handle().cast());
        assert_eq!(cpu::irql(), 2);
        wdf!(WdfTimerStart, timer, 0);
        cpu::preempt_point();
        assert_eq!(take_log(), [""; 0]);
        call!(WdfObjectReleaseLockTableIndex, fn(WDFOBJECT), device.handle().cast());
        assert_eq!(take_log(), ["tick@2"]);
        finish(driver, device);
    }
}

stop_tests! {
    fn a_lock_without_scope_is_an_invalid_operation() stops with ["WDF_INVALID_LOCK_OPERATION", "OBJECT_LOCK"] {
        let (_driver, device) = started();
        call!(WdfObjectAcquireLockTableIndex, fn(WDFOBJECT), device.handle().cast());
    }
}
