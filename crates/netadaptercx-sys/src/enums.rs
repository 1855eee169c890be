//! NetAdapterCx 2.2 enumerations, as constant modules.

pub mod _NET_ADAPTER_AUTO_NEGOTIATION_FLAGS {
    pub type Type = i32;
    pub const NetAdapterAutoNegotiationFlagNone: Type = 0;
    pub const NetAdapterAutoNegotiationFlagXmitLinkSpeedAutoNegotiated: Type = 1;
    pub const NetAdapterAutoNegotiationFlagRcvLinkSpeedautoNegotiated: Type = 2;
    pub const NetAdapterAutoNegotiationFlagDuplexAutoNegotiated: Type = 4;
    pub const NetAdapterAutoNegotiationFlagPauseFunctionsAutoNegotiated: Type = 8;
}
pub use self::_NET_ADAPTER_AUTO_NEGOTIATION_FLAGS::Type as NET_ADAPTER_AUTO_NEGOTIATION_FLAGS;

pub mod _NET_ADAPTER_OFFLOAD_IEEE8021Q_TAG_FLAGS {
    pub type Type = i32;
    pub const NetAdapterOffloadIeee8021PriorityTaggingFlag: Type = 1;
    pub const NetAdapterOffloadIeee8021VlanTaggingFlag: Type = 2;
}
pub use self::_NET_ADAPTER_OFFLOAD_IEEE8021Q_TAG_FLAGS::Type as NET_ADAPTER_OFFLOAD_IEEE8021Q_TAG_FLAGS;

pub mod _NET_ADAPTER_OFFLOAD_LAYER3_FLAGS {
    pub type Type = i32;
    pub const NetAdapterOffloadLayer3FlagIPv4NoOptions: Type = 1;
    pub const NetAdapterOffloadLayer3FlagIPv4WithOptions: Type = 2;
    pub const NetAdapterOffloadLayer3FlagIPv6NoExtensions: Type = 4;
    pub const NetAdapterOffloadLayer3FlagIPv6WithExtensions: Type = 8;
}
pub use self::_NET_ADAPTER_OFFLOAD_LAYER3_FLAGS::Type as NET_ADAPTER_OFFLOAD_LAYER3_FLAGS;

pub mod _NET_ADAPTER_OFFLOAD_LAYER4_FLAGS {
    pub type Type = i32;
    pub const NetAdapterOffloadLayer4FlagTcpNoOptions: Type = 1;
    pub const NetAdapterOffloadLayer4FlagTcpWithOptions: Type = 2;
    pub const NetAdapterOffloadLayer4FlagUdp: Type = 4;
}
pub use self::_NET_ADAPTER_OFFLOAD_LAYER4_FLAGS::Type as NET_ADAPTER_OFFLOAD_LAYER4_FLAGS;

pub mod _NET_ADAPTER_PAUSE_FUNCTION_TYPE {
    pub type Type = i32;
    pub const NetAdapterPauseFunctionTypeUnsupported: Type = 0;
    pub const NetAdapterPauseFunctionTypeSendOnly: Type = 1;
    pub const NetAdapterPauseFunctionTypeReceiveOnly: Type = 2;
    pub const NetAdapterPauseFunctionTypeSendAndReceive: Type = 3;
    pub const NetAdapterPauseFunctionTypeUnknown: Type = 4;
}
pub use self::_NET_ADAPTER_PAUSE_FUNCTION_TYPE::Type as NET_ADAPTER_PAUSE_FUNCTION_TYPE;

pub mod _NET_ADAPTER_RECEIVE_SCALING_ENCAPSULATION_TYPE {
    pub type Type = i32;
    pub const NetAdapterReceiveScalingEncapsulationTypeNone: Type = 0;
    pub const NetAdapterReceiveScalingEncapsulationTypeNVGre: Type = 1;
    pub const NetAdapterReceiveScalingEncapsulationTypeVXLan: Type = 2;
    pub const NetAdapterReceiveScalingEncapsulationTypeVLan: Type = 4;
}
pub use self::_NET_ADAPTER_RECEIVE_SCALING_ENCAPSULATION_TYPE::Type as NET_ADAPTER_RECEIVE_SCALING_ENCAPSULATION_TYPE;

pub mod _NET_ADAPTER_RECEIVE_SCALING_HASH_TYPE {
    pub type Type = i32;
    pub const NetAdapterReceiveScalingHashTypeNone: Type = 0;
    pub const NetAdapterReceiveScalingHashTypeToeplitz: Type = 1;
}
pub use self::_NET_ADAPTER_RECEIVE_SCALING_HASH_TYPE::Type as NET_ADAPTER_RECEIVE_SCALING_HASH_TYPE;

