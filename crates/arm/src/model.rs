//! Every interleaving of a completion queue around the machine: threads that place, a consumer that arms, faults, close.
//!
//! The queue is a count under a lock, as the machine's rules demand. Whoever is told that a notice is due gives it, in its
//! own thread. Each rule has a mistake that breaks it, so that the model is known to be able to fail.

use crate::{Arm, Class, End, Event, Events, Fault, Notice};
use loom::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};
// Counters of the model are no part of what is interleaved.
use std::sync::atomic::AtomicU32;

/// A way to use the machine wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    None,
    /// What `end` says is not looked at.
    EndIsNotHeeded,
    /// The callback runs after `end`.
    CallbackOutsideTheNotice,
    /// `forget` comes after the queue was unlocked.
    ForgetOutsideTheLock,
    /// `place` comes after the queue was unlocked.
    PlaceOutsideTheLock,
    /// A close is complete although `close` says that it is not.
    CloseDoesNotWait,
    /// A fault is an event like others.
    FaultIsAnEvent,
    /// Arming in the callback is done once more after it.
    ArmTwice,
}

/// What the consumer's callback does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Callback {
    /// Takes everything and arms again.
    TakeAndArm,
    /// Nothing.
    Return,
}

#[derive(Default)]
struct Queue {
    placed: u32,
    taken: u32,
    failed: bool,
}

struct Model {
    mistake: Mistake,
    callback: Callback,
    arm: Arm,
    queue: Mutex<Queue>,
    in_callback: AtomicBool,
    /// The close completion was called.
    complete: AtomicBool,
    arms: AtomicU32,
    notices: AtomicU32,
    faults: AtomicU32,
    /// What had been taken when the queue was armed last.
    taken_when_armed: AtomicU32,
}

impl Model {
    fn new(mistake: Mistake, callback: Callback) -> Arc<Self> {
        Arc::new(Self {
            mistake,
            callback,
            arm: Arm::new(),
            queue: Mutex::new(Queue::default()),
            in_callback: AtomicBool::new(false),
            complete: AtomicBool::new(false),
            arms: AtomicU32::new(0),
            notices: AtomicU32::new(0),
            faults: AtomicU32::new(0),
            taken_when_armed: AtomicU32::new(0),
        })
    }

    fn arm(&self, class: Class) {
        self.arms.fetch_add(1, Ordering::SeqCst);
        if self.arm.arm(class) {
            self.give();
        }
    }

    fn place(&self, event: Event) {
        let due = {
            let mut queue = self.queue.lock().unwrap();
            if queue.failed {
                return;
            }
            queue.placed += 1;
            let outside = self.mistake == Mistake::PlaceOutsideTheLock;
            if outside { None } else { Some(self.arm.place(event)) }
        };
        if due.unwrap_or_else(|| self.arm.place(event)) {
            self.give();
        }
    }

    fn fault(&self) {
        let due = {
            let mut queue = self.queue.lock().unwrap();
            if self.mistake == Mistake::FaultIsAnEvent {
                queue.placed += 1;
                self.arm.place(Event::Failed)
            } else {
                queue.failed = true;
                self.arm.fault(Fault::Overrun)
            }
        };
        if due {
            self.give();
        }
    }

    fn close(&self) {
        if self.arm.close() || self.mistake == Mistake::CloseDoesNotWait {
            self.close_complete();
        }
    }

    fn close_complete(&self) {
        assert!(!self.in_callback.load(Ordering::SeqCst), "the close is complete while a callback runs");
        assert!(!self.complete.swap(true, Ordering::SeqCst), "the close is complete twice");
    }

    fn take(&self) {
        let mut queue = self.queue.lock().unwrap();
        queue.taken = queue.placed;
        self.taken_when_armed.store(queue.taken, Ordering::SeqCst);
        if self.mistake == Mistake::ForgetOutsideTheLock {
            drop(queue);
            self.arm.forget(Events::NONE);
        } else {
            self.arm.forget(Events::NONE);
        }
    }

    /// Gives a notice that is due, and those that follow from it.
    fn give(&self) {
        loop {
            let Some(notice) = self.arm.begin() else { return self.close_complete() };
            if self.mistake == Mistake::CallbackOutsideTheNotice {
                let end = self.arm.end();
                self.consumer(notice);
                if end != End::Due {
                    return;
                }
                continue;
            }
            self.consumer(notice);
            match self.arm.end() {
                End::Due if self.mistake != Mistake::EndIsNotHeeded => {}
                End::Idle | End::Due => return,
                End::Closed => return self.close_complete(),
            }
        }
    }

