//! The device as a whole: reset, station address, link, and what frames the MAC lets through.

use crate::filter::ReceiveFilter;
use crate::io::{Bus, Patience};
use crate::model::Model;
use crate::phy::Phy;
use crate::regs::{self, Ctrl, CtrlExt, Eec, Gpie, Icr, Mrqc, Rah, Rctl, Register, Status, Tctl};
use crate::{Delay, Error, MacAddress, Registers, semaphore};

mod inspect;
#[cfg(test)]
mod tests;

pub use inspect::PHY_REGISTERS;

/// 80 ms for the last bus-master request (5.2.3.2); a device that needs longer is reset all the same.
const MASTER_DISABLE: Patience = Patience { step_us: 100, tries: 800 };

/// Nothing may be asked within 1 ms of CTRL.RST (4.2.1.6.1).
const RESET_SETTLE_US: u32 = 1000;
const RESET: Patience = Patience { step_us: 1000, tries: 100 };

/// Reading the NVM takes a few ms. A device without one never says it is done, so the end of this is no error: the
/// station address decides.
const NVM_LOAD: Patience = Patience { step_us: 1000, tries: 10 };

/// FCS and one VLAN tag: what RLPML counts and a frame length of this crate does not.
pub(crate) const FRAME_OVERHEAD: u16 = 4 + 4;

/// Proof that the device was reset, and so does no DMA for any queue enabled before.
#[derive(Debug)]
pub struct Reset(());

/// Speed of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// 10 Mb/s.
    Mbps10,
    /// 100 Mb/s.
    Mbps100,
    /// 1000 Mb/s.
    Mbps1000,
}

impl Speed {
    /// Bits per second.
    pub const fn bits_per_second(self) -> u64 {
        match self {
            Speed::Mbps10 => 10_000_000,
            Speed::Mbps100 => 100_000_000,
            Speed::Mbps1000 => 1_000_000_000,
        }
    }
}

/// The link as STATUS and CTRL show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// No link.
    Down,
    /// A link.
    Up {
        /// Speed, both ways.
        speed: Speed,
        /// Full or half duplex.
        full_duplex: bool,
        /// PAUSE frames of the peer are obeyed.
        rx_pause: bool,
        /// PAUSE frames are sent to the peer.
        tx_pause: bool,
    },
}

/// The device outside its queues and interrupts.
///
/// No two methods of one device may run at the same time, the owner sees to that; [`Self::link`], which only reads, may
/// run at any.
pub struct Device<R, D> {
    bus: Bus<R>,
    delay: D,
    model: &'static Model,
}

impl<R: Registers, D: Delay> Device<R, D> {
    /// The device behind `registers`. Touches nothing.
    pub fn new(registers: R, delay: D, model: &'static Model) -> Self {
        Device { bus: Bus(registers), delay, model }
    }

    pub(crate) fn bus(&self) -> &Bus<R> {
        &self.bus
    }

