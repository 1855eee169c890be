//! Capabilities of the datapath, the link layer and receive scaling.

use super::adapter::{adapter, require_stopped};
use super::{enter_passive, list};
use crate::capabilities::{RxBuffers, RxCapabilities, TxCapabilities};
use crate::contract::{self, Contract};
use lab_kernel::bugcheck;
use netadaptercx_sys::_NET_MEMORY_MAPPING_REQUIREMENT::NetMemoryMappingRequirementDmaMapped as DMA_MAPPED;
use netadaptercx_sys::*;

list! {
    NetAdapterSetDataPathCapabilities, NetAdapterSetLinkLayerCapabilities, NetAdapterSetLinkLayerMtuSize,
    NetAdapterSetReceiveFilterCapabilities, NetAdapterSetPermanentLinkLayerAddress,
    NetAdapterSetCurrentLinkLayerAddress, NetAdapterSetReceiveScalingCapabilities,
}

/// Reads a structure whose size is fixed.
macro_rules! read_sized {
    ($entry:expr, $pointer:expr) => {{
        contract::not_null($entry, $pointer.cast_const());
        // SAFETY: not null; the client vouches for the rest.
        let value = unsafe { $pointer.read() };
        contract::struct_size($entry, value.Size, size_of_val(&value));
        value
    }};
}
pub(super) use read_sized;

/// A DMA enabler that can map for NetAdapterCx: it speaks version 3.
const DMA_VERSION: u32 = 3;

/// Checks DMA capabilities; `required` if the mapping requirement asks for them. Returns MaximumPhysicalAddress.
fn check_dma(entry: &str, rule: &'static Contract, dma: *mut NET_ADAPTER_DMA_CAPABILITIES, required: bool) -> u64 {
    // SAFETY: null or the client's structure.
    let given = unsafe { dma.as_ref() };
    let enabler = given.map_or(std::ptr::null_mut(), |d| d.DmaEnabler);
    if required {
        rule.require(!enabler.is_null(), 0, 1, || format!("{entry}: DMA mapping without a DMA enabler"));
        let version = lab_kmdf::dma_enabler_info(enabler).wdm_dma_version;
        rule.require(version == DMA_VERSION, 0, 2, || format!("{entry}: the DMA enabler has WdmDmaVersion {version}"));
    }
    let Some(given) = given else { return 0 };
    contract::struct_size(entry, given.Size, size_of_val(given));
    // SAFETY: every bit pattern of the union is a number.
    unsafe { given.MaximumPhysicalAddress.QuadPart as u64 }
}

unsafe extern "win64" fn NetAdapterSetDataPathCapabilities(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETADAPTER,
    tx: *mut NET_ADAPTER_TX_CAPABILITIES,
    rx: *mut NET_ADAPTER_RX_CAPABILITIES,
) {
    let entry = "NetAdapterSetDataPathCapabilities";
    enter_passive(entry, globals);
    let tx = read_sized!(entry, tx);
    let rx = read_sized!(entry, rx);
    let tx = check_tx(entry, &tx);
    let rx = check_rx(entry, &rx);
    let adapter = adapter(handle);
    require_stopped(entry, handle, adapter);
    adapter.change_capabilities(|c| {
        c.tx = Some(tx);
        c.rx = Some(rx);
    });
}

fn check_tx(entry: &str, tx: &NET_ADAPTER_TX_CAPABILITIES) -> TxCapabilities {
    let rule = &contract::TX_CAPABILITIES;
    let dma_mapped = tx.MappingRequirement == DMA_MAPPED;
    let maximum_physical_address = check_dma(entry, rule, tx.DmaCapabilities, dma_mapped);
    rule.require(tx.MaximumNumberOfQueues != 0, 0, 3, || format!("{entry}: no Tx queue"));
    let alignment = tx.FragmentBufferAlignment;
    rule.require(alignment.is_power_of_two(), 0, 4, || format!("{entry}: Tx alignment {alignment}"));
    check_hint(entry, tx.FragmentRingNumberOfElementsHint);
    TxCapabilities {
        dma_mapped,
        has_dma: !tx.DmaCapabilities.is_null(),
        backfill: tx.PayloadBackfill as usize,
        maximum_fragments: tx.MaximumNumberOfFragments as usize,
        alignment: alignment as usize,
        hint: tx.FragmentRingNumberOfElementsHint,
        maximum_queues: tx.MaximumNumberOfQueues as usize,
        maximum_physical_address,
    }
}

