//! What the lab knows about the adapters it can put under a driver: only what is needed to read its own counters.

use std::ops::Range;

/// Registers of one adapter model that the report counts by name.
pub struct Model {
    /// QEMU's name of the device.
    pub device: &'static str,
    tx_tails: &'static [Registers],
    rx_tails: &'static [Registers],
}

/// An array of registers: first offset in BAR0, distance, count.
struct Registers(u64, u64, u64);

impl Registers {
    fn contains(&self, offset: u64) -> bool {
        let Registers(first, stride, count) = *self;
        let range: Range<u64> = first..first + stride * count;
        range.contains(&offset) && (offset - first).is_multiple_of(stride)
    }
}

/// Intel 82576, datasheet 8.10 (RDT) and 8.12 (TDT): 16 queues each; the offsets of the first four queues of older
/// parts are aliases of queues 0 to 3.
const IGB: Model = Model {
    device: "igb",
    tx_tails: &[Registers(0xE018, 0x40, 16), Registers(0x3818, 0x100, 4)],
    rx_tails: &[Registers(0xC018, 0x40, 16), Registers(0x2818, 0x100, 4)],
};

impl Model {
    /// The model of a QEMU device.
    pub fn of(device: &str) -> Option<&'static Model> {
        [&IGB].into_iter().find(|m| m.device == device)
    }

    /// True if BAR0 + `offset` is a transmit tail register.
    pub fn is_tx_tail(&self, offset: u64) -> bool {
        self.tx_tails.iter().any(|r| r.contains(offset))
    }

    /// True if BAR0 + `offset` is a receive tail register.
    pub fn is_rx_tail(&self, offset: u64) -> bool {
        self.rx_tails.iter().any(|r| r.contains(offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_of_the_82576() {
        let igb = Model::of("igb").unwrap();
        let all = |f: &dyn Fn(u64) -> bool| (0..0x20000).step_by(4).filter(|o| f(*o)).collect::<Vec<_>>();
        let tx = all(&|o| igb.is_tx_tail(o));
        let rx = all(&|o| igb.is_rx_tail(o));
        assert_eq!((tx.len(), rx.len()), (20, 20));
        assert_eq!((tx[0], tx[4], tx[19]), (0x3818, 0xE018, 0xE3D8));
        assert_eq!((rx[0], rx[4], rx[19]), (0x2818, 0xC018, 0xC3D8));
        assert!(!igb.is_tx_tail(0xE010), "the head is no tail");
        assert!(Model::of("e1000").is_none());
    }
}
