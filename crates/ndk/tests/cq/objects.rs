//! Adapters, protection domains, handles, and the order of closes.

use crate::common::{System, adapter_dispatch, header};
use ndis_sys::{
    NDIS_STATUS_ADAPTER_NOT_READY, NDIS_STATUS_BAD_VERSION, evt,
    ndk::{
        _NDK_OBJECT_TYPE, NDK_ADAPTER, NDK_ADAPTER_INFO, NDK_CQ, NDK_CQ_NOTIFY_ANY, NDK_PD, NDK_QP, NDK_RESULT,
        status::STATUS_INVALID_HANDLE,
    },
};
use ndk::{
    Platform,
    adapter::Adapter,
    cq::{Completion, Cq, MAX_CQ_DEPTH, Placed},
    handle::resolve,
    object::CloseRequest,
    run::with_engine,
    upcall::Context,
};
use std::{
    ptr::null_mut,
    sync::{Mutex, PoisonError},
};
use wdk_sys::{
    NTSTATUS, PVOID, STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_DEVICE_NOT_READY,
    STATUS_INVALID_PARAMETER, STATUS_PENDING, STATUS_SUCCESS,
};

/// STATUS_INVALID_PARAMETER_MIX of ntstatus.h.
const STATUS_INVALID_PARAMETER_MIX: NTSTATUS = 0xC000_0030_u32 as i32;

/// What was called, in order: a name for each completion, a status for each notification.
type Log = Mutex<Vec<String>>;

/// The context of a callback.
struct Tag {
    log: &'static Log,
    name: &'static str,
}

fn log() -> &'static Log {
    Box::leak(Box::default())
}

fn told(log: &Log) -> Vec<String> {
    std::mem::take(&mut log.lock().unwrap_or_else(PoisonError::into_inner))
}

fn tag(log: &'static Log, name: &'static str) -> PVOID {
    core::ptr::from_mut(Box::leak(Box::new(Tag { log, name }))).cast()
}

evt! {
    unsafe fn completed(context: PVOID) {
        // SAFETY: a leaked tag.
        let tag = unsafe { &*context.cast::<Tag>() };
        tag.log.lock().unwrap().push(tag.name.to_owned());
    }
}
evt! {
    unsafe fn notified(context: PVOID, status: NTSTATUS) {
        // SAFETY: a leaked tag.
        let tag = unsafe { &*context.cast::<Tag>() };
        tag.log.lock().unwrap().push(format!("{} {status:#x}", tag.name));
    }
}

fn create_cq(adapter: *mut NDK_ADAPTER, depth: u32, context: PVOID) -> Result<*mut NDK_CQ, NTSTATUS> {
    let mut cq = null_mut();
    // SAFETY: a handle of an open adapter, a leaked context, a live place.
    let status = unsafe {
        adapter_dispatch(adapter).NdkCreateCq.unwrap()(
            adapter,
            depth,
            Some(notified),
            context,
            null_mut(),
            None,
            null_mut(),
            &raw mut cq,
        )
    };
    if status == STATUS_SUCCESS { Ok(cq) } else { Err(status) }
}

fn create_pd(adapter: *mut NDK_ADAPTER) -> Result<*mut NDK_PD, NTSTATUS> {
    let mut pd = null_mut();
    // SAFETY: a handle of an open adapter and a live place.
    let status = unsafe { adapter_dispatch(adapter).NdkCreatePd.unwrap()(adapter, None, null_mut(), &raw mut pd) };
    if status == STATUS_SUCCESS { Ok(pd) } else { Err(status) }
}

fn create_qp(pd: *mut NDK_PD, cq: *mut NDK_CQ) -> Result<*mut NDK_QP, NTSTATUS> {
    let mut qp = null_mut();
    // SAFETY: handles of an open adapter and a live place.
    let status = unsafe {
        (*(*pd).Dispatch).NdkCreateQp.unwrap()(pd, cq, cq, null_mut(), 1, 1, 1, 1, 0, None, null_mut(), &raw mut qp)
    };
    if status == STATUS_SUCCESS { Ok(qp) } else { Err(status) }
}

fn close_cq(cq: *mut NDK_CQ, context: PVOID) -> NTSTATUS {
    // SAFETY: a handle of an open adapter, or memory as long as one.
    unsafe { (*(*cq).Dispatch).NdkCloseCq.unwrap()(header(cq), Some(completed), context) }
}

