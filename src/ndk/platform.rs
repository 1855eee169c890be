//! What the engine needs of Windows: a lock, a DPC and a work item for its work, a timer, the memory behind MDLs.

use crate::{device::Igb, heap::Heap};
use core::{
    ops::{Deref, DerefMut},
    ptr::NonNull,
};
use ndk::{Engine, MappedMdl, Platform};
use netadaptercx::{
    Result,
    irql::{AtMostDispatch, Passive},
    mdl,
    wdf::{
        device::Device,
        dpc::{Deferred, Dpc},
        lock::{SpinGuard, SpinLock},
        object::Ancestor,
        time,
        timer::{Expire, Timer},
        work_item::{Work, WorkItem},
    },
    wdf_context,
};
use wdk_sys::{MDL, NTSTATUS, STATUS_INSUFFICIENT_RESOURCES};

/// Steps that one DPC does, of at most 64 KiB each: DPCs are to last 100 us at most (docs "Guidelines for Writing DPC
/// Routines"). What is left is a work item's, which does not keep the processor from others.
const DPC_BUDGET: usize = 16;
/// Steps that a work item does before it looks at the engine anew.
const WORK_BUDGET: usize = 256;

/// The NDK engine of a device.
pub struct Ndk {
    engine: SpinLock<Heap<Engine>>,
    /// Held while an MDL is mapped: two mappings of one MDL at the same time are not allowed.
    mapping: SpinLock<()>,
    dpc: Dpc,
    work: WorkItem,
    timer: Timer,
}

/// The context of the DPC, the work item and the timer.
struct Worker(Ancestor<Igb>);
wdf_context!(Worker);

impl Deferred for Worker {
    fn run(&self, irql: AtMostDispatch<'_>) {
        let ndk = &self.0.get().ndk;
        if ndk::run(ndk, DPC_BUDGET) {
            ndk.work.queue(irql);
        }
    }
}

impl Work for Worker {
    fn run(&self, _passive: Passive<'_>) {
        while ndk::run(&self.0.get().ndk, WORK_BUDGET) {}
    }
}

impl Expire for Worker {
    fn expire(&self, _irql: AtMostDispatch<'_>) {
        ndk::expire(&self.0.get().ndk);
    }
}

impl Ndk {
    /// An engine without power.
    ///
    /// # Errors
    /// The framework's status.
    pub fn new(device: Device, igb: Ancestor<Igb>, passive: Passive<'_>) -> Result<Self> {
        Ok(Self {
            engine: SpinLock::new(device, Heap::new(Engine::new)?, passive)?,
            mapping: SpinLock::new(device, (), passive)?,
            dpc: Dpc::new(device, Worker(igb), passive)?,
            work: WorkItem::new(device, Worker(igb), passive)?,
            timer: Timer::new(device, Worker(igb), passive)?,
        })
    }

    /// D0Entry: the device has power.
    pub fn start(&self, _passive: Passive<'_>) {
        ndk::start(self);
    }

    /// D0Exit and removal: see [`ndk::stop`].
    pub fn stop(&self, _passive: Passive<'_>) {
        ndk::stop(self);
    }

    /// The hardware does not work any more: see [`ndk::fail`].
    pub fn fail(&self, _irql: AtMostDispatch<'_>) {
        ndk::fail(self);
    }
}

/// The engine while its lock is held.
struct Locked<'l>(SpinGuard<'l, Heap<Engine>>);

impl Deref for Locked<'_> {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.0
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Engine {
        &mut self.0
    }
}

/// The level of a caller of [`Platform`].
fn irql<'p>() -> AtMostDispatch<'p> {
    // SAFETY: the engine is called at or below DISPATCH_LEVEL: by the DPC, the work item, the timer, the device's
    // callbacks above, and by consumers, who promise it (IGBCX_NDK_INTERFACE, NDKPI). It never raises the level itself.
    unsafe { AtMostDispatch::assume() }
}

impl Platform for Ndk {
    fn engine(&self) -> impl DerefMut<Target = Engine> + '_ {
        Locked(self.engine.lock(irql()))
    }

    fn schedule(&self) {
        self.dpc.queue();
    }

    fn set_timer(&self, delay: u64) {
        self.timer.start(delay, irql());
    }

    fn now(&self) -> u64 {
        time::interrupt_time()
    }

    fn is_passive(&self) -> bool {
        Passive::now().is_some()
    }

    fn pause(&self) {
        if let Some(passive) = Passive::now() {
            time::sleep(1, passive);
        }
    }

    unsafe fn map(&self, mdl: NonNull<MDL>) -> core::result::Result<MappedMdl, NTSTATUS> {
        let address = {
            let _mapping = self.mapping.lock(irql());
            // SAFETY: a live MDL (caller); the lock keeps others of this driver from mapping it meanwhile.
            unsafe { mdl::system_address(mdl, irql()) }
        };
        // SAFETY: a live MDL (caller).
        let bytes = unsafe { (*mdl.as_ptr()).ByteCount } as usize;
        address.map(|address| MappedMdl { address, bytes }).ok_or(STATUS_INSUFFICIENT_RESOURCES)
    }
}
