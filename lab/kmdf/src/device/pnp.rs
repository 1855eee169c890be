//! The PnP states of a device, after WDF pnpstatemachine.cpp.

use super::{DeviceState, PowerState, power, self_managed};
use crate::abi::{STATUS_DEVICE_POWER_FAILURE, STATUS_INVALID_DEVICE_STATE};
use crate::io::Stop;
use crate::object::delete_object;
use crate::verifier::callback;
use crate::{interrupt, resources};
use lab_kernel::rules;
use wdk_sys::_WDF_POWER_DEVICE_STATE::{
    WdfPowerDeviceD1, WdfPowerDeviceD2, WdfPowerDeviceD3, WdfPowerDeviceD3Final, WdfPowerDevicePrepareForHibernation,
};
use wdk_sys::{
    NT_SUCCESS, NTSTATUS, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_SUCCESS, WDF_POWER_DEVICE_STATE,
};

rules! {
    PNP_STATUS: "PnP callbacks do not return STATUS_NOT_SUPPORTED", "WDF pnpstatemachine.cpp: \"returned an invalid status STATUS_NOT_SUPPORTED\"";
    RELEASE_HARDWARE: "EvtDeviceReleaseHardware succeeds", "DDI wdfdevice EVT_WDF_DEVICE_RELEASE_HARDWARE; WDF PnpEventStopped";
}

/// Whether a failed EvtDevicePrepareHardware step came after the driver's callback was called.
enum PrepareFailure {
    /// WdfDevStatePnpFailedInit: the driver owns nothing.
    NotCalled(NTSTATUS),
    /// WdfDevStatePnpFailedOwnHardware: EvtDeviceReleaseHardware follows.
    OwnHardware(NTSTATUS),
}

