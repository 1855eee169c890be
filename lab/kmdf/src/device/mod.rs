//! Devices: their state, and the calls of the PnP manager on them.

pub(crate) mod api;
pub(crate) mod init;
pub(crate) mod init_api;
mod pnp;
mod power;
pub(crate) mod power_api;
pub(crate) mod property;
mod self_managed;

use crate::bus::Bus;
use crate::class::ClassExtension;
use crate::object::payload;
use crate::registry::Registry;
use crate::resources::Resources;
use self_managed::SelfManaged;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use wdk_sys::_WDF_POWER_DEVICE_STATE::WdfPowerDeviceD3Final;
use wdk_sys::{
    NTSTATUS, PVOID, PWDF_DRIVER_GLOBALS, WDF_DEVICE_FAILED_ACTION, WDF_DEVICE_STATE, WDF_PNPPOWER_EVENT_CALLBACKS,
    WDF_POWER_DEVICE_STATE, WDFCMRESLIST, WDFDEVICE, WDFDMAENABLER, WDFDRIVER, WDFINTERRUPT,
};

pub(crate) use init::add;
pub use init::attach_class;

/// PnP and power state of a device in one: what the PnP manager and class extensions see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerState {
    /// EvtDriverDeviceAdd made it; it was never started, or its start failed before EvtDevicePrepareHardware.
    Added,
    /// On the way to D0, from EvtDevicePrepareHardware or EvtDeviceD0Entry on.
    PoweringUp,
    /// Working.
    D0,
    /// On the way to a Dx state.
    PoweringDown,
    /// In D1, D2 or D3 (WDF_POWER_DEVICE_STATE).
    Dx(WDF_POWER_DEVICE_STATE),
    /// Stopped to be given other resources.
    Stopped,
    /// A start or a power transition failed; the hardware is released. Only removal is left.
    Failed,
    /// Its hardware is gone; only removal is left.
    SurpriseRemoved,
    /// Deleted.
    Removed,
}

/// A callback or hook that failed, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Name of the callback, "EvtDeviceD0Entry".
    pub step: &'static str,
    /// Its status.
    pub status: NTSTATUS,
}

pub(crate) struct AttachedClass {
    pub(crate) class: &'static dyn ClassExtension,
    data: Box<dyn Any>,
}

/// How the callbacks of a device's objects are serialised (WDF FxCallbackLock).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallbackLock {
    /// They are not.
    None,
    /// At DISPATCH_LEVEL; on one processor raising the IRQL is enough.
    Spin,
    /// At PASSIVE_LEVEL.
    Mutex,
}

/// Payload of WDFDEVICE.
pub(crate) struct DeviceState {
    handle: Cell<WDFDEVICE>,
    pub(crate) driver: WDFDRIVER,
    pub(crate) globals: PWDF_DRIVER_GLOBALS,
    pub(crate) resources: Resources,
    registry: Registry,
    pub(crate) callbacks: WDF_PNPPOWER_EVENT_CALLBACKS,
    pub(crate) power_policy_owner: bool,
    /// WDF_EXECUTION_LEVEL and WDF_SYNCHRONIZATION_SCOPE that queues inherit.
    pub(crate) execution_level: i32,
    pub(crate) scope: i32,
    pub(crate) callback_lock: CallbackLock,
    pub(crate) lock: crate::lock::ObjectLock,
    classes: Vec<AttachedClass>,
    pub(crate) state: Cell<PowerState>,
    /// The framework's m_DevicePowerState: the state that EvtDeviceD0Entry is told.
    power: Cell<WDF_POWER_DEVICE_STATE>,
    pub(crate) in_prepare_hardware: Cell<bool>,
    pub(crate) raw: Cell<WDFCMRESLIST>,
    pub(crate) translated: Cell<WDFCMRESLIST>,
    pub(crate) interrupts: RefCell<Vec<WDFINTERRUPT>>,
    pub(crate) enablers: RefCell<Vec<WDFDMAENABLER>>,
    self_managed: Cell<SelfManaged>,
    failed_action: Cell<Option<WDF_DEVICE_FAILED_ACTION>>,
    last_failure: Cell<Option<Failure>>,
    /// Stand-ins for the WDM device objects: the function device and the physical device below.
    pub(crate) device_object: PVOID,
    pub(crate) physical_device: PVOID,
    pub(crate) device_state: Cell<WDF_DEVICE_STATE>,
    pub(crate) characteristics: Cell<u32>,
    pub(crate) alignment: Cell<u32>,
    pub(crate) idle_references: Cell<u32>,
    /// What WdfDeviceAssignProperty set.
    pub(crate) properties: RefCell<BTreeMap<property::Key, property::Value>>,
    /// Queues, open files and interfaces.
    pub(crate) io: crate::io::Package,
}

impl DeviceState {
    pub(crate) fn handle(&self) -> WDFDEVICE {
        self.handle.get()
    }

    /// Callbacks under the device's lock run at PASSIVE_LEVEL.
    pub(crate) fn lock_is_passive(&self) -> bool {
        self.callback_lock == CallbackLock::Mutex
    }

