//! Request objects: who owns a request, and what happens when it completes (WDF fxrequest.cpp).

use super::irp::{Irp, Major};
use super::queue::Queue;
use super::queue::engine::{self, Host};
use crate::device::DeviceState;
use crate::object::{self, delete_object, dereference, new_object, payload, reference};
use crate::verifier::{current_entry, violation};
use lab_kernel::bugcheck::bugcheck_because;
use lab_kernel::rules;
use std::cell::Cell;
use std::sync::Arc;
use wdk_sys::_WDF_BUGCHECK_CODES as codes;
use wdk_sys::_WDF_REQUEST_FATAL_ERROR_CODES as fatal;
use wdk_sys::{
    NT_SUCCESS, NTSTATUS, PFN_WDF_REQUEST_CANCEL, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_PENDING, WDFMEMORY, WDFOBJECT, WDFREQUEST,
};

rules! {
    REQUEST_OWNED: "Drivers use and complete only requests that they own, and each once", "WDF fxrequest.cpp VerifyRequestIsDriverOwned, VerifyRequestIsNotCompleted";
    REQUEST_NOT_CANCELABLE: "A request is made not cancelable before it is completed, forwarded or requeued", "WDF fxrequest.cpp VerifyCompleteInternal, VerifyRequestIsNotCancelable; DDI wdfrequest WdfRequestUnmarkCancelable";
    REQUEST_CANCEL_RACE: "After WdfRequestUnmarkCancelable returned STATUS_CANCELLED only EvtRequestCancel completes the request", "DDI wdfrequest WdfRequestUnmarkCancelable, Remarks; WDF fxioqueue.cpp VerifyValidateCompletedRequest";
    REQUEST_STATUS: "Requests are not completed with STATUS_PENDING", "DDI wdm IoCompleteRequest: bug check 0xC4, IO_COMPLETE_REQUEST with STATUS_PENDING";
    REQUEST_INFORMATION: "A successful request reports no more bytes than were asked for", "WDF fxrequest.cpp VerifyCompleteInternal: bugcheck 0x10D code 6, INFORMATION_LENGTH_MISMATCH";
}

/// Bug check: a completed IRP has a cancel routine.
const CANCEL_STATE_IN_COMPLETED_IRP: u32 = 0x48;
/// Facility of the framework's own status codes, which do not leave it (FxRequest::CompleteInternal).
const FACILITY_WDF: u32 = 0x20 << 16;
const STATUS_DEVICE_BUSY: NTSTATUS = 0x8000_0011_u32 as i32;
const STATUS_INTERNAL_ERROR: NTSTATUS = 0xC000_00E5_u32 as i32;

/// Payload of WDFREQUEST.
pub(crate) struct Request {
    handle: Cell<WDFREQUEST>,
    pub(crate) irp: Arc<Irp>,
    pub(crate) information: Cell<u64>,
    pub(crate) status: Cell<NTSTATUS>,
    /// The queue it is in or came from.
    pub(crate) queue: Cell<Option<&'static Queue>>,
    driver_owned: Cell<bool>,
    presented: Cell<bool>,
    completed: Cell<bool>,
    /// WdfIoQueueFindRequest gave its handle away.
    pub(crate) found: Cell<bool>,
    cancel: Cell<PFN_WDF_REQUEST_CANCEL>,
    /// The driver marked it cancelable, and neither took that back nor was told of the cancellation.
    pub(crate) cancelable: Cell<bool>,
    /// It was marked since the driver got it and not unmarked.
    pub(crate) was_marked: Cell<bool>,
    pub(crate) in_io_stop: Cell<bool>,
    pub(crate) input_memory: Cell<WDFMEMORY>,
    pub(crate) output_memory: Cell<WDFMEMORY>,
}

/// The request behind a handle.
pub(crate) fn request_of(handle: WDFREQUEST) -> &'static Request {
    payload(handle.cast())
}

