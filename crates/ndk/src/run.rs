//! The engine's work, and its power.

use crate::{
    engine::{Engine, Power},
    object::{KINDS, Object, ObjectId, with_type},
    platform::Platform,
};
use arm::Fault;

/// How long [`stop`] waits for consumers to take what they are told: 5 s.
const SETTLE_PAUSES: u32 = 5000;

/// Does something with the engine, then has its work done if there is any. At or below DISPATCH_LEVEL, without the lock.
pub fn with_engine<P: Platform, R>(platform: &P, act: impl FnOnce(&mut Engine) -> R) -> R {
    let (result, begins) = {
        let mut engine = platform.engine();
        let result = act(&mut engine);
        (result, engine.activate())
    };
    if begins {
        platform.schedule();
    }
    result
}

/// Does up to `budget` steps of work: true if there is more. Called by the platform as often as it was asked to
/// ([`Platform::schedule`]), by one thread at a time, at or below DISPATCH_LEVEL.
pub fn run<P: Platform>(platform: &P, budget: usize) -> bool {
    let mut engine = platform.engine();
    for _ in 0..budget {
        engine.now = platform.now();
        let Some(work) = engine.step() else {
            if let Some(delay) = engine.take_alarm() {
                drop(engine);
                platform.set_timer(delay);
                engine = platform.engine();
                continue;
            }
            engine.rest();
            return false;
        };
        // Others get the lock between two steps, each of which may copy its share of data.
        drop(engine);
        let Some(work) = work else {
            engine = platform.engine();
            continue;
        };
        // SAFETY: what the consumer gave when it made the object or the request. The object was not reported closed: the
        // call holds it, or is that very report.
        unsafe { work.upcall.make() };
        engine = platform.engine();
        engine.after(work.then);
    }
    true
}

/// The platform's timer fired. At or below DISPATCH_LEVEL.
pub fn expire<P: Platform>(platform: &P) {
    let now = platform.now();
    with_engine(platform, |engine| {
        engine.now = now;
        engine.expire();
    });
}

/// The device has power: adapters can be opened and objects made. At PASSIVE_LEVEL.
pub fn start<P: Platform>(platform: &P) {
    with_engine(platform, |engine| engine.power = Power::On);
}

/// The device loses power, is reset or removed: connections end, requests complete with STATUS_CANCELLED, and nothing new is
/// made until [`start`]. Returns when the consumers have been told, and closes that were pending only for that are complete.
/// At PASSIVE_LEVEL.
pub fn stop<P: Platform>(platform: &P) {
    with_engine(platform, |engine| {
        engine.power = Power::Off;
        engine.each(&KINDS, |engine, id| with_type!(id.kind, T => T::stop(engine, ObjectId::<T>::from_bits(id.bits))));
    });
    settle(platform);
}

/// The device failed for good: every CQ reports STATUS_INTERNAL_ERROR. At or below DISPATCH_LEVEL.
pub fn fail<P: Platform>(platform: &P) {
    with_engine(platform, |engine| engine.fail_cqs(Fault::Internal));
}

/// Waits until there is nothing to do, but not longer than consumers should need. At PASSIVE_LEVEL.
fn settle<P: Platform>(platform: &P) {
    for _ in 0..SETTLE_PAUSES {
        if platform.engine().is_at_rest() {
            return;
        }
        platform.pause();
    }
}
