//! Every status of each OID's page, by its name; which requests can end how is also judged everywhere else (rule
//! VMQ_STATUS_ALLOWED).
//!
//! Not here: NDIS_STATUS_PENDING of CLEAR_FILTER, which needs the receive path of another processor in the queue, and
//! failures that only NDIS itself has.

use super::{BUFFERS, Bench, HOLD_ALL, HOLD_NONE, address, builder};
use igbcx_tests::{Run, Scenario};
use ndis_sys::*;
use netcx_lab::vmq::{Answer, Filter, Kind, Request, Vlan};
use std::mem::offset_of;
use std::time::Duration;

/// OID, status, and what produces it.
type Case = (&'static str, &'static str, fn(&Run));

const CASES: &[Case] = &[
    ("HARDWARE_CAPABILITIES", "SUCCESS", hardware_capabilities),
    ("HARDWARE_CAPABILITIES", "INVALID_LENGTH", |run| short(run, Request::hardware_capabilities(), 84)),
    ("CURRENT_CAPABILITIES", "SUCCESS", current_capabilities),
    ("CURRENT_CAPABILITIES", "INVALID_LENGTH", |run| short(run, Request::current_capabilities(), 84)),
    ("GLOBAL_PARAMETERS", "SUCCESS", global_parameters),
    ("GLOBAL_PARAMETERS", "INVALID_LENGTH", |run| short(run, Request::global_parameters(), 16)),
    ("ENUM_QUEUES", "SUCCESS", enum_queues),
    ("ENUM_QUEUES", "INVALID_LENGTH", enum_queues_short),
    ("QUEUE_PARAMETERS", "SUCCESS", queue_parameters),
    ("QUEUE_PARAMETERS", "INVALID_PARAMETER", queue_parameters_of_none),
    ("QUEUE_PARAMETERS", "INVALID_LENGTH", |run| short(run, Request::queue_parameters(1), 1084)),
    ("ALLOCATE_QUEUE", "SUCCESS", allocate),
    ("ALLOCATE_QUEUE", "INVALID_PARAMETER", allocate_wrongly),
    ("ALLOCATE_QUEUE", "INVALID_LENGTH", |run| short(run, Request::allocate_queue(BUFFERS), 1084)),
    ("ALLOCATE_QUEUE", "NOT_SUPPORTED", allocate_without_vmdq),
    ("ALLOCATE_QUEUE", "FAILURE", allocate_too_many),
    ("QUEUE_ALLOCATION_COMPLETE", "SUCCESS", complete),
    ("QUEUE_ALLOCATION_COMPLETE", "INVALID_PARAMETER", complete_wrongly),
    ("QUEUE_ALLOCATION_COMPLETE", "INVALID_LENGTH", |run| short(run, Request::allocation_complete(&[1]), 20)),
    ("SET_FILTER", "SUCCESS", set_filter),
    ("SET_FILTER", "INVALID_PARAMETER", set_filter_wrongly),
    ("SET_FILTER", "INVALID_LENGTH", |run| short(run, Request::set_filter(1, address(1)), 36)),
    ("SET_FILTER", "NOT_SUPPORTED", set_filter_unsupported),
    ("SET_FILTER", "FAILURE", set_too_many_filters),
    ("CLEAR_FILTER", "SUCCESS", clear_filter),
    ("CLEAR_FILTER", "FILE_NOT_FOUND", clear_unknown_filter),
    ("CLEAR_FILTER", "INVALID_LENGTH", |run| short(run, Request::clear_filter(1, 1), 16)),
    ("CLEAR_FILTER", "NOT_ACCEPTED", clear_filter_of_a_lost_device),
    ("ENUM_FILTERS", "SUCCESS", enum_filters),
    ("ENUM_FILTERS", "INVALID_LENGTH", enum_filters_short),
    ("ENUM_FILTERS", "FAILURE", enum_filters_of_none),
    ("PARAMETERS", "SUCCESS", filter_parameters),
    ("PARAMETERS", "INVALID_PARAMETER", filter_parameters_of_none),
    ("PARAMETERS", "INVALID_LENGTH", filter_parameters_short),
    ("FREE_QUEUE", "SUCCESS", free),
    ("FREE_QUEUE", "PENDING", free_pending),
    ("FREE_QUEUE", "INVALID_PARAMETER", free_wrongly),
    ("FREE_QUEUE", "INVALID_LENGTH", |run| short(run, Request::free_queue(1), 12)),
    ("FREE_QUEUE", "NOT_ACCEPTED", free_of_a_lost_device),
    ("FREE_QUEUE", "REQUEST_ABORTED", free_cancelled),
    ("other_oids", "NOT_SUPPORTED", other_oids),
];

