//! What the baton guards: threads, queues, interrupt sources, counters.

use super::Config;
use super::baton::{Thread, is_lab_thread};
use crate::Platform;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Names a lab thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ThreadId(pub u32);

/// Names a timer set by [`set_timer`](super::set_timer); ordered by expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerId {
    at: Duration,
    seq: u64,
}

/// Counters of the processor since [`boot`](super::boot).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuStats {
    /// Calls of interrupt service routines.
    pub interrupts: u64,
    /// Messages of sources that nobody had connected.
    pub spurious_interrupts: u64,
    /// DPCs and timer functions run.
    pub dpcs: u64,
    /// Timers expired.
    pub timers: u64,
    /// Baton passes from one thread to another.
    pub switches: u64,
    /// Those of them that a preempt point chose.
    pub preemptions: u64,
    /// Preempt points passed.
    pub preempt_points: u64,
    /// Passes of the idle loop.
    pub idle_passes: u64,
}

/// A closure of the machine: queued by one lab thread, run by another, never by two at once.
pub(super) struct Job(Box<dyn FnOnce()>);

// SAFETY: jobs live behind STATE and are made and run only by the baton holder, one thread at a time; the closures may
// hold raw pointers and Rc-like values of the driver's one-processor world, which never sees two running threads.
unsafe impl Send for Job {}

impl Job {
    /// # Panics
    /// Outside lab threads, whose closures must not come here.
    pub(super) fn new(f: impl FnOnce() + 'static) -> Job {
        assert!(is_lab_thread(), "DPCs and timers are made by lab threads");
        Job(Box::new(f))
    }

    pub(super) fn run(self) {
        (self.0)();
    }
}

/// A service routine, away from its [`Source`] while it runs.
pub(super) struct Isr(pub(super) Box<dyn FnMut() -> bool>);

// SAFETY: as for Job: only the baton holder calls, moves or drops it.
unsafe impl Send for Isr {}

pub(super) struct Source {
    pub(super) irql: u8,
    pub(super) enabled: bool,
    /// Tells a routine that was replaced while it ran from the present one.
    pub(super) generation: u64,
    pub(super) isr: Option<Isr>,
}

pub(super) struct State {
    pub(super) platform: Arc<dyn Platform>,
    pub(super) threads: Vec<Thread>,
    pub(super) current: ThreadId,
    pub(super) ready: VecDeque<ThreadId>,
    pub(super) dpcs: VecDeque<Job>,
    pub(super) timers: BTreeMap<TimerId, Job>,
    pub(super) sources: BTreeMap<u32, Source>,
    /// Messages taken from the board and not yet delivered, bit v = vector v.
    pub(super) pending: u64,
    pub(super) preempt_one_in: u32,
    pub(super) stats: CpuStats,
    /// The board's clock at boot.
    origin: Duration,
    next_seq: u64,
    random: u64,
}

static STATE: Mutex<Option<State>> = Mutex::new(None);

pub(super) fn install(config: &Config) {
    let mut slot = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(slot.is_none(), "this process already runs a machine");
    *slot = Some(State {
        origin: config.nic.now(),
        platform: config.nic.clone(),
        threads: Vec::new(),
        current: ThreadId(0),
        ready: VecDeque::new(),
        dpcs: VecDeque::new(),
        timers: BTreeMap::new(),
        sources: BTreeMap::new(),
        pending: 0,
        preempt_one_in: config.preempt_one_in,
        stats: CpuStats::default(),
        next_seq: 0,
        random: config.seed,
    });
}

/// Exclusive use of the state. `f` must not call the driver nor any public function of `cpu`.
pub(super) fn with<R>(f: impl FnOnce(&mut State) -> R) -> R {
    f(lock().as_mut().expect("cpu::boot has not been called"))
}

pub(super) fn lock() -> MutexGuard<'static, Option<State>> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Like [`with`] for reports: `None` when the state is locked (a stop in the middle of a change) or there is none.
pub(super) fn try_with<R>(f: impl FnOnce(&State) -> R) -> Option<R> {
    STATE.try_lock().ok()?.as_ref().map(f)
}

impl State {
    pub(super) fn now(&self) -> Duration {
        self.platform.now().saturating_sub(self.origin)
    }

    pub(super) fn set_timer(&mut self, at: Duration, job: Job) -> TimerId {
        let id = TimerId { at, seq: self.sequence() };
        self.timers.insert(id, job);
        id
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.timers.first_key_value().map(|(id, _)| id.at)
    }

    /// Expired timers join the DPC queue in order of expiry.
    pub(super) fn expire_timers(&mut self) {
        if self.timers.is_empty() {
            return;
        }
        let now = self.now();
        while let Some(entry) = self.timers.first_entry().filter(|e| e.key().at <= now) {
            self.dpcs.push_back(entry.remove());
            self.stats.timers += 1;
        }
    }

    /// Returns the routine that was connected before, to be dropped without the lock.
    pub(super) fn connect(&mut self, source: u32, irql: u8, isr: Box<dyn FnMut() -> bool>) -> Option<Source> {
        assert!(is_lab_thread(), "interrupts are connected by lab threads");
        self.take_messages();
        if source < 64 {
            self.pending &= !(1 << source);
        }
        let generation = self.sequence();
        self.sources.insert(source, Source { irql, enabled: true, generation, isr: Some(Isr(isr)) })
    }

    /// Reads new messages of the board; returns true if the interrupt line is asserted.
    pub(super) fn take_messages(&mut self) -> bool {
        const LINE_BIT: u64 = 1 << 63;
        let taken = self.platform.take_interrupts();
        let mut messages = taken & !LINE_BIT;
        while messages != 0 {
            let vector = messages.trailing_zeros();
            messages &= messages - 1;
            if self.sources.contains_key(&vector) {
                self.pending |= 1 << vector;
            } else {
                self.stats.spurious_interrupts += 1;
            }
        }
        taken & LINE_BIT != 0
    }

    /// A random number below `n` (SplitMix64).
    pub(super) fn random_below(&mut self, n: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }

    pub(super) fn sequence(&mut self) -> u64 {
        self.next_seq += 1;
        self.next_seq
    }
}
