//! The WdfInterrupt entries (WDF fxinterruptapi.cpp).

use super::{Interrupt, all, device_handle, dispose, new_info, of};
use crate::abi::{STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_DEVICE_STATE};
use crate::args::{In, Out};
use crate::ddi::ddi;
use crate::device::{DeviceState, PowerState, state_of};
use crate::lock::{SpinLock, WaitLock};
use crate::object::attributes::{self, Allowed};
use crate::object::{Hooks, new_object, payload, set_hooks};
use crate::resources::{self, ResourceList};
use crate::serial;
use crate::verifier::{callback, null_pointer, size_is};
use lab_kernel::cpu::{self, Event};
use lab_kernel::rules;
use std::cell::Cell;
use wdk_sys::_WDF_TRI_STATE::WdfUseDefault;
use wdk_sys::{
    BOOLEAN, NTSTATUS, PVOID, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG, WDF_INTERRUPT_CONFIG,
    WDF_INTERRUPT_EXTENDED_POLICY, WDF_INTERRUPT_INFO, WDF_INTERRUPT_POLICY, WDF_INTERRUPT_PRIORITY,
    WDF_OBJECT_ATTRIBUTES, WDFDEVICE, WDFINTERRUPT,
};

rules! {
    INTERRUPT_CREATE_TIME: "Interrupts are created in EvtDriverDeviceAdd, or in EvtDevicePrepareHardware with their resources", "DDI wdfinterrupt WdfInterruptCreate; WDF fxinterruptapi.cpp";
    INTERRUPT_CONFIG: "A WDF_INTERRUPT_CONFIG has a service routine, at most one of DPC and work item, and the lock of its level", "WDF fxinterruptapi.cpp WdfInterruptCreate";
    INTERRUPT_DESCRIPTOR: "InterruptRaw and InterruptTranslated are the same interrupt of the lists of EvtDevicePrepareHardware", "DDI wdfinterrupt WDF_INTERRUPT_CONFIG; WDF fxpkgpnp.cpp ValidateInterruptResourceCm";
    INTERRUPT_PASSIVE: "The lock of a passive-level interrupt is used at PASSIVE_LEVEL", "DDI wdfinterrupt WdfInterruptAcquireLock";
}

type Synchronize = unsafe extern "win64" fn(WDFINTERRUPT, PVOID) -> BOOLEAN;

fn lock_level_ok(interrupt: &Interrupt) -> bool {
    let irql = cpu::irql();
    INTERRUPT_PASSIVE.check(!interrupt.passive() || irql == cpu::PASSIVE_LEVEL, || format!("IRQL {irql}"))
}

