//! VM queues from the consumer's side: a virtual switch that opens igbcx's VMQ interface, issues genuine OID requests,
//! receives, holds packets for a while, returns them in any order, and judges every call by the [rules].
//!
//! ```no_run
//! use netcx_lab::vmq::{Collected, Filter, Hold, Interface, Vlan};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let machine = netcx_lab::Machine::builder().driver("igbcx.sys").build()?;
//! let interface = Interface::of(&machine)?;
//! let (frames, sink) = Collected::new();
//! let hold = Hold { packets: 16, in_callback: true };
//! let switch = interface.open(sink, hold, 1).map_err(|status| format!("{status:#x}"))?;
//! let queue = switch.add_queue(64, &[Filter { mac: [2, 0, 0, 0, 0, 9], vlan: Vlan::Any }])?;
//! // Frames for 02:00:00:00:00:09 come in `frames`.
//! drop(frames.take(queue));
//! switch.end()?;
//! # Ok(())
//! # }
//! ```

mod books;
mod door;
mod queues;
mod request;
pub mod rules;
mod run;
mod sink;
mod statuses;
mod switch;
mod tally;

pub use crate::random::Random;
pub use books::{Hold, Memory, Sink, Ticket};
pub use door::Table;
pub use request::{Answer, Filter, Info, Kind, Number, Request, Vlan};
pub use run::Run;
pub use sink::Collected;
pub use switch::{Interface, Refused, Switch};
pub use tally::{Counts, Tally, frame};
