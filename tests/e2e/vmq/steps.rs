//! At every step of the flow: removal, surprise removal, D3, a restart of the device, and hardware that never stops its DMA.

use super::{BUFFERS, Bench, HOLD_ALL, HOLD_NONE, address, beside, builder};
use igbcx_tests::rig::LINK;
use igbcx_tests::{Run, Scenario};
use lab_kernel::cpu;
use ndis_sys::*;
use netcx_lab::vmq::{Request, Switch, Ticket};
use std::time::Duration;

/// Longest removal, restart and power transition in lab time: what waits for the consumer's packets is bounded too.
const LIMIT: Duration = Duration::from_secs(10);
/// Lab time in which a request ends that waits for nothing.
const SOON: Duration = Duration::from_secs(2);

/// RXDCTL of queue n with its enable bit, and CTRL with its reset bit (82576 datasheet 8.10.13, 8.2.1).
const RXDCTL: u64 = 0xC028;
const RXDCTL_STRIDE: u64 = 0x40;
const ENABLE: u64 = 1 << 25;
const CTRL: u64 = 0x0000;
const RST: u64 = 1 << 26;

/// Where in the flow.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Step {
    Opened,
    Allocated,
    Filtered,
    Running,
    /// Frames came, and every packet is back.
    Used,
    /// Packets are out.
    Held,
    /// Packets are out, and the filter is cleared.
    Cleared,
    /// FREE_QUEUE pends.
    Freeing,
    Freed,
}

const STEPS: [(&str, Step); 9] = [
    ("opened", Step::Opened),
    ("allocated", Step::Allocated),
    ("filtered", Step::Filtered),
    ("running", Step::Running),
    ("used", Step::Used),
    ("held", Step::Held),
    ("cleared", Step::Cleared),
    ("freeing", Step::Freeing),
    ("freed", Step::Freed),
];

type Event = fn(&Run, Step);

const EVENTS: [(&str, Event); 8] = [
    ("closed_and_removed", closed_and_removed),
    ("removed", removed),
    ("removed_for_good", removed_for_good),
    ("surprise_removed", surprise_removed),
    ("to_d3_and_back", to_d3_and_back),
    ("restarted", restarted),
    ("dma_stuck", dma_stuck),
    ("dma_and_reset_stuck", dma_and_reset_stuck),
];

pub fn scenarios() -> Vec<Scenario> {
    let all = EVENTS.into_iter().flat_map(|(event, body)| {
        STEPS.map(|(name, step)| Scenario::new(format!("vmq_steps::{event}_{name}"), move |run| body(run, step)))
    });
    all.collect()
}

/// A switch at a step, with its queue and what pends.
struct At {
    bench: Bench,
    queue: Option<u32>,
    ticket: Option<Ticket>,
}

fn at(run: &Run, step: Step) -> At {
    let bench = Bench::new(builder(run), HOLD_ALL);
    let switch = bench.switch;
    if step == Step::Opened {
        return At { bench, queue: None, ticket: None };
    }
    let queue = switch.allocate(BUFFERS).unwrap();
    if step >= Step::Filtered {
        switch.set_filter(queue, address(1)).unwrap();
    }
    if step >= Step::Running {
        switch.complete_allocation(&[queue]).unwrap();
    }
    if step >= Step::Used {
        bench.check_queue(queue, 1, 10);
    }
    if step < Step::Held {
        switch.return_some(usize::MAX);
    }
    if step >= Step::Cleared {
        switch.clear_filters(queue).unwrap();
    }
    let ticket = (step >= Step::Freeing).then(|| switch.issue(Request::free_queue(queue)));
    if step == Step::Freed {
        switch.return_some(usize::MAX);
        let end = switch.wait(ticket.as_ref().unwrap(), SOON).expect("all packets are back");
        assert_eq!(end.status, NDIS_STATUS_SUCCESS);
        return At { bench, queue: None, ticket: None };
    }
    At { bench, queue: Some(queue), ticket }
}

impl At {
    /// Does the rest of the flow as far as it goes, whatever the statuses are; they are judged by the rules.
    fn go_on(&self) -> Vec<NDIS_STATUS> {
        let switch = self.bench.switch;
        switch.return_some(usize::MAX);
        let mut statuses = Vec::new();
        if let Some(ticket) = &self.ticket {
            let end = switch.wait(ticket, SOON).expect("FREE_QUEUE ends when all packets are back");
            statuses.push(end.status);
        }
        for queue in switch.queues() {
            let _ = switch.clear_filters(queue);
            statuses.push(switch.ask(Request::free_queue(queue)).status);
        }
        statuses
    }

