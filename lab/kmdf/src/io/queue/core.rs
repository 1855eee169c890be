//! The state of one I/O queue, without any framework call: what WDF fxioqueue.cpp keeps under the queue's lock.
//!
//! Every method is one hold of that lock. What the framework does with the lock dropped (calls of the driver,
//! completions) is an [`Action`]; `engine.rs` strings both together as the framework's methods do.

use super::power::{Ack, Power, Stage};
use std::collections::VecDeque;

/// Names a request.
pub(crate) type Id = usize;

/// How requests get to the driver; a parallel queue presents at most so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sequential,
    Parallel(u32),
    Manual,
}

/// A request as the queue knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: Id,
    /// The open file it came from.
    pub(crate) file: usize,
    /// The driver has had it (FxRequest::m_Presented).
    pub(crate) presented: bool,
    /// Tagged by a purge, or its IRP was cancelled in a queue (FxRequest::m_Canceled).
    pub(crate) canceled: bool,
}

/// A request the driver owns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owned {
    pub(super) entry: Entry,
    pub(super) stage: Stage,
    pub(super) ack: Option<Ack>,
}

/// What is done with the lock dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action<C> {
    /// Complete with STATUS_CANCELLED; the request has left the queue.
    CompleteCanceled(Id),
    /// Call the driver's EvtIo callback; it owns the request.
    Deliver(Id),
    /// Call the request's EvtRequestCancel.
    Cancel(Id),
    /// Call EvtIoCanceledOnQueue; the driver owns the request.
    CanceledOnQueue(Id),
    /// A stop is complete.
    IdleComplete(C),
    /// A drain or purge is complete.
    PurgeComplete(C),
    /// A manual queue has requests.
    Ready(C),
    /// Call EvtIoStop.
    Stop { id: Id, purge: bool, cancelable: bool },
    /// Call EvtIoResume.
    Resume(Id),
    /// The power transition that waits may go on.
    PowerIdle,
    /// The disposal that waits may go on.
    Disposed,
}

/// One round of the dispatch loop.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<C> {
    /// Do it and come back.
    Act(Action<C>),
    /// Do it; the loop has been left.
    Last(Action<C>),
    /// The loop has been left.
    Leave,
}

/// Why a method is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// STATUS_DELETE_PENDING.
    Deleted,
    /// STATUS_INVALID_DEVICE_REQUEST: a completion callback is pending already, or the queue is of another kind.
    InvalidRequest,
    /// STATUS_INVALID_DEVICE_STATE.
    InvalidState,
    /// STATUS_WDF_PAUSED.
    Paused,
    /// STATUS_NO_MORE_ENTRIES.
    NoMoreEntries,
    /// STATUS_NOT_FOUND.
    NotFound,
    /// STATUS_CANCELLED.
    Canceled,
}

/// Which callbacks the driver registered that change what the queue does.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Callbacks {
    pub(crate) canceled_on_queue: bool,
    pub(crate) stop: bool,
    pub(crate) resume: bool,
}

/// The queue. `C` is a callback with its context.
#[derive(Debug)]
pub(crate) struct Core<C> {
    pub(super) kind: Kind,
    pub(super) callbacks: Callbacks,
    pub(super) accept: bool,
    pub(super) dispatch: bool,
    /// The device is going away: acceptance stays closed.
    pub(super) shutdown: bool,
    /// Requests that come back from the driver are deleted (m_CancelDispatchedRequests).
    pub(super) delete_returned: bool,
    pub(super) queued: VecDeque<Entry>,
    pub(super) owned: Vec<Owned>,
    /// Requests between two queues: neither's list has them, the first one's count does.
    pub(super) forwarding: usize,
    /// Driver-owned requests with a cancel callback (m_DriverCancelable).
    pub(super) cancelable: Vec<Id>,
    /// Their cancel callbacks are due (m_Cancelled).
    pub(super) cancel_due: VecDeque<Id>,
    /// EvtIoCanceledOnQueue is due.
    pub(super) canceled_on_queue: VecDeque<Id>,
    pub(super) idle: Option<C>,
    pub(super) purged: Option<C>,
    pub(super) ready: Option<C>,
    pub(super) transition_from_empty: bool,
    /// Threads in the dispatch loop.
    pub(super) dispatching: usize,
    pub(super) power_managed: bool,
    pub(super) power: Power,
    pub(super) disposing: bool,
    pub(super) deleted: bool,
    deferred: bool,
    defer_again: bool,
}

