//! Work requests: order, flags, limits, flush, and what their results say.

use super::bench::*;
use crate::ndk::consumer::{Adapter, QpDepth, Work};
use lab_kernel::rules;
use ndis_sys::ndk::_NDK_OPERATION_TYPE as ops;
use ndis_sys::ndk::status::*;
use ndis_sys::ndk::*;
use wdk_sys::{STATUS_BUFFER_OVERFLOW, STATUS_CANCELLED, STATUS_SUCCESS};

rules! {
    NDK_RESULT_FIELDS: "A result has the contexts of its QP and request, its type, and the bytes of a receive", "DDI ndkpi NDK_RESULT, NDK_RESULT_EX";
    NDK_ORDER: "Initiator requests complete in the order they were posted, and sends match receives in order", "DDI ndkpi NDK_FN_SEND, NDK_FN_RECEIVE; ND SPI: ordering of completions";
    NDK_SILENT_SUCCESS: "A silent request has no result when it succeeds, and one when it fails", "DDI ndkpi NDK_FN_SEND: NDK_OP_FLAG_SILENT_SUCCESS";
    NDK_READ_FENCE: "A fenced request starts when all reads before it are done", "DDI ndkpi NDK_FN_SEND: NDK_OP_FLAG_READ_FENCE";
    NDK_INLINE: "Inline data is taken when the request is posted and needs no token; more than InlineDataSize is refused", "DDI ndkpi NDK_FN_SEND: NDK_OP_FLAG_INLINE";
    NDK_DEFER: "Deferred requests complete once a request that is not deferred, or a failed post, follows", "docs NDKPI deferred processing scheme";
    NDK_QUEUE_LIMITS: "A request beyond the depth or the SGEs of its queue is refused and has no result", "DDI ndkpi NDK_FN_CREATE_QP: ReceiveQueueDepth, InitiatorQueueDepth, MaxReceiveRequestSge, MaxInitiatorRequestSge";
    NDK_NOT_CONNECTED: "An initiator request on a QP that is not connected is STATUS_CONNECTION_INVALID", "DDI ndkpi NDK_FN_SEND, NDK_FN_READ, NDK_FN_WRITE, NDK_FN_BIND, NDK_FN_INVALIDATE, NDK_FN_FAST_REGISTER";
    NDK_FLUSH: "NdkFlush ends every request that is pending on the QP with STATUS_CANCELLED", "DDI ndkpi NDK_FN_FLUSH: Remarks";
    NDK_SHORT_RECEIVE: "A message that is longer than its receive is an error on both sides, and nothing behind the receive's bytes is written", "DDI ndkpi NDK_FN_RECEIVE; NDK_RESULT: Status";
    NDK_RECEIVE_LATER: "A send waits for its receive", "DDI ndkpi NDK_FN_SEND, NDK_FN_RECEIVE";
    NDK_CLOSED_QP_FLUSHES: "The requests of a QP that is closed have results before its CQ is closed, or none after it", "docs NDKPI object lifetime requirements: completing close requests";
}

fn is(work: &Work, kind: NDK_OPERATION_TYPE, qp: usize, request: usize) -> bool {
    work.status == STATUS_SUCCESS && work.kind == kind && work.qp == qp && work.request == request
}

/// Every type of request, one after the other, and what its result says.
pub fn results(adapter: &Adapter) -> Option<()> {
    let pair = Pair::new(adapter, &Shape::default())?;
    let (a, b) = (&pair.a, &pair.b);
    let sge = [a.region.sge(0, 100)];
    let remote = b.region.address(0);
    let check = |work: Option<Work>, kind, qp, request| {
        NDK_RESULT_FIELDS
            .check(work.is_some_and(|w| is(&w, kind, qp, request)), || format!("{kind} {request:#x}: {work:x?}"));
    };
    b.receive(0x11, 0, 200);
    a.send(0x12, 0, 100, 0);
    check(one(&a.cq), ops::NdkOperationTypeSend, A, 0x12);
    let received = one(&b.rcq);
    check(received, ops::NdkOperationTypeReceive, B, 0x11);
    NDK_RESULT_FIELDS.check(received.is_some_and(|w| w.bytes == 100), || format!("{received:x?}"));
    posted(a.qp.write(0x13, &sge, remote, b.region.remote, 0));
    check(one(&a.cq), ops::NdkOperationTypeWrite, A, 0x13);
    posted(a.qp.read(0x14, &sge, remote, b.region.remote, 0));
    check(one(&a.cq), ops::NdkOperationTypeRead, A, 0x14);
    // The other direction, an empty message, and the largest context.
    a.receive(usize::MAX, 0, 0);
    posted(b.qp.send(0x15, &[], 0));
    check(one(&b.cq), ops::NdkOperationTypeSend, B, 0x15);
    check(one(&a.rcq), ops::NdkOperationTypeReceive, A, usize::MAX);
    pair.close();
    Some(())
}

