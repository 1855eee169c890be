//! The driver and device objects: DriverEntry's work and the PnP and power callbacks.

use crate::{
    Result, Status,
    irql::Passive,
    wdf::{
        assigned::Released,
        object::{Ancestor, Context, NO_ATTRIBUTES, Slot, attributes, slot},
        resources::Resources,
    },
};
use core::{
    marker::PhantomData,
    mem::size_of,
    ptr::{null, null_mut},
};
use netadaptercx_sys::evt;
use wdk_sys::{
    _WDF_DEVICE_FAILED_ACTION, NT_SUCCESS, NTSTATUS, PCUNICODE_STRING, PDRIVER_OBJECT, PWDFDEVICE_INIT,
    WDF_DRIVER_CONFIG, WDF_PNPPOWER_EVENT_CALLBACKS, WDF_POWER_DEVICE_STATE, WDFCMRESLIST, WDFDEVICE, WDFDRIVER,
    call_unsafe_wdf_function_binding,
};

pub use wdk_sys::GUID;

/// A NIC's device object: its PnP and power callbacks, all at PASSIVE_LEVEL and one at a time.
///
/// The framework's order (contract.md 3.1, "Start/stop and power"): `add`, `prepare_hardware`, `d0_entry`, interrupts
/// enabled, `d0_entry_post_interrupts_enabled`, queues created and started; on the way down queues are gone before
/// interrupts are disabled and before `d0_exit`, then `release_hardware`.
pub trait PnpDevice: Context + Sync {
    /// The driver is loaded and has no device yet.
    fn load(passive: Passive<'_>);

    /// EvtDriverUnload: the last device is gone.
    fn unload(passive: Passive<'_>);

    /// EvtDriverDeviceAdd, before the device object exists: what must be said of it beforehand.
    ///
    /// # Errors
    /// The device is not added.
    fn init(init: &mut DeviceInit<'_>) -> Result<()>;

    /// EvtDriverDeviceAdd: the device object exists. Its context becomes what this returns, and `context` refers to it
    /// from then on; children created here may keep it.
    ///
    /// # Errors
    /// The device is not added.
    fn add(device: Device, context: Ancestor<Self>, passive: Passive<'_>) -> Result<Self>;

    /// EvtDevicePrepareHardware. On failure the framework still calls `release_hardware`.
    ///
    /// # Errors
    /// The device does not start.
    fn prepare_hardware(
        &'static self,
        device: Device,
        context: Ancestor<Self>,
        resources: &Resources<'_>,
        passive: Passive<'_>,
    ) -> Result<()>;

    /// EvtDeviceReleaseHardware: undo whatever `prepare_hardware` did, complete or not.
    fn release_hardware(&'static self, device: Device, released: Released<'_>);

    /// EvtDeviceD0Entry: the device has power and remembers nothing.
    ///
    /// # Errors
    /// The device does not start.
    fn d0_entry(&'static self, device: Device, passive: Passive<'_>) -> Result<()>;

    /// EvtDeviceD0EntryPostInterruptsEnabled.
    ///
    /// # Errors
    /// The device does not start.
    fn d0_entry_post_interrupts_enabled(&'static self, device: Device, passive: Passive<'_>) -> Result<()>;

    /// EvtDeviceD0Exit: no queue exists and interrupts are disabled.
    ///
    /// # Errors
    /// The device is marked failed.
    fn d0_exit(&'static self, device: Device, passive: Passive<'_>) -> Result<()>;

    /// EvtDeviceSurpriseRemoval: the hardware is gone; the other callbacks still follow.
    fn surprise_removal(&'static self, device: Device, passive: Passive<'_>);
}

/// A device that is being added (WDFDEVICE_INIT).
pub struct DeviceInit<'cb> {
    init: PWDFDEVICE_INIT,
    callback: PhantomData<&'cb ()>,
}

impl DeviceInit<'_> {
    /// Gives every request of the device a context of `T`.
    pub fn request_context<T: Context>(&mut self) {
        let mut attributes = attributes::<T>();
        // SAFETY: the init structure of the running EvtDriverDeviceAdd, and live attributes.
        unsafe {
            call_unsafe_wdf_function_binding!(WdfDeviceInitSetRequestAttributes, self.init, &raw mut attributes);
        }
    }
}

/// A WDFDEVICE. Handles are used while the object is alive: from its callbacks and from its descendants'.
#[derive(Clone, Copy, Debug)]
pub struct Device(WDFDEVICE);
// SAFETY: KMDF device handles may be used from any thread.
unsafe impl Send for Device {}
// SAFETY: as above.
unsafe impl Sync for Device {}

impl Device {
    pub(crate) const fn raw(self) -> WDFDEVICE {
        self.0
    }

    /// Registers a device interface, by which user mode finds and opens the device. The framework enables it when the device
    /// starts and disables it when the device goes.
    ///
    /// # Errors
    /// The framework's status.
    pub fn create_interface(self, guid: &GUID, _passive: Passive<'_>) -> Result<()> {
        // SAFETY: a live device handle and a live GUID; no reference string.
        Status::check(unsafe {
            call_unsafe_wdf_function_binding!(WdfDeviceCreateDeviceInterface, self.0, core::ptr::from_ref(guid), null())
        })
    }

    /// Reports that the hardware does not work: PnP restarts the device (surprise removal, then a new start).
    /// At PASSIVE_LEVEL or DISPATCH_LEVEL.
    pub fn set_failed(self) {
        // SAFETY: a live device handle; callable at or below DISPATCH_LEVEL (DDI WdfDeviceSetFailed).
        unsafe {
            call_unsafe_wdf_function_binding!(
                WdfDeviceSetFailed,
                self.0,
                _WDF_DEVICE_FAILED_ACTION::WdfDeviceFailedAttemptRestart
            );
        }
    }
}

/// DriverEntry's work: creates the WDFDRIVER with `D` as the driver of its devices.
///
/// # Safety
/// Called once, from DriverEntry, with its arguments.
pub unsafe fn driver_entry<D: PnpDevice>(driver: PDRIVER_OBJECT, registry_path: PCUNICODE_STRING) -> NTSTATUS {
    let mut config = WDF_DRIVER_CONFIG {
        Size: size_of::<WDF_DRIVER_CONFIG>() as u32,
        EvtDriverDeviceAdd: Some(evt_device_add::<D>),
        EvtDriverUnload: Some(evt_driver_unload::<D>),
        ..WDF_DRIVER_CONFIG::default()
    };
    // SAFETY: DriverEntry's arguments (caller); KMDF accepts a null place for the handle.
    let status = unsafe {
        call_unsafe_wdf_function_binding!(
            WdfDriverCreate,
            driver,
            registry_path,
            NO_ATTRIBUTES,
            &raw mut config,
            null_mut::<WDFDRIVER>()
        )
    };
    if NT_SUCCESS(status) {
        // From here DriverEntry cannot fail, so that EvtDriverUnload follows.
        // SAFETY: DriverEntry runs at PASSIVE_LEVEL.
        D::load(unsafe { Passive::assume() });
    }
    status
}

evt! {
    unsafe fn evt_driver_unload<D: PnpDevice>(_driver: WDFDRIVER) {
        // SAFETY: called by the framework as EvtDriverUnload, at PASSIVE_LEVEL.
        D::unload(unsafe { Passive::assume() });
    }
}

evt! {
    unsafe fn evt_device_add<D: PnpDevice>(_driver: WDFDRIVER, init: PWDFDEVICE_INIT) -> NTSTATUS {
        // SAFETY: called by the framework as EvtDriverDeviceAdd, at PASSIVE_LEVEL.
        unsafe { Status::of(device_add::<D>(init, Passive::assume())) }
    }
}

/// # Safety
/// `init` is what the framework gave the running EvtDriverDeviceAdd.
unsafe fn device_add<D: PnpDevice>(init: PWDFDEVICE_INIT, passive: Passive<'static>) -> Result<()> {
    let mut callbacks = WDF_PNPPOWER_EVENT_CALLBACKS {
        Size: size_of::<WDF_PNPPOWER_EVENT_CALLBACKS>() as u32,
        EvtDevicePrepareHardware: Some(evt_prepare_hardware::<D>),
        EvtDeviceReleaseHardware: Some(evt_release_hardware::<D>),
        EvtDeviceD0Entry: Some(evt_d0_entry::<D>),
        EvtDeviceD0EntryPostInterruptsEnabled: Some(evt_d0_entry_post_interrupts_enabled::<D>),
        EvtDeviceD0Exit: Some(evt_d0_exit::<D>),
        EvtDeviceSurpriseRemoval: Some(evt_surprise_removal::<D>),
        ..WDF_PNPPOWER_EVENT_CALLBACKS::default()
    };
    let mut attributes = attributes::<D>();
    let mut init = init;
    let mut device: WDFDEVICE = null_mut();
    // SAFETY: the callback's init structure (caller), which WdfDeviceCreate consumes when it succeeds; NetDeviceInitConfig
    // comes first, as its DDI page demands.
    unsafe {
        Status::check(netadaptercx_sys::NetDeviceInitConfig(init))?;
        D::init(&mut DeviceInit { init, callback: PhantomData })?;
        call_unsafe_wdf_function_binding!(WdfDeviceInitSetPnpPowerEventCallbacks, init, &raw mut callbacks);
        Status::check(call_unsafe_wdf_function_binding!(
            WdfDeviceCreate,
            &raw mut init,
            &raw mut attributes,
            &raw mut device
        ))?;
    }
    // SAFETY: the device was just created with this context type; its descendants are destroyed before it, and no callback
    // that could see the context runs before the value is there.
    unsafe {
        let context = D::add(Device(device), Ancestor::new(device.cast()), passive)?;
        slot::<D>(device.cast()).init(context);
    }
    Ok(())
}

/// The value of a slot that `device_add` filled.
fn of<D>(slot: &'static Slot<D>) -> &'static D {
    slot.get().expect("device_add stored the context before any callback can run")
}

/// The context of a device whose callback runs.
///
/// # Safety
/// The framework called a PnP or power callback of `device`, which was created with `D`.
unsafe fn running<D: PnpDevice>(device: WDFDEVICE) -> (&'static D, Device, Passive<'static>) {
    // SAFETY: PnP and power callbacks run at PASSIVE_LEVEL, after device_add stored the context (caller).
    unsafe { (of(slot::<D>(device.cast())), Device(device), Passive::assume()) }
}

evt! {
    unsafe fn evt_prepare_hardware<D: PnpDevice>(
        device: WDFDEVICE,
        raw: WDFCMRESLIST,
        translated: WDFCMRESLIST,
    ) -> NTSTATUS {
        // SAFETY: called by the framework as EvtDevicePrepareHardware.
        unsafe {
            let (context, device, passive) = running::<D>(device);
            let ancestor = Ancestor::new(device.raw().cast());
            Status::of(context.prepare_hardware(device, ancestor, &Resources::new(raw, translated), passive))
        }
    }
}
evt! {
    unsafe fn evt_release_hardware<D: PnpDevice>(device: WDFDEVICE, _translated: WDFCMRESLIST) -> NTSTATUS {
        // SAFETY: called by the framework as EvtDeviceReleaseHardware.
        let (context, device, passive) = unsafe { running::<D>(device) };
        // SAFETY: this is ReleaseHardware.
        context.release_hardware(device, unsafe { Released::new(passive) });
        wdk_sys::STATUS_SUCCESS
    }
}
evt! {
    unsafe fn evt_d0_entry<D: PnpDevice>(device: WDFDEVICE, _previous: WDF_POWER_DEVICE_STATE) -> NTSTATUS {
        // SAFETY: called by the framework as EvtDeviceD0Entry.
        let (context, device, passive) = unsafe { running::<D>(device) };
        Status::of(context.d0_entry(device, passive))
    }
}
evt! {
    unsafe fn evt_d0_entry_post_interrupts_enabled<D: PnpDevice>(
        device: WDFDEVICE,
        _previous: WDF_POWER_DEVICE_STATE,
    ) -> NTSTATUS {
        // SAFETY: called by the framework as EvtDeviceD0EntryPostInterruptsEnabled.
        let (context, device, passive) = unsafe { running::<D>(device) };
        Status::of(context.d0_entry_post_interrupts_enabled(device, passive))
    }
}
evt! {
    unsafe fn evt_d0_exit<D: PnpDevice>(device: WDFDEVICE, _target: WDF_POWER_DEVICE_STATE) -> NTSTATUS {
        // SAFETY: called by the framework as EvtDeviceD0Exit.
        let (context, device, passive) = unsafe { running::<D>(device) };
        Status::of(context.d0_exit(device, passive))
    }
}
evt! {
    unsafe fn evt_surprise_removal<D: PnpDevice>(device: WDFDEVICE) {
        // SAFETY: called by the framework as EvtDeviceSurpriseRemoval.
        let (context, device, passive) = unsafe { running::<D>(device) };
        context.surprise_removal(device, passive);
    }
}
