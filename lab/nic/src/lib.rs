//! The lab's network adapter: a QEMU process with one PCI NIC and no running CPU, driven from here over qtest.
//!
//! ```text
//!  driver under test ── mmio_read/write, pci_read/write ──► Nic ──qtest──► QEMU: PCI bus, igb, VT-d
//!        │                                                   ▲               │
//!        └── RamBlock (shared memory) ◄──── DMA, MSI-X messages ─────────────┘──► wire (datagram socket or slirp)
//! ```
//!
//! Guest RAM is one memory file mapped on both sides, so a DMA of the model is at once visible here. MSI-X messages
//! are memory writes to RAM slots that [`Nic::take_interrupts`] polls. Register writes are posted: they are kept in
//! order in a buffer and reach the model no later than the next read, interrupt poll or idle call.
//!
//! A QEMU that dies never panics the caller, who may stand in a signal handler: the adapter then behaves as if it
//! had been pulled out, [`Nic::failure`] says why, and standard error gets the reason once.

mod capture;
mod clock;
mod error;
mod fault_plan;
mod fence;
mod link;
mod msix;
mod nic;
mod page_ranges;
mod pci;
mod qemu;
mod qmp;
mod qtest;
mod ram;
mod stats;
mod sys;
mod wire;

pub use clock::Clock;
pub use error::NicError;
pub use fault_plan::{FaultPlan, ReadFault};
pub use fence::DmaFault;
pub use nic::{INTX_BIT, Nic, NicConfig};
pub use pci::Bar;
pub use qemu::{Endpoint, Net, virtual_time_qemu};
pub use ram::{GuestRam, PAGE_SIZE, RamBlock};
pub use stats::NicStats;
pub use wire::Wire;
