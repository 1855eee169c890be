//! Two queue pairs that are connected, used, parted and connected again.

use crate::{
    Random,
    direction::{Direction, Effect, LENGTH, Posted, Received, Waiting, can_fail_with},
    shadow::Range,
    support::{
        common::System,
        consumer::{BUDGET, Consumer, SGES, SIDES, accept, call, close, connect, on_disconnect, on_request, qp, tag},
        host::{Event, events},
    },
};
use ndis_sys::ndk::{status::*, *};
use std::{
    collections::BTreeMap,
    ptr::{null_mut, with_exposed_provenance_mut},
};
use wdk_sys::*;

/// What happened, for the report.
#[derive(Debug, Default)]
pub struct Tally {
    completions: BTreeMap<(i32, NTSTATUS), u64>,
    inline_failures: BTreeMap<NTSTATUS, u64>,
    connections: u64,
    checks: u64,
    silent: u64,
    bytes: u64,
}

impl Tally {
    /// A run of some length has seen everything.
    pub fn check(&self, operations: u64) {
        if operations < 300_000 {
            return;
        }
        for kind in [1, 32769, 2, 4, 8, 16, 32, 64] {
            assert!(self.completions.contains_key(&(kind, STATUS_SUCCESS)), "no success of kind {kind}");
        }
        for kind in [2, 32, 64] {
            for status in [STATUS_ACCESS_VIOLATION, STATUS_CANCELLED] {
                assert!(self.completions.contains_key(&(kind, status)), "no {status:#x} of kind {kind}");
            }
        }
        for status in [STATUS_REMOTE_RESOURCES, STATUS_IO_TIMEOUT] {
            assert!(self.completions.contains_key(&(2, status)), "no send ended with {status:#x}");
        }
        for status in [STATUS_BUFFER_OVERFLOW, STATUS_ACCESS_VIOLATION] {
            assert!(self.completions.contains_key(&(1, status)), "no receive ended with {status:#x}");
        }
        assert!(self.connections > 100 && self.checks > 100 && self.silent > 1000);
    }
}

pub struct Link {
    consumer: Consumer,
    port: u16,
    pds: [*mut NDK_PD; 2],
    cqs: [[*mut NDK_CQ; 2]; 2],
    qps: [*mut NDK_QP; 2],
    connectors: [*mut NDK_CONNECTOR; 2],
    listener: *mut NDK_LISTENER,
    /// By initiator.
    directions: [Direction; 2],
    next: usize,
    /// Requests were flushed by the consumer since the last poll.
    is_flushed: bool,
    /// A request failed, so the connection ended.
    is_broken: bool,
    /// Memory or receives changed such that good requests can fail.
    is_doubtful: bool,
}

impl Link {
    pub fn new(host: &'static System, port: u16) -> Link {
        let consumer = Consumer::open(host);
        let pds = [consumer.pd(), consumer.pd()];
        let cqs = [0, 1].map(|_| [0, 1].map(|n| consumer.cq(256, n)));
        let directions = [0, 1].map(|side| {
            Direction::new(consumer.adapter, pds[side], pds[1 - side], (usize::from(port) + 17 * side) as u8)
        });
        let listener = consumer.listener(port, 7);
        let mut link = Link {
            consumer,
            port,
            pds,
            cqs,
            qps: [null_mut(); 2],
            connectors: [null_mut(); 2],
            listener,
            directions,
            next: 1,
            is_flushed: false,
            is_broken: false,
            is_doubtful: false,
        };
        link.connect();
        link
    }

    fn run(&self) {
        self.consumer.host.run(BUDGET);
    }

    fn connect(&mut self) {
        self.qps = [0, 1].map(|side| qp(self.pds[side], self.cqs[side], SIDES[side]));
        let active = self.consumer.connector();
        assert_eq!(connect(active, self.qps[0], self.port, 3), STATUS_PENDING);
        self.run();
        let incoming = events().into_iter().find_map(|event| match event {
            Event::Connect(7, connector) => Some(with_exposed_provenance_mut(connector)),
            _ => None,
        });
        let passive: *mut NDK_CONNECTOR = incoming.expect("a connect event");
        assert_eq!(accept(passive, self.qps[1], 4), STATUS_PENDING);
        self.run();
        assert!(events().contains(&Event::Request(3, STATUS_SUCCESS)));
        let completed = call!(active.NdkCompleteConnect(Some(on_disconnect), tag(3), Some(on_request), tag(3)));
        assert_eq!(completed, STATUS_SUCCESS);
        self.run();
        assert!(events().contains(&Event::Request(4, STATUS_SUCCESS)));
        self.connectors = [active, passive];
        for direction in self.directions.iter_mut().filter(|direction| !direction.is_target_registered) {
            direction.toggle_target();
        }
        (self.is_flushed, self.is_broken, self.is_doubtful) = (false, false, false);
    }

