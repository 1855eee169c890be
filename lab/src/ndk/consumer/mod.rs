//! An NDK consumer, as a kernel component would be one: objects over the provider's genuine dispatch tables, callbacks,
//! and buffers described by MDLs.
//!
//! Every call may be made at DISPATCH_LEVEL ([`set_level`]); every answer and callback is checked by the rules here. What
//! a provider returns is looked at only as far as the rules allow: a wrong provider breaks a rule, not the lab.
//!
//! The consumer keeps its own side of NDKPI: calls on one queue are serialised by the caller, and a closed object is not
//! used again.
#![expect(unsafe_code, reason = "the dispatch tables are C function pointers, the objects C structures")]

mod adapter;
mod buffer;
mod calls;
mod connection;
mod cq;
mod object;
mod qp;
mod requests;

pub use adapter::{Adapter, Lam, Provider};
pub use buffer::{Buffer, Memory, Mr, Mw};
pub use calls::{Level, functions, running_callbacks, set_level};
pub use connection::{Connector, Endpoint, Listener, Side, address};
pub use cq::{Cq, Work};
pub use object::{Closing, Pd};
pub use qp::{Qp, QpDepth, Srq};
pub use requests::Pending;

use std::time::Duration;

/// Lab time after which a pending request counts as lost.
pub const LIMIT: Duration = Duration::from_secs(5);
