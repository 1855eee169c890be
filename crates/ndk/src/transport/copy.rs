//! Moving bytes between mapped memory. Everything was checked before: see [`super::memory`].
#![expect(unsafe_code, reason = "the memory of a registration is reached by its mapped address")]

use core::ptr::{NonNull, copy};

/// Contiguous mapped memory: address and length in bytes.
///
/// Made by [`super::mapping::Mapping`] of what the platform mapped, and used before the lock under which it was made is
/// released: nothing is unmapped meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    address: NonNull<u8>,
    length: usize,
}

impl Run {
    pub(super) const fn new(address: NonNull<u8>, length: usize) -> Run {
        Run { address, length }
    }

    /// Memory of the provider itself, to be read.
    pub(super) fn of(bytes: &[u8]) -> Run {
        Run { address: NonNull::from(bytes).cast(), length: bytes.len() }
    }

    pub fn address(self) -> usize {
        self.address.addr().get()
    }

    pub const fn length(self) -> usize {
        self.length
    }

    /// The first `length` bytes, at most all.
    pub fn first(self, length: usize) -> Run {
        Run { address: self.address, length: length.min(self.length) }
    }

    /// The last `length` bytes, at most all.
    pub fn last(self, length: usize) -> Run {
        let length = length.min(self.length);
        // SAFETY: at most `length` bytes into the run's memory.
        Run { address: unsafe { self.address.add(self.length - length) }, length }
    }
}

/// Copies `source` to `destination`, as far as both go; they may overlap.
pub fn transfer(source: Run, destination: Run) {
    let length = source.length.min(destination.length);
    // SAFETY: a `Run` is mapped memory of its length (its documentation), readable and, since a destination is only
    // resolved with write access, writable. Consumers may touch the bytes meanwhile, as they may while hardware does.
    unsafe { copy(source.address.as_ptr(), destination.address.as_ptr(), length) }
}

/// Reads `destination.len()` bytes of a consumer's buffer, which need not be in any registration (inline data).
///
/// # Safety
/// `source` points to that many readable bytes.
pub unsafe fn read_inline(source: *const u8, destination: &mut [u8]) {
    // SAFETY: readable by the caller's promise; `destination` is ours alone.
    unsafe { copy(source, destination.as_mut_ptr(), destination.len()) }
}
