//! One direction of a connection: what its initiator posted, and what that does to memory on both sides.
//!
//! Each direction has memory of its own, so the order of its requests says what is in it.

use crate::{
    shadow::{Range, Shadow},
    support::{
        consumer::{call, local_token, mr, mw, on_request, registered, remote_token, tag},
        memory::{Buffer, PAGE},
    },
};
use ndis_sys::ndk::{status::*, *};
use std::{collections::VecDeque, ptr::null_mut};
use wdk_sys::*;

pub const LENGTH: usize = 160 << 10;

/// What a request does when it succeeds.
#[derive(Clone, Debug)]
pub enum Effect {
    /// These bytes go to the peer's next receive.
    Message(Vec<u8>),
    /// These go here on the peer's side.
    Written(Range, Vec<u8>),
    /// These are read into these places.
    Read(Vec<Range>, Vec<u8>),
    Nothing,
}

/// A request that may still complete.
#[derive(Clone, Debug)]
pub struct Posted {
    pub number: usize,
    pub kind: i32,
    pub is_silent: bool,
    /// It cannot succeed.
    pub is_bad: bool,
    /// It may fail though nothing is wrong with it itself: a window, a fast registration.
    pub is_doubtful: bool,
    pub effect: Effect,
}

/// A receive that may still complete.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub number: usize,
    pub ranges: Vec<Range>,
    pub is_bad: bool,
}

/// A receive that was completed: its places, and how many bytes came.
pub struct Received {
    pub ranges: Vec<Range>,
    pub bytes: usize,
}

pub struct Direction {
    /// On the initiator's side: read only, and a sink for reads.
    pub source: Box<Buffer>,
    pub sink: Box<Buffer>,
    /// On the target's side: written, and read only.
    pub target: Box<Buffer>,
    pub store: Box<Buffer>,
    pub source_mr: *mut NDK_MR,
    pub sink_mr: *mut NDK_MR,
    pub target_mr: *mut NDK_MR,
    pub store_mr: *mut NDK_MR,
    pub is_target_registered: bool,
    /// The pages of `target`, and a region and a window that may lead there.
    lam: Vec<u64>,
    pages: Vec<NDK_LOGICAL_ADDRESS>,
    pub fast_mr: *mut NDK_MR,
    pub window: *mut NDK_MW,
    source_bytes: Vec<u8>,
    store_bytes: Vec<u8>,
    sink_shadow: Shadow,
    target_shadow: Shadow,
    pub posted: VecDeque<Posted>,
    pub waiting: VecDeque<Waiting>,
    /// Receives that completed with a message whose send has not been looked at.
    pub received: VecDeque<Received>,
    /// Receives that were given up since the last poll.
    given_up: Vec<Waiting>,
}

impl Direction {
    pub fn new(adapter: *mut NDK_ADAPTER, initiator: *mut NDK_PD, target_pd: *mut NDK_PD, seed: u8) -> Direction {
        let mut source = Buffer::in_pieces(&[PAGE, LENGTH - PAGE], 0x1_0000_0000);
        let mut sink = Buffer::new(LENGTH, 0x2_0000_0777);
        let mut target = Buffer::in_pieces(&[LENGTH / 2, LENGTH / 2], 0x3_0000_0000);
        let mut store = Buffer::new(LENGTH, 0x4_0000_0001);
        source.fill(seed);
        store.fill(!seed);
        let all = NDK_MR_FLAG_ALLOW_REMOTE_READ | NDK_MR_FLAG_ALLOW_REMOTE_WRITE;
        let source_mr = registered(initiator, &mut source, 0);
        let sink_mr = registered(initiator, &mut sink, NDK_MR_FLAG_ALLOW_LOCAL_WRITE);
        let target_mr = registered(target_pd, &mut target, all);
        let store_mr = registered(target_pd, &mut store, NDK_MR_FLAG_ALLOW_REMOTE_READ);
        let count = LENGTH / PAGE;
        let mut lam = vec![0; 2 + count];
        let (mut size, mut offset) = ((lam.len() * 8) as u32, 0);
        let status = call!(adapter.NdkBuildLAM(
            target.mdl(),
            LENGTH as u64,
            None,
            null_mut(),
            lam.as_mut_ptr().cast(),
            &raw mut size,
            &raw mut offset
        ));
        assert_eq!((status, offset), (STATUS_SUCCESS, 0));
        let pages = lam[2..].iter().map(|page: &u64| NDK_LOGICAL_ADDRESS { QuadPart: *page as i64 }).collect();
        let fast_mr = mr(target_pd, true);
        let initialized = call!(fast_mr.NdkInitializeFastRegisterMr(count as u32, 1, Some(on_request), tag(0)));
        assert_eq!(initialized, STATUS_SUCCESS);
        Direction {
            source_bytes: source.read(),
            store_bytes: store.read(),
            source,
            sink,
            target,
            store,
            source_mr,
            sink_mr,
            target_mr,
            store_mr,
            is_target_registered: true,
            lam,
            pages,
            fast_mr,
            window: mw(target_pd),
            sink_shadow: Shadow::new(LENGTH),
            target_shadow: Shadow::new(LENGTH),
            posted: VecDeque::new(),
            waiting: VecDeque::new(),
            received: VecDeque::new(),
            given_up: Vec::new(),
        }
    }

