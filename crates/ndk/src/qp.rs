//! Queue pairs: posting, flushing, and the state of a connection that requests depend on. The requests are done in
//! [`crate::transport::execute`].
//!
//! Statuses are NDKPI's where it has one, else those of the Network Direct SPI (IND2QueuePair, ND2_RESULT), whose
//! kernel-mode twin NDKPI is.

use crate::{
    connector::Connector,
    cq::{Completion, Cq, Placed},
    engine::Engine,
    object::{Kind, Object, ObjectId},
    pd::Pd,
    platform::Platform,
    srq::Srq,
    table::Table,
    transport::{
        buffer::Moved,
        limits::*,
        memory::{Memory, MemoryId},
        request::{Buffers, InitiatorQueue, Operation, Receive, ReceiveQueue, Request, Sge},
    },
    upcall::{Context, Upcall},
};
use alloc::vec::Vec;
use core::ffi::c_void;
use ndis_sys::ndk::{
    _NDK_OPERATION_TYPE as TYPE, NDK_OP_FLAG_DEFER,
    status::{STATUS_CONNECTION_INVALID, STATUS_DATA_OVERRUN, STATUS_INVALID_HANDLE},
};
use wdk_sys::{
    NTSTATUS, STATUS_BUFFER_OVERFLOW, STATUS_CANCELLED, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER, STATUS_NO_MORE_ENTRIES, STATUS_SUCCESS,
};

/// What a queue pair can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Not connected yet. Receives may be posted.
    Idle,
    /// A connector wants to connect it.
    Connecting,
    /// Requests are done with this peer.
    Connected(ObjectId<Qp>),
    /// The peer disconnected. What was posted waits for the consumer to disconnect, to flush or to close, as
    /// NdkDisconnectEventCallback demands; only receives can be posted.
    Left,
    /// Disconnected, or ended by an error. What is posted is flushed.
    Ended,
    /// One of its CQs is unusable: there is nowhere to tell anything.
    Unusable,
}

/// Sizes of a queue pair (NdkCreateQp).
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Receives that can wait; 0 with an SRQ.
    pub receive_depth: u32,
    /// Initiator requests that can wait.
    pub initiator_depth: u32,
    /// SGEs of a receive; the SRQ's if there is one.
    pub receive_sges: u32,
    /// SGEs of an initiator request.
    pub initiator_sges: u32,
    /// Bytes of inline data of an initiator request.
    pub inline_data: u32,
}

/// A queue pair.
pub struct Qp {
    pub(crate) pd: ObjectId<Pd>,
    pub(crate) domain: MemoryId,
    pub(crate) receive_cq: ObjectId<Cq>,
    pub(crate) initiator_cq: ObjectId<Cq>,
    pub(crate) srq: Option<ObjectId<Srq>>,
    context: Context,
    pub(crate) initiator: InitiatorQueue,
    receives: ReceiveQueue,
    /// The receive that the next message goes to, once a message began or waits, and its SGEs.
    pub(crate) current: Option<Receive>,
    pub(crate) current_sges: Vec<Sge>,
    pub(crate) link: Link,
    pub(crate) connector: Option<ObjectId<Connector>>,
    /// Reads may be posted: the connection's effective outbound read limit is not 0.
    pub(crate) may_read: bool,
    /// How far the oldest initiator request has got.
    pub(crate) moved: Option<Moved>,
    /// Since when the oldest initiator request waits for the peer to post a receive.
    pub(crate) waits_since: Option<u64>,
}

/// Data of a request, read from the consumer's memory before the lock was taken.
#[derive(Clone, Copy)]
pub enum Data<'a> {
    /// SGEs.
    Sges(&'a [Sge]),
    /// Inline data, gathered.
    Inline(&'a [u8]),
}

/// What an initiator request is.
pub struct Post<'a, F> {
    /// The consumer's, for the completion.
    pub context: Context,
    /// `NDK_OP_FLAG_*`.
    pub flags: u32,
    /// Those that the operation knows beside [`Request::COMMON_FLAGS`].
    pub known_flags: u32,
    /// What it moves, or why that could not be read.
    pub data: Result<Data<'a>, NTSTATUS>,
    /// Checks what is the operation's own for requests of a domain.
    pub operation: F,
}

