//! Every framework call and every allocation that a consumer's requests lead to fails once; the next time it works.

use super::{BUFFERS, Bench, HOLD_NONE, address, builder};
use igbcx_tests::{Run, Scenario};
use lab_kernel::{exports, pool};
use ndis_sys::*;
use netcx_lab::vmq::{Collected, Refused, Switch};
use std::collections::BTreeMap;

/// What an injected failure says: STATUS_INSUFFICIENT_RESOURCES, which is NDIS_STATUS_RESOURCES.
const INJECTED: i32 = NDIS_STATUS_RESOURCES;
/// Calls of one entry that are made to fail: the first ones.
const CALLS: u64 = 8;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new("vmq_failures::each_call", |run| each_call(run, true)),
        Scenario::new("vmq_failures::each_call_in_common_buffers", |run| each_call(run, false)),
        Scenario::new("vmq_failures::each_allocation", each_allocation),
        Scenario::new("vmq_failures::no_memory_at_all", no_memory),
    ]
}

/// The life of two queues, as far as it goes; then everything is given back.
fn life(bench: &Bench, switch: Switch) -> Result<(), Refused> {
    let result = (|| {
        let first = switch.allocate(BUFFERS)?;
        let second = switch.allocate(BUFFERS)?;
        switch.set_filter(first, address(1))?;
        switch.complete_allocation(&[first, second])?;
        switch.set_filter(second, address(2))?;
        bench.send(&[bench.frame(1), bench.frame(2)]);
        switch.drop_queue(first)
    })();
    switch.return_some(usize::MAX);
    switch.end()?;
    result
}

fn open(bench: &Bench) -> Result<Switch, NDIS_STATUS> {
    let interface = bench.interface.as_ref().expect("it is kept for the whole test");
    interface.open(Collected::new().1, HOLD_NONE, 1)
}

fn calls() -> BTreeMap<&'static str, u64> {
    exports::calls().into_iter().collect()
}

/// After a failure: the next life is whole.
fn check_life(bench: &Bench, what: &str) {
    let switch = open(bench).unwrap_or_else(|status| panic!("{what}: Open {status:#x}"));
    life(bench, switch).unwrap_or_else(|e| panic!("{what}: {e}"));
}

/// A machine on which the interface was opened and closed.
fn closed(builder: netcx_lab::Builder) -> Bench {
    let bench = Bench::new(builder, HOLD_NONE);
    bench.switch.end().unwrap();
    bench
}

fn finish(mut bench: Bench) {
    bench.rig.check_traffic();
    bench.interface = None;
    bench.rig.finish();
}

fn each_call(run: &Run, shared_memory: bool) {
    let bench = closed(builder(run).options(|o| o.shared_memory = shared_memory));
    let before = calls();
    check_life(&bench, "without failure");
    let made = calls().into_iter().map(|(name, n)| (name, n - before.get(name).copied().unwrap_or(0)));
    let framework = |name: &str| ["Wdf", "Net", "Ndis"].iter().any(|family| name.starts_with(family));
    let (mut refused, mut survived) = (Vec::new(), Vec::new());
    for (name, count) in made.filter(|(name, n)| *n > 0 && framework(name)).collect::<Vec<_>>() {
        for nth in 1..=count.min(CALLS) {
            let what = format!("call {nth} of {name}");
            lab_kmdf::fail_call(name, nth, INJECTED);
            let result = open(&bench).map_err(|status| Refused { what: "Open", status }).and_then(|s| life(&bench, s));
            if lab_kmdf::clear_failures() > 0 {
                break;
            }
            println!("{what}: {result:?}");
            match result {
                Ok(()) => survived.push(what.clone()),
                Err(_) => refused.push(what.clone()),
            }
            check_life(&bench, &what);
        }
    }
    println!("refused: {refused:?}\nwent on: {survived:?}");
    // What NDIS does not grant, the framework does; there is nothing behind that.
    let ndis = survived.iter().filter(|what| what.contains("NdisAllocateSharedMemory")).count();
    let wdf = refused.iter().filter(|what| what.contains("WdfCommonBufferCreate")).count();
    assert!(if shared_memory { ndis > 0 } else { wdf > 0 }, "refused: {refused:?}, went on: {survived:?}");
    finish(bench);
}

fn each_allocation(run: &Run) {
    let bench = closed(builder(run));
    check_life(&bench, "the first life");
    let before = pool::requests();
    check_life(&bench, "without failure");
    let count = pool::requests() - before;
    println!("{count} allocations");
    for nth in 1..=count {
        let what = format!("allocation {nth} of {count}");
        pool::fail_nth(nth);
        let result = open(&bench).map_err(|status| Refused { what: "Open", status }).and_then(|s| life(&bench, s));
        println!("{what}: {result:?}");
        check_life(&bench, &what);
    }
    assert!(count > 0, "a queue is allocated");
    finish(bench);
}

/// Neither NDIS nor the framework has memory: the status of that queue says so, the others go on.
fn no_memory(run: &Run) {
    let bench = Bench::new(builder(run).options(|o| o.shared_memory = false), HOLD_NONE);
    let good = bench.queue(1);
    let bad = bench.switch.allocate(BUFFERS).unwrap();
    lab_kmdf::fail_call("WdfCommonBufferCreateWithConfig", 2, INJECTED);
    let refused = bench.switch.complete_allocation(&[bad]).expect_err("there is no memory");
    println!("{refused}");
    assert_eq!((refused.what, refused.status), ("CompletionStatus", NDIS_STATUS_RESOURCES));
    bench.check_queue(good, 1, 5);
    // It is as it was, and may be completed when there is memory again.
    bench.switch.set_filter(bad, address(2)).unwrap();
    bench.switch.complete_allocation(&[bad]).unwrap();
    bench.check_queue(bad, 2, 5);
    bench.finish();
}
