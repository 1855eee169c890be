//! The parts of KMDF that a NIC driver needs, with their ownership and IRQL rules as types.

pub mod assigned;
pub mod device;
pub mod dma;
pub mod dpc;
pub mod interrupt;
pub mod io_queue;
pub mod lock;
pub mod mmio;
pub mod object;
pub mod query_interface;
pub mod request;
pub mod resources;
pub mod time;
pub mod timer;
pub mod work_item;
