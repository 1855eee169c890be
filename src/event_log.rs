//! The event log: a ring of the newest events in memory, written from any context without a lock.
//!
//! A crash dump shows it too: it lies in the device object's context, to which `!wdfkd.wdfdevice` leads, behind the bytes
//! "IGBCXLOG".
//!
//! Each slot is a sequence lock of its own. A writer takes the next number, claims the number's slot, writes and releases it.
//! Should two writers be a whole ring apart, the one that comes second to the slot gives its event up and counts it, so
//! nobody ever waits.

use alloc::vec::Vec;
#[cfg(not(loom))]
use core::sync::atomic::{AtomicU64, Ordering, fence};
use igbcx_ioctl::{Event, EventKind};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering, fence};

/// Events kept.
#[cfg(not(loom))]
pub const EVENTS: usize = 256;
#[cfg(loom)]
pub const EVENTS: usize = 1;

/// One event, as docs/debug.md finds it in a dump. `stamp` is twice its number, plus one while it is being written.
#[repr(C)]
struct Slot {
    stamp: AtomicU64,
    time: AtomicU64,
    kind_and_argument: AtomicU64,
    arguments: AtomicU64,
}

/// The log, as docs/debug.md finds it in a dump.
#[repr(C)]
pub struct EventLog {
    _magic: [u8; 8],
    newest: AtomicU64,
    lost: AtomicU64,
    /// `EVENTS` of them.
    slots: Vec<Slot>,
}

#[cfg(not(loom))]
static_assertions::const_assert!(core::mem::offset_of!(EventLog, slots) == 24 && size_of::<Slot>() == 32);

impl EventLog {
    /// An empty log; none without memory for it.
    pub fn new() -> Option<Self> {
        let slot = || Slot {
            stamp: AtomicU64::new(0),
            time: AtomicU64::new(0),
            kind_and_argument: AtomicU64::new(0),
            arguments: AtomicU64::new(0),
        };
        let mut slots = Vec::new();
        slots.try_reserve_exact(EVENTS).ok()?;
        slots.resize_with(EVENTS, slot);
        Some(Self { _magic: *b"IGBCXLOG", newest: AtomicU64::new(0), lost: AtomicU64::new(0), slots })
    }

    /// Adds an event. At any IRQL.
    pub fn add(&self, kind: EventKind, time: u64, arguments: [u32; 3]) {
        let sequence = self.newest.fetch_add(1, Ordering::Relaxed) + 1;
        let slot = self.slot(sequence);
        let old = slot.stamp.load(Ordering::Relaxed);
        let free = old & 1 == 0 && old < sequence << 1;
        let claim = || slot.stamp.compare_exchange(old, sequence << 1 | 1, Ordering::Acquire, Ordering::Relaxed);
        if !free || claim().is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        // Readers that see any of the words below also see the claim.
        fence(Ordering::Release);
        slot.time.store(time, Ordering::Relaxed);
        slot.kind_and_argument.store(u64::from(arguments[0]) << 32 | kind as u64, Ordering::Relaxed);
        slot.arguments.store(u64::from(arguments[2]) << 32 | u64::from(arguments[1]), Ordering::Relaxed);
        slot.stamp.store(sequence << 1, Ordering::Release);
    }

    /// The number of the newest event, 0 before the first.
    pub fn newest(&self) -> u64 {
        self.newest.load(Ordering::Acquire)
    }

    /// The events with numbers above `after` that are still there and whole, oldest first.
    pub fn after(&self, after: u64) -> impl Iterator<Item = Event> + '_ {
        let newest = self.newest();
        let oldest = newest.saturating_sub(EVENTS as u64);
        (after.max(oldest)..newest).filter_map(|before| self.read(before + 1))
    }

    fn slot(&self, sequence: u64) -> &Slot {
        &self.slots[(sequence % EVENTS as u64) as usize]
    }

    fn read(&self, sequence: u64) -> Option<Event> {
        let slot = self.slot(sequence);
        if slot.stamp.load(Ordering::Acquire) != sequence << 1 {
            return None;
        }
        let time = slot.time.load(Ordering::Relaxed);
        let kind_and_argument = slot.kind_and_argument.load(Ordering::Relaxed);
        let arguments = slot.arguments.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        if slot.stamp.load(Ordering::Relaxed) != sequence << 1 {
            return None;
        }
        Some(Event {
            sequence,
            time,
            kind: kind_and_argument as u32,
            arguments: [(kind_and_argument >> 32) as u32, arguments as u32, (arguments >> 32) as u32],
            reserved: 0,
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_newest_events_are_kept_in_order() {
        let log = EventLog::new().unwrap();
        for n in 1..=EVENTS as u32 + 10 {
            log.add(EventKind::LinkUp, u64::from(n) * 7, [n, n + 1, n + 2]);
        }
        let events: std::vec::Vec<Event> = log.after(0).collect();
        assert_eq!(events.len(), EVENTS);
        for (event, n) in events.iter().zip(11_u32..) {
            assert_eq!((event.sequence, event.time), (n.into(), u64::from(n) * 7));
            assert_eq!((event.kind, event.arguments), (EventKind::LinkUp as u32, [n, n + 1, n + 2]));
        }
        assert_eq!(log.after(log.newest() - 3).count(), 3);
        assert_eq!(log.after(u64::MAX).count(), 0);
    }
}

#[cfg(all(test, loom))]
mod model {
    use super::*;
    use loom::{sync::Arc, thread};

    /// Two writers on the same slot, a reader between them: what is read is one writer's event, whole.
    #[test]
    fn a_read_event_is_whole() {
        let mut builder = loom::model::Builder::new();
        // All interleavings take a minute; three preemptions reach every pair of accesses that can meet.
        builder.preemption_bound = Some(3);
        builder.check(|| {
            let log = Arc::new(EventLog::new().unwrap());
            let writers: std::vec::Vec<_> = (1..=2_u32)
                .map(|n| {
                    let log = log.clone();
                    thread::spawn(move || log.add(EventKind::Error, n.into(), [n; 3]))
                })
                .collect();
            let whole = |log: &EventLog| {
                for event in log.after(0) {
                    assert_eq!(event.arguments, [event.time as u32; 3], "half of one event and half of another");
                }
            };
            whole(&log);
            for writer in writers {
                writer.join().unwrap();
            }
            whole(&log);
            if log.lost.load(Ordering::Relaxed) == 0 {
                assert_eq!(log.after(0).count(), EVENTS, "what was not given up is there");
            }
        });
    }
}
