//! VMDq (7.10): eight pools, each with the receive queue of its number, and a switch in front of them that gives a frame
//! to pools by its destination address and VLAN.
//!
//! Pool 0 is the default pool: what [`crate::filter::ReceiveFilter`] lets through is for it. The other pools get what
//! [`Filter`]s name, and nothing else. While any filter looks at the VLAN, the switch does so for every frame (RCTL.VFE is
//! one bit), and pool 0 then gets untagged frames, VLAN 0 and the VLANs that filters name; frames of other VLANs only if
//! they are unicast and pool 0 is promiscuous.

mod steering;
mod switch;
#[cfg(test)]
mod tests;

pub use steering::{Filter, MAX_VLANS, Refusal, Steering, Vlan};
pub use switch::Switch;

use crate::device::Device;
use crate::regs::{self, Mrqc, Vmolr};
use crate::{Delay, Direction, Error, Registers};

/// Pools of the 82576; pool n uses receive queue n.
pub const POOLS: u8 = 8;

/// RQDPC counts in its low 12 bits.
const RQDPC_COUNT: u32 = 0xfff;

impl<R: Registers, D: Delay> Device<R, D> {
    /// Turns VMDq on with pool 0 alone in use and no filter; [`Switch::apply`] comes next. Follows [`Self::configure`].
    pub fn configure_pools(&self, switch: &mut Switch) -> Result<(), Error> {
        switch.forget();
        let only_default = 1;
        self.bus().write(regs::VFRE, only_default);
        self.bus().write(regs::VFTE, only_default);
        self.bus().write(regs::RPLOLR, Vmolr::STRCRC);
        // VLVF decides alone which VLANs pass; one that is in no entry may still be for a promiscuous pool 0.
        for n in 0..regs::VFTA.len() {
            self.bus().write(regs::VFTA.at(n), u32::MAX);
        }
        self.bus().write(regs::MRQC, Mrqc::VMDQ);
        self.bus().flush()
    }

    /// Lets a pool receive, or makes the device drop what is for it.
    pub fn enable_pool(&self, pool: u8, on: bool) -> Result<(), Error> {
        if pool >= POOLS {
            return Err(Error::NoSuchQueue { direction: Direction::Receive, queue: pool });
        }
        self.bus().modify(regs::VFRE, |pools| if on { pools | 1 << pool } else { pools & !(1 << pool) })?;
        self.bus().flush()
    }

    /// Frames dropped since the last call because receive queue `queue` had no descriptor, up to 4095.
    pub fn dropped(&self, queue: u8) -> Result<u32, Error> {
        if queue >= self.model().rx_queues {
            return Err(Error::NoSuchQueue { direction: Direction::Receive, queue });
        }
        Ok(self.bus().read(regs::RQDPC.at(queue.into()))? & RQDPC_COUNT)
    }
}
