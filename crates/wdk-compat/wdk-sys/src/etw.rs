//! Event tracing: types of evntprov.h and wdm.h.

use super::*;

pub type REGHANDLE = ULONGLONG;
pub type PREGHANDLE = *mut REGHANDLE;
pub type LPCGUID = *const GUID;
pub type PCEVENT_DESCRIPTOR = *const EVENT_DESCRIPTOR;
pub type PEVENT_DATA_DESCRIPTOR = *mut EVENT_DATA_DESCRIPTOR;
pub type PEVENT_FILTER_DESCRIPTOR = *mut EVENT_FILTER_DESCRIPTOR;
pub type PETWENABLECALLBACK =
    Option<evt_fn!(fn(LPCGUID, ULONG, UCHAR, ULONGLONG, ULONGLONG, PEVENT_FILTER_DESCRIPTOR, PVOID))>;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct EVENT_DESCRIPTOR {
    pub Id: USHORT,
    pub Version: UCHAR,
    pub Channel: UCHAR,
    pub Level: UCHAR,
    pub Opcode: UCHAR,
    pub Task: USHORT,
    pub Keyword: ULONGLONG,
}
zeroed_default!(EVENT_DESCRIPTOR);
assert_layout!(EVENT_DESCRIPTOR, 16, 8, Id = 0, Version = 2, Channel = 3, Level = 4, Opcode = 5, Task = 6, Keyword = 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct EVENT_DATA_DESCRIPTOR {
    pub Ptr: ULONGLONG,
    pub Size: ULONG,
    pub __bindgen_anon_1: _EVENT_DATA_DESCRIPTOR__bindgen_ty_1,
}
zeroed_default!(EVENT_DATA_DESCRIPTOR);
assert_layout!(EVENT_DATA_DESCRIPTOR, 16, 8, Ptr = 0, Size = 8, __bindgen_anon_1 = 12);

/// `Reserved`, or the type of the data in its lowest byte.
#[repr(C)]
#[derive(Clone, Copy)]
pub union _EVENT_DATA_DESCRIPTOR__bindgen_ty_1 {
    pub Reserved: ULONG,
    pub __bindgen_anon_1: _EVENT_DATA_DESCRIPTOR__bindgen_ty_1__bindgen_ty_1,
}
#[repr(C)]
#[derive(Clone, Copy)]
pub struct _EVENT_DATA_DESCRIPTOR__bindgen_ty_1__bindgen_ty_1 {
    pub Type: UCHAR,
    pub Reserved1: UCHAR,
    pub Reserved2: USHORT,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct EVENT_FILTER_DESCRIPTOR {
    pub Ptr: ULONGLONG,
    pub Size: ULONG,
    pub Type: ULONG,
}
zeroed_default!(EVENT_FILTER_DESCRIPTOR);
assert_layout!(EVENT_FILTER_DESCRIPTOR, 16, 8, Ptr = 0, Size = 8, Type = 12);

pub mod _EVENT_INFO_CLASS {
    pub type Type = i32;
    pub const EventProviderBinaryTrackInfo: Type = 0;
    pub const EventProviderSetReserved1: Type = 1;
    pub const EventProviderSetTraits: Type = 2;
    pub const EventProviderUseDescriptorType: Type = 3;
}
pub use self::_EVENT_INFO_CLASS::Type as EVENT_INFO_CLASS;
