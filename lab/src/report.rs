//! What a run measured, as JSON for programs and as a table for people.

use crate::control::ControlReport;
use crate::vmq::Counts;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;
use std::io;
use std::path::Path;

/// Everything a run measured. Sections that a run did not do are absent from the JSON.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// True if `failures` is empty.
    pub ok: bool,
    /// What went wrong, one sentence each.
    pub failures: Vec<String>,
    /// The driver under test.
    pub driver: DriverInfo,
    /// The adapter below it.
    pub nic: NicInfo,
    /// The address taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dhcp: Option<Dhcp>,
    /// Echo requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ping: Option<Ping>,
    /// HTTP GET.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub download: Option<Transfer>,
    /// HTTP PUT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload: Option<Transfer>,
    /// What the driver's control interface says at the end of the demo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<ControlReport>,
    /// VM queues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vmq: Option<Vmq>,
    /// Transmit side.
    pub tx: Direction,
    /// Receive side.
    pub rx: Direction,
    /// Register accesses.
    pub mmio: Mmio,
    /// Calls of the driver's interrupt service routines.
    pub interrupts: u64,
    /// Calls of EvtPacketQueueAdvance, all queues.
    pub advance_calls: u64,
    /// DMA accesses that the fence stopped.
    pub dma_faults: u64,
    /// Each of them; the VT-d specification (fault reasons) says what a reason means.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dma_fault_list: Vec<String>,
    /// The rules the driver was judged by.
    pub rules: Rules,
    /// What was still allocated, alive or mapped when everything should have been gone.
    pub leaks: Vec<String>,
    /// Host time of the run, in seconds.
    pub seconds: f64,
}

/// The driver file.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DriverInfo {
    /// Path as given.
    pub file: String,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
}

/// The adapter.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NicInfo {
    /// QEMU's name of the device.
    pub device: String,
    /// Address it was made with.
    pub mac: String,
    /// `real` or `virtual`.
    pub clock: String,
    /// DMA was confined to what the driver mapped.
    pub fence: bool,
    /// MSI-X messages granted to the driver; 0 = the line interrupt.
    pub messages: u32,
    /// Seed of every random choice.
    pub seed: u64,
}

/// A DHCP lease.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Dhcp {
    /// Address, dotted.
    pub address: String,
    /// Bits of the network part.
    pub prefix: u8,
    /// Default gateway, dotted.
    pub router: Option<String>,
    /// Time it took.
    pub seconds: f64,
}

/// Echo requests and replies.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Ping {
    /// Requests sent.
    pub sent: u64,
    /// Replies in time with the payload sent.
    pub received: u64,
    /// Replies with another payload.
    pub corrupt: u64,
    /// Round-trip times in microseconds; absent without replies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_us: Option<Rtt>,
}

/// Round-trip times in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Rtt {
    /// Shortest.
    pub min: f64,
    /// Mean.
    pub mean: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// Longest.
    pub max: f64,
}

/// A file moved over HTTP.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Transfer {
    /// Body bytes that arrived.
    pub bytes: u64,
    /// SHA-256 of what was sent and of what arrived are the same.
    pub sha256_ok: bool,
    /// SHA-256 of what arrived, lower-case hex.
    pub sha256: String,
    /// Time it took.
    pub seconds: f64,
    /// Body bits per second / 1,000,000.
    pub mbit_per_second: f64,
}

/// A run over VM queues.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Vmq {
    /// Each pool with traffic, the default one first.
    pub queues: Vec<VmqQueue>,
    /// Frames that came and were not sent.
    pub foreign: u64,
    /// Bytes of NDIS shared memory of the queues together; 0 if the driver uses common buffers.
    pub shared_memory: usize,
    /// Times that a queue was freed and allocated again.
    pub cycles: u64,
    /// Packets that the consumer had of queues when it freed them.
    pub held_over_free: u64,
    /// What was still allocated, alive or mapped at the end.
    pub leaks: usize,
    /// Host time of the frames before the cycles.
    pub seconds: f64,
    /// Those frames in a second of host time.
    pub frames_per_second: f64,
    /// Host time of the cycles.
    pub cycle_seconds: f64,
}

/// One pool.
#[derive(Clone, Debug, Default, Serialize)]
pub struct VmqQueue {
    /// QueueId; 0 is the default queue.
    pub queue: u32,
    /// Address and VLAN.
    pub filter: String,
    /// What became of its frames.
    #[serde(flatten)]
    pub counts: Counts,
}

/// One direction of the datapath.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Direction {
    /// Packets.
    pub packets: u64,
    /// Bytes of those packets, without CRC.
    pub bytes: u64,
    /// Writes of tail registers.
    pub tail_writes: u64,
    /// Packets per tail write; 0 without writes.
    pub packets_per_tail_write: f64,
    /// Calls of EvtPacketQueueAdvance.
    pub advance_calls: u64,
    /// Calls of EvtPacketQueueSetNotificationEnabled(TRUE).
    pub arms: u64,
    /// Notifications by the driver.
    pub notifications: u64,
}

/// Register accesses of the driver.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Mmio {
    /// Reads.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
}

