//! Shared receive queues.

use crate::{
    engine::Engine,
    object::{Kind, Object, ObjectId},
    pd::Pd,
    platform::Platform,
    table::Table,
    transport::{
        limits::{MAX_RECEIVE_REQUEST_SGE, MAX_SRQ_DEPTH},
        request::{Receive, ReceiveQueue, Sge},
    },
    upcall::{Context, Upcall},
};
use core::ffi::c_void;
use ndis_sys::ndk::NDK_FN_SRQ_NOTIFICATION_CALLBACK;
use wdk_sys::{
    NTSTATUS, STATUS_BUFFER_OVERFLOW, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};

/// A shared receive queue.
pub struct Srq {
    pd: ObjectId<Pd>,
    queue: ReceiveQueue,
    /// The consumer wants to know when fewer receives than this wait.
    threshold: u32,
    /// It has not been told since it said so.
    is_armed: bool,
    /// It is to be told.
    is_due: bool,
    /// A queue pair found no receive.
    pub(crate) is_starved: bool,
    notification: NDK_FN_SRQ_NOTIFICATION_CALLBACK,
    context: Context,
}

/// A queue for [`Srq::new`] and NdkModifySrq.
///
/// # Errors
/// STATUS_INVALID_PARAMETER beyond [`MAX_SRQ_DEPTH`], STATUS_INSUFFICIENT_RESOURCES.
pub(crate) fn queue(depth: u32, width: u32) -> Result<ReceiveQueue, NTSTATUS> {
    if depth > MAX_SRQ_DEPTH || width > MAX_RECEIVE_REQUEST_SGE {
        return Err(STATUS_INVALID_PARAMETER);
    }
    ReceiveQueue::new(depth, width).map_err(|_| STATUS_INSUFFICIENT_RESOURCES)
}

impl Srq {
    /// An empty queue of `depth` receives of `width` SGEs. A threshold other than 0 is armed: NDKPI says when a queue that
    /// was made notifies, "falls below", so it does when the receives that wait fall below it for the first time, not at
    /// once.
    ///
    /// # Errors
    /// STATUS_INVALID_PARAMETER beyond the limits of `NDK_ADAPTER_INFO`, STATUS_INSUFFICIENT_RESOURCES.
    pub fn new(
        pd: ObjectId<Pd>,
        depth: u32,
        width: u32,
        threshold: u32,
        notification: NDK_FN_SRQ_NOTIFICATION_CALLBACK,
        context: Context,
    ) -> Result<Self, NTSTATUS> {
        Ok(Self {
            pd,
            queue: queue(depth, width)?,
            threshold,
            is_armed: threshold != 0,
            is_due: false,
            is_starved: false,
            notification,
            context,
        })
    }

    /// The domain its receives are checked in.
    #[must_use]
    pub const fn pd(&self) -> ObjectId<Pd> {
        self.pd
    }

    /// SGEs that a receive may have.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.queue.width()
    }

    pub(crate) fn queue_mut(&mut self) -> &mut ReceiveQueue {
        &mut self.queue
    }
}

impl Engine {
    /// Takes the oldest receive of a shared queue out, its SGEs into `sges`.
    pub(crate) fn take_shared_receive(&mut self, id: ObjectId<Srq>, sges: &mut [Sge]) -> Option<Receive> {
        let srq = self.srqs.get_mut(id)?;
        let before = srq.queue.used();
        let Some(receive) = srq.queue.pop_into(sges) else {
            srq.is_starved = true;
            return None;
        };
        if before == srq.threshold {
            self.notify_srq(id);
        }
        Some(receive)
    }

    /// Tells the consumer of a queue once that too few receives wait, if it is armed.
    fn notify_srq(&mut self, id: ObjectId<Srq>) {
        if let Some(srq) = self.srqs.get_mut(id)
            && srq.is_armed
        {
            srq.is_armed = false;
            srq.is_due = true;
            self.wake(id.into());
        }
    }

    /// NdkModifySrq: `deeper`, if any, becomes the queue, and takes its receives over; a threshold other than 0 is armed,
    /// and met at once if too few receives wait.
    ///
    /// # Errors
    /// STATUS_BUFFER_OVERFLOW for receives that would be lost (ND SPI, IND2SharedReceiveQueue::Modify); nothing is changed
    /// then. STATUS_INVALID_HANDLE.
    pub(crate) fn modify_srq(
        &mut self,
        id: ObjectId<Srq>,
        other: Option<(&mut ReceiveQueue, u32)>,
        threshold: u32,
    ) -> Result<NTSTATUS, NTSTATUS> {
        let srq = self.usable(id)?;
        if let Some((other, depth)) = other {
            if srq.queue.used() > depth {
                return Err(STATUS_BUFFER_OVERFLOW);
            }
            srq.queue.move_to(other);
            core::mem::swap(&mut srq.queue, other);
        }
        if threshold != 0 {
            srq.threshold = threshold;
            srq.is_armed = true;
            if srq.queue.used() < threshold {
                self.notify_srq(id);
            }
        }
        Ok(STATUS_SUCCESS)
    }
}

impl Object for Srq {
    const KIND: Kind = Kind::Srq;
    const LIMIT: u32 = 4096;

    fn dispatch<P: Platform>() -> *const c_void {
        crate::door::srq::dispatch::<P>()
    }

    fn table(engine: &Engine) -> &Table<Self> {
        &engine.srqs
    }

    fn table_mut(engine: &mut Engine) -> &mut Table<Self> {
        &mut engine.srqs
    }

    /// Receives that wait are forgotten when the queue goes: no CQ is theirs before a message takes one.
    fn closing(engine: &mut Engine, id: ObjectId<Self>) {
        if let Some(srq) = engine.srqs.get_mut(id) {
            srq.is_armed = false;
            srq.is_due = false;
        }
    }

    fn step(engine: &mut Engine, id: ObjectId<Self>) -> Option<Upcall> {
        let srq = engine.srqs.get_mut(id).filter(|srq| srq.is_due)?;
        srq.is_due = false;
        Some(Upcall::SrqNotification(srq.notification, srq.context, STATUS_SUCCESS))
    }
}
