//! A connected pair with memory, and the requests that move it.

use super::{
    consumer::{Pair, call, close, local_token, registered, sge, tag},
    memory::Buffer,
};
use ndis_sys::ndk::*;
use wdk_sys::*;

pub const MIB: usize = 1 << 20;
pub const ALL: u32 = NDK_MR_FLAG_ALLOW_REMOTE_READ | NDK_MR_FLAG_ALLOW_REMOTE_WRITE;

pub fn send(qp: *mut NDK_QP, number: usize, sges: &[NDK_SGE], flags: u32) -> NTSTATUS {
    call!(qp.NdkSend(tag(number), sges.as_ptr(), sges.len() as u32, flags))
}

pub fn receive(qp: *mut NDK_QP, number: usize, sges: &[NDK_SGE]) -> NTSTATUS {
    call!(qp.NdkReceive(tag(number), sges.as_ptr(), sges.len() as u32))
}

pub fn write(qp: *mut NDK_QP, number: usize, sges: &[NDK_SGE], address: u64, token: u32, flags: u32) -> NTSTATUS {
    call!(qp.NdkWrite(tag(number), sges.as_ptr(), sges.len() as u32, address, token, flags))
}

pub fn read(qp: *mut NDK_QP, number: usize, sges: &[NDK_SGE], address: u64, token: u32, flags: u32) -> NTSTATUS {
    call!(qp.NdkRead(tag(number), sges.as_ptr(), sges.len() as u32, address, token, flags))
}

/// A connected pair with a registered buffer on each side.
pub struct Bench {
    pub pair: Pair,
    pub buffers: [Box<Buffer>; 2],
    pub mrs: [*mut NDK_MR; 2],
}

impl Bench {
    pub fn new(length: usize, flags: u32) -> Bench {
        let pair = Pair::new();
        let mut buffers = [0x11_0000_0123, 0x22_0000_0ff0].map(|address| Buffer::new(length, address));
        let mrs = [0, 1].map(|side| registered(pair.pds[side], &mut buffers[side], flags));
        Bench { pair, buffers, mrs }
    }

    /// Some of a side's buffer.
    pub fn sge(&self, side: usize, from: u64, length: u32) -> NDK_SGE {
        sge(self.buffers[side].address.wrapping_add(from), length, local_token(self.mrs[side]))
    }

    pub fn close(self) {
        for mr in self.mrs {
            assert_eq!(close!(mr.NdkCloseMr, 900), STATUS_SUCCESS);
        }
        assert!(self.buffers.iter().all(|buffer| buffer.is_intact()));
        self.pair.close();
    }
}
