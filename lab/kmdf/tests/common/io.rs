//! A driver with I/O queues for the tests: it keeps what it is given and logs what it is told.

use super::*;
use lab_kmdf::{Completion, Device, Driver, File, Ioctl};
use std::ptr::{null, null_mut};
use std::sync::Arc;
use std::time::Duration;
use wdk_sys::_WDF_IO_QUEUE_DISPATCH_TYPE::*;
use wdk_sys::_WDF_TRI_STATE::*;

/// Class of the interface that test devices have.
pub static INTERFACE_CLASS: GUID =
    GUID { Data1: 0x1234_5678, Data2: 0x9ABC, Data3: 0xDEF0, Data4: [1, 2, 3, 4, 5, 6, 7, 8] };
/// METHOD_BUFFERED, FILE_ANY_ACCESS.
pub const CODE: u32 = 0x22 << 16 | 0x800 << 2;

pub const CANCELLED: NTSTATUS = STATUS_CANCELLED;
pub const INVALID_STATE: NTSTATUS = STATUS_INVALID_DEVICE_STATE;
pub const PAUSED: NTSTATUS = 0xC020_0203_u32 as i32;
pub const BUSY: NTSTATUS = 0xC020_0204_u32 as i32;

/// Requests the driver was given and still has, oldest first.
static HELD: Mutex<Vec<usize>> = Mutex::new(Vec::new());
/// Queues of the device in the order of creation.
static QUEUES: Mutex<Vec<usize>> = Mutex::new(Vec::new());
static DEVICE: Mutex<usize> = Mutex::new(0);
/// Order in which requests arrived, to name them "0", "1", .. in the log.
static NAMES: Mutex<Vec<usize>> = Mutex::new(Vec::new());

pub fn held() -> Vec<WDFREQUEST> {
    HELD.lock().unwrap().iter().map(|&r| r as WDFREQUEST).collect()
}

pub fn take_held() -> Vec<WDFREQUEST> {
    std::mem::take(&mut *HELD.lock().unwrap()).into_iter().map(|r| r as WDFREQUEST).collect()
}

pub fn drop_held(request: WDFREQUEST) {
    HELD.lock().unwrap().retain(|&r| r != request as usize);
}

/// The request's number, by the order in which the driver first saw it.
pub fn name(request: WDFREQUEST) -> usize {
    let mut names = NAMES.lock().unwrap();
    names.iter().position(|&r| r == request as usize).unwrap_or_else(|| {
        names.push(request as usize);
        names.len() - 1
    })
}

/// The request with this number.
pub fn named(number: usize) -> WDFREQUEST {
    NAMES.lock().unwrap()[number] as WDFREQUEST
}

pub fn queue(index: usize) -> WDFQUEUE {
    QUEUES.lock().unwrap()[index] as WDFQUEUE
}

pub fn device_handle() -> WDFDEVICE {
    *DEVICE.lock().unwrap() as WDFDEVICE
}

pub fn complete(request: WDFREQUEST, status: NTSTATUS) {
    drop_held(request);
    wdf!(WdfRequestComplete, request, status);
}

/// Keeps the request.
pub unsafe extern "win64" fn keep(_: WDFQUEUE, request: WDFREQUEST, output: usize, input: usize, code: ULONG) {
    log(format!("control {}({code:#x}, {input}, {output})@{}", name(request), cpu::irql()));
    HELD.lock().unwrap().push(request as usize);
}

/// Answers with the input, each byte plus one.
pub unsafe extern "win64" fn answer(_: WDFQUEUE, request: WDFREQUEST, _: usize, _: usize, _: ULONG) {
    let (mut input, mut output): (PVOID, PVOID) = (null_mut(), null_mut());
    let (mut input_len, mut output_len) = (0, 0);
    let mut status = wdf!(WdfRequestRetrieveInputBuffer, request, 1, &raw mut input, &raw mut input_len);
    if NT_SUCCESS(status) {
        status = wdf!(WdfRequestRetrieveOutputBuffer, request, input_len, &raw mut output, &raw mut output_len);
    }
    if !NT_SUCCESS(status) {
        return wdf!(WdfRequestComplete, request, status);
    }
    assert_eq!(input, output, "METHOD_BUFFERED has one system buffer");
    for i in 0..input_len {
        // SAFETY: both lengths were asked for.
        unsafe { *output.cast::<u8>().add(i) = (*input.cast::<u8>().add(i)).wrapping_add(1) };
    }
    wdf!(WdfRequestCompleteWithInformation, request, STATUS_SUCCESS, input_len as u64);
}

pub unsafe extern "win64" fn canceled_on_queue(_: WDFQUEUE, request: WDFREQUEST) {
    log(format!("canceled on queue {}", name(request)));
    complete(request, CANCELLED);
}

/// Cancels at once.
pub unsafe extern "win64" fn cancel(request: WDFREQUEST) {
    log(format!("cancel {}", name(request)));
    complete(request, CANCELLED);
}

pub unsafe extern "win64" fn state(_: WDFQUEUE, context: PVOID) {
    log(format!("state {}@{}", context as usize, cpu::irql()));
}