    /// Closes the connection's objects; each close completes once, after which nothing waits.
    fn part(&mut self, tally: &mut Tally) {
        events();
        self.is_flushed = true;
        let mut pending = 0;
        for connector in self.connectors {
            pending += usize::from(close!(connector.NdkCloseConnector, 80) == STATUS_PENDING);
        }
        for qp in self.qps {
            pending += usize::from(close!(qp.NdkCloseQp, 81) == STATUS_PENDING);
        }
        self.run();
        let closed = events().iter().filter(|event| matches!(event, Event::Close(_))).count();
        assert_eq!(closed, pending, "each close completes once");
        self.poll(tally);
        self.settle(tally);
        assert!(self.directions.iter().all(|it| it.waiting.is_empty() && it.received.is_empty()));
        for direction in &mut self.directions {
            direction.check();
        }
        tally.checks += 1;
    }

    pub fn finish(mut self, tally: &mut Tally) {
        self.part(tally);
        let Link { consumer, pds, cqs, listener, directions, .. } = self;
        for direction in directions {
            direction.close(consumer.adapter);
        }
        assert_eq!(close!(listener.NdkCloseListener, 82), STATUS_SUCCESS);
        for cq in cqs.into_iter().flatten() {
            assert_eq!(close!(cq.NdkCloseCq, 83), STATUS_SUCCESS);
        }
        for pd in pds {
            assert_eq!(close!(pd.NdkClosePd, 84), STATUS_SUCCESS);
        }
        consumer.close();
    }

    /// One arbitrary thing.
    pub fn operate(&mut self, random: &mut Random, tally: &mut Tally) {
        let side = random.below(2) as usize;
        match random.below(100) {
            0..26 => self.receive(side, random, tally),
            26..46 => self.send(side, random, tally),
            46..56 => self.write(side, random, tally),
            56..64 => self.read(side, random, tally),
            64..66 if random.once_in(6) => self.register(side, random, tally),
            66 if random.once_in(6) => self.invalidate(side, random, tally),
            68..80 => self.consumer.host.step(1 + random.below(4) as usize),
            80..84 => self.run(),
            84..97 => {
                self.poll(tally);
                if self.is_broken && random.once_in(4) {
                    self.part(tally);
                    self.connect();
                    tally.connections += 1;
                }
            }
            97 => {
                let qp = self.qps[side];
                call!(qp.NdkFlush());
                self.is_flushed = true;
                self.poll(tally);
                // What this side had posted is cancelled, or was done silently.
                self.settle_side(side, tally);
            }
            98 if random.once_in(12) => {
                self.is_doubtful = true;
                self.directions[side].toggle_target();
            }
            99 if random.once_in(4) => self.rarely(side, random, tally),
            _ => {
                let (cq, arm) = (self.cqs[side][random.below(2) as usize], random.below(3) as u32);
                call!(cq.NdkArmCq(arm));
            }
        }
    }

    fn rarely(&mut self, side: usize, random: &mut Random, tally: &mut Tally) {
        match random.below(3) {
            0 => {
                let connector = self.connectors[side];
                let status = call!(connector.NdkDisconnect(Some(on_request), tag(5)));
                self.is_flushed = true;
                // The other side's requests wait, and its peer is gone: nothing more can be told from outside.
                if status == STATUS_PENDING {
                    self.run();
                    assert!(events().contains(&Event::Request(5, STATUS_SUCCESS)));
                }
                self.part(tally);
                self.connect();
                tally.connections += 1;
            }
            1 => {
                self.consumer.host.advance_to_timer();
                self.run();
                self.poll(tally);
            }
            _ => {
                self.part(tally);
                self.connect();
                tally.connections += 1;
            }
        }
    }

