//! Object trees: contexts, parents, the order of cleanup and destroy, references, and wrong use.

#[macro_use]
mod common;

use common::*;
use std::ffi::c_void;
use std::ptr::{null, null_mut};
use wdk_sys::*;

/// Names of objects by handle, for the log.
static NAMES: std::sync::Mutex<Vec<(usize, &str)>> = std::sync::Mutex::new(Vec::new());

fn name_of(object: WDFOBJECT) -> &'static str {
    NAMES.lock().unwrap().iter().find(|(h, _)| *h == object as usize).map_or("?", |(_, name)| name)
}

unsafe extern "win64" fn cleanup(object: WDFOBJECT) {
    log(format!("cleanup {}", name_of(object)));
}

unsafe extern "win64" fn destroy(object: WDFOBJECT) {
    log(format!("destroy {}", name_of(object)));
}

fn create_with(attributes: &mut WDF_OBJECT_ATTRIBUTES) -> (NTSTATUS, WDFOBJECT) {
    let mut object = null_mut();
    let status = call!(
        WdfObjectCreateTableIndex,
        fn(*mut WDF_OBJECT_ATTRIBUTES, *mut WDFOBJECT) -> NTSTATUS,
        attributes,
        &raw mut object
    );
    (status, object)
}

fn create(name: &'static str, parent: WDFOBJECT) -> WDFOBJECT {
    let mut attributes = WDF_OBJECT_ATTRIBUTES {
        EvtCleanupCallback: Some(cleanup),
        EvtDestroyCallback: Some(destroy),
        ..child_of(parent)
    };
    let (status, object) = create_with(&mut attributes);
    assert_eq!(status, STATUS_SUCCESS);
    NAMES.lock().unwrap().push((object as usize, name));
    object
}

fn reference(object: WDFOBJECT) {
    call!(WdfObjectReferenceActualTableIndex, fn(WDFOBJECT, PVOID, LONG, *const i8), object, null_mut(), 0, null());
}

fn dereference(object: WDFOBJECT) {
    call!(WdfObjectDereferenceActualTableIndex, fn(WDFOBJECT, PVOID, LONG, *const i8), object, null_mut(), 0, null());
}

