//! VM queues of a tool: what `igbcxctl vmq` does, by its requests.

use super::{AsBytes, HEADER, ask, call, open};
use igbcx_ioctl::{
    Answer, Code, List, Request, VLAN_ANY, VLAN_ID, VLAN_UNTAGGED_OR_ZERO, VmqAllocateRequest, VmqAllocated,
    VmqCapabilities, VmqClearFilterRequest, VmqFilter, VmqFilterSet, VmqFreeRequest, VmqQueue, VmqSetFilterRequest,
};
use igbcx_tests::{Rig, Run, Scenario, rig};
use lab_kernel::cpu;
use lab_kmdf::File;
use netcx_lab::vmq::{Collected, Hold, Interface, frame};
use std::time::Duration;
use zerocopy::{FromBytes, Immutable, KnownLayout};

const PAUSED: u8 = 1;
const RUNNING: u8 = 2;
const UNSUCCESSFUL: u32 = 0xC000_0001;
const INVALID_PARAMETER: u32 = 0xC000_000D;
const SHARING_VIOLATION: u32 = 0xC000_0043;
const NOT_SUPPORTED: u32 = 0xC000_00BB;
const NOT_FOUND: u32 = 0xC000_0225;
/// Bytes of the frames sent, without a tag.
const LENGTH: usize = 100;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new("control::vmq_flow", |run| flow(run, true)),
        Scenario::new("control::vmq_flow_in_common_buffers", |run| flow(run, false)),
        Scenario::new("control::vmq_statuses", statuses),
        Scenario::new("control::vmq_off", off),
        Scenario::new("control::vmq_power", power),
        Scenario::new("control::vmq_removal", removal),
        Scenario::new("control::vmq_and_a_kernel_consumer", kernel_consumer),
    ]
}

/// A tool with the device open.
struct Tool {
    file: File,
}

impl Tool {
    fn new(rig: &Rig) -> Self {
        Self { file: open(rig) }
    }

    fn capabilities(&self) -> VmqCapabilities {
        ask(&self.file, Code::VmqCapabilities, &Request { header: HEADER })
    }

    fn allocate(&self, buffers: u32) -> u32 {
        let request = VmqAllocateRequest { header: HEADER, buffers, reserved: 0 };
        ask::<VmqAllocated>(&self.file, Code::VmqAllocate, &request).queue
    }

    fn set(&self, queue: u32, n: u8, vlan_test: u8, vlan: u16) -> u32 {
        ask::<VmqFilterSet>(&self.file, Code::VmqSetFilter, &set(queue, n, vlan_test, vlan)).filter
    }

    fn clear(&self, queue: u32, filter: u32) {
        ask::<Answer>(&self.file, Code::VmqClearFilter, &VmqClearFilterRequest { header: HEADER, queue, filter });
    }

    fn free(&self, queue: u32) {
        ask::<Answer>(&self.file, Code::VmqFree, &VmqFreeRequest { header: HEADER, queue, reserved: 0 });
    }

    fn refused(&self, code: Code, request: &impl AsBytes, status: u32) {
        let done = call(&self.file, code, request.bytes(), 64);
        assert_eq!((done.status as u32, done.information), (status, 0), "{code:?}: {:#x}", done.status);
    }

    fn list<T: FromBytes + KnownLayout + Immutable>(&self, code: Code) -> Vec<T> {
        let done = call(&self.file, code, Request { header: HEADER }.bytes(), 4096);
        assert_eq!(done.status, 0);
        let (head, body) = List::read_from_prefix(&done.output).unwrap();
        let elements: Vec<T> = body.chunks_exact(size_of::<T>()).map(|b| T::read_from_bytes(b).unwrap()).collect();
        assert_eq!(head.count as usize, elements.len());
        elements
    }

    fn queues(&self) -> Vec<VmqQueue> {
        self.list(Code::VmqQueues)
    }

    fn queue(&self, number: u32) -> VmqQueue {
        self.queues().into_iter().find(|queue| queue.queue == number).unwrap_or_else(|| panic!("queue {number}"))
    }

