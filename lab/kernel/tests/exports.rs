//! The exports as a driver calls them: by address, with the win64 convention.

mod common;

use common::{BAR, Board};
use lab_kernel::{cpu, etw, exports, pool, rules};
use std::ffi::c_void;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const PASSIVE: &str = "IRQL_PASSIVE";
const TAG: u32 = u32::from_le_bytes(*b"Test");
const NON_PAGED: u64 = 0x40;
const PAGED: u64 = 0x100;

fn violated() -> Vec<&'static str> {
    rules::violations().into_iter().map(|v| v.rule).collect()
}

fn address(name: &str) -> usize {
    exports::resolve("ntoskrnl.exe", name).unwrap_or_else(|| panic!("no export {name}"))
}

/// Calls an export with up to eight integer arguments.
macro_rules! nt {
    ($name:ident($($argument:expr),*) -> $result:ty) => {{
        // SAFETY: an export takes integers and pointers, which the test makes valid; missing arguments are not read.
        unsafe {
            let function: unsafe extern "win64" fn($(nt!(@ $argument)),*) -> $result = std::mem::transmute(address(stringify!($name)));
            function($($argument as u64),*)
        }
    }};
    ($name:ident($($argument:expr),*)) => { nt!($name($($argument),*) -> ()) };
    (@ $argument:expr) => { u64 };
}

