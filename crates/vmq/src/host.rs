//! What the engine asks of the hardware and of the memory behind it.

use crate::{FilterTable, Gate};
use ndis_sys::{NDIS_RECEIVE_QUEUE_ID, NDIS_STATUS};

/// Queues beside the default one.
pub const MAX_QUEUES: usize = 7;

/// A queue's number, 1..=[`MAX_QUEUES`]. The default queue, 0, is not the engine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueueId(u8);

impl QueueId {
    /// The id with this number; none for the default queue and beyond the last.
    #[must_use]
    pub fn new(number: NDIS_RECEIVE_QUEUE_ID) -> Option<Self> {
        u8::try_from(number).ok().filter(|n| (1..=MAX_QUEUES as u8).contains(n)).map(Self)
    }

    /// Every id.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> + Clone {
        (1..=MAX_QUEUES as u8).map(Self)
    }

    /// `QueueId` of the NDIS structures.
    #[must_use]
    pub const fn number(self) -> NDIS_RECEIVE_QUEUE_ID {
        self.0 as NDIS_RECEIVE_QUEUE_ID
    }

    /// Place in an array of [`MAX_QUEUES`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize - 1
    }
}

/// What the adapter can do. It does not change while a queue is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Queues the hardware has beside the default one, up to [`MAX_QUEUES`].
    pub queues: u8,
    /// Filters the hardware has room for, whatever their addresses and VLANs, up to [`crate::MAX_FILTERS`].
    pub filters: u8,
    /// Queues may be allocated. If not, only the hardware capabilities tell what there would be.
    pub enabled: bool,
}

/// A queue's DMA is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The queue stopped as it was told.
    Queue,
    /// The whole device had to be reset for it: no queue has DMA any more, and none will until [`crate::Engine::resume`].
    Device,
}

/// A queue's DMA may still be on, whatever was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck;

/// The hardware did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

/// The hardware and the memory of the queues.
///
/// The engine calls these at PASSIVE_LEVEL, one at a time, with the door's lock held. None may call back the engine or the
/// consumer; what the consumer must be told comes out of the engine as [`crate::Effect`]s. Each wait inside is bounded.
///
/// Before [`Self::start`], [`Self::stop`], [`Self::free`] and [`Self::leak`] the engine has closed the queue's [`Gate`] and
/// the receive path is out of it; before [`Self::free`] also every packet is back, the DMA is off and nobody returns packets any more.
pub trait Host {
    /// What the adapter can do.
    fn limits(&self) -> Limits;

    /// The queue's gate. The same one during the host's whole life.
    fn gate(&self, queue: QueueId) -> &Gate;

    /// MSI-X table entry of the queue's interrupt.
    fn vector(&self, queue: QueueId) -> u32;

    /// Allocates the queue's shared memory: a ring and receive buffers. `suggested` is NumSuggestedReceiveBuffers of the
    /// consumer, any value; the number used is the host's choice, 0 means that the consumer has no wish.
    ///
    /// # Errors
    /// Becomes CompletionStatus of the queue, NDIS_STATUS_RESOURCES as a rule. Nothing stays allocated.
    fn allocate(&mut self, queue: QueueId, suggested: u32) -> Result<(), NDIS_STATUS>;

    /// Frees the queue's shared memory.
    fn free(&mut self, queue: QueueId);

    /// Gives up the queue's shared memory for ever: the device may still write it, or the consumer has packets in it. Packets
    /// that come back later must still find their gate. The queue is not used again.
    fn leak(&mut self, queue: QueueId);

    /// Whether the hardware can do exactly what these filters say. Does not touch the hardware, and works in D3 too.
    ///
    /// # Errors
    /// Becomes the status of SET_FILTER.
    fn accepts(&self, filters: &FilterTable) -> Result<(), NDIS_STATUS>;

    /// Makes the hardware do what these filters say, which [`Self::accepts`] accepted. Other filters than those that
    /// changed go on matching meanwhile. In D0 only.
    ///
    /// # Errors
    /// The device is gone or does not answer.
    fn steer(&mut self, filters: &FilterTable) -> Result<(), Failed>;

    /// Turns the queue's reception on, with every buffer in the ring that the consumer does not have. In D0 only.
    ///
    /// # Errors
    /// [`Self::stop`] follows, as the DMA may be on.
    fn start(&mut self, queue: QueueId) -> Result<(), Failed>;

    /// Turns the queue's reception off, proves that its DMA has ended and discards what was not indicated. A device that is
    /// gone has no DMA. Called in D0 only, and again for a queue that was [`Stuck`].
    ///
    /// # Errors
    /// [`Stuck`].
    fn stop(&mut self, queue: QueueId) -> Result<Stopped, Stuck>;
}
