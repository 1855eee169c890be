//! A checked range of memory, walked run by run.

use super::{PAGE_SIZE, copy::Run, lam::LogicalAddresses, mapping::Mapping};

/// What a [`Span`] lies in.
#[derive(Clone, Copy)]
enum Memory<'a> {
    Mapped(&'a Mapping),
    /// Logical pages of a fast-registered region.
    Pages(&'a LogicalAddresses, &'a [u64]),
    /// Inline data of a request.
    Own(&'a [u8]),
}

/// `length` bytes from `start` on. Made by the token checks of [`super::memory`], so all of it may be used; the pages of
/// a fast-registered region may still lead nowhere, when their logical mapping was released, see
/// [`is_mapped`](Self::is_mapped).
#[derive(Clone, Copy)]
pub struct Span<'a> {
    memory: Memory<'a>,
    start: u64,
    length: u64,
}

impl<'a> Span<'a> {
    /// No bytes.
    pub const EMPTY: Span<'static> = Span { memory: Memory::Own(&[]), start: 0, length: 0 };

    pub(super) fn of_mapping(mapping: &'a Mapping, start: u64, length: u64) -> Self {
        debug_assert!(start.checked_add(length).is_some_and(|end| end <= mapping.length()));
        Span { memory: Memory::Mapped(mapping), start, length }
    }

    pub(super) fn of_pages(lams: &'a LogicalAddresses, pages: &'a [u64], start: u64, length: u64) -> Self {
        debug_assert!(start.checked_add(length).is_some_and(|end| end <= pages.len() as u64 * PAGE_SIZE));
        Span { memory: Memory::Pages(lams, pages), start, length }
    }

    /// The provider's own bytes.
    pub const fn of_bytes(bytes: &'a [u8]) -> Self {
        Span { memory: Memory::Own(bytes), start: 0, length: bytes.len() as u64 }
    }

    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The contiguous memory from `at` on, within the span; `None` at its end or where no memory is mapped any more.
    pub fn run_from(&self, at: u64) -> Option<Run> {
        let left = self.length.checked_sub(at).filter(|left| *left > 0)?;
        let offset = self.start + at;
        let run = match self.memory {
            Memory::Mapped(mapping) => mapping.run_from(offset),
            Memory::Pages(lams, pages) => lams.run_in_page_from(logical(pages, offset)?),
            Memory::Own(bytes) => Some(Run::of(bytes.get(offset as usize..)?)), // CAST: within a slice.
        }?;
        Some(run.first((run.length() as u64).min(left) as usize)) // CAST: at most the run's length.
    }

    /// The contiguous memory that ends before `at`, within the span; `None` at its beginning, after its end, or where
    /// no memory is mapped any more.
    pub fn run_until(&self, at: u64) -> Option<Run> {
        if at == 0 || at > self.length {
            return None;
        }
        let offset = self.start + at;
        let run = match self.memory {
            Memory::Mapped(mapping) => mapping.run_until(offset),
            Memory::Pages(lams, pages) => lams.run_in_page_until(logical(pages, offset - 1)?),
            Memory::Own(bytes) => Some(Run::of(bytes.get(..offset as usize)?)), // CAST: within a slice.
        }?;
        Some(run.last((run.length() as u64).min(at) as usize)) // CAST: at most the run's length.
    }

    /// True if memory is mapped behind every byte.
    pub fn is_mapped(&self) -> bool {
        let Memory::Pages(..) = self.memory else { return true };
        let mut at = 0;
        while at < self.length {
            let Some(run) = self.run_from(at) else { return false };
            at += run.length() as u64;
        }
        true
    }
}

/// The logical address of a byte of a page array.
fn logical(pages: &[u64], offset: u64) -> Option<u64> {
    Some(*pages.get((offset / PAGE_SIZE) as usize)? + offset % PAGE_SIZE) // CAST: an index within the array.
}