pub fn config(kind: WDF_IO_QUEUE_DISPATCH_TYPE) -> WDF_IO_QUEUE_CONFIG {
    let mut config = WDF_IO_QUEUE_CONFIG {
        Size: size_of::<WDF_IO_QUEUE_CONFIG>() as u32,
        DispatchType: kind,
        PowerManaged: WdfFalse,
        EvtIoDeviceControl: (kind != WdfIoQueueDispatchManual).then_some(keep),
        ..Default::default()
    };
    if kind == WdfIoQueueDispatchParallel {
        config.Settings.Parallel.NumberOfPresentedRequests = u32::MAX;
    }
    config
}

pub fn default_queue(kind: WDF_IO_QUEUE_DISPATCH_TYPE) -> WDF_IO_QUEUE_CONFIG {
    WDF_IO_QUEUE_CONFIG { DefaultQueue: 1, ..config(kind) }
}

/// Makes a queue of the device and remembers it.
pub fn make_queue(device: WDFDEVICE, mut config: WDF_IO_QUEUE_CONFIG) -> Result<WDFQUEUE, NTSTATUS> {
    make_queue_with(device, &mut config, &mut attributes())
}

pub fn make_queue_with(
    device: WDFDEVICE,
    config: &mut WDF_IO_QUEUE_CONFIG,
    attributes: &mut WDF_OBJECT_ATTRIBUTES,
) -> Result<WDFQUEUE, NTSTATUS> {
    let mut queue = null_mut();
    let status = wdf!(WdfIoQueueCreate, device, config, attributes, &raw mut queue);
    if !NT_SUCCESS(status) {
        return Err(status);
    }
    QUEUES.lock().unwrap().push(queue as usize);
    Ok(queue)
}

/// A device with the interface and these queues.
pub fn device_with(init: PWDFDEVICE_INIT, queues: &[WDF_IO_QUEUE_CONFIG]) -> NTSTATUS {
    let device = match create_device_with(init, &mut attributes()) {
        Ok(device) => device,
        Err(status) => return status,
    };
    *DEVICE.lock().unwrap() = device as usize;
    for &config in queues {
        make_queue(device, config).unwrap();
    }
    wdf!(WdfDeviceCreateDeviceInterface, device, &raw const INTERFACE_CLASS, null())
}

/// A started device of a driver with this EvtDriverDeviceAdd.
pub struct Machine {
    pub board: Arc<Board>,
    pub driver: Driver,
    pub device: Device,
}

pub fn start(device_add: fn(PWDFDEVICE_INIT) -> NTSTATUS) -> Machine {
    let board = Board::boot();
    let driver = load(TestDriver { device_add, ..TestDriver::default() }).unwrap();
    let device = driver.add_device(board.resources(0)).unwrap();
    device.start().unwrap();
    take_log();
    Machine { board, driver, device }
}

impl Machine {
    pub fn open(&self) -> File {
        self.device.open(&INTERFACE_CLASS).unwrap()
    }

    /// Removes and unloads; nothing may be left.
    pub fn end(self) {
        self.device.remove();
        self.driver.unload();
        no_violations();
        assert_eq!(lab_kmdf::live_objects(), []);
    }
}

/// Sends a request of one input byte.
pub fn send(file: &File) -> Ioctl {
    file.ioctl(CODE, &[1], 8)
}

pub fn status(ioctl: &Ioctl) -> Option<NTSTATUS> {
    ioctl.completion().map(|c| c.status)
}

pub fn wait(ioctl: &Ioctl) -> Completion {
    ioctl.wait(Duration::from_secs(1)).expect("the request completes")
}

/// WdfIoQueueRetrieveNextRequest.
pub fn retrieve(queue: WDFQUEUE) -> Result<WDFREQUEST, NTSTATUS> {
    let mut request = null_mut();
    let status = wdf!(WdfIoQueueRetrieveNextRequest, queue, &raw mut request);
    if NT_SUCCESS(status) {
        name(request);
        Ok(request)
    } else {
        assert!(request.is_null());
        Err(status)
    }
}

pub fn mark_cancelable(request: WDFREQUEST) -> NTSTATUS {
    wdf!(WdfRequestMarkCancelableEx, request, Some(cancel))
}

pub fn requeue(request: WDFREQUEST) -> NTSTATUS {
    drop_held(request);
    call!(WdfRequestRequeueTableIndex, fn(WDFREQUEST) -> NTSTATUS, request)
}

pub fn stop_and_purge(queue: WDFQUEUE, number: usize) {
    wdf!(WdfIoQueueStopAndPurge, queue, Some(state), number as PVOID);
}

/// Accept, dispatch, no requests, driver has none, PnP held.
pub fn queue_state(queue: WDFQUEUE) -> (WDF_IO_QUEUE_STATE, u32, u32) {
    let (mut queued, mut driver) = (0, 0);
    let state = call!(
        WdfIoQueueGetStateTableIndex,
        fn(WDFQUEUE, *mut ULONG, *mut ULONG) -> WDF_IO_QUEUE_STATE,
        queue,
        &raw mut queued,
        &raw mut driver
    );
    (state, queued, driver)
}
