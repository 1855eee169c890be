//! Drivers: loading an image, DriverEntry, unloading.

pub(crate) mod api;

use crate::device::{self, Device};
use crate::loader;
use crate::object::payload;
use crate::registry::Registry;
use crate::resources::Resources;
use lab_kernel::image::Image;
use lab_kernel::rules;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use wdk_sys::{
    DRIVER_OBJECT, NT_SUCCESS, NTSTATUS, PCUNICODE_STRING, PDRIVER_OBJECT, STATUS_UNSUCCESSFUL, UNICODE_STRING,
    WDF_DRIVER_CONFIG, WDFDRIVER,
};

rules! {
    DRIVER_ENTRY_UNDOES: "A driver whose entry fails is not bound to the framework any more", "shared/abi/kmdf-binding.json entry_sequence: on failure, common unload";
    DRIVER_UNLOAD: "A PnP driver can be unloaded, and is not bound to the framework afterwards", "DDI wdm DRIVER_UNLOAD; shared/abi/kmdf-binding.json unload_sequence";
}

/// DriverEntry of an image.
pub type Entry = unsafe extern "win64" fn(PDRIVER_OBJECT, PCUNICODE_STRING) -> NTSTATUS;

/// Why a driver could not be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunError {
    /// DriverEntry failed.
    Entry(NTSTATUS),
    /// DriverEntry succeeded without WdfDriverCreate.
    NoDriver,
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RunError::Entry(status) => write!(f, "DriverEntry failed with status {status:#010x}"),
            RunError::NoDriver => f.write_str("DriverEntry succeeded without calling WdfDriverCreate"),
        }
    }
}

impl std::error::Error for RunError {}

/// Payload of WDFDRIVER.
pub(crate) struct DriverState {
    pub(crate) config: WDF_DRIVER_CONFIG,
    pub(crate) driver_object: PDRIVER_OBJECT,
    /// The terminated path of the service key.
    pub(crate) path: Box<[u16]>,
    /// The Parameters key of the service.
    pub(crate) parameters: Registry,
    /// Execution level and synchronization scope that devices inherit.
    pub(crate) execution_level: i32,
    pub(crate) scope: i32,
}

/// A driver whose entry ran. [`Driver::unload`] ends it; dropping it leaves it loaded.
pub struct Driver {
    name: String,
    driver_object: PDRIVER_OBJECT,
    registry: Registry,
    /// Keeps the image mapped.
    image: Option<Image>,
}

/// Registries of the drivers that are loaded, by driver object: WdfDriverCreate finds its own here.
static LOADED: Mutex<BTreeMap<usize, Registry>> = Mutex::new(BTreeMap::new());

fn loaded<R>(f: impl FnOnce(&mut BTreeMap<usize, Registry>) -> R) -> R {
    f(&mut LOADED.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Runs the image's entry (FxDriverEntry) as the I/O manager would. `registry` is the software key that its devices
/// read; its subkey "Parameters" is the service's.
///
/// # Errors
/// The entry's failure; everything it made is gone then, or a rule is violated.
pub fn load_driver(image: Image, registry: Registry) -> Result<Driver, RunError> {
    // SAFETY: the loader says this is the entry point of a mapped and bound driver image.
    let entry = unsafe { std::mem::transmute::<usize, Entry>(image.entry()) };
    let name = image.name().to_owned();
    // SAFETY: as above; this is the I/O manager's call.
    let mut driver = unsafe { run_entry(&name, entry, registry) }?;
    image.discard_init();
    driver.image = Some(image);
    Ok(driver)
}

/// [`load_driver`] for an entry that is not in an image: a driver written into a test.
///
/// # Safety
/// `entry` follows the contract of DRIVER_INITIALIZE.
///
/// # Errors
/// As [`load_driver`].
pub unsafe fn run_entry(name: &str, entry: Entry, registry: Registry) -> Result<Driver, RunError> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let driver_name = leak_string(&format!("\\Driver\\{stem}"));
    let driver_object: PDRIVER_OBJECT = Box::leak(Box::new(new_driver_object(driver_name)));
    let path = leak_string(&format!("\\Registry\\Machine\\System\\CurrentControlSet\\Services\\{stem}"));
    loaded(|l| l.insert(driver_object as usize, registry.clone()));
    // SAFETY: the caller vouches for the entry; both arguments live as long as the process.
    let status = unsafe { entry(driver_object, Box::leak(Box::new(path))) };
    let driver = Driver { name: name.to_owned(), driver_object, registry, image: None };
    if !NT_SUCCESS(status) {
        let unbound = loader::globals_of(driver_object).is_none();
        DRIVER_ENTRY_UNDOES.check(unbound, || format!("{name}: DriverEntry failed with {status:#010x}"));
        return Err(RunError::Entry(status));
    }
    if driver.handle().is_null() { Err(RunError::NoDriver) } else { Ok(driver) }
}

fn new_driver_object(name: UNICODE_STRING) -> DRIVER_OBJECT {
    const IO_TYPE_DRIVER: i16 = 4;
    // SAFETY: plain C data of which all zeros is a value.
    let zeroed = unsafe { std::mem::zeroed::<DRIVER_OBJECT>() };
    DRIVER_OBJECT { Type: IO_TYPE_DRIVER, Size: size_of::<DRIVER_OBJECT>() as i16, DriverName: name, ..zeroed }
}

/// A terminated string that lives as long as the process, as the I/O manager's own strings do.
fn leak_string(text: &str) -> UNICODE_STRING {
    let units: Vec<u16> = text.encode_utf16().chain([0]).collect();
    let bytes = u16::try_from(units.len() * 2).expect("a short name");
    UNICODE_STRING { Length: bytes - 2, MaximumLength: bytes, Buffer: units.leak().as_mut_ptr() }
}

impl Driver {
    /// The WDFDRIVER, null if it has none.
    fn handle(&self) -> WDFDRIVER {
        loader::globals_of(self.driver_object).map_or(std::ptr::null_mut(), |g| loader::driver_of(g).cast())
    }

    /// File name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The image, if the driver has one.
    pub fn image(&self) -> Option<&Image> {
        self.image.as_ref()
    }

    /// EvtDriverDeviceAdd for a device with these resources. What [`Driver::add_device`] makes reads the registry given
    /// to [`load_driver`].
    ///
    /// # Errors
    /// The driver's failure, after the framework deleted what it had made; STATUS_UNSUCCESSFUL when it made no device.
    pub fn add_device(&self, resources: Resources) -> Result<Device, NTSTATUS> {
        let handle = self.handle();
        let state = payload::<DriverState>(handle.cast());
        let Some(device_add) = state.config.EvtDriverDeviceAdd else { return Err(STATUS_UNSUCCESSFUL) };
        device::add(handle, device_add, resources, self.registry.clone())
    }

    /// DriverUnload; no device may be left. What is alive then is a leak (rule NO_LEAKS).
    pub fn unload(self) {
        // SAFETY: the driver object is this module's own allocation.
        let unload = unsafe { (*self.driver_object).DriverUnload };
        if DRIVER_UNLOAD.check(unload.is_some(), || format!("{}: no DriverUnload", self.name)) {
            if let Some(unload) = unload {
                crate::verifier::callback!("DriverUnload", unload, self.driver_object);
            }
            let bound = loader::globals_of(self.driver_object).is_some();
            DRIVER_UNLOAD.check(!bound, || format!("{}: still bound to the framework", self.name));
        }
        lab_kernel::etw::check_unloaded();
        loaded(|l| l.remove(&(self.driver_object as usize)));
    }

    /// The software key that devices of this driver read.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }
}
