//! NDK_LISTENER_DISPATCH and NdkCreateListener.

use super::{admit, close, object, query_extension, status};
use crate::{
    adapter::Adapter, engine::Prepared, listener::Listener, platform::Platform, run::with_engine,
    transport::address::Address, upcall::Context,
};
use core::{ffi::c_void, ptr::NonNull};
use ndis_sys::{
    evt,
    ndk::{
        NDK_ADAPTER, NDK_FN_CLOSE_COMPLETION, NDK_FN_CONNECT_EVENT_CALLBACK, NDK_FN_CREATE_COMPLETION,
        NDK_FN_REQUEST_COMPLETION, NDK_LISTENER, NDK_LISTENER_DISPATCH, NDK_OBJECT_HEADER, PSOCKADDR,
    },
};
use wdk_sys::{BOOLEAN, NTSTATUS, PVOID, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG};

pub(crate) fn dispatch<P: Platform>() -> *const c_void {
    struct Table<P>(P);
    impl<P: Platform> Table<P> {
        const DISPATCH: &NDK_LISTENER_DISPATCH = &NDK_LISTENER_DISPATCH {
            NdkCloseListener: Some(close_listener::<P>),
            NdkQueryExtension: Some(query_extension),
            NdkListen: Some(listen::<P>),
            NdkGetLocalAddress: Some(get_local_address::<P>),
            NdkControlConnectEvents: Some(control_connect_events::<P>),
        };
    }
    core::ptr::from_ref(Table::<P>::DISPATCH).cast()
}

evt! {
    /// NdkCreateListener.
    ///
    /// # Safety
    /// See [`crate::door`].
    pub unsafe fn create_listener<P: Platform>(
        adapter: *mut NDK_ADAPTER,
        connect_event: NDK_FN_CONNECT_EVENT_CALLBACK,
        context: PVOID,
        _completion: NDK_FN_CREATE_COMPLETION,
        _request_context: PVOID,
        place: *mut *mut NDK_LISTENER,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        let found = unsafe { object::<P, Adapter>(adapter.cast()) };
        status(found.and_then(|(platform, adapter)| {
            let place = NonNull::new(place).ok_or(STATUS_INVALID_PARAMETER)?;
            if connect_event.is_none() {
                return Err(STATUS_INVALID_PARAMETER);
            }
            let listener = Prepared::new(platform, Listener::new(connect_event, Context(context))?)?;
            // SAFETY: not null, hence writable (caller).
            unsafe { admit(platform, listener, adapter.into(), &[], place.cast()) }.map(|_| STATUS_SUCCESS)
        }))
    }
}

evt! {
    unsafe fn close_listener<P: Platform>(
        listener: *mut NDK_OBJECT_HEADER,
        completion: NDK_FN_CLOSE_COMPLETION,
        context: PVOID,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        unsafe { close::<P, Listener>(listener, completion, context) }
    }
}

evt! {
    unsafe fn listen<P: Platform>(
        listener: *mut NDK_LISTENER,
        address: PSOCKADDR,
        length: ULONG,
        _completion: NDK_FN_REQUEST_COMPLETION,
        _context: PVOID,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        let (found, address) =
            unsafe { (object::<P, Listener>(listener.cast()), Address::read(address, length)) };
        status(found.and_then(|(platform, id)| {
            let address = address?;
            with_engine(platform, |engine| engine.listen(id, address))
        }))
    }
}

evt! {
    unsafe fn get_local_address<P: Platform>(
        listener: *mut NDK_LISTENER,
        address: PSOCKADDR,
        length: *mut ULONG,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        let found = unsafe { object::<P, Listener>(listener.cast()) };
        status(found.and_then(|(platform, id)| {
            let found = with_engine(platform, |engine| engine.usable(id)?.address())?;
            // SAFETY: as the caller promises.
            Ok(unsafe { found.write(address, length) })
        }))
    }
}

evt! {
    unsafe fn control_connect_events<P: Platform>(listener: *mut NDK_LISTENER, pause: BOOLEAN) {
        // SAFETY: as the caller promises.
        if let Ok((platform, id)) = unsafe { object::<P, Listener>(listener.cast()) } {
            with_engine(platform, |engine| engine.control_connect_events(id, pause != 0));
        }
    }
}
