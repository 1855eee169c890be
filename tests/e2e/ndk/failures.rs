//! Each allocation, each mapping and each framework call of a session fails once; nothing is lost, and the next works.

use super::session::{STEPS, Session};
use igbcx_tests::{Rig, Run, rig};
use lab_kernel::{exports, mdl, pool};
use ndis_sys::ndk::status::STATUS_TIMEOUT;
use netcx_lab::ndk::consumer::Provider;
use netcx_lab::ndk::run::provider;
use std::collections::BTreeMap;
use wdk_sys::{NTSTATUS, STATUS_INSUFFICIENT_RESOURCES};

/// Calls of one entry that are made to fail: the first ones.
const CALLS: u64 = 4;

fn session(provider: &Provider) -> Result<(), NTSTATUS> {
    let (session, result) = Session::run(provider, STEPS);
    session.close();
    result
}

/// Blocks of pool in use.
fn blocks() -> usize {
    pool::in_use().iter().map(|tag| tag.count).sum()
}

/// Makes one thing fail after the other, until `inject` says that the session no longer gets there.
fn each(run: &Run, what: &str, most: u64, inject: impl Fn(u64), missed: impl Fn() -> bool) {
    let rig = Rig::up(rig::builder(run));
    let provider = provider(&rig).unwrap();
    assert_eq!(session(&provider), Ok(()));
    let clean = blocks();
    let mut refused = 0;
    for nth in 1..=most {
        inject(nth);
        let result = session(&provider);
        if missed() {
            assert_eq!(result, Ok(()), "{what} {nth} did not come");
            break;
        }
        assert!(matches!(result, Ok(()) | Err(STATUS_INSUFFICIENT_RESOURCES)), "{what} {nth}: {result:x?}");
        refused += u64::from(result.is_err());
        assert_eq!(blocks(), clean, "{what} {nth}: left behind");
        assert_eq!(session(&provider), Ok(()), "after {what} {nth}");
    }
    println!("{refused} sessions were refused");
    assert!(refused > 0, "a session without {what}");
    drop(provider);
    rig.finish();
}

pub fn each_allocation(run: &Run) {
    let count = {
        let output = igbcx_tests::runner::run_again("ndk::allocations", run.seed).unwrap();
        let line = output.lines().find_map(|line| line.strip_suffix(" allocations")?.parse().ok());
        line.expect("the count is printed")
    };
    each(run, "allocation", count, pool::fail_nth, || false);
}

/// Prints how many allocations a session makes.
pub fn allocations(run: &Run) {
    let rig = Rig::up(rig::builder(run));
    let provider = provider(&rig).unwrap();
    assert_eq!(session(&provider), Ok(()));
    let before = pool::requests();
    assert_eq!(session(&provider), Ok(()));
    println!("{} allocations", pool::requests() - before);
    drop(provider);
    rig.finish();
}

pub fn each_mapping(run: &Run) {
    each(run, "mapping", u64::MAX, mdl::fail_nth, mdl::clear_failure);
}

/// The framework calls of a session cannot fail on Windows: the lab refuses to make them, or the session goes on.
pub fn each_call(run: &Run) {
    let rig = Rig::up(rig::builder(run));
    let provider = provider(&rig).unwrap();
    let calls = || -> BTreeMap<&'static str, u64> { exports::calls().into_iter().collect() };
    let before = calls();
    assert_eq!(session(&provider), Ok(()));
    let made: Vec<_> = calls()
        .into_iter()
        .map(|(name, count)| (name, count - before.get(name).copied().unwrap_or(0)))
        .filter(|(name, count)| *count > 0 && name.starts_with("Wdf"))
        .collect();
    println!("{made:?}");
    assert!(made.iter().any(|(name, _)| name.contains("SpinLock")), "{made:?}");
    let clean = blocks();
    for (name, count) in made {
        for nth in 1..=count.min(CALLS) {
            lab_kmdf::fail_call(name, nth, STATUS_INSUFFICIENT_RESOURCES);
            let result = session(&provider);
            let cannot_fail = lab_kmdf::clear_failures() > 0;
            println!("call {nth} of {name}: {result:x?}, can fail {}", !cannot_fail);
            assert_ne!(result, Err(STATUS_TIMEOUT), "{name} {nth}");
            assert!(!cannot_fail || result.is_ok(), "{name} {nth}: {result:x?}");
            assert_eq!(blocks(), clean, "{name} {nth}: left behind");
        }
    }
    drop(provider);
    rig.finish();
}
