//! A fake board and bus, a driver without an image, and tests that run in a process of their own.
#![allow(dead_code, reason = "each test binary uses its part")]

use lab_kernel::cpu::{self, Config};
use lab_kernel::platform::{Platform, Ram};
use lab_kmdf::{Bus, ClassExtension, Driver, Registry, Resources};
use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use wdk_sys::*;

/// Logical addresses of the fake bus: never the physical ones.
pub const LOGICAL: u64 = 0x40_0000_0000;

#[derive(Default)]
struct Inner {
    now: Duration,
    fired: u64,
    line: bool,
    next_phys: u64,
    /// Messages enabled now.
    messages: u32,
    /// Live DMA mappings: physical address by logical one.
    mapped: BTreeMap<u64, u64>,
    config: BTreeMap<u16, u8>,
}

/// A board with a virtual clock and the bus of one device.
#[derive(Default)]
pub struct Board(Mutex<Inner>);

impl Board {
    /// Boots a machine on a new board.
    pub fn boot() -> Arc<Board> {
        let board = Arc::new(Board::default());
        board.with(|b| b.next_phys = 0x10_0000);
        cpu::boot(Config { nic: board.clone(), seed: 1, preempt_one_in: 0 });
        board
    }

    fn with<R>(&self, f: impl FnOnce(&mut Inner) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The vectors of the mask fire if the bus has enabled them.
    pub fn fire(&self, vectors: u64) {
        self.with(|b| b.fired |= vectors & ((1 << b.messages) - 1));
    }

    pub fn set_line(&self, asserted: bool) {
        self.with(|b| b.line = asserted);
    }

    pub fn messages(&self) -> u32 {
        self.with(|b| b.messages)
    }

    pub fn mapped(&self) -> BTreeMap<u64, u64> {
        self.with(|b| b.mapped.clone())
    }

    pub fn set_config(&self, offset: u16, bytes: &[u8]) {
        self.with(|b| b.config.extend(bytes.iter().enumerate().map(|(i, &v)| (offset + i as u16, v))));
    }

    /// A memory BAR, an I/O BAR and `messages` messages.
    pub fn resources(self: &Arc<Board>, messages: u32) -> Resources {
        Resources { bus: self.clone(), bars: vec![(0xF000_0000, 0x2_0000)], ports: vec![(0xC000, 32)], messages }
    }
}

impl Platform for Board {
    fn mmio_read(&self, _: u64, _: u8) -> u64 {
        0
    }

    fn mmio_write(&self, _: u64, _: u8, _: u64) {}

    fn is_device_range(&self, _: u64, _: u64) -> bool {
        false
    }

    fn take_interrupts(&self) -> u64 {
        self.with(|b| std::mem::take(&mut b.fired) | u64::from(b.line) << 63)
    }

    fn clock_is_virtual(&self) -> bool {
        true
    }

    fn now(&self) -> Duration {
        self.with(|b| b.now)
    }

    fn step(&self, d: Duration) {
        self.with(|b| b.now += d);
    }

    fn idle(&self, max: Duration) {
        self.with(|b| b.now += max);
    }

    fn ram_alloc(&self, pages: u64, align: u64) -> Option<Ram> {
        let mut keeper = vec![[0_u8; 4096]; pages as usize];
        let va = keeper.as_mut_ptr().cast();
        let phys = self.with(|b| {
            let phys = b.next_phys.next_multiple_of(align);
            b.next_phys = phys + pages * 4096;
            phys
        });
        Some(Ram { va, phys, len: 4096 * pages as usize, keeper: Box::new(keeper) })
    }
}

impl Bus for Board {
    fn config_read(&self, offset: u16, width: u8) -> u32 {
        self.with(|b| {
            let byte = |i: u8| u32::from(b.config.get(&(offset + u16::from(i))).copied().unwrap_or(0));
            (0..width).map(|i| byte(i) << (8 * i)).sum()
        })
    }

    fn config_write(&self, offset: u16, width: u8, value: u32) {
        self.set_config(offset, &value.to_le_bytes()[..width.into()]);
    }

    fn enable_messages(&self, n: u32) {
        self.with(|b| b.messages = n);
    }

    fn disable_messages(&self) {
        self.with(|b| b.messages = 0);
    }

    fn dma_map(&self, phys: u64, _: u64, _: bool) -> u64 {
        self.with(|b| b.mapped.insert(LOGICAL + phys, phys));
        LOGICAL + phys
    }

