//! The bytes of a request: several spans in a row, and moving them.

use super::{
    copy::{Run, transfer},
    memory::{Memory, MemoryId},
    request::Sge,
    span::Span,
};

/// The bytes of a request, checked when they are walked.
pub enum Buffer<'a> {
    /// The SGEs of a request of a queue pair of `domain`.
    Sges {
        memory: &'a Memory,
        domain: MemoryId,
        sges: &'a [Sge],
        /// The bytes are written.
        write: bool,
    },
    /// A range of the peer's, or inline data.
    Span(Span<'a>),
}

impl Buffer<'_> {
    /// True if each of the first `length` bytes may be used.
    pub fn allows(&self, length: u64) -> bool {
        match self {
            Buffer::Span(span) => length <= span.length(),
            Buffer::Sges { memory, domain, sges, write } => {
                let mut left = length;
                for sge in *sges {
                    if left == 0 {
                        return true;
                    }
                    let wanted = left.min(u64::from(sge.length));
                    // All of the SGE, not just what this message needs of it: the consumer says it is one buffer.
                    if memory.local(*domain, sge.token, sge.address, u64::from(sge.length), *write).is_none() {
                        return false;
                    }
                    left -= wanted;
                }
                left == 0
            }
        }
    }

    /// The contiguous memory from `at` on.
    fn run_from(&self, at: u64) -> Option<Run> {
        match self {
            Buffer::Span(span) => span.run_from(at),
            Buffer::Sges { memory, domain, sges, write } => {
                let mut start = 0;
                for sge in *sges {
                    let length = u64::from(sge.length);
                    if at < start + length {
                        return memory.local(*domain, sge.token, sge.address, length, *write)?.run_from(at - start);
                    }
                    start += length;
                }
                None
            }
        }
    }

    /// The contiguous memory that ends before `at`.
    fn run_until(&self, at: u64) -> Option<Run> {
        match self {
            Buffer::Span(span) => span.run_until(at),
            Buffer::Sges { memory, domain, sges, write } => {
                let mut start = 0;
                for sge in *sges {
                    let length = u64::from(sge.length);
                    if at <= start + length {
                        return memory.local(*domain, sge.token, sge.address, length, *write)?.run_until(at - start);
                    }
                    start += length;
                }
                None
            }
        }
    }
}

/// How far a request has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Bytes moved.
    pub bytes: u64,
    /// From the end: the destination overlaps the source and lies behind it.
    backward: bool,
}

/// A piece of the memory is not there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

impl Moved {
    /// Nothing yet of `length` bytes from `source` to `destination`.
    ///
    /// What overlaps is moved as if there were a copy in between, if both ends are contiguous in the addresses they are
    /// mapped at; with pieces in another order, or the same pages mapped twice, it is moved byte for byte in some order.
    pub fn nothing(source: &Buffer<'_>, destination: &Buffer<'_>, length: u64) -> Moved {
        let backward = match (source.run_from(0), destination.run_from(0)) {
            (Some(source), Some(destination)) => {
                let ahead = destination.address().checked_sub(source.address());
                ahead.is_some_and(|ahead| ahead != 0 && (ahead as u64) < length)
            }
            _ => false,
        };
        Moved { bytes: 0, backward }
    }

