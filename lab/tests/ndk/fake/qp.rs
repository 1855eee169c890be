//! Queue pairs and shared receive queues of the fake: every request is carried out whole by a job.

use super::cq::Kind;
use super::defects::{Defect, is};
use super::{Data, Fake, Ptr, fake};
use ndis_sys::evt;
use ndis_sys::ndk::_NDK_OPERATION_TYPE as ops;
use ndis_sys::ndk::status::*;
use ndis_sys::ndk::*;
use std::collections::VecDeque;
use wdk_sys::*;

pub const MAX_DEPTH: u32 = 256;
pub const MAX_SGE: u32 = 4;
pub const MAX_INLINE: u32 = 128;

pub struct Receive {
    context: usize,
    sges: Vec<NDK_SGE>,
}

pub enum Work {
    Send { solicited: bool, invalidate: Option<u32> },
    Write { address: u64, token: u32 },
    Read { address: u64, token: u32 },
    Bind { mr: Ptr, mw: Ptr, token: u32, address: u64, len: u64 },
    FastRegister { mr: Ptr, pages: Vec<u64>, offset: u32, len: u64, base: u64 },
    Invalidate(Ptr),
}

pub struct Request {
    context: usize,
    flags: u32,
    sges: Vec<NDK_SGE>,
    /// Of an inline request, as posted.
    data: Option<Vec<u8>>,
    work: Work,
}

#[derive(Default)]
pub struct Qp {
    pub pd: Ptr,
    pub rcq: Ptr,
    pub cq: Ptr,
    pub srq: Option<Ptr>,
    pub context: usize,
    pub receive_depth: usize,
    pub depth: usize,
    pub receive_sge: usize,
    pub sge: usize,
    pub inline: usize,
    /// The other side while connected.
    pub peer: Option<Ptr>,
    pub receives: VecDeque<Receive>,
    pub requests: VecDeque<Request>,
}

pub struct Srq {
    depth: usize,
    threshold: usize,
    receives: VecDeque<Receive>,
    function: usize,
    context: usize,
    told: bool,
}

impl Srq {
    pub fn new(depth: u32, threshold: u32, function: usize, context: PVOID) -> Srq {
        let receives = VecDeque::new();
        let (depth, threshold) = (depth as usize, threshold as usize);
        Srq { depth, threshold, receives, function, context: context as usize, told: false }
    }
}

fn list(sges: *const NDK_SGE, count: ULONG) -> Vec<NDK_SGE> {
    // SAFETY: the consumer's array of `count` elements.
    (0..count as usize).map(|i| unsafe { *sges.add(i) }).collect()
}

