//! Every layout, enumeration, table index and signature of this stand-in, held against the facts in `shared/abi`.

#[path = "../../../netadaptercx-sys/tests/facts/mod.rs"]
mod facts;

use facts::{
    Layout, call_faults, callback_faults, enum_faults, layout_faults, load, merged, source::Source, table_faults,
    unlisted,
};
use std::path::Path;
use wdk_sys::*;

const SECTIONS: [&str; 3] = ["base_types", "kmdf", "kmdf_loader"];
/// Types of wdm.h, evntprov.h and devpropdef.h that the facts do not hold, and types that drivers see only as pointers.
const WITHOUT_FACTS: [&str; 7] = [
    "DEVPROPKEY",
    "DRIVER_OBJECT",
    "EPROCESS",
    "EVENT_DATA_DESCRIPTOR",
    "EVENT_DESCRIPTOR",
    "EVENT_FILTER_DESCRIPTOR",
    "WDFDEVICE_INIT",
];

fn source() -> Source {
    Source::of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

fn assert_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn listed() -> Vec<Layout> {
    layouts! {
        CM_PARTIAL_RESOURCE_DESCRIPTOR { Type, ShareDisposition, Flags, u, u.Generic, u.Memory, u.Interrupt }
        GROUP_AFFINITY { Mask, Group, Reserved }
        GUID { Data1, Data2, Data3, Data4 }
        INTERFACE { Size, Version, Context, InterfaceReference, InterfaceDereference }
        LARGE_INTEGER { u, u.LowPart, u.HighPart, QuadPart }
        LIST_ENTRY { Flink, Blink }
        MDL { Next, Size, MdlFlags, Process, MappedSystemVa, StartVa, ByteCount, ByteOffset }
        PROCESSOR_NUMBER { Group, Number, Reserved }
        UNICODE_STRING { Length, MaximumLength, Buffer }
        WDFMEMORY_OFFSET { BufferOffset, BufferLength }
        WDF_BIND_INFO { Size, Component, Version, FuncCount, FuncTable, Module }
        WDF_BIND_INFO2 { V1, MinimumVersionRequired, ClientVersionHigherThanFramework, FuncCountPtr, StructCountPtr,
            StructTable }
        WDF_CLASS_BIND_INFO { Size, ClassName, Version, FunctionTable, FunctionTableCount, ClassBindInfo,
            ClientBindClass, ClientUnbindClass, ClassModule }
        WDF_CLASS_BIND_INFO2 { V1, MinimumVersionRequired, ClientVersionHigherThanFramework, FuncCountPtr,
            StructCountPtr, StructTable }
        WDF_CLASS_VERSION { Major, Minor, Build }
        WDF_COMMON_BUFFER_CONFIG { Size, AlignmentRequirement }
        WDF_DEVICE_PNP_CAPABILITIES { Size, LockSupported, EjectSupported, Removable, DockDevice, UniqueID,
            SilentInstall, SurpriseRemovalOK, HardwareDisabled, NoDisplayInUI, Address, UINumber }
        WDF_DEVICE_POWER_CAPABILITIES { Size, DeviceD1, DeviceD2, WakeFromD0, WakeFromD1, WakeFromD2, WakeFromD3,
            DeviceState, DeviceWake, SystemWake, D1Latency, D2Latency, D3Latency, IdealDxStateForSx }
        WDF_DEVICE_POWER_POLICY_IDLE_SETTINGS { Size, IdleCaps, DxState, IdleTimeout, UserControlOfIdleSettings,
            Enabled, PowerUpIdleDeviceOnSystemWake, IdleTimeoutType, ExcludeD3Cold }
        WDF_DEVICE_POWER_POLICY_WAKE_SETTINGS { Size, DxState, UserControlOfWakeSettings, Enabled,
            ArmForWakeIfChildrenAreArmedForWake, IndicateChildWakeOnParentWake }
        WDF_DEVICE_PROPERTY_DATA { Size, PropertyKey, Lcid, Flags }
        WDF_DEVICE_STATE { Size, Disabled, DontDisplayInUI, Failed, NotDisableable, Removed, ResourcesChanged,
            AssignedToGuest }
        WDF_DMA_ENABLER_CONFIG { Size, Profile, MaximumLength, EvtDmaEnablerFill, EvtDmaEnablerFlush,
            EvtDmaEnablerDisable, EvtDmaEnablerEnable, EvtDmaEnablerSelfManagedIoStart, EvtDmaEnablerSelfManagedIoStop,
            AddressWidthOverride, WdmDmaVersionOverride, Flags }
        WDF_DPC_CONFIG { Size, EvtDpcFunc, AutomaticSerialization }
        WDF_DRIVER_CONFIG { Size, EvtDriverDeviceAdd, EvtDriverUnload, DriverInitFlags, DriverPoolTag }
        WDF_DRIVER_GLOBALS { Driver, DriverFlags, DriverTag, DriverName, DisplaceDriverUnload }
        WDF_DRIVER_VERSION_AVAILABLE_PARAMS { Size, MajorVersion, MinorVersion }
        WDF_FDO_EVENT_CALLBACKS { Size, EvtDeviceFilterAddResourceRequirements,
            EvtDeviceFilterRemoveResourceRequirements, EvtDeviceRemoveAddedResources }
        WDF_FILEOBJECT_CONFIG { Size, EvtDeviceFileCreate, EvtFileClose, EvtFileCleanup, AutoForwardCleanupClose,
            FileObjectClass }
        WDF_INTERRUPT_CONFIG { Size, SpinLock, ShareVector, FloatingSave, AutomaticSerialization, EvtInterruptIsr,
            EvtInterruptDpc, EvtInterruptEnable, EvtInterruptDisable, EvtInterruptWorkItem, InterruptRaw,
            InterruptTranslated, WaitLock, PassiveHandling, ReportInactiveOnPowerDown, CanWakeDevice }
        WDF_INTERRUPT_EXTENDED_POLICY { Size, Policy, Priority, TargetProcessorSetAndGroup }
        WDF_INTERRUPT_INFO { Size, Reserved1, TargetProcessorSet, Reserved2, MessageNumber, Vector, Irql, Mode,
            Polarity, MessageSignaled, ShareDisposition, Group }
        WDF_IO_QUEUE_CONFIG { Size, DispatchType, PowerManaged, AllowZeroLengthRequests, DefaultQueue, EvtIoDefault,
            EvtIoRead, EvtIoWrite, EvtIoDeviceControl, EvtIoInternalDeviceControl, EvtIoStop, EvtIoResume,
            EvtIoCanceledOnQueue, Settings, Settings.Parallel, Settings.Parallel.NumberOfPresentedRequests, Driver }
        WDF_OBJECT_ATTRIBUTES { Size, EvtCleanupCallback, EvtDestroyCallback, ExecutionLevel, SynchronizationScope,
            ParentObject, ContextSizeOverride, ContextTypeInfo }
        WDF_OBJECT_CONTEXT_TYPE_INFO { Size, ContextName, ContextSize, UniqueType, EvtDriverGetUniqueContextType }
        WDF_PNPPOWER_EVENT_CALLBACKS { Size, EvtDeviceD0Entry, EvtDeviceD0EntryPostInterruptsEnabled, EvtDeviceD0Exit,
            EvtDeviceD0ExitPreInterruptsDisabled, EvtDevicePrepareHardware, EvtDeviceReleaseHardware,
            EvtDeviceSelfManagedIoCleanup, EvtDeviceSelfManagedIoFlush, EvtDeviceSelfManagedIoInit,
            EvtDeviceSelfManagedIoSuspend, EvtDeviceSelfManagedIoRestart, EvtDeviceSurpriseRemoval,
            EvtDeviceQueryRemove, EvtDeviceQueryStop, EvtDeviceUsageNotification, EvtDeviceRelationsQuery,
            EvtDeviceUsageNotificationEx }
        WDF_POWER_POLICY_EVENT_CALLBACKS { Size, EvtDeviceArmWakeFromS0, EvtDeviceDisarmWakeFromS0,
            EvtDeviceWakeFromS0Triggered, EvtDeviceArmWakeFromSx, EvtDeviceDisarmWakeFromSx,
            EvtDeviceWakeFromSxTriggered, EvtDeviceArmWakeFromSxWithReason }
        WDF_QUERY_INTERFACE_CONFIG { Size, Interface, InterfaceType, SendQueryToParentStack,
            EvtDeviceProcessQueryInterfaceRequest, ImportInterface }
        WDF_REQUEST_PARAMETERS { Size, MinorFunction, Type, Parameters, Parameters.Create,
            Parameters.Create.SecurityContext, Parameters.Create.Options, Parameters.Create.FileAttributes,
            Parameters.Create.ShareAccess, Parameters.Create.EaLength, Parameters.Read, Parameters.Read.Length,
            Parameters.Read.Key, Parameters.Read.DeviceOffset, Parameters.Write, Parameters.Write.Length,
            Parameters.Write.Key, Parameters.Write.DeviceOffset, Parameters.DeviceIoControl,
            Parameters.DeviceIoControl.OutputBufferLength, Parameters.DeviceIoControl.InputBufferLength,
            Parameters.DeviceIoControl.IoControlCode, Parameters.DeviceIoControl.Type3InputBuffer, Parameters.Others,
            Parameters.Others.Arg1, Parameters.Others.Arg2, Parameters.Others.IoControlCode, Parameters.Others.Arg4 }
        WDF_TIMER_CONFIG { Size, EvtTimerFunc, Period, AutomaticSerialization, TolerableDelay, UseHighResolutionTimer }
        WDF_VERSION { Major, Minor, Build }
        WDF_WORKITEM_CONFIG { Size, EvtWorkItemFunc, AutomaticSerialization }
    }
}

#[test]
fn layouts_are_those_of_the_facts() {
    let Some(facts) = load("layout-x64.json") else { return };
    assert_none(layout_faults(&listed(), &merged(&facts, &SECTIONS, "structs")));
}

#[test]
fn every_structure_and_field_is_listed() {
    assert_none(unlisted(&listed(), &source(), &WITHOUT_FACTS));
}

#[test]
fn enumerations_are_those_of_the_facts() {
    let Some(facts) = load("layout-x64.json") else { return };
    let mut enums = source().enums();
    enums.remove("_WDFFUNCENUM").expect("the table is an enumeration");
    assert_none(enum_faults(&enums, &merged(&facts, &SECTIONS, "enums"), &["_EVENT_INFO_CLASS"]));
}

#[test]
fn the_function_table_is_that_of_the_facts() {
    let Some(facts) = load("wdf-functions-1.33.json") else { return };
    assert_none(table_faults(&source().enums()["_WDFFUNCENUM"], "WdfFunctionTableNumEntries", &facts));
}

#[test]
fn call_shims_have_the_index_and_signature_of_the_facts() {
    let Some(facts) = load("wdf-functions-1.33.json") else { return };
    let calls = source().calls("wdf_call");
    assert!(calls.len() > 30, "only {} shims were found", calls.len());
    assert_none(call_faults(&calls, &facts));
}

#[test]
fn callbacks_have_the_signature_of_the_facts() {
    let Some(facts) = load("wdf-functions-1.33.json") else { return };
    let mut callbacks = source().callbacks();
    // The facts have no prototype of this one.
    callbacks.retain(|callback| callback.name != "PFN_GET_UNIQUE_CONTEXT_TYPE");
    assert!(callbacks.len() > 40, "only {} callbacks were found", callbacks.len());
    assert_none(callback_faults(&callbacks, &facts));
}
