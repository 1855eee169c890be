use crate::Direction;
use crate::model::Model;

/// How the device signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// MSI-X with this many vectors, 1 or more.
    MsiX {
        /// Vectors granted; what the model does not have stays unused.
        vectors: u8,
    },
    /// One line, or one MSI message, for everything.
    Line,
}

/// What can interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The transmit queue with this number has completed packets.
    Tx(u8),
    /// The receive queue with this number has filled buffers.
    Rx(u8),
    /// The link went up or down.
    Link,
}

/// A set of causes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Causes {
    /// [`Cause::Link`].
    pub link: bool,
    /// Bit n is [`Cause::Tx`] of queue n.
    pub tx: u16,
    /// Bit n is [`Cause::Rx`] of queue n.
    pub rx: u16,
}

impl Causes {
    /// Nothing in it.
    pub const fn is_empty(self) -> bool {
        !self.link && self.tx == 0 && self.rx == 0
    }

    fn insert(&mut self, cause: Cause) {
        match cause {
            Cause::Tx(queue) => self.tx |= 1 << queue,
            Cause::Rx(queue) => self.rx |= 1 << queue,
            Cause::Link => self.link = true,
        }
    }
}

/// Most vectors of any model.
const MAX_VECTORS: usize = 25;
/// Most queues in one direction of any model.
const MAX_QUEUES: usize = 16;

/// Which cause is on which vector.
///
/// Vector 0 has the link. With enough vectors each queue has one of its own, receive queues first; with fewer, Tx n and
/// Rx n share; with fewer still, queues go round the vectors; with one, everything is on it.
#[derive(Clone, Debug)]
pub struct VectorMap {
    mode: Mode,
    tx_queues: u8,
    rx_queues: u8,
    tx: [u8; MAX_QUEUES],
    rx: [u8; MAX_QUEUES],
    causes: [Causes; MAX_VECTORS],
}

impl VectorMap {
    /// Routes for the first `tx_queues` and `rx_queues` queues; more than the model has are left out.
    pub fn new(mode: Mode, model: &Model, tx_queues: u8, rx_queues: u8) -> Self {
        let mode = match mode {
            Mode::MsiX { vectors } => Mode::MsiX { vectors: vectors.clamp(1, model.msix_vectors) },
            Mode::Line => Mode::Line,
        };
        let mut map = VectorMap {
            mode,
            tx_queues: tx_queues.min(model.tx_queues),
            rx_queues: rx_queues.min(model.rx_queues),
            tx: [0; MAX_QUEUES],
            rx: [0; MAX_QUEUES],
            causes: [Causes::default(); MAX_VECTORS],
        };
        let for_queues = map.vectors() - 1;
        // Where transmit queues begin: behind the receive queues if all have vectors of their own.
        let tx_begin = if for_queues >= map.tx_queues + map.rx_queues { map.rx_queues } else { 0 };
        let place = |queue: u8| if for_queues == 0 { 0 } else { 1 + queue % for_queues };
        for queue in 0..map.rx_queues {
            map.rx[usize::from(queue)] = place(queue);
        }
        for queue in 0..map.tx_queues {
            map.tx[usize::from(queue)] = place(tx_begin + queue);
        }
        for cause in map.queues().chain([Cause::Link]) {
            map.causes[usize::from(map.vector(cause))].insert(cause);
        }
        map
    }

    /// How the device signals.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Vectors used: 0 is the first, and the only one of a line.
    pub fn vectors(&self) -> u8 {
        match self.mode {
            Mode::MsiX { vectors } => vectors,
            Mode::Line => 1,
        }
    }

    /// The vector of a cause; of a queue that is not routed, 0.
    pub fn vector(&self, cause: Cause) -> u8 {
        let of = |vectors: &[u8; MAX_QUEUES], queue: u8| vectors.get(usize::from(queue)).copied().unwrap_or(0);
        match cause {
            Cause::Tx(queue) => of(&self.tx, queue),
            Cause::Rx(queue) => of(&self.rx, queue),
            Cause::Link => 0,
        }
    }