/// Rules checked and violated.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Rules {
    /// Checks made.
    pub checked: u64,
    /// Checks that failed.
    pub violations: u64,
    /// Different rules checked.
    pub distinct: usize,
    /// Each violation, of one rule at most the first 20.
    pub violated: Vec<Violation>,
}

/// One rule violation.
#[derive(Clone, Debug, Serialize)]
pub struct Violation {
    /// Name of the rule.
    pub rule: String,
    /// What it demands.
    pub text: String,
    /// Where that is written.
    pub source: String,
    /// What happened.
    pub detail: String,
    /// The driver's code that did it, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// Writes a report as JSON.
///
/// # Errors
/// What the system says about the file.
pub fn write_json(report: &impl Serialize, path: &Path) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(report).map_err(io::Error::other)?;
    text.push('\n');
    std::fs::write(path, text)
}

impl Report {
    /// Records a failure.
    pub fn fail(&mut self, what: impl Into<String>) {
        self.failures.push(what.into());
        self.ok = false;
    }

    /// Judges the figures that must be zero in any run: faults, violations, leaks.
    pub fn judge(&mut self) {
        if self.dma_faults > 0 {
            let list = self.dma_fault_list.join(", ");
            self.fail(format!("{} DMA accesses to memory the driver did not map: {list}", self.dma_faults));
        }
        if self.rules.violations > 0 {
            self.fail(format!("{} rule violations", self.rules.violations));
        }
        for leak in self.leaks.clone() {
            self.fail(format!("leak: {leak}"));
        }
        self.ok = self.failures.is_empty();
    }

    /// Writes it as JSON.
    ///
    /// # Errors
    /// What the system says about the file.
    pub fn write_json(&self, path: &Path) -> io::Result<()> {
        write_json(self, path)
    }

    /// The table a person reads.
    pub fn table(&self) -> String {
        let mut text = String::new();
        if let Some(vmq) = &self.vmq {
            text.push_str(&vmq.table());
            text.push('\n');
        }
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(["", "transmit", "receive"]);
        let (tx, rx) = (&self.tx, &self.rx);
        table.add_row(["packets", &tx.packets.to_string(), &rx.packets.to_string()]);
        table.add_row(["bytes", &tx.bytes.to_string(), &rx.bytes.to_string()]);
        table.add_row(["tail writes", &tx.tail_writes.to_string(), &rx.tail_writes.to_string()]);
        let ratio = |d: &Direction| format!("{:.1}", d.packets_per_tail_write);
        table.add_row(["packets per tail write", &ratio(tx), &ratio(rx)]);
        table.add_row(["Advance calls", &tx.advance_calls.to_string(), &rx.advance_calls.to_string()]);
        table.add_row(["armed / notified", &arms(tx), &arms(rx)]);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        text.push_str(&table.to_string());
        text.push('\n');
        for line in self.lines() {
            text.push_str(&line);
            text.push('\n');
        }
        if let Some(control) = &self.control {
            text.push_str("\nigbcxctl stats\n");
            text.push_str(&control.table);
        }
        text
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(dhcp) = &self.dhcp {
            let router = dhcp.router.as_deref().unwrap_or("none");
            lines.push(format!(
                "address      {}/{}, gateway {router}, in {:.2} s",
                dhcp.address, dhcp.prefix, dhcp.seconds
            ));
        }
        if let Some(ping) = &self.ping {
            let rtt = ping.rtt_us.map_or(String::new(), |r| {
                format!(", round trip min/mean/p99/max {:.0}/{:.0}/{:.0}/{:.0} us", r.min, r.mean, r.p99, r.max)
            });
            lines.push(format!("ping         {} of {} came back{rtt}", ping.received, ping.sent));
        }
        for (name, transfer) in [("download", &self.download), ("upload", &self.upload)] {
            if let Some(t) = transfer {
                let verdict = if t.sha256_ok { "SHA-256 equal" } else { "SHA-256 DIFFERS" };
                lines.push(format!(
                    "{name:<12} {} bytes in {:.2} s ({:.0} Mbit/s), {verdict}",
                    t.bytes, t.seconds, t.mbit_per_second
                ));
            }
        }
        if let Some(vmq) = &self.vmq {
            lines.extend(vmq.lines());
        }
        lines.push(format!("registers    {} reads, {} writes", self.mmio.reads, self.mmio.writes));
        lines.push(format!("interrupts   {}", self.interrupts));
        lines.push(format!("DMA faults   {}", self.dma_faults));
        let rules = &self.rules;
        lines.push(format!(
            "rules        {} checks of {} rules, {} violations",
            rules.checked, rules.distinct, rules.violations
        ));
        lines.push(format!("driver       {} sha256 {}", self.driver.file, self.driver.sha256));
        if self.ok {
            lines.push(format!("result       ok, {:.1} s", self.seconds));
        } else {
            lines.push(format!("result       FAILED, {:.1} s", self.seconds));
            lines.extend(self.failures.iter().map(|f| format!("  - {f}")));
        }
        lines
    }
}