fn close_pd(pd: *mut NDK_PD, context: PVOID) -> NTSTATUS {
    // SAFETY: as above.
    unsafe { (*(*pd).Dispatch).NdkClosePd.unwrap()(header(pd), Some(completed), context) }
}

fn close_qp(qp: *mut NDK_QP, context: PVOID) -> NTSTATUS {
    // SAFETY: as above.
    unsafe { (*(*qp).Dispatch).NdkCloseQp.unwrap()(header(qp), Some(completed), context) }
}

fn close_adapter(system: &'static System, adapter: *mut NDK_ADAPTER) {
    // SAFETY: a handle of this system's, outside of callbacks.
    unsafe { ndk::close_adapter(system, adapter) };
}

fn place(system: &'static System, cq: *mut NDK_CQ) -> Placed {
    let completion = Completion {
        status: STATUS_SUCCESS,
        bytes: 7,
        qp: Context(null_mut()),
        request: Context(null_mut()),
        operation: 1,
        output: 0,
        solicited: false,
    };
    // SAFETY: a handle of an open adapter.
    let (_, id) = unsafe { resolve::<System, Cq>(cq.cast()) }.unwrap();
    with_engine(system, |engine| engine.place(id, completion))
}

fn arm(cq: *mut NDK_CQ, kind: u32) {
    // SAFETY: a handle of an open adapter.
    unsafe { (*(*cq).Dispatch).NdkArmCq.unwrap()(cq, kind) };
}

fn take(cq: *mut NDK_CQ) -> usize {
    let mut results = [NDK_RESULT::default(); 64];
    // SAFETY: a handle of an open adapter and room for as many results.
    unsafe { (*(*cq).Dispatch).NdkGetCqResults.unwrap()(cq, results.as_mut_ptr(), 64) as usize }
}

fn moderate(cq: *mut NDK_CQ, microseconds: u32, count: u32) -> NTSTATUS {
    // SAFETY: a handle of an open adapter.
    unsafe { (*(*cq).Dispatch).NdkControlCqInterruptModeration.unwrap()(cq, microseconds, count) }
}

#[test]
fn the_newest_minor_version_of_the_wanted_major_one_is_opened() {
    let system = System::new();
    for (wanted, version) in [((1, 0), (1, 2)), ((1, 2), (1, 2)), ((2, 0), (2, 1)), ((2, 1), (2, 1))] {
        let adapter = system.open(wanted.0, wanted.1).unwrap();
        let cq = create_cq(adapter, 1, null_mut()).unwrap();
        // SAFETY: live handles.
        let (of_adapter, of_cq) = unsafe { ((*adapter).Header, (*cq).Header) };
        for header in [of_adapter, of_cq] {
            assert_eq!((header.Version.Major, header.Version.Minor), version);
            assert!(header.NdkReserved.rf.iter().all(|reserved| reserved.is_null()));
        }
        assert_eq!(of_adapter.ObjectType, _NDK_OBJECT_TYPE::NdkObjectTypeAdapter);
        assert_eq!(of_cq.ObjectType, _NDK_OBJECT_TYPE::NdkObjectTypeCq);
        assert_eq!(close_cq(cq, null_mut()), STATUS_SUCCESS);
        close_adapter(system, adapter);
    }
    for wanted in [(0, 0), (1, 3), (2, 2), (3, 0)] {
        assert_eq!(system.open(wanted.0, wanted.1), Err(NDIS_STATUS_BAD_VERSION), "{wanted:?}");
    }
}

#[test]
fn the_adapter_says_what_it_can_do() {
    let system = System::new();
    let adapter = system.open(2, 1).unwrap();
    let query = adapter_dispatch(adapter).NdkQueryAdapterInfo.unwrap();
    let mut info = NDK_ADAPTER_INFO::default();
    let size = size_of::<NDK_ADAPTER_INFO>() as u32;
    for (given, status) in [(0, STATUS_BUFFER_TOO_SMALL), (size - 1, STATUS_BUFFER_TOO_SMALL), (size, STATUS_SUCCESS)] {
        let mut length = given;
        // SAFETY: an open adapter, a live buffer and a live length.
        assert_eq!(unsafe { query(adapter, &raw mut info, &raw mut length) }, status);
        assert_eq!(length, size);
        assert_eq!(info.MaxCqDepth, if status == STATUS_SUCCESS { MAX_CQ_DEPTH } else { 0 });
    }
    // SAFETY: an open adapter and null pointers.
    unsafe {
        assert_eq!(query(adapter, &raw mut info, null_mut()), STATUS_INVALID_PARAMETER);
        let mut length = size;
        assert_eq!(query(adapter, null_mut(), &raw mut length), STATUS_INVALID_PARAMETER);
    }
    close_adapter(system, adapter);
}

