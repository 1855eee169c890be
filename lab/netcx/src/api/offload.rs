//! Hardware offload capabilities: checked and recorded. No offload is made active yet, so the NETOFFLOAD entries, which
//! a client may call only inside its EvtAdapterOffloadSet callbacks, are not there.

use super::adapter::{adapter, require_stopped};
use super::capabilities::read_sized;
use super::{enter_passive, list};
use crate::contract;
use netadaptercx_sys::_NET_ADAPTER_OFFLOAD_LAYER3_FLAGS::*;
use netadaptercx_sys::_NET_ADAPTER_OFFLOAD_LAYER4_FLAGS::*;
use netadaptercx_sys::*;

list! {
    NetAdapterOffloadSetChecksumCapabilities, NetAdapterOffloadSetTxChecksumCapabilities,
    NetAdapterOffloadSetRxChecksumCapabilities, NetAdapterOffloadSetGsoCapabilities,
    NetAdapterOffloadSetRscCapabilities, NetAdapterOffloadSetIeee8021qTagCapabilities,
}

const LAYER3: i32 = NetAdapterOffloadLayer3FlagIPv4NoOptions
    | NetAdapterOffloadLayer3FlagIPv4WithOptions
    | NetAdapterOffloadLayer3FlagIPv6NoExtensions
    | NetAdapterOffloadLayer3FlagIPv6WithExtensions;
const LAYER4: i32 = NetAdapterOffloadLayer4FlagTcpNoOptions
    | NetAdapterOffloadLayer4FlagTcpWithOptions
    | NetAdapterOffloadLayer4FlagUdp;

/// False if `flags` has `special` but not the plain form.
fn beside(flags: i32, special: i32, plain: i32) -> bool {
    flags & special == 0 || flags & plain != 0
}

unsafe extern "win64" fn NetAdapterOffloadSetChecksumCapabilities(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETADAPTER,
    capabilities: *mut NET_ADAPTER_OFFLOAD_CHECKSUM_CAPABILITIES,
) {
    let entry = "NetAdapterOffloadSetChecksumCapabilities";
    let client = enter_passive(entry, globals);
    contract::DEPRECATED.require(client.minor == 0, u64::from(client.minor), 20, || {
        format!("{entry} by a client of 2.{}", client.minor)
    });
    let capabilities = read_sized!(entry, capabilities);
    let adapter = adapter(handle);
    require_stopped(entry, handle, adapter);
    adapter.change_capabilities(|c| c.checksum = Some(capabilities));
}

unsafe extern "win64" fn NetAdapterOffloadSetTxChecksumCapabilities(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETADAPTER,
    capabilities: *const NET_ADAPTER_OFFLOAD_TX_CHECKSUM_CAPABILITIES,
) {
    let entry = "NetAdapterOffloadSetTxChecksumCapabilities";
    enter_passive(entry, globals);
    let c = read_sized!(entry, capabilities.cast_mut());
    let (l3, l4) = (c.Layer3Flags, c.Layer4Flags);
    let detail = || format!("{entry}: layer 3 flags {l3:#x}, layer 4 flags {l4:#x}");
    let rule = &contract::TX_CHECKSUM_CAPABILITIES;
    let ipv4 = beside(l3, NetAdapterOffloadLayer3FlagIPv4WithOptions, NetAdapterOffloadLayer3FlagIPv4NoOptions);
    rule.require(ipv4, l3 as u64, 0, detail);
    let ipv6 = beside(l3, NetAdapterOffloadLayer3FlagIPv6WithExtensions, NetAdapterOffloadLayer3FlagIPv6NoExtensions);
    rule.require(ipv6, l3 as u64, 1, detail);
    let tcp = beside(l4, NetAdapterOffloadLayer4FlagTcpWithOptions, NetAdapterOffloadLayer4FlagTcpNoOptions);
    rule.require(tcp, l4 as u64, 2, detail);
    contract::TX_CHECKSUM_HARDWARE.require(l3 & LAYER3 != 0 || l4 & LAYER4 != 0, l3 as u64, l4 as u64, detail);
    let only_ipv6 =
        l3 & NetAdapterOffloadLayer3FlagIPv6NoExtensions != 0 && l3 & NetAdapterOffloadLayer3FlagIPv4NoOptions == 0;
    contract::TX_CHECKSUM_IPV6.require(!only_ipv6 || l4 & LAYER4 != 0, l3 as u64, 0, detail);
    // The framework checks this one when the client asks what is enabled.
    contract::TX_CHECKSUM_LAYER4.require(l4 & LAYER4 == 0 || l3 & LAYER3 != 0, l3 as u64, l4 as u64, detail);
    let adapter = adapter(handle);
    require_stopped(entry, handle, adapter);
    adapter.change_capabilities(|all| all.tx_checksum = Some(c));
}

