//! TCP/IP (smoltcp) above a port that carries Ethernet frames: the adapter under test, or the far end of the wire.
//!
//! A stack belongs to the thread that runs it. Every operation polls until it is done or its time is over; in between
//! the thread waits, and the rest of the machine runs.

mod adapter_port;
mod device;
mod dhcp;
mod http_client;
mod ping;

pub use adapter_port::AdapterPort;
pub use device::Port;
pub use dhcp::Lease;
pub use http_client::Response;
pub use ping::PingResult;

use device::PortDevice;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr, Ipv4Cidr};
use std::net::Ipv4Addr;
use std::time::Duration;

/// Why the network did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StackError {
    /// Nothing came in time.
    #[error("{what}: nothing for {} ms", after.as_millis())]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
    /// The peer ended the connection before the exchange was over.
    #[error("the peer closed the connection after {received} bytes")]
    Closed {
        /// Body bytes that had come.
        received: u64,
    },
    /// The peer does not speak the HTTP expected.
    #[error(transparent)]
    Http(#[from] crate::http::HttpError),
    /// The stack has no way to the address.
    #[error("no route to {0}")]
    NoRoute(Ipv4Addr),
    /// Reading the data to be sent failed.
    #[error("reading the data to be sent: {0}")]
    Source(String),
}

/// A TCP/IP stack on a port.
pub struct Stack<P: Port> {
    device: PortDevice<P>,
    iface: Interface,
    sockets: SocketSet<'static>,
    dhcp: Option<SocketHandle>,
    lease: Option<Lease>,
    next_port: u16,
    /// Sequence number of the next echo request.
    next_echo: u16,
}

impl<P: Port> Stack<P> {
    /// A stack without an address. `seed` decides its TCP sequence numbers and first local port.
    pub fn new(port: P, seed: u64) -> Stack<P> {
        let mut device = PortDevice::new(port);
        let mut config = Config::new(EthernetAddress(device.port.mac()).into());
        config.random_seed = seed;
        let now = instant(device.port.now());
        let iface = Interface::new(config, &mut device, now);
        // RFC 6335: 49152 to 65535 are for clients.
        let next_port = 0xC000 | (seed as u16 & 0x3FFF);
        Stack { device, iface, sockets: SocketSet::new(Vec::new()), dhcp: None, lease: None, next_port, next_echo: 0 }
    }

    /// Sets a fixed address and, if given, a default gateway.
    pub fn set_address(&mut self, address: Ipv4Addr, prefix: u8, gateway: Option<Ipv4Addr>) {
        self.iface.update_ip_addrs(|list| {
            list.clear();
            // The list was just cleared and holds at least one.
            let _ = list.push(IpCidr::Ipv4(Ipv4Cidr::new(address, prefix)));
        });
        self.iface.routes_mut().remove_default_ipv4_route();
        if let Some(gateway) = gateway {
            // As above: the only route.
            let _ = self.iface.routes_mut().add_default_ipv4_route(gateway);
        }
    }

    /// The address in use.
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.iface.ipv4_addr()
    }

    /// The port below.
    pub fn port(&self) -> &P {
        &self.device.port
    }

    /// Runs the stack for `time`: it answers ARP and pings.
    pub fn serve(&mut self, time: Duration) {
        let _: Option<()> = self.run(time, |_| None);
    }

    /// Polls until `step` returns a value; `None` when `limit` has passed.
    fn run<T>(&mut self, limit: Duration, mut step: impl FnMut(&mut Self) -> Option<T>) -> Option<T> {
        let end = self.device.port.now().saturating_add(limit);
        loop {
            let now = self.device.port.now();
            self.iface.poll(instant(now), &mut self.device, &mut self.sockets);
            self.take_dhcp_events();
            if let Some(value) = step(self) {
                self.iface.poll(instant(now), &mut self.device, &mut self.sockets);
                return Some(value);
            }
            let left = end.checked_sub(now).filter(|left| !left.is_zero())?;
            let delay = self.iface.poll_delay(instant(now), &self.sockets).map_or(left, Duration::from);
            if delay.is_zero() && self.device.port.can_send() {
                self.device.port.relax();
            } else {
                // A full transmit queue, or nothing to do before `delay`.
                let delay = if delay.is_zero() { left } else { delay.min(left) };
                self.device.port.wait(delay);
            }
        }
    }

    fn now(&self) -> Duration {
        self.device.port.now()
    }

    fn take_local_port(&mut self) -> u16 {
        let port = self.next_port;
        self.next_port = 0xC000 | (port.wrapping_add(1) & 0x3FFF);
        port
    }
}

fn instant(since_boot: Duration) -> Instant {
    Instant::from_micros(i64::try_from(since_boot.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
