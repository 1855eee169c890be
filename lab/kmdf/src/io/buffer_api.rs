//! The WdfRequest entries about buffers (WDF fxrequestapi.cpp, FxRequest::GetMemoryObject and
//! GetDeviceControlOutputMemoryObject).

use super::irp::{Major, Method};
use super::request::{Request, request_of};
use crate::abi::STATUS_BUFFER_TOO_SMALL;
use crate::args::Out;
use crate::ddi::ddi;
use crate::memory;
use wdk_sys::{NTSTATUS, PVOID, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS, WDFMEMORY, WDFREQUEST};

/// Address and length of a buffer.
type Place = (*mut u8, usize);

fn input(request: &Request) -> Result<Place, NTSTATUS> {
    let irp = &request.irp;
    if !request.is_owned() || matches!(irp.major, Major::Read | Major::Create) {
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    }
    if irp.input_len == 0 {
        return Err(STATUS_BUFFER_TOO_SMALL);
    }
    if irp.method() == Method::Neither {
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    }
    Ok((irp.input(), irp.input_len))
}

fn output(request: &Request) -> Result<Place, NTSTATUS> {
    let irp = &request.irp;
    if !request.is_owned() || matches!(irp.major, Major::Write | Major::Create) {
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    }
    if irp.output_len == 0 {
        return Err(STATUS_BUFFER_TOO_SMALL);
    }
    if irp.method() == Method::Neither {
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    }
    Ok((irp.output(), irp.output_len))
}

fn give(place: Result<Place, NTSTATUS>, required: usize, buffer: Out<PVOID>, length: Out<usize>) -> NTSTATUS {
    buffer.set(std::ptr::null_mut(), "Buffer");
    length.set_opt(0);
    match place {
        Ok((_, len)) if len < required => STATUS_BUFFER_TOO_SMALL,
        Ok((address, len)) => {
            buffer.set_opt(address.cast());
            length.set_opt(len);
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// The memory object of a buffer, made once; it goes with the request.
fn give_memory(
    request: &Request,
    place: Result<Place, NTSTATUS>,
    made: &std::cell::Cell<WDFMEMORY>,
    result: Out<WDFMEMORY>,
) -> NTSTATUS {
    result.require("Memory");
    let (address, len) = match place {
        Ok(place) => place,
        Err(status) => return status,
    };
    if made.get().is_null() {
        match memory::around(request.handle().cast(), address, len) {
            Ok(handle) => made.set(handle),
            Err(status) => return status,
        }
    }
    result.set(made.get(), "Memory");
    STATUS_SUCCESS
}

ddi! {
    fn WdfRequestRetrieveInputBuffer(DISPATCH_LEVEL; request: WDFREQUEST, required: usize, buffer: Out<PVOID>, length: Out<usize>) -> NTSTATUS {
        give(input(request_of(request)), required, buffer, length)
    }

    fn WdfRequestRetrieveOutputBuffer(DISPATCH_LEVEL; request: WDFREQUEST, required: usize, buffer: Out<PVOID>, length: Out<usize>) -> NTSTATUS {
        give(output(request_of(request)), required, buffer, length)
    }

    fn WdfRequestRetrieveInputMemory(DISPATCH_LEVEL; request: WDFREQUEST, result: Out<WDFMEMORY>) -> NTSTATUS {
        let request = request_of(request);
        give_memory(request, input(request), &request.input_memory, result)
    }

    fn WdfRequestRetrieveOutputMemory(DISPATCH_LEVEL; request: WDFREQUEST, result: Out<WDFMEMORY>) -> NTSTATUS {
        let request = request_of(request);
        give_memory(request, output(request), &request.output_memory, result)
    }
}
