//! Binding to the framework and to class extensions, and undoing it.

#[macro_use]
mod common;

use common::*;
use lab_kmdf::{ClassExtension, RunError};
use std::ptr::null_mut;
use wdk_sys::*;

struct Class;

impl ClassExtension for Class {
    fn name(&self) -> &'static str {
        "TestCx"
    }
    unsafe fn bind(&self, record: *mut WDF_CLASS_BIND_INFO, globals: PWDF_DRIVER_GLOBALS) -> NTSTATUS {
        assert!(!globals.is_null());
        // SAFETY: the record of the test.
        log(format!("bind {} {}", unsafe { (*record).Version.Major }, unsafe { (*record).Version.Minor }));
        STATUS_SUCCESS
    }
    unsafe fn unbind(&self, _: *mut WDF_CLASS_BIND_INFO, _: PWDF_DRIVER_GLOBALS) {
        log("unbind");
    }
}

static CLASS: Class = Class;

/// Binds a record; the globals, or the status.
fn bind(info: &mut WDF_BIND_INFO) -> Result<PWDF_DRIVER_GLOBALS, NTSTATUS> {
    let object = Box::leak(Box::new([0_u8; 0x150]));
    let path = unicode("\\Registry\\Machine\\test");
    let mut globals = null_mut();
    // SAFETY: the record and a stand-in for a driver object, which binding only remembers.
    let status = unsafe { version_bind()(object.as_mut_ptr().cast(), &raw const path, info, &raw mut globals) };
    if NT_SUCCESS(status) { Ok(globals) } else { Err(status) }
}

