//! What the lab knows about the adapters it can put under a driver: only what is needed to read its own counters.

use std::ops::Range;

/// Registers of one adapter model that the report counts by name.
pub struct Model {
    /// QEMU's name of the device.
    pub device: &'static str,
    tx_tails: &'static [Registers],
    rx_tails: &'static [Registers],
    /// Statistics registers that reading clears: name, offset, and whether the high half of 64 bits follows.
    counters: &'static [(&'static str, u64, bool)],
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

/// Intel 82576, datasheet 8.10 (RDT), 8.12 (TDT) and 8.18 (statistics): 16 queues each; the offsets of the first four queues of older
/// parts are aliases of queues 0 to 3.
const IGB: Model = Model {
    device: "igb",
    tx_tails: &[Registers(0xE018, 0x40, 16), Registers(0x3818, 0x100, 4)],
    rx_tails: &[Registers(0xC018, 0x40, 16), Registers(0x2818, 0x100, 4)],
    counters: &[
        ("MPC", 0x4010, false),
        ("GPRC", 0x4074, false),
        ("BPRC", 0x4078, false),
        ("MPRC", 0x407C, false),
        ("GPTC", 0x4080, false),
        ("GORC", 0x4088, true),
        ("GOTC", 0x4090, true),
        ("RNBC", 0x40A0, false),
        ("TOR", 0x40C0, true),
        ("TOT", 0x40C8, true),
        ("TPR", 0x40D0, false),
        ("TPT", 0x40D4, false),
        ("MPTC", 0x40F0, false),
        ("BPTC", 0x40F4, false),
    ],
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

    /// What each statistics register has counted, given the sum of all readings of an offset.
    pub fn read_counters(&self, sum: impl Fn(u64) -> u64) -> Vec<(&'static str, u64)> {
        let value = |offset, wide| sum(offset).wrapping_add(if wide { sum(offset + 4) << 32 } else { 0 });
        self.counters.iter().map(|&(name, offset, wide)| (name, value(offset, wide))).collect()
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

    #[test]
    fn halves_of_wide_counters_are_put_together() {
        let counters = Model::of("igb").unwrap().read_counters(|offset| offset & 0xFF);
        let of = |name| counters.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        assert_eq!((of("GPRC"), of("GORC"), of("GPTX")), (Some(0x74), Some(0x8C_0000_0088), None));
    }
}
