//! The queue against a model that says only what must be true after each call: random sequences of calls, both sides
//! compared after every one.

use super::core::{Action, Callbacks, Core, Entry, Id, Kind, Refusal};
use super::engine::{self, Host};
use super::power::{Ack, Power};
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// How a request ended, or what was reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    Completed,
    Canceled,
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Report {
    Stopped(u32),
    Purged(u32),
}

/// The real queue with a driver that completes what it is told to cancel and keeps everything else.
struct Rig {
    core: RefCell<Core<u32>>,
    owned: RefCell<BTreeSet<Id>>,
    canceled_irps: RefCell<BTreeSet<Id>>,
    ended: RefCell<BTreeMap<Id, How>>,
    reports: RefCell<Vec<Report>>,
    power_idle: RefCell<u32>,
}

impl Rig {
    fn end(&self, id: Id, how: How) {
        let before = self.ended.borrow_mut().insert(id, how);
        assert_eq!(before, None, "request {id} ended twice");
    }

    fn end_owned(&self, id: Id, how: How) {
        assert!(self.owned.borrow_mut().remove(&id), "request {id} is not the driver's");
        self.end(id, how);
        engine::completed(self, id);
    }
}

impl Host for Rig {
    type Call = u32;

    fn with<R>(&self, f: impl FnOnce(&mut Core<u32>) -> R) -> R {
        f(&mut self.core.borrow_mut())
    }

    fn irp_canceled(&self, id: Id) -> bool {
        self.canceled_irps.borrow().contains(&id)
    }

    fn perform(&self, action: Action<u32>) {
        match action {
            Action::CompleteCanceled(id) => self.end(id, How::Canceled),
            Action::Deliver(id) => assert!(self.owned.borrow_mut().insert(id)),
            Action::Cancel(id) => self.end_owned(id, How::Canceled),
            Action::CanceledOnQueue(id) => {
                assert!(self.owned.borrow_mut().insert(id));
                self.end_owned(id, How::Canceled);
            }
            Action::IdleComplete(n) => self.reports.borrow_mut().push(Report::Stopped(n)),
            Action::PurgeComplete(n) => self.reports.borrow_mut().push(Report::Purged(n)),
            Action::Ready(_) | Action::Resume(_) | Action::Disposed => {}
            Action::Stop { id, .. } => self.with(|c| c.acknowledge(id, Ack::Keep)),
            Action::PowerIdle => *self.power_idle.borrow_mut() += 1,
        }
    }

    fn may_dispatch(&self) -> bool {
        true
    }
}

/// What must be true.
struct Model {
    kind: Kind,
    queued: Vec<Id>,
    /// Cancelable or not.
    owned: BTreeMap<Id, bool>,
    canceled_irps: BTreeSet<Id>,
    ended: BTreeMap<Id, How>,
    reports: Vec<Report>,
    accept: bool,
    dispatch: bool,
    deletes: bool,
    powered: bool,
    stop: Option<u32>,
    purge: Option<u32>,
}

impl Model {
    fn cancel_everything(&mut self) {
        for id in std::mem::take(&mut self.queued) {
            self.ended.insert(id, How::Canceled);
        }
        let cancelable: Vec<_> = self.owned.iter().filter(|(_, c)| **c).map(|(id, _)| *id).collect();
        for id in cancelable {
            self.owned.remove(&id);
            self.ended.insert(id, How::Canceled);
        }
    }

    fn settle(&mut self) {
        loop {
            if self.owned.is_empty()
                && let Some(n) = self.stop.take()
            {
                self.deletes = false;
                self.reports.push(Report::Stopped(n));
                continue;
            }
            if self.owned.is_empty()
                && self.queued.is_empty()
                && let Some(n) = self.purge.take()
            {
                self.deletes = false;
                self.reports.push(Report::Purged(n));
                continue;
            }
            let most = match self.kind {
                Kind::Manual => 0,
                Kind::Sequential => 1,
                Kind::Parallel(most) => most as usize,
            };
            if !self.dispatch || !self.powered || self.queued.is_empty() || self.owned.len() >= most {
                return;
            }
            let id = self.queued.remove(0);
            self.owned.insert(id, false);
        }
    }
}

