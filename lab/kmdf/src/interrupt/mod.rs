//! Interrupts: resources, connection, service routines and what they defer.
//!
//! After WDF interruptobject.cpp and interruptobjectkm.cpp: the message number a service routine gets is the number of
//! the object, counted in the order of creation; objects made in EvtDriverDeviceAdd are given the interrupt resources
//! in that order, those made in EvtDevicePrepareHardware name theirs.

pub(crate) mod api;

use crate::device::DeviceState;
use crate::lock::{PassiveLock, RaisedLock, SpinLock, WaitLock};
use crate::object::{delete_object, payload, payload_opt};
use crate::resources::{ResourceList, Source, level_and_affinity, source_of};
use crate::serial::Serial;
use crate::verifier::callback;
use crate::worker;
use lab_kernel::cpu::{self, Event};
use lab_kernel::rules;
use std::cell::Cell;
use wdk_sys::{
    BOOLEAN, CM_PARTIAL_RESOURCE_DESCRIPTOR, CM_RESOURCE_INTERRUPT_LATCHED, CM_RESOURCE_INTERRUPT_MESSAGE, NT_SUCCESS,
    NTSTATUS, STATUS_SUCCESS, WDF_INTERRUPT_CONFIG, WDF_INTERRUPT_INFO, WDFDEVICE, WDFINTERRUPT, WDFOBJECT,
    WDFSPINLOCK, WDFWAITLOCK,
};

rules! {
    INTERRUPT_LOCK_CONNECTED: "An interrupt's lock is used while the interrupt is connected", "WDF interruptobject.cpp AcquireLock: \"Can't synchronize when WDFINTERRUPT isn't connected\"";
    INTERRUPT_DEFERRED: "Deferred work is queued only for interrupts with EvtInterruptDpc or EvtInterruptWorkItem", "DDI wdfinterrupt WdfInterruptQueueDpcForIsr";
}

/// `KINTERRUPT_MODE`: level or latched.
const LEVEL_SENSITIVE: i32 = 0;
const LATCHED: i32 = 1;

/// Payload of WDFINTERRUPT.
pub(crate) struct Interrupt {
    handle: Cell<WDFINTERRUPT>,
    device: &'static DeviceState,
    config: WDF_INTERRUPT_CONFIG,
    serial: Serial,
    created_in_prepare: bool,
    source: Cell<Option<Source>>,
    info: Cell<WDF_INTERRUPT_INFO>,
    connected: Cell<bool>,
    enabled: Cell<bool>,
    force_disconnected: Cell<bool>,
    own_lock: RaisedLock,
    own_wait_lock: PassiveLock,
    dpc_queued: Cell<bool>,
    work_queued: Cell<bool>,
    /// Set while no work item and no passive-level service routine is queued or runs.
    work_done: Event,
}

impl Interrupt {
    fn passive(&self) -> bool {
        self.config.PassiveHandling != 0
    }

    fn raised_lock(&self) -> &RaisedLock {
        let spin_lock: WDFSPINLOCK = self.config.SpinLock;
        if spin_lock.is_null() { &self.own_lock } else { &payload::<SpinLock>(spin_lock.cast()).lock }
    }

    fn passive_lock(&self) -> &PassiveLock {
        let wait_lock: WDFWAITLOCK = self.config.WaitLock;
        if wait_lock.is_null() { &self.own_wait_lock } else { &payload::<WaitLock>(wait_lock.cast()).lock }
    }

    fn object(&self) -> WDFOBJECT {
        self.handle.get().cast()
    }

    /// WdfInterruptAcquireLock.
    fn acquire_lock(&self) {
        if self.passive() {
            self.passive_lock().acquire(self.object(), None);
        } else if INTERRUPT_LOCK_CONNECTED.check(self.connected.get(), || format!("acquire of {:p}", self.object())) {
            self.raised_lock().acquire(self.object(), self.info.get().Irql);
        }
    }

    /// WdfInterruptReleaseLock.
    fn release_lock(&self) {
        if self.passive() {
            self.passive_lock().release(self.object());
        } else if INTERRUPT_LOCK_CONNECTED.check(self.connected.get(), || format!("release of {:p}", self.object())) {
            self.raised_lock().release(self.object());
        }
    }

    /// Runs a callback with the interrupt's lock held, at DIRQL or PASSIVE_LEVEL.
    fn synchronized<R>(&self, callback: impl FnOnce() -> R) -> R {
        self.acquire_lock();
        let result = callback();
        self.release_lock();
        result
    }

