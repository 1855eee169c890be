//! Memory objects.

use crate::abi::STATUS_BUFFER_TOO_SMALL;
use crate::args::{Buffer, In, Out};
use crate::ddi::ddi;
use crate::loader::driver_of;
use crate::object::attributes::{self, Allowed};
use crate::object::{Hooks, new_object, object, payload, payload_opt, set_hooks};
use std::cell::Cell;
use wdk_sys::{
    LONG, NTSTATUS, PVOID, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG,
    WDF_OBJECT_ATTRIBUTES, WDFMEMORY, WDFOBJECT,
};

/// Pool tag when the driver names none.
const DEFAULT_TAG: u32 = u32::from_le_bytes(*b"FxDr");

/// Payload of WDFMEMORY.
struct Memory {
    buffer: Cell<*mut u8>,
    size: Cell<usize>,
    /// The pool tag if the buffer is the framework's.
    tag: Option<u32>,
}

impl Memory {
    fn holds(&self, offset: usize, len: usize) -> bool {
        offset.checked_add(len).is_some_and(|end| end <= self.size.get())
    }
}

fn destroy(handle: WDFOBJECT) {
    if let Some((memory, tag)) = payload_opt::<Memory>(handle).and_then(|m| m.tag.map(|tag| (m, tag))) {
        lab_kernel::pool::free(memory.buffer.replace(std::ptr::null_mut()), tag);
    }
}

/// A memory object around a buffer of a request, which outlives it.
///
/// # Errors
/// STATUS_DELETE_PENDING if the request is being completed.
pub(crate) fn around(parent: WDFOBJECT, buffer: *mut u8, size: usize) -> Result<WDFMEMORY, NTSTATUS> {
    let payload = Box::new(Memory { buffer: Cell::new(buffer), size: Cell::new(size), tag: None });
    let made = new_object("WDFMEMORY", None, parent, object(parent).globals, payload)?;
    set_hooks(made, Hooks { driver_may_not_delete: true, ..Hooks::default() });
    Ok(made.cast())
}

ddi! {
    fn WdfMemoryCreate(
        DISPATCH_LEVEL, globals; attributes: In<WDF_OBJECT_ATTRIBUTES>, _pool: LONG, tag: ULONG, size: usize,
        result: Out<WDFMEMORY>, buffer: Out<PVOID>,
    ) -> NTSTATUS {
        result.require("Memory");
        if size == 0 {
            return STATUS_INVALID_PARAMETER;
        }
        let attributes = match attributes::read(attributes, Allowed::PARENT) {
            Ok(attributes) => attributes,
            Err(status) => return status,
        };
        let tag = if tag == 0 { DEFAULT_TAG } else { tag };
        // WdfMemoryCreate does not promise zeroed memory (DDI wdfmemory).
        let memory = lab_kernel::pool::allocate(size, tag, false);
        if memory.is_null() {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        let payload = Box::new(Memory { buffer: Cell::new(memory), size: Cell::new(size), tag: Some(tag) });
        match new_object("WDFMEMORY", attributes.as_ref(), driver_of(globals), globals, payload) {
            Ok(handle) => {
                set_hooks(handle, Hooks { destroy: Some(destroy), ..Hooks::default() });
                result.set(handle.cast(), "Memory");
                buffer.set_opt(memory.cast());
                STATUS_SUCCESS
            }
            Err(status) => {
                lab_kernel::pool::free(memory, tag);
                status
            }
        }
    }

    fn WdfMemoryCreatePreallocated(
        DISPATCH_LEVEL, globals; attributes: In<WDF_OBJECT_ATTRIBUTES>, buffer: Buffer, size: usize, result: Out<WDFMEMORY>,
    ) -> NTSTATUS {
        result.require("Memory");
        if size == 0 || buffer.is_null() {
            return STATUS_INVALID_PARAMETER;
        }
        let payload = Box::new(Memory { buffer: Cell::new(buffer.address().cast()), size: Cell::new(size), tag: None });
        let made = attributes::read(attributes, Allowed::PARENT).and_then(|attributes| {
            new_object("WDFMEMORY", attributes.as_ref(), driver_of(globals), globals, payload)
        });
        match made {
            Ok(handle) => {
                result.set(handle.cast(), "Memory");
                STATUS_SUCCESS
            }
            Err(status) => status,
        }
    }

    fn WdfMemoryGetBuffer(DISPATCH_LEVEL; handle: WDFMEMORY, size: Out<usize>) -> PVOID {
        let memory = payload::<Memory>(handle.cast());
        size.set_opt(memory.size.get());
        memory.buffer.get().cast()
    }

    fn WdfMemoryCopyToBuffer(DISPATCH_LEVEL; source: WDFMEMORY, offset: usize, buffer: Buffer, len: usize) -> NTSTATUS {
        let memory = payload::<Memory>(source.cast());
        if len == 0 {
            return STATUS_INVALID_PARAMETER;
        }
        if !memory.holds(offset, len) {
            return STATUS_BUFFER_TOO_SMALL;
        }
        // SAFETY: the range was checked against the size of the object's buffer, which lives as long as the object.
        let bytes = unsafe { std::slice::from_raw_parts(memory.buffer.get().add(offset), len) }.to_vec();
        buffer.write(&bytes);
        STATUS_SUCCESS
    }

    fn WdfMemoryCopyFromBuffer(DISPATCH_LEVEL; target: WDFMEMORY, offset: usize, buffer: Buffer, len: usize) -> NTSTATUS {
        let memory = payload::<Memory>(target.cast());
        if len == 0 {
            return STATUS_INVALID_PARAMETER;
        }
        if !memory.holds(offset, len) {
            return STATUS_BUFFER_TOO_SMALL;
        }
        let bytes = buffer.read(len);
        // SAFETY: as above.
        unsafe { memory.buffer.get().add(offset).copy_from_nonoverlapping(bytes.as_ptr(), len) };
        STATUS_SUCCESS
    }
}
