//! Base types, status codes and constants of ntdef.h, wdm.h and ntstatus.h that the driver or the wdk crates name.

use super::*;

pub type CHAR = i8;
pub type UCHAR = u8;
pub type BOOLEAN = u8;
pub type CSHORT = i16;
pub type USHORT = u16;
pub type WCHAR = u16;
pub type LONG = i32;
pub type ULONG = u32;
pub type LONGLONG = i64;
pub type ULONGLONG = u64;
pub type ULONG64 = u64;
pub type UINT8 = u8;
pub type UINT16 = u16;
pub type UINT32 = u32;
pub type UINT64 = u64;
pub type SIZE_T = u64;
pub type ULONG_PTR = u64;
pub type KAFFINITY = u64;
pub type KIRQL = u8;
pub type KPROCESSOR_MODE = CHAR;
pub type NTSTATUS = i32;
pub type LCID = u32;
pub type PVOID = *mut c_void;
pub type HANDLE = *mut c_void;
pub type PCHAR = *mut CHAR;
pub type LPCSTR = *const CHAR;
pub type PWSTR = *mut WCHAR;
pub type PWCHAR = *mut WCHAR;
pub type PCWSTR = *const WCHAR;
pub type PLONGLONG = *mut LONGLONG;
pub type LPGUID = *mut GUID;

pub type DEVICE_POWER_STATE = i32;
pub type SYSTEM_POWER_STATE = i32;
pub type DEVICE_RELATION_TYPE = i32;
pub type KINTERRUPT_MODE = i32;
pub type INTERFACE_TYPE = i32;
pub type MEMORY_CACHING_TYPE = i32;
pub type POOL_FLAGS = ULONG64;

/// Opaque to drivers.
#[repr(C)]
pub struct EPROCESS {
    _opaque: [u8; 0],
}

/// WDM's DRIVER_OBJECT. KMDF drivers only pass it on; the entry stub and the lab use `DriverUnload`.
#[repr(C)]
pub struct DRIVER_OBJECT {
    pub Type: CSHORT,
    pub Size: CSHORT,
    pub DeviceObject: PVOID,
    pub Flags: ULONG,
    pub DriverStart: PVOID,
    pub DriverSize: ULONG,
    pub DriverSection: PVOID,
    pub DriverExtension: PVOID,
    pub DriverName: UNICODE_STRING,
    pub HardwareDatabase: PUNICODE_STRING,
    pub FastIoDispatch: PVOID,
    pub DriverInit: PVOID,
    pub DriverStartIo: PVOID,
    pub DriverUnload: PDRIVER_UNLOAD,
    pub MajorFunction: [PVOID; 28],
}
pub type PDRIVER_OBJECT = *mut DRIVER_OBJECT;
pub type PUNICODE_STRING = *mut UNICODE_STRING;
pub type PDRIVER_UNLOAD = Option<evt_fn!(fn(PDRIVER_OBJECT))>;
pub type PINTERFACE_REFERENCE = Option<evt_fn!(fn(PVOID))>;
pub type PINTERFACE_DEREFERENCE = Option<evt_fn!(fn(PVOID))>;

/// The two halves of a LARGE_INTEGER.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct _LARGE_INTEGER__bindgen_ty_2 {
    pub LowPart: ULONG,
    pub HighPart: LONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union LARGE_INTEGER {
    pub u: _LARGE_INTEGER__bindgen_ty_2,
    pub QuadPart: LONGLONG,
}
zeroed_default!(LARGE_INTEGER);
pub type PHYSICAL_ADDRESS = LARGE_INTEGER;
pub type PLARGE_INTEGER = *mut LARGE_INTEGER;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct DEVPROPKEY {
    pub fmtid: GUID,
    pub pid: ULONG,
}

macro_rules! resource {
    ($name:ident { $($field:ident: $ty:ty),* }) => {
        #[repr(C, packed(4))]
        #[derive(Clone, Copy)]
        pub struct $name {
            $(pub $field: $ty),*
        }
    };
}
resource!(_CM_PARTIAL_RESOURCE_DESCRIPTOR__bindgen_ty_1__bindgen_ty_1 { Start: PHYSICAL_ADDRESS, Length: ULONG });
resource!(_CM_PARTIAL_RESOURCE_DESCRIPTOR__bindgen_ty_1__bindgen_ty_3 {
    Level: ULONG,
    Vector: ULONG,
    Affinity: KAFFINITY
});

#[repr(C, packed(4))]
#[derive(Clone, Copy)]
pub union _CM_PARTIAL_RESOURCE_DESCRIPTOR__bindgen_ty_1 {
    pub Generic: _CM_PARTIAL_RESOURCE_DESCRIPTOR__bindgen_ty_1__bindgen_ty_1,
    pub Memory: _CM_PARTIAL_RESOURCE_DESCRIPTOR__bindgen_ty_1__bindgen_ty_1,
    pub Interrupt: _CM_PARTIAL_RESOURCE_DESCRIPTOR__bindgen_ty_1__bindgen_ty_3,
}

