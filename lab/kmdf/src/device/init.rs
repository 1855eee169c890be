//! From EvtDriverDeviceAdd to WDFDEVICE: PWDFDEVICE_INIT and WdfDeviceCreate.

use super::{AttachedClass, CallbackLock, Device, DeviceState, FIRST_POWER, PowerState, SelfManaged};
use crate::abi::STATUS_INVALID_DEVICE_STATE;
use crate::class::ClassExtension;
use crate::driver::DriverState;
use crate::io::{IoConfig, Package};
use crate::object::{Hooks, delete_object, new_object, payload, set_hooks};
use crate::registry::Registry;
use crate::resources::Resources;
use crate::verifier::{callback, invalid_handle};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use wdk_sys::_WDF_EXECUTION_LEVEL as level;
use wdk_sys::_WDF_SYNCHRONIZATION_SCOPE as scope;
use wdk_sys::_WDF_TRI_STATE::WdfUseDefault;
use wdk_sys::{
    NT_SUCCESS, NTSTATUS, PVOID, PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, STATUS_UNSUCCESSFUL, WDF_DEVICE_STATE,
    WDF_OBJECT_ATTRIBUTES, WDF_PNPPOWER_EVENT_CALLBACKS, WDFDEVICE, WDFDRIVER, WDFOBJECT,
};

type DeviceAdd = unsafe extern "win64" fn(WDFDRIVER, PWDFDEVICE_INIT) -> NTSTATUS;

/// First PWDFDEVICE_INIT; like handles they lie where no memory is.
const FIRST_INIT: usize = 0xFFFF_A600_0000_1000;
const INIT_STEP: usize = 16;
/// Bytes of a stand-in for a WDM DEVICE_OBJECT on x64.
const DEVICE_OBJECT_BYTES: usize = 0x150;

/// What the driver sets before it creates its device.
pub(crate) struct Init {
    pub(crate) driver: WDFDRIVER,
    pub(crate) globals: PWDF_DRIVER_GLOBALS,
    pub(crate) resources: Resources,
    pub(crate) registry: Registry,
    pub(crate) physical_device: PVOID,
    pub(crate) callbacks: Cell<Option<WDF_PNPPOWER_EVENT_CALLBACKS>>,
    pub(crate) power_policy_owner: Cell<bool>,
    pub(crate) characteristics: Cell<u32>,
    /// What is set about I/O.
    pub(crate) io: RefCell<IoConfig>,
    classes: RefCell<Vec<AttachedClass>>,
    created: Cell<WDFDEVICE>,
    /// WdfDeviceCreate took it, or EvtDriverDeviceAdd returned.
    pub(crate) used_up: Cell<bool>,
}

struct Inits(Vec<&'static Init>);

// SAFETY: used by the baton holder of lab_kernel::cpu only.
unsafe impl Send for Inits {}

static INITS: Mutex<Inits> = Mutex::new(Inits(Vec::new()));

fn inits<R>(f: impl FnOnce(&mut Inits) -> R) -> R {
    f(&mut INITS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The init behind a pointer of the driver; one that is used up or unknown is bugcheck 0x10D WDF_INVALID_HANDLE.
pub(crate) fn init_of(pointer: PWDFDEVICE_INIT) -> &'static Init {
    let index = (pointer as usize).checked_sub(FIRST_INIT).filter(|o| o % INIT_STEP == 0).map(|o| o / INIT_STEP);
    match index.and_then(|i| inits(|all| all.0.get(i).copied())) {
        Some(init) if !init.used_up.get() => init,
        Some(_) => invalid_handle(pointer as usize, "a PWDFDEVICE_INIT", "one that WdfDeviceCreate has used up"),
        None => invalid_handle(pointer as usize, "a PWDFDEVICE_INIT", "none"),
    }
}

/// Ties a device that is being created to a class extension (NetDeviceInitConfig): its hooks run for this device, and
/// `data` is found again with [`class_data`](super::class_data).
pub fn attach_class(init: PWDFDEVICE_INIT, class: &'static dyn ClassExtension, data: Box<dyn Any>) {
    init_of(init).classes.borrow_mut().push(AttachedClass { class, data });
}

/// A stand-in for a WDM DEVICE_OBJECT, which drivers only pass on.
fn new_device_object() -> PVOID {
    Box::leak(Box::new([0_u64; DEVICE_OBJECT_BYTES / 8])).as_mut_ptr().cast()
}

/// FxDriver::AddDevice.
pub(crate) fn add(
    driver: WDFDRIVER,
    device_add: DeviceAdd,
    resources: Resources,
    registry: Registry,
) -> Result<Device, NTSTATUS> {
    let init: &'static Init = Box::leak(Box::new(Init {
        driver,
        globals: crate::object::object(driver.cast()).globals,
        resources,
        registry,
        physical_device: new_device_object(),
        callbacks: Cell::new(None),
        power_policy_owner: Cell::new(true),
        characteristics: Cell::new(0),
        io: RefCell::default(),
        classes: RefCell::default(),
        created: Cell::new(std::ptr::null_mut()),
        used_up: Cell::new(false),
    }));
    let pointer = inits(|all| {
        all.0.push(init);
        FIRST_INIT + (all.0.len() - 1) * INIT_STEP
    });
    let status = callback!("EvtDriverDeviceAdd", device_add, driver, pointer as PWDFDEVICE_INIT);
    init.used_up.set(true);
    let device = init.created.get();
    if device.is_null() {
        return Err(if NT_SUCCESS(status) { STATUS_UNSUCCESSFUL } else { status });
    }
    if NT_SUCCESS(status) {
        Ok(Device::new(device))
    } else {
        super::state_of(device).state.set(PowerState::Removed);
        delete_object(device.cast());
        Err(status)
    }
}