    /// Moves on, at most `budget` bytes and not beyond `length`: what is moved then.
    ///
    /// # Errors
    /// [`Gone`]; some bytes may have been moved.
    pub fn go_on(
        mut self,
        source: &Buffer<'_>,
        destination: &Buffer<'_>,
        length: u64,
        budget: &mut u32,
    ) -> Result<Moved, Gone> {
        while self.bytes < length && *budget != 0 {
            let left = (length - self.bytes).min(u64::from(*budget)) as usize; // CAST: at most a u32.
            let (from, to) = if self.backward {
                let end = length - self.bytes;
                let (from, to) = (source.run_until(end).ok_or(Gone)?, destination.run_until(end).ok_or(Gone)?);
                let bytes = left.min(from.length()).min(to.length());
                (from.last(bytes), to.last(bytes))
            } else {
                let from = source.run_from(self.bytes).ok_or(Gone)?;
                let to = destination.run_from(self.bytes).ok_or(Gone)?;
                let bytes = left.min(from.length()).min(to.length());
                (from.first(bytes), to.first(bytes))
            };
            transfer(from, to);
            self.bytes += from.length() as u64;
            *budget -= from.length() as u32; // CAST: at most the budget.
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{access::Access, lam::Owner, mapping::testing::map};
    use std::{vec, vec::Vec};

    /// Moves all in pieces of `budget`.
    fn move_all(source: &Buffer<'_>, destination: &Buffer<'_>, length: u64, budget: u32) {
        let mut moved = Moved::nothing(source, destination, length);
        while moved.bytes < length {
            moved = moved.go_on(source, destination, length, &mut budget.clone()).unwrap();
        }
    }

    #[test]
    fn what_overlaps_is_moved_as_if_copied_in_between() {
        for (from, to) in [(0, 0), (0, 1), (1, 0), (0, 50), (50, 0), (0, 99), (99, 0), (3, 60)] {
            for budget in [1, 7, 64, 1000] {
                let mut bytes: Vec<u8> = (0..200).collect();
                let mut expected = bytes.clone();
                expected.copy_within(from..from + 100, to);
                let mapping = map(&mut [&mut bytes]);
                let span = |at: usize| Buffer::Span(Span::of_mapping(&mapping, at as u64, 100));
                move_all(&span(from), &span(to), 100, budget);
                assert_eq!(bytes, expected, "{from} to {to} by {budget}");
            }
        }
    }

    #[test]
    fn sges_are_one_buffer_in_their_order() {
        let mut memory = Memory::new();
        let domain = memory.create_domain(Owner(0)).unwrap();
        let (mut a, mut b): (Vec<u8>, Vec<u8>) = ((0..100).collect(), (100..200).collect());
        let mut regions = Vec::new();
        for (bytes, base) in [(&mut a, 0x1000_u64), (&mut b, 0x9000)] {
            let region = memory.create_region(domain, false).unwrap();
            let (first, second) = bytes.split_at_mut(33);
            memory.register(region, map(&mut [first, second]), base, Access::LOCAL_WRITE).unwrap();
            regions.push(memory.local_token(region));
        }
        let sge = |n: usize, at, length| Sge { address: [0x1000_u64, 0x9000][n] + at, length, token: regions[n] };
        let source = [sge(1, 90, 10), sge(0, 0, 0), sge(0, 20, 50), sge(1, 0, 40)];
        let expected: Vec<u8> = (190..200).chain(20..70).chain(100..140).collect();
        for budget in [1, 13, 4096] {
            let mut out = vec![0; 100];
            let (left, right) = out.split_at_mut(61);
            let target = map(&mut [left, right]);
            let from = Buffer::Sges { memory: &memory, domain, sges: &source, write: false };
            assert!(from.allows(100) && !from.allows(101));
            move_all(&from, &Buffer::Span(Span::of_mapping(&target, 0, 100)), 100, budget);
            assert_eq!(out, expected);
        }
        let bad = [sge(0, 0, 10), Sge { token: regions[0], address: 0x1000 + 91, length: 10 }];
        let bad = Buffer::Sges { memory: &memory, domain, sges: &bad, write: false };
        assert!(bad.allows(10) && !bad.allows(11));
    }

    #[test]
    fn what_goes_away_meanwhile_is_told() {
        let mut memory = Memory::new();
        let domain = memory.create_domain(Owner(0)).unwrap();
        let region = memory.create_region(domain, false).unwrap();
        let mut bytes = [1; 64];
        memory.register(region, map(&mut [&mut bytes]), 0, Access::LOCAL_WRITE).unwrap();
        let sges = [Sge { address: 0, length: 64, token: memory.local_token(region) }];
        let mut out = [0; 64];
        let target = map(&mut [&mut out]);
        let target = Buffer::Span(Span::of_mapping(&target, 0, 64));
        let source = Buffer::Sges { memory: &memory, domain, sges: &sges, write: false };
        let moved = Moved::nothing(&source, &target, 64).go_on(&source, &target, 64, &mut 10).unwrap();
        assert_eq!(moved.bytes, 10);
        memory.deregister(region).unwrap();
        let source = Buffer::Sges { memory: &memory, domain, sges: &sges, write: false };
        assert_eq!(moved.go_on(&source, &target, 64, &mut 10), Err(Gone));
        assert_eq!(out[9..11], [1, 0]);
    }
}
