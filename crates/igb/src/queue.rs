//! What transmit and receive queues have in common: their registers and when their DMA is on.

use crate::io::{Bus, Patience};
use crate::memory::{Descriptors, write_barrier};
use crate::model::Model;
use crate::regs::{self, QueueControl, Register};
use crate::{Delay, Direction, Error, Registers};

/// Enabling takes microseconds; 10 ms is for a machine under load.
const ENABLE: Patience = Patience { step_us: 10, tries: 1000 };

/// A queue stops after the packet in hand: 9 KiB at 10 Mb/s take 8 ms.
const DISABLE: Patience = Patience { step_us: 10, tries: 2000 };

/// Whether the ring is a legal one of the hardware.
pub(crate) fn check_ring(descriptors: u16) -> Result<(), Error> {
    if (64..=4096).contains(&descriptors) && descriptors.is_multiple_of(8) { Ok(()) } else { Err(Error::BadRing) }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// No DMA; the ring is the CPU's.
    Off,
    /// The hardware runs the ring.
    On,
    /// Told to stop, did not say it has.
    Stuck,
}

/// One queue's registers (8.10, 8.12) and state.
pub(crate) struct Engine<R> {
    bus: Bus<R>,
    direction: Direction,
    index: u8,
    state: State,
    base_low: Register<u32>,
    base_high: Register<u32>,
    length: Register<u32>,
    head: Register<u32>,
    tail: Register<u32>,
    control: Register<QueueControl>,
}

impl<R: Registers> Engine<R> {
    pub fn new(registers: R, model: &Model, direction: Direction, index: u8) -> Result<Self, Error> {
        if index >= model.queues(direction) {
            return Err(Error::NoSuchQueue { direction, queue: index });
        }
        let n = u32::from(index);
        let (base_low, base_high, length, head, tail, control) = match direction {
            Direction::Transmit => (regs::TDBAL, regs::TDBAH, regs::TDLEN, regs::TDH, regs::TDT, regs::TXDCTL),
            Direction::Receive => (regs::RDBAL, regs::RDBAH, regs::RDLEN, regs::RDH, regs::RDT, regs::RXDCTL),
        };
        Ok(Engine {
            bus: Bus(registers),
            direction,
            index,
            state: State::Off,
            base_low: base_low.at(n),
            base_high: base_high.at(n),
            length: length.at(n),
            head: head.at(n),
            tail: tail.at(n),
            control: control.at(n),
        })
    }

    pub fn index(&self) -> u32 {
        u32::from(self.index)
    }

    /// The hardware runs the ring and may be given descriptors.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.state == State::On
    }

    /// The device uses neither the ring nor what its descriptors point to.
    pub fn is_off(&self) -> bool {
        self.state == State::Off
    }

    pub fn busy(&self) -> Error {
        Error::QueueBusy { direction: self.direction, queue: self.index }
    }

    /// Starts the hardware on an empty ring. `prepare` writes the queue's own registers while it is disabled.
    pub fn enable(
        &mut self,
        delay: &impl Delay,
        descriptors: &Descriptors,
        thresholds: QueueControl,
        prepare: impl FnOnce(&Bus<R>),
    ) -> Result<(), Error> {
        if !self.is_off() {
            return Err(self.busy());
        }
        // Queue 0 is enabled by reset; base and length may only be written to a disabled queue.
        self.stop(delay)?;
        let base = descriptors.device_address();
        self.bus.write(self.base_low, base as u32);
        self.bus.write(self.base_high, (base >> 32) as u32);
        self.bus.write(self.length, descriptors.ring_bytes());
        self.bus.write(self.head, 0);
        self.bus.write(self.tail, 0);
        prepare(&self.bus);
        write_barrier();
        self.bus.write(self.control, thresholds | QueueControl::ENABLE);
        if self.bus.poll(delay, self.control, ENABLE, |control| control.contains(QueueControl::ENABLE))? {
            self.state = State::On;
            return Ok(());
        }
        self.state = State::Stuck;
        self.disable(delay)?;
        Err(Error::QueueStartTimeout { direction: self.direction, queue: self.index })
    }

    /// Stops the hardware. After `Ok` and after `DeviceGone` there is no more DMA.
    pub fn disable(&mut self, delay: &impl Delay) -> Result<(), Error> {
        if self.is_off() {
            return Ok(());
        }
        self.state = State::Stuck;
        let stopped = self.stop(delay);
        if matches!(stopped, Ok(()) | Err(Error::DeviceGone)) {
            self.state = State::Off;
        }
        stopped
    }

    /// The device was reset, which stops every queue.
    pub fn halted(&mut self) {
        self.state = State::Off;
    }

    /// Makes the descriptors before `tail` the hardware's.
    #[inline]
    pub fn doorbell(&self, tail: u16) {
        write_barrier();
        self.bus.write(self.tail, u32::from(tail));
    }

    fn stop(&self, delay: &impl Delay) -> Result<(), Error> {
        self.bus.write(self.control, QueueControl::empty());
        let clear = |control: QueueControl| !control.contains(QueueControl::ENABLE);
        if self.bus.poll(delay, self.control, DISABLE, clear)? {
            Ok(())
        } else {
            Err(Error::QueueStuck { direction: self.direction, queue: self.index })
        }
    }
}
