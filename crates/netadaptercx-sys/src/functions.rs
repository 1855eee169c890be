//! Call shims of the functions a client may call: name, signature, table index.
//!
//! Entries for media extensions are left out: called by any other driver they bugcheck 0x19E, code 43
//! (`shared/abi/netadaptercx-extension-rules.json`).

use crate::*;
use core::ffi::c_void;
use wdk_sys::{
    PCUNICODE_STRING, PWDFDEVICE_INIT, WDF_OBJECT_ATTRIBUTES, WDFCOLLECTION, WDFDEVICE, WDFMEMORY, WDFSTRING,
};

macro_rules! net_call {
    ($name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)? = $index:literal) => {
        /// # Safety
        /// The DDI page of this function states what its arguments must be.
        #[inline]
        pub unsafe fn $name($($arg: $ty),*) $(-> $ret)? {
            // SAFETY: the framework filled in the table when it bound this class, before any driver code ran, and the
            // entry at this index has this signature in NetAdapterCx 2.2 and later.
            unsafe {
                let (entry, globals) = bind::entry($index);
                let function: evt_fn!(fn(PNET_DRIVER_GLOBALS, $($ty),*) $(-> $ret)?) = core::mem::transmute(entry);
                function(globals, $($arg),*)
            }
        }
    };
}

