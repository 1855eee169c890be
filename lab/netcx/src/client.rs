//! Calls into the client driver. Each goes through [`guarded`], which checks that the client returns at the IRQL it was
//! called at.

use crate::contract::ADVANCE_IRQL_KEPT;
use lab_kernel::cpu;
use netadaptercx_sys::*;
use wdk_sys::WDFDEVICE;

/// A handle as a number, so that it can be kept in state that threads share.
pub type Handle = usize;

fn guarded<R>(callback: &'static str, call: impl FnOnce() -> R) -> R {
    let before = cpu::irql();
    let result = call();
    let after = cpu::irql();
    let kept = ADVANCE_IRQL_KEPT
        .check(before == after, || format!("{callback} was called at IRQL {before}, returned at {after}"));
    if !kept && after > before {
        // So that the run can go on.
        cpu::lower_irql(before);
    }
    result
}

/// EvtStart, EvtStop, EvtAdvance and EvtCancel of a queue.
pub fn queue_event(callback: &'static str, f: PFN_PACKET_QUEUE_ADVANCE, queue: Handle) {
    if let Some(f) = f {
        // SAFETY: the client gave this function for queues, and `queue` is a live handle of one.
        guarded(callback, || unsafe { f(queue as NETPACKETQUEUE) });
    }
}

/// EvtSetNotificationEnabled of a queue.
pub fn set_notification(f: PFN_PACKET_QUEUE_SET_NOTIFICATION_ENABLED, queue: Handle, enabled: bool) {
    if let Some(f) = f {
        // SAFETY: as for `queue_event`.
        guarded("EvtSetNotificationEnabled", || unsafe { f(queue as NETPACKETQUEUE, enabled.into()) });
    }
}

/// EvtAdapterCreateTxQueue; `init` identifies the creation in progress.
pub fn create_tx_queue(f: PFN_NET_ADAPTER_CREATE_TXQUEUE, adapter: Handle, init: Handle) -> NTSTATUS {
    let f = f.expect("checked when the datapath callbacks were set");
    // SAFETY: the client's callback, with its adapter and an init object that is only handed back to the framework.
    guarded("EvtAdapterCreateTxQueue", || unsafe { f(adapter as NETADAPTER, init as *mut NETTXQUEUE_INIT) })
}

/// EvtAdapterCreateRxQueue.
pub fn create_rx_queue(f: PFN_NET_ADAPTER_CREATE_RXQUEUE, adapter: Handle, init: Handle) -> NTSTATUS {
    let f = f.expect("checked when the datapath callbacks were set");
    // SAFETY: as for `create_tx_queue`.
    guarded("EvtAdapterCreateRxQueue", || unsafe { f(adapter as NETADAPTER, init as *mut NETRXQUEUE_INIT) })
}

/// EvtSetReceiveFilter.
pub fn set_receive_filter(f: PFN_NET_ADAPTER_SET_RECEIVE_FILTER, adapter: Handle, filter: Handle) {
    if let Some(f) = f {
        // SAFETY: the client's callback, its adapter, and a filter handle that is valid during this call.
        guarded("EvtSetReceiveFilter", || unsafe { f(adapter as NETADAPTER, filter as NETRECEIVEFILTER) });
    }
}

/// EvtAdapterReturnRxBuffer.
pub fn return_rx_buffer(f: PFN_NET_ADAPTER_RETURN_RX_BUFFER, adapter: Handle, context: u64) {
    if let Some(f) = f {
        let context = context as NET_FRAGMENT_RETURN_CONTEXT_HANDLE;
        // SAFETY: the client's callback, its adapter, and the context that the client attached to the buffer.
        guarded("EvtAdapterReturnRxBuffer", || unsafe { f(adapter as NETADAPTER, context) });
    }
}

/// EvtNetDeviceCollectResetDiagnostics.
pub fn collect_reset_diagnostics(f: PFN_NET_DEVICE_COLLECT_RESET_DIAGNOSTICS, device: Handle) {
    if let Some(f) = f {
        // SAFETY: the client's callback with its device.
        guarded("EvtNetDeviceCollectResetDiagnostics", || unsafe { f(device as WDFDEVICE) });
    }
}

/// EvtPreAdvance and EvtPostAdvance of a client's execution context; true: there was work.
pub fn context_advance(f: PFN_NET_EXECUTION_CONTEXT_PRE_ADVANCE, context: Handle) -> bool {
    // SAFETY: the client gave this function for its execution contexts, and `context` is one.
    f.is_some_and(|f| guarded("EvtPreAdvance/EvtPostAdvance", || unsafe { f(context as NETEXECUTIONCONTEXT) }) != 0)
}

/// EvtSetNotificationEnabled of a client's execution context.
pub fn context_notification(f: PFN_NET_EXECUTION_CONTEXT_SET_NOTIFICATION_ENABLED, context: Handle, enabled: bool) {
    if let Some(f) = f {
        // SAFETY: as for `context_advance`.
        guarded("EvtSetNotificationEnabled", || unsafe { f(context as NETEXECUTIONCONTEXT, enabled.into()) });
    }
}

/// EvtTask of a client's execution context task.
pub fn context_task(f: PFN_NET_EXECUTION_CONTEXT_TASK, task: Handle) {
    if let Some(f) = f {
        // SAFETY: the client's callback with its task.
        guarded("EvtTask", || unsafe { f(task as NETEXECUTIONCONTEXTTASK) });
    }
}