pub fn scenarios() -> Vec<Scenario> {
    let of_pages = CASES.iter().map(|&(oid, status, body)| Scenario::new(format!("vmq_status::{oid}_{status}"), body));
    of_pages.collect()
}

fn bench(run: &Run) -> Bench {
    Bench::new(builder(run), HOLD_NONE)
}

fn ends(bench: &Bench, request: Request, status: NDIS_STATUS) -> Answer {
    let what = format!("{:#x} {:?}", request.oid, request.kind);
    let answer = bench.switch.ask(request);
    assert_eq!(answer.status, status, "{what}: {:#010x} instead of {status:#010x}", answer.status);
    answer
}

/// A request whose buffer is one byte too short, and empty; `needed` is the least that its page asks for.
fn short(run: &Run, request: Request, needed: u32) {
    let bench = bench(run);
    bench.queue(1);
    for bytes in [needed as usize - 1, 4, 3, 1, 0] {
        let answer = ends(&bench, request.clone().shortened(bytes), NDIS_STATUS_INVALID_LENGTH);
        assert!(answer.needed >= needed, "{bytes} bytes: {} are needed, at least {needed} are", answer.needed);
        assert_eq!((answer.read, answer.written), (0, 0), "nothing is read or written");
    }
    bench.finish();
}

fn capability(answer: &Answer, offset: usize) -> u32 {
    answer.info.get(offset)
}

fn hardware_capabilities(run: &Run) {
    type Capabilities = NDIS_RECEIVE_FILTER_CAPABILITIES;
    let bench = bench(run);
    let answer = ends(&bench, Request::hardware_capabilities(), NDIS_STATUS_SUCCESS);
    assert_eq!(capability(&answer, offset_of!(Capabilities, NumQueues)), 7, "of eight pools one is the default");
    let properties = capability(&answer, offset_of!(Capabilities, SupportedQueueProperties));
    assert_ne!(properties & NDIS_RECEIVE_FILTER_MSI_X_SUPPORTED, 0);
    assert_ne!(properties & NDIS_RECEIVE_FILTER_VM_QUEUE_SUPPORTED, 0);
    assert_eq!(properties & NDIS_RECEIVE_FILTER_LOOKAHEAD_SPLIT_SUPPORTED, 0, "dead since NDIS 6.30");
    let fields = capability(&answer, offset_of!(Capabilities, SupportedMacHeaderFields));
    let both = NDIS_RECEIVE_FILTER_MAC_HEADER_DEST_ADDR_SUPPORTED | NDIS_RECEIVE_FILTER_MAC_HEADER_VLAN_ID_SUPPORTED;
    assert_eq!(fields, both);
    assert!(capability(&answer, offset_of!(Capabilities, MaxMacHeaderFilters)) >= 7);
    bench.finish();
}

fn current_capabilities(run: &Run) {
    let bench = bench(run);
    let answer = ends(&bench, Request::current_capabilities(), NDIS_STATUS_SUCCESS);
    let enabled = capability(&answer, offset_of!(NDIS_RECEIVE_FILTER_CAPABILITIES, EnabledQueueTypes));
    assert_eq!(enabled, NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED);
    bench.finish();
}

fn global_parameters(run: &Run) {
    let bench = bench(run);
    let answer = ends(&bench, Request::global_parameters(), NDIS_STATUS_SUCCESS);
    type Parameters = NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS;
    assert_eq!(
        capability(&answer, offset_of!(Parameters, EnabledFilterTypes)),
        NDIS_RECEIVE_FILTER_VMQ_FILTERS_ENABLED
    );
    assert_eq!(capability(&answer, offset_of!(Parameters, EnabledQueueTypes)), NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED);
    bench.finish();
}

