//! VM receive queues: queues of the hardware for frames that filters name, given to another driver or to a tool.
//!
//! The requests are NDIS' own (OID_RECEIVE_FILTER_*), but NDIS knows nothing of them here: NetAdapterCx shows its clients no
//! OIDs, so they come through a query interface ([`door`]) or as requests of a tool. The life of queues and filters is the
//! [`vmq`] crate's, the hardware is [`igb::vmdq`]'s; what stands here is the memory, the receive path, and power and
//! removal.
//!
//! The default queue is the adapter's own and goes its own way: nothing here is on it, and no lock is shared with it but the
//! one around the filters of the MAC.

use crate::{
    device::Igb,
    error::log,
    heap::Heap,
    vmq::{
        consumer::{Consumer, Pending},
        host::Ports,
    },
};
use alloc::vec::Vec;
use core::{
    ptr::NonNull,
    sync::atomic::{AtomicU32, AtomicUsize, Ordering},
};
use igb::{device::Reset, interrupt::Cause};
use igbcx_interface::IGBCX_VMQ_PACKET;
use ndis_sys::{NDIS_OID_REQUEST, NDIS_STATUS, NDIS_STATUS_NOT_ACCEPTED, NDIS_STATUS_SUCCESS};
use netadaptercx::{
    Result, Status,
    irql::{AtMostDispatch, Passive},
    wdf::{
        device::Device,
        dpc::{Deferred, Dpc},
        lock::{SpinGuard, SpinLock, WaitLock},
        object::Ancestor,
        time,
        work_item::{Work, WorkItem},
    },
    wdf_context,
};
use vmq::{Engine, Pause, QueueId, Wake, door::End};

pub mod consumer;
pub mod door;
mod host;
pub mod memory;
mod pace;
mod packets;
mod queue;
mod ring;
mod tool;

pub use queue::VmQueue;

/// How long the receive path may take to leave a queue, and packets to come back when the device goes: ms.
const LEAVE_MS: u32 = 1000;
const COME_BACK_MS: u32 = 2000;

/// What the door's lock guards.
struct Control {
    engine: Heap<Engine<Pending>>,
    /// Who has the door open.
    owner: Option<Consumer>,
}

/// Resets of the device, each of which ended all DMA.
pub struct Resets {
    pub count: u64,
    pub last: Option<Reset>,
}

/// The VM queues of a device.
pub struct Vmq {
    control: WaitLock<Control>,
    queues: Vec<VmQueue>,
    work: WorkItem,
    /// Threads that may be on their way to the consumer with the end of a request.
    settling: AtomicUsize,
    /// Queues started, or that may have been opened again, since they were last kicked: a bit each.
    started: AtomicU32,
    resets: SpinLock<Resets>,
}

/// The context of a queue's DPC.
struct Receive {
    igb: Ancestor<Igb>,
    queue: QueueId,
}
wdf_context!(Receive);

impl Deferred for Receive {
    fn run(&self, irql: AtMostDispatch<'_>) {
        // Runs inside the gate only, and so while there is hardware.
        let unmask = || {
            if let Some(hardware) = self.igb.hardware() {
                hardware.interrupts.unmask(Cause::Rx(self.queue.number() as u8));
            }
        };
        let wake = self.igb.vmq.queue(self.queue).run(unmask, irql);
        self.igb.vmq.wake(wake, irql);
    }
}

/// The context of the work item, which takes the engine's next steps.
struct Steps {
    igb: Ancestor<Igb>,
}
wdf_context!(Steps);

impl Work for Steps {
    fn run(&self, passive: Passive<'_>) {
        self.igb.get().vmq.settle(self.igb.get(), passive);
    }
}

/// The door while a thread stands in it.
struct Doorway<'p> {
    igb: &'static Igb,
    passive: Passive<'p>,
}

impl<'p> vmq::door::Door for Doorway<'p> {
    type Host = Ports<'p>;
    type Request = Pending;

