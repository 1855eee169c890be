//! The rules of the contract: what the framework answers with bugcheck 0x19E, and what the lab demands beyond it.
//!
//! A [`Contract`] couples a counted lab rule with the failure code that the real framework reports for it.

use crate::failure::{BUGCODE_NETADAPTER_DRIVER, FailureCode};
use lab_kernel::bugcheck::bugcheck;
use lab_kernel::cpu;
use lab_kernel::rules::Rule;

/// A rule whose violation is bugcheck 0x19E.
pub struct Contract {
    /// Parameter 1 of the bugcheck.
    pub code: FailureCode,
    /// Counts the checks.
    pub rule: Rule,
}

impl Contract {
    /// Counts one check; if `ok` is false, ends the run as the framework ends the system: 0x19E with this code, `p2` and
    /// `p3`.
    pub fn require(&'static self, ok: bool, p2: u64, p3: u64, detail: impl FnOnce() -> String) {
        if !self.rule.check(ok, detail) {
            bugcheck(BUGCODE_NETADAPTER_DRIVER, [self.code as u64, p2, p3, 0]);
        }
    }
}

macro_rules! contracts {
    ($($name:ident = $code:ident: $text:literal, $source:literal;)*) => {
        $(
            #[doc = $text]
            #[doc = concat!("\n\nSource: NetAdapterCx 21H2 netcx/adapter/", $source)]
            pub static $name: Contract = Contract {
                code: FailureCode::$code,
                rule: Rule::new(stringify!($name), $text, concat!("NetAdapterCx 21H2 netcx/adapter/", $source)),
            };
            lab_kernel::list_rule!($name.rule);
        )*
        /// Every contract.
        pub static CONTRACTS: &[&Contract] = &[$(&$name),*];
    };
}

