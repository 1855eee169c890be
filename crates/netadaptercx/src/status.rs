//! NTSTATUS as a Rust error.

use core::fmt;
use wdk_sys::{NT_SUCCESS, NTSTATUS};

/// An NTSTATUS that says a call failed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Status(NTSTATUS);

/// The result of a call that answers with an NTSTATUS.
pub type Result<T> = core::result::Result<T, Status>;

impl Status {
    /// The failure `code`. A success code in an error's place would be read as success by the framework, so it becomes
    /// STATUS_UNSUCCESSFUL.
    #[must_use]
    pub const fn new(code: NTSTATUS) -> Self {
        Self(if NT_SUCCESS(code) { wdk_sys::STATUS_UNSUCCESSFUL } else { code })
    }

    /// `Ok` for a success or informational code.
    ///
    /// # Errors
    /// The code itself when it is a warning or an error.
    pub const fn check(code: NTSTATUS) -> Result<()> {
        if NT_SUCCESS(code) { Ok(()) } else { Err(Self(code)) }
    }

    /// What a callback returns to the framework.
    #[must_use]
    pub const fn code(self) -> NTSTATUS {
        self.0
    }

    /// A callback's result as the NTSTATUS it returns.
    #[must_use]
    pub const fn of(result: Result<()>) -> NTSTATUS {
        match result {
            Ok(()) => wdk_sys::STATUS_SUCCESS,
            Err(Self(code)) => code,
        }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NTSTATUS 0x{:08X}", self.0)
    }
}
