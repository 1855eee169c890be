//! The pointers a driver passes to table entries, as types that check for null.
//!
//! None of these types can be made by safe code of this crate: their values arrive as arguments of the table entries,
//! whose callers vouch for them (the DDI page of each method says what a pointer must point to). That is the invariant
//! the SAFETY lines of this module name.

use crate::verifier::null_pointer;
use std::ffi::c_void;
use wdk_sys::UNICODE_STRING;

/// A pointer to a structure the framework reads.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct In<T>(*const T);

impl<T: Copy> In<T> {
    /// The structure; null is bugcheck 0x10D code 4.
    pub(crate) fn get(self, what: &'static str) -> T {
        self.opt().unwrap_or_else(|| null_pointer(what))
    }

    /// The structure, or `None` for null.
    pub(crate) fn opt(self) -> Option<T> {
        // SAFETY: the caller of the entry vouches for a T behind a pointer that is not null; it need not be aligned.
        (!self.0.is_null()).then(|| unsafe { self.0.read_unaligned() })
    }

    /// The Size that a structure of the framework begins with, to be checked before the whole is read; null is bugcheck
    /// 0x10D code 4.
    pub(crate) fn size(self, what: &'static str) -> u32 {
        if self.0.is_null() {
            null_pointer(what);
        }
        // SAFETY: such structures begin with a ULONG Size, which is there whatever their version.
        unsafe { self.0.cast::<u32>().read_unaligned() }
    }
}

/// A pointer to a variable the framework writes.
#[repr(transparent)]
pub(crate) struct Out<T>(*mut T);

impl<T> Clone for Out<T> {
    fn clone(&self) -> Out<T> {
        *self
    }
}

impl<T> Copy for Out<T> {}

impl<T> Out<T> {
    /// True for null.
    pub(crate) fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// Null is bugcheck 0x10D code 4.
    pub(crate) fn require(self, what: &'static str) {
        if self.0.is_null() {
            null_pointer(what);
        }
    }

    /// Writes the variable; null is bugcheck 0x10D code 4.
    pub(crate) fn set(self, value: T, what: &'static str) {
        self.require(what);
        self.set_opt(value);
    }

    /// Writes the variable unless the pointer is null.
    pub(crate) fn set_opt(self, value: T) {
        if !self.0.is_null() {
            // SAFETY: the caller of the entry vouches for room for a T behind a pointer that is not null.
            unsafe { self.0.write_unaligned(value) };
        }
    }

    /// What the variable holds now, for in/out parameters; null is bugcheck 0x10D code 4.
    pub(crate) fn get(self, what: &'static str) -> T
    where
        T: Copy,
    {
        self.require(what);
        // SAFETY: an in/out parameter is initialised by the caller of the entry.
        unsafe { self.0.read_unaligned() }
    }
}

/// A driver's buffer, whose length travels as another argument.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct Buffer(*mut c_void);

impl Buffer {
    /// True for null.
    pub(crate) fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// The address.
    pub(crate) fn address(self) -> *mut c_void {
        self.0
    }

    /// Copies `bytes` in; the entry has checked them against the length the driver gave.
    pub(crate) fn write(self, bytes: &[u8]) {
        if !bytes.is_empty() {
            if self.0.is_null() {
                null_pointer("buffer");
            }
            // SAFETY: the caller of the entry vouches for the length it passed, which covers `bytes`.
            unsafe { self.0.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        }
    }

    /// Copies `len` bytes out.
    pub(crate) fn read(self, len: usize) -> Vec<u8> {
        if len == 0 {
            return Vec::new();
        }
        if self.0.is_null() {
            null_pointer("buffer");
        }
        let mut bytes = vec![0; len];
        // SAFETY: the caller of the entry vouches for the length it passed.
        unsafe { bytes.as_mut_ptr().copy_from_nonoverlapping(self.0.cast(), len) };
        bytes
    }
}

/// A counted UTF-16 string.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct Utf16(*const UNICODE_STRING);

impl Utf16 {
    /// True for null.
    pub(crate) fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// Its text; `None` where FxValidateUnicodeString refuses it: an odd length, more than the maximum, no buffer.
    pub(crate) fn text(self, what: &'static str) -> Option<String> {
        let string = In(self.0).get(what);
        let (length, maximum) = (string.Length, string.MaximumLength);
        if length % 2 != 0 || maximum % 2 != 0 || length > maximum || (length > 0 && string.Buffer.is_null()) {
            return None;
        }
        // SAFETY: Buffer holds Length bytes, as the caller of the entry vouches.
        let units = (0..usize::from(length) / 2).map(|i| unsafe { string.Buffer.add(i).read_unaligned() });
        Some(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
    }
}

/// A counted UTF-16 string the framework fills in.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct Utf16Out(*mut UNICODE_STRING);

impl Utf16Out {
    /// True for null.
    pub(crate) fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// Bytes of room.
    pub(crate) fn maximum(self) -> usize {
        Out(self.0).get("string").MaximumLength.into()
    }

    /// Writes `units`, of which the last may be a terminator that Length does not count. They fit in `maximum`.
    pub(crate) fn write(self, units: &[u16]) {
        let mut string = Out(self.0).get("string");
        let bytes: Vec<u8> = units.iter().flat_map(|u| u.to_le_bytes()).collect();
        Buffer(string.Buffer.cast()).write(&bytes);
        let counted = units.strip_suffix(&[0]).unwrap_or(units);
        string.Length = u16::try_from(counted.len() * 2).unwrap_or(u16::MAX);
        Out(self.0).set_opt(string);
    }

    /// Points the string at a buffer that outlives it.
    pub(crate) fn point_at(self, string: UNICODE_STRING) {
        Out(self.0).set(string, "string");
    }
}
