//! Everything that exists while the device has its resources: registers, interrupts, DMA.

use crate::{config::Config, device::Igb, error::status, vector::Vector};
use core::array;
use igb::{
    Delay, MacAddress, Registers,
    interrupt::{Cause, Causes, Interrupts, Mode, VectorMap},
    memory::DmaMemory,
    model::Model,
};
use netadaptercx::{
    Result, Status,
    irql::Passive,
    notify::Notification,
    queue::Direction,
    wdf::{
        device::Device,
        dma::{CommonBuffer, DmaEnabler},
        interrupt::Interrupt,
        mmio::{Mapping, Window},
        object::Ancestor,
        resources::Resources,
        time,
    },
};
use vmq::MAX_QUEUES;

/// The INF binds 82576 device ids only; this one stands for all of them.
pub const DEVICE_82576: u16 = 0x10C9;
/// PCI vendor.
pub const VENDOR_INTEL: u16 = 0x8086;
/// BAR0 holds the registers: 128 KiB (82576 datasheet 9.4.11).
const REGISTER_BYTES: u32 = 128 * 1024;
/// Ring alignment for the device (82576 datasheet 8.10.5, 8.12.10).
const RING_ALIGNMENT: u32 = 128;
/// Largest packet the DMA engine is asked to map.
const MAXIMUM_TRANSFER: usize = 64 * 1024;

/// Queues in use in each direction.
pub const QUEUES: usize = 1;
/// Vectors that the adapter's own queues and the link want.
const OWN_VECTORS: usize = 2 * QUEUES + 1;
/// Vectors used at most: VM queues have one each, too.
const MAX_VECTORS: usize = OWN_VECTORS + MAX_QUEUES;

/// The device's registers, for [`igb`].
#[derive(Clone, Copy)]
pub struct Mmio(Window);

impl Registers for Mmio {
    #[inline]
    fn read(&self, offset: u32) -> u32 {
        self.0.read(offset)
    }

    #[inline]
    fn write(&self, offset: u32, value: u32) {
        self.0.write(offset, value);
    }
}

/// Waits by spinning, so that it may be used at any IRQL.
#[derive(Clone, Copy)]
pub struct Stall;

impl Delay for Stall {
    fn delay_us(&self, us: u32) {
        time::stall(us);
    }
}

/// The hardware of one device.
pub struct Hardware {
    pub nic: igb::device::Device<Mmio, Stall>,
    pub interrupts: Interrupts<Mmio>,
    pub model: &'static Model,
    pub config: Config,
    pub permanent_address: MacAddress,
    pub dma: DmaEnabler,
    registers: Mmio,
    tx: [Notification; QUEUES],
    rx: [Notification; QUEUES],
    /// VM queues that have a vector of their own, were VMDq on.
    pub vm_queues: u8,
    vectors: [Option<Interrupt>; MAX_VECTORS],
    /// Dropped last: everything above uses the registers.
    _mapping: Mapping,
}

impl Hardware {
    /// Maps the registers, brings the device to rest, reads its address and creates its interrupts.
    pub fn prepare(
        device: Device,
        context: Ancestor<Igb>,
        config: Config,
        resources: &Resources<'_>,
        passive: Passive<'_>,
    ) -> Result<Self> {
        let configuration_error = Status::new(wdk_sys::STATUS_DEVICE_CONFIGURATION_ERROR);
        let model = Model::from_device_id(DEVICE_82576).ok_or(configuration_error)?;
        let bar0 =
            resources.memory().next().filter(|range| range.len() >= REGISTER_BYTES).ok_or(configuration_error)?;
        let mapping = Mapping::new(bar0, passive)?;
        // SAFETY: the mapping goes in ReleaseHardware, with this value; interrupts and queues, which keep the copies, are
        // gone by then.
        let registers = Mmio(unsafe { mapping.window() });

        let nic = igb::device::Device::new(registers, Stall, model);
        nic.reset().map_err(status)?;
        let permanent_address = nic.permanent_address().map_err(status)?;

        let granted = resources.interrupts().take_while(|interrupt| interrupt.is_message()).count();
        // CAST: at most MAX_QUEUES.
        let vm_queues = granted.saturating_sub(OWN_VECTORS).min(MAX_QUEUES) as u8;
        let routed = if config.vmdq { vm_queues } else { 0 };
        let mode = match granted.min(OWN_VECTORS) as u8 {
            0 => Mode::Line,
            own => Mode::MsiX { vectors: own + routed },
        };
        let map = VectorMap::new(mode, model, QUEUES as u8, QUEUES as u8 + routed);
        let vectors = connect(device, context, &map, resources, passive)?;
        Ok(Self {
            nic,
            interrupts: Interrupts::new(registers, model, map),
            model,
            config,
            permanent_address,
            dma: DmaEnabler::new(device, MAXIMUM_TRANSFER, passive)?,
            registers,
            tx: array::from_fn(|_| Notification::new(Direction::Tx)),
            rx: array::from_fn(|_| Notification::new(Direction::Rx)),
            vm_queues,
            vectors,
            _mapping: mapping,
        })
    }

