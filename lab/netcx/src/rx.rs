//! The receive path of one queue: empty buffers into ring elements, returned packets to the stack.
//!
//! Source: NetAdapterCx 21H2 `netcx/translator/nxrxxlat.cpp`.

use crate::capabilities::{RxBuffers, RxCapabilities};
use crate::client::{self, Handle};
use crate::contract;
use crate::dma::{self, PAGE, Region};
use crate::ec::Poll;
use crate::extension::{LOGICAL_ADDRESS, RETURN_CONTEXT, VIRTUAL_ADDRESS};
use crate::options::Options;
use crate::path::Path;
use crate::queue::Queue;
use crate::sizing::RxSizes;
use crate::stack::{Lender, RxPacket, Stack, StackNotification};
use lab_kernel::cpu::Event;
use lab_kmdf::Bus;
use netadaptercx_sys::{NET_FRAGMENT, NET_PACKET};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

/// Packets indicated to the stack at a time (NBL_RECEIVE_BATCH_SIZE).
const BATCH: usize = 32;
/// What a buffer holds while the device has no business with it, and what always lies behind it.
const POISON: u8 = 0xD5;
/// Bytes behind a buffer that nobody may write.
const GUARD: usize = 64;

/// A buffer in the ring.
#[derive(Clone, Copy)]
struct Attached {
    slot: usize,
    logical: u64,
}

struct Inner {
    /// System-allocated buffers; `None` when the driver brings its own.
    region: Option<Region>,
    slot_bytes: usize,
    free: VecDeque<usize>,
    /// By element of the fragment ring.
    attached: Vec<Option<Attached>>,
    /// Packet structures neither in the ring nor with the stack.
    free_packets: u32,
    /// Packet structures of dropped and ignored packets, free again in the next round.
    discarded: u32,
    /// Return contexts of driver buffers that go back to the driver when no lock is held.
    to_return: Vec<u64>,
}

/// The receive path of one queue.
pub struct RxPath {
    queue: Arc<Queue>,
    stack: Arc<Stack>,
    adapter: Handle,
    capabilities: RxCapabilities,
    /// Bytes of a buffer.
    capacity: u32,
    stopping: AtomicBool,
    ready: Event,
    notification: Arc<StackNotification>,
    /// Packet structures the stack gave back.
    returned: AtomicU64,
    myself: Weak<RxPath>,
    inner: Mutex<Inner>,
}

impl RxPath {
    /// `None`: no memory for the buffers.
    pub fn new(
        queue: Arc<Queue>,
        stack: Arc<Stack>,
        adapter: Handle,
        capabilities: RxCapabilities,
        options: &Options,
        bus: Option<Arc<dyn Bus>>,
        sizes: RxSizes,
    ) -> Option<Arc<RxPath>> {
        let capacity =
            options.rx_buffer_len.unwrap_or(capabilities.maximum_frame_size).min(NET_FRAGMENT::CapacityMask as u32);
        let strict = options.strict_dma;
        let align = if strict { PAGE } else { capabilities.alignment.max(64) };
        let slot_bytes = (capacity as usize + GUARD).next_multiple_of(align);
        let slots = sizes.buffers as usize;
        let region = match capabilities.buffers {
            RxBuffers::System => {
                let region = Region::new(slot_bytes * slots, bus, strict, true)?;
                region.fill(0, slot_bytes * slots, POISON);
                Some(region)
            }
            RxBuffers::Driver { .. } => None,
        };
        let inner = Inner {
            region,
            slot_bytes,
            free: (0..slots).collect(),
            attached: vec![None; queue.fragments.count() as usize],
            free_packets: sizes.packets_outstanding,
            discarded: 0,
            to_return: Vec::new(),
        };
        Some(Arc::new_cyclic(|myself| RxPath {
            queue,
            stack,
            adapter,
            capabilities,
            capacity,
            stopping: AtomicBool::new(false),
            ready: Event::new(true, false),
            notification: Arc::default(),
            returned: AtomicU64::new(0),
            myself: myself.clone(),
            inner: Mutex::new(inner),
        }))
    }

    /// Takes back what the stack is done with; how many packet structures.
    fn take_returned(&self) -> u64 {
        let returned = self.returned.swap(0, Ordering::Relaxed);
        let mut inner = self.inner.lock().unwrap();
        let discarded = std::mem::take(&mut inner.discarded);
        inner.free_packets += returned as u32 + discarded;
        returned + u64::from(discarded)
    }

