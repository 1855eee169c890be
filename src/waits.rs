//! Requests that wait for an event, and the queue they wait in over power and removal.

use crate::{device::Igb, event_log::EventLog};
use core::sync::atomic::AtomicBool;
use igbcx_ioctl::{Event, EventKind, EventMask};
use netadaptercx::{
    Result,
    irql::{AtMostDispatch, Passive},
    wdf::{
        device::Device,
        io_queue::{ManualQueue, Purged, Running, StoppedAccepting, WaitingRoom},
        lock::SpinLock,
        request::Request,
    },
    wdf_context,
};
use zerocopy::IntoBytes;

/// The context of a request: what it waits for, if it does.
pub struct WaitFor {
    pub mask: EventMask,
    pub after: u64,
}
wdf_context!(WaitFor);

impl WaitFor {
    /// The oldest event in `log` that ends the wait.
    fn ended_by(&self, log: &EventLog) -> Option<Event> {
        log.after(self.after)
            .find(|event| EventKind::from_number(event.kind).is_some_and(|kind| self.mask.contains(kind)))
    }
}

/// The queue in the state it is in.
enum State {
    Running(ManualQueue<Running>),
    Stopped(ManualQueue<StoppedAccepting>),
    Purged(ManualQueue<Purged>),
}

/// The waiting requests of a device.
pub struct Waits {
    room: WaitingRoom,
    /// Taken out while the queue changes its state, which calls back and so must not happen under the lock.
    state: SpinLock<Option<State>>,
    /// Set by EvtIoQueueState.
    stopped: AtomicBool,
}

impl Waits {
    pub fn new(device: Device, passive: Passive<'_>) -> Result<Self> {
        let queue = ManualQueue::new::<Igb>(device, passive)?;
        let room = queue.waiting_room();
        Ok(Self {
            room,
            state: SpinLock::new(device, Some(State::Running(queue)), passive)?,
            stopped: AtomicBool::new(true),
        })
    }

    /// Lets `request` wait, or answers it at once with an event that `log` has already.
    pub fn enter(&self, request: Request, wait: WaitFor, log: &EventLog, irql: AtMostDispatch<'_>) {
        request.set_context(wait);
        match self.room.enter(request) {
            // The event may have come before the request was in the queue, so look once more.
            Ok(()) => self.deliver(log, irql),
            Err((request, status)) => request.fail(status),
        }
    }

    /// Answers every waiting request whose event is in `log`.
    pub fn deliver(&self, log: &EventLog, irql: AtMostDispatch<'_>) {
        let waiting = match &*self.state.lock(irql) {
            Some(State::Running(queue)) => queue.waiting(),
            _ => return,
        };
        waiting.take_matching::<WaitFor>(
            |wait| wait.ended_by(log).is_some(),
            |request| match request.context::<WaitFor>().and_then(|wait| wait.ended_by(log)) {
                Some(event) => answer(request, &event),
                // The log went round between the two looks: only newer events are there, and one of them may do.
                None => {
                    if let Err((request, status)) = self.room.enter(request) {
                        request.fail(status);
                    }
                }
            },
        );
    }

    /// The device loses power: who waits learns it now (STATUS_CANCELLED), who comes meanwhile waits for the return.
    pub fn stop(&'static self, irql: AtMostDispatch<'_>) {
        self.change(irql, |state| match state {
            State::Running(queue) => State::Stopped(queue.stop_and_purge(&self.stopped, irql)),
            State::Stopped(queue) => State::Stopped(queue.stop_and_purge(irql)),
            purged @ State::Purged(_) => purged,
        });
    }

    /// The device is gone: nobody waits any more, and whoever comes is refused.
    pub fn purge(&self, irql: AtMostDispatch<'_>) {
        self.change(irql, |state| match state {
            State::Running(queue) => State::Purged(queue.purge(irql)),
            State::Stopped(queue) => State::Purged(queue.purge(irql)),
            purged @ State::Purged(_) => purged,
        });
    }

    /// The device has power again: what waited is answered from `log` or waits on. False while a request is still being
    /// completed from before.
    pub fn start(&self, log: &EventLog, irql: AtMostDispatch<'_>) -> bool {
        let mut started = true;
        self.change(irql, |state| match state {
            running @ State::Running(_) => running,
            State::Stopped(queue) => queue.start().map_or_else(
                |queue| {
                    started = false;
                    State::Stopped(queue)
                },
                State::Running,
            ),
            State::Purged(queue) => State::Running(queue.start()),
        });
        self.deliver(log, irql);
        started
    }

    /// Power and removal callbacks never overlap, so the state is there whenever one of them comes.
    fn change(&self, irql: AtMostDispatch<'_>, next: impl FnOnce(State) -> State) {
        let taken = self.state.lock(irql).take();
        if let Some(state) = taken {
            let state = next(state);
            *self.state.lock(irql) = Some(state);
        }
    }
}

/// Completes `request` with `event`; its output was checked to be large enough before it began to wait.
fn answer(request: Request, event: &Event) {
    request.complete_with(|output| {
        let bytes = event.as_bytes();
        match output.get_mut(..bytes.len()) {
            Some(output) => output.copy_from_slice(bytes),
            None => return Err(crate::control::refused(igbcx_ioctl::Refusal::OutputLength)),
        }
        Ok(bytes.len())
    });
}
