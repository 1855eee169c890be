//! `vmq`: VM queues, their filters and what there may be of them.

use crate::{
    Vlan,
    table::{self, address},
};
use igbcx_ioctl::{VLAN_ID, VLAN_UNTAGGED_OR_ZERO, VMQ_COUNTERS, VmqCapabilities, VmqFilter, VmqQueue};
use serde_json::{Map, Value, json};

const OWNERS: [&str; 3] = ["nobody", "a kernel driver", "igbcxctl"];
const STATES: [&str; 5] = ["-", "paused", "running", "DMA stopped", "given up"];
const MEMORY: [&str; 3] = ["-", "NDIS", "WDF"];

/// The name for a number that was checked, or none.
fn name<const N: usize>(names: [&'static str; N], number: u8) -> &'static str {
    names.get(usize::from(number)).copied().unwrap_or("-")
}

/// The table of `vmq caps`.
pub fn capabilities_table(c: &VmqCapabilities) -> String {
    let mut table = table::new(["", ""]);
    table.add_row(["VM queues", if c.enabled == 0 { "off" } else { "on" }]);
    table.add_row(["queues beside the default one", &c.queues.to_string()]);
    table.add_row(["filters", &c.filters.to_string()]);
    table.add_row(["used by", name(OWNERS, c.owner)]);
    table::text(&table)
}

/// The JSON of `vmq caps`.
pub fn capabilities_json(c: &VmqCapabilities) -> Value {
    json!({ "enabled": c.enabled != 0, "queues": c.queues, "filters": c.filters, "owner": name(OWNERS, c.owner) })
}

fn vlan(filter: &VmqFilter) -> String {
    match filter.vlan_test {
        VLAN_ID => filter.vlan.to_string(),
        VLAN_UNTAGGED_OR_ZERO => "untagged".to_owned(),
        _ => "any".to_owned(),
    }
}

/// The tables of `vmq list`: queues with their counters, then filters.
pub fn list_table(queues: &[VmqQueue], filters: &[VmqFilter]) -> String {
    if queues.is_empty() {
        return "no VM queue is allocated\n".to_owned();
    }
    let mut header = vec![String::new()];
    header.extend(queues.iter().map(|queue| format!("queue {}", queue.queue)));
    let width = header.len();
    let mut table = table::with_header(header);
    let mut row = |name: &str, value: &dyn Fn(&VmqQueue) -> String| {
        table.add_row([name.to_owned()].into_iter().chain(queues.iter().map(value)));
    };
    row("state", &|q| name(STATES, q.state).to_owned());
    row("shared memory", &|q| name(MEMORY, q.memory).to_owned());
    row("vector", &|q| q.vector.to_string());
    row("filters", &|q| q.filters.to_string());
    row("buffers", &|q| q.buffers.to_string());
    row("with the consumer", &|q| q.outstanding.to_string());
    for (n, counter) in VMQ_COUNTERS.into_iter().enumerate() {
        row(counter, &|q| q.counters()[n].to_string());
    }
    table::right(&mut table, 1..width);
    let mut text = table::text(&table);
    if !filters.is_empty() {
        let mut table = table::new(["filter", "queue", "address", "VLAN"]);
        for filter in filters {
            let (id, queue) = (filter.filter.to_string(), filter.queue.to_string());
            table.add_row([id, queue, address(filter.address), vlan(filter)]);
        }
        table::right(&mut table, [0, 1]);
        text.push_str(&table::text(&table));
    }
    text
}

/// The JSON of `vmq list`.
pub fn list_json(queues: &[VmqQueue], filters: &[VmqFilter]) -> Value {
    let queue = |q: &VmqQueue| {
        let counters: Map<String, Value> =
            VMQ_COUNTERS.iter().zip(q.counters()).map(|(name, value)| ((*name).to_owned(), value.into())).collect();
        json!({
            "queue": q.queue,
            "state": name(STATES, q.state),
            "memory": name(MEMORY, q.memory),
            "vector": q.vector,
            "filters": q.filters,
            "buffers": q.buffers,
            "outstanding": q.outstanding,
            "counters": counters,
        })
    };
    let filter =
        |f: &VmqFilter| json!({ "filter": f.filter, "queue": f.queue, "address": address(f.address), "vlan": vlan(f) });
    json!({
        "queues": queues.iter().map(queue).collect::<Vec<_>>(),
        "filters": filters.iter().map(filter).collect::<Vec<_>>(),
    })
}

/// `02:00:00:00:00:01`, or with dashes, as Windows writes it.
pub(crate) fn parse_address(text: &str) -> Result<[u8; 6], String> {
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|digit| digit.is_ascii_hexdigit());
    let byte = |part: &str| u8::from_str_radix(part, 16).ok().filter(|_| digits(part));
    let bytes: Option<Vec<u8>> = text.split([':', '-']).map(byte).collect();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| "an address such as 02:00:00:00:00:01".into())
}

