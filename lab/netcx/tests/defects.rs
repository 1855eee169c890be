//! Each rule, broken by a driver that is right in everything else. What the framework answers with bugcheck 0x19E ends
//! the child process with that code; what it answers with silence is a violation of a lab rule.

mod support;

use lab_netcx::contract::CONTRACTS;
use lab_netcx::{FailureCode, Options};
use std::collections::BTreeSet;
use std::process::Output;
use std::time::Duration;
use support::driver::Plan;
use support::{frame, in_child, load, load_driver, violated};

/// The defect and the rule it breaks.
const BUGCHECKS: &[(&str, &str)] = &[
    ("wrong_globals", "PRIVATE_GLOBALS"),
    ("mtu_at_dispatch", "IRQL_PASSIVE"),
    ("link_at_dirql", "IRQL_DISPATCH"),
    ("start_twice", "ADAPTER_NOT_STARTED"),
    ("capabilities_after_start", "ADAPTER_NOT_STARTED"),
    ("tx_size", "STRUCT_SIZE"),
    ("queue_size", "STRUCT_SIZE"),
    ("address_length", "LINK_LAYER_ADDRESS_LENGTH"),
    ("filter_multicast_without_list", "RECEIVE_FILTER_CAPABILITIES"),
    ("filter_without_callback", "RECEIVE_FILTER_CALLBACK"),
    ("filter_outside", "RECEIVE_FILTER_THREAD"),
    ("filter_other_thread", "RECEIVE_FILTER_THREAD"),
    ("link_duplex", "LINK_STATE"),
    ("null_init", "NOT_NULL"),
    ("query_flags", "QUERY_ULONG_FLAGS"),
    ("mtu_zero", "MTU_NOT_ZERO"),
    ("queue_outside_callback", "QUEUE_INIT"),
    ("queue_on_other_thread", "QUEUE_CREATE_THREAD"),
    ("queue_without_cancel", "QUEUE_CALLBACKS"),
    ("queue_without_advance", "QUEUE_CALLBACKS"),
    ("adapter_parent", "PARENT_IS_NULL"),
    ("queue_parent", "PARENT_IS_NULL"),
    ("queue_twice", "QUEUE_CREATED_ONCE"),
    ("rss_table_size", "POWER_OF_TWO"),
    ("rx_alignment", "POWER_OF_TWO"),
    ("extension_name", "EXTENSION_NAME"),
    ("extension_version", "EXTENSION_VERSION"),
    ("extension_type", "EXTENSION_TYPE"),
    ("tx_no_queue", "TX_CAPABILITIES"),
    ("dma_version", "TX_CAPABILITIES"),
    ("rx_no_queue", "RX_CAPABILITIES"),
    ("rx_no_enabler", "RX_CAPABILITIES"),
    ("rss_hash_type", "RSS_HASH_TYPE"),
    ("rss_protocol", "RSS_PROTOCOL_TYPE"),
    ("rss_encapsulation", "RSS_ENCAPSULATION_TYPE"),
    ("one_create_callback", "DATAPATH_CALLBACKS"),
    ("init_unknown", "ADAPTER_INIT"),
    ("init_used_twice", "ADAPTER_INIT_ONCE"),
    ("gso_without_size", "GSO_CAPABILITIES"),
    ("gso_nothing", "GSO_HARDWARE_CAPABILITIES"),
    ("extension_api", "PRIVATE_API"),
    ("notify_null", "QUEUE_HANDLE"),
    ("wrong_direction", "QUEUE_HANDLE"),
    ("notify_deleted", "QUEUE_HANDLE"),
    ("wake_reason", "WAKE_IN_PROGRESS"),
    ("header_end_index", "RING_HEADER"),
    ("os_element", "RING_FRAMEWORK_ELEMENT"),
    ("tx_ignore", "RING_TX_PACKET"),
    ("tx_ignore_at_cancel", "RING_TX_PACKET"),
    ("tx_fragment_count", "RING_TX_PACKET"),
    ("tx_valid_length", "RING_TX_FRAGMENT"),
    ("rx_ignore_with_changes", "RING_RX_IGNORE"),
    ("rx_ignore_not_returned", "RING_RX_IGNORE"),
    ("rx_reserved", "RING_RX_RESERVED"),
    ("rx_offset_missing", "RING_RX_FRAGMENT_WRITTEN"),
    ("rx_layer4_missing", "RING_RX_PACKET_WRITTEN"),
    ("rx_capacity", "RING_RX_FRAGMENT_KEPT"),
    ("begin_index_back", "RING_BEGIN_INDEX"),
    ("begin_index_outside", "RING_BEGIN_INDEX"),
    ("rx_no_fragment", "RX_FRAGMENT_COUNT"),
    ("rx_many_fragments", "RX_FRAGMENT_COUNT_IN_RANGE"),
    ("rx_first_before", "RX_FIRST_FRAGMENT_BEFORE"),
    ("rx_last_before", "RX_LAST_FRAGMENT_BEFORE"),
    ("rx_first_after", "RX_FIRST_FRAGMENT_AFTER"),
    ("rx_last_after", "RX_LAST_FRAGMENT_AFTER"),
    ("rx_layer2_type", "RX_LAYER2_TYPE"),
    ("rx_layer2_null", "RX_LAYER2_NULL"),
    ("rx_layer2_ethernet", "RX_LAYER2_ETHERNET"),
    ("rx_layer3_ipv4", "RX_LAYER3_IPV4"),
    ("rx_layer3_ipv6", "RX_LAYER3_IPV6"),
    ("rx_layer4_tcp", "RX_LAYER4_TCP"),
    ("rx_layer4_tcp_odd", "RX_LAYER4_TCP"),
    ("rx_layer4_udp", "RX_LAYER4_UDP"),
    ("rx_layer3_type", "RX_LAYER3_TYPE"),
    ("rx_layer4_type", "RX_LAYER4_TYPE"),
    ("rx_fragments_descend", "RX_FRAGMENTS_ASCEND"),
    ("rx_fragments_overlap", "RX_FRAGMENTS_APART"),
    ("rx_length", "RX_FRAGMENT_LENGTH"),
    ("reset_diagnostics_large", "RESET_DIAGNOSTICS_SIZE"),
    ("reset_diagnostics_outside", "RESET_DIAGNOSTICS_TIME"),
    ("reset_diagnostics_twice", "RESET_DIAGNOSTICS_TIME"),
    ("demux", "DEMUX_PRESENT"),
    ("task_queued_twice", "TASK_NOT_QUEUED"),
    ("context_without_notification", "EXECUTION_CONTEXT_CONFIG"),
    ("checksum_options_only", "TX_CHECKSUM_CAPABILITIES"),
    ("checksum_ipv6_alone", "TX_CHECKSUM_IPV6"),
    ("checksum_nothing", "TX_CHECKSUM_HARDWARE"),
    ("checksum_layer4_alone", "TX_CHECKSUM_LAYER4"),
    ("checksum_deprecated", "DEPRECATED"),
];

