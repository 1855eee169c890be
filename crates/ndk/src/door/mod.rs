//! The dispatch tables: C functions that check what the consumer passes and call the engine.
//!
//! One file for each object. Every function here may be called with anything that the promises below allow, and those are
//! few: nothing of a consumer is trusted but its pointers.
//!
//! # Safety
//! For every function of this module and those below it:
//! - a handle is null, or came from this provider and its adapter is open, or is readable memory of a handle's size;
//! - a pointer to a structure is null, or points to the structure, readable (and writable where the DDI says `out`), for
//!   the time of the call; arrays have as many elements as is said;
//! - callbacks are null or functions of the DDI's type, with what their contexts need, until the object is closed;
//! - the caller runs at or below DISPATCH_LEVEL.

pub(crate) mod adapter;
pub(crate) mod connector;
pub(crate) mod cq;
pub(crate) mod lam;
pub(crate) mod listener;
mod mdl;
pub(crate) mod mr;
pub(crate) mod mw;
pub(crate) mod pd;
pub(crate) mod qp;
mod sgl;
pub(crate) mod shared_endpoint;
pub(crate) mod srq;

use crate::{
    engine::{Engine, Prepared},
    handle::{Handle, resolve},
    object::{AnyId, CloseRequest, Object, ObjectId},
    platform::Platform,
    run::with_engine,
    upcall::Context,
};
use core::{ffi::c_void, ptr::NonNull};
use ndis_sys::{
    evt,
    ndk::{
        NDK_EXTENSION_INTERFACE, NDK_FN_CLOSE_COMPLETION, NDK_OBJECT_HEADER, NDK_VERSION, status::STATUS_INVALID_HANDLE,
    },
};
use wdk_sys::{GUID, NTSTATUS, PVOID, STATUS_NOT_SUPPORTED};

/// The status of a result.
pub fn status(result: Result<NTSTATUS, NTSTATUS>) -> NTSTATUS {
    result.unwrap_or_else(|status| status)
}

/// [`resolve`], with a status.
///
/// # Safety
/// See [`crate::door`].
///
/// # Errors
/// STATUS_INVALID_HANDLE.
pub unsafe fn object<P: Platform, T: Object>(raw: *mut c_void) -> Result<(&'static P, ObjectId<T>), NTSTATUS> {
    // SAFETY: as the caller promises.
    unsafe { resolve::<P, T>(raw) }.ok_or(STATUS_INVALID_HANDLE)
}

/// Takes a prepared object in as a successor of the objects in `antecedents`, of which `parent` is one, and writes its
/// handle to `place`.
///
/// # Safety
/// `place` is writable for a pointer.
///
/// # Errors
/// As [`Engine::insert`].
pub unsafe fn admit<P: Platform, T: Object>(
    platform: &'static P,
    prepared: Prepared<T>,
    parent: AnyId,
    antecedents: &[AnyId],
    place: NonNull<c_void>,
) -> Result<ObjectId<T>, NTSTATUS> {
    let (id, handle): (ObjectId<T>, NonNull<Handle>) = with_engine(platform, |engine: &mut Engine| {
        let adapter = engine.base(parent).ok_or(STATUS_INVALID_HANDLE)?.adapter;
        engine.insert(prepared, adapter, antecedents)
    })?;
    // SAFETY: writable (caller).
    unsafe { place.cast::<NonNull<Handle>>().write(handle) };
    Ok(id)
}

/// NdkCloseObject for objects of type `T`.
///
/// # Safety
/// See [`crate::door`].
pub unsafe fn close<P: Platform, T: Object>(
    raw: *mut NDK_OBJECT_HEADER,
    completion: NDK_FN_CLOSE_COMPLETION,
    context: PVOID,
) -> NTSTATUS {
    // SAFETY: as the caller promises.
    let found = unsafe { object::<P, T>(raw.cast()) };
    let request = CloseRequest { completion, context: Context(context) };
    status(found.and_then(|(platform, id)| with_engine(platform, |engine| engine.close(id, request))))
}

evt! {
    /// NdkQueryExtension: there are no extensions.
    ///
    /// # Safety
    /// None: nothing is looked at.
    pub unsafe fn query_extension(
        _object: *mut NDK_OBJECT_HEADER,
        _id: *mut GUID,
        _version: NDK_VERSION,
        _interface: *mut NDK_EXTENSION_INTERFACE,
    ) -> NTSTATUS {
        STATUS_NOT_SUPPORTED
    }
}
