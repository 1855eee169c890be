//! The page at 0xFFFFF780_00000000 (KUSER_SHARED_DATA) that Windows shares with all code.

use crate::cpu;
use crate::mmio::emulate::Bus;
use std::time::{Duration, SystemTime};

const BASE: u64 = 0xFFFF_F780_0000_0000;
const BYTES: usize = 0x1000;
/// 100 ns units between 1601 and 1970.
const UNIX_EPOCH: u64 = 116_444_736_000_000_000;
/// 100 ns units of one clock tick (15.625 ms).
pub(crate) const TICK: u64 = 156_250;

/// True if `address` lies in the page.
pub(crate) fn contains(address: u64) -> bool {
    address.wrapping_sub(BASE) < BYTES as u64
}

/// 100 ns units since boot.
pub(crate) fn interrupt_time(now: Duration) -> u64 {
    (now.as_nanos() / 100) as u64
}

/// 100 ns units since 1601. With a virtual clock the machine boots at a fixed date, so that runs repeat.
pub(crate) fn system_time(now: Duration) -> u64 {
    const FIXED_BOOT: u64 = 1_767_225_600 * 10_000_000; // 2026-01-01 00:00 UTC
    if cpu::platform().clock_is_virtual() {
        return UNIX_EPOCH + FIXED_BOOT + interrupt_time(now);
    }
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + (since_1970.as_nanos() / 100) as u64
}

/// Clock ticks since boot.
pub(crate) fn tick_count(now: Duration) -> u64 {
    interrupt_time(now) / TICK
}

/// The page at one moment. Field offsets: ntddk.h, KUSER_SHARED_DATA.
pub(crate) struct SharedUser {
    page: [u8; BYTES],
}

impl SharedUser {
    /// A reading of the page by the driver.
    pub(crate) fn now() -> SharedUser {
        let now = cpu::read_clock();
        let mut page = SharedUser { page: [0; BYTES] };
        page.put(0x004, 0x0FA0_0000u32); // TickCountMultiplier of a 15.625 ms tick
        page.put_time(0x008, interrupt_time(now));
        page.put_time(0x014, system_time(now));
        page.put(0x260, 22_000u32); // NtBuildNumber: Windows 11 21H2
        page.put(0x264, 1u32); // NtProductType: workstation
        page.put(0x268, 1u32); // ProductTypeIsValid
        page.put(0x26C, 10u32); // NtMajorVersion
        page.put_time(0x320, tick_count(now));
        page.put(0x3C0, 1u32); // ActiveProcessorCount
        page
    }

    fn put(&mut self, offset: usize, value: u32) {
        self.page[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
    }

    /// KSYSTEM_TIME: LowPart, High1Time, High2Time.
    fn put_time(&mut self, offset: usize, value: u64) {
        self.put(offset, value as u32);
        self.put(offset + 4, (value >> 32) as u32);
        self.put(offset + 8, (value >> 32) as u32);
    }
}

impl Bus for SharedUser {
    fn read(&mut self, address: u64, width: u8) -> u64 {
        let offset = address.wrapping_sub(BASE) as usize;
        let mut bytes = [0; 8];
        for (i, byte) in bytes.iter_mut().take(width.into()).enumerate() {
            *byte = self.page.get(offset + i).copied().unwrap_or(0);
        }
        u64::from_le_bytes(bytes)
    }

    fn write(&mut self, address: u64, _width: u8, _value: u64) {
        crate::bugcheck::bugcheck_because(0xBE, [address, 0, 0, 0], "write to KUSER_SHARED_DATA");
    }
}
