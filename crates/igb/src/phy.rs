//! The internal copper PHY behind MDIC (8.2); its registers are those of IEEE 802.3 clause 22.

use crate::io::{Bus, Patience};
use crate::regs::{MDIC, Mdic};
use crate::{Delay, Error, Registers};

const CONTROL: u8 = 0;
const IDENTIFIER: u8 = 2;

/// Autonegotiation enabled and restarted, not powered down, not isolated.
const CONTROL_NEGOTIATE: u16 = 1 << 12 | 1 << 9;

/// An MDIO frame takes 64 µs at least.
const ACCESS: Patience = Patience { step_us: 50, tries: 200 };

pub(crate) struct Phy<'a, R, D> {
    pub bus: &'a Bus<R>,
    pub delay: &'a D,
}

impl<R: Registers, D: Delay> Phy<'_, R, D> {
    /// Starts autonegotiation with whatever the PHY advertises.
    pub fn negotiate(&self) -> Result<(), Error> {
        let identifier = self.read(IDENTIFIER)?;
        if identifier == 0 || identifier == u16::MAX {
            return Err(Error::PhyFault { register: IDENTIFIER });
        }
        self.write(CONTROL, CONTROL_NEGOTIATE)
    }

    /// One PHY register.
    pub fn read(&self, register: u8) -> Result<u16, Error> {
        let answer = self.access(register, Mdic::READ)?;
        Ok((answer & Mdic::DATA).bits() as u16)
    }

    fn write(&self, register: u8, value: u16) -> Result<(), Error> {
        let data = Mdic::from_bits_retain(u32::from(value));
        self.access(register, Mdic::WRITE | data).map(|_| ())
    }

    fn access(&self, register: u8, operation: Mdic) -> Result<Mdic, Error> {
        self.bus.write(MDIC, Mdic::register(register) | operation);
        if !self.bus.poll(self.delay, MDIC, ACCESS, |mdic| mdic.contains(Mdic::READY))? {
            return Err(Error::PhyTimeout);
        }
        let answer = self.bus.read(MDIC)?;
        if answer.contains(Mdic::ERROR) {
            return Err(Error::PhyFault { register });
        }
        Ok(answer)
    }
}
