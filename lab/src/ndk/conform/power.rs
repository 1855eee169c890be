//! Power and removal in the middle of everything.

use super::bench::*;
use super::cq::NDK_CQ_DEAD_AFTER_ERROR;
use crate::ndk::consumer::{Adapter, Connector, LIMIT};
use lab_kernel::rules;
use ndis_sys::ndk::status::{STATUS_CONNECTION_INVALID, STATUS_INTERNAL_ERROR};
use ndis_sys::ndk::{NDK_CQ_NOTIFY_ANY, NDK_CQ_NOTIFY_ERRORS, NDK_CQ_NOTIFY_SOLICITED};
use std::net::SocketAddrV4;
use wdk_sys::{STATUS_CANCELLED, STATUS_SUCCESS};

rules! {
    NDK_POWER_FLUSHES: "When the device leaves D0 or goes, pending work ends with STATUS_CANCELLED and is notified", "docs/ndk.md: power and removal";
    NDK_POWER_ENDS_REQUESTS: "When the device leaves D0 or goes, pending requests end and connections are ended", "docs/ndk.md: power and removal";
    NDK_CQ_INTERNAL_ERROR: "A device that fails for good is told to every armed CQ with STATUS_INTERNAL_ERROR, once", "DDI ndkpi NDK_FN_CQ_NOTIFICATION_CALLBACK: CqStatus; contract.md 3.5";
    NDK_POWER_RETURNS: "Back in D0 the open adapter connects and moves data again", "docs/ndk.md: power and removal";
}

/// What takes the device out of D0 and back.
pub trait Power {
    /// Out of D0; false if it failed.
    fn down(&mut self) -> bool;
    /// Back; false if it failed.
    fn up(&mut self) -> bool;
    /// A failure of the hardware that only a restart of the device ends; false if it could not be caused.
    fn fail(&mut self) -> bool;
}

/// The hardware fails: CQs of each arm type, one that is not armed, and what comes after.
pub fn failure(adapter: &Adapter, power: &mut dyn Power) -> Option<()> {
    let pair = Pair::new(adapter, &Shape::default())?;
    let classes = [NDK_CQ_NOTIFY_ANY, NDK_CQ_NOTIFY_ERRORS, NDK_CQ_NOTIFY_SOLICITED];
    let cqs = [&pair.a.cq, &pair.a.rcq, &pair.b.cq];
    cqs.iter().zip(classes).for_each(|(cq, class)| cq.arm(class));
    pair.a.receive(1, 0, 8);
    let failed = power.fail();
    NDK_CQ_INTERNAL_ERROR.check(failed, || "the hardware could not be made to fail".to_owned());
    settle();
    let unarmed = pair.b.rcq.notifications();
    NDK_CQ_INTERNAL_ERROR.check(unarmed == 0, || format!("{unarmed} callbacks without an arm"));
    for (cq, class) in cqs.iter().zip(classes) {
        let told = cq.statuses();
        NDK_CQ_INTERNAL_ERROR.check(told == [STATUS_INTERNAL_ERROR], || format!("arm type {class}: {told:x?}"));
        cq.arm(class);
    }
    let end = &pair.a;
    end.qp.send(2, &[end.region.sge(0, 8)], 0);
    settle();
    let more = cqs.iter().map(|cq| cq.results(8).len()).sum::<usize>();
    NDK_CQ_DEAD_AFTER_ERROR.check(more == 0, || format!("{more} results after the failure"));
    pair.close();
    Some(())
}

/// Everything that can be pending is, when `event` comes; afterwards everything is closed.
pub fn interrupted(adapter: &Adapter, event: &mut dyn FnMut() -> bool) -> Option<()> {
    let pair = Pair::new(adapter, &Shape::default())?;
    let (a, b) = (&pair.a, &pair.b);
    // A connection that is half made.
    let c = End::new(adapter, 0xC, &Shape::default())?;
    let at = fresh_address();
    let listener = listen(adapter, at)?;
    let connector = must(&NDK_WITHIN_LIMITS, "NdkCreateConnector", adapter.create_connector())?;
    let connecting = connector.connect(c.qp, SocketAddrV4::new(HERE, 0), at, &Shape::default().connect);
    let incoming = listener.incoming(LIMIT)?;
    // Sends that wait for receives, receives that wait for sends, a close that waits for its successors.
    for i in 0..5 {
        a.send(i, 0, 8, 0);
        a.receive(10 + i, 0, 8);
    }
    a.cq.arm(NDK_CQ_NOTIFY_ANY);
    a.rcq.arm(NDK_CQ_NOTIFY_ANY);
    settle();
    let moved = event();
    NDK_POWER_ENDS_REQUESTS.check(moved, || "the device did not make the transition".to_owned());
    let ended = connecting.wait();
    NDK_POWER_ENDS_REQUESTS.check(ended.is_some_and(|s| s != STATUS_SUCCESS), || format!("connect: {ended:x?}"));
    for (what, cq) in [("sends", &a.cq), ("receives", &a.rcq)] {
        let works = take(cq, 5);
        let cancelled = works.len() == 5 && works.iter().all(|w| w.status == STATUS_CANCELLED);
        let told = cq.notifications();
        NDK_POWER_FLUSHES.check(cancelled && told == 1, || format!("{what}: {told} callbacks, {works:x?}"));
    }
    for (what, end) in [("A", a), ("B", b)] {
        let status = end.qp.send(20, &[end.region.sge(0, 8)], 0);
        NDK_POWER_ENDS_REQUESTS.check(status == STATUS_CONNECTION_INVALID, || format!("send of {what}: {status:#x}"));
        let told = end.connector.as_ref().map(Connector::disconnects);
        NDK_POWER_ENDS_REQUESTS.check(told == Some(1), || format!("disconnect callbacks of {what}: {told:?}"));
    }
    wait_all([incoming.close(), connector.close()]);
    c.close();
    listener.close().wait();
    pair.close();
    Some(())
}

/// D3 with everything pending, and D0.
pub fn sleep(adapter: &Adapter, power: &mut dyn Power) -> Option<()> {
    for _ in 0..2 {
        interrupted(adapter, &mut || power.down())?;
        let up = power.up();
        NDK_POWER_RETURNS.check(up, || "the device did not come back".to_owned());
        let pair = Pair::new(adapter, &Shape::default());
        NDK_POWER_RETURNS.check(pair.is_some(), || "no connection".to_owned());
        let pair = pair?;
        pair.b.receive(1, 0, 8);
        pair.a.send(2, 0, 8, 0);
        let received = one(&pair.b.rcq);
        NDK_POWER_RETURNS.check(received.is_some_and(|w| w.status == STATUS_SUCCESS), || format!("{received:x?}"));
        pair.close();
    }
    Some(())
}