fn gather(pieces: &[(usize, usize)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (host, len) in pieces {
        // SAFETY: pieces were cut from registered memory, which the consumer keeps.
        bytes.extend_from_slice(unsafe { std::slice::from_raw_parts(*host as *const u8, *len) });
    }
    bytes
}

fn scatter(pieces: &[(usize, usize)], mut bytes: &[u8]) {
    for (host, len) in pieces {
        let take = bytes.len().min(*len);
        // SAFETY: as for `gather`, writable.
        unsafe { (*host as *mut u8).copy_from_nonoverlapping(bytes.as_ptr(), take) };
        bytes = &bytes[take..];
    }
}

impl Fake {
    pub fn qps(&self) -> Vec<Ptr> {
        self.objects.iter().filter(|(_, o)| matches!(o.data, Data::Qp(_))).map(|(ptr, _)| *ptr).collect()
    }

    pub fn qp(&mut self, ptr: Ptr) -> Option<&mut Qp> {
        match &mut self.objects.get_mut(&ptr)?.data {
            Data::Qp(qp) => Some(qp),
            _ => None,
        }
    }

    pub fn srq(&mut self, ptr: Ptr) -> Option<&mut Srq> {
        match &mut self.objects.get_mut(&ptr)?.data {
            Data::Srq(srq) => Some(srq),
            _ => None,
        }
    }

    fn pieces(&self, pd: Ptr, sges: &[NDK_SGE], write: bool) -> Option<Vec<(usize, usize)>> {
        let mut pieces = Vec::new();
        for sge in sges {
            pieces.extend(self.local(pd, sge, write)?);
        }
        Some(pieces)
    }

    fn result(&mut self, qp: Ptr, status: NTSTATUS, context: usize, kind: NDK_OPERATION_TYPE) -> NDK_RESULT_EX {
        let wrong = usize::from(is(Defect::WrongQpContext));
        NDK_RESULT_EX {
            Status: status,
            QPContext: (self.qp(qp).map_or(0, |qp| qp.context) + wrong) as PVOID,
            RequestContext: context as PVOID,
            Type: kind,
            ..Default::default()
        }
    }

    /// Carries out what can be.
    fn run(&mut self, ptr: Ptr) {
        while self.execute(ptr).is_some() {}
    }

    fn execute(&mut self, ptr: Ptr) -> Option<()> {
        let qp = self.qp(ptr)?;
        let (pd, cq) = (qp.pd, qp.cq);
        let peer = qp.peer?;
        let deferred = is(Defect::NeverDeferred) && qp.requests.front()?.flags & NDK_OP_FLAG_DEFER != 0;
        if deferred {
            return None;
        }
        let front = qp.requests.front()?;
        let waits = matches!(front.work, Work::Send { .. }) && !self.can_receive(peer);
        if waits && !is(Defect::SendsToNobody) {
            return None;
        }
        let backwards = is(Defect::Backwards);
        let qp = self.qp(ptr)?;
        let request = if backwards && !waits { qp.requests.pop_back()? } else { qp.requests.pop_front()? };
        let kind = kind_of(&request.work);
        let status = if waits { STATUS_SUCCESS } else { self.carry_out(pd, peer, &request) };
        let silent = request.flags & NDK_OP_FLAG_SILENT_SUCCESS != 0 && !is(Defect::SilentIsLoud);
        if status != STATUS_SUCCESS || !silent {
            let result = self.result(ptr, status, request.context, kind);
            self.place(cq, result, if status == STATUS_SUCCESS { Kind::Plain } else { Kind::Failed });
        }
        Some(())
    }

    fn can_receive(&mut self, peer: Ptr) -> bool {
        let Some(qp) = self.qp(peer) else { return false };
        match qp.srq {
            Some(srq) => self.srq(srq).is_some_and(|srq| !srq.receives.is_empty()),
            None => !qp.receives.is_empty(),
        }
    }

    fn carry_out(&mut self, pd: Ptr, peer: Ptr, request: &Request) -> NTSTATUS {
        let peer_pd = self.qp(peer).map_or(0, |qp| qp.pd);
        match &request.work {
            Work::Send { solicited, invalidate } => {
                let data = match &request.data {
                    Some(data) => data.clone(),
                    None => match self.pieces(pd, &request.sges, false) {
                        Some(pieces) => gather(&pieces),
                        None => return STATUS_ACCESS_VIOLATION,
                    },
                };
                self.deliver(peer, &data, *solicited, *invalidate)
            }
            Work::Write { address, token } => {
                let Some(from) = self.pieces(pd, &request.sges, false) else { return STATUS_ACCESS_VIOLATION };
                let mut data = gather(&from);
                self.count += 1;
                if (is(Defect::WrongByte) || is(Defect::WrongByteSometimes) && self.count.is_multiple_of(10))
                    && let Some(last) = data.last_mut()
                {
                    *last ^= 1;
                }
                match self.remote(peer_pd, *address, *token, data.len() as u64, true) {
                    Some(to) => scatter(&to, &data),
                    None => return STATUS_ACCESS_VIOLATION,
                }
                let unlucky = is(Defect::FailsSometimes) && self.count % 20 == 19;
                if unlucky { STATUS_IO_TIMEOUT } else { STATUS_SUCCESS }
            }
            Work::Read { address, token } => {
                let Some(to) = self.pieces(pd, &request.sges, true) else { return STATUS_ACCESS_VIOLATION };
                let len = to.iter().map(|(_, len)| *len as u64).sum();
                match self.remote(peer_pd, *address, *token, len, false) {
                    Some(from) => scatter(&to, &gather(&from)),
                    None => return STATUS_ACCESS_VIOLATION,
                }
                STATUS_SUCCESS
            }
            Work::Bind { mr, mw, token, address, len } => self.bind(*mr, *mw, *token, *address, *len, request.flags),
            Work::FastRegister { mr, pages, offset, len, base } => {
                self.fast_register(*mr, pages, *offset, *len, *base, request.flags)
            }
            Work::Invalidate(object) => self.invalidate(*object),
        }
    }

    fn deliver(&mut self, peer: Ptr, data: &[u8], solicited: bool, invalidate: Option<u32>) -> NTSTATUS {
        let Some(qp) = self.qp(peer) else { return STATUS_CANCELLED };
        let (pd, cq, srq) = (qp.pd, qp.rcq, qp.srq);
        let receive = match srq {
            Some(srq) => self.take_shared(srq),
            None => self.qp(peer).and_then(|qp| qp.receives.pop_front()),
        };
        let Some(receive) = receive else { return STATUS_CANCELLED };
        let room: usize = receive.sges.iter().map(|s| s.Length as usize).sum();
        let pieces = self.pieces(pd, &receive.sges, true);
        let status = match &pieces {
            None => STATUS_ACCESS_VIOLATION,
            Some(_) if room < data.len() && !is(Defect::ShortIsFine) => STATUS_DATA_OVERRUN,
            Some(pieces) => {
                scatter(pieces, data);
                STATUS_SUCCESS
            }
        };
        let mut kind = ops::NdkOperationTypeReceive;
        let mut output = 0;
        if let Some(token) = invalidate {
            self.invalidate_token(token);
            if !is(Defect::InvalidatesQuietly) {
                (kind, output) = (ops::NdkOperationTypeReceiveAndInvalidate, token);
            }
        }
        let mut result = self.result(peer, status, receive.context, kind);
        result.BytesTransferred = data.len() as u32;
        result.TypeSpecificCompletionOutput = output.into();
        let class = match status {
            STATUS_SUCCESS if solicited => Kind::Solicited,
            STATUS_SUCCESS => Kind::Plain,
            _ => Kind::Failed,
        };
        self.place(cq, result, class);
        if status == STATUS_SUCCESS { status } else { STATUS_INVALID_BUFFER_SIZE }
    }

    fn take_shared(&mut self, ptr: Ptr) -> Option<Receive> {
        let srq = self.srq(ptr)?;
        let receive = if is(Defect::SharedBackwards) { srq.receives.pop_back() } else { srq.receives.pop_front() };
        let early = usize::from(is(Defect::ThresholdEarly)) * 4;
        if srq.receives.len() < srq.threshold + early && !srq.told {
            srq.told = true;
            let (function, context) = (srq.function, srq.context);
            let status = if is(Defect::SrqStatus) { STATUS_PENDING } else { STATUS_SUCCESS };
            self.hold(ptr);
            self.job(move || {
                super::cq::notify(function, context, status);
                fake().release(ptr);
            });
        }
        receive
    }

    /// Ends everything pending on a QP.
    pub fn flush(&mut self, ptr: Ptr) {
        let Some(qp) = self.qp(ptr) else { return };
        let (rcq, cq, srq) = (qp.rcq, qp.cq, qp.srq);
        let mut receives = std::mem::take(&mut qp.receives);
        let requests = std::mem::take(&mut qp.requests);
        if let Some(srq) = srq
            && is(Defect::FlushesShared)
            && let Some(srq) = self.srq(srq)
        {
            receives.append(&mut srq.receives);
        }
        let status = if is(Defect::FlushSucceeds) { STATUS_SUCCESS } else { STATUS_CANCELLED };
        for receive in receives {
            let result = self.result(ptr, status, receive.context, ops::NdkOperationTypeReceive);
            self.place(rcq, result, Kind::Failed);
        }
        for request in requests {
            let result = self.result(ptr, status, request.context, kind_of(&request.work));
            self.place(cq, result, Kind::Failed);
        }
    }

    pub fn close_qp(&mut self, ptr: Ptr) {
        if is(Defect::FlushesLate) {
            let Some(qp) = self.qp(ptr) else { return };
            let (cq, count) = (qp.rcq, qp.receives.len());
            qp.receives.clear();
            let results: Vec<_> =
                (0..count).map(|_| self.result(ptr, STATUS_CANCELLED, 0, ops::NdkOperationTypeReceive)).collect();
            let at = lab_kernel::cpu::now() + std::time::Duration::from_micros(100);
            lab_kernel::cpu::set_timer(at, move || {
                results.into_iter().for_each(|result| fake().place(cq, result, Kind::Failed));
            });
            return;
        }
        self.flush(ptr);
    }

    /// Queues an initiator request.
    fn post(&mut self, ptr: Ptr, mut request: Request) -> NTSTATUS {
        let asleep = self.asleep;
        let Some(qp) = self.qp(ptr) else { return STATUS_INVALID_PARAMETER };
        let inline = request.flags & NDK_OP_FLAG_INLINE != 0;
        let bytes: usize = request.sges.iter().map(|s| s.Length as usize).sum();
        if is(Defect::RefusesPosts) {
            return STATUS_DEVICE_NOT_READY;
        }
        if (qp.peer.is_none() || asleep) && !is(Defect::PostsAnywhere) {
            return STATUS_CONNECTION_INVALID;
        }
        let limited = !is(Defect::NoQueueLimits);
        let (full, many) = (qp.requests.len() >= qp.depth, request.sges.len() > qp.sge && !inline);
        let long = inline && bytes > qp.inline && !is(Defect::InlineAnyLength);
        if limited && (full || many) || long {
            if is(Defect::NeverDeferred) {
                return STATUS_INSUFFICIENT_RESOURCES;
            }
            self.run(ptr);
            return if full { STATUS_INSUFFICIENT_RESOURCES } else { STATUS_INVALID_PARAMETER };
        }
        let pd = qp.pd;
        if inline && !is(Defect::InlineLater) {
            // Inline data is at any address of the consumer: in the lab, of a buffer that is registered.
            request.data = self.inline_data(&request.sges);
        }
        if is(Defect::FenceIgnored) && matches!(request.work, Work::Send { .. }) && request.data.is_none() {
            request.data = self.pieces(pd, &request.sges, false).map(|pieces| gather(&pieces));
        }
        if let Work::Bind { mw, token, .. } = &mut request.work {
            *token = self.stage_bind(*mw);
        }
        if let Some(qp) = self.qp(ptr) {
            qp.requests.push_back(request);
        }
        self.hold(ptr);
        self.job(move || {
            let mut fake = fake();
            fake.run(ptr);
            fake.release(ptr);
        });
        STATUS_SUCCESS
    }

    fn inline_data(&self, sges: &[NDK_SGE]) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for sge in sges {
            // SAFETY: pool memory of the consumer, whose virtual address is the host's.
            let address = unsafe { sge.anon.VirtualAddress } as usize;
            bytes.extend(gather(&[(address, sge.Length as usize)]));
        }
        Some(bytes)
    }

    fn posted_receive(&mut self, ptr: Ptr) {
        // Whoever sends to this QP may go on.
        let senders: Vec<_> = self.qps();
        for sender in senders {
            let peer = self.qp(sender).and_then(|qp| qp.peer);
            let shares = peer.is_some_and(|p| p == ptr || self.qp(p).is_some_and(|qp| qp.srq == Some(ptr)));
            if shares {
                self.run(sender);
            }
        }
    }
}

