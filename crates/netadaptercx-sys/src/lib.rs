//! The ABI of NetAdapterCx 2.2 (Windows 11 21H2 and later): types, table indices and call shims, no logic.
//!
//! There is no generated header behind this crate. Each layout is asserted at compile time below its definition and
//! tested against `shared/abi`, which was read from Microsoft's headers. Names and shapes follow `wdk-sys`: enumerations
//! are constant modules, handles are distinct pointer types, `Size` comes first. Microsoft's DDI reference documents
//! every name.
//!
//! On a Linux host function pointer types use the win64 convention, so that netcx-lab can call a Windows driver and be
//! called by it with these very types.
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

use ndis_sys::{assert_layout, zeroed_default};
pub use ndis_sys::{evt, evt_fn};

mod bind;
mod callbacks;
mod enums;
mod functions;
mod handles;
mod ring;
mod structs;
mod table;

pub use bind::*;
pub use callbacks::*;
pub use enums::*;
pub use functions::*;
pub use handles::*;
pub use ring::*;
pub use structs::*;
pub use table::*;
