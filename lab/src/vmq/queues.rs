//! The queues as the consumer knows them: what each may do, by what was asked and how it ended.

use super::books::Memory;
use super::request::{Answer, Filter, Request};
use super::rules::*;
use ndis_sys::*;
use std::collections::BTreeMap;

const ETHER_TYPE_VLAN: [u8; 2] = [0x81, 0x00];

/// A queue as the consumer knows it.
#[derive(Default)]
struct Queue {
    filters: BTreeMap<NDIS_RECEIVE_FILTER_ID, Filter>,
    /// Filters whose SET_FILTER or CLEAR_FILTER is under way: they may or may not be in force.
    changing: Vec<Filter>,
    /// Those being cleared: their numbers may be another's already.
    clearing: Vec<NDIS_RECEIVE_FILTER_ID>,
    /// QUEUE_ALLOCATION_COMPLETE ended well.
    complete: bool,
    /// It is under way.
    completing: bool,
    /// FREE_QUEUE requests under way.
    freeing: u32,
    /// FREE_QUEUE was aborted. It may go on by itself: then DmaStopped comes, and when the last packet is back the queue ends.
    aborted: bool,
    dma_stopped: bool,
    /// Packets that the consumer has.
    out: usize,
    indicated: u64,
}

/// Every queue. A change takes effect somewhere between the issue of its request and its end: in between, what was and what
/// will be are both right.
#[derive(Default)]
pub(super) struct Queues {
    live: BTreeMap<NDIS_RECEIVE_QUEUE_ID, Queue>,
    /// Queues whose number was another's before their FREE_QUEUE was seen to end.
    replaced: BTreeMap<NDIS_RECEIVE_QUEUE_ID, Queue>,
    /// The device goes away: queues end without being freed.
    leaving: bool,
}

impl Queues {
    /// The device goes away.
    pub fn leave(&mut self) {
        self.leaving = true;
    }

    /// Queues that ought to have been freed by now if the consumer is to go.
    pub fn left(&self) -> usize {
        if self.leaving { 0 } else { self.live.len() }
    }

    /// Those that are allocated.
    pub fn ids(&self) -> Vec<NDIS_RECEIVE_QUEUE_ID> {
        self.live.keys().copied().collect()
    }