machine_tests! {
    fn a_client_gets_globals_and_a_table() {
        Board::boot();
        let mut info = bind_info();
        let globals = bind(&mut info).unwrap();
        // SAFETY: the globals and the table of the framework.
        unsafe {
            assert!((*globals).Driver.is_null());
            assert!((0..458).all(|i| (*WdfFunctions.add(i)).is_some()), "every slot is filled");
        }
        // SAFETY: this record was bound.
        assert_eq!(unsafe { version_unbind()(std::ptr::null(), &raw mut info, globals) }, STATUS_SUCCESS);
        no_violations();
    }

    fn an_old_client_gets_a_copy_of_its_part() {
        Board::boot();
        let mut table = vec![0_usize; 439];
        let mut info = WDF_BIND_INFO { FuncCount: 438, FuncTable: table.as_mut_ptr().cast(), ..bind_info() };
        bind(&mut info).unwrap();
        assert!(table[..438].iter().all(|&e| e != 0));
        assert_eq!(table[438], 0);
        no_violations();
    }

    fn a_record_of_the_second_kind_is_filled_in() {
        Board::boot();
        let (mut higher, mut count) = (9, 0);
        let mut info = WDF_BIND_INFO2 {
            V1: WDF_BIND_INFO { Size: size_of::<WDF_BIND_INFO2>() as u32, ..bind_info() },
            ClientVersionHigherThanFramework: &raw mut higher,
            FuncCountPtr: &raw mut count,
            ..Default::default()
        };
        bind(&mut info.V1).unwrap();
        assert_eq!((higher, count), (0, 458));
        no_violations();
    }

    fn wrong_records_are_refused() {
        Board::boot();
        let refused = |info: WDF_BIND_INFO| bind(&mut { info }).unwrap_err();
        assert_eq!(refused(WDF_BIND_INFO { Size: 40, ..bind_info() }), STATUS_INVALID_PARAMETER);
        assert_eq!(refused(WDF_BIND_INFO { FuncCount: 457, ..bind_info() }), STATUS_INVALID_PARAMETER);
        assert_eq!(refused(WDF_BIND_INFO { FuncCount: 459, ..bind_info() }), STATUS_INVALID_PARAMETER);
        assert_eq!(refused(WDF_BIND_INFO { FuncTable: null_mut(), ..bind_info() }), STATUS_INVALID_PARAMETER);
        let mismatch = 0xC000_0059_u32 as i32;
        assert_eq!(refused(WDF_BIND_INFO { Component: wide("UmdfLibrary"), ..bind_info() }), mismatch);
        let newer = WDF_VERSION { Major: 1, Minor: 35, Build: 0 };
        assert_eq!(refused(WDF_BIND_INFO { Version: newer, ..bind_info() }), mismatch);
    }

    fn known_counts_bind() {
        Board::boot();
        for count in [444, 446, 448, 451, 453, 454, 458] {
            bind(&mut WDF_BIND_INFO { FuncCount: count, ..bind_info() }).unwrap();
        }
        no_violations();
    }

    fn classes_are_bound_and_unbound_with_the_driver() {
        Board::boot();
        let driver = load(TestDriver { class: Some(&CLASS), ..TestDriver::default() }).unwrap();
        assert_eq!(take_log(), ["bind 2 2"]);
        driver.unload();
        assert_eq!(take_log(), ["EvtDriverUnload()@0", "unbind"]);
        no_violations();
    }

    fn a_class_nobody_registered_is_not_found() {
        Board::boot();
        let mut info = bind_info();
        let globals = bind(&mut info).unwrap();
        // SAFETY: a record of the right size.
        let status = unsafe { bind_class()(&raw mut info, globals, class_record("NoSuchCx")) };
        assert_eq!(status, STATUS_OBJECT_NAME_NOT_FOUND);
        let record = class_record("TestCx");
        record.Size = 64;
        // SAFETY: the size is looked at first.
        assert_eq!(unsafe { bind_class()(&raw mut info, globals, record) }, STATUS_INVALID_PARAMETER);
        assert_eq!(violated(), ["CLASS_RECORD", "CLASS_RECORD"]);
    }

    fn the_framework_is_unbound_last() {
        Board::boot();
        lab_kmdf::register_class(&CLASS);
        let mut info = bind_info();
        let globals = bind(&mut info).unwrap();
        let record = class_record("TestCx");
        // SAFETY: records of the test, bound and unbound in the wrong order.
        unsafe {
            assert_eq!(bind_class()(&raw mut info, globals, record), STATUS_SUCCESS);
            version_unbind()(std::ptr::null(), &raw mut info, globals);
            unbind_class()(&raw mut info, globals, record);
        }
        assert_eq!(violated(), ["UNBIND_ORDER", "UNBIND_ORDER"]);
    }

    fn a_failed_entry_is_unbound_and_leaves_nothing() {
        Board::boot();
        let driver = TestDriver { entry: || STATUS_INSUFFICIENT_RESOURCES, class: Some(&CLASS), ..TestDriver::default() };
        assert_eq!(load(driver).err(), Some(RunError::Entry(STATUS_INSUFFICIENT_RESOURCES)));
        assert_eq!(lab_kmdf::live_objects(), []);
        assert_eq!(take_log(), ["bind 2 2", "unbind"]);
        no_violations();
        for entry in ["WdfVersionBind", "WdfVersionBindClass", "WdfDriverCreate"] {
            lab_kmdf::fail_call(entry, 1, STATUS_UNSUCCESSFUL);
            let driver = TestDriver { class: Some(&CLASS), ..TestDriver::default() };
            assert_eq!(load(driver).err(), Some(RunError::Entry(STATUS_UNSUCCESSFUL)), "{entry}");
            assert_eq!(lab_kmdf::live_objects(), []);
        }
        let driver = load(TestDriver { class: Some(&CLASS), ..TestDriver::default() }).unwrap();
        driver.unload();
        no_violations();
    }

    fn a_leaked_reference_is_reported() {
        Board::boot();
        let driver = load(TestDriver::default()).unwrap();
        let mut lock = null_mut();
        wdf!(WdfSpinLockCreate, null_mut(), &raw mut lock);
        lab_kmdf::reference(lock.cast());
        driver.unload();
        assert_eq!(violated(), ["NO_LEAKS"]);
        let live = lab_kmdf::live_objects();
        assert_eq!((live.len(), live[0].kind, live[0].created_by), (1, "WDFSPINLOCK", "WdfSpinLockCreate"));
    }

    fn driver_create_is_called_once() {
        Board::boot();
        fn twice() -> NTSTATUS {
            let mut config = WDF_DRIVER_CONFIG { Size: size_of::<WDF_DRIVER_CONFIG>() as u32, ..Default::default() };
            let path = unicode("x");
            wdf!(WdfDriverCreate, 16 as _, &raw const path, null_mut(), &raw mut config, null_mut())
        }
        let driver = TestDriver { entry: twice, ..TestDriver::default() };
        assert_eq!(load(driver).err(), Some(RunError::Entry(0xC000_0183_u32 as i32)));
        assert_eq!(violated(), ["DRIVER_CREATE"]);
    }
}

stop_tests! {
    fn globals_of_nobody_end_the_run() stops with ["KMDF_GLOBALS", "WDF_VIOLATION"] {
        Board::boot();
        let driver = load(TestDriver::default()).unwrap();
        driver.unload();
        let mut lock = null_mut();
        wdf!(WdfSpinLockCreate, null_mut(), &raw mut lock);
    }
}