contracts! {
    PRIVATE_GLOBALS = CorruptedPrivateGlobals: "the driver globals are those that class binding returned", "verifier.cpp";
    IRQL_PASSIVE = IrqlIsNotPassive: "this entry is called at PASSIVE_LEVEL", "verifier.cpp";
    IRQL_DISPATCH = IrqlNotLessOrEqualDispatch: "this entry is called at DISPATCH_LEVEL or below", "verifier.cpp";
    ADAPTER_NOT_STARTED = AdapterAlreadyStarted: "capabilities are set and NetAdapterStart is called while the adapter is stopped", "verifier.cpp";
    STRUCT_SIZE = InvalidStructTypeSize: "Size of a structure is the size of the declared client version", "verifier.hpp";
    LINK_LAYER_ADDRESS_LENGTH = MacAddressLengthTooLong: "a link layer address has at most 32 bytes", "verifier.cpp";
    RECEIVE_FILTER_CAPABILITIES = InvalidReceiveFilterCapabilities: "only known packet filters; the multicast filter and a multicast list size go together", "verifier.cpp";
    RECEIVE_FILTER_CALLBACK = InvalidSetReceiveFilterCallBack: "packet filters need EvtSetReceiveFilter", "verifier.cpp";
    RECEIVE_FILTER_THREAD = SetReceiveFilterFromWrongThread: "a NETRECEIVEFILTER is used only inside EvtSetReceiveFilter, on its thread", "verifier.cpp";
    LINK_STATE = InvalidLinkState: "every field of a link state has a defined value", "verifier.cpp";
    NOT_NULL = ParameterCantBeNull: "a required parameter is not null", "verifier.cpp";
    QUERY_ULONG_FLAGS = InvalidQueryUlongFlag: "NetConfigurationQueryUlong has only known flags", "verifier.cpp";
    MTU_NOT_ZERO = MtuMustBeGreaterThanZero: "the MTU is greater than zero", "verifier.cpp";
    QUEUE_INIT = BadQueueInitContext: "a queue is created with the init object that the create callback was given", "verifier.cpp";
    QUEUE_CREATE_THREAD = CreatingNetQueueFromWrongThread: "a queue is created inside the create callback, on its thread", "verifier.cpp";
    QUEUE_CALLBACKS = NetQueueInvalidConfiguration: "a queue without a client execution context has EvtAdvance, EvtSetNotificationEnabled and EvtCancel; with one, EvtAdvance and (Rx) EvtCancel but no EvtSetNotificationEnabled", "verifier.cpp";
    PARENT_IS_NULL = ParentObjectNotNull: "the attributes of a NetAdapterCx object name no parent", "verifier.cpp";
    QUEUE_CREATED_ONCE = QueueAlreadyCreated: "a create callback creates one queue", "verifier.cpp";
    POWER_OF_TWO = NotPowerOfTwo: "alignments, ring size hints and RSS sizes are powers of two", "verifier.cpp";
    EXTENSION_NAME = InvalidNetExtensionName: "an extension query names an extension, and ms_ names are the framework's own", "verifier.cpp";
    EXTENSION_VERSION = InvalidNetExtensionVersion: "an extension query asks for version 1 or later", "verifier.cpp";
    EXTENSION_TYPE = InvalidNetExtensionType: "an extension query names a ring type", "verifier.cpp";
    TX_CAPABILITIES = InvalidAdapterTxCapabilities: "Tx capabilities: at least one queue; DMA mapping needs a DMA enabler of version 3; the alignment is a power of two", "verifier.cpp";
    RX_CAPABILITIES = InvalidAdapterRxCapabilities: "Rx capabilities: at least one queue; DMA mapping needs a DMA enabler of version 3; driver allocation needs driver attachment and EvtAdapterReturnRxBuffer", "verifier.cpp";
    RSS_HASH_TYPE = InvalidReceiveScalingHashType: "RSS hash types are known ones", "verifier.cpp";
    RSS_PROTOCOL_TYPE = InvalidReceiveScalingProtocolType: "RSS protocol types are known ones", "verifier.cpp";
    RSS_ENCAPSULATION_TYPE = InvalidReceiveScalingEncapsulationType: "RSS encapsulation types are known ones", "verifier.cpp";
    DATAPATH_CALLBACKS = InvalidDatapathCallbacks: "both queue create callbacks are given", "verifier.cpp";
    ADAPTER_INIT = InvalidNetAdapterInitSignature: "a NETADAPTER_INIT is one that NetAdapterInitAllocate returned and that is not freed", "verifier.cpp";
    ADAPTER_INIT_ONCE = NetAdapterInitAlreadyUsed: "a NETADAPTER_INIT makes one adapter", "verifier.cpp";
    GSO_CAPABILITIES = InvalidGsoCapabilities: "GSO capabilities: a maximum size, a minimum segment count, and TCP with options only beside TCP without", "verifier.cpp";
    GSO_HARDWARE_CAPABILITIES = InvalidGsoHardwareCapabilities: "GSO hardware capabilities have at least one flag", "verifier.cpp";
    PRIVATE_API = IllegalPrivateApiCall: "the entries of media extensions are not called by other drivers", "verifier.cpp";
    QUEUE_HANDLE = InvalidQueueHandle: "a queue handle is a live queue of the entry's direction", "verifier.cpp";
    WAKE_IN_PROGRESS = WakeNotInProgress: "a wake reason is reported only while the device is waking up", "verifier.cpp";
    RING_HEADER = InvalidRingImmutable: "of a ring's header the client writes only BeginIndex, NextIndex and Scratch", "verifier.cpp";
    RING_FRAMEWORK_ELEMENT = InvalidRingImmutableFrameworkElement: "elements the framework owns are not written", "verifier.cpp";
    RING_TX_PACKET = InvalidRingImmutableDriverTxPacket: "of a Tx packet the client writes only Scratch; it never sets Ignore", "verifier.cpp";
    RING_TX_FRAGMENT = InvalidRingImmutableDriverTxFragment: "of a Tx fragment the client writes only Scratch", "verifier.cpp";
    RING_RX_IGNORE = InvalidRingImmutableDriverRxPacketIgnore: "an Rx packet with Ignore set differs in nothing else, returned or not", "verifier.cpp";
    RING_RX_RESERVED = InvalidRingModifiedRxPacket: "reserved bits of an Rx packet are not written", "verifier.cpp";
    RING_RX_FRAGMENT_WRITTEN = InvalidRingModifiedRxFragment: "ValidLength and Offset of a returned Rx fragment are written (Capacity too when the driver attaches buffers)", "verifier.cpp";
    RING_RX_PACKET_WRITTEN = InvalidRingUnmodifiedRxPacket: "FragmentIndex, FragmentCount and all three Layout types of a returned Rx packet are written", "verifier.cpp";
    RING_RX_FRAGMENT_KEPT = InvalidRingUnmodifiedRxFragment: "Capacity (system attached buffers) and reserved bits of an Rx fragment are not written", "verifier.cpp";
    RING_BEGIN_INDEX = InvalidRingBeginIndex: "BeginIndex moves only over elements the client owns", "verifier.cpp";
    RX_FRAGMENT_COUNT = InvalidRingRxPacketFragmentCountZero: "a returned Rx packet has at least one fragment", "verifier.cpp";
    RX_FRAGMENT_COUNT_IN_RANGE = InvalidRingRxPacketFragmentCountOutOfRange: "a returned Rx packet has no more fragments than the client owned", "verifier.cpp";
    RX_FIRST_FRAGMENT_BEFORE = InvalidRingRxPacketFragmentIndexOutOfPreRange: "the first fragment of a returned packet was the client's before the call", "verifier.cpp";
    RX_LAST_FRAGMENT_BEFORE = InvalidRingRxPacketFragmentCountOutOfPreRange: "the last fragment of a returned packet was the client's before the call", "verifier.cpp";
    RX_FIRST_FRAGMENT_AFTER = InvalidRingRxPacketFragmentIndexOutOfPostRange: "the first fragment of a returned packet is no longer the client's after the call", "verifier.cpp";
    RX_LAST_FRAGMENT_AFTER = InvalidRingRxPacketFragmentCountOutOfPostRange: "the last fragment of a returned packet is no longer the client's after the call", "verifier.cpp";
    RX_LAYER2_TYPE = InvalidRingRxPacketLayer2Type: "Layer2Type of a returned packet is defined", "verifier.cpp";
    RX_LAYER2_NULL = InvalidRingRxPacketLayer2TypeNullLengthNonZero: "a null layer 2 has no header", "verifier.cpp";
    RX_LAYER2_ETHERNET = InvalidRingRxPacketLayer2TypeEthernetLengthInvalid: "an Ethernet header is unknown (0) or at least 14 bytes", "verifier.cpp";
    RX_LAYER3_IPV4 = InvalidRingRxPacketLayer3TypeIPv4LengthInvalid: "an IPv4 header is unknown (0) or at least 20 bytes", "verifier.cpp";
    RX_LAYER3_IPV6 = InvalidRingRxPacketLayer3TypeIPv6LengthInvalid: "an IPv6 header is unknown (0) or at least 40 bytes", "verifier.cpp";
    RX_LAYER4_TCP = InvalidRingRxPacketLayer4TypeTcpLengthInvalid: "a TCP header is unknown (0) or 20 to 60 bytes, a multiple of 4", "verifier.cpp";
    RX_LAYER4_UDP = InvalidRingRxPacketLayer4TypeUdpLengthInvalid: "a UDP header is unknown (0) or at least 8 bytes", "verifier.cpp";
    RX_LAYER3_TYPE = InvalidRingRxPacketLayer3Type: "Layer3Type of a returned packet is defined", "verifier.cpp";
    RX_LAYER4_TYPE = InvalidRingRxPacketLayer4Type: "Layer4Type of a returned packet is defined", "verifier.cpp";
    RX_FRAGMENTS_ASCEND = InvalidRingRxPacketFragmentIndexOverlap: "fragments of returned packets ascend", "verifier.cpp";
    RX_FRAGMENTS_APART = InvalidRingRxPacketFragmentCountOverlap: "fragments of returned packets do not overlap", "verifier.cpp";
    RX_FRAGMENT_LENGTH = InvalidRingRxPacketFragmentLengthInvalid: "Offset + ValidLength of a returned fragment is at most its Capacity", "verifier.cpp";
    RESET_DIAGNOSTICS_SIZE = ResetDiagnosticsSizeTooLarge: "reset diagnostics are at most 1 MB", "verifier.cpp";
    RESET_DIAGNOSTICS_TIME = IsNotCollectingResetDiagnostics: "reset diagnostics are stored once, inside EvtNetDeviceCollectResetDiagnostics, on its thread", "verifier.cpp";
    DEMUX_PRESENT = DemuxNotPresent: "a demux property is read only from a queue that has it", "nxqueueapi.cpp";
    TASK_NOT_QUEUED = InvalidExecutionContextTask: "an execution context task is enqueued again only after it ran", "verifier.cpp";
    EXECUTION_CONTEXT_CONFIG = InvalidExecutionContextConfig: "an execution context has EvtSetNotificationEnabled", "verifier.cpp";
    TX_CHECKSUM_CAPABILITIES = InvalidTxChecksumCapabilities: "options and extensions are offloaded only beside packets without them", "verifier.cpp";
    TX_CHECKSUM_IPV6 = InvalidTxChecksumIPv6Flags: "IPv6 checksum offload without IPv4 needs a layer 4 flag", "verifier.cpp";
    TX_CHECKSUM_HARDWARE = InvalidTxChecksumHardwareCapabilities: "Tx checksum capabilities have at least one flag", "verifier.cpp";
    TX_CHECKSUM_LAYER4 = InvalidTxChecksumLayer4Capabilities: "layer 4 checksum offload needs a layer 3 flag", "verifier.cpp";
    DEPRECATED = DeprecatedFunction: "checksum functions of 2.0 are not called by a client of 2.1 or later", "nxadapterapi.cpp";
}

