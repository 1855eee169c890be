//! Preempt points: what is due on the processor is delivered here and nowhere else.

use super::state::{self, Isr, Job, State};
use super::{APC_LEVEL, DISPATCH_LEVEL, FLUSH_DPCS_PASSIVE, LINE, PASSIVE_LEVEL, baton, irql, set_irql, watchdog};
use crate::rules;

rules! {
    NO_INTERRUPT_STORM: "Service routines and DPCs leave time for threads", "lab limit: 10,000 runs in a row at one preempt point";
    ISR_KEEPS_IRQL: "A service routine returns at the IRQL it was called at", "DDI wdm KSERVICE_ROUTINE";
    DPC_KEEPS_IRQL: "A DPC returns at DISPATCH_LEVEL", "DDI wdm KDEFERRED_ROUTINE";
}

/// Service routines and DPCs run at one preempt point before the thread gets its turn.
const RUNS_PER_POINT: u32 = 10_000;
/// The same after a storm was seen: the run should still make headway.
const RUNS_PER_POINT_IN_STORM: u32 = 64;

/// Delivers what is due: interrupts above the current IRQL, then (below DISPATCH_LEVEL) expired timers and DPCs, then
/// perhaps a seeded switch to another ready thread. Called at every export, table entry and register access.
///
/// Outside lab threads this does nothing.
pub fn preempt_point() {
    if !baton::is_lab_thread() {
        return;
    }
    watchdog::progress();
    deliver();
    if irql() <= APC_LEVEL {
        baton::maybe_preempt();
    }
}

/// Runs what is due at the current IRQL.
pub(super) fn deliver() {
    let level = irql();
    if level >= super::HIGH_LEVEL {
        return;
    }
    state::with(|s| s.stats.preempt_points += 1);
    let limit = if NO_INTERRUPT_STORM.count().violated > 0 { RUNS_PER_POINT_IN_STORM } else { RUNS_PER_POINT };
    let mut runs = 0;
    while let Some(due) = state::with(|s| next_due(s, level)) {
        let storm = runs == limit;
        NO_INTERRUPT_STORM.check(!storm, || format!("{runs} service routines and DPCs in a row at IRQL {level}"));
        if storm {
            put_back(due);
            return;
        }
        runs += 1;
        match due {
            Due::Interrupt { source, irql, generation, isr } => run_isr(source, irql, generation, isr, level),
            Due::Dpc(job) => run_dpc(job, level),
        }
    }
}

enum Due {
    Interrupt { source: u32, irql: u8, generation: u64, isr: Isr },
    Dpc(Job),
}

fn next_due(s: &mut State, level: u8) -> Option<Due> {
    let line = s.take_messages();
    let pending = s.pending;
    let raised = |source: u32| if source == LINE { line } else { pending & (1 << source) != 0 };
    // The highest IRQL first, then the lowest vector.
    let source = s
        .sources
        .iter()
        .filter(|(source, entry)| entry.enabled && entry.isr.is_some() && entry.irql > level && raised(**source))
        .min_by_key(|(source, entry)| (u8::MAX - entry.irql, **source))
        .map(|(source, _)| *source);
    if let Some(source) = source {
        if source != LINE {
            s.pending &= !(1 << source);
        }
        s.stats.interrupts += 1;
        let entry = s.sources.get_mut(&source)?;
        let isr = entry.isr.take()?;
        return Some(Due::Interrupt { source, irql: entry.irql, generation: entry.generation, isr });
    }
    if level >= DISPATCH_LEVEL {
        return None;
    }
    s.expire_timers();
    let job = s.dpcs.pop_front()?;
    s.stats.dpcs += 1;
    Some(Due::Dpc(job))
}

fn put_back(due: Due) {
    match due {
        Due::Interrupt { source, generation, isr, .. } => {
            restore_isr(source, generation, isr);
            state::with(|s| {
                s.stats.interrupts -= 1;
                if source != LINE {
                    s.pending |= 1 << source;
                }
            });
        }
        Due::Dpc(job) => state::with(|s| {
            s.stats.dpcs -= 1;
            s.dpcs.push_front(job);
        }),
    }
}

/// Gives the routine back to its source. One that was disconnected or replaced while it ran is dropped, without the lock:
/// what it owns may call the machine.
fn restore_isr(source: u32, generation: u64, isr: Isr) {
    let mut isr = Some(isr);
    state::with(|s| {
        if let Some(entry) = s.sources.get_mut(&source).filter(|e| e.generation == generation) {
            entry.isr = isr.take();
        }
    });
}

fn run_isr(source: u32, isr_level: u8, generation: u64, mut isr: Isr, back_to: u8) {
    set_irql(isr_level);
    // Whether the routine claims the interrupt decides nothing here: a message has one owner, and an asserted line that
    // nobody serves shows as a storm.
    let _claimed = (isr.0)();
    let left_at = irql();
    ISR_KEEPS_IRQL
        .check(left_at == isr_level, || format!("source {source:#x}: called at {isr_level}, left at {left_at}"));
    set_irql(back_to);
    restore_isr(source, generation, isr);
}

fn run_dpc(job: Job, back_to: u8) {
    set_irql(DISPATCH_LEVEL);
    job.run();
    let left_at = irql();
    DPC_KEEPS_IRQL.check(left_at == DISPATCH_LEVEL, || format!("left at {left_at}"));
    set_irql(back_to);
}

/// Runs every queued DPC (KeFlushQueuedDpcs). PASSIVE_LEVEL only.
pub fn flush_dpcs() {
    let level = irql();
    FLUSH_DPCS_PASSIVE.check(level == PASSIVE_LEVEL, || format!("called at IRQL {level}"));
    if level < DISPATCH_LEVEL {
        preempt_point();
    }
}
