//! Timers that live as long as their device.

use crate::{
    Result, Status,
    irql::{AtMostDispatch, Passive},
    wdf::{
        device::Device,
        object::{Context, attributes, slot},
    },
};
use core::{mem::size_of, ptr::null_mut};
use netadaptercx_sys::evt;
use wdk_sys::{WDF_TIMER_CONFIG, WDFTIMER, call_unsafe_wdf_function_binding};

/// What a timer does. It lives in the timer's context.
pub trait Expire: Context + Sync {
    /// EvtTimerFunc at DISPATCH_LEVEL.
    fn expire(&self, irql: AtMostDispatch<'_>);
}

/// A one-shot WDFTIMER of high resolution, a child of the device.
#[derive(Clone, Copy, Debug)]
pub struct Timer(WDFTIMER);
// SAFETY: KMDF handles may be used from any thread; the object lives as long as its device.
unsafe impl Send for Timer {}
// SAFETY: as above.
unsafe impl Sync for Timer {}

impl Timer {
    /// # Errors
    /// The framework's status.
    pub fn new<E: Expire>(device: Device, expire: E, _passive: Passive<'_>) -> Result<Self> {
        let mut config = WDF_TIMER_CONFIG {
            Size: size_of::<WDF_TIMER_CONFIG>() as u32,
            EvtTimerFunc: Some(evt_timer::<E>),
            UseHighResolutionTimer: 1,
            ..WDF_TIMER_CONFIG::default()
        };
        let mut attributes = attributes::<E>();
        attributes.ParentObject = device.raw().cast();
        let mut timer: WDFTIMER = null_mut();
        // SAFETY: a live device as the parent and live structures. Nothing starts the timer before it has its value.
        unsafe {
            Status::check(call_unsafe_wdf_function_binding!(
                WdfTimerCreate,
                &raw mut config,
                &raw mut attributes,
                &raw mut timer
            ))?;
            slot::<E>(timer.cast()).init(expire);
        }
        Ok(Self(timer))
    }

    /// Lets the timer expire once, in `delay` units of 100 ns, in place of what was set before.
    pub fn start(self, delay: u64, _irql: AtMostDispatch<'_>) {
        // Negative: from now on.
        let due = -i64::try_from(delay).unwrap_or(i64::MAX);
        // SAFETY: a live timer (see the type), at most DISPATCH_LEVEL by the token. TRUE means it was set already.
        let _ = unsafe { call_unsafe_wdf_function_binding!(WdfTimerStart, self.0, due) };
    }
}

evt! {
    unsafe fn evt_timer<E: Expire>(timer: WDFTIMER) {
        // SAFETY: called by the framework as EvtTimerFunc.
        if let Some(expire) = unsafe { slot::<E>(timer.cast()) }.get() {
            // SAFETY: a timer's callback runs at DISPATCH_LEVEL unless its parent is made passive, which the device is not.
            expire.expire(unsafe { AtMostDispatch::assume() });
        }
    }
}
