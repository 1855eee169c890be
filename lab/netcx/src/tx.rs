//! The transmit path of one queue: packets of the stack into ring elements, completed elements back to the stack.
//!
//! Source: NetAdapterCx 21H2 `netcx/translator/nxtxxlat.cpp`, `nxnbltranslation.cpp`, `nxbouncebufferpool.cpp`.

use crate::capabilities::TxCapabilities;
use crate::contract;
use crate::dma::{Fifo, PAGE, Region};
use crate::ec::Poll;
use crate::framelayout;
use crate::options::{Options, Placement};
use crate::path::Path;
use crate::queue::Queue;
use crate::stack::{Stack, StackNotification, TxPacket};
use lab_kernel::cpu::Event;
use lab_kmdf::Bus;
use netadaptercx_sys::{NET_FRAGMENT, NET_PACKET};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

const SMALLEST_REGION: usize = 1 << 20;
const LARGEST_REGION: usize = 8 << 20;
/// NET_PACKET::FragmentCount has 16 bits.
const MOST_FRAGMENTS: usize = u16::MAX as usize;

/// What a posted packet holds until it is returned.
#[derive(Clone, Default)]
struct Posted {
    id: u64,
    bytes: u64,
    /// Logical address and length of its memory; `None` for an ignored packet.
    memory: Option<(u64, usize)>,
    fragments: u32,
    bounced: bool,
}

/// One stretch of payload that becomes a fragment.
struct Piece {
    offset: usize,
    len: usize,
}

/// Why a packet was not posted as it is.
enum Refusal {
    /// It must be copied into one fragment.
    Bounce,
    /// Something is used up; try again when packets were returned.
    Later,
    /// It can never be sent.
    Never,
}

struct Inner {
    region: Region,
    space: Fifo,
    posted: Vec<Posted>,
    bounced_now: u32,
    outstanding_fragments: u32,
    random: u64,
}

/// The transmit path of one queue.
pub struct TxPath {
    queue: Arc<Queue>,
    stack: Arc<Stack>,
    capabilities: TxCapabilities,
    options: Arc<Options>,
    /// Bytes of the largest packet, and of a bounce buffer.
    largest: usize,
    bounce_buffers: u32,
    stopping: AtomicBool,
    ready: Event,
    notification: Arc<StackNotification>,
    inner: Mutex<Inner>,
}

impl TxPath {
    /// `largest` is MaximumTxFragmentSize: backfill, layer 2 header and MTU (or the GSO maximum). `None`: no memory.
    pub fn new(
        queue: Arc<Queue>,
        stack: Arc<Stack>,
        capabilities: TxCapabilities,
        options: Arc<Options>,
        bus: Option<Arc<dyn Bus>>,
        largest: usize,
        bounce_buffers: u32,
    ) -> Option<TxPath> {
        let packets = queue.packets.count() as usize;
        let wanted = packets * largest.next_multiple_of(if options.strict_dma { PAGE } else { 64 });
        let size = wanted.clamp(SMALLEST_REGION, LARGEST_REGION).max(4 * largest);
        let region = Region::new(size, bus, options.strict_dma, false)?;
        let random = match options.tx_placement {
            Placement::Packed => 0,
            Placement::Scattered { seed } => seed | 1,
        };
        let space = Fifo::new(region.len());
        let posted = vec![Posted::default(); packets];
        let inner = Inner { region, space, posted, bounced_now: 0, outstanding_fragments: 0, random };
        Some(TxPath {
            queue,
            stack,
            capabilities,
            options,
            largest,
            bounce_buffers,
            stopping: AtomicBool::new(false),
            ready: Event::new(true, false),
            notification: Arc::default(),
            inner: Mutex::new(inner),
        })
    }

    /// Posts what waits in the stack; how many packets.
    fn translate(&self) -> u64 {
        let mut produced = 0;
        while self.queue.packets.postable() > 0 {
            let Some(packet) = self.stack.pop_tx() else { break };
            if !self.inner.lock().unwrap().post(self, &packet) {
                self.stack.unpop_tx(packet);
                break;
            }
            produced += 1;
        }
        produced
    }

    /// EvtAdvance, but only while the client owns packets.
    fn yield_to_client(&self) {
        if self.queue.packets.owned() != 0 {
            self.queue.advance();
        }
    }

