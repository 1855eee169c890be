//! The consumer: what a virtual switch does with the queues of an adapter.

use super::books::{Books, Hold, Memory, Sink, Ticket};
use super::door::Table;
use super::request::{Answer, Filter, Request};
use crate::error::{Error, Status};
use crate::machine::Machine;
use lab_kernel::cpu::{self, Event};
use lab_kmdf::Exposed;
use lab_netcx::Adapter;
use lab_netcx::shared_memory::Witness;
use ndis_sys::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Lab time in which a request ends that waits for nothing.
const SOON: Duration = Duration::from_secs(5);

/// A request that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: NDIS_STATUS {status:#010x}")]
pub struct Refused {
    /// Which.
    pub what: &'static str,
    /// With what status; NDIS_STATUS_PENDING if it did not end.
    pub status: NDIS_STATUS,
}

/// A consumer that has the interface open. Copies are the same consumer; they may be used on several lab threads.
#[derive(Clone, Copy)]
pub struct Switch {
    books: &'static Books,
    /// Whose NDIS asks it about the queues' memory while it has the interface open.
    adapter: Option<&'static Adapter>,
}

/// The reference to a driver's interface. Dropping it releases it; the consumer must be closed, or its device gone.
pub struct Interface {
    table: Table,
    adapter: Option<&'static Adapter>,
    _exposed: Option<Exposed>,
}

/// The adapter's memory, as NDIS and the fence see it.
struct OfAdapter {
    adapter: &'static Adapter,
    /// Common buffers that packets of a queue lay in: all that can be known of a queue's memory that NDIS did not grant.
    buffers: Mutex<BTreeMap<NDIS_RECEIVE_QUEUE_ID, BTreeSet<usize>>>,
}

impl OfAdapter {
    fn buffers(&self) -> MutexGuard<'_, BTreeMap<NDIS_RECEIVE_QUEUE_ID, BTreeSet<usize>>> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory for OfAdapter {
    fn is_queue_memory(&self, queue: NDIS_RECEIVE_QUEUE_ID, address: usize, len: usize) -> bool {
        if self.adapter.queue_memory(queue) > 0 {
            return self.adapter.is_queue_memory(queue, address, len);
        }
        let buffer = lab_kmdf::common_buffer_at(address, len);
        self.buffers().entry(queue).or_default().extend(buffer);
        buffer.is_some()
    }

