//! What becomes of the adapter from a register access on.

use lab_nic::{Nic, ReadFault};

/// How the adapter goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// Reads are all ones; the adapter is there otherwise.
    Ones,
    /// The adapter is gone, and the PnP manager tells.
    Pulled,
    /// Reads are zero.
    Zeros,
    /// Reads are noise.
    Random,
    /// Reads are what was read before.
    Previous,
}

impl Fault {
    /// Lets it happen at access `k`, counted from the machine's first.
    pub fn plan(self, nic: &Nic, seed: u64, k: u64) {
        let faults = nic.faults();
        match self {
            Fault::Ones => faults.reads(ReadFault::AllOnes, k),
            Fault::Pulled => faults.remove_at(k),
            Fault::Zeros => faults.reads(ReadFault::Zeros, k),
            Fault::Random => faults.reads(ReadFault::Random(seed ^ k), k),
            Fault::Previous => faults.reads(ReadFault::Previous, k),
        }
    }
}
