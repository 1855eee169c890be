//! igbcx.sys: a NetAdapterCx client driver for the Intel 82576.
//!
//! A thin shell. [`netadaptercx`] turns the framework's callbacks into trait methods, [`igb`] knows the hardware; what is
//! left here is which of the one to call for which of the other. docs/architecture.md shows the house.
// On another host the crate is only checked and linted, never linked into an image.
#![cfg_attr(windows, no_std)]

extern crate alloc;

mod adapter;
mod config;
mod control;
#[doc(hidden)]
pub mod counters;
mod device;
mod error;
mod event_log;
mod hardware;
mod heap;
mod mac;
mod ndk;
#[doc(hidden)]
pub mod pump;
mod queue;
mod rings;
mod rx;
mod trace;
mod tx;
mod vector;
mod vmq;
mod waits;

use wdk_sys::{NTSTATUS, PCUNICODE_STRING, PDRIVER_OBJECT};

// Panics end in KeBugCheckEx with the source position; allocation comes from the non-paged pool.
#[cfg(windows)]
extern crate wdk_panic;

#[cfg(windows)]
#[global_allocator]
static ALLOCATOR: wdk_alloc::WdkAllocator = wdk_alloc::WdkAllocator;

/// The driver's entry point.
///
/// # Safety
/// Called by the framework's entry stub, once, with the I/O manager's driver object and registry path.
// SAFETY: the name that WdfDriverEntry.lib looks for; nothing else in the image has it.
#[unsafe(export_name = "DriverEntry")]
pub unsafe extern "system" fn driver_entry(driver: PDRIVER_OBJECT, registry_path: PCUNICODE_STRING) -> NTSTATUS {
    // SAFETY: DriverEntry's own arguments.
    unsafe { netadaptercx::wdf::device::driver_entry::<device::Igb>(driver, registry_path) }
}
