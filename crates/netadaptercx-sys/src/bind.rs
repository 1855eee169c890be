//! How the driver asks the loader for NetAdapterCx: the class bind record and what binding it fills in.
//!
//! Source: `shared/abi/kmdf-binding.json` (sections, record_walk, class_record_netadaptercx). Both Microsoft's
//! WdfDriverEntry.lib and our own entry walk the records between `.kmdfclassbind$a` and `$c`.

use crate::*;
use core::{cell::UnsafeCell, ptr::null_mut};

/// NetAdapterCx major version this driver is a client of.
pub const NET_CLIENT_MAJOR: ULONG = 2;
/// NetAdapterCx minor version this driver is a client of: 2.2, the newest whose source is open.
pub const NET_CLIENT_MINOR: ULONG = 2;

pub type PNET_DRIVER_GLOBALS = *mut NET_DRIVER_GLOBALS;
/// An entry of the function table before it is given its signature.
pub type NETFUNC = Option<evt_fn!(fn())>;

/// Memory that the loader writes while it binds the class and that is only read afterwards.
#[repr(transparent)]
struct Bound<T>(UnsafeCell<T>);
// SAFETY: written once by the loader before DriverEntry, then read-only until the image is gone.
unsafe impl<T> Sync for Bound<T> {}

static FUNCTIONS: Bound<[NETFUNC; _NETFUNCENUM::NetFunctionTableNumEntries as usize]> =
    Bound(UnsafeCell::new([None; _NETFUNCENUM::NetFunctionTableNumEntries as usize]));
static GLOBALS: Bound<PNET_DRIVER_GLOBALS> = Bound(UnsafeCell::new(null_mut()));

#[cfg(target_os = "windows")]
mod record {
    use super::*;
    use core::mem::size_of;

    // The record and its version are the loader's, which wdk-sys does not bind.
    #[repr(C)]
    struct WDF_CLASS_VERSION {
        Major: ULONG,
        Minor: ULONG,
        Build: ULONG,
    }
    #[repr(C)]
    struct WDF_CLASS_BIND_INFO {
        Size: ULONG,
        ClassName: *const u16,
        Version: WDF_CLASS_VERSION,
        FunctionTable: *mut NETFUNC,
        FunctionTableCount: ULONG,
        ClassBindInfo: PVOID,
        ClientBindClass: PVOID,
        ClientUnbindClass: PVOID,
        ClassModule: PVOID,
    }
    assert_layout!(
        WDF_CLASS_BIND_INFO,
        80,
        8,
        ClassName = 8,
        Version = 16,
        FunctionTable = 32,
        FunctionTableCount = 40,
        ClassBindInfo = 48,
        ClientBindClass = 56,
        ClientUnbindClass = 64,
        ClassModule = 72
    );

    static CLASS_NAME: [u16; 13] = {
        let ascii = b"NetAdapterCx";
        let mut wide = [0; 13];
        let mut i = 0;
        while i < ascii.len() {
            wide[i] = ascii[i] as u16;
            i += 1;
        }
        wide
    };

    #[used]
    #[unsafe(link_section = ".kmdfclassbind$b")]
    static RECORD: Bound<WDF_CLASS_BIND_INFO> = Bound(UnsafeCell::new(WDF_CLASS_BIND_INFO {
        Size: size_of::<WDF_CLASS_BIND_INFO>() as ULONG,
        ClassName: CLASS_NAME.as_ptr(),
        Version: WDF_CLASS_VERSION { Major: NET_CLIENT_MAJOR, Minor: NET_CLIENT_MINOR, Build: 0 },
        FunctionTable: FUNCTIONS.0.get().cast(),
        FunctionTableCount: _NETFUNCENUM::NetFunctionTableNumEntries as ULONG,
        ClassBindInfo: GLOBALS.0.get().cast(),
        ClientBindClass: null_mut(),
        ClientUnbindClass: null_mut(),
        ClassModule: null_mut(),
    }));
}

/// The entry at `index` and the globals to pass it.
///
/// # Safety
/// The class is bound, and `index` is one of `_NETFUNCENUM`.
#[inline]
pub(crate) unsafe fn entry(index: usize) -> (NETFUNC, PNET_DRIVER_GLOBALS) {
    // SAFETY: see the types above; nothing writes once the class is bound.
    unsafe { (*FUNCTIONS.0.get().cast::<NETFUNC>().add(index), *GLOBALS.0.get()) }
}
