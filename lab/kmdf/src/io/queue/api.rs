//! The WdfIoQueue entries, and those of WdfDevice about queues (WDF fxioqueueapi.cpp, fxdeviceapi.cpp).

use super::core::Refusal;
use super::engine::{self, Host};
use super::power::Power;
use super::{Call, Plan, Queue, create, queue_of, status_of};
use crate::abi::{
    STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER_4, STATUS_WDF_BUSY,
};
use crate::args::{In, Out};
use crate::ddi::ddi;
use crate::device::{DeviceState, PowerState, state_of};
use crate::io::file::FileObject;
use crate::io::irp::Major;
use crate::io::request::{Request, request_of};
use crate::io::request_api;
use crate::object::attributes::{self, Allowed};
use crate::object::{delete_object, forbid_delete, payload, reference};
use crate::verifier::{current_entry, size_is, violation};
use lab_kernel::cpu::{self, Event};
use lab_kernel::rules;
use wdk_sys::_WDF_BUGCHECK_CODES as codes;
use wdk_sys::_WDF_IO_QUEUE_STATE as bits;
use wdk_sys::{
    NTSTATUS, PFN_WDF_IO_QUEUE_STATE, PVOID, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
    STATUS_UNSUCCESSFUL, ULONG, WDF_IO_QUEUE_CONFIG, WDF_IO_QUEUE_STATE, WDF_OBJECT_ATTRIBUTES, WDF_REQUEST_PARAMETERS,
    WDF_REQUEST_TYPE, WDFDEVICE, WDFFILEOBJECT, WDFQUEUE, WDFREQUEST,
};

rules! {
    QUEUE_ONE_CALLBACK: "A stop, drain or purge with a callback waits for the callback of the one before", "WDF fxioqueue.cpp QueueIdle, QueuePurge: STATUS_INVALID_DEVICE_REQUEST; fxioqueueapi.cpp: FatalError, bugcheck 0x10D code 0xA";
    QUEUE_NOT_DELETED: "Queues that are deleted are not stopped or purged", "WDF fxioqueue.cpp QueueIdle, QueuePurge: STATUS_DELETE_PENDING; fxioqueueapi.cpp: FatalError, bugcheck 0x10D code 0xA";
    QUEUE_SYNC_IRQL: "The synchronous forms of stop, drain and purge are called at PASSIVE_LEVEL", "WDF fxioqueueapi.cpp FxVerifierCheckIrqlLevel";
    QUEUE_SYNC_CALLER: "The synchronous forms are not called from a callback of the queue: it would wait for itself", "DDI wdfio WdfIoQueueStopAndPurgeSynchronously, Remarks; WDF fxioqueue.cpp m_Dispatching";
    QUEUE_SEQUENTIAL_RETRIEVE: "Requests are retrieved from a sequential queue while the driver owns one", "WDF fxioqueue.cpp VerifyGetRequestUpdateFlags: race with automatic dispatching";
    QUEUE_METHOD: "Queue methods are used on queues of the kind they are for", "WDF fxioqueue.cpp: FxVerifierDbgBreakPoint of GetRequest, PeekRequest, ReadyNotify";
    QUEUE_CONFIGURE: "A queue is configured for requests it has a callback for, and each type has one queue", "WDF fxpkgio.cpp ConfigureForwarding";
    QUEUE_TAG: "WdfIoQueueFindRequest goes on from a request it found", "WDF fxrequest.cpp VerifyRequestIsTagRequest";
}

impl Queue {
    pub(crate) fn is_manual(&self) -> bool {
        self.with(|c| c.kind()) == super::core::Kind::Manual
    }

    /// FxIoQueue::GetRequest: the next request for the driver, passing over reads and writes of no bytes.
    pub(crate) fn retrieve(&self, file: Option<usize>, found: Option<usize>) -> Result<WDFREQUEST, NTSTATUS> {
        loop {
            let id = self.with(|c| c.retrieve(file, found)).map_err(|refusal| {
                let misuse = matches!(refusal, Refusal::InvalidRequest | Refusal::InvalidState);
                QUEUE_METHOD.check(!misuse, || format!("{}: queue {:p}", current_entry(), self.handle()));
                status_of(refusal)
            })?;
            let handle = id as WDFREQUEST;
            let request = request_of(handle);
            request.given_to_driver();
            if self.config.AllowZeroLengthRequests == 0 && request.irp.is_empty_transfer() {
                request.complete(STATUS_SUCCESS, Some(0));
                continue;
            }
            return Ok(handle);
        }
    }
}

