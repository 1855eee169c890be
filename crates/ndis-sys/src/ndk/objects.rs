//! NDK objects, and what is passed along with them.

use super::*;
use core::ffi::c_void;
use wdk_sys::{NTSTATUS, PVOID, SIZE_T, UINT32, ULONG, ULONG_PTR, USHORT};

pub mod _NDK_OBJECT_TYPE {
    pub type Type = i32;
    pub const NdkObjectTypeUndefined: Type = 0;
    pub const NdkObjectTypeAdapter: Type = 1;
    pub const NdkObjectTypeQp: Type = 2;
    pub const NdkObjectTypeCq: Type = 3;
    pub const NdkObjectTypeMr: Type = 4;
    pub const NdkObjectTypeMw: Type = 5;
    pub const NdkObjectTypePd: Type = 6;
    pub const NdkObjectTypeSharedEndpoint: Type = 7;
    pub const NdkObjectTypeConnector: Type = 8;
    pub const NdkObjectTypeListener: Type = 9;
    pub const NdkObjectTypeSrq: Type = 10;
    pub const NdkObjectTypeMax: Type = 11;
}
pub use self::_NDK_OBJECT_TYPE::Type as NDK_OBJECT_TYPE;

pub mod _NDK_OPERATION_TYPE {
    pub type Type = i32;
    pub const NdkOperationTypeReceive: Type = 1;
    pub const NdkOperationTypeReceiveAndInvalidate: Type = 32769;
    pub const NdkOperationTypeSend: Type = 2;
    pub const NdkOperationTypeFastRegister: Type = 4;
    pub const NdkOperationTypeBind: Type = 8;
    pub const NdkOperationTypeInvalidate: Type = 16;
    pub const NdkOperationTypeRead: Type = 32;
    pub const NdkOperationTypeWrite: Type = 64;
}
pub use self::_NDK_OPERATION_TYPE::Type as NDK_OPERATION_TYPE;

pub mod _NDK_RDMA_TECHNOLOGY {
    pub type Type = i32;
    pub const NdkUndefined: Type = 0;
    pub const NdkiWarp: Type = 1;
    pub const NdkInfiniBand: Type = 2;
    pub const NdkRoCE: Type = 3;
    pub const NdkRoCEv2: Type = 4;
    pub const NdkMaxTechnology: Type = 5;
}
pub use self::_NDK_RDMA_TECHNOLOGY::Type as NDK_RDMA_TECHNOLOGY;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_VERSION {
    pub Major: USHORT,
    pub Minor: USHORT,
}

zeroed_default!(NDK_VERSION);
assert_layout!(NDK_VERSION, 4, 2, Major = 0, Minor = 2);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_OBJECT_HEADER_RESERVED_BLOCK {
    pub rf: [PVOID; 4],
}

zeroed_default!(NDK_OBJECT_HEADER_RESERVED_BLOCK);
assert_layout!(NDK_OBJECT_HEADER_RESERVED_BLOCK, 32, 8, rf = 0);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_OBJECT_HEADER {
    pub Version: NDK_VERSION,
    pub ObjectType: NDK_OBJECT_TYPE,
    pub NdkReserved: NDK_OBJECT_HEADER_RESERVED_BLOCK,
}

