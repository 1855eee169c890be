//! A hostile consumer: bytes become calls of every function of every dispatch table, with handles of any kind, closed ones
//! and none at all, and with lengths, tokens, addresses and flags that mean nothing or are nearly right. It keeps only the
//! promises of [`ndk::door`]: that pointers are null or point to memory of the size they are said to have.
//!
//! What must hold whatever it does: no call and no completion that nobody asked for, none twice, none for an object after
//! its close; guards of its memory untouched; at the end everything can be closed and nothing is left.

#[path = "calls.rs"]
mod calls;

use crate::support::{
    common::System,
    consumer::*,
    host::{Event, events, objects},
    memory::{Buffer, PAGE},
};
use ndis_sys::ndk::*;
use std::{
    collections::BTreeMap,
    ptr::{null_mut, with_exposed_provenance_mut},
};
use wdk_sys::*;

/// Bytes, read as arguments; zeroes when there are no more.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit.max(1)
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes([0; 4].map(|_: u8| self.byte()))
    }

    /// A number that is often small, and often at an end.
    fn number(&mut self) -> u32 {
        match self.byte() {
            n @ 0..=200 => u32::from(n),
            201..=220 => u32::from(self.byte()) << 8,
            221..=235 => u32::MAX - u32::from(self.byte()),
            _ => self.u32(),
        }
    }
}

/// Kinds of handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Cq,
    Pd,
    Mr,
    Mw,
    Srq,
    Qp,
    Connector,
    Listener,
    SharedEndpoint,
}

struct Object {
    kind: Kind,
    handle: usize,
    /// The number of its callbacks, if it has any.
    number: usize,
    is_closed: bool,
}

/// A dispatch table of each kind.
struct Tables {
    adapter: *const NDK_ADAPTER_DISPATCH,
    cq: *const NDK_CQ_DISPATCH,
    pd: *const NDK_PD_DISPATCH,
    mr: *const NDK_MR_DISPATCH,
    mw: *const NDK_MW_DISPATCH,
    srq: *const NDK_SRQ_DISPATCH,
    qp: *const NDK_QP_DISPATCH,
    connector: *const NDK_CONNECTOR_DISPATCH,
    listener: *const NDK_LISTENER_DISPATCH,
    shared_endpoint: *const NDK_SHARED_ENDPOINT_DISPATCH,
}

/// Calls a function of a table: `invoke!(tables.cq.NdkArmCq(handle, 1))`.
macro_rules! invoke {
    ($tables:ident . $table:ident . $function:ident ($($argument:expr),* $(,)?)) => {
        // SAFETY: the provider's table; the arguments keep the promises of `ndk::door`.
        unsafe { ((*$tables.$table).$function.unwrap())($($argument),*) }
    };
}

use invoke;

/// What is known of a number that calls or completions may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// A pending request or close: one call.
    Once,
    /// It came.
    Done,
}

pub struct Surface {
    system: &'static System,
    adapter: *mut NDK_ADAPTER,
    tables: Tables,
    objects: Vec<Object>,
    buffers: [Box<Buffer>; 3],
    lams: Vec<Vec<u64>>,
    tokens: Vec<u32>,
    requests: BTreeMap<usize, Expected>,
    closes: BTreeMap<usize, Expected>,
    posts: BTreeMap<usize, Expected>,
    next: usize,
    /// What is no handle.
    junk: Box<[u64; 64]>,
}

/// Runs `data` as calls.
pub fn run(system: &'static System, data: &[u8]) {
    events();
    let mut surface = Surface::new(system);
    let mut bytes = Bytes(data);
    while !bytes.0.is_empty() {
        surface.step(&mut bytes);
        surface.hear();
    }
    surface.finish();
}

