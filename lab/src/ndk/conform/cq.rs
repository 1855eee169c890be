//! Completion queues: every arm type against every kind of event and every merge, overrun, resizing, moderation.

use super::bench::*;
use super::objects;
use crate::ndk::consumer::{Adapter, Cq, LIMIT, QpDepth};
use lab_kernel::{cpu, rules};
use ndis_sys::ndk::status::STATUS_INVALID_PARAMETER_MIX;
use ndis_sys::ndk::*;
use std::time::Duration;
use wdk_sys::{STATUS_BUFFER_OVERFLOW, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_SUCCESS};

rules! {
    NDK_CQ_ARM_FIRES: "A completion that the armed type asks for is notified", "DDI ndkpi NDK_FN_ARM_CQ: Type; docs NDKPI completion handling requirements";
    NDK_CQ_ARM_SELECTS: "A completion that the armed type does not ask for is not notified", "DDI ndkpi NDK_FN_ARM_CQ: Type";
    NDK_CQ_MERGE: "A second arm before the callback: ANY wins, ERRORS and SOLICITED are SOLICITED, the same is the same", "docs NDKPI completion handling requirements: table; contract.md 3.5";
    NDK_CQ_NEW_FIRES: "An arm with completions placed since the last callback is satisfied at once", "docs NDKPI completion handling requirements; contract.md 3.5";
    NDK_CQ_DEFERRED_COMES: "A notification that was deferred comes after the running callback", "docs NDKPI completion handling requirements";
    NDK_CQ_OVERRUN: "One completion too many is told with STATUS_BUFFER_OVERFLOW to an armed CQ", "DDI ndkpi NDK_FN_CQ_NOTIFICATION_CALLBACK: CqStatus";
    NDK_CQ_DEAD_AFTER_ERROR: "After an overrun no more completions are reported, and the QPs are unusable", "DDI ndkpi NDK_FN_CQ_NOTIFICATION_CALLBACK: CqStatus; contract.md 3.5";
    NDK_CQ_RESIZE: "NdkResizeCq keeps the completions and gives room for more; above MaxCqDepth it says STATUS_INVALID_PARAMETER", "DDI ndkpi NDK_FN_RESIZE_CQ";
    NDK_CQ_MODERATION: "NdkControlCqInterruptModeration answers as its flag in AdapterFlags and its parameters say", "DDI ndkpi NDK_FN_CONTROL_CQ_INTERRUPT_MODERATION";
    NDK_CQ_MODERATED_IN_TIME: "A moderated notification comes after ModerationInterval or ModerationCount completions at the latest", "DDI ndkpi NDK_FN_CONTROL_CQ_INTERRUPT_MODERATION: parameters";
    NDK_CQ_PLAIN_RESULTS: "NdkGetCqResults and NdkGetCqResultsEx take the same completions in the same order", "DDI ndkpi NDK_FN_GET_CQ_RESULTS, NDK_FN_GET_CQ_RESULTS_EX";
}

/// Arm types by name.
const CLASSES: [(&str, u32); 3] =
    [("ANY", NDK_CQ_NOTIFY_ANY), ("ERRORS", NDK_CQ_NOTIFY_ERRORS), ("SOLICITED", NDK_CQ_NOTIFY_SOLICITED)];

/// What places a completion, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Happening {
    /// A send, seen by the receiver.
    Receive,
    /// A send with NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT, seen by the receiver.
    SolicitedReceive,
    /// A receive that is flushed.
    FlushedReceive,
    /// A send, seen by the sender.
    Send,
    /// A send that solicits, seen by the sender.
    SolicitedSend,
    Write,
    Read,
    Bind,
    /// A write that the peer's region does not allow.
    RefusedWrite,
    /// A write whose success is silent.
    SilentWrite,
}

use Happening::*;

const HAPPENINGS: [Happening; 10] =
    [Receive, SolicitedReceive, FlushedReceive, Send, SolicitedSend, Write, Read, Bind, RefusedWrite, SilentWrite];

/// What an arm makes of a happening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Fires,
    /// The documents leave it open.
    MayFire,
    Silent,
}

