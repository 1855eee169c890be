//! Self-managed I/O of a device, the state machine of WDF selfmanagediostatemachine.cpp.

use super::DeviceState;
use crate::verifier::callback;
use wdk_sys::{NT_SUCCESS, NTSTATUS};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SelfManaged {
    Created,
    InitFailed,
    Started,
    Stopped,
    Failed,
    Flushed,
    Final,
}

/// Entering D0: EvtDeviceSelfManagedIoInit the first time, EvtDeviceSelfManagedIoRestart later.
pub(super) fn start(device: &DeviceState) -> Result<(), NTSTATUS> {
    let (name, result, failed) = match device.self_managed.get() {
        SelfManaged::Created => {
            let init = device.callbacks.EvtDeviceSelfManagedIoInit;
            let status = init.map_or(0, |f| callback!("EvtDeviceSelfManagedIoInit", f, device.handle()));
            ("EvtDeviceSelfManagedIoInit", status, SelfManaged::InitFailed)
        }
        SelfManaged::Stopped | SelfManaged::Flushed => {
            let restart = device.callbacks.EvtDeviceSelfManagedIoRestart;
            let status = restart.map_or(0, |f| callback!("EvtDeviceSelfManagedIoRestart", f, device.handle()));
            ("EvtDeviceSelfManagedIoRestart", status, SelfManaged::Failed)
        }
        _ => return Ok(()),
    };
    if NT_SUCCESS(result) {
        device.self_managed.set(SelfManaged::Started);
        Ok(())
    } else {
        device.self_managed.set(failed);
        Err(device.fail(name, result))
    }
}

/// Leaving D0.
pub(super) fn suspend(device: &DeviceState) -> Result<(), NTSTATUS> {
    if device.self_managed.get() != SelfManaged::Started {
        return Ok(());
    }
    let suspend = device.callbacks.EvtDeviceSelfManagedIoSuspend;
    let status = suspend.map_or(0, |f| callback!("EvtDeviceSelfManagedIoSuspend", f, device.handle()));
    if NT_SUCCESS(status) {
        device.self_managed.set(SelfManaged::Stopped);
        Ok(())
    } else {
        device.self_managed.set(SelfManaged::Failed);
        Err(device.fail("EvtDeviceSelfManagedIoSuspend", status))
    }
}

/// Before removal, after the hardware is released.
pub(super) fn flush(device: &DeviceState) {
    if !matches!(device.self_managed.get(), SelfManaged::InitFailed | SelfManaged::Stopped | SelfManaged::Failed) {
        return;
    }
    if let Some(flush) = device.callbacks.EvtDeviceSelfManagedIoFlush {
        callback!("EvtDeviceSelfManagedIoFlush", flush, device.handle());
    }
    device.self_managed.set(SelfManaged::Flushed);
}

/// The last call of a device's life.
pub(super) fn cleanup(device: &DeviceState) {
    if device.self_managed.get() == SelfManaged::Flushed
        && let Some(cleanup) = device.callbacks.EvtDeviceSelfManagedIoCleanup
    {
        callback!("EvtDeviceSelfManagedIoCleanup", cleanup, device.handle());
    }
    device.self_managed.set(SelfManaged::Final);
}
