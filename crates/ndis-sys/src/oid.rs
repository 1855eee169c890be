//! OID requests and the OIDs of receive filters and queues.

use crate::*;
use wdk_sys::{PVOID, UCHAR, ULONG, USHORT};

pub mod _NDIS_REQUEST_TYPE {
    pub type Type = i32;
    pub const NdisRequestQueryInformation: Type = 0;
    pub const NdisRequestSetInformation: Type = 1;
    pub const NdisRequestQueryStatistics: Type = 2;
    pub const NdisRequestOpen: Type = 3;
    pub const NdisRequestClose: Type = 4;
    pub const NdisRequestSend: Type = 5;
    pub const NdisRequestTransferData: Type = 6;
    pub const NdisRequestReset: Type = 7;
    pub const NdisRequestGeneric1: Type = 8;
    pub const NdisRequestGeneric2: Type = 9;
    pub const NdisRequestGeneric3: Type = 10;
    pub const NdisRequestGeneric4: Type = 11;
    pub const NdisRequestMethod: Type = 12;
}
pub use self::_NDIS_REQUEST_TYPE::Type as NDIS_REQUEST_TYPE;

/// `DATA.QUERY_INFORMATION` of a [`NDIS_OID_REQUEST`].
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_OID_REQUEST_QUERY_INFORMATION {
    pub Oid: NDIS_OID,
    pub InformationBuffer: PVOID,
    pub InformationBufferLength: ULONG,
    pub BytesWritten: ULONG,
    pub BytesNeeded: ULONG,
}

zeroed_default!(NDIS_OID_REQUEST_QUERY_INFORMATION);
assert_layout!(
    NDIS_OID_REQUEST_QUERY_INFORMATION,
    32,
    8,
    Oid = 0,
    InformationBuffer = 8,
    InformationBufferLength = 16,
    BytesWritten = 20,
    BytesNeeded = 24
);

/// `DATA.SET_INFORMATION` of a [`NDIS_OID_REQUEST`].
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_OID_REQUEST_SET_INFORMATION {
    pub Oid: NDIS_OID,
    pub InformationBuffer: PVOID,
    pub InformationBufferLength: ULONG,
    pub BytesRead: ULONG,
    pub BytesNeeded: ULONG,
}

zeroed_default!(NDIS_OID_REQUEST_SET_INFORMATION);
assert_layout!(
    NDIS_OID_REQUEST_SET_INFORMATION,
    32,
    8,
    Oid = 0,
    InformationBuffer = 8,
    InformationBufferLength = 16,
    BytesRead = 20,
    BytesNeeded = 24
);

/// `DATA.METHOD_INFORMATION` of a [`NDIS_OID_REQUEST`].
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_OID_REQUEST_METHOD_INFORMATION {
    pub Oid: NDIS_OID,
    pub InformationBuffer: PVOID,
    pub InputBufferLength: ULONG,
    pub OutputBufferLength: ULONG,
    pub MethodId: ULONG,
    pub BytesWritten: ULONG,
    pub BytesRead: ULONG,
    pub BytesNeeded: ULONG,
}

zeroed_default!(NDIS_OID_REQUEST_METHOD_INFORMATION);
assert_layout!(
    NDIS_OID_REQUEST_METHOD_INFORMATION,
    40,
    8,
    Oid = 0,
    InformationBuffer = 8,
    InputBufferLength = 16,
    OutputBufferLength = 20,
    MethodId = 24,
    BytesWritten = 28,
    BytesRead = 32,
    BytesNeeded = 36
);

/// `DATA` of a [`NDIS_OID_REQUEST`]; `Oid` is the first field of each form.
#[repr(C)]
#[derive(Clone, Copy)]
pub union NDIS_OID_REQUEST_DATA {
    pub Oid: NDIS_OID,
    pub QUERY_INFORMATION: NDIS_OID_REQUEST_QUERY_INFORMATION,
    pub SET_INFORMATION: NDIS_OID_REQUEST_SET_INFORMATION,
    pub METHOD_INFORMATION: NDIS_OID_REQUEST_METHOD_INFORMATION,
}

