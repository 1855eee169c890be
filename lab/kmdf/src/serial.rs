//! Automatic serialization of callbacks: the lock that timers, DPCs and work items share with their device.

use crate::abi::STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL;
use crate::device::CallbackLock;
use crate::device::DeviceState;
use crate::device::init::device_above;
use wdk_sys::{NTSTATUS, STATUS_INVALID_DEVICE_REQUEST, WDFOBJECT};

/// The lock a callback runs under.
#[derive(Clone, Copy)]
pub(crate) struct Serial(Option<&'static DeviceState>);

impl Serial {
    /// Runs a callback under the lock.
    pub(crate) fn run(self, callback: impl FnOnce()) {
        let Some(device) = self.0 else { return callback() };
        let passive = device.callback_lock == CallbackLock::Mutex;
        device.lock.acquire(device.handle().cast(), passive);
        callback();
        device.lock.release(device.handle().cast(), passive);
    }
}

/// FxObject::_GetEffectiveLock: none without `automatic` or a synchronization scope; otherwise the device's, if it fits
/// callbacks at PASSIVE_LEVEL (`passive`) or DISPATCH_LEVEL.
///
/// # Errors
/// STATUS_INVALID_DEVICE_REQUEST without a device above `parent`; STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL.
pub(crate) fn effective(parent: WDFOBJECT, automatic: bool, passive: bool) -> Result<Serial, NTSTATUS> {
    let device = device_above(parent).ok_or(STATUS_INVALID_DEVICE_REQUEST)?;
    match device.callback_lock {
        CallbackLock::None => Ok(Serial(None)),
        _ if !automatic => Ok(Serial(None)),
        CallbackLock::Mutex if !passive => Err(STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL),
        CallbackLock::Spin if passive => Err(STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL),
        _ => Ok(Serial(Some(device))),
    }
}
