//! Calls of the provider and calls by it.

use lab_kernel::cpu::{self, DISPATCH_LEVEL};
use lab_kernel::rules;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

rules! {
    NDK_CALL_KEEPS_IRQL: "A dispatch function returns at the IRQL it was called at", "DDI ndkpi, Requirements of each function: IRQL <= DISPATCH_LEVEL";
    NDK_CALLBACK_IRQL: "The consumer's callbacks and completions are called at or below DISPATCH_LEVEL", "DDI ndkpi NDK_FN_REQUEST_COMPLETION, NDK_FN_CQ_NOTIFICATION_CALLBACK and the others: IRQL";
}

/// At which IRQL functions documented for IRQL <= DISPATCH_LEVEL are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Level {
    /// The caller's, which is PASSIVE_LEVEL outside callbacks.
    Passive,
    /// DISPATCH_LEVEL.
    Dispatch,
    /// By turns.
    Alternating,
}

static LEVEL: AtomicU8 = AtomicU8::new(Level::Passive as u8);
static CALLS: AtomicU32 = AtomicU32::new(0);
static RUNNING: AtomicU32 = AtomicU32::new(0);

/// The functions of every dispatch table seen, and whether they were called.
static FUNCTIONS: Mutex<BTreeMap<usize, bool>> = Mutex::new(BTreeMap::new());

/// A function of a dispatch table is known, or called.
pub(super) fn note(function: usize, called: bool) {
    *FUNCTIONS.lock().unwrap_or_else(PoisonError::into_inner).entry(function).or_default() |= called;
}

/// Functions in the dispatch tables of every object so far, and those of them that were called.
pub fn functions() -> (usize, usize) {
    let functions = FUNCTIONS.lock().unwrap_or_else(PoisonError::into_inner);
    (functions.len(), functions.values().filter(|called| **called).count())
}

/// Chooses the level of the calls from now on.
pub fn set_level(level: Level) {
    LEVEL.store(level as u8, Ordering::Relaxed);
}

/// Callbacks of the consumer that have not returned.
pub fn running_callbacks() -> u32 {
    RUNNING.load(Ordering::Relaxed)
}

/// Calls a dispatch function documented for IRQL <= DISPATCH_LEVEL.
pub(super) fn call<R>(name: &'static str, function: impl FnOnce() -> R) -> R {
    cpu::preempt_point();
    let turn = CALLS.fetch_add(1, Ordering::Relaxed) & 1 != 0;
    let level = LEVEL.load(Ordering::Relaxed);
    let raise = level == Level::Dispatch as u8 || level == Level::Alternating as u8 && turn;
    let before = cpu::irql();
    let raised = raise && before < DISPATCH_LEVEL;
    if raised {
        cpu::raise_irql(DISPATCH_LEVEL);
    }
    let result = checked(name, function);
    if raised {
        cpu::lower_irql(before);
    }
    result
}

/// Calls a function documented for PASSIVE_LEVEL.
pub(super) fn call_passive<R>(name: &'static str, function: impl FnOnce() -> R) -> R {
    cpu::preempt_point();
    checked(name, function)
}

fn checked<R>(name: &'static str, function: impl FnOnce() -> R) -> R {
    let at = cpu::irql();
    let result = function();
    let left = cpu::irql();
    if !NDK_CALL_KEEPS_IRQL.check(left == at, || format!("{name}: called at {at}, left at {left}")) {
        if left > at {
            cpu::lower_irql(at);
        } else {
            cpu::raise_irql(at);
        }
    }
    result
}

/// Runs the body of a callback.
pub(super) fn callback(name: &'static str, body: impl FnOnce()) {
    let irql = cpu::irql();
    NDK_CALLBACK_IRQL.check(irql <= DISPATCH_LEVEL, || format!("{name} at IRQL {irql}"));
    RUNNING.fetch_add(1, Ordering::Relaxed);
    body();
    if irql < DISPATCH_LEVEL {
        // A thread may be preempted before it has left the consumer's code.
        cpu::yield_now();
    }
    RUNNING.fetch_sub(1, Ordering::Relaxed);
}
