//! Hardware errors as NTSTATUS, with a line for the debugger.

use netadaptercx::Status;

/// Prints to the kernel debugger.
#[cfg(windows)]
macro_rules! log {
    ($($arg:tt)*) => { wdk::println!("igbcx: {}", format_args!($($arg)*)) };
}
/// There is no kernel debugger outside Windows; the arguments are checked all the same.
#[cfg(not(windows))]
macro_rules! log {
    ($($arg:tt)*) => { { let _ = format_args!($($arg)*); } };
}
pub(crate) use log;

/// What `error` is for the framework.
pub fn status(error: igb::Error) -> Status {
    use igb::Error;
    log!("{error}");
    Status::new(match error {
        Error::DeviceGone => wdk_sys::STATUS_DEVICE_DOES_NOT_EXIST,
        Error::ResetTimeout
        | Error::NvmNotLoaded
        | Error::SemaphoreTimeout
        | Error::PhyTimeout
        | Error::QueueStartTimeout { .. }
        | Error::QueueStuck { .. } => wdk_sys::STATUS_IO_TIMEOUT,
        Error::BadMacAddress(_) | Error::PhyFault { .. } => wdk_sys::STATUS_DEVICE_HARDWARE_ERROR,
        Error::QueueBusy { .. } => wdk_sys::STATUS_INVALID_DEVICE_REQUEST,
        Error::NoSuchQueue { .. } | Error::BadRing | Error::BadBufferSize | Error::BadFrameSize => {
            wdk_sys::STATUS_INVALID_PARAMETER
        }
    })
}
