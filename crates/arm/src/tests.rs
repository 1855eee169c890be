//! Every sequence of calls, against the rules told another way.

use crate::{Arm, Class, End, Event, Events, Fault, Notice, OneShot};
use std::{collections::HashSet, vec::Vec};

const CLASSES: [Class; 3] = [Class::Errors, Class::Solicited, Class::Any];
const EVENTS: [Event; 3] = [Event::Failed, Event::Solicited, Event::Plain];

/// The rules of contract.md 3.5 as lists and flags, with nothing of the machine's encoding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Rules {
    /// What was armed for since the last notice began.
    armed: Vec<&'static str>,
    /// What happened since the last notice began and was not seen.
    news: Vec<&'static str>,
    fault: Option<&'static str>,
    due: bool,
    running: bool,
    told: bool,
    closed: bool,
}

fn class_name(class: Class) -> &'static str {
    match class {
        Class::Errors => "errors",
        Class::Solicited => "solicited",
        Class::Any => "any",
    }
}

fn event_name(event: Event) -> &'static str {
    match event {
        Event::Failed => "failed",
        Event::Solicited => "solicited",
        Event::Plain => "plain",
    }
}

fn add(list: &mut Vec<&'static str>, name: &'static str) {
    if !list.contains(&name) {
        list.push(name);
        list.sort_unstable();
    }
}

impl Rules {
    /// The merge table of NDKPI Completion Handling Requirements.
    fn class(&self) -> Option<&'static str> {
        ["any", "solicited", "errors"].into_iter().find(|class| self.armed.contains(class))
    }

    fn becomes_due(&mut self) -> bool {
        let wanted: &[&str] = match self.class() {
            None => return false,
            Some("any") => &["plain", "solicited", "failed"],
            Some("solicited") => &["solicited", "failed"],
            Some(_) => &["failed"],
        };
        let something = self.fault.is_some() || self.news.iter().any(|event| wanted.contains(event));
        if something && !self.due && !self.running && !self.told && !self.closed {
            self.due = true;
            return true;
        }
        false
    }
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Arm(Class),
    Place(Event),
    Fault(Fault),
    Forget(Option<Event>),
    Begin,
    End,
    Close,
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Due(bool),
    Began(Option<&'static str>),
    Ended(&'static str),
    Closed(bool),
    Nothing,
}

fn calls() -> Vec<Call> {
    let mut calls =
        vec![Call::Begin, Call::End, Call::Close, Call::Fault(Fault::Overrun), Call::Fault(Fault::Internal)];
    calls.extend(CLASSES.map(Call::Arm));
    calls.extend(EVENTS.map(Call::Place));
    calls.push(Call::Forget(None));
    calls.extend(EVENTS.map(|event| Call::Forget(Some(event))));
    calls
}

fn by_rules(rules: &mut Rules, call: Call) -> Answer {
    match call {
        Call::Arm(class) => {
            if !rules.told && !rules.closed {
                add(&mut rules.armed, class_name(class));
            }
            Answer::Due(rules.becomes_due())
        }
        Call::Place(event) => {
            if rules.fault.is_none() && !rules.closed {
                add(&mut rules.news, event_name(event));
            }
            Answer::Due(rules.becomes_due())
        }
        Call::Fault(fault) => {
            if rules.fault.is_none() && !rules.closed {
                rules.fault = Some(if fault == Fault::Overrun { "overrun" } else { "internal" });
            }
            Answer::Due(rules.becomes_due())
        }
        Call::Forget(unseen) => {
            rules.news.retain(|event| unseen.is_some_and(|unseen| event_name(unseen) == *event));
            Answer::Nothing
        }
        Call::Begin => {
            rules.due = false;
            if rules.closed {
                return Answer::Began(None);
            }
            rules.running = true;
            rules.armed.clear();
            rules.news.clear();
            rules.told = rules.fault.is_some();
            Answer::Began(Some(rules.fault.unwrap_or("events")))
        }
        Call::End => {
            rules.running = false;
            if rules.becomes_due() {
                Answer::Ended("due")
            } else {
                Answer::Ended(if rules.closed { "closed" } else { "idle" })
            }
        }
        Call::Close => {
            let first = !rules.closed;
            rules.closed = true;
            rules.armed.clear();
            rules.news.clear();
            Answer::Closed(first && !rules.due && !rules.running)
        }
    }
}

fn by_machine(arm: &Arm, call: Call) -> Answer {
    match call {
        Call::Arm(class) => Answer::Due(arm.arm(class)),
        Call::Place(event) => Answer::Due(arm.place(event)),
        Call::Fault(fault) => Answer::Due(arm.fault(fault)),
        Call::Forget(unseen) => {
            arm.forget(unseen.map_or(Events::NONE, |event| Events::NONE.and(event)));
            Answer::Nothing
        }
        Call::Begin => Answer::Began(arm.begin().map(|notice| match notice {
            Notice::Events => "events",
            Notice::Fault(Fault::Overrun) => "overrun",
            Notice::Fault(Fault::Internal) => "internal",
        })),
        Call::End => Answer::Ended(match arm.end() {
            End::Idle => "idle",
            End::Due => "due",
            End::Closed => "closed",
        }),
        Call::Close => Answer::Closed(arm.close()),
    }
}

/// Walks through every state that can be reached and makes every call that is allowed in it.
#[test]
fn every_call_in_every_state_keeps_the_rules() {
    let word = |arm: &Arm| arm.0.load(std::sync::atomic::Ordering::Relaxed);
    let mut seen = HashSet::from([(0, Rules::default())]);
    let mut open: Vec<(u32, Rules)> = seen.iter().cloned().collect();
    let mut steps = 0_u32;
    while let Some((state, rules)) = open.pop() {
        for call in calls() {
            let allowed = match call {
                Call::Begin => rules.due,
                Call::End => rules.running,
                _ => true,
            };
            if !allowed {
                continue;
            }
            let arm = Arm(state.into());
            let mut after = rules.clone();
            let expected = by_rules(&mut after, call);
            assert_eq!(by_machine(&arm, call), expected, "{call:?} after {rules:?}");
            steps += 1;
            // Once closed and idle nothing is left to tell apart.
            let next = (word(&arm), after);
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    let words: HashSet<u32> = seen.iter().map(|(word, _)| *word).collect();
    println!("{} states of the machine, {} of the rules, {steps} steps", words.len(), seen.len());
    assert!(words.len() > 100 && seen.len() > words.len(), "the walk ended early");
}

/// The steps of [`OneShot`] are those of the whole machine: its event is place, begin, end and forget in one.
#[test]
fn one_shot_is_the_machine_of_class_any() {
    for armed in [false, true] {
        let whole = Arm::new();
        let one_shot = OneShot::new();
        if armed {
            assert!(!whole.arm(Class::Any));
            one_shot.arm(|| {});
        }
        let state = |arm: &Arm| arm.0.load(std::sync::atomic::Ordering::Relaxed);
        assert_eq!(state(&whole), state(&one_shot.0));

        let again = Arm(state(&whole).into());
        let again_one_shot = OneShot(Arm(state(&whole).into()));
        assert!(!again.arm(Class::Any));
        again_one_shot.arm(|| {});
        assert_eq!(state(&again), state(&again_one_shot.0));

        let due = whole.place(Event::Plain);
        if due {
            assert_eq!(whole.begin(), Some(Notice::Events));
            assert_eq!(whole.end(), End::Idle);
        }
        whole.forget(Events::NONE);
        assert_eq!(one_shot.event(), due);
        assert_eq!(due, armed);
        assert_eq!(state(&whole), state(&one_shot.0));
    }
}