fn enum_queues(run: &Run) {
    use _NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE::*;
    let bench = bench(run);
    assert_eq!(ends(&bench, Request::enum_queues(0), NDIS_STATUS_SUCCESS).queues(), []);
    let running = bench.queue(1);
    let paused = bench.switch.allocate(BUFFERS).unwrap();
    let mut queues = ends(&bench, Request::enum_queues(2), NDIS_STATUS_SUCCESS).queues();
    queues.sort_unstable();
    let expected =
        [(running, NdisReceiveQueueOperationalStateRunning, 1), (paused, NdisReceiveQueueOperationalStatePaused, 0)];
    assert_eq!(queues, expected);
    bench.switch.clear_filters(running).unwrap();
    let queues = ends(&bench, Request::enum_queues(2), NDIS_STATUS_SUCCESS).queues();
    assert!(queues.contains(&(running, NdisReceiveQueueOperationalStatePaused, 0)), "{queues:?}");
    bench.finish();
}

fn enum_queues_short(run: &Run) {
    let bench = bench(run);
    bench.queue(1);
    bench.queue(2);
    let answer = ends(&bench, Request::enum_queues(1), NDIS_STATUS_INVALID_LENGTH);
    ends(&bench, Request::query(OID_RECEIVE_FILTER_ENUM_QUEUES, answer.needed as usize), NDIS_STATUS_SUCCESS);
    bench.finish();
}

fn queue_parameters(run: &Run) {
    let bench = bench(run);
    let queue = bench.queue(1);
    let suggested = offset_of!(NDIS_RECEIVE_QUEUE_PARAMETERS, NumSuggestedReceiveBuffers);
    let answer = ends(&bench, Request::queue_parameters(queue), NDIS_STATUS_SUCCESS);
    assert_eq!((answer.queue_id(), capability(&answer, suggested)), (queue, BUFFERS));
    ends(&bench, Request::suggest_buffers(queue, 99), NDIS_STATUS_SUCCESS);
    let answer = ends(&bench, Request::queue_parameters(queue), NDIS_STATUS_SUCCESS);
    assert_eq!(capability(&answer, suggested), 99);
    bench.finish();
}

fn queue_parameters_of_none(run: &Run) {
    let bench = bench(run);
    let queue = bench.queue(1);
    for none in [0, queue + 1, 99, u32::MAX] {
        ends(&bench, Request::queue_parameters(none), NDIS_STATUS_INVALID_PARAMETER);
        ends(&bench, Request::suggest_buffers(none, 9), NDIS_STATUS_INVALID_PARAMETER);
    }
    let mut moved = Request::suggest_buffers(queue, 9);
    let flags = offset_of!(NDIS_RECEIVE_QUEUE_PARAMETERS, Flags);
    moved.info.put(flags, NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED);
    ends(&bench, moved, NDIS_STATUS_INVALID_PARAMETER);
    bench.finish();
}

fn allocate(run: &Run) {
    let bench = bench(run);
    let mut queues: Vec<_> = (0..7).map(|_| bench.switch.allocate(BUFFERS).unwrap()).collect();
    queues.sort_unstable();
    queues.dedup();
    assert_eq!(queues.len(), 7);
    bench.finish();
}

fn allocate_wrongly(run: &Run) {
    type Parameters = NDIS_RECEIVE_QUEUE_PARAMETERS;
    let bench = bench(run);
    let changes: [fn(&mut Request); 6] = [
        |r| r.info.put(offset_of!(Parameters, QueueType), 0),
        |r| r.info.put(offset_of!(Parameters, QueueType), 2),
        |r| r.info.put(offset_of!(Parameters, ProcessorAffinity), 0_u64),
        |r| r.info.put(offset_of!(Parameters, VmName), 0xFFFF_u16),
        |r| r.info.put(offset_of!(Parameters, QueueName), 3_u16),
        |r| r.info.put(0, 0_u8),
    ];
    for change in changes {
        let mut request = Request::allocate_queue(BUFFERS);
        change(&mut request);
        ends(&bench, request, NDIS_STATUS_INVALID_PARAMETER);
    }
    assert_eq!(ends(&bench, Request::enum_queues(0), NDIS_STATUS_SUCCESS).queues(), []);
    bench.finish();
}

