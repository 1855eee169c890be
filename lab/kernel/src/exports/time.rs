//! Clocks and delays.

use super::{Ptr, exports};
use crate::{cpu, rules, shared_user};
use std::time::Duration;

rules! {
    STALL_SHORT: "KeStallExecutionProcessor is for delays of at most 50 microseconds", "DDI wdm KeStallExecutionProcessor: Remarks";
}

/// Ticks of the performance counter per second, as on current Windows.
const PERFORMANCE_FREQUENCY: u64 = 10_000_000;
const LONGEST_STALL_US: u32 = 50;

/// The time from now that a Windows due time means: negative is relative, positive absolute, in 100 ns.
pub(super) fn due_in(due: i64) -> Duration {
    let hundreds = match u64::try_from(due) {
        Ok(absolute) => absolute.saturating_sub(shared_user::system_time(cpu::now())),
        Err(_) => due.unsigned_abs(),
    };
    Duration::from_micros(hundreds / 10) + Duration::from_nanos(hundreds % 10 * 100)
}

exports! {
    [Any] fn KeStallExecutionProcessor(microseconds: u32) {
        STALL_SHORT.check(microseconds <= LONGEST_STALL_US, || format!("{microseconds} us"));
        cpu::stall(microseconds);
    }

    [AtMostApc] fn KeDelayExecutionThread(_mode: i8, _alertable: u8, interval: Ptr<i64>) -> i32 {
        match due_in(interval.read()) {
            Duration::ZERO => cpu::yield_now(),
            delay => cpu::sleep(delay),
        }
        0
    }

    [Any] fn KeQueryInterruptTime() -> u64 { shared_user::interrupt_time(cpu::read_clock()) }

    [Any] fn KeQueryInterruptTimePrecise(counter: Ptr<u64>) -> u64 {
        let time = shared_user::interrupt_time(cpu::read_clock());
        counter.write_if_any(time);
        time
    }

    [Any] fn KeQueryUnbiasedInterruptTime() -> u64 { shared_user::interrupt_time(cpu::read_clock()) }

    [Any] fn KeQuerySystemTimePrecise(time: Ptr<u64>) { time.write(shared_user::system_time(cpu::read_clock())); }

    [Any] fn KeQueryPerformanceCounter(frequency: Ptr<u64>) -> u64 {
        frequency.write_if_any(PERFORMANCE_FREQUENCY);
        shared_user::interrupt_time(cpu::read_clock())
    }

    [Any] fn KeQueryTimeIncrement() -> u32 { shared_user::TICK as u32 }

    [Any] fn ExGetPreviousMode() -> i8 { 0 }
}
