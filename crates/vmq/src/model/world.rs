//! The queues with their surroundings, and a second account of what must hold.

use super::{
    Event, N,
    side::{Hardware, Mood, Side},
};
use crate::{Answer, Effect, Filter, FilterId, Pause, QueueId, Queues, State, Vlan, Wake, gate::Receiving};
use core::hash::{Hash, Hasher};
use ndis_sys::{
    NDIS_STATUS, NDIS_STATUS_FAILURE, NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_NOT_ACCEPTED,
    NDIS_STATUS_REQUEST_ABORTED, NDIS_STATUS_SUCCESS,
};
use std::{collections::hash_map::DefaultHasher, vec::Vec};

/// Packets that can be out of a queue.
const MAX_OUT: u8 = 2;

const FILTERS: [Filter; N] = [
    Filter { address: [2, 0, 0, 0, 0, 1], vlan: Vlan::Any },
    Filter { address: [2, 0, 0, 0, 0, 2], vlan: Vlan::Id(7) },
];

fn id(queue: usize) -> QueueId {
    QueueId::new(queue as u32 + 1).unwrap()
}

/// What the consumer knows of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Known {
    allocated: bool,
    complete: bool,
    /// A FREE_QUEUE of this queue was taken, or the door or the device ended it.
    ending: bool,
    free_taken: bool,
    told: bool,
    /// The consumer is in the middle of being told.
    telling: bool,
}

/// A request that pends: FREE_QUEUE and CLEAR_FILTER of each queue.
const fn free_request(queue: usize) -> u8 {
    1 << (2 * queue)
}
const fn clear_request(queue: usize) -> u8 {
    2 << (2 * queue)
}
const fn request_id(queue: usize) -> usize {
    100 + queue
}

#[derive(Debug)]
pub struct World {
    engine: Queues<u8>,
    side: Side,
    known: [Known; N],
    /// By filter id: the queue and which filter.
    set: [Option<(usize, usize)>; N],
    pending: u8,
    /// Somebody is about to call the engine's `next`.
    pub due: bool,
    suspended: bool,
    resetting: bool,
    /// The door is being closed; then nothing new comes.
    closing: bool,
    removed: bool,
}

impl Clone for World {
    fn clone(&self) -> Self {
        Self {
            engine: self.engine.clone(),
            side: Side {
                gates: core::array::from_fn(|n| self.side.gates[n].copy()),
                queues: self.side.queues.clone(),
                matches: self.side.matches.clone(),
                ..self.side
            },
            known: self.known.clone(),
            ..*self
        }
    }
}

impl World {
    pub fn new() -> Self {
        let mut world = Self {
            engine: Queues::new(),
            side: Side::new(),
            known: Default::default(),
            set: [None; N],
            pending: 0,
            due: false,
            suspended: false,
            resetting: false,
            closing: false,
            removed: false,
        };
        world.engine.resume(&mut world.side).unwrap();
        world
    }

    /// Two 64-bit hashes of everything.
    pub fn fingerprint(&self) -> (u64, u64) {
        let hash = |seed: u64| {
            let mut hasher = DefaultHasher::new();
            seed.hash(&mut hasher);
            self.engine.hash(&mut hasher);
            for gate in &self.side.gates[..N] {
                gate.words().hash(&mut hasher);
            }
            (&self.side.queues, self.side.mood, self.side.powered, &self.side.matches).hash(&mut hasher);
            (&self.known, self.set, self.pending, self.due).hash(&mut hasher);
            (self.suspended, self.resetting, self.closing, self.side.abandoned, self.removed).hash(&mut hasher);
            hasher.finish()
        };
        (hash(0), hash(1))
    }

    fn filters_of(&self, queue: usize) -> usize {
        self.set.iter().flatten().filter(|(of, _)| *of == queue).count()
    }

    /// The consumer may use the queue.
    fn is_alive(&self, queue: usize) -> bool {
        self.known[queue].allocated && !self.known[queue].ending
    }