/// Mixed requests keep their order; messages meet receives in order, gathered and scattered.
pub fn order(adapter: &Adapter) -> Option<()> {
    let pair = Pair::new(adapter, &Shape::default())?;
    let (a, b) = (&pair.a, &pair.b);
    a.region.buffer.fill(1);
    let remote = b.region.address(8192);
    for i in 0..5 {
        let halves = [b.region.sge(i * 512, 100), b.region.sge(i * 512 + 200, 100)];
        posted(b.qp.receive(100 + i, &halves));
    }
    at_once(|| {
        for i in 0..5 {
            let halves = [a.region.sge(i * 256, 64), a.region.sge(i * 256 + 64, 60 + i)];
            posted(a.qp.send(3 * i, &halves, 0));
            posted(a.qp.write(3 * i + 1, &[a.region.sge(i * 16, 16)], remote, b.region.remote, 0));
            posted(a.qp.read(3 * i + 2, &[a.region.sge(8192, 16)], remote, b.region.remote, 0));
        }
    });
    let done: Vec<_> = take(&a.cq, 15).iter().map(|w| (w.request, w.status)).collect();
    let wanted: Vec<_> = (0..15).map(|i| (i, STATUS_SUCCESS)).collect();
    NDK_ORDER.check(done == wanted, || format!("{done:x?}"));
    for (i, work) in take(&b.rcq, 5).iter().enumerate() {
        let len = 124 + i;
        let sent = a.region.buffer.bytes(i * 256, len);
        let mut got = b.region.buffer.bytes(i * 512, 100);
        got.extend(b.region.buffer.bytes(i * 512 + 200, len - 100));
        let right = work.request == 100 + i && work.bytes as usize == len && got == sent;
        NDK_ORDER.check(right, || format!("message {i}: {work:x?}"));
    }
    pair.close();
    Some(())
}

/// Silent success, read fence, inline, defer.
pub fn flags(adapter: &Adapter) -> Option<()> {
    let pair = Pair::new(adapter, &Shape::default())?;
    let (a, b) = (&pair.a, &pair.b);
    let (remote, token) = (b.region.address(0), b.region.remote);
    let sge = [a.region.sge(0, 32)];
    // More silent requests than the queue is deep: their places come back with the loud ones.
    for round in 0..4 {
        for i in 0..7 {
            posted(a.qp.write(i, &sge, remote, token, NDK_OP_FLAG_SILENT_SUCCESS));
        }
        posted(a.qp.write(100 + round, &sge, remote, token, 0));
        let loud = one(&a.cq);
        NDK_SILENT_SUCCESS.check(loud.is_some_and(|w| w.request == 100 + round), || format!("{loud:x?}"));
    }
    settle();
    let extra = a.cq.results(8);
    NDK_SILENT_SUCCESS.check(extra.is_empty(), || format!("{extra:x?}"));
    // Read, then send what was read.
    b.region.buffer.fill(77);
    a.region.buffer.fill(78);
    b.receive(1, 4096, 1024);
    at_once(|| {
        posted(a.qp.read(2, &[a.region.sge(0, 1024)], remote, token, 0));
        a.send(3, 0, 1024, NDK_OP_FLAG_READ_FENCE);
    });
    take(&a.cq, 2);
    one(&b.rcq);
    let same = b.region.buffer.bytes(4096, 1024) == b.region.buffer.bytes(0, 1024);
    NDK_READ_FENCE.check(same, || "the message is older than the read".to_owned());
    // A chain of deferred requests.
    let defer = NDK_OP_FLAG_DEFER;
    for i in 0..3 {
        posted(a.qp.write(10 + i, &sge, remote, token, defer));
    }
    posted(a.qp.write(13, &sge, remote, token, 0));
    let done: Vec<_> = take(&a.cq, 4).iter().map(|w| w.request).collect();
    NDK_DEFER.check(done == [10, 11, 12, 13], || format!("{done:?}"));
    posted(a.qp.write(20, &sge, remote, token, defer));
    let too_many = vec![a.region.sge(0, 1); 64];
    let failed = a.qp.write(21, &too_many, remote, token, 0);
    let done: Vec<_> = take(&a.cq, 1).iter().map(|w| w.request).collect();
    NDK_DEFER.check(failed != STATUS_SUCCESS && done == [20], || format!("{failed:#x}, {done:?}"));
    pair.close();
    // A silent request that fails.
    let pair = Pair::new(adapter, &Shape::default())?;
    let (a, b) = (&pair.a, &pair.b);
    posted(a.qp.write(1, &[a.region.sge(0, 8)], b.region.address(-1), b.region.remote, NDK_OP_FLAG_SILENT_SUCCESS));
    let failed = take_up_to(&a.cq, 1, crate::ndk::consumer::LIMIT);
    let told = failed.len() == 1 && failed[0].status != STATUS_SUCCESS;
    NDK_SILENT_SUCCESS.check(told, || format!("failed silently: {failed:x?}"));
    pair.close();
    inline_data(adapter)
}

