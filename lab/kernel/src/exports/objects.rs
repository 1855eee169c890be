//! Dispatcher objects: events, timers, waits; and DPCs.

use super::{Entry, Ptr, exports};
use crate::cpu::{self, DISPATCH_LEVEL, Event, TimerId};
use crate::{bugcheck, rules};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

rules! {
    OBJECT_INITIALIZED: "Kernel objects are initialised before use", "DDI wdm KeInitializeEvent, KeInitializeTimer, KeInitializeDpc";
    OBJECT_NOT_WAITED: "An object that a thread waits for is not initialised again", "DDI wdm KeInitializeEvent: Remarks";
    WAIT_IRQL: "A thread waits at IRQL <= APC_LEVEL, or at DISPATCH_LEVEL with a timeout of zero", "DDI wdm KeWaitForSingleObject: IRQL";
}

pub(super) const STATUS_SUCCESS: i32 = 0;
const STATUS_TIMEOUT: i32 = 0x102;

/// DISPATCHER_HEADER.Type: KOBJECTS of wdm.h.
const NOTIFICATION_EVENT: u8 = 0;
const SYNCHRONIZATION_EVENT: u8 = 1;
const NOTIFICATION_TIMER: u8 = 8;
const SYNCHRONIZATION_TIMER: u8 = 9;
const DPC_OBJECT: u8 = 0x13;

/// KDPC: DeferredRoutine, DeferredContext, SystemArgument1, SystemArgument2, DpcData (here: number of the queueing, 0 =
/// not queued).
const DPC_ROUTINE: usize = 0x18;
const DPC_CONTEXT: usize = 0x20;
const DPC_ARGUMENT1: usize = 0x28;
const DPC_ARGUMENT2: usize = 0x30;
const DPC_DATA: usize = 0x38;

type DeferredRoutine = unsafe extern "win64" fn(dpc: usize, context: usize, argument1: usize, argument2: usize);

struct Timer {
    id: TimerId,
    dpc: usize,
    period: Duration,
}

struct Objects {
    /// The event behind each dispatcher object, by address.
    waitable: BTreeMap<usize, Event>,
    /// Timers that are set.
    timers: BTreeMap<usize, Timer>,
    queued: u64,
}

static OBJECTS: Mutex<Objects> = Mutex::new(Objects { waitable: BTreeMap::new(), timers: BTreeMap::new(), queued: 0 });

fn objects() -> MutexGuard<'static, Objects> {
    OBJECTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes `address` a dispatcher object.
pub(super) fn register(address: usize, event: Event) {
    let old = objects().waitable.insert(address, event);
    let waited = old.is_some_and(|e| e.has_waiters());
    OBJECT_NOT_WAITED.check(!waited, || format!("object {address:#x}"));
}

fn initialize(object: Ptr<u8>, kind: u8, manual_reset: bool, set: bool) {
    object.write(kind);
    object.field::<u32>(4).write(set.into());
    // WaitListHead points to itself.
    object.field::<usize>(8).write(object.address() + 8);
    object.field::<usize>(16).write(object.address() + 8);
    register(object.address(), Event::new(manual_reset, set));
}

/// The event of an object; ends the run for memory that is none, as a real kernel would crash.
fn event_of(object: Ptr<u8>) -> Event {
    let event = objects().waitable.get(&object.address()).cloned();
    OBJECT_INITIALIZED.check(event.is_some(), || format!("object {:#x}", object.address()));
    event.unwrap_or_else(|| bugcheck::stop(&format!("{:#x} is no initialised kernel object", object.address())))
}

