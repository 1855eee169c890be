//! Buffers described by MDLs, and the regions and windows over them.

use super::object::{Closing, Handle, dispatch, invoke};
use super::requests::{self, Pending, on_request};
use crate::pattern::Pattern;
use lab_kernel::mdl::{Locked, Source};
use ndis_sys::ndk::*;
use wdk_sys::{MDL, PVOID};

/// What kind of memory a buffer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Nonpaged pool: mapped in the kernel.
    Pool,
    /// Locked pages of a process, not mapped; their virtual address is an index and nothing to access.
    Process,
}

/// Virtual pages of the process that [`Memory::Process`] stands for: no memory of the lab lies there.
const PROCESS_PAGE: u64 = 0x1234_5678_9000;

/// A buffer with its MDL chain.
pub struct Buffer(Locked);

impl Buffer {
    /// Zeroed memory of `len` bytes, `offset` bytes into a page.
    pub fn new(memory: Memory, offset: usize, len: usize) -> Buffer {
        Buffer::chained(memory, offset, &[len])
    }

    /// The same with an MDL for each of `parts`.
    pub fn chained(memory: Memory, offset: usize, parts: &[usize]) -> Buffer {
        let source = match memory {
            Memory::Pool => Source::NonPagedPool,
            Memory::Process => Source::Locked(PROCESS_PAGE),
        };
        Buffer(Locked::new(source, offset, parts))
    }

    /// The same with a hole of one virtual page before the last part.
    pub fn torn(memory: Memory, parts: &[usize]) -> Buffer {
        let mut buffer = Buffer::chained(memory, 0, parts);
        buffer.0.tear();
        buffer
    }

    /// Fills it with the bytes of a seed.
    pub fn fill(&self, seed: u64) {
        let mut bytes = vec![0; self.len()];
        Pattern::new(seed).fill(&mut bytes);
        self.0.write(0, &bytes);
    }

    /// The bytes at `at`.
    pub fn bytes(&self, at: usize, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.read(at, &mut bytes);
        bytes
    }

    /// All bytes.
    pub fn contents(&self) -> Vec<u8> {
        self.bytes(0, self.len())
    }

    /// Copies bytes in.
    pub fn write(&self, at: usize, bytes: &[u8]) {
        self.0.write(at, bytes);
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The virtual address of its first byte, as the MDL says.
    pub fn address(&self) -> u64 {
        self.0.virtual_address()
    }

    /// The first MDL.
    pub(super) fn mdl(&self) -> *mut MDL {
        self.0.list() as *mut MDL
    }

    /// An SGE of these bytes under a token. The range may be outside the buffer: the provider says so.
    pub fn sge(&self, at: i64, len: u32, token: u32) -> NDK_SGE {
        let address = self.address().wrapping_add_signed(at);
        let anon = NDK_SGE_ADDRESS { VirtualAddress: address as PVOID };
        NDK_SGE { anon, Length: len, MemoryRegionToken: token }
    }
}

/// A memory region.
#[derive(Clone, Copy)]
pub struct Mr(pub(super) Handle<NDK_MR>);

impl Mr {
    /// NdkRegisterMr of the first `len` bytes.
    pub fn register(self, buffer: &Buffer, len: usize, flags: u32) -> Pending {
        let handle = self.0;
        requests::start("NdkRegisterMr", Vec::new(), None, |context| {
            dispatch!(handle, NdkRegisterMr, buffer.mdl(), len as u64, flags, Some(on_request), context)
        })
    }

    /// NdkDeregisterMr.
    pub fn deregister(self) -> Pending {
        let handle = self.0;
        requests::start("NdkDeregisterMr", Vec::new(), None, |context| {
            dispatch!(handle, NdkDeregisterMr, Some(on_request), context)
        })
    }

    /// NdkInitializeFastRegisterMr.
    pub fn initialize_fast(self, pages: u32, remote: bool) -> Pending {
        let handle = self.0;
        requests::start("NdkInitializeFastRegisterMr", Vec::new(), None, |context| {
            dispatch!(handle, NdkInitializeFastRegisterMr, pages, remote.into(), Some(on_request), context)
        })
    }

    /// NdkGetLocalTokenFromMr.
    pub fn local_token(self) -> u32 {
        invoke!(self.0, NdkGetLocalTokenFromMr)
    }

    /// NdkGetRemoteTokenFromMr.
    pub fn remote_token(self) -> u32 {
        invoke!(self.0, NdkGetRemoteTokenFromMr)
    }

    /// NdkQueryExtension for what does not exist.
    pub fn query_extension(self) {
        self.0.query_extension();
    }

    /// NdkCloseMr.
    pub fn close(self) -> Closing {
        self.0.close(Vec::new(), None)
    }
}

/// A memory window.
#[derive(Clone, Copy)]
pub struct Mw(pub(super) Handle<NDK_MW>);

impl Mw {
    /// NdkGetRemoteTokenFromMw.
    pub fn remote_token(self) -> u32 {
        invoke!(self.0, NdkGetRemoteTokenFromMw)
    }

    /// NdkQueryExtension for what does not exist.
    pub fn query_extension(self) {
        self.0.query_extension();
    }

    /// NdkCloseMw.
    pub fn close(self) -> Closing {
        self.0.close(Vec::new(), None)
    }
}