impl Qp {
    /// A queue pair that is not in an engine yet.
    ///
    /// # Errors
    /// STATUS_INVALID_PARAMETER beyond the limits of `NDK_ADAPTER_INFO`, STATUS_INSUFFICIENT_RESOURCES.
    pub fn new(
        pd: ObjectId<Pd>,
        receive_cq: ObjectId<Cq>,
        initiator_cq: ObjectId<Cq>,
        srq: Option<ObjectId<Srq>>,
        context: Context,
        sizes: Sizes,
    ) -> Result<Self, NTSTATUS> {
        if sizes.receive_depth > MAX_RECEIVE_QUEUE_DEPTH
            || sizes.initiator_depth > MAX_INITIATOR_QUEUE_DEPTH
            || sizes.receive_sges > MAX_RECEIVE_REQUEST_SGE
            || sizes.initiator_sges > MAX_INITIATOR_REQUEST_SGE
            || sizes.inline_data > MAX_INLINE_DATA_SIZE
        {
            return Err(STATUS_INVALID_PARAMETER);
        }
        let rings = || {
            let initiator = InitiatorQueue::new(sizes.initiator_depth, sizes.initiator_sges, sizes.inline_data)?;
            let receives = ReceiveQueue::new(sizes.receive_depth, sizes.receive_sges)?;
            Ok((initiator, receives, crate::slab::filled(Sge::default(), sizes.receive_sges as usize)?))
        };
        let (initiator, receives, current_sges) =
            rings().map_err(|crate::slab::NoMemory| STATUS_INSUFFICIENT_RESOURCES)?;
        Ok(Self {
            pd,
            domain: MemoryId::NONE,
            receive_cq,
            initiator_cq,
            srq,
            context,
            initiator,
            receives,
            current: None,
            current_sges,
            link: Link::Idle,
            connector: None,
            may_read: false,
            moved: None,
            waits_since: None,
        })
    }

    fn completion(&self, status: NTSTATUS, request: Context, operation: i32) -> Completion {
        Completion { status, bytes: 0, qp: self.context, request, operation, output: 0, solicited: false }
    }
}

impl Engine {
    /// Posts an initiator request. A failure also lets go what was posted with NDK_OP_FLAG_DEFER before (docs, "NDKPI
    /// Deferred Processing Scheme").
    ///
    /// # Errors
    /// In this order: STATUS_INVALID_HANDLE; STATUS_CONNECTION_INVALID; STATUS_INVALID_PARAMETER for a flag that the
    /// operation does not know; STATUS_NO_MORE_ENTRIES if the queue is full; STATUS_DATA_OVERRUN for too many SGEs;
    /// STATUS_BUFFER_OVERFLOW for too many bytes; what `operation` says.
    pub(crate) fn post(
        &mut self,
        id: ObjectId<Qp>,
        post: Post<'_, impl FnOnce(&mut Memory, MemoryId) -> Result<Operation, NTSTATUS>>,
    ) -> Result<NTSTATUS, NTSTATUS> {
        self.usable(id)?;
        let deferred = post.flags & NDK_OP_FLAG_DEFER != 0;
        let result = self.put(id, post);
        if !deferred || result.is_err() {
            self.wake(id.into());
        }
        result.map(|()| STATUS_SUCCESS)
    }