    /// FxInterrupt::AssignResources.
    fn assign(&self, translated: &CM_PARTIAL_RESOURCE_DESCRIPTOR) {
        let (level, vector, affinity) = level_and_affinity(translated);
        let latched = u32::from(translated.Flags) & CM_RESOURCE_INTERRUPT_LATCHED != 0;
        self.source.set(source_of(translated));
        self.info.update(|mut info| {
            info.Vector = vector;
            info.Irql = if self.passive() { cpu::PASSIVE_LEVEL } else { level as u8 };
            info.Mode = if latched { LATCHED } else { LEVEL_SENSITIVE };
            info.MessageSignaled = BOOLEAN::from(u32::from(translated.Flags) & CM_RESOURCE_INTERRUPT_MESSAGE != 0);
            info.ShareDisposition = translated.ShareDisposition;
            info.TargetProcessorSet = affinity;
            info
        });
    }

    /// FxInterrupt::Reset: no resources any more.
    fn reset(&self) {
        self.source.set(None);
        self.info.update(|info| WDF_INTERRUPT_INFO { MessageNumber: info.MessageNumber, ..new_info() });
    }

    /// FxInterrupt::Connect: the service routine is connected, then EvtInterruptEnable.
    fn connect(&'static self) -> Result<(), NTSTATUS> {
        let Some(source) = self.source.get() else { return Ok(()) };
        if self.force_disconnected.get() {
            return Ok(());
        }
        let number = source_number(source);
        if self.passive() {
            // A passive-level interrupt is masked until its service routine has run on a thread.
            let isr = move || {
                cpu::set_interrupt_enabled(number, false);
                self.work_done.reset();
                worker::run(move || {
                    self.service_passive();
                    self.work_done.set();
                    cpu::set_interrupt_enabled(number, true);
                });
                true
            };
            cpu::connect_interrupt(number, PASSIVE_STUB_IRQL, Box::new(isr));
        } else {
            cpu::connect_interrupt(number, self.info.get().Irql, Box::new(move || self.service()));
        }
        self.connected.set(true);
        if let Some(enable) = self.config.EvtInterruptEnable {
            let status =
                self.synchronized(|| callback!("EvtInterruptEnable", enable, self.handle.get(), self.device.handle()));
            if !NT_SUCCESS(status) {
                return Err(status);
            }
        }
        self.enabled.set(true);
        Ok(())
    }

    /// FxInterrupt::Disconnect: EvtInterruptDisable, deferred work done, then the service routine is gone.
    fn disconnect(&self) -> Result<(), NTSTATUS> {
        let Some(source) = self.source.get().filter(|_| self.connected.get()) else { return Ok(()) };
        let mut status = STATUS_SUCCESS;
        if self.enabled.replace(false)
            && let Some(disable) = self.config.EvtInterruptDisable
        {
            let (handle, device) = (self.handle.get(), self.device.handle());
            status = self.synchronized(|| callback!("EvtInterruptDisable", disable, handle, device));
        }
        cpu::flush_dpcs();
        cpu::wait_for("the work of an interrupt", &self.work_done, None);
        cpu::disconnect_interrupt(source_number(source));
        self.connected.set(false);
        if NT_SUCCESS(status) { Ok(()) } else { Err(status) }
    }

    /// The service routine, at DIRQL with the lock held.
    fn service(&self) -> bool {
        let Some(isr) = self.config.EvtInterruptIsr else { return false };
        let lock = self.raised_lock();
        lock.acquire(self.object(), self.info.get().Irql);
        let claimed = callback!("EvtInterruptIsr", isr, self.handle.get(), self.info.get().MessageNumber) != 0;
        lock.release(self.object());
        claimed
    }

    fn service_passive(&self) {
        let Some(isr) = self.config.EvtInterruptIsr else { return };
        let message = self.info.get().MessageNumber;
        self.synchronized(|| callback!("EvtInterruptIsr", isr, self.handle.get(), message));
    }

    /// WdfInterruptQueueDpcForIsr; false if it was queued already.
    fn queue_dpc(&'static self) -> bool {
        if self.config.EvtInterruptDpc.is_none() {
            return self.queue_work();
        }
        if self.dpc_queued.replace(true) {
            return false;
        }
        cpu::queue_dpc(move || {
            self.dpc_queued.set(false);
            if let Some(dpc) = self.config.EvtInterruptDpc {
                let device = self.device.handle().cast();
                self.serial.run(|| callback!("EvtInterruptDpc", dpc, self.handle.get(), device));
            }
        });
        true
    }

