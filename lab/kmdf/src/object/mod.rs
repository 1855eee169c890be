//! Framework objects: handles, kinds, parents, references and the leak report.
//!
//! A handle is a number that is never used twice, in a range where no memory is: a driver that looks behind it faults,
//! and a stale handle is always recognised. The header and payload of an object stay allocated for the whole run for
//! the same reason; contexts are freed when the object is destroyed.

pub(crate) mod api;
pub(crate) mod attributes;
pub(crate) mod context;
mod tree;

use crate::loader;
use crate::verifier::{KMDF_HANDLE, current_entry, invalid_handle};
use attributes::Allowed;
use context::Context;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::sync::{Mutex, PoisonError};
use wdk_sys::{NTSTATUS, PWDF_DRIVER_GLOBALS, WDF_OBJECT_ATTRIBUTES, WDFOBJECT};

pub(crate) use tree::{delete_by_driver, dispose};
pub use tree::{delete_object, dereference, reference};

/// First handle; the range is the kernel's half of the address space, which no Linux process has.
const FIRST_HANDLE: usize = 0xFFFF_A500_0000_1000;
const HANDLE_STEP: usize = 16;

/// Work of the framework at the end of an object's life.
#[derive(Clone, Copy, Default)]
pub struct Hooks {
    /// After the children are disposed, before EvtCleanupCallback: stop what runs (timers, queues).
    pub dispose: Option<fn(WDFOBJECT)>,
    /// After EvtDestroyCallback: give memory back.
    pub destroy: Option<fn(WDFOBJECT)>,
    /// WdfObjectDelete by the driver breaks the rules and does nothing; the owner uses [`delete_object`].
    pub driver_may_not_delete: bool,
    /// Disposal waits for something, so a deletion above PASSIVE_LEVEL is done later by a system thread.
    pub passive_dispose: bool,
}

/// One live object in the leak report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveObject {
    /// Its handle.
    pub handle: usize,
    /// Its kind, "WDFTIMER".
    pub kind: &'static str,
    /// Its parent's handle, 0 if none.
    pub parent: usize,
    /// References, 1 if only its own.
    pub references: i32,
    /// The framework method that made it.
    pub created_by: &'static str,
    /// Names of its context types.
    pub context_types: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Life {
    /// In use.
    Created,
    /// Its children and itself are being disposed.
    Disposing,
    /// EvtCleanupCallback has run.
    Disposed,
    /// Its last reference is gone and EvtDestroyCallback runs.
    Destroying,
    /// Gone.
    Destroyed,
}

pub(crate) struct Object {
    pub(crate) handle: usize,
    pub(crate) kind: &'static str,
    pub(crate) payload: Box<dyn Any>,
    pub(crate) created_by: &'static str,
    /// Globals of the driver it belongs to.
    pub(crate) globals: PWDF_DRIVER_GLOBALS,
    pub(crate) life: Cell<Life>,
    pub(crate) references: Cell<i32>,
    pub(crate) deleted: Cell<bool>,
    pub(crate) parent: Cell<usize>,
    pub(crate) children: RefCell<Vec<usize>>,
    pub(crate) contexts: RefCell<Vec<Context>>,
    pub(crate) hooks: Cell<Hooks>,
}

impl Object {
    pub(crate) fn handle(&self) -> WDFOBJECT {
        self.handle as WDFOBJECT
    }

    /// The driver never saw this object: its cleanup and destroy callbacks are not called.
    pub(crate) fn forget_callbacks(&self) {
        self.contexts.borrow().iter().for_each(Context::forget_callbacks);
    }
}

/// Every object ever made, by (handle - FIRST_HANDLE) / HANDLE_STEP.
struct Table(Vec<&'static Object>);

// SAFETY: objects hold cells and pointers of the driver's one-processor world; only the baton holder of
// lab_kernel::cpu reaches them, so no two threads use them at once.
unsafe impl Send for Table {}

static TABLE: Mutex<Table> = Mutex::new(Table(Vec::new()));

fn table<R>(f: impl FnOnce(&mut Table) -> R) -> R {
    f(&mut TABLE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The object of a handle, destroyed ones too.
pub(crate) fn find(handle: usize) -> Option<&'static Object> {
    let offset = handle.checked_sub(FIRST_HANDLE)?;
    if offset % HANDLE_STEP != 0 {
        return None;
    }
    table(|t| t.0.get(offset / HANDLE_STEP).copied())
}

/// The object of a handle that is not destroyed; anything else is bugcheck 0x10D WDF_INVALID_HANDLE.
pub(crate) fn object(handle: WDFOBJECT) -> &'static Object {
    match find(handle as usize) {
        Some(object) if object.life.get() < Life::Destroying => {
            KMDF_HANDLE.check(true, String::new);
            object
        }
        Some(object) => invalid_handle(handle as usize, "a live object", &format!("a destroyed {}", object.kind)),
        None => invalid_handle(handle as usize, "a live object", "no framework handle"),
    }
}

/// The framework's part of a live object; another kind, a deleted or unknown handle is bugcheck 0x10D
/// WDF_INVALID_HANDLE. It stays readable for the whole run, also after the object is gone.
pub fn payload<T: 'static>(handle: WDFOBJECT) -> &'static T {
    let object = object(handle);
    match object.payload.downcast_ref() {
        Some(payload) => payload,
        None => invalid_handle(object.handle, short_name::<T>(), &format!("a {}", object.kind)),
    }
}

/// As [`payload`], but `None` instead of a bugcheck, and also while the object is being destroyed.
pub fn payload_opt<T: 'static>(handle: WDFOBJECT) -> Option<&'static T> {
    find(handle as usize).filter(|o| o.life.get() < Life::Destroyed)?.payload.downcast_ref()
}

fn short_name<T>() -> &'static str {
    let name = std::any::type_name::<T>();
    name.rsplit("::").next().unwrap_or(name)
}

