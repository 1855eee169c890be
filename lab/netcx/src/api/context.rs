//! Execution contexts that a client makes for its queues, and their tasks.
//!
//! Source: NetAdapterCx 21H2 `netcx/adapter/nxexecutioncontextapi.cpp`, `nxexecutioncontext.cpp`.

use super::adapter::require_no_parent;
use super::capabilities::read_sized;
use super::{enter, enter_passive, list};
use crate::client;
use crate::contract;
use crate::ec::{ExecutionContext, Notification, Poll, PollKind};
use lab_kernel::cpu::{self, Event};
use lab_kmdf::Hooks;
use netadaptercx_sys::*;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use wdk_sys::{NTSTATUS, STATUS_SUCCESS, WDF_OBJECT_ATTRIBUTES, WDFDEVICE, WDFOBJECT};

list! {
    NetExecutionContextCreate, NetExecutionContextTaskCreate, NetExecutionContextNotify,
    NetExecutionContextTaskEnqueue, NetExecutionContextTaskWaitCompletion,
}

/// Behind a NETEXECUTIONCONTEXT; the context itself is gone once the object is destroyed.
struct ContextPayload(Mutex<Option<Arc<ExecutionContext>>>);

/// Behind a NETEXECUTIONCONTEXTTASK.
struct TaskPayload {
    context: Arc<ExecutionContext>,
    f: PFN_NET_EXECUTION_CONTEXT_TASK,
    queued: Arc<AtomicBool>,
    done: Event,
}

/// EvtPreAdvance or EvtPostAdvance.
struct ClientPoll {
    f: PFN_NET_EXECUTION_CONTEXT_PRE_ADVANCE,
    handle: usize,
}

impl Poll for ClientPoll {
    fn poll(&self, _irql: u8) -> u64 {
        u64::from(client::context_advance(self.f, self.handle))
    }
}

struct ClientNotification {
    f: PFN_NET_EXECUTION_CONTEXT_SET_NOTIFICATION_ENABLED,
    handle: usize,
}

impl Notification for ClientNotification {
    fn set_enabled(&self, enabled: bool) {
        client::context_notification(self.f, self.handle, enabled);
    }
}

/// The context behind a handle; null is none.
pub fn context_of(handle: NETEXECUTIONCONTEXT) -> Option<Arc<ExecutionContext>> {
    if handle.is_null() {
        return None;
    }
    let payload = lab_kmdf::payload::<ContextPayload>(handle.cast());
    Some(payload.0.lock().unwrap().clone().expect("a live object has its context"))
}

unsafe extern "win64" fn NetExecutionContextCreate(
    globals: PNET_DRIVER_GLOBALS,
    device: WDFDEVICE,
    config: *const NET_EXECUTION_CONTEXT_CONFIG,
    attributes: *mut WDF_OBJECT_ATTRIBUTES,
    out: *mut NETEXECUTIONCONTEXT,
) -> NTSTATUS {
    let entry = "NetExecutionContextCreate";
    enter_passive(entry, globals);
    let config = read_sized!(entry, config.cast_mut());
    contract::EXECUTION_CONTEXT_CONFIG.require(config.EvtSetNotificationEnabled.is_some(), 0, 0, || {
        format!("{entry}: EvtSetNotificationEnabled is missing")
    });
    // SAFETY: the client vouches for its attributes.
    unsafe { require_no_parent(entry, attributes) };
    contract::not_null(entry, out.cast_const());
    // SAFETY: not null; the client vouches that it is writable.
    unsafe { out.write(null_mut()) };
    if let Some(status) = lab_kmdf::take_failure(entry) {
        return status;
    }
    let context = ExecutionContext::new("client execution context".to_owned());
    let payload = ContextPayload(Mutex::new(Some(context.clone())));
    let payload = Box::new(payload);
    // SAFETY: the client vouches for its attributes.
    let made = unsafe { lab_kmdf::create_object("NETEXECUTIONCONTEXT", attributes, device as WDFOBJECT, payload) };
    let handle = match made {
        Ok(handle) => handle,
        Err(status) => {
            context.destroy();
            return status;
        }
    };
    lab_kmdf::set_hooks(handle, Hooks { destroy: Some(destroyed), ..Hooks::default() });
    let number = handle as usize;
    if config.EvtPreAdvance.is_some() {
        let poll = ClientPoll { f: config.EvtPreAdvance, handle: number };
        context.register_poll(PollKind::PreAdvance, Arc::new(poll));
    }
    if config.EvtPostAdvance.is_some() {
        let poll = ClientPoll { f: config.EvtPostAdvance, handle: number };
        context.register_poll(PollKind::PostAdvance, Arc::new(poll));
    }
    let notification = ClientNotification { f: config.EvtSetNotificationEnabled, handle: number };
    context.register_notification(Arc::new(notification));
    // SAFETY: as above.
    unsafe { out.write(handle.cast()) };
    STATUS_SUCCESS
}

