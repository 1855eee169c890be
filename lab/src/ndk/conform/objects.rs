//! The adapter, the limits of creates, and closing: antecedents wait, callbacks end first.

use super::bench::*;
use crate::ndk::consumer::{Adapter, Buffer, Closing, Cq, LIMIT, Memory, Provider, QpDepth, Side};
use lab_kernel::{cpu, rules};
use ndis_sys::ndk::status::STATUS_ADDRESS_ALREADY_EXISTS;
use ndis_sys::ndk::*;
use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use wdk_sys::{STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER, STATUS_SUCCESS};

rules! {
    NDK_ADAPTER_INFO: "NdkQueryAdapterInfo fills in the structure, or says STATUS_BUFFER_TOO_SMALL and the size required", "DDI ndkpi NDK_FN_QUERY_ADAPTER_INFO";
    NDK_LOOPBACK: "AdapterFlags says that loopback connections are supported, which these scenarios need", "DDI ndkpi NDK_ADAPTER_INFO: NDK_ADAPTER_FLAG_LOOPBACK_CONNECTIONS_SUPPORTED";
    NDK_LIMITS: "A create beyond the limits of NDK_ADAPTER_INFO is refused with STATUS_INVALID_PARAMETER", "DDI ndkpi NDK_FN_CREATE_CQ, NDK_FN_CREATE_QP, NDK_FN_CREATE_QP_WITH_SRQ, NDK_FN_CREATE_SRQ, NDK_FN_MODIFY_SRQ";
    NDK_CONNECTION_UNIQUE: "A second connection between the same two addresses is STATUS_ADDRESS_ALREADY_EXISTS", "DDI ndkpi NDK_FN_CONNECT_WITH_SHARED_ENDPOINT";
    NDK_CLOSE_AFTER_SUCCESSORS: "The close of an antecedent completes after the last successor is closed, and then does", "docs NDKPI object lifetime requirements: closing antecedent and successor objects; contract.md 3.5";
    NDK_CLOSE_IN_CALLBACK: "A close from inside the object's callback stays pending until the callback has returned", "DDI ndkpi NDK_FN_ARM_CQ: Remarks; NDK_FN_CLOSE_COMPLETION: Remarks";
    NDK_ADAPTER_CLOSE_WAITS: "The close of the adapter blocks until every object is closed", "docs NDKPI object lifetime requirements: closing adapter objects; contract.md 3.5";
}

/// Information, extensions and mappings of the adapter.
pub fn adapter(adapter: &Adapter) -> Option<()> {
    let size = size_of::<NDK_ADAPTER_INFO>() as u32;
    let (status, required, _) = adapter.info_into(8);
    let refused = status == STATUS_BUFFER_TOO_SMALL && required >= size;
    NDK_ADAPTER_INFO.check(refused, || format!("8 bytes: {status:#x}, requires {required}"));
    let (status, _, info) = adapter.info_into(size);
    let limits = [
        info.MaxInitiatorRequestSge,
        info.MaxReceiveRequestSge,
        info.MaxReadRequestSge,
        info.MaxTransferLength,
        info.MaxInboundReadLimit,
        info.MaxOutboundReadLimit,
        info.MaxReceiveQueueDepth,
        info.MaxInitiatorQueueDepth,
        info.MaxCqDepth,
    ];
    let sound =
        status == STATUS_SUCCESS && info.Version.Major >= 1 && !limits.contains(&0) && info.MaxRegistrationSize > 0;
    NDK_ADAPTER_INFO.check(sound, || format!("{status:#x}, limits {limits:?}"));
    let loopback = info.AdapterFlags & NDK_ADAPTER_FLAG_LOOPBACK_CONNECTIONS_SUPPORTED != 0;
    NDK_LOOPBACK.check(loopback, || format!("flags {:#x}", info.AdapterFlags));
    adapter.query_extension();
    for (memory, offset, parts) in
        [(Memory::Pool, 0, vec![100]), (Memory::Pool, 4090, vec![8192]), (Memory::Process, 8, vec![4096, 4096, 77])]
    {
        let buffer = Buffer::chained(memory, offset, &parts);
        let lam = adapter.build_lam(&buffer)?;
        adapter.release_lam(lam);
    }
    Some(())
}

