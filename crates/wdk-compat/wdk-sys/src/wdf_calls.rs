//! The KMDF functions that the driver and the wdk crates call, one typed wrapper each.

use super::*;

/// The framework's function table, filled in by WdfVersionBind through the bind record in `entry.rs`.
#[unsafe(no_mangle)]
pub static mut WdfFunctions: *const WDFFUNC = core::ptr::null();

/// The client's framework globals, filled in by WdfVersionBind.
#[unsafe(no_mangle)]
pub static mut WdfDriverGlobals: PWDF_DRIVER_GLOBALS = core::ptr::null_mut();

macro_rules! wdf_call {
    ($name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)? = $index:literal) => {
        /// # Safety
        /// The DDI page of this function states what its arguments must be.
        #[inline]
        pub unsafe fn $name($($arg: $ty),*) $(-> $ret)? {
            const _: () = assert!($index < _WDFFUNCENUM::WdfFunctionTableNumEntries);
            // SAFETY: FxDriverEntry bound the table before any driver code ran, and the entry at this
            // index has this signature in every KMDF 1.33 framework.
            unsafe {
                let entry = *WdfFunctions.add($index);
                let function: evt_fn!(fn(PWDF_DRIVER_GLOBALS, $($ty),*) $(-> $ret)?) =
                    core::mem::transmute(entry);
                function(WdfDriverGlobals, $($arg),*)
            }
        }
    };
}

