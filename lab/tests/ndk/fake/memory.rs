//! Regions, windows, mappings and tokens of the fake.

use super::defects::{Defect, is};
use super::{Data, Fake, Ptr, fake};
use lab_kernel::mdl;
use ndis_sys::evt;
use ndis_sys::ndk::status::*;
use ndis_sys::ndk::*;
use std::collections::HashMap;
use wdk_sys::*;

pub const MAX_PAGES: u32 = 64;
const PAGE: u64 = 4096;
pub const PRIVILEGED: u32 = 1;

/// Bytes of this process that a range of a consumer's addresses stands for.
#[derive(Clone, Default)]
pub struct Span {
    base: u64,
    /// Host address and length, in order.
    pieces: Vec<(usize, usize)>,
}

impl Span {
    fn len(&self) -> u64 {
        self.pieces.iter().map(|(_, len)| *len as u64).sum()
    }

    /// The pieces of `len` bytes at an address, if all are inside.
    fn cut(&self, address: u64, len: u64) -> Option<Vec<(usize, usize)>> {
        let slack = u64::from(is(Defect::BoundsByOne));
        let mut at = address.wrapping_sub(self.base);
        if slack > 0 && at == u64::MAX {
            at = 0;
        }
        let end = at.checked_add(len).filter(|end| *end <= self.len() + slack)?;
        let (mut cut, mut start) = (Vec::new(), 0);
        for (host, size) in &self.pieces {
            let (low, high) = (at.max(start), end.min(start + *size as u64));
            if low < high {
                cut.push((host + (low - start) as usize, (high - low) as usize));
            }
            start += *size as u64;
        }
        Some(cut)
    }
}

#[derive(Default)]
pub struct Mr {
    pd: Ptr,
    fast: bool,
    remote_allowed: bool,
    span: Option<Span>,
    flags: u32,
    local: u32,
    remote: u32,
}

pub struct Mw {
    pd: Ptr,
    span: Option<Span>,
    flags: u32,
    /// Of the bind that was posted last.
    token: u32,
    /// Of the bind that holds.
    bound: u32,
    region: Ptr,
}

#[derive(Default)]
pub struct Memory {
    /// Region or window of a token; true if it is a remote one.
    tokens: HashMap<u32, (Ptr, bool)>,
    next: u32,
    lams: HashMap<u64, Span>,
}

impl Mr {
    pub fn new(pd: Ptr, fast: bool) -> Mr {
        Mr { pd, fast, ..Mr::default() }
    }
}

impl Mw {
    pub fn new(pd: Ptr) -> Mw {
        Mw { pd, span: None, flags: 0, token: 0, bound: 0, region: 0 }
    }
}

/// The bytes of a chain, mapped if they were not.
fn span(mdl: *mut MDL, len: u64) -> Result<Span, NTSTATUS> {
    let (mut pieces, mut left, mut base, mut next) = (Vec::new(), len, None, mdl);
    let mut expected = 0;
    let mut torn = false;
    while left > 0 && !next.is_null() {
        // SAFETY: the consumer's chain.
        let list = unsafe { *next };
        let address = list.StartVa as u64 + u64::from(list.ByteOffset);
        torn |= base.is_some() && address != expected;
        base.get_or_insert(address);
        expected = address + u64::from(list.ByteCount);
        let host = if list.MdlFlags & 5 != 0 {
            list.MappedSystemVa as usize
        } else {
            mdl::map(next as usize, 0, 0, false, 0x4000_0010)
        };
        let take = left.min(u64::from(list.ByteCount));
        pieces.push((host, take as usize));
        left -= take;
        next = list.Next;
    }
    if (torn || left > 0) && !is(Defect::AnyChain) {
        return Err(STATUS_INVALID_PARAMETER);
    }
    Ok(Span { base: base.unwrap_or(0), pieces })
}

