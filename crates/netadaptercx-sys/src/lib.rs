//! The ABI of NetAdapterCx 2.2 (Windows 11 21H2 and later): types, table indices and call shims, no logic.
//!
//! There is no generated header behind this crate. Each layout is asserted at compile time below its definition and
//! tested against `shared/abi`, which was read from Microsoft's headers. Names and shapes follow `wdk-sys`: enumerations
//! are constant modules, handles are distinct pointer types, `Size` comes first. Microsoft's DDI reference documents
//! every name.
//!
//! On a Linux host function pointer types use the win64 convention, so that netcx-lab can call a Windows driver and be
//! called by it with these very types.
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

/// A function pointer type as the WDK declares it: the C convention of Windows, win64 when named on another host.
#[cfg(target_os = "windows")]
#[macro_export]
macro_rules! evt_fn {
    (fn($($arg:ty),* $(,)?) $(-> $ret:ty)?) => { unsafe extern "C" fn($($arg),*) $(-> $ret)? };
}
/// A function pointer type as the WDK declares it: the C convention of Windows, win64 when named on another host.
#[cfg(not(target_os = "windows"))]
#[macro_export]
macro_rules! evt_fn {
    (fn($($arg:ty),* $(,)?) $(-> $ret:ty)?) => { unsafe extern "win64" fn($($arg),*) $(-> $ret)? };
}

/// Defines a function that a framework can call back (an `EVT_*`).
#[cfg(target_os = "windows")]
#[macro_export]
macro_rules! evt {
    ($(#[$meta:meta])* $vis:vis unsafe fn $name:ident $(<$gen:ident: $bound:path>)? ($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])* $vis unsafe extern "C" fn $name $(<$gen: $bound>)? ($($arg: $ty),*) $(-> $ret)? $body
    };
}
/// Defines a function that a framework can call back (an `EVT_*`).
#[cfg(not(target_os = "windows"))]
#[macro_export]
macro_rules! evt {
    ($(#[$meta:meta])* $vis:vis unsafe fn $name:ident $(<$gen:ident: $bound:path>)? ($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])* $vis unsafe extern "win64" fn $name $(<$gen: $bound>)? ($($arg: $ty),*) $(-> $ret)? $body
    };
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

mod bind;
mod callbacks;
mod enums;
mod functions;
mod handles;
mod ring;
mod structs;
mod table;

pub use bind::*;
pub use callbacks::*;
pub use enums::*;
pub use functions::*;
pub use handles::*;
pub use ring::*;
pub use structs::*;
pub use table::*;
