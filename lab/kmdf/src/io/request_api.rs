//! The WdfRequest entries about ownership, completion and cancellation (WDF fxrequestapi.cpp). Buffers are in
//! `buffer_api`.

use super::irp::Major;
use super::queue::engine::{self, Host};
use super::queue::power::Ack;
use super::queue::{queue_of, status_of};
use super::request::{Request, request_of};
use crate::abi::STATUS_WDF_BUSY;
use crate::args::Out;
use crate::ddi::ddi;
use crate::verifier::null_pointer;
use lab_kernel::rules;
use wdk_sys::{
    BOOLEAN, CHAR, NTSTATUS, PFN_WDF_REQUEST_CANCEL, STATUS_CANCELLED, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS,
    ULONG, ULONG_PTR, WDF_REQUEST_PARAMETERS, WDFFILEOBJECT, WDFQUEUE, WDFREQUEST,
};

rules! {
    REQUEST_CANCELABLE: "Only requests that are cancelable are made not cancelable", "WDF fxrequest.cpp VerifyRequestIsCancelable";
    REQUEST_FORWARD: "Requests are forwarded to another queue of the same device", "WDF fxioqueue.cpp VerifyForwardRequest";
    REQUEST_REQUEUE: "Requests are requeued to manual queues", "WDF fxioqueue.cpp Requeue: \"WdfRequestRequeue is allowed only on a manual queue\"";
    REQUEST_STOP_ACKNOWLEDGE: "WdfRequestStopAcknowledge is called in EvtIoStop", "DDI wdfrequest WdfRequestStopAcknowledge; WDF fxrequest.cpp VerifyRequestIsInEvtIoStopContext";
    REQUEST_PARAMETERS_SIZE: "WDF_REQUEST_PARAMETERS.Size is set before the structure is filled in", "DDI wdfrequest WDF_REQUEST_PARAMETERS_INIT";
}

const KERNEL_MODE: CHAR = 0;
const USER_MODE: CHAR = 1;

