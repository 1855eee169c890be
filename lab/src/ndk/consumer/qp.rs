//! Queue pairs and shared receive queues: what posts work.

use super::adapter::Lam;
use super::buffer::{Mr, Mw};
use super::calls::callback;
use super::cq::Cq;
use super::object::{Closing, Handle, Pd, create, create_with_callback, dispatch, invoke};
use super::requests::{self, Entry, Pending, of_object, on_request};
use lab_kernel::rules;
use ndis_sys::evt;
use ndis_sys::ndk::*;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wdk_sys::{NTSTATUS, PVOID, STATUS_SUCCESS};

rules! {
    NDK_SRQ_STATUS: "An SRQ notification says STATUS_SUCCESS or an error", "DDI ndkpi NDK_FN_SRQ_NOTIFICATION_CALLBACK: SrqStatus";
}

/// Depths and limits of a QP.
#[derive(Clone, Copy, Debug)]
pub struct QpDepth {
    /// ReceiveQueueDepth.
    pub receive: u32,
    /// InitiatorQueueDepth.
    pub initiator: u32,
    /// MaxReceiveRequestSge.
    pub receive_sge: u32,
    /// MaxInitiatorRequestSge.
    pub initiator_sge: u32,
    /// InlineDataSize.
    pub inline: u32,
}

impl Default for QpDepth {
    fn default() -> QpDepth {
        QpDepth { receive: 16, initiator: 16, receive_sge: 2, initiator_sge: 2, inline: 0 }
    }
}

/// A queue pair.
#[derive(Clone, Copy)]
pub struct Qp(pub(super) Handle<NDK_QP>);

impl Pd {
    /// NdkCreateQp.
    ///
    /// # Errors
    /// The provider's.
    pub fn create_qp(self, receive: &Cq, initiator: &Cq, context: usize, depth: QpDepth) -> Result<Qp, NTSTATUS> {
        let (handle, receive, initiator) = (self.0, receive.handle, initiator.handle);
        create("NdkCreateQp", |completion, request, out| {
            dispatch!(
                handle,
                NdkCreateQp,
                receive.0,
                initiator.0,
                context as PVOID,
                depth.receive,
                depth.initiator,
                depth.receive_sge,
                depth.initiator_sge,
                depth.inline,
                completion,
                request,
                out
            )
        })
        .map(Qp)
    }

    /// NdkCreateQpWithSrq.
    ///
    /// # Errors
    /// The provider's.
    pub fn create_qp_with_srq(
        self,
        receive: &Cq,
        initiator: &Cq,
        srq: &Srq,
        context: usize,
        depth: QpDepth,
    ) -> Result<Qp, NTSTATUS> {
        let (handle, receive, initiator, srq) = (self.0, receive.handle, initiator.handle, srq.handle);
        create("NdkCreateQpWithSrq", |completion, request, out| {
            dispatch!(
                handle,
                NdkCreateQpWithSrq,
                receive.0,
                initiator.0,
                srq.0,
                context as PVOID,
                depth.initiator,
                depth.initiator_sge,
                depth.inline,
                completion,
                request,
                out
            )
        })
        .map(Qp)
    }

    /// NdkCreateSrq.
    ///
    /// # Errors
    /// The provider's.
    pub fn create_srq(self, depth: u32, sge: u32, threshold: u32) -> Result<Srq, NTSTATUS> {
        let handle = self.0;
        let events = Arc::new(SrqEvents::default());
        let entry = Entry::Srq(events.clone());
        let created = create_with_callback("NdkCreateSrq", entry, |context, completion, request, out| {
            let affinity = std::ptr::null_mut();
            dispatch!(
                handle,
                NdkCreateSrq,
                depth,
                sge,
                threshold,
                Some(on_notification),
                context,
                affinity,
                completion,
                request,
                out
            )
        });
        created.map(|(handle, context)| Srq { handle, events, context })
    }
}

impl Qp {
    /// NdkSend.
    pub fn send(self, request: usize, sges: &[NDK_SGE], flags: u32) -> NTSTATUS {
        invoke!(self.0, NdkSend, request as PVOID, sges.as_ptr(), sges.len() as u32, flags)
    }

    /// NdkSendAndInvalidate.
    pub fn send_and_invalidate(self, request: usize, sges: &[NDK_SGE], flags: u32, token: u32) -> NTSTATUS {
        invoke!(self.0, NdkSendAndInvalidate, request as PVOID, sges.as_ptr(), sges.len() as u32, flags, token)
    }

