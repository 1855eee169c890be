//! NDK_ADAPTER_DISPATCH; opening and closing an adapter.

use super::{
    connector::create_connector,
    cq::create_cq,
    lam::{build_lam, release_lam},
    listener::create_listener,
    object,
    pd::create_pd,
    query_extension,
    shared_endpoint::create_shared_endpoint,
    status,
};
use crate::{
    adapter::Adapter,
    engine::Prepared,
    handle::resolve,
    object::CloseRequest,
    platform::Platform,
    run::with_engine,
    upcall::{Context, as_object},
};
use core::{ffi::c_void, ptr::null_mut};
use ndis_sys::{
    NDIS_STATUS_ADAPTER_NOT_READY, NDIS_STATUS_BAD_VERSION, NDIS_STATUS_RESOURCES, evt,
    ndk::{NDIS_OPEN_NDK_ADAPTER_PARAMETERS, NDK_ADAPTER, NDK_ADAPTER_DISPATCH, NDK_ADAPTER_INFO},
};
use wdk_sys::{NTSTATUS, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG};

pub(crate) fn dispatch<P: Platform>() -> *const c_void {
    struct Table<P>(P);
    impl<P: Platform> Table<P> {
        const DISPATCH: &NDK_ADAPTER_DISPATCH = &NDK_ADAPTER_DISPATCH {
            NdkQueryExtension: Some(query_extension),
            NdkQueryAdapterInfo: Some(query_adapter_info::<P>),
            NdkCreateCq: Some(create_cq::<P>),
            NdkCreatePd: Some(create_pd::<P>),
            NdkCreateSharedEndpoint: Some(create_shared_endpoint::<P>),
            NdkCreateConnector: Some(create_connector::<P>),
            NdkCreateListener: Some(create_listener::<P>),
            NdkBuildLAM: Some(build_lam::<P>),
            NdkReleaseLAM: Some(release_lam::<P>),
        };
    }
    core::ptr::from_ref(Table::<P>::DISPATCH).cast()
}

/// Opens an adapter, as OPEN_NDK_ADAPTER_HANDLER: STATUS_SUCCESS, NDIS_STATUS_BAD_VERSION, NDIS_STATUS_ADAPTER_NOT_READY
/// without power, NDIS_STATUS_RESOURCES, STATUS_INVALID_PARAMETER for a null pointer. At PASSIVE_LEVEL.
///
/// # Safety
/// The pointers are null or live; `place` is writable.
pub unsafe fn open_adapter<P: Platform>(
    platform: &'static P,
    parameters: *const NDIS_OPEN_NDK_ADAPTER_PARAMETERS,
    place: *mut *mut NDK_ADAPTER,
) -> NTSTATUS {
    if parameters.is_null() || place.is_null() || !platform.is_passive() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: not null, hence live (caller).
    let Some(adapter) = Adapter::new(unsafe { (*parameters).Version }) else { return NDIS_STATUS_BAD_VERSION };
    let opened = Prepared::new(platform, adapter)
        .and_then(|adapter| with_engine(platform, |engine| engine.insert_adapter(adapter)));
    match opened {
        Ok((_, handle)) => {
            // SAFETY: not null, hence writable (caller).
            unsafe { place.write(as_object(handle).cast()) };
            STATUS_SUCCESS
        }
        Err(wdk_sys::STATUS_DEVICE_NOT_READY) => NDIS_STATUS_ADAPTER_NOT_READY,
        Err(_) => NDIS_STATUS_RESOURCES,
    }
}

/// Closes an adapter, as CLOSE_NDK_ADAPTER_HANDLER: returns when every object of the adapter is closed and every callback
/// has returned. At PASSIVE_LEVEL, and not from a callback. Anything but an open adapter is ignored.
///
/// # Safety
/// See [`crate::door`].
pub unsafe fn close_adapter<P: Platform>(platform: &'static P, adapter: *mut NDK_ADAPTER) {
    // SAFETY: as the caller promises.
    let Some((owner, id)) = (unsafe { resolve::<P, Adapter>(adapter.cast()) }) else { return };
    if !core::ptr::eq(owner, platform) || !platform.is_passive() {
        return;
    }
    let request = CloseRequest { completion: None, context: Context(null_mut()) };
    if with_engine(platform, |engine| engine.close(id, request)).is_ok() {
        while with_engine(platform, |engine| engine.get(id).is_some()) {
            platform.pause();
        }
    }
}

evt! {
    unsafe fn query_adapter_info<P: Platform>(
        adapter: *mut NDK_ADAPTER,
        info: *mut NDK_ADAPTER_INFO,
        size: *mut ULONG,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        let found = unsafe { object::<P, Adapter>(adapter.cast()) };
        status(found.and_then(|(platform, id)| {
            if size.is_null() {
                return Err(STATUS_INVALID_PARAMETER);
            }
            let answer = with_engine(platform, |engine| engine.usable(id).map(|adapter| adapter.info()))?;
            let needed = size_of::<NDK_ADAPTER_INFO>() as ULONG;
            // SAFETY: not null, hence writable (caller); so is `info`, for the bytes that the caller says it has.
            unsafe {
                let room = size.read();
                size.write(needed);
                if room < needed {
                    return Err(STATUS_BUFFER_TOO_SMALL);
                }
                if info.is_null() {
                    return Err(STATUS_INVALID_PARAMETER);
                }
                info.write(answer);
            }
            Ok(STATUS_SUCCESS)
        }))
    }
}
