//! An interrupt vector: its ISR wakes queues, its DPC reports the link.

use crate::{device::Igb, hardware::QUEUES};
use igb::interrupt::{Cause, Mode};
use netadaptercx::{
    irql::AtMostDispatch,
    wdf::{
        interrupt::{Handler, InterruptGuard},
        object::Ancestor,
    },
    wdf_context,
};

/// The context of an interrupt object.
pub struct Vector {
    igb: Ancestor<Igb>,
    /// MSI-X vector, or 0 for the line.
    number: u8,
}
wdf_context!(Vector);

impl Vector {
    pub const fn new(igb: Ancestor<Igb>, number: u8) -> Self {
        Self { igb, number }
    }
}

impl Handler for Vector {
    fn isr(&self, interrupt: &InterruptGuard<'_>) -> bool {
        let Some(hardware) = self.igb.hardware() else { return false };
        let causes = match hardware.interrupts.map().mode() {
            Mode::MsiX { .. } => hardware.interrupts.on_vector(self.number),
            Mode::Line => match hardware.interrupts.on_line() {
                Some(causes) => causes,
                None => return false,
            },
        };
        for (cause, notification) in hardware.notifications(causes) {
            if notification.event(interrupt)
                && let Some(counts) = self.igb.counters.of(cause)
            {
                counts.wakes.add(1);
            }
        }
        if causes.rx >> QUEUES != 0 {
            self.igb.vmq.event(causes.rx);
        }
        if causes.link {
            interrupt.queue_dpc();
        }
        true
    }

    fn dpc(&self, irql: AtMostDispatch<'_>) {
        self.igb.report_link(irql);
        self.enable();
    }

    /// Only the link's cause: a queue lets its own through when it is armed.
    fn enable(&self) {
        if let Some(hardware) = self.igb.hardware()
            && hardware.interrupts.map().vector(Cause::Link) == self.number
        {
            hardware.interrupts.unmask(Cause::Link);
        }
    }

    fn disable(&self) {
        if let Some(hardware) = self.igb.hardware() {
            hardware.interrupts.mask_all();
        }
    }
}
