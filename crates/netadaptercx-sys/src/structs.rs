//! NetAdapterCx 2.2 structures; sizes and offsets are asserted at compile time.

use crate::*;
use core::ffi::c_void;
use wdk_sys::{GUID, MDL, PHYSICAL_ADDRESS, WDF_TRI_STATE, WDFDMAENABLER, WDFMEMORY};

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_DATAPATH_CALLBACKS {
    pub Size: ULONG,
    pub EvtAdapterCreateTxQueue: PFN_NET_ADAPTER_CREATE_TXQUEUE,
    pub EvtAdapterCreateRxQueue: PFN_NET_ADAPTER_CREATE_RXQUEUE,
}

zeroed_default!(NET_ADAPTER_DATAPATH_CALLBACKS);
assert_layout!(
    NET_ADAPTER_DATAPATH_CALLBACKS,
    24,
    8,
    Size = 0,
    EvtAdapterCreateTxQueue = 8,
    EvtAdapterCreateRxQueue = 16
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_DMA_CAPABILITIES {
    pub Size: ULONG,
    pub DmaEnabler: WDFDMAENABLER,
    pub MaximumPhysicalAddress: PHYSICAL_ADDRESS,
    pub CacheEnabled: WDF_TRI_STATE,
    pub PreferredNode: NODE_REQUIREMENT,
}

zeroed_default!(NET_ADAPTER_DMA_CAPABILITIES);
assert_layout!(
    NET_ADAPTER_DMA_CAPABILITIES,
    32,
    8,
    Size = 0,
    DmaEnabler = 8,
    MaximumPhysicalAddress = 16,
    CacheEnabled = 24,
    PreferredNode = 28
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_LINK_LAYER_ADDRESS {
    pub Length: USHORT,
    pub Address: [UCHAR; 32],
}

zeroed_default!(NET_ADAPTER_LINK_LAYER_ADDRESS);
assert_layout!(NET_ADAPTER_LINK_LAYER_ADDRESS, 34, 2, Length = 0, Address = 2);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_LINK_LAYER_CAPABILITIES {
    pub Size: ULONG,
    pub MaxTxLinkSpeed: ULONG64,
    pub MaxRxLinkSpeed: ULONG64,
}

zeroed_default!(NET_ADAPTER_LINK_LAYER_CAPABILITIES);
assert_layout!(NET_ADAPTER_LINK_LAYER_CAPABILITIES, 24, 8, Size = 0, MaxTxLinkSpeed = 8, MaxRxLinkSpeed = 16);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_LINK_STATE {
    pub Size: ULONG,
    pub TxLinkSpeed: ULONG64,
    pub RxLinkSpeed: ULONG64,
    pub MediaConnectState: NET_IF_MEDIA_CONNECT_STATE,
    pub MediaDuplexState: NET_IF_MEDIA_DUPLEX_STATE,
    pub SupportedPauseFunctions: NET_ADAPTER_PAUSE_FUNCTION_TYPE,
    pub AutoNegotiationFlags: NET_ADAPTER_AUTO_NEGOTIATION_FLAGS,
}

zeroed_default!(NET_ADAPTER_LINK_STATE);
assert_layout!(
    NET_ADAPTER_LINK_STATE,
    40,
    8,
    Size = 0,
    TxLinkSpeed = 8,
    RxLinkSpeed = 16,
    MediaConnectState = 24,
    MediaDuplexState = 28,
    SupportedPauseFunctions = 32,
    AutoNegotiationFlags = 36
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_OFFLOAD_CHECKSUM_CAPABILITIES {
    pub Size: ULONG,
    pub IPv4: BOOLEAN,
    pub Tcp: BOOLEAN,
    pub Udp: BOOLEAN,
    pub EvtAdapterOffloadSetChecksum: PFN_NET_ADAPTER_OFFLOAD_SET_CHECKSUM,
}

zeroed_default!(NET_ADAPTER_OFFLOAD_CHECKSUM_CAPABILITIES);
assert_layout!(
    NET_ADAPTER_OFFLOAD_CHECKSUM_CAPABILITIES,
    16,
    8,
    Size = 0,
    IPv4 = 4,
    Tcp = 5,
    Udp = 6,
    EvtAdapterOffloadSetChecksum = 8
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_OFFLOAD_GSO_CAPABILITIES {
    pub Size: ULONG,
    pub Layer3Flags: NET_ADAPTER_OFFLOAD_LAYER3_FLAGS,
    pub Layer4Flags: NET_ADAPTER_OFFLOAD_LAYER4_FLAGS,
    pub Layer4HeaderOffsetLimit: UINT16,
    pub MaximumOffloadSize: SIZE_T,
    pub MinimumSegmentCount: SIZE_T,
    pub EvtAdapterOffloadSetGso: PFN_NET_ADAPTER_OFFLOAD_SET_GSO,
}

zeroed_default!(NET_ADAPTER_OFFLOAD_GSO_CAPABILITIES);
assert_layout!(
    NET_ADAPTER_OFFLOAD_GSO_CAPABILITIES,
    40,
    8,
    Size = 0,
    Layer3Flags = 4,
    Layer4Flags = 8,
    Layer4HeaderOffsetLimit = 12,
    MaximumOffloadSize = 16,
    MinimumSegmentCount = 24,
    EvtAdapterOffloadSetGso = 32
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_OFFLOAD_IEEE8021Q_TAG_CAPABILITIES {
    pub Size: ULONG,
    pub Flags: NET_ADAPTER_OFFLOAD_IEEE8021Q_TAG_FLAGS,
}

zeroed_default!(NET_ADAPTER_OFFLOAD_IEEE8021Q_TAG_CAPABILITIES);
assert_layout!(NET_ADAPTER_OFFLOAD_IEEE8021Q_TAG_CAPABILITIES, 8, 4, Size = 0, Flags = 4);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_OFFLOAD_RSC_CAPABILITIES {
    pub Size: ULONG,
    pub Layer3Flags: NET_ADAPTER_OFFLOAD_LAYER3_FLAGS,
    pub Layer4Flags: NET_ADAPTER_OFFLOAD_LAYER4_FLAGS,
    pub TcpTimestampOption: BOOLEAN,
    pub EvtAdapterOffloadSetRsc: PFN_NET_ADAPTER_OFFLOAD_SET_RSC,
}

zeroed_default!(NET_ADAPTER_OFFLOAD_RSC_CAPABILITIES);
assert_layout!(
    NET_ADAPTER_OFFLOAD_RSC_CAPABILITIES,
    24,
    8,
    Size = 0,
    Layer3Flags = 4,
    Layer4Flags = 8,
    TcpTimestampOption = 12,
    EvtAdapterOffloadSetRsc = 16
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_OFFLOAD_RX_CHECKSUM_CAPABILITIES {
    pub Size: ULONG,
    pub EvtAdapterOffloadSetRxChecksum: PFN_NET_ADAPTER_OFFLOAD_SET_RX_CHECKSUM,
}

zeroed_default!(NET_ADAPTER_OFFLOAD_RX_CHECKSUM_CAPABILITIES);
assert_layout!(NET_ADAPTER_OFFLOAD_RX_CHECKSUM_CAPABILITIES, 16, 8, Size = 0, EvtAdapterOffloadSetRxChecksum = 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_OFFLOAD_TX_CHECKSUM_CAPABILITIES {
    pub Size: ULONG,
    pub Layer3Flags: NET_ADAPTER_OFFLOAD_LAYER3_FLAGS,
    pub Layer4Flags: NET_ADAPTER_OFFLOAD_LAYER4_FLAGS,
    pub Layer3HeaderOffsetLimit: UINT16,
    pub Layer4HeaderOffsetLimit: UINT16,
    pub EvtAdapterOffloadSetTxChecksum: PFN_NET_ADAPTER_OFFLOAD_SET_TX_CHECKSUM,
}

zeroed_default!(NET_ADAPTER_OFFLOAD_TX_CHECKSUM_CAPABILITIES);
assert_layout!(
    NET_ADAPTER_OFFLOAD_TX_CHECKSUM_CAPABILITIES,
    24,
    8,
    Size = 0,
    Layer3Flags = 4,
    Layer4Flags = 8,
    Layer3HeaderOffsetLimit = 12,
    Layer4HeaderOffsetLimit = 14,
    EvtAdapterOffloadSetTxChecksum = 16
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_POWER_OFFLOAD_ARP_CAPABILITIES {
    pub Size: ULONG,
    pub ArpOffload: BOOLEAN,
    pub MaximumOffloadCount: SIZE_T,
}

zeroed_default!(NET_ADAPTER_POWER_OFFLOAD_ARP_CAPABILITIES);
assert_layout!(NET_ADAPTER_POWER_OFFLOAD_ARP_CAPABILITIES, 16, 8, Size = 0, ArpOffload = 4, MaximumOffloadCount = 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_POWER_OFFLOAD_NS_CAPABILITIES {
    pub Size: ULONG,
    pub NSOffload: BOOLEAN,
    pub MaximumOffloadCount: SIZE_T,
}

zeroed_default!(NET_ADAPTER_POWER_OFFLOAD_NS_CAPABILITIES);
assert_layout!(NET_ADAPTER_POWER_OFFLOAD_NS_CAPABILITIES, 16, 8, Size = 0, NSOffload = 4, MaximumOffloadCount = 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_RECEIVE_FILTER_CAPABILITIES {
    pub Size: ULONG,
    pub SupportedPacketFilters: NET_PACKET_FILTER_FLAGS,
    pub MaximumMulticastAddresses: SIZE_T,
    pub EvtSetReceiveFilter: PFN_NET_ADAPTER_SET_RECEIVE_FILTER,
}

zeroed_default!(NET_ADAPTER_RECEIVE_FILTER_CAPABILITIES);
assert_layout!(
    NET_ADAPTER_RECEIVE_FILTER_CAPABILITIES,
    24,
    8,
    Size = 0,
    SupportedPacketFilters = 4,
    MaximumMulticastAddresses = 8,
    EvtSetReceiveFilter = 16
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_RECEIVE_SCALING_HASH_SECRET_KEY {
    pub Key: *mut UINT8,
    pub Length: SIZE_T,
}

zeroed_default!(NET_ADAPTER_RECEIVE_SCALING_HASH_SECRET_KEY);
assert_layout!(NET_ADAPTER_RECEIVE_SCALING_HASH_SECRET_KEY, 16, 8, Key = 0, Length = 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_RECEIVE_SCALING_INDIRECTION_ENTRIES {
    pub Entries: *mut NET_ADAPTER_RECEIVE_SCALING_INDIRECTION_ENTRY,
    pub Length: SIZE_T,
}

zeroed_default!(NET_ADAPTER_RECEIVE_SCALING_INDIRECTION_ENTRIES);
assert_layout!(NET_ADAPTER_RECEIVE_SCALING_INDIRECTION_ENTRIES, 16, 8, Entries = 0, Length = 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_RECEIVE_SCALING_INDIRECTION_ENTRY {
    pub PacketQueue: NETPACKETQUEUE,
    pub Status: NTSTATUS,
    pub Index: UINT32,
}

zeroed_default!(NET_ADAPTER_RECEIVE_SCALING_INDIRECTION_ENTRY);
assert_layout!(NET_ADAPTER_RECEIVE_SCALING_INDIRECTION_ENTRY, 16, 8, PacketQueue = 0, Status = 8, Index = 12);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_TX_CAPABILITIES {
    pub Size: ULONG,
    pub MappingRequirement: NET_MEMORY_MAPPING_REQUIREMENT,
    pub PayloadBackfill: SIZE_T,
    pub MaximumNumberOfFragments: SIZE_T,
    pub FragmentBufferAlignment: SIZE_T,
    pub FragmentRingNumberOfElementsHint: UINT32,
    pub MaximumNumberOfQueues: SIZE_T,
    pub DmaCapabilities: *mut NET_ADAPTER_DMA_CAPABILITIES,
}

zeroed_default!(NET_ADAPTER_TX_CAPABILITIES);
assert_layout!(
    NET_ADAPTER_TX_CAPABILITIES,
    56,
    8,
    Size = 0,
    MappingRequirement = 4,
    PayloadBackfill = 8,
    MaximumNumberOfFragments = 16,
    FragmentBufferAlignment = 24,
    FragmentRingNumberOfElementsHint = 32,
    MaximumNumberOfQueues = 40,
    DmaCapabilities = 48
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_TX_DEMUX {
    pub Size: ULONG,
    pub Type: NET_ADAPTER_TX_DEMUX_TYPE,
    pub Range: UINT8,
}

zeroed_default!(NET_ADAPTER_TX_DEMUX);
assert_layout!(NET_ADAPTER_TX_DEMUX, 12, 4, Size = 0, Type = 4, Range = 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_WAKE_BITMAP_CAPABILITIES {
    pub Size: ULONG,
    pub BitmapPattern: BOOLEAN,
    pub MaximumPatternCount: SIZE_T,
    pub MaximumPatternSize: SIZE_T,
}

zeroed_default!(NET_ADAPTER_WAKE_BITMAP_CAPABILITIES);
assert_layout!(
    NET_ADAPTER_WAKE_BITMAP_CAPABILITIES,
    24,
    8,
    Size = 0,
    BitmapPattern = 4,
    MaximumPatternCount = 8,
    MaximumPatternSize = 16
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_WAKE_EAPOL_PACKET_CAPABILITIES {
    pub Size: ULONG,
    pub EapolPacket: BOOLEAN,
}

zeroed_default!(NET_ADAPTER_WAKE_EAPOL_PACKET_CAPABILITIES);
assert_layout!(NET_ADAPTER_WAKE_EAPOL_PACKET_CAPABILITIES, 8, 4, Size = 0, EapolPacket = 4);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_WAKE_MAGIC_PACKET_CAPABILITIES {
    pub Size: ULONG,
    pub MagicPacket: BOOLEAN,
}

zeroed_default!(NET_ADAPTER_WAKE_MAGIC_PACKET_CAPABILITIES);
assert_layout!(NET_ADAPTER_WAKE_MAGIC_PACKET_CAPABILITIES, 8, 4, Size = 0, MagicPacket = 4);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_WAKE_MEDIA_CHANGE_CAPABILITIES {
    pub Size: ULONG,
    pub MediaConnect: BOOLEAN,
    pub MediaDisconnect: BOOLEAN,
}

zeroed_default!(NET_ADAPTER_WAKE_MEDIA_CHANGE_CAPABILITIES);
assert_layout!(NET_ADAPTER_WAKE_MEDIA_CHANGE_CAPABILITIES, 8, 4, Size = 0, MediaConnect = 4, MediaDisconnect = 5);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_WAKE_PACKET_FILTER_CAPABILITIES {
    pub Size: ULONG,
    pub PacketFilterMatch: BOOLEAN,
}

zeroed_default!(NET_ADAPTER_WAKE_PACKET_FILTER_CAPABILITIES);
assert_layout!(NET_ADAPTER_WAKE_PACKET_FILTER_CAPABILITIES, 8, 4, Size = 0, PacketFilterMatch = 4);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_WAKE_REASON_PACKET {
    pub Size: ULONG,
    pub PatternId: ULONG,
    pub OriginalPacketSize: ULONG,
    pub WakePacket: WDFMEMORY,
}

zeroed_default!(NET_ADAPTER_WAKE_REASON_PACKET);
assert_layout!(NET_ADAPTER_WAKE_REASON_PACKET, 24, 8, Size = 0, PatternId = 4, OriginalPacketSize = 8, WakePacket = 16);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_DEVICE_POWER_POLICY_EVENT_CALLBACKS {
    pub Size: ULONG,
    pub EvtDevicePreviewBitmapPattern: PFN_NET_DEVICE_PREVIEW_WAKE_SOURCE,
    pub EvtDevicePreviewArpOffload: PFN_NET_DEVICE_PREVIEW_POWER_OFFLOAD,
    pub EvtDevicePreviewNSOffload: PFN_NET_DEVICE_PREVIEW_POWER_OFFLOAD,
}

zeroed_default!(NET_DEVICE_POWER_POLICY_EVENT_CALLBACKS);
assert_layout!(
    NET_DEVICE_POWER_POLICY_EVENT_CALLBACKS,
    32,
    8,
    Size = 0,
    EvtDevicePreviewBitmapPattern = 8,
    EvtDevicePreviewArpOffload = 16,
    EvtDevicePreviewNSOffload = 24
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_DEVICE_RESET_CAPABILITIES {
    pub Size: ULONG,
    pub ResetDiagnosticsGuid: GUID,
    pub EvtNetDeviceCollectResetDiagnostics: PFN_NET_DEVICE_COLLECT_RESET_DIAGNOSTICS,
}

zeroed_default!(NET_DEVICE_RESET_CAPABILITIES);
assert_layout!(
    NET_DEVICE_RESET_CAPABILITIES,
    32,
    8,
    Size = 0,
    ResetDiagnosticsGuid = 4,
    EvtNetDeviceCollectResetDiagnostics = 24
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_EXECUTION_CONTEXT_CONFIG {
    pub Size: ULONG,
    pub EvtPreAdvance: PFN_NET_EXECUTION_CONTEXT_PRE_ADVANCE,
    pub EvtPostAdvance: PFN_NET_EXECUTION_CONTEXT_POST_ADVANCE,
    pub EvtSetNotificationEnabled: PFN_NET_EXECUTION_CONTEXT_SET_NOTIFICATION_ENABLED,
}

zeroed_default!(NET_EXECUTION_CONTEXT_CONFIG);
assert_layout!(
    NET_EXECUTION_CONTEXT_CONFIG,
    32,
    8,
    Size = 0,
    EvtPreAdvance = 8,
    EvtPostAdvance = 16,
    EvtSetNotificationEnabled = 24
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_EXECUTION_CONTEXT_TASK_CONFIG {
    pub Size: ULONG,
    pub EvtTask: PFN_NET_EXECUTION_CONTEXT_TASK,
}

zeroed_default!(NET_EXECUTION_CONTEXT_TASK_CONFIG);
assert_layout!(NET_EXECUTION_CONTEXT_TASK_CONFIG, 16, 8, Size = 0, EvtTask = 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_PACKET_QUEUE_CONFIG {
    pub Size: ULONG,
    pub EvtStart: PFN_PACKET_QUEUE_START,
    pub EvtStop: PFN_PACKET_QUEUE_STOP,
    pub EvtAdvance: PFN_PACKET_QUEUE_ADVANCE,
    pub EvtSetNotificationEnabled: PFN_PACKET_QUEUE_SET_NOTIFICATION_ENABLED,
    pub EvtCancel: PFN_PACKET_QUEUE_CANCEL,
    pub ExecutionContext: NETEXECUTIONCONTEXT,
}

zeroed_default!(NET_PACKET_QUEUE_CONFIG);
assert_layout!(
    NET_PACKET_QUEUE_CONFIG,
    56,
    8,
    Size = 0,
    EvtStart = 8,
    EvtStop = 16,
    EvtAdvance = 24,
    EvtSetNotificationEnabled = 32,
    EvtCancel = 40,
    ExecutionContext = 48
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_POWER_OFFLOAD_ARP_PARAMETERS {
    pub Size: ULONG,
    pub Id: ULONG,
    pub RemoteIPv4Address: NET_IPV4_ADDRESS,
    pub HostIPv4Address: NET_IPV4_ADDRESS,
    pub LinkLayerAddress: NET_ADAPTER_LINK_LAYER_ADDRESS,
}

zeroed_default!(NET_POWER_OFFLOAD_ARP_PARAMETERS);
assert_layout!(
    NET_POWER_OFFLOAD_ARP_PARAMETERS,
    52,
    4,
    Size = 0,
    Id = 4,
    RemoteIPv4Address = 8,
    HostIPv4Address = 12,
    LinkLayerAddress = 16
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_POWER_OFFLOAD_LIST {
    pub Size: ULONG,
    pub Reserved: [*mut c_void; 4],
}

zeroed_default!(NET_POWER_OFFLOAD_LIST);
assert_layout!(NET_POWER_OFFLOAD_LIST, 40, 8, Size = 0, Reserved = 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_POWER_OFFLOAD_NS_PARAMETERS {
    pub Size: ULONG,
    pub Id: ULONG,
    pub RemoteIPv6Address: NET_IPV6_ADDRESS,
    pub SolicitedNodeIPv6Address: NET_IPV6_ADDRESS,
    pub TargetIPv6Addresses: [NET_IPV6_ADDRESS; 2],
    pub LinkLayerAddress: NET_ADAPTER_LINK_LAYER_ADDRESS,
}

zeroed_default!(NET_POWER_OFFLOAD_NS_PARAMETERS);
assert_layout!(
    NET_POWER_OFFLOAD_NS_PARAMETERS,
    112,
    8,
    Size = 0,
    Id = 4,
    RemoteIPv6Address = 8,
    SolicitedNodeIPv6Address = 24,
    TargetIPv6Addresses = 40,
    LinkLayerAddress = 72
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_RXQUEUE_BUFFER_LAYOUT_HINT {
    pub MinimumBackfillSize: ULONG,
    pub L3HeaderAlignment: ULONG,
}

zeroed_default!(NET_RXQUEUE_BUFFER_LAYOUT_HINT);
assert_layout!(NET_RXQUEUE_BUFFER_LAYOUT_HINT, 8, 4, MinimumBackfillSize = 0, L3HeaderAlignment = 4);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_WAKE_SOURCE_BITMAP_PARAMETERS {
    pub Size: ULONG,
    pub Id: ULONG,
    pub Pattern: *const UCHAR,
    pub PatternSize: SIZE_T,
    pub Mask: *const UCHAR,
    pub MaskSize: SIZE_T,
}

zeroed_default!(NET_WAKE_SOURCE_BITMAP_PARAMETERS);
assert_layout!(
    NET_WAKE_SOURCE_BITMAP_PARAMETERS,
    40,
    8,
    Size = 0,
    Id = 4,
    Pattern = 8,
    PatternSize = 16,
    Mask = 24,
    MaskSize = 32
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_WAKE_SOURCE_LIST {
    pub Size: ULONG,
    pub Reserved: [*mut c_void; 4],
}

zeroed_default!(NET_WAKE_SOURCE_LIST);
assert_layout!(NET_WAKE_SOURCE_LIST, 40, 8, Size = 0, Reserved = 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_WAKE_SOURCE_MEDIA_CHANGE_PARAMETERS {
    pub Size: ULONG,
    pub MediaConnect: BOOLEAN,
    pub MediaDisconnect: BOOLEAN,
}

zeroed_default!(NET_WAKE_SOURCE_MEDIA_CHANGE_PARAMETERS);
assert_layout!(NET_WAKE_SOURCE_MEDIA_CHANGE_PARAMETERS, 8, 4, Size = 0, MediaConnect = 4, MediaDisconnect = 5);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_DRIVER_GLOBALS {
    pub Unused: ULONG,
}

zeroed_default!(NET_DRIVER_GLOBALS);
assert_layout!(NET_DRIVER_GLOBALS, 4, 4, Unused = 0);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_EXTENSION_QUERY {
    pub Size: ULONG,
    pub Name: PCWSTR,
    pub Version: ULONG,
    pub Type: NET_EXTENSION_TYPE,
}

zeroed_default!(NET_EXTENSION_QUERY);
assert_layout!(NET_EXTENSION_QUERY, 24, 8, Size = 0, Name = 8, Version = 16, Type = 20);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_FRAGMENT_LOGICAL_ADDRESS {
    pub LogicalAddress: UINT64,
}

zeroed_default!(NET_FRAGMENT_LOGICAL_ADDRESS);
assert_layout!(NET_FRAGMENT_LOGICAL_ADDRESS, 8, 8, LogicalAddress = 0);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_FRAGMENT_MDL {
    pub Mdl: *mut MDL,
}

zeroed_default!(NET_FRAGMENT_MDL);
assert_layout!(NET_FRAGMENT_MDL, 8, 8, Mdl = 0);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_FRAGMENT_RETURN_CONTEXT {
    pub Handle: NET_FRAGMENT_RETURN_CONTEXT_HANDLE,
}

zeroed_default!(NET_FRAGMENT_RETURN_CONTEXT);
assert_layout!(NET_FRAGMENT_RETURN_CONTEXT, 8, 8, Handle = 0);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_FRAGMENT_VIRTUAL_ADDRESS {
    pub VirtualAddress: *mut c_void,
}

zeroed_default!(NET_FRAGMENT_VIRTUAL_ADDRESS);
assert_layout!(NET_FRAGMENT_VIRTUAL_ADDRESS, 8, 8, VirtualAddress = 0);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_PACKET_HASH {
    pub HashValue: UINT32,
    pub ProtocolType: UINT16,
}

zeroed_default!(NET_PACKET_HASH);
assert_layout!(NET_PACKET_HASH, 8, 4, HashValue = 0, ProtocolType = 4);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_PACKET_WIFI_EXEMPTION_ACTION {
    pub ExemptionAction: UINT8,
}

zeroed_default!(NET_PACKET_WIFI_EXEMPTION_ACTION);
assert_layout!(NET_PACKET_WIFI_EXEMPTION_ACTION, 1, 1, ExemptionAction = 0);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_RING_COLLECTION {
    pub Rings: [*mut NET_RING; 3],
}

zeroed_default!(NET_RING_COLLECTION);
assert_layout!(NET_RING_COLLECTION, 24, 8, Rings = 0);

/// The callback of driver-allocated buffers shares its place with the DMA mapping of system-allocated ones.
#[repr(C)]
#[derive(Clone, Copy)]
pub union NET_ADAPTER_RX_CAPABILITIES__bindgen_ty_1 {
    pub EvtAdapterReturnRxBuffer: PFN_NET_ADAPTER_RETURN_RX_BUFFER,
    pub MappingRequirement: NET_MEMORY_MAPPING_REQUIREMENT,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_RX_CAPABILITIES {
    pub Size: ULONG,
    pub AllocationMode: NET_RX_FRAGMENT_BUFFER_ALLOCATION_MODE,
    pub AttachmentMode: NET_RX_FRAGMENT_BUFFER_ATTACHMENT_MODE,
    pub FragmentRingNumberOfElementsHint: UINT32,
    pub MaximumFrameSize: SIZE_T,
    pub MaximumNumberOfQueues: SIZE_T,
    pub anon: NET_ADAPTER_RX_CAPABILITIES__bindgen_ty_1,
    pub FragmentBufferAlignment: SIZE_T,
    pub DmaCapabilities: *mut NET_ADAPTER_DMA_CAPABILITIES,
}
zeroed_default!(NET_ADAPTER_RX_CAPABILITIES);
assert_layout!(
    NET_ADAPTER_RX_CAPABILITIES,
    56,
    8,
    Size = 0,
    AllocationMode = 4,
    AttachmentMode = 8,
    FragmentRingNumberOfElementsHint = 12,
    MaximumFrameSize = 16,
    MaximumNumberOfQueues = 24,
    anon = 32,
    FragmentBufferAlignment = 40,
    DmaCapabilities = 48
);

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct NET_ADAPTER_RECEIVE_SCALING_CAPABILITIES__bindgen_ty_1 {
    pub Outer: NET_ADAPTER_RECEIVE_SCALING_ENCAPSULATION_TYPE,
    pub Inner: NET_ADAPTER_RECEIVE_SCALING_ENCAPSULATION_TYPE,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_ADAPTER_RECEIVE_SCALING_CAPABILITIES {
    pub Size: ULONG,
    pub NumberOfQueues: SIZE_T,
    pub IndirectionTableSize: SIZE_T,
    pub UnhashedTargetIndex: SIZE_T,
    pub UnhashedTargetType: NET_ADAPTER_RECEIVE_SCALING_UNHASHED_TARGET_TYPE,
    pub ReceiveScalingHashTypes: NET_ADAPTER_RECEIVE_SCALING_HASH_TYPE,
    pub ReceiveScalingProtocolTypes: NET_ADAPTER_RECEIVE_SCALING_PROTOCOL_TYPE,
    pub ReceiveScalingEncapsulationTypes: NET_ADAPTER_RECEIVE_SCALING_CAPABILITIES__bindgen_ty_1,
    pub SynchronizeSetIndirectionEntries: BOOLEAN,
    pub EvtAdapterReceiveScalingEnable: PFN_NET_ADAPTER_RECEIVE_SCALING_ENABLE,
    pub EvtAdapterReceiveScalingDisable: PFN_NET_ADAPTER_RECEIVE_SCALING_DISABLE,
    pub EvtAdapterReceiveScalingSetHashSecretKey: PFN_NET_ADAPTER_RECEIVE_SCALING_SET_HASH_SECRET_KEY,
    pub EvtAdapterReceiveScalingSetIndirectionEntries: PFN_NET_ADAPTER_RECEIVE_SCALING_SET_INDIRECTION_ENTRIES,
}
zeroed_default!(NET_ADAPTER_RECEIVE_SCALING_CAPABILITIES);
assert_layout!(
    NET_ADAPTER_RECEIVE_SCALING_CAPABILITIES,
    88,
    8,
    NumberOfQueues = 8,
    UnhashedTargetType = 32,
    ReceiveScalingEncapsulationTypes = 44,
    SynchronizeSetIndirectionEntries = 52,
    EvtAdapterReceiveScalingEnable = 56,
    EvtAdapterReceiveScalingSetIndirectionEntries = 80
);

#[repr(C)]
#[derive(Clone, Copy)]
pub union NET_IPV4_ADDRESS {
    pub Address: UINT32,
    pub Value: [UINT8; 4],
}
zeroed_default!(NET_IPV4_ADDRESS);
assert_layout!(NET_IPV4_ADDRESS, 4, 4);

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct NET_IPV6_ADDRESS__bindgen_ty_1 {
    pub NetworkPrefix: UINT64,
    pub InterfaceIdentifier: UINT64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union NET_IPV6_ADDRESS {
    pub Unicast: NET_IPV6_ADDRESS__bindgen_ty_1,
    pub Value: [UINT8; 16],
}
zeroed_default!(NET_IPV6_ADDRESS);
assert_layout!(NET_IPV6_ADDRESS, 16, 8);
