//! Making, starting and stopping adapters; link state; filters.

use super::{enter, enter_passive, list};
use crate::adapter::{Adapter, Origin};
use crate::contract;
use crate::device;
use crate::filter;
use crate::ndis::shared_memory;
use crate::token;
use lab_kernel::bugcheck;
use lab_kmdf::{Hooks, PowerState};
use ndis_sys::NDIS_HANDLE;
use netadaptercx_sys::*;
use std::collections::BTreeMap;
use std::ptr::null_mut;
use std::sync::Mutex;
use wdk_sys::{NTSTATUS, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS, WDF_OBJECT_ATTRIBUTES, WDFDEVICE, WDFOBJECT};

list! {
    NetAdapterInitAllocate, NetAdapterInitFree, NetAdapterInitSetDatapathCallbacks, NetAdapterCreate,
    NetAdapterStart, NetAdapterStop, NetAdapterSetLinkState, NetAdapterGetNetLuid, NetAdapterWdmGetNdisHandle,
    NetReceiveFilterGetPacketFilter, NetReceiveFilterGetMulticastAddressCount, NetReceiveFilterGetMulticastAddressList,
}

/// What a NETADAPTER_INIT stands for.
#[derive(Default)]
struct Init {
    device: usize,
    callbacks: NET_ADAPTER_DATAPATH_CALLBACKS,
    used: bool,
}

static INITS: Mutex<BTreeMap<usize, Init>> = Mutex::new(BTreeMap::new());

/// Behind the handle of a NETADAPTER.
struct Payload(&'static Adapter);

/// The adapter behind a handle; a wrong handle is a bugcheck of KMDF.
pub(crate) fn adapter(handle: NETADAPTER) -> &'static Adapter {
    lab_kmdf::payload::<Payload>(handle.cast()).0
}

fn with_init<R>(entry: &str, init: *mut NETADAPTER_INIT, f: impl FnOnce(&mut Init) -> R) -> R {
    let known = INITS.lock().unwrap().contains_key(&(init as usize));
    contract::ADAPTER_INIT.require(known, init as u64, 0, || format!("{entry} with init {init:p}"));
    f(INITS.lock().unwrap().get_mut(&(init as usize)).expect("required above"))
}

/// The attributes of an object whose parent is the framework's choice.
///
/// # Safety
/// `attributes` is null or points to a WDF_OBJECT_ATTRIBUTES.
pub(crate) unsafe fn require_no_parent(entry: &str, attributes: *const WDF_OBJECT_ATTRIBUTES) {
    // SAFETY: the caller vouches for the pointer.
    let parent = unsafe { attributes.as_ref() }.map_or(null_mut(), |a| a.ParentObject);
    contract::PARENT_IS_NULL.require(parent.is_null(), 0, 0, || format!("{entry}: ParentObject is {parent:p}"));
}

unsafe extern "win64" fn NetAdapterInitAllocate(
    globals: PNET_DRIVER_GLOBALS,
    device: WDFDEVICE,
) -> *mut NETADAPTER_INIT {
    enter_passive("NetAdapterInitAllocate", globals);
    contract::not_null("NetAdapterInitAllocate", device.cast_const());
    if lab_kmdf::take_failure("NetAdapterInitAllocate").is_some() {
        return null_mut();
    }
    let init = token::new();
    INITS.lock().unwrap().insert(init, Init { device: device as usize, ..Init::default() });
    init as *mut NETADAPTER_INIT
}

unsafe extern "win64" fn NetAdapterInitFree(globals: PNET_DRIVER_GLOBALS, init: *mut NETADAPTER_INIT) {
    enter_passive("NetAdapterInitFree", globals);
    contract::not_null("NetAdapterInitFree", init.cast_const());
    with_init("NetAdapterInitFree", init, |_| ());
    INITS.lock().unwrap().remove(&(init as usize));
}

