//! Net rings: memory that the framework and the client share.
//!
//! This module holds all pointer work on rings. Sizes and strides are kept outside the shared memory, so that a client
//! that overwrites a header cannot lead the lab out of the allocation.

use crate::extension::Layout;
use netadaptercx_sys::{NET_FRAGMENT, NET_PACKET, NET_RING};
use std::alloc::{self, Layout as Memory};
use std::mem::offset_of;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// Bytes before the first element.
const HEADER: usize = offset_of!(NET_RING, Buffer);
const CACHE_LINE: usize = 64;

/// One ring.
pub struct Ring {
    memory: NonNull<u8>,
    bytes: usize,
    count: u32,
    layout: Layout,
    /// First element returned by the client and not yet taken back by the framework.
    os_next: AtomicU32,
}

// SAFETY: the memory is owned by this value and read and written only by the baton holder, one thread at a time.
unsafe impl Send for Ring {}
// SAFETY: see Send; no method hands out a reference into the shared memory.
unsafe impl Sync for Ring {}

impl Ring {
    /// A zeroed ring of `count` elements, a power of two.
    pub fn new(count: u32, layout: Layout) -> Ring {
        assert!(count.is_power_of_two() && layout.stride() >= size_of::<NET_FRAGMENT>());
        // The header's declared size covers more than HEADER bytes; a client may hold a NET_RING to it.
        let bytes = (HEADER + layout.stride() * count as usize).max(size_of::<NET_RING>());
        // SAFETY: the size is not zero and the alignment is a power of two.
        let memory = unsafe { alloc::alloc_zeroed(Memory::from_size_align(bytes, CACHE_LINE).unwrap()) };
        let memory = NonNull::new(memory).expect("memory for a ring");
        let ring = Ring { memory, bytes, count, layout, os_next: AtomicU32::new(0) };
        // SAFETY: the allocation holds a whole NET_RING; nobody else knows it yet.
        unsafe {
            let header = ring.header();
            (*header).ElementStride = ring.layout.stride() as u16;
            (*header).NumberOfElements = count;
            (*header).ElementIndexMask = count - 1;
        }
        ring
    }

    /// What the client is given.
    pub fn header(&self) -> *mut NET_RING {
        self.memory.as_ptr().cast()
    }

    /// Elements.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The layout of its elements.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// All indices to 0, as before EvtStart.
    pub fn reset(&self) {
        // SAFETY: the header lies in the allocation and the baton holder alone touches it.
        unsafe {
            let header = self.header();
            (&raw mut (*header).BeginIndex).write_volatile(0);
            (&raw mut (*header).NextIndex).write_volatile(0);
            (&raw mut (*header).EndIndex).write_volatile(0);
        }
        self.set_os_next(0);
    }

    /// The client's index as it stands; it may hold anything.
    pub fn begin_raw(&self) -> u32 {
        // SAFETY: see `reset`.
        unsafe { (&raw const (*self.header()).BeginIndex).read_volatile() }
    }

    /// First element that the client owns, always inside the ring.
    pub fn begin(&self) -> u32 {
        self.begin_raw() & (self.count - 1)
    }

    /// First element behind those that the client owns.
    pub fn end(&self) -> u32 {
        // SAFETY: see `reset`. A client may have overwritten it, hence the mask.
        unsafe { (&raw const (*self.header()).EndIndex).read_volatile() & (self.count - 1) }
    }

    /// Gives elements to the client.
    pub fn set_end(&self, end: u32) {
        // SAFETY: see `reset`.
        unsafe { (&raw mut (*self.header()).EndIndex).write_volatile(end & (self.count - 1)) }
    }

    /// First element that the client returned and the framework did not take back yet.
    pub fn os_next(&self) -> u32 {
        self.os_next.load(Ordering::Relaxed)
    }

    /// Takes elements back. The header shows the index where the real framework keeps it.
    pub fn set_os_next(&self, index: u32) {
        self.os_next.store(index, Ordering::Relaxed);
        // SAFETY: see `reset`.
        unsafe { (&raw mut (*self.header()).OSReserved2[0]).write_volatile(index as usize as *mut _) };
    }

    /// Elements from `from` up to `to`.
    pub fn distance(&self, from: u32, to: u32) -> u32 {
        to.wrapping_sub(from) & (self.count - 1)
    }

