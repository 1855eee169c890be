//! Where the mini driver breaks a rule, by case name. Each function is called at one place of the right driver and does
//! nothing unless its case is on.

use super::board::board;
use super::ddi;
use super::driver::{is, state};
use super::rings::{extension_word, layout};
use lab_kernel::cpu;
use netadaptercx_sys::*;
use std::ptr::{null, null_mut};
use wdk_sys::{PWDF_OBJECT_ATTRIBUTES, WDF_OBJECT_ATTRIBUTES, WDFDEVICE};

fn attributes_with_parent() -> PWDF_OBJECT_ATTRIBUTES {
    let parent = state().device as *mut _;
    Box::leak(Box::new(WDF_OBJECT_ATTRIBUTES {
        Size: size_of::<WDF_OBJECT_ATTRIBUTES>() as u32,
        ExecutionLevel: 1,
        SynchronizationScope: 1,
        ParentObject: parent,
        ..Default::default()
    }))
}

pub fn adapter_attributes() -> PWDF_OBJECT_ATTRIBUTES {
    if is("adapter_parent") { attributes_with_parent() } else { null_mut() }
}

pub fn queue_attributes() -> PWDF_OBJECT_ATTRIBUTES {
    if is("queue_parent") { attributes_with_parent() } else { null_mut() }
}

/// # Safety
/// `init` made an adapter.
pub unsafe fn after_adapter_create(init: *mut NETADAPTER_INIT) {
    let mut adapter = null_mut();
    // SAFETY: wrong on purpose.
    unsafe {
        if is("init_used_twice") {
            ddi::NetAdapterCreate(init, null_mut(), &mut adapter);
        } else if is("init_unknown") {
            ddi::NetAdapterCreate(0x1234 as *mut _, null_mut(), &mut adapter);
        }
    }
}

/// # Safety
/// `adapter` is live and not started.
pub unsafe fn before_capabilities(adapter: NETADAPTER) {
    let device = state().device as WDFDEVICE;
    // SAFETY: wrong on purpose, but with valid pointers.
    unsafe {
        if is("mtu_zero") {
            ddi::NetAdapterSetLinkLayerMtuSize(adapter, 0);
        } else if is("mtu_at_dispatch") {
            cpu::raise_irql(2);
            ddi::NetAdapterSetLinkLayerMtuSize(adapter, 1500);
        } else if is("address_length") {
            let mut mac = NET_ADAPTER_LINK_LAYER_ADDRESS { Length: 33, ..Default::default() };
            ddi::NetAdapterSetPermanentLinkLayerAddress(adapter, &mut mac);
        } else if is("wrong_globals") {
            ddi::stop_with_wrong_globals(adapter);
        } else if is("null_init") {
            ddi::NetAdapterInitFree(null_mut());
        } else if is("extension_api") {
            ddi::NetDeviceAssignSupportedOidList(device);
        } else if is("wake_reason") {
            ddi::NetAdapterReportWakeReasonMediaChange(adapter, 1);
        } else if is("filter_outside") {
            ddi::NetReceiveFilterGetPacketFilter(0x5678 as NETRECEIVEFILTER);
        } else if is("notify_null") {
            ddi::NetRxQueueNotifyMoreReceivedPacketsAvailable(null_mut());
        } else if is("reset_diagnostics_outside") {
            ddi::NetDeviceStoreResetDiagnostics(device, 1, [0].as_ptr());
        } else if is("reset_diagnostics_large") {
            ddi::NetDeviceStoreResetDiagnostics(device, (1 << 20) + 1, [0].as_ptr());
        } else if is("queue_outside_callback") {
            let mut queue = null_mut();
            ddi::NetTxQueueCreate(0x9abc as *mut _, null_mut(), &mut Default::default(), &mut queue);
        }
        filters(adapter);
        scaling(adapter);
        offloads(adapter);
        configuration(adapter);
    }
}

/// Reads the wake list.
///
/// # Safety
/// At PASSIVE_LEVEL.
pub unsafe fn read_wake_list() {
    let mut list = NET_WAKE_SOURCE_LIST { Size: size_of::<NET_WAKE_SOURCE_LIST>() as u32, ..Default::default() };
    let device = state().device as WDFDEVICE;
    // SAFETY: a valid list, read in the wrong place.
    unsafe { ddi::NetDeviceGetWakeSourceList(device, &mut list) };
}

