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
wdf_call!(WdfDeviceSetPnpCapabilities(Device: WDFDEVICE, PnpCapabilities: PWDF_DEVICE_PNP_CAPABILITIES) = 83);
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