impl Fake {
    fn mr(&mut self, ptr: Ptr) -> Option<&mut Mr> {
        match &mut self.objects.get_mut(&ptr)?.data {
            Data::Mr(mr) => Some(mr),
            _ => None,
        }
    }

    fn mw(&mut self, ptr: Ptr) -> Option<&mut Mw> {
        match &mut self.objects.get_mut(&ptr)?.data {
            Data::Mw(mw) => Some(mw),
            _ => None,
        }
    }

    fn token(&mut self, ptr: Ptr, remote: bool) -> u32 {
        let same = is(Defect::SameTokens) && self.memory.next > 0x1000;
        self.memory.next = self.memory.next.max(0x1000) + u32::from(!same);
        let token = self.memory.next;
        self.memory.tokens.insert(token, (ptr, remote));
        token
    }

    pub fn deregister(&mut self, ptr: Ptr) {
        let Some(mr) = self.mr(ptr) else { return };
        let (local, remote) = (mr.local, mr.remote);
        if is(Defect::TokensLive) {
            return;
        }
        mr.span = None;
        self.memory.tokens.remove(&local);
        self.memory.tokens.remove(&remote);
    }

    pub fn unbind(&mut self, ptr: Ptr) -> bool {
        let Some(mw) = self.mw(ptr) else { return false };
        let (token, bound) = (mw.bound, mw.span.take().is_some());
        self.memory.tokens.remove(&token);
        bound
    }

    /// What an SGE names, with the right to read it or to write it.
    pub fn local(&self, pd: Ptr, sge: &NDK_SGE, write: bool) -> Option<Vec<(usize, usize)>> {
        // SAFETY: either view of the union is a 64-bit number.
        let address = unsafe { sge.anon.VirtualAddress } as u64;
        if sge.Length == 0 {
            return Some(Vec::new());
        }
        if sge.MemoryRegionToken == PRIVILEGED {
            let mut pieces = self.memory.lams.values().find_map(|span| span.cut(address, sge.Length.into()))?;
            if is(Defect::PrivilegedTwisted) {
                let (host, len) = pieces[0];
                pieces = vec![(host + len / 2, len / 2), (host, len - len / 2)];
            }
            return Some(pieces);
        }
        let (ptr, remote) = *self.memory.tokens.get(&sge.MemoryRegionToken)?;
        let Data::Mr(mr) = &self.objects.get(&ptr)?.data else { return None };
        let right = !write || mr.flags & NDK_MR_FLAG_ALLOW_LOCAL_WRITE != 0 || is(Defect::NoRights);
        let own = mr.pd == pd || is(Defect::AnyDomain);
        (right && own && !remote).then_some(())?;
        mr.span.as_ref()?.cut(address, sge.Length.into())
    }

    /// What a peer's request names.
    pub fn remote(&self, pd: Ptr, address: u64, token: u32, len: u64, write: bool) -> Option<Vec<(usize, usize)>> {
        if len == 0 {
            return Some(Vec::new());
        }
        let (ptr, remote) = *self.memory.tokens.get(&token)?;
        let (span, flags, of) = match &self.objects.get(&ptr)?.data {
            Data::Mr(mr) => (mr.span.as_ref()?, mr.flags, mr.pd),
            Data::Mw(mw) if mw.bound == token && self.objects.contains_key(&mw.region) => {
                (mw.span.as_ref()?, mw.flags, mw.pd)
            }
            _ => return None,
        };
        let right = if write { NDK_MR_FLAG_ALLOW_REMOTE_WRITE } else { NDK_MR_FLAG_ALLOW_REMOTE_READ };
        let allowed = flags & right == right || is(Defect::NoRights);
        (remote && allowed && (of == pd || is(Defect::AnyDomain))).then_some(())?;
        span.cut(address, len)
    }