pub mod _NET_ADAPTER_RECEIVE_SCALING_PROTOCOL_TYPE {
    pub type Type = i32;
    pub const NetAdapterReceiveScalingProtocolTypeNone: Type = 0;
    pub const NetAdapterReceiveScalingProtocolTypeIPv4: Type = 1;
    pub const NetAdapterReceiveScalingProtocolTypeIPv4Options: Type = 2;
    pub const NetAdapterReceiveScalingProtocolTypeIPv6: Type = 4;
    pub const NetAdapterReceiveScalingProtocolTypeIPv6Extensions: Type = 8;
    pub const NetAdapterReceiveScalingProtocolTypeTcp: Type = 0x10;
    pub const NetAdapterReceiveScalingProtocolTypeUdp: Type = 0x20;
}
pub use self::_NET_ADAPTER_RECEIVE_SCALING_PROTOCOL_TYPE::Type as NET_ADAPTER_RECEIVE_SCALING_PROTOCOL_TYPE;

pub mod _NET_ADAPTER_RECEIVE_SCALING_UNHASHED_TARGET_TYPE {
    pub type Type = i32;
    pub const NetAdapterReceiveScalingUnhashedTargetTypeUnspecified: Type = 0;
    pub const NetAdapterReceiveScalingUnhashedTargetTypeHashIndex: Type = 1;
}
pub use self::_NET_ADAPTER_RECEIVE_SCALING_UNHASHED_TARGET_TYPE::Type as NET_ADAPTER_RECEIVE_SCALING_UNHASHED_TARGET_TYPE;

pub mod _NET_ADAPTER_TX_DEMUX_TYPE {
    pub type Type = i32;
    pub const NetAdapterTxDemuxType8021p: Type = 1;
}
pub use self::_NET_ADAPTER_TX_DEMUX_TYPE::Type as NET_ADAPTER_TX_DEMUX_TYPE;

pub mod _NET_ADAPTER_WAKE_PATTERN_ID {
    pub type Type = i32;
    pub const NetAdapterWakeMagicPatternId: Type = 0xfffe;
    pub const NetAdapterWakeEapolPatternId: Type = 0xfffd;
    pub const NetAdapterWakeFilterPatternId: Type = 0xfffc;
}
pub use self::_NET_ADAPTER_WAKE_PATTERN_ID::Type as NET_ADAPTER_WAKE_PATTERN_ID;

pub mod _NET_CONFIGURATION_QUERY_ULONG_FLAGS {
    pub type Type = i32;
    pub const NET_CONFIGURATION_QUERY_ULONG_NO_FLAGS: Type = 0;
    pub const NET_CONFIGURATION_QUERY_ULONG_MAY_BE_STORED_AS_HEX_STRING: Type = 1;
}
pub use self::_NET_CONFIGURATION_QUERY_ULONG_FLAGS::Type as NET_CONFIGURATION_QUERY_ULONG_FLAGS;

pub mod _NET_EXTENSION_TYPE {
    pub type Type = i32;
    pub const NetExtensionTypePacket: Type = 1;
    pub const NetExtensionTypeFragment: Type = 2;
    pub const NetExtensionTypeBuffer: Type = 3;
}
pub use self::_NET_EXTENSION_TYPE::Type as NET_EXTENSION_TYPE;

pub mod _NET_MEMORY_MAPPING_REQUIREMENT {
    pub type Type = i32;
    pub const NetMemoryMappingRequirementNone: Type = 0;
    pub const NetMemoryMappingRequirementDmaMapped: Type = 1;
}
pub use self::_NET_MEMORY_MAPPING_REQUIREMENT::Type as NET_MEMORY_MAPPING_REQUIREMENT;

pub mod _NET_PACKET_FILTER_FLAGS {
    pub type Type = i32;
    pub const NetPacketFilterFlagDirected: Type = 1;
    pub const NetPacketFilterFlagMulticast: Type = 2;
    pub const NetPacketFilterFlagAllMulticast: Type = 4;
    pub const NetPacketFilterFlagBroadcast: Type = 8;
    pub const NetPacketFilterFlagPromiscuous: Type = 0x20;
}
pub use self::_NET_PACKET_FILTER_FLAGS::Type as NET_PACKET_FILTER_FLAGS;

pub mod _NET_PACKET_HASH_PROTOCOL_TYPE {
    pub type Type = i32;
    pub const NetPacketHashProtocolTypeNone: Type = 0;
    pub const NetPacketHashProtocolTypeIPv4: Type = 1;
    pub const NetPacketHashProtocolTypeIPv4Options: Type = 2;
    pub const NetPacketHashProtocolTypeIPv6: Type = 4;
    pub const NetPacketHashProtocolTypeIPv6Extensions: Type = 8;
    pub const NetPacketHashProtocolTypeTcp: Type = 0x10;
    pub const NetPacketHashProtocolTypeUdp: Type = 0x20;
}
pub use self::_NET_PACKET_HASH_PROTOCOL_TYPE::Type as NET_PACKET_HASH_PROTOCOL_TYPE;

pub mod _NET_PACKET_LAYER2_TYPE {
    pub type Type = i32;
    pub const NetPacketLayer2TypeUnspecified: Type = 0;
    pub const NetPacketLayer2TypeNull: Type = 1;
    pub const NetPacketLayer2TypeEthernet: Type = 2;
    pub const NetPacketLayer2TypeIeee80211: Type = 3;
}
pub use self::_NET_PACKET_LAYER2_TYPE::Type as NET_PACKET_LAYER2_TYPE;

