//! Where the rings of the living queues are, for a dump.

use crate::hardware::QUEUES;
use igb::Direction;
use netadaptercx::wdf::dma::BufferView;

/// A ring in memory.
#[derive(Clone, Copy)]
pub struct RingView {
    pub memory: BufferView,
    pub descriptors: u16,
}

/// The rings of the queues that are started.
pub struct Rings {
    tx: [Option<RingView>; QUEUES],
    rx: [Option<RingView>; QUEUES],
}

impl Rings {
    /// No queue is started.
    pub const fn none() -> Self {
        Self { tx: [None; QUEUES], rx: [None; QUEUES] }
    }

    /// A queue starts, or stops (`None`).
    pub fn set(&mut self, direction: Direction, queue: u8, view: Option<RingView>) {
        let rings = match direction {
            Direction::Transmit => &mut self.tx,
            Direction::Receive => &mut self.rx,
        };
        if let Some(place) = rings.get_mut(usize::from(queue)) {
            *place = view;
        }
    }

    /// The ring of a started queue.
    pub fn get(&self, direction: Direction, queue: u8) -> Option<RingView> {
        let rings = match direction {
            Direction::Transmit => &self.tx,
            Direction::Receive => &self.rx,
        };
        *rings.get(usize::from(queue))?
    }
}
