//! The net adapter: creation, capabilities, link state, receive filter.

use crate::{
    Result, Status,
    irql::{AtMostDispatch, Passive},
    queue::QueueInit,
    ring::{RxRings, TxRings},
    wdf::{
        device::Device,
        dma::DmaEnabler,
        object::{Context, attributes, slot},
    },
};
use core::{mem::size_of, ptr::NonNull, ptr::null_mut};
use netadaptercx_sys::{
    _NET_MEMORY_MAPPING_REQUIREMENT, _NET_RX_FRAGMENT_BUFFER_ALLOCATION_MODE, _NET_RX_FRAGMENT_BUFFER_ATTACHMENT_MODE,
    MM_ANY_NODE_OK, NET_ADAPTER_DATAPATH_CALLBACKS, NET_ADAPTER_DMA_CAPABILITIES, NET_ADAPTER_LINK_LAYER_ADDRESS,
    NET_ADAPTER_LINK_LAYER_CAPABILITIES, NET_ADAPTER_LINK_STATE, NET_ADAPTER_RECEIVE_FILTER_CAPABILITIES,
    NET_ADAPTER_RX_CAPABILITIES, NET_ADAPTER_RX_CAPABILITIES__bindgen_ty_1, NET_ADAPTER_TX_CAPABILITIES,
    NET_PACKET_FILTER_FLAGS, NETADAPTER, NETRECEIVEFILTER, NETRXQUEUE_INIT, NETTXQUEUE_INIT, NTSTATUS, evt,
};
use wdk_sys::{_WDF_TRI_STATE, PHYSICAL_ADDRESS};

pub mod link;
pub use link::{LinkState, Pause};

