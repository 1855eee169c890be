//! Dispatch tables of the fake, and the functions that create objects.

use super::connection::{self, Connector, Listener};
use super::cq::{self, Cq};
use super::defects::{Defect, is};
use super::memory::{self, Mr, Mw};
use super::qp::{self, Qp, Srq};
use super::{Data, Fake, Ptr, close_object, fake};
use ndis_sys::evt;
use ndis_sys::ndk::_NDK_OBJECT_TYPE as kinds;
use ndis_sys::ndk::*;
use wdk_sys::*;

static ADAPTER: NDK_ADAPTER_DISPATCH = NDK_ADAPTER_DISPATCH {
    NdkQueryExtension: Some(extension),
    NdkQueryAdapterInfo: Some(info),
    NdkCreateCq: Some(create_cq),
    NdkCreatePd: Some(create_pd),
    NdkCreateSharedEndpoint: Some(create_endpoint),
    NdkCreateConnector: Some(create_connector),
    NdkCreateListener: Some(create_listener),
    NdkBuildLAM: Some(memory::build_lam),
    NdkReleaseLAM: Some(memory::release_lam),
};
static PD: NDK_PD_DISPATCH = NDK_PD_DISPATCH {
    NdkClosePd: Some(close_object),
    NdkQueryExtension: Some(extension),
    NdkCreateMr: Some(create_mr),
    NdkCreateMw: Some(create_mw),
    NdkCreateSrq: Some(create_srq),
    NdkCreateQp: Some(create_qp),
    NdkCreateQpWithSrq: Some(create_qp_with_srq),
    NdkGetPrivilegedMemoryRegionToken: Some(memory::privileged),
};
static CQ: NDK_CQ_DISPATCH = NDK_CQ_DISPATCH {
    NdkCloseCq: Some(close_object),
    NdkQueryExtension: Some(extension),
    NdkResizeCq: Some(cq::resize),
    NdkArmCq: Some(cq::arm),
    NdkGetCqResults: Some(cq::results),
    NdkControlCqInterruptModeration: Some(cq::moderate),
    NdkGetCqResultsEx: Some(cq::results_ex),
};
static HOLLOW_CQ: NDK_CQ_DISPATCH = NDK_CQ_DISPATCH { NdkControlCqInterruptModeration: None, ..CQ };
static MR: NDK_MR_DISPATCH = NDK_MR_DISPATCH {
    NdkCloseMr: Some(close_object),
    NdkQueryExtension: Some(extension),
    NdkRegisterMr: Some(memory::register),
    NdkDeregisterMr: Some(memory::deregister),
    NdkInitializeFastRegisterMr: Some(memory::initialize_fast),
    NdkGetRemoteTokenFromMr: Some(memory::remote_token),
    NdkGetLocalTokenFromMr: Some(memory::local_token),
};
static MW: NDK_MW_DISPATCH = NDK_MW_DISPATCH {
    NdkCloseMw: Some(close_object),
    NdkQueryExtension: Some(extension),
    NdkGetRemoteTokenFromMw: Some(memory::window_token),
};
static SRQ: NDK_SRQ_DISPATCH = NDK_SRQ_DISPATCH {
    NdkCloseSrq: Some(close_object),
    NdkQueryExtension: Some(extension),
    NdkModifySrq: Some(qp::modify_srq),
    NdkSrqReceive: Some(qp::srq_receive),
};
static QP: NDK_QP_DISPATCH = NDK_QP_DISPATCH {
    NdkCloseQp: Some(close_object),
    NdkQueryExtension: Some(extension),
    NdkFlush: Some(qp::flush),
    NdkSend: Some(qp::send),
    NdkReceive: Some(qp::receive),
    NdkBind: Some(qp::bind),
    NdkFastRegister: Some(qp::fast_register),
    NdkInvalidate: Some(qp::invalidate),
    NdkRead: Some(qp::read),
    NdkWrite: Some(qp::write),
    NdkSendAndInvalidate: Some(qp::send_and_invalidate),
};
static CONNECTOR: NDK_CONNECTOR_DISPATCH = NDK_CONNECTOR_DISPATCH {
    NdkCloseConnector: Some(close_object),
    NdkQueryExtension: Some(extension),
    NdkConnect: Some(connection::connect),
    NdkConnectWithSharedEndpoint: Some(connection::connect_shared),
    NdkCompleteConnect: Some(connection::complete_connect),
    NdkAccept: Some(connection::accept),
    NdkReject: Some(connection::reject),
    NdkGetConnectionData: Some(connection::connection_data),
    NdkGetLocalAddress: Some(connection::local_address),
    NdkGetPeerAddress: Some(connection::peer_address),
    NdkDisconnect: Some(connection::disconnect),
    NdkCompleteConnectEx: Some(connection::complete_connect_ex),
    NdkAcceptEx: Some(connection::accept_ex),
};
static LISTENER: NDK_LISTENER_DISPATCH = NDK_LISTENER_DISPATCH {
    NdkCloseListener: Some(close_object),
    NdkQueryExtension: Some(extension),
    NdkListen: Some(connection::listen),
    NdkGetLocalAddress: Some(connection::listener_address),
    NdkControlConnectEvents: Some(connection::pause),
};
static ENDPOINT: NDK_SHARED_ENDPOINT_DISPATCH = NDK_SHARED_ENDPOINT_DISPATCH {
    NdkCloseSharedEndpoint: Some(close_object),
    NdkQueryExtension: Some(extension),
    NdkGetLocalAddress: Some(connection::endpoint_address),
};

