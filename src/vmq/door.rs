//! The query interface: IGBCX_VMQ_INTERFACE (crates/igbcx-interface), by which another driver becomes the consumer.

use crate::{device::Igb, vmq::consumer::Callbacks};
use core::{ffi::c_void, ptr::NonNull};
use igbcx_interface::{
    GUID_IGBCX_VMQ_INTERFACE, IGBCX_VMQ_CONSUMER, IGBCX_VMQ_INTERFACE, IGBCX_VMQ_INTERFACE_VERSION, IGBCX_VMQ_PACKET,
};
use ndis_sys::{
    NDIS_OID_REQUEST, NDIS_STATUS, NDIS_STATUS_FAILURE, NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_NOT_ACCEPTED, evt,
};
use netadaptercx::{
    Result,
    irql::{AtMostDispatch, Passive},
    wdf::{
        device::Device,
        query_interface::{QueryInterface, device_of},
    },
};
use wdk_sys::GUID;

/// The interface as it is offered.
#[repr(transparent)]
#[derive(Clone, Copy)]
struct Offered(IGBCX_VMQ_INTERFACE);

// SAFETY: IGBCX_VMQ_INTERFACE is repr(C) and begins with INTERFACE.
unsafe impl QueryInterface for Offered {
    const TYPE: GUID = GUID_IGBCX_VMQ_INTERFACE;
    const VERSION: u16 = IGBCX_VMQ_INTERFACE_VERSION;
}

/// Offers the interface for as long as the device lives.
pub fn offer(device: Device, passive: Passive<'_>) -> Result<()> {
    let interface = IGBCX_VMQ_INTERFACE {
        Open: Some(open),
        Close: Some(close),
        Oid: Some(oid),
        CancelOid: Some(cancel_oid),
        ReturnPackets: Some(return_packets),
        ..IGBCX_VMQ_INTERFACE::default()
    };
    device.add_query_interface(Offered(interface), passive)
}

/// The device behind an interface.
///
/// # Safety
/// A holder of the interface called with its `Context`.
unsafe fn igb(context: *mut c_void) -> Option<&'static Igb> {
    // SAFETY: `offer` offers the interface for devices with this context (caller).
    unsafe { device_of::<Igb>(context) }
}

evt! {
    unsafe fn open(context: *mut c_void, consumer: *const IGBCX_VMQ_CONSUMER) -> NDIS_STATUS {
        // SAFETY: IGBCX_VMQ_OPEN: called with the interface's context and a consumer's structure.
        let (igb, consumer) = unsafe { (igb(context), Callbacks::new(consumer)) };
        let Some(igb) = igb else { return NDIS_STATUS_FAILURE };
        let Some(consumer) = consumer else { return NDIS_STATUS_INVALID_PARAMETER };
        let Some(passive) = Passive::now() else { return NDIS_STATUS_NOT_ACCEPTED };
        igb.vmq.open(consumer, passive)
    }
}
evt! {
    unsafe fn close(context: *mut c_void) -> NDIS_STATUS {
        // SAFETY: IGBCX_VMQ_CLOSE: called with the interface's context.
        let Some(igb) = (unsafe { igb(context) }) else { return NDIS_STATUS_FAILURE };
        let Some(passive) = Passive::now() else { return NDIS_STATUS_NOT_ACCEPTED };
        igb.vmq.close(passive)
    }
}
evt! {
    unsafe fn oid(context: *mut c_void, request: *mut NDIS_OID_REQUEST) -> NDIS_STATUS {
        // SAFETY: IGBCX_VMQ_OID: called with the interface's context.
        let Some(igb) = (unsafe { igb(context) }) else { return NDIS_STATUS_FAILURE };
        let Some(request) = NonNull::new(request).filter(|request| request.is_aligned()) else {
            return NDIS_STATUS_INVALID_PARAMETER;
        };
        let Some(passive) = Passive::now() else { return NDIS_STATUS_NOT_ACCEPTED };
        // SAFETY: IGBCX_VMQ_OID: request and buffer are the driver's until the request ends.
        unsafe { igb.vmq.oid(igb, request, passive) }
    }
}
evt! {
    unsafe fn cancel_oid(context: *mut c_void, request_id: *mut c_void) {
        // SAFETY: IGBCX_VMQ_CANCEL_OID: called with the interface's context, at most at DISPATCH_LEVEL.
        unsafe {
            if let Some(igb) = igb(context) {
                igb.vmq.cancel(request_id.addr(), AtMostDispatch::assume());
            }
        }
    }
}
evt! {
    unsafe fn return_packets(context: *mut c_void, packets: *mut IGBCX_VMQ_PACKET) {
        // SAFETY: IGBCX_VMQ_RETURN_PACKETS: called with the interface's context, at most at DISPATCH_LEVEL.
        unsafe {
            if let Some(igb) = igb(context) {
                igb.vmq.return_packets(packets, AtMostDispatch::assume());
            }
        }
    }
}
