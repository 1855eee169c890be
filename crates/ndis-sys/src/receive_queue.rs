//! Receive queues: their parameters, state and lists.

use crate::*;
use wdk_sys::{GROUP_AFFINITY, UCHAR, ULONG, USHORT};

pub mod _NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE {
    pub type Type = i32;
    pub const NdisReceiveQueueOperationalStateUndefined: Type = 0;
    pub const NdisReceiveQueueOperationalStateRunning: Type = 1;
    pub const NdisReceiveQueueOperationalStatePaused: Type = 2;
    pub const NdisReceiveQueueOperationalStateDmaStopped: Type = 3;
    pub const NdisReceiveQueueOperationalStateMaximum: Type = 4;
}
pub use self::_NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE::Type as NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE;

pub mod _NDIS_RECEIVE_QUEUE_TYPE {
    pub type Type = i32;
    pub const NdisReceiveQueueTypeUnspecified: Type = 0;
    pub const NdisReceiveQueueTypeVMQueue: Type = 1;
    pub const NdisReceiveQueueTypeMaximum: Type = 2;
}
pub use self::_NDIS_RECEIVE_QUEUE_TYPE::Type as NDIS_RECEIVE_QUEUE_TYPE;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY {
    pub Header: NDIS_OBJECT_HEADER,
    pub Flags: ULONG,
    pub FirstElementOffset: ULONG,
    pub NumElements: ULONG,
    pub ElementSize: ULONG,
}

