//! NDK_QP_DISPATCH, NdkCreateQp and NdkCreateQpWithSrq.

use super::{admit, close, object, query_extension, sgl::Sgl, status};
use crate::{
    cq::Cq,
    engine::Prepared,
    mr::Mr,
    mw::Mw,
    object::{Object, ObjectId},
    pd::Pd,
    platform::Platform,
    qp::{Data, Post, Qp, Sizes},
    run::with_engine,
    srq::Srq,
    transport::{
        access::Access,
        limits::{FRMR_PAGE_COUNT, MAX_READ_REQUEST_SGE, MAX_WINDOW_SIZE},
        memory::{Binding, FastRegistration, Memory, MemoryId},
        request::Operation,
    },
    upcall::Context,
};
use core::{ffi::c_void, ptr::NonNull};
use ndis_sys::{
    evt,
    ndk::{
        NDK_CQ, NDK_FN_CLOSE_COMPLETION, NDK_FN_CREATE_COMPLETION, NDK_LOGICAL_ADDRESS, NDK_MR, NDK_MW,
        NDK_OBJECT_HEADER, NDK_OP_FLAG_ALLOW_LOCAL_WRITE, NDK_OP_FLAG_ALLOW_REMOTE_READ,
        NDK_OP_FLAG_ALLOW_REMOTE_WRITE, NDK_OP_FLAG_INLINE, NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE,
        NDK_OP_FLAG_RDMA_READ_SINK, NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT, NDK_PD, NDK_QP, NDK_QP_DISPATCH, NDK_SGE,
        NDK_SRQ, status::STATUS_DATA_OVERRUN,
    },
};
use wdk_sys::{NTSTATUS, PVOID, SIZE_T, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, UINT32, UINT64, ULONG};

pub(crate) fn dispatch<P: Platform>() -> *const c_void {
    struct Table<P>(P);
    impl<P: Platform> Table<P> {
        const DISPATCH: &NDK_QP_DISPATCH = &NDK_QP_DISPATCH {
            NdkCloseQp: Some(close_qp::<P>),
            NdkQueryExtension: Some(query_extension),
            NdkFlush: Some(flush::<P>),
            NdkSend: Some(send::<P>),
            NdkReceive: Some(receive::<P>),
            NdkBind: Some(bind::<P>),
            NdkFastRegister: Some(fast_register::<P>),
            NdkInvalidate: Some(invalidate::<P>),
            NdkRead: Some(read::<P>),
            NdkWrite: Some(write::<P>),
            NdkSendAndInvalidate: Some(send_and_invalidate::<P>),
        };
    }
    core::ptr::from_ref(Table::<P>::DISPATCH).cast()
}

evt! {
    /// NdkCreateQp.
    ///
    /// # Safety
    /// See [`crate::door`].
    pub unsafe fn create_qp<P: Platform>(
        pd: *mut NDK_PD,
        receive_cq: *mut NDK_CQ,
        initiator_cq: *mut NDK_CQ,
        qp_context: PVOID,
        receive_depth: ULONG,
        initiator_depth: ULONG,
        receive_sges: ULONG,
        initiator_sges: ULONG,
        inline_data: ULONG,
        _completion: NDK_FN_CREATE_COMPLETION,
        _context: PVOID,
        place: *mut *mut NDK_QP,
    ) -> NTSTATUS {
        let sizes = Sizes { receive_depth, initiator_depth, receive_sges, initiator_sges, inline_data };
        // SAFETY: as the caller promises.
        status(unsafe { create::<P>(pd, [receive_cq, initiator_cq], None, qp_context, sizes, place) })
    }
}

