//! The WdfFileObject entries.

use super::file::{FileObject, OpenFile};
use crate::ddi::ddi;
use crate::object::payload;
use std::sync::Arc;
use wdk_sys::{PUNICODE_STRING, PVOID, ULONG, WDFDEVICE, WDFFILEOBJECT};

fn file_of(handle: WDFFILEOBJECT) -> Arc<OpenFile> {
    payload::<FileObject>(handle.cast()).file.clone()
}

ddi! {
    fn WdfFileObjectGetFileName(PASSIVE_LEVEL; handle: WDFFILEOBJECT) -> PUNICODE_STRING {
        file_of(handle).name()
    }

    // Opened without asynchronous or sequential I/O options.
    fn WdfFileObjectGetFlags(DISPATCH_LEVEL; handle: WDFFILEOBJECT) -> ULONG {
        file_of(handle);
        0
    }

    fn WdfFileObjectGetDevice(DISPATCH_LEVEL; handle: WDFFILEOBJECT) -> WDFDEVICE {
        file_of(handle).device.handle()
    }

    fn WdfFileObjectWdmGetFileObject(DISPATCH_LEVEL; handle: WDFFILEOBJECT) -> PVOID {
        file_of(handle).key() as PVOID
    }

    fn WdfFileObjectGetInitiatorProcessId(DISPATCH_LEVEL; handle: WDFFILEOBJECT) -> ULONG {
        file_of(handle);
        std::process::id()
    }
}
