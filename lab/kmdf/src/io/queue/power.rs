//! Power transitions of a queue, after FxIoQueue::ProcessPowerEvents.
//!
//! On the way down the driver is told of each request it owns (EvtIoStop) and acknowledges or completes it; on the way
//! up it is told of those it kept (EvtIoResume).

use super::core::{Action, Core, Id, Step};

/// The framework's FXIOQUEUE_POWER_STATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    On,
    /// Waits until no thread dispatches.
    StartingTransition,
    /// The device goes to Dx (`purge`: it goes away).
    Stopping {
        purge: bool,
    },
    StoppingNotifyingDriver {
        purge: bool,
    },
    StoppingDriverNotified,
    Off,
    Restarting,
    RestartingNotifyingDriver,
}

impl Power {
    pub(super) fn is_changing(self) -> bool {
        !matches!(self, Power::On | Power::Off)
    }

    /// While the driver is being told of its requests no cancel callback runs, or a request could be completed twice.
    pub(super) fn notifies_driver(self) -> bool {
        matches!(self, Power::StoppingNotifyingDriver { .. } | Power::RestartingNotifyingDriver)
    }
}

/// Where an owned request stands in a power transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Owned,
    /// The driver is still to be told.
    Notify,
    /// The driver was told and has not acknowledged.
    Notified,
}

/// WdfRequestStopAcknowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ack {
    Keep,
    Requeue,
}

impl<C: Clone> Core<C> {
    pub(crate) fn power(&self) -> Power {
        self.power
    }

    pub(crate) fn set_power(&mut self, power: Power) {
        self.power = power;
    }

    pub(crate) fn is_power_managed(&self) -> bool {
        self.power_managed
    }

    /// The driver acknowledges EvtIoStop.
    pub(crate) fn acknowledge(&mut self, id: Id, ack: Ack) {
        if let Some(owned) = self.owned.iter_mut().find(|o| o.entry.id == id) {
            owned.ack = Some(ack);
        }
    }

    /// Power is back for all queues of the device: requests that wait in a manual queue are announced again.
    pub(crate) fn announce_waiting(&mut self) {
        self.transition_from_empty |= !self.queued.is_empty();
    }

    /// What the transition does next; `None`: the state has changed, look again.
    pub(super) fn power_step(&mut self, irp_canceled: impl Fn(Id) -> bool) -> Option<Step<C>> {
        let alone = self.dispatching == 1;
        match self.power {
            Power::On | Power::Off => Some(Step::Leave),
            Power::StartingTransition => Some(if alone { Step::Last(Action::PowerIdle) } else { Step::Leave }),
            Power::Stopping { purge } => {
                self.owned.iter_mut().for_each(|o| o.stage = Stage::Notify);
                self.power = Power::StoppingNotifyingDriver { purge };
                None
            }
            Power::StoppingNotifyingDriver { purge } => {
                let Some(owned) = self.owned.iter_mut().find(|o| o.stage == Stage::Notify) else {
                    self.power = Power::StoppingDriverNotified;
                    return None;
                };
                owned.stage = Stage::Notified;
                if purge {
                    owned.ack = None;
                }
                let entry = owned.entry;
                let cancelable = self.cancelable.contains(&entry.id);
                let told = self.callbacks.stop && !entry.canceled;
                told.then_some(Step::Act(Action::Stop { id: entry.id, purge, cancelable }))
            }
            Power::StoppingDriverNotified => {
                let notified = |stage| stage == Stage::Notified;
                let acknowledged = self.owned.iter().position(|o| notified(o.stage) && o.ack.is_some());
                if let Some(at) = acknowledged {
                    return self.take_back(at, irp_canceled).map(Step::Act);
                }
                if !alone || self.owned.iter().any(|o| notified(o.stage)) {
                    return Some(Step::Leave);
                }
                self.power = Power::Off;
                Some(Step::Act(Action::PowerIdle))
            }
            Power::Restarting => {
                self.owned.iter_mut().for_each(|o| o.stage = Stage::Notify);
                self.power = Power::RestartingNotifyingDriver;
                None
            }
            Power::RestartingNotifyingDriver => {
                let Some(owned) = self.owned.iter_mut().find(|o| o.stage == Stage::Notify) else {
                    // Dispatching goes on when all queues of the device are on.
                    self.power = Power::On;
                    return Some(Step::Leave);
                };
                owned.stage = Stage::Owned;
                let entry = owned.entry;
                (self.callbacks.resume && !entry.canceled).then_some(Step::Act(Action::Resume(entry.id)))
            }
        }
    }

    /// FxIoQueue::ProcessAcknowledgedRequests.
    fn take_back(&mut self, at: usize, irp_canceled: impl Fn(Id) -> bool) -> Option<Action<C>> {
        let owned = &mut self.owned[at];
        owned.stage = Stage::Owned;
        let id = owned.entry.id;
        match owned.ack.take() {
            Some(Ack::Requeue) => self.give_back(id, irp_canceled(id)),
            _ => None,
        }
    }
}
