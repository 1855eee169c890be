//! The device: PnP, power, link, events.

use crate::{
    adapter::{self, IgbAdapter},
    config::Config,
    control,
    counters::{Count, Counters},
    error::{log, status},
    event_log::EventLog,
    hardware::{Hardware, Mmio, Stall},
    heap::Heap,
    mac::Mac,
    ndk::Ndk,
    rings::Rings,
    trace,
    vmq::{self, Vmq},
    waits::{WaitFor, Waits},
};
use core::sync::atomic::{AtomicBool, Ordering};
use igb::{
    counters::{Counter, Totals},
    device::{Link, PHY_REGISTERS},
    filter::ReceiveFilter,
    interrupt::Cause,
};
use igbcx_ioctl::EventKind;
use netadaptercx::{
    Result, Status,
    adapter::{Adapter, LinkState, Pause},
    config::Configuration,
    irql::{AtMostDispatch, Passive},
    wdf::{
        assigned::{Assigned, Released},
        device::{Device, DeviceInit, PnpDevice},
        io_queue::{ControlDevice, create_default_queue},
        lock::{SpinGuard, SpinLock},
        object::Ancestor,
        request::Request,
        resources::Resources,
        time,
    },
    wdf_context,
};

/// How long D0Entry waits for a request that is still being completed from before: 1 s in steps of 50 us.
const START_TRIES: u32 = 20_000;

/// The context of the device object.
pub struct Igb {
    device: Device,
    hardware: Assigned<Hardware>,
    adapter: Adapter,
    /// NetAdapterStart succeeded and NetAdapterStop did not follow yet.
    started: AtomicBool,
    /// Serialises changes of the MAC.
    mac: SpinLock<Heap<Mac>>,
    /// Statistics registers, summed up.
    totals: SpinLock<Heap<KeptTotals>>,
    rings: SpinLock<Rings>,
    waits: Waits,
    pub ndk: Ndk,
    /// One caller at a time uses the PHY.
    phy_in_use: AtomicBool,
    pub vmq: Vmq,
    pub events: EventLog,
    pub counters: Counters,
    pub link_changes: Count,
    pub waits_cancelled: Count,
}
wdf_context!(Igb);

/// The hardware's counters over resets and power cycles, which clear the registers.
pub struct KeptTotals {
    pub totals: Totals,
    /// Resets and power cycles they were carried across.
    pub carried: u64,
}

impl KeptTotals {
    /// Adds what the registers hold, which clears them.
    pub fn collect(
        &mut self,
        nic: &igb::device::Device<Mmio, Stall>,
        each: impl FnMut(&Counter, u64),
    ) -> core::result::Result<(), igb::Error> {
        nic.collect_counters(&mut self.totals, each)
    }
}

impl Igb {
    /// The adapter object.
    pub fn adapter(&self) -> Adapter {
        self.adapter
    }

    /// The hardware, between PrepareHardware and ReleaseHardware.
    pub fn hardware(&self) -> Option<&Hardware> {
        self.hardware.get()
    }

    /// The summed-up statistics registers.
    pub fn totals<'l>(&'l self, irql: AtMostDispatch<'l>) -> SpinGuard<'l, Heap<KeptTotals>> {
        self.totals.lock(irql)
    }

    /// The MAC's filters.
    pub fn mac<'l>(&'l self, irql: AtMostDispatch<'l>) -> SpinGuard<'l, Heap<Mac>> {
        self.mac.lock(irql)
    }

    /// Rings of the started queues.
    pub fn rings<'l>(&'l self, irql: AtMostDispatch<'l>) -> SpinGuard<'l, Rings> {
        self.rings.lock(irql)
    }

    /// Logs an event, traces it and answers who waits for it.
    pub fn event(&self, kind: EventKind, arguments: [u32; 3], irql: AtMostDispatch<'_>) {
        self.events.add(kind, time::interrupt_time(), arguments);
        trace::event(kind, arguments, || self.hardware().map_or([0; 6], |hardware| hardware.station().0));
        self.waits.deliver(&self.events, irql);
    }

    /// Logs the status that a start or stop ends with.
    fn error(&self, status: Status, passive: Passive<'_>) -> Status {
        self.event(EventKind::Error, [status.code() as u32, 0, 0], passive.into());
        status
    }

    /// Lets a request wait for an event.
    pub fn wait(&self, request: Request, wait: WaitFor, irql: AtMostDispatch<'_>) {
        self.waits.enter(request, wait, &self.events, irql);
    }

