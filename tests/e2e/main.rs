//! End-to-end tests: the shipped igbcx.sys, loaded by the lab, against QEMU's 82576.

mod bursts;
mod control;
mod cycles;
mod determinism;
mod dirty;
mod failures;
mod filters;
mod fragments;
mod internet;
mod interrupts;
mod judge;
mod lengths;
mod link;
mod mixed;
mod names;
mod ndk;
mod realtime;
mod registry;
mod removal;
mod stalled;
mod stuck;
mod trace;
mod vmdq_main;
mod vmq;

use igbcx_tests::runner;
use std::process::ExitCode;

fn main() -> ExitCode {
    let families = [
        lengths::scenarios(),
        fragments::scenarios(),
        bursts::scenarios(),
        link::scenarios(),
        cycles::scenarios(),
        filters::scenarios(),
        interrupts::scenarios(),
        determinism::scenarios(),
        removal::scenarios(),
        failures::scenarios(),
        stalled::scenarios(),
        stuck::scenarios(),
        registry::scenarios(),
        dirty::scenarios(),
        realtime::scenarios(),
        judge::scenarios(),
        internet::scenarios(),
        control::scenarios(),
        vmdq_main::scenarios(),
        vmq::scenarios(),
        ndk::scenarios(),
        trace::scenarios(),
    ];
    let mut scenarios: Vec<_> = families.into_iter().flatten().collect();
    let names = scenarios.iter().map(|scenario| scenario.name().to_owned()).collect();
    scenarios.push(names::scenario(names));
    runner::main(scenarios)
}
