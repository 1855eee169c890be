//! The NDK suite judged: a sound provider breaks no rule, and for each rule there is a defect that breaks it.

#[path = "common/board.rs"]
mod board;
#[path = "ndk/fake/mod.rs"]
mod fake;

use fake::defects::DEFECTS;
use fake::{Defect, Device, start};
use lab_kernel::{cpu, rules};
use netcx_lab::ndk::conform::{self, Plan};
use netcx_lab::ndk::consumer::{Level, Provider};
use std::collections::BTreeMap;

/// How often each rule of the suite has failed so far.
fn failures() -> BTreeMap<&'static str, u64> {
    rules::all().into_iter().filter(|r| r.name.starts_with("NDK_")).map(|r| (r.name, r.violated)).collect()
}

fn judge(defect: Defect, plan: &Plan) {
    let interface = start(defect);
    // SAFETY: the functions are the fake's, and it is there until the next one is started.
    let provider = unsafe { Provider::new(interface) };
    if let Some(provider) = provider {
        conform::run(&provider, Some(&mut Device), plan, &mut |_, _, _| ());
    }
}

/// One test: a process has one machine.
#[test]
fn every_rule_holds_and_can_fail() {
    cpu::boot(cpu::Config { nic: board::board(), seed: 1, preempt_one_in: 16 });
    let plan = Plan { operations: 20_000, ..Plan::default() };
    judge(Defect::Nothing, &plan);
    let broken: Vec<_> = failures().into_iter().filter(|(_, failed)| *failed > 0).collect();
    assert_eq!(broken, [], "a sound provider breaks no rule");
    let verdict = conform::verdict(true);
    assert_eq!(verdict.not_checked, Vec::<String>::new(), "every rule is checked");

    // Each table counts once; the fake has one function for the closes and one for the extensions of all.
    assert_eq!(verdict.functions_called, verdict.functions, "every function is called");

    let mut unproven: Vec<_> = failures().into_keys().collect();
    let mut missed = Vec::new();
    for (defect, only, rule) in DEFECTS {
        let before = failures();
        assert!(before.contains_key(rule), "{defect:?}: there is no rule {rule}");
        eprintln!("--- {defect:?} breaks {rule}");
        let plan =
            Plan { operations: 4_000, only: Some((*only).to_owned()), levels: vec![Level::Passive], ..Plan::default() };
        judge(*defect, &plan);
        if failures()[rule] > before[rule] {
            unproven.retain(|name| name != rule);
        } else {
            missed.push((defect, rule));
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
    assert!(unproven.is_empty(), "rules that no defect broke: {unproven:?}");
}