impl Surface {
    fn new(system: &'static System) -> Surface {
        let consumer = Consumer::open(system);
        let (cq, pd) = (consumer.cq(16, 0), consumer.pd());
        let (mr, mw, srq, qp) = (mr(pd, false), mw(pd), srq(pd, 4, 2, 0), qp(pd, [cq, cq], 0));
        let (connector, listener) = (consumer.connector(), consumer.listener(PORT, 0));
        let endpoint = consumer.shared_endpoint(0);
        // SAFETY: objects that were made just now.
        let tables = unsafe {
            Tables {
                adapter: (*consumer.adapter).Dispatch,
                cq: (*cq).Dispatch,
                pd: (*pd).Dispatch,
                mr: (*mr).Dispatch,
                mw: (*mw).Dispatch,
                srq: (*srq).Dispatch,
                qp: (*qp).Dispatch,
                connector: (*connector).Dispatch,
                listener: (*listener).Dispatch,
                shared_endpoint: (*endpoint).Dispatch,
            }
        };
        let mut surface = Surface {
            system,
            adapter: consumer.adapter,
            tables,
            objects: Vec::new(),
            buffers: [
                Buffer::new(3 * PAGE, 0x10_0000),
                Buffer::in_pieces(&[PAGE, 100, 1], 0x20_0ff0),
                Buffer::new(18 * PAGE, u64::MAX - 18 * PAGE as u64),
            ],
            lams: Vec::new(),
            tokens: vec![0, u32::MAX],
            requests: BTreeMap::new(),
            closes: BTreeMap::new(),
            posts: BTreeMap::new(),
            next: 1000,
            junk: Box::new([0; 64]),
        };
        for (kind, handle) in [
            (Kind::Cq, cq.expose_provenance()),
            (Kind::Pd, pd.expose_provenance()),
            (Kind::Mr, mr.expose_provenance()),
            (Kind::Mw, mw.expose_provenance()),
            (Kind::Srq, srq.expose_provenance()),
            (Kind::Qp, qp.expose_provenance()),
            (Kind::Connector, connector.expose_provenance()),
            (Kind::Listener, listener.expose_provenance()),
            (Kind::SharedEndpoint, endpoint.expose_provenance()),
        ] {
            surface.objects.push(Object { kind, handle, number: 0, is_closed: false });
        }
        surface
    }

    fn number(&mut self) -> usize {
        self.next += 1;
        self.next
    }

    /// Looks at the calls that were made.
    fn hear(&mut self) {
        for event in events() {
            match event {
                Event::Request(number, _) => {
                    let was = self.requests.insert(number, Expected::Done);
                    assert_eq!(was, Some(Expected::Once), "a request completion {number} that nobody waits for");
                }
                Event::Close(number) => {
                    let was = self.closes.insert(number, Expected::Done);
                    assert_eq!(was, Some(Expected::Once), "a close completion {number} that nobody waits for");
                    if let Some(object) = self.objects.iter_mut().find(|object| object.number == number) {
                        object.number = 0;
                    }
                }
                Event::Connect(number, handle) => {
                    self.live(number);
                    self.objects.push(Object { kind: Kind::Connector, handle, number: 0, is_closed: false });
                }
                Event::Cq(number, _) | Event::Srq(number, _) => self.live(number),
                Event::Disconnect(_) | Event::DisconnectEx(..) => {}
            }
        }
    }

    /// An object that has callbacks was not closed completely.
    fn live(&self, number: usize) {
        let lives = number == 0 || self.objects.iter().any(|object| object.number == number);
        assert!(lives, "a call for object {number} after its close");
    }

    /// A handle: most often of a live object of a kind.
    fn handle<T>(&mut self, kind: Kind, bytes: &mut Bytes<'_>) -> *mut T {
        let choice = bytes.byte();
        let live: Vec<usize> = self
            .objects
            .iter()
            .filter(|object| object.kind == kind && !object.is_closed)
            .map(|object| object.handle)
            .collect();
        let handle = match choice {
            0..=239 if !live.is_empty() => live[usize::from(choice) % live.len()],
            240..=247 => self.objects[bytes.below(self.objects.len())].handle,
            248..=251 => self.junk.as_mut_ptr().expose_provenance(),
            252 => self.adapter.expose_provenance(),
            _ => 0,
        };
        if handle == 0 { null_mut() } else { with_exposed_provenance_mut(handle) }
    }

    fn made<T>(&mut self, kind: Kind, status: NTSTATUS, handle: *mut T, number: usize) {
        if status == STATUS_SUCCESS {
            assert!(!handle.is_null());
            self.objects.push(Object { kind, handle: handle.expose_provenance(), number, is_closed: false });
        } else {
            assert!(status < 0, "a create that pends: {status:#x}");
        }
    }

    /// An asynchronous request was made.
    fn requested(&mut self, status: NTSTATUS, number: usize) {
        if status == STATUS_PENDING {
            self.requests.insert(number, Expected::Once);
        }
    }

    /// A work request was posted.
    fn posted(&mut self, status: NTSTATUS, number: usize) {
        if status == STATUS_SUCCESS {
            self.posts.insert(number, Expected::Once);
        } else {
            assert!(status < 0);
        }
    }

