//! Interfaces that other kernel components get from a device with IRP_MN_QUERY_INTERFACE.
//!
//! The `Context` of such an interface is the device's handle. Its holder has called `InterfaceReference`, which keeps the
//! device object, and with it the device's context, until `InterfaceDereference`.

use crate::{
    Result, Status,
    irql::Passive,
    wdf::{
        device::{Device, PnpDevice},
        object::slot,
    },
};
use core::{ffi::c_void, mem::size_of, ptr::null_mut};
use netadaptercx_sys::evt;
use wdk_sys::{GUID, INTERFACE, WDF_QUERY_INTERFACE_CONFIG, call_unsafe_wdf_function_binding};

/// An interface's functions, as they lie in memory behind [`INTERFACE`].
///
/// # Safety
/// The type is `repr(C)` and begins with the members of [`INTERFACE`].
pub unsafe trait QueryInterface: Copy + 'static {
    /// The interface's name.
    const TYPE: GUID;
    /// Its version.
    const VERSION: u16;
}

impl Device {
    /// Offers an interface for as long as the device lives; its header is filled in here, its functions by the caller. Each
    /// function gets `Context` as its first argument; [`device_of`] makes the device of it.
    ///
    /// # Errors
    /// The framework's status.
    pub fn add_query_interface<I: QueryInterface>(self, mut interface: I, _passive: Passive<'_>) -> Result<()> {
        let header = INTERFACE {
            Size: size_of::<I>() as u16,
            Version: I::VERSION,
            Context: self.raw().cast(),
            InterfaceReference: Some(evt_reference),
            InterfaceDereference: Some(evt_dereference),
        };
        // SAFETY: the interface begins with INTERFACE (QueryInterface).
        unsafe { (&raw mut interface).cast::<INTERFACE>().write(header) };
        let mut config = WDF_QUERY_INTERFACE_CONFIG {
            Size: size_of::<WDF_QUERY_INTERFACE_CONFIG>() as u32,
            Interface: (&raw mut interface).cast(),
            InterfaceType: &raw const *const { &I::TYPE },
            ..WDF_QUERY_INTERFACE_CONFIG::default()
        };
        // SAFETY: a live device and live structures, which the framework copies; PASSIVE_LEVEL by the token.
        Status::check(unsafe {
            call_unsafe_wdf_function_binding!(WdfDeviceAddQueryInterface, self.raw(), &raw mut config)
        })
    }
}

/// The device whose interface a function was called through.
///
/// # Safety
/// `context` is the `Context` of an interface of a device with context `D`, and the caller holds a reference to the
/// interface while it uses the device.
#[must_use]
pub unsafe fn device_of<D: PnpDevice>(context: *mut c_void) -> Option<&'static D> {
    // SAFETY: `add_query_interface` put the device's handle there, and a reference keeps the object (caller).
    unsafe { slot::<D>(context) }.get()
}

evt! {
    unsafe fn evt_reference(context: *mut c_void) {
        // SAFETY: the device's handle (`add_query_interface`); the framework or a holder of a reference calls.
        unsafe { call_unsafe_wdf_function_binding!(WdfObjectReferenceActual, context, null_mut(), 0, c"".as_ptr()) };
    }
}
evt! {
    unsafe fn evt_dereference(context: *mut c_void) {
        // SAFETY: the device's handle, and the holder gives up a reference taken before.
        unsafe { call_unsafe_wdf_function_binding!(WdfObjectDereferenceActual, context, null_mut(), 0, c"".as_ptr()) };
    }
}
