//! A board with a clock and nothing else.

use lab_kernel::Platform;
use lab_kernel::platform::Ram;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Default)]
struct Board(Mutex<Duration>);

pub fn board() -> Arc<dyn Platform> {
    Arc::new(Board::default())
}

impl Platform for Board {
    fn mmio_read(&self, _: u64, _: u8) -> u64 {
        unreachable!("no registers")
    }
    fn mmio_write(&self, _: u64, _: u8, _: u64) {
        unreachable!("no registers")
    }
    fn is_device_range(&self, _: u64, _: u64) -> bool {
        false
    }
    fn take_interrupts(&self) -> u64 {
        0
    }
    fn clock_is_virtual(&self) -> bool {
        true
    }
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }
    fn step(&self, d: Duration) {
        *self.0.lock().unwrap() += d;
    }
    fn idle(&self, max: Duration) {
        *self.0.lock().unwrap() += max;
    }
    fn ram_alloc(&self, _: u64, _: u64) -> Option<Ram> {
        None
    }
}
