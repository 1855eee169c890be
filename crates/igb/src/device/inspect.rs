//! Looking at the device without changing what it does.

use super::Device;
use crate::counters::{Counter, Totals};
use crate::dump::{Named, RingRegisters};
use crate::phy::Phy;
use crate::regs::{RDH, RDT, RXDCTL, TDH, TDT, TXDCTL};
use crate::{Delay, Direction, Error, Registers, semaphore};

/// PHY registers of IEEE 802.3 clause 22.
pub const PHY_REGISTERS: usize = 16;
/// Those of them that a copper PHY without power over Ethernet and clause 45 access has; the others read as 0 here.
const PRESENT: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15];

impl<R: Registers, D: Delay> Device<R, D> {
    /// Adds the statistics registers, which this clears, to `totals`; `each` sees every reading. Before every reset, and
    /// often enough that no register gets stuck at its end (32 bits; about 48 minutes of shortest frames).
    pub fn collect_counters(&self, totals: &mut Totals, each: impl FnMut(&Counter, u64)) -> Result<(), Error> {
        totals.collect(&self.bus, each)
    }

    /// Reads a register of [`crate::dump::DUMP`].
    pub fn register(&self, named: &Named) -> Result<u32, Error> {
        self.bus.read_at(named.offset)
    }

    /// Where a queue's ring is.
    pub fn ring_registers(&self, direction: Direction, queue: u8) -> Result<RingRegisters, Error> {
        let limit = match direction {
            Direction::Transmit => self.model.tx_queues,
            Direction::Receive => self.model.rx_queues,
        };
        if queue >= limit {
            return Err(Error::NoSuchQueue { direction, queue });
        }
        let queue = u32::from(queue);
        let (head, tail, control) = match direction {
            Direction::Transmit => (TDH.at(queue), TDT.at(queue), TXDCTL.at(queue)),
            Direction::Receive => (RDH.at(queue), RDT.at(queue), RXDCTL.at(queue)),
        };
        Ok(RingRegisters {
            head: self.bus.read(head)?,
            tail: self.bus.read(tail)?,
            control: self.bus.read(control)?.bits(),
        })
    }

    /// CTRL and STATUS.
    pub fn control_and_status(&self) -> Result<(u32, u32), Error> {
        Ok((self.bus.read(crate::regs::CTRL)?.bits(), self.bus.read(crate::regs::STATUS)?.bits()))
    }

    /// PHY registers 0..=15. The caller serialises this with everything else that uses the PHY. At most 1.8 s.
    pub fn phy_registers(&self) -> Result<[u16; PHY_REGISTERS], Error> {
        let phy = Phy { bus: &self.bus, delay: &self.delay };
        semaphore::with_phy(&self.bus, &self.delay, || {
            let mut registers = [0; PHY_REGISTERS];
            for number in PRESENT {
                registers[usize::from(number)] = phy.read(number)?;
            }
            Ok(registers)
        })
    }
}