/// Hook: the object is gone.
fn destroyed(handle: WDFOBJECT) {
    let context = lab_kmdf::payload_opt::<ContextPayload>(handle).and_then(|p| p.0.lock().unwrap().take());
    if let Some(context) = context {
        context.destroy();
    }
}

unsafe extern "win64" fn NetExecutionContextNotify(globals: PNET_DRIVER_GLOBALS, handle: NETEXECUTIONCONTEXT) {
    let entry = "NetExecutionContextNotify";
    enter(entry, globals);
    contract::not_null(entry, handle.cast_const());
    if let Some(context) = context_of(handle) {
        context.notify();
    }
}

unsafe extern "win64" fn NetExecutionContextTaskCreate(
    globals: PNET_DRIVER_GLOBALS,
    context: NETEXECUTIONCONTEXT,
    attributes: *mut WDF_OBJECT_ATTRIBUTES,
    config: *mut NET_EXECUTION_CONTEXT_TASK_CONFIG,
    out: *mut NETEXECUTIONCONTEXTTASK,
) -> NTSTATUS {
    let entry = "NetExecutionContextTaskCreate";
    enter_passive(entry, globals);
    let config = read_sized!(entry, config);
    contract::NOT_NULL.require(config.EvtTask.is_some(), 0, 0, || format!("{entry}: EvtTask is missing"));
    // SAFETY: the client vouches for its attributes.
    unsafe { require_no_parent(entry, attributes) };
    contract::not_null(entry, context.cast_const());
    contract::not_null(entry, out.cast_const());
    // SAFETY: not null; the client vouches that it is writable.
    unsafe { out.write(null_mut()) };
    if let Some(status) = lab_kmdf::take_failure(entry) {
        return status;
    }
    let payload = TaskPayload {
        context: context_of(context).expect("not null"),
        f: config.EvtTask,
        queued: Arc::default(),
        done: Event::new(true, true),
    };
    let payload = Box::new(payload);
    // SAFETY: the client vouches for its attributes.
    match unsafe { lab_kmdf::create_object("NETEXECUTIONCONTEXTTASK", attributes, context as WDFOBJECT, payload) } {
        Ok(handle) => {
            // SAFETY: as above.
            unsafe { out.write(handle.cast()) };
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

unsafe extern "win64" fn NetExecutionContextTaskEnqueue(globals: PNET_DRIVER_GLOBALS, handle: NETEXECUTIONCONTEXTTASK) {
    let entry = "NetExecutionContextTaskEnqueue";
    enter(entry, globals);
    contract::at_most_dispatch(entry);
    let task = lab_kmdf::payload::<TaskPayload>(handle.cast());
    let was_queued = task.queued.swap(true, Ordering::Relaxed);
    contract::TASK_NOT_QUEUED.require(!was_queued, handle as u64, 0, || format!("{entry} of a queued task"));
    task.done.reset();
    let (f, number, queued, done) = (task.f, handle as usize, task.queued.clone(), task.done.clone());
    task.context.queue_task(Box::new(move || {
        queued.store(false, Ordering::Relaxed);
        client::context_task(f, number);
        done.set();
    }));
}

unsafe extern "win64" fn NetExecutionContextTaskWaitCompletion(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETEXECUTIONCONTEXTTASK,
) {
    enter_passive("NetExecutionContextTaskWaitCompletion", globals);
    cpu::wait(&lab_kmdf::payload::<TaskPayload>(handle.cast()).done, None);
}
