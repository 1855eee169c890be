//! The one module that touches ring memory.

use super::extension::{Extension, Kind};
use core::ptr::NonNull;
use netadaptercx_sys::{NET_FRAGMENT, NET_PACKET, NET_RING, NET_RING_COLLECTION, NET_RING_TYPE};

/// What a ring holds.
///
/// # Safety
/// The framework lays out elements of this type at the start of each slot of the ring `TYPE`.
pub unsafe trait Element: Copy {
    /// The ring's place in a NET_RING_COLLECTION.
    const TYPE: NET_RING_TYPE;
}
// SAFETY: NET_RING_COLLECTION.Rings[NetRingTypePacket] is the packet ring.
unsafe impl Element for NET_PACKET {
    const TYPE: NET_RING_TYPE = netadaptercx_sys::_NET_RING_TYPE::NetRingTypePacket;
}
// SAFETY: NET_RING_COLLECTION.Rings[NetRingTypeFragment] is the fragment ring.
unsafe impl Element for NET_FRAGMENT {
    const TYPE: NET_RING_TYPE = netadaptercx_sys::_NET_RING_TYPE::NetRingTypeFragment;
}

/// Elements one after the other, without the end of the ring between them.
///
/// Invariant: `len` elements lie `stride` bytes apart from `first` on, and nothing but the borrowed ring leads to them.
pub struct Straight<'r, T> {
    first: NonNull<u8>,
    stride: usize,
    len: usize,
    ring: core::marker::PhantomData<&'r T>,
}

impl<T: Element> Straight<'_, T> {
    /// Number of elements.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn slot(&self, n: usize) -> *mut T {
        assert!(n < self.len);
        // SAFETY: `n` is below `len` (invariant).
        unsafe { self.first.as_ptr().add(n * self.stride).cast() }
    }

    /// The first `count` of these, at most all.
    #[inline]
    pub fn first(self, count: usize) -> Self {
        assert!(count <= self.len);
        Self { len: count, ..self }
    }

    /// The data of an extension behind element `n` of the run.
    #[inline]
    pub fn behind<K: Kind>(&self, n: usize, extension: &Extension<K>) -> K::Data {
        // SAFETY: `slot` is an element of the ring, and the extension was looked up for this ring.
        unsafe { extension.read(self.slot(n).cast()) }
    }

    /// Element `n` of the run.
    #[inline]
    pub fn get(&self, n: usize) -> T {
        // SAFETY: as in `Ring::get`.
        unsafe { self.slot(n).read() }
    }

    /// Replaces element `n` of the run.
    #[inline]
    pub fn set(&mut self, n: usize, element: T) {
        // SAFETY: as in `Ring::set`.
        unsafe { self.slot(n).write(element) }
    }
}

impl Straight<'_, NET_PACKET> {
    /// Replaces packet `n`, in whole words: its fields end at odd bytes, and a store for each would be four.
    #[inline]
    pub fn set_whole(&mut self, n: usize, packet: NET_PACKET) {
        // SAFETY: as in `set`; a packet is three words without padding, and all of their values are packets.
        unsafe { self.slot(n).cast::<[u32; 3]>().write(words(packet)) }
    }
}

/// A packet as three little-endian words.
const fn words(packet: NET_PACKET) -> [u32; 3] {
    let layout = packet.Layout.raw();
    // CAST: 40 bits of layout, 16 in the second word and 24 in the third.
    let (low, high) = (layout as u32 & 0xffff, (layout >> 16) as u32);
    let second = packet.FragmentCount as u32 | low << 16;
    let third = high & 0xff_ffff | (packet.Flags as u32) << 24;
    [packet.FragmentIndex, second, third]
}

/// A look at all of a ring, for a loop that keeps where it is in registers.
pub struct View<'r, T> {
    elements: NonNull<u8>,
    mask: u32,
    stride: usize,
    ring: core::marker::PhantomData<&'r T>,
}

impl<T> Clone for View<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for View<'_, T> {}

impl<T: Element> View<'_, T> {
    /// The element at `index`, and the data of an extension behind it.
    #[inline]
    pub fn get_with<K: Kind>(&self, index: u32, extension: &Extension<K>) -> (T, K::Data) {
        // SAFETY: a masked index times the stride stays inside the ring's buffer.
        let slot = unsafe { self.elements.as_ptr().add((index & self.mask) as usize * self.stride) };
        // SAFETY: as in `Ring::get`, and the extension was looked up for this ring.
        unsafe { (slot.cast::<T>().read(), extension.read(slot)) }
    }
}

