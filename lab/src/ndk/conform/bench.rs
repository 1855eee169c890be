//! What the scenarios are made of: regions, connected pairs, waiting for results.

use crate::ndk::consumer::{
    Adapter, Buffer, Closing, Connector, Cq, LIMIT, Listener, Memory, Mr, Pd, Qp, QpDepth, Side, Work,
};
use lab_kernel::cpu::{self, Event};
use lab_kernel::rules;
use lab_kernel::rules::Rule;
use ndis_sys::ndk::*;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use wdk_sys::{NTSTATUS, STATUS_SUCCESS};

rules! {
    NDK_WITHIN_LIMITS: "A create, registration or listen within the limits of NDK_ADAPTER_INFO succeeds", "DDI ndkpi NDK_FN_CREATE_CQ, NDK_FN_CREATE_QP, NDK_FN_REGISTER_MR, NDK_FN_LISTEN";
    NDK_CONNECTS: "A connector reaches the listener of its remote address, and both sides complete with STATUS_SUCCESS", "DDI ndkpi NDK_FN_CONNECT, NDK_FN_ACCEPT, NDK_FN_COMPLETE_CONNECT";
    NDK_WORK_COMPLETES: "Each posted request has one result", "DDI ndkpi NDK_FN_SEND and the others: STATUS_SUCCESS";
    NDK_POST_ACCEPTED: "A request on a connected QP within its limits is accepted", "DDI ndkpi NDK_FN_SEND and the others: STATUS_SUCCESS";
    NDK_ADAPTER_CLOSE_ENDS: "The close of an adapter without objects ends", "docs NDKPI object lifetime requirements: closing adapter objects";
}

/// Lab time after which nothing more comes of what was done.
pub const QUIET: Duration = Duration::from_millis(5);
/// Between two looks.
const LOOK: Duration = Duration::from_micros(50);

/// The address that every scenario listens on, with ports of their own.
pub const HERE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
static PORT: AtomicU16 = AtomicU16::new(20_000);

/// An address that nobody listens on.
pub fn fresh_address() -> SocketAddrV4 {
    SocketAddrV4::new(HERE, PORT.fetch_add(1, Ordering::Relaxed).max(1024))
}

/// All rights.
pub const ALL_RIGHTS: u32 = NDK_MR_FLAG_ALLOW_LOCAL_WRITE
    | NDK_MR_FLAG_ALLOW_REMOTE_READ
    | NDK_MR_FLAG_ALLOW_REMOTE_WRITE
    | NDK_MR_FLAG_RDMA_READ_SINK;

/// Lets everything happen that is under way.
pub fn settle() {
    cpu::sleep(QUIET);
}

/// The value, or a broken rule.
pub fn must<T>(rule: &'static Rule, what: &str, result: Result<T, NTSTATUS>) -> Option<T> {
    let status = result.as_ref().err().copied();
    rule.check(status.is_none(), || format!("{what}: {:#x}", status.unwrap_or_default()));
    result.ok()
}

/// True, or a broken rule.
pub fn must_be(rule: &'static Rule, what: &str, status: Option<NTSTATUS>) -> Option<()> {
    rule.check(status == Some(STATUS_SUCCESS), || format!("{what}: {status:x?}")).then_some(())
}

/// A registered buffer.
pub struct Region {
    /// The memory.
    pub buffer: Buffer,
    /// Its region.
    pub mr: Mr,
    /// Local token.
    pub local: u32,
    /// Remote token.
    pub remote: u32,
}

impl Region {
    /// Registers a buffer in a domain.
    pub fn over(pd: Pd, buffer: Buffer, flags: u32) -> Option<Region> {
        let mr = must(&NDK_WITHIN_LIMITS, "NdkCreateMr", pd.create_mr(false))?;
        must_be(&NDK_WITHIN_LIMITS, "NdkRegisterMr", mr.register(&buffer, buffer.len(), flags).wait())?;
        Some(Region { local: mr.local_token(), remote: mr.remote_token(), buffer, mr })
    }