/// The defect and the lab rule it breaks; the run goes on to its end.
const VIOLATIONS: &[(&str, &str)] = &[
    ("wake_list", "POWER_LIST_IN_TRANSITION"),
    ("no_stop_at_release", "ADAPTER_STOPPED_AT_RELEASE"),
    ("link_without_speed", "LINK_SPEED_KNOWN"),
    ("no_link_layer", "ADAPTER_CAPABILITIES_COMPLETE"),
    ("rx_later_offset", "RX_LATER_FRAGMENT_OFFSET"),
    ("rx_write_after_return", "RX_NO_DMA_AFTER_RETURN"),
    ("overrun", "RX_DMA_WITHIN_CAPACITY"),
    ("irql_left_raised", "ADVANCE_IRQL_KEPT"),
    ("tx_keeps_fragments", "TX_FRAGMENTS_RETURNED"),
    ("reset_diagnostics_slow", "RESET_DIAGNOSTICS_IN_TIME"),
];

/// Ring defects that, with the verifier off, are dropped packets instead of bugchecks.
const WITHOUT_VERIFIER: &[(&str, &str)] = &[("rx_length", "RX_FRAGMENT_VALID"), ("rx_first_after", "RX_PACKET_RANGE")];

/// What a child does with one defect: the whole life of a device, with traffic.
fn live(case: &str, verifier: bool) {
    let own_context = ["task_queued_twice", "context_without_notification"].contains(&case);
    let slow_tx = case == "tx_ignore_at_cancel";
    let plan = Plan { case: case.to_owned(), own_context, slow_tx, ..Plan::default() };
    // Only a call at PASSIVE_LEVEL shows an IRQL that was left raised.
    let dpc_first_loop = case != "irql_left_raised";
    let options = Options { verifier, dpc_first_loop, ..Options::default() };
    let lab = load(plan, options, 0);
    let started = lab.device.start();
    println!("started: {started:?}");
    if started.is_ok() {
        let adapter = lab.adapter();
        if case.starts_with("reset_diagnostics") {
            let device = support::driver::state().device as wdk_sys::WDFDEVICE;
            // SAFETY: a live device, at PASSIVE_LEVEL.
            unsafe { support::ddi::NetDeviceRequestReset(device) };
            lab_kernel::cpu::sleep(Duration::from_secs(5));
        }
        for i in 0..20 {
            adapter.send(frame(i, &[60, 40]));
            lab_kernel::cpu::sleep(Duration::from_micros(10));
            while adapter.recv().is_some() {}
        }
        if case == "tx_ignore_at_cancel" {
            for i in 0..50 {
                adapter.send(frame(i, &[60]));
            }
            lab_kernel::cpu::sleep(Duration::from_micros(30));
            let _ = adapter.restart_datapath();
        }
        if case == "wake_list" {
            // SAFETY: at PASSIVE_LEVEL, but not in a power callback: the defect.
            unsafe { support::defects::read_wake_list() };
        }
        if case == "notify_deleted" {
            let queue = support::driver::state().rx.handle;
            adapter.restart_datapath().unwrap();
            // SAFETY: the handle of a queue that is gone: the defect.
            unsafe { support::ddi::NetRxQueueNotifyMoreReceivedPacketsAvailable(queue as *mut _) };
        }
        lab_kernel::cpu::sleep(Duration::from_millis(5));
    }
    lab.device.remove();
    lab.driver.unload();
    println!("violated: {:?}", violated());
}

