//! Class binding: which clients are accepted, and the globals each gets.
//!
//! Source: NetAdapterCx 21H2 `netcx/adapter/version.cpp`; `shared/abi/netadaptercx-extension-rules.json`
//! (class_bind_rules_21H2).

use crate::contract;
use crate::device;
use crate::wdf;
use lab_kmdf::ClassExtension;
use netadaptercx_sys::{NET_DRIVER_GLOBALS, PNET_DRIVER_GLOBALS};
use std::collections::BTreeMap;
use std::sync::Mutex;
use wdk_sys::{
    NTSTATUS, PWDF_DRIVER_GLOBALS, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_SUCCESS, WDF_CLASS_BIND_INFO,
    WDFDEVICE,
};

/// The newest minor version that is let in. The open source is 2.2; 2.3 adds one entry behind its table.
const NEWEST_MINOR: u32 = 3;

/// What the framework knows about a client.
#[derive(Clone, Copy)]
pub struct Client {
    /// Minor version of NetAdapterCx 2 the client was built for.
    pub minor: u32,
    /// The client's own framework globals.
    pub wdf_globals: usize,
}

/// By address of the client's NET_DRIVER_GLOBALS.
static CLIENTS: Mutex<BTreeMap<usize, Client>> = Mutex::new(BTreeMap::new());

/// The client an entry was called by; wrong globals are bugcheck 0x19E code 0.
pub fn client(entry: &str, globals: PNET_DRIVER_GLOBALS) -> Client {
    let client = CLIENTS.lock().unwrap().get(&(globals as usize)).copied();
    contract::PRIVATE_GLOBALS.require(client.is_some(), 0, 0, || format!("{entry} got globals {globals:p}"));
    client.expect("required above")
}

/// NetAdapterCx as a class extension of KMDF.
pub struct NetAdapterCx;

/// The one to register with `lab_kmdf::register_class`.
pub static CLASS: NetAdapterCx = NetAdapterCx;

/// The name in the class bind record.
pub const NAME: &str = "NetAdapterCx";

impl ClassExtension for NetAdapterCx {
    fn name(&self) -> &'static str {
        NAME
    }

    unsafe fn bind(&self, record: *mut WDF_CLASS_BIND_INFO, globals: PWDF_DRIVER_GLOBALS) -> NTSTATUS {
        // SAFETY: the loader passes the client's record, at least 80 bytes long.
        let info = unsafe { &mut *record };
        let version = info.Version;
        if version.Major != 2 || version.Minor > NEWEST_MINOR || version.Build > 0 {
            eprintln!(
                "lab: a client of NetAdapterCx {}.{} (build {}) is not let in",
                version.Major, version.Minor, version.Build
            );
            return STATUS_NOT_SUPPORTED;
        }
        let entries = crate::table::entries();
        let count = info.FunctionTableCount as usize;
        if count > entries.len() || info.FunctionTable.is_null() || info.ClassBindInfo.is_null() {
            return STATUS_INVALID_PARAMETER;
        }
        wdf::bind();
        // Never freed: a client that keeps its globals after unbinding is found by `client`.
        let public: &'static mut NET_DRIVER_GLOBALS = Box::leak(Box::default());
        let client = Client { minor: version.Minor, wdf_globals: globals as usize };
        CLIENTS.lock().unwrap().insert(&raw const *public as usize, client);
        // SAFETY: the client's table has FunctionTableCount entries and ClassBindInfo is the address of its globals
        // pointer (class_record_netadaptercx).
        unsafe {
            info.FunctionTable.cast::<usize>().copy_from_nonoverlapping(entries.as_ptr(), count);
            info.ClassBindInfo.cast::<PNET_DRIVER_GLOBALS>().write(public);
        }
        STATUS_SUCCESS
    }

    unsafe fn unbind(&self, record: *mut WDF_CLASS_BIND_INFO, _globals: PWDF_DRIVER_GLOBALS) {
        // SAFETY: a record that `bind` filled in.
        let globals = unsafe { (*record).ClassBindInfo.cast::<PNET_DRIVER_GLOBALS>().read() };
        CLIENTS.lock().unwrap().remove(&(globals as usize));
    }

    fn device_created(&self, device: WDFDEVICE) -> NTSTATUS {
        device::created(device)
    }

    fn post_d0_entry_interrupts_enabled(&self, device: WDFDEVICE) -> NTSTATUS {
        device::io_start(device);
        STATUS_SUCCESS
    }

    fn pre_d0_exit_interrupts_disabled(&self, device: WDFDEVICE) {
        device::io_stop(device);
    }

    fn post_release_hardware(&self, device: WDFDEVICE) {
        device::released(device);
    }

    fn surprise_removed(&self, device: WDFDEVICE) {
        device::surprise_removed(device);
    }
}
