//! Rings as a client driver reads and writes them.

use netadaptercx_sys::*;
use std::ptr::null_mut;

/// One ring.
#[derive(Clone, Copy)]
pub struct Ring(pub *mut NET_RING);

// SAFETY: the ring is touched by the baton holder only.
unsafe impl Send for Ring {}

/// Reads or writes a field of the header. Never through a reference: a NET_RING is declared larger than its header and
/// overlaps the first elements.
macro_rules! field {
    ($ring:expr, $name:ident) => {
        // SAFETY: the framework's live ring.
        unsafe { (&raw const (*$ring.0).$name).read_volatile() }
    };
    ($ring:expr, $name:ident = $value:expr) => {
        // SAFETY: as above.
        unsafe { (&raw mut (*$ring.0).$name).write_volatile($value) }
    };
}

impl Ring {
    pub const NONE: Ring = Ring(null_mut());

    pub fn begin(&self) -> u32 {
        field!(self, BeginIndex)
    }

    pub fn end(&self) -> u32 {
        field!(self, EndIndex)
    }

    pub fn set_begin(&self, index: u32) {
        field!(self, BeginIndex = index);
    }

    pub fn set_end(&self, index: u32) {
        field!(self, EndIndex = index);
    }

    pub fn count(&self) -> u32 {
        field!(self, NumberOfElements)
    }

    pub fn add(&self, index: u32, n: u32) -> u32 {
        index.wrapping_add(n) & field!(self, ElementIndexMask)
    }

    pub fn owned(&self) -> u32 {
        self.end().wrapping_sub(self.begin()) & field!(self, ElementIndexMask)
    }

    fn element(&self, index: u32) -> *mut u8 {
        let stride = usize::from(field!(self, ElementStride));
        // SAFETY: `index` is below the number of elements.
        unsafe { (&raw mut (*self.0).Buffer).cast::<u8>().add(stride * index as usize) }
    }

    pub fn packet(self, index: u32) -> &'static mut NET_PACKET {
        // SAFETY: an element of a packet ring; no reference to it outlives the statement it is made in.
        unsafe { &mut *self.element(index).cast() }
    }

    pub fn fragment(self, index: u32) -> &'static mut NET_FRAGMENT {
        // SAFETY: an element of a fragment ring; no reference to it outlives the statement it is made in.
        unsafe { &mut *self.element(index).cast() }
    }
}

/// The eight bytes of an extension at an element, as NetExtensionGetData finds them.
pub fn extension_word(extension: &NET_EXTENSION, index: u32) -> *mut u64 {
    assert_ne!(extension.Enabled, 0);
    // SAFETY: the framework's address of element 0 and stride.
    unsafe { extension.Reserved[0].cast::<u8>().add(extension.Reserved[1] as usize * index as usize).cast() }
}

/// A layout from types and lengths.
pub fn layout(types: [u64; 3], lengths: [u64; 3]) -> NET_PACKET_LAYOUT {
    type L = NET_PACKET_LAYOUT;
    L::from_raw(
        lengths[0] << L::Layer2HeaderLengthShift
            | lengths[1] << L::Layer3HeaderLengthShift
            | lengths[2] << L::Layer4HeaderLengthShift
            | types[0] << L::Layer2TypeShift
            | types[1] << L::Layer3TypeShift
            | types[2] << L::Layer4TypeShift,
    )
}