fn inline_data(adapter: &Adapter) -> Option<()> {
    let most = adapter.info().MaxInlineDataSize.min(256);
    if most == 0 {
        let pair = Pair::new(adapter, &Shape::default())?;
        let status = pair.a.qp.send(1, &[pair.a.region.sge(0, 1)], NDK_OP_FLAG_INLINE);
        NDK_INLINE.check(status != STATUS_SUCCESS, || "no inline data is supported".to_owned());
        pair.close();
        return Some(());
    }
    let qp = QpDepth { inline: most, ..QpDepth::default() };
    let pair = Pair::new(adapter, &Shape { qp, ..Shape::default() })?;
    let (a, b) = (&pair.a, &pair.b);
    let len = most as usize;
    a.region.buffer.fill(5);
    let wanted = a.region.buffer.bytes(0, len);
    // Without a receive the send waits; its buffer is the consumer's again.
    let piece = a.region.buffer.sge(0, most, 0);
    posted(a.qp.send(1, &[piece], NDK_OP_FLAG_INLINE));
    a.region.buffer.fill(6);
    b.receive(2, 0, len);
    take(&a.cq, 1);
    take(&b.rcq, 1);
    NDK_INLINE.check(b.region.buffer.bytes(0, len) == wanted, || "the buffer was read after the post".to_owned());
    let status = a.qp.send(3, &[a.region.sge(0, len + 1)], NDK_OP_FLAG_INLINE);
    NDK_INLINE.check(status != STATUS_SUCCESS, || format!("{} of {len} bytes were accepted", len + 1));
    pair.close();
    Some(())
}

/// Too many requests, too many SGEs, and QPs that are not connected.
pub fn limits(adapter: &Adapter) -> Option<()> {
    let qp = QpDepth { receive: 4, initiator: 4, ..QpDepth::default() };
    let pair = Pair::new(adapter, &Shape { qp, ..Shape::default() })?;
    let (a, b) = (&pair.a, &pair.b);
    // Sends without receives stay in their queue.
    let accepted = (0..9).filter(|i| a.qp.send(*i, &[a.region.sge(0, 8)], 0) == STATUS_SUCCESS).count();
    NDK_QUEUE_LIMITS.check(accepted == 4, || format!("{accepted} sends in a queue of 4"));
    // Four meet the sends at once: then four more wait.
    for i in 0..4 {
        b.receive(i, 0, 64);
    }
    take(&b.rcq, 4);
    take(&a.cq, 4);
    let accepted = (0..9).filter(|i| b.qp.receive(*i, &[b.region.sge(0, 8)]) == STATUS_SUCCESS).count();
    NDK_QUEUE_LIMITS.check(accepted == 4, || format!("{accepted} receives in a queue of 4"));
    let three = vec![a.region.sge(0, 4); 3];
    let refused = [
        a.qp.send(1, &three, 0),
        a.qp.write(1, &three, b.region.address(0), b.region.remote, 0),
        a.qp.receive(1, &three),
    ];
    NDK_QUEUE_LIMITS.check(!refused.contains(&STATUS_SUCCESS), || format!("3 SGEs of 2: {refused:x?}"));
    settle();
    let extra = (a.cq.results(9).len(), a.rcq.results(9).len(), b.rcq.results(9).len());
    NDK_QUEUE_LIMITS.check(extra == (0, 0, 0), || format!("results of refused requests: {extra:?}"));
    pair.close();
    // Never connected: receives may be posted, nothing else.
    let end = End::new(adapter, A, &Shape::default())?;
    let mw = must(&NDK_WITHIN_LIMITS, "NdkCreateMw", end.pd.create_mw())?;
    let sge = [end.region.sge(0, 8)];
    let (address, token) = (end.region.address(0), end.region.remote);
    let refused = [
        end.qp.send(1, &sge, 0),
        end.qp.write(1, &sge, address, token, 0),
        end.qp.read(1, &sge, address, token, 0),
        end.qp.bind(1, end.region.mr, mw, address, 8, NDK_OP_FLAG_ALLOW_REMOTE_READ),
        end.qp.invalidate_mw(1, mw, 0),
        end.qp.send_and_invalidate(1, &sge, 0, token),
    ];
    let right = refused.iter().all(|status| *status == STATUS_CONNECTION_INVALID);
    NDK_NOT_CONNECTED.check(right, || format!("{refused:x?}"));
    end.receive(2, 0, 8);
    end.qp.flush();
    let flushed = one(&end.rcq);
    NDK_FLUSH.check(flushed.is_some_and(|w| w.status == STATUS_CANCELLED), || format!("{flushed:x?}"));
    mw.close().wait();
    end.close();
    Some(())
}

