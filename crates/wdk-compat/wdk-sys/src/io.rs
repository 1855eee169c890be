//! KMDF 1.33 I/O queues and requests: configuration, request parameters and callback pointer types.

use super::*;

handle!(WDFQUEUE, WDFQUEUE__);
pub type WDFCONTEXT = PVOID;
pub type PCCH = *const CHAR;
pub type PWDF_FILEOBJECT_CONFIG = *mut WDF_FILEOBJECT_CONFIG;
pub type PWDF_IO_QUEUE_CONFIG = *mut WDF_IO_QUEUE_CONFIG;
pub type PWDF_REQUEST_PARAMETERS = *mut WDF_REQUEST_PARAMETERS;
pub type PFN_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE = Option<evt_fn!(fn(WDFQUEUE, WDFREQUEST))>;
pub type PFN_WDF_IO_QUEUE_IO_DEFAULT = Option<evt_fn!(fn(WDFQUEUE, WDFREQUEST))>;
pub type PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL = Option<evt_fn!(fn(WDFQUEUE, WDFREQUEST, usize, usize, ULONG))>;
pub type PFN_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL = Option<evt_fn!(fn(WDFQUEUE, WDFREQUEST, usize, usize, ULONG))>;
pub type PFN_WDF_IO_QUEUE_IO_READ = Option<evt_fn!(fn(WDFQUEUE, WDFREQUEST, usize))>;
pub type PFN_WDF_IO_QUEUE_IO_RESUME = Option<evt_fn!(fn(WDFQUEUE, WDFREQUEST))>;
pub type PFN_WDF_IO_QUEUE_IO_STOP = Option<evt_fn!(fn(WDFQUEUE, WDFREQUEST, ULONG))>;
pub type PFN_WDF_IO_QUEUE_IO_WRITE = Option<evt_fn!(fn(WDFQUEUE, WDFREQUEST, usize))>;
pub type PFN_WDF_IO_QUEUE_STATE = Option<evt_fn!(fn(WDFQUEUE, WDFCONTEXT))>;
pub type PFN_WDF_REQUEST_CANCEL = Option<evt_fn!(fn(WDFREQUEST))>;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _WDF_IO_QUEUE_CONFIG__bindgen_ty_1__bindgen_ty_1 {
    pub NumberOfPresentedRequests: ULONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union _WDF_IO_QUEUE_CONFIG__bindgen_ty_1 {
    pub Parallel: _WDF_IO_QUEUE_CONFIG__bindgen_ty_1__bindgen_ty_1,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_IO_QUEUE_CONFIG {
    pub Size: ULONG,
    pub DispatchType: WDF_IO_QUEUE_DISPATCH_TYPE,
    pub PowerManaged: WDF_TRI_STATE,
    pub AllowZeroLengthRequests: BOOLEAN,
    pub DefaultQueue: BOOLEAN,
    pub EvtIoDefault: PFN_WDF_IO_QUEUE_IO_DEFAULT,
    pub EvtIoRead: PFN_WDF_IO_QUEUE_IO_READ,
    pub EvtIoWrite: PFN_WDF_IO_QUEUE_IO_WRITE,
    pub EvtIoDeviceControl: PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL,
    pub EvtIoInternalDeviceControl: PFN_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL,
    pub EvtIoStop: PFN_WDF_IO_QUEUE_IO_STOP,
    pub EvtIoResume: PFN_WDF_IO_QUEUE_IO_RESUME,
    pub EvtIoCanceledOnQueue: PFN_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE,
    pub Settings: _WDF_IO_QUEUE_CONFIG__bindgen_ty_1,
    pub Driver: WDFDRIVER,
}

zeroed_default!(WDF_IO_QUEUE_CONFIG);
assert_layout!(
    WDF_IO_QUEUE_CONFIG,
    96,
    8,
    Size = 0,
    DispatchType = 4,
    PowerManaged = 8,
    AllowZeroLengthRequests = 12,
    DefaultQueue = 13,
    EvtIoDefault = 16,
    EvtIoRead = 24,
    EvtIoWrite = 32,
    EvtIoDeviceControl = 40,
    EvtIoInternalDeviceControl = 48,
    EvtIoStop = 56,
    EvtIoResume = 64,
    EvtIoCanceledOnQueue = 72,
    Settings = 80,
    Driver = 88
);

/// WDF_REQUEST_PARAMETERS.Parameters.Create, whose last members are aligned like pointers.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_1 {
    pub SecurityContext: PVOID,
    pub Options: ULONG,
    pub __bindgen_padding_0: u32,
    pub FileAttributes: USHORT,
    pub ShareAccess: USHORT,
    pub __bindgen_padding_1: u32,
    pub EaLength: ULONG,
    pub __bindgen_padding_2: u32,
}

/// WDF_REQUEST_PARAMETERS.Parameters.Read.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_2 {
    pub Length: usize,
    pub Key: ULONG,
    pub DeviceOffset: LONGLONG,
}

/// WDF_REQUEST_PARAMETERS.Parameters.Write.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_3 {
    pub Length: usize,
    pub Key: ULONG,
    pub DeviceOffset: LONGLONG,
}

/// WDF_REQUEST_PARAMETERS.Parameters.DeviceIoControl.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_4 {
    pub OutputBufferLength: usize,
    pub InputBufferLength: usize,
    pub IoControlCode: ULONG,
    pub Type3InputBuffer: PVOID,
}

/// WDF_REQUEST_PARAMETERS.Parameters.Others.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_5 {
    pub Arg1: PVOID,
    pub Arg2: PVOID,
    pub IoControlCode: ULONG,
    pub Arg4: PVOID,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union _WDF_REQUEST_PARAMETERS__bindgen_ty_1 {
    pub Create: _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_1,
    pub Read: _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_2,
    pub Write: _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_3,
    pub DeviceIoControl: _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_4,
    pub Others: _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_5,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_REQUEST_PARAMETERS {
    pub Size: USHORT,
    pub MinorFunction: UCHAR,
    pub Type: WDF_REQUEST_TYPE,
    pub Parameters: _WDF_REQUEST_PARAMETERS__bindgen_ty_1,
}

zeroed_default!(WDF_REQUEST_PARAMETERS);
assert_layout!(WDF_REQUEST_PARAMETERS, 40, 8, Size = 0, MinorFunction = 2, Type = 4, Parameters = 8);
