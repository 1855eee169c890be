//! API skeleton
#![no_std]
#![allow(missing_docs, unused)]
use core::ops::DerefMut;
use core::ptr::NonNull;

pub trait Registers { fn read(&self, offset: u32) -> u32; fn write(&self, offset: u32, value: u32); }
pub trait Delay { fn delay_us(&self, us: u32); }
impl<R: Registers + ?Sized> Registers for &R { fn read(&self, o: u32) -> u32 { (**self).read(o) } fn write(&self, o: u32, v: u32) { (**self).write(o, v) } }
impl<D: Delay + ?Sized> Delay for &D { fn delay_us(&self, us: u32) { (**self).delay_us(us) } }

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction { Transmit, Receive }
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    DeviceGone, ResetTimeout, NvmTimeout, PhyTimeout, PhyFault { register: u8 }, BadMacAddress(MacAddress),
    QueueStuck { direction: Direction, queue: u8 },       // would not stop: only Device::reset proves DMA off
    QueueStartTimeout { direction: Direction, queue: u8 },
    NoSuchQueue { direction: Direction, queue: u8 }, BadRing, BadBufferSize, BadFrameSize,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MacAddress(pub [u8; 6]);

pub mod model {
    pub struct Model { pub name: &'static str, pub tx_queues: u8, pub rx_queues: u8, pub msix_vectors: u8, pub receive_addresses: u8 }
    impl Model { /// PCI device id of vendor 0x8086
        pub fn from_device_id(device_id: u16) -> Option<&'static Model> { unimplemented!() } }
}
pub mod device {
    use super::*; use crate::model::Model;
    /// All methods PASSIVE, serialised by the caller (its device lock).
    pub struct Device<R, D> { registers: R, delay: D, model: &'static Model }
    /// Proof that the device was reset: no queue does DMA. Given to tx/rx `Queue::halted`.
    pub struct Reset(());
    pub enum Speed { Mbps10, Mbps100, Mbps1000 }
    impl Speed { pub fn bits_per_second(self) -> u64 { unimplemented!() } }
    pub enum Link { Down, Up { speed: Speed, full_duplex: bool, rx_pause: bool, tx_pause: bool } }
    impl<R: Registers, D: Delay> Device<R, D> {
        pub fn new(registers: R, delay: D, model: &'static Model) -> Self { unimplemented!() }
        /// Survives a dirty device: master disable, mask, reset, wait, clear. Everything is off after it. Also the stop (D0Exit) and the hammer.
        pub fn reset(&self) -> Result<Reset, Error> { unimplemented!() }
        /// Address the NVM put in RAL0/RAH0 (valid after reset).
        pub fn permanent_address(&self) -> Result<MacAddress, Error> { unimplemented!() }
        /// After reset: MAC defaults, TCTL/RCTL settings. max_frame: longest frame without FCS (MTU + 14 (+4 VLAN)).
        pub fn configure(&self, station: MacAddress, max_frame: u16) -> Result<(), Error> { unimplemented!() }
        /// CTRL.SLU + PHY autonegotiation.
        pub fn start_link(&self) -> Result<(), Error> { unimplemented!() }
        pub fn link(&self) -> Result<Link, Error> { unimplemented!() }
        /// Replay after every reset; keeps RCTL.EN as it is.
        pub fn set_receive_filter(&self, station: MacAddress, filter: &filter::ReceiveFilter) -> Result<(), Error> { unimplemented!() }
        /// Global MAC enables (TCTL.EN / RCTL.EN); queues have their own.
        pub fn enable_transmit(&self, on: bool) -> Result<(), Error> { unimplemented!() }
        pub fn enable_receive(&self, on: bool) -> Result<(), Error> { unimplemented!() }
    }
}
pub mod filter {
    use super::*;
    bitflags::bitflags! { #[derive(Clone, Copy, Debug, PartialEq, Eq)] pub struct PacketFilter: u32 { const DIRECTED = 1; const MULTICAST = 2; const ALL_MULTICAST = 4; const BROADCAST = 8; const PROMISCUOUS = 0x20; } }
    /// Snapshot to keep and replay; more than 128 addresses become ALL_MULTICAST.
    #[derive(Clone)]
    pub struct ReceiveFilter { _p: () }
    impl ReceiveFilter {
        pub const MAX_MULTICAST: usize = 128;
        pub fn new(filter: PacketFilter, multicast: impl IntoIterator<Item = MacAddress>) -> Self { unimplemented!() }
        pub const fn nothing() -> Self { unimplemented!() }
    }
}
pub mod interrupt {
    use super::*; use crate::model::Model;
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Cause { Tx(u8), Rx(u8), Link }
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Mode { MsiX { vectors: u8 }, Line }
    /// Which cause is on which vector. Own vector for each cause if there are enough, then Tx i with Rx i, then spread; link is vector 0.
    #[derive(Clone, Copy)]
    pub struct VectorMap { _p: () }
    impl VectorMap {
        pub fn new(mode: Mode, model: &Model, tx_queues: u8, rx_queues: u8) -> Self { unimplemented!() }
        pub fn mode(&self) -> Mode { unimplemented!() }
        pub fn vectors(&self) -> u8 { unimplemented!() }
        pub fn vector(&self, cause: Cause) -> u8 { unimplemented!() }
        pub fn causes(&self, vector: u8) -> Causes { unimplemented!() }
    }
    /// Set of causes: what an interrupt may stand for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct Causes { pub link: bool, pub tx: u16, pub rx: u16 }
    impl Causes { pub fn is_empty(self) -> bool { unimplemented!() } }
    /// The shared part: &self from any IRQL, each method a single register write or read.
    pub struct Interrupts<R> { registers: R, map: VectorMap }
    impl<R: Registers> Interrupts<R> {
        pub fn new(registers: R, model: &'static Model, map: VectorMap) -> Self { unimplemented!() }
        /// After every reset: GPIE, IVAR, EIAC, EIAM, EITR; everything stays masked.
        pub fn configure(&self) -> Result<(), Error> { unimplemented!() }
        pub fn map(&self) -> &VectorMap { unimplemented!() }
        /// One write. Arms the cause (its whole vector, or its ICR bit on the line).
        pub fn unmask(&self, cause: Cause) { unimplemented!() }
        pub fn mask(&self, cause: Cause) { unimplemented!() }
        pub fn mask_all(&self) { unimplemented!() }
        /// MSI-X ISR of `vector`: the vector has masked itself (auto-mask); no register access unless it carries the link cause (ICR read).
        pub fn on_vector(&self, vector: u8) -> Causes { unimplemented!() }
        /// Line ISR: None = not ours (or device gone): do not claim. Else the causes, already masked.
        pub fn on_line(&self) -> Option<Causes> { unimplemented!() }
    }
}
pub mod memory {
    use super::*;
    /// DMA memory owned by the CPU. Giving it to a queue shares it with the device until Queue::release.
    pub struct DmaMemory { _p: () }
    impl DmaMemory {
        /// # Safety: ptr valid for len bytes, for reads and writes, exclusively, until released; device_address is its address for the device.
        pub unsafe fn new(address: NonNull<u8>, device_address: u64, len: usize) -> Self { unimplemented!() }
    }
    unsafe impl Send for DmaMemory {}
}
pub mod tx {
    use super::*; use memory::DmaMemory; use crate::model::Model;
    /// One entry of the completion FIFO.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct Completion { _p: () }
    /// One fragment of a packet
    #[derive(Clone, Copy)] pub struct Fragment { pub device_address: u64, pub length: u32 }
    #[derive(Debug)] pub struct Full;
    /// Bytes of descriptor memory (128-byte aligned) and entries of completion FIFO for N descriptors
    pub const fn memory_len(descriptors: u16) -> usize { descriptors as usize * 16 }
    pub struct Queue<R, C> { r: R, c: C }
    impl<R: Registers, C: DerefMut<Target = [Completion]>> Queue<R, C> {
        /// completions.len() >= descriptors; Box<[Completion]> or &mut [Completion]
        pub fn new(registers: R, model: &Model, index: u8, descriptors: u16, memory: DmaMemory, completions: C) -> Result<Self, Error> { unimplemented!() }
        pub fn enable(&mut self, delay: &impl Delay) -> Result<(), Error> { unimplemented!() }
        /// Ok or DeviceGone: no more DMA, `abandon` may be called. QueueStuck: reset the device, then `halted`.
        pub fn disable(&mut self, delay: &impl Delay) -> Result<(), Error> { unimplemented!() }
        pub fn halted(&mut self, reset: &device::Reset) { unimplemented!() }
        /// Packets never completed, after DMA is off (0 while it is on): give them back to the caller.
        pub fn abandon(&mut self) -> u32 { unimplemented!() }
        /// Packets completed since the last call, in order (skipped ones included).
        pub fn reclaim(&mut self) -> u32 { unimplemented!() }
        /// Descriptors free.
        pub fn room(&self) -> u16 { unimplemented!() }
        /// Packets posted and not yet reported by reclaim.
        pub fn outstanding(&self) -> u32 { unimplemented!() }
        pub fn batch(&mut self) -> Batch<'_, R, C> { unimplemented!() }
        /// Memory back to the CPU; Err(self) while DMA is not proven off
        pub fn release(self) -> Result<(DmaMemory, C), Self> { unimplemented!() }
    }
    /// Nothing is sent until submit; dropped = never happened.
    #[must_use] pub struct Batch<'q, R, C> { q: &'q mut Queue<R, C> }
    impl<R: Registers, C: DerefMut<Target = [Completion]>> Batch<'_, R, C> {
        pub fn room(&self) -> u16 { unimplemented!() }
        /// All or nothing. Zero-length fragments are skipped; a packet of only those is as `skip`.
        pub fn post(&mut self, fragments: impl Iterator<Item = Fragment>) -> Result<(), Full> { unimplemented!() }
        /// Fast path
        pub fn post_one(&mut self, fragment: Fragment) -> Result<(), Full> { unimplemented!() }
        /// A packet that is not sent (Ignore): counted by reclaim in its place.
        pub fn skip(&mut self) { unimplemented!() }
        /// One tail write if anything was posted.
        pub fn submit(self) { unimplemented!() }
    }
}
pub mod rx {
    use super::*; use memory::DmaMemory; use crate::model::Model;
    pub struct Queue<R> { r: R }
    pub const fn memory_len(descriptors: u16) -> usize { descriptors as usize * 16 }
    impl<R: Registers> Queue<R> {
        /// buffer_size: bytes of every posted buffer, multiple of 1024
        pub fn new(registers: R, model: &Model, index: u8, descriptors: u16, buffer_size: u32, memory: DmaMemory) -> Result<Self, Error> { unimplemented!() }
        /// Ring on, empty; then refill.
        pub fn enable(&mut self, delay: &impl Delay) -> Result<(), Error> { unimplemented!() }
        pub fn disable(&mut self, delay: &impl Delay) -> Result<(), Error> { unimplemented!() }
        pub fn halted(&mut self, reset: &device::Reset) { unimplemented!() }
        pub fn room(&self) -> u16 { unimplemented!() }
        pub fn posted(&self) -> u16 { unimplemented!() }
        /// Posts buffers while there is room (never takes an item it cannot post), one tail write; returns how many.
        pub fn refill(&mut self, device_addresses: impl Iterator<Item = u64>) -> u16 { unimplemented!() }
        /// Finished descriptors in posting order; reads memory only.
        pub fn completions(&mut self) -> Completions<'_, R> { unimplemented!() }
        /// Buffers never filled, after DMA is off (0 while it is on); they are the caller's again.
        pub fn abandon(&mut self) -> u16 { unimplemented!() }
        pub fn release(self) -> Result<DmaMemory, Self> { unimplemented!() }
    }
    pub struct Completions<'q, R> { q: &'q mut Queue<R> }
    impl<R: Registers> Iterator for Completions<'_, R> { type Item = Completion; fn next(&mut self) -> Option<Completion> { unimplemented!() } }
    #[derive(Clone, Copy)] pub struct Completion(u64);
    impl Completion { pub fn length(self) -> u16 { unimplemented!() } pub fn end_of_frame(self) -> bool { unimplemented!() } pub fn is_bad(self) -> bool { unimplemented!() } }
    /// What one more descriptor makes of the frame.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Frame { Partial, Whole { descriptors: u16, length: u32 }, Bad { descriptors: u16 } }
    /// Puts frames over several descriptors together; bounds the chain, counts what it drops.
    pub struct FrameAssembler { _p: () }
    impl FrameAssembler {
        pub const fn new(max_descriptors: u16) -> Self { unimplemented!() }
        pub fn push(&mut self, c: Completion) -> Frame { unimplemented!() }
        /// Descriptors of a frame begun and not ended.
        pub fn pending(&self) -> u16 { unimplemented!() }
        pub fn reset(&mut self) { unimplemented!() }
    }
}
