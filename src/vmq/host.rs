//! The engine's hands: the queues' hardware and memory. Everything here runs with the door's lock held.

use crate::{
    device::Igb,
    error::{log, status},
    hardware::Hardware,
    vmq::{
        VmQueue,
        consumer::Consumer,
        memory::{Memory, Ndis, Source, Wdf},
        packets::Packets,
        ring::{Lists, Ring},
    },
};
use igb::{
    MacAddress,
    interrupt::Cause,
    rx,
    vmdq::{self, Refusal, Steering},
};
use ndis_sys::{
    NDIS_STATUS, NDIS_STATUS_FAILURE, NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_RESOURCES,
};
use netadaptercx::irql::Passive;
use vmq::{Failed, FilterTable, Gate, Host, Limits, QueueId, Stopped, Stuck, Vlan};

/// Receive buffers of a queue: what a consumer may wish for, and what it gets without a wish.
const BUFFERS: core::ops::RangeInclusive<u32> = 64..=2048;
const DEFAULT_BUFFERS: u32 = 512;
/// Distinct addresses and distinct VLANs that the hardware has entries for, whichever are fewer.
const FILTERS: u8 = 23;
/// Granule of receive buffer sizes (82576 datasheet 8.10.2).
const KIB: usize = 1024;
/// An 802.1Q tag, which stays in multicast frames.
const TAG: usize = 4;

/// The hardware and the memory of the queues.
pub struct Ports<'p> {
    pub igb: &'static Igb,
    /// Who has the door open.
    pub consumer: Option<Consumer>,
    pub passive: Passive<'p>,
}

/// Bytes of a buffer for frames of up to `max_frame` bytes, 2 KiB at least.
fn buffer_len(max_frame: u16) -> usize {
    (usize::from(max_frame) + TAG).next_multiple_of(KIB).max(2 * KIB)
}

/// What a consumer is told of a set of filters that the hardware cannot do.
const fn refused(refusal: Refusal) -> NDIS_STATUS {
    match refusal {
        Refusal::NoSuchPool | Refusal::BadAddress | Refusal::BadVlan | Refusal::Taken => NDIS_STATUS_INVALID_PARAMETER,
        Refusal::NotAProduct | Refusal::MixedVlans => NDIS_STATUS_NOT_SUPPORTED,
        Refusal::TooManyAddresses | Refusal::TooManyVlans => NDIS_STATUS_RESOURCES,
    }
}

impl Ports<'_> {
    fn hardware(&self) -> Result<&'static Hardware, Failed> {
        self.igb.hardware().ok_or(Failed)
    }

    fn queue(&self, queue: QueueId) -> &'static VmQueue {
        self.igb.vmq.queue(queue)
    }

    /// The queue's ring.
    ///
    /// # Safety
    /// The gate is closed with nobody inside who receives.
    unsafe fn ring(&self, queue: QueueId) -> Option<&'static mut Ring> {
        // SAFETY: the door's lock is held (Ports); the rest is the caller's promise.
        unsafe { self.queue(queue).ring() }.as_mut()
    }

    fn note_resets(&self, ring: &mut Ring) {
        let resets = self.igb.vmq.resets(self.passive.into());
        ring.note_resets(resets.count, resets.last.as_ref());
    }

    fn steering(&self, filters: &FilterTable, hardware: &Hardware) -> Result<Steering, Refusal> {
        let pools = filters.iter().map(|(_, queue, filter)| vmdq::Filter {
            pool: pool(queue),
            address: MacAddress(filter.address),
            vlan: match filter.vlan {
                Vlan::Any => vmdq::Vlan::Any,
                Vlan::UntaggedOrZero => vmdq::Vlan::UntaggedOrZero,
                Vlan::Id(id) => vmdq::Vlan::Id(id),
            },
        });
        Steering::new(hardware.station(), hardware.model, pools)
    }

    /// Lets the hardware fill the queue, or makes it drop what is for it.
    fn enable(&self, queue: QueueId, on: bool) -> Result<(), Failed> {
        let hardware = self.hardware()?;
        let _mac = self.igb.mac(self.passive.into());
        hardware.nic.enable_pool(pool(queue), on).map_err(failed)
    }

    fn make(&self, queue: QueueId, suggested: u32) -> Result<(Ring, Packets), NDIS_STATUS> {
        let hardware = self.hardware().map_err(|Failed| NDIS_STATUS_FAILURE)?;
        let consumer = self.consumer.ok_or(NDIS_STATUS_FAILURE)?;
        let wish = if suggested == 0 { DEFAULT_BUFFERS } else { suggested };
        // CAST: at most 2048; a ring has room for one less than it has descriptors.
        let count = wish.clamp(*BUFFERS.start(), *BUFFERS.end()) as u16;
        let descriptors = (count + 1).next_multiple_of(8);
        let buffer = buffer_len(hardware.config.max_frame);
        // What may be refused is asked for before the shared memory is.
        let lists = Lists::new(count).ok_or(NDIS_STATUS_RESOURCES)?;
        let packets = Packets::new(count).ok_or(NDIS_STATUS_RESOURCES)?;
        let sources = (Ndis { adapter: self.igb.adapter(), queue }, Wdf(hardware.dma));
        let sources: [&dyn Source; 2] = [&sources.0, &sources.1];
        let (memory, shared) = Memory::new(sources, rx::memory_len(descriptors), count, buffer, self.passive)
            .map_err(|_| NDIS_STATUS_RESOURCES)?;
        let packets = packets.in_memory(memory.kind());
        // CAST: at most 10 KiB.
        let buffer = buffer as u16;
        let made = rx::Queue::new(hardware.registers(), hardware.model, pool(queue), descriptors, buffer, shared)
            .map_err(status);
        match made {
            Ok(ring) => Ok((Ring::new(ring.dropping_when_full(), memory, lists, consumer), packets)),
            Err(_) => {
                memory.free(self.passive);
                Err(NDIS_STATUS_FAILURE)
            }
        }
    }
}

