use std::collections::BTreeMap;

/// What went over the bus since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NicStats {
    /// Reads of memory BARs.
    pub mmio_reads: u64,
    /// Writes of memory BARs.
    pub mmio_writes: u64,
    /// Reads per byte offset in BAR0.
    pub reads_from: BTreeMap<u64, u64>,
    /// Writes per byte offset in BAR0.
    pub writes_to: BTreeMap<u64, u64>,
    /// Interrupts taken, per MSI-X vector.
    pub interrupts: Vec<u64>,
    /// Polls that found the interrupt line asserted.
    pub line_interrupts: u64,
}
