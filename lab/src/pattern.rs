//! Bytes that look random and are the same for the same seed.

use crate::random::Random;
use std::io::Read;

/// An endless stream of bytes (SplitMix64); 2^64 bytes until it repeats.
#[derive(Clone, Debug)]
pub struct Pattern {
    words: Random,
    /// Bytes of the last word not yet given out.
    left: usize,
    word: [u8; 8],
}

impl Pattern {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Pattern {
        Pattern { words: Random::new(seed), left: 0, word: [0; 8] }
    }

    /// Writes the next bytes of the stream.
    pub fn fill(&mut self, mut out: &mut [u8]) {
        while !out.is_empty() {
            if self.left == 0 {
                self.word = self.words.word().to_le_bytes();
                self.left = 8;
            }
            let take = self.left.min(out.len());
            let (head, tail) = out.split_at_mut(take);
            head.copy_from_slice(&self.word[8 - self.left..][..take]);
            self.left -= take;
            out = tail;
        }
    }

    /// A number below `n`, which is not zero, for random choices.
    pub fn below(&mut self, n: u64) -> u64 {
        self.words.word() % n
    }
}

impl Read for Pattern {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.fill(out);
        Ok(out.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_does_not_depend_on_how_it_is_read() {
        let mut whole = [0; 100];
        Pattern::new(7).fill(&mut whole);
        let mut pieces = Vec::new();
        let mut pattern = Pattern::new(7);
        for size in [1, 7, 8, 9, 0, 64, 11] {
            let mut piece = vec![0; size];
            pattern.fill(&mut piece);
            pieces.extend(piece);
        }
        assert_eq!(pieces, whole);
        let mut other = [0; 100];
        Pattern::new(8).fill(&mut other);
        assert_ne!(other, whole);
    }
}
