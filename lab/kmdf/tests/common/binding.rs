//! The exports of WDFLDR.SYS and the records they take.

use wdk_sys::*;

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
