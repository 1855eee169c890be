//! Events and waits.

use super::baton;
use super::state::{self, ThreadId};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A kernel event; clones are the same event.
#[derive(Clone)]
pub struct Event(Arc<Inner>);

struct Inner {
    /// A notification event stays set; a synchronization event releases one waiter and is clear again.
    manual_reset: bool,
    state: Mutex<Signal>,
}

struct Signal {
    set: bool,
    waiters: Vec<Waiter>,
}

/// One wait of one thread. It is stale once the thread's wait with that number is over.
struct Waiter {
    thread: ThreadId,
    wait: u64,
    /// Which of the events of the wait this is.
    index: usize,
}

impl Event {
    /// A new event; `manual_reset` makes it a notification event.
    pub fn new(manual_reset: bool, set: bool) -> Event {
        Event(Arc::new(Inner { manual_reset, state: Mutex::new(Signal { set, waiters: Vec::new() }) }))
    }

    /// Signals it: a waiter (synchronization event) or all waiters (notification event) become ready. They run when the
    /// baton reaches them, not in this call. Any OS thread may call this.
    pub fn set(&self) {
        let mut signal = self.lock();
        let waiters = std::mem::take(&mut signal.waiters).into_iter();
        if self.0.manual_reset {
            signal.set = true;
            for w in waiters {
                baton::wake(w.thread, w.wait, Some(w.index));
            }
        } else {
            let mut left = waiters.skip_while(|w| !baton::wake(w.thread, w.wait, Some(w.index)));
            signal.set = left.next().is_none();
            signal.waiters = left.collect();
        }
    }

    /// Clears it.
    pub fn reset(&self) {
        self.lock().set = false;
    }

    /// True if it is signalled.
    pub fn is_set(&self) -> bool {
        self.lock().set
    }

    /// True if some thread waits for it.
    pub(crate) fn has_waiters(&self) -> bool {
        self.lock().waiters.iter().any(|w| baton::is_waiting(w.thread, w.wait))
    }

    /// Takes the signal if there is one.
    fn try_take(&self) -> bool {
        let mut signal = self.lock();
        let set = signal.set;
        signal.set &= self.0.manual_reset;
        set
    }

    /// Adds a waiter; if an OS thread that is no lab thread has set the event meanwhile, ends its wait.
    fn enlist(&self, waiter: Waiter) {
        let mut signal = self.lock();
        if signal.set && baton::wake(waiter.thread, waiter.wait, Some(waiter.index)) {
            signal.set = self.0.manual_reset;
            return;
        }
        signal.waiters.retain(|w| baton::is_waiting(w.thread, w.wait));
        signal.waiters.push(waiter);
    }

    fn lock(&self) -> MutexGuard<'_, Signal> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until `e` is set; false = timed out. The caller is at PASSIVE_LEVEL or APC_LEVEL unless the timeout is zero.
pub fn wait(e: &Event, timeout: Option<Duration>) -> bool {
    wait_for("an event", e, timeout)
}

/// Like [`wait`]; `what` names the event in the deadlock report.
pub fn wait_for(what: &str, e: &Event, timeout: Option<Duration>) -> bool {
    wait_any(what, &[e], timeout).is_some()
}

/// Waits until one of `events` is set and returns its index (the lowest if several are); `None` = timed out.
pub fn wait_any(what: &str, events: &[&Event], timeout: Option<Duration>) -> Option<usize> {
    super::preempt_point();
    if let Some(index) = events.iter().position(|e| e.try_take()) {
        return Some(index);
    }
    if timeout == Some(Duration::ZERO) {
        return None;
    }
    super::require_blockable(what);
    let (thread, wait) = baton::begin_wait(what);
    for (index, event) in events.iter().enumerate() {
        event.enlist(Waiter { thread, wait, index });
    }
    let timer = timeout.map(|t| {
        let at = super::now().saturating_add(t);
        super::set_timer(at, move || {
            baton::wake(thread, wait, None);
        })
    });
    let result = baton::block(thread);
    if let Some(timer) = timer {
        state::with(|s| s.timers.remove(&timer));
    }
    result
}
