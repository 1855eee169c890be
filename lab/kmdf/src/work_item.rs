//! Work items (WDF fxworkitemapi.cpp, fxworkitem.cpp).

use crate::abi::STATUS_INFO_LENGTH_MISMATCH;
use crate::args::{In, Out};
use crate::ddi::ddi;
use crate::object::attributes::{self, Allowed};
use crate::object::{Hooks, new_object, object, parent_of, payload, set_hooks};
use crate::serial::{self, Serial};
use crate::verifier::{callback, null_pointer, size_is};
use crate::worker;
use lab_kernel::cpu::{self, Event, ThreadId};
use lab_kernel::rules;
use std::cell::Cell;
use wdk_sys::{
    NTSTATUS, PFN_WDF_WORKITEM, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, WDF_OBJECT_ATTRIBUTES, WDF_WORKITEM_CONFIG,
    WDFOBJECT, WDFWORKITEM,
};

rules! {
    WORK_ITEM_RUNNING_DOWN: "A work item is not enqueued while it is deleted", "WDF fxworkitem.cpp Enqueue: m_RunningDown";
    WORK_ITEM_FLUSH: "WdfWorkItemFlush is called at PASSIVE_LEVEL and not in the work item's own callback", "DDI wdfworkitem WdfWorkItemFlush";
}

/// Payload of WDFWORKITEM.
pub(crate) struct WorkItem {
    callback: PFN_WDF_WORKITEM,
    serial: Serial,
    enqueued: Cell<bool>,
    /// Runs that have begun and not ended.
    running: Cell<u32>,
    thread: Cell<Option<ThreadId>>,
    running_down: Cell<bool>,
    /// Set while it is neither queued nor running.
    completed: Event,
}

impl WorkItem {
    /// Queues one run; a work item that is queued already runs once.
    fn enqueue(&'static self, handle: WDFWORKITEM) {
        if self.enqueued.get() || !WORK_ITEM_RUNNING_DOWN.check(!self.running_down.get(), || format!("{handle:p}")) {
            return;
        }
        self.completed.reset();
        self.enqueued.set(true);
        worker::run(move || self.run(handle));
    }

    fn run(&self, handle: WDFWORKITEM) {
        self.enqueued.set(false);
        self.running.update(|r| r + 1);
        self.thread.set(Some(cpu::current_thread()));
        if let Some(function) = self.callback {
            self.serial.run(|| callback!("EvtWorkItem", function, handle));
        }
        self.thread.set(None);
        self.running.update(|r| r - 1);
        if self.running.get() == 0 && !self.enqueued.get() {
            self.completed.set();
        }
    }

    fn wait(&self) {
        cpu::wait_for("a work item to complete", &self.completed, None);
    }
}

fn dispose(handle: WDFOBJECT) {
    let item = payload::<WorkItem>(handle);
    item.running_down.set(true);
    // A work item may delete itself in its callback.
    if item.thread.get() != Some(cpu::current_thread()) {
        item.wait();
    }
}

ddi! {
    fn WdfWorkItemCreate(
        DISPATCH_LEVEL; config: In<WDF_WORKITEM_CONFIG>, attributes: In<WDF_OBJECT_ATTRIBUTES>, item: Out<WDFWORKITEM>,
    ) -> NTSTATUS {
        match create(config, attributes) {
            Ok(handle) => {
                item.set(handle.cast(), "WorkItem");
                STATUS_SUCCESS
            }
            Err(status) => status,
        }
    }

    fn WdfWorkItemEnqueue(DISPATCH_LEVEL; handle: WDFWORKITEM) {
        payload::<WorkItem>(handle.cast()).enqueue(handle);
    }

    fn WdfWorkItemGetParentObject(DISPATCH_LEVEL; handle: WDFWORKITEM) -> WDFOBJECT {
        payload::<WorkItem>(handle.cast());
        parent_of(handle.cast())
    }

    fn WdfWorkItemFlush(PASSIVE_LEVEL; handle: WDFWORKITEM) {
        let item = payload::<WorkItem>(handle.cast());
        let own = item.thread.get() == Some(cpu::current_thread());
        if WORK_ITEM_FLUSH.check(!own && cpu::irql() == cpu::PASSIVE_LEVEL, || format!("in its callback: {own}")) {
            item.wait();
        }
    }
}

fn create(config: In<WDF_WORKITEM_CONFIG>, attributes: In<WDF_OBJECT_ATTRIBUTES>) -> Result<WDFOBJECT, NTSTATUS> {
    if !size_is("WDF_WORKITEM_CONFIG", config.size("Config"), size_of::<WDF_WORKITEM_CONFIG>()) {
        return Err(STATUS_INFO_LENGTH_MISMATCH);
    }
    let config = config.get("Config");
    if config.EvtWorkItemFunc.is_none() {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let Some(attributes) = attributes::read(attributes, Allowed::PARENT_REQUIRED)? else { null_pointer("Attributes") };
    let parent = attributes.ParentObject;
    let item = WorkItem {
        callback: config.EvtWorkItemFunc,
        serial: serial::effective(parent, config.AutomaticSerialization != 0, true)?,
        enqueued: Cell::default(),
        running: Cell::default(),
        thread: Cell::default(),
        running_down: Cell::default(),
        completed: Event::new(true, true),
    };
    let handle = new_object("WDFWORKITEM", Some(&attributes), parent, object(parent).globals, Box::new(item))?;
    set_hooks(handle, Hooks { dispose: Some(dispose), passive_dispose: true, ..Hooks::default() });
    Ok(handle)
}
