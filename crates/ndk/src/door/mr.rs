//! NDK_MR_DISPATCH and NdkCreateMr.

use super::{admit, close, mdl, object, query_extension, status};
use crate::{
    engine::{Engine, Prepared},
    mr::Mr,
    object::ObjectId,
    pd::Pd,
    platform::Platform,
    run::with_engine,
    transport::{
        access::Access,
        limits::FRMR_PAGE_COUNT,
        memory::{Memory, MemoryId},
    },
};
use core::{ffi::c_void, ptr::NonNull};
use ndis_sys::{
    evt,
    ndk::{
        NDK_FN_CLOSE_COMPLETION, NDK_FN_CREATE_COMPLETION, NDK_FN_REQUEST_COMPLETION, NDK_MR, NDK_MR_DISPATCH,
        NDK_OBJECT_HEADER, NDK_PD, status::STATUS_IMPLEMENTATION_LIMIT,
    },
};
use wdk_sys::{BOOLEAN, MDL, NTSTATUS, PVOID, SIZE_T, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, UINT32, ULONG};

pub(crate) fn dispatch<P: Platform>() -> *const c_void {
    struct Table<P>(P);
    impl<P: Platform> Table<P> {
        const DISPATCH: &NDK_MR_DISPATCH = &NDK_MR_DISPATCH {
            NdkCloseMr: Some(close_mr::<P>),
            NdkQueryExtension: Some(query_extension),
            NdkRegisterMr: Some(register_mr::<P>),
            NdkDeregisterMr: Some(deregister_mr::<P>),
            NdkInitializeFastRegisterMr: Some(initialize_fast_register_mr::<P>),
            NdkGetRemoteTokenFromMr: Some(get_remote_token_from_mr::<P>),
            NdkGetLocalTokenFromMr: Some(get_local_token_from_mr::<P>),
        };
    }
    core::ptr::from_ref(Table::<P>::DISPATCH).cast()
}

evt! {
    /// NdkCreateMr.
    ///
    /// # Safety
    /// See [`crate::door`].
    pub unsafe fn create_mr<P: Platform>(
        pd: *mut NDK_PD,
        fast_register: BOOLEAN,
        _completion: NDK_FN_CREATE_COMPLETION,
        _context: PVOID,
        place: *mut *mut NDK_MR,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        let found = unsafe { object::<P, Pd>(pd.cast()) };
        status(found.and_then(|(platform, pd)| {
            let place = NonNull::new(place).ok_or(STATUS_INVALID_PARAMETER)?;
            let mr = Prepared::new(platform, Mr::new(pd, fast_register != 0))?;
            // SAFETY: not null, hence writable (caller).
            unsafe { admit(platform, mr, pd.into(), &[pd.into()], place.cast()) }.map(|_| STATUS_SUCCESS)
        }))
    }
}

evt! {
    unsafe fn close_mr<P: Platform>(
        mr: *mut NDK_OBJECT_HEADER,
        completion: NDK_FN_CLOSE_COMPLETION,
        context: PVOID,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        unsafe { close::<P, Mr>(mr, completion, context) }
    }
}

evt! {
    /// Completes inline. The MDL chain and its pages stay as they are until the region is deregistered or closed: that is
    /// more than NDKPI asks of a consumer, whose hardware providers keep addresses of pages, not mappings.
    unsafe fn register_mr<P: Platform>(
        mr: *mut NDK_MR,
        chain: *mut MDL,
        length: SIZE_T,
        flags: ULONG,
        _completion: NDK_FN_REQUEST_COMPLETION,
        _context: PVOID,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        status(unsafe { object::<P, Mr>(mr.cast()) }.and_then(|(platform, id)| {
            let access = Access::from_mr_flags(flags).ok_or(STATUS_INVALID_PARAMETER)?;
            with_engine(platform, |engine| engine.usable(id).map(|_| ()))?;
            // SAFETY: as the caller promises.
            let (mapping, address) = unsafe { mdl::map(platform, chain, length as usize) }?;
            with_engine(platform, |engine| {
                let (memory, region) = memory_of(engine, id)?;
                memory.register(region, mapping, address, access)
            })?;
            Ok(STATUS_SUCCESS)
        }))
    }
}

evt! {
    unsafe fn deregister_mr<P: Platform>(
        mr: *mut NDK_MR,
        _completion: NDK_FN_REQUEST_COMPLETION,
        _context: PVOID,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        status(unsafe { object::<P, Mr>(mr.cast()) }.and_then(|(platform, id)| {
            with_engine(platform, |engine| {
                let (memory, region) = memory_of(engine, id)?;
                memory.deregister(region)
            })?;
            Ok(STATUS_SUCCESS)
        }))
    }
}

evt! {
    unsafe fn initialize_fast_register_mr<P: Platform>(
        mr: *mut NDK_MR,
        pages: ULONG,
        remote_access: BOOLEAN,
        _completion: NDK_FN_REQUEST_COMPLETION,
        _context: PVOID,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        status(unsafe { object::<P, Mr>(mr.cast()) }.and_then(|(platform, id)| {
            if pages > FRMR_PAGE_COUNT {
                return Err(STATUS_IMPLEMENTATION_LIMIT);
            }
            with_engine(platform, |engine| {
                let (memory, region) = memory_of(engine, id)?;
                memory.initialize_fast_register(region, pages, remote_access != 0)
            })?;
            Ok(STATUS_SUCCESS)
        }))
    }
}

evt! {
    unsafe fn get_remote_token_from_mr<P: Platform>(mr: *mut NDK_MR) -> UINT32 {
        // SAFETY: as the caller promises.
        unsafe { token::<P>(mr, Memory::remote_token) }
    }
}

evt! {
    unsafe fn get_local_token_from_mr<P: Platform>(mr: *mut NDK_MR) -> UINT32 {
        // SAFETY: as the caller promises.
        unsafe { token::<P>(mr, Memory::local_token) }
    }
}

/// A token of a region; 0, which is none, without one.
///
/// # Safety
/// See [`crate::door`].
unsafe fn token<P: Platform>(mr: *mut NDK_MR, which: impl Fn(&Memory, MemoryId) -> u32) -> UINT32 {
    // SAFETY: as the caller promises.
    let Ok((platform, id)) = (unsafe { object::<P, Mr>(mr.cast()) }) else { return 0 };
    with_engine(platform, |engine| memory_of(engine, id).map_or(0, |(memory, region)| which(memory, region)))
}

fn memory_of(engine: &mut Engine, id: ObjectId<Mr>) -> Result<(&mut Memory, MemoryId), NTSTATUS> {
    let region = engine.usable(id)?.memory();
    Ok((&mut engine.memory, region))
}
