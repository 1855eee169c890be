//! The arm / event / re-check machine between a queue and its interrupt.
//!
//! The framework's loop (contract.md 3.1, "Arming race") is: Advance found nothing -> arm -> Advance once more -> still
//! nothing -> sleep until notified. A wake-up cannot be lost if
//! 1. arming takes effect before that last Advance reads the descriptors, and
//! 2. an event that finds the machine armed notifies exactly once, and
//! 3. the interrupt side masks the hardware cause *before* it looks at the machine, so that a concurrent arm's unmask
//!    is never undone by it.
//!
//! [`OneShot`] is the machine alone, model-checked with loom where it meets an interrupt (`tests` below, `--cfg loom`);
//! [`Notification`] ties it to a queue handle.

use crate::{
    queue::{Direction, QueueHandle},
    wdf::interrupt::InterruptGuard,
};
use arm::OneShot;
use core::{
    ptr::null_mut,
    sync::atomic::{AtomicPtr, Ordering as PlainOrdering},
};
use netadaptercx_sys::NETPACKETQUEUE__;

/// A queue's notification: shared by the queue's hooks and the interrupt that its cause is routed to.
#[derive(Debug)]
pub struct Notification {
    arm: OneShot,
    /// The queue to notify while one is attached. Written only under the interrupt's lock, which its ISR holds too, so a
    /// handle the ISR reads is alive until it is done with it: notifying a deleted queue is a bugcheck.
    queue: AtomicPtr<NETPACKETQUEUE__>,
    direction: Direction,
}

impl Notification {
    /// Nothing attached, disarmed.
    #[must_use]
    pub fn new(direction: Direction) -> Self {
        Self { arm: OneShot::new(), queue: AtomicPtr::new(null_mut()), direction }
    }

    /// Directs events to `queue`, disarmed. From the queue's Start hook.
    ///
    /// # Panics
    /// If `queue` is of the other direction.
    pub fn attach(&self, queue: QueueHandle, _lock: &InterruptGuard<'_>) {
        assert!(queue.direction() == self.direction);
        self.arm.disarm();
        self.queue.store(queue.raw(), PlainOrdering::Release);
    }

    /// Ends notifying. From the queue's Stop hook; once it returns the handle is not used any more.
    pub fn detach(&self, _lock: &InterruptGuard<'_>) {
        self.arm.disarm();
        self.queue.store(null_mut(), PlainOrdering::Release);
    }

    /// Asks for one notice, then lets the hardware cause through with `unmask`: an event that is already pending in the
    /// hardware fires at once; one that came before is seen by the framework's next Advance. From SetNotificationEnabled(TRUE).
    #[inline]
    pub fn arm(&self, unmask: impl FnOnce()) {
        self.arm.arm(unmask);
    }

    /// Takes the arming back. The hardware cause stays as it is: another queue may share it, and the next event masks it
    /// anyway. From SetNotificationEnabled(FALSE).
    #[inline]
    pub fn disarm(&self) {
        self.arm.disarm();
    }

    /// The interrupt side, in the ISR (under the interrupt's lock) with the cause masked: notifies if armed, and says so.
    #[inline]
    pub fn event(&self, _lock: &InterruptGuard<'_>) -> bool {
        if !self.arm.event() {
            return false;
        }
        let queue = self.queue.load(PlainOrdering::Acquire);
        if !queue.is_null() {
            // SAFETY: the handle was attached and not detached yet, and detaching needs the lock that is held here.
            unsafe { QueueHandle::from_raw(queue, self.direction).notify() };
        }
        !queue.is_null()
    }
}

#[cfg(all(test, loom))]
mod tests {
    //! The model: a device that writes a descriptor and raises its cause, an interrupt side, the framework's loop.

    use arm::OneShot;
    use loom::{
        sync::{
            Arc, Mutex,
            atomic::{AtomicU32, Ordering},
        },
        thread,
    };

    /// A one-vector interrupt controller: latches a cause, and hands out a message when it is not masked.
    #[derive(Default)]
    struct Controller {
        latched: bool,
        masked: bool,
        messages: u32,
    }

    struct Machine {
        arm: OneShot,
        controller: Mutex<Controller>,
        /// Descriptors written back by the device.
        written: AtomicU32,
        /// The framework's own wake-up flag, which is not what is under test.
        notified: Mutex<bool>,
    }

    impl Machine {
        fn new() -> Arc<Self> {
            let controller = Controller { masked: true, ..Controller::default() };
            Arc::new(Self {
                arm: OneShot::new(),
                controller: Mutex::new(controller),
                written: AtomicU32::new(0),
                notified: Mutex::new(false),
            })
        }

        fn raise(&self) {
            let mut c = self.controller.lock().unwrap();
            c.latched = true;
            Self::deliver(&mut c);
        }

        fn unmask(&self) {
            let mut c = self.controller.lock().unwrap();
            c.masked = false;
            Self::deliver(&mut c);
        }

        fn mask(&self) {
            self.controller.lock().unwrap().masked = true;
        }

        fn deliver(c: &mut Controller) {
            if c.latched && !c.masked {
                c.latched = false;
                c.messages += 1;
            }
        }

        /// Runs the ISR for a message; false if none is out.
        fn run_interrupt(&self, mask_first: bool) -> bool {
            {
                let mut c = self.controller.lock().unwrap();
                if c.messages == 0 {
                    return false;
                }
                c.messages -= 1;
            }
            if mask_first {
                self.mask();
            }
            let fire = self.arm.event();
            if !mask_first {
                self.mask();
            }
            if fire {
                *self.notified.lock().unwrap() = true;
            }
            true
        }

        fn take_notification(&self) -> bool {
            core::mem::take(&mut *self.notified.lock().unwrap())
        }

        /// The framework's loop until it would sleep: how many descriptors it has seen.
        fn framework_pass(&self) -> u32 {
            loop {
                let seen = self.written.load(Ordering::Acquire);
                self.arm.arm(|| self.unmask());
                if self.written.load(Ordering::Acquire) == seen {
                    return seen;
                }
            }
        }
    }

    /// One descriptor is there and its interrupt is out twice, as two causes on one vector can do, when the framework
    /// goes round once more and the device writes another: all interleavings.
    fn explore(mask_first: bool) {
        loom::model(move || {
            let m = Machine::new();
            m.arm.arm(|| m.unmask());
            m.written.store(1, Ordering::Release);
            m.raise();
            m.raise();
            let isr = {
                let m = m.clone();
                thread::spawn(move || {
                    m.run_interrupt(mask_first);
                    m.run_interrupt(mask_first);
                })
            };
            let device = {
                let m = m.clone();
                thread::spawn(move || {
                    m.written.store(2, Ordering::Release);
                    m.raise();
                })
            };
            let mut seen = 0;
            if m.take_notification() {
                seen = m.framework_pass();
            }
            device.join().unwrap();
            isr.join().unwrap();
            // Whatever is still in flight arrives now, with the framework asleep.
            loop {
                while m.run_interrupt(mask_first) {}
                if !m.take_notification() {
                    break;
                }
                seen = m.framework_pass();
            }
            assert_eq!(seen, 2, "the framework sleeps for ever on a descriptor it never saw");
        });
    }

    #[test]
    fn no_wakeup_is_lost() {
        explore(true);
    }

    /// Proves that the model can fail: an interrupt side that masks after it looked loses a wake-up.
    #[test]
    #[should_panic(expected = "sleeps for ever")]
    fn masking_after_the_event_loses_a_wakeup() {
        explore(false);
    }
}
