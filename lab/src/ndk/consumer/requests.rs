//! Asynchronous requests: what a context given to the provider stands for, and how the request ended.

use super::LIMIT;
use super::calls::{self, callback};
use super::connection::{DisconnectEvents, ListenerEvents};
use super::cq::CqEvents;
use super::qp::SrqEvents;
use lab_kernel::cpu::{self, Event};
use lab_kernel::rules;
use ndis_sys::evt;
use ndis_sys::ndk::NDK_OBJECT_HEADER;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use wdk_sys::{NTSTATUS, PVOID, STATUS_PENDING};

rules! {
    NDK_COMPLETED_ONCE: "STATUS_PENDING is followed by one completion, any other status by none", "DDI ndkpi NDK_FN_CREATE_COMPLETION, NDK_FN_CLOSE_COMPLETION: Remarks; docs NDKPI object lifetime requirements";
    NDK_PENDING_ENDS: "A pending request is completed", "docs NDKPI object lifetime requirements: the rules for completion callbacks";
    NDK_COMPLETION_FINAL: "A completion does not say STATUS_PENDING", "DDI ndkpi NDK_FN_REQUEST_COMPLETION: Status";
    NDK_CONTEXT: "A callback carries the context that was given for it", "DDI ndkpi: RequestContext, CqNotificationContext and the others";
    NDK_SILENT_AFTER_CLOSE: "No callback of an object comes after its close has completed", "DDI ndkpi NDK_FN_CLOSE_OBJECT: Remarks; contract.md 3.5";
    NDK_CLOSE_AFTER_CALLBACKS: "A close completes only when the object's callbacks have returned", "DDI ndkpi NDK_FN_CLOSE_COMPLETION: Remarks; contract.md 3.5";
}

/// Contexts are numbers that are no addresses: a provider that follows one faults.
const FIRST_CONTEXT: usize = 0x6_0000_0000_0000;
const STEP: usize = 16;

/// What a context stands for.
#[derive(Clone)]
pub(super) enum Entry {
    Request(Arc<Request>),
    Cq(Arc<CqEvents>),
    Srq(Arc<SrqEvents>),
    Listener(Arc<ListenerEvents>),
    Disconnect(Arc<DisconnectEvents>),
}

impl Entry {
    /// True while its callback runs the consumer's code, which only that of a CQ does for any time.
    fn is_running(&self) -> bool {
        matches!(self, Entry::Cq(events) if events.is_running())
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    pub(super) status: NTSTATUS,
    /// Of a create.
    pub(super) object: usize,
}

/// One asynchronous request.
pub(super) struct Request {
    what: &'static str,
    done: Event,
    outcome: Mutex<Option<Outcome>>,
    /// Contexts that end with it, if it is a close.
    ends: Vec<usize>,
    /// Runs inside the completion.
    hook: Mutex<Option<Hook>>,
}

pub(super) type Hook = Box<dyn FnOnce(NTSTATUS) + Send>;

struct Table {
    next: usize,
    live: HashMap<usize, Entry>,
}

static TABLE: Mutex<Option<Table>> = Mutex::new(None);

fn with_table<R>(f: impl FnOnce(&mut Table) -> R) -> R {
    let mut table: MutexGuard<'_, _> = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
    f(table.get_or_insert_with(|| Table { next: FIRST_CONTEXT, live: HashMap::new() }))
}

/// A new context for `entry`.
pub(super) fn register(entry: Entry) -> usize {
    with_table(|table| {
        let context = table.next;
        table.next += STEP;
        table.live.insert(context, entry);
        context
    })
}

/// The entry of a context that the provider passed; a rule says why there is none.
pub(super) fn find(name: &'static str, context: PVOID) -> Option<Entry> {
    let context = context as usize;
    let (entry, known) = with_table(|table| {
        let known = (FIRST_CONTEXT..table.next).contains(&context) && context.is_multiple_of(STEP);
        (table.live.get(&context).cloned(), known)
    });
    NDK_CONTEXT.check(known, || format!("{name}: context {context:#x} was never given"));
    entry
}

/// Ends a context that no close ends: one whose object was not created.
pub(super) fn unregister(context: usize) {
    with_table(|table| table.live.remove(&context));
}

/// A request that was made. Dropping it forgets how it ends.
pub struct Pending {
    request: Arc<Request>,
    context: usize,
    inline: Option<NTSTATUS>,
}

/// Makes a request: `call` gets its context.
pub(super) fn start(
    what: &'static str,
    ends: Vec<usize>,
    hook: Option<Hook>,
    call: impl FnOnce(PVOID) -> NTSTATUS,
) -> Pending {
    let hook = Mutex::new(hook);
    let request = Arc::new(Request { what, done: Event::new(true, false), outcome: Mutex::new(None), ends, hook });
    let context = register(Entry::Request(request.clone()));
    let status = calls::call(what, || call(context as PVOID));
    let inline = (status != STATUS_PENDING).then_some(status);
    if inline.is_some() {
        let first = with_table(|table| table.live.remove(&context)).is_some();
        NDK_COMPLETED_ONCE.check(first, || format!("{what} returned {status:#x} and was completed too"));
        request.end_contexts();
    }
    Pending { request, context, inline }
}

impl Request {
    /// An object is closed: its callbacks have returned and none comes any more.
    fn end_contexts(&self) {
        for context in &self.ends {
            let entry = with_table(|table| table.live.remove(context));
            if let Some(entry) = entry {
                NDK_CLOSE_AFTER_CALLBACKS
                    .check(!entry.is_running(), || format!("{}: a callback is running", self.what));
            }
        }
    }
}

impl Pending {
    /// The status it was refused or done with at once; `None`: STATUS_PENDING was returned.
    pub fn inline(&self) -> Option<NTSTATUS> {
        self.inline
    }

