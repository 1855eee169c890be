//! Interrupts: ISR and DPC of a message or a line.

use crate::{
    Result, Status,
    irql::{AtMostDispatch, Passive},
    wdf::{
        device::Device,
        object::{Context, attributes, slot},
        resources::InterruptResource,
    },
};
use core::{marker::PhantomData, mem::size_of, ptr::null_mut};
use netadaptercx_sys::evt;
use wdk_sys::{
    _WDF_TRI_STATE, NTSTATUS, WDF_INTERRUPT_CONFIG, WDFDEVICE, WDFINTERRUPT, WDFOBJECT,
    call_unsafe_wdf_function_binding,
};

/// What an interrupt does. It lives in the interrupt object's context.
pub trait Handler: Context + Sync {
    /// EvtInterruptIsr at DIRQL, under the interrupt's lock. False: not ours.
    fn isr(&self, interrupt: &InterruptGuard<'_>) -> bool;
    /// EvtInterruptDpc at DISPATCH_LEVEL, after [`InterruptGuard::queue_dpc`].
    fn dpc(&self, irql: AtMostDispatch<'_>);
    /// EvtInterruptEnable at DIRQL, under the interrupt's lock: let the causes through that no queue owns.
    fn enable(&self);
    /// EvtInterruptDisable at DIRQL, under the interrupt's lock: mask everything of this interrupt.
    fn disable(&self);
}

/// A WDFINTERRUPT, a child of the device.
#[derive(Clone, Copy, Debug)]
pub struct Interrupt(WDFINTERRUPT);
// SAFETY: KMDF handles may be used from any thread; the object lives from PrepareHardware until its device is released.
unsafe impl Send for Interrupt {}
// SAFETY: as above.
unsafe impl Sync for Interrupt {}

/// Proof that an interrupt's lock is held: its ISR runs, or [`Interrupt::lock`] was called.
pub struct InterruptGuard<'l> {
    interrupt: WDFINTERRUPT,
    acquired: bool,
    scope: PhantomData<(&'l (), *const ())>,
}

impl Interrupt {
    /// Creates the interrupt object of `resource` with `handler` in its context. From EvtDevicePrepareHardware.
    ///
    /// # Errors
    /// The framework's status.
    pub fn new<H: Handler>(
        device: Device,
        resource: &InterruptResource<'_>,
        handler: H,
        _passive: Passive<'_>,
    ) -> Result<Self> {
        let mut config = WDF_INTERRUPT_CONFIG {
            Size: size_of::<WDF_INTERRUPT_CONFIG>() as u32,
            ShareVector: _WDF_TRI_STATE::WdfUseDefault,
            ReportInactiveOnPowerDown: _WDF_TRI_STATE::WdfUseDefault,
            EvtInterruptIsr: Some(evt_isr::<H>),
            EvtInterruptDpc: Some(evt_dpc::<H>),
            EvtInterruptEnable: Some(evt_enable::<H>),
            EvtInterruptDisable: Some(evt_disable::<H>),
            InterruptRaw: resource.raw,
            InterruptTranslated: resource.translated,
            ..WDF_INTERRUPT_CONFIG::default()
        };
        let mut attributes = attributes::<H>();
        let mut interrupt: WDFINTERRUPT = null_mut();
        // SAFETY: a live device, resources of the running PrepareHardware, live structures. The interrupt is not connected
        // before D0 is entered, so nothing sees the context before it has its value.
        unsafe {
            Status::check(call_unsafe_wdf_function_binding!(
                WdfInterruptCreate,
                device.raw(),
                &raw mut config,
                &raw mut attributes,
                &raw mut interrupt
            ))?;
            slot::<H>(interrupt.cast()).init(handler);
        }
        Ok(Self(interrupt))
    }

    /// Runs `critical` under the interrupt's lock, at DIRQL: its ISR does not run meanwhile.
    pub fn lock<T>(&self, critical: impl FnOnce(&InterruptGuard<'_>) -> T) -> T {
        // SAFETY: a live interrupt (see the type); callers run at or below its DIRQL and outside its ISR.
        unsafe { call_unsafe_wdf_function_binding!(WdfInterruptAcquireLock, self.0) };
        critical(&InterruptGuard { interrupt: self.0, acquired: true, scope: PhantomData })
    }
}

impl InterruptGuard<'_> {
    /// Queues the DPC; requests made while it is queued are one.
    pub fn queue_dpc(&self) {
        // SAFETY: the interrupt whose lock is held. FALSE means it is queued already.
        let _ = unsafe { call_unsafe_wdf_function_binding!(WdfInterruptQueueDpcForIsr, self.interrupt) };
    }
}

impl Drop for InterruptGuard<'_> {
    fn drop(&mut self) {
        if self.acquired {
            // SAFETY: acquired in `Interrupt::lock`.
            unsafe { call_unsafe_wdf_function_binding!(WdfInterruptReleaseLock, self.interrupt) };
        }
    }
}

evt! {
    unsafe fn evt_isr<H: Handler>(interrupt: WDFINTERRUPT, _message: u32) -> u8 {
        // SAFETY: called by the framework as EvtInterruptIsr, under the interrupt's lock.
        let slot = unsafe { slot::<H>(interrupt.cast()) };
        let guard = InterruptGuard { interrupt, acquired: false, scope: PhantomData };
        u8::from(slot.get().is_some_and(|handler| handler.isr(&guard)))
    }
}
evt! {
    unsafe fn evt_dpc<H: Handler>(interrupt: WDFINTERRUPT, _device: WDFOBJECT) {
        // SAFETY: called by the framework as EvtInterruptDpc.
        if let Some(handler) = unsafe { slot::<H>(interrupt.cast()) }.get() {
            // SAFETY: a DPC runs at DISPATCH_LEVEL.
            handler.dpc(unsafe { AtMostDispatch::assume() });
        }
    }
}
evt! {
    unsafe fn evt_enable<H: Handler>(interrupt: WDFINTERRUPT, _device: WDFDEVICE) -> NTSTATUS {
        // SAFETY: called by the framework as EvtInterruptEnable.
        if let Some(handler) = unsafe { slot::<H>(interrupt.cast()) }.get() {
            handler.enable();
        }
        wdk_sys::STATUS_SUCCESS
    }
}
evt! {
    unsafe fn evt_disable<H: Handler>(interrupt: WDFINTERRUPT, _device: WDFDEVICE) -> NTSTATUS {
        // SAFETY: called by the framework as EvtInterruptDisable.
        if let Some(handler) = unsafe { slot::<H>(interrupt.cast()) }.get() {
            handler.disable();
        }
        wdk_sys::STATUS_SUCCESS
    }
}
