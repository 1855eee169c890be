//! A driver without an image: the entry stub and the driver that tests fill in.

use super::*;
use lab_kmdf::{ClassExtension, Driver, Registry};
use std::sync::Mutex;

/// What the driver of a test does.
pub struct TestDriver {
    /// EvtDriverDeviceAdd.
    pub device_add: fn(PWDFDEVICE_INIT) -> NTSTATUS,
    /// Rest of DriverEntry after WdfDriverCreate.
    pub entry: fn() -> NTSTATUS,
    /// Class to bind.
    pub class: Option<&'static dyn ClassExtension>,
}

impl Default for TestDriver {
    fn default() -> TestDriver {
        TestDriver { device_add: create_device, entry: || STATUS_SUCCESS, class: None }
    }
}

static DRIVER: Mutex<Option<&'static TestDriver>> = Mutex::new(None);
/// The class record that was bound, by address.
static BOUND_CLASS: Mutex<Option<usize>> = Mutex::new(None);
static BIND_INFO: Mutex<Option<usize>> = Mutex::new(None);
static DISPLACED: Mutex<PDRIVER_UNLOAD> = Mutex::new(None);

/// Loads a driver as an image's entry stub would.
pub fn load(driver: TestDriver) -> Result<Driver, lab_kmdf::RunError> {
    load_with(driver, Registry::new())
}

pub fn load_with(driver: TestDriver, registry: Registry) -> Result<Driver, lab_kmdf::RunError> {
    if let Some(class) = driver.class {
        lab_kmdf::register_class(class);
    }
    *DRIVER.lock().unwrap() = Some(Box::leak(Box::new(driver)));
    // SAFETY: `entry` is a DRIVER_INITIALIZE.
    unsafe { lab_kmdf::run_entry("test.sys", entry, registry) }
}

fn driver() -> &'static TestDriver {
    DRIVER.lock().unwrap().unwrap()
}

unsafe extern "win64" fn entry(object: PDRIVER_OBJECT, path: PCUNICODE_STRING) -> NTSTATUS {
    let info = Box::leak(Box::new(bind_info()));
    *BIND_INFO.lock().unwrap() = Some(std::ptr::from_mut(info) as usize);
    // SAFETY: the arguments of an entry stub; the globals are written once, before any entry is called.
    let status = unsafe { version_bind()(object, path, info, &raw mut WdfDriverGlobals) };
    if !NT_SUCCESS(status) {
        return status;
    }
    let mut status = STATUS_SUCCESS;
    if let Some(class) = driver().class {
        let record = class_record(class.name());
        // SAFETY: as above.
        status = unsafe { bind_class()(info, WdfDriverGlobals, record) };
        if NT_SUCCESS(status) {
            *BOUND_CLASS.lock().unwrap() = Some(std::ptr::from_mut(record) as usize);
        }
    }
    if NT_SUCCESS(status) {
        status = driver_entry(object, path);
    }
    if !NT_SUCCESS(status) {
        unbind();
        return status;
    }
    // SAFETY: the driver object is the framework's argument.
    unsafe {
        *DISPLACED.lock().unwrap() = (*object).DriverUnload;
        (*object).DriverUnload = Some(unload);
    }
    STATUS_SUCCESS
}

fn driver_entry(object: PDRIVER_OBJECT, path: PCUNICODE_STRING) -> NTSTATUS {
    let mut config = WDF_DRIVER_CONFIG {
        Size: size_of::<WDF_DRIVER_CONFIG>() as u32,
        EvtDriverDeviceAdd: Some(device_add),
        EvtDriverUnload: Some(driver_unload),
        ..Default::default()
    };
    let status = wdf!(WdfDriverCreate, object, path, std::ptr::null_mut(), &raw mut config, std::ptr::null_mut());
    if NT_SUCCESS(status) { (driver().entry)() } else { status }
}

fn unbind() {
    let info = BIND_INFO.lock().unwrap().unwrap() as *mut WDF_BIND_INFO;
    // SAFETY: the records were bound, and this is the end of the driver.
    unsafe {
        let record = BOUND_CLASS.lock().unwrap().take();
        if let Some(record) = record {
            unbind_class()(info, WdfDriverGlobals, record as *mut WDF_CLASS_BIND_INFO);
        }
        version_unbind()(std::ptr::null(), info, WdfDriverGlobals);
    }
}

unsafe extern "win64" fn unload(object: PDRIVER_OBJECT) {
    let displaced = *DISPLACED.lock().unwrap();
    // SAFETY: the framework's own routine, with the argument of the I/O manager.
    unsafe { displaced.unwrap()(object) };
    unbind();
}

unsafe extern "win64" fn driver_unload(_: WDFDRIVER) {
    called("EvtDriverUnload", "");
}

unsafe extern "win64" fn device_add(_: WDFDRIVER, init: PWDFDEVICE_INIT) -> NTSTATUS {
    let status = called("EvtDriverDeviceAdd", "");
    if NT_SUCCESS(status) { (driver().device_add)(init) } else { status }
}

/// A device whose PnP and power callbacks are all set and logged.
pub fn create_device(init: PWDFDEVICE_INIT) -> NTSTATUS {
    create_device_with(init, &mut attributes()).err().unwrap_or(STATUS_SUCCESS)
}

pub fn create_device_with(
    mut init: PWDFDEVICE_INIT,
    attributes: &mut WDF_OBJECT_ATTRIBUTES,
) -> Result<WDFDEVICE, NTSTATUS> {
    let mut callbacks = callbacks::all();
    wdf!(WdfDeviceInitSetPnpPowerEventCallbacks, init, &raw mut callbacks);
    let mut device = std::ptr::null_mut();
    let status = wdf!(WdfDeviceCreate, &raw mut init, attributes, &raw mut device);
    assert!(init.is_null() || !NT_SUCCESS(status), "WdfDeviceCreate takes the init away");
    if NT_SUCCESS(status) { Ok(device) } else { Err(status) }
}