fn allocate_without_vmdq(run: &Run) {
    let builder = igbcx_tests::rig::builder(run).keyword("Vmdq", "0");
    let bench = Bench::new(builder, HOLD_NONE);
    ends(&bench, Request::allocate_queue(BUFFERS), NDIS_STATUS_NOT_SUPPORTED);
    // What the hardware could do is answered in any case.
    let could = ends(&bench, Request::hardware_capabilities(), NDIS_STATUS_SUCCESS);
    let can = ends(&bench, Request::current_capabilities(), NDIS_STATUS_SUCCESS);
    let queues = offset_of!(NDIS_RECEIVE_FILTER_CAPABILITIES, NumQueues);
    assert_eq!((capability(&could, queues), capability(&can, queues)), (7, 0));
    let global = ends(&bench, Request::global_parameters(), NDIS_STATUS_SUCCESS);
    assert_eq!(capability(&global, offset_of!(NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS, EnabledQueueTypes)), 0);
    bench.finish();
}

fn allocate_too_many(run: &Run) {
    let bench = bench(run);
    let queues: Vec<_> = (1..=7).map(|n| bench.queue(n)).collect();
    ends(&bench, Request::allocate_queue(BUFFERS), NDIS_STATUS_FAILURE);
    bench.switch.drop_queue(queues[3]).unwrap();
    bench.queue(4);
    ends(&bench, Request::allocate_queue(BUFFERS), NDIS_STATUS_FAILURE);
    bench.finish();
}

fn complete(run: &Run) {
    let bench = bench(run);
    let queues: Vec<_> = (0..7).map(|_| bench.switch.allocate(BUFFERS).unwrap()).collect();
    bench.switch.complete_allocation(&queues[..3]).unwrap();
    bench.switch.complete_allocation(&queues[3..]).unwrap();
    let adapter = bench.rig.adapter();
    assert!(queues.iter().all(|queue| adapter.queue_memory(*queue) >= BUFFERS as usize * 2048));
    bench.finish();
}

fn complete_wrongly(run: &Run) {
    let bench = bench(run);
    let queue = bench.switch.allocate(BUFFERS).unwrap();
    for unknown in [0, queue + 1, 99] {
        ends(&bench, Request::allocation_complete(&[queue, unknown]), NDIS_STATUS_INVALID_PARAMETER);
    }
    ends(&bench, Request::allocation_complete(&[queue, queue]), NDIS_STATUS_INVALID_PARAMETER);
    assert_eq!(bench.rig.adapter().queue_memory(queue), 0, "a batch with a mistake does nothing");
    let array = Request::allocation_complete(&[queue]);
    type Array = NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY;
    for (offset, value) in [
        (offset_of!(Array, FirstElementOffset), u32::MAX),
        (offset_of!(Array, NumElements), 1000),
        (offset_of!(Array, ElementSize), 3),
    ] {
        let mut wild = array.clone();
        wild.info.put(offset, value);
        let status = bench.switch.ask(wild).status;
        assert!([NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_INVALID_LENGTH].contains(&status), "{status:#x}");
    }
    ends(&bench, array.clone(), NDIS_STATUS_SUCCESS);
    ends(&bench, array, NDIS_STATUS_INVALID_PARAMETER);
    bench.finish();
}

fn set_filter(run: &Run) {
    let bench = bench(run);
    let queue = bench.switch.allocate(BUFFERS).unwrap();
    let mac = address(1).mac;
    bench.switch.set_filter(queue, Filter { mac, vlan: Vlan::Id(5) }).unwrap();
    let other = bench.switch.allocate(BUFFERS).unwrap();
    bench.switch.set_filter(other, Filter { mac: address(2).mac, vlan: Vlan::UntaggedOrZero }).unwrap();
    bench.switch.complete_allocation(&[queue, other]).unwrap();
    bench.finish();
}

fn set_filter_wrongly(run: &Run) {
    type Head = NDIS_RECEIVE_FILTER_PARAMETERS;
    let bench = bench(run);
    let queue = bench.switch.allocate(BUFFERS).unwrap();
    for none in [queue + 1, 77] {
        ends(&bench, Request::set_filter(none, address(1)), NDIS_STATUS_INVALID_PARAMETER);
    }
    let changes: [fn(&mut Request); 4] = [
        |r| r.info.put(offset_of!(Head, FilterType), 2),
        |r| r.info.put(offset_of!(Head, FilterId), 9),
        |r| r.info.put(offset_of!(Head, FieldParametersArrayNumElements), 0),
        |r| r.info.put(offset_of!(Head, FieldParametersArrayOffset), u32::MAX),
    ];
    for change in changes {
        let mut request = Request::set_filter(queue, address(1));
        change(&mut request);
        let status = bench.switch.ask(request).status;
        assert!([NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_INVALID_LENGTH].contains(&status), "{status:#x}");
    }
    ends(
        &bench,
        Request::set_filter(queue, Filter { mac: address(1).mac, vlan: Vlan::Id(4096) }),
        NDIS_STATUS_INVALID_PARAMETER,
    );
    bench.finish();
}

