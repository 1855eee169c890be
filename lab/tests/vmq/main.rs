//! The VMQ consumer against a provider without hardware: right, it breaks nothing; wrong in one thing, it breaks that
//! thing's rule.

#[path = "../common/board.rs"]
mod board;
mod provider;

use lab_kernel::{cpu, rules};
use ndis_sys::*;
use netcx_lab::vmq::{Filter, Hold, Interface, Refused, Request, Switch, Tally, Vlan, frame};
use provider::Provider;
use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::time::Duration;

const CHILD: &str = "LAB_VMQ_CHILD";
const MAC: [u8; 6] = [2, 0, 0, 0, 0, 7];
const VLAN: u16 = 42;
const STREAM: u32 = 1;

/// The defect and the rule it breaks first.
const DEFECTS: &[(&str, &str)] = &[
    ("callback_irql", "VMQ_CALLBACK_IRQL"),
    ("callback_after_close", "VMQ_QUIET_AFTER_CLOSE"),
    ("close_with_queue", "VMQ_CLOSE_LEAVES_NOTHING"),
    ("free_fails", "VMQ_STATUS_ALLOWED"),
    ("clear_not_found_as_invalid", "VMQ_STATUS_ALLOWED"),
    ("complete_twice", "VMQ_COMPLETE_ONCE"),
    ("complete_unpended", "VMQ_COMPLETE_ONCE"),
    ("complete_pending", "VMQ_COMPLETE_FINAL"),
    ("nothing_read", "VMQ_REQUEST_BYTES"),
    ("nothing_written", "VMQ_REQUEST_BYTES"),
    ("nothing_needed", "VMQ_REQUEST_BYTES"),
    ("overrun", "VMQ_BUFFER_BOUNDS"),
    ("written_late", "VMQ_REQUEST_UNTOUCHED"),
    ("capabilities_header", "VMQ_ANSWER_HEADER"),
    ("queue_zero", "VMQ_QUEUE_ID"),
    ("queue_twice", "VMQ_QUEUE_ID"),
    ("filter_zero", "VMQ_FILTER_ID"),
    ("filter_twice", "VMQ_FILTER_ID"),
    ("memory_early", "VMQ_MEMORY_AT_COMPLETION"),
    ("memory_kept", "VMQ_MEMORY_FREED"),
    ("unknown_queue", "VMQ_QUEUE_KNOWN"),
    ("no_filter", "VMQ_QUEUE_RUNNING"),
    ("not_complete", "VMQ_QUEUE_RUNNING"),
    ("after_stop", "VMQ_SILENT_AFTER_DMA_STOPPED"),
    ("count_less", "VMQ_CHAIN_COUNT"),
    ("count_more", "VMQ_CHAIN_COUNT"),
    ("count_none", "VMQ_CHAIN_COUNT"),
    ("packet_queue", "VMQ_PACKET_QUEUE"),
    ("packet_reserved", "VMQ_PACKET_FIELDS"),
    ("packet_flags", "VMQ_PACKET_FIELDS"),
    ("packet_tag", "VMQ_PACKET_FIELDS"),
    ("packet_short", "VMQ_PACKET_FIELDS"),
    ("packet_twice", "VMQ_PACKET_OWNED"),
    ("packet_elsewhere", "VMQ_PACKET_MEMORY"),
    ("memory_gone", "VMQ_PACKET_MEMORY"),
    ("packet_changed", "VMQ_PACKET_UNCHANGED"),
    ("data_changed", "VMQ_PACKET_UNCHANGED"),
    ("wrong_mac", "VMQ_FILTER_MATCHES"),
    ("wrong_vlan", "VMQ_FILTER_MATCHES"),
    ("wrong_filter", "VMQ_FILTER_MATCHES"),
    ("order", "VMQ_ORDER"),
    ("indication_header", "VMQ_INDICATION"),
    ("indication_short", "VMQ_INDICATION"),
    ("indication_null", "VMQ_INDICATION"),
    ("stopped_twice", "VMQ_DMA_STOPPED_ONCE"),
    ("stopped_unasked", "VMQ_DMA_STOPPED_ONCE"),
    ("never_stopped", "VMQ_FREE_AFTER_DMA_STOPPED"),
    ("free_too_early", "VMQ_FREE_AFTER_LAST_RETURN"),
];

