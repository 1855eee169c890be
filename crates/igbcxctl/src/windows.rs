//! The transport of Windows: the device interface of igbcx.sys.
//!
//! Handles are opened for overlapped I/O, so that a request can be given up when its time is over. The driver's NTSTATUS
//! is taken from the OVERLAPPED where Windows left it there; requests that fail before they are pending leave only the
//! Win32 code, which is then reported as what it is.

use crate::{Completion, Control, Error, Status, Transport};
use igbcx_ioctl::{Code, INTERFACE};
use std::cell::UnsafeCell;
use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;
use std::time::Duration;
use windows_sys::Win32::Devices::DeviceAndDriverInstallation::{
    CM_GET_DEVICE_INTERFACE_LIST_PRESENT, CM_Get_Device_Interface_List_SizeW, CM_Get_Device_Interface_ListW,
    CM_MapCrToWin32Err, CR_BUFFER_SMALL, CR_SUCCESS,
};
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_GEN_FAILURE, ERROR_INVALID_DATA, ERROR_IO_PENDING, GENERIC_READ, GENERIC_WRITE, HANDLE,
    INVALID_HANDLE_VALUE, WAIT_OBJECT_0,
};
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_FLAG_OVERLAPPED, FILE_SHARE_READ, FILE_SHARE_WRITE, OPEN_EXISTING,
};
use windows_sys::Win32::System::IO::{CancelIoEx, DeviceIoControl, GetOverlappedResult, OVERLAPPED};
use windows_sys::Win32::System::Threading::{CreateEventW, INFINITE, WaitForSingleObject};
use windows_sys::core::GUID;

/// Devices may come between the question for the size of the list and that for the list.
const TRIES: usize = 5;

/// The device interfaces of this machine.
pub struct DeviceInterfaces;

impl Transport for DeviceInterfaces {
    fn devices(&mut self) -> Result<Vec<String>, Error> {
        let names = interface_list()?;
        let names = names.split(|unit| *unit == 0).filter(|name| !name.is_empty());
        let mut names: Vec<String> = names.map(String::from_utf16_lossy).collect();
        names.sort();
        Ok(names)
    }

    fn open(&mut self, device: &str) -> Result<Box<dyn Control>, Error> {
        let name: Vec<u16> = device.encode_utf16().chain([0]).collect();
        // SAFETY: `name` is a string with a zero at its end that outlives the call; no security attributes, no template.
        let handle = unsafe {
            CreateFileW(
                name.as_ptr(),
                GENERIC_READ | GENERIC_WRITE,
                FILE_SHARE_READ | FILE_SHARE_WRITE,
                ptr::null(),
                OPEN_EXISTING,
                FILE_FLAG_OVERLAPPED,
                ptr::null_mut(),
            )
        };
        if handle == INVALID_HANDLE_VALUE {
            return Err(last_error("CreateFileW"));
        }
        // SAFETY: the call above made the handle; nobody else owns it.
        let handle = unsafe { OwnedHandle::from_raw_handle(handle) };
        Ok(Box::new(Device { handle, done: event()? }))
    }
}

/// The names of the interfaces that are present, each with a zero at its end.
fn interface_list() -> Result<Vec<u16>, Error> {
    let (data1, data2, data3, data4) = INTERFACE;
    let class = GUID { data1, data2, data3, data4 };
    let present = CM_GET_DEVICE_INTERFACE_LIST_PRESENT;
    for _ in 0..TRIES {
        let mut len = 0;
        // SAFETY: `len` and `class` outlive the call; no device is named.
        let result = unsafe { CM_Get_Device_Interface_List_SizeW(&mut len, &class, ptr::null(), present) };
        if result != CR_SUCCESS {
            return Err(configuration_error("CM_Get_Device_Interface_List_SizeW", result));
        }
        let mut names = vec![0; len as usize];
        // SAFETY: `names` has `len` elements.
        let result = unsafe { CM_Get_Device_Interface_ListW(&class, ptr::null(), names.as_mut_ptr(), len, present) };
        match result {
            CR_SUCCESS => return Ok(names),
            CR_BUFFER_SMALL => {}
            _ => return Err(configuration_error("CM_Get_Device_Interface_ListW", result)),
        }
    }
    Err(configuration_error("CM_Get_Device_Interface_ListW", CR_BUFFER_SMALL))
}

/// An open device.
struct Device {
    handle: OwnedHandle,
    /// Manual-reset event of the request in progress.
    done: OwnedHandle,
}

