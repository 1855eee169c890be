//! The driver's own counters, which outlive its queues.

use crate::{
    hardware::QUEUES,
    pump::{Received, Sent},
};
use core::{
    array,
    sync::atomic::{AtomicU64, Ordering},
};
use igb::interrupt::Cause;
use igbcx_ioctl::{RxCounters, TxCounters};

/// A counter with one writer at a time: a queue's hooks, or its interrupt. Adding takes no locked instruction.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `n`.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// The value now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is counted of every queue.
#[derive(Debug, Default)]
pub struct QueueCounts {
    /// Packets that went through.
    pub packets: Count,
    /// Their bytes.
    pub bytes: Count,
    /// Writes of the tail register.
    pub doorbells: Count,
    /// Calls of EvtAdvance.
    pub advances: Count,
    /// Calls of EvtSetNotificationEnabled that enabled it.
    pub arms: Count,
    /// Interrupts that woke the queue.
    pub wakes: Count,
    /// Tx: completed without being sent. Rx: errors and impossible lengths.
    pub dropped: Count,
    /// Rx: frames that never end.
    pub too_long: Count,
}

impl QueueCounts {
    /// One Advance of a transmit queue.
    #[inline]
    pub fn sent(&self, sent: &Sent) {
        self.advances.add(1);
        self.packets.add(sent.packets);
        self.bytes.add(sent.bytes);
        self.dropped.add(sent.dropped);
        self.doorbells.add(sent.rang.into());
    }

    /// One Advance of a receive queue.
    #[inline]
    pub fn received(&self, received: &Received) {
        self.advances.add(1);
        self.packets.add(received.packets);
        self.bytes.add(received.bytes);
        self.doorbells.add(received.rang.into());
    }
}

/// Counters of all queues.
#[derive(Debug)]
pub(crate) struct Counters {
    tx: [QueueCounts; QUEUES],
    rx: [QueueCounts; QUEUES],
}

impl Counters {
    /// All zero.
    pub fn new() -> Self {
        Self { tx: array::from_fn(|_| QueueCounts::default()), rx: array::from_fn(|_| QueueCounts::default()) }
    }

    /// The counters of the queue that `cause` belongs to.
    pub fn of(&self, cause: Cause) -> Option<&QueueCounts> {
        match cause {
            Cause::Tx(queue) => self.tx.get(usize::from(queue)),
            Cause::Rx(queue) => self.rx.get(usize::from(queue)),
            Cause::Link => None,
        }
    }

    /// As the control protocol has them.
    pub fn tx(&self) -> impl Iterator<Item = TxCounters> + '_ {
        self.tx.iter().map(|counts| TxCounters {
            packets: counts.packets.get(),
            bytes: counts.bytes.get(),
            doorbells: counts.doorbells.get(),
            advances: counts.advances.get(),
            arms: counts.arms.get(),
            wakes: counts.wakes.get(),
            dropped: counts.dropped.get(),
            reserved: 0,
        })
    }

    /// As the control protocol has them.
    pub fn rx(&self) -> impl Iterator<Item = RxCounters> + '_ {
        self.rx.iter().map(|counts| RxCounters {
            packets: counts.packets.get(),
            bytes: counts.bytes.get(),
            doorbells: counts.doorbells.get(),
            advances: counts.advances.get(),
            arms: counts.arms.get(),
            wakes: counts.wakes.get(),
            errors: counts.dropped.get(),
            too_long: counts.too_long.get(),
        })
    }
}