evt! {
    /// NdkCreateQpWithSrq.
    ///
    /// # Safety
    /// See [`crate::door`].
    pub unsafe fn create_qp_with_srq<P: Platform>(
        pd: *mut NDK_PD,
        receive_cq: *mut NDK_CQ,
        initiator_cq: *mut NDK_CQ,
        srq: *mut NDK_SRQ,
        qp_context: PVOID,
        initiator_depth: ULONG,
        initiator_sges: ULONG,
        inline_data: ULONG,
        _completion: NDK_FN_CREATE_COMPLETION,
        _context: PVOID,
        place: *mut *mut NDK_QP,
    ) -> NTSTATUS {
        let sizes = Sizes { receive_depth: 0, initiator_depth, receive_sges: 0, initiator_sges, inline_data };
        // SAFETY: as the caller promises.
        status(unsafe { create::<P>(pd, [receive_cq, initiator_cq], Some(srq), qp_context, sizes, place) })
    }
}

/// # Safety
/// See [`crate::door`].
unsafe fn create<P: Platform>(
    pd: *mut NDK_PD,
    [receive_cq, initiator_cq]: [*mut NDK_CQ; 2],
    srq: Option<*mut NDK_SRQ>,
    context: PVOID,
    mut sizes: Sizes,
    place: *mut *mut NDK_QP,
) -> Result<NTSTATUS, NTSTATUS> {
    // SAFETY: as the caller promises.
    let ((platform, pd), (_, receive_cq), (_, initiator_cq)) = unsafe {
        (object::<P, Pd>(pd.cast())?, object::<P, Cq>(receive_cq.cast())?, object::<P, Cq>(initiator_cq.cast())?)
    };
    // SAFETY: as the caller promises.
    let srq = srq.map(|srq| unsafe { object::<P, Srq>(srq.cast()) }).transpose()?.map(|(_, id)| id);
    let place = NonNull::new(place).ok_or(STATUS_INVALID_PARAMETER)?;
    if let Some(srq) = srq {
        sizes.receive_sges = with_engine(platform, |engine| engine.usable(srq).map(|srq| srq.width()))?;
    }
    let qp = Prepared::new(platform, Qp::new(pd, receive_cq, initiator_cq, srq, Context(context), sizes)?)?;
    let antecedents = [pd.into(), receive_cq.into(), initiator_cq.into(), srq.map_or(pd.into(), Into::into)];
    let count = if srq.is_some() { 4 } else { 3 };
    // SAFETY: not null, hence writable (caller).
    unsafe { admit(platform, qp, pd.into(), &antecedents[..count], place.cast()) }.map(|_| STATUS_SUCCESS)
}

evt! {
    unsafe fn close_qp<P: Platform>(
        qp: *mut NDK_OBJECT_HEADER,
        completion: NDK_FN_CLOSE_COMPLETION,
        context: PVOID,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        unsafe { close::<P, Qp>(qp, completion, context) }
    }
}

evt! {
    unsafe fn flush<P: Platform>(qp: *mut NDK_QP) {
        // SAFETY: as the caller promises.
        if let Ok((platform, id)) = unsafe { object::<P, Qp>(qp.cast()) } {
            with_engine(platform, |engine| {
                if engine.usable(id).is_ok() {
                    engine.flush(id);
                }
            });
        }
    }
}

/// Posts an initiator request.
///
/// # Safety
/// `qp` as [`crate::door`] says.
unsafe fn post<P: Platform>(
    qp: *mut NDK_QP,
    context: PVOID,
    (flags, known_flags): (ULONG, ULONG),
    data: Result<Data<'_>, NTSTATUS>,
    operation: impl FnOnce(&mut Memory, MemoryId) -> Result<Operation, NTSTATUS>,
) -> NTSTATUS {
    // SAFETY: as the caller promises.
    let found = unsafe { object::<P, Qp>(qp.cast()) };
    status(found.and_then(|(platform, id)| {
        let post = Post { context: Context(context), flags, known_flags, data, operation };
        with_engine(platform, |engine| engine.post(id, post))
    }))
}

