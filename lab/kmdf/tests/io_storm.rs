//! Eight lab threads send, cancel, close, power, stop and remove at random: no request is lost, none is completed twice,
//! none is left when the device is gone.

#[macro_use]
mod common;

use common::io::{CODE, INTERFACE_CLASS, config, default_queue, make_queue};
use common::*;
use lab_kernel::cpu;
use lab_kmdf::{Device, File, Ioctl, PowerState};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wdk_sys::_WDF_IO_QUEUE_DISPATCH_TYPE::*;
use wdk_sys::_WDF_POWER_DEVICE_STATE::WdfPowerDeviceD3;
use wdk_sys::_WDF_TRI_STATE::*;
use wdk_sys::*;

const THREADS: u64 = 8;
const ROUNDS: u64 = 10;
const OPERATIONS: u64 = 100_000;

/// What the control codes of the storm ask for.
const ECHO: u32 = CODE;
const WAIT: u32 = CODE + 4;
const KEEP: u32 = CODE + 8;
const KEEP_CANCELABLE: u32 = CODE + 12;

/// Requests the driver keeps, and whether they are cancelable. Guarded by LOCK, as a driver would.
static KEPT: Mutex<Vec<(usize, bool)>> = Mutex::new(Vec::new());
static LOCK: AtomicUsize = AtomicUsize::new(0);
static WAITING: AtomicUsize = AtomicUsize::new(0);
static RANDOM: AtomicU64 = AtomicU64::new(1);

static POWERED: AtomicU64 = AtomicU64::new(0);
static SENT: AtomicU64 = AtomicU64::new(0);
static ENDED: AtomicU64 = AtomicU64::new(0);
/// How many ended with success, cancelled, and refused by a closed queue.
static HOW: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

fn random(below: u64) -> u64 {
    let mut x = RANDOM.load(Relaxed);
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    RANDOM.store(x, Relaxed);
    x % below
}

fn locked<R>(f: impl FnOnce(&mut Vec<(usize, bool)>) -> R) -> R {
    let lock = LOCK.load(Relaxed) as WDFSPINLOCK;
    wdf!(WdfSpinLockAcquire, lock);
    let result = f(&mut KEPT.lock().unwrap());
    wdf!(WdfSpinLockRelease, lock);
    result
}

/// Takes a kept request into this thread's hands; `None`: there is none, or its cancel callback has it.
fn take(which: impl FnOnce(&[(usize, bool)]) -> Option<usize>) -> Option<WDFREQUEST> {
    locked(|kept| {
        let (request, cancelable) = kept.remove(which(kept)?);
        let request = request as WDFREQUEST;
        if cancelable && wdf!(WdfRequestUnmarkCancelable, request) == STATUS_CANCELLED {
            return None;
        }
        Some(request)
    })
}

fn finish(request: WDFREQUEST) {
    wdf!(WdfRequestCompleteWithInformation, request, STATUS_SUCCESS, 0);
}

unsafe extern "win64" fn control(_: WDFQUEUE, request: WDFREQUEST, _: usize, _: usize, code: ULONG) {
    let keep = |cancelable| {
        locked(|kept| {
            if cancelable && wdf!(WdfRequestMarkCancelableEx, request, Some(cancel)) == STATUS_CANCELLED {
                return false;
            }
            kept.push((request as usize, cancelable));
            true
        })
    };
    match code {
        WAIT => {
            if wdf!(WdfRequestForwardToIoQueue, request, WAITING.load(Relaxed) as WDFQUEUE) != STATUS_SUCCESS {
                wdf!(WdfRequestComplete, request, STATUS_INVALID_DEVICE_STATE);
            }
        }
        KEEP => assert!(keep(false)),
        KEEP_CANCELABLE => {
            if !keep(true) {
                wdf!(WdfRequestComplete, request, STATUS_CANCELLED);
            }
        }
        _ => {
            let mut output = null_mut();
            assert_eq!(wdf!(WdfRequestRetrieveOutputBuffer, request, 8, &raw mut output, null_mut()), STATUS_SUCCESS);
            // SAFETY: eight bytes were asked for.
            unsafe { output.cast::<u64>().write_unaligned(0x0123_4567_89AB_CDEF) };
            wdf!(WdfRequestCompleteWithInformation, request, STATUS_SUCCESS, 8);
        }
    }
}

unsafe extern "win64" fn cancel(request: WDFREQUEST) {
    locked(|kept| kept.retain(|&(r, _)| r != request as usize));
    wdf!(WdfRequestComplete, request, STATUS_CANCELLED);
}

unsafe extern "win64" fn canceled_on_queue(_: WDFQUEUE, request: WDFREQUEST) {
    wdf!(WdfRequestComplete, request, STATUS_CANCELLED);
}