pub fn adapter() -> usize {
    &raw const ADAPTER as usize
}

pub fn connector() -> usize {
    &raw const CONNECTOR as usize
}

/// The answer of a create: inline, or with the defect from a job and in the out parameter too.
fn created(fake: &mut Fake, ptr: Ptr, done: NDK_FN_CREATE_COMPLETION, context: PVOID, out: *mut Ptr) -> NTSTATUS {
    // SAFETY: the consumer's out parameter.
    unsafe { *out = ptr };
    let Some(done) = done.filter(|_| is(Defect::CreateTwice)) else { return STATUS_SUCCESS };
    let context = context as usize;
    // SAFETY: the consumer's completion with its context.
    fake.job(move || unsafe { done(context as PVOID, STATUS_SUCCESS, ptr as *mut NDK_OBJECT_HEADER) });
    STATUS_PENDING
}

evt! {
    unsafe fn extension(_object: *mut NDK_OBJECT_HEADER, _guid: *mut GUID, _version: NDK_VERSION, _interface: *mut NDK_EXTENSION_INTERFACE) -> NTSTATUS {
        if is(Defect::AnyExtension) { STATUS_SUCCESS } else { STATUS_NOT_SUPPORTED }
    }
}

evt! {
    unsafe fn info(_adapter: *mut NDK_ADAPTER, out: *mut NDK_ADAPTER_INFO, size: *mut ULONG) -> NTSTATUS {
        let required = size_of::<NDK_ADAPTER_INFO>() as u32;
        let loopback = if is(Defect::NoLoopback) { 0 } else { NDK_ADAPTER_FLAG_LOOPBACK_CONNECTIONS_SUPPORTED };
        let info = NDK_ADAPTER_INFO {
            Version: NDK_VERSION { Major: 1, Minor: 2 },
            MaxRegistrationSize: 1 << 30,
            MaxWindowSize: 1 << 30,
            FRMRPageCount: memory::MAX_PAGES,
            MaxInitiatorRequestSge: qp::MAX_SGE,
            MaxReceiveRequestSge: qp::MAX_SGE,
            MaxReadRequestSge: qp::MAX_SGE,
            MaxTransferLength: 1 << 30,
            MaxInlineDataSize: qp::MAX_INLINE,
            MaxInboundReadLimit: connection::MAX_READS,
            MaxOutboundReadLimit: connection::MAX_READS,
            MaxReceiveQueueDepth: qp::MAX_DEPTH,
            MaxInitiatorQueueDepth: qp::MAX_DEPTH,
            MaxSrqDepth: qp::MAX_DEPTH,
            MaxCqDepth: cq::MAX_DEPTH,
            MaxCallerData: connection::MAX_DATA,
            MaxCalleeData: connection::MAX_DATA,
            AdapterFlags: loopback | NDK_ADAPTER_FLAG_CQ_INTERRUPT_MODERATION_SUPPORTED | NDK_ADAPTER_FLAG_CQ_RESIZE_SUPPORTED,
            ..Default::default()
        };
        // SAFETY: the consumer's out parameters, of the size it says.
        unsafe {
            let room = std::mem::replace(&mut *size, required);
            if room < required {
                return if is(Defect::ShortInfo) { STATUS_SUCCESS } else { STATUS_BUFFER_TOO_SMALL };
            }
            *out = info;
        }
        STATUS_SUCCESS
    }
}

