//! A transmit queue: the framework's rings on one side, the hardware's on the other.

use crate::{
    device::Igb,
    error::status,
    hardware::{Mmio, Stall},
    pump::transmit,
    queue::Place,
};
use alloc::vec::Vec;
use igb::{
    Direction,
    tx::{Completion, memory_len},
};
use netadaptercx::{
    Result, Status,
    irql::{AtMostDispatch, Passive},
    packet_queue,
    queue::{PacketQueue, QueueHandle},
    ring::TxRings,
    wdf::{dma::CommonBuffer, object::Ancestor},
};

/// Fragments of a packet the driver takes; the framework copies a packet of more into one.
pub const MAX_FRAGMENTS: usize = 40;

/// The context of a transmit queue object.
pub struct TxQueue {
    place: Place,
    /// Ring and memory are there until the queue is dropped.
    ring: Option<igb::tx::Queue<Mmio, Vec<Completion>>>,
    memory: Option<CommonBuffer>,
    descriptors: u16,
    /// The framework wants everything back.
    cancelled: bool,
}

impl TxQueue {
    pub fn new(igb: Ancestor<Igb>, id: u32, passive: Passive<'_>) -> Result<Self> {
        let place = Place::new(igb, Direction::Transmit, id)?;
        let hardware = place.hardware()?;
        let descriptors = hardware.config.transmit_buffers;
        let (buffer, memory) = hardware.ring_memory(memory_len(descriptors), passive)?;
        let mut completions = Vec::new();
        completions
            .try_reserve_exact(descriptors.into())
            .map_err(|_| Status::new(wdk_sys::STATUS_INSUFFICIENT_RESOURCES))?;
        completions.resize(descriptors.into(), Completion::default());
        let number = place.number();
        let ring = igb::tx::Queue::new(hardware.registers(), hardware.model, number, descriptors, memory, completions)
            .map_err(status)?;
        Ok(Self { place, ring: Some(ring), memory: Some(buffer), descriptors, cancelled: false })
    }

    /// After Cancel: stops the hardware, then completes what it had and what it never got. Packets still under DMA stay,
    /// and the next Advance tries again.
    fn drain(&mut self, rings: &mut TxRings, irql: AtMostDispatch<'_>) {
        let Some(ring) = &mut self.ring else { return };
        rings.complete(ring.reclaim());
        match ring.disable(&Stall) {
            Ok(()) | Err(igb::Error::DeviceGone) => {}
            Err(_) => match self.place.halt(irql) {
                Some(reset) => ring.halted(&reset),
                None => return,
            },
        }
        rings.complete(ring.reclaim());
        let abandoned = ring.abandon();
        rings.complete(abandoned);
        let mut unsent = 0;
        while let Some(packet) = rings.next_packet() {
            packet.take();
            unsent += 1;
        }
        rings.complete(unsent);
        if let Some(counts) = self.place.counts() {
            counts.dropped.add(u64::from(abandoned) + u64::from(unsent));
        }
    }
}

impl PacketQueue for TxQueue {
    type Rings = TxRings;
    packet_queue!(TxQueue);

    fn start(&mut self, queue: QueueHandle, passive: Passive<'_>) {
        let Some((ring, memory)) = self.ring.as_mut().zip(self.memory.as_ref()) else { return };
        if let Err(error) = ring.enable(&Stall) {
            self.place.fail_to_start(error, passive);
        }
        self.place.enter(queue, memory, self.descriptors, passive);
    }

    fn advance(&mut self, rings: &mut TxRings, irql: AtMostDispatch<'_>) {
        if self.cancelled {
            return self.drain(rings, irql);
        }
        let Some(ring) = &mut self.ring else { return };
        let sent = transmit(rings, ring);
        if let Some(counts) = self.place.counts() {
            counts.sent(&sent);
        }
    }

    fn cancel(&mut self, rings: &mut TxRings, irql: AtMostDispatch<'_>) {
        self.cancelled = true;
        self.drain(rings, irql);
    }

    fn stop(&mut self, passive: Passive<'_>) {
        self.place.leave(passive);
    }

    fn set_notification_enabled(&mut self, enabled: bool) {
        self.place.set_notification_enabled(enabled);
    }
}

impl Drop for TxQueue {
    fn drop(&mut self) {
        // A queue that was created but never started has nothing under DMA either: `release` knows.
        if let Some(Err(_)) = self.ring.take().map(igb::tx::Queue::release) {
            // The device may still read the ring: its memory is never freed.
            core::mem::forget(self.memory.take());
        }
    }
}