#[repr(C)]
struct UnicodeString {
    length: u16,
    maximum: u16,
    buffer: *mut u16,
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

fn ptr<T>(value: &mut T) -> u64 {
    std::ptr::from_mut(value) as u64
}

#[test]
fn names_resolve_in_any_case_of_the_module_and_nowhere_else() {
    assert!(exports::table().len() > 150);
    for name in exports::table() {
        assert_eq!(exports::resolve("NTOSKRNL.EXE", name), exports::resolve("hal.dll", name));
    }
    assert_eq!(exports::resolve("ntoskrnl.exe", "NtCreateFile"), None);
    assert_eq!(exports::resolve("ndis.sys", "memcpy"), None);
}

/// Size by size and overlap by overlap, against the standard library.
#[test]
fn memory_intrinsics_match() {
    // SAFETY: signatures of the C library functions.
    let (copy, shift, fill, compare) = unsafe {
        type Copy = unsafe extern "win64" fn(*mut u8, *const u8, usize) -> *mut u8;
        (
            std::mem::transmute::<usize, Copy>(address("memcpy")),
            std::mem::transmute::<usize, Copy>(address("memmove")),
            std::mem::transmute::<usize, unsafe extern "win64" fn(*mut u8, i32, usize) -> *mut u8>(address("memset")),
            std::mem::transmute::<usize, unsafe extern "win64" fn(*const u8, *const u8, usize) -> i32>(address(
                "memcmp",
            )),
        )
    };
    let pattern: Vec<u8> = (0..=255).collect();
    for len in [0usize, 1, 7, 8, 31, 64, 100] {
        for (to, from) in [(0usize, 100usize), (100, 0), (10, 13), (13, 10), (50, 50), (51, 50), (50, 51)] {
            let (mut expected, mut got) = (pattern.clone(), pattern.clone());
            expected.copy_within(from..from + len, to);
            // SAFETY: both ranges lie in the buffer.
            let returned = unsafe { shift(got.as_mut_ptr().add(to), got.as_ptr().add(from), len) };
            assert_eq!(
                (returned as usize - got.as_ptr() as usize, &got),
                (to, &expected),
                "memmove {len} {from}->{to}"
            );
        }
        let mut target = vec![0u8; 128];
        // SAFETY: both buffers are longer than `len`.
        unsafe {
            assert_eq!(copy(target.as_mut_ptr(), pattern.as_ptr(), len), target.as_mut_ptr());
            assert_eq!((&target[..len], target[len]), (&pattern[..len], 0));
            assert_eq!(compare(target.as_ptr(), pattern.as_ptr(), len), 0);
            assert_eq!(fill(target.as_mut_ptr(), 0x1AB, len), target.as_mut_ptr());
        }
        assert!(target[..len].iter().all(|b| *b == 0xAB) && target[len] == 0);
    }
    // SAFETY: three bytes each.
    unsafe {
        assert!(compare([1, 2, 3].as_ptr(), [1, 2, 4].as_ptr(), 3) < 0);
        assert!(compare([1, 200, 3].as_ptr(), [1, 2, 4].as_ptr(), 3) > 0);
    }
}

static DPC_ARGUMENTS: AtomicUsize = AtomicUsize::new(0);
static DPC_RUNS: AtomicUsize = AtomicUsize::new(0);

unsafe extern "win64" fn deferred(_dpc: usize, context: usize, argument1: usize, argument2: usize) {
    assert_eq!(cpu::irql(), cpu::DISPATCH_LEVEL);
    DPC_ARGUMENTS.store(context + argument1 + argument2, Ordering::Relaxed);
    DPC_RUNS.fetch_add(1, Ordering::Relaxed);
}

unsafe extern "win64" fn system_thread(context: usize) {
    let delay: i64 = -50_000; // 5 ms
    nt!(KeDelayExecutionThread(0, 0, &raw const delay) -> i32);
    // SAFETY: the creator waits for this thread, so its variable is alive.
    unsafe { *(context as *mut u32) += 1 };
    nt!(PsTerminateSystemThread(0) -> i32);
    unreachable!("PsTerminateSystemThread returned");
}

/// EVENT_DESCRIPTOR.
#[repr(C)]
struct Descriptor {
    id: u16,
    version: u8,
    channel: u8,
    level: u8,
    opcode: u8,
    task: u16,
    keyword: u64,
}

/// EVENT_DATA_DESCRIPTOR.
#[repr(C)]
#[derive(Clone, Copy)]
struct Data {
    at: *const u8,
    size: u32,
    kind: u32,
}

impl Data {
    fn of(kind: u32, bytes: &[u8]) -> Data {
        Data { at: bytes.as_ptr(), size: bytes.len() as u32, kind }
    }
}

fn traits() -> Data {
    Data::of(2, b"\x07\0Test\0")
}

/// Control code, level and keywords that the enable callback was told.
static TOLD: Mutex<Vec<(u32, u8, u64)>> = Mutex::new(Vec::new());

unsafe extern "win64" fn enabled(
    _source: usize,
    control: u32,
    level: u8,
    any: u64,
    _all: u64,
    _filter: usize,
    context: usize,
) {
    assert_eq!(context, 0x77);
    TOLD.lock().unwrap().push((control, level, any));
}

machine_tests! {
    fn pool_zeroes_poisons_counts_and_fails_on_demand() {
        Board::new().boot();
        let zeroed = nt!(ExAllocatePool2(NON_PAGED, 100, TAG) -> *mut u8);
        let raw = nt!(ExAllocatePool2(NON_PAGED | 2, 5000, TAG) -> *mut u8);
        assert_eq!((zeroed as usize % 16, raw as usize % 4096), (0, 0));
        // SAFETY: blocks of 100 and 5000 bytes.
        unsafe {
            assert!((0..100).all(|i| zeroed.add(i).read() == 0));
            assert!((0..5000).all(|i| raw.add(i).read() == 0xCD));
        }
        let held = pool::in_use();
        assert_eq!((held[0].tag.as_str(), held[0].count, held[0].bytes), ("Test", 2, 5100));
        nt!(ExFreePoolWithTag(zeroed, TAG));
        nt!(ExFreePool(raw));
        assert_eq!(pool::in_use(), []);
        pool::fail_nth(2);
        let first = nt!(ExAllocatePool2(NON_PAGED, 1, TAG) -> *mut u8);
        assert!(nt!(ExAllocatePool2(NON_PAGED, 1, TAG) -> *mut u8).is_null());
        let third = nt!(ExAllocatePool2(NON_PAGED, 1, TAG) -> *mut u8);
        assert!(!first.is_null() && !third.is_null());
        nt!(ExFreePool(first));
        nt!(ExFreePool(third));
        pool::check_unloaded();
        assert_eq!(violated(), Vec::<&str>::new());
        assert_eq!(pool::requests(), 5);
    }

    fn pool_rules_are_checked() {
        Board::new().boot();
        let paged = nt!(ExAllocatePool2(PAGED, 8, TAG) -> *mut u8);
        let untagged = nt!(ExAllocatePool2(NON_PAGED, 8, 0) -> *mut u8);
        nt!(ExAllocatePool2(PAGED | NON_PAGED, 8, TAG) -> *mut u8);
        let empty = nt!(ExAllocatePoolWithTag(0x200, 0, TAG) -> *mut u8);
        cpu::raise_irql(cpu::DISPATCH_LEVEL);
        nt!(ExFreePool(paged));
        cpu::raise_irql(5);
        nt!(ExFreePool(empty));
        cpu::lower_irql(0);
        nt!(ExFreePoolWithTag(untagged, TAG));
        pool::check_unloaded();
        assert_eq!(violated(), ["POOL_TAG", "POOL_FLAGS", "POOL_SIZE", "IRQL_AT_MOST_APC", "IRQL_AT_MOST_DISPATCH",
                                "POOL_FREE_TAG", "POOL_NO_LEAK"]);
    }

    fn tracing_reaches_the_session() {
        Board::new().boot();
        let provider = etw::ProviderId::of_name("Test");
        etw::enable(provider, etw::Wanted { level: 3, any_keyword: 1, all_keywords: 0 });
        let mut handle = 0u64;
        nt!(EtwRegister(ptr(&mut provider.0.clone()), enabled as *const (), 0x77, ptr(&mut handle)) -> i32);
        assert_eq!(*TOLD.lock().unwrap(), [(1, 3, 1)], "a session of before is told at once");
        assert_eq!(nt!(EtwSetInformation(handle, 2, traits().at, 7) -> i32), 0);
        let event = Descriptor { id: 0, version: 0, channel: 11, level: 3, opcode: 0, task: 0, keyword: 1 };
        let verbose = Descriptor { level: 5, ..event };
        assert!(nt!(EtwEventEnabled(handle, &raw const event) -> bool));
        assert!(!nt!(EtwProviderEnabled(handle, 3, 2) -> bool));
        let number = 7u32.to_le_bytes();
        let data = [traits(), Data::of(1, b"\x09\0\0Up\0N\0\x08"), Data::of(0, &number)];
        assert_eq!(nt!(EtwWriteTransfer(handle, &raw const event, 0, 0, 3, data.as_ptr()) -> i32), 0);
        assert_eq!(nt!(EtwWriteTransfer(handle, &raw const verbose, 0, 0, 3, data.as_ptr()) -> i32), 0);
        let events = etw::take_events();
        let shown: Vec<_> = events.iter().map(|e| (e.level, e.decoded.as_ref().unwrap().to_string())).collect();
        assert_eq!(shown, [(3, "Test/Up N=7".to_owned())]);
        etw::disable(provider);
        assert_eq!(*TOLD.lock().unwrap(), [(1, 3, 1), (0, 0, 0)]);
        nt!(EtwWriteTransfer(handle, &raw const event, 0, 0, 3, data.as_ptr()) -> i32);
        assert_eq!(etw::take_events(), []);
        assert_eq!(nt!(EtwUnregister(handle) -> i32), 0);
        etw::check_unloaded();
        assert_eq!(violated(), Vec::<&str>::new());
    }

    fn tracing_rules_are_checked() {
        Board::new().boot();
        let mut handle = 0u64;
        nt!(EtwRegister(ptr(&mut [7u8; 16]), 0, 0, ptr(&mut handle)) -> i32);
        let event = Descriptor { id: 0, version: 0, channel: 11, level: 3, opcode: 0, task: 0, keyword: 1 };
        let write = |handle: u64, data: &[Data]| {
            nt!(EtwWriteTransfer(handle, &raw const event, 0, 0, data.len(), data.as_ptr()) -> i32)
        };
        let up = Data::of(1, b"\x09\0\0Up\0N\0\x08");
        let number = Data::of(0, &[0; 4]);
        assert_ne!(nt!(EtwSetInformation(handle, 2, Data::of(2, b"\x08\0Test\0").at, 7) -> i32), 0);
        write(handle + 1, &[traits(), up, number]);
        assert_ne!(write(handle, &[up, traits(), number]), 0);
        write(handle, &[traits(), up]);
        let paged = nt!(ExAllocatePool2(PAGED, 4, TAG) -> *mut u8);
        cpu::raise_irql(cpu::DISPATCH_LEVEL);
        write(handle, &[traits(), up, Data { at: paged, size: 4, kind: 0 }]);
        cpu::lower_irql(0);
        etw::check_unloaded();
        nt!(EtwUnregister(handle) -> i32);
        nt!(EtwUnregister(handle) -> i32);
        assert_eq!(violated(), ["ETW_TRACELOGGING", "ETW_HANDLE", "ETW_DATA", "ETW_TRACELOGGING", "ETW_NOT_PAGEABLE",
                                "ETW_UNREGISTERED", "ETW_HANDLE"]);
    }

    fn irql_rules_name_the_routine() {
        Board::new().boot();
        assert_eq!(nt!(KfRaiseIrql(2) -> u8), 0);
        assert_eq!(nt!(KeGetCurrentIrql() -> u8), 2);
        nt!(KeFlushQueuedDpcs());
        nt!(KeLowerIrql(0));
        let found = rules::violations();
        assert!(found.iter().any(|v| v.rule == PASSIVE && v.detail == "KeFlushQueuedDpcs at IRQL 2"), "{found:?}");
        assert_eq!(exports::calls().iter().find(|(name, _)| *name == "KeLowerIrql"), Some(&("KeLowerIrql", 1)));
    }

    fn spin_locks_raise_and_restore() {
        Board::new().boot();
        let mut lock = 7u64;
        let mut handle = [0u64; 3];
        nt!(KeInitializeSpinLock(ptr(&mut lock)));
        let old = nt!(KeAcquireSpinLockRaiseToDpc(ptr(&mut lock)) -> u8);
        assert_eq!((old, lock, cpu::irql()), (0, 1, 2));
        assert!(!nt!(KeTryToAcquireSpinLockAtDpcLevel(ptr(&mut lock)) -> bool));
        nt!(KeReleaseSpinLock(ptr(&mut lock), old));
        nt!(KeAcquireInStackQueuedSpinLock(ptr(&mut lock), ptr(&mut handle)));
        assert_eq!((lock, cpu::irql()), (1, 2));
        nt!(KeReleaseInStackQueuedSpinLock(ptr(&mut handle)));
        assert_eq!((lock, cpu::irql(), violated()), (0, 0, vec![]));
        nt!(KeAcquireSpinLockAtDpcLevel(ptr(&mut lock)));
        nt!(KeReleaseSpinLock(ptr(&mut lock), 0));
        assert_eq!(violated(), ["IRQL_AT_LEAST_DISPATCH", "SPIN_LOCK_RELEASE_IRQL"]);
    }

    fn push_locks_and_fast_mutexes_block_threads() {
        Board::new().boot_seeded(3, 2);
        let mut locks = [0u64; 8];
        let [lock, mutex] = [ptr(&mut locks[0]), ptr(&mut locks[1])];
        locks[1] = 1; // Count of a free fast mutex
        let mut total = Box::new(0u64);
        let counter = ptr(&mut *total);
        let threads: Vec<_> = (0..4).map(|i| cpu::spawn(&format!("{i}"), move || {
            for _ in 0..20 {
                nt!(KeEnterCriticalRegion());
                nt!(ExAcquirePushLockExclusiveEx(lock, 0));
                nt!(ExAcquireFastMutex(mutex));
                assert_eq!(cpu::irql(), cpu::APC_LEVEL);
                // SAFETY: the box outlives the threads, which are joined; the locks exclude the others.
                unsafe {
                    let value = (counter as *const u64).read_volatile();
                    cpu::preempt_point();
                    cpu::sleep(Duration::from_micros(3));
                    (counter as *mut u64).write_volatile(value + 1);
                }
                nt!(ExReleaseFastMutex(mutex));
                nt!(ExReleasePushLockExclusiveEx(lock, 0));
                nt!(ExAcquirePushLockSharedEx(lock, 0));
                nt!(ExReleasePushLockSharedEx(lock, 0));
                nt!(KeLeaveCriticalRegion());
            }
        })).collect();
        threads.into_iter().for_each(cpu::join);
        assert_eq!((*total, locks[0], violated()), (80, 0, vec![]));
        nt!(ExAcquirePushLockSharedEx(lock, 0));
        nt!(ExReleasePushLockExclusiveEx(lock, 0));
        nt!(KeLeaveCriticalRegion());
        assert_eq!(violated(), ["PUSH_LOCK_CRITICAL_REGION", "PUSH_LOCK_HELD", "CRITICAL_REGION_BALANCED"]);
    }

    fn events_and_waits() {
        Board::new().boot();
        let mut event = [0xEEu64; 3];
        let e = ptr(&mut event);
        let wait = |timeout: Option<i64>| {
            let address = timeout.as_ref().map_or(std::ptr::null(), |t| t as *const i64);
            nt!(KeWaitForSingleObject(e, 0, 0, 0, address) -> i32)
        };
        nt!(KeInitializeEvent(e, 1, 0));
        assert_eq!(wait(Some(0)), 0x102);
        assert_eq!(wait(Some(-20_000)), 0x102);
        assert_eq!(cpu::now(), Duration::from_millis(2));
        assert_eq!(nt!(KeSetEvent(e, 0, 0) -> i32), 0);
        assert_eq!(nt!(KeSetEvent(e, 0, 0) -> i32), 1);
        assert_eq!((wait(None), nt!(KeReadStateEvent(e) -> i32)), (0, 0));
        nt!(KeInitializeEvent(e, 0, 1));
        assert_eq!((wait(None), wait(None), nt!(KeResetEvent(e) -> i32), wait(Some(0))), (0, 0, 1, 0x102));
        let mut second = [0u64; 3];
        let s = ptr(&mut second);
        nt!(KeInitializeEvent(s, 1, 1));
        let objects = [e, s];
        let [any, all] = [1, 0].map(|kind| {
            let now = -1i64;
            nt!(KeWaitForMultipleObjects(2, objects.as_ptr(), kind, 0, 0, 0, &raw const now, 0) -> i32)
        });
        assert_eq!((any, all), (1, 0x102));
        assert_eq!(violated(), Vec::<&str>::new());
    }

    fn dpcs_and_timers() {
        Board::new().boot();
        let mut dpc = [0xEEu64; 8];
        let mut timer = [0xEEu64; 8];
        let (d, t) = (ptr(&mut dpc), ptr(&mut timer));
        nt!(KeInitializeDpc(d, deferred as *const () as u64, 100));
        nt!(KfRaiseIrql(2) -> u8);
        assert!(nt!(KeInsertQueueDpc(d, 20, 3) -> bool));
        assert!(!nt!(KeInsertQueueDpc(d, 1, 1) -> bool));
        nt!(KeLowerIrql(0));
        assert_eq!((DPC_ARGUMENTS.load(Ordering::Relaxed), DPC_RUNS.load(Ordering::Relaxed)), (123, 1));
        nt!(KfRaiseIrql(2) -> u8);
        nt!(KeInsertQueueDpc(d, 0, 0) -> bool);
        assert!(nt!(KeRemoveQueueDpc(d) -> bool));
        assert!(!nt!(KeRemoveQueueDpc(d) -> bool));
        nt!(KeLowerIrql(0));
        assert_eq!(DPC_RUNS.load(Ordering::Relaxed), 1);

        nt!(KeInitializeTimerEx(t, 1));
        assert!(!nt!(KeSetTimerEx(t, -10_000i64, 1, d) -> bool));
        assert_eq!(nt!(KeWaitForSingleObject(t, 0, 0, 0, 0) -> i32), 0);
        assert_eq!(cpu::now(), Duration::from_millis(1));
        cpu::sleep(Duration::from_millis(4));
        assert_eq!(DPC_RUNS.load(Ordering::Relaxed), 6);
        assert!(nt!(KeCancelTimer(t) -> bool));
        assert!(!nt!(KeCancelTimer(t) -> bool));
        cpu::sleep(Duration::from_millis(4));
        assert_eq!((DPC_RUNS.load(Ordering::Relaxed), violated()), (6, vec![]));
    }

    fn system_threads_are_objects_to_wait_for() {
        Board::new().boot();
        let (mut handle, mut object) = (0u64, 0u64);
        let mut ran = Box::new(0u32);
        let context = ptr(&mut *ran);
        let status = nt!(PsCreateSystemThread(ptr(&mut handle), 0, 0, 0, 0, system_thread as *const () as u64, context) -> i32);
        assert_eq!(status, 0);
        assert_eq!(nt!(ObReferenceObjectByHandle(handle, 0, 0, 0, ptr(&mut object), 0) -> i32), 0);
        assert_eq!(nt!(ZwClose(handle) -> i32), 0);
        assert_eq!(nt!(KeWaitForSingleObject(object, 0, 0, 0, 0) -> i32), 0);
        nt!(ObfDereferenceObject(object) -> u64);
        assert_eq!((*ran, cpu::now(), violated()), (1, Duration::from_millis(5), vec![]));
        assert_eq!(nt!(ZwClose(handle) -> u32), 0xC000_0008);
        assert_eq!(violated(), ["HANDLE_CLOSED_ONCE"]);
    }

    fn unicode_strings() {
        Board::new().boot();
        let mut hello = wide("Hello");
        let mut source = UnicodeString { length: 0, maximum: 0, buffer: std::ptr::null_mut() };
        nt!(RtlInitUnicodeString(ptr(&mut source), hello.as_mut_ptr()));
        assert_eq!((source.length, source.maximum, source.buffer), (10, 12, hello.as_mut_ptr()));
        let mut room = [0xFFFFu16; 4];
        let mut short = UnicodeString { length: 0, maximum: 8, buffer: room.as_mut_ptr() };
        nt!(RtlCopyUnicodeString(ptr(&mut short), ptr(&mut source)));
        assert_eq!((short.length, room.map(|u| u as u8)), (8, *b"Hell"));
        let mut large = [0xFFFFu16; 16];
        let mut copy = UnicodeString { length: 0, maximum: 32, buffer: large.as_mut_ptr() };
        nt!(RtlCopyUnicodeString(ptr(&mut copy), ptr(&mut source)));
        assert_eq!((copy.length, large[4], large[5]), (10, b'o'.into(), 0));
        let mut upper = wide("HELLO");
        let mut other = UnicodeString { length: 10, maximum: 12, buffer: upper.as_mut_ptr() };
        let equal = |ignore: u8, a: &mut UnicodeString, b: &mut UnicodeString| nt!(RtlEqualUnicodeString(ptr(a), ptr(b), ignore) -> bool);
        assert!(equal(1, &mut source, &mut other) && !equal(0, &mut source, &mut other));
        assert_eq!(nt!(RtlAppendUnicodeStringToString(ptr(&mut copy), ptr(&mut other)) -> i32), 0);
        assert_eq!(String::from_utf16_lossy(&large[..10]), "HelloHELLO");
        assert_eq!(nt!(RtlAppendUnicodeStringToString(ptr(&mut short), ptr(&mut other)) -> u32), 0xC000_0023);
        for (text, base, value) in [("1514", 0, 1514), ("0x1F", 0, 31), ("-2", 10, u32::MAX - 1), (" 7z", 10, 7), ("1F", 16, 31)] {
            let mut units = wide(text);
            let mut string = UnicodeString { length: 2 * text.len() as u16, maximum: 64, buffer: units.as_mut_ptr() };
            let mut number = 0u32;
            assert_eq!(nt!(RtlUnicodeStringToInteger(ptr(&mut string), base, ptr(&mut number)) -> i32), 0);
            assert_eq!(number, value, "{text}");
        }
        source.length = 11;
        nt!(RtlCopyUnicodeString(ptr(&mut copy), ptr(&mut source)));
        assert_eq!(violated(), ["UNICODE_STRING_VALID"]);
    }

    fn device_memory_and_contiguous_memory() {
        let board = Board::new();
        board.boot();
        let window = nt!(MmMapIoSpaceEx(BAR, 0x100, 0x204) -> *mut u32);
        board.set_register(8, 77);
        // SAFETY: a register of the window.
        assert_eq!(unsafe { window.add(2).read_volatile() }, 77);
        nt!(MmUnmapIoSpace(window, 0x100));
        let block = nt!(MmAllocateContiguousMemory(6000, u64::MAX) -> *mut c_void);
        assert_eq!(nt!(MmGetPhysicalAddress(block as usize + 0x1234) -> u64), 0x10_1234);
        // SAFETY: 6000 bytes.
        assert_eq!(unsafe { block.cast::<u8>().add(5999).read() }, 0);
        nt!(MmFreeContiguousMemory(block));
        assert_eq!(violated(), Vec::<&str>::new());
        nt!(MmFreeContiguousMemory(block));
        assert_eq!(violated(), ["CONTIGUOUS_FREE_MATCHES"]);
    }

    fn clocks_move_on_when_they_are_read() {
        Board::new().boot();
        let before = nt!(KeQueryInterruptTime() -> u64);
        while nt!(KeQueryInterruptTime() -> u64) < before + 1000 {}
        assert_eq!(cpu::now(), Duration::from_micros(101));
        let mut frequency = 0u64;
        let counter = nt!(KeQueryPerformanceCounter(ptr(&mut frequency)) -> u64);
        assert_eq!((counter, frequency), (1020, 10_000_000));
        nt!(KeStallExecutionProcessor(50));
        assert_eq!((cpu::now(), violated()), (Duration::from_micros(152), vec![]));
        nt!(KeStallExecutionProcessor(1000));
        assert_eq!(violated(), ["STALL_SHORT"]);
    }

    fn interlocked_lists() {
        Board::new().boot();
        let mut head = [0u64; 2];
        let mut entries = [[0u64; 2]; 3];
        let h = ptr(&mut head);
        head = [h, h];
        let [a, b, c] = entries.each_mut().map(ptr);
        assert_eq!(nt!(ExInterlockedInsertTailList(h, a, 0) -> u64), 0);
        assert_eq!(nt!(ExInterlockedInsertTailList(h, b, 0) -> u64), a);
        assert_eq!(nt!(ExInterlockedInsertHeadList(h, c, 0) -> u64), a);
        let removed = [(); 4].map(|()| nt!(ExInterlockedRemoveHeadList(h, 0) -> u64));
        assert_eq!((removed, head), ([c, a, b, 0], [h, h]));

        let mut slist = [9u64; 2];
        let s = ptr(&mut slist);
        nt!(InitializeSListHead(s));
        assert_eq!(nt!(ExpInterlockedPushEntrySList(s, a) -> u64), 0);
        assert_eq!(nt!(ExpInterlockedPushEntrySList(s, b) -> u64), a);
        assert_eq!(nt!(ExQueryDepthSList(s) -> u16), 2);
        let popped = [(); 3].map(|()| nt!(ExpInterlockedPopEntrySList(s) -> u64));
        assert_eq!((popped, nt!(ExQueryDepthSList(s) -> u16)), ([b, a, 0], 0));
    }
}

stop_tests! {
    fn a_double_free_is_bugcheck_c2() stops with ["0x000000C2 BAD_POOL_CALLER", "freed: offset 0x0 of the pool block of 8 bytes with tag Test"] {
        Board::new().boot();
        let block = nt!(ExAllocatePool2(NON_PAGED, 8, TAG) -> *mut u8);
        nt!(ExFreePool(block));
        nt!(ExFreePool(block));
    }

    fn a_free_inside_a_block_is_bugcheck_c2() stops with ["BAD_POOL_CALLER", "offset 0x4 of the pool block of 8 bytes"] {
        Board::new().boot();
        let block = nt!(ExAllocatePool2(NON_PAGED, 8, TAG) -> *mut u8);
        nt!(ExFreePool(block as u64 + 4));
    }

    fn an_overrun_is_found_at_free() stops with ["0x00000019 BAD_POOL_HEADER", "write behind the end of the pool block of 8 bytes"] {
        Board::new().boot();
        let block = nt!(ExAllocatePool2(NON_PAGED, 8, TAG) -> *mut u8);
        // SAFETY: one byte too far, inside the pattern behind the block.
        unsafe { block.add(8).write(1) };
        nt!(ExFreePool(block));
    }

    fn a_write_after_free_is_found() stops with ["0x000000C1 SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION", "freed memory was written"] {
        Board::new().boot();
        let block = nt!(ExAllocatePool2(NON_PAGED, 8, TAG) -> *mut u8);
        nt!(ExFreePool(block));
        // SAFETY: freed memory stays mapped in quarantine.
        unsafe { block.add(3).write(1) };
        pool::check_unloaded();
    }

    fn a_spin_lock_taken_twice_is_bugcheck_0f() stops with ["0x0000000F SPIN_LOCK_ALREADY_OWNED"] {
        Board::new().boot();
        let mut lock = 0u64;
        nt!(KeAcquireSpinLockRaiseToDpc(ptr(&mut lock)) -> u8);
        nt!(KeAcquireSpinLockAtDpcLevel(ptr(&mut lock)));
    }

    fn a_free_spin_lock_released_is_bugcheck_10() stops with ["0x00000010 SPIN_LOCK_NOT_OWNED"] {
        Board::new().boot();
        let mut lock = 0u64;
        nt!(KeReleaseSpinLock(ptr(&mut lock), 0));
    }

    fn a_wait_for_no_object_stops() stops with ["OBJECT_INITIALIZED", "is no initialised kernel object"] {
        Board::new().boot();
        let mut event = [0u64; 3];
        nt!(KeSetEvent(ptr(&mut event), 0, 0) -> i32);
    }

    fn a_null_argument_stops() stops with ["PAGE_FAULT", "null pointer passed to a kernel routine", "KeInitializeSpinLock"] {
        Board::new().boot();
        nt!(KeInitializeSpinLock(0));
    }

    fn a_bugcheck_of_the_driver_ends_the_run() stops with
        ["driver: hello 42 igb", "0x000000E2 MANUALLY_INITIATED_CRASH (0x0000000000000001, 0x0000000000000002"]
    {
        Board::new().boot();
        nt!(DbgPrint(c"hello %d %s\n".as_ptr(), 42, c"igb".as_ptr()) -> i32);
        nt!(KeBugCheckEx(0xE2, 1, 2, 3, 4));
    }
}
