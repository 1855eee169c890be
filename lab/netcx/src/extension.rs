//! Extensions: which exist, and where their data lies behind a ring element.
//!
//! Source: NetAdapterCx 21H2 `netcx/adapter/extension/nxextensionlayout.cpp`; names and sizes from `shared/abi`.

use netadaptercx_sys::{_NET_EXTENSION_TYPE, NET_EXTENSION_TYPE};

/// One extension of version 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension {
    /// The name a client asks for.
    pub name: &'static str,
    /// Ring it belongs to.
    pub kind: NET_EXTENSION_TYPE,
    /// Bytes behind the element.
    pub size: usize,
    /// Their alignment.
    pub align: usize,
}

const fn packet(name: &'static str, size: usize, align: usize) -> Extension {
    Extension { name, kind: _NET_EXTENSION_TYPE::NetExtensionTypePacket, size, align }
}
const fn fragment(name: &'static str) -> Extension {
    Extension { name, kind: _NET_EXTENSION_TYPE::NetExtensionTypeFragment, size: 8, align: 8 }
}

/// NET_PACKET_CHECKSUM.
pub const CHECKSUM: Extension = packet("ms_packet_checksum", 1, 1);
/// NET_PACKET_GSO.
pub const GSO: Extension = packet("ms_packet_gso", 4, 4);
/// NET_PACKET_RSC.
pub const RSC: Extension = packet("ms_packet_rsc", 4, 2);
/// NET_PACKET_RSC_TIMESTAMP.
pub const RSC_TIMESTAMP: Extension = packet("ms_packet_rsc_timestamp", 4, 4);
/// NET_PACKET_IEEE8021Q.
pub const IEEE8021Q: Extension = packet("ms_packet_ieee8021q", 4, 2);
/// NET_PACKET_HASH.
pub const HASH: Extension = packet("ms_packet_hash", 8, 4);
/// NET_PACKET_WIFI_EXEMPTION_ACTION; never enabled for an Ethernet client.
pub const WIFI_EXEMPTION_ACTION: Extension = packet("ms_packet_wifiexemptionaction", 1, 1);
/// NET_FRAGMENT_VIRTUAL_ADDRESS.
pub const VIRTUAL_ADDRESS: Extension = fragment("ms_fragment_virtualaddress");
/// NET_FRAGMENT_LOGICAL_ADDRESS.
pub const LOGICAL_ADDRESS: Extension = fragment("ms_fragment_logicaladdress");
/// NET_FRAGMENT_RETURN_CONTEXT: buffers that the driver allocates.
pub const RETURN_CONTEXT: Extension = fragment("ms_fragment_returncontext");
/// NET_FRAGMENT_DATA_BUFFER: system buffers that the driver attaches.
pub const DATA_BUFFER: Extension = fragment("ms_fragment_databuffer");
/// NET_FRAGMENT_MDL; enabled for mobile broadband only.
pub const MDL: Extension = fragment("ms_fragment_mdl");
/// The predecessor of [`GSO`], which the framework still lays out in every packet ring and no client asks for.
const LEGACY_LSO: Extension = packet("ms_packet_lso", 4, 4);

/// The names that may begin with "ms_".
pub const BUILT_IN: [Extension; 12] = [
    CHECKSUM,
    GSO,
    RSC,
    RSC_TIMESTAMP,
    IEEE8021Q,
    HASH,
    WIFI_EXEMPTION_ACTION,
    VIRTUAL_ADDRESS,
    LOGICAL_ADDRESS,
    RETURN_CONTEXT,
    DATA_BUFFER,
    MDL,
];

/// What a Tx queue asks the adapter for.
pub const OF_TX_QUEUES: [Extension; 7] =
    [CHECKSUM, GSO, WIFI_EXEMPTION_ACTION, LOGICAL_ADDRESS, VIRTUAL_ADDRESS, MDL, IEEE8021Q];
/// What an Rx queue asks the adapter for.
pub const OF_RX_QUEUES: [Extension; 9] =
    [CHECKSUM, RSC, RSC_TIMESTAMP, DATA_BUFFER, LOGICAL_ADDRESS, VIRTUAL_ADDRESS, RETURN_CONTEXT, IEEE8021Q, HASH];

/// Element of one ring with its extensions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Extensions and their offsets in the element.
    placed: Vec<(Extension, usize)>,
    /// Bytes from one element to the next.
    stride: usize,
}