    pub fn sge(buffer: &Buffer, mr: *mut NDK_MR, range: Range) -> NDK_SGE {
        crate::support::consumer::sge(buffer.address + range.from as u64, range.length as u32, local_token(mr))
    }

    pub fn source_sges(&self, ranges: &[Range]) -> Vec<NDK_SGE> {
        ranges.iter().map(|range| Self::sge(&self.source, self.source_mr, *range)).collect()
    }

    pub fn sink_sges(&self, ranges: &[Range]) -> Vec<NDK_SGE> {
        ranges.iter().map(|range| Self::sge(&self.sink, self.sink_mr, *range)).collect()
    }

    pub fn target_sges(&self, ranges: &[Range]) -> Vec<NDK_SGE> {
        ranges.iter().map(|range| Self::sge(&self.target, self.target_mr, *range)).collect()
    }

    /// What is in the source.
    pub fn gather(&self, ranges: &[Range]) -> Vec<u8> {
        ranges.iter().flat_map(|range| &self.source_bytes[range.from..range.from + range.length]).copied().collect()
    }

    /// What is in the store.
    pub fn stored(&self, range: Range) -> Vec<u8> {
        self.store_bytes[range.from..range.from + range.length].to_vec()
    }

    /// Address and token by which a peer can write `from` in the target; doubtful unless by the region itself.
    pub fn remote_target(&self, way: u64, from: usize) -> (u64, u32, bool) {
        let (address, window) = (self.target.address + from as u64, self.window);
        match way {
            0 => (address, call!(window.NdkGetRemoteTokenFromMw()), true),
            1 => (FAST_BASE + from as u64, remote_token(self.fast_mr), true),
            _ => (address, remote_token(self.target_mr), false),
        }
    }

    /// Posts a bind of the window to all of the target, or a fast registration of it.
    pub fn register(&self, qp: *mut NDK_QP, number: usize, fast: bool, flags: u32) -> NTSTATUS {
        let flags = flags | NDK_OP_FLAG_ALLOW_REMOTE_WRITE;
        if fast {
            let (mr, count) = (self.fast_mr, self.pages.len() as u32);
            let (pages, base) = (self.pages.as_ptr(), tag(FAST_BASE as usize));
            call!(qp.NdkFastRegister(tag(number), mr, count, pages, 0, LENGTH as u64, base, flags))
        } else {
            let (mr, window, base) = (self.target_mr, self.window, tag(self.target.address as usize));
            call!(qp.NdkBind(tag(number), mr, window, base, LENGTH as u64, flags))
        }
    }