    fn dma_unmap(&self, logical: u64, _: u64) {
        assert!(self.with(|b| b.mapped.remove(&logical)).is_some(), "{logical:#x} is not mapped");
    }
}

/// What the driver's callbacks wrote, in order.
static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// Callbacks that are to fail.
static FAILING: Mutex<BTreeMap<String, NTSTATUS>> = Mutex::new(BTreeMap::new());

pub fn log(line: impl Into<String>) {
    LOG.lock().unwrap().push(line.into());
}

pub fn take_log() -> Vec<String> {
    std::mem::take(&mut *LOG.lock().unwrap())
}

/// The callback `name` returns `status` from now on.
pub fn fail(name: &str, status: NTSTATUS) {
    FAILING.lock().unwrap().insert(name.into(), status);
}

pub fn fail_nothing() {
    FAILING.lock().unwrap().clear();
}

/// Logs a callback with the IRQL it runs at, and returns the status it is to return.
pub fn called(name: &str, detail: &str) -> NTSTATUS {
    log(format!("{name}({detail})@{}", cpu::irql()));
    FAILING.lock().unwrap().get(name).copied().unwrap_or(STATUS_SUCCESS)
}

/// Calls the table entry of an index constant as a driver does: `call!(Index, fn(types) -> type, arguments..)`.
#[macro_export]
macro_rules! call {
    ($index:ident, fn($($ty:ty),*) $(-> $ret:ty)? $(, $arg:expr)*) => {{
        type Function = unsafe extern "win64" fn(PWDF_DRIVER_GLOBALS, $($ty),*) $(-> $ret)?;
        // SAFETY: the framework is bound, and the entry has this signature (shared/abi/wdf-functions-1.33.json).
        unsafe {
            let entry = *WdfFunctions.add(wdk_sys::_WDFFUNCENUM::$index as usize);
            let function: Function = std::mem::transmute(entry);
            function(WdfDriverGlobals, $($arg),*)
        }
    }};
}

/// Calls a typed wrapper of wdk-sys: `wdf!(WdfObjectDelete, object)`.
#[macro_export]
macro_rules! wdf {
    ($name:ident $(, $arg:expr)*) => {
        // SAFETY: the framework is bound, and the test passes what the DDI page asks for.
        unsafe { call_unsafe_wdf_function_binding!($name $(, $arg)*) }
    };
}

pub fn attributes() -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES {
        Size: size_of::<WDF_OBJECT_ATTRIBUTES>() as u32,
        ExecutionLevel: _WDF_EXECUTION_LEVEL::WdfExecutionLevelInheritFromParent,
        SynchronizationScope: _WDF_SYNCHRONIZATION_SCOPE::WdfSynchronizationScopeInheritFromParent,
        ..Default::default()
    }
}

pub fn child_of(parent: WDFOBJECT) -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES { ParentObject: parent, ..attributes() }
}

