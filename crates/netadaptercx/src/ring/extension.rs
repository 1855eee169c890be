//! Typed access to a ring's extensions.

use crate::{Result, Status};
use core::{marker::PhantomData, mem::size_of, ptr::NonNull};
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
pub struct Extension<K> {
    base: NonNull<u8>,
    stride: usize,
    /// Index mask of the ring it extends.
    mask: u32,
    kind: PhantomData<K>,
}
// SAFETY: like the ring it extends, it is reached only from its queue's hooks.
unsafe impl<K> Send for Extension<K> {}

impl<K: Kind> Extension<K> {
    /// The extension `K` of a queue's ring with `slots` elements.
    ///
    /// # Errors
    /// STATUS_NOT_SUPPORTED when it is not enabled for this queue.
    ///
    /// # Safety
    /// `queue` is a queue of `direction` that outlives the result, and its ring of `K::TYPE` has `slots` slots.
    pub(crate) unsafe fn query(queue: NETPACKETQUEUE, direction: Direction, slots: u32) -> Result<Self> {
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
        match NonNull::new(extension.Reserved[0].cast()) {
            Some(base) if extension.Enabled != 0 => {
                Ok(Self { base, stride: extension.Reserved[1] as usize, mask: slots - 1, kind: PhantomData })
            }
            _ => Err(Status::new(wdk_sys::STATUS_NOT_SUPPORTED)),
        }
    }

    /// An extension over memory that a test made.
    ///
    /// # Safety
    /// `base` leads to `slots` pieces of data, `stride` bytes apart, that outlive the result.
    #[cfg(test)]
    pub(super) const unsafe fn over(base: NonNull<u8>, stride: usize, slots: u32) -> Self {
        Self { base, stride, mask: slots - 1, kind: PhantomData }
    }

    /// The data behind the element at `index`.
    #[inline]
    #[must_use]
    pub fn get(&self, index: u32) -> K::Data {
        // SAFETY: base and stride are the framework's for this ring, and a masked index stays inside it.
        unsafe { self.base.as_ptr().add((index & self.mask) as usize * self.stride).cast::<K::Data>().read() }
    }
}
