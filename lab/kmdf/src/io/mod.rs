//! I/O of a device: its queues, which of them takes what, open files and interfaces (WDF fxpkgio.cpp, fxpkggeneral.cpp).

pub(crate) mod buffer_api;
mod config;
pub(crate) mod file;
pub(crate) mod file_api;
mod host;
pub(crate) mod init_api;
pub(crate) mod interface;
pub(crate) mod interface_api;
mod irp;
pub(crate) mod query;
pub(crate) mod queue;
pub(crate) mod request;
pub(crate) mod request_api;

use crate::device::DeviceState;
pub(crate) use config::IoConfig;
pub use host::{File, Ioctl};
use interface::Interface;
pub use irp::Completion;
use irp::Major;
pub use query::Exposed;
use query::QueryInterface;
use queue::engine::{self, Host};
use queue::power::Power;
use queue::{Plan, Queue};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use wdk_sys::_WDF_IO_QUEUE_DISPATCH_TYPE::WdfIoQueueDispatchManual;
use wdk_sys::_WDF_TRI_STATE::WdfFalse;
use wdk_sys::{NTSTATUS, WDF_IO_QUEUE_CONFIG};

/// FxIoStopProcessingForPowerAction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// To Dx: the driver holds its requests, the queues theirs.
    Hold,
    /// The device goes away: power-managed queues are purged.
    PurgeManaged,
    /// And the others.
    PurgeNonManaged,
}

/// The framework's FxPkgIo and FxPkgGeneral of a device.
pub(crate) struct Package {
    pub(crate) config: IoConfig,
    /// In the order of creation, which is the order of power transitions.
    queues: RefCell<Vec<&'static Queue>>,
    default: Cell<Option<&'static Queue>>,
    /// WdfDeviceConfigureRequestDispatching.
    table: RefCell<BTreeMap<Major, &'static Queue>>,
    /// The driver's queue for creates.
    pub(crate) create_queue: Cell<Option<&'static Queue>>,
    /// The framework's, for EvtDeviceFileCreate.
    pub(crate) creates: Cell<Option<&'static Queue>>,
    /// Power-managed queues that are made now are on.
    pub(crate) power_on: Cell<bool>,
    shutting_down: Cell<bool>,
    pub(crate) open_files: Cell<u32>,
    /// What runs when the last file is closed: a removal that waits for it.
    when_closed: RefCell<Option<Box<dyn FnOnce()>>>,
    pub(crate) interfaces: RefCell<Vec<Interface>>,
    /// The device has been started: interfaces can be opened.
    pub(crate) interfaces_live: Cell<bool>,
    pub(crate) symbolic_links: RefCell<Vec<String>>,
    pub(crate) query_interfaces: RefCell<Vec<QueryInterface>>,
}

impl Package {
    pub(crate) fn new(config: IoConfig) -> Package {
        Package {
            config,
            queues: RefCell::default(),
            default: Cell::new(None),
            table: RefCell::default(),
            create_queue: Cell::new(None),
            creates: Cell::new(None),
            power_on: Cell::new(false),
            shutting_down: Cell::new(false),
            open_files: Cell::new(0),
            when_closed: RefCell::default(),
            interfaces: RefCell::default(),
            interfaces_live: Cell::new(false),
            symbolic_links: RefCell::default(),
            query_interfaces: RefCell::default(),
        }
    }

    /// The rest of WdfDeviceCreate: the queue for EvtDeviceFileCreate.
    ///
    /// # Errors
    /// STATUS_INSUFFICIENT_RESOURCES.
    pub(crate) fn device_created(&self, device: &'static DeviceState) -> Result<(), NTSTATUS> {
        if self.config.file.is_some_and(|f| f.EvtDeviceFileCreate.is_some()) {
            let config = WDF_IO_QUEUE_CONFIG {
                Size: size_of::<WDF_IO_QUEUE_CONFIG>() as u32,
                DispatchType: WdfIoQueueDispatchManual,
                PowerManaged: WdfFalse,
                ..Default::default()
            };
            self.creates.set(Some(queue::create(device, Plan { config, attributes: None, kept: true })?));
        }
        Ok(())
    }