unsafe fn filters(adapter: NETADAPTER) {
    let mut c = NET_ADAPTER_RECEIVE_FILTER_CAPABILITIES {
        Size: size_of::<NET_ADAPTER_RECEIVE_FILTER_CAPABILITIES>() as u32,
        ..Default::default()
    };
    if is("filter_without_callback") {
        c.SupportedPacketFilters = 1;
    } else if is("filter_multicast_without_list") {
        c.SupportedPacketFilters = 2;
        c.EvtSetReceiveFilter = Some(nothing);
    } else {
        return;
    }
    // SAFETY: a valid structure with wrong values.
    unsafe { ddi::NetAdapterSetReceiveFilterCapabilities(adapter, &c) };
}

unsafe extern "win64" fn nothing(_a: NETADAPTER, _f: NETRECEIVEFILTER) {}

unsafe fn scaling(adapter: NETADAPTER) {
    let mut c = NET_ADAPTER_RECEIVE_SCALING_CAPABILITIES {
        Size: size_of::<NET_ADAPTER_RECEIVE_SCALING_CAPABILITIES>() as u32,
        ..Default::default()
    };
    c.NumberOfQueues = 4;
    c.IndirectionTableSize = 128;
    match () {
        () if is("rss_table_size") => c.IndirectionTableSize = 100,
        () if is("rss_hash_type") => c.ReceiveScalingHashTypes = 2,
        () if is("rss_protocol") => c.ReceiveScalingProtocolTypes = 0x40,
        () if is("rss_encapsulation") => c.ReceiveScalingEncapsulationTypes.Inner = 4,
        () => return,
    }
    // SAFETY: a valid structure with wrong values.
    unsafe { ddi::NetAdapterSetReceiveScalingCapabilities(adapter, &c) };
}

unsafe fn offloads(adapter: NETADAPTER) {
    let mut tx = NET_ADAPTER_OFFLOAD_TX_CHECKSUM_CAPABILITIES {
        Size: size_of::<NET_ADAPTER_OFFLOAD_TX_CHECKSUM_CAPABILITIES>() as u32,
        ..Default::default()
    };
    let mut gso = NET_ADAPTER_OFFLOAD_GSO_CAPABILITIES {
        Size: size_of::<NET_ADAPTER_OFFLOAD_GSO_CAPABILITIES>() as u32,
        ..Default::default()
    };
    // SAFETY: valid structures with wrong values.
    unsafe {
        if is("checksum_options_only") {
            tx.Layer3Flags = 2;
            ddi::NetAdapterOffloadSetTxChecksumCapabilities(adapter, &tx);
        } else if is("checksum_nothing") {
            ddi::NetAdapterOffloadSetTxChecksumCapabilities(adapter, &tx);
        } else if is("checksum_ipv6_alone") {
            tx.Layer3Flags = 4;
            ddi::NetAdapterOffloadSetTxChecksumCapabilities(adapter, &tx);
        } else if is("checksum_layer4_alone") {
            tx.Layer4Flags = 1;
            ddi::NetAdapterOffloadSetTxChecksumCapabilities(adapter, &tx);
        } else if is("checksum_deprecated") {
            let mut old = NET_ADAPTER_OFFLOAD_CHECKSUM_CAPABILITIES {
                Size: size_of::<NET_ADAPTER_OFFLOAD_CHECKSUM_CAPABILITIES>() as u32,
                ..Default::default()
            };
            ddi::NetAdapterOffloadSetChecksumCapabilities(adapter, &mut old);
        } else if is("gso_without_size") {
            gso.Layer3Flags = 1;
            gso.Layer4Flags = 1;
            ddi::NetAdapterOffloadSetGsoCapabilities(adapter, &mut gso);
        } else if is("gso_nothing") {
            ddi::NetAdapterOffloadSetGsoCapabilities(adapter, &mut gso);
        }
    }
}

unsafe fn configuration(adapter: NETADAPTER) {
    if !is("query_flags") {
        return;
    }
    // SAFETY: a valid configuration, flags that do not exist.
    unsafe {
        let (mut configuration, mut value) = (null_mut(), 0);
        ddi::NetAdapterOpenConfiguration(adapter, null_mut(), &mut configuration);
        ddi::NetConfigurationQueryUlong(configuration, 8, null(), &mut value);
    }
}

