//! A virtually contiguous range of a consumer's memory, mapped piecewise into the system's address space.

use super::copy::Run;
use crate::{platform::MappedMdl, slab::NoMemory};
use alloc::vec::Vec;

/// The pieces of a range, in order.
///
/// # Invariants
/// `starts` says where in the range each of `pieces` starts: the first at 0, each further one where the one before ends;
/// no piece is empty. `length` is at most where the last one ends, and at most `isize::MAX`.
#[derive(Debug, Default)]
pub struct Mapping {
    pieces: Vec<MappedMdl>,
    starts: Vec<u64>,
    length: u64,
}

impl Mapping {
    /// An empty range with room for `pieces`.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn with_room(pieces: usize) -> Result<Mapping, NoMemory> {
        let mut mapping = Mapping::default();
        mapping.pieces.try_reserve_exact(pieces)?;
        mapping.starts.try_reserve_exact(pieces)?;
        Ok(mapping)
    }

    /// Appends a piece.
    ///
    /// # Errors
    /// [`NoMemory`] if there is no room, the piece is empty, or the range got longer than memory can be.
    pub fn push(&mut self, memory: MappedMdl) -> Result<(), NoMemory> {
        let end = self.length.checked_add(memory.bytes as u64).filter(|end| *end <= isize::MAX as u64);
        match end {
            Some(end)
                if memory.bytes != 0
                    && self.pieces.len() < self.pieces.capacity()
                    && self.starts.len() < self.starts.capacity() =>
            {
                self.pieces.push(memory);
                self.starts.push(self.length);
                self.length = end;
                Ok(())
            }
            _ => Err(NoMemory),
        }
    }

    /// Ends the range after `length` bytes, if it was longer. Nothing is appended after that.
    pub fn limit(&mut self, length: u64) {
        self.length = self.length.min(length);
    }

    /// Length in bytes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The contiguous memory from `offset` on; `None` at or after the end.
    #[must_use]
    pub fn run_from(&self, offset: u64) -> Option<Run> {
        let (start, piece) = self.piece_of(offset)?;
        let left = (piece.bytes as u64).min(self.length - start) as usize; // CAST: at most the piece's size.
        Some(Run::new(piece.address, left).last(left - (offset - start) as usize)) // CAST: within the piece.
    }

    /// The contiguous memory that ends before `offset`; `None` at the beginning or after the end.
    #[must_use]
    pub fn run_until(&self, offset: u64) -> Option<Run> {
        let (start, piece) = self.piece_of(offset.checked_sub(1)?)?;
        Some(Run::new(piece.address, (offset - start) as usize)) // CAST: within the piece.
    }

    /// The piece that holds `offset`, and where it starts.
    fn piece_of(&self, offset: u64) -> Option<(u64, &MappedMdl)> {
        if offset >= self.length {
            return None;
        }
        let place = self.starts.partition_point(|start| *start <= offset).checked_sub(1)?;
        Some((*self.starts.get(place)?, self.pieces.get(place)?))
    }
}

#[cfg(test)]
pub mod testing {
    use super::*;
    use core::ptr::NonNull;

    /// A mapping of memory that may be used as long as `bytes` is not.
    pub fn map(bytes: &mut [&mut [u8]]) -> Mapping {
        let mut mapping = Mapping::with_room(bytes.len()).unwrap();
        for piece in bytes {
            mapping.push(mapped(piece)).unwrap();
        }
        mapping
    }

    pub fn mapped(bytes: &mut [u8]) -> MappedMdl {
        MappedMdl { address: NonNull::new(bytes.as_mut_ptr()).unwrap(), bytes: bytes.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::mapped, *};

    #[test]
    fn runs_end_where_a_piece_ends() {
        let (mut a, mut b, mut c) = ([0; 10], [0; 5], [0; 1]);
        let [at_a, at_b, at_c] = [a.as_ptr(), b.as_ptr(), c.as_ptr()].map(<*const u8>::addr);
        let mapping = testing::map(&mut [&mut a, &mut b, &mut c]);
        let from = |offset| mapping.run_from(offset).map(|run| (run.address(), run.length()));
        let until = |offset| mapping.run_until(offset).map(|run| (run.address(), run.length()));
        assert_eq!(mapping.length(), 16);
        assert_eq!([from(0), from(9), from(10)], [Some((at_a, 10)), Some((at_a + 9, 1)), Some((at_b, 5))]);
        assert_eq!([from(15), from(16), from(u64::MAX)], [Some((at_c, 1)), None, None]);
        assert_eq!([until(0), until(1), until(10)], [None, Some((at_a, 1)), Some((at_a, 10))]);
        assert_eq!([until(12), until(16), until(17)], [Some((at_b, 2)), Some((at_c, 1)), None]);
    }

    #[test]
    fn a_limit_is_exact() {
        for length in 0..=15 {
            let (mut a, mut b) = ([0; 10], [0; 5]);
            let mut mapping = testing::map(&mut [&mut a, &mut b]);
            mapping.limit(length);
            assert_eq!(mapping.length(), length);
            assert!(mapping.run_from(length).is_none() && mapping.run_until(length + 1).is_none());
            let total: usize = core::iter::successors(mapping.run_from(0).map(|run| (run, 0)), |(run, at)| {
                let at = at + run.length() as u64;
                mapping.run_from(at).map(|run| (run, at))
            })
            .map(|(run, _)| run.length())
            .sum();
            assert_eq!(total as u64, length);
        }
    }

    #[test]
    fn what_cannot_be_memory_is_refused() {
        let mut byte = [0];
        let mut mapping = Mapping::with_room(2).unwrap();
        assert!(mapping.push(mapped(&mut [])).is_err());
        assert!(mapping.push(MappedMdl { bytes: usize::MAX, ..mapped(&mut byte) }).is_err());
        assert!(mapping.push(mapped(&mut byte)).is_ok());
        assert!(mapping.push(mapped(&mut byte)).is_ok());
        assert!(mapping.push(mapped(&mut byte)).is_err());
        assert_eq!(mapping.length(), 2);
    }
}
