//! NDK_SRQ_DISPATCH and NdkCreateSrq.

use super::{admit, close, object, query_extension, sgl::Sgl, status};
use crate::{
    engine::Prepared,
    object::ObjectId,
    pd::Pd,
    platform::Platform,
    run::with_engine,
    srq::{self, Srq},
    upcall::Context,
};
use core::{ffi::c_void, ptr::NonNull};
use ndis_sys::{
    evt,
    ndk::{
        NDK_FN_CLOSE_COMPLETION, NDK_FN_CREATE_COMPLETION, NDK_FN_REQUEST_COMPLETION, NDK_FN_SRQ_NOTIFICATION_CALLBACK,
        NDK_OBJECT_HEADER, NDK_PD, NDK_SGE, NDK_SRQ, NDK_SRQ_DISPATCH,
    },
};
use wdk_sys::{GROUP_AFFINITY, NTSTATUS, PVOID, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG};

pub(crate) fn dispatch<P: Platform>() -> *const c_void {
    struct Table<P>(P);
    impl<P: Platform> Table<P> {
        const DISPATCH: &NDK_SRQ_DISPATCH = &NDK_SRQ_DISPATCH {
            NdkCloseSrq: Some(close_srq::<P>),
            NdkQueryExtension: Some(query_extension),
            NdkModifySrq: Some(modify_srq::<P>),
            NdkSrqReceive: Some(srq_receive::<P>),
        };
    }
    core::ptr::from_ref(Table::<P>::DISPATCH).cast()
}

evt! {
    /// NdkCreateSrq. The affinity is not looked at: the processor is the system's choice.
    ///
    /// # Safety
    /// See [`crate::door`].
    pub unsafe fn create_srq<P: Platform>(
        pd: *mut NDK_PD,
        depth: ULONG,
        sges: ULONG,
        threshold: ULONG,
        notification: NDK_FN_SRQ_NOTIFICATION_CALLBACK,
        context: PVOID,
        _affinity: *mut GROUP_AFFINITY,
        _completion: NDK_FN_CREATE_COMPLETION,
        _request_context: PVOID,
        place: *mut *mut NDK_SRQ,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        let found = unsafe { object::<P, Pd>(pd.cast()) };
        status(found.and_then(|(platform, pd)| {
            let place = NonNull::new(place).ok_or(STATUS_INVALID_PARAMETER)?;
            let srq = Srq::new(pd, depth, sges, threshold, notification, Context(context))?;
            let srq = Prepared::new(platform, srq)?;
            // SAFETY: not null, hence writable (caller).
            unsafe { admit(platform, srq, pd.into(), &[pd.into()], place.cast()) }.map(|_| STATUS_SUCCESS)
        }))
    }
}

evt! {
    unsafe fn close_srq<P: Platform>(
        srq: *mut NDK_OBJECT_HEADER,
        completion: NDK_FN_CLOSE_COMPLETION,
        context: PVOID,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        unsafe { close::<P, Srq>(srq, completion, context) }
    }
}

evt! {
    unsafe fn modify_srq<P: Platform>(
        srq: *mut NDK_SRQ,
        depth: ULONG,
        threshold: ULONG,
        _completion: NDK_FN_REQUEST_COMPLETION,
        _context: PVOID,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        let found = unsafe { object::<P, Srq>(srq.cast()) };
        status(found.and_then(|(platform, id)| modify(platform, id, depth, threshold)))
    }
}

fn modify<P: Platform>(
    platform: &'static P,
    id: ObjectId<Srq>,
    depth: ULONG,
    threshold: ULONG,
) -> Result<NTSTATUS, NTSTATUS> {
    let width = with_engine(platform, |engine| engine.usable(id).map(|srq| srq.width()))?;
    if depth == 0 {
        return with_engine(platform, |engine| engine.modify_srq(id, None, threshold));
    }
    let mut queue = srq::queue(depth, width)?;
    with_engine(platform, |engine| engine.modify_srq(id, Some((&mut queue, depth)), threshold))
}

evt! {
    unsafe fn srq_receive<P: Platform>(
        srq: *mut NDK_SRQ,
        context: PVOID,
        sges: *const NDK_SGE,
        count: ULONG,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        let (found, sgl) = unsafe { (object::<P, Srq>(srq.cast()), Sgl::read(sges, count, 0)) };
        status(found.and_then(|(platform, id)| {
            let sgl = sgl?;
            with_engine(platform, |engine| engine.post_shared_receive(id, Context(context), sgl.sges()))
        }))
    }
}