pub fn change_capabilities(tx: &mut NET_ADAPTER_TX_CAPABILITIES, rx: &mut NET_ADAPTER_RX_CAPABILITIES) {
    match () {
        () if is("tx_size") => tx.Size -= 8,
        () if is("tx_no_queue") => tx.MaximumNumberOfQueues = 0,
        () if is("rx_no_queue") => rx.MaximumNumberOfQueues = 0,
        () if is("rx_no_enabler") => rx.DmaCapabilities = null_mut(),
        () if is("rx_alignment") => rx.FragmentBufferAlignment = 3,
        () => (),
    }
}

pub fn change_link(link: &mut NET_ADAPTER_LINK_STATE) {
    if is("link_duplex") {
        link.MediaDuplexState = 7;
    } else if is("link_at_dirql") {
        cpu::raise_irql(5);
    }
}

/// # Safety
/// `adapter` is live.
pub unsafe fn before_start(adapter: NETADAPTER) {
    if is("start_twice") {
        // SAFETY: twice is the defect.
        unsafe { ddi::NetAdapterStart(adapter) };
    }
}

/// # Safety
/// `adapter` is live and started.
pub unsafe fn after_start(adapter: NETADAPTER) {
    let context = state().context as NETEXECUTIONCONTEXT;
    if is("task_queued_twice") {
        let mut config = NET_EXECUTION_CONTEXT_TASK_CONFIG {
            Size: size_of::<NET_EXECUTION_CONTEXT_TASK_CONFIG>() as u32,
            EvtTask: Some(task),
        };
        let mut task = null_mut();
        // SAFETY: a live context.
        unsafe {
            ddi::NetExecutionContextTaskCreate(context, null_mut(), &mut config, &mut task);
            ddi::NetExecutionContextTaskEnqueue(task);
            ddi::NetExecutionContextTaskEnqueue(task);
        }
    }
    if is("capabilities_after_start") {
        let mut link = NET_ADAPTER_LINK_LAYER_CAPABILITIES {
            Size: size_of::<NET_ADAPTER_LINK_LAYER_CAPABILITIES>() as u32,
            ..Default::default()
        };
        // SAFETY: a valid structure.
        unsafe { ddi::NetAdapterSetLinkLayerCapabilities(adapter, &mut link) };
    }
}

unsafe extern "win64" fn task(_t: NETEXECUTIONCONTEXTTASK) {}

pub fn keep_filter(filter: NETRECEIVEFILTER) {
    if is("filter_other_thread") {
        let filter = filter as usize;
        let thread = cpu::spawn("wrong thread", move || {
            // SAFETY: a handle that is not this thread's.
            unsafe { ddi::NetReceiveFilterGetPacketFilter(filter as NETRECEIVEFILTER) };
        });
        cpu::join(thread);
    }
}

pub fn change_queue_config(config: &mut NET_PACKET_QUEUE_CONFIG) {
    match () {
        () if is("queue_size") => config.Size = 48,
        () if is("queue_without_cancel") => config.EvtCancel = None,
        () if is("queue_without_advance") => config.EvtAdvance = None,
        () => (),
    }
}

/// # Safety
/// Inside the create callback.
pub unsafe fn before_tx_create(init: *mut NETTXQUEUE_INIT, config: &mut NET_PACKET_QUEUE_CONFIG) {
    if is("queue_on_other_thread") {
        let (init, config) = (init as usize, config as *mut NET_PACKET_QUEUE_CONFIG as usize);
        let thread = cpu::spawn("wrong thread", move || {
            let mut queue = null_mut();
            // SAFETY: on the wrong thread; the creating thread waits.
            unsafe { ddi::NetTxQueueCreate(init as *mut _, null_mut(), config as *mut _, &mut queue) };
        });
        cpu::join(thread);
    }
}

/// # Safety
/// Inside the create callback, after the queue was made.
pub unsafe fn after_tx_create(init: *mut NETTXQUEUE_INIT, config: &mut NET_PACKET_QUEUE_CONFIG, made: NETPACKETQUEUE) {
    // SAFETY: wrong on purpose, with valid pointers.
    unsafe {
        if is("queue_twice") {
            let mut queue = null_mut();
            ddi::NetTxQueueCreate(init, null_mut(), config, &mut queue);
        } else if is("wrong_direction") {
            ddi::NetRxQueueNotifyMoreReceivedPacketsAvailable(made);
        } else if is("demux") {
            ddi::NetTxQueueGetDemux8021p(made);
        }
    }
}

