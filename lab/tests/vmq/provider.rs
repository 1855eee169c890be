//! A provider of VM queues in software. Its right self keeps every rule; a case name makes it break one.
#![allow(clippy::missing_safety_doc, reason = "the callbacks of an interface")]

use igbcx_interface::*;
use lab_kernel::cpu;
use ndis_sys::*;
use netcx_lab::vmq::{Memory, Table};
use std::collections::BTreeMap;
use std::ptr::null_mut;
use std::sync::{Arc, Mutex, MutexGuard};
use wdk_sys::PVOID;

/// Bytes of a queue's memory, and of each buffer in it.
const MEMORY: usize = 64 << 10;
const BUFFER: usize = 2048;

struct Queue {
    filters: BTreeMap<u32, ([u8; 6], Option<u16>)>,
    complete: bool,
    stopped: bool,
    /// Address of the memory; it is leaked, so that a defect cannot crash the test.
    memory: usize,
    next_buffer: usize,
    out: usize,
    freeing: usize,
}

#[derive(Default)]
struct State {
    consumer: IGBCX_VMQ_CONSUMER,
    queues: BTreeMap<u32, Queue>,
    next: u32,
    last_packet: usize,
    /// The last request that ended.
    ended: usize,
    /// Memory of a queue that was freed, for the defect that keeps it.
    kept: Option<u32>,
}
// SAFETY: touched by the test's thread only.
unsafe impl Send for State {}

pub struct Provider {
    case: String,
    state: Mutex<State>,
}

