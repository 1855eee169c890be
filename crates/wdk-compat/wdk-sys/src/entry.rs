//! The image's entry point, which WdfDriverEntry.lib supplies where there is a WDK.
//!
//! Order of calls and records: `shared/abi/kmdf-binding.json` (entry_sequence, unload_sequence, record_walk).

use super::*;
use core::{
    cell::UnsafeCell,
    mem::size_of,
    ptr::{addr_of, addr_of_mut, null_mut},
};

/// Data that only the loader's thread touches: entry and unload are never concurrent.
#[repr(transparent)]
struct LoaderCell<T>(UnsafeCell<T>);
// SAFETY: the I/O manager serialises a driver's entry and unload routines, the only code that reaches these cells.
unsafe impl<T> Sync for LoaderCell<T> {}

const PATH_BYTES: u16 = 520;
const COMPONENT: [u16; 12] = wide(b"KmdfLibrary");

const fn wide<const N: usize>(ascii: &[u8]) -> [u16; N] {
    let mut out = [0; N];
    let mut i = 0;
    while i < ascii.len() {
        out[i] = ascii[i] as u16;
        i += 1;
    }
    out
}

static PATH_BUFFER: LoaderCell<[u16; PATH_BYTES as usize / 2]> = LoaderCell(UnsafeCell::new([0; 260]));
static PATH: LoaderCell<UNICODE_STRING> =
    LoaderCell(UnsafeCell::new(UNICODE_STRING { Length: 0, MaximumLength: PATH_BYTES, Buffer: null_mut() }));
static DISPLACED_UNLOAD: LoaderCell<PDRIVER_UNLOAD> = LoaderCell(UnsafeCell::new(None));
/// How many class records are bound, so that an unwind unbinds exactly those.
static BOUND: LoaderCell<usize> = LoaderCell(UnsafeCell::new(0));

static BIND_INFO: LoaderCell<WDF_BIND_INFO> = LoaderCell(UnsafeCell::new(WDF_BIND_INFO {
    Size: size_of::<WDF_BIND_INFO>() as ULONG,
    Component: COMPONENT.as_ptr().cast_mut(),
    Version: WDF_VERSION { Major: 1, Minor: 33, Build: 0 },
    FuncCount: _WDFFUNCENUM::WdfFunctionTableNumEntries as ULONG,
    FuncTable: (&raw mut wdf_calls::WdfFunctions).cast(),
    Module: null_mut(),
}));

// The linker sorts `.kmdfclassbind$*` by suffix, so every record lies between these two markers.
#[used]
#[unsafe(link_section = ".kmdfclassbind$a")]
static CLASS_BIND_START: LoaderCell<[usize; 2]> = LoaderCell(UnsafeCell::new([0; 2]));
#[used]
#[unsafe(link_section = ".kmdfclassbind$c")]
static CLASS_BIND_END: LoaderCell<[usize; 2]> = LoaderCell(UnsafeCell::new([0; 2]));

#[link(name = "WDFLDR.SYS", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    fn WdfVersionBind(
        DriverObject: PDRIVER_OBJECT,
        RegistryPath: PUNICODE_STRING,
        BindInfo: *mut WDF_BIND_INFO,
        ComponentGlobals: *mut PWDF_DRIVER_GLOBALS,
    ) -> NTSTATUS;
    fn WdfVersionUnbind(
        RegistryPath: PUNICODE_STRING,
        BindInfo: *mut WDF_BIND_INFO,
        Globals: PWDF_DRIVER_GLOBALS,
    ) -> NTSTATUS;
    fn WdfVersionBindClass(
        BindInfo: *mut WDF_BIND_INFO,
        Globals: PWDF_DRIVER_GLOBALS,
        ClassBindInfo: *mut WDF_CLASS_BIND_INFO,
    ) -> NTSTATUS;
    fn WdfVersionUnbindClass(
        BindInfo: *mut WDF_BIND_INFO,
        Globals: PWDF_DRIVER_GLOBALS,
        ClassBindInfo: *mut WDF_CLASS_BIND_INFO,
    );
}
unsafe extern "C" {
    fn DriverEntry(DriverObject: PDRIVER_OBJECT, RegistryPath: PCUNICODE_STRING) -> NTSTATUS;
}

