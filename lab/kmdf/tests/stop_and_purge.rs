//! WdfIoQueueStopAndPurge and its relatives; each test is one rule of WDF `fxioqueue.cpp` (QueueIdle, QueuePurge,
//! Requeue, RequestCancelable) and `fxioqueueapi.cpp`.

#[macro_use]
mod common;

use common::io::*;
use common::*;
use std::ptr::null_mut;
use std::sync::{Arc, Mutex};
use wdk_sys::_WDF_IO_QUEUE_DISPATCH_TYPE::*;
use wdk_sys::_WDF_IO_QUEUE_STATE::*;
use wdk_sys::*;

fn manual(init: PWDFDEVICE_INIT) -> NTSTATUS {
    device_with(init, &[default_queue(WdfIoQueueDispatchManual)])
}

fn parallel(init: PWDFDEVICE_INIT) -> NTSTATUS {
    device_with(init, &[default_queue(WdfIoQueueDispatchParallel)])
}

const ACCEPT: i32 = WdfIoQueueAcceptRequests;
const DISPATCH: i32 = WdfIoQueueDispatchRequests;
const EMPTY: i32 = WdfIoQueueNoRequests;
const NONE_OWNED: i32 = WdfIoQueueDriverNoRequests;

machine_tests! {
    /// SetState(AcceptRequests | ClearDispatchRequests).
    fn it_stops_dispatching_and_goes_on_accepting() {
        let machine = start(manual);
        let file = machine.open();
        wdf!(WdfIoQueueStopAndPurge, queue(0), None, null_mut());
        assert_eq!(queue_state(queue(0)).0, ACCEPT | EMPTY | NONE_OWNED);
        let waits = send(&file);
        assert_eq!(status(&waits), None);
        assert_eq!(retrieve(queue(0)), Err(PAUSED));
        wdf!(WdfIoQueueStart, queue(0));
        assert_eq!(queue_state(queue(0)).0, ACCEPT | DISPATCH | NONE_OWNED);
        complete(retrieve(queue(0)).unwrap(), STATUS_SUCCESS);
        assert_eq!(wait(&waits).status, STATUS_SUCCESS);
        file.close();
        machine.end();
    }

    /// "It even re-opens acceptance on a queue that was drained or purged."
    fn it_reopens_acceptance_of_a_purged_queue() {
        let machine = start(manual);
        let file = machine.open();
        for purge in [true, false] {
            if purge {
                wdf!(WdfIoQueuePurge, queue(0), None, null_mut());
            } else {
                call!(WdfIoQueueDrainTableIndex, fn(WDFQUEUE, PFN_WDF_IO_QUEUE_STATE, PVOID), queue(0), None, null_mut());
            }
            assert_eq!(status(&send(&file)), Some(INVALID_STATE));
            wdf!(WdfIoQueueStopAndPurge, queue(0), None, null_mut());
            let accepted = send(&file);
            assert_eq!(status(&accepted), None);
            wdf!(WdfIoQueueStart, queue(0));
            complete(retrieve(queue(0)).unwrap(), STATUS_SUCCESS);
            assert!(accepted.is_done());
        }
        file.close();
        machine.end();
    }

    /// Requests present at the call are tagged and cancelled; the scan stops at the first untagged one. A request sent
    /// again from a completion routine stays until WdfIoQueueStart.
    fn only_requests_present_at_the_call_are_cancelled() {
        let machine = start(manual);
        let file = Arc::new(machine.open());
        let again = Arc::new(Mutex::new(Vec::new()));
        let sent: Vec<_> = (0..3)
            .map(|_| {
                let (file, again) = (file.clone(), again.clone());
                file.clone().ioctl_then(CODE, &[1], 8, move |_| {
                    let next = send(&file);
                    again.lock().unwrap().push(next);
                })
            })
            .collect();
        stop_and_purge(queue(0), 7);
        assert!(sent.iter().all(|s| status(s) == Some(CANCELLED)));
        assert_eq!(take_log(), ["state 7@0"], "the queue is stopped although requests wait in it");
        assert_eq!(queue_state(queue(0)), (ACCEPT | NONE_OWNED, 3, 0));
        assert!(again.lock().unwrap().iter().all(|a| !a.is_done()));
        wdf!(WdfIoQueueStart, queue(0));
        for _ in 0..3 {
            complete(retrieve(queue(0)).unwrap(), STATUS_SUCCESS);
        }
        assert!(again.lock().unwrap().iter().all(|a| status(a) == Some(STATUS_SUCCESS)));
        drop(sent);
        again.lock().unwrap().clear();
        Arc::into_inner(file).unwrap().close();
        machine.end();
    }

    /// "Requests the driver owns: those marked cancelable get their cancel callback; the others are waited for."
    fn cancelable_requests_are_cancelled_and_others_waited_for() {
        let machine = start(parallel);
        let file = machine.open();
        let sent: Vec<_> = (0..3).map(|_| send(&file)).collect();
        take_log();
        let requests = held();
        assert_eq!(mark_cancelable(requests[0]), STATUS_SUCCESS);
        assert_eq!(mark_cancelable(requests[2]), STATUS_SUCCESS);
        stop_and_purge(queue(0), 1);
        assert_eq!(take_log(), ["cancel 0", "cancel 2"]);
        assert_eq!(sent.iter().map(status).collect::<Vec<_>>(), [Some(CANCELLED), None, Some(CANCELLED)]);
        complete(requests[1], STATUS_SUCCESS);
        assert_eq!(take_log(), ["state 1@0"]);
        wdf!(WdfIoQueueStart, queue(0));
        file.close();
        machine.end();
    }

    /// m_CancelDispatchedRequests: "When set, the framework automatically deletes any request that the driver requeues."
    fn a_requeue_deletes_while_the_driver_owns_requests_of_before() {
        let machine = start(manual);
        let file = machine.open();
        let sent: Vec<_> = (0..2).map(|_| send(&file)).collect();
        let requests = [retrieve(queue(0)).unwrap(), retrieve(queue(0)).unwrap()];
        stop_and_purge(queue(0), 1);
        assert_eq!(requeue(requests[0]), STATUS_SUCCESS);
        assert_eq!(sent.iter().map(status).collect::<Vec<_>>(), [Some(CANCELLED), None]);
        assert_eq!(take_log(), [""; 0]);
        assert_eq!(requeue(requests[1]), STATUS_SUCCESS);
        assert_eq!(status(&sent[1]), Some(CANCELLED));
        assert_eq!(take_log(), ["state 1@0"]);
        file.close();
        machine.end();
    }

    /// The flag is cleared "when the driver calls WdfIoQueueStart again" ..
    fn start_ends_the_deletion_of_requeued_requests() {
        let machine = start(manual);
        let file = machine.open();
        let sent = send(&file);
        let request = retrieve(queue(0)).unwrap();
        wdf!(WdfIoQueueStopAndPurge, queue(0), None, null_mut());
        wdf!(WdfIoQueueStart, queue(0));
        assert_eq!(requeue(request), STATUS_SUCCESS);
        assert_eq!(status(&sent), None);
        complete(retrieve(queue(0)).unwrap(), STATUS_SUCCESS);
        file.close();
        machine.end();
    }

    /// .. and "when the driver doesn't own any more requests" and the stop is reported.
    fn the_report_ends_the_deletion_of_requeued_requests() {
        let machine = start(manual);
        let file = machine.open();
        let first = send(&file);
        let request = retrieve(queue(0)).unwrap();
        stop_and_purge(queue(0), 1);
        complete(request, STATUS_SUCCESS);
        assert_eq!((status(&first), take_log()), (Some(STATUS_SUCCESS), vec!["state 1@0".to_owned()]));
        // Stopped, but a request of a start after it may be requeued.
        let second = send(&file);
        wdf!(WdfIoQueueStart, queue(0));
        let request = retrieve(queue(0)).unwrap();
        wdf!(WdfIoQueueStop, queue(0), None, null_mut());
        assert_eq!(requeue(request), STATUS_SUCCESS);
        assert_eq!(status(&second), None);
        file.close();
        assert_eq!(status(&second), Some(CANCELLED));
        machine.end();
    }

    /// RequestCancelable: "Purge is in progress, cancel this request."
    fn marking_cancelable_during_a_purge_returns_cancelled() {
        let machine = start(parallel);
        let file = machine.open();
        let sent = send(&file);
        let request = held()[0];
        wdf!(WdfIoQueueStopAndPurge, queue(0), None, null_mut());
        assert_eq!(mark_cancelable(request), CANCELLED);
        complete(request, CANCELLED);
        assert_eq!(status(&sent), Some(CANCELLED));
        file.close();
        machine.end();
    }

    /// The callback is invoked with the queue lock dropped and may run inside the call; the queue can be used in it.
    fn the_callback_may_run_inside_the_call_and_use_the_queue() {
        unsafe extern "win64" fn restart(queue: WDFQUEUE, _: PVOID) {
            log("stopped");
            wdf!(WdfIoQueueStart, queue);
        }
        let machine = start(parallel);
        let file = machine.open();
        wdf!(WdfIoQueueStopAndPurge, queue(0), Some(restart), null_mut());
        assert_eq!(take_log(), ["stopped"]);
        assert_eq!(queue_state(queue(0)).0, ACCEPT | DISPATCH | EMPTY | NONE_OWNED);
        file.close();
        machine.end();
    }

    /// "Only one Idle or Purge Complete callback can be outstanding": one of each kind may be.
    fn a_stop_and_a_purge_may_both_be_pending() {
        let machine = start(parallel);
        let file = machine.open();
        let sent = send(&file);
        take_log();
        stop_and_purge(queue(0), 1);
        wdf!(WdfIoQueuePurge, queue(0), Some(state), 2 as PVOID);
        complete(held()[0], STATUS_SUCCESS);
        assert_eq!((sent.is_done(), take_log()), (true, vec!["state 1@0".to_owned(), "state 2@0".to_owned()]));
        file.close();
        machine.end();
    }

    /// Queued requests that the driver has seen go to EvtIoCanceledOnQueue, others are completed.
    fn canceled_on_queue_is_told_of_requests_the_driver_has_seen() {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            let tells = WDF_IO_QUEUE_CONFIG {
                EvtIoCanceledOnQueue: Some(canceled_on_queue),
                ..default_queue(WdfIoQueueDispatchManual)
            };
            device_with(init, &[tells])
        }
        let machine = start(add);
        let file = machine.open();
        let sent: Vec<_> = (0..2).map(|_| send(&file)).collect();
        let seen = retrieve(queue(0)).unwrap();
        assert_eq!(requeue(seen), STATUS_SUCCESS);
        stop_and_purge(queue(0), 1);
        assert_eq!(take_log(), ["canceled on queue 0", "state 1@0"]);
        assert!(sent.iter().all(|s| status(s) == Some(CANCELLED)));
        file.close();
        machine.end();
    }

    /// Purge closes acceptance (STATUS_INVALID_DEVICE_STATE) and cancels what is queued.
    fn a_purge_refuses_new_requests() {
        let machine = start(manual);
        let file = machine.open();
        let sent = send(&file);
        wdf!(WdfIoQueuePurgeSynchronously, queue(0));
        assert_eq!(status(&sent), Some(CANCELLED));
        assert_eq!(queue_state(queue(0)).0, DISPATCH | EMPTY | NONE_OWNED);
        assert_eq!(status(&send(&file)), Some(INVALID_STATE));
        file.close();
        machine.end();
    }

    /// Drain: "reject new requests, but allow the device driver to continue processing".
    fn a_drain_is_over_when_everything_is_done() {
        let machine = start(manual);
        let file = machine.open();
        let sent = send(&file);
        call!(WdfIoQueueDrainTableIndex, fn(WDFQUEUE, PFN_WDF_IO_QUEUE_STATE, PVOID), queue(0), Some(state), 3 as PVOID);
        assert_eq!(take_log(), [""; 0]);
        assert_eq!(status(&send(&file)), Some(INVALID_STATE));
        complete(retrieve(queue(0)).unwrap(), STATUS_SUCCESS);
        assert_eq!((status(&sent), take_log()), (Some(STATUS_SUCCESS), vec!["state 3@0".to_owned()]));
        file.close();
        machine.end();
    }

    /// The synchronous form waits for a request that another thread completes.
    fn the_synchronous_form_waits_for_the_driver() {
        let machine = start(parallel);
        let file = machine.open();
        let sent = send(&file);
        let request = held()[0] as usize;
        lab_kernel::cpu::spawn("completer", move || {
            lab_kernel::cpu::sleep(std::time::Duration::from_millis(5));
            complete(request as WDFREQUEST, STATUS_SUCCESS);
        });
        wdf!(WdfIoQueueStopAndPurgeSynchronously, queue(0));
        assert_eq!(status(&sent), Some(STATUS_SUCCESS));
        assert_eq!(queue_state(queue(0)).0, ACCEPT | EMPTY | NONE_OWNED);
        file.close();
        machine.end();
    }

    /// FxVerifierCheckIrqlLevel(PASSIVE_LEVEL): the synchronous form does nothing at a higher IRQL.
    fn the_synchronous_form_needs_passive_level() {
        let machine = start(parallel);
        let old = lab_kernel::cpu::raise_irql(2);
        wdf!(WdfIoQueueStopAndPurgeSynchronously, queue(0));
        lab_kernel::cpu::lower_irql(old);
        assert_eq!(violated(), ["QUEUE_SYNC_IRQL"]);
        assert_eq!(queue_state(queue(0)).0, ACCEPT | DISPATCH | EMPTY | NONE_OWNED);
        machine.device.remove();
    }
}

