//! The life of object trees: references, deletion, and the order of the driver's callbacks.
//!
//! The order is FxObject's (WDF fxobjectstatemachine.cpp): children are disposed before their parent, each with
//! Dispose and then EvtCleanupCallback, in the order they were added. Only then are they destroyed, again children
//! first, each when its last reference is gone.

use super::{Life, Object, context, find, object};
use crate::verifier::{current_entry, violation};
use crate::worker;
use lab_kernel::cpu;
use lab_kernel::rules;
use wdk_sys::_WDF_BUGCHECK_CODES as codes;
use wdk_sys::WDFOBJECT;

rules! {
    OBJECT_DELETE_ALLOWED: "Drivers do not delete objects that the framework deletes (devices, interrupts, queues of an adapter)", "DDI wdfobject WdfObjectDelete, Remarks; WDF fxobjectapi.cpp IsNoDeleteDDI";
    OBJECT_DELETE_ONCE: "An object is deleted once", "WDF fxobjectstatemachine.cpp MarkDeleteCalledLocked";
    OBJECT_REFERENCES: "Drivers release only references they took", "WDF fxobject.cpp destructor: bugcheck 0x10D code 7";
}

/// One more reference.
pub fn reference(handle: WDFOBJECT) {
    let object = object(handle);
    object.references.set(object.references.get() + 1);
}

/// One reference less; the last one destroys a deleted object. Of an object that is not deleted it is bugcheck 0x10D
/// WDF_OBJECT_ERROR.
pub fn dereference(handle: WDFOBJECT) {
    let object = object(handle);
    let left = object.references.get() - 1;
    let legal = left > 0 || object.deleted.get();
    if !OBJECT_REFERENCES.check(legal, || format!("{}: {} {handle:p}", current_entry(), object.kind)) {
        violation(codes::WDF_OBJECT_ERROR, handle as u64, 0);
    }
    object.references.set(left);
    if left == 0 {
        destroy(object);
    }
}

/// WdfObjectDelete.
pub(crate) fn delete_by_driver(handle: WDFOBJECT) {
    let object = object(handle);
    let allowed = !object.hooks.get().driver_may_not_delete;
    if OBJECT_DELETE_ALLOWED.check(allowed, || format!("{} {handle:p}", object.kind)) {
        delete_object(handle);
    }
}

/// Deletes on behalf of the framework: children first, cleanup, then destroy when the last reference is gone.
pub fn delete_object(handle: WDFOBJECT) {
    let object = object(handle);
    if !OBJECT_DELETE_ONCE.check(!object.deleted.replace(true), || format!("{} {handle:p}", object.kind)) {
        return;
    }
    // A parent that is being disposed will dispose and destroy it.
    let parent = find(object.parent.get());
    if parent.is_some_and(|p| p.life.get() != Life::Created) || object.life.get() == Life::Disposing {
        return;
    }
    if let Some(parent) = parent {
        parent.children.borrow_mut().retain(|&child| child != object.handle);
        object.parent.set(0);
    }
    if cpu::irql() > cpu::PASSIVE_LEVEL && needs_passive(object) {
        // FxDisposeList: a work item does it at PASSIVE_LEVEL.
        worker::run(move || finish(object));
    } else {
        finish(object);
    }
}

fn finish(object: &'static Object) {
    dispose(object);
    release(object);
}

fn needs_passive(object: &Object) -> bool {
    let children = object.children.borrow();
    object.hooks.get().passive_dispose || children.iter().filter_map(|&c| find(c)).any(needs_passive)
}

/// Disposes a subtree (FxObject::DisposeChildrenWorker): children in order, then the object.
pub(crate) fn dispose(object: &'static Object) {
    if object.life.get() != Life::Created {
        return;
    }
    object.life.set(Life::Disposing);
    // A cleanup callback may not add children, so the list does not grow here.
    for i in 0.. {
        let Some(child) = object.children.borrow().get(i).copied().and_then(find) else { break };
        dispose(child);
    }
    if let Some(dispose) = object.hooks.get().dispose {
        dispose(object.handle());
    }
    context::call_cleanup(object);
    object.life.set(Life::Disposed);
}

/// Gives up the object's own reference after its children gave up theirs (FxObject::DestroyChildren).
fn release(object: &'static Object) {
    object.deleted.set(true);
    for child in object.children.take().into_iter().filter_map(find) {
        child.parent.set(0);
        release(child);
    }
    dereference(object.handle());
}

fn destroy(object: &'static Object) {
    object.life.set(Life::Destroying);
    context::destroy(object);
    if let Some(destroy) = object.hooks.get().destroy {
        destroy(object.handle());
    }
    object.life.set(Life::Destroyed);
}
