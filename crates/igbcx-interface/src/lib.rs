//! The kernel query interfaces of igbcx: [VM queues](IGBCX_VMQ_INTERFACE) and [NDK](IGBCX_NDK_INTERFACE).
//!
//! A kernel component asks the device's stack for one with `IRP_MN_QUERY_INTERFACE`: the GUID, version 1 and the size of
//! the structure. `InterfaceReference` has been called once on success; the component calls `InterfaceDereference` when
//! it is done, and nothing of the interface after that. It gives the interface up before the device goes away: on
//! `TargetDeviceQueryRemove` or `TargetDeviceRemoveComplete` of the device.
//!
//! `include/igbcx_interface.h` declares the same for C; a test holds the two together. Every function pointer is
//! non-null by contract, optional in Rust only because the memory is the other side's. On a Linux host the pointers use
//! the win64 convention.
#![no_std]
#![allow(
    non_camel_case_types,
    non_snake_case,
    clippy::upper_case_acronyms,
    reason = "the names and shapes are those of the C header"
)]

mod ndk;
mod vmq;

pub use ndk::*;
pub use vmq::*;
