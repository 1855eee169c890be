//! What every entry checks, and the bugcheck of the framework's verifier.

use crate::ddi::ddi;
use lab_kernel::bugcheck::bugcheck_because;
use lab_kernel::cpu;
use lab_kernel::rules;
use std::cell::Cell;
use wdk_sys::_WDF_BUGCHECK_CODES::{self as codes, Type as WDF_BUGCHECK_CODES};
use wdk_sys::{PWDF_DRIVER_GLOBALS, ULONG};

rules! {
    KMDF_IRQL: "Framework methods are called at or below the IRQL of their reference page", "DDI wdf*.h pages, Requirements: IRQL; WDF fxverifier FxVerifierCheckIrqlLevel";
    KMDF_GLOBALS: "Framework methods get the globals that WdfVersionBind returned", "WDF fxglobals.h GetFxDriverGlobals";
    KMDF_CALLBACK_IRQL: "A driver's callback returns at the IRQL it was called at", "WDF bugcheck code 0xE WDF_VERIFIER_IRQL_MISMATCH (fxglobals.h FX_TRACK_DRIVER users)";
    KMDF_POINTER: "Required pointers of framework methods are not null", "WDF fxverifier FxPointerNotNull: bugcheck 0x10D code 4";
    KMDF_HANDLE: "Framework handles are live and of the kind the method takes", "WDF fxhandle.h FxObjectHandleGetPtr: bugcheck 0x10D code 5";
    KMDF_STRUCT_SIZE: "Structures passed to the framework carry the Size of KMDF 1.33", "WDF: STATUS_INFO_LENGTH_MISMATCH of each method";
}

/// Bugcheck of the framework, WDF_VIOLATION.
const WDF_VIOLATION: u32 = 0x10D;

/// Ends the run as FxVerifierBugCheck does: parameter 1 is the WDF_BUGCHECK_CODES value.
pub(crate) fn violation(code: WDF_BUGCHECK_CODES, p2: u64, p3: u64) -> ! {
    let names = [
        "",
        "WDF_POWER_ROUTINE_TIMED_OUT",
        "WDF_RECURSIVE_LOCK",
        "WDF_VERIFIER_FATAL_ERROR",
        "WDF_REQUIRED_PARAMETER_IS_NULL",
        "WDF_INVALID_HANDLE",
        "WDF_REQUEST_FATAL_ERROR",
        "WDF_OBJECT_ERROR",
        "WDF_DMA_FATAL_ERROR",
        "WDF_INVALID_INTERRUPT",
        "WDF_QUEUE_FATAL_ERROR",
        "WDF_INVALID_LOCK_OPERATION",
        "WDF_PNP_FATAL_ERROR",
        "WDF_POWER_MULTIPLE_PPO",
        "WDF_VERIFIER_IRQL_MISMATCH",
        "WDF_VERIFIER_CRITICAL_REGION_MISMATCH",
        "WDF_API_UNAVAILABLE",
    ];
    let name = names.get(code as usize).unwrap_or(&"");
    bugcheck_because(WDF_VIOLATION, [code as u64, p2, p3, 0], &format!("{name} in {}", current_entry()))
}

thread_local! {
    static ENTRY: Cell<&'static str> = const { Cell::new("") };
}

/// The table entry that the calling thread entered last, for reports.
pub(crate) fn current_entry() -> &'static str {
    ENTRY.get()
}

/// The start of every table entry: counts the call, passes a preempt point, checks globals and IRQL.
/// Returns false if the IRQL is too high.
pub(crate) fn enter(name: &'static str, globals: PWDF_DRIVER_GLOBALS, max_irql: u8) -> bool {
    lab_kernel::exports::entered(name);
    ENTRY.set(name);
    if !KMDF_GLOBALS.check(crate::loader::is_bound(globals), || format!("{name}: globals {globals:p}")) {
        violation(codes::WDF_VERIFIER_FATAL_ERROR, globals as u64, 0);
    }
    let irql = cpu::irql();
    KMDF_IRQL.check(irql <= max_irql, || format!("{name} at IRQL {irql}, highest is {max_irql}"))
}

/// A null pointer where the method needs one that is not.
pub(crate) fn null_pointer(what: &'static str) -> ! {
    KMDF_POINTER.check(false, || format!("{}: {what} is null", current_entry()));
    violation(codes::WDF_REQUIRED_PARAMETER_IS_NULL, 0, 0)
}

/// A handle that is null, unknown, destroyed or of another kind.
pub(crate) fn invalid_handle(handle: usize, wanted: &str, found: &str) -> ! {
    KMDF_HANDLE.check(false, || format!("{}: handle {handle:#x} is {found}, {wanted} is needed", current_entry()));
    violation(codes::WDF_INVALID_HANDLE, handle as u64, 0)
}

/// Checks a structure's Size member.
pub(crate) fn size_is(what: &'static str, found: u32, wanted: usize) -> bool {
    KMDF_STRUCT_SIZE
        .check(found as usize == wanted, || format!("{}: {what}.Size is {found}, {wanted} expected", current_entry()))
}

/// Runs a callback of the driver and checks that it comes back at the same IRQL.
pub(crate) fn around<R>(name: &'static str, callback: impl FnOnce() -> R) -> R {
    let before = cpu::irql();
    let result = callback();
    let after = cpu::irql();
    if !KMDF_CALLBACK_IRQL.check(before == after, || format!("{name}: called at IRQL {before}, returned at {after}")) {
        violation(codes::WDF_VERIFIER_IRQL_MISMATCH, u64::from(before), u64::from(after));
    }
    result
}

ddi! {
    fn WdfVerifierKeBugCheck(HIGH_LEVEL; code: ULONG, p1: u64, p2: u64, p3: u64, p4: u64) {
        lab_kernel::bugcheck::bugcheck(code, [p1, p2, p3, p4]);
    }

    // Without a debugger a breakpoint of the kernel is an unhandled exception.
    fn WdfVerifierDbgBreakPoint(HIGH_LEVEL;) {
        const KMODE_EXCEPTION_NOT_HANDLED: u32 = 0x1E;
        const STATUS_BREAKPOINT: u64 = 0x8000_0003;
        bugcheck_because(KMODE_EXCEPTION_NOT_HANDLED, [STATUS_BREAKPOINT, 0, 0, 0], "the driver asked for a breakpoint");
    }
}

/// Calls a driver's callback: `callback!("EvtX", function, arguments..)`.
macro_rules! callback {
    ($name:literal, $function:expr $(, $arg:expr)* $(,)?) => {{
        let function = $function;
        $crate::verifier::around($name, || {
            // SAFETY: the driver gave this function to the framework to be called with these arguments; the handles
            // among them are live.
            unsafe { function($($arg),*) }
        })
    }};
}
pub(crate) use callback;
