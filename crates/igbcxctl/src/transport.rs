//! How requests reach a driver.

use crate::{Error, Status};
use igbcx_ioctl::Code;
use std::time::Duration;

/// Where devices are found.
pub trait Transport {
    /// The device interfaces of igbcx that are there, in a steady order.
    ///
    /// # Errors
    /// What keeps them from being listed.
    fn devices(&mut self) -> Result<Vec<String>, Error>;

    /// Opens one of [`Transport::devices`].
    ///
    /// # Errors
    /// [`Error::AccessDenied`], and what else keeps it from being opened.
    fn open(&mut self, device: &str) -> Result<Box<dyn Control>, Error>;
}

/// An open device. Dropping it closes the handle.
pub trait Control {
    /// Sends a control code with METHOD_BUFFERED. `None`: not complete within `limit`, and cancelled.
    ///
    /// # Errors
    /// What keeps the request from reaching the driver. The driver's own refusal is a [`Completion`].
    fn control(
        &mut self,
        code: Code,
        input: &[u8],
        output_len: usize,
        limit: Option<Duration>,
    ) -> Result<Option<Completion>, Error>;
}

/// A completed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The driver's status.
    pub status: Status,
    /// As many bytes as the driver said it wrote.
    pub output: Vec<u8>,
}
