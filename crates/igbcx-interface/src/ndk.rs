//! The interface of NDK.

use ndis_sys::{
    NDIS_HANDLE, assert_layout, evt_fn,
    ndk::{NDIS_OPEN_NDK_ADAPTER_PARAMETERS, NDK_ADAPTER},
    zeroed_default,
};
use wdk_sys::{GUID, NTSTATUS, PINTERFACE_DEREFERENCE, PINTERFACE_REFERENCE, PVOID, USHORT};

/// Names [`IGBCX_NDK_INTERFACE`]: 38e6aeb2-f3f4-49dd-bd3a-51e1f1891ec3.
pub const GUID_IGBCX_NDK_INTERFACE: GUID =
    GUID { Data1: 0x38e6_aeb2, Data2: 0xf3f4, Data3: 0x49dd, Data4: [0xbd, 0x3a, 0x51, 0xe1, 0xf1, 0x89, 0x1e, 0xc3] };
/// The version of [`IGBCX_NDK_INTERFACE`] described here.
pub const IGBCX_NDK_INTERFACE_VERSION: USHORT = 1;

/// Opens an NDK adapter, as `OpenNDKAdapterHandler` of `NDIS_NDK_PROVIDER_CHARACTERISTICS`; the first argument is the
/// interface's `Context`.
///
/// IRQL: PASSIVE_LEVEL.
pub type IGBCX_NDK_OPEN_ADAPTER =
    Option<evt_fn!(fn(NDIS_HANDLE, *mut NDIS_OPEN_NDK_ADAPTER_PARAMETERS, *mut *mut NDK_ADAPTER) -> NTSTATUS)>;
/// Closes an NDK adapter, as `CloseNDKAdapterHandler` of `NDIS_NDK_PROVIDER_CHARACTERISTICS`; the first argument is the
/// interface's `Context`.
///
/// IRQL: PASSIVE_LEVEL, and not from an NDK callback: it blocks until every object of the adapter is closed.
pub type IGBCX_NDK_CLOSE_ADAPTER = Option<evt_fn!(fn(NDIS_HANDLE, *mut NDK_ADAPTER))>;

/// What `IRP_MN_QUERY_INTERFACE` for [`GUID_IGBCX_NDK_INTERFACE`] fills in: `INTERFACE`, then the functions.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct IGBCX_NDK_INTERFACE {
    /// Size of this structure in bytes.
    pub Size: USHORT,
    /// [`IGBCX_NDK_INTERFACE_VERSION`].
    pub Version: USHORT,
    /// The driver's.
    pub Context: PVOID,
    /// Takes a reference to the interface.
    pub InterfaceReference: PINTERFACE_REFERENCE,
    /// Releases a reference to the interface.
    pub InterfaceDereference: PINTERFACE_DEREFERENCE,
    /// See [`IGBCX_NDK_OPEN_ADAPTER`].
    pub OpenNdkAdapter: IGBCX_NDK_OPEN_ADAPTER,
    /// See [`IGBCX_NDK_CLOSE_ADAPTER`].
    pub CloseNdkAdapter: IGBCX_NDK_CLOSE_ADAPTER,
}

zeroed_default!(IGBCX_NDK_INTERFACE);
assert_layout!(
    IGBCX_NDK_INTERFACE,
    48,
    8,
    Size = 0,
    Version = 2,
    Context = 8,
    InterfaceReference = 16,
    InterfaceDereference = 24,
    OpenNdkAdapter = 32,
    CloseNdkAdapter = 40
);