    /// Posts all that can be posted.
    fn post(&self) {
        let mut inner = self.inner.lock().unwrap();
        let ring = &self.queue.packets;
        while inner.free_packets > 0 && ring.postable() > 0 {
            inner.free_packets -= 1;
            ring.zero(ring.end());
            ring.set_end(ring.advance(ring.end(), 1));
        }
        let ring = &self.queue.fragments;
        while ring.postable() > 0 {
            let index = ring.end();
            ring.zero(index);
            if inner.region.is_some() && !inner.attach(self, index) {
                break;
            }
            ring.set_end(ring.advance(index, 1));
        }
    }

    /// Indicates what the client returned, a batch at most; how many packets were taken back.
    fn indicate(&self) -> u64 {
        let mut packets = Vec::new();
        let mut taken = 0;
        let returns = {
            let mut inner = self.inner.lock().unwrap();
            let (ring, fragments) = (&self.queue.packets, &self.queue.fragments);
            let mut stats = self.queue.stats().lock().unwrap();
            while ring.os_next() != ring.begin() && packets.len() < BATCH {
                let packet = ring.packet(ring.os_next());
                ring.set_os_next(ring.advance(ring.os_next(), 1));
                taken += 1;
                if packet.Flags & NET_PACKET::Ignore != 0 {
                    stats.ignored += 1;
                    inner.discarded += 1;
                } else if let Some(received) = inner.gather(self, packet) {
                    stats.packets += 1;
                    stats.bytes += received.data.len() as u64;
                    packets.push(received);
                } else {
                    self.stack.count(|c| c.rx_dropped += 1);
                    inner.discarded += 1;
                }
            }
            if ring.os_next() == ring.begin() {
                inner.reclaim(self, fragments.begin());
            }
            std::mem::take(&mut inner.to_return)
        };
        for context in returns {
            self.return_to_driver(context);
        }
        let lender: Weak<dyn Lender> = self.myself.clone();
        self.stack.indicate(packets, &lender);
        taken
    }

    fn return_to_driver(&self, context: u64) {
        if let RxBuffers::Driver { return_buffer } = self.capabilities.buffers {
            client::return_rx_buffer(return_buffer, self.adapter, context);
        }
    }

    /// Both rings are empty: what was returned but not indicated goes back unseen.
    fn recover(&self) {
        let returns = {
            let mut inner = self.inner.lock().unwrap();
            let (ring, fragments) = (&self.queue.packets, &self.queue.fragments);
            while ring.os_next() != ring.begin() {
                let packet = ring.packet(ring.os_next());
                if packet.Flags & NET_PACKET::Ignore == 0 {
                    inner.note_driver_buffers(self, packet);
                }
                ring.set_os_next(ring.advance(ring.os_next(), 1));
                inner.discarded += 1;
            }
            inner.reclaim(self, fragments.begin());
            inner.check_free_buffers(self);
            std::mem::take(&mut inner.to_return)
        };
        for context in returns {
            self.return_to_driver(context);
        }
    }
}

impl Inner {
    /// Puts a free buffer at an element; false: there is none.
    fn attach(&mut self, path: &RxPath, index: u32) -> bool {
        let (Some(slot), Some(region)) = (self.free.pop_front(), &self.region) else { return false };
        let offset = slot * self.slot_bytes;
        check_untouched(path, region, offset);
        let logical = region.map(offset, path.capacity as usize);
        let ring = &path.queue.fragments;
        ring.set_fragment(index, NET_FRAGMENT { bits: u64::from(path.capacity) << NET_FRAGMENT::CapacityShift });
        if let Some(at) = ring.layout().offset(VIRTUAL_ADDRESS.name) {
            ring.set_word(index, at, region.va(offset) as u64);
        }
        if let Some(at) = ring.layout().offset(LOGICAL_ADDRESS.name) {
            ring.set_word(index, at, logical);
        }
        self.attached[index as usize] = Some(Attached { slot, logical });
        true
    }

    /// Takes the buffer of an element back.
    fn detach(&mut self, path: &RxPath, index: u32) {
        let (Some(attached), Some(region)) = (self.attached[index as usize].take(), &self.region) else { return };
        let offset = attached.slot * self.slot_bytes;
        region.unmap(attached.logical, path.capacity as usize);
        let (capacity, guard) = (path.capacity as usize, self.slot_bytes - path.capacity as usize);
        let overrun = region.first_other(offset + capacity, guard, POISON);
        contract::RX_DMA_WITHIN_CAPACITY.check(overrun.is_none(), || {
            format!(
                "Rx queue {}: byte {} of a buffer of {capacity} was written",
                path.queue.id,
                capacity + overrun.unwrap_or(0)
            )
        });
        region.fill(offset, self.slot_bytes, POISON);
        self.free.push_back(attached.slot);
    }

    /// Takes back the buffers of fragments up to `to`, which belong to no packet.
    fn reclaim(&mut self, path: &RxPath, to: u32) {
        let ring = &path.queue.fragments;
        while ring.os_next() != to {
            self.detach(path, ring.os_next());
            ring.set_os_next(ring.advance(ring.os_next(), 1));
        }
    }

