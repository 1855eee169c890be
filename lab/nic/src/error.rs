use std::{io, path::PathBuf};

/// Why the adapter cannot be used (any more).
#[derive(Clone, Debug, thiserror::Error)]
pub enum NicError {
    /// A value of [`crate::NicConfig`] that cannot be served.
    #[error("adapter configuration: {0}")]
    Config(String),
    /// No program that could be started.
    #[error("no usable QEMU: {0}")]
    NoQemu(String),
    /// A call of the operating system failed.
    #[error("{what}: {reason}")]
    Os {
        /// What was tried.
        what: String,
        /// The system's words.
        reason: String,
    },
    /// QEMU ended, stopped answering or answered nonsense.
    #[error("the adapter's QEMU is lost: {what}{stderr}")]
    Lost {
        /// What was seen.
        what: String,
        /// Its last words on standard error, ready to print.
        stderr: String,
    },
    /// QEMU refused a command.
    #[error("QEMU refused `{command}`: {answer}")]
    Refused {
        /// The command.
        command: String,
        /// QEMU's words.
        answer: String,
    },
    /// The adapter was stopped by [`crate::Nic::stop`].
    #[error("the adapter is stopped")]
    Stopped,
    /// Guest RAM has no room for a block.
    #[error("guest RAM is full: {0} pages asked for")]
    OutOfRam(u64),
    /// The capture could not be written.
    #[error("capture {}: {reason}", path.display())]
    Capture {
        /// The pcapng file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
}

impl NicError {
    /// Turns an error of the operating system into ours; `what` says what was tried.
    pub(crate) fn os<E: Into<io::Error>>(what: &str) -> impl FnOnce(E) -> NicError {
        move |e| NicError::Os { what: what.to_owned(), reason: e.into().to_string() }
    }
}
