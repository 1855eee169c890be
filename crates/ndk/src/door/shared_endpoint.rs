//! NDK_SHARED_ENDPOINT_DISPATCH and NdkCreateSharedEndpoint.

use super::{admit, close, object, query_extension, status};
use crate::{
    adapter::Adapter, engine::Prepared, platform::Platform, run::with_engine, shared_endpoint::SharedEndpoint,
    transport::address::Address,
};
use core::{ffi::c_void, ptr::NonNull};
use ndis_sys::{
    evt,
    ndk::{
        NDK_ADAPTER, NDK_FN_CLOSE_COMPLETION, NDK_FN_CREATE_COMPLETION, NDK_OBJECT_HEADER, NDK_SHARED_ENDPOINT,
        NDK_SHARED_ENDPOINT_DISPATCH, PSOCKADDR, status::STATUS_INVALID_HANDLE,
    },
};
use wdk_sys::{NTSTATUS, PVOID, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG};

pub(crate) fn dispatch<P: Platform>() -> *const c_void {
    struct Table<P>(P);
    impl<P: Platform> Table<P> {
        const DISPATCH: &NDK_SHARED_ENDPOINT_DISPATCH = &NDK_SHARED_ENDPOINT_DISPATCH {
            NdkCloseSharedEndpoint: Some(close_shared_endpoint::<P>),
            NdkQueryExtension: Some(query_extension),
            NdkGetLocalAddress: Some(get_local_address::<P>),
        };
    }
    core::ptr::from_ref(Table::<P>::DISPATCH).cast()
}

evt! {
    /// NdkCreateSharedEndpoint.
    ///
    /// # Safety
    /// See [`crate::door`].
    pub unsafe fn create_shared_endpoint<P: Platform>(
        adapter: *mut NDK_ADAPTER,
        address: PSOCKADDR,
        length: ULONG,
        _completion: NDK_FN_CREATE_COMPLETION,
        _context: PVOID,
        place: *mut *mut NDK_SHARED_ENDPOINT,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        let (found, address) = unsafe { (object::<P, Adapter>(adapter.cast()), Address::read(address, length)) };
        status(found.and_then(|(platform, adapter)| {
            let place = NonNull::new(place).ok_or(STATUS_INVALID_PARAMETER)?;
            let endpoint = Prepared::new(platform, SharedEndpoint::new(address?))?;
            // SAFETY: not null, hence writable (caller).
            unsafe { admit(platform, endpoint, adapter.into(), &[], place.cast()) }.map(|_| STATUS_SUCCESS)
        }))
    }
}

evt! {
    unsafe fn close_shared_endpoint<P: Platform>(
        endpoint: *mut NDK_OBJECT_HEADER,
        completion: NDK_FN_CLOSE_COMPLETION,
        context: PVOID,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        unsafe { close::<P, SharedEndpoint>(endpoint, completion, context) }
    }
}

evt! {
    unsafe fn get_local_address<P: Platform>(
        endpoint: *mut NDK_SHARED_ENDPOINT,
        address: PSOCKADDR,
        length: *mut ULONG,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        let found = unsafe { object::<P, SharedEndpoint>(endpoint.cast()) };
        status(found.and_then(|(platform, id)| {
            let found = with_engine(platform, |engine| engine.usable(id).map(|endpoint| endpoint.address()))?;
            // SAFETY: as the caller promises.
            Ok(unsafe { found.ok_or(STATUS_INVALID_HANDLE)?.write(address, length) })
        }))
    }
}