impl Happening {
    fn is_at_receiver(self) -> bool {
        matches!(self, Receive | SolicitedReceive | FlushedReceive)
    }

    fn is_error(self) -> bool {
        matches!(self, FlushedReceive | RefusedWrite)
    }

    /// NDK_CQ_NOTIFY_ERRORS asks for errors of the CQ; whether it asks for requests that failed the pages do not say.
    fn verdict(self, class: u32) -> Verdict {
        match (self, class) {
            (SilentWrite, _) => Verdict::Silent,
            (_, NDK_CQ_NOTIFY_ANY) => Verdict::Fires,
            (SolicitedReceive, NDK_CQ_NOTIFY_SOLICITED) => Verdict::Fires,
            (_, NDK_CQ_NOTIFY_SOLICITED) if self.is_error() => Verdict::Fires,
            (_, NDK_CQ_NOTIFY_ERRORS) if self.is_error() => Verdict::MayFire,
            _ => Verdict::Silent,
        }
    }

    /// The CQ where it shows.
    fn cq(self, pair: &Pair) -> &Cq {
        if self.is_at_receiver() { &pair.b.rcq } else { &pair.a.cq }
    }

    /// Lets it happen.
    fn cause(self, pair: &Pair) -> Option<()> {
        let (a, b) = (&pair.a, &pair.b);
        let remote = b.region.address(0);
        let sge = [a.region.sge(0, 64)];
        let solicit = NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT;
        match self {
            Receive | Send => {
                b.receive(1, 0, 64);
                a.send(2, 0, 64, 0);
            }
            SolicitedReceive | SolicitedSend => {
                b.receive(1, 0, 64);
                a.send(2, 0, 64, solicit);
            }
            FlushedReceive => {
                b.receive(1, 0, 64);
                b.qp.flush();
            }
            Write => posted(a.qp.write(3, &sge, remote, b.region.remote, 0)),
            SilentWrite => posted(a.qp.write(3, &sge, remote, b.region.remote, NDK_OP_FLAG_SILENT_SUCCESS)),
            RefusedWrite => posted(a.qp.write(3, &sge, b.region.address(-1), b.region.remote, 0)),
            Read => posted(a.qp.read(4, &sge, remote, b.region.remote, 0)),
            Bind => {
                let mw = must(&NDK_WITHIN_LIMITS, "NdkCreateMw", a.pd.create_mw())?;
                let flags = NDK_OP_FLAG_ALLOW_REMOTE_READ;
                posted(a.qp.bind(5, a.region.mr, mw, a.region.address(0), 64, flags));
                settle();
                mw.close().wait();
            }
        }
        settle();
        Some(())
    }
}

/// What a second arm makes of a first.
fn merged(first: u32, second: u32) -> u32 {
    match (first, second) {
        (NDK_CQ_NOTIFY_ANY, _) | (_, NDK_CQ_NOTIFY_ANY) => NDK_CQ_NOTIFY_ANY,
        (same, other) if same == other => same,
        _ => NDK_CQ_NOTIFY_SOLICITED,
    }
}

fn judge(verdict: Verdict, cq: &Cq, before: u64, what: impl Fn() -> String) {
    let fired = cq.notifications() - before;
    match verdict {
        Verdict::Fires => NDK_CQ_ARM_FIRES.check(fired == 1, || format!("{}: {fired} callbacks", what())),
        Verdict::Silent => NDK_CQ_ARM_SELECTS.check(fired == 0, || format!("{}: {fired} callbacks", what())),
        Verdict::MayFire => true,
    };
}

/// Every arm type against every happening; a second completion without an arm is silent by the consumer's own rule.
pub fn arms_against_events(adapter: &Adapter) -> Option<()> {
    for (name, class) in CLASSES {
        for happening in HAPPENINGS {
            let pair = Pair::new(adapter, &Shape::default())?;
            let cq = happening.cq(&pair);
            let before = cq.notifications();
            cq.arm(class);
            happening.cause(&pair)?;
            judge(happening.verdict(class), cq, before, || format!("{happening:?} with {name} armed"));
            if !happening.is_error() {
                let second = if happening.is_at_receiver() { SolicitedReceive } else { Write };
                let between = cq.notifications();
                second.cause(&pair)?;
                // What was not satisfied still is armed.
                if between > before {
                    NDK_CQ_ARM_SELECTS.check(cq.notifications() == between, || "a second callback".to_owned());
                }
            }
            pair.close();
        }
    }
    Some(())
}

