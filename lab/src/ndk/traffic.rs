//! Ping-pong and bandwidth between two QPs of one adapter, as an NDK consumer would measure them.
//!
//! Times are the host's: the lab's processor, the provider's code and the lab's scheduler together. They compare
//! versions of a driver, not adapters.

use super::conform::bench::{ALL_RIGHTS, End, HERE, Region, fresh_address};
use super::consumer::{Adapter, Buffer, Connector, LIMIT, Listener, Memory, QpDepth, Side, Work};
use crate::pattern::Pattern;
use hdrhistogram::Histogram;
use lab_kernel::cpu;
use ndis_sys::ndk::NDK_CQ_NOTIFY_ANY;
use serde::Serialize;
use std::net::SocketAddrV4;
use std::time::{Duration, Instant};
use wdk_sys::{NTSTATUS, STATUS_SUCCESS};

/// Requests under way in a bandwidth run.
const WINDOW: usize = 8;
/// Requests between two looks at the clock.
const BURST: u64 = 64;
/// Characters of the longest bar.
const BAR: usize = 50;
/// Digits to which the histogram keeps times.
const DIGITS: u8 = 3;

/// What went wrong in a run.
#[derive(Debug, thiserror::Error)]
pub enum TrafficError {
    /// The provider refused.
    #[error("{0}: NTSTATUS {1:#010x}")]
    Refused(&'static str, NTSTATUS),
    /// Nothing came.
    #[error("{0} did not come within {LIMIT:?}")]
    Lost(&'static str),
    /// A request failed.
    #[error("{0:x?}")]
    Failed(Work),
    /// The size does not fit the adapter.
    #[error("{0} bytes: the adapter moves at least 1 and at most {1} bytes at once")]
    Size(usize, usize),
}

/// Round trips of messages.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PingReport {
    /// Bytes of a message.
    pub size: usize,
    /// Round trips begun.
    pub sent: u64,
    /// Round trips that ended with the bytes sent, at both ends.
    pub received: u64,
    /// Round trips that ended with other bytes.
    pub corrupt: u64,
    /// Notification callbacks, one for each arm that was made.
    pub notifications: u64,
    /// Round-trip times in microseconds of host time.
    pub rtt_us: Times,
    /// Round trips by time, each row the times up to `to_us` that are in no row before.
    pub histogram: Vec<Row>,
}

/// Percentiles in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Times {
    /// Shortest.
    pub min: f64,
    /// Mean.
    pub mean: f64,
    /// Half took no longer.
    pub p50: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// 999 of 1000 took no longer.
    pub p999: f64,
    /// Longest.
    pub max: f64,
}

/// A row of a histogram.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Row {
    /// Upper end in microseconds.
    pub to_us: f64,
    /// Round trips.
    pub count: u64,
}

/// Bytes moved by writes, and then by reads.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BandwidthReport {
    /// Bytes of a request.
    pub size: usize,
    /// Requests under way at once.
    pub window: usize,
    /// NdkWrite.
    pub write: Moved,
    /// NdkRead.
    pub read: Moved,
}

/// One direction.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Moved {
    /// Requests that completed.
    pub requests: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Host time.
    pub seconds: f64,
    /// Bytes per second / 2^20.
    pub mib_per_second: f64,
    /// Every byte of the last request of each slot is the one sent.
    pub exact: bool,
}

/// Two connected ends.
struct Link {
    a: End,
    b: End,
    listener: Listener,
}

fn ok<T>(what: &'static str, result: Result<T, NTSTATUS>) -> Result<T, TrafficError> {
    result.map_err(|status| TrafficError::Refused(what, status))
}

fn done(what: &'static str, status: Option<NTSTATUS>) -> Result<(), TrafficError> {
    match status {
        Some(STATUS_SUCCESS) => Ok(()),
        Some(status) => Err(TrafficError::Refused(what, status)),
        None => Err(TrafficError::Lost(what)),
    }
}

fn end(adapter: &Adapter, memory: usize) -> Result<End, TrafficError> {
    let pd = ok("NdkCreatePd", adapter.create_pd())?;
    let depth = QpDepth { receive: 2 * WINDOW as u32, initiator: 2 * WINDOW as u32, ..QpDepth::default() };
    let rcq = ok("NdkCreateCq", adapter.create_cq(depth.receive))?;
    let cq = ok("NdkCreateCq", adapter.create_cq(depth.initiator))?;
    let qp = ok("NdkCreateQp", pd.create_qp(&rcq, &cq, 0, depth))?;
    let buffer = Buffer::new(Memory::Pool, 0, memory);
    let region = Region::over(pd, buffer, ALL_RIGHTS).ok_or(TrafficError::Lost("a registration"))?;
    Ok(End { pd, rcq, cq, qp, connector: None, region })
}