machine_tests! {
    fn children_go_before_their_parent() {
        Board::boot();
        let driver = load(TestDriver::default()).unwrap();
        let root = create("root", null_mut());
        let a = create("a", root);
        create("a1", a);
        create("a2", a);
        create("b", root);
        wdf!(WdfObjectDelete, root);
        assert_eq!(
            take_log(),
            [
                "cleanup a1", "cleanup a2", "cleanup a", "cleanup b", "cleanup root", //
                "destroy a1", "destroy a2", "destroy a", "destroy b", "destroy root",
            ]
        );
        driver.unload();
        no_violations();
    }

    fn a_reference_delays_only_the_destruction() {
        Board::boot();
        let driver = load(TestDriver::default()).unwrap();
        let root = create("root", null_mut());
        let child = create("child", root);
        reference(child);
        wdf!(WdfObjectDelete, root);
        assert_eq!(take_log(), ["cleanup child", "cleanup root", "destroy root"]);
        let live = lab_kmdf::live_objects();
        let leaked = live.iter().find(|l| l.handle == child as usize).unwrap();
        assert_eq!((leaked.kind, leaked.references, leaked.created_by), ("WDFOBJECT", 1, "WdfObjectCreate"));
        dereference(child);
        assert_eq!(take_log(), ["destroy child"]);
        driver.unload();
        no_violations();
    }

    fn a_deleted_child_leaves_its_parent() {
        Board::boot();
        let driver = load(TestDriver::default()).unwrap();
        let root = create("root", null_mut());
        let child = create("child", root);
        wdf!(WdfObjectDelete, child);
        assert_eq!(take_log(), ["cleanup child", "destroy child"]);
        wdf!(WdfObjectDelete, root);
        assert_eq!(take_log(), ["cleanup root", "destroy root"]);
        driver.unload();
        no_violations();
    }

    fn objects_of_the_driver_go_with_it() {
        Board::boot();
        let driver = load(TestDriver::default()).unwrap();
        create("orphan", null_mut());
        driver.unload();
        assert_eq!(take_log(), ["EvtDriverUnload()@0", "cleanup orphan", "destroy orphan"]);
        assert_eq!(lab_kmdf::live_objects(), []);
        no_violations();
    }

    fn contexts_are_typed_zeroed_and_found_again() {
        Board::boot();
        let driver = load(TestDriver::default()).unwrap();
        let first = context_type(c"FIRST", 24);
        let second = context_type(c"SECOND", 8);
        let mut attributes = WDF_OBJECT_ATTRIBUTES { ContextTypeInfo: first, ContextSizeOverride: 100, ..attributes() };
        let (status, object) = create_with(&mut attributes);
        assert_eq!(status, STATUS_SUCCESS);
        let context = wdf!(WdfObjectGetTypedContextWorker, object, first);
        // SAFETY: the override made the context 100 bytes long.
        assert!(unsafe { std::slice::from_raw_parts(context.cast::<u8>(), 100) }.iter().all(|&b| b == 0));
        assert!(wdf!(WdfObjectGetTypedContextWorker, object, second).is_null());

        let mut more = WDF_OBJECT_ATTRIBUTES { ContextTypeInfo: second, EvtDestroyCallback: Some(destroy), ..common::attributes() };
        let mut added: *mut c_void = null_mut();
        let allocate = |attributes: &mut WDF_OBJECT_ATTRIBUTES, context: &mut *mut c_void| {
            call!(
                WdfObjectAllocateContextTableIndex,
                fn(WDFOBJECT, *mut WDF_OBJECT_ATTRIBUTES, *mut PVOID) -> NTSTATUS,
                object, attributes, context
            )
        };
        assert_eq!(allocate(&mut more, &mut added), STATUS_SUCCESS);
        assert_eq!(wdf!(WdfObjectGetTypedContextWorker, object, second), added);
        // A second context of the same type is not made: STATUS_OBJECT_NAME_EXISTS and the one that is there.
        let mut again: *mut c_void = null_mut();
        assert_eq!(allocate(&mut more, &mut again), 0x4000_0000);
        assert_eq!(again, added);
        for c in [context, added] {
            assert_eq!(call!(WdfObjectContextGetObjectTableIndex, fn(PVOID) -> WDFOBJECT, c), object);
        }
        NAMES.lock().unwrap().push((object as usize, "object"));
        wdf!(WdfObjectDelete, object);
        assert_eq!(take_log(), ["destroy object"]);
        driver.unload();
        no_violations();
    }

    fn wrong_attributes_are_refused() {
        Board::boot();
        let driver = load(TestDriver::default()).unwrap();
        let mut wrong = attributes();
        wrong.ContextSizeOverride = 8;
        assert_eq!(create_with(&mut wrong).0, 0xC020_0209_u32 as i32);
        let mut wrong = attributes();
        wrong.SynchronizationScope = _WDF_SYNCHRONIZATION_SCOPE::WdfSynchronizationScopeDevice;
        assert_eq!(create_with(&mut wrong).0, 0xC020_0210_u32 as i32);
        let mut wrong = attributes();
        wrong.Size = 12;
        assert_eq!(create_with(&mut wrong).0, 0xC000_0004_u32 as i32);
        assert_eq!(violated(), ["KMDF_STRUCT_SIZE"]);
        driver.unload();
    }

    fn a_parent_in_its_cleanup_takes_no_children() {
        unsafe extern "win64" fn cleanup_creates(object: WDFOBJECT) {
            let (status, _) = create_with(&mut child_of(object));
            assert_eq!(status, 0xC000_0056_u32 as i32, "STATUS_DELETE_PENDING");
            log("cleanup");
        }
        Board::boot();
        let driver = load(TestDriver::default()).unwrap();
        let mut attributes = WDF_OBJECT_ATTRIBUTES { EvtCleanupCallback: Some(cleanup_creates), ..attributes() };
        let (_, object) = create_with(&mut attributes);
        wdf!(WdfObjectDelete, object);
        assert_eq!(take_log(), ["cleanup"]);
        driver.unload();
        no_violations();
    }

    fn objects_of_passive_level_deleted_at_dispatch_go_later() {
        let board = Board::boot();
        let driver = load(TestDriver::default()).unwrap();
        let device = driver.add_device(board.resources(1)).unwrap();
        take_log();
        unsafe extern "win64" fn work(_: WDFWORKITEM) {}
        let root = create("root", device.handle().cast());
        let mut config = WDF_WORKITEM_CONFIG { Size: size_of::<WDF_WORKITEM_CONFIG>() as u32, EvtWorkItemFunc: Some(work), ..Default::default() };
        let mut item = null_mut();
        assert_eq!(wdf!(WdfWorkItemCreate, &raw mut config, &mut child_of(root), &raw mut item), STATUS_SUCCESS);
        let old = lab_kernel::cpu::raise_irql(2);
        wdf!(WdfObjectDelete, root);
        assert_eq!(take_log(), [""; 0]);
        lab_kernel::cpu::lower_irql(old);
        lab_kernel::cpu::sleep(std::time::Duration::from_millis(1));
        assert_eq!(take_log(), ["cleanup root", "destroy root"]);
        device.remove();
        driver.unload();
        no_violations();
    }

    fn deleting_what_the_framework_deletes_breaks_a_rule_and_does_nothing() {
        let board = Board::boot();
        let driver = load(TestDriver::default()).unwrap();
        let device = driver.add_device(board.resources(1)).unwrap();
        wdf!(WdfObjectDelete, device.handle().cast());
        assert_eq!(violated(), ["OBJECT_DELETE_ALLOWED"]);
        assert_eq!(lab_kmdf::kind_of(device.handle().cast()), Some("WDFDEVICE"));
    }

    fn a_planned_failure_hits_the_nth_call() {
        Board::boot();
        let driver = load(TestDriver::default()).unwrap();
        lab_kmdf::fail_call("WdfObjectCreate", 2, STATUS_INSUFFICIENT_RESOURCES);
        assert_eq!(create_with(&mut attributes()).0, STATUS_SUCCESS);
        assert_eq!(create_with(&mut attributes()).0, STATUS_INSUFFICIENT_RESOURCES);
        assert_eq!(create_with(&mut attributes()).0, STATUS_SUCCESS);
        lab_kernel::pool::fail_nth(1);
        let info = context_type(c"CONTEXT", 16);
        let mut with_context = WDF_OBJECT_ATTRIBUTES { ContextTypeInfo: info, ..attributes() };
        assert_eq!(create_with(&mut with_context).0, STATUS_INSUFFICIENT_RESOURCES);
        driver.unload();
        assert_eq!(lab_kmdf::live_objects(), []);
    }
}

