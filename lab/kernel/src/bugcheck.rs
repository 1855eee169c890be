//! The blue screen: a report on standard error, then the end of the process with code 3.

use crate::backtrace::{self, Context};
use crate::cpu;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

/// Exit code of a run that was stopped.
pub const EXIT_CODE: i32 = 3;
/// Time that the hooks of [`at_stop`] get.
const HOOK_TIME: Duration = Duration::from_secs(10);
/// wdk-panic's code for a Rust panic of the driver: "RPNC".
const RUST_PANIC: u32 = u32::from_be_bytes(*b"RPNC");

/// Names of the codes that drivers, KMDF, NetAdapterCx and the lab raise (DDI: Bug check code reference).
const NAMES: &[(u32, &str)] = &[
    (0x0A, "IRQL_NOT_LESS_OR_EQUAL"),
    (0x0F, "SPIN_LOCK_ALREADY_OWNED"),
    (0x10, "SPIN_LOCK_NOT_OWNED"),
    (0x19, "BAD_POOL_HEADER"),
    (0x1A, "MEMORY_MANAGEMENT"),
    (0x1E, "KMODE_EXCEPTION_NOT_HANDLED"),
    (0x3B, "SYSTEM_SERVICE_EXCEPTION"),
    (0x44, "MULTIPLE_IRP_COMPLETE_REQUESTS"),
    (0x50, "PAGE_FAULT_IN_NONPAGED_AREA"),
    (0x7C, "BUGCODE_NDIS_DRIVER"),
    (0x7E, "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED"),
    (0x7F, "UNEXPECTED_KERNEL_MODE_TRAP"),
    (0x8E, "KERNEL_MODE_EXCEPTION_NOT_HANDLED"),
    (0x9F, "DRIVER_POWER_STATE_FAILURE"),
    (0xA0, "INTERNAL_POWER_ERROR"),
    (0xB8, "ATTEMPTED_SWITCH_FROM_DPC"),
    (0xBE, "ATTEMPTED_WRITE_TO_READONLY_MEMORY"),
    (0xC1, "SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION"),
    (0xC2, "BAD_POOL_CALLER"),
    (0xC4, "DRIVER_VERIFIER_DETECTED_VIOLATION"),
    (0xC5, "DRIVER_CORRUPTED_EXPOOL"),
    (0xC7, "TIMER_OR_DPC_INVALID"),
    (0xC9, "DRIVER_VERIFIER_IOMANAGER_VIOLATION"),
    (0xCA, "PNP_DETECTED_FATAL_ERROR"),
    (0xCE, "DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS"),
    (0xD1, "DRIVER_IRQL_NOT_LESS_OR_EQUAL"),
    (0xD5, "DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL"),
    (0xE2, "MANUALLY_INITIATED_CRASH"),
    (0xE6, "DRIVER_VERIFIER_DMA_VIOLATION"),
    (0xF7, "DRIVER_OVERRAN_STACK_BUFFER"),
    (0xFC, "ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY"),
    (0x101, "CLOCK_WATCHDOG_TIMEOUT"),
    (0x10D, "WDF_VIOLATION"),
    (0x133, "DPC_WATCHDOG_VIOLATION"),
    (0x139, "KERNEL_SECURITY_CHECK_FAILURE"),
    (0x15E, "BUGCODE_NDIS_DRIVER_LIVE_DUMP"),
    (0x19E, "BUGCODE_NETADAPTER_DRIVER"),
    (RUST_PANIC, "Rust panic of the driver"),
];

/// Why the run ends.
pub(crate) enum Stop<'a> {
    Bugcheck {
        code: u32,
        params: [u64; 4],
        why: Option<&'a str>,
    },
    /// The lab's own reasons.
    Message(&'a str),
}

type Hook = Box<dyn FnOnce() + Send>;

static HOOKS: Mutex<Vec<Hook>> = Mutex::new(Vec::new());
static STOPPING: AtomicBool = AtomicBool::new(false);

/// The symbolic name of a bugcheck code.
pub fn name(code: u32) -> Option<&'static str> {
    NAMES.iter().find(|(known, _)| *known == code).map(|(_, name)| *name)
}

