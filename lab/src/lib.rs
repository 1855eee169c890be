//! netcx-lab: a NetAdapterCx driver, bit for bit as shipped, on Linux.
//!
//! A [`Machine`] is one processor with an NT kernel, KMDF and NetAdapterCx written for the lab, QEMU's model of a network
//! adapter below and smoltcp above. It loads the driver's `.sys`, moves its device through PnP and power states, carries
//! traffic, and judges what the driver does by [rules](lab_kernel::rules), each with its source.
//!
//! ```no_run
//! use netcx_lab::{Machine, Net};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), netcx_lab::Error> {
//! let mut machine = Machine::builder().driver("igbcx.sys").inf("igbcx.inx").net(Net::Wire).seed(7).build()?;
//! machine.start()?;
//! machine.wait_link(true, Duration::from_secs(10))?;
//! if let Some(wire) = machine.wire() {
//!     wire.send(&[0xFF; 60]);
//!     wire.barrier();
//! }
//! let report = machine.finish();
//! assert!(report.ok, "{:?}", report.failures);
//! # Ok(())
//! # }
//! ```
//!
//! One process runs one machine: a stop of the machine (bugcheck) ends the process with code 3.

// Two modules opt in, the ABI edges of the VMQ and the NDK consumer: they call the driver by pointers.
#![deny(unsafe_code)]

pub mod board;
mod builder;
pub mod cli;
pub mod control;
pub mod demo;
mod error;
pub mod http;
pub mod info;
pub mod log;
mod machine;
pub mod model;
pub mod ndk;
pub mod pattern;
pub mod progress;
mod random;
pub mod report;
pub mod server;
pub mod sha256;
pub mod stack;
pub mod vmq;

pub use builder::Builder;
pub use error::{Error, Status};
pub use lab_inf as inf;
pub use lab_kmdf::RegValue;
pub use lab_netcx::{Adapter, Options, RxPacket, TxPacket};
pub use lab_nic::{Clock, Net, NicError};
pub use machine::Machine;
pub use report::Report;
