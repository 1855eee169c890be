//! DMA enablers and common buffers (WDF fxdmaenabler.cpp, fxcommonbuffer.cpp).

use crate::abi::{STATUS_INFO_LENGTH_MISMATCH, STATUS_WDF_OBJECT_ATTRIBUTES_INVALID};
use crate::args::{In, Out};
use crate::ddi::ddi;
use crate::device::init::device_above;
use crate::device::{DeviceState, state_of};
use crate::object::attributes::{self, Allowed};
use crate::object::{Hooks, delete_object, live_objects, new_object, object, payload, payload_opt, set_hooks};
use crate::verifier::{callback, size_is};
use lab_kernel::dma::{DmaBlock, alloc_contiguous};
use lab_kernel::rules;
use std::cell::{Cell, RefCell};
use wdk_sys::_WDF_DMA_PROFILE::{WdfDmaProfilePacket, WdfDmaProfileSystemDuplex};
use wdk_sys::{
    LARGE_INTEGER, NT_SUCCESS, NTSTATUS, PHYSICAL_ADDRESS, PVOID, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG, WDF_COMMON_BUFFER_CONFIG, WDF_DMA_DIRECTION,
    WDF_DMA_ENABLER_CONFIG, WDF_DMA_PROFILE, WDF_OBJECT_ATTRIBUTES, WDFCOMMONBUFFER, WDFDEVICE, WDFDMAENABLER,
    WDFOBJECT,
};

rules! {
    DMA_CONFIG: "A DMA enabler has a known profile and a maximum length", "DDI wdfdmaenabler WdfDmaEnablerCreate";
    COMMON_BUFFER_LENGTH: "A common buffer has a length", "DDI wdfcommonbuffer WdfCommonBufferCreate";
    COMMON_BUFFER_ALIGNMENT: "An alignment requirement is a power of two minus one", "DDI wdfdmaenabler WdfDeviceSetAlignmentRequirement; WDF_COMMON_BUFFER_CONFIG";
    SCATTER_GATHER_LIMIT: "The number of scatter/gather elements is set before the first transaction, and is not zero", "DDI wdfdmaenabler WdfDmaEnablerSetMaximumScatterGatherElements";
}

const PAGE: usize = 4096;
/// `WDF_DMA_ENABLER_UNLIMITED_FRAGMENTS`.
const UNLIMITED_FRAGMENTS: usize = usize::MAX;
/// What a common buffer holds when it is new. AllocateCommonBuffer promises no content (DDI wdm
/// PALLOCATE_COMMON_BUFFER) and the framework clears nothing (WDF fxcommonbuffer.cpp), so a driver must not count on
/// zeros.
const FRESH: u8 = 0xA5;

/// What WdfDmaEnablerCreate recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DmaEnablerInfo {
    /// The device.
    pub device: WDFDEVICE,
    /// WDF_DMA_PROFILE.
    pub profile: WDF_DMA_PROFILE,
    /// Bytes of the longest transfer.
    pub maximum_length: u64,
    /// WdmDmaVersionOverride, 0 if the driver set none. NetAdapterCx needs 3.
    pub wdm_dma_version: ULONG,
    /// AddressWidthOverride, 0 if the driver set none.
    pub address_width: ULONG,
}

/// Of a live enabler; another handle is bugcheck 0x10D.
pub fn dma_enabler_info(enabler: WDFDMAENABLER) -> DmaEnablerInfo {
    let enabler = payload::<Enabler>(enabler.cast());
    DmaEnablerInfo {
        device: enabler.device.handle(),
        profile: enabler.config.Profile,
        maximum_length: enabler.config.MaximumLength,
        wdm_dma_version: enabler.config.WdmDmaVersionOverride,
        address_width: enabler.config.AddressWidthOverride,
    }
}

/// Payload of WDFDMAENABLER.
struct Enabler {
    handle: Cell<WDFDMAENABLER>,
    device: &'static DeviceState,
    config: WDF_DMA_ENABLER_CONFIG,
    maximum_fragments: Cell<usize>,
    powered: Cell<bool>,
}