/// Every pair of arms against an ordinary, a solicited and a failed completion.
pub fn merges(adapter: &Adapter) -> Option<()> {
    for (first_name, first) in CLASSES {
        for (second_name, second) in CLASSES {
            for happening in [Receive, SolicitedReceive, FlushedReceive] {
                let pair = Pair::new(adapter, &Shape::default())?;
                let cq = happening.cq(&pair);
                cq.arm(first);
                cq.arm(second);
                happening.cause(&pair)?;
                let verdict = happening.verdict(merged(first, second));
                let fired = cq.notifications();
                let right = match verdict {
                    Verdict::Fires => fired == 1,
                    Verdict::MayFire => fired <= 1,
                    Verdict::Silent => fired == 0,
                };
                let what = || format!("{happening:?} after {first_name} and {second_name}: {fired} callbacks");
                NDK_CQ_MERGE.check(right, what);
                pair.close();
            }
        }
    }
    Some(())
}

/// Arms with old and with new completions in the queue.
pub fn arms_with_completions(adapter: &Adapter) -> Option<()> {
    let pair = Pair::new(adapter, &Shape::default())?;
    let cq = &pair.b.rcq;
    cq.arm(NDK_CQ_NOTIFY_ANY);
    Receive.cause(&pair)?;
    Receive.cause(&pair)?;
    let before = cq.notifications();
    cq.arm(NDK_CQ_NOTIFY_ANY);
    settle();
    let fired = cq.notifications() - before;
    NDK_CQ_NEW_FIRES.check(fired == 1, || format!("ANY with a new completion: {fired} callbacks"));
    take(cq, 2);
    // Completions that came while nothing was armed are new for the first arm, too.
    SolicitedReceive.cause(&pair)?;
    let before = cq.notifications();
    cq.arm(NDK_CQ_NOTIFY_SOLICITED);
    settle();
    let fired = cq.notifications() - before;
    NDK_CQ_NEW_FIRES.check(fired == 1, || format!("SOLICITED with a new one: {fired} callbacks"));
    take(cq, 1);
    pair.close();
    Some(())
}

/// The callback arms again and new completions are placed while it runs: one more callback, afterwards.
pub fn deferred(adapter: &Adapter) -> Option<()> {
    let pair = Pair::new(adapter, &Shape::default())?;
    let cq = pair.b.rcq.clone();
    let (hooked, qp) = (cq.clone(), pair.b.qp);
    let mut again = true;
    cq.on_notification(move |_| {
        if std::mem::take(&mut again) {
            hooked.arm(NDK_CQ_NOTIFY_ANY);
            // The receives that are left are completed now or by whoever comes next on the processor.
            qp.flush();
            if cpu::irql() < cpu::DISPATCH_LEVEL {
                cpu::sleep(QUIET);
            }
        }
    });
    cq.arm(NDK_CQ_NOTIFY_ANY);
    pair.b.receive(1, 0, 64);
    pair.b.receive(2, 64, 64);
    pair.b.receive(3, 128, 64);
    pair.a.send(4, 0, 64, 0);
    settle();
    let fired = cq.notifications();
    NDK_CQ_DEFERRED_COMES.check(fired == 2, || format!("{fired} callbacks"));
    take(&cq, 3);
    pair.close();
    Some(())
}

