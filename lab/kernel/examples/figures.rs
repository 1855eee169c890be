//! Measures what the machine costs, on a board that costs nothing: `cargo run --release -p lab-kernel --example figures`.

#[path = "../tests/common/mod.rs"]
mod common;

use common::{BAR, Board};
use lab_kernel::cpu::{self, DISPATCH_LEVEL, Event, PASSIVE_LEVEL};
use lab_kernel::{exports, mmio};
use std::time::Instant;

fn each(what: &str, count: u32, mut f: impl FnMut()) {
    let start = Instant::now();
    (0..count).for_each(|_| f());
    println!("{what:40} {:8.3} us", start.elapsed().as_secs_f64() * 1e6 / f64::from(count));
}

fn main() {
    let board = Board::new();
    board.boot();
    each("preempt point", 1_000_000, cpu::preempt_point);
    let address = exports::resolve("ntoskrnl.exe", "KeGetCurrentIrql").expect("an export of the lab");
    // SAFETY: KeGetCurrentIrql takes nothing and returns the IRQL.
    let irql: unsafe extern "win64" fn() -> u8 = unsafe { std::mem::transmute(address) };
    each("export call", 1_000_000, || {
        // SAFETY: as above.
        unsafe { irql() };
    });
    each("raise, lower, one DPC", 1_000_000, || {
        cpu::raise_irql(DISPATCH_LEVEL);
        cpu::queue_dpc(|| {});
        cpu::lower_irql(PASSIVE_LEVEL);
    });
    cpu::connect_interrupt(0, 5, Box::new(|| true));
    each("interrupt", 1_000_000, || {
        board.fire(1);
        cpu::preempt_point();
    });
    let register: *mut u32 = mmio::map(BAR, 0x1000).cast();
    each("register read (trap and emulation)", 200_000, || {
        // SAFETY: the window traps and is emulated.
        unsafe { register.read_volatile() };
    });
    each("register write", 200_000, || {
        // SAFETY: as above.
        unsafe { register.write_volatile(1) };
    });
    let (ping, pong) = (Event::new(false, false), Event::new(false, false));
    let (there, back) = (ping.clone(), pong.clone());
    const ROUNDS: u32 = 100_000;
    let echo = cpu::spawn("echo", move || {
        for _ in 0..ROUNDS {
            cpu::wait(&there, None);
            back.set();
        }
    });
    each("event there and back (two switches)", ROUNDS, || {
        ping.set();
        cpu::wait(&pong, None);
    });
    cpu::join(echo);
}