fn check_rx(entry: &str, rx: &NET_ADAPTER_RX_CAPABILITIES) -> RxCapabilities {
    let rule = &contract::RX_CAPABILITIES;
    let driver_allocates =
        rx.AllocationMode == _NET_RX_FRAGMENT_BUFFER_ALLOCATION_MODE::NetRxFragmentBufferAllocationModeDriver;
    let driver_attaches =
        rx.AttachmentMode == _NET_RX_FRAGMENT_BUFFER_ATTACHMENT_MODE::NetRxFragmentBufferAttachmentModeDriver;
    // SAFETY: AllocationMode says which member of the union is meant; a function pointer may be null.
    let return_buffer = if driver_allocates { unsafe { rx.anon.EvtAdapterReturnRxBuffer } } else { None };
    // SAFETY: as above; the other member is an integer.
    let dma_mapped = !driver_allocates && unsafe { rx.anon.MappingRequirement } == DMA_MAPPED;
    rule.require(!driver_allocates || driver_attaches && return_buffer.is_some(), 0, 0, || {
        format!("{entry}: driver-allocated buffers need driver attachment and EvtAdapterReturnRxBuffer")
    });
    if driver_attaches && !driver_allocates {
        bugcheck::stop(
            "NetAdapterSetDataPathCapabilities: system-allocated, driver-attached Rx buffers are not implemented",
        );
    }
    check_dma(entry, rule, rx.DmaCapabilities, dma_mapped);
    rule.require(rx.MaximumNumberOfQueues != 0, 0, 3, || format!("{entry}: no Rx queue"));
    let alignment = rx.FragmentBufferAlignment;
    contract::POWER_OF_TWO
        .require(alignment.is_power_of_two(), alignment, 4, || format!("{entry}: Rx alignment {alignment}"));
    check_hint(entry, rx.FragmentRingNumberOfElementsHint);
    RxCapabilities {
        buffers: if driver_allocates { RxBuffers::Driver { return_buffer } } else { RxBuffers::System },
        dma_mapped,
        has_dma: !rx.DmaCapabilities.is_null(),
        maximum_frame_size: u32::try_from(rx.MaximumFrameSize).unwrap_or(u32::MAX),
        alignment: alignment as usize,
        hint: rx.FragmentRingNumberOfElementsHint,
        maximum_queues: rx.MaximumNumberOfQueues as usize,
    }
}

fn check_hint(entry: &str, hint: u32) {
    contract::POWER_OF_TWO.require(hint == 0 || hint.is_power_of_two(), u64::from(hint), 5, || {
        format!("{entry}: FragmentRingNumberOfElementsHint {hint}")
    });
}

unsafe extern "win64" fn NetAdapterSetLinkLayerCapabilities(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETADAPTER,
    capabilities: *mut NET_ADAPTER_LINK_LAYER_CAPABILITIES,
) {
    let entry = "NetAdapterSetLinkLayerCapabilities";
    enter_passive(entry, globals);
    let capabilities = read_sized!(entry, capabilities);
    let adapter = adapter(handle);
    require_stopped(entry, handle, adapter);
    adapter.change_capabilities(|c| c.link_layer = Some(capabilities));
}

unsafe extern "win64" fn NetAdapterSetLinkLayerMtuSize(globals: PNET_DRIVER_GLOBALS, handle: NETADAPTER, mtu: u32) {
    let entry = "NetAdapterSetLinkLayerMtuSize";
    enter_passive(entry, globals);
    contract::MTU_NOT_ZERO.require(mtu != 0, 0, 0, || format!("{entry}: MTU 0"));
    let adapter = adapter(handle);
    adapter.change_capabilities(|c| c.mtu = mtu);
    if adapter.datapath_running() {
        // NDIS pauses and restarts the adapter on a thread of its own; the queues are made for the new size.
        lab_kernel::cpu::spawn("MTU change", move || {
            // A failure was printed and the device set failed; there is nobody else to tell.
            let _ = adapter.restart_datapath();
        });
    }
}