zeroed_default!(NDIS_OID_REQUEST_DATA);
assert_layout!(
    NDIS_OID_REQUEST_DATA,
    40,
    8,
    Oid = 0,
    QUERY_INFORMATION = 0,
    SET_INFORMATION = 0,
    METHOD_INFORMATION = 0
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_OID_REQUEST {
    pub Header: NDIS_OBJECT_HEADER,
    pub RequestType: NDIS_REQUEST_TYPE,
    pub PortNumber: NDIS_PORT_NUMBER,
    pub Timeout: ULONG,
    pub RequestId: PVOID,
    pub RequestHandle: NDIS_HANDLE,
    pub DATA: NDIS_OID_REQUEST_DATA,
    pub NdisReserved: [UCHAR; 128],
    pub MiniportReserved: [UCHAR; 16],
    pub SourceReserved: [UCHAR; 16],
    pub SupportedRevision: UCHAR,
    pub Reserved1: UCHAR,
    pub Reserved2: USHORT,
    pub SwitchId: NDIS_NIC_SWITCH_ID,
    pub VPortId: NDIS_NIC_SWITCH_VPORT_ID,
    pub Flags: ULONG,
}

zeroed_default!(NDIS_OID_REQUEST);
assert_layout!(
    NDIS_OID_REQUEST,
    248,
    8,
    Header = 0,
    RequestType = 4,
    PortNumber = 8,
    Timeout = 12,
    RequestId = 16,
    RequestHandle = 24,
    DATA = 32,
    NdisReserved = 72,
    MiniportReserved = 200,
    SourceReserved = 216,
    SupportedRevision = 232,
    Reserved1 = 233,
    Reserved2 = 234,
    SwitchId = 236,
    VPortId = 240,
    Flags = 244
);

pub const NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID: ULONG = 1;
pub const NDIS_OID_REQUEST_NDIS_RESERVED_SIZE: ULONG = 16;
pub const NDIS_OID_REQUEST_REVISION_1: UCHAR = 1;
pub const NDIS_OID_REQUEST_REVISION_2: UCHAR = 2;
pub const NDIS_OID_REQUEST_TIMEOUT_INFINITE: ULONG = 0;
pub const NDIS_SIZEOF_OID_REQUEST_REVISION_1: USHORT = 236;
pub const NDIS_SIZEOF_OID_REQUEST_REVISION_2: USHORT = 248;

pub const OID_RECEIVE_FILTER_ALLOCATE_QUEUE: NDIS_OID = 0x0001_0223;
pub const OID_RECEIVE_FILTER_CLEAR_FILTER: NDIS_OID = 0x0001_0228;
pub const OID_RECEIVE_FILTER_CURRENT_CAPABILITIES: NDIS_OID = 0x0001_022D;
pub const OID_RECEIVE_FILTER_ENUM_FILTERS: NDIS_OID = 0x0001_0229;
pub const OID_RECEIVE_FILTER_ENUM_QUEUES: NDIS_OID = 0x0001_0225;
pub const OID_RECEIVE_FILTER_FREE_QUEUE: NDIS_OID = 0x0001_0224;
pub const OID_RECEIVE_FILTER_GLOBAL_PARAMETERS: NDIS_OID = 0x0001_0222;
pub const OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES: NDIS_OID = 0x0001_0221;
pub const OID_RECEIVE_FILTER_MOVE_FILTER: NDIS_OID = 0x0001_0230;
pub const OID_RECEIVE_FILTER_PARAMETERS: NDIS_OID = 0x0001_022A;
pub const OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE: NDIS_OID = 0x0001_022B;
pub const OID_RECEIVE_FILTER_QUEUE_PARAMETERS: NDIS_OID = 0x0001_0226;
pub const OID_RECEIVE_FILTER_SET_FILTER: NDIS_OID = 0x0001_0227;