/// Flush with everything pending.
pub fn flush(adapter: &Adapter) -> Option<()> {
    let pair = Pair::new(adapter, &Shape::default())?;
    let (a, b) = (&pair.a, &pair.b);
    for i in 0..6 {
        a.receive(i, 0, 64);
        a.send(10 + i, 0, 64, if i % 2 == 0 { NDK_OP_FLAG_SILENT_SUCCESS } else { 0 });
    }
    settle();
    a.qp.flush();
    let requests = |works: &[Work]| works.iter().map(|w| (w.request, w.status)).collect::<Vec<_>>();
    let cancelled = |from: usize| (from..from + 6).map(|i| (i, STATUS_CANCELLED)).collect::<Vec<_>>();
    let sends = requests(&take(&a.cq, 6));
    NDK_FLUSH.check(sends == cancelled(10), || format!("sends: {sends:x?}"));
    let receives = requests(&take(&a.rcq, 6));
    NDK_FLUSH.check(receives == cancelled(0), || format!("receives: {receives:x?}"));
    // The peer's requests are its own.
    settle();
    let peer = b.rcq.results(9).len() + b.cq.results(9).len();
    NDK_FLUSH.check(peer == 0, || format!("{peer} results of the peer"));
    pair.close();
    // An empty flush, twice.
    let end = End::new(adapter, A, &Shape::default())?;
    end.qp.flush();
    end.qp.flush();
    settle();
    let extra = end.cq.results(9).len() + end.rcq.results(9).len();
    NDK_FLUSH.check(extra == 0, || format!("{extra} results of nothing"));
    end.close();
    Some(())
}

/// Receives that are too short, too late, and those of a QP that is closed.
pub fn receives(adapter: &Adapter) -> Option<()> {
    let pair = Pair::new(adapter, &Shape::default())?;
    let (a, b) = (&pair.a, &pair.b);
    a.send(1, 0, 100, 0);
    settle();
    let early = a.cq.results(9).len();
    NDK_RECEIVE_LATER.check(early == 0, || "the send completed before there was a receive".to_owned());
    b.receive(2, 0, 100);
    let (sent, received) = (one(&a.cq), one(&b.rcq));
    let met = [sent, received].iter().all(|w| w.is_some_and(|w| w.status == STATUS_SUCCESS));
    NDK_RECEIVE_LATER.check(met, || format!("{sent:x?} {received:x?}"));
    b.region.buffer.fill(8);
    let before = b.region.buffer.contents();
    b.receive(3, 0, 50);
    a.send(4, 0, 51, 0);
    let (sent, received) = (one(&a.cq)?, one(&b.rcq)?);
    let wrong = [STATUS_BUFFER_OVERFLOW, STATUS_DATA_OVERRUN, wdk_sys::STATUS_INVALID_BUFFER_SIZE];
    let told = wrong.contains(&received.status) && sent.status != STATUS_SUCCESS;
    NDK_SHORT_RECEIVE.check(told, || format!("{sent:x?} {received:x?}"));
    let behind = b.region.buffer.contents()[50..] == before[50..];
    NDK_SHORT_RECEIVE.check(behind, || "bytes behind the receive were written".to_owned());
    pair.close();
    // Closing a QP with receives in it: their results are there when the close is complete, or never come.
    let end = End::new(adapter, A, &Shape::default())?;
    for i in 0..4 {
        end.receive(i, 0, 8);
    }
    let End { pd, rcq, cq, qp, region, .. } = end;
    qp.close().wait();
    let at_close = rcq.results(9);
    let told = at_close.iter().all(|w| w.status == STATUS_CANCELLED);
    settle();
    let later = rcq.results(9).len();
    NDK_CLOSED_QP_FLUSHES.check(told && later == 0, || format!("{at_close:x?}, {later} later"));
    region.close();
    wait_all([rcq.close(), cq.close(), pd.close()]);
    Some(())
}
