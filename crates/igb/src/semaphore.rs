//! The semaphores (8.7) that keep the driver, its sibling port and the manageability firmware off each other's PHY.

use crate::io::{Bus, Patience};
use crate::regs::{STATUS, SW_FW_SYNC, SWSM, Swsm};
use crate::{Delay, Error, Registers};

/// For the two bits that guard SW_FW_SYNC; held for microseconds by whoever is alive.
const GUARD: Patience = Patience { step_us: 50, tries: 100 };

/// For the PHY itself; firmware holds it for milliseconds. With the guard at its slowest each time, 1.6 s.
const RESOURCE_TRIES: u32 = 100;
const RESOURCE_STEP_US: u32 = 1000;

/// Software's bit for the PHY of port 0..=3; firmware's stands 16 bits higher.
const PHY_BITS: [u32; 4] = [1 << 1, 1 << 2, 1 << 5, 1 << 6];

/// Runs `work` while this port's PHY is ours.
pub(crate) fn with_phy<R: Registers, D: Delay, T>(
    bus: &Bus<R>,
    delay: &D,
    work: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    let bit = PHY_BITS[usize::from(bus.read(STATUS)?.port())];
    acquire(bus, delay, bit)?;
    let result = work();
    release(bus, delay, bit)?;
    result
}

fn acquire<R: Registers>(bus: &Bus<R>, delay: &impl Delay, bit: u32) -> Result<(), Error> {
    for _ in 0..RESOURCE_TRIES {
        guard(bus, delay)?;
        let owners = bus.read(SW_FW_SYNC)?;
        let free = owners & (bit | bit << 16) == 0;
        if free {
            bus.write(SW_FW_SYNC, owners | bit);
        }
        unguard(bus)?;
        if free {
            return Ok(());
        }
        delay.delay_us(RESOURCE_STEP_US);
    }
    Err(Error::SemaphoreTimeout)
}

fn release<R: Registers>(bus: &Bus<R>, delay: &impl Delay, bit: u32) -> Result<(), Error> {
    guard(bus, delay)?;
    bus.modify(SW_FW_SYNC, |owners| owners & !bit)?;
    unguard(bus)
}

/// Takes SMBI (against other drivers), then SWESMBI (against firmware).
fn guard<R: Registers>(bus: &Bus<R>, delay: &impl Delay) -> Result<(), Error> {
    let free = |swsm: Swsm| !swsm.contains(Swsm::SMBI);
    if !bus.poll(delay, SWSM, GUARD, free)? {
        // A driver that died with SMBI taken leaves it so: nobody alive holds it this long. Clear it, once.
        unguard(bus)?;
        if !bus.poll(delay, SWSM, GUARD, free)? {
            return Err(Error::SemaphoreTimeout);
        }
    }
    for _ in 0..GUARD.tries {
        bus.modify(SWSM, |swsm| swsm | Swsm::SWESMBI)?;
        if bus.read(SWSM)?.contains(Swsm::SWESMBI) {
            return Ok(());
        }
        delay.delay_us(GUARD.step_us);
    }
    unguard(bus)?;
    Err(Error::SemaphoreTimeout)
}

fn unguard<R: Registers>(bus: &Bus<R>) -> Result<(), Error> {
    bus.modify(SWSM, |swsm| swsm - (Swsm::SMBI | Swsm::SWESMBI))
}