/// Payload of WDFCOMMONBUFFER.
struct CommonBuffer {
    device: &'static DeviceState,
    block: RefCell<Option<DmaBlock>>,
    /// Logical address of the block, and the bytes mapped there.
    mapped: Cell<(u64, u64)>,
    /// Offset of the aligned part in the block.
    offset: Cell<usize>,
    length: usize,
}

/// The live common buffer that holds all of `address..address + len`, by its handle.
pub fn common_buffer_at(address: usize, len: usize) -> Option<usize> {
    let holds = |buffer: &CommonBuffer| {
        buffer.block.borrow().as_ref().is_some_and(|block| {
            let start = block.va as usize;
            address >= start && address.saturating_add(len) <= start + block.len
        })
    };
    let buffers = live_objects().into_iter().filter(|o| o.kind == "WDFCOMMONBUFFER").map(|o| o.handle);
    buffers.into_iter().find(|handle| payload_opt::<CommonBuffer>(*handle as WDFOBJECT).is_some_and(holds))
}

/// From now on the device's access to a common buffer is a DMA fault. Does nothing if there is no such buffer any more.
pub fn revoke_common_buffer(handle: usize) {
    if let Some(buffer) = payload_opt::<CommonBuffer>(handle as WDFOBJECT) {
        buffer.device.resources.bus.dma_revoke(&[buffer.mapped.get()]);
    }
}

fn enablers(device: &DeviceState) -> Vec<&'static Enabler> {
    device.enablers.borrow().iter().filter_map(|&h| payload_opt(h.cast())).collect()
}

macro_rules! enabler_step {
    ($device:expr, $enabler:expr, $name:literal, $function:expr) => {
        match $function {
            None => Ok(()),
            Some(function) => {
                let status = callback!($name, function, $enabler.handle.get());
                if NT_SUCCESS(status) {
                    Ok(())
                } else {
                    $device.note_failure($name, status);
                    Err(status)
                }
            }
        }
    };
}

/// FxPkgPnp::PowerDmaPowerUp: fill, enable, start; the first failure ends it.
pub(crate) fn power_up(device: &DeviceState) -> Result<(), NTSTATUS> {
    for enabler in enablers(device) {
        enabler.powered.set(true);
        enabler_step!(device, enabler, "EvtDmaEnablerFill", enabler.config.EvtDmaEnablerFill)?;
        enabler_step!(device, enabler, "EvtDmaEnablerEnable", enabler.config.EvtDmaEnablerEnable)?;
        let start = enabler.config.EvtDmaEnablerSelfManagedIoStart;
        enabler_step!(device, enabler, "EvtDmaEnablerSelfManagedIoStart", start)?;
    }
    Ok(())
}

/// FxPkgPnp::PowerDmaPowerDown: stop, disable, flush, of every enabler; the first failure is returned.
pub(crate) fn power_down(device: &DeviceState) -> Result<(), NTSTATUS> {
    let mut result = Ok(());
    for enabler in enablers(device) {
        if enabler.powered.replace(false) {
            let stop = enabler.config.EvtDmaEnablerSelfManagedIoStop;
            result = result.and(enabler_step!(device, enabler, "EvtDmaEnablerSelfManagedIoStop", stop));
            let disable = enabler.config.EvtDmaEnablerDisable;
            result = result.and(enabler_step!(device, enabler, "EvtDmaEnablerDisable", disable));
            result =
                result.and(enabler_step!(device, enabler, "EvtDmaEnablerFlush", enabler.config.EvtDmaEnablerFlush));
        }
    }
    result
}

fn dispose_enabler(handle: WDFOBJECT) {
    let enabler = payload::<Enabler>(handle);
    enabler.device.enablers.borrow_mut().retain(|&h| h.cast() != handle);
}

/// FxCommonBuffer::Dispose: the device cannot reach the memory any more, then it is free.
fn dispose_buffer(handle: WDFOBJECT) {
    let buffer = payload::<CommonBuffer>(handle);
    let (logical, len) = buffer.mapped.take();
    if len > 0 {
        buffer.device.resources.bus.dma_unmap(logical, len);
    }
    drop(buffer.block.take());
}

