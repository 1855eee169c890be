//! Every layout, enumeration, constant and signature of this crate, held against the facts in `shared/abi`.

#[path = "../../netadaptercx-sys/tests/facts/mod.rs"]
mod facts;

use facts::{
    Layout, callback_faults, constant_faults, enum_faults, layout_faults, load, merged, source::Source, unlisted,
};
use ndis_sys::{ndk::*, *};
use serde_json::{Map, Value};
use std::path::Path;
use wdk_sys::GUID;

/// Types whose fields are listed with the structure they are part of, and those of ws2def.h and ws2ipdef.h.
const WITHOUT_FACTS: [&str; 12] = [
    "NDIS_OID_REQUEST_DATA",
    "NDIS_OID_REQUEST_METHOD_INFORMATION",
    "NDIS_OID_REQUEST_QUERY_INFORMATION",
    "NDIS_OID_REQUEST_SET_INFORMATION",
    "NDIS_RECEIVE_FILTER_FIELD_VALUE",
    "NDIS_RECEIVE_FILTER_HEADER_FIELD",
    "NDIS_RECEIVE_FILTER_RESULT_VALUE",
    "NDK_SGE_ADDRESS",
    "SOCKADDR",
    "SOCKADDR_IN",
    "SOCKADDR_IN6",
    "SOCKADDR_INET",
];

