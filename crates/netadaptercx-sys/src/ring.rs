//! Net rings and their elements: NET_RING, NET_PACKET, NET_FRAGMENT and the extensions with bit fields.
//!
//! Bit fields are kept as the storage word they live in, with shift and mask constants beside it, so that the datapath
//! can store a whole element in one go.

use crate::*;
use core::ffi::c_void;

/// `NET_RING`. The framework writes `EndIndex`, the client `BeginIndex`; `Buffer` is the first of the elements.
#[repr(C, align(64))]
pub struct NET_RING {
    pub OSReserved1: UINT16,
    pub ElementStride: UINT16,
    pub NumberOfElements: UINT32,
    pub ElementIndexMask: UINT32,
    pub EndIndex: UINT32,
    pub OSReserved2: [*mut c_void; 4],
    pub BeginIndex: UINT32,
    pub NextIndex: UINT32,
    pub Scratch: *mut c_void,
    pub Buffer: [u8; 1],
}
assert_layout!(
    NET_RING,
    128,
    64,
    ElementStride = 2,
    NumberOfElements = 4,
    ElementIndexMask = 8,
    EndIndex = 12,
    OSReserved2 = 16,
    BeginIndex = 48,
    NextIndex = 52,
    Scratch = 56,
    Buffer = 64
);

/// `NET_EXTENSION`: where an extension's data lies in a ring. `Enabled` is false when the keyword behind it is off.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_EXTENSION {
    pub Reserved: [*mut c_void; 4],
    pub Enabled: BOOLEAN,
    pub _padding: [u8; 7],
}
zeroed_default!(NET_EXTENSION);
assert_layout!(NET_EXTENSION, 40, 8, Reserved = 0, Enabled = 32);

/// `NET_PACKET_LAYOUT`: header lengths and types, 40 bits.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct NET_PACKET_LAYOUT {
    pub bits: [u8; 5],
}
assert_layout!(NET_PACKET_LAYOUT, 5, 1);

impl NET_PACKET_LAYOUT {
    pub const Layer2HeaderLengthShift: u32 = 0;
    pub const Layer3HeaderLengthShift: u32 = 7;
    pub const Layer4HeaderLengthShift: u32 = 16;
    pub const Layer2TypeShift: u32 = 24;
    pub const Layer3TypeShift: u32 = 28;
    pub const Layer4TypeShift: u32 = 32;

    /// The 40 bits as a number.
    #[inline]
    #[must_use]
    pub const fn raw(self) -> u64 {
        let b = self.bits;
        u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], 0, 0, 0])
    }

    /// From the low 40 bits of `raw`.
    #[inline]
    #[must_use]
    pub const fn from_raw(raw: u64) -> Self {
        let b = raw.to_le_bytes();
        Self { bits: [b[0], b[1], b[2], b[3], b[4]] }
    }

    #[inline]
    #[must_use]
    pub const fn Layer2HeaderLength(self) -> u8 {
        (self.raw() & 0x7f) as u8
    }
    #[inline]
    #[must_use]
    pub const fn Layer3HeaderLength(self) -> u16 {
        (self.raw() >> Self::Layer3HeaderLengthShift & 0x1ff) as u16
    }
    #[inline]
    #[must_use]
    pub const fn Layer4HeaderLength(self) -> u8 {
        (self.raw() >> Self::Layer4HeaderLengthShift & 0xff) as u8
    }
    #[inline]
    #[must_use]
    pub const fn Layer2Type(self) -> u8 {
        (self.raw() >> Self::Layer2TypeShift & 0xf) as u8
    }
    #[inline]
    #[must_use]
    pub const fn Layer3Type(self) -> u8 {
        (self.raw() >> Self::Layer3TypeShift & 0xf) as u8
    }
    #[inline]
    #[must_use]
    pub const fn Layer4Type(self) -> u8 {
        (self.raw() >> Self::Layer4TypeShift & 0xf) as u8
    }
}

