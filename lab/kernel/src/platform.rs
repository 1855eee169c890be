//! What the machine needs of the board it sits on: registers, interrupts, a clock and memory that a device can reach.

use std::time::Duration;

/// A stretch of guest RAM: the lab's address and the device's address of the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RamRange {
    /// Address in this process.
    pub va: *mut u8,
    /// Guest-physical address.
    pub phys: u64,
    /// Bytes.
    pub len: usize,
}

/// The board below the machine. `lab_nic::Nic` is the real one; unit tests use a fake.
pub trait Platform: Send + Sync {
    /// Reads `width` bytes (1, 2, 4 or 8) at a guest-physical device address.
    fn mmio_read(&self, phys: u64, width: u8) -> u64;
    /// Writes `width` bytes (1, 2, 4 or 8) at a guest-physical device address.
    fn mmio_write(&self, phys: u64, width: u8, value: u64);
    /// True if all of `phys..phys + len` belongs to a BAR of the device.
    fn is_device_range(&self, phys: u64, len: u64) -> bool;
    /// Messages since the last call: bit v is vector v; bit 63 is the level of the line interrupt.
    fn take_interrupts(&self) -> u64;
    /// True if time moves only by [`Platform::step`].
    fn clock_is_virtual(&self) -> bool;
    /// Time since the board was started.
    fn now(&self) -> Duration;
    /// Moves virtual time on.
    fn step(&self, d: Duration);
    /// Gives the host processor away for at most `max` of real time; returns early when a message may have come.
    fn idle(&self, max: Duration);
    /// Takes `pages` pages of guest RAM, aligned to `align` bytes. `None` when there is no room.
    fn ram_alloc(&self, pages: usize, align: usize) -> Option<RamRange>;
    /// Gives back what [`Platform::ram_alloc`] returned.
    fn ram_free(&self, range: RamRange);
}
