//! Net rings with their ownership rules as types.
//!
//! A ring's elements between Begin and End belong to the driver, all others to the framework (contract.md 3.1, "Who owns
//! which index"). [`TxRings`] and [`RxRings`] reach only the former, return them in order, and move both Begin indices
//! together. The framework calls the hooks of one queue one at a time and leaves the rings alone meanwhile, so plain
//! loads and stores are enough; `&mut` says the same to the compiler.

mod extension;
mod raw;
mod rx;
mod tx;

#[doc(hidden)]
#[cfg(any(all(test, not(loom)), feature = "fake-framework"))]
pub mod fake;

#[cfg(all(test, not(loom)))]
mod tests;

pub(crate) use extension::Extension;
pub(crate) use raw::Ring;
pub use rx::{Delivered, FreeBuffers, Receive, RxRings, Unoffered};
pub use tx::{Fragments, TxFragment, TxPacket, TxRings, Waiting};
