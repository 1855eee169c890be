//! Handles, opaque init structures and the small types that NetAdapterCx signatures borrow from other headers.

use core::ffi::{c_int, c_void};
pub use ndis_sys::{MM_ANY_NODE_OK, NDIS_HANDLE, NODE_REQUIREMENT};

macro_rules! handle {
    ($($name:ident, $target:ident;)*) => {
        $(
            #[repr(C)]
            #[derive(Clone, Copy)]
            pub struct $target {
                pub unused: c_int,
            }
            pub type $name = *mut $target;
        )*
    };
}
macro_rules! opaque {
    ($($name:ident)*) => {
        $(
            #[repr(C)]
            pub struct $name {
                _opaque: [u8; 0],
            }
        )*
    };
}

handle! {
    NETADAPTER, NETADAPTER__;
    NETCONFIGURATION, NETCONFIGURATION__;
    NETEXECUTIONCONTEXT, NETEXECUTIONCONTEXT__;
    NETEXECUTIONCONTEXTTASK, NETEXECUTIONCONTEXTTASK__;
    NETOFFLOAD, NETOFFLOAD__;
    NETPACKETQUEUE, NETPACKETQUEUE__;
    NETPOWEROFFLOAD, NETPOWEROFFLOAD__;
    NETRECEIVEFILTER, NETRECEIVEFILTER__;
    NETWAKESOURCE, NETWAKESOURCE__;
    NET_FRAGMENT_RETURN_CONTEXT_HANDLE, NET_FRAGMENT_RETURN_CONTEXT_HANDLE__;
}
opaque! { NETADAPTER_INIT NETRXQUEUE_INIT NETTXQUEUE_INIT }

pub type POOL_TYPE = i32;
pub type PVOID = *mut c_void;
pub type UCHAR = u8;
pub type UINT8 = u8;
pub type BOOLEAN = u8;
pub type USHORT = u16;
pub type UINT16 = u16;
pub type ULONG = u32;
pub type UINT32 = u32;
pub type ULONG64 = u64;
pub type UINT64 = u64;
pub type SIZE_T = u64;
pub type NTSTATUS = i32;
pub type PCWSTR = *const u16;

/// `NET_LUID` of ifdef.h, as one value.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NET_LUID {
    pub Value: u64,
}

pub mod _NET_IF_MEDIA_CONNECT_STATE {
    pub type Type = i32;
    pub const MediaConnectStateUnknown: Type = 0;
    pub const MediaConnectStateConnected: Type = 1;
    pub const MediaConnectStateDisconnected: Type = 2;
}
pub use self::_NET_IF_MEDIA_CONNECT_STATE::Type as NET_IF_MEDIA_CONNECT_STATE;

pub mod _NET_IF_MEDIA_DUPLEX_STATE {
    pub type Type = i32;
    pub const MediaDuplexStateUnknown: Type = 0;
    pub const MediaDuplexStateHalf: Type = 1;
    pub const MediaDuplexStateFull: Type = 2;
}
pub use self::_NET_IF_MEDIA_DUPLEX_STATE::Type as NET_IF_MEDIA_DUPLEX_STATE;
