//! The mini driver's own bindings: what WDFLDR filled in, and a caller for each function it uses.
#![allow(non_snake_case, clippy::missing_safety_doc, clippy::too_many_arguments, dead_code, reason = "DDI names")]

use netadaptercx_sys::*;
use std::mem::transmute;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use wdk_sys::*;
use wdk_sys::{NTSTATUS, SIZE_T, ULONG};

pub const NET_ENTRIES: usize = _NETFUNCENUM::NetFunctionTableNumEntries as usize;

static NET_TABLE: [AtomicUsize; NET_ENTRIES] = [const { AtomicUsize::new(0) }; NET_ENTRIES];
static NET_GLOBALS: AtomicPtr<NET_DRIVER_GLOBALS> = AtomicPtr::new(null_mut());
static WDF_TABLE: AtomicPtr<usize> = AtomicPtr::new(null_mut());
static WDF_GLOBALS: AtomicPtr<WDF_DRIVER_GLOBALS> = AtomicPtr::new(null_mut());

fn net(index: i32) -> (usize, PNET_DRIVER_GLOBALS) {
    (NET_TABLE[index as usize].load(Ordering::Relaxed), NET_GLOBALS.load(Ordering::Relaxed))
}

fn wdf(index: i32) -> (usize, PWDF_DRIVER_GLOBALS) {
    let table = WDF_TABLE.load(Ordering::Relaxed);
    // SAFETY: bound, and `index` is one of _WDFFUNCENUM.
    (unsafe { *table.add(index as usize) }, WDF_GLOBALS.load(Ordering::Relaxed))
}

macro_rules! calls {
    ($table:ident, $globals:ty, $enum:ident: $($name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)? = $index:ident;)*) => {
        $(
            pub unsafe fn $name($($arg: $ty),*) $(-> $ret)? {
                let (address, globals) = $table($enum::$index);
                // SAFETY: the entry at this index has this signature.
                unsafe {
                    let f: unsafe extern "win64" fn($globals, $($ty),*) $(-> $ret)? = transmute(address);
                    f(globals, $($arg),*)
                }
            }
        )*
    };
}

calls! { wdf, PWDF_DRIVER_GLOBALS, _WDFFUNCENUM:
    WdfDriverCreate(d: PDRIVER_OBJECT, p: PCUNICODE_STRING, a: PWDF_OBJECT_ATTRIBUTES, c: PWDF_DRIVER_CONFIG, out: *mut WDFDRIVER) -> NTSTATUS = WdfDriverCreateTableIndex;
    WdfDeviceInitSetPnpPowerEventCallbacks(i: PWDFDEVICE_INIT, c: PWDF_PNPPOWER_EVENT_CALLBACKS) = WdfDeviceInitSetPnpPowerEventCallbacksTableIndex;
    WdfDeviceCreate(i: *mut PWDFDEVICE_INIT, a: PWDF_OBJECT_ATTRIBUTES, out: *mut WDFDEVICE) -> NTSTATUS = WdfDeviceCreateTableIndex;
    WdfDmaEnablerCreate(d: WDFDEVICE, c: PWDF_DMA_ENABLER_CONFIG, a: PWDF_OBJECT_ATTRIBUTES, out: *mut WDFDMAENABLER) -> NTSTATUS = WdfDmaEnablerCreateTableIndex;
}

