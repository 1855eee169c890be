//! NDKPI: objects, dispatch tables and callbacks between an NDK consumer and a provider.

mod callbacks;
mod constants;
mod dispatch;
mod ndis;
mod objects;
mod sockaddr;
pub mod status;

pub use callbacks::*;
pub use constants::*;
pub use dispatch::*;
pub use ndis::*;
pub use objects::*;
pub use sockaddr::*;

/// An address as the adapter sees it.
pub type NDK_LOGICAL_ADDRESS = wdk_sys::PHYSICAL_ADDRESS;
