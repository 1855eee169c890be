//! Deferred procedure calls that live as long as their device.

use crate::{
    Result, Status,
    irql::{AtMostDispatch, Passive},
    wdf::{
        device::Device,
        object::{Context, attributes, slot},
    },
};
use core::{mem::size_of, ptr::null_mut};
use netadaptercx_sys::evt;
use wdk_sys::{WDF_DPC_CONFIG, WDFDPC, call_unsafe_wdf_function_binding};

/// What a DPC does. It lives in the DPC object's context.
pub trait Deferred: Context + Sync {
    /// EvtDpcFunc at DISPATCH_LEVEL. It may run on two processors at once, when it was queued again while it ran.
    fn run(&self, irql: AtMostDispatch<'_>);
}

/// A WDFDPC, a child of the device.
#[derive(Clone, Copy, Debug)]
pub struct Dpc(WDFDPC);
// SAFETY: KMDF handles may be used from any thread; the object lives as long as its device.
unsafe impl Send for Dpc {}
// SAFETY: as above.
unsafe impl Sync for Dpc {}

impl Dpc {
    /// # Errors
    /// The framework's status.
    pub fn new<D: Deferred>(device: Device, deferred: D, _passive: Passive<'_>) -> Result<Self> {
        let mut config = WDF_DPC_CONFIG {
            Size: size_of::<WDF_DPC_CONFIG>() as u32,
            EvtDpcFunc: Some(evt_dpc::<D>),
            ..WDF_DPC_CONFIG::default()
        };
        let mut attributes = attributes::<D>();
        attributes.ParentObject = device.raw().cast();
        let mut dpc: WDFDPC = null_mut();
        // SAFETY: a live device as the parent and live structures. Nothing queues the DPC before it has its value.
        unsafe {
            Status::check(call_unsafe_wdf_function_binding!(
                WdfDpcCreate,
                &raw mut config,
                &raw mut attributes,
                &raw mut dpc
            ))?;
            slot::<D>(dpc.cast()).init(deferred);
        }
        Ok(Self(dpc))
    }

    /// Queues the DPC; requests made while it is queued are one. At any IRQL.
    #[inline]
    pub fn queue(self) {
        // SAFETY: a live DPC (see the type). FALSE means it is queued already.
        let _ = unsafe { call_unsafe_wdf_function_binding!(WdfDpcEnqueue, self.0) };
    }
}

evt! {
    unsafe fn evt_dpc<D: Deferred>(dpc: WDFDPC) {
        // SAFETY: called by the framework as EvtDpcFunc.
        if let Some(deferred) = unsafe { slot::<D>(dpc.cast()) }.get() {
            // SAFETY: a DPC runs at DISPATCH_LEVEL.
            deferred.run(unsafe { AtMostDispatch::assume() });
        }
    }
}
