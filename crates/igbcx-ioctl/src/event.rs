//! Events: what the driver logs and callers wait for.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum EventKind {
    /// The device entered D0 and works.
    Started = 0,
    /// The device left D0.
    Stopped = 1,
    /// The link came up; `arguments[0]` is Mbit/s, `[1]` 1 for full duplex.
    LinkUp = 2,
    /// The link went down.
    LinkDown = 3,
    /// The whole device was reset because a queue did not stop; `arguments[0]` is the queue, `[1]` 0 for Tx, 1 for Rx.
    Reset = 4,
    /// The driver gave the device up and asked for a restart.
    Failed = 5,
    /// The device left the bus.
    Removed = 6,
    /// A hardware call failed; `arguments[0]` is the NTSTATUS.
    Error = 7,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Started,
        Self::Stopped,
        Self::LinkUp,
        Self::LinkDown,
        Self::Reset,
        Self::Failed,
        Self::Removed,
        Self::Error,
    ];

    /// The kind with this number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u32 == number)
    }

    /// Its name for people and scripts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::LinkUp => "link-up",
            Self::LinkDown => "link-down",
            Self::Reset => "reset",
            Self::Failed => "failed",
            Self::Removed => "removed",
            Self::Error => "error",
        }
    }
}

/// A set of event kinds: bit n is the kind with number n.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct EventMask(pub u32);

impl EventMask {
    /// Every kind there is.
    pub const ALL: Self = Self((1 << EventKind::ALL.len()) - 1);

    /// The set of one kind.
    #[must_use]
    pub const fn of(kind: EventKind) -> Self {
        Self(1 << kind as u32)
    }

    /// Whether the kind is in the set.
    #[must_use]
    pub const fn contains(self, kind: EventKind) -> bool {
        self.0 & Self::of(kind).0 != 0
    }
}

/// An event, 40 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Event {
    /// Its number, from 1; numbers are never used twice while the driver is loaded.
    pub sequence: u64,
    /// Interrupt time: units of 100 ns since the system started.
    pub time: u64,
    /// [`EventKind`].
    pub kind: u32,
    /// By kind.
    pub arguments: [u32; 3],
    /// Zero.
    pub reserved: u64,
}
static_assertions::assert_eq_size!(Event, [u8; 40]);