    /// Takes back what the client returned; how many packets.
    fn drain(&self) -> u64 {
        let ring = &self.queue.packets;
        let mut done = Vec::new();
        {
            let mut inner = self.inner.lock().unwrap();
            let mut stats = self.queue.stats().lock().unwrap();
            while ring.os_next() != ring.begin() {
                let index = ring.os_next();
                let posted = std::mem::take(&mut inner.posted[index as usize]);
                if let Some((logical, len)) = posted.memory {
                    inner.region.unmap(logical, len);
                    inner.space.release_oldest();
                    stats.packets += 1;
                    stats.bytes += posted.bytes;
                } else {
                    stats.ignored += 1;
                }
                inner.bounced_now -= u32::from(posted.bounced);
                inner.outstanding_fragments -= posted.fragments;
                done.push(posted.id);
                ring.set_os_next(ring.advance(index, 1));
            }
            self.check_fragments(inner.outstanding_fragments);
        }
        self.stack.complete_tx(&done);
        done.len() as u64
    }

    /// A client that returns packets returns their fragments, and no others.
    fn check_fragments(&self, outstanding: u32) {
        let (packets, fragments) = (&self.queue.packets, &self.queue.fragments);
        let owned = fragments.owned();
        let ok = if packets.owned() == 0 { owned == 0 } else { owned >= outstanding };
        contract::TX_FRAGMENTS_RETURNED.check(ok, || {
            format!("{owned} fragments are owned, those of {} packets not returned are {outstanding}", packets.owned())
        });
    }
}

impl Inner {
    /// Posts one packet; false: not now.
    fn post(&mut self, path: &TxPath, packet: &TxPacket) -> bool {
        let bytes: usize = packet.fragments.iter().map(Vec::len).sum();
        let posted = match self.post_as_is(path, packet, bytes) {
            Err(Refusal::Bounce) => self.post_bounced(path, packet, bytes),
            other => other,
        };
        let ring = &path.queue.packets;
        let index = ring.end();
        match posted {
            Ok(posted) => {
                let first = path.queue.fragments.end();
                ring.zero(index);
                ring.set_packet(
                    index,
                    NET_PACKET {
                        FragmentIndex: first,
                        FragmentCount: posted.fragments as u16,
                        Layout: framelayout::parse(&packet.fragments),
                        Flags: 0,
                    },
                );
                path.queue.fragments.set_end(path.queue.fragments.advance(first, posted.fragments));
                self.outstanding_fragments += posted.fragments;
                self.bounced_now += u32::from(posted.bounced);
                path.stack.count(|c| c.tx_bounced += u64::from(posted.bounced));
                self.posted[index as usize] = Posted { id: packet.id, bytes: bytes as u64, ..posted };
            }
            Err(Refusal::Never) => {
                // As the framework leaves it: FragmentIndex is whatever the element held before.
                let stale = ring.packet(index);
                ring.set_packet(index, NET_PACKET { FragmentCount: 0, Flags: NET_PACKET::Ignore, ..stale });
                path.stack.count(|c| c.tx_ignored += 1);
                self.posted[index as usize] = Posted { id: packet.id, ..Posted::default() };
            }
            Err(Refusal::Later | Refusal::Bounce) => return false,
        }
        ring.set_end(ring.advance(index, 1));
        true
    }

    fn post_as_is(&mut self, path: &TxPath, packet: &TxPacket, bytes: usize) -> Result<Posted, Refusal> {
        if bytes == 0 || bytes > path.largest {
            return Err(Refusal::Never);
        }
        if path.options.bounce_always || path.capabilities.backfill > 0 {
            return Err(Refusal::Bounce);
        }
        let (places, len) = self.place(path, packet);
        let align = if self.own_pages(path) { PAGE } else { path.capabilities.alignment };
        let base = self.space.take(len, align).ok_or(Refusal::Later)?;
        let pieces: Vec<Piece> = places.iter().flat_map(|p| split_at_pages(base + p.offset, p.len)).collect();
        if let Err(refusal) = check_pieces(path, &self.region, &pieces) {
            self.space.release_newest();
            return Err(refusal);
        }
        let logical = self.region.map(base, len);
        if pieces.iter().any(|p| logical + (p.offset - base) as u64 > path.capabilities.maximum_address()) {
            self.region.unmap(logical, len);
            self.space.release_newest();
            return Err(Refusal::Bounce);
        }
        for (place, bytes) in places.iter().zip(packet.fragments.iter().filter(|f| !f.is_empty())) {
            self.region.write(base + place.offset, bytes);
        }
        for (i, piece) in pieces.iter().enumerate() {
            let address = logical + (piece.offset - base) as u64;
            self.set_fragment(path, i as u32, piece.offset, address, piece.len, piece.len);
        }
        Ok(Posted { memory: Some((logical, len)), fragments: pieces.len() as u32, ..Posted::default() })
    }

