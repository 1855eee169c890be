//! One CQ of the provider, used through its dispatch table, and what its consumer sees.

use crate::{
    common::{System, adapter_dispatch, header},
    oracle::{ArmType, Habit, INNER, Kind, Op, Seen},
};
use ndis_sys::{
    evt,
    ndk::{
        _NDK_OPERATION_TYPE, NDK_ADAPTER, NDK_CQ, NDK_CQ_DISPATCH, NDK_CQ_NOTIFY_ANY, NDK_CQ_NOTIFY_ERRORS,
        NDK_CQ_NOTIFY_SOLICITED, NDK_RESULT, NDK_RESULT_EX,
    },
};
use ndk::{
    Platform,
    cq::{Completion, Cq},
    handle::resolve,
    object::ObjectId,
    run::with_engine,
    upcall::Context,
};
use std::{
    ptr::null_mut,
    sync::{Mutex, PoisonError},
};
use wdk_sys::{NTSTATUS, PVOID, STATUS_CANCELLED, STATUS_SUCCESS};

pub struct Subject {
    system: &'static System,
    adapter: *mut NDK_ADAPTER,
    cq: *mut NDK_CQ,
    dispatch: &'static NDK_CQ_DISPATCH,
    id: ObjectId<Cq>,
    consumer: &'static Consumer,
}

/// The consumer: the context of its callbacks.
struct Consumer {
    state: Mutex<State>,
}

struct State {
    cq: *mut NDK_CQ,
    /// Completions placed during callbacks.
    inner: u32,
    habit: Habit,
    in_callback: bool,
    closed: bool,
    seen: Vec<Seen>,
}
// SAFETY: the handle is used on the test's thread only.
unsafe impl Send for State {}

impl Consumer {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn see(&self, seen: Seen) {
        self.state().seen.push(seen);
    }
}

evt! {
    unsafe fn notified(context: PVOID, status: NTSTATUS) {
        // SAFETY: the consumer given at creation.
        let consumer = unsafe { &*context.cast::<Consumer>() };
        let (cq, habit) = {
            let mut state = consumer.state();
            assert!(!std::mem::replace(&mut state.in_callback, true), "two callbacks at once");
            assert!(!state.closed, "a callback after the close");
            state.seen.push(Seen::Notified(status));
            (state.cq, state.habit)
        };
        match habit {
            Habit::Return => {}
            Habit::Arm => arm(cq, ArmType::Any),
            Habit::TakeAllAndArm => {
                consumer.see(take(cq, usize::MAX, true));
                arm(cq, ArmType::Any);
            }
            Habit::ArmAndPlace => {
                arm(cq, ArmType::Any);
                let number = {
                    let mut state = consumer.state();
                    state.inner += 1;
                    INNER + state.inner
                };
                place(cq, Kind::Plain, number);
            }
            Habit::Close => close(cq, consumer),
        }
        consumer.state().in_callback = false;
    }
}

evt! {
    unsafe fn close_complete(context: PVOID) {
        // SAFETY: the consumer given with the close.
        let consumer = unsafe { &*context.cast::<Consumer>() };
        let mut state = consumer.state();
        assert!(!state.in_callback, "the close is complete while a callback runs");
        assert!(!std::mem::replace(&mut state.closed, true), "the close is complete twice");
        state.seen.push(Seen::CloseComplete);
    }
}

fn dispatch(cq: *mut NDK_CQ) -> &'static NDK_CQ_DISPATCH {
    // SAFETY: handles keep their memory as long as the adapter is open, and tables as long as the image.
    unsafe { &*(*cq).Dispatch }
}

fn arm(cq: *mut NDK_CQ, kind: ArmType) {
    let kind = match kind {
        ArmType::Errors => NDK_CQ_NOTIFY_ERRORS,
        ArmType::Any => NDK_CQ_NOTIFY_ANY,
        ArmType::Solicited => NDK_CQ_NOTIFY_SOLICITED,
    };
    // SAFETY: a handle of an open adapter.
    unsafe { dispatch(cq).NdkArmCq.unwrap()(cq, kind) };
}

/// Takes with one of the two functions that there are.
fn take(cq: *mut NDK_CQ, count: usize, extended: bool) -> Seen {
    let count = count.min(100) as u32;
    let taken: Vec<(NTSTATUS, PVOID)> = if extended {
        let mut results = [NDK_RESULT_EX::default(); 100];
        // SAFETY: a handle of an open adapter, and room for `count` results.
        let taken = unsafe { dispatch(cq).NdkGetCqResultsEx.unwrap()(cq, results.as_mut_ptr(), count) };
        results[..taken as usize].iter().map(|result| (result.Status, result.RequestContext)).collect()
    } else {
        let mut results = [NDK_RESULT::default(); 100];
        // SAFETY: as above.
        let taken = unsafe { dispatch(cq).NdkGetCqResults.unwrap()(cq, results.as_mut_ptr(), count) };
        results[..taken as usize].iter().map(|result| (result.Status, result.RequestContext)).collect()
    };
    assert!(taken.iter().all(|(status, context)| *status == status_of(context.addr())), "a result of another request");
    Seen::Taken(taken.iter().map(|(_, context)| (context.addr() >> 1) as u32).collect())
}