    /// What an interrupt on `vector` may stand for.
    pub fn causes(&self, vector: u8) -> Causes {
        self.causes.get(usize::from(vector)).copied().unwrap_or_default()
    }

    /// Every routed queue.
    pub(super) fn queues(&self) -> impl Iterator<Item = Cause> + use<> {
        (0..self.tx_queues).map(Cause::Tx).chain((0..self.rx_queues).map(Cause::Rx))
    }
}

impl Cause {
    /// Direction and number of a queue cause.
    pub(super) fn queue(self) -> Option<(Direction, u8)> {
        match self {
            Cause::Tx(queue) => Some((Direction::Transmit, queue)),
            Cause::Rx(queue) => Some((Direction::Receive, queue)),
            Cause::Link => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::model::{I211, I82576};

    fn vectors_of(map: &VectorMap) -> (Vec<u8>, Vec<u8>) {
        let tx = (0..map.tx_queues).map(|queue| map.vector(Cause::Tx(queue))).collect();
        let rx = (0..map.rx_queues).map(|queue| map.vector(Cause::Rx(queue))).collect();
        (tx, rx)
    }

    #[test]
    fn own_vectors_then_pairs_then_round_then_one() {
        let map = |vectors, tx, rx| vectors_of(&VectorMap::new(Mode::MsiX { vectors }, &I82576, tx, rx));
        assert_eq!(map(10, 1, 1), (vec![2], vec![1]));
        assert_eq!(map(9, 4, 4), (vec![5, 6, 7, 8], vec![1, 2, 3, 4]));
        assert_eq!(map(5, 4, 4), (vec![1, 2, 3, 4], vec![1, 2, 3, 4]));
        assert_eq!(map(3, 2, 4), (vec![1, 2], vec![1, 2, 1, 2]));
        assert_eq!(map(2, 2, 2), (vec![1, 1], vec![1, 1]));
        assert_eq!(map(1, 2, 2), (vec![0, 0], vec![0, 0]));
        assert_eq!(vectors_of(&VectorMap::new(Mode::Line, &I82576, 1, 2)), (vec![0], vec![0, 0]));
    }

    /// Every number of vectors and queues: each cause is on exactly the vector that names it.
    #[test]
    fn causes_and_vectors_agree() {
        for model in [&I82576, &I211] {
            for vectors in 0..=30 {
                for tx_queues in 0..=17 {
                    for rx_queues in 0..=17 {
                        let map = VectorMap::new(Mode::MsiX { vectors }, model, tx_queues, rx_queues);
                        assert!((1..=model.msix_vectors).contains(&map.vectors()));
                        let mut all = Causes::default();
                        for vector in 0..map.vectors() {
                            let causes = map.causes(vector);
                            assert_eq!(all.tx & causes.tx | all.rx & causes.rx, 0, "on two vectors");
                            assert!(!(all.link && causes.link));
                            all.tx |= causes.tx;
                            all.rx |= causes.rx;
                            all.link |= causes.link;
                            for queue in 0..16 {
                                if causes.tx & 1 << queue != 0 {
                                    assert_eq!(map.vector(Cause::Tx(queue)), vector);
                                }
                                if causes.rx & 1 << queue != 0 {
                                    assert_eq!(map.vector(Cause::Rx(queue)), vector);
                                }
                            }
                        }
                        assert!(all.link);
                        assert_eq!(all.tx.count_ones(), u32::from(tx_queues.min(model.tx_queues)));
                        assert_eq!(all.rx.count_ones(), u32::from(rx_queues.min(model.rx_queues)));
                    }
                }
            }
        }
    }

    #[test]
    fn unknown_queues_and_vectors_are_harmless() {
        let map = VectorMap::new(Mode::MsiX { vectors: 3 }, &I82576, 1, 1);
        assert_eq!(map.vector(Cause::Rx(200)), 0);
        assert!(map.causes(200).is_empty());
    }
}
