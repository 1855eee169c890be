//! `datapath CASE BATCH ROUNDS`: runs EvtAdvance's work ROUNDS times with BATCH packets each and prints the median of TSC
//! cycles per packet. `cargo xtask bench` runs it under callgrind, which counts the instructions in `measured_advance`.

mod cases;
mod hardware;

use cases::{Case, Rx, Tx};
use hardware::Chip;
use std::{env, process::ExitCode};

/// Rounds before the first that is timed: the rings have wrapped by then and everything is in the cache.
const WARM_UP: u32 = 2000;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [case, batch, rounds] = arguments.as_slice() else { return usage() };
    let (Ok(batch), Ok(rounds)) = (batch.parse(), rounds.parse()) else { return usage() };
    if !(1..=64).contains(&batch) || rounds == 0 {
        return usage();
    }
    let chip = Chip::new();
    let mut case: Box<dyn Case + '_> = match case.as_str() {
        "tx-1" => Box::new(Tx::new(&chip, 1)),
        "tx-2" => Box::new(Tx::new(&chip, 2)),
        "rx" => Box::new(Rx::new(&chip)),
        _ => return usage(),
    };
    let cycles = run(&mut *case, batch, rounds);
    println!("{:.2}", cycles as f64 / f64::from(batch));
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: datapath tx-1|tx-2|rx BATCH(1..=64) ROUNDS");
    ExitCode::FAILURE
}

/// Median cycles of one Advance, without those of reading the clock.
fn run(case: &mut dyn Case, batch: u32, rounds: u32) -> u64 {
    let mut times = Vec::with_capacity(rounds as usize);
    for round in 0..rounds.saturating_add(WARM_UP) {
        case.prepare(batch);
        let start = clock();
        case.measured_advance();
        let end = clock();
        if round >= WARM_UP {
            times.push(end - start);
        }
    }
    assert_eq!(case.packets(), u64::from(rounds + WARM_UP) * u64::from(batch), "a packet did not go through");
    let mut idle: Vec<u64> = (0..rounds)
        .map(|_| {
            let start = clock();
            clock() - start
        })
        .collect();
    median(&mut times).saturating_sub(median(&mut idle))
}

fn median(times: &mut [u64]) -> u64 {
    let middle = times.len() / 2;
    *times.select_nth_unstable(middle).1
}

/// The time-stamp counter, when everything before it is done and nothing after it has begun.
fn clock() -> u64 {
    use core::arch::x86_64::{__rdtscp, _mm_lfence};
    let mut processor = 0;
    // SAFETY: every x86-64 processor that runs this workspace's lab has RDTSCP.
    let time = unsafe { __rdtscp(&raw mut processor) };
    // SAFETY: a barrier, of SSE2.
    unsafe { _mm_lfence() };
    time
}
