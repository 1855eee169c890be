//! The consumer's books, and the judge over them: every callback and every answer is checked against what was asked.

use super::door::{Fields, Indication, Live, Packet, Table};
use super::queues::Queues;
use super::request::{Answer, Request};
use super::rules::*;
use super::statuses;
use crate::random::Random;
use igbcx_interface::IGBCX_VMQ_PACKET_VLAN_STRIPPED;
use lab_kernel::cpu::{self, Event};
use ndis_sys::_NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE::NdisReceiveQueueOperationalStateDmaStopped;
use ndis_sys::*;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Ended requests that are kept to see whether the provider still writes them.
const BURIED: usize = 32;
/// Bytes of an Ethernet header.
const HEADER: u32 = 14;

/// Where the memory of queues is, and the fence before it.
pub trait Memory: Send + Sync {
    /// All of it is memory of the queue.
    fn is_queue_memory(&self, queue: NDIS_RECEIVE_QUEUE_ID, address: usize, len: usize) -> bool;
    /// Bytes of shared memory that the queue has.
    fn queue_memory(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> usize;
    /// The device's access to the queue's memory is a fault from now on.
    fn stop_queue_dma(&self, queue: NDIS_RECEIVE_QUEUE_ID);
}

/// Takes the frames of the queues. Called at up to DISPATCH_LEVEL; it does not call the provider.
pub trait Sink: Send {
    /// A frame of `queue`, whole: a tag that the adapter took out is `tag`.
    fn frame(&mut self, queue: NDIS_RECEIVE_QUEUE_ID, tag: Option<u16>, data: &[u8]);
}

/// How long packets are held.
#[derive(Clone, Copy, Debug)]
pub struct Hold {
    /// As many are kept; of more, any are returned.
    pub packets: usize,
    /// Surplus packets are returned inside Receive, instead of waiting for [`Switch::relax`](super::Switch::relax).
    pub in_callback: bool,
}

/// A packet with what it was when it came.
struct Held {
    packet: Packet,
    /// The queue it was indicated for.
    queue: NDIS_RECEIVE_QUEUE_ID,
    fields: Fields,
    digest: u64,
}

/// A request that has not ended.
struct Issued {
    live: Live,
    request: Request,
    number: u64,
    done: Event,
}

struct State {
    queues: Queues,
    held: Vec<Held>,
    /// Addresses of the packets that are held.
    owned: HashSet<usize>,
    requests: BTreeMap<usize, Issued>,
    /// Requests issued so far.
    issued: u64,
    answers: BTreeMap<u64, Answer>,
    buried: VecDeque<Live>,
    sink: Box<dyn Sink>,
    hold: Hold,
    random: Random,
    closed: bool,
}

/// Everything the consumer knows. Never freed: a provider that calls too late is to be heard.
pub struct Books {
    table: Table,
    memory: Arc<dyn Memory>,
    /// Set when packets came.
    came: Event,
    state: Mutex<State>,
}

/// A request that was issued; it may have ended.
pub struct Ticket {
    number: u64,
    done: Event,
    /// Oid answered NDIS_STATUS_PENDING.
    pub pended: bool,
}

impl Ticket {
    /// It has ended.
    pub fn is_done(&self) -> bool {
        self.done.is_set()
    }
}

impl Books {
    pub(super) fn new(table: Table, memory: Arc<dyn Memory>, sink: Box<dyn Sink>, hold: Hold, seed: u64) -> Books {
        let state = State {
            queues: Queues::default(),
            held: Vec::new(),
            owned: HashSet::new(),
            requests: BTreeMap::new(),
            issued: 0,
            answers: BTreeMap::new(),
            buried: VecDeque::new(),
            sink,
            hold,
            random: Random::new(seed),
            closed: false,
        };
        Books { table, memory, came: Event::new(false, false), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Auto-reset; set when packets came.
    pub(super) fn came(&self) -> &Event {
        &self.came
    }

    /// How every callback begins.
    fn enter(&self, name: &str) {
        let irql = cpu::irql();
        VMQ_CALLBACK_IRQL.check(irql <= cpu::DISPATCH_LEVEL, || format!("{name} at IRQL {irql}"));
        VMQ_QUIET_AFTER_CLOSE.check(!self.state().closed, || name.to_owned());
    }

    /// Open.
    pub(super) fn open(&'static self) -> NDIS_STATUS {
        self.table.open(self)
    }

    /// Close.
    pub(super) fn close(&self) -> NDIS_STATUS {
        let status = self.table.close();
        if status == NDIS_STATUS_SUCCESS {
            let mut state = self.state();
            state.closed = true;
            let left = (state.queues.left(), state.held.len(), state.requests.len());
            let clean = left == (0, 0, 0);
            VMQ_CLOSE_LEAVES_NOTHING
                .check(clean, || format!("{} queues, {} packets, {} requests are left", left.0, left.1, left.2));
            state.check_buried();
        }
        status
    }

    /// The device goes away: its queues end by themselves.
    pub(super) fn leave(&self) {
        self.state().queues.leave();
    }

    /// The device is gone and with it what it lent; no callback may come.
    pub(super) fn abandon(&self) {
        let mut state = self.state();
        state.closed = true;
        state.held.clear();
        state.owned.clear();
        state.check_buried();
    }

    // Packets.

    /// Receive.
    pub(super) fn received(&self, queue: NDIS_RECEIVE_QUEUE_ID, packets: Vec<Packet>, count: u32) {
        self.enter("Receive");
        let right = packets.len() == count as usize && count > 0;
        VMQ_CHAIN_COUNT
            .check(right, || format!("Count {count}, chain of {} (or more) of queue {queue}", packets.len()));
        let surplus = {
            let mut state = self.state();
            state.queues.may_indicate(queue);
            for packet in packets {
                self.take(&mut state, queue, packet);
            }
            if state.hold.in_callback { state.surplus() } else { Vec::new() }
        };
        self.came.set();
        self.give_back(surplus);
    }

    /// Checks a packet and puts it with those that are held.
    fn take(&self, state: &mut State, queue: NDIS_RECEIVE_QUEUE_ID, packet: Packet) {
        let fields = packet.fields();
        VMQ_PACKET_QUEUE.check(fields.queue == queue, || format!("queue {} in the chain of {queue}", fields.queue));
        let stripped = fields.flags & IGBCX_VMQ_PACKET_VLAN_STRIPPED != 0;
        let sound = fields.flags & !IGBCX_VMQ_PACKET_VLAN_STRIPPED == 0
            && fields.reserved == [0; 3]
            && (stripped || fields.tag == 0)
            && fields.len >= HEADER;
        VMQ_PACKET_FIELDS.check(sound, || format!("{fields:?}"));
        let address = packet.address();
        let fresh = state.owned.insert(address);
        if !VMQ_PACKET_OWNED.check(fresh, || format!("packet {address:#x} of queue {queue}")) {
            return;
        }
        let data = packet.data(|at, len| self.memory.is_queue_memory(queue, at, len));
        VMQ_PACKET_MEMORY.check(data.is_some(), || format!("{} bytes at {:#x}", fields.len, fields.data));
        let digest = data.map_or(0, digest);
        if let Some(data) = data {
            let tag = stripped.then_some(fields.tag);
            if fields.len >= HEADER {
                state.queues.check_filter(queue, fields.filter, tag, data);
            }
            state.sink.frame(queue, tag, data);
        }
        state.queues.came(queue);
        state.held.push(Held { packet, queue, fields, digest });
    }

    /// Returns packets, after a look whether they are as they came.
    fn give_back(&self, held: Vec<Held>) {
        if held.is_empty() {
            return;
        }
        for one in &held {
            let data = one.packet.data(|at, len| self.memory.is_queue_memory(one.queue, at, len));
            VMQ_PACKET_MEMORY
                .check(data.is_some(), || format!("held: {} bytes at {:#x}", one.fields.len, one.fields.data));
            let same = one.packet.fields() == one.fields && data.is_none_or(|d| digest(d) == one.digest);
            VMQ_PACKET_UNCHANGED.check(same, || format!("{:?} was {:?}", one.packet.fields(), one.fields));
        }
        self.table.give_back(held.into_iter().map(|one| one.packet).collect());
    }

    /// Returns what is above the limit of the hold.
    pub(super) fn relax(&self) {
        let surplus = self.state().surplus();
        self.give_back(surplus);
    }

    /// Returns up to `count` packets that `wanted` says yes to, in arbitrary order; how many it were.
    pub(super) fn return_packets(&self, count: usize, wanted: impl Fn(NDIS_RECEIVE_QUEUE_ID) -> bool) -> usize {
        let chosen = self.state().choose(count, wanted);
        let number = chosen.len();
        self.give_back(chosen);
        number
    }

    /// Packets of a queue that the consumer has.
    pub(super) fn packets_out(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> usize {
        self.state().queues.out(queue)
    }

    /// Where the packets are that the consumer has of a queue.
    pub(super) fn addresses(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> Vec<usize> {
        self.state().held.iter().filter(|one| one.queue == queue).map(|one| one.packet.address()).collect()
    }

    /// Packets indicated for a queue since it was allocated.
    pub(super) fn indicated_for(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> u64 {
        self.state().queues.indicated(queue)
    }

    pub(super) fn dma_is_stopped(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> bool {
        self.state().queues.is_dma_stopped(queue)
    }

    /// Memory of the queue may be freed: there was no DMA yet, it is told to have stopped, or it goes with its device.
    pub(super) fn may_lose_memory(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> bool {
        self.state().queues.may_lose_memory(queue)
    }

    /// Queues that are allocated.
    pub(super) fn queues(&self) -> Vec<NDIS_RECEIVE_QUEUE_ID> {
        self.state().queues.ids()
    }

    /// Filters of a queue.
    pub(super) fn filters(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> Vec<NDIS_RECEIVE_FILTER_ID> {
        self.state().queues.filters(queue)
    }

    pub(super) fn set_hold(&self, hold: Hold) {
        self.state().hold = hold;
    }

    pub(super) fn with_sink<R>(&self, f: impl FnOnce(&mut dyn Sink) -> R) -> R {
        f(&mut *self.state().sink)
    }

    // Status.

    /// Status.
    pub(super) fn indicated(&self, indication: Option<Indication>) {
        self.enter("Status");
        let header = (
            NDIS_OBJECT_TYPE_STATUS_INDICATION,
            NDIS_STATUS_INDICATION_REVISION_1,
            NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
        );
        let state_header = (
            NDIS_OBJECT_TYPE_DEFAULT,
            NDIS_RECEIVE_QUEUE_STATE_REVISION_1,
            NDIS_SIZEOF_NDIS_RECEIVE_QUEUE_STATE_REVISION_1,
        );
        let sound = indication.as_ref().is_some_and(|i| {
            i.header == header
                && (i.status != NDIS_STATUS_RECEIVE_QUEUE_STATE || i.state.is_some_and(|s| s.0 == state_header))
        });
        VMQ_INDICATION.check(sound, || match &indication {
            None => "a null indication".into(),
            Some(i) => format!("status {:#x}, header {:?}, state {:?}", i.status, i.header, i.state),
        });
        let state = indication.and_then(|i| i.state);
        let Some((_, queue, _)) = state.filter(|s| s.2 == NdisReceiveQueueOperationalStateDmaStopped) else { return };
        let fits = self.state().queues.stopped(queue);
        VMQ_DMA_STOPPED_ONCE.check(fits, || format!("queue {queue}"));
        self.memory.stop_queue_dma(queue);
    }

    // Requests.

    /// Oid.
    pub(super) fn issue(&self, request: Request) -> Ticket {
        let (live, done) = (Live::new(&request), Event::new(true, false));
        let handle = live.handle();
        let number = {
            let mut state = self.state();
            state.queues.begin(&request);
            state.issued += 1;
            let number = state.issued;
            state.requests.insert(handle.address(), Issued { live, request, number, done: done.clone() });
            number
        };
        let status = self.table.issue(handle);
        let pended = status == NDIS_STATUS_PENDING;
        let issued = {
            let mut state = self.state();
            let ours = state.requests.get(&handle.address()).is_some_and(|i| i.number == number);
            // A request that is not there any more was completed before Oid returned.
            VMQ_COMPLETE_ONCE.check(ours || pended, || format!("OidComplete came, and then Oid returned {status:#x}"));
            if ours && !pended { state.requests.remove(&handle.address()) } else { None }
        };
        if let Some(issued) = issued {
            self.finish(issued, status);
        }
        Ticket { number, done, pended }
    }

    /// OidComplete.
    pub(super) fn completed(&self, address: usize, status: NDIS_STATUS) {
        self.enter("OidComplete");
        let issued = self.state().requests.remove(&address);
        VMQ_COMPLETE_ONCE.check(issued.is_some(), || format!("request {address:#x} is not pending"));
        if let Some(issued) = issued {
            VMQ_COMPLETE_FINAL.check(status != NDIS_STATUS_PENDING, || "completed as pending".into());
            self.finish(issued, status);
        }
    }

    /// Waits for the end of a request; `None`: it is still pending after `timeout`.
    pub(super) fn wait(&self, ticket: &Ticket, timeout: Duration) -> Option<Answer> {
        if !ticket.done.is_set() {
            cpu::wait_for("the end of an OID request", &ticket.done, Some(timeout));
        }
        self.state().answers.remove(&ticket.number)
    }

    /// CancelOid.
    pub(super) fn cancel(&self, id: usize) {
        self.table.cancel(id);
    }

    /// Judges a request that has ended.
    fn finish(&self, issued: Issued, status: NDIS_STATUS) {
        let Issued { mut live, request, number, done } = issued;
        let (answer, whole) = live.answer(status);
        let name = statuses::name(request.oid);
        VMQ_BUFFER_BOUNDS.check(whole, || format!("{name}: {} bytes of buffer", request.info.0.len()));
        VMQ_STATUS_ALLOWED.check(statuses::is_allowed(&request, status), || format!("{name}: {status:#010x}"));
        statuses::check_bytes(&request, &answer);
        statuses::check_headers(&request, &answer);
        live.bury();
        let mut state = self.state();
        state.queues.end(&*self.memory, &request, &answer);
        state.answers.insert(number, answer);
        state.buried.push_back(live);
        if state.buried.len() > BURIED {
            let oldest = state.buried.pop_front();
            check_untouched(oldest.iter());
        }
        drop(state);
        done.set();
    }
}

impl State {
    /// Packets above the limit of the hold, any of them.
    fn surplus(&mut self) -> Vec<Held> {
        let count = self.held.len().saturating_sub(self.hold.packets);
        self.choose(count, |_| true)
    }

    /// Takes up to `count` wanted packets from those that are held, in arbitrary order.
    fn choose(&mut self, count: usize, wanted: impl Fn(NDIS_RECEIVE_QUEUE_ID) -> bool) -> Vec<Held> {
        let mut chosen = Vec::new();
        let mut misses = 0;
        while chosen.len() < count && misses < self.held.len() {
            let last = self.held.len() - 1 - misses;
            let at = self.random.below(last + 1);
            // What is not wanted gathers at the end.
            if wanted(self.held[at].queue) {
                self.held.swap(at, last);
                chosen.push(self.held.swap_remove(last));
            } else {
                self.held.swap(at, last);
                misses += 1;
            }
        }
        for one in &chosen {
            self.owned.remove(&one.packet.address());
            self.queues.returned(one.queue);
        }
        chosen
    }

    fn check_buried(&self) {
        check_untouched(self.buried.iter());
    }
}

fn check_untouched<'a>(mut ended: impl Iterator<Item = &'a Live>) {
    let untouched = ended.all(Live::is_untouched);
    VMQ_REQUEST_UNTOUCHED.check(untouched, || "a request was written after its end".into());
}

/// A number that differs, as good as surely, when one of the bytes does.
fn digest(data: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let words = data.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    words.fold(data.len() as u64, |sum, word| (sum ^ word).wrapping_mul(FACTOR).rotate_left(29))
}
