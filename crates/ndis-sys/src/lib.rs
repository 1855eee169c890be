//! The ABI of NDIS VM queues and, in [`ndk`], of NDKPI: types and constants, no logic.
//!
//! There is no generated header behind this crate. Each layout is asserted at compile time below its definition and
//! tested against `shared/abi`, which was read from Microsoft's headers and reference. Names and shapes follow
//! `wdk-sys`: enumerations are constant modules, an inline union or structure is a type of its own, function pointers
//! are optional. Microsoft's DDI reference documents every name.
//!
//! Some types and constants (`NODE_REQUIREMENT`, `MM_ANY_NODE_OK`, `SCATTER_GATHER_LIST`, the codes in [`ndk::status`])
//! exist in the genuine `wdk-sys` too: name what you import, or the two globs collide on Windows.
//!
//! On a Linux host function pointer types use the win64 convention, as everywhere in this repository.
#![no_std]
#![allow(
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    clippy::missing_safety_doc,
    clippy::too_many_arguments,
    clippy::upper_case_acronyms,
    reason = "the names and shapes are the WDK's, and its reference documents them"
)]

#[macro_use]
mod macros;

mod base;
pub mod ndk;
mod oid;
mod receive_filter;
mod receive_queue;
mod shared_memory;
mod status;

pub use base::*;
pub use oid::*;
pub use receive_filter::*;
pub use receive_queue::*;
pub use shared_memory::*;
pub use status::*;
