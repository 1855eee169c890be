//! The failure codes of bugcheck 0x19E, BUGCODE_NETADAPTER_DRIVER, with the framework's numbers.

/// Parameter 1 of bugcheck 0x19E. Source: NetAdapterCx 21H2 `netcx/adapter/verifier.hpp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
#[allow(missing_docs, reason = "the names are the framework's and say what was violated")]
pub enum FailureCode {
    CorruptedPrivateGlobals = 0,
    IrqlIsNotPassive = 1,
    IrqlNotLessOrEqualDispatch = 2,
    AdapterAlreadyStarted = 3,
    EvtArmDisarmWakeNotInProgress = 4,
    CompletingNetRequestWithPendingStatus = 5,
    InvalidNetRequestType = 6,
    DefaultRequestQueueAlreadyExists = 7,
    InvalidStructTypeSize = 8,
    InvalidQueueConfiguration = 9,
    MacAddressLengthTooLong = 10,
    InvalidReceiveFilterCapabilities = 11,
    InvalidSetReceiveFilterCallBack = 12,
    SetReceiveFilterFromWrongThread = 13,
    InvalidLinkState = 14,
    ParameterCantBeNull = 15,
    InvalidQueryUlongFlag = 16,
    QueueConfigurationHasError = 17,
    InvalidRequestQueueType = 18,
    MtuMustBeGreaterThanZero = 19,
    BadQueueInitContext = 20,
    CreatingNetQueueFromWrongThread = 21,
    NetQueueInvalidConfiguration = 22,
    ParentObjectNotNull = 23,
    QueueAlreadyCreated = 24,
    ObjectAttributesContextSizeTooLarge = 25,
    NotPowerOfTwo = 26,
    InvalidNetExtensionName = 27,
    InvalidNetExtensionVersion = 28,
    InvalidNetExtensionType = 29,
    InvalidNetExtensionAlignment = 30,
    InvalidNetExtensionExtensionSize = 31,
    InvalidAdapterTxCapabilities = 32,
    InvalidAdapterRxCapabilities = 33,
    InvalidReceiveScalingHashType = 34,
    InvalidReceiveScalingProtocolType = 35,
    InvalidReceiveScalingEncapsulationType = 36,
    RemovingDeviceWithAdapters = 37,
    InvalidDatapathCallbacks = 38,
    InvalidNetAdapterInitSignature = 39,
    NetAdapterInitAlreadyUsed = 40,
    InvalidNetAdapterExtensionInitSignature = 41,
    InvalidGsoCapabilities = 42,
    IllegalPrivateApiCall = 43,
    InvalidQueueHandle = 44,
    InvalidNetAdapterWakeReasonMediaChange = 45,
    PowerNotInTransition = 46,
    WakeNotInProgress = 47,
    InvalidPowerOffloadListSignature = 48,
    InvalidWakeSourceListSignature = 49,
    InvalidRingImmutable = 50,
    InvalidRingImmutableFrameworkElement = 51,
    InvalidRingImmutableDriverTxPacket = 52,
    InvalidRingImmutableDriverTxFragment = 53,
    InvalidRingImmutableDriverRxPacketIgnore = 54,
    InvalidRingModifiedRxPacket = 55,
    InvalidRingModifiedRxFragment = 56,
    InvalidRingUnmodifiedRxPacket = 57,
    InvalidRingUnmodifiedRxFragment = 58,
    InvalidRingBeginIndex = 59,
    InvalidRingRxPacketFragmentCountZero = 60,
    InvalidRingRxPacketFragmentCountOutOfRange = 61,
    InvalidRingRxPacketFragmentIndexOutOfPreRange = 62,
    InvalidRingRxPacketFragmentCountOutOfPreRange = 63,
    InvalidRingRxPacketFragmentIndexOutOfPostRange = 64,
    InvalidRingRxPacketFragmentCountOutOfPostRange = 65,
    InvalidRingRxPacketLayer2Type = 66,
    InvalidRingRxPacketLayer2TypeNullLengthNonZero = 67,
    InvalidRingRxPacketLayer2TypeEthernetLengthInvalid = 68,
    InvalidRingRxPacketLayer3TypeIPv4LengthInvalid = 69,
    InvalidRingRxPacketLayer3TypeIPv6LengthInvalid = 70,
    InvalidRingRxPacketLayer4TypeTcpLengthInvalid = 71,
    InvalidRingRxPacketLayer4TypeUdpLengthInvalid = 72,
    InvalidRingRxPacketLayer3Type = 73,
    InvalidRingRxPacketLayer4Type = 74,
    InvalidRingRxPacketFragmentIndexOverlap = 75,
    InvalidRingRxPacketFragmentCountOverlap = 76,
    InvalidRingRxPacketFragmentOffsetInvalid = 77,
    InvalidRingRxPacketFragmentLengthInvalid = 78,
    InvalidMediaSpecificWakeUpFlags = 79,
    InvalidOidRequestDispatchSignature = 80,
    InvalidDeviceQueueEventCallbacks = 81,
    InvalidTxDemuxType = 82,
    InvalidTxDemuxRange = 83,
    PlatformLevelDeviceResetPerformed = 84,
    ResetDiagnosticsSizeTooLarge = 85,
    IsNotCollectingResetDiagnostics = 86,
    DemuxNotPresent = 87,
    InvalidSupportedProtocolOffloadsFlags = 88,
    InvalidExecutionContextTask = 89,
    InvalidExecutionContextConfig = 90,
    InvalidTxChecksumCapabilities = 91,
    InvalidTxChecksumIPv6Flags = 92,
    DeprecatedFunction = 93,
    InvalidTxChecksumHardwareCapabilities = 94,
    InvalidTxChecksumLayer4Capabilities = 95,
    AdapterNotStarted = 96,
    OffloadNotPaused = 97,
    InvalidGsoHardwareCapabilities = 98,
    InvalidRSSConfiguration = 99,
}

