//! The NDK provider of the shipped driver, used through its query interface as a kernel component would.

mod example;
mod failures;
mod moves;
mod session;
mod transfers;

use igbcx_tests::{Run, Scenario, rig};
use netcx_lab::ndk::conform::Plan;
use netcx_lab::ndk::run;
use netcx_lab::progress::Progress;

/// Random operations of the normal run, and of each process of the whole sweep.
const OPERATIONS: u64 = 100_000;
const SWEEP: u64 = 2_500_000;
/// Processes of the whole sweep, ten million operations together.
const PROCESSES: u64 = 4;

pub fn scenarios() -> Vec<Scenario> {
    let sweep = (0..PROCESSES).map(|i| {
        Scenario::new(format!("ndk::operations_{i}"), move |run| {
            let plan =
                Plan { operations: SWEEP, seed: run.seed + 1000 * i, only: Some("random".into()), ..Plan::default() };
            judge(run, &plan);
        })
        .full_unless(false)
    });
    let scenarios = [
        Scenario::new("ndk::conform", |run| {
            judge(run, &Plan { operations: OPERATIONS, seed: run.seed, ..Plan::default() });
        }),
        Scenario::new("ndk::ping_and_bandwidth", traffic),
        Scenario::new("ndk::one_mib", transfers::one_mib),
        Scenario::new("ndk::one_byte_out_of_bounds", transfers::one_byte_out_of_bounds),
        Scenario::new("ndk::a_send_times_out", transfers::a_send_times_out),
        Scenario::new("ndk::a_handshake_times_out", transfers::a_handshake_times_out),
        Scenario::new("ndk::ports_run_out", transfers::ports_run_out),
        Scenario::new("ndk::allocations", failures::allocations),
        Scenario::new("ndk::each_allocation", failures::each_allocation),
        Scenario::new("ndk::each_mapping", failures::each_mapping),
        Scenario::new("ndk::each_call", failures::each_call),
        Scenario::new("ndk::example", example::run),
        Scenario::new("ndk::example_is_quoted", example::is_quoted),
    ];
    scenarios.into_iter().chain(moves::scenarios()).chain(sweep).collect()
}

fn judge(run: &Run, plan: &Plan) {
    let report = run::run_conform(rig::builder(run), plan, None, &mut Progress::hidden()).unwrap();
    println!("{}", report.text());
    assert!(report.ok, "{:?}", report.failures);
}

fn traffic(run: &Run) {
    let report = run::run_ping(rig::builder(run), 1000, 300, &mut Progress::hidden()).unwrap();
    let ping = report.ping.unwrap();
    assert!(report.machine.ok, "{:?}", report.machine.failures);
    assert_eq!((ping.sent, ping.received, ping.corrupt, ping.notifications), (300, 300, 0, 600));
}
