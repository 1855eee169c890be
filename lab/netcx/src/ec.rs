//! Execution contexts: where queue callbacks run, and the poll / arm / poll once more / sleep loop.
//!
//! Source: NetAdapterCx 21H2 `netcx/ec/lib/executioncontext.cpp`. A context is stopped, waiting for its worker thread or
//! its DPC, or running; tasks run on the thread only and go before polling; the first poll loop after a notification may
//! run in the DPC.

use crate::options;
use lab_kernel::cpu::{self, Event, ThreadId};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// Work that a context does round by round.
pub trait Poll: Send + Sync {
    /// One round at `irql`; how many packets it moved.
    fn poll(&self, irql: u8) -> u64;
}

/// Something that can wake a context up and wants to know when it must.
pub trait Notification: Send + Sync {
    /// True: the context is about to sleep and needs a notification of new work. False: not any more.
    fn set_enabled(&self, enabled: bool);
}

/// Order of polls within a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PollKind {
    /// EvtPreAdvance of a client's own context.
    PreAdvance,
    /// A queue.
    Advance,
    /// EvtPostAdvance of a client's own context.
    PostAdvance,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Stopped,
    WaitingThread,
    WaitingDpc,
    Running,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum RunAs {
    Dpc,
    Thread,
}

#[derive(PartialEq, Eq)]
enum PollExit {
    NoMoreWork,
    TaskPending,
    OutOfBudget,
}

type Task = Box<dyn FnOnce() + Send>;

struct Registered {
    notification: Arc<dyn Notification>,
    enabled: bool,
}

struct State {
    phase: Phase,
    poll_work: bool,
    terminate: bool,
    tasks: VecDeque<Task>,
    polls: Vec<(PollKind, Arc<dyn Poll>)>,
    notifications: Vec<Registered>,
    thread: Option<ThreadId>,
}

/// One execution context with its worker thread.
pub struct ExecutionContext {
    name: String,
    requested: Event,
    state: Mutex<State>,
}

impl ExecutionContext {
    /// Starts the worker thread.
    pub fn new(name: String) -> Arc<ExecutionContext> {
        let context = Arc::new(ExecutionContext {
            name,
            requested: Event::new(false, false),
            state: Mutex::new(State {
                phase: Phase::Stopped,
                poll_work: false,
                terminate: false,
                tasks: VecDeque::new(),
                polls: Vec::new(),
                notifications: Vec::new(),
                thread: None,
            }),
        });
        let worker = context.clone();
        let thread = cpu::spawn(&context.name, move || worker.work());
        context.state.lock().unwrap().thread = Some(thread);
        context
    }

    /// There may be new work. At any IRQL; above DISPATCH_LEVEL it goes through a DPC of its own.
    pub fn notify(self: &Arc<Self>) {
        if cpu::irql() > cpu::DISPATCH_LEVEL {
            let context = self.clone();
            cpu::queue_dpc(move || context.notify_at_most_dispatch(true));
        } else {
            self.notify_at_most_dispatch(false);
        }
    }

    fn notify_at_most_dispatch(self: &Arc<Self>, in_own_dpc: bool) {
        {
            let mut state = self.state.lock().unwrap();
            state.poll_work = true;
            if state.phase != Phase::Stopped {
                return;
            }
            if !may_run_in_dpc() {
                self.request_thread(&mut state);
                return;
            }
            if !in_own_dpc {
                self.request_dpc(&mut state);
                return;
            }
        }
        self.run(RunAs::Dpc);
    }

    /// Runs `task` on the worker thread and waits for it. PASSIVE_LEVEL, and not from the worker thread itself.
    pub fn run_task(self: &Arc<Self>, task: impl FnOnce() + Send + 'static) {
        let done = Event::new(true, false);
        let signal = done.clone();
        self.queue_task(Box::new(move || {
            task();
            signal.set();
        }));
        cpu::wait(&done, None);
    }

    /// Queues `task` for the worker thread.
    pub fn queue_task(self: &Arc<Self>, task: Task) {
        let mut state = self.state.lock().unwrap();
        state.tasks.push_back(task);
        if state.phase == Phase::Stopped {
            self.request_thread(&mut state);
        }
    }

    /// Adds a poll behind those of its kind.
    pub fn register_poll(self: &Arc<Self>, kind: PollKind, poll: Arc<dyn Poll>) {
        let context = self.clone();
        self.run_task(move || {
            let mut state = context.state.lock().unwrap();
            let at = state.polls.partition_point(|(k, _)| *k <= kind);
            state.polls.insert(at, (kind, poll));
        });
    }

    /// Takes a poll away; it is not running when this returns.
    pub fn unregister_poll(self: &Arc<Self>, poll: Arc<dyn Poll>) {
        let context = self.clone();
        self.run_task(move || context.state.lock().unwrap().polls.retain(|(_, p)| !Arc::ptr_eq(p, &poll)));
    }