/// Entry of the children.
#[test]
fn child() {
    match support::child() {
        Some(argument) if argument == "other version" => {
            let plan = Plan { minor: 4, ..Plan::default() };
            println!("load: {:?}", load_driver(plan, Options::default(), 0).err());
        }
        Some(argument) => match argument.strip_prefix("no verifier ") {
            Some(case) => live(case, false),
            None => live(&argument, true),
        },
        None => {}
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_right_driver_breaks_nothing() {
    for case in ["", "tx_scratch", "no verifier "] {
        let output = in_child("child", case);
        assert!(output.status.success() && text(&output).contains("violated: []"), "{case}: {}", text(&output));
    }
}

#[test]
fn each_defect_ends_with_its_code() {
    let mut wrong = Vec::new();
    for (case, rule) in BUGCHECKS {
        let code = CONTRACTS.iter().find(|c| c.rule.name == *rule).unwrap_or_else(|| panic!("{rule}")).code as u64;
        let output = in_child("child", case);
        let text = text(&output);
        let stop = format!("BUGCODE_NETADAPTER_DRIVER (0x{code:016X}");
        let ok = output.status.code() == Some(3)
            && text.contains(&format!("lab: rule {rule} violated: "))
            && text.to_uppercase().contains(&stop.to_uppercase());
        if !ok {
            wrong.push(format!("{case}: expected {rule}, code {code}\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), BUGCHECKS.len(), wrong.join("\n"));
}

#[test]
fn every_contract_has_a_defect() {
    let tested: BTreeSet<&str> = BUGCHECKS.iter().map(|(_, rule)| *rule).collect();
    let all: BTreeSet<&str> = CONTRACTS.iter().map(|c| c.rule.name).collect();
    assert_eq!(tested, all);
}

#[test]
fn silent_failures_are_reported() {
    let cases = VIOLATIONS
        .iter()
        .map(|(case, rule)| ((*case).to_owned(), *rule))
        .chain(WITHOUT_VERIFIER.iter().map(|(case, rule)| (format!("no verifier {case}"), *rule)));
    let mut wrong = Vec::new();
    for (case, rule) in cases {
        let output = in_child("child", &case);
        let text = text(&output);
        let ended = output.status.success() && text.contains(&format!("violated: [\"{rule}\""));
        if !ended {
            wrong.push(format!("{case}: expected {rule}\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_queue_that_keeps_something_is_reported_as_a_hang() {
    for (case, missing) in
        [("rx_hang", "packets never returned"), ("rx_hang_one_fragment", "1 fragments and 0 packets")]
    {
        let output = in_child("child", case);
        let text = text(&output);
        assert_eq!(output.status.code(), Some(3), "{case}: {text}");
        assert!(text.contains("stop hangs: ") && text.contains(missing), "{case}: {text}");
        assert!(text.contains("QUEUE_STOP_ENDS"), "{case}: {text}");
    }
}

#[test]
fn versions_the_framework_does_not_know_are_refused() {
    let output = in_child("child", "other version");
    assert!(text(&output).contains("load: Some(Entry(-1073741637))"), "{}", text(&output));
    assert_eq!(wdk_sys::STATUS_NOT_SUPPORTED, -1_073_741_637);
}

#[test]
fn codes_are_the_framework_s() {
    // Spot checks against netcx/adapter/verifier.hpp; the rest follows from the order.
    for (code, number) in [
        (FailureCode::IrqlIsNotPassive, 1),
        (FailureCode::IllegalPrivateApiCall, 43),
        (FailureCode::InvalidQueueHandle, 44),
        (FailureCode::InvalidRingImmutable, 50),
        (FailureCode::InvalidRingRxPacketFragmentLengthInvalid, 78),
        (FailureCode::PlatformLevelDeviceResetPerformed, 84),
        (FailureCode::InvalidRSSConfiguration, 99),
    ] {
        assert_eq!(code as u64, number);
        assert_eq!(FailureCode::from_number(number), Some(code));
    }
    assert_eq!(FailureCode::from_number(100), None);
}
