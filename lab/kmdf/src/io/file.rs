//! Open files: create, cleanup and close (WDF fxpkggeneral.cpp, fxfileobject.cpp).
//!
//! As in Windows the close comes when the handle and every packet of the file are gone, so a file object outlives its
//! handle by the requests still in it.

use super::irp::{Ask, Irp, Major};
use super::request::{self, request_of};
use crate::abi::STATUS_ACCESS_DENIED;
use crate::device::DeviceState;
use crate::object::{Hooks, delete_object, new_object, set_hooks};
use crate::verifier::callback;
use crate::worker;
use lab_kernel::cpu;
use std::cell::Cell;
use std::sync::Arc;
use wdk_sys::_WDF_FILEOBJECT_CLASS as class;
use wdk_sys::{
    NT_SUCCESS, NTSTATUS, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST, UNICODE_STRING, WDFFILEOBJECT,
    WDFOBJECT,
};

/// Bytes of a stand-in for a WDM FILE_OBJECT on x64.
const FILE_OBJECT_BYTES: usize = 0xD8;

/// Where a file is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Opening,
    Open,
    /// The handle is closed; packets may be left.
    CleanedUp,
    Closed,
}

/// An open file, one for each successful open.
pub(crate) struct OpenFile {
    pub(crate) device: &'static DeviceState,
    /// Stand-in for the WDM file object; its address names the file.
    wdm: &'static [u64],
    /// The name behind the device's, as FILE_OBJECT.FileName has it.
    name: &'static Cell<UNICODE_STRING>,
    /// The framework's object, null if the driver wants none.
    object: Cell<WDFFILEOBJECT>,
    stage: Cell<Stage>,
    /// Packets that are not complete.
    packets: Cell<u32>,
}

// SAFETY: cells and handles of a file are used by the baton holder of lab_kernel::cpu only.
unsafe impl Send for OpenFile {}
// SAFETY: as above.
unsafe impl Sync for OpenFile {}

/// Payload of WDFFILEOBJECT.
pub(crate) struct FileObject {
    pub(crate) file: Arc<OpenFile>,
}

/// IRP_MJ_CREATE, waited for.
///
/// # Errors
/// The driver's status; STATUS_ACCESS_DENIED for a second open of an exclusive device.
pub(crate) fn open(device: &'static DeviceState, name: &str) -> Result<Arc<OpenFile>, NTSTATUS> {
    let io = &device.io;
    if io.config.exclusive && io.open_files.get() > 0 {
        return Err(STATUS_ACCESS_DENIED);
    }
    io.open_files.update(|n| n + 1);
    let file = Arc::new(OpenFile {
        device,
        wdm: Box::leak(Box::new([0; FILE_OBJECT_BYTES / 8])),
        name: leak_name(name),
        object: Cell::new(std::ptr::null_mut()),
        stage: Cell::new(Stage::Opening),
        packets: Cell::new(0),
    });
    let created = file.make_object().and_then(|()| file.create());
    match created {
        Ok(()) => file.stage.set(Stage::Open),
        Err(_) => file.forget(),
    }
    created.map(|()| file)
}

fn leak_name(name: &str) -> &'static Cell<UNICODE_STRING> {
    let units = name.encode_utf16().collect::<Vec<_>>().leak();
    let bytes = (units.len() * 2) as u16;
    Box::leak(Box::new(Cell::new(UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: units.as_mut_ptr() })))
}

impl OpenFile {
    /// Names the file.
    pub(crate) fn key(&self) -> usize {
        self.wdm.as_ptr() as usize
    }

    pub(crate) fn object(&self) -> WDFFILEOBJECT {
        self.object.get()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.stage.get() == Stage::Open
    }

    /// Its name, which lives as long as the run.
    pub(crate) fn name(&self) -> *mut UNICODE_STRING {
        self.name.as_ptr()
    }

    fn make_object(self: &Arc<OpenFile>) -> Result<(), NTSTATUS> {
        let config = &self.device.io.config;
        let class = config.file.map_or(class::WdfFileObjectNotRequired, |f| f.FileObjectClass);
        if class & !class::WdfFileObjectCanBeOptional == class::WdfFileObjectNotRequired {
            return Ok(());
        }
        let payload = Box::new(FileObject { file: self.clone() });
        let parent = self.device.handle().cast();
        let made = new_object("WDFFILEOBJECT", config.file_attributes.as_ref(), parent, self.device.globals, payload)?;
        set_hooks(made, Hooks { driver_may_not_delete: true, passive_dispose: true, ..Hooks::default() });
        self.object.set(made.cast());
        Ok(())
    }

