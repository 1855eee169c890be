//! Who gets the packets: a kernel component behind the query interface, or nobody behind the tool's requests.

use core::ptr::null_mut;
use igbcx_interface::{IGBCX_VMQ_CONSUMER, IGBCX_VMQ_INTERFACE_VERSION, IGBCX_VMQ_PACKET};
use ndis_sys::{NDIS_OID_REQUEST, NDIS_STATUS, NDIS_STATUS_INDICATION};
use netadaptercx::irql::AtMostDispatch;
use vmq::QueueId;

/// The consumer of the queues.
#[derive(Clone, Copy)]
pub enum Consumer {
    /// Opened the query interface.
    Kernel(Callbacks),
    /// `igbcxctl vmq`: the driver counts the frames and keeps their buffers.
    Tool,
}

/// A kernel consumer's callbacks, all of them there.
#[derive(Clone, Copy)]
pub struct Callbacks(IGBCX_VMQ_CONSUMER);
// SAFETY: the consumer promises that its callbacks may be called with its context from any thread (IGBCX_VMQ_CONSUMER).
unsafe impl Send for Callbacks {}
// SAFETY: as above.
unsafe impl Sync for Callbacks {}

impl Callbacks {
    /// The callbacks in `consumer`; none if it is not what it should be.
    ///
    /// # Safety
    /// `consumer` is null or points to as many bytes as its `Size` says, and its callbacks are the consumer's.
    pub unsafe fn new(consumer: *const IGBCX_VMQ_CONSUMER) -> Option<Self> {
        if consumer.is_null() || !consumer.is_aligned() {
            return None;
        }
        // SAFETY: every structure has a `Size` (caller).
        let size = unsafe { (*consumer).Size };
        if usize::from(size) < size_of::<IGBCX_VMQ_CONSUMER>() {
            return None;
        }
        // SAFETY: it is as long as that (caller).
        let consumer = unsafe { *consumer };
        let whole = consumer.Receive.is_some() && consumer.Status.is_some() && consumer.OidComplete.is_some();
        (consumer.Version == IGBCX_VMQ_INTERFACE_VERSION && whole).then_some(Self(consumer))
    }

    /// Hands over a chain of `count` packets of `queue`.
    #[inline]
    pub fn receive(&self, queue: QueueId, packets: *mut IGBCX_VMQ_PACKET, count: u32, _irql: AtMostDispatch<'_>) {
        if let Some(receive) = self.0.Receive {
            // SAFETY: the consumer's own callback and context, at most DISPATCH_LEVEL by the token, while it has the door
            // open; the packets are whole and now the consumer's.
            unsafe { receive(self.0.Context, queue.number(), packets, count) };
        }
    }

    /// Tells a status.
    pub fn status(&self, indication: &NDIS_STATUS_INDICATION, _irql: AtMostDispatch<'_>) {
        if let Some(status) = self.0.Status {
            // SAFETY: as in `receive`; the indication is live during the call.
            unsafe { status(self.0.Context, indication) };
        }
    }

    /// Ends a request that pends.
    pub fn complete(&self, request: Pending, status: NDIS_STATUS, _irql: AtMostDispatch<'_>) {
        if let Some(complete) = self.0.OidComplete {
            // SAFETY: as in `receive`; the request pends, and is the consumer's again.
            unsafe { complete(self.0.Context, request.0, status) };
        }
    }
}

/// A request that may pend: the consumer's, or the tool's (null).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending(*mut NDIS_OID_REQUEST);
// SAFETY: a name of the request; only the consumer's completion uses it as a pointer.
unsafe impl Send for Pending {}

impl Pending {
    /// The tool's request; it waits for its end.
    pub const TOOL: Self = Self(null_mut());

    /// A consumer's request.
    pub const fn of(request: core::ptr::NonNull<NDIS_OID_REQUEST>) -> Self {
        Self(request.as_ptr())
    }
}
