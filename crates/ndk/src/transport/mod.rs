//! What the loopback transport is made of: registered memory and its tokens, queues of requests, moving bytes.

pub(crate) mod access;
pub(crate) mod address;
pub(crate) mod buffer;
pub(crate) mod copy;
mod execute;
pub(crate) mod lam;
pub mod limits;
pub(crate) mod mapping;
pub(crate) mod memory;
pub(crate) mod request;
pub(crate) mod span;
pub(crate) mod token;

/// PAGE_SIZE of the platforms igbcx is built for.
pub const PAGE_SIZE: u64 = 4096;
