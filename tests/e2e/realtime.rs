//! Stock QEMU, whose adapter goes on by itself while the driver runs: frames come in the middle of everything.

use crate::mixed::exercise;
use crate::{bursts, cycles};
use igbcx_tests::{Rig, Run, Scenario, rig};
use netcx_lab::{Builder, Clock};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new("realtime::exercise", |run| {
            let mut rig = Rig::up(builder(run));
            exercise(&mut rig, run.seed, 20);
            rig.finish();
        }),
        Scenario::new("realtime::exercise_on_the_line", |run| {
            let mut rig = Rig::up(builder(run).messages(0).strict_dma(true));
            exercise(&mut rig, run.seed, 20);
            rig.finish();
        }),
        Scenario::new("realtime::burst", |run| bursts::burst(builder(run), run.seed, 10_000)),
        Scenario::new("realtime::datapath_cycles", |run| {
            cycles::cycles(builder(run), 100, cycles::SHORT, |rig| rig.adapter().restart_datapath().unwrap());
        }),
        Scenario::new("realtime::flooded_restart", |run| {
            cycles::flooded(builder(run), 200, |rig| rig.adapter().restart_datapath().unwrap());
        }),
        Scenario::new("realtime::datapath_cycles_jumbo", |run| {
            let builder = builder(run).keyword("*JumboPacket", cycles::LONG.to_string());
            cycles::cycles(builder, 50, cycles::LONG, |rig| rig.adapter().restart_datapath().unwrap());
        }),
    ]
}

fn builder(run: &Run) -> Builder {
    rig::builder(run).clock(Clock::Real)
}