    /// Packets of the queue may be indicated.
    fn may_run(&self, queue: usize) -> bool {
        self.is_alive(queue) && self.known[queue].complete && self.filters_of(queue) > 0 && !self.suspended
    }

    /// Requests that reach the engine: the consumer has the door open.
    fn consumer(&self) -> bool {
        !self.closing
    }

    fn wake(&mut self, wake: Wake) {
        self.due |= wake == Wake::Engine;
    }

    fn pend(&mut self, answer: Answer, request: u8) -> Option<NDIS_STATUS> {
        self.due = true;
        match answer {
            Answer::Done(status) => Some(status),
            Answer::Pending => {
                assert_eq!(self.pending & request, 0, "a request pends that pends already");
                self.pending |= request;
                None
            }
        }
    }

    fn refuses(&self) -> bool {
        self.removed || self.resetting
    }

    /// Lets the event happen; false if it cannot.
    pub fn apply(&mut self, event: Event) -> bool {
        match event {
            Event::Allocate if self.consumer() => {
                let free = (0..N).find(|n| !self.known[*n].allocated && !self.side.queues[*n].leaked);
                match self.engine.allocate(&self.side) {
                    Ok(queue) => {
                        assert!(!self.refuses());
                        let queue = queue.index();
                        assert_eq!(Some(queue), free, "not the lowest free id");
                        self.known[queue] = Known { allocated: true, ..Known::default() };
                    }
                    Err(status) => {
                        assert_eq!(status, NDIS_STATUS_FAILURE);
                        assert!(self.refuses() || free.is_none(), "a free queue was refused");
                    }
                }
                self.due = true;
            }
            Event::Complete(queue) if self.consumer() => {
                let may = self.is_alive(queue) && !self.known[queue].complete && !self.refuses();
                let status = self.engine.complete(&mut self.side, id(queue), 0);
                if status == NDIS_STATUS_SUCCESS {
                    assert!(may, "an allocation was completed that could not be");
                }
                self.noticed_reset();
                self.known[queue].complete |= may && self.side.queues[queue].memory;
                let works = self.side.mood == Mood::Good;
                assert!(!may || !works || status == NDIS_STATUS_SUCCESS, "completion failed without a reason");
                self.due = true;
            }
            Event::Set(queue, filter) if self.consumer() => {
                let set = self.engine.set_filter(&mut self.side, id(queue), FILTERS[filter]);
                let elsewhere = self.set.iter().flatten().any(|(of, f)| *of != queue && *f == filter);
                let free = self.set.iter().position(Option::is_none);
                let allowed = self.is_alive(queue) && !self.refuses() && !elsewhere && free.is_some();
                match set {
                    Ok(id) => {
                        assert!(allowed, "a filter was set that may not be");
                        let place = id.number() as usize - 1;
                        assert_eq!(Some(place), free, "not the lowest free id");
                        self.set[place] = Some((queue, filter));
                    }
                    Err(_) => {
                        let of = &self.side.queues[queue];
                        // A pass that lasts since before D3 keeps the ring.
                        let works = self.side.mood == Mood::Good && !of.stuck && (of.dma || !of.inside);
                        assert!(!allowed || !works || self.suspended, "a filter was refused without a reason");
                    }
                }
                self.noticed_reset();
                self.due = true;
            }
            Event::Clear(filter) if self.consumer() => {
                let Some((queue, _)) = self.set[filter] else { return false };
                let last = self.filters_of(queue) == 1;
                let number = FilterId::new(filter as u32 + 1).unwrap();
                let answer = self.engine.clear_filter(&mut self.side, id(queue), number, clear_request(queue));
                match self.pend(answer, clear_request(queue)) {
                    Some(NDIS_STATUS_NOT_ACCEPTED) => {
                        assert!(self.refuses() || self.pending & clear_request(queue) != 0);
                        return true;
                    }
                    Some(status) => {
                        assert_eq!(status, NDIS_STATUS_SUCCESS);
                        let inside = self.side.queues[queue].inside;
                        assert!(!last || !inside, "completed while the receive path may still indicate");
                    }
                    None => assert!(last && self.side.queues[queue].inside, "pends for nothing"),
                }
                self.set[filter] = None;
                self.noticed_reset();
            }
            Event::Free(queue) if self.consumer() => {
                let answer = self.engine.free(&self.side, id(queue), free_request(queue), request_id(queue));
                let known = &self.known[queue];
                let fresh = self.is_alive(queue) && self.filters_of(queue) == 0;
                let again = known.allocated && known.free_taken && self.pending & free_request(queue) == 0;
                match self.pend(answer, free_request(queue)) {
                    None => {
                        assert!((fresh || again) && !self.refuses(), "freed what may not be");
                        let known = &mut self.known[queue];
                        (known.ending, known.free_taken) = (true, true);
                    }
                    Some(NDIS_STATUS_NOT_ACCEPTED) => assert!(self.refuses()),
                    Some(status) => {
                        assert_eq!(status, NDIS_STATUS_INVALID_PARAMETER);
                        assert!(!fresh && !again, "refused without a reason");
                    }
                }
            }
            Event::Cancel(queue) => {
                let pends = self.pending & free_request(queue) != 0;
                let wake = self.side.gates[queue].cancel(request_id(queue));
                assert!(pends || wake == Wake::Nobody, "cancelled what does not pend");
                self.wake(wake);
                if !pends {
                    return false;
                }
            }
            Event::Enter(queue) => {
                if self.side.queues[queue].inside {
                    assert!(self.side.gates[queue].enter().is_none(), "two passes at once");
                    return false;
                }
                let entered = self.side.gates[queue].enter().is_some();
                assert!(!entered || self.may_run(queue), "the receive path got into a queue that does not run");
                let runs = self.may_run(queue) && self.side.queues[queue].dma && !self.side.queues[queue].stuck;
                assert!(entered || !runs, "a queue that runs does not receive");
                if !entered {
                    return false;
                }
                let of = &mut self.side.queues[queue];
                assert!(of.memory && !of.leaked && of.dma);
                of.inside = true;
            }
            Event::Indicate(queue) => {
                if !self.side.queues[queue].inside || self.side.queues[queue].out == MAX_OUT {
                    return false;
                }
                let indicated = Receiving::of(&self.side.gates[queue]).indicate(1);
                assert!(!indicated || self.may_run(queue), "indicated though the queue does not run");
                self.side.queues[queue].out += u8::from(indicated);
                return indicated;
            }
            Event::Leave(queue) => {
                if !core::mem::take(&mut self.side.queues[queue].inside) {
                    return false;
                }
                let wake = self.side.gates[queue].leave();
                self.wake(wake);
            }
            Event::Return(queue) => {
                if self.side.queues[queue].out == 0 {
                    assert!(
                        !matches!(self.side.gates[queue].give_back(|| 1), Some(Ok(_))),
                        "took back what was not out"
                    );
                    return false;
                }
                self.side.queues[queue].out -= 1;
                let wake =
                    self.side.gates[queue].give_back(|| 1).expect("packets are out").expect("no more than are out");
                self.wake(wake);
            }
            Event::Step if self.due => self.step(),
            Event::Told(queue) => {
                if !core::mem::take(&mut self.known[queue].telling) {
                    return false;
                }
                self.engine.announced(id(queue));
                self.due = true;
                self.account();
            }
            Event::Behave(mood) if mood != self.side.mood => self.side.mood = mood,
            Event::Suspend(pause) if !self.suspended || pause == Pause::Reset && !self.resetting => {
                self.engine.suspend(&self.side, pause);
                self.suspended = true;
                self.side.powered = false;
                self.resetting |= pause == Pause::Reset;
                self.due = true;
            }
            Event::Reset(proven) if self.suspended && !self.side.powered => {
                if proven {
                    self.side.reset();
                } else {
                    self.side.queues.iter_mut().for_each(|of| of.stuck |= of.dma);
                }
                self.engine.reset_done(proven);
                self.due = true;
            }
            Event::Resume if self.suspended && !self.removed => {
                // D0Entry resets the device first.
                self.side.reset();
                self.engine.reset_done(true);
                self.side.powered = true;
                let resumed = self.engine.resume(&mut self.side);
                (self.suspended, self.resetting) = (false, false);
                self.noticed_reset();
                self.due = true;
                if resumed.is_err() {
                    let inside = self.side.queues.iter().any(|of| of.inside);
                    assert!(inside || self.side.mood != Mood::Good, "does not resume, without a reason");
                    self.engine.suspend(&self.side, Pause::LowPower);
                    (self.suspended, self.side.powered) = (true, false);
                }
            }
            Event::Close if !self.closing => self.end(|engine, side| engine.close(side)),
            Event::Remove if !self.removed => {
                self.end(|engine, side| engine.remove(side));
                self.removed = true;
            }
            Event::Abandon if self.closing => {
                self.engine.abandon();
                self.side.abandoned = true;
                self.due = true;
            }
            _ => return false,
        }
        self.check();
        true
    }

