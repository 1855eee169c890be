//! Devices that NetAdapterCx is attached to: their adapters, their reset.
//!
//! Source: NetAdapterCx 21H2 `netcx/adapter/nxdevice.cpp`, `nxdeviceapi.cpp`, `devicepnppower.cpp`.

use crate::adapter::Adapter;
use crate::bind::{CLASS, NAME};
use crate::client;
use crate::contract;
use crate::wdf;
use lab_kernel::cpu::{self, ThreadId};
use netadaptercx_sys::{NET_DEVICE_POWER_POLICY_EVENT_CALLBACKS, NET_DEVICE_RESET_CAPABILITIES};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wdk_sys::{NTSTATUS, PWDFDEVICE_INIT, STATUS_SUCCESS, WDFDEVICE};

lab_kernel::rules! {
    RESET_DIAGNOSTICS_IN_TIME: "EvtNetDeviceCollectResetDiagnostics returns within 3 seconds", "contract.md 3.1 Reset; DDI EVT_NET_DEVICE_COLLECT_RESET_DIAGNOSTICS";
}

/// Longest time diagnostics may take.
const DIAGNOSTICS_TIME: Duration = Duration::from_secs(3);

/// What became of NetDeviceRequestReset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResetReport {
    /// Calls; only the first one counts.
    pub requests: u32,
    /// What EvtNetDeviceCollectResetDiagnostics stored.
    pub diagnostics: Option<Vec<u8>>,
    /// WdfDeviceSetFailed(AttemptRestart) was called.
    pub restart_requested: bool,
}

#[derive(Default)]
struct State {
    reset_capabilities: Option<NET_DEVICE_RESET_CAPABILITIES>,
    power_policy: Option<NET_DEVICE_POWER_POLICY_EVENT_CALLBACKS>,
    adapters: Vec<&'static Adapter>,
    wdf_globals: usize,
    /// In D0, interrupts connected.
    io: bool,
    gone: bool,
    /// The thread inside EvtNetDeviceCollectResetDiagnostics that may still store.
    collecting: Option<ThreadId>,
    report: ResetReport,
}

/// The framework's part of a device.
pub struct Device {
    init: usize,
    state: Mutex<State>,
}

/// Devices between NetDeviceInitConfig and WdfDeviceCreate.
static BEING_MADE: Mutex<Vec<Arc<Device>>> = Mutex::new(Vec::new());

/// NetDeviceInitConfig.
pub fn attach(init: PWDFDEVICE_INIT, wdf_globals: usize) {
    let state = State { wdf_globals, ..State::default() };
    let device = Arc::new(Device { init: init as usize, state: Mutex::new(state) });
    BEING_MADE.lock().unwrap().push(device.clone());
    lab_kmdf::attach_class(init, &CLASS, Box::new(device));
}

/// The device that is being made from `init`.
pub fn of_init(init: PWDFDEVICE_INIT) -> Option<Arc<Device>> {
    BEING_MADE.lock().unwrap().iter().rev().find(|d| d.init == init as usize).cloned()
}

/// The framework's part of a device; `None`: NetDeviceInitConfig was not called for it.
pub fn of(device: WDFDEVICE) -> Option<&'static Arc<Device>> {
    lab_kmdf::class_data::<Arc<Device>>(device, NAME)
}

/// The adapter that the driver made for `device`, once NetAdapterCreate succeeded; the first if there are several.
pub fn adapter_of(device: WDFDEVICE) -> Option<&'static Adapter> {
    of(device)?.state.lock().unwrap().adapters.first().copied()
}

/// What became of NetDeviceRequestReset on `device`.
pub fn reset_report(device: WDFDEVICE) -> ResetReport {
    of(device).map(|d| d.state.lock().unwrap().report.clone()).unwrap_or_default()
}

/// Hook: the device exists.
pub fn created(device: WDFDEVICE) -> NTSTATUS {
    if let Some(mine) = of(device) {
        BEING_MADE.lock().unwrap().retain(|d| !Arc::ptr_eq(d, mine));
    }
    STATUS_SUCCESS
}

/// Hook: in D0, interrupts connected.
pub fn io_start(device: WDFDEVICE) {
    for adapter in set_io(device, true) {
        adapter.io_start();
    }
}