impl Vmq {
    fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(["queue", "filter", "sent", "received", "misplaced", "reordered", "lost", "corrupted"]);
        for queue in &self.queues {
            let Counts { sent, received, misplaced, reordered, lost, corrupted } = queue.counts;
            let counts = [sent, received, misplaced, reordered, lost, corrupted].map(|n| n.to_string());
            let name = [queue.queue.to_string(), queue.filter.clone()];
            table.add_row(name.into_iter().chain(counts));
        }
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.to_string()
    }

    fn lines(&self) -> Vec<String> {
        let memory = match (self.queues.len(), self.shared_memory) {
            (0 | 1, _) => "none".into(),
            (_, 0) => "common buffers of the framework".into(),
            (_, bytes) => format!("{bytes} bytes of NDIS shared memory"),
        };
        vec![
            format!("VM queues    {:.1} s, {:.0} frames/s; memory: {memory}", self.seconds, self.frames_per_second),
            format!(
                "cycles       {} in {:.1} s, {} packets held over FREE_QUEUE, {} leaks",
                self.cycles, self.cycle_seconds, self.held_over_free, self.leaks
            ),
        ]
    }
}

fn arms(direction: &Direction) -> String {
    format!("{} / {}", direction.arms, direction.notifications)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn demo() -> Report {
        Report {
            dhcp: Some(Dhcp { address: "10.0.2.15".into(), prefix: 24, ..Dhcp::default() }),
            ping: Some(Ping { sent: 100, received: 99, ..Ping::default() }),
            download: Some(Transfer { bytes: 64, sha256_ok: true, ..Transfer::default() }),
            upload: Some(Transfer { bytes: 16, ..Transfer::default() }),
            tx: Direction { packets: 7, tail_writes: 2, ..Direction::default() },
            control: Some(ControlReport {
                statistics: serde_json::json!({ "hardware": { "GPRC": 3 } }),
                table: "the counters".into(),
                ..ControlReport::default()
            }),
            interrupts: 5,
            ..Report::default()
        }
    }

    /// The keys of issue 2, by which the demo is judged.
    #[test]
    fn the_json_has_every_key_promised() {
        let json: Value = serde_json::to_value(demo()).unwrap();
        for key in [
            "dhcp.address",
            "ping.sent",
            "ping.received",
            "download.bytes",
            "download.sha256_ok",
            "upload.bytes",
            "upload.sha256_ok",
            "control.statistics.hardware.GPRC",
            "tx.packets",
            "tx.tail_writes",
            "rx.packets",
            "rx.tail_writes",
            "mmio.reads",
            "mmio.writes",
            "interrupts",
            "dma_faults",
            "rules.checked",
            "rules.violations",
            "driver.sha256",
        ] {
            let pointer = format!("/{}", key.replace('.', "/"));
            assert!(json.pointer(&pointer).is_some_and(|v| !v.is_null()), "{key} is missing");
        }
        assert_eq!(json.pointer("/ping/received"), Some(&Value::from(99)));
        assert_eq!(json.pointer("/upload/sha256_ok"), Some(&Value::from(false)));
        assert_eq!(json.pointer("/tx/tail_writes"), Some(&Value::from(2)));
        assert!(demo().table().ends_with("igbcxctl stats\nthe counters"), "the tool's table comes last");
    }

    /// The keys of issue 4.
    #[test]
    fn vm_queues_are_reported() {
        let counts = Counts { sent: 9, received: 8, lost: 1, ..Counts::default() };
        let queue = VmqQueue { queue: 3, filter: "02:00:00:00:00:01, VLAN 7".into(), counts };
        let vmq = Vmq { queues: vec![queue], cycles: 5, ..Vmq::default() };
        let report = Report { vmq: Some(vmq), ..Report::default() };
        let json: Value = serde_json::to_value(&report).unwrap();
        for key in ["sent", "received", "misplaced", "reordered", "lost", "corrupted"] {
            assert!(json.pointer(&format!("/vmq/queues/0/{key}")).is_some(), "{key} is missing");
        }
        assert_eq!(json.pointer("/vmq/queues/0/lost"), Some(&Value::from(1)));
        assert_eq!(
            (json.pointer("/vmq/cycles"), json.pointer("/vmq/leaks")),
            (Some(&Value::from(5)), Some(&Value::from(0)))
        );
        assert!(report.table().contains("02:00:00:00:00:01, VLAN 7"));
    }

    #[test]
    fn sections_of_other_runs_are_absent() {
        let json = serde_json::to_value(Report::default()).unwrap();
        assert!(["dhcp", "upload", "control", "vmq"].iter().all(|section| json.get(section).is_none()));
    }

    #[test]
    fn faults_violations_and_leaks_fail_a_run() {
        let mut clean = Report::default();
        clean.judge();
        assert!(clean.ok);
        for spoil in [
            |r: &mut Report| r.dma_faults = 1,
            |r: &mut Report| r.rules.violations = 1,
            |r: &mut Report| r.leaks.push("pool".into()),
        ] {
            let mut report = Report::default();
            spoil(&mut report);
            report.judge();
            assert!(!report.ok && report.failures.len() == 1);
            assert!(report.table().contains("FAILED"));
        }
    }
}
