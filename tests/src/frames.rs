//! Frames whose bytes tell where they belong.

use netcx_lab::TxPacket;
use netcx_lab::pattern::Pattern;

/// Bytes of an Ethernet header.
pub const HEADER: usize = 14;
/// The shortest frame a wire carries, without FCS (IEEE 802.3 3.2.8); shorter ones are padded.
pub const SHORTEST: usize = 60;
/// The EtherType for local experiments (IEEE 802 9.2.4): no stack answers it.
const ETHER_TYPE: [u8; 2] = [0x88, 0xB5];

/// An address of the wire's own.
pub const PEER: [u8; 6] = [0x02, 0, 0, 0, 0, 0xFE];
/// Every station.
pub const BROADCAST: [u8; 6] = [0xFF; 6];

/// A frame of `len` bytes (at least 14) whose payload is the pattern of `id`.
pub fn frame(to: [u8; 6], from: [u8; 6], len: usize, id: u64) -> Vec<u8> {
    let mut frame = Vec::with_capacity(len);
    frame.extend_from_slice(&to);
    frame.extend_from_slice(&from);
    frame.extend_from_slice(&ETHER_TYPE);
    frame.resize(len, 0);
    Pattern::new(id).fill(&mut frame[HEADER..]);
    frame
}

/// The frame as a wire carries it: short ones padded with zeros.
pub fn padded(frame: &[u8]) -> Vec<u8> {
    let mut padded = frame.to_vec();
    padded.resize(frame.len().max(SHORTEST), 0);
    padded
}

/// A packet of one fragment.
pub fn packet(frame: Vec<u8>, id: u64) -> TxPacket {
    TxPacket { fragments: vec![frame], id }
}

/// Small random numbers, the same for the same seed (xorshift64*).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % end
    }

    /// A number of the range.
    pub fn within(&mut self, range: std::ops::RangeInclusive<usize>) -> usize {
        range.start() + self.below(range.end() - range.start() + 1)
    }
}

/// Compares frame by frame and names the first difference.
///
/// # Panics
/// They differ.
pub fn assert_same(got: &[Vec<u8>], wanted: &[Vec<u8>], what: &str) {
    for (i, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        if got != wanted {
            let at = got.iter().zip(wanted).position(|(a, b)| a != b).unwrap_or(got.len().min(wanted.len()));
            let piece = |bytes: &[u8]| bytes[at..].iter().take(16).map(|b| format!("{b:02x}")).collect::<String>();
            panic!(
                "{what}: frame {i} has {} bytes and should have {}; from byte {at} on it is {} and should be {}",
                got.len(),
                wanted.len(),
                piece(got),
                piece(wanted)
            );
        }
    }
    assert_eq!(got.len(), wanted.len(), "{what}: number of frames");
}
