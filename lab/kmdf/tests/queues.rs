//! I/O queues: configuration, dispatching, retrieval, power. Sources are WDF `fxioqueue.cpp`, `fxpkgio.cpp` and the
//! places of `powerstatemachine.cpp` where they are called.

#[macro_use]
mod common;

use common::io::*;
use common::*;
use std::ptr::{null, null_mut};
use wdk_sys::_WDF_IO_QUEUE_DISPATCH_TYPE::*;
use wdk_sys::_WDF_IO_QUEUE_STATE::*;
use wdk_sys::_WDF_POWER_DEVICE_STATE::WdfPowerDeviceD3;
use wdk_sys::_WDF_REQUEST_TYPE::*;
use wdk_sys::_WDF_TRI_STATE::*;
use wdk_sys::*;

const SEQUENTIAL: i32 = WdfIoQueueDispatchSequential;
const PARALLEL: i32 = WdfIoQueueDispatchParallel;
const MANUAL: i32 = WdfIoQueueDispatchManual;

fn configure(queue: WDFQUEUE, kind: WDF_REQUEST_TYPE) -> NTSTATUS {
    call!(
        WdfDeviceConfigureRequestDispatchingTableIndex,
        fn(WDFDEVICE, WDFQUEUE, WDF_REQUEST_TYPE) -> NTSTATUS,
        device_handle(),
        queue,
        kind
    )
}

fn managed(config: WDF_IO_QUEUE_CONFIG) -> WDF_IO_QUEUE_CONFIG {
    WDF_IO_QUEUE_CONFIG { PowerManaged: WdfTrue, EvtIoStop: Some(stop_keep), EvtIoResume: Some(resume), ..config }
}

fn acknowledge(request: WDFREQUEST, requeue: bool) {
    call!(WdfRequestStopAcknowledgeTableIndex, fn(WDFREQUEST, BOOLEAN), request, requeue.into());
}

unsafe extern "win64" fn stop_keep(_: WDFQUEUE, request: WDFREQUEST, flags: ULONG) {
    log(format!("stop {} {flags:#x}", name(request)));
    if flags & 2 == 0 {
        acknowledge(request, false);
    } else {
        complete(request, STATUS_CANCELLED);
    }
}

unsafe extern "win64" fn stop_requeue(_: WDFQUEUE, request: WDFREQUEST, flags: ULONG) {
    log(format!("stop {} {flags:#x}", name(request)));
    drop_held(request);
    acknowledge(request, true);
}

unsafe extern "win64" fn resume(_: WDFQUEUE, request: WDFREQUEST) {
    log(format!("resume {}", name(request)));
}

unsafe extern "win64" fn default_keep(_: WDFQUEUE, request: WDFREQUEST) {
    log(format!("default {}", name(request)));
}

unsafe extern "win64" fn ready(queue: WDFQUEUE, _: PVOID) {
    let taken = retrieve(queue).map(name);
    log(format!("ready {taken:x?}"));
}

