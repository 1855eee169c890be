//! Requests: buffers, completion, cancellation, ownership (WDF `fxrequest.cpp`, `fxrequestapi.cpp`).

#[macro_use]
mod common;

use common::io::*;
use common::*;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use wdk_sys::_WDF_IO_QUEUE_DISPATCH_TYPE::*;
use wdk_sys::*;

const TOO_SMALL: NTSTATUS = STATUS_BUFFER_TOO_SMALL;
const DENIED: NTSTATUS = 0xC000_0022_u32 as i32;
/// METHOD_BUFFERED with read or write access, METHOD_OUT_DIRECT, METHOD_NEITHER.
const READS: u32 = CODE | 1 << 14;
const WRITES: u32 = CODE | 2 << 14;
const DIRECT: u32 = CODE | 2;
const NEITHER: u32 = CODE | 3;

/// What [`fill`] writes and reports: bytes written, Information, status.
static PLAN: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

fn plan(written: usize, information: u64, status: NTSTATUS) {
    PLAN[0].store(written as u64, Relaxed);
    PLAN[1].store(information, Relaxed);
    PLAN[2].store(status as u32 as u64, Relaxed);
}

unsafe extern "win64" fn fill(_: WDFQUEUE, request: WDFREQUEST, output: usize, _: usize, _: ULONG) {
    let (written, information) = (PLAN[0].load(Relaxed) as usize, PLAN[1].load(Relaxed));
    let mut buffer = null_mut();
    if output > 0 {
        assert_eq!(wdf!(WdfRequestRetrieveOutputBuffer, request, written, &raw mut buffer, null_mut()), STATUS_SUCCESS);
        // SAFETY: so many bytes were asked for.
        unsafe { buffer.cast::<u8>().write_bytes(0x5A, written) };
    }
    wdf!(WdfRequestCompleteWithInformation, request, PLAN[2].load(Relaxed) as u32 as i32, information);
}

fn answering(init: PWDFDEVICE_INIT) -> NTSTATUS {
    device_with(
        init,
        &[WDF_IO_QUEUE_CONFIG { EvtIoDeviceControl: Some(answer), ..default_queue(WdfIoQueueDispatchParallel) }],
    )
}

fn filling(init: PWDFDEVICE_INIT) -> NTSTATUS {
    device_with(
        init,
        &[WDF_IO_QUEUE_CONFIG { EvtIoDeviceControl: Some(fill), ..default_queue(WdfIoQueueDispatchParallel) }],
    )
}

fn keeping(init: PWDFDEVICE_INIT) -> NTSTATUS {
    device_with(init, &[default_queue(WdfIoQueueDispatchParallel), config(WdfIoQueueDispatchManual)])
}