    /// The index `by` elements further on.
    pub fn advance(&self, index: u32, by: u32) -> u32 {
        index.wrapping_add(by) & (self.count - 1)
    }

    /// Elements the client owns.
    pub fn owned(&self) -> u32 {
        self.distance(self.begin(), self.end())
    }

    /// Elements the framework may still post: one always stays free.
    pub fn postable(&self) -> u32 {
        self.count - 1 - self.distance(self.os_next(), self.end())
    }

    /// Address of an element (or of an extension's data in it, `offset` bytes further on).
    pub fn element(&self, index: u32, offset: usize) -> *mut u8 {
        let at = HEADER + self.layout.stride() * (index & (self.count - 1)) as usize + offset;
        debug_assert!(at < self.bytes);
        self.memory.as_ptr().wrapping_add(at)
    }

    /// Reads a packet.
    pub fn packet(&self, index: u32) -> NET_PACKET {
        // SAFETY: the element lies in the allocation and its stride holds a packet.
        unsafe { self.element(index, 0).cast::<NET_PACKET>().read_unaligned() }
    }

    /// Writes a packet.
    pub fn set_packet(&self, index: u32, packet: NET_PACKET) {
        // SAFETY: see `packet`.
        unsafe { self.element(index, 0).cast::<NET_PACKET>().write_unaligned(packet) }
    }

    /// Reads a fragment.
    pub fn fragment(&self, index: u32) -> NET_FRAGMENT {
        // SAFETY: the element lies in the allocation and its stride holds a fragment.
        unsafe { self.element(index, 0).cast::<NET_FRAGMENT>().read_unaligned() }
    }

    /// Writes a fragment.
    pub fn set_fragment(&self, index: u32, fragment: NET_FRAGMENT) {
        // SAFETY: see `fragment`.
        unsafe { self.element(index, 0).cast::<NET_FRAGMENT>().write_unaligned(fragment) }
    }

    /// Zeroes an element with its extensions.
    pub fn zero(&self, index: u32) {
        // SAFETY: the whole element lies in the allocation.
        unsafe { self.element(index, 0).write_bytes(0, self.layout.stride()) }
    }

    /// Reads eight bytes of extension data at `offset` of an element.
    pub fn word(&self, index: u32, offset: usize) -> u64 {
        assert!(offset + 8 <= self.layout.stride());
        // SAFETY: checked above.
        unsafe { self.element(index, offset).cast::<u64>().read_unaligned() }
    }

    /// Writes eight bytes of extension data at `offset` of an element.
    pub fn set_word(&self, index: u32, offset: usize, value: u64) {
        assert!(offset + 8 <= self.layout.stride());
        // SAFETY: checked above.
        unsafe { self.element(index, offset).cast::<u64>().write_unaligned(value) }
    }

    /// Copies the whole ring.
    pub fn copy_to(&self, copy: &mut Copy) {
        copy.count = self.count;
        copy.stride = self.layout.stride();
        copy.bytes.clear();
        // SAFETY: the allocation is `bytes` long and the baton holder alone touches it while it is copied.
        copy.bytes.extend_from_slice(unsafe { std::slice::from_raw_parts(self.memory.as_ptr(), self.bytes) });
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this size and alignment.
        unsafe { alloc::dealloc(self.memory.as_ptr(), Memory::from_size_align(self.bytes, CACHE_LINE).unwrap()) }
    }
}

/// A copy of a ring at one moment.
#[derive(Default)]
pub struct Copy {
    bytes: Vec<u8>,
    count: u32,
    stride: usize,
}

impl Copy {
    fn u32_at(&self, offset: usize) -> u32 {
        u32::from_le_bytes(self.bytes[offset..offset + 4].try_into().unwrap())
    }

    /// BeginIndex.
    pub fn begin(&self) -> u32 {
        self.u32_at(offset_of!(NET_RING, BeginIndex))
    }

    /// EndIndex.
    pub fn end(&self) -> u32 {
        self.u32_at(offset_of!(NET_RING, EndIndex))
    }

    /// Elements.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The header fields that the client may not write.
    pub fn immutable_header(&self) -> &[u8] {
        &self.bytes[..offset_of!(NET_RING, BeginIndex)]
    }

    /// Elements from `from` up to `to`.
    pub fn distance(&self, from: u32, to: u32) -> u32 {
        to.wrapping_sub(from) & (self.count - 1)
    }

