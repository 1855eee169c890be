//! What a client declared about its adapter, checked and kept.

use netadaptercx_sys::*;

/// Capabilities of the transmit side.
#[derive(Clone, Copy)]
pub struct TxCapabilities {
    /// NetMemoryMappingRequirementDmaMapped.
    pub dma_mapped: bool,
    /// DMA capabilities were given, whatever the mapping requirement says.
    pub has_dma: bool,
    /// PayloadBackfill.
    pub backfill: usize,
    /// MaximumNumberOfFragments.
    pub maximum_fragments: usize,
    /// FragmentBufferAlignment, at least 1.
    pub alignment: usize,
    /// FragmentRingNumberOfElementsHint.
    pub hint: u32,
    /// MaximumNumberOfQueues.
    pub maximum_queues: usize,
    /// MaximumPhysicalAddress; 0: none given.
    pub maximum_physical_address: u64,
}

impl TxCapabilities {
    /// The highest logical address a fragment may have.
    pub fn maximum_address(&self) -> u64 {
        if self.dma_mapped && self.maximum_physical_address != 0 { self.maximum_physical_address } else { u64::MAX }
    }
}

/// Who brings receive buffers.
#[derive(Clone, Copy)]
pub enum RxBuffers {
    /// The framework allocates and attaches them.
    System,
    /// The driver allocates and attaches them.
    Driver {
        /// EvtAdapterReturnRxBuffer.
        return_buffer: PFN_NET_ADAPTER_RETURN_RX_BUFFER,
    },
}

/// Capabilities of the receive side.
#[derive(Clone, Copy)]
pub struct RxCapabilities {
    /// Allocation and attachment mode.
    pub buffers: RxBuffers,
    /// System buffers are mapped for DMA.
    pub dma_mapped: bool,
    /// DMA capabilities were given.
    pub has_dma: bool,
    /// MaximumFrameSize.
    pub maximum_frame_size: u32,
    /// FragmentBufferAlignment, at least 1.
    pub alignment: usize,
    /// FragmentRingNumberOfElementsHint.
    pub hint: u32,
    /// MaximumNumberOfQueues.
    pub maximum_queues: usize,
}

/// Everything a client declared. Offload and wake capabilities are kept as given; what a later datapath feature does
/// with them begins here.
#[derive(Clone, Copy, Default)]
pub struct Capabilities {
    /// Transmit side of NetAdapterSetDataPathCapabilities.
    pub tx: Option<TxCapabilities>,
    /// Receive side of NetAdapterSetDataPathCapabilities.
    pub rx: Option<RxCapabilities>,
    /// NetAdapterSetLinkLayerCapabilities.
    pub link_layer: Option<NET_ADAPTER_LINK_LAYER_CAPABILITIES>,
    /// NetAdapterSetLinkLayerMtuSize; 0: not set.
    pub mtu: u32,
    /// NetAdapterSetReceiveFilterCapabilities.
    pub receive_filter: Option<NET_ADAPTER_RECEIVE_FILTER_CAPABILITIES>,
    /// NetAdapterSetPermanentLinkLayerAddress; length 0: not set.
    pub permanent_address: NET_ADAPTER_LINK_LAYER_ADDRESS,
    /// NetAdapterSetCurrentLinkLayerAddress; length 0: not set.
    pub current_address: NET_ADAPTER_LINK_LAYER_ADDRESS,
    /// NetAdapterSetReceiveScalingCapabilities.
    pub receive_scaling: Option<NET_ADAPTER_RECEIVE_SCALING_CAPABILITIES>,
    /// NetAdapterOffloadSetChecksumCapabilities (2.0 clients).
    pub checksum: Option<NET_ADAPTER_OFFLOAD_CHECKSUM_CAPABILITIES>,
    /// NetAdapterOffloadSetTxChecksumCapabilities.
    pub tx_checksum: Option<NET_ADAPTER_OFFLOAD_TX_CHECKSUM_CAPABILITIES>,
    /// NetAdapterOffloadSetRxChecksumCapabilities.
    pub rx_checksum: Option<NET_ADAPTER_OFFLOAD_RX_CHECKSUM_CAPABILITIES>,
    /// NetAdapterOffloadSetGsoCapabilities.
    pub gso: Option<NET_ADAPTER_OFFLOAD_GSO_CAPABILITIES>,
    /// NetAdapterOffloadSetRscCapabilities.
    pub rsc: Option<NET_ADAPTER_OFFLOAD_RSC_CAPABILITIES>,
    /// NetAdapterOffloadSetIeee8021qTagCapabilities.
    pub ieee8021q: Option<NET_ADAPTER_OFFLOAD_IEEE8021Q_TAG_CAPABILITIES>,
    /// NetAdapterPowerOffloadSetArpCapabilities.
    pub arp_offload: Option<NET_ADAPTER_POWER_OFFLOAD_ARP_CAPABILITIES>,
    /// NetAdapterPowerOffloadSetNSCapabilities.
    pub ns_offload: Option<NET_ADAPTER_POWER_OFFLOAD_NS_CAPABILITIES>,
    /// NetAdapterWakeSetBitmapCapabilities.
    pub wake_bitmap: Option<NET_ADAPTER_WAKE_BITMAP_CAPABILITIES>,
    /// NetAdapterWakeSetMediaChangeCapabilities.
    pub wake_media_change: Option<NET_ADAPTER_WAKE_MEDIA_CHANGE_CAPABILITIES>,
    /// NetAdapterWakeSetMagicPacketCapabilities.
    pub wake_magic_packet: Option<NET_ADAPTER_WAKE_MAGIC_PACKET_CAPABILITIES>,
    /// NetAdapterWakeSetPacketFilterCapabilities.
    pub wake_packet_filter: Option<NET_ADAPTER_WAKE_PACKET_FILTER_CAPABILITIES>,
    /// NetAdapterWakeSetEapolPacketCapabilities.
    pub wake_eapol: Option<NET_ADAPTER_WAKE_EAPOL_PACKET_CAPABILITIES>,
}

const ETHERNET_HEADER: usize = 14;
const LONGEST_IP_AND_TCP_HEADERS: usize = 60 + 60;

impl Capabilities {
    /// What is missing before the adapter can start.
    pub fn missing(&self) -> Option<&'static str> {
        if self.tx.is_none() || self.rx.is_none() {
            Some("NetAdapterSetDataPathCapabilities")
        } else if self.link_layer.is_none() {
            Some("NetAdapterSetLinkLayerCapabilities")
        } else if self.mtu == 0 {
            Some("NetAdapterSetLinkLayerMtuSize")
        } else if self.permanent().Length != self.current().Length {
            Some("permanent and current link layer addresses of one length")
        } else {
            None
        }
    }

    /// The permanent address, or the current one if only that is set.
    pub fn permanent(&self) -> NET_ADAPTER_LINK_LAYER_ADDRESS {
        if self.permanent_address.Length != 0 { self.permanent_address } else { self.current_address }
    }

    /// The current address, or the permanent one if only that is set.
    pub fn current(&self) -> NET_ADAPTER_LINK_LAYER_ADDRESS {
        if self.current_address.Length != 0 { self.current_address } else { self.permanent_address }
    }

    /// MaximumTxFragmentSize: the largest packet with its backfill.
    pub fn largest_tx_packet(&self) -> usize {
        let payload = match self.gso {
            Some(gso) if gso.MaximumOffloadSize > 0 => gso.MaximumOffloadSize as usize + LONGEST_IP_AND_TCP_HEADERS,
            _ => self.mtu as usize,
        };
        self.tx.map_or(0, |tx| tx.backfill) + ETHERNET_HEADER + payload
    }
}