    fn end(&mut self, end: impl FnOnce(&mut Queues<u8>, &mut Side)) {
        end(&mut self.engine, &mut self.side);
        self.set = [None; N];
        self.known.iter_mut().for_each(|known| known.ending |= known.allocated);
        self.closing = true;
        self.due = true;
    }

    /// The hardware reset itself to stop a queue.
    fn noticed_reset(&mut self) {
        if !self.side.powered && !self.suspended {
            (self.suspended, self.resetting) = (true, true);
        }
    }

    pub fn step(&mut self) {
        let before: Vec<bool> = self.side.queues.iter().map(|of| of.memory).collect();
        let effect = self.engine.next(&mut self.side);
        self.noticed_reset();
        match effect {
            Some(Effect::DmaStopped(queue)) => {
                let queue = queue.index();
                let of = &self.side.queues[queue];
                assert!(!of.dma && !of.inside, "told before the last DMA");
                let known = &mut self.known[queue];
                assert!(known.free_taken && !known.told, "told twice, or nobody asked");
                (known.told, known.telling) = (true, true);
            }
            Some(Effect::Complete(request, status)) => self.completed(request, status, &before),
            None => self.due = false,
        }
        self.account();
    }

    /// Queues that have come to their end, one way or the other.
    fn account(&mut self) {
        for queue in 0..N {
            let (state, unanswered) = (self.engine.look(id(queue)).state, self.pending & free_request(queue) != 0);
            assert!(state != State::Undefined || !unanswered, "ended without an answer");
            let ended = state == State::Undefined || state == State::Leaked && !unanswered;
            if ended && self.known[queue].ending && !self.known[queue].telling {
                self.known[queue] = Known::default();
            }
            // The hardware did not stop: the queue is the consumer's again.
            if self.known[queue].ending && self.engine.is_alive(id(queue)) {
                assert!(self.side.queues[queue].stuck && !self.known[queue].told && !self.closing);
                (self.known[queue].ending, self.known[queue].free_taken) = (false, false);
            }
        }
        let telling = self.known.iter().any(|known| known.telling);
        if self.closing && !self.removed && !telling && self.engine.is_empty() {
            (self.closing, self.side.abandoned) = (false, false);
        }
    }