    pub fn bind(&mut self, mr: Ptr, mw: Ptr, token: u32, address: u64, len: u64, flags: u32) -> NTSTATUS {
        let Some(region) = self.mr(mr) else { return STATUS_ACCESS_VIOLATION };
        let Some(span) = region.span.clone() else { return STATUS_ACCESS_VIOLATION };
        let rights = op_rights(flags);
        if rights & 4 != 0 && region.flags & 1 == 0 && !is(Defect::WindowWidens) {
            return STATUS_ACCESS_VIOLATION;
        }
        let Some(pieces) = span.cut(address, len) else { return STATUS_ACCESS_VIOLATION };
        let span = if is(Defect::WindowIsRegion) { span } else { Span { base: address, pieces } };
        if let Some(window) = self.mw(mw) {
            (window.span, window.flags) = (Some(span), rights);
            (window.bound, window.region) = (token, mr);
        }
        STATUS_SUCCESS
    }

    /// The token that a bind will make valid.
    pub fn stage_bind(&mut self, mw: Ptr) -> u32 {
        let token = self.token(mw, true);
        if let Some(window) = self.mw(mw) {
            window.token = token;
        }
        token
    }

    pub fn fast_register(&mut self, mr: Ptr, pages: &[u64], offset: u32, len: u64, base: u64, flags: u32) -> NTSTATUS {
        let rights = op_rights(flags);
        let mut pieces = Vec::new();
        let (mut left, mut skip) = (len, u64::from(offset));
        for page in pages {
            let take = left.min(PAGE - skip);
            // A logical address of the fake is the host's.
            pieces.push(((page + skip) as usize, take as usize));
            (left, skip) = (left - take, 0);
        }
        let Some(region) = self.mr(mr) else { return STATUS_ACCESS_VIOLATION };
        if rights & 6 != 0 && !region.remote_allowed && !is(Defect::FastUnlimited) {
            return STATUS_ACCESS_VIOLATION;
        }
        region.flags = rights;
        region.span = Some(Span { base, pieces });
        let token = self.token(mr, true);
        if let Some(region) = self.mr(mr) {
            region.remote = token;
        }
        STATUS_SUCCESS
    }

    /// Ends a window's or a fast region's token.
    pub fn invalidate(&mut self, ptr: Ptr) -> NTSTATUS {
        if matches!(self.objects.get(&ptr).map(|o| &o.data), Some(Data::Mr(_))) {
            if !is(Defect::FastStays) {
                self.deregister(ptr);
            }
            return STATUS_SUCCESS;
        }
        if self.unbind(ptr) { STATUS_SUCCESS } else { STATUS_INVALID_DEVICE_REQUEST }
    }

    pub fn invalidate_token(&mut self, token: u32) {
        if let Some((ptr, _)) = self.memory.tokens.get(&token).copied() {
            self.invalidate(ptr);
        }
    }
}

/// NDK_OP_FLAG_ALLOW_* as NDK_MR_FLAG_ALLOW_*.
fn op_rights(flags: u32) -> u32 {
    let read = if flags & NDK_OP_FLAG_ALLOW_REMOTE_READ != 0 { NDK_MR_FLAG_ALLOW_REMOTE_READ } else { 0 };
    let local = if flags & NDK_OP_FLAG_ALLOW_LOCAL_WRITE != 0 { NDK_MR_FLAG_ALLOW_LOCAL_WRITE } else { 0 };
    let write = if flags & 0x20 != 0 { NDK_MR_FLAG_ALLOW_REMOTE_WRITE } else { 0 };
    read | local | write
}

evt! {
    pub unsafe fn register(
        mr: *mut NDK_MR, mdl: *mut MDL, len: SIZE_T, flags: ULONG, done: NDK_FN_REQUEST_COMPLETION, context: PVOID,
    ) -> NTSTATUS {
        let ptr = mr as Ptr;
        let span = match span(mdl, len) {
            Ok(span) => span,
            Err(status) => return status,
        };
        let mut fake = fake();
        let (local, remote) = (fake.token(ptr, false), fake.token(ptr, true));
        if let Some(mr) = fake.mr(ptr) {
            mr.span = Some(span);
            (mr.flags, mr.local, mr.remote) = (flags, local, remote);
        }
        super::later(&mut fake, ptr, done, context, STATUS_SUCCESS)
    }
}

