//! Device interfaces, open files and driver-defined interfaces (WDF `fxpkggeneral.cpp`, `fxdeviceinterfaceapi.cpp`,
//! `fxqueryinterfaceapi.cpp`), and what removal does to them.

#[macro_use]
mod common;

use common::io::*;
use common::*;
use lab_kmdf::PowerState;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering::Relaxed};
use wdk_sys::_WDF_FILEOBJECT_CLASS::*;
use wdk_sys::_WDF_IO_QUEUE_DISPATCH_TYPE::*;
use wdk_sys::_WDF_REQUEST_TYPE::*;
use wdk_sys::*;

const NO_SUCH_NAME: NTSTATUS = STATUS_OBJECT_NAME_NOT_FOUND;
const NO_SUCH_DEVICE: NTSTATUS = 0xC000_000E_u32 as i32;
const DENIED: NTSTATUS = 0xC000_0022_u32 as i32;

/// Status EvtDeviceFileCreate completes with; STATUS_PENDING keeps the request.
static CREATE: AtomicI32 = AtomicI32::new(STATUS_SUCCESS);
static FILE: AtomicUsize = AtomicUsize::new(0);

unsafe extern "win64" fn create(_: WDFDEVICE, request: WDFREQUEST, file: WDFFILEOBJECT) {
    log("create");
    assert_eq!(wdf!(WdfRequestGetFileObject, request), file);
    FILE.store(file as usize, Relaxed);
    let status = CREATE.load(Relaxed);
    if status == STATUS_PENDING {
        let request = request as usize;
        lab_kernel::cpu::spawn("late create", move || wdf!(WdfRequestComplete, request as WDFREQUEST, STATUS_SUCCESS));
    } else {
        wdf!(WdfRequestComplete, request, status);
    }
}

unsafe extern "win64" fn cleanup(file: WDFFILEOBJECT) {
    log(format!("cleanup {}", file as usize == FILE.load(Relaxed)));
}

unsafe extern "win64" fn close(file: WDFFILEOBJECT) {
    log(format!("close {}", file as usize == FILE.load(Relaxed)));
}

unsafe extern "win64" fn file_destroyed(_: WDFOBJECT) {
    log("file object gone");
}

fn files(class: WDF_FILEOBJECT_CLASS) -> WDF_FILEOBJECT_CONFIG {
    WDF_FILEOBJECT_CONFIG {
        Size: size_of::<WDF_FILEOBJECT_CONFIG>() as u32,
        EvtDeviceFileCreate: Some(create),
        EvtFileClose: Some(close),
        EvtFileCleanup: Some(cleanup),
        FileObjectClass: class,
        ..Default::default()
    }
}

fn with_files(init: PWDFDEVICE_INIT) -> NTSTATUS {
    let mut attributes = WDF_OBJECT_ATTRIBUTES { EvtDestroyCallback: Some(file_destroyed), ..attributes() };
    wdf!(WdfDeviceInitSetFileObjectConfig, init, &mut files(WdfFileObjectWdfCannotUseFsContexts), &raw mut attributes);
    device_with(init, &[default_queue(WdfIoQueueDispatchParallel), config(WdfIoQueueDispatchManual)])
}

fn plain(init: PWDFDEVICE_INIT) -> NTSTATUS {
    device_with(init, &[default_queue(WdfIoQueueDispatchManual)])
}

