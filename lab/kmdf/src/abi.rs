//! Status codes and structures that the wdk-sys stand-in does not need for drivers.
#![allow(non_snake_case, clippy::upper_case_acronyms, reason = "the names are the WDK's")]

use std::ffi::c_void;
use wdk_sys::{NTSTATUS, PINTERFACE_DEREFERENCE, PINTERFACE_REFERENCE, PVOID, ULONG, USHORT};
pub(crate) use wdk_sys::{
    PCCH, STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_DEVICE_STATE, STATUS_NO_MORE_ENTRIES,
    STATUS_NOT_FOUND,
};

pub(crate) const STATUS_OBJECT_NAME_EXISTS: NTSTATUS = 0x4000_0000;
pub(crate) const STATUS_TIMEOUT: NTSTATUS = 0x0000_0102;
pub(crate) const STATUS_INFO_LENGTH_MISMATCH: NTSTATUS = 0xC000_0004_u32 as i32;
pub(crate) const STATUS_OBJECT_TYPE_MISMATCH: NTSTATUS = 0xC000_0024_u32 as i32;
pub(crate) const STATUS_OBJECT_NAME_INVALID: NTSTATUS = 0xC000_0033_u32 as i32;
pub(crate) const STATUS_DELETE_PENDING: NTSTATUS = 0xC000_0056_u32 as i32;
pub(crate) const STATUS_REVISION_MISMATCH: NTSTATUS = 0xC000_0059_u32 as i32;
pub(crate) const STATUS_DEVICE_POWER_FAILURE: NTSTATUS = 0xC000_009E_u32 as i32;
pub(crate) const STATUS_NO_SUCH_DEVICE: NTSTATUS = 0xC000_000E_u32 as i32;
pub(crate) const STATUS_ACCESS_DENIED: NTSTATUS = 0xC000_0022_u32 as i32;
pub(crate) const STATUS_INVALID_PARAMETER_4: NTSTATUS = 0xC000_00F2_u32 as i32;
pub(crate) const STATUS_FILE_CLOSED: NTSTATUS = 0xC000_0128_u32 as i32;
pub(crate) const STATUS_INVALID_BUFFER_SIZE: NTSTATUS = 0xC000_0206_u32 as i32;
pub(crate) const STATUS_WDF_INTERNAL_ERROR: NTSTATUS = 0xC020_0201_u32 as i32;
pub(crate) const STATUS_WDF_PAUSED: NTSTATUS = 0xC020_0203_u32 as i32;
pub(crate) const STATUS_WDF_BUSY: NTSTATUS = 0xC020_0204_u32 as i32;
pub(crate) const STATUS_WDF_OBJECT_ATTRIBUTES_INVALID: NTSTATUS = 0xC020_0209_u32 as i32;
pub(crate) const STATUS_WDF_NO_CALLBACK: NTSTATUS = 0xC020_020B_u32 as i32;
pub(crate) const STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL: NTSTATUS = 0xC020_020C_u32 as i32;
pub(crate) const STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED: NTSTATUS = 0xC020_020F_u32 as i32;
pub(crate) const STATUS_WDF_SYNCHRONIZATION_SCOPE_INVALID: NTSTATUS = 0xC020_0210_u32 as i32;
pub(crate) const STATUS_WDF_EXECUTION_LEVEL_INVALID: NTSTATUS = 0xC020_0211_u32 as i32;
pub(crate) const STATUS_WDF_PARENT_NOT_SPECIFIED: NTSTATUS = 0xC020_0212_u32 as i32;

pub(crate) const REG_SZ: ULONG = 1;
pub(crate) const REG_EXPAND_SZ: ULONG = 2;
pub(crate) const REG_BINARY: ULONG = 3;
pub(crate) const REG_DWORD: ULONG = 4;
pub(crate) const REG_MULTI_SZ: ULONG = 7;
pub(crate) const REG_QWORD: ULONG = 11;

/// wdm.h's BUS_INTERFACE_STANDARD, the bus-specific calls of the PCI bus driver.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct BUS_INTERFACE_STANDARD {
    pub(crate) Size: USHORT,
    pub(crate) Version: USHORT,
    pub(crate) Context: PVOID,
    pub(crate) InterfaceReference: PINTERFACE_REFERENCE,
    pub(crate) InterfaceDereference: PINTERFACE_DEREFERENCE,
    pub(crate) TranslateBusAddress: *const c_void,
    pub(crate) GetDmaAdapter: *const c_void,
    pub(crate) SetBusData: Option<GetSetBusData>,
    pub(crate) GetBusData: Option<GetSetBusData>,
}

/// `GET_SET_DEVICE_DATA`: context, data type (0 = PCI configuration space), buffer, offset, length; returns bytes moved.
pub(crate) type GetSetBusData = unsafe extern "win64" fn(PVOID, ULONG, PVOID, ULONG, ULONG) -> ULONG;

const _: () = assert!(size_of::<BUS_INTERFACE_STANDARD>() == 64);
const _: () = assert!(std::mem::offset_of!(BUS_INTERFACE_STANDARD, GetBusData) == 56);

/// The framework's handle of a registry key.
#[repr(C)]
pub struct WDFKEY__ {
    unused: i32,
}
/// The framework's handle of a registry key.
pub type WDFKEY = *mut WDFKEY__;
