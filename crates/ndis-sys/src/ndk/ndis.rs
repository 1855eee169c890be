//! NDIS' side of NDK: the provider's entry points, capabilities, and the data of its OIDs.

use super::*;
use crate::*;
use wdk_sys::{BOOLEAN, ULONG, ULONG64};

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_OPEN_NDK_ADAPTER_PARAMETERS {
    pub Version: NDK_VERSION,
    pub SwitchId: NDIS_NIC_SWITCH_ID,
    pub VPortId: NDIS_NIC_SWITCH_VPORT_ID,
}

zeroed_default!(NDIS_OPEN_NDK_ADAPTER_PARAMETERS);
assert_layout!(NDIS_OPEN_NDK_ADAPTER_PARAMETERS, 12, 4, Version = 0, SwitchId = 4, VPortId = 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_NDK_PROVIDER_CHARACTERISTICS {
    pub Header: NDIS_OBJECT_HEADER,
    pub Flags: ULONG,
    pub OpenNDKAdapterHandler: OPEN_NDK_ADAPTER_HANDLER,
    pub CloseNDKAdapterHandler: CLOSE_NDK_ADAPTER_HANDLER,
}

zeroed_default!(NDIS_NDK_PROVIDER_CHARACTERISTICS);
assert_layout!(
    NDIS_NDK_PROVIDER_CHARACTERISTICS,
    24,
    8,
    Header = 0,
    Flags = 4,
    OpenNDKAdapterHandler = 8,
    CloseNDKAdapterHandler = 16
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_NDK_CAPABILITIES {
    pub Header: NDIS_OBJECT_HEADER,
    pub Flags: ULONG,
    pub MaxQpCount: ULONG,
    pub MaxCqCount: ULONG,
    pub MaxMrCount: ULONG,
    pub MaxPdCount: ULONG,
    pub MaxInboundReadLimit: ULONG,
    pub MaxOutboundReadLimit: ULONG,
    pub MaxMwCount: ULONG,
    pub MaxSrqCount: ULONG,
    pub MissingCounterMask: ULONG64,
    pub NdkInfo: *mut NDK_ADAPTER_INFO,
}

zeroed_default!(NDIS_NDK_CAPABILITIES);
assert_layout!(
    NDIS_NDK_CAPABILITIES,
    56,
    8,
    Header = 0,
    Flags = 4,
    MaxQpCount = 8,
    MaxCqCount = 12,
    MaxMrCount = 16,
    MaxPdCount = 20,
    MaxInboundReadLimit = 24,
    MaxOutboundReadLimit = 28,
    MaxMwCount = 32,
    MaxSrqCount = 36,
    MissingCounterMask = 40,
    NdkInfo = 48
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES {
    pub Header: NDIS_OBJECT_HEADER,
    pub Enabled: BOOLEAN,
    pub NdkCapabilities: *mut NDIS_NDK_CAPABILITIES,
}

zeroed_default!(NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES);
assert_layout!(NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES, 16, 8, Header = 0, Enabled = 4, NdkCapabilities = 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_NDK_PERFORMANCE_COUNTERS {
    pub Connect: ULONG64,
    pub Accept: ULONG64,
    pub ConnectFailure: ULONG64,
    pub ConnectionError: ULONG64,
    pub ActiveConnection: ULONG64,
    pub Reserved01: ULONG64,
    pub Reserved02: ULONG64,
    pub Reserved03: ULONG64,
    pub Reserved04: ULONG64,
    pub Reserved05: ULONG64,
    pub Reserved06: ULONG64,
    pub Reserved07: ULONG64,
    pub Reserved08: ULONG64,
    pub Reserved09: ULONG64,
    pub Reserved10: ULONG64,
    pub Reserved11: ULONG64,
    pub Reserved12: ULONG64,
    pub Reserved13: ULONG64,
    pub Reserved14: ULONG64,
    pub Reserved15: ULONG64,
    pub Reserved16: ULONG64,
    pub Reserved17: ULONG64,
    pub Reserved18: ULONG64,
    pub Reserved19: ULONG64,
    pub Reserved20: ULONG64,
    pub CQError: ULONG64,
    pub RDMAInOctets: ULONG64,
    pub RDMAOutOctets: ULONG64,
    pub RDMAInFrames: ULONG64,
    pub RDMAOutFrames: ULONG64,
}

zeroed_default!(NDIS_NDK_PERFORMANCE_COUNTERS);
assert_layout!(
    NDIS_NDK_PERFORMANCE_COUNTERS,
    240,
    8,
    Connect = 0,
    Accept = 8,
    ConnectFailure = 16,
    ConnectionError = 24,
    ActiveConnection = 32,
    Reserved01 = 40,
    Reserved02 = 48,
    Reserved03 = 56,
    Reserved04 = 64,
    Reserved05 = 72,
    Reserved06 = 80,
    Reserved07 = 88,
    Reserved08 = 96,
    Reserved09 = 104,
    Reserved10 = 112,
    Reserved11 = 120,
    Reserved12 = 128,
    Reserved13 = 136,
    Reserved14 = 144,
    Reserved15 = 152,
    Reserved16 = 160,
    Reserved17 = 168,
    Reserved18 = 176,
    Reserved19 = 184,
    Reserved20 = 192,
    CQError = 200,
    RDMAInOctets = 208,
    RDMAOutOctets = 216,
    RDMAInFrames = 224,
    RDMAOutFrames = 232
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_NDK_STATISTICS_INFO {
    pub Header: NDIS_OBJECT_HEADER,
    pub Flags: ULONG,
    pub CounterSet: NDIS_NDK_PERFORMANCE_COUNTERS,
}

zeroed_default!(NDIS_NDK_STATISTICS_INFO);
assert_layout!(NDIS_NDK_STATISTICS_INFO, 248, 8, Header = 0, Flags = 4, CounterSet = 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_NDK_CONNECTION_ENTRY {
    pub Local: SOCKADDR_INET,
    pub Remote: SOCKADDR_INET,
    pub UserModeOwner: BOOLEAN,
    pub OwnerPid: ULONG,
}

zeroed_default!(NDIS_NDK_CONNECTION_ENTRY);
assert_layout!(NDIS_NDK_CONNECTION_ENTRY, 64, 4, Local = 0, Remote = 28, UserModeOwner = 56, OwnerPid = 60);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_NDK_CONNECTIONS {
    pub Header: NDIS_OBJECT_HEADER,
    pub Flags: ULONG,
    pub Count: ULONG,
    pub NDConnectionsMappedtoTCPConnections: BOOLEAN,
    pub Connections: [NDIS_NDK_CONNECTION_ENTRY; 1],
}

zeroed_default!(NDIS_NDK_CONNECTIONS);
assert_layout!(
    NDIS_NDK_CONNECTIONS,
    80,
    4,
    Header = 0,
    Flags = 4,
    Count = 8,
    NDConnectionsMappedtoTCPConnections = 12,
    Connections = 16
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_NDK_LOCAL_ENDPOINT_ENTRY {
    pub Local: SOCKADDR_INET,
    pub UserModeOwner: BOOLEAN,
    pub Listener: BOOLEAN,
    pub OwnerPid: ULONG,
}

zeroed_default!(NDIS_NDK_LOCAL_ENDPOINT_ENTRY);
assert_layout!(NDIS_NDK_LOCAL_ENDPOINT_ENTRY, 36, 4, Local = 0, UserModeOwner = 28, Listener = 29, OwnerPid = 32);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_NDK_LOCAL_ENDPOINTS {
    pub Header: NDIS_OBJECT_HEADER,
    pub Flags: ULONG,
    pub Count: ULONG,
    pub NDLocalEndpointsMappedtoTCPLocalEndpoints: BOOLEAN,
    pub LocalEndpoints: [NDIS_NDK_LOCAL_ENDPOINT_ENTRY; 1],
}

zeroed_default!(NDIS_NDK_LOCAL_ENDPOINTS);
assert_layout!(
    NDIS_NDK_LOCAL_ENDPOINTS,
    52,
    4,
    Header = 0,
    Flags = 4,
    Count = 8,
    NDLocalEndpointsMappedtoTCPLocalEndpoints = 12,
    LocalEndpoints = 16
);