/// The status of a completion, told by its context.
fn status_of(context: usize) -> NTSTATUS {
    if context & 1 != 0 { STATUS_CANCELLED } else { STATUS_SUCCESS }
}

fn close(cq: *mut NDK_CQ, consumer: &'static Consumer) {
    let context = core::ptr::from_ref(consumer).cast_mut().cast();
    // SAFETY: a handle of an open adapter; the consumer is leaked.
    let status = unsafe { dispatch(cq).NdkCloseCq.unwrap()(header(cq), Some(close_complete), context) };
    let mut state = consumer.state();
    state.closed |= status == STATUS_SUCCESS;
    state.seen.push(Seen::Closed(status));
}

/// Completes a request, as a QP does.
fn place(cq: *mut NDK_CQ, kind: Kind, number: u32) {
    let context = (number as usize) << 1 | usize::from(kind == Kind::Failed);
    let completion = Completion {
        status: status_of(context),
        bytes: 0,
        qp: Context(null_mut()),
        request: Context(core::ptr::without_provenance_mut(context)),
        operation: _NDK_OPERATION_TYPE::NdkOperationTypeSend,
        output: 0,
        solicited: kind == Kind::Solicited,
    };
    // SAFETY: a handle of an open adapter.
    let (system, id) = unsafe { resolve::<System, Cq>(cq.cast()) }.unwrap();
    with_engine(system, |engine| engine.place(id, completion));
}

impl Subject {
    pub fn new(system: &'static System, depth: u32) -> Self {
        let adapter = system.open(2, 0).unwrap();
        let state = State {
            cq: null_mut(),
            inner: 0,
            habit: Habit::Return,
            in_callback: false,
            closed: false,
            seen: Vec::new(),
        };
        let consumer: &'static Consumer = Box::leak(Box::new(Consumer { state: Mutex::new(state) }));
        let mut cq = null_mut();
        // SAFETY: an open adapter, a consumer that is leaked, a live place.
        let status = unsafe {
            adapter_dispatch(adapter).NdkCreateCq.unwrap()(
                adapter,
                depth,
                Some(notified),
                core::ptr::from_ref(consumer).cast_mut().cast(),
                null_mut(),
                None,
                null_mut(),
                &raw mut cq,
            )
        };
        assert_eq!(status, STATUS_SUCCESS);
        consumer.state().cq = cq;
        // SAFETY: a handle that was created just now.
        let (_, id) = unsafe { resolve::<System, Cq>(cq.cast()) }.unwrap();
        Self { system, adapter, cq, dispatch: dispatch(cq), id, consumer }
    }

    pub fn apply(&self, op: Op, number: u32) -> Vec<Seen> {
        match op {
            Op::Place(kind) => place(self.cq, kind, number),
            Op::Arm(kind) => arm(self.cq, kind),
            Op::Take(count) => self.consumer.see(take(self.cq, count, number.is_multiple_of(2))),
            Op::Fault => with_engine(self.system, |engine| engine.fail_cq(self.id, arm::Fault::Internal)),
            Op::Resize(depth) => {
                // SAFETY: a handle of an open adapter.
                let status = unsafe { self.dispatch.NdkResizeCq.unwrap()(self.cq, depth, None, null_mut()) };
                self.consumer.see(Seen::Resized(status));
            }
            Op::Habit(habit) => self.consumer.state().habit = habit,
            Op::Close => close(self.cq, self.consumer),
            Op::Run => {
                self.system.run(1 + number as usize % 3);
            }
        }
        std::mem::take(&mut self.consumer.state().seen)
    }

    /// What the provider keeps of the CQ.
    pub fn state(&self) -> String {
        let engine = self.system.engine();
        format!("{:?}", engine.get(self.id))
    }

    /// Closes what is open and then the adapter, which must not wait for ever.
    pub fn end(self) {
        if !self.consumer.state().closed {
            close(self.cq, self.consumer);
        }
        // SAFETY: an open adapter, outside of callbacks.
        unsafe { ndk::close_adapter(self.system, self.adapter) };
        assert!(self.consumer.state().closed, "the adapter closed before its CQ");
    }
}