    /// Adds a notification, not enabled.
    pub fn register_notification(self: &Arc<Self>, notification: Arc<dyn Notification>) {
        let context = self.clone();
        self.run_task(move || {
            context.state.lock().unwrap().notifications.push(Registered { notification, enabled: false });
        });
    }

    /// Takes a notification away and disables it.
    pub fn unregister_notification(self: &Arc<Self>, notification: Arc<dyn Notification>) {
        let context = self.clone();
        self.run_task(move || {
            let was_enabled = {
                let mut state = context.state.lock().unwrap();
                let at = state.notifications.iter().position(|r| Arc::ptr_eq(&r.notification, &notification));
                at.is_some_and(|at| state.notifications.remove(at).enabled)
            };
            if was_enabled {
                notification.set_enabled(false);
            }
        });
    }

    /// Ends the worker thread after the tasks queued before; nothing is registered any more.
    pub fn destroy(self: &Arc<Self>) {
        let context = self.clone();
        self.queue_task(Box::new(move || context.state.lock().unwrap().terminate = true));
        let thread = self.state.lock().unwrap().thread.take();
        if let Some(thread) = thread {
            cpu::join(thread);
        }
    }

    fn request_thread(&self, state: &mut State) {
        state.phase = Phase::WaitingThread;
        self.requested.set();
    }

    fn request_dpc(self: &Arc<Self>, state: &mut State) {
        state.phase = Phase::WaitingDpc;
        let context = self.clone();
        cpu::queue_dpc(move || context.run(RunAs::Dpc));
    }

    fn work(self: &Arc<Self>) {
        loop {
            cpu::wait_for(&self.name, &self.requested, None);
            while let Some(until) = options::starving() {
                cpu::sleep(until.saturating_sub(cpu::now()));
            }
            self.run(RunAs::Thread);
            if self.state.lock().unwrap().terminate {
                return;
            }
        }
    }

    fn run(self: &Arc<Self>, run_as: RunAs) {
        self.state.lock().unwrap().phase = Phase::Running;
        if run_as == RunAs::Dpc {
            let mut state = self.state.lock().unwrap();
            if !state.tasks.is_empty() {
                self.request_thread(&mut state);
                return;
            }
        }
        self.run_tasks();
        if std::mem::take(&mut self.state.lock().unwrap().poll_work) {
            let exit = self.poll_loop(run_as);
            if exit != PollExit::NoMoreWork {
                let mut state = self.state.lock().unwrap();
                state.poll_work = true;
                self.request_thread(&mut state);
                return;
            }
        }
        let mut state = self.state.lock().unwrap();
        if !state.tasks.is_empty() {
            self.request_thread(&mut state);
        } else if state.poll_work {
            if may_run_in_dpc() { self.request_dpc(&mut state) } else { self.request_thread(&mut state) }
        } else {
            state.phase = Phase::Stopped;
        }
    }

    fn run_tasks(&self) {
        loop {
            let task = self.state.lock().unwrap().tasks.pop_front();
            let Some(task) = task else { return };
            task();
        }
    }

    fn poll_loop(&self, run_as: RunAs) -> PollExit {
        let irql = if run_as == RunAs::Dpc { cpu::DISPATCH_LEVEL } else { cpu::PASSIVE_LEVEL };
        let mut budget = options::options().dpc_rounds.max(1);
        self.set_notifications(false);
        let mut armed = false;
        loop {
            let worked = self.poll_round(irql) > 0;
            match (worked, armed) {
                (false, false) => {
                    self.set_notifications(true);
                    armed = true;
                }
                (false, true) => return PollExit::NoMoreWork,
                (true, true) => {
                    self.set_notifications(false);
                    armed = false;
                }
                (true, false) => {}
            }
            cpu::preempt_point();
            if !self.state.lock().unwrap().tasks.is_empty() {
                return PollExit::TaskPending;
            }
            if run_as == RunAs::Dpc {
                budget -= 1;
                if budget == 0 {
                    return PollExit::OutOfBudget;
                }
            }
        }
    }

    fn poll_round(&self, irql: u8) -> u64 {
        let mut work = 0;
        for i in 0.. {
            let poll = match self.state.lock().unwrap().polls.get(i) {
                Some((_, poll)) => poll.clone(),
                None => break,
            };
            work += poll.poll(irql);
        }
        work
    }

    /// Enables or disables those that are not so already.
    fn set_notifications(&self, enabled: bool) {
        for i in 0.. {
            let change = {
                let mut state = self.state.lock().unwrap();
                let Some(registered) = state.notifications.get_mut(i) else { break };
                let change = registered.enabled != enabled;
                registered.enabled = enabled;
                change.then(|| registered.notification.clone())
            };
            if let Some(notification) = change {
                notification.set_enabled(enabled);
            }
        }
    }
}

fn may_run_in_dpc() -> bool {
    options::options().dpc_first_loop && options::starving().is_none()
}
