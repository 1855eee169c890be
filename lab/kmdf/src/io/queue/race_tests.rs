//! The queue under loom: every interleaving of two or three threads at each hold of the lock.

use super::core::{Action, Callbacks, Core, Entry, Id, Kind};
use super::engine::{self, Host};
use super::power::{Ack, Power};
use loom::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use loom::sync::{Arc, Mutex};
use loom::thread;

const IDS: usize = 3;

/// A queue whose driver keeps requests until the test completes them, and completes what it is told to cancel.
struct Rig {
    core: Mutex<Core<u32>>,
    /// Requests in the driver's hands, guarded as a driver does it.
    kept: Mutex<Vec<Id>>,
    canceled_irps: Mutex<Vec<Id>>,
    /// How often each request ended.
    ended: [AtomicUsize; IDS],
    reports: AtomicUsize,
    power_idle: AtomicUsize,
}

impl Rig {
    fn new(kind: Kind) -> Arc<Rig> {
        let callbacks = Callbacks { canceled_on_queue: false, stop: true, resume: true };
        Arc::new(Rig {
            core: Mutex::new(Core::new(kind, callbacks, true, true)),
            kept: Mutex::new(Vec::new()),
            canceled_irps: Mutex::new(Vec::new()),
            ended: std::array::from_fn(|_| AtomicUsize::new(0)),
            reports: AtomicUsize::new(0),
            power_idle: AtomicUsize::new(0),
        })
    }

    fn end(&self, id: Id) {
        self.ended[id].fetch_add(1, SeqCst);
    }

    fn submit(&self, id: Id) {
        if !engine::submit(self, Entry { id, file: 0, presented: false, canceled: false }) {
            self.end(id);
        }
    }

    /// The driver completes what it keeps and may still complete.
    fn complete_kept(&self) {
        loop {
            let id = {
                let mut kept = self.kept.lock().unwrap();
                let Some(id) = kept.pop() else { return };
                // If it is not cancelable any more, the cancel callback has it.
                if !self.with(|c| c.unmark_cancelable(id)) {
                    continue;
                }
                id
            };
            self.end(id);
            engine::completed(self, id);
        }
    }

    fn all_ended_once(&self, ids: std::ops::Range<usize>) {
        for id in ids {
            assert_eq!(self.ended[id].load(SeqCst), 1, "request {id}");
        }
        self.with(|c| assert_eq!((c.queued_count(), c.driver_count(), c.is_dispatching()), (0, 0, false)));
    }
}

impl Host for Rig {
    type Call = u32;

    fn with<R>(&self, f: impl FnOnce(&mut Core<u32>) -> R) -> R {
        f(&mut self.core.lock().unwrap())
    }

    fn irp_canceled(&self, id: Id) -> bool {
        self.canceled_irps.lock().unwrap().contains(&id)
    }

    fn perform(&self, action: Action<u32>) {
        match action {
            Action::CompleteCanceled(id) => self.end(id),
            Action::Deliver(id) => {
                let mut kept = self.kept.lock().unwrap();
                if engine::mark_cancelable(self, id, true).is_ok() {
                    kept.push(id);
                } else {
                    drop(kept);
                    self.end(id);
                    engine::completed(self, id);
                }
            }
            Action::Cancel(id) | Action::CanceledOnQueue(id) => {
                let before = self.with(|c| c.power());
                self.kept.lock().unwrap().retain(|&k| k != id);
                self.end(id);
                engine::completed(self, id);
                let after = self.with(|c| c.power());
                assert!(before == after || after != Power::Off, "power went off in a callback");
            }
            Action::IdleComplete(_) | Action::PurgeComplete(_) => {
                self.reports.fetch_add(1, SeqCst);
            }
            Action::Stop { id, .. } => self.with(|c| c.acknowledge(id, Ack::Keep)),
            Action::PowerIdle => {
                self.power_idle.fetch_add(1, SeqCst);
            }
            Action::Ready(_) | Action::Resume(_) | Action::Disposed => {}
        }
    }

    fn may_dispatch(&self) -> bool {
        true
    }
}

fn model(preemptions: usize, f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(f);
}