impl Link {
    fn new(adapter: &Adapter, memory: usize) -> Result<Link, TrafficError> {
        let (mut a, mut b) = (end(adapter, memory)?, end(adapter, memory)?);
        let at = fresh_address();
        let listener = ok("NdkCreateListener", adapter.create_listener())?;
        done("NdkListen", listener.listen(at).wait())?;
        let from: Connector = ok("NdkCreateConnector", adapter.create_connector())?;
        let side = Side { inbound: 1, outbound: 1, ..Side::default() };
        let connecting = from.connect(a.qp, SocketAddrV4::new(HERE, 0), at, &side);
        let to = listener.incoming(LIMIT).ok_or(TrafficError::Lost("the connection"))?;
        let accepting = to.accept(b.qp, &side);
        done("NdkConnect", connecting.wait())?;
        done("NdkCompleteConnect", from.complete_connect(false).wait())?;
        done("NdkAccept", accepting.wait())?;
        (a.connector, b.connector) = (Some(from), Some(to));
        Ok(Link { a, b, listener })
    }

    fn close(self) {
        self.a.close();
        self.b.close();
        self.listener.close().wait();
    }
}

/// Waits for the next message: the notification callback, then the result.
fn message(end: &End) -> Result<(), TrafficError> {
    if !end.rcq.wait(LIMIT) {
        return Err(TrafficError::Lost("a notification"));
    }
    let work = end.rcq.results(1).pop().ok_or(TrafficError::Lost("the message that was notified"))?;
    if work.status == STATUS_SUCCESS { Ok(()) } else { Err(TrafficError::Failed(work)) }
}

