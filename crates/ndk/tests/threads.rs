//! Real threads: consumers of one CQ each, threads that place completions, one that does the provider's work.

use ndis_sys::{
    evt,
    ndk::{
        NDIS_OPEN_NDK_ADAPTER_PARAMETERS, NDK_ADAPTER, NDK_CQ, NDK_CQ_DISPATCH, NDK_CQ_NOTIFY_ANY, NDK_RESULT,
        NDK_VERSION,
    },
};
use ndk::{
    Engine, MappedMdl, Platform,
    cq::{Completion, Cq, Placed},
    handle::resolve,
    object::ObjectId,
    run::with_engine,
    upcall::Context,
};
use std::{
    ops::DerefMut,
    ptr::{NonNull, null_mut},
    sync::{
        Condvar, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};
use wdk_sys::{MDL, NTSTATUS, PVOID, STATUS_INSUFFICIENT_RESOURCES, STATUS_PENDING, STATUS_SUCCESS};

const CQS: usize = 4;
const DEPTH: u32 = 64;
const COMPLETIONS: u32 = 20_000;

/// A system whose work a thread does.
struct Threads {
    engine: Mutex<Engine>,
    scheduled: Mutex<bool>,
    wake: Condvar,
    over: AtomicBool,
}

impl Threads {
    /// The thread that works.
    fn work(&self) {
        while !self.over.load(Ordering::SeqCst) {
            let scheduled = self.scheduled.lock().unwrap();
            let (mut scheduled, _) =
                self.wake.wait_timeout_while(scheduled, Duration::from_millis(10), |scheduled| !*scheduled).unwrap();
            let wanted = std::mem::take(&mut *scheduled);
            drop(scheduled);
            while wanted && ndk::run(self, 3) {}
        }
    }
}

impl Platform for Threads {
    fn engine(&self) -> impl DerefMut<Target = Engine> + '_ {
        self.engine.lock().unwrap()
    }

    fn schedule(&self) {
        assert!(!std::mem::replace(&mut *self.scheduled.lock().unwrap(), true), "scheduled twice");
        self.wake.notify_one();
    }

    fn set_timer(&self, _delay: u64) {
        panic!("nothing is moderated");
    }

    fn now(&self) -> u64 {
        0
    }

    fn is_passive(&self) -> bool {
        true
    }

    fn pause(&self) {
        thread::yield_now();
    }

    unsafe fn map(&self, _mdl: NonNull<MDL>) -> Result<MappedMdl, NTSTATUS> {
        Err(STATUS_INSUFFICIENT_RESOURCES)
    }
}

/// The consumer of a CQ.
#[derive(Default)]
struct Consumer {
    arms: AtomicU32,
    notices: AtomicU32,
    running: AtomicBool,
    closed: AtomicBool,
    /// Set by the callback for the consumer's thread.
    notified: Mutex<bool>,
    wake: Condvar,
}

evt! {
    unsafe fn notified(context: PVOID, status: NTSTATUS) {
        // SAFETY: the leaked consumer of the CQ.
        let consumer = unsafe { &*context.cast::<Consumer>() };
        assert_eq!(status, STATUS_SUCCESS);
        assert!(!consumer.running.swap(true, Ordering::SeqCst), "two callbacks at once");
        assert!(!consumer.closed.load(Ordering::SeqCst), "a callback after the close");
        let notices = consumer.notices.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(notices <= consumer.arms.load(Ordering::SeqCst), "a callback without an arm");
        *consumer.notified.lock().unwrap() = true;
        consumer.wake.notify_one();
        consumer.running.store(false, Ordering::SeqCst);
    }
}
evt! {
    unsafe fn closed(context: PVOID) {
        // SAFETY: the leaked consumer of the CQ.
        let consumer = unsafe { &*context.cast::<Consumer>() };
        assert!(!consumer.running.load(Ordering::SeqCst), "closed while a callback runs");
        assert!(!consumer.closed.swap(true, Ordering::SeqCst), "closed twice");
    }
}

/// A CQ as its consumer's thread has it.
struct Queue {
    cq: *mut NDK_CQ,
    consumer: &'static Consumer,
}
// SAFETY: NDKPI's handles may be used in any thread.
unsafe impl Send for Queue {}

