//! A client driver of a software loopback adapter: what it sends it receives. Its right self keeps every rule; a case
//! name (`is`) makes it break one.

use super::ddi;
use super::rings::Ring;
use super::{datapath, defects};
use netadaptercx_sys::*;
use std::collections::VecDeque;
use std::ptr::null_mut;
use std::sync::{Mutex, OnceLock};
use wdk_sys::*;
use wdk_sys::{BOOLEAN, NTSTATUS};

/// How the driver is built for a test.
#[derive(Clone)]
pub struct Plan {
    /// The rule it breaks; empty: none.
    pub case: String,
    pub minor: u32,
    pub build: u32,
    pub mtu: u32,
    pub max_frame: u64,
    pub max_fragments: u64,
    pub alignment: u64,
    pub backfill: u64,
    /// Tx packets complete one at a time, each some time after it was accepted.
    pub slow_tx: bool,
    /// Queues share an execution context of the driver.
    pub own_context: bool,
    /// The driver brings its Rx buffers.
    pub driver_buffers: bool,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            case: String::new(),
            minor: 2,
            build: 0,
            mtu: 1500,
            max_frame: 2048,
            max_fragments: 16,
            alignment: 1,
            backfill: 0,
            slow_tx: false,
            own_context: false,
            driver_buffers: false,
        }
    }
}

pub static PLAN: OnceLock<Plan> = OnceLock::new();

/// True if the driver is to break this rule.
pub fn is(case: &str) -> bool {
    PLAN.get().is_some_and(|plan| plan.case == case)
}

pub fn plan() -> &'static Plan {
    PLAN.get().expect("set before the driver is loaded")
}

pub struct Queue {
    pub handle: usize,
    pub packets: Ring,
    pub fragments: Ring,
    pub va: NET_EXTENSION,
    pub la: NET_EXTENSION,
    pub return_context: NET_EXTENSION,
    pub armed: bool,
    pub cancelled: bool,
    /// First packet not handed to the hardware yet (slow Tx).
    pub next: u32,
}
// SAFETY: touched by the baton holder only.
unsafe impl Send for Queue {}

impl Queue {
    const fn none() -> Queue {
        let extension = NET_EXTENSION { Reserved: [null_mut(); 4], Enabled: 0, _padding: [0; 7] };
        Queue {
            handle: 0,
            packets: Ring::NONE,
            fragments: Ring::NONE,
            va: extension,
            la: extension,
            return_context: extension,
            armed: false,
            cancelled: false,
            next: 0,
        }
    }
}

pub struct State {
    pub device: usize,
    pub adapter: usize,
    pub enabler: usize,
    pub context: usize,
    pub tx: Queue,
    pub rx: Queue,
    /// Frames on their way from Tx to Rx.
    pub wire: VecDeque<Vec<u8>>,
    pub filters: Vec<(i32, usize)>,
    pub log: Vec<String>,
    pub tx_ignored: u64,
    /// Hardware finished this many packets that were not returned yet (slow Tx).
    pub finished: u32,
    pub in_flight: u32,
    /// The hardware's timer runs.
    pub busy: bool,
    /// Driver buffers with the stack or in the ring, and free ones, by address.
    pub free_buffers: Vec<u64>,
}

pub static STATE: Mutex<State> = Mutex::new(State {
    device: 0,
    adapter: 0,
    enabler: 0,
    context: 0,
    tx: Queue::none(),
    rx: Queue::none(),
    wire: VecDeque::new(),
    filters: Vec::new(),
    log: Vec::new(),
    tx_ignored: 0,
    finished: 0,
    in_flight: 0,
    busy: false,
    free_buffers: Vec::new(),
});

/// The driver's state. Not to be held across a call into the framework.
pub fn state() -> std::sync::MutexGuard<'static, State> {
    STATE.lock().unwrap()
}