    fn consumer(&self, notice: Notice) {
        assert!(!self.in_callback.swap(true, Ordering::SeqCst), "two callbacks at once");
        assert!(!self.complete.load(Ordering::SeqCst), "a callback after the close");
        assert_eq!(self.faults.load(Ordering::SeqCst), 0, "a callback after a fault");
        let notices = self.notices.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(notices <= self.arms.load(Ordering::SeqCst), "a callback without an arm");
        if let Notice::Fault(_) = notice {
            self.faults.fetch_add(1, Ordering::SeqCst);
        } else if self.callback == Callback::TakeAndArm {
            let placed = self.queue.lock().unwrap().placed;
            assert!(placed > self.taken_when_armed.load(Ordering::SeqCst), "a callback for nothing");
            self.take();
        }
        if self.callback == Callback::TakeAndArm {
            self.arm(Class::Any);
            if self.mistake == Mistake::ArmTwice {
                self.arms.fetch_sub(1, Ordering::SeqCst);
            }
        }
        self.in_callback.store(false, Ordering::SeqCst);
    }
}

fn spawn(model: &Arc<Model>, act: impl FnOnce(&Model) + Send + 'static) -> thread::JoinHandle<()> {
    let model = model.clone();
    thread::spawn(move || act(&model))
}

/// Two threads place, and the consumer takes and arms in its callback only.
fn events(mistake: Mistake) {
    loom::model(move || {
        let model = Model::new(mistake, Callback::TakeAndArm);
        model.arm(Class::Any);
        let one = spawn(&model, |model| {
            model.place(Event::Plain);
            model.place(Event::Failed);
        });
        model.place(Event::Solicited);
        one.join().unwrap();
        let queue = model.queue.lock().unwrap();
        assert_eq!(queue.taken, queue.placed, "a notification is lost");
    });
}

#[test]
fn every_event_is_taken() {
    events(Mistake::None);
}

#[test]
#[should_panic(expected = "a notification is lost")]
fn not_looking_at_the_end_loses_a_notification() {
    events(Mistake::EndIsNotHeeded);
}

#[test]
#[should_panic(expected = "two callbacks at once")]
fn ending_before_the_callback_runs_two_at_once() {
    events(Mistake::CallbackOutsideTheNotice);
}

#[test]
#[should_panic(expected = "a notification is lost")]
fn forgetting_outside_the_lock_loses_a_notification() {
    outside(Mistake::ForgetOutsideTheLock);
}

#[test]
#[should_panic(expected = "a callback without an arm")]
fn an_arm_that_is_not_counted_is_found() {
    events(Mistake::ArmTwice);
}

/// One thread places; the consumer polls and arms in a thread of its own, as a consumer without a callback's context does.
fn outside(mistake: Mistake) {
    loom::model(move || {
        let model = Model::new(mistake, Callback::TakeAndArm);
        let one = spawn(&model, |model| {
            model.place(Event::Plain);
            model.place(Event::Plain);
        });
        model.take();
        model.arm(Class::Any);
        one.join().unwrap();
        let queue = model.queue.lock().unwrap();
        assert_eq!(queue.taken, queue.placed, "a notification is lost");
    });
}

#[test]
fn a_consumer_that_polls_first_misses_nothing() {
    outside(Mistake::None);
}

#[test]
#[should_panic(expected = "a callback for nothing")]
fn placing_outside_the_lock_calls_for_nothing() {
    outside(Mistake::PlaceOutsideTheLock);
}

/// The consumer arms twice while an event comes: one callback, whatever the order.
#[test]
fn two_arms_before_the_callback_are_one() {
    for (first, second) in [
        (Class::Errors, Class::Any),
        (Class::Any, Class::Errors),
        (Class::Solicited, Class::Any),
        (Class::Any, Class::Solicited),
    ] {
        loom::model(move || {
            let model = Model::new(Mistake::None, Callback::Return);
            let one = spawn(&model, |model| model.place(Event::Plain));
            model.arm(first);
            let early = model.notices.load(Ordering::SeqCst);
            model.arm(second);
            one.join().unwrap();
            let notices = model.notices.load(Ordering::SeqCst);
            assert!(notices == 1, "{early} and then {notices} callbacks for one event");
        });
    }
}

