//! MSI-X messages aimed at guest RAM: a vector that fires writes its slot, and the lab polls the slots.

use std::sync::Arc;

use crate::{
    link::Link,
    pci::{Function, MsixCapability},
    ram::RamBlock,
};

// PCI Express Base Specification, MSI-X capability and table structure
const CONTROL: u16 = 2;
const CONTROL_ENABLE: u32 = 1 << 15;
const ENTRY_LEN: u64 = 16;
const ENTRY_MASK: u64 = 12;
/// One cache line per slot.
const SLOT_LEN: u64 = 64;
const FIRED: u32 = 1;

/// Vectors served at most: the slots fill a page, and bit 63 of the interrupt set is the line.
pub(crate) const MAX_VECTORS: u32 = 63;

pub(crate) struct Msix {
    link: Arc<Link>,
    capability: MsixCapability,
    slots: RamBlock,
    /// The adapter's address of the slots.
    slots_dma: u64,
    enabled: u32,
}

impl Msix {
    pub fn new(link: Arc<Link>, capability: MsixCapability, slots: RamBlock, slots_dma: u64) -> Msix {
        Msix { link, capability, slots, slots_dma, enabled: 0 }
    }

    pub fn vectors(&self) -> u32 {
        self.capability.vectors.min(MAX_VECTORS)
    }

    pub fn is_enabled(&self) -> bool {
        self.enabled > 0
    }

    /// Grants the first `n` vectors; the others stay masked.
    pub fn enable(&mut self, function: &Function, n: u32) {
        let n = n.min(self.vectors());
        for vector in 0..self.capability.vectors {
            let entry = self.capability.table + u64::from(vector) * ENTRY_LEN;
            let granted = vector < n;
            let address = if granted { self.slots_dma + u64::from(vector) * SLOT_LEN } else { 0 };
            let words = [address as u32, (address >> 32) as u32, FIRED, u32::from(!granted)];
            for (i, word) in words.into_iter().enumerate() {
                self.link.post(format_args!("writel {:#x} {word:#x}", entry + 4 * i as u64));
            }
        }
        for vector in 0..n {
            self.slots.take_u32(u64::from(vector) * SLOT_LEN);
        }
        self.enabled = n;
        self.set_control(function, if n > 0 { CONTROL_ENABLE } else { 0 });
    }

    pub fn disable(&mut self, function: &Function) {
        self.enabled = 0;
        self.set_control(function, 0);
    }

    pub fn set_masked(&self, vector: u32, masked: bool) {
        let control = self.capability.table + u64::from(vector) * ENTRY_LEN + ENTRY_MASK;
        if vector < self.enabled {
            self.link.post(format_args!("writel {control:#x} {:#x}", u32::from(masked)));
        }
    }

    /// The vectors that fired since the last call.
    pub fn take(&self) -> u64 {
        let fired = |vector: &u32| self.slots.take_u32(u64::from(*vector) * SLOT_LEN) != 0;
        (0..self.enabled).filter(fired).fold(0, |set, vector| set | 1 << vector)
    }

    /// Whether a vector fired since the last [`Msix::take`].
    pub fn has_fired(&self) -> bool {
        (0..self.enabled).any(|vector| self.slots.read_u64(u64::from(vector) * SLOT_LEN) != 0)
    }

    fn set_control(&self, function: &Function, value: u32) {
        function.write(self.capability.offset + CONTROL, 2, value);
    }
}
