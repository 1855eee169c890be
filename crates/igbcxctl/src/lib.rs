//! Looks into a running igbcx.sys through its control interface.
//!
//! [`Client`] asks; what comes back is checked before anybody sees it, because a driver's answer is as hostile as any
//! other input. The modules named after a command turn the answers into tables and JSON. How requests travel is a
//! [`Transport`]: the device interface on Windows, a socket to a running netcx-lab on Linux.
#![deny(unsafe_code)]

pub mod answer;
pub mod cli;
mod client;
mod error;
pub mod events;
pub mod frame;
pub mod info;
#[cfg(unix)]
pub mod lab;
pub mod link;
pub mod registers;
pub mod ring;
mod screen;
pub mod stats;
mod table;
mod transport;
pub mod vmq;
#[cfg(windows)]
#[expect(unsafe_code, reason = "the calls of Windows")]
pub mod windows;

pub use client::{Client, Vlan};
pub use error::{Error, Status};
pub use transport::{Completion, Control, Transport};