    fn put(
        &mut self,
        id: ObjectId<Qp>,
        post: Post<'_, impl FnOnce(&mut Memory, MemoryId) -> Result<Operation, NTSTATUS>>,
    ) -> Result<(), NTSTATUS> {
        let qp = self.qps.get_mut(id).ok_or(STATUS_INVALID_HANDLE)?;
        let Link::Connected(_) = qp.link else { return Err(STATUS_CONNECTION_INVALID) };
        if post.flags & !(Request::COMMON_FLAGS | post.known_flags) != 0 {
            return Err(STATUS_INVALID_PARAMETER);
        }
        let place = qp.initiator.vacant().ok_or(STATUS_NO_MORE_ENTRIES)?;
        let (length, buffers) = match post.data? {
            Data::Sges(sges) => {
                place.sges.get_mut(..sges.len()).ok_or(STATUS_DATA_OVERRUN)?.copy_from_slice(sges);
                let length: u64 = sges.iter().map(|sge| u64::from(sge.length)).sum();
                (length, Buffers::Sges(sges.len() as u32)) // CAST: at most MAX_INITIATOR_REQUEST_SGE.
            }
            Data::Inline(bytes) => {
                place.inline.get_mut(..bytes.len()).ok_or(STATUS_BUFFER_OVERFLOW)?.copy_from_slice(bytes);
                (bytes.len() as u64, Buffers::Inline)
            }
        };
        let length = u32::try_from(length).ok().filter(|length| *length <= MAX_TRANSFER_LENGTH);
        let length = length.ok_or(STATUS_BUFFER_OVERFLOW)?;
        let operation = (post.operation)(&mut self.memory, qp.domain)?;
        if matches!(operation, Operation::Read { .. }) && !qp.may_read {
            return Err(STATUS_INVALID_DEVICE_REQUEST);
        }
        place.post(Request { context: post.context, operation, flags: post.flags, length, buffers });
        Ok(())
    }

    /// NdkReceive. Possible at any time, also before the queue pair is connected (ND SPI, IND2QueuePair::Receive); when the
    /// connection has ended the receive is flushed.
    ///
    /// # Errors
    /// STATUS_INVALID_HANDLE; STATUS_INVALID_DEVICE_REQUEST with an SRQ; STATUS_NO_MORE_ENTRIES, STATUS_DATA_OVERRUN and
    /// STATUS_BUFFER_OVERFLOW as for initiator requests.
    pub(crate) fn post_receive(
        &mut self,
        id: ObjectId<Qp>,
        context: Context,
        sges: &[Sge],
    ) -> Result<NTSTATUS, NTSTATUS> {
        let qp = self.usable(id)?;
        if qp.srq.is_some() {
            return Err(STATUS_INVALID_DEVICE_REQUEST);
        }
        put_receive(&mut qp.receives, context, sges)?;
        match qp.link {
            Link::Connected(peer) => self.wake_waiting(peer),
            Link::Ended => self.wake(id.into()),
            _ => {}
        }
        Ok(STATUS_SUCCESS)
    }

    /// NdkSrqReceive.
    ///
    /// # Errors
    /// As [`post_receive`](Self::post_receive).
    pub(crate) fn post_shared_receive(
        &mut self,
        id: ObjectId<Srq>,
        context: Context,
        sges: &[Sge],
    ) -> Result<NTSTATUS, NTSTATUS> {
        let srq = self.usable(id)?;
        put_receive(srq.queue_mut(), context, sges)?;
        if core::mem::take(&mut srq.is_starved) {
            for place in 0..self.qps.places() {
                if let Some(qp) = self.qps.at(place) {
                    self.wake_waiting(qp);
                }
            }
        }
        Ok(STATUS_SUCCESS)
    }

    /// Wakes a queue pair whose oldest request waits for a receive: there may be one now.
    fn wake_waiting(&mut self, id: ObjectId<Qp>) {
        if self.qps.get(id).is_some_and(|qp| qp.waits_since.is_some()) {
            self.wake(id.into());
        }
    }

    /// The receive that the next message to a queue pair goes to is its `current` one then. False if there is none.
    pub(crate) fn has_receive(&mut self, id: ObjectId<Qp>) -> bool {
        let Some(qp) = self.qps.get_mut(id) else { return false };
        if qp.current.is_some() {
            return true;
        }
        let Some(srq) = qp.srq else {
            qp.current = qp.receives.pop_into(&mut qp.current_sges);
            return qp.current.is_some();
        };
        // Out of the queue pair while the shared queue fills it, since both are the engine's.
        let mut sges = core::mem::take(&mut qp.current_sges);
        let receive = self.take_shared_receive(srq, &mut sges);
        if let Some(qp) = self.qps.get_mut(id) {
            qp.current_sges = sges;
            qp.current = receive;
        }
        receive.is_some()
    }

