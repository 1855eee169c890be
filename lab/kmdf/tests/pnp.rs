//! The order of PnP and power callbacks, and what the framework undoes when one fails.

#[macro_use]
mod common;

use common::*;
use lab_kmdf::{ClassExtension, Device, Driver, PowerState};
use std::sync::Mutex;
use wdk_sys::_WDF_POWER_DEVICE_STATE::*;
use wdk_sys::*;

const START: [&str; 5] = [
    "EvtDevicePrepareHardware()@0",
    "EvtDeviceD0Entry(D3Final)@0",
    "EvtInterruptEnable(0)@9",
    "EvtDeviceD0EntryPostInterruptsEnabled(D3Final)@0",
    "EvtDeviceSelfManagedIoInit()@0",
];
const DOWN_FINAL: [&str; 4] = [
    "EvtDeviceSelfManagedIoSuspend()@0",
    "EvtDeviceD0ExitPreInterruptsDisabled(D3Final)@0",
    "EvtInterruptDisable(0)@9",
    "EvtDeviceD0Exit(D3Final)@0",
];
const RELEASE: &str = "EvtDeviceReleaseHardware()@0";
const FLUSH: &str = "EvtDeviceSelfManagedIoFlush()@0";
const CLEANUP: &str = "EvtDeviceSelfManagedIoCleanup()@0";
const POWER_FAILURE: NTSTATUS = 0xC000_009E_u32 as i32;

unsafe extern "win64" fn isr(_: WDFINTERRUPT, _: ULONG) -> BOOLEAN {
    1
}

unsafe extern "win64" fn interrupt_enable(_: WDFINTERRUPT, _: WDFDEVICE) -> NTSTATUS {
    called("EvtInterruptEnable", "0")
}

unsafe extern "win64" fn interrupt_disable(_: WDFINTERRUPT, _: WDFDEVICE) -> NTSTATUS {
    called("EvtInterruptDisable", "0")
}

/// A device with one interrupt.
fn device_add(init: PWDFDEVICE_INIT) -> NTSTATUS {
    let device = match create_device_with(init, &mut attributes()) {
        Ok(device) => device,
        Err(status) => return status,
    };
    let mut config = WDF_INTERRUPT_CONFIG {
        Size: size_of::<WDF_INTERRUPT_CONFIG>() as u32,
        ShareVector: _WDF_TRI_STATE::WdfUseDefault,
        EvtInterruptIsr: Some(isr),
        EvtInterruptEnable: Some(interrupt_enable),
        EvtInterruptDisable: Some(interrupt_disable),
        ..Default::default()
    };
    let mut interrupt = std::ptr::null_mut();
    wdf!(WdfInterruptCreate, device, &raw mut config, std::ptr::null_mut(), &raw mut interrupt)
}

fn added() -> (Driver, Device) {
    let board = Board::boot();
    let driver = load(TestDriver { device_add, ..TestDriver::default() }).unwrap();
    let device = driver.add_device(board.resources(1)).unwrap();
    assert_eq!(take_log(), ["EvtDriverDeviceAdd()@0"]);
    (driver, device)
}

fn started() -> (Driver, Device) {
    let (driver, device) = added();
    device.start().unwrap();
    assert_eq!(take_log(), START);
    assert_eq!(device.power_state(), PowerState::D0);
    (driver, device)
}

/// Removal of a device whose start failed: only the end of self-managed I/O is left.
fn remove_failed(driver: Driver, device: Device, log: &[&str]) {
    assert_eq!(device.power_state(), PowerState::Failed);
    device.remove();
    assert_eq!(take_log(), log);
    driver.unload();
    no_violations();
    assert_eq!(lab_kmdf::live_objects(), []);
}