/// Completions beyond the depth, with each arm type and with none.
pub fn overrun(adapter: &Adapter) -> Option<()> {
    const DEPTH: u32 = 2;
    const NOTHING: u32 = u32::MAX;
    for (name, class) in CLASSES.into_iter().chain([("nothing", NOTHING)]) {
        let shape = Shape::default();
        let mut a = End::new(adapter, A, &shape)?;
        // The CQ that is too small is the initiator's alone.
        let small = must(&NDK_WITHIN_LIMITS, "NdkCreateCq", adapter.create_cq(DEPTH))?;
        let qp = must(&NDK_WITHIN_LIMITS, "NdkCreateQp", a.pd.create_qp(&a.rcq, &small, A, QpDepth::default()))?;
        let unused = std::mem::replace(&mut a.qp, qp);
        unused.close().wait();
        let mut b = End::new(adapter, B, &shape)?;
        let at = fresh_address();
        let listener = listen(adapter, at)?;
        let (from, to) = connect(adapter, &a, &b, &listener, at, &shape)?;
        (a.connector, b.connector) = (Some(from), Some(to));
        if class != NOTHING {
            small.arm(class);
        }
        let sge = [a.region.sge(0, 8)];
        // Without polling; the provider may refuse posts once it knows.
        for request in 0..8 {
            a.qp.write(request, &sge, b.region.address(0), b.region.remote, 0);
        }
        settle();
        if small.statuses() == [STATUS_SUCCESS] || class == NOTHING {
            // ANY was satisfied by the first completion; an error is told to the next arm.
            small.arm(NDK_CQ_NOTIFY_ANY);
            settle();
        }
        let told = small.statuses();
        let once = told.iter().filter(|s| **s == STATUS_BUFFER_OVERFLOW).count() == 1;
        NDK_CQ_OVERRUN.check(once, || format!("{name} armed: {told:x?}"));
        let left = small.results(8).len();
        NDK_CQ_DEAD_AFTER_ERROR.check(left <= DEPTH as usize, || format!("{left} results of a CQ of {DEPTH}"));
        small.arm(NDK_CQ_NOTIFY_ANY);
        a.qp.write(9, &sge, b.region.address(0), b.region.remote, 0);
        settle();
        let more = small.results(8).len();
        NDK_CQ_DEAD_AFTER_ERROR.check(more == 0, || format!("{more} results after the error"));
        a.close();
        b.close();
        listener.close().wait();
        small.close().wait();
    }
    Some(())
}

/// Growing under completions, and the limit.
pub fn resize(adapter: &Adapter) -> Option<()> {
    let shape = Shape { cq: 2, ..Shape::default() };
    let pair = Pair::new(adapter, &shape)?;
    let cq = &pair.a.cq;
    let write = |request| {
        let sge = [pair.a.region.sge(0, 8)];
        posted(pair.a.qp.write(request, &sge, pair.b.region.address(0), pair.b.region.remote, 0));
    };
    write(1);
    write(2);
    settle();
    let status = cq.resize(8).wait();
    NDK_CQ_RESIZE.check(status == Some(STATUS_SUCCESS), || format!("2 to 8: {status:x?}"));
    (3..=8).for_each(write);
    let requests: Vec<_> = take(cq, 8).iter().map(|w| w.request).collect();
    NDK_CQ_RESIZE.check(requests == [1, 2, 3, 4, 5, 6, 7, 8], || format!("{requests:?}"));
    let most = adapter.info().MaxCqDepth;
    if let Some(beyond) = most.checked_add(1) {
        let status = cq.resize(beyond).wait();
        NDK_CQ_RESIZE.check(status == Some(STATUS_INVALID_PARAMETER), || format!("{beyond} of {most}: {status:x?}"));
    }
    write(9);
    take(cq, 1);
    pair.close();
    Some(())
}