    /// Memory of `len` bytes with all rights.
    pub fn new(pd: Pd, len: usize) -> Option<Region> {
        Region::over(pd, Buffer::new(Memory::Pool, 0, len), ALL_RIGHTS)
    }

    /// An SGE in it.
    pub fn sge(&self, at: usize, len: usize) -> NDK_SGE {
        self.buffer.sge(at as i64, len as u32, self.local)
    }

    /// The address of a byte, for the peer.
    pub fn address(&self, at: i64) -> u64 {
        self.buffer.address().wrapping_add_signed(at)
    }

    /// Closes the region; the memory may go then.
    pub fn close(self) {
        self.mr.close().wait();
    }
}

/// How a pair is made.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Of every CQ.
    pub cq: u32,
    /// Of every QP.
    pub qp: QpDepth,
    /// Bytes of each side's region.
    pub memory: usize,
    /// What the connecting side asks for.
    pub connect: Side,
    /// What the accepting side asks for.
    pub accept: Side,
}

impl Default for Shape {
    fn default() -> Shape {
        let side = Side { inbound: 4, outbound: 4, ..Side::default() };
        Shape { cq: 64, qp: QpDepth::default(), memory: 16 << 10, connect: side.clone(), accept: side }
    }
}

/// One side of a pair.
pub struct End {
    /// Protection domain.
    pub pd: Pd,
    /// Receives complete here.
    pub rcq: Cq,
    /// Everything else completes here.
    pub cq: Cq,
    /// The queue pair.
    pub qp: Qp,
    /// Its connector, once connected.
    pub connector: Option<Connector>,
    /// Memory.
    pub region: Region,
}

/// QPContext of the two sides.
pub const A: usize = 0xA;
/// See [`A`].
pub const B: usize = 0xB;

impl End {
    /// Everything but the connection.
    pub fn new(adapter: &Adapter, context: usize, shape: &Shape) -> Option<End> {
        let pd = must(&NDK_WITHIN_LIMITS, "NdkCreatePd", adapter.create_pd())?;
        let rcq = must(&NDK_WITHIN_LIMITS, "NdkCreateCq", adapter.create_cq(shape.cq))?;
        let cq = must(&NDK_WITHIN_LIMITS, "NdkCreateCq", adapter.create_cq(shape.cq))?;
        let qp = must(&NDK_WITHIN_LIMITS, "NdkCreateQp", pd.create_qp(&rcq, &cq, context, shape.qp))?;
        let region = Region::new(pd, shape.memory)?;
        Some(End { pd, rcq, cq, qp, connector: None, region })
    }

    /// Posts a receive of `len` bytes at `at`.
    pub fn receive(&self, request: usize, at: usize, len: usize) {
        posted(self.qp.receive(request, &[self.region.sge(at, len)]));
    }

    /// Posts a send of `len` bytes at `at`.
    pub fn send(&self, request: usize, at: usize, len: usize, flags: u32) {
        posted(self.qp.send(request, &[self.region.sge(at, len)], flags));
    }

    /// Closes everything, successors first.
    pub fn close(self) {
        if let Some(connector) = self.connector {
            connector.close().wait();
        }
        self.qp.close().wait();
        self.region.close();
        self.rcq.close().wait();
        self.cq.close().wait();
        self.pd.close().wait();
    }
}

/// Runs `post` at DISPATCH_LEVEL: the provider's deferred work sees all that was posted at once.
pub fn at_once(post: impl FnOnce()) {
    let before = cpu::raise_irql(cpu::DISPATCH_LEVEL);
    post();
    cpu::lower_irql(before);
}

/// A post must have been accepted.
pub fn posted(status: NTSTATUS) {
    NDK_POST_ACCEPTED.check(status == STATUS_SUCCESS, || format!("{status:#x}"));
}

/// Two connected QPs.
pub struct Pair {
    /// The side that connected.
    pub a: End,
    /// The side that accepted.
    pub b: End,
    /// What it listened with.
    pub listener: Listener,
}

