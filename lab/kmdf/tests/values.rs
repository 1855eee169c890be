//! Registry keys, strings, collections, memory, properties and the bus interface.

#[macro_use]
mod common;

use common::*;
use lab_kmdf::{Device, Driver, RegValue, Registry};
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::Arc;
use wdk_sys::*;

const NOT_FOUND: NTSTATUS = STATUS_OBJECT_NAME_NOT_FOUND;
const TYPE_MISMATCH: NTSTATUS = 0xC000_0024_u32 as i32;
const OVERFLOW: NTSTATUS = 0x8000_0005_u32 as i32;
const TOO_SMALL: NTSTATUS = 0xC000_0023_u32 as i32;

fn started() -> (Arc<Board>, Driver, Device) {
    let registry = Registry::new();
    registry.set("*TransmitBuffers", RegValue::Sz("512".into()));
    registry.set("Number", RegValue::Dword(7));
    registry.subkey("Parameters").set("Debug", RegValue::Dword(3));
    let board = Board::boot();
    let driver = load_with(TestDriver::default(), registry).unwrap();
    let device = driver.add_device(board.resources(1)).unwrap();
    (board, driver, device)
}

fn finish(driver: Driver, device: Device) {
    device.remove();
    driver.unload();
    assert_eq!(lab_kmdf::live_objects(), []);
    no_violations();
}

/// The software key of the device (PLUGPLAY_REGKEY_DRIVER).
fn open_key(device: &Device) -> WDFOBJECT {
    let mut key = null_mut();
    let status = call!(
        WdfDeviceOpenRegistryKeyTableIndex,
        fn(WDFDEVICE, ULONG, ULONG, *mut WDF_OBJECT_ATTRIBUTES, *mut WDFOBJECT) -> NTSTATUS,
        device.handle(),
        2,
        1,
        null_mut(),
        &raw mut key
    );
    assert_eq!(status, STATUS_SUCCESS);
    key
}

fn query_ulong(key: WDFOBJECT, name: &str) -> Result<u32, NTSTATUS> {
    let (name, mut value) = (unicode(name), 0);
    let status = call!(
        WdfRegistryQueryULongTableIndex,
        fn(WDFOBJECT, *const UNICODE_STRING, *mut ULONG) -> NTSTATUS,
        key,
        &raw const name,
        &raw mut value
    );
    if NT_SUCCESS(status) { Ok(value) } else { Err(status) }
}

fn query_string(key: WDFOBJECT, name: &str, room: u16) -> (NTSTATUS, u16, String) {
    let mut buffer = vec![0_u16; room as usize / 2];
    let mut string = UNICODE_STRING { Length: 0, MaximumLength: room, Buffer: buffer.as_mut_ptr() };
    let (name, mut length) = (unicode(name), 0);
    let status = call!(
        WdfRegistryQueryUnicodeStringTableIndex,
        fn(WDFOBJECT, *const UNICODE_STRING, *mut USHORT, *mut UNICODE_STRING) -> NTSTATUS,
        key,
        &raw const name,
        &raw mut length,
        &raw mut string
    );
    (status, length, String::from_utf16(&buffer[..usize::from(string.Length) / 2]).unwrap())
}

