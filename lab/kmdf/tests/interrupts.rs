//! Interrupts: messages, the line, service routines and what they defer, locks and resources.

#[macro_use]
mod common;

use common::*;
use lab_kernel::cpu;
use lab_kmdf::{Device, Driver};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wdk_sys::*;

/// Interrupts by creation.
static INTERRUPTS: Mutex<Vec<usize>> = Mutex::new(Vec::new());
static DEVICE: AtomicUsize = AtomicUsize::new(0);

fn interrupt(i: usize) -> WDFINTERRUPT {
    INTERRUPTS.lock().unwrap()[i] as WDFINTERRUPT
}

unsafe extern "win64" fn isr(interrupt: WDFINTERRUPT, message: ULONG) -> BOOLEAN {
    log(format!("isr {message}@{}", cpu::irql()));
    let first = wdf!(WdfInterruptQueueDpcForIsr, interrupt);
    let second = wdf!(WdfInterruptQueueDpcForIsr, interrupt);
    log(format!("queued {first} {second}"));
    1
}

unsafe extern "win64" fn dpc(interrupt: WDFINTERRUPT, device: WDFOBJECT) {
    assert_eq!(device as usize, DEVICE.load(Relaxed));
    assert_eq!(wdf!(WdfInterruptGetDevice, interrupt).cast(), device);
    log(format!("dpc@{}", cpu::irql()));
}

unsafe extern "win64" fn enable(_: WDFINTERRUPT, _: WDFDEVICE) -> NTSTATUS {
    called("enable", "")
}

unsafe extern "win64" fn disable(_: WDFINTERRUPT, _: WDFDEVICE) -> NTSTATUS {
    called("disable", "")
}

fn config() -> WDF_INTERRUPT_CONFIG {
    WDF_INTERRUPT_CONFIG {
        Size: size_of::<WDF_INTERRUPT_CONFIG>() as u32,
        ShareVector: _WDF_TRI_STATE::WdfUseDefault,
        EvtInterruptIsr: Some(isr),
        EvtInterruptDpc: Some(dpc),
        EvtInterruptEnable: Some(enable),
        EvtInterruptDisable: Some(disable),
        ..Default::default()
    }
}

fn create(device: WDFDEVICE, mut config: WDF_INTERRUPT_CONFIG) -> NTSTATUS {
    let mut interrupt = null_mut();
    let status = wdf!(WdfInterruptCreate, device, &raw mut config, null_mut(), &raw mut interrupt);
    if NT_SUCCESS(status) {
        INTERRUPTS.lock().unwrap().push(interrupt as usize);
    }
    status
}