    /// Sends frames for the `n`-th address, as many as the queue has buffers at most: it counts that many more.
    fn check(&self, rig: &Rig, queue: u32, n: u8, tag: Option<u16>, count: u64) {
        let before = self.queue(queue);
        let wire = rig.wire();
        (0..count).for_each(|id| wire.send(&frame(address(n), tag, 1, id, LENGTH)));
        wire.barrier();
        // The hardware takes the tag out, which is not in the length.
        let wanted = (before.packets + count, before.bytes + count * LENGTH as u64);
        let figures = || {
            let now = self.queue(queue);
            assert_eq!((now.errors, now.dropped, now.refused, now.outstanding), (0, 0, 0, 0));
            (now.packets, now.bytes)
        };
        for _ in 0..200 {
            if figures() == wanted {
                break;
            }
            cpu::sleep(Duration::from_millis(1));
        }
        assert_eq!(figures(), wanted, "queue {queue}");
    }
}

fn address(n: u8) -> [u8; 6] {
    [0x02, 0x56, 0x4D, 0, 1, n]
}

fn set(queue: u32, n: u8, vlan_test: u8, vlan: u16) -> VmqSetFilterRequest {
    let (header, reserved, reserved2) = (HEADER, 0, [0; 2]);
    VmqSetFilterRequest { header, queue, vlan, vlan_test, reserved, address: address(n), reserved2 }
}

fn with_queues(run: &Run) -> Rig {
    Rig::up(rig::builder(run).keyword("Vmdq", "1"))
}

/// Allocate, filter, traffic, clear, free; every frame is counted by its queue and nothing else.
fn flow(run: &Run, shared_memory: bool) {
    let mut rig = Rig::up(rig::builder(run).keyword("Vmdq", "1").options(|o| o.shared_memory = shared_memory));
    let tool = Tool::new(&rig);
    let caps = tool.capabilities();
    assert_eq!((caps.enabled, caps.queues, caps.owner), (1, 7, 0));
    assert_eq!(tool.queues(), []);

    let (one, two) = (tool.allocate(64), tool.allocate(0));
    assert_eq!((one, two, tool.capabilities().owner), (1, 2, 2));
    let fresh = tool.queue(one);
    let memory = if shared_memory { 1 } else { 2 };
    assert_eq!((fresh.state, fresh.memory, fresh.buffers, fresh.filters), (PAUSED, memory, 64, 0));

    let first = tool.set(one, 1, VLAN_UNTAGGED_OR_ZERO, 0);
    let second = tool.set(two, 1, VLAN_ID, 5);
    assert_eq!((tool.queue(one).state, tool.queue(one).filters), (RUNNING, 1));
    let filters: Vec<VmqFilter> = tool.list(Code::VmqFilters);
    let told = |f: &VmqFilter| (f.filter, f.queue, f.address, f.vlan_test, f.vlan);
    assert_eq!(
        filters.iter().map(told).collect::<Vec<_>>(),
        [(first, 1, address(1), VLAN_UNTAGGED_OR_ZERO, 0), (second, 2, address(1), VLAN_ID, 5)]
    );
    tool.check(&rig, one, 1, None, 60);
    tool.check(&rig, two, 1, Some(5), 70);
    assert_eq!((tool.queue(one).packets, tool.queue(two).packets), (60, 70));

    tool.clear(one, first);
    assert_eq!(tool.queue(one).state, PAUSED);
    tool.free(one);
    assert_eq!(tool.queues().len(), 1);
    // The counters go on where they were.
    assert_eq!(tool.allocate(64), one);
    tool.set(one, 3, VLAN_UNTAGGED_OR_ZERO, 0);
    assert_eq!(tool.queue(one).packets, 60);
    tool.check(&rig, one, 3, None, 10);
    tool.clear(one, first);
    tool.clear(two, second);
    tool.free(two);
    tool.free(one);
    assert_eq!((tool.queues(), tool.capabilities().owner), (vec![], 0));
    drop(tool);
    rig.check_traffic();
    rig.finish();
}