    /// Records a failed step.
    pub(crate) fn note_failure(&self, step: &'static str, status: NTSTATUS) {
        self.last_failure.set(Some(Failure { step, status }));
    }

    /// Records a failed step and returns its status.
    fn fail(&self, step: &'static str, status: NTSTATUS) -> NTSTATUS {
        self.note_failure(step, status);
        status
    }
}

/// The state behind a device handle.
pub(crate) fn state_of(device: WDFDEVICE) -> &'static DeviceState {
    payload(device.cast())
}

/// The data given to [`attach_class`]; `None` if this class is not attached to the device.
pub fn class_data<T: 'static>(device: WDFDEVICE, class: &str) -> Option<&'static T> {
    state_of(device).classes.iter().find(|c| c.class.name() == class)?.data.downcast_ref()
}

/// The bus below the device: configuration space and DMA mappings.
pub fn bus_of(device: WDFDEVICE) -> Arc<dyn Bus> {
    state_of(device).resources.bus.clone()
}

/// The device's software key, which NetConfiguration methods read.
pub fn registry_of(device: WDFDEVICE) -> Registry {
    state_of(device).registry.clone()
}

/// Where the device is.
pub fn power_state(device: WDFDEVICE) -> PowerState {
    state_of(device).state.get()
}

/// A device as the PnP manager sees it: one call per IRP or power transition, at PASSIVE_LEVEL.
pub struct Device {
    handle: WDFDEVICE,
    state: &'static DeviceState,
}

// SAFETY: the state behind a device is used by the baton holder of lab_kernel::cpu only.
unsafe impl Send for Device {}
// SAFETY: as above.
unsafe impl Sync for Device {}

impl Device {
    fn new(handle: WDFDEVICE) -> Device {
        Device { handle, state: state_of(handle) }
    }

    pub(crate) fn state(&self) -> &'static DeviceState {
        self.state
    }

    /// The driver's handle.
    pub fn handle(&self) -> WDFDEVICE {
        self.handle
    }

    /// Where it is.
    pub fn power_state(&self) -> PowerState {
        self.state.state.get()
    }

    /// What WdfDeviceSetFailed asked for.
    pub fn failed_action(&self) -> Option<WDF_DEVICE_FAILED_ACTION> {
        self.state.failed_action.get()
    }

    /// The callback that failed last: a failed start or power transition reports only STATUS_DEVICE_POWER_FAILURE.
    pub fn last_failure(&self) -> Option<Failure> {
        self.state.last_failure.get()
    }

    /// IRP_MN_START_DEVICE: EvtDevicePrepareHardware, EvtDeviceD0Entry, interrupts, the rest of the way to D0. Also
    /// restarts a stopped device.
    ///
    /// # Errors
    /// The status of the IRP; everything is unwound as the framework does, and the device is [`PowerState::Failed`] or,
    /// when EvtDevicePrepareHardware was not called, [`PowerState::Added`].
    pub fn start(&self) -> Result<(), NTSTATUS> {
        pnp::start(self.state)
    }

    /// D0 to WdfPowerDeviceD1, D2, D3 or PrepareForHibernation.
    ///
    /// # Errors
    /// A callback's failure; the device is [`PowerState::Failed`] then.
    pub fn to_dx(&self, target: WDF_POWER_DEVICE_STATE) -> Result<(), NTSTATUS> {
        pnp::to_dx(self.state, target)
    }

    /// Dx to D0.
    ///
    /// # Errors
    /// A callback's failure; the device is [`PowerState::Failed`] then.
    pub fn to_d0(&self) -> Result<(), NTSTATUS> {
        pnp::to_d0(self.state)
    }

    /// IRP_MN_STOP_DEVICE after a query: power down and EvtDeviceReleaseHardware. The device can be started again.
    ///
    /// # Errors
    /// EvtDeviceQueryStop's veto (nothing happened), or a failure on the way down.
    pub fn stop(&self) -> Result<(), NTSTATUS> {
        pnp::stop(self.state)
    }

    /// IRP_MN_QUERY_REMOVE_DEVICE.
    ///
    /// # Errors
    /// EvtDeviceQueryRemove's veto.
    pub fn query_remove(&self) -> Result<(), NTSTATUS> {
        pnp::query_remove(self.state)
    }

    /// IRP_MN_SURPRISE_REMOVAL: EvtDeviceSurpriseRemoval, power down, EvtDeviceReleaseHardware. [`Device::remove`]
    /// follows.
    pub fn surprise_remove(&self) {
        pnp::surprise_remove(self.state);
    }

    /// IRP_MN_REMOVE_DEVICE: power down if needed, release, and the device object and its children are deleted. A device
    /// with open files is unplugged instead: it is surprise-removed, and removed when the last file is closed.
    pub fn remove(self) {
        pnp::remove(self.state);
    }
}

/// What the first EvtDeviceD0Entry of a device is told.
const FIRST_POWER: WDF_POWER_DEVICE_STATE = WdfPowerDeviceD3Final;
