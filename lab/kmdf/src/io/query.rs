//! Driver-defined interfaces: WdfDeviceAddQueryInterface and IRP_MN_QUERY_INTERFACE (WDF fxqueryinterfaceapi.cpp,
//! FxPkgPnp::HandleQueryInterface).

use super::interface::same;
use crate::abi::{STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_BUFFER_SIZE};
use crate::args::In;
use crate::ddi::ddi;
use crate::device::{DeviceState, state_of};
use crate::verifier::{callback, null_pointer, size_is};
use lab_kernel::rules;
use std::cell::RefCell;
use wdk_sys::{
    GUID, INTERFACE, NT_SUCCESS, NTSTATUS, PFN_WDF_DEVICE_PROCESS_QUERY_INTERFACE_REQUEST, PVOID,
    STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_SUCCESS, WDF_QUERY_INTERFACE_CONFIG, WDFDEVICE,
};

rules! {
    QUERY_INTERFACE_REFERENCES: "An exposed interface can be referenced and dereferenced", "DDI wdm IRP_MN_QUERY_INTERFACE, Operation; INTERFACE";
}

/// An interface the driver offers.
pub(crate) struct QueryInterface {
    class: GUID,
    /// A copy of what the driver gave, in words so that it is aligned; empty if the callback fills it in.
    template: Vec<u64>,
    import: bool,
    process: PFN_WDF_DEVICE_PROCESS_QUERY_INTERFACE_REQUEST,
}

unsafe extern "win64" fn no_op(_: PVOID) {}

/// The first words of a template.
fn header(template: &[u64]) -> Option<INTERFACE> {
    // SAFETY: a template that is not empty was checked to hold an INTERFACE, and its words are aligned.
    (!template.is_empty()).then(|| unsafe { template.as_ptr().cast::<INTERFACE>().read() })
}

ddi! {
    fn WdfDeviceAddQueryInterface(PASSIVE_LEVEL; device: WDFDEVICE, config: In<WDF_QUERY_INTERFACE_CONFIG>) -> NTSTATUS {
        let state = state_of(device);
        let config = config.get("InterfaceConfig");
        if !size_is("WDF_QUERY_INTERFACE_CONFIG", config.Size, size_of::<WDF_QUERY_INTERFACE_CONFIG>()) {
            return STATUS_INFO_LENGTH_MISMATCH;
        }
        match plan(&config) {
            Ok(interface) => {
                state.io.query_interfaces.borrow_mut().push(interface);
                STATUS_SUCCESS
            }
            Err(status) => status,
        }
    }
}

fn plan(config: &WDF_QUERY_INTERFACE_CONFIG) -> Result<QueryInterface, NTSTATUS> {
    // SAFETY: null, or the driver's constant GUID.
    let Some(class) = (unsafe { config.InterfaceType.as_ref() }) else { null_pointer("InterfaceType") };
    let import = config.ImportInterface != 0;
    // A function device has no parent stack to send a query to.
    if config.SendQueryToParentStack != 0
        || (config.Interface.is_null() && !import)
        || (import && config.EvtDeviceProcessQueryInterfaceRequest.is_none())
    {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let mut template = Vec::new();
    if !config.Interface.is_null() {
        // SAFETY: the driver's interface begins with its Size.
        let size = usize::from(unsafe { config.Interface.read_unaligned() }.Size);
        if size < size_of::<INTERFACE>() {
            return Err(STATUS_INVALID_PARAMETER);
        }
        template = vec![0_u64; size.div_ceil(8)];
        // SAFETY: the interface is `size` bytes long, and so is the copy.
        unsafe { template.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(config.Interface.cast(), size) };
        let head = template.as_mut_ptr().cast::<INTERFACE>();
        // SAFETY: the copy holds an INTERFACE, and its words are aligned.
        unsafe {
            (*head).InterfaceReference.get_or_insert(no_op);
            (*head).InterfaceDereference.get_or_insert(no_op);
        }
    }
    let process = config.EvtDeviceProcessQueryInterfaceRequest;
    Ok(QueryInterface { class: *class, template, import, process })
}

/// An interface got by [`Device::query_interface`](crate::Device::query_interface). Dropping it releases its reference.
pub struct Exposed {
    words: RefCell<Vec<u64>>,
}

impl Exposed {
    /// The interface, as long as was asked for.
    pub fn as_ptr(&self) -> *const INTERFACE {
        self.words.borrow().as_ptr().cast()
    }

    fn head(&self) -> Option<INTERFACE> {
        header(&self.words.borrow())
    }
}

impl Drop for Exposed {
    fn drop(&mut self) {
        let head = self.head();
        if let Some((head, dereference)) = head.and_then(|h| h.InterfaceDereference.map(|d| (h, d))) {
            callback!("InterfaceDereference", dereference, head.Context);
        }
    }
}

/// IRP_MN_QUERY_INTERFACE for `size` bytes of version `version`.
///
/// # Errors
/// STATUS_NOT_SUPPORTED if the driver offers no such interface, STATUS_INVALID_BUFFER_SIZE if its own is larger or
/// newer, the status of the driver's callback.
pub(crate) fn query(device: &DeviceState, class: &GUID, size: u16, version: u16) -> Result<Exposed, NTSTATUS> {
    let mut words = vec![0_u64; usize::from(size).max(size_of::<INTERFACE>()).div_ceil(8)];
    let process = {
        let all = device.io.query_interfaces.borrow();
        let found = all.iter().find(|q| same(&q.class, class)).ok_or(STATUS_NOT_SUPPORTED)?;
        if let Some(head) = header(&found.template) {
            if head.Size > size || head.Version > version {
                return Err(STATUS_INVALID_BUFFER_SIZE);
            }
            if !found.import {
                words[..found.template.len()].copy_from_slice(&found.template);
            }
        }
        found.process
    };
    let mut class = *class;
    if let Some(process) = process {
        let interface = words.as_mut_ptr().cast::<INTERFACE>();
        let data: PVOID = std::ptr::null_mut();
        let status = callback!(
            "EvtDeviceProcessQueryInterfaceRequest",
            process,
            device.handle(),
            &raw mut class,
            interface,
            data
        );
        if !NT_SUCCESS(status) && status != STATUS_NOT_SUPPORTED {
            return Err(status);
        }
    }
    let exposed = Exposed { words: RefCell::new(words) };
    let head = exposed.head();
    let counted = head.is_some_and(|h| h.InterfaceReference.is_some() && h.InterfaceDereference.is_some());
    QUERY_INTERFACE_REFERENCES.check(counted, || super::interface::text(&class));
    if let Some((head, reference)) = head.and_then(|h| h.InterfaceReference.map(|r| (h, r))) {
        callback!("InterfaceReference", reference, head.Context);
    }
    Ok(exposed)
}
