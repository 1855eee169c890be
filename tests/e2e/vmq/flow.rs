//! The flow from ALLOCATE_QUEUE to the end of FREE_QUEUE, again and again, and who may open the interface.

use super::{BUFFERS, Bench, HOLD_ALL, HOLD_NONE, address, builder};
use igbcx_interface::{GUID_IGBCX_VMQ_INTERFACE, IGBCX_VMQ_CONSUMER, IGBCX_VMQ_INTERFACE, IGBCX_VMQ_INTERFACE_VERSION};
use igbcx_tests::{Rig, Run, Scenario};
use lab_kernel::cpu;
use ndis_sys::*;
use netcx_lab::vmq::{Collected, Hold, Interface, Random, Request};
use std::time::Duration;

/// Cycles of the whole run, and of one process of it.
const CYCLES: u64 = 10_000;
const CYCLES_EACH: u64 = 250;
/// Queues at a time.
const QUEUES: u8 = 7;

pub fn scenarios() -> Vec<Scenario> {
    let cycles = (0..CYCLES / CYCLES_EACH)
        .map(|n| Scenario::new(format!("vmq_flow::cycles_{n:02}"), move |run| cycles(run, n)).full_unless(n == 0));
    let others = [
        Scenario::new("vmq_flow::interface", interface),
        Scenario::new("vmq_flow::one_consumer", one_consumer),
        Scenario::new("vmq_flow::consumer_structure", consumer_structure),
        Scenario::new("vmq_flow::close_needs_no_queue", close_needs_no_queue),
        Scenario::new("vmq_flow::opened_again", opened_again),
        Scenario::new("vmq_flow::freed_while_frames_come", freed_while_frames_come),
        Scenario::new("vmq_flow::freed_queues_give_their_memory_back", memory_comes_back),
        Scenario::new("vmq_flow::cancelled_free_can_be_asked_again", asked_again),
        Scenario::new("vmq_flow::what_is_no_packet_is_refused", returned_wrongly),
    ];
    cycles.chain(others).collect()
}

/// Allocate, filter, traffic, clear, free with packets out, seven queues at a time, freed in any order.
fn cycles(run: &Run, n: u64) {
    let seed = run.seed.wrapping_mul(1000) + n;
    let preempt = [0, 16, 3][(n % 3) as usize];
    let bench = Bench::new(builder(run).seed(seed).preempt_one_in(preempt), Hold { packets: 40, in_callback: true });
    let mut random = Random::new(seed);
    let mut queues: Vec<u32> = (1..=QUEUES).map(|n| bench.queue(n)).collect();
    let (mut pended, mut over_free) = (0, 0);
    for cycle in 0..CYCLES_EACH {
        let at = random.below(queues.len());
        let (queue, n) = (queues[at], at as u8 + 1);
        let count = 1 + random.below(12);
        bench.check_queue(queue, n, count);
        bench.switch.clear_filters(queue).unwrap();
        let out = bench.switch.packets_out(queue);
        let ticket = bench.switch.issue(Request::free_queue(queue));
        assert_eq!(ticket.pended, out > 0, "cycle {cycle}: {out} packets are out");
        pended += u64::from(ticket.pended);
        over_free += out;
        // Some of them in a chain with others', and time for what should not happen.
        bench.switch.return_some(out);
        cpu::sleep(Duration::from_micros(random.below(200) as u64));
        bench.switch.return_queue(queue);
        let end = bench.switch.wait(&ticket, Duration::from_secs(2)).expect("all packets are back");
        assert_eq!(end.status, NDIS_STATUS_SUCCESS, "cycle {cycle}");
        queues[at] = bench.queue(n);
    }
    println!("{pended} of {CYCLES_EACH} FREE_QUEUE requests pended, {over_free} packets were out over them");
    assert!(pended > CYCLES_EACH / 4, "packets are held over FREE_QUEUE");
    bench.rig.wire().barrier();
    let mut bench = bench;
    bench.rig.check_traffic();
    bench.finish();
}

