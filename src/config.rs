//! The adapter's keywords: typed, checked, defaulted. Nothing else reads the registry.

use igb::MacAddress;
use netadaptercx::{
    config::{Configuration, Keyword},
    keyword,
};

const TRANSMIT_BUFFERS: Keyword = keyword!("*TransmitBuffers");
const RECEIVE_BUFFERS: Keyword = keyword!("*ReceiveBuffers");
const JUMBO_PACKET: Keyword = keyword!("*JumboPacket");
const VMDQ: Keyword = keyword!("Vmdq");

/// Bytes of an Ethernet header, which `*JumboPacket` counts.
const ETHERNET_HEADER: u32 = 14;

/// Descriptors in a ring. The hardware takes multiples of 8.
const RING: Range = Range { min: 64, max: 4096, default: 512, step: 8 };
/// Frame length with Ethernet header, without FCS.
const FRAME: Range = Range { min: 1514, max: 9014, default: 1514, step: 1 };

/// What the user set, as far as it makes sense.
#[derive(Clone, Debug)]
pub struct Config {
    /// Descriptors of a transmit ring, 64..=4096.
    pub transmit_buffers: u16,
    /// Descriptors of a receive ring, 64..=4096.
    pub receive_buffers: u16,
    /// Longest frame without FCS and VLAN tag, 1514..=9014 bytes.
    pub max_frame: u16,
    /// The station address wanted instead of the NVM's.
    pub network_address: Option<MacAddress>,
    /// The hardware gives VM queues their frames.
    pub vmdq: bool,
}

impl Config {
    /// Reads the keywords. What is absent, out of range or of the wrong kind gets the INF's default.
    pub fn read(configuration: &Configuration<'_>) -> Self {
        Self {
            transmit_buffers: RING.of(configuration.number(&TRANSMIT_BUFFERS)),
            receive_buffers: RING.of(configuration.number(&RECEIVE_BUFFERS)),
            max_frame: FRAME.of(configuration.number(&JUMBO_PACKET)),
            network_address: configuration.network_address().map(MacAddress).filter(|address| address.is_station()),
            vmdq: configuration.number(&VMDQ) == Some(1),
        }
    }

    /// Payload bytes of the longest frame.
    pub fn mtu(&self) -> u32 {
        u32::from(self.max_frame) - ETHERNET_HEADER
    }
}

/// The values of a numeric keyword.
struct Range {
    min: u16,
    max: u16,
    default: u16,
    step: u16,
}

impl Range {
    /// `value` if it is in range, rounded up to the step; else the default.
    fn of(&self, value: Option<u32>) -> u16 {
        match value.and_then(|value| u16::try_from(value).ok()) {
            Some(value) if (self.min..=self.max).contains(&value) => value.next_multiple_of(self.step),
            _ => self.default,
        }
    }
}
