//! The adapter under test as a port of the stack.

use super::Port;
use lab_kernel::cpu;
use lab_netcx::{Adapter, TxPacket};
use std::time::Duration;

/// Bytes in front of the payload of a TCP/IPv4 segment without options: Ethernet 14, IPv4 20, TCP 20.
const HEADERS: usize = 54;

/// Sends and receives through the adapter, as TCP/IP does above NDIS.
pub struct AdapterPort {
    adapter: &'static Adapter,
    /// A frame that found the transmit queue full.
    held: Option<TxPacket>,
    next_id: u64,
}

impl AdapterPort {
    /// A port on a started adapter.
    pub fn new(adapter: &'static Adapter) -> AdapterPort {
        AdapterPort { adapter, held: None, next_id: 0 }
    }

    /// The adapter below.
    pub fn adapter(&self) -> &'static Adapter {
        self.adapter
    }

    fn hand_over(&mut self, packet: TxPacket) {
        if !self.adapter.send(packet.clone()) {
            self.held = Some(packet);
        }
    }
}

impl Port for AdapterPort {
    fn mac(&self) -> [u8; 6] {
        self.adapter.mac()
    }

    fn mtu(&self) -> usize {
        self.adapter.mtu() as usize
    }

    fn can_send(&mut self) -> bool {
        if let Some(packet) = self.held.take() {
            self.hand_over(packet);
        }
        self.held.is_none()
    }

    fn send(&mut self, mut frame: Vec<u8>) {
        if !self.can_send() {
            return;
        }
        // TCP/IP of Windows hands headers and payload down in separate buffers.
        let payload = frame.split_off(frame.len().min(HEADERS));
        let mut fragments = vec![frame, payload];
        fragments.retain(|f| !f.is_empty());
        self.hand_over(TxPacket { fragments, id: self.next_id });
        self.next_id += 1;
    }

    fn recv(&mut self) -> Option<Vec<u8>> {
        self.adapter.recv().map(|packet| packet.data)
    }

    fn now(&self) -> Duration {
        cpu::now()
    }

    fn wait(&mut self, limit: Duration) {
        // Completions carry no buffers here; taking them keeps their list short.
        drop(self.adapter.tx_completed());
        let (rx, tx) = (self.adapter.rx_event(), self.adapter.tx_event());
        if self.held.is_some() {
            cpu::wait_any("TCP/IP: frames or room to send", &[&rx, &tx], Some(limit));
        } else {
            cpu::wait_for("TCP/IP: frames", &rx, Some(limit));
        }
    }

    fn relax(&mut self) {
        cpu::yield_now();
    }
}