    /// The device is gone: what pended has ended, nothing is left.
    fn end_removed(self) {
        if let Some(ticket) = &self.ticket {
            let end = self.bench.switch.wait(ticket, Duration::ZERO).expect("removal ends what pends");
            assert!([NDIS_STATUS_SUCCESS, NDIS_STATUS_REQUEST_ABORTED].contains(&end.status), "{:#x}", end.status);
        }
        self.bench.finish_removed();
    }
}

fn timed<R>(what: &str, work: impl FnOnce() -> R) -> R {
    let start = cpu::now();
    let result = work();
    let took = cpu::now() - start;
    println!("{what}: {took:?}");
    assert!(took <= LIMIT, "{what} took {took:?} of lab time");
    result
}

/// As a well-behaved consumer does on TargetDeviceQueryRemove.
fn closed_and_removed(run: &Run, step: Step) {
    let mut at = at(run, step);
    let statuses = at.go_on();
    assert!(statuses.iter().all(|status| *status == NDIS_STATUS_SUCCESS), "{statuses:x?}");
    assert_eq!(at.bench.switch.close(), NDIS_STATUS_SUCCESS);
    at.bench.interface = None;
    timed("removal", || at.bench.rig.remove());
    at.bench.rig.finish();
}

/// The switch gives its packets back while the removal is under way.
fn removed(run: &Run, step: Step) {
    let mut at = at(run, step);
    let switch = at.bench.switch;
    switch.leave();
    // The interface is the driver's memory: its reference goes before the driver does.
    at.bench.interface = None;
    beside(move || give_back_slowly(switch), || timed("removal", || at.bench.rig.remove()));
    at.end_removed();
}

fn give_back_slowly(switch: Switch) {
    for _ in 0..20 {
        cpu::sleep(Duration::from_micros(300));
        switch.return_some(3);
    }
}

/// The switch keeps its packets for ever: the removal ends, and their memory is not freed under it.
fn removed_for_good(run: &Run, step: Step) {
    let mut at = at(run, step);
    at.bench.switch.leave();
    at.bench.interface = None;
    let out = at.queue.map_or(0, |queue| at.bench.switch.packets_out(queue));
    timed("removal", || at.bench.rig.remove());
    if let Some(ticket) = &at.ticket {
        let end = at.bench.switch.wait(ticket, Duration::ZERO).expect("removal ends what pends");
        assert_eq!(end.status, NDIS_STATUS_REQUEST_ABORTED);
    }
    at.bench.switch.abandon();
    let report = at.bench.rig.into_machine().finish();
    let kept = report.leaks.iter().filter(|leak| leak.contains("shared memory")).count();
    assert_eq!(kept > 0, out > 0, "{out} packets were out: {:?}", report.leaks);
    assert_eq!(report.dma_faults, 0, "{:?}", report.dma_fault_list);
    let allowed = |rule: &str| out > 0 && ["SHARED_MEMORY_NO_LEAK", "POOL_NO_LEAK"].contains(&rule);
    assert!(report.rules.violated.iter().all(|v| allowed(&v.rule)), "{:#?}", report.rules.violated);
    assert_eq!(report.ok, out == 0);
}

fn surprise_removed(run: &Run, step: Step) {
    let mut at = at(run, step);
    let switch = at.bench.switch;
    switch.leave();
    beside(move || give_back_slowly(switch), || timed("surprise removal", || at.bench.rig.surprise_remove().unwrap()));
    // New requests are refused or answered, and nothing hangs.
    switch.return_some(usize::MAX);
    let _ = switch.issue(Request::enum_queues(7));
    let refused = switch.ask(Request::allocate_queue(BUFFERS)).status;
    assert_ne!(refused, NDIS_STATUS_SUCCESS, "the device is gone");
    switch.close();
    at.bench.interface = None;
    timed("removal", || at.bench.rig.remove());
    at.end_removed();
}