unsafe extern "win64" fn NetAdapterSetReceiveFilterCapabilities(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETADAPTER,
    capabilities: *const NET_ADAPTER_RECEIVE_FILTER_CAPABILITIES,
) {
    use _NET_PACKET_FILTER_FLAGS::*;
    let entry = "NetAdapterSetReceiveFilterCapabilities";
    enter_passive(entry, globals);
    let capabilities = read_sized!(entry, capabilities.cast_mut());
    let (filters, addresses) = (capabilities.SupportedPacketFilters, capabilities.MaximumMulticastAddresses);
    contract::RECEIVE_FILTER_CALLBACK.require(filters == 0 || capabilities.EvtSetReceiveFilter.is_some(), 0, 0, || {
        format!("{entry}: filters {filters:#x} without EvtSetReceiveFilter")
    });
    let known = NetPacketFilterFlagDirected
        | NetPacketFilterFlagMulticast
        | NetPacketFilterFlagAllMulticast
        | NetPacketFilterFlagBroadcast
        | NetPacketFilterFlagPromiscuous;
    let detail = || format!("{entry}: filters {filters:#x}, {addresses} multicast addresses");
    let rule = &contract::RECEIVE_FILTER_CAPABILITIES;
    rule.require(contract::only_flags(filters, known), 0, filters as u64, detail);
    let multicast = filters & NetPacketFilterFlagMulticast != 0;
    rule.require((filters != 0 || addresses != 0) && multicast == (addresses != 0), filters as u64, addresses, detail);
    let adapter = adapter(handle);
    require_stopped(entry, handle, adapter);
    adapter.change_capabilities(|c| c.receive_filter = Some(capabilities));
}

fn read_address(entry: &str, address: *mut NET_ADAPTER_LINK_LAYER_ADDRESS) -> NET_ADAPTER_LINK_LAYER_ADDRESS {
    contract::not_null(entry, address.cast_const());
    // SAFETY: not null; the client vouches for the rest.
    let address = unsafe { address.read() };
    let longest = address.Address.len();
    contract::LINK_LAYER_ADDRESS_LENGTH.require(
        usize::from(address.Length) <= longest,
        u64::from(address.Length),
        longest as u64,
        || format!("{entry}: {} bytes", address.Length),
    );
    address
}

unsafe extern "win64" fn NetAdapterSetPermanentLinkLayerAddress(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETADAPTER,
    address: *mut NET_ADAPTER_LINK_LAYER_ADDRESS,
) {
    let entry = "NetAdapterSetPermanentLinkLayerAddress";
    enter_passive(entry, globals);
    let adapter = adapter(handle);
    require_stopped(entry, handle, adapter);
    let address = read_address(entry, address);
    adapter.change_capabilities(|c| c.permanent_address = address);
}

unsafe extern "win64" fn NetAdapterSetCurrentLinkLayerAddress(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETADAPTER,
    address: *mut NET_ADAPTER_LINK_LAYER_ADDRESS,
) {
    let entry = "NetAdapterSetCurrentLinkLayerAddress";
    enter_passive(entry, globals);
    let address = read_address(entry, address);
    adapter(handle).change_capabilities(|c| c.current_address = address);
}

unsafe extern "win64" fn NetAdapterSetReceiveScalingCapabilities(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETADAPTER,
    capabilities: *const NET_ADAPTER_RECEIVE_SCALING_CAPABILITIES,
) {
    let entry = "NetAdapterSetReceiveScalingCapabilities";
    enter_passive(entry, globals);
    contract::not_null(entry, capabilities);
    // SAFETY: not null; the client vouches for the rest.
    let c = unsafe { capabilities.read() };
    for (what, n) in [("IndirectionTableSize", c.IndirectionTableSize), ("NumberOfQueues", c.NumberOfQueues)] {
        contract::POWER_OF_TWO.require(n.is_power_of_two(), n, 0, || format!("{entry}: {what} {n}"));
    }
    /// Values from here on have a bit that no known flag has.
    const HASH_TYPES: i32 = 2;
    const PROTOCOL_TYPES: i32 = 0x40;
    const ENCAPSULATION_TYPES: i32 = 4;
    let hash = c.ReceiveScalingHashTypes;
    contract::RSS_HASH_TYPE.require(hash < HASH_TYPES, hash as u64, 0, || format!("{entry}: hash types {hash:#x}"));
    let protocols = c.ReceiveScalingProtocolTypes;
    contract::RSS_PROTOCOL_TYPE
        .require(protocols < PROTOCOL_TYPES, protocols as u64, 0, || format!("{entry}: protocol types {protocols:#x}"));
    let encapsulation = c.ReceiveScalingEncapsulationTypes;
    for types in [encapsulation.Outer, encapsulation.Inner] {
        contract::RSS_ENCAPSULATION_TYPE.require(types < ENCAPSULATION_TYPES, types as u64, 0, || {
            format!("{entry}: encapsulation types {types:#x}")
        });
    }
    let adapter = adapter(handle);
    require_stopped(entry, handle, adapter);
    adapter.change_capabilities(|all| all.receive_scaling = Some(c));
}
