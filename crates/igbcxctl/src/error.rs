//! What can go wrong, in words that say what to do.

use crate::answer::Fault;
use igbcx_ioctl::Code;
use std::{fmt, io};

/// An NTSTATUS that prints with its name and, where there is more to say, with its meaning here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub i32);

/// The codes that a request of this tool can end with (MS-ERREF 2.3.1; igbcx-ioctl's Refusal).
const NAMES: &[(u32, &str, &str)] = &[
    (0xC000_0001, "STATUS_UNSUCCESSFUL", ""),
    (0xC000_000D, "STATUS_INVALID_PARAMETER", ""),
    (0xC000_0010, "STATUS_INVALID_DEVICE_REQUEST", "this driver does not know the request"),
    (0xC000_0022, "STATUS_ACCESS_DENIED", "only administrators and the system may ask"),
    (0xC000_0023, "STATUS_BUFFER_TOO_SMALL", ""),
    (0xC000_0034, "STATUS_OBJECT_NAME_NOT_FOUND", "there is no such device"),
    (0xC000_0043, "STATUS_SHARING_VIOLATION", "a kernel driver has the VM queues"),
    (0xC000_0056, "STATUS_DELETE_PENDING", "the device is going away"),
    (0xC000_0059, "STATUS_REVISION_MISMATCH", "driver and igbcxctl are of different versions"),
    (0xC000_009A, "STATUS_INSUFFICIENT_RESOURCES", ""),
    (0xC000_009D, "STATUS_DEVICE_NOT_CONNECTED", "the device is gone"),
    (0xC000_00BB, "STATUS_NOT_SUPPORTED", ""),
    (0xC000_00A3, "STATUS_DEVICE_NOT_READY", "the device is not working now"),
    (0xC000_00F0, "STATUS_INVALID_PARAMETER_2", "the driver has no such queue or event"),
    (0xC000_0120, "STATUS_CANCELLED", "the device stopped, was removed, or the request was cancelled"),
    (0xC000_0184, "STATUS_INVALID_DEVICE_STATE", "the device is not working now"),
    (0xC000_0185, "STATUS_IO_DEVICE_ERROR", "the adapter did not answer"),
    (0xC000_0206, "STATUS_INVALID_BUFFER_SIZE", ""),
    (0xC000_0225, "STATUS_NOT_FOUND", "the queue has no such filter"),
    (0xC000_0240, "STATUS_REQUEST_ABORTED", "the adapter or the consumer did not let go of the queue"),
    (0xC000_02B6, "STATUS_DEVICE_REMOVED", "the device is gone"),
];