    fn token(&mut self, bytes: &mut Bytes<'_>) -> u32 {
        let token = self.tokens[bytes.below(self.tokens.len())];
        if bytes.below(32) == 0 { token ^ 1 << bytes.below(32) } else { token }
    }

    /// An address near something, and a length.
    fn range(&mut self, bytes: &mut Bytes<'_>) -> (u64, u32) {
        let base = match bytes.below(6) {
            n @ 0..=2 => self.buffers[n].address,
            3 if !self.lams.is_empty() => {
                let lam = &self.lams[bytes.below(self.lams.len())];
                lam[2 + bytes.below(lam.len() - 2)]
            }
            4 => 0x70_0000,
            _ => 0,
        };
        let (forth, back) = (bytes.number(), bytes.below(3));
        (base.wrapping_add(u64::from(forth)).wrapping_sub(back as u64), bytes.number())
    }

    fn sges(&mut self, bytes: &mut Bytes<'_>) -> Vec<NDK_SGE> {
        let count = if bytes.below(16) == 0 { bytes.below(40) } else { bytes.below(4) };
        (0..count)
            .map(|_| {
                let (address, length) = self.range(bytes);
                sge(address, length, self.token(bytes))
            })
            .collect()
    }

    /// SGEs of memory that may be read, for inline data.
    fn inline(&mut self, bytes: &mut Bytes<'_>) -> Vec<NDK_SGE> {
        let at = self.junk.as_ptr().expose_provenance() as u64;
        (0..bytes.below(10)).map(|_| sge(at, bytes.below(80) as u32, 0)).collect()
    }

    fn address(bytes: &mut Bytes<'_>) -> (SOCKADDR_IN, u32) {
        let mut address = address([0, PORT, PORT + 1, 49152][bytes.below(4)]);
        if bytes.below(16) == 0 {
            address.sin_addr = [bytes.byte(), 0, 0, bytes.byte()];
        }
        if bytes.below(16) == 0 {
            address.sin_family = u16::from(bytes.byte());
        }
        (address, if bytes.below(16) == 0 { bytes.below(16) as u32 } else { 16 })
    }

    fn step(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.byte() {
            op @ 0..=29 => self.create(op % 10, bytes),
            30..=49 => self.close(bytes),
            op @ 50..=79 => self.memory(op % 8, bytes),
            op @ 80..=159 => self.post(op % 10, bytes),
            op @ 160..=189 => self.connection(op % 10, bytes),
            op @ 190..=214 => self.queue(op % 6, bytes),
            op @ 215..=244 => self.time(op % 8, bytes),
            _ => self.query(bytes),
        }
    }

    fn close(&mut self, bytes: &mut Bytes<'_>) {
        let n = bytes.below(self.objects.len());
        self.close_object(n);
    }

    fn close_object(&mut self, n: usize) {
        let number = match self.objects[n].number {
            0 => self.number(),
            number => number,
        };
        let Object { kind, handle, is_closed, .. } = self.objects[n];
        let (tables, handle) = (&self.tables, with_exposed_provenance_mut(handle));
        let (call, context) = (Some(on_close as _), tag(number));
        let status = match kind {
            Kind::Cq => invoke!(tables.cq.NdkCloseCq(handle, call, context)),
            Kind::Pd => invoke!(tables.pd.NdkClosePd(handle, call, context)),
            Kind::Mr => invoke!(tables.mr.NdkCloseMr(handle, call, context)),
            Kind::Mw => invoke!(tables.mw.NdkCloseMw(handle, call, context)),
            Kind::Srq => invoke!(tables.srq.NdkCloseSrq(handle, call, context)),
            Kind::Qp => invoke!(tables.qp.NdkCloseQp(handle, call, context)),
            Kind::Connector => invoke!(tables.connector.NdkCloseConnector(handle, call, context)),
            Kind::Listener => invoke!(tables.listener.NdkCloseListener(handle, call, context)),
            Kind::SharedEndpoint => invoke!(tables.shared_endpoint.NdkCloseSharedEndpoint(handle, call, context)),
        };
        if is_closed {
            // The place of a closed object may have another one now, which this closed.
            if status < 0 {
                return;
            }
            let other = self.objects.iter_mut().rev().find(|it| it.handle == handle.addr() && !it.is_closed);
            let other = other.expect("a closed object can be closed again");
            other.is_closed = true;
            other.number = number;
        } else {
            assert!(status >= 0, "{kind:?} cannot be closed: {status:#x}");
            self.objects[n].is_closed = true;
            self.objects[n].number = number;
        }
        if status == STATUS_PENDING {
            self.closes.insert(number, Expected::Once);
        } else {
            for object in self.objects.iter_mut().filter(|object| object.number == number) {
                object.number = 0;
            }
        }
    }