    /// Copies the whole packet into one fragment, the backfill before it.
    fn post_bounced(&mut self, path: &TxPath, packet: &TxPacket, bytes: usize) -> Result<Posted, Refusal> {
        let ring = &path.queue.fragments;
        if ring.owned() == ring.count() - 1 || self.bounced_now == path.bounce_buffers {
            return Err(Refusal::Later);
        }
        let valid = bytes + path.capabilities.backfill;
        if valid > path.largest {
            return Err(Refusal::Never);
        }
        let align = if self.own_pages(path) { PAGE } else { path.capabilities.alignment.max(64) };
        let base = self.space.take(path.largest, align).ok_or(Refusal::Later)?;
        let logical = self.region.map(base, path.largest);
        let mut at = base + path.capabilities.backfill;
        for fragment in &packet.fragments {
            self.region.write(at, fragment);
            at += fragment.len();
        }
        self.set_fragment(path, 0, base, logical, valid, path.largest);
        Ok(Posted { memory: Some((logical, path.largest)), fragments: 1, bounced: true, ..Posted::default() })
    }

    /// True if a packet's memory shares no page with another packet's.
    fn own_pages(&self, path: &TxPath) -> bool {
        self.region.is_strict() || path.options.tx_placement != Placement::Packed
    }

    /// Where each non-empty fragment goes, relative to the packet's memory, and how much memory that takes.
    fn place(&mut self, path: &TxPath, packet: &TxPacket) -> (Vec<Piece>, usize) {
        let mut at = 0;
        let mut places = Vec::with_capacity(packet.fragments.len());
        for fragment in packet.fragments.iter().filter(|f| !f.is_empty()) {
            at = match path.options.tx_placement {
                Placement::Packed => usize::next_multiple_of(at, path.capabilities.alignment),
                Placement::Scattered { .. } => self.scatter(at, fragment.len()),
            };
            places.push(Piece { offset: at, len: fragment.len() });
            at += fragment.len();
        }
        (places, at)
    }

    /// An odd gap, or just before the end of a page.
    fn scatter(&mut self, at: usize, len: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let r = self.random as usize;
        if r.is_multiple_of(4) {
            let before_end = 1 + (r >> 8) % len.min(200);
            (at + before_end).next_multiple_of(PAGE) - before_end
        } else {
            at + (r >> 8) % 97
        }
    }

    fn set_fragment(&self, path: &TxPath, i: u32, offset: usize, logical: u64, valid: usize, capacity: usize) {
        type F = NET_FRAGMENT;
        let ring = &path.queue.fragments;
        let index = ring.advance(ring.end(), i);
        ring.zero(index);
        ring.set_fragment(
            index,
            F { bits: (valid as u64) << F::ValidLengthShift | (capacity as u64) << F::CapacityShift },
        );
        if let Some(at) = ring.layout().offset(crate::extension::VIRTUAL_ADDRESS.name) {
            ring.set_word(index, at, self.region.va(offset) as u64);
        }
        if let Some(at) = ring.layout().offset(crate::extension::LOGICAL_ADDRESS.name) {
            ring.set_word(index, at, logical);
        }
    }
}

/// A fragment never crosses a page: physical pages need not follow each other.
fn split_at_pages(mut offset: usize, mut len: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    while len > 0 {
        let here = len.min(PAGE - offset % PAGE);
        pieces.push(Piece { offset, len: here });
        offset += here;
        len -= here;
    }
    pieces
}

/// In the framework's order: too many fragments ends the translation where it happens, a wrong alignment likewise.
fn check_pieces(path: &TxPath, region: &Region, pieces: &[Piece]) -> Result<(), Refusal> {
    let ring = &path.queue.fragments;
    let most = path.capabilities.maximum_fragments.min(ring.count() as usize - 1).min(MOST_FRAGMENTS);
    let possible = most.min((ring.count() - 1 - ring.owned()) as usize);
    for (i, piece) in pieces.iter().enumerate() {
        if i == possible {
            return Err(if possible == most { Refusal::Bounce } else { Refusal::Later });
        }
        if !region.va(piece.offset).is_multiple_of(path.capabilities.alignment) {
            return Err(Refusal::Bounce);
        }
    }
    Ok(())
}

impl Poll for TxPath {
    fn poll(&self, _irql: u8) -> u64 {
        if !self.stopping.load(Ordering::Relaxed) {
            let produced = self.translate();
            self.yield_to_client();
            return produced + self.drain();
        }
        let all_returned = self.queue.packets.owned() == 0;
        if !all_returned {
            self.yield_to_client();
        }
        let completed = self.drain();
        if all_returned && completed == 0 {
            self.stack.pause_backlog();
            self.ready.set();
        }
        completed
    }
}

impl Path for TxPath {
    fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    fn notification(&self) -> Arc<StackNotification> {
        self.notification.clone()
    }

    fn set_stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    fn ready_to_stop(&self) -> &Event {
        &self.ready
    }
}
