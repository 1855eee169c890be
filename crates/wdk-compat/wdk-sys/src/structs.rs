//! KMDF 1.33 and base structures; sizes and offsets are asserted at compile time.

use super::*;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct GROUP_AFFINITY {
    pub Mask: KAFFINITY,
    pub Group: USHORT,
    pub Reserved: [USHORT; 3],
}

zeroed_default!(GROUP_AFFINITY);
assert_layout!(GROUP_AFFINITY, 16, 8, Mask = 0, Group = 8, Reserved = 10);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct GUID {
    pub Data1: ULONG,
    pub Data2: USHORT,
    pub Data3: USHORT,
    pub Data4: [UCHAR; 8],
}

zeroed_default!(GUID);
assert_layout!(GUID, 16, 4, Data1 = 0, Data2 = 4, Data3 = 6, Data4 = 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct INTERFACE {
    pub Size: USHORT,
    pub Version: USHORT,
    pub Context: PVOID,
    pub InterfaceReference: PINTERFACE_REFERENCE,
    pub InterfaceDereference: PINTERFACE_DEREFERENCE,
}

zeroed_default!(INTERFACE);
assert_layout!(
    INTERFACE,
    32,
    8,
    Size = 0,
    Version = 2,
    Context = 8,
    InterfaceReference = 16,
    InterfaceDereference = 24
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct LIST_ENTRY {
    pub Flink: *mut LIST_ENTRY,
    pub Blink: *mut LIST_ENTRY,
}

zeroed_default!(LIST_ENTRY);
assert_layout!(LIST_ENTRY, 16, 8, Flink = 0, Blink = 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct MDL {
    pub Next: *mut MDL,
    pub Size: CSHORT,
    pub MdlFlags: CSHORT,
    pub Process: *mut EPROCESS,
    pub MappedSystemVa: PVOID,
    pub StartVa: PVOID,
    pub ByteCount: ULONG,
    pub ByteOffset: ULONG,
}

pub type PMDL = *mut MDL;

zeroed_default!(MDL);
assert_layout!(
    MDL,
    48,
    8,
    Next = 0,
    Size = 8,
    MdlFlags = 10,
    Process = 16,
    MappedSystemVa = 24,
    StartVa = 32,
    ByteCount = 40,
    ByteOffset = 44
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct PROCESSOR_NUMBER {
    pub Group: USHORT,
    pub Number: UCHAR,
    pub Reserved: UCHAR,
}

zeroed_default!(PROCESSOR_NUMBER);
assert_layout!(PROCESSOR_NUMBER, 4, 2, Group = 0, Number = 2, Reserved = 3);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct UNICODE_STRING {
    pub Length: USHORT,
    pub MaximumLength: USHORT,
    pub Buffer: PWSTR,
}

zeroed_default!(UNICODE_STRING);
assert_layout!(UNICODE_STRING, 16, 8, Length = 0, MaximumLength = 2, Buffer = 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDFMEMORY_OFFSET {
    pub BufferOffset: SIZE_T,
    pub BufferLength: SIZE_T,
}

zeroed_default!(WDFMEMORY_OFFSET);
assert_layout!(WDFMEMORY_OFFSET, 16, 8, BufferOffset = 0, BufferLength = 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_COMMON_BUFFER_CONFIG {
    pub Size: ULONG,
    pub AlignmentRequirement: ULONG,
}

zeroed_default!(WDF_COMMON_BUFFER_CONFIG);
assert_layout!(WDF_COMMON_BUFFER_CONFIG, 8, 4, Size = 0, AlignmentRequirement = 4);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_DEVICE_PNP_CAPABILITIES {
    pub Size: ULONG,
    pub LockSupported: WDF_TRI_STATE,
    pub EjectSupported: WDF_TRI_STATE,
    pub Removable: WDF_TRI_STATE,
    pub DockDevice: WDF_TRI_STATE,
    pub UniqueID: WDF_TRI_STATE,
    pub SilentInstall: WDF_TRI_STATE,
    pub SurpriseRemovalOK: WDF_TRI_STATE,
    pub HardwareDisabled: WDF_TRI_STATE,
    pub NoDisplayInUI: WDF_TRI_STATE,
    pub Address: ULONG,
    pub UINumber: ULONG,
}

zeroed_default!(WDF_DEVICE_PNP_CAPABILITIES);
assert_layout!(
    WDF_DEVICE_PNP_CAPABILITIES,
    48,
    4,
    Size = 0,
    LockSupported = 4,
    EjectSupported = 8,
    Removable = 12,
    DockDevice = 16,
    UniqueID = 20,
    SilentInstall = 24,
    SurpriseRemovalOK = 28,
    HardwareDisabled = 32,
    NoDisplayInUI = 36,
    Address = 40,
    UINumber = 44
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_DEVICE_POWER_CAPABILITIES {
    pub Size: ULONG,
    pub DeviceD1: WDF_TRI_STATE,
    pub DeviceD2: WDF_TRI_STATE,
    pub WakeFromD0: WDF_TRI_STATE,
    pub WakeFromD1: WDF_TRI_STATE,
    pub WakeFromD2: WDF_TRI_STATE,
    pub WakeFromD3: WDF_TRI_STATE,
    pub DeviceState: [DEVICE_POWER_STATE; 7],
    pub DeviceWake: DEVICE_POWER_STATE,
    pub SystemWake: SYSTEM_POWER_STATE,
    pub D1Latency: ULONG,
    pub D2Latency: ULONG,
    pub D3Latency: ULONG,
    pub IdealDxStateForSx: DEVICE_POWER_STATE,
}

zeroed_default!(WDF_DEVICE_POWER_CAPABILITIES);
assert_layout!(
    WDF_DEVICE_POWER_CAPABILITIES,
    80,
    4,
    Size = 0,
    DeviceD1 = 4,
    DeviceD2 = 8,
    WakeFromD0 = 12,
    WakeFromD1 = 16,
    WakeFromD2 = 20,
    WakeFromD3 = 24,
    DeviceState = 28,
    DeviceWake = 56,
    SystemWake = 60,
    D1Latency = 64,
    D2Latency = 68,
    D3Latency = 72,
    IdealDxStateForSx = 76
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_DEVICE_POWER_POLICY_IDLE_SETTINGS {
    pub Size: ULONG,
    pub IdleCaps: WDF_POWER_POLICY_S0_IDLE_CAPABILITIES,
    pub DxState: DEVICE_POWER_STATE,
    pub IdleTimeout: ULONG,
    pub UserControlOfIdleSettings: WDF_POWER_POLICY_S0_IDLE_USER_CONTROL,
    pub Enabled: WDF_TRI_STATE,
    pub PowerUpIdleDeviceOnSystemWake: WDF_TRI_STATE,
    pub IdleTimeoutType: WDF_POWER_POLICY_IDLE_TIMEOUT_TYPE,
    pub ExcludeD3Cold: WDF_TRI_STATE,
}

zeroed_default!(WDF_DEVICE_POWER_POLICY_IDLE_SETTINGS);
assert_layout!(
    WDF_DEVICE_POWER_POLICY_IDLE_SETTINGS,
    36,
    4,
    Size = 0,
    IdleCaps = 4,
    DxState = 8,
    IdleTimeout = 12,
    UserControlOfIdleSettings = 16,
    Enabled = 20,
    PowerUpIdleDeviceOnSystemWake = 24,
    IdleTimeoutType = 28,
    ExcludeD3Cold = 32
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_DEVICE_POWER_POLICY_WAKE_SETTINGS {
    pub Size: ULONG,
    pub DxState: DEVICE_POWER_STATE,
    pub UserControlOfWakeSettings: WDF_POWER_POLICY_SX_WAKE_USER_CONTROL,
    pub Enabled: WDF_TRI_STATE,
    pub ArmForWakeIfChildrenAreArmedForWake: BOOLEAN,
    pub IndicateChildWakeOnParentWake: BOOLEAN,
}

zeroed_default!(WDF_DEVICE_POWER_POLICY_WAKE_SETTINGS);
assert_layout!(
    WDF_DEVICE_POWER_POLICY_WAKE_SETTINGS,
    20,
    4,
    Size = 0,
    DxState = 4,
    UserControlOfWakeSettings = 8,
    Enabled = 12,
    ArmForWakeIfChildrenAreArmedForWake = 16,
    IndicateChildWakeOnParentWake = 17
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_DEVICE_PROPERTY_DATA {
    pub Size: ULONG,
    pub PropertyKey: *const DEVPROPKEY,
    pub Lcid: LCID,
    pub Flags: ULONG,
}

zeroed_default!(WDF_DEVICE_PROPERTY_DATA);
assert_layout!(WDF_DEVICE_PROPERTY_DATA, 24, 8, Size = 0, PropertyKey = 8, Lcid = 16, Flags = 20);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_DEVICE_STATE {
    pub Size: ULONG,
    pub Disabled: WDF_TRI_STATE,
    pub DontDisplayInUI: WDF_TRI_STATE,
    pub Failed: WDF_TRI_STATE,
    pub NotDisableable: WDF_TRI_STATE,
    pub Removed: WDF_TRI_STATE,
    pub ResourcesChanged: WDF_TRI_STATE,
    pub AssignedToGuest: WDF_TRI_STATE,
}

zeroed_default!(WDF_DEVICE_STATE);
assert_layout!(
    WDF_DEVICE_STATE,
    32,
    4,
    Size = 0,
    Disabled = 4,
    DontDisplayInUI = 8,
    Failed = 12,
    NotDisableable = 16,
    Removed = 20,
    ResourcesChanged = 24,
    AssignedToGuest = 28
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_DMA_ENABLER_CONFIG {
    pub Size: ULONG,
    pub Profile: WDF_DMA_PROFILE,
    pub MaximumLength: SIZE_T,
    pub EvtDmaEnablerFill: PFN_WDF_DMA_ENABLER_FILL,
    pub EvtDmaEnablerFlush: PFN_WDF_DMA_ENABLER_FLUSH,
    pub EvtDmaEnablerDisable: PFN_WDF_DMA_ENABLER_DISABLE,
    pub EvtDmaEnablerEnable: PFN_WDF_DMA_ENABLER_ENABLE,
    pub EvtDmaEnablerSelfManagedIoStart: PFN_WDF_DMA_ENABLER_SELFMANAGED_IO_START,
    pub EvtDmaEnablerSelfManagedIoStop: PFN_WDF_DMA_ENABLER_SELFMANAGED_IO_STOP,
    pub AddressWidthOverride: ULONG,
    pub WdmDmaVersionOverride: ULONG,
    pub Flags: ULONG,
}

zeroed_default!(WDF_DMA_ENABLER_CONFIG);
assert_layout!(
    WDF_DMA_ENABLER_CONFIG,
    80,
    8,
    Size = 0,
    Profile = 4,
    MaximumLength = 8,
    EvtDmaEnablerFill = 16,
    EvtDmaEnablerFlush = 24,
    EvtDmaEnablerDisable = 32,
    EvtDmaEnablerEnable = 40,
    EvtDmaEnablerSelfManagedIoStart = 48,
    EvtDmaEnablerSelfManagedIoStop = 56,
    AddressWidthOverride = 64,
    WdmDmaVersionOverride = 68,
    Flags = 72
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_DPC_CONFIG {
    pub Size: ULONG,
    pub EvtDpcFunc: PFN_WDF_DPC,
    pub AutomaticSerialization: BOOLEAN,
}

zeroed_default!(WDF_DPC_CONFIG);
assert_layout!(WDF_DPC_CONFIG, 24, 8, Size = 0, EvtDpcFunc = 8, AutomaticSerialization = 16);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_DRIVER_CONFIG {
    pub Size: ULONG,
    pub EvtDriverDeviceAdd: PFN_WDF_DRIVER_DEVICE_ADD,
    pub EvtDriverUnload: PFN_WDF_DRIVER_UNLOAD,
    pub DriverInitFlags: ULONG,
    pub DriverPoolTag: ULONG,
}

zeroed_default!(WDF_DRIVER_CONFIG);
assert_layout!(
    WDF_DRIVER_CONFIG,
    32,
    8,
    Size = 0,
    EvtDriverDeviceAdd = 8,
    EvtDriverUnload = 16,
    DriverInitFlags = 24,
    DriverPoolTag = 28
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_DRIVER_GLOBALS {
    pub Driver: WDFDRIVER,
    pub DriverFlags: ULONG,
    pub DriverTag: ULONG,
    pub DriverName: [CHAR; 32],
    pub DisplaceDriverUnload: BOOLEAN,
}

zeroed_default!(WDF_DRIVER_GLOBALS);
assert_layout!(
    WDF_DRIVER_GLOBALS,
    56,
    8,
    Driver = 0,
    DriverFlags = 8,
    DriverTag = 12,
    DriverName = 16,
    DisplaceDriverUnload = 48
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_DRIVER_VERSION_AVAILABLE_PARAMS {
    pub Size: ULONG,
    pub MajorVersion: ULONG,
    pub MinorVersion: ULONG,
}

zeroed_default!(WDF_DRIVER_VERSION_AVAILABLE_PARAMS);
assert_layout!(WDF_DRIVER_VERSION_AVAILABLE_PARAMS, 12, 4, Size = 0, MajorVersion = 4, MinorVersion = 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_FDO_EVENT_CALLBACKS {
    pub Size: ULONG,
    pub EvtDeviceFilterAddResourceRequirements: PFN_WDF_DEVICE_FILTER_RESOURCE_REQUIREMENTS,
    pub EvtDeviceFilterRemoveResourceRequirements: PFN_WDF_DEVICE_FILTER_RESOURCE_REQUIREMENTS,
    pub EvtDeviceRemoveAddedResources: PFN_WDF_DEVICE_REMOVE_ADDED_RESOURCES,
}

zeroed_default!(WDF_FDO_EVENT_CALLBACKS);
assert_layout!(
    WDF_FDO_EVENT_CALLBACKS,
    32,
    8,
    Size = 0,
    EvtDeviceFilterAddResourceRequirements = 8,
    EvtDeviceFilterRemoveResourceRequirements = 16,
    EvtDeviceRemoveAddedResources = 24
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_FILEOBJECT_CONFIG {
    pub Size: ULONG,
    pub EvtDeviceFileCreate: PFN_WDF_DEVICE_FILE_CREATE,
    pub EvtFileClose: PFN_WDF_FILE_CLOSE,
    pub EvtFileCleanup: PFN_WDF_FILE_CLEANUP,
    pub AutoForwardCleanupClose: WDF_TRI_STATE,
    pub FileObjectClass: WDF_FILEOBJECT_CLASS,
}

zeroed_default!(WDF_FILEOBJECT_CONFIG);
assert_layout!(
    WDF_FILEOBJECT_CONFIG,
    40,
    8,
    Size = 0,
    EvtDeviceFileCreate = 8,
    EvtFileClose = 16,
    EvtFileCleanup = 24,
    AutoForwardCleanupClose = 32,
    FileObjectClass = 36
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_INTERRUPT_CONFIG {
    pub Size: ULONG,
    pub SpinLock: WDFSPINLOCK,
    pub ShareVector: WDF_TRI_STATE,
    pub FloatingSave: BOOLEAN,
    pub AutomaticSerialization: BOOLEAN,
    pub EvtInterruptIsr: PFN_WDF_INTERRUPT_ISR,
    pub EvtInterruptDpc: PFN_WDF_INTERRUPT_DPC,
    pub EvtInterruptEnable: PFN_WDF_INTERRUPT_ENABLE,
    pub EvtInterruptDisable: PFN_WDF_INTERRUPT_DISABLE,
    pub EvtInterruptWorkItem: PFN_WDF_INTERRUPT_WORKITEM,
    pub InterruptRaw: PCM_PARTIAL_RESOURCE_DESCRIPTOR,
    pub InterruptTranslated: PCM_PARTIAL_RESOURCE_DESCRIPTOR,
    pub WaitLock: WDFWAITLOCK,
    pub PassiveHandling: BOOLEAN,
    pub ReportInactiveOnPowerDown: WDF_TRI_STATE,
    pub CanWakeDevice: BOOLEAN,
}

zeroed_default!(WDF_INTERRUPT_CONFIG);
assert_layout!(
    WDF_INTERRUPT_CONFIG,
    104,
    8,
    Size = 0,
    SpinLock = 8,
    ShareVector = 16,
    FloatingSave = 20,
    AutomaticSerialization = 21,
    EvtInterruptIsr = 24,
    EvtInterruptDpc = 32,
    EvtInterruptEnable = 40,
    EvtInterruptDisable = 48,
    EvtInterruptWorkItem = 56,
    InterruptRaw = 64,
    InterruptTranslated = 72,
    WaitLock = 80,
    PassiveHandling = 88,
    ReportInactiveOnPowerDown = 92,
    CanWakeDevice = 96
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_INTERRUPT_EXTENDED_POLICY {
    pub Size: ULONG,
    pub Policy: WDF_INTERRUPT_POLICY,
    pub Priority: WDF_INTERRUPT_PRIORITY,
    pub TargetProcessorSetAndGroup: GROUP_AFFINITY,
}

zeroed_default!(WDF_INTERRUPT_EXTENDED_POLICY);
assert_layout!(
    WDF_INTERRUPT_EXTENDED_POLICY,
    32,
    8,
    Size = 0,
    Policy = 4,
    Priority = 8,
    TargetProcessorSetAndGroup = 16
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_INTERRUPT_INFO {
    pub Size: ULONG,
    pub Reserved1: ULONG64,
    pub TargetProcessorSet: KAFFINITY,
    pub Reserved2: ULONG,
    pub MessageNumber: ULONG,
    pub Vector: ULONG,
    pub Irql: KIRQL,
    pub Mode: KINTERRUPT_MODE,
    pub Polarity: WDF_INTERRUPT_POLARITY,
    pub MessageSignaled: BOOLEAN,
    pub ShareDisposition: UCHAR,
    pub _padding: [UCHAR; 6],
    pub Group: USHORT,
}

zeroed_default!(WDF_INTERRUPT_INFO);
assert_layout!(
    WDF_INTERRUPT_INFO,
    64,
    8,
    Size = 0,
    Reserved1 = 8,
    TargetProcessorSet = 16,
    Reserved2 = 24,
    MessageNumber = 28,
    Vector = 32,
    Irql = 36,
    Mode = 40,
    Polarity = 44,
    MessageSignaled = 48,
    ShareDisposition = 49,
    Group = 56
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_OBJECT_ATTRIBUTES {
    pub Size: ULONG,
    pub EvtCleanupCallback: PFN_WDF_OBJECT_CONTEXT_CLEANUP,
    pub EvtDestroyCallback: PFN_WDF_OBJECT_CONTEXT_DESTROY,
    pub ExecutionLevel: WDF_EXECUTION_LEVEL,
    pub SynchronizationScope: WDF_SYNCHRONIZATION_SCOPE,
    pub ParentObject: WDFOBJECT,
    pub ContextSizeOverride: SIZE_T,
    pub ContextTypeInfo: PCWDF_OBJECT_CONTEXT_TYPE_INFO,
}

zeroed_default!(WDF_OBJECT_ATTRIBUTES);
assert_layout!(
    WDF_OBJECT_ATTRIBUTES,
    56,
    8,
    Size = 0,
    EvtCleanupCallback = 8,
    EvtDestroyCallback = 16,
    ExecutionLevel = 24,
    SynchronizationScope = 28,
    ParentObject = 32,
    ContextSizeOverride = 40,
    ContextTypeInfo = 48
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_OBJECT_CONTEXT_TYPE_INFO {
    pub Size: ULONG,
    pub ContextName: LPCSTR,
    pub ContextSize: SIZE_T,
    pub UniqueType: PCWDF_OBJECT_CONTEXT_TYPE_INFO,
    pub EvtDriverGetUniqueContextType: PFN_GET_UNIQUE_CONTEXT_TYPE,
}

zeroed_default!(WDF_OBJECT_CONTEXT_TYPE_INFO);
assert_layout!(
    WDF_OBJECT_CONTEXT_TYPE_INFO,
    40,
    8,
    Size = 0,
    ContextName = 8,
    ContextSize = 16,
    UniqueType = 24,
    EvtDriverGetUniqueContextType = 32
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_PNPPOWER_EVENT_CALLBACKS {
    pub Size: ULONG,
    pub EvtDeviceD0Entry: PFN_WDF_DEVICE_D0_ENTRY,
    pub EvtDeviceD0EntryPostInterruptsEnabled: PFN_WDF_DEVICE_D0_ENTRY_POST_INTERRUPTS_ENABLED,
    pub EvtDeviceD0Exit: PFN_WDF_DEVICE_D0_EXIT,
    pub EvtDeviceD0ExitPreInterruptsDisabled: PFN_WDF_DEVICE_D0_EXIT_PRE_INTERRUPTS_DISABLED,
    pub EvtDevicePrepareHardware: PFN_WDF_DEVICE_PREPARE_HARDWARE,
    pub EvtDeviceReleaseHardware: PFN_WDF_DEVICE_RELEASE_HARDWARE,
    pub EvtDeviceSelfManagedIoCleanup: PFN_WDF_DEVICE_SELF_MANAGED_IO_CLEANUP,
    pub EvtDeviceSelfManagedIoFlush: PFN_WDF_DEVICE_SELF_MANAGED_IO_FLUSH,
    pub EvtDeviceSelfManagedIoInit: PFN_WDF_DEVICE_SELF_MANAGED_IO_INIT,
    pub EvtDeviceSelfManagedIoSuspend: PFN_WDF_DEVICE_SELF_MANAGED_IO_SUSPEND,
    pub EvtDeviceSelfManagedIoRestart: PFN_WDF_DEVICE_SELF_MANAGED_IO_RESTART,
    pub EvtDeviceSurpriseRemoval: PFN_WDF_DEVICE_SURPRISE_REMOVAL,
    pub EvtDeviceQueryRemove: PFN_WDF_DEVICE_QUERY_REMOVE,
    pub EvtDeviceQueryStop: PFN_WDF_DEVICE_QUERY_STOP,
    pub EvtDeviceUsageNotification: PFN_WDF_DEVICE_USAGE_NOTIFICATION,
    pub EvtDeviceRelationsQuery: PFN_WDF_DEVICE_RELATIONS_QUERY,
    pub EvtDeviceUsageNotificationEx: PFN_WDF_DEVICE_USAGE_NOTIFICATION_EX,
}

zeroed_default!(WDF_PNPPOWER_EVENT_CALLBACKS);
assert_layout!(
    WDF_PNPPOWER_EVENT_CALLBACKS,
    144,
    8,
    Size = 0,
    EvtDeviceD0Entry = 8,
    EvtDeviceD0EntryPostInterruptsEnabled = 16,
    EvtDeviceD0Exit = 24,
    EvtDeviceD0ExitPreInterruptsDisabled = 32,
    EvtDevicePrepareHardware = 40,
    EvtDeviceReleaseHardware = 48,
    EvtDeviceSelfManagedIoCleanup = 56,
    EvtDeviceSelfManagedIoFlush = 64,
    EvtDeviceSelfManagedIoInit = 72,
    EvtDeviceSelfManagedIoSuspend = 80,
    EvtDeviceSelfManagedIoRestart = 88,
    EvtDeviceSurpriseRemoval = 96,
    EvtDeviceQueryRemove = 104,
    EvtDeviceQueryStop = 112,
    EvtDeviceUsageNotification = 120,
    EvtDeviceRelationsQuery = 128,
    EvtDeviceUsageNotificationEx = 136
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_POWER_POLICY_EVENT_CALLBACKS {
    pub Size: ULONG,
    pub EvtDeviceArmWakeFromS0: PFN_WDF_DEVICE_ARM_WAKE_FROM_S0,
    pub EvtDeviceDisarmWakeFromS0: PFN_WDF_DEVICE_DISARM_WAKE_FROM_S0,
    pub EvtDeviceWakeFromS0Triggered: PFN_WDF_DEVICE_WAKE_FROM_S0_TRIGGERED,
    pub EvtDeviceArmWakeFromSx: PFN_WDF_DEVICE_ARM_WAKE_FROM_SX,
    pub EvtDeviceDisarmWakeFromSx: PFN_WDF_DEVICE_DISARM_WAKE_FROM_SX,
    pub EvtDeviceWakeFromSxTriggered: PFN_WDF_DEVICE_WAKE_FROM_SX_TRIGGERED,
    pub EvtDeviceArmWakeFromSxWithReason: PFN_WDF_DEVICE_ARM_WAKE_FROM_SX_WITH_REASON,
}

zeroed_default!(WDF_POWER_POLICY_EVENT_CALLBACKS);
assert_layout!(
    WDF_POWER_POLICY_EVENT_CALLBACKS,
    64,
    8,
    Size = 0,
    EvtDeviceArmWakeFromS0 = 8,
    EvtDeviceDisarmWakeFromS0 = 16,
    EvtDeviceWakeFromS0Triggered = 24,
    EvtDeviceArmWakeFromSx = 32,
    EvtDeviceDisarmWakeFromSx = 40,
    EvtDeviceWakeFromSxTriggered = 48,
    EvtDeviceArmWakeFromSxWithReason = 56
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_QUERY_INTERFACE_CONFIG {
    pub Size: ULONG,
    pub Interface: PINTERFACE,
    pub InterfaceType: *const GUID,
    pub SendQueryToParentStack: BOOLEAN,
    pub EvtDeviceProcessQueryInterfaceRequest: PFN_WDF_DEVICE_PROCESS_QUERY_INTERFACE_REQUEST,
    pub ImportInterface: BOOLEAN,
}

zeroed_default!(WDF_QUERY_INTERFACE_CONFIG);
assert_layout!(
    WDF_QUERY_INTERFACE_CONFIG,
    48,
    8,
    Size = 0,
    Interface = 8,
    InterfaceType = 16,
    SendQueryToParentStack = 24,
    EvtDeviceProcessQueryInterfaceRequest = 32,
    ImportInterface = 40
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_TIMER_CONFIG {
    pub Size: ULONG,
    pub EvtTimerFunc: PFN_WDF_TIMER,
    pub Period: ULONG,
    pub AutomaticSerialization: BOOLEAN,
    pub TolerableDelay: ULONG,
    pub _padding: ULONG,
    pub UseHighResolutionTimer: BOOLEAN,
    pub _padding1: [UCHAR; 7],
}

zeroed_default!(WDF_TIMER_CONFIG);
assert_layout!(
    WDF_TIMER_CONFIG,
    40,
    8,
    Size = 0,
    EvtTimerFunc = 8,
    Period = 16,
    AutomaticSerialization = 20,
    TolerableDelay = 24,
    UseHighResolutionTimer = 32
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_WORKITEM_CONFIG {
    pub Size: ULONG,
    pub EvtWorkItemFunc: PFN_WDF_WORKITEM,
    pub AutomaticSerialization: BOOLEAN,
}

zeroed_default!(WDF_WORKITEM_CONFIG);
assert_layout!(WDF_WORKITEM_CONFIG, 24, 8, Size = 0, EvtWorkItemFunc = 8, AutomaticSerialization = 16);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_BIND_INFO {
    pub Size: ULONG,
    pub Component: PWCHAR,
    pub Version: WDF_VERSION,
    pub FuncCount: ULONG,
    pub FuncTable: *mut WDFFUNC,
    pub Module: PLIBRARY_MODULE,
}

zeroed_default!(WDF_BIND_INFO);
assert_layout!(
    WDF_BIND_INFO,
    48,
    8,
    Size = 0,
    Component = 8,
    Version = 16,
    FuncCount = 28,
    FuncTable = 32,
    Module = 40
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_BIND_INFO2 {
    pub V1: WDF_BIND_INFO,
    pub MinimumVersionRequired: *mut WDF_MINOR_VERSION,
    pub ClientVersionHigherThanFramework: *mut BOOLEAN,
    pub FuncCountPtr: *mut ULONG,
    pub StructCountPtr: *mut ULONG,
    pub StructTable: *mut WDF_STRUCT_INFO,
}

zeroed_default!(WDF_BIND_INFO2);
assert_layout!(
    WDF_BIND_INFO2,
    88,
    8,
    V1 = 0,
    MinimumVersionRequired = 48,
    ClientVersionHigherThanFramework = 56,
    FuncCountPtr = 64,
    StructCountPtr = 72,
    StructTable = 80
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_CLASS_BIND_INFO {
    pub Size: ULONG,
    pub ClassName: PWCHAR,
    pub Version: WDF_CLASS_VERSION,
    pub FunctionTable: *mut WDFFUNC,
    pub FunctionTableCount: ULONG,
    pub ClassBindInfo: PVOID,
    pub ClientBindClass: PFN_CLIENT_BIND_CLASS,
    pub ClientUnbindClass: PFN_CLIENT_UNBIND_CLASS,
    pub ClassModule: PVOID,
}

zeroed_default!(WDF_CLASS_BIND_INFO);
assert_layout!(
    WDF_CLASS_BIND_INFO,
    80,
    8,
    Size = 0,
    ClassName = 8,
    Version = 16,
    FunctionTable = 32,
    FunctionTableCount = 40,
    ClassBindInfo = 48,
    ClientBindClass = 56,
    ClientUnbindClass = 64,
    ClassModule = 72
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_CLASS_BIND_INFO2 {
    pub V1: WDF_CLASS_BIND_INFO,
    pub MinimumVersionRequired: *mut ULONG,
    pub ClientVersionHigherThanFramework: *mut BOOLEAN,
    pub FuncCountPtr: *mut ULONG,
    pub StructCountPtr: *mut ULONG,
    pub StructTable: *mut *mut SIZE_T,
}

zeroed_default!(WDF_CLASS_BIND_INFO2);
assert_layout!(
    WDF_CLASS_BIND_INFO2,
    120,
    8,
    V1 = 0,
    MinimumVersionRequired = 80,
    ClientVersionHigherThanFramework = 88,
    FuncCountPtr = 96,
    StructCountPtr = 104,
    StructTable = 112
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_CLASS_VERSION {
    pub Major: ULONG,
    pub Minor: ULONG,
    pub Build: ULONG,
}

zeroed_default!(WDF_CLASS_VERSION);
assert_layout!(WDF_CLASS_VERSION, 12, 4, Major = 0, Minor = 4, Build = 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_VERSION {
    pub Major: WDF_MAJOR_VERSION,
    pub Minor: WDF_MINOR_VERSION,
    pub Build: WDF_BUILD_NUMBER,
}

zeroed_default!(WDF_VERSION);
assert_layout!(WDF_VERSION, 12, 4, Major = 0, Minor = 4, Build = 8);
