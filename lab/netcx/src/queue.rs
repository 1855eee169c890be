//! Packet queues as the framework keeps them: rings, callbacks, verifier, execution context.
//!
//! Source: NetAdapterCx 21H2 `netcx/adapter/nxqueue.cpp`, `netcx/adapter/queue/queue.cpp`.

use crate::client::{self, Handle};
use crate::ec::{ExecutionContext, Notification};
use crate::extension::{Extension, Layout};
use crate::ring::Ring;
use crate::stats::QueueStats;
use crate::verifier::{Checked, Verifier};
use lab_kernel::cpu;
use netadaptercx_sys::*;
use std::collections::BTreeMap;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Transmit or receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the stack to the wire.
    Tx,
    /// From the wire to the stack.
    Rx,
}

/// The callbacks of NET_PACKET_QUEUE_CONFIG.
#[derive(Clone, Copy, Default)]
pub struct Callbacks {
    pub start: PFN_PACKET_QUEUE_START,
    pub stop: PFN_PACKET_QUEUE_STOP,
    pub advance: PFN_PACKET_QUEUE_ADVANCE,
    pub set_notification_enabled: PFN_PACKET_QUEUE_SET_NOTIFICATION_ENABLED,
    pub cancel: PFN_PACKET_QUEUE_CANCEL,
}

/// What a queue is made of.
pub struct Blueprint {
    pub direction: Direction,
    pub id: u32,
    pub packets: u32,
    pub fragments: u32,
    pub extensions: Vec<Extension>,
    pub callbacks: Callbacks,
    /// How the rings are verified; `None`: Driver Verifier is off.
    pub checked: Option<Checked>,
    pub stats: Arc<Mutex<QueueStats>>,
}

/// The collection a client is given; its address never changes.
struct Collection(Box<NET_RING_COLLECTION>);
// SAFETY: the pointers in it are those of the queue's rings, which live as long as the queue that owns this value.
unsafe impl Send for Collection {}
// SAFETY: never written after creation.
unsafe impl Sync for Collection {}

/// One packet queue.
pub struct Queue {
    pub direction: Direction,
    pub id: u32,
    pub packets: Ring,
    pub fragments: Ring,
    collection: Collection,
    handle: AtomicUsize,
    callbacks: Callbacks,
    ec: Arc<ExecutionContext>,
    /// The framework made the context for this queue.
    owns_ec: bool,
    verifier: Option<Mutex<Verifier>>,
    stats: Arc<Mutex<QueueStats>>,
}

static QUEUES: Mutex<BTreeMap<Handle, Arc<Queue>>> = Mutex::new(BTreeMap::new());

/// The live queue with this handle.
pub fn queue_of(handle: NETPACKETQUEUE) -> Option<Arc<Queue>> {
    QUEUES.lock().unwrap().get(&(handle as Handle)).cloned()
}

/// Called by the framework when the object behind a handle is disposed of.
pub fn forget(handle: wdk_sys::WDFOBJECT) {
    let queue = QUEUES.lock().unwrap().remove(&(handle as Handle));
    if let Some(queue) = queue
        && queue.owns_ec
    {
        queue.ec.destroy();
    }
}

impl Queue {
    /// Makes the rings and, unless the client brought one, the execution context.
    pub fn new(blueprint: Blueprint, client_ec: Option<Arc<ExecutionContext>>) -> Arc<Queue> {
        let b = blueprint;
        let packets = Ring::new(b.packets, Layout::of_packets(&b.extensions));
        let fragments = Ring::new(b.fragments, Layout::of_fragments(&b.extensions));
        let collection = NET_RING_COLLECTION { Rings: [packets.header(), fragments.header(), null_mut()] };
        let owns_ec = client_ec.is_none();
        let ec = client_ec.unwrap_or_else(|| ExecutionContext::new(format!("{:?} queue {}", b.direction, b.id)));
        Arc::new(Queue {
            direction: b.direction,
            id: b.id,
            packets,
            fragments,
            collection: Collection(Box::new(collection)),
            handle: AtomicUsize::new(0),
            callbacks: b.callbacks,
            ec,
            owns_ec,
            verifier: b.checked.map(|checked| Mutex::new(Verifier::new(checked))),
            stats: b.stats,
        })
    }

    /// Makes the queue known under its object's handle.
    pub fn publish(self: &Arc<Self>, handle: Handle) {
        self.handle.store(handle, Ordering::Relaxed);
        QUEUES.lock().unwrap().insert(handle, self.clone());
    }

    /// Undoes [`Queue::new`] when no object could be made for it.
    pub fn abandon(&self) {
        if self.owns_ec {
            self.ec.destroy();
        }
    }

    /// The client's handle.
    pub fn handle(&self) -> Handle {
        self.handle.load(Ordering::Relaxed)
    }

