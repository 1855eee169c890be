//! NdkBuildLam and NdkReleaseLam. An adapter stays open until its mappings are released.

use super::{mdl, object, status};
use crate::{
    adapter::Adapter,
    object::ObjectId,
    platform::Platform,
    run::with_engine,
    slab::NoMemory,
    transport::{
        PAGE_SIZE,
        lam::{LamId, LogicalAddresses, MAX_LAM_LENGTH, Owner},
        limits::MAX_REGISTRATION_SIZE,
        mapping::Mapping,
    },
};
use core::mem::offset_of;
use ndis_sys::{
    evt,
    ndk::{NDK_ADAPTER, NDK_FN_REQUEST_COMPLETION, NDK_LOGICAL_ADDRESS, NDK_LOGICAL_ADDRESS_MAPPING},
};
use wdk_sys::{
    MDL, NTSTATUS, PVOID, SIZE_T, STATUS_BUFFER_TOO_SMALL, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS, ULONG,
};

const _: () = assert!(MAX_REGISTRATION_SIZE as u64 <= MAX_LAM_LENGTH);

evt! {
    /// NdkBuildLam. Completes inline. The MDL chain and its pages stay as they are until the mapping is released.
    ///
    /// # Safety
    /// See [`crate::door`]; the buffer has as many bytes as is said.
    pub unsafe fn build_lam<P: Platform>(
        adapter: *mut NDK_ADAPTER,
        chain: *mut MDL,
        length: SIZE_T,
        _completion: NDK_FN_REQUEST_COMPLETION,
        _context: PVOID,
        lam: *mut NDK_LOGICAL_ADDRESS_MAPPING,
        size: *mut ULONG,
        first_byte_offset: *mut ULONG,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        status(unsafe { object::<P, Adapter>(adapter.cast()) }.and_then(|(platform, id)| {
            if size.is_null() || first_byte_offset.is_null() {
                return Err(STATUS_INVALID_PARAMETER);
            }
            with_engine(platform, |engine| engine.usable(id).map(|_| ()))?;
            // SAFETY: as the caller promises.
            let (mapping, address) = unsafe { mdl::map(platform, chain, length as usize) }?;
            // SAFETY: as the caller promises.
            unsafe { publish(platform, id, mapping, address, (lam, size, first_byte_offset)) }
        }))
    }
}

/// Takes the mapping in, and writes what it is called.
///
/// # Safety
/// `size` and `first_byte_offset` are writable, `lam` is null or writable for `*size` bytes.
unsafe fn publish<P: Platform>(
    platform: &P,
    adapter: ObjectId<Adapter>,
    mapping: Mapping,
    address: u64,
    (lam, size, first_byte_offset): (*mut NDK_LOGICAL_ADDRESS_MAPPING, *mut ULONG, *mut ULONG),
) -> Result<NTSTATUS, NTSTATUS> {
    let offset = (address % PAGE_SIZE) as ULONG; // CAST: below PAGE_SIZE.
    let pages = (u64::from(offset) + mapping.length()).div_ceil(PAGE_SIZE) as ULONG; // CAST: at most 2^20.
    let needed =
        offset_of!(NDK_LOGICAL_ADDRESS_MAPPING, AdapterPageArray) + pages as usize * size_of::<NDK_LOGICAL_ADDRESS>();
    let needed = needed.max(size_of::<NDK_LOGICAL_ADDRESS_MAPPING>()) as ULONG; // CAST: at most 2^23 and some.
    // SAFETY: writable (caller).
    let room = unsafe { size.replace(needed) };
    let refusal = match room {
        room if room < needed => Some(STATUS_BUFFER_TOO_SMALL),
        _ if lam.is_null() => Some(STATUS_INVALID_PARAMETER),
        _ => None,
    };
    if let Some(status) = refusal {
        return Err(status);
    }
    let id = with_engine(platform, |engine| engine.take_lam(adapter, mapping, offset))?;
    // SAFETY: writable for `needed` bytes (checked above), which are those up to the last page's address.
    unsafe {
        first_byte_offset.write(offset);
        (&raw mut (*lam).AdapterContext).write(core::ptr::without_provenance_mut(id.to_bits() as usize));
        (&raw mut (*lam).AdapterPageCount).write(pages);
        let array = (&raw mut (*lam).AdapterPageArray).cast::<NDK_LOGICAL_ADDRESS>();
        for page in 0..pages {
            let address = LogicalAddresses::page_address(id, page);
            array.add(page as usize).write(NDK_LOGICAL_ADDRESS { QuadPart: address as i64 }); // CAST: bit 63 is 0.
        }
    }
    Ok(STATUS_SUCCESS)
}

evt! {
    /// NdkReleaseLam. What is no mapping of the adapter is ignored.
    ///
    /// # Safety
    /// See [`crate::door`].
    pub unsafe fn release_lam<P: Platform>(adapter: *mut NDK_ADAPTER, lam: *mut NDK_LOGICAL_ADDRESS_MAPPING) {
        // SAFETY: as the caller promises.
        let Ok((platform, adapter)) = (unsafe { object::<P, Adapter>(adapter.cast()) }) else { return };
        if lam.is_null() {
            return;
        }
        // SAFETY: not null, hence readable (caller).
        let id = LamId::from_bits(unsafe { (&raw const (*lam).AdapterContext).read() }.addr() as u64);
        with_engine(platform, |engine| {
            if engine.memory.remove_lam(id, Owner(adapter.to_bits())) {
                engine.release(adapter.into());
            }
        });
    }
}

impl crate::engine::Engine {
    /// Takes a mapping in for an adapter, which it holds.
    ///
    /// # Errors
    /// STATUS_INVALID_HANDLE, STATUS_INSUFFICIENT_RESOURCES.
    fn take_lam(
        &mut self,
        adapter: ObjectId<Adapter>,
        mapping: Mapping,
        first_byte_offset: u32,
    ) -> Result<LamId, NTSTATUS> {
        self.usable(adapter)?;
        let taken = self.memory.create_lam(mapping, first_byte_offset, Owner(adapter.to_bits()));
        let id = taken.map_err(|NoMemory| STATUS_INSUFFICIENT_RESOURCES)?;
        self.hold(adapter.into());
        Ok(id)
    }
}
