//! What a NIC driver may ask of NDIS itself, past the class extension: memory shared with the device for a receive queue.

use crate::{Result, Status, adapter::Adapter, irql::Passive};
use core::{
    mem::size_of,
    ptr::{NonNull, null_mut},
};
use ndis_sys::{
    _NDIS_SHARED_MEMORY_USAGE, MM_ANY_NODE_OK, NDIS_HANDLE, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_DEFAULT,
    NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS, NDIS_SHARED_MEMORY_PARAMETERS, NDIS_SHARED_MEMORY_PARAMETERS_REVISION_1,
    NDIS_SHARED_MEMORY_USAGE, NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_1, SCATTER_GATHER_LIST,
};

/// What shared memory is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Receive buffers.
    Receive,
    /// Descriptor rings.
    Other,
}

impl Usage {
    const fn raw(self) -> NDIS_SHARED_MEMORY_USAGE {
        match self {
            Self::Receive => _NDIS_SHARED_MEMORY_USAGE::NdisSharedMemoryUsageReceive,
            Self::Other => _NDIS_SHARED_MEMORY_USAGE::NdisSharedMemoryUsageOther,
        }
    }
}

/// Contiguous memory from NdisAllocateSharedMemory. Dropping it leaks it; [`Self::free`] gives it back.
#[derive(Debug)]
pub struct SharedMemory {
    adapter: NDIS_HANDLE,
    allocation: NDIS_HANDLE,
    address: NonNull<u8>,
    device_address: u64,
}
// SAFETY: plain memory, owned, and handles that NDIS takes from any thread.
unsafe impl Send for SharedMemory {}

impl SharedMemory {
    /// `len` bytes (not 0) of receive queue `queue`, with whatever they held before.
    ///
    /// # Errors
    /// NDIS' status; STATUS_INSUFFICIENT_RESOURCES when it gave no contiguous memory after all.
    pub fn new(adapter: Adapter, queue: u32, usage: Usage, len: u32, passive: Passive<'_>) -> Result<Self> {
        let mut list = SCATTER_GATHER_LIST::default();
        let mut parameters = NDIS_SHARED_MEMORY_PARAMETERS {
            Header: NDIS_OBJECT_HEADER {
                Type: NDIS_OBJECT_TYPE_DEFAULT,
                Revision: NDIS_SHARED_MEMORY_PARAMETERS_REVISION_1,
                Size: NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_1,
            },
            Flags: NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS,
            QueueId: queue,
            PreferredNode: MM_ANY_NODE_OK,
            Usage: usage.raw(),
            Length: len,
            SGListBufferLength: size_of::<SCATTER_GATHER_LIST>() as u32,
            SGListBuffer: &raw mut list,
            ..NDIS_SHARED_MEMORY_PARAMETERS::default()
        };
        let adapter = adapter.ndis_handle(passive.into());
        let mut allocation: NDIS_HANDLE = null_mut();
        // SAFETY: the handle of a live adapter, live structures, PASSIVE_LEVEL by the token.
        Status::check(unsafe {
            ndis_sys::NdisAllocateSharedMemory(adapter, &raw mut parameters, &raw mut allocation)
        })?;
        let element = list.Elements[0];
        let whole = list.NumberOfElements == 1 && element.Length >= len;
        match NonNull::new(parameters.VirtualAddress.cast()).filter(|_| whole) {
            Some(address) => {
                // SAFETY: every bit pattern of the union is a QuadPart.
                let device_address = unsafe { element.Address.QuadPart } as u64;
                Ok(Self { adapter, allocation, address, device_address })
            }
            None => {
                // SAFETY: just allocated, and nothing refers to it.
                unsafe { ndis_sys::NdisFreeSharedMemory(adapter, allocation) };
                Err(Status::new(wdk_sys::STATUS_INSUFFICIENT_RESOURCES))
            }
        }
    }

    /// First byte for the CPU.
    #[must_use]
    pub const fn address(&self) -> NonNull<u8> {
        self.address
    }

    /// First byte for the device.
    #[must_use]
    pub const fn device_address(&self) -> u64 {
        self.device_address
    }

    /// Gives the memory back. Nothing uses it any more, the device included.
    pub fn free(self, _passive: Passive<'_>) {
        // SAFETY: allocated in `new` with this adapter's handle, freed once.
        unsafe { ndis_sys::NdisFreeSharedMemory(self.adapter, self.allocation) };
    }
}
