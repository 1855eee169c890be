//! The framework's methods on a queue, as sequences of holds of its lock and of actions in between.
//!
//! Written over [`Host`], so that the lab runs it on one processor and the tests run it under loom.

use super::core::{Action, Core, Entry, Id, Refusal, Step};
use super::power::Power;

/// A queue's surroundings.
pub(crate) trait Host {
    /// A callback with its context.
    type Call: Clone;
    /// Runs `f` under the queue's lock.
    fn with<R>(&self, f: impl FnOnce(&mut Core<Self::Call>) -> R) -> R;
    /// True if the request's IRP was cancelled. Called under the lock.
    fn irp_canceled(&self, id: Id) -> bool;
    /// Does it, without the lock.
    fn perform(&self, action: Action<Self::Call>);
    /// True if this thread may call the driver now; otherwise it has seen to a later [`run_deferred`].
    fn may_dispatch(&self) -> bool;
}

/// FxIoQueue::DispatchEvents. False: the queue is deleted, nothing will come of it.
pub(crate) fn dispatch<H: Host>(host: &H, mut new: Option<Entry>) -> bool {
    if host.with(|c| c.is_deleted()) {
        return false;
    }
    if !host.may_dispatch() {
        let canceled = new.and_then(|e| host.with(|c| c.push_back(e, host.irp_canceled(e.id)).err()));
        if let Some(entry) = canceled {
            host.perform(Action::CompleteCanceled(entry.id));
        }
        return true;
    }
    host.with(|c| c.enter());
    loop {
        match host.with(|c| c.next(&mut new, |id| host.irp_canceled(id))) {
            Step::Act(action) => host.perform(action),
            Step::Last(action) => {
                host.perform(action);
                return true;
            }
            Step::Leave => return true,
        }
    }
}

/// FxIoQueue::DispatchInternalEvents: a thread that dispatches already will see to it.
fn dispatch_internal<H: Host>(host: &H) {
    if !host.with(|c| c.is_dispatching()) {
        dispatch(host, None);
    }
}

/// A dispatch put off by [`Host::may_dispatch`]; true if it has to run again.
pub(crate) fn run_deferred<H: Host>(host: &H) -> bool {
    host.with(|c| c.begin_deferred());
    dispatch(host, None);
    host.with(|c| c.end_deferred())
}

fn finish_cancel<H: Host>(host: &H, action: Option<Action<H::Call>>) {
    if let Some(action) = action {
        host.perform(action);
    }
    dispatch_internal(host);
}

/// A request from the I/O manager. False: the queue does not accept (STATUS_INVALID_DEVICE_STATE).
pub(crate) fn submit<H: Host>(host: &H, entry: Entry) -> bool {
    let accepted = host.with(|c| c.accepts());
    if accepted {
        dispatch(host, Some(entry));
    }
    accepted
}

/// A request from another queue (QueueRequestFromForward); `Err`: not accepted (STATUS_WDF_BUSY). `taken` is called
/// under the lock once the request is this queue's.
pub(crate) fn submit_forwarded<H: Host>(host: &H, entry: Entry, taken: impl FnOnce()) -> Result<(), Entry> {
    let entered = host.with(|c| {
        if !c.accepts() {
            return Err(entry);
        }
        taken();
        Ok(c.push_back(entry, host.irp_canceled(entry.id)).err().and_then(|e| c.cancel_for_queue(e)))
    })?;
    if let Some(action) = entered {
        host.perform(action);
    }
    dispatch(host, None);
    Ok(())
}

/// WdfRequestForwardToIoQueue from `host` to `to`; false: `to` does not accept and the driver keeps the request.
pub(crate) fn forward<H: Host>(host: &H, to: &H, id: Id, taken: impl FnOnce()) -> bool {
    let Some(entry) = host.with(|c| c.begin_forward(id)) else { return false };
    let refused = submit_forwarded(to, entry, taken).err();
    host.with(|c| c.end_forward(refused));
    if refused.is_none() {
        dispatch_internal(host);
    }
    refused.is_none()
}

