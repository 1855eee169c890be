//! Adapters: what a consumer opened, and what all its other objects descend from.

use crate::{
    cq::MAX_CQ_DEPTH,
    engine::Engine,
    object::{Kind, Object},
    platform::Platform,
    table::Table,
    transport::limits::*,
};
use core::ffi::c_void;
use ndis_sys::ndk::{
    _NDK_RDMA_TECHNOLOGY, NDK_ADAPTER_FLAG_CQ_INTERRUPT_MODERATION_SUPPORTED, NDK_ADAPTER_FLAG_CQ_RESIZE_SUPPORTED,
    NDK_ADAPTER_FLAG_LOOPBACK_CONNECTIONS_SUPPORTED, NDK_ADAPTER_FLAG_MULTI_ENGINE_SUPPORTED,
    NDK_ADAPTER_FLAG_RDMA_READ_SINK_NOT_REQUIRED, NDK_ADAPTER_INFO, NDK_VERSION,
};
use wdk_sys::SIZE_T;

/// The versions of NDKPI, the newest minor one of each major one. They differ in nothing on x64 and ARM64: what 2.1 adds
/// lies behind or in the padding of what 1.2 has.
const VERSIONS: [NDK_VERSION; 2] = [NDK_VERSION { Major: 1, Minor: 2 }, NDK_VERSION { Major: 2, Minor: 1 }];

/// An opened adapter.
pub struct Adapter {
    version: NDK_VERSION,
}

impl Adapter {
    /// An adapter for a consumer that needs `wanted` or newer of the same major version; none if there is no such
    /// version (DDI OPEN_NDK_ADAPTER_HANDLER, "Version").
    #[must_use]
    pub fn new(wanted: NDK_VERSION) -> Option<Self> {
        let version = VERSIONS.into_iter().find(|has| has.Major == wanted.Major && has.Minor >= wanted.Minor)?;
        Some(Self { version })
    }

    /// The version of the adapter and of all its objects.
    #[must_use]
    pub const fn version(&self) -> NDK_VERSION {
        self.version
    }

    /// What NdkQueryAdapterInfo tells.
    #[must_use]
    pub fn info(&self) -> NDK_ADAPTER_INFO {
        NDK_ADAPTER_INFO {
            Version: self.version,
            VendorId: 0x8086,
            DeviceId: 0,
            MaxRegistrationSize: MAX_REGISTRATION_SIZE as SIZE_T,
            MaxWindowSize: MAX_WINDOW_SIZE as SIZE_T,
            FRMRPageCount: FRMR_PAGE_COUNT,
            MaxInitiatorRequestSge: MAX_INITIATOR_REQUEST_SGE,
            MaxReceiveRequestSge: MAX_RECEIVE_REQUEST_SGE,
            MaxReadRequestSge: MAX_READ_REQUEST_SGE,
            MaxTransferLength: MAX_TRANSFER_LENGTH,
            MaxInlineDataSize: MAX_INLINE_DATA_SIZE,
            MaxInboundReadLimit: MAX_INBOUND_READ_LIMIT,
            MaxOutboundReadLimit: MAX_OUTBOUND_READ_LIMIT,
            MaxReceiveQueueDepth: MAX_RECEIVE_QUEUE_DEPTH,
            MaxInitiatorQueueDepth: MAX_INITIATOR_QUEUE_DEPTH,
            MaxSrqDepth: MAX_SRQ_DEPTH,
            MaxCqDepth: MAX_CQ_DEPTH,
            LargeRequestThreshold: LARGE_REQUEST_THRESHOLD,
            MaxCallerData: MAX_CALLER_DATA,
            MaxCalleeData: MAX_CALLEE_DATA,
            // Not NDK_ADAPTER_FLAG_IN_ORDER_DMA_SUPPORTED: what overlaps is copied from its end.
            AdapterFlags: NDK_ADAPTER_FLAG_RDMA_READ_SINK_NOT_REQUIRED
                | NDK_ADAPTER_FLAG_CQ_INTERRUPT_MODERATION_SUPPORTED
                | NDK_ADAPTER_FLAG_MULTI_ENGINE_SUPPORTED
                | NDK_ADAPTER_FLAG_CQ_RESIZE_SUPPORTED
                | NDK_ADAPTER_FLAG_LOOPBACK_CONNECTIONS_SUPPORTED,
            // There is no wire, and no technology's rules on it.
            RdmaTechnology: _NDK_RDMA_TECHNOLOGY::NdkUndefined,
        }
    }
}

impl Object for Adapter {
    const KIND: Kind = Kind::Adapter;
    const LIMIT: u32 = 256;

    fn dispatch<P: Platform>() -> *const c_void {
        crate::door::adapter::dispatch::<P>()
    }

    fn table(engine: &Engine) -> &Table<Self> {
        &engine.adapters
    }

    fn table_mut(engine: &mut Engine) -> &mut Table<Self> {
        &mut engine.adapters
    }
}
