//! A fake board with a virtual (or the real) clock, and tests that run in a process of their own.
#![allow(dead_code, reason = "each test binary uses its part")]

pub mod pe;

use lab_kernel::cpu::{self, Config};
use lab_kernel::platform::{Platform, Ram};
use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Device memory of the fake board.
pub const BAR: u64 = 0xF000_0000;
/// Its length.
pub const BAR_LEN: u64 = 0x2_0000;

#[derive(Default)]
struct Inner {
    now: Duration,
    /// Messages that the board will send, by time.
    planned: BTreeMap<Duration, u64>,
    fired: u64,
    line: bool,
    registers: BTreeMap<u64, u64>,
    /// Every register access: address, width, value written.
    log: Vec<(u64, u8, Option<u64>)>,
    /// A write of this register raises the vectors of its value.
    doorbell: Option<u64>,
}

pub struct Board {
    inner: Mutex<Inner>,
    real: Option<Instant>,
}

impl Board {
    pub fn new() -> Arc<Board> {
        Arc::new(Board { inner: Mutex::default(), real: None })
    }

    pub fn with_real_clock() -> Arc<Board> {
        Arc::new(Board { inner: Mutex::default(), real: Some(Instant::now()) })
    }

    /// Boots a machine without preemption on this board.
    pub fn boot(self: &Arc<Board>) {
        self.boot_seeded(0, 0);
    }

    pub fn boot_seeded(self: &Arc<Board>, seed: u64, preempt_one_in: u32) {
        cpu::boot(Config { nic: self.clone(), seed, preempt_one_in });
    }

    /// Vectors (a bit mask) that fire at a time.
    pub fn plan(&self, at: Duration, vectors: u64) {
        *self.inner.lock().unwrap().planned.entry(at).or_default() |= vectors;
    }

    pub fn fire(&self, vectors: u64) {
        self.inner.lock().unwrap().fired |= vectors;
    }

    pub fn set_line(&self, asserted: bool) {
        self.inner.lock().unwrap().line = asserted;
    }

    pub fn set_doorbell(&self, offset: u64) {
        self.inner.lock().unwrap().doorbell = Some(BAR + offset);
    }

    pub fn set_register(&self, offset: u64, value: u64) {
        self.inner.lock().unwrap().registers.insert(BAR + offset, value);
    }

    pub fn register(&self, offset: u64) -> u64 {
        self.inner.lock().unwrap().registers.get(&(BAR + offset)).copied().unwrap_or(0)
    }

    pub fn take_log(&self) -> Vec<(u64, u8, Option<u64>)> {
        std::mem::take(&mut self.inner.lock().unwrap().log)
    }
}

impl Inner {
    fn advance(&mut self, to: Duration) {
        self.now = self.now.max(to);
        while let Some(entry) = self.planned.first_entry().filter(|e| *e.key() <= self.now) {
            self.fired |= entry.remove();
        }
    }
}

impl Platform for Board {
    fn mmio_read(&self, phys: u64, width: u8) -> u64 {
        let mut inner = self.inner.lock().unwrap();
        inner.log.push((phys, width, None));
        inner.registers.get(&phys).copied().unwrap_or(0)
    }

    fn mmio_write(&self, phys: u64, width: u8, value: u64) {
        let mut inner = self.inner.lock().unwrap();
        inner.log.push((phys, width, Some(value)));
        inner.registers.insert(phys, value);
        if inner.doorbell == Some(phys) {
            inner.fired |= value;
        }
    }

    fn is_device_range(&self, phys: u64, len: u64) -> bool {
        phys >= BAR && phys + len <= BAR + BAR_LEN
    }

    fn take_interrupts(&self) -> u64 {
        let now = Platform::now(self);
        let mut inner = self.inner.lock().unwrap();
        inner.advance(now);
        std::mem::take(&mut inner.fired) | u64::from(inner.line) << 63
    }

    fn clock_is_virtual(&self) -> bool {
        self.real.is_none()
    }

    fn now(&self) -> Duration {
        self.real.map_or_else(|| self.inner.lock().unwrap().now, |start| start.elapsed())
    }

    fn step(&self, d: Duration) {
        let mut inner = self.inner.lock().unwrap();
        let to = inner.now + d;
        inner.advance(to);
        if self.real.is_some() {
            std::thread::sleep(d);
        }
    }

    fn idle(&self, max: Duration) {
        if self.real.is_some() {
            std::thread::sleep(max.min(Duration::from_micros(50)));
            return;
        }
        let mut inner = self.inner.lock().unwrap();
        let next = inner.planned.first_key_value().map(|(at, _)| *at);
        let end = inner.now + max;
        let to = next.map_or(end, |at| at.clamp(inner.now, end));
        if inner.fired == 0 {
            inner.advance(to);
        }
    }

    fn ram_alloc(&self, pages: u64, _align: u64) -> Option<Ram> {
        let mut keeper = vec![[0xFFu8; 4096]; pages as usize];
        let va = keeper.as_mut_ptr().cast();
        Some(Ram { va, phys: 0x10_0000, len: 4096 * pages as usize, keeper: Box::new(keeper) })
    }
}

const CHILD: &str = "LAB_KERNEL_TEST_CHILD";

/// True in the process that runs the body of test `name`.
pub fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Runs test `name` of this binary in a process of its own.
pub fn run_child(name: &str, argument: &str) -> Output {
    let exe = std::env::current_exe().unwrap();
    let mut command = Command::new(exe);
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(CHILD, argument);
    command.output().unwrap()
}

/// The argument of [`run_child`].
pub fn child_argument() -> String {
    std::env::var(CHILD).unwrap()
}

/// Requires success and returns what the body printed.
pub fn expect_success(name: &str, output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let passed = output.status.success() && out.contains("1 passed");
    assert!(passed, "{name}: {:?}\n{out}\n{err}", output.status);
    out.into_owned()
}

/// Requires exit code 3 and every needle on standard error, in order.
pub fn expect_stop(name: &str, output: &Output, needles: &[&str]) {
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{name}: {:?}\n{err}", output.status);
    let mut rest = &*err;
    for needle in needles {
        let Some(at) = rest.find(needle) else { panic!("{name}: no \"{needle}\" (in order {needles:?}) in\n{err}") };
        rest = &rest[at + needle.len()..];
    }
}

/// Tests that boot a machine: each runs in a process of its own and must succeed.
#[macro_export]
macro_rules! machine_tests {
    ($($(#[$meta:meta])* fn $name:ident() $body:block)*) => {
        $(
            $(#[$meta])*
            #[test]
            fn $name() {
                if $crate::common::is_child() {
                    $body
                } else {
                    $crate::common::expect_success(stringify!($name), &$crate::common::run_child(stringify!($name), "1"));
                }
            }
        )*
    };
}

/// Tests whose body must end the process with code 3 and print the given texts in order.
#[macro_export]
macro_rules! stop_tests {
    ($($(#[$meta:meta])* fn $name:ident() stops with [$($needle:expr),* $(,)?] $body:block)*) => {
        $(
            $(#[$meta])*
            #[test]
            fn $name() {
                if $crate::common::is_child() {
                    $body
                } else {
                    let output = $crate::common::run_child(stringify!($name), "1");
                    $crate::common::expect_stop(stringify!($name), &output, &[$($needle),*]);
                }
            }
        )*
    };
}
