//! A VM queue: its gate, and what the gate guards.
//!
//! The receive path ([`VmQueue::run`]) takes no lock. It runs in the queue's DPC, which the queue's interrupt queues, and a
//! returned packet when the ring is low, and the path itself when a pass found more frames than it may indicate at once.
//! Between passes the interrupt is armed, and the ring is looked at once more after that, so that no frame is left lying.

use crate::{
    counters::Count,
    vmq::{
        consumer::Consumer,
        pace::{Pace, Round},
        packets::{Chain, Packets},
        ring::Ring,
    },
};
use arm::OneShot;
use core::{
    cell::UnsafeCell,
    sync::atomic::{AtomicU32, AtomicUsize, Ordering},
};
use igbcx_interface::IGBCX_VMQ_PACKET;
use netadaptercx::{irql::AtMostDispatch, wdf::dpc::Dpc};
use vmq::{Gate, QueueId, Receiving, Wake};

/// Frames indicated in one pass; then other DPCs of the processor have their turn.
const PASS: u16 = 64;

/// What is counted of a queue, over allocations.
#[derive(Debug, Default)]
pub struct Counts {
    /// Frames indicated.
    pub packets: Count,
    /// Their bytes.
    pub bytes: Count,
    /// Frames with errors, or longer than a buffer.
    pub errors: Count,
    /// Frames that the hardware dropped because it had no buffer (RQDPC).
    pub dropped: Count,
    /// Writes of the tail register.
    pub doorbells: Count,
    /// Passes of the receive path.
    pub passes: Count,
    /// Interrupts that woke the queue.
    pub wakes: Count,
    /// Packets that came back and could not have: a mistake of the consumer.
    pub refused: Count,
}

/// A queue, allocated or not.
pub struct VmQueue {
    id: QueueId,
    gate: Gate,
    /// The receive path's while it is in the gate; the host's while the gate is closed and nobody is inside.
    ring: UnsafeCell<Option<Ring>>,
    /// Whoever is in the gate may look; the host may change it while the gate is drained.
    packets: UnsafeCell<Option<Packets>>,
    /// Where the packets are, to tell whose one is before the gate is entered.
    first: AtomicUsize,
    end: AtomicUsize,
    /// The queue's only filter, or 0.
    only_filter: AtomicU32,
    /// The filter that every frame in the ring has passed, or 0: the only one since the ring was started.
    filter: AtomicU32,
    pace: Pace,
    arm: OneShot,
    dpc: Dpc,
    pub counts: Counts,
}
// SAFETY: what the cells hold is guarded by the gate (see the fields); the rest is atomic.
unsafe impl Sync for VmQueue {}
// SAFETY: everything in it may be used from any thread.
unsafe impl Send for VmQueue {}

impl VmQueue {
    /// A queue that is not allocated. `dpc` calls [`Self::run`].
    pub fn new(id: QueueId, dpc: Dpc) -> Self {
        Self {
            id,
            gate: Gate::new(),
            ring: UnsafeCell::new(None),
            packets: UnsafeCell::new(None),
            first: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            only_filter: AtomicU32::new(0),
            filter: AtomicU32::new(0),
            pace: Pace::new(),
            arm: OneShot::new(),
            dpc,
            counts: Counts::default(),
        }
    }

    /// The gate.
    pub const fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The ring.
    ///
    /// # Safety
    /// The door's lock is held, and the gate is closed with nobody inside it who receives.
    #[expect(clippy::mut_from_ref, reason = "the gate, not the borrow, keeps others out")]
    pub unsafe fn ring(&self) -> &mut Option<Ring> {
        // SAFETY: as the caller promises.
        unsafe { &mut *self.ring.get() }
    }

    /// The packets.
    ///
    /// # Safety
    /// The door's lock is held, so that nobody changes them.
    pub unsafe fn packets(&self) -> Option<&Packets> {
        // SAFETY: as the caller promises.
        unsafe { (*self.packets.get()).as_ref() }
    }

    /// Gives the queue memory, or takes it away.
    ///
    /// # Safety
    /// The door's lock is held and the gate is drained.
    pub unsafe fn set_memory(&self, memory: Option<(Ring, Packets)>) -> Option<Ring> {
        let (ring, packets) = memory.unzip();
        let (first, end) = packets.as_ref().map_or((0, 0), Packets::range);
        self.first.store(first, Ordering::Relaxed);
        self.end.store(end, Ordering::Relaxed);
        self.pace.reset();
        // SAFETY: nobody is in the gate, nor can enter it (caller).
        unsafe {
            *self.packets.get() = packets;
            core::mem::replace(&mut *self.ring.get(), ring)
        }
    }

