//! I/O queues: the framework's object around the pure state machine of [`core`].
//!
//! After WDF fxioqueue.cpp. `core` and `power` hold the state, `engine` the order of what is done; this file makes the
//! driver's calls.

pub(crate) mod api;
pub(crate) mod core;
mod create;
pub(crate) mod engine;
#[cfg(test)]
mod model_tests;
pub(crate) mod power;
#[cfg(test)]
mod race_tests;

use super::irp::Major;
use super::request::Request;
use crate::abi::{STATUS_DELETE_PENDING, STATUS_INVALID_DEVICE_STATE, STATUS_NOT_FOUND};
use crate::abi::{STATUS_NO_MORE_ENTRIES, STATUS_WDF_PAUSED};
use crate::device::DeviceState;
use crate::lock::ObjectLock;
use crate::object::{payload, payload_opt};
use crate::verifier::{around, callback, violation};
use crate::worker;
use core::{Action, Core, Id, Refusal};
pub(crate) use create::{Plan, create};
use engine::Host;
use lab_kernel::cpu::{self, Event};
use lab_kernel::rules;
use power::Power;
use std::cell::{Cell, RefCell};
use std::time::Duration;
use wdk_sys::_WDF_BUGCHECK_CODES as codes;
use wdk_sys::_WDF_REQUEST_STOP_ACTION_FLAGS as stop;
use wdk_sys::{
    NTSTATUS, PFN_WDF_IO_QUEUE_STATE, PVOID, STATUS_CANCELLED, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS,
    WDF_IO_QUEUE_CONFIG, WDFOBJECT, WDFQUEUE, WDFREQUEST,
};

rules! {
    QUEUE_STOPS: "The driver completes or acknowledges the requests it owns so that its queues can stop", "WDF fxioqueue.cpp StopProcessingForPower, QueueIdleSynchronously, Dispose: \"waiting for ...\"; lab limit 60 s";
}

/// Longest wait for a driver that owns requests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who is told that a queue has stopped.
#[derive(Clone)]
pub(crate) enum Call {
    /// A callback of the driver and its context.
    Driver(PFN_WDF_IO_QUEUE_STATE, PVOID),
    /// A synchronous form that waits.
    Waiter(Event),
}

/// What serialises the callbacks (FxIoQueue::ConfigureConstraints).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    None,
    Queue,
    Device,
}

/// Payload of WDFQUEUE.
pub(crate) struct Queue {
    handle: Cell<WDFQUEUE>,
    pub(crate) device: &'static DeviceState,
    config: WDF_IO_QUEUE_CONFIG,
    state: RefCell<Core<Call>>,
    /// Callbacks run at PASSIVE_LEVEL only.
    passive: bool,
    scope: Scope,
    lock: ObjectLock,
    power_idle: Event,
    disposed: Event,
}

thread_local! {
    /// Queues whose callbacks this thread is in, outermost first.
    static INSIDE: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// The queue behind a handle.
pub(crate) fn queue_of(handle: WDFQUEUE) -> &'static Queue {
    payload(handle.cast())
}

/// What a refused method returns.
pub(crate) fn status_of(refusal: Refusal) -> NTSTATUS {
    match refusal {
        Refusal::Deleted => STATUS_DELETE_PENDING,
        Refusal::InvalidRequest => STATUS_INVALID_DEVICE_REQUEST,
        Refusal::InvalidState => STATUS_INVALID_DEVICE_STATE,
        Refusal::Paused => STATUS_WDF_PAUSED,
        Refusal::NoMoreEntries => STATUS_NO_MORE_ENTRIES,
        Refusal::NotFound => STATUS_NOT_FOUND,
        Refusal::Canceled => STATUS_CANCELLED,
    }
}

impl Queue {
    pub(crate) fn handle(&self) -> WDFQUEUE {
        self.handle.get()
    }

    fn key(&self) -> usize {
        self.handle() as usize
    }