    fn queue_memory(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> usize {
        self.adapter.queue_memory(queue)
    }

    fn stop_queue_dma(&self, queue: NDIS_RECEIVE_QUEUE_ID) {
        self.adapter.stop_queue_dma(queue);
        let buffers = self.buffers().remove(&queue).unwrap_or_default();
        buffers.into_iter().for_each(lab_kmdf::revoke_common_buffer);
    }
}

impl Witness for Switch {
    fn dma_is_stopped(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> bool {
        self.books.may_lose_memory(queue)
    }

    fn packets_out(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> usize {
        self.books.packets_out(queue)
    }
}

impl Interface {
    /// IRP_MN_QUERY_INTERFACE to the machine's device.
    ///
    /// # Errors
    /// [`Error::Interface`] with the driver's status, STATUS_NOT_SUPPORTED if it has no VM queues at all;
    /// [`Error::Removed`], [`Error::NoAdapter`].
    pub fn of(machine: &Machine) -> Result<Interface, Error> {
        let (table, exposed) = Table::query(machine.device()?).map_err(|s| Error::Interface(Status(s)))?;
        let adapter = machine.adapter()?;
        Ok(Interface { table, adapter: Some(adapter), _exposed: Some(exposed) })
    }

    /// The interface of a provider that is no driver.
    pub fn of_provider(table: Table) -> Interface {
        Interface { table, adapter: None, _exposed: None }
    }

    /// The functions.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Opens the interface as the driver's consumer.
    ///
    /// # Errors
    /// The status of Open.
    pub fn open(&self, sink: Box<dyn Sink>, hold: Hold, seed: u64) -> Result<Switch, NDIS_STATUS> {
        let adapter = self.adapter.ok_or(NDIS_STATUS_FAILURE)?;
        let memory = Arc::new(OfAdapter { adapter, buffers: Mutex::default() });
        let switch = Switch { adapter: Some(adapter), ..self.open_over(memory, sink, hold, seed)? };
        adapter.set_queue_witness(Some(Arc::new(switch)));
        Ok(switch)
    }

    /// [`Interface::open`], with the queues' memory elsewhere.
    ///
    /// # Errors
    /// The status of Open.
    pub fn open_over(
        &self,
        memory: Arc<dyn Memory>,
        sink: Box<dyn Sink>,
        hold: Hold,
        seed: u64,
    ) -> Result<Switch, NDIS_STATUS> {
        let books: &'static Books = Box::leak(Box::new(Books::new(self.table, memory, sink, hold, seed)));
        match books.open() {
            NDIS_STATUS_SUCCESS => Ok(Switch { books, adapter: None }),
            status => Err(status),
        }
    }
}

impl Switch {
    /// Issues a request.
    pub fn issue(&self, request: Request) -> Ticket {
        self.books.issue(request)
    }

    /// Waits for the end of a request; `None`: it is still pending after `timeout`. The answer is given once.
    pub fn wait(&self, ticket: &Ticket, timeout: Duration) -> Option<Answer> {
        self.books.wait(ticket, timeout)
    }

    /// Issues a request and waits for its end.
    ///
    /// # Panics
    /// It does not end within 5 s of lab time.
    pub fn ask(&self, request: Request) -> Answer {
        let oid = request.oid;
        let ticket = self.issue(request);
        self.wait(&ticket, SOON).unwrap_or_else(|| panic!("{} does not end", super::statuses::name(oid)))
    }

    fn ask_for(&self, what: &'static str, request: Request) -> Result<Answer, Refused> {
        let ticket = self.issue(request);
        match self.wait(&ticket, SOON) {
            Some(answer) if answer.status == NDIS_STATUS_SUCCESS => Ok(answer),
            answer => Err(Refused { what, status: answer.map_or(NDIS_STATUS_PENDING, |a| a.status) }),
        }
    }

    /// ALLOCATE_QUEUE.
    ///
    /// # Errors
    /// [`Refused`], as of each of the following.
    pub fn allocate(&self, buffers: u32) -> Result<NDIS_RECEIVE_QUEUE_ID, Refused> {
        Ok(self.ask_for("ALLOCATE_QUEUE", Request::allocate_queue(buffers))?.queue_id())
    }

    /// QUEUE_ALLOCATION_COMPLETE; an error if it failed for one of the queues.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn complete_allocation(&self, queues: &[NDIS_RECEIVE_QUEUE_ID]) -> Result<(), Refused> {
        let what = "QUEUE_ALLOCATION_COMPLETE";
        let answer = self.ask_for(what, Request::allocation_complete(queues))?;
        match answer.completion_statuses().into_iter().find(|status| *status != NDIS_STATUS_SUCCESS) {
            Some(status) => Err(Refused { what: "CompletionStatus", status }),
            None => Ok(()),
        }
    }

    /// SET_FILTER.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn set_filter(&self, queue: NDIS_RECEIVE_QUEUE_ID, filter: Filter) -> Result<NDIS_RECEIVE_FILTER_ID, Refused> {
        Ok(self.ask_for("SET_FILTER", Request::set_filter(queue, filter))?.filter_id())
    }

    /// CLEAR_FILTER.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn clear_filter(&self, queue: NDIS_RECEIVE_QUEUE_ID, filter: NDIS_RECEIVE_FILTER_ID) -> Result<(), Refused> {
        self.ask_for("CLEAR_FILTER", Request::clear_filter(queue, filter)).map(drop)
    }

