//! Every sequence of events on two queues and two filters, up to a depth: what the consumer, the receive path, the hardware,
//! power and removal can do to each other between two steps of the engine.
//!
//! What must hold is written down here a second time, from the DDI's pages and not from the engine: [`World`] keeps its own
//! account of queues, packets and requests, and panics with the sequence that broke a rule.

mod side;
mod world;

use crate::Pause;
use side::Mood;
use std::{
    collections::{HashMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    vec::Vec,
};
use world::World;

/// Queues and filters of the model.
const N: usize = 2;
/// What can happen. A number is a queue (0 or 1) or a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Allocate,
    Complete(usize),
    Set(usize, usize),
    Clear(usize),
    Free(usize),
    Cancel(usize),
    /// The receive path enters, indicates a packet, leaves.
    Enter(usize),
    Indicate(usize),
    Leave(usize),
    /// The consumer returns a packet.
    Return(usize),
    /// The engine takes the next step that is due, and the consumer starts to be told.
    Step,
    /// The consumer has been told of DmaStopped.
    Told(usize),
    /// From now on the hardware does what it is told; does not stop a queue; stops only by a reset of the whole device; does
    /// not start.
    Behave(Mood),
    Suspend(Pause),
    /// The device was reset, and that proved the DMA off or did not.
    Reset(bool),
    Resume,
    Close,
    Remove,
    Abandon,
}

fn events() -> Vec<Event> {
    let mut all = vec![
        Event::Allocate,
        Event::Step,
        Event::Suspend(Pause::LowPower),
        Event::Suspend(Pause::Reset),
        Event::Reset(true),
        Event::Reset(false),
        Event::Resume,
        Event::Close,
        Event::Remove,
        Event::Abandon,
    ];
    all.extend([Mood::Good, Mood::Stuck, Mood::Resets, Mood::Dead].map(Event::Behave));
    for n in 0..N {
        all.extend((0..N).map(|filter| Event::Set(n, filter)));
        all.extend([
            Event::Complete(n),
            Event::Clear(n),
            Event::Free(n),
            Event::Cancel(n),
            Event::Enter(n),
            Event::Indicate(n),
            Event::Leave(n),
            Event::Return(n),
            Event::Told(n),
        ]);
    }
    all
}

/// How a state was first reached.
struct Reached {
    event: Event,
    from: usize,
}

/// What a search saw.
struct Seen {
    states: usize,
    /// Events tried in them.
    events: usize,
    /// Sequences of at most the depth that lead through these states.
    sequences: u128,
}

/// Tries every event in every state that at most `depth` events lead to from one of `starts`. A state that was seen before is
/// not tried again.
fn search(starts: Vec<World>, depth: usize) -> Seen {
    let events = events();
    let mut places: HashMap<_, _> = starts.iter().map(World::fingerprint).zip(0..).collect();
    assert_eq!(places.len(), starts.len());
    let mut reached: Vec<Option<Reached>> = starts.iter().map(|_| None).collect();
    let mut successors: Vec<Vec<usize>> = Vec::new();
    let mut frontier: VecDeque<_> = starts.into_iter().map(|world| (world, 0)).collect();
    let starts = frontier.len();
    let mut tried = 0;
    while let Some((world, level)) = frontier.pop_front() {
        let place = successors.len();
        successors.push(Vec::new());
        if level == depth {
            continue;
        }
        for &event in &events {
            tried += 1;
            let mut next = world.clone();
            let attempt = catch_unwind(AssertUnwindSafe(|| {
                if !next.apply(event) {
                    return;
                }
                let new = places.len();
                let to = *places.entry(next.fingerprint()).or_insert(new);
                successors[place].push(to);
                if to == new {
                    reached.push(Some(Reached { event, from: place }));
                    next.clone().wind_down();
                    frontier.push_back((next, level + 1));
                }
            }));
            if let Err(panic) = attempt {
                let mut sequence = vec![event];
                let mut at = place;
                while let Some(Reached { event, from }) = &reached[at] {
                    sequence.push(*event);
                    at = *from;
                }
                sequence.reverse();
                std::eprintln!("from start {at}, after {sequence:?}");
                resume_unwind(panic);
            }
        }
    }
    let mut ways = vec![0_u128; successors.len()];
    ways[..starts].fill(1);
    let mut sequences = 0;
    for _ in 0..depth {
        let mut longer = vec![0; successors.len()];
        for (place, to) in successors.iter().enumerate() {
            to.iter().for_each(|to| longer[*to] += ways[place]);
        }
        ways = longer;
        sequences += ways.iter().sum::<u128>();
    }
    Seen { states: successors.len(), events: tried, sequences }
}

/// The state after `events`, and after every step that is due then.
fn after(events: &[Event]) -> World {
    let mut world = World::new();
    for &event in events {
        while world.due {
            world.step();
        }
        assert!(world.apply(event), "{event:?}");
    }
    while world.due {
        world.step();
    }
    world
}

fn report(name: &str, depth: usize, seen: &Seen) {
    let Seen { states, events, sequences } = seen;
    std::println!("{name}, depth {depth}: {states} states, {events} events tried, {sequences} sequences");
}

#[test]
fn every_sequence_from_the_beginning_keeps_the_invariants() {
    let seen = search(vec![World::new()], 8);
    report("from the beginning", 8, &seen);
    assert!(seen.states > 40_000, "the search lost its way");
}

/// From where most is going on: passes inside one queue or both, packets out, FREE_QUEUE before and after DmaStopped.
#[test]
fn every_sequence_from_the_thick_of_it_keeps_the_invariants() {
    let depth = if std::env::var_os("IGBCX_FULL").is_some() { 8 } else { 6 };
    let run = |n| [Event::Allocate, Event::Complete(n), Event::Set(n, n), Event::Enter(n), Event::Indicate(n)];
    let both = [run(0), run(1)].concat();
    let freeing = [&both[..], &[Event::Leave(0), Event::Clear(0), Event::Free(0)]].concat();
    let told = [&freeing[..], &[Event::Told(0)]].concat();
    let seen = search([&run(0)[..], &both, &freeing, &told].map(after).into(), depth);
    report("from the thick of it", depth, &seen);
    assert!(seen.states > 100_000, "the search lost its way");
}