unsafe extern "win64" fn NetAdapterOffloadSetRxChecksumCapabilities(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETADAPTER,
    capabilities: *const NET_ADAPTER_OFFLOAD_RX_CHECKSUM_CAPABILITIES,
) {
    let entry = "NetAdapterOffloadSetRxChecksumCapabilities";
    enter_passive(entry, globals);
    let capabilities = read_sized!(entry, capabilities.cast_mut());
    let adapter = adapter(handle);
    require_stopped(entry, handle, adapter);
    adapter.change_capabilities(|c| c.rx_checksum = Some(capabilities));
}

unsafe extern "win64" fn NetAdapterOffloadSetGsoCapabilities(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETADAPTER,
    capabilities: *mut NET_ADAPTER_OFFLOAD_GSO_CAPABILITIES,
) {
    let entry = "NetAdapterOffloadSetGsoCapabilities";
    enter_passive(entry, globals);
    let c = read_sized!(entry, capabilities);
    let (l3, l4) = (c.Layer3Flags, c.Layer4Flags);
    let detail = || {
        format!(
            "{entry}: layer 3 flags {l3:#x}, layer 4 flags {l4:#x}, size {}, segments {}",
            c.MaximumOffloadSize, c.MinimumSegmentCount
        )
    };
    let plain3 = NetAdapterOffloadLayer3FlagIPv4NoOptions | NetAdapterOffloadLayer3FlagIPv6NoExtensions;
    let plain4 = NetAdapterOffloadLayer4FlagTcpNoOptions | NetAdapterOffloadLayer4FlagUdp;
    let offloads = l3 & plain3 != 0 && l4 & plain4 != 0;
    let rule = &contract::GSO_CAPABILITIES;
    rule.require(!offloads || c.MaximumOffloadSize != 0, c.MaximumOffloadSize, 1, detail);
    rule.require(!offloads || c.MinimumSegmentCount != 0, c.MinimumSegmentCount, 2, detail);
    let tcp = beside(l4, NetAdapterOffloadLayer4FlagTcpWithOptions, NetAdapterOffloadLayer4FlagTcpNoOptions);
    rule.require(tcp, l4 as u64, 3, detail);
    contract::GSO_HARDWARE_CAPABILITIES.require(l3 & LAYER3 != 0 || l4 & LAYER4 != 0, l3 as u64, l4 as u64, detail);
    let adapter = adapter(handle);
    require_stopped(entry, handle, adapter);
    adapter.change_capabilities(|all| all.gso = Some(c));
}

unsafe extern "win64" fn NetAdapterOffloadSetRscCapabilities(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETADAPTER,
    capabilities: *mut NET_ADAPTER_OFFLOAD_RSC_CAPABILITIES,
) {
    let entry = "NetAdapterOffloadSetRscCapabilities";
    enter_passive(entry, globals);
    let capabilities = read_sized!(entry, capabilities);
    let adapter = adapter(handle);
    require_stopped(entry, handle, adapter);
    adapter.change_capabilities(|c| c.rsc = Some(capabilities));
}

unsafe extern "win64" fn NetAdapterOffloadSetIeee8021qTagCapabilities(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETADAPTER,
    capabilities: *mut NET_ADAPTER_OFFLOAD_IEEE8021Q_TAG_CAPABILITIES,
) {
    let entry = "NetAdapterOffloadSetIeee8021qTagCapabilities";
    enter_passive(entry, globals);
    let capabilities = read_sized!(entry, capabilities);
    let adapter = adapter(handle);
    require_stopped(entry, handle, adapter);
    adapter.change_capabilities(|c| c.ieee8021q = Some(capabilities));
}