    /// Completes the oldest initiator request.
    pub(crate) fn complete_initiator(&mut self, id: ObjectId<Qp>, status: NTSTATUS) {
        let Some(qp) = self.qps.get_mut(id) else { return };
        qp.moved = None;
        qp.waits_since = None;
        let Some(request) = qp.initiator.pop() else { return };
        if status == STATUS_SUCCESS && request.is_silent() {
            return;
        }
        let completion = qp.completion(status, request.context, request.operation.kind());
        let cq = qp.initiator_cq;
        self.tell(id, cq, completion);
    }

    /// Completes the current receive: with a message of `bytes`, or with an error.
    pub(crate) fn complete_receive(
        &mut self,
        id: ObjectId<Qp>,
        status: NTSTATUS,
        bytes: u32,
        invalidated: Option<u32>,
        solicited: bool,
    ) {
        let Some(qp) = self.qps.get_mut(id) else { return };
        let Some(receive) = qp.current.take() else { return };
        let operation = match invalidated {
            Some(_) => TYPE::NdkOperationTypeReceiveAndInvalidate,
            None => TYPE::NdkOperationTypeReceive,
        };
        let output = invalidated.unwrap_or(0) as usize;
        let completion =
            Completion { bytes, output: output as _, solicited, ..qp.completion(status, receive.context, operation) };
        let cq = qp.receive_cq;
        self.tell(id, cq, completion);
    }

    fn tell(&mut self, id: ObjectId<Qp>, cq: ObjectId<Cq>, completion: Completion) {
        let silent = self.qps.get(id).is_none_or(|qp| qp.link == Link::Unusable);
        if !silent && self.place(cq, completion) == Placed::Unusable {
            // Its step finds the CQ unusable.
            self.wake(id.into());
        }
    }

    /// NdkFlush, and what every end of a connection does: whatever waits completes with STATUS_CANCELLED, initiator requests
    /// and receives each in the order they were posted. The link stays as it is, so requests posted later are done.
    pub(crate) fn flush(&mut self, id: ObjectId<Qp>) {
        while let Some(request) = self.qps.get(id).and_then(|qp| qp.initiator.front().copied()) {
            if let Operation::FastRegister(posted) = request.operation {
                self.memory.unstage_fast_register(&posted);
            }
            self.complete_initiator(id, STATUS_CANCELLED);
        }
        while self.has_own_receive(id) {
            self.complete_receive(id, STATUS_CANCELLED, 0, None, false);
        }
        // A message of the peer's that was under way begins anew, with another receive.
        if let Some(Link::Connected(peer)) = self.qps.get(id).map(|qp| qp.link)
            && let Some(peer) = self.qps.get_mut(peer)
        {
            peer.moved = None;
        }
    }

    /// As [`has_receive`](Self::has_receive), but takes none out of an SRQ.
    fn has_own_receive(&mut self, id: ObjectId<Qp>) -> bool {
        let Some(qp) = self.qps.get_mut(id) else { return false };
        if qp.current.is_none() {
            qp.current = qp.receives.pop_into(&mut qp.current_sges);
        }
        qp.current.is_some()
    }

    /// Ends what a queue pair does: its requests are flushed, and it is never connected again. Its peer is left alone, but
    /// has none any more.
    pub(crate) fn end_link(&mut self, id: ObjectId<Qp>) {
        self.leave_link(id, Link::Ended);
    }

    fn leave_link(&mut self, id: ObjectId<Qp>, to: Link) {
        let Some(qp) = self.qps.get_mut(id).filter(|qp| qp.link != Link::Unusable) else { return };
        let before = core::mem::replace(&mut qp.link, to);
        if let Link::Connected(peer) = before
            && let Some(peer) = self.qps.get_mut(peer).filter(|peer| peer.link == Link::Connected(id))
        {
            peer.link = Link::Left;
            peer.moved = None;
            peer.waits_since = None;
        }
        self.flush(id);
    }