struct MemoryOf(&'static Provider);

impl Memory for MemoryOf {
    fn is_queue_memory(&self, queue: u32, address: usize, len: usize) -> bool {
        let state = self.0.state();
        state
            .queues
            .get(&queue)
            .is_some_and(|q| q.memory != 0 && address >= q.memory && address + len <= q.memory + MEMORY)
    }

    fn queue_memory(&self, queue: u32) -> usize {
        let state = self.0.state();
        let live = state.queues.get(&queue).is_some_and(|q| q.memory != 0);
        if live || state.kept == Some(queue) { MEMORY } else { 0 }
    }

    fn stop_queue_dma(&self, queue: u32) {
        if let Some(queue) = self.0.state().queues.get_mut(&queue) {
            queue.stopped = true;
        }
    }
}

impl Provider {
    pub fn new(case: &str) -> &'static Provider {
        Box::leak(Box::new(Provider { case: case.to_owned(), state: Mutex::default() }))
    }

    pub fn is(&self, case: &str) -> bool {
        self.case == case
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn memory(&'static self) -> Arc<dyn Memory> {
        Arc::new(MemoryOf(self))
    }

    pub fn table(&'static self) -> Table {
        let table = IGBCX_VMQ_INTERFACE {
            Size: size_of::<IGBCX_VMQ_INTERFACE>() as u16,
            Version: IGBCX_VMQ_INTERFACE_VERSION,
            Context: std::ptr::from_ref(self).cast_mut().cast(),
            Open: Some(open),
            Close: Some(close),
            Oid: Some(oid),
            CancelOid: Some(cancel_oid),
            ReturnPackets: Some(return_packets),
            ..Default::default()
        };
        // SAFETY: this provider, which is never freed.
        unsafe { Table::of_provider(table) }
    }

    /// Frames of a queue, as one chain.
    pub fn indicate(&self, queue: u32, mut frames: Vec<Vec<u8>>) {
        if self.is("order") {
            frames.reverse();
        }
        if self.is("wrong_mac") {
            frames[0][5] ^= 1;
        }
        if self.is("wrong_vlan") {
            frames[0][15] ^= 1;
        }
        let again = self.state().last_packet as *mut IGBCX_VMQ_PACKET;
        if self.is("packet_twice") && !again.is_null() {
            let consumer = self.state().consumer;
            // SAFETY: the consumer's callback, with a packet of before, which is leaked.
            unsafe {
                (*again).Next = null_mut();
                consumer.Receive.unwrap()(consumer.Context, queue, again, 1);
            }
        }
        let (first, count, consumer) = {
            let mut state = self.state();
            let mut next = null_mut();
            let count = frames.len();
            for frame in frames.iter().rev() {
                next = self.packet(&mut state, queue, frame, next);
            }
            (next, count as u32, state.consumer)
        };
        let count = match self.case.as_str() {
            "count_less" => count - 1,
            "count_more" => count + 1,
            "count_none" => 0,
            _ => count,
        };
        let queue = if self.is("unknown_queue") { 99 } else { queue };
        let before = if self.is("callback_irql") { cpu::raise_irql(5) } else { cpu::irql() };
        // SAFETY: the consumer's callback, with a chain of packets.
        unsafe { consumer.Receive.unwrap()(consumer.Context, queue, first, count) };
        cpu::lower_irql(before);
    }

    fn packet(&self, state: &mut State, id: u32, frame: &[u8], next: *mut IGBCX_VMQ_PACKET) -> *mut IGBCX_VMQ_PACKET {
        let queue = state.queues.get_mut(&id).expect("indicated for a queue that is there");
        queue.out += 1;
        let mut data = queue.memory + queue.next_buffer * BUFFER;
        queue.next_buffer = (queue.next_buffer + 1) % (MEMORY / BUFFER);
        if queue.memory == 0 || self.is("packet_elsewhere") {
            data = Box::leak(Box::new([0_u8; BUFFER])).as_ptr() as usize;
        }
        // SAFETY: a buffer of the queue's memory, or one of its own, that holds any frame.
        unsafe { (data as *mut u8).copy_from_nonoverlapping(frame.as_ptr(), frame.len()) };
        let mut packet = IGBCX_VMQ_PACKET {
            Next: next,
            QueueId: id,
            FilterId: queue.filters.keys().next().copied().unwrap_or(0),
            Data: data as *const u8,
            Length: frame.len() as u32,
            ..Default::default()
        };
        match self.case.as_str() {
            "packet_queue" => packet.QueueId += 1,
            "packet_reserved" => packet.Reserved[1] = 1,
            "packet_flags" => packet.Flags = 2,
            "packet_tag" => packet.VlanTag = 1,
            "packet_short" => packet.Length = 13,
            "wrong_filter" => packet.FilterId += 55,
            _ => {}
        }
        let made = Box::into_raw(Box::new(packet));
        state.last_packet = made as usize;
        made
    }

    /// Before the allocation is complete.
    pub fn indicate_early(&self, queue: u32) {
        if self.is("not_complete") {
            self.indicate(queue, vec![vec![2; 60]]);
        }
        if self.is("stopped_unasked") {
            self.stop(queue);
        }
    }

    /// While packets are held.
    pub fn between(&self) {
        let (last, ended, consumer) = {
            let state = self.state();
            (state.last_packet as *mut IGBCX_VMQ_PACKET, state.ended, state.consumer)
        };
        // SAFETY: a packet and a request of before: the packet is leaked, the request is kept by the consumer.
        unsafe {
            match self.case.as_str() {
                "packet_changed" => (*last).Length -= 1,
                "data_changed" => ((*last).Data.cast_mut()).write(0xEE),
                "written_late" => (*(ended as *mut NDIS_OID_REQUEST)).RequestId = null_mut(),
                "complete_unpended" => {
                    consumer.OidComplete.unwrap()(consumer.Context, ended as *mut NDIS_OID_REQUEST, 0);
                }
                "memory_gone" => self.state().queues.values_mut().for_each(|q| q.memory = 0),
                _ => {}
            }
        }
    }

    /// After the last filter was cleared.
    pub fn indicate_late(&self, queue: u32) {
        if self.is("no_filter") {
            self.indicate(queue, vec![vec![2; 60]]);
        }
    }

    pub fn after_close(&self) {
        if self.is("callback_after_close") {
            let consumer = self.state().consumer;
            let indication = NDIS_STATUS_INDICATION {
                Header: header(NDIS_OBJECT_TYPE_STATUS_INDICATION, 1, 112),
                StatusCode: NDIS_STATUS_LINK_STATE,
                ..Default::default()
            };
            // SAFETY: the consumer's callback.
            unsafe { consumer.Status.unwrap()(consumer.Context, &indication) };
        }
    }

    /// The DmaStopped indication.
    fn stop(&self, queue: u32) {
        let consumer = self.state().consumer;
        let mut state = NDIS_RECEIVE_QUEUE_STATE {
            Header: header(NDIS_OBJECT_TYPE_DEFAULT, 1, 16),
            QueueId: queue,
            QueueState: 3,
            ..Default::default()
        };
        let kind =
            if self.is("indication_header") { NDIS_OBJECT_TYPE_DEFAULT } else { NDIS_OBJECT_TYPE_STATUS_INDICATION };
        let indication = NDIS_STATUS_INDICATION {
            Header: header(kind, 1, 112),
            StatusCode: NDIS_STATUS_RECEIVE_QUEUE_STATE,
            StatusBuffer: (&raw mut state).cast(),
            StatusBufferSize: if self.is("indication_short") { 12 } else { 16 },
            ..Default::default()
        };
        let pointer = if self.is("indication_null") { std::ptr::null() } else { &raw const indication };
        // SAFETY: the consumer's callback.
        unsafe { consumer.Status.unwrap()(consumer.Context, pointer) };
    }

    fn free_queue(&self, id: u32, request: *mut NDIS_OID_REQUEST) -> NDIS_STATUS {
        if self.is("free_fails") {
            return NDIS_STATUS_FAILURE;
        }
        if !self.is("never_stopped") {
            self.stop(id);
        }
        if self.is("stopped_twice") {
            self.stop(id);
        }
        if self.is("after_stop") {
            self.indicate(id, vec![vec![2; 60]]);
        }
        let mut state = self.state();
        let Some(queue) = state.queues.get_mut(&id) else { return NDIS_STATUS_INVALID_PARAMETER };
        if queue.out > 0 && !self.is("free_too_early") {
            queue.freeing = request as usize;
            return NDIS_STATUS_PENDING;
        }
        self.remove(&mut state, id);
        NDIS_STATUS_SUCCESS
    }

    fn remove(&self, state: &mut State, id: u32) {
        state.queues.remove(&id);
        if self.is("memory_kept") {
            state.kept = Some(id);
        }
    }

    fn complete(&self, request: usize) {
        let consumer = self.state().consumer;
        let status = if self.is("complete_pending") { NDIS_STATUS_PENDING } else { NDIS_STATUS_SUCCESS };
        // SAFETY: the request is pending.
        unsafe {
            (*(request as *mut NDIS_OID_REQUEST)).DATA.SET_INFORMATION.BytesRead = 12;
            consumer.OidComplete.unwrap()(consumer.Context, request as *mut NDIS_OID_REQUEST, status);
            if self.is("complete_twice") {
                consumer.OidComplete.unwrap()(consumer.Context, request as *mut NDIS_OID_REQUEST, status);
            }
        }
    }
}

fn header(kind: u8, revision: u8, size: u16) -> NDIS_OBJECT_HEADER {
    NDIS_OBJECT_HEADER { Type: kind, Revision: revision, Size: size }
}

unsafe fn provider(context: PVOID) -> &'static Provider {
    // SAFETY: the context of the table.
    unsafe { &*context.cast::<Provider>() }
}

