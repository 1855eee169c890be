//! Packet queues: one trait, and the five hooks of NET_PACKET_QUEUE_CONFIG generated from it.

use crate::{
    Result, Status,
    irql::{AtMostDispatch, Passive},
    ring::{Extension, Ring, RxRings, TxRings},
    wdf::object::{Context, ContextType, Slot, attributes, slot},
};
use core::{marker::PhantomData, mem::size_of, ptr::NonNull, ptr::null_mut};
use netadaptercx_sys::{
    NET_PACKET_QUEUE_CONFIG, NET_RING_COLLECTION, NETPACKETQUEUE, NETRXQUEUE_INIT, NETTXQUEUE_INIT, evt,
};

/// Which way a queue's packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the wire.
    Tx,
    /// From the wire.
    Rx,
}

/// The rings of a queue: [`TxRings`] or [`RxRings`].
pub trait Rings: Sized + Send + 'static + sealed::Rings {
    /// Which way the packets go.
    const DIRECTION: Direction;
}

/// A packet queue of a NIC driver. `&mut self` is the framework's promise that the hooks of one queue never run
/// concurrently (contract.md 3.2). Each runs at PASSIVE_LEVEL or DISPATCH_LEVEL.
pub trait PacketQueue: Sized + Send + 'static {
    /// [`TxRings`] or [`RxRings`].
    type Rings: Rings;

    /// The WDF context type of the queue object; written by [`crate::packet_queue!`].
    fn context_type() -> &'static ContextType;

    /// EvtStart: all ring indices are 0. A queue that cannot start reports its device as failed and stays idle.
    fn start(&mut self, queue: QueueHandle, passive: Passive<'_>);
    /// EvtAdvance: complete what the hardware finished, hand it what is new.
    fn advance(&mut self, rings: &mut Self::Rings, irql: AtMostDispatch<'_>);
    /// EvtCancel. Rx: prove DMA off, return everything. Tx: complete sooner if possible.
    fn cancel(&mut self, rings: &mut Self::Rings, irql: AtMostDispatch<'_>);
    /// EvtStop: both rings are empty.
    fn stop(&mut self, passive: Passive<'_>);
    /// EvtSetNotificationEnabled: arm or disarm the interrupt of this queue.
    fn set_notification_enabled(&mut self, enabled: bool);
}

/// Gives a [`PacketQueue`] its WDF context type.
#[macro_export]
macro_rules! packet_queue {
    ($queue:ty) => {
        fn context_type() -> &'static $crate::wdf::object::ContextType {
            static TYPE: $crate::wdf::object::ContextType =
                $crate::wdf::object::ContextType::new::<$crate::queue::Queue<$queue>>(&TYPE);
            &TYPE
        }
    };
}

/// A queue object's context: the driver's queue with its rings.
pub struct Queue<Q: PacketQueue> {
    queue: Q,
    rings: Q::Rings,
}

// SAFETY: `packet_queue!` makes the context type from this very type.
unsafe impl<Q: PacketQueue> Context for Queue<Q> {
    fn context_type() -> &'static ContextType {
        Q::context_type()
    }
}

/// A queue's handle, for notifying it.
#[derive(Clone, Copy, Debug)]
pub struct QueueHandle {
    raw: NETPACKETQUEUE,
    direction: Direction,
}

impl QueueHandle {
    /// # Safety
    /// `raw` is a live queue of `direction` for as long as the handle is used.
    pub(crate) const unsafe fn from_raw(raw: NETPACKETQUEUE, direction: Direction) -> Self {
        Self { raw, direction }
    }

    pub(crate) const fn raw(self) -> NETPACKETQUEUE {
        self.raw
    }

    /// Which way the queue's packets go.
    #[must_use]
    pub const fn direction(self) -> Direction {
        self.direction
    }

    /// Wakes the queue's execution context. At any IRQL.
    ///
    /// # Safety
    /// The queue is not deleted: notifying a deleted one is a bugcheck (InvalidQueueHandle).
    #[inline]
    pub(crate) unsafe fn notify(self) {
        // SAFETY: a live handle (caller); the DDI may be called at any IRQL.
        unsafe {
            match self.direction {
                Direction::Tx => netadaptercx_sys::NetTxQueueNotifyMoreCompletedPacketsAvailable(self.raw),
                Direction::Rx => netadaptercx_sys::NetRxQueueNotifyMoreReceivedPacketsAvailable(self.raw),
            }
        }
    }
}

/// What the framework hands to the create callbacks: makes one queue, on the callback's thread.
pub struct QueueInit<'cb, R> {
    init: NonNull<core::ffi::c_void>,
    passive: Passive<'cb>,
    rings: PhantomData<R>,
}

