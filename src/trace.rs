//! The events of the log as ETW events, for trace tools: provider "igbcx", self-describing (TraceLogging).
//!
//! docs/debug.md says how to record them. There is no event for a packet or an interrupt.

use igbcx_ioctl::EventKind;
use netadaptercx::irql::Passive;
use tracelogging::{Event, Field, GUID, Level, Provider, Type, event, provider};

/// Keywords: what a session can choose. They are part of the interface, as names and fields of the events are.
const STATE: u64 = 0x1;
const LINK: u64 = 0x2;
const FAULT: u64 = 0x4;

/// The GUID is the hash of the name, by which tools find it: {4009cf12-9a2d-5f3c-b6ab-a615353226cb}.
static PROVIDER: Provider = provider!(
    "igbcx",
    GUID { Data1: 0x4009_CF12, Data2: 0x9A2D, Data3: 0x5F3C, Data4: [0xB6, 0xAB, 0xA6, 0x15, 0x35, 0x32, 0x26, 0xCB] }
);

/// The first field of every event: the station address of the adapter, zero before it has one.
const STATION: Field = Field::new("Station", Type::Hex64);

static STARTED: Event = event!("Started", Level::Information, STATE, [STATION]);
static STOPPED: Event = event!("Stopped", Level::Information, STATE, [STATION]);
static LINK_UP: Event = event!(
    "LinkUp",
    Level::Information,
    LINK,
    [STATION, Field::new("MegabitsPerSecond", Type::U32), Field::new("FullDuplex", Type::Bool32)]
);
static LINK_DOWN: Event = event!("LinkDown", Level::Information, LINK, [STATION]);
static RESET: Event = event!(
    "Reset",
    Level::Warning,
    FAULT,
    [STATION, Field::new("Queue", Type::U32), Field::new("Receive", Type::Bool32)]
);
static FAILED: Event = event!("Failed", Level::Error, FAULT, [STATION]);
static REMOVED: Event = event!("Removed", Level::Warning, STATE | FAULT, [STATION]);
static ERROR: Event = event!("Error", Level::Error, FAULT, [STATION, Field::new("Status", Type::NtStatus)]);

/// Every value an event can have: its fields are the first bytes of these.
const VALUES: usize = 8 + 3 * 4;

const fn of(kind: EventKind) -> &'static Event {
    match kind {
        EventKind::Started => &STARTED,
        EventKind::Stopped => &STOPPED,
        EventKind::LinkUp => &LINK_UP,
        EventKind::LinkDown => &LINK_DOWN,
        EventKind::Reset => &RESET,
        EventKind::Failed => &FAILED,
        EventKind::Removed => &REMOVED,
        EventKind::Error => &ERROR,
    }
}

/// Registers the provider. Without it the driver works, untraced.
pub fn start(_passive: Passive<'_>) {
    // SAFETY: PASSIVE_LEVEL, when the driver is loaded; `stop` follows in EvtDriverUnload.
    if let Err(status) = unsafe { PROVIDER.register() } {
        crate::error::log!("no event tracing: {status:#010x}");
    }
}

/// Ends the registration.
pub fn stop(_passive: Passive<'_>) {
    // SAFETY: PASSIVE_LEVEL, and no device is left that could write.
    unsafe { PROVIDER.unregister() };
}

/// Writes an event of the log, if a session wants it; `station` is asked for only then. At any IRQL.
#[inline]
pub fn event(kind: EventKind, arguments: [u32; 3], station: impl FnOnce() -> [u8; 6]) {
    let event = of(kind);
    if PROVIDER.wants(event) {
        let [a, b, c, d, e, f] = station();
        let mut values = [0; VALUES];
        values[..8].copy_from_slice(&u64::from_be_bytes([0, 0, a, b, c, d, e, f]).to_ne_bytes());
        for (value, argument) in values[8..].chunks_exact_mut(4).zip(arguments) {
            value.copy_from_slice(&argument.to_ne_bytes());
        }
        PROVIDER.write(event, &values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_its_values() {
        for kind in EventKind::ALL {
            let payload = of(kind).payload();
            assert!((8..=VALUES).contains(&payload) && payload.is_multiple_of(4), "{kind:?}: {payload}");
        }
    }
}