fn sized<T: Default>(set: impl FnOnce(&mut T), size: impl FnOnce(&mut T) -> &mut u32) -> T {
    let mut value = T::default();
    *size(&mut value) = size_of::<T>() as u32;
    set(&mut value);
    value
}

/// # Safety
/// Called by the lab as the I/O manager would.
pub unsafe extern "win64" fn entry(driver: PDRIVER_OBJECT, path: PCUNICODE_STRING) -> NTSTATUS {
    // SAFETY: the I/O manager's arguments.
    unsafe {
        let status = ddi::bind(driver, path, plan().minor, plan().build);
        if !NT_SUCCESS(status) {
            return status;
        }
        let mut config = sized(|c: &mut WDF_DRIVER_CONFIG| c.EvtDriverDeviceAdd = Some(device_add), |c| &mut c.Size);
        let status = ddi::WdfDriverCreate(driver, path, null_mut(), &mut config, null_mut());
        if NT_SUCCESS(status) {
            ddi::hook_unload(driver);
        }
        status
    }
}

unsafe extern "win64" fn device_add(_driver: WDFDRIVER, mut init: PWDFDEVICE_INIT) -> NTSTATUS {
    // SAFETY: the framework's init object, used as the DDI allows.
    unsafe {
        let status = ddi::NetDeviceInitConfig(init);
        if !NT_SUCCESS(status) {
            return status;
        }
        let reset = sized(
            |c: &mut NET_DEVICE_RESET_CAPABILITIES| {
                c.EvtNetDeviceCollectResetDiagnostics = Some(defects::collect_diagnostics)
            },
            |c| &mut c.Size,
        );
        ddi::NetDeviceInitSetResetCapabilities(init, &reset);
        let mut callbacks = sized(
            |c: &mut WDF_PNPPOWER_EVENT_CALLBACKS| {
                c.EvtDevicePrepareHardware = Some(prepare_hardware);
                c.EvtDeviceReleaseHardware = Some(release_hardware);
                c.EvtDeviceD0Entry = Some(d0_entry);
                c.EvtDeviceD0Exit = Some(d0_exit);
            },
            |c| &mut c.Size,
        );
        ddi::WdfDeviceInitSetPnpPowerEventCallbacks(init, &mut callbacks);
        let mut device = null_mut();
        let status = ddi::WdfDeviceCreate(&mut init, null_mut(), &mut device);
        if !NT_SUCCESS(status) {
            return status;
        }
        state().device = device as usize;
        let mut config = sized(
            |c: &mut WDF_DMA_ENABLER_CONFIG| {
                c.Profile = _WDF_DMA_PROFILE::WdfDmaProfileScatterGather64Duplex;
                c.MaximumLength = 0x10000;
                c.WdmDmaVersionOverride = if is("dma_version") { 2 } else { 3 };
            },
            |c| &mut c.Size,
        );
        let mut enabler = null_mut();
        let status = ddi::WdfDmaEnablerCreate(device, &mut config, null_mut(), &mut enabler);
        state().enabler = enabler as usize;
        if !NT_SUCCESS(status) { status } else { create_adapter(device) }
    }
}