fn bare_device(init: PWDFDEVICE_INIT) -> NTSTATUS {
    match create_device_with(init, &mut attributes()) {
        Ok(device) => {
            DEVICE.store(device as usize, Relaxed);
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

fn device_with_two(init: PWDFDEVICE_INIT) -> NTSTATUS {
    bare_device(init);
    let device = DEVICE.load(Relaxed) as WDFDEVICE;
    assert_eq!(create(device, config()), STATUS_SUCCESS);
    create(device, config())
}

fn device_with_one(init: PWDFDEVICE_INIT) -> NTSTATUS {
    bare_device(init);
    create(DEVICE.load(Relaxed) as WDFDEVICE, config())
}

fn start(device_add: fn(PWDFDEVICE_INIT) -> NTSTATUS, messages: u32) -> (Arc<Board>, Driver, Device) {
    let board = Board::boot();
    let driver = load(TestDriver { device_add, ..TestDriver::default() }).unwrap();
    let device = driver.add_device(board.resources(messages)).unwrap();
    device.start().unwrap();
    (board, driver, device)
}

fn finish(driver: Driver, device: Device) {
    device.remove();
    driver.unload();
    assert_eq!(lab_kmdf::live_objects(), []);
}

fn own_lines() -> Vec<String> {
    take_log().into_iter().filter(|l| !l.starts_with("Evt")).collect()
}

fn info(interrupt: WDFINTERRUPT) -> WDF_INTERRUPT_INFO {
    let mut info = WDF_INTERRUPT_INFO { Size: size_of::<WDF_INTERRUPT_INFO>() as u32, ..Default::default() };
    wdf!(WdfInterruptGetInfo, interrupt, &raw mut info);
    info
}

/// Creates the interrupts in EvtDevicePrepareHardware from the resource lists.
fn prepare(device: WDFDEVICE, raw: WDFCMRESLIST, translated: WDFCMRESLIST) {
    let count = wdf!(WdfCmResourceListGetCount, translated);
    assert_eq!(wdf!(WdfCmResourceListGetCount, raw), count);
    for i in 0..count {
        let descriptor = wdf!(WdfCmResourceListGetDescriptor, translated, i);
        // SAFETY: an index below the count.
        if u32::from(unsafe { (*descriptor).Type }) == CmResourceTypeInterrupt {
            let status = create(
                device,
                WDF_INTERRUPT_CONFIG {
                    InterruptRaw: wdf!(WdfCmResourceListGetDescriptor, raw, i),
                    InterruptTranslated: descriptor,
                    ..config()
                },
            );
            log(format!("created {status:#x}"));
        }
    }
}

machine_tests! {
    fn messages_reach_their_service_routines() {
        let (board, driver, device) = start(device_with_two, 2);
        assert_eq!(board.messages(), 2, "MSI-X is on");
        assert_eq!(own_lines(), ["enable()@9", "enable()@9"]);
        board.fire(0b10);
        cpu::preempt_point();
        assert_eq!(own_lines(), ["isr 1@9", "queued 1 0", "dpc@2"]);
        board.fire(0b11);
        cpu::preempt_point();
        assert_eq!(own_lines(), ["isr 0@9", "queued 1 0", "isr 1@9", "queued 1 0", "dpc@2", "dpc@2"]);
        let info = info(interrupt(1));
        assert_eq!((info.MessageNumber, info.Irql, info.MessageSignaled, info.Vector), (1, 9, 1, 0x91));
        finish(driver, device);
        assert_eq!(own_lines(), ["disable()@9", "disable()@9"]);
        assert_eq!(board.messages(), 0, "MSI-X is off");
        no_violations();
    }

    fn the_line_is_used_without_messages() {
        unsafe extern "win64" fn line_isr(_: WDFINTERRUPT, _: ULONG) -> BOOLEAN {
            log(format!("line@{}", cpu::irql()));
            BOARD.lock().unwrap().as_ref().unwrap().set_line(false);
            1
        }
        static BOARD: Mutex<Option<Arc<Board>>> = Mutex::new(None);
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            bare_device(init);
            create(DEVICE.load(Relaxed) as WDFDEVICE, WDF_INTERRUPT_CONFIG { EvtInterruptIsr: Some(line_isr), ..config() })
        }
        let (board, driver, device) = start(add, 0);
        *BOARD.lock().unwrap() = Some(board.clone());
        take_log();
        let info = info(interrupt(0));
        assert_eq!((info.MessageSignaled, info.Irql, info.Mode), (0, 8, 0));
        board.set_line(true);
        cpu::preempt_point();
        assert_eq!(take_log(), ["line@8"]);
        finish(driver, device);
        no_violations();
    }

    fn interrupts_made_in_prepare_hardware_live_until_release() {
        *callbacks::PREPARE.lock().unwrap() = Some(prepare);
        let (board, driver, device) = start(bare_device, 3);
        assert_eq!(INTERRUPTS.lock().unwrap().len(), 3);
        take_log();
        board.fire(0b100);
        cpu::preempt_point();
        assert_eq!(take_log()[0], "isr 2@9");
        device.stop().unwrap();
        let kinds: Vec<_> = lab_kmdf::live_objects().iter().map(|l| l.kind).collect();
        assert_eq!(kinds, ["WDFDRIVER", "WDFDEVICE"]);
        device.start().unwrap();
        assert_eq!(INTERRUPTS.lock().unwrap().len(), 6);
        finish(driver, device);
        no_violations();
    }

    fn enable_and_disable_follow_d3() {
        let (board, driver, device) = start(device_with_one, 1);
        device.to_dx(_WDF_POWER_DEVICE_STATE::WdfPowerDeviceD3).unwrap();
        own_lines();
        board.fire(1);
        cpu::preempt_point();
        assert_eq!(own_lines(), [""; 0], "no message in D3");
        device.to_d0().unwrap();
        board.fire(1);
        cpu::preempt_point();
        assert_eq!(own_lines(), ["enable()@9", "isr 0@9", "queued 1 0", "dpc@2"]);
        finish(driver, device);
        no_violations();
    }

    fn the_lock_keeps_the_service_routine_away() {
        let (board, driver, device) = start(device_with_one, 1);
        take_log();
        wdf!(WdfInterruptAcquireLock, interrupt(0));
        assert_eq!(cpu::irql(), 9);
        board.fire(1);
        cpu::preempt_point();
        assert_eq!(take_log(), [""; 0]);
        wdf!(WdfInterruptReleaseLock, interrupt(0));
        assert_eq!(cpu::irql(), 0);
        assert_eq!(take_log(), ["isr 0@9", "queued 1 0", "dpc@2"]);

        unsafe extern "win64" fn synchronized(_: WDFINTERRUPT, context: PVOID) -> BOOLEAN {
            log(format!("synchronized {}@{}", context as usize, cpu::irql()));
            1
        }
        type Synchronize = unsafe extern "win64" fn(WDFINTERRUPT, PVOID) -> BOOLEAN;
        let result = call!(
            WdfInterruptSynchronizeTableIndex,
            fn(WDFINTERRUPT, Synchronize, PVOID) -> BOOLEAN,
            interrupt(0), synchronized, 5 as PVOID
        );
        assert_eq!((result, take_log()), (1, vec!["synchronized 5@9".to_owned()]));
        finish(driver, device);
        no_violations();
    }

    fn a_passive_interrupt_runs_on_a_thread() {
        unsafe extern "win64" fn passive_isr(interrupt: WDFINTERRUPT, message: ULONG) -> BOOLEAN {
            log(format!("passive {message}@{}", cpu::irql()));
            cpu::sleep(Duration::from_millis(1));
            call!(WdfInterruptQueueWorkItemForIsrTableIndex, fn(WDFINTERRUPT) -> BOOLEAN, interrupt);
            1
        }
        unsafe extern "win64" fn work(_: WDFINTERRUPT, _: WDFOBJECT) {
            log(format!("work@{}", cpu::irql()));
        }
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            bare_device(init);
            let config = WDF_INTERRUPT_CONFIG {
                PassiveHandling: 1,
                EvtInterruptIsr: Some(passive_isr),
                EvtInterruptDpc: None,
                EvtInterruptWorkItem: Some(work),
                ..config()
            };
            create(DEVICE.load(Relaxed) as WDFDEVICE, config)
        }
        let (board, driver, device) = start(add, 1);
        assert_eq!(own_lines(), ["enable()@0"]);
        board.fire(1);
        cpu::sleep(Duration::from_millis(10));
        assert_eq!(own_lines(), ["passive 0@0", "work@0"]);
        finish(driver, device);
        no_violations();
    }

    fn granted_messages_may_stay_unused() {
        let (board, driver, device) = start(device_with_one, 3);
        board.fire(0b110);
        cpu::preempt_point();
        assert_eq!(own_lines(), ["enable()@9"]);
        finish(driver, device);
        no_violations();
    }

    fn interrupts_without_a_resource_stay_unconnected() {
        let (_, driver, device) = start(device_with_two, 1);
        assert_eq!(own_lines(), ["enable()@9"]);
        assert_eq!(info(interrupt(1)).Vector, 0);
        finish(driver, device);
        assert_eq!(own_lines(), ["disable()@9"]);
        no_violations();
    }

    fn wrong_configurations_are_refused() {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            bare_device(init);
            let device = DEVICE.load(Relaxed) as WDFDEVICE;
            let no_isr = WDF_INTERRUPT_CONFIG { EvtInterruptIsr: None, ..config() };
            assert_eq!(create(device, no_isr), STATUS_INVALID_PARAMETER);
            let early = WDF_INTERRUPT_CONFIG { InterruptRaw: 16 as _, InterruptTranslated: 16 as _, ..config() };
            assert_eq!(create(device, early), STATUS_INVALID_PARAMETER);
            let small = WDF_INTERRUPT_CONFIG { Size: 8, ..config() };
            assert_eq!(create(device, small), 0xC000_0004_u32 as i32);
            STATUS_SUCCESS
        }
        let (_, driver, device) = start(add, 1);
        assert_eq!(create(device.handle(), config()), 0xC000_0184_u32 as i32, "too late");
        assert_eq!(
            violated(),
            ["INTERRUPT_CONFIG", "INTERRUPT_DESCRIPTOR", "KMDF_STRUCT_SIZE", "INTERRUPT_CREATE_TIME"]
        );
        finish(driver, device);
    }

    fn the_lock_of_an_interrupt_that_is_not_connected_breaks_a_rule() {
        let board = Board::boot();
        let driver = load(TestDriver { device_add: device_with_one, ..TestDriver::default() }).unwrap();
        let device = driver.add_device(board.resources(1)).unwrap();
        wdf!(WdfInterruptAcquireLock, interrupt(0));
        assert_eq!(cpu::irql(), 0);
        wdf!(WdfInterruptReleaseLock, interrupt(0));
        assert_eq!(violated(), ["INTERRUPT_LOCK_CONNECTED"; 2]);
        finish(driver, device);
    }
}

stop_tests! {
    fn the_lock_is_not_recursive() stops with ["WDF_RECURSIVE_LOCK"] {
        let (_board, _driver, _device) = start(device_with_one, 1);
        wdf!(WdfInterruptAcquireLock, interrupt(0));
        let irql = cpu::irql();
        assert_eq!(irql, 9);
        call!(WdfInterruptAcquireLockTableIndex, fn(WDFINTERRUPT), interrupt(0));
    }
}
