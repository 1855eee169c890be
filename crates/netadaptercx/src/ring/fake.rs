//! The framework's side of a queue, for tests and measurements: ring memory laid out as NetAdapterCx does it.

use super::{Extension, Ring, RxRings, TxRings, extension::FragmentLogicalAddress, raw::Element};
use core::{mem::size_of, ptr::NonNull};
use netadaptercx_sys::{NET_FRAGMENT, NET_FRAGMENT_LOGICAL_ADDRESS, NET_RING, NET_RING_COLLECTION};
use std::{alloc::Layout, boxed::Box};

/// Element and its logical address, as the framework strides a fragment ring with that extension.
const STRIDE: usize = 16;
/// Bytes of every fragment's buffer.
pub const CAPACITY: u32 = 2048;

/// The framework's side of a queue: it owns the ring memory, posts, and looks at what came back.
pub struct Framework {
    rings: [NonNull<NET_RING>; 2],
    layout: Layout,
    slots: u32,
    collection: Box<NET_RING_COLLECTION>,
}

impl Framework {
    /// Rings of `slots` with every index at `start`.
    #[must_use]
    pub fn new(slots: u32, start: u32) -> Self {
        let layout = Layout::from_size_align(size_of::<NET_RING>() + slots as usize * STRIDE, 64).unwrap();
        let ring = || {
            // SAFETY: the layout is not empty, and NET_RING is valid when zeroed.
            unsafe {
                let ring = NonNull::new(std::alloc::alloc_zeroed(layout).cast::<NET_RING>()).unwrap();
                (*ring.as_ptr()).ElementStride = STRIDE as u16;
                (*ring.as_ptr()).NumberOfElements = slots;
                (*ring.as_ptr()).ElementIndexMask = slots - 1;
                (*ring.as_ptr()).BeginIndex = start;
                (*ring.as_ptr()).EndIndex = start;
                ring
            }
        };
        let rings = [ring(), ring()];
        let collection =
            Box::new(NET_RING_COLLECTION { Rings: [rings[0].as_ptr(), rings[1].as_ptr(), core::ptr::null_mut()] });
        Self { rings, layout, slots, collection }
    }

    fn ring<T: Element>(&self) -> Ring<T> {
        // SAFETY: the collection outlives every ring made of it.
        unsafe { Ring::new(NonNull::from(&*self.collection)) }
    }

    fn logical(&self) -> Extension<FragmentLogicalAddress> {
        // SAFETY: each fragment element is followed by its logical address, inside the stride.
        unsafe { Extension::at(size_of::<NET_FRAGMENT>() as isize) }
    }

    /// The driver's view of a transmit queue. One at a time, and not longer than `self`.
    #[must_use]
    pub fn tx(&self) -> TxRings {
        TxRings::new(self.ring(), self.ring(), self.logical())
    }

    /// The driver's view of a receive queue, under the same condition.
    #[must_use]
    pub fn rx(&self) -> RxRings {
        RxRings::new(self.ring(), self.ring(), self.logical())
    }

    fn element<T: Element>(&self, index: u32) -> *mut T {
        let masked = (index & (self.slots - 1)) as usize;
        // SAFETY: inside the ring's buffer.
        unsafe { (&raw mut (*self.rings[T::TYPE as usize].as_ptr()).Buffer).cast::<u8>().add(masked * STRIDE).cast() }
    }

    /// The element at `index`.
    #[must_use]
    pub fn get<T: Element>(&self, index: u32) -> T {
        // SAFETY: an initialised element of the ring.
        unsafe { self.element::<T>(index).read() }
    }

    /// First element the driver owns.
    #[must_use]
    pub fn begin<T: Element>(&self) -> u32 {
        self.ring::<T>().begin()
    }

    /// First element the driver does not own.
    #[must_use]
    pub fn end<T: Element>(&self) -> u32 {
        self.ring::<T>().end()
    }

    /// Elements that can be posted.
    #[must_use]
    pub fn free<T: Element>(&self) -> u32 {
        self.slots - 1 - (self.end::<T>().wrapping_sub(self.begin::<T>()) & (self.slots - 1))
    }

    /// Posts an element; returns its index.
    pub fn post<T: Element>(&self, element: T) -> u32 {
        assert!(self.free::<T>() > 0);
        let end = self.end::<T>();
        // SAFETY: the framework owns the element at End.
        unsafe {
            self.element::<T>(end).write(element);
            (*self.rings[T::TYPE as usize].as_ptr()).EndIndex = (end + 1) & (self.slots - 1);
        }
        end
    }

    /// Posts a fragment with its logical address; returns its index.
    pub fn post_fragment(&self, valid: u32, offset: u32, address: u64) -> u32 {
        let bits = u64::from(CAPACITY) << NET_FRAGMENT::CapacityShift;
        let index = self.post(NET_FRAGMENT { bits }.with_valid(valid, offset));
        // SAFETY: the extension's place behind the element.
        unsafe {
            self.element::<NET_FRAGMENT>(index)
                .cast::<u8>()
                .add(size_of::<NET_FRAGMENT>())
                .cast::<NET_FRAGMENT_LOGICAL_ADDRESS>()
                .write(NET_FRAGMENT_LOGICAL_ADDRESS { LogicalAddress: address });
        }
        index
    }
}

impl Drop for Framework {
    fn drop(&mut self) {
        for ring in self.rings {
            // SAFETY: allocated in `new` with this layout.
            unsafe { std::alloc::dealloc(ring.as_ptr().cast(), self.layout) };
        }
    }
}