pub fn change_query(query: &mut NET_EXTENSION_QUERY) {
    static UNKNOWN: [u16; 5] = [b'm' as u16, b's' as u16, b'_' as u16, b'x' as u16, 0];
    match () {
        () if is("extension_name") => query.Name = UNKNOWN.as_ptr(),
        () if is("extension_version") => query.Version = 0,
        () if is("extension_type") => query.Type = 4,
        () => (),
    }
}

/// # Safety
/// Called by the framework with the driver's device.
pub unsafe extern "win64" fn collect_diagnostics(device: WDFDEVICE) {
    let bytes = *b"registers and rings";
    // SAFETY: inside the callback.
    unsafe {
        ddi::NetDeviceStoreResetDiagnostics(device, bytes.len() as u64, bytes.as_ptr());
        if is("reset_diagnostics_twice") {
            ddi::NetDeviceStoreResetDiagnostics(device, bytes.len() as u64, bytes.as_ptr());
        }
    }
    if is("reset_diagnostics_slow") {
        cpu::sleep(std::time::Duration::from_secs(4));
    }
}

pub fn in_tx_cancel() {
    if is("tx_ignore_at_cancel") {
        let s = state();
        let packets = s.tx.packets;
        packets.packet(packets.begin()).Flags |= NET_PACKET::Ignore;
        packets.set_begin(packets.end());
        s.tx.fragments.set_begin(s.tx.fragments.end());
    }
}

/// After the right work of a Tx call that had packets: what was owned before the call lies before Begin.
pub fn in_tx_advance() {
    let s = state();
    let (packets, fragments) = (s.tx.packets, s.tx.fragments);
    let last = |ring: super::rings::Ring| ring.add(ring.begin(), u32::MAX);
    match () {
        () if is("tx_ignore") => packets.packet(last(packets)).Flags |= NET_PACKET::Ignore,
        () if is("tx_fragment_count") => packets.packet(last(packets)).FragmentCount += 1,
        () if is("tx_valid_length") => fragments.fragment(last(fragments)).bits ^= 1,
        () if is("tx_scratch") => {
            packets.packet(last(packets)).Flags |= NET_PACKET::Scratch;
            fragments.fragment(last(fragments)).bits |= NET_FRAGMENT::Scratch;
        }
        () if is("header_end_index") => packets.set_end(packets.add(packets.end(), 1)),
        () if is("os_element") => packets.packet(packets.add(packets.end(), 3)).FragmentIndex ^= 1,
        () if is("begin_index_back") => packets.set_begin(packets.add(packets.begin(), 2u32.wrapping_neg())),
        () if is("begin_index_outside") => packets.set_begin(packets.begin() + packets.count()),
        () if is("irql_left_raised") => {
            drop(s);
            cpu::raise_irql(2);
        }
        () => (),
    }
}

