//! Completion queues of the fake.

use super::defects::{Defect, is};
use super::{Data, Fake, Ptr, fake};
use lab_kernel::cpu;
use ndis_sys::evt;
use ndis_sys::ndk::status::*;
use ndis_sys::ndk::*;
use std::collections::VecDeque;
use std::time::Duration;
use wdk_sys::*;

pub const MAX_DEPTH: u32 = 1024;

pub struct Cq {
    depth: usize,
    results: VecDeque<NDK_RESULT_EX>,
    armed: Option<u32>,
    /// Kinds of completions placed since the last callback: plain, solicited, failed.
    news: [bool; 3],
    placed: u32,
    running: bool,
    failed: Option<NTSTATUS>,
    told: bool,
    interval: u32,
    count: u32,
    timer: bool,
    due: bool,
    function: usize,
    context: usize,
}

impl Cq {
    pub fn new(depth: u32, function: usize, context: PVOID) -> Cq {
        Cq {
            depth: depth as usize,
            results: VecDeque::new(),
            armed: None,
            news: [false; 3],
            placed: 0,
            running: false,
            failed: None,
            told: false,
            interval: 0,
            count: 0,
            timer: false,
            due: false,
            function,
            context: context as usize,
        }
    }

    pub fn is_running(&self) -> bool {
        self.running
    }

    pub fn target(&self) -> (usize, usize) {
        (self.function, self.context)
    }

    fn asked(&self) -> bool {
        let [plain, solicited, failed] = self.news;
        if is(Defect::ArmFiresAlways) && self.armed.is_some() {
            return plain || solicited || failed;
        }
        match self.armed {
            None => false,
            Some(_) if self.failed.is_some() => true,
            Some(NDK_CQ_NOTIFY_ANY) => plain || solicited || failed,
            Some(NDK_CQ_NOTIFY_SOLICITED) => solicited || failed,
            Some(_) => failed,
        }
    }

    /// True if moderation lets a callback wait.
    fn may_wait(&self) -> bool {
        let moderated = self.interval != 0 && self.count > 1 && !self.due && self.failed.is_none();
        moderated && self.placed < self.count
    }
}

pub fn notify(function: usize, context: usize, status: NTSTATUS) {
    let high = is(Defect::CallbackIrql).then(|| cpu::raise_irql(5));
    let status = if is(Defect::CqStatus) { STATUS_UNSUCCESSFUL } else { status };
    // SAFETY: the consumer's callback, kept as an address.
    unsafe {
        let function: unsafe extern "win64" fn(PVOID, NTSTATUS) = std::mem::transmute(function);
        function(context as PVOID, status);
        if is(Defect::CallbackTwice) {
            function(context as PVOID, status);
        }
    }
    if let Some(low) = high {
        cpu::lower_irql(low);
    }
}

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Plain = 0,
    Solicited = 1,
    Failed = 2,
}

impl Fake {
    pub fn cq(&mut self, ptr: Ptr) -> Option<&mut Cq> {
        match &mut self.objects.get_mut(&ptr)?.data {
            Data::Cq(cq) => Some(cq),
            _ => None,
        }
    }

    pub fn place(&mut self, ptr: Ptr, result: NDK_RESULT_EX, kind: Kind) {
        let lost = is(Defect::LosesResult) && result.Type == _NDK_OPERATION_TYPE::NdkOperationTypeWrite;
        let Some(cq) = self.cq(ptr) else { return };
        if lost || cq.failed.is_some() && !is(Defect::LivesAfterOverrun) {
            return;
        }
        if cq.results.len() >= cq.depth && cq.failed.is_none() {
            if is(Defect::OverrunIsSilent) {
                return;
            }
            cq.failed = Some(STATUS_BUFFER_OVERFLOW);
        } else {
            cq.results.push_back(result);
            cq.news[kind as usize] = true;
            cq.placed += 1;
        }
        self.fire(ptr);
    }

    /// The hardware is no more.
    pub fn fail_cqs(&mut self) {
        if is(Defect::FailsQuietly) {
            return;
        }
        let all: Vec<_> =
            self.objects.iter().filter(|(_, o)| matches!(o.data, Data::Cq(_))).map(|(ptr, _)| *ptr).collect();
        for ptr in all {
            if let Some(cq) = self.cq(ptr) {
                cq.failed.get_or_insert(STATUS_INTERNAL_ERROR);
            }
            self.fire(ptr);
        }
    }

