//! System threads, their handles and objects; the processor they run on.

use super::objects::{self, STATUS_SUCCESS};
use super::{Entry, Ptr, exports};
use crate::cpu::{self, ThreadId};
use crate::rules;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

rules! {
    HANDLE_CLOSED_ONCE: "A handle is closed once", "DDI wdm ZwClose";
    PROCESSOR_EXISTS: "Processor numbers and groups come from the system", "DDI wdm KeGetProcessorNumberFromIndex";
}

const STATUS_INVALID_HANDLE: i32 = 0xC000_0008_u32 as i32;
const STATUS_INVALID_PARAMETER: i32 = 0xC000_000D_u32 as i32;

type StartRoutine = unsafe extern "win64" fn(context: usize);

/// Thread handles that are open.
static HANDLES: Mutex<BTreeMap<usize, ThreadId>> = Mutex::new(BTreeMap::new());

fn handles() -> std::sync::MutexGuard<'static, BTreeMap<usize, ThreadId>> {
    HANDLES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn create_thread(start: StartRoutine, context: usize) -> usize {
    let thread = cpu::spawn("driver system thread", move || {
        // SAFETY: the driver gave this routine to PsCreateSystemThread, which calls it at PASSIVE_LEVEL in a thread of
        // its own with the driver's context.
        unsafe { start(context) };
    });
    let (object, ended) = cpu::thread_object(thread);
    objects::register(object, ended);
    // Kernel handles have the upper half of the address space and are multiples of 4.
    let handle = 0xFFFF_FFFF_8000_0000 + 4 * (thread.0 as usize + 1);
    handles().insert(handle, thread);
    handle
}

pub(super) fn entries() -> Vec<Entry> {
    functions::entries()
}

mod functions {
    use super::*;

    exports! {
        [Passive] fn PsCreateSystemThread(
            handle: Ptr<usize>, _access: u32, _attributes: usize, _process: usize, _client: usize, start: Option<StartRoutine>,
            context: usize,
        ) -> i32 {
            let Some(start) = start else { return STATUS_INVALID_PARAMETER };
            handle.write(create_thread(start, context));
            STATUS_SUCCESS
        }

        [Passive] fn PsTerminateSystemThread(_status: i32) -> i32 { cpu::exit_thread() }

        [Passive] fn ObReferenceObjectByHandle(
            handle: usize, _access: u32, _kind: usize, _mode: i8, object: Ptr<usize>, _information: usize,
        ) -> i32 {
            let Some(thread) = handles().get(&handle).copied() else { return STATUS_INVALID_HANDLE };
            object.write(cpu::thread_object(thread).0);
            STATUS_SUCCESS
        }

        // Thread objects live as long as the process: references need no count.
        [AtMostDispatch] fn ObfReferenceObject(_object: usize) -> usize { 1 }

        [AtMostDispatch] fn ObfDereferenceObject(_object: usize) -> usize { 1 }

        [Passive] fn ZwClose(handle: usize) -> i32 {
            let open = handles().remove(&handle).is_some();
            if HANDLE_CLOSED_ONCE.check(open, || format!("handle {handle:#x}")) { STATUS_SUCCESS } else { STATUS_INVALID_HANDLE }
        }

        [Any] fn PsGetCurrentThread() -> usize { cpu::thread_object(cpu::current_thread()).0 }

        [Any] fn KeGetCurrentThread() -> usize { cpu::thread_object(cpu::current_thread()).0 }

        [Any] fn PsGetCurrentThreadId() -> usize { 4 * (cpu::current_thread().0 as usize + 1) }

        [Any] fn PsGetCurrentProcessId() -> usize { 4 }

        [AtMostDispatch] fn KeSetPriorityThread(_thread: usize, _priority: i32) -> i32 { 8 }

        [AtMostDispatch] fn KeQueryPriorityThread(_thread: usize) -> i32 { 8 }

        [AtMostDispatch] fn KeSetBasePriorityThread(_thread: usize, _increment: i32) -> i32 { 0 }

        [Any] fn KeQueryActiveProcessorCount(mask: Ptr<u64>) -> u32 {
            mask.write_if_any(1);
            1
        }

        [Any] fn KeQueryActiveProcessorCountEx(_group: u16) -> u32 { 1 }

        [Any] fn KeQueryMaximumProcessorCount() -> u32 { 1 }

        [Any] fn KeQueryMaximumProcessorCountEx(_group: u16) -> u32 { 1 }

        [Any] fn KeQueryActiveGroupCount() -> u16 { 1 }

        [Any] fn KeQueryMaximumGroupCount() -> u16 { 1 }

        [Any] fn KeQueryActiveProcessors() -> u64 { 1 }

        [Any] fn KeQueryGroupAffinity(group: u16) -> u64 { u64::from(group == 0) }

        [Any] fn KeQueryHighestNodeNumber() -> u16 { 0 }

        [Any] fn KeGetCurrentNodeNumber() -> u16 { 0 }

        /// PROCESSOR_NUMBER: Group, Number, Reserved.
        [Any] fn KeGetCurrentProcessorNumberEx(number: Ptr<u32>) -> u32 {
            number.write_if_any(0);
            0
        }

        [Any] fn KeGetProcessorNumberFromIndex(index: u32, number: Ptr<u32>) -> i32 {
            if PROCESSOR_EXISTS.check(index == 0, || format!("index {index}")) {
                number.write(0);
                STATUS_SUCCESS
            } else {
                STATUS_INVALID_PARAMETER
            }
        }

        [Any] fn KeGetProcessorIndexFromNumber(number: Ptr<u32>) -> u32 {
            const INVALID_PROCESSOR_INDEX: u32 = u32::MAX;
            if number.read() & 0x00FF_FFFF == 0 { 0 } else { INVALID_PROCESSOR_INDEX }
        }

        /// GROUP_AFFINITY: Mask, Group, Reserved.
        [AtMostApc] fn KeSetSystemGroupAffinityThread(_affinity: Ptr<u64>, previous: Ptr<u64>) {
            previous.write_if_any(1);
            if !previous.is_null() {
                previous.field::<u64>(8).write(0);
            }
        }

        [AtMostApc] fn KeRevertToUserGroupAffinityThread(_previous: Ptr<u64>) {}

        [AtMostApc] fn KeSetSystemAffinityThreadEx(_affinity: u64) -> u64 { 1 }

        [AtMostApc] fn KeRevertToUserAffinityThreadEx(_affinity: u64) {}
    }
}