    /// EvtDeviceFileCreate or the queue that takes creates; without either the open succeeds.
    fn create(self: &Arc<OpenFile>) -> Result<(), NTSTATUS> {
        let io = &self.device.io;
        let evt_create = io.config.file.and_then(|f| f.EvtDeviceFileCreate);
        if evt_create.is_none() && io.create_queue.get().is_none() {
            return Ok(());
        }
        let ask = Ask { major: Major::Create, code: 0, input: &[], output_len: 0, from_kernel: false };
        let irp = Arc::new(Irp::new(self.clone(), &ask, None).ok_or(STATUS_INSUFFICIENT_RESOURCES)?);
        self.packet_starts();
        match (io.create_queue.get(), evt_create) {
            (None, Some(evt_create)) => self.create_by_callback(irp.clone(), evt_create),
            (queue, _) => request::send(self.device, irp.clone(), queue),
        }
        cpu::wait_for("the driver to complete a create request", &irp.done, None);
        let status = irp.result().map_or(STATUS_INVALID_DEVICE_REQUEST, |r| r.status);
        if NT_SUCCESS(status) { Ok(()) } else { Err(status) }
    }

    /// The request goes through a manual queue of the framework, so that it has an owner like any other.
    fn create_by_callback(
        &self,
        irp: Arc<Irp>,
        evt_create: unsafe extern "win64" fn(wdk_sys::WDFDEVICE, wdk_sys::WDFREQUEST, WDFFILEOBJECT),
    ) {
        let Some(queue) = self.device.io.creates.get() else { return irp.complete(STATUS_INVALID_DEVICE_REQUEST, 0) };
        let request = match request::create(self.device, irp.clone()) {
            Ok(request) => request,
            Err(status) => return irp.complete(status, 0),
        };
        if !request.submit(queue) {
            return;
        }
        if let Ok(handle) = queue.retrieve(Some(self.key()), None) {
            request_of(handle).given_to_driver();
            callback!("EvtDeviceFileCreate", evt_create, self.device.handle(), handle, self.object());
        }
    }

    /// A packet is sent.
    pub(crate) fn packet_starts(&self) {
        self.packets.update(|n| n + 1);
    }

    /// A packet is complete: perhaps the last thing that kept the file.
    pub(crate) fn request_ended(self: &Arc<OpenFile>) {
        self.packets.update(|n| n - 1);
        if self.packets.get() == 0 && self.stage.get() == Stage::CleanedUp {
            let file = self.clone();
            // Completions may be at DISPATCH_LEVEL and deep in the driver.
            worker::run(move || file.close());
        }
    }

    /// The last handle is closed: IRP_MJ_CLEANUP, and IRP_MJ_CLOSE when no packet is left.
    pub(crate) fn cleanup(self: &Arc<OpenFile>) {
        if self.stage.get() != Stage::Open {
            return;
        }
        // The packet that carries the cleanup keeps the file.
        self.packet_starts();
        self.stage.set(Stage::CleanedUp);
        if let Some(cleanup) = self.device.io.config.file.and_then(|f| f.EvtFileCleanup) {
            callback!("EvtFileCleanup", cleanup, self.object());
        }
        self.device.io.flush(self.key());
        self.packets.update(|n| n - 1);
        if self.packets.get() == 0 {
            self.close();
        }
    }

    fn close(self: &Arc<OpenFile>) {
        if self.stage.replace(Stage::Closed) == Stage::Closed {
            return;
        }
        if let Some(close) = self.device.io.config.file.and_then(|f| f.EvtFileClose) {
            callback!("EvtFileClose", close, self.object());
        }
        self.forget();
    }

    /// The framework's object goes, and with the last file perhaps the device.
    fn forget(&self) {
        self.stage.set(Stage::Closed);
        let object: WDFOBJECT = self.object.replace(std::ptr::null_mut()).cast();
        if !object.is_null() {
            delete_object(object);
        }
        self.device.io.file_closed();
    }
}
