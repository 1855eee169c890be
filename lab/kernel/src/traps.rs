//! Processor exceptions of driver code, which reach a Linux process as signals.
//!
//! A trap is synchronous: the driver's own instruction raised it, so no lock of the lab is held and the handler may run
//! any lab code, as a Windows trap handler may: a register access delivers interrupts, runs DPCs and may hand the baton
//! to another thread before it returns. Three settings make that sound:
//! - every lab thread has an alternate signal stack of its own, large enough for service routines and DPCs, so a handler
//!   that parks keeps its frame, and an overflow of the driver's stack can still be reported;
//! - SA_NODEFER with an empty mask: a register access of a service routine that runs inside a handler traps again, on
//!   the same alternate stack, below the first;
//! - nothing is unwound through a handler: what cannot be resumed ends the process.

use crate::backtrace::Context;
use crate::bugcheck::{self, Stop};
use crate::mmio::emulate::{self, Registers};
use crate::{cpu, image, mmio, pool, shared_user};
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

/// Alternate stack of a lab thread: the driver's service routines and DPCs run on it when a register access delivers them.
const TRAP_STACK_BYTES: usize = 1 << 20;
/// Sent by the watchdog to the baton holder.
const WATCHDOG_SIGNAL: c_int = libc::SIGUSR2;
/// si_code of a general protection fault: the kernel has no address to report.
const SI_KERNEL: c_int = 0x80;

const STATUS_ACCESS_VIOLATION: u64 = 0xC000_0005;
const STATUS_ILLEGAL_INSTRUCTION: u64 = 0xC000_001D;
const STATUS_INTEGER_DIVIDE_BY_ZERO: u64 = 0xC000_0094;
const STATUS_PRIVILEGED_INSTRUCTION: u64 = 0xC000_0096;
const STATUS_ASSERTION_FAILURE: u64 = 0xC000_0420;
const STATUS_BREAKPOINT: u64 = 0x8000_0003;

/// The interrupted code of a running handler; a chain per thread, innermost first.
pub(crate) struct Trap {
    /// Where the trap happened.
    pub(crate) context: Context,
    /// Return address of the handler: marks the end of the handler's frames in a backtrace.
    pub(crate) restorer: u64,
}

thread_local! {
    static INNERMOST: Cell<*const Trap> = const { Cell::new(ptr::null()) };
    static STACK_LOW: Cell<usize> = const { Cell::new(0) };
}

/// The innermost trap being handled on this thread.
pub(crate) fn innermost() -> *const Trap {
    INNERMOST.get()
}

/// Installs the handlers, once per process.
pub(crate) fn boot() {
    for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, WATCHDOG_SIGNAL] {
        // SAFETY: sigaction is a plain C struct for which zero is valid; the handler has the SA_SIGINFO signature and
        // lives as long as the process.
        let result = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_signal as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
            libc::sigaction(signal, &action, ptr::null_mut())
        };
        assert_eq!(result, 0, "sigaction({signal})");
    }
}

/// The alternate stack of a lab thread; given back when the thread ends.
pub(crate) struct TrapStack {
    base: *mut c_void,
}

/// Prepares the calling OS thread for driver code: alternate stack and GS base.
pub(crate) fn enter_thread() -> TrapStack {
    cpu::pin_gs();
    // SAFETY: a fresh private mapping becomes the alternate stack of this thread alone, which TrapStack::drop takes away
    // before unmapping it; pthread_getattr_np fills `attributes` for the calling thread, which outlives the calls.
    unsafe {
        let base = libc::mmap(
            ptr::null_mut(),
            TRAP_STACK_BYTES,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        );
        assert_ne!(base, libc::MAP_FAILED, "mmap of a trap stack");
        let stack = libc::stack_t { ss_sp: base, ss_flags: 0, ss_size: TRAP_STACK_BYTES };
        assert_eq!(libc::sigaltstack(&stack, ptr::null_mut()), 0, "sigaltstack");
        let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
        let (mut low, mut size) = (ptr::null_mut(), 0);
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attributes) == 0 {
            libc::pthread_attr_getstack(&attributes, &mut low, &mut size);
            libc::pthread_attr_destroy(&mut attributes);
        }
        STACK_LOW.set(low as usize);
        TrapStack { base }
    }
}

impl Drop for TrapStack {
    fn drop(&mut self) {
        let off = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: TRAP_STACK_BYTES };
        // SAFETY: the stack is switched off first; no handler runs on it, since Drop runs in ordinary thread code.
        unsafe {
            libc::sigaltstack(&off, ptr::null_mut());
            libc::munmap(self.base, TRAP_STACK_BYTES);
        }
    }
}

