//! Lab threads and the baton that exactly one of them holds.

use super::deliver::deliver;
use super::state::{self, State, ThreadId};
use super::{DISPATCH_LEVEL, Event, PASSIVE_LEVEL, irql, kpcr, set_irql, watchdog};
use crate::backtrace::Context;
use crate::{bugcheck, rules, traps};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

rules! {
    THREAD_ENDS_PASSIVE: "A system thread ends at PASSIVE_LEVEL", "DDI wdm PsTerminateSystemThread";
}

/// Time without any event after which an idle machine with connected interrupts and no timer counts as dead.
const DEAD_AFTER: Duration = Duration::from_secs(60);
/// Longest time between two looks at the ready queue, which OS threads that are no lab threads may fill.
const IDLE_SLICE: Duration = Duration::from_millis(1);
/// Host stack of a lab thread; traps run on a stack of their own.
const STACK_BYTES: usize = 4 << 20;

pub(super) struct Thread {
    name: String,
    turn: Arc<Turn>,
    /// IRQL to find again when the baton comes back.
    irql: u8,
    phase: Phase,
    /// Number of its latest wait; a waker must name it.
    wait: u64,
    result: Option<usize>,
    done: Event,
    /// Where it gave the baton away.
    parked_at: Option<Context>,
    /// Fake KTHREAD: what gs:[188h] shows while it runs.
    kthread: usize,
}

enum Phase {
    Ready,
    Running,
    Waiting { what: String, since: Duration },
    Ended,
}

/// The parking place of one OS thread.
struct Turn {
    mine: AtomicBool,
    os: std::sync::OnceLock<std::thread::Thread>,
}

impl Turn {
    fn give(&self) {
        self.mine.store(true, Ordering::Release);
        if let Some(os) = self.os.get() {
            os.unpark();
        }
    }

    fn await_mine(&self) {
        while !self.mine.swap(false, Ordering::Acquire) {
            std::thread::park();
        }
    }
}

thread_local! {
    static SELF: Cell<Option<ThreadId>> = const { Cell::new(None) };
}

/// True on a lab thread, which while it runs is the baton holder.
pub(crate) fn is_lab_thread() -> bool {
    SELF.get().is_some()
}

/// The running lab thread.
///
/// # Panics
/// Outside lab threads.
pub fn current_thread() -> ThreadId {
    SELF.get().expect("this is not a lab thread")
}

/// Makes the calling OS thread lab thread 0.
pub(super) fn adopt_main() {
    let turn = Arc::new(Turn { mine: AtomicBool::new(false), os: std::thread::current().into() });
    let id = state::with(|s| {
        let id = s.add_thread("main", turn);
        s.threads[0].phase = Phase::Running;
        kpcr::set_current_thread(s.threads[0].kthread);
        id
    });
    SELF.set(Some(id));
    // Kept for the life of the process, like the thread.
    std::mem::forget(traps::enter_thread());
    watchdog::holder_is_this_thread();
}

/// Starts a lab thread at PASSIVE_LEVEL; it runs when the baton reaches it, not in this call.
pub fn spawn(name: &str, f: impl FnOnce() + Send + 'static) -> ThreadId {
    let turn = Arc::new(Turn { mine: AtomicBool::new(false), os: std::sync::OnceLock::new() });
    let id = state::with(|s| s.add_thread(name, turn.clone()));
    let own_turn = turn.clone();
    let handle = std::thread::Builder::new()
        .name(name.to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            SELF.set(Some(id));
            let _trap_stack = traps::enter_thread();
            own_turn.await_mine();
            watchdog::holder_is_this_thread();
            if catch_unwind(AssertUnwindSafe(f)).is_err() {
                bugcheck::stop(&format!("lab thread {} panicked", thread_name(id)));
            }
            end(id);
        })
        .expect("the host gives a thread");
    turn.os.get_or_init(|| handle.thread().clone());
    state::with(|s| s.ready.push_back(id));
    id
}

/// Waits until a thread has ended.
pub fn join(t: ThreadId) {
    let done = state::with(|s| s.threads[t.0 as usize].done.clone());
    super::wait_for(&format!("the end of thread {}", thread_name(t)), &done, None);
}