unsafe fn create_adapter(device: WDFDEVICE) -> NTSTATUS {
    // SAFETY: a live device.
    unsafe {
        let init = ddi::NetAdapterInitAllocate(device);
        if init.is_null() {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        let mut callbacks = sized(
            |c: &mut NET_ADAPTER_DATAPATH_CALLBACKS| {
                c.EvtAdapterCreateTxQueue = Some(create_tx);
                c.EvtAdapterCreateRxQueue = (!is("one_create_callback")).then_some(create_rx as _);
            },
            |c| &mut c.Size,
        );
        ddi::NetAdapterInitSetDatapathCallbacks(init, &mut callbacks);
        let mut adapter = null_mut();
        let status = ddi::NetAdapterCreate(init, defects::adapter_attributes(), &mut adapter);
        defects::after_adapter_create(init);
        ddi::NetAdapterInitFree(init);
        state().adapter = adapter as usize;
        if NT_SUCCESS(status) && plan().own_context {
            return create_context(device);
        }
        status
    }
}

unsafe fn create_context(device: WDFDEVICE) -> NTSTATUS {
    let config = sized(
        |c: &mut NET_EXECUTION_CONTEXT_CONFIG| {
            c.EvtPreAdvance = Some(pre_advance);
            c.EvtSetNotificationEnabled = (!is("context_without_notification")).then_some(context_armed as _);
        },
        |c| &mut c.Size,
    );
    let mut context = null_mut();
    // SAFETY: a live device.
    let status = unsafe { ddi::NetExecutionContextCreate(device, &config, null_mut(), &mut context) };
    state().context = context as usize;
    status
}

unsafe extern "win64" fn pre_advance(_context: NETEXECUTIONCONTEXT) -> BOOLEAN {
    0
}

unsafe extern "win64" fn context_armed(_context: NETEXECUTIONCONTEXT, enabled: BOOLEAN) {
    let mut s = state();
    s.rx.armed = enabled != 0;
    s.tx.armed = enabled != 0;
}

unsafe extern "win64" fn prepare_hardware(_d: WDFDEVICE, _raw: WDFCMRESLIST, _translated: WDFCMRESLIST) -> NTSTATUS {
    let (adapter, enabler) = {
        let s = state();
        (s.adapter as NETADAPTER, s.enabler as WDFDMAENABLER)
    };
    // SAFETY: the driver's own handles.
    unsafe {
        defects::before_capabilities(adapter);
        set_capabilities(adapter, enabler);
        defects::before_start(adapter);
        let status = ddi::NetAdapterStart(adapter);
        if NT_SUCCESS(status) {
            defects::after_start(adapter);
        }
        status
    }
}

unsafe fn set_capabilities(adapter: NETADAPTER, enabler: WDFDMAENABLER) {
    use _NET_PACKET_FILTER_FLAGS::*;
    let plan = plan();
    let mut dma = sized(|c: &mut NET_ADAPTER_DMA_CAPABILITIES| c.DmaEnabler = enabler, |c| &mut c.Size);
    let mut tx = sized(
        |c: &mut NET_ADAPTER_TX_CAPABILITIES| {
            c.MappingRequirement = _NET_MEMORY_MAPPING_REQUIREMENT::NetMemoryMappingRequirementDmaMapped;
            c.DmaCapabilities = &mut dma;
            c.MaximumNumberOfFragments = plan.max_fragments;
            c.FragmentBufferAlignment = plan.alignment;
            c.PayloadBackfill = plan.backfill;
            c.MaximumNumberOfQueues = 1;
        },
        |c| &mut c.Size,
    );
    let mut rx = sized(
        |c: &mut NET_ADAPTER_RX_CAPABILITIES| {
            c.MaximumFrameSize = plan.max_frame;
            c.FragmentBufferAlignment = 1;
            c.MaximumNumberOfQueues = 1;
            if plan.driver_buffers {
                c.AllocationMode = _NET_RX_FRAGMENT_BUFFER_ALLOCATION_MODE::NetRxFragmentBufferAllocationModeDriver;
                c.AttachmentMode = _NET_RX_FRAGMENT_BUFFER_ATTACHMENT_MODE::NetRxFragmentBufferAttachmentModeDriver;
                c.anon.EvtAdapterReturnRxBuffer = Some(datapath::return_buffer);
            } else {
                c.DmaCapabilities = &mut dma;
                c.anon.MappingRequirement = _NET_MEMORY_MAPPING_REQUIREMENT::NetMemoryMappingRequirementDmaMapped;
            }
        },
        |c| &mut c.Size,
    );
    let mut link = sized(
        |c: &mut NET_ADAPTER_LINK_LAYER_CAPABILITIES| {
            c.MaxTxLinkSpeed = 1_000_000_000;
            c.MaxRxLinkSpeed = 1_000_000_000;
        },
        |c| &mut c.Size,
    );
    let filters = sized(
        |c: &mut NET_ADAPTER_RECEIVE_FILTER_CAPABILITIES| {
            c.SupportedPacketFilters =
                NetPacketFilterFlagDirected | NetPacketFilterFlagMulticast | NetPacketFilterFlagBroadcast;
            c.MaximumMulticastAddresses = 16;
            c.EvtSetReceiveFilter = Some(set_filter);
        },
        |c| &mut c.Size,
    );
    let mut mac = NET_ADAPTER_LINK_LAYER_ADDRESS { Length: 6, ..Default::default() };
    mac.Address[..6].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    defects::change_capabilities(&mut tx, &mut rx);
    // SAFETY: live handles and structures.
    unsafe {
        ddi::NetAdapterSetDataPathCapabilities(adapter, &mut tx, &mut rx);
        if !is("no_link_layer") {
            ddi::NetAdapterSetLinkLayerCapabilities(adapter, &mut link);
        }
        ddi::NetAdapterSetLinkLayerMtuSize(adapter, plan.mtu);
        ddi::NetAdapterSetReceiveFilterCapabilities(adapter, &filters);
        ddi::NetAdapterSetPermanentLinkLayerAddress(adapter, &mut mac);
        set_link(adapter, true);
    }
}

/// Reports the link.
pub unsafe fn set_link(adapter: NETADAPTER, up: bool) {
    let mut link = sized(
        |l: &mut NET_ADAPTER_LINK_STATE| {
            l.TxLinkSpeed = if is("link_without_speed") { 0 } else { 1_000_000_000 };
            l.RxLinkSpeed = 1_000_000_000;
            l.MediaConnectState = if up { 1 } else { 2 };
            l.MediaDuplexState = 2;
        },
        |l| &mut l.Size,
    );
    defects::change_link(&mut link);
    // SAFETY: a live adapter.
    unsafe { ddi::NetAdapterSetLinkState(adapter, &mut link) };
}

unsafe extern "win64" fn release_hardware(_d: WDFDEVICE, _translated: WDFCMRESLIST) -> NTSTATUS {
    let adapter = state().adapter as NETADAPTER;
    if !is("no_stop_at_release") {
        // SAFETY: the driver's adapter.
        unsafe { ddi::NetAdapterStop(adapter) };
    }
    STATUS_SUCCESS
}

/// The framework makes queues after the last step of powering up and deletes them before the first of powering down.
fn without_queues() {
    let device = state().device as WDFDEVICE;
    assert!(!lab_netcx::adapter_of(device).is_some_and(lab_netcx::Adapter::datapath_running));
}

unsafe extern "win64" fn d0_entry(_d: WDFDEVICE, _from: WDF_POWER_DEVICE_STATE) -> NTSTATUS {
    without_queues();
    STATUS_SUCCESS
}

unsafe extern "win64" fn d0_exit(_d: WDFDEVICE, _to: WDF_POWER_DEVICE_STATE) -> NTSTATUS {
    without_queues();
    STATUS_SUCCESS
}

unsafe extern "win64" fn set_filter(_a: NETADAPTER, filter: NETRECEIVEFILTER) {
    // SAFETY: the handle is valid during this callback.
    let (flags, n) = unsafe {
        let n = ddi::NetReceiveFilterGetMulticastAddressCount(filter) as usize;
        let list = ddi::NetReceiveFilterGetMulticastAddressList(filter);
        let all_macs = (0..n).all(|i| (*list.add(i)).Length == 6);
        assert!(all_macs, "addresses of six bytes");
        (ddi::NetReceiveFilterGetPacketFilter(filter), n)
    };
    state().filters.push((flags, n));
    defects::keep_filter(filter);
}

fn queue_config(tx: bool) -> NET_PACKET_QUEUE_CONFIG {
    let own = plan().own_context;
    let mut config = sized(
        |c: &mut NET_PACKET_QUEUE_CONFIG| {
            c.EvtStart = Some(if tx { datapath::tx_start } else { datapath::rx_start });
            c.EvtStop = Some(if tx { datapath::tx_stop } else { datapath::rx_stop });
            c.EvtAdvance = Some(if tx { datapath::tx_advance } else { datapath::rx_advance });
            c.EvtCancel = Some(if tx { datapath::tx_cancel } else { datapath::rx_cancel });
            if own {
                c.ExecutionContext = state().context as NETEXECUTIONCONTEXT;
            } else {
                c.EvtSetNotificationEnabled = Some(if tx { datapath::tx_armed } else { datapath::rx_armed });
            }
        },
        |c| &mut c.Size,
    );
    defects::change_queue_config(&mut config);
    config
}

unsafe extern "win64" fn create_tx(_a: NETADAPTER, init: *mut NETTXQUEUE_INIT) -> NTSTATUS {
    let mut config = queue_config(true);
    let mut queue = null_mut();
    // SAFETY: the framework's init object, inside the create callback.
    unsafe {
        assert_eq!(ddi::NetTxQueueInitGetQueueId(init), 0);
        defects::before_tx_create(init, &mut config);
        let status = ddi::NetTxQueueCreate(init, defects::queue_attributes(), &mut config, &mut queue);
        if !NT_SUCCESS(status) {
            return status;
        }
        defects::after_tx_create(init, &mut config, queue);
        let rings = (*ddi::NetTxQueueGetRingCollection(queue)).Rings;
        let (va, la) = (query(queue, true, "virtualaddress"), query(queue, true, "logicaladdress"));
        let mut s = state();
        s.tx = Queue {
            handle: queue as usize,
            packets: Ring(rings[0]),
            fragments: Ring(rings[1]),
            va,
            la,
            ..Queue::none()
        };
        s.finished = 0;
        s.in_flight = 0;
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn create_rx(_a: NETADAPTER, init: *mut NETRXQUEUE_INIT) -> NTSTATUS {
    let mut config = queue_config(false);
    let mut queue = null_mut();
    // SAFETY: as for Tx.
    unsafe {
        let status = ddi::NetRxQueueCreate(init, null_mut(), &mut config, &mut queue);
        if !NT_SUCCESS(status) {
            return status;
        }
        let rings = (*ddi::NetRxQueueGetRingCollection(queue)).Rings;
        let (va, la) = (query(queue, false, "virtualaddress"), query(queue, false, "logicaladdress"));
        let return_context = query(queue, false, "returncontext");
        let (packets, fragments) = (Ring(rings[0]), Ring(rings[1]));
        state().rx = Queue { handle: queue as usize, packets, fragments, va, la, return_context, ..Queue::none() };
    }
    STATUS_SUCCESS
}

/// Asks for a fragment extension.
pub unsafe fn query(queue: NETPACKETQUEUE, tx: bool, what: &str) -> NET_EXTENSION {
    let name: Vec<u16> = format!("ms_fragment_{what}\0").encode_utf16().collect();
    let mut query = NET_EXTENSION_QUERY {
        Size: size_of::<NET_EXTENSION_QUERY>() as u32,
        Name: name.as_ptr(),
        Version: 1,
        Type: _NET_EXTENSION_TYPE::NetExtensionTypeFragment,
    };
    defects::change_query(&mut query);
    let mut extension = NET_EXTENSION::default();
    // SAFETY: a live queue and a terminated name.
    unsafe {
        if tx {
            ddi::NetTxQueueGetExtension(queue, &query, &mut extension);
        } else {
            ddi::NetRxQueueGetExtension(queue, &query, &mut extension);
        }
    }
    extension
}