zeroed_default!(NDK_OBJECT_HEADER);
assert_layout!(NDK_OBJECT_HEADER, 40, 8, Version = 0, ObjectType = 4, NdkReserved = 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_EXTENSION_INTERFACE {
    pub Dispatch: *const c_void,
}

zeroed_default!(NDK_EXTENSION_INTERFACE);
assert_layout!(NDK_EXTENSION_INTERFACE, 8, 8, Dispatch = 0);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_ADAPTER {
    pub Header: NDK_OBJECT_HEADER,
    pub Dispatch: *const NDK_ADAPTER_DISPATCH,
}

zeroed_default!(NDK_ADAPTER);
assert_layout!(NDK_ADAPTER, 48, 8, Header = 0, Dispatch = 40);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_CQ {
    pub Header: NDK_OBJECT_HEADER,
    pub Dispatch: *const NDK_CQ_DISPATCH,
}

zeroed_default!(NDK_CQ);
assert_layout!(NDK_CQ, 48, 8, Header = 0, Dispatch = 40);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_PD {
    pub Header: NDK_OBJECT_HEADER,
    pub Dispatch: *const NDK_PD_DISPATCH,
}

zeroed_default!(NDK_PD);
assert_layout!(NDK_PD, 48, 8, Header = 0, Dispatch = 40);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_MR {
    pub Header: NDK_OBJECT_HEADER,
    pub Dispatch: *const NDK_MR_DISPATCH,
}

zeroed_default!(NDK_MR);
assert_layout!(NDK_MR, 48, 8, Header = 0, Dispatch = 40);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_MW {
    pub Header: NDK_OBJECT_HEADER,
    pub Dispatch: *const NDK_MW_DISPATCH,
}

zeroed_default!(NDK_MW);
assert_layout!(NDK_MW, 48, 8, Header = 0, Dispatch = 40);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_SRQ {
    pub Header: NDK_OBJECT_HEADER,
    pub Dispatch: *const NDK_SRQ_DISPATCH,
}

zeroed_default!(NDK_SRQ);
assert_layout!(NDK_SRQ, 48, 8, Header = 0, Dispatch = 40);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_QP {
    pub Header: NDK_OBJECT_HEADER,
    pub Dispatch: *const NDK_QP_DISPATCH,
}

zeroed_default!(NDK_QP);
assert_layout!(NDK_QP, 48, 8, Header = 0, Dispatch = 40);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_CONNECTOR {
    pub Header: NDK_OBJECT_HEADER,
    pub Dispatch: *const NDK_CONNECTOR_DISPATCH,
}

zeroed_default!(NDK_CONNECTOR);
assert_layout!(NDK_CONNECTOR, 48, 8, Header = 0, Dispatch = 40);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_LISTENER {
    pub Header: NDK_OBJECT_HEADER,
    pub Dispatch: *const NDK_LISTENER_DISPATCH,
}

zeroed_default!(NDK_LISTENER);
assert_layout!(NDK_LISTENER, 48, 8, Header = 0, Dispatch = 40);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_SHARED_ENDPOINT {
    pub Header: NDK_OBJECT_HEADER,
    pub Dispatch: *const NDK_SHARED_ENDPOINT_DISPATCH,
}

zeroed_default!(NDK_SHARED_ENDPOINT);
assert_layout!(NDK_SHARED_ENDPOINT, 48, 8, Header = 0, Dispatch = 40);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_ADAPTER_INFO {
    pub Version: NDK_VERSION,
    pub VendorId: UINT32,
    pub DeviceId: UINT32,
    pub MaxRegistrationSize: SIZE_T,
    pub MaxWindowSize: SIZE_T,
    pub FRMRPageCount: ULONG,
    pub MaxInitiatorRequestSge: ULONG,
    pub MaxReceiveRequestSge: ULONG,
    pub MaxReadRequestSge: ULONG,
    pub MaxTransferLength: ULONG,
    pub MaxInlineDataSize: ULONG,
    pub MaxInboundReadLimit: ULONG,
    pub MaxOutboundReadLimit: ULONG,
    pub MaxReceiveQueueDepth: ULONG,
    pub MaxInitiatorQueueDepth: ULONG,
    pub MaxSrqDepth: ULONG,
    pub MaxCqDepth: ULONG,
    pub LargeRequestThreshold: ULONG,
    pub MaxCallerData: ULONG,
    pub MaxCalleeData: ULONG,
    pub AdapterFlags: ULONG,
    pub RdmaTechnology: NDK_RDMA_TECHNOLOGY,
}

zeroed_default!(NDK_ADAPTER_INFO);
assert_layout!(
    NDK_ADAPTER_INFO,
    104,
    8,
    Version = 0,
    VendorId = 4,
    DeviceId = 8,
    MaxRegistrationSize = 16,
    MaxWindowSize = 24,
    FRMRPageCount = 32,
    MaxInitiatorRequestSge = 36,
    MaxReceiveRequestSge = 40,
    MaxReadRequestSge = 44,
    MaxTransferLength = 48,
    MaxInlineDataSize = 52,
    MaxInboundReadLimit = 56,
    MaxOutboundReadLimit = 60,
    MaxReceiveQueueDepth = 64,
    MaxInitiatorQueueDepth = 68,
    MaxSrqDepth = 72,
    MaxCqDepth = 76,
    LargeRequestThreshold = 80,
    MaxCallerData = 84,
    MaxCalleeData = 88,
    AdapterFlags = 92,
    RdmaTechnology = 96
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_LOGICAL_ADDRESS_MAPPING {
    pub AdapterContext: PVOID,
    pub AdapterPageCount: ULONG,
    pub AdapterPageArray: [NDK_LOGICAL_ADDRESS; 1],
}

zeroed_default!(NDK_LOGICAL_ADDRESS_MAPPING);
assert_layout!(NDK_LOGICAL_ADDRESS_MAPPING, 24, 8, AdapterContext = 0, AdapterPageCount = 8, AdapterPageArray = 16);

/// Where a [`NDK_SGE`] starts: a logical address when its token is the privileged one, else a virtual one.
#[repr(C)]
#[derive(Clone, Copy)]
pub union NDK_SGE_ADDRESS {
    pub VirtualAddress: PVOID,
    pub LogicalAddress: NDK_LOGICAL_ADDRESS,
}

zeroed_default!(NDK_SGE_ADDRESS);
assert_layout!(NDK_SGE_ADDRESS, 8, 8, VirtualAddress = 0, LogicalAddress = 0);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_SGE {
    pub anon: NDK_SGE_ADDRESS,
    pub Length: ULONG,
    pub MemoryRegionToken: UINT32,
}

zeroed_default!(NDK_SGE);
assert_layout!(NDK_SGE, 16, 8, anon = 0, Length = 8, MemoryRegionToken = 12);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_RESULT {
    pub Status: NTSTATUS,
    pub BytesTransferred: ULONG,
    pub QPContext: PVOID,
    pub RequestContext: PVOID,
}

zeroed_default!(NDK_RESULT);
assert_layout!(NDK_RESULT, 24, 8, Status = 0, BytesTransferred = 4, QPContext = 8, RequestContext = 16);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_RESULT_EX {
    pub Status: NTSTATUS,
    pub BytesTransferred: ULONG,
    pub QPContext: PVOID,
    pub RequestContext: PVOID,
    pub Type: NDK_OPERATION_TYPE,
    pub ProviderErrorCode: ULONG,
    pub TypeSpecificCompletionOutput: ULONG_PTR,
}

zeroed_default!(NDK_RESULT_EX);
assert_layout!(
    NDK_RESULT_EX,
    40,
    8,
    Status = 0,
    BytesTransferred = 4,
    QPContext = 8,
    RequestContext = 16,
    Type = 24,
    ProviderErrorCode = 28,
    TypeSpecificCompletionOutput = 32
);