/// Errors and solicited, in either order, ask for solicited events, whatever comes between.
#[test]
fn a_merged_arm_asks_for_what_either_asked() {
    for (first, second) in [(Class::Errors, Class::Solicited), (Class::Solicited, Class::Errors)] {
        loom::model(move || {
            let model = Model::new(Mistake::None, Callback::Return);
            let one = spawn(&model, |model| model.place(Event::Plain));
            model.arm(first);
            model.arm(second);
            one.join().unwrap();
            assert_eq!(model.notices.load(Ordering::SeqCst), 0, "nobody asked for a plain event");
            model.place(Event::Solicited);
            assert_eq!(model.notices.load(Ordering::SeqCst), 1);
        });
    }
}

/// A flush fails two requests while the consumer arms, and something else is placed.
#[test]
fn a_flush_is_noticed_by_every_class() {
    for class in [Class::Errors, Class::Solicited, Class::Any] {
        loom::model(move || {
            let model = Model::new(Mistake::None, Callback::Return);
            let one = spawn(&model, |model| {
                model.place(Event::Failed);
                model.place(Event::Failed);
            });
            model.arm(class);
            one.join().unwrap();
            assert_eq!(model.notices.load(Ordering::SeqCst), 1, "one arm, one callback");
        });
    }
}

/// The queue overruns while something is placed and the consumer takes and arms.
fn overrun(mistake: Mistake) {
    loom::model(move || {
        let model = Model::new(mistake, Callback::TakeAndArm);
        model.arm(Class::Any);
        let one = spawn(&model, |model| {
            model.place(Event::Plain);
            model.place(Event::Plain);
        });
        model.fault();
        one.join().unwrap();
        assert_eq!(model.faults.load(Ordering::SeqCst), 1, "the fault is told once");
        let notices = model.notices.load(Ordering::SeqCst);
        model.arm(Class::Any);
        model.fault();
        assert_eq!(model.notices.load(Ordering::SeqCst), notices, "something is told after the fault");
    });
}

#[test]
fn a_fault_is_the_last_that_is_told() {
    overrun(Mistake::None);
}

#[test]
#[should_panic(expected = "the fault is told once")]
fn a_fault_like_any_event_is_not() {
    overrun(Mistake::FaultIsAnEvent);
}

/// Two faults race with each other and with the first arm.
#[test]
fn of_two_faults_one_is_told() {
    loom::model(|| {
        let model = Model::new(Mistake::None, Callback::TakeAndArm);
        let one = spawn(&model, Model::fault);
        model.arm(Class::Errors);
        if model.arm.fault(Fault::Internal) {
            model.give();
        }
        one.join().unwrap();
        assert_eq!(model.faults.load(Ordering::SeqCst), 1, "the fault is told once");
        assert_eq!(model.notices.load(Ordering::SeqCst), 1);
    });
}

/// The consumer closes while events come, perhaps a fault as the last, and callbacks run.
fn close(mistake: Mistake, fault: bool) {
    loom::model(move || {
        let model = Model::new(mistake, Callback::TakeAndArm);
        model.arm(Class::Any);
        let one = spawn(&model, move |model| {
            model.place(Event::Plain);
            if fault { model.fault() } else { model.place(Event::Plain) }
        });
        model.close();
        one.join().unwrap();
        assert!(model.complete.load(Ordering::SeqCst), "the close is never complete");
    });
}

#[test]
fn nothing_comes_after_a_close() {
    close(Mistake::None, false);
    close(Mistake::None, true);
}

#[test]
#[should_panic(expected = "the close is complete")]
fn a_close_that_does_not_wait_is_found() {
    close(Mistake::CloseDoesNotWait, false);
}

/// All at once in three threads: the orders with up to three preemptions.
#[test]
fn event_fault_and_close_in_three_threads() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let model = Model::new(Mistake::None, Callback::TakeAndArm);
        model.arm(Class::Any);
        let one = spawn(&model, |model| model.place(Event::Plain));
        let two = spawn(&model, Model::fault);
        model.close();
        one.join().unwrap();
        two.join().unwrap();
        assert!(model.complete.load(Ordering::SeqCst), "the close is never complete");
    });
}