fn create_buffer(
    enabler: WDFDMAENABLER,
    length: usize,
    alignment: usize,
    attributes: In<WDF_OBJECT_ATTRIBUTES>,
) -> Result<WDFCOMMONBUFFER, NTSTATUS> {
    let device = payload::<Enabler>(enabler.cast()).device;
    if !COMMON_BUFFER_LENGTH.check(length > 0, || "length 0".into()) {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let power_of_two = alignment.checked_add(1).is_some_and(usize::is_power_of_two);
    if !COMMON_BUFFER_ALIGNMENT.check(power_of_two, || format!("alignment {alignment:#x}")) {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let attributes = attributes::read(attributes, Allowed::NONE)?;
    let globals = object(enabler.cast()).globals;
    let buffer =
        CommonBuffer { device, block: RefCell::new(None), mapped: Cell::new((0, 0)), offset: Cell::new(0), length };
    let handle = new_object("WDFCOMMONBUFFER", attributes.as_ref(), enabler.cast(), globals, Box::new(buffer))?;
    set_hooks(handle, Hooks { dispose: Some(dispose_buffer), ..Hooks::default() });
    let buffer = payload::<CommonBuffer>(handle);
    // Blocks are page-aligned; only a larger alignment needs more room (AllocateCommonBuffer's raw length).
    let raw = if alignment >= PAGE { length.checked_add(alignment) } else { Some(length) };
    let Some(block) = raw.and_then(alloc_contiguous) else {
        delete_object(handle);
        return Err(STATUS_INSUFFICIENT_RESOURCES);
    };
    // SAFETY: the block owns its bytes, and the device is not given their address yet.
    unsafe { block.va.write_bytes(FRESH, block.len) };
    let mapped = (block.len as u64).next_multiple_of(PAGE as u64);
    let logical = device.resources.bus.dma_map(block.phys, mapped, true);
    buffer.mapped.set((logical, mapped));
    buffer.offset.set((((logical + alignment as u64) & !(alignment as u64)) - logical) as usize);
    buffer.block.replace(Some(block));
    Ok(handle.cast())
}

ddi! {
    fn WdfDmaEnablerCreate(
        PASSIVE_LEVEL; device: WDFDEVICE, config: In<WDF_DMA_ENABLER_CONFIG>, attributes: In<WDF_OBJECT_ATTRIBUTES>,
        result: Out<WDFDMAENABLER>,
    ) -> NTSTATUS {
        result.set(std::ptr::null_mut(), "DmaEnablerHandle");
        match create_enabler(state_of(device), config, attributes) {
            Ok(handle) => {
                result.set(handle, "DmaEnablerHandle");
                STATUS_SUCCESS
            }
            Err(status) => status,
        }
    }

    fn WdfDmaEnablerGetMaximumLength(DISPATCH_LEVEL; enabler: WDFDMAENABLER) -> usize {
        payload::<Enabler>(enabler.cast()).config.MaximumLength as usize
    }

    // The lab has map registers for any length.
    fn WdfDmaEnablerGetFragmentLength(DISPATCH_LEVEL; enabler: WDFDMAENABLER, _direction: WDF_DMA_DIRECTION) -> usize {
        payload::<Enabler>(enabler.cast()).config.MaximumLength as usize
    }

    fn WdfDmaEnablerGetMaximumScatterGatherElements(DISPATCH_LEVEL; enabler: WDFDMAENABLER) -> usize {
        payload::<Enabler>(enabler.cast()).maximum_fragments.get()
    }

    fn WdfDmaEnablerSetMaximumScatterGatherElements(PASSIVE_LEVEL; enabler: WDFDMAENABLER, maximum: usize) {
        let enabler = payload::<Enabler>(enabler.cast());
        if SCATTER_GATHER_LIMIT.check(maximum > 0, || "0 elements".into()) {
            enabler.maximum_fragments.set(maximum);
        }
    }

    fn WdfCommonBufferCreate(
        PASSIVE_LEVEL; enabler: WDFDMAENABLER, length: usize, attributes: In<WDF_OBJECT_ATTRIBUTES>,
        result: Out<WDFCOMMONBUFFER>,
    ) -> NTSTATUS {
        result.set(std::ptr::null_mut(), "CommonBuffer");
        let alignment = payload::<Enabler>(enabler.cast()).device.alignment.get() as usize;
        match create_buffer(enabler, length, alignment, attributes) {
            Ok(handle) => {
                result.set(handle, "CommonBuffer");
                STATUS_SUCCESS
            }
            Err(status) => status,
        }
    }

    fn WdfCommonBufferCreateWithConfig(
        PASSIVE_LEVEL; enabler: WDFDMAENABLER, length: usize, config: In<WDF_COMMON_BUFFER_CONFIG>,
        attributes: In<WDF_OBJECT_ATTRIBUTES>, result: Out<WDFCOMMONBUFFER>,
    ) -> NTSTATUS {
        payload::<Enabler>(enabler.cast());
        if !size_is("WDF_COMMON_BUFFER_CONFIG", config.size("Config"), size_of::<WDF_COMMON_BUFFER_CONFIG>()) {
            return STATUS_INFO_LENGTH_MISMATCH;
        }
        result.set(std::ptr::null_mut(), "CommonBuffer");
        let alignment = config.get("Config").AlignmentRequirement as usize;
        match create_buffer(enabler, length, alignment, attributes) {
            Ok(handle) => {
                result.set(handle, "CommonBuffer");
                STATUS_SUCCESS
            }
            Err(status) => status,
        }
    }

    fn WdfCommonBufferGetAlignedVirtualAddress(DISPATCH_LEVEL; handle: WDFCOMMONBUFFER) -> PVOID {
        let buffer = payload::<CommonBuffer>(handle.cast());
        let block = buffer.block.borrow();
        block.as_ref().map_or(std::ptr::null_mut(), |b| b.va.wrapping_add(buffer.offset.get()).cast())
    }

    fn WdfCommonBufferGetAlignedLogicalAddress(DISPATCH_LEVEL; handle: WDFCOMMONBUFFER) -> PHYSICAL_ADDRESS {
        let buffer = payload::<CommonBuffer>(handle.cast());
        LARGE_INTEGER { QuadPart: (buffer.mapped.get().0 + buffer.offset.get() as u64) as i64 }
    }

    fn WdfCommonBufferGetLength(DISPATCH_LEVEL; handle: WDFCOMMONBUFFER) -> usize {
        payload::<CommonBuffer>(handle.cast()).length
    }
}

fn create_enabler(
    device: &'static DeviceState,
    config: In<WDF_DMA_ENABLER_CONFIG>,
    attributes: In<WDF_OBJECT_ATTRIBUTES>,
) -> Result<WDFDMAENABLER, NTSTATUS> {
    let attributes = attributes::read(attributes, Allowed::PARENT)?;
    let parent = attributes.map(|a| a.ParentObject).filter(|p| !p.is_null()).unwrap_or(device.handle().cast());
    if !device_above(parent).is_some_and(|d| std::ptr::eq(d, device)) {
        return Err(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    }
    if !size_is("WDF_DMA_ENABLER_CONFIG", config.size("Config"), size_of::<WDF_DMA_ENABLER_CONFIG>()) {
        return Err(STATUS_INFO_LENGTH_MISMATCH);
    }
    let config = config.get("Config");
    let known = (WdfDmaProfilePacket..=WdfDmaProfileSystemDuplex).contains(&config.Profile);
    let (profile, maximum) = (config.Profile, config.MaximumLength);
    if !DMA_CONFIG.check(known && maximum > 0, || format!("profile {profile}, maximum length {maximum}")) {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let enabler = Enabler {
        handle: Cell::new(std::ptr::null_mut()),
        device,
        config,
        maximum_fragments: Cell::new(UNLIMITED_FRAGMENTS),
        powered: Cell::new(false),
    };
    let made = new_object("WDFDMAENABLER", attributes.as_ref(), parent, device.globals, Box::new(enabler))?;
    set_hooks(made, Hooks { dispose: Some(dispose_enabler), ..Hooks::default() });
    payload::<Enabler>(made).handle.set(made.cast());
    device.enablers.borrow_mut().push(made.cast());
    Ok(made.cast())
}
