//! Ownership of a queue's receive buffers, and the way back of those that the consumer returns.

extern crate alloc;

use alloc::{collections::TryReserveError, vec::Vec};
#[cfg(not(loom))]
use core::sync::atomic::{AtomicU32, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, Ordering};

/// The driver's or the device's.
const OWN: u32 = u32::MAX;
/// The consumer's.
const OUT: u32 = u32::MAX - 1;
/// On its way from the consumer to the list.
const RETURNING: u32 = u32::MAX - 2;
/// End of the list.
const END: u32 = u32::MAX - 3;

/// The buffers of a queue, by index. Anybody returns them, the receive path alone takes them out and collects the returned
/// ones; nobody waits.
///
/// A returned buffer's word is the index of the one returned before it: a list that is pushed to one at a time and taken as
/// a whole, so that no index can come back to its head behind somebody's back.
#[derive(Debug)]
pub struct Buffers {
    buffers: Vec<AtomicU32>,
    returned: AtomicU32,
}

/// The buffer is not the consumer's to return: it never was, or it was returned before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOut;

impl Buffers {
    /// `count` buffers, all of them the driver's. PASSIVE_LEVEL.
    ///
    /// # Errors
    /// No memory.
    pub fn new(count: u16) -> Result<Self, TryReserveError> {
        let mut buffers = Vec::new();
        buffers.try_reserve_exact(count.into())?;
        buffers.extend((0..count).map(|_| AtomicU32::new(OWN)));
        Ok(Self { buffers, returned: AtomicU32::new(END) })
    }

    /// Number of buffers.
    #[must_use]
    pub fn count(&self) -> u16 {
        self.buffers.len() as u16
    }

    /// The receive path gives a buffer to the consumer. Comes before the consumer gets it.
    ///
    /// # Panics
    /// If there is no such buffer.
    #[inline]
    pub fn take_out(&self, index: u16) {
        self.buffers[usize::from(index)].store(OUT, Ordering::Relaxed);
    }

    /// The receive path keeps a buffer that it took out, because the consumer does not get it after all.
    ///
    /// # Panics
    /// If there is no such buffer.
    #[inline]
    pub fn keep(&self, index: u16) {
        self.buffers[usize::from(index)].store(OWN, Ordering::Relaxed);
    }

    /// The consumer returns a buffer.
    ///
    /// # Errors
    /// [`NotOut`]; nothing has changed.
    #[inline]
    pub fn give_back(&self, index: u32) -> Result<(), NotOut> {
        let buffer = usize::try_from(index).ok().and_then(|n| self.buffers.get(n)).ok_or(NotOut)?;
        buffer.compare_exchange(OUT, RETURNING, Ordering::Relaxed, Ordering::Relaxed).map_err(|_| NotOut)?;
        let push = |head| {
            buffer.store(head, Ordering::Relaxed);
            Some(index)
        };
        // Release: the consumer's last use of the buffer comes before the receive path's next.
        let _ = self.returned.fetch_update(Ordering::Release, Ordering::Relaxed, push);
        Ok(())
    }

    /// The receive path takes the returned buffers, newest first; they are the driver's again.
    pub fn collect(&self) -> impl Iterator<Item = u16> {
        let mut next = self.returned.swap(END, Ordering::Acquire);
        core::iter::from_fn(move || {
            let index = u16::try_from(next).ok()?;
            next = self.buffers[usize::from(index)].swap(OWN, Ordering::Relaxed);
            Some(index)
        })
    }

    /// Buffers that are the driver's or the device's, by index. Only while no receive path is inside.
    pub fn own(&self) -> impl Iterator<Item = u16> {
        (0..self.count()).filter(|n| self.buffers[usize::from(*n)].load(Ordering::Relaxed) == OWN)
    }
}
