//! WDFLDR.SYS: binding of clients to the framework and to class extensions.
//!
//! Rules and order: WDF fxldr.h, fxlibrarycommon.cpp (FxLibraryCommonRegisterClient), `shared/abi/kmdf-binding.json`.
#![allow(non_snake_case, reason = "the loader's exports keep their names")]

use crate::abi::STATUS_REVISION_MISMATCH;
use crate::class::ClassExtension;
use crate::object::{delete_object, live_objects_of};
use crate::table;
use lab_kernel::rules;
use std::sync::{Mutex, PoisonError};
use wdk_sys::{
    NT_SUCCESS, NTSTATUS, PDRIVER_OBJECT, PUNICODE_STRING, PWDF_DRIVER_GLOBALS, STATUS_INVALID_PARAMETER,
    STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS, STATUS_UNSUCCESSFUL, WDF_BIND_INFO, WDF_BIND_INFO2,
    WDF_CLASS_BIND_INFO, WDF_CLASS_BIND_INFO2, WDF_DRIVER_GLOBALS, WDFFUNC, WDFOBJECT,
};

rules! {
    BIND_RECORD: "A bind record has the size of WDF_BIND_INFO or WDF_BIND_INFO2 and names KmdfLibrary 1.x", "WDF fxldr.h WDF_BIND_INFO, WDF_BIND_INFO2";
    BIND_FUNCTION_COUNT: "The function count of a client is that of a released framework", "WDF fxlibrarycommon.cpp, table of WdfFunctionTableNumEntries_V1_x";
    CLASS_RECORD: "A class bind record has 80 or 120 bytes and names a registered class", "shared/abi/kmdf-binding.json record_walk";
    UNBIND_ORDER: "Class extensions are unbound before the framework, each once", "shared/abi/kmdf-binding.json unload_sequence";
    NO_LEAKS: "Unbinding leaves no framework object of the driver alive", "WDF fxverifier leak detection (FxVerifyLeakDetection)";
}

/// Table sizes of the released versions 1.0 to 1.33 (WDF fxlibrarycommon.cpp).
const KNOWN_COUNTS: [u32; 13] = [383, 386, 387, 396, 432, 438, 444, 446, 448, 451, 453, 454, 458];
/// Up to this count the table is copied to FuncTable; newer clients get a pointer to it there.
const COPIED_UP_TO: u32 = 438;
const FRAMEWORK_MINOR: u32 = 33;

struct BoundClass {
    record: usize,
    class: &'static dyn ClassExtension,
}

/// A bound driver.
struct Client {
    globals: PWDF_DRIVER_GLOBALS,
    classes: Vec<BoundClass>,
    driver_object: PDRIVER_OBJECT,
}

struct State {
    clients: Vec<Client>,
    classes: Vec<&'static dyn ClassExtension>,
}

// SAFETY: the pointers are only passed on or compared by the baton holder of lab_kernel::cpu.
unsafe impl Send for State {}

static STATE: Mutex<State> = Mutex::new(State { clients: Vec::new(), classes: Vec::new() });

fn state<R>(f: impl FnOnce(&mut State) -> R) -> R {
    f(&mut STATE.lock().unwrap_or_else(PoisonError::into_inner))
}

fn with_client<R>(globals: PWDF_DRIVER_GLOBALS, f: impl FnOnce(&mut Client) -> R) -> Option<R> {
    state(|s| s.clients.iter_mut().find(|c| c.globals == globals).map(f))
}

/// Makes a class known to WdfVersionBindClass; call before `load_driver`. A second registration of a name is ignored.
pub fn register_class(ext: &'static dyn ClassExtension) {
    state(|s| {
        if s.classes.iter().all(|c| c.name() != ext.name()) {
            s.classes.push(ext);
        }
    });
}

/// The address of an export of WDFLDR.SYS.
pub fn resolve(module: &str, name: &str) -> Option<usize> {
    if !module.eq_ignore_ascii_case("wdfldr.sys") {
        return None;
    }
    match name {
        "WdfVersionBind" => Some(WdfVersionBind as *const () as usize),
        "WdfVersionUnbind" => Some(WdfVersionUnbind as *const () as usize),
        "WdfVersionBindClass" => Some(WdfVersionBindClass as *const () as usize),
        "WdfVersionUnbindClass" => Some(WdfVersionUnbindClass as *const () as usize),
        _ => None,
    }
}

/// True for the globals of a bound client.
pub(crate) fn is_bound(globals: PWDF_DRIVER_GLOBALS) -> bool {
    with_client(globals, |_| ()).is_some()
}