/// A context type as WDF_DECLARE_CONTEXT_TYPE makes it.
pub fn context_type(name: &'static std::ffi::CStr, size: u64) -> &'static WDF_OBJECT_CONTEXT_TYPE_INFO {
    let info = Box::leak(Box::new(WDF_OBJECT_CONTEXT_TYPE_INFO {
        Size: size_of::<WDF_OBJECT_CONTEXT_TYPE_INFO>() as u32,
        ContextName: name.as_ptr(),
        ContextSize: size,
        ..Default::default()
    }));
    info.UniqueType = info;
    info
}

fn export<T: Copy>(name: &str) -> T {
    let address = lab_kmdf::resolve("WDFLDR.SYS", name).unwrap();
    assert_eq!(size_of::<T>(), size_of::<usize>());
    // SAFETY: the caller names the type of this export (shared/abi/kmdf-binding.json).
    unsafe { std::mem::transmute_copy(&address) }
}

pub type VersionBind = unsafe extern "win64" fn(
    PDRIVER_OBJECT,
    PCUNICODE_STRING,
    *mut WDF_BIND_INFO,
    *mut PWDF_DRIVER_GLOBALS,
) -> NTSTATUS;
pub type VersionUnbind =
    unsafe extern "win64" fn(PCUNICODE_STRING, *mut WDF_BIND_INFO, PWDF_DRIVER_GLOBALS) -> NTSTATUS;
pub type BindClass =
    unsafe extern "win64" fn(*mut WDF_BIND_INFO, PWDF_DRIVER_GLOBALS, *mut WDF_CLASS_BIND_INFO) -> NTSTATUS;
pub type UnbindClass = unsafe extern "win64" fn(*mut WDF_BIND_INFO, PWDF_DRIVER_GLOBALS, *mut WDF_CLASS_BIND_INFO);

pub fn version_bind() -> VersionBind {
    export("WdfVersionBind")
}
pub fn version_unbind() -> VersionUnbind {
    export("WdfVersionUnbind")
}
pub fn bind_class() -> BindClass {
    export("WdfVersionBindClass")
}
pub fn unbind_class() -> UnbindClass {
    export("WdfVersionUnbindClass")
}

/// A UTF-16 string that lives as long as the test.
pub fn wide(text: &str) -> *mut u16 {
    text.encode_utf16().chain([0]).collect::<Vec<_>>().leak().as_mut_ptr()
}

pub fn unicode(text: &str) -> UNICODE_STRING {
    let bytes = (text.encode_utf16().count() * 2) as u16;
    UNICODE_STRING { Length: bytes, MaximumLength: bytes + 2, Buffer: wide(text) }
}

/// A bind record for the current framework.
pub fn bind_info() -> WDF_BIND_INFO {
    WDF_BIND_INFO {
        Size: size_of::<WDF_BIND_INFO>() as u32,
        Component: wide("KmdfLibrary"),
        Version: WDF_VERSION { Major: 1, Minor: 33, Build: 0 },
        FuncCount: _WDFFUNCENUM::WdfFunctionTableNumEntries as u32,
        FuncTable: (&raw mut WdfFunctions).cast(),
        Module: std::ptr::null_mut(),
    }
}

/// A class bind record; the class fills nothing in.
pub fn class_record(name: &str) -> &'static mut WDF_CLASS_BIND_INFO {
    Box::leak(Box::new(WDF_CLASS_BIND_INFO {
        Size: size_of::<WDF_CLASS_BIND_INFO>() as u32,
        ClassName: wide(name),
        Version: WDF_CLASS_VERSION { Major: 2, Minor: 2, Build: 0 },
        ..Default::default()
    }))
}

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
    let status =
        wdf!(WdfDriverCreate, object, path, std::ptr::null_mut(), &raw mut config, std::ptr::null_mut());
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

/// The PnP and power callbacks.
pub mod callbacks {
    use super::*;

    macro_rules! logged {
        ($($name:ident($($arg:ident: $ty:ty),*) $detail:expr;)*) => {
            $(
                #[allow(non_snake_case)]
                unsafe extern "win64" fn $name(_: WDFDEVICE, $($arg: $ty),*) -> NTSTATUS {
                    called(stringify!($name), &$detail)
                }
            )*
        };
    }
    logged! {
        EvtDeviceD0Entry(previous: WDF_POWER_DEVICE_STATE) state(previous);
        EvtDeviceD0EntryPostInterruptsEnabled(previous: WDF_POWER_DEVICE_STATE) state(previous);
        EvtDeviceD0Exit(target: WDF_POWER_DEVICE_STATE) state(target);
        EvtDeviceD0ExitPreInterruptsDisabled(target: WDF_POWER_DEVICE_STATE) state(target);
        EvtDeviceReleaseHardware(_translated: WDFCMRESLIST) String::new();
        EvtDeviceSelfManagedIoInit() String::new();
        EvtDeviceSelfManagedIoSuspend() String::new();
        EvtDeviceSelfManagedIoRestart() String::new();
        EvtDeviceQueryRemove() String::new();
        EvtDeviceQueryStop() String::new();
    }
    macro_rules! logged_void {
        ($($name:ident;)*) => {
            $(
                #[allow(non_snake_case)]
                unsafe extern "win64" fn $name(_: WDFDEVICE) {
                    called(stringify!($name), "");
                }
            )*
        };
    }
    logged_void! {
        EvtDeviceSelfManagedIoFlush;
        EvtDeviceSelfManagedIoCleanup;
        EvtDeviceSurpriseRemoval;
    }

    type Prepare = fn(WDFDEVICE, WDFCMRESLIST, WDFCMRESLIST);
    /// What EvtDevicePrepareHardware does beside logging.
    pub static PREPARE: Mutex<Option<Prepare>> = Mutex::new(None);