impl<C: Clone> Core<C> {
    pub(crate) fn new(kind: Kind, callbacks: Callbacks, power_managed: bool, powered: bool) -> Core<C> {
        Core {
            kind,
            callbacks,
            accept: true,
            dispatch: true,
            shutdown: false,
            delete_returned: false,
            queued: VecDeque::new(),
            owned: Vec::new(),
            forwarding: 0,
            cancelable: Vec::new(),
            cancel_due: VecDeque::new(),
            canceled_on_queue: VecDeque::new(),
            idle: None,
            purged: None,
            ready: None,
            transition_from_empty: false,
            dispatching: 0,
            power_managed,
            power: if powered || !power_managed { Power::On } else { Power::Off },
            disposing: false,
            deleted: false,
            deferred: false,
            defer_again: false,
        }
    }

    pub(crate) fn accepts(&self) -> bool {
        self.accept
    }

    pub(crate) fn dispatches(&self) -> bool {
        self.dispatch
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted
    }

    pub(crate) fn is_dispatching(&self) -> bool {
        self.dispatching > 0
    }

    /// Requests in the queue.
    pub(crate) fn queued_count(&self) -> usize {
        self.queued.len()
    }

    /// Requests the driver owns.
    pub(crate) fn driver_count(&self) -> usize {
        self.owned.len() + self.forwarding
    }

    /// Its cancel callback, or EvtIoCanceledOnQueue, is due and has not been called.
    pub(crate) fn cancel_is_due(&self, id: Id) -> bool {
        self.cancel_due.contains(&id) || self.canceled_on_queue.contains(&id)
    }

    /// A purge or the I/O manager cancelled this request of the driver.
    pub(crate) fn is_canceled(&self, id: Id) -> bool {
        self.owned.iter().any(|o| o.entry.id == id && o.entry.canceled)
    }

    fn set_accept(&mut self) {
        self.accept = !self.shutdown;
    }

    /// FxIoQueue::SetStateForShutdown.
    pub(crate) fn shut_down(&mut self) {
        self.shutdown = true;
        self.accept = false;
    }

    /// FxIoQueue::QueueStart.
    pub(crate) fn start(&mut self) {
        self.set_accept();
        self.dispatch = true;
        self.delete_returned = false;
        if !self.queued.is_empty() {
            self.transition_from_empty = true;
        }
    }

    /// The first hold of QueueIdle: Stop, or StopAndPurge (`cancel`), which tags what is queued now.
    pub(crate) fn begin_idle(&mut self, cancel: bool, complete: Option<C>) -> Result<(), Refusal> {
        if self.deleted {
            return Err(Refusal::Deleted);
        }
        if complete.is_some() {
            if self.idle.is_some() {
                return Err(Refusal::InvalidRequest);
            }
            self.idle = complete;
        }
        self.set_accept();
        self.dispatch = false;
        if cancel {
            self.delete_returned = true;
            self.queued.iter_mut().for_each(|e| e.canceled = true);
        }
        Ok(())
    }

    /// The next queued request that StopAndPurge cancels, handled; `None` at the first one that is not tagged.
    pub(crate) fn cancel_tagged(&mut self) -> Option<Option<Action<C>>> {
        let entry = self.queued.pop_front_if(|e| e.canceled)?;
        Some(self.cancel_for_queue(entry))
    }

