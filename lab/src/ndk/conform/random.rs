//! Random operations on connected pairs, from one thread or from eight, against a simple model of what must come back.

use super::bench::*;
use crate::ndk::consumer::{Adapter, Connector, LIMIT, Mw, Work};
use crate::pattern::Pattern;
use lab_kernel::{cpu, rules};
use ndis_sys::ndk::_NDK_OPERATION_TYPE as ops;
use ndis_sys::ndk::*;
use std::collections::VecDeque;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use wdk_sys::{STATUS_CANCELLED, STATUS_SUCCESS};

rules! {
    NDK_MODEL_ORDER: "Random operations: every request has one result, in the order of its queue", "DDI ndkpi NDK_FN_SEND, NDK_FN_RECEIVE; NDK_RESULT_EX";
    NDK_MODEL_STATUS: "Random operations: a legal request succeeds, or is STATUS_CANCELLED after a flush or disconnect", "DDI ndkpi NDK_FN_FLUSH, NDK_FN_DISCONNECT";
    NDK_MODEL_DATA: "Random operations: the bytes of messages, writes and reads are exact", "DDI ndkpi NDK_FN_SEND, NDK_FN_WRITE, NDK_FN_READ";
    NDK_MODEL_NOTIFIED: "Random operations: no notification is lost", "docs NDKPI completion handling requirements; contract.md 3.5";
    NDK_MODEL_ENDS: "Random operations: every worker comes to its end", "docs NDKPI object lifetime requirements";
}

/// Requests that a queue holds, as [`QpDepth::default`](crate::ndk::consumer::QpDepth) says.
const DEPTH: usize = 16;
const SLOT: usize = 512;
/// Areas of a region: what receives land in, what sends and writes come from, what the peer writes, reads, and what
/// reads land in.
const RECEIVED: usize = 0;
const SENT: usize = DEPTH * SLOT;
const WRITTEN: usize = 2 * DEPTH * SLOT;
const READABLE: usize = 3 * DEPTH * SLOT;
const READ: usize = 4 * DEPTH * SLOT;
const MEMORY: usize = 5 * DEPTH * SLOT;
/// Random threads.
pub const THREADS: u64 = 8;

/// What was posted on an initiator queue.
#[derive(Clone, Copy, Debug)]
struct Posted {
    request: usize,
    kind: NDK_OPERATION_TYPE,
    silent: bool,
    len: usize,
}

/// The model of one side.
struct Model {
    initiator: VecDeque<Posted>,
    receives: VecDeque<usize>,
    /// Messages on their way to the peer: request and length.
    messages: VecDeque<(usize, usize)>,
    next: usize,
    next_receive: usize,
    window: Option<Mw>,
    bound: bool,
    /// Callbacks when ANY was armed on the empty initiator CQ.
    armed_at: Option<u64>,
}

/// The byte that fills the slot of a request.
fn filler(request: usize) -> u8 {
    request.wrapping_mul(37) as u8 ^ 0x5A
}

struct Worker {
    adapter: Adapter,
    random: Pattern,
    pair: Pair,
    models: [Model; 2],
    done: Arc<AtomicU64>,
}

fn models(pair: &Pair) -> [Model; 2] {
    [&pair.a, &pair.b].map(|end| {
        let readable: Vec<u8> = (0..DEPTH * SLOT).map(|i| (i / SLOT * 7 + i) as u8).collect();
        end.region.buffer.write(READABLE, &readable);
        let window = end.pd.create_mw().ok();
        let (initiator, receives, messages) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        Model { initiator, receives, messages, next: 0, next_receive: 0, window, bound: false, armed_at: None }
    })
}

fn shape() -> Shape {
    Shape { cq: 2 * DEPTH as u32, memory: MEMORY, ..Shape::default() }
}

impl Worker {
    fn new(adapter: Adapter, seed: u64, done: Arc<AtomicU64>) -> Option<Worker> {
        let pair = Pair::new(&adapter, &shape())?;
        Some(Worker { adapter, random: Pattern::new(seed), models: models(&pair), pair, done })
    }

    fn end(&self, side: usize) -> &End {
        if side == 0 { &self.pair.a } else { &self.pair.b }
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.random.below(one_in) == 0
    }

    fn run(mut self, operations: u64) -> Option<()> {
        let mut left = operations;
        while left > 0 {
            let burst = left.min(1 + self.random.below(64));
            for _ in 0..burst {
                self.step();
            }
            left -= burst;
            self.done.fetch_add(burst, Ordering::Relaxed);
            if self.chance(400) {
                self = self.rebuild()?;
            }
        }
        self.tear_down();
        Some(())
    }

