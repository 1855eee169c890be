//! Device properties: what the bus driver reports, and those the driver assigned.

use super::state_of;
use crate::abi::{STATUS_BUFFER_TOO_SMALL, STATUS_INFO_LENGTH_MISMATCH, STATUS_NOT_FOUND};
use crate::args::{Buffer, In, Out};
use crate::bus::Bus;
use crate::ddi::ddi;
use crate::verifier::{null_pointer, size_is};
use wdk_sys::{
    NTSTATUS, STATUS_NOT_SUPPORTED, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS, ULONG, WDF_DEVICE_PROPERTY_DATA,
    WDFDEVICE,
};

// DEVICE_REGISTRY_PROPERTY of wdm.h.
const HARDWARE_ID: ULONG = 1;
const CLASS_NAME: ULONG = 5;
const LEGACY_BUS_TYPE: ULONG = 13;
const BUS_NUMBER: ULONG = 14;
const ENUMERATOR_NAME: ULONG = 15;
const ADDRESS: ULONG = 16;
/// `INTERFACE_TYPE` PCIBus.
const PCI_BUS: u32 = 5;
/// Bus and device number where the lab's adapter sits; function 0.
const BUS: u32 = 0;
const DEVICE: u32 = 3;

/// The bytes of a registry property.
fn value(bus: &dyn Bus, property: ULONG) -> Option<Vec<u8>> {
    Some(match property {
        HARDWARE_ID => {
            let (vendor, device) = (bus.config_read(0, 2), bus.config_read(2, 2));
            let (revision, class) = (bus.config_read(8, 1), bus.config_read(8, 4) >> 8);
            let subsystem = bus.config_read(0x2C, 4);
            let id = format!("PCI\\VEN_{vendor:04X}&DEV_{device:04X}");
            wide(&format!(
                "{id}&SUBSYS_{subsystem:08X}&REV_{revision:02X}\0{id}&SUBSYS_{subsystem:08X}\0{id}&CC_{class:06X}\0\0"
            ))
        }
        CLASS_NAME => wide("Net\0"),
        ENUMERATOR_NAME => wide("PCI\0"),
        LEGACY_BUS_TYPE => PCI_BUS.to_le_bytes().into(),
        BUS_NUMBER => BUS.to_le_bytes().into(),
        ADDRESS => (DEVICE << 16).to_le_bytes().into(),
        _ => return None,
    })
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// IoGetDeviceProperty of the physical device.
pub(crate) fn query(bus: &dyn Bus, property: ULONG, length: ULONG, buffer: Buffer, result: Out<ULONG>) -> NTSTATUS {
    result.require("ResultLength");
    let Some(value) = value(bus, property) else { return STATUS_OBJECT_NAME_NOT_FOUND };
    give(&value, length, buffer, result)
}

fn give(value: &[u8], length: ULONG, buffer: Buffer, result: Out<ULONG>) -> NTSTATUS {
    result.set_opt(value.len() as ULONG);
    if (length as usize) < value.len() {
        return STATUS_BUFFER_TOO_SMALL;
    }
    buffer.write(value);
    STATUS_SUCCESS
}

/// DEVPROPKEY: the bytes of fmtid, and pid.
pub(crate) type Key = ([u8; 16], u32);
/// DEVPROPTYPE and the bytes of a property.
pub(crate) type Value = (u32, Vec<u8>);

fn key(data: &WDF_DEVICE_PROPERTY_DATA) -> Result<Key, NTSTATUS> {
    if !size_is("WDF_DEVICE_PROPERTY_DATA", data.Size, size_of::<WDF_DEVICE_PROPERTY_DATA>()) {
        return Err(STATUS_INFO_LENGTH_MISMATCH);
    }
    // SAFETY: null, or the driver's constant key.
    let Some(key) = (unsafe { data.PropertyKey.as_ref() }) else { null_pointer("PropertyKey") };
    let mut guid = [0; 16];
    guid[..4].copy_from_slice(&key.fmtid.Data1.to_le_bytes());
    guid[4..6].copy_from_slice(&key.fmtid.Data2.to_le_bytes());
    guid[6..8].copy_from_slice(&key.fmtid.Data3.to_le_bytes());
    guid[8..].copy_from_slice(&key.fmtid.Data4);
    Ok((guid, key.pid))
}

ddi! {
    fn WdfDeviceQueryProperty(
        PASSIVE_LEVEL; device: WDFDEVICE, property: ULONG, length: ULONG, buffer: Buffer, result: Out<ULONG>,
    ) -> NTSTATUS {
        query(&*state_of(device).resources.bus, property, length, buffer, result)
    }

    fn WdfDeviceAssignProperty(
        APC_LEVEL; device: WDFDEVICE, property: In<WDF_DEVICE_PROPERTY_DATA>, kind: ULONG, size: ULONG, data: Buffer,
    ) -> NTSTATUS {
        let state = state_of(device);
        let key = match key(&property.get("DeviceProperty")) {
            Ok(key) => key,
            Err(status) => return status,
        };
        // Size 0 deletes the property (DDI wdfdevice WdfDeviceAssignProperty).
        let mut properties = state.properties.borrow_mut();
        if size == 0 {
            properties.remove(&key);
        } else {
            properties.insert(key, (kind, data.read(size as usize)));
        }
        STATUS_SUCCESS
    }

    fn WdfDeviceQueryPropertyEx(
        APC_LEVEL; device: WDFDEVICE, property: In<WDF_DEVICE_PROPERTY_DATA>, length: ULONG, buffer: Buffer,
        required: Out<ULONG>, kind: Out<ULONG>,
    ) -> NTSTATUS {
        required.require("RequiredSize");
        kind.require("Type");
        let state = state_of(device);
        let data = property.get("DeviceProperty");
        let key = match key(&data) {
            Ok(key) => key,
            Err(status) => return status,
        };
        if data.Flags != 0 {
            return STATUS_NOT_SUPPORTED;
        }
        let Some((found, value)) = state.properties.borrow().get(&key).cloned() else { return STATUS_NOT_FOUND };
        kind.set_opt(found);
        give(&value, length, buffer, required)
    }
}