/// FxIoQueue::FatalError of a refused stop or purge.
fn or_fatal(queue: &Queue, result: Result<(), Refusal>) {
    let Err(refusal) = result else { return };
    let status = status_of(refusal);
    let rule = if refusal == Refusal::Deleted { &QUEUE_NOT_DELETED } else { &QUEUE_ONE_CALLBACK };
    rule.check(false, || format!("{}: queue {:p}, status {status:#010x}", current_entry(), queue.handle()));
    violation(codes::WDF_QUEUE_FATAL_ERROR, queue.handle() as u64, u64::from(status as u32));
}

fn driver_call(function: PFN_WDF_IO_QUEUE_STATE, context: PVOID) -> Option<Call> {
    function.map(|f| Call::Driver(Some(f), context))
}

/// A synchronous form: `begin` registers the event it waits for.
fn synchronously(
    handle: WDFQUEUE,
    what: &'static str,
    begin: impl FnOnce(&'static Queue, Call) -> Result<(), Refusal>,
) {
    let queue = queue_of(handle);
    let irql = cpu::irql();
    if !QUEUE_SYNC_IRQL.check(irql == cpu::PASSIVE_LEVEL, || format!("{}: IRQL {irql}", current_entry())) {
        return;
    }
    let inside = queue.is_around();
    if !QUEUE_SYNC_CALLER.check(!inside, || format!("{}: queue {handle:p}", current_entry())) {
        violation(codes::WDF_QUEUE_FATAL_ERROR, handle as u64, 0);
    }
    let done = Event::new(true, false);
    or_fatal(queue, begin(queue, Call::Waiter(done.clone())));
    queue.wait(what, &done);
}

/// Gives a retrieved request to the driver, or null.
fn hand_out(out: Out<WDFREQUEST>, result: Result<WDFREQUEST, NTSTATUS>) -> NTSTATUS {
    out.set(result.unwrap_or(std::ptr::null_mut()), "OutRequest");
    result.err().unwrap_or(STATUS_SUCCESS)
}

fn file_key(file: WDFFILEOBJECT) -> usize {
    payload::<FileObject>(file.cast()).file.key()
}

ddi! {
    fn WdfIoQueueCreate(
        DISPATCH_LEVEL; device: WDFDEVICE, config: In<WDF_IO_QUEUE_CONFIG>, attributes: In<WDF_OBJECT_ATTRIBUTES>,
        result: Out<WDFQUEUE>,
    ) -> NTSTATUS {
        let state = state_of(device);
        let config = config.get("Config");
        let allowed = Allowed { parent: true, execution_level: true, scope: true, ..Allowed::NONE };
        let attributes = match attributes::read(attributes, allowed) {
            Ok(attributes) => attributes,
            Err(status) => return status,
        };
        if !size_is("WDF_IO_QUEUE_CONFIG", config.Size, size_of::<WDF_IO_QUEUE_CONFIG>()) {
            return STATUS_INFO_LENGTH_MISMATCH;
        }
        let default = config.DefaultQueue != 0;
        if !default && result.is_null() {
            return STATUS_INVALID_PARAMETER_4;
        }
        if default && state.state.get() != PowerState::Added {
            return STATUS_INVALID_DEVICE_STATE;
        }
        match create(state, Plan { config, attributes, kept: default }) {
            Ok(queue) if default && state.io.default_queue().is_some() => {
                delete_object(queue.handle().cast());
                STATUS_UNSUCCESSFUL
            }
            Ok(queue) => {
                if default {
                    state.io.set_default(queue);
                }
                result.set_opt(queue.handle());
                STATUS_SUCCESS
            }
            Err(status) => status,
        }
    }

    fn WdfIoQueueGetState(DISPATCH_LEVEL; handle: WDFQUEUE, queued: Out<ULONG>, driver: Out<ULONG>) -> WDF_IO_QUEUE_STATE {
        queue_of(handle).with(|c| {
            queued.set_opt(c.queued_count() as ULONG);
            driver.set_opt(c.driver_count() as ULONG);
            let bit = |on: bool, bit: WDF_IO_QUEUE_STATE| if on { bit } else { 0 };
            bit(c.accepts(), bits::WdfIoQueueAcceptRequests)
                | bit(c.dispatches(), bits::WdfIoQueueDispatchRequests)
                | bit(c.queued_count() == 0, bits::WdfIoQueueNoRequests)
                | bit(c.driver_count() == 0, bits::WdfIoQueueDriverNoRequests)
                | bit(c.is_power_managed() && c.power() != Power::On, bits::WdfIoQueuePnpHeld)
        })
    }

    fn WdfIoQueueGetDevice(DISPATCH_LEVEL; queue: WDFQUEUE) -> WDFDEVICE {
        queue_of(queue).device.handle()
    }

    fn WdfIoQueueStart(DISPATCH_LEVEL; queue: WDFQUEUE) {
        engine::start(queue_of(queue));
    }

    fn WdfIoQueueStop(DISPATCH_LEVEL; handle: WDFQUEUE, complete: PFN_WDF_IO_QUEUE_STATE, context: PVOID) {
        let queue = queue_of(handle);
        or_fatal(queue, engine::idle(queue, false, driver_call(complete, context)));
    }

    fn WdfIoQueueStopSynchronously(HIGH_LEVEL; queue: WDFQUEUE) {
        synchronously(queue, "queue to stop, WDFQUEUE", |q, call| engine::idle(q, false, Some(call)));
    }

    fn WdfIoQueueStopAndPurge(DISPATCH_LEVEL; handle: WDFQUEUE, complete: PFN_WDF_IO_QUEUE_STATE, context: PVOID) {
        let queue = queue_of(handle);
        or_fatal(queue, engine::idle(queue, true, driver_call(complete, context)));
    }

    fn WdfIoQueueStopAndPurgeSynchronously(HIGH_LEVEL; queue: WDFQUEUE) {
        synchronously(queue, "queue to stop, WDFQUEUE", |q, call| engine::idle(q, true, Some(call)));
    }

    fn WdfIoQueueDrain(DISPATCH_LEVEL; handle: WDFQUEUE, complete: PFN_WDF_IO_QUEUE_STATE, context: PVOID) {
        let queue = queue_of(handle);
        or_fatal(queue, engine::purge(queue, false, driver_call(complete, context)));
    }

    fn WdfIoQueueDrainSynchronously(HIGH_LEVEL; queue: WDFQUEUE) {
        synchronously(queue, "queue to drain, WDFQUEUE", |q, call| engine::purge(q, false, Some(call)));
    }

    fn WdfIoQueuePurge(DISPATCH_LEVEL; handle: WDFQUEUE, complete: PFN_WDF_IO_QUEUE_STATE, context: PVOID) {
        let queue = queue_of(handle);
        or_fatal(queue, engine::purge(queue, true, driver_call(complete, context)));
    }

    fn WdfIoQueuePurgeSynchronously(HIGH_LEVEL; queue: WDFQUEUE) {
        synchronously(queue, "queue to purge, WDFQUEUE", |q, call| engine::purge(q, true, Some(call)));
    }

    fn WdfIoQueueReadyNotify(DISPATCH_LEVEL; handle: WDFQUEUE, ready: PFN_WDF_IO_QUEUE_STATE, context: PVOID) -> NTSTATUS {
        let queue = queue_of(handle);
        match engine::ready_notify(queue, driver_call(ready, context)) {
            Ok(()) => STATUS_SUCCESS,
            Err(refusal) => {
                QUEUE_METHOD.check(refusal == Refusal::Deleted, || format!("WdfIoQueueReadyNotify: queue {handle:p}"));
                status_of(refusal)
            }
        }
    }

    fn WdfIoQueueRetrieveNextRequest(DISPATCH_LEVEL; handle: WDFQUEUE, out: Out<WDFREQUEST>) -> NTSTATUS {
        let queue = queue_of(handle);
        let raced = queue.with(|c| c.kind() == super::core::Kind::Sequential && c.driver_count() == 0);
        QUEUE_SEQUENTIAL_RETRIEVE.check(!raced, || format!("queue {handle:p}"));
        hand_out(out, queue.retrieve(None, None))
    }

    fn WdfIoQueueRetrieveRequestByFileObject(DISPATCH_LEVEL; queue: WDFQUEUE, file: WDFFILEOBJECT, out: Out<WDFREQUEST>) -> NTSTATUS {
        hand_out(out, queue_of(queue).retrieve(Some(file_key(file)), None))
    }

    fn WdfIoQueueRetrieveFoundRequest(DISPATCH_LEVEL; queue: WDFQUEUE, found: WDFREQUEST, out: Out<WDFREQUEST>) -> NTSTATUS {
        let queue = queue_of(queue);
        payload::<Request>(found.cast());
        hand_out(out, queue.retrieve(None, Some(found as usize)))
    }

    fn WdfIoQueueFindRequest(
        DISPATCH_LEVEL; handle: WDFQUEUE, tag: WDFREQUEST, file: WDFFILEOBJECT, parameters: Out<WDF_REQUEST_PARAMETERS>,
        out: Out<WDFREQUEST>,
    ) -> NTSTATUS {
        let queue = queue_of(handle);
        out.set(std::ptr::null_mut(), "OutRequest");
        if !tag.is_null() {
            let request = request_of(tag);
            if !QUEUE_TAG.check(request.is_tag(), || format!("request {tag:p}")) {
                return STATUS_INVALID_PARAMETER;
            }
        }
        let file = (!file.is_null()).then(|| file_key(file));
        if !parameters.is_null() && (parameters.get("Parameters").Size as usize) < size_of::<WDF_REQUEST_PARAMETERS>() {
            return STATUS_INVALID_PARAMETER_4;
        }
        match queue.with(|c| c.peek((!tag.is_null()).then_some(tag as usize), file)) {
            Ok(id) => {
                let request = request_of(id as WDFREQUEST);
                // The caller gives this reference back with WdfObjectDereference.
                reference(id as wdk_sys::WDFOBJECT);
                request.found.set(true);
                if !parameters.is_null() {
                    request_api::fill(request, parameters);
                }
                out.set(id as WDFREQUEST, "OutRequest");
                STATUS_SUCCESS
            }
            Err(refusal) => {
                QUEUE_METHOD.check(refusal != Refusal::InvalidRequest, || format!("WdfIoQueueFindRequest: queue {handle:p}"));
                status_of(refusal)
            }
        }
    }

    fn WdfDeviceGetDefaultQueue(DISPATCH_LEVEL; device: WDFDEVICE) -> WDFQUEUE {
        state_of(device).io.default_queue().map_or(std::ptr::null_mut(), Queue::handle)
    }

    fn WdfDeviceConfigureRequestDispatching(DISPATCH_LEVEL; device: WDFDEVICE, queue: WDFQUEUE, kind: WDF_REQUEST_TYPE) -> NTSTATUS {
        let state = state_of(device);
        match Major::of(kind) {
            Some(major) => configure(state, queue_of(queue), major),
            None => STATUS_INVALID_PARAMETER,
        }
    }
}

fn configure(device: &'static DeviceState, queue: &'static Queue, major: Major) -> NTSTATUS {
    if !std::ptr::eq(device, queue.device) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if device.state.get() != PowerState::Added {
        return STATUS_INVALID_DEVICE_STATE;
    }
    let default = device.io.default_queue().is_some_and(|d| std::ptr::eq(d, queue)) && major != Major::Create;
    let detail = || format!("queue {:p}, {major:?}", queue.handle());
    if !QUEUE_CONFIGURE.check(queue.takes(major) && !default, detail) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if !QUEUE_CONFIGURE.check(device.io.configure(major, queue), detail) {
        return if major == Major::Create { STATUS_INVALID_PARAMETER } else { STATUS_WDF_BUSY };
    }
    if major != Major::Create {
        forbid_delete(queue.handle().cast());
    }
    STATUS_SUCCESS
}