lab_kernel::rules! {
    QUEUE_STOP_ENDS: "after Cancel the client returns every packet and every fragment, else stopping the adapter hangs for ever", "contract.md 3.1 Cancel; NetAdapterCx 21H2 netcx/translator/queue.cpp";
    RX_LATER_FRAGMENT_OFFSET: "only the first fragment of an Rx packet has an Offset; else the framework drops the packet silently", "NetAdapterCx 21H2 netcx/translator/nxrxxlat.cpp";
    RX_FRAGMENT_VALID: "a returned Rx fragment lies in its buffer; else the framework drops the packet silently", "NetAdapterCx 21H2 netcx/translator/nxrxxlat.cpp";
    RX_PACKET_RANGE: "the fragments of a returned Rx packet were returned with it, in order", "contract.md 3.1 Rx fragment rules";
    RX_NO_DMA_AFTER_RETURN: "the device writes an Rx buffer only between its posting and its return", "contract.md 3.1 Cancel; reliability.md A10";
    RX_DMA_WITHIN_CAPACITY: "the device writes an Rx buffer only up to its Capacity", "contract.md 3.1 Rx fragment rules; DDI NET_FRAGMENT";
    TX_FRAGMENTS_RETURNED: "BeginIndex of the Tx fragment ring moves with BeginIndex of the packet ring", "contract.md 3.1 Who owns which index";
    ADVANCE_IRQL_KEPT: "a queue callback returns at the IRQL it was called at", "contract.md 3.2";
    ADAPTER_STOPPED_AT_RELEASE: "EvtDeviceReleaseHardware leaves no adapter started", "contract.md 3.1 Start/stop and power";
    POWER_LIST_IN_TRANSITION: "wake source and power offload lists are read only in the driver's power callbacks", "contract.md 3.1 Start/stop and power; DDI NetDeviceGetWakeSourceList";
    LINK_SPEED_KNOWN: "a connected link has a speed in both directions", "DDI NET_ADAPTER_LINK_STATE";
    ADAPTER_CAPABILITIES_COMPLETE: "datapath and link layer capabilities and an MTU are set before NetAdapterStart", "NetAdapterCx 21H2 netcx/adapter/nxadapter.cpp SetGeneralAttributes";
}

