//! A frame port as smoltcp's device.

use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;
use std::time::Duration;

/// Something that carries Ethernet frames and knows the time.
pub trait Port {
    /// The station's address.
    fn mac(&self) -> [u8; 6];
    /// Largest IP packet, in bytes.
    fn mtu(&self) -> usize;
    /// True if a frame can be sent now.
    fn can_send(&mut self) -> bool;
    /// Sends a frame; it is dropped if [`Port::can_send`] is false.
    fn send(&mut self, frame: Vec<u8>);
    /// The next frame that came.
    fn recv(&mut self) -> Option<Vec<u8>>;
    /// Time since the machine was started.
    fn now(&self) -> Duration;
    /// Waits until a frame may have come or room to send may have been made, at most `limit`.
    fn wait(&mut self, limit: Duration);
    /// Lets others run for a moment.
    fn relax(&mut self);
}

const ETHERNET_HEADER: usize = 14;

pub(super) struct PortDevice<P> {
    pub(super) port: P,
}

impl<P: Port> PortDevice<P> {
    pub(super) fn new(port: P) -> PortDevice<P> {
        PortDevice { port }
    }
}

impl<P: Port> Device for PortDevice<P> {
    type RxToken<'a>
        = Received
    where
        P: 'a;
    type TxToken<'a>
        = Room<'a, P>
    where
        P: 'a;

    fn receive(&mut self, _timestamp: Instant) -> Option<(Received, Room<'_, P>)> {
        let frame = self.port.recv()?;
        Some((Received(frame), Room(&mut self.port)))
    }

    fn transmit(&mut self, _timestamp: Instant) -> Option<Room<'_, P>> {
        self.port.can_send().then_some(Room(&mut self.port))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = self.port.mtu() + ETHERNET_HEADER;
        capabilities
    }
}

pub(super) struct Received(Vec<u8>);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

pub(super) struct Room<'a, P>(&'a mut P);

impl<P: Port> TxToken for Room<'_, P> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.send(frame);
        result
    }
}
