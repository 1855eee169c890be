//! Socket addresses as NDKPI passes them, by pointer and length.
#![expect(unsafe_code, reason = "a consumer passes an address as a pointer and a length")]

use core::ptr::copy_nonoverlapping;
use ndis_sys::ndk::{
    AF_INET, AF_INET6, PSOCKADDR, SOCKADDR_IN, SOCKADDR_IN6, SOCKADDR_INET, status::STATUS_INVALID_ADDRESS,
};
use wdk_sys::{NTSTATUS, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG};

/// An IP address, and for IPv6 its scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ip {
    /// Four bytes.
    V4([u8; 4]),
    /// Sixteen bytes and the scope identifier.
    V6([u8; 16], u32),
}

/// An IP address and an ND port, in host byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The IP address.
    pub ip: Ip,
    /// The port; as a local address 0 asks for an ephemeral one.
    pub port: u16,
}

impl Address {
    /// The address that a consumer passes.
    ///
    /// # Safety
    /// `address` is null or points to `length` readable bytes.
    ///
    /// # Errors
    /// STATUS_INVALID_PARAMETER for a null pointer or too few bytes, STATUS_INVALID_ADDRESS for a family that is neither
    /// AF_INET nor AF_INET6.
    pub unsafe fn read(address: PSOCKADDR, length: ULONG) -> Result<Address, NTSTATUS> {
        let length = length as usize;
        if address.is_null() || length < size_of::<u16>() {
            return Err(STATUS_INVALID_PARAMETER);
        }
        let mut copy = SOCKADDR_INET::default();
        // SAFETY: readable by the caller's promise, and at most the size of the copy; any bytes are a valid copy.
        unsafe {
            copy_nonoverlapping(address.cast::<u8>(), (&raw mut copy).cast(), length.min(size_of::<SOCKADDR_INET>()))
        };
        // SAFETY: plain integers in every variant, all initialised.
        let (family, v4, v6) = unsafe { (copy.si_family, copy.Ipv4, copy.Ipv6) };
        match family {
            AF_INET if length >= size_of::<SOCKADDR_IN>() => {
                Ok(Address { ip: Ip::V4(v4.sin_addr), port: u16::from_be(v4.sin_port) })
            }
            AF_INET6 if length >= size_of::<SOCKADDR_IN6>() => {
                Ok(Address { ip: Ip::V6(v6.sin6_addr, v6.sin6_scope_id), port: u16::from_be(v6.sin6_port) })
            }
            AF_INET | AF_INET6 => Err(STATUS_INVALID_PARAMETER),
            _ => Err(STATUS_INVALID_ADDRESS),
        }
    }

    /// Answers the address to a consumer: to as many bytes as `*length` says, which is set to the address's size.
    ///
    /// # Safety
    /// `length` is null or writable, `address` null or writable for `*length` bytes.
    ///
    /// # Errors
    /// STATUS_BUFFER_TOO_SMALL, and nothing written but `*length`; STATUS_INVALID_PARAMETER for a null pointer.
    #[must_use]
    pub unsafe fn write(self, address: PSOCKADDR, length: *mut ULONG) -> NTSTATUS {
        let (value, size) = self.to_sockaddr();
        if length.is_null() {
            return STATUS_INVALID_PARAMETER;
        }
        // SAFETY: writable by the caller's promise; `size` is below 32, and at most the room if it is written.
        unsafe {
            let room = length.read();
            length.write(size as ULONG); // CAST: the size of a structure.
            if (room as usize) < size {
                return STATUS_BUFFER_TOO_SMALL;
            }
            if address.is_null() {
                return STATUS_INVALID_PARAMETER;
            }
            copy_nonoverlapping((&raw const value).cast::<u8>(), address.cast(), size);
        }
        STATUS_SUCCESS
    }

    fn to_sockaddr(self) -> (SOCKADDR_INET, usize) {
        let mut value = SOCKADDR_INET::default();
        match self.ip {
            Ip::V4(sin_addr) => {
                let sin_port = self.port.to_be();
                value.Ipv4 = SOCKADDR_IN { sin_family: AF_INET, sin_port, sin_addr, ..SOCKADDR_IN::default() };
                (value, size_of::<SOCKADDR_IN>())
            }
            Ip::V6(sin6_addr, sin6_scope_id) => {
                let sin6_port = self.port.to_be();
                let address =
                    SOCKADDR_IN6 { sin6_family: AF_INET6, sin6_port, sin6_addr, sin6_scope_id, sin6_flowinfo: 0 };
                value.Ipv6 = address;
                (value, size_of::<SOCKADDR_IN6>())
            }
        }
    }

    /// True if it can be the address of one host: not the unspecified, a multicast or the broadcast address. More is not
    /// known here: the stack's addresses are not the driver's to see.
    #[must_use]
    pub fn is_unicast(self) -> bool {
        match self.ip {
            Ip::V4(bytes) => bytes != [0; 4] && bytes != [255; 4] && bytes[0] >> 4 != 0xe,
            Ip::V6(bytes, _) => bytes != [0; 16] && bytes[0] != 0xff,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: Address = Address { ip: Ip::V4([10, 0, 0, 1]), port: 0x1234 };
    const V6: Address = Address { ip: Ip::V6([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 7), port: 9 };

    fn read(bytes: &mut [u8]) -> Result<Address, NTSTATUS> {
        // SAFETY: as many bytes as the slice has.
        unsafe { Address::read(bytes.as_mut_ptr().cast(), bytes.len() as ULONG) }
    }

    #[test]
    fn an_address_survives_being_written_and_read() {
        for (address, size) in [(V4, 16), (V6, 28)] {
            let mut bytes = [0; 64];
            let mut length = 64;
            // SAFETY: 64 writable bytes.
            assert_eq!(unsafe { address.write(bytes.as_mut_ptr().cast(), &raw mut length) }, STATUS_SUCCESS);
            assert_eq!(length, size);
            assert_eq!(read(&mut bytes), Ok(address));
            assert_eq!(read(&mut bytes[..size as usize]), Ok(address));
            for short in 0..size as usize {
                assert_eq!(read(&mut bytes[..short]), Err(STATUS_INVALID_PARAMETER), "{short}");
            }
            // The port in network byte order.
            assert_eq!(bytes[2..4], address.port.to_be_bytes());
        }
        assert_eq!(read(&mut [99; 64]), Err(STATUS_INVALID_ADDRESS));
    }

    #[test]
    fn too_little_room_is_told_and_left_alone() {
        for (address, size) in [(V4, 16_u32), (V6, 28)] {
            let mut bytes = [0xaa; 32];
            let mut length = size - 1;
            // SAFETY: more writable bytes than told.
            assert_eq!(unsafe { address.write(bytes.as_mut_ptr().cast(), &raw mut length) }, STATUS_BUFFER_TOO_SMALL);
            assert_eq!((length, bytes), (size, [0xaa; 32]));
        }
    }

    #[test]
    fn only_a_host_has_a_unicast_address() {
        assert!(V4.is_unicast() && V6.is_unicast());
        for ip in [Ip::V4([0; 4]), Ip::V4([224, 0, 0, 1]), Ip::V4([255; 4]), Ip::V6([0; 16], 0), Ip::V6([0xff; 16], 0)]
        {
            assert!(!Address { ip, port: 1 }.is_unicast());
        }
    }
}
