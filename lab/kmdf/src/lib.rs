//! KMDF 1.33 as a driver sees it, strict: every entry checks its IRQL, its handles and its arguments as rules with a
//! source, and wrong use that the real framework answers with a bugcheck is bugcheck 0x10D here.
//!
//! A driver gets in through [`resolve`] (the exports of WDFLDR.SYS) and then calls the 458 entries of the function
//! table. The lab drives it as the PnP manager would: [`load_driver`], [`Driver::add_device`], [`Device::start`].
//! Class extensions (NetAdapterCx) register with [`register_class`] and use the object functions exported here.
//!
//! Names of table entries are the framework's own; each file says in which source of microsoft/Windows-Driver-Frameworks
//! (WDF) or on which reference page (DDI) its behaviour is written. Entries that are not here stop the run and name
//! themselves.
//!
//! All state belongs to the baton holder of `lab_kernel::cpu`; no lock is held across a call into the driver.

mod abi;
mod args;
mod bus;
mod class;
mod collection;
mod ddi;
mod device;
mod dma;
mod dpc;
mod driver;
mod fault;
mod interrupt;
mod io;
mod loader;
mod lock;
mod memory;
mod names;
mod object;
mod query_interface;
mod registry;
mod resources;
mod serial;
mod table;
mod timer;
mod verifier;
mod work_item;
mod worker;

pub use bus::Bus;
pub use class::ClassExtension;
pub use device::{Device, Failure, PowerState, attach_class, bus_of, class_data, power_state, registry_of};
pub use dma::{DmaEnablerInfo, common_buffer_at, dma_enabler_info, revoke_common_buffer};
pub use driver::{Driver, Entry, RunError, load_driver, run_entry};
pub use fault::{clear_failures, fail_call, take_failure};
pub use io::{Completion, Exposed, File, Ioctl};
pub use loader::{register_class, resolve};
pub use object::{
    Hooks, LiveObject, create_object, delete_object, dereference, kind_of, live_objects, parent_of, payload,
    payload_opt, reference, set_hooks,
};
pub use registry::{RegValue, Registry};
pub use resources::Resources;
