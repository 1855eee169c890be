//! What the machine needs of the board it sits on: registers, interrupts, a clock and memory that a device can reach.

use lab_nic::{Nic, PAGE_SIZE, RamBlock};
use std::any::Any;
use std::time::Duration;

/// A stretch of guest RAM. Dropping it gives the memory back.
pub struct Ram {
    /// Address in this process.
    pub va: *mut u8,
    /// Guest-physical address.
    pub phys: u64,
    /// Bytes.
    pub len: usize,
    /// Owns the memory.
    pub keeper: Box<dyn Any + Send>,
}

/// The board below the machine. [`Nic`] is the real one; unit tests use a fake.
pub trait Platform: Send + Sync {
    /// Reads `width` bytes (1, 2, 4 or 8) at a guest-physical device address.
    fn mmio_read(&self, phys: u64, width: u8) -> u64;
    /// Writes `width` bytes (1, 2, 4 or 8) at a guest-physical device address. May be posted: it is done before the next
    /// read, [`Platform::take_interrupts`] or [`Platform::idle`].
    fn mmio_write(&self, phys: u64, width: u8, value: u64);
    /// True if all of `phys..phys + len` belongs to one memory BAR of the device.
    fn is_device_range(&self, phys: u64, len: u64) -> bool;
    /// Messages since the last call: bit v is vector v; bit 63 is the level of the line interrupt.
    fn take_interrupts(&self) -> u64;
    /// True if time moves only by [`Platform::step`] and [`Platform::idle`].
    fn clock_is_virtual(&self) -> bool;
    /// Time since the board was started.
    fn now(&self) -> Duration;
    /// Lets `d` pass.
    fn step(&self, d: Duration);
    /// Lets at most `max` pass, less when an interrupt comes.
    fn idle(&self, max: Duration);
    /// Takes `pages` pages of guest RAM, aligned to `align` bytes. `None` when there is no room.
    fn ram_alloc(&self, pages: u64, align: u64) -> Option<Ram>;
}

impl Platform for Nic {
    fn mmio_read(&self, phys: u64, width: u8) -> u64 {
        Nic::mmio_read(self, phys, width)
    }

    fn mmio_write(&self, phys: u64, width: u8, value: u64) {
        Nic::mmio_write(self, phys, width, value);
    }

    fn is_device_range(&self, phys: u64, len: u64) -> bool {
        let page_end = |bar_end: u64| bar_end.next_multiple_of(PAGE_SIZE);
        self.bars()
            .iter()
            .any(|bar| !bar.io && bar.phys <= phys && phys.saturating_add(len) <= page_end(bar.phys + bar.len))
    }

    fn take_interrupts(&self) -> u64 {
        Nic::take_interrupts(self)
    }

    fn clock_is_virtual(&self) -> bool {
        Nic::clock_is_virtual(self)
    }

    fn now(&self) -> Duration {
        Nic::now(self)
    }

    fn step(&self, d: Duration) {
        Nic::step(self, d);
    }

    fn idle(&self, max: Duration) {
        Nic::idle(self, max);
    }

    fn ram_alloc(&self, pages: u64, align: u64) -> Option<Ram> {
        let block: RamBlock = self.ram().alloc(pages, align).ok()?;
        Some(Ram { va: block.va(), phys: block.phys(), len: block.len() as usize, keeper: Box::new(block) })
    }
}
