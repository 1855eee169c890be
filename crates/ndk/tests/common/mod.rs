//! A system for tests: one thread, a clock that is set, and an adapter opened through the door.
#![allow(dead_code, reason = "each test binary and the fuzz target use a part of it")]

use ndis_sys::ndk::{
    NDIS_OPEN_NDK_ADAPTER_PARAMETERS, NDK_ADAPTER, NDK_ADAPTER_DISPATCH, NDK_OBJECT_HEADER, NDK_VERSION,
};
use ndk::{Engine, MappedMdl, Platform};
use std::{
    ops::DerefMut,
    ptr::{NonNull, null_mut},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use wdk_sys::{MDL, NTSTATUS, STATUS_SUCCESS};

type Paused = Box<dyn FnOnce() + Send>;

/// The system. Tests leak it: handles are `'static`.
pub struct System {
    engine: Mutex<Engine>,
    scheduled: AtomicBool,
    now: AtomicU64,
    timer: AtomicU64,
    /// What happens while somebody waits.
    paused: Mutex<Vec<Paused>>,
    /// No memory is left to map anything.
    pub fails_to_map: AtomicBool,
}

const NEVER: u64 = u64::MAX;

impl System {
    /// A system with power.
    pub fn new() -> &'static Self {
        let system = Box::leak(Box::new(Self {
            engine: Mutex::new(Engine::new()),
            scheduled: AtomicBool::new(false),
            now: AtomicU64::new(1_000_000),
            timer: AtomicU64::new(NEVER),
            paused: Mutex::new(Vec::new()),
            fails_to_map: AtomicBool::new(false),
        }));
        ndk::start(system);
        system
    }

    /// Does the work that was asked for, `budget` steps at a time: how often that was.
    pub fn run(&self, budget: usize) -> usize {
        let mut runs = 0;
        while self.scheduled.swap(false, Ordering::SeqCst) {
            runs += 1;
            while ndk::run(self, budget) {
                runs += 1;
            }
        }
        runs
    }

    /// Does up to `budget` steps of the work that was asked for.
    pub fn step(&self, budget: usize) {
        if self.scheduled.load(Ordering::SeqCst) && !ndk::run(self, budget) {
            self.scheduled.store(false, Ordering::SeqCst);
        }
    }

    /// Lets time pass until the timer fires, if it is set.
    pub fn advance_to_timer(&self) {
        let timer = self.timer.load(Ordering::SeqCst);
        if timer != NEVER {
            self.advance(timer.saturating_sub(self.now()));
        }
    }

    /// Lets `ticks` of 100 ns pass; the timer fires if its time comes.
    pub fn advance(&self, ticks: u64) {
        let now = self.now.fetch_add(ticks, Ordering::SeqCst) + ticks;
        if self.timer.load(Ordering::SeqCst) <= now {
            self.timer.store(NEVER, Ordering::SeqCst);
            ndk::expire(self);
        }
    }

    /// Lets something happen during the next wait.
    pub fn during_a_pause(&self, act: impl FnOnce() + Send + 'static) {
        self.paused.lock().unwrap().insert(0, Box::new(act));
    }

    /// Opens an adapter.
    pub fn open(&'static self, major: u16, minor: u16) -> Result<*mut NDK_ADAPTER, NTSTATUS> {
        let mut parameters = NDIS_OPEN_NDK_ADAPTER_PARAMETERS {
            Version: NDK_VERSION { Major: major, Minor: minor },
            ..NDIS_OPEN_NDK_ADAPTER_PARAMETERS::default()
        };
        let mut adapter = null_mut();
        // SAFETY: live parameters and a live place.
        let status = unsafe { ndk::open_adapter(self, &raw mut parameters, &raw mut adapter) };
        if status == STATUS_SUCCESS { Ok(adapter) } else { Err(status) }
    }
}

impl Platform for System {
    fn engine(&self) -> impl DerefMut<Target = Engine> + '_ {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn schedule(&self) {
        assert!(!self.scheduled.swap(true, Ordering::SeqCst), "asked for a run that was asked for already");
    }

    fn set_timer(&self, delay: u64) {
        self.timer.store(self.now() + delay, Ordering::SeqCst);
    }

    fn now(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }

    fn is_passive(&self) -> bool {
        true
    }

    fn pause(&self) {
        let next = self.paused.lock().unwrap().pop();
        if let Some(act) = next {
            act();
        } else {
            assert!(self.run(1) > 0, "somebody waits for ever");
        }
    }

    unsafe fn map(&self, mdl: NonNull<MDL>) -> Result<MappedMdl, NTSTATUS> {
        // SAFETY: a live MDL (caller).
        let (address, bytes) = unsafe { ((*mdl.as_ptr()).MappedSystemVa, (*mdl.as_ptr()).ByteCount) };
        let address = NonNull::new(address.cast()).filter(|_| !self.fails_to_map.load(Ordering::SeqCst));
        let address = address.ok_or(wdk_sys::STATUS_INSUFFICIENT_RESOURCES)?;
        Ok(MappedMdl { address, bytes: bytes as usize })
    }
}

/// The dispatch table of an adapter.
pub fn adapter_dispatch(adapter: *mut NDK_ADAPTER) -> &'static NDK_ADAPTER_DISPATCH {
    // SAFETY: an open adapter; tables live as long as the image.
    unsafe { &*(*adapter).Dispatch }
}

/// An object's header.
pub fn header<T>(object: *mut T) -> *mut NDK_OBJECT_HEADER {
    object.cast()
}
