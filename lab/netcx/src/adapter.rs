//! The adapter: its state, and what the stack above sees of it.

use crate::capabilities::Capabilities;
use crate::client::Handle;
use crate::contract;
use crate::datapath::Datapath;
use crate::extension::{self, Extension};
use crate::filter;
use crate::ndis::shared_memory::{self, Witness};
use crate::queue::Direction;
use crate::stack::{RxPacket, Stack, TxPacket};
use crate::stats::{AdapterStats, QueueStats};
use lab_kernel::cpu::{self, Event};
use ndis_sys::NDIS_RECEIVE_QUEUE_ID;
use netadaptercx_sys::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use wdk_sys::{NTSTATUS, WDFDEVICE};

/// The link as the client last reported it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkState {
    /// MediaConnectStateConnected.
    pub connected: bool,
    /// MediaDuplexStateFull.
    pub full_duplex: bool,
    /// Bits per second.
    pub tx_speed: u64,
    /// Bits per second.
    pub rx_speed: u64,
}

/// Who made an adapter, and from what.
pub struct Origin {
    pub device: Handle,
    pub minor: u32,
    pub wdf_globals: usize,
    pub callbacks: NET_ADAPTER_DATAPATH_CALLBACKS,
}

#[derive(Default)]
struct State {
    capabilities: Capabilities,
    link: NET_ADAPTER_LINK_STATE,
    /// NetAdapterStart succeeded and NetAdapterStop was not called since.
    started: bool,
    /// The device is in D0 with its interrupts connected.
    io: bool,
    /// The protocols above set their filter since the adapter was started.
    filter_set: bool,
    extensions: Vec<Extension>,
    datapath: Option<Datapath>,
}

/// One network adapter.
pub struct Adapter {
    origin: Origin,
    handle: AtomicUsize,
    ndis_handle: usize,
    state: Mutex<State>,
    stack: Arc<Stack>,
    link_event: Event,
    /// Held while the datapath is made or taken down.
    transition: Event,
    tx_stats: Mutex<Vec<Arc<Mutex<QueueStats>>>>,
    rx_stats: Mutex<Vec<Arc<Mutex<QueueStats>>>>,
}

/// STATUS_NDIS_MULTICAST_FULL.
const MULTICAST_FULL: NTSTATUS = 0xC023_0009_u32 as i32;