    /// The driver gave a callback for this kind of request (IsIoEventHandlerRegistered).
    pub(crate) fn takes(&self, major: Major) -> bool {
        let config = &self.config;
        self.with(|c| c.kind() == core::Kind::Manual)
            || config.EvtIoDefault.is_some()
            || match major {
                Major::Create => false,
                Major::Read => config.EvtIoRead.is_some(),
                Major::Write => config.EvtIoWrite.is_some(),
                Major::DeviceControl => config.EvtIoDeviceControl.is_some(),
                Major::InternalDeviceControl => config.EvtIoInternalDeviceControl.is_some(),
            }
    }

    /// True if the calling thread is in a callback of this queue.
    fn is_around(&self) -> bool {
        INSIDE.with_borrow(|inside| inside.contains(&self.key()))
    }

    /// Runs a callback of the driver under the queue's callback lock.
    fn serialized(&self, function: impl FnOnce()) {
        INSIDE.with_borrow_mut(|inside| inside.push(self.key()));
        let (lock, owner, passive): (&ObjectLock, WDFOBJECT, bool) = match self.scope {
            Scope::Device => (&self.device.lock, self.device.handle().cast(), self.device.lock_is_passive()),
            _ => (&self.lock, self.handle().cast(), self.passive),
        };
        if self.scope == Scope::None {
            function();
        } else {
            lock.acquire(owner, passive);
            function();
            lock.release(owner, passive);
        }
        INSIDE.with_borrow_mut(|inside| inside.pop());
    }

    /// The callback lock is this thread's.
    fn holds_callback_lock(&self) -> bool {
        match self.scope {
            Scope::Device => self.device.lock.is_mine(self.device.lock_is_passive()),
            _ => self.lock.is_mine(self.passive),
        }
    }

    fn run_deferred(&'static self) {
        if engine::run_deferred(self) {
            self.queue_deferred();
        }
    }

    fn queue_deferred(&self) {
        let handle = self.key();
        let run = move || {
            if let Some(queue) = payload_opt::<Queue>(handle as WDFOBJECT) {
                queue.run_deferred();
            }
        };
        if self.passive {
            worker::run(run);
        } else {
            cpu::queue_dpc(run);
        }
    }

    /// FxIoQueue::DispatchRequestToDriver.
    fn deliver(&self, id: Id) {
        let request = payload::<Request>(id as WDFOBJECT);
        let (irp, config) = (&request.irp, &self.config);
        request.given_to_driver();
        let empty = irp.is_empty_transfer();
        if empty && config.AllowZeroLengthRequests == 0 && self.takes(irp.major) {
            return request.complete(STATUS_SUCCESS, None);
        }
        let (queue, handle) = (self.handle(), id as WDFREQUEST);
        let (input, output) = (irp.input_len, irp.output_len);
        self.serialized(|| match irp.major {
            Major::Read if let Some(read) = config.EvtIoRead => {
                callback!("EvtIoRead", read, queue, handle, output);
            }
            Major::Write if let Some(write) = config.EvtIoWrite => {
                callback!("EvtIoWrite", write, queue, handle, input);
            }
            Major::DeviceControl if let Some(control) = config.EvtIoDeviceControl => {
                callback!("EvtIoDeviceControl", control, queue, handle, output, input, irp.code);
            }
            Major::InternalDeviceControl if let Some(control) = config.EvtIoInternalDeviceControl => {
                callback!("EvtIoInternalDeviceControl", control, queue, handle, output, input, irp.code);
            }
            _ => match config.EvtIoDefault {
                Some(default) => callback!("EvtIoDefault", default, queue, handle),
                None => request.complete(STATUS_INVALID_DEVICE_REQUEST, None),
            },
        });
    }

    fn tell(&self, name: &'static str, call: Call, serialized: bool) {
        match call {
            Call::Waiter(event) => event.set(),
            Call::Driver(None, _) => {}
            Call::Driver(Some(function), context) => {
                let handle = self.handle();
                // SAFETY: the driver registered this function to be called with its queue and this context.
                let run = || around(name, || unsafe { function(handle, context) });
                if serialized {
                    self.serialized(run);
                } else {
                    INSIDE.with_borrow_mut(|inside| inside.push(self.key()));
                    run();
                    INSIDE.with_borrow_mut(|inside| inside.pop());
                }
            }
        }
    }

