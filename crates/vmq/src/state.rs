//! The life of the queues: which requests are allowed when, and what is still owed for each.
//!
//! Nothing here knows an NDIS structure, and nothing waits: a step that cannot be taken yet is left, and whoever removes the
//! obstacle wakes the engine ([`Wake`](crate::Wake)).

use crate::{Failed, Filter, FilterId, FilterTable, Host, MAX_QUEUES, QueueId, Stopped, Stuck, filter::MAX_FILTERS};
use ndis_sys::{
    NDIS_STATUS, NDIS_STATUS_FAILURE, NDIS_STATUS_FILE_NOT_FOUND, NDIS_STATUS_INVALID_PARAMETER,
    NDIS_STATUS_NOT_ACCEPTED, NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_REQUEST_ABORTED, NDIS_STATUS_SUCCESS,
};

/// Where a queue stands between its allocation and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// Not allocated.
    Undefined,
    /// Allocated; no memory yet.
    Allocated,
    /// Its allocation is complete: it has memory, and runs while it has filters.
    Complete,
    /// On its way out.
    Freeing(Step),
    /// Given up with its memory.
    Leaked,
}

/// What a queue on its way out waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// The receive path is to leave, the DMA to be proven off.
    Stop,
    /// The consumer is to be told that the DMA has stopped.
    Announce,
    /// It is being told.
    Announcing,
    /// The packets are to come back.
    Drain,
}

/// What is known of a queue's DMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Dma {
    /// Proven off.
    Off,
    /// On.
    On,
    /// To be taken as on: the hardware did not stop.
    Stuck,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Queue<R> {
    phase: Phase,
    dma: Dma,
    memory: bool,
    /// FREE_QUEUE was taken: the consumer is to be told of DmaStopped.
    asked: bool,
    /// The door closes or the device goes: there is no way back to life.
    closing: bool,
    /// CLEAR_FILTER of the last filter, while the receive path is inside.
    clearing: Option<R>,
    /// FREE_QUEUE.
    freeing: Option<R>,
    /// FREE_QUEUE is to be aborted.
    abort: bool,
}

impl<R> Queue<R> {
    const UNDEFINED: Self = Self {
        phase: Phase::Undefined,
        dma: Dma::Off,
        memory: false,
        asked: false,
        closing: false,
        clearing: None,
        freeing: None,
        abort: false,
    };

    const fn is_alive(&self) -> bool {
        matches!(self.phase, Phase::Allocated | Phase::Complete)
    }
}

/// Which requests are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Accepting {
    Everything,
    /// The device is being reset.
    Resetting,
    /// The device is gone or going.
    Removed,
}

/// Why the hardware stops working for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// It leaves D0. Queues, filters and pending requests stay; requests are taken as ever and reach the hardware later.
    LowPower,
    /// It is reset. Pending FREE_QUEUE requests end as aborted, new requests are not accepted.
    Reset,
}

/// The answer to a request that may pend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Finished; the request was not kept.
    Done(NDIS_STATUS),
    /// [`Effect::Complete`] will bring it back, exactly once.
    Pending,
}

/// Something the consumer is to be told, without the door's lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect<R> {
    /// The DMA of a queue that is being freed has ended. [`Queues::announced`] when the consumer has been told.
    DmaStopped(QueueId),
    /// A pending request ends with this status.
    Complete(R, NDIS_STATUS),
}

/// A queue as seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Not allocated, or lost.
    pub state: State,
    /// Its allocation is complete, so it has memory.
    pub has_memory: bool,
    /// A FREE_QUEUE pends.
    pub freeing: bool,
}

/// NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE, and what NDIS has no name for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not allocated.
    Undefined,
    /// Allocated; without filters or its allocation not complete.
    Paused,
    /// With filters and complete.
    Running,
    /// Being freed, its DMA off.
    DmaStopped,
    /// Given up: the hardware did not stop, or packets did not come back in time. The id is lost.
    Leaked,
}

/// Every queue and filter. `R` stands for a request that may pend.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Queues<R> {
    queues: [Queue<R>; MAX_QUEUES],
    filters: FilterTable,
    /// In D0, between [`Self::resume`] and [`Self::suspend`].
    powered: bool,
    accepting: Accepting,
}