/// Reads the SGEs and posts a request for their bytes.
///
/// # Safety
/// See [`crate::door`].
unsafe fn post_data<P: Platform>(
    qp: *mut NDK_QP,
    context: PVOID,
    (sges, count): (*const NDK_SGE, ULONG),
    (flags, known_flags): (ULONG, ULONG),
    operation: Operation,
) -> NTSTATUS {
    // SAFETY: as the caller promises.
    let sgl = unsafe { Sgl::read(sges, count, flags & known_flags) };
    let data = sgl.as_ref().map(Sgl::data).map_err(|status| *status);
    // SAFETY: as the caller promises.
    unsafe { post::<P>(qp, context, (flags, known_flags), data, |_, _| Ok(operation)) }
}

evt! {
    unsafe fn send<P: Platform>(
        qp: *mut NDK_QP,
        context: PVOID,
        sges: *const NDK_SGE,
        count: ULONG,
        flags: ULONG,
    ) -> NTSTATUS {
        let flags = (flags, NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT | NDK_OP_FLAG_INLINE);
        // SAFETY: as the caller promises.
        unsafe { post_data::<P>(qp, context, (sges, count), flags, Operation::Send { invalidate: None }) }
    }
}

evt! {
    unsafe fn send_and_invalidate<P: Platform>(
        qp: *mut NDK_QP,
        context: PVOID,
        sges: *const NDK_SGE,
        count: ULONG,
        flags: ULONG,
        token: UINT32,
    ) -> NTSTATUS {
        let flags = (flags, NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT | NDK_OP_FLAG_INLINE);
        // SAFETY: as the caller promises.
        unsafe { post_data::<P>(qp, context, (sges, count), flags, Operation::Send { invalidate: Some(token) }) }
    }
}

evt! {
    /// NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE is ignored, as NdkRead says for an adapter that does not report it.
    unsafe fn read<P: Platform>(
        qp: *mut NDK_QP,
        context: PVOID,
        sges: *const NDK_SGE,
        count: ULONG,
        address: UINT64,
        token: UINT32,
        flags: ULONG,
    ) -> NTSTATUS {
        let (flags, operation) = ((flags, NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE), Operation::Read { address, token });
        if count > MAX_READ_REQUEST_SGE {
            // SAFETY: as the caller promises.
            return unsafe { post::<P>(qp, context, flags, Err(STATUS_DATA_OVERRUN), |_, _| Ok(operation)) };
        }
        // SAFETY: as the caller promises.
        unsafe { post_data::<P>(qp, context, (sges, count), flags, operation) }
    }
}

evt! {
    /// With NDK_OP_FLAG_INLINE too: NdkCreateQp and the ND SPI say that writes may have inline data, though the flags on
    /// NdkWrite's page lack it.
    unsafe fn write<P: Platform>(
        qp: *mut NDK_QP,
        context: PVOID,
        sges: *const NDK_SGE,
        count: ULONG,
        address: UINT64,
        token: UINT32,
        flags: ULONG,
    ) -> NTSTATUS {
        let flags = (flags, NDK_OP_FLAG_INLINE);
        // SAFETY: as the caller promises.
        unsafe { post_data::<P>(qp, context, (sges, count), flags, Operation::Write { address, token }) }
    }
}

evt! {
    unsafe fn receive<P: Platform>(qp: *mut NDK_QP, context: PVOID, sges: *const NDK_SGE, count: ULONG) -> NTSTATUS {
        // SAFETY: as the caller promises.
        let (found, sgl) = unsafe { (object::<P, Qp>(qp.cast()), Sgl::read(sges, count, 0)) };
        status(found.and_then(|(platform, id)| {
            let sgl = sgl?;
            with_engine(platform, |engine| engine.post_receive(id, Context(context), sgl.sges()))
        }))
    }
}

