//! A consumer: typed calls of the dispatch tables.

use super::{
    common::System,
    host::{Event, note, objects},
    memory::Buffer,
};
use ndis_sys::{evt, ndk::*};
use std::ptr::{null_mut, without_provenance_mut};
use wdk_sys::{NTSTATUS, PVOID, STATUS_PENDING, STATUS_SUCCESS};

evt! { pub unsafe fn on_cq(context: PVOID, status: NTSTATUS) { note(Event::Cq(context.addr(), status)); } }
evt! { pub unsafe fn on_srq(context: PVOID, status: NTSTATUS) { note(Event::Srq(context.addr(), status)); } }
evt! { pub unsafe fn on_request(context: PVOID, status: NTSTATUS) { note(Event::Request(context.addr(), status)); } }
evt! { pub unsafe fn on_disconnect(context: PVOID) { note(Event::Disconnect(context.addr())); } }
evt! { pub unsafe fn on_disconnect_ex(context: PVOID, code: u32) { note(Event::DisconnectEx(context.addr(), code)); } }
evt! { pub unsafe fn on_close(context: PVOID) { note(Event::Close(context.addr())); } }
evt! {
    pub unsafe fn on_connect(context: PVOID, connector: *mut NDK_CONNECTOR) {
        note(Event::Connect(context.addr(), connector.addr()));
    }
}

/// Calls a function of an object's dispatch table: `call!(cq.NdkArmCq(NDK_CQ_NOTIFY_ANY))`.
macro_rules! call {
    ($object:ident . $function:ident ($($argument:expr),* $(,)?)) => {
        // SAFETY: an object that the provider gave, whose table lives as long as the image; arguments as NDKPI wants them.
        unsafe { ((*(*$object).Dispatch).$function.unwrap())($object, $($argument),*) }
    };
}

/// Closes an object: `close!(cq.NdkCloseCq, tag)`.
macro_rules! close {
    ($object:ident . $function:ident, $tag:expr) => {
        // SAFETY: as above.
        unsafe {
            ((*(*$object).Dispatch).$function.unwrap())(
                $object.cast(),
                Some($crate::support::consumer::on_close),
                $crate::support::consumer::tag($tag),
            )
        }
    };
}

#[allow(unused_imports, reason = "each test binary uses a part of it")]
pub(crate) use {call, close};

/// A context that says who it is.
pub fn tag(number: usize) -> PVOID {
    without_provenance_mut(number)
}

/// A local address of the loopback network: 10.0.0.1.
pub fn address(port: u16) -> SOCKADDR_IN {
    SOCKADDR_IN { sin_family: AF_INET, sin_port: port.to_be(), sin_addr: [10, 0, 0, 1], ..Default::default() }
}

pub fn sockaddr(address: &mut SOCKADDR_IN) -> (PSOCKADDR, u32) {
    ((&raw mut *address).cast(), size_of::<SOCKADDR_IN>() as u32)
}

pub fn sge(address: u64, length: u32, token: u32) -> NDK_SGE {
    NDK_SGE {
        anon: NDK_SGE_ADDRESS { VirtualAddress: without_provenance_mut(address as usize) },
        Length: length,
        MemoryRegionToken: token,
    }
}

/// A consumer's open adapter.
#[derive(Clone, Copy)]
pub struct Consumer {
    pub host: &'static System,
    pub adapter: *mut NDK_ADAPTER,
}

/// Steps of work at a time.
pub const BUDGET: usize = 64;

/// Depths and widths of the queue pairs that tests make.
pub const DEPTH: u32 = 8;
pub const SGES: u32 = 4;
pub const INLINE: u32 = 64;

/// The result of a call that hands out an object.
fn made<T>(status: NTSTATUS, object: *mut T) -> *mut T {
    assert_eq!(status, STATUS_SUCCESS);
    object
}

impl Consumer {
    pub fn open(host: &'static System) -> Consumer {
        Consumer { host, adapter: host.open(1, 2).expect("an adapter") }
    }

    /// Closes the adapter, whose objects are closed.
    pub fn close(self) {
        // SAFETY: an open adapter.
        unsafe { ndk::close_adapter(self.host, self.adapter) };
    }

    pub fn cq(self, depth: u32, number: usize) -> *mut NDK_CQ {
        let (adapter, mut cq) = (self.adapter, null_mut());
        made(call!(adapter.NdkCreateCq(depth, Some(on_cq), tag(number), null_mut(), None, null_mut(), &raw mut cq)), cq)
    }

    pub fn pd(self) -> *mut NDK_PD {
        let (adapter, mut pd) = (self.adapter, null_mut());
        made(call!(adapter.NdkCreatePd(None, null_mut(), &raw mut pd)), pd)
    }