evt! {
    unsafe fn create_cq(
        adapter: *mut NDK_ADAPTER, depth: ULONG, notify: NDK_FN_CQ_NOTIFICATION_CALLBACK, notify_context: PVOID,
        _affinity: *mut GROUP_AFFINITY, done: NDK_FN_CREATE_COMPLETION, context: PVOID, out: *mut *mut NDK_CQ,
    ) -> NTSTATUS {
        if depth > cq::MAX_DEPTH && !is(Defect::NoLimits) {
            return STATUS_INVALID_PARAMETER;
        }
        let data = Data::Cq(Cq::new(depth, notify.map_or(0, |f| f as usize), notify_context));
        let table = if is(Defect::HollowTable) { &raw const HOLLOW_CQ } else { &raw const CQ } as usize;
        let mut fake = fake();
        let ptr = fake.create(kinds::NdkObjectTypeCq, table, &[adapter as Ptr], data);
        created(&mut fake, ptr, done, context, out.cast())
    }
}

evt! {
    unsafe fn create_pd(
        adapter: *mut NDK_ADAPTER, done: NDK_FN_CREATE_COMPLETION, context: PVOID, out: *mut *mut NDK_PD,
    ) -> NTSTATUS {
        if is(Defect::NoResources) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        let mut fake = fake();
        let ptr = fake.create(kinds::NdkObjectTypePd, &raw const PD as usize, &[adapter as Ptr], Data::Plain);
        created(&mut fake, ptr, done, context, out.cast())
    }
}

evt! {
    unsafe fn create_endpoint(
        adapter: *mut NDK_ADAPTER, at: PSOCKADDR, _len: ULONG, done: NDK_FN_CREATE_COMPLETION, context: PVOID,
        out: *mut *mut NDK_SHARED_ENDPOINT,
    ) -> NTSTATUS {
        // SAFETY: the suite passes IPv4 addresses.
        let at = unsafe { *at.cast::<SOCKADDR_IN>() };
        let mut fake = fake();
        let address = match fake.claim((at.sin_addr, u16::from_be(at.sin_port))) {
            Ok(address) => address,
            Err(status) => return status,
        };
        let (kind, data) = (kinds::NdkObjectTypeSharedEndpoint, Data::Endpoint(address));
        let ptr = fake.create(kind, &raw const ENDPOINT as usize, &[adapter as Ptr], data);
        created(&mut fake, ptr, done, context, out.cast())
    }
}

evt! {
    unsafe fn create_connector(
        adapter: *mut NDK_ADAPTER, done: NDK_FN_CREATE_COMPLETION, context: PVOID, out: *mut *mut NDK_CONNECTOR,
    ) -> NTSTATUS {
        let data = Data::Connector(Box::<Connector>::default());
        let mut fake = fake();
        let ptr = fake.create(kinds::NdkObjectTypeConnector, connector(), &[adapter as Ptr], data);
        created(&mut fake, ptr, done, context, out.cast())
    }
}

evt! {
    unsafe fn create_listener(
        adapter: *mut NDK_ADAPTER, event: NDK_FN_CONNECT_EVENT_CALLBACK, event_context: PVOID,
        done: NDK_FN_CREATE_COMPLETION, context: PVOID, out: *mut *mut NDK_LISTENER,
    ) -> NTSTATUS {
        let data = Data::Listener(Listener::new(event.map_or(0, |f| f as usize), event_context));
        let mut fake = fake();
        let ptr = fake.create(kinds::NdkObjectTypeListener, &raw const LISTENER as usize, &[adapter as Ptr], data);
        created(&mut fake, ptr, done, context, out.cast())
    }
}

evt! {
    unsafe fn create_mr(
        pd: *mut NDK_PD, fast: BOOLEAN, done: NDK_FN_CREATE_COMPLETION, context: PVOID, out: *mut *mut NDK_MR,
    ) -> NTSTATUS {
        let data = Data::Mr(Mr::new(pd as Ptr, fast != 0));
        let mut fake = fake();
        let ptr = fake.create(kinds::NdkObjectTypeMr, &raw const MR as usize, &[pd as Ptr], data);
        created(&mut fake, ptr, done, context, out.cast())
    }
}