    fn fire(&mut self, ptr: Ptr) {
        let count = self.count;
        let Some(cq) = self.cq(ptr) else { return };
        if cq.running || cq.told && !is(Defect::ErrorThenSuccess) || !cq.asked() {
            return;
        }
        if cq.may_wait() {
            if cq.interval != u32::MAX && !is(Defect::ModerationForgets) && !cq.timer {
                cq.timer = true;
                let at = cpu::now() + Duration::from_micros(cq.interval.into());
                cpu::set_timer(at, move || {
                    let mut fake = fake();
                    if let Some(cq) = fake.cq(ptr) {
                        (cq.timer, cq.due) = (false, true);
                    }
                    fake.fire(ptr);
                });
            }
            return;
        }
        let lost = is(Defect::LosesNotification) || is(Defect::LosesSomeNotifications) && count % 16 == 15;
        let status = if cq.told { STATUS_SUCCESS } else { cq.failed.unwrap_or(STATUS_SUCCESS) };
        cq.told |= cq.failed.is_some();
        (cq.armed, cq.news, cq.placed, cq.due) = (None, [false; 3], 0, false);
        self.count += 1;
        if lost {
            return;
        }
        let Some(cq) = self.cq(ptr) else { return };
        cq.running = true;
        let (function, context) = cq.target();
        self.hold(ptr);
        self.job(move || {
            notify(function, context, status);
            let mut fake = fake();
            if let Some(cq) = fake.cq(ptr) {
                cq.running = false;
                if is(Defect::ForgetsDeferred) {
                    cq.armed = None;
                }
            }
            fake.fire(ptr);
            fake.release(ptr);
        });
    }
}

evt! {
    pub unsafe fn arm(cq: *mut NDK_CQ, class: ULONG) {
        let ptr = cq as Ptr;
        let mut fake = fake();
        let Some(cq) = fake.cq(ptr) else { return };
        let merged = match cq.armed {
            Some(_) if is(Defect::ArmReplaces) => class,
            Some(NDK_CQ_NOTIFY_ANY) => NDK_CQ_NOTIFY_ANY,
            Some(old) if old != class && class != NDK_CQ_NOTIFY_ANY => NDK_CQ_NOTIFY_SOLICITED,
            _ => class,
        };
        cq.armed = Some(merged);
        if is(Defect::ArmForgetsNew) {
            cq.news = [false; 3];
        }
        let nested = (cq.running && is(Defect::NestsCallbacks)).then(|| cq.target());
        if is(Defect::ErrorThenSuccess) && cq.told {
            cq.news[0] = true;
        }
        fake.fire(ptr);
        drop(fake);
        if let Some((function, context)) = nested {
            notify(function, context, STATUS_SUCCESS);
        }
        if is(Defect::LeavesIrql) && cpu::irql() < cpu::DISPATCH_LEVEL {
            cpu::raise_irql(cpu::DISPATCH_LEVEL);
        }
    }
}

fn take(cq: *mut NDK_CQ, most: ULONG, mut put: impl FnMut(usize, NDK_RESULT_EX)) -> ULONG {
    let mut fake = fake();
    let Some(cq) = fake.cq(cq as Ptr) else { return 0 };
    let count = cq.results.len().min(most as usize);
    for i in 0..count {
        let mut result = cq.results.pop_front().unwrap_or_default();
        if is(Defect::ErrorCode) {
            result.ProviderErrorCode = 1;
        }
        put(i, result);
    }
    if is(Defect::ResultsOverflow) {
        put(most as usize, NDK_RESULT_EX::default());
    }
    count as ULONG
}

evt! {
    pub unsafe fn results(cq: *mut NDK_CQ, out: *mut NDK_RESULT, most: ULONG) -> ULONG {
        if is(Defect::PlainBackwards)
            && let Some(cq) = fake().cq(cq as Ptr)
        {
            cq.results.make_contiguous().reverse();
        }
        take(cq, most, |i, r| {
            let result = NDK_RESULT {
                Status: r.Status,
                BytesTransferred: r.BytesTransferred,
                QPContext: r.QPContext,
                RequestContext: r.RequestContext,
            };
            // SAFETY: the consumer's array.
            unsafe { out.add(i).write(result) }
        })
    }
}

evt! {
    pub unsafe fn results_ex(cq: *mut NDK_CQ, out: *mut NDK_RESULT_EX, most: ULONG) -> ULONG {
        // SAFETY: the consumer's array.
        take(cq, most, |i, result| unsafe { out.add(i).write(result) })
    }
}

evt! {
    pub unsafe fn resize(cq: *mut NDK_CQ, depth: ULONG, done: NDK_FN_REQUEST_COMPLETION, context: PVOID) -> NTSTATUS {
        if depth > MAX_DEPTH && !is(Defect::NoLimits) {
            return STATUS_INVALID_PARAMETER;
        }
        let mut fake = fake();
        if let Some(cq) = fake.cq(cq as Ptr) {
            cq.depth = depth as usize;
            if is(Defect::ResizeLoses) {
                cq.results.clear();
            }
        }
        super::later(&mut fake, cq as Ptr, done, context, STATUS_SUCCESS)
    }
}

evt! {
    pub unsafe fn moderate(cq: *mut NDK_CQ, interval: ULONG, count: ULONG) -> NTSTATUS {
        let mut fake = fake();
        let Some(cq) = fake.cq(cq as Ptr) else { return STATUS_UNSUCCESSFUL };
        if interval == u32::MAX && count as usize > cq.depth && !is(Defect::ModerationMix) {
            return STATUS_INVALID_PARAMETER_MIX;
        }
        (cq.interval, cq.count) = (interval, count);
        STATUS_SUCCESS
    }
}
