//! NDK_MW_DISPATCH and NdkCreateMw.

use super::{admit, close, object, query_extension, status};
use crate::{engine::Prepared, mw::Mw, pd::Pd, platform::Platform, run::with_engine};
use core::{ffi::c_void, ptr::NonNull};
use ndis_sys::{
    evt,
    ndk::{NDK_FN_CLOSE_COMPLETION, NDK_FN_CREATE_COMPLETION, NDK_MW, NDK_MW_DISPATCH, NDK_OBJECT_HEADER, NDK_PD},
};
use wdk_sys::{NTSTATUS, PVOID, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, UINT32};

pub(crate) fn dispatch<P: Platform>() -> *const c_void {
    struct Table<P>(P);
    impl<P: Platform> Table<P> {
        const DISPATCH: &NDK_MW_DISPATCH = &NDK_MW_DISPATCH {
            NdkCloseMw: Some(close_mw::<P>),
            NdkQueryExtension: Some(query_extension),
            NdkGetRemoteTokenFromMw: Some(get_remote_token_from_mw::<P>),
        };
    }
    core::ptr::from_ref(Table::<P>::DISPATCH).cast()
}

evt! {
    /// NdkCreateMw.
    ///
    /// # Safety
    /// See [`crate::door`].
    pub unsafe fn create_mw<P: Platform>(
        pd: *mut NDK_PD,
        _completion: NDK_FN_CREATE_COMPLETION,
        _context: PVOID,
        place: *mut *mut NDK_MW,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        let found = unsafe { object::<P, Pd>(pd.cast()) };
        status(found.and_then(|(platform, pd)| {
            let place = NonNull::new(place).ok_or(STATUS_INVALID_PARAMETER)?;
            let mw = Prepared::new(platform, Mw::new(pd))?;
            // SAFETY: not null, hence writable (caller).
            unsafe { admit(platform, mw, pd.into(), &[pd.into()], place.cast()) }.map(|_| STATUS_SUCCESS)
        }))
    }
}

evt! {
    unsafe fn close_mw<P: Platform>(
        mw: *mut NDK_OBJECT_HEADER,
        completion: NDK_FN_CLOSE_COMPLETION,
        context: PVOID,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        unsafe { close::<P, Mw>(mw, completion, context) }
    }
}

evt! {
    unsafe fn get_remote_token_from_mw<P: Platform>(mw: *mut NDK_MW) -> UINT32 {
        // SAFETY: as the caller promises.
        let Ok((platform, id)) = (unsafe { object::<P, Mw>(mw.cast()) }) else { return 0 };
        with_engine(platform, |engine| match engine.usable(id).map(|mw| mw.memory()) {
            Ok(window) => engine.memory.remote_token(window),
            Err(_) => 0,
        })
    }
}