fn kind_of(work: &Work) -> NDK_OPERATION_TYPE {
    match work {
        Work::Send { .. } => ops::NdkOperationTypeSend,
        Work::Write { .. } => ops::NdkOperationTypeWrite,
        Work::Read { .. } => ops::NdkOperationTypeRead,
        Work::Bind { .. } => ops::NdkOperationTypeBind,
        Work::FastRegister { .. } => ops::NdkOperationTypeFastRegister,
        Work::Invalidate(_) => ops::NdkOperationTypeInvalidate,
    }
}

fn post(qp: *mut NDK_QP, context: PVOID, sges: Vec<NDK_SGE>, flags: ULONG, work: Work) -> NTSTATUS {
    fake().post(qp as Ptr, Request { context: context as usize, flags, sges, data: None, work })
}

evt! {
    pub unsafe fn send(qp: *mut NDK_QP, context: PVOID, sges: *const NDK_SGE, count: ULONG, flags: ULONG) -> NTSTATUS {
        let solicited = flags & NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT != 0;
        post(qp, context, list(sges, count), flags, Work::Send { solicited, invalidate: None })
    }
}

evt! {
    pub unsafe fn send_and_invalidate(
        qp: *mut NDK_QP, context: PVOID, sges: *const NDK_SGE, count: ULONG, flags: ULONG, token: UINT32,
    ) -> NTSTATUS {
        let solicited = flags & NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT != 0;
        post(qp, context, list(sges, count), flags, Work::Send { solicited, invalidate: Some(token) })
    }
}

