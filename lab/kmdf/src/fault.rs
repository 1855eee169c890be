//! Planned failures of framework calls.

use std::sync::{Mutex, PoisonError};
use wdk_sys::NTSTATUS;

struct Plan {
    name: String,
    calls_left: u64,
    status: NTSTATUS,
}

static PLANS: Mutex<Vec<Plan>> = Mutex::new(Vec::new());

/// The `nth` call from now (1 = the next) of the entry `name` ("WdfX" or "NetX") fails with `status`, once, before it
/// does anything. Only entries that return an NTSTATUS can fail.
pub fn fail_call(name: &str, nth: u64, status: NTSTATUS) {
    let plan = Plan { name: name.into(), calls_left: nth.max(1), status };
    PLANS.lock().unwrap_or_else(PoisonError::into_inner).push(plan);
}

/// Forgets all planned failures; how many of them had not come about.
pub fn clear_failures() -> usize {
    PLANS.lock().unwrap_or_else(PoisonError::into_inner).drain(..).count()
}

/// The failure planned for this call of `name`, if its turn has come. Every entry that returns an NTSTATUS asks once
/// per call, class extensions for their own entries too.
pub fn take_failure(name: &str) -> Option<NTSTATUS> {
    let mut plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut due = None;
    plans.retain_mut(|plan| {
        if plan.name != name {
            return true;
        }
        plan.calls_left -= 1;
        if plan.calls_left == 0 {
            due.get_or_insert(plan.status);
        }
        plan.calls_left > 0
    });
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_call_fails_once() {
        fail_call("WdfA", 2, -5);
        assert_eq!(take_failure("WdfA"), None);
        assert_eq!(take_failure("WdfB"), None);
        assert_eq!(take_failure("WdfA"), Some(-5));
        assert_eq!(take_failure("WdfA"), None);
        fail_call("WdfA", 1, -5);
        assert_eq!((clear_failures(), clear_failures()), (1, 0));
    }
}
