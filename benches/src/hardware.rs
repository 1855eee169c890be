//! A device that costs next to nothing: registers that keep what is written, and descriptor rings in ordinary memory.

use igb::{Delay, Registers, memory::DmaMemory};
use std::{
    alloc::{Layout, alloc_zeroed},
    cell::Cell,
    ptr::NonNull,
};

/// BAR0 of the 82576, in words.
const REGISTERS: usize = 128 * 1024 / 4;

/// A register file in which every bit can be set, so that a queue told to start or stop says at once that it has.
pub struct Chip(Box<[Cell<u32>]>);

impl Chip {
    pub fn new() -> Self {
        Chip(vec![Cell::new(0); REGISTERS].into())
    }
}

impl Registers for &Chip {
    #[inline]
    fn read(&self, offset: u32) -> u32 {
        self.0[offset as usize / 4].get()
    }

    #[inline]
    fn write(&self, offset: u32, value: u32) {
        if let Some(register) = self.0.get(offset as usize / 4) {
            register.set(value);
        }
    }
}

impl Delay for &Chip {
    fn delay_us(&self, _: u32) {}
}

/// A descriptor ring as the device sees it. Never freed: a measurement is one process.
#[derive(Clone, Copy)]
pub struct DescriptorRing {
    address: NonNull<u8>,
    bytes: usize,
}

impl DescriptorRing {
    pub fn new(bytes: usize) -> Self {
        let layout = Layout::from_size_align(bytes, 4096).expect("a ring is small");
        // SAFETY: no ring is empty.
        let address = NonNull::new(unsafe { alloc_zeroed(layout) }).expect("there is memory");
        DescriptorRing { address, bytes }
    }

    /// The driver's side of it.
    pub fn dma(self) -> DmaMemory {
        // SAFETY: leaked memory; one queue is made of it, and the only other user plays the device.
        unsafe { DmaMemory::new(self.address, self.address.as_ptr().addr() as u64, self.bytes) }
    }

    /// Second word of descriptor `index`.
    pub fn high(self, index: u16) -> u64 {
        // SAFETY: see `second_word`.
        unsafe { self.second_word(index).read_volatile() }
    }

    /// The device writes descriptor `index` back.
    pub fn write_back(self, index: u16, high: u64) {
        // SAFETY: see `second_word`.
        unsafe { self.second_word(index).write_volatile(high) };
    }

    fn second_word(self, index: u16) -> *mut u64 {
        let offset = usize::from(index) * 16 + 8;
        assert!(offset + 8 <= self.bytes);
        // SAFETY: inside the memory of `new`, and aligned.
        unsafe { self.address.as_ptr().add(offset).cast() }
    }
}