#[test]
fn a_cq_is_as_deep_as_it_may_be() {
    let system = System::new();
    let adapter = system.open(2, 0).unwrap();
    assert_eq!(create_cq(adapter, 0, null_mut()), Err(STATUS_INVALID_PARAMETER));
    assert_eq!(create_cq(adapter, MAX_CQ_DEPTH + 1, null_mut()), Err(STATUS_INVALID_PARAMETER));
    let cq = create_cq(adapter, MAX_CQ_DEPTH, null_mut()).unwrap();
    for _ in 0..MAX_CQ_DEPTH {
        assert_eq!(place(system, cq), Placed::Yes);
    }
    // SAFETY: a live handle.
    let resize = |depth| unsafe { (*(*cq).Dispatch).NdkResizeCq.unwrap()(cq, depth, None, null_mut()) };
    assert_eq!(resize(MAX_CQ_DEPTH - 1), STATUS_BUFFER_OVERFLOW);
    assert_eq!(resize(MAX_CQ_DEPTH + 1), STATUS_INVALID_PARAMETER);
    assert_eq!(take(cq), 64);
    assert_eq!(resize(MAX_CQ_DEPTH - 64), STATUS_SUCCESS);
    assert_eq!(place(system, cq), Placed::Unusable);
    assert_eq!(take(cq), 0);
    assert_eq!(close_cq(cq, null_mut()), STATUS_SUCCESS);
    close_adapter(system, adapter);
}

#[test]
fn what_is_no_live_handle_of_the_type_is_refused() {
    let system = System::new();
    let adapter = system.open(2, 0).unwrap();
    let (cq, pd) = (create_cq(adapter, 4, null_mut()).unwrap(), create_pd(adapter).unwrap());
    // SAFETY: live handles.
    let (of_cq, of_pd) = unsafe { (&*(*cq).Dispatch, &*(*pd).Dispatch) };
    let mut nonsense = [0x5A_u64; 32];
    let strangers = [null_mut(), pd.cast(), adapter.cast(), nonsense.as_mut_ptr().cast(), cq.wrapping_byte_add(1)];
    for stranger in strangers {
        // SAFETY: null, handles, or readable memory of a handle's size.
        unsafe {
            assert_eq!(of_cq.NdkCloseCq.unwrap()(header(stranger), None, null_mut()), STATUS_INVALID_HANDLE);
            assert_eq!(of_cq.NdkResizeCq.unwrap()(stranger, 1, None, null_mut()), STATUS_INVALID_HANDLE);
            assert_eq!(of_cq.NdkControlCqInterruptModeration.unwrap()(stranger, 0, 0), STATUS_INVALID_HANDLE);
            of_cq.NdkArmCq.unwrap()(stranger, NDK_CQ_NOTIFY_ANY);
            assert_eq!(of_cq.NdkGetCqResults.unwrap()(stranger, [NDK_RESULT::default()].as_mut_ptr(), 1), 0);
        }
    }
    // SAFETY: as above.
    unsafe { assert_eq!(of_pd.NdkClosePd.unwrap()(header(cq), None, null_mut()), STATUS_INVALID_HANDLE) };
    assert_eq!(close_cq(cq, null_mut()), STATUS_SUCCESS);
    assert_eq!(close_cq(cq, null_mut()), STATUS_INVALID_HANDLE);
    // The place is used again, and a type stays what it was.
    let next = create_cq(adapter, 4, null_mut()).unwrap();
    assert_eq!(next, cq);
    assert_eq!(close_cq(next, null_mut()), STATUS_SUCCESS);
    assert_eq!(close_pd(pd, null_mut()), STATUS_SUCCESS);
    close_adapter(system, adapter);
    close_adapter(system, adapter);
}