    /// A request of a queue pair failed, or power did: its connection ends for both sides.
    pub(crate) fn break_link(&mut self, id: ObjectId<Qp>) {
        self.break_link_to(id, Link::Ended);
    }

    fn break_link_to(&mut self, id: ObjectId<Qp>, to: Link) {
        let Some((before, connector)) = self.qps.get(id).map(|qp| (qp.link, qp.connector)) else { return };
        self.leave_link(id, to);
        self.connection_lost(connector);
        if let Link::Connected(peer) = before {
            let connector = self.qps.get(peer).and_then(|peer| peer.connector);
            self.end_link(peer);
            self.connection_lost(connector);
        }
    }

    /// True if both CQs of a queue pair take completions. If not, it does nothing any more and tells nothing, and its peer
    /// hears that it is gone.
    fn has_usable_cqs(&mut self, id: ObjectId<Qp>) -> bool {
        let Some(qp) = self.qps.get(id) else { return false };
        let usable = |cq| self.cqs.get(cq).is_some_and(Cq::is_usable);
        if usable(qp.receive_cq) && usable(qp.initiator_cq) {
            return true;
        }
        if qp.link == Link::Unusable {
            self.flush(id);
        } else {
            self.break_link_to(id, Link::Unusable);
        }
        false
    }
}

fn put_receive(queue: &mut ReceiveQueue, context: Context, sges: &[Sge]) -> Result<(), NTSTATUS> {
    let place = queue.vacant().ok_or(STATUS_NO_MORE_ENTRIES)?;
    place.sges.get_mut(..sges.len()).ok_or(STATUS_DATA_OVERRUN)?.copy_from_slice(sges);
    let length = sges.iter().map(|sge| u64::from(sge.length)).sum();
    if length > u64::from(MAX_TRANSFER_LENGTH) {
        return Err(STATUS_BUFFER_OVERFLOW);
    }
    place.post(Receive { context, sges: sges.len() as u32, length }); // CAST: at most MAX_RECEIVE_REQUEST_SGE.
    Ok(())
}

impl Object for Qp {
    const KIND: Kind = Kind::Qp;
    const LIMIT: u32 = 4096;

    fn dispatch<P: Platform>() -> *const c_void {
        crate::door::qp::dispatch::<P>()
    }

    fn table(engine: &Engine) -> &Table<Self> {
        &engine.qps
    }

    fn table_mut(engine: &mut Engine) -> &mut Table<Self> {
        &mut engine.qps
    }

    fn begin(engine: &mut Engine, id: ObjectId<Self>) -> Result<(), NTSTATUS> {
        let qp = engine.qps.get_mut(id).ok_or(STATUS_INVALID_HANDLE)?;
        qp.domain = engine.pds.get(qp.pd).ok_or(STATUS_INVALID_HANDLE)?.memory();
        if let Some(srq) = qp.srq {
            let srq = engine.srqs.get(srq).ok_or(STATUS_INVALID_HANDLE)?;
            if srq.pd() != qp.pd || srq.width() as usize != qp.current_sges.len() {
                return Err(STATUS_INVALID_PARAMETER);
            }
        }
        Ok(())
    }

    /// A connection that is still there ends, as by NdkCloseConnector; what waits is flushed.
    fn closing(engine: &mut Engine, id: ObjectId<Self>) {
        if let Some(connector) = engine.qps.get(id).and_then(|qp| qp.connector) {
            engine.abandon(connector);
        }
        engine.end_link(id);
    }

    fn step(engine: &mut Engine, id: ObjectId<Self>) -> Option<Upcall> {
        if !engine.has_usable_cqs(id) {
            return None;
        }
        match engine.qps.get(id)?.link {
            Link::Connected(_) => engine.execute(id),
            Link::Ended => engine.flush(id),
            _ => {}
        }
        None
    }

    fn stop(engine: &mut Engine, id: ObjectId<Self>) {
        match engine.qps.get(id).map(|qp| qp.link) {
            // Its connector ends the attempt to connect it.
            Some(Link::Idle | Link::Connecting) => engine.flush(id),
            _ => engine.break_link(id),
        }
    }
}
