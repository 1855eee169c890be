//! A copy of a buffer as it must be.

use crate::support::memory::Buffer;

/// A part of a buffer.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    pub from: usize,
    pub length: usize,
}

/// What each byte must be, if that is known: a request that failed may have begun.
pub struct Shadow {
    bytes: Vec<u8>,
    known: Vec<bool>,
}

impl Shadow {
    pub fn new(length: usize) -> Shadow {
        Shadow { bytes: vec![0; length], known: vec![true; length] }
    }

    /// `data` was put into `ranges`, from the first on.
    pub fn put(&mut self, ranges: &[Range], mut data: &[u8]) {
        for range in ranges {
            let (now, later) = data.split_at(range.length.min(data.len()));
            self.bytes[range.from..range.from + now.len()].copy_from_slice(now);
            self.known[range.from..range.from + now.len()].fill(true);
            data = later;
        }
        assert!(data.is_empty(), "more data than the ranges hold");
    }

    /// Anything may be in `ranges`.
    pub fn taint(&mut self, ranges: &[Range]) {
        for range in ranges {
            self.known[range.from..range.from + range.length].fill(false);
        }
    }

    /// The buffer is as it must be; what was not known is known from here on.
    pub fn check(&mut self, buffer: &Buffer) {
        assert!(buffer.is_intact(), "bytes outside of the buffer have changed");
        let real = buffer.read();
        if self.bytes != real {
            for (at, byte) in real.iter().enumerate() {
                assert!(!self.known[at] || *byte == self.bytes[at], "byte {at} is {byte}, not {}", self.bytes[at]);
            }
            self.bytes = real;
        }
        self.known.fill(true);
    }
}