evt! {
    unsafe fn create_mw(pd: *mut NDK_PD, done: NDK_FN_CREATE_COMPLETION, context: PVOID, out: *mut *mut NDK_MW) -> NTSTATUS {
        let data = Data::Mw(Mw::new(pd as Ptr));
        let mut fake = fake();
        let ptr = fake.create(kinds::NdkObjectTypeMw, &raw const MW as usize, &[pd as Ptr], data);
        created(&mut fake, ptr, done, context, out.cast())
    }
}

evt! {
    unsafe fn create_srq(
        pd: *mut NDK_PD, depth: ULONG, sge: ULONG, threshold: ULONG, notify: NDK_FN_SRQ_NOTIFICATION_CALLBACK,
        notify_context: PVOID, _affinity: *mut GROUP_AFFINITY, done: NDK_FN_CREATE_COMPLETION, context: PVOID,
        out: *mut *mut NDK_SRQ,
    ) -> NTSTATUS {
        if (depth > qp::MAX_DEPTH || sge > qp::MAX_SGE) && !is(Defect::NoLimits) {
            return STATUS_INVALID_PARAMETER;
        }
        let data = Data::Srq(Srq::new(depth, threshold, notify.map_or(0, |f| f as usize), notify_context));
        let mut fake = fake();
        let ptr = fake.create(kinds::NdkObjectTypeSrq, &raw const SRQ as usize, &[pd as Ptr], data);
        created(&mut fake, ptr, done, context, out.cast())
    }
}

fn new_qp(qp: Qp, done: NDK_FN_CREATE_COMPLETION, context: PVOID, out: *mut *mut NDK_QP) -> NTSTATUS {
    let beyond = [qp.receive_depth, qp.depth].iter().any(|depth| *depth > qp::MAX_DEPTH as usize)
        || [qp.receive_sge, qp.sge].iter().any(|sge| *sge > qp::MAX_SGE as usize)
        || qp.inline > qp::MAX_INLINE as usize;
    if beyond && !is(Defect::NoLimits) {
        return STATUS_INVALID_PARAMETER;
    }
    let mut antecedents = vec![qp.pd, qp.rcq, qp.cq];
    antecedents.extend(qp.srq);
    let mut fake = fake();
    let data = Data::Qp(Box::new(qp));
    let ptr = fake.create(kinds::NdkObjectTypeQp, &raw const QP as usize, &antecedents, data);
    created(&mut fake, ptr, done, context, out.cast())
}

evt! {
    unsafe fn create_qp(
        pd: *mut NDK_PD, rcq: *mut NDK_CQ, cq: *mut NDK_CQ, qp_context: PVOID, receive_depth: ULONG, depth: ULONG,
        receive_sge: ULONG, sge: ULONG, inline: ULONG, done: NDK_FN_CREATE_COMPLETION, context: PVOID,
        out: *mut *mut NDK_QP,
    ) -> NTSTATUS {
        let qp = Qp {
            pd: pd as Ptr,
            rcq: rcq as Ptr,
            cq: cq as Ptr,
            context: qp_context as usize,
            receive_depth: receive_depth as usize,
            depth: depth as usize,
            receive_sge: receive_sge as usize,
            sge: sge as usize,
            inline: inline as usize,
            ..Qp::default()
        };
        new_qp(qp, done, context, out)
    }
}

evt! {
    unsafe fn create_qp_with_srq(
        pd: *mut NDK_PD, rcq: *mut NDK_CQ, cq: *mut NDK_CQ, srq: *mut NDK_SRQ, qp_context: PVOID, depth: ULONG, sge: ULONG,
        inline: ULONG, done: NDK_FN_CREATE_COMPLETION, context: PVOID, out: *mut *mut NDK_QP,
    ) -> NTSTATUS {
        let qp = Qp {
            pd: pd as Ptr,
            rcq: rcq as Ptr,
            cq: cq as Ptr,
            srq: Some(srq as Ptr),
            context: qp_context as usize,
            depth: depth as usize,
            sge: sge as usize,
            inline: inline as usize,
            ..Qp::default()
        };
        new_qp(qp, done, context, out)
    }
}