evt! {
    pub unsafe fn write(
        qp: *mut NDK_QP, context: PVOID, sges: *const NDK_SGE, count: ULONG, address: UINT64, token: UINT32, flags: ULONG,
    ) -> NTSTATUS {
        post(qp, context, list(sges, count), flags, Work::Write { address, token })
    }
}

evt! {
    pub unsafe fn read(
        qp: *mut NDK_QP, context: PVOID, sges: *const NDK_SGE, count: ULONG, address: UINT64, token: UINT32, flags: ULONG,
    ) -> NTSTATUS {
        post(qp, context, list(sges, count), flags, Work::Read { address, token })
    }
}

evt! {
    pub unsafe fn bind(
        qp: *mut NDK_QP, context: PVOID, mr: *mut NDK_MR, mw: *mut NDK_MW, address: PVOID, len: SIZE_T, flags: ULONG,
    ) -> NTSTATUS {
        let work = Work::Bind { mr: mr as Ptr, mw: mw as Ptr, token: 0, address: address as u64, len };
        post(qp, context, Vec::new(), flags, work)
    }
}

evt! {
    pub unsafe fn fast_register(
        qp: *mut NDK_QP, context: PVOID, mr: *mut NDK_MR, count: ULONG, pages: *const NDK_LOGICAL_ADDRESS, offset: ULONG,
        len: SIZE_T, base: PVOID, flags: ULONG,
    ) -> NTSTATUS {
        // SAFETY: the consumer's array; PHYSICAL_ADDRESS is a 64-bit number.
        let pages = (0..count as usize).map(|i| unsafe { (*pages.add(i)).QuadPart } as u64).collect();
        let work = Work::FastRegister { mr: mr as Ptr, pages, offset, len, base: base as u64 };
        post(qp, context, Vec::new(), flags, work)
    }
}

