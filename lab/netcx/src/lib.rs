//! API skeleton: bodies follow within the hour. Signatures are final unless the report says otherwise.
#![allow(missing_docs, unused_variables, dead_code)]
use lab_kernel::cpu;
use std::time::Duration;
use wdk_sys::{NTSTATUS, PWDF_DRIVER_GLOBALS, WDF_CLASS_BIND_INFO, WDFDEVICE};

/// The class extension to register: `lab_kmdf::register_class(&lab_netcx::CLASS)`.
pub struct NetAdapterCx;
pub static CLASS: NetAdapterCx = NetAdapterCx;
impl lab_kmdf::ClassExtension for NetAdapterCx {
    fn name(&self) -> &'static str { "NetAdapterCx" }
    unsafe fn bind(&self, record: *mut WDF_CLASS_BIND_INFO, globals: PWDF_DRIVER_GLOBALS) -> NTSTATUS { todo!() }
    unsafe fn unbind(&self, record: *mut WDF_CLASS_BIND_INFO, globals: PWDF_DRIVER_GLOBALS) { todo!() }
}

/// Where the payload of a Tx fragment is put in guest memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement { Packed, Scattered { seed: u64 } }

/// How the framework and the stack above it behave. Set before the device starts.
#[derive(Clone, Debug)]
pub struct Options {
    /// Driver Verifier mode: poison, snapshots, DISPATCH_LEVEL on every other call, ring rules end the run.
    pub verifier: bool,
    /// Every buffer is mapped for the device only while the client owns it.
    pub strict_dma: bool,
    /// DMA_BOUNCE_POLICY "always": each Tx packet is copied into one fragment.
    pub bounce_always: bool,
    pub tx_placement: Placement,
    /// Capacity of Rx buffers instead of MaximumFrameSize (frames then span several fragments).
    pub rx_buffer_len: Option<u32>,
    /// Ring sizes instead of the framework's own, powers of two in 2..=4096.
    pub tx_packets: Option<u32>,
    pub tx_fragments: Option<u32>,
    pub rx_packets: Option<u32>,
    pub rx_fragments: Option<u32>,
    /// How long a queue may take to give everything back after Cancel before the run ends with "stop hangs".
    pub stop_deadline: Duration,
    /// The first poll loop after a notification runs in a DPC.
    pub dpc_first_loop: bool,
    /// Poll rounds a DPC may do before the worker thread takes over.
    pub dpc_rounds: u32,
}
impl Default for Options { fn default() -> Self { todo!() } }
pub fn set_options(options: Options) { todo!() }
pub fn options() -> Options { todo!() }
/// No queue is advanced for this long from now.
pub fn starve(d: Duration) { todo!() }

/// One packet for the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TxPacket { pub fragments: Vec<Vec<u8>>, pub id: u64 }
/// One packet from the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RxPacket { pub data: Vec<u8>, pub fragments: u16 }

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkState { pub connected: bool, pub full_duplex: bool, pub tx_speed: u64, pub rx_speed: u64 }

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    pub packets: u64, pub bytes: u64, pub ignored: u64,
    pub advance_calls: u64, pub empty_advances: u64, pub advances_at_dispatch: u64, pub max_packets_per_advance: u64,
    pub advance_time: Duration, pub arms: u64, pub notifications: u64,
}
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdapterStats {
    pub tx_packets: u64, pub tx_bytes: u64, pub rx_packets: u64, pub rx_bytes: u64,
    pub tx_bounced: u64, pub tx_ignored: u64, pub tx_paused: u64, pub rx_ignored: u64, pub rx_dropped: u64,
    pub advance_calls: u64, pub notifications: u64, pub arms: u64, pub datapath_starts: u64,
    /// By queue id; counters go on over queue re-creation.
    pub tx_queues: Vec<QueueStats>, pub rx_queues: Vec<QueueStats>,
}

pub struct Adapter { _p: () }
/// The adapter that the driver made for `dev`, once NetAdapterCreate succeeded.
pub fn adapter_of(dev: WDFDEVICE) -> Option<&'static Adapter> { todo!() }
impl Adapter {
    pub fn mac(&self) -> [u8; 6] { todo!() }
    pub fn mtu(&self) -> u32 { todo!() }
    pub fn link(&self) -> LinkState { todo!() }
    /// Auto-reset; set at each change of the link state.
    pub fn link_event(&self) -> cpu::Event { todo!() }
    pub fn is_started(&self) -> bool { todo!() }
    pub fn datapath_running(&self) -> bool { todo!() }
    /// Queues a packet above the Tx ring; false = 4096 are waiting. Without a running datapath it completes as paused.
    pub fn send(&self, p: TxPacket) -> bool { todo!() }
    /// Ids completed since the last call, in order.
    pub fn tx_completed(&self) -> Vec<u64> { todo!() }
    /// Nothing waits above the ring and the client owns no Tx packet.
    pub fn tx_idle(&self) -> bool { todo!() }
    pub fn recv(&self) -> Option<RxPacket> { todo!() }
    /// Auto-reset; set when packets were received.
    pub fn rx_event(&self) -> cpu::Event { todo!() }
    /// Auto-reset; set when Tx packets were completed.
    pub fn tx_event(&self) -> cpu::Event { todo!() }
    /// As OID_GEN_CURRENT_PACKET_FILTER and OID_802_3_MULTICAST_LIST; `flags` are NET_PACKET_FILTER_FLAGS.
    /// Err: bits that the client does not support, which it never sees.
    pub fn set_receive_filter(&self, flags: i32, multicast: &[[u8; 6]]) -> Result<(), NTSTATUS> { todo!() }
    /// Stop, destroy, create and start all queues, as an MTU change or an RSS re-plan does.
    pub fn restart_datapath(&self) -> Result<(), NTSTATUS> { todo!() }
    pub fn stats(&self) -> AdapterStats { todo!() }
}
