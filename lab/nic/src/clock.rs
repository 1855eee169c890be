use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// What drives time in the adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Virtual where it is worth something: the lab holds the wire, and a QEMU with virtual time was built and none
    /// other is named.
    Auto,
    /// Time passes as in the real world.
    Real,
    /// Time passes only by [`crate::Nic::step`] and [`crate::Nic::idle`]: two equal runs are equal to the bit.
    Virtual,
}

/// Time since the adapter's start.
pub(crate) enum Timer {
    Real(Instant),
    /// Nanoseconds, as QEMU last told.
    Virtual(AtomicU64),
}

impl Timer {
    pub fn new(virtual_time: bool) -> Timer {
        if virtual_time { Timer::Virtual(AtomicU64::new(0)) } else { Timer::Real(Instant::now()) }
    }

    pub fn now(&self) -> Duration {
        match self {
            Timer::Real(start) => start.elapsed(),
            Timer::Virtual(now) => Duration::from_nanos(now.load(Ordering::Relaxed)),
        }
    }

    pub fn is_virtual(&self) -> bool {
        matches!(self, Timer::Virtual(_))
    }

    /// Notes what QEMU's clock shows.
    pub fn set(&self, nanoseconds: u64) {
        if let Timer::Virtual(now) = self {
            now.store(nanoseconds, Ordering::Relaxed);
        }
    }
}
