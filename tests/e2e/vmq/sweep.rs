//! The adapter is pulled out, or its registers lie, from access k of the flow on: for k over all of it.

use super::{BUFFERS, Bench, Hold, address, beside, builder};
use igbcx_tests::faults::Fault;
use igbcx_tests::{Run, Scenario};
use lab_kernel::cpu;
use netcx_lab::vmq::{Refused, Request, Switch};
use std::time::Duration;

/// Accesses of the sweep, and every how many of them one is in the normal run.
const LAST: u64 = 200;
const STEP: u64 = 23;
/// Longest removal in lab time.
const LIMIT: Duration = Duration::from_secs(5);

pub fn scenarios() -> Vec<Scenario> {
    let faults = [(Fault::Ones, "ones"), (Fault::Pulled, "pulled"), (Fault::Zeros, "zeros"), (Fault::Random, "random")];
    let sweep = faults.into_iter().enumerate().flat_map(|(n, (fault, name))| {
        (0..LAST).map(move |k| {
            let sampled = k % STEP == n as u64 * 5 % STEP;
            Scenario::new(format!("vmq_sweep::{name}_{k:03}"), move |run| flow_with(run, fault, k)).full_unless(sampled)
        })
    });
    [Scenario::new("vmq_sweep::without_fault", reference)].into_iter().chain(sweep).collect()
}

fn bench(run: &Run) -> Bench {
    Bench::new(builder(run), Hold { packets: 8, in_callback: true })
}

fn reference(run: &Run) {
    let bench = bench(run);
    let before = bench.rig.nic().faults().accesses();
    flow(&bench).unwrap();
    let made = bench.rig.nic().faults().accesses() - before;
    println!("{made} accesses");
    assert!(made >= LAST, "the flow has {made} accesses, the sweep goes over {LAST}");
    bench.finish();
}

/// Two queues come, get frames, lose their filters with packets out, and go; then one more.
fn flow(bench: &Bench) -> Result<(), Refused> {
    let switch = bench.switch;
    for round in 0..2 {
        let first = switch.add_queue(BUFFERS, &[address(1)])?;
        let second = switch.add_queue(BUFFERS, &[address(2), address(3)])?;
        for _ in 0..5 {
            for n in 1..=3 {
                bench.rig.wire().send(&bench.frame(n));
            }
            cpu::sleep(Duration::from_micros(50));
        }
        switch.clear_filters(first)?;
        free_slowly(switch, first)?;
        if round == 0 {
            switch.drop_queue(second)?;
        }
    }
    Ok(())
}

fn free_slowly(switch: Switch, queue: u32) -> Result<(), Refused> {
    let ticket = switch.issue(Request::free_queue(queue));
    cpu::sleep(Duration::from_micros(100));
    switch.return_queue(queue);
    let end = switch.wait(&ticket, Duration::from_secs(2)).expect("FREE_QUEUE ends when all packets are back");
    if end.status == 0 { Ok(()) } else { Err(Refused { what: "FREE_QUEUE", status: end.status }) }
}

fn flow_with(run: &Run, fault: Fault, k: u64) {
    let mut bench = bench(run);
    let nic = bench.rig.nic();
    fault.plan(nic, run.seed, nic.faults().accesses() + k);
    println!("{:?}", flow(&bench));
    let switch = bench.switch;
    switch.leave();
    let start = cpu::now();
    let give_back = move || {
        for _ in 0..10 {
            cpu::sleep(Duration::from_micros(300));
            switch.return_some(4);
        }
    };
    if fault == Fault::Pulled {
        beside(give_back, || bench.rig.surprise_remove().unwrap());
        switch.close();
        bench.interface = None;
        bench.rig.remove();
    } else {
        bench.interface = None;
        beside(give_back, || bench.rig.remove());
    }
    let took = cpu::now() - start;
    assert!(took <= LIMIT, "removal took {took:?} of lab time");
    bench.finish_removed();
}
