//! What every NDIS structure is made of: header, handles, identifiers.

use core::ffi::c_void;
use wdk_sys::{UCHAR, ULONG, USHORT, WCHAR};

pub type NDIS_HANDLE = *mut c_void;
/// An NTSTATUS or one of NDIS' own codes; a negative one is an error.
pub type NDIS_STATUS = i32;
pub type NDIS_OID = ULONG;
pub type NDIS_PORT_NUMBER = ULONG;
pub type NDIS_RECEIVE_QUEUE_ID = ULONG;
pub type NDIS_RECEIVE_QUEUE_GROUP_ID = ULONG;
pub type NDIS_RECEIVE_FILTER_ID = ULONG;
pub type NDIS_NIC_SWITCH_ID = ULONG;
pub type NDIS_NIC_SWITCH_VPORT_ID = ULONG;
pub type NDIS_QOS_SQ_ID = ULONG;
pub type NDIS_VM_NAME = IF_COUNTED_STRING_LH;
pub type NDIS_QUEUE_NAME = IF_COUNTED_STRING_LH;
/// `NODE_REQUIREMENT` of wdm.h: a NUMA node number or `MM_ANY_NODE_OK`.
pub type NODE_REQUIREMENT = ULONG;
/// Any NUMA node will do.
pub const MM_ANY_NODE_OK: NODE_REQUIREMENT = 0x8000_0000;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_OBJECT_HEADER {
    pub Type: UCHAR,
    pub Revision: UCHAR,
    pub Size: USHORT,
}

zeroed_default!(NDIS_OBJECT_HEADER);
assert_layout!(NDIS_OBJECT_HEADER, 4, 2, Type = 0, Revision = 1, Size = 2);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct IF_COUNTED_STRING_LH {
    pub Length: USHORT,
    pub String: [WCHAR; 257],
}

zeroed_default!(IF_COUNTED_STRING_LH);
assert_layout!(IF_COUNTED_STRING_LH, 516, 2, Length = 0, String = 2);

pub const NDIS_DEFAULT_PORT_NUMBER: NDIS_PORT_NUMBER = 0;
pub const NDIS_DEFAULT_RECEIVE_FILTER_ID: NDIS_RECEIVE_FILTER_ID = 0;
pub const NDIS_DEFAULT_RECEIVE_QUEUE_GROUP_ID: NDIS_RECEIVE_QUEUE_GROUP_ID = 0;
pub const NDIS_DEFAULT_RECEIVE_QUEUE_ID: NDIS_RECEIVE_QUEUE_ID = 0;
pub const NDIS_DEFAULT_SWITCH_ID: NDIS_NIC_SWITCH_ID = 0;
pub const NDIS_DEFAULT_VPORT_ID: NDIS_NIC_SWITCH_VPORT_ID = 0;
pub const NDIS_INVALID_SWITCH_ID: NDIS_NIC_SWITCH_ID = 0xFFFF_FFFF;
pub const NDIS_INVALID_VPORT_ID: NDIS_NIC_SWITCH_VPORT_ID = 0xFFFF_FFFF;
pub const NDIS_OBJECT_TYPE_DEFAULT: UCHAR = 128;
pub const NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_NDK_ATTRIBUTES: UCHAR = 179;
pub const NDIS_OBJECT_TYPE_NDK_PROVIDER_CHARACTERISTICS: UCHAR = 178;
pub const NDIS_OBJECT_TYPE_OID_REQUEST: UCHAR = 150;
pub const NDIS_OBJECT_TYPE_SHARED_MEMORY_PROVIDER_CHARACTERISTICS: UCHAR = 176;
pub const NDIS_OBJECT_TYPE_STATUS_INDICATION: UCHAR = 152;