/// Every number of a create one beyond its limit.
pub fn limits(adapter: &Adapter) -> Option<()> {
    let info = adapter.info();
    let pd = must(&NDK_WITHIN_LIMITS, "NdkCreatePd", adapter.create_pd())?;
    let cq = must(&NDK_WITHIN_LIMITS, "NdkCreateCq", adapter.create_cq(8))?;
    let srq = must(&NDK_WITHIN_LIMITS, "NdkCreateSrq", pd.create_srq(8, 1, 1))?;
    let refused = |what: &str, status: Option<i32>| {
        NDK_LIMITS.check(status == Some(STATUS_INVALID_PARAMETER), || format!("{what}: {status:x?}"));
    };
    let base = QpDepth::default();
    if let Some(depth) = info.MaxCqDepth.checked_add(1) {
        refused("CqDepth", adapter.create_cq(depth).err());
    }
    type Change = fn(&mut QpDepth, u32);
    let changes: [(&str, u32, Change, bool); 5] = [
        ("ReceiveQueueDepth", info.MaxReceiveQueueDepth, |d, v| d.receive = v, false),
        ("InitiatorQueueDepth", info.MaxInitiatorQueueDepth, |d, v| d.initiator = v, true),
        ("MaxReceiveRequestSge", info.MaxReceiveRequestSge, |d, v| d.receive_sge = v, false),
        ("MaxInitiatorRequestSge", info.MaxInitiatorRequestSge, |d, v| d.initiator_sge = v, true),
        ("InlineDataSize", info.MaxInlineDataSize, |d, v| d.inline = v, true),
    ];
    for (what, most, change, with_srq) in changes {
        let Some(value) = most.checked_add(1) else { continue };
        let mut depth = base;
        change(&mut depth, value);
        refused(what, pd.create_qp(&cq, &cq, 0, depth).err());
        if with_srq {
            refused(what, pd.create_qp_with_srq(&cq, &cq, &srq, 0, depth).err());
        }
    }
    if let Some(depth) = info.MaxSrqDepth.checked_add(1) {
        refused("SrqDepth", pd.create_srq(depth, 1, 1).err());
        refused("SrqDepth of NdkModifySrq", srq.modify(depth, 1).wait());
    }
    if let Some(sge) = info.MaxReceiveRequestSge.checked_add(1) {
        refused("MaxReceiveRequestSge of an SRQ", pd.create_srq(8, sge, 1).err());
    }
    srq.close().wait();
    cq.close().wait();
    pd.close().wait();
    Some(())
}

/// QueryExtension of each type, and each type closed unused.
pub fn each_type(adapter: &Adapter) -> Option<()> {
    let limits = &NDK_WITHIN_LIMITS;
    let pd = must(limits, "NdkCreatePd", adapter.create_pd())?;
    let cq = must(limits, "NdkCreateCq", adapter.create_cq(8))?;
    let mr = must(limits, "NdkCreateMr", pd.create_mr(false))?;
    let fast = must(limits, "NdkCreateMr", pd.create_mr(true))?;
    let mw = must(limits, "NdkCreateMw", pd.create_mw())?;
    let srq = must(limits, "NdkCreateSrq", pd.create_srq(8, 1, 1))?;
    let qp = must(limits, "NdkCreateQp", pd.create_qp(&cq, &cq, 0, QpDepth::default()))?;
    let with_srq = must(limits, "NdkCreateQpWithSrq", pd.create_qp_with_srq(&cq, &cq, &srq, 0, QpDepth::default()))?;
    let connector = must(limits, "NdkCreateConnector", adapter.create_connector())?;
    let listener = must(limits, "NdkCreateListener", adapter.create_listener())?;
    let endpoint = must(limits, "NdkCreateSharedEndpoint", adapter.create_endpoint(fresh_address()))?;
    pd.query_extension();
    cq.query_extension();
    mr.query_extension();
    mw.query_extension();
    srq.query_extension();
    qp.query_extension();
    connector.query_extension();
    listener.query_extension();
    endpoint.query_extension();
    wait_all([
        endpoint.close(),
        listener.close(),
        connector.close(),
        with_srq.close(),
        qp.close(),
        srq.close(),
        mw.close(),
        fast.close(),
        mr.close(),
        cq.close(),
        pd.close(),
    ]);
    Some(())
}

