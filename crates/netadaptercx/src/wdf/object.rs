//! Typed contexts of framework objects.
//!
//! A context's memory comes zeroed with its object. It gets its value once, after the object was created, and is dropped
//! in the object's destroy callback, which the framework runs after those of all the object's children.

use core::{
    cell::UnsafeCell,
    ffi::c_void,
    mem::{MaybeUninit, align_of, size_of},
    ptr::null,
    sync::atomic::{AtomicBool, Ordering},
};
use netadaptercx_sys::evt;
use wdk_sys::{
    _WDF_EXECUTION_LEVEL, _WDF_SYNCHRONIZATION_SCOPE, WDF_OBJECT_ATTRIBUTES, WDF_OBJECT_CONTEXT_TYPE_INFO, WDFOBJECT,
    call_unsafe_wdf_function_binding,
};

/// A type that lives in the context of a framework object.
///
/// # Safety
/// `context_type` returns the [`ContextType`] made from `Self`; [`crate::wdf_context!`] writes it.
pub unsafe trait Context: Sized + 'static {
    /// The type's WDF_OBJECT_CONTEXT_TYPE_INFO, at one address for the life of the image.
    fn context_type() -> &'static ContextType;
}

/// Makes a type a [`Context`].
#[macro_export]
macro_rules! wdf_context {
    ($context:ty) => {
        // SAFETY: the static is made from this type.
        unsafe impl $crate::wdf::object::Context for $context {
            fn context_type() -> &'static $crate::wdf::object::ContextType {
                static TYPE: $crate::wdf::object::ContextType =
                    $crate::wdf::object::ContextType::new::<$context>(&TYPE);
                &TYPE
            }
        }
    };
}

/// WDF_OBJECT_CONTEXT_TYPE_INFO of a context type.
#[repr(transparent)]
pub struct ContextType(WDF_OBJECT_CONTEXT_TYPE_INFO);
// SAFETY: never written after the image was built; its pointers are to statics.
unsafe impl Sync for ContextType {}

/// WDF aligns contexts to MEMORY_ALLOCATION_ALIGNMENT.
const CONTEXT_ALIGNMENT: usize = 16;

impl ContextType {
    /// The type info of `T`. `this` is the static being made: the framework tells types apart by its address.
    #[must_use]
    pub const fn new<T>(this: &'static Self) -> Self {
        const { assert!(align_of::<Slot<T>>() <= CONTEXT_ALIGNMENT) };
        Self(WDF_OBJECT_CONTEXT_TYPE_INFO {
            Size: size_of::<WDF_OBJECT_CONTEXT_TYPE_INFO>() as u32,
            ContextName: c"igbcx".as_ptr().cast_mut(),
            ContextSize: size_of::<Slot<T>>() as _,
            UniqueType: &raw const this.0,
            EvtDriverGetUniqueContextType: None,
        })
    }
}

/// A context's memory: empty (all zero) until `init`.
pub struct Slot<T> {
    full: AtomicBool,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: the value is written once, before anyone else can see it (`init`), and `full` publishes it.
unsafe impl<T: Sync> Sync for Slot<T> {}

impl<T> Slot<T> {
    /// Stores the value.
    ///
    /// # Safety
    /// The slot is empty and nobody else touches it yet.
    pub(crate) unsafe fn init(&self, value: T) {
        // SAFETY: an empty slot that only the caller touches.
        unsafe { (*self.value.get()).write(value) };
        self.full.store(true, Ordering::Release);
    }

    /// The value, if it was stored.
    pub(crate) fn get(&self) -> Option<&T> {
        // SAFETY: `full` is set after the value was written, and cleared only when the object is destroyed.
        self.full.load(Ordering::Acquire).then(|| unsafe { (*self.value.get()).assume_init_ref() })
    }

    /// The value, to change it.
    ///
    /// # Safety
    /// The value was stored, and this is the only reference to it.
    #[inline]
    pub(crate) unsafe fn get_mut<'a>(slot: &'static Slot<T>) -> &'a mut T {
        // SAFETY: as the caller promises.
        unsafe { (*slot.value.get()).assume_init_mut() }
    }
}

/// The context of `object`.
///
/// # Safety
/// `object` is live and was created with `T`'s attributes; the reference is not used after the object is destroyed.
#[inline]
pub(crate) unsafe fn slot<T: Context>(object: WDFOBJECT) -> &'static Slot<T> {
    // SAFETY: a live object with this context type (caller): the framework returns its context memory.
    unsafe {
        let memory: *mut c_void =
            call_unsafe_wdf_function_binding!(WdfObjectGetTypedContextWorker, object, T::context_type().0.UniqueType);
        &*memory.cast::<Slot<T>>()
    }
}

/// Attributes of an object with a context of `T` and no synchronisation scope of its own.
pub(crate) fn attributes<T: Context>() -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES {
        Size: size_of::<WDF_OBJECT_ATTRIBUTES>() as u32,
        EvtDestroyCallback: Some(evt_destroy::<T>),
        ExecutionLevel: _WDF_EXECUTION_LEVEL::WdfExecutionLevelInheritFromParent,
        SynchronizationScope: _WDF_SYNCHRONIZATION_SCOPE::WdfSynchronizationScopeInheritFromParent,
        ContextTypeInfo: &raw const T::context_type().0,
        ..WDF_OBJECT_ATTRIBUTES::default()
    }
}

evt! {
    unsafe fn evt_destroy<T: Context>(object: WDFOBJECT) {
        // SAFETY: the framework destroys the object: its context is still there and nobody else uses it.
        unsafe {
            let slot = slot::<T>(object);
            if slot.full.swap(false, Ordering::AcqRel) {
                (*slot.value.get()).assume_init_drop();
            }
        }
    }
}

/// A reference to the context of an object that outlives whoever holds it: an ancestor in the object tree.
pub struct Ancestor<T: 'static>(&'static Slot<T>);

impl<T> Clone for Ancestor<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Ancestor<T> {}

impl<T: Context> Ancestor<T> {
    /// # Safety
    /// `object` has a context of `T`, and everything that will hold this reference is destroyed before it: it lives in
    /// contexts of the object's descendants. The context has its value before the reference is used.
    pub(crate) unsafe fn new(object: WDFOBJECT) -> Self {
        // SAFETY: a live object with this context (caller).
        Self(unsafe { slot::<T>(object) })
    }
}

impl<T: Context> Ancestor<T> {
    /// The context, for as long as the object lives.
    #[must_use]
    pub fn get(self) -> &'static T {
        self.0.get().expect("an ancestor's context has its value before it has children")
    }
}

impl<T: Context> core::ops::Deref for Ancestor<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.get()
    }
}

/// No attributes at all.
pub(crate) const NO_ATTRIBUTES: *mut WDF_OBJECT_ATTRIBUTES = null::<WDF_OBJECT_ATTRIBUTES>().cast_mut();