machine_tests! {
    /// GetMemoryObject, GetDeviceControlOutputMemoryObject: no buffer and a short one are STATUS_BUFFER_TOO_SMALL.
    fn buffered_input_and_output_share_one_buffer() {
        let machine = start(answering);
        let file = machine.open();
        let done = wait(&file.ioctl(CODE, &[1, 2, 255], 16));
        assert_eq!((done.status, done.information, done.output), (STATUS_SUCCESS, 3, vec![2, 3, 0]));
        assert_eq!(wait(&file.ioctl(CODE, &[], 16)).status, TOO_SMALL, "no input");
        assert_eq!(wait(&file.ioctl(CODE, &[1, 2], 0)).status, TOO_SMALL, "no output");
        assert_eq!(wait(&file.ioctl(CODE, &[1, 2], 1)).status, TOO_SMALL, "short output");
        file.close();
        machine.end();
    }

    /// METHOD_xxx_DIRECT has an output buffer of its own; METHOD_NEITHER has none the framework would give.
    fn other_methods_have_other_buffers() {
        unsafe extern "win64" fn looks(_: WDFQUEUE, request: WDFREQUEST, _: usize, _: usize, _: ULONG) {
            let (mut input, mut output) = (null_mut(), null_mut());
            let a = wdf!(WdfRequestRetrieveInputBuffer, request, 1, &raw mut input, null_mut());
            let b = wdf!(WdfRequestRetrieveOutputBuffer, request, 1, &raw mut output, null_mut());
            log(format!("{a:#x} {b:#x} {}", input == output));
            wdf!(WdfRequestComplete, request, STATUS_SUCCESS);
        }
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            device_with(init, &[WDF_IO_QUEUE_CONFIG { EvtIoDeviceControl: Some(looks), ..default_queue(WdfIoQueueDispatchParallel) }])
        }
        let machine = start(add);
        let file = machine.open();
        for code in [CODE, DIRECT, NEITHER] {
            wait(&file.ioctl(code, &[1], 4));
        }
        assert_eq!(take_log(), ["0x0 0x0 true", "0x0 0x0 false", "0xc0000010 0xc0000010 true"]);
        file.close();
        machine.end();
    }

    /// The I/O manager copies Information bytes unless the status is an error.
    fn exactly_information_bytes_are_copied() {
        let machine = start(filling);
        let file = machine.open();
        for (status, copied) in [(STATUS_SUCCESS, 5), (STATUS_BUFFER_OVERFLOW, 5), (TOO_SMALL, 0)] {
            plan(8, 5, status);
            let done = wait(&file.ioctl(CODE, &[], 8));
            assert_eq!((done.status, done.information), (status, 5));
            assert_eq!(done.output, vec![0x5A; copied]);
        }
        file.close();
        machine.end();
    }

    /// Bytes behind the input that the driver reports without having written them.
    fn stale_bytes_are_a_violation() {
        let machine = start(filling);
        let file = machine.open();
        plan(4, 12, STATUS_SUCCESS);
        wait(&file.ioctl(CODE, &[], 12));
        assert_eq!(violated(), ["IOCTL_STALE_BYTES"]);
        // What lies in the input is the caller's own.
        wait(&file.ioctl(CODE + 4, &[9; 12], 12));
        assert_eq!(violated(), ["IOCTL_STALE_BYTES"]);
        file.close();
        machine.device.remove();
    }

    /// A hole of one byte shows after a few requests of the same kind.
    fn a_stale_byte_in_a_hole_is_found_by_repetition() {
        unsafe extern "win64" fn hole(_: WDFQUEUE, request: WDFREQUEST, _: usize, _: usize, _: ULONG) {
            let mut buffer = null_mut();
            assert_eq!(wdf!(WdfRequestRetrieveOutputBuffer, request, 8, &raw mut buffer, null_mut()), STATUS_SUCCESS);
            // SAFETY: eight bytes were asked for; byte 3 is left as it is.
            unsafe {
                buffer.cast::<u8>().write_bytes(7, 3);
                buffer.cast::<u8>().add(4).write_bytes(7, 4);
            }
            wdf!(WdfRequestCompleteWithInformation, request, STATUS_SUCCESS, 8);
        }
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            device_with(init, &[WDF_IO_QUEUE_CONFIG { EvtIoDeviceControl: Some(hole), ..default_queue(WdfIoQueueDispatchParallel) }])
        }
        let machine = start(add);
        let file = machine.open();
        for _ in 0..4 {
            wait(&file.ioctl(CODE, &[], 8));
        }
        let violations = lab_kernel::rules::violations();
        assert_eq!(violations.len(), 1);
        assert!(violations[0].detail.contains("byte 3 of the 8"), "{}", violations[0].detail);
        file.close();
        machine.device.remove();
    }

    /// The driver writes everything: 10,000 answers of random bytes are never called stale.
    fn written_bytes_are_never_called_stale() {
        static WORD: AtomicU64 = AtomicU64::new(88_172_645_463_325_252);
        unsafe extern "win64" fn noise(_: WDFQUEUE, request: WDFREQUEST, output: usize, _: usize, _: ULONG) {
            let mut buffer = null_mut();
            assert_eq!(wdf!(WdfRequestRetrieveOutputBuffer, request, output, &raw mut buffer, null_mut()), STATUS_SUCCESS);
            for at in 0..output / 8 {
                let mut x = WORD.load(Relaxed);
                x ^= x << 13;
                x ^= x >> 7;
                x ^= x << 17;
                WORD.store(x, Relaxed);
                // SAFETY: the buffer is `output` bytes long.
                unsafe { buffer.cast::<u64>().add(at).write_unaligned(x) };
            }
            wdf!(WdfRequestCompleteWithInformation, request, STATUS_SUCCESS, output as u64);
        }
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            device_with(init, &[WDF_IO_QUEUE_CONFIG { EvtIoDeviceControl: Some(noise), ..default_queue(WdfIoQueueDispatchParallel) }])
        }
        let machine = start(add);
        let file = machine.open();
        for _ in 0..10_000 {
            assert_eq!(wait(&file.ioctl(CODE, &[], 64)).output.len(), 64);
        }
        file.close();
        machine.end();
    }

    /// The I/O manager checks the access bits of the code against those of the open.
    fn access_bits_of_the_code_are_checked() {
        let machine = start(answering);
        let cases = [(true, true, [0, 0]), (true, false, [0, DENIED]), (false, true, [DENIED, 0]), (false, false, [DENIED, DENIED])];
        for (read, write, expected) in cases {
            let file = machine.device.open_for(&INTERFACE_CLASS, read, write).unwrap();
            assert_eq!([READS, WRITES].map(|code| wait(&file.ioctl(code, &[1], 1)).status), expected);
            assert_eq!(wait(&file.ioctl(CODE, &[1], 1)).status, STATUS_SUCCESS, "FILE_ANY_ACCESS");
            file.close();
        }
        machine.end();
    }

    /// WdfDeviceInitSetRequestAttributes: a context and callbacks; not called for requests the driver never saw.
    fn requests_have_the_context_of_the_device_init() {
        unsafe extern "win64" fn cleanup(object: WDFOBJECT) {
            log(format!("cleanup {}", name(object.cast())));
        }
        unsafe extern "win64" fn destroy(object: WDFOBJECT) {
            log(format!("destroy {}", name(object.cast())));
        }
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            let info = context_type(c"REQUEST", 32);
            let mut attributes = WDF_OBJECT_ATTRIBUTES {
                ContextTypeInfo: info, EvtCleanupCallback: Some(cleanup), EvtDestroyCallback: Some(destroy), ..attributes()
            };
            wdf!(WdfDeviceInitSetRequestAttributes, init, &raw mut attributes);
            CONTEXT.store(std::ptr::from_ref(info) as u64, Relaxed);
            keeping(init)
        }
        static CONTEXT: AtomicU64 = AtomicU64::new(0);
        let machine = start(add);
        let file = machine.open();
        let sent = send(&file);
        let request = held()[0];
        let context = wdf!(WdfObjectGetTypedContextWorker, request.cast(), CONTEXT.load(Relaxed) as *const _);
        assert!(!context.is_null());
        take_log();
        complete(request, STATUS_SUCCESS);
        assert_eq!((sent.is_done(), take_log()), (true, vec!["cleanup 0".to_owned(), "destroy 0".to_owned()]));
        wdf!(WdfIoQueueStop, queue(0), None, null_mut());
        let unseen = send(&file);
        assert!(unseen.cancel());
        assert_eq!((status(&unseen), take_log()), (Some(CANCELLED), vec![]));
        file.close();
        machine.end();
    }

    /// A request marked cancelable gets its callback; UnmarkCancelable wins or returns STATUS_CANCELLED.
    fn cancelling_a_kept_request() {
        let machine = start(keeping);
        let file = machine.open();
        let sent: Vec<_> = (0..3).map(|_| send(&file)).collect();
        let requests = held();
        take_log();
        assert_eq!(mark_cancelable(requests[0]), STATUS_SUCCESS);
        assert!(sent[0].cancel());
        assert_eq!((take_log(), status(&sent[0])), (vec!["cancel 0".to_owned()], Some(CANCELLED)));
        assert_eq!(mark_cancelable(requests[1]), STATUS_SUCCESS);
        assert_eq!(wdf!(WdfRequestUnmarkCancelable, requests[1]), STATUS_SUCCESS);
        assert!(sent[1].cancel());
        assert_eq!(status(&sent[1]), None, "not cancelable: only IsCanceled tells");
        assert_eq!(call!(WdfRequestIsCanceledTableIndex, fn(WDFREQUEST) -> BOOLEAN, requests[1]), 1);
        assert_eq!(mark_cancelable(requests[1]), CANCELLED, "the Ex form refuses a cancelled request");
        complete(requests[1], CANCELLED);
        // The form without Ex calls the callback instead.
        assert!(sent[2].cancel());
        call!(WdfRequestMarkCancelableTableIndex, fn(WDFREQUEST, PFN_WDF_REQUEST_CANCEL), requests[2], Some(cancel));
        assert_eq!((take_log(), status(&sent[2])), (vec!["cancel 2".to_owned()], Some(CANCELLED)));
        assert!(!sent[2].cancel(), "it is complete");
        file.close();
        machine.end();
    }

    /// WdfRequestRetrieveInputMemory and OutputMemory; the objects go with the request.
    fn memory_objects_are_around_the_buffers() {
        let machine = start(keeping);
        let file = machine.open();
        let _sent = file.ioctl(CODE, &[1, 2, 3], 8);
        let request = held()[0];
        let mut memory: WDFMEMORY = null_mut();
        let input = call!(WdfRequestRetrieveInputMemoryTableIndex, fn(WDFREQUEST, *mut WDFMEMORY) -> NTSTATUS, request, &raw mut memory);
        let mut size = 0_usize;
        let buffer = call!(WdfMemoryGetBufferTableIndex, fn(WDFMEMORY, *mut usize) -> PVOID, memory, &raw mut size);
        // SAFETY: a buffer of this size.
        assert_eq!((input, unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), size) }), (STATUS_SUCCESS, &[1, 2, 3][..]));
        let output = call!(WdfRequestRetrieveOutputMemoryTableIndex, fn(WDFREQUEST, *mut WDFMEMORY) -> NTSTATUS, request, &raw mut memory);
        let same = call!(WdfMemoryGetBufferTableIndex, fn(WDFMEMORY, *mut usize) -> PVOID, memory, &raw mut size);
        assert_eq!((output, size, same), (STATUS_SUCCESS, 8, buffer));
        complete(request, STATUS_SUCCESS);
        file.close();
        machine.end();
    }

    /// The framework's own codes do not leave it (FxRequest::CompleteInternal).
    fn framework_status_codes_are_translated() {
        let machine = start(keeping);
        let file = machine.open();
        for (inside, outside) in [(PAUSED, 0x8000_0011_u32), (BUSY, 0x8000_0011), (0xC020_0201_u32 as i32, 0xC000_00E5), (0xC020_020B_u32 as i32, 0xC000_0010)] {
            let sent = send(&file);
            complete(held()[0], inside);
            assert_eq!(status(&sent), Some(outside as i32));
        }
        file.close();
        machine.end();
    }

    /// A pending request times out in the waiter only.
    fn waiting_for_a_pending_request_times_out() {
        let machine = start(keeping);
        let file = machine.open();
        let sent = send(&file);
        assert_eq!(sent.wait(Duration::from_millis(10)), None);
        complete(held()[0], STATUS_SUCCESS);
        assert_eq!(wait(&sent).status, STATUS_SUCCESS);
        file.close();
        machine.end();
    }

    /// VerifyRequestIsDriverOwned: methods on a request that waits in a queue are refused.
    fn a_request_in_a_queue_is_not_the_drivers() {
        let machine = start(keeping);
        let file = machine.open();
        let _sent = send(&file);
        let request = held()[0];
        assert_eq!(wdf!(WdfRequestForwardToIoQueue, request, queue(1)), STATUS_SUCCESS);
        assert_eq!(wdf!(WdfRequestForwardToIoQueue, request, queue(0)), STATUS_INVALID_DEVICE_REQUEST);
        assert_eq!(mark_cancelable(request), STATUS_INVALID_DEVICE_REQUEST);
        let mut buffer = null_mut();
        assert_eq!(wdf!(WdfRequestRetrieveInputBuffer, request, 0, &raw mut buffer, null_mut()), STATUS_INVALID_DEVICE_REQUEST);
        assert_eq!(violated(), ["REQUEST_OWNED"; 3]);
        file.close();
        machine.device.remove();
    }
}