    /// The PHY's registers; none while another caller reads them, or when the PHY does not answer.
    pub fn read_phy(&self, nic: &igb::device::Device<Mmio, Stall>) -> Option<[u16; PHY_REGISTERS]> {
        if self.phy_in_use.swap(true, Ordering::Acquire) {
            return None;
        }
        let registers = nic.phy_registers();
        self.phy_in_use.store(false, Ordering::Release);
        registers.map_err(status).ok()
    }

    /// Keeps `filter` and sets it.
    pub fn set_receive_filter(&self, filter: ReceiveFilter, irql: AtMostDispatch<'_>) {
        if let Err(error) = self.mac(irql).set_receive_filter(filter, self.hardware()) {
            // The callback cannot fail; a device that is gone is reported by whoever waits for it.
            log!("receive filter: {error}");
        }
    }

    /// Tells the framework what the link is now.
    pub fn report_link(&self, irql: AtMostDispatch<'_>) {
        let Some(hardware) = self.hardware() else { return };
        match hardware.nic.link() {
            Ok(link) => {
                self.adapter.set_link_state(link_state(link), irql);
                self.link_changes.add(1);
                match link {
                    Link::Down => self.event(EventKind::LinkDown, [0; 3], irql),
                    Link::Up { speed, full_duplex, .. } => {
                        let megabits = (speed.bits_per_second() / 1_000_000) as u32;
                        self.event(EventKind::LinkUp, [megabits, full_duplex.into(), 0], irql);
                    }
                }
            }
            Err(error) => log!("link: {error}"),
        }
    }

    /// Reports the device as failed; PnP takes it away and starts it again.
    pub fn fail(&self, why: &str, irql: AtMostDispatch<'_>) {
        log!("{why}: restarting the device");
        self.event(EventKind::Failed, [0; 3], irql);
        self.ndk.fail(irql);
        self.device.set_failed();
    }

    /// The last resort when a queue does not stop: a reset of the whole device, which ends all DMA, and a restart.
    pub fn halt(&self, queue: Cause, irql: AtMostDispatch<'_>) -> Option<igb::device::Reset> {
        self.fail("a queue does not stop", irql);
        let nic = &self.hardware()?.nic;
        self.carry_counters(nic, irql);
        let reset = {
            let _mac = self.mac(irql);
            nic.reset().map_err(status).ok()
        };
        let arguments = match queue {
            Cause::Tx(queue) => [queue.into(), 0, 0],
            Cause::Rx(queue) => [queue.into(), 1, 0],
            Cause::Link => [0; 3],
        };
        self.event(EventKind::Reset, arguments, irql);
        reset
    }

    /// Saves the statistics registers from a reset. A device that is gone has none.
    fn carry_counters(&self, nic: &igb::device::Device<Mmio, Stall>, irql: AtMostDispatch<'_>) {
        self.vmq.count_drops(self, irql);
        let mut kept = self.totals.lock(irql);
        if kept.collect(nic, |_, _| {}).is_ok() {
            kept.carried += 1;
        }
    }
}

const fn link_state(link: Link) -> LinkState {
    match link {
        Link::Down => LinkState::Down,
        Link::Up { speed, full_duplex, rx_pause, tx_pause } => LinkState::Up {
            speed: speed.bits_per_second(),
            full_duplex,
            pause: Pause { send: tx_pause, receive: rx_pause },
            negotiated: true,
        },
    }
}

impl PnpDevice for Igb {
    fn load(passive: Passive<'_>) {
        trace::start(passive);
    }

    fn unload(passive: Passive<'_>) {
        trace::stop(passive);
    }

    fn init(init: &mut DeviceInit<'_>) -> Result<()> {
        init.request_context::<WaitFor>();
        Ok(())
    }

    fn add(device: Device, context: Ancestor<Self>, passive: Passive<'_>) -> Result<Self> {
        create_default_queue::<Self>(device, passive)?;
        device.create_interface(&control::INTERFACE, passive)?;
        vmq::door::offer(device, passive)?;
        crate::ndk::door::offer(device, passive)?;
        Ok(Self {
            device,
            hardware: Assigned::empty(),
            adapter: Adapter::new(device, IgbAdapter::new(context), passive)?,
            started: AtomicBool::new(false),
            mac: SpinLock::new(device, Heap::new(|| const { Mac::new() })?, passive)?,
            totals: SpinLock::new(device, Heap::new(|| KeptTotals { totals: Totals::new(), carried: 0 })?, passive)?,
            rings: SpinLock::new(device, Rings::none(), passive)?,
            waits: Waits::new(device, passive)?,
            ndk: Ndk::new(device, context, passive)?,
            phy_in_use: AtomicBool::new(false),
            vmq: Vmq::new(device, context, passive)?,
            events: EventLog::new().ok_or(Status::new(wdk_sys::STATUS_INSUFFICIENT_RESOURCES))?,
            counters: Counters::new(),
            link_changes: Count::default(),
            waits_cancelled: Count::default(),
        })
    }

