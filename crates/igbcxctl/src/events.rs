//! `events` and `wait`: what the driver logged.

use crate::{Status, table};
use igbcx_ioctl::{Event, EventKind};
use serde_json::{Value, json};

/// Units of [`Event::time`] in a second.
const TICKS: f64 = 1e7;

fn name(event: &Event) -> String {
    EventKind::from_number(event.kind).map_or_else(|| format!("event-{}", event.kind), |kind| kind.name().to_owned())
}

/// What the arguments say.
fn detail(event: &Event) -> String {
    let [a, b, c] = event.arguments;
    match EventKind::from_number(event.kind) {
        Some(EventKind::LinkUp) => format!("{a} Mbit/s {} duplex", if b == 1 { "full" } else { "half" }),
        Some(EventKind::Reset) => format!("{} queue {a} did not stop", if b == 0 { "Tx" } else { "Rx" }),
        Some(EventKind::Error) => Status(a.cast_signed()).to_string(),
        _ if event.arguments == [0; 3] => String::new(),
        _ => format!("{a:#x} {b:#x} {c:#x}"),
    }
}

fn seconds(event: &Event) -> f64 {
    event.time as f64 / TICKS
}

/// The table of `events`.
pub fn table(events: &[Event]) -> String {
    let mut table = table::new(["", "seconds", "event", ""]);
    for event in events {
        let time = format!("{:.6}", seconds(event));
        table.add_row([event.sequence.to_string(), time, name(event), detail(event)]);
    }
    table::right(&mut table, [0, 1]);
    table::text(&table)
}

/// One event as a line, for `--follow` and `wait`.
pub fn line(event: &Event) -> String {
    let line = format!("{:>6} {:>14.6} s  {:<10} {}", event.sequence, seconds(event), name(event), detail(event));
    line.trim_end().to_owned()
}

/// One event as JSON.
pub fn json(event: &Event) -> Value {
    json!({
        "sequence": event.sequence,
        "seconds": seconds(event),
        "event": name(event),
        "arguments": event.arguments,
        "text": detail(event),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: u32, arguments: [u32; 3]) -> Event {
        Event { sequence: 12, time: 15_000_000, kind, arguments, reserved: 0 }
    }

    #[test]
    fn events_are_told_in_words() {
        let up = event(EventKind::LinkUp as u32, [1000, 1, 0]);
        assert_eq!(line(&up), "    12       1.500000 s  link-up    1000 Mbit/s full duplex");
        let words = [
            (EventKind::Reset as u32, [3, 1, 0], "reset      Rx queue 3 did not stop"),
            (EventKind::Started as u32, [0; 3], "started"),
            (
                EventKind::Error as u32,
                [0xC000_0185, 0, 0],
                "error      the adapter did not answer (STATUS_IO_DEVICE_ERROR",
            ),
            (99, [1, 2, 3], "event-99   0x1 0x2 0x3"),
        ];
        for (kind, arguments, text) in words {
            let line = line(&event(kind, arguments));
            assert!(line.contains(text), "{line}");
        }
        assert!(table(&[up]).contains("link-up"));
        assert_eq!(json(&up)["seconds"], 1.5);
    }
}
