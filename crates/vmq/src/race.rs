//! The lock-free part against the engine, in every interleaving (loom): FREE_QUEUE, the receive path, ReturnPackets, CancelOid,
//! suspension and removal.
//!
//! The memory of the queue is two cells that loom watches: the ring, which the receive path and the hardware side use, and the
//! packets, which returning callers look at too. Two threads in one of them at once fail the test.

use crate::{
    Answer, Buffers, Engine, Failed, Filter, FilterTable, Gate, Host, Limits, MAX_QUEUES, NotOut, Pause, QueueId,
    Stopped, Stuck, Vlan, Wake,
    door::{self, Door, End},
};
use loom::{
    cell::UnsafeCell,
    sync::{Arc, Mutex},
    thread,
};
use ndis_sys::{
    NDIS_RECEIVE_QUEUE_PARAMETERS, NDIS_STATUS, NDIS_STATUS_PENDING, NDIS_STATUS_REQUEST_ABORTED, NDIS_STATUS_SUCCESS,
};
use std::{
    boxed::Box,
    sync::atomic::{AtomicUsize, Ordering},
    vec::Vec,
};

const CLEAR: u8 = 1;
const FREE: u8 = 2;
const FREE_ID: usize = 77;

/// What the threads share without a lock.
struct Queue {
    gates: [Gate; MAX_QUEUES],
    ring: UnsafeCell<()>,
    packets: UnsafeCell<()>,
}

// SAFETY: loom checks each access to the cells, which is what the tests are for.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

impl Queue {
    fn gate(&self) -> &Gate {
        &self.gates[0]
    }
}

struct Side {
    queue: Arc<Queue>,
    dma: bool,
    allocated: u32,
    freed: u32,
    leaked: u32,
}

impl Host for Side {
    fn limits(&self) -> Limits {
        Limits { queues: 1, filters: 1, enabled: true }
    }

    fn gate(&self, queue: QueueId) -> &Gate {
        &self.queue.gates[queue.index()]
    }

    fn vector(&self, _queue: QueueId) -> u32 {
        0
    }

    fn allocate(&mut self, _queue: QueueId, _suggested: u32) -> Result<(), NDIS_STATUS> {
        self.allocated += 1;
        Ok(())
    }

    fn free(&mut self, _queue: QueueId) {
        assert!(!self.dma);
        self.queue.ring.with_mut(|_| {});
        self.queue.packets.with_mut(|_| {});
        self.freed += 1;
    }

    fn leak(&mut self, _queue: QueueId) {
        self.leaked += 1;
    }

    fn accepts(&self, _filters: &FilterTable) -> Result<(), NDIS_STATUS> {
        Ok(())
    }

    fn steer(&mut self, _filters: &FilterTable) -> Result<(), Failed> {
        Ok(())
    }

    fn start(&mut self, _queue: QueueId) -> Result<(), Failed> {
        self.queue.ring.with_mut(|_| {});
        self.dma = true;
        Ok(())
    }

    fn stop(&mut self, _queue: QueueId) -> Result<Stopped, Stuck> {
        self.queue.ring.with_mut(|_| {});
        self.dma = false;
        Ok(Stopped::Queue)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    DmaStopped,
    Ended(u8, NDIS_STATUS),
}

/// A driver with one queue that runs, and its consumer.
struct Adapter {
    queue: Arc<Queue>,
    locked: Mutex<Box<(Engine<u8>, Side)>>,
    told: Mutex<Vec<Told>>,
    /// Packets with the consumer.
    held: Mutex<u32>,
}

impl Door for Adapter {
    type Host = Side;
    type Request = u8;

    fn locked<T>(&self, body: impl FnOnce(&mut Engine<u8>, &mut Side) -> T) -> T {
        let mut locked = self.locked.lock().unwrap();
        let (engine, side) = &mut **locked;
        body(engine, side)
    }

