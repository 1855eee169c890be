//! Every layout, enumeration, table index and signature of this crate, held against the facts in `shared/abi`.

mod facts;

use facts::{
    Layout, call_faults, callback_faults, enum_faults, layout_faults, load, merged, source::Source, table_faults,
    unlisted,
};
use netadaptercx_sys::*;
use serde_json::{Value, json};
use std::path::Path;

const SECTIONS: [&str; 2] = ["netadaptercx", "net_ring"];
/// Small types of other headers (ifdef.h, ntddndis.h), which the facts do not hold.
const OTHER_HEADERS: [&str; 3] = ["NET_LUID", "_NET_IF_MEDIA_CONNECT_STATE", "_NET_IF_MEDIA_DUPLEX_STATE"];

fn source() -> Source {
    Source::of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

fn assert_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn listed() -> Vec<Layout> {
    layouts! {
        NET_ADAPTER_DATAPATH_CALLBACKS { Size, EvtAdapterCreateTxQueue, EvtAdapterCreateRxQueue }
        NET_ADAPTER_DMA_CAPABILITIES { Size, DmaEnabler, MaximumPhysicalAddress, CacheEnabled, PreferredNode }
        NET_ADAPTER_LINK_LAYER_ADDRESS { Length, Address }
        NET_ADAPTER_LINK_LAYER_CAPABILITIES { Size, MaxTxLinkSpeed, MaxRxLinkSpeed }
        NET_ADAPTER_LINK_STATE { Size, TxLinkSpeed, RxLinkSpeed, MediaConnectState, MediaDuplexState,
            SupportedPauseFunctions, AutoNegotiationFlags }
        NET_ADAPTER_OFFLOAD_CHECKSUM_CAPABILITIES { Size, IPv4, Tcp, Udp, EvtAdapterOffloadSetChecksum }
        NET_ADAPTER_OFFLOAD_GSO_CAPABILITIES { Size, Layer3Flags, Layer4Flags, Layer4HeaderOffsetLimit,
            MaximumOffloadSize, MinimumSegmentCount, EvtAdapterOffloadSetGso }
        NET_ADAPTER_OFFLOAD_IEEE8021Q_TAG_CAPABILITIES { Size, Flags }
        NET_ADAPTER_OFFLOAD_RSC_CAPABILITIES { Size, Layer3Flags, Layer4Flags, TcpTimestampOption,
            EvtAdapterOffloadSetRsc }
        NET_ADAPTER_OFFLOAD_RX_CHECKSUM_CAPABILITIES { Size, EvtAdapterOffloadSetRxChecksum }
        NET_ADAPTER_OFFLOAD_TX_CHECKSUM_CAPABILITIES { Size, Layer3Flags, Layer4Flags, Layer3HeaderOffsetLimit,
            Layer4HeaderOffsetLimit, EvtAdapterOffloadSetTxChecksum }
        NET_ADAPTER_POWER_OFFLOAD_ARP_CAPABILITIES { Size, ArpOffload, MaximumOffloadCount }
        NET_ADAPTER_POWER_OFFLOAD_NS_CAPABILITIES { Size, NSOffload, MaximumOffloadCount }
        NET_ADAPTER_RECEIVE_FILTER_CAPABILITIES { Size, SupportedPacketFilters, MaximumMulticastAddresses,
            EvtSetReceiveFilter }
        NET_ADAPTER_RECEIVE_SCALING_CAPABILITIES { Size, NumberOfQueues, IndirectionTableSize, UnhashedTargetIndex,
            UnhashedTargetType, ReceiveScalingHashTypes, ReceiveScalingProtocolTypes, ReceiveScalingEncapsulationTypes,
            ReceiveScalingEncapsulationTypes.Outer, ReceiveScalingEncapsulationTypes.Inner,
            SynchronizeSetIndirectionEntries, EvtAdapterReceiveScalingEnable, EvtAdapterReceiveScalingDisable,
            EvtAdapterReceiveScalingSetHashSecretKey, EvtAdapterReceiveScalingSetIndirectionEntries }
        NET_ADAPTER_RECEIVE_SCALING_HASH_SECRET_KEY { Key, Length }
        NET_ADAPTER_RECEIVE_SCALING_INDIRECTION_ENTRIES { Entries, Length }
        NET_ADAPTER_RECEIVE_SCALING_INDIRECTION_ENTRY { PacketQueue, Status, Index }
        NET_ADAPTER_RX_CAPABILITIES { Size, AllocationMode, AttachmentMode, FragmentRingNumberOfElementsHint,
            MaximumFrameSize, MaximumNumberOfQueues, anon.EvtAdapterReturnRxBuffer, anon.MappingRequirement,
            FragmentBufferAlignment, DmaCapabilities }
        NET_ADAPTER_TX_CAPABILITIES { Size, MappingRequirement, PayloadBackfill, MaximumNumberOfFragments,
            FragmentBufferAlignment, FragmentRingNumberOfElementsHint, MaximumNumberOfQueues, DmaCapabilities }
        NET_ADAPTER_TX_DEMUX { Size, Type, Range }
        NET_ADAPTER_WAKE_BITMAP_CAPABILITIES { Size, BitmapPattern, MaximumPatternCount, MaximumPatternSize }
        NET_ADAPTER_WAKE_EAPOL_PACKET_CAPABILITIES { Size, EapolPacket }
        NET_ADAPTER_WAKE_MAGIC_PACKET_CAPABILITIES { Size, MagicPacket }
        NET_ADAPTER_WAKE_MEDIA_CHANGE_CAPABILITIES { Size, MediaConnect, MediaDisconnect }
        NET_ADAPTER_WAKE_PACKET_FILTER_CAPABILITIES { Size, PacketFilterMatch }
        NET_ADAPTER_WAKE_REASON_PACKET { Size, PatternId, OriginalPacketSize, WakePacket }
        NET_DEVICE_POWER_POLICY_EVENT_CALLBACKS { Size, EvtDevicePreviewBitmapPattern, EvtDevicePreviewArpOffload,
            EvtDevicePreviewNSOffload }
        NET_DEVICE_RESET_CAPABILITIES { Size, ResetDiagnosticsGuid, EvtNetDeviceCollectResetDiagnostics }
        NET_DRIVER_GLOBALS { Unused }
        NET_EXECUTION_CONTEXT_CONFIG { Size, EvtPreAdvance, EvtPostAdvance, EvtSetNotificationEnabled }
        NET_EXECUTION_CONTEXT_TASK_CONFIG { Size, EvtTask }
        NET_EXTENSION { Reserved, Enabled, _padding }
        NET_EXTENSION_QUERY { Size, Name, Version, Type }
        NET_FRAGMENT { bits }
        NET_FRAGMENT_LOGICAL_ADDRESS { LogicalAddress }
        NET_FRAGMENT_MDL { Mdl }
        NET_FRAGMENT_RETURN_CONTEXT { Handle }
        NET_FRAGMENT_VIRTUAL_ADDRESS { VirtualAddress }
        NET_IPV4_ADDRESS { Address, Value }
        NET_IPV6_ADDRESS { Unicast, Unicast.NetworkPrefix, Unicast.InterfaceIdentifier, Value }
        NET_PACKET { FragmentIndex, FragmentCount, Layout, Flags }
        NET_PACKET_CHECKSUM { bits }
        NET_PACKET_GSO { bits }
        NET_PACKET_HASH { HashValue, ProtocolType }
        NET_PACKET_IEEE8021Q { Tag, Tagging, _padding }
        NET_PACKET_LAYOUT { bits }
        NET_PACKET_QUEUE_CONFIG { Size, EvtStart, EvtStop, EvtAdvance, EvtSetNotificationEnabled, EvtCancel,
            ExecutionContext }
        NET_PACKET_RSC { CoalescedSegmentCount, DuplicateAckCount }
        NET_PACKET_RSC_TIMESTAMP { RscTcpTimestampDelta }
        NET_PACKET_WIFI_EXEMPTION_ACTION { ExemptionAction }
        NET_POWER_OFFLOAD_ARP_PARAMETERS { Size, Id, RemoteIPv4Address, HostIPv4Address, LinkLayerAddress }
        NET_POWER_OFFLOAD_LIST { Size, Reserved }
        NET_POWER_OFFLOAD_NS_PARAMETERS { Size, Id, RemoteIPv6Address, SolicitedNodeIPv6Address, TargetIPv6Addresses,
            LinkLayerAddress }
        NET_RING { OSReserved1, ElementStride, NumberOfElements, ElementIndexMask, EndIndex, OSReserved2, BeginIndex,
            NextIndex, Scratch, Buffer }
        NET_RING_COLLECTION { Rings }
        NET_RXQUEUE_BUFFER_LAYOUT_HINT { MinimumBackfillSize, L3HeaderAlignment }
        NET_WAKE_SOURCE_BITMAP_PARAMETERS { Size, Id, Pattern, PatternSize, Mask, MaskSize }
        NET_WAKE_SOURCE_LIST { Size, Reserved }
        NET_WAKE_SOURCE_MEDIA_CHANGE_PARAMETERS { Size, MediaConnect, MediaDisconnect }
    }
}

#[test]
fn layouts_are_those_of_the_facts() {
    let Some(facts) = load("layout-x64.json") else { return };
    assert_none(layout_faults(&listed(), &merged(&facts, &SECTIONS, "structs")));
}

#[test]
fn every_structure_and_field_is_listed() {
    assert_none(unlisted(&listed(), &source(), &OTHER_HEADERS));
}

#[test]
fn enumerations_are_those_of_the_facts() {
    let Some(facts) = load("layout-x64.json") else { return };
    let mut enums = source().enums();
    enums.remove("_NETFUNCENUM").expect("the table is an enumeration");
    assert_none(enum_faults(&enums, &merged(&facts, &SECTIONS, "enums"), &OTHER_HEADERS));
}

#[test]
fn the_function_table_is_that_of_the_facts() {
    let Some(facts) = load("netadaptercx-2.2.json") else { return };
    assert_none(table_faults(&source().enums()["_NETFUNCENUM"], "NetFunctionTableNumEntries", &facts));
}

#[test]
fn call_shims_have_the_index_and_signature_of_the_facts() {
    let Some(facts) = load("netadaptercx-2.2.json") else { return };
    let calls = source().calls("net_call");
    assert!(calls.len() > 90, "only {} shims were found", calls.len());
    assert_none(call_faults(&calls, &facts));
}

#[test]
fn callbacks_have_the_signature_of_the_facts() {
    let Some(facts) = load("netadaptercx-2.2.json") else { return };
    let callbacks = source().callbacks();
    assert!(callbacks.len() > 20, "only {} callbacks were found", callbacks.len());
    assert_none(callback_faults(&callbacks, &facts));
}

/// The place of a bit field: bits from the start of its structure, and how many.
fn bits(facts: &Value, structure: &str, field: &str) -> (u32, u32) {
    let fields = facts["sections"]["net_ring"]["structs"][structure]["fields"].as_array().expect("there are fields");
    let field = fields.iter().find(|fact| fact["name"] == field).expect("the facts have the field");
    let number = |key: &str| field[key].as_u64().expect("a bit field has a place") as u32;
    (number("bit_offset"), number("bit_width"))
}

#[test]
fn bit_fields_of_a_fragment_are_those_of_the_facts() {
    let Some(facts) = load("layout-x64.json") else { return };
    let at = |field| bits(&facts, "NET_FRAGMENT", field);
    let place = |shift: u32, mask: u64| (shift, mask.trailing_ones());
    assert_eq!(at("ValidLength"), place(NET_FRAGMENT::ValidLengthShift, NET_FRAGMENT::ValidLengthMask));
    assert_eq!(at("Capacity"), place(NET_FRAGMENT::CapacityShift, NET_FRAGMENT::CapacityMask));
    assert_eq!(at("Offset"), place(NET_FRAGMENT::OffsetShift, NET_FRAGMENT::OffsetMask));
    assert_eq!(at("Scratch"), (NET_FRAGMENT::Scratch.trailing_zeros(), NET_FRAGMENT::Scratch.count_ones()));
    let bounced = NET_FRAGMENT::OsReserved_Bounced;
    assert_eq!(at("OsReserved_Bounced"), (bounced.trailing_zeros(), bounced.count_ones()));

    let only = |field| {
        let (offset, width) = at(field);
        NET_FRAGMENT { bits: ((1 << width) - 1) << offset }
    };
    assert_eq!((only("ValidLength").ValidLength(), only("ValidLength").Offset()), ((1 << 26) - 1, 0));
    assert_eq!((only("Capacity").Capacity(), only("Capacity").ValidLength()), ((1 << 26) - 1, 0));
    assert_eq!((only("Offset").Offset(), only("Offset").Capacity()), ((1 << 10) - 1, 0));
}

#[test]
fn bit_fields_of_a_packet_are_those_of_the_facts() {
    let Some(facts) = load("layout-x64.json") else { return };
    let flags = 8 * core::mem::offset_of!(NET_PACKET, Flags) as u32;
    for (field, mask) in [("Ignore", NET_PACKET::Ignore), ("Scratch", NET_PACKET::Scratch)] {
        assert_eq!(bits(&facts, "NET_PACKET", field), (flags + mask.trailing_zeros(), mask.count_ones()), "{field}");
    }
}

#[test]
fn bit_fields_of_a_packet_layout_are_those_of_the_facts() {
    let Some(facts) = load("layout-x64.json") else { return };
    type Getter = fn(NET_PACKET_LAYOUT) -> u64;
    let getters: [(&str, Getter); 6] = [
        ("Layer2HeaderLength", |layout| layout.Layer2HeaderLength().into()),
        ("Layer3HeaderLength", |layout| layout.Layer3HeaderLength().into()),
        ("Layer4HeaderLength", |layout| layout.Layer4HeaderLength().into()),
        ("Layer2Type", |layout| layout.Layer2Type().into()),
        ("Layer3Type", |layout| layout.Layer3Type().into()),
        ("Layer4Type", |layout| layout.Layer4Type().into()),
    ];
    for (field, _) in getters {
        let (offset, width) = bits(&facts, "NET_PACKET_LAYOUT", field);
        let all_ones = (1 << width) - 1;
        let layout = NET_PACKET_LAYOUT::from_raw(all_ones << offset);
        for (other, get) in getters {
            assert_eq!(get(layout), if other == field { all_ones } else { 0 }, "{other} of a layout with {field} set");
        }
    }
}

#[test]
fn a_wrong_layout_is_found() {
    let Some(facts) = load("layout-x64.json") else { return };
    let structs = merged(&facts, &SECTIONS, "structs");
    let changes: [fn(&mut Layout); 4] = [
        |layout| layout.size += 8,
        |layout| layout.align *= 2,
        |layout| layout.fields[1].offset += 4,
        |layout| layout.fields[1].name += "X",
    ];
    for change in changes {
        let mut layouts = listed();
        change(layouts.iter_mut().find(|layout| layout.name == "NET_PACKET_QUEUE_CONFIG").expect("it is listed"));
        assert!(!layout_faults(&layouts, &structs).is_empty());
    }
    let mut layouts = listed();
    layouts.pop();
    assert!(!unlisted(&layouts, &source(), &OTHER_HEADERS).is_empty());
}

#[test]
fn a_wrong_value_index_or_signature_is_found() {
    let source = Source::from_text(
        "\npub mod _E {\n    pub const A: Type = 1;\n}\
         \nnet_call!(F(X: ULONG) -> BOOLEAN = 3);\
         \npub type PFN_C = Option<evt_fn!(fn(ULONG, *mut X) -> NTSTATUS)>;\n",
    );
    let function = |index: u32, kind: &str| {
        let params = json!([{ "type": "GLOBALS" }, { "type": kind }]);
        json!({ "entry_count": 1, "functions": { "F": { "index": index, "ret": "BOOLEAN", "params": params } } })
    };
    let calls = source.calls("net_call");
    assert!(call_faults(&calls, &function(3, "ULONG")).is_empty());
    assert!(!call_faults(&calls, &function(4, "ULONG")).is_empty());
    assert!(!call_faults(&calls, &function(3, "USHORT")).is_empty());

    let callback = |params: Value| json!({ "callbacks": { "EVT_C": { "ret": "NTSTATUS", "params": params } } });
    let callbacks = source.callbacks();
    let right = json!([{ "type": "ULONG" }, { "type": "X *" }]);
    assert!(callback_faults(&callbacks, &callback(right)).is_empty());
    assert!(!callback_faults(&callbacks, &callback(json!([{ "type": "ULONG" }]))).is_empty());

    let facts = |value: u32| json!({ "E": { "values": { "A": value } } });
    let faults = |value| enum_faults(&source.enums(), facts(value).as_object().expect("an object"), &[]);
    assert!(faults(1).is_empty());
    assert!(!faults(2).is_empty());
    assert!(!table_faults(&source.enums()["_E"], "Count", &function(3, "ULONG")).is_empty());
}