fn set_filter_unsupported(run: &Run) {
    type Field = NDIS_RECEIVE_FILTER_FIELD_PARAMETERS;
    let bench = bench(run);
    let queue = bench.switch.allocate(BUFFERS).unwrap();
    // The default queue belongs to the adapter.
    ends(&bench, Request::set_filter(0, address(1)), NDIS_STATUS_NOT_SUPPORTED);
    let first = size_of::<NDIS_RECEIVE_FILTER_PARAMETERS>().next_multiple_of(8);
    let mut masked = Request::set_filter(queue, address(1));
    let test = _NDIS_RECEIVE_FILTER_TEST::NdisReceiveFilterTestMaskEqual;
    masked.info.put(first + offset_of!(Field, ReceiveFilterTest), test);
    ends(&bench, masked, NDIS_STATUS_NOT_SUPPORTED);
    let mut of_ip = Request::set_filter(queue, address(1));
    of_ip.info.put(first + offset_of!(Field, FrameHeader), _NDIS_FRAME_HEADER::NdisFrameHeaderIPv4);
    ends(&bench, of_ip, NDIS_STATUS_NOT_SUPPORTED);
    bench.finish();
}

fn set_too_many_filters(run: &Run) {
    let bench = bench(run);
    let limit = ends(&bench, Request::hardware_capabilities(), NDIS_STATUS_SUCCESS);
    let limit = capability(&limit, offset_of!(NDIS_RECEIVE_FILTER_CAPABILITIES, MaxMacHeaderFilters));
    let queue = bench.switch.allocate(BUFFERS).unwrap();
    for n in 0..limit {
        bench.switch.set_filter(queue, address(n as u8 + 1)).unwrap_or_else(|e| panic!("filter {n} of {limit}: {e}"));
    }
    ends(&bench, Request::set_filter(queue, address(limit as u8 + 1)), NDIS_STATUS_FAILURE);
    bench.finish();
}

fn clear_filter(run: &Run) {
    let bench = bench(run);
    let queue = bench.queue(1);
    let second = bench.switch.set_filter(queue, address(2)).unwrap();
    bench.check_queue(queue, 2, 3);
    bench.switch.clear_filter(queue, second).unwrap();
    bench.check_queue(queue, 1, 3);
    bench.send(&[bench.frame(2)]);
    assert_eq!(bench.frames.count(queue), 0, "its filter is gone");
    bench.finish();
}

fn clear_unknown_filter(run: &Run) {
    let bench = bench(run);
    let (queue, other) = (bench.queue(1), bench.queue(2));
    let filter = ends(&bench, Request::enum_filters(queue, 1), NDIS_STATUS_SUCCESS).filters()[0];
    for (queue, filter) in [(queue, 0), (queue, 77), (queue, u32::MAX), (other, filter), (99, filter), (0, filter)] {
        ends(&bench, Request::clear_filter(queue, filter), NDIS_STATUS_FILE_NOT_FOUND);
    }
    bench.switch.clear_filter(queue, filter).unwrap();
    ends(&bench, Request::clear_filter(queue, filter), NDIS_STATUS_FILE_NOT_FOUND);
    bench.finish();
}

/// The adapter is pulled out while the switch has it open.
fn lost(run: &Run) -> (Bench, u32, u32) {
    let mut bench = bench(run);
    let queue = bench.queue(1);
    let filter = ends(&bench, Request::enum_filters(queue, 1), NDIS_STATUS_SUCCESS).filters()[0];
    bench.switch.leave();
    bench.rig.surprise_remove().unwrap();
    (bench, queue, filter)
}