/// IRP_MN_QUERY_INTERFACE: size and version.
fn interface(run: &Run) {
    let rig = Rig::up(builder(run));
    let device = rig.device().unwrap();
    let size = size_of::<IGBCX_VMQ_INTERFACE>() as u16;
    let ask = |size, version| device.query_interface(&GUID_IGBCX_VMQ_INTERFACE, size, version).map(drop);
    assert_eq!(ask(size, IGBCX_VMQ_INTERFACE_VERSION), Ok(()));
    assert!(ask(size - 1, IGBCX_VMQ_INTERFACE_VERSION).is_err());
    assert!(ask(size, IGBCX_VMQ_INTERFACE_VERSION - 1).is_err());
    let mut other = GUID_IGBCX_VMQ_INTERFACE;
    other.Data1 ^= 1;
    assert!(device.query_interface(&other, size, IGBCX_VMQ_INTERFACE_VERSION).is_err());
    rig.finish();
}

fn one_consumer(run: &Run) {
    let bench = Bench::new(builder(run), HOLD_NONE);
    let second = Interface::of(&bench.rig).unwrap();
    let refused = second.open(Collected::new().1, HOLD_NONE, 1).err();
    assert_eq!(refused, Some(NDIS_STATUS_NOT_ACCEPTED));
    let queue = bench.queue(1);
    bench.check_queue(queue, 1, 5);
    drop(second);
    bench.finish();
}

fn consumer_structure(run: &Run) {
    let rig = Rig::up(builder(run));
    let interface = Interface::of(&rig).unwrap();
    let whole = IGBCX_VMQ_CONSUMER {
        Size: size_of::<IGBCX_VMQ_CONSUMER>() as u16,
        Version: IGBCX_VMQ_INTERFACE_VERSION,
        ..Default::default()
    };
    let wrong = [
        whole,
        IGBCX_VMQ_CONSUMER { Size: whole.Size - 1, ..whole },
        IGBCX_VMQ_CONSUMER { Size: 0, ..whole },
        IGBCX_VMQ_CONSUMER { Version: 0, ..whole },
        IGBCX_VMQ_CONSUMER { Version: 2, ..whole },
    ];
    for consumer in &wrong {
        assert_eq!(interface.table().open_as(consumer), NDIS_STATUS_INVALID_PARAMETER);
    }
    assert_ne!(interface.table().close(), NDIS_STATUS_SUCCESS, "nobody has it open");
    assert!(interface.table().issue_null() < 0);
    interface.table().cancel(1);
    drop(interface);
    rig.finish();
}

fn close_needs_no_queue(run: &Run) {
    let bench = Bench::new(builder(run), HOLD_NONE);
    let queue = bench.switch.allocate(BUFFERS).unwrap();
    assert_eq!(bench.switch.close(), NDIS_STATUS_NOT_ACCEPTED);
    bench.switch.set_filter(queue, address(1)).unwrap();
    bench.switch.complete_allocation(&[queue]).unwrap();
    assert_eq!(bench.switch.close(), NDIS_STATUS_NOT_ACCEPTED);
    bench.check_queue(queue, 1, 5);
    bench.finish();
}

fn opened_again(run: &Run) {
    let mut rig = Rig::up(builder(run));
    for round in 0..20 {
        let bench = Bench::over(rig, HOLD_ALL);
        let queue = bench.queue(round % 7 + 1);
        bench.check_queue(queue, round % 7 + 1, 3);
        bench.switch.return_some(usize::MAX);
        bench.switch.end().unwrap();
        drop(bench.interface);
        rig = bench.rig;
    }
    rig.check_traffic();
    rig.finish();
}