calls! { net, PNET_DRIVER_GLOBALS, _NETFUNCENUM:
    NetDeviceInitConfig(i: PWDFDEVICE_INIT) -> NTSTATUS = NetDeviceInitConfigTableIndex;
    NetDeviceInitSetResetCapabilities(i: PWDFDEVICE_INIT, c: *const NET_DEVICE_RESET_CAPABILITIES) = NetDeviceInitSetResetCapabilitiesTableIndex;
    NetDeviceStoreResetDiagnostics(d: WDFDEVICE, n: SIZE_T, b: *const u8) = NetDeviceStoreResetDiagnosticsTableIndex;
    NetDeviceRequestReset(d: WDFDEVICE) = NetDeviceRequestResetTableIndex;
    NetDeviceGetWakeSourceList(d: WDFDEVICE, l: *mut NET_WAKE_SOURCE_LIST) = NetDeviceGetWakeSourceListTableIndex;
    NetDeviceAssignSupportedOidList(d: WDFDEVICE) -> NTSTATUS = NetDeviceAssignSupportedOidListTableIndex;
    NetAdapterInitAllocate(d: WDFDEVICE) -> *mut NETADAPTER_INIT = NetAdapterInitAllocateTableIndex;
    NetAdapterInitFree(i: *mut NETADAPTER_INIT) = NetAdapterInitFreeTableIndex;
    NetAdapterInitSetDatapathCallbacks(i: *mut NETADAPTER_INIT, c: *mut NET_ADAPTER_DATAPATH_CALLBACKS) = NetAdapterInitSetDatapathCallbacksTableIndex;
    NetAdapterCreate(i: *mut NETADAPTER_INIT, a: *mut WDF_OBJECT_ATTRIBUTES, out: *mut NETADAPTER) -> NTSTATUS = NetAdapterCreateTableIndex;
    NetAdapterStart(a: NETADAPTER) -> NTSTATUS = NetAdapterStartTableIndex;
    NetAdapterStop(a: NETADAPTER) = NetAdapterStopTableIndex;
    NetAdapterWdmGetNdisHandle(a: NETADAPTER) -> wdk_sys::PVOID = NetAdapterWdmGetNdisHandleTableIndex;
    NetAdapterSetLinkState(a: NETADAPTER, s: *mut NET_ADAPTER_LINK_STATE) = NetAdapterSetLinkStateTableIndex;
    NetAdapterSetLinkLayerCapabilities(a: NETADAPTER, c: *mut NET_ADAPTER_LINK_LAYER_CAPABILITIES) = NetAdapterSetLinkLayerCapabilitiesTableIndex;
    NetAdapterSetLinkLayerMtuSize(a: NETADAPTER, mtu: ULONG) = NetAdapterSetLinkLayerMtuSizeTableIndex;
    NetAdapterSetDataPathCapabilities(a: NETADAPTER, t: *mut NET_ADAPTER_TX_CAPABILITIES, r: *mut NET_ADAPTER_RX_CAPABILITIES) = NetAdapterSetDataPathCapabilitiesTableIndex;
    NetAdapterSetReceiveFilterCapabilities(a: NETADAPTER, c: *const NET_ADAPTER_RECEIVE_FILTER_CAPABILITIES) = NetAdapterSetReceiveFilterCapabilitiesTableIndex;
    NetAdapterSetReceiveScalingCapabilities(a: NETADAPTER, c: *const NET_ADAPTER_RECEIVE_SCALING_CAPABILITIES) = NetAdapterSetReceiveScalingCapabilitiesTableIndex;
    NetAdapterSetPermanentLinkLayerAddress(a: NETADAPTER, m: *mut NET_ADAPTER_LINK_LAYER_ADDRESS) = NetAdapterSetPermanentLinkLayerAddressTableIndex;
    NetAdapterSetCurrentLinkLayerAddress(a: NETADAPTER, m: *mut NET_ADAPTER_LINK_LAYER_ADDRESS) = NetAdapterSetCurrentLinkLayerAddressTableIndex;
    NetAdapterOffloadSetChecksumCapabilities(a: NETADAPTER, c: *mut NET_ADAPTER_OFFLOAD_CHECKSUM_CAPABILITIES) = NetAdapterOffloadSetChecksumCapabilitiesTableIndex;
    NetAdapterOffloadSetTxChecksumCapabilities(a: NETADAPTER, c: *const NET_ADAPTER_OFFLOAD_TX_CHECKSUM_CAPABILITIES) = NetAdapterOffloadSetTxChecksumCapabilitiesTableIndex;
    NetAdapterOffloadSetGsoCapabilities(a: NETADAPTER, c: *mut NET_ADAPTER_OFFLOAD_GSO_CAPABILITIES) = NetAdapterOffloadSetGsoCapabilitiesTableIndex;
    NetAdapterReportWakeReasonMediaChange(a: NETADAPTER, r: NET_IF_MEDIA_CONNECT_STATE) = NetAdapterReportWakeReasonMediaChangeTableIndex;
    NetAdapterOpenConfiguration(a: NETADAPTER, at: *mut WDF_OBJECT_ATTRIBUTES, out: *mut NETCONFIGURATION) -> NTSTATUS = NetAdapterOpenConfigurationTableIndex;
    NetConfigurationClose(c: NETCONFIGURATION) = NetConfigurationCloseTableIndex;
    NetConfigurationQueryUlong(c: NETCONFIGURATION, f: i32, n: PCUNICODE_STRING, v: *mut ULONG) -> NTSTATUS = NetConfigurationQueryUlongTableIndex;
    NetConfigurationQueryLinkLayerAddress(c: NETCONFIGURATION, v: *mut NET_ADAPTER_LINK_LAYER_ADDRESS) -> NTSTATUS = NetConfigurationQueryLinkLayerAddressTableIndex;
    NetReceiveFilterGetPacketFilter(f: NETRECEIVEFILTER) -> i32 = NetReceiveFilterGetPacketFilterTableIndex;
    NetReceiveFilterGetMulticastAddressCount(f: NETRECEIVEFILTER) -> SIZE_T = NetReceiveFilterGetMulticastAddressCountTableIndex;
    NetReceiveFilterGetMulticastAddressList(f: NETRECEIVEFILTER) -> *const NET_ADAPTER_LINK_LAYER_ADDRESS = NetReceiveFilterGetMulticastAddressListTableIndex;
    NetTxQueueCreate(i: *mut NETTXQUEUE_INIT, a: *mut WDF_OBJECT_ATTRIBUTES, c: *mut NET_PACKET_QUEUE_CONFIG, out: *mut NETPACKETQUEUE) -> NTSTATUS = NetTxQueueCreateTableIndex;
    NetRxQueueCreate(i: *mut NETRXQUEUE_INIT, a: *mut WDF_OBJECT_ATTRIBUTES, c: *mut NET_PACKET_QUEUE_CONFIG, out: *mut NETPACKETQUEUE) -> NTSTATUS = NetRxQueueCreateTableIndex;
    NetTxQueueInitGetQueueId(i: *mut NETTXQUEUE_INIT) -> ULONG = NetTxQueueInitGetQueueIdTableIndex;
    NetTxQueueGetRingCollection(q: NETPACKETQUEUE) -> *const NET_RING_COLLECTION = NetTxQueueGetRingCollectionTableIndex;
    NetRxQueueGetRingCollection(q: NETPACKETQUEUE) -> *const NET_RING_COLLECTION = NetRxQueueGetRingCollectionTableIndex;
    NetTxQueueGetExtension(q: NETPACKETQUEUE, query: *const NET_EXTENSION_QUERY, out: *mut NET_EXTENSION) = NetTxQueueGetExtensionTableIndex;
    NetRxQueueGetExtension(q: NETPACKETQUEUE, query: *const NET_EXTENSION_QUERY, out: *mut NET_EXTENSION) = NetRxQueueGetExtensionTableIndex;
    NetTxQueueNotifyMoreCompletedPacketsAvailable(q: NETPACKETQUEUE) = NetTxQueueNotifyMoreCompletedPacketsAvailableTableIndex;
    NetRxQueueNotifyMoreReceivedPacketsAvailable(q: NETPACKETQUEUE) = NetRxQueueNotifyMoreReceivedPacketsAvailableTableIndex;
    NetTxQueueGetDemux8021p(q: NETPACKETQUEUE) -> u8 = NetTxQueueGetDemux8021pTableIndex;
    NetExecutionContextCreate(d: WDFDEVICE, c: *const NET_EXECUTION_CONTEXT_CONFIG, a: *mut WDF_OBJECT_ATTRIBUTES, out: *mut NETEXECUTIONCONTEXT) -> NTSTATUS = NetExecutionContextCreateTableIndex;
    NetExecutionContextTaskCreate(e: NETEXECUTIONCONTEXT, a: *mut WDF_OBJECT_ATTRIBUTES, c: *mut NET_EXECUTION_CONTEXT_TASK_CONFIG, out: *mut NETEXECUTIONCONTEXTTASK) -> NTSTATUS = NetExecutionContextTaskCreateTableIndex;
    NetExecutionContextNotify(e: NETEXECUTIONCONTEXT) = NetExecutionContextNotifyTableIndex;
    NetExecutionContextTaskEnqueue(t: NETEXECUTIONCONTEXTTASK) = NetExecutionContextTaskEnqueueTableIndex;
    NetExecutionContextTaskWaitCompletion(t: NETEXECUTIONCONTEXTTASK) = NetExecutionContextTaskWaitCompletionTableIndex;
}