impl Status {
    /// STATUS_SUCCESS.
    pub const SUCCESS: Self = Self(0);
    /// STATUS_CANCELLED.
    pub const CANCELLED: Self = Self(0xC000_0120_u32.cast_signed());
    /// STATUS_ACCESS_DENIED.
    pub const ACCESS_DENIED: Self = Self(0xC000_0022_u32.cast_signed());
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.0.cast_unsigned();
        match NAMES.iter().find(|(known, ..)| *known == code) {
            Some((_, name, "")) => write!(f, "{name} ({code:#010X})"),
            Some((_, name, meaning)) => write!(f, "{meaning} ({name}, {code:#010X})"),
            None => write!(f, "NTSTATUS {code:#010X}"),
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No device interface of igbcx.
    #[error("no igbcx device is there: is the driver installed and the adapter enabled?")]
    NoDevice,
    /// A number beyond the list.
    #[error("there is no device {index}: `igbcxctl list` shows {count}")]
    NoSuchDevice {
        /// As asked for.
        index: usize,
        /// Devices there are.
        count: usize,
    },
    /// Neither `--lab` nor `IGBCX_LAB`.
    #[error(
        "which lab? Give --lab SOCKET or set IGBCX_LAB; `cargo lab run igbcx.sys --control SOCKET` starts one\n\
         (a device of this machine can be opened on Windows only)"
    )]
    NoLab,
    /// The interface may not be opened.
    #[error("access denied: the driver answers administrators and the system only; start igbcxctl elevated")]
    AccessDenied,
    /// The driver refused the request or it failed.
    #[error("{}: {status}{}", title(*.code), hint(*.code, *.status))]
    Refused {
        /// The request.
        code: Code,
        /// The driver's answer.
        status: Status,
    },
    /// A request that never waits was not answered in time.
    #[error("{}: no answer within {seconds} s", title(*.code))]
    NoAnswer {
        /// The request.
        code: Code,
        /// How long it was given.
        seconds: u64,
    },
    /// The answer breaks the protocol.
    #[error("{}: the driver's answer breaks the protocol: {fault}", title(*.code))]
    Answer {
        /// The request.
        code: Code,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The connection to the lab.
    #[error("the lab at {path}: {source}")]
    Lab {
        /// Its socket.
        path: String,
        /// What the system or the framing said.
        source: io::Error,
    },
    /// A call of Windows.
    #[error("{call}: {source}")]
    Windows {
        /// The function.
        call: &'static str,
        /// What Windows said.
        source: io::Error,
    },
    /// Standard output is gone.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

/// What a person calls the request.
fn title(code: Code) -> &'static str {
    match code {
        Code::Version => "info",
        Code::Statistics => "stats",
        Code::Registers => "regs",
        Code::Ring => "ring",
        Code::Link => "link",
        Code::Events => "events",
        Code::Wait => "wait",
        Code::VmqCapabilities => "vmq caps",
        Code::VmqAllocate => "vmq alloc",
        Code::VmqSetFilter => "vmq filter set",
        Code::VmqClearFilter => "vmq filter clear",
        Code::VmqFree => "vmq free",
        Code::VmqQueues | Code::VmqFilters => "vmq list",
    }
}

/// What a status means of a request about VM queues.
fn hint(code: Code, status: Status) -> &'static str {
    match (code, status.0.cast_unsigned()) {
        (Code::VmqAllocate, 0xC000_0001) => "; every queue is in use, see `vmq list`",
        (Code::VmqAllocate, 0xC000_00BB) => "; VM queues are off: keyword Vmdq, MSI-X vectors, see `vmq caps`",
        (Code::VmqSetFilter, 0xC000_000D) => "; no such queue, or another queue or the adapter has this address",
        (Code::VmqSetFilter, 0xC000_00BB) => "; the hardware cannot tell these frames apart (docs/vmq.md)",
        (Code::VmqFree, 0xC000_000D) => "; no such queue, or it still has filters",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_it_means() {
        assert_eq!(
            Status(0xC000_0059_u32.cast_signed()).to_string(),
            "driver and igbcxctl are of different versions (STATUS_REVISION_MISMATCH, 0xC0000059)"
        );
        assert_eq!(Status(0xC000_0206_u32.cast_signed()).to_string(), "STATUS_INVALID_BUFFER_SIZE (0xC0000206)");
        assert_eq!(Status(0xC0FF_EE00_u32.cast_signed()).to_string(), "NTSTATUS 0xC0FFEE00");
    }

    #[test]
    fn a_refusal_says_what_to_look_at() {
        let refused = |code, status: u32| Error::Refused { code, status: Status(status.cast_signed()) }.to_string();
        assert_eq!(
            refused(Code::VmqFree, 0xC000_000D),
            "vmq free: STATUS_INVALID_PARAMETER (0xC000000D); no such queue, or it still has filters"
        );
        assert_eq!(refused(Code::Link, 0xC000_000D), "link: STATUS_INVALID_PARAMETER (0xC000000D)");
    }

    #[test]
    fn every_refusal_of_the_protocol_has_a_name() {
        use igbcx_ioctl::Refusal::{InputLength, OutputLength, Reserved, UnknownCode, Value, Version};
        for refusal in [UnknownCode, InputLength, OutputLength, Version, Reserved, Value] {
            assert!(Status(refusal.ntstatus()).to_string().contains("STATUS_"), "{refusal:?}");
        }
    }
}