stop_tests! {
    /// QueueIdle returns STATUS_INVALID_DEVICE_REQUEST, WdfIoQueueStopAndPurge makes it FatalError.
    fn a_second_call_with_a_callback_is_fatal() stops with ["WDF_QUEUE_FATAL_ERROR", "QUEUE_ONE_CALLBACK", "0xc0000010"] {
        let machine = start(parallel);
        let file = machine.open();
        let _sent = send(&file);
        stop_and_purge(queue(0), 1);
        stop_and_purge(queue(0), 2);
    }

    /// QueueIdle returns STATUS_DELETE_PENDING.
    fn a_deleted_queue_is_fatal() stops with ["WDF_QUEUE_FATAL_ERROR", "QUEUE_NOT_DELETED", "0xc0000056"] {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            device_with(init, &[config(WdfIoQueueDispatchManual)])
        }
        let _machine = start(add);
        wdf!(WdfObjectReferenceActual, queue(0).cast(), null_mut(), 0, std::ptr::null_mut());
        wdf!(WdfObjectDelete, queue(0).cast());
        stop_and_purge(queue(0), 1);
    }

    /// A callback of the queue that waits for the queue waits for itself.
    fn the_synchronous_form_in_a_callback_of_the_queue_is_fatal() stops with ["WDF_QUEUE_FATAL_ERROR", "QUEUE_SYNC_CALLER"] {
        unsafe extern "win64" fn purges(queue: WDFQUEUE, _: WDFREQUEST, _: usize, _: usize, _: ULONG) {
            wdf!(WdfIoQueueStopAndPurgeSynchronously, queue);
        }
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            let own = WDF_IO_QUEUE_CONFIG { EvtIoDeviceControl: Some(purges), ..default_queue(WdfIoQueueDispatchParallel) };
            device_with(init, &[own])
        }
        let machine = start(add);
        let file = machine.open();
        send(&file);
    }

    /// The driver owns a request for ever: the wait ends the run with the queue and the number.
    fn the_synchronous_form_does_not_wait_for_ever() stops with ["QUEUE_STOPS", "the driver owns 1 requests"] {
        let machine = start(parallel);
        let file = machine.open();
        let _sent = send(&file);
        wdf!(WdfIoQueueStopAndPurgeSynchronously, queue(0));
    }
}