    fn stop_request(&self, id: Id, purge: bool, cancelable: bool) {
        let Some(function) = self.config.EvtIoStop else { return };
        let Some(request) = payload_opt::<Request>(id as WDFOBJECT) else { return };
        let action = if purge { stop::WdfRequestStopActionPurge } else { stop::WdfRequestStopActionSuspend };
        let flags = action as u32 | if cancelable { stop::WdfRequestStopRequestCancelable as u32 } else { 0 };
        // The driver may complete the request in the callback: the framework holds it until it returns.
        request.hold(|| {
            request.in_io_stop.set(true);
            self.serialized(|| callback!("EvtIoStop", function, self.handle(), id as WDFREQUEST, flags));
            request.in_io_stop.set(false);
        });
    }

    /// Waits for a stop, a power transition or a disposal; a driver that keeps its requests for ever ends the run.
    fn wait(&self, what: &str, event: &Event) {
        let stopped = cpu::wait_for(what, event, Some(PATIENCE));
        let owned = || self.with(|c| c.driver_count());
        if !QUEUE_STOPS.check(stopped, || format!("{what} {:p}: the driver owns {} requests", self.handle(), owned())) {
            violation(codes::WDF_QUEUE_FATAL_ERROR, self.key() as u64, 0);
        }
    }

    /// One step of a power transition, waited for.
    pub(super) fn change_power(&self, power: Power, what: &str) {
        self.power_idle.reset();
        if engine::change_power(self, power) {
            self.wait(what, &self.power_idle);
        }
    }
}

impl Host for Queue {
    type Call = Call;

    fn with<R>(&self, f: impl FnOnce(&mut Core<Call>) -> R) -> R {
        f(&mut self.state.borrow_mut())
    }

    fn irp_canceled(&self, id: Id) -> bool {
        payload_opt::<Request>(id as WDFOBJECT).is_some_and(|r| r.irp.canceled.get())
    }

    fn perform(&self, action: Action<Call>) {
        match action {
            Action::CompleteCanceled(id) => payload::<Request>(id as WDFOBJECT).complete_by_framework(STATUS_CANCELLED),
            Action::Deliver(id) => self.deliver(id),
            Action::Cancel(id) => {
                let request = payload::<Request>(id as WDFOBJECT);
                if let Some(function) = request.begin_cancel() {
                    self.serialized(|| callback!("EvtRequestCancel", function, id as WDFREQUEST));
                }
            }
            Action::CanceledOnQueue(id) => {
                payload::<Request>(id as WDFOBJECT).given_to_driver();
                if let Some(function) = self.config.EvtIoCanceledOnQueue {
                    self.serialized(|| callback!("EvtIoCanceledOnQueue", function, self.handle(), id as WDFREQUEST));
                }
            }
            Action::IdleComplete(call) => self.tell("EvtIoQueueState (stopped)", call, false),
            Action::PurgeComplete(call) => self.tell("EvtIoQueueState (purged)", call, true),
            Action::Ready(call) => self.tell("EvtIoQueueState (ready)", call, true),
            Action::Stop { id, purge, cancelable } => self.stop_request(id, purge, cancelable),
            Action::Resume(id) => {
                if let (Some(function), Some(request)) =
                    (self.config.EvtIoResume, payload_opt::<Request>(id as WDFOBJECT))
                {
                    request.hold(|| {
                        self.serialized(|| callback!("EvtIoResume", function, self.handle(), id as WDFREQUEST));
                    });
                }
            }
            Action::PowerIdle => self.power_idle.set(),
            Action::Disposed => self.disposed.set(),
        }
    }

    fn may_dispatch(&self) -> bool {
        let too_high = self.passive && cpu::irql() > cpu::PASSIVE_LEVEL;
        let may = !too_high && !self.holds_callback_lock();
        if !may && self.with(|c| c.defer()) {
            self.queue_deferred();
        }
        may
    }
}
