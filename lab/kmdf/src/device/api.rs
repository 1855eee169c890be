//! The WdfDevice entries about the device itself.

use super::init::device_above;
use super::{CallbackLock, state_of};
use crate::abi::WDFKEY;
use crate::args::{In, Out};
use crate::ddi::ddi;
use crate::registry::Registry;
use crate::registry::api::open_key;
use crate::verifier::{size_is, violation};
use lab_kernel::rules;
use wdk_sys::_WDF_BUGCHECK_CODES as codes;
use wdk_sys::{
    BOOLEAN, NTSTATUS, PVOID, STATUS_INVALID_PARAMETER, ULONG, WDF_DEVICE_FAILED_ACTION, WDF_DEVICE_PNP_CAPABILITIES,
    WDF_DEVICE_STATE, WDF_OBJECT_ATTRIBUTES, WDF_SPECIAL_FILE_TYPE, WDFDEVICE, WDFDRIVER, WDFOBJECT,
};

rules! {
    SET_FAILED_ACTION: "WdfDeviceSetFailed is given AttemptRestart or NoRestart", "DDI wdfdevice WdfDeviceSetFailed";
    OBJECT_LOCK: "WdfObjectAcquireLock is for devices (and queues) with a synchronization scope", "DDI wdfsync WdfObjectAcquireLock; WDF fxobjectapi.cpp: bugcheck 0x10D code 0xB";
}

const PLUGPLAY_REGKEY_DEVICE: ULONG = 1;
const PLUGPLAY_REGKEY_DRIVER: ULONG = 2;
/// Modifies either: the key of the current hardware configuration.
const PLUGPLAY_REGKEY_CURRENT_HWPROFILE: ULONG = 4;

/// The software key for PLUGPLAY_REGKEY_DRIVER, its subkey "Device Parameters" for PLUGPLAY_REGKEY_DEVICE.
pub(crate) fn instance_key(registry: &Registry, key_type: ULONG) -> Result<Registry, NTSTATUS> {
    match key_type & !PLUGPLAY_REGKEY_CURRENT_HWPROFILE {
        PLUGPLAY_REGKEY_DRIVER => Ok(registry.clone()),
        PLUGPLAY_REGKEY_DEVICE => Ok(registry.subkey("Device Parameters")),
        _ => Err(STATUS_INVALID_PARAMETER),
    }
}

ddi! {
    fn WdfDeviceGetDriver(DISPATCH_LEVEL; device: WDFDEVICE) -> WDFDRIVER {
        state_of(device).driver
    }

    fn WdfDeviceOpenRegistryKey(
        PASSIVE_LEVEL; device: WDFDEVICE, key_type: ULONG, _access: ULONG, attributes: In<WDF_OBJECT_ATTRIBUTES>,
        key: Out<WDFKEY>,
    ) -> NTSTATUS {
        let state = state_of(device);
        match instance_key(&state.registry, key_type) {
            Ok(registry) => open_key(&registry, device.cast(), attributes, key),
            Err(status) => status,
        }
    }

    fn WdfDeviceSetFailed(DISPATCH_LEVEL; device: WDFDEVICE, action: WDF_DEVICE_FAILED_ACTION) {
        let known = action == wdk_sys::_WDF_DEVICE_FAILED_ACTION::WdfDeviceFailedAttemptRestart
            || action == wdk_sys::_WDF_DEVICE_FAILED_ACTION::WdfDeviceFailedNoRestart;
        let state = state_of(device);
        if SET_FAILED_ACTION.check(known, || format!("action {action}")) {
            state.failed_action.set(Some(action));
        }
    }

    fn WdfDeviceSetPnpCapabilities(DISPATCH_LEVEL; device: WDFDEVICE, capabilities: In<WDF_DEVICE_PNP_CAPABILITIES>) {
        state_of(device);
        let size = capabilities.size("PnpCapabilities");
        size_is("WDF_DEVICE_PNP_CAPABILITIES", size, size_of::<WDF_DEVICE_PNP_CAPABILITIES>());
    }

    fn WdfDeviceGetDeviceState(DISPATCH_LEVEL; device: WDFDEVICE, result: Out<WDF_DEVICE_STATE>) {
        let state = state_of(device);
        let size = result.get("DeviceState").Size;
        if size_is("WDF_DEVICE_STATE", size, size_of::<WDF_DEVICE_STATE>()) {
            result.set(state.device_state.get(), "DeviceState");
        }
    }

    fn WdfDeviceSetDeviceState(DISPATCH_LEVEL; device: WDFDEVICE, new: In<WDF_DEVICE_STATE>) {
        let state = state_of(device);
        let size = new.size("DeviceState");
        if size_is("WDF_DEVICE_STATE", size, size_of::<WDF_DEVICE_STATE>()) {
            state.device_state.set(new.get("DeviceState"));
        }
    }

    fn WdfDeviceGetCharacteristics(DISPATCH_LEVEL; device: WDFDEVICE) -> ULONG {
        state_of(device).characteristics.get()
    }

    fn WdfDeviceSetCharacteristics(DISPATCH_LEVEL; device: WDFDEVICE, characteristics: ULONG) {
        state_of(device).characteristics.set(characteristics);
    }

    fn WdfDeviceGetAlignmentRequirement(DISPATCH_LEVEL; device: WDFDEVICE) -> ULONG {
        state_of(device).alignment.get()
    }

    fn WdfDeviceSetAlignmentRequirement(DISPATCH_LEVEL; device: WDFDEVICE, alignment: ULONG) {
        state_of(device).alignment.set(alignment);
    }

    // Paging, hibernation and dump files never lie on a network adapter.
    fn WdfDeviceSetSpecialFileSupport(DISPATCH_LEVEL; device: WDFDEVICE, _file_type: WDF_SPECIAL_FILE_TYPE, _supported: BOOLEAN) {
        state_of(device);
    }

    fn WdfDeviceWdmGetDeviceObject(DISPATCH_LEVEL; device: WDFDEVICE) -> PVOID {
        state_of(device).device_object
    }

    fn WdfDeviceWdmGetPhysicalDevice(DISPATCH_LEVEL; device: WDFDEVICE) -> PVOID {
        state_of(device).physical_device
    }

    // Between the function device and the physical device there is nothing.
    fn WdfDeviceWdmGetAttachedDevice(DISPATCH_LEVEL; device: WDFDEVICE) -> PVOID {
        state_of(device).physical_device
    }

    fn WdfObjectAcquireLock(DISPATCH_LEVEL; object: WDFOBJECT) {
        let device = locked_device(object);
        device.lock.acquire(object, device.callback_lock == CallbackLock::Mutex);
    }

    fn WdfObjectReleaseLock(DISPATCH_LEVEL; object: WDFOBJECT) {
        let device = locked_device(object);
        device.lock.release(object, device.callback_lock == CallbackLock::Mutex);
    }
}

fn locked_device(object: WDFOBJECT) -> &'static super::DeviceState {
    crate::object::object(object);
    let device = device_above(object).filter(|d| d.handle().cast() == object && d.callback_lock != CallbackLock::None);
    OBJECT_LOCK.check(device.is_some(), || format!("object {object:p}"));
    device.unwrap_or_else(|| violation(codes::WDF_INVALID_LOCK_OPERATION, object as u64, 0))
}