/// `NET_PACKET`: an element of a packet ring.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct NET_PACKET {
    pub FragmentIndex: UINT32,
    pub FragmentCount: UINT16,
    pub Layout: NET_PACKET_LAYOUT,
    /// `Ignore` (bit 0), `Scratch` (bit 1) and reserved bits.
    pub Flags: UINT8,
}
assert_layout!(NET_PACKET, 12, 4, FragmentIndex = 0, FragmentCount = 4, Layout = 6, Flags = 11);

impl NET_PACKET {
    pub const Ignore: UINT8 = 1 << 0;
    pub const Scratch: UINT8 = 1 << 1;
}

/// `NET_FRAGMENT`: an element of a fragment ring, one 64-bit word.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct NET_FRAGMENT {
    pub bits: UINT64,
}
assert_layout!(NET_FRAGMENT, 8, 8);

impl NET_FRAGMENT {
    pub const ValidLengthShift: u32 = 0;
    pub const ValidLengthMask: u64 = (1 << 26) - 1;
    pub const CapacityShift: u32 = 26;
    pub const CapacityMask: u64 = (1 << 26) - 1;
    pub const OffsetShift: u32 = 52;
    pub const OffsetMask: u64 = (1 << 10) - 1;
    pub const Scratch: u64 = 1 << 62;
    pub const OsReserved_Bounced: u64 = 1 << 63;

    #[inline]
    #[must_use]
    pub const fn ValidLength(self) -> u32 {
        (self.bits >> Self::ValidLengthShift & Self::ValidLengthMask) as u32
    }
    #[inline]
    #[must_use]
    pub const fn Capacity(self) -> u32 {
        (self.bits >> Self::CapacityShift & Self::CapacityMask) as u32
    }
    #[inline]
    #[must_use]
    pub const fn Offset(self) -> u32 {
        (self.bits >> Self::OffsetShift & Self::OffsetMask) as u32
    }

    /// The same fragment with other `ValidLength` and `Offset`; bits beyond their fields are dropped.
    #[inline]
    #[must_use]
    pub const fn with_valid(self, length: u32, offset: u32) -> Self {
        let kept =
            self.bits & !(Self::ValidLengthMask << Self::ValidLengthShift | Self::OffsetMask << Self::OffsetShift);
        Self {
            bits: kept
                | (length as u64 & Self::ValidLengthMask) << Self::ValidLengthShift
                | (offset as u64 & Self::OffsetMask) << Self::OffsetShift,
        }
    }
}

/// `NET_PACKET_CHECKSUM`: two bits a layer.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct NET_PACKET_CHECKSUM {
    /// `Layer2` (bits 0-1), `Layer3` (2-3), `Layer4` (4-5).
    pub bits: UINT8,
}
assert_layout!(NET_PACKET_CHECKSUM, 1, 1);

/// `NET_PACKET_GSO`: `Mss` in bits 0-19.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct NET_PACKET_GSO {
    pub bits: UINT32,
}
assert_layout!(NET_PACKET_GSO, 4, 4);

/// `NET_PACKET_IEEE8021Q`.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct NET_PACKET_IEEE8021Q {
    /// `PriorityCodePoint` (bits 0-2), `VlanIdentifier` (3-14).
    pub Tag: UINT16,
    /// `TxTagging` in bits 0-1.
    pub Tagging: UINT8,
    pub _padding: u8,
}
assert_layout!(NET_PACKET_IEEE8021Q, 4, 2, Tag = 0, Tagging = 2);

/// `NET_PACKET_RSC`.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct NET_PACKET_RSC {
    pub CoalescedSegmentCount: UINT16,
    pub DuplicateAckCount: UINT16,
}
assert_layout!(NET_PACKET_RSC, 4, 2, CoalescedSegmentCount = 0, DuplicateAckCount = 2);

/// `NET_PACKET_RSC_TIMESTAMP`.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct NET_PACKET_RSC_TIMESTAMP {
    pub RscTcpTimestampDelta: UINT32,
}
assert_layout!(NET_PACKET_RSC_TIMESTAMP, 4, 4);