/// Seconds of silence that the watchdog saw, for its handler.
static QUIET_SECONDS: AtomicU32 = AtomicU32::new(0);

/// Stops the run with a backtrace of the baton holder, or without one when the holder does not answer.
pub(crate) fn interrupt_holder(holder: libc::pthread_t, quiet: u32) -> ! {
    QUIET_SECONDS.store(quiet, Ordering::Relaxed);
    // SAFETY: the holder is parked or running for as long as the process lives; a lab thread hands the baton on before
    // it ends.
    unsafe { libc::pthread_kill(holder, WATCHDOG_SIGNAL) };
    std::thread::sleep(std::time::Duration::from_secs(20));
    eprintln!("*** STOP: no preempt point for {quiet} s and no answer of the baton holder");
    bugcheck::exit_now();
}

extern "C" fn on_signal(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let ucontext: *mut libc::ucontext_t = context.cast();
    // SAFETY: the kernel passes a valid siginfo and ucontext of this thread to an SA_SIGINFO handler, and puts the
    // return address of the handler right below the ucontext (struct rt_sigframe of arch/x86).
    let (code, address, machine, restorer) = unsafe {
        ((*info).si_code, (*info).si_addr() as u64, &mut (*ucontext).uc_mcontext.gregs, *context.cast::<u64>().sub(1))
    };
    let mut registers = load_registers(machine);
    if !cpu::is_lab_thread() {
        // Not ours: the default action ends the process at the same instruction.
        // SAFETY: SIG_DFL is always a valid disposition.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        return;
    }
    let outer = INNERMOST.get();
    let trap = Trap { context: Context::of_trap(&registers, outer), restorer };
    INNERMOST.set(&trap);
    let error = machine[libc::REG_ERR as usize] as u64;
    let fault = Fault { signal, code, address, error };
    if signal == WATCHDOG_SIGNAL {
        let quiet = QUIET_SECONDS.load(Ordering::Relaxed);
        bugcheck::stop_at(
            Stop::Message(&format!("no preempt point for {quiet} s: the code below hangs")),
            &trap.context,
        );
    }
    fault.resolve(&mut registers, &trap.context);
    store_registers(machine, &registers);
    INNERMOST.set(outer);
}

struct Fault {
    signal: c_int,
    code: c_int,
    address: u64,
    /// Page-fault error code: bit 0 protection, bit 1 write, bit 4 instruction fetch.
    error: u64,
}

impl Fault {
    /// Emulates the instruction, or stops the run.
    fn resolve(&self, registers: &mut Registers, context: &Context) {
        let stop = |code, params, why: &str| -> ! {
            bugcheck::stop_at(Stop::Bugcheck { code, params, why: Some(&format!("{why}\n{registers}")) }, context)
        };
        let rip = registers.rip;
        match self.signal {
            libc::SIGSEGV if self.code == SI_KERNEL => self.general_protection(registers, context),
            libc::SIGSEGV | libc::SIGBUS => {
                if shared_user::contains(self.address) {
                    emulate_or_stop(registers, &mut shared_user::SharedUser::now(), context);
                } else if mmio::contains(self.address) {
                    let mut device = mmio::Device::default();
                    emulate_or_stop(registers, &mut device, context);
                    // A processor takes interrupts between instructions: what the access raised is delivered now. A
                    // write alone may still be on its way (posted), and looking for its effects would drive it home.
                    if device.has_read {
                        cpu::preempt_point();
                    }
                } else {
                    self.access_violation(registers, context)
                }
            }
            libc::SIGFPE => stop(0x1E, [STATUS_INTEGER_DIVIDE_BY_ZERO, rip, 0, 0], "integer division fault"),
            // int3 reports the address behind itself.
            libc::SIGTRAP => stop(0x1E, [STATUS_BREAKPOINT, rip - 1, 0, 0], "breakpoint without a debugger"),
            _ => stop(
                0x1E,
                [STATUS_ILLEGAL_INSTRUCTION, rip, 0, 0],
                "illegal instruction (ud2: an abort or unreachable code)",
            ),
        }
    }