/// Fails `step` in a start and checks what follows it.
fn start_fails_at(step: &str, follows: &[&str]) {
    let (driver, device) = added();
    fail(step, STATUS_UNSUCCESSFUL);
    let status = device.start().unwrap_err();
    let in_prepare = step == "EvtDevicePrepareHardware";
    assert_eq!(status, if in_prepare { STATUS_UNSUCCESSFUL } else { POWER_FAILURE });
    let failure = device.last_failure().unwrap();
    assert_eq!((failure.step, failure.status), (step, STATUS_UNSUCCESSFUL));
    let log = take_log();
    let at = log.iter().position(|l| l.starts_with(&format!("{step}("))).unwrap();
    assert_eq!(log[..=at], START[..=at], "what came before");
    assert_eq!(log[at + 1..], *follows, "what followed {step}");
    let cleanup: &[&str] = if step == "EvtDeviceSelfManagedIoInit" { &[CLEANUP] } else { &[] };
    remove_failed(driver, device, cleanup);
}

/// Logs every hook of a class extension.
struct Class(Mutex<Option<&'static str>>);

impl Class {
    fn hook(&self, name: &'static str) -> NTSTATUS {
        log(format!("class {name}"));
        if *self.0.lock().unwrap() == Some(name) { STATUS_UNSUCCESSFUL } else { STATUS_SUCCESS }
    }
}

impl ClassExtension for Class {
    fn name(&self) -> &'static str {
        "TestCx"
    }
    unsafe fn bind(&self, _: *mut WDF_CLASS_BIND_INFO, _: PWDF_DRIVER_GLOBALS) -> NTSTATUS {
        STATUS_SUCCESS
    }
    unsafe fn unbind(&self, _: *mut WDF_CLASS_BIND_INFO, _: PWDF_DRIVER_GLOBALS) {}
    fn device_created(&self, device: WDFDEVICE) -> NTSTATUS {
        assert_eq!(lab_kmdf::class_data::<u32>(device, "TestCx"), Some(&7));
        assert_eq!(lab_kmdf::class_data::<u32>(device, "OtherCx"), None);
        self.hook("device_created")
    }
    fn pre_prepare_hardware(&self, _: WDFDEVICE) -> NTSTATUS {
        self.hook("pre_prepare")
    }
    fn post_prepare_hardware(&self, _: WDFDEVICE) -> NTSTATUS {
        self.hook("post_prepare")
    }
    fn post_d0_entry_interrupts_enabled(&self, _: WDFDEVICE) -> NTSTATUS {
        self.hook("post_d0")
    }
    fn pre_d0_exit_interrupts_disabled(&self, _: WDFDEVICE) {
        self.hook("pre_d0_exit");
    }
    fn pre_release_hardware(&self, _: WDFDEVICE) {
        self.hook("pre_release");
    }
    fn post_release_hardware(&self, _: WDFDEVICE) {
        self.hook("post_release");
    }
    fn surprise_removed(&self, _: WDFDEVICE) {
        self.hook("surprise");
    }
}

static CLASS: Class = Class(Mutex::new(None));

fn device_add_with_class(init: PWDFDEVICE_INIT) -> NTSTATUS {
    lab_kmdf::attach_class(init, &CLASS, Box::new(7_u32));
    device_add(init)
}

fn with_class() -> (Driver, Result<Device, NTSTATUS>) {
    let board = Board::boot();
    let driver =
        load(TestDriver { device_add: device_add_with_class, class: Some(&CLASS), ..TestDriver::default() }).unwrap();
    let device = driver.add_device(board.resources(1));
    take_log();
    (driver, device)
}

