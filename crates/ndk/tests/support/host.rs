//! What the engine did: the calls it made to the consumer, and the objects it has.

use super::common::System;
use ndk::{Engine, Platform, object::Object};
use std::cell::RefCell;
use wdk_sys::NTSTATUS;

/// Objects of every kind that live now.
pub fn objects(system: &System) -> usize {
    fn count<T: Object>(engine: &Engine) -> usize {
        T::table(engine).count()
    }
    let engine = &*system.engine();
    count::<ndk::adapter::Adapter>(engine)
        + count::<ndk::cq::Cq>(engine)
        + count::<ndk::pd::Pd>(engine)
        + count::<ndk::mr::Mr>(engine)
        + count::<ndk::mw::Mw>(engine)
        + count::<ndk::srq::Srq>(engine)
        + count::<ndk::qp::Qp>(engine)
        + count::<ndk::connector::Connector>(engine)
        + count::<ndk::listener::Listener>(engine)
        + count::<ndk::shared_endpoint::SharedEndpoint>(engine)
}

/// A call that the engine made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// What was called: its context, and its status.
    Cq(usize, NTSTATUS),
    Srq(usize, NTSTATUS),
    Request(usize, NTSTATUS),
    /// The connector's address.
    Connect(usize, usize),
    Disconnect(usize),
    DisconnectEx(usize, u32),
    Close(usize),
}

thread_local! {
    static EVENTS: RefCell<Vec<Event>> = const { RefCell::new(Vec::new()) };
}

/// Notes a call.
pub fn note(event: Event) {
    EVENTS.with_borrow_mut(|events| events.push(event));
}

/// The calls since the last time.
pub fn events() -> Vec<Event> {
    EVENTS.take()
}
