//! A receive queue: the framework's rings on one side, the hardware's on the other.

use crate::{
    device::Igb,
    error::status,
    hardware::{Mmio, Stall},
    pump::receive,
    queue::Place,
};
use igb::{
    Direction,
    rx::{Dropped, FrameAssembler, memory_len},
};
use netadaptercx::{
    Result,
    irql::{AtMostDispatch, Passive},
    packet_queue,
    queue::{PacketQueue, QueueHandle},
    ring::RxRings,
    wdf::{dma::CommonBuffer, object::Ancestor},
};

/// Bytes of a receive buffer; a longer frame lies in several.
pub const BUFFER_BYTES: u16 = 2048;

/// The context of a receive queue object.
pub struct RxQueue {
    place: Place,
    /// Ring and memory are there until the queue is dropped.
    ring: Option<igb::rx::Queue<Mmio>>,
    memory: Option<CommonBuffer>,
    descriptors: u16,
    frames: FrameAssembler,
    /// What of the frames it dropped is in the counters.
    counted: Dropped,
    /// The framework wants everything back.
    cancelled: bool,
}

impl RxQueue {
    pub fn new(igb: Ancestor<Igb>, id: u32, passive: Passive<'_>) -> Result<Self> {
        let place = Place::new(igb, Direction::Receive, id)?;
        let hardware = place.hardware()?;
        let descriptors = hardware.config.receive_buffers;
        let (buffer, memory) = hardware.ring_memory(memory_len(descriptors), passive)?;
        let number = place.number();
        let mut ring =
            igb::rx::Queue::new(hardware.registers(), hardware.model, number, descriptors, BUFFER_BYTES, memory)
                .map_err(status)?;
        if hardware.has_pools() {
            // What waits for this queue would hold up the VM queues' frames behind it.
            ring = ring.dropping_when_full();
        }
        // A tag of four bytes may come on top of the longest frame.
        let chain = (hardware.config.max_frame + 4).div_ceil(BUFFER_BYTES);
        Ok(Self {
            place,
            ring: Some(ring),
            memory: Some(buffer),
            descriptors,
            frames: FrameAssembler::new(chain),
            counted: Dropped::default(),
            cancelled: false,
        })
    }

    /// After Cancel: proves DMA off, then returns every packet and every fragment. While DMA may be on nothing goes back,
    /// and the next Advance tries again.
    fn drain(&mut self, rings: &mut RxRings, irql: AtMostDispatch<'_>) {
        let Some(ring) = &mut self.ring else { return };
        match ring.disable(&Stall) {
            Ok(()) | Err(igb::Error::DeviceGone) => {}
            Err(_) => match self.place.halt(irql) {
                Some(reset) => ring.halted(&reset),
                None => return,
            },
        }
        ring.completions().for_each(drop);
        ring.abandon();
        self.frames.reset();
        rings.return_all();
    }
}

impl PacketQueue for RxQueue {
    type Rings = RxRings;
    packet_queue!(RxQueue);

    fn start(&mut self, queue: QueueHandle, passive: Passive<'_>) {
        let Some((ring, memory)) = self.ring.as_mut().zip(self.memory.as_ref()) else { return };
        if let Err(error) = ring.enable(&Stall) {
            self.place.fail_to_start(error, passive);
        }
        self.place.enter(queue, memory, self.descriptors, passive);
    }

    fn advance(&mut self, rings: &mut RxRings, irql: AtMostDispatch<'_>) {
        if self.cancelled {
            return self.drain(rings, irql);
        }
        let Some(ring) = &mut self.ring else { return };
        let received = receive(rings, ring, &mut self.frames);
        if let Some(counts) = self.place.counts() {
            counts.received(&received);
            let dropped = self.frames.dropped();
            counts.dropped.add(dropped.errors - self.counted.errors);
            counts.too_long.add(dropped.too_long - self.counted.too_long);
            self.counted = dropped;
        }
    }

    fn cancel(&mut self, rings: &mut RxRings, irql: AtMostDispatch<'_>) {
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

impl Drop for RxQueue {
    fn drop(&mut self) {
        // A queue that was created but never started has nothing under DMA either: `release` knows.
        if let Some(Err(_)) = self.ring.take().map(igb::rx::Queue::release) {
            // The device may still write the ring: its memory is never freed.
            core::mem::forget(self.memory.take());
        }
    }
}
