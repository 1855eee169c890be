//! Memory that the adapter writes and a receive queue's consumer reads: allocated and freed by the driver, watched by
//! NDIS, which is told of the queue's state and of its packets by a [`Witness`].

use crate::token;
use lab_kernel::dma::{DmaBlock, alloc_contiguous};
use lab_kernel::rules;
use lab_kmdf::Bus;
use ndis_sys::_NDIS_SHARED_MEMORY_USAGE::{NdisSharedMemoryUsageMax, NdisSharedMemoryUsageUndefined};
use ndis_sys::{
    MM_ANY_NODE_OK, NDIS_DEFAULT_RECEIVE_QUEUE_ID, NDIS_DEFAULT_VPORT_ID, NDIS_HANDLE, NDIS_OBJECT_TYPE_DEFAULT,
    NDIS_RECEIVE_QUEUE_ID, NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS, NDIS_SHARED_MEMORY_PARAMETERS,
    NDIS_SHARED_MEMORY_PARAMETERS_REVISION_1, NDIS_SHARED_MEMORY_PARAMETERS_REVISION_2,
    NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_1, NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2, NDIS_STATUS,
    NDIS_STATUS_FAILURE, NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS,
    SCATTER_GATHER_ELEMENT, SCATTER_GATHER_LIST,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

rules! {
    SHARED_MEMORY_ADAPTER: "Shared memory is allocated and freed with the handle that NetAdapterWdmGetNdisHandle returned, while the adapter lives", "DDI ndis NdisAllocateSharedMemory, NdisFreeSharedMemory: NdisHandle";
    SHARED_MEMORY_HEADER: "NDIS_SHARED_MEMORY_PARAMETERS has type NDIS_OBJECT_TYPE_DEFAULT, revision 1 or 2 and that revision's size", "DDI ndis NDIS_SHARED_MEMORY_PARAMETERS: Header";
    SHARED_MEMORY_POINTERS: "Parameters, handle and scatter-gather list are not null", "DDI ndis NdisAllocateSharedMemory; NDIS_SHARED_MEMORY_PARAMETERS: SGListBuffer";
    SHARED_MEMORY_FLAGS: "Only NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS is set in Flags", "DDI ndis NDIS_SHARED_MEMORY_PARAMETERS: Flags";
    SHARED_MEMORY_LENGTH: "The length of shared memory is not zero", "DDI ndis NDIS_SHARED_MEMORY_PARAMETERS: Length";
    SHARED_MEMORY_USAGE: "The usage of shared memory is one of NDIS_SHARED_MEMORY_USAGE", "DDI ndis NDIS_SHARED_MEMORY_PARAMETERS: Usage";
    SHARED_MEMORY_NODE: "PreferredNode is a node of the machine or MM_ANY_NODE_OK", "DDI ndis NDIS_SHARED_MEMORY_PARAMETERS: PreferredNode";
    SHARED_MEMORY_VPORT: "A driver of VM queues leaves VPortId zero", "DDI ndis NDIS_SHARED_MEMORY_PARAMETERS: VPortId";
    SHARED_MEMORY_LIST: "SGListBuffer has room for the list: one element if contiguous, else one for each page", "DDI ndis NDIS_SHARED_MEMORY_PARAMETERS: SGListBufferLength";
    SHARED_MEMORY_FREE_ONCE: "NdisFreeSharedMemory gets a handle of memory that is not freed", "DDI ndis NdisFreeSharedMemory: AllocationHandle";
    SHARED_MEMORY_DMA_STOPPED: "Memory of a queue is freed after the queue's DmaStopped indication", "contract.md 3.4 item 5; Microsoft docs network/oid-receive-filter-free-queue";
    SHARED_MEMORY_PACKETS_BACK: "Memory of a queue is freed when every indicated packet of it is back", "contract.md 3.4 item 5; Microsoft docs network/freeing-a-vm-queue";
    SHARED_MEMORY_NO_LEAK: "An adapter that goes away has freed its shared memory", "DDI ndis NdisAllocateSharedMemory: Remarks";
}

const PAGE: usize = 4096;
/// What shared memory holds when it is new: nothing promises zeros.
const FRESH: u8 = 0xA5;

/// What the consumer of an adapter's queues knows, and NDIS would see by itself. Called at PASSIVE_LEVEL.
pub trait Witness: Send + Sync {
    /// The queue's DmaStopped indication came since it was allocated, or its device is going away.
    fn dma_is_stopped(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> bool;
    /// Packets of the queue that are not returned.
    fn packets_out(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> usize;
}

/// One allocation.
struct Block {
    adapter: usize,
    queue: NDIS_RECEIVE_QUEUE_ID,
    usage: i32,
    memory: DmaBlock,
    /// Bus addresses and lengths.
    mapped: Vec<(u64, u64)>,
}

/// A live adapter, by its NDIS handle.
struct Adapter {
    bus: Arc<dyn Bus>,
    witness: Option<Arc<dyn Witness>>,
}

struct State {
    adapters: BTreeMap<usize, Adapter>,
    blocks: BTreeMap<usize, Block>,
    /// Of adapters that are gone.
    leaked: Vec<Block>,
}

static STATE: Mutex<State> =
    Mutex::new(State { adapters: BTreeMap::new(), blocks: BTreeMap::new(), leaked: Vec::new() });

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An adapter exists; its NDIS handle.
pub(crate) fn adapter_created(bus: Arc<dyn Bus>) -> usize {
    let handle = token::new();
    state().adapters.insert(handle, Adapter { bus, witness: None });
    handle
}

/// The adapter of this handle is gone. What it has not freed stays mapped, for ever: the device may still write there.
pub(crate) fn adapter_destroyed(handle: usize) {
    let mut state = state();
    state.adapters.remove(&handle);
    let left: Vec<usize> = state.blocks.iter().filter(|(_, b)| b.adapter == handle).map(|(key, _)| *key).collect();
    let left: Vec<Block> = left.iter().filter_map(|key| state.blocks.remove(key)).collect();
    let what: Vec<String> = left.iter().map(Block::to_string).collect();
    state.leaked.extend(left);
    drop(state);
    SHARED_MEMORY_NO_LEAK.check(what.is_empty(), || what.join(", "));
}

/// From now on, and until `None`, frees of memory of the adapter's queues are judged by what the witness says.
pub(crate) fn set_witness(adapter: usize, witness: Option<Arc<dyn Witness>>) {
    if let Some(adapter) = state().adapters.get_mut(&adapter) {
        adapter.witness = witness;
    }
}

/// The queue's DmaStopped indication came: from now on the device's access to the queue's memory is a fault.
pub(crate) fn stop_dma(adapter: usize, queue: NDIS_RECEIVE_QUEUE_ID) {
    let state = state();
    let Some(bus) = state.adapters.get(&adapter).map(|a| a.bus.clone()) else { return };
    let ranges: Vec<(u64, u64)> = state.of_queue(adapter, queue).flat_map(|b| b.mapped.iter().copied()).collect();
    drop(state);
    if !ranges.is_empty() {
        bus.dma_revoke(&ranges);
    }
}

/// Bytes of shared memory that the queue has.
pub(crate) fn bytes_of(adapter: usize, queue: NDIS_RECEIVE_QUEUE_ID) -> usize {
    state().of_queue(adapter, queue).map(|b| b.memory.len).sum()
}

/// True if all of `address..address + len` is shared memory of the queue.
pub(crate) fn holds(adapter: usize, queue: NDIS_RECEIVE_QUEUE_ID, address: usize, len: usize) -> bool {
    state().of_queue(adapter, queue).any(|b| {
        let start = b.memory.va as usize;
        address >= start && address.saturating_add(len) <= start + b.memory.len
    })
}

/// What is allocated, also of adapters that are gone, in words.
pub fn in_use() -> Vec<String> {
    let state = state();
    state.blocks.values().chain(&state.leaked).map(Block::to_string).collect()
}

impl State {
    fn of_queue(&self, adapter: usize, queue: NDIS_RECEIVE_QUEUE_ID) -> impl Iterator<Item = &Block> {
        self.blocks.values().filter(move |b| b.adapter == adapter && b.queue == queue)
    }
}

impl std::fmt::Display for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes of shared memory of queue {}, usage {}", self.memory.len, self.queue, self.usage)
    }
}

/// NdisAllocateSharedMemory; a call that is sound ends with `failure` if there is one.
///
/// # Safety
/// The pointers are null or the driver's own, as its DDI has them.
pub(super) unsafe fn allocate(
    adapter: usize,
    parameters: *mut NDIS_SHARED_MEMORY_PARAMETERS,
    out: *mut NDIS_HANDLE,
    failure: Option<NDIS_STATUS>,
) -> NDIS_STATUS {
    if !SHARED_MEMORY_POINTERS.check(!parameters.is_null() && !out.is_null(), || format!("{parameters:p}, {out:p}")) {
        return NDIS_STATUS_INVALID_PARAMETER;
    }
    // SAFETY: not null; the caller vouches for the rest.
    let mut asked = unsafe {
        out.write(std::ptr::null_mut());
        read(parameters)
    };
    let Some(bus) = state().adapters.get(&adapter).map(|a| a.bus.clone()) else {
        SHARED_MEMORY_ADAPTER.check(false, || format!("allocated with handle {adapter:#x}"));
        return NDIS_STATUS_INVALID_PARAMETER;
    };
    SHARED_MEMORY_ADAPTER.check(true, String::new);
    if !is_sound(&asked) {
        return NDIS_STATUS_INVALID_PARAMETER;
    }
    if let Some(status) = failure {
        return status;
    }
    if !crate::options::options().shared_memory {
        return NDIS_STATUS_FAILURE;
    }
    let Some(memory) = alloc_contiguous(asked.Length as usize) else { return NDIS_STATUS_RESOURCES };
    // SAFETY: the block owns its bytes, and nobody has their address yet.
    unsafe { memory.va.write_bytes(FRESH, memory.len) };
    let bytes = memory.len.next_multiple_of(PAGE);
    let piece = if is_contiguous(&asked) { bytes } else { PAGE };
    let map = |at: usize| (bus.dma_map(memory.phys + at as u64, piece as u64, true), piece as u64);
    let mapped: Vec<(u64, u64)> = (0..bytes).step_by(piece).map(map).collect();
    let handle = token::new();
    asked.VirtualAddress = memory.va.cast();
    asked.SharedMemoryHandle = handle as NDIS_HANDLE;
    // SAFETY: `is_sound` found room for a list of this many elements, and the caller vouches for the pointers.
    unsafe {
        write_list(asked.SGListBuffer, &mapped, memory.len);
        (*parameters).VirtualAddress = asked.VirtualAddress;
        (*parameters).SharedMemoryHandle = asked.SharedMemoryHandle;
        out.write(handle as NDIS_HANDLE);
    }
    let block = Block { adapter, queue: asked.QueueId, usage: asked.Usage, memory, mapped };
    state().blocks.insert(handle, block);
    NDIS_STATUS_SUCCESS
}

/// NdisFreeSharedMemory.
pub(super) fn free(adapter: usize, handle: usize) {
    let Some(block) = state().blocks.remove(&handle) else {
        SHARED_MEMORY_FREE_ONCE.check(false, || format!("handle {handle:#x}"));
        return;
    };
    SHARED_MEMORY_FREE_ONCE.check(true, String::new);
    SHARED_MEMORY_ADAPTER.check(block.adapter == adapter, || format!("freed with handle {adapter:#x}"));
    let owner = state().adapters.get(&block.adapter).map(|a| (a.bus.clone(), a.witness.clone()));
    // A block of an adapter that is gone is in the list of leaks, not here.
    let Some((bus, witness)) = owner else { return };
    if let Some(witness) = witness.filter(|_| block.queue != NDIS_DEFAULT_RECEIVE_QUEUE_ID) {
        SHARED_MEMORY_DMA_STOPPED.check(witness.dma_is_stopped(block.queue), || block.to_string());
        let out = witness.packets_out(block.queue);
        SHARED_MEMORY_PACKETS_BACK.check(out == 0, || format!("{block}, with {out} packets out"));
    }
    // A device that still writes there hits nothing: the number of a mapping comes back as late as possible.
    bus.dma_revoke(&block.mapped);
    block.mapped.iter().for_each(|&(logical, len)| bus.dma_unmap(logical, len));
}

/// The parameters as far as their revision has them.
///
/// # Safety
/// `parameters` points to a structure of the size that its header says, at least of revision 1.
unsafe fn read(parameters: *const NDIS_SHARED_MEMORY_PARAMETERS) -> NDIS_SHARED_MEMORY_PARAMETERS {
    let mut copy = NDIS_SHARED_MEMORY_PARAMETERS::default();
    // SAFETY: the caller vouches for the structure.
    unsafe {
        let size = usize::from((*parameters).Header.Size).min(size_of_val(&copy));
        let size = size.max(usize::from(NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_1));
        (&raw mut copy).cast::<u8>().copy_from_nonoverlapping(parameters.cast(), size);
    }
    copy
}

fn is_contiguous(asked: &NDIS_SHARED_MEMORY_PARAMETERS) -> bool {
    asked.Flags & NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS != 0
}

fn is_sound(asked: &NDIS_SHARED_MEMORY_PARAMETERS) -> bool {
    let header = asked.Header;
    let size = match header.Revision {
        NDIS_SHARED_MEMORY_PARAMETERS_REVISION_1 => Some(NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_1),
        NDIS_SHARED_MEMORY_PARAMETERS_REVISION_2 => Some(NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2),
        _ => None,
    };
    let known_usage = asked.Usage > NdisSharedMemoryUsageUndefined && asked.Usage < NdisSharedMemoryUsageMax;
    let elements = if is_contiguous(asked) { 1 } else { (asked.Length as usize).div_ceil(PAGE) };
    let list = list_bytes(elements);
    let room = asked.SGListBufferLength as usize;
    SHARED_MEMORY_HEADER.check(header.Type == NDIS_OBJECT_TYPE_DEFAULT && size == Some(header.Size), || {
        format!("type {}, revision {}, size {}", header.Type, header.Revision, header.Size)
    }) && SHARED_MEMORY_POINTERS.check(!asked.SGListBuffer.is_null(), || "SGListBuffer".into())
        && SHARED_MEMORY_FLAGS
            .check(asked.Flags & !NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS == 0, || format!("{:#x}", asked.Flags))
        && SHARED_MEMORY_LENGTH.check(asked.Length > 0, || "length 0".into())
        && SHARED_MEMORY_USAGE.check(known_usage, || format!("usage {}", asked.Usage))
        && SHARED_MEMORY_NODE
            .check([0, MM_ANY_NODE_OK].contains(&asked.PreferredNode), || format!("node {:#x}", asked.PreferredNode))
        && SHARED_MEMORY_VPORT.check(asked.VPortId == NDIS_DEFAULT_VPORT_ID, || format!("VPort {}", asked.VPortId))
        && SHARED_MEMORY_LIST.check(room >= list, || format!("{room} bytes for {elements} elements, which need {list}"))
}

/// Bytes of a scatter-gather list.
fn list_bytes(elements: usize) -> usize {
    std::mem::offset_of!(SCATTER_GATHER_LIST, Elements) + elements * size_of::<SCATTER_GATHER_ELEMENT>()
}

/// # Safety
/// `list` has room for as many elements as `mapped` has.
unsafe fn write_list(list: *mut SCATTER_GATHER_LIST, mapped: &[(u64, u64)], mut left: usize) {
    // SAFETY: the caller vouches for the room.
    unsafe {
        (&raw mut (*list).NumberOfElements).write_unaligned(mapped.len() as u32);
        (&raw mut (*list).Reserved).write_unaligned(0);
        let first = (&raw mut (*list).Elements).cast::<SCATTER_GATHER_ELEMENT>();
        for (i, &(logical, bytes)) in mapped.iter().enumerate() {
            let length = left.min(bytes as usize);
            left -= length;
            let mut element = SCATTER_GATHER_ELEMENT { Length: length as u32, ..Default::default() };
            element.Address.QuadPart = logical as i64;
            first.add(i).write_unaligned(element);
        }
    }
}
