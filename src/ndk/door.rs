//! The query interface: IGBCX_NDK_INTERFACE (crates/igbcx-interface), by which other drivers open NDK adapters.

use crate::device::Igb;
use igbcx_interface::{GUID_IGBCX_NDK_INTERFACE, IGBCX_NDK_INTERFACE, IGBCX_NDK_INTERFACE_VERSION};
use ndis_sys::{
    NDIS_HANDLE, evt,
    ndk::{NDIS_OPEN_NDK_ADAPTER_PARAMETERS, NDK_ADAPTER},
};
use netadaptercx::{
    Result,
    irql::Passive,
    wdf::{
        device::Device,
        query_interface::{QueryInterface, device_of},
    },
};
use wdk_sys::{GUID, NTSTATUS};

/// The interface as it is offered.
#[repr(transparent)]
#[derive(Clone, Copy)]
struct Offered(IGBCX_NDK_INTERFACE);

// SAFETY: IGBCX_NDK_INTERFACE is repr(C) and begins with INTERFACE.
unsafe impl QueryInterface for Offered {
    const TYPE: GUID = GUID_IGBCX_NDK_INTERFACE;
    const VERSION: u16 = IGBCX_NDK_INTERFACE_VERSION;
}

/// Offers the interface for as long as the device lives.
pub fn offer(device: Device, passive: Passive<'_>) -> Result<()> {
    let interface = IGBCX_NDK_INTERFACE {
        OpenNdkAdapter: Some(open_ndk_adapter),
        CloseNdkAdapter: Some(close_ndk_adapter),
        ..IGBCX_NDK_INTERFACE::default()
    };
    device.add_query_interface(Offered(interface), passive)
}

evt! {
    unsafe fn open_ndk_adapter(
        context: NDIS_HANDLE,
        parameters: *mut NDIS_OPEN_NDK_ADAPTER_PARAMETERS,
        adapter: *mut *mut NDK_ADAPTER,
    ) -> NTSTATUS {
        // SAFETY: IGBCX_NDK_OPEN_ADAPTER: called with the interface's context by a holder of the interface.
        let Some(igb) = (unsafe { device_of::<Igb>(context) }) else { return wdk_sys::STATUS_DEVICE_NOT_READY };
        // SAFETY: the parameters and the place are the consumer's.
        unsafe { ndk::open_adapter(&igb.ndk, parameters, adapter) }
    }
}
evt! {
    unsafe fn close_ndk_adapter(context: NDIS_HANDLE, adapter: *mut NDK_ADAPTER) {
        // SAFETY: IGBCX_NDK_CLOSE_ADAPTER: called with the interface's context by a holder of the interface.
        let Some(igb) = (unsafe { device_of::<Igb>(context) }) else { return };
        // SAFETY: an adapter that the consumer opened.
        unsafe { ndk::close_adapter(&igb.ndk, adapter) };
    }
}
