//! The board as the machine sees it: the adapter of lab-nic with every access logged.

use crate::log::{Event, EventLog};
use lab_kernel::Platform;
use lab_kernel::bugcheck;
use lab_kernel::platform::Ram;
use lab_kmdf::Bus;
use lab_nic::{DmaFault, Nic, Wire};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Adapter, event log and the DMA mappings that are open.
pub struct Board {
    nic: Arc<Nic>,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    log: EventLog,
    /// Open DMA mappings: bus address to bytes, with how often it was mapped.
    maps: BTreeMap<(u64, u64), u64>,
    faults: Vec<DmaFault>,
    /// Sum of all values read from an address: of a register that reading clears, what it has counted and the driver has
    /// seen.
    read_sums: BTreeMap<u64, u64>,
}

impl Board {
    pub(crate) fn new(nic: Arc<Nic>) -> Board {
        Board { nic, books: Mutex::default() }
    }

    pub(crate) fn nic(&self) -> &Arc<Nic> {
        &self.nic
    }

    /// Runs `f` on the event log.
    pub(crate) fn with_log<R>(&self, f: impl FnOnce(&EventLog) -> R) -> R {
        f(&self.books().log)
    }

    /// Open DMA mappings: bus address and bytes.
    pub(crate) fn open_maps(&self) -> Vec<(u64, u64)> {
        self.books().maps.keys().copied().collect()
    }

    /// Every DMA the fence stopped so far. The fence remembers one; where more came between two looks, `more_lost` is set.
    pub(crate) fn dma_faults(&self) -> Vec<DmaFault> {
        let new = self.nic.dma_faults();
        let mut books = self.books();
        books.faults.extend(new);
        books.faults.clone()
    }

    /// Sum of all values the driver read at BAR0 + `offset`.
    pub(crate) fn read_sum(&self, offset: u64) -> u64 {
        let address = self.nic.bars().first().map(|bar| bar.phys + offset);
        address.and_then(|address| self.books().read_sums.get(&address).copied()).unwrap_or(0)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, event: Event) {
        self.books().log.push(event);
    }

    /// A run without its adapter shows nothing.
    fn check_alive(&self) {
        if let Some(failure) = self.nic.failure() {
            bugcheck::stop(&format!("the adapter was lost: {failure}"));
        }
    }
}

impl Platform for Board {
    fn mmio_read(&self, phys: u64, width: u8) -> u64 {
        let value = self.nic.mmio_read(phys, width);
        let mut books = self.books();
        let sum = books.read_sums.entry(phys).or_default();
        *sum = sum.wrapping_add(value);
        books.log.push(Event::Read { address: phys, width, value });
        value
    }

    fn mmio_write(&self, phys: u64, width: u8, value: u64) {
        self.nic.mmio_write(phys, width, value);
        self.note(Event::Write { address: phys, width, value });
    }

    fn is_device_range(&self, phys: u64, len: u64) -> bool {
        Platform::is_device_range(&*self.nic, phys, len)
    }

    fn take_interrupts(&self) -> u64 {
        let taken = self.nic.take_interrupts();
        let mut books = self.books();
        books.log.tick();
        if taken != 0 {
            books.log.push(Event::Interrupts(taken));
        }
        taken
    }

    fn clock_is_virtual(&self) -> bool {
        self.nic.clock_is_virtual()
    }

    fn now(&self) -> Duration {
        self.nic.now()
    }

    fn step(&self, d: Duration) {
        self.check_alive();
        self.nic.step(d);
        self.note(Event::Step(d));
    }

    fn idle(&self, max: Duration) {
        self.check_alive();
        let before = self.nic.now();
        self.nic.idle(max);
        if self.nic.clock_is_virtual() {
            self.note(Event::Step(self.nic.now().saturating_sub(before)));
        }
    }

    fn ram_alloc(&self, pages: u64, align: u64) -> Option<Ram> {
        Platform::ram_alloc(&*self.nic, pages, align)
    }
}

impl Bus for Board {
    fn config_read(&self, offset: u16, width: u8) -> u32 {
        self.nic.pci_read(offset, width)
    }

    fn config_write(&self, offset: u16, width: u8, value: u32) {
        self.nic.pci_write(offset, width, value);
    }

    fn enable_messages(&self, n: u32) {
        self.nic.enable_msix(n);
    }

    fn disable_messages(&self) {
        self.nic.disable_msix();
    }

    fn dma_map(&self, phys: u64, len: u64, write: bool) -> u64 {
        let address = self.nic.dma_map(phys, len, write);
        let mut books = self.books();
        *books.maps.entry((address, len)).or_default() += 1;
        books.log.push(Event::Map { address, len });
        address
    }

    fn dma_unmap(&self, logical: u64, len: u64) {
        self.nic.dma_unmap(logical, len);
        let mut books = self.books();
        if let Some(count) = books.maps.get_mut(&(logical, len)) {
            *count -= 1;
            if *count == 0 {
                books.maps.remove(&(logical, len));
            }
        }
        books.log.push(Event::Unmap { address: logical, len });
    }

    fn dma_revoke(&self, ranges: &[(u64, u64)]) {
        self.nic.dma_revoke(ranges);
        let mut books = self.books();
        ranges.iter().for_each(|&(address, len)| books.log.push(Event::Revoke { address, len }));
    }
}

/// The lab's end of the wire; frames that pass are in the event log.
#[derive(Clone, Copy)]
pub struct LoggedWire<'a> {
    board: &'a Board,
    wire: &'a Wire,
}

impl<'a> LoggedWire<'a> {
    pub(crate) fn new(board: &'a Board) -> Option<LoggedWire<'a>> {
        Some(LoggedWire { board, wire: board.nic.wire()? })
    }

    /// Puts a frame (without CRC) on the wire.
    pub fn send(&self, frame: &[u8]) {
        self.board.note(Event::frame_in(frame));
        self.wire.send(frame);
    }

    /// The next frame (without CRC) that the adapter sent.
    pub fn recv(&self) -> Option<Vec<u8>> {
        let frame = self.wire.recv()?;
        self.board.note(Event::frame_out(&frame));
        Some(frame)
    }

    /// True when the adapter took every frame sent and every frame it sent can be received; false when it takes no more.
    pub fn barrier(&self) -> bool {
        self.wire.barrier()
    }
}