    /// NdkReceive.
    pub fn receive(self, request: usize, sges: &[NDK_SGE]) -> NTSTATUS {
        invoke!(self.0, NdkReceive, request as PVOID, sges.as_ptr(), sges.len() as u32)
    }

    /// NdkWrite.
    pub fn write(self, request: usize, sges: &[NDK_SGE], remote: u64, token: u32, flags: u32) -> NTSTATUS {
        invoke!(self.0, NdkWrite, request as PVOID, sges.as_ptr(), sges.len() as u32, remote, token, flags)
    }

    /// NdkRead.
    pub fn read(self, request: usize, sges: &[NDK_SGE], remote: u64, token: u32, flags: u32) -> NTSTATUS {
        invoke!(self.0, NdkRead, request as PVOID, sges.as_ptr(), sges.len() as u32, remote, token, flags)
    }

    /// NdkBind.
    pub fn bind(self, request: usize, mr: Mr, mw: Mw, address: u64, len: u64, flags: u32) -> NTSTATUS {
        invoke!(self.0, NdkBind, request as PVOID, mr.0.0, mw.0.0, address as PVOID, len, flags)
    }

    /// NdkFastRegister of `len` bytes of a mapping, which peers then call `base`.
    pub fn fast_register(self, request: usize, mr: Mr, lam: &Lam, len: u64, base: u64, flags: u32) -> NTSTATUS {
        let pages = lam.pages();
        let (request, base, count) = (request as PVOID, base as PVOID, pages.len() as u32);
        invoke!(self.0, NdkFastRegister, request, mr.0.0, count, pages.as_ptr(), lam.offset, len, base, flags)
    }

    /// NdkInvalidate of a region.
    pub fn invalidate_mr(self, request: usize, mr: Mr, flags: u32) -> NTSTATUS {
        invoke!(self.0, NdkInvalidate, request as PVOID, mr.0.0.cast(), flags)
    }

    /// NdkInvalidate of a window.
    pub fn invalidate_mw(self, request: usize, mw: Mw, flags: u32) -> NTSTATUS {
        invoke!(self.0, NdkInvalidate, request as PVOID, mw.0.0.cast(), flags)
    }

    /// NdkFlush.
    pub fn flush(self) {
        invoke!(self.0, NdkFlush);
    }

    /// NdkQueryExtension for what does not exist.
    pub fn query_extension(self) {
        self.0.query_extension();
    }

    /// NdkCloseQp.
    pub fn close(self) -> Closing {
        self.0.close(Vec::new(), None)
    }
}

/// What an SRQ's callback saw.
#[derive(Default)]
pub(super) struct SrqEvents(Mutex<u64>);

impl SrqEvents {
    fn calls(&self) -> MutexGuard<'_, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

evt! {
    unsafe fn on_notification(context: PVOID, status: NTSTATUS) {
        callback("NdkSrqNotificationCallback", || {
            if let Some(Entry::Srq(events)) = of_object("NdkSrqNotificationCallback", context) {
                NDK_SRQ_STATUS.check(status <= STATUS_SUCCESS, || format!("{status:#x}"));
                *events.calls() += 1;
            }
        });
    }
}

/// A shared receive queue.
#[derive(Clone)]
pub struct Srq {
    pub(super) handle: Handle<NDK_SRQ>,
    events: Arc<SrqEvents>,
    context: usize,
}

impl Srq {
    /// NdkSrqReceive.
    pub fn receive(&self, request: usize, sges: &[NDK_SGE]) -> NTSTATUS {
        invoke!(self.handle, NdkSrqReceive, request as PVOID, sges.as_ptr(), sges.len() as u32)
    }

    /// NdkModifySrq.
    pub fn modify(&self, depth: u32, threshold: u32) -> Pending {
        let handle = self.handle;
        requests::start("NdkModifySrq", Vec::new(), None, |context| {
            dispatch!(handle, NdkModifySrq, depth, threshold, Some(on_request), context)
        })
    }

    /// Callbacks so far.
    pub fn notifications(&self) -> u64 {
        *self.events.calls()
    }

    /// NdkQueryExtension for what does not exist.
    pub fn query_extension(&self) {
        self.handle.query_extension();
    }

    /// NdkCloseSrq.
    pub fn close(&self) -> Closing {
        self.handle.close(vec![self.context], None)
    }
}
