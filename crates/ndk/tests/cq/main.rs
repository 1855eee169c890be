//! Completion queues through their dispatch table, against an oracle.

#[path = "../common/mod.rs"]
mod common;
mod objects;
mod oracle;
mod subject;

use common::System;
use oracle::{ArmType, Habit, Kind, Op, Oracle};
use proptest::prelude::*;
use std::collections::HashSet;
use subject::Subject;

/// The depth that a CQ begins with: overruns are near.
const DEPTH: u32 = 2;

const HABITS: [Habit; 5] = [Habit::Return, Habit::Arm, Habit::TakeAllAndArm, Habit::ArmAndPlace, Habit::Close];

/// Operations after which the queue is of use.
fn lasting() -> Vec<Op> {
    let mut ops = vec![Op::Take(1), Op::Take(usize::MAX), Op::Run];
    ops.extend([Kind::Plain, Kind::Solicited, Kind::Failed].map(Op::Place));
    ops.extend([ArmType::Errors, ArmType::Any, ArmType::Solicited].map(Op::Arm));
    ops.extend([1, 2, 3].map(Op::Resize));
    ops
}

fn ops() -> Vec<Op> {
    let mut ops = lasting();
    ops.extend([Op::Fault, Op::Close]);
    ops.extend(HABITS.map(Op::Habit));
    ops
}

/// Does `path` to a new CQ and an oracle, and compares all that is seen: the state of both in the end.
fn walk(system: &'static System, path: &[Op]) -> (Oracle, String) {
    let subject = Subject::new(system, DEPTH);
    let mut oracle = Oracle::new(DEPTH as usize);
    for (number, op) in (0..).zip(path) {
        let expected = oracle.apply(*op, number);
        assert_eq!(subject.apply(*op, number), expected, "{op:?} at the end of {:?}", &path[..=number as usize]);
    }
    let state = subject.state();
    subject.end();
    (oracle.shape(), state)
}

/// Reaches every state of oracle and CQ together, and does every operation in it.
#[test]
fn every_operation_in_every_state() {
    let system = System::new();
    let mut seen = HashSet::from([walk(system, &[])]);
    let mut open: std::collections::VecDeque<Vec<Op>> = [Vec::new()].into();
    let (mut walks, mut longest) = (0, 0);
    while let Some(path) = open.pop_front() {
        for op in ops() {
            let mut path = path.clone();
            path.push(op);
            walks += 1;
            longest = longest.max(path.len());
            if seen.insert(walk(system, &path)) {
                open.push_back(path);
            }
        }
    }
    println!("{} states, {walks} walks of up to {longest} operations", seen.len());
    assert!(seen.len() > 1000, "the walk ended early: {} states", seen.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Long sequences, in which few close the queue.
    #[test]
    fn any_sequence(path in proptest::collection::vec(
        prop_oneof![
            60 => proptest::sample::select(lasting()),
            10 => proptest::sample::select(HABITS.map(Op::Habit).to_vec()),
            1 => Just(Op::Fault),
            1 => Just(Op::Close),
        ],
        1..120,
    )) {
        walk(System::new(), &path);
    }
}
