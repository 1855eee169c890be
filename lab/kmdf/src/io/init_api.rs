//! The WdfDeviceInit entries about I/O.

use crate::args::{In, Utf16};
use crate::ddi::ddi;
use crate::device::init::init_of;
use crate::object::attributes::{self, Allowed};
use crate::verifier::size_is;
use lab_kernel::rules;
use wdk_sys::_WDF_DEVICE_IO_TYPE as io_type;
use wdk_sys::_WDF_FILEOBJECT_CLASS as class;
use wdk_sys::{
    BOOLEAN, GUID, NTSTATUS, PWDFDEVICE_INIT, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, WDF_DEVICE_IO_TYPE,
    WDF_FILEOBJECT_CONFIG, WDF_OBJECT_ATTRIBUTES,
};

rules! {
    IO_TYPE: "WdfDeviceInitSetIoType is given a type of I/O", "DDI wdfdevice WdfDeviceInitSetIoType";
    INIT_ATTRIBUTES: "Attributes for requests and file objects name no parent and are otherwise valid", "WDF fxdeviceinitapi.cpp WdfDeviceInitSetRequestAttributes, WdfDeviceInitSetFileObjectConfig";
    FILE_OBJECT_CLASS: "WDF_FILEOBJECT_CONFIG.FileObjectClass is a class", "WDF fxdeviceinitapi.cpp WdfDeviceInitSetFileObjectConfig";
    SDDL_STRING: "The SDDL string of a device is a DACL: D: and access control entries", "DDI wdfdevice WdfDeviceInitAssignSDDLString; Securing Device Objects";
}

ddi! {
    fn WdfDeviceInitSetIoType(DISPATCH_LEVEL; pointer: PWDFDEVICE_INIT, kind: WDF_DEVICE_IO_TYPE) {
        // How reads and writes travel; the lab buffers them all.
        init_of(pointer);
        let known = (io_type::WdfDeviceIoNeither..=io_type::WdfDeviceIoDirect).contains(&kind);
        IO_TYPE.check(known, || format!("type {kind}"));
    }

    fn WdfDeviceInitSetExclusive(DISPATCH_LEVEL; pointer: PWDFDEVICE_INIT, exclusive: BOOLEAN) {
        init_of(pointer).io.borrow_mut().exclusive = exclusive != 0;
    }

    fn WdfDeviceInitSetDeviceClass(DISPATCH_LEVEL; pointer: PWDFDEVICE_INIT, class: In<GUID>) {
        init_of(pointer).io.borrow_mut().class = Some(class.get("DeviceClassGuid"));
    }

    fn WdfDeviceInitAssignSDDLString(PASSIVE_LEVEL; pointer: PWDFDEVICE_INIT, sddl: Utf16) -> NTSTATUS {
        let init = init_of(pointer);
        // Null takes an assigned string away.
        if sddl.is_null() {
            init.io.borrow_mut().sddl = None;
            return STATUS_SUCCESS;
        }
        let Some(text) = sddl.text("SDDLString") else { return STATUS_INVALID_PARAMETER };
        if !SDDL_STRING.check(is_dacl(&text), || text.clone()) {
            return STATUS_INVALID_PARAMETER;
        }
        init.io.borrow_mut().sddl = Some(text);
        STATUS_SUCCESS
    }

    fn WdfDeviceInitSetFileObjectConfig(DISPATCH_LEVEL; pointer: PWDFDEVICE_INIT, config: In<WDF_FILEOBJECT_CONFIG>, attributes: In<WDF_OBJECT_ATTRIBUTES>) {
        let init = init_of(pointer);
        let config = config.get("FileObjectConfig");
        if !size_is("WDF_FILEOBJECT_CONFIG", config.Size, size_of::<WDF_FILEOBJECT_CONFIG>()) {
            return;
        }
        let kind = config.FileObjectClass & !class::WdfFileObjectCanBeOptional;
        let known = (class::WdfFileObjectNotRequired..=class::WdfFileObjectWdfCannotUseFsContexts).contains(&kind);
        let allowed = Allowed { execution_level: true, scope: true, ..Allowed::NONE };
        let attributes = attributes::read(attributes, allowed);
        let valid = INIT_ATTRIBUTES.check(attributes.is_ok(), || format!("{:#010x}", attributes.err().unwrap_or_default()));
        if FILE_OBJECT_CLASS.check(known, || format!("class {kind}"))
            && valid
            && let Ok(attributes) = attributes
        {
            let mut io = init.io.borrow_mut();
            io.file = Some(config);
            io.file_attributes = attributes;
        }
    }

    fn WdfDeviceInitSetRequestAttributes(DISPATCH_LEVEL; pointer: PWDFDEVICE_INIT, attributes: In<WDF_OBJECT_ATTRIBUTES>) {
        let init = init_of(pointer);
        let attributes = attributes::read(attributes, Allowed::NONE);
        let valid = INIT_ATTRIBUTES.check(attributes.is_ok(), || format!("{:#010x}", attributes.err().unwrap_or_default()));
        if valid && let Ok(attributes) = attributes {
            init.io.borrow_mut().request_attributes = attributes;
        }
    }
}

/// A discretionary list as IoCreateDeviceSecure takes it: `D:`, flags, entries in parentheses with six fields.
fn is_dacl(text: &str) -> bool {
    let Some((flags, entries)) =
        text.strip_prefix("D:").map(|rest| rest.split_at(rest.find('(').unwrap_or(rest.len())))
    else {
        return false;
    };
    let entry = |entry: &str| {
        let fields: Vec<_> = entry.split(';').collect();
        fields.len() == 6 && matches!(fields[0], "A" | "D") && !fields[5].is_empty()
    };
    flags.chars().all(|c| "PARI".contains(c))
        && entries.strip_prefix('(').and_then(|e| e.strip_suffix(')')).is_some_and(|e| e.split(")(").all(entry))
}

#[cfg(test)]
mod tests {
    use super::is_dacl;

    #[test]
    fn a_dacl_is_recognised() {
        for good in ["D:P(A;;GA;;;SY)(A;;GA;;;BA)", "D:(A;;GRGW;;;BA)", "D:P(A;;0x3;;;S-1-5-18)"] {
            assert!(is_dacl(good), "{good}");
        }
        for bad in ["", "D:P", "O:SYD:P(A;;GA;;;SY)", "D:P(A;;GA;;;SY", "D:P(A;;GA;;SY)", "D:P(X;;GA;;;SY)", "D:P()"] {
            assert!(!is_dacl(bad), "{bad}");
        }
    }
}
