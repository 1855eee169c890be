//! Deferred procedure calls (WDF fxdpcapi.cpp).

use crate::abi::STATUS_INFO_LENGTH_MISMATCH;
use crate::args::{In, Out};
use crate::ddi::ddi;
use crate::object::attributes::{self, Allowed};
use crate::object::{Hooks, new_object, object, parent_of, payload, set_hooks};
use crate::serial::{self, Serial};
use crate::verifier::{callback, null_pointer, size_is};
use lab_kernel::cpu;
use lab_kernel::rules;
use std::cell::Cell;
use wdk_sys::{
    BOOLEAN, NTSTATUS, PFN_WDF_DPC, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, WDF_DPC_CONFIG, WDF_OBJECT_ATTRIBUTES,
    WDFDPC, WDFOBJECT,
};

rules! {
    DPC_CANCEL_WAIT: "WdfDpcCancel waits only at PASSIVE_LEVEL", "DDI wdfdpc WdfDpcCancel";
}

/// Payload of WDFDPC.
struct Dpc {
    callback: PFN_WDF_DPC,
    serial: Serial,
    /// Number of the run that is queued; a cancelled run finds another number.
    queued: Cell<Option<u64>>,
    runs: Cell<u64>,
}

impl Dpc {
    fn enqueue(&'static self, handle: WDFDPC) -> bool {
        if self.queued.get().is_some() {
            return false;
        }
        let run = self.runs.get() + 1;
        self.runs.set(run);
        self.queued.set(Some(run));
        cpu::queue_dpc(move || {
            if self.queued.get() == Some(run) {
                self.queued.set(None);
                if let Some(function) = self.callback {
                    self.serial.run(|| callback!("EvtDpcFunc", function, handle));
                }
            }
        });
        true
    }
}

fn dispose(handle: WDFOBJECT) {
    payload::<Dpc>(handle).queued.set(None);
}

ddi! {
    fn WdfDpcCreate(
        DISPATCH_LEVEL; config: In<WDF_DPC_CONFIG>, attributes: In<WDF_OBJECT_ATTRIBUTES>, dpc: Out<WDFDPC>,
    ) -> NTSTATUS {
        match create(config, attributes) {
            Ok(handle) => {
                dpc.set(handle.cast(), "Dpc");
                STATUS_SUCCESS
            }
            Err(status) => status,
        }
    }

    fn WdfDpcEnqueue(HIGH_LEVEL; handle: WDFDPC) -> BOOLEAN {
        payload::<Dpc>(handle.cast()).enqueue(handle).into()
    }

    fn WdfDpcCancel(HIGH_LEVEL; handle: WDFDPC, wait: BOOLEAN) -> BOOLEAN {
        let was_queued = payload::<Dpc>(handle.cast()).queued.take().is_some();
        let passive = cpu::irql() == cpu::PASSIVE_LEVEL;
        if wait != 0 && DPC_CANCEL_WAIT.check(passive, || format!("IRQL {}", cpu::irql())) {
            cpu::flush_dpcs();
        }
        was_queued.into()
    }

    fn WdfDpcGetParentObject(HIGH_LEVEL; handle: WDFDPC) -> WDFOBJECT {
        payload::<Dpc>(handle.cast());
        parent_of(handle.cast())
    }
}

fn create(config: In<WDF_DPC_CONFIG>, attributes: In<WDF_OBJECT_ATTRIBUTES>) -> Result<WDFOBJECT, NTSTATUS> {
    if !size_is("WDF_DPC_CONFIG", config.size("Config"), size_of::<WDF_DPC_CONFIG>()) {
        return Err(STATUS_INFO_LENGTH_MISMATCH);
    }
    let config = config.get("Config");
    if config.EvtDpcFunc.is_none() {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let Some(attributes) = attributes::read(attributes, Allowed::PARENT_REQUIRED)? else { null_pointer("Attributes") };
    let parent = attributes.ParentObject;
    let dpc = Dpc {
        callback: config.EvtDpcFunc,
        serial: serial::effective(parent, config.AutomaticSerialization != 0, false)?,
        queued: Cell::default(),
        runs: Cell::default(),
    };
    let handle = new_object("WDFDPC", Some(&attributes), parent, object(parent).globals, Box::new(dpc))?;
    set_hooks(handle, Hooks { dispose: Some(dispose), ..Hooks::default() });
    Ok(handle)
}
