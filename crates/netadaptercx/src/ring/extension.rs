//! Typed access to a ring's extensions.

use super::raw::{Element, Ring};
use crate::{Result, Status};
use core::{marker::PhantomData, mem::size_of};
use netadaptercx_sys::{
    _NET_EXTENSION_TYPE, NET_EXTENSION, NET_EXTENSION_QUERY, NET_EXTENSION_TYPE, NET_FRAGMENT_LOGICAL_ADDRESS,
    NETPACKETQUEUE,
};

use crate::queue::Direction;

/// An extension of a ring's elements.
///
/// # Safety
/// `Data` is what the framework stores for `NAME` in version `VERSION`.
pub unsafe trait Kind {
    /// What lies behind each element.
    type Data: Copy;
    /// NUL-terminated UTF-16.
    const NAME: &'static [u16];
    /// Version of the extension.
    const VERSION: u32;
    /// Which ring it extends.
    const TYPE: NET_EXTENSION_TYPE;
}

/// `ms_fragment_logicaladdress`: the address of a fragment's buffer for the device.
pub struct FragmentLogicalAddress;
// SAFETY: name, version and data type of NET_FRAGMENT_EXTENSION_LOGICAL_ADDRESS (netadaptercx-sys, shared/abi).
unsafe impl Kind for FragmentLogicalAddress {
    type Data = NET_FRAGMENT_LOGICAL_ADDRESS;
    const NAME: &'static [u16] = &wide::<27>(b"ms_fragment_logicaladdress");
    const VERSION: u32 = 1;
    const TYPE: NET_EXTENSION_TYPE = _NET_EXTENSION_TYPE::NetExtensionTypeFragment;
}

const fn wide<const N: usize>(ascii: &[u8]) -> [u16; N] {
    assert!(ascii.len() < N, "no room for the terminator");
    let mut out = [0; N];
    let mut i = 0;
    while i < ascii.len() {
        out[i] = ascii[i] as u16;
        i += 1;
    }
    out
}

/// An extension that is enabled for this queue. The framework may enable it for one queue and not for the next, so it is
/// looked up when the queue is created.
///
/// Invariant: `distance` bytes behind each element of the ring that it was looked up for lies its data.
pub struct Extension<K> {
    distance: isize,
    kind: PhantomData<K>,
}

impl<K> Clone for Extension<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Extension<K> {}

impl<K: Kind> Extension<K> {
    /// The extension `K` of `ring`.
    ///
    /// # Errors
    /// STATUS_NOT_SUPPORTED when it is not enabled for this queue, or not laid out with the elements.
    ///
    /// # Safety
    /// `ring` is the ring of `K::TYPE` of `queue`, a queue of `direction`. The result is used with it alone.
    pub(crate) unsafe fn query<T: Element>(
        queue: NETPACKETQUEUE,
        direction: Direction,
        ring: &Ring<T>,
    ) -> Result<Self> {
        let query = NET_EXTENSION_QUERY {
            Size: size_of::<NET_EXTENSION_QUERY>() as u32,
            Name: K::NAME.as_ptr(),
            Version: K::VERSION,
            Type: K::TYPE,
        };
        let mut extension = NET_EXTENSION::default();
        // SAFETY: a live queue handle (caller), and both structures live across the call.
        unsafe {
            match direction {
                Direction::Tx => netadaptercx_sys::NetTxQueueGetExtension(queue, &raw const query, &raw mut extension),
                Direction::Rx => netadaptercx_sys::NetRxQueueGetExtension(queue, &raw const query, &raw mut extension),
            }
        }
        // Reserved[0] is the base of the data, Reserved[1] its stride: what NetExtensionGetData of net/extension.h uses.
        // NetAdapterCx lays the data out in the elements themselves, so the stride is the ring's.
        let (elements, stride) = ring.layout();
        if extension.Enabled == 0 || extension.Reserved[0].is_null() || extension.Reserved[1] as usize != stride {
            return Err(Status::new(wdk_sys::STATUS_NOT_SUPPORTED));
        }
        let distance = (extension.Reserved[0] as usize).wrapping_sub(elements.as_ptr() as usize);
        // CAST: a distance in either direction.
        Ok(Self { distance: distance as isize, kind: PhantomData })
    }

    /// An extension whose data lies `distance` bytes behind each element.
    ///
    /// # Safety
    /// It does, in the ring that the result is used with.
    #[cfg(any(all(test, not(loom)), feature = "fake-framework"))]
    pub(super) const unsafe fn at(distance: isize) -> Self {
        Self { distance, kind: PhantomData }
    }

    /// The data behind an element.
    ///
    /// # Safety
    /// `element` leads to an element of the ring that this extension was looked up for.
    #[inline]
    pub(super) unsafe fn read(&self, element: *const u8) -> K::Data {
        // SAFETY: the element is the ring's (caller), so its data is there (invariant).
        unsafe { element.wrapping_offset(self.distance).cast::<K::Data>().read() }
    }
}
