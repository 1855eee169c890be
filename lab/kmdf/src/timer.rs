//! Timers (WDF fxtimerapi.cpp, fxtimer.cpp).

use crate::abi::STATUS_INFO_LENGTH_MISMATCH;
use crate::args::{In, Out};
use crate::ddi::ddi;
use crate::lock::relative;
use crate::object::attributes::{self, Allowed};
use crate::object::{Hooks, new_object, object, parent_of, payload, set_hooks};
use crate::serial::{self, Serial};
use crate::verifier::{callback, null_pointer, size_is};
use crate::worker;
use lab_kernel::cpu::{self, Event, PASSIVE_LEVEL, ThreadId, TimerId};
use lab_kernel::rules;
use std::cell::Cell;
use std::time::Duration;
use wdk_sys::_WDF_EXECUTION_LEVEL::WdfExecutionLevelPassive;
use wdk_sys::{
    BOOLEAN, LONGLONG, NTSTATUS, PFN_WDF_TIMER, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_SUCCESS,
    WDF_OBJECT_ATTRIBUTES, WDF_TIMER_CONFIG, WDFOBJECT, WDFTIMER,
};

rules! {
    TIMER_STOP_WAIT: "WdfTimerStop waits only at PASSIVE_LEVEL and not in the timer's own callback", "DDI wdftimer WdfTimerStop; WDF fxtimer.cpp Stop";
    TIMER_RUNNING_DOWN: "A timer is not started while it is deleted", "WDF fxtimer.cpp Start: m_RunningDown";
}

/// Payload of WDFTIMER.
struct Timer {
    callback: PFN_WDF_TIMER,
    period: Duration,
    passive: bool,
    serial: Serial,
    /// The alarm that is set.
    alarm: Cell<Option<TimerId>>,
    /// The callback runs on this thread.
    running: Cell<Option<ThreadId>>,
    running_down: Cell<bool>,
    /// Set while no passive-level callback is queued or runs.
    idle: Event,
}

impl Timer {
    fn start(&'static self, handle: WDFTIMER, due: Duration) -> bool {
        let was_set = self.cancel();
        let at = cpu::now() + due;
        self.alarm.set(Some(cpu::set_timer(at, move || self.expired(handle, at))));
        was_set
    }

    /// True if it was set and has not expired.
    fn cancel(&self) -> bool {
        self.alarm.take().is_some_and(cpu::cancel_timer)
    }

    /// At DISPATCH_LEVEL. A timer that was stopped or restarted after it expired still calls back, as on Windows.
    fn expired(&'static self, handle: WDFTIMER, at: Duration) {
        if self.running_down.get() {
            return;
        }
        if self.period.is_zero() {
            self.alarm.set(None);
        } else {
            let next = at + self.period;
            self.alarm.set(Some(cpu::set_timer(next, move || self.expired(handle, next))));
        }
        if !self.passive {
            self.call(handle);
        } else if self.idle.is_set() {
            self.idle.reset();
            worker::run(move || {
                self.call(handle);
                self.idle.set();
            });
        }
    }

    fn call(&self, handle: WDFTIMER) {
        if let Some(function) = self.callback {
            self.running.set(Some(cpu::current_thread()));
            self.serial.run(|| callback!("EvtTimerFunc", function, handle));
            self.running.set(None);
        }
    }

    /// Stops and waits until no callback runs.
    fn stop_and_wait(&self) -> bool {
        let was_set = self.cancel();
        cpu::flush_dpcs();
        cpu::wait_for("a timer callback to return", &self.idle, None);
        // A callback that ran meanwhile may have started the timer again (m_StopAgain).
        self.cancel() || was_set
    }
}

fn dispose(handle: WDFOBJECT) {
    let timer = payload::<Timer>(handle);
    timer.running_down.set(true);
    let own = timer.running.get() == Some(cpu::current_thread());
    if TIMER_STOP_WAIT.check(!own, || format!("timer {handle:p} is deleted in its own callback")) {
        timer.stop_and_wait();
    } else {
        timer.cancel();
    }
}

ddi! {
    fn WdfTimerCreate(
        DISPATCH_LEVEL; config: In<WDF_TIMER_CONFIG>, attributes: In<WDF_OBJECT_ATTRIBUTES>, timer: Out<WDFTIMER>,
    ) -> NTSTATUS {
        match create(config, attributes) {
            Ok(handle) => {
                timer.set(handle.cast(), "Timer");
                STATUS_SUCCESS
            }
            Err(status) => status,
        }
    }

    fn WdfTimerStart(DISPATCH_LEVEL; handle: WDFTIMER, due: LONGLONG) -> BOOLEAN {
        let timer = payload::<Timer>(handle.cast());
        if !TIMER_RUNNING_DOWN.check(!timer.running_down.get(), || format!("timer {handle:p}")) {
            return 0;
        }
        timer.start(handle, relative(due)).into()
    }

    fn WdfTimerStop(DISPATCH_LEVEL; handle: WDFTIMER, wait: BOOLEAN) -> BOOLEAN {
        let timer = payload::<Timer>(handle.cast());
        if wait == 0 {
            return timer.cancel().into();
        }
        let own = timer.running.get() == Some(cpu::current_thread());
        let irql = cpu::irql();
        if !TIMER_STOP_WAIT.check(irql == PASSIVE_LEVEL && !own, || format!("IRQL {irql}, in its callback: {own}")) {
            return 0;
        }
        timer.stop_and_wait().into()
    }

    fn WdfTimerGetParentObject(DISPATCH_LEVEL; handle: WDFTIMER) -> WDFOBJECT {
        payload::<Timer>(handle.cast());
        parent_of(handle.cast())
    }
}

fn create(config: In<WDF_TIMER_CONFIG>, attributes: In<WDF_OBJECT_ATTRIBUTES>) -> Result<WDFOBJECT, NTSTATUS> {
    if !size_is("WDF_TIMER_CONFIG", config.size("Config"), size_of::<WDF_TIMER_CONFIG>()) {
        return Err(STATUS_INFO_LENGTH_MISMATCH);
    }
    let config = config.get("Config");
    let allowed = Allowed { execution_level: true, ..Allowed::PARENT_REQUIRED };
    let Some(attributes) = attributes::read(attributes, allowed)? else { null_pointer("Attributes") };
    let passive = attributes.ExecutionLevel == WdfExecutionLevelPassive;
    if config.Period > i32::MAX as u32 || (config.TolerableDelay > 0 && config.UseHighResolutionTimer != 0) {
        return Err(STATUS_INVALID_PARAMETER);
    }
    if config.Period > 0 && passive {
        return Err(STATUS_NOT_SUPPORTED);
    }
    let parent = attributes.ParentObject;
    let timer = Timer {
        callback: config.EvtTimerFunc,
        period: Duration::from_millis(config.Period.into()),
        passive,
        serial: serial::effective(parent, config.AutomaticSerialization != 0, passive)?,
        alarm: Cell::default(),
        running: Cell::default(),
        running_down: Cell::default(),
        idle: Event::new(true, true),
    };
    let handle = new_object("WDFTIMER", Some(&attributes), parent, object(parent).globals, Box::new(timer))?;
    set_hooks(handle, Hooks { dispose: Some(dispose), passive_dispose: true, ..Hooks::default() });
    Ok(handle)
}
