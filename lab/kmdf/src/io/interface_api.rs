//! The WdfDevice entries about device interfaces and symbolic links.

use super::interface::{Interface, same};
use crate::args::{In, Utf16};
use crate::collection::assign_string;
use crate::ddi::ddi;
use crate::device::state_of;
use lab_kernel::rules;
use wdk_sys::{
    BOOLEAN, GUID, NTSTATUS, STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS, WDFDEVICE,
    WDFSTRING,
};

rules! {
    INTERFACE_KNOWN: "The state of an interface is set after it was created", "DDI wdfdevice WdfDeviceSetDeviceInterfaceState";
}

/// A reference string; `None` for one that FxValidateUnicodeString refuses.
fn reference_text(reference: Utf16) -> Option<String> {
    if reference.is_null() { Some(String::new()) } else { reference.text("ReferenceString") }
}

fn set_state(device: WDFDEVICE, class: In<GUID>, reference: Utf16, enabled: bool, explicit: bool) {
    let state = state_of(device);
    let class = class.get("InterfaceClassGUID");
    let Some(reference) = reference_text(reference) else { return };
    let mut interfaces = state.io.interfaces.borrow_mut();
    let found = interfaces.iter_mut().find(|i| same(&i.class, &class) && i.reference == reference);
    if INTERFACE_KNOWN.check(found.is_some(), || super::interface::text(&class))
        && let Some(interface) = found
    {
        interface.enabled = enabled;
        if explicit {
            interface.auto_enable = false;
        }
    }
}

ddi! {
    fn WdfDeviceCreateDeviceInterface(PASSIVE_LEVEL; device: WDFDEVICE, class: In<GUID>, reference: Utf16) -> NTSTATUS {
        let state = state_of(device);
        let class = class.get("InterfaceClassGUID");
        let Some(reference) = reference_text(reference) else { return STATUS_INVALID_PARAMETER };
        state.io.interfaces.borrow_mut().push(Interface { class, reference, enabled: false, auto_enable: true });
        STATUS_SUCCESS
    }

    fn WdfDeviceSetDeviceInterfaceState(PASSIVE_LEVEL; device: WDFDEVICE, class: In<GUID>, reference: Utf16, enabled: BOOLEAN) {
        set_state(device, class, reference, enabled != 0, false);
    }

    // This form also takes the interface out of the framework's automatic enabling at start.
    fn WdfDeviceSetDeviceInterfaceStateEx(PASSIVE_LEVEL; device: WDFDEVICE, class: In<GUID>, reference: Utf16, enabled: BOOLEAN) {
        set_state(device, class, reference, enabled != 0, true);
    }

    fn WdfDeviceRetrieveDeviceInterfaceString(PASSIVE_LEVEL; device: WDFDEVICE, class: In<GUID>, reference: Utf16, string: WDFSTRING) -> NTSTATUS {
        let state = state_of(device);
        let class = class.get("InterfaceClassGUID");
        let Some(reference) = reference_text(reference) else { return STATUS_INVALID_PARAMETER };
        let interfaces = state.io.interfaces.borrow();
        match interfaces.iter().find(|i| same(&i.class, &class) && i.reference == reference) {
            Some(interface) => {
                assign_string(string, &interface.symbolic_link());
                STATUS_SUCCESS
            }
            None => STATUS_OBJECT_NAME_NOT_FOUND,
        }
    }

    fn WdfDeviceCreateSymbolicLink(PASSIVE_LEVEL; device: WDFDEVICE, name: Utf16) -> NTSTATUS {
        let state = state_of(device);
        let Some(name) = name.text("SymbolicLinkName") else { return STATUS_INVALID_PARAMETER };
        state.io.symbolic_links.borrow_mut().push(name);
        STATUS_SUCCESS
    }
}