/// The pool, and the receive queue, of a VM queue.
const fn pool(queue: QueueId) -> u8 {
    queue.number() as u8
}

fn failed(error: igb::Error) -> Failed {
    status(error);
    Failed
}

impl Host for Ports<'_> {
    fn limits(&self) -> Limits {
        let hardware = self.igb.hardware();
        Limits {
            queues: hardware.map_or(0, |hardware| hardware.vm_queues),
            filters: FILTERS,
            enabled: hardware.is_some_and(Hardware::has_pools),
        }
    }

    fn gate(&self, queue: QueueId) -> &Gate {
        self.queue(queue).gate()
    }

    fn vector(&self, queue: QueueId) -> u32 {
        self.igb.hardware().map_or(0, |hardware| hardware.interrupts.map().vector(Cause::Rx(pool(queue))).into())
    }

    fn allocate(&mut self, queue: QueueId, suggested: u32) -> Result<(), NDIS_STATUS> {
        let memory = self.make(queue, suggested)?;
        // SAFETY: the door's lock is held, and a queue without memory has a drained gate.
        unsafe { self.queue(queue).set_memory(Some(memory)) };
        Ok(())
    }

    fn free(&mut self, queue: QueueId) {
        // SAFETY: the door's lock is held, and the gate is drained (Host).
        let Some(mut ring) = (unsafe { self.queue(queue).set_memory(None) }) else { return };
        self.note_resets(&mut ring);
        if !ring.free(self.passive) {
            log!("the memory of VM queue {} is given up", queue.number());
        }
    }

    fn leak(&mut self, queue: QueueId) {
        log!("VM queue {} is given up with its memory", queue.number());
        // The packets stay: the consumer may still return some.
        // SAFETY: the door's lock is held, the gate is closed, and nobody who receives is inside (Host).
        core::mem::forget(unsafe { self.queue(queue).ring() }.take());
    }

    fn accepts(&self, filters: &FilterTable) -> Result<(), NDIS_STATUS> {
        let hardware = self.hardware().map_err(|Failed| NDIS_STATUS_FAILURE)?;
        self.steering(filters, hardware).map(|_| ()).map_err(refused)
    }

    fn steer(&mut self, filters: &FilterTable) -> Result<(), Failed> {
        let hardware = self.hardware()?;
        if !hardware.has_pools() {
            // No queue, and so no filter.
            return Ok(());
        }
        let steering = self.steering(filters, hardware).map_err(|_| Failed)?;
        self.igb.mac(self.passive.into()).steer(steering, hardware).map_err(failed)?;
        for queue in QueueId::all() {
            let mut ids = filters.of(queue).map(|(id, _)| id.number());
            let only = ids.next().filter(|_| ids.next().is_none());
            self.queue(queue).set_filter(only.unwrap_or(0));
            if filters.of(queue).next().is_some() {
                // Its gate may have been closed when its interrupt came.
                self.igb.vmq.started(queue);
            }
        }
        Ok(())
    }

    fn start(&mut self, queue: QueueId) -> Result<(), Failed> {
        let place = self.queue(queue);
        // SAFETY: the door's lock is held.
        let packets = unsafe { place.packets() }.ok_or(Failed)?;
        // SAFETY: the gate is closed with nobody inside who receives (Host).
        let ring = unsafe { self.ring(queue) }.ok_or(Failed)?;
        self.note_resets(ring);
        place.starts();
        ring.start(packets).map_err(failed)?;
        self.enable(queue, true)?;
        self.igb.vmq.started(queue);
        Ok(())
    }

    fn stop(&mut self, queue: QueueId) -> Result<Stopped, Stuck> {
        // A device that does not answer shows it below, too.
        let _ = self.enable(queue, false);
        // SAFETY: the gate is closed with nobody inside who receives (Host).
        let Some(ring) = (unsafe { self.ring(queue) }) else { return Ok(Stopped::Queue) };
        let Err(error) = ring.stop() else { return Ok(Stopped::Queue) };
        status(error);
        let reset = self.igb.halt(Cause::Rx(pool(queue)), self.passive.into()).ok_or(Stuck)?;
        ring.halted(&reset);
        self.igb.vmq.reset_done(reset, self.passive.into());
        Ok(Stopped::Device)
    }
}