impl Queue {
    fn dispatch(&self) -> &'static NDK_CQ_DISPATCH {
        // SAFETY: a handle of an open adapter.
        unsafe { &*(*self.cq).Dispatch }
    }

    /// Takes and arms, as notices come, until `count` completions are there, in their order; then closes with an arm and
    /// perhaps a notice under way.
    fn consume(self, count: u32) {
        let mut next = 0;
        while next < count {
            let mut results = [NDK_RESULT::default(); 7];
            // SAFETY: a handle of an open adapter, and room for as many results.
            let taken = unsafe { self.dispatch().NdkGetCqResults.unwrap()(self.cq, results.as_mut_ptr(), 7) };
            for result in &results[..taken as usize] {
                assert_eq!(result.RequestContext.addr(), next as usize);
                next += 1;
            }
            if taken == 0 {
                self.consumer.arms.fetch_add(1, Ordering::SeqCst);
                // SAFETY: as above.
                unsafe { self.dispatch().NdkArmCq.unwrap()(self.cq, NDK_CQ_NOTIFY_ANY) };
                let notified = self.consumer.notified.lock().unwrap();
                let wait = Duration::from_secs(20);
                let (mut notified, late) =
                    self.consumer.wake.wait_timeout_while(notified, wait, |notified| !*notified).unwrap();
                assert!(!late.timed_out(), "a notification is lost: {next} of {count}");
                *notified = false;
            }
        }
        let context = core::ptr::from_ref(self.consumer).cast_mut().cast();
        // SAFETY: as above; the consumer is leaked.
        let status = unsafe { self.dispatch().NdkCloseCq.unwrap()(self.cq.cast(), Some(closed), context) };
        match status {
            STATUS_SUCCESS => assert!(!self.consumer.closed.swap(true, Ordering::SeqCst)),
            status => assert_eq!(status, STATUS_PENDING),
        }
    }
}

fn open(system: &'static Threads) -> *mut NDK_ADAPTER {
    let mut parameters = NDIS_OPEN_NDK_ADAPTER_PARAMETERS {
        Version: NDK_VERSION { Major: 2, Minor: 0 },
        ..NDIS_OPEN_NDK_ADAPTER_PARAMETERS::default()
    };
    let mut adapter = null_mut();
    // SAFETY: live parameters and a live place.
    let status = unsafe { ndk::open_adapter(system, &raw mut parameters, &raw mut adapter) };
    assert_eq!(status, STATUS_SUCCESS);
    adapter
}

fn create(adapter: *mut NDK_ADAPTER) -> (Queue, ObjectId<Cq>) {
    let consumer: &'static Consumer = Box::leak(Box::default());
    let context = core::ptr::from_ref(consumer).cast_mut().cast();
    let mut cq = null_mut();
    // SAFETY: an open adapter, a leaked consumer, a live place; then a handle of the system's kind.
    unsafe {
        let create = (*(*adapter).Dispatch).NdkCreateCq.unwrap();
        let status = create(adapter, DEPTH, Some(notified), context, null_mut(), None, null_mut(), &raw mut cq);
        assert_eq!(status, STATUS_SUCCESS);
        let (_, id) = resolve::<Threads, Cq>(cq.cast()).unwrap();
        (Queue { cq, consumer }, id)
    }
}

/// Places completions 0, 1, 2 ... whenever there is room: the depth is never exceeded, as a QP's depth would see to it.
fn place(system: &'static Threads, id: ObjectId<Cq>, count: u32) {
    for number in 0..count {
        let completion = Completion {
            status: STATUS_SUCCESS,
            bytes: 0,
            qp: Context(null_mut()),
            request: Context(core::ptr::without_provenance_mut(number as usize)),
            operation: 1,
            output: 0,
            solicited: false,
        };
        while with_engine(system, |engine| engine.get(id).is_some_and(|cq| cq.is_full())) {
            thread::yield_now();
        }
        assert_eq!(with_engine(system, |engine| engine.place(id, completion)), Placed::Yes);
    }
}

#[test]
fn eight_threads_lose_nothing() {
    let system: &'static Threads = Box::leak(Box::new(Threads {
        engine: Mutex::new(Engine::new()),
        scheduled: Mutex::new(false),
        wake: Condvar::new(),
        over: AtomicBool::new(false),
    }));
    ndk::start(system);
    let adapter = open(system);
    let worker = thread::spawn(|| system.work());
    let mut threads = Vec::new();
    let mut consumers = Vec::new();
    for _ in 0..CQS {
        let (queue, id) = create(adapter);
        consumers.push(queue.consumer);
        threads.push(thread::spawn(move || place(system, id, COMPLETIONS)));
        threads.push(thread::spawn(move || queue.consume(COMPLETIONS)));
    }
    for thread in threads {
        thread.join().unwrap();
    }
    // SAFETY: an open adapter, outside of callbacks.
    unsafe { ndk::close_adapter(system, adapter) };
    assert!(consumers.iter().all(|consumer| consumer.closed.load(Ordering::SeqCst)));
    system.over.store(true, Ordering::SeqCst);
    worker.join().unwrap();
}
