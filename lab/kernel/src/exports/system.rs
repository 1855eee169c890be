//! Bug checks, WMI and WPP, version, and what the compiler's runtime needs.

use super::strings::{self, Counted};
use super::{Ptr, exports};
use crate::bugcheck::bugcheck;
use std::sync::atomic::{AtomicU64, Ordering};

const STATUS_SUCCESS: i32 = 0;
const STATUS_NOT_FOUND: i32 = 0xC000_0225_u32 as i32;

static RANDOM: AtomicU64 = AtomicU64::new(1);

exports! {
    [Any] fn KeBugCheckEx(code: u32, a: u64, b: u64, c: u64, d: u64) { bugcheck(code, [a, b, c, d]); }

    [Any] fn KeBugCheck(code: u32) { bugcheck(code, [0; 4]); }

    // Callbacks run only when Windows writes a dump, which the lab does not.
    [Any] fn KeRegisterBugCheckCallback(_record: usize, _routine: usize, _buffer: usize, _len: u32, _component: usize) -> bool {
        true
    }

    [Any] fn KeDeregisterBugCheckCallback(_record: usize) -> bool { true }

    [Any] fn KeRegisterBugCheckReasonCallback(_record: usize, _routine: usize, _reason: u32, _component: usize) -> bool {
        true
    }

    [Any] fn KeDeregisterBugCheckReasonCallback(_record: usize) -> bool { true }

    [AtMostDispatch] fn IoWMIRegistrationControl(_device: usize, _action: u32) -> i32 { STATUS_SUCCESS }

    [Any] fn WmiTraceMessage(_logger: u64, _flags: u32, _guid: usize, _number: u16) -> i32 { STATUS_SUCCESS }

    [Any] fn WmiQueryTraceInformation(_class: u32, _buffer: usize, _len: u32, _needed: usize, _input: usize) -> i32 {
        STATUS_NOT_FOUND
    }

    /// RTL_OSVERSIONINFOW: size, major, minor, build, platform.
    [Passive] fn RtlGetVersion(version: Ptr<u32>) -> i32 {
        [10, 0, 22_000, 2].into_iter().enumerate().for_each(|(i, field)| version.add(i + 1).write(field));
        STATUS_SUCCESS
    }

    /// Numbers that repeat from run to run.
    [AtMostApc] fn RtlRandomEx(seed: Ptr<u32>) -> u32 {
        let state = RANDOM.load(Ordering::Relaxed).wrapping_mul(6_364_136_223_846_793_005).wrapping_add(seed.read().into());
        RANDOM.store(state, Ordering::Relaxed);
        seed.write((state >> 32) as u32);
        (state >> 33) as u32
    }

    [Passive] fn MmGetSystemRoutineAddress(name: Ptr<Counted>) -> usize {
        let name = String::from_utf16_lossy(&strings::text(name));
        super::resolve("ntoskrnl.exe", &name).unwrap_or(0)
    }

    /// Structured exception handling: nothing in the lab raises an exception that a handler could take.
    [Any] fn __C_specific_handler(_record: usize, _frame: usize, _context: usize, _dispatch: usize) -> i32 {
        const EXCEPTION_CONTINUE_SEARCH: i32 = 1;
        EXCEPTION_CONTINUE_SEARCH
    }
}