unsafe extern "win64" fn NetAdapterInitSetDatapathCallbacks(
    globals: PNET_DRIVER_GLOBALS,
    init: *mut NETADAPTER_INIT,
    callbacks: *mut NET_ADAPTER_DATAPATH_CALLBACKS,
) {
    let entry = "NetAdapterInitSetDatapathCallbacks";
    enter_passive(entry, globals);
    contract::not_null(entry, callbacks.cast_const());
    // SAFETY: not null; the client vouches for the rest.
    let callbacks = unsafe { callbacks.read() };
    contract::struct_size(entry, callbacks.Size, size_of_val(&callbacks));
    let both = callbacks.EvtAdapterCreateRxQueue.is_some() && callbacks.EvtAdapterCreateTxQueue.is_some();
    contract::DATAPATH_CALLBACKS.require(both, 0, 0, || "a queue create callback is missing".to_owned());
    with_init(entry, init, |i| i.callbacks = callbacks);
}

unsafe extern "win64" fn NetAdapterCreate(
    globals: PNET_DRIVER_GLOBALS,
    init: *mut NETADAPTER_INIT,
    attributes: *mut WDF_OBJECT_ATTRIBUTES,
    out: *mut NETADAPTER,
) -> NTSTATUS {
    let entry = "NetAdapterCreate";
    let client = enter_passive(entry, globals);
    contract::not_null(entry, out.cast_const());
    // SAFETY: not null; the client vouches that it is writable.
    unsafe { out.write(null_mut()) };
    let (device, callbacks, used) = with_init(entry, init, |i| (i.device, i.callbacks, i.used));
    contract::ADAPTER_INIT_ONCE.require(!used, init as u64, 0, || format!("init {init:p} made an adapter before"));
    // SAFETY: the client vouches for its attributes.
    unsafe { require_no_parent(entry, attributes) };
    if callbacks.EvtAdapterCreateTxQueue.is_none() {
        bugcheck::stop("NetAdapterCreate without datapath callbacks: adapters without a datapath are not implemented");
    }
    let Some(of_device) = device::of(device as WDFDEVICE) else {
        bugcheck::stop("NetAdapterCreate for a device whose NetDeviceInitConfig was not called")
    };
    if let Some(status) = lab_kmdf::take_failure(entry) {
        return status;
    }
    let origin = Origin { device, minor: client.minor, wdf_globals: client.wdf_globals, callbacks };
    // An adapter is never freed: the stack above may hold on to it.
    let adapter: &'static Adapter = Box::leak(Box::new(Adapter::new(origin)));
    let payload = Box::new(Payload(adapter));
    // SAFETY: the client vouches for its attributes.
    let made = unsafe { lab_kmdf::create_object("NETADAPTER", attributes, device as WDFOBJECT, payload) };
    let handle = match made {
        Ok(handle) => handle,
        Err(status) => return status,
    };
    adapter.set_handle(handle as usize);
    lab_kmdf::set_hooks(handle, Hooks { destroy: Some(destroyed), ..Hooks::default() });
    with_init(entry, init, |i| i.used = true);
    of_device.add_adapter(adapter);
    // SAFETY: as above.
    unsafe { out.write(handle.cast()) };
    STATUS_SUCCESS
}

/// Hook: the object of an adapter is gone.
fn destroyed(handle: WDFOBJECT) {
    let Some(Payload(adapter)) = lab_kmdf::payload_opt::<Payload>(handle) else { return };
    if let Some(device) = device::of(adapter.origin().device as WDFDEVICE) {
        device.remove_adapter(adapter);
    }
    shared_memory::adapter_destroyed(adapter.ndis_handle());
}

unsafe extern "win64" fn NetAdapterStart(globals: PNET_DRIVER_GLOBALS, handle: NETADAPTER) -> NTSTATUS {
    let entry = "NetAdapterStart";
    enter_passive(entry, globals);
    let adapter = adapter(handle);
    require_stopped(entry, handle, adapter);
    if let Some(status) = lab_kmdf::take_failure(entry) {
        return status;
    }
    let device = adapter.origin().device as WDFDEVICE;
    let gone = device::of(device).is_none_or(|d| d.is_gone());
    if gone || matches!(lab_kmdf::power_state(device), PowerState::Removed | PowerState::SurpriseRemoved) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    adapter.start().err().unwrap_or(STATUS_SUCCESS)
}

