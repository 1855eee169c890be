//! Measures what the adapter costs: `cargo run --release -p lab-nic --example figures [virtual]`.

#[path = "../tests/rig/mod.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod rig;

use std::hint::black_box;
use std::time::{Duration, Instant};

use lab_nic::{Clock, Net, NicConfig};
use rig::*;

fn main() {
    let virtual_time = std::env::args().any(|arg| arg == "virtual");
    let clock = if virtual_time { Clock::Virtual } else { Clock::Real };
    for (fence, pin) in [(true, false), (true, true), (false, true)] {
        println!("fence {fence}, pinned {pin}, {clock:?} time");
        let start = Instant::now();
        let rig = Rig::new(NicConfig { fence, pin, ..config(Net::Wire, clock) });
        println!("  start            {:8.1} ms", start.elapsed().as_secs_f64() * 1e3);
        each("register read", 20_000, |_| _ = black_box(rig.read(STATUS)));
        each("posted write", 100_000, |i| rig.write(RAL0, i));
        each("interrupt poll", 100_000, |_| _ = black_box(rig.nic.take_interrupts()));
        let block = rig.nic.ram().alloc(1, 0).unwrap();
        each("dma map + unmap", 10_000, |_| rig.nic.dma_unmap(rig.nic.dma_map(block.phys(), 64, true), 64));
        each("RAM alloc + free", 10_000, |_| drop(rig.nic.ram().alloc(1, 0).unwrap()));
        frames_per_second(&rig);
    }
}

fn each(what: &str, count: u64, mut f: impl FnMut(u64)) {
    let start = Instant::now();
    (0..count).for_each(&mut f);
    println!("  {what:16} {:8.2} us", start.elapsed().as_secs_f64() * 1e6 / count as f64);
}

fn frames_per_second(rig: &Rig) {
    rig.bring_link_up();
    let (mut tx, mut rx) = (Tx::start(rig), Rx::start(rig));
    let wire = rig.nic.wire().expect("a wire");
    for (count, batch) in [(5_000, 1), (20_000, 32), (50_000, 255)] {
        let frames = frames([0xff; 6], batch);
        let start = Instant::now();
        for _ in 0..count / batch {
            tx.send(rig, &frames);
        }
        assert!(wire.barrier());
        let got = std::iter::from_fn(|| wire.recv()).count();
        let rate = got as f64 / start.elapsed().as_secs_f64();
        println!("  sent, batch {batch:3}  {rate:8.0} frames/s ({got} of {})", count / batch * batch);
    }
    let burst = frames(MAC, 20_000);
    let start = Instant::now();
    burst.iter().for_each(|frame| wire.send(frame));
    let mut got = 0;
    while got < burst.len() && start.elapsed() < Duration::from_secs(20) {
        rig.nic.idle(Duration::from_micros(50));
        while rx.next(rig).is_some() {
            got += 1;
        }
    }
    println!(
        "  received         {:8.0} frames/s ({got} of {})",
        got as f64 / start.elapsed().as_secs_f64(),
        burst.len()
    );
}