    fn completed(&mut self, request: u8, status: NDIS_STATUS, had_memory: &[bool]) {
        assert_ne!(self.pending & request, 0, "a request was completed that does not pend");
        self.pending &= !request;
        let queue = (0..N).find(|n| request == free_request(*n) || request == clear_request(*n)).unwrap();
        let (of, known) = (&self.side.queues[queue], &self.known[queue]);
        match status {
            NDIS_STATUS_SUCCESS if request == free_request(queue) => {
                assert!(known.told && !known.telling, "completed before the consumer knew of DmaStopped");
                assert!(!of.memory && of.out == 0 && !of.dma, "completed too early");
                assert!(had_memory[queue] || !known.complete, "memory went before the last step");
            }
            NDIS_STATUS_SUCCESS => assert!(!of.inside || self.may_run(queue), "completed under the receive path"),
            NDIS_STATUS_REQUEST_ABORTED => {}
            status => panic!("{status:#x} is no status of a request that pended"),
        }
    }

    /// What holds between any two events.
    fn check(&self) {
        for queue in 0..N {
            let look = self.engine.look(id(queue));
            let (of, known) = (&self.side.queues[queue], &self.known[queue]);
            assert_eq!(self.side.gates[queue].outstanding(), of.out.into(), "packets miscounted");
            let rests = self.is_alive(queue) && self.filters_of(queue) == 0 && !self.due && !of.inside;
            assert!(!rests || !of.dma || of.stuck || self.suspended, "a paused queue receives");
            assert_eq!(look.freeing, self.pending & free_request(queue) != 0, "a pending request is forgotten");
            match look.state {
                State::Running => assert!(self.is_alive(queue) && known.complete && self.filters_of(queue) > 0),
                State::Undefined => assert!(!of.memory && !of.dma && of.out == 0, "memory is lost"),
                State::DmaStopped => assert!(!of.dma),
                State::Leaked => assert!(of.leaked || !of.memory || of.inside || self.due, "not given up"),
                State::Paused => assert!(known.allocated),
            }
        }
        if let Some(matches) = &self.side.matches
            && self.side.powered
        {
            let set = self.set.iter().flatten().map(|(queue, filter)| (*queue, FILTERS[*filter]));
            let matched: Vec<_> = matches.iter().map(|(_, queue, filter)| (queue.index(), *filter)).collect();
            assert_eq!(set.collect::<Vec<_>>(), matched, "the hardware matches something else");
        }
        let telling = self.known.iter().any(|known| known.telling);
        let waits = self.side.abandoned && !self.due && !telling;
        assert!(!waits || self.pending == 0, "a request outlives the door");
        if !self.due {
            let mut later = self.clone();
            assert_eq!(later.engine.next(&mut later.side), None, "a step is possible that nobody was told of");
            assert_eq!(later.engine, self.engine, "a step was possible that nobody was told of");
        }
    }

    /// Lets everything run out that runs by itself. Then nothing may pend, unless the hardware has yet to be reset; and when
    /// the door closes, nothing may be left.
    pub fn wind_down(&mut self) {
        let settle = |world: &mut Self| {
            let mut moves = true;
            while moves {
                moves = world.due;
                while world.due {
                    world.step();
                    world.check();
                }
                for queue in 0..N {
                    moves |= world.apply(Event::Leave(queue)) | world.apply(Event::Told(queue));
                    while world.side.queues[queue].out > 0 {
                        moves |= world.apply(Event::Return(queue));
                    }
                }
            }
        };
        self.side.mood = Mood::Good;
        settle(self);
        if self.suspended {
            self.apply(Event::Reset(true));
            settle(self);
        }
        assert_eq!(self.pending, 0, "a request pends for ever");
        self.apply(Event::Close);
        settle(self);
        let stuck = self.side.queues.iter().any(|of| of.stuck);
        if stuck {
            self.apply(Event::Suspend(Pause::Reset));
            self.apply(Event::Reset(true));
            settle(self);
        }
        assert!(self.engine.is_empty(), "something is left");
        assert!(self.side.queues.iter().all(|of| of.leaked || *of == Hardware::default()), "memory is left");
    }
}