    /// Filters of a queue.
    pub fn filters(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> Vec<NDIS_RECEIVE_FILTER_ID> {
        self.live.get(&queue).map(|q| q.filters.keys().copied().collect()).unwrap_or_default()
    }

    /// Packets of a queue that the consumer has.
    pub fn out(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> usize {
        self.live.get(&queue).map_or(0, |q| q.out)
    }

    /// Packets indicated for a queue since it was allocated.
    pub fn indicated(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> u64 {
        self.live.get(&queue).map_or(0, |q| q.indicated)
    }

    pub fn is_dma_stopped(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> bool {
        self.live.get(&queue).is_some_and(|q| q.dma_stopped)
    }

    /// Memory of the queue may be freed: there was no DMA yet, it is told to have stopped, or it goes with its device.
    pub fn may_lose_memory(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> bool {
        self.leaving || self.live.get(&queue).is_some_and(|q| q.dma_stopped || !q.complete)
    }

    /// DmaStopped was indicated; whether it may be.
    pub fn stopped(&mut self, queue: NDIS_RECEIVE_QUEUE_ID) -> bool {
        let leaving = self.leaving;
        self.live.get_mut(&queue).is_some_and(|q| {
            let first = !std::mem::replace(&mut q.dma_stopped, true);
            first && (q.freeing > 0 || q.aborted || leaving)
        })
    }

    /// A packet of the queue was indicated.
    pub fn came(&mut self, queue: NDIS_RECEIVE_QUEUE_ID) {
        self.queue(queue, |q| {
            q.out += 1;
            q.indicated += 1;
        });
    }

    /// A packet of the queue goes back. A queue that was freed too early may have come back under the same number.
    pub fn returned(&mut self, queue: NDIS_RECEIVE_QUEUE_ID) {
        self.queue(queue, |q| q.out = q.out.saturating_sub(1));
    }

    /// Judges whether the queue may indicate packets now.
    pub fn may_indicate(&self, id: NDIS_RECEIVE_QUEUE_ID) {
        let queue = self.live.get(&id);
        VMQ_QUEUE_KNOWN.check(queue.is_some(), || format!("queue {id}"));
        let Some(queue) = queue else { return };
        VMQ_SILENT_AFTER_DMA_STOPPED.check(!queue.dma_stopped, || format!("queue {id}"));
        let running = (queue.complete || queue.completing) && !(queue.filters.is_empty() && queue.changing.is_empty());
        VMQ_QUEUE_RUNNING.check(running, || {
            format!("queue {id}: {} filters, allocation complete: {}", queue.filters.len(), queue.complete)
        });
    }

    /// Judges whether a frame of the queue passes one of its filters, and the one that its packet names.
    pub fn check_filter(
        &self,
        queue: NDIS_RECEIVE_QUEUE_ID,
        named: NDIS_RECEIVE_FILTER_ID,
        tag: Option<u16>,
        data: &[u8],
    ) {
        if let Some(queue) = self.live.get(&queue) {
            queue.check_filter(named, tag, data);
        }
    }

    /// A request is about to be issued: what it asks for may be in force from now on.
    pub fn begin(&mut self, request: &Request) {
        match request.oid {
            OID_RECEIVE_FILTER_SET_FILTER => {
                if let Some((queue, filter)) = request.filter_to_set() {
                    self.queue(queue, |q| q.changing.push(filter));
                }
            }
            OID_RECEIVE_FILTER_CLEAR_FILTER => {
                let (queue, filter) = request.filter_to_clear();
                self.queue(queue, |q| {
                    q.changing.extend(q.filters.get(&filter).copied());
                    q.clearing.push(filter);
                });
            }
            OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE => {
                for queue in request.queues_to_complete() {
                    self.queue(queue, |q| q.completing = true);
                }
            }
            OID_RECEIVE_FILTER_FREE_QUEUE => self.queue(request.queue_to_free(), |q| q.freeing += 1),
            _ => {}
        }
    }

    fn queue(&mut self, id: NDIS_RECEIVE_QUEUE_ID, change: impl FnOnce(&mut Queue)) {
        if let Some(queue) = self.live.get_mut(&id) {
            change(queue);
        }
    }

    /// A request has ended.
    pub fn end(&mut self, memory: &dyn Memory, request: &Request, answer: &Answer) {
        let ok = answer.status == NDIS_STATUS_SUCCESS;
        match request.oid {
            OID_RECEIVE_FILTER_ALLOCATE_QUEUE if ok => self.allocated(memory, answer.queue_id()),
            OID_RECEIVE_FILTER_SET_FILTER => {
                let Some((queue, filter)) = request.filter_to_set() else { return };
                self.queue(queue, |q| q.settle(filter));
                if ok {
                    self.filter_set(queue, answer.filter_id(), filter);
                }
            }
            OID_RECEIVE_FILTER_CLEAR_FILTER => {
                let (queue, id) = request.filter_to_clear();
                self.queue(queue, |q| {
                    q.clearing.retain(|clearing| *clearing != id);
                    let filter = if ok { q.filters.remove(&id) } else { q.filters.get(&id).copied() };
                    filter.into_iter().for_each(|filter| q.settle(filter));
                });
            }
            OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE => {
                let statuses = answer.completion_statuses();
                for (i, queue) in request.queues_to_complete().into_iter().enumerate() {
                    let done = ok && statuses.get(i) == Some(&NDIS_STATUS_SUCCESS);
                    self.queue(queue, |q| {
                        q.completing = false;
                        q.complete |= done;
                    });
                }
            }
            OID_RECEIVE_FILTER_FREE_QUEUE if ok => self.freed(memory, request.queue_to_free()),
            OID_RECEIVE_FILTER_FREE_QUEUE => {
                let (id, status) = (request.queue_to_free(), answer.status);
                self.queue(id, |q| {
                    q.aborted |= status == NDIS_STATUS_REQUEST_ABORTED;
                    q.freeing = q.freeing.saturating_sub(1);
                });
                // A queue whose FREE_QUEUE was aborted has ended by itself.
                self.live.retain(|q, of| *q != id || !of.aborted || status != NDIS_STATUS_INVALID_PARAMETER);
            }
            _ => {}
        }
    }

    fn allocated(&mut self, memory: &dyn Memory, id: NDIS_RECEIVE_QUEUE_ID) {
        let may_have_ended = |q: &Queue| (q.aborted || q.freeing > 0) && q.dma_stopped && q.out == 0;
        let fresh = id != NDIS_DEFAULT_RECEIVE_QUEUE_ID && self.live.get(&id).is_none_or(may_have_ended);
        VMQ_QUEUE_ID.check(fresh, || format!("queue {id}"));
        let bytes = memory.queue_memory(id);
        VMQ_MEMORY_AT_COMPLETION.check(bytes == 0, || format!("{bytes} bytes for queue {id}"));
        if let Some(old) = self.live.insert(id, Queue::default()).filter(|q| q.freeing > 0) {
            self.replaced.insert(id, old);
        }
    }

    fn filter_set(&mut self, queue: NDIS_RECEIVE_QUEUE_ID, id: NDIS_RECEIVE_FILTER_ID, filter: Filter) {
        let known = self.live.values().any(|q| q.filters.contains_key(&id) && !q.clearing.contains(&id));
        VMQ_FILTER_ID.check(id != NDIS_DEFAULT_RECEIVE_FILTER_ID && !known, || format!("filter {id}"));
        self.queue(queue, |q| {
            q.filters.insert(id, filter);
        });
    }

    fn freed(&mut self, memory: &dyn Memory, id: NDIS_RECEIVE_QUEUE_ID) {
        let replaced = self.replaced.remove(&id);
        let bytes = if replaced.is_some() { 0 } else { memory.queue_memory(id) };
        let Some(queue) = replaced.or_else(|| self.live.remove(&id)) else { return };
        VMQ_FREE_AFTER_DMA_STOPPED.check(queue.dma_stopped, || format!("queue {id}"));
        VMQ_FREE_AFTER_LAST_RETURN.check(queue.out == 0, || format!("queue {id}: {} packets are out", queue.out));
        VMQ_MEMORY_FREED.check(bytes == 0, || format!("queue {id}: {bytes} bytes are left"));
    }
}

impl Queue {
    /// A filter's request has ended.
    fn settle(&mut self, filter: Filter) {
        if let Some(at) = self.changing.iter().position(|f| *f == filter) {
            self.changing.swap_remove(at);
        }
    }

    /// The frame passes a filter of the queue, and the one that the packet names.
    fn check_filter(&self, named: NDIS_RECEIVE_FILTER_ID, tag: Option<u16>, data: &[u8]) {
        let inline =
            || (data[12..14] == ETHER_TYPE_VLAN && data.len() >= 16).then(|| u16::from_be_bytes([data[14], data[15]]));
        let vlan = tag.or_else(inline).map(|tci| tci & 0xFFF);
        let matches = |filter: &Filter| filter.matches(&data[..6], vlan);
        let of_a_change = self.changing.iter().any(matches);
        let known = match self.filters.get(&named) {
            Some(filter) => matches(filter),
            None => named == NDIS_DEFAULT_RECEIVE_FILTER_ID || !self.changing.is_empty(),
        };
        let right = known && (of_a_change || self.filters.values().any(matches));
        VMQ_FILTER_MATCHES.check(right, || format!("frame to {:02x?}, VLAN {vlan:?}, filter {named}", &data[..6]));
    }
}