fn still_open(what: &str, closing: &Closing) {
    settle();
    let waits = closing.was_pending() && !closing.is_done();
    NDK_CLOSE_AFTER_SUCCESSORS.check(waits, || format!("{what} closed before its successor"));
}

fn closes_now(what: &str, closing: &Closing) {
    let closed = closing.wait_for(LIMIT);
    NDK_CLOSE_AFTER_SUCCESSORS.check(closed, || format!("{what} stays open after its last successor"));
}

/// Each antecedent closed before each of its successors.
pub fn antecedents(adapter: &Adapter) -> Option<()> {
    let limits = &NDK_WITHIN_LIMITS;
    type Successor = fn(&Adapter, crate::ndk::consumer::Pd) -> Option<Closing>;
    let of_pd: [(&str, Successor); 3] = [
        ("PD of an MR", |_, pd| Some(must(&NDK_WITHIN_LIMITS, "NdkCreateMr", pd.create_mr(false))?.close())),
        ("PD of an MW", |_, pd| Some(must(&NDK_WITHIN_LIMITS, "NdkCreateMw", pd.create_mw())?.close())),
        ("PD of an SRQ", |_, pd| Some(must(&NDK_WITHIN_LIMITS, "NdkCreateSrq", pd.create_srq(4, 1, 1))?.close())),
    ];
    // A successor that is closed before does not hold its antecedent up.
    for (what, successor) in of_pd {
        let pd = must(limits, "NdkCreatePd", adapter.create_pd())?;
        successor(adapter, pd)?.wait();
        closes_now(what, &pd.close());
    }
    let pd = must(limits, "NdkCreatePd", adapter.create_pd())?;
    let mr = must(limits, "NdkCreateMr", pd.create_mr(false))?;
    let mw = must(limits, "NdkCreateMw", pd.create_mw())?;
    let closing = pd.close();
    still_open("PD of an MR and an MW", &closing);
    mr.close().wait();
    still_open("PD of an MW", &closing);
    mw.close().wait();
    closes_now("PD of regions", &closing);

    let pd = must(limits, "NdkCreatePd", adapter.create_pd())?;
    let (receive, initiator) =
        (must(limits, "NdkCreateCq", adapter.create_cq(4))?, must(limits, "NdkCreateCq", adapter.create_cq(4))?);
    let srq = must(limits, "NdkCreateSrq", pd.create_srq(4, 1, 1))?;
    let qp =
        must(limits, "NdkCreateQpWithSrq", pd.create_qp_with_srq(&receive, &initiator, &srq, 0, QpDepth::default()))?;
    let waiting = [
        ("PD of a QP", pd.close()),
        ("receive CQ of a QP", receive.close()),
        ("initiator CQ of a QP", initiator.close()),
        ("SRQ of a QP", srq.close()),
    ];
    waiting.iter().for_each(|(what, closing)| still_open(what, closing));
    qp.close().wait();
    waiting.iter().for_each(|(what, closing)| closes_now(what, closing));

    let pair = Pair::new(adapter, &Shape::default())?;
    let Pair { a, b, listener } = pair;
    let waiting = [
        ("QP of a connector", a.qp.close()),
        ("QP of an accepted connector", b.qp.close()),
        ("listener of an accepted connector", listener.close()),
    ];
    waiting.iter().for_each(|(what, closing)| still_open(what, closing));
    wait_all(a.connector.iter().chain(&b.connector).map(|c| c.close()));
    waiting.iter().for_each(|(what, closing)| closes_now(what, closing));
    for end in [a, b] {
        end.region.close();
        wait_all([end.rcq.close(), end.cq.close(), end.pd.close()]);
    }
    shared_endpoint(adapter)
}