    fn time(&mut self, what: u8, bytes: &mut Bytes<'_>) {
        match what {
            0..=2 => self.system.step(bytes.below(8)),
            3 => {
                self.system.run(BUDGET);
            }
            4 => self.system.advance(u64::from(bytes.number())),
            5 => self.system.advance_to_timer(),
            6 if bytes.below(8) == 0 => {
                self.system.run(BUDGET);
                ndk::stop(self.system);
                self.hear();
                ndk::start(self.system);
            }
            7 if bytes.below(16) == 0 => ndk::fail(self.system),
            _ => self.make_connection(bytes),
        }
    }

    /// A connection between two new queue pairs, so that much of what follows has one.
    fn make_connection(&mut self, bytes: &mut Bytes<'_>) {
        let mut pick = |surface: &mut Self, kind| {
            let found = surface.objects.iter().filter(|object| object.kind == kind && !object.is_closed);
            let handles: Vec<usize> = found.map(|object| object.handle).collect();
            if handles.is_empty() { 0 } else { handles[bytes.below(handles.len())] }
        };
        let (pd, cq) = (pick(self, Kind::Pd), pick(self, Kind::Cq));
        if pd == 0 || cq == 0 {
            return;
        }
        let (pd, cq) = (with_exposed_provenance_mut(pd), with_exposed_provenance_mut(cq));
        let (tables, adapter) = (&raw const self.tables, self.adapter);
        // SAFETY: the tables are not written any more.
        let tables = unsafe { &*tables };
        let mut qps = [null_mut(); 2];
        for qp in &mut qps {
            let (number, place) = (self.number(), &raw mut *qp);
            let status =
                invoke!(tables.pd.NdkCreateQp(pd, cq, cq, tag(number), 8, 8, 4, 4, 64, None, null_mut(), place));
            self.made(Kind::Qp, status, *qp, number);
            if status != STATUS_SUCCESS {
                return;
            }
        }
        let mut active = null_mut();
        let status = invoke!(tables.adapter.NdkCreateConnector(adapter, None, null_mut(), &raw mut active));
        self.made(Kind::Connector, status, active, 0);
        if status != STATUS_SUCCESS {
            return;
        }
        let number = self.number();
        self.requested(connect(active, qps[0], PORT, number), number);
        self.system.run(BUDGET);
        let before = self.objects.len();
        self.hear();
        for n in before..self.objects.len() {
            let passive = with_exposed_provenance_mut(self.objects[n].handle);
            let number = self.number();
            self.requested(accept(passive, qps[1], number), number);
        }
        self.system.run(BUDGET);
        self.hear();
        let context = tag(number);
        invoke!(tables.connector.NdkCompleteConnect(active, Some(on_disconnect), context, Some(on_request), context));
        self.system.run(BUDGET);
    }

    /// Closes everything, in the order it was made.
    fn finish(mut self) {
        for n in 0.. {
            // Work that is left may still bring a connector.
            if n == self.objects.len() {
                self.system.run(BUDGET);
                self.hear();
                if n == self.objects.len() {
                    break;
                }
            }
            if !self.objects[n].is_closed {
                self.close_object(n);
            }
        }
        self.system.run(BUDGET);
        self.hear();
        for (what, expected) in [("request", &self.requests), ("close", &self.closes)] {
            let waiting = expected.iter().find(|(_, expected)| **expected == Expected::Once);
            assert!(waiting.is_none(), "a {what} never completed: {waiting:?}");
        }
        for mut lam in std::mem::take(&mut self.lams) {
            let (tables, at) = (&self.tables, lam.as_mut_ptr().cast());
            invoke!(tables.adapter.NdkReleaseLAM(self.adapter, at));
        }
        assert!(self.buffers.iter().all(|buffer| buffer.is_intact()), "memory outside of the buffers was written");
        Consumer { host: self.system, adapter: self.adapter }.close();
        assert_eq!(objects(self.system), 0, "something is left");
        assert!(events().is_empty(), "a call after the adapter was closed");
    }
}
