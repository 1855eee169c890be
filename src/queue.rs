//! What a transmit and a receive queue have in common: the device they belong to and the interrupt that wakes them.

use crate::{counters::QueueCounts, device::Igb, hardware::Hardware, rings::RingView};
use igb::{Direction, device::Reset, interrupt::Cause};
use netadaptercx::{
    Result, Status,
    irql::{AtMostDispatch, Passive},
    notify::Notification,
    queue::QueueHandle,
    wdf::{dma::CommonBuffer, interrupt::Interrupt, object::Ancestor},
};

/// A queue's place in its device.
pub struct Place {
    igb: Ancestor<Igb>,
    direction: Direction,
    number: u8,
}

impl Place {
    /// The place of queue `id`.
    ///
    /// # Errors
    /// STATUS_INVALID_PARAMETER when the device has no such queue.
    pub fn new(igb: Ancestor<Igb>, direction: Direction, id: u32) -> Result<Self> {
        let bad_queue = Status::new(wdk_sys::STATUS_INVALID_PARAMETER);
        let place = Self { igb, direction, number: u8::try_from(id).map_err(|_| bad_queue)? };
        place.counts().map(|_| ()).ok_or(bad_queue)?;
        Ok(place)
    }

    /// The queue's number.
    pub const fn number(&self) -> u8 {
        self.number
    }

    /// The hardware.
    ///
    /// # Errors
    /// STATUS_DEVICE_NOT_READY outside PrepareHardware and ReleaseHardware.
    pub fn hardware(&self) -> Result<&Hardware> {
        self.igb.hardware().ok_or(Status::new(wdk_sys::STATUS_DEVICE_NOT_READY))
    }

    /// The queue's counters.
    #[inline]
    pub fn counts(&self) -> Option<&QueueCounts> {
        self.igb.counters.of(self.cause())
    }

    /// EvtStart: events of `queue` wake it from now on, and its ring can be dumped.
    pub fn enter(&self, queue: QueueHandle, ring: &CommonBuffer, descriptors: u16, passive: Passive<'_>) {
        // SAFETY: `leave` forgets the view, and the buffer lives until the queue is dropped, after that.
        let memory = unsafe { ring.view() };
        let view = RingView { memory, descriptors };
        self.igb.rings(passive.into()).set(self.direction, self.number, Some(view));
        if let Some((notification, interrupt)) = self.notification() {
            interrupt.lock(|lock| notification.attach(queue, lock));
        }
    }

    /// EvtStop: the queue is not woken any more.
    pub fn leave(&self, passive: Passive<'_>) {
        if let Some((notification, interrupt)) = self.notification() {
            interrupt.lock(|lock| notification.detach(lock));
        }
        self.igb.rings(passive.into()).set(self.direction, self.number, None);
    }

    /// EvtSetNotificationEnabled.
    pub fn set_notification_enabled(&self, enabled: bool) {
        let Some((notification, _)) = self.notification() else { return };
        if !enabled {
            return notification.disarm();
        }
        if let Some(counts) = self.counts() {
            counts.arms.add(1);
        }
        if let Some(hardware) = self.igb.hardware() {
            notification.arm(|| hardware.interrupts.unmask(self.cause()));
        }
    }

    /// The queue does not start.
    pub fn fail_to_start(&self, error: igb::Error, passive: Passive<'_>) {
        let _ = crate::error::status(error);
        self.igb.fail("a queue does not start", passive.into());
    }

    /// The queue does not stop: resets the whole device.
    pub fn halt(&self, irql: AtMostDispatch<'_>) -> Option<Reset> {
        self.igb.halt(self.cause(), irql)
    }

    const fn cause(&self) -> Cause {
        match self.direction {
            Direction::Transmit => Cause::Tx(self.number),
            Direction::Receive => Cause::Rx(self.number),
        }
    }

    fn notification(&self) -> Option<(&Notification, Interrupt)> {
        self.igb.hardware()?.notification(self.cause())
    }
}
