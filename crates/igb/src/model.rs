//! What differs between the members of the family.

use crate::Direction;

/// Where a queue's vector stands in the IVAR registers (8.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IvarLayout {
    /// 82576: register n holds queues n and n + 8.
    LowHigh,
    /// I350, I210, I211: register n holds queues 2n and 2n + 1.
    Pairs,
}

impl IvarLayout {
    /// IVAR index and bit position of the 8-bit entry of a queue.
    pub(crate) const fn entry(self, direction: Direction, queue: u8) -> (u32, u32) {
        let (register, upper) = match self {
            IvarLayout::LowHigh => (queue & 7, queue >> 3),
            IvarLayout::Pairs => (queue >> 1, queue & 1),
        };
        let byte = match direction {
            Direction::Receive => 0,
            Direction::Transmit => 1,
        };
        (register as u32, 16 * upper as u32 + 8 * byte)
    }
}

/// One member of the family.
#[derive(Debug, PartialEq, Eq)]
pub struct Model {
    /// Name as Intel writes it.
    pub name: &'static str,
    /// Transmit queues.
    pub tx_queues: u8,
    /// Receive queues.
    pub rx_queues: u8,
    /// MSI-X vectors; a machine or a device model may grant fewer.
    pub msix_vectors: u8,
    /// Exact receive addresses, the station's own included.
    pub receive_addresses: u8,
    /// Place of vectors in IVAR.
    pub ivar: IvarLayout,
    /// PCI device ids with a copper PHY inside.
    pub device_ids: &'static [u16],
}

/// 82576: the model everything is tested with.
pub static I82576: Model = Model {
    name: "82576",
    tx_queues: 16,
    rx_queues: 16,
    msix_vectors: 25,
    receive_addresses: 24,
    ivar: IvarLayout::LowHigh,
    device_ids: &[0x10C9, 0x10E8, 0x150A, 0x1526],
};

/// I350.
pub static I350: Model = Model {
    name: "I350",
    tx_queues: 8,
    rx_queues: 8,
    msix_vectors: 25,
    receive_addresses: 32,
    ivar: IvarLayout::Pairs,
    device_ids: &[0x1521],
};

/// I210.
pub static I210: Model = Model {
    name: "I210",
    tx_queues: 4,
    rx_queues: 4,
    msix_vectors: 5,
    receive_addresses: 16,
    ivar: IvarLayout::Pairs,
    device_ids: &[0x1533, 0x157B],
};

/// I211.
pub static I211: Model = Model {
    name: "I211",
    tx_queues: 2,
    rx_queues: 2,
    msix_vectors: 5,
    receive_addresses: 16,
    ivar: IvarLayout::Pairs,
    device_ids: &[0x1539],
};

impl Model {
    /// The model with this PCI device id of vendor 0x8086.
    pub fn from_device_id(device_id: u16) -> Option<&'static Model> {
        [&I82576, &I350, &I210, &I211].into_iter().find(|model| model.device_ids.contains(&device_id))
    }

    /// Queues in one direction.
    pub const fn queues(&self, direction: Direction) -> u8 {
        match direction {
            Direction::Transmit => self.tx_queues,
            Direction::Receive => self.rx_queues,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn device_ids_name_their_model() {
        assert_eq!(Model::from_device_id(0x10C9), Some(&I82576));
        assert_eq!(Model::from_device_id(0x1539), Some(&I211));
        assert_eq!(Model::from_device_id(0x10CA), None);
    }

    #[test]
    fn every_queue_has_an_ivar_entry_of_its_own() {
        for model in [&I82576, &I350, &I210, &I211] {
            let mut seen = HashSet::new();
            for direction in [Direction::Transmit, Direction::Receive] {
                for queue in 0..model.queues(direction) {
                    let (register, shift) = model.ivar.entry(direction, queue);
                    assert!(register < crate::regs::IVAR.len() && shift <= 24 && shift.is_multiple_of(8));
                    assert!(seen.insert((register, shift)));
                }
            }
        }
    }

    #[test]
    fn ivar_bytes_are_where_the_datasheets_put_them() {
        assert_eq!(IvarLayout::LowHigh.entry(Direction::Receive, 0), (0, 0));
        assert_eq!(IvarLayout::LowHigh.entry(Direction::Transmit, 1), (1, 8));
        assert_eq!(IvarLayout::LowHigh.entry(Direction::Receive, 9), (1, 16));
        assert_eq!(IvarLayout::LowHigh.entry(Direction::Transmit, 15), (7, 24));
        assert_eq!(IvarLayout::Pairs.entry(Direction::Receive, 1), (0, 16));
        assert_eq!(IvarLayout::Pairs.entry(Direction::Transmit, 2), (1, 8));
    }
}