    /// Station address in use.
    pub fn station(&self) -> MacAddress {
        self.config.network_address.unwrap_or(self.permanent_address)
    }

    /// The hardware gives VM queues their frames: it was asked to, and there is a vector for one at least.
    pub const fn has_pools(&self) -> bool {
        self.config.vmdq && self.vm_queues != 0
    }

    /// The registers, for a queue's ring.
    pub const fn registers(&self) -> Mmio {
        self.registers
    }

    /// The notification of a queue, and the interrupt that its cause is routed to.
    pub fn notification(&self, cause: Cause) -> Option<(&Notification, Interrupt)> {
        let notification = match cause {
            Cause::Tx(queue) => self.tx.get(usize::from(queue)),
            Cause::Rx(queue) => self.rx.get(usize::from(queue)),
            Cause::Link => None,
        }?;
        let vector = self.interrupts.map().vector(cause);
        Some((notification, (*self.vectors.get(usize::from(vector))?)?))
    }

    /// Notifications of the queues in `causes`, each with its cause.
    pub fn notifications(&self, causes: Causes) -> impl Iterator<Item = (Cause, &Notification)> {
        let set = |bits: u16| move |(queue, _): &(u8, &Notification)| bits & 1 << *queue != 0;
        let tx =
            (0..).zip(&self.tx).filter(set(causes.tx)).map(|(queue, notification)| (Cause::Tx(queue), notification));
        let rx =
            (0..).zip(&self.rx).filter(set(causes.rx)).map(|(queue, notification)| (Cause::Rx(queue), notification));
        tx.chain(rx)
    }

    /// Zeroed memory for a ring, and what [`igb`] calls it. The buffer is to be kept until the ring is released.
    pub fn ring_memory(&self, len: usize, passive: Passive<'_>) -> Result<(CommonBuffer, DmaMemory)> {
        let buffer = CommonBuffer::new(self.dma, len, RING_ALIGNMENT, passive)?;
        // SAFETY: `len` bytes of a fresh common buffer, which nothing else refers to and the queue keeps as long as its
        // ring; the device address is the one the framework gave for it.
        let memory = unsafe { DmaMemory::new(buffer.address(), buffer.device_address(), len) };
        Ok((buffer, memory))
    }
}

/// Creates an interrupt object for each vector in use, or for the line.
fn connect(
    device: Device,
    context: Ancestor<Igb>,
    map: &VectorMap,
    resources: &Resources<'_>,
    passive: Passive<'_>,
) -> Result<[Option<Interrupt>; MAX_VECTORS]> {
    let mut vectors = [None; MAX_VECTORS];
    for ((vector, slot), resource) in (0..map.vectors()).zip(&mut vectors).zip(resources.interrupts()) {
        *slot = Some(Interrupt::new(device, &resource, Vector::new(context, vector), passive)?);
    }
    if vectors[0].is_none() {
        return Err(Status::new(wdk_sys::STATUS_DEVICE_CONFIGURATION_ERROR));
    }
    Ok(vectors)
}