fn in_child(case: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(CHILD, case)
        .output()
        .unwrap()
}

/// Entry of the children.
#[test]
fn child() {
    if let Ok(case) = std::env::var(CHILD) {
        cpu::boot(cpu::Config { nic: board::board(), seed: 1, preempt_one_in: 0 });
        live(Provider::new(&case)).unwrap_or_else(|e| println!("ended: {e}"));
        println!("violated: {:?}", rules::violations().iter().map(|v| v.rule).collect::<Vec<_>>());
    }
}

/// The life of two queues, with packets held over FREE_QUEUE.
fn live(provider: &'static Provider) -> Result<(), Refused> {
    let tally = Tally::default();
    let interface = Interface::of_provider(provider.table());
    let hold = Hold { packets: 4, in_callback: true };
    let switch = interface
        .open_over(provider.memory(), Box::new(tally.clone()), hold, 7)
        .map_err(|status| Refused { what: "Open", status })?;
    let capabilities = switch.ask(Request::hardware_capabilities());
    assert_eq!(capabilities.status, NDIS_STATUS_SUCCESS);
    let short = switch.ask(Request::hardware_capabilities().shortened(20));
    assert_eq!(short.status, NDIS_STATUS_INVALID_LENGTH);
    let _ = switch.clear_filter(77, 77);

    let filter = Filter { mac: MAC, vlan: Vlan::Id(VLAN) };
    let (queue, other) = (switch.allocate(8)?, switch.allocate(8)?);
    let id = switch.set_filter(queue, filter)?;
    switch.set_filter(other, Filter { mac: [2, 0, 0, 0, 0, 8], vlan: Vlan::UntaggedOrZero })?;
    provider.indicate_early(queue);
    switch.complete_allocation(&[queue, other])?;
    tally.belongs(STREAM, queue);
    let send = |n: usize| {
        let frames = (0..n).map(|_| frame(MAC, Some(VLAN), STREAM, tally.send(STREAM), 100)).collect();
        provider.indicate(queue, frames);
    };
    send(3);
    send(6);
    switch.return_some(2);
    send(2);
    provider.between();
    println!("held over FREE_QUEUE: {}", switch.packets_out(queue));
    switch.clear_filter(queue, id)?;
    provider.indicate_late(queue);
    free(&switch, queue)?;
    if !provider.is("close_with_queue") {
        switch.drop_queue(other)?;
    }
    switch.return_some(usize::MAX);
    switch.close();
    provider.after_close();
    let counts = tally.counts()[&STREAM];
    println!("counts: {counts:?}");
    Ok(())
}

/// FREE_QUEUE pends until the packets are back.
fn free(switch: &Switch, queue: NDIS_RECEIVE_QUEUE_ID) -> Result<(), Refused> {
    let ticket = switch.issue(Request::free_queue(queue));
    switch.return_queue(queue);
    match switch.wait(&ticket, Duration::from_secs(1)) {
        Some(answer) if answer.status == NDIS_STATUS_SUCCESS => Ok(()),
        answer => Err(Refused { what: "FREE_QUEUE", status: answer.map_or(NDIS_STATUS_PENDING, |a| a.status) }),
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_right_provider_breaks_nothing() {
    let output = in_child("");
    let text = text(&output);
    assert!(output.status.success() && text.contains("violated: []"), "{text}");
    assert!(!text.contains("ended: ") && text.contains("received: 11") && text.contains("lost: 0"), "{text}");
    assert!(text.contains("held over FREE_QUEUE: 4"), "{text}");
}

#[test]
fn each_defect_breaks_its_rule() {
    let mut wrong = Vec::new();
    for (case, rule) in DEFECTS {
        let output = in_child(case);
        let text = text(&output);
        if !output.status.success() || !text.contains(&format!("violated: [\"{rule}\"")) {
            wrong.push(format!("{case}: expected {rule}\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), DEFECTS.len(), wrong.join("\n"));
}

#[test]
fn every_rule_has_a_defect() {
    let tested: BTreeSet<&str> = DEFECTS.iter().map(|(_, rule)| *rule).collect();
    let all: BTreeSet<&str> = rules::all().iter().map(|r| r.name).filter(|name| name.starts_with("VMQ_")).collect();
    assert_eq!(tested, all);
}