fn wait(objects: &[Ptr<u8>], all: bool, timeout: Ptr<i64>) -> i32 {
    let timeout = if timeout.is_null() { None } else { Some(super::time::due_in(timeout.read())) };
    let irql = cpu::irql();
    let allowed = irql < DISPATCH_LEVEL || irql == DISPATCH_LEVEL && timeout == Some(Duration::ZERO);
    WAIT_IRQL.check(allowed, || format!("wait at IRQL {irql}"));
    let events: Vec<Event> = objects.iter().map(|o| event_of(*o)).collect();
    let what = match objects {
        [one] => format!("object {:#x}", one.address()),
        several => format!("{} of {} objects", if all { "all" } else { "one" }, several.len()),
    };
    if !all {
        let events: Vec<_> = events.iter().collect();
        return cpu::wait_any(&what, &events, timeout).map_or(STATUS_TIMEOUT, |index| index as i32);
    }
    let end = timeout.map(|t| cpu::now() + t);
    for event in &events {
        let left = end.map(|end| end.saturating_sub(cpu::now()));
        if !cpu::wait_for(&what, event, left) {
            return STATUS_TIMEOUT;
        }
    }
    STATUS_SUCCESS
}

/// Queues a KDPC; false if it is queued already.
fn queue_dpc(dpc: Ptr<u8>, argument1: usize, argument2: usize) -> bool {
    let known = dpc.read() == DPC_OBJECT;
    OBJECT_INITIALIZED.check(known, || format!("DPC {:#x}", dpc.address()));
    let data = dpc.field::<u64>(DPC_DATA);
    if data.read() != 0 {
        return false;
    }
    let number = {
        let mut objects = objects();
        objects.queued += 1;
        objects.queued
    };
    data.write(number);
    dpc.field(DPC_ARGUMENT1).write(argument1);
    dpc.field(DPC_ARGUMENT2).write(argument2);
    let address = dpc.address();
    cpu::queue_dpc(move || run_dpc(address, number));
    true
}

/// Runs a KDPC unless it was removed since it was queued.
fn run_dpc(address: usize, number: u64) {
    let dpc: Ptr<u8> = Ptr(address as *mut u8);
    let data = dpc.field::<u64>(DPC_DATA);
    if data.read() != number {
        return;
    }
    data.write(0);
    let routine = dpc.field::<Option<DeferredRoutine>>(DPC_ROUTINE).read();
    let [context, argument1, argument2] =
        [DPC_CONTEXT, DPC_ARGUMENT1, DPC_ARGUMENT2].map(|o| dpc.field::<usize>(o).read());
    if let Some(routine) = routine {
        // SAFETY: the driver gave this routine to KeInitializeDpc; it is called at DISPATCH_LEVEL with the arguments
        // that the DDI promises, and no lock of the lab is held.
        unsafe { routine(address, context, argument1, argument2) };
    }
}

/// Sets a KTIMER; true if it was set already.
fn set_timer(timer: Ptr<u8>, due: i64, period: Duration, dpc: Ptr<u8>) -> bool {
    let event = event_of(timer);
    let was_set = cancel_timer(timer);
    event.reset();
    arm(timer.address(), cpu::now() + super::time::due_in(due), period, dpc.address());
    was_set
}

fn arm(timer: usize, at: Duration, period: Duration, dpc: usize) {
    let id = cpu::set_timer(at, move || expire(timer, at));
    objects().timers.insert(timer, Timer { id, dpc, period });
}

fn expire(timer: usize, at: Duration) {
    let (expired, event) = {
        let mut objects = objects();
        (objects.timers.remove(&timer), objects.waitable.get(&timer).cloned())
    };
    let Some(Timer { dpc, period, .. }) = expired else { return };
    if !period.is_zero() {
        arm(timer, at + period, period, dpc);
    }
    if let Some(event) = event {
        event.set();
    }
    if dpc != 0 {
        queue_dpc(Ptr(dpc as *mut u8), 0, 0);
    }
}

fn cancel_timer(timer: Ptr<u8>) -> bool {
    let set = objects().timers.remove(&timer.address());
    set.is_some_and(|t| cpu::cancel_timer(t.id))
}

pub(super) fn entries() -> Vec<Entry> {
    functions::entries()
}

mod functions {
    use super::*;