    fn step(&mut self) {
        let side = self.random.below(2) as usize;
        match self.random.below(100) {
            0..25 => self.receive(side),
            25..50 => self.send(side),
            50..60 => self.transfer(side, true),
            60..70 => self.transfer(side, false),
            70..92 => self.poll(side),
            92..95 => self.arm(side),
            95..98 => self.window(side),
            _ => self.churn(side),
        }
    }

    fn receive(&mut self, side: usize) {
        if self.models[side].receives.len() == DEPTH {
            return;
        }
        let model = &mut self.models[side];
        model.next_receive += 1;
        let request = model.next_receive;
        self.end(side).receive(request, RECEIVED + request % DEPTH * SLOT, SLOT);
        self.models[side].receives.push_back(request);
    }

    /// The number of a new initiator request; pending ones do not share its slot.
    fn free_number(&mut self, side: usize) -> Option<usize> {
        let model = &mut self.models[side];
        if model.initiator.len() == DEPTH {
            return None;
        }
        model.next += 1;
        while model.initiator.iter().any(|p| p.request % DEPTH == model.next % DEPTH) {
            model.next += 1;
        }
        Some(model.next)
    }

    fn flags(&mut self) -> (u32, bool) {
        let silent = self.chance(4);
        let mut flags = if silent { NDK_OP_FLAG_SILENT_SUCCESS } else { 0 };
        if self.chance(8) {
            flags |= NDK_OP_FLAG_READ_FENCE;
        }
        (flags, silent)
    }

    fn send(&mut self, side: usize) {
        let Some(request) = self.free_number(side) else { return };
        let len = self.random.below(SLOT as u64 + 1) as usize;
        let (mut flags, silent) = self.flags();
        if self.chance(4) {
            flags |= NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT;
        }
        let at = SENT + request % DEPTH * SLOT;
        let end = self.end(side);
        end.region.buffer.write(at, &vec![filler(request); len]);
        let cut = len / 3;
        posted(end.qp.send(request, &[end.region.sge(at, cut), end.region.sge(at + cut, len - cut)], flags));
        let model = &mut self.models[side];
        model.messages.push_back((request, len));
        model.initiator.push_back(Posted { request, kind: ops::NdkOperationTypeSend, silent, len });
    }

    fn transfer(&mut self, side: usize, write: bool) {
        let Some(request) = self.free_number(side) else { return };
        let len = 1 + self.random.below(SLOT as u64) as usize;
        let (flags, silent) = self.flags();
        let slot = request % DEPTH * SLOT;
        let (end, peer) = (self.end(side), self.end(1 - side));
        let status = if write {
            end.region.buffer.write(SENT + slot, &vec![filler(request); len]);
            let sge = [end.region.sge(SENT + slot, len)];
            end.qp.write(request, &sge, peer.region.address((WRITTEN + slot) as i64), peer.region.remote, flags)
        } else {
            let sge = [end.region.sge(READ + slot, len)];
            end.qp.read(request, &sge, peer.region.address((READABLE + slot) as i64), peer.region.remote, flags)
        };
        posted(status);
        let kind = if write { ops::NdkOperationTypeWrite } else { ops::NdkOperationTypeRead };
        self.models[side].initiator.push_back(Posted { request, kind, silent, len });
    }

    /// Binds the window, or invalidates it.
    fn window(&mut self, side: usize) {
        let Some(window) = self.models[side].window else { return };
        let Some(request) = self.free_number(side) else { return };
        let bound = self.models[side].bound;
        let end = self.end(side);
        let (status, kind) = if bound {
            (end.qp.invalidate_mw(request, window, 0), ops::NdkOperationTypeInvalidate)
        } else {
            let address = end.region.address(WRITTEN as i64);
            let flags = NDK_OP_FLAG_ALLOW_REMOTE_WRITE;
            let status = end.qp.bind(request, end.region.mr, window, address, SLOT as u64, flags);
            (status, ops::NdkOperationTypeBind)
        };
        posted(status);
        let model = &mut self.models[side];
        model.bound = !bound;
        model.initiator.push_back(Posted { request, kind, silent: false, len: 0 });
    }