    pub(crate) fn add(&self, queue: &'static Queue) {
        self.queues.borrow_mut().push(queue);
        if self.shutting_down.get() {
            queue.with(|c| c.shut_down());
        }
    }

    pub(crate) fn remove(&self, queue: &'static Queue) {
        self.queues.borrow_mut().retain(|&q| !std::ptr::eq(q, queue));
    }

    pub(crate) fn default_queue(&self) -> Option<&'static Queue> {
        self.default.get()
    }

    pub(crate) fn set_default(&self, queue: &'static Queue) {
        self.default.set(Some(queue));
    }

    /// The queue for requests of this kind.
    fn queue_for(&self, major: Major) -> Option<&'static Queue> {
        self.table.borrow().get(&major).copied().or(self.default.get())
    }

    /// Dispatches requests of this kind to `queue`; false: another queue has them already.
    pub(crate) fn configure(&self, major: Major, queue: &'static Queue) -> bool {
        match major {
            Major::Create if self.create_queue.get().is_some() => false,
            Major::Create => {
                self.create_queue.set(Some(queue));
                true
            }
            _ => {
                let mut table = self.table.borrow_mut();
                let free = !table.contains_key(&major);
                table.entry(major).or_insert(queue);
                free
            }
        }
    }

    fn all(&self) -> Vec<&'static Queue> {
        self.queues.borrow().clone()
    }

    /// FxPkgIo::StopProcessingForPower.
    pub(crate) fn stop(&self, stop: Stop) {
        self.power_on.set(false);
        if stop != Stop::Hold {
            self.shutting_down.set(true);
        }
        let queues = self.all();
        if stop == Stop::Hold {
            for queue in queues.iter().filter(|q| q.is_power_managed()) {
                queue.change_power(Power::StartingTransition, "threads to stop dispatching from WDFQUEUE");
            }
        }
        for queue in queues {
            let purge = match stop {
                Stop::Hold if queue.is_power_managed() => false,
                Stop::PurgeManaged if queue.is_power_managed() => true,
                Stop::PurgeNonManaged if !queue.is_power_managed() => true,
                _ => continue,
            };
            if purge {
                queue.with(|c| c.shut_down());
                // A deleted queue has nothing to purge.
                let _ = engine::purge(queue, true, None);
            }
            queue.change_power(Power::Stopping { purge }, "requests to be acknowledged or completed, WDFQUEUE");
        }
    }

    /// FxPkgIo::ResumeProcessingForPower.
    pub(crate) fn resume(&self) {
        let queues = self.all();
        self.power_on.set(true);
        self.shutting_down.set(false);
        let managed = || queues.iter().filter(|q| q.is_power_managed());
        for queue in managed().filter(|q| q.with(|c| c.power() == Power::Off)) {
            engine::change_power(*queue, Power::Restarting);
        }
        for queue in managed() {
            engine::power_is_on(*queue);
        }
    }

    /// FxPkgIo::FlushAllQueuesByFileObject.
    pub(crate) fn flush(&self, file: usize) {
        for queue in self.all() {
            engine::flush(queue, file);
        }
    }

    /// Runs `f` when no file is open: now, or after the last close.
    pub(crate) fn when_closed(&self, f: impl FnOnce() + 'static) {
        if self.open_files.get() == 0 {
            f();
        } else {
            *self.when_closed.borrow_mut() = Some(Box::new(f));
        }
    }

    pub(crate) fn file_closed(&self) {
        self.open_files.update(|n| n - 1);
        if self.open_files.get() == 0 {
            let waiting = self.when_closed.take();
            if let Some(f) = waiting {
                f();
            }
        }
    }
}