/// `CM_PARTIAL_RESOURCE_DESCRIPTOR`, packed to 4 bytes as in wdm.h; the union's members that no driver here reads are left out.
#[repr(C, packed(4))]
#[derive(Clone, Copy)]
pub struct CM_PARTIAL_RESOURCE_DESCRIPTOR {
    pub Type: UCHAR,
    pub ShareDisposition: UCHAR,
    pub Flags: USHORT,
    pub u: _CM_PARTIAL_RESOURCE_DESCRIPTOR__bindgen_ty_1,
}
zeroed_default!(CM_PARTIAL_RESOURCE_DESCRIPTOR);
assert_layout!(CM_PARTIAL_RESOURCE_DESCRIPTOR, 20, 4, Type = 0, ShareDisposition = 1, Flags = 2, u = 4);
pub type PCM_PARTIAL_RESOURCE_DESCRIPTOR = *mut CM_PARTIAL_RESOURCE_DESCRIPTOR;

pub const CmResourceTypeMemory: u32 = 3;
pub const CmResourceTypeInterrupt: u32 = 2;
pub const CmResourceTypeMemoryLarge: u32 = 7;
pub const CM_RESOURCE_INTERRUPT_LATCHED: u32 = 1;
pub const CM_RESOURCE_INTERRUPT_MESSAGE: u32 = 2;

pub const STATUS_SUCCESS: NTSTATUS = 0;
pub const STATUS_PENDING: NTSTATUS = 0x0000_0103;
pub const STATUS_BUFFER_OVERFLOW: NTSTATUS = 0x8000_0005_u32 as i32;
pub const STATUS_NO_MORE_ENTRIES: NTSTATUS = 0x8000_001A_u32 as i32;
pub const STATUS_UNSUCCESSFUL: NTSTATUS = 0xC000_0001_u32 as i32;
pub const STATUS_INVALID_BUFFER_SIZE: NTSTATUS = 0xC000_0206_u32 as i32;
pub const STATUS_DEVICE_BUSY: NTSTATUS = 0x8000_0011_u32 as i32;
pub const STATUS_NOT_IMPLEMENTED: NTSTATUS = 0xC000_0002_u32 as i32;
pub const STATUS_INVALID_PARAMETER: NTSTATUS = 0xC000_000D_u32 as i32;
pub const STATUS_BUFFER_TOO_SMALL: NTSTATUS = 0xC000_0023_u32 as i32;
pub const STATUS_OBJECT_NAME_NOT_FOUND: NTSTATUS = 0xC000_0034_u32 as i32;
pub const STATUS_INVALID_IMAGE_FORMAT: NTSTATUS = 0xC000_007B_u32 as i32;
pub const STATUS_INSUFFICIENT_RESOURCES: NTSTATUS = 0xC000_009A_u32 as i32;
pub const STATUS_DEVICE_NOT_READY: NTSTATUS = 0xC000_00A3_u32 as i32;
pub const STATUS_IO_TIMEOUT: NTSTATUS = 0xC000_00B5_u32 as i32;
pub const STATUS_NOT_SUPPORTED: NTSTATUS = 0xC000_00BB_u32 as i32;
pub const STATUS_DEVICE_DOES_NOT_EXIST: NTSTATUS = 0xC000_00C0_u32 as i32;
pub const STATUS_CANCELLED: NTSTATUS = 0xC000_0120_u32 as i32;
pub const STATUS_INVALID_DEVICE_REQUEST: NTSTATUS = 0xC000_0010_u32 as i32;
pub const STATUS_DEVICE_CONFIGURATION_ERROR: NTSTATUS = 0xC000_0182_u32 as i32;
pub const STATUS_INVALID_DEVICE_STATE: NTSTATUS = 0xC000_0184_u32 as i32;
pub const STATUS_NOT_FOUND: NTSTATUS = 0xC000_0225_u32 as i32;
pub const STATUS_DEVICE_HARDWARE_ERROR: NTSTATUS = 0xC000_0483_u32 as i32;

pub const PASSIVE_LEVEL: u32 = 0;
pub const APC_LEVEL: u32 = 1;
pub const DISPATCH_LEVEL: u32 = 2;
pub const POOL_FLAG_NON_PAGED: POOL_FLAGS = 0x40;
pub const MDL_MAPPED_TO_SYSTEM_VA: u32 = 0x1;
pub const MDL_PAGES_LOCKED: u32 = 0x2;
pub const MDL_SOURCE_IS_NONPAGED_POOL: u32 = 0x4;
pub const MDL_PARTIAL: u32 = 0x10;
pub const PAGE_READWRITE: u32 = 4;
pub const PAGE_NOCACHE: u32 = 0x200;

pub type PLIBRARY_MODULE = PVOID;
pub type WDF_MAJOR_VERSION = ULONG;
pub type WDF_MINOR_VERSION = ULONG;
pub type WDF_BUILD_NUMBER = ULONG;
pub type WDF_STRUCT_INFO = *mut SIZE_T;
/// An entry of the framework's function table before it is given its signature.
pub type WDFFUNC = Option<evt_fn!(fn())>;
pub type WDFOBJECT = HANDLE;
/// Opaque to drivers.
#[repr(C)]
pub struct WDFDEVICE_INIT {
    _opaque: [u8; 0],
}
pub type PWDFDEVICE_INIT = *mut WDFDEVICE_INIT;
