//! Faults of the adapter that QEMU has no notion of: registers that lie, and an adapter that is pulled out.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What a register read answers instead of the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFault {
    /// All bits one, as a device that is gone.
    AllOnes,
    /// All bits zero.
    Zeros,
    /// Noise from this seed; the same seed is the same noise.
    Random(u64),
    /// What the same register answered last time (zero the first time).
    Previous,
}

/// The faults of one adapter. Accesses are the reads and writes of memory BARs together, counted from 0 at the start
/// of the adapter; see [`FaultPlan::accesses`] for where the count is.
#[derive(Default)]
pub struct FaultPlan(Mutex<Plan>);

#[derive(Default)]
struct Plan {
    accesses: u64,
    read: Option<(ReadFault, u64)>,
    remove_at: Option<u64>,
    removed: bool,
    stuck: BTreeMap<u64, (u64, u64)>,
    /// Kept from the moment that [`ReadFault::Previous`] is planned.
    last: BTreeMap<u64, u64>,
    noise: u64,
    lose_one_in: u64,
    interrupts: u64,
}

/// What becomes of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It reaches the adapter.
    Real,
    /// A read answers this; the adapter does not see it.
    Answer(u64),
    /// There is no adapter.
    Gone,
}

impl FaultPlan {
    /// From access `from` on, reads answer as `fault` says and do not reach the adapter. Writes still do.
    pub fn reads(&self, fault: ReadFault, from: u64) {
        let mut plan = self.plan();
        plan.read = Some((fault, from));
        if let ReadFault::Random(seed) = fault {
            plan.noise = seed;
        }
    }

    /// From now on these bits of the register at `offset` of BAR0 read as one (`ones`) and as zero (`zeros`).
    pub fn stuck_bits(&self, offset: u64, ones: u64, zeros: u64) {
        self.plan().stuck.insert(offset, (ones, zeros));
    }

    /// At access `k` the adapter is pulled out: reads are all ones, writes are lost, no DMA and no interrupts.
    pub fn remove_at(&self, k: u64) {
        self.plan().remove_at = Some(k);
    }

    /// Pulls the adapter out with the next access or interrupt poll.
    pub fn surprise_remove(&self) {
        let mut plan = self.plan();
        plan.remove_at = Some(plan.accesses);
        plan.removed = true;
    }

    /// Whether the adapter was pulled out. There is no way back.
    pub fn is_removed(&self) -> bool {
        self.plan().removed
    }

    /// Loses every `n`-th interrupt from now on; 0 loses none.
    pub fn lose_interrupts(&self, one_in: u64) {
        let mut plan = self.plan();
        plan.lose_one_in = one_in;
        plan.interrupts = 0;
    }

    /// Ends every fault but a removal.
    pub fn clear(&self) {
        let mut plan = self.plan();
        *plan = Plan { accesses: plan.accesses, removed: plan.removed, ..Plan::default() };
    }

    /// How many accesses there were.
    pub fn accesses(&self) -> u64 {
        self.plan().accesses
    }

    /// Counts a read of the register at `key`.
    pub(crate) fn on_read(&self, key: u64) -> Verdict {
        let mut plan = self.plan();
        let access = plan.count();
        if plan.removed {
            return Verdict::Gone;
        }
        let Some((fault, _)) = plan.read.filter(|&(_, from)| access >= from) else { return Verdict::Real };
        Verdict::Answer(match fault {
            ReadFault::AllOnes => u64::MAX,
            ReadFault::Zeros => 0,
            ReadFault::Random(_) => splitmix(&mut plan.noise),
            ReadFault::Previous => plan.last.get(&key).copied().unwrap_or(0),
        })
    }

