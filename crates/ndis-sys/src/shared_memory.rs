//! Memory that NDIS shares with the adapter and, through it, with a queue's consumer.

use crate::*;
use wdk_sys::{PHYSICAL_ADDRESS, PVOID, UCHAR, ULONG, ULONG_PTR, USHORT};

pub mod _NDIS_SHARED_MEMORY_USAGE {
    pub type Type = i32;
    pub const NdisSharedMemoryUsageUndefined: Type = 0;
    pub const NdisSharedMemoryUsageXmit: Type = 1;
    pub const NdisSharedMemoryUsageXmitHeader: Type = 2;
    pub const NdisSharedMemoryUsageXmitData: Type = 3;
    pub const NdisSharedMemoryUsageReceive: Type = 4;
    pub const NdisSharedMemoryUsageReceiveLookahead: Type = 5;
    pub const NdisSharedMemoryUsageReceivePostLookahead: Type = 6;
    pub const NdisSharedMemoryUsageReceiveHeader: Type = 7;
    pub const NdisSharedMemoryUsageReceiveData: Type = 8;
    pub const NdisSharedMemoryUsageOther: Type = 9;
    pub const NdisSharedMemoryUsageMax: Type = 10;
}
pub use self::_NDIS_SHARED_MEMORY_USAGE::Type as NDIS_SHARED_MEMORY_USAGE;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct SCATTER_GATHER_ELEMENT {
    pub Address: PHYSICAL_ADDRESS,
    pub Length: ULONG,
    pub Reserved: ULONG_PTR,
}

zeroed_default!(SCATTER_GATHER_ELEMENT);
assert_layout!(SCATTER_GATHER_ELEMENT, 24, 8, Address = 0, Length = 8, Reserved = 16);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct SCATTER_GATHER_LIST {
    pub NumberOfElements: ULONG,
    pub Reserved: ULONG_PTR,
    pub Elements: [SCATTER_GATHER_ELEMENT; 1],
}

zeroed_default!(SCATTER_GATHER_LIST);
assert_layout!(SCATTER_GATHER_LIST, 40, 8, NumberOfElements = 0, Reserved = 8, Elements = 16);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_SHARED_MEMORY_PARAMETERS {
    pub Header: NDIS_OBJECT_HEADER,
    pub Flags: ULONG,
    pub QueueId: NDIS_RECEIVE_QUEUE_ID,
    pub SharedMemoryHandle: NDIS_HANDLE,
    pub PreferredNode: NODE_REQUIREMENT,
    pub Usage: NDIS_SHARED_MEMORY_USAGE,
    pub Length: ULONG,
    pub VirtualAddress: PVOID,
    pub SGListBufferLength: ULONG,
    pub SGListBuffer: *mut SCATTER_GATHER_LIST,
    pub VPortId: NDIS_NIC_SWITCH_VPORT_ID,
}

zeroed_default!(NDIS_SHARED_MEMORY_PARAMETERS);
assert_layout!(
    NDIS_SHARED_MEMORY_PARAMETERS,
    72,
    8,
    Header = 0,
    Flags = 4,
    QueueId = 8,
    SharedMemoryHandle = 16,
    PreferredNode = 24,
    Usage = 28,
    Length = 32,
    VirtualAddress = 40,
    SGListBufferLength = 48,
    SGListBuffer = 56,
    VPortId = 64
);

pub type ALLOCATE_SHARED_MEMORY_HANDLER =
    Option<evt_fn!(fn(NDIS_HANDLE, *mut NDIS_SHARED_MEMORY_PARAMETERS, *mut NDIS_HANDLE) -> NDIS_STATUS)>;
pub type FREE_SHARED_MEMORY_HANDLER = Option<evt_fn!(fn(NDIS_HANDLE, NDIS_HANDLE))>;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS {
    pub Header: NDIS_OBJECT_HEADER,
    pub Flags: ULONG,
    pub ProviderContext: NDIS_HANDLE,
    pub AllocateSharedMemoryHandler: ALLOCATE_SHARED_MEMORY_HANDLER,
    pub FreeSharedMemoryHandler: FREE_SHARED_MEMORY_HANDLER,
}

zeroed_default!(NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS);
assert_layout!(
    NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS,
    32,
    8,
    Header = 0,
    Flags = 4,
    ProviderContext = 8,
    AllocateSharedMemoryHandler = 16,
    FreeSharedMemoryHandler = 24
);

pub const NDIS_SHARED_MEMORY_PARAMETERS_REVISION_1: UCHAR = 1;
pub const NDIS_SHARED_MEMORY_PARAMETERS_REVISION_2: UCHAR = 2;
pub const NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS_REVISION_1: UCHAR = 1;
pub const NDIS_SHARED_MEMORY_PROVIDER_CHAR_SUPPORTS_PF_VPORTS: ULONG = 1;
pub const NDIS_SHARED_MEM_HANDLE_HAL_ALLOCATED: ULONG = 0;
pub const NDIS_SHARED_MEM_PARAMETERS_CONTIGOUS: ULONG = 1;
pub const NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS: ULONG = 1;

pub const NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_1: USHORT = 64;
pub const NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2: USHORT = 68;
pub const NDIS_SIZEOF_SHARED_MEMORY_PROVIDER_CHARACTERISTICS_REVISION_1: USHORT = 32;

#[cfg_attr(target_os = "windows", link(name = "NDIS.SYS", kind = "raw-dylib", modifiers = "+verbatim"))]
unsafe extern "C" {
    pub fn NdisAllocateSharedMemory(
        NdisHandle: NDIS_HANDLE,
        SharedMemoryParameters: *mut NDIS_SHARED_MEMORY_PARAMETERS,
        pAllocationHandle: *mut NDIS_HANDLE,
    ) -> NDIS_STATUS;
    pub fn NdisFreeSharedMemory(NdisHandle: NDIS_HANDLE, AllocationHandle: NDIS_HANDLE);
}