/// The fake KTHREAD of a thread and the event of its end.
pub(crate) fn thread_object(t: ThreadId) -> (usize, Event) {
    state::with(|s| {
        let thread = &s.threads[t.0 as usize];
        (thread.kthread, thread.done.clone())
    })
}

/// Lets other threads run for `d`.
pub fn sleep(d: Duration) {
    super::wait_for(&format!("a delay of {d:?}"), &Event::new(false, false), Some(d.max(Duration::from_nanos(1))));
}

/// Lets every ready thread run once. Time does not pass: a thread that polls for an event with this alone would keep a
/// virtual clock standing still.
pub fn yield_now() {
    super::preempt_point();
    super::require_blockable("a yield");
    let me = current_thread();
    let next = state::with(|s| {
        let next = s.ready.pop_front()?;
        s.make_ready(me);
        Some(next)
    });
    if let Some(next) = next {
        hand_over(me, next);
    }
}

/// The seeded switch of a preempt point.
pub(super) fn maybe_preempt() {
    let next = state::with(|s| {
        let one_in = u64::from(s.preempt_one_in);
        if one_in == 0 || s.ready.is_empty() || s.random_below(one_in) != 0 {
            return None;
        }
        let chosen = s.random_below(s.ready.len() as u64) as usize;
        let next = s.ready.remove(chosen)?;
        s.make_ready(s.current);
        s.stats.preemptions += 1;
        Some(next)
    });
    if let Some(next) = next {
        hand_over(current_thread(), next);
    }
}

/// Marks the running thread as waiting; returns it and the number of the wait.
pub(super) fn begin_wait(what: &str) -> (ThreadId, u64) {
    let me = current_thread();
    state::with(|s| {
        let wait = s.sequence();
        let since = s.now();
        let thread = &mut s.threads[me.0 as usize];
        thread.wait = wait;
        thread.result = None;
        thread.phase = Phase::Waiting { what: what.to_owned(), since };
        (me, wait)
    })
}

/// True while `t` is in its wait number `wait`.
pub(super) fn is_waiting(t: ThreadId, wait: u64) -> bool {
    state::with(|s| s.threads[t.0 as usize].is_in_wait(wait))
}

/// Ends a wait with a result (`None`: it timed out); false if that wait is over already.
pub(super) fn wake(t: ThreadId, wait: u64, result: Option<usize>) -> bool {
    state::with(|s| {
        let thread = &mut s.threads[t.0 as usize];
        let waiting = thread.is_in_wait(wait);
        if waiting {
            thread.result = result;
            s.make_ready(t);
        }
        waiting
    })
}

/// Gives the processor away until the wait begun by [`begin_wait`] is over; idles when no thread is ready.
pub(super) fn block(me: ThreadId) -> Option<usize> {
    let next = next_ready();
    if next != me {
        hand_over(me, next);
    }
    state::with(|s| {
        let thread = &mut s.threads[me.0 as usize];
        thread.phase = Phase::Running;
        thread.result.take()
    })
}

/// Ends the running thread from within the driver's frames, which are left as they are: the OS thread stays parked.
pub(crate) fn exit_thread() -> ! {
    end(current_thread());
    loop {
        std::thread::park();
    }
}

/// The last act of a lab thread.
fn end(me: ThreadId) {
    let level = irql();
    THREAD_ENDS_PASSIVE.check(level == PASSIVE_LEVEL, || format!("thread {} ended at IRQL {level}", thread_name(me)));
    set_irql(PASSIVE_LEVEL);
    let done = state::with(|s| {
        let thread = &mut s.threads[me.0 as usize];
        thread.phase = Phase::Ended;
        thread.done.clone()
    });
    done.set();
    let next = next_ready();
    give_baton(next);
}

/// The next thread to run, taken off the ready queue; runs the idle loop until there is one.
fn next_ready() -> ThreadId {
    let mut idle = Idle { since: None };
    loop {
        deliver();
        if let Some(next) = state::with(|s| s.ready.pop_front()) {
            return next;
        }
        idle.pass();
    }
}