/// The caller is at PASSIVE_LEVEL.
pub(crate) fn passive(entry: &str) {
    let irql = cpu::irql();
    IRQL_PASSIVE.require(irql == cpu::PASSIVE_LEVEL, u64::from(irql), 0, || format!("{entry} at IRQL {irql}"));
}

/// The caller is at DISPATCH_LEVEL or below.
pub(crate) fn at_most_dispatch(entry: &str) {
    let irql = cpu::irql();
    IRQL_DISPATCH.require(irql <= cpu::DISPATCH_LEVEL, u64::from(irql), 0, || format!("{entry} at IRQL {irql}"));
}

/// A required pointer or handle.
pub(crate) fn not_null<T>(entry: &str, p: *const T) {
    NOT_NULL.require(!p.is_null(), 0, 0, || format!("{entry} got a null pointer"));
}

/// `Size` of the structure is the one of the client's version.
pub(crate) fn struct_size(entry: &str, size: u32, expected: usize) {
    STRUCT_SIZE.require(size as usize == expected, u64::from(size), expected as u64, || {
        format!("{entry}: Size is {size}, not {expected}")
    });
}

/// True if no bit but those of `supported` is set.
pub(crate) fn only_flags(flags: i32, supported: i32) -> bool {
    flags & !supported == 0
}