    pub(crate) fn model(&self) -> &'static Model {
        self.model
    }

    /// Brings the device, in whatever state it was left, to rest: no DMA, no interrupt, nothing enabled, station
    /// address loaded anew from the NVM. At most 0.2 s.
    pub fn reset(&self) -> Result<Reset, Error> {
        self.mask_interrupts();
        self.bus.write(regs::RCTL, Rctl::empty());
        self.bus.write(regs::TCTL, Tctl::PSP);
        self.bus.modify(regs::CTRL, |ctrl| (ctrl - Ctrl::RST) | Ctrl::GIO_MASTER_DISABLE)?;
        let at_rest = |status: Status| !status.contains(Status::GIO_MASTER_ENABLE);
        // Requests still pending after this time are lost with the reset.
        let _ = self.bus.poll(&self.delay, regs::STATUS, MASTER_DISABLE, at_rest)?;

        self.bus.modify(regs::CTRL, |ctrl| ctrl | Ctrl::RST)?;
        self.delay.delay_us(RESET_SETTLE_US);
        if !self.bus.poll(&self.delay, regs::CTRL, RESET, |ctrl| !ctrl.contains(Ctrl::RST))? {
            return Err(Error::ResetTimeout);
        }
        let _ = self.bus.poll(&self.delay, regs::EEC, NVM_LOAD, |eec| eec.contains(Eec::AUTO_RD))?;

        self.clear_leftovers()?;
        Ok(Reset(()))
    }

    /// The station address of the NVM, as the reset left it in RAL0/RAH0.
    pub fn permanent_address(&self) -> Result<MacAddress, Error> {
        let low = self.bus.read(regs::RAL.at(0))?;
        let high = self.bus.read(regs::RAH.at(0))?;
        let address = MacAddress::from_words(low, high.bits());
        if !high.contains(Rah::AV) {
            Err(Error::NvmNotLoaded)
        } else if !address.is_station() {
            Err(Error::BadMacAddress(address))
        } else {
            Ok(address)
        }
    }

    /// Sets what does not depend on link, filter or queues. `max_frame` is the longest frame without VLAN tag and
    /// FCS: MTU + 14 bytes, 60..=9216. Follows every reset.
    pub fn configure(&self, max_frame: u16) -> Result<(), Error> {
        if !(60..=9216).contains(&max_frame) {
            return Err(Error::BadFrameSize);
        }
        self.bus.modify(regs::CTRL_EXT, |ctrl| ctrl | CtrlExt::DRV_LOAD)?;
        self.bus.write(regs::RLPML, u32::from(max_frame + FRAME_OVERHEAD));
        self.bus.write(regs::RCTL, Rctl::LPE | Rctl::SECRC);
        self.bus.write(regs::RXCSUM, 0);
        self.bus.write(regs::MRQC, Mrqc::empty());
        self.bus.modify(regs::TCTL, |tctl| (tctl - Tctl::EN) | Tctl::PSP | Tctl::RTLC)?;
        self.bus.flush()
    }

    /// Lets the MAC use the link and starts autonegotiation; the link comes later, with an interrupt. Follows every
    /// reset. At most 1.7 s.
    pub fn start_link(&self) -> Result<(), Error> {
        let off = Ctrl::RST | Ctrl::GIO_MASTER_DISABLE | Ctrl::FRCSPD | Ctrl::FRCDPLX;
        self.bus.modify(regs::CTRL, |ctrl| (ctrl - off) | Ctrl::SLU)?;
        let phy = Phy { bus: &self.bus, delay: &self.delay };
        semaphore::with_phy(&self.bus, &self.delay, || phy.negotiate())
    }

    /// The link now.
    pub fn link(&self) -> Result<Link, Error> {
        let status = self.bus.read(regs::STATUS)?;
        if !status.contains(Status::LU) {
            return Ok(Link::Down);
        }
        let speed = if status.contains(Status::SPEED_1000) {
            Speed::Mbps1000
        } else if status.contains(Status::SPEED_100) {
            Speed::Mbps100
        } else {
            Speed::Mbps10
        };
        let ctrl = self.bus.read(regs::CTRL)?;
        Ok(Link::Up {
            speed,
            full_duplex: status.contains(Status::FD),
            rx_pause: ctrl.contains(Ctrl::RFCE),
            tx_pause: ctrl.contains(Ctrl::TFCE),
        })
    }

    /// Receives what `filter` lets through, for the address `station`. Follows every [`Self::configure`].
    pub fn set_receive_filter(&self, station: MacAddress, filter: &ReceiveFilter) -> Result<(), Error> {
        let plan = filter.plan(station, self.model.receive_addresses);
        for (n, address) in (0..).zip(plan.exact(self.model.receive_addresses)) {
            self.set_receive_address(n, address);
        }
        for (n, word) in (0..).zip(plan.hash) {
            self.bus.write(regs::MTA.at(n), word);
        }
        self.bus.modify(regs::RCTL, |rctl| (rctl - (Rctl::UPE | Rctl::MPE | Rctl::BAM)) | plan.rctl)
    }

    /// Turns the transmitter on or off; queues have a switch of their own.
    pub fn enable_transmit(&self, on: bool) -> Result<(), Error> {
        self.bus.modify(regs::TCTL, |mut tctl| {
            tctl.set(Tctl::EN, on);
            tctl
        })?;
        self.bus.flush()
    }

    /// Turns the receiver on or off; queues have a switch of their own.
    pub fn enable_receive(&self, on: bool) -> Result<(), Error> {
        self.bus.modify(regs::RCTL, |mut rctl| {
            rctl.set(Rctl::EN, on);
            rctl
        })?;
        self.bus.flush()
    }

    fn mask_interrupts(&self) {
        self.bus.write(regs::IMC, Icr::from_bits_retain(u32::MAX));
        self.bus.write(regs::EIMC, u32::MAX);
    }

    /// What the reset leaves as it was, or sets.
    fn clear_leftovers(&self) -> Result<(), Error> {
        self.mask_interrupts();
        self.bus.write(regs::GPIE, Gpie::empty());
        self.bus.write(regs::EICR, u32::MAX);
        // Reading clears; what it says is of the past.
        let _ = self.bus.read(regs::ICR)?;
        self.bus.write(regs::WUC, 0);
        self.bus.write(regs::WUFC, 0);
        let woken_by = self.bus.read(regs::WUS)?;
        self.bus.write(regs::WUS, woken_by);
        self.bus.flush()
    }

    /// Entry `n`; the entry is invalid while its halves do not belong together.
    fn set_receive_address(&self, n: u32, address: Option<MacAddress>) {
        let (low, high) = receive_address(n);
        self.bus.write(high, Rah::empty());
        if let Some(address) = address {
            let (first, last) = address.words();
            self.bus.write(low, first);
            self.bus.write(high, Rah::from_bits_retain(last) | Rah::AV);
        }
    }
}

/// Receive address registers stand in two banks of 16.
pub(crate) fn receive_address(n: u32) -> (Register<u32>, Register<Rah>) {
    match n.checked_sub(regs::RAL.len()) {
        None => (regs::RAL.at(n), regs::RAH.at(n)),
        Some(n) => (regs::RAL2.at(n), regs::RAH2.at(n)),
    }
}