    /// Where its callbacks run.
    pub fn ec(&self) -> &Arc<ExecutionContext> {
        &self.ec
    }

    /// What NetTxQueueGetRingCollection returns.
    pub fn collection(&self) -> *const NET_RING_COLLECTION {
        &*self.collection.0
    }

    /// What NetTxQueueGetExtension fills in. A client reads `Reserved` through inline functions of the WDK: the data's
    /// address in element 0, and the stride.
    pub fn extension(&self, kind: NET_EXTENSION_TYPE, name: &str) -> NET_EXTENSION {
        let ring = match kind {
            _NET_EXTENSION_TYPE::NetExtensionTypePacket => &self.packets,
            _NET_EXTENSION_TYPE::NetExtensionTypeFragment => &self.fragments,
            _ => return NET_EXTENSION::default(),
        };
        let Some(offset) = ring.layout().offset(name) else { return NET_EXTENSION::default() };
        let mut extension = NET_EXTENSION { Enabled: 1, ..NET_EXTENSION::default() };
        extension.Reserved[0] = ring.element(0, offset).cast();
        extension.Reserved[1] = ring.layout().stride() as *mut _;
        extension
    }

    /// Indices to 0, EvtStart as a task at PASSIVE_LEVEL, then the client's notification.
    pub fn start(self: &Arc<Self>) {
        self.packets.reset();
        self.fragments.reset();
        if let Some(verifier) = &self.verifier {
            verifier.lock().unwrap().restart();
        }
        let queue = self.clone();
        self.ec.run_task(move || client::queue_event("EvtStart", queue.callbacks.start, queue.handle()));
    }

    /// EvtStop as a task at PASSIVE_LEVEL.
    pub fn stop(self: &Arc<Self>) {
        let queue = self.clone();
        self.ec.run_task(move || client::queue_event("EvtStop", queue.callbacks.stop, queue.handle()));
    }

    /// True if the client is told when to notify.
    pub fn has_notification(&self) -> bool {
        self.callbacks.set_notification_enabled.is_some()
    }

    /// EvtAdvance. Returns how many packets the client returned.
    pub fn advance(&self) -> u32 {
        let begin = self.packets.begin();
        let called = Instant::now();
        let at_dispatch = self.call("EvtAdvance", self.callbacks.advance, false);
        let returned = self.packets.distance(begin, self.packets.begin());
        let mut stats = self.stats.lock().unwrap();
        stats.advance_time += called.elapsed();
        stats.advance_calls += 1;
        stats.advances_at_dispatch += u64::from(at_dispatch);
        stats.empty_advances += u64::from(returned == 0);
        stats.max_packets_per_advance = stats.max_packets_per_advance.max(u64::from(returned));
        returned
    }

    /// EvtCancel, at DISPATCH_LEVEL under the verifier.
    pub fn cancel(&self) {
        if self.callbacks.cancel.is_some() {
            self.call("EvtCancel", self.callbacks.cancel, true);
        }
    }

    /// One verified call; true if it ran at DISPATCH_LEVEL.
    fn call(&self, name: &'static str, f: PFN_PACKET_QUEUE_ADVANCE, always_raise: bool) -> bool {
        let raise = match &self.verifier {
            Some(verifier) => verifier.lock().unwrap().before(&self.packets, &self.fragments) || always_raise,
            None => false,
        };
        let old = raise.then(|| cpu::raise_irql(cpu::DISPATCH_LEVEL));
        let at_dispatch = cpu::irql() == cpu::DISPATCH_LEVEL;
        client::queue_event(name, f, self.handle());
        if let Some(old) = old {
            cpu::lower_irql(old);
        }
        if let Some(verifier) = &self.verifier {
            verifier.lock().unwrap().after(&self.packets, &self.fragments);
        }
        at_dispatch
    }

    /// NetTx/RxQueueNotifyMore...: there may be new work.
    pub fn notify(&self) {
        self.stats.lock().unwrap().notifications += 1;
        self.ec.notify();
    }

    /// The counters of this queue id.
    pub fn stats(&self) -> &Mutex<QueueStats> {
        &self.stats
    }
}

/// The client's own notification: it learns when to notify, never that it need not any more.
pub struct ClientNotification(pub Arc<Queue>);

impl Notification for ClientNotification {
    fn set_enabled(&self, enabled: bool) {
        let queue = &self.0;
        // As the 2.2 framework does for compatibility: never FALSE, and Tx only while packets are outstanding.
        let wanted = enabled && (queue.direction == Direction::Rx || queue.packets.owned() != 0);
        if wanted {
            queue.stats.lock().unwrap().arms += 1;
            client::set_notification(queue.callbacks.set_notification_enabled, queue.handle(), true);
        }
    }
}