fn shared_endpoint(adapter: &Adapter) -> Option<()> {
    let shape = Shape::default();
    let (a, mut b) = (End::new(adapter, A, &shape)?, End::new(adapter, B, &shape)?);
    let (at, from) = (fresh_address(), fresh_address());
    let endpoint = must(&NDK_WITHIN_LIMITS, "NdkCreateSharedEndpoint", adapter.create_endpoint(from))?;
    let listener = listen(adapter, at)?;
    let connector = must(&NDK_WITHIN_LIMITS, "NdkCreateConnector", adapter.create_connector())?;
    let connecting = connector.connect_shared(a.qp, &endpoint, at, &shape.connect);
    let incoming = listener.incoming(LIMIT)?;
    let peer: Option<SocketAddrV4> = incoming.peer_address();
    NDK_CONNECTS.check(peer == Some(from), || format!("the peer of a shared endpoint is {peer:?}, not {from}"));
    let accepting = incoming.accept(b.qp, &Side { ex: true, ..shape.accept.clone() });
    must_be(&NDK_CONNECTS, "NdkConnectWithSharedEndpoint", connecting.wait())?;
    must_be(&NDK_CONNECTS, "NdkCompleteConnectEx", connector.complete_connect(true).wait())?;
    must_be(&NDK_CONNECTS, "NdkAcceptEx", accepting.wait())?;
    b.connector = Some(incoming);
    let c = End::new(adapter, 0xC, &shape)?;
    let second = must(&NDK_WITHIN_LIMITS, "NdkCreateConnector", adapter.create_connector())?;
    let status = second.connect_shared(c.qp, &endpoint, at, &shape.connect).wait_for(QUIET);
    NDK_CONNECTION_UNIQUE.check(status == Some(STATUS_ADDRESS_ALREADY_EXISTS), || format!("{status:x?}"));
    second.close().wait();
    c.close();
    let closing = endpoint.close();
    still_open("shared endpoint of a connector", &closing);
    connector.close().wait();
    closes_now("shared endpoint", &closing);
    a.close();
    b.close();
    listener.close().wait();
    Some(())
}

/// What became of a close that a callback made.
pub type InCallback = Arc<Mutex<Option<(Closing, bool)>>>;

/// Closes a CQ from inside its next callback.
pub fn close_in_callback(cq: &Cq) -> InCallback {
    let closing = InCallback::default();
    let (slot, inner) = (closing.clone(), cq.clone());
    cq.on_notification(move |_| {
        let begun = inner.close();
        if cpu::irql() < cpu::DISPATCH_LEVEL {
            cpu::sleep(QUIET);
        }
        let early = begun.is_done();
        slot.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert((begun, early));
    });
    closing
}

/// Judges the close of [`close_in_callback`] after everything else that holds the CQ is closed.
pub fn closed_in_callback(closing: &InCallback, limit: Duration) {
    let slot = closing.lock().unwrap_or_else(PoisonError::into_inner).take();
    let closed = slot.as_ref().map(|(closing, early)| (*early, closing.wait_for(limit)));
    NDK_CLOSE_IN_CALLBACK.check(closed == Some((false, true)), || format!("(early, closed at all): {closed:?}"));
}

/// The adapter is closed while a PD is open.
pub fn adapter_close(provider: &Provider) -> Option<()> {
    let adapter = must(&NDK_WITHIN_LIMITS, "OpenNdkAdapter", provider.open())?;
    let pd = must(&NDK_WITHIN_LIMITS, "NdkCreatePd", adapter.create_pd())?;
    let closed = closing_adapter(adapter);
    settle();
    NDK_ADAPTER_CLOSE_WAITS.check(!closed.is_set(), || "closed with a PD open".to_owned());
    pd.close().wait();
    let ended = cpu::wait_for("the close of the adapter", &closed, Some(LIMIT));
    NDK_ADAPTER_CLOSE_WAITS.check(ended, || "still open after its last object".to_owned());
    Some(())
}
