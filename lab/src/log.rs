//! The event log: what passed between driver and adapter, in order. Two runs that are the same have the same hash.

use sha2::{Digest, Sha256};
use std::fmt;
use std::time::Duration;

/// Events that are kept for reading; the hash covers all.
const KEPT: usize = 1 << 20;

/// Something that crossed the border between machine and board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A register was read.
    Read {
        /// Physical address.
        address: u64,
        /// Bytes.
        width: u8,
        /// What came back.
        value: u64,
    },
    /// A register was written.
    Write {
        /// Physical address.
        address: u64,
        /// Bytes.
        width: u8,
        /// What was written.
        value: u64,
    },
    /// Interrupts were taken: bit v is vector v, bit 63 the line.
    Interrupts(u64),
    /// Virtual time was moved on.
    Step(Duration),
    /// Memory was made reachable for the adapter.
    Map {
        /// Bus address.
        address: u64,
        /// Bytes.
        len: u64,
    },
    /// Memory was taken from the adapter.
    Unmap {
        /// Bus address.
        address: u64,
        /// Bytes.
        len: u64,
    },
    /// Memory was taken from the adapter, its address was not given back.
    Revoke {
        /// Bus address.
        address: u64,
        /// Bytes.
        len: u64,
    },
    /// A frame was put on the wire towards the adapter.
    FrameIn {
        /// Bytes.
        len: usize,
        /// FNV-1a of the bytes.
        fnv: u64,
    },
    /// A frame of the adapter was taken from the wire.
    FrameOut {
        /// Bytes.
        len: usize,
        /// FNV-1a of the bytes.
        fnv: u64,
    },
}

impl Event {
    /// The event as a tag and two numbers, for the hash.
    fn words(&self) -> [u64; 4] {
        match *self {
            Event::Read { address, width, value } => [1, address, width.into(), value],
            Event::Write { address, width, value } => [2, address, width.into(), value],
            Event::Interrupts(vectors) => [3, vectors, 0, 0],
            Event::Step(time) => [4, time.as_secs(), time.subsec_nanos().into(), 0],
            Event::Map { address, len } => [5, address, len, 0],
            Event::Unmap { address, len } => [6, address, len, 0],
            Event::Revoke { address, len } => [9, address, len, 0],
            Event::FrameIn { len, fnv } => [7, len as u64, fnv, 0],
            Event::FrameOut { len, fnv } => [8, len as u64, fnv, 0],
        }
    }

    /// A frame towards the adapter.
    pub fn frame_in(frame: &[u8]) -> Event {
        Event::FrameIn { len: frame.len(), fnv: fnv(frame) }
    }

    /// A frame of the adapter.
    pub fn frame_out(frame: &[u8]) -> Event {
        Event::FrameOut { len: frame.len(), fnv: fnv(frame) }
    }
}

/// An event and when it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Looks at the interrupt messages before it: the machine looks once at every entry the driver calls.
    pub tick: u64,
    /// What happened.
    pub event: Event,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8}  ", self.tick)?;
        match self.event {
            Event::Read { address, width, value } => write!(f, "read  {width} {address:#x} -> {value:#x}"),
            Event::Write { address, width, value } => write!(f, "write {width} {address:#x} <- {value:#x}"),
            Event::Interrupts(vectors) => write!(f, "interrupts {vectors:#x}"),
            Event::Step(time) => write!(f, "time +{time:?}"),
            Event::Map { address, len } => write!(f, "map   {address:#x} + {len:#x}"),
            Event::Unmap { address, len } => write!(f, "unmap {address:#x} + {len:#x}"),
            Event::Revoke { address, len } => write!(f, "revoke {address:#x} + {len:#x}"),
            Event::FrameIn { len, fnv } => write!(f, "frame in  {len} bytes {fnv:016x}"),
            Event::FrameOut { len, fnv } => write!(f, "frame out {len} bytes {fnv:016x}"),
        }
    }
}

/// The log itself.
#[derive(Default)]
pub struct EventLog {
    tick: u64,
    hash: Sha256,
    count: u64,
    kept: Vec<Entry>,
}

impl EventLog {
    /// The machine looked at the interrupt messages.
    pub fn tick(&mut self) {
        self.tick += 1;
    }

    /// Appends an event.
    pub fn push(&mut self, event: Event) {
        self.hash.update(self.tick.to_le_bytes());
        event.words().iter().for_each(|word| self.hash.update(word.to_le_bytes()));
        self.count += 1;
        if self.kept.len() < KEPT {
            self.kept.push(Entry { tick: self.tick, event });
        }
    }

    /// Events so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The first 2^20 events.
    pub fn entries(&self) -> &[Entry] {
        &self.kept
    }

    /// SHA-256 over every event and its tick, and over `extra`.
    pub fn hash(&self, extra: &[u8]) -> [u8; 32] {
        self.hash.clone().chain_update(self.tick.to_le_bytes()).chain_update(extra).finalize().into()
    }
}

/// 64-bit FNV-1a.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Event = Event::Read { address: 8, width: 4, value: 1 };

    fn hash(events: &[Event], ticks_before: u64) -> [u8; 32] {
        let mut log = EventLog::default();
        (0..ticks_before).for_each(|_| log.tick());
        events.iter().for_each(|e| log.push(*e));
        log.hash(b"")
    }

    #[test]
    fn the_hash_tells_order_content_and_tick_apart() {
        let write = Event::Write { address: 8, width: 4, value: 1 };
        assert_eq!(hash(&[READ, write], 3), hash(&[READ, write], 3));
        assert_ne!(hash(&[READ, write], 3), hash(&[write, READ], 3));
        assert_ne!(hash(&[READ], 0), hash(&[Event::Read { address: 8, width: 4, value: 2 }], 0));
        assert_ne!(hash(&[READ], 0), hash(&[READ], 1));
        assert_ne!(Event::frame_in(b"ab"), Event::frame_in(b"ba"));
        assert_ne!(EventLog::default().hash(b"a"), EventLog::default().hash(b"b"));
    }

    #[test]
    fn entries_read_well() {
        let mut log = EventLog::default();
        log.tick();
        log.push(READ);
        assert_eq!(log.entries()[0].to_string(), "       1  read  4 0x8 -> 0x1");
        assert_eq!(log.count(), 1);
    }
}