evt! {
    pub unsafe fn invalidate(qp: *mut NDK_QP, context: PVOID, object: *mut NDK_OBJECT_HEADER, flags: ULONG) -> NTSTATUS {
        post(qp, context, Vec::new(), flags, Work::Invalidate(object as Ptr))
    }
}

evt! {
    pub unsafe fn receive(qp: *mut NDK_QP, context: PVOID, sges: *const NDK_SGE, count: ULONG) -> NTSTATUS {
        let ptr = qp as Ptr;
        let mut fake = fake();
        let Some(qp) = fake.qp(ptr) else { return STATUS_INVALID_PARAMETER };
        if (qp.receives.len() >= qp.receive_depth || count as usize > qp.receive_sge) && !is(Defect::NoQueueLimits) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        qp.receives.push_back(Receive { context: context as usize, sges: list(sges, count) });
        fake.posted_receive(ptr);
        STATUS_SUCCESS
    }
}

evt! {
    pub unsafe fn flush(qp: *mut NDK_QP) {
        fake().flush(qp as Ptr);
    }
}

evt! {
    pub unsafe fn srq_receive(srq: *mut NDK_SRQ, context: PVOID, sges: *const NDK_SGE, count: ULONG) -> NTSTATUS {
        let mut fake = fake();
        let Some(this) = fake.srq(srq as Ptr) else { return STATUS_INVALID_PARAMETER };
        if this.receives.len() >= this.depth && !is(Defect::SharedUnlimited) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        this.receives.push_back(Receive { context: context as usize, sges: list(sges, count) });
        if this.receives.len() >= this.threshold {
            this.told = false;
        }
        fake.posted_receive(srq as Ptr);
        STATUS_SUCCESS
    }
}

evt! {
    pub unsafe fn modify_srq(
        srq: *mut NDK_SRQ, depth: ULONG, threshold: ULONG, done: NDK_FN_REQUEST_COMPLETION, context: PVOID,
    ) -> NTSTATUS {
        if depth > MAX_DEPTH && !is(Defect::NoLimits) {
            return STATUS_INVALID_PARAMETER;
        }
        let mut fake = fake();
        if let Some(this) = fake.srq(srq as Ptr) {
            (this.depth, this.threshold) = (depth as usize, threshold as usize);
        }
        super::later(&mut fake, srq as Ptr, done, context, STATUS_SUCCESS)
    }
}
