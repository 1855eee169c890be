//! A transmit queue: the framework's rings on one side, the hardware's on the other.

use crate::{
    device::Igb,
    error::status,
    hardware::{Mmio, Stall},
};
use alloc::vec::Vec;
use igb::{
    interrupt::Cause,
    tx::{Completion, Fragment, Refusal, memory_len},
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
    igb: Ancestor<Igb>,
    cause: Cause,
    /// Always there until the queue is dropped.
    ring: Option<igb::tx::Queue<Mmio, Vec<Completion>>>,
    memory: Option<CommonBuffer>,
    /// The framework wants everything back.
    cancelled: bool,
}

impl TxQueue {
    pub fn new(igb: Ancestor<Igb>, id: u32, passive: Passive<'_>) -> Result<Self> {
        let bad_queue = Status::new(wdk_sys::STATUS_INVALID_PARAMETER);
        let id = u8::try_from(id).map_err(|_| bad_queue)?;
        let cause = Cause::Tx(id);
        let hardware = igb.hardware().ok_or(Status::new(wdk_sys::STATUS_DEVICE_NOT_READY))?;
        hardware.notification(cause).ok_or(bad_queue)?;
        let descriptors = hardware.config.transmit_buffers;
        let (buffer, memory) = hardware.ring_memory(memory_len(descriptors), passive)?;
        let mut completions = Vec::new();
        completions
            .try_reserve_exact(descriptors.into())
            .map_err(|_| Status::new(wdk_sys::STATUS_INSUFFICIENT_RESOURCES))?;
        completions.resize(descriptors.into(), Completion::default());
        let ring = igb::tx::Queue::new(hardware.registers(), hardware.model, id, descriptors, memory, completions)
            .map_err(status)?;
        Ok(Self { igb, cause, ring: Some(ring), memory: Some(buffer), cancelled: false })
    }

    /// After Cancel: stops the hardware, then completes what it had and what it never got. Packets still under DMA stay,
    /// and the next Advance tries again.
    fn drain(&mut self, rings: &mut TxRings, irql: AtMostDispatch<'_>) {
        let Some(ring) = &mut self.ring else { return };
        rings.complete(ring.reclaim());
        match ring.disable(&Stall) {
            Ok(()) | Err(igb::Error::DeviceGone) => {}
            Err(_) => match self.igb.halt(irql) {
                Some(reset) => ring.halted(&reset),
                None => return,
            },
        }
        rings.complete(ring.reclaim());
        rings.complete(ring.abandon());
        let mut unsent = 0;
        while let Some(packet) = rings.next_packet() {
            packet.take();
            unsent += 1;
        }
        rings.complete(unsent);
    }
}

impl PacketQueue for TxQueue {
    type Rings = TxRings;
    packet_queue!(TxQueue);

    fn start(&mut self, queue: QueueHandle, _passive: Passive<'_>) {
        let Some((hardware, ring)) = self.igb.hardware().zip(self.ring.as_mut()) else { return };
        if let Err(error) = ring.enable(&Stall) {
            let _ = status(error);
            self.igb.fail("a transmit queue does not start");
        }
        if let Some((notification, interrupt)) = hardware.notification(self.cause) {
            interrupt.lock(|lock| notification.attach(queue, lock));
        }
    }

    fn advance(&mut self, rings: &mut TxRings, irql: AtMostDispatch<'_>) {
        if self.cancelled {
            return self.drain(rings, irql);
        }
        let Some(ring) = &mut self.ring else { return };
        rings.complete(ring.reclaim());
        let mut batch = ring.batch();
        while let Some(packet) = rings.next_packet() {
            let fragments = packet
                .fragments()
                .map(|fragment| Fragment { device_address: fragment.device_address, length: fragment.length });
            // A packet the OS posted without data has no fragments and is skipped: it completes in its place.
            match batch.post(fragments) {
                Ok(()) => {}
                Err(Refusal::NoRoom) => break,
                Err(Refusal::TooLong) => batch.skip(),
            }
            packet.take();
        }
        batch.submit();
    }

    fn cancel(&mut self, rings: &mut TxRings, irql: AtMostDispatch<'_>) {
        self.cancelled = true;
        self.drain(rings, irql);
    }

    fn stop(&mut self, _passive: Passive<'_>) {
        if let Some((notification, interrupt)) =
            self.igb.hardware().and_then(|hardware| hardware.notification(self.cause))
        {
            interrupt.lock(|lock| notification.detach(lock));
        }
    }

    fn set_notification_enabled(&mut self, enabled: bool) {
        let Some(hardware) = self.igb.hardware() else { return };
        let Some((notification, _)) = hardware.notification(self.cause) else { return };
        if enabled {
            notification.arm(|| hardware.interrupts.unmask(self.cause));
        } else {
            notification.disarm();
        }
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