    /// The first hold of QueuePurge: Drain, or Purge (`cancel`).
    pub(crate) fn begin_purge(&mut self, cancel: bool, complete: Option<C>) -> Result<(), Refusal> {
        if self.deleted {
            return Err(Refusal::Deleted);
        }
        if complete.is_some() {
            if self.purged.is_some() {
                return Err(Refusal::InvalidRequest);
            }
            self.purged = complete;
        }
        self.accept = false;
        self.delete_returned |= cancel;
        Ok(())
    }

    /// The next queued request (of one file), cancelled.
    pub(crate) fn cancel_next(&mut self, file: Option<usize>) -> Option<Option<Action<C>>> {
        let at = self.queued.iter().position(|e| file.is_none_or(|f| e.file == f))?;
        let entry = self.queued.remove(at)?;
        Some(self.cancel_for_queue(entry))
    }

    /// Makes the cancel callback of the next cancelable request due; false if there is none.
    pub(crate) fn cancel_next_cancelable(&mut self) -> bool {
        match self.cancelable.first().copied() {
            Some(id) => {
                self.cancel_for_driver(id);
                true
            }
            None => false,
        }
    }

    /// A request leaves the queue cancelled (CancelForQueue): the driver is told if it knows the request and asked for
    /// it, otherwise the request is completed.
    pub(crate) fn cancel_for_queue(&mut self, mut entry: Entry) -> Option<Action<C>> {
        entry.canceled = true;
        if self.callbacks.canceled_on_queue && entry.presented {
            self.own(entry);
            self.canceled_on_queue.push_back(entry.id);
            None
        } else {
            Some(Action::CompleteCanceled(entry.id))
        }
    }

    /// A cancelable request of the driver is cancelled (CancelForDriver).
    fn cancel_for_driver(&mut self, id: Id) {
        self.cancelable.retain(|&c| c != id);
        if let Some(owned) = self.owned.iter_mut().find(|o| o.entry.id == id) {
            owned.entry.canceled = true;
        }
        self.cancel_due.push_back(id);
    }

    /// IoCancelIrp: what follows if the request is queued here or cancelable. `None` if it is neither.
    pub(crate) fn cancel(&mut self, id: Id) -> Option<Option<Action<C>>> {
        if let Some(at) = self.queued.iter().position(|e| e.id == id) {
            let entry = self.queued.remove(at)?;
            return Some(self.cancel_for_queue(entry));
        }
        self.cancelable.contains(&id).then(|| {
            self.cancel_for_driver(id);
            None
        })
    }

    /// WdfRequestMarkCancelable(Ex) of a request whose IRP is cancelled or not. A purge in progress counts as cancelled.
    pub(crate) fn mark_cancelable(
        &mut self,
        id: Id,
        irp_canceled: bool,
        fail_if_canceled: bool,
    ) -> Result<(), Refusal> {
        if !self.delete_returned && !irp_canceled {
            self.cancelable.push(id);
            Ok(())
        } else if fail_if_canceled {
            Err(Refusal::Canceled)
        } else {
            self.cancel_for_driver(id);
            Ok(())
        }
    }

    /// WdfRequestUnmarkCancelable: false if the cancel callback was or will be called.
    pub(crate) fn unmark_cancelable(&mut self, id: Id) -> bool {
        let before = self.cancelable.len();
        self.cancelable.retain(|&c| c != id);
        self.cancelable.len() < before
    }

    /// Puts a request at the end; one whose IRP is cancelled does not go in.
    pub(crate) fn push_back(&mut self, entry: Entry, irp_canceled: bool) -> Result<(), Entry> {
        if irp_canceled {
            return Err(entry);
        }
        self.queued.push_back(entry);
        self.check_transition();
        Ok(())
    }

