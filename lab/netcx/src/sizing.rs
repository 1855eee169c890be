//! Ring sizes and buffer counts.
//!
//! The tuning code of the framework is not in its open source; the figures are those of a re-implementation (shape known
//! from `netcx/translator/nxtxxlat.cpp` and `nxrxxlat.cpp`): a machine with 2 to 64 GB of memory and a link below
//! 10 Gb/s, MTU with or without GSO.

use crate::options::Options;

const TX_PACKETS: u32 = 256;
const TX_FRAGMENTS_PER_PACKET: u32 = 4;
const RX_ELEMENTS: u32 = 256;
const RX_BUFFERS_PER_ELEMENT: u32 = 2;
/// Up to this size every packet of the ring gets a bounce buffer.
const SMALL_BOUNCE_BUFFER: usize = 2048;
const LARGE_BOUNCE_BUFFERS: u32 = 256;

/// Sizes of a Tx queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxSizes {
    /// Elements of the packet ring.
    pub packets: u32,
    /// Elements of the fragment ring.
    pub fragments: u32,
    /// Packets that can be bounced at a time.
    pub bounce_buffers: u32,
}

/// Sizes of an Rx queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RxSizes {
    /// Elements of the packet ring.
    pub packets: u32,
    /// Elements of the fragment ring.
    pub fragments: u32,
    /// Data buffers.
    pub buffers: u32,
    /// Packets that can be in the ring or with the stack at a time.
    pub packets_outstanding: u32,
}

/// The client's hint raises the framework's size at most fourfold; under the verifier the size is doubled instead.
fn with_hint(verifier: bool, hint: u32, computed: u32) -> u32 {
    if verifier { computed * 2 } else { hint.clamp(computed, computed * 4) }
}

impl TxSizes {
    /// `hint` is FragmentRingNumberOfElementsHint (0 or a power of two), `bounce_buffer` the bytes of one bounced packet.
    pub fn new(options: &Options, hint: u32, bounce_buffer: usize) -> TxSizes {
        let fragments = with_hint(options.verifier, hint, TX_PACKETS * TX_FRAGMENTS_PER_PACKET);
        let packets = options.tx_packets.unwrap_or(fragments / TX_FRAGMENTS_PER_PACKET);
        let bounce_buffers = if bounce_buffer <= SMALL_BOUNCE_BUFFER { packets } else { LARGE_BOUNCE_BUFFERS };
        TxSizes { packets, fragments: options.tx_fragments.unwrap_or(fragments), bounce_buffers }
    }
}

impl RxSizes {
    /// `hint` is FragmentRingNumberOfElementsHint (0 or a power of two).
    pub fn new(options: &Options, hint: u32) -> RxSizes {
        let elements = with_hint(options.verifier, hint, RX_ELEMENTS);
        let packets = options.rx_packets.unwrap_or(elements);
        let fragments = options.rx_fragments.unwrap_or(elements);
        RxSizes {
            packets,
            fragments,
            buffers: fragments * RX_BUFFERS_PER_ELEMENT,
            packets_outstanding: packets * RX_BUFFERS_PER_ELEMENT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_raises_at_most_fourfold_and_the_verifier_doubles() {
        let plain = Options { verifier: false, ..Options::default() };
        assert_eq!(RxSizes::new(&plain, 0).fragments, 256);
        assert_eq!(RxSizes::new(&plain, 64).fragments, 256);
        assert_eq!(RxSizes::new(&plain, 512).fragments, 512);
        assert_eq!(RxSizes::new(&plain, 4096).fragments, 1024);
        assert_eq!(RxSizes::new(&Options::default(), 4096).fragments, 512);
        assert_eq!(TxSizes::new(&plain, 0, 1514), TxSizes { packets: 256, fragments: 1024, bounce_buffers: 256 });
        assert_eq!(TxSizes::new(&plain, 2048, 9014).packets, 512);
    }

    #[test]
    fn options_win() {
        let tiny = Options { tx_packets: Some(2), tx_fragments: Some(4), rx_packets: Some(2), ..Options::default() };
        let tx = TxSizes::new(&tiny, 1024, 1514);
        assert_eq!((tx.packets, tx.fragments), (2, 4));
        assert_eq!(RxSizes::new(&tiny, 0).packets, 2);
    }
}