impl Control for Device {
    fn control(
        &mut self,
        code: Code,
        input: &[u8],
        output_len: usize,
        limit: Option<Duration>,
    ) -> Result<Option<Completion>, Error> {
        let mut output = vec![0; output_len];
        // Windows writes into it behind the compiler's back, so it is only ever reached by this pointer.
        let request = UnsafeCell::new(OVERLAPPED { hEvent: self.done.as_raw_handle(), ..OVERLAPPED::default() });
        let request = request.get();
        let length = |bytes: usize| u32::try_from(bytes).map_err(|_| invalid_data("DeviceIoControl"));
        let (input_len, room) = (length(input.len())?, length(output_len)?);
        // SAFETY: input, output and `request` stay where they are until the request is complete: each way out of this
        // function is an error before it is pending, or comes after `finish`, which waits for its end. The driver only
        // reads the input.
        let begun = unsafe {
            DeviceIoControl(
                self.raw(),
                code as u32,
                input.as_ptr().cast(),
                input_len,
                output.as_mut_ptr().cast(),
                room,
                ptr::null_mut(),
                request,
            )
        };
        if begun == 0 && last_code() != ERROR_IO_PENDING {
            return failed(request, "DeviceIoControl").map(Some);
        }
        let timed_out = !self.wait(limit);
        if timed_out {
            self.cancel(request);
        }
        let mut len = 0;
        if !self.finish(request, &mut len) {
            let completion = failed(request, "GetOverlappedResult")?;
            // Unless it failed of itself just before.
            return Ok(Some(completion).filter(|c| !(timed_out && c.status == Status::CANCELLED)));
        }
        if len as usize > output.len() {
            return Err(invalid_data("GetOverlappedResult"));
        }
        output.truncate(len as usize);
        Ok(Some(Completion { status: Status::SUCCESS, output }))
    }
}

impl Device {
    fn raw(&self) -> HANDLE {
        self.handle.as_raw_handle()
    }

    /// False: the time is over, or the wait itself failed.
    fn wait(&self, limit: Option<Duration>) -> bool {
        let ms = limit.map_or(INFINITE, |limit| u32::try_from(limit.as_millis()).unwrap_or(INFINITE - 1).max(1));
        // SAFETY: the event is open while `self` is.
        unsafe { WaitForSingleObject(self.done.as_raw_handle(), ms) == WAIT_OBJECT_0 }
    }

    /// Asks for the end of the request. Should it have ended already, there is nothing to do.
    fn cancel(&self, request: *mut OVERLAPPED) {
        // SAFETY: `request` is the request in progress on this handle.
        let _ = unsafe { CancelIoEx(self.raw(), request) };
    }

    /// Waits for the end of the request, which is near: it is complete, or cancelled. False: it failed.
    fn finish(&self, request: *mut OVERLAPPED, len: &mut u32) -> bool {
        // SAFETY: `request` was begun on this handle; `len` outlives the call.
        unsafe { GetOverlappedResult(self.raw(), request, len, 1) != 0 }
    }
}

/// What a request ended with that `call` just said had failed.
fn failed(request: *mut OVERLAPPED, call: &'static str) -> Result<Completion, Error> {
    let source = io::Error::last_os_error();
    // KMDF completes every request as a pending one, so its status is here.
    // SAFETY: `request` points to the request of `Control::control`, which has ended.
    let status = unsafe { (*request).Internal };
    match Status(status as u32 as i32) {
        status if status.0 < 0 => Ok(Completion { status, output: Vec::new() }),
        _ => Err(Error::Windows { call, source }),
    }
}

fn event() -> Result<OwnedHandle, Error> {
    // SAFETY: no attributes and no name.
    let event = unsafe { CreateEventW(ptr::null(), 1, 0, ptr::null()) };
    if event.is_null() {
        return Err(last_error("CreateEventW"));
    }
    // SAFETY: the call above made the handle; nobody else owns it.
    Ok(unsafe { OwnedHandle::from_raw_handle(event) })
}

fn last_code() -> u32 {
    // An OS error is always there in an error made from one.
    io::Error::last_os_error().raw_os_error().unwrap_or_default().cast_unsigned()
}

fn last_error(call: &'static str) -> Error {
    match last_code() {
        ERROR_ACCESS_DENIED => Error::AccessDenied,
        code => Error::Windows { call, source: io::Error::from_raw_os_error(code.cast_signed()) },
    }
}

fn configuration_error(call: &'static str, result: u32) -> Error {
    // SAFETY: a table of numbers.
    let code = unsafe { CM_MapCrToWin32Err(result, ERROR_GEN_FAILURE) };
    Error::Windows { call, source: io::Error::from_raw_os_error(code.cast_signed()) }
}

fn invalid_data(call: &'static str) -> Error {
    Error::Windows { call, source: io::Error::from_raw_os_error(ERROR_INVALID_DATA.cast_signed()) }
}
