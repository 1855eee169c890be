//! WdfIoQueueCreate: what a configuration must be (WDF fxioqueueapi.cpp, FxIoQueue::Initialize, FxPkgIo::CreateQueue).

use super::core::{Callbacks, Core, Kind};
use super::engine::{self, Host};
use super::{Queue, Scope, queue_of};
use crate::abi::STATUS_WDF_NO_CALLBACK;
use crate::device::DeviceState;
use crate::device::init::device_above;
use crate::lock::ObjectLock;
use crate::object::{Hooks, new_object, payload, set_hooks};
use lab_kernel::cpu::Event;
use std::cell::{Cell, RefCell};
use wdk_sys::_WDF_EXECUTION_LEVEL as level;
use wdk_sys::_WDF_IO_QUEUE_DISPATCH_TYPE as dispatch;
use wdk_sys::_WDF_SYNCHRONIZATION_SCOPE as scope;
use wdk_sys::_WDF_TRI_STATE as tri;
use wdk_sys::{
    NTSTATUS, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER, WDF_IO_QUEUE_CONFIG, WDF_OBJECT_ATTRIBUTES,
    WDFOBJECT,
};

/// A queue to be made.
pub(crate) struct Plan {
    pub(crate) config: WDF_IO_QUEUE_CONFIG,
    pub(crate) attributes: Option<WDF_OBJECT_ATTRIBUTES>,
    /// The driver may not delete it.
    pub(crate) kept: bool,
}

/// Makes a queue of the device.
///
/// # Errors
/// The status the framework returns for a configuration it refuses.
pub(crate) fn create(device: &'static DeviceState, plan: Plan) -> Result<&'static Queue, NTSTATUS> {
    let Plan { config, attributes, kept } = plan;
    if let Some(parent) = attributes.as_ref().map(|a| a.ParentObject).filter(|p| !p.is_null())
        && !device_above(parent).is_some_and(|above| std::ptr::eq(above, device))
    {
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    }
    let (passive, scope) = constraints(device, attributes.as_ref())?;
    let kind = kind(&config)?;
    let managed = config.PowerManaged != tri::WdfFalse;
    let callbacks = Callbacks {
        canceled_on_queue: config.EvtIoCanceledOnQueue.is_some(),
        stop: config.EvtIoStop.is_some(),
        resume: config.EvtIoResume.is_some(),
    };
    let queue = Queue {
        handle: Cell::new(std::ptr::null_mut()),
        device,
        config,
        state: RefCell::new(Core::new(kind, callbacks, managed, device.io.power_on.get())),
        passive,
        scope,
        lock: ObjectLock::default(),
        power_idle: Event::new(true, false),
        disposed: Event::new(true, false),
    };
    let made = new_object("WDFQUEUE", attributes.as_ref(), device.handle().cast(), device.globals, Box::new(queue))?;
    let hooks =
        Hooks { dispose: Some(dispose), passive_dispose: true, driver_may_not_delete: kept, ..Hooks::default() };
    set_hooks(made, hooks);
    let queue = payload::<Queue>(made);
    queue.handle.set(made.cast());
    device.io.add(queue);
    Ok(queue)
}

/// FxIoQueue::Dispose: purges, and waits until neither the queue nor the driver has a request.
fn dispose(handle: WDFOBJECT) {
    let queue = queue_of(handle.cast());
    queue.device.io.remove(queue);
    if engine::dispose(queue) {
        queue.wait("the queue to be deleted, WDFQUEUE", &queue.disposed);
    }
}

fn kind(config: &WDF_IO_QUEUE_CONFIG) -> Result<Kind, NTSTATUS> {
    let any = config.EvtIoDefault.is_some()
        || config.EvtIoRead.is_some()
        || config.EvtIoWrite.is_some()
        || config.EvtIoDeviceControl.is_some()
        || config.EvtIoInternalDeviceControl.is_some();
    // SAFETY: the union has one member.
    let presented = unsafe { config.Settings.Parallel.NumberOfPresentedRequests };
    let kind = match config.DispatchType {
        dispatch::WdfIoQueueDispatchParallel => Kind::Parallel(presented),
        dispatch::WdfIoQueueDispatchSequential => Kind::Sequential,
        dispatch::WdfIoQueueDispatchManual => Kind::Manual,
        _ => return Err(STATUS_INVALID_PARAMETER),
    };
    match kind {
        Kind::Manual if any => Err(STATUS_INVALID_PARAMETER),
        Kind::Sequential | Kind::Parallel(_) if !any => Err(STATUS_WDF_NO_CALLBACK),
        Kind::Manual | Kind::Sequential if presented != 0 => Err(STATUS_INVALID_PARAMETER),
        kind => Ok(kind),
    }
}

/// Execution level and synchronization scope, its own or the device's (FxIoQueue::ConfigureConstraints).
fn constraints(device: &DeviceState, attributes: Option<&WDF_OBJECT_ATTRIBUTES>) -> Result<(bool, Scope), NTSTATUS> {
    let own = |value: Option<i32>, inherited: i32| {
        value.filter(|&v| v != level::WdfExecutionLevelInheritFromParent).unwrap_or(inherited)
    };
    let execution_level = own(attributes.map(|a| a.ExecutionLevel), device.execution_level);
    let synchronization = own(attributes.map(|a| a.SynchronizationScope), device.scope);
    let scope = match synchronization {
        scope::WdfSynchronizationScopeDevice if execution_level != device.execution_level => {
            return Err(STATUS_INVALID_PARAMETER);
        }
        scope::WdfSynchronizationScopeDevice => Scope::Device,
        scope::WdfSynchronizationScopeQueue => Scope::Queue,
        _ => Scope::None,
    };
    Ok((execution_level == level::WdfExecutionLevelPassive, scope))
}

impl Queue {
    /// True if the device powers the queue down and up.
    pub(crate) fn is_power_managed(&self) -> bool {
        self.with(|c| c.is_power_managed())
    }
}