#[test]
fn antecedents_close_after_their_successors() {
    let system = System::new();
    let log = log();
    let adapter = system.open(2, 0).unwrap();
    let (cq, pd) = (create_cq(adapter, 4, tag(log, "notice")).unwrap(), create_pd(adapter).unwrap());
    let qp = create_qp(pd, cq).unwrap();
    assert_eq!(close_cq(cq, tag(log, "cq")), STATUS_PENDING);
    assert_eq!(close_pd(pd, tag(log, "pd")), STATUS_PENDING);
    system.run(1);
    assert_eq!(told(log), [""; 0]);
    // A closed antecedent takes no successors.
    assert_eq!(create_qp(pd, cq), Err(STATUS_INVALID_HANDLE));
    let status = close_qp(qp, tag(log, "qp"));
    system.run(1);
    let expected: &[&str] = if status == STATUS_PENDING { &["qp", "pd", "cq"] } else { &["pd", "cq"] };
    assert_eq!(told(log), expected);
    close_adapter(system, adapter);
}

#[test]
fn an_adapter_waits_for_the_last_of_its_objects() {
    let system = System::new();
    let log = log();
    let adapter = system.open(2, 0).unwrap();
    let cq = create_cq(adapter, 4, tag(log, "notice")).unwrap();
    let pd = create_pd(adapter).unwrap();
    arm(cq, NDK_CQ_NOTIFY_ANY);
    assert_eq!(place(system, cq), Placed::Yes);
    assert_eq!(close_cq(cq, tag(log, "cq")), STATUS_PENDING);
    let pd = pd.addr();
    system.during_a_pause(move || {
        // An adapter that is being closed takes no objects, and its last object is still there.
        assert_eq!(close_pd(core::ptr::with_exposed_provenance_mut(pd), null_mut()), STATUS_SUCCESS);
    });
    close_adapter(system, adapter);
    // The notice was due but had not begun.
    assert_eq!(told(log), ["cq"]);
}

#[test]
fn adapters_keep_to_their_own_objects() {
    let system = System::new();
    let (one, two) = (system.open(2, 0).unwrap(), system.open(1, 0).unwrap());
    let (pd, cq) = (create_pd(one).unwrap(), create_cq(two, 4, null_mut()).unwrap());
    assert_eq!(create_qp(pd, cq), Err(STATUS_INVALID_PARAMETER));
    assert_eq!(close_pd(pd, null_mut()), STATUS_SUCCESS);
    close_adapter(system, one);
    assert_eq!(place(system, cq), Placed::Yes);
    assert_eq!(take(cq), 1);
    assert_eq!(close_cq(cq, null_mut()), STATUS_SUCCESS);
    close_adapter(system, two);
}

#[test]
fn moderation_holds_notices_back_until_time_or_number() {
    let system = System::new();
    let log = log();
    let adapter = system.open(2, 0).unwrap();
    let cq = create_cq(adapter, 8, tag(log, "notice")).unwrap();
    assert_eq!(moderate(cq, u32::MAX, u32::MAX), STATUS_INVALID_PARAMETER_MIX);
    assert_eq!(moderate(cq, u32::MAX, 9), STATUS_INVALID_PARAMETER_MIX);

    // 5 ms or three completions, whichever comes first.
    assert_eq!(moderate(cq, 5000, 3), STATUS_SUCCESS);
    arm(cq, NDK_CQ_NOTIFY_ANY);
    place(system, cq);
    place(system, cq);
    system.run(1);
    assert_eq!(told(log), [""; 0]);
    place(system, cq);
    system.run(1);
    assert_eq!(told(log), ["notice 0x0"]);
    assert_eq!(take(cq), 3);

    arm(cq, NDK_CQ_NOTIFY_ANY);
    place(system, cq);
    system.run(1);
    system.advance(49_999);
    system.run(1);
    assert_eq!(told(log), [""; 0]);
    system.advance(1);
    system.run(1);
    assert_eq!(told(log), ["notice 0x0"]);

    // Only the number counts, then nothing holds back any more.
    assert_eq!(moderate(cq, u32::MAX, 4), STATUS_SUCCESS);
    arm(cq, NDK_CQ_NOTIFY_ANY);
    place(system, cq);
    system.run(1);
    system.advance(1 << 40);
    system.run(1);
    assert_eq!(told(log), [""; 0]);
    assert_eq!(moderate(cq, 0, 4), STATUS_SUCCESS);
    system.run(1);
    assert_eq!(told(log), ["notice 0x0"]);

    // An error does not wait, and neither does a close.
    assert_eq!(moderate(cq, 5000, u32::MAX), STATUS_SUCCESS);
    arm(cq, NDK_CQ_NOTIFY_ANY);
    for _ in 0..7 {
        place(system, cq);
    }
    system.run(1);
    assert_eq!(told(log), ["notice 0x80000005"]);
    assert_eq!(close_cq(cq, null_mut()), STATUS_SUCCESS);
    let cq = create_cq(adapter, 8, tag(log, "notice")).unwrap();
    assert_eq!(moderate(cq, u32::MAX, 2), STATUS_SUCCESS);
    arm(cq, NDK_CQ_NOTIFY_ANY);
    place(system, cq);
    system.run(1);
    assert_eq!(close_cq(cq, tag(log, "cq")), STATUS_PENDING);
    system.run(1);
    assert_eq!(told(log), ["cq"]);
    close_adapter(system, adapter);
}