    fn dma_stopped(&self, _queue: QueueId) {
        self.tell(Told::DmaStopped);
    }

    fn complete(&self, request: u8, status: NDIS_STATUS) {
        self.tell(Told::Ended(request, status));
    }
}

impl Adapter {
    fn new() -> Arc<Self> {
        let queue = Arc::new(Queue {
            gates: core::array::from_fn(|_| Gate::new()),
            ring: UnsafeCell::new(()),
            packets: UnsafeCell::new(()),
        });
        let mut side = Side { queue: queue.clone(), dma: false, allocated: 0, freed: 0, leaked: 0 };
        let mut engine = Engine::new();
        engine.resume(&mut side).unwrap();
        let id = engine.allocate(&side, &NDIS_RECEIVE_QUEUE_PARAMETERS::default()).unwrap();
        assert_eq!(engine.complete(&mut side, id), NDIS_STATUS_SUCCESS);
        engine.set_filter(&mut side, id, Filter { address: [2; 6], vlan: Vlan::Any }).unwrap();
        let locked = Mutex::new(Box::new((engine, side)));
        Arc::new(Self { queue, locked, told: Mutex::new(Vec::new()), held: Mutex::new(0) })
    }

    fn id() -> QueueId {
        QueueId::new(1).unwrap()
    }

    fn tell(&self, told: Told) {
        self.told.lock().unwrap().push(told);
    }

    fn wake(&self, wake: Wake) {
        if wake == Wake::Engine {
            door::work(self);
        }
    }

    /// A pass of the receive path that finds one packet.
    fn receive(&self) {
        let wake = self.queue.gate().receive(|receiving| {
            self.queue.ring.with_mut(|_| {});
            self.queue.packets.with(|_| {});
            if receiving.indicate(1) {
                *self.held.lock().unwrap() += 1;
            }
        });
        wake.into_iter().for_each(|wake| self.wake(wake));
    }

    /// The consumer returns a packet if it has one.
    fn give_back(&self) -> bool {
        let mut held = self.held.lock().unwrap();
        let Some(rest) = held.checked_sub(1) else { return false };
        *held = rest;
        drop(held);
        let wake = self.queue.gate().give_back(|| {
            self.queue.packets.with(|_| {});
            1
        });
        self.wake(wake.expect("a packet is out").expect("no more than are out"));
        true
    }

    fn answered(&self, request: u8, answer: Answer) {
        let status = match answer {
            Answer::Done(status) => status,
            Answer::Pending => NDIS_STATUS_PENDING,
        };
        let pending = status == NDIS_STATUS_PENDING;
        let settled = door::settle(self, pending.then_some(&request)).or((!pending).then_some(status));
        settled.into_iter().for_each(|status| self.tell(Told::Ended(request, status)));
    }

    fn clear(&self) {
        let filter = crate::FilterId::new(1).unwrap();
        let answer = self.locked(|engine, side| engine.clear_filter(side, Self::id(), filter, CLEAR));
        self.answered(CLEAR, answer);
    }

    fn free(&self) {
        let answer = self.locked(|engine, side| engine.free(side, Self::id(), FREE, FREE_ID));
        self.answered(FREE, answer);
    }

    /// The consumer returns what it has; then each of `requests` has ended once, with one of its statuses.
    fn finish(&self, requests: &[(u8, &[NDIS_STATUS])]) {
        while self.give_back() {}
        let told = self.told.lock().unwrap();
        for (request, allowed) in requests {
            let ends: Vec<_> = told.iter().filter(|told| matches!(told, Told::Ended(of, _) if of == request)).collect();
            assert!(
                matches!(ends[..], [Told::Ended(_, status)] if allowed.contains(status)),
                "request {request} ended as {ends:?}"
            );
        }
    }

