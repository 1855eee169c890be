//! Receive filters: capabilities, tests of header fields, the parameters of the OIDs that set and list them.

use crate::*;
use wdk_sys::{UCHAR, ULONG, ULONG64, USHORT};

pub mod _NDIS_FRAME_HEADER {
    pub type Type = i32;
    pub const NdisFrameHeaderUndefined: Type = 0;
    pub const NdisFrameHeaderMac: Type = 1;
    pub const NdisFrameHeaderArp: Type = 2;
    pub const NdisFrameHeaderIPv4: Type = 3;
    pub const NdisFrameHeaderIPv6: Type = 4;
    pub const NdisFrameHeaderUdp: Type = 5;
    pub const NdisFrameHeaderMaximum: Type = 6;
}
pub use self::_NDIS_FRAME_HEADER::Type as NDIS_FRAME_HEADER;

pub mod _NDIS_MAC_HEADER_FIELD {
    pub type Type = i32;
    pub const NdisMacHeaderFieldUndefined: Type = 0;
    pub const NdisMacHeaderFieldDestinationAddress: Type = 1;
    pub const NdisMacHeaderFieldSourceAddress: Type = 2;
    pub const NdisMacHeaderFieldProtocol: Type = 3;
    pub const NdisMacHeaderFieldVlanId: Type = 4;
    pub const NdisMacHeaderFieldPriority: Type = 5;
    pub const NdisMacHeaderFieldPacketType: Type = 6;
    pub const NdisMacHeaderFieldMaximum: Type = 7;
}
pub use self::_NDIS_MAC_HEADER_FIELD::Type as NDIS_MAC_HEADER_FIELD;

pub mod _NDIS_ARP_HEADER_FIELD {
    pub type Type = i32;
    pub const NdisARPHeaderFieldUndefined: Type = 0;
    pub const NdisARPHeaderFieldOperation: Type = 1;
    pub const NdisARPHeaderFieldSPA: Type = 2;
    pub const NdisARPHeaderFieldTPA: Type = 3;
    pub const NdisARPHeaderFieldMaximum: Type = 4;
}
pub use self::_NDIS_ARP_HEADER_FIELD::Type as NDIS_ARP_HEADER_FIELD;

pub mod _NDIS_IPV4_HEADER_FIELD {
    pub type Type = i32;
    pub const NdisIPv4HeaderFieldUndefined: Type = 0;
    pub const NdisIPv4HeaderFieldProtocol: Type = 1;
    pub const NdisIPv4HeaderFieldMaximum: Type = 2;
}
pub use self::_NDIS_IPV4_HEADER_FIELD::Type as NDIS_IPV4_HEADER_FIELD;

pub mod _NDIS_IPV6_HEADER_FIELD {
    pub type Type = i32;
    pub const NdisIPv6HeaderFieldUndefined: Type = 0;
    pub const NdisIPv6HeaderFieldProtocol: Type = 1;
    pub const NdisIPv6HeaderFieldMaximum: Type = 2;
}
pub use self::_NDIS_IPV6_HEADER_FIELD::Type as NDIS_IPV6_HEADER_FIELD;

pub mod _NDIS_UDP_HEADER_FIELD {
    pub type Type = i32;
    pub const NdisUdpHeaderFieldUndefined: Type = 0;
    pub const NdisUdpHeaderFieldDestinationPort: Type = 1;
    pub const NdisUdpHeaderFieldMaximum: Type = 2;
}
pub use self::_NDIS_UDP_HEADER_FIELD::Type as NDIS_UDP_HEADER_FIELD;

pub mod _NDIS_RECEIVE_FILTER_TEST {
    pub type Type = i32;
    pub const NdisReceiveFilterTestUndefined: Type = 0;
    pub const NdisReceiveFilterTestEqual: Type = 1;
    pub const NdisReceiveFilterTestMaskEqual: Type = 2;
    pub const NdisReceiveFilterTestNotEqual: Type = 3;
    pub const NdisReceiveFilterTestMaximum: Type = 4;
}
pub use self::_NDIS_RECEIVE_FILTER_TEST::Type as NDIS_RECEIVE_FILTER_TEST;

pub mod _NDIS_RECEIVE_FILTER_TYPE {
    pub type Type = i32;
    pub const NdisReceiveFilterTypeUndefined: Type = 0;
    pub const NdisReceiveFilterTypeVMQueue: Type = 1;
    pub const NdisReceiveFilterTypePacketCoalescing: Type = 2;
    pub const NdisReceiveFilterTypeMaximum: Type = 3;
}
pub use self::_NDIS_RECEIVE_FILTER_TYPE::Type as NDIS_RECEIVE_FILTER_TYPE;

