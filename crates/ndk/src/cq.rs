//! Completion queues.

use crate::{
    engine::Engine,
    object::{Kind, Object, ObjectId},
    platform::Platform,
    table::Table,
    upcall::{Context, Upcall},
};
use alloc::collections::VecDeque;
use arm::{Arm, Class, End, Event, Events, Fault, Notice};
use core::{ffi::c_void, fmt};
use ndis_sys::ndk::{
    NDK_CQ_NOTIFY_ANY, NDK_CQ_NOTIFY_ERRORS, NDK_CQ_NOTIFY_SOLICITED, NDK_FN_CQ_NOTIFICATION_CALLBACK,
    NDK_OPERATION_TYPE, NDK_RESULT, NDK_RESULT_EX,
    status::{STATUS_INTERNAL_ERROR, STATUS_INVALID_PARAMETER_MIX},
};
use wdk_sys::{
    NTSTATUS, STATUS_BUFFER_OVERFLOW, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG,
    ULONG_PTR,
};

/// The most completions that a CQ can be made to hold.
pub const MAX_CQ_DEPTH: u32 = 8192;

/// A completed work request.
#[derive(Clone, Copy, Debug)]
pub struct Completion {
    /// How it ended.
    pub status: NTSTATUS,
    /// Bytes received, of a receive.
    pub bytes: ULONG,
    /// The QP's context.
    pub qp: Context,
    /// The request's context.
    pub request: Context,
    /// What it was.
    pub operation: NDK_OPERATION_TYPE,
    /// The invalidated token, of a receive-and-invalidate.
    pub output: ULONG_PTR,
    /// The message came with NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT.
    pub solicited: bool,
}

impl Completion {
    /// The class of arming that it satisfies. NDKPI says of ERRORS only "errors such as ..."; a request that failed is
    /// counted as one, and, as in the InfiniBand verbs, as solicited.
    const fn event(&self) -> Event {
        if self.status < 0 {
            Event::Failed
        } else if self.solicited {
            Event::Solicited
        } else {
            Event::Plain
        }
    }

    /// What NdkGetCqResultsEx tells.
    #[must_use]
    pub const fn result_ex(&self) -> NDK_RESULT_EX {
        NDK_RESULT_EX {
            Status: self.status,
            BytesTransferred: self.bytes,
            QPContext: self.qp.0,
            RequestContext: self.request.0,
            Type: self.operation,
            ProviderErrorCode: 0,
            TypeSpecificCompletionOutput: self.output,
        }
    }

    /// What NdkGetCqResults tells.
    #[must_use]
    pub const fn result(&self) -> NDK_RESULT {
        NDK_RESULT {
            Status: self.status,
            BytesTransferred: self.bytes,
            QPContext: self.qp.0,
            RequestContext: self.request.0,
        }
    }
}

/// What became of a completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It is in the queue.
    Yes,
    /// The queue is unusable, perhaps since now: nothing more is told, and the QPs are unusable too.
    Unusable,
}

/// When a notice that is due is given (DDI NDK_FN_CONTROL_CQ_INTERRUPT_MODERATION).
#[derive(Clone, Copy, Debug)]
struct Moderation {
    /// At the latest after this many units of 100 ns; none for no such limit.
    interval: Option<u64>,
    /// At the latest with this many completions in the queue; none for no such limit.
    count: Option<usize>,
}

/// A completion queue.
pub struct Cq {
    depth: usize,
    /// At most `depth`, for which there is room.
    completions: VecDeque<Completion>,
    /// Of `completions`, how many there are of each event.
    plain: usize,
    solicited: usize,
    failed: usize,
    arm: Arm,
    /// A notice is due and was not begun.
    due: bool,
    /// When it is given at the latest.
    deadline: Option<u64>,
    moderation: Option<Moderation>,
    notification: NDK_FN_CQ_NOTIFICATION_CALLBACK,
    context: Context,
}

/// The state, without what is the consumer's.
impl fmt::Debug for Cq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cq")
            .field("depth", &self.depth)
            .field("plain", &self.plain)
            .field("solicited", &self.solicited)
            .field("failed", &self.failed)
            .field("arm", &self.arm)
            .field("due", &self.due)
            .field("deadline", &self.deadline)
            .field("moderation", &self.moderation)
            .finish_non_exhaustive()
    }
}