unsafe extern "win64" fn io_stop(_: WDFQUEUE, request: WDFREQUEST, flags: ULONG) {
    const PURGE: u32 = _WDF_REQUEST_STOP_ACTION_FLAGS::WdfRequestStopActionPurge as u32;
    let acknowledge = |requeue: bool| {
        let requeue = BOOLEAN::from(requeue);
        call!(WdfRequestStopAcknowledgeTableIndex, fn(WDFREQUEST, BOOLEAN), request, requeue);
    };
    let at = |kept: &[(usize, bool)]| kept.iter().position(|&(r, _)| r == request as usize);
    if flags & PURGE == 0 && random(2) == 0 && locked(|kept| at(kept).is_some()) {
        return acknowledge(false);
    }
    if let Some(request) = take(at) {
        if flags & PURGE == 0 && random(2) == 0 {
            acknowledge(true);
        } else {
            finish(request);
        }
    }
}

unsafe extern "win64" fn file_cleanup(file: WDFFILEOBJECT) {
    let of_file =
        |kept: &[(usize, bool)]| kept.iter().position(|&(r, _)| wdf!(WdfRequestGetFileObject, r as WDFREQUEST) == file);
    while locked(|kept| of_file(kept).is_some()) {
        if let Some(request) = take(of_file) {
            wdf!(WdfRequestComplete, request, STATUS_CANCELLED);
        }
    }
}

fn device_add(init: PWDFDEVICE_INIT) -> NTSTATUS {
    let mut files = WDF_FILEOBJECT_CONFIG {
        Size: size_of::<WDF_FILEOBJECT_CONFIG>() as u32,
        EvtFileCleanup: Some(file_cleanup),
        FileObjectClass: _WDF_FILEOBJECT_CLASS::WdfFileObjectWdfCannotUseFsContexts,
        ..Default::default()
    };
    wdf!(WdfDeviceInitSetFileObjectConfig, init, &raw mut files, null_mut());
    let device = create_device_with(init, &mut attributes()).unwrap();
    let stops = |config| WDF_IO_QUEUE_CONFIG { PowerManaged: WdfTrue, EvtIoStop: Some(io_stop), ..config };
    let first = default_queue(WdfIoQueueDispatchParallel);
    make_queue(device, stops(WDF_IO_QUEUE_CONFIG { EvtIoDeviceControl: Some(control), ..first })).unwrap();
    let second = config(WdfIoQueueDispatchManual);
    let waiting = WDF_IO_QUEUE_CONFIG { EvtIoCanceledOnQueue: Some(canceled_on_queue), ..stops(second) };
    WAITING.store(make_queue(device, waiting).unwrap() as usize, Relaxed);
    let mut lock = null_mut();
    assert_eq!(wdf!(WdfSpinLockCreate, &mut child_of(device.cast()), &raw mut lock), STATUS_SUCCESS);
    LOCK.store(lock as usize, Relaxed);
    wdf!(WdfDeviceCreateDeviceInterface, device, &raw const INTERFACE_CLASS, null())
}

struct Storm {
    device: Device,
    /// One thread at a time is the PnP manager.
    pnp: AtomicBool,
    removing: AtomicBool,
    left: AtomicU64,
}

impl Storm {
    fn send(&self, file: &File) -> Ioctl {
        SENT.fetch_add(1, Relaxed);
        let code = [ECHO, WAIT, WAIT, KEEP, KEEP_CANCELABLE][random(5) as usize];
        file.ioctl_then(code, &[1, 2, 3], 8, |completion| {
            ENDED.fetch_add(1, Relaxed);
            let how = match completion.status {
                STATUS_SUCCESS => 0,
                STATUS_CANCELLED => 1,
                STATUS_INVALID_DEVICE_STATE => 2,
                other => panic!("a request ended with {other:#010x}"),
            };
            HOW[how].fetch_add(1, Relaxed);
        })
    }