    /// What the driver gets for the true answer `value` of the register at `key`; `bar0` is its offset if it is there.
    pub(crate) fn after_read(&self, key: u64, bar0: Option<u64>, value: u64) -> u64 {
        let mut plan = self.plan();
        if matches!(plan.read, Some((ReadFault::Previous, _))) {
            plan.last.insert(key, value);
        }
        match bar0.and_then(|offset| plan.stuck.get(&offset)) {
            Some(&(ones, zeros)) => (value | ones) & !zeros,
            None => value,
        }
    }

    /// Counts a write.
    pub(crate) fn on_write(&self) -> Verdict {
        let mut plan = self.plan();
        plan.count();
        if plan.removed { Verdict::Gone } else { Verdict::Real }
    }

    /// The interrupts of a set that are not lost.
    pub(crate) fn surviving(&self, fired: u64) -> u64 {
        let mut plan = self.plan();
        if plan.lose_one_in == 0 {
            return fired;
        }
        (0..64).map(|bit| fired & 1 << bit).filter(|&bit| bit != 0).fold(0, |kept, bit| {
            plan.interrupts += 1;
            if plan.interrupts.is_multiple_of(plan.lose_one_in) { kept } else { kept | bit }
        })
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan {
    /// Counts an access; its number.
    fn count(&mut self) -> u64 {
        let access = self.accesses;
        self.accesses += 1;
        self.removed |= self.remove_at.is_some_and(|k| access >= k);
        access
    }
}

/// One step of the SplitMix64 generator.
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_fault_starts_at_its_access_and_spares_writes() {
        let plan = FaultPlan::default();
        plan.reads(ReadFault::AllOnes, 2);
        assert_eq!(plan.on_read(8), Verdict::Real);
        assert_eq!(plan.on_write(), Verdict::Real);
        assert_eq!(plan.on_read(8), Verdict::Answer(u64::MAX));
        assert_eq!(plan.on_write(), Verdict::Real);
        assert_eq!(plan.accesses(), 4);
        plan.clear();
        assert_eq!(plan.on_read(8), Verdict::Real);
    }

    #[test]
    fn noise_repeats_with_its_seed() {
        let noise = |seed| {
            let plan = FaultPlan::default();
            plan.reads(ReadFault::Random(seed), 0);
            [plan.on_read(0), plan.on_read(0)]
        };
        assert_eq!(noise(7), noise(7));
        assert_ne!(noise(7), noise(8));
        assert_ne!(noise(7)[0], noise(7)[1]);
    }

    #[test]
    fn the_previous_value_is_that_of_the_same_register() {
        let plan = FaultPlan::default();
        plan.reads(ReadFault::Previous, 1);
        assert_eq!(plan.on_read(8), Verdict::Real);
        assert_eq!(plan.after_read(8, Some(8), 5), 5);
        assert_eq!(plan.on_read(8), Verdict::Answer(5));
        assert_eq!(plan.on_read(12), Verdict::Answer(0));
    }

    #[test]
    fn stuck_bits_bend_the_truth() {
        let plan = FaultPlan::default();
        plan.stuck_bits(0, 0b1, 0b10);
        assert_eq!(plan.after_read(0, Some(0), 0b110), 0b101);
        assert_eq!(plan.after_read(4, Some(4), 0b110), 0b110);
        assert_eq!(plan.after_read(0, None, 0b110), 0b110, "the same offset of another BAR");
    }

    #[test]
    fn a_removal_lasts() {
        let plan = FaultPlan::default();
        plan.remove_at(1);
        assert_eq!(plan.on_write(), Verdict::Real);
        assert_eq!(plan.on_write(), Verdict::Gone);
        plan.clear();
        assert_eq!(plan.on_read(0), Verdict::Gone);
        assert!(plan.is_removed());
    }

    #[test]
    fn every_nth_interrupt_is_lost() {
        let plan = FaultPlan::default();
        plan.lose_interrupts(3);
        assert_eq!(plan.surviving(0b11), 0b11);
        assert_eq!(plan.surviving(0b11), 0b10);
        assert_eq!(plan.surviving(0), 0);
    }
}