/// Room for as many completions as a queue of `depth` holds.
///
/// # Errors
/// STATUS_INVALID_PARAMETER for none or more than [`MAX_CQ_DEPTH`], STATUS_INSUFFICIENT_RESOURCES.
pub(crate) fn room(depth: u32) -> Result<VecDeque<Completion>, NTSTATUS> {
    if !(1..=MAX_CQ_DEPTH).contains(&depth) {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let mut completions = VecDeque::new();
    completions.try_reserve_exact(depth as usize).map_err(|_| STATUS_INSUFFICIENT_RESOURCES)?;
    Ok(completions)
}

impl Cq {
    /// An empty queue, not armed.
    ///
    /// # Errors
    /// STATUS_INVALID_PARAMETER for a depth of 0 or more than [`MAX_CQ_DEPTH`], STATUS_INSUFFICIENT_RESOURCES.
    pub fn new(depth: u32, notification: NDK_FN_CQ_NOTIFICATION_CALLBACK, context: Context) -> Result<Self, NTSTATUS> {
        Ok(Self {
            depth: depth as usize,
            completions: room(depth)?,
            plain: 0,
            solicited: 0,
            failed: 0,
            arm: Arm::new(),
            due: false,
            deadline: None,
            moderation: None,
            notification,
            context,
        })
    }

    /// True until the queue overran or failed.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !self.arm.faulty()
    }

    /// True if the next completion overruns it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.completions.len() >= self.depth
    }

    fn count(&mut self, event: Event) -> &mut usize {
        match event {
            Event::Plain => &mut self.plain,
            Event::Solicited => &mut self.solicited,
            Event::Failed => &mut self.failed,
        }
    }

    /// Takes up to `into.len()` completions out, oldest first: how many.
    pub fn take(&mut self, into: &mut [Option<Completion>]) -> usize {
        let mut taken = 0;
        for place in into {
            let Some(completion) = self.completions.pop_front() else { break };
            *self.count(completion.event()) -= 1;
            *place = Some(completion);
            taken += 1;
        }
        // An event is news as long as its completion is here: of each kind the newest leaves last.
        let mut unseen = Events::NONE;
        for event in [Event::Plain, Event::Solicited, Event::Failed] {
            if *self.count(event) != 0 {
                unseen = unseen.and(event);
            }
        }
        self.arm.forget(unseen);
        taken
    }

    /// True if the notice that is due waits for more completions or time.
    fn is_held_back(&mut self, now: u64) -> bool {
        let Some(moderation) = self.moderation.filter(|_| !self.arm.faulty()) else { return false };
        if moderation.count.is_some_and(|count| self.completions.len() >= count) {
            return false;
        }
        let Some(interval) = moderation.interval else { return true };
        now < *self.deadline.get_or_insert(now.saturating_add(interval))
    }

    fn fault(&mut self, fault: Fault) -> bool {
        self.completions.clear();
        (self.plain, self.solicited, self.failed) = (0, 0, 0);
        self.arm.fault(fault)
    }
}

/// The class of an NDK_CQ_NOTIFY_* type; none for another number.
#[must_use]
pub const fn class(notify: ULONG) -> Option<Class> {
    match notify {
        NDK_CQ_NOTIFY_ERRORS => Some(Class::Errors),
        NDK_CQ_NOTIFY_ANY => Some(Class::Any),
        NDK_CQ_NOTIFY_SOLICITED => Some(Class::Solicited),
        _ => None,
    }
}

impl Engine {
    /// Puts a completion into a queue, and lets its consumer be notified if it asked for this.
    pub fn place(&mut self, id: ObjectId<Cq>, completion: Completion) -> Placed {
        let Some(cq) = self.get_mut(id).filter(|cq| cq.is_usable()) else { return Placed::Unusable };
        if cq.is_full() {
            self.fail_cq(id, Fault::Overrun);
            return Placed::Unusable;
        }
        let event = completion.event();
        cq.completions.push_back(completion);
        *cq.count(event) += 1;
        let due = cq.arm.place(event);
        self.notify(id, due);
        Placed::Yes
    }

    /// Makes a queue unusable: its completions are dropped, its consumer is told once, if it arms or has armed, and its QPs
    /// are woken to find it so ([`Cq::is_usable`]).
    pub fn fail_cq(&mut self, id: ObjectId<Cq>, fault: Fault) {
        self.fault_cq(id, fault);
        self.each(&[Kind::Qp], |engine, qp| {
            if engine.base(qp).is_some_and(|base| base.antecedents.contains(&Some(id.into()))) {
                engine.wake(qp);
            }
        });
    }

    /// Makes all queues unusable.
    pub(crate) fn fail_cqs(&mut self, fault: Fault) {
        self.each(&[Kind::Cq], |engine, cq| engine.fault_cq(ObjectId::from_bits(cq.bits), fault));
        self.each(&[Kind::Qp], Self::wake);
    }

