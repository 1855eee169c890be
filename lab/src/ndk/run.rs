//! The NDK commands: a machine around the consumer, and reports.

use super::conform::{self, Plan, Power, Verdict};
use super::consumer::{Adapter, Provider};
use super::traffic::{self, BandwidthReport, PingReport, TrafficError};
use crate::error::{Error, Status};
use crate::machine::Machine;
use crate::progress::Progress;
use crate::report::{DriverInfo, NicInfo, Report, Rules};
use crate::{Builder, Net};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// Longest wait for the link, which makes the datapath that [`Moves::fail`] needs.
const LINK: Duration = Duration::from_secs(10);
/// 82576 datasheet 8.10.7: RXDCTL of queue 0, and its enable bit.
const RXDCTL: u64 = 0xC028;
const QUEUE_ENABLE: u64 = 1 << 25;

/// The verdict of a conformance run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ConformReport {
    /// True if `failures` is empty.
    pub ok: bool,
    /// What went wrong, one sentence each.
    pub failures: Vec<String>,
    /// The driver under test.
    pub driver: DriverInfo,
    /// The adapter below it.
    pub nic: NicInfo,
    /// Random operations.
    pub operations: u64,
    /// The rules of NDK.
    pub rules: Verdict,
    /// All rules of the lab, those of NDK among them.
    pub lab_rules: Rules,
    /// What was left when everything should have been gone.
    pub leaks: Vec<String>,
    /// Host time of the run, in seconds.
    pub seconds: f64,
}

/// A ping or bandwidth run.
#[derive(Clone, Debug, Serialize)]
pub struct TrafficReport {
    /// The run of the machine.
    #[serde(flatten)]
    pub machine: Report,
    /// The ping-pong.
    #[serde(rename = "ndk_ping", skip_serializing_if = "Option::is_none")]
    pub ping: Option<PingReport>,
    /// The bandwidth.
    #[serde(rename = "ndk_bandwidth", skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<BandwidthReport>,
}

/// D3, D0 and the last failure of a machine.
struct Moves<'m>(&'m mut Machine);

impl Power for Moves<'_> {
    fn down(&mut self) -> bool {
        self.0.d3().is_ok()
    }

    fn up(&mut self) -> bool {
        self.0.d0().is_ok()
    }

    /// A receive queue whose enable bit never clears: the driver gives the device up when it is to stop it.
    fn fail(&mut self) -> bool {
        let Ok(adapter) = self.0.adapter() else { return false };
        self.0.nic().faults().stuck_bits(RXDCTL, QUEUE_ENABLE, 0);
        // It ends the datapath in vain; that the device failed is what counts.
        let _restarted = adapter.restart_datapath();
        self.0.device().is_ok_and(|device| device.failed_action().is_some())
    }
}

/// The driver's door.
///
/// # Errors
/// [`Error::Ndk`] if it offers none, [`Error::Removed`].
pub fn provider(machine: &Machine) -> Result<Provider, Error> {
    Provider::of(machine.device()?).map_err(|status| Error::Ndk("the interface", Status(status)))
}

fn open(provider: &Provider) -> Result<Adapter, Error> {
    provider.open().map_err(|status| Error::Ndk("OpenNdkAdapter", Status(status)))
}

/// Runs the suite on a driver: every scenario, D3, failing hardware, and surprise removal of a second device.
///
/// # Errors
/// What keeps the machine from being built.
pub fn run_conform(
    builder: Builder,
    plan: &Plan,
    json: Option<PathBuf>,
    progress: &mut Progress,
) -> Result<ConformReport, Error> {
    let mut machine = builder.net(Net::Wire).build()?;
    if let Some(json) = json {
        machine.report_if_stopped(json);
    }
    let mut failures = Vec::new();
    if let Err(e) = judge(&mut machine, plan, progress) {
        failures.push(e.to_string());
    }
    progress.done();
    let report = machine.finish();
    let rules = conform::verdict(plan.only.is_none());
    failures.extend(report.failures);
    if plan.only.is_none() && rules.functions_called < rules.functions {
        failures.push(format!("{} of {} functions were called", rules.functions_called, rules.functions));
    }
    failures.extend(rules.not_checked.iter().map(|name| format!("no scenario checked {name}")));
    Ok(ConformReport {
        ok: failures.is_empty(),
        failures,
        driver: report.driver,
        nic: report.nic,
        operations: plan.random_operations(),
        rules,
        lab_rules: report.rules,
        leaks: report.leaks,
        seconds: report.seconds,
    })
}