/// A NIC's adapter object: what the framework asks of it.
pub trait NetAdapter: Context + Sync {
    /// EvtAdapterCreateTxQueue.
    ///
    /// # Errors
    /// The queue is not created and the adapter's datapath does not start.
    fn create_tx_queue(&self, init: QueueInit<'_, TxRings>) -> Result<()>;

    /// EvtAdapterCreateRxQueue.
    ///
    /// # Errors
    /// As for `create_tx_queue`.
    fn create_rx_queue(&self, init: QueueInit<'_, RxRings>) -> Result<()>;

    /// EvtSetReceiveFilter: in D0, at PASSIVE_LEVEL. It cannot fail, and after D3 the framework does not repeat it
    /// (contract.md 3.1, "Receive filter").
    fn set_receive_filter(&self, filter: &ReceiveFilter<'_>, passive: Passive<'_>);
}

/// A NETADAPTER, a child of the device.
#[derive(Clone, Copy, Debug)]
pub struct Adapter(NETADAPTER);
// SAFETY: framework handles may be used from any thread; the object lives as long as its device.
unsafe impl Send for Adapter {}
// SAFETY: as above.
unsafe impl Sync for Adapter {}

impl Adapter {
    /// Creates the adapter of `device`; its context becomes `context`.
    ///
    /// # Errors
    /// The framework's status.
    pub fn new<A: NetAdapter>(device: Device, context: A, _passive: Passive<'_>) -> Result<Self> {
        let callbacks = NET_ADAPTER_DATAPATH_CALLBACKS {
            Size: size_of::<NET_ADAPTER_DATAPATH_CALLBACKS>() as u32,
            EvtAdapterCreateTxQueue: Some(evt_create_tx_queue::<A>),
            EvtAdapterCreateRxQueue: Some(evt_create_rx_queue::<A>),
        };
        let mut callbacks = callbacks;
        let mut attributes = attributes::<A>();
        let mut adapter: NETADAPTER = null_mut();
        // SAFETY: a live device, live structures, PASSIVE_LEVEL by the token; the init structure is freed once.
        unsafe {
            let init = netadaptercx_sys::NetAdapterInitAllocate(device.raw());
            if init.is_null() {
                return Err(Status::new(wdk_sys::STATUS_INSUFFICIENT_RESOURCES));
            }
            netadaptercx_sys::NetAdapterInitSetDatapathCallbacks(init, &raw mut callbacks);
            let status = netadaptercx_sys::NetAdapterCreate(init, &raw mut attributes, &raw mut adapter);
            netadaptercx_sys::NetAdapterInitFree(init);
            Status::check(status)?;
            slot::<A>(adapter.cast()).init(context);
        }
        Ok(Self(adapter))
    }

    pub(crate) const fn raw(self) -> NETADAPTER {
        self.0
    }

    /// Sets everything that must be known before [`Adapter::start`].
    pub fn set_capabilities(self, capabilities: &Capabilities, _passive: Passive<'_>) {
        let mut permanent = link_layer_address(capabilities.permanent_address);
        let mut current = link_layer_address(capabilities.current_address);
        let mut link = NET_ADAPTER_LINK_LAYER_CAPABILITIES {
            Size: size_of::<NET_ADAPTER_LINK_LAYER_CAPABILITIES>() as u32,
            MaxTxLinkSpeed: capabilities.max_link_speed,
            MaxRxLinkSpeed: capabilities.max_link_speed,
        };
        let mut dma = NET_ADAPTER_DMA_CAPABILITIES {
            Size: size_of::<NET_ADAPTER_DMA_CAPABILITIES>() as u32,
            DmaEnabler: capabilities.dma.raw(),
            MaximumPhysicalAddress: PHYSICAL_ADDRESS::default(),
            CacheEnabled: _WDF_TRI_STATE::WdfUseDefault,
            PreferredNode: MM_ANY_NODE_OK,
        };
        let mut tx = NET_ADAPTER_TX_CAPABILITIES {
            Size: size_of::<NET_ADAPTER_TX_CAPABILITIES>() as u32,
            MappingRequirement: _NET_MEMORY_MAPPING_REQUIREMENT::NetMemoryMappingRequirementDmaMapped,
            PayloadBackfill: 0,
            MaximumNumberOfFragments: capabilities.max_tx_fragments as _,
            FragmentBufferAlignment: 1,
            FragmentRingNumberOfElementsHint: capabilities.tx_fragment_ring,
            MaximumNumberOfQueues: capabilities.tx_queues as _,
            DmaCapabilities: &raw mut dma,
        };
        let mut rx = NET_ADAPTER_RX_CAPABILITIES {
            Size: size_of::<NET_ADAPTER_RX_CAPABILITIES>() as u32,
            AllocationMode: _NET_RX_FRAGMENT_BUFFER_ALLOCATION_MODE::NetRxFragmentBufferAllocationModeSystem,
            AttachmentMode: _NET_RX_FRAGMENT_BUFFER_ATTACHMENT_MODE::NetRxFragmentBufferAttachmentModeSystem,
            FragmentRingNumberOfElementsHint: capabilities.rx_fragment_ring,
            MaximumFrameSize: capabilities.rx_buffer as _,
            MaximumNumberOfQueues: capabilities.rx_queues as _,
            anon: NET_ADAPTER_RX_CAPABILITIES__bindgen_ty_1 {
                MappingRequirement: _NET_MEMORY_MAPPING_REQUIREMENT::NetMemoryMappingRequirementDmaMapped,
            },
            FragmentBufferAlignment: 1,
            DmaCapabilities: &raw mut dma,
        };
        let filter = NET_ADAPTER_RECEIVE_FILTER_CAPABILITIES {
            Size: size_of::<NET_ADAPTER_RECEIVE_FILTER_CAPABILITIES>() as u32,
            SupportedPacketFilters: capabilities.packet_filters,
            MaximumMulticastAddresses: capabilities.max_multicast as _,
            EvtSetReceiveFilter: Some(capabilities.set_receive_filter),
        };
        // SAFETY: a live adapter that is not started, live structures, PASSIVE_LEVEL by the token.
        unsafe {
            netadaptercx_sys::NetAdapterSetPermanentLinkLayerAddress(self.0, &raw mut permanent);
            netadaptercx_sys::NetAdapterSetCurrentLinkLayerAddress(self.0, &raw mut current);
            netadaptercx_sys::NetAdapterSetLinkLayerCapabilities(self.0, &raw mut link);
            netadaptercx_sys::NetAdapterSetLinkLayerMtuSize(self.0, capabilities.mtu);
            netadaptercx_sys::NetAdapterSetDataPathCapabilities(self.0, &raw mut tx, &raw mut rx);
            netadaptercx_sys::NetAdapterSetReceiveFilterCapabilities(self.0, &raw const filter);
        }
    }

    /// Shows the adapter to the system. From PrepareHardware or later.
    ///
    /// # Errors
    /// The framework's status.
    pub fn start(self, _passive: Passive<'_>) -> Result<()> {
        // SAFETY: a live adapter with its capabilities set, PASSIVE_LEVEL by the token.
        Status::check(unsafe { netadaptercx_sys::NetAdapterStart(self.0) })
    }

    /// Takes a started adapter away from the system, at the latest in ReleaseHardware.
    pub fn stop(self, _passive: Passive<'_>) {
        // SAFETY: a live, started adapter, PASSIVE_LEVEL by the token.
        unsafe { netadaptercx_sys::NetAdapterStop(self.0) };
    }

    /// The adapter's NDIS handle, for exports of NDIS.SYS that take one.
    pub(crate) fn ndis_handle(self, _irql: AtMostDispatch<'_>) -> *mut core::ffi::c_void {
        // SAFETY: a live adapter, at most DISPATCH_LEVEL by the token.
        unsafe { netadaptercx_sys::NetAdapterWdmGetNdisHandle(self.0) }
    }

    /// Reports the link.
    pub fn set_link_state(self, state: LinkState, _irql: AtMostDispatch<'_>) {
        let mut state: NET_ADAPTER_LINK_STATE = state.into();
        // SAFETY: a live adapter, at most DISPATCH_LEVEL by the token.
        unsafe { netadaptercx_sys::NetAdapterSetLinkState(self.0, &raw mut state) };
    }
}

/// What an adapter can do; all of it is set before the adapter starts.
pub struct Capabilities {
    /// Address burnt into the NIC.
    pub permanent_address: [u8; 6],
    /// Address in use.
    pub current_address: [u8; 6],
    /// Bits per second.
    pub max_link_speed: u64,
    /// Bytes of payload in the largest frame.
    pub mtu: u32,
    /// The enabler that maps packet buffers.
    pub dma: DmaEnabler,
    /// Fragments in a packet above which the framework copies it into one.
    pub max_tx_fragments: usize,
    /// Wanted slots of a transmit fragment ring; a power of two.
    pub tx_fragment_ring: u32,
    /// Wanted slots of a receive fragment ring; a power of two.
    pub rx_fragment_ring: u32,
    /// Bytes of one receive buffer. The framework sizes buffers by MaximumFrameSize (NetAdapterCx 21H2,
    /// netcx/translator/nxrxxlat.cpp); a larger frame takes several.
    pub rx_buffer: u32,
    /// Transmit queues the NIC can have.
    pub tx_queues: usize,
    /// Receive queues the NIC can have.
    pub rx_queues: usize,
    /// NetPacketFilterFlag bits the NIC can honour.
    pub packet_filters: NET_PACKET_FILTER_FLAGS,
    /// Multicast addresses the NIC can take; more make the framework ask for all multicast.
    pub max_multicast: usize,
    /// [`set_receive_filter_callback`] of the adapter's type.
    pub set_receive_filter: ReceiveFilterCallback,
}

/// EvtSetReceiveFilter's type.
pub type ReceiveFilterCallback = netadaptercx_sys::evt_fn!(fn(NETADAPTER, NETRECEIVEFILTER));

/// EvtSetReceiveFilter of adapters of type `A`.
#[must_use]
pub fn set_receive_filter_callback<A: NetAdapter>() -> ReceiveFilterCallback {
    evt_set_receive_filter::<A>
}

fn link_layer_address(address: [u8; 6]) -> NET_ADAPTER_LINK_LAYER_ADDRESS {
    let mut out = NET_ADAPTER_LINK_LAYER_ADDRESS { Length: 6, ..NET_ADAPTER_LINK_LAYER_ADDRESS::default() };
    out.Address[..6].copy_from_slice(&address);
    out
}

/// The filter that a running EvtSetReceiveFilter is to set: packet types and multicast list are one snapshot.
pub struct ReceiveFilter<'cb> {
    handle: NETRECEIVEFILTER,
    _passive: Passive<'cb>,
}

impl ReceiveFilter<'_> {
    /// NetPacketFilterFlag bits.
    #[must_use]
    pub fn packet_filter(&self) -> NET_PACKET_FILTER_FLAGS {
        // SAFETY: the filter of the running callback, on its thread.
        unsafe { netadaptercx_sys::NetReceiveFilterGetPacketFilter(self.handle) }
    }