impl<'cb, R: Rings> QueueInit<'cb, R> {
    /// # Safety
    /// `init` is the NETTXQUEUE_INIT or NETRXQUEUE_INIT (as `R` says) of the create callback that runs.
    pub(crate) const unsafe fn new(init: NonNull<core::ffi::c_void>, passive: Passive<'cb>) -> Self {
        Self { init, passive, rings: PhantomData }
    }

    /// The queue's number, from 0.
    #[must_use]
    pub fn id(&self) -> u32 {
        // SAFETY: the init structure of the running callback.
        unsafe { R::queue_id(self.init) }
    }

    /// Creates the queue object and, once its rings are known, the driver's queue with `make`. If that fails the
    /// framework deletes the object.
    ///
    /// # Errors
    /// The framework's status, STATUS_NOT_SUPPORTED without the logical-address extension, or `make`'s.
    pub fn create<Q: PacketQueue<Rings = R>>(self, make: impl FnOnce(&R, Passive<'cb>) -> Result<Q>) -> Result<()> {
        let mut config = NET_PACKET_QUEUE_CONFIG {
            Size: size_of::<NET_PACKET_QUEUE_CONFIG>() as u32,
            EvtStart: Some(evt_start::<Q>),
            EvtStop: Some(evt_stop::<Q>),
            EvtAdvance: Some(evt_advance::<Q>),
            EvtSetNotificationEnabled: Some(evt_set_notification_enabled::<Q>),
            EvtCancel: Some(evt_cancel::<Q>),
            ..NET_PACKET_QUEUE_CONFIG::default()
        };
        let mut attributes = attributes::<Queue<Q>>();
        // SAFETY: the init structure of the running callback; config and attributes live across the call.
        let handle = unsafe { R::create_queue(self.init, &raw mut attributes, &raw mut config)? };
        // SAFETY: the queue was just created and outlives what is stored in its context.
        let rings = unsafe { R::attach(handle)? };
        let queue = make(&rings, self.passive)?;
        // SAFETY: the object was created with this context type and has no value yet.
        unsafe { slot::<Queue<Q>>(handle.cast()).init(Queue { queue, rings }) };
        Ok(())
    }
}

mod sealed {
    use super::{NET_PACKET_QUEUE_CONFIG, NETPACKETQUEUE, NonNull, Result};
    use core::ffi::c_void;
    use wdk_sys::WDF_OBJECT_ATTRIBUTES;

