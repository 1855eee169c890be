//! NetAdapterCx 2.x as a client driver sees it, as strict as the open source of Windows 11 21H2.
//!
//! Register [`CLASS`] with `lab_kmdf::register_class` before a driver is loaded, set [`Options`] with [`set_options`], and
//! drive the device through `lab_kmdf`. Once the driver made its adapter, [`adapter_of`] is the stack's side of it:
//! packets to send and packets received, filters, link state, counters.
//!
//! A broken rule is one of two kinds: what the real framework answers with bugcheck 0x19E ends the run with the same
//! [`FailureCode`] ([`contract::CONTRACTS`]); what it answers with silence (a dropped packet, a hang) is a violation of a
//! lab rule.
//!
//! `NetAdapterCx 21H2 netcx/...` in a source line is a file of microsoft/Network-Adapter-Class-Extension, branch
//! release_21H2.

mod adapter;
mod api;
mod bind;
pub mod capabilities;
mod client;
pub mod contract;
mod datapath;
mod device;
mod dma;
mod ec;
mod extension;
pub mod failure;
mod filter;
mod framelayout;
mod names;
mod ndis;
mod options;
mod path;
mod queue;
mod ring;
mod rx;
mod sizing;
mod stack;
mod stats;
mod table;
mod token;
mod tx;
mod verifier;
mod wdf;

pub use adapter::{Adapter, LinkState};
pub use bind::{CLASS, NetAdapterCx};
pub use device::{ResetReport, adapter_of, reset_report};
pub use failure::{BUGCODE_NETADAPTER_DRIVER, FailureCode};
pub use ndis::{resolve, shared_memory};
pub use options::{Options, Placement, options, set_options, starve};
pub use stack::{RxPacket, TX_BACKLOG, TxPacket};
pub use stats::{AdapterStats, QueueStats};
pub use table::not_implemented;