/// The field to test; `FrameHeader` says which member counts.
#[repr(C)]
#[derive(Clone, Copy)]
pub union NDIS_RECEIVE_FILTER_HEADER_FIELD {
    pub MacHeaderField: NDIS_MAC_HEADER_FIELD,
    pub ArpHeaderField: NDIS_ARP_HEADER_FIELD,
    pub IPv4HeaderField: NDIS_IPV4_HEADER_FIELD,
    pub IPv6HeaderField: NDIS_IPV6_HEADER_FIELD,
    pub UdpHeaderField: NDIS_UDP_HEADER_FIELD,
}

zeroed_default!(NDIS_RECEIVE_FILTER_HEADER_FIELD);
assert_layout!(
    NDIS_RECEIVE_FILTER_HEADER_FIELD,
    4,
    4,
    MacHeaderField = 0,
    ArpHeaderField = 0,
    IPv4HeaderField = 0,
    IPv6HeaderField = 0,
    UdpHeaderField = 0
);

/// The value to compare a field with (or the mask, for a masked test).
#[repr(C)]
#[derive(Clone, Copy)]
pub union NDIS_RECEIVE_FILTER_FIELD_VALUE {
    pub FieldByteValue: UCHAR,
    pub FieldShortValue: USHORT,
    pub FieldLongValue: ULONG,
    pub FieldLong64Value: ULONG64,
    pub FieldByteArrayValue: [UCHAR; 16],
}

zeroed_default!(NDIS_RECEIVE_FILTER_FIELD_VALUE);
assert_layout!(
    NDIS_RECEIVE_FILTER_FIELD_VALUE,
    16,
    8,
    FieldByteValue = 0,
    FieldShortValue = 0,
    FieldLongValue = 0,
    FieldLong64Value = 0,
    FieldByteArrayValue = 0
);

/// What a masked test must give.
#[repr(C)]
#[derive(Clone, Copy)]
pub union NDIS_RECEIVE_FILTER_RESULT_VALUE {
    pub ResultByteValue: UCHAR,
    pub ResultShortValue: USHORT,
    pub ResultLongValue: ULONG,
    pub ResultLong64Value: ULONG64,
    pub ResultByteArrayValue: [UCHAR; 16],
}