    /// The index `by` elements further on.
    pub fn advance(&self, index: u32, by: u32) -> u32 {
        index.wrapping_add(by) & (self.count - 1)
    }

    /// Indices from `from` up to `to`.
    pub fn range(&self, from: u32, to: u32) -> impl Iterator<Item = u32> + use<> {
        let mask = self.count - 1;
        (0..self.distance(from, to)).map(move |i| from.wrapping_add(i) & mask)
    }

    /// An element with its extensions.
    pub fn element(&self, index: u32) -> &[u8] {
        let at = HEADER + self.stride * (index & (self.count - 1)) as usize;
        &self.bytes[at..at + self.stride]
    }

    /// A packet.
    pub fn packet(&self, index: u32) -> NET_PACKET {
        let e = self.element(index);
        NET_PACKET {
            FragmentIndex: u32::from_le_bytes(e[..4].try_into().unwrap()),
            FragmentCount: u16::from_le_bytes(e[4..6].try_into().unwrap()),
            Layout: netadaptercx_sys::NET_PACKET_LAYOUT { bits: e[6..11].try_into().unwrap() },
            Flags: e[11],
        }
    }

    /// A fragment.
    pub fn fragment(&self, index: u32) -> NET_FRAGMENT {
        NET_FRAGMENT { bits: u64::from_le_bytes(self.element(index)[..8].try_into().unwrap()) }
    }

    /// Changes a packet of the copy.
    pub fn set_packet(&mut self, index: u32, p: NET_PACKET) {
        let at = HEADER + self.stride * (index & (self.count - 1)) as usize;
        let e = &mut self.bytes[at..at + size_of::<NET_PACKET>()];
        e[..4].copy_from_slice(&p.FragmentIndex.to_le_bytes());
        e[4..6].copy_from_slice(&p.FragmentCount.to_le_bytes());
        e[6..11].copy_from_slice(&p.Layout.bits);
        e[11] = p.Flags;
    }

    /// Changes a fragment of the copy.
    pub fn set_fragment(&mut self, index: u32, f: NET_FRAGMENT) {
        let at = HEADER + self.stride * (index & (self.count - 1)) as usize;
        self.bytes[at..at + size_of::<NET_FRAGMENT>()].copy_from_slice(&f.bits.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extension::{LOGICAL_ADDRESS, VIRTUAL_ADDRESS};

    #[test]
    fn header_is_what_a_client_expects() {
        let ring = Ring::new(64, Layout::of_packets(&[]));
        assert_eq!(ring.header() as usize % 64, 0);
        // SAFETY: a live ring.
        let header = unsafe { &*ring.header() };
        assert_eq!((header.ElementStride, header.NumberOfElements, header.ElementIndexMask), (16, 64, 63));
        assert_eq!(ring.element(1, 0) as usize - ring.element(0, 0) as usize, 16);
        assert_eq!(ring.element(0, 0) as usize - ring.header() as usize, 64);
    }

    #[test]
    fn one_element_stays_free_for_every_size_and_position() {
        for bits in 1..=6 {
            let ring = Ring::new(1 << bits, Layout::of_fragments(&[VIRTUAL_ADDRESS, LOGICAL_ADDRESS]));
            for start in 0..ring.count() {
                ring.set_os_next(start);
                ring.set_end(start);
                let mut posted = 0;
                while ring.postable() > 0 {
                    ring.set_end(ring.advance(ring.end(), 1));
                    posted += 1;
                }
                assert_eq!(posted, ring.count() - 1);
                assert_eq!(ring.distance(start, ring.end()), posted);
            }
        }
    }

    #[test]
    fn a_copy_sees_what_the_ring_holds() {
        let ring = Ring::new(4, Layout::of_packets(&[]));
        let packet = NET_PACKET { FragmentIndex: 7, FragmentCount: 3, Flags: NET_PACKET::Ignore, ..Default::default() };
        ring.set_packet(2, packet);
        ring.set_end(3);
        let mut copy = Copy::default();
        ring.copy_to(&mut copy);
        assert_eq!((copy.packet(2), copy.begin(), copy.end()), (packet, 0, 3));
        copy.set_packet(1, packet);
        assert_eq!(copy.packet(1), packet);
        assert_eq!(ring.packet(1), NET_PACKET::default());
    }
}
