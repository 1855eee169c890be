//! TraceLogging for kernel drivers: ETW events that carry their own description, so that any trace tool decodes them
//! without a manifest.
//!
//! [`metadata`] makes the descriptions of provider and events at compile time, [`Provider`] is the registration with ETW.
//! While no trace session listens, an event costs one relaxed load and one branch.
//!
//! ```no_run
//! use tracelogging::{Event, Field, Level, Provider, Type, event, provider, GUID};
//!
//! static PROVIDER: Provider = provider!("MyProvider", GUID {
//!     Data1: 0xb3864c38, Data2: 0x4273, Data3: 0x58c5, Data4: [0x54, 0x5b, 0x8b, 0x36, 0x08, 0x34, 0x34, 0x71],
//! });
//! static LINK_UP: Event = event!("LinkUp", Level::Information, 0x2, [Field::new("Speed", Type::U32)]);
//!
//! PROVIDER.write(&LINK_UP, &1000_u32.to_ne_bytes());
//! ```
#![cfg_attr(not(test), no_std)]

pub mod metadata;
mod provider;

pub use metadata::{Field, Type};
pub use provider::{Event, Level, Provider};
pub use wdk_sys::GUID;
