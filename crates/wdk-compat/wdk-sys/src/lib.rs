//! Stand-in for Microsoft's `wdk-sys` on machines without a WDK.
//!
//! The genuine crate runs bindgen over the WDK's headers, which do not exist here. This one holds the same names with
//! the same shapes for what igbcx and the wdk crates use; every layout is asserted at compile time and tested against
//! the ABI facts (`tests/`). It is patched in by `linux/cargo.toml` and is never seen by a build on Windows.
//!
//! On a Linux host the function pointer types use the win64 convention, so that the lab can call a Windows driver and
//! be called by it with these very types.
#![no_std]
#![allow(
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    clippy::missing_safety_doc,
    clippy::too_many_arguments,
    clippy::upper_case_acronyms,
    reason = "the names and shapes are the WDK's, and its reference documents them"
)]

pub use core::ffi::c_void;

/// A function pointer type as the WDK declares it: the C convention of Windows.
#[cfg(target_os = "windows")]
macro_rules! evt_fn {
    (fn($($arg:ty),* $(,)?) $(-> $ret:ty)?) => { unsafe extern "C" fn($($arg),*) $(-> $ret)? };
}
/// The same convention, named explicitly on a host whose own C convention differs.
#[cfg(not(target_os = "windows"))]
macro_rules! evt_fn {
    (fn($($arg:ty),* $(,)?) $(-> $ret:ty)?) => { unsafe extern "win64" fn($($arg),*) $(-> $ret)? };
}
macro_rules! zeroed_default {
    ($name:ident) => {
        impl Default for $name {
            fn default() -> Self {
                // SAFETY: the structure is plain C data: integers, raw pointers and optional function pointers, all of
                // which have an all-zero value.
                unsafe { core::mem::zeroed() }
            }
        }
    };
}
macro_rules! assert_layout {
    ($name:ident, $size:literal, $align:literal $(, $field:ident = $offset:literal)*) => {
        const _: () = {
            assert!(core::mem::size_of::<$name>() == $size);
            assert!(core::mem::align_of::<$name>() == $align);
            $(assert!(core::mem::offset_of!($name, $field) == $offset);)*
        };
    };
}
macro_rules! handle {
    ($name:ident, $target:ident) => {
        #[repr(C)]
        #[derive(Clone, Copy)]
        pub struct $target {
            pub unused: core::ffi::c_int,
        }
        pub type $name = *mut $target;
    };
}

mod base;
mod callbacks;
#[cfg(target_os = "windows")]
mod entry;
mod enums;
mod etw;
mod io;
pub mod ntddk;
mod structs;
mod table;
#[doc(hidden)]
pub mod wdf_calls;

pub use base::*;
pub use callbacks::*;
pub use enums::*;
pub use etw::*;
pub use io::*;
pub use structs::*;
pub use table::*;
pub use wdf_calls::{WdfDriverGlobals, WdfFunctions};

/// Whether `status` is a success or informational code.
#[must_use]
pub const fn NT_SUCCESS(status: NTSTATUS) -> bool {
    status >= 0
}

/// Asserts in debug builds that the caller runs below DISPATCH_LEVEL.
#[macro_export]
macro_rules! PAGED_CODE {
    () => {
        debug_assert!(unsafe { $crate::ntddk::KeGetCurrentIrql() <= $crate::APC_LEVEL as u8 });
    };
}

/// Calls a KMDF function by name, as the genuine crate's macro does.
#[macro_export]
macro_rules! call_unsafe_wdf_function_binding {
    ($name:ident $(, $arg:expr)* $(,)?) => {
        $crate::wdf_calls::$name($($arg),*)
    };
}
