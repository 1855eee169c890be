//! Driver-defined interfaces: WdfFdoQueryForInterface for the bus interface of PCI.

use crate::abi::{BUS_INTERFACE_STANDARD, STATUS_INVALID_BUFFER_SIZE};
use crate::args::{In, Out};
use crate::ddi::ddi;
use crate::device::state_of;
use lab_kernel::rules;
use wdk_sys::{GUID, NTSTATUS, PVOID, STATUS_NOT_SUPPORTED, STATUS_SUCCESS, ULONG, USHORT, WDFDEVICE};

rules! {
    BUS_DATA: "Bus data is configuration space, offset and length inside its 4096 bytes, at most at DISPATCH_LEVEL", "DDI wdm GET_SET_DEVICE_DATA";
}

/// GUID_BUS_INTERFACE_STANDARD of wdmguid.h.
const BUS_INTERFACE: GUID =
    GUID { Data1: 0x496B_8280, Data2: 0x6F25, Data3: 0x11D0, Data4: [0xBE, 0xAF, 0x08, 0x00, 0x2B, 0xE2, 0x09, 0x2F] };
const PCI_WHICHSPACE_CONFIG: ULONG = 0;
const CONFIG_BYTES: u64 = 4096;

fn same(a: &GUID, b: &GUID) -> bool {
    (a.Data1, a.Data2, a.Data3, a.Data4) == (b.Data1, b.Data2, b.Data3, b.Data4)
}

ddi! {
    fn WdfFdoQueryForInterface(
        PASSIVE_LEVEL; device: WDFDEVICE, interface_type: In<GUID>, interface: Out<BUS_INTERFACE_STANDARD>, size: USHORT, version: USHORT,
        _data: PVOID,
    ) -> NTSTATUS {
        let state = state_of(device);
        // STATUS_NOT_SUPPORTED is what an unanswered IRP_MN_QUERY_INTERFACE completes with.
        if !same(&interface_type.get("InterfaceType"), &BUS_INTERFACE) || version != 1 {
            return STATUS_NOT_SUPPORTED;
        }
        if usize::from(size) < size_of::<BUS_INTERFACE_STANDARD>() {
            return STATUS_INVALID_BUFFER_SIZE;
        }
        let answer = BUS_INTERFACE_STANDARD {
            Size: size_of::<BUS_INTERFACE_STANDARD>() as USHORT,
            Version: 1,
            Context: state.handle().cast(),
            InterfaceReference: Some(reference),
            InterfaceDereference: Some(dereference),
            TranslateBusAddress: missing("BUS_INTERFACE_STANDARD.TranslateBusAddress"),
            GetDmaAdapter: missing("BUS_INTERFACE_STANDARD.GetDmaAdapter"),
            SetBusData: Some(set_bus_data),
            GetBusData: Some(get_bus_data),
        };
        interface.set(answer, "Interface");
        crate::object::reference(device.cast());
        STATUS_SUCCESS
    }
}

fn missing(name: &str) -> *const std::ffi::c_void {
    lab_kernel::image::not_implemented_stub(name.into()) as *const std::ffi::c_void
}

unsafe extern "win64" fn reference(context: PVOID) {
    crate::object::reference(context);
}

unsafe extern "win64" fn dereference(context: PVOID) {
    crate::object::dereference(context);
}

/// The device behind a bus interface, and whether the access is a legal one.
fn checked(context: PVOID, which: ULONG, offset: ULONG, length: ULONG) -> Option<&'static crate::device::DeviceState> {
    let state = state_of(context.cast());
    let inside = u64::from(offset) + u64::from(length) <= CONFIG_BYTES;
    let level = lab_kernel::cpu::irql();
    let legal = which == PCI_WHICHSPACE_CONFIG && inside && level <= lab_kernel::cpu::DISPATCH_LEVEL;
    BUS_DATA.check(legal, || format!("type {which}, offset {offset:#x}, {length} bytes, IRQL {level}")).then_some(state)
}

/// The largest aligned access at `offset` that stays in `left` bytes.
fn width(offset: ULONG, left: ULONG) -> u8 {
    [4, 2].into_iter().find(|&w| offset.is_multiple_of(w) && left >= w).map_or(1, |w| w as u8)
}

unsafe extern "win64" fn get_bus_data(
    context: PVOID,
    which: ULONG,
    buffer: PVOID,
    offset: ULONG,
    length: ULONG,
) -> ULONG {
    lab_kernel::exports::entered("BUS_INTERFACE_STANDARD.GetBusData");
    let Some(state) = checked(context, which, offset, length) else { return 0 };
    let mut done = 0;
    while done < length {
        let width = width(offset + done, length - done);
        let value = state.resources.bus.config_read((offset + done) as u16, width).to_le_bytes();
        // SAFETY: the driver's buffer holds `length` bytes (DDI wdm GET_SET_DEVICE_DATA).
        unsafe {
            buffer.cast::<u8>().add(done as usize).copy_from_nonoverlapping(value.as_ptr(), width.into());
        }
        done += ULONG::from(width);
    }
    length
}

unsafe extern "win64" fn set_bus_data(
    context: PVOID,
    which: ULONG,
    buffer: PVOID,
    offset: ULONG,
    length: ULONG,
) -> ULONG {
    lab_kernel::exports::entered("BUS_INTERFACE_STANDARD.SetBusData");
    let Some(state) = checked(context, which, offset, length) else { return 0 };
    let mut done = 0;
    while done < length {
        let width = width(offset + done, length - done);
        let mut value = [0; 4];
        // SAFETY: as above.
        unsafe {
            value.as_mut_ptr().copy_from_nonoverlapping(buffer.cast::<u8>().add(done as usize), width.into());
        }
        state.resources.bus.config_write((offset + done) as u16, width, u32::from_le_bytes(value));
        done += ULONG::from(width);
    }
    length
}
