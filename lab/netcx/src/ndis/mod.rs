//! NDIS.SYS as far as a client of NetAdapterCx reaches it past the class extension: shared memory of receive queues.
#![allow(non_snake_case, reason = "the names are those of the exports")]

pub mod shared_memory;

use lab_kernel::cpu;
use lab_kernel::exports::{IRQL_PASSIVE, entered};
use ndis_sys::{NDIS_HANDLE, NDIS_SHARED_MEMORY_PARAMETERS, NDIS_STATUS};

/// The address of an import of NDIS.SYS; `None` for what the lab does not have.
pub fn resolve(module: &str, name: &str) -> Option<usize> {
    if !module.eq_ignore_ascii_case("ndis.sys") {
        return None;
    }
    match name {
        "NdisAllocateSharedMemory" => Some(NdisAllocateSharedMemory as *const () as usize),
        "NdisFreeSharedMemory" => Some(NdisFreeSharedMemory as *const () as usize),
        _ => None,
    }
}

/// How each export begins; both are documented for PASSIVE_LEVEL.
fn enter(name: &'static str) {
    let irql = cpu::irql();
    IRQL_PASSIVE.check(irql == cpu::PASSIVE_LEVEL, || format!("{name} at IRQL {irql}"));
    entered(name);
}

unsafe extern "win64" fn NdisAllocateSharedMemory(
    adapter: NDIS_HANDLE,
    parameters: *mut NDIS_SHARED_MEMORY_PARAMETERS,
    handle: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    let name = "NdisAllocateSharedMemory";
    enter(name);
    let failure = lab_kmdf::take_failure(name);
    // SAFETY: the driver's pointers, as the DDI has them; null is looked for, anything else wild faults as in Windows.
    unsafe { shared_memory::allocate(adapter as usize, parameters, handle, failure) }
}

unsafe extern "win64" fn NdisFreeSharedMemory(adapter: NDIS_HANDLE, handle: NDIS_HANDLE) {
    enter("NdisFreeSharedMemory");
    shared_memory::free(adapter as usize, handle as usize);
}