net_call!(NetAdapterInitAllocate(Device: WDFDEVICE) -> *mut NETADAPTER_INIT = 0);
net_call!(NetAdapterInitFree(AdapterInit: *mut NETADAPTER_INIT) = 1);
net_call!(NetAdapterInitSetDatapathCallbacks(AdapterInit: *mut NETADAPTER_INIT, DatapathCallbacks: *mut NET_ADAPTER_DATAPATH_CALLBACKS) = 2);
net_call!(NetAdapterCreate(AdapterInit: *mut NETADAPTER_INIT, AdapterAttributes: *mut WDF_OBJECT_ATTRIBUTES, Adapter: *mut NETADAPTER) -> NTSTATUS = 3);
net_call!(NetAdapterStart(Adapter: NETADAPTER) -> NTSTATUS = 4);
net_call!(NetAdapterStop(Adapter: NETADAPTER) = 5);
net_call!(NetAdapterSetLinkLayerCapabilities(Adapter: NETADAPTER, LinkLayerCapabilities: *mut NET_ADAPTER_LINK_LAYER_CAPABILITIES) = 6);
net_call!(NetAdapterSetLinkLayerMtuSize(Adapter: NETADAPTER, MtuSize: ULONG) = 7);
net_call!(NetAdapterPowerOffloadSetArpCapabilities(Adapter: NETADAPTER, Capabilities: *const NET_ADAPTER_POWER_OFFLOAD_ARP_CAPABILITIES) = 8);
net_call!(NetAdapterPowerOffloadSetNSCapabilities(Adapter: NETADAPTER, Capabilities: *const NET_ADAPTER_POWER_OFFLOAD_NS_CAPABILITIES) = 9);
net_call!(NetAdapterWakeSetBitmapCapabilities(Adapter: NETADAPTER, Capabilities: *const NET_ADAPTER_WAKE_BITMAP_CAPABILITIES) = 10);
net_call!(NetAdapterWakeSetMediaChangeCapabilities(Adapter: NETADAPTER, Capabilities: *const NET_ADAPTER_WAKE_MEDIA_CHANGE_CAPABILITIES) = 11);
net_call!(NetAdapterWakeSetMagicPacketCapabilities(Adapter: NETADAPTER, Capabilities: *const NET_ADAPTER_WAKE_MAGIC_PACKET_CAPABILITIES) = 12);
net_call!(NetAdapterWakeSetPacketFilterCapabilities(Adapter: NETADAPTER, Capabilities: *const NET_ADAPTER_WAKE_PACKET_FILTER_CAPABILITIES) = 13);
net_call!(NetAdapterSetDataPathCapabilities(Adapter: NETADAPTER, TxCapabilities: *mut NET_ADAPTER_TX_CAPABILITIES, RxCapabilities: *mut NET_ADAPTER_RX_CAPABILITIES) = 14);
net_call!(NetAdapterSetLinkState(Adapter: NETADAPTER, State: *mut NET_ADAPTER_LINK_STATE) = 15);
net_call!(NetAdapterGetNetLuid(Adapter: NETADAPTER) -> NET_LUID = 16);
net_call!(NetAdapterOpenConfiguration(Adapter: NETADAPTER, ConfigurationAttributes: *mut WDF_OBJECT_ATTRIBUTES, Configuration: *mut NETCONFIGURATION) -> NTSTATUS = 17);
net_call!(NetAdapterSetPermanentLinkLayerAddress(Adapter: NETADAPTER, LinkLayerAddress: *mut NET_ADAPTER_LINK_LAYER_ADDRESS) = 18);
net_call!(NetAdapterSetCurrentLinkLayerAddress(Adapter: NETADAPTER, LinkLayerAddress: *mut NET_ADAPTER_LINK_LAYER_ADDRESS) = 19);
net_call!(NetAdapterOffloadSetChecksumCapabilities(Adapter: NETADAPTER, HardwareCapabilities: *mut NET_ADAPTER_OFFLOAD_CHECKSUM_CAPABILITIES) = 20);
net_call!(NetOffloadIsChecksumIPv4Enabled(Offload: NETOFFLOAD) -> BOOLEAN = 21);
net_call!(NetOffloadIsChecksumTcpEnabled(Offload: NETOFFLOAD) -> BOOLEAN = 22);
net_call!(NetOffloadIsChecksumUdpEnabled(Offload: NETOFFLOAD) -> BOOLEAN = 23);
net_call!(NetAdapterReportWakeReasonPacket(Adapter: NETADAPTER, Reason: *const NET_ADAPTER_WAKE_REASON_PACKET) = 24);
net_call!(NetAdapterReportWakeReasonMediaChange(Adapter: NETADAPTER, Reason: NET_IF_MEDIA_CONNECT_STATE) = 25);
net_call!(NetAdapterWdmGetNdisHandle(Adapter: NETADAPTER) -> NDIS_HANDLE = 33);
net_call!(NetConfigurationClose(Configuration: NETCONFIGURATION) = 35);
net_call!(NetConfigurationOpenSubConfiguration(Configuration: NETCONFIGURATION, SubConfigurationName: PCUNICODE_STRING, SubConfigurationAttributes: *mut WDF_OBJECT_ATTRIBUTES, SubConfiguration: *mut NETCONFIGURATION) -> NTSTATUS = 36);
net_call!(NetConfigurationQueryUlong(Configuration: NETCONFIGURATION, Flags: NET_CONFIGURATION_QUERY_ULONG_FLAGS, ValueName: PCUNICODE_STRING, Value: *mut ULONG) -> NTSTATUS = 37);
net_call!(NetConfigurationQueryString(Configuration: NETCONFIGURATION, ValueName: PCUNICODE_STRING, StringAttributes: *mut WDF_OBJECT_ATTRIBUTES, WdfString: *mut WDFSTRING) -> NTSTATUS = 38);
net_call!(NetConfigurationQueryMultiString(Configuration: NETCONFIGURATION, ValueName: PCUNICODE_STRING, StringsAttributes: *mut WDF_OBJECT_ATTRIBUTES, Collection: WDFCOLLECTION) -> NTSTATUS = 39);
net_call!(NetConfigurationQueryBinary(Configuration: NETCONFIGURATION, ValueName: PCUNICODE_STRING, PoolType: POOL_TYPE, MemoryAttributes: *mut WDF_OBJECT_ATTRIBUTES, Memory: *mut WDFMEMORY) -> NTSTATUS = 40);
net_call!(NetConfigurationQueryLinkLayerAddress(Configuration: NETCONFIGURATION, LinkLayerAddress: *mut NET_ADAPTER_LINK_LAYER_ADDRESS) -> NTSTATUS = 41);
net_call!(NetConfigurationAssignUlong(Configuration: NETCONFIGURATION, ValueName: PCUNICODE_STRING, Value: ULONG) -> NTSTATUS = 42);
net_call!(NetConfigurationAssignUnicodeString(Configuration: NETCONFIGURATION, ValueName: PCUNICODE_STRING, Value: PCUNICODE_STRING) -> NTSTATUS = 43);
net_call!(NetConfigurationAssignMultiString(Configuration: NETCONFIGURATION, ValueName: PCUNICODE_STRING, Collection: WDFCOLLECTION) -> NTSTATUS = 44);
net_call!(NetConfigurationAssignBinary(Configuration: NETCONFIGURATION, ValueName: PCUNICODE_STRING, Buffer: *mut c_void, BufferLength: ULONG) -> NTSTATUS = 45);
net_call!(NetDeviceInitConfig(DeviceInit: PWDFDEVICE_INIT) -> NTSTATUS = 46);
net_call!(NetDeviceOpenConfiguration(Device: WDFDEVICE, ConfigurationAttributes: *mut WDF_OBJECT_ATTRIBUTES, Configuration: *mut NETCONFIGURATION) -> NTSTATUS = 47);
net_call!(NetDeviceInitSetPowerPolicyEventCallbacks(DeviceInit: PWDFDEVICE_INIT, Callbacks: *const NET_DEVICE_POWER_POLICY_EVENT_CALLBACKS) = 48);
net_call!(NetPowerOffloadGetType(PowerOffload: NETPOWEROFFLOAD) -> NET_POWER_OFFLOAD_TYPE = 51);
net_call!(NetPowerOffloadGetArpParameters(PowerOffload: NETPOWEROFFLOAD, Parameters: *mut NET_POWER_OFFLOAD_ARP_PARAMETERS) = 52);
net_call!(NetPowerOffloadGetNSParameters(PowerOffload: NETPOWEROFFLOAD, Parameters: *mut NET_POWER_OFFLOAD_NS_PARAMETERS) = 53);
net_call!(NetDeviceGetPowerOffloadList(Device: WDFDEVICE, List: *mut NET_POWER_OFFLOAD_LIST) = 54);
net_call!(NetPowerOffloadListGetCount(List: *const NET_POWER_OFFLOAD_LIST) -> SIZE_T = 55);
net_call!(NetPowerOffloadListGetElement(List: *const NET_POWER_OFFLOAD_LIST, Index: SIZE_T) -> NETPOWEROFFLOAD = 56);
net_call!(NetAdapterSetReceiveScalingCapabilities(Adapter: NETADAPTER, Capabilities: *const NET_ADAPTER_RECEIVE_SCALING_CAPABILITIES) = 57);
net_call!(NetRxQueueCreate(NetRxQueueInit: *mut NETRXQUEUE_INIT, RxQueueAttributes: *mut WDF_OBJECT_ATTRIBUTES, Configuration: *mut NET_PACKET_QUEUE_CONFIG, PacketQueue: *mut NETPACKETQUEUE) -> NTSTATUS = 58);
net_call!(NetRxQueueNotifyMoreReceivedPacketsAvailable(PacketQueue: NETPACKETQUEUE) = 59);
net_call!(NetRxQueueInitGetQueueId(NetRxQueueInit: *mut NETRXQUEUE_INIT) -> ULONG = 60);
net_call!(NetRxQueueGetRingCollection(PacketQueue: NETPACKETQUEUE) -> *const NET_RING_COLLECTION = 61);
net_call!(NetRxQueueGetExtension(PacketQueue: NETPACKETQUEUE, Query: *const NET_EXTENSION_QUERY, Extension: *mut NET_EXTENSION) = 62);
net_call!(NetTxQueueCreate(NetTxQueueInit: *mut NETTXQUEUE_INIT, TxQueueAttributes: *mut WDF_OBJECT_ATTRIBUTES, Configuration: *mut NET_PACKET_QUEUE_CONFIG, PacketQueue: *mut NETPACKETQUEUE) -> NTSTATUS = 63);
net_call!(NetTxQueueNotifyMoreCompletedPacketsAvailable(PacketQueue: NETPACKETQUEUE) = 64);
net_call!(NetTxQueueInitGetQueueId(NetTxQueueInit: *mut NETTXQUEUE_INIT) -> ULONG = 65);
net_call!(NetTxQueueGetRingCollection(PacketQueue: NETPACKETQUEUE) -> *const NET_RING_COLLECTION = 66);
net_call!(NetTxQueueGetExtension(PacketQueue: NETPACKETQUEUE, Query: *const NET_EXTENSION_QUERY, Extension: *mut NET_EXTENSION) = 67);
net_call!(NetWakeSourceGetType(WakeSource: NETWAKESOURCE) -> NET_WAKE_SOURCE_TYPE = 68);
net_call!(NetWakeSourceGetAdapter(WakeSource: NETWAKESOURCE) -> NETADAPTER = 69);
net_call!(NetWakeSourceGetBitmapParameters(WakeSource: NETWAKESOURCE, Parameters: *mut NET_WAKE_SOURCE_BITMAP_PARAMETERS) = 70);
net_call!(NetWakeSourceGetMediaChangeParameters(WakeSource: NETWAKESOURCE, Parameters: *mut NET_WAKE_SOURCE_MEDIA_CHANGE_PARAMETERS) = 71);
net_call!(NetDeviceGetWakeSourceList(Device: WDFDEVICE, List: *mut NET_WAKE_SOURCE_LIST) = 72);
net_call!(NetWakeSourceListGetCount(List: *const NET_WAKE_SOURCE_LIST) -> SIZE_T = 73);
net_call!(NetWakeSourceListGetElement(List: *const NET_WAKE_SOURCE_LIST, Index: SIZE_T) -> NETWAKESOURCE = 74);
net_call!(NetAdapterWakeSetEapolPacketCapabilities(Adapter: NETADAPTER, Capabilities: *const NET_ADAPTER_WAKE_EAPOL_PACKET_CAPABILITIES) = 75);
net_call!(NetAdapterSetReceiveFilterCapabilities(Adapter: NETADAPTER, Capabilities: *const NET_ADAPTER_RECEIVE_FILTER_CAPABILITIES) = 76);
net_call!(NetReceiveFilterGetPacketFilter(ReceiveFilter: NETRECEIVEFILTER) -> NET_PACKET_FILTER_FLAGS = 77);
net_call!(NetReceiveFilterGetMulticastAddressCount(ReceiveFilter: NETRECEIVEFILTER) -> SIZE_T = 78);
net_call!(NetReceiveFilterGetMulticastAddressList(ReceiveFilter: NETRECEIVEFILTER) -> *const NET_ADAPTER_LINK_LAYER_ADDRESS = 79);
net_call!(NetAdapterOffloadSetTxChecksumCapabilities(Adapter: NETADAPTER, HardwareCapabilities: *const NET_ADAPTER_OFFLOAD_TX_CHECKSUM_CAPABILITIES) = 89);
net_call!(NetOffloadIsTxChecksumIPv4Enabled(Offload: NETOFFLOAD) -> BOOLEAN = 90);
net_call!(NetOffloadIsTxChecksumTcpEnabled(Offload: NETOFFLOAD) -> BOOLEAN = 91);
net_call!(NetOffloadIsTxChecksumUdpEnabled(Offload: NETOFFLOAD) -> BOOLEAN = 92);
net_call!(NetAdapterOffloadSetRxChecksumCapabilities(Adapter: NETADAPTER, Capabilities: *const NET_ADAPTER_OFFLOAD_RX_CHECKSUM_CAPABILITIES) = 93);
net_call!(NetOffloadIsRxChecksumIPv4Enabled(Offload: NETOFFLOAD) -> BOOLEAN = 94);
net_call!(NetOffloadIsRxChecksumTcpEnabled(Offload: NETOFFLOAD) -> BOOLEAN = 95);
net_call!(NetOffloadIsRxChecksumUdpEnabled(Offload: NETOFFLOAD) -> BOOLEAN = 96);
net_call!(NetAdapterOffloadSetGsoCapabilities(Adapter: NETADAPTER, HardwareCapabilities: *mut NET_ADAPTER_OFFLOAD_GSO_CAPABILITIES) = 97);
net_call!(NetOffloadIsLsoIPv4Enabled(Offload: NETOFFLOAD) -> BOOLEAN = 98);
net_call!(NetOffloadIsLsoIPv6Enabled(Offload: NETOFFLOAD) -> BOOLEAN = 99);
net_call!(NetOffloadIsUsoIPv4Enabled(Offload: NETOFFLOAD) -> BOOLEAN = 100);
net_call!(NetOffloadIsUsoIPv6Enabled(Offload: NETOFFLOAD) -> BOOLEAN = 101);
net_call!(NetAdapterOffloadSetRscCapabilities(Adapter: NETADAPTER, HardwareCapabilities: *mut NET_ADAPTER_OFFLOAD_RSC_CAPABILITIES) = 102);
net_call!(NetOffloadIsTcpRscIPv4Enabled(Offload: NETOFFLOAD) -> BOOLEAN = 103);
net_call!(NetOffloadIsTcpRscIPv6Enabled(Offload: NETOFFLOAD) -> BOOLEAN = 104);
net_call!(NetOffloadIsRscTcpTimestampOptionEnabled(Offload: NETOFFLOAD) -> BOOLEAN = 105);
net_call!(NetAdapterOffloadSetIeee8021qTagCapabilities(Adapter: NETADAPTER, HardwareCapabilities: *mut NET_ADAPTER_OFFLOAD_IEEE8021Q_TAG_CAPABILITIES) = 106);
net_call!(NetAdapterInitAddTxDemux(AdapterInit: *mut NETADAPTER_INIT, Demux: *const NET_ADAPTER_TX_DEMUX) = 107);
net_call!(NetDeviceInitSetResetCapabilities(DeviceInit: PWDFDEVICE_INIT, ResetCapabilities: *const NET_DEVICE_RESET_CAPABILITIES) = 112);
net_call!(NetDeviceStoreResetDiagnostics(Device: WDFDEVICE, ResetDiagnosticsSize: SIZE_T, ResetDiagnosticsBuffer: *const UINT8) = 113);
net_call!(NetDeviceRequestReset(Device: WDFDEVICE) = 114);
net_call!(NetExecutionContextCreate(Device: WDFDEVICE, Config: *const NET_EXECUTION_CONTEXT_CONFIG, ClientAttributes: *mut WDF_OBJECT_ATTRIBUTES, NetExecutionContextHandle: *mut NETEXECUTIONCONTEXT) -> NTSTATUS = 115);
net_call!(NetExecutionContextTaskCreate(NetExecutionContextHandle: NETEXECUTIONCONTEXT, ClientAttributes: *mut WDF_OBJECT_ATTRIBUTES, NetExecutionContextTaskConfig: *mut NET_EXECUTION_CONTEXT_TASK_CONFIG, NetExecutionContextTaskHandle: *mut NETEXECUTIONCONTEXTTASK) -> NTSTATUS = 116);
net_call!(NetExecutionContextNotify(ExecutionContext: NETEXECUTIONCONTEXT) = 117);
net_call!(NetExecutionContextTaskEnqueue(NetExecutionContextTaskHandle: NETEXECUTIONCONTEXTTASK) = 118);
net_call!(NetExecutionContextTaskWaitCompletion(NetExecutionContextTaskHandle: NETEXECUTIONCONTEXTTASK) = 119);
net_call!(NetPowerOffloadGetAdapter(PowerOffload: NETPOWEROFFLOAD) -> NETADAPTER = 120);
net_call!(NetTxQueueGetDemux8021p(Queue: NETPACKETQUEUE) -> UINT8 = 121);