pub(super) fn start(device: &DeviceState) -> Result<(), NTSTATUS> {
    let before = device.state.get();
    if !matches!(before, PowerState::Added | PowerState::Stopped) {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    device.state.set(PowerState::PoweringUp);
    device.device_state.update(|mut s| {
        s.Failed = wdk_sys::_WDF_TRI_STATE::WdfUseDefault;
        s
    });
    match prepare_hardware(device) {
        Ok(()) => {}
        Err(PrepareFailure::NotCalled(status)) => {
            drop_lists(device);
            device.state.set(if before == PowerState::Added { PowerState::Added } else { PowerState::Failed });
            return Err(status);
        }
        Err(PrepareFailure::OwnHardware(status)) => {
            failed_own_hardware(device);
            return Err(status);
        }
    }
    power::up(device).map_err(|_| {
        failed_own_hardware(device);
        STATUS_DEVICE_POWER_FAILURE
    })?;
    device.io.enable_interfaces();
    Ok(())
}

fn prepare_hardware(device: &DeviceState) -> Result<(), PrepareFailure> {
    use PrepareFailure::{NotCalled, OwnHardware};
    let (raw, translated) = resources::make_lists(device.handle(), &device.resources).map_err(NotCalled)?;
    device.raw.set(raw);
    device.translated.set(translated);
    interrupt::match_resources(device);
    for attached in &device.classes {
        let status = attached.class.pre_prepare_hardware(device.handle());
        if !NT_SUCCESS(status) {
            return Err(NotCalled(device.fail("class extension, pre prepare hardware", status)));
        }
    }
    if let Some(prepare) = device.callbacks.EvtDevicePrepareHardware {
        device.in_prepare_hardware.set(true);
        let status = callback!("EvtDevicePrepareHardware", prepare, device.handle(), raw, translated);
        device.in_prepare_hardware.set(false);
        PNP_STATUS.check(status != STATUS_NOT_SUPPORTED, || "EvtDevicePrepareHardware".into());
        if !NT_SUCCESS(status) {
            return Err(OwnHardware(device.fail("EvtDevicePrepareHardware", status)));
        }
    }
    for attached in &device.classes {
        let status = attached.class.post_prepare_hardware(device.handle());
        if !NT_SUCCESS(status) {
            return Err(OwnHardware(device.fail("class extension, post prepare hardware", status)));
        }
    }
    Ok(())
}

/// WdfDevStatePnpFailedOwnHardware and WdfDevStatePnpFailed.
fn failed_own_hardware(device: &DeviceState) {
    let _ = release_hardware(device);
    cleanup_for_remove(device);
    device.state.set(PowerState::Failed);
}

/// FxPkgPnp::PnpCleanupForRemove: no more opens, requests of power-managed queues are cancelled, then self-managed I/O
/// is flushed.
fn cleanup_for_remove(device: &DeviceState) {
    device.io.disable_interfaces();
    device.io.stop(Stop::PurgeManaged);
    self_managed::flush(device);
}

/// FxPkgPnp::PnpReleaseHardware; interrupts made in EvtDevicePrepareHardware go with it.
fn release_hardware(device: &DeviceState) -> Result<(), NTSTATUS> {
    for attached in device.classes.iter().rev() {
        attached.class.pre_release_hardware(device.handle());
    }
    let mut status = STATUS_SUCCESS;
    if let Some(release) = device.callbacks.EvtDeviceReleaseHardware {
        status = callback!("EvtDeviceReleaseHardware", release, device.handle(), device.translated.get());
        PNP_STATUS.check(status != STATUS_NOT_SUPPORTED, || "EvtDeviceReleaseHardware".into());
    }
    for attached in device.classes.iter().rev() {
        attached.class.post_release_hardware(device.handle());
    }
    interrupt::release_hardware(device);
    drop_lists(device);
    if RELEASE_HARDWARE.check(NT_SUCCESS(status), || format!("status {status:#010x}")) {
        Ok(())
    } else {
        Err(device.fail("EvtDeviceReleaseHardware", status))
    }
}

fn drop_lists(device: &DeviceState) {
    for list in [&device.raw, &device.translated] {
        let handle = list.replace(std::ptr::null_mut());
        if !handle.is_null() {
            delete_object(handle.cast());
        }
    }
}

pub(super) fn to_dx(device: &DeviceState, target: WDF_POWER_DEVICE_STATE) -> Result<(), NTSTATUS> {
    let known = [WdfPowerDeviceD1, WdfPowerDeviceD2, WdfPowerDeviceD3, WdfPowerDevicePrepareForHibernation];
    if !known.contains(&target) {
        return Err(STATUS_INVALID_PARAMETER);
    }
    if device.state.get() != PowerState::D0 {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    match power::down(device, target) {
        Ok(()) => {
            device.state.set(PowerState::Dx(target));
            Ok(())
        }
        Err(status) => {
            failed_own_hardware(device);
            Err(status)
        }
    }
}

pub(super) fn to_d0(device: &DeviceState) -> Result<(), NTSTATUS> {
    if !matches!(device.state.get(), PowerState::Dx(_)) {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    power::up(device).inspect_err(|_| failed_own_hardware(device))
}

/// A device in Dx is woken before it is stopped or removed (PnpEventQueryRemoveEnsureDeviceAwake). False: it failed.
fn ensure_awake(device: &DeviceState) -> bool {
    !matches!(device.state.get(), PowerState::Dx(_)) || to_d0(device).is_ok()
}

pub(super) fn stop(device: &DeviceState) -> Result<(), NTSTATUS> {
    if !matches!(device.state.get(), PowerState::D0 | PowerState::Dx(_)) {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    if let Some(query) = device.callbacks.EvtDeviceQueryStop {
        let status = callback!("EvtDeviceQueryStop", query, device.handle());
        PNP_STATUS.check(status != STATUS_NOT_SUPPORTED, || "EvtDeviceQueryStop".into());
        if !NT_SUCCESS(status) {
            return Err(device.fail("EvtDeviceQueryStop", status));
        }
    }
    if !ensure_awake(device) {
        return Err(STATUS_DEVICE_POWER_FAILURE);
    }
    let down = power::down(device, WdfPowerDeviceD3Final);
    let released = if down.is_ok() { release_hardware(device) } else { Ok(()) };
    match (down, released) {
        (Ok(()), Ok(())) => {
            device.state.set(PowerState::Stopped);
            Ok(())
        }
        (Err(status), _) => {
            failed_own_hardware(device);
            Err(status)
        }
        (_, Err(status)) => {
            cleanup_for_remove(device);
            device.state.set(PowerState::Failed);
            Err(status)
        }
    }
}

pub(super) fn query_remove(device: &DeviceState) -> Result<(), NTSTATUS> {
    let Some(query) = device.callbacks.EvtDeviceQueryRemove else { return Ok(()) };
    if !matches!(device.state.get(), PowerState::D0 | PowerState::Dx(_)) {
        return Ok(());
    }
    let status = callback!("EvtDeviceQueryRemove", query, device.handle());
    PNP_STATUS.check(status != STATUS_NOT_SUPPORTED, || "EvtDeviceQueryRemove".into());
    if NT_SUCCESS(status) { Ok(()) } else { Err(device.fail("EvtDeviceQueryRemove", status)) }
}

pub(super) fn surprise_remove(device: &DeviceState) {
    let before = device.state.get();
    // WdfDevStatePnpInitSurpriseRemoved: a device that was never started is told nothing.
    if !matches!(before, PowerState::Added | PowerState::Removed | PowerState::SurpriseRemoved) {
        for attached in &device.classes {
            attached.class.surprise_removed(device.handle());
        }
        if let Some(removed) = device.callbacks.EvtDeviceSurpriseRemoval {
            callback!("EvtDeviceSurpriseRemoval", removed, device.handle());
        }
    }
    match before {
        PowerState::D0 => {
            let _ = power::down(device, WdfPowerDeviceD3Final);
            failed_own_hardware(device);
        }
        PowerState::Dx(_) => failed_own_hardware(device),
        PowerState::Removed => return,
        _ => {}
    }
    device.state.set(PowerState::SurpriseRemoved);
}

pub(super) fn remove(device: &'static DeviceState) {
    // The PnP manager removes a device when no file of it is open.
    if device.io.open_files.get() > 0 {
        surprise_remove(device);
        device.io.when_closed(move || remove(device));
        return;
    }
    if ensure_awake(device) && device.state.get() == PowerState::D0 {
        let _ = power::down(device, WdfPowerDeviceD3Final);
        let _ = release_hardware(device);
    }
    cleanup_for_remove(device);
    device.io.stop(Stop::PurgeNonManaged);
    self_managed::cleanup(device);
    device.state.set(PowerState::Removed);
    delete_object(device.handle().cast());
}