machine_tests! {
    /// FxIoQueue::Initialize: what a configuration must be.
    fn wrong_configurations_are_refused() {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            let device = create_device_with(init, &mut attributes()).unwrap();
            let refused = |config| make_queue(device, config).unwrap_err();
            assert_eq!(refused(config(0)), STATUS_INVALID_PARAMETER);
            assert_eq!(refused(config(4)), STATUS_INVALID_PARAMETER);
            let callback = Some(keep as unsafe extern "win64" fn(_, _, _, _, _));
            assert_eq!(refused(WDF_IO_QUEUE_CONFIG { EvtIoDeviceControl: callback, ..config(MANUAL) }), STATUS_INVALID_PARAMETER);
            let none = WDF_IO_QUEUE_CONFIG { EvtIoDeviceControl: None, ..config(PARALLEL) };
            assert_eq!(refused(none), 0xC020_020B_u32 as i32, "STATUS_WDF_NO_CALLBACK");
            let mut counted = config(SEQUENTIAL);
            counted.Settings.Parallel.NumberOfPresentedRequests = 3;
            assert_eq!(refused(counted), STATUS_INVALID_PARAMETER);
            make_queue(device, default_queue(PARALLEL)).unwrap();
            assert_eq!(refused(default_queue(MANUAL)), STATUS_UNSUCCESSFUL, "there is a default queue");
            STATUS_SUCCESS
        }
        let machine = start(add);
        assert_eq!(make_queue(machine.device.handle(), default_queue(MANUAL)), Err(INVALID_STATE), "too late");
        machine.end();
    }

    /// "m_Type == WdfIoQueueDispatchSequential && m_DriverIoCount > 0".
    fn a_sequential_queue_presents_one_request() {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            device_with(init, &[default_queue(SEQUENTIAL)])
        }
        let machine = start(add);
        let file = machine.open();
        let sent: Vec<_> = (0..3).map(|_| send(&file)).collect();
        for n in 0..3 {
            assert_eq!(take_log(), [format!("control {n}({CODE:#x}, 1, 8)@0")]);
            complete(held()[0], STATUS_SUCCESS);
        }
        assert!(sent.iter().all(|s| s.is_done()));
        file.close();
        machine.end();
    }

    /// NumberOfPresentedRequests.
    fn a_counted_parallel_queue_presents_so_many() {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            let mut two = default_queue(PARALLEL);
            two.Settings.Parallel.NumberOfPresentedRequests = 2;
            device_with(init, &[two])
        }
        let machine = start(add);
        let file = machine.open();
        let _sent: Vec<_> = (0..5).map(|_| send(&file)).collect();
        assert_eq!((held().len(), queue_state(queue(0)).1), (2, 3));
        while let Some(&request) = held().first() {
            assert!(held().len() <= 2);
            complete(request, STATUS_SUCCESS);
        }
        assert_eq!(queue_state(queue(0)).1, 0);
        file.close();
        machine.end();
    }

    /// WdfDeviceConfigureRequestDispatching; reads and writes of no bytes complete unless AllowZeroLengthRequests.
    fn requests_go_to_the_queue_of_their_type() {
        unsafe extern "win64" fn read(_: WDFQUEUE, request: WDFREQUEST, len: usize) {
            log(format!("read {len}"));
            wdf!(WdfRequestCompleteWithInformation, request, STATUS_SUCCESS, 0);
        }
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            let reads = WDF_IO_QUEUE_CONFIG { EvtIoDeviceControl: None, EvtIoRead: Some(read), ..config(PARALLEL) };
            let status = device_with(init, &[default_queue(PARALLEL), reads]);
            assert_eq!(configure(queue(1), WdfRequestTypeRead), STATUS_SUCCESS);
            assert_eq!(configure(queue(1), WdfRequestTypePnp), STATUS_INVALID_PARAMETER);
            status
        }
        let machine = start(add);
        let file = machine.open();
        assert_eq!(wait(&file.read(5)).status, STATUS_SUCCESS);
        assert_eq!(wait(&file.read(0)).status, STATUS_SUCCESS);
        assert_eq!(take_log(), ["read 5"]);
        // The default queue has no EvtIoWrite and no EvtIoDefault.
        assert_eq!(wait(&file.write(&[1, 2])).status, STATUS_INVALID_DEVICE_REQUEST);
        assert_eq!(wait(&file.internal_ioctl(CODE, &[], 0)).status, STATUS_INVALID_DEVICE_REQUEST);
        file.close();
        machine.end();
    }

    /// Without any queue the device takes no requests (FxPkgIo::DispatchStep1).
    fn a_device_without_queues_refuses_requests() {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            device_with(init, &[])
        }
        let machine = start(add);
        let file = machine.open();
        assert_eq!(wait(&send(&file)).status, STATUS_INVALID_DEVICE_REQUEST);
        file.close();
        machine.end();
    }

    /// WdfIoQueueReadyNotify: called when the queue goes from empty to not empty.
    fn ready_notify_tells_of_the_first_request() {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            device_with(init, &[default_queue(MANUAL)])
        }
        let notify = |function: PFN_WDF_IO_QUEUE_STATE| {
            call!(
                WdfIoQueueReadyNotifyTableIndex,
                fn(WDFQUEUE, PFN_WDF_IO_QUEUE_STATE, PVOID) -> NTSTATUS,
                queue(0), function, null_mut()
            )
        };
        let machine = start(add);
        let file = machine.open();
        assert_eq!(notify(Some(state)), STATUS_SUCCESS);
        let _first = send(&file);
        let _second = send(&file);
        assert_eq!(take_log(), ["state 0@0"], "only the transition from empty is told");
        wdf!(WdfIoQueueStop, queue(0), None, null_mut());
        assert_eq!(notify(None), STATUS_SUCCESS);
        assert_eq!(notify(Some(ready)), STATUS_SUCCESS);
        wdf!(WdfIoQueueStart, queue(0));
        let log = take_log();
        assert_eq!(log, ["ready Ok(0)"], "a start tells again of what waits");
        complete(named(0), STATUS_SUCCESS);
        file.close();
        machine.end();
    }

    /// FindRequest goes on from a found request, which it references; RetrieveFoundRequest takes one out of the middle.
    fn requests_are_found_by_file_and_retrieved() {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            let mut files = WDF_FILEOBJECT_CONFIG {
                Size: size_of::<WDF_FILEOBJECT_CONFIG>() as u32,
                FileObjectClass: _WDF_FILEOBJECT_CLASS::WdfFileObjectWdfCannotUseFsContexts,
                ..Default::default()
            };
            wdf!(WdfDeviceInitSetFileObjectConfig, init, &raw mut files, null_mut());
            device_with(init, &[default_queue(MANUAL)])
        }
        let find = |tag: WDFREQUEST, file: WDFFILEOBJECT, parameters: &mut WDF_REQUEST_PARAMETERS| {
            let mut found = null_mut();
            let status = wdf!(WdfIoQueueFindRequest, queue(0), tag, file, parameters, &raw mut found);
            (status, found)
        };
        let forget = |request: WDFREQUEST| wdf!(WdfObjectDereferenceActual, request.cast(), null_mut(), 0, null());
        let machine = start(add);
        let (one, two) = (machine.open(), machine.open());
        let first = one.ioctl(CODE, &[1], 8);
        let second = two.ioctl(CODE + 4, &[1, 2], 16);
        let third = one.ioctl(CODE, &[1], 8);
        let mut parameters = WDF_REQUEST_PARAMETERS { Size: size_of::<WDF_REQUEST_PARAMETERS>() as u16, ..Default::default() };
        let (_, a) = find(null_mut(), null_mut(), &mut parameters);
        let (_, b) = find(a, null_mut(), &mut parameters);
        // SAFETY: a request of this type has these parameters.
        let control = unsafe { parameters.Parameters.DeviceIoControl };
        assert_eq!((parameters.Type, control.IoControlCode), (WdfRequestTypeDeviceControl, CODE + 4));
        assert_eq!((control.InputBufferLength, control.OutputBufferLength), (2, 16));
        let of_one = wdf!(WdfRequestGetFileObject, a);
        let (_, c) = find(a, of_one, &mut parameters);
        assert_eq!(find(c, null_mut(), &mut parameters).0, STATUS_NO_MORE_ENTRIES);
        let mut request = null_mut();
        assert_eq!(wdf!(WdfIoQueueRetrieveFoundRequest, queue(0), b, &raw mut request), STATUS_SUCCESS);
        assert_eq!(request, b);
        assert_eq!(wdf!(WdfIoQueueRetrieveFoundRequest, queue(0), b, &raw mut request), STATUS_NOT_FOUND);
        assert_eq!(find(b, null_mut(), &mut parameters).0, STATUS_NOT_FOUND, "the tag has left the queue");
        complete(b, STATUS_SUCCESS);
        assert!(second.is_done() && !first.is_done());
        let by_file = call!(
            WdfIoQueueRetrieveRequestByFileObjectTableIndex,
            fn(WDFQUEUE, WDFFILEOBJECT, *mut WDFREQUEST) -> NTSTATUS,
            queue(0), of_one, &raw mut request
        );
        assert_eq!((by_file, request), (STATUS_SUCCESS, a));
        complete(a, STATUS_SUCCESS);
        [a, b, c].into_iter().for_each(forget);
        drop((one, two));
        assert_eq!(status(&third), Some(CANCELLED));
        machine.end();
    }

    /// Execution level passive: callbacks of a completion at DISPATCH_LEVEL come later, at PASSIVE_LEVEL.
    fn a_passive_queue_calls_at_passive_level_only() {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            let status = device_with(init, &[]);
            let mut passive = attributes();
            passive.ExecutionLevel = _WDF_EXECUTION_LEVEL::WdfExecutionLevelPassive;
            make_queue_with(device_handle(), &mut default_queue(SEQUENTIAL), &mut passive).unwrap();
            status
        }
        let machine = start(add);
        let file = machine.open();
        let _sent: Vec<_> = (0..2).map(|_| send(&file)).collect();
        take_log();
        let old = lab_kernel::cpu::raise_irql(2);
        complete(held()[0], STATUS_SUCCESS);
        assert_eq!(take_log(), [""; 0]);
        lab_kernel::cpu::lower_irql(old);
        lab_kernel::cpu::sleep(std::time::Duration::from_millis(1));
        assert_eq!(take_log(), [format!("control 1({CODE:#x}, 1, 8)@0")]);
        complete(held()[0], STATUS_SUCCESS);
        file.close();
        machine.end();
    }

    /// WdfSynchronizationScopeQueue: callbacks run under the queue's lock, and what they cause comes after them.
    fn a_synchronised_queue_runs_one_callback_at_a_time() {
        unsafe extern "win64" fn starts_the_next(_: WDFQUEUE, request: WDFREQUEST, _: usize, _: usize, _: ULONG) {
            log(format!("in {}@{}", name(request), lab_kernel::cpu::irql()));
            wdf!(WdfRequestComplete, request, STATUS_SUCCESS);
            log(format!("out {}", name(request)));
        }
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            let status = device_with(init, &[]);
            let mut scope = attributes();
            scope.SynchronizationScope = _WDF_SYNCHRONIZATION_SCOPE::WdfSynchronizationScopeQueue;
            let mut config = WDF_IO_QUEUE_CONFIG { EvtIoDeviceControl: Some(starts_the_next), ..default_queue(SEQUENTIAL) };
            make_queue_with(device_handle(), &mut config, &mut scope).unwrap();
            status
        }
        let machine = start(add);
        let file = machine.open();
        wdf!(WdfIoQueueStop, queue(0), None, null_mut());
        let sent: Vec<_> = (0..2).map(|_| send(&file)).collect();
        wdf!(WdfIoQueueStart, queue(0));
        assert_eq!(take_log(), ["in 0@2", "out 0", "in 1@2", "out 1"], "under the queue's spin lock");
        assert!(sent.iter().all(|s| s.is_done()));
        file.close();
        machine.end();
    }

    /// FxIoQueue::ForwardRequestWorker: a destination that does not accept leaves the request with the driver.
    fn a_request_is_forwarded_or_stays() {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            device_with(init, &[default_queue(PARALLEL), config(MANUAL)])
        }
        let machine = start(add);
        let file = machine.open();
        let sent = send(&file);
        let request = held()[0];
        wdf!(WdfIoQueuePurge, queue(1), None, null_mut());
        assert_eq!(wdf!(WdfRequestForwardToIoQueue, request, queue(1)), BUSY);
        assert_eq!(queue_state(queue(0)).2, 1, "the driver still owns it");
        wdf!(WdfIoQueueStart, queue(1));
        assert_eq!(wdf!(WdfRequestForwardToIoQueue, request, queue(1)), STATUS_SUCCESS);
        assert_eq!((queue_state(queue(0)).2, queue_state(queue(1)).1), (0, 1));
        assert!(sent.cancel());
        assert_eq!(status(&sent), Some(CANCELLED), "cancelled where it waits");
        file.close();
        machine.end();
    }

    /// The source of a forward presents its next request.
    fn a_sequential_queue_goes_on_after_a_forward() {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            device_with(init, &[default_queue(SEQUENTIAL), config(MANUAL)])
        }
        let machine = start(add);
        let file = machine.open();
        let _sent: Vec<_> = (0..2).map(|_| send(&file)).collect();
        take_log();
        assert_eq!(wdf!(WdfRequestForwardToIoQueue, held()[0], queue(1)), STATUS_SUCCESS);
        assert_eq!(take_log(), [format!("control 1({CODE:#x}, 1, 8)@0")]);
        complete(named(1), STATUS_SUCCESS);
        file.close();
        machine.end();
    }

    /// IsPowerStateNotifyingDriver: no cancel callback runs while the driver is being told of its requests.
    fn cancel_callbacks_wait_until_the_driver_has_been_told() {
        static SECOND: std::sync::Mutex<Option<lab_kmdf::Ioctl>> = std::sync::Mutex::new(None);
        unsafe extern "win64" fn stop_and_cancel(_: WDFQUEUE, request: WDFREQUEST, _: ULONG) {
            log(format!("stop {}", name(request)));
            if let Some(second) = SECOND.lock().unwrap().take() {
                second.cancel();
            }
            acknowledge(request, false);
        }
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            let cancels = WDF_IO_QUEUE_CONFIG { EvtIoStop: Some(stop_and_cancel), ..managed(default_queue(PARALLEL)) };
            device_with(init, &[cancels])
        }
        let machine = start(add);
        let file = machine.open();
        let (_first, second, _third) = (send(&file), send(&file), send(&file));
        *SECOND.lock().unwrap() = Some(second);
        assert_eq!(mark_cancelable(named(1)), STATUS_SUCCESS);
        take_log();
        machine.device.to_dx(WdfPowerDeviceD3).unwrap();
        let log: Vec<_> = take_log().into_iter().filter(|l| !l.starts_with("Evt")).collect();
        assert_eq!(log, ["stop 0", "stop 2", "cancel 1"], "a cancelled request is not stopped");
        machine.device.to_d0().unwrap();
        held().into_iter().for_each(|r| complete(r, STATUS_SUCCESS));
        file.close();
        machine.end();
    }

    /// PowerGotoD3Stopped: self-managed I/O, queues, then the hardware; EvtIoStop and EvtIoResume of what the driver owns.
    fn queues_stop_first_and_start_last() {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            device_with(init, &[managed(default_queue(PARALLEL)), managed(config(MANUAL))])
        }
        let machine = start(add);
        let file = machine.open();
        let owned = send(&file);
        take_log();
        machine.device.to_dx(WdfPowerDeviceD3).unwrap();
        assert_eq!(
            take_log(),
            [
                "EvtDeviceSelfManagedIoSuspend()@0", "stop 0 0x1",
                "EvtDeviceD0ExitPreInterruptsDisabled(D3)@0", "EvtDeviceD0Exit(D3)@0",
            ]
        );
        assert_eq!(queue_state(queue(0)).0 & WdfIoQueuePnpHeld, WdfIoQueuePnpHeld);
        let waiting = send(&file);
        assert_eq!(take_log(), [""; 0], "nothing is delivered in D3");
        machine.device.to_d0().unwrap();
        assert_eq!(
            take_log(),
            [
                "EvtDeviceD0Entry(D3)@0".to_owned(), "EvtDeviceD0EntryPostInterruptsEnabled(D3)@0".to_owned(),
                "resume 0".to_owned(), format!("control 1({CODE:#x}, 1, 8)@0"),
                "EvtDeviceSelfManagedIoRestart()@0".to_owned(),
            ]
        );
        held().into_iter().for_each(|r| complete(r, STATUS_SUCCESS));
        assert!(owned.is_done() && waiting.is_done());
        file.close();
        machine.end();
    }

    /// WdfRequestStopAcknowledge with Requeue: delivered again on the way up, without EvtIoResume.
    fn a_requeued_request_is_delivered_again() {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            let requeues = WDF_IO_QUEUE_CONFIG { EvtIoStop: Some(stop_requeue), ..managed(default_queue(PARALLEL)) };
            device_with(init, &[requeues])
        }
        let machine = start(add);
        let file = machine.open();
        let sent = send(&file);
        machine.device.to_dx(WdfPowerDeviceD3).unwrap();
        assert_eq!(queue_state(queue(0)).1, 1);
        take_log();
        machine.device.to_d0().unwrap();
        assert!(take_log().contains(&format!("control 0({CODE:#x}, 1, 8)@0")));
        complete(held()[0], STATUS_SUCCESS);
        assert!(sent.is_done());
        file.close();
        machine.end();
    }

    /// The flag WdfRequestStopRequestCancelable, and a cancelable request that is cancelled in D3.
    fn a_cancelable_request_is_cancelled_in_d3() {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            device_with(init, &[managed(default_queue(PARALLEL))])
        }
        let machine = start(add);
        let file = machine.open();
        let sent = send(&file);
        assert_eq!(mark_cancelable(held()[0]), STATUS_SUCCESS);
        take_log();
        machine.device.to_dx(WdfPowerDeviceD3).unwrap();
        assert!(take_log().contains(&"stop 0 0x10000001".to_owned()));
        assert!(sent.cancel());
        assert_eq!((take_log(), status(&sent)), (vec!["cancel 0".to_owned()], Some(CANCELLED)));
        machine.device.to_d0().unwrap();
        file.close();
        machine.end();
    }

    /// PowerManaged = WdfFalse: the queue works in D3; WdfUseDefault of a function driver is power managed.
    fn queues_without_power_management_work_in_d3() {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            let default = WDF_IO_QUEUE_CONFIG { PowerManaged: WdfUseDefault, ..config(MANUAL) };
            device_with(init, &[default_queue(PARALLEL), default])
        }
        let machine = start(add);
        let file = machine.open();
        machine.device.to_dx(WdfPowerDeviceD3).unwrap();
        let sent = send(&file);
        complete(held()[0], STATUS_SUCCESS);
        assert!(sent.is_done());
        assert_eq!(queue_state(queue(0)).0 & WdfIoQueuePnpHeld, 0);
        assert_eq!(queue_state(queue(1)).0 & WdfIoQueuePnpHeld, WdfIoQueuePnpHeld);
        machine.device.to_d0().unwrap();
        file.close();
        machine.end();
    }

    /// PnpCleanupForRemove: power-managed queues are purged (EvtIoStop says Purge) before self-managed I/O is flushed.
    fn surprise_removal_purges_managed_queues() {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            device_with(init, &[managed(default_queue(SEQUENTIAL))])
        }
        let machine = start(add);
        let file = machine.open();
        let sent: Vec<_> = (0..2).map(|_| send(&file)).collect();
        take_log();
        machine.device.surprise_remove();
        assert_eq!(
            take_log(),
            [
                "EvtDeviceSurpriseRemoval()@0", "EvtDeviceSelfManagedIoSuspend()@0", "stop 0 0x1",
                "EvtDeviceD0ExitPreInterruptsDisabled(D3Final)@0", "EvtDeviceD0Exit(D3Final)@0",
                "EvtDeviceReleaseHardware()@0", "stop 0 0x2", "EvtDeviceSelfManagedIoFlush()@0",
            ]
        );
        assert!(sent.iter().all(|s| status(s) == Some(CANCELLED)));
        assert_eq!(status(&send(&file)), Some(INVALID_STATE), "the queue is shut down");
        wdf!(WdfIoQueueStart, queue(0));
        assert_eq!(status(&send(&file)), Some(INVALID_STATE), "and stays so (FxIoQueueShutdown)");
        file.close();
        machine.device.remove();
        assert_eq!(take_log(), ["EvtDeviceSelfManagedIoCleanup()@0"]);
        machine.driver.unload();
        no_violations();
        assert_eq!(lab_kmdf::live_objects(), []);
    }

    /// What the verifier of the framework complains about: the wrong kind of queue.
    fn methods_of_manual_queues_are_for_manual_queues() {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            device_with(init, &[WDF_IO_QUEUE_CONFIG { EvtIoDefault: Some(default_keep), ..default_queue(PARALLEL) }])
        }
        let machine = start(add);
        assert_eq!(retrieve(queue(0)), Err(INVALID_STATE));
        let mut found = null_mut();
        let status = wdf!(WdfIoQueueFindRequest, queue(0), null_mut(), null_mut(), null_mut(), &raw mut found);
        assert_eq!(status, STATUS_INVALID_DEVICE_REQUEST);
        assert_eq!(violated(), ["QUEUE_METHOD", "QUEUE_METHOD"]);
        machine.device.remove();
    }
}

stop_tests! {
    /// StopProcessingForPower waits for the driver; in the lab not for ever.
    fn a_driver_that_keeps_a_request_cannot_power_down() stops with ["QUEUE_STOPS", "the driver owns 1 requests"] {
        fn add(init: PWDFDEVICE_INIT) -> NTSTATUS {
            device_with(init, &[WDF_IO_QUEUE_CONFIG { EvtIoStop: None, ..managed(default_queue(PARALLEL)) }])
        }
        let machine = start(add);
        let file = machine.open();
        let _sent = send(&file);
        let _ = machine.device.to_dx(WdfPowerDeviceD3);
    }
}
