//! A receive queue: the framework's rings on one side, the hardware's on the other.

use crate::{
    device::Igb,
    error::status,
    hardware::{Mmio, Stall},
};
use igb::{
    interrupt::Cause,
    rx::{Frame, FrameAssembler, memory_len},
};
use netadaptercx::{
    Result, Status,
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
    igb: Ancestor<Igb>,
    cause: Cause,
    /// Always there until the queue is dropped.
    ring: Option<igb::rx::Queue<Mmio>>,
    memory: Option<CommonBuffer>,
    frames: FrameAssembler,
    /// The framework wants everything back.
    cancelled: bool,
}

impl RxQueue {
    pub fn new(igb: Ancestor<Igb>, id: u32, passive: Passive<'_>) -> Result<Self> {
        let bad_queue = Status::new(wdk_sys::STATUS_INVALID_PARAMETER);
        let id = u8::try_from(id).map_err(|_| bad_queue)?;
        let cause = Cause::Rx(id);
        let hardware = igb.hardware().ok_or(Status::new(wdk_sys::STATUS_DEVICE_NOT_READY))?;
        hardware.notification(cause).ok_or(bad_queue)?;
        let descriptors = hardware.config.receive_buffers;
        let (buffer, memory) = hardware.ring_memory(memory_len(descriptors), passive)?;
        let ring = igb::rx::Queue::new(hardware.registers(), hardware.model, id, descriptors, BUFFER_BYTES, memory)
            .map_err(status)?;
        // A tag of four bytes may come on top of the longest frame.
        let chain = (hardware.config.max_frame + 4).div_ceil(BUFFER_BYTES);
        Ok(Self {
            igb,
            cause,
            ring: Some(ring),
            memory: Some(buffer),
            frames: FrameAssembler::new(chain),
            cancelled: false,
        })
    }

    /// After Cancel: proves DMA off, then returns every packet and every fragment. While DMA may be on nothing goes back,
    /// and the next Advance tries again.
    fn drain(&mut self, rings: &mut RxRings, irql: AtMostDispatch<'_>) {
        let Some(ring) = &mut self.ring else { return };
        match ring.disable(&Stall) {
            Ok(()) | Err(igb::Error::DeviceGone) => {}
            Err(_) => match self.igb.halt(irql) {
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

    fn start(&mut self, queue: QueueHandle, _passive: Passive<'_>) {
        let Some((hardware, ring)) = self.igb.hardware().zip(self.ring.as_mut()) else { return };
        if let Err(error) = ring.enable(&Stall) {
            let _ = status(error);
            self.igb.fail("a receive queue does not start");
        }
        if let Some((notification, interrupt)) = hardware.notification(self.cause) {
            interrupt.lock(|lock| notification.attach(queue, lock));
        }
    }

    fn advance(&mut self, rings: &mut RxRings, irql: AtMostDispatch<'_>) {
        if self.cancelled {
            return self.drain(rings, irql);
        }
        let Some(ring) = &mut self.ring else { return };
        let mut received = rings.receive();
        let mut completions = ring.completions();
        while received.has_room()
            && let Some(completion) = completions.next()
        {
            let filled = received.fill(completion.length().into());
            match self.frames.push(completion) {
                Frame::Partial => {}
                Frame::Whole { .. } if filled => received.deliver(),
                Frame::Whole { .. } | Frame::Bad { .. } => received.discard(),
            }
        }
        drop(completions);
        received.finish();
        ring.refill(rings.free_buffers());
    }

    fn cancel(&mut self, rings: &mut RxRings, irql: AtMostDispatch<'_>) {
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

impl Drop for RxQueue {
    fn drop(&mut self) {
        // A queue that was created but never started has nothing under DMA either: `release` knows.
        if let Some(Err(_)) = self.ring.take().map(igb::rx::Queue::release) {
            // The device may still write the ring: its memory is never freed.
            core::mem::forget(self.memory.take());
        }
    }
}