    fn general_protection(&self, registers: &mut Registers, context: &Context) {
        use iced_x86::{Mnemonic, OpKind, Register};
        let instruction = emulate::decode(registers.rip);
        let rip = registers.rip;
        let text = emulate::text(&instruction);
        let stop = |code, params, why: &str, registers: &Registers| -> ! {
            bugcheck::stop_at(
                Stop::Bugcheck { code, params, why: Some(&format!("{why}: {text}\n{registers}")) },
                context,
            )
        };
        match instruction.mnemonic() {
            Mnemonic::Mov if instruction.op1_register() == Register::CR8 => {
                registers.set(instruction.op0_register(), cpu::irql().into());
                registers.rip = instruction.next_ip();
            }
            Mnemonic::Mov if instruction.op0_register() == Register::CR8 => {
                let new = registers.get(instruction.op1_register()) as u8;
                registers.rip = instruction.next_ip();
                if new < cpu::irql() {
                    cpu::lower_irql(new);
                } else {
                    cpu::raise_irql(new);
                }
            }
            Mnemonic::Int if instruction.immediate8() == 0x29 => {
                stop(0x139, [registers.get(Register::ECX), 0, 0, 0], "fast fail", registers)
            }
            Mnemonic::Int if instruction.immediate8() == 0x2C => {
                stop(0x1E, [STATUS_ASSERTION_FAILURE, rip, 0, 0], "assertion failure", registers)
            }
            _ if (0..instruction.op_count()).any(|i| instruction.op_kind(i) == OpKind::Memory) => {
                stop(0x1E, [STATUS_ACCESS_VIOLATION, rip, 0, u64::MAX], "access to a non-canonical address", registers)
            }
            _ => stop(0x1E, [STATUS_PRIVILEGED_INSTRUCTION, rip, 0, 0], "privileged instruction", registers),
        }
    }

    fn access_violation(&self, registers: &Registers, context: &Context) -> ! {
        const NULL_REGION: u64 = 0x1_0000;
        const STACK_GUARD: usize = 0x1_0000;
        let (address, rip) = (self.address, registers.rip);
        let [protection, write, fetch] = [1, 2, 16].map(|bit| self.error & bit != 0);
        let irql = cpu::irql();
        let low = STACK_LOW.get();
        let (code, params) = if (low.saturating_sub(STACK_GUARD)..low + 0x1000).contains(&(address as usize)) {
            // EXCEPTION_DOUBLE_FAULT: what a kernel stack overflow becomes.
            (0x7F, [8, address, rip, 0])
        } else if fetch {
            (0xFC, [address, 0, 0, 0])
        } else if protection && write {
            (0xBE, [address, 0, 0, 0])
        } else if irql >= cpu::DISPATCH_LEVEL {
            (0xD1, [address, irql.into(), write.into(), rip])
        } else if address < NULL_REGION {
            (0x1E, [STATUS_ACCESS_VIOLATION, rip, write.into(), address])
        } else {
            (0x50, [address, write.into(), rip, 0])
        };
        let verb = if fetch {
            "execution"
        } else if write {
            "write"
        } else {
            "read"
        };
        let known = mmio::describe(address).or_else(|| pool::describe(address)).or_else(|| image::describe(address));
        let place = known.map_or(String::new(), |what| format!(": {what}"));
        let instruction = if fetch { String::new() } else { format!(" by {}", emulate::text(&emulate::decode(rip))) };
        let whose = if image::describe(rip).is_some() {
            ""
        } else {
            "\nthe instruction is the lab's: a bad pointer of the driver, or a fault of the lab"
        };
        let why = format!("{verb} of {address:#x}{place}{instruction}{whose}\n{registers}");
        bugcheck::stop_at(Stop::Bugcheck { code, params, why: Some(&why) }, context)
    }
}

fn emulate_or_stop(registers: &mut Registers, bus: &mut dyn emulate::Bus, context: &Context) {
    let instruction = emulate::decode(registers.rip);
    if emulate::step(registers, &instruction, bus).is_err() {
        let text = emulate::text(&instruction);
        let message = format!(
            "device memory accessed by an instruction that the lab does not emulate: {text}\n\
             (a driver reaches registers through READ_REGISTER_* / WRITE_REGISTER_* or volatile accesses)\n{registers}"
        );
        bugcheck::stop_at(Stop::Message(&message), context);
    }
}

/// libc's index of each general register, in the order of the instruction encoding (RAX, RCX, RDX, RBX, RSP, ...).
const GREGS: [c_int; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
];

fn load_registers(machine: &[i64; 23]) -> Registers {
    Registers {
        general: GREGS.map(|r| machine[r as usize] as u64),
        rip: machine[libc::REG_RIP as usize] as u64,
        flags: machine[libc::REG_EFL as usize] as u64,
    }
}

fn store_registers(machine: &mut [i64; 23], registers: &Registers) {
    for (slot, value) in GREGS.iter().zip(registers.general) {
        machine[*slot as usize] = value as i64;
    }
    machine[libc::REG_RIP as usize] = registers.rip as i64;
    machine[libc::REG_EFL as usize] = registers.flags as i64;
}