/// FxRequest::_CreateForPackage.
pub(crate) fn create(device: &'static DeviceState, irp: Arc<Irp>) -> Result<&'static Request, NTSTATUS> {
    let request = Request {
        handle: Cell::new(std::ptr::null_mut()),
        irp: irp.clone(),
        information: Cell::new(0),
        status: Cell::new(0),
        queue: Cell::new(None),
        driver_owned: Cell::default(),
        presented: Cell::default(),
        completed: Cell::default(),
        found: Cell::default(),
        cancel: Cell::new(None),
        cancelable: Cell::default(),
        was_marked: Cell::default(),
        in_io_stop: Cell::default(),
        input_memory: Cell::new(std::ptr::null_mut()),
        output_memory: Cell::new(std::ptr::null_mut()),
    };
    let attributes = device.io.config.request_attributes.as_ref();
    let made = new_object("WDFREQUEST", attributes, std::ptr::null_mut(), device.globals, Box::new(request))?;
    let request = payload::<Request>(made);
    request.handle.set(made.cast());
    irp.request.set(made as usize);
    Ok(request)
}

/// Sends a packet to a queue (FxPkgIo::DispatchStep2); `None`: the device takes no such requests.
pub(crate) fn send(device: &'static DeviceState, irp: Arc<Irp>, queue: Option<&'static Queue>) {
    let Some(queue) = queue else { return irp.complete(STATUS_INVALID_DEVICE_REQUEST, 0) };
    match create(device, irp.clone()) {
        Ok(request) => {
            request.submit(queue);
        }
        Err(_) => irp.complete(STATUS_INSUFFICIENT_RESOURCES, 0),
    }
}

impl Request {
    fn id(&self) -> usize {
        self.handle.get() as usize
    }

    fn object(&self) -> WDFOBJECT {
        self.handle.get().cast()
    }

    pub(crate) fn handle(&self) -> WDFREQUEST {
        self.handle.get()
    }

    /// Gives it to a queue; one that does not accept completes it with STATUS_INVALID_DEVICE_STATE.
    pub(crate) fn submit(&'static self, queue: &'static Queue) -> bool {
        self.queue.set(Some(queue));
        let entry =
            super::queue::core::Entry { id: self.id(), file: self.irp.file.key(), presented: false, canceled: false };
        let accepted = engine::submit(queue, entry);
        if !accepted {
            self.complete_by_framework(crate::abi::STATUS_INVALID_DEVICE_STATE);
        }
        accepted
    }

    /// The driver owns it from here on.
    pub(crate) fn given_to_driver(&self) {
        self.driver_owned.set(true);
        self.presented.set(true);
        self.found.set(false);
    }

    /// The driver gave it back to a queue.
    pub(crate) fn taken_from_driver(&self) {
        self.driver_owned.set(false);
    }

    /// The queue refused it: the driver still owns it.
    pub(crate) fn left_to_driver(&self) {
        self.driver_owned.set(true);
    }

    /// Requires that the driver owns it; a rule is broken otherwise.
    pub(crate) fn is_owned(&self) -> bool {
        let state = || {
            let what = match (self.completed.get(), self.found.get()) {
                (true, _) => "is completed",
                (_, true) => "was found, not retrieved",
                _ => "is in a queue",
            };
            format!("{}: request {:p} ({}) {what}", current_entry(), self.handle.get(), self.irp)
        };
        REQUEST_OWNED.check(self.driver_owned.get() && !self.completed.get(), state)
    }

    /// Requires that the driver owns it and has not marked it cancelable.
    pub(crate) fn is_owned_not_cancelable(&self) -> bool {
        let detail = || format!("{}: request {:p} ({})", current_entry(), self.handle.get(), self.irp);
        self.is_owned() && REQUEST_NOT_CANCELABLE.check(!self.cancelable.get(), detail)
    }

    /// A search may go on from it: it was found, or the driver has or had it since.
    pub(crate) fn is_tag(&self) -> bool {
        self.found.get() || self.driver_owned.get() || self.completed.get()
    }

    pub(crate) fn is_completed(&self) -> bool {
        self.completed.get()
    }

    /// Keeps the object while a callback that may complete it runs.
    pub(crate) fn hold(&self, f: impl FnOnce()) {
        reference(self.object());
        f();
        dereference(self.object());
    }

    /// The driver marks it cancelable.
    pub(crate) fn set_cancel(&self, cancel: PFN_WDF_REQUEST_CANCEL) {
        self.cancel.set(cancel);
        self.cancelable.set(cancel.is_some());
        self.was_marked.set(cancel.is_some());
    }

    /// The cancel callback to call now.
    pub(crate) fn begin_cancel(&self) -> PFN_WDF_REQUEST_CANCEL {
        self.cancelable.set(false);
        self.cancel.take()
    }

    /// WdfRequestComplete and its like: checks that it may, then completes. `None` leaves Information as set.
    pub(crate) fn complete_by_driver(&'static self, status: NTSTATUS, information: Option<u64>) {
        if !self.is_owned() {
            violation(
                codes::WDF_REQUEST_FATAL_ERROR,
                fatal::WDF_REQUEST_FATAL_ERROR_REQUEST_NOT_IN_QUEUE as u64,
                self.id() as u64,
            );
        }
        let due = self.queue.get().is_some_and(|q| q.with(|c| c.cancel_is_due(self.id())));
        let detail = || format!("request {:p} ({})", self.handle.get(), self.irp);
        if !REQUEST_CANCEL_RACE.check(!due, detail) || !REQUEST_NOT_CANCELABLE.check(!self.cancelable.get(), detail) {
            let why =
                format!("{}: request {:p} is completed while it is cancelable", current_entry(), self.handle.get());
            bugcheck_because(CANCEL_STATE_IN_COMPLETED_IRP, [self.id() as u64, 0, 0, 0], &why);
        }
        REQUEST_STATUS.check(status != STATUS_PENDING, detail);
        self.complete(status, information);
    }

    /// A request that the driver never had, or has no more.
    pub(crate) fn complete_by_framework(&self, status: NTSTATUS) {
        self.complete(status, Some(0));
    }

    /// FxRequest::CompleteInternal: the driver's cleanup, the IRP, the queue, the object, in this order.
    pub(crate) fn complete(&self, status: NTSTATUS, information: Option<u64>) {
        let information = information.unwrap_or(self.information.get());
        self.information.set(information);
        self.check_information(status, information);
        let was_owned = self.driver_owned.replace(false);
        self.completed.set(true);
        let status = outside(status);
        self.status.set(status);
        let object = object::object(self.object());
        if !self.presented.get() {
            object.forget_callbacks();
        }
        object::dispose(object);
        self.irp.complete(status, information);
        if let Some(queue) = self.queue.get()
            && was_owned
        {
            engine::completed(queue, self.id());
        }
        delete_object(self.object());
    }

    fn check_information(&self, status: NTSTATUS, information: u64) {
        let most = match self.irp.major {
            Major::Read => self.irp.output_len,
            Major::Write => self.irp.input_len,
            // A caller without a buffer may be told anything.
            Major::DeviceControl if !self.irp.from_kernel && self.irp.output_len > 0 => self.irp.output_len,
            _ => return,
        };
        let fits = !NT_SUCCESS(status) || information <= most as u64;
        let detail = || format!("request {:p} ({}): {information} bytes of {most}", self.handle.get(), self.irp);
        if !REQUEST_INFORMATION.check(fits, detail) {
            let code = fatal::WDF_REQUEST_FATAL_ERROR_INFORMATION_LENGTH_MISMATCH as u64;
            violation(codes::WDF_REQUEST_FATAL_ERROR, code, self.id() as u64);
        }
    }
}

/// The status the rest of the system sees.
fn outside(status: NTSTATUS) -> NTSTATUS {
    use crate::abi::{STATUS_WDF_BUSY, STATUS_WDF_INTERNAL_ERROR, STATUS_WDF_PAUSED};
    if status as u32 & 0x0FFF_0000 != FACILITY_WDF {
        return status;
    }
    match status {
        STATUS_WDF_PAUSED | STATUS_WDF_BUSY => STATUS_DEVICE_BUSY,
        STATUS_WDF_INTERNAL_ERROR => STATUS_INTERNAL_ERROR,
        _ => STATUS_INVALID_DEVICE_REQUEST,
    }
}
