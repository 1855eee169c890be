//! Every framework call and every allocation of a start fails once; the next start works.

use igbcx_tests::{Rig, Run, Scenario, rig};
use lab_kernel::{exports, pool};
use netcx_lab::{Builder, Error, Status};
use std::collections::BTreeMap;

/// What an injected failure says.
const INJECTED: i32 = wdk_status(0xC000_009A);
/// What the framework makes of a callback that fails after EvtDevicePrepareHardware (WDF pnpstatemachine.cpp).
const DEVICE_POWER_FAILURE: i32 = wdk_status(0xC000_009E);
/// Calls of one entry that are made to fail: the first ones.
const CALLS: u64 = 4;
/// Entries that DriverEntry calls: a process has only one.
const OF_DRIVER_ENTRY: [&str; 3] = ["WdfVersionBind", "WdfVersionBindClass", "WdfDriverCreate"];

const fn wdk_status(code: u32) -> i32 {
    code.cast_signed()
}

pub fn scenarios() -> Vec<Scenario> {
    let entry = OF_DRIVER_ENTRY
        .map(|name| Scenario::new(format!("failures::{name}"), move |run| driver_entry(rig::builder(run), name)));
    let start = [
        Scenario::new("failures::each_framework_call_of_a_start", each_call),
        Scenario::new("failures::each_allocation_of_a_start", each_allocation),
    ];
    entry.into_iter().chain(start).collect()
}

/// DriverEntry fails with the same status, and the framework finds nothing left (rule DRIVER_ENTRY_UNDOES).
fn driver_entry(builder: Builder, name: &str) {
    lab_kmdf::fail_call(name, 1, INJECTED);
    match builder.build() {
        Err(Error::DriverEntry(e)) => assert!(e.to_string().contains("c000009a"), "{e}"),
        Err(e) => panic!("{name}: {e}"),
        Ok(_) => panic!("{name} failed and DriverEntry did not"),
    }
    assert_eq!(lab_kernel::rules::violations(), []);
    assert_eq!(pool::in_use(), []);
    assert!(lab_kmdf::live_objects().is_empty(), "{:?}", lab_kmdf::live_objects());
}

/// EvtDriverDeviceAdd, start, D3 and D0 of a new device; the first failure.
fn begin(rig: &mut Rig) -> Result<(), Error> {
    rig.add_again()?;
    rig.start()?;
    rig.d3()?;
    rig.d0()
}

/// What is allocated and alive while no device is there.
fn left() -> (Vec<pool::TagUse>, usize) {
    (pool::in_use(), lab_kmdf::live_objects().len())
}

fn calls() -> BTreeMap<&'static str, u64> {
    exports::calls().into_iter().collect()
}

fn is_refusal(result: &Result<(), Error>) -> bool {
    let allowed = |s: &Status| s.0 == INJECTED || s.0 == DEVICE_POWER_FAILURE;
    match result {
        Ok(()) => true,
        Err(Error::AddDevice(status)) | Err(Error::Transition { status, .. }) => allowed(status),
        Err(_) => false,
    }
}

/// After a failure: nothing is left, and a new device works.
fn recover(rig: &mut Rig, clean: &(Vec<pool::TagUse>, usize), what: &str) {
    rig.remove();
    assert_eq!(&left(), clean, "{what}: left behind");
    rig.add_again().unwrap_or_else(|e| panic!("{what}: {e}"));
    rig.bring_up();
    rig.check_traffic();
    rig.remove();
}

fn each_call(run: &Run) {
    let mut rig = Rig::build(rig::builder(run));
    rig.remove();
    let (clean, before) = (left(), calls());
    begin(&mut rig).unwrap_or_else(|e| panic!("{e}"));
    rig.remove();
    let made = calls().into_iter().map(|(name, n)| (name, n - before.get(name).copied().unwrap_or(0)));
    let framework = made.filter(|(name, n)| *n > 0 && (name.starts_with("Wdf") || name.starts_with("Net")));
    let (mut refused, mut survived) = (Vec::new(), Vec::new());
    for (name, count) in framework.collect::<Vec<_>>() {
        for nth in 1..=count.min(CALLS) {
            let what = format!("call {nth} of {name}");
            lab_kmdf::fail_call(name, nth, INJECTED);
            let result = begin(&mut rig);
            let failed = rig.device().ok().and_then(|device| device.failed_action());
            if lab_kmdf::clear_failures() > 0 {
                assert!(result.is_ok(), "{name} cannot fail: {result:?}");
                break;
            }
            println!("{what}: {result:?}, failed action {failed:?}");
            assert!(is_refusal(&result), "{what}: {result:?}");
            if result.is_ok() && failed.is_none() {
                survived.push(what.clone());
            } else {
                refused.push(what.clone());
            }
            recover(&mut rig, &clean, &what);
        }
    }
    println!("the start went on without: {}", survived.join(", "));
    // Interrupts, DMA, locks, queues: a driver that starts without those is none.
    assert!(refused.len() > survived.len() && refused.len() >= 15, "refused: {refused:?}, went on: {survived:?}");
    rig.finish();
}

fn each_allocation(run: &Run) {
    let mut rig = Rig::build(rig::builder(run));
    rig.remove();
    let (clean, before) = (left(), pool::requests());
    begin(&mut rig).unwrap_or_else(|e| panic!("{e}"));
    let count = pool::requests() - before;
    rig.remove();
    println!("{count} allocations");
    assert!(count > 0, "a start allocates");
    for nth in 1..=count {
        let what = format!("allocation {nth} of {count}");
        println!("{what}");
        pool::fail_nth(nth);
        let result = begin(&mut rig);
        assert!(is_refusal(&result), "{what}: {result:?}");
        recover(&mut rig, &clean, &what);
    }
    rig.finish();
}
