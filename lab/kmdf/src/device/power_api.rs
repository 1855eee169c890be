//! The WdfDevice entries about power and PnP states.
//!
//! The lab never idles a device by itself: idle and wake settings are checked and accepted, and a driver that keeps a
//! device out of idle only has its references counted.

use super::{PowerState, state_of};
use crate::abi::{PCCH, STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_DEVICE_STATE};
use crate::args::In;
use crate::ddi::ddi;
use crate::verifier::size_is;
use lab_kernel::{cpu, rules};
use wdk_sys::_WDF_DEVICE_PNP_STATE as pnp;
use wdk_sys::_WDF_DEVICE_POWER_STATE as power;
use wdk_sys::{
    BOOLEAN, LONG, NTSTATUS, PVOID, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS, WDF_DEVICE_PNP_STATE,
    WDF_DEVICE_POWER_CAPABILITIES, WDF_DEVICE_POWER_POLICY_IDLE_SETTINGS, WDF_DEVICE_POWER_POLICY_WAKE_SETTINGS,
    WDF_DEVICE_POWER_STATE, WDFDEVICE,
};

rules! {
    STOP_IDLE_WAIT: "WdfDeviceStopIdle waits for D0 only at PASSIVE_LEVEL", "DDI wdfdevice WdfDeviceStopIdle, Requirements: IRQL";
    IDLE_REFERENCES: "WdfDeviceResumeIdle follows a successful WdfDeviceStopIdle", "DDI wdfdevice WdfDeviceResumeIdle";
}

/// `PowerActionNone`.
const POWER_ACTION_NONE: LONG = 0;

ddi! {
    fn WdfDeviceSetPowerCapabilities(DISPATCH_LEVEL; device: WDFDEVICE, capabilities: In<WDF_DEVICE_POWER_CAPABILITIES>) {
        state_of(device);
        let size = capabilities.size("PowerCapabilities");
        size_is("WDF_DEVICE_POWER_CAPABILITIES", size, size_of::<WDF_DEVICE_POWER_CAPABILITIES>());
    }

    fn WdfDeviceAssignS0IdleSettings(DISPATCH_LEVEL; device: WDFDEVICE, settings: In<WDF_DEVICE_POWER_POLICY_IDLE_SETTINGS>) -> NTSTATUS {
        let size = settings.size("Settings");
        policy_settings(device, "WDF_DEVICE_POWER_POLICY_IDLE_SETTINGS", size, size_of::<WDF_DEVICE_POWER_POLICY_IDLE_SETTINGS>())
    }

    fn WdfDeviceAssignSxWakeSettings(DISPATCH_LEVEL; device: WDFDEVICE, settings: In<WDF_DEVICE_POWER_POLICY_WAKE_SETTINGS>) -> NTSTATUS {
        let size = settings.size("Settings");
        policy_settings(device, "WDF_DEVICE_POWER_POLICY_WAKE_SETTINGS", size, size_of::<WDF_DEVICE_POWER_POLICY_WAKE_SETTINGS>())
    }

    fn WdfDeviceStopIdleNoTrack(DISPATCH_LEVEL; device: WDFDEVICE, wait: BOOLEAN) -> NTSTATUS {
        stop_idle(device, wait != 0)
    }

    fn WdfDeviceStopIdleActual(DISPATCH_LEVEL; device: WDFDEVICE, wait: BOOLEAN, _tag: PVOID, _line: LONG, _file: PCCH) -> NTSTATUS {
        stop_idle(device, wait != 0)
    }

    fn WdfDeviceResumeIdleNoTrack(DISPATCH_LEVEL; device: WDFDEVICE) {
        resume_idle(device);
    }

    fn WdfDeviceResumeIdleActual(DISPATCH_LEVEL; device: WDFDEVICE, _tag: PVOID, _line: LONG, _file: PCCH) {
        resume_idle(device);
    }

    fn WdfDeviceGetDevicePnpState(DISPATCH_LEVEL; device: WDFDEVICE) -> WDF_DEVICE_PNP_STATE {
        match state_of(device).state.get() {
            PowerState::Added => pnp::WdfDevStatePnpInit,
            PowerState::PoweringUp => pnp::WdfDevStatePnpHardwareAvailable,
            PowerState::D0 | PowerState::PoweringDown | PowerState::Dx(_) => pnp::WdfDevStatePnpStarted,
            PowerState::Stopped => pnp::WdfDevStatePnpStopped,
            PowerState::Failed => pnp::WdfDevStatePnpFailedWaitForRemove,
            PowerState::SurpriseRemoved => pnp::WdfDevStatePnpSurpriseRemove,
            PowerState::Removed => pnp::WdfDevStatePnpRemoved,
        }
    }

    fn WdfDeviceGetDevicePowerState(DISPATCH_LEVEL; device: WDFDEVICE) -> WDF_DEVICE_POWER_STATE {
        match state_of(device).state.get() {
            PowerState::Added => power::WdfDevStatePowerObjectCreated,
            PowerState::PoweringUp => power::WdfDevStatePowerD0Starting,
            PowerState::D0 => power::WdfDevStatePowerD0,
            PowerState::PoweringDown => power::WdfDevStatePowerGotoD3Stopped,
            PowerState::Dx(_) => power::WdfDevStatePowerDx,
            _ => power::WdfDevStatePowerStopped,
        }
    }

    fn WdfDeviceGetSystemPowerAction(DISPATCH_LEVEL; device: WDFDEVICE) -> LONG {
        state_of(device);
        POWER_ACTION_NONE
    }
}

/// Only the power policy owner may set these (WDF fxdeviceapi.cpp).
fn policy_settings(device: WDFDEVICE, what: &'static str, size: u32, wanted: usize) -> NTSTATUS {
    let state = state_of(device);
    if !size_is(what, size, wanted) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    if state.power_policy_owner { STATUS_SUCCESS } else { STATUS_INVALID_DEVICE_REQUEST }
}

fn stop_idle(device: WDFDEVICE, wait: bool) -> NTSTATUS {
    let state = state_of(device);
    let irql = cpu::irql();
    if !STOP_IDLE_WAIT.check(!wait || irql == cpu::PASSIVE_LEVEL, || format!("IRQL {irql}")) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if !matches!(state.state.get(), PowerState::D0 | PowerState::PoweringUp | PowerState::PoweringDown) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    state.idle_references.update(|r| r + 1);
    STATUS_SUCCESS
}

fn resume_idle(device: WDFDEVICE) {
    let references = &state_of(device).idle_references;
    if IDLE_REFERENCES.check(references.get() > 0, || format!("device {device:p}")) {
        references.update(|r| r - 1);
    }
}
