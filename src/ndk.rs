//! NDK: objects, completions and a loopback transport for other kernel components.
//!
//! The engine is the [`ndk`] crate's. Here are the way to it, a query interface ([`door`]), and what it needs of Windows
//! ([`platform`]).

pub mod door;
pub mod platform;

pub use platform::Ndk;
