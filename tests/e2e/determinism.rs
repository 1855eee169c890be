//! With the virtual clock a run is a function of its seed.

use crate::mixed::exercise;
use igbcx_tests::{Rig, Run, Scenario, rig, runner};

const RUNS: usize = 20;
const PROBE: &str = "determinism::probe";
/// Marks the line that a probe reports with.
const MARK: &str = "hashes ";

pub fn scenarios() -> Vec<Scenario> {
    let reason =
        lab_nic::virtual_time_qemu().is_none().then_some("there is no QEMU with virtual time (cargo xtask setup)");
    vec![
        Scenario::new("determinism::same_seed_same_run", same).skip(reason),
        Scenario::new("determinism::other_seed_other_run", other).skip(reason),
        Scenario::new(PROBE, probe).full_unless(false).skip(reason),
    ]
}

/// Prints the hash of the log and that of guest RAM at the end of a mixed run.
fn probe(run: &Run) {
    let mut rig = Rig::up(rig::builder(run).ram_mib(64));
    // The load is always the same: what differs is the machine's schedule.
    exercise(&mut rig, 1, 6);
    rig.stop().unwrap();
    let text = |hash: [u8; 32]| hash.iter().map(|b| format!("{b:02x}")).collect::<String>();
    println!("{MARK}{} {}", text(rig.log_hash()), text(rig.ram_hash()));
    rig.finish();
}

/// The hashes of a probe: (log, RAM).
fn hashes(seed: u64) -> (String, String) {
    let output = runner::run_again(PROBE, seed).unwrap_or_else(|e| panic!("{e}"));
    let line = output.lines().find_map(|l| l.strip_prefix(MARK)).expect("a probe prints its hashes");
    let (log, ram) = line.split_once(' ').expect("two hashes");
    (log.into(), ram.into())
}

fn same(run: &Run) {
    let first = hashes(run.seed);
    for n in 1..RUNS {
        assert_eq!(hashes(run.seed), first, "run {n} of seed {}: (log, RAM)", run.seed);
    }
}

fn other(run: &Run) {
    let mut logs: Vec<String> = (0..5).map(|n| hashes(run.seed + 100 + n).0).collect();
    logs.sort_unstable();
    logs.dedup();
    assert_eq!(logs.len(), 5, "five seeds make five logs");
}