/// A request that arrives while the queue is stopped and purged is cancelled, waits or was delivered: in the end, after
/// a start, it has ended once, and the stop was reported once.
#[test]
fn stop_and_purge_races_with_arrival() {
    model(3, || {
        let rig = Rig::new(Kind::Parallel(8));
        rig.submit(0);
        let arrival = {
            let rig = rig.clone();
            thread::spawn(move || rig.submit(1))
        };
        engine::idle(&*rig, true, Some(1)).unwrap();
        arrival.join().unwrap();
        engine::start(&*rig);
        rig.complete_kept();
        rig.all_ended_once(0..2);
        assert_eq!(rig.reports.load(SeqCst), 1);
    });
}

/// The driver completes a request while it is purged: the cancel callback or the driver ends it, not both.
#[test]
fn purge_races_with_completion() {
    model(3, || {
        let rig = Rig::new(Kind::Parallel(8));
        rig.submit(0);
        rig.submit(1);
        let driver = {
            let rig = rig.clone();
            thread::spawn(move || rig.complete_kept())
        };
        engine::purge(&*rig, true, Some(1)).unwrap();
        driver.join().unwrap();
        rig.complete_kept();
        rig.all_ended_once(0..2);
        assert_eq!(rig.reports.load(SeqCst), 1);
    });
}

/// The I/O manager cancels a request while it is on its way to the driver.
#[test]
fn cancel_races_with_delivery() {
    model(3, || {
        let rig = Rig::new(Kind::Sequential);
        rig.submit(0);
        let canceler = {
            let rig = rig.clone();
            thread::spawn(move || {
                engine::cancel(&*rig, 1, || rig.canceled_irps.lock().unwrap().push(1));
            })
        };
        rig.submit(1);
        rig.complete_kept();
        canceler.join().unwrap();
        rig.complete_kept();
        rig.complete_kept();
        rig.all_ended_once(0..2);
    });
}

/// A power-down races with arrival and completion: it ends, and what waited is delivered on the way up.
#[test]
fn power_down_races_with_arrival() {
    model(2, || {
        let rig = Rig::new(Kind::Parallel(8));
        rig.submit(0);
        let arrival = {
            let rig = rig.clone();
            thread::spawn(move || rig.submit(1))
        };
        for (step, power) in [Power::StartingTransition, Power::Stopping { purge: false }].into_iter().enumerate() {
            engine::change_power(&*rig, power);
            while rig.power_idle.load(SeqCst) <= step {
                thread::yield_now();
            }
        }
        assert_eq!(rig.with(|c| c.power()), Power::Off);
        arrival.join().unwrap();
        engine::change_power(&*rig, Power::Restarting);
        engine::power_is_on(&*rig);
        rig.complete_kept();
        rig.all_ended_once(0..2);
    });
}

/// A request is cancelled during a power-down: power does not go off while its callback runs.
#[test]
fn power_down_races_with_cancel() {
    model(3, || {
        let rig = Rig::new(Kind::Parallel(8));
        rig.submit(0);
        let canceler = {
            let rig = rig.clone();
            thread::spawn(move || {
                engine::cancel(&*rig, 0, || rig.canceled_irps.lock().unwrap().push(0));
            })
        };
        for (step, power) in [Power::StartingTransition, Power::Stopping { purge: false }].into_iter().enumerate() {
            engine::change_power(&*rig, power);
            while rig.power_idle.load(SeqCst) <= step {
                thread::yield_now();
            }
        }
        canceler.join().unwrap();
        rig.all_ended_once(0..1);
    });
}

/// Disposal with a request in the driver's hands: the queue is gone when the last one ends.
#[test]
fn disposal_races_with_completion() {
    model(3, || {
        let rig = Rig::new(Kind::Parallel(8));
        rig.submit(0);
        rig.submit(1);
        let driver = {
            let rig = rig.clone();
            thread::spawn(move || rig.complete_kept())
        };
        engine::dispose(&*rig);
        driver.join().unwrap();
        rig.complete_kept();
        rig.with(|c| assert!(c.is_deleted()));
        for id in 0..2 {
            assert_eq!(rig.ended[id].load(SeqCst), 1, "request {id}");
        }
    });
}