    pub fn connector(self) -> *mut NDK_CONNECTOR {
        let (adapter, mut connector) = (self.adapter, null_mut());
        made(call!(adapter.NdkCreateConnector(None, null_mut(), &raw mut connector)), connector)
    }

    /// A listener at a port; [`Event::Connect`] has `number`.
    pub fn listener(self, port: u16, number: usize) -> *mut NDK_LISTENER {
        let (adapter, mut listener) = (self.adapter, null_mut());
        let status =
            call!(adapter.NdkCreateListener(Some(on_connect), tag(number), None, null_mut(), &raw mut listener));
        let listener = made(status, listener);
        let mut address = address(port);
        let (at, length) = sockaddr(&mut address);
        assert_eq!(call!(listener.NdkListen(at, length, Some(on_request), tag(number))), STATUS_SUCCESS);
        listener
    }

    pub fn shared_endpoint(self, port: u16) -> *mut NDK_SHARED_ENDPOINT {
        let (adapter, mut endpoint) = (self.adapter, null_mut());
        let mut address = address(port);
        let (at, length) = sockaddr(&mut address);
        made(call!(adapter.NdkCreateSharedEndpoint(at, length, None, null_mut(), &raw mut endpoint)), endpoint)
    }
}

pub fn qp(pd: *mut NDK_PD, cqs: [*mut NDK_CQ; 2], number: usize) -> *mut NDK_QP {
    let mut qp = null_mut();
    let status = call!(pd.NdkCreateQp(
        cqs[0],
        cqs[1],
        tag(number),
        DEPTH,
        DEPTH,
        SGES,
        SGES,
        INLINE,
        None,
        null_mut(),
        &raw mut qp
    ));
    made(status, qp)
}

pub fn srq(pd: *mut NDK_PD, depth: u32, threshold: u32, number: usize) -> *mut NDK_SRQ {
    let mut srq = null_mut();
    let status = call!(pd.NdkCreateSrq(
        depth,
        SGES,
        threshold,
        Some(on_srq),
        tag(number),
        null_mut(),
        None,
        null_mut(),
        &raw mut srq
    ));
    made(status, srq)
}

pub fn qp_with_srq(pd: *mut NDK_PD, cqs: [*mut NDK_CQ; 2], srq: *mut NDK_SRQ, number: usize) -> *mut NDK_QP {
    let mut qp = null_mut();
    let status = call!(pd.NdkCreateQpWithSrq(
        cqs[0],
        cqs[1],
        srq,
        tag(number),
        DEPTH,
        SGES,
        INLINE,
        None,
        null_mut(),
        &raw mut qp
    ));
    made(status, qp)
}

pub fn mr(pd: *mut NDK_PD, fast_register: bool) -> *mut NDK_MR {
    let mut mr = null_mut();
    made(call!(pd.NdkCreateMr(fast_register.into(), None, null_mut(), &raw mut mr)), mr)
}

pub fn mw(pd: *mut NDK_PD) -> *mut NDK_MW {
    let mut mw = null_mut();
    made(call!(pd.NdkCreateMw(None, null_mut(), &raw mut mw)), mw)
}

/// A region of a buffer.
pub fn registered(pd: *mut NDK_PD, buffer: &mut Buffer, flags: u32) -> *mut NDK_MR {
    let mr = mr(pd, false);
    let status = call!(mr.NdkRegisterMr(buffer.mdl(), buffer.length() as u64, flags, Some(on_request), tag(0)));
    assert_eq!(status, STATUS_SUCCESS);
    mr
}

pub fn local_token(mr: *mut NDK_MR) -> u32 {
    call!(mr.NdkGetLocalTokenFromMr())
}

pub fn remote_token(mr: *mut NDK_MR) -> u32 {
    call!(mr.NdkGetRemoteTokenFromMr())
}

/// Takes completions out.
pub fn results(cq: *mut NDK_CQ) -> Vec<NDK_RESULT_EX> {
    let mut results = vec![NDK_RESULT_EX::default(); 300];
    let taken = call!(cq.NdkGetCqResultsEx(results.as_mut_ptr(), results.len() as u32)) as usize;
    results.truncate(taken);
    results
}

/// Context and status of completions.
pub fn statuses(cq: *mut NDK_CQ) -> Vec<(usize, NTSTATUS)> {
    results(cq).iter().map(|result| (result.RequestContext.addr(), result.Status)).collect()
}

/// Starts connecting a queue pair to a port.
pub fn connect(connector: *mut NDK_CONNECTOR, qp: *mut NDK_QP, port: u16, number: usize) -> NTSTATUS {
    let (mut from, mut to) = (address(0), address(port));
    let ((from, from_length), (to, to_length)) = (sockaddr(&mut from), sockaddr(&mut to));
    call!(connector.NdkConnect(
        qp,
        from,
        from_length,
        to,
        to_length,
        4,
        4,
        null_mut(),
        0,
        Some(on_request),
        tag(number)
    ))
}

