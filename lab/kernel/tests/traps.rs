//! Register windows, emulated processor state, and what becomes of a driver's faults.

mod common;

use common::{BAR, Board};
use lab_kernel::cpu::{self, DISPATCH_LEVEL, Event};
use lab_kernel::{bugcheck, image, mmio, pool, rules};
use std::arch::asm;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn violated() -> Vec<&'static str> {
    rules::violations().into_iter().map(|v| v.rule).collect()
}

/// A register of a window, as driver code sees it.
#[derive(Clone, Copy)]
struct Register(*mut u32);

// SAFETY: an address; every access traps into the lab.
unsafe impl Send for Register {}

impl Register {
    fn window() -> Register {
        let va = mmio::map(BAR, 0x1000);
        assert!(!va.is_null());
        Register(va.cast())
    }

    fn at(self, offset: usize) -> Register {
        Register(self.0.wrapping_byte_add(offset))
    }

    fn read(self) -> u32 {
        // SAFETY: the window traps and is emulated.
        unsafe { self.0.read_volatile() }
    }

    fn write(self, value: u32) {
        // SAFETY: as above.
        unsafe { self.0.write_volatile(value) }
    }
}

/// A read that the trap turns into a stop.
fn touch(address: usize) -> u8 {
    let value: u8;
    // SAFETY: plain load; where it faults the run ends.
    unsafe { asm!("mov {v}, byte ptr [{a}]", v = out(reg_byte) value, a = in(reg) address) };
    value
}

fn store(address: usize) {
    // SAFETY: plain store; where it faults the run ends.
    unsafe { asm!("mov byte ptr [{a}], 1", a = in(reg) address) };
}

