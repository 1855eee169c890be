//! Handles: what a consumer holds of an object.
//!
//! NDKPI hands a consumer a pointer to a structure of two parts, header and dispatch table, which the consumer may change
//! once it has it. Behind that part lies the provider's, by which a pointer that comes back is told: whose it is, of what
//! kind, and the name of the object. The name leads to the object only while it lives ([`crate::slab`]), and handles keep
//! their memory until the engine is gone; so a handle that is used after its close is refused. One that the provider
//! never gave out cannot be told from one it did without reading it: reading is all that is done to it.

use crate::{
    object::{AnyId, Kind, Object, ObjectId},
    platform::Platform,
};
use alloc::boxed::Box;
use core::{
    cell::UnsafeCell,
    ffi::c_void,
    ptr::NonNull,
    sync::atomic::{AtomicU64, Ordering},
};
use ndis_sys::ndk::{NDK_ADAPTER, NDK_CQ, NDK_OBJECT_HEADER, NDK_PD, NDK_VERSION};

/// Its address marks the handles of this image.
static MARK: u8 = 0;

/// A consumer's object, and the provider's part behind it.
#[repr(C)]
pub struct Handle {
    /// The consumer's part: the same two members in each structure of NDKPI.
    object: UnsafeCell<Visible>,
    mark: *const u8,
    platform: *const c_void,
    kind: Kind,
    /// The object's name now. Every handle keeps its place; the generation changes.
    name: AtomicU64,
}

/// The members of `NDK_ADAPTER`, `NDK_CQ` and so on.
#[repr(C)]
struct Visible {
    header: NDK_OBJECT_HEADER,
    dispatch: *const c_void,
}

const _: () = {
    assert!(size_of::<Visible>() == size_of::<NDK_ADAPTER>());
    assert!(size_of::<Visible>() == size_of::<NDK_CQ>() && size_of::<Visible>() == size_of::<NDK_PD>());
};

impl Handle {
    /// A handle for objects of type `T`, of none yet; none without memory for it.
    pub fn new<P: Platform, T: Object>(platform: &'static P) -> Option<Box<Self>> {
        crate::memory::try_box(Self {
            object: UnsafeCell::new(Visible { header: NDK_OBJECT_HEADER::default(), dispatch: core::ptr::null() }),
            mark: &raw const MARK,
            platform: core::ptr::from_ref(platform).cast(),
            kind: T::KIND,
            name: AtomicU64::new(u64::MAX),
        })
    }
}

/// A handle that an engine owns.
pub struct OwnedHandle(NonNull<Handle>);
// SAFETY: the provider's part is immutable or atomic, and the consumer's part is the consumer's.
unsafe impl Send for OwnedHandle {}

impl OwnedHandle {
    /// Takes a handle over; consumers may get it.
    pub fn new(handle: Box<Handle>) -> Self {
        // A raw pointer from here on: consumers write into the memory whenever they like.
        Self(NonNull::from(Box::leak(handle)))
    }

    /// Gives the handle to a consumer again, as one of the object `name`.
    pub fn lend(&self, name: AnyId, version: NDK_VERSION, dispatch: *const c_void) -> NonNull<Handle> {
        // SAFETY: a live handle (owned). No consumer has an object of this place now, so nobody else writes the part
        // that is the consumer's.
        unsafe {
            let handle = self.0.as_ref();
            let header = NDK_OBJECT_HEADER { Version: version, ObjectType: handle.kind as _, ..Default::default() };
            handle.object.get().write(Visible { header, dispatch });
            handle.name.store(name.bits, Ordering::Release);
        }
        self.0
    }
}

impl Drop for OwnedHandle {
    fn drop(&mut self) {
        // SAFETY: leaked in `new`. The engine ends after its last adapter was closed, and no consumer uses a handle of a
        // closed adapter.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// The platform and name of the object that a consumer means; none if it is no handle of an object of type `T`. Whether
/// the object lives shows under the engine's lock.
///
/// # Safety
/// `raw` is null or a pointer that a provider of platform `P` handed out, of an adapter that is still open, or readable
/// memory of the size of a [`Handle`].
pub unsafe fn resolve<P: Platform, T: Object>(raw: *mut c_void) -> Option<(&'static P, ObjectId<T>)> {
    let raw = raw.cast::<Handle>();
    if raw.is_null() || !raw.is_aligned() {
        return None;
    }
    // SAFETY: readable, and aligned. The consumer's part is not looked at. With our mark, the rest is what `new` wrote: the
    // platform is `'static` and of type `P`, as an image has one kind of platform.
    unsafe {
        if (&raw const (*raw).mark).read() != &raw const MARK {
            return None;
        }
        let handle = &*raw;
        let platform = &*handle.platform.cast::<P>();
        (handle.kind == T::KIND).then(|| (platform, ObjectId::from_bits(handle.name.load(Ordering::Acquire))))
    }
}