fn clear_filter_of_a_lost_device(run: &Run) {
    let (mut bench, queue, filter) = lost(run);
    ends(&bench, Request::clear_filter(queue, filter), NDIS_STATUS_NOT_ACCEPTED);
    bench.switch.close();
    bench.interface = None;
    bench.rig.remove();
    bench.finish_removed();
}

fn free_of_a_lost_device(run: &Run) {
    let (mut bench, queue, _) = lost(run);
    ends(&bench, Request::free_queue(queue), NDIS_STATUS_NOT_ACCEPTED);
    bench.switch.close();
    bench.interface = None;
    bench.rig.remove();
    bench.finish_removed();
}

fn enum_filters(run: &Run) {
    let bench = bench(run);
    let queue = bench.queue(1);
    let second = bench.switch.set_filter(queue, address(2)).unwrap();
    let mut filters = ends(&bench, Request::enum_filters(queue, 2), NDIS_STATUS_SUCCESS).filters();
    filters.sort_unstable();
    assert_eq!(filters.len(), 2);
    assert!(filters.contains(&second));
    let default = ends(&bench, Request::enum_filters(0, 2), NDIS_STATUS_SUCCESS).filters();
    assert!(default.is_empty(), "the default queue has none that were set: {default:?}");
    bench.finish();
}

fn enum_filters_short(run: &Run) {
    let bench = bench(run);
    let queue = bench.queue(1);
    bench.switch.set_filter(queue, address(2)).unwrap();
    let answer = ends(&bench, Request::enum_filters(queue, 1), NDIS_STATUS_INVALID_LENGTH);
    assert_eq!(answer.needed as usize, Request::enum_filters(queue, 2).info.0.len());
    bench.finish();
}

fn enum_filters_of_none(run: &Run) {
    let bench = bench(run);
    for queue in [1, 99, u32::MAX] {
        ends(&bench, Request::enum_filters(queue, 1), NDIS_STATUS_FAILURE);
    }
    bench.finish();
}

fn filter_parameters(run: &Run) {
    type Head = NDIS_RECEIVE_FILTER_PARAMETERS;
    let bench = bench(run);
    let queue = bench.switch.allocate(BUFFERS).unwrap();
    let mac = address(1).mac;
    let filter = bench.switch.set_filter(queue, Filter { mac, vlan: Vlan::Id(5) }).unwrap();
    let answer = ends(&bench, Request::filter_parameters(filter), NDIS_STATUS_SUCCESS);
    assert_eq!(answer.info.get::<u32>(offset_of!(Head, QueueId)), queue);
    assert_eq!(answer.info.get::<u32>(offset_of!(Head, FieldParametersArrayNumElements)), 2);
    let first = answer.info.get::<u32>(offset_of!(Head, FieldParametersArrayOffset)) as usize;
    let value = first + offset_of!(NDIS_RECEIVE_FILTER_FIELD_PARAMETERS, FieldValue);
    assert_eq!(answer.info.0[value..value + 6], mac);
    bench.finish();
}

fn filter_parameters_of_none(run: &Run) {
    let bench = bench(run);
    bench.queue(1);
    for filter in [0, 77, u32::MAX] {
        ends(&bench, Request::filter_parameters(filter), NDIS_STATUS_INVALID_PARAMETER);
    }
    bench.finish();
}

fn filter_parameters_short(run: &Run) {
    let bench = bench(run);
    let queue = bench.queue(1);
    let filter = ends(&bench, Request::enum_filters(queue, 1), NDIS_STATUS_SUCCESS).filters()[0];
    let whole = ends(&bench, Request::filter_parameters(filter), NDIS_STATUS_SUCCESS).written;
    let mut request = Request::filter_parameters(filter);
    request.output = whole - 1;
    let answer = ends(&bench, request, NDIS_STATUS_INVALID_LENGTH);
    assert_eq!(answer.needed, whole);
    bench.finish();
}

fn free(run: &Run) {
    let bench = bench(run);
    // Allocated, complete, running once: each may be freed.
    let allocated = bench.switch.allocate(BUFFERS).unwrap();
    let complete = bench.switch.allocate(BUFFERS).unwrap();
    bench.switch.complete_allocation(&[complete]).unwrap();
    let used = bench.queue(1);
    bench.check_queue(used, 1, 5);
    bench.switch.clear_filters(used).unwrap();
    for queue in [allocated, complete, used] {
        let ticket = bench.switch.issue(Request::free_queue(queue));
        assert!(!ticket.pended, "no packet of queue {queue} is out");
        let answer = bench.switch.wait(&ticket, Duration::ZERO).unwrap();
        assert_eq!(answer.status, NDIS_STATUS_SUCCESS);
        assert_eq!(bench.rig.adapter().queue_memory(queue), 0);
    }
    bench.finish();
}

