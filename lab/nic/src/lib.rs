//! API skeleton: bodies follow. Signatures are final unless the report says otherwise.
#![allow(missing_docs, unused_variables, dead_code)]
use std::{collections::BTreeMap, net::SocketAddr, path::{Path, PathBuf}, str::FromStr, sync::Arc, time::Duration};

pub const PAGE_SIZE: u64 = 4096;
/// The bit of [`Nic::take_interrupts`] that stands for the line interrupt.
pub const INTX_BIT: u32 = 63;

#[derive(Debug, thiserror::Error, Clone)]
#[error("{0}")]
pub struct NicError(String);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint { Unix(PathBuf), Udp(SocketAddr) }
impl FromStr for Endpoint { type Err = NicError; fn from_str(s: &str) -> Result<Self, NicError> { unimplemented!() } }

#[derive(Clone, Debug)]
pub enum Net { User, Wire, Dgram { local: Endpoint, remote: Endpoint } }
/// `"user"`, `"wire"`, `"dgram:LOCAL,REMOTE"` (paths or host:port)
impl FromStr for Net { type Err = NicError; fn from_str(s: &str) -> Result<Self, NicError> { unimplemented!() } }

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock { Auto, Real, Virtual }

#[derive(Clone, Debug)]
pub struct NicConfig { pub device: String, pub mac: [u8; 6], pub net: Net, pub ram_mib: u32, pub fence: bool, pub clock: Clock, pub qemu: Option<PathBuf>, pub pcap: Option<PathBuf>, pub pin: bool }
impl Default for NicConfig { fn default() -> Self { unimplemented!() } }

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar { pub index: u8, pub phys: u64, pub len: u64, pub io: bool }

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DmaFault { pub address: u64, pub write: bool, pub reason: u8, pub source: u16, pub more_lost: bool }

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NicStats { pub mmio_reads: u64, pub mmio_writes: u64, pub reads_from: BTreeMap<u64, u64>, pub writes_to: BTreeMap<u64, u64>, pub interrupts: Vec<u64>, pub line_interrupts: u64 }

pub struct Nic;
impl Nic {
    pub fn start(config: &NicConfig) -> Result<Arc<Nic>, NicError> { unimplemented!() }
    pub fn stop(&self) { unimplemented!() }
    /// Why the adapter's process was lost, if it was. Idle loops should look at this and end the run.
    pub fn failure(&self) -> Option<NicError> { unimplemented!() }
    pub fn bars(&self) -> &[Bar] { unimplemented!() }
    pub fn is_nic_address(&self, phys: u64) -> bool { unimplemented!() }
    pub fn mmio_read(&self, phys: u64, width: u8) -> u64 { unimplemented!() }
    pub fn mmio_write(&self, phys: u64, width: u8, value: u64) { unimplemented!() }
    /// Posted writes reach the device.
    pub fn flush(&self) { unimplemented!() }
    pub fn pci_read(&self, offset: u16, width: u8) -> u32 { unimplemented!() }
    pub fn pci_write(&self, offset: u16, width: u8, value: u32) { unimplemented!() }
    pub fn msix_vectors(&self) -> u32 { unimplemented!() }
    pub fn enable_msix(&self, n: u32) { unimplemented!() }
    pub fn disable_msix(&self) { unimplemented!() }
    pub fn set_vector_masked(&self, vector: u32, masked: bool) { unimplemented!() }
    pub fn take_interrupts(&self) -> u64 { unimplemented!() }
    pub fn ram(&self) -> &GuestRam { unimplemented!() }
    pub fn dma_map(&self, phys: u64, len: u64, write: bool) -> u64 { unimplemented!() }
    pub fn dma_unmap(&self, iova: u64, len: u64) { unimplemented!() }
    /// Unmaps many ranges with one IOTLB flush.
    pub fn dma_unmap_all(&self, ranges: &[(u64, u64)]) { unimplemented!() }
    pub fn dma_faults(&self) -> Vec<DmaFault> { unimplemented!() }
    pub fn clock_is_virtual(&self) -> bool { unimplemented!() }
    pub fn now(&self) -> Duration { unimplemented!() }
    /// Lets exactly `d` pass.
    pub fn step(&self, d: Duration) { unimplemented!() }
    /// Lets at most `max` pass, less when an interrupt or a wire frame shows up.
    pub fn idle(&self, max: Duration) { unimplemented!() }
    pub fn wire(&self) -> Option<&Wire> { unimplemented!() }
    pub fn set_link(&self, up: bool) { unimplemented!() }
    pub fn faults(&self) -> &FaultPlan { unimplemented!() }
    pub fn stats(&self) -> NicStats { unimplemented!() }
    /// Writes the capture so far to `NicConfig::pcap` (also done by `stop` and drop).
    pub fn write_capture(&self) -> Result<(), NicError> { unimplemented!() }
    pub fn hmp(&self, command: &str) -> Result<String, NicError> { unimplemented!() }
}

pub struct GuestRam;
impl GuestRam {
    pub fn alloc(&self, pages: u64, align: u64) -> Result<RamBlock, NicError> { unimplemented!() }
    /// SHA-256 of every allocated block, in address order.
    pub fn hash(&self) -> [u8; 32] { unimplemented!() }
    pub fn is_dma_mapped(&self, phys: u64, len: u64) -> bool { unimplemented!() }
    pub fn va_of(&self, phys: u64) -> Option<*mut u8> { unimplemented!() }
}
/// Freed when dropped; panics when still mapped for DMA.
pub struct RamBlock { va: *mut u8, phys: u64, len: u64 }
impl RamBlock {
    pub fn va(&self) -> *mut u8 { unimplemented!() }
    pub fn phys(&self) -> u64 { unimplemented!() }
    pub fn len(&self) -> u64 { unimplemented!() }
    pub fn read(&self, offset: u64, bytes: &mut [u8]) { unimplemented!() }
    pub fn write(&self, offset: u64, bytes: &[u8]) { unimplemented!() }
}
// SAFETY: skeleton
unsafe impl Send for RamBlock {}
// SAFETY: skeleton
unsafe impl Sync for RamBlock {}

pub struct Wire;
impl Wire {
    pub fn send(&self, frame: &[u8]) { unimplemented!() }
    pub fn recv(&self) -> Option<Vec<u8>> { unimplemented!() }
    /// True when the adapter took every frame sent and every frame it sent is in the receive queue; false when it takes no more.
    pub fn barrier(&self) -> bool { unimplemented!() }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFault { AllOnes, Zeros, Random(u64), Previous }
/// Accesses (reads and writes of memory BARs) are counted from 0.
pub struct FaultPlan;
impl FaultPlan {
    /// From access `k` on, reads answer as `fault` says; writes still arrive.
    pub fn reads(&self, fault: ReadFault, from: u64) { unimplemented!() }
    /// Bits of the register at BAR0 + `offset` that read as given: `set` as 1, `clear` as 0.
    pub fn stuck_bits(&self, offset: u64, set: u64, clear: u64) { unimplemented!() }
    /// From access `k` on the adapter is gone.
    pub fn remove_at(&self, k: u64) { unimplemented!() }
    pub fn surprise_remove(&self) { unimplemented!() }
    pub fn is_removed(&self) -> bool { unimplemented!() }
    /// Drops every n-th interrupt
    pub fn lose_interrupts(&self, one_in: u64) { unimplemented!() }
    pub fn clear(&self) { unimplemented!() }
    pub fn accesses(&self) -> u64 { unimplemented!() }
}
pub fn virtual_time_qemu() -> Option<PathBuf> { unimplemented!() }
fn _p(_: &Path) {}
