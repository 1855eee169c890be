//! The machine: adapter, driver and device, moved through PnP and power states as Windows would.

use crate::board::{Board, LoggedWire};
use crate::builder::{self, Builder};
use crate::control::{self, ControlReport};
use crate::error::{Error, Status};
use crate::log::Entry;
use crate::model::Model;
use crate::report::{Direction, DriverInfo, Mmio, NicInfo, Report, Rules, Violation};
use crate::stack::{AdapterPort, Stack};
use lab_kernel::{bugcheck, cpu, exports, pool, rules};
use lab_kmdf::{Device, Driver, Resources};
use lab_netcx::{Adapter, AdapterStats, QueueStats};
use lab_nic::{DmaFault, Nic};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use wdk_sys::_WDF_POWER_DEVICE_STATE::WdfPowerDeviceD3;

/// A machine with one adapter and one driver. It belongs to the thread that built it.
///
/// Dropping it removes the device and unloads the driver, unless the thread is panicking: then only the adapter is
/// stopped.
pub struct Machine {
    board: Arc<Board>,
    driver: Option<Driver>,
    device: Option<Device>,
    /// What the device was added with.
    resources: Option<Resources>,
    /// Counters of the adapter object, kept when the device goes.
    last_stats: AdapterStats,
    built: Instant,
    leaks: Vec<String>,
    pub(crate) about: DriverInfo,
    pub(crate) nic_info: NicInfo,
    /// Lab threads are bound to the machine: not Send.
    not_send: PhantomData<*const ()>,
}

