//! NDK_PD_DISPATCH and NdkCreatePd.

use super::{
    admit, close,
    mr::create_mr,
    mw::create_mw,
    object,
    qp::{create_qp, create_qp_with_srq},
    query_extension,
    srq::create_srq,
    status,
};
use crate::{adapter::Adapter, engine::Prepared, pd::Pd, platform::Platform, run::with_engine};
use core::{ffi::c_void, ptr::NonNull};
use ndis_sys::{
    evt,
    ndk::{NDK_ADAPTER, NDK_FN_CLOSE_COMPLETION, NDK_FN_CREATE_COMPLETION, NDK_OBJECT_HEADER, NDK_PD, NDK_PD_DISPATCH},
};
use wdk_sys::{NTSTATUS, PVOID, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, UINT32};

pub(crate) fn dispatch<P: Platform>() -> *const c_void {
    struct Table<P>(P);
    impl<P: Platform> Table<P> {
        const DISPATCH: &NDK_PD_DISPATCH = &NDK_PD_DISPATCH {
            NdkClosePd: Some(close_pd::<P>),
            NdkQueryExtension: Some(query_extension),
            NdkCreateMr: Some(create_mr::<P>),
            NdkCreateMw: Some(create_mw::<P>),
            NdkCreateSrq: Some(create_srq::<P>),
            NdkCreateQp: Some(create_qp::<P>),
            NdkCreateQpWithSrq: Some(create_qp_with_srq::<P>),
            NdkGetPrivilegedMemoryRegionToken: Some(get_privileged_memory_region_token::<P>),
        };
    }
    core::ptr::from_ref(Table::<P>::DISPATCH).cast()
}

evt! {
    /// NdkCreatePd.
    ///
    /// # Safety
    /// See [`crate::door`].
    pub unsafe fn create_pd<P: Platform>(
        adapter: *mut NDK_ADAPTER,
        _completion: NDK_FN_CREATE_COMPLETION,
        _context: PVOID,
        place: *mut *mut NDK_PD,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        let found = unsafe { object::<P, Adapter>(adapter.cast()) };
        status(found.and_then(|(platform, adapter)| {
            let place = NonNull::new(place).ok_or(STATUS_INVALID_PARAMETER)?;
            let pd = Prepared::new(platform, Pd::new())?;
            // SAFETY: not null, hence writable (caller).
            unsafe { admit(platform, pd, adapter.into(), &[], place.cast()) }.map(|_| STATUS_SUCCESS)
        }))
    }
}

evt! {
    unsafe fn close_pd<P: Platform>(
        pd: *mut NDK_OBJECT_HEADER,
        completion: NDK_FN_CLOSE_COMPLETION,
        context: PVOID,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        unsafe { close::<P, Pd>(pd, completion, context) }
    }
}

evt! {
    unsafe fn get_privileged_memory_region_token<P: Platform>(pd: *mut NDK_PD, token: *mut UINT32) {
        // SAFETY: as the caller promises.
        let found = unsafe { object::<P, Pd>(pd.cast()) };
        if let Ok((platform, id)) = found
            && !token.is_null()
        {
            let value = with_engine(platform, |engine| match engine.usable(id).map(|pd| pd.memory()) {
                Ok(domain) => engine.memory.privileged_token(domain),
                Err(_) => 0,
            });
            // SAFETY: not null, hence writable (caller).
            unsafe { token.write(value) };
        }
    }
}