    /// Puts a request back at the front, or cancels it (Requeue).
    pub(crate) fn give_back(&mut self, id: Id, irp_canceled: bool) -> Option<Action<C>> {
        let entry = self.disown(id)?;
        if self.delete_returned || irp_canceled {
            return self.cancel_for_queue(entry);
        }
        self.queued.push_front(entry);
        self.check_transition();
        None
    }

    fn check_transition(&mut self) {
        self.transition_from_empty |= self.queued.len() == 1;
    }

    pub(super) fn own(&mut self, entry: Entry) {
        self.owned.push(Owned { entry, stage: Stage::Owned, ack: None });
    }

    fn disown(&mut self, id: Id) -> Option<Entry> {
        let at = self.owned.iter().position(|o| o.entry.id == id)?;
        Some(self.owned.remove(at).entry)
    }

    /// The driver completed it.
    pub(crate) fn completed(&mut self, id: Id) {
        self.disown(id);
    }

    /// The first hold of a forward: the request leaves the list, the count keeps it.
    pub(crate) fn begin_forward(&mut self, id: Id) -> Option<Entry> {
        let entry = self.disown(id)?;
        self.forwarding += 1;
        Some(entry)
    }

    /// The other queue took it, or (`Some`) refused it.
    pub(crate) fn end_forward(&mut self, refused: Option<Entry>) {
        self.forwarding -= 1;
        if let Some(entry) = refused {
            self.own(entry);
        }
    }

    /// FxIoQueue::GetRequest: the next request, of one file, or one found before; the driver owns it then.
    pub(crate) fn retrieve(&mut self, file: Option<usize>, found: Option<Id>) -> Result<Id, Refusal> {
        if found.is_some() && self.kind != Kind::Manual {
            return Err(Refusal::InvalidRequest);
        }
        if matches!(self.kind, Kind::Parallel(_)) {
            return Err(Refusal::InvalidState);
        }
        if self.power == Power::Off || !self.dispatch {
            return Err(Refusal::Paused);
        }
        let (at, refusal) = match found {
            Some(id) => (self.queued.iter().position(|e| e.id == id), Refusal::NotFound),
            None => (self.queued.iter().position(|e| file.is_none_or(|f| e.file == f)), Refusal::NoMoreEntries),
        };
        let mut entry = at.and_then(|at| self.queued.remove(at)).ok_or(refusal)?;
        entry.presented = true;
        self.own(entry);
        Ok(entry.id)
    }

    /// FxIoQueue::PeekRequest: the first request (of one file) after `tag`.
    pub(crate) fn peek(&self, tag: Option<Id>, file: Option<usize>) -> Result<Id, Refusal> {
        if self.kind != Kind::Manual {
            return Err(Refusal::InvalidRequest);
        }
        let start = match tag {
            None => 0,
            Some(tag) => self.queued.iter().position(|e| e.id == tag).ok_or(Refusal::NotFound)? + 1,
        };
        let mut rest = self.queued.iter().skip(start);
        rest.find(|e| file.is_none_or(|f| e.file == f)).map(|e| e.id).ok_or(Refusal::NoMoreEntries)
    }

    /// FxIoQueue::ReadyNotify: registers the callback, or (`None`) takes it away from a stopped queue.
    pub(crate) fn set_ready(&mut self, callback: Option<C>) -> Result<(), Refusal> {
        if self.kind != Kind::Manual {
            return Err(Refusal::InvalidRequest);
        }
        if self.deleted {
            return Err(Refusal::Deleted);
        }
        let fits = match callback {
            Some(_) => self.ready.is_none(),
            None => self.ready.is_some() && !self.dispatch,
        };
        if !fits {
            return Err(Refusal::InvalidRequest);
        }
        self.ready = callback;
        Ok(())
    }

    /// The queue is being deleted.
    pub(crate) fn begin_dispose(&mut self) {
        self.disposing = true;
    }

    /// A thread may not dispatch here: true if a deferred run has to be queued.
    pub(crate) fn defer(&mut self) -> bool {
        self.defer_again = true;
        !std::mem::replace(&mut self.deferred, true)
    }