impl Machine {
    /// Starts to set up a machine.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(board: Arc<Board>, driver: Driver) -> Machine {
        Machine {
            board,
            driver: Some(driver),
            device: None,
            resources: None,
            last_stats: AdapterStats::default(),
            built: Instant::now(),
            leaks: Vec::new(),
            about: DriverInfo::default(),
            nic_info: NicInfo::default(),
            not_send: PhantomData,
        }
    }

    pub(crate) fn add_device(&mut self, resources: Resources) -> Result<(), Error> {
        let driver = self.driver.as_ref().ok_or(Error::Removed)?;
        self.resources = Some(resources.clone());
        self.device = Some(driver.add_device(resources).map_err(|s| Error::AddDevice(Status(s)))?);
        Ok(())
    }

    /// The PnP manager finds the adapter again: after [`Machine::remove`], EvtDriverDeviceAdd with the resources of
    /// before. The device is not started.
    ///
    /// # Errors
    /// [`Error::AddDevice`], and [`Error::Removed`] if the machine has no driver.
    pub fn add_again(&mut self) -> Result<(), Error> {
        self.remove();
        let resources = self.resources.clone().ok_or(Error::Removed)?;
        self.add_device(resources)
    }

    /// Removes the device, unloads the driver, loads its file again and adds the device, which is not started.
    ///
    /// # Errors
    /// Any [`Error`] of the image, DriverEntry or EvtDriverDeviceAdd.
    pub fn reload(&mut self) -> Result<(), Error> {
        self.remove();
        let driver = self.driver.take().ok_or(Error::Removed)?;
        let registry = driver.registry().clone();
        driver.unload();
        let image = lab_kernel::image::load(Path::new(&self.about.file), &builder::resolve)?;
        self.driver = Some(lab_kmdf::load_driver(image, registry).map_err(Error::DriverEntry)?);
        self.add_again()
    }

    /// IRP_MN_START_DEVICE: PrepareHardware, D0Entry, interrupts, datapath.
    ///
    /// # Errors
    /// [`Error::Transition`] with the driver's status; the framework has unwound what was begun.
    pub fn start(&mut self) -> Result<(), Error> {
        self.transition("start", Device::start)
    }

    /// IRP_MN_STOP_DEVICE; the device can be started again.
    ///
    /// # Errors
    /// [`Error::Transition`].
    pub fn stop(&mut self) -> Result<(), Error> {
        self.transition("stop", Device::stop)
    }

    /// D0 to D3.
    ///
    /// # Errors
    /// [`Error::Transition`].
    pub fn d3(&mut self) -> Result<(), Error> {
        self.transition("to D3", |device| device.to_dx(WdfPowerDeviceD3))
    }

    /// D3 to D0.
    ///
    /// # Errors
    /// [`Error::Transition`].
    pub fn d0(&mut self) -> Result<(), Error> {
        self.transition("to D0", Device::to_d0)
    }

    /// The adapter is pulled out: from now on reads are all ones; the PnP manager tells the driver.
    /// [`Machine::remove`] follows, as on Windows when the last handle closes.
    ///
    /// # Errors
    /// [`Error::Removed`].
    pub fn surprise_remove(&mut self) -> Result<(), Error> {
        self.nic().faults().surprise_remove();
        self.device()?.surprise_remove();
        Ok(())
    }

    /// IRP_MN_QUERY_REMOVE and IRP_MN_REMOVE_DEVICE: the device and what it owns are gone. Does nothing if it was
    /// removed before.
    pub fn remove(&mut self) {
        if let Some(device) = self.device.take() {
            self.last_stats = adapter_stats(&device);
            device.remove();
        }
    }

    /// The adapter object that the driver made.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] before NetAdapterCreate and [`Error::Removed`] after removal.
    pub fn adapter(&self) -> Result<&'static Adapter, Error> {
        lab_netcx::adapter_of(self.device()?.handle()).ok_or(Error::NoAdapter)
    }

    /// The device, for transitions that have no method here.
    ///
    /// # Errors
    /// [`Error::Removed`] after removal.
    pub fn device(&self) -> Result<&Device, Error> {
        self.device.as_ref().ok_or(Error::Removed)
    }

    /// The adapter hardware: faults, link, counters, PCI.
    pub fn nic(&self) -> &Arc<Nic> {
        self.board.nic()
    }

    /// The lab's end of the cable, if the machine was built with `Net::Wire`.
    pub fn wire(&self) -> Option<LoggedWire<'_>> {
        LoggedWire::new(&self.board)
    }

    /// Waits until the driver reports the link as wanted.
    ///
    /// # Errors
    /// [`Error::NoLink`] after `limit`.
    pub fn wait_link(&self, up: bool, limit: Duration) -> Result<(), Error> {
        let adapter = self.adapter()?;
        let end = cpu::now() + limit;
        while adapter.link().connected != up {
            let left = end.checked_sub(cpu::now()).filter(|left| !left.is_zero()).ok_or(Error::NoLink(limit))?;
            cpu::wait_for("a change of the link state", &adapter.link_event(), Some(left));
        }
        Ok(())
    }

    /// Asks the driver for its statistics, as igbcxctl does, and compares them with what lab and adapter counted; `None`
    /// if it has no control interface. Traffic should have come to rest.
    ///
    /// # Errors
    /// [`Error::Control`], and as [`Machine::adapter`].
    pub fn audit(&self) -> Result<Option<ControlReport>, Error> {
        let model = Model::of(&self.nic_info.device);
        Ok(control::audit(self.device()?, self.adapter()?, &self.board, model)?)
    }

    /// A TCP/IP stack above the adapter.
    ///
    /// # Errors
    /// As [`Machine::adapter`].
    pub fn stack(&self) -> Result<Stack<AdapterPort>, Error> {
        Ok(Stack::new(AdapterPort::new(self.adapter()?), self.nic_info.seed))
    }

    /// SHA-256 over every register access, interrupt, DMA mapping, wire frame and step of virtual time in order, each
    /// with the number of preempt points before it, and over the counters of every entry the driver called. With the
    /// virtual clock, runs of the same seed have the same hash.
    pub fn log_hash(&self) -> [u8; 32] {
        let mut extra = String::new();
        for (name, calls) in exports::calls() {
            extra.push_str(&format!("{name} {calls}\n"));
        }
        let stats = cpu::stats();
        extra.push_str(&format!("switches {} dpcs {} timers {}", stats.switches, stats.dpcs, stats.timers));
        self.board.with_log(|log| log.hash(extra.as_bytes()))
    }

    /// The first 2^20 events of the log behind [`Machine::log_hash`].
    pub fn log(&self) -> Vec<Entry> {
        self.board.with_log(|log| log.entries().to_vec())
    }

    /// SHA-256 over guest RAM.
    pub fn ram_hash(&self) -> [u8; 32] {
        self.nic().ram().hash()
    }

    /// Every counter as of now; not yet judged.
    pub fn report(&self) -> Report {
        let stats = self.device.as_ref().map_or_else(|| self.last_stats.clone(), adapter_stats);
        let mut report = Figures::of(self).report(&stats);
        report.leaks = self.leaks.clone();
        report
    }

    /// Should the machine be stopped (bugcheck, deadlock, unknown import), a report that says so goes to `json`.
    pub fn report_if_stopped(&self, json: PathBuf) {
        let (figures, adapter) = (Figures::of(self), self.adapter().ok());
        bugcheck::at_stop(move || {
            let write = |stats: &AdapterStats| {
                let mut report = figures.report(stats);
                report.fail("the machine was stopped; standard error says why");
                report.judge();
                if let Err(e) = report.write_json(&json) {
                    eprintln!("cannot write {}: {e}", json.display());
                }
            };
            // The stopped thread may hold a lock of the adapter object for ever: one report is written before it is asked.
            write(&AdapterStats::default());
            if let Some(adapter) = adapter {
                write(&adapter.stats());
            }
        });
    }

    /// Removes the device, unloads the driver, looks for leaks and judges the run. The adapter is stopped and the
    /// capture written.
    pub fn finish(mut self) -> Report {
        self.tear_down();
        let mut report = self.report();
        report.judge();
        report
    }

    fn transition(&self, name: &'static str, go: impl FnOnce(&Device) -> Result<(), i32>) -> Result<(), Error> {
        let device = self.device()?;
        go(device).map_err(|status| {
            let (step, status) = device.last_failure().map_or(("the framework", status), |f| (f.step, f.status));
            Error::Transition { transition: name, step, status: Status(status) }
        })
    }

    fn tear_down(&mut self) {
        self.remove();
        let Some(driver) = self.driver.take() else { return };
        driver.unload();
        self.leaks = leaks(&self.board);
        self.board.dma_faults();
        self.nic().stop();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The driver may be in the middle of anything.
            self.nic().stop();
        } else {
            self.tear_down();
        }
    }
}