    fn locked<T>(&self, body: impl FnOnce(&mut Engine<Pending>, &mut Ports<'p>) -> T) -> T {
        let vmq = &self.igb.vmq;
        let result = {
            let mut control = vmq.control.lock(self.passive);
            let mut ports = Ports { igb: self.igb, consumer: control.owner, passive: self.passive };
            body(&mut control.engine, &mut ports)
        };
        vmq.kick_started();
        result
    }

    fn dma_stopped(&self, queue: QueueId) {
        if let Some(Consumer::Kernel(consumer)) = self.igb.vmq.owner(self.passive) {
            vmq::dma_stopped(queue, |indication| consumer.status(indication, self.passive.into()));
        }
    }

    fn complete(&self, request: Pending, status: NDIS_STATUS) {
        // The tool sees by the queue's state how its request ended.
        if request != Pending::TOOL
            && let Some(Consumer::Kernel(consumer)) = self.igb.vmq.owner(self.passive)
        {
            consumer.complete(request, status, self.passive.into());
        }
    }
}

impl Vmq {
    /// No queue is allocated, and nobody has the door open.
    pub fn new(device: Device, igb: Ancestor<Igb>, passive: Passive<'_>) -> Result<Self> {
        let mut queues = Vec::new();
        let no_memory = Status::new(wdk_sys::STATUS_INSUFFICIENT_RESOURCES);
        queues.try_reserve_exact(vmq::MAX_QUEUES).map_err(|_| no_memory)?;
        for queue in QueueId::all() {
            queues.push(VmQueue::new(queue, Dpc::new(device, Receive { igb, queue }, passive)?));
        }
        let control = Control { engine: Heap::new(|| const { Engine::new() })?, owner: None };
        Ok(Self {
            control: WaitLock::new(device, control, passive)?,
            queues,
            work: WorkItem::new(device, Steps { igb }, passive)?,
            settling: AtomicUsize::new(0),
            started: AtomicU32::new(0),
            resets: SpinLock::new(device, Resets { count: 0, last: None }, passive)?,
        })
    }

    /// A queue.
    pub fn queue(&self, queue: QueueId) -> &VmQueue {
        &self.queues[queue.index()]
    }

    /// The interrupts of receive queues in `rx`, a bit each: those of VM queues wake them. In the ISR, with the vector
    /// masked.
    #[inline]
    pub fn event(&self, rx: u16) {
        for (n, queue) in (1..).zip(&self.queues) {
            if rx & 1 << n != 0 {
                queue.event();
            }
        }
    }

    /// The hardware works again, with interrupts: what filters say and what ran goes on.
    pub fn resume(&self, igb: &'static Igb, passive: Passive<'_>) -> Result<()> {
        use vmq::door::Door;
        let resumed = Doorway { igb, passive }.locked(|engine, host| engine.resume(host));
        self.settle(igb, passive);
        resumed.map_err(|vmq::Failed| Status::new(wdk_sys::STATUS_DEVICE_HARDWARE_ERROR))
    }

    /// The hardware stops working: closes all queues, then runs `reset`, which says whether it proved all DMA off.
    pub fn suspend(&self, igb: &'static Igb, passive: Passive<'_>, reset: impl FnOnce() -> bool) {
        let _settling = Settling::new(self);
        let doorway = Doorway { igb, passive };
        if !vmq::door::suspend(&doorway, Pause::LowPower, patience(LEAVE_MS, passive), |_| reset()) {
            log!("a consumer keeps the receive path of a VM queue");
        }
    }

    /// The device goes: every queue is freed, or leaked if its packets do not come back in time.
    pub fn remove(&self, igb: &'static Igb, passive: Passive<'_>) {
        let _settling = Settling::new(self);
        let doorway = Doorway { igb, passive };
        if !vmq::door::end(&doorway, End::Remove, patience(COME_BACK_MS, passive)) {
            log!("VM queues are given up with packets at their consumer");
        }
    }

    /// The device was reset.
    pub fn reset_done(&self, reset: Reset, irql: AtMostDispatch<'_>) {
        let mut resets = self.resets.lock(irql);
        resets.count += 1;
        resets.last = Some(reset);
    }

    fn resets<'l>(&'l self, irql: AtMostDispatch<'l>) -> SpinGuard<'l, Resets> {
        self.resets.lock(irql)
    }

    /// Lets a consumer in, if nobody is.
    pub fn open(&self, consumer: consumer::Callbacks, passive: Passive<'_>) -> NDIS_STATUS {
        let mut control = self.control.lock(passive);
        match control.owner {
            None => {
                control.owner = Some(Consumer::Kernel(consumer));
                NDIS_STATUS_SUCCESS
            }
            _ => NDIS_STATUS_NOT_ACCEPTED,
        }
    }

    /// Lets the consumer out, if it has no queue left. After success no callback runs and none comes.
    pub fn close(&self, passive: Passive<'_>) -> NDIS_STATUS {
        let mut wait = patience(LEAVE_MS, passive);
        loop {
            let mut control = self.control.lock(passive);
            if !matches!(control.owner, Some(Consumer::Kernel(_))) || !control.engine.is_empty() {
                return NDIS_STATUS_NOT_ACCEPTED;
            }
            // Whoever takes a step says so before it looks for one, and there is none left.
            if self.settling.load(Ordering::SeqCst) == 0 {
                control.owner = None;
                return NDIS_STATUS_SUCCESS;
            }
            drop(control);
            if !wait() {
                return NDIS_STATUS_NOT_ACCEPTED;
            }
        }
    }