impl Adapter {
    pub(crate) fn new(origin: Origin) -> Adapter {
        let bus = lab_kmdf::bus_of(origin.device as WDFDEVICE);
        Adapter {
            origin,
            handle: AtomicUsize::new(0),
            ndis_handle: shared_memory::adapter_created(bus),
            state: Mutex::default(),
            stack: Arc::new(Stack::new()),
            link_event: Event::new(false, false),
            transition: Event::new(false, true),
            tx_stats: Mutex::default(),
            rx_stats: Mutex::default(),
        }
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn handle(&self) -> Handle {
        self.handle.load(Ordering::Relaxed)
    }

    pub(crate) fn set_handle(&self, handle: Handle) {
        self.handle.store(handle, Ordering::Relaxed);
    }

    /// The adapter's NDIS_HANDLE.
    pub(crate) fn ndis_handle(&self) -> usize {
        self.ndis_handle
    }

    pub(crate) fn stack(&self) -> &Arc<Stack> {
        &self.stack
    }

    /// What the client declared.
    pub fn capabilities(&self) -> Capabilities {
        self.state.lock().unwrap().capabilities
    }

    pub(crate) fn change_capabilities(&self, change: impl FnOnce(&mut Capabilities)) {
        change(&mut self.state.lock().unwrap().capabilities);
    }

    pub(crate) fn extensions(&self) -> Vec<Extension> {
        self.state.lock().unwrap().extensions.clone()
    }

    /// The counters of a queue id.
    pub(crate) fn queue_stats(&self, direction: Direction, id: u32) -> Arc<Mutex<QueueStats>> {
        let mut all = match direction {
            Direction::Tx => self.tx_stats.lock().unwrap(),
            Direction::Rx => self.rx_stats.lock().unwrap(),
        };
        while all.len() <= id as usize {
            all.push(Arc::default());
        }
        all[id as usize].clone()
    }

    /// NetAdapterSetLinkState.
    pub(crate) fn set_link_state(&self, link: NET_ADAPTER_LINK_STATE) {
        let connected = link.MediaConnectState == _NET_IF_MEDIA_CONNECT_STATE::MediaConnectStateConnected;
        contract::LINK_SPEED_KNOWN.check(!connected || link.TxLinkSpeed != 0 && link.RxLinkSpeed != 0, || {
            format!("connected with Tx speed {} and Rx speed {}", link.TxLinkSpeed, link.RxLinkSpeed)
        });
        let changed = {
            let mut state = self.state.lock().unwrap();
            let changed = !same_link(&state.link, &link);
            state.link = link;
            changed
        };
        if changed {
            self.link_event.set();
        }
    }

    /// NetAdapterStart, its state already checked.
    pub(crate) fn start(&'static self) -> Result<(), NTSTATUS> {
        let missing = self.capabilities().missing();
        contract::ADAPTER_CAPABILITIES_COMPLETE
            .check(missing.is_none(), || format!("missing: {}", missing.unwrap_or("")));
        if missing.is_some() {
            return Err(wdk_sys::STATUS_INVALID_PARAMETER);
        }
        let io = {
            let mut state = self.state.lock().unwrap();
            state.started = true;
            state.filter_set = false;
            state.extensions = registered_extensions(&state.capabilities, self.origin.minor);
            state.io
        };
        if io {
            self.bring_up();
        }
        Ok(())
    }

    /// NetAdapterStop.
    pub(crate) fn stop(&'static self) {
        self.take_down();
        self.state.lock().unwrap().started = false;
    }

    /// The device is in D0 and interrupts are connected.
    pub(crate) fn io_start(&'static self) {
        let started = {
            let mut state = self.state.lock().unwrap();
            state.io = true;
            state.started
        };
        if started {
            self.bring_up();
        }
    }

    /// The device leaves D0; interrupts are still connected.
    pub(crate) fn io_stop(&'static self) {
        self.take_down();
        self.state.lock().unwrap().io = false;
    }

    fn in_transition<R>(&self, work: impl FnOnce() -> R) -> R {
        cpu::wait_for("another datapath transition", &self.transition, None);
        let result = work();
        self.transition.set();
        result
    }

    /// Creates and starts the datapath; when the adapter was just started the protocols above then set their filter.
    fn bring_up(&'static self) {
        let result = self.in_transition(|| self.create_and_start());
        if result.is_ok() && !std::mem::replace(&mut self.state.lock().unwrap().filter_set, true) {
            filter::set_initial(self);
        }
    }

    fn create_and_start(&'static self) -> Result<(), NTSTATUS> {
        if self.datapath_running() {
            return Ok(());
        }
        let datapath = Datapath::create(self).inspect_err(|status| {
            eprintln!("lab: the datapath could not be created: {status:#x}");
            let action = wdk_sys::_WDF_DEVICE_FAILED_ACTION::WdfDeviceFailedNoRestart;
            crate::wdf::device_set_failed(self.origin.wdf_globals, self.origin.device as WDFDEVICE, action);
        })?;
        let datapath = datapath.start();
        self.stack.count(|c| c.datapath_starts += 1);
        self.state.lock().unwrap().datapath = Some(datapath);
        Ok(())
    }

    fn take_down(&self) {
        self.in_transition(|| self.stop_and_destroy());
    }

    fn stop_and_destroy(&self) {
        let datapath = self.state.lock().unwrap().datapath.take();
        if let Some(datapath) = datapath {
            datapath.stop_and_destroy();
        }
        self.stack.pause_backlog();
    }

    /// Sets the packet filter and multicast list, as OID_GEN_CURRENT_PACKET_FILTER and OID_802_3_MULTICAST_LIST do.
    /// `flags` are NET_PACKET_FILTER_FLAGS.
    ///
    /// # Errors
    /// What NDIS answers without asking the client: a filter it does not support, too many addresses, not in D0.
    pub fn set_receive_filter(&self, flags: i32, multicast: &[[u8; 6]]) -> Result<(), NTSTATUS> {
        let Some(capabilities) = self.capabilities().receive_filter else { return Err(wdk_sys::STATUS_NOT_SUPPORTED) };
        let supported = capabilities.SupportedPacketFilters;
        if supported == 0 || flags & !supported != 0 {
            return Err(wdk_sys::STATUS_NOT_SUPPORTED);
        }
        if multicast.len() as u64 > capabilities.MaximumMulticastAddresses {
            return Err(MULTICAST_FULL);
        }
        if !self.state.lock().unwrap().io {
            return Err(wdk_sys::STATUS_DEVICE_NOT_READY);
        }
        filter::call_client(self, capabilities.EvtSetReceiveFilter, flags, multicast);
        Ok(())
    }

    /// From now on, and until `None`, NDIS judges the life of shared memory by what the consumer of the adapter's receive
    /// queues says.
    pub fn set_queue_witness(&self, witness: Option<Arc<dyn Witness>>) {
        shared_memory::set_witness(self.ndis_handle, witness);
    }

    /// The consumer of the queue was told that its DMA is stopped: from now on the device's access to the queue's shared
    /// memory is a DMA fault.
    pub fn stop_queue_dma(&self, queue: NDIS_RECEIVE_QUEUE_ID) {
        shared_memory::stop_dma(self.ndis_handle, queue);
    }

    /// Bytes of shared memory that a receive queue has.
    pub fn queue_memory(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> usize {
        shared_memory::bytes_of(self.ndis_handle, queue)
    }

    /// True if all of `address..address + len` is shared memory of the queue.
    pub fn is_queue_memory(&self, queue: NDIS_RECEIVE_QUEUE_ID, address: usize, len: usize) -> bool {
        shared_memory::holds(self.ndis_handle, queue, address, len)
    }

    /// The current link layer address.
    pub fn mac(&self) -> [u8; 6] {
        let address = self.capabilities().current().Address;
        address[..6].try_into().expect("six of 32 bytes")
    }

    /// The MTU: bytes of a packet behind the Ethernet header.
    pub fn mtu(&self) -> u32 {
        self.capabilities().mtu
    }

    /// The link as last reported.
    pub fn link(&self) -> LinkState {
        let link = self.state.lock().unwrap().link;
        LinkState {
            connected: link.MediaConnectState == _NET_IF_MEDIA_CONNECT_STATE::MediaConnectStateConnected,
            full_duplex: link.MediaDuplexState == _NET_IF_MEDIA_DUPLEX_STATE::MediaDuplexStateFull,
            tx_speed: link.TxLinkSpeed,
            rx_speed: link.RxLinkSpeed,
        }
    }

    /// Auto-reset; set at each change of the link.
    pub fn link_event(&self) -> Event {
        self.link_event.clone()
    }

    /// NetAdapterStart was called and NetAdapterStop was not.
    pub fn is_started(&self) -> bool {
        self.state.lock().unwrap().started
    }

    /// Queues exist and are advanced.
    pub fn datapath_running(&self) -> bool {
        self.state.lock().unwrap().datapath.is_some()
    }

    /// Queues a packet above the Tx ring; false: 4096 are waiting. Without a running datapath it completes as paused.
    pub fn send(&self, packet: TxPacket) -> bool {
        let id = packet.id;
        let path = self.state.lock().unwrap().datapath.as_ref().map(Datapath::tx_for_any_packet);
        let Some(path) = path else {
            self.stack.count(|c| c.tx_paused += 1);
            self.stack.complete_tx(&[id]);
            return true;
        };
        let queued = self.stack.push_tx(packet);
        path.wake();
        queued
    }

    /// Ids completed since the last call, in the order of completion; sent, ignored and paused packets alike.
    pub fn tx_completed(&self) -> Vec<u64> {
        self.stack.take_completed()
    }

    /// Nothing waits above the Tx ring and the client owns no Tx packet.
    pub fn tx_idle(&self) -> bool {
        let state = self.state.lock().unwrap();
        self.stack.backlog_is_empty() && state.datapath.as_ref().is_none_or(Datapath::tx_idle)
    }

    /// The oldest received packet.
    pub fn recv(&self) -> Option<RxPacket> {
        self.stack.pop_rx()
    }

    /// Auto-reset; set when packets were received.
    pub fn rx_event(&self) -> Event {
        self.stack.rx_event.clone()
    }

    /// Auto-reset; set when Tx packets were completed.
    pub fn tx_event(&self) -> Event {
        self.stack.tx_event.clone()
    }

    /// Stops, destroys, creates and starts all queues, as an MTU change or an RSS re-plan does.
    ///
    /// # Errors
    /// Creation failed; the device was set failed.
    pub fn restart_datapath(&'static self) -> Result<(), NTSTATUS> {
        self.in_transition(|| {
            if !self.datapath_running() {
                return Ok(());
            }
            self.stop_and_destroy();
            self.create_and_start()
        })
    }

    /// The counters.
    pub fn stats(&self) -> AdapterStats {
        let copy = |all: &Mutex<Vec<Arc<Mutex<QueueStats>>>>| -> Vec<QueueStats> {
            all.lock().unwrap().iter().map(|s| *s.lock().unwrap()).collect()
        };
        let (tx, rx) = (copy(&self.tx_stats), copy(&self.rx_stats));
        let sum = |queues: &[QueueStats], field: fn(&QueueStats) -> u64| queues.iter().map(field).sum::<u64>();
        let both = |field: fn(&QueueStats) -> u64| sum(&tx, field) + sum(&rx, field);
        AdapterStats {
            tx_packets: sum(&tx, |q| q.packets),
            tx_bytes: sum(&tx, |q| q.bytes),
            rx_packets: sum(&rx, |q| q.packets),
            rx_bytes: sum(&rx, |q| q.bytes),
            rx_ignored: sum(&rx, |q| q.ignored),
            advance_calls: both(|q| q.advance_calls),
            notifications: both(|q| q.notifications),
            arms: both(|q| q.arms),
            tx_queues: tx,
            rx_queues: rx,
            ..self.stack.counters()
        }
    }
}

fn same_link(a: &NET_ADAPTER_LINK_STATE, b: &NET_ADAPTER_LINK_STATE) -> bool {
    (a.TxLinkSpeed, a.RxLinkSpeed, a.MediaConnectState, a.MediaDuplexState)
        == (b.TxLinkSpeed, b.RxLinkSpeed, b.MediaConnectState, b.MediaDuplexState)
        && a.SupportedPauseFunctions == b.SupportedPauseFunctions
        && a.AutoNegotiationFlags == b.AutoNegotiationFlags
}

/// What queues of this adapter can have. Source: NetAdapterCx 21H2 `netcx/adapter/nxadapter.cpp`
/// (RegisterRingExtensions), `nxoffload.cpp` (RegisterExtensions).
fn registered_extensions(c: &Capabilities, minor: u32) -> Vec<Extension> {
    let options = crate::options::options();
    let driver_buffers =
        matches!(c.rx, Some(rx) if matches!(rx.buffers, crate::capabilities::RxBuffers::Driver { .. }));
    let dma = c.tx.is_some_and(|tx| tx.has_dma) || c.rx.is_some_and(|rx| rx.has_dma);
    let checksum = c.checksum.is_some() || c.tx_checksum.is_some() || c.rx_checksum.is_some();
    let timestamps = c.rsc.is_some_and(|rsc| rsc.TcpTimestampOption != 0);
    [
        (extension::VIRTUAL_ADDRESS, true),
        (extension::RETURN_CONTEXT, driver_buffers),
        (extension::LOGICAL_ADDRESS, dma),
        (extension::IEEE8021Q, c.ieee8021q.is_some_and(|q| q.Flags != 0)),
        // The hash extension came with 2.2.
        (extension::HASH, c.receive_scaling.is_some() && minor >= 2),
        (extension::CHECKSUM, checksum),
        (extension::GSO, c.gso.is_some()),
        (extension::RSC, c.rsc.is_some()),
        (extension::RSC_TIMESTAMP, timestamps),
    ]
    .into_iter()
    .filter(|(e, on)| *on && !options.disabled_extensions.contains(&e.name))
    .map(|(e, _)| e)
    .collect()
}