impl Layout {
    /// The layout of a packet ring's elements.
    pub fn of_packets(extensions: &[Extension]) -> Layout {
        let mut all: Vec<Extension> = of_kind(extensions, _NET_EXTENSION_TYPE::NetExtensionTypePacket);
        all.push(LEGACY_LSO);
        Layout::place(size_of::<netadaptercx_sys::NET_PACKET>(), all)
    }

    /// The layout of a fragment ring's elements.
    pub fn of_fragments(extensions: &[Extension]) -> Layout {
        let all = of_kind(extensions, _NET_EXTENSION_TYPE::NetExtensionTypeFragment);
        Layout::place(size_of::<netadaptercx_sys::NET_FRAGMENT>(), all)
    }

    /// Extensions go behind the element, those with small alignment first; a step prefers the first one that fits the
    /// offset reached without padding.
    fn place(element: usize, mut rest: Vec<Extension>) -> Layout {
        rest.sort_by_key(|e| e.align);
        let mut placed = Vec::new();
        let mut offset = element;
        while !rest.is_empty() {
            let fits = 2usize << offset.trailing_zeros();
            let next = rest.iter().position(|e| e.align < fits).unwrap_or(0);
            let extension = rest.remove(next);
            offset = offset.next_multiple_of(extension.align);
            placed.push((extension, offset));
            offset += extension.size;
        }
        Layout { placed, stride: round_up_as_the_framework(offset, element) }
    }

    /// Offset of `name` in the element; `None`: not enabled on this ring.
    pub fn offset(&self, name: &str) -> Option<usize> {
        self.placed.iter().find(|(e, _)| e.name == name).map(|(_, offset)| *offset)
    }

    /// Bytes from one element to the next.
    pub fn stride(&self) -> usize {
        self.stride
    }
}

fn of_kind(extensions: &[Extension], kind: NET_EXTENSION_TYPE) -> Vec<Extension> {
    extensions.iter().copied().filter(|e| e.kind == kind).collect()
}

/// RTL_NUM_ALIGN_UP with the element's size for alignment. For packets that is 12, no power of two, so that the strides
/// are those of the real framework (16, 20, 32, ...) and a client that assumes multiples of 8 or 12 is found out.
fn round_up_as_the_framework(number: usize, alignment: usize) -> usize {
    let raised = number + alignment - 1;
    raised - (raised & (alignment - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_strides_are_those_of_the_framework() {
        assert_eq!(Layout::of_packets(&[]).stride(), 16);
        let checksum = Layout::of_packets(&[CHECKSUM]);
        assert_eq!((checksum.offset("ms_packet_checksum"), checksum.stride()), (Some(12), 20));
        let all = Layout::of_packets(&[CHECKSUM, GSO, IEEE8021Q, HASH]);
        for e in [CHECKSUM, GSO, IEEE8021Q, HASH] {
            let offset = all.offset(e.name).unwrap();
            assert!(
                offset >= 12 && offset.is_multiple_of(e.align) && offset + e.size <= all.stride(),
                "{e:?} {offset}"
            );
        }
        assert_eq!(all.offset("ms_fragment_mdl"), None);
    }

    #[test]
    fn extensions_of_an_element_do_not_overlap() {
        for set in 0..1u32 << BUILT_IN.len() {
            let chosen: Vec<Extension> =
                BUILT_IN.iter().enumerate().filter(|(i, _)| set & 1 << i != 0).map(|(_, e)| *e).collect();
            for layout in [Layout::of_packets(&chosen), Layout::of_fragments(&chosen)] {
                let mut spans: Vec<(usize, usize)> = layout.placed.iter().map(|(e, o)| (*o, o + e.size)).collect();
                spans.sort_unstable();
                assert!(spans.windows(2).all(|w| w[0].1 <= w[1].0), "{layout:?}");
                assert!(spans.last().is_none_or(|last| last.1 <= layout.stride()), "{layout:?}");
            }
        }
    }

    #[test]
    fn fragment_elements_hold_both_addresses() {
        let layout = Layout::of_fragments(&[VIRTUAL_ADDRESS, LOGICAL_ADDRESS]);
        assert_eq!(layout.stride(), 24);
        assert_eq!(layout.offset("ms_fragment_virtualaddress"), Some(8));
        assert_eq!(layout.offset("ms_fragment_logicaladdress"), Some(16));
    }
}
