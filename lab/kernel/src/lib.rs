//! The one-processor NT machine of netcx-lab.
//!
//! Every lab thread (system threads of the driver, execution contexts, the TCP/IP stack, the test itself) is an OS
//! thread, but exactly one of them runs at a time: the holder of the baton ([`cpu`]). A driver image is mapped by
//! [`image`], calls the kernel through [`exports`], reaches its device through [`mmio`] and is judged by [`mod@rules`]. What
//! Windows would answer with a blue screen ends the process here ([`bugcheck`]) with a file:line backtrace.
//!
//! One process runs one machine. No lock of the lab may be held across a call into the driver or a [`cpu`] call that can
//! switch threads or run DPCs.

pub mod backtrace;
pub mod bugcheck;
pub mod cpu;
pub mod dma;
pub mod etw;
pub mod exports;
pub mod image;
pub mod mdl;
mod memory;
pub mod mmio;
pub mod platform;
pub mod pool;
pub mod rules;
mod shared_user;
mod traps;

pub use platform::Platform;