/// Sends `count` messages of `size` bytes to and fro; each side waits for the other's with an armed CQ.
///
/// # Errors
/// The first thing that fails.
pub fn ping(
    adapter: &Adapter,
    size: usize,
    count: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<PingReport, TrafficError> {
    let most = adapter.info().MaxTransferLength as usize;
    if !(1..=most).contains(&size) {
        return Err(TrafficError::Size(size, most));
    }
    let link = Link::new(adapter, 2 * size)?;
    let (a, b) = (&link.a, &link.b);
    let mut report = PingReport { size, ..PingReport::default() };
    // Up to a minute in nanoseconds; longer times count as a minute.
    let mut histogram = Histogram::<u64>::new_with_max(60_000_000_000, DIGITS).expect("the bounds are sound");
    let mut pattern = Pattern::new(count);
    let mut payload = vec![0; size];
    for _ in 0..count {
        pattern.fill(&mut payload);
        a.region.buffer.write(0, &payload);
        a.receive(1, size, size);
        b.receive(2, size, size);
        a.rcq.arm(NDK_CQ_NOTIFY_ANY);
        b.rcq.arm(NDK_CQ_NOTIFY_ANY);
        report.sent += 1;
        let begun = Instant::now();
        a.send(3, 0, size, 0);
        message(b)?;
        b.qp.send(4, &[b.region.sge(size, size)], 0);
        message(a)?;
        histogram.saturating_record(begun.elapsed().as_nanos() as u64);
        let exact = b.region.buffer.bytes(size, size) == payload && a.region.buffer.bytes(size, size) == payload;
        if exact {
            report.received += 1;
        } else {
            report.corrupt += 1;
        }
        for work in [a.cq.results(1), b.cq.results(1)].into_iter().flatten() {
            if work.status != STATUS_SUCCESS {
                return Err(TrafficError::Failed(work));
            }
        }
        progress(report.sent);
    }
    report.notifications = a.rcq.notifications() + b.rcq.notifications();
    report.rtt_us = times(&histogram);
    report.histogram = rows(&histogram);
    link.close();
    Ok(report)
}

fn us(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1000.0
}

fn times(histogram: &Histogram<u64>) -> Times {
    if histogram.is_empty() {
        return Times::default();
    }
    let at = |quantile| us(histogram.value_at_quantile(quantile));
    Times {
        min: us(histogram.min()),
        mean: histogram.mean() / 1000.0,
        p50: at(0.5),
        p99: at(0.99),
        p999: at(0.999),
        max: us(histogram.max()),
    }
}

/// Rows that grow by the half of a doubling, from the shortest time on.
fn rows(histogram: &Histogram<u64>) -> Vec<Row> {
    let first = histogram.min().max(1_000);
    let row = |step: hdrhistogram::iterators::IterationValue<u64>| Row {
        to_us: us(step.value_iterated_to()),
        count: step.count_since_last_iteration(),
    };
    histogram.iter_log(first, std::f64::consts::SQRT_2).map(row).skip_while(|row| row.count == 0).collect()
}

/// Moves requests of `size` bytes for `seconds` each way.
///
/// # Errors
/// The first thing that fails.
pub fn bandwidth(
    adapter: &Adapter,
    size: usize,
    seconds: u64,
    progress: &mut dyn FnMut(&str, u64),
) -> Result<BandwidthReport, TrafficError> {
    let most = adapter.info().MaxTransferLength as usize;
    if !(1..=most).contains(&size) {
        return Err(TrafficError::Size(size, most));
    }
    let link = Link::new(adapter, WINDOW * size)?;
    let mut report = BandwidthReport { size, window: WINDOW, ..BandwidthReport::default() };
    link.a.region.buffer.fill(1);
    link.b.region.buffer.fill(2);
    report.write = moved(&link, size, seconds, true, &mut |s| progress("write", s))?;
    link.a.region.buffer.fill(3);
    report.read = moved(&link, size, seconds, false, &mut |s| progress("read", s))?;
    link.close();
    Ok(report)
}

fn moved(
    link: &Link,
    size: usize,
    seconds: u64,
    write: bool,
    progress: &mut dyn FnMut(u64),
) -> Result<Moved, TrafficError> {
    let (a, b) = (&link.a, &link.b);
    let post = |slot: usize| {
        let at = slot % WINDOW * size;
        let (sge, remote) = ([a.region.sge(at, size)], b.region.address(at as i64));
        let status = if write {
            a.qp.write(slot, &sge, remote, b.region.remote, 0)
        } else {
            a.qp.read(slot, &sge, remote, b.region.remote, 0)
        };
        if status == STATUS_SUCCESS { Ok(()) } else { Err(TrafficError::Refused("a post", status)) }
    };
    let mut moved = Moved::default();
    let mut next = 0;
    let begun = Instant::now();
    let end = Duration::from_secs(seconds);
    let (mut posted, mut last_look) = (0_u64, 0);
    let mut over = false;
    while !over || moved.requests < posted {
        while !over && posted - moved.requests < WINDOW as u64 {
            post(next)?;
            next += 1;
            posted += 1;
        }
        let works = a.cq.results(WINDOW);
        for work in &works {
            if work.status != STATUS_SUCCESS {
                return Err(TrafficError::Failed(*work));
            }
        }
        moved.requests += works.len() as u64;
        if works.is_empty() {
            a.cq.arm(NDK_CQ_NOTIFY_ANY);
            if !a.cq.wait(LIMIT) {
                return Err(TrafficError::Lost("a notification"));
            }
        }
        if moved.requests >= last_look + BURST || size > 1 << 16 {
            last_look = moved.requests;
            over = begun.elapsed() >= end;
            progress(begun.elapsed().as_secs());
            cpu::preempt_point();
        }
    }
    moved.seconds = begun.elapsed().as_secs_f64();
    moved.bytes = moved.requests * size as u64;
    moved.mib_per_second = moved.bytes as f64 / f64::from(1 << 20) / moved.seconds;
    let used = (moved.requests as usize).min(WINDOW) * size;
    moved.exact = a.region.buffer.bytes(0, used) == b.region.buffer.bytes(0, used);
    Ok(moved)
}

impl PingReport {
    /// What a person reads: the times and a small chart.
    pub fn text(&self) -> String {
        let t = &self.rtt_us;
        let mut text = format!(
            "ping         {} of {} messages of {} bytes came back whole, {} corrupt\n\
             round trip   min/mean/p50/p99/p99.9/max {:.1}/{:.1}/{:.1}/{:.1}/{:.1}/{:.1} us of host time\n",
            self.received, self.sent, self.size, self.corrupt, t.min, t.mean, t.p50, t.p99, t.p999, t.max
        );
        let most = self.histogram.iter().map(|row| row.count).max().unwrap_or(0).max(1);
        for row in &self.histogram {
            let bar = (row.count * BAR as u64).div_ceil(most) as usize;
            text.push_str(&format!("{:>10.1} us {:<BAR$} {}\n", row.to_us, "#".repeat(bar), row.count));
        }
        text
    }
}

impl BandwidthReport {
    /// What a person reads.
    pub fn text(&self) -> String {
        let line = |name: &str, m: &Moved| {
            let exact = if m.exact { "bytes exact" } else { "BYTES DIFFER" };
            format!(
                "{name:<12} {} requests of {} bytes in {:.2} s of host time: {:.0} MiB/s, {exact}\n",
                m.requests, self.size, m.seconds, m.mib_per_second
            )
        };
        line("write", &self.write) + &line("read", &self.read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_has_every_round_trip_once() {
        let mut histogram = Histogram::<u64>::new_with_max(60_000_000_000, DIGITS).unwrap();
        for i in 1..=1000_u64 {
            histogram.record(i * 1000).unwrap();
        }
        let rows = rows(&histogram);
        assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), 1000);
        assert!(rows.len() > 10 && rows.is_sorted_by(|a, b| a.to_us < b.to_us));
        let times = times(&histogram);
        assert!(times.min <= 1.0 && (times.p50 - 500.0).abs() < 1.0 && times.max >= 1000.0, "{times:?}");
        let report = PingReport { histogram: rows, ..PingReport::default() };
        let longest = report.text().lines().map(|l| l.matches('#').count()).max();
        assert_eq!(longest, Some(BAR));
    }

    #[test]
    fn an_empty_histogram_is_no_error() {
        let histogram = Histogram::<u64>::new_with_max(60_000_000_000, DIGITS).unwrap();
        assert!(rows(&histogram).is_empty());
        assert!(PingReport { rtt_us: times(&histogram), ..PingReport::default() }.text().contains("0 of 0"));
    }
}