machine_tests! {
    fn registers_are_read_and_written_on_the_board() {
        let board = Board::new();
        board.boot();
        let window = Register::window();
        window.at(0x10).write(0xABCD);
        board.set_register(0x14, 0x1_2345_6789);
        assert_eq!(window.at(0x14).read(), 0x2345_6789);
        // SAFETY: the window traps and is emulated.
        unsafe {
            asm!("or dword ptr [{w} + 0x10], 0x10000", w = in(reg) window.0);
            let found: u8;
            asm!("test dword ptr [{w} + 4 * {i}], 0x10000", "setnz {f}", w = in(reg) window.0, i = in(reg) 4usize,
                 f = out(reg_byte) found);
            assert_eq!(found, 1);
        }
        let read = |offset| (BAR + offset, 4, None);
        let wrote = |offset, value| (BAR + offset, 4, Some(value));
        assert_eq!(
            board.take_log(),
            [wrote(0x10, 0xABCD), read(0x14), read(0x10), wrote(0x10, 0x1_ABCD), read(0x10)]
        );
        assert_eq!(violated(), Vec::<&str>::new());
        assert_eq!(mmio::mapped(), [(BAR, 0x1000)]);
        assert!(mmio::unmap(window.0.cast(), 0x1000));
        assert_eq!(mmio::mapped(), []);
    }

    fn window_rules_are_checked() {
        Board::new().boot();
        assert!(mmio::map(0x1000, 0x1000).is_null());
        assert!(mmio::map(BAR + common::BAR_LEN - 0x800, 0x1000).is_null());
        let va = mmio::map(BAR + 0x100, 0x20);
        assert_eq!(va as usize % 4096, 0x100);
        assert!(!mmio::unmap(va, 0x1000));
        assert!(mmio::unmap(va, 0x20));
        assert!(!mmio::unmap(va, 0x20));
        let window: *mut u8 = mmio::map(BAR, 0x1000).cast();
        // SAFETY: the window traps and is emulated.
        unsafe {
            asm!("mov {v}, byte ptr [{w}]", v = out(reg_byte) _, w = in(reg) window);
            asm!("mov {v:x}, word ptr [{w}]", v = out(reg) _, w = in(reg) window);
            asm!("mov {v:e}, dword ptr [{w} + 2]", v = out(reg) _, w = in(reg) window);
            asm!("mov {v}, qword ptr [{w} + 0xFFC]", v = out(reg) _, w = in(reg) window);
        }
        let expected = ["MMIO_MAP_DEVICE", "MMIO_MAP_DEVICE", "MMIO_UNMAP_MATCHES", "MMIO_UNMAP_MATCHES",
                        "MMIO_ALIGNED_DWORDS", "MMIO_ALIGNED_DWORDS", "MMIO_ALIGNED_DWORDS", "MMIO_INSIDE", "MMIO_ALIGNED_DWORDS"];
        assert_eq!(violated(), expected);
    }

    fn a_register_access_delivers_the_interrupt_it_raised_and_the_routine_may_access_registers() {
        let board = Board::new();
        board.boot();
        board.set_doorbell(0x20);
        let window = Register::window();
        let log: Rc<RefCell<Vec<String>>> = Rc::default();
        let isr_log = log.clone();
        cpu::connect_interrupt(2, 5, Box::new(move || {
            isr_log.borrow_mut().push(format!("isr, cause {}", window.at(0x30).read()));
            window.at(0x34).write(7);
            let dpc_log = isr_log.clone();
            cpu::queue_dpc(move || dpc_log.borrow_mut().push(format!("dpc, mask {}", window.at(0x34).read())));
            true
        }));
        board.set_register(0x30, 99);
        window.at(0x20).write(1 << 2);
        // A write may be posted: it is the next read that shows its effect.
        assert_eq!(*log.borrow(), Vec::<String>::new());
        assert_eq!(window.at(0x24).read(), 0);
        assert_eq!(*log.borrow(), ["isr, cause 99", "dpc, mask 7"]);
    }

    fn threads_switch_inside_register_accesses_and_keep_their_registers() {
        let board = Board::new();
        board.boot_seeded(5, 1);
        let window = Register::window();
        for offset in 0..8u64 {
            board.set_register(4 * offset, 1000 + offset);
        }
        let sums = Arc::new(Mutex::new(Vec::new()));
        let threads: Vec<_> = (0..8usize).map(|i| {
            let sums = sums.clone();
            cpu::spawn(&format!("reader {i}"), move || {
                let sum: u32 = (0..50).map(|_| window.at(4 * i).read()).sum();
                sums.lock().unwrap().push((i, sum));
            })
        }).collect();
        threads.into_iter().for_each(cpu::join);
        let mut sums = sums.lock().unwrap().clone();
        sums.sort_unstable();
        assert_eq!(sums, (0..8).map(|i| (i, 50 * (1000 + i as u32))).collect::<Vec<_>>());
        assert!(cpu::stats().preemptions > 100, "{:?}", cpu::stats());
    }

    fn cr8_is_the_irql() {
        Board::new().boot();
        let ran = Rc::new(RefCell::new(0));
        let dpc = ran.clone();
        let (before, inside): (u64, u64);
        cpu::raise_irql(cpu::APC_LEVEL);
        // SAFETY: privileged moves, which the lab emulates.
        unsafe {
            asm!("mov {v}, cr8", v = out(reg) before);
            asm!("mov cr8, {v}", v = in(reg) 2u64);
        }
        cpu::queue_dpc(move || *dpc.borrow_mut() += 1);
        // SAFETY: as above.
        unsafe { asm!("mov {v}, cr8", v = out(reg) inside) };
        assert_eq!((before, inside, cpu::irql(), *ran.borrow()), (1, 2, DISPATCH_LEVEL, 0));
        // SAFETY: as above.
        unsafe { asm!("mov cr8, {v}", v = in(reg) 0u64) };
        assert_eq!((cpu::irql(), *ran.borrow()), (0, 1));
    }

    fn gs_shows_the_current_thread() {
        Board::new().boot();
        fn current() -> usize {
            let thread: usize;
            // SAFETY: a load from the fake KPCR.
            unsafe { asm!("mov {t}, gs:[0x188]", t = out(reg) thread) };
            thread
        }
        let main = current();
        let other = Arc::new(Mutex::new(0));
        let slot = other.clone();
        let go = Event::new(false, false);
        let wait = go.clone();
        let t = cpu::spawn("other", move || {
            let before = current();
            cpu::wait(&wait, None);
            assert_eq!(current(), before);
            *slot.lock().unwrap() = before;
        });
        cpu::sleep(Duration::from_millis(1));
        assert_eq!(current(), main);
        go.set();
        cpu::join(t);
        assert_ne!(*other.lock().unwrap(), main);
        assert!(main != 0 && touch(main) == 6);
    }

    fn the_shared_user_page_tells_the_time() {
        Board::new().boot();
        cpu::sleep(Duration::from_secs(600));
        let read = |offset: u64| -> u64 {
            let value: u64;
            // SAFETY: a load that the lab emulates.
            unsafe { asm!("mov {v}, qword ptr [{a}]", v = out(reg) value, a = in(reg) 0xFFFF_F780_0000_0000 + offset) };
            value
        };
        let interrupt_time = read(0x08);
        assert!((6_000_000_000..6_000_001_000).contains(&interrupt_time), "{interrupt_time}");
        // 2026 in 100 ns since 1601.
        assert_eq!((read(0x14) - 6_000_000_000) / (365 * 864_000_000_000), 425);
        assert_eq!(read(0x26C) as u32, 10);
    }

    /// Not a test of speed: prints what a trap costs on a board that costs nothing.
    fn a_trap_costs_microseconds() {
        let board = Board::new();
        board.boot();
        let window = Register::window();
        const COUNT: u32 = 20_000;
        let start = Instant::now();
        for _ in 0..COUNT {
            window.read();
        }
        let each = start.elapsed() / COUNT;
        println!("one register read: {each:?}");
        assert_eq!(board.take_log().len(), COUNT as usize);
        assert!(each < Duration::from_millis(1));
    }
}

