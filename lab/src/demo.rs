//! The demo: a lease, pings, a download, an upload, the driver's own statistics, then clean removal.

use crate::error::Error;
use crate::machine::Machine;
use crate::pattern::Pattern;
use crate::progress::Progress;
use crate::report::{Dhcp, Ping, Report, Rtt, Transfer};
use crate::server::{Exchange, Server};
use crate::stack::{AdapterPort, Lease, PingResult, Response, Stack};
use crate::{Builder, Net};
use lab_kernel::cpu;
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::time::Duration;

/// Longest wait for the link: autonegotiation takes up to 5 s on copper.
const LINK: Duration = Duration::from_secs(10);
const DHCP: Duration = Duration::from_secs(30);
const PING: Duration = Duration::from_secs(1);
/// Bytes of an echo payload.
pub(crate) const PING_BYTES: usize = 56;
/// Longest wait for the server's own record of a transfer, which it writes after the last byte.
const RECORD: Duration = Duration::from_secs(5);

/// How much the demo does.
#[derive(Clone, Debug)]
pub struct Demo {
    /// Echo requests to the gateway.
    pub pings: u16,
    /// Bytes to download.
    pub download: u64,
    /// Bytes to upload.
    pub upload: u64,
    /// Seed of the data.
    pub seed: u64,
    /// Where a report goes if the driver stops the machine.
    pub json: Option<PathBuf>,
}

impl Default for Demo {
    fn default() -> Demo {
        Demo { pings: 100, download: 64 << 20, upload: 16 << 20, seed: 1, json: None }
    }
}

impl Demo {
    /// Runs the demo on slirp and removes the device. What fails after the machine is built is in the report.
    ///
    /// # Errors
    /// What keeps the machine from being built, and [`Error::Server`].
    pub fn run(&self, builder: Builder, progress: &mut Progress) -> Result<Report, Error> {
        // Before the machine binds itself, and threads started later, to one processor.
        let server = Server::start(self.seed).map_err(Error::Server)?;
        progress.stage("start", 1);
        let mut machine = builder.net(Net::User).seed(self.seed).build()?;
        if let Some(json) = &self.json {
            machine.report_if_stopped(json.clone());
        }
        let mut sections = Report::default();
        if let Err(e) = self.traffic(&mut machine, &server, &mut sections, progress) {
            sections.fail(e.to_string());
        }
        progress.stage("remove", 1);
        let mut report = machine.finish();
        progress.set(1);
        progress.done();
        report.dhcp = sections.dhcp;
        report.ping = sections.ping;
        report.download = sections.download;
        report.upload = sections.upload;
        report.control = sections.control;
        sections.failures.into_iter().for_each(|f| report.fail(f));
        Ok(report)
    }

    fn traffic(
        &self,
        machine: &mut Machine,
        server: &Server,
        report: &mut Report,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        machine.start()?;
        machine.wait_link(true, LINK)?;
        progress.set(1);
        let mut stack = machine.stack()?;

        progress.stage("DHCP", 1);
        let begun = cpu::now();
        let lease = stack.dhcp(DHCP)?;
        report.dhcp = Some(dhcp_section(&lease, cpu::now() - begun));
        progress.set(1);
        // slirp's gateway is the loopback of the host.
        let gateway = lease.router.unwrap_or(lease.server);

        progress.stage("ping", self.pings.into());
        let ping = stack.ping(gateway, self.pings, PING_BYTES, PING, &mut |n| progress.set(n));
        if ping.received != u64::from(self.pings) {
            report.fail(format!("{} of {} pings came back whole", ping.received, self.pings));
        }
        report.ping = Some(ping_section(&ping));

        let address = SocketAddrV4::new(gateway, server.port());
        self.download(&mut stack, address, server, report, progress)?;
        self.upload(&mut stack, address, server, report, progress)?;

        progress.stage("statistics", 1);
        let control = machine.audit()?;
        control.iter().flat_map(|c| &c.differences).for_each(|difference| report.fail(difference.as_str()));
        report.control = control;
        Ok(())
    }

    fn download(
        &self,
        stack: &mut Stack<AdapterPort>,
        address: SocketAddrV4,
        server: &Server,
        report: &mut Report,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        progress.bytes("download", self.download);
        let response = stack.get(address, &format!("/{}", self.download), &mut |n| progress.set(n))?;
        let record = record(server, "GET");
        let sent = record.filter(|r| r.bytes == self.download).map(|r| r.sha256);
        let ok = response.status == 200
            && response.bytes == self.download
            && sent.as_deref() == Some(response.sha256.as_str());
        if !ok {
            report.fail(format!(
                "download: status {}, {} of {} bytes, SHA-256 {} of {}",
                response.status,
                response.bytes,
                self.download,
                response.sha256,
                sent.unwrap_or_default()
            ));
        }
        report.download = Some(transfer(response.bytes, ok, response.sha256, response.elapsed));
        Ok(())
    }

    fn upload(
        &self,
        stack: &mut Stack<AdapterPort>,
        address: SocketAddrV4,
        server: &Server,
        report: &mut Report,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        progress.bytes("upload", self.upload);
        // Other data than the download's.
        let mut source = Pattern::new(!self.seed);
        let response: Response = stack.put(address, "/", &mut source, self.upload, &mut |n| progress.set(n))?;
        let record = record(server, "PUT");
        let (bytes, sha256) = record.map_or((0, String::new()), |r| (r.bytes, r.sha256));
        let ok = response.status == 200
            && bytes == self.upload
            && sha256 == response.sent_sha256
            && response.body == sha256.as_bytes();
        if !ok {
            report.fail(format!(
                "upload: status {}, {bytes} of {} bytes, SHA-256 {sha256} of {}",
                response.status, self.upload, response.sent_sha256
            ));
        }
        report.upload = Some(transfer(bytes, ok, sha256, response.elapsed));
        Ok(())
    }
}

/// The server's record of a transfer.
fn record(server: &Server, method: &str) -> Option<Exchange> {
    let end = std::time::Instant::now() + RECORD;
    loop {
        let found = server.exchanges().into_iter().find(|e| e.method == method);
        if found.is_some() || std::time::Instant::now() > end {
            return found;
        }
        cpu::sleep(Duration::from_millis(1));
    }
}

/// The report's section about a lease.
pub(crate) fn dhcp_section(lease: &Lease, took: Duration) -> Dhcp {
    Dhcp {
        address: lease.address.to_string(),
        prefix: lease.prefix,
        router: lease.router.map(|r| r.to_string()),
        seconds: took.as_secs_f64(),
    }
}

/// The report's section about pings.
pub(crate) fn ping_section(ping: &PingResult) -> Ping {
    let us = |d: Option<Duration>| d.map(|d| d.as_secs_f64() * 1e6);
    let rtt = || {
        Some(Rtt {
            min: us(ping.percentile(0))?,
            mean: us(ping.mean())?,
            p99: us(ping.percentile(99))?,
            max: us(ping.percentile(100))?,
        })
    };
    Ping { sent: ping.sent, received: ping.received, corrupt: ping.corrupt, rtt_us: rtt() }
}

fn transfer(bytes: u64, sha256_ok: bool, sha256: String, took: Duration) -> Transfer {
    let seconds = took.as_secs_f64();
    let mbit_per_second = if seconds > 0.0 { bytes as f64 * 8.0 / 1e6 / seconds } else { 0.0 };
    Transfer { bytes, sha256_ok, sha256, seconds, mbit_per_second }
}