unsafe extern "win64" fn open(context: PVOID, consumer: *const IGBCX_VMQ_CONSUMER) -> NDIS_STATUS {
    // SAFETY: the consumer's structure.
    unsafe { provider(context).state().consumer = *consumer };
    NDIS_STATUS_SUCCESS
}

unsafe extern "win64" fn close(context: PVOID) -> NDIS_STATUS {
    // SAFETY: the context of the table.
    let provider = unsafe { provider(context) };
    if provider.state().queues.is_empty() || provider.is("close_with_queue") {
        NDIS_STATUS_SUCCESS
    } else {
        NDIS_STATUS_NOT_ACCEPTED
    }
}

unsafe extern "win64" fn cancel_oid(_context: PVOID, _id: PVOID) {}

unsafe extern "win64" fn return_packets(context: PVOID, mut packet: *mut IGBCX_VMQ_PACKET) {
    // SAFETY: the context of the table.
    let provider = unsafe { provider(context) };
    let mut done = Vec::new();
    while !packet.is_null() {
        // SAFETY: a chain of packets of this provider; they are leaked.
        let (id, next) = unsafe { ((*packet).QueueId, (*packet).Next) };
        let mut state = provider.state();
        if let Some(queue) = state.queues.get_mut(&id) {
            queue.out = queue.out.saturating_sub(1);
            if queue.out == 0 && queue.freeing != 0 {
                done.push(queue.freeing);
                provider.remove(&mut state, id);
            }
        }
        packet = next;
    }
    done.into_iter().for_each(|request| provider.complete(request));
}

unsafe extern "win64" fn oid(context: PVOID, request: *mut NDIS_OID_REQUEST) -> NDIS_STATUS {
    // SAFETY: the context of the table; the consumer's request with its buffer.
    unsafe {
        let provider = provider(context);
        let status = answer(provider, request);
        if status != NDIS_STATUS_PENDING {
            provider.state().ended = request as usize;
        }
        status
    }
}

