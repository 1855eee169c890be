//! When a queue's receive path runs again: no wish for a pass is lost, whoever has it and whatever runs meanwhile.
//!
//! Two wishes need care. A DPC that finds another one inside the gate leaves, so the other one must notice (`wanted`). A
//! returned packet brings no pass as a rule, but must when the ring has run low, for then perhaps no interrupt comes any
//! more (`hungry`). Each is the same pattern: one side writes its part and then reads the other's, with a full fence between,
//! on both sides; so one of them sees the other (model-checked below).

#[cfg(not(loom))]
use core::sync::atomic::{AtomicBool, Ordering, fence};
#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, Ordering, fence};

/// Rounds of one DPC that others asked for while it ran; then the next DPC goes on.
const ROUNDS: u32 = 4;

/// The wishes of a queue.
#[derive(Debug)]
pub struct Pace {
    wanted: AtomicBool,
    hungry: AtomicBool,
}

/// What a round found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// The gate is closed, or somebody else is inside.
    Outside,
    /// Everything is done.
    Done,
    /// There is more to do.
    More,
}

impl Pace {
    /// No wish.
    pub fn new() -> Self {
        Self { wanted: AtomicBool::new(false), hungry: AtomicBool::new(false) }
    }

    /// The DPC: runs `round`, again if a pass was wanted meanwhile. The round calls [`Self::begin`] once it is inside. True if
    /// the DPC must be queued again.
    #[inline]
    pub fn run(&self, mut round: impl FnMut() -> Round) -> bool {
        self.wanted.store(true, Ordering::Release);
        for _ in 0..ROUNDS {
            fence(Ordering::SeqCst);
            match round() {
                Round::Outside => return false,
                Round::More => return true,
                Round::Done => {}
            }
            fence(Ordering::SeqCst);
            if !self.wanted.load(Ordering::Acquire) {
                return false;
            }
        }
        true
    }

    /// Inside the gate, before anything is looked at: whatever was wanted so far is done by this pass.
    #[inline]
    pub fn begin(&self) {
        self.wanted.swap(false, Ordering::AcqRel);
    }

    /// Inside the gate, when the ring has nothing more: whether it is low. Returned packets are looked for once more after
    /// this.
    #[inline]
    pub fn settle(&self, low: bool) {
        self.hungry.store(low, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Packets were returned. True if the DPC must be queued.
    #[inline]
    pub fn returned(&self) -> bool {
        fence(Ordering::SeqCst);
        self.hungry.load(Ordering::Relaxed) && self.hungry.swap(false, Ordering::Relaxed)
    }

    /// The ring has no memory any more.
    pub fn reset(&self) {
        self.hungry.store(false, Ordering::Relaxed);
    }
}

#[cfg(all(test, loom))]
mod model {
    //! Two processors run the queue's DPC, a third returns the last buffers: in the end every buffer is in the ring again,
    //! or a DPC is queued that will put it there.

    use super::*;
    use loom::{
        sync::{
            Arc,
            atomic::{AtomicBool, AtomicU32},
        },
        thread,
    };

    struct Queue {
        pace: Pace,
        inside: AtomicBool,
        returned: AtomicU32,
        posted: AtomicU32,
        dpc: AtomicBool,
        /// What `settle` and `returned` fence, to show that the model can fail.
        careful: bool,
    }

    impl Queue {
        fn run(&self) {
            let again = self.pace.run(|| {
                if self.inside.swap(true, Ordering::AcqRel) {
                    return Round::Outside;
                }
                self.pace.begin();
                self.refill();
                if self.careful {
                    self.pace.settle(self.posted.load(Ordering::Relaxed) == 0);
                    self.refill();
                } else {
                    self.refill();
                    self.pace.settle(self.posted.load(Ordering::Relaxed) == 0);
                }
                self.inside.swap(false, Ordering::AcqRel);
                Round::Done
            });
            if again {
                self.dpc.store(true, Ordering::Relaxed);
            }
        }

        fn refill(&self) {
            let returned = self.returned.swap(0, Ordering::AcqRel);
            self.posted.fetch_add(returned, Ordering::Relaxed);
        }

        fn give_back(&self) {
            self.returned.fetch_add(1, Ordering::AcqRel);
            if self.pace.returned() {
                self.dpc.store(true, Ordering::Relaxed);
                self.run();
            }
        }
    }

    fn explore(careful: bool) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(move || {
            let queue = Arc::new(Queue {
                pace: Pace::new(),
                inside: AtomicBool::new(false),
                returned: AtomicU32::new(0),
                posted: AtomicU32::new(0),
                dpc: AtomicBool::new(false),
                careful,
            });
            let threads = [Queue::run, Queue::give_back].map(|body| {
                let queue = queue.clone();
                thread::spawn(move || body(&queue))
            });
            queue.run();
            for thread in threads {
                thread.join().unwrap();
            }
            if queue.dpc.swap(false, Ordering::Relaxed) {
                queue.run();
            }
            assert_eq!(queue.posted.load(Ordering::Relaxed), 1, "a returned buffer never reaches the ring");
        });
    }

    #[test]
    fn no_returned_buffer_is_forgotten() {
        explore(true);
    }

    /// Proves that the model can fail: a ring that says it is low after its last look forgets a buffer.
    #[test]
    #[should_panic(expected = "never reaches the ring")]
    fn a_last_look_before_the_word_forgets_one() {
        explore(false);
    }
}