    /// WdfInterruptQueueWorkItemForIsr; false if it was queued already.
    fn queue_work(&'static self) -> bool {
        let function = self.config.EvtInterruptWorkItem;
        if !INTERRUPT_DEFERRED.check(function.is_some(), || format!("interrupt {:p}", self.object())) {
            return false;
        }
        if self.work_queued.replace(true) {
            return false;
        }
        self.work_done.reset();
        worker::run(move || {
            self.work_queued.set(false);
            if let Some(function) = function {
                let device = self.device.handle().cast();
                self.serial.run(|| callback!("EvtInterruptWorkItem", function, self.handle.get(), device));
            }
            if !self.work_queued.get() {
                self.work_done.set();
            }
        });
        true
    }
}

/// IRQL of the stub that hands a passive-level interrupt to a thread.
const PASSIVE_STUB_IRQL: u8 = 3;

fn source_number(source: Source) -> u32 {
    match source {
        Source::Message(number) => number,
        Source::Line => cpu::LINE,
    }
}

fn new_info() -> WDF_INTERRUPT_INFO {
    WDF_INTERRUPT_INFO { Size: size_of::<WDF_INTERRUPT_INFO>() as u32, ..Default::default() }
}

fn of(handle: WDFINTERRUPT) -> &'static Interrupt {
    payload(handle.cast())
}

/// The interrupts of a device in the order of creation.
fn all(device: &DeviceState) -> Vec<&'static Interrupt> {
    device.interrupts.borrow().iter().filter_map(|&h| payload_opt(h.cast())).collect()
}

/// FxPkgPnp::PnpMatchResources: objects that exist are given the interrupt resources in order.
pub(crate) fn match_resources(device: &DeviceState) {
    let interrupts = all(device);
    interrupts.iter().for_each(|i| i.reset());
    let list = payload::<ResourceList>(device.translated.get().cast());
    let granted = list.descriptors().iter().filter(|d| source_of(d).is_some());
    for (interrupt, descriptor) in interrupts.iter().zip(granted) {
        interrupt.assign(descriptor);
    }
}

fn uses_messages(interrupts: &[&Interrupt]) -> bool {
    interrupts.iter().any(|i| matches!(i.source.get(), Some(Source::Message(_))))
}

/// Connects and enables in the order of creation (NotifyResourceObjectsD0). MSI-X is programmed first, as the bus
/// driver does when a message is connected.
pub(crate) fn connect_all(device: &DeviceState) -> Result<(), NTSTATUS> {
    let interrupts = all(device);
    if uses_messages(&interrupts) {
        device.resources.bus.enable_messages(device.resources.messages);
    }
    for interrupt in interrupts {
        interrupt.connect().inspect_err(|&status| device.note_failure("EvtInterruptEnable", status))?;
    }
    Ok(())
}

/// Disables and disconnects in the reverse order (NotifyResourceObjectsDx); the first failure is returned.
pub(crate) fn disconnect_all(device: &DeviceState) -> Result<(), NTSTATUS> {
    let mut result = Ok(());
    let interrupts = all(device);
    for interrupt in interrupts.iter().rev() {
        let disconnected = interrupt.disconnect();
        if let Err(status) = disconnected {
            device.note_failure("EvtInterruptDisable", status);
        }
        result = result.and(disconnected);
    }
    if uses_messages(&interrupts) {
        device.resources.bus.disable_messages();
    }
    result
}

/// After EvtDeviceReleaseHardware: objects made in EvtDevicePrepareHardware are deleted, the last first.
pub(crate) fn release_hardware(device: &DeviceState) {
    for interrupt in all(device).iter().rev().filter(|i| i.created_in_prepare) {
        delete_object(interrupt.object());
    }
}

/// An interrupt object goes: it is not connected any more, and the device forgets it.
fn dispose(handle: WDFOBJECT) {
    let interrupt = payload::<Interrupt>(handle);
    let _ = interrupt.disconnect();
    interrupt.device.interrupts.borrow_mut().retain(|&h| h.cast() != handle);
}

/// The device an interrupt belongs to.
fn device_handle(interrupt: &Interrupt) -> WDFDEVICE {
    interrupt.device.handle()
}