    fn fault_cq(&mut self, id: ObjectId<Cq>, fault: Fault) {
        let Some(cq) = self.get_mut(id).filter(|cq| cq.is_usable()) else { return };
        let due = cq.fault(fault);
        self.notify(id, due);
    }

    /// Arms a queue. An unknown type is ignored, as NdkArmCq cannot fail.
    pub(crate) fn arm_cq(&mut self, id: ObjectId<Cq>, notify: ULONG) {
        if let Ok(cq) = self.usable(id)
            && let Some(class) = class(notify)
        {
            let due = cq.arm.arm(class);
            self.notify(id, due);
        }
    }

    /// Changes how many completions a queue can hold; `depth` may not be less than it holds.
    ///
    /// # Errors
    /// STATUS_INVALID_HANDLE, STATUS_BUFFER_OVERFLOW for completions that would be lost; nothing is changed then.
    pub(crate) fn resize_cq(&mut self, id: ObjectId<Cq>, room: &mut VecDeque<Completion>, depth: u32) -> NTSTATUS {
        let cq = match self.usable(id) {
            Ok(cq) => cq,
            Err(status) => return status,
        };
        let depth = depth as usize;
        if cq.completions.len() > depth || room.capacity() < depth {
            return STATUS_BUFFER_OVERFLOW;
        }
        room.extend(cq.completions.drain(..));
        core::mem::swap(&mut cq.completions, room);
        cq.depth = depth;
        STATUS_SUCCESS
    }

    /// Sets how long notices are held back: `interval` in microseconds and `count` of completions, as in DDI
    /// NDK_FN_CONTROL_CQ_INTERRUPT_MODERATION.
    pub(crate) fn moderate_cq(&mut self, id: ObjectId<Cq>, interval: ULONG, count: ULONG) -> NTSTATUS {
        let cq = match self.usable(id) {
            Ok(cq) => cq,
            Err(status) => return status,
        };
        let endless = count == ULONG::MAX || count as usize > cq.depth;
        if interval == ULONG::MAX && endless {
            return STATUS_INVALID_PARAMETER_MIX;
        }
        cq.deadline = None;
        cq.moderation = (interval != 0 && count > 1).then(|| Moderation {
            interval: (interval != ULONG::MAX).then(|| u64::from(interval) * 10),
            count: (!endless).then_some(count as usize),
        });
        if cq.due {
            self.wake(id.into());
        }
        STATUS_SUCCESS
    }

    /// After a change of the arm: `due` if it made a notice due.
    fn notify(&mut self, id: ObjectId<Cq>, due: bool) {
        if let Some(cq) = self.get_mut(id) {
            cq.due |= due;
            if cq.due {
                self.wake(id.into());
            }
        }
    }
}

impl Object for Cq {
    const KIND: Kind = Kind::Cq;
    const LIMIT: u32 = 4096;

    fn dispatch<P: Platform>() -> *const c_void {
        crate::door::cq::dispatch::<P>()
    }

    fn table(engine: &Engine) -> &Table<Self> {
        &engine.cqs
    }

    fn table_mut(engine: &mut Engine) -> &mut Table<Self> {
        &mut engine.cqs
    }

    fn closing(engine: &mut Engine, id: ObjectId<Self>) {
        let Some(cq) = engine.get_mut(id) else { return };
        // A notice that was due is not held back any more: its step finds the arm closed.
        cq.moderation = None;
        if !cq.arm.close() {
            engine.notify(id, false);
        }
    }

    fn step(engine: &mut Engine, id: ObjectId<Self>) -> Option<Upcall> {
        let now = engine.now();
        let cq = engine.get_mut(id).filter(|cq| cq.due)?;
        if cq.is_held_back(now) {
            if let Some(deadline) = cq.deadline {
                engine.wake_at(id.into(), deadline);
            }
            return None;
        }
        cq.due = false;
        cq.deadline = None;
        let status = match cq.arm.begin()? {
            Notice::Events => STATUS_SUCCESS,
            Notice::Fault(Fault::Overrun) => STATUS_BUFFER_OVERFLOW,
            Notice::Fault(Fault::Internal) => STATUS_INTERNAL_ERROR,
        };
        Some(Upcall::CqNotification(cq.notification, cq.context, status))
    }

    fn returned(engine: &mut Engine, id: ObjectId<Self>) {
        if let Some(cq) = engine.get_mut(id) {
            let due = cq.arm.end() == End::Due;
            engine.notify(id, due);
        }
    }
}