impl<R> Queues<R> {
    /// No queue; the hardware does not work yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            queues: [const { Queue::UNDEFINED }; MAX_QUEUES],
            filters: FilterTable::new(),
            powered: false,
            accepting: Accepting::Everything,
        }
    }

    /// The filters that are set.
    #[must_use]
    pub const fn filters(&self) -> &FilterTable {
        &self.filters
    }

    /// A queue's state.
    #[must_use]
    pub fn look(&self, queue: QueueId) -> Look {
        let of = self.queue(queue);
        let state = match of.phase {
            Phase::Undefined => State::Undefined,
            Phase::Complete if self.has_filters(queue) => State::Running,
            Phase::Allocated | Phase::Complete | Phase::Freeing(Step::Stop) => State::Paused,
            Phase::Freeing(_) => State::DmaStopped,
            Phase::Leaked => State::Leaked,
        };
        Look { state, has_memory: of.memory, freeing: of.freeing.is_some() }
    }

    /// The queue can get filters and other parameters.
    #[must_use]
    pub fn is_alive(&self, queue: QueueId) -> bool {
        self.queue(queue).is_alive()
    }

    /// No queue is left but those that were given up, and no request pends.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let gone = |of: &Queue<R>| of.phase == Phase::Undefined || of.phase == Phase::Leaked && !of.memory;
        self.queues.iter().all(|of| gone(of) && of.clearing.is_none() && of.freeing.is_none())
    }

    /// ALLOCATE_QUEUE: the lowest free queue, Paused.
    ///
    /// # Errors
    /// NDIS_STATUS_NOT_SUPPORTED if queues are not enabled, NDIS_STATUS_FAILURE if all are in use or the device is resetting
    /// or removed.
    pub fn allocate(&mut self, host: &impl Host) -> Result<QueueId, NDIS_STATUS> {
        let limits = host.limits();
        if !limits.enabled {
            return Err(NDIS_STATUS_NOT_SUPPORTED);
        }
        self.ready()?;
        let free = |queue: &QueueId| self.queue(*queue).phase == Phase::Undefined;
        let queue = QueueId::all().take(limits.queues.into()).find(free).ok_or(NDIS_STATUS_FAILURE)?;
        self.queue_mut(queue).phase = Phase::Allocated;
        Ok(queue)
    }

    /// Whether QUEUE_ALLOCATION_COMPLETE may name this queue.
    #[must_use]
    pub fn may_complete(&self, queue: QueueId) -> bool {
        self.queue(queue).phase == Phase::Allocated
    }

    /// QUEUE_ALLOCATION_COMPLETE for one queue: gives it memory; with filters it runs. The status is CompletionStatus; a
    /// queue that did not succeed is as it was, but for one that did not start and then did not stop.
    pub fn complete(&mut self, host: &mut impl Host, queue: QueueId, suggested: u32) -> NDIS_STATUS {
        if let Err(status) = self.ready() {
            return status;
        }
        if !self.may_complete(queue) {
            return NDIS_STATUS_INVALID_PARAMETER;
        }
        if let Err(status) = host.allocate(queue, suggested) {
            return status;
        }
        let of = self.queue_mut(queue);
        (of.phase, of.memory) = (Phase::Complete, true);
        if self.run_if_filtered(host, queue).is_ok() {
            return NDIS_STATUS_SUCCESS;
        }
        if self.queue(queue).dma == Dma::Off {
            host.free(queue);
            let of = self.queue_mut(queue);
            (of.phase, of.memory) = (Phase::Allocated, false);
        }
        NDIS_STATUS_FAILURE
    }

    /// SET_FILTER: under the lowest free id; a complete queue runs from now on.
    ///
    /// # Errors
    /// NDIS_STATUS_INVALID_PARAMETER if there is no such queue or it is being freed, what [`Host::accepts`] says if the
    /// hardware cannot match it, NDIS_STATUS_FAILURE if no filter is left, if the hardware failed, or if the device is
    /// resetting or removed. Nothing has changed then.
    pub fn set_filter(
        &mut self,
        host: &mut impl Host,
        queue: QueueId,
        filter: Filter,
    ) -> Result<FilterId, NDIS_STATUS> {
        self.ready()?;
        if !self.is_alive(queue) {
            return Err(NDIS_STATUS_INVALID_PARAMETER);
        }
        let limit = usize::from(host.limits().filters).min(MAX_FILTERS);
        let id = self.filters.insert(queue, filter, limit).ok_or(NDIS_STATUS_FAILURE)?;
        let accepted = host.accepts(&self.filters);
        let set = accepted.and_then(|()| self.program(host).map_err(|Failed| NDIS_STATUS_FAILURE));
        let running = set.and_then(|()| self.run_if_filtered(host, queue).map_err(|Failed| NDIS_STATUS_FAILURE));
        running.map(|()| id).inspect_err(|_| {
            self.filters.remove(id);
            if accepted.is_ok() {
                // What the hardware has now is no worse than what it would keep.
                let _ = self.program(host);
            }
        })
    }

    /// CLEAR_FILTER. The last filter's pauses the queue, and pends while the receive path is inside, so that nothing is
    /// indicated after its completion.
    ///
    /// NDIS_STATUS_FILE_NOT_FOUND if the queue has no such filter, NDIS_STATUS_NOT_ACCEPTED if the device is resetting or
    /// removed, or if another CLEAR_FILTER of the queue pends.
    pub fn clear_filter(&mut self, host: &mut impl Host, queue: QueueId, filter: FilterId, request: R) -> Answer {
        if self.accepting != Accepting::Everything {
            return Answer::Done(NDIS_STATUS_NOT_ACCEPTED);
        }
        if self.filters.get(filter).is_none_or(|(of, _)| of != queue) {
            return Answer::Done(NDIS_STATUS_FILE_NOT_FOUND);
        }
        if self.queue(queue).clearing.is_some() {
            return Answer::Done(NDIS_STATUS_NOT_ACCEPTED);
        }
        self.filters.remove(filter);
        // A device that fails here is gone or going, and matches nothing.
        let _ = self.program(host);
        if self.has_filters(queue) {
            return Answer::Done(NDIS_STATUS_SUCCESS);
        }
        host.gate(queue).close();
        if !host.gate(queue).is_idle() {
            self.queue_mut(queue).clearing = Some(request);
            return Answer::Pending;
        }
        self.pause(host, queue);
        Answer::Done(NDIS_STATUS_SUCCESS)
    }

    /// FREE_QUEUE. Pends if it is taken, and goes on in [`Self::next`]. `request_id` is for [`Gate::cancel`](crate::Gate).
    ///
    /// A FREE_QUEUE that was cancelled or aborted goes on by itself; another one for the same queue then pends in its place.
    ///
    /// NDIS_STATUS_INVALID_PARAMETER if there is no such queue, if it still has filters, or if a FREE_QUEUE of it pends;
    /// NDIS_STATUS_NOT_ACCEPTED if the device is resetting or removed.
    pub fn free(&mut self, host: &impl Host, queue: QueueId, request: R, request_id: usize) -> Answer {
        if self.accepting != Accepting::Everything {
            return Answer::Done(NDIS_STATUS_NOT_ACCEPTED);
        }
        let filtered = self.has_filters(queue);
        let of = self.queue_mut(queue);
        match of.phase {
            Phase::Allocated | Phase::Complete if !filtered => {
                of.phase = Phase::Freeing(Step::Stop);
                of.asked = true;
                if of.dma == Dma::Stuck {
                    // It gets another chance.
                    of.dma = Dma::On;
                }
            }
            Phase::Freeing(_) if of.asked && !of.closing && of.freeing.is_none() => {}
            _ => return Answer::Done(NDIS_STATUS_INVALID_PARAMETER),
        }
        (of.freeing, of.abort) = (Some(request), false);
        host.gate(queue).pend(request_id);
        Answer::Pending
    }

    /// Takes every step that can be taken, up to one that the consumer is to be told of. To be repeated until there is none.
    pub fn next(&mut self, host: &mut impl Host) -> Option<Effect<R>> {
        loop {
            let powered = self.powered;
            let effect = QueueId::all().find_map(|queue| self.advance(host, queue));
            // A queue that took the whole device down changed what those before it can do.
            if effect.is_some() || self.powered == powered {
                return effect;
            }
        }
    }

    /// The consumer has been told of [`Effect::DmaStopped`]. [`Self::next`] comes next.
    pub fn announced(&mut self, queue: QueueId) {
        let of = self.queue_mut(queue);
        if of.phase == Phase::Freeing(Step::Announcing) {
            of.phase = Phase::Freeing(Step::Drain);
        }
    }

    /// Before the hardware stops working: closes every queue. The caller waits for [`Self::is_idle`], resets the device and
    /// says [`Self::reset_done`].
    pub fn suspend(&mut self, host: &impl Host, pause: Pause) {
        self.powered = false;
        if pause == Pause::Reset && self.accepting == Accepting::Everything {
            self.accepting = Accepting::Resetting;
        }
        for queue in QueueId::all() {
            host.gate(queue).close();
            self.queue_mut(queue).abort |= pause == Pause::Reset;
        }
    }

    /// Whether the receive path is out of every queue.
    #[must_use]
    pub fn is_idle(&self, host: &impl Host) -> bool {
        // Each is asked, so that each wakes.
        QueueId::all().filter(|queue| !host.gate(*queue).is_idle()).count() == 0
    }

    /// The whole device was reset. If that proves every DMA off (or the device is gone, which is the same), the queues that
    /// were stuck can go on; if not, all of them are to be taken as stuck.
    pub fn reset_done(&mut self, proven: bool) {
        for of in self.queues.iter_mut().filter(|of| of.dma != Dma::Off) {
            of.dma = if proven { Dma::Off } else { Dma::Stuck };
        }
    }

    /// The hardware works again, after a reset: programs filters, starts the queues that ran, takes requests.
    ///
    /// # Errors
    /// [`Failed`]: the device does not answer, and [`Self::suspend`] or [`Self::remove`] comes next.
    pub fn resume(&mut self, host: &mut impl Host) -> Result<(), Failed> {
        self.powered = true;
        self.accepting = Accepting::Everything;
        self.program(host)?;
        QueueId::all().try_for_each(|queue| match self.queue(queue).phase {
            Phase::Complete => self.run_if_filtered(host, queue),
            _ => Ok(()),
        })
    }

    /// The consumer closes the door: every queue that is left is freed, without a word to the consumer but for requests that
    /// pend. The caller waits for [`Self::is_empty`], a bounded time, and then says [`Self::abandon`].
    pub fn close(&mut self, host: &mut impl Host) {
        for queue in QueueId::all() {
            self.filters.remove_all_of(queue);
            host.gate(queue).close();
            let of = self.queue_mut(queue);
            if of.is_alive() {
                of.phase = Phase::Freeing(Step::Stop);
            }
            of.closing = matches!(of.phase, Phase::Freeing(_));
        }
        let _ = self.program(host);
    }

    /// The device goes: [`Self::close`], and no request is taken any more.
    pub fn remove(&mut self, host: &mut impl Host) {
        self.accepting = Accepting::Removed;
        self.close(host);
    }

    /// The wait after [`Self::close`] is over: memory that is not free yet never will be. Pending requests end as aborted, in
    /// [`Self::next`]. False if there was nothing.
    pub fn abandon(&mut self) -> bool {
        let left = |of: &&mut Queue<R>| matches!(of.phase, Phase::Freeing(_)) && of.memory;
        self.queues.iter_mut().filter(left).map(|of| of.phase = Phase::Leaked).count() != 0
    }

    fn queue(&self, queue: QueueId) -> &Queue<R> {
        &self.queues[queue.index()]
    }

    fn queue_mut(&mut self, queue: QueueId) -> &mut Queue<R> {
        &mut self.queues[queue.index()]
    }

    fn has_filters(&self, queue: QueueId) -> bool {
        self.filters.of(queue).next().is_some()
    }

    /// Requests that can fail plainly are taken.
    fn ready(&self) -> Result<(), NDIS_STATUS> {
        if self.accepting == Accepting::Everything { Ok(()) } else { Err(NDIS_STATUS_FAILURE) }
    }

    /// Brings the filters to the hardware, if it works.
    fn program(&self, host: &mut impl Host) -> Result<(), Failed> {
        if self.powered { host.steer(&self.filters) } else { Ok(()) }
    }

    /// Lets a complete queue that has filters run, if the hardware works.
    fn run_if_filtered(&mut self, host: &mut impl Host, queue: QueueId) -> Result<(), Failed> {
        if !self.powered || self.queue(queue).phase != Phase::Complete || !self.has_filters(queue) {
            return Ok(());
        }
        match self.queue(queue).dma {
            Dma::Stuck => return Err(Failed),
            Dma::On => {}
            Dma::Off if !host.gate(queue).is_idle() => return Err(Failed),
            Dma::Off => {
                self.queue_mut(queue).dma = Dma::On;
                if host.start(queue).is_err() {
                    self.stop(host, queue);
                    return Err(Failed);
                }
            }
        }
        host.gate(queue).open();
        Ok(())
    }

    /// A closed queue without filters and without the receive path inside: turns its DMA off. Should that fail, FREE_QUEUE
    /// tries again.
    fn pause(&mut self, host: &mut impl Host, queue: QueueId) {
        if self.powered && self.queue(queue).dma == Dma::On {
            self.stop(host, queue);
        }
    }

    fn stop(&mut self, host: &mut impl Host, queue: QueueId) {
        self.queue_mut(queue).dma = match host.stop(queue) {
            Ok(Stopped::Queue) => Dma::Off,
            Ok(Stopped::Device) => {
                self.suspend(host, Pause::Reset);
                // The reset was for this queue's sake: its own request goes on.
                self.queue_mut(queue).abort = false;
                self.reset_done(true);
                Dma::Off
            }
            Err(Stuck) => Dma::Stuck,
        };
    }

    fn advance(&mut self, host: &mut impl Host, queue: QueueId) -> Option<Effect<R>> {
        if self.queue(queue).clearing.is_some() && (host.gate(queue).is_open() || host.gate(queue).is_idle()) {
            if self.is_alive(queue) && !self.has_filters(queue) {
                self.pause(host, queue);
            }
            let request = self.queue_mut(queue).clearing.take();
            return request.map(|request| Effect::Complete(request, NDIS_STATUS_SUCCESS));
        }
        match self.queue(queue).phase {
            Phase::Freeing(step) => self.advance_freeing(host, queue, step),
            Phase::Leaked => {
                if self.queue(queue).memory && host.gate(queue).is_idle() {
                    self.queue_mut(queue).memory = false;
                    host.leak(queue);
                }
                match self.queue_mut(queue).clearing.take() {
                    Some(request) => Some(Effect::Complete(request, NDIS_STATUS_REQUEST_ABORTED)),
                    None => self.abort(host, queue),
                }
            }
            _ => None,
        }
    }

    fn advance_freeing(&mut self, host: &mut impl Host, queue: QueueId, mut step: Step) -> Option<Effect<R>> {
        loop {
            step = match step {
                Step::Stop if !host.gate(queue).is_idle() => break,
                Step::Stop => {
                    self.pause(host, queue);
                    match self.queue(queue).dma {
                        Dma::Off if self.queue(queue).asked => Step::Announce,
                        Dma::Off => Step::Drain,
                        // The coming reset decides.
                        Dma::On => break,
                        Dma::Stuck => return self.give_up(host, queue),
                    }
                }
                Step::Announce => {
                    self.queue_mut(queue).phase = Phase::Freeing(Step::Announcing);
                    return Some(Effect::DmaStopped(queue));
                }
                Step::Announcing => break,
                Step::Drain if !host.gate(queue).is_drained() => break,
                Step::Drain => return self.finish(host, queue),
            };
            self.queue_mut(queue).phase = Phase::Freeing(step);
        }
        if self.queue(queue).abort || host.gate(queue).is_cancelled() { self.abort(host, queue) } else { None }
    }

    /// Every packet is back and the DMA is off.
    fn finish(&mut self, host: &mut impl Host, queue: QueueId) -> Option<Effect<R>> {
        host.gate(queue).unpend();
        let of = core::mem::replace(self.queue_mut(queue), Queue::UNDEFINED);
        if of.memory {
            host.free(queue);
        }
        of.freeing.map(|request| Effect::Complete(request, NDIS_STATUS_SUCCESS))
    }

    /// The hardware does not stop: memory stays, and the consumer may ask again, unless it is leaving.
    fn give_up(&mut self, host: &mut impl Host, queue: QueueId) -> Option<Effect<R>> {
        let of = self.queue_mut(queue);
        if !of.closing {
            (of.phase, of.asked) = (Phase::Complete, false);
        }
        self.abort(host, queue)
    }

    fn abort(&mut self, host: &impl Host, queue: QueueId) -> Option<Effect<R>> {
        host.gate(queue).unpend();
        let of = self.queue_mut(queue);
        of.abort = false;
        of.freeing.take().map(|request| Effect::Complete(request, NDIS_STATUS_REQUEST_ABORTED))
    }
}

impl<R> Default for Queues<R> {
    fn default() -> Self {
        Self::new()
    }
}