ddi! {
    fn WdfRequestComplete(DISPATCH_LEVEL; request: WDFREQUEST, status: NTSTATUS) {
        request_of(request).complete_by_driver(status, None);
    }

    fn WdfRequestCompleteWithPriorityBoost(DISPATCH_LEVEL; request: WDFREQUEST, status: NTSTATUS, _boost: CHAR) {
        request_of(request).complete_by_driver(status, None);
    }

    fn WdfRequestCompleteWithInformation(DISPATCH_LEVEL; request: WDFREQUEST, status: NTSTATUS, information: ULONG_PTR) {
        request_of(request).complete_by_driver(status, Some(information));
    }

    fn WdfRequestSetInformation(DISPATCH_LEVEL; request: WDFREQUEST, information: ULONG_PTR) {
        let request = request_of(request);
        if request.is_owned() {
            request.information.set(information);
        }
    }

    fn WdfRequestGetInformation(DISPATCH_LEVEL; request: WDFREQUEST) -> ULONG_PTR {
        request_of(request).information.get()
    }

    fn WdfRequestGetStatus(DISPATCH_LEVEL; request: WDFREQUEST) -> NTSTATUS {
        request_of(request).status.get()
    }

    fn WdfRequestMarkCancelable(DISPATCH_LEVEL; request: WDFREQUEST, cancel: PFN_WDF_REQUEST_CANCEL) {
        // A request that is cancelled already gets its callback, perhaps in this call.
        let _ = mark(request_of(request), cancel, false);
    }

    fn WdfRequestMarkCancelableEx(DISPATCH_LEVEL; request: WDFREQUEST, cancel: PFN_WDF_REQUEST_CANCEL) -> NTSTATUS {
        mark(request_of(request), cancel, true)
    }

    fn WdfRequestUnmarkCancelable(DISPATCH_LEVEL; handle: WDFREQUEST) -> NTSTATUS {
        let request = request_of(handle);
        let Some(queue) = request.queue.get() else { return STATUS_INVALID_DEVICE_REQUEST };
        if !request.is_owned() {
            return STATUS_INVALID_DEVICE_REQUEST;
        }
        if queue.with(|c| c.unmark_cancelable(handle as usize)) {
            request.set_cancel(None);
            return STATUS_SUCCESS;
        }
        // The cancel callback was, is or will be called; a request that was never marked has none.
        let marked = request.was_marked.get();
        if REQUEST_CANCELABLE.check(marked, || format!("request {handle:p}")) {
            STATUS_CANCELLED
        } else {
            STATUS_INVALID_DEVICE_REQUEST
        }
    }

    fn WdfRequestIsCanceled(DISPATCH_LEVEL; handle: WDFREQUEST) -> BOOLEAN {
        let request = request_of(handle);
        let tagged = || request.queue.get().is_some_and(|q| q.with(|c| c.is_canceled(handle as usize)));
        (request.is_owned_not_cancelable() && (request.irp.canceled.get() || tagged())).into()
    }

    fn WdfRequestForwardToIoQueue(DISPATCH_LEVEL; handle: WDFREQUEST, destination: WDFQUEUE) -> NTSTATUS {
        let (request, to) = (request_of(handle), queue_of(destination));
        if !request.is_owned_not_cancelable() {
            return STATUS_INVALID_DEVICE_REQUEST;
        }
        let from = request.queue.get().filter(|from| !std::ptr::eq(*from, to) && std::ptr::eq(from.device, to.device));
        let detail = || format!("request {handle:p} to queue {destination:p}");
        if !REQUEST_FORWARD.check(from.is_some(), detail) {
            return STATUS_INVALID_DEVICE_REQUEST;
        }
        let Some(from) = from else { return STATUS_INVALID_DEVICE_REQUEST };
        request.taken_from_driver();
        if engine::forward(from, to, handle as usize, || request.queue.set(Some(to))) {
            STATUS_SUCCESS
        } else {
            request.left_to_driver();
            STATUS_WDF_BUSY
        }
    }

    fn WdfRequestRequeue(DISPATCH_LEVEL; handle: WDFREQUEST) -> NTSTATUS {
        let request = request_of(handle);
        let Some(queue) = request.queue.get().filter(|_| request.is_owned_not_cancelable()) else {
            return STATUS_INVALID_DEVICE_REQUEST;
        };
        if !REQUEST_REQUEUE.check(queue.is_manual(), || format!("request {handle:p}")) {
            return STATUS_INVALID_DEVICE_REQUEST;
        }
        request.taken_from_driver();
        engine::requeue(queue, handle as usize);
        // A request that is deleted instead was cancelled in the queue, as far as the driver can tell.
        STATUS_SUCCESS
    }

    fn WdfRequestStopAcknowledge(DISPATCH_LEVEL; handle: WDFREQUEST, requeue: BOOLEAN) {
        let request = request_of(handle);
        let detail = || format!("request {handle:p}");
        let back = requeue != 0;
        if REQUEST_STOP_ACKNOWLEDGE.check(request.in_io_stop.get(), detail)
            && (!back || request.is_owned_not_cancelable())
            && let Some(queue) = request.queue.get()
        {
            if back {
                request.taken_from_driver();
            }
            queue.with(|c| c.acknowledge(handle as usize, if back { Ack::Requeue } else { Ack::Keep }));
        }
    }

    fn WdfRequestGetIoQueue(DISPATCH_LEVEL; request: WDFREQUEST) -> WDFQUEUE {
        request_of(request).queue.get().map_or(std::ptr::null_mut(), |q| q.handle())
    }

    fn WdfRequestGetFileObject(DISPATCH_LEVEL; request: WDFREQUEST) -> WDFFILEOBJECT {
        request_of(request).irp.file.object()
    }

    fn WdfRequestGetRequestorMode(DISPATCH_LEVEL; request: WDFREQUEST) -> CHAR {
        if request_of(request).irp.from_kernel { KERNEL_MODE } else { USER_MODE }
    }

    fn WdfRequestIsFrom32BitProcess(APC_LEVEL; request: WDFREQUEST) -> BOOLEAN {
        request_of(request);
        0
    }

    fn WdfRequestIsReserved(DISPATCH_LEVEL; request: WDFREQUEST) -> BOOLEAN {
        request_of(request);
        0
    }

    fn WdfRequestGetRequestorProcessId(DISPATCH_LEVEL; request: WDFREQUEST) -> ULONG {
        request_of(request);
        std::process::id()
    }

    fn WdfRequestGetParameters(DISPATCH_LEVEL; request: WDFREQUEST, parameters: Out<WDF_REQUEST_PARAMETERS>) {
        let request = request_of(request);
        if !request.is_completed() {
            fill(request, parameters);
        }
    }
}

fn mark(request: &'static Request, cancel: PFN_WDF_REQUEST_CANCEL, fail_if_canceled: bool) -> NTSTATUS {
    if cancel.is_none() {
        null_pointer("EvtRequestCancel");
    }
    let Some(queue) = request.queue.get().filter(|_| request.is_owned_not_cancelable()) else {
        return STATUS_INVALID_DEVICE_REQUEST;
    };
    request.set_cancel(cancel);
    match engine::mark_cancelable(queue, request.handle() as usize, fail_if_canceled) {
        Ok(()) => STATUS_SUCCESS,
        Err(refusal) => {
            request.set_cancel(None);
            request.was_marked.set(false);
            status_of(refusal)
        }
    }
}

/// FxRequest::GetParameters.
pub(super) fn fill(request: &Request, parameters: Out<WDF_REQUEST_PARAMETERS>) {
    let irp = &request.irp;
    let mut filled = parameters.get("Parameters");
    let size = size_of::<WDF_REQUEST_PARAMETERS>();
    REQUEST_PARAMETERS_SIZE.check(filled.Size as usize == size, || format!("Size is {}", filled.Size));
    filled = WDF_REQUEST_PARAMETERS { Size: size as u16, Type: irp.major.request_type(), ..Default::default() };
    let to = &mut filled.Parameters;
    match irp.major {
        Major::Create => {}
        Major::Read => to.Read.Length = irp.output_len,
        Major::Write => to.Write.Length = irp.input_len,
        Major::DeviceControl | Major::InternalDeviceControl => {
            to.DeviceIoControl.OutputBufferLength = irp.output_len;
            to.DeviceIoControl.InputBufferLength = irp.input_len;
            to.DeviceIoControl.IoControlCode = irp.code;
        }
    }
    parameters.set(filled, "Parameters");
}