#[derive(Clone, Debug)]
enum Op {
    Submit,
    Start,
    Stop { cancel: bool, report: bool },
    Purge { cancel: bool, report: bool },
    Retrieve,
    Complete(usize),
    Requeue(usize),
    Mark(usize),
    Unmark(usize),
    CancelIrp(usize),
    Power,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => Just(Op::Submit),
        2 => Just(Op::Start),
        2 => any::<(bool, bool)>().prop_map(|(cancel, report)| Op::Stop { cancel, report }),
        1 => any::<(bool, bool)>().prop_map(|(cancel, report)| Op::Purge { cancel, report }),
        3 => Just(Op::Retrieve),
        3 => (0..8_usize).prop_map(Op::Complete),
        2 => (0..8_usize).prop_map(Op::Requeue),
        2 => (0..8_usize).prop_map(Op::Mark),
        1 => (0..8_usize).prop_map(Op::Unmark),
        2 => (0..16_usize).prop_map(Op::CancelIrp),
        1 => Just(Op::Power),
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Manual), Just(Kind::Sequential), (1..4_u32).prop_map(Kind::Parallel)]
}

struct Pair {
    rig: Rig,
    model: Model,
    next: Id,
    reports: u32,
}

impl Pair {
    fn new(kind: Kind, canceled_on_queue: bool) -> Pair {
        let callbacks = Callbacks { canceled_on_queue, stop: true, resume: true };
        Pair {
            rig: Rig {
                core: RefCell::new(Core::new(kind, callbacks, true, true)),
                owned: RefCell::default(),
                canceled_irps: RefCell::default(),
                ended: RefCell::default(),
                reports: RefCell::default(),
                power_idle: RefCell::default(),
            },
            model: Model {
                kind,
                queued: Vec::new(),
                owned: BTreeMap::new(),
                canceled_irps: BTreeSet::new(),
                ended: BTreeMap::new(),
                reports: Vec::new(),
                accept: true,
                dispatch: true,
                deletes: false,
                powered: true,
                stop: None,
                purge: None,
            },
            next: 1,
            reports: 0,
        }
    }

    /// One of the driver's requests that is cancelable or not.
    fn pick(&self, n: usize, cancelable: bool) -> Option<Id> {
        let fitting: Vec<_> = self.model.owned.iter().filter(|(_, c)| **c == cancelable).map(|(id, _)| *id).collect();
        (!fitting.is_empty()).then(|| fitting[n % fitting.len()])
    }

