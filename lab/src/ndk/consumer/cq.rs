//! Completion queues and the notification callback.

use super::calls::callback;
use super::object::{Closing, Handle, create_with_callback, dispatch, invoke};
use super::requests::{self, Entry, Pending, of_object, on_request};
use lab_kernel::cpu::{self, Event};
use lab_kernel::rules;
use ndis_sys::evt;
use ndis_sys::ndk::status::STATUS_INTERNAL_ERROR;
use ndis_sys::ndk::*;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use wdk_sys::{NTSTATUS, PVOID, STATUS_BUFFER_OVERFLOW, STATUS_SUCCESS};

rules! {
    NDK_CQ_ONE_CALLBACK_PER_ARM: "The notification callback comes once for each arm and never without one", "docs NDKPI completion handling requirements; contract.md 3.5";
    NDK_CQ_CALLBACKS_SERIAL: "A notification is deferred while the callback is running", "docs NDKPI completion handling requirements; contract.md 3.5";
    NDK_CQ_STATUS: "CqStatus is STATUS_SUCCESS, STATUS_BUFFER_OVERFLOW or STATUS_INTERNAL_ERROR", "DDI ndkpi NDK_FN_CQ_NOTIFICATION_CALLBACK: CqStatus";
    NDK_CQ_SILENT_AFTER_ERROR: "After an error notification a CQ notifies no more", "DDI ndkpi NDK_FN_CQ_NOTIFICATION_CALLBACK: CqStatus; contract.md 3.5";
    NDK_RESULTS_FIT: "No more results are returned or written than were asked for", "DDI ndkpi NDK_FN_GET_CQ_RESULTS, NDK_FN_GET_CQ_RESULTS_EX";
    NDK_RESULT_ERROR_CODE: "A result of STATUS_SUCCESS has no provider error code", "DDI ndkpi NDK_RESULT_EX: ProviderErrorCode";
}

/// One completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// How it ended.
    pub status: NTSTATUS,
    /// Valid for receives.
    pub bytes: u32,
    /// Of the QP.
    pub qp: usize,
    /// Of the request.
    pub request: usize,
    /// Zero if it was fetched without.
    pub kind: NDK_OPERATION_TYPE,
    /// The token of a ReceiveAndInvalidate.
    pub output: usize,
}

type Hook = Box<dyn FnMut(NTSTATUS) + Send>;

/// What a CQ's callback saw.
pub(super) struct CqEvents {
    state: Mutex<State>,
    came: Event,
}

/// Arms make one callback together, but an arm that comes while the provider is on its way into the callback of the one
/// before is a new one, and from outside that cannot be told: two may be open. Merging is judged where nothing else goes on.
const OPEN: u32 = 2;

#[derive(Default)]
struct State {
    /// Callbacks that arms still allow: at most [`OPEN`], and one more during a call of NdkArmCq.
    allowed: u32,
    calls: u64,
    running: bool,
    statuses: Vec<NTSTATUS>,
    failed: Option<NTSTATUS>,
    hook: Option<Hook>,
}

impl CqEvents {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_running(&self) -> bool {
        self.state().running
    }

    fn notify(&self, status: NTSTATUS) {
        let known = [STATUS_SUCCESS, STATUS_BUFFER_OVERFLOW, STATUS_INTERNAL_ERROR].contains(&status);
        NDK_CQ_STATUS.check(known, || format!("{status:#x}"));
        let hook = {
            let mut state = self.state();
            NDK_CQ_CALLBACKS_SERIAL.check(!state.running, || "a callback inside or beside another".to_owned());
            NDK_CQ_ONE_CALLBACK_PER_ARM
                .check(state.allowed > 0, || format!("callback {} was not armed", state.calls + 1));
            NDK_CQ_SILENT_AFTER_ERROR
                .check(state.failed.is_none(), || format!("{status:#x} after {:x?}", state.failed));
            state.allowed = state.allowed.saturating_sub(1);
            state.calls += 1;
            state.statuses.push(status);
            state.failed = state.failed.or((status != STATUS_SUCCESS).then_some(status));
            state.running = true;
            state.hook.take()
        };
        if let Some(mut hook) = hook {
            hook(status);
            self.state().hook.get_or_insert(hook);
        }
        self.state().running = false;
        self.came.set();
    }
}

evt! {
    unsafe fn on_notification(context: PVOID, status: NTSTATUS) {
        callback("NdkCqNotificationCallback", || {
            if let Some(Entry::Cq(events)) = of_object("NdkCqNotificationCallback", context) {
                events.notify(status);
            }
        });
    }
}