fn free_pending(run: &Run) {
    let bench = Bench::new(builder(run), HOLD_ALL);
    let queue = bench.queue(1);
    bench.check_queue(queue, 1, 5);
    bench.switch.clear_filters(queue).unwrap();
    let ticket = bench.switch.issue(Request::free_queue(queue));
    assert!(ticket.pended && bench.switch.is_dma_stopped(queue));
    for left in (0..5).rev() {
        assert!(bench.switch.wait(&ticket, Duration::from_millis(1)).is_none(), "{} packets are out", left + 1);
        assert!(bench.rig.adapter().queue_memory(queue) > 0);
        assert_eq!(bench.switch.return_some(1), 1);
    }
    let answer = bench.switch.wait(&ticket, Duration::from_secs(1)).expect("the last packet is back");
    assert_eq!(answer.status, NDIS_STATUS_SUCCESS);
    bench.finish();
}

fn free_wrongly(run: &Run) {
    let bench = Bench::new(builder(run), HOLD_ALL);
    let queue = bench.queue(1);
    // The default queue, none at all, one with a filter.
    for queue in [0, queue + 1, 99, u32::MAX, queue] {
        ends(&bench, Request::free_queue(queue), NDIS_STATUS_INVALID_PARAMETER);
    }
    bench.check_queue(queue, 1, 2);
    bench.switch.clear_filters(queue).unwrap();
    let ticket = bench.switch.issue(Request::free_queue(queue));
    // One that is being freed has no filters to get, and is not freed twice.
    ends(&bench, Request::set_filter(queue, address(2)), NDIS_STATUS_INVALID_PARAMETER);
    bench.switch.return_some(usize::MAX);
    assert!(bench.switch.wait(&ticket, Duration::from_secs(1)).is_some());
    ends(&bench, Request::free_queue(queue), NDIS_STATUS_INVALID_PARAMETER);
    bench.finish();
}

fn free_cancelled(run: &Run) {
    let bench = Bench::new(builder(run), HOLD_ALL);
    let queue = bench.queue(1);
    bench.check_queue(queue, 1, 3);
    bench.switch.clear_filters(queue).unwrap();
    let ticket = bench.switch.issue(Request::free_queue(queue).with_id(0x55));
    bench.switch.cancel(0x54);
    assert!(bench.switch.wait(&ticket, Duration::from_millis(1)).is_none(), "another request was cancelled");
    // Allowed up to DISPATCH_LEVEL.
    let before = lab_kernel::cpu::raise_irql(lab_kernel::cpu::DISPATCH_LEVEL);
    bench.switch.cancel(0x55);
    lab_kernel::cpu::lower_irql(before);
    let answer = bench.switch.wait(&ticket, Duration::from_secs(1)).expect("it was cancelled");
    assert_eq!(answer.status, NDIS_STATUS_REQUEST_ABORTED);
    // The queue goes all the same, with its last packet.
    bench.switch.return_some(usize::MAX);
    lab_kernel::cpu::sleep(Duration::from_millis(5));
    assert_eq!(bench.rig.adapter().queue_memory(queue), 0);
    assert_eq!(ends(&bench, Request::enum_queues(1), NDIS_STATUS_SUCCESS).queues(), []);
    bench.finish();
}

fn other_oids(run: &Run) {
    let bench = bench(run);
    ends(&bench, Request::query(0x0001_0101, 64), NDIS_STATUS_NOT_SUPPORTED);
    ends(&bench, Request::query(OID_RECEIVE_FILTER_MOVE_FILTER, 64), NDIS_STATUS_NOT_SUPPORTED);
    for kind in [Kind::Set, Kind::Query, Kind::Other(11), Kind::Other(-1)] {
        let mut request = Request::allocate_queue(BUFFERS);
        request.kind = kind;
        ends(&bench, request, NDIS_STATUS_NOT_SUPPORTED);
    }
    bench.finish();
}