machine_tests! {
    fn keywords_are_read_from_the_software_key() {
        let (_, driver, device) = started();
        let key = open_key(&device);
        assert_eq!(query_ulong(key, "number"), Ok(7));
        assert_eq!(query_ulong(key, "Absent"), Err(NOT_FOUND));
        assert_eq!(query_ulong(key, "*TransmitBuffers"), Err(TYPE_MISMATCH));
        assert_eq!(query_string(key, "*TransmitBuffers", 32), (STATUS_SUCCESS, 8, "512".into()));
        assert_eq!(query_string(key, "*TransmitBuffers", 6), (OVERFLOW, 8, String::new()));
        assert_eq!(query_string(key, "Number", 32).0, TYPE_MISMATCH);
        let (name, mut length, mut kind) = (unicode("Number"), 0, 0);
        let mut bytes = [0_u8; 4];
        let status = call!(
            WdfRegistryQueryValueTableIndex,
            fn(WDFOBJECT, *const UNICODE_STRING, ULONG, *mut u8, *mut ULONG, *mut ULONG) -> NTSTATUS,
            key, &raw const name, 4, bytes.as_mut_ptr(), &raw mut length, &raw mut kind
        );
        assert_eq!((status, length, kind, bytes), (STATUS_SUCCESS, 4, 4, [7, 0, 0, 0]));
        call!(WdfRegistryCloseTableIndex, fn(WDFOBJECT), key);
        assert_eq!(lab_kmdf::kind_of(key), None);
        finish(driver, device);
    }

    fn values_are_written_and_removed() {
        let (_, driver, device) = started();
        let key = open_key(&device);
        let name = unicode("Link");
        let status = call!(
            WdfRegistryAssignULongTableIndex,
            fn(WDFOBJECT, *const UNICODE_STRING, ULONG) -> NTSTATUS,
            key, &raw const name, 9
        );
        assert_eq!((status, query_ulong(key, "Link")), (STATUS_SUCCESS, Ok(9)));
        assert_eq!(driver.registry().get("link"), Some(RegValue::Dword(9)));
        let remove = || call!(WdfRegistryRemoveValueTableIndex, fn(WDFOBJECT, *const UNICODE_STRING) -> NTSTATUS, key, &raw const name);
        assert_eq!((remove(), remove()), (STATUS_SUCCESS, NOT_FOUND));
        let odd = UNICODE_STRING { Length: 3, ..name };
        let status = call!(WdfRegistryRemoveValueTableIndex, fn(WDFOBJECT, *const UNICODE_STRING) -> NTSTATUS, key, &raw const odd);
        assert_eq!((status, violated()), (STATUS_INVALID_PARAMETER, vec!["REGISTRY_NAME"]));
        device.remove();
        driver.unload();
    }

    fn the_parameters_key_is_the_services() {
        let (_, driver, device) = started();
        let driver_handle = lab_kmdf::parent_of(device.handle().cast());
        let mut key = null_mut();
        let status = call!(
            WdfDriverOpenParametersRegistryKeyTableIndex,
            fn(WDFOBJECT, ULONG, *mut WDF_OBJECT_ATTRIBUTES, *mut WDFOBJECT) -> NTSTATUS,
            driver_handle, 1, null_mut(), &raw mut key
        );
        assert_eq!((status, query_ulong(key, "Debug")), (STATUS_SUCCESS, Ok(3)));
        finish(driver, device);
    }

    fn strings_and_collections_hold_what_they_are_given() {
        let (_, driver, device) = started();
        let text = unicode("igb");
        let mut string = null_mut();
        let status = call!(
            WdfStringCreateTableIndex,
            fn(*const UNICODE_STRING, *mut WDF_OBJECT_ATTRIBUTES, *mut WDFOBJECT) -> NTSTATUS,
            &raw const text, null_mut(), &raw mut string
        );
        assert_eq!(status, STATUS_SUCCESS);
        let mut found = UNICODE_STRING::default();
        call!(WdfStringGetUnicodeStringTableIndex, fn(WDFOBJECT, *mut UNICODE_STRING), string, &raw mut found);
        // SAFETY: the string object's own buffer.
        let units = unsafe { std::slice::from_raw_parts(found.Buffer, 4) };
        assert_eq!((found.Length, units), (6, &[105, 103, 98, 0][..]));

        let mut collection = null_mut();
        let status = call!(
            WdfCollectionCreateTableIndex,
            fn(*mut WDF_OBJECT_ATTRIBUTES, *mut WDFOBJECT) -> NTSTATUS,
            null_mut(), &raw mut collection
        );
        assert_eq!(status, STATUS_SUCCESS);
        let add = call!(WdfCollectionAddTableIndex, fn(WDFOBJECT, WDFOBJECT) -> NTSTATUS, collection, string);
        let count = || call!(WdfCollectionGetCountTableIndex, fn(WDFOBJECT) -> ULONG, collection);
        let first = || call!(WdfCollectionGetFirstItemTableIndex, fn(WDFOBJECT) -> WDFOBJECT, collection);
        assert_eq!((add, count(), first()), (STATUS_SUCCESS, 1, string));
        // The collection keeps a deleted item alive until it is removed.
        wdf!(WdfObjectDelete, string);
        assert_eq!(lab_kmdf::kind_of(string), Some("WDFSTRING"));
        call!(WdfCollectionRemoveItemTableIndex, fn(WDFOBJECT, ULONG), collection, 0);
        assert_eq!((count(), first(), lab_kmdf::kind_of(string)), (0, null_mut(), None));
        finish(driver, device);
    }

    fn memory_objects_own_their_buffer() {
        let (_, driver, device) = started();
        let (mut memory, mut buffer): (WDFOBJECT, *mut c_void) = (null_mut(), null_mut());
        let create = |size: usize, memory: *mut WDFOBJECT, buffer: *mut PVOID| {
            call!(
                WdfMemoryCreateTableIndex,
                fn(*mut WDF_OBJECT_ATTRIBUTES, i32, ULONG, usize, *mut WDFOBJECT, *mut PVOID) -> NTSTATUS,
                &mut child_of(device.handle().cast()), 0x200, 0x31475449, size, memory, buffer
            )
        };
        assert_eq!(create(0, &raw mut memory, &raw mut buffer), STATUS_INVALID_PARAMETER);
        assert_eq!(create(16, &raw mut memory, &raw mut buffer), STATUS_SUCCESS);
        let mut size = 0;
        let same = call!(WdfMemoryGetBufferTableIndex, fn(WDFOBJECT, *mut usize) -> PVOID, memory, &raw mut size);
        assert_eq!((same, size), (buffer, 16));
        let mut bytes = *b"abcd";
        let copy_in = |offset| {
            call!(
                WdfMemoryCopyFromBufferTableIndex,
                fn(WDFOBJECT, usize, *const u8, usize) -> NTSTATUS,
                memory, offset, b"xyz".as_ptr(), 3
            )
        };
        assert_eq!((copy_in(13), copy_in(14)), (STATUS_SUCCESS, TOO_SMALL));
        let status = call!(
            WdfMemoryCopyToBufferTableIndex,
            fn(WDFOBJECT, usize, *mut u8, usize) -> NTSTATUS,
            memory, 13, bytes.as_mut_ptr(), 3
        );
        assert_eq!((status, &bytes), (STATUS_SUCCESS, b"xyzd"));
        let used = || lab_kernel::pool::in_use().iter().map(|t| t.count).sum::<usize>();
        let before = used();
        wdf!(WdfObjectDelete, memory);
        assert_eq!(used(), before - 1);
        finish(driver, device);
    }

    fn the_bus_interface_reads_and_writes_configuration_space() {
        type Access = unsafe extern "win64" fn(PVOID, ULONG, PVOID, ULONG, ULONG) -> ULONG;
        #[repr(C)]
        struct BusInterface {
            header: INTERFACE,
            translate: usize,
            get_dma_adapter: usize,
            set: Option<Access>,
            get: Option<Access>,
        }
        let (board, driver, device) = started();
        board.set_config(0, &[0x86, 0x80, 0xC9, 0x10, 0, 0, 0, 0, 1, 0, 0, 2]);
        let guid = GUID { Data1: 0x496B8280, Data2: 0x6F25, Data3: 0x11D0, Data4: [0xBE, 0xAF, 8, 0, 0x2B, 0xE2, 9, 0x2F] };
        let query = |guid: &GUID, interface: *mut BusInterface, size: usize| {
            call!(
                WdfFdoQueryForInterfaceTableIndex,
                fn(WDFDEVICE, *const GUID, *mut BusInterface, USHORT, USHORT, PVOID) -> NTSTATUS,
                device.handle(), guid, interface, size as u16, 1, null_mut()
            )
        };
        // SAFETY: plain data.
        let mut bus: BusInterface = unsafe { std::mem::zeroed() };
        assert_eq!(query(&GUID::default(), &raw mut bus, 64), STATUS_NOT_SUPPORTED);
        assert_eq!(query(&guid, &raw mut bus, 32), 0xC000_0206_u32 as i32);
        assert_eq!(query(&guid, &raw mut bus, 64), STATUS_SUCCESS);
        let mut bytes = [0_u8; 4];
        // SAFETY: the interface's own functions and context; the reference is given back.
        unsafe {
            let (get, set, context) = (bus.get.unwrap(), bus.set.unwrap(), bus.header.Context);
            assert_eq!(get(context, 0, bytes.as_mut_ptr().cast(), 0, 4), 4);
            assert_eq!(bytes, [0x86, 0x80, 0xC9, 0x10]);
            assert_eq!(get(context, 0, bytes.as_mut_ptr().cast(), 1, 3), 3);
            assert_eq!(bytes, [0x80, 0xC9, 0x10, 0x10]);
            assert_eq!(set(context, 0, [6_u8, 0].as_mut_ptr().cast(), 4, 2), 2);
            assert_eq!(get(context, 0, bytes.as_mut_ptr().cast(), 4, 2), 2);
            assert_eq!(bytes[..2], [6, 0]);
            bus.header.InterfaceDereference.unwrap()(context);
            assert_eq!((violated(), get(context, 1, bytes.as_mut_ptr().cast(), 0, 4)), (vec![], 0));
        }
        assert_eq!(violated(), ["BUS_DATA"]);
        device.remove();
        driver.unload();
    }

    fn properties_come_from_the_bus_and_from_the_driver() {
        let (board, driver, device) = started();
        board.set_config(0, &[0x86, 0x80, 0xC9, 0x10, 0, 0, 0, 0, 1, 0, 0, 2]);
        let mut bytes = [0_u16; 200];
        let mut length = 0;
        let mut query = |property: u32, room: u32| {
            call!(
                WdfDeviceQueryPropertyTableIndex,
                fn(WDFDEVICE, ULONG, ULONG, *mut u16, *mut ULONG) -> NTSTATUS,
                device.handle(), property, room, bytes.as_mut_ptr(), &raw mut length
            )
        };
        assert_eq!(query(99, 400), NOT_FOUND);
        assert_eq!(query(1, 4), TOO_SMALL);
        assert_eq!(query(1, 400), STATUS_SUCCESS);
        let ids = String::from_utf16(&bytes[..length as usize / 2]).unwrap();
        assert!(ids.contains("PCI\\VEN_8086&DEV_10C9&CC_020000\0"), "{ids}");

        let key = DEVPROPKEY { fmtid: GUID::default(), pid: 2 };
        let mut data = WDF_DEVICE_PROPERTY_DATA {
            Size: size_of::<WDF_DEVICE_PROPERTY_DATA>() as u32,
            PropertyKey: &raw const key,
            ..Default::default()
        };
        let mut assign = |size: u32, bytes: *const u8| {
            call!(
                WdfDeviceAssignPropertyTableIndex,
                fn(WDFDEVICE, *mut WDF_DEVICE_PROPERTY_DATA, ULONG, ULONG, *const u8) -> NTSTATUS,
                device.handle(), &raw mut data, 7, size, bytes
            )
        };
        assert_eq!(assign(3, b"abc".as_ptr()), STATUS_SUCCESS);
        let (mut found, mut kind, mut value) = (0, 0, [0_u8; 4]);
        let mut query = |data: *mut WDF_DEVICE_PROPERTY_DATA| {
            call!(
                WdfDeviceQueryPropertyExTableIndex,
                fn(WDFDEVICE, *mut WDF_DEVICE_PROPERTY_DATA, ULONG, *mut u8, *mut ULONG, *mut ULONG) -> NTSTATUS,
                device.handle(), data, 4, value.as_mut_ptr(), &raw mut found, &raw mut kind
            )
        };
        let mut same = WDF_DEVICE_PROPERTY_DATA { ..data };
        assert_eq!(query(&raw mut same), STATUS_SUCCESS);
        assert_eq!((found, kind, &value), (3, 7, b"abc\0"));
        let other_key = DEVPROPKEY { fmtid: GUID::default(), pid: 3 };
        let mut other = WDF_DEVICE_PROPERTY_DATA { PropertyKey: &raw const other_key, ..same };
        let status = call!(
            WdfDeviceQueryPropertyExTableIndex,
            fn(WDFDEVICE, *mut WDF_DEVICE_PROPERTY_DATA, ULONG, *mut u8, *mut ULONG, *mut ULONG) -> NTSTATUS,
            device.handle(), &raw mut other, 0, null_mut(), &raw mut found, &raw mut kind
        );
        assert_eq!(status, 0xC000_0225_u32 as i32, "STATUS_NOT_FOUND");
        finish(driver, device);
    }
}
