//! The edge to the stack above: packets waiting to be sent, packets received.

use crate::ec::{ExecutionContext, Notification};
use crate::stats::AdapterStats;
use lab_kernel::cpu::Event;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

/// Packets that may wait above the Tx ring.
pub const TX_BACKLOG: usize = 4096;

/// One packet for the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TxPacket {
    /// The frame, without CRC, in the pieces it lies in.
    pub fragments: Vec<Vec<u8>>,
    /// Comes back from `Adapter::tx_completed`.
    pub id: u64,
}

/// One packet from the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RxPacket {
    /// The frame, without CRC.
    pub data: Vec<u8>,
    /// How many fragments the client returned it in.
    pub fragments: u16,
}

/// Wakes a context up when the stack has work for it, but only while the context sleeps.
#[derive(Default)]
pub struct StackNotification {
    enabled: AtomicBool,
}

impl StackNotification {
    /// The stack has work.
    pub fn fire(&self, ec: &Arc<ExecutionContext>) {
        if self.enabled.swap(false, Ordering::Relaxed) {
            ec.notify();
        }
    }
}

impl Notification for StackNotification {
    fn set_enabled(&self, enabled: bool) {
        self.enabled.store(enabled, Ordering::Relaxed);
    }
}

/// Who lent the packet structure of a received packet and wants it back.
pub trait Lender: Send + Sync {
    /// The stack is done with one packet.
    fn give_back(&self);
}

struct Received {
    packet: RxPacket,
    lender: Weak<dyn Lender>,
}

/// Both directions of one adapter's edge.
pub struct Stack {
    backlog: Mutex<VecDeque<TxPacket>>,
    completed: Mutex<Vec<u64>>,
    received: Mutex<VecDeque<Received>>,
    counters: Mutex<AdapterStats>,
    pub tx_event: Event,
    pub rx_event: Event,
}

impl Stack {
    pub fn new() -> Stack {
        Stack {
            backlog: Mutex::default(),
            completed: Mutex::default(),
            received: Mutex::default(),
            counters: Mutex::default(),
            tx_event: Event::new(false, false),
            rx_event: Event::new(false, false),
        }
    }

    /// Queues a packet; false: the backlog is full.
    pub fn push_tx(&self, packet: TxPacket) -> bool {
        let mut backlog = self.backlog.lock().unwrap();
        let room = backlog.len() < TX_BACKLOG;
        if room {
            backlog.push_back(packet);
        }
        room
    }

    /// The oldest packet that waits.
    pub fn pop_tx(&self) -> Option<TxPacket> {
        self.backlog.lock().unwrap().pop_front()
    }

    /// Puts a packet back that could not be posted now.
    pub fn unpop_tx(&self, packet: TxPacket) {
        self.backlog.lock().unwrap().push_front(packet);
    }

    /// True if no packet waits.
    pub fn backlog_is_empty(&self) -> bool {
        self.backlog.lock().unwrap().is_empty()
    }

    /// Completes everything that waits as paused.
    pub fn pause_backlog(&self) {
        let ids: Vec<u64> = self.backlog.lock().unwrap().drain(..).map(|p| p.id).collect();
        self.count(|c| c.tx_paused += ids.len() as u64);
        self.complete_tx(&ids);
    }

    /// These packets are done.
    pub fn complete_tx(&self, ids: &[u64]) {
        if !ids.is_empty() {
            self.completed.lock().unwrap().extend_from_slice(ids);
            self.tx_event.set();
        }
    }

    /// What was completed since the last call.
    pub fn take_completed(&self) -> Vec<u64> {
        std::mem::take(&mut *self.completed.lock().unwrap())
    }

    /// Indicates packets of one Rx queue.
    pub fn indicate(&self, packets: Vec<RxPacket>, lender: &Weak<dyn Lender>) {
        if !packets.is_empty() {
            let mut received = self.received.lock().unwrap();
            received.extend(packets.into_iter().map(|packet| Received { packet, lender: lender.clone() }));
            drop(received);
            self.rx_event.set();
        }
    }

    /// The oldest received packet.
    pub fn pop_rx(&self) -> Option<RxPacket> {
        let received = self.received.lock().unwrap().pop_front()?;
        if let Some(lender) = received.lender.upgrade() {
            lender.give_back();
        }
        Some(received.packet)
    }

    /// Changes the counters.
    pub fn count(&self, change: impl FnOnce(&mut AdapterStats)) {
        change(&mut self.counters.lock().unwrap());
    }

    /// The counters that belong to no queue.
    pub fn counters(&self) -> AdapterStats {
        self.counters.lock().unwrap().clone()
    }
}
