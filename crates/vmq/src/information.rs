//! A request's information buffer: memory of the consumer, of which nothing is believed but where it lies.

use core::marker::PhantomData;
use ndis_sys::{
    NDIS_MAC_HEADER_FIELD, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_DEFAULT, NDIS_RECEIVE_FILTER_CAPABILITIES,
    NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS, NDIS_RECEIVE_FILTER_FIELD_PARAMETERS, NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS,
    NDIS_RECEIVE_FILTER_INFO, NDIS_RECEIVE_FILTER_INFO_ARRAY, NDIS_RECEIVE_FILTER_PARAMETERS,
    NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY, NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS,
    NDIS_RECEIVE_QUEUE_FREE_PARAMETERS, NDIS_RECEIVE_QUEUE_INFO, NDIS_RECEIVE_QUEUE_INFO_ARRAY,
    NDIS_RECEIVE_QUEUE_PARAMETERS, NDIS_STATUS, NDIS_STATUS_INVALID_PARAMETER,
};

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// NDIS_STATUS_INVALID_LENGTH, with BytesNeeded.
    Short(u32),
    /// Another status.
    Status(NDIS_STATUS),
}

/// NDIS_STATUS_INVALID_PARAMETER.
pub const INVALID: Refusal = Refusal::Status(NDIS_STATUS_INVALID_PARAMETER);

/// An NDIS structure with a header, in each of its revisions a prefix of the next.
///
/// # Safety
/// The structure is `repr(C)`, starts with an NDIS_OBJECT_HEADER and is plain data: any bytes are a value of it.
pub unsafe trait Object: Copy + Default {
    /// Its size in each revision, from 1 on. None is larger than the structure.
    const SIZES: &[u16];
}

macro_rules! object {
    ($($name:ident: $($size:literal),+;)*) => {
        $(
            // SAFETY: repr(C), with the header first, of integers and unions and arrays of integers.
            unsafe impl Object for $name {
                const SIZES: &[u16] = &[$($size),+];
            }
            $(static_assertions::const_assert!($size <= size_of::<$name>());)+
        )*
    };
}

object! {
    NDIS_RECEIVE_FILTER_CAPABILITIES: 56, 84;
    NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS: 16;
    NDIS_RECEIVE_FILTER_FIELD_PARAMETERS: 56, 56;
    NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS: 16;
    NDIS_RECEIVE_FILTER_INFO: 16;
    NDIS_RECEIVE_FILTER_INFO_ARRAY: 20, 28;
    NDIS_RECEIVE_FILTER_PARAMETERS: 36, 44;
    NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY: 20;
    NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS: 16;
    NDIS_RECEIVE_QUEUE_FREE_PARAMETERS: 12;
    NDIS_RECEIVE_QUEUE_INFO: 1084, 1092;
    NDIS_RECEIVE_QUEUE_INFO_ARRAY: 16;
    NDIS_RECEIVE_QUEUE_PARAMETERS: 1084, 1092, 1096;
}

/// The header of a structure in one of its revisions.
pub fn header<T: Object>(revision: u8) -> NDIS_OBJECT_HEADER {
    NDIS_OBJECT_HEADER { Type: NDIS_OBJECT_TYPE_DEFAULT, Revision: revision, Size: T::SIZES[usize::from(revision) - 1] }
}

/// The newest revision of a structure.
pub const fn newest<T: Object>() -> u8 {
    T::SIZES.len() as u8
}

/// An array behind a structure, as its offset, number and size of elements say.
#[derive(Clone, Copy, Debug)]
pub struct Array {
    first: usize,
    size: usize,
    /// Number of elements.
    pub count: usize,
    /// Where it ends in the buffer.
    pub end: usize,
}

impl Array {
    /// Where each element lies.
    pub fn offsets(self) -> impl Iterator<Item = usize> + Clone {
        (0..self.count).map(move |n| self.first + n * self.size)
    }
}

/// An information buffer.
///
/// Invariant: `readable` bytes at `at` may be read and `writable` bytes may be written during `'a`.
pub struct Information<'a> {
    at: *mut u8,
    readable: usize,
    writable: usize,
    request: PhantomData<&'a mut [u8]>,
}