/// Frames for the queue come before, while and after it goes: none is indicated too late, none hits memory that is not the
/// queue's any more (rules, DMA fence).
fn freed_while_frames_come(run: &Run) {
    let bench = Bench::new(builder(run).preempt_one_in(4), Hold { packets: 20, in_callback: true });
    for round in 0..40_u64 {
        let queue = bench.queue(1);
        for _ in 0..30 {
            bench.rig.wire().send(&bench.frame(1));
        }
        cpu::sleep(Duration::from_micros(round * 7 % 150));
        bench.switch.clear_filters(queue).unwrap();
        for _ in 0..10 {
            bench.rig.wire().send(&bench.frame(1));
        }
        let ticket = bench.switch.issue(Request::free_queue(queue));
        cpu::sleep(Duration::from_micros(round * 13 % 50));
        bench.switch.return_queue(queue);
        let end = bench.switch.wait(&ticket, Duration::from_secs(2)).expect("all packets are back");
        assert_eq!(end.status, NDIS_STATUS_SUCCESS);
        bench.settle();
    }
    bench.finish();
}

fn memory_comes_back(run: &Run) {
    let bench = Bench::new(builder(run), HOLD_NONE);
    let queues: Vec<_> = (1..=QUEUES).map(|n| bench.queue(n)).collect();
    let adapter = bench.rig.adapter();
    let each: Vec<usize> = queues.iter().map(|queue| adapter.queue_memory(*queue)).collect();
    assert!(each.iter().all(|bytes| *bytes >= BUFFERS as usize * 2048), "{each:?}");
    for queue in queues {
        bench.switch.drop_queue(queue).unwrap();
        assert_eq!(adapter.queue_memory(queue), 0);
    }
    bench.finish();
}

/// After a cancelled FREE_QUEUE another one waits for the same packets.
fn asked_again(run: &Run) {
    let bench = Bench::new(builder(run), HOLD_ALL);
    let queue = bench.queue(1);
    bench.check_queue(queue, 1, 3);
    bench.switch.clear_filters(queue).unwrap();
    let first = bench.switch.issue(Request::free_queue(queue).with_id(1));
    bench.switch.cancel(1);
    let ended = bench.switch.wait(&first, Duration::from_secs(1)).expect("it was cancelled");
    assert_eq!(ended.status, NDIS_STATUS_REQUEST_ABORTED);
    let second = bench.switch.issue(Request::free_queue(queue).with_id(2));
    assert!(second.pended);
    bench.switch.return_some(usize::MAX);
    let ended = bench.switch.wait(&second, Duration::from_secs(1)).expect("all packets are back");
    assert_eq!(ended.status, NDIS_STATUS_SUCCESS);
    bench.finish();
}

/// Packets returned twice, after their queue's end, and addresses that are none: nothing of the driver's is touched.
fn returned_wrongly(run: &Run) {
    let bench = Bench::new(builder(run), HOLD_ALL);
    let table = *bench.interface.as_ref().unwrap().table();
    let (queue, other) = (bench.queue(1), bench.queue(2));
    bench.check_queue(queue, 1, 5);
    bench.check_queue(other, 2, 5);
    let addresses = bench.switch.packet_addresses(queue);
    let wrong = || {
        for address in &addresses {
            [*address, address + 8, address - 8, address + 1]
                .into_iter()
                .for_each(|wrong| table.return_anything(wrong));
        }
        [0, 1, 0x1000, usize::MAX, usize::MAX << 12].into_iter().for_each(|wrong| table.return_anything(wrong));
    };
    bench.switch.return_queue(queue);
    wrong();
    bench.settle();
    bench.check_queue(queue, 1, 5);
    bench.switch.return_queue(queue);
    wrong();
    bench.switch.drop_queue(queue).unwrap();
    wrong();
    // FREE_QUEUE of the other one waits for its real packets.
    bench.switch.clear_filters(other).unwrap();
    let ticket = bench.switch.issue(Request::free_queue(other));
    wrong();
    assert!(ticket.pended && bench.switch.wait(&ticket, Duration::from_millis(1)).is_none());
    bench.switch.return_some(usize::MAX);
    assert!(bench.switch.wait(&ticket, Duration::from_secs(1)).is_some());
    bench.finish();
}
