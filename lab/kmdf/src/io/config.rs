//! What a driver sets about I/O in its PWDFDEVICE_INIT.

use wdk_sys::{GUID, WDF_FILEOBJECT_CONFIG, WDF_OBJECT_ATTRIBUTES};

/// The I/O settings of a device.
#[derive(Clone, Default)]
pub(crate) struct IoConfig {
    pub(crate) exclusive: bool,
    pub(crate) sddl: Option<String>,
    pub(crate) class: Option<GUID>,
    pub(crate) file: Option<WDF_FILEOBJECT_CONFIG>,
    pub(crate) file_attributes: Option<WDF_OBJECT_ATTRIBUTES>,
    pub(crate) request_attributes: Option<WDF_OBJECT_ATTRIBUTES>,
}