    fn prepare_hardware(
        &'static self,
        device: Device,
        context: Ancestor<Self>,
        resources: &Resources<'_>,
        passive: Passive<'_>,
    ) -> Result<()> {
        let prepare = || {
            let config = Config::read(&Configuration::open(self.adapter, passive)?);
            let hardware = Hardware::prepare(device, context, config, resources, passive)?;
            let hardware = self.hardware.fill(hardware, resources);
            self.adapter.set_capabilities(&adapter::capabilities(hardware), passive);
            self.adapter.set_link_state(LinkState::Down, passive.into());
            self.adapter.start(passive)
        };
        prepare().map_err(|status| self.error(status, passive))?;
        self.started.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn release_hardware(&'static self, _device: Device, released: Released<'_>) {
        // Also what came after D0Exit, or after a start that failed.
        self.waits.stop(released.passive().into());
        self.vmq.remove(self, released.passive());
        if self.started.swap(false, Ordering::Relaxed) {
            self.adapter.stop(released.passive());
        }
        drop(self.hardware.take(&released));
    }

    fn surprise_removal(&'static self, _device: Device, passive: Passive<'_>) {
        // Every wait on the hardware ends at the first read of all ones; there is nothing to hurry.
        log!("the device is gone");
        self.event(EventKind::Removed, [0; 3], passive.into());
        self.waits.purge(passive.into());
        self.ndk.stop(passive);
    }

    fn d0_entry(&'static self, _device: Device, passive: Passive<'_>) -> Result<()> {
        let hardware = self.hardware().ok_or(Status::new(wdk_sys::STATUS_DEVICE_NOT_READY))?;
        let start = || {
            self.vmq.reset_done(hardware.nic.reset()?, passive.into());
            hardware.nic.configure(hardware.config.max_frame)?;
            hardware.interrupts.configure()?;
            self.mac(passive.into()).restore(hardware)?;
            hardware.nic.enable_transmit(true)?;
            hardware.nic.enable_receive(true)?;
            hardware.nic.start_link()
        };
        start().map_err(|error| self.error(status(error), passive))
    }

    fn d0_entry_post_interrupts_enabled(&'static self, _device: Device, passive: Passive<'_>) -> Result<()> {
        let restarted = (0..START_TRIES).any(|_| {
            let started = self.waits.start(&self.events, passive.into());
            if !started {
                time::stall(50);
            }
            started
        });
        if !restarted {
            return Err(Status::new(wdk_sys::STATUS_DEVICE_BUSY));
        }
        self.vmq.resume(self, passive)?;
        self.event(EventKind::Started, [0; 3], passive.into());
        self.ndk.start(passive);
        // The link may have come before its interrupt was let through.
        self.report_link(passive.into());
        Ok(())
    }

    fn d0_exit(&'static self, _device: Device, passive: Passive<'_>) -> Result<()> {
        self.event(EventKind::Stopped, [0; 3], passive.into());
        // StopAndPurge, not Purge: the device comes back, and who asks meanwhile is answered then. Not Stop or Drain: who
        // waits for an event that cannot come learns it now.
        self.waits.stop(passive.into());
        self.ndk.stop(passive);
        let Some(hardware) = self.hardware() else { return Ok(()) };
        let mut result = Ok(());
        self.vmq.suspend(self, passive, || {
            self.carry_counters(&hardware.nic, passive.into());
            match hardware.nic.reset() {
                Ok(reset) => self.vmq.reset_done(reset, passive.into()),
                Err(igb::Error::DeviceGone) => {}
                Err(error) => result = Err(self.error(status(error), passive)),
            }
            result.is_ok()
        });
        result
    }
}

impl ControlDevice for Igb {
    fn device_control(&'static self, request: Request, code: u32, passive: Passive<'_>) {
        control::dispatch(self, request, code, passive);
    }

    fn wait_cancelled(&'static self, _irql: AtMostDispatch<'_>) {
        self.waits_cancelled.add(1);
    }
}