    /// The multicast addresses, six bytes each.
    pub fn multicast(&self) -> impl Iterator<Item = [u8; 6]> + '_ {
        // SAFETY: the filter of the running callback, on its thread; the list is as long as the count says and lives as
        // long as the filter.
        let list: &[NET_ADAPTER_LINK_LAYER_ADDRESS] = unsafe {
            let count = netadaptercx_sys::NetReceiveFilterGetMulticastAddressCount(self.handle) as usize;
            let list = netadaptercx_sys::NetReceiveFilterGetMulticastAddressList(self.handle);
            if count == 0 || list.is_null() { &[] } else { core::slice::from_raw_parts(list, count) }
        };
        list.iter()
            .filter(|address| address.Length == 6)
            .map(|address| *address.Address.first_chunk().expect("32 bytes"))
    }
}

evt! {
    unsafe fn evt_create_tx_queue<A: NetAdapter>(adapter: NETADAPTER, init: *mut NETTXQUEUE_INIT) -> NTSTATUS {
        // SAFETY: called by the framework as EvtAdapterCreateTxQueue, at PASSIVE_LEVEL.
        unsafe {
            let Some((context, init)) = slot::<A>(adapter.cast()).get().zip(NonNull::new(init.cast())) else {
                return wdk_sys::STATUS_INVALID_DEVICE_REQUEST;
            };
            Status::of(context.create_tx_queue(QueueInit::new(init, Passive::assume())))
        }
    }
}
evt! {
    unsafe fn evt_create_rx_queue<A: NetAdapter>(adapter: NETADAPTER, init: *mut NETRXQUEUE_INIT) -> NTSTATUS {
        // SAFETY: called by the framework as EvtAdapterCreateRxQueue, at PASSIVE_LEVEL.
        unsafe {
            let Some((context, init)) = slot::<A>(adapter.cast()).get().zip(NonNull::new(init.cast())) else {
                return wdk_sys::STATUS_INVALID_DEVICE_REQUEST;
            };
            Status::of(context.create_rx_queue(QueueInit::new(init, Passive::assume())))
        }
    }
}
evt! {
    unsafe fn evt_set_receive_filter<A: NetAdapter>(adapter: NETADAPTER, filter: NETRECEIVEFILTER) {
        // SAFETY: called by the framework as EvtSetReceiveFilter, at PASSIVE_LEVEL (contract.md 3.2).
        unsafe {
            let passive = Passive::assume();
            if let Some(context) = slot::<A>(adapter.cast()).get() {
                context.set_receive_filter(&ReceiveFilter { handle: filter, _passive: passive }, passive);
            }
        }
    }
}
