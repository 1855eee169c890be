//! What can go wrong before and around a run.

use crate::inf::InfError;
use std::fmt;
use std::path::PathBuf;

/// An NTSTATUS that prints with its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub i32);

/// Names of the codes that a start or power transition of a driver usually ends with (DDI: NTSTATUS values).
const NAMES: &[(u32, &str)] = &[
    (0xC000_0001, "STATUS_UNSUCCESSFUL"),
    (0xC000_0002, "STATUS_NOT_IMPLEMENTED"),
    (0xC000_0004, "STATUS_INFO_LENGTH_MISMATCH"),
    (0xC000_0008, "STATUS_INVALID_HANDLE"),
    (0xC000_000D, "STATUS_INVALID_PARAMETER"),
    (0xC000_000E, "STATUS_NO_SUCH_DEVICE"),
    (0xC000_0010, "STATUS_INVALID_DEVICE_REQUEST"),
    (0xC000_0017, "STATUS_NO_MEMORY"),
    (0xC000_0023, "STATUS_BUFFER_TOO_SMALL"),
    (0xC000_0034, "STATUS_OBJECT_NAME_NOT_FOUND"),
    (0xC000_0056, "STATUS_DELETE_PENDING"),
    (0xC000_0059, "STATUS_REVISION_MISMATCH"),
    (0xC000_009A, "STATUS_INSUFFICIENT_RESOURCES"),
    (0xC000_009D, "STATUS_DEVICE_NOT_CONNECTED"),
    (0xC000_009E, "STATUS_DEVICE_POWER_FAILURE"),
    (0xC000_00A3, "STATUS_DEVICE_NOT_READY"),
    (0xC000_00B5, "STATUS_IO_TIMEOUT"),
    (0xC000_00BB, "STATUS_NOT_SUPPORTED"),
    (0xC000_00C0, "STATUS_DEVICE_DOES_NOT_EXIST"),
    (0xC000_0182, "STATUS_DEVICE_CONFIGURATION_ERROR"),
    (0xC000_0184, "STATUS_INVALID_DEVICE_STATE"),
    (0xC000_0185, "STATUS_IO_DEVICE_ERROR"),
    (0xC000_0186, "STATUS_DEVICE_PROTOCOL_ERROR"),
    (0xC000_02B6, "STATUS_DEVICE_REMOVED"),
    (0xC000_0483, "STATUS_DEVICE_HARDWARE_ERROR"),
];

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.0.cast_unsigned();
        match NAMES.iter().find(|(c, _)| *c == code) {
            Some((_, name)) => write!(f, "{name} ({code:#010X})"),
            None => write!(f, "NTSTATUS {code:#010X}"),
        }
    }
}

/// Why a machine could not be built or moved to another state.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// One process runs one machine.
    #[error("this process already has a machine; start a new process for each run")]
    SecondMachine,
    /// The INF cannot be used.
    #[error(transparent)]
    Inf(#[from] InfError),
    /// A keyword was set but there is no INF that declares keywords.
    #[error("{0} cannot be set: no INF was given or found (--inf FILE)")]
    NoInf(String),
    /// The INF does not declare the keyword.
    #[error("the INF has no keyword {name}; it has {}", known.join(", "))]
    UnknownKeyword {
        /// As given.
        name: String,
        /// All that it declares.
        known: Vec<String>,
    },
    /// The INF does not allow the value.
    #[error("{0}")]
    KeywordValue(String),
    /// The INF asks for a newer KMDF than the lab offers.
    #[error("the INF asks for KMDF {0}.{1}, the lab offers 1.33")]
    Kmdf(u16, u16),
    /// The adapter could not be started.
    #[error("the adapter: {0}")]
    Nic(#[from] lab_nic::NicError),
    /// The driver file could not be loaded.
    #[error("the driver image: {0}")]
    Image(#[from] lab_kernel::image::LoadError),
    /// DriverEntry failed.
    #[error(transparent)]
    DriverEntry(#[from] lab_kmdf::RunError),
    /// EvtDriverDeviceAdd failed.
    #[error("EvtDriverDeviceAdd: {0}")]
    AddDevice(Status),
    /// A PnP or power transition failed.
    #[error("{transition}: {step}: {status}")]
    Transition {
        /// Which.
        transition: &'static str,
        /// The callback that failed, or "the framework".
        step: &'static str,
        /// Its status.
        status: Status,
    },
    /// The driver does not give its VMQ interface.
    #[error("IRP_MN_QUERY_INTERFACE for VM queues: {0}")]
    Interface(Status),
    /// The device was removed before.
    #[error("the device was removed")]
    Removed,
    /// The driver made no network adapter.
    #[error("the driver has not created a NETADAPTER")]
    NoAdapter,
    /// The link did not come up.
    #[error("no link after {} ms", .0.as_millis())]
    NoLink(std::time::Duration),
    /// A report or capture could not be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The loopback server could not be started.
    #[error("the HTTP server on the loopback: {0}")]
    Server(std::io::Error),
    /// Ctrl-C could not be caught.
    #[error("catching Ctrl-C: {0}")]
    Signal(std::io::Error),
    /// The control socket could not be made.
    #[error("the control socket {path}: {source}")]
    ControlSocket {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A request of the VMQ consumer did not succeed.
    #[error(transparent)]
    Vmq(#[from] crate::vmq::Refused),
    /// The driver's control interface did not answer as it should.
    #[error("control interface: {0}")]
    Control(#[from] igbcxctl::Error),
    /// The driver's NDK door.
    #[error("NDK: {0}: {1}")]
    Ndk(&'static str, Status),
    /// An NDK ping or bandwidth run.
    #[error("NDK: {0}")]
    Traffic(#[from] crate::ndk::traffic::TrafficError),
    /// The network did not do what was asked.
    #[error(transparent)]
    Stack(#[from] crate::stack::StackError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_prints_with_its_name() {
        assert_eq!(Status(0xC000_009A_u32.cast_signed()).to_string(), "STATUS_INSUFFICIENT_RESOURCES (0xC000009A)");
        assert_eq!(Status(0xC0FF_EE00_u32.cast_signed()).to_string(), "NTSTATUS 0xC0FFEE00");
    }
}
