//! How the framework and the stack above it behave in this run.

use lab_kernel::cpu;
use netadaptercx_sys::_NET_PACKET_FILTER_FLAGS as filter;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Where the payload of Tx fragments is put in guest memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// One after the other, each at the alignment the client asked for.
    Packed,
    /// At odd offsets and across page ends, by chance with this seed. Fragments that are then not aligned as the client
    /// asked are bounced, as on Windows.
    Scattered {
        /// Seed of the choice.
        seed: u64,
    },
}

/// Options of the run; set before the device starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Driver Verifier mode: Rx elements are poisoned, rings compared around each call, every other call made at
    /// DISPATCH_LEVEL, and a broken ring rule ends the run with bugcheck 0x19E.
    pub verifier: bool,
    /// Every buffer is mapped for the device only while the client owns it, so that the fence catches DMA after return.
    pub strict_dma: bool,
    /// DMA bounce policy "always": each Tx packet is copied into one fragment.
    pub bounce_always: bool,
    /// Where Tx payload lies.
    pub tx_placement: Placement,
    /// Capacity of Rx buffers instead of MaximumFrameSize, so that frames span several fragments.
    pub rx_buffer_len: Option<u32>,
    /// Elements of the Tx packet ring instead of the framework's choice: a power of two in 2..=4096.
    pub tx_packets: Option<u32>,
    /// Elements of the Tx fragment ring, likewise.
    pub tx_fragments: Option<u32>,
    /// Elements of the Rx packet ring, likewise.
    pub rx_packets: Option<u32>,
    /// Elements of the Rx fragment ring, likewise.
    pub rx_fragments: Option<u32>,
    /// How long a queue may take to give everything back after Cancel before the run ends with "stop hangs".
    pub stop_deadline: Duration,
    /// The first poll loop after a notification runs in a DPC.
    pub dpc_first_loop: bool,
    /// Poll rounds of one DPC before the worker thread takes over.
    pub dpc_rounds: u32,
    /// Names of extensions that stay disabled, as a keyword turned off would leave them.
    pub disabled_extensions: Vec<&'static str>,
    /// NDIS grants shared memory; if not, NdisAllocateSharedMemory answers NDIS_STATUS_FAILURE.
    pub shared_memory: bool,
    /// Packet filter the stack sets when the adapter has started; bits the client does not support are left out.
    pub initial_filter: i32,
    /// Multicast addresses the stack sets with it.
    pub initial_multicast: Vec<[u8; 6]>,
}

/// All-systems of IPv4 and all-nodes of IPv6, which every Windows host joins.
const HOST_GROUPS: [[u8; 6]; 2] = [[0x01, 0, 0x5e, 0, 0, 1], [0x33, 0x33, 0, 0, 0, 1]];

impl Options {
    const fn new() -> Options {
        Options {
            verifier: true,
            strict_dma: false,
            bounce_always: false,
            tx_placement: Placement::Packed,
            rx_buffer_len: None,
            tx_packets: None,
            tx_fragments: None,
            rx_packets: None,
            rx_fragments: None,
            stop_deadline: Duration::from_secs(10),
            dpc_first_loop: true,
            dpc_rounds: 16,
            disabled_extensions: Vec::new(),
            shared_memory: true,
            initial_filter: filter::NetPacketFilterFlagDirected
                | filter::NetPacketFilterFlagMulticast
                | filter::NetPacketFilterFlagBroadcast,
            initial_multicast: Vec::new(),
        }
    }
}

impl Default for Options {
    fn default() -> Options {
        Options { initial_multicast: HOST_GROUPS.to_vec(), ..Options::new() }
    }
}

struct State {
    options: Option<Arc<Options>>,
    starve_until: Duration,
}

static STATE: Mutex<State> = Mutex::new(State { options: None, starve_until: Duration::ZERO });

/// Sets the options; call before the device starts.
///
/// # Panics
/// A ring size is no power of two in 2..=4096, or an Rx buffer has no byte.
pub fn set_options(options: Options) {
    for size in
        [options.tx_packets, options.tx_fragments, options.rx_packets, options.rx_fragments].into_iter().flatten()
    {
        assert!(size.is_power_of_two() && (2..=4096).contains(&size), "ring size {size}: a power of two in 2..=4096");
    }
    assert!(options.rx_buffer_len != Some(0), "an Rx buffer has at least one byte");
    STATE.lock().unwrap().options = Some(Arc::new(options));
}

/// The options in force.
pub fn options() -> Arc<Options> {
    STATE.lock().unwrap().options.get_or_insert_default().clone()
}

/// No queue is advanced for `d` from now; what happens meanwhile is noticed afterwards.
pub fn starve(d: Duration) {
    STATE.lock().unwrap().starve_until = cpu::now() + d;
}

/// When the starvation asked for by [`starve`] ends; `None`: there is none now.
pub(crate) fn starving() -> Option<Duration> {
    let until = STATE.lock().unwrap().starve_until;
    (until > Duration::ZERO && cpu::now() < until).then_some(until)
}