/// The globals of some bound client, for objects that belong to none in particular; null without a client.
pub(crate) fn any_globals() -> PWDF_DRIVER_GLOBALS {
    state(|s| s.clients.first().map_or(std::ptr::null_mut(), |c| c.globals))
}

/// The WDFDRIVER of a client, null before WdfDriverCreate.
pub(crate) fn driver_of(globals: PWDF_DRIVER_GLOBALS) -> WDFOBJECT {
    // SAFETY: the globals of a bound client are a live allocation of WdfVersionBind.
    with_client(globals, |c| unsafe { (*c.globals).Driver }.cast()).unwrap_or(std::ptr::null_mut())
}

/// The globals of the client that was bound with this driver object.
pub(crate) fn globals_of(driver_object: PDRIVER_OBJECT) -> Option<PWDF_DRIVER_GLOBALS> {
    state(|s| s.clients.iter().find(|c| c.driver_object == driver_object).map(|c| c.globals))
}

/// Records WDFDRIVER in the client's globals; the unload routine of the driver object becomes the framework's.
pub(crate) fn set_driver(globals: PWDF_DRIVER_GLOBALS, driver: WDFOBJECT, displace_unload: bool) {
    with_client(globals, |c| {
        // SAFETY: as in `driver_of`; the client reads these members from here on.
        unsafe {
            (*c.globals).Driver = driver.cast();
            (*c.globals).DisplaceDriverUnload = displace_unload.into();
        }
    });
}

/// What a bind record asks for.
struct Request {
    count: u32,
    table: *mut WDFFUNC,
}