zeroed_default!(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY);
assert_layout!(
    NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY,
    20,
    4,
    Header = 0,
    Flags = 4,
    FirstElementOffset = 8,
    NumElements = 12,
    ElementSize = 16
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS {
    pub Header: NDIS_OBJECT_HEADER,
    pub Flags: ULONG,
    pub QueueId: NDIS_RECEIVE_QUEUE_ID,
    pub CompletionStatus: NDIS_STATUS,
}

zeroed_default!(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS);
assert_layout!(
    NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS,
    16,
    4,
    Header = 0,
    Flags = 4,
    QueueId = 8,
    CompletionStatus = 12
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_RECEIVE_QUEUE_FREE_PARAMETERS {
    pub Header: NDIS_OBJECT_HEADER,
    pub Flags: ULONG,
    pub QueueId: NDIS_RECEIVE_QUEUE_ID,
}

zeroed_default!(NDIS_RECEIVE_QUEUE_FREE_PARAMETERS);
assert_layout!(NDIS_RECEIVE_QUEUE_FREE_PARAMETERS, 12, 4, Header = 0, Flags = 4, QueueId = 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_RECEIVE_QUEUE_INFO {
    pub Header: NDIS_OBJECT_HEADER,
    pub Flags: ULONG,
    pub QueueType: NDIS_RECEIVE_QUEUE_TYPE,
    pub QueueId: NDIS_RECEIVE_QUEUE_ID,
    pub QueueGroupId: NDIS_RECEIVE_QUEUE_GROUP_ID,
    pub QueueState: NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE,
    pub ProcessorAffinity: GROUP_AFFINITY,
    pub NumSuggestedReceiveBuffers: ULONG,
    pub MSIXTableEntry: ULONG,
    pub LookaheadSize: ULONG,
    pub VmName: NDIS_VM_NAME,
    pub QueueName: NDIS_QUEUE_NAME,
    pub NumFilters: ULONG,
    pub InterruptCoalescingDomainId: ULONG,
}

zeroed_default!(NDIS_RECEIVE_QUEUE_INFO);
assert_layout!(
    NDIS_RECEIVE_QUEUE_INFO,
    1096,
    8,
    Header = 0,
    Flags = 4,
    QueueType = 8,
    QueueId = 12,
    QueueGroupId = 16,
    QueueState = 20,
    ProcessorAffinity = 24,
    NumSuggestedReceiveBuffers = 40,
    MSIXTableEntry = 44,
    LookaheadSize = 48,
    VmName = 52,
    QueueName = 568,
    NumFilters = 1084,
    InterruptCoalescingDomainId = 1088
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_RECEIVE_QUEUE_INFO_ARRAY {
    pub Header: NDIS_OBJECT_HEADER,
    pub FirstElementOffset: ULONG,
    pub NumElements: ULONG,
    pub ElementSize: ULONG,
}

zeroed_default!(NDIS_RECEIVE_QUEUE_INFO_ARRAY);
assert_layout!(
    NDIS_RECEIVE_QUEUE_INFO_ARRAY,
    16,
    4,
    Header = 0,
    FirstElementOffset = 4,
    NumElements = 8,
    ElementSize = 12
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_RECEIVE_QUEUE_PARAMETERS {
    pub Header: NDIS_OBJECT_HEADER,
    pub Flags: ULONG,
    pub QueueType: NDIS_RECEIVE_QUEUE_TYPE,
    pub QueueId: NDIS_RECEIVE_QUEUE_ID,
    pub QueueGroupId: NDIS_RECEIVE_QUEUE_GROUP_ID,
    pub ProcessorAffinity: GROUP_AFFINITY,
    pub NumSuggestedReceiveBuffers: ULONG,
    pub MSIXTableEntry: ULONG,
    pub LookaheadSize: ULONG,
    pub VmName: NDIS_VM_NAME,
    pub QueueName: NDIS_QUEUE_NAME,
    pub PortId: ULONG,
    pub InterruptCoalescingDomainId: ULONG,
    pub QosSqId: NDIS_QOS_SQ_ID,
}

zeroed_default!(NDIS_RECEIVE_QUEUE_PARAMETERS);
assert_layout!(
    NDIS_RECEIVE_QUEUE_PARAMETERS,
    1096,
    8,
    Header = 0,
    Flags = 4,
    QueueType = 8,
    QueueId = 12,
    QueueGroupId = 16,
    ProcessorAffinity = 24,
    NumSuggestedReceiveBuffers = 40,
    MSIXTableEntry = 44,
    LookaheadSize = 48,
    VmName = 52,
    QueueName = 568,
    PortId = 1084,
    InterruptCoalescingDomainId = 1088,
    QosSqId = 1092
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_RECEIVE_QUEUE_STATE {
    pub Header: NDIS_OBJECT_HEADER,
    pub Flags: ULONG,
    pub QueueId: NDIS_RECEIVE_QUEUE_ID,
    pub QueueState: NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE,
}

zeroed_default!(NDIS_RECEIVE_QUEUE_STATE);
assert_layout!(NDIS_RECEIVE_QUEUE_STATE, 16, 4, Header = 0, Flags = 4, QueueId = 8, QueueState = 12);

pub const NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY_REVISION_1: UCHAR = 1;
pub const NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS_REVISION_1: UCHAR = 1;
pub const NDIS_RECEIVE_QUEUE_FREE_PARAMETERS_REVISION_1: UCHAR = 1;
pub const NDIS_RECEIVE_QUEUE_INFO_ARRAY_REVISION_1: UCHAR = 1;
pub const NDIS_RECEIVE_QUEUE_INFO_REVISION_1: UCHAR = 1;
pub const NDIS_RECEIVE_QUEUE_INFO_REVISION_2: UCHAR = 2;
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_CHANGE_MASK: ULONG = 0xFFFF_0000;
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED: ULONG = 0x0001_0000;
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_INTERRUPT_COALESCING_DOMAIN_ID_CHANGED: ULONG = 0x0010_0000;
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED: ULONG = 2;
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED: ULONG = 0x0008_0000;
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION: ULONG = 1;
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED: ULONG = 0x0002_0000;
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_QOS_SQ_ID_CHANGED: ULONG = 0x0020_0000;
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_1: UCHAR = 1;
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_2: UCHAR = 2;
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_3: UCHAR = 3;
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED: ULONG = 0x0004_0000;
pub const NDIS_RECEIVE_QUEUE_STATE_REVISION_1: UCHAR = 1;

pub const NDIS_SIZEOF_NDIS_RECEIVE_QUEUE_STATE_REVISION_1: USHORT = 16;
pub const NDIS_SIZEOF_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY_REVISION_1: USHORT = 20;
pub const NDIS_SIZEOF_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS_REVISION_1: USHORT = 16;
pub const NDIS_SIZEOF_RECEIVE_QUEUE_FREE_PARAMETERS_REVISION_1: USHORT = 12;
pub const NDIS_SIZEOF_RECEIVE_QUEUE_INFO_ARRAY_REVISION_1: USHORT = 16;
pub const NDIS_SIZEOF_RECEIVE_QUEUE_INFO_REVISION_1: USHORT = 1084;
pub const NDIS_SIZEOF_RECEIVE_QUEUE_INFO_REVISION_2: USHORT = 1092;
pub const NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_1: USHORT = 1084;
pub const NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_2: USHORT = 1092;
pub const NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_3: USHORT = 1096;