#[test]
fn without_power_nothing_new_is_made() {
    let system = System::new();
    let log = log();
    let adapter = system.open(2, 0).unwrap();
    let cq = create_cq(adapter, 8, tag(log, "notice")).unwrap();
    arm(cq, NDK_CQ_NOTIFY_ANY);
    place(system, cq);
    ndk::stop(system);
    assert_eq!(told(log), ["notice 0x0"]);
    assert_eq!(system.open(2, 0), Err(NDIS_STATUS_ADAPTER_NOT_READY));
    assert_eq!(create_cq(adapter, 1, null_mut()), Err(STATUS_DEVICE_NOT_READY));
    assert_eq!(take(cq), 1);
    ndk::start(system);
    let other = create_cq(adapter, 1, null_mut()).unwrap();
    ndk::fail(system);
    arm(cq, NDK_CQ_NOTIFY_ANY);
    system.run(1);
    assert_eq!(told(log), ["notice 0xc00000e5"]);
    assert_eq!(close_cq(cq, null_mut()), STATUS_SUCCESS);
    assert_eq!(close_cq(other, null_mut()), STATUS_SUCCESS);
    close_adapter(system, adapter);
}

/// What [`closes_the_adapter`] gets and finds out.
struct Closing {
    system: &'static System,
    adapter: *mut NDK_ADAPTER,
    status: Mutex<Option<NTSTATUS>>,
}

evt! {
    /// A close completion that begins to close the adapter, as another thread could do while it runs.
    unsafe fn closes_the_adapter(context: PVOID) {
        // SAFETY: the leaked context; a handle of an open adapter.
        let (closing, adapter) = unsafe {
            let closing = &*context.cast::<Closing>();
            (closing, resolve::<System, Adapter>(closing.adapter.cast()).unwrap().1)
        };
        let status = with_engine(closing.system, |engine| engine.close(adapter, CloseRequest::UNTOLD));
        *closing.status.lock().unwrap() = Some(status.unwrap());
    }
}

#[test]
fn a_close_completion_that_runs_keeps_the_adapter() {
    let system = System::new();
    let adapter = system.open(2, 0).unwrap();
    let cq = create_cq(adapter, 4, tag(log(), "notice")).unwrap();
    arm(cq, NDK_CQ_NOTIFY_ANY);
    place(system, cq);
    let closing: &'static Closing = Box::leak(Box::new(Closing { system, adapter, status: Mutex::new(None) }));
    let context = core::ptr::from_ref(closing).cast_mut().cast();
    // SAFETY: a live handle and a leaked context.
    let status = unsafe { (*(*cq).Dispatch).NdkCloseCq.unwrap()(header(cq), Some(closes_the_adapter), context) };
    assert_eq!(status, STATUS_PENDING);
    system.run(1);
    assert_eq!(*closing.status.lock().unwrap(), Some(STATUS_PENDING));
    // SAFETY: handles keep their memory.
    let (_, id) = unsafe { resolve::<System, Adapter>(adapter.cast()) }.unwrap();
    assert!(system.engine().get(id).is_none());
}
