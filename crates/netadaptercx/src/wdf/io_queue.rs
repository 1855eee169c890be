//! I/O queues of a device: one that dispatches short requests, and manual ones in which requests wait.
//!
//! A manual queue's handle knows its state. The verbs of the framework differ in what happens to requests (KMDF 1.33,
//! fxioqueueapi.cpp; contract.md 3.3), so the choice is made by type:
//!
//! | verb | requests in the queue | new requests | afterwards |
//! |---|---|---|---|
//! | Stop | stay | wait | dispatch again by Start |
//! | Drain | are dispatched | fail | accept again by Start |
//! | Purge | are cancelled | fail | accept again by Start |
//! | StopAndPurge | those present are cancelled | wait | dispatched by Start |
//!
//! A device that loses power uses StopAndPurge: who waits learns it at once, and who comes meanwhile waits for the return.
//! A device that is gone uses Purge: nobody may wait any more.

use crate::{
    Result, Status,
    irql::{AtMostDispatch, Passive},
    wdf::{
        device::{Device, PnpDevice},
        object::{Ancestor, Context},
        request::Request,
    },
};
use core::{
    mem::size_of,
    ptr::null_mut,
    sync::atomic::{AtomicBool, Ordering},
};
use netadaptercx_sys::evt;
use wdk_sys::{
    _WDF_EXECUTION_LEVEL, _WDF_IO_QUEUE_DISPATCH_TYPE, _WDF_SYNCHRONIZATION_SCOPE, _WDF_TRI_STATE, WDF_IO_QUEUE_CONFIG,
    WDF_OBJECT_ATTRIBUTES, WDFCONTEXT, WDFQUEUE, WDFREQUEST, call_unsafe_wdf_function_binding,
};

/// As many requests at a time as there are.
const UNLIMITED: u32 = u32::MAX;

/// A device that answers I/O control codes.
pub trait ControlDevice: PnpDevice {
    /// EvtIoDeviceControl of the default queue, at PASSIVE_LEVEL, on many threads at a time, only in D0.
    fn device_control(&'static self, request: Request, code: u32, passive: Passive<'_>);

    /// EvtIoCanceledOnQueue of a manual queue: `request` was cancelled while it waited. It is completed by the caller.
    fn wait_cancelled(&'static self, irql: AtMostDispatch<'_>);
}

fn config() -> WDF_IO_QUEUE_CONFIG {
    WDF_IO_QUEUE_CONFIG {
        Size: size_of::<WDF_IO_QUEUE_CONFIG>() as u32,
        PowerManaged: _WDF_TRI_STATE::WdfUseDefault,
        ..WDF_IO_QUEUE_CONFIG::default()
    }
}

/// # Safety
/// `device` is live.
unsafe fn create(
    device: Device,
    mut config: WDF_IO_QUEUE_CONFIG,
    level: wdk_sys::WDF_EXECUTION_LEVEL,
) -> Result<WDFQUEUE> {
    let mut attributes = WDF_OBJECT_ATTRIBUTES {
        Size: size_of::<WDF_OBJECT_ATTRIBUTES>() as u32,
        ExecutionLevel: level,
        SynchronizationScope: _WDF_SYNCHRONIZATION_SCOPE::WdfSynchronizationScopeNone,
        ..WDF_OBJECT_ATTRIBUTES::default()
    };
    let mut queue: WDFQUEUE = null_mut();
    // SAFETY: a live device (caller) and live structures.
    Status::check(unsafe {
        call_unsafe_wdf_function_binding!(
            WdfIoQueueCreate,
            device.raw(),
            &raw mut config,
            &raw mut attributes,
            &raw mut queue
        )
    })?;
    Ok(queue)
}

/// Creates the default queue: parallel, power-managed, at PASSIVE_LEVEL.
///
/// # Errors
/// The framework's status.
pub fn create_default_queue<D: ControlDevice>(device: Device, _passive: Passive<'_>) -> Result<()> {
    let mut config = WDF_IO_QUEUE_CONFIG {
        DispatchType: _WDF_IO_QUEUE_DISPATCH_TYPE::WdfIoQueueDispatchParallel,
        DefaultQueue: 1,
        EvtIoDeviceControl: Some(evt_io_device_control::<D>),
        ..config()
    };
    config.Settings.Parallel.NumberOfPresentedRequests = UNLIMITED;
    // SAFETY: device handles are live while their device's callbacks run.
    unsafe { create(device, config, _WDF_EXECUTION_LEVEL::WdfExecutionLevelPassive) }.map(|_| ())
}