/// How many codes the 21H2 framework knows.
pub const FAILURE_CODES: u64 = 100;

/// BUGCODE_NETADAPTER_DRIVER.
pub const BUGCODE_NETADAPTER_DRIVER: u32 = 0x19E;

/// Every code, by number.
pub const ALL: [FailureCode; FAILURE_CODES as usize] = {
    use FailureCode::*;
    [
        CorruptedPrivateGlobals, IrqlIsNotPassive, IrqlNotLessOrEqualDispatch, AdapterAlreadyStarted,
        EvtArmDisarmWakeNotInProgress, CompletingNetRequestWithPendingStatus, InvalidNetRequestType,
        DefaultRequestQueueAlreadyExists, InvalidStructTypeSize, InvalidQueueConfiguration, MacAddressLengthTooLong,
        InvalidReceiveFilterCapabilities, InvalidSetReceiveFilterCallBack, SetReceiveFilterFromWrongThread,
        InvalidLinkState, ParameterCantBeNull, InvalidQueryUlongFlag, QueueConfigurationHasError,
        InvalidRequestQueueType, MtuMustBeGreaterThanZero, BadQueueInitContext, CreatingNetQueueFromWrongThread,
        NetQueueInvalidConfiguration, ParentObjectNotNull, QueueAlreadyCreated, ObjectAttributesContextSizeTooLarge,
        NotPowerOfTwo, InvalidNetExtensionName, InvalidNetExtensionVersion, InvalidNetExtensionType,
        InvalidNetExtensionAlignment, InvalidNetExtensionExtensionSize, InvalidAdapterTxCapabilities,
        InvalidAdapterRxCapabilities, InvalidReceiveScalingHashType, InvalidReceiveScalingProtocolType,
        InvalidReceiveScalingEncapsulationType, RemovingDeviceWithAdapters, InvalidDatapathCallbacks,
        InvalidNetAdapterInitSignature, NetAdapterInitAlreadyUsed, InvalidNetAdapterExtensionInitSignature,
        InvalidGsoCapabilities, IllegalPrivateApiCall, InvalidQueueHandle, InvalidNetAdapterWakeReasonMediaChange,
        PowerNotInTransition, WakeNotInProgress, InvalidPowerOffloadListSignature, InvalidWakeSourceListSignature,
        InvalidRingImmutable, InvalidRingImmutableFrameworkElement, InvalidRingImmutableDriverTxPacket,
        InvalidRingImmutableDriverTxFragment, InvalidRingImmutableDriverRxPacketIgnore, InvalidRingModifiedRxPacket,
        InvalidRingModifiedRxFragment, InvalidRingUnmodifiedRxPacket, InvalidRingUnmodifiedRxFragment,
        InvalidRingBeginIndex, InvalidRingRxPacketFragmentCountZero, InvalidRingRxPacketFragmentCountOutOfRange,
        InvalidRingRxPacketFragmentIndexOutOfPreRange, InvalidRingRxPacketFragmentCountOutOfPreRange,
        InvalidRingRxPacketFragmentIndexOutOfPostRange, InvalidRingRxPacketFragmentCountOutOfPostRange,
        InvalidRingRxPacketLayer2Type, InvalidRingRxPacketLayer2TypeNullLengthNonZero,
        InvalidRingRxPacketLayer2TypeEthernetLengthInvalid, InvalidRingRxPacketLayer3TypeIPv4LengthInvalid,
        InvalidRingRxPacketLayer3TypeIPv6LengthInvalid, InvalidRingRxPacketLayer4TypeTcpLengthInvalid,
        InvalidRingRxPacketLayer4TypeUdpLengthInvalid, InvalidRingRxPacketLayer3Type, InvalidRingRxPacketLayer4Type,
        InvalidRingRxPacketFragmentIndexOverlap, InvalidRingRxPacketFragmentCountOverlap,
        InvalidRingRxPacketFragmentOffsetInvalid, InvalidRingRxPacketFragmentLengthInvalid,
        InvalidMediaSpecificWakeUpFlags, InvalidOidRequestDispatchSignature, InvalidDeviceQueueEventCallbacks,
        InvalidTxDemuxType, InvalidTxDemuxRange, PlatformLevelDeviceResetPerformed, ResetDiagnosticsSizeTooLarge,
        IsNotCollectingResetDiagnostics, DemuxNotPresent, InvalidSupportedProtocolOffloadsFlags,
        InvalidExecutionContextTask, InvalidExecutionContextConfig, InvalidTxChecksumCapabilities,
        InvalidTxChecksumIPv6Flags, DeprecatedFunction, InvalidTxChecksumHardwareCapabilities,
        InvalidTxChecksumLayer4Capabilities, AdapterNotStarted, OffloadNotPaused, InvalidGsoHardwareCapabilities,
        InvalidRSSConfiguration,
    ]
};

impl FailureCode {
    /// The code with this number.
    pub fn from_number(number: u64) -> Option<FailureCode> {
        ALL.get(usize::try_from(number).ok()?).copied()
    }
}

const _: () = {
    let mut i = 0;
    while i < ALL.len() {
        assert!(ALL[i] as u64 == i as u64);
        i += 1;
    }
};
