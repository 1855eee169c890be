//! A safe layer over NetAdapterCx 2.2 and the parts of KMDF that a NIC driver needs.
//!
//! A driver implements three traits, and every framework callback is generated from them:
//! [`wdf::device::PnpDevice`] (hardware and power), [`adapter::NetAdapter`] (queues and receive filter) and
//! [`queue::PacketQueue`] (the five hooks of a packet queue). What the types carry:
//!
//! - IRQL is a zero-sized token ([`irql`]): a call that needs PASSIVE_LEVEL takes one and cannot be written elsewhere.
//! - `&mut self` in a queue hook is the framework's promise that the hooks of one queue never run concurrently; what an
//!   interrupt shares with it is a [`notify::Notification`].
//! - Ring elements have an owner ([`ring`]): only those between Begin and End can be reached, and they are returned in
//!   order.
//!
//! Rules quoted as "contract.md" are NetAdapterCx's own; see docs/architecture.md.
#![cfg_attr(not(any(test, loom, feature = "fake-framework")), no_std)]

pub mod adapter;
pub mod config;
pub mod irql;
pub mod mdl;
pub mod ndis;
pub mod notify;
pub mod queue;
pub mod ring;
pub mod status;
pub mod wdf;

pub use status::{Result, Status};