/// The memory of a usable region or window; NONE, which is refused, for another object.
fn memory<P: Platform, T: Object>(
    found: Result<(&'static P, ObjectId<T>), NTSTATUS>,
    which: impl Fn(&T) -> MemoryId,
) -> MemoryId {
    let Ok((platform, id)) = found else { return MemoryId::NONE };
    with_engine(platform, |engine| engine.usable(id).map_or(MemoryId::NONE, |it| which(it)))
}

evt! {
    unsafe fn bind<P: Platform>(
        qp: *mut NDK_QP,
        context: PVOID,
        mr: *mut NDK_MR,
        mw: *mut NDK_MW,
        address: PVOID,
        length: SIZE_T,
        flags: ULONG,
    ) -> NTSTATUS {
        const RIGHTS: ULONG = NDK_OP_FLAG_ALLOW_REMOTE_READ | NDK_OP_FLAG_ALLOW_REMOTE_WRITE;
        // SAFETY: as the caller promises.
        let (mr, mw) = unsafe { (object::<P, Mr>(mr.cast()), object::<P, Mw>(mw.cast())) };
        let (region, window) = (memory(mr, Mr::memory), memory(mw, Mw::memory));
        let operation = |memory: &mut Memory, domain| {
            let access = Access::from_op_flags(flags & RIGHTS).ok_or(STATUS_INVALID_PARAMETER)?;
            if length as usize > MAX_WINDOW_SIZE {
                return Err(STATUS_INVALID_PARAMETER);
            }
            let binding = Binding::new(region, window, address.addr() as u64, length as u64, access);
            memory.stage_bind(domain, binding).map(Operation::Bind)
        };
        // SAFETY: as the caller promises.
        unsafe { post::<P>(qp, context, (flags, RIGHTS), Ok(Data::Sges(&[])), operation) }
    }
}

evt! {
    unsafe fn fast_register<P: Platform>(
        qp: *mut NDK_QP,
        context: PVOID,
        mr: *mut NDK_MR,
        page_count: ULONG,
        pages: *const NDK_LOGICAL_ADDRESS,
        first_byte_offset: ULONG,
        length: SIZE_T,
        address: PVOID,
        flags: ULONG,
    ) -> NTSTATUS {
        const RIGHTS: ULONG =
            NDK_OP_FLAG_ALLOW_REMOTE_READ | NDK_OP_FLAG_ALLOW_LOCAL_WRITE | NDK_OP_FLAG_ALLOW_REMOTE_WRITE;
        let mut copied = [0; FRMR_PAGE_COUNT as usize];
        let pages = match copied.get_mut(..page_count as usize) {
            Some(copied) if !pages.is_null() => {
                for (n, page) in copied.iter_mut().enumerate() {
                    // SAFETY: the array has `page_count` elements (caller); an integer in every variant.
                    *page = unsafe { pages.add(n).read_volatile().QuadPart } as u64; // CAST: an address.
                }
                Ok(&*copied)
            }
            _ => Err(STATUS_INVALID_PARAMETER),
        };
        // SAFETY: as the caller promises.
        let region = memory(unsafe { object::<P, Mr>(mr.cast()) }, Mr::memory);
        let operation = |memory: &mut Memory, domain| {
            let access = Access::from_op_flags(flags & RIGHTS).ok_or(STATUS_INVALID_PARAMETER)?;
            let posted =
                FastRegistration::new(region, first_byte_offset, length as u64, address.addr() as u64, access);
            memory.stage_fast_register(domain, posted, pages?).map(Operation::FastRegister)
        };
        let flags = (flags, RIGHTS | NDK_OP_FLAG_RDMA_READ_SINK);
        // SAFETY: as the caller promises.
        unsafe { post::<P>(qp, context, flags, Ok(Data::Sges(&[])), operation) }
    }
}

evt! {
    unsafe fn invalidate<P: Platform>(
        qp: *mut NDK_QP,
        context: PVOID,
        target: *mut NDK_OBJECT_HEADER,
        flags: ULONG,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        let target = unsafe {
            match object::<P, Mr>(target.cast()) {
                Ok(mr) => memory(Ok(mr), Mr::memory),
                Err(_) => memory(object::<P, Mw>(target.cast()), Mw::memory),
            }
        };
        let operation = |memory: &mut Memory, domain| {
            memory.can_invalidate(domain, target).map(|()| Operation::Invalidate(target))
        };
        // SAFETY: as the caller promises.
        unsafe { post::<P>(qp, context, (flags, 0), Ok(Data::Sges(&[])), operation) }
    }
}