stop_tests! {
    fn a_deleted_handle_is_invalid() stops with ["WDF_VIOLATION", "WDF_INVALID_HANDLE", "a destroyed WDFOBJECT"] {
        Board::boot();
        let _driver = load(TestDriver::default()).unwrap();
        let object = create("x", null_mut());
        wdf!(WdfObjectDelete, object);
        wdf!(WdfObjectDelete, object);
    }

    fn a_handle_of_another_kind_is_invalid() stops with ["WDF_INVALID_HANDLE", "WdfSpinLockAcquire", "SpinLock is needed"] {
        Board::boot();
        let _driver = load(TestDriver::default()).unwrap();
        let object = create("x", null_mut());
        wdf!(WdfSpinLockAcquire, object.cast());
    }

    fn a_null_pointer_is_named() stops with ["WDF_REQUIRED_PARAMETER_IS_NULL", "Object is null"] {
        Board::boot();
        let _driver = load(TestDriver::default()).unwrap();
        call!(WdfObjectCreateTableIndex, fn(*mut WDF_OBJECT_ATTRIBUTES, *mut WDFOBJECT) -> NTSTATUS, null_mut(), null_mut());
    }

    fn a_reference_too_few_is_an_object_error() stops with ["WDF_OBJECT_ERROR", "OBJECT_REFERENCES"] {
        Board::boot();
        let _driver = load(TestDriver::default()).unwrap();
        dereference(create("x", null_mut()));
    }

    fn an_entry_that_is_not_implemented_names_itself() stops with ["WdfChildListCreate"] {
        Board::boot();
        let _driver = load(TestDriver::default()).unwrap();
        call!(WdfChildListCreateTableIndex, fn() -> NTSTATUS);
    }

    fn a_bugcheck_of_the_driver_ends_the_run() stops with ["0x000000E2"] {
        Board::boot();
        let _driver = load(TestDriver::default()).unwrap();
        call!(WdfVerifierKeBugCheckTableIndex, fn(ULONG, u64, u64, u64, u64), 0xE2, 1, 2, 3, 4);
    }

    fn a_callback_that_returns_at_another_irql_is_caught() stops with ["WDF_VERIFIER_IRQL_MISMATCH"] {
        unsafe extern "win64" fn raises(_: WDFOBJECT) {
            lab_kernel::cpu::raise_irql(2);
        }
        Board::boot();
        let _driver = load(TestDriver::default()).unwrap();
        let (_, object) = create_with(&mut WDF_OBJECT_ATTRIBUTES { EvtCleanupCallback: Some(raises), ..attributes() });
        wdf!(WdfObjectDelete, object);
    }
}