/// One Rx call with a defect in the packet it returns; true: the call is done.
pub fn in_rx_advance() -> bool {
    let mut s = state();
    if is("rx_write_after_return") && !s.log.iter().any(|l| l == "late write") && s.rx.fragments.owned() > 0 {
        return write_after_return(&mut s);
    }
    let case = super::driver::plan().case.as_str();
    if !case.starts_with("rx_") || case.starts_with("rx_hang") || case == "rx_write_after_return" {
        return false;
    }
    let Some(frame) = s.wire.front().cloned() else { return false };
    let (packets, fragments) = (s.rx.packets, s.rx.fragments);
    let (p0, p1) = (packets.begin(), packets.add(packets.begin(), 1));
    let (f0, f1) = (fragments.begin(), fragments.add(fragments.begin(), 1));
    let layouts: &[(&str, [u64; 3], [u64; 3])] = &[
        ("rx_layer2_type", [7, 0, 0], [0, 0, 0]),
        ("rx_layer3_type", [2, 9, 0], [0, 0, 0]),
        ("rx_layer4_type", [2, 0, 6], [0, 0, 0]),
        ("rx_layer2_null", [1, 0, 0], [14, 0, 0]),
        ("rx_layer2_ethernet", [2, 0, 0], [13, 0, 0]),
        ("rx_layer3_ipv4", [2, 3, 0], [14, 19, 0]),
        ("rx_layer3_ipv6", [2, 6, 0], [14, 20, 0]),
        ("rx_layer4_tcp", [2, 3, 1], [14, 20, 18]),
        ("rx_layer4_tcp_odd", [2, 3, 1], [14, 20, 22]),
        ("rx_layer4_udp", [2, 3, 2], [14, 20, 7]),
    ];
    let good = layout([2, 0, 0], [14, 0, 0]);
    let put = |packet: u32, first: u32, count: u16, with: NET_PACKET_LAYOUT| {
        let p = packets.packet(packet);
        (p.FragmentIndex, p.FragmentCount, p.Layout) = (first, count, with);
    };
    let len = frame.len() as u32;
    let fill = |index: u32| *fragments.fragment(index) = fragments.fragment(index).with_valid(len, 0);
    // What is returned unless the defect says otherwise.
    let (mut packets_back, mut fragments_back) = (1, 1);
    if let Some((_, types, lengths)) = layouts.iter().find(|(name, _, _)| is(name)) {
        put(p0, f0, 1, layout(*types, *lengths));
        fill(f0);
    } else if is("rx_ignore_with_changes") || is("rx_ignore_not_returned") {
        put(p0, f0, 1, good);
        packets.packet(p0).Flags |= NET_PACKET::Ignore;
        (packets_back, fragments_back) = if is("rx_ignore_not_returned") { (0, 0) } else { (1, 1) };
    } else {
        fill(f0);
        put(p0, f0, 1, good);
        match () {
            () if is("rx_capacity") => fragments.fragment(f0).bits ^= 1 << NET_FRAGMENT::CapacityShift,
            () if is("rx_layer4_missing") => put(p0, f0, 1, layout([2, 0, 15], [14, 0, 0])),
            () if is("rx_reserved") => packets.packet(p0).Flags |= 0x80,
            () if is("rx_offset_missing") => {
                *fragments.fragment(f0) = fragments.fragment(f0).with_valid(len, u32::MAX);
            }
            () if is("rx_no_fragment") => put(p0, f0, 0, good),
            () if is("rx_many_fragments") => put(p0, f0, 5000, good),
            () if is("rx_first_before") => put(p0, fragments.end(), 1, good),
            () if is("rx_last_before") => put(p0, fragments.add(fragments.end(), u32::MAX), 2, good),
            () if is("rx_first_after") => fragments_back = 0,
            () if is("rx_last_after") => {
                fill(f1);
                put(p0, f0, 2, good);
            }
            () if is("rx_fragments_descend") => {
                fill(f1);
                put(p0, f1, 1, good);
                put(p1, f0, 1, good);
                (packets_back, fragments_back) = (2, 2);
            }
            () if is("rx_fragments_overlap") => {
                fill(f1);
                put(p0, f0, 2, good);
                put(p1, f1, 1, good);
                (packets_back, fragments_back) = (2, 2);
            }
            () if is("rx_length") => {
                let capacity = fragments.fragment(f0).Capacity();
                *fragments.fragment(f0) = fragments.fragment(f0).with_valid(capacity, 1);
            }
            () if is("rx_later_offset") => {
                fill(f1);
                *fragments.fragment(f1) = fragments.fragment(f1).with_valid(len, 1);
                put(p0, f0, 2, good);
                fragments_back = 2;
            }
            () => return false,
        }
    }
    s.wire.pop_front();
    packets.set_begin(packets.add(p0, packets_back));
    fragments.set_begin(fragments.add(f0, fragments_back));
    true
}

/// Returns a packet with Ignore set, and lets the device write its buffer 50 microseconds later.
fn write_after_return(s: &mut super::driver::State) -> bool {
    s.log.push("late write".to_owned());
    let (packets, fragments) = (s.rx.packets, s.rx.fragments);
    // SAFETY: the framework's extension data.
    let la = unsafe { *extension_word(&s.rx.la, fragments.begin()) };
    packets.packet(packets.begin()).Flags |= NET_PACKET::Ignore;
    packets.set_begin(packets.add(packets.begin(), 1));
    fragments.set_begin(fragments.add(fragments.begin(), 1));
    let at = cpu::now() + std::time::Duration::from_micros(50);
    cpu::set_timer(at, move || assert!(board().device_write(la, b"late"), "the queue's buffers stay mapped"));
    true
}
