//! Device initialisation and reset.

use super::capabilities::read_sized;
use super::{enter_passive, list};
use crate::contract;
use crate::device;
use lab_kernel::bugcheck;
use netadaptercx_sys::*;
use std::sync::Arc;
use wdk_sys::{NTSTATUS, PWDFDEVICE_INIT, STATUS_SUCCESS, WDFDEVICE};

list! {
    NetDeviceInitConfig, NetDeviceInitSetPowerPolicyEventCallbacks, NetDeviceInitSetResetCapabilities,
    NetDeviceStoreResetDiagnostics, NetDeviceRequestReset,
}

/// MAX_RESET_DIAGNOSTICS_SIZE.
const MOST_DIAGNOSTICS: u64 = 1024 * 1024;

unsafe extern "win64" fn NetDeviceInitConfig(globals: PNET_DRIVER_GLOBALS, init: PWDFDEVICE_INIT) -> NTSTATUS {
    let entry = "NetDeviceInitConfig";
    let client = enter_passive(entry, globals);
    contract::not_null(entry, init.cast_const());
    if let Some(status) = lab_kmdf::take_failure(entry) {
        return status;
    }
    device::attach(init, client.wdf_globals);
    STATUS_SUCCESS
}

/// The device being made from `init`, which NetDeviceInitConfig was called with.
fn being_made(entry: &str, init: PWDFDEVICE_INIT) -> Arc<device::Device> {
    device::of_init(init).unwrap_or_else(|| bugcheck::stop(&format!("{entry} before NetDeviceInitConfig")))
}

unsafe extern "win64" fn NetDeviceInitSetPowerPolicyEventCallbacks(
    globals: PNET_DRIVER_GLOBALS,
    init: PWDFDEVICE_INIT,
    callbacks: *const NET_DEVICE_POWER_POLICY_EVENT_CALLBACKS,
) {
    let entry = "NetDeviceInitSetPowerPolicyEventCallbacks";
    enter_passive(entry, globals);
    let callbacks = read_sized!(entry, callbacks.cast_mut());
    being_made(entry, init).set_power_policy(callbacks);
}

unsafe extern "win64" fn NetDeviceInitSetResetCapabilities(
    globals: PNET_DRIVER_GLOBALS,
    init: PWDFDEVICE_INIT,
    capabilities: *const NET_DEVICE_RESET_CAPABILITIES,
) {
    let entry = "NetDeviceInitSetResetCapabilities";
    enter_passive(entry, globals);
    let capabilities = read_sized!(entry, capabilities.cast_mut());
    being_made(entry, init).set_reset_capabilities(capabilities);
}

/// The framework's part of a device handle.
fn of(entry: &str, device: WDFDEVICE) -> &'static Arc<device::Device> {
    device::of(device).unwrap_or_else(|| bugcheck::stop(&format!("{entry} for a device without NetDeviceInitConfig")))
}

unsafe extern "win64" fn NetDeviceStoreResetDiagnostics(
    globals: PNET_DRIVER_GLOBALS,
    device: WDFDEVICE,
    size: SIZE_T,
    buffer: *const u8,
) {
    let entry = "NetDeviceStoreResetDiagnostics";
    enter_passive(entry, globals);
    contract::RESET_DIAGNOSTICS_SIZE
        .require(size <= MOST_DIAGNOSTICS, size, MOST_DIAGNOSTICS, || format!("{size} bytes"));
    let bytes = if size == 0 {
        Vec::new()
    } else {
        contract::not_null(entry, buffer);
        // SAFETY: not null; the client vouches for `size` bytes.
        unsafe { std::slice::from_raw_parts(buffer, size as usize) }.to_vec()
    };
    let stored = of(entry, device).store_diagnostics(bytes);
    contract::RESET_DIAGNOSTICS_TIME.require(stored, device as u64, 0, || format!("{entry} outside the callback"));
}

unsafe extern "win64" fn NetDeviceRequestReset(globals: PNET_DRIVER_GLOBALS, device: WDFDEVICE) {
    let entry = "NetDeviceRequestReset";
    enter_passive(entry, globals);
    of(entry, device).request_reset(device);
}
