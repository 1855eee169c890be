//! The WdfObject entries.

use super::attributes::{self, Allowed};
use super::{Life, context, delete_by_driver, dereference, find, new_object, object, reference};
use crate::abi::{PCCH, STATUS_OBJECT_NAME_INVALID};
use crate::args::{In, Out};
use crate::ddi::ddi;
use crate::loader;
use crate::verifier::{invalid_handle, null_pointer};
use wdk_sys::{
    LONG, NTSTATUS, PCWDF_OBJECT_CONTEXT_TYPE_INFO, PVOID, STATUS_SUCCESS, WDF_OBJECT_ATTRIBUTES, WDFOBJECT,
};

/// Payload of WdfObjectCreate's objects.
pub(crate) struct UserObject;

ddi! {
    fn WdfObjectCreate(DISPATCH_LEVEL, globals; attributes: In<WDF_OBJECT_ATTRIBUTES>, object: Out<WDFOBJECT>) -> NTSTATUS {
        object.require("Object");
        let allowed = Allowed { execution_level: true, ..Allowed::PARENT };
        let made = attributes::read(attributes, allowed).and_then(|attributes| {
            new_object("WDFOBJECT", attributes.as_ref(), loader::driver_of(globals), globals, Box::new(UserObject))
        });
        match made {
            Ok(handle) => object.set(handle, "Object"),
            Err(status) => return status,
        }
        STATUS_SUCCESS
    }

    fn WdfObjectDelete(DISPATCH_LEVEL; handle: WDFOBJECT) {
        delete_by_driver(handle);
    }

    fn WdfObjectReferenceActual(DISPATCH_LEVEL; handle: WDFOBJECT, _tag: PVOID, _line: LONG, _file: PCCH) {
        reference(handle);
    }

    fn WdfObjectDereferenceActual(DISPATCH_LEVEL; handle: WDFOBJECT, _tag: PVOID, _line: LONG, _file: PCCH) {
        dereference(handle);
    }

    // The one method that works while EvtDestroyCallback runs (WDF handleapi.cpp).
    fn WdfObjectGetTypedContextWorker(HIGH_LEVEL; handle: WDFOBJECT, type_info: PCWDF_OBJECT_CONTEXT_TYPE_INFO) -> PVOID {
        if handle.is_null() || type_info.is_null() {
            null_pointer("Handle or TypeInfo");
        }
        match find(handle as usize) {
            Some(object) if object.life.get() != Life::Destroyed => context::get(object, type_info),
            Some(object) => invalid_handle(object.handle, "a live object", &format!("a destroyed {}", object.kind)),
            None => invalid_handle(handle as usize, "a live object", "no framework handle"),
        }
    }

    fn WdfObjectAllocateContext(DISPATCH_LEVEL; handle: WDFOBJECT, attributes: In<WDF_OBJECT_ATTRIBUTES>, result: Out<PVOID>) -> NTSTATUS {
        let object = object(handle);
        let attributes = attributes.get("ContextAttributes");
        if let Err(status) = attributes::check(Some(&attributes), Allowed::NONE) {
            return status;
        }
        if attributes.ContextTypeInfo.is_null() {
            return STATUS_OBJECT_NAME_INVALID;
        }
        let (status, memory) = context::add(object, &attributes);
        if !memory.is_null() {
            result.set_opt(memory);
        }
        status
    }

    fn WdfObjectContextGetObject(HIGH_LEVEL; memory: PVOID) -> WDFOBJECT {
        match context::owner(memory) {
            Some(handle) => handle as WDFOBJECT,
            None => invalid_handle(memory as usize, "a context", "no context of an object"),
        }
    }
}
