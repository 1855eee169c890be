//! The processor: one baton, IRQL, DPCs, timers, interrupts, events.
//!
//! The rules of the machine, which the other lab crates build on:
//! - Lab threads are OS threads; the one that holds the baton runs, all others are parked. The baton moves only inside
//!   [`wait`], [`sleep`], [`yield_now`], [`join`], at the end of a thread, and (seeded) inside [`preempt_point`].
//! - IRQL belongs to the processor; a thread that waits is at PASSIVE_LEVEL or APC_LEVEL and finds its IRQL again.
//! - Service routines, DPCs and timer functions run on the stack of whatever thread passes a preempt point or idles,
//!   as on Windows. They may not wait.
//! - [`queue_dpc`] and [`Event::set`] only mark work: it runs at the next preempt point, so they may be called anywhere.

mod baton;
mod deliver;
mod event;
mod kpcr;
mod state;
mod watchdog;

use crate::Platform;
use crate::bugcheck::bugcheck_because;
use crate::rules;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

pub(crate) use baton::exit_thread;
pub use baton::{current_thread, join, sleep, spawn, yield_now};
pub(crate) use baton::{is_lab_thread, report_threads, running, thread_object};
pub use deliver::{flush_dpcs, preempt_point};
pub use event::{Event, wait, wait_any, wait_for};
pub(crate) use kpcr::pin_gs;
pub use state::{CpuStats, ThreadId, TimerId};
pub use watchdog::set_watchdog;

/// IRQL of ordinary threads.
pub const PASSIVE_LEVEL: u8 = 0;
/// IRQL of APCs and fast mutexes.
pub const APC_LEVEL: u8 = 1;
/// IRQL of DPCs and spin locks; no thread switch at or above it.
pub const DISPATCH_LEVEL: u8 = 2;
/// The highest IRQL.
pub const HIGH_LEVEL: u8 = 15;
/// The interrupt source that stands for the line interrupt.
pub const LINE: u32 = u32::MAX;

rules! {
    IRQL_RAISE: "KeRaiseIrql never lowers the IRQL", "DDI wdm KeRaiseIrql: NewIrql >= current IRQL";
    IRQL_LOWER: "KeLowerIrql never raises the IRQL", "DDI wdm KeLowerIrql: NewIrql <= current IRQL";
    FLUSH_DPCS_PASSIVE: "KeFlushQueuedDpcs is called at PASSIVE_LEVEL", "DDI wdm KeFlushQueuedDpcs; contract.md 3.2";
}

/// How the machine is set up.
pub struct Config {
    /// The board; an `Arc<lab_nic::Nic>` fits.
    pub nic: Arc<dyn Platform>,
    /// Seed of every random choice of the scheduler.
    pub seed: u64,
    /// One in so many preempt points below DISPATCH_LEVEL switches threads; 0 = none does.
    pub preempt_one_in: u32,
}

/// IRQL of the processor. Only the baton holder stores to it.
static IRQL: AtomicU8 = AtomicU8::new(PASSIVE_LEVEL);

/// Makes the calling thread lab thread 0 ("main") and baton holder, installs the traps and the watchdog.
///
/// # Panics
/// When the process already runs a machine.
pub fn boot(config: Config) {
    state::install(&config);
    crate::bugcheck::boot();
    kpcr::boot();
    crate::traps::boot();
    baton::adopt_main();
    watchdog::start();
}

/// The board given to [`boot`].
pub fn platform() -> Arc<dyn Platform> {
    state::with(|s| s.platform.clone())
}

/// The current IRQL.
pub fn irql() -> u8 {
    IRQL.load(Ordering::Relaxed)
}

fn set_irql(new: u8) {
    IRQL.store(new, Ordering::Relaxed);
}

/// Raises the IRQL; returns the old one. A lower `new` is a rule violation and is obeyed.
pub fn raise_irql(new: u8) -> u8 {
    let old = irql();
    IRQL_RAISE.check(new >= old, || format!("raise from IRQL {old} to {new}"));
    set_irql(new);
    old
}

/// Lowers the IRQL; returns the one before. Below DISPATCH_LEVEL this is a preempt point: queued DPCs run.
/// A higher `to` is a rule violation and is obeyed.
pub fn lower_irql(to: u8) -> u8 {
    let old = irql();
    IRQL_LOWER.check(to <= old, || format!("lower from IRQL {old} to {to}"));
    set_irql(to);
    preempt_point();
    old
}

/// Time since [`boot`]: QEMU's virtual clock, or the real one.
pub fn now() -> Duration {
    state::with(|s| s.now())
}

/// Burns `us` microseconds at any IRQL; interrupts that the IRQL allows are delivered meanwhile.
pub fn stall(us: u32) {
    let end = now() + Duration::from_micros(us.into());
    preempt_point();
    while let Some(left) = end.checked_sub(now()).filter(|left| !left.is_zero()) {
        pass_time(left);
        preempt_point();
    }
}

/// Lets at most `max` pass, less when an interrupt comes. An interrupt that the IRQL or its source holds back does not
/// keep a virtual clock from moving.
fn pass_time(max: Duration) {
    let platform = platform();
    let before = platform.now();
    platform.idle(max);
    if platform.now() == before {
        platform.step(max);
    }
}

/// A reading of the clock by the driver. With a virtual clock it costs one microsecond, so that a driver that polls
/// the time until a deadline gets there.
pub(crate) fn read_clock() -> Duration {
    let platform = platform();
    if platform.clock_is_virtual() {
        platform.step(Duration::from_micros(1));
    }
    now()
}

/// Queues a DPC (FIFO). It runs at DISPATCH_LEVEL at the next preempt point below DISPATCH_LEVEL, not in this call.
pub fn queue_dpc(f: impl FnOnce() + 'static) {
    state::with(|s| s.dpcs.push_back(state::Job::new(f)));
}

/// Runs `f` at DISPATCH_LEVEL, from the DPC queue, when [`now`] has reached `at`.
pub fn set_timer(at: Duration, f: impl FnOnce() + 'static) -> TimerId {
    state::with(|s| s.set_timer(at, state::Job::new(f)))
}

/// Takes a timer back. False: it has expired (its function ran or is queued) or was cancelled before.
pub fn cancel_timer(id: TimerId) -> bool {
    state::with(|s| s.timers.remove(&id)).is_some()
}

/// Connects a service routine to an MSI-X vector or to [`LINE`]; it is called at `irql` and returns true if its device
/// had interrupted. The source is enabled; messages that came before are dropped.
pub fn connect_interrupt(source: u32, irql: u8, isr: Box<dyn FnMut() -> bool>) {
    let replaced = state::with(|s| s.connect(source, irql, isr));
    drop(replaced);
}

/// Takes a service routine away.
pub fn disconnect_interrupt(source: u32) {
    let routine = state::with(|s| s.sources.remove(&source));
    drop(routine);
}

/// A disabled source keeps its message until it is enabled.
pub fn set_interrupt_enabled(source: u32, enabled: bool) {
    state::with(|s| {
        if let Some(source) = s.sources.get_mut(&source) {
            source.enabled = enabled;
        }
    });
}

/// The counters of the processor.
pub fn stats() -> CpuStats {
    state::with(|s| s.stats)
}

/// Ends the run if the caller may not block: a wait at DISPATCH_LEVEL or above hangs a real processor.
fn require_blockable(what: &str) {
    if irql() >= DISPATCH_LEVEL {
        let why = format!("a wait ({what}) at IRQL {}", irql());
        bugcheck_because(0xB8, [u64::from(irql()), 0, 0, 0], &why);
    }
}
