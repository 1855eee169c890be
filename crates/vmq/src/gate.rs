//! The lock-free part of a queue: who is inside it, and how many packets are out.
//!
//! The receive path takes no lock (contract.md 3.4.6), so the free path has to close the queue first and look second. Here
//! flag and counts are one word, and each step is one read-modify-write of it. Whoever closes sees in the same step whether
//! the receive path is inside, and whoever leaves sees in the same step whether somebody waits for that: neither can miss
//! the other, and no two of them can both believe to be the last.

#[cfg(not(loom))]
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Packets with the consumer: bits 0..=31.
const PACKET: u64 = 1;
const PACKETS: u64 = 0xFFFF_FFFF;
/// Callers who return packets right now: bits 32..=47.
const RETURNER: u64 = 1 << 32;
const RETURNERS: u64 = 0xFFFF << 32;
/// The receive path may enter and indicate.
const OPEN: u64 = 1 << 48;
/// The receive path is inside.
const RECEIVING: u64 = 1 << 49;
/// The engine waits until the queue is empty of whatever it saw in it.
const AWAITED: u64 = 1 << 50;
/// The queue's memory may be reached through the gate: it was opened and is not drained.
const LIVE: u64 = 1 << 51;

/// Nothing pending that could be cancelled.
const NO_REQUEST: usize = 0;
/// The pending request is to be aborted.
const CANCELLED: usize = usize::MAX;

/// A queue's gate. One for each queue, as long as the adapter lives; any of its functions may run on any processor at up to
/// DISPATCH_LEVEL, but the ones of the engine, which its lock serialises.
#[derive(Debug)]
pub struct Gate {
    word: AtomicU64,
    /// RequestId of the queue's pending FREE_QUEUE.
    request: AtomicUsize,
}

/// Whether the engine's work item is wanted: then [`crate::door::work`] must run at PASSIVE_LEVEL, soon and after this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a pending FREE_QUEUE or CLEAR_FILTER would never end"]
pub enum Wake {
    /// Queue the work item.
    Engine,
    /// Nothing to do.
    Nobody,
}

impl Wake {
    fn engine_if(wanted: bool) -> Self {
        if wanted { Self::Engine } else { Self::Nobody }
    }

    /// Either of two wishes.
    pub fn or(self, other: Self) -> Self {
        Self::engine_if(self == Self::Engine || other == Self::Engine)
    }
}

/// More packets came back than were out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

/// The receive path, inside a queue.
#[derive(Debug)]
pub struct Receiving<'g>(&'g Gate);

impl Receiving<'_> {
    /// Counts packets out that the consumer is about to get. Comes before the consumer does, who may return them at once.
    /// False if the queue has been closed: the consumer must not get them, and their buffers stay the driver's.
    #[must_use]
    pub fn indicate(&self, packets: u32) -> bool {
        self.0.update(|word| (word & OPEN != 0).then(|| word + u64::from(packets) * PACKET)).is_ok()
    }
}