    exports! {
        [Any] fn KeInitializeEvent(event: Ptr<u8>, kind: u32, state: u8) {
            let notification = kind == u32::from(NOTIFICATION_EVENT);
            let kind = if notification { NOTIFICATION_EVENT } else { SYNCHRONIZATION_EVENT };
            initialize(event, kind, notification, state != 0);
        }

        [AtMostDispatch] fn KeSetEvent(event: Ptr<u8>, _increment: i32, _wait: u8) -> i32 {
            let event = event_of(event);
            let was = event.is_set();
            event.set();
            was.into()
        }

        [AtMostDispatch] fn KeResetEvent(event: Ptr<u8>) -> i32 {
            let event = event_of(event);
            let was = event.is_set();
            event.reset();
            was.into()
        }

        [AtMostDispatch] fn KeClearEvent(event: Ptr<u8>) { event_of(event).reset(); }

        [AtMostDispatch] fn KeReadStateEvent(event: Ptr<u8>) -> i32 { event_of(event).is_set().into() }

        [AtMostDispatch] fn KeWaitForSingleObject(
            object: Ptr<u8>, _reason: u32, _mode: i8, _alertable: u8, timeout: Ptr<i64>,
        ) -> i32 {
            wait(&[object], true, timeout)
        }

        [AtMostDispatch] fn KeWaitForMultipleObjects(
            count: u32, objects: Ptr<Ptr<u8>>, wait_type: u32, _reason: u32, _mode: i8, _alertable: u8, timeout: Ptr<i64>,
            _blocks: usize,
        ) -> i32 {
            const WAIT_ALL: u32 = 0;
            let objects: Vec<_> = (0..count as usize).map(|i| objects.add(i).read()).collect();
            wait(&objects, wait_type == WAIT_ALL, timeout)
        }

        [Any] fn KeInitializeTimer(timer: Ptr<u8>) { initialize(timer, NOTIFICATION_TIMER, true, false); }

        [Any] fn KeInitializeTimerEx(timer: Ptr<u8>, kind: u32) {
            let notification = kind == 0;
            let kind = if notification { NOTIFICATION_TIMER } else { SYNCHRONIZATION_TIMER };
            initialize(timer, kind, notification, false);
        }

        [AtMostDispatch] fn KeSetTimer(timer: Ptr<u8>, due: i64, dpc: Ptr<u8>) -> bool {
            set_timer(timer, due, Duration::ZERO, dpc)
        }

        [AtMostDispatch] fn KeSetTimerEx(timer: Ptr<u8>, due: i64, period_ms: i32, dpc: Ptr<u8>) -> bool {
            set_timer(timer, due, Duration::from_millis(period_ms.max(0) as u64), dpc)
        }

        [AtMostDispatch] fn KeSetCoalescableTimer(
            timer: Ptr<u8>, due: i64, period_ms: u32, _tolerance_ms: u32, dpc: Ptr<u8>,
        ) -> bool {
            set_timer(timer, due, Duration::from_millis(period_ms.into()), dpc)
        }

        [AtMostDispatch] fn KeCancelTimer(timer: Ptr<u8>) -> bool { cancel_timer(timer) }

        [AtMostDispatch] fn KeReadStateTimer(timer: Ptr<u8>) -> bool { event_of(timer).is_set() }

        [Any] fn KeInitializeDpc(dpc: Ptr<u8>, routine: usize, context: usize) {
            dpc.write(DPC_OBJECT);
            dpc.field(DPC_ROUTINE).write(routine);
            dpc.field(DPC_CONTEXT).write(context);
            dpc.field(DPC_DATA).write(0u64);
        }

        [Any] fn KeInsertQueueDpc(dpc: Ptr<u8>, argument1: usize, argument2: usize) -> bool {
            queue_dpc(dpc, argument1, argument2)
        }

        [Any] fn KeRemoveQueueDpc(dpc: Ptr<u8>) -> bool {
            let data = dpc.field::<u64>(DPC_DATA);
            let queued = data.read() != 0;
            data.write(0);
            queued
        }

        [Any] fn KeSetImportanceDpc(_dpc: Ptr<u8>, _importance: u32) {}

        [Any] fn KeSetTargetProcessorDpc(_dpc: Ptr<u8>, _processor: i8) {}

        [Any] fn KeSetTargetProcessorDpcEx(_dpc: Ptr<u8>, _processor: Ptr<u32>) -> i32 { STATUS_SUCCESS }

        [Passive] fn KeFlushQueuedDpcs() { cpu::flush_dpcs(); }
    }
}