    /// Waiting requests: taken out and completed or put back, or the whole queue stopped, purged and started.
    fn queue_operation(&self) {
        let queue = WAITING.load(Relaxed) as WDFQUEUE;
        match random(6) {
            0 => {
                wdf!(WdfIoQueueStopAndPurge, queue, None, null_mut());
                wdf!(WdfIoQueueStart, queue);
            }
            1 => {
                wdf!(WdfIoQueuePurge, queue, None, null_mut());
                wdf!(WdfIoQueueStart, queue);
            }
            2 => {
                let mut found = null_mut();
                let status = wdf!(WdfIoQueueFindRequest, queue, null_mut(), null_mut(), null_mut(), &raw mut found);
                if status == STATUS_SUCCESS {
                    let mut request = null_mut();
                    if wdf!(WdfIoQueueRetrieveFoundRequest, queue, found, &raw mut request) == STATUS_SUCCESS {
                        finish(request);
                    }
                    wdf!(WdfObjectDereferenceActual, found.cast(), null_mut(), 0, null());
                }
            }
            _ => {
                let mut request = null_mut();
                if wdf!(WdfIoQueueRetrieveNextRequest, queue, &raw mut request) == STATUS_SUCCESS {
                    if random(3) == 0 {
                        let status = call!(WdfRequestRequeueTableIndex, fn(WDFREQUEST) -> NTSTATUS, request);
                        assert_eq!(status, STATUS_SUCCESS);
                    } else {
                        finish(request);
                    }
                }
            }
        }
    }

    fn power(&self) {
        if self.pnp.swap(true, Relaxed) {
            return;
        }
        POWERED.fetch_add(1, Relaxed);
        match self.device.power_state() {
            PowerState::D0 => self.device.to_dx(WdfPowerDeviceD3).unwrap(),
            PowerState::Dx(_) => self.device.to_d0().unwrap(),
            _ => {}
        }
        self.pnp.store(false, Relaxed);
    }

    /// The device is pulled out while the other threads go on.
    fn pull(&self) {
        while self.pnp.swap(true, Relaxed) {
            cpu::sleep(Duration::from_micros(10));
        }
        self.removing.store(true, Relaxed);
        self.device.surprise_remove();
    }

    fn thread(&self) {
        let mut files: Vec<File> = Vec::new();
        let mut sent: Vec<Ioctl> = Vec::new();
        loop {
            let left = self.left.fetch_sub(1, Relaxed);
            if left == 0 || left > OPERATIONS {
                break;
            }
            if left == 200 {
                self.pull();
            }
            match random(100) {
                0..6 => match self.device.open(&INTERFACE_CLASS) {
                    Ok(file) => files.push(file),
                    Err(_) => assert!(self.removing.load(Relaxed), "a device that is there can be opened"),
                },
                6..10 if files.len() > 1 => drop(files.remove(random(files.len() as u64) as usize)),
                10..65 if !files.is_empty() => sent.push(self.send(&files[random(files.len() as u64) as usize])),
                65..78 if !sent.is_empty() => {
                    sent.swap_remove(random(sent.len() as u64) as usize).cancel();
                }
                78..90 => {
                    let one = |kept: &[(usize, bool)]| (!kept.is_empty()).then(|| random(kept.len() as u64) as usize);
                    if let Some(request) = take(one) {
                        finish(request);
                    }
                }
                90..92 => self.power(),
                _ if !self.removing.load(Relaxed) => self.queue_operation(),
                _ => {}
            }
        }
    }
}

fn boot() -> Arc<Board> {
    RANDOM.store(std::env::var("STORM_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x5EED), Relaxed);
    Board::boot_preemptive(7, 4)
}

machine_tests! {
    fn no_request_is_lost_completed_twice_or_left() {
        let board = boot();
        let driver = load(TestDriver { device_add, ..TestDriver::default() }).unwrap();
        for round in 0..ROUNDS {
            let device = driver.add_device(board.resources(0)).unwrap();
            device.start().unwrap();
            let storm = Arc::new(Storm {
                device,
                pnp: AtomicBool::new(false),
                removing: AtomicBool::new(false),
                left: AtomicU64::new(OPERATIONS / ROUNDS),
            });
            let threads: Vec<_> = (0..THREADS)
                .map(|n| {
                    let storm = storm.clone();
                    cpu::spawn(&format!("storm {round}.{n}"), move || storm.thread())
                })
                .collect();
            threads.into_iter().for_each(cpu::join);
            let storm = Arc::into_inner(storm).expect("the threads are gone");
            storm.device.remove();
            assert_eq!(KEPT.lock().unwrap().len(), 0, "round {round}");
            assert_eq!(SENT.load(Relaxed), ENDED.load(Relaxed), "round {round}: every request ended once");
        }
        driver.unload();
        no_violations();
        assert_eq!(lab_kmdf::live_objects(), []);
        let how = HOW.each_ref().map(|h| h.load(Relaxed));
        let (preemptions, powered) = (cpu::stats().preemptions, POWERED.load(Relaxed));
        println!("{} requests: {how:?} succeeded, cancelled, refused", SENT.load(Relaxed));
        println!("{preemptions} thread switches at preempt points, {powered} power transitions");
        assert!(preemptions > 10_000 && powered > 100, "{preemptions} {powered}");
        assert!(how.iter().all(|&h| h > 100), "{how:?}");
    }
}