    /// Deregisters the target, or registers it.
    pub fn toggle_target(&mut self) {
        let mr = self.target_mr;
        if self.is_target_registered {
            let status = call!(mr.NdkDeregisterMr(Some(on_request), tag(0)));
            assert!(status == STATUS_SUCCESS || status == STATUS_DEVICE_BUSY, "{status:#x}");
            self.is_target_registered = status != STATUS_SUCCESS;
        } else {
            let all = NDK_MR_FLAG_ALLOW_REMOTE_READ | NDK_MR_FLAG_ALLOW_REMOTE_WRITE;
            let (mdl, length) = (self.target.mdl(), LENGTH as u64);
            assert_eq!(call!(mr.NdkRegisterMr(mdl, length, all, Some(on_request), tag(0))), STATUS_SUCCESS);
            self.is_target_registered = true;
        }
    }

    /// A request did what it was to do.
    pub fn succeed(&mut self, posted: &Posted) {
        assert!(!posted.is_bad, "{posted:?} succeeded");
        match &posted.effect {
            Effect::Nothing => {}
            Effect::Written(range, data) => self.target_shadow.put(&[*range], data),
            Effect::Read(ranges, data) => self.sink_shadow.put(ranges, data),
            Effect::Message(data) => {
                let received = self.received.pop_front().expect("a receive for each message");
                assert_eq!(received.bytes, data.len());
                self.target_shadow.put(&received.ranges, data);
            }
        }
    }

    /// A request was given up; it may have begun, unless it was bad.
    pub fn fail(&mut self, posted: &Posted) {
        if posted.is_bad {
            return;
        }
        match &posted.effect {
            Effect::Nothing => {}
            Effect::Written(range, _) => self.target_shadow.taint(&[*range]),
            Effect::Read(ranges, _) => self.sink_shadow.taint(ranges),
            Effect::Message(_) => {
                // It may have begun to fill the receive that the next message got, or will get.
                let next = self.received.front().map(|it| &it.ranges).or(self.waiting.front().map(|it| &it.ranges));
                if let Some(ranges) = next {
                    self.target_shadow.taint(ranges);
                }
            }
        }
    }

    /// A receive was given up; a message may have begun to fill it, before or after other requests of the same poll.
    pub fn fail_receive(&mut self, waiting: Waiting) {
        if !waiting.is_bad {
            self.given_up.push(waiting);
        }
    }

    /// All completions of a poll were looked at.
    pub fn end_poll(&mut self) {
        for waiting in std::mem::take(&mut self.given_up) {
            self.target_shadow.taint(&waiting.ranges);
        }
    }

    /// Memory is as it must be. Nothing is under way.
    pub fn check(&mut self) {
        self.sink_shadow.check(&self.sink);
        self.target_shadow.check(&self.target);
        assert!(self.source.is_intact() && self.source.read() == self.source_bytes);
        assert!(self.store.is_intact() && self.store.read() == self.store_bytes);
    }

    pub fn close(mut self, adapter: *mut NDK_ADAPTER) {
        let window = self.window;
        assert_eq!(crate::support::consumer::close!(window.NdkCloseMw, 1), STATUS_SUCCESS);
        for mr in [self.source_mr, self.sink_mr, self.target_mr, self.store_mr, self.fast_mr] {
            assert_eq!(crate::support::consumer::close!(mr.NdkCloseMr, 1), STATUS_SUCCESS);
        }
        call!(adapter.NdkReleaseLAM(self.lam.as_mut_ptr().cast()));
    }
}

const FAST_BASE: u64 = 0x7_0000_0000;

/// Statuses that a failed request can have without a fault of its own being known here.
pub fn can_fail_with(kind: i32, status: NTSTATUS) -> bool {
    match kind {
        _NDK_OPERATION_TYPE::NdkOperationTypeSend => {
            [STATUS_ACCESS_VIOLATION, STATUS_REMOTE_RESOURCES, STATUS_IO_TIMEOUT].contains(&status)
        }
        _NDK_OPERATION_TYPE::NdkOperationTypeRead | _NDK_OPERATION_TYPE::NdkOperationTypeWrite => {
            status == STATUS_ACCESS_VIOLATION
        }
        _ => [STATUS_ACCESS_VIOLATION, STATUS_INVALID_DEVICE_REQUEST].contains(&status),
    }
}