impl Pair {
    /// Connects two new QPs.
    pub fn new(adapter: &Adapter, shape: &Shape) -> Option<Pair> {
        let mut a = End::new(adapter, A, shape)?;
        let mut b = End::new(adapter, B, shape)?;
        let at = fresh_address();
        let listener = listen(adapter, at)?;
        let (from, to) = connect(adapter, &a, &b, &listener, at, shape)?;
        (a.connector, b.connector) = (Some(from), Some(to));
        Some(Pair { a, b, listener })
    }

    /// Closes everything, successors first.
    pub fn close(self) {
        self.a.close();
        self.b.close();
        self.listener.close().wait();
    }
}

/// A listener at an address.
pub fn listen(adapter: &Adapter, at: SocketAddrV4) -> Option<Listener> {
    let listener = must(&NDK_WITHIN_LIMITS, "NdkCreateListener", adapter.create_listener())?;
    must_be(&NDK_WITHIN_LIMITS, "NdkListen", listener.listen(at).wait())?;
    Some(listener)
}

/// Connects `a` to `b`, which is accepted on `listener`; both connectors.
pub fn connect(
    adapter: &Adapter,
    a: &End,
    b: &End,
    listener: &Listener,
    at: SocketAddrV4,
    shape: &Shape,
) -> Option<(Connector, Connector)> {
    let from = must(&NDK_WITHIN_LIMITS, "NdkCreateConnector", adapter.create_connector())?;
    let connecting = from.connect(a.qp, SocketAddrV4::new(HERE, 0), at, &shape.connect);
    let incoming = listener.incoming(LIMIT);
    NDK_CONNECTS.check(incoming.is_some(), || format!("no connect event; connect {:x?}", connecting.status()));
    let to = incoming?;
    let accepting = to.accept(b.qp, &shape.accept);
    must_be(&NDK_CONNECTS, "NdkConnect", connecting.wait())?;
    let completing = from.complete_connect(shape.connect.ex);
    must_be(&NDK_CONNECTS, "NdkCompleteConnect", completing.wait())?;
    must_be(&NDK_CONNECTS, "NdkAccept", accepting.wait())?;
    Some((from, to))
}

/// Takes results until there are `count`, at most; fewer break a rule.
pub fn take(cq: &Cq, count: usize) -> Vec<Work> {
    let works = take_up_to(cq, count, LIMIT);
    NDK_WORK_COMPLETES.check(works.len() == count, || format!("{} of {count} results", works.len()));
    works
}

/// Takes results until there are `count` or the time is over.
pub fn take_up_to(cq: &Cq, count: usize, limit: Duration) -> Vec<Work> {
    let end = cpu::now() + limit;
    let mut works = Vec::new();
    loop {
        works.extend(cq.results(count - works.len()));
        if works.len() >= count || cpu::now() >= end {
            return works;
        }
        cpu::sleep(LOOK);
    }
}

/// The next result.
pub fn one(cq: &Cq) -> Option<Work> {
    take(cq, 1).pop()
}

/// Closes an adapter from a thread of its own; true once that has ended. After a broken rule it may hang for ever.
pub fn close_adapter(adapter: Adapter) -> bool {
    let closed = closing_adapter(adapter);
    let ended = cpu::wait_for("the close of the adapter", &closed, Some(LIMIT));
    NDK_ADAPTER_CLOSE_ENDS.check(ended, || format!("after {LIMIT:?}"))
}

/// Begins to close an adapter; the event is set when it is closed.
pub fn closing_adapter(adapter: Adapter) -> Event {
    let closed = Event::new(true, false);
    let event = closed.clone();
    cpu::spawn("NDK adapter close", move || {
        adapter.close();
        event.set();
    });
    closed
}

/// Waits for all closes.
pub fn wait_all(closings: impl IntoIterator<Item = Closing>) {
    for closing in closings {
        closing.wait();
    }
}
