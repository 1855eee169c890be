//! The net adapter: what it can do, its queues, its receive filter.

use crate::{
    device::Igb,
    hardware::{Hardware, QUEUES},
    rx, tx,
};
use igb::{
    MacAddress,
    filter::{PacketFilter, ReceiveFilter},
};
use netadaptercx::{
    Result,
    adapter::{self, Capabilities, NetAdapter},
    irql::Passive,
    queue::QueueInit,
    ring::{RxRings, TxRings},
    wdf::object::Ancestor,
    wdf_context,
};

/// Fastest the 82576 goes, bits per second.
const LINK_SPEED: u64 = 1_000_000_000;

/// The context of the adapter object.
pub struct IgbAdapter {
    igb: Ancestor<Igb>,
}
wdf_context!(IgbAdapter);

impl IgbAdapter {
    pub const fn new(igb: Ancestor<Igb>) -> Self {
        Self { igb }
    }
}

/// What an adapter on `hardware` can do.
pub fn capabilities(hardware: &Hardware) -> Capabilities {
    Capabilities {
        permanent_address: hardware.permanent_address.0,
        current_address: hardware.station().0,
        max_link_speed: LINK_SPEED,
        mtu: hardware.config.mtu(),
        dma: hardware.dma,
        max_tx_fragments: tx::MAX_FRAGMENTS,
        // The framework wants powers of two.
        tx_fragment_ring: u32::from(hardware.config.transmit_buffers).next_power_of_two(),
        rx_fragment_ring: u32::from(hardware.config.receive_buffers).next_power_of_two(),
        rx_buffer: rx::BUFFER_BYTES.into(),
        tx_queues: QUEUES,
        rx_queues: QUEUES,
        packet_filters: PacketFilter::all().bits() as i32,
        max_multicast: ReceiveFilter::MAX_MULTICAST,
        set_receive_filter: adapter::set_receive_filter_callback::<IgbAdapter>(),
    }
}

impl NetAdapter for IgbAdapter {
    fn create_tx_queue(&self, init: QueueInit<'_, TxRings>) -> Result<()> {
        let id = init.id();
        init.create(|_, passive| tx::TxQueue::new(self.igb, id, passive))
    }

    fn create_rx_queue(&self, init: QueueInit<'_, RxRings>) -> Result<()> {
        let id = init.id();
        init.create(|_, passive| rx::RxQueue::new(self.igb, id, passive))
    }

    fn set_receive_filter(&self, filter: &adapter::ReceiveFilter<'_>, passive: Passive<'_>) {
        let wanted = PacketFilter::from_bits_truncate(filter.packet_filter() as u32);
        let snapshot = ReceiveFilter::new(wanted, filter.multicast().map(MacAddress));
        self.igb.set_receive_filter(snapshot, passive.into());
    }
}