machine_tests! {
    fn a_device_starts_and_is_removed() {
        let (driver, device) = started();
        device.query_remove().unwrap();
        device.remove();
        assert_eq!(
            take_log(),
            [&["EvtDeviceQueryRemove()@0"], &DOWN_FINAL[..], &[RELEASE, FLUSH, CLEANUP]].concat()
        );
        driver.unload();
        assert_eq!(take_log(), ["EvtDriverUnload()@0"]);
        assert_eq!(lab_kmdf::live_objects(), []);
        no_violations();
    }

    fn d3_and_back_tell_the_states() {
        let (driver, device) = started();
        device.to_dx(WdfPowerDeviceD3).unwrap();
        assert_eq!(device.power_state(), PowerState::Dx(WdfPowerDeviceD3));
        assert_eq!(
            take_log(),
            [
                "EvtDeviceSelfManagedIoSuspend()@0",
                "EvtDeviceD0ExitPreInterruptsDisabled(D3)@0",
                "EvtInterruptDisable(0)@9",
                "EvtDeviceD0Exit(D3)@0",
            ]
        );
        device.to_d0().unwrap();
        assert_eq!(
            take_log(),
            [
                "EvtDeviceD0Entry(D3)@0",
                "EvtInterruptEnable(0)@9",
                "EvtDeviceD0EntryPostInterruptsEnabled(D3)@0",
                "EvtDeviceSelfManagedIoRestart()@0",
            ]
        );
        // A device in Dx is woken before it is removed.
        device.to_dx(WdfPowerDeviceD2).unwrap();
        take_log();
        device.remove();
        assert_eq!(take_log()[..2], ["EvtDeviceD0Entry(D2)@0", "EvtInterruptEnable(0)@9"]);
        driver.unload();
        no_violations();
    }

    fn a_stopped_device_starts_again() {
        let (driver, device) = started();
        device.stop().unwrap();
        assert_eq!(device.power_state(), PowerState::Stopped);
        assert_eq!(take_log(), [&["EvtDeviceQueryStop()@0"], &DOWN_FINAL[..], &[RELEASE]].concat());
        device.start().unwrap();
        let mut expected = START;
        expected[4] = "EvtDeviceSelfManagedIoRestart()@0";
        assert_eq!(take_log(), expected);
        fail("EvtDeviceQueryStop", STATUS_UNSUCCESSFUL);
        assert_eq!(device.stop(), Err(STATUS_UNSUCCESSFUL));
        assert_eq!(device.power_state(), PowerState::D0);
        device.remove();
        driver.unload();
        no_violations();
    }

    fn surprise_removal_powers_down_after_the_callback() {
        let (driver, device) = started();
        device.surprise_remove();
        assert_eq!(
            take_log(),
            [&["EvtDeviceSurpriseRemoval()@0"], &DOWN_FINAL[..], &[RELEASE, FLUSH]].concat()
        );
        device.remove();
        assert_eq!(take_log(), [CLEANUP]);
        driver.unload();
        assert_eq!(lab_kmdf::live_objects(), []);
        no_violations();
    }

    fn a_device_that_was_never_started_is_told_nothing() {
        let (driver, device) = added();
        device.surprise_remove();
        device.remove();
        assert_eq!(take_log(), [""; 0]);
        driver.unload();
        no_violations();
    }

    fn a_failed_device_add_leaves_nothing() {
        fn fails_late(init: PWDFDEVICE_INIT) -> NTSTATUS {
            device_add(init);
            STATUS_INSUFFICIENT_RESOURCES
        }
        let board = Board::boot();
        let driver = load(TestDriver { device_add: fails_late, ..TestDriver::default() }).unwrap();
        assert_eq!(driver.add_device(board.resources(1)).err(), Some(STATUS_INSUFFICIENT_RESOURCES));
        let kinds: Vec<_> = lab_kmdf::live_objects().iter().map(|l| l.kind).collect();
        assert_eq!(kinds, ["WDFDRIVER"]);
        fn makes_none(_: PWDFDEVICE_INIT) -> NTSTATUS {
            STATUS_SUCCESS
        }
        driver.unload();
        let driver = load(TestDriver { device_add: makes_none, ..TestDriver::default() }).unwrap();
        assert_eq!(driver.add_device(board.resources(1)).err(), Some(STATUS_UNSUCCESSFUL));
        driver.unload();
        no_violations();
    }

    fn a_failed_prepare_hardware_is_released() {
        start_fails_at("EvtDevicePrepareHardware", &[RELEASE]);
    }

    fn a_failed_d0_entry_has_no_d0_exit() {
        start_fails_at("EvtDeviceD0Entry", &[RELEASE]);
    }

    fn a_failed_interrupt_enable_is_disconnected() {
        start_fails_at("EvtInterruptEnable", &["EvtDeviceD0Exit(D3Final)@0", RELEASE]);
    }

    fn a_failed_post_interrupts_step_disables_interrupts() {
        start_fails_at(
            "EvtDeviceD0EntryPostInterruptsEnabled",
            &["EvtInterruptDisable(0)@9", "EvtDeviceD0Exit(D3Final)@0", RELEASE],
        );
    }

    fn a_failed_self_managed_init_unwinds_everything() {
        start_fails_at(
            "EvtDeviceSelfManagedIoInit",
            &[
                "EvtDeviceD0ExitPreInterruptsDisabled(D3Final)@0",
                "EvtInterruptDisable(0)@9",
                "EvtDeviceD0Exit(D3Final)@0",
                RELEASE,
                FLUSH,
            ],
        );
    }

    fn a_failed_d0_exit_fails_the_device() {
        let (driver, device) = started();
        fail("EvtDeviceD0Exit", STATUS_UNSUCCESSFUL);
        assert_eq!(device.to_dx(WdfPowerDeviceD3), Err(STATUS_UNSUCCESSFUL));
        let log = take_log();
        assert_eq!(log[3..], ["EvtDeviceD0Exit(D3)@0", RELEASE, FLUSH]);
        remove_failed(driver, device, &[CLEANUP]);
    }

    fn a_failed_wake_fails_the_device() {
        let (driver, device) = started();
        device.to_dx(WdfPowerDeviceD3).unwrap();
        take_log();
        fail("EvtDeviceD0Entry", STATUS_UNSUCCESSFUL);
        assert_eq!(device.to_d0(), Err(STATUS_UNSUCCESSFUL));
        assert_eq!(take_log(), ["EvtDeviceD0Entry(D3)@0", RELEASE, FLUSH]);
        remove_failed(driver, device, &[CLEANUP]);
    }

    fn class_hooks_come_where_the_framework_calls_them() {
        let (driver, device) = with_class();
        let device = device.unwrap();
        device.start().unwrap();
        assert_eq!(
            take_log(),
            [
                "class pre_prepare", START[0], "class post_prepare", //
                START[1], START[2], START[3], "class post_d0", START[4],
            ]
        );
        device.to_dx(WdfPowerDeviceD3).unwrap();
        assert_eq!(take_log()[..2], ["EvtDeviceSelfManagedIoSuspend()@0", "class pre_d0_exit"]);
        device.to_d0().unwrap();
        take_log();
        device.surprise_remove();
        let log = take_log();
        assert_eq!(log[..2], ["class surprise", "EvtDeviceSurpriseRemoval()@0"]);
        assert_eq!(log[log.len() - 4..], ["class pre_release", RELEASE, "class post_release", FLUSH]);
        device.remove();
        driver.unload();
        no_violations();
    }

    fn a_failed_datapath_powers_down_again() {
        let (driver, device) = with_class();
        let device = device.unwrap();
        *CLASS.0.lock().unwrap() = Some("post_d0");
        assert_eq!(device.start(), Err(POWER_FAILURE));
        let log = take_log();
        let at = log.iter().position(|l| l == "class post_d0").unwrap();
        assert_eq!(
            log[at + 1..],
            [
                "class pre_d0_exit", DOWN_FINAL[1], DOWN_FINAL[2], DOWN_FINAL[3], //
                "class pre_release", RELEASE, "class post_release",
            ]
        );
        remove_failed(driver, device, &[]);
    }

    fn a_failed_class_before_prepare_hardware_calls_no_driver() {
        let (driver, device) = with_class();
        let device = device.unwrap();
        *CLASS.0.lock().unwrap() = Some("pre_prepare");
        assert_eq!(device.start(), Err(STATUS_UNSUCCESSFUL));
        assert_eq!(take_log(), ["class pre_prepare"]);
        assert_eq!(device.power_state(), PowerState::Added);
        *CLASS.0.lock().unwrap() = Some("post_prepare");
        assert_eq!(device.start(), Err(STATUS_UNSUCCESSFUL));
        assert_eq!(take_log()[3..], ["class pre_release", RELEASE, "class post_release"]);
        remove_failed(driver, device, &[]);
    }

    fn a_class_can_refuse_the_device() {
        *CLASS.0.lock().unwrap() = Some("device_created");
        let (driver, device) = with_class();
        assert_eq!(device.err(), Some(STATUS_UNSUCCESSFUL));
        driver.unload();
        no_violations();
        assert_eq!(lab_kmdf::live_objects(), []);
    }

    fn states_that_do_not_fit_are_refused() {
        let (driver, device) = started();
        let invalid = Err(0xC000_0184_u32 as i32);
        assert_eq!(device.start(), invalid);
        assert_eq!(device.to_d0(), invalid);
        assert_eq!(device.to_dx(WdfPowerDeviceD0), Err(STATUS_INVALID_PARAMETER));
        let pnp = || call!(WdfDeviceGetDevicePnpStateTableIndex, fn(WDFDEVICE) -> i32, device.handle());
        assert_eq!(pnp(), _WDF_DEVICE_PNP_STATE::WdfDevStatePnpStarted);
        wdf!(WdfDeviceSetFailed, device.handle(), _WDF_DEVICE_FAILED_ACTION::WdfDeviceFailedAttemptRestart);
        assert_eq!(device.failed_action(), Some(_WDF_DEVICE_FAILED_ACTION::WdfDeviceFailedAttemptRestart));
        device.remove();
        driver.unload();
        no_violations();
    }

    fn power_policy_settings_are_accepted() {
        let (driver, device) = started();
        let mut idle = WDF_DEVICE_POWER_POLICY_IDLE_SETTINGS {
            Size: size_of::<WDF_DEVICE_POWER_POLICY_IDLE_SETTINGS>() as u32,
            ..Default::default()
        };
        let set_idle = |settings: *mut WDF_DEVICE_POWER_POLICY_IDLE_SETTINGS| {
            call!(
                WdfDeviceAssignS0IdleSettingsTableIndex,
                fn(WDFDEVICE, *mut WDF_DEVICE_POWER_POLICY_IDLE_SETTINGS) -> NTSTATUS,
                device.handle(), settings
            )
        };
        assert_eq!(set_idle(&raw mut idle), STATUS_SUCCESS);
        idle.Size = 4;
        assert_eq!(set_idle(&raw mut idle), 0xC000_0004_u32 as i32);
        let stop = || call!(WdfDeviceStopIdleNoTrackTableIndex, fn(WDFDEVICE, BOOLEAN) -> NTSTATUS, device.handle(), 1);
        assert_eq!(stop(), STATUS_SUCCESS);
        call!(WdfDeviceResumeIdleNoTrackTableIndex, fn(WDFDEVICE), device.handle());
        call!(WdfDeviceResumeIdleNoTrackTableIndex, fn(WDFDEVICE), device.handle());
        assert_eq!(violated(), ["KMDF_STRUCT_SIZE", "IDLE_REFERENCES"]);
        device.remove();
        driver.unload();
    }
}

stop_tests! {
    fn a_used_up_init_is_invalid() stops with ["WDF_INVALID_HANDLE", "used up"] {
        fn twice(init: PWDFDEVICE_INIT) -> NTSTATUS {
            device_add(init);
            device_add(init)
        }
        let board = Board::boot();
        let driver = load(TestDriver { device_add: twice, ..TestDriver::default() }).unwrap();
        let _ = driver.add_device(board.resources(1));
    }
}