wdf_call!(WdfDriverCreate(DriverObject: PDRIVER_OBJECT, RegistryPath: PCUNICODE_STRING, DriverAttributes: PWDF_OBJECT_ATTRIBUTES, DriverConfig: PWDF_DRIVER_CONFIG, Driver: *mut WDFDRIVER) -> NTSTATUS = 116);
wdf_call!(WdfDeviceInitSetPnpPowerEventCallbacks(DeviceInit: PWDFDEVICE_INIT, PnpPowerEventCallbacks: PWDF_PNPPOWER_EVENT_CALLBACKS) = 55);
wdf_call!(WdfDeviceCreate(DeviceInit: *mut PWDFDEVICE_INIT, DeviceAttributes: PWDF_OBJECT_ATTRIBUTES, Device: *mut WDFDEVICE) -> NTSTATUS = 75);
wdf_call!(WdfObjectGetTypedContextWorker(Handle: WDFOBJECT, TypeInfo: PCWDF_OBJECT_CONTEXT_TYPE_INFO) -> PVOID = 202);
wdf_call!(WdfObjectDelete(Object: WDFOBJECT) = 208);
wdf_call!(WdfInterruptCreate(Device: WDFDEVICE, Configuration: PWDF_INTERRUPT_CONFIG, Attributes: PWDF_OBJECT_ATTRIBUTES, Interrupt: *mut WDFINTERRUPT) -> NTSTATUS = 141);
wdf_call!(WdfInterruptGetInfo(Interrupt: WDFINTERRUPT, Info: PWDF_INTERRUPT_INFO) = 149);
wdf_call!(WdfInterruptAcquireLock(Interrupt: WDFINTERRUPT) = 144);
wdf_call!(WdfInterruptReleaseLock(Interrupt: WDFINTERRUPT) = 145);
wdf_call!(WdfInterruptQueueDpcForIsr(Interrupt: WDFINTERRUPT) -> BOOLEAN = 142);
wdf_call!(WdfInterruptGetDevice(Interrupt: WDFINTERRUPT) -> WDFDEVICE = 151);
wdf_call!(WdfDmaEnablerCreate(Device: WDFDEVICE, Config: PWDF_DMA_ENABLER_CONFIG, Attributes: PWDF_OBJECT_ATTRIBUTES, DmaEnablerHandle: *mut WDFDMAENABLER) -> NTSTATUS = 94);
wdf_call!(WdfCommonBufferCreate(DmaEnabler: WDFDMAENABLER, Length: usize, Attributes: PWDF_OBJECT_ATTRIBUTES, CommonBuffer: *mut WDFCOMMONBUFFER) -> NTSTATUS = 21);
wdf_call!(WdfCommonBufferCreateWithConfig(DmaEnabler: WDFDMAENABLER, Length: usize, Config: PWDF_COMMON_BUFFER_CONFIG, Attributes: PWDF_OBJECT_ATTRIBUTES, CommonBuffer: *mut WDFCOMMONBUFFER) -> NTSTATUS = 383);
wdf_call!(WdfCommonBufferGetAlignedVirtualAddress(CommonBuffer: WDFCOMMONBUFFER) -> PVOID = 22);
wdf_call!(WdfCommonBufferGetAlignedLogicalAddress(CommonBuffer: WDFCOMMONBUFFER) -> PHYSICAL_ADDRESS = 23);
wdf_call!(WdfCommonBufferGetLength(CommonBuffer: WDFCOMMONBUFFER) -> usize = 24);
wdf_call!(WdfCmResourceListGetCount(List: WDFCMRESLIST) -> ULONG = 304);
wdf_call!(WdfCmResourceListGetDescriptor(List: WDFCMRESLIST, Index: ULONG) -> PCM_PARTIAL_RESOURCE_DESCRIPTOR = 305);
wdf_call!(WdfSpinLockCreate(SpinLockAttributes: PWDF_OBJECT_ATTRIBUTES, SpinLock: *mut WDFSPINLOCK) -> NTSTATUS = 315);
wdf_call!(WdfSpinLockAcquire(SpinLock: WDFSPINLOCK) = 316);
wdf_call!(WdfSpinLockRelease(SpinLock: WDFSPINLOCK) = 317);
wdf_call!(WdfWaitLockCreate(LockAttributes: PWDF_OBJECT_ATTRIBUTES, Lock: *mut WDFWAITLOCK) -> NTSTATUS = 312);
wdf_call!(WdfWaitLockAcquire(Lock: WDFWAITLOCK, Timeout: PLONGLONG) -> NTSTATUS = 313);
wdf_call!(WdfWaitLockRelease(Lock: WDFWAITLOCK) = 314);
wdf_call!(WdfTimerCreate(Config: PWDF_TIMER_CONFIG, Attributes: PWDF_OBJECT_ATTRIBUTES, Timer: *mut WDFTIMER) -> NTSTATUS = 318);
wdf_call!(WdfTimerStart(Timer: WDFTIMER, DueTime: LONGLONG) -> BOOLEAN = 319);
wdf_call!(WdfTimerStop(Timer: WDFTIMER, Wait: BOOLEAN) -> BOOLEAN = 320);
wdf_call!(WdfTimerGetParentObject(Timer: WDFTIMER) -> WDFOBJECT = 321);
wdf_call!(WdfDeviceSetFailed(Device: WDFDEVICE, FailedAction: WDF_DEVICE_FAILED_ACTION) = 87);
wdf_call!(WdfWorkItemCreate(Config: PWDF_WORKITEM_CONFIG, Attributes: PWDF_OBJECT_ATTRIBUTES, WorkItem: *mut WDFWORKITEM) -> NTSTATUS = 379);
wdf_call!(WdfWorkItemEnqueue(WorkItem: WDFWORKITEM) = 380);
wdf_call!(WdfWorkItemFlush(WorkItem: WDFWORKITEM) = 382);
wdf_call!(WdfWorkItemGetParentObject(WorkItem: WDFWORKITEM) -> WDFOBJECT = 381);
wdf_call!(WdfDeviceInitSetIoType(DeviceInit: PWDFDEVICE_INIT, IoType: WDF_DEVICE_IO_TYPE) = 61);
wdf_call!(WdfDeviceInitAssignSDDLString(DeviceInit: PWDFDEVICE_INIT, SDDLString: PCUNICODE_STRING) -> NTSTATUS = 68);
wdf_call!(WdfDeviceInitSetDeviceClass(DeviceInit: PWDFDEVICE_INIT, DeviceClassGuid: *const GUID) = 69);
wdf_call!(WdfDeviceInitSetFileObjectConfig(DeviceInit: PWDFDEVICE_INIT, FileObjectConfig: PWDF_FILEOBJECT_CONFIG, FileObjectAttributes: PWDF_OBJECT_ATTRIBUTES) = 71);
wdf_call!(WdfDeviceInitSetRequestAttributes(DeviceInit: PWDFDEVICE_INIT, RequestAttributes: PWDF_OBJECT_ATTRIBUTES) = 72);
wdf_call!(WdfDeviceCreateDeviceInterface(Device: WDFDEVICE, InterfaceClassGUID: *const GUID, ReferenceString: PCUNICODE_STRING) -> NTSTATUS = 77);
wdf_call!(WdfDeviceSetDeviceInterfaceState(Device: WDFDEVICE, InterfaceClassGUID: *const GUID, ReferenceString: PCUNICODE_STRING, IsInterfaceEnabled: BOOLEAN) = 78);
wdf_call!(WdfDeviceAddQueryInterface(Device: WDFDEVICE, InterfaceConfig: PWDF_QUERY_INTERFACE_CONFIG) -> NTSTATUS = 228);
wdf_call!(WdfDpcCreate(Config: PWDF_DPC_CONFIG, Attributes: PWDF_OBJECT_ATTRIBUTES, Dpc: *mut WDFDPC) -> NTSTATUS = 111);
wdf_call!(WdfDpcEnqueue(Dpc: WDFDPC) -> BOOLEAN = 112);
wdf_call!(WdfIoQueueCreate(Device: WDFDEVICE, Config: PWDF_IO_QUEUE_CONFIG, QueueAttributes: PWDF_OBJECT_ATTRIBUTES, Queue: *mut WDFQUEUE) -> NTSTATUS = 152);
wdf_call!(WdfIoQueueStart(Queue: WDFQUEUE) = 154);
wdf_call!(WdfIoQueueStop(Queue: WDFQUEUE, StopComplete: PFN_WDF_IO_QUEUE_STATE, Context: WDFCONTEXT) = 155);
wdf_call!(WdfIoQueueStopSynchronously(Queue: WDFQUEUE) = 156);
wdf_call!(WdfIoQueueGetDevice(Queue: WDFQUEUE) -> WDFDEVICE = 157);
wdf_call!(WdfIoQueueRetrieveNextRequest(Queue: WDFQUEUE, OutRequest: *mut WDFREQUEST) -> NTSTATUS = 158);
wdf_call!(WdfIoQueueFindRequest(Queue: WDFQUEUE, FoundRequest: WDFREQUEST, FileObject: WDFFILEOBJECT, Parameters: PWDF_REQUEST_PARAMETERS, OutRequest: *mut WDFREQUEST) -> NTSTATUS = 160);
wdf_call!(WdfIoQueueRetrieveFoundRequest(Queue: WDFQUEUE, FoundRequest: WDFREQUEST, OutRequest: *mut WDFREQUEST) -> NTSTATUS = 161);
wdf_call!(WdfIoQueuePurge(Queue: WDFQUEUE, PurgeComplete: PFN_WDF_IO_QUEUE_STATE, Context: WDFCONTEXT) = 165);
wdf_call!(WdfIoQueuePurgeSynchronously(Queue: WDFQUEUE) = 164);
wdf_call!(WdfIoQueueStopAndPurge(Queue: WDFQUEUE, StopAndPurgeComplete: PFN_WDF_IO_QUEUE_STATE, Context: WDFCONTEXT) = 418);
wdf_call!(WdfIoQueueStopAndPurgeSynchronously(Queue: WDFQUEUE) = 419);
wdf_call!(WdfRequestMarkCancelableEx(Request: WDFREQUEST, EvtRequestCancel: PFN_WDF_REQUEST_CANCEL) -> NTSTATUS = 393);
wdf_call!(WdfRequestUnmarkCancelable(Request: WDFREQUEST) -> NTSTATUS = 256);
wdf_call!(WdfRequestComplete(Request: WDFREQUEST, Status: NTSTATUS) = 263);
wdf_call!(WdfRequestCompleteWithInformation(Request: WDFREQUEST, Status: NTSTATUS, Information: ULONG_PTR) = 265);
wdf_call!(WdfRequestRetrieveInputBuffer(Request: WDFREQUEST, MinimumRequiredLength: usize, Buffer: *mut PVOID, Length: *mut usize) -> NTSTATUS = 269);
wdf_call!(WdfRequestRetrieveOutputBuffer(Request: WDFREQUEST, MinimumRequiredSize: usize, Buffer: *mut PVOID, Length: *mut usize) -> NTSTATUS = 270);
wdf_call!(WdfRequestGetFileObject(Request: WDFREQUEST) -> WDFFILEOBJECT = 277);
wdf_call!(WdfRequestForwardToIoQueue(Request: WDFREQUEST, DestinationQueue: WDFQUEUE) -> NTSTATUS = 281);
wdf_call!(WdfObjectReferenceActual(Handle: WDFOBJECT, Tag: PVOID, Line: LONG, File: PCCH) = 205);
wdf_call!(WdfObjectDereferenceActual(Handle: WDFOBJECT, Tag: PVOID, Line: LONG, File: PCCH) = 206);