/// Hook: about to leave D0.
pub fn io_stop(device: WDFDEVICE) {
    for adapter in set_io(device, false) {
        adapter.io_stop();
    }
}

fn set_io(device: WDFDEVICE, io: bool) -> Vec<&'static Adapter> {
    let Some(device) = of(device) else { return Vec::new() };
    let mut state = device.state.lock().unwrap();
    state.io = io;
    state.adapters.clone()
}

/// Hook: after EvtDeviceReleaseHardware. The framework stops what the driver left started.
pub fn released(device: WDFDEVICE) {
    let adapters = of(device).map(|d| d.state.lock().unwrap().adapters.clone()).unwrap_or_default();
    for adapter in adapters {
        let started = adapter.is_started();
        contract::ADAPTER_STOPPED_AT_RELEASE.check(!started, || "NetAdapterStop was not called".to_owned());
        if started {
            adapter.stop();
        }
    }
}

/// Hook: surprise removal.
pub fn surprise_removed(device: WDFDEVICE) {
    if let Some(device) = of(device) {
        device.state.lock().unwrap().gone = true;
    }
}

impl Device {
    /// A new adapter of this device.
    pub fn add_adapter(&self, adapter: &'static Adapter) {
        let io = {
            let mut state = self.state.lock().unwrap();
            state.adapters.push(adapter);
            state.io
        };
        if io {
            adapter.io_start();
        }
    }

    /// An adapter was deleted.
    pub fn remove_adapter(&self, adapter: &'static Adapter) {
        self.state.lock().unwrap().adapters.retain(|a| !std::ptr::eq(*a, adapter));
    }

    /// True after surprise removal.
    pub fn is_gone(&self) -> bool {
        self.state.lock().unwrap().gone
    }

    /// NetDeviceInitSetResetCapabilities.
    pub fn set_reset_capabilities(&self, capabilities: NET_DEVICE_RESET_CAPABILITIES) {
        self.state.lock().unwrap().reset_capabilities = Some(capabilities);
    }

    /// NetDeviceInitSetPowerPolicyEventCallbacks.
    pub fn set_power_policy(&self, callbacks: NET_DEVICE_POWER_POLICY_EVENT_CALLBACKS) {
        self.state.lock().unwrap().power_policy = Some(callbacks);
    }

    /// NetDeviceStoreResetDiagnostics; false: not inside the callback, or stored already.
    pub fn store_diagnostics(&self, bytes: Vec<u8>) -> bool {
        let mut state = self.state.lock().unwrap();
        let may = state.collecting.take() == Some(cpu::current_thread());
        if may && !bytes.is_empty() {
            state.report.diagnostics = Some(bytes);
        }
        may
    }

    /// NetDeviceRequestReset: diagnostics on a thread of their own, then the device fails and asks to be restarted.
    /// This machine has no platform reset.
    pub fn request_reset(self: &Arc<Self>, device: WDFDEVICE) {
        let first = {
            let mut state = self.state.lock().unwrap();
            state.report.requests += 1;
            state.report.requests == 1
        };
        if first {
            let (mine, device) = (self.clone(), device as usize);
            cpu::spawn("device reset", move || mine.reset(device));
        }
    }

    fn reset(&self, device: client::Handle) {
        let (capabilities, globals) = {
            let mut state = self.state.lock().unwrap();
            state.collecting = Some(cpu::current_thread());
            (state.reset_capabilities, state.wdf_globals)
        };
        let started = cpu::now();
        client::collect_reset_diagnostics(capabilities.and_then(|c| c.EvtNetDeviceCollectResetDiagnostics), device);
        let took = cpu::now() - started;
        RESET_DIAGNOSTICS_IN_TIME.check(took <= DIAGNOSTICS_TIME, || format!("it took {took:?}"));
        {
            let mut state = self.state.lock().unwrap();
            state.collecting = None;
            state.report.restart_requested = true;
        }
        let action = wdk_sys::_WDF_DEVICE_FAILED_ACTION::WdfDeviceFailedAttemptRestart;
        wdf::device_set_failed(globals, device as WDFDEVICE, action);
    }
}