/// WdfIoQueueStart.
pub(crate) fn start<H: Host>(host: &H) {
    host.with(|c| c.start());
    dispatch(host, None);
}

/// WdfIoQueueStop, or with `cancel` WdfIoQueueStopAndPurge.
pub(crate) fn idle<H: Host>(host: &H, cancel: bool, complete: Option<H::Call>) -> Result<(), Refusal> {
    host.with(|c| c.begin_idle(cancel, complete))?;
    if cancel {
        while let Some(action) = host.with(|c| c.cancel_tagged()) {
            finish_cancel(host, action);
        }
        cancel_cancelable(host);
    }
    dispatch(host, None);
    Ok(())
}

/// WdfIoQueueDrain, or with `cancel` WdfIoQueuePurge.
pub(crate) fn purge<H: Host>(host: &H, cancel: bool, complete: Option<H::Call>) -> Result<(), Refusal> {
    host.with(|c| c.begin_purge(cancel, complete))?;
    if cancel {
        while let Some(action) = host.with(|c| c.cancel_next(None)) {
            finish_cancel(host, action);
        }
        cancel_cancelable(host);
    }
    dispatch(host, None);
    Ok(())
}

fn cancel_cancelable<H: Host>(host: &H) {
    while host.with(|c| c.cancel_next_cancelable()) {
        dispatch_internal(host);
    }
}

/// IRP_MJ_CLEANUP: what is queued of the file is cancelled (FlushByFileObject).
pub(crate) fn flush<H: Host>(host: &H, file: usize) {
    while let Some(action) = host.with(|c| c.cancel_next(Some(file))) {
        finish_cancel(host, action);
    }
    dispatch(host, None);
}

/// IoCancelIrp of a request that is this queue's; `mark` sets the IRP's cancel flag, under the lock.
pub(crate) fn cancel<H: Host>(host: &H, id: Id, mark: impl FnOnce()) {
    let found = host.with(|c| {
        mark();
        c.cancel(id)
    });
    if let Some(action) = found {
        finish_cancel(host, action);
    }
}

/// WdfRequestMarkCancelable, or with `fail_if_canceled` its Ex form.
pub(crate) fn mark_cancelable<H: Host>(host: &H, id: Id, fail_if_canceled: bool) -> Result<(), Refusal> {
    let due =
        host.with(|c| c.mark_cancelable(id, host.irp_canceled(id), fail_if_canceled).map(|()| c.cancel_is_due(id)))?;
    if due {
        dispatch_internal(host);
    }
    Ok(())
}

/// WdfRequestRequeue.
pub(crate) fn requeue<H: Host>(host: &H, id: Id) {
    let action = host.with(|c| c.give_back(id, host.irp_canceled(id)));
    if let Some(action) = action {
        host.perform(action);
    }
    dispatch(host, None);
}

/// The driver has completed a request (RequestCompletedCallback).
pub(crate) fn completed<H: Host>(host: &H, id: Id) {
    host.with(|c| c.completed(id));
    dispatch_internal(host);
}

/// WdfIoQueueReadyNotify.
pub(crate) fn ready_notify<H: Host>(host: &H, callback: Option<H::Call>) -> Result<(), Refusal> {
    host.with(|c| c.set_ready(callback))?;
    dispatch(host, None);
    Ok(())
}

/// A power transition begins or goes on. True: [`Action::PowerIdle`] will tell when it is done.
pub(crate) fn change_power<H: Host>(host: &H, power: Power) -> bool {
    host.with(|c| c.set_power(power));
    dispatch(host, None)
}

/// All queues of the device are on (StartPowerTransitionOn).
pub(crate) fn power_is_on<H: Host>(host: &H) {
    host.with(|c| c.announce_waiting());
    dispatch(host, None);
}

/// The queue goes away. True: [`Action::Disposed`] will tell when nothing is left.
pub(crate) fn dispose<H: Host>(host: &H) -> bool {
    // A deleted queue is purged already.
    let _ = purge(host, true, None);
    host.with(|c| c.begin_dispose());
    dispatch(host, None)
}
