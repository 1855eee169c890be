//! The way into D0 and out of it, with the unwinding of each failed step.
//!
//! Order and unwinding are those of WDF powerstatemachine.cpp: PowerD0Starting, PowerD0StartingConnectInterrupt,
//! PowerD0StartingDmaEnable, PowerD0StartingPostHardwareEnabled (where class extensions build their datapath),
//! PowerD0StartingStartSelfManagedIo; their Failed states; PowerGotoD3Stopped and PowerGotoDxIoStopped. The Waking
//! states of a device that comes back from Dx do the same.

use super::{DeviceState, PowerState, self_managed};
use crate::io::Stop;
use crate::verifier::callback;
use crate::{dma, interrupt};
use wdk_sys::_WDF_POWER_DEVICE_STATE::{WdfPowerDeviceD0, WdfPowerDeviceD3Final};
use wdk_sys::{NT_SUCCESS, NTSTATUS, WDF_POWER_DEVICE_STATE};

/// How far the way up got before a step failed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reached {
    /// EvtDeviceD0Entry succeeded; interrupts may be connected.
    D0Entry,
    /// EvtDeviceD0EntryPostInterruptsEnabled succeeded; DMA may be enabled.
    Interrupts,
    /// DMA is enabled; class extensions may have built their datapath.
    Hardware,
    /// Power-managed queues dispatch.
    Queues,
}

/// Dx to D0.
pub(super) fn up(device: &DeviceState) -> Result<(), NTSTATUS> {
    device.state.set(PowerState::PoweringUp);
    let previous = device.power.get();
    if let Some(entry) = device.callbacks.EvtDeviceD0Entry {
        let status = callback!("EvtDeviceD0Entry", entry, device.handle(), previous);
        // EvtDeviceD0Exit does not follow a failed EvtDeviceD0Entry (PowerInitialPowerUpFailedDerefParent).
        if !NT_SUCCESS(status) {
            return Err(device.fail("EvtDeviceD0Entry", status));
        }
    }
    if let Err((reached, status)) = enable(device, previous) {
        unwind(device, reached);
        return Err(status);
    }
    device.power.set(WdfPowerDeviceD0);
    device.state.set(PowerState::D0);
    Ok(())
}

fn enable(device: &DeviceState, previous: WDF_POWER_DEVICE_STATE) -> Result<(), (Reached, NTSTATUS)> {
    interrupt::connect_all(device).map_err(|status| (Reached::D0Entry, status))?;
    if let Some(entry) = device.callbacks.EvtDeviceD0EntryPostInterruptsEnabled {
        let status = callback!("EvtDeviceD0EntryPostInterruptsEnabled", entry, device.handle(), previous);
        if !NT_SUCCESS(status) {
            return Err((Reached::D0Entry, device.fail("EvtDeviceD0EntryPostInterruptsEnabled", status)));
        }
    }
    dma::power_up(device).map_err(|status| (Reached::Interrupts, status))?;
    for attached in &device.classes {
        let status = attached.class.post_d0_entry_interrupts_enabled(device.handle());
        if !NT_SUCCESS(status) {
            return Err((Reached::Hardware, device.fail("class extension, post hardware enabled", status)));
        }
    }
    device.io.resume();
    self_managed::start(device).map_err(|status| (Reached::Queues, status))
}

/// The failed states of the way up always go to D3Final; failures on the way are ignored.
fn unwind(device: &DeviceState, reached: Reached) {
    let target = WdfPowerDeviceD3Final;
    if reached >= Reached::Queues {
        device.io.stop(Stop::Hold);
    }
    if reached >= Reached::Hardware {
        stop_classes(device);
    }
    if reached >= Reached::Interrupts {
        let _ = dma::power_down(device);
        let _ = pre_interrupts_disabled(device, target);
    }
    let _ = interrupt::disconnect_all(device);
    let _ = d0_exit(device, target);
    device.power.set(target);
}

/// D0 to `target`. Every step is taken even if one before it failed; the first failure is returned.
pub(super) fn down(device: &DeviceState, target: WDF_POWER_DEVICE_STATE) -> Result<(), NTSTATUS> {
    device.state.set(PowerState::PoweringDown);
    let suspended = self_managed::suspend(device);
    device.io.stop(Stop::Hold);
    stop_classes(device);
    let dma = dma::power_down(device);
    let pre_disabled = pre_interrupts_disabled(device, target);
    let disconnected = interrupt::disconnect_all(device);
    let exited = d0_exit(device, target);
    device.power.set(target);
    suspended.and(dma).and(pre_disabled).and(disconnected).and(exited)
}

fn stop_classes(device: &DeviceState) {
    for attached in device.classes.iter().rev() {
        attached.class.pre_d0_exit_interrupts_disabled(device.handle());
    }
}

fn pre_interrupts_disabled(device: &DeviceState, target: WDF_POWER_DEVICE_STATE) -> Result<(), NTSTATUS> {
    let Some(exit) = device.callbacks.EvtDeviceD0ExitPreInterruptsDisabled else { return Ok(()) };
    let status = callback!("EvtDeviceD0ExitPreInterruptsDisabled", exit, device.handle(), target);
    if NT_SUCCESS(status) { Ok(()) } else { Err(device.fail("EvtDeviceD0ExitPreInterruptsDisabled", status)) }
}

fn d0_exit(device: &DeviceState, target: WDF_POWER_DEVICE_STATE) -> Result<(), NTSTATUS> {
    let Some(exit) = device.callbacks.EvtDeviceD0Exit else { return Ok(()) };
    let status = callback!("EvtDeviceD0Exit", exit, device.handle(), target);
    if NT_SUCCESS(status) { Ok(()) } else { Err(device.fail("EvtDeviceD0Exit", status)) }
}