pub mod _NET_PACKET_LAYER3_TYPE {
    pub type Type = i32;
    pub const NetPacketLayer3TypeUnspecified: Type = 0;
    pub const NetPacketLayer3TypeIPv4UnspecifiedOptions: Type = 1;
    pub const NetPacketLayer3TypeIPv4WithOptions: Type = 2;
    pub const NetPacketLayer3TypeIPv4NoOptions: Type = 3;
    pub const NetPacketLayer3TypeIPv6UnspecifiedExtensions: Type = 4;
    pub const NetPacketLayer3TypeIPv6WithExtensions: Type = 5;
    pub const NetPacketLayer3TypeIPv6NoExtensions: Type = 6;
}
pub use self::_NET_PACKET_LAYER3_TYPE::Type as NET_PACKET_LAYER3_TYPE;

pub mod _NET_PACKET_LAYER4_TYPE {
    pub type Type = i32;
    pub const NetPacketLayer4TypeUnspecified: Type = 0;
    pub const NetPacketLayer4TypeTcp: Type = 1;
    pub const NetPacketLayer4TypeUdp: Type = 2;
    pub const NetPacketLayer4TypeIPFragment: Type = 3;
    pub const NetPacketLayer4TypeIPNotFragment: Type = 4;
}
pub use self::_NET_PACKET_LAYER4_TYPE::Type as NET_PACKET_LAYER4_TYPE;

pub mod _NET_PACKET_RX_CHECKSUM_EVALUATION {
    pub type Type = i32;
    pub const NetPacketRxChecksumEvaluationNotChecked: Type = 0;
    pub const NetPacketRxChecksumEvaluationValid: Type = 1;
    pub const NetPacketRxChecksumEvaluationInvalid: Type = 2;
}
pub use self::_NET_PACKET_RX_CHECKSUM_EVALUATION::Type as NET_PACKET_RX_CHECKSUM_EVALUATION;

pub mod _NET_PACKET_TX_CHECKSUM_ACTION {
    pub type Type = i32;
    pub const NetPacketTxChecksumActionPassthrough: Type = 0;
    pub const NetPacketTxChecksumActionRequired: Type = 2;
}
pub use self::_NET_PACKET_TX_CHECKSUM_ACTION::Type as NET_PACKET_TX_CHECKSUM_ACTION;

pub mod _NET_PACKET_TX_IEEE8021Q_ACTION_FLAGS {
    pub type Type = i32;
    pub const NetPacketTxIeee8021qActionFlagPriorityRequired: Type = 1;
    pub const NetPacketTxIeee8021qActionFlagVlanRequired: Type = 2;
}
pub use self::_NET_PACKET_TX_IEEE8021Q_ACTION_FLAGS::Type as NET_PACKET_TX_IEEE8021Q_ACTION_FLAGS;

pub mod _NET_POWER_OFFLOAD_TYPE {
    pub type Type = i32;
    pub const NetPowerOffloadTypeArp: Type = 1;
    pub const NetPowerOffloadTypeNS: Type = 2;
}
pub use self::_NET_POWER_OFFLOAD_TYPE::Type as NET_POWER_OFFLOAD_TYPE;

pub mod _NET_RING_TYPE {
    pub type Type = i32;
    pub const NetRingTypePacket: Type = 0;
    pub const NetRingTypeFragment: Type = 1;
    pub const NetRingTypeDataBuffer: Type = 2;
}
pub use self::_NET_RING_TYPE::Type as NET_RING_TYPE;

pub mod _NET_RX_FRAGMENT_BUFFER_ALLOCATION_MODE {
    pub type Type = i32;
    pub const NetRxFragmentBufferAllocationModeSystem: Type = 0;
    pub const NetRxFragmentBufferAllocationModeDriver: Type = 1;
}
pub use self::_NET_RX_FRAGMENT_BUFFER_ALLOCATION_MODE::Type as NET_RX_FRAGMENT_BUFFER_ALLOCATION_MODE;

pub mod _NET_RX_FRAGMENT_BUFFER_ATTACHMENT_MODE {
    pub type Type = i32;
    pub const NetRxFragmentBufferAttachmentModeSystem: Type = 0;
    pub const NetRxFragmentBufferAttachmentModeDriver: Type = 1;
}
pub use self::_NET_RX_FRAGMENT_BUFFER_ATTACHMENT_MODE::Type as NET_RX_FRAGMENT_BUFFER_ATTACHMENT_MODE;

pub mod _NET_WAKE_SOURCE_TYPE {
    pub type Type = i32;
    pub const NetWakeSourceTypeBitmapPattern: Type = 1;
    pub const NetWakeSourceTypeMagicPacket: Type = 2;
    pub const NetWakeSourceTypeMediaChange: Type = 3;
    pub const NetWakeSourceTypePacketFilterMatch: Type = 4;
    pub const NetWakeSourceTypeEapolPacket: Type = 5;
}
pub use self::_NET_WAKE_SOURCE_TYPE::Type as NET_WAKE_SOURCE_TYPE;
