//! The processor control region that Windows code finds at GS.

use std::sync::OnceLock;

/// Bytes of the fake KPCR, KPRCB included.
const KPCR_BYTES: usize = 0x8000;
/// Bytes of a fake KTHREAD.
const KTHREAD_BYTES: usize = 0x800;
// Offsets in the x64 KPCR (documented by the public symbols of ntoskrnl): Self, CurrentPrcb, KPRCB, KPRCB.CurrentThread.
const SELF: usize = 0x18;
const CURRENT_PRCB: usize = 0x20;
const PRCB: usize = 0x180;
const CURRENT_THREAD: usize = 0x188;
/// DISPATCHER_HEADER.Type of a thread.
const THREAD_OBJECT: u8 = 6;

static KPCR: OnceLock<usize> = OnceLock::new();

/// Makes the region. One processor has one.
pub(super) fn boot() {
    KPCR.get_or_init(|| {
        let base = leak_zeroed(KPCR_BYTES);
        put(base + SELF, base as u64);
        put(base + CURRENT_PRCB, (base + PRCB) as u64);
        base
    });
}

/// Address of the region; 0 before boot.
pub(crate) fn kpcr() -> usize {
    KPCR.get().copied().unwrap_or(0)
}

/// Points GS of the calling OS thread at the region. Linux leaves GS of x86_64 processes to the program.
pub(crate) fn pin_gs() {
    const ARCH_SET_GS: libc::c_int = 0x1001;
    // SAFETY: arch_prctl(ARCH_SET_GS) only changes the GS base, which no Linux code of this process uses.
    let result = unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_SET_GS, kpcr()) };
    assert_eq!(result, 0, "arch_prctl(ARCH_SET_GS)");
}

/// What gs:[188h] shows from now on.
pub(super) fn set_current_thread(kthread: usize) {
    put(kpcr() + CURRENT_THREAD, kthread as u64);
}

/// A new fake KTHREAD, never freed: drivers may keep the pointer beyond the thread's end.
pub(super) fn new_kthread() -> usize {
    let kthread = leak_zeroed(KTHREAD_BYTES);
    put(kthread, u64::from(THREAD_OBJECT));
    kthread
}

fn leak_zeroed(bytes: usize) -> usize {
    Box::leak(vec![0u64; bytes / 8].into_boxed_slice()).as_mut_ptr() as usize
}

fn put(address: usize, value: u64) {
    // SAFETY: callers pass 8-aligned addresses inside the leaked blocks above, which only the baton holder writes and
    // which Rust code never borrows.
    unsafe { (address as *mut u64).write_volatile(value) };
}