    /// Objects that come and go beside the traffic.
    fn churn(&mut self, side: usize) {
        let choice = self.random.below(8);
        let pd = self.end(side).pd;
        match choice {
            0 => Region::new(pd, 100).into_iter().for_each(Region::close),
            1 => {
                if let Ok(cq) = self.adapter.create_cq(4) {
                    cq.arm(NDK_CQ_NOTIFY_ANY);
                    cq.close().wait();
                }
            }
            2 => {
                let depth = 2 * DEPTH as u32 + self.random.below(8) as u32;
                self.end(side).cq.resize(depth).wait();
            }
            3 => wait_all(self.adapter.create_connector().iter().map(Connector::close)),
            4 => wait_all(pd.create_mw().into_iter().map(Mw::close)),
            5 => {
                if let Ok(srq) = pd.create_srq(4, 1, 1) {
                    srq.receive(1, &[self.end(side).region.sge(0, 8)]);
                    srq.close().wait();
                }
            }
            6 => wait_all(self.adapter.create_endpoint(SocketAddrV4::new(HERE, 0)).into_iter().map(|e| e.close())),
            _ => {
                let lam = self.adapter.build_lam(&self.end(side).region.buffer);
                lam.into_iter().for_each(|lam| self.adapter.release_lam(lam));
            }
        }
    }

    fn arm(&mut self, side: usize) {
        let class = [NDK_CQ_NOTIFY_ANY, NDK_CQ_NOTIFY_SOLICITED, NDK_CQ_NOTIFY_ERRORS][self.random.below(3) as usize];
        self.end(side).rcq.arm(class);
        let cq = self.end(side).cq.clone();
        // Counted before the look into the queue: a completion placed after the look is new, or was notified meanwhile.
        let before = cq.notifications();
        let works = cq.results(DEPTH);
        let empty = works.is_empty();
        works.into_iter().for_each(|work| self.initiated(side, work, false));
        if empty {
            cq.arm(NDK_CQ_NOTIFY_ANY);
            self.models[side].armed_at = Some(before);
        }
    }

    fn poll(&mut self, side: usize) {
        let most = 1 + self.random.below(DEPTH as u64) as usize;
        let (cq, rcq) = (self.end(side).cq.clone(), self.end(side).rcq.clone());
        let works = cq.results(most);
        if let Some(before) = self.models[side].armed_at
            && !works.is_empty()
        {
            // The callback may wait for its turn on the processor.
            let end = cpu::now() + QUIET;
            while cq.notifications() == before && cpu::now() < end {
                cpu::sleep(Duration::from_micros(20));
            }
            NDK_MODEL_NOTIFIED.check(cq.notifications() > before, || format!("{} results, no callback", works.len()));
            self.models[side].armed_at = None;
        }
        works.into_iter().for_each(|work| self.initiated(side, work, false));
        rcq.results(most).into_iter().for_each(|work| self.received(side, work, false));
    }

    /// An initiator's result.
    fn initiated(&mut self, side: usize, work: Work, ending: bool) {
        let ok = work.status == STATUS_SUCCESS || ending && work.status == STATUS_CANCELLED;
        NDK_MODEL_STATUS.check(ok, || format!("{work:x?}"));
        while let Some(head) = self.models[side].initiator.pop_front() {
            if head.request == work.request {
                let expected = work.kind == head.kind && !(head.silent && work.status == STATUS_SUCCESS);
                NDK_MODEL_ORDER.check(expected, || format!("{work:x?} of {head:x?}"));
                self.check_transfer(side, head, work);
                return;
            }
            // What is passed over succeeded without a word.
            NDK_MODEL_ORDER.check(head.silent, || format!("{work:x?} before {head:x?}"));
        }
        NDK_MODEL_ORDER.check(false, || format!("{work:x?} was not posted or is over"));
    }

    fn check_transfer(&self, side: usize, posted: Posted, work: Work) {
        if work.status != STATUS_SUCCESS {
            return;
        }
        let slot = posted.request % DEPTH * SLOT;
        let exact = match posted.kind {
            ops::NdkOperationTypeWrite => {
                let got = self.end(1 - side).region.buffer.bytes(WRITTEN + slot, posted.len);
                got.iter().all(|byte| *byte == filler(posted.request))
            }
            ops::NdkOperationTypeRead => {
                let got = self.end(side).region.buffer.bytes(READ + slot, posted.len);
                got == self.end(1 - side).region.buffer.bytes(READABLE + slot, posted.len)
            }
            _ => true,
        };
        NDK_MODEL_DATA.check(exact, || format!("{posted:x?}"));
    }

