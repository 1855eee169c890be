//! Work items that live as long as their device.

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
use wdk_sys::{WDF_WORKITEM_CONFIG, WDFWORKITEM, call_unsafe_wdf_function_binding};

/// What a work item does. It lives in the work item's context.
pub trait Work: Context + Sync {
    /// EvtWorkItemFunc at PASSIVE_LEVEL. It may run on two threads at once, when it was queued again while it ran.
    fn run(&self, passive: Passive<'_>);
}

/// A WDFWORKITEM, a child of the device.
#[derive(Clone, Copy, Debug)]
pub struct WorkItem(WDFWORKITEM);
// SAFETY: KMDF handles may be used from any thread; the object lives as long as its device.
unsafe impl Send for WorkItem {}
// SAFETY: as above.
unsafe impl Sync for WorkItem {}

impl WorkItem {
    /// # Errors
    /// The framework's status.
    pub fn new<W: Work>(device: Device, work: W, _passive: Passive<'_>) -> Result<Self> {
        let mut config = WDF_WORKITEM_CONFIG {
            Size: size_of::<WDF_WORKITEM_CONFIG>() as u32,
            EvtWorkItemFunc: Some(evt_work_item::<W>),
            ..WDF_WORKITEM_CONFIG::default()
        };
        let mut attributes = attributes::<W>();
        attributes.ParentObject = device.raw().cast();
        let mut item: WDFWORKITEM = null_mut();
        // SAFETY: a live device as the parent and live structures. Nothing queues the item before it has its value.
        unsafe {
            Status::check(call_unsafe_wdf_function_binding!(
                WdfWorkItemCreate,
                &raw mut config,
                &raw mut attributes,
                &raw mut item
            ))?;
            slot::<W>(item.cast()).init(work);
        }
        Ok(Self(item))
    }

    /// Queues the work item; requests made while it is queued are one.
    pub fn queue(self, _irql: AtMostDispatch<'_>) {
        // SAFETY: a live work item (see the type), at most DISPATCH_LEVEL by the token.
        unsafe { call_unsafe_wdf_function_binding!(WdfWorkItemEnqueue, self.0) };
    }

    /// Waits until the work item is neither queued nor running. Not from the item itself, nor with a lock it takes.
    pub fn flush(self, _passive: Passive<'_>) {
        // SAFETY: a live work item, PASSIVE_LEVEL by the token.
        unsafe { call_unsafe_wdf_function_binding!(WdfWorkItemFlush, self.0) };
    }
}

evt! {
    unsafe fn evt_work_item<W: Work>(item: WDFWORKITEM) {
        // SAFETY: called by the framework as EvtWorkItemFunc.
        if let Some(work) = unsafe { slot::<W>(item.cast()) }.get() {
            // SAFETY: a work item runs at PASSIVE_LEVEL.
            work.run(unsafe { Passive::assume() });
        }
    }
}
