//! `stats`: the counters of the hardware and of the queues.

use crate::table;
use igb::counters::COUNTERS;
use igbcx_ioctl::{RxCounters, Statistics, TxCounters};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// An earlier answer, and how long before this one it was given.
#[derive(Clone, Copy)]
pub struct Earlier<'a> {
    /// The answer.
    pub statistics: &'a Statistics,
    /// Time from that answer to this one.
    pub ago: Duration,
}

/// Names of the figures of a transmit queue.
const TX: [&str; 7] = ["packets", "bytes", "doorbells", "advances", "arms", "wakes", "dropped"];
/// Names of the figures of a receive queue.
const RX: [&str; 8] = ["packets", "bytes", "doorbells", "advances", "arms", "wakes", "errors", "too_long"];

fn tx_values(q: &TxCounters) -> [u64; TX.len()] {
    [q.packets, q.bytes, q.doorbells, q.advances, q.arms, q.wakes, q.dropped]
}

fn rx_values(q: &RxCounters) -> [u64; RX.len()] {
    [q.packets, q.bytes, q.doorbells, q.advances, q.arms, q.wakes, q.errors, q.too_long]
}

/// A queue's figures by name.
struct Queue {
    name: String,
    values: Vec<(&'static str, u64)>,
}

/// The queues in use: transmit, receive.
fn queues(s: &Statistics) -> [Vec<Queue>; 2] {
    let queue = |name: String, names: &[&'static str], values: &[u64]| Queue {
        name,
        values: names.iter().copied().zip(values.iter().copied()).collect(),
    };
    let tx = s.tx.iter().take(s.queues[0].into()).enumerate();
    let rx = s.rx.iter().take(s.queues[1].into()).enumerate();
    [
        tx.map(|(n, q)| queue(format!("tx {n}"), &TX, &tx_values(q))).collect(),
        rx.map(|(n, q)| queue(format!("rx {n}"), &RX, &rx_values(q))).collect(),
    ]
}

/// Name, text and value of each hardware counter that the driver sent.
fn hardware(s: &Statistics) -> impl Iterator<Item = (String, &'static str, u64)> + '_ {
    let named = |(n, value): (usize, &u64)| match COUNTERS.get(n) {
        Some(counter) => (counter.name.to_owned(), counter.text, *value),
        None => (format!("COUNTER{n}"), "not known to this igbcxctl", *value),
    };
    s.hardware.iter().take(s.hardware_counters.into()).enumerate().map(named)
}

/// The value of a hardware counter by the datasheet's name; `None` if the driver sent none of that name.
pub fn counter(s: &Statistics, name: &str) -> Option<u64> {
    hardware(s).find(|(known, ..)| known == name).map(|(.., value)| value)
}

/// The tables of `stats`: queues, then the hardware counters that are not zero.
pub fn table(s: &Statistics) -> String {
    render(s, None, false)
}

/// [`table`] with rates since an earlier answer, and with `all` hardware counters if wanted.
pub fn render(s: &Statistics, earlier: Option<Earlier<'_>>, all: bool) -> String {
    format!(
        "{}{}carried across {} resets and power cycles; {} waits cancelled by the framework\n",
        queue_table(s, earlier),
        hardware_table(s, earlier, all),
        s.carried,
        s.waits_cancelled
    )
}

fn queue_table(s: &Statistics, earlier: Option<Earlier<'_>>) -> String {
    let now: Vec<Queue> = queues(s).into_iter().flatten().collect();
    let before: Vec<Queue> = earlier.iter().flat_map(|e| queues(e.statistics)).flatten().collect();
    let mut header = vec![String::new()];
    for queue in &now {
        header.push(queue.name.clone());
        header.extend(earlier.map(|_| "/s".to_owned()));
    }
    let width = header.len();
    let mut table = table::with_header(header);
    // Every name once, in the order of the queues.
    let mut names: Vec<&str> = TX.to_vec();
    names.extend(RX.iter().filter(|name| !TX.contains(name)));
    for name in names {
        let mut row = vec![name.replace('_', " ")];
        for queue in &now {
            let value = find(queue, name);
            row.push(value.map_or(String::new(), |value| value.to_string()));
            if let Some(earlier) = earlier {
                let old = before.iter().find(|old| old.name == queue.name).and_then(|old| find(old, name));
                let rate = value.map(|value| rate(value, old.unwrap_or(0), earlier.ago));
                row.push(rate.unwrap_or_default());
            }
        }
        table.add_row(row);
    }
    table::right(&mut table, 1..width);
    table::text(&table)
}

fn find(queue: &Queue, name: &str) -> Option<u64> {
    queue.values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

fn hardware_table(s: &Statistics, earlier: Option<Earlier<'_>>, all: bool) -> String {
    let mut header = vec!["register".to_owned(), "value".to_owned()];
    header.extend(earlier.map(|_| "/s".to_owned()));
    header.push("counts".to_owned());
    let numbers = 1..header.len() - 1;
    let mut table = table::with_header(header);
    for (n, (name, text, value)) in hardware(s).enumerate() {
        if value == 0 && !all {
            continue;
        }
        let mut row = vec![name, value.to_string()];
        row.extend(earlier.map(|e| rate(value, e.statistics.hardware[n], e.ago)));
        row.push(text.to_owned());
        table.add_row(row);
    }
    table::right(&mut table, numbers);
    table::text(&table)
}

/// Growth per second. Counters only grow; one that shrank belongs to a device that was added anew.
fn rate(now: u64, before: u64, ago: Duration) -> String {
    let grown = now.saturating_sub(before) as f64;
    if ago.is_zero() { String::new() } else { format!("{:.0}", grown / ago.as_secs_f64()) }
}

/// The JSON of `stats`; hardware counters by the datasheet's names.
pub fn json(s: &Statistics) -> Value {
    let hardware: Map<String, Value> = hardware(s).map(|(name, _, value)| (name, value.into())).collect();
    let [tx, rx] = queues(s).map(|queues| {
        let object = |queue: Queue| -> Map<String, Value> {
            queue.values.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
        };
        queues.into_iter().map(object).collect::<Vec<_>>()
    });
    json!({
        "carried": s.carried,
        "waits_cancelled": s.waits_cancelled,
        "hardware": hardware,
        "tx": tx,
        "rx": rx,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use igbcx_ioctl::Answer;
    use zerocopy::FromZeros;

    pub(crate) fn sample() -> Statistics {
        let mut s = Statistics::new_zeroed();
        s.answer = Answer::new(size_of::<Statistics>());
        s.queues = [1, 1];
        s.hardware_counters = COUNTERS.len() as u16;
        s.carried = 2;
        let at = |name| COUNTERS.iter().position(|c| c.name == name).unwrap();
        (s.hardware[at("GPRC")], s.hardware[at("GORC")], s.hardware[at("GPTC")]) = (5, 5_000_000_000, 7);
        s.tx[0] = TxCounters { packets: 7, bytes: 700, doorbells: 3, dropped: 1, ..TxCounters::new_zeroed() };
        s.rx[0] = RxCounters { packets: 5, bytes: 500, too_long: 4, ..RxCounters::new_zeroed() };
        s
    }

    /// The cells of the row that starts with `name`.
    fn row(text: &str, name: &str) -> Vec<String> {
        let cells = |line: &str| -> Vec<String> {
            line.split(['│', '┆']).map(|cell| cell.trim().to_owned()).filter(|cell| !cell.is_empty()).collect()
        };
        text.lines().map(cells).find(|cells| cells.first().is_some_and(|first| first == name)).unwrap_or_default()
    }

    #[test]
    fn the_table_shows_queues_and_what_the_hardware_counted() {
        let text = table(&sample());
        assert_eq!(row(&text, "packets"), ["packets", "7", "5"]);
        assert_eq!(row(&text, "dropped"), ["dropped", "1"]);
        assert_eq!(row(&text, "too long"), ["too long", "4"]);
        assert_eq!(row(&text, "GORC")[..2], ["GORC", "5000000000"]);
        assert!(row(&text, "CRCERRS").is_empty(), "zeros are left out: {text}");
        assert!(text.contains("carried across 2 resets"));
        assert_eq!(row(&render(&sample(), None, true), "CRCERRS")[1], "0");
    }

    #[test]
    fn rates_are_per_second_and_never_negative() {
        let (before, mut now) = (sample(), sample());
        now.tx[0].packets += 50;
        now.rx[0].packets = 0;
        now.hardware[COUNTERS.iter().position(|c| c.name == "GPTC").unwrap()] += 25;
        let earlier = |ago| Some(Earlier { statistics: &before, ago });
        let text = render(&now, earlier(Duration::from_millis(500)), false);
        assert_eq!(row(&text, "packets"), ["packets", "57", "100", "0", "0"]);
        assert_eq!(row(&text, "GPTC")[1..3], ["32", "50"]);
        assert_eq!(row(&render(&now, earlier(Duration::ZERO), false), "packets"), ["packets", "57", "0"]);
    }

    #[test]
    fn the_json_has_every_counter_by_name() {
        let json = json(&sample());
        assert_eq!(json["hardware"].as_object().unwrap().len(), COUNTERS.len());
        assert_eq!(json["hardware"]["GORC"], 5_000_000_000_u64);
        assert_eq!((&json["tx"][0]["doorbells"], &json["rx"][0]["too_long"]), (&3.into(), &4.into()));
        assert_eq!((counter(&sample(), "GPTC"), counter(&sample(), "NONE")), (Some(7), None));
    }

    #[test]
    fn counters_without_a_name_are_shown_by_number() {
        let mut s = sample();
        s.hardware_counters += 1;
        s.hardware[COUNTERS.len()] = 9;
        assert_eq!(json(&s)["hardware"][format!("COUNTER{}", COUNTERS.len())], 9);
    }
}
