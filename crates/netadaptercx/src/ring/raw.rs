//! The one module that touches ring memory.

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
