//! Few messages, many thread switches, the verifier on and off.

use crate::mixed::exercise;
use igbcx_tests::frames::{assert_same, packet};
use igbcx_tests::{Rig, Run, Scenario, rig};
use lab_kernel::cpu;
use std::time::Duration;

/// Registers that set interrupt causes (82576 datasheet 8.8.3, 8.8.10).
const EICS: u64 = 0x1520;
const ICS: u64 = 0x00C8;
/// Seeds of the normal run, and of the whole one.
const SEEDS: u64 = 20;
const ALL_SEEDS: u64 = 200;
const ROUNDS: usize = 12;

pub fn scenarios() -> Vec<Scenario> {
    let messages = [0, 1, 2, 3, 10].into_iter().flat_map(|n| {
        [("verified", true), ("plain", false)].map(|(name, verifier)| {
            Scenario::new(format!("interrupts::messages_{n}_{name}"), move |run| messages(run, n, verifier))
        })
    });
    let seeds = (1..=ALL_SEEDS).map(|seed| {
        Scenario::new(format!("interrupts::preempted_{seed}"), move |run| preempted(run, seed))
            .full_unless(seed <= SEEDS)
    });
    let late = [0, 1, 2, 3]
        .into_iter()
        .map(|n| Scenario::new(format!("interrupts::transmit_completes_late_{n}"), move |run| completes_late(run, n)));
    let spurious = [0, 1, 2, 3]
        .into_iter()
        .map(|n| Scenario::new(format!("interrupts::spurious_{n}"), move |run| spurious(run, n)));
    let in_thread = Scenario::new("interrupts::first_loop_in_the_thread", first_loop_in_the_thread);
    messages.chain(seeds).chain(late).chain(spurious).chain([in_thread]).collect()
}

fn messages(run: &Run, messages: u32, verifier: bool) {
    let mut rig = Rig::up(rig::builder(run).messages(messages).verifier(verifier));
    exercise(&mut rig, run.seed, ROUNDS);
    let counts = rig.nic().stats();
    if messages == 0 {
        assert!(counts.line_interrupts > 0 && counts.interrupts.iter().all(|n| *n == 0), "{counts:?}");
    } else {
        assert!(counts.line_interrupts == 0, "{} line interrupts", counts.line_interrupts);
        // Link and receive; the model has sent a frame before the driver could wait for its interrupt.
        let used = messages.min(2) as usize;
        assert!(counts.interrupts[..used].iter().all(|n| *n > 0), "each message has its use: {:?}", counts.interrupts);
        assert!(counts.interrupts.iter().skip(3).all(|n| *n == 0), "{:?}", counts.interrupts);
    }
    rig.finish();
}

/// Another schedule for each seed, with fewer or more thread switches, and DMA mapped for as short as can be.
fn preempted(run: &Run, seed: u64) {
    let one_in = [64, 16, 4, 2][(seed % 4) as usize];
    let seed = run.seed.wrapping_mul(1000) + seed;
    let builder = rig::builder(run).seed(seed).preempt_one_in(one_in).messages((seed % 5) as u32);
    let mut rig = Rig::up(builder.strict_dma(seed.is_multiple_of(2)).verifier(!seed.is_multiple_of(3)));
    exercise(&mut rig, seed, ROUNDS);
    rig.finish();
}

/// A frame that is sent only after the driver went to sleep.
fn completes_late(run: &Run, messages: u32) {
    let mut rig = Rig::up(rig::builder(run).messages(messages));
    for round in 0..20 {
        rig.check_traffic();
        rig.hold_transmitter();
        let out: Vec<_> = (0..=round).map(|id| rig.outgoing(100, id)).collect();
        for (frame, id) in out.iter().zip(0..) {
            assert!(rig.adapter().send(packet(frame.clone(), id)));
        }
        cpu::sleep(Duration::from_millis(1));
        assert!(rig.adapter().tx_completed().is_empty(), "completed before it was sent");
        rig.release_transmitter();
        cpu::wait_for("the transmit interrupt", &rig.adapter().tx_event(), Some(Duration::from_secs(1)));
        cpu::sleep(Duration::from_millis(1));
        assert_eq!(rig.adapter().tx_completed().len(), out.len(), "round {round}: the driver slept over the interrupt");
        let mut sent = Vec::new();
        rig.drain_wire(&mut sent);
        assert_same(&sent, &out, "sent late");
    }
    let counts = rig.nic().stats();
    let transmit = [counts.line_interrupts, counts.interrupts[0], counts.interrupts[1], counts.interrupts[2]];
    assert!(transmit[messages as usize] >= 20, "{counts:?}");
    rig.finish();
}

/// Interrupts for nothing, of every cause, before each frame and in the middle of transitions (reliability.md A6).
fn spurious(run: &Run, messages: u32) {
    let mut rig = Rig::build(rig::builder(run).messages(messages));
    let nothing = |rig: &Rig| {
        rig.set_register(EICS, u32::MAX.into());
        rig.set_register(ICS, u32::MAX.into());
        cpu::yield_now();
    };
    nothing(&rig);
    rig.bring_up();
    for _ in 0..200 {
        nothing(&rig);
        rig.check_traffic();
    }
    for _ in 0..10 {
        nothing(&rig);
        rig.adapter().restart_datapath().unwrap();
        nothing(&rig);
        rig.d3().unwrap();
        nothing(&rig);
        rig.d0().unwrap();
        nothing(&rig);
        rig.wait_link(true, rig::LINK).unwrap();
        rig.check_traffic();
    }
    nothing(&rig);
    rig.finish();
}

/// A poll loop that starts in the worker thread instead of the notification's DPC.
fn first_loop_in_the_thread(run: &Run) {
    let mut rig = Rig::up(rig::builder(run).options(|o| {
        o.dpc_first_loop = false;
        o.verifier = false;
    }));
    exercise(&mut rig, run.seed, ROUNDS);
    rig.finish();
}
