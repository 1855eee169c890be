//! The control interface of the driver under test: for igbcxctl in another process over a socket, and for the demo in
//! this one.
//!
//! The lab's programs know a device only by what they may ask of it ([`Target`]); what the requests mean is between the
//! driver and igbcxctl.

mod audit;
mod connection;
mod device;
mod server;

pub use audit::ControlReport;
pub(crate) use audit::audit;
pub use lab_kmdf::Completion;
pub use server::Server;

use wdk_sys::{GUID, NTSTATUS};

/// A device that programs can open.
pub trait Target {
    /// The enabled interfaces of a class, by the names they are opened by.
    fn interfaces(&self, class: &GUID) -> Vec<String>;

    /// Opens an interface.
    ///
    /// # Errors
    /// What the I/O manager or the driver says.
    fn open(&self, name: &str) -> Result<Box<dyn Handle>, NTSTATUS>;
}

/// An open handle; dropping it closes it.
pub trait Handle {
    /// Sends a control code.
    fn ioctl(&self, code: u32, input: &[u8], output_len: usize) -> Box<dyn Pending>;
}

/// A request that was sent.
pub trait Pending {
    /// How it ended; `None` while it is pending.
    fn completion(&self) -> Option<Completion>;

    /// Asks for its end.
    fn cancel(&self);
}
