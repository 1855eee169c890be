//! Shared receive queues.

use super::bench::*;
use crate::ndk::consumer::{Adapter, QpDepth, Srq};
use lab_kernel::rules;
use ndis_sys::ndk::_NDK_OPERATION_TYPE as ops;
use wdk_sys::STATUS_SUCCESS;

rules! {
    NDK_SRQ_ORDER: "The QPs of an SRQ take its receives in the order they were posted, and complete them on their own CQs", "DDI ndkpi NDK_FN_SRQ_RECEIVE, NDK_FN_CREATE_QP_WITH_SRQ";
    NDK_SRQ_LIMITS: "An SRQ takes as many receives as it is deep, and NdkModifySrq changes that", "DDI ndkpi NDK_FN_CREATE_SRQ: SrqDepth; NDK_FN_MODIFY_SRQ";
    NDK_SRQ_THRESHOLD: "The callback comes when fewer receives than NotifyThreshold are left, not before", "DDI ndkpi NDK_FN_SRQ_NOTIFICATION_CALLBACK: Remarks";
    NDK_SRQ_FLUSH: "A flush of a QP leaves the receives of its SRQ to the other QPs", "DDI ndkpi NDK_FN_FLUSH, NDK_FN_CREATE_SRQ";
}

/// Replaces the QP of an end by one with the SRQ.
fn share(end: &mut End, context: usize, srq: &Srq) -> Option<()> {
    let depth = QpDepth::default();
    let created = end.pd.create_qp_with_srq(&end.rcq, &end.cq, srq, context, depth);
    let qp = must(&NDK_WITHIN_LIMITS, "NdkCreateQpWithSrq", created)?;
    std::mem::replace(&mut end.qp, qp).close().wait();
    Some(())
}

/// Two QPs share one SRQ.
pub fn shared(adapter: &Adapter) -> Option<()> {
    let shape = Shape::default();
    let mut b = End::new(adapter, B, &shape)?;
    let srq = must(&NDK_WITHIN_LIMITS, "NdkCreateSrq", b.pd.create_srq(4, 2, 2))?;
    share(&mut b, B, &srq)?;
    // The other QP of the SRQ, in the same domain, has CQs of its own.
    let limits = &NDK_WITHIN_LIMITS;
    let (rcq, cq) =
        (must(limits, "NdkCreateCq", adapter.create_cq(16))?, must(limits, "NdkCreateCq", adapter.create_cq(16))?);
    let created = b.pd.create_qp_with_srq(&rcq, &cq, &srq, 0xC, QpDepth::default());
    let qp = must(limits, "NdkCreateQpWithSrq", created)?;
    let region = Region::new(b.pd, 4096)?;
    let mut c = End { pd: b.pd, rcq, cq, qp, connector: None, region };
    let at = fresh_address();
    let listener = listen(adapter, at)?;
    let (mut a, mut d) = (End::new(adapter, A, &shape)?, End::new(adapter, A, &shape)?);
    let (from, to) = connect(adapter, &a, &b, &listener, at, &shape)?;
    (a.connector, b.connector) = (Some(from), Some(to));
    let (from, to) = connect(adapter, &d, &c, &listener, at, &shape)?;
    (d.connector, c.connector) = (Some(from), Some(to));

    let accepted = (0..6).filter(|i| srq.receive(*i, &[b.region.sge(i * 100, 100)]) == STATUS_SUCCESS).count();
    NDK_SRQ_LIMITS.check(accepted == 4, || format!("{accepted} receives in an SRQ of 4"));
    settle();
    let early = srq.notifications();
    NDK_SRQ_THRESHOLD.check(early == 0, || format!("{early} callbacks with 4 receives and a threshold of 2"));
    let check = |end: &End, context: usize, request: usize, len: u32| {
        let work = one(&end.rcq);
        let right = work.is_some_and(|w| {
            let plain = w.status == STATUS_SUCCESS && w.kind == ops::NdkOperationTypeReceive;
            plain && w.qp == context && w.request == request && w.bytes == len
        });
        NDK_SRQ_ORDER.check(right, || format!("request {request} of QP {context:#x}: {work:x?}"));
    };
    a.send(1, 0, 10, 0);
    check(&b, B, 0, 10);
    d.send(2, 0, 20, 0);
    check(&c, 0xC, 1, 20);
    settle();
    let early = srq.notifications();
    NDK_SRQ_THRESHOLD.check(early == 0, || format!("{early} callbacks with 2 receives and a threshold of 2"));
    a.send(3, 0, 30, 0);
    check(&b, B, 2, 30);
    settle();
    let told = srq.notifications();
    NDK_SRQ_THRESHOLD.check(told == 1, || format!("{told} callbacks with 1 receive left"));
    b.qp.flush();
    settle();
    let flushed = b.rcq.results(9);
    NDK_SRQ_FLUSH.check(flushed.is_empty(), || format!("{flushed:x?}"));
    d.send(4, 0, 40, 0);
    let work = one(&c.rcq);
    NDK_SRQ_FLUSH.check(work.is_some_and(|w| w.request == 3 && w.bytes == 40), || format!("{work:x?}"));
    must_be(&NDK_SRQ_LIMITS, "NdkModifySrq", srq.modify(6, 1).wait())?;
    let accepted = (10..18).filter(|i| srq.receive(*i, &[b.region.sge(0, 100)]) == STATUS_SUCCESS).count();
    NDK_SRQ_LIMITS.check(accepted == 6, || format!("{accepted} receives after NdkModifySrq to 6"));

    a.close();
    d.close();
    let End { rcq, cq, qp, connector, region, .. } = c;
    wait_all(connector.map(|c| c.close()));
    wait_all([qp.close()]);
    region.close();
    wait_all([rcq.close(), cq.close()]);
    let End { pd, rcq, cq, qp, connector, region, .. } = b;
    wait_all(connector.map(|c| c.close()));
    wait_all([qp.close()]);
    // With receives in it.
    wait_all([srq.close()]);
    region.close();
    wait_all([rcq.close(), cq.close(), pd.close(), listener.close()]);
    Some(())
}