impl Gate {
    /// A closed gate.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self { word: AtomicU64::new(0), request: AtomicUsize::new(NO_REQUEST) }
    }

    /// A closed gate.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self { word: AtomicU64::new(0), request: AtomicUsize::new(NO_REQUEST) }
    }

    /// Runs a pass of the receive path, which is then the only one that uses the ring. None if the queue is closed or
    /// another pass is inside.
    #[inline]
    pub fn receive(&self, pass: impl FnOnce(&Receiving<'_>)) -> Option<Wake> {
        pass(&self.enter()?);
        Some(self.leave())
    }

    pub(crate) fn enter(&self) -> Option<Receiving<'_>> {
        let enter = |word| (word & (OPEN | RECEIVING) == OPEN).then_some(word | RECEIVING);
        self.update(enter).ok().map(|_| Receiving(self))
    }

    pub(crate) fn leave(&self) -> Wake {
        let before = self.word.fetch_and(!RECEIVING, Ordering::AcqRel);
        Wake::engine_if(before & AWAITED != 0)
    }

    /// Lets the consumer return packets: `take_back` accepts each and gives the number it accepted. None if the queue has no
    /// memory any more, so that whatever the consumer says it returns cannot be one of the queue's packets.
    ///
    /// # Errors
    /// [`TooMany`] were accepted: a bug of `take_back`. The count stays as it was.
    #[inline]
    pub fn give_back(&self, take_back: impl FnOnce() -> u32) -> Option<Result<Wake, TooMany>> {
        let enter = |word| (word & LIVE != 0 && word & RETURNERS != RETURNERS).then_some(word + RETURNER);
        self.update(enter).ok()?;
        let packets = u64::from(take_back());
        let mut excess = false;
        let leave = |word: u64| {
            excess = word & PACKETS < packets;
            Some(word - RETURNER - if excess { 0 } else { packets * PACKET })
        };
        let wake = match self.update(leave) {
            Ok(before) => {
                let last = before & RETURNERS == RETURNER && before & PACKETS == packets;
                Wake::engine_if(last && before & AWAITED != 0)
            }
            Err(_) => Wake::Nobody,
        };
        Some(if excess { Err(TooMany) } else { Ok(wake) })
    }

    /// Packets with the consumer.
    pub fn outstanding(&self) -> u32 {
        (self.word.load(Ordering::Acquire) & PACKETS) as u32
    }

    /// CancelOid: marks the queue's pending FREE_QUEUE as to be aborted, if this is its RequestId.
    pub fn cancel(&self, request_id: usize) -> Wake {
        let named = !matches!(request_id, NO_REQUEST | CANCELLED);
        let swap = || self.request.compare_exchange(request_id, CANCELLED, Ordering::AcqRel, Ordering::Relaxed);
        Wake::engine_if(named && swap().is_ok())
    }

    /// The engine: the receive path may enter.
    pub(crate) fn open(&self) {
        let _ = self.update(|word| Some((word | OPEN | LIVE) & !AWAITED));
    }

    /// The engine: the receive path may not enter any more, and not indicate if it is inside.
    pub(crate) fn close(&self) {
        self.word.fetch_and(!OPEN, Ordering::AcqRel);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.word.load(Ordering::Acquire) & OPEN != 0
    }

    /// The engine, after [`Self::close`]: whether the receive path is out. If not, its leaving wakes the engine.
    pub(crate) fn is_idle(&self) -> bool {
        self.update(|word| (word & RECEIVING != 0).then_some(word | AWAITED)).is_err()
    }

    /// The engine, after [`Self::close`]: whether nobody is inside and no packet is out; from then on nobody can reach the
    /// queue's memory. If not, who is last wakes the engine.
    pub(crate) fn is_drained(&self) -> bool {
        let mut drained = false;
        let _ = self.update(|word| {
            drained = word & (PACKETS | RETURNERS | RECEIVING) == 0;
            Some(if drained { 0 } else { word | AWAITED })
        });
        drained
    }

    /// The engine: a request of the queue pends; it can be cancelled by this id from now on.
    pub(crate) fn pend(&self, request_id: usize) {
        let id = if request_id == CANCELLED { NO_REQUEST } else { request_id };
        self.request.store(id, Ordering::Release);
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.request.load(Ordering::Acquire) == CANCELLED
    }

    /// The engine: no request of the queue pends any more.
    pub(crate) fn unpend(&self) {
        self.request.store(NO_REQUEST, Ordering::Release);
    }

    /// One read-modify-write: acquire what others did before, release what was done here. The word as it was.
    #[inline]
    fn update(&self, change: impl FnMut(u64) -> Option<u64>) -> Result<u64, u64> {
        self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, change)
    }
}

#[cfg(all(test, not(loom)))]
impl Gate {
    pub(crate) fn words(&self) -> (u64, usize) {
        (self.word.load(Ordering::Relaxed), self.request.load(Ordering::Relaxed))
    }

    pub(crate) fn copy(&self) -> Self {
        let (word, request) = self.words();
        Self { word: AtomicU64::new(word), request: AtomicUsize::new(request) }
    }
}

#[cfg(all(test, not(loom)))]
impl<'g> Receiving<'g> {
    pub(crate) fn of(gate: &'g Gate) -> Self {
        Self(gate)
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
