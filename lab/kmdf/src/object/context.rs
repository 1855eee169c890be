//! Context memory of objects: typed, zeroed, with the driver's cleanup and destroy callbacks.

use super::attributes::type_info;
use super::{Life, Object};
use crate::abi::{STATUS_DELETE_PENDING, STATUS_OBJECT_NAME_EXISTS};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::{CStr, c_void};
use std::sync::{Mutex, PoisonError};
use wdk_sys::{
    NTSTATUS, PCWDF_OBJECT_CONTEXT_TYPE_INFO, PFN_WDF_OBJECT_CONTEXT_CLEANUP, PFN_WDF_OBJECT_CONTEXT_DESTROY,
    STATUS_INSUFFICIENT_RESOURCES, WDF_OBJECT_ATTRIBUTES,
};

/// Pool tag of contexts: "FxDr", which the framework uses for drivers without one of their own.
const TAG: u32 = u32::from_le_bytes(*b"FxDr");

/// One context of an object. The first is made with the object and may be without memory; WdfObjectAllocateContext
/// adds more.
pub(crate) struct Context {
    type_info: PCWDF_OBJECT_CONTEXT_TYPE_INFO,
    memory: *mut u8,
    cleanup: Cell<PFN_WDF_OBJECT_CONTEXT_CLEANUP>,
    destroy: Cell<PFN_WDF_OBJECT_CONTEXT_DESTROY>,
}

/// Owner of each context by its address, for WdfObjectContextGetObject.
static OWNERS: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());

fn owners<R>(f: impl FnOnce(&mut BTreeMap<usize, usize>) -> R) -> R {
    f(&mut OWNERS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The object a context belongs to.
pub(crate) fn owner(context: *mut c_void) -> Option<usize> {
    owners(|o| o.get(&(context as usize)).copied())
}

impl Context {
    /// The context that is made with an object.
    pub(crate) fn first(attributes: Option<&WDF_OBJECT_ATTRIBUTES>) -> Result<Context, NTSTATUS> {
        let mut context = Context {
            type_info: std::ptr::null(),
            memory: std::ptr::null_mut(),
            cleanup: Cell::new(None),
            destroy: Cell::new(None),
        };
        if let Some(attributes) = attributes {
            context.cleanup.set(attributes.EvtCleanupCallback);
            context.destroy.set(attributes.EvtDestroyCallback);
            if let Some(info) = type_info(attributes) {
                let size = attributes.ContextSizeOverride.max(info.ContextSize);
                // A context of size 0 still has an address, as it has behind the framework's header.
                context.memory = lab_kernel::pool::allocate((size as usize).next_multiple_of(8).max(8), TAG, true);
                if context.memory.is_null() {
                    return Err(STATUS_INSUFFICIENT_RESOURCES);
                }
                context.type_info = attributes.ContextTypeInfo;
            }
        }
        Ok(context)
    }

    pub(crate) fn forget_callbacks(&self) {
        self.cleanup.set(None);
        self.destroy.set(None);
    }

    pub(crate) fn type_name(&self) -> Option<String> {
        // SAFETY: a type info and its name are statics of the driver image, which stays mapped.
        unsafe {
            let name = self.type_info.as_ref()?.ContextName;
            (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
        }
    }
}

/// Notes whose contexts these are, once the object exists.
pub(crate) fn publish(object: &Object) {
    for context in object.contexts.borrow().iter().filter(|c| !c.memory.is_null()) {
        owners(|o| o.insert(context.memory as usize, object.handle));
    }
}

/// The context of a type (compared by address), null if the object has none.
pub(crate) fn get(object: &Object, type_info: PCWDF_OBJECT_CONTEXT_TYPE_INFO) -> *mut c_void {
    let contexts = object.contexts.borrow();
    let found = contexts.iter().find(|c| c.type_info == type_info && !c.memory.is_null());
    found.map_or(std::ptr::null_mut(), |c| c.memory.cast())
}

/// Adds a context (FxObject::AddContext): the status and the address, also that of a context which is there already.
pub(crate) fn add(object: &Object, attributes: &WDF_OBJECT_ATTRIBUTES) -> (NTSTATUS, *mut c_void) {
    if object.life.get() != Life::Created {
        return (STATUS_DELETE_PENDING, std::ptr::null_mut());
    }
    let present = get(object, attributes.ContextTypeInfo);
    if !present.is_null() {
        return (STATUS_OBJECT_NAME_EXISTS, present);
    }
    match Context::first(Some(attributes)) {
        Err(status) => (status, std::ptr::null_mut()),
        Ok(context) => {
            let memory = context.memory;
            object.contexts.borrow_mut().push(context);
            publish(object);
            (wdk_sys::STATUS_SUCCESS, memory.cast())
        }
    }
}

/// EvtCleanupCallback of every context that has not had it.
pub(crate) fn call_cleanup(object: &Object) {
    for i in 0..object.contexts.borrow().len() {
        let cleanup = object.contexts.borrow()[i].cleanup.take();
        if let Some(cleanup) = cleanup {
            crate::verifier::callback!("EvtCleanupCallback", cleanup, object.handle());
        }
    }
}

/// The end of the contexts (FxObject::ProcessDestroy): cleanup where it was not called, then destroy, then the memory.
pub(crate) fn destroy(object: &Object) {
    for i in 0..object.contexts.borrow().len() {
        let (cleanup, destroy) = {
            let contexts = object.contexts.borrow();
            (contexts[i].cleanup.take(), contexts[i].destroy.take())
        };
        if let Some(cleanup) = cleanup {
            crate::verifier::callback!("EvtCleanupCallback", cleanup, object.handle());
        }
        if let Some(destroy) = destroy {
            crate::verifier::callback!("EvtDestroyCallback", destroy, object.handle());
        }
    }
    for context in object.contexts.take() {
        if !context.memory.is_null() {
            owners(|o| o.remove(&(context.memory as usize)));
            lab_kernel::pool::free(context.memory, TAG);
        }
    }
}