/// Calls NetAdapterStop with globals that no client got.
pub unsafe fn stop_with_wrong_globals(adapter: NETADAPTER) {
    let (address, _) = net(_NETFUNCENUM::NetAdapterStopTableIndex);
    // SAFETY: the entry at this index has this signature.
    unsafe {
        let f: unsafe extern "win64" fn(PNET_DRIVER_GLOBALS, NETADAPTER) = transmute(address);
        f(0x1000 as PNET_DRIVER_GLOBALS, adapter);
    }
}

/// The records that a driver's entry stub would hold.
struct Records {
    bind: WDF_BIND_INFO,
    class: WDF_CLASS_BIND_INFO,
    path: UNICODE_STRING,
}

static RECORDS: AtomicPtr<Records> = AtomicPtr::new(null_mut());

fn loader(name: &str) -> usize {
    lab_kmdf::resolve("WDFLDR.SYS", name).expect("an export of the loader")
}

fn wide(text: &str) -> *mut u16 {
    text.encode_utf16().chain([0]).collect::<Vec<u16>>().leak().as_mut_ptr()
}

type VersionBind = unsafe extern "win64" fn(
    PDRIVER_OBJECT,
    *mut UNICODE_STRING,
    *mut WDF_BIND_INFO,
    *mut PWDF_DRIVER_GLOBALS,
) -> NTSTATUS;
type ClassBind =
    unsafe extern "win64" fn(*mut WDF_BIND_INFO, PWDF_DRIVER_GLOBALS, *mut WDF_CLASS_BIND_INFO) -> NTSTATUS;