    /// A receive's result.
    fn received(&mut self, side: usize, work: Work, ending: bool) {
        let expected = self.models[side].receives.pop_front();
        NDK_MODEL_ORDER.check(expected == Some(work.request), || format!("{work:x?}, not {expected:x?}"));
        if work.status == STATUS_SUCCESS {
            let message = self.models[1 - side].messages.pop_front();
            let (request, len) = message.unwrap_or((0, usize::MAX));
            let got = self.end(side).region.buffer.bytes(RECEIVED + work.request % DEPTH * SLOT, len.min(SLOT));
            let exact = work.bytes as usize == len && got.iter().all(|byte| *byte == filler(request));
            NDK_MODEL_DATA.check(exact, || format!("{work:x?} of message {message:x?}"));
        } else {
            NDK_MODEL_STATUS.check(ending && work.status == STATUS_CANCELLED, || format!("{work:x?}"));
        }
    }

    /// Ends the connection in one of the ways there are; every pending request has its result.
    fn part(&mut self) {
        let way = self.random.below(5);
        let connector = |end: &End| end.connector.clone();
        let (a, b) = (connector(&self.pair.a), connector(&self.pair.b));
        match way {
            0 => self.pair.a.qp.flush(),
            1 => self.pair.b.qp.flush(),
            2 => disconnect(a.as_ref()),
            3 => disconnect(b.as_ref()),
            _ => {
                let taken = self.pair.a.connector.take();
                wait_all(taken.map(|c| c.close()));
            }
        }
        for end in [&self.pair.a, &self.pair.b] {
            disconnect(end.connector.as_ref());
            end.qp.flush();
        }
        for side in 0..2 {
            self.drain(side);
        }
    }

    fn drain(&mut self, side: usize) {
        let end = cpu::now() + LIMIT;
        let (cq, rcq) = (self.end(side).cq.clone(), self.end(side).rcq.clone());
        let mut quiet = 0;
        while quiet < 2 && cpu::now() < end {
            let (works, receives) = (cq.results(DEPTH), rcq.results(DEPTH));
            quiet = if works.is_empty() && receives.is_empty() { quiet + 1 } else { 0 };
            works.into_iter().for_each(|work| self.initiated(side, work, true));
            receives.into_iter().for_each(|work| self.received(side, work, true));
            let loud = self.models[side].initiator.iter().any(|p| !p.silent);
            if quiet > 0 && (loud || !self.models[side].receives.is_empty()) {
                quiet = 0;
                cpu::sleep(Duration::from_micros(50));
            }
        }
        let model = &self.models[side];
        let left = (model.initiator.iter().filter(|p| !p.silent).count(), model.receives.len());
        NDK_MODEL_ORDER.check(left == (0, 0), || format!("requests without a result: {left:?}"));
    }

    fn tear_down(mut self) {
        self.part();
        let Worker { pair, models, .. } = self;
        wait_all(models.iter().filter_map(|m| m.window).map(Mw::close));
        pair.close();
    }

    fn rebuild(self) -> Option<Worker> {
        let Worker { adapter, done, .. } = &self;
        let (adapter, done) = (*adapter, done.clone());
        let mut seed = self.random.clone();
        self.tear_down();
        Worker::new(adapter, seed.below(u64::MAX), done)
    }
}

fn disconnect(connector: Option<&Connector>) {
    if let Some(connector) = connector {
        connector.disconnect().wait();
    }
}

/// Runs `operations` random operations, dealt out to `threads` threads; `progress` sees how many were done.
pub fn run(adapter: &Adapter, seed: u64, operations: u64, threads: u64, progress: &mut dyn FnMut(u64)) -> Option<()> {
    let done = Arc::new(AtomicU64::new(0));
    let failed = Arc::new(AtomicBool::new(false));
    let share = operations.div_ceil(threads);
    let workers: Vec<_> = (0..threads)
        .map(|i| {
            let (adapter, done, failed) = (*adapter, done.clone(), failed.clone());
            cpu::spawn("random NDK operations", move || {
                let worker = Worker::new(adapter, seed.wrapping_add(i), done);
                if worker.and_then(|w| w.run(share)).is_none() {
                    failed.store(true, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for worker in workers {
        cpu::join(worker);
        progress(done.load(Ordering::Relaxed));
    }
    let ended = !failed.load(Ordering::Relaxed);
    NDK_MODEL_ENDS.check(ended, || format!("{} of {operations}", done.load(Ordering::Relaxed)));
    ended.then_some(())
}