/// Kind of a live object.
pub fn kind_of(handle: WDFOBJECT) -> Option<&'static str> {
    find(handle as usize).filter(|o| o.life.get() < Life::Destroying).map(|o| o.kind)
}

/// Parent, null if none.
pub fn parent_of(handle: WDFOBJECT) -> WDFOBJECT {
    object(handle).parent.get() as WDFOBJECT
}

/// The nearest of the object and its ancestors whose payload is a T (the device above a timer's parent).
pub(crate) fn ancestor<T: 'static>(handle: WDFOBJECT) -> Option<(WDFOBJECT, &'static T)> {
    let mut at = handle;
    while !at.is_null() {
        let object = find(at as usize)?;
        if let Some(payload) = object.payload.downcast_ref() {
            return Some((at, payload));
        }
        at = object.parent.get() as WDFOBJECT;
    }
    None
}

/// Makes an object of `kind` ("NETADAPTER"): checks `attributes` (may be null; an execution level and a
/// synchronization scope are allowed), allocates its context, links it below attributes.ParentObject or
/// `default_parent` (null: none).
///
/// # Errors
/// The status the framework returns for wrong attributes; STATUS_INSUFFICIENT_RESOURCES; STATUS_DELETE_PENDING when the
/// parent is being deleted.
///
/// # Safety
/// `attributes` is null or points to what a driver passed to an entry of the class extension.
pub unsafe fn create_object(
    kind: &'static str,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    default_parent: WDFOBJECT,
    payload: Box<dyn Any>,
) -> Result<WDFOBJECT, NTSTATUS> {
    // SAFETY: the caller vouches for the pointer.
    let attributes = unsafe { attributes.as_ref() }.copied();
    attributes::check(
        attributes.as_ref(),
        Allowed { parent: true, execution_level: true, scope: true, ..Allowed::NONE },
    )?;
    let globals = if default_parent.is_null() { loader::any_globals() } else { object(default_parent).globals };
    new_object(kind, attributes.as_ref(), default_parent, globals, payload)
}

/// [`create_object`] without the check of the attributes, which each method of the framework makes in its own way.
pub(crate) fn new_object(
    kind: &'static str,
    attributes: Option<&WDF_OBJECT_ATTRIBUTES>,
    default_parent: WDFOBJECT,
    globals: PWDF_DRIVER_GLOBALS,
    payload: Box<dyn Any>,
) -> Result<WDFOBJECT, NTSTATUS> {
    let parent = attributes.map(|a| a.ParentObject).filter(|p| !p.is_null()).unwrap_or(default_parent);
    if !parent.is_null() && (object(parent).life.get() != Life::Created || object(parent).deleted.get()) {
        return Err(crate::abi::STATUS_DELETE_PENDING);
    }
    let context = Context::first(attributes)?;
    let made = table(|t| {
        let made: &'static Object = Box::leak(Box::new(Object {
            handle: FIRST_HANDLE + t.0.len() * HANDLE_STEP,
            kind,
            payload,
            created_by: current_entry(),
            globals,
            life: Cell::new(Life::Created),
            references: Cell::new(1),
            deleted: Cell::new(false),
            parent: Cell::new(parent as usize),
            children: RefCell::default(),
            contexts: RefCell::new(vec![context]),
            hooks: Cell::default(),
        }));
        t.0.push(made);
        made
    });
    context::publish(made);
    if !parent.is_null() {
        object(parent).children.borrow_mut().push(made.handle);
    }
    Ok(made.handle())
}

/// Sets the framework's hooks of an object.
pub fn set_hooks(handle: WDFOBJECT, hooks: Hooks) {
    object(handle).hooks.set(hooks);
}

/// From here on the driver may not delete the object.
pub(crate) fn forbid_delete(handle: WDFOBJECT) {
    object(handle).hooks.update(|hooks| Hooks { driver_may_not_delete: true, ..hooks });
}

/// Every object not yet destroyed.
pub fn live_objects() -> Vec<LiveObject> {
    let all = table(|t| t.0.clone());
    all.iter()
        .filter(|o| o.life.get() != Life::Destroyed)
        .map(|o| LiveObject {
            handle: o.handle,
            kind: o.kind,
            parent: o.parent.get(),
            references: o.references.get(),
            created_by: o.created_by,
            context_types: o.contexts.borrow().iter().filter_map(Context::type_name).collect(),
        })
        .collect()
}

/// The objects of one driver not yet destroyed.
pub(crate) fn live_objects_of(globals: PWDF_DRIVER_GLOBALS) -> Vec<LiveObject> {
    let mut live = live_objects();
    live.retain(|l| find(l.handle).is_some_and(|o| o.globals == globals));
    live
}
