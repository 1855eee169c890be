//! The engine: the life of queues and filters, and what the consumer said of each.

use crate::{Answer, Effect, Failed, Filter, FilterId, Host, MAX_QUEUES, Pause, QueueId, Queues};
use ndis_sys::{
    _NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE::*, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_DEFAULT,
    NDIS_OBJECT_TYPE_STATUS_INDICATION, NDIS_RECEIVE_QUEUE_PARAMETERS, NDIS_RECEIVE_QUEUE_STATE,
    NDIS_RECEIVE_QUEUE_STATE_REVISION_1, NDIS_SIZEOF_NDIS_RECEIVE_QUEUE_STATE_REVISION_1,
    NDIS_SIZEOF_STATUS_INDICATION_REVISION_1, NDIS_STATUS, NDIS_STATUS_INDICATION, NDIS_STATUS_INDICATION_REVISION_1,
    NDIS_STATUS_RECEIVE_QUEUE_STATE,
};

/// The engine of an adapter, behind the door's lock. `R` names a request that pends.
///
/// About 9 KiB: build it where it stays. Requests come as NDIS structures ([`Self::oid`], in `oid.rs`) or, from a tool whose
/// consumer the driver itself is, as calls ([`Self::allocate`] and so on); both are the same thing underneath.
pub struct Engine<R> {
    pub(crate) queues: Queues<R>,
    pub(crate) parameters: [NDIS_RECEIVE_QUEUE_PARAMETERS; MAX_QUEUES],
}

impl<R> Engine<R> {
    /// No queue; the hardware does not work until [`Self::resume`].
    #[must_use]
    pub const fn new() -> Self {
        Self { queues: Queues::new(), parameters: [NDIS_RECEIVE_QUEUE_PARAMETERS::ZEROED; MAX_QUEUES] }
    }

    /// Queues and filters as they are.
    #[must_use]
    pub const fn queues(&self) -> &Queues<R> {
        &self.queues
    }

    /// What the consumer said of a queue.
    #[must_use]
    pub const fn parameters(&self, queue: QueueId) -> &NDIS_RECEIVE_QUEUE_PARAMETERS {
        &self.parameters[queue.index()]
    }

    /// OID_RECEIVE_FILTER_ALLOCATE_QUEUE; see [`Queues::allocate`]. QueueId and MSIXTableEntry of `parameters` are assigned.
    ///
    /// # Errors
    /// As for [`Queues::allocate`].
    pub fn allocate(
        &mut self,
        host: &impl Host,
        parameters: &NDIS_RECEIVE_QUEUE_PARAMETERS,
    ) -> Result<QueueId, NDIS_STATUS> {
        let queue = self.queues.allocate(host)?;
        let kept = &mut self.parameters[queue.index()];
        *kept = *parameters;
        kept.QueueId = queue.number();
        kept.MSIXTableEntry = host.vector(queue);
        Ok(queue)
    }

    /// OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE for one queue: its CompletionStatus; see [`Queues::complete`].
    pub fn complete(&mut self, host: &mut impl Host, queue: QueueId) -> NDIS_STATUS {
        self.queues.complete(host, queue, self.parameters[queue.index()].NumSuggestedReceiveBuffers)
    }

    /// OID_RECEIVE_FILTER_SET_FILTER; see [`Queues::set_filter`].
    ///
    /// # Errors
    /// As for [`Queues::set_filter`].
    pub fn set_filter(
        &mut self,
        host: &mut impl Host,
        queue: QueueId,
        filter: Filter,
    ) -> Result<FilterId, NDIS_STATUS> {
        self.queues.set_filter(host, queue, filter)
    }

    /// OID_RECEIVE_FILTER_CLEAR_FILTER; see [`Queues::clear_filter`]. [`crate::door::settle`] comes next.
    pub fn clear_filter(&mut self, host: &mut impl Host, queue: QueueId, filter: FilterId, request: R) -> Answer {
        self.queues.clear_filter(host, queue, filter, request)
    }

    /// OID_RECEIVE_FILTER_FREE_QUEUE; see [`Queues::free`]. [`crate::door::settle`] comes next.
    pub fn free(&mut self, host: &impl Host, queue: QueueId, request: R, request_id: usize) -> Answer {
        self.queues.free(host, queue, request, request_id)
    }

    /// See [`Queues::next`].
    pub fn next(&mut self, host: &mut impl Host) -> Option<Effect<R>> {
        self.queues.next(host)
    }

    /// See [`Queues::announced`].
    pub fn announced(&mut self, queue: QueueId) {
        self.queues.announced(queue);
    }

    /// See [`Queues::suspend`].
    pub fn suspend(&mut self, host: &impl Host, pause: Pause) {
        self.queues.suspend(host, pause);
    }

    /// See [`Queues::is_idle`].
    #[must_use]
    pub fn is_idle(&self, host: &impl Host) -> bool {
        self.queues.is_idle(host)
    }

    /// See [`Queues::reset_done`].
    pub fn reset_done(&mut self, proven: bool) {
        self.queues.reset_done(proven);
    }

    /// See [`Queues::resume`].
    ///
    /// # Errors
    /// [`Failed`]: the device does not answer.
    pub fn resume(&mut self, host: &mut impl Host) -> Result<(), Failed> {
        self.queues.resume(host)
    }

    /// See [`Queues::close`].
    pub fn close(&mut self, host: &mut impl Host) {
        self.queues.close(host);
    }

    /// See [`Queues::remove`].
    pub fn remove(&mut self, host: &mut impl Host) {
        self.queues.remove(host);
    }

    /// See [`Queues::abandon`].
    pub fn abandon(&mut self) -> bool {
        self.queues.abandon()
    }

    /// See [`Queues::is_empty`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }
}

impl<R> Default for Engine<R> {
    fn default() -> Self {
        Self::new()
    }
}

/// Makes the NDIS_STATUS_RECEIVE_QUEUE_STATE indication of a queue whose DMA has stopped, valid during `indicate`.
/// SourceHandle, which the door has none of, stays null.
pub fn dma_stopped(queue: QueueId, indicate: impl FnOnce(&NDIS_STATUS_INDICATION)) {
    let mut state = NDIS_RECEIVE_QUEUE_STATE {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_DEFAULT,
            Revision: NDIS_RECEIVE_QUEUE_STATE_REVISION_1,
            Size: NDIS_SIZEOF_NDIS_RECEIVE_QUEUE_STATE_REVISION_1,
        },
        Flags: 0,
        QueueId: queue.number(),
        QueueState: NdisReceiveQueueOperationalStateDmaStopped,
    };
    indicate(&NDIS_STATUS_INDICATION {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_STATUS_INDICATION,
            Revision: NDIS_STATUS_INDICATION_REVISION_1,
            Size: NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
        },
        StatusCode: NDIS_STATUS_RECEIVE_QUEUE_STATE,
        StatusBuffer: (&raw mut state).cast(),
        StatusBufferSize: size_of::<NDIS_RECEIVE_QUEUE_STATE>() as u32,
        ..NDIS_STATUS_INDICATION::default()
    });
}