/// Ends the run as KeBugCheckEx does: name of the code, parameters, thread and IRQL, backtrace with file:line of the
/// driver's frames; then the hooks of [`at_stop`] run and the process exits with code 3.
pub fn bugcheck(code: u32, params: [u64; 4]) -> ! {
    stop_at(Stop::Bugcheck { code, params, why: None }, &Context::here());
}

/// [`bugcheck`] with a sentence that says what the lab saw.
pub fn bugcheck_because(code: u32, params: [u64; 4], why: &str) -> ! {
    stop_at(Stop::Bugcheck { code, params, why: Some(why) }, &Context::here());
}

/// Ends the run for a reason that is no bugcheck of Windows; otherwise like [`bugcheck`].
pub fn stop(message: &str) -> ! {
    stop_at(Stop::Message(message), &Context::here());
}

/// Runs `f` before the process ends by one of the functions above: flush a capture, write a report. Hooks run in the
/// order of registration, on an OS thread that is no lab thread, and get ten seconds together.
pub fn at_stop(f: impl FnOnce() + Send + 'static) {
    HOOKS.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(f));
}

/// A panic of the lab on a lab thread ends the run in order, hooks included, where it cannot unwind: the program aborts
/// on panics, or the driver's frames are on the stack.
pub(crate) fn boot() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        report(info);
        if cpu::is_lab_thread() && (cfg!(panic = "abort") || backtrace::innermost().is_some()) {
            stop("the lab panicked");
        }
    }));
}

/// Ends the run with a report about the code at `context`.
pub(crate) fn stop_at(stop: Stop<'_>, context: &Context) -> ! {
    if STOPPING.swap(true, Ordering::SeqCst) {
        eprintln!("*** a second stop while stopping: {}", headline(&stop));
        exit_now();
    }
    let mut report = format!("\n*** STOP: {}\n", headline(&stop));
    if let Stop::Bugcheck { code, params, why } = &stop {
        report += &explain(*code, *params);
        if let Some(why) = why {
            report += &format!("{why}\n");
        }
    }
    // First what needs no lock and no memory map, in case the rest fails.
    eprint!("{report}");
    if cpu::is_lab_thread() {
        eprintln!("{}, IRQL {}:", cpu::running(), cpu::irql());
    }
    for line in backtrace::frames(context) {
        eprintln!("    {line}");
    }
    for line in cpu::report_threads() {
        eprintln!("{line}");
    }
    run_hooks();
    exit_now();
}

/// Ends the process without destructors: other lab threads are parked in the middle of driver code.
pub(crate) fn exit_now() -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(EXIT_CODE) }
}

fn headline(stop: &Stop<'_>) -> String {
    match stop {
        Stop::Message(message) => (*message).to_owned(),
        Stop::Bugcheck { code, params, .. } => {
            let [a, b, c, d] = params;
            let name = name(*code).unwrap_or("(no name known)");
            format!("{code:#010X} {name} ({a:#018x}, {b:#018x}, {c:#018x}, {d:#018x})")
        }
    }
}

/// What the parameters say, for codes whose parameters are more than numbers.
fn explain(code: u32, params: [u64; 4]) -> String {
    if code != RUST_PANIC {
        return String::new();
    }
    // wdk-panic: pointer and length of the file name, line, column.
    const LONGEST: u64 = 4096;
    let [file, len, line, column] = params;
    let mut bytes = vec![0; len.min(LONGEST) as usize];
    let readable = crate::memory::read(file, &mut bytes);
    let file = String::from_utf8_lossy(&bytes[..readable]);
    format!("the driver panicked at {file}:{line}:{column}\n")
}

fn run_hooks() {
    let (done, finished) = mpsc::channel();
    // On a thread of its own: a hook that needs a lock of the stopped thread must not keep the process alive.
    let runner = std::thread::Builder::new().name("at_stop".to_owned()).spawn(move || {
        let hooks = std::mem::take(&mut *HOOKS.lock().unwrap_or_else(PoisonError::into_inner));
        for hook in hooks {
            hook();
        }
        std::io::stdout().flush().ok();
        done.send(()).ok();
    });
    if runner.is_ok() && finished.recv_timeout(HOOK_TIME).is_err() {
        eprintln!("*** the hooks of at_stop did not finish");
    }
}
