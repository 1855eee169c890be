//! KMDF calls that NetAdapterCx itself makes. Like the real one it is a client of the framework and bound on its own.

use lab_kmdf::resolve;
use std::mem::transmute;
use std::ptr::null_mut;
use std::sync::OnceLock;
use wdk_sys::{
    _WDFFUNCENUM, DRIVER_OBJECT, NT_SUCCESS, NTSTATUS, PCUNICODE_STRING, PDRIVER_OBJECT, PUNICODE_STRING, PVOID,
    PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, UNICODE_STRING, WDF_BIND_INFO, WDF_DEVICE_FAILED_ACTION, WDF_VERSION,
    WDFCOLLECTION, WDFDEVICE, WDFFUNC, WDFMEMORY, WDFOBJECT, WDFSTRING,
};

struct Table(*const usize);
// SAFETY: the framework's function table is never written after it was made and lives as long as the process.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

static TABLE: OnceLock<Table> = OnceLock::new();

type VersionBind =
    unsafe extern "win64" fn(PDRIVER_OBJECT, PUNICODE_STRING, *mut WDF_BIND_INFO, *mut PWDF_DRIVER_GLOBALS) -> NTSTATUS;

/// Binds NetAdapterCx to the framework, once.
pub fn bind() {
    TABLE.get_or_init(|| {
        let address = resolve("WDFLDR.SYS", "WdfVersionBind").expect("the loader exports WdfVersionBind");
        let mut component: Vec<u16> = "KmdfLibrary\0".encode_utf16().collect();
        let mut path: Vec<u16> =
            "\\Registry\\Machine\\System\\CurrentControlSet\\Services\\netadaptercx".encode_utf16().collect();
        let bytes = (path.len() * 2) as u16;
        let mut path = UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: path.as_mut_ptr() };
        let mut table: *const usize = null_mut();
        let mut info = WDF_BIND_INFO {
            Size: size_of::<WDF_BIND_INFO>() as u32,
            Component: component.as_mut_ptr(),
            Version: WDF_VERSION { Major: 1, Minor: 33, Build: 0 },
            FuncCount: _WDFFUNCENUM::WdfFunctionTableNumEntries as u32,
            FuncTable: (&raw mut table).cast::<WDFFUNC>(),
            Module: null_mut(),
        };
        let mut globals = null_mut();
        // SAFETY: a driver object is plain data with an all-zero value. It is leaked, as the framework may keep it.
        let driver: &'static mut DRIVER_OBJECT = Box::leak(Box::new(unsafe { std::mem::zeroed() }));
        // SAFETY: the address is that of WdfVersionBind, and the arguments are a client's of 1.33, whose FuncTable is a
        // variable for the table's address.
        let status = unsafe {
            let version_bind: VersionBind = transmute(address);
            version_bind(driver, &mut path, &mut info, &mut globals)
        };
        assert!(NT_SUCCESS(status) && !table.is_null(), "NetAdapterCx could not bind to KMDF: {status:#x}");
        Table(table)
    });
}

fn entry(index: i32) -> usize {
    let table = TABLE.get().expect("bound when the first client was");
    // SAFETY: the table has all entries of 1.33, and `index` is one of _WDFFUNCENUM.
    unsafe { table.0.add(index as usize).read() }
}

/// WdfDeviceSetFailed.
pub fn device_set_failed(globals: usize, device: WDFDEVICE, action: WDF_DEVICE_FAILED_ACTION) {
    type F = unsafe extern "win64" fn(PWDF_DRIVER_GLOBALS, WDFDEVICE, WDF_DEVICE_FAILED_ACTION);
    // SAFETY: the entry at this index has this signature; the device is a live one of the client.
    unsafe {
        let f: F = transmute(entry(_WDFFUNCENUM::WdfDeviceSetFailedTableIndex));
        f(globals as PWDF_DRIVER_GLOBALS, device, action);
    }
}

/// WdfStringCreate.
///
/// # Safety
/// `text` and `attributes` are valid or null as the DDI allows; `string` is writable.
pub unsafe fn string_create(
    globals: usize,
    text: PCUNICODE_STRING,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    string: *mut WDFSTRING,
) -> NTSTATUS {
    type F = unsafe extern "win64" fn(
        PWDF_DRIVER_GLOBALS,
        PCUNICODE_STRING,
        PWDF_OBJECT_ATTRIBUTES,
        *mut WDFSTRING,
    ) -> NTSTATUS;
    // SAFETY: the entry at this index has this signature; the caller vouches for the arguments.
    unsafe {
        let f: F = transmute(entry(_WDFFUNCENUM::WdfStringCreateTableIndex));
        f(globals as PWDF_DRIVER_GLOBALS, text, attributes, string)
    }
}

/// WdfMemoryCreate.
///
/// # Safety
/// `attributes` is valid or null; `memory` and `buffer` are writable.
pub unsafe fn memory_create(
    globals: usize,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    pool_type: i32,
    len: usize,
    memory: *mut WDFMEMORY,
    buffer: *mut PVOID,
) -> NTSTATUS {
    type F = unsafe extern "win64" fn(
        PWDF_DRIVER_GLOBALS,
        PWDF_OBJECT_ATTRIBUTES,
        i32,
        u32,
        u64,
        *mut WDFMEMORY,
        *mut PVOID,
    ) -> NTSTATUS;
    // SAFETY: the entry at this index has this signature; the caller vouches for the arguments.
    unsafe {
        let f: F = transmute(entry(_WDFFUNCENUM::WdfMemoryCreateTableIndex));
        f(globals as PWDF_DRIVER_GLOBALS, attributes, pool_type, 0, len as u64, memory, buffer)
    }
}

/// WdfCollectionAdd.
///
/// # Safety
/// Both handles are live.
pub unsafe fn collection_add(globals: usize, collection: WDFCOLLECTION, object: WDFOBJECT) -> NTSTATUS {
    type F = unsafe extern "win64" fn(PWDF_DRIVER_GLOBALS, WDFCOLLECTION, WDFOBJECT) -> NTSTATUS;
    // SAFETY: the entry at this index has this signature; the caller vouches for the arguments.
    unsafe {
        let f: F = transmute(entry(_WDFFUNCENUM::WdfCollectionAddTableIndex));
        f(globals as PWDF_DRIVER_GLOBALS, collection, object)
    }
}