/// # Safety
/// `info` is null or a bind record of the size its Size member says.
unsafe fn check_record(info: *mut WDF_BIND_INFO) -> Result<Request, NTSTATUS> {
    // SAFETY: the caller vouches for the record; the first member is its size.
    let Some(record) = (unsafe { info.as_ref() }) else { return Err(STATUS_INVALID_PARAMETER) };
    let known_size = [size_of::<WDF_BIND_INFO>(), size_of::<WDF_BIND_INFO2>()].contains(&(record.Size as usize));
    let size = record.Size;
    if !BIND_RECORD.check(known_size, || format!("record of {size:#x} bytes")) {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // SAFETY: Component is a terminated string of the client.
    let component = unsafe { wide(record.Component) };
    let (major, minor) = (record.Version.Major, record.Version.Minor);
    if !BIND_RECORD.check(component == "KmdfLibrary" && major == 1, || format!("{component} {major}.{minor}")) {
        return Err(STATUS_REVISION_MISMATCH);
    }
    // A client of a newer minor version binds only if its second record lets it (MinimumVersionRequired).
    if minor > FRAMEWORK_MINOR {
        return Err(STATUS_REVISION_MISMATCH);
    }
    let count = record.FuncCount;
    let known = KNOWN_COUNTS.contains(&count) && !record.FuncTable.is_null();
    if !BIND_FUNCTION_COUNT.check(known, || format!("{count} functions, table at {:p}", record.FuncTable)) {
        return Err(STATUS_INVALID_PARAMETER);
    }
    Ok(Request { count, table: record.FuncTable })
}

/// # Safety
/// `text` is null or a terminated UTF-16 string.
unsafe fn wide(text: *const u16) -> String {
    let mut units = Vec::new();
    let mut at = text;
    // SAFETY: `at` does not pass the terminator.
    while !at.is_null() && unsafe { at.read() } != 0 {
        // SAFETY: as above.
        unsafe {
            units.push(at.read());
            at = at.add(1);
        }
    }
    String::from_utf16_lossy(&units)
}

/// # Safety
/// The arguments are those of a driver's entry stub: its driver object, the saved registry path, its bind record and a
/// variable for the globals.
unsafe extern "win64" fn WdfVersionBind(
    driver: PDRIVER_OBJECT,
    path: PUNICODE_STRING,
    info: *mut WDF_BIND_INFO,
    globals: *mut PWDF_DRIVER_GLOBALS,
) -> NTSTATUS {
    lab_kernel::exports::entered("WdfVersionBind");
    if let Some(status) = crate::fault::take_failure("WdfVersionBind") {
        return status;
    }
    if driver.is_null() || path.is_null() || globals.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: `info` is the client's bind record.
    let request = match unsafe { check_record(info) } {
        Ok(request) => request,
        Err(status) => return status,
    };
    let made =
        Box::into_raw(Box::new(WDF_DRIVER_GLOBALS { DriverTag: u32::from_le_bytes(*b"FxDr"), ..Default::default() }));
    state(|s| s.clients.push(Client { globals: made, classes: Vec::new(), driver_object: driver }));
    let table = table::functions();
    // SAFETY: `globals` is the client's variable; FuncTable is, by the version of the count, room for the table or a
    // variable for its address; a WDF_BIND_INFO2 carries pointers to variables of the client.
    unsafe {
        *globals = made;
        if request.count <= COPIED_UP_TO {
            request.table.cast::<usize>().copy_from_nonoverlapping(table.as_ptr(), request.count as usize);
        } else {
            *request.table.cast::<*const usize>() = table.as_ptr();
        }
        if (*info).Size as usize == size_of::<WDF_BIND_INFO2>() {
            fill_version_info(&*info.cast());
        }
    }
    STATUS_SUCCESS
}

/// # Safety
/// The pointers in the record are null or lead to variables of the client.
unsafe fn fill_version_info(info: &WDF_BIND_INFO2) {
    // SAFETY: the caller vouches for the pointers.
    unsafe {
        if let Some(higher) = info.ClientVersionHigherThanFramework.as_mut() {
            *higher = 0;
        }
        if let Some(count) = info.FuncCountPtr.as_mut() {
            *count = table::functions().len() as u32;
        }
    }
}

/// # Safety
/// The arguments are those of the unload of a bound driver.
unsafe extern "win64" fn WdfVersionUnbind(
    _path: PUNICODE_STRING,
    info: *mut WDF_BIND_INFO,
    globals: PWDF_DRIVER_GLOBALS,
) -> NTSTATUS {
    lab_kernel::exports::entered("WdfVersionUnbind");
    let Some(classes) = with_client(globals, |c| c.classes.len()) else {
        UNBIND_ORDER.check(false, || format!("unbind of globals {globals:p} that are not bound"));
        return STATUS_UNSUCCESSFUL;
    };
    if info.is_null() {
        return STATUS_UNSUCCESSFUL;
    }
    UNBIND_ORDER.check(classes == 0, || format!("{classes} class extensions are still bound"));
    // A driver whose entry failed after WdfDriverCreate leaves the driver object to this (FxLibraryCommonUnregisterClient).
    let driver = driver_of(globals);
    if !driver.is_null() {
        delete_object(driver);
    }
    let live = live_objects_of(globals);
    NO_LEAKS.check(live.is_empty(), || format!("{} objects: {live:?}", live.len()));
    state(|s| s.clients.retain(|c| c.globals != globals));
    // SAFETY: made by WdfVersionBind, and no client has these globals any more.
    drop(unsafe { Box::from_raw(globals) });
    STATUS_SUCCESS
}

/// # Safety
/// The arguments are those of a driver's entry stub: its bind record, globals and one class record.
unsafe extern "win64" fn WdfVersionBindClass(
    _info: *mut WDF_BIND_INFO,
    globals: PWDF_DRIVER_GLOBALS,
    record: *mut WDF_CLASS_BIND_INFO,
) -> NTSTATUS {
    lab_kernel::exports::entered("WdfVersionBindClass");
    if let Some(status) = crate::fault::take_failure("WdfVersionBindClass") {
        return status;
    }
    if !is_bound(globals) || record.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: the caller vouches for the record.
    let (size, name) = unsafe { ((*record).Size as usize, wide((*record).ClassName)) };
    let known = size == size_of::<WDF_CLASS_BIND_INFO>() || size == size_of::<WDF_CLASS_BIND_INFO2>();
    if !CLASS_RECORD.check(known, || format!("record of {size} bytes for {name}")) {
        return STATUS_INVALID_PARAMETER;
    }
    let class = state(|s| s.classes.iter().copied().find(|c| c.name() == name));
    CLASS_RECORD.check(class.is_some(), || format!("class {name} is not registered"));
    let Some(class) = class else { return STATUS_OBJECT_NAME_NOT_FOUND };
    // SAFETY: a record of a known size.
    let status = unsafe { class.bind(record, globals) };
    if NT_SUCCESS(status) {
        with_client(globals, |c| c.classes.push(BoundClass { record: record as usize, class }));
    }
    status
}

/// # Safety
/// The arguments are those of the unload of a driver with a bound class record.
unsafe extern "win64" fn WdfVersionUnbindClass(
    _info: *mut WDF_BIND_INFO,
    globals: PWDF_DRIVER_GLOBALS,
    record: *mut WDF_CLASS_BIND_INFO,
) {
    lab_kernel::exports::entered("WdfVersionUnbindClass");
    let bound = with_client(globals, |c| {
        let at = c.classes.iter().position(|b| b.record == record as usize)?;
        Some(c.classes.remove(at).class)
    });
    UNBIND_ORDER.check(matches!(bound, Some(Some(_))), || format!("class record {record:p} is not bound"));
    if let Some(Some(class)) = bound {
        // SAFETY: this record was bound to this class.
        unsafe { class.unbind(record, globals) };
    }
}
