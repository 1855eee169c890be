//! Arm-and-check notification: a consumer that asks to be notified misses no event and gets no notice for nothing.
//!
//! ```text
//!             arm(class)                 place(event) that the class asks for
//!   Disarmed ------------> Armed(class) --------------------------------------> Firing
//!      ^                                                                          |
//!      +------------ end: nothing new was asked for ------------------------------+
//! ```
//!
//! - `arm` while armed merges: the stronger class wins ([`Class`] is ordered). `arm` with an event that is new fires at
//!   once; an event is new until a notice begins after it or [`Arm::forget`] says that it was seen.
//! - Firing begins when a notice is due and ends when its callback has returned. What is asked for meanwhile waits:
//!   notices of one machine never run at the same time. The arming is spent when the notice begins, so that `arm` before
//!   that merges with it.
//! - A [`Fault`] is an event for every class, is told once and is the last one.
//! - `close` is the end: no notice begins after it, and exactly one of `close`, `begin` and `end` says that none is
//!   under way any more.
//!
//! [`Arm`] is the machine, one atomic word. [`OneShot`] is its special case for a notice that is one call under a lock of
//! the caller's, to an owner that looks for old events itself: NetAdapterCx's packet queues. Both are model-checked with
//! loom (`--cfg loom`: `model` here, `notify` in crates/netadaptercx).
#![cfg_attr(not(any(test, loom)), no_std)]

#[cfg(all(test, loom))]
mod model;
mod one_shot;
#[cfg(all(test, not(loom)))]
mod tests;

#[cfg(not(loom))]
use core::sync::atomic::{AtomicU32, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, Ordering};

pub use one_shot::OneShot;

/// What an arming asks for. Each class includes the ones before it: together, two armings ask for the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Class {
    /// Failed events.
    Errors = 0b001,
    /// Failed and solicited events.
    Solicited = 0b011,
    /// Every event.
    Any = 0b111,
}

/// The kind of an event: the one bit of the weakest class that asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Event {
    /// One that went wrong.
    Failed = 0b001,
    /// One that the other side wants to be noticed.
    Solicited = 0b010,
    /// Any other.
    Plain = 0b100,
}

/// Some kinds of event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events(u32);

impl Events {
    /// No kind.
    pub const NONE: Self = Self(0);

    /// These kinds and `event`.
    #[must_use]
    pub const fn and(self, event: Event) -> Self {
        Self(self.0 | event as u32)
    }
}

/// Why there will be no more events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Fault {
    /// There was no room for an event.
    Overrun = OVERRUN,
    /// Anything else.
    Internal = INTERNAL,
}

/// What a notice tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// There are events.
    Events,
    /// There will be none; no other notice follows.
    Fault(Fault),
}

/// What follows a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing.
    Idle,
    /// Another notice is due: the caller begins it.
    Due,
    /// The machine was closed meanwhile, and this was the last that went on.
    Closed,
}

/// The class armed: the bits of [`Class`].
const ARMED: u32 = 0b111;
/// New events: the bits of [`Event`], shifted.
const NEWS_SHIFT: u32 = 3;
const NEWS: u32 = 0b111 << NEWS_SHIFT;
/// A notice is due or its callback runs.
const FIRING: u32 = 1 << 6;
const OVERRUN: u32 = 1 << 7;
const INTERNAL: u32 = 1 << 8;
const FAULT: u32 = OVERRUN | INTERNAL;
/// The fault was told.
const TOLD: u32 = 1 << 9;
const CLOSED: u32 = 1 << 10;

/// `state`, firing if a notice is due.
const fn fire(state: u32) -> u32 {
    let asked = if state & FAULT != 0 { state & ARMED } else { state & ARMED & (state & NEWS) >> NEWS_SHIFT };
    if state & (FIRING | TOLD | CLOSED) == 0 && asked != 0 { state | FIRING } else { state }
}

/// The machine. Wherever a method says that a notice is due, its caller sees to it that [`Arm::begin`] is called, once,
/// soon, in any context.
#[derive(Debug)]
pub struct Arm(AtomicU32);

impl Arm {
    /// A disarmed machine.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// A disarmed machine.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Asks for one notice. True if one is due.
    #[must_use]
    pub fn arm(&self, class: Class) -> bool {
        self.may_fire(|state| if state & (TOLD | CLOSED) == 0 { state | class as u32 } else { state })
    }

    /// An event. True if a notice is due. None is after a fault.
    #[must_use]
    pub fn place(&self, event: Event) -> bool {
        let news = (event as u32) << NEWS_SHIFT;
        self.may_fire(|state| if state & (FAULT | CLOSED) == 0 { state | news } else { state })
    }

    /// The last event; the first fault counts. True if a notice is due.
    #[must_use]
    pub fn fault(&self, fault: Fault) -> bool {
        self.may_fire(|state| if state & (FAULT | CLOSED) == 0 { state | fault as u32 } else { state })
    }

    /// The owner has seen events: new are at most those of the kinds in `unseen`. Not while an event is placed: the two
    /// are serialised with the queue of the events themselves.
    pub fn forget(&self, unseen: Events) {
        self.0.fetch_and(!NEWS | unseen.0 << NEWS_SHIFT, Ordering::AcqRel);
    }

    /// Begins the notice that is due: what the callback tells, until [`Arm::end`]. None if the machine was closed
    /// meanwhile; then nothing is under way any more.
    #[must_use]
    pub fn begin(&self) -> Option<Notice> {
        let (state, _) = self.step(|state| match state {
            closed if closed & CLOSED != 0 => closed & !FIRING,
            faulty if faulty & FAULT != 0 => faulty & !(ARMED | NEWS) | TOLD,
            sound => sound & !(ARMED | NEWS),
        });
        debug_assert!(state & FIRING != 0, "a notice begins only when it is due");
        match state {
            closed if closed & CLOSED != 0 => None,
            faulty if faulty & OVERRUN != 0 => Some(Notice::Fault(Fault::Overrun)),
            faulty if faulty & INTERNAL != 0 => Some(Notice::Fault(Fault::Internal)),
            _ => Some(Notice::Events),
        }
    }

    /// The callback has returned.
    #[must_use]
    pub fn end(&self) -> End {
        let (before, after) = self.step(|state| fire(state & !FIRING));
        debug_assert!(before & FIRING != 0, "only a notice that began ends");
        match after {
            due if due & FIRING != 0 => End::Due,
            closed if closed & CLOSED != 0 => End::Closed,
            _ => End::Idle,
        }
    }

    /// No notice begins after this. True if none is due or runs; if not, `begin` or `end` tells when it is over.
    #[must_use]
    pub fn close(&self) -> bool {
        let (before, _) = self.step(|state| state & !(ARMED | NEWS) | CLOSED);
        before & (FIRING | CLOSED) == 0
    }

    /// True after a fault, whether or not it was told.
    #[must_use]
    pub fn faulty(&self) -> bool {
        self.0.load(Ordering::Acquire) & FAULT != 0
    }

    /// Changes the state, then fires if a notice is due: whether it became so.
    fn may_fire(&self, change: impl Fn(u32) -> u32) -> bool {
        let (before, after) = self.step(|state| fire(change(state)));
        !before & after & FIRING != 0
    }

    /// The state before and after.
    fn step(&self, change: impl Fn(u32) -> u32) -> (u32, u32) {
        let mut before = self.0.load(Ordering::Relaxed);
        loop {
            let after = change(before);
            match self.0.compare_exchange_weak(before, after, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return (before, after),
                Err(other) => before = other,
            }
        }
    }
}

impl Default for Arm {
    fn default() -> Self {
        Self::new()
    }
}