/// # Safety
/// A request whose buffer is as long as it says, with structures that are sound.
unsafe fn answer(provider: &Provider, request: *mut NDIS_OID_REQUEST) -> NDIS_STATUS {
    let is = |case: &str| provider.is(case);
    // SAFETY: the caller vouches for the request.
    unsafe {
        let method = &raw mut (*request).DATA.METHOD_INFORMATION;
        let buffer = (*method).InformationBuffer.cast::<u8>();
        match (*request).DATA.Oid {
            OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES => {
                let query = &raw mut (*request).DATA.QUERY_INFORMATION;
                let size = size_of::<NDIS_RECEIVE_FILTER_CAPABILITIES>();
                if ((*query).InformationBufferLength as usize) < size {
                    (*query).BytesNeeded = if is("nothing_needed") { 0 } else { size as u32 };
                    return NDIS_STATUS_INVALID_LENGTH;
                }
                let revision = if is("capabilities_header") { 7 } else { 2 };
                buffer.cast::<NDIS_OBJECT_HEADER>().write(header(NDIS_OBJECT_TYPE_DEFAULT, revision, 84));
                (*query).BytesWritten = if is("nothing_written") { 0 } else { size as u32 };
                if is("overrun") {
                    buffer.add(size).write_bytes(0, 8);
                }
                NDIS_STATUS_SUCCESS
            }
            OID_RECEIVE_FILTER_ALLOCATE_QUEUE => {
                let mut state = provider.state();
                state.next += 1;
                let id = if is("queue_zero") {
                    0
                } else if is("queue_twice") {
                    1
                } else {
                    state.next
                };
                (*buffer.cast::<NDIS_RECEIVE_QUEUE_PARAMETERS>()).QueueId = id;
                let memory = if is("memory_early") { memory() } else { 0 };
                let queue = Queue {
                    filters: BTreeMap::new(),
                    complete: false,
                    stopped: false,
                    memory,
                    next_buffer: 0,
                    out: 0,
                    freeing: 0,
                };
                state.queues.insert(id, queue);
                let size = size_of::<NDIS_RECEIVE_QUEUE_PARAMETERS>() as u32;
                (*method).BytesWritten = size;
                (*method).BytesRead = if is("nothing_read") { 0 } else { size };
                NDIS_STATUS_SUCCESS
            }
            OID_RECEIVE_FILTER_SET_FILTER => {
                let head = buffer.cast::<NDIS_RECEIVE_FILTER_PARAMETERS>();
                let mut state = provider.state();
                state.next += 1;
                let id = if is("filter_zero") {
                    0
                } else if is("filter_twice") {
                    50
                } else {
                    state.next
                };
                (*head).FilterId = id;
                let field = buffer.add((*head).FieldParametersArrayOffset as usize);
                let field = field.cast::<NDIS_RECEIVE_FILTER_FIELD_PARAMETERS>().read_unaligned();
                let mac = field.FieldValue.FieldByteArrayValue[..6].try_into().unwrap();
                if let Some(queue) = state.queues.get_mut(&(*head).QueueId) {
                    queue.filters.insert(id, (mac, None));
                }
                (*method).BytesRead = (*method).InputBufferLength;
                (*method).BytesWritten = NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_2.into();
                NDIS_STATUS_SUCCESS
            }
            OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE => {
                for queue in provider.state().queues.values_mut() {
                    queue.memory = memory();
                    queue.complete = true;
                }
                (*method).BytesRead = (*method).InputBufferLength;
                (*method).BytesWritten = (*method).InputBufferLength;
                NDIS_STATUS_SUCCESS
            }
            OID_RECEIVE_FILTER_CLEAR_FILTER => {
                let clear = buffer.cast::<NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS>().read();
                (*request).DATA.SET_INFORMATION.BytesRead = 16;
                let mut state = provider.state();
                let gone = state.queues.get_mut(&clear.QueueId).and_then(|q| q.filters.remove(&clear.FilterId));
                match gone {
                    Some(_) => NDIS_STATUS_SUCCESS,
                    None if is("clear_not_found_as_invalid") => NDIS_STATUS_INVALID_DATA,
                    None => NDIS_STATUS_FILE_NOT_FOUND,
                }
            }
            OID_RECEIVE_FILTER_FREE_QUEUE => {
                let free = buffer.cast::<NDIS_RECEIVE_QUEUE_FREE_PARAMETERS>().read();
                (*request).DATA.SET_INFORMATION.BytesRead = 12;
                provider.free_queue(free.QueueId, request)
            }
            _ => NDIS_STATUS_NOT_SUPPORTED,
        }
    }
}

/// Memory of a queue.
fn memory() -> usize {
    Box::leak(vec![0_u8; MEMORY].into_boxed_slice()).as_ptr() as usize
}