/// Moderation: its statuses, and that it only delays.
pub fn moderation(adapter: &Adapter) -> Option<()> {
    const INTERVAL: Duration = Duration::from_millis(2);
    let pair = Pair::new(adapter, &Shape::default())?;
    let cq = &pair.a.cq;
    let supported = adapter.info().AdapterFlags & NDK_ADAPTER_FLAG_CQ_INTERRUPT_MODERATION_SUPPORTED != 0;
    let expect = |interval, count, wanted| {
        let status = cq.moderate(interval, count);
        NDK_CQ_MODERATION.check(status == wanted, || format!("({interval}, {count}): {status:#x}"));
    };
    if !supported {
        expect(0, 0, STATUS_NOT_SUPPORTED);
        pair.close();
        return Some(());
    }
    expect(u32::MAX, u32::MAX, STATUS_INVALID_PARAMETER_MIX);
    expect(u32::MAX, 65, STATUS_INVALID_PARAMETER_MIX);
    let write = |request| {
        let sge = [pair.a.region.sge(0, 8)];
        posted(pair.a.qp.write(request, &sge, pair.b.region.address(0), pair.b.region.remote, 0));
    };
    let notified = |what: &str| {
        let came = cq.wait(INTERVAL + QUIET);
        NDK_CQ_MODERATED_IN_TIME.check(came, || what.to_owned());
        take(cq, 1);
    };
    expect(INTERVAL.as_micros() as u32, 100, STATUS_SUCCESS);
    cq.arm(NDK_CQ_NOTIFY_ANY);
    write(1);
    notified("one completion after the interval");
    expect(u32::MAX, 3, STATUS_SUCCESS);
    cq.arm(NDK_CQ_NOTIFY_ANY);
    (2..=4).for_each(write);
    notified("three completions with a count of 3");
    take(cq, 2);
    expect(0, 0, STATUS_SUCCESS);
    cq.arm(NDK_CQ_NOTIFY_ANY);
    write(5);
    notified("no moderation");
    pair.close();
    Some(())
}

/// The two functions that take results.
pub fn results(adapter: &Adapter) -> Option<()> {
    let pair = Pair::new(adapter, &Shape::default())?;
    for request in 0..6 {
        let sge = [pair.a.region.sge(0, 8)];
        posted(pair.a.qp.write(request, &sge, pair.b.region.address(0), pair.b.region.remote, 0));
    }
    settle();
    let mut requests = Vec::new();
    requests.extend(pair.a.cq.plain_results(2).iter().map(|w| (w.request, w.qp, w.status)));
    requests.extend(pair.a.cq.results(1).iter().map(|w| (w.request, w.qp, w.status)));
    requests.extend(pair.a.cq.plain_results(9).iter().map(|w| (w.request, w.qp, w.status)));
    requests.extend(pair.a.cq.results(9).iter().map(|w| (w.request, w.qp, w.status)));
    let wanted: Vec<_> = (0..6).map(|request| (request, A, STATUS_SUCCESS)).collect();
    NDK_CQ_PLAIN_RESULTS.check(requests == wanted, || format!("{requests:x?}"));
    pair.close();
    Some(())
}

/// Close in every state of a CQ.
pub fn closes(adapter: &Adapter) -> Option<()> {
    // Idle, armed, and with a closed QP's completions in it.
    for class in [None, Some(NDK_CQ_NOTIFY_ANY), Some(NDK_CQ_NOTIFY_ERRORS), Some(NDK_CQ_NOTIFY_SOLICITED)] {
        let cq = must(&NDK_WITHIN_LIMITS, "NdkCreateCq", adapter.create_cq(4))?;
        class.into_iter().for_each(|class| cq.arm(class));
        cq.close().wait();
    }
    let pair = Pair::new(adapter, &Shape::default())?;
    pair.a.cq.arm(NDK_CQ_NOTIFY_SOLICITED);
    Write.cause(&pair)?;
    pair.close();
    // From inside its own callback, and beside its QP.
    let pair = Pair::new(adapter, &Shape::default())?;
    let cq = pair.b.rcq.clone();
    let closing = objects::close_in_callback(&cq);
    cq.arm(NDK_CQ_NOTIFY_ANY);
    Receive.cause(&pair)?;
    let Pair { a, b, listener } = pair;
    a.close();
    let End { pd, cq: initiator, qp, connector, region, .. } = b;
    wait_all(connector.map(|c| c.close()));
    qp.close().wait();
    objects::closed_in_callback(&closing, LIMIT);
    region.close();
    initiator.close().wait();
    pd.close().wait();
    listener.close().wait();
    Some(())
}
