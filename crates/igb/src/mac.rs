use core::fmt;

/// An Ethernet address, in the order of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// The group bit is set (broadcast is one of these).
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// May be a station's own address: neither zero nor multicast.
    pub fn is_station(self) -> bool {
        !self.is_multicast() && self.0 != [0; 6]
    }

    /// The words of a receive address pair: RAL, and the low half of RAH.
    pub(crate) const fn words(self) -> (u32, u32) {
        let [a, b, c, d, e, f] = self.0;
        (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, 0, 0]))
    }

    pub(crate) const fn from_words(low: u32, high: u32) -> MacAddress {
        let [a, b, c, d] = low.to_le_bytes();
        let [e, f, ..] = high.to_le_bytes();
        MacAddress([a, b, c, d, e, f])
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn words_keep_wire_order() {
        let address = MacAddress([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
        assert_eq!(address.words(), (0x1200_5452, 0x5634));
        assert_eq!(MacAddress::from_words(0x1200_5452, 0x8000_5634), address);
        assert_eq!(address.to_string(), "52:54:00:12:34:56");
    }

    #[test]
    fn only_unicast_is_a_station() {
        assert!(MacAddress([2, 0, 0, 0, 0, 1]).is_station());
        assert!(!MacAddress([0; 6]).is_station());
        assert!(!MacAddress([1, 0, 0x5e, 0, 0, 1]).is_station());
        assert!(!MacAddress([0xff; 6]).is_station());
    }
}