/// The class records between the markers. Pointer-sized zeros between records are padding.
fn class_records() -> impl Iterator<Item = *mut WDF_CLASS_BIND_INFO> {
    let mut at = CLASS_BIND_START.0.get().cast::<usize>().wrapping_add(2);
    let end = CLASS_BIND_END.0.get().cast::<usize>();
    core::iter::from_fn(move || {
        while at < end {
            let record = at;
            // SAFETY: `at` lies between the two markers, memory that the linker filled with records and zeros.
            if unsafe { record.read() } == 0 {
                at = at.wrapping_add(1);
                continue;
            }
            at = at.wrapping_add(size_of::<WDF_CLASS_BIND_INFO>() / size_of::<usize>());
            return Some(record.cast());
        }
        None
    })
}

/// # Safety
/// Called by the I/O manager alone, with its own driver object and registry path.
// Windows frees INIT when this returns.
#[unsafe(link_section = "INIT")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn FxDriverEntry(driver: PDRIVER_OBJECT, registry_path: PUNICODE_STRING) -> NTSTATUS {
    let path = PATH.0.get();
    // SAFETY: the loader's thread alone reaches these statics; the path's buffer is as long as MaximumLength says.
    let status = unsafe {
        (*path).Buffer = PATH_BUFFER.0.get().cast();
        ntddk::RtlCopyUnicodeString(path, registry_path);
        WdfVersionBind(driver, path, BIND_INFO.0.get(), addr_of_mut!(wdf_calls::WdfDriverGlobals))
    };
    if !NT_SUCCESS(status) {
        return status;
    }
    // SAFETY: the framework is bound, which is what binding classes and running DriverEntry require.
    let status = unsafe { bind_classes_and_enter(driver, registry_path) };
    if !NT_SUCCESS(status) {
        unbind();
        return status;
    }
    // SAFETY: the framework filled in the globals; the driver object is the I/O manager's and outlives the image.
    unsafe {
        if (*wdf_calls::WdfDriverGlobals).DisplaceDriverUnload != 0 {
            *DISPLACED_UNLOAD.0.get() = (*driver).DriverUnload;
            (*driver).DriverUnload = Some(unload);
        }
    }
    STATUS_SUCCESS
}

/// # Safety
/// The framework is bound.
#[unsafe(link_section = "INIT")]
unsafe fn bind_classes_and_enter(driver: PDRIVER_OBJECT, registry_path: PUNICODE_STRING) -> NTSTATUS {
    for record in class_records() {
        // SAFETY: a record that the linker placed between the markers, and the globals WdfVersionBind returned.
        let status = unsafe {
            if (*record).Size as usize != size_of::<WDF_CLASS_BIND_INFO>() {
                return STATUS_INVALID_IMAGE_FORMAT;
            }
            WdfVersionBindClass(BIND_INFO.0.get(), *addr_of!(wdf_calls::WdfDriverGlobals), record)
        };
        if !NT_SUCCESS(status) {
            return status;
        }
        // SAFETY: the loader's thread alone counts.
        unsafe { *BOUND.0.get() += 1 };
    }
    // SAFETY: the driver's own entry, with the arguments the I/O manager gave.
    unsafe { DriverEntry(driver, registry_path) }
}

/// Undoes the bindings in reverse: the classes that were bound, then the framework.
fn unbind() {
    // SAFETY: the loader's thread alone reaches these statics, and each record unbound here was bound before.
    unsafe {
        let globals = *addr_of!(wdf_calls::WdfDriverGlobals);
        for record in class_records().take(*BOUND.0.get()) {
            WdfVersionUnbindClass(BIND_INFO.0.get(), globals, record);
        }
        *BOUND.0.get() = 0;
        // The image goes away whatever the loader answers.
        let _ = WdfVersionUnbind(PATH.0.get(), BIND_INFO.0.get(), globals);
    }
}

unsafe extern "C" fn unload(driver: PDRIVER_OBJECT) {
    // SAFETY: the routine that the framework had installed, called as the I/O manager would have called it.
    unsafe {
        if let Some(displaced) = *DISPLACED_UNLOAD.0.get() {
            displaced(driver);
        }
    }
    unbind();
}

/// What an object with floating point code refers to; compiler_builtins has some, which no driver calls.
#[unsafe(no_mangle)]
pub static _fltused: i32 = 0;