fn statuses(run: &Run) {
    let rig = with_queues(run);
    let tool = Tool::new(&rig);
    let queue = tool.allocate(64);
    let filter = tool.set(queue, 1, VLAN_ANY, 0);
    let free = |queue| VmqFreeRequest { header: HEADER, queue, reserved: 0 };
    let clear = |queue, filter| VmqClearFilterRequest { header: HEADER, queue, filter };
    tool.refused(Code::VmqFree, &free(queue), INVALID_PARAMETER);
    tool.refused(Code::VmqFree, &free(queue + 1), INVALID_PARAMETER);
    tool.refused(Code::VmqSetFilter, &set(queue + 1, 2, VLAN_ANY, 0), INVALID_PARAMETER);
    tool.refused(Code::VmqClearFilter, &clear(queue, filter + 1), NOT_FOUND);
    tool.refused(Code::VmqClearFilter, &clear(queue, u32::MAX), NOT_FOUND);
    tool.refused(Code::VmqClearFilter, &clear(queue + 1, filter), NOT_FOUND);
    // Some filters look at the VLAN, or none does.
    tool.refused(Code::VmqSetFilter, &set(queue, 2, VLAN_ID, 7), NOT_SUPPORTED);
    let others: Vec<u32> = (0..6).map(|_| tool.allocate(64)).collect();
    let allocate = VmqAllocateRequest { header: HEADER, buffers: 64, reserved: 0 };
    tool.refused(Code::VmqAllocate, &allocate, UNSUCCESSFUL);
    // Another queue has these frames.
    tool.refused(Code::VmqSetFilter, &set(others[0], 1, VLAN_ANY, 0), INVALID_PARAMETER);
    tool.clear(queue, filter);
    tool.refused(Code::VmqClearFilter, &clear(queue, filter), NOT_FOUND);
    others.into_iter().chain([queue]).for_each(|queue| tool.free(queue));
    tool.refused(Code::VmqFree, &free(queue), INVALID_PARAMETER);
    drop(tool);
    rig.finish();
}

/// Without the keyword everything is told and nothing is given.
fn off(run: &Run) {
    let rig = Rig::up(rig::builder(run));
    let tool = Tool::new(&rig);
    let caps = tool.capabilities();
    assert_eq!((caps.enabled, caps.owner), (0, 0));
    let allocate = VmqAllocateRequest { header: HEADER, buffers: 0, reserved: 0 };
    tool.refused(Code::VmqAllocate, &allocate, NOT_SUPPORTED);
    assert_eq!(tool.capabilities().owner, 0, "who got nothing is no owner");
    drop(tool);
    rig.finish();
}

/// A tool's queue goes on after D3.
fn power(run: &Run) {
    let mut rig = with_queues(run);
    let tool = Tool::new(&rig);
    let queue = tool.allocate(64);
    tool.set(queue, 1, VLAN_UNTAGGED_OR_ZERO, 0);
    for _ in 0..3 {
        tool.check(&rig, queue, 1, None, 20);
        rig.d3().unwrap();
        rig.d0().unwrap();
        rig.wait_link(true, rig::LINK).unwrap();
    }
    tool.check(&rig, queue, 1, None, 20);
    drop(tool);
    // Removal frees what is left.
    rig.finish();
}

/// The device goes with queues of a tool: nothing is left, and who asks is told.
fn removal(run: &Run) {
    let mut rig = with_queues(run);
    let tool = Tool::new(&rig);
    let queue = tool.allocate(64);
    tool.set(queue, 1, VLAN_UNTAGGED_OR_ZERO, 0);
    tool.allocate(64);
    drop(tool);
    rig.surprise_remove().unwrap();
    rig.finish();
}

/// The queues are a kernel consumer's or a tool's, never both.
fn kernel_consumer(run: &Run) {
    let rig = with_queues(run);
    let tool = Tool::new(&rig);
    let interface = Interface::of(&rig).unwrap_or_else(|e| panic!("{e}"));
    let hold = Hold { packets: 0, in_callback: true };
    let queue = tool.allocate(64);
    let refused = interface.open(Collected::new().1, hold, 1).err();
    assert_eq!(refused, Some(ndis_sys::NDIS_STATUS_NOT_ACCEPTED));
    tool.free(queue);

    let switch = interface.open(Collected::new().1, hold, 1).unwrap_or_else(|status| panic!("{status:#x}"));
    assert_eq!(tool.capabilities().owner, 1);
    let allocate = VmqAllocateRequest { header: HEADER, buffers: 0, reserved: 0 };
    tool.refused(Code::VmqAllocate, &allocate, SHARING_VIOLATION);
    let own = switch.allocate(64).unwrap();
    tool.refused(Code::VmqFree, &VmqFreeRequest { header: HEADER, queue: own, reserved: 0 }, SHARING_VIOLATION);
    assert_eq!(tool.queue(own).state, PAUSED);
    switch.drop_queue(own).unwrap_or_else(|e| panic!("{e}"));
    switch.end().unwrap_or_else(|e| panic!("{e}"));
    // Of a tool's queues no consumer knows when their DMA stops.
    rig.adapter().set_queue_witness(None);
    assert_eq!(tool.capabilities().owner, 0);
    assert_eq!(tool.allocate(64), 1);
    tool.free(1);
    drop(interface);
    drop(tool);
    rig.finish();
}