    /// Up to `SGES` parts of a buffer, of `total` bytes together.
    fn ranges(random: &mut Random, total: usize) -> Vec<Range> {
        let count = random.below(u64::from(SGES) + 1) as usize;
        let (mut left, mut ranges) = (total, Vec::new());
        for n in 0..count {
            let length = if n + 1 == count { left } else { random.below(left as u64 + 1) as usize };
            ranges.push(Range { from: random.below((LENGTH - length) as u64 + 1) as usize, length });
            left -= length;
        }
        ranges
    }

    /// Parts that do not overlap, for what is written in no order that a consumer may rely on.
    fn apart(random: &mut Random, total: usize) -> Vec<Range> {
        let mut ranges = Self::ranges(random, total);
        let mut from = 0;
        for range in &mut ranges {
            range.from = from;
            from += range.length;
        }
        let shift = random.below((LENGTH - from) as u64 + 1) as usize;
        ranges.iter_mut().for_each(|range| range.from += shift);
        ranges
    }

    fn length(random: &mut Random) -> usize {
        if random.once_in(40) { random.below(LENGTH as u64 + 1) as usize } else { random.below(200) as usize }
    }

    fn flags(random: &mut Random) -> u32 {
        let mut flags = 0;
        for flag in [NDK_OP_FLAG_SILENT_SUCCESS, NDK_OP_FLAG_READ_FENCE, NDK_OP_FLAG_DEFER] {
            if random.once_in(3) {
                flags |= flag;
            }
        }
        flags
    }

    fn number(&mut self) -> usize {
        self.next += 1;
        self.next
    }

    /// Notes what was posted, if it was.
    fn note(&mut self, side: usize, status: NTSTATUS, posted: Posted, tally: &mut Tally) {
        if status == STATUS_SUCCESS {
            self.directions[side].posted.push_back(posted);
        } else {
            *tally.inline_failures.entry(status).or_default() += 1;
        }
    }

    fn receive(&mut self, side: usize, random: &mut Random, tally: &mut Tally) {
        let (qp, number) = (self.qps[side], self.number());
        let is_small = random.once_in(200);
        let total = if is_small { Self::length(random) } else { LENGTH };
        let direction = &mut self.directions[1 - side];
        let mut ranges = Self::apart(random, total);
        if ranges.is_empty() && !is_small {
            ranges.push(Range { from: 0, length: LENGTH });
        }
        let mut sges = direction.target_sges(&ranges);
        let is_bad = random.once_in(500) && !sges.is_empty();
        if is_bad {
            spoil(&mut sges[0], random);
        }
        self.is_doubtful |= is_small || is_bad;
        let status = call!(qp.NdkReceive(tag(number), sges.as_ptr(), sges.len() as u32));
        if status == STATUS_SUCCESS {
            direction.waiting.push_back(Waiting { number, ranges, is_bad });
        } else {
            *tally.inline_failures.entry(status).or_default() += 1;
        }
    }

    fn send(&mut self, side: usize, random: &mut Random, tally: &mut Tally) {
        let (qp, number, mut flags) = (self.qps[side], self.number(), Self::flags(random));
        if random.once_in(4) {
            flags |= NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT;
        }
        let direction = &self.directions[side];
        let ranges = {
            let total = Self::length(random);
            Self::ranges(random, total)
        };
        let data = direction.gather(&ranges);
        let mut sges = direction.source_sges(&ranges);
        let is_bad = random.once_in(500) && sges.first().is_some_and(|sge| sge.Length != 0);
        if is_bad {
            spoil(&mut sges[0], random);
        }
        let invalidates = random.once_in(100);
        let count = sges.len() as u32;
        let status = if invalidates {
            let token = self.directions[side].remote_target(random.below(2), 0).1;
            call!(qp.NdkSendAndInvalidate(tag(number), sges.as_ptr(), count, flags, token))
        } else {
            call!(qp.NdkSend(tag(number), sges.as_ptr(), count, flags))
        };
        let posted = Posted {
            number,
            kind: _NDK_OPERATION_TYPE::NdkOperationTypeSend,
            is_silent: flags & NDK_OP_FLAG_SILENT_SUCCESS != 0,
            is_bad,
            is_doubtful: invalidates,
            effect: Effect::Message(data),
        };
        self.note(side, status, posted, tally);
    }

