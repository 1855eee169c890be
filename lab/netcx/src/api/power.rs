//! Wake and protocol offload capabilities, recorded; wake sources and offloads, of which the stack above sets none.

use super::adapter::adapter;
use super::capabilities::read_sized;
use super::{enter_passive, list};
use crate::contract;
use lab_kmdf::PowerState;
use netadaptercx_sys::*;
use wdk_sys::WDFDEVICE;

list! {
    NetAdapterPowerOffloadSetArpCapabilities, NetAdapterPowerOffloadSetNSCapabilities,
    NetAdapterWakeSetBitmapCapabilities, NetAdapterWakeSetMediaChangeCapabilities,
    NetAdapterWakeSetMagicPacketCapabilities, NetAdapterWakeSetPacketFilterCapabilities,
    NetAdapterWakeSetEapolPacketCapabilities, NetAdapterReportWakeReasonPacket,
    NetAdapterReportWakeReasonMediaChange, NetDeviceGetPowerOffloadList, NetPowerOffloadListGetCount,
    NetDeviceGetWakeSourceList, NetWakeSourceListGetCount,
}

macro_rules! recorded {
    ($($name:ident($ty:ty) => $field:ident;)*) => {
        $(
            unsafe extern "win64" fn $name(globals: PNET_DRIVER_GLOBALS, handle: NETADAPTER, capabilities: *const $ty) {
                let entry = stringify!($name);
                enter_passive(entry, globals);
                let capabilities = read_sized!(entry, capabilities.cast_mut());
                adapter(handle).change_capabilities(|c| c.$field = Some(capabilities));
            }
        )*
    };
}

recorded! {
    NetAdapterPowerOffloadSetArpCapabilities(NET_ADAPTER_POWER_OFFLOAD_ARP_CAPABILITIES) => arp_offload;
    NetAdapterPowerOffloadSetNSCapabilities(NET_ADAPTER_POWER_OFFLOAD_NS_CAPABILITIES) => ns_offload;
    NetAdapterWakeSetBitmapCapabilities(NET_ADAPTER_WAKE_BITMAP_CAPABILITIES) => wake_bitmap;
    NetAdapterWakeSetMediaChangeCapabilities(NET_ADAPTER_WAKE_MEDIA_CHANGE_CAPABILITIES) => wake_media_change;
    NetAdapterWakeSetMagicPacketCapabilities(NET_ADAPTER_WAKE_MAGIC_PACKET_CAPABILITIES) => wake_magic_packet;
    NetAdapterWakeSetPacketFilterCapabilities(NET_ADAPTER_WAKE_PACKET_FILTER_CAPABILITIES) => wake_packet_filter;
    NetAdapterWakeSetEapolPacketCapabilities(NET_ADAPTER_WAKE_EAPOL_PACKET_CAPABILITIES) => wake_eapol;
}

unsafe extern "win64" fn NetAdapterReportWakeReasonPacket(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETADAPTER,
    _reason: *const NET_ADAPTER_WAKE_REASON_PACKET,
) {
    wake_reason("NetAdapterReportWakeReasonPacket", globals, handle);
}

unsafe extern "win64" fn NetAdapterReportWakeReasonMediaChange(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETADAPTER,
    _reason: NET_IF_MEDIA_CONNECT_STATE,
) {
    wake_reason("NetAdapterReportWakeReasonMediaChange", globals, handle);
}

/// No device of the lab is ever armed for wake, so none is waking up.
fn wake_reason(entry: &'static str, globals: PNET_DRIVER_GLOBALS, handle: NETADAPTER) {
    enter_passive(entry, globals);
    adapter(handle);
    contract::WAKE_IN_PROGRESS.require(false, 0, 0, || format!("{entry} while the device is not waking up"));
}

/// Lists are read in the driver's power callbacks only.
fn require_transition(entry: &str, device: WDFDEVICE) {
    let state = lab_kmdf::power_state(device);
    let ok = matches!(state, PowerState::PoweringUp | PowerState::PoweringDown);
    contract::POWER_LIST_IN_TRANSITION.check(ok, || format!("{entry} in {state:?}"));
}

unsafe extern "win64" fn NetDeviceGetPowerOffloadList(
    globals: PNET_DRIVER_GLOBALS,
    device: WDFDEVICE,
    list: *mut NET_POWER_OFFLOAD_LIST,
) {
    let entry = "NetDeviceGetPowerOffloadList";
    enter_passive(entry, globals);
    read_sized!(entry, list);
    require_transition(entry, device);
}

unsafe extern "win64" fn NetPowerOffloadListGetCount(
    globals: PNET_DRIVER_GLOBALS,
    list: *const NET_POWER_OFFLOAD_LIST,
) -> SIZE_T {
    let entry = "NetPowerOffloadListGetCount";
    enter_passive(entry, globals);
    read_sized!(entry, list.cast_mut());
    0
}

unsafe extern "win64" fn NetDeviceGetWakeSourceList(
    globals: PNET_DRIVER_GLOBALS,
    device: WDFDEVICE,
    list: *mut NET_WAKE_SOURCE_LIST,
) {
    let entry = "NetDeviceGetWakeSourceList";
    enter_passive(entry, globals);
    read_sized!(entry, list);
    require_transition(entry, device);
}

unsafe extern "win64" fn NetWakeSourceListGetCount(
    globals: PNET_DRIVER_GLOBALS,
    list: *const NET_WAKE_SOURCE_LIST,
) -> SIZE_T {
    let entry = "NetWakeSourceListGetCount";
    enter_passive(entry, globals);
    read_sized!(entry, list.cast_mut());
    0
}
