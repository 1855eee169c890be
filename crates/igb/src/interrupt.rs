//! Interrupts (7.3): who interrupts on which vector, and masking that works from any context.
//!
//! An interrupt is one-shot: taking it masks it, [`Interrupts::unmask`] arms it again. A cause that comes while masked
//! is kept by the hardware (EICR, ICR) and interrupts when armed, so arming and then looking once at the rings loses
//! nothing. An interrupt may also come for nothing.

use crate::io::Bus;
use crate::model::Model;
use crate::regs::{self, Gpie, Icr};
use crate::{Error, Registers};

mod map;
#[cfg(test)]
mod tests;

pub use map::{Cause, Causes, Mode, VectorMap};

/// An IVAR entry is valid.
const IVAR_VALID: u32 = 1 << 7;

/// The interrupt registers. All methods but [`Self::configure`] are one or two accesses without state, and may be called
/// from an interrupt service routine and from anywhere else, at the same time.
pub struct Interrupts<R> {
    bus: Bus<R>,
    model: &'static Model,
    map: VectorMap,
}

impl<R: Registers> Interrupts<R> {
    /// Interrupts of a device, as `map` routes them. Touches nothing.
    pub fn new(registers: R, model: &'static Model, map: VectorMap) -> Self {
        Interrupts { bus: Bus(registers), model, map }
    }

    /// The routes.
    pub fn map(&self) -> &VectorMap {
        &self.map
    }

    /// Programs mode and routes; everything stays masked. Follows every reset.
    pub fn configure(&self) -> Result<(), Error> {
        self.mask_all();
        match self.map.mode() {
            Mode::Line => {
                self.bus.write(regs::GPIE, Gpie::empty());
                // A queue without a route raises no cause at all, not even TXDW.
                self.route_queues();
            }
            Mode::MsiX { vectors } => self.configure_vectors(vectors),
        }
        self.bus.flush()
    }

    fn configure_vectors(&self, vectors: u8) {
        // The mode first: it decides what the other registers mean.
        self.bus.write(regs::GPIE, Gpie::MULTIPLE_MSIX | Gpie::NSICR | Gpie::PBA_SUPPORT);
        self.bus.write(regs::EIAC, (1 << vectors) - 1);
        self.route_queues();
        let link = u32::from(self.map.vector(Cause::Link)) | IVAR_VALID;
        self.bus.write(regs::IVAR_MISC, link << 8);
        for n in 0..u32::from(vectors) {
            // Survives a reset; no moderation.
            self.bus.write(regs::EITR.at(n), 0);
        }
        self.bus.write(regs::IMS, Icr::LSC);
    }

    fn route_queues(&self) {
        let mut ivar = [0; regs::IVAR.len() as usize];
        for cause in self.map.queues() {
            if let Some((direction, queue)) = cause.queue() {
                let (register, shift) = self.model.ivar.entry(direction, queue);
                ivar[register as usize] |= (u32::from(self.map.vector(cause)) | IVAR_VALID) << shift;
            }
        }
        for (n, value) in (0..).zip(ivar) {
            self.bus.write(regs::IVAR.at(n), value);
        }
    }

    /// Arms a cause: with MSI-X its whole vector, on the line its kind (all Tx queues, all Rx queues, or the link).
    #[inline]
    pub fn unmask(&self, cause: Cause) {
        match self.map.mode() {
            Mode::MsiX { .. } => self.bus.write(regs::EIMS, 1 << self.map.vector(cause)),
            Mode::Line => self.bus.write(regs::IMS, line_bit(cause)),
        }
    }

    /// Disarms what [`Self::unmask`] arms.
    #[inline]
    pub fn mask(&self, cause: Cause) {
        match self.map.mode() {
            Mode::MsiX { .. } => self.bus.write(regs::EIMC, 1 << self.map.vector(cause)),
            Mode::Line => self.bus.write(regs::IMC, line_bit(cause)),
        }
    }

    /// Disarms everything.
    pub fn mask_all(&self) {
        self.bus.write(regs::IMC, Icr::from_bits_retain(u32::MAX));
        self.bus.write(regs::EIMC, u32::MAX);
    }

    /// Takes an interrupt on an MSI-X vector: masks the vector and says what it may stand for. One write; the vector
    /// that has the link also takes one read.
    ///
    /// A vector of the link alone always reports it, changed or not, so that whoever looks at the link arms it again.
    #[inline]
    pub fn on_vector(&self, vector: u8) -> Causes {
        let mut causes = self.map.causes(vector);
        if causes.is_empty() {
            return causes;
        }
        self.bus.write(regs::EIMC, 1 << vector);
        if causes.link {
            // The next link change interrupts only if this one is cleared; reading does (GPIE.NSICR). All ones pass as a
            // link change: whoever looks at the link then finds the device gone.
            let changed = self.bus.peek(regs::ICR).contains(Icr::LSC);
            causes.link = changed || (causes.tx == 0 && causes.rx == 0);
        }
        causes
    }

    /// Takes an interrupt on the line: masks what asserts it and says what that is. `None`: it is not ours, and must
    /// not be claimed; so too when the device is gone.
    #[inline]
    pub fn on_line(&self) -> Option<Causes> {
        let icr = self.bus.peek(regs::ICR);
        if icr.bits() == u32::MAX || !icr.contains(Icr::INT_ASSERTED) {
            return None;
        }
        let ours = icr & (Icr::TXDW | Icr::RXDW | Icr::LSC);
        if ours.is_empty() {
            return None;
        }
        self.bus.write(regs::IMC, ours);
        let all = self.map.causes(0);
        Some(Causes {
            link: ours.contains(Icr::LSC),
            tx: if ours.contains(Icr::TXDW) { all.tx } else { 0 },
            rx: if ours.contains(Icr::RXDW) { all.rx } else { 0 },
        })
    }
}

const fn line_bit(cause: Cause) -> Icr {
    match cause {
        Cause::Tx(_) => Icr::TXDW,
        Cause::Rx(_) => Icr::RXDW,
        Cause::Link => Icr::LSC,
    }
}