    /// DmaStopped came once, and before the success of FREE_QUEUE.
    fn was_told_in_order(&self) {
        let told = self.told.lock().unwrap();
        let place = |what| told.iter().position(|told| *told == what);
        let stopped = place(Told::DmaStopped).expect("DmaStopped");
        assert_eq!(told.iter().filter(|told| **told == Told::DmaStopped).count(), 1);
        assert!(place(Told::Ended(FREE, NDIS_STATUS_SUCCESS)).is_none_or(|end| stopped < end));
    }

    fn has(&self, freed: u32, leaked: u32) {
        self.locked(|engine, side| {
            assert_eq!((side.allocated, side.freed, side.leaked), (1, freed, leaked));
            assert!(engine.is_empty());
        });
    }
}

const SUCCESS: &[NDIS_STATUS] = &[NDIS_STATUS_SUCCESS];

/// A pass, the consumer's return of an older packet, and CLEAR_FILTER with FREE_QUEUE behind it.
#[test]
fn free_against_receive_and_return() {
    explore(Some(3), || {
        let adapter = Adapter::new();
        adapter.receive();
        let receiver = spawn(&adapter, Adapter::receive);
        let returner = spawn(&adapter, |adapter| assert!(adapter.give_back()));
        adapter.clear();
        adapter.free();
        receiver.join().unwrap();
        returner.join().unwrap();
        adapter.finish(&[(CLEAR, SUCCESS), (FREE, SUCCESS)]);
        adapter.was_told_in_order();
        adapter.has(1, 0);
    });
}

/// The last return against a caller who returns a packet that is not out: he looks at the packets before they are freed, or not
/// at all.
#[test]
fn last_return_against_a_false_one() {
    explore(None, || {
        let adapter = Adapter::new();
        adapter.receive();
        adapter.clear();
        adapter.free();
        let liar = spawn(&adapter, |adapter| {
            let look = || {
                adapter.queue.packets.with(|_| {});
                0
            };
            if let Some(wake) = adapter.queue.gate().give_back(look) {
                adapter.wake(wake.expect("nothing is no more than are out"));
            }
        });
        assert!(adapter.give_back());
        liar.join().unwrap();
        adapter.finish(&[(FREE, SUCCESS)]);
        adapter.has(1, 0);
    });
}

/// The last return against the cancellation of the FREE_QUEUE that waits for it.
#[test]
fn cancel_against_the_last_return() {
    explore(None, || {
        let adapter = Adapter::new();
        adapter.receive();
        adapter.clear();
        adapter.free();
        let returner = spawn(&adapter, |adapter| assert!(adapter.give_back()));
        adapter.wake(adapter.queue.gate().cancel(FREE_ID));
        returner.join().unwrap();
        adapter.finish(&[(FREE, &[NDIS_STATUS_SUCCESS, NDIS_STATUS_REQUEST_ABORTED])]);
        adapter.was_told_in_order();
        adapter.has(1, 0);
    });
}

/// Removal without patience, while FREE_QUEUE is issued and the last packet comes back.
#[test]
fn removal_against_free_and_return() {
    explore(Some(3), || {
        let adapter = Adapter::new();
        adapter.receive();
        adapter.clear();
        let consumer = spawn(&adapter, Adapter::free);
        let returner = spawn(&adapter, |adapter| assert!(adapter.give_back()));
        let freed = door::end(&*adapter, End::Remove, || false);
        consumer.join().unwrap();
        returner.join().unwrap();
        let told = adapter.told.lock().unwrap().len();
        adapter.finish(&[]);
        assert_eq!(adapter.told.lock().unwrap().len(), told);
        adapter.has(freed.into(), (!freed).into());
    });
}

/// Removal of a queue that runs.
#[test]
fn removal_against_receive() {
    explore(None, || {
        let adapter = Adapter::new();
        let receiver = spawn(&adapter, |adapter| {
            adapter.receive();
            adapter.give_back();
        });
        let freed = door::end(&*adapter, End::Remove, || false);
        receiver.join().unwrap();
        adapter.finish(&[]);
        adapter.has(freed.into(), (!freed).into());
    });
}

/// The device is reset for D3 only when the receive path is out.
#[test]
fn suspension_against_receive() {
    explore(None, || {
        let adapter = Adapter::new();
        let receiver = spawn(&adapter, Adapter::receive);
        let wait = || {
            thread::yield_now();
            true
        };
        let reset = |side: &mut Side| {
            side.queue.ring.with_mut(|_| {});
            side.dma = false;
            true
        };
        assert!(door::suspend(&*adapter, Pause::LowPower, wait, reset));
        adapter.locked(|engine, side| engine.resume(side).unwrap());
        receiver.join().unwrap();
        adapter.receive();
        assert!(adapter.give_back(), "a resumed queue does not receive");
    });
}

/// Two callers return packets at once, one of them twice, while the receive path collects.
#[test]
fn returned_buffers_are_collected_once() {
    explore(None, || {
        let buffers = Arc::new(Buffers::new(2).unwrap());
        (0..2).for_each(|n| buffers.take_out(n));
        let give_back = |index| {
            let buffers = buffers.clone();
            thread::spawn(move || buffers.give_back(index))
        };
        let (first, again) = (give_back(0), give_back(0));
        buffers.give_back(1).unwrap();
        let mut collected: Vec<u16> = buffers.collect().collect();
        let both = [first.join().unwrap(), again.join().unwrap()];
        assert_eq!(both.iter().filter(|result| **result == Err(NotOut)).count(), 1, "{both:?}");
        collected.extend(buffers.collect());
        collected.sort_unstable();
        assert_eq!(collected, [0, 1]);
        assert_eq!(buffers.own().count(), 2);
    });
}

/// The free path's first step alone, in the order of [`Gate`]'s rule or the wrong way round.
fn close_against_receive(close_first: bool) {
    explore(None, move || {
        let adapter = Adapter::new();
        let receiver = spawn(&adapter, |adapter| {
            let gate = adapter.queue.gate();
            gate.receive(|_| adapter.queue.ring.with_mut(|_| {})).is_some_and(|wake| wake == Wake::Engine)
        });
        let gate = adapter.queue.gate();
        let idle = if close_first {
            gate.close();
            gate.is_idle()
        } else {
            let idle = gate.is_idle();
            gate.close();
            idle
        };
        if idle {
            adapter.queue.ring.with_mut(|_| {});
        }
        let woken = receiver.join().unwrap();
        assert!(idle || woken, "nobody goes on");
    });
}

#[test]
fn who_closes_first_and_looks_second_misses_nobody() {
    close_against_receive(true);
}

/// Proves that the model can fail: a free path that looks before it closes.
#[test]
#[should_panic(expected = "Causality violation")]
fn who_looks_first_and_closes_second_frees_under_the_receive_path() {
    close_against_receive(false);
}

/// Proves that the model can fail: a receive path that counts a packet after the consumer got it.
#[test]
#[should_panic(expected = "no more than are out")]
fn who_counts_after_handing_over_miscounts() {
    explore(None, || {
        let adapter = Adapter::new();
        let consumer = spawn(&adapter, Adapter::give_back);
        let _ = adapter.queue.gate().receive(|receiving| {
            *adapter.held.lock().unwrap() += 1;
            assert!(receiving.indicate(1));
        });
        consumer.join().unwrap();
    });
}

/// Runs every interleaving, or every one in which running threads are interrupted at most `preemptions` times.
fn explore(preemptions: Option<usize>, run: impl Fn() + Send + Sync + 'static) {
    let runs = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        run();
    });
    std::println!("{} interleavings", runs.load(Ordering::Relaxed));
}

fn spawn<T: 'static>(adapter: &Arc<Adapter>, run: impl FnOnce(&Adapter) -> T + 'static) -> thread::JoinHandle<T> {
    let adapter = adapter.clone();
    thread::spawn(move || run(&adapter))
}