/// A completion queue.
#[derive(Clone)]
pub struct Cq {
    pub(super) handle: Handle<NDK_CQ>,
    events: Arc<CqEvents>,
    context: usize,
}

/// NdkCreateCq.
pub(super) fn create_cq(adapter: Handle<NDK_ADAPTER>, depth: u32) -> Result<Cq, NTSTATUS> {
    let events = Arc::new(CqEvents { state: Mutex::default(), came: Event::new(false, false) });
    let entry = Entry::Cq(events.clone());
    let created = create_with_callback("NdkCreateCq", entry, |context, completion, request, out| {
        let affinity = std::ptr::null_mut();
        dispatch!(adapter, NdkCreateCq, depth, Some(on_notification), context, affinity, completion, request, out)
    });
    created.map(|(handle, context)| Cq { handle, events, context })
}

impl Cq {
    /// NdkArmCq.
    pub fn arm(&self, class: u32) {
        self.events.state().allowed += 1;
        invoke!(self.handle, NdkArmCq, class);
        let mut state = self.events.state();
        state.allowed = state.allowed.min(OPEN);
    }

    /// NdkGetCqResultsEx.
    pub fn results(&self, most: usize) -> Vec<Work> {
        const GUARD: usize = 1;
        let mut results = vec![NDK_RESULT_EX { Status: NTSTATUS::MAX, ..Default::default() }; most + GUARD];
        let count = invoke!(self.handle, NdkGetCqResultsEx, results.as_mut_ptr(), most as u32) as usize;
        let fits = count <= most && results[most].Status == NTSTATUS::MAX;
        NDK_RESULTS_FIT.check(fits, || format!("{count} of {most}"));
        results.truncate(count.min(most));
        for result in &results {
            let clean = result.Status != STATUS_SUCCESS || result.ProviderErrorCode == 0;
            NDK_RESULT_ERROR_CODE.check(clean, || format!("{:#x}", result.ProviderErrorCode));
        }
        let work = |r: NDK_RESULT_EX| Work {
            status: r.Status,
            bytes: r.BytesTransferred,
            qp: r.QPContext as usize,
            request: r.RequestContext as usize,
            kind: r.Type,
            output: r.TypeSpecificCompletionOutput as usize,
        };
        results.into_iter().map(work).collect()
    }

    /// NdkGetCqResults: without the type of the work.
    pub fn plain_results(&self, most: usize) -> Vec<Work> {
        let mut results = vec![NDK_RESULT { Status: NTSTATUS::MAX, ..Default::default() }; most + 1];
        let count = invoke!(self.handle, NdkGetCqResults, results.as_mut_ptr(), most as u32) as usize;
        let fits = count <= most && results[most].Status == NTSTATUS::MAX;
        NDK_RESULTS_FIT.check(fits, || format!("{count} of {most}"));
        results.truncate(count.min(most));
        let work = |r: NDK_RESULT| Work {
            status: r.Status,
            bytes: r.BytesTransferred,
            qp: r.QPContext as usize,
            request: r.RequestContext as usize,
            kind: 0,
            output: 0,
        };
        results.into_iter().map(work).collect()
    }

    /// NdkResizeCq.
    pub fn resize(&self, depth: u32) -> Pending {
        let handle = self.handle;
        requests::start("NdkResizeCq", Vec::new(), None, |context| {
            dispatch!(handle, NdkResizeCq, depth, Some(on_request), context)
        })
    }

    /// NdkControlCqInterruptModeration.
    pub fn moderate(&self, interval: u32, count: u32) -> NTSTATUS {
        invoke!(self.handle, NdkControlCqInterruptModeration, interval, count)
    }

    /// Callbacks so far.
    pub fn notifications(&self) -> u64 {
        self.events.state().calls
    }

    /// CqStatus of every callback so far.
    pub fn statuses(&self) -> Vec<NTSTATUS> {
        self.events.state().statuses.clone()
    }

    /// True while the callback runs.
    pub fn is_notifying(&self) -> bool {
        self.events.is_running()
    }

    /// Runs `hook` inside every callback from now on.
    pub fn on_notification(&self, hook: impl FnMut(NTSTATUS) + Send + 'static) {
        self.events.state().hook = Some(Box::new(hook));
    }

    /// Waits for a callback; false if none comes in time.
    pub fn wait(&self, limit: Duration) -> bool {
        cpu::wait_for("a CQ notification", &self.events.came, Some(limit))
    }

    /// NdkQueryExtension for what does not exist.
    pub fn query_extension(&self) {
        self.handle.query_extension();
    }

    /// NdkCloseCq.
    pub fn close(&self) -> Closing {
        self.handle.close(vec![self.context], None)
    }
}