machine_tests! {
    /// PnpEnableInterfacesAndRegisterWmi and PnpDisableInterfaces.
    fn an_interface_is_open_while_the_device_is_started() {
        let board = Board::boot();
        let driver = load(TestDriver { device_add: plain, ..TestDriver::default() }).unwrap();
        let device = driver.add_device(board.resources(0)).unwrap();
        assert_eq!(device.interfaces().iter().map(|i| i.1).collect::<Vec<_>>(), [false]);
        assert_eq!(device.open(&INTERFACE_CLASS).err(), Some(NO_SUCH_NAME));
        device.start().unwrap();
        assert_eq!(device.interfaces().iter().map(|i| i.1).collect::<Vec<_>>(), [true]);
        device.open(&INTERFACE_CLASS).unwrap().close();
        let other = GUID { Data1: 1, ..INTERFACE_CLASS };
        assert_eq!(device.open(&other).err(), Some(NO_SUCH_NAME));
        device.surprise_remove();
        assert_eq!(device.open(&INTERFACE_CLASS).err(), Some(NO_SUCH_DEVICE));
        device.remove();
        driver.unload();
        no_violations();
        assert_eq!(lab_kmdf::live_objects(), []);
    }

    /// WdfDeviceSetDeviceInterfaceState, and its Ex form, which takes an interface out of the automatic enabling.
    fn the_driver_enables_and_disables_its_interface() {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            let status = plain(init);
            call!(
                WdfDeviceSetDeviceInterfaceStateExTableIndex,
                fn(WDFDEVICE, *const GUID, PCUNICODE_STRING, BOOLEAN),
                device_handle(), &raw const INTERFACE_CLASS, null(), 0
            );
            status
        }
        let machine = start(add);
        assert_eq!(machine.device.open(&INTERFACE_CLASS).err(), Some(NO_SUCH_NAME));
        let set = |on| wdf!(WdfDeviceSetDeviceInterfaceState, device_handle(), &raw const INTERFACE_CLASS, null(), on);
        set(1);
        let file = machine.open();
        set(0);
        assert_eq!(machine.device.open(&INTERFACE_CLASS).err(), Some(NO_SUCH_NAME));
        let sent = send(&file);
        assert_eq!(status(&sent), None, "an open file goes on");
        file.close();
        machine.end();
    }

    /// OnCreate, OnCleanup, OnClose: the callbacks and the file object in their order.
    fn a_file_is_created_cleaned_up_and_closed() {
        let machine = start(with_files);
        let file = machine.open();
        assert_eq!(take_log(), ["create"]);
        file.close();
        assert_eq!(take_log(), ["cleanup true", "close true", "file object gone"]);
        machine.end();
    }

    /// A create that fails leaves no file: no cleanup, no close (FxPkgGeneral::CreateCompleted).
    fn a_failed_create_leaves_no_file() {
        let machine = start(with_files);
        CREATE.store(STATUS_DEVICE_NOT_READY, Relaxed);
        assert_eq!(machine.device.open(&INTERFACE_CLASS).err(), Some(STATUS_DEVICE_NOT_READY));
        assert_eq!(take_log(), ["create", "file object gone"]);
        CREATE.store(STATUS_PENDING, Relaxed);
        let file = machine.open();
        file.close();
        machine.end();
    }

    /// ConfigureForwarding for creates: a queue takes them instead of EvtDeviceFileCreate.
    fn a_queue_may_take_creates() {
        unsafe extern "win64" fn take_create(_: WDFQUEUE, request: WDFREQUEST) {
            log("create from a queue");
            wdf!(WdfRequestComplete, request, STATUS_SUCCESS);
        }
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            let creates = WDF_IO_QUEUE_CONFIG {
                EvtIoDeviceControl: None, EvtIoDefault: Some(take_create), ..config(WdfIoQueueDispatchParallel)
            };
            let status = device_with(init, &[creates]);
            let configured = call!(
                WdfDeviceConfigureRequestDispatchingTableIndex,
                fn(WDFDEVICE, WDFQUEUE, WDF_REQUEST_TYPE) -> NTSTATUS,
                device_handle(), queue(0), WdfRequestTypeCreate
            );
            assert_eq!(configured, STATUS_SUCCESS);
            status
        }
        let machine = start(add);
        machine.open().close();
        assert_eq!(take_log(), ["create from a queue"]);
        machine.end();
    }

    /// FlushAllQueuesByFileObject: the cleanup cancels what is queued of this file, in every queue; what the driver owns
    /// keeps the file until it is completed.
    fn cleanup_cancels_what_is_queued_of_the_file() {
        let machine = start(with_files);
        let (one, two) = (machine.open(), machine.open());
        let sent: Vec<_> = [&one, &two, &one].into_iter().map(send).collect();
        let requests = held();
        assert_eq!(wdf!(WdfRequestForwardToIoQueue, requests[0], queue(1)), STATUS_SUCCESS);
        assert_eq!(wdf!(WdfRequestForwardToIoQueue, requests[1], queue(1)), STATUS_SUCCESS);
        take_log();
        one.close();
        assert_eq!(sent.iter().map(status).collect::<Vec<_>>(), [Some(CANCELLED), None, None]);
        assert_eq!(take_log(), ["cleanup false"], "one request of the file is the driver's");
        complete(requests[2], STATUS_SUCCESS);
        lab_kernel::cpu::sleep(std::time::Duration::from_millis(1));
        assert_eq!(take_log(), ["close false", "file object gone"]);
        two.close();
        assert_eq!(status(&sent[1]), Some(CANCELLED));
        machine.end();
    }

    /// WdfFileObjectNotRequired: the callbacks come, without a file object.
    fn a_driver_may_do_without_file_objects() {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            wdf!(WdfDeviceInitSetFileObjectConfig, init, &mut files(WdfFileObjectNotRequired), null_mut());
            plain(init)
        }
        let machine = start(add);
        machine.open().close();
        assert_eq!(take_log(), ["create", "cleanup true", "close true"]);
        assert_eq!(FILE.load(Relaxed), 0);
        machine.end();
    }

    /// WdfFileObjectGetDevice, GetFileName.
    fn a_file_object_knows_its_device_and_name() {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            wdf!(WdfDeviceInitSetFileObjectConfig, init, &mut files(WdfFileObjectWdfCannotUseFsContexts), null_mut());
            let status = device_with(init, &[]);
            let mut class = GUID { Data1: 0xAA, ..INTERFACE_CLASS };
            let mut reference = unicode("side");
            assert_eq!(wdf!(WdfDeviceCreateDeviceInterface, device_handle(), &raw mut class, &raw mut reference), STATUS_SUCCESS);
            status
        }
        let machine = start(add);
        let file = machine.device.open(&GUID { Data1: 0xAA, ..INTERFACE_CLASS }).unwrap();
        let object = FILE.load(Relaxed) as WDFFILEOBJECT;
        let device = call!(WdfFileObjectGetDeviceTableIndex, fn(WDFFILEOBJECT) -> WDFDEVICE, object);
        assert_eq!(device, machine.device.handle());
        let name = call!(WdfFileObjectGetFileNameTableIndex, fn(WDFFILEOBJECT) -> PUNICODE_STRING, object);
        // SAFETY: the framework's string, which lives as long as the run.
        let text = unsafe { String::from_utf16_lossy(std::slice::from_raw_parts((*name).Buffer, usize::from((*name).Length) / 2)) };
        assert_eq!(text, "\\side");
        file.close();
        machine.end();
    }

    /// FxPkgGeneral::OnCreate with IsExclusive, and what else the init says about the device.
    fn an_exclusive_device_is_opened_once() {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            call!(WdfDeviceInitSetExclusiveTableIndex, fn(PWDFDEVICE_INIT, BOOLEAN), init, 1);
            let mut sddl = unicode("D:P(A;;GA;;;SY)(A;;GA;;;BA)");
            assert_eq!(wdf!(WdfDeviceInitAssignSDDLString, init, &raw mut sddl), STATUS_SUCCESS);
            wdf!(WdfDeviceInitSetDeviceClass, init, &raw const INTERFACE_CLASS);
            let status = plain(init);
            let mut link = unicode("\\DosDevices\\Test");
            let linked = call!(
                WdfDeviceCreateSymbolicLinkTableIndex, fn(WDFDEVICE, PCUNICODE_STRING) -> NTSTATUS, device_handle(), &raw mut link
            );
            assert_eq!(linked, STATUS_SUCCESS);
            status
        }
        let machine = start(add);
        assert_eq!(machine.device.security_descriptor(), Some("D:P(A;;GA;;;SY)(A;;GA;;;BA)"));
        assert_eq!(machine.device.symbolic_links(), ["\\DosDevices\\Test"]);
        assert_eq!(machine.device.device_class().map(|g| g.Data1), Some(INTERFACE_CLASS.Data1));
        let file = machine.open();
        assert_eq!(machine.device.open(&INTERFACE_CLASS).err(), Some(DENIED));
        file.close();
        machine.open().close();
        machine.end();
    }

    /// WdfDeviceRetrieveDeviceInterfaceString.
    fn an_interface_has_a_symbolic_link() {
        let machine = start(plain);
        let mut string: WDFSTRING = null_mut();
        let made = call!(
            WdfStringCreateTableIndex, fn(PCUNICODE_STRING, *mut WDF_OBJECT_ATTRIBUTES, *mut WDFSTRING) -> NTSTATUS,
            null(), &mut child_of(device_handle().cast()), &raw mut string
        );
        assert_eq!(made, STATUS_SUCCESS);
        let status = call!(
            WdfDeviceRetrieveDeviceInterfaceStringTableIndex,
            fn(WDFDEVICE, *const GUID, PCUNICODE_STRING, WDFSTRING) -> NTSTATUS,
            device_handle(), &raw const INTERFACE_CLASS, null(), string
        );
        assert_eq!(status, STATUS_SUCCESS);
        let mut text = UNICODE_STRING { Length: 0, MaximumLength: 0, Buffer: null_mut() };
        call!(WdfStringGetUnicodeStringTableIndex, fn(WDFSTRING, PUNICODE_STRING), string, &raw mut text);
        // SAFETY: the framework's string, which lives as long as its object.
        let text = unsafe { String::from_utf16_lossy(std::slice::from_raw_parts(text.Buffer, usize::from(text.Length) / 2)) };
        assert!(text.ends_with("#{12345678-9abc-def0-0102-030405060708}"), "{text}");
        machine.end();
    }

    /// The PnP manager sends IRP_MN_REMOVE_DEVICE when the last file is closed.
    fn removal_waits_for_open_files() {
        let machine = start(with_files);
        let file = machine.open();
        let waiting = send(&file);
        assert_eq!(wdf!(WdfRequestForwardToIoQueue, held()[0], queue(1)), STATUS_SUCCESS);
        take_log();
        machine.device.remove();
        let log = take_log();
        assert_eq!(log[0], "EvtDeviceSurpriseRemoval()@0");
        assert!(!log.contains(&"EvtDeviceSelfManagedIoCleanup()@0".to_owned()));
        assert_eq!(lab_kmdf::power_state(device_handle()), PowerState::SurpriseRemoved);
        file.close();
        assert_eq!(status(&waiting), Some(CANCELLED));
        assert_eq!(take_log(), ["cleanup true", "close true", "file object gone", "EvtDeviceSelfManagedIoCleanup()@0"]);
        machine.driver.unload();
        no_violations();
        assert_eq!(lab_kmdf::live_objects(), []);
    }

    /// A second device of the driver is untouched by the first one's removal.
    fn a_removed_device_does_not_disturb_another() {
        let machine = start(plain);
        let second = machine.driver.add_device(machine.board.resources(0)).unwrap();
        second.start().unwrap();
        let file = second.open(&INTERFACE_CLASS).unwrap();
        let sent = send(&file);
        machine.device.remove();
        assert_eq!(status(&sent), None);
        file.close();
        assert_eq!(status(&sent), Some(CANCELLED));
        second.remove();
        machine.driver.unload();
        no_violations();
        assert_eq!(lab_kmdf::live_objects(), []);
    }

    /// WdfDeviceAddQueryInterface and IRP_MN_QUERY_INTERFACE (FxPkgPnp::HandleQueryInterface).
    fn an_interface_is_queried_by_class_size_and_version() {
        #[repr(C)]
        struct Door {
            header: INTERFACE,
            answer: u64,
        }
        unsafe extern "win64" fn reference(context: PVOID) {
            log(format!("reference {}", context as usize));
        }
        unsafe extern "win64" fn dereference(context: PVOID) {
            log(format!("dereference {}", context as usize));
        }
        unsafe extern "win64" fn process(_: WDFDEVICE, _: LPGUID, interface: PINTERFACE, _: PVOID) -> NTSTATUS {
            // SAFETY: the exposed interface has the layout of the template.
            unsafe { (*interface.cast::<Door>()).answer += 1 };
            called("process", "")
        }
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            let status = plain(init);
            let mut door = Door {
                header: INTERFACE {
                    Size: size_of::<Door>() as u16, Version: 2, Context: 5 as PVOID,
                    InterfaceReference: Some(reference), InterfaceDereference: Some(dereference),
                },
                answer: 41,
            };
            let config = WDF_QUERY_INTERFACE_CONFIG {
                Size: size_of::<WDF_QUERY_INTERFACE_CONFIG>() as u32,
                Interface: &raw mut door.header,
                InterfaceType: &raw const INTERFACE_CLASS,
                EvtDeviceProcessQueryInterfaceRequest: Some(process),
                ..Default::default()
            };
            let offer = |mut config: WDF_QUERY_INTERFACE_CONFIG| call!(
                WdfDeviceAddQueryInterfaceTableIndex, fn(WDFDEVICE, *mut WDF_QUERY_INTERFACE_CONFIG) -> NTSTATUS,
                device_handle(), &raw mut config
            );
            assert_eq!(offer(config), STATUS_SUCCESS);
            assert_eq!(offer(WDF_QUERY_INTERFACE_CONFIG { Interface: null_mut(), ..config }), STATUS_INVALID_PARAMETER);
            assert_eq!(offer(WDF_QUERY_INTERFACE_CONFIG { SendQueryToParentStack: 1, ..config }), STATUS_INVALID_PARAMETER);
            status
        }
        let machine = start(add);
        let size = size_of::<Door>() as u16;
        let got = machine.device.query_interface(&INTERFACE_CLASS, size, 2).unwrap();
        // SAFETY: so many bytes were asked for.
        assert_eq!(unsafe { (*got.as_ptr().cast::<Door>()).answer }, 42);
        assert_eq!(take_log(), ["process()@0", "reference 5"]);
        drop(got);
        assert_eq!(take_log(), ["dereference 5"]);
        let invalid_size = Some(0xC000_0206_u32 as i32);
        assert_eq!(machine.device.query_interface(&INTERFACE_CLASS, size - 1, 2).err(), invalid_size);
        assert_eq!(machine.device.query_interface(&INTERFACE_CLASS, size, 1).err(), invalid_size);
        let other = GUID { Data1: 1, ..INTERFACE_CLASS };
        assert_eq!(machine.device.query_interface(&other, size, 2).err(), Some(STATUS_NOT_SUPPORTED));
        fail("process", STATUS_DEVICE_NOT_READY);
        assert_eq!(machine.device.query_interface(&INTERFACE_CLASS, size, 2).err(), Some(STATUS_DEVICE_NOT_READY));
        assert_eq!(take_log(), ["process()@0"], "a refused query takes no reference");
        machine.end();
    }
}