zeroed_default!(NDIS_RECEIVE_FILTER_RESULT_VALUE);
assert_layout!(
    NDIS_RECEIVE_FILTER_RESULT_VALUE,
    16,
    8,
    ResultByteValue = 0,
    ResultShortValue = 0,
    ResultLongValue = 0,
    ResultLong64Value = 0,
    ResultByteArrayValue = 0
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_RECEIVE_FILTER_CAPABILITIES {
    pub Header: NDIS_OBJECT_HEADER,
    pub Flags: ULONG,
    pub EnabledFilterTypes: ULONG,
    pub EnabledQueueTypes: ULONG,
    pub NumQueues: ULONG,
    pub SupportedQueueProperties: ULONG,
    pub SupportedFilterTests: ULONG,
    pub SupportedHeaders: ULONG,
    pub SupportedMacHeaderFields: ULONG,
    pub MaxMacHeaderFilters: ULONG,
    pub MaxQueueGroups: ULONG,
    pub MaxQueuesPerQueueGroup: ULONG,
    pub MinLookaheadSplitSize: ULONG,
    pub MaxLookaheadSplitSize: ULONG,
    pub SupportedARPHeaderFields: ULONG,
    pub SupportedIPv4HeaderFields: ULONG,
    pub SupportedIPv6HeaderFields: ULONG,
    pub SupportedUdpHeaderFields: ULONG,
    pub MaxFieldTestsPerPacketCoalescingFilter: ULONG,
    pub MaxPacketCoalescingFilters: ULONG,
    pub NdisReserved: ULONG,
}

zeroed_default!(NDIS_RECEIVE_FILTER_CAPABILITIES);
assert_layout!(
    NDIS_RECEIVE_FILTER_CAPABILITIES,
    84,
    4,
    Header = 0,
    Flags = 4,
    EnabledFilterTypes = 8,
    EnabledQueueTypes = 12,
    NumQueues = 16,
    SupportedQueueProperties = 20,
    SupportedFilterTests = 24,
    SupportedHeaders = 28,
    SupportedMacHeaderFields = 32,
    MaxMacHeaderFilters = 36,
    MaxQueueGroups = 40,
    MaxQueuesPerQueueGroup = 44,
    MinLookaheadSplitSize = 48,
    MaxLookaheadSplitSize = 52,
    SupportedARPHeaderFields = 56,
    SupportedIPv4HeaderFields = 60,
    SupportedIPv6HeaderFields = 64,
    SupportedUdpHeaderFields = 68,
    MaxFieldTestsPerPacketCoalescingFilter = 72,
    MaxPacketCoalescingFilters = 76,
    NdisReserved = 80
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS {
    pub Header: NDIS_OBJECT_HEADER,
    pub Flags: ULONG,
    pub QueueId: NDIS_RECEIVE_QUEUE_ID,
    pub FilterId: NDIS_RECEIVE_FILTER_ID,
}

zeroed_default!(NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS);
assert_layout!(NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS, 16, 4, Header = 0, Flags = 4, QueueId = 8, FilterId = 12);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_RECEIVE_FILTER_FIELD_PARAMETERS {
    pub Header: NDIS_OBJECT_HEADER,
    pub Flags: ULONG,
    pub FrameHeader: NDIS_FRAME_HEADER,
    pub ReceiveFilterTest: NDIS_RECEIVE_FILTER_TEST,
    pub HeaderField: NDIS_RECEIVE_FILTER_HEADER_FIELD,
    pub FieldValue: NDIS_RECEIVE_FILTER_FIELD_VALUE,
    pub ResultValue: NDIS_RECEIVE_FILTER_RESULT_VALUE,
}

zeroed_default!(NDIS_RECEIVE_FILTER_FIELD_PARAMETERS);
assert_layout!(
    NDIS_RECEIVE_FILTER_FIELD_PARAMETERS,
    56,
    8,
    Header = 0,
    Flags = 4,
    FrameHeader = 8,
    ReceiveFilterTest = 12,
    HeaderField = 16,
    FieldValue = 24,
    ResultValue = 40
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS {
    pub Header: NDIS_OBJECT_HEADER,
    pub Flags: ULONG,
    pub EnabledFilterTypes: ULONG,
    pub EnabledQueueTypes: ULONG,
}

zeroed_default!(NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS);
assert_layout!(
    NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS,
    16,
    4,
    Header = 0,
    Flags = 4,
    EnabledFilterTypes = 8,
    EnabledQueueTypes = 12
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_RECEIVE_FILTER_INFO {
    pub Header: NDIS_OBJECT_HEADER,
    pub Flags: ULONG,
    pub FilterType: NDIS_RECEIVE_FILTER_TYPE,
    pub FilterId: NDIS_RECEIVE_FILTER_ID,
}

zeroed_default!(NDIS_RECEIVE_FILTER_INFO);
assert_layout!(NDIS_RECEIVE_FILTER_INFO, 16, 4, Header = 0, Flags = 4, FilterType = 8, FilterId = 12);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_RECEIVE_FILTER_INFO_ARRAY {
    pub Header: NDIS_OBJECT_HEADER,
    pub QueueId: NDIS_RECEIVE_QUEUE_ID,
    pub FirstElementOffset: ULONG,
    pub NumElements: ULONG,
    pub ElementSize: ULONG,
    pub Flags: ULONG,
    pub VPortId: NDIS_NIC_SWITCH_VPORT_ID,
}

zeroed_default!(NDIS_RECEIVE_FILTER_INFO_ARRAY);
assert_layout!(
    NDIS_RECEIVE_FILTER_INFO_ARRAY,
    28,
    4,
    Header = 0,
    QueueId = 4,
    FirstElementOffset = 8,
    NumElements = 12,
    ElementSize = 16,
    Flags = 20,
    VPortId = 24
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS {
    pub Header: NDIS_OBJECT_HEADER,
    pub FilterId: NDIS_RECEIVE_FILTER_ID,
    pub SourceQueueId: NDIS_RECEIVE_QUEUE_ID,
    pub SourceVPortId: NDIS_NIC_SWITCH_VPORT_ID,
    pub DestQueueId: NDIS_RECEIVE_QUEUE_ID,
    pub DestVPortId: NDIS_NIC_SWITCH_VPORT_ID,
}

zeroed_default!(NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS);
assert_layout!(
    NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS,
    24,
    4,
    Header = 0,
    FilterId = 4,
    SourceQueueId = 8,
    SourceVPortId = 12,
    DestQueueId = 16,
    DestVPortId = 20
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_RECEIVE_FILTER_PARAMETERS {
    pub Header: NDIS_OBJECT_HEADER,
    pub Flags: ULONG,
    pub FilterType: NDIS_RECEIVE_FILTER_TYPE,
    pub QueueId: NDIS_RECEIVE_QUEUE_ID,
    pub FilterId: NDIS_RECEIVE_FILTER_ID,
    pub FieldParametersArrayOffset: ULONG,
    pub FieldParametersArrayNumElements: ULONG,
    pub FieldParametersArrayElementSize: ULONG,
    pub RequestedFilterIdBitCount: ULONG,
    pub MaxCoalescingDelay: ULONG,
    pub VPortId: NDIS_NIC_SWITCH_VPORT_ID,
}

zeroed_default!(NDIS_RECEIVE_FILTER_PARAMETERS);
assert_layout!(
    NDIS_RECEIVE_FILTER_PARAMETERS,
    44,
    4,
    Header = 0,
    Flags = 4,
    FilterType = 8,
    QueueId = 12,
    FilterId = 16,
    FieldParametersArrayOffset = 20,
    FieldParametersArrayNumElements = 24,
    FieldParametersArrayElementSize = 28,
    RequestedFilterIdBitCount = 32,
    MaxCoalescingDelay = 36,
    VPortId = 40
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_RECEIVE_FILTER_QUEUE_STATE_CHANGE {
    pub Header: NDIS_OBJECT_HEADER,
    pub QueueId: ULONG,
}

zeroed_default!(NDIS_RECEIVE_FILTER_QUEUE_STATE_CHANGE);
assert_layout!(NDIS_RECEIVE_FILTER_QUEUE_STATE_CHANGE, 8, 4, Header = 0, QueueId = 4);

pub const NDIS_RECEIVE_FILTER_ANY_VLAN_SUPPORTED: ULONG = 0x20;
pub const NDIS_RECEIVE_FILTER_ARP_HEADER_OPERATION_SUPPORTED: ULONG = 1;
pub const NDIS_RECEIVE_FILTER_ARP_HEADER_SPA_SUPPORTED: ULONG = 2;
pub const NDIS_RECEIVE_FILTER_ARP_HEADER_SUPPORTED: ULONG = 8;
pub const NDIS_RECEIVE_FILTER_ARP_HEADER_TPA_SUPPORTED: ULONG = 4;
pub const NDIS_RECEIVE_FILTER_CAPABILITIES_REVISION_1: UCHAR = 1;
pub const NDIS_RECEIVE_FILTER_CAPABILITIES_REVISION_2: UCHAR = 2;
pub const NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1: UCHAR = 1;
pub const NDIS_RECEIVE_FILTER_DYNAMIC_PROCESSOR_AFFINITY_CHANGE_FOR_DEFAULT_QUEUE_SUPPORTED: ULONG = 0x40;
pub const NDIS_RECEIVE_FILTER_DYNAMIC_PROCESSOR_AFFINITY_CHANGE_SUPPORTED: ULONG = 8;
pub const NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO: ULONG = 1;
pub const NDIS_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_1: UCHAR = 1;
pub const NDIS_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_2: UCHAR = 2;
pub const NDIS_RECEIVE_FILTER_FLAGS_RESERVED: ULONG = 1;
pub const NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS_REVISION_1: UCHAR = 1;
pub const NDIS_RECEIVE_FILTER_IMPLAT_MIN_OF_QUEUES_MODE: ULONG = 0x40;
pub const NDIS_RECEIVE_FILTER_IMPLAT_SUM_OF_QUEUES_MODE: ULONG = 0x80;
pub const NDIS_RECEIVE_FILTER_INFO_ARRAY_REVISION_1: UCHAR = 1;
pub const NDIS_RECEIVE_FILTER_INFO_ARRAY_REVISION_2: UCHAR = 2;
pub const NDIS_RECEIVE_FILTER_INFO_ARRAY_VPORT_ID_SPECIFIED: ULONG = 1;
pub const NDIS_RECEIVE_FILTER_INFO_REVISION_1: UCHAR = 1;
pub const NDIS_RECEIVE_FILTER_INTERRUPT_VECTOR_COALESCING_SUPPORTED: ULONG = 16;
pub const NDIS_RECEIVE_FILTER_IPV4_HEADER_PROTOCOL_SUPPORTED: ULONG = 1;
pub const NDIS_RECEIVE_FILTER_IPV4_HEADER_SUPPORTED: ULONG = 2;
pub const NDIS_RECEIVE_FILTER_IPV6_HEADER_PROTOCOL_SUPPORTED: ULONG = 1;
pub const NDIS_RECEIVE_FILTER_IPV6_HEADER_SUPPORTED: ULONG = 4;
pub const NDIS_RECEIVE_FILTER_LOOKAHEAD_SPLIT_SUPPORTED: ULONG = 4;
pub const NDIS_RECEIVE_FILTER_MAC_HEADER_DEST_ADDR_SUPPORTED: ULONG = 1;
pub const NDIS_RECEIVE_FILTER_MAC_HEADER_PACKET_TYPE_SUPPORTED: ULONG = 0x20;
pub const NDIS_RECEIVE_FILTER_MAC_HEADER_PRIORITY_SUPPORTED: ULONG = 16;
pub const NDIS_RECEIVE_FILTER_MAC_HEADER_PROTOCOL_SUPPORTED: ULONG = 4;
pub const NDIS_RECEIVE_FILTER_MAC_HEADER_SOURCE_ADDR_SUPPORTED: ULONG = 2;
pub const NDIS_RECEIVE_FILTER_MAC_HEADER_SUPPORTED: ULONG = 1;
pub const NDIS_RECEIVE_FILTER_MAC_HEADER_VLAN_ID_SUPPORTED: ULONG = 8;
pub const NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS_REVISION_1: UCHAR = 1;
pub const NDIS_RECEIVE_FILTER_MSI_X_SUPPORTED: ULONG = 1;
pub const NDIS_RECEIVE_FILTER_PACKET_COALESCING_FILTERS_ENABLED: ULONG = 2;
pub const NDIS_RECEIVE_FILTER_PACKET_COALESCING_SUPPORTED_ON_DEFAULT_QUEUE: ULONG = 0x100;
pub const NDIS_RECEIVE_FILTER_PACKET_ENCAPSULATION: ULONG = 2;
pub const NDIS_RECEIVE_FILTER_PACKET_ENCAPSULATION_GRE: ULONG = 2;
pub const NDIS_RECEIVE_FILTER_PARAMETERS_REVISION_1: UCHAR = 1;
pub const NDIS_RECEIVE_FILTER_PARAMETERS_REVISION_2: UCHAR = 2;
pub const NDIS_RECEIVE_FILTER_QUEUE_STATE_CHANGE_REVISION_1: UCHAR = 1;
pub const NDIS_RECEIVE_FILTER_RESERVED: ULONG = 0xfe;
pub const NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_EQUAL_SUPPORTED: ULONG = 1;
pub const NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_MASK_EQUAL_SUPPORTED: ULONG = 2;
pub const NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_NOT_EQUAL_SUPPORTED: ULONG = 4;
pub const NDIS_RECEIVE_FILTER_UDP_HEADER_DEST_PORT_SUPPORTED: ULONG = 1;
pub const NDIS_RECEIVE_FILTER_UDP_HEADER_SUPPORTED: ULONG = 16;
pub const NDIS_RECEIVE_FILTER_VMQ_FILTERS_ENABLED: ULONG = 1;
pub const NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED: ULONG = 1;
pub const NDIS_RECEIVE_FILTER_VM_QUEUE_SUPPORTED: ULONG = 2;

pub const NDIS_SIZEOF_RECEIVE_FILTER_CAPABILITIES_REVISION_1: USHORT = 56;
pub const NDIS_SIZEOF_RECEIVE_FILTER_CAPABILITIES_REVISION_2: USHORT = 84;
pub const NDIS_SIZEOF_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1: USHORT = 16;
pub const NDIS_SIZEOF_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_1: USHORT = 56;
pub const NDIS_SIZEOF_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_2: USHORT = 56;
pub const NDIS_SIZEOF_RECEIVE_FILTER_GLOBAL_PARAMETERS_REVISION_1: USHORT = 16;
pub const NDIS_SIZEOF_RECEIVE_FILTER_INFO_ARRAY_REVISION_1: USHORT = 20;
pub const NDIS_SIZEOF_RECEIVE_FILTER_INFO_ARRAY_REVISION_2: USHORT = 28;
pub const NDIS_SIZEOF_RECEIVE_FILTER_INFO_REVISION_1: USHORT = 16;
pub const NDIS_SIZEOF_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS_REVISION_1: USHORT = 24;
pub const NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_1: USHORT = 36;
pub const NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_2: USHORT = 44;
pub const NDIS_SIZEOF_RECEIVE_FILTER_QUEUE_STATE_CHANGE_REVISION_1: USHORT = 8;