    #[allow(non_snake_case)]
    unsafe extern "win64" fn EvtDevicePrepareHardware(
        device: WDFDEVICE,
        raw: WDFCMRESLIST,
        translated: WDFCMRESLIST,
    ) -> NTSTATUS {
        let status = called("EvtDevicePrepareHardware", "");
        let prepare = *PREPARE.lock().unwrap();
        if let Some(prepare) = prepare {
            prepare(device, raw, translated);
        }
        status
    }

    pub fn state(state: WDF_POWER_DEVICE_STATE) -> String {
        ["Invalid", "D0", "D1", "D2", "D3", "D3Final", "Hibernate"][state as usize].into()
    }

    pub fn all() -> WDF_PNPPOWER_EVENT_CALLBACKS {
        WDF_PNPPOWER_EVENT_CALLBACKS {
            Size: size_of::<WDF_PNPPOWER_EVENT_CALLBACKS>() as u32,
            EvtDeviceD0Entry: Some(EvtDeviceD0Entry),
            EvtDeviceD0EntryPostInterruptsEnabled: Some(EvtDeviceD0EntryPostInterruptsEnabled),
            EvtDeviceD0Exit: Some(EvtDeviceD0Exit),
            EvtDeviceD0ExitPreInterruptsDisabled: Some(EvtDeviceD0ExitPreInterruptsDisabled),
            EvtDevicePrepareHardware: Some(EvtDevicePrepareHardware),
            EvtDeviceReleaseHardware: Some(EvtDeviceReleaseHardware),
            EvtDeviceSelfManagedIoCleanup: Some(EvtDeviceSelfManagedIoCleanup),
            EvtDeviceSelfManagedIoFlush: Some(EvtDeviceSelfManagedIoFlush),
            EvtDeviceSelfManagedIoInit: Some(EvtDeviceSelfManagedIoInit),
            EvtDeviceSelfManagedIoSuspend: Some(EvtDeviceSelfManagedIoSuspend),
            EvtDeviceSelfManagedIoRestart: Some(EvtDeviceSelfManagedIoRestart),
            EvtDeviceSurpriseRemoval: Some(EvtDeviceSurpriseRemoval),
            EvtDeviceQueryRemove: Some(EvtDeviceQueryRemove),
            EvtDeviceQueryStop: Some(EvtDeviceQueryStop),
            ..Default::default()
        }
    }
}

/// Names of the rules violated so far.
pub fn violated() -> Vec<&'static str> {
    lab_kernel::rules::violations().iter().map(|v| v.rule).collect()
}

pub fn no_violations() {
    assert_eq!(lab_kernel::rules::violations(), []);
}

const CHILD: &str = "LAB_KMDF_TEST_CHILD";

/// True in the process that runs the body of a test.
pub fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Runs test `name` of this binary in a process of its own.
pub fn run_child(name: &str) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(CHILD, "1");
    command.output().unwrap()
}

/// Requires success.
pub fn expect_success(name: &str, output: &Output) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{name}: {:?}\n{out}\n{err}", output.status);
}

/// Requires exit code 3 and every needle on standard error.
pub fn expect_stop(name: &str, output: &Output, needles: &[&str]) {
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{name}: {:?}\n{err}", output.status);
    for needle in needles {
        assert!(err.contains(needle), "{name}: no \"{needle}\" in\n{err}");
    }
}

/// Tests that boot a machine: each runs in a process of its own and must succeed.
#[macro_export]
macro_rules! machine_tests {
    ($($(#[$meta:meta])* fn $name:ident() $body:block)*) => {
        $(
            $(#[$meta])*
            #[test]
            fn $name() {
                if $crate::common::is_child() {
                    $body
                } else {
                    $crate::common::expect_success(stringify!($name), &$crate::common::run_child(stringify!($name)));
                }
            }
        )*
    };
}

/// Tests whose body must end the process with code 3 and print the given texts.
#[macro_export]
macro_rules! stop_tests {
    ($($(#[$meta:meta])* fn $name:ident() stops with [$($needle:expr),* $(,)?] $body:block)*) => {
        $(
            $(#[$meta])*
            #[test]
            fn $name() {
                if $crate::common::is_child() {
                    $body
                } else {
                    let output = $crate::common::run_child(stringify!($name));
                    $crate::common::expect_stop(stringify!($name), &output, &[$($needle),*]);
                }
            }
        )*
    };
}