    /// The data of a returned packet; `None`: the framework drops it.
    fn gather(&mut self, path: &RxPath, packet: NET_PACKET) -> Option<RxPacket> {
        let ring = &path.queue.fragments;
        let count = u32::from(packet.FragmentCount);
        let returned = ring.distance(ring.os_next(), ring.begin());
        let first = packet.FragmentIndex;
        let in_order = count > 0 && first < ring.count() && ring.distance(ring.os_next(), first) + count <= returned;
        let ok = contract::RX_PACKET_RANGE.check(in_order, || {
            format!("fragments {first} + {count}, returned are {}..{}", ring.os_next(), ring.begin())
        });
        if !ok {
            return None;
        }
        self.reclaim(path, first);
        let mut data = Vec::new();
        let mut valid = true;
        for i in 0..count {
            let index = ring.advance(first, i);
            let fragment = ring.fragment(index);
            valid &= check_fragment(path, index, fragment, i == 0);
            if valid {
                self.read(path, index, fragment, &mut data);
            }
        }
        self.note_driver_buffers(path, packet);
        self.reclaim(path, ring.advance(first, count));
        valid.then_some(RxPacket { data, fragments: packet.FragmentCount })
    }

    fn read(&self, path: &RxPath, index: u32, fragment: NET_FRAGMENT, data: &mut Vec<u8>) {
        let (offset, len) = (fragment.Offset() as usize, fragment.ValidLength() as usize);
        if let (Some(region), Some(attached)) = (&self.region, self.attached[index as usize]) {
            region.read_into(attached.slot * self.slot_bytes + offset, len, data);
        } else {
            let ring = &path.queue.fragments;
            let at = ring.layout().offset(VIRTUAL_ADDRESS.name).expect("always there");
            // SAFETY: the driver attached this buffer and returned it; a wrong address is the driver's crash on Windows
            // too.
            unsafe { dma::read_client_memory(ring.word(index, at) + offset as u64, len, data) };
        }
    }

    /// Driver buffers go back to the driver once the stack has the data.
    fn note_driver_buffers(&mut self, path: &RxPath, packet: NET_PACKET) {
        let ring = &path.queue.fragments;
        if let (None, Some(at)) = (&self.region, ring.layout().offset(RETURN_CONTEXT.name)) {
            for i in 0..u32::from(packet.FragmentCount) {
                self.to_return.push(ring.word(ring.advance(packet.FragmentIndex, i), at));
            }
        }
    }

    fn check_free_buffers(&self, path: &RxPath) {
        if let Some(region) = &self.region {
            for slot in &self.free {
                check_untouched(path, region, slot * self.slot_bytes);
            }
        }
    }
}

/// The device left a buffer alone that it has no business with.
fn check_untouched(path: &RxPath, region: &Region, offset: usize) {
    let touched = region.first_other(offset, path.capacity as usize, POISON);
    contract::RX_NO_DMA_AFTER_RETURN.check(touched.is_none(), || {
        format!("Rx queue {}: byte {} of a free buffer was written", path.queue.id, touched.unwrap_or_default())
    });
}

/// What the framework demands of each fragment even without the verifier.
fn check_fragment(path: &RxPath, index: u32, f: NET_FRAGMENT, first: bool) -> bool {
    let fits = f.Capacity() <= path.capacity && f.Offset() + f.ValidLength() <= f.Capacity();
    let detail = || {
        format!(
            "fragment {index}: ValidLength {} Offset {} Capacity {} in a buffer of {}",
            f.ValidLength(),
            f.Offset(),
            f.Capacity(),
            path.capacity
        )
    };
    contract::RX_FRAGMENT_VALID.check(fits, detail)
        & contract::RX_LATER_FRAGMENT_OFFSET.check(first || f.Offset() == 0, detail)
}

impl Poll for RxPath {
    fn poll(&self, _irql: u8) -> u64 {
        if !self.stopping.load(Ordering::Relaxed) {
            let returned = self.take_returned();
            self.post();
            self.queue.advance();
            return returned + self.indicate();
        }
        if self.queue.packets.owned() == 0 && self.queue.fragments.owned() == 0 {
            if !self.ready.is_set() {
                self.recover();
                self.ready.set();
            }
            return 0;
        }
        let returned = self.take_returned();
        self.queue.advance();
        returned + self.indicate()
    }
}

impl Lender for RxPath {
    fn give_back(&self) {
        self.returned.fetch_add(1, Ordering::Relaxed);
        self.notification.fire(self.queue.ec());
    }
}

impl Path for RxPath {
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
