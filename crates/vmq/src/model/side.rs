//! Hardware and memory, which do as their mood is and watch what they are told.

use super::N;
use crate::{Failed, Filter, FilterId, FilterTable, Gate, Host, Limits, MAX_QUEUES, QueueId, Stopped, Stuck};
use ndis_sys::{NDIS_STATUS, NDIS_STATUS_INVALID_PARAMETER};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mood {
    /// Does what it is told.
    Good,
    /// Does not stop a queue.
    Stuck,
    /// Stops a queue only by a reset of the whole device.
    Resets,
    /// Does not start, nor match.
    Dead,
}

/// A queue's hardware and memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hardware {
    pub memory: bool,
    pub leaked: bool,
    pub dma: bool,
    /// The engine was told that it did not stop.
    pub stuck: bool,
    /// Which the receive path is inside.
    pub inside: bool,
    pub out: u8,
}

/// The hardware and memory side.
#[derive(Debug)]
pub struct Side {
    pub gates: [Gate; MAX_QUEUES],
    pub queues: [Hardware; N],
    pub mood: Mood,
    pub powered: bool,
    /// What the hardware matches; none if the last attempt to say so failed.
    pub matches: Option<FilterTable>,
    /// Nobody waits any more for what the door had.
    pub abandoned: bool,
}

impl Host for Side {
    fn limits(&self) -> Limits {
        Limits { queues: N as u8, filters: N as u8, enabled: true }
    }

    fn gate(&self, queue: QueueId) -> &Gate {
        &self.gates[queue.index()]
    }

    fn vector(&self, queue: QueueId) -> u32 {
        queue.number()
    }

    fn allocate(&mut self, queue: QueueId, _suggested: u32) -> Result<(), NDIS_STATUS> {
        let of = &mut self.queues[queue.index()];
        assert!(!of.memory && !of.leaked && !of.dma && of.out == 0, "memory twice");
        of.memory = true;
        Ok(())
    }

    fn free(&mut self, queue: QueueId) {
        let of = &mut self.queues[queue.index()];
        assert!(of.memory && !of.leaked, "freed twice, or after it was given up");
        assert!(!of.dma, "freed under the device");
        assert!(!of.inside, "freed under the receive path");
        assert_eq!(of.out, 0, "freed under the consumer");
        *of = Hardware::default();
    }

    fn leak(&mut self, queue: QueueId) {
        let of = &mut self.queues[queue.index()];
        assert!(self.abandoned && of.memory && !of.leaked, "given up though nobody said so");
        assert!(!of.inside, "given up under the receive path");
        of.leaked = true;
    }

    fn accepts(&self, filters: &FilterTable) -> Result<(), NDIS_STATUS> {
        // No two queues get the same frames.
        let twice = |(_, queue, filter): (FilterId, QueueId, &Filter)| {
            filters.iter().any(|(_, other, of)| other != queue && of == filter)
        };
        if filters.iter().any(twice) { Err(NDIS_STATUS_INVALID_PARAMETER) } else { Ok(()) }
    }

    fn steer(&mut self, filters: &FilterTable) -> Result<(), Failed> {
        assert!(self.powered, "the hardware is touched without power");
        self.matches = (self.mood != Mood::Dead).then(|| filters.clone());
        if self.mood == Mood::Dead { Err(Failed) } else { Ok(()) }
    }

    fn start(&mut self, queue: QueueId) -> Result<(), Failed> {
        let of = &mut self.queues[queue.index()];
        assert!(self.powered && of.memory && !of.leaked && !of.dma && !of.inside, "started too early");
        of.dma = true;
        if self.mood == Mood::Dead { Err(Failed) } else { Ok(()) }
    }

    fn stop(&mut self, queue: QueueId) -> Result<Stopped, Stuck> {
        assert!(self.powered && !self.queues[queue.index()].inside, "stopped under the receive path, or without power");
        match self.mood {
            Mood::Good | Mood::Dead => {
                let of = &mut self.queues[queue.index()];
                (of.dma, of.stuck) = (false, false);
                Ok(Stopped::Queue)
            }
            Mood::Resets => {
                self.reset();
                self.powered = false;
                Ok(Stopped::Device)
            }
            Mood::Stuck => {
                self.queues[queue.index()].stuck = true;
                Err(Stuck)
            }
        }
    }
}

impl Side {
    pub fn new() -> Self {
        Self {
            gates: core::array::from_fn(|_| Gate::new()),
            queues: Default::default(),
            mood: Mood::Good,
            powered: true,
            matches: None,
            abandoned: false,
        }
    }

    /// Ends all DMA, and forgets what it was told.
    pub fn reset(&mut self) {
        for of in &mut self.queues {
            (of.dma, of.stuck) = (false, false);
        }
        self.matches = None;
    }
}
