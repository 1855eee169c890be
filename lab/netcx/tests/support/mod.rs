//! A driver without hardware, the board below it, and one process per test.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod board;
pub mod datapath;
pub mod ddi;
pub mod defects;
pub mod driver;
pub mod rings;

use board::{Board, board};
use driver::{PLAN, Plan};
use lab_kernel::cpu;
use lab_kernel::rules;
use lab_kmdf::{Device, Driver, Registry, Resources};
use lab_netcx::{Adapter, Options, RxPacket, TxPacket};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

/// Says which part of a test a child process runs.
const CHILD: &str = "LAB_NETCX_CHILD";

/// Runs `name` of this test binary in a process of its own.
pub fn in_child(name: &str, argument: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(CHILD, argument)
        .output()
        .unwrap()
}

/// The argument this process was started with by [`in_child`].
pub fn child() -> Option<String> {
    std::env::var(CHILD).ok()
}

/// Runs the body of a test in a child process and passes on its failure.
pub fn isolated(name: &str, body: impl FnOnce()) {
    if child().is_some() {
        return body();
    }
    let output = in_child(name, "run");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}");
}

/// A machine with the mini driver loaded and its device added.
pub struct Lab {
    pub driver: Driver,
    pub device: Device,
    pub board: Arc<Board>,
    pub registry: Registry,
}

/// Boots the machine and loads the driver; the device is not started.
pub fn load(plan: Plan, options: Options, preempt_one_in: u32) -> Lab {
    let driver = load_driver(plan, options, preempt_one_in).expect("the driver loads");
    let board = board();
    let resources = Resources { bus: board.clone(), bars: Vec::new(), ports: Vec::new(), messages: 0 };
    let device = driver.add_device(resources).expect("the device is added");
    let registry = driver.registry().clone();
    Lab { driver, device, board, registry }
}

/// Boots the machine and loads the driver.
pub fn load_driver(plan: Plan, options: Options, preempt_one_in: u32) -> Result<Driver, lab_kmdf::RunError> {
    assert!(PLAN.set(plan).is_ok(), "one driver per process");
    cpu::boot(cpu::Config { nic: board(), seed: 1, preempt_one_in });
    lab_kmdf::register_class(&lab_netcx::CLASS);
    lab_netcx::set_options(options);
    // SAFETY: a DriverEntry.
    unsafe { lab_kmdf::run_entry("mini.sys", driver::entry, Registry::new()) }
}

impl Lab {
    pub fn adapter(&self) -> &'static Adapter {
        lab_netcx::adapter_of(self.device.handle()).expect("the driver made an adapter")
    }

    /// Sends `frames` and returns as many received ones, or those that came within a second.
    pub fn exchange(&self, frames: &[TxPacket]) -> Vec<RxPacket> {
        let adapter = self.adapter();
        let mut received = Vec::new();
        let mut rest = frames.iter();
        let mut next = rest.next();
        let deadline = cpu::now() + Duration::from_secs(1);
        while received.len() < frames.len() && cpu::now() < deadline {
            while let Some(frame) = next {
                if !adapter.send(frame.clone()) {
                    break;
                }
                next = rest.next();
            }
            while let Some(packet) = adapter.recv() {
                received.push(packet);
            }
            if received.len() < frames.len() {
                cpu::wait(&adapter.rx_event(), Some(Duration::from_millis(10)));
            }
        }
        received
    }

    /// Removes the device and unloads the driver; nothing may be left.
    pub fn end(self) {
        self.device.remove();
        self.driver.unload();
        assert_eq!(self.board.mapped_now(), 0, "memory is still mapped");
        let left = lab_kmdf::live_objects();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Frame number `n`: an Ethernet header and a pattern, in pieces of the given sizes.
pub fn frame(n: u64, pieces: &[usize]) -> TxPacket {
    let mut counter = n;
    let mut fragments: Vec<Vec<u8>> = pieces
        .iter()
        .map(|len| {
            (0..*len)
                .map(|_| {
                    counter = counter.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    (counter >> 56) as u8
                })
                .collect()
        })
        .collect();
    let mut header = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5].into_iter();
    for byte in fragments.iter_mut().flatten() {
        let Some(value) = header.next() else { break };
        *byte = value;
    }
    TxPacket { fragments, id: n }
}

/// The bytes of a packet.
pub fn bytes(packet: &TxPacket) -> Vec<u8> {
    packet.fragments.concat()
}

/// Names of the rules violated so far.
pub fn violated() -> Vec<&'static str> {
    rules::violations().iter().map(|v| v.rule).collect()
}