fn hand_over(me: ThreadId, next: ThreadId) {
    debug_assert!(irql() < DISPATCH_LEVEL);
    let turn = state::with(|s| {
        let thread = &mut s.threads[me.0 as usize];
        thread.irql = irql();
        thread.parked_at = Some(Context::here());
        thread.turn.clone()
    });
    give_baton(next);
    turn.await_mine();
    watchdog::holder_is_this_thread();
}

fn give_baton(next: ThreadId) {
    let turn = state::with(|s| {
        s.stats.switches += 1;
        s.current = next;
        let thread = &mut s.threads[next.0 as usize];
        thread.phase = Phase::Running;
        set_irql(thread.irql);
        kpcr::set_current_thread(thread.kthread);
        thread.turn.clone()
    });
    turn.give();
}

/// The idle loop of a processor without a ready thread.
struct Idle {
    since: Option<Duration>,
}

impl Idle {
    /// Lets a little time pass, or stops the run when nothing can ever happen.
    fn pass(&mut self) {
        watchdog::progress();
        let (now, deadline, listening) = state::with(|s| {
            s.stats.idle_passes += 1;
            (s.now(), s.next_deadline(), !s.sources.is_empty())
        });
        let idle_for = now.saturating_sub(*self.since.get_or_insert(now));
        let left = deadline.map(|at| at.saturating_sub(now));
        match left {
            None if !listening || idle_for > DEAD_AFTER => {
                bugcheck::stop("deadlock: every thread waits, no timer is set and no interrupt has come");
            }
            Some(Duration::ZERO) => {}
            _ => super::pass_time(left.unwrap_or(IDLE_SLICE).min(IDLE_SLICE)),
        }
    }
}

impl State {
    fn add_thread(&mut self, name: &str, turn: Arc<Turn>) -> ThreadId {
        let id = ThreadId(self.threads.len() as u32);
        self.threads.push(Thread {
            name: name.to_owned(),
            turn,
            irql: PASSIVE_LEVEL,
            phase: Phase::Ready,
            wait: 0,
            result: None,
            done: Event::new(true, false),
            parked_at: None,
            kthread: kpcr::new_kthread(),
        });
        id
    }

    fn make_ready(&mut self, t: ThreadId) {
        self.threads[t.0 as usize].phase = Phase::Ready;
        self.ready.push_back(t);
    }
}

impl Thread {
    fn is_in_wait(&self, wait: u64) -> bool {
        self.wait == wait && matches!(self.phase, Phase::Waiting { .. })
    }
}

/// The name given to [`spawn`].
pub(crate) fn thread_name(t: ThreadId) -> String {
    state::with(|s| s.threads[t.0 as usize].name.clone())
}

/// Number and name of the running thread, for a report.
pub(crate) fn running() -> String {
    let name = |s: &State| format!("thread {} {}", s.current.0, s.threads[s.current.0 as usize].name);
    state::try_with(name).unwrap_or_else(|| "a thread inside the scheduler".to_owned())
}

/// One line per thread (name, what it does or waits for) and the driver frames it is parked in.
pub(crate) fn report_threads() -> Vec<String> {
    let threads = state::try_with(|s| {
        let describe = |(id, t): (usize, &Thread)| {
            let doing = match &t.phase {
                Phase::Ready => "ready".to_owned(),
                Phase::Running => format!("running at IRQL {}", irql()),
                Phase::Waiting { what, since } => format!("waits for {what} since {:.6} s", since.as_secs_f64()),
                Phase::Ended => return None,
            };
            let parked_at = if matches!(t.phase, Phase::Running) { None } else { t.parked_at };
            Some((format!("thread {id} {}: {doing}", t.name), parked_at))
        };
        s.threads.iter().enumerate().filter_map(describe).collect::<Vec<_>>()
    });
    let Some(threads) = threads else { return vec!["(threads: the scheduler is locked)".to_owned()] };
    let mut lines = Vec::new();
    for (line, parked_at) in threads {
        lines.push(line);
        for frame in parked_at.iter().flat_map(crate::backtrace::driver_frames) {
            lines.push(format!("    {frame}"));
        }
    }
    lines
}