stop_tests! {
    /// A completed request is deleted; its handle is invalid.
    fn a_second_completion_is_fatal() stops with ["WDF_VIOLATION", "WDF_INVALID_HANDLE", "a destroyed WDFREQUEST"] {
        let machine = start(keeping);
        let file = machine.open();
        let _sent = send(&file);
        let request = held()[0];
        wdf!(WdfRequestComplete, request, STATUS_SUCCESS);
        wdf!(WdfRequestComplete, request, STATUS_SUCCESS);
    }

    /// With a reference the handle is good, but the request is not the driver's any more.
    fn a_second_completion_of_a_referenced_request_is_fatal() stops with ["WDF_REQUEST_FATAL_ERROR", "REQUEST_OWNED", "is completed"] {
        let machine = start(keeping);
        let file = machine.open();
        let _sent = send(&file);
        let request = held()[0];
        wdf!(WdfObjectReferenceActual, request.cast(), null_mut(), 0, std::ptr::null());
        wdf!(WdfRequestComplete, request, STATUS_SUCCESS);
        wdf!(WdfRequestComplete, request, STATUS_SUCCESS);
    }

    fn completing_a_request_in_a_queue_is_fatal() stops with ["WDF_REQUEST_FATAL_ERROR", "REQUEST_OWNED", "is in a queue"] {
        let machine = start(keeping);
        let file = machine.open();
        let _sent = send(&file);
        let request = held()[0];
        wdf!(WdfRequestForwardToIoQueue, request, queue(1));
        wdf!(WdfRequestComplete, request, STATUS_SUCCESS);
    }

    /// A completed IRP with a cancel routine is bug check 0x48.
    fn completing_a_cancelable_request_is_fatal() stops with ["REQUEST_NOT_CANCELABLE", "0x00000048"] {
        let machine = start(keeping);
        let file = machine.open();
        let _sent = send(&file);
        let request = held()[0];
        mark_cancelable(request);
        wdf!(WdfRequestComplete, request, STATUS_SUCCESS);
    }

    /// VerifyCompleteInternal: more bytes than the output buffer holds.
    fn too_much_information_is_fatal() stops with ["WDF_REQUEST_FATAL_ERROR", "REQUEST_INFORMATION", "9 bytes of 8"] {
        let machine = start(filling);
        let file = machine.open();
        plan(8, 9, STATUS_SUCCESS);
        file.ioctl(CODE, &[], 8);
    }

    /// A write behind the system buffer, seen when the buffer is freed.
    fn a_write_behind_the_system_buffer_is_fatal() stops with ["0x00000019", "write behind the end"] {
        unsafe extern "win64" fn overruns(_: WDFQUEUE, request: WDFREQUEST, output: usize, _: usize, _: ULONG) {
            let mut buffer = null_mut();
            wdf!(WdfRequestRetrieveOutputBuffer, request, output, &raw mut buffer, null_mut());
            // SAFETY: none; this is what the test is about. The block has a tail that is watched.
            unsafe { buffer.cast::<u8>().write_bytes(1, output + 1) };
            wdf!(WdfRequestCompleteWithInformation, request, STATUS_SUCCESS, output as u64);
        }
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            device_with(init, &[WDF_IO_QUEUE_CONFIG { EvtIoDeviceControl: Some(overruns), ..default_queue(WdfIoQueueDispatchParallel) }])
        }
        let machine = start(add);
        let file = machine.open();
        file.ioctl(CODE, &[], 16);
    }
}