    fn write(&mut self, side: usize, random: &mut Random, tally: &mut Tally) {
        let (qp, number, flags) = (self.qps[side], self.number(), Self::flags(random));
        let direction = &self.directions[side];
        let ranges = {
            let total = Self::length(random);
            Self::ranges(random, total)
        };
        let data = direction.gather(&ranges);
        let mut sges = direction.source_sges(&ranges);
        let from = random.below((LENGTH - data.len()) as u64 + 1) as usize;
        let (mut address, mut token, is_doubtful) = direction.remote_target(random.below(60), from);
        let is_bad = random.once_in(300) && !data.is_empty();
        if is_bad {
            match random.below(3) {
                0 if sges[0].Length != 0 => spoil(&mut sges[0], random),
                1 => address = self.outside(side, random, data.len()),
                // Not another key of a window or fast-registered region: its last but one may be the valid one.
                _ => token ^= 1 << if is_doubtful { 31 } else { 16 + random.below(16) },
            }
        }
        let status = call!(qp.NdkWrite(tag(number), sges.as_ptr(), sges.len() as u32, address, token, flags));
        let posted = Posted {
            number,
            kind: _NDK_OPERATION_TYPE::NdkOperationTypeWrite,
            is_silent: flags & NDK_OP_FLAG_SILENT_SUCCESS != 0,
            is_bad,
            is_doubtful: is_doubtful && !data.is_empty(),
            effect: Effect::Written(Range { from, length: data.len() }, data),
        };
        self.note(side, status, posted, tally);
    }

    /// An address from which `length` bytes, at least one, are not all within any registration of the target's side: one
    /// byte too far in some direction, or around the end of all addresses.
    fn outside(&self, side: usize, random: &mut Random, length: usize) -> u64 {
        let target = &self.directions[side].target;
        match random.below(3) {
            0 => target.address - 1,
            1 => target.address + (LENGTH - length) as u64 + 1,
            _ => u64::MAX - random.below(length as u64),
        }
    }

    fn read(&mut self, side: usize, random: &mut Random, tally: &mut Tally) {
        let (qp, number, flags) = (self.qps[side], self.number(), Self::flags(random));
        let direction = &self.directions[side];
        let ranges = {
            let total = Self::length(random);
            Self::apart(random, total)
        };
        let length = ranges.iter().map(|range| range.length).sum();
        let mut sges = direction.sink_sges(&ranges);
        let from = random.below((LENGTH - length) as u64 + 1) as usize;
        let mut address = direction.store.address + from as u64;
        let mut token = crate::support::consumer::remote_token(direction.store_mr);
        let is_bad = random.once_in(300) && length != 0;
        if is_bad {
            match random.below(4) {
                0 if sges[0].Length != 0 => spoil(&mut sges[0], random),
                1 => address = direction.store.address - 1,
                2 => address = direction.store.address + (LENGTH - length) as u64 + 1,
                _ => token ^= 1 << (16 + random.below(16)),
            }
        }
        let data = direction.stored(Range { from, length });
        let status = call!(qp.NdkRead(tag(number), sges.as_ptr(), sges.len() as u32, address, token, flags));
        let posted = Posted {
            number,
            kind: _NDK_OPERATION_TYPE::NdkOperationTypeRead,
            is_silent: flags & NDK_OP_FLAG_SILENT_SUCCESS != 0,
            is_bad,
            is_doubtful: false,
            effect: Effect::Read(ranges, data),
        };
        self.note(side, status, posted, tally);
    }

    /// Binds the window, or fast-registers the region, that lead to the own side's target.
    fn register(&mut self, side: usize, random: &mut Random, tally: &mut Tally) {
        let (qp, number, flags, fast) = (self.qps[side], self.number(), Self::flags(random), random.once_in(2));
        let status = self.directions[1 - side].register(qp, number, fast, flags);
        let kind = if fast {
            _NDK_OPERATION_TYPE::NdkOperationTypeFastRegister
        } else {
            _NDK_OPERATION_TYPE::NdkOperationTypeBind
        };
        self.note(side, status, Self::memory_request(number, kind, flags), tally);
    }

    fn invalidate(&mut self, side: usize, random: &mut Random, tally: &mut Tally) {
        let (qp, number, flags) = (self.qps[side], self.number(), Self::flags(random));
        let direction = &self.directions[1 - side];
        let what = if random.once_in(2) { direction.fast_mr.cast() } else { direction.window.cast() };
        let status = call!(qp.NdkInvalidate(tag(number), what, flags));
        let kind = _NDK_OPERATION_TYPE::NdkOperationTypeInvalidate;
        self.note(side, status, Self::memory_request(number, kind, flags), tally);
    }