/// Most capabilities are set while the adapter is stopped.
pub(crate) fn require_stopped(entry: &str, handle: NETADAPTER, adapter: &Adapter) {
    contract::ADAPTER_NOT_STARTED
        .require(!adapter.is_started(), handle as u64, 0, || format!("{entry} after NetAdapterStart"));
}

unsafe extern "win64" fn NetAdapterStop(globals: PNET_DRIVER_GLOBALS, handle: NETADAPTER) {
    enter_passive("NetAdapterStop", globals);
    adapter(handle).stop();
}

unsafe extern "win64" fn NetAdapterSetLinkState(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETADAPTER,
    state: *mut NET_ADAPTER_LINK_STATE,
) {
    let entry = "NetAdapterSetLinkState";
    enter(entry, globals);
    contract::at_most_dispatch(entry);
    contract::not_null(entry, state.cast_const());
    // SAFETY: not null; the client vouches for the rest.
    let state = unsafe { state.read() };
    contract::struct_size(entry, state.Size, size_of_val(&state));
    const AUTO_NEGOTIATION: i32 = 0xf;
    let fields = [
        (state.MediaConnectState, (0..=2).contains(&state.MediaConnectState)),
        (state.MediaDuplexState, (0..=2).contains(&state.MediaDuplexState)),
        (state.SupportedPauseFunctions, (0..=4).contains(&state.SupportedPauseFunctions)),
        (state.AutoNegotiationFlags, contract::only_flags(state.AutoNegotiationFlags, AUTO_NEGOTIATION)),
    ];
    for (field, (value, ok)) in fields.into_iter().enumerate() {
        contract::LINK_STATE.require(ok, field as u64, value as u64, || {
            let names = ["MediaConnectState", "MediaDuplexState", "SupportedPauseFunctions", "AutoNegotiationFlags"];
            format!("{} is {value}", names[field])
        });
    }
    adapter(handle).set_link_state(state);
}

unsafe extern "win64" fn NetAdapterGetNetLuid(globals: PNET_DRIVER_GLOBALS, handle: NETADAPTER) -> NET_LUID {
    /// IF_TYPE_ETHERNET_CSMACD in the upper 16 bits, then an index.
    const ETHERNET: u64 = 6 << 48;
    const INDEX_SHIFT: u32 = 24;
    enter_passive("NetAdapterGetNetLuid", globals);
    adapter(handle);
    NET_LUID { Value: ETHERNET | 1 << INDEX_SHIFT }
}

unsafe extern "win64" fn NetAdapterWdmGetNdisHandle(globals: PNET_DRIVER_GLOBALS, handle: NETADAPTER) -> NDIS_HANDLE {
    let entry = "NetAdapterWdmGetNdisHandle";
    enter(entry, globals);
    contract::at_most_dispatch(entry);
    adapter(handle).ndis_handle() as NDIS_HANDLE
}

unsafe extern "win64" fn NetReceiveFilterGetPacketFilter(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETRECEIVEFILTER,
) -> i32 {
    let entry = "NetReceiveFilterGetPacketFilter";
    enter(entry, globals);
    contract::at_most_dispatch(entry);
    filter::filter(entry, handle).flags
}

unsafe extern "win64" fn NetReceiveFilterGetMulticastAddressCount(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETRECEIVEFILTER,
) -> SIZE_T {
    let entry = "NetReceiveFilterGetMulticastAddressCount";
    enter(entry, globals);
    contract::at_most_dispatch(entry);
    filter::filter(entry, handle).multicast.len() as SIZE_T
}

unsafe extern "win64" fn NetReceiveFilterGetMulticastAddressList(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETRECEIVEFILTER,
) -> *const NET_ADAPTER_LINK_LAYER_ADDRESS {
    let entry = "NetReceiveFilterGetMulticastAddressList";
    enter(entry, globals);
    contract::at_most_dispatch(entry);
    // The list lives as long as the callback that this handle was made for.
    filter::filter(entry, handle).multicast.as_ptr()
}
