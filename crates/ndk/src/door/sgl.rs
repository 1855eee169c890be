//! Reading what a request points to, before the lock is taken: SGEs, inline data.

use crate::{
    qp::Data,
    transport::{
        copy::read_inline,
        limits::{MAX_INITIATOR_REQUEST_SGE, MAX_INLINE_DATA_SIZE, MAX_INLINE_SGE},
        request::Sge,
    },
};
use ndis_sys::ndk::{NDK_OP_FLAG_INLINE, NDK_SGE, status::STATUS_DATA_OVERRUN};
use wdk_sys::{NTSTATUS, STATUS_BUFFER_OVERFLOW, STATUS_INVALID_PARAMETER, ULONG};

/// The most SGEs that are read, of any request.
const MAX_SGE: usize = MAX_INITIATOR_REQUEST_SGE as usize;
const _: () = {
    assert!(crate::transport::limits::MAX_RECEIVE_REQUEST_SGE as usize <= MAX_SGE);
    assert!(crate::transport::limits::MAX_READ_REQUEST_SGE as usize <= MAX_SGE);
};

/// A copy of a consumer's SGE array, or of the data behind it.
pub struct Sgl {
    sges: [Sge; MAX_SGE],
    count: usize,
    inline: Option<([u8; MAX_INLINE_DATA_SIZE as usize], usize)>,
}

impl Sgl {
    /// Reads an array of `count` SGEs; with NDK_OP_FLAG_INLINE among `flags` the data they name, whatever their tokens.
    ///
    /// # Safety
    /// `sgl` is null or has `count` elements; with NDK_OP_FLAG_INLINE each names readable memory (docs, NDK_SGE).
    ///
    /// # Errors
    /// STATUS_INVALID_PARAMETER for a null pointer to more than none, STATUS_DATA_OVERRUN for more SGEs than any request
    /// may have, STATUS_BUFFER_OVERFLOW for more inline data.
    pub unsafe fn read(sgl: *const NDK_SGE, count: ULONG, flags: u32) -> Result<Self, NTSTATUS> {
        let mut read = Self { sges: [Sge::default(); MAX_SGE], count: 0, inline: None };
        if count != 0 && sgl.is_null() {
            return Err(STATUS_INVALID_PARAMETER);
        }
        if flags & NDK_OP_FLAG_INLINE != 0 {
            // SAFETY: as the caller promises.
            read.inline = Some(unsafe { gather(sgl, count) }?);
            return Ok(read);
        }
        read.count = count as usize;
        for (n, sge) in read.sges.get_mut(..read.count).ok_or(STATUS_DATA_OVERRUN)?.iter_mut().enumerate() {
            // SAFETY: below `count`.
            *sge = unsafe { element(sgl, n) };
        }
        Ok(read)
    }

    /// What was read.
    pub fn data(&self) -> Data<'_> {
        match &self.inline {
            Some((bytes, length)) => Data::Inline(bytes.get(..*length).unwrap_or_default()),
            None => Data::Sges(self.sges()),
        }
    }

    /// The SGEs.
    pub fn sges(&self) -> &[Sge] {
        self.sges.get(..self.count).unwrap_or_default()
    }
}

/// # Safety
/// `sgl` has more than `n` elements.
unsafe fn element(sgl: *const NDK_SGE, n: usize) -> Sge {
    // SAFETY: in the array. The consumer may write it meanwhile: it is read once.
    let NDK_SGE { anon, Length, MemoryRegionToken } = unsafe { sgl.add(n).read_volatile() };
    // SAFETY: an integer in every variant.
    let address = unsafe { anon.LogicalAddress.QuadPart } as u64; // CAST: an address.
    Sge { address, length: Length, token: MemoryRegionToken }
}

/// # Safety
/// `sgl` has `count` elements, each of which names readable memory.
unsafe fn gather(sgl: *const NDK_SGE, count: ULONG) -> Result<([u8; MAX_INLINE_DATA_SIZE as usize], usize), NTSTATUS> {
    if count > MAX_INLINE_SGE {
        return Err(STATUS_DATA_OVERRUN);
    }
    let (mut bytes, mut length) = ([0; MAX_INLINE_DATA_SIZE as usize], 0);
    for n in 0..count as usize {
        // SAFETY: below `count`.
        let sge = unsafe { element(sgl, n) };
        let end = length + sge.length as usize;
        let room = bytes.get_mut(length..end).ok_or(STATUS_BUFFER_OVERFLOW)?;
        if !room.is_empty() {
            let source = core::ptr::with_exposed_provenance(sge.address as usize); // CAST: a pointer's bits.
            // SAFETY: readable for the SGE's length (caller).
            unsafe { read_inline(source, room) };
        }
        length = end;
    }
    Ok((bytes, length))
}
