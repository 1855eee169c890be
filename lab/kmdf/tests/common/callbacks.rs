//! PnP and power callbacks that log themselves and fail on request.

use super::called;
use std::sync::Mutex;
use wdk_sys::*;

macro_rules! logged {
    ($($name:ident($($arg:ident: $ty:ty),*) $detail:expr;)*) => {
        $(
            #[allow(non_snake_case)]
            unsafe extern "win64" fn $name(_: WDFDEVICE, $($arg: $ty),*) -> NTSTATUS {
                called(stringify!($name), $detail)
            }
        )*
    };
}
logged! {
    EvtDeviceD0Entry(previous: WDF_POWER_DEVICE_STATE) &state(previous);
    EvtDeviceD0EntryPostInterruptsEnabled(previous: WDF_POWER_DEVICE_STATE) &state(previous);
    EvtDeviceD0Exit(target: WDF_POWER_DEVICE_STATE) &state(target);
    EvtDeviceD0ExitPreInterruptsDisabled(target: WDF_POWER_DEVICE_STATE) &state(target);
    EvtDeviceReleaseHardware(_translated: WDFCMRESLIST) "";
    EvtDeviceSelfManagedIoInit() "";
    EvtDeviceSelfManagedIoSuspend() "";
    EvtDeviceSelfManagedIoRestart() "";
    EvtDeviceQueryRemove() "";
    EvtDeviceQueryStop() "";
}
macro_rules! logged_void {
    ($($name:ident;)*) => {
        $(
            #[allow(non_snake_case)]
            unsafe extern "win64" fn $name(_: WDFDEVICE) {
                called(stringify!($name), "");
            }
        )*
    };
}
logged_void! {
    EvtDeviceSelfManagedIoFlush;
    EvtDeviceSelfManagedIoCleanup;
    EvtDeviceSurpriseRemoval;
}

type Prepare = fn(WDFDEVICE, WDFCMRESLIST, WDFCMRESLIST);
/// What EvtDevicePrepareHardware does beside logging.
pub static PREPARE: Mutex<Option<Prepare>> = Mutex::new(None);

#[allow(non_snake_case)]
unsafe extern "win64" fn EvtDevicePrepareHardware(
    device: WDFDEVICE,
    raw: WDFCMRESLIST,
    translated: WDFCMRESLIST,
) -> NTSTATUS {
    let status = called("EvtDevicePrepareHardware", "");
    let prepare = *PREPARE.lock().unwrap();
    if let Some(prepare) = prepare {
        prepare(device, raw, translated);
    }
    status
}

pub fn state(state: WDF_POWER_DEVICE_STATE) -> String {
    ["Invalid", "D0", "D1", "D2", "D3", "D3Final", "Hibernate"][state as usize].into()
}

pub fn all() -> WDF_PNPPOWER_EVENT_CALLBACKS {
    WDF_PNPPOWER_EVENT_CALLBACKS {
        Size: size_of::<WDF_PNPPOWER_EVENT_CALLBACKS>() as u32,
        EvtDeviceD0Entry: Some(EvtDeviceD0Entry),
        EvtDeviceD0EntryPostInterruptsEnabled: Some(EvtDeviceD0EntryPostInterruptsEnabled),
        EvtDeviceD0Exit: Some(EvtDeviceD0Exit),
        EvtDeviceD0ExitPreInterruptsDisabled: Some(EvtDeviceD0ExitPreInterruptsDisabled),
        EvtDevicePrepareHardware: Some(EvtDevicePrepareHardware),
        EvtDeviceReleaseHardware: Some(EvtDeviceReleaseHardware),
        EvtDeviceSelfManagedIoCleanup: Some(EvtDeviceSelfManagedIoCleanup),
        EvtDeviceSelfManagedIoFlush: Some(EvtDeviceSelfManagedIoFlush),
        EvtDeviceSelfManagedIoInit: Some(EvtDeviceSelfManagedIoInit),
        EvtDeviceSelfManagedIoSuspend: Some(EvtDeviceSelfManagedIoSuspend),
        EvtDeviceSelfManagedIoRestart: Some(EvtDeviceSelfManagedIoRestart),
        EvtDeviceSurpriseRemoval: Some(EvtDeviceSurpriseRemoval),
        EvtDeviceQueryRemove: Some(EvtDeviceQueryRemove),
        EvtDeviceQueryStop: Some(EvtDeviceQueryStop),
        ..Default::default()
    }
}
