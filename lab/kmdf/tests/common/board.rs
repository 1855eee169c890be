//! A fake board with a virtual clock, and the bus of one device.

use lab_kernel::cpu::{self, Config};
use lab_kernel::platform::{Platform, Ram};
use lab_kmdf::{Bus, Resources};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Logical addresses of the fake bus: never the physical ones.
pub const LOGICAL: u64 = 0x40_0000_0000;

#[derive(Default)]
struct Inner {
    now: Duration,
    fired: u64,
    line: bool,
    next_phys: u64,
    /// Messages enabled now.
    messages: u32,
    /// Live DMA mappings: physical address by logical one.
    mapped: BTreeMap<u64, u64>,
    config: BTreeMap<u16, u8>,
}

/// A board with a virtual clock and the bus of one device.
#[derive(Default)]
pub struct Board(Mutex<Inner>);

impl Board {
    /// Boots a machine on a new board.
    pub fn boot() -> Arc<Board> {
        Board::boot_preemptive(0, 0)
    }

    /// A machine whose preempt points switch threads, one in so many.
    pub fn boot_preemptive(seed: u64, preempt_one_in: u32) -> Arc<Board> {
        let board = Arc::new(Board::default());
        board.with(|b| b.next_phys = 0x10_0000);
        cpu::boot(Config { nic: board.clone(), seed, preempt_one_in });
        board
    }

    fn with<R>(&self, f: impl FnOnce(&mut Inner) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The vectors of the mask fire if the bus has enabled them.
    pub fn fire(&self, vectors: u64) {
        self.with(|b| b.fired |= vectors & ((1 << b.messages) - 1));
    }

    pub fn set_line(&self, asserted: bool) {
        self.with(|b| b.line = asserted);
    }

    pub fn messages(&self) -> u32 {
        self.with(|b| b.messages)
    }

    pub fn mapped(&self) -> BTreeMap<u64, u64> {
        self.with(|b| b.mapped.clone())
    }

    pub fn set_config(&self, offset: u16, bytes: &[u8]) {
        self.with(|b| b.config.extend(bytes.iter().enumerate().map(|(i, &v)| (offset + i as u16, v))));
    }

    /// A memory BAR, an I/O BAR and `messages` messages.
    pub fn resources(self: &Arc<Board>, messages: u32) -> Resources {
        Resources { bus: self.clone(), bars: vec![(0xF000_0000, 0x2_0000)], ports: vec![(0xC000, 32)], messages }
    }
}

impl Platform for Board {
    fn mmio_read(&self, _: u64, _: u8) -> u64 {
        0
    }

    fn mmio_write(&self, _: u64, _: u8, _: u64) {}

    fn is_device_range(&self, _: u64, _: u64) -> bool {
        false
    }

    fn take_interrupts(&self) -> u64 {
        self.with(|b| std::mem::take(&mut b.fired) | u64::from(b.line) << 63)
    }

    fn clock_is_virtual(&self) -> bool {
        true
    }

    fn now(&self) -> Duration {
        self.with(|b| b.now)
    }

    fn step(&self, d: Duration) {
        self.with(|b| b.now += d);
    }

    fn idle(&self, max: Duration) {
        self.with(|b| b.now += max);
    }

    fn ram_alloc(&self, pages: u64, align: u64) -> Option<Ram> {
        let mut keeper = vec![[0_u8; 4096]; pages as usize];
        let va = keeper.as_mut_ptr().cast();
        let phys = self.with(|b| {
            let phys = b.next_phys.next_multiple_of(align);
            b.next_phys = phys + pages * 4096;
            phys
        });
        Some(Ram { va, phys, len: 4096 * pages as usize, keeper: Box::new(keeper) })
    }
}

impl Bus for Board {
    fn config_read(&self, offset: u16, width: u8) -> u32 {
        self.with(|b| {
            let byte = |i: u8| u32::from(b.config.get(&(offset + u16::from(i))).copied().unwrap_or(0));
            (0..width).map(|i| byte(i) << (8 * i)).sum()
        })
    }

    fn config_write(&self, offset: u16, width: u8, value: u32) {
        self.set_config(offset, &value.to_le_bytes()[..width.into()]);
    }

    fn enable_messages(&self, n: u32) {
        self.with(|b| b.messages = n);
    }

    fn disable_messages(&self) {
        self.with(|b| b.messages = 0);
    }

    fn dma_map(&self, phys: u64, _: u64, _: bool) -> u64 {
        self.with(|b| b.mapped.insert(LOGICAL + phys, phys));
        LOGICAL + phys
    }

    fn dma_unmap(&self, logical: u64, _: u64) {
        assert!(self.with(|b| b.mapped.remove(&logical)).is_some(), "{logical:#x} is not mapped");
    }

    fn dma_revoke(&self, _: &[(u64, u64)]) {
        unreachable!("nothing of KMDF revokes")
    }
}