fn source() -> Source {
    Source::of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

/// The entries of these kinds in both files; None as for [`load`].
fn entries(kinds: &[&str]) -> Option<Map<String, Value>> {
    let files = [load("ndis-vmq-x64.json")?, load("ndkpi-x64.json")?];
    let parts = files.iter().flat_map(|file| kinds.iter().filter_map(|kind| file[*kind].as_object()));
    Some(parts.flat_map(Clone::clone).collect())
}

/// The structures of both files, and the base types they use.
fn structs() -> Option<Map<String, Value>> {
    let mut structs = merged(&load("layout-x64.json")?, &["base_types"], "structs");
    structs.extend(entries(&["structs"])?);
    Some(structs)
}

fn assert_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn listed() -> Vec<Layout> {
    layouts! {
        IF_COUNTED_STRING_LH { Length, String }
        NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES { Header, Enabled, NdkCapabilities }
        NDIS_NDK_CAPABILITIES { Header, Flags, MaxQpCount, MaxCqCount, MaxMrCount, MaxPdCount, MaxInboundReadLimit,
            MaxOutboundReadLimit, MaxMwCount, MaxSrqCount, MissingCounterMask, NdkInfo }
        NDIS_NDK_CONNECTIONS { Header, Flags, Count, NDConnectionsMappedtoTCPConnections, Connections }
        NDIS_NDK_CONNECTION_ENTRY { Local, Remote, UserModeOwner, OwnerPid }
        NDIS_NDK_LOCAL_ENDPOINTS { Header, Flags, Count, NDLocalEndpointsMappedtoTCPLocalEndpoints, LocalEndpoints }
        NDIS_NDK_LOCAL_ENDPOINT_ENTRY { Local, UserModeOwner, Listener, OwnerPid }
        NDIS_NDK_PERFORMANCE_COUNTERS { Connect, Accept, ConnectFailure, ConnectionError, ActiveConnection,
            Reserved01, Reserved02, Reserved03, Reserved04, Reserved05, Reserved06, Reserved07, Reserved08,
            Reserved09, Reserved10, Reserved11, Reserved12, Reserved13, Reserved14, Reserved15, Reserved16,
            Reserved17, Reserved18, Reserved19, Reserved20, CQError, RDMAInOctets, RDMAOutOctets, RDMAInFrames,
            RDMAOutFrames }
        NDIS_NDK_PROVIDER_CHARACTERISTICS { Header, Flags, OpenNDKAdapterHandler, CloseNDKAdapterHandler }
        NDIS_NDK_STATISTICS_INFO { Header, Flags, CounterSet }
        NDIS_OBJECT_HEADER { Type, Revision, Size }
        NDIS_OID_REQUEST { Header, RequestType, PortNumber, Timeout, RequestId, RequestHandle, DATA, DATA.Oid,
            DATA.QUERY_INFORMATION, DATA.QUERY_INFORMATION.Oid, DATA.QUERY_INFORMATION.InformationBuffer,
            DATA.QUERY_INFORMATION.InformationBufferLength, DATA.QUERY_INFORMATION.BytesWritten,
            DATA.QUERY_INFORMATION.BytesNeeded, DATA.SET_INFORMATION, DATA.SET_INFORMATION.Oid,
            DATA.SET_INFORMATION.InformationBuffer, DATA.SET_INFORMATION.InformationBufferLength,
            DATA.SET_INFORMATION.BytesRead, DATA.SET_INFORMATION.BytesNeeded, DATA.METHOD_INFORMATION,
            DATA.METHOD_INFORMATION.Oid, DATA.METHOD_INFORMATION.InformationBuffer,
            DATA.METHOD_INFORMATION.InputBufferLength, DATA.METHOD_INFORMATION.OutputBufferLength,
            DATA.METHOD_INFORMATION.MethodId, DATA.METHOD_INFORMATION.BytesWritten, DATA.METHOD_INFORMATION.BytesRead,
            DATA.METHOD_INFORMATION.BytesNeeded, NdisReserved, MiniportReserved, SourceReserved, SupportedRevision,
            Reserved1, Reserved2, SwitchId, VPortId, Flags }
        NDIS_OPEN_NDK_ADAPTER_PARAMETERS { Version, SwitchId, VPortId }
        NDIS_RECEIVE_FILTER_CAPABILITIES { Header, Flags, EnabledFilterTypes, EnabledQueueTypes, NumQueues,
            SupportedQueueProperties, SupportedFilterTests, SupportedHeaders, SupportedMacHeaderFields,
            MaxMacHeaderFilters, MaxQueueGroups, MaxQueuesPerQueueGroup, MinLookaheadSplitSize, MaxLookaheadSplitSize,
            SupportedARPHeaderFields, SupportedIPv4HeaderFields, SupportedIPv6HeaderFields, SupportedUdpHeaderFields,
            MaxFieldTestsPerPacketCoalescingFilter, MaxPacketCoalescingFilters, NdisReserved }
        NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS { Header, Flags, QueueId, FilterId }
        NDIS_RECEIVE_FILTER_FIELD_PARAMETERS { Header, Flags, FrameHeader, ReceiveFilterTest, HeaderField,
            HeaderField.MacHeaderField, HeaderField.ArpHeaderField, HeaderField.IPv4HeaderField,
            HeaderField.IPv6HeaderField, HeaderField.UdpHeaderField, FieldValue, FieldValue.FieldByteValue,
            FieldValue.FieldShortValue, FieldValue.FieldLongValue, FieldValue.FieldLong64Value,
            FieldValue.FieldByteArrayValue, ResultValue, ResultValue.ResultByteValue, ResultValue.ResultShortValue,
            ResultValue.ResultLongValue, ResultValue.ResultLong64Value, ResultValue.ResultByteArrayValue }
        NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS { Header, Flags, EnabledFilterTypes, EnabledQueueTypes }
        NDIS_RECEIVE_FILTER_INFO { Header, Flags, FilterType, FilterId }
        NDIS_RECEIVE_FILTER_INFO_ARRAY { Header, QueueId, FirstElementOffset, NumElements, ElementSize, Flags, VPortId
            }
        NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS { Header, FilterId, SourceQueueId, SourceVPortId, DestQueueId,
            DestVPortId }
        NDIS_RECEIVE_FILTER_PARAMETERS { Header, Flags, FilterType, QueueId, FilterId, FieldParametersArrayOffset,
            FieldParametersArrayNumElements, FieldParametersArrayElementSize, RequestedFilterIdBitCount,
            MaxCoalescingDelay, VPortId }
        NDIS_RECEIVE_FILTER_QUEUE_STATE_CHANGE { Header, QueueId }
        NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY { Header, Flags, FirstElementOffset, NumElements, ElementSize }
        NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS { Header, Flags, QueueId, CompletionStatus }
        NDIS_RECEIVE_QUEUE_FREE_PARAMETERS { Header, Flags, QueueId }
        NDIS_RECEIVE_QUEUE_INFO { Header, Flags, QueueType, QueueId, QueueGroupId, QueueState, ProcessorAffinity,
            NumSuggestedReceiveBuffers, MSIXTableEntry, LookaheadSize, VmName, QueueName, NumFilters,
            InterruptCoalescingDomainId }
        NDIS_RECEIVE_QUEUE_INFO_ARRAY { Header, FirstElementOffset, NumElements, ElementSize }
        NDIS_RECEIVE_QUEUE_PARAMETERS { Header, Flags, QueueType, QueueId, QueueGroupId, ProcessorAffinity,
            NumSuggestedReceiveBuffers, MSIXTableEntry, LookaheadSize, VmName, QueueName, PortId,
            InterruptCoalescingDomainId, QosSqId }
        NDIS_RECEIVE_QUEUE_STATE { Header, Flags, QueueId, QueueState }
        NDIS_SHARED_MEMORY_PARAMETERS { Header, Flags, QueueId, SharedMemoryHandle, PreferredNode, Usage, Length,
            VirtualAddress, SGListBufferLength, SGListBuffer, VPortId }
        NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS { Header, Flags, ProviderContext, AllocateSharedMemoryHandler,
            FreeSharedMemoryHandler }
        NDIS_STATUS_INDICATION { Header, SourceHandle, PortNumber, StatusCode, Flags, DestinationHandle, RequestId,
            StatusBuffer, StatusBufferSize, Guid, NdisReserved }
        NDK_ADAPTER { Header, Dispatch }
        NDK_ADAPTER_DISPATCH { NdkQueryExtension, NdkQueryAdapterInfo, NdkCreateCq, NdkCreatePd,
            NdkCreateSharedEndpoint, NdkCreateConnector, NdkCreateListener, NdkBuildLAM, NdkReleaseLAM }
        NDK_ADAPTER_INFO { Version, VendorId, DeviceId, MaxRegistrationSize, MaxWindowSize, FRMRPageCount,
            MaxInitiatorRequestSge, MaxReceiveRequestSge, MaxReadRequestSge, MaxTransferLength, MaxInlineDataSize,
            MaxInboundReadLimit, MaxOutboundReadLimit, MaxReceiveQueueDepth, MaxInitiatorQueueDepth, MaxSrqDepth,
            MaxCqDepth, LargeRequestThreshold, MaxCallerData, MaxCalleeData, AdapterFlags, RdmaTechnology }
        NDK_CONNECTOR { Header, Dispatch }
        NDK_CONNECTOR_DISPATCH { NdkCloseConnector, NdkQueryExtension, NdkConnect, NdkConnectWithSharedEndpoint,
            NdkCompleteConnect, NdkAccept, NdkReject, NdkGetConnectionData, NdkGetLocalAddress, NdkGetPeerAddress,
            NdkDisconnect, NdkCompleteConnectEx, NdkAcceptEx }
        NDK_CQ { Header, Dispatch }
        NDK_CQ_DISPATCH { NdkCloseCq, NdkQueryExtension, NdkResizeCq, NdkArmCq, NdkGetCqResults,
            NdkControlCqInterruptModeration, NdkGetCqResultsEx }
        NDK_EXTENSION_INTERFACE { Dispatch }
        NDK_LISTENER { Header, Dispatch }
        NDK_LISTENER_DISPATCH { NdkCloseListener, NdkQueryExtension, NdkListen, NdkGetLocalAddress,
            NdkControlConnectEvents }
        NDK_LOGICAL_ADDRESS_MAPPING { AdapterContext, AdapterPageCount, AdapterPageArray }
        NDK_MR { Header, Dispatch }
        NDK_MR_DISPATCH { NdkCloseMr, NdkQueryExtension, NdkRegisterMr, NdkDeregisterMr, NdkInitializeFastRegisterMr,
            NdkGetRemoteTokenFromMr, NdkGetLocalTokenFromMr }
        NDK_MW { Header, Dispatch }
        NDK_MW_DISPATCH { NdkCloseMw, NdkQueryExtension, NdkGetRemoteTokenFromMw }
        NDK_OBJECT_HEADER { Version, ObjectType, NdkReserved }
        NDK_OBJECT_HEADER_RESERVED_BLOCK { rf }
        NDK_PD { Header, Dispatch }
        NDK_PD_DISPATCH { NdkClosePd, NdkQueryExtension, NdkCreateMr, NdkCreateMw, NdkCreateSrq, NdkCreateQp,
            NdkCreateQpWithSrq, NdkGetPrivilegedMemoryRegionToken }
        NDK_QP { Header, Dispatch }
        NDK_QP_DISPATCH { NdkCloseQp, NdkQueryExtension, NdkFlush, NdkSend, NdkReceive, NdkBind, NdkFastRegister,
            NdkInvalidate, NdkRead, NdkWrite, NdkSendAndInvalidate }
        NDK_RESULT { Status, BytesTransferred, QPContext, RequestContext }
        NDK_RESULT_EX { Status, BytesTransferred, QPContext, RequestContext, Type, ProviderErrorCode,
            TypeSpecificCompletionOutput }
        NDK_SGE { anon.VirtualAddress, anon.LogicalAddress, Length, MemoryRegionToken }
        NDK_SHARED_ENDPOINT { Header, Dispatch }
        NDK_SHARED_ENDPOINT_DISPATCH { NdkCloseSharedEndpoint, NdkQueryExtension, NdkGetLocalAddress }
        NDK_SRQ { Header, Dispatch }
        NDK_SRQ_DISPATCH { NdkCloseSrq, NdkQueryExtension, NdkModifySrq, NdkSrqReceive }
        NDK_VERSION { Major, Minor }
        SCATTER_GATHER_ELEMENT { Address, Length, Reserved }
        SCATTER_GATHER_LIST { NumberOfElements, Reserved, Elements }
    }
}

#[test]
fn layouts_are_those_of_the_facts() {
    let Some(facts) = structs() else { return };
    assert_none(layout_faults(&listed(), &facts));
}

#[test]
fn every_structure_and_field_is_listed() {
    assert_none(unlisted(&listed(), &source(), &WITHOUT_FACTS));
}

#[test]
fn enumerations_are_those_of_the_facts() {
    let Some(facts) = entries(&["enums"]) else { return };
    let enums = source().enums();
    assert!(enums.len() > 12, "only {} enumerations were found", enums.len());
    assert_none(enum_faults(&enums, &facts, &[]));
}

/// Whether a constant is of another header: wdm.h, ws2def.h, ntstatus.h.
fn is_of_another_header(name: &str) -> bool {
    name == "MM_ANY_NODE_OK" || name.starts_with("AF_") || name.starts_with("STATUS_")
}

#[test]
fn constants_are_those_of_the_facts() {
    let Some(facts) = entries(&["constants", "oids", "ndis_status"]) else { return };
    let constants = source().constants();
    assert_none(constant_faults(&constants, &facts, is_of_another_header));
    let families = [
        "NDIS_OID_REQUEST_",
        "NDIS_RECEIVE_FILTER_",
        "NDIS_RECEIVE_QUEUE_",
        "NDIS_SHARED_MEM",
        "NDIS_STATUS_RECEIVE_",
        "NDK_",
        "OID_NDK_",
        "OID_RECEIVE_FILTER_",
    ];
    let is_missing =
        |name: &&String| families.iter().any(|family| name.starts_with(family)) && !constants.contains_key(*name);
    assert_none(facts.keys().filter(is_missing).map(|name| format!("{name} is missing")).collect());
}

#[test]
fn function_pointers_have_the_signature_of_the_facts() {
    let Some(callbacks) = entries(&["callbacks"]) else { return };
    let pointers = source().function_pointers();
    assert!(pointers.len() > 60, "only {} were found", pointers.len());
    assert_none(callback_faults(&pointers, &serde_json::json!({ "callbacks": callbacks })));
}

fn text(guid: GUID) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (group, node) = guid.Data4.split_at(2);
    format!("{:08x}-{:04x}-{:04x}-{}-{}", guid.Data1, guid.Data2, guid.Data3, hex(group), hex(node))
}

