//! NDK_CQ_DISPATCH and NdkCreateCq.

use super::{admit, close, object, query_extension, status};
use crate::{
    adapter::Adapter,
    cq::{self, Completion, Cq},
    engine::Prepared,
    object::ObjectId,
    platform::Platform,
    run::with_engine,
    upcall::Context,
};
use core::{ffi::c_void, ptr::NonNull};
use ndis_sys::{
    evt,
    ndk::{
        NDK_ADAPTER, NDK_CQ, NDK_CQ_DISPATCH, NDK_FN_CLOSE_COMPLETION, NDK_FN_CQ_NOTIFICATION_CALLBACK,
        NDK_FN_CREATE_COMPLETION, NDK_FN_REQUEST_COMPLETION, NDK_OBJECT_HEADER, NDK_RESULT, NDK_RESULT_EX,
    },
};
use wdk_sys::{GROUP_AFFINITY, NTSTATUS, PVOID, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG};

/// Completions taken out under the lock at a time.
const BATCH: usize = 32;

pub(crate) fn dispatch<P: Platform>() -> *const c_void {
    struct Table<P>(P);
    impl<P: Platform> Table<P> {
        const DISPATCH: &NDK_CQ_DISPATCH = &NDK_CQ_DISPATCH {
            NdkCloseCq: Some(close_cq::<P>),
            NdkQueryExtension: Some(query_extension),
            NdkResizeCq: Some(resize_cq::<P>),
            NdkArmCq: Some(arm_cq::<P>),
            NdkGetCqResults: Some(get_cq_results::<P>),
            NdkControlCqInterruptModeration: Some(control_cq_interrupt_moderation::<P>),
            NdkGetCqResultsEx: Some(get_cq_results_ex::<P>),
        };
    }
    core::ptr::from_ref(Table::<P>::DISPATCH).cast()
}

evt! {
    /// NdkCreateCq. The affinity is not looked at: the processor is the system's choice.
    ///
    /// # Safety
    /// See [`crate::door`].
    pub unsafe fn create_cq<P: Platform>(
        adapter: *mut NDK_ADAPTER,
        depth: ULONG,
        notification: NDK_FN_CQ_NOTIFICATION_CALLBACK,
        context: PVOID,
        _affinity: *mut GROUP_AFFINITY,
        _completion: NDK_FN_CREATE_COMPLETION,
        _request_context: PVOID,
        place: *mut *mut NDK_CQ,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        status(unsafe { create(object::<P, Adapter>(adapter.cast()), depth, notification, context, place) })
    }
}

/// # Safety
/// See [`crate::door`].
unsafe fn create<P: Platform>(
    adapter: Result<(&'static P, ObjectId<Adapter>), NTSTATUS>,
    depth: ULONG,
    notification: NDK_FN_CQ_NOTIFICATION_CALLBACK,
    context: PVOID,
    place: *mut *mut NDK_CQ,
) -> Result<NTSTATUS, NTSTATUS> {
    let (platform, adapter) = adapter?;
    let place = NonNull::new(place).ok_or(STATUS_INVALID_PARAMETER)?;
    let cq = Prepared::new(platform, Cq::new(depth, notification, Context(context))?)?;
    // SAFETY: not null, hence writable (caller).
    unsafe { admit(platform, cq, adapter.into(), &[], place.cast()) }.map(|_| STATUS_SUCCESS)
}

evt! {
    unsafe fn close_cq<P: Platform>(
        cq: *mut NDK_OBJECT_HEADER,
        completion: NDK_FN_CLOSE_COMPLETION,
        context: PVOID,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        unsafe { close::<P, Cq>(cq, completion, context) }
    }
}

evt! {
    unsafe fn arm_cq<P: Platform>(cq: *mut NDK_CQ, notify: ULONG) {
        // SAFETY: as the caller promises.
        if let Ok((platform, id)) = unsafe { object::<P, Cq>(cq.cast()) } {
            with_engine(platform, |engine| engine.arm_cq(id, notify));
        }
    }
}

evt! {
    unsafe fn resize_cq<P: Platform>(
        cq: *mut NDK_CQ,
        depth: ULONG,
        _completion: NDK_FN_REQUEST_COMPLETION,
        _context: PVOID,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        let found = unsafe { object::<P, Cq>(cq.cast()) };
        status(found.and_then(|(platform, id)| {
            let mut room = cq::room(depth)?;
            Ok(with_engine(platform, |engine| engine.resize_cq(id, &mut room, depth)))
        }))
    }
}

evt! {
    unsafe fn control_cq_interrupt_moderation<P: Platform>(
        cq: *mut NDK_CQ,
        interval: ULONG,
        count: ULONG,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        let found = unsafe { object::<P, Cq>(cq.cast()) };
        status(found.map(|(platform, id)| with_engine(platform, |engine| engine.moderate_cq(id, interval, count))))
    }
}

evt! {
    unsafe fn get_cq_results<P: Platform>(cq: *mut NDK_CQ, results: *mut NDK_RESULT, count: ULONG) -> ULONG {
        // SAFETY: as the caller promises; the array has `count` elements.
        unsafe { take::<P, NDK_RESULT>(cq, results, count, Completion::result) }
    }
}

evt! {
    unsafe fn get_cq_results_ex<P: Platform>(cq: *mut NDK_CQ, results: *mut NDK_RESULT_EX, count: ULONG) -> ULONG {
        // SAFETY: as the caller promises; the array has `count` elements.
        unsafe { take::<P, NDK_RESULT_EX>(cq, results, count, Completion::result_ex) }
    }
}

/// Takes up to `count` completions out of a queue into `results`: how many. The consumer's array is written without the
/// lock, a batch at a time; the consumer serialises its calls, so the order stays.
///
/// # Safety
/// See [`crate::door`]; `results` is null or has `count` elements.
unsafe fn take<P: Platform, R>(
    cq: *mut NDK_CQ,
    results: *mut R,
    count: ULONG,
    convert: impl Fn(&Completion) -> R,
) -> ULONG {
    // SAFETY: as the caller promises.
    let Ok((platform, id)) = (unsafe { object::<P, Cq>(cq.cast()) }) else { return 0 };
    if results.is_null() {
        return 0;
    }
    let mut done = 0;
    while done < count {
        let mut batch = [const { None }; BATCH];
        let wanted = (count - done).min(BATCH as ULONG) as usize;
        let taken = with_engine(platform, |engine| engine.usable(id).map_or(0, |cq| cq.take(&mut batch[..wanted])));
        for completion in batch.iter().flatten() {
            // SAFETY: below `count`, so inside the array.
            unsafe { results.add(done as usize).write(convert(completion)) };
            done += 1;
        }
        if taken < wanted {
            break;
        }
    }
    done
}