    fn report(&mut self, wanted: bool) -> Option<u32> {
        self.reports += 1;
        wanted.then_some(self.reports)
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Submit => self.submit(),
            Op::Start => {
                engine::start(&self.rig);
                (self.model.accept, self.model.dispatch, self.model.deletes) = (true, true, false);
            }
            Op::Stop { cancel, report } => {
                let report = self.report(report);
                let result = engine::idle(&self.rig, cancel, report);
                if report.is_some() && self.model.stop.is_some() {
                    assert_eq!(result, Err(Refusal::InvalidRequest));
                    return;
                }
                assert_eq!(result, Ok(()));
                self.model.stop = self.model.stop.or(report);
                (self.model.accept, self.model.dispatch) = (true, false);
                if cancel {
                    self.model.deletes = true;
                    self.model.cancel_everything();
                }
            }
            Op::Purge { cancel, report } => {
                let report = self.report(report);
                let result = engine::purge(&self.rig, cancel, report);
                if report.is_some() && self.model.purge.is_some() {
                    assert_eq!(result, Err(Refusal::InvalidRequest));
                    return;
                }
                assert_eq!(result, Ok(()));
                self.model.purge = self.model.purge.or(report);
                self.model.accept = false;
                if cancel {
                    self.model.deletes = true;
                    self.model.cancel_everything();
                }
            }
            Op::Retrieve => self.retrieve(),
            Op::Complete(n) => {
                if let Some(id) = self.pick(n, false) {
                    self.rig.end_owned(id, How::Completed);
                    self.model.owned.remove(&id);
                    self.model.ended.insert(id, How::Completed);
                }
            }
            Op::Requeue(n) if self.model.kind == Kind::Manual => {
                if let Some(id) = self.pick(n, false) {
                    assert!(self.rig.owned.borrow_mut().remove(&id));
                    engine::requeue(&self.rig, id);
                    self.model.owned.remove(&id);
                    if self.model.deletes || self.model.canceled_irps.contains(&id) {
                        self.model.ended.insert(id, How::Canceled);
                    } else {
                        self.model.queued.insert(0, id);
                    }
                }
            }
            Op::Requeue(_) => {}
            Op::Mark(n) => {
                if let Some(id) = self.pick(n, false) {
                    let refused = self.model.deletes || self.model.canceled_irps.contains(&id);
                    let expected = if refused { Err(Refusal::Canceled) } else { Ok(()) };
                    assert_eq!(engine::mark_cancelable(&self.rig, id, true), expected);
                    self.model.owned.insert(id, !refused);
                }
            }
            Op::Unmark(n) => {
                if let Some(id) = self.pick(n, true) {
                    assert!(self.rig.with(|c| c.unmark_cancelable(id)));
                    self.model.owned.insert(id, false);
                }
            }
            Op::CancelIrp(n) => self.cancel(n),
            Op::Power => self.power(),
        }
        self.model.settle();
    }

    fn submit(&mut self) {
        let id = self.next;
        self.next += 1;
        let accepted = engine::submit(&self.rig, Entry { id, file: 0, presented: false, canceled: false });
        assert_eq!(accepted, self.model.accept);
        if accepted {
            self.model.queued.push(id);
        } else {
            self.rig.end(id, How::Refused);
            self.model.ended.insert(id, How::Refused);
        }
    }

    fn retrieve(&mut self) {
        let result = self.rig.with(|c| c.retrieve(None, None));
        let model = &mut self.model;
        let expected = match model.kind {
            Kind::Parallel(_) => Err(Refusal::InvalidState),
            _ if !model.dispatch || !model.powered => Err(Refusal::Paused),
            _ if model.queued.is_empty() => Err(Refusal::NoMoreEntries),
            _ => Ok(model.queued.remove(0)),
        };
        assert_eq!(result, expected);
        if let Ok(id) = result {
            model.owned.insert(id, false);
            self.rig.owned.borrow_mut().insert(id);
        }
    }

    fn cancel(&mut self, n: usize) {
        let alive: Vec<_> = self.model.queued.iter().chain(self.model.owned.keys()).copied().collect();
        if alive.is_empty() {
            return;
        }
        let id = alive[n % alive.len()];
        engine::cancel(&self.rig, id, || {
            self.rig.canceled_irps.borrow_mut().insert(id);
        });
        let model = &mut self.model;
        model.canceled_irps.insert(id);
        let queued = model.queued.contains(&id);
        model.queued.retain(|&q| q != id);
        if queued || model.owned.get(&id) == Some(&true) {
            model.owned.remove(&id);
            model.ended.insert(id, How::Canceled);
        }
    }

    fn power(&mut self) {
        if self.model.powered {
            let before = *self.rig.power_idle.borrow();
            assert!(engine::change_power(&self.rig, Power::StartingTransition));
            assert!(engine::change_power(&self.rig, Power::Stopping { purge: false }));
            assert_eq!(*self.rig.power_idle.borrow(), before + 2, "both steps of the way down are over");
            assert_eq!(self.rig.with(|c| c.power()), Power::Off);
        } else {
            engine::change_power(&self.rig, Power::Restarting);
            assert_eq!(self.rig.with(|c| c.power()), Power::On);
            engine::power_is_on(&self.rig);
        }
        self.model.powered = !self.model.powered;
    }

    fn compare(&self) {
        let (rig, model) = (&self.rig, &self.model);
        let queued = rig.with(|c| c.queued.iter().map(|e| e.id).collect::<Vec<_>>());
        assert_eq!(queued, model.queued, "queued");
        assert_eq!(*rig.owned.borrow(), model.owned.keys().copied().collect::<BTreeSet<_>>(), "owned");
        assert_eq!(rig.with(|c| c.driver_count()), model.owned.len(), "count");
        assert_eq!(*rig.ended.borrow(), model.ended, "ended");
        assert_eq!(*rig.reports.borrow(), model.reports, "reports");
        assert_eq!(rig.with(|c| (c.accepts(), c.dispatches())), (model.accept, model.dispatch), "state");
        assert!(!rig.with(|c| c.is_dispatching()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_queue_does_what_the_model_says(
        kind in kind(), canceled_on_queue in any::<bool>(), ops in prop::collection::vec(op(), 1..80),
    ) {
        let mut pair = Pair::new(kind, canceled_on_queue);
        for op in &ops {
            pair.apply(op);
            pair.compare();
        }
        // The end: a disposal finishes when the driver gives everything back.
        let all = engine::dispose(&pair.rig);
        prop_assert!(all);
        let kept = pair.rig.owned.borrow().clone();
        for id in kept {
            pair.rig.end_owned(id, How::Completed);
        }
        prop_assert!(pair.rig.with(|c| c.is_deleted()), "everything ended, the queue is gone");
        prop_assert_eq!(pair.rig.ended.borrow().len(), pair.next - 1);
    }
}
