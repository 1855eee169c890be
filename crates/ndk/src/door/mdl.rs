//! Mapping what an MDL chain describes.

use crate::{
    platform::Platform,
    slab::NoMemory,
    transport::{limits::MAX_REGISTRATION_SIZE, mapping::Mapping},
};
use core::ptr::NonNull;
use wdk_sys::{MDL, NTSTATUS, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER};

/// The most MDLs of a chain; NDKPI has no such limit, but a chain that is a circle has no end.
const MAX_CHAIN: usize = 1 << 16;

/// The first `length` bytes of a chain, mapped, and the virtual address that its first MDL has.
///
/// # Safety
/// `chain` is null, or a chain of MDLs of locked pages, which stay as they are as long as the mapping is used.
///
/// # Errors
/// STATUS_INVALID_PARAMETER for a length of 0, more than [`MAX_REGISTRATION_SIZE`] or than the chain has, and for bytes
/// that are not virtually contiguous (NdkRegisterMr, NdkBuildLam); STATUS_INSUFFICIENT_RESOURCES.
pub unsafe fn map<P: Platform>(platform: &P, chain: *mut MDL, length: usize) -> Result<(Mapping, u64), NTSTATUS> {
    let first = NonNull::new(chain).ok_or(STATUS_INVALID_PARAMETER)?;
    if length == 0 || length > MAX_REGISTRATION_SIZE {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // SAFETY: as the caller promises.
    let pieces = unsafe { contiguous(first, length as u64) }?;
    let mut mapping = Mapping::with_room(pieces).map_err(|_| STATUS_INSUFFICIENT_RESOURCES)?;
    // SAFETY: as the caller promises.
    unsafe { fill(platform, first, length as u64, &mut mapping) }?;
    mapping.limit(length as u64);
    // SAFETY: a live MDL (caller).
    Ok((mapping, unsafe { virtual_address(first) }))
}

/// MmGetMdlVirtualAddress.
///
/// # Safety
/// A live MDL.
unsafe fn virtual_address(mdl: NonNull<MDL>) -> u64 {
    // SAFETY: live (caller).
    let mdl = unsafe { mdl.read() };
    (mdl.StartVa.addr() as u64).wrapping_add(u64::from(mdl.ByteOffset))
}

/// The number of MDLs that hold bytes of the first `length` of a chain, if these are virtually contiguous.
///
/// # Safety
/// A chain of live MDLs.
unsafe fn contiguous(first: NonNull<MDL>, length: u64) -> Result<usize, NTSTATUS> {
    let (mut next, mut pieces, mut covered) = (Some(first), 0, 0);
    // SAFETY: live (caller).
    let start = unsafe { virtual_address(first) };
    for _ in 0..MAX_CHAIN {
        let mdl = next.ok_or(STATUS_INVALID_PARAMETER)?;
        // SAFETY: live (caller).
        let (address, value) = unsafe { (virtual_address(mdl), mdl.read()) };
        if value.ByteCount != 0 {
            if start.checked_add(covered) != Some(address) {
                return Err(STATUS_INVALID_PARAMETER);
            }
            pieces += 1;
            covered += u64::from(value.ByteCount);
        }
        if covered >= length {
            return Ok(pieces);
        }
        next = NonNull::new(value.Next);
    }
    Err(STATUS_INVALID_PARAMETER)
}

/// Maps the MDLs of a chain until `length` bytes are.
///
/// # Safety
/// As for [`map`].
unsafe fn fill<P: Platform>(
    platform: &P,
    first: NonNull<MDL>,
    length: u64,
    mapping: &mut Mapping,
) -> Result<(), NTSTATUS> {
    let mut next = Some(first);
    while mapping.length() < length {
        let mdl = next.ok_or(STATUS_INVALID_PARAMETER)?;
        // SAFETY: live (caller).
        let value = unsafe { mdl.read() };
        if value.ByteCount != 0 {
            // SAFETY: as the caller promises.
            let piece = unsafe { platform.map(mdl) }?;
            // No room means that the chain has changed meanwhile.
            mapping.push(piece).map_err(|NoMemory| STATUS_INVALID_PARAMETER)?;
        }
        next = NonNull::new(value.Next);
    }
    Ok(())
}