/// Requests are accepted and can be retrieved.
pub struct Running(());
/// Requests are accepted and wait; none can be retrieved before the queue is started.
pub struct StoppedAccepting(&'static AtomicBool);
/// Requests are refused.
pub struct Purged(());

/// A manual queue that is not power-managed: it takes requests in every power state.
pub struct ManualQueue<S> {
    queue: WDFQUEUE,
    state: S,
}
// SAFETY: KMDF queue handles may be used from any thread.
unsafe impl<S: Send> Send for ManualQueue<S> {}
// SAFETY: as above.
unsafe impl<S: Sync> Sync for ManualQueue<S> {}

/// A manual queue as a place to put requests, whatever its state.
#[derive(Clone, Copy)]
pub struct WaitingRoom(WDFQUEUE);
// SAFETY: KMDF queue handles may be used from any thread.
unsafe impl Send for WaitingRoom {}
// SAFETY: as above.
unsafe impl Sync for WaitingRoom {}

impl WaitingRoom {
    /// Lets `request` wait. It comes back if the queue refuses requests.
    ///
    /// # Errors
    /// The request and the framework's status.
    pub fn enter(self, request: Request) -> core::result::Result<(), (Request, Status)> {
        request.forward(self.0)
    }
}

impl ManualQueue<Running> {
    /// # Errors
    /// The framework's status.
    pub fn new<D: ControlDevice>(device: Device, _passive: Passive<'_>) -> Result<Self> {
        let config = WDF_IO_QUEUE_CONFIG {
            DispatchType: _WDF_IO_QUEUE_DISPATCH_TYPE::WdfIoQueueDispatchManual,
            PowerManaged: _WDF_TRI_STATE::WdfFalse,
            EvtIoCanceledOnQueue: Some(evt_io_canceled_on_queue::<D>),
            ..config()
        };
        // SAFETY: device handles are live while their device's callbacks run.
        let queue = unsafe { create(device, config, _WDF_EXECUTION_LEVEL::WdfExecutionLevelInheritFromParent) }?;
        Ok(Self { queue, state: Running(()) })
    }

    /// The queue as a place to look for requests. When the queue leaves this state meanwhile, nothing is found any more.
    #[must_use]
    pub const fn waiting(&self) -> Waiting {
        Waiting(self.queue)
    }

    /// WdfIoQueueStopAndPurge. `done` is set once the driver owns no request of the queue, which may be at once; it is used
    /// for this queue only.
    pub fn stop_and_purge(self, done: &'static AtomicBool, irql: AtMostDispatch<'_>) -> ManualQueue<StoppedAccepting> {
        stop_and_purge(self.queue, done, irql)
    }

    /// WdfIoQueuePurge.
    pub fn purge(self, irql: AtMostDispatch<'_>) -> ManualQueue<Purged> {
        purge(self.queue, irql)
    }
}

/// Requests that wait in a queue which was running when this was made.
#[derive(Clone, Copy)]
pub struct Waiting(WDFQUEUE);

impl Waiting {
    /// Takes out every waiting request that `wanted` says yes to, oldest first, and gives it to `take`. `T` is the requests'
    /// context type.
    pub fn take_matching<T: Context>(&self, wanted: impl Fn(&T) -> bool, mut take: impl FnMut(Request)) {
        let mut found: WDFREQUEST = null_mut();
        loop {
            let mut next: WDFREQUEST = null_mut();
            // SAFETY: a live queue; `found` is null or a request that an earlier call referenced.
            let status = unsafe {
                call_unsafe_wdf_function_binding!(
                    WdfIoQueueFindRequest,
                    self.0,
                    found,
                    null_mut(),
                    null_mut(),
                    &raw mut next
                )
            };
            dereference(found);
            found = null_mut();
            match Status::check(status) {
                Ok(()) => found = next,
                // The request the search stood at left the queue meanwhile: begin again.
                Err(status) if status.code() == wdk_sys::STATUS_NOT_FOUND => continue,
                // STATUS_NO_MORE_ENTRIES, or the queue is not running.
                Err(_) => return,
            }
            // SAFETY: FindRequest referenced the request, so its context is there, though it is not the driver's yet.
            let is_wanted = unsafe { crate::wdf::object::slot::<T>(found.cast()) }.get().is_some_and(&wanted);
            if is_wanted && let Some(request) = self.retrieve(found) {
                take(request);
                dereference(found);
                found = null_mut();
            }
        }
    }

    /// Makes a found request the driver's, if it is still in the queue.
    fn retrieve(&self, found: WDFREQUEST) -> Option<Request> {
        let mut request: WDFREQUEST = null_mut();
        // SAFETY: a live queue and a referenced request.
        let status = unsafe {
            call_unsafe_wdf_function_binding!(WdfIoQueueRetrieveFoundRequest, self.0, found, &raw mut request)
        };
        // SAFETY: the framework just gave the request to the driver.
        Status::check(status).ok().map(|()| unsafe { Request::from_raw(request) })
    }
}

impl ManualQueue<StoppedAccepting> {
    /// WdfIoQueueStopAndPurge once more: cancels what came since.
    #[must_use]
    pub fn stop_and_purge(self, irql: AtMostDispatch<'_>) -> Self {
        if !self.state.0.load(Ordering::Acquire) {
            // The first one is not finished; the framework would refuse a second callback (contract.md 3.3).
            return self;
        }
        stop_and_purge(self.queue, self.state.0, irql)
    }

    /// WdfIoQueueStart: what waited can be retrieved.
    ///
    /// # Errors
    /// The queue itself while the driver still owns a request of it: the framework has not finished stopping it.
    pub fn start(self) -> core::result::Result<ManualQueue<Running>, Self> {
        if self.state.0.load(Ordering::Acquire) { Ok(start(self.queue)) } else { Err(self) }
    }

    /// WdfIoQueuePurge.
    pub fn purge(self, irql: AtMostDispatch<'_>) -> ManualQueue<Purged> {
        purge(self.queue, irql)
    }
}

impl ManualQueue<Purged> {
    /// WdfIoQueueStart: requests are accepted again.
    #[must_use]
    pub fn start(self) -> ManualQueue<Running> {
        start(self.queue)
    }
}

impl<S> ManualQueue<S> {
    /// The queue as a place to put requests.
    #[must_use]
    pub const fn waiting_room(&self) -> WaitingRoom {
        WaitingRoom(self.queue)
    }
}

fn start(queue: WDFQUEUE) -> ManualQueue<Running> {
    // SAFETY: a live queue, which is the device's child.
    unsafe { call_unsafe_wdf_function_binding!(WdfIoQueueStart, queue) };
    ManualQueue { queue, state: Running(()) }
}

fn stop_and_purge(
    queue: WDFQUEUE,
    done: &'static AtomicBool,
    _irql: AtMostDispatch<'_>,
) -> ManualQueue<StoppedAccepting> {
    done.store(false, Ordering::Release);
    // SAFETY: a live queue; the context is a static that EvtIoQueueState sets.
    unsafe {
        call_unsafe_wdf_function_binding!(
            WdfIoQueueStopAndPurge,
            queue,
            Some(evt_io_queue_state),
            core::ptr::from_ref(done).cast_mut().cast()
        );
    }
    ManualQueue { queue, state: StoppedAccepting(done) }
}

fn purge(queue: WDFQUEUE, _irql: AtMostDispatch<'_>) -> ManualQueue<Purged> {
    // SAFETY: a live queue; no callback is asked for.
    unsafe { call_unsafe_wdf_function_binding!(WdfIoQueuePurge, queue, None, null_mut()) };
    ManualQueue { queue, state: Purged(()) }
}

/// Drops the reference that FindRequest took.
fn dereference(found: WDFREQUEST) {
    if !found.is_null() {
        // SAFETY: referenced by FindRequest, dereferenced once.
        unsafe {
            call_unsafe_wdf_function_binding!(
                WdfObjectDereferenceActual,
                found.cast(),
                null_mut(),
                0,
                c"io_queue.rs".as_ptr()
            );
        }
    }
}

evt! {
    unsafe fn evt_io_device_control<D: ControlDevice>(
        queue: WDFQUEUE,
        request: WDFREQUEST,
        _output: usize,
        _input: usize,
        code: u32,
    ) {
        // SAFETY: called by the framework as EvtIoDeviceControl, at PASSIVE_LEVEL (the queue's execution level); the request
        // is the driver's, and the queue's device has a context of `D`.
        unsafe {
            let device = device_of::<D>(queue);
            device.device_control(Request::from_raw(request), code, Passive::assume());
        }
    }
}
evt! {
    unsafe fn evt_io_canceled_on_queue<D: ControlDevice>(queue: WDFQUEUE, request: WDFREQUEST) {
        // SAFETY: called by the framework as EvtIoCanceledOnQueue, at most at DISPATCH_LEVEL; the request is the driver's.
        unsafe {
            device_of::<D>(queue).wait_cancelled(AtMostDispatch::assume());
            Request::from_raw(request).fail(Status::new(wdk_sys::STATUS_CANCELLED));
        }
    }
}
evt! {
    unsafe fn evt_io_queue_state(_queue: WDFQUEUE, context: WDFCONTEXT) {
        // SAFETY: the context given to WdfIoQueueStopAndPurge, a static flag.
        unsafe { (*context.cast::<AtomicBool>()).store(true, Ordering::Release) };
    }
}

/// The context of a queue's device.
///
/// # Safety
/// The framework called a callback of `queue`, whose device was created with `D`.
unsafe fn device_of<D: PnpDevice>(queue: WDFQUEUE) -> &'static D {
    // SAFETY: a live queue, hence a live device with this context (caller); the context had its value before the device
    // could get a request.
    unsafe {
        let device = call_unsafe_wdf_function_binding!(WdfIoQueueGetDevice, queue);
        Ancestor::<D>::new(device.cast()).get()
    }
}
