//! A board with memory, a fence and a virtual clock, and no device registers.

use lab_kernel::Platform;
use lab_kernel::platform::Ram;
use lab_kmdf::Bus;
use std::alloc::{Layout, alloc_zeroed};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

const PHYS: u64 = 0x1000_0000;
const BYTES: usize = 64 << 20;
/// Logical addresses differ from physical ones, so that a mix-up is a fault.
const LOGICAL: u64 = 0x40_0000_0000;

#[derive(Default)]
struct State {
    now: Duration,
    used: usize,
    /// Free ranges by bytes.
    free: Vec<(usize, usize)>,
    /// Mapped ranges: logical start to bytes and the device's right to write.
    mapped: BTreeMap<u64, (u64, bool)>,
    /// Those that the device may not reach any more.
    revoked: BTreeSet<u64>,
    /// Every mapping made and undone.
    maps: u64,
    faults: u64,
}

pub struct Board {
    memory: usize,
    state: Mutex<State>,
}

static BOARD: OnceLock<Arc<Board>> = OnceLock::new();

/// The one board of the process.
pub fn board() -> Arc<Board> {
    BOARD
        .get_or_init(|| {
            // SAFETY: the size is not zero.
            let memory = unsafe { alloc_zeroed(Layout::from_size_align(BYTES, 4096).unwrap()) } as usize;
            Arc::new(Board { memory, state: Mutex::default() })
        })
        .clone()
}

struct Keeper {
    offset: usize,
    len: usize,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let board = board();
        let mut state = board.state.lock().unwrap();
        let phys = PHYS + self.offset as u64;
        let reaches = |l: &u64| (phys..phys + self.len as u64).contains(&(l - LOGICAL)) && !state.revoked.contains(l);
        let mapped = state.mapped.keys().any(reaches);
        assert!(!mapped, "memory is freed while the device may reach it");
        state.free.push((self.offset, self.len));
    }
}

impl Board {
    /// The device reads memory; a range that is not mapped is a fault and reads as nothing.
    pub fn device_read(&self, logical: u64, len: usize) -> Option<Vec<u8>> {
        let at = self.reach(logical, len, false)?;
        // SAFETY: `reach` checked that the range lies in the board's memory.
        Some(unsafe { std::slice::from_raw_parts(at as *const u8, len) }.to_vec())
    }

    /// The device writes memory; a range that is not mapped for writing is a fault.
    pub fn device_write(&self, logical: u64, bytes: &[u8]) -> bool {
        let Some(at) = self.reach(logical, bytes.len(), true) else { return false };
        // SAFETY: as above.
        unsafe { (at as *mut u8).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        true
    }

    fn reach(&self, logical: u64, len: usize, write: bool) -> Option<usize> {
        let mut state = self.state.lock().unwrap();
        let inside = state.mapped.range(..=logical).next_back().is_some_and(|(start, (bytes, may_write))| {
            logical + len as u64 <= start + bytes && (*may_write || !write) && !state.revoked.contains(start)
        });
        if !inside {
            state.faults += 1;
            return None;
        }
        Some(self.memory + (logical - LOGICAL - PHYS) as usize)
    }

    pub fn faults(&self) -> u64 {
        self.state.lock().unwrap().faults
    }

    pub fn mapped_now(&self) -> usize {
        self.state.lock().unwrap().mapped.len()
    }

    pub fn maps(&self) -> u64 {
        self.state.lock().unwrap().maps
    }
}

impl Platform for Board {
    fn mmio_read(&self, _phys: u64, _width: u8) -> u64 {
        unreachable!("the board has no registers")
    }

    fn mmio_write(&self, _phys: u64, _width: u8, _value: u64) {
        unreachable!("the board has no registers")
    }

    fn is_device_range(&self, _phys: u64, _len: u64) -> bool {
        false
    }

    fn take_interrupts(&self) -> u64 {
        0
    }

    fn clock_is_virtual(&self) -> bool {
        true
    }

    fn now(&self) -> Duration {
        self.state.lock().unwrap().now
    }

    fn step(&self, d: Duration) {
        self.state.lock().unwrap().now += d;
    }

    fn idle(&self, max: Duration) {
        self.state.lock().unwrap().now += max;
    }

    fn ram_alloc(&self, pages: u64, align: u64) -> Option<Ram> {
        assert_eq!(align, 4096);
        let len = pages as usize * 4096;
        let mut state = self.state.lock().unwrap();
        let offset = match state.free.iter().position(|(_, free)| *free == len) {
            Some(at) => state.free.swap_remove(at).0,
            None if state.used + len <= BYTES => {
                state.used += len;
                state.used - len
            }
            None => return None,
        };
        let keeper = Box::new(Keeper { offset, len });
        Some(Ram { va: (self.memory + offset) as *mut u8, phys: PHYS + offset as u64, len, keeper })
    }
}

impl Bus for Board {
    fn config_read(&self, _offset: u16, _width: u8) -> u32 {
        u32::MAX
    }

    fn config_write(&self, _offset: u16, _width: u8, _value: u32) {}

    fn enable_messages(&self, _n: u32) {}

    fn disable_messages(&self) {}

    fn dma_map(&self, phys: u64, len: u64, write: bool) -> u64 {
        let mut state = self.state.lock().unwrap();
        assert!(phys.is_multiple_of(4096) && len.is_multiple_of(4096) && phys >= PHYS);
        state.maps += 1;
        let before = state.mapped.insert(phys + LOGICAL, (len, write));
        assert!(before.is_none(), "{phys:#x} is mapped twice");
        phys + LOGICAL
    }

    fn dma_unmap(&self, logical: u64, len: u64) {
        let mut state = self.state.lock().unwrap();
        state.revoked.remove(&logical);
        let was = state.mapped.remove(&logical);
        assert_eq!(was.map(|(bytes, _)| bytes), Some(len), "unmapping {logical:#x}");
    }

    fn dma_revoke(&self, ranges: &[(u64, u64)]) {
        let mut state = self.state.lock().unwrap();
        for (logical, len) in ranges {
            assert_eq!(state.mapped.get(logical).map(|(bytes, _)| bytes), Some(len), "revoking {logical:#x}");
            state.revoked.insert(*logical);
        }
    }
}
