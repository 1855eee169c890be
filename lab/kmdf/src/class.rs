//! Class extensions: what NetAdapterCx is to KMDF.

use wdk_sys::{NTSTATUS, PWDF_DRIVER_GLOBALS, STATUS_SUCCESS, WDF_CLASS_BIND_INFO, WDFDEVICE};

/// A class extension (NetAdapterCx): binding, and hooks in the order of KMDF's power state machine, which are called
/// only for devices it is attached to. Hooks run at PASSIVE_LEVEL.
pub trait ClassExtension: Sync {
    /// Name in the class bind record.
    fn name(&self) -> &'static str;

    /// Fills the client's function table and globals (WdfVersionBindClass).
    ///
    /// # Safety
    /// `record` is the client's, of 80 or 120 bytes as its Size says.
    unsafe fn bind(&self, record: *mut WDF_CLASS_BIND_INFO, globals: PWDF_DRIVER_GLOBALS) -> NTSTATUS;

    /// Undoes `bind` (WdfVersionUnbindClass).
    ///
    /// # Safety
    /// `record` was bound.
    unsafe fn unbind(&self, record: *mut WDF_CLASS_BIND_INFO, globals: PWDF_DRIVER_GLOBALS);

    /// After WdfDeviceCreate made the device, before it returns. A failure fails WdfDeviceCreate.
    fn device_created(&self, _device: WDFDEVICE) -> NTSTATUS {
        STATUS_SUCCESS
    }

    /// Before EvtDevicePrepareHardware. A failure skips the driver's callback.
    fn pre_prepare_hardware(&self, _device: WDFDEVICE) -> NTSTATUS {
        STATUS_SUCCESS
    }

    /// After EvtDevicePrepareHardware succeeded. A failure releases the hardware.
    fn post_prepare_hardware(&self, _device: WDFDEVICE) -> NTSTATUS {
        STATUS_SUCCESS
    }

    /// After D0Entry, interrupts connected, EvtDeviceD0EntryPostInterruptsEnabled and DMA enabled: create the
    /// datapath. A failure powers the device down again, beginning with `pre_d0_exit_interrupts_disabled`.
    fn post_d0_entry_interrupts_enabled(&self, _device: WDFDEVICE) -> NTSTATUS {
        STATUS_SUCCESS
    }

    /// Before EvtDeviceD0ExitPreInterruptsDisabled, EvtInterruptDisable and EvtDeviceD0Exit: stop and destroy the
    /// datapath.
    fn pre_d0_exit_interrupts_disabled(&self, _device: WDFDEVICE) {}

    /// Before EvtDeviceReleaseHardware.
    fn pre_release_hardware(&self, _device: WDFDEVICE) {}

    /// After EvtDeviceReleaseHardware.
    fn post_release_hardware(&self, _device: WDFDEVICE) {}

    /// A surprise removal was seen, before EvtDeviceSurpriseRemoval.
    fn surprise_removed(&self, _device: WDFDEVICE) {}
}
