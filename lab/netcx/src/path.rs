//! Start and stop of one queue with its path to the stack.
//!
//! Source: NetAdapterCx 21H2 `netcx/translator/queue.cpp`.

use crate::contract::QUEUE_STOP_ENDS;
use crate::ec::{Notification, Poll, PollKind};
use crate::options;
use crate::queue::{ClientNotification, Queue};
use crate::stack::StackNotification;
use lab_kernel::bugcheck;
use lab_kernel::cpu::{self, Event};
use std::sync::Arc;

/// One direction of the datapath.
pub trait Path: Poll {
    /// Its queue.
    fn queue(&self) -> &Arc<Queue>;
    /// What the stack wakes it up with.
    fn notification(&self) -> Arc<StackNotification>;
    /// From now on nothing new is posted.
    fn set_stopping(&self);
    /// Set when both rings are empty and everything went back to the stack.
    fn ready_to_stop(&self) -> &Event;
}

/// A path registered with its execution context.
pub struct Running {
    path: Arc<dyn Path>,
    poll: Arc<dyn Poll>,
    stack_notification: Arc<dyn Notification>,
    client_notification: Option<Arc<dyn Notification>>,
}

impl Running {
    /// EvtStart, then notifications, then polling.
    pub fn start<P: Path + 'static>(path: Arc<P>) -> Running {
        let queue = path.queue().clone();
        let stack_notification: Arc<dyn Notification> = path.notification();
        queue.ec().register_notification(stack_notification.clone());
        queue.start();
        let client_notification: Option<Arc<dyn Notification>> =
            if queue.has_notification() { Some(Arc::new(ClientNotification(queue.clone()))) } else { None };
        if let Some(notification) = &client_notification {
            queue.ec().register_notification(notification.clone());
        }
        let poll: Arc<dyn Poll> = path.clone();
        queue.ec().register_poll(PollKind::Advance, poll.clone());
        queue.ec().notify();
        Running { path, poll, stack_notification, client_notification }
    }

    /// Nothing new is posted, EvtCancel, and one more look at the rings.
    pub fn cancel(&self) {
        let queue = self.path.queue();
        let path = self.path.clone();
        queue.ec().run_task(move || path.set_stopping());
        let cancelled = queue.clone();
        queue.ec().run_task(move || cancelled.cancel());
        queue.ec().notify();
    }

    /// Waits until the client returned everything, then EvtStop. The framework waits for ever; the lab ends the run.
    pub fn stop(self) {
        let queue = self.path.queue();
        let deadline = options::options().stop_deadline;
        let in_time = cpu::wait_for("a queue that stops", self.path.ready_to_stop(), Some(deadline));
        let missing = || {
            let (packets, fragments) = (queue.packets.owned(), queue.fragments.owned());
            format!(
                "stop hangs: {fragments} fragments and {packets} packets never returned by {:?} queue {} within {deadline:?}",
                queue.direction, queue.id
            )
        };
        if !QUEUE_STOP_ENDS.check(in_time, missing) {
            bugcheck::stop(&missing());
        }
        queue.ec().unregister_poll(self.poll.clone());
        if let Some(notification) = &self.client_notification {
            queue.ec().unregister_notification(notification.clone());
        }
        queue.stop();
        queue.ec().unregister_notification(self.stack_notification.clone());
    }
}