ddi! {
    fn WdfInterruptCreate(
        DISPATCH_LEVEL; device: WDFDEVICE, config: In<WDF_INTERRUPT_CONFIG>, attributes: In<WDF_OBJECT_ATTRIBUTES>,
        result: Out<WDFINTERRUPT>,
    ) -> NTSTATUS {
        result.require("Interrupt");
        match create(state_of(device), config, attributes) {
            Ok(handle) => {
                result.set(handle, "Interrupt");
                STATUS_SUCCESS
            }
            Err(status) => status,
        }
    }

    fn WdfInterruptQueueDpcForIsr(HIGH_LEVEL; handle: WDFINTERRUPT) -> BOOLEAN {
        of(handle).queue_dpc().into()
    }

    fn WdfInterruptQueueWorkItemForIsr(HIGH_LEVEL; handle: WDFINTERRUPT) -> BOOLEAN {
        of(handle).queue_work().into()
    }

    fn WdfInterruptSynchronize(DISPATCH_LEVEL; handle: WDFINTERRUPT, function: Option<Synchronize>, context: PVOID) -> BOOLEAN {
        let interrupt = of(handle);
        let Some(function) = function else { null_pointer("Callback") };
        if !lock_level_ok(interrupt) {
            return 0;
        }
        interrupt.synchronized(|| callback!("EvtInterruptSynchronize", function, handle, context))
    }

    fn WdfInterruptAcquireLock(HIGH_LEVEL; handle: WDFINTERRUPT) {
        let interrupt = of(handle);
        if lock_level_ok(interrupt) {
            interrupt.acquire_lock();
        }
    }

    fn WdfInterruptReleaseLock(HIGH_LEVEL; handle: WDFINTERRUPT) {
        let interrupt = of(handle);
        if lock_level_ok(interrupt) {
            interrupt.release_lock();
        }
    }

    fn WdfInterruptTryToAcquireLock(PASSIVE_LEVEL; handle: WDFINTERRUPT) -> BOOLEAN {
        let interrupt = of(handle);
        let passive = interrupt.passive();
        if !INTERRUPT_PASSIVE.check(passive, || "WdfInterruptTryToAcquireLock is for passive-level interrupts".into()) {
            return 0;
        }
        interrupt.passive_lock().acquire(handle.cast(), Some(std::time::Duration::ZERO)).into()
    }

    fn WdfInterruptEnable(PASSIVE_LEVEL; handle: WDFINTERRUPT) {
        let interrupt = of(handle);
        interrupt.force_disconnected.set(false);
        let _ = interrupt.connect();
    }

    fn WdfInterruptDisable(PASSIVE_LEVEL; handle: WDFINTERRUPT) {
        let interrupt = of(handle);
        interrupt.force_disconnected.set(true);
        let _ = interrupt.disconnect();
    }

    fn WdfInterruptGetInfo(DISPATCH_LEVEL; handle: WDFINTERRUPT, info: Out<WDF_INTERRUPT_INFO>) {
        let interrupt = of(handle);
        let size = info.get("Info").Size;
        if size_is("WDF_INTERRUPT_INFO", size, size_of::<WDF_INTERRUPT_INFO>()) {
            info.set(interrupt.info.get(), "Info");
        }
    }

    fn WdfInterruptGetDevice(HIGH_LEVEL; handle: WDFINTERRUPT) -> WDFDEVICE {
        device_handle(of(handle))
    }

    // One processor: policies choose nothing, and take effect only with the next resources anyway.
    fn WdfInterruptSetPolicy(DISPATCH_LEVEL; handle: WDFINTERRUPT, _policy: WDF_INTERRUPT_POLICY, _priority: WDF_INTERRUPT_PRIORITY, _processors: u64) {
        of(handle);
    }

    fn WdfInterruptSetExtendedPolicy(DISPATCH_LEVEL; handle: WDFINTERRUPT, policy: In<WDF_INTERRUPT_EXTENDED_POLICY>) {
        of(handle);
        let size = policy.size("PolicyAndGroup");
        size_is("WDF_INTERRUPT_EXTENDED_POLICY", size, size_of::<WDF_INTERRUPT_EXTENDED_POLICY>());
    }
}