static HOOKS: AtomicU32 = AtomicU32::new(0);

stop_tests! {
    fn an_instruction_that_is_not_emulated_names_itself() stops with
        ["an instruction that the lab does not emulate: movups", "rip=", "traps::an_instruction_that_is_not_emulated"]
    {
        Board::new().boot();
        let window = Register::window();
        // SAFETY: faults; the run ends.
        unsafe { asm!("movups xmm0, [{w}]", w = in(reg) window.0, out("xmm0") _) };
    }

    fn an_access_behind_the_window_names_it() stops with
        ["0x00000050 PAGE_FAULT_IN_NONPAGED_AREA", "offset 0x1000 of the mapped window of 0x1000 bytes at device address 0xf0000000"]
    {
        Board::new().boot();
        Register::window().at(0x1000).read();
    }

    fn an_access_after_unmap_names_the_window() stops with ["PAGE_FAULT_IN_NONPAGED_AREA", "of the unmapped window"] {
        Board::new().boot();
        let window = Register::window();
        mmio::unmap(window.0.cast(), 0x1000);
        window.read();
    }

    fn a_null_pointer_is_an_exception() stops with
        ["0x0000001E KMODE_EXCEPTION_NOT_HANDLED (0x00000000c0000005", "read of 0x8 by mov"]
    {
        Board::new().boot();
        touch(8);
    }

    fn a_wild_write_at_dispatch_is_bugcheck_d1() stops with
        ["0x000000D1 DRIVER_IRQL_NOT_LESS_OR_EQUAL (0x0000123456780000, 0x0000000000000002, 0x0000000000000001",
         "write of 0x123456780000", "IRQL 2", "traps::a_wild_write_at_dispatch"]
    {
        Board::new().boot();
        cpu::queue_dpc(|| store(0x1234_5678_0000));
        cpu::flush_dpcs();
    }

    fn a_non_canonical_address_is_an_exception() stops with ["KMODE_EXCEPTION_NOT_HANDLED", "non-canonical address"] {
        Board::new().boot();
        touch(0xDEAD_0000_0000_0000);
    }

    fn freed_pool_is_recognised() stops with ["PAGE_FAULT", "freed: offset 0x10 of the pool block of 64 bytes with tag test"] {
        Board::new().boot();
        pool::set_guard_pages(true);
        let block = pool::allocate(64, u32::from_le_bytes(*b"test"), true);
        pool::free(block, 0);
        touch(block as usize + 0x10);
    }

    fn an_overrun_of_guarded_pool_faults() stops with ["PAGE_FAULT", "offset 0x40 of the pool block of 64 bytes"] {
        Board::new().boot();
        pool::set_guard_pages(true);
        let block = pool::allocate(64, u32::from_le_bytes(*b"test"), true);
        store(block as usize + 63);
        store(block as usize + 64);
    }

    fn a_write_to_read_only_memory_is_bugcheck_be() stops with ["0x000000BE ATTEMPTED_WRITE_TO_READONLY_MEMORY"] {
        Board::new().boot();
        static CONSTANT: [u8; 4096] = [3; 4096];
        store(CONSTANT.as_ptr() as usize);
    }

    fn execution_of_data_is_bugcheck_fc() stops with ["0x000000FC ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY"] {
        Board::new().boot();
        let data = [0xC3u8; 16];
        // SAFETY: faults at the first instruction; the run ends.
        unsafe { asm!("call {f}", f = in(reg) data.as_ptr(), clobber_abi("C")) };
    }

    fn a_stack_overflow_is_a_double_fault() stops with ["0x0000007F UNEXPECTED_KERNEL_MODE_TRAP (0x0000000000000008"] {
        Board::new().boot();
        #[allow(unconditional_recursion, reason = "what the test is about")]
        fn deeper(n: u64) -> u64 {
            let page = std::hint::black_box([n; 512]);
            deeper(n.wrapping_add(page[7])).wrapping_add(page[9])
        }
        let t = cpu::spawn("deep", || { std::hint::black_box(deeper(1)); });
        cpu::join(t);
    }

    fn a_fast_fail_is_bugcheck_139() stops with ["0x00000139 KERNEL_SECURITY_CHECK_FAILURE (0x0000000000000006", "fast fail"] {
        Board::new().boot();
        // SAFETY: raises; the run ends.
        unsafe { asm!("int 0x29", in("ecx") 6) };
    }

    fn an_assertion_is_an_exception() stops with ["KMODE_EXCEPTION_NOT_HANDLED (0x00000000c0000420", "assertion failure"] {
        Board::new().boot();
        // SAFETY: raises; the run ends.
        unsafe { asm!("int 0x2c") };
    }

    fn a_breakpoint_is_an_exception() stops with ["KMODE_EXCEPTION_NOT_HANDLED (0x0000000080000003"] {
        Board::new().boot();
        // SAFETY: raises; the run ends.
        unsafe { asm!("int3") };
    }

    fn an_abort_is_an_exception() stops with ["KMODE_EXCEPTION_NOT_HANDLED (0x00000000c000001d", "ud2"] {
        Board::new().boot();
        // SAFETY: raises; the run ends.
        unsafe { asm!("ud2") };
    }

    fn a_division_by_zero_is_an_exception() stops with ["KMODE_EXCEPTION_NOT_HANDLED (0x00000000c0000094"] {
        Board::new().boot();
        // SAFETY: raises; the run ends.
        unsafe { asm!("div ecx", in("eax") 1, in("edx") 0, in("ecx") 0, lateout("eax") _, lateout("edx") _) };
    }

    fn a_privileged_instruction_is_an_exception() stops with
        ["KMODE_EXCEPTION_NOT_HANDLED (0x00000000c0000096", "privileged instruction: rdmsr"]
    {
        Board::new().boot();
        // SAFETY: raises; the run ends.
        unsafe { asm!("rdmsr", in("ecx") 0x1B, out("eax") _, out("edx") _) };
    }

    fn a_fault_inside_a_trap_handler_shows_the_whole_stack() stops with
        ["DRIVER_IRQL_NOT_LESS_OR_EQUAL", "isr_that_faults", "traps::on_signal", "reader_of_the_register"]
    {
        let board = Board::new();
        board.boot();
        #[inline(never)]
        fn isr_that_faults() -> bool {
            store(0x1234_5678_0000);
            std::hint::black_box(true)
        }
        #[inline(never)]
        fn reader_of_the_register(window: Register) -> u32 {
            std::hint::black_box(window.read())
        }
        let window = Register::window();
        cpu::connect_interrupt(0, 5, Box::new(isr_that_faults));
        board.fire(1);
        reader_of_the_register(window);
    }

    fn hooks_run_in_order_before_the_end() stops with
        ["0x0000019E BUGCODE_NETADAPTER_DRIVER (0x000000000000002b, 0x0000000000000001", "the reason", "hook 0", "hook 1"]
    {
        Board::new().boot();
        for i in 0..2 {
            bugcheck::at_stop(move || {
                assert_eq!(HOOKS.fetch_add(1, Ordering::Relaxed), i);
                eprintln!("hook {i}");
            });
        }
        bugcheck::bugcheck_because(0x19E, [43, 1, 2, 3], "the reason");
    }

    fn a_hook_that_bugchecks_does_not_loop() stops with ["STOP: first", "second stop while stopping: 0x000000E2"] {
        Board::new().boot();
        bugcheck::at_stop(|| bugcheck::bugcheck(0xE2, [0; 4]));
        bugcheck::stop("first");
    }

    fn a_rust_panic_of_the_driver_is_decoded() stops with
        ["0x52504E43 Rust panic of the driver", "the driver panicked at src/tx.rs:120:9"]
    {
        Board::new().boot();
        let file = "src/tx.rs";
        bugcheck::bugcheck(u32::from_be_bytes(*b"RPNC"), [file.as_ptr() as u64, file.len() as u64, 120, 9]);
    }

    fn a_stub_names_what_was_called() stops with ["the driver called WdfIoQueueCreate, which the lab does not implement"] {
        Board::new().boot();
        for i in 0..300 {
            image::not_implemented_stub(format!("filler {i}"));
        }
        let stub = image::not_implemented_stub("WdfIoQueueCreate".to_owned());
        image::not_implemented_stub("Another".to_owned());
        // SAFETY: a stub may be called with any arguments and does not return.
        unsafe {
            let stub: unsafe extern "win64" fn(u64) -> u64 = std::mem::transmute(stub);
            stub(1);
        }
    }
}