/// `any`, `untagged` or an identifier.
pub(crate) fn parse_vlan(text: &str) -> Result<Vlan, String> {
    match text {
        "any" => Ok(Vlan::Any),
        "untagged" => Ok(Vlan::UntaggedOrZero),
        _ => match text.parse() {
            Ok(id @ 0..=4094) => Ok(Vlan::Id(id)),
            _ => Err("any, untagged, or an identifier from 0 to 4094".into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use igbcx_ioctl::Answer;
    use zerocopy::FromZeros;

    #[test]
    fn capabilities_are_told() {
        let mut caps =
            VmqCapabilities { answer: Answer::new(16), enabled: 1, queues: 7, filters: 23, owner: 2, reserved: 0 };
        let text = capabilities_table(&caps);
        assert!(text.contains("on ") && text.contains("23") && text.contains("igbcxctl"), "{text}");
        caps.enabled = 0;
        assert!(capabilities_table(&caps).contains("off"));
        assert_eq!(
            capabilities_json(&caps),
            json!({ "enabled": false, "queues": 7, "filters": 23, "owner": "igbcxctl" })
        );
    }

    #[test]
    fn queues_and_filters_are_listed() {
        assert_eq!(list_table(&[], &[]), "no VM queue is allocated\n");
        let one = VmqQueue {
            queue: 1,
            state: 2,
            memory: 1,
            buffers: 512,
            packets: 77,
            dropped: 3,
            ..FromZeros::new_zeroed()
        };
        let two = VmqQueue { queue: 3, state: 1, memory: 2, outstanding: 9, ..FromZeros::new_zeroed() };
        let filter = |filter, vlan_test, vlan| VmqFilter {
            filter,
            queue: 1,
            vlan,
            address: [2, 0, 0, 0, 0, 1],
            vlan_test,
            reserved: 0,
        };
        let filters = [filter(1, 0, 0), filter(2, 1, 0), filter(3, 2, 100)];
        let text = list_table(&[one, two], &filters);
        for part in [
            "queue 1",
            "queue 3",
            "running",
            "paused",
            "NDIS",
            "WDF",
            " 77 ",
            "02:00:00:00:00:01",
            "any",
            "untagged",
            " 100",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        let json = list_json(&[one, two], &filters);
        assert_eq!(
            (&json["queues"][0]["counters"]["packets"], &json["queues"][1]["outstanding"]),
            (&77.into(), &9.into())
        );
        assert_eq!((&json["filters"][1]["vlan"], &json["filters"][2]["vlan"]), (&"untagged".into(), &"100".into()));
    }

    #[test]
    fn addresses_and_vlans_are_read() {
        assert_eq!(parse_address("02:00:5E:00:00:fF"), Ok([2, 0, 0x5E, 0, 0, 255]));
        assert_eq!(parse_address("02-00-00-00-00-01"), Ok([2, 0, 0, 0, 0, 1]));
        for wrong in ["", "02:00", "2:0:0:0:0:1", "02:00:00:00:00:01:02", "02:00:00:00:00:+1", "0200.0000.0001"] {
            assert!(parse_address(wrong).is_err(), "{wrong}");
        }
        assert_eq!((parse_vlan("any"), parse_vlan("untagged")), (Ok(Vlan::Any), Ok(Vlan::UntaggedOrZero)));
        assert_eq!((parse_vlan("0"), parse_vlan("4094")), (Ok(Vlan::Id(0)), Ok(Vlan::Id(4094))));
        assert!(parse_vlan("4095").is_err() && parse_vlan("-1").is_err() && parse_vlan("").is_err());
    }
}