impl Information<'_> {
    /// A buffer. A null pointer stands for one without a byte.
    ///
    /// # Safety
    /// If `at` is not null, `readable` bytes there may be read and `writable` bytes may be written during `'a`, and nobody
    /// else writes them.
    pub unsafe fn new(at: *mut u8, readable: u32, writable: u32) -> Self {
        let len = |len: u32| if at.is_null() { 0 } else { len as usize };
        Self { at, readable: len(readable), writable: len(writable), request: PhantomData }
    }

    /// Reads a structure and says in which of its revisions that are known here.
    pub fn read<T: Object>(&self, offset: usize) -> Result<(T, u8), Refusal> {
        let header: NDIS_OBJECT_HEADER =
            self.copy(offset, 4).ok_or(Refusal::Short((offset as u32) + u32::from(T::SIZES[0])))?;
        if header.Type != NDIS_OBJECT_TYPE_DEFAULT || header.Revision == 0 {
            return Err(INVALID);
        }
        let revision = header.Revision.min(newest::<T>());
        let size = T::SIZES[usize::from(revision) - 1];
        if header.Size < size {
            return Err(INVALID);
        }
        let value = self.copy(offset, size.into()).ok_or(Refusal::Short(offset as u32 + u32::from(size)))?;
        Ok((value, revision))
    }

    /// Checks that an array lies behind the `behind` bytes of its structure and in the buffer, with elements large enough
    /// for `T` and at most `most` of them.
    pub fn array<T: Object>(
        &self,
        behind: usize,
        first: u32,
        count: u32,
        size: u32,
        most: usize,
    ) -> Result<Array, Refusal> {
        if count == 0 {
            return Ok(Array { first: 0, size: 0, count: 0, end: behind });
        }
        let (first, count, size) = (first as usize, count as usize, size as usize);
        if first < behind || size < T::SIZES[0].into() || count > most {
            return Err(INVALID);
        }
        let end = size.checked_mul(count).and_then(|len| len.checked_add(first)).ok_or(INVALID)?;
        if end > self.readable {
            return Err(u32::try_from(end).map_or(INVALID, Refusal::Short));
        }
        Ok(Array { first, size, count, end })
    }

    /// Checks that `len` bytes may be written.
    pub fn room(&self, len: usize) -> Result<(), Refusal> {
        if len <= self.writable { Ok(()) } else { Err(Refusal::Short(len as u32)) }
    }

    /// Writes the bytes that a structure has in the revision its header names.
    pub fn write<T: Object>(&mut self, offset: usize, value: &T, revision: u8) -> Result<(), Refusal> {
        let size = usize::from(T::SIZES[usize::from(revision) - 1]);
        self.room(offset + size)?;
        // SAFETY: the bytes may be written (`room`), and the value has as many (`Object`).
        unsafe { core::ptr::copy_nonoverlapping((&raw const *value).cast::<u8>(), self.at.add(offset), size) };
        Ok(())
    }

    /// The first `len` bytes of a value, the rest zero.
    fn copy<T: Copy + Default>(&self, offset: usize, len: usize) -> Option<T> {
        if offset.checked_add(len)? > self.readable || len > size_of::<T>() {
            return None;
        }
        let mut value = T::default();
        // SAFETY: the bytes may be read, and the value has room for them; both callers ask for types that any bytes are a
        // value of (the header, and `Object`).
        unsafe { core::ptr::copy_nonoverlapping(self.at.add(offset), (&raw mut value).cast::<u8>(), len) };
        Some(value)
    }
}

/// The MAC header field that a test is about.
pub fn field_of(test: &NDIS_RECEIVE_FILTER_FIELD_PARAMETERS) -> NDIS_MAC_HEADER_FIELD {
    // SAFETY: every member is an integer of the same size.
    unsafe { test.HeaderField.MacHeaderField }
}

/// The bytes that the field is compared with.
pub fn value_of(test: &NDIS_RECEIVE_FILTER_FIELD_PARAMETERS) -> [u8; 16] {
    // SAFETY: this member covers every byte of the union.
    unsafe { test.FieldValue.FieldByteArrayValue }
}