/// What a report is made of when the adapter object is not asked.
struct Figures {
    board: Arc<Board>,
    about: DriverInfo,
    nic_info: NicInfo,
    built: Instant,
}

impl Figures {
    fn of(machine: &Machine) -> Figures {
        Figures {
            board: machine.board.clone(),
            about: machine.about.clone(),
            nic_info: machine.nic_info.clone(),
            built: machine.built,
        }
    }

    fn report(&self, stats: &AdapterStats) -> Report {
        let nic = self.board.nic().stats();
        let model = Model::of(&self.nic_info.device);
        let tails = |is_tail: fn(&Model, u64) -> bool| {
            let ours = nic.writes_to.iter().filter(|(offset, _)| model.is_some_and(|m| is_tail(m, **offset)));
            ours.map(|(_, count)| count).sum()
        };
        let counts = rules::snapshot();
        let faults = self.board.dma_faults();
        Report {
            driver: self.about.clone(),
            nic: self.nic_info.clone(),
            tx: direction(stats.tx_packets, stats.tx_bytes, tails(Model::is_tx_tail), &stats.tx_queues),
            rx: direction(stats.rx_packets, stats.rx_bytes, tails(Model::is_rx_tail), &stats.rx_queues),
            mmio: Mmio { reads: nic.mmio_reads, writes: nic.mmio_writes },
            interrupts: cpu::stats().interrupts,
            advance_calls: stats.advance_calls,
            dma_faults: faults.len() as u64,
            dma_fault_list: faults.iter().map(fault_text).collect(),
            rules: Rules {
                checked: counts.iter().map(|r| r.checked).sum(),
                violations: counts.iter().map(|r| r.violated).sum(),
                distinct: counts.len(),
                violated: rules::violations().into_iter().map(violation).collect(),
            },
            seconds: self.built.elapsed().as_secs_f64(),
            ..Report::default()
        }
    }
}

fn adapter_stats(device: &Device) -> AdapterStats {
    lab_netcx::adapter_of(device.handle()).map(Adapter::stats).unwrap_or_default()
}

fn direction(packets: u64, bytes: u64, tail_writes: u64, queues: &[QueueStats]) -> Direction {
    let sum = |f: fn(&QueueStats) -> u64| queues.iter().map(f).sum();
    let packets_per_tail_write = if tail_writes == 0 { 0.0 } else { packets as f64 / tail_writes as f64 };
    Direction {
        packets,
        bytes,
        tail_writes,
        packets_per_tail_write,
        advance_calls: sum(|q| q.advance_calls),
        arms: sum(|q| q.arms),
        notifications: sum(|q| q.notifications),
    }
}

fn fault_text(fault: &DmaFault) -> String {
    let DmaFault { address, write, reason, more_lost, .. } = fault;
    let direction = if *write { "write to" } else { "read of" };
    let more = if *more_lost { "; more came and were not recorded" } else { "" };
    format!("{direction} page {address:#x}, fault reason {reason}{more}")
}

fn violation(v: rules::Violation) -> Violation {
    Violation { rule: v.rule.into(), text: v.text.into(), source: v.source.into(), detail: v.detail, at: v.at }
}

/// What is left when driver and device are gone.
fn leaks(board: &Board) -> Vec<String> {
    let pool = pool::in_use().into_iter().map(|u| format!("pool tag {}: {} blocks, {} bytes", u.tag, u.count, u.bytes));
    let objects =
        lab_kmdf::live_objects().into_iter().map(|o| format!("{} {:#x} made by {}", o.kind, o.handle, o.created_by));
    let maps = board.open_maps().into_iter().map(|(at, len)| format!("DMA mapping of {len} bytes at {at:#x}"));
    pool.chain(objects).chain(lab_netcx::shared_memory::in_use()).chain(maps).collect()
}