fn judge(machine: &mut Machine, plan: &Plan, progress: &mut Progress) -> Result<(), Error> {
    machine.start()?;
    machine.wait_link(true, LINK)?;
    {
        let provider = provider(machine)?;
        let mut moves = Moves(machine);
        conform::run(&provider, Some(&mut moves), plan, &mut |name, at, total| {
            if at == 0 {
                progress.stage(name, total);
            }
            progress.set(at);
        });
    }
    // The hardware works again for the next device, which is pulled out.
    machine.nic().faults().clear();
    machine.add_again()?;
    machine.start()?;
    if plan.only.as_deref().is_none_or(|only| "removal".contains(only)) {
        progress.stage("removal", 1);
        let provider = provider(machine)?;
        conform::removal(&provider, &mut || machine.surprise_remove().is_ok());
    }
    Ok(())
}

/// Sends messages to and fro.
///
/// # Errors
/// What keeps the machine from being built.
pub fn run_ping(builder: Builder, size: usize, count: u64, progress: &mut Progress) -> Result<TrafficReport, Error> {
    let mut ping = None;
    let machine = traffic_run(builder, |adapter| {
        progress.stage("ping", count);
        ping = Some(traffic::ping(adapter, size, count, &mut |n| progress.set(n))?);
        progress.done();
        Ok(())
    })?;
    let mut report = TrafficReport { machine, ping, bandwidth: None };
    if let Some(ping) = report.ping.as_ref().filter(|p| p.received != count) {
        let what = format!("{} of {count} messages came back whole", ping.received);
        report.machine.fail(what);
    }
    Ok(report)
}

/// Writes and reads for a time.
///
/// # Errors
/// What keeps the machine from being built.
pub fn run_bandwidth(
    builder: Builder,
    size: usize,
    seconds: u64,
    progress: &mut Progress,
) -> Result<TrafficReport, Error> {
    let mut bandwidth = None;
    let machine = traffic_run(builder, |adapter| {
        let mut stage = String::new();
        bandwidth = Some(traffic::bandwidth(adapter, size, seconds, &mut |name, at| {
            if stage != name {
                progress.stage(name, seconds);
                name.clone_into(&mut stage);
            }
            progress.set(at);
        })?);
        progress.done();
        Ok(())
    })?;
    let mut report = TrafficReport { machine, ping: None, bandwidth };
    if report.bandwidth.as_ref().is_some_and(|b| !(b.write.exact && b.read.exact)) {
        report.machine.fail("bytes differ");
    }
    Ok(report)
}

fn traffic_run(builder: Builder, mut work: impl FnMut(&Adapter) -> Result<(), TrafficError>) -> Result<Report, Error> {
    let mut machine = builder.net(Net::Wire).build()?;
    let mut run = || {
        machine.start()?;
        let provider = provider(&machine)?;
        let adapter = open(&provider)?;
        let result = work(&adapter);
        // What a failed run left open would keep the adapter open for ever.
        if result.is_ok() {
            adapter.close();
        }
        result.map_err(Error::Traffic)
    };
    let result = run();
    let mut report = machine.finish();
    if let Err(e) = result {
        report.fail(e.to_string());
    }
    Ok(report)
}

impl ConformReport {
    /// What a person reads.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for rule in self.rules.list.iter().filter(|rule| rule.failures > 0) {
            text.push_str(&format!("{}: {} of {} checks failed\n", rule.name, rule.failures, rule.checks));
            text.push_str(&format!("    {}\n    {}\n", rule.text, rule.source));
            rule.details.iter().for_each(|detail| text.push_str(&format!("    - {detail}\n")));
        }
        let rules = &self.rules;
        text.push_str(&format!(
            "rules        {} checked, {} failed, {} checks\n",
            rules.checked, rules.failed, rules.checks
        ));
        text.push_str(&format!("functions    {} of {} called\n", rules.functions_called, rules.functions));
        text.push_str(&format!("operations   {} random ones\n", self.operations));
        text.push_str(&format!("driver       {} sha256 {}\n", self.driver.file, self.driver.sha256));
        let verdict = if self.ok { "ok" } else { "FAILED" };
        text.push_str(&format!("result       {verdict}, {:.1} s\n", self.seconds));
        self.failures.iter().for_each(|failure| text.push_str(&format!("  - {failure}\n")));
        text
    }
}