/// A ring of `T`. Every index is masked, so no index can leave the ring.
pub struct Ring<T> {
    header: NonNull<NET_RING>,
    elements: NonNull<u8>,
    mask: u32,
    stride: usize,
    element: core::marker::PhantomData<T>,
}
// SAFETY: a ring is reached only through the queue that owns it, whose hooks run one at a time on any thread.
unsafe impl<T> Send for Ring<T> {}

impl<T: Element> Ring<T> {
    /// # Safety
    /// `collection` is what NetTx/RxQueueGetRingCollection returned for a queue that outlives the ring.
    pub(crate) unsafe fn new(collection: NonNull<NET_RING_COLLECTION>) -> Self {
        // SAFETY: the collection and its rings live as long as the queue (caller).
        unsafe {
            let ring = (*collection.as_ptr()).Rings[T::TYPE as usize];
            let header = NonNull::new_unchecked(ring);
            let elements = NonNull::new_unchecked((&raw mut (*ring).Buffer).cast());
            let (mask, stride) = ((*ring).ElementIndexMask, usize::from((*ring).ElementStride));
            Self { header, elements, mask, stride, element: core::marker::PhantomData }
        }
    }

    /// Address of the first element, and bytes from one to the next.
    pub(super) const fn layout(&self) -> (NonNull<u8>, usize) {
        (self.elements, self.stride)
    }

    /// Number of slots, a power of two; one is always free.
    pub fn slots(&self) -> u32 {
        self.mask + 1
    }

    /// First element the driver owns.
    #[inline]
    pub fn begin(&self) -> u32 {
        // SAFETY: the header lives as long as the queue, and the hook that runs is its only user.
        unsafe { (*self.header.as_ptr()).BeginIndex }
    }

    /// First element the driver does not own.
    #[inline]
    pub fn end(&self) -> u32 {
        // SAFETY: as in `begin`.
        unsafe { (*self.header.as_ptr()).EndIndex }
    }

    /// Returns everything before `index` to the framework; `next` is for debuggers only.
    #[inline]
    pub fn give_back(&mut self, index: u32, next: u32) {
        // SAFETY: as in `begin`; a masked index is in range, and the driver owned what lies before it.
        unsafe {
            (*self.header.as_ptr()).BeginIndex = index & self.mask;
            (*self.header.as_ptr()).NextIndex = next & self.mask;
        }
    }

    /// `index` moved on by `by`.
    #[inline]
    pub fn add(&self, index: u32, by: u32) -> u32 {
        index.wrapping_add(by) & self.mask
    }

    /// How many elements lie from `from` to `to`.
    #[inline]
    pub fn distance(&self, from: u32, to: u32) -> u32 {
        to.wrapping_sub(from) & self.mask
    }

    /// All elements.
    #[inline]
    pub fn view(&self) -> View<'_, T> {
        View { elements: self.elements, mask: self.mask, stride: self.stride, ring: core::marker::PhantomData }
    }

    /// The elements from `from` to `to`, as far as they lie in one piece.
    #[inline]
    pub fn straight(&self, from: u32, to: u32) -> Straight<'_, T> {
        let from = from & self.mask;
        let len = self.distance(from, to).min(self.slots() - from) as usize;
        // SAFETY: `slot` is inside the ring.
        let first = unsafe { NonNull::new_unchecked(self.slot(from).cast()) };
        Straight { first, stride: self.stride, len, ring: core::marker::PhantomData }
    }

    #[inline]
    fn slot(&self, index: u32) -> *mut T {
        // SAFETY: a masked index times the stride stays inside the ring's buffer.
        unsafe { self.elements.as_ptr().add((index & self.mask) as usize * self.stride).cast() }
    }

    /// The element at `index`.
    #[inline]
    pub fn get(&self, index: u32) -> T {
        // SAFETY: `slot` is inside the ring and holds an initialised element; the framework does not write it while a
        // hook runs.
        unsafe { self.slot(index).read() }
    }

    /// Replaces the element at `index`.
    #[inline]
    pub fn set(&mut self, index: u32, element: T) {
        // SAFETY: `slot` is inside the ring; `&mut self` and the running hook make this its only user.
        unsafe { self.slot(index).write(element) }
    }
}