/// Queues are the consumer's: they outlive D3, and run when it is over.
fn to_d3_and_back(run: &Run, step: Step) {
    let mut at = at(run, step);
    timed("to D3", || at.bench.rig.d3().unwrap());
    if step == Step::Freeing {
        // The last packet comes back in D3.
        at.bench.switch.return_some(usize::MAX);
        let end = at.bench.switch.wait(at.ticket.as_ref().unwrap(), SOON).expect("all packets are back");
        assert_eq!(end.status, NDIS_STATUS_SUCCESS);
        at.ticket = None;
    }
    timed("to D0", || at.bench.rig.d0().unwrap());
    at.bench.rig.wait_link(true, LINK).unwrap();
    if let (Some(queue), Step::Running | Step::Used | Step::Held) = (at.queue, step) {
        at.bench.check_queue(queue, 1, 5);
    }
    if let (Some(queue), Step::Filtered) = (at.queue, step) {
        at.bench.switch.complete_allocation(&[queue]).unwrap();
        at.bench.check_queue(queue, 1, 5);
    }
    at.bench.rig.check_traffic();
    let statuses = at.go_on();
    assert!(statuses.iter().all(|status| *status == NDIS_STATUS_SUCCESS), "{statuses:x?}");
    at.bench.finish();
}

/// IRP_MN_STOP_DEVICE and IRP_MN_START_DEVICE, as a rebalance of resources does.
fn restarted(run: &Run, step: Step) {
    let mut at = at(run, step);
    let switch = at.bench.switch;
    switch.leave();
    beside(move || give_back_slowly(switch), || timed("stop", || at.bench.rig.stop().unwrap()));
    if let Some(ticket) = &at.ticket {
        assert!(switch.wait(ticket, SOON).is_some(), "a stop ends what pends");
    }
    timed("start", || at.bench.rig.bring_up());
    at.bench.rig.check_traffic();
    switch.close();
    switch.abandon();
    at.bench.interface = None;
    // The next consumer finds everything as new.
    let bench = Bench::over(at.bench.rig, HOLD_NONE);
    let queues: Vec<_> = (1..=7).map(|n| bench.queue(n)).collect();
    bench.check_queue(queues[6], 7, 5);
    bench.finish();
}

/// RXDCTL.ENABLE of every VM queue reads as one for ever: the device as a whole is taken down, and nothing is freed before
/// that. The memory is fenced from the DmaStopped indication on.
fn dma_stuck(run: &Run, step: Step) {
    let at = at(run, step);
    let faults = at.bench.rig.nic().faults();
    (1..8).for_each(|n| faults.stuck_bits(RXDCTL + n * RXDCTL_STRIDE, ENABLE, 0));
    let statuses = timed("the rest of the flow", || at.go_on());
    println!("{statuses:x?}");
    let known = [NDIS_STATUS_SUCCESS, NDIS_STATUS_REQUEST_ABORTED, NDIS_STATUS_NOT_ACCEPTED];
    assert!(statuses.iter().all(|status| known.contains(status)), "{statuses:x?}");
    recover(at);
}

/// The reset does not end either: FREE_QUEUE ends as aborted, and the memory stays.
fn dma_and_reset_stuck(run: &Run, step: Step) {
    let at = at(run, step);
    let faults = at.bench.rig.nic().faults();
    (1..8).for_each(|n| faults.stuck_bits(RXDCTL + n * RXDCTL_STRIDE, ENABLE, 0));
    faults.stuck_bits(CTRL, RST, 0);
    let statuses = timed("the rest of the flow", || at.go_on());
    println!("{statuses:x?}");
    if let (Some(queue), Step::Running | Step::Used | Step::Held) = (at.queue, step) {
        assert_eq!(statuses, [NDIS_STATUS_REQUEST_ABORTED], "DMA that may go on");
        assert!(at.bench.rig.adapter().queue_memory(queue) > 0, "memory is not freed under the device");
        assert!(!at.bench.switch.is_dma_stopped(queue));
    }
    recover(at);
}

/// The hardware comes to its senses, the device is removed and added again, and works.
fn recover(mut at: At) {
    at.bench.rig.nic().faults().clear();
    at.bench.switch.leave();
    at.bench.switch.close();
    at.bench.interface = None;
    timed("removal", || at.bench.rig.remove());
    at.bench.switch.abandon();
    at.bench.rig.add_again().unwrap();
    at.bench.rig.bring_up();
    at.bench.rig.check_traffic();
    let bench = Bench::over(at.bench.rig, HOLD_NONE);
    let queue = bench.queue(1);
    bench.check_queue(queue, 1, 5);
    bench.finish();
}
