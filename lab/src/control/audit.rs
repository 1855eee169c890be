//! `igbcxctl stats` held against what the lab and the adapter counted.

use super::device::{InProcess, guid};
use crate::board::Board;
use crate::model::Model;
use igbcx_ioctl::{GUID_BYTES, RxCounters, Statistics, TxCounters};
use igbcxctl::{Client, stats};
use lab_kernel::cpu;
use lab_kmdf::Device;
use lab_netcx::{Adapter, AdapterStats};
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

/// Bytes of the frame check sequence, which the hardware counts and the stack never sees.
const FCS: u64 = 4;
/// Frames may be under way while the counters are read, so they are given some time to agree.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// What the driver's control interface said at the end of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ControlReport {
    /// The counters by name, as `igbcxctl stats --json` prints them.
    pub statistics: Value,
    /// What `igbcxctl stats` prints.
    #[serde(skip)]
    pub table: String,
    /// Counters that are not what the lab or the adapter counted, one sentence each.
    pub differences: Vec<String>,
}

/// Asks the driver for its statistics and compares them; `None` if it has no such interface.
///
/// # Errors
/// The request failed, or its answer breaks the protocol.
pub(crate) fn audit(
    device: &Device,
    adapter: &Adapter,
    board: &Board,
    model: Option<&Model>,
) -> Result<Option<ControlReport>, igbcxctl::Error> {
    let class = guid(GUID_BYTES);
    if super::Target::interfaces(device, &class).is_empty() {
        return Ok(None);
    }
    let file = device.open(&class).map_err(|status| igbcxctl::Error::Refused {
        code: igbcx_ioctl::Code::Statistics,
        status: igbcxctl::Status(status),
    })?;
    let mut client = Client::new(Box::new(InProcess(file)));
    let mut report = ControlReport::default();
    for _ in 0..TRIES {
        let before = adapter.stats();
        let statistics = client.statistics()?;
        let hardware = model.map_or(Vec::new(), |model| model.read_counters(|offset| board.read_sum(offset)));
        report = ControlReport {
            statistics: stats::json(&statistics),
            table: stats::table(&statistics),
            differences: differences(&statistics, &before, &hardware),
        };
        if report.differences.is_empty() {
            break;
        }
        cpu::sleep(PAUSE);
    }
    Ok(Some(report))
}

/// Every counter that should be another.
fn differences(s: &Statistics, lab: &AdapterStats, hardware: &[(&str, u64)]) -> Vec<String> {
    let tx = |f: fn(&TxCounters) -> u64| s.tx.iter().map(f).sum::<u64>();
    let rx = |f: fn(&RxCounters) -> u64| s.rx.iter().map(f).sum::<u64>();
    let register = |name| stats::counter(s, name);
    let mut expected = vec![
        ("packets of the transmit queues", Some(tx(|q| q.packets)), lab.tx_packets, "the lab sent"),
        ("bytes of the transmit queues", Some(tx(|q| q.bytes)), lab.tx_bytes, "the lab sent"),
        ("packets of the receive queues", Some(rx(|q| q.packets)), lab.rx_packets, "the lab received"),
        ("bytes of the receive queues", Some(rx(|q| q.bytes)), lab.rx_bytes, "the lab received"),
        ("GPTC", register("GPTC"), lab.tx_packets, "the lab sent"),
        ("GOTC", register("GOTC"), lab.tx_bytes + FCS * lab.tx_packets, "with FCS the lab sent"),
        ("GPRC", register("GPRC"), lab.rx_packets, "the lab received"),
        ("GORC", register("GORC"), lab.rx_bytes + FCS * lab.rx_packets, "with FCS the lab received"),
    ];
    expected.extend(hardware.iter().map(|(name, sum)| (*name, register(name), *sum, "the adapter counted")));
    let wrong = expected.into_iter().filter(|(_, says, is, _)| *says != Some(*is));
    wrong
        .map(|(name, says, is, who)| match says {
            Some(says) => format!("igbcxctl stats: {name} {says}, {who} {is}"),
            None => format!("igbcxctl stats: {name} is missing, {who} {is}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::FromZeros;

    /// An answer in which the hardware counters of these names have these values.
    fn answer(counters: &[(&str, u64)]) -> Statistics {
        let mut s = Statistics::new_zeroed();
        s.hardware_counters = s.hardware.len() as u16;
        for (name, value) in counters {
            let is_it = |at: &usize| {
                let mut probe = s;
                probe.hardware = [0; 96];
                probe.hardware[*at] = 1;
                stats::counter(&probe, name) == Some(1)
            };
            let at = (0..s.hardware.len()).find(is_it).unwrap();
            s.hardware[at] = *value;
        }
        (s.tx[0].packets, s.tx[0].bytes, s.rx[1].packets, s.rx[1].bytes) = (3, 300, 2, 120);
        s
    }

    const GOOD: [(&str, u64); 4] = [("GPTC", 3), ("GOTC", 312), ("GPRC", 2), ("GORC", 128)];

    fn lab() -> AdapterStats {
        AdapterStats { tx_packets: 3, tx_bytes: 300, rx_packets: 2, rx_bytes: 120, ..AdapterStats::default() }
    }

    #[test]
    fn equal_counters_are_no_difference() {
        assert_eq!(differences(&answer(&GOOD), &lab(), &[("GPTC", 3), ("TPR", 0)]), Vec::<String>::new());
    }

    #[test]
    fn one_packet_or_byte_more_is_a_difference() {
        for at in 0..GOOD.len() {
            let mut counters = GOOD;
            counters[at].1 += 1;
            assert_eq!(differences(&answer(&counters), &lab(), &[]).len(), 1);
        }
        let mut more = answer(&GOOD);
        more.rx[0].bytes += 1;
        let expected = "igbcxctl stats: bytes of the receive queues 121, the lab received 120";
        assert_eq!(differences(&more, &lab(), &[]), [expected]);
        let expected = "igbcxctl stats: GPTC 3, the adapter counted 4";
        assert_eq!(differences(&answer(&GOOD), &lab(), &[("GPTC", 4)]), [expected]);
        let mut fewer = answer(&GOOD);
        fewer.hardware_counters = 0;
        assert_eq!(differences(&fewer, &lab(), &[]).len(), 4);
    }
}