type ClassUnbind = unsafe extern "win64" fn(*mut WDF_BIND_INFO, PWDF_DRIVER_GLOBALS, *mut WDF_CLASS_BIND_INFO);
type VersionUnbind = unsafe extern "win64" fn(*mut UNICODE_STRING, *mut WDF_BIND_INFO, PWDF_DRIVER_GLOBALS) -> NTSTATUS;

/// What a driver's entry stub does: binds the framework and NetAdapterCx `minor`.
pub unsafe fn bind(driver: PDRIVER_OBJECT, path: PCUNICODE_STRING, minor: u32, build: u32) -> NTSTATUS {
    let records = Box::leak(Box::new(Records {
        bind: WDF_BIND_INFO {
            Size: size_of::<WDF_BIND_INFO>() as u32,
            Component: wide("KmdfLibrary"),
            Version: WDF_VERSION { Major: 1, Minor: 33, Build: 0 },
            FuncCount: _WDFFUNCENUM::WdfFunctionTableNumEntries as u32,
            FuncTable: WDF_TABLE.as_ptr().cast(),
            Module: null_mut(),
        },
        class: WDF_CLASS_BIND_INFO {
            Size: size_of::<WDF_CLASS_BIND_INFO>() as u32,
            ClassName: wide("NetAdapterCx"),
            Version: WDF_CLASS_VERSION { Major: 2, Minor: minor, Build: build },
            FunctionTable: NET_TABLE.as_ptr().cast_mut().cast(),
            FunctionTableCount: NET_ENTRIES as u32,
            ClassBindInfo: NET_GLOBALS.as_ptr().cast(),
            ..Default::default()
        },
        // SAFETY: the I/O manager's string.
        path: unsafe {
            UNICODE_STRING { Length: (*path).Length, MaximumLength: (*path).MaximumLength, Buffer: (*path).Buffer }
        },
    }));
    RECORDS.store(records, Ordering::Relaxed);
    // SAFETY: the exports have these signatures; the records live as long as the process.
    unsafe {
        let bind: VersionBind = transmute(loader("WdfVersionBind"));
        let mut globals = null_mut();
        let status = bind(driver, &mut records.path, &mut records.bind, &mut globals);
        if !NT_SUCCESS(status) {
            return status;
        }
        WDF_GLOBALS.store(globals, Ordering::Relaxed);
        let bind_class: ClassBind = transmute(loader("WdfVersionBindClass"));
        let status = bind_class(&mut records.bind, globals, &mut records.class);
        if !NT_SUCCESS(status) {
            let unbind: VersionUnbind = transmute(loader("WdfVersionUnbind"));
            unbind(&mut records.path, &mut records.bind, globals);
        }
        status
    }
}

/// The end of the entry stub: the framework's unload routine is wrapped by ours.
pub unsafe fn hook_unload(driver: PDRIVER_OBJECT) {
    // SAFETY: the I/O manager's driver object.
    unsafe {
        DISPLACED.store((*driver).DriverUnload.map_or(0, |f| f as usize), Ordering::Relaxed);
        (*driver).DriverUnload = Some(unload);
    }
}

static DISPLACED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "win64" fn unload(driver: PDRIVER_OBJECT) {
    let records = RECORDS.load(Ordering::Relaxed);
    let globals = WDF_GLOBALS.load(Ordering::Relaxed);
    // SAFETY: what was bound is unbound in reverse order.
    unsafe {
        let displaced: PDRIVER_UNLOAD = transmute(DISPLACED.load(Ordering::Relaxed));
        if let Some(f) = displaced {
            f(driver);
        }
        let class: ClassUnbind = transmute(loader("WdfVersionUnbindClass"));
        class(&mut (*records).bind, globals, &mut (*records).class);
        let unbind: VersionUnbind = transmute(loader("WdfVersionUnbind"));
        unbind(&mut (*records).path, &mut (*records).bind, globals);
    }
}