    fn memory_request(number: usize, kind: i32, flags: u32) -> Posted {
        let is_silent = flags & NDK_OP_FLAG_SILENT_SUCCESS != 0;
        Posted { number, kind, is_silent, is_bad: false, is_doubtful: true, effect: Effect::Nothing }
    }

    /// Takes all completions out, and compares them with what was posted.
    fn poll(&mut self, tally: &mut Tally) {
        let [receives, initiators] =
            [0, 1].map(|n| [0, 1].map(|side| crate::support::consumer::results(self.cqs[side][n])));
        let mut is_cancelled = false;
        for (side, results) in receives.iter().enumerate() {
            for result in results {
                *tally.completions.entry((result.Type, result.Status)).or_default() += 1;
                assert_eq!(result.QPContext.addr(), SIDES[side]);
                let direction = &mut self.directions[1 - side];
                let waiting = direction.waiting.pop_front().expect("a completion for a receive");
                assert_eq!(result.RequestContext.addr(), waiting.number, "receives complete in order");
                if result.Status == STATUS_SUCCESS {
                    let bytes = result.BytesTransferred as usize;
                    tally.bytes += bytes as u64;
                    direction.received.push_back(Received { ranges: waiting.ranges, bytes });
                    continue;
                }
                direction.fail_receive(waiting);
                if result.Status == STATUS_CANCELLED {
                    is_cancelled = true;
                } else {
                    let expected = [STATUS_BUFFER_OVERFLOW, STATUS_ACCESS_VIOLATION, STATUS_INVALID_DEVICE_REQUEST];
                    assert!(expected.contains(&result.Status), "{:#x}", result.Status);
                    self.is_broken = true;
                }
            }
        }
        for (side, results) in initiators.iter().enumerate() {
            for result in results {
                *tally.completions.entry((result.Type, result.Status)).or_default() += 1;
                assert_eq!(result.QPContext.addr(), SIDES[side]);
                let posted = self.complete(side, result.RequestContext.addr(), tally);
                assert_eq!(result.Type, posted.kind);
                if result.Status == STATUS_SUCCESS {
                    assert!(!posted.is_silent, "a silent success is told: {posted:?}");
                    self.directions[side].succeed(&posted);
                    continue;
                }
                self.directions[side].fail(&posted);
                if result.Status == STATUS_CANCELLED {
                    is_cancelled = true;
                    continue;
                }
                self.is_broken = true;
                assert!(can_fail_with(posted.kind, result.Status), "{posted:?}: {:#x}", result.Status);
                let excused = posted.is_bad || posted.is_doubtful || self.is_doubtful;
                assert!(excused || result.Status == STATUS_IO_TIMEOUT, "{posted:?}: {:#x}", result.Status);
            }
        }
        self.directions.iter_mut().for_each(Direction::end_poll);
        assert!(!is_cancelled || self.is_flushed || self.is_broken, "cancelled without a reason");
    }

    /// The posted request with a number; those before it were silent, and succeeded.
    fn complete(&mut self, side: usize, number: usize, tally: &mut Tally) -> Posted {
        loop {
            let posted = self.directions[side].posted.pop_front().expect("a completion for a request");
            if posted.number == number {
                return posted;
            }
            self.succeed_silently(side, &posted, tally);
        }
    }

    fn succeed_silently(&mut self, side: usize, posted: &Posted, tally: &mut Tally) {
        assert!(posted.is_silent, "{posted:?} never completed");
        tally.silent += 1;
        self.directions[side].succeed(posted);
    }

    /// Nothing of a side is under way and all completions were taken out: what is left succeeded silently.
    fn settle_side(&mut self, side: usize, tally: &mut Tally) {
        while let Some(posted) = self.directions[side].posted.pop_front() {
            self.succeed_silently(side, &posted, tally);
        }
    }

    fn settle(&mut self, tally: &mut Tally) {
        for side in [0, 1] {
            self.settle_side(side, tally);
        }
    }
}

/// Makes an SGE wrong: its token, in a digit such that it is no other object's, or its address.
fn spoil(sge: &mut NDK_SGE, random: &mut Random) {
    if random.once_in(2) {
        sge.MemoryRegionToken ^= 1 << (16 + random.below(16));
    } else {
        sge.anon.VirtualAddress = tag(usize::MAX - random.below(8) as usize);
    }
}