    pub trait Rings: Sized {
        unsafe fn queue_id(init: NonNull<c_void>) -> u32;
        unsafe fn create_queue(
            init: NonNull<c_void>,
            attributes: *mut WDF_OBJECT_ATTRIBUTES,
            config: *mut NET_PACKET_QUEUE_CONFIG,
        ) -> Result<NETPACKETQUEUE>;
        unsafe fn attach(queue: NETPACKETQUEUE) -> Result<Self>;
    }
}

macro_rules! rings {
    ($rings:ident, $direction:ident, $init:ident, $create:ident, $id:ident, $collection:ident) => {
        impl Rings for $rings {
            const DIRECTION: Direction = Direction::$direction;
        }

        impl sealed::Rings for $rings {
            unsafe fn queue_id(init: NonNull<core::ffi::c_void>) -> u32 {
                // SAFETY: the running callback's init structure (caller).
                unsafe { netadaptercx_sys::$id(init.as_ptr().cast::<$init>()) }
            }

            unsafe fn create_queue(
                init: NonNull<core::ffi::c_void>,
                attributes: *mut wdk_sys::WDF_OBJECT_ATTRIBUTES,
                config: *mut NET_PACKET_QUEUE_CONFIG,
            ) -> Result<NETPACKETQUEUE> {
                let mut queue: NETPACKETQUEUE = null_mut();
                // SAFETY: the running callback's init structure and two live structures (caller).
                Status::check(unsafe {
                    netadaptercx_sys::$create(init.as_ptr().cast::<$init>(), attributes, config, &raw mut queue)
                })?;
                Ok(queue)
            }

            unsafe fn attach(queue: NETPACKETQUEUE) -> Result<Self> {
                // SAFETY: a live queue (caller); its rings and extensions live as long as it does.
                unsafe {
                    let collection: *const NET_RING_COLLECTION = netadaptercx_sys::$collection(queue);
                    let collection =
                        NonNull::new(collection.cast_mut()).ok_or(Status::new(wdk_sys::STATUS_UNSUCCESSFUL))?;
                    let fragments = Ring::new(collection);
                    let logical = Extension::query(queue, Direction::$direction, &fragments)?;
                    Ok($rings::new(Ring::new(collection), fragments, logical))
                }
            }
        }
    };
}
rings!(TxRings, Tx, NETTXQUEUE_INIT, NetTxQueueCreate, NetTxQueueInitGetQueueId, NetTxQueueGetRingCollection);
rings!(RxRings, Rx, NETRXQUEUE_INIT, NetRxQueueCreate, NetRxQueueInitGetQueueId, NetRxQueueGetRingCollection);

/// The context of a queue whose hook runs.
///
/// # Safety
/// The framework called a hook of `queue`, which was created with `Q`; no other hook of it runs.
#[inline]
unsafe fn running<'q, Q: PacketQueue>(queue: NETPACKETQUEUE) -> &'q mut Queue<Q> {
    // SAFETY: hooks are only called for a queue whose creation succeeded, so its context has a value; the framework
    // serialises the hooks, so this is the only reference (caller).
    unsafe { Slot::get_mut(slot::<Queue<Q>>(queue.cast())) }
}

evt! {
    unsafe fn evt_start<Q: PacketQueue>(queue: NETPACKETQUEUE) {
        // SAFETY: called by the framework as EvtStart, at PASSIVE_LEVEL (contract.md 3.2).
        unsafe {
            let handle = QueueHandle::from_raw(queue, <Q::Rings as Rings>::DIRECTION);
            running::<Q>(queue).queue.start(handle, Passive::assume());
        }
    }
}
evt! {
    unsafe fn evt_stop<Q: PacketQueue>(queue: NETPACKETQUEUE) {
        // SAFETY: called by the framework as EvtStop, at PASSIVE_LEVEL (contract.md 3.2).
        unsafe { running::<Q>(queue).queue.stop(Passive::assume()) }
    }
}
evt! {
    unsafe fn evt_advance<Q: PacketQueue>(queue: NETPACKETQUEUE) {
        // SAFETY: called by the framework as EvtAdvance, at PASSIVE_LEVEL or DISPATCH_LEVEL.
        let (running, irql) = unsafe { (running::<Q>(queue), AtMostDispatch::assume()) };
        running.queue.advance(&mut running.rings, irql);
    }
}
evt! {
    unsafe fn evt_cancel<Q: PacketQueue>(queue: NETPACKETQUEUE) {
        // SAFETY: called by the framework as EvtCancel, at PASSIVE_LEVEL or (under its verifier) DISPATCH_LEVEL.
        let (running, irql) = unsafe { (running::<Q>(queue), AtMostDispatch::assume()) };
        running.queue.cancel(&mut running.rings, irql);
    }
}
evt! {
    unsafe fn evt_set_notification_enabled<Q: PacketQueue>(queue: NETPACKETQUEUE, enabled: u8) {
        // SAFETY: called by the framework as EvtSetNotificationEnabled.
        unsafe { running::<Q>(queue).queue.set_notification_enabled(enabled != 0) }
    }
}