pub fn accept(connector: *mut NDK_CONNECTOR, qp: *mut NDK_QP, number: usize) -> NTSTATUS {
    call!(connector.NdkAccept(qp, 4, 4, null_mut(), 0, Some(on_disconnect), tag(number), Some(on_request), tag(number)))
}

/// Two connected queue pairs, each with a CQ of its own for receives and for initiator requests.
pub struct Pair {
    pub consumer: Consumer,
    pub pds: [*mut NDK_PD; 2],
    /// Of each side: receives, initiator requests.
    pub cqs: [[*mut NDK_CQ; 2]; 2],
    pub qps: [*mut NDK_QP; 2],
    pub connectors: [*mut NDK_CONNECTOR; 2],
    pub listener: *mut NDK_LISTENER,
}

pub const PORT: u16 = 5000;
/// Numbers of a pair's callbacks: side 0 and side 1.
pub const SIDES: [usize; 2] = [100, 200];

impl Pair {
    pub fn new() -> Pair {
        Self::on(System::new())
    }

    pub fn on(host: &'static System) -> Pair {
        let consumer = Consumer::open(host);
        let pds = [consumer.pd(), consumer.pd()];
        let cqs = [0, 1].map(|side| [0, 1].map(|n| consumer.cq(256, SIDES[side] + 10 + n)));
        let qps = [0, 1].map(|side| qp(pds[side], cqs[side], SIDES[side]));
        let pair = Self::of(consumer, pds, cqs, qps);
        super::host::events();
        pair
    }

    /// Connects queue pairs.
    pub fn of(consumer: Consumer, pds: [*mut NDK_PD; 2], cqs: [[*mut NDK_CQ; 2]; 2], qps: [*mut NDK_QP; 2]) -> Pair {
        let listener = consumer.listener(PORT, 1);
        let active = consumer.connector();
        assert_eq!(connect(active, qps[0], PORT, SIDES[0]), STATUS_PENDING);
        consumer.host.run(BUDGET);
        let passive = super::host::events()
            .iter()
            .find_map(|event| match event {
                Event::Connect(_, connector) => Some(std::ptr::with_exposed_provenance_mut(*connector)),
                _ => None,
            })
            .expect("a connect event");
        assert_eq!(accept(passive, qps[1], SIDES[1]), STATUS_PENDING);
        consumer.host.run(BUDGET);
        assert_eq!(super::host::events(), [Event::Request(SIDES[0], STATUS_SUCCESS)]);
        let completed =
            call!(active.NdkCompleteConnect(Some(on_disconnect), tag(SIDES[0]), Some(on_request), tag(SIDES[0])));
        assert_eq!(completed, STATUS_SUCCESS);
        consumer.host.run(BUDGET);
        assert_eq!(super::host::events(), [Event::Request(SIDES[1], STATUS_SUCCESS)]);
        Pair { consumer, pds, cqs, qps, connectors: [active, passive], listener }
    }

    /// Does all work.
    pub fn work(&self) {
        self.consumer.host.run(BUDGET);
    }

    /// Closes everything, in the order of NDKPI's successors; checks that each close is complete and nothing is left.
    pub fn close(self) {
        self.close_after(&[]);
    }

    /// As [`close`](Self::close), where closes with the numbers `before` are pending already.
    pub fn close_after(self, before: &[usize]) {
        let Pair { consumer, pds, cqs, qps, connectors, listener } = self;
        let mut pending = before.to_vec();
        let mut note = |status, number| match status {
            STATUS_SUCCESS => {}
            STATUS_PENDING => pending.push(number),
            status => panic!("close {number}: {status:#x}"),
        };
        for connector in connectors {
            note(close!(connector.NdkCloseConnector, 901), 901);
        }
        note(close!(listener.NdkCloseListener, 902), 902);
        for qp in qps {
            note(close!(qp.NdkCloseQp, 903), 903);
        }
        for cq in cqs.into_iter().flatten() {
            note(close!(cq.NdkCloseCq, 904), 904);
        }
        for pd in pds {
            note(close!(pd.NdkClosePd, 905), 905);
        }
        consumer.host.run(BUDGET);
        let mut closed: Vec<_> = super::host::events()
            .iter()
            .filter_map(|event| match event {
                Event::Close(number) => Some(*number),
                _ => None,
            })
            .collect();
        closed.sort_unstable();
        pending.sort_unstable();
        assert_eq!(closed, pending);
        consumer.close();
        assert_eq!(objects(consumer.host), 0);
    }
}