#[test]
fn guids_are_those_of_the_facts() {
    let Some(facts) = entries(&["guids"]) else { return };
    assert_eq!(facts["GUID_NDIS_NDK_CAPABILITIES"], text(GUID_NDIS_NDK_CAPABILITIES));
    assert_eq!(facts["GUID_NDIS_NDK_STATE"], text(GUID_NDIS_NDK_STATE));
}

#[test]
fn a_wrong_constant_or_signature_is_found() {
    let Some(facts) = entries(&["constants"]) else { return };
    let faults = |text: &str| constant_faults(&Source::from_text(text).constants(), &facts, is_of_another_header);
    assert!(faults("pub const NDK_CQ_NOTIFY_ANY: ULONG = 1;\n").is_empty());
    assert!(!faults("pub const NDK_CQ_NOTIFY_ANY: ULONG = 2;\n").is_empty());
    assert!(!faults("pub const NDK_CQ_NOTIFY_NONE: ULONG = 1;\n").is_empty());

    let Some(callbacks) = entries(&["callbacks"]) else { return };
    let wrong = Source::from_text("\npub type NDK_FN_FLUSH = Option<evt_fn!(fn(*mut NDK_CQ))>;\n").function_pointers();
    assert!(!callback_faults(&wrong, &serde_json::json!({ "callbacks": callbacks })).is_empty());
}