    /// CLEAR_FILTER of each filter of the queue.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn clear_filters(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> Result<(), Refused> {
        self.books.filters(queue).into_iter().try_for_each(|filter| self.clear_filter(queue, filter))
    }

    /// FREE_QUEUE, with every packet of the queue returned while it is under way. A queue that went by itself after an
    /// aborted FREE_QUEUE is free.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn free(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> Result<(), Refused> {
        let ticket = self.issue(Request::free_queue(queue));
        self.return_queue(queue);
        match self.wait(&ticket, SOON).map_or(NDIS_STATUS_PENDING, |a| a.status) {
            NDIS_STATUS_SUCCESS => Ok(()),
            NDIS_STATUS_INVALID_PARAMETER if !self.queues().contains(&queue) => Ok(()),
            status => Err(Refused { what: "FREE_QUEUE", status }),
        }
    }

    /// A queue with its filters, ready to receive.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn add_queue(&self, buffers: u32, filters: &[Filter]) -> Result<NDIS_RECEIVE_QUEUE_ID, Refused> {
        let queue = self.allocate(buffers)?;
        for filter in filters {
            self.set_filter(queue, *filter)?;
        }
        self.complete_allocation(&[queue])?;
        Ok(queue)
    }

    /// Clears the filters of a queue, frees it and returns its packets.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn drop_queue(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> Result<(), Refused> {
        self.clear_filters(queue)?;
        self.free(queue)
    }

    /// Frees every queue and closes the interface.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn end(&self) -> Result<(), Refused> {
        self.books.queues().into_iter().try_for_each(|queue| self.drop_queue(queue))?;
        match self.close() {
            NDIS_STATUS_SUCCESS => Ok(()),
            status => Err(Refused { what: "Close", status }),
        }
    }

    /// CancelOid.
    pub fn cancel(&self, id: usize) {
        self.books.cancel(id);
    }

    /// Close.
    pub fn close(&self) -> NDIS_STATUS {
        let status = self.books.close();
        if status == NDIS_STATUS_SUCCESS {
            self.go();
        }
        status
    }

    /// NDIS has nobody to ask any more.
    fn go(&self) {
        if let Some(adapter) = self.adapter {
            adapter.set_queue_witness(None);
        }
    }

    /// The device is going away: from now on its queues may end without being freed.
    pub fn leave(&self) {
        self.books.leave();
    }

    /// The device is gone, and with it what it lent: a callback from now on is a violation.
    pub fn abandon(&self) {
        self.books.abandon();
        self.go();
    }

    /// Queues that are allocated.
    pub fn queues(&self) -> Vec<NDIS_RECEIVE_QUEUE_ID> {
        self.books.queues()
    }

    /// Packets of a queue that the consumer has.
    pub fn packets_out(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> usize {
        self.books.packets_out(queue)
    }

    /// Where the packets are that the consumer has of a queue.
    pub fn packet_addresses(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> Vec<usize> {
        self.books.addresses(queue)
    }

    /// Packets indicated for a queue since it was allocated.
    pub fn indicated(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> u64 {
        self.books.indicated_for(queue)
    }

    /// The queue's DmaStopped indication came.
    pub fn is_dma_stopped(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> bool {
        self.books.dma_is_stopped(queue)
    }

    /// Another way to hold packets.
    pub fn set_hold(&self, hold: Hold) {
        self.books.set_hold(hold);
    }

    /// Returns what is above the limit of the hold.
    pub fn relax(&self) {
        self.books.relax();
    }

    /// Returns up to `count` packets of any queues, any of them in any order; how many it were.
    pub fn return_some(&self, count: usize) -> usize {
        self.books.return_packets(count, |_| true)
    }

    /// Returns every packet of a queue; how many it were.
    pub fn return_queue(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> usize {
        self.books.return_packets(usize::MAX, |q| q == queue)
    }

    /// Works on what the sink has.
    pub fn with_sink<R>(&self, f: impl FnOnce(&mut dyn Sink) -> R) -> R {
        self.books.with_sink(f)
    }

    /// Auto-reset; set when packets came.
    pub fn came(&self) -> &Event {
        self.books.came()
    }

    /// Waits until packets came; false: none did in `timeout`.
    pub fn wait_packets(&self, timeout: Duration) -> bool {
        cpu::wait_for("packets of VM queues", self.books.came(), Some(timeout))
    }
}