/// WdfDeviceCreate after its checks.
pub(crate) fn create(init: &'static Init, attributes: Option<&WDF_OBJECT_ATTRIBUTES>) -> Result<WDFDEVICE, NTSTATUS> {
    if !init.created.get().is_null() {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    let (execution_level, scope) = constraints(payload::<DriverState>(init.driver.cast()), attributes);
    let state = DeviceState {
        handle: Cell::new(std::ptr::null_mut()),
        driver: init.driver,
        globals: init.globals,
        resources: init.resources.clone(),
        registry: init.registry.clone(),
        callbacks: init.callbacks.get().unwrap_or_default(),
        power_policy_owner: init.power_policy_owner.get(),
        execution_level,
        scope,
        callback_lock: callback_lock(scope, execution_level),
        lock: Default::default(),
        classes: init.classes.take(),
        state: Cell::new(PowerState::Added),
        power: Cell::new(FIRST_POWER),
        in_prepare_hardware: Cell::new(false),
        raw: Cell::new(std::ptr::null_mut()),
        translated: Cell::new(std::ptr::null_mut()),
        interrupts: RefCell::default(),
        enablers: RefCell::default(),
        self_managed: Cell::new(SelfManaged::Created),
        failed_action: Cell::new(None),
        last_failure: Cell::new(None),
        device_object: new_device_object(),
        physical_device: init.physical_device,
        device_state: Cell::new(unset_device_state()),
        characteristics: Cell::new(init.characteristics.get()),
        alignment: Cell::new(0),
        idle_references: Cell::new(0),
        properties: RefCell::new(BTreeMap::new()),
        io: Package::new(init.io.take()),
    };
    let made = new_object("WDFDEVICE", attributes, init.driver.cast(), init.globals, Box::new(state))?;
    set_hooks(made, Hooks { driver_may_not_delete: true, passive_dispose: true, ..Hooks::default() });
    let device = payload::<DeviceState>(made);
    device.handle.set(made.cast());
    init.created.set(made.cast());
    if let Err(status) = device.io.device_created(device) {
        init.created.set(std::ptr::null_mut());
        delete_object(made);
        return Err(status);
    }
    for attached in &device.classes {
        let status = attached.class.device_created(made.cast());
        if !NT_SUCCESS(status) {
            init.created.set(std::ptr::null_mut());
            delete_object(made);
            return Err(status);
        }
    }
    init.used_up.set(true);
    Ok(made.cast())
}

/// Execution level and synchronization scope, its own or the driver's (WDF FxDevice::ConfigureConstraints).
fn constraints(driver: &DriverState, attributes: Option<&WDF_OBJECT_ATTRIBUTES>) -> (i32, i32) {
    let own = |value: Option<i32>, inherited: i32| {
        value.filter(|&v| v != level::WdfExecutionLevelInheritFromParent).unwrap_or(inherited)
    };
    (
        own(attributes.map(|a| a.ExecutionLevel), driver.execution_level),
        own(attributes.map(|a| a.SynchronizationScope), driver.scope),
    )
}

/// The lock that serialises callbacks.
fn callback_lock(synchronization: i32, execution_level: i32) -> CallbackLock {
    match (synchronization, execution_level) {
        (scope::WdfSynchronizationScopeDevice, level::WdfExecutionLevelPassive) => CallbackLock::Mutex,
        (scope::WdfSynchronizationScopeDevice, _) => CallbackLock::Spin,
        _ => CallbackLock::None,
    }
}

fn unset_device_state() -> WDF_DEVICE_STATE {
    WDF_DEVICE_STATE {
        Size: size_of::<WDF_DEVICE_STATE>() as u32,
        Disabled: WdfUseDefault,
        DontDisplayInUI: WdfUseDefault,
        Failed: WdfUseDefault,
        NotDisableable: WdfUseDefault,
        Removed: WdfUseDefault,
        ResourcesChanged: WdfUseDefault,
        AssignedToGuest: WdfUseDefault,
    }
}

/// The device above an object: where timers, work items and DPCs find their lock (FxDeviceBase::_SearchForDevice).
pub(crate) fn device_above(object: WDFOBJECT) -> Option<&'static DeviceState> {
    crate::object::ancestor::<DeviceState>(object).map(|(_, state)| state)
}
