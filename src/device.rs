//! The device: PnP, power, link.

use crate::{
    adapter::{self, IgbAdapter},
    config::Config,
    error::{log, status},
    hardware::Hardware,
};
use core::sync::atomic::{AtomicBool, Ordering};
use igb::{device::Link, filter::ReceiveFilter};
use netadaptercx::{
    Result, Status,
    adapter::{Adapter, LinkState, Pause},
    config::Configuration,
    irql::{AtMostDispatch, Passive},
    wdf::{
        assigned::{Assigned, Released},
        device::{Device, PnpDevice},
        lock::SpinLock,
        object::Ancestor,
        resources::Resources,
    },
    wdf_context,
};

/// The context of the device object.
pub struct Igb {
    device: Device,
    hardware: Assigned<Hardware>,
    adapter: Adapter,
    /// NetAdapterStart succeeded and NetAdapterStop did not follow yet.
    started: AtomicBool,
    /// Serialises changes of the MAC; holds the newest receive filter, which the framework does not repeat after D3.
    filter: SpinLock<ReceiveFilter>,
}
wdf_context!(Igb);

impl Igb {
    /// The hardware, between PrepareHardware and ReleaseHardware.
    pub fn hardware(&self) -> Option<&Hardware> {
        self.hardware.get()
    }

    /// Keeps `filter` and sets it.
    pub fn set_receive_filter(&self, filter: ReceiveFilter, irql: AtMostDispatch<'_>) {
        let mut kept = self.filter.lock(irql);
        *kept = filter;
        if let Some(hardware) = self.hardware()
            && let Err(error) = hardware.nic.set_receive_filter(hardware.station(), &kept)
        {
            // The callback cannot fail; a device that is gone is reported by whoever waits for it.
            log!("receive filter: {error}");
        }
    }

    /// Tells the framework what the link is now.
    pub fn report_link(&self, irql: AtMostDispatch<'_>) {
        let Some(hardware) = self.hardware() else { return };
        match hardware.nic.link() {
            Ok(link) => self.adapter.set_link_state(link_state(link), irql),
            Err(error) => log!("link: {error}"),
        }
    }

    /// Reports the device as failed; PnP takes it away and starts it again.
    pub fn fail(&self, why: &str) {
        log!("{why}: restarting the device");
        self.device.set_failed();
    }

    /// The last resort when a queue does not stop: a reset of the whole device, which ends all DMA, and a restart.
    pub fn halt(&self, irql: AtMostDispatch<'_>) -> Option<igb::device::Reset> {
        self.fail("a queue does not stop");
        let _mac = self.filter.lock(irql);
        self.hardware()?.nic.reset().map_err(status).ok()
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
    fn add(device: Device, context: Ancestor<Self>, passive: Passive<'_>) -> Result<Self> {
        Ok(Self {
            device,
            hardware: Assigned::empty(),
            adapter: Adapter::new(device, IgbAdapter::new(context), passive)?,
            started: AtomicBool::new(false),
            filter: SpinLock::new(device, ReceiveFilter::nothing(), passive)?,
        })
    }

    fn prepare_hardware(
        &'static self,
        device: Device,
        context: Ancestor<Self>,
        resources: &Resources<'_>,
        passive: Passive<'_>,
    ) -> Result<()> {
        let config = Config::read(&Configuration::open(self.adapter, passive)?);
        let hardware = Hardware::prepare(device, context, config, resources, passive)?;
        let hardware = self.hardware.fill(hardware, resources);
        self.adapter.set_capabilities(&adapter::capabilities(hardware), passive);
        self.adapter.set_link_state(LinkState::Down, passive.into());
        self.adapter.start(passive)?;
        self.started.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn release_hardware(&'static self, _device: Device, released: Released<'_>) {
        if self.started.swap(false, Ordering::Relaxed) {
            self.adapter.stop(released.passive());
        }
        drop(self.hardware.take(&released));
    }

    fn surprise_removal(&'static self, _device: Device, _passive: Passive<'_>) {
        // Every wait on the hardware ends at the first read of all ones; there is nothing to hurry.
        log!("the device is gone");
    }

    fn d0_entry(&'static self, _device: Device, passive: Passive<'_>) -> Result<()> {
        let hardware = self.hardware().ok_or(Status::new(wdk_sys::STATUS_DEVICE_NOT_READY))?;
        let start = || {
            hardware.nic.reset()?;
            hardware.nic.configure(hardware.config.max_frame)?;
            hardware.interrupts.configure()?;
            let filter = self.filter.lock(passive.into());
            hardware.nic.set_receive_filter(hardware.station(), &filter)?;
            drop(filter);
            hardware.nic.enable_transmit(true)?;
            hardware.nic.enable_receive(true)?;
            hardware.nic.start_link()
        };
        start().map_err(status)
    }

    fn d0_entry_post_interrupts_enabled(&'static self, _device: Device, passive: Passive<'_>) -> Result<()> {
        // The link may have come before its interrupt was let through.
        self.report_link(passive.into());
        Ok(())
    }

    fn d0_exit(&'static self, _device: Device, _passive: Passive<'_>) -> Result<()> {
        let Some(hardware) = self.hardware() else { return Ok(()) };
        match hardware.nic.reset() {
            Ok(_) | Err(igb::Error::DeviceGone) => Ok(()),
            Err(error) => Err(status(error)),
        }
    }
}
