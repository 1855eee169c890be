//! The WdfDriver entries.

use super::{DriverState, loaded};
use crate::abi::{STATUS_INFO_LENGTH_MISMATCH, WDFKEY};
use crate::args::{In, Out, Utf16};
use crate::ddi::ddi;
use crate::loader;
use crate::object::attributes::{self, Allowed};
use crate::object::{Hooks, delete_object, new_object, payload, set_hooks};
use crate::registry::api::open_key;
use crate::verifier::{null_pointer, size_is};
use lab_kernel::rules;
use wdk_sys::_WDF_DRIVER_INIT_FLAGS as flags;
use wdk_sys::_WDF_EXECUTION_LEVEL as level;
use wdk_sys::_WDF_SYNCHRONIZATION_SCOPE as scope;
use wdk_sys::{
    BOOLEAN, NTSTATUS, PDRIVER_OBJECT, PWSTR, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG, WDF_DRIVER_CONFIG,
    WDF_DRIVER_VERSION_AVAILABLE_PARAMS, WDF_OBJECT_ATTRIBUTES, WDFDRIVER,
};

rules! {
    DRIVER_CREATE: "WdfDriverCreate is called once, with the driver object of DriverEntry", "DDI wdfdriver WdfDriverCreate; WDF fxdriverapi.cpp STATUS_DRIVER_INTERNAL_ERROR";
}

const STATUS_DRIVER_INTERNAL_ERROR: NTSTATUS = 0xC000_0183_u32 as i32;
const MINOR_VERSION: ULONG = 33;

ddi! {
    fn WdfDriverCreate(
        PASSIVE_LEVEL, globals;
        driver_object: PDRIVER_OBJECT, path: Utf16, attributes: In<WDF_OBJECT_ATTRIBUTES>,
        config: In<WDF_DRIVER_CONFIG>, driver: Out<WDFDRIVER>,
    ) -> NTSTATUS {
        if driver_object.is_null() {
            null_pointer("DriverObject");
        }
        if !size_is("WDF_DRIVER_CONFIG", config.size("DriverConfig"), size_of::<WDF_DRIVER_CONFIG>()) {
            return STATUS_INFO_LENGTH_MISMATCH;
        }
        let config = config.get("DriverConfig");
        let Some(path) = path.text("RegistryPath") else { return STATUS_INVALID_PARAMETER };
        let first = loader::driver_of(globals).is_null() && loader::globals_of(driver_object) == Some(globals);
        if !DRIVER_CREATE.check(first, || format!("driver object {driver_object:p}")) {
            return STATUS_DRIVER_INTERNAL_ERROR;
        }
        let allowed = Allowed { execution_level: true, scope: true, ..Allowed::NONE };
        let attributes = match attributes::read(attributes, allowed) {
            Ok(attributes) => attributes,
            Err(status) => return status,
        };
        let registry = loaded(|l| l.get(&(driver_object as usize)).cloned()).unwrap_or_default();
        let state = DriverState {
            config,
            driver_object,
            path: path.encode_utf16().chain([0]).collect(),
            parameters: registry.subkey("Parameters"),
            execution_level: inherit(attributes.map(|a| a.ExecutionLevel), level::WdfExecutionLevelDispatch),
            scope: inherit(attributes.map(|a| a.SynchronizationScope), scope::WdfSynchronizationScopeNone),
        };
        let made = new_object("WDFDRIVER", attributes.as_ref(), std::ptr::null_mut(), globals, Box::new(state));
        match made {
            Ok(handle) => {
                set_hooks(handle, Hooks { driver_may_not_delete: true, passive_dispose: true, ..Hooks::default() });
                let pnp = config.DriverInitFlags & flags::WdfDriverInitNonPnpDriver as u32 == 0;
                let unloadable = pnp || config.EvtDriverUnload.is_some();
                loader::set_driver(globals, handle, unloadable);
                if unloadable {
                    // SAFETY: the driver object that the I/O manager gave the driver.
                    unsafe { (*driver_object).DriverUnload = Some(framework_unload) };
                }
                driver.set_opt(handle.cast());
                STATUS_SUCCESS
            }
            Err(status) => status,
        }
    }

    fn WdfDriverGetRegistryPath(PASSIVE_LEVEL; driver: WDFDRIVER) -> PWSTR {
        payload::<DriverState>(driver.cast()).path.as_ptr().cast_mut()
    }

    fn WdfDriverWdmGetDriverObject(DISPATCH_LEVEL; driver: WDFDRIVER) -> PDRIVER_OBJECT {
        payload::<DriverState>(driver.cast()).driver_object
    }

    fn WdfDriverOpenParametersRegistryKey(
        PASSIVE_LEVEL; driver: WDFDRIVER, _access: ULONG, attributes: In<WDF_OBJECT_ATTRIBUTES>, key: Out<WDFKEY>,
    ) -> NTSTATUS {
        open_key(&payload::<DriverState>(driver.cast()).parameters, driver.cast(), attributes, key)
    }

    fn WdfDriverIsVersionAvailable(PASSIVE_LEVEL; driver: WDFDRIVER, version: In<WDF_DRIVER_VERSION_AVAILABLE_PARAMS>) -> BOOLEAN {
        payload::<DriverState>(driver.cast());
        let version = version.get("VersionAvailableParams");
        if !size_is("WDF_DRIVER_VERSION_AVAILABLE_PARAMS", version.Size, size_of_val(&version)) {
            return 0;
        }
        (version.MajorVersion == 1 && version.MinorVersion <= MINOR_VERSION).into()
    }
}

fn inherit(given: Option<i32>, default: i32) -> i32 {
    const FROM_PARENT: i32 = level::WdfExecutionLevelInheritFromParent;
    const _: () = assert!(FROM_PARENT == scope::WdfSynchronizationScopeInheritFromParent);
    given.filter(|&g| g != FROM_PARENT).unwrap_or(default)
}

/// FxDriver::Unload: EvtDriverUnload, then the WDFDRIVER and what is left below it is deleted.
unsafe extern "win64" fn framework_unload(driver_object: PDRIVER_OBJECT) {
    let Some(globals) = loader::globals_of(driver_object) else { return };
    let handle = loader::driver_of(globals);
    if handle.is_null() {
        return;
    }
    if let Some(unload) = payload::<DriverState>(handle).config.EvtDriverUnload {
        crate::verifier::callback!("EvtDriverUnload", unload, handle.cast());
    }
    delete_object(handle);
    loader::set_driver(globals, std::ptr::null_mut(), true);
}