fn create(
    device: &'static DeviceState,
    config: In<WDF_INTERRUPT_CONFIG>,
    attributes: In<WDF_OBJECT_ATTRIBUTES>,
) -> Result<WDFINTERRUPT, NTSTATUS> {
    if !size_is("WDF_INTERRUPT_CONFIG", config.size("Configuration"), size_of::<WDF_INTERRUPT_CONFIG>()) {
        return Err(STATUS_INFO_LENGTH_MISMATCH);
    }
    let config = config.get("Configuration");
    let automatic = config.AutomaticSerialization != 0;
    let passive = config.PassiveHandling != 0;
    // A parent (a queue) is allowed only for the serialization with it.
    let attributes = attributes::read(attributes, if automatic { Allowed::PARENT } else { Allowed::NONE })?;
    let whole = config.EvtInterruptIsr.is_some()
        && (config.EvtInterruptDpc.is_none() || config.EvtInterruptWorkItem.is_none())
        && (if passive { config.SpinLock.is_null() } else { config.WaitLock.is_null() && config.CanWakeDevice == 0 });
    if !INTERRUPT_CONFIG.check(whole, || format!("passive: {passive}")) {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let in_prepare = device.in_prepare_hardware.get();
    if !INTERRUPT_CREATE_TIME.check(in_prepare || device.state.get() == PowerState::Added, || "too late".into()) {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    let index = descriptor_index(device, &config, in_prepare)?;
    let passive_callbacks = config.EvtInterruptWorkItem.is_some() || (config.EvtInterruptDpc.is_none() && passive);
    let parent = attributes.map(|a| a.ParentObject).filter(|p| !p.is_null()).unwrap_or(device.handle().cast());
    // WDF InitializeWorker: the parent is the device or one of its queues.
    if parent != device.handle().cast() && crate::object::kind_of(parent) != Some("WDFQUEUE") {
        return Err(STATUS_INVALID_PARAMETER);
    }
    if !config.SpinLock.is_null() {
        payload::<SpinLock>(config.SpinLock.cast()).of_interrupt.set(true);
    }
    if !config.WaitLock.is_null() {
        payload::<WaitLock>(config.WaitLock.cast());
    }
    let number = all(device).len() as ULONG;
    let interrupt = Interrupt {
        handle: Cell::new(std::ptr::null_mut()),
        device,
        config,
        serial: serial::effective(parent, automatic, passive_callbacks)?,
        created_in_prepare: in_prepare,
        source: Cell::new(None),
        info: Cell::new(WDF_INTERRUPT_INFO { MessageNumber: number, ..new_info() }),
        connected: Cell::new(false),
        enabled: Cell::new(false),
        force_disconnected: Cell::new(false),
        own_lock: Default::default(),
        own_wait_lock: Default::default(),
        dpc_queued: Cell::new(false),
        work_queued: Cell::new(false),
        work_done: Event::new(true, true),
    };
    let made = new_object("WDFINTERRUPT", attributes.as_ref(), parent, device.globals, Box::new(interrupt))?;
    let hooks =
        Hooks { dispose: Some(dispose), driver_may_not_delete: true, passive_dispose: true, ..Hooks::default() };
    set_hooks(made, hooks);
    let interrupt = of(made.cast());
    interrupt.handle.set(made.cast());
    if let Some(index) = index {
        let list = payload::<ResourceList>(device.translated.get().cast());
        interrupt.assign(&list.descriptors()[index]);
    }
    device.interrupts.borrow_mut().push(made.cast());
    Ok(made.cast())
}

/// The resource named by the configuration: none in EvtDriverDeviceAdd, a pair of the lists later.
fn descriptor_index(
    device: &DeviceState,
    config: &WDF_INTERRUPT_CONFIG,
    in_prepare: bool,
) -> Result<Option<usize>, NTSTATUS> {
    let (raw, translated) = (config.InterruptRaw, config.InterruptTranslated);
    if !in_prepare {
        let none = raw.is_null() && translated.is_null();
        return if INTERRUPT_DESCRIPTOR.check(none, || "resources before EvtDevicePrepareHardware".into()) {
            Ok(None)
        } else {
            Err(STATUS_INVALID_PARAMETER)
        };
    }
    let share_default = config.ShareVector == WdfUseDefault;
    if raw.is_null() || translated.is_null() || !share_default {
        INTERRUPT_DESCRIPTOR.check(false, || format!("raw {raw:p}, translated {translated:p}"));
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    let in_raw = payload::<ResourceList>(device.raw.get().cast()).index_of(raw);
    let index = payload::<ResourceList>(device.translated.get().cast()).index_of(translated);
    let interrupt = resources::read(translated).is_some_and(|d| resources::source_of(&d).is_some());
    let pair = index.is_some() && in_raw == index && interrupt;
    if INTERRUPT_DESCRIPTOR.check(pair, || format!("raw index {in_raw:?}, translated index {index:?}")) {
        Ok(index)
    } else {
        Err(STATUS_INVALID_PARAMETER)
    }
}