    /// The queue's only filter changed, or is one of several (0). Frames of the one before may still be in the ring.
    pub fn set_filter(&self, only: u32) {
        if self.only_filter.swap(only, Ordering::Relaxed) != only {
            self.filter.store(0, Ordering::Relaxed);
        }
    }

    /// The ring starts, and holds no frame yet.
    pub fn starts(&self) {
        self.filter.store(self.only_filter.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// The queue's interrupt, masked already.
    #[inline]
    pub fn event(&self) {
        if self.arm.event() {
            self.counts.wakes.add(1);
            self.dpc.queue();
        }
    }

    /// Brings a pass, whatever happened while the gate was closed.
    pub fn kick(&self) {
        self.dpc.queue();
    }

    /// The DPC: hands over what the hardware received and gives it the buffers that came back. `unmask` lets the queue's
    /// interrupt through.
    pub fn run(&self, unmask: impl Fn(), irql: AtMostDispatch<'_>) -> Wake {
        let mut wake = Wake::Nobody;
        let again = self.pace.run(|| {
            let mut round = Round::Done;
            let left = self.gate.receive(|inside| {
                self.pace.begin();
                // SAFETY: this is the receive path, inside the gate.
                let (ring, packets) = unsafe { (&mut *self.ring.get(), &*self.packets.get()) };
                if let (Some(ring), Some(packets)) = (ring, packets) {
                    round = self.pass(ring, packets, inside, &unmask, irql);
                }
            });
            let Some(left) = left else { return Round::Outside };
            wake = wake.or(left);
            round
        });
        if again {
            self.dpc.queue();
        }
        wake
    }

    /// One pass: until the ring has nothing more, or long enough.
    fn pass(
        &self,
        ring: &mut Ring,
        packets: &Packets,
        inside: &Receiving<'_>,
        unmask: impl Fn(),
        irql: AtMostDispatch<'_>,
    ) -> Round {
        self.counts.passes.add(1);
        let filter = self.filter.load(Ordering::Relaxed);
        let errors = ring.dropped();
        let mut left = PASS;
        let mut armed = false;
        loop {
            let mut chain = Chain::empty();
            let taken = ring.take(self.id, filter, packets, left, &mut chain);
            left -= taken;
            self.indicate(ring, packets, &chain, inside, irql);
            self.counts.doorbells.add(ring.refill(packets).into());
            if taken != 0 && left != 0 {
                armed = false;
                continue;
            }
            if left == 0 || armed {
                let dropped = ring.dropped();
                self.counts.errors.add(dropped.errors - errors.errors + dropped.too_long - errors.too_long);
                return if left == 0 { Round::More } else { Round::Done };
            }
            self.pace.settle(ring.posted() < packets.buffers.count() / 4);
            // Frames and returned packets that came before are found now, later ones bring a DPC.
            self.arm.arm(&unmask);
            armed = true;
        }
    }

    fn indicate(
        &self,
        ring: &mut Ring,
        packets: &Packets,
        chain: &Chain,
        inside: &Receiving<'_>,
        irql: AtMostDispatch<'_>,
    ) {
        if chain.count == 0 {
            return;
        }
        match ring.consumer {
            Consumer::Kernel(consumer) if inside.indicate(chain.count) => {
                consumer.receive(self.id, chain.first, chain.count, irql);
            }
            Consumer::Tool if inside.indicate(0) => ring.keep(packets, chain),
            // The queue was closed meanwhile.
            _ => return ring.keep(packets, chain),
        }
        self.counts.packets.add(chain.count.into());
        self.counts.bytes.add(chain.bytes);
    }

    /// Whether `packet` may be one of this queue's.
    #[inline]
    pub fn has(&self, packet: *const IGBCX_VMQ_PACKET) -> bool {
        let range = self.first.load(Ordering::Relaxed)..self.end.load(Ordering::Relaxed);
        range.contains(&packet.addr())
    }

    /// Takes back packets from the head of a chain, as long as they are this queue's and with the consumer, and moves `head`
    /// on to the first that is not. None if nothing could be taken back.
    #[inline]
    pub fn give_back(&self, head: &mut *mut IGBCX_VMQ_PACKET) -> Option<Wake> {
        let mut taken = 0;
        let wake = self.gate.give_back(|| {
            // SAFETY: inside the gate the packets stay.
            if let Some(packets) = unsafe { (*self.packets.get()).as_ref() } {
                while let Some(index) = packets.index(*head) {
                    let next = packets.next(index);
                    if packets.buffers.give_back(index).is_err() {
                        break;
                    }
                    *head = next;
                    taken += 1;
                }
            }
            taken
        });
        if self.pace.returned() {
            self.dpc.queue();
        }
        wake?.ok().filter(|_| taken != 0)
    }
}