evt! {
    pub unsafe fn deregister(mr: *mut NDK_MR, _done: NDK_FN_REQUEST_COMPLETION, _context: PVOID) -> NTSTATUS {
        fake().deregister(mr as Ptr);
        STATUS_SUCCESS
    }
}

evt! {
    pub unsafe fn initialize_fast(
        mr: *mut NDK_MR, pages: ULONG, remote: BOOLEAN, done: NDK_FN_REQUEST_COMPLETION, context: PVOID,
    ) -> NTSTATUS {
        if pages > MAX_PAGES && !is(Defect::FastUnlimited) {
            return STATUS_IMPLEMENTATION_LIMIT;
        }
        let mut fake = fake();
        if let Some(mr) = fake.mr(mr as Ptr) {
            mr.remote_allowed = remote != 0 && mr.fast;
        }
        super::later(&mut fake, mr as Ptr, done, context, STATUS_SUCCESS)
    }
}

evt! {
    pub unsafe fn local_token(mr: *mut NDK_MR) -> UINT32 {
        fake().mr(mr as Ptr).map_or(0, |mr| mr.local)
    }
}

evt! {
    pub unsafe fn remote_token(mr: *mut NDK_MR) -> UINT32 {
        fake().mr(mr as Ptr).map_or(0, |mr| mr.remote)
    }
}

evt! {
    pub unsafe fn window_token(mw: *mut NDK_MW) -> UINT32 {
        fake().mw(mw as Ptr).map_or(0, |mw| mw.token)
    }
}

evt! {
    pub unsafe fn privileged(_pd: *mut NDK_PD, token: *mut UINT32) {
        // SAFETY: the consumer's out parameter.
        unsafe { *token = PRIVILEGED };
    }
}

evt! {
    pub unsafe fn build_lam(
        _adapter: *mut NDK_ADAPTER, mdl: *mut MDL, len: SIZE_T, _done: NDK_FN_REQUEST_COMPLETION, _context: PVOID,
        lam: *mut NDK_LOGICAL_ADDRESS_MAPPING, size: *mut ULONG, offset: *mut ULONG,
    ) -> NTSTATUS {
        let mut span = match span(mdl, len) {
            Ok(span) => span,
            Err(status) => return status,
        };
        let first = span.pieces[0].0 as u64;
        let pages = (first % PAGE + len).div_ceil(PAGE);
        let required = (16 + 8 * pages) as u32;
        // SAFETY: the consumer's buffer, which holds what `size` says, and its out parameters.
        unsafe {
            if *size < required {
                *size = required;
                return STATUS_BUFFER_TOO_SMALL;
            }
            (*lam).AdapterContext = first as PVOID;
            (*lam).AdapterPageCount = pages as u32;
            let addresses = (&raw mut (*lam).AdapterPageArray).cast::<u64>();
            for page in 0..pages {
                addresses.add(page as usize).write(first - first % PAGE + page * PAGE);
            }
            *offset = (first % PAGE) as u32 + u32::from(is(Defect::LamOffset));
        }
        span.base = first;
        span.pieces = vec![(first as usize, len as usize)];
        fake().memory.lams.insert(first, span);
        STATUS_SUCCESS
    }
}

evt! {
    pub unsafe fn release_lam(_adapter: *mut NDK_ADAPTER, lam: *mut NDK_LOGICAL_ADDRESS_MAPPING) {
        // SAFETY: the consumer's mapping.
        let first = unsafe { (*lam).AdapterContext } as u64;
        fake().memory.lams.remove(&first);
    }
}