    /// A deferred run begins.
    pub(crate) fn begin_deferred(&mut self) {
        self.defer_again = false;
    }

    /// A deferred run ends: true if another one has to be queued.
    pub(crate) fn end_deferred(&mut self) -> bool {
        self.deferred = !self.deleted && self.defer_again;
        self.defer_again = false;
        self.deferred
    }

    /// Enters the dispatch loop.
    pub(crate) fn enter(&mut self) {
        self.dispatching += 1;
    }

    /// One round of the dispatch loop (FxIoQueue::DispatchEvents). `new` is a request that has just arrived.
    pub(crate) fn next(&mut self, new: &mut Option<Entry>, irp_canceled: impl Fn(Id) -> bool) -> Step<C> {
        loop {
            // What is due before a request is dispatched makes the new one wait its turn in the queue.
            let waits = !self.cancel_due.is_empty()
                || !self.canceled_on_queue.is_empty()
                || self.is_idle()
                || self.power != Power::On
                || !self.presents_more();
            if (waits || !self.queued.is_empty())
                && let Some(entry) = new.take()
                && let Err(entry) = self.push_back(entry, irp_canceled(entry.id))
            {
                return Step::Act(Action::CompleteCanceled(entry.id));
            }
            if !self.power.notifies_driver() {
                if let Some(id) = self.cancel_due.pop_front() {
                    return Step::Act(Action::Cancel(id));
                }
                if let Some(id) = self.canceled_on_queue.pop_front() {
                    return Step::Act(Action::CanceledOnQueue(id));
                }
            }
            if self.is_idle()
                && let Some(complete) = self.idle.take()
            {
                self.delete_returned = false;
                return Step::Act(Action::IdleComplete(complete));
            }
            let alone = self.dispatching == 1;
            let empty = self.queued.is_empty() && self.driver_count() == 0 && new.is_none();
            if empty
                && alone
                && let Some(complete) = self.purged.take()
            {
                self.delete_returned = false;
                return Step::Act(Action::PurgeComplete(complete));
            }
            if self.power.is_changing() {
                match self.power_step(&irp_canceled) {
                    Some(Step::Act(action)) => return Step::Act(action),
                    Some(Step::Last(action)) => return self.leave(Some(action)),
                    Some(Step::Leave) => return self.leave(None),
                    None => continue,
                }
            }
            if self.disposing && empty && alone {
                // No thread dispatches from here on.
                self.deleted = true;
                return Step::Last(Action::Disposed);
            }
            if self.power == Power::Off || !self.dispatch {
                return self.leave(None);
            }
            if self.kind == Kind::Manual {
                if self.transition_from_empty
                    && let Some(ready) = self.ready.clone()
                {
                    self.transition_from_empty = false;
                    return Step::Act(Action::Ready(ready));
                }
                return self.leave(None);
            }
            if !self.presents_more() {
                return self.leave(None);
            }
            let Some(mut entry) = self.queued.pop_front().or_else(|| new.take()) else { return self.leave(None) };
            entry.presented = true;
            self.own(entry);
            return Step::Act(Action::Deliver(entry.id));
        }
    }

    /// A stop waits for its completion, and nothing is in the driver's hands.
    fn is_idle(&self) -> bool {
        self.idle.is_some() && self.dispatching == 1 && self.driver_count() == 0
    }

    /// The driver may be given one more request.
    fn presents_more(&self) -> bool {
        self.dispatch
            && match self.kind {
                Kind::Manual => false,
                Kind::Sequential => self.driver_count() == 0,
                Kind::Parallel(most) => self.driver_count() < most as usize,
            }
    }

    fn leave(&mut self, action: Option<Action<C>>) -> Step<C> {
        self.dispatching -= 1;
        action.map_or(Step::Leave, Step::Last)
    }
}