    /// A consumer's request.
    ///
    /// # Safety
    /// As for [`vmq::door::oid`].
    pub unsafe fn oid(&self, igb: &'static Igb, oid: NonNull<NDIS_OID_REQUEST>, passive: Passive<'_>) -> NDIS_STATUS {
        let _settling = Settling::new(self);
        if !matches!(self.owner(passive), Some(Consumer::Kernel(_))) {
            return NDIS_STATUS_NOT_ACCEPTED;
        }
        // SAFETY: as the caller promises.
        unsafe { vmq::door::oid(&Doorway { igb, passive }, oid, Pending::of(oid)) }
    }

    /// Cancels a consumer's pending requests with this id.
    pub fn cancel(&self, request_id: usize, irql: AtMostDispatch<'_>) {
        let wake = self.queues.iter().fold(Wake::Nobody, |wake, queue| wake.or(queue.gate().cancel(request_id)));
        self.wake(wake, irql);
    }

    /// Takes packets back.
    pub fn return_packets(&self, mut head: *mut IGBCX_VMQ_PACKET, irql: AtMostDispatch<'_>) {
        while !head.is_null() {
            let owner = self.queues.iter().find(|queue| queue.has(head));
            let Some(wake) = owner.and_then(|queue| queue.give_back(&mut head)) else {
                // Neither this packet nor what hangs on it is followed: it may be anybody's memory.
                if let Some(queue) = owner {
                    queue.counts.refused.add(1);
                }
                return log!("a consumer returned what is not a packet of its own");
            };
            self.wake(wake, irql);
        }
    }

    /// Looks at the engine, whoever has the door open, and at the memory that a queue has: its source and its buffers.
    pub fn look<T>(
        &self,
        passive: Passive<'_>,
        look: impl FnOnce(&Engine<Pending>, &dyn Fn(QueueId) -> Option<(memory::Kind, u16)>) -> T,
    ) -> T {
        let control = self.control.lock(passive);
        let memory = |queue| {
            // SAFETY: the door's lock is held.
            let packets = unsafe { self.queue(queue).packets() }?;
            Some((packets.memory, packets.buffers.count()))
        };
        look(&control.engine, &memory)
    }

    /// Adds what the hardware has dropped, which clears its counters. Before a reset, and before the counts are shown.
    pub fn count_drops(&self, igb: &Igb, irql: AtMostDispatch<'_>) {
        let Some(hardware) = igb.hardware().filter(|hardware| hardware.has_pools()) else { return };
        // The lock makes one reader at a time.
        let _mac = igb.mac(irql);
        for (pool, queue) in (1..=hardware.vm_queues).zip(&self.queues) {
            match hardware.nic.dropped(pool) {
                Ok(dropped) => queue.counts.dropped.add(dropped.into()),
                // The device is gone, and its counters with it.
                Err(_) => return,
            }
        }
    }

    fn owner(&self, passive: Passive<'_>) -> Option<Consumer> {
        self.control.lock(passive).owner
    }

    fn settle(&self, igb: &'static Igb, passive: Passive<'_>) {
        let _settling = Settling::new(self);
        vmq::door::work(&Doorway { igb, passive });
    }

    fn wake(&self, wake: Wake, irql: AtMostDispatch<'_>) {
        if wake == Wake::Engine {
            self.work.queue(irql);
        }
    }

    /// A queue was started, or goes on; its gate opens before the lock is let go.
    fn started(&self, queue: QueueId) {
        self.started.fetch_or(1 << queue.index(), Ordering::Relaxed);
    }

    /// Brings a first pass to queues that were started: it arms their interrupt.
    fn kick_started(&self) {
        let started = self.started.swap(0, Ordering::Relaxed);
        for (n, queue) in self.queues.iter().enumerate() {
            if started & 1 << n != 0 {
                queue.kick();
            }
        }
    }
}

/// A thread may be on its way to the consumer.
struct Settling<'v>(&'v Vmq);

impl<'v> Settling<'v> {
    fn new(vmq: &'v Vmq) -> Self {
        vmq.settling.fetch_add(1, Ordering::SeqCst);
        Self(vmq)
    }
}

impl Drop for Settling<'_> {
    fn drop(&mut self) {
        self.0.settling.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits a millisecond at a time, `ms` in all; then says no.
fn patience(ms: u32, passive: Passive<'_>) -> impl FnMut() -> bool {
    let mut left = ms;
    move || {
        let wait = left != 0;
        if wait {
            left -= 1;
            time::sleep(1, passive);
        }
        wait
    }
}