    /// How it ended, if it has.
    pub fn status(&self) -> Option<NTSTATUS> {
        self.inline.or_else(|| self.outcome().map(|o| o.status))
    }

    /// Waits for the end; `None` and a broken rule if it does not come.
    pub fn wait(&self) -> Option<NTSTATUS> {
        let status = self.wait_for(LIMIT);
        NDK_PENDING_ENDS.check(status.is_some(), || format!("{} after {LIMIT:?}", self.request.what));
        status
    }

    /// Waits for at most `limit`: how it ended, if it has.
    pub fn wait_for(&self, limit: Duration) -> Option<NTSTATUS> {
        if self.status().is_none() {
            cpu::wait_for(self.request.what, &self.request.done, Some(limit));
        }
        self.status()
    }

    pub(super) fn outcome(&self) -> Option<Outcome> {
        *self.request.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pending {
    /// A request that never ended is known to the table for as long as the process lives: its completion may still come.
    fn drop(&mut self) {
        if self.status().is_some() {
            unregister(self.context);
        }
    }
}

fn complete(name: &'static str, context: PVOID, outcome: Outcome) {
    callback(name, || {
        let Some(Entry::Request(request)) = find(name, context) else {
            NDK_COMPLETED_ONCE.check(false, || format!("{name}: the request of context {context:p} is over"));
            return;
        };
        NDK_COMPLETION_FINAL.check(outcome.status != STATUS_PENDING, || request.what.to_owned());
        let first = request.outcome.lock().unwrap_or_else(PoisonError::into_inner).replace(outcome).is_none();
        NDK_COMPLETED_ONCE.check(first, || format!("{}: completed again with {:#x}", request.what, outcome.status));
        request.end_contexts();
        let hook = request.hook.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(hook) = hook {
            hook(outcome.status);
        }
        request.done.set();
    });
}

evt! {
    pub(super) unsafe fn on_create(context: PVOID, status: NTSTATUS, object: *mut NDK_OBJECT_HEADER) {
        complete("NdkCreateCompletion", context, Outcome { status, object: object as usize });
    }
}

evt! {
    pub(super) unsafe fn on_request(context: PVOID, status: NTSTATUS) {
        complete("NdkRequestCompletion", context, Outcome { status, object: 0 });
    }
}

evt! {
    pub(super) unsafe fn on_close(context: PVOID) {
        complete("NdkCloseCompletion", context, Outcome { status: wdk_sys::STATUS_SUCCESS, object: 0 });
    }
}

/// A callback that belongs to an object, not to a request: its entry, or a broken rule.
pub(super) fn of_object(name: &'static str, context: PVOID) -> Option<Entry> {
    let entry = find(name, context);
    NDK_SILENT_AFTER_CLOSE.check(entry.is_some(), || format!("{name}: the object of context {context:p} is closed"));
    entry
}
