//! Socket addresses (ws2def.h, ws2ipdef.h), which NDK passes by pointer and length. Ports, IPv4 and IPv6 addresses are
//! in network byte order.

use wdk_sys::{UCHAR, ULONG, USHORT};

pub type ADDRESS_FAMILY = USHORT;
pub const AF_UNSPEC: ADDRESS_FAMILY = 0;
pub const AF_INET: ADDRESS_FAMILY = 2;
pub const AF_INET6: ADDRESS_FAMILY = 23;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct SOCKADDR {
    pub sa_family: ADDRESS_FAMILY,
    pub sa_data: [UCHAR; 14],
}
pub type PSOCKADDR = *mut SOCKADDR;

zeroed_default!(SOCKADDR);
assert_layout!(SOCKADDR, 16, 2, sa_family = 0, sa_data = 2);

/// `SOCKADDR_IN`; the address is its four bytes, aligned as the union of the C declaration.
#[repr(C, align(4))]
#[derive(Clone, Copy)]
pub struct SOCKADDR_IN {
    pub sin_family: ADDRESS_FAMILY,
    pub sin_port: USHORT,
    pub sin_addr: [UCHAR; 4],
    pub sin_zero: [UCHAR; 8],
}

zeroed_default!(SOCKADDR_IN);
assert_layout!(SOCKADDR_IN, 16, 4, sin_family = 0, sin_port = 2, sin_addr = 4, sin_zero = 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct SOCKADDR_IN6 {
    pub sin6_family: ADDRESS_FAMILY,
    pub sin6_port: USHORT,
    pub sin6_flowinfo: ULONG,
    pub sin6_addr: [UCHAR; 16],
    pub sin6_scope_id: ULONG,
}

zeroed_default!(SOCKADDR_IN6);
assert_layout!(
    SOCKADDR_IN6,
    28,
    4,
    sin6_family = 0,
    sin6_port = 2,
    sin6_flowinfo = 4,
    sin6_addr = 8,
    sin6_scope_id = 24
);

/// An address of either family; `si_family` says which.
#[repr(C)]
#[derive(Clone, Copy)]
pub union SOCKADDR_INET {
    pub Ipv4: SOCKADDR_IN,
    pub Ipv6: SOCKADDR_IN6,
    pub si_family: ADDRESS_FAMILY,
}

zeroed_default!(SOCKADDR_INET);
assert_layout!(SOCKADDR_INET, 28, 4, Ipv4 = 0, Ipv6 = 0, si_family = 0);
