//! The WdfDeviceInit and WdfFdoInit entries, and WdfDeviceCreate.

use super::init::{self, init_of};
use super::property;
use crate::abi::WDFKEY;
use crate::args::{Buffer, In, Out};
use crate::ddi::ddi;
use crate::object::attributes::{self, Allowed};
use crate::registry::api::open_key;
use crate::verifier::size_is;
use wdk_sys::{
    BOOLEAN, NTSTATUS, PVOID, PWDFDEVICE_INIT, STATUS_SUCCESS, ULONG, WDF_FDO_EVENT_CALLBACKS, WDF_OBJECT_ATTRIBUTES,
    WDF_PNPPOWER_EVENT_CALLBACKS, WDF_POWER_POLICY_EVENT_CALLBACKS, WDF_RELEASE_HARDWARE_ORDER_ON_FAILURE, WDFDEVICE,
};

ddi! {
    fn WdfDeviceCreate(
        PASSIVE_LEVEL; pointer: Out<PWDFDEVICE_INIT>, attributes: In<WDF_OBJECT_ATTRIBUTES>, device: Out<WDFDEVICE>,
    ) -> NTSTATUS {
        device.require("Device");
        let init = init_of(pointer.get("DeviceInit"));
        device.set(std::ptr::null_mut(), "Device");
        let allowed = Allowed { execution_level: true, scope: true, ..Allowed::NONE };
        match attributes::read(attributes, allowed).and_then(|a| init::create(init, a.as_ref())) {
            Ok(handle) => {
                pointer.set(std::ptr::null_mut(), "DeviceInit");
                device.set(handle, "Device");
                STATUS_SUCCESS
            }
            Err(status) => status,
        }
    }

    fn WdfDeviceInitSetPnpPowerEventCallbacks(DISPATCH_LEVEL; pointer: PWDFDEVICE_INIT, callbacks: In<WDF_PNPPOWER_EVENT_CALLBACKS>) {
        let init = init_of(pointer);
        let size = callbacks.size("PnpPowerEventCallbacks");
        if size_is("WDF_PNPPOWER_EVENT_CALLBACKS", size, size_of::<WDF_PNPPOWER_EVENT_CALLBACKS>()) {
            init.callbacks.set(Some(callbacks.get("PnpPowerEventCallbacks")));
        }
    }

    // Arming for wake is not done in the lab: the callbacks are accepted and never called.
    fn WdfDeviceInitSetPowerPolicyEventCallbacks(DISPATCH_LEVEL; pointer: PWDFDEVICE_INIT, callbacks: In<WDF_POWER_POLICY_EVENT_CALLBACKS>) {
        init_of(pointer);
        let size = callbacks.size("PowerPolicyEventCallbacks");
        size_is("WDF_POWER_POLICY_EVENT_CALLBACKS", size, size_of::<WDF_POWER_POLICY_EVENT_CALLBACKS>());
    }

    fn WdfDeviceInitSetPowerPolicyOwnership(DISPATCH_LEVEL; pointer: PWDFDEVICE_INIT, owner: BOOLEAN) {
        init_of(pointer).power_policy_owner.set(owner != 0);
    }

    // The settings below describe the WDM device object, which the lab does not look at.
    fn WdfDeviceInitSetPowerNotPageable(DISPATCH_LEVEL; pointer: PWDFDEVICE_INIT) {
        init_of(pointer);
    }

    fn WdfDeviceInitSetPowerPageable(DISPATCH_LEVEL; pointer: PWDFDEVICE_INIT) {
        init_of(pointer);
    }

    fn WdfDeviceInitSetPowerInrush(DISPATCH_LEVEL; pointer: PWDFDEVICE_INIT) {
        init_of(pointer);
    }

    fn WdfDeviceInitSetDeviceType(DISPATCH_LEVEL; pointer: PWDFDEVICE_INIT, _device_type: ULONG) {
        init_of(pointer);
    }

    fn WdfDeviceInitSetReleaseHardwareOrderOnFailure(DISPATCH_LEVEL; pointer: PWDFDEVICE_INIT, _order: WDF_RELEASE_HARDWARE_ORDER_ON_FAILURE) {
        init_of(pointer);
    }

    fn WdfDeviceInitSetCharacteristics(DISPATCH_LEVEL; pointer: PWDFDEVICE_INIT, characteristics: ULONG, or_in: BOOLEAN) {
        let init = init_of(pointer);
        let kept = if or_in != 0 { init.characteristics.get() } else { 0 };
        init.characteristics.set(kept | characteristics);
    }

    fn WdfFdoInitWdmGetPhysicalDevice(DISPATCH_LEVEL; pointer: PWDFDEVICE_INIT) -> PVOID {
        init_of(pointer).physical_device
    }

    fn WdfFdoInitSetEventCallbacks(PASSIVE_LEVEL; pointer: PWDFDEVICE_INIT, callbacks: In<WDF_FDO_EVENT_CALLBACKS>) {
        init_of(pointer);
        let size = callbacks.size("FdoEventCallbacks");
        size_is("WDF_FDO_EVENT_CALLBACKS", size, size_of::<WDF_FDO_EVENT_CALLBACKS>());
    }

    fn WdfFdoInitOpenRegistryKey(
        PASSIVE_LEVEL; pointer: PWDFDEVICE_INIT, key_type: ULONG, _access: ULONG,
        attributes: In<WDF_OBJECT_ATTRIBUTES>, key: Out<WDFKEY>,
    ) -> NTSTATUS {
        let init = init_of(pointer);
        match super::api::instance_key(&init.registry, key_type) {
            Ok(registry) => open_key(&registry, init.driver.cast(), attributes, key),
            Err(status) => status,
        }
    }

    fn WdfFdoInitQueryProperty(
        PASSIVE_LEVEL; pointer: PWDFDEVICE_INIT, property: ULONG, length: ULONG, buffer: Buffer, result: Out<ULONG>,
    ) -> NTSTATUS {
        let init = init_of(pointer);
        property::query(&*init.resources.bus, property, length, buffer, result)
    }
}
