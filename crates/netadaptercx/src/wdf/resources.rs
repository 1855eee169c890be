//! The hardware resources that PnP assigned to a device.

use core::marker::PhantomData;
use wdk_sys::{
    CM_PARTIAL_RESOURCE_DESCRIPTOR, CM_RESOURCE_INTERRUPT_MESSAGE, CmResourceTypeInterrupt, CmResourceTypeMemory,
    PHYSICAL_ADDRESS, WDFCMRESLIST, call_unsafe_wdf_function_binding,
};

/// The resources of the running EvtDevicePrepareHardware.
pub struct Resources<'cb> {
    raw: WDFCMRESLIST,
    translated: WDFCMRESLIST,
    callback: PhantomData<&'cb ()>,
}

/// A memory range of the device (a BAR).
#[derive(Clone, Copy)]
pub struct MemoryRange {
    pub(crate) start: PHYSICAL_ADDRESS,
    pub(crate) len: u32,
}

impl MemoryRange {
    /// Bytes.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Whether the range has no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// An interrupt of the device: an MSI-X message or a line.
pub struct InterruptResource<'cb> {
    pub(crate) raw: *mut CM_PARTIAL_RESOURCE_DESCRIPTOR,
    pub(crate) translated: *mut CM_PARTIAL_RESOURCE_DESCRIPTOR,
    message: bool,
    callback: PhantomData<&'cb ()>,
}

impl InterruptResource<'_> {
    /// Message-signalled, as opposed to a line.
    #[must_use]
    pub const fn is_message(&self) -> bool {
        self.message
    }
}

impl<'cb> Resources<'cb> {
    /// # Safety
    /// The two lists of the running EvtDevicePrepareHardware.
    pub(crate) const unsafe fn new(raw: WDFCMRESLIST, translated: WDFCMRESLIST) -> Self {
        Self { raw, translated, callback: PhantomData }
    }

    fn descriptors(
        &self,
    ) -> impl Iterator<Item = (*mut CM_PARTIAL_RESOURCE_DESCRIPTOR, *mut CM_PARTIAL_RESOURCE_DESCRIPTOR)> + use<'cb>
    {
        let (raw, translated) = (self.raw, self.translated);
        // SAFETY: the lists of the running callback.
        let count = unsafe { call_unsafe_wdf_function_binding!(WdfCmResourceListGetCount, translated) };
        (0..count).filter_map(move |index| {
            // SAFETY: as above; a null answer is filtered out.
            unsafe {
                let raw = call_unsafe_wdf_function_binding!(WdfCmResourceListGetDescriptor, raw, index);
                let translated = call_unsafe_wdf_function_binding!(WdfCmResourceListGetDescriptor, translated, index);
                (!raw.is_null() && !translated.is_null()).then_some((raw, translated))
            }
        })
    }

    /// The memory ranges, in the order of the BARs they come from. Ports and the BARs behind them are left out.
    pub fn memory(&self) -> impl Iterator<Item = MemoryRange> + use<'cb> {
        self.descriptors().filter_map(|(_, translated)| {
            // SAFETY: a descriptor of the running callback's list; its union holds a memory range when Type says so.
            unsafe {
                (u32::from((*translated).Type) == CmResourceTypeMemory)
                    .then(|| MemoryRange { start: (*translated).u.Memory.Start, len: (*translated).u.Memory.Length })
            }
        })
    }

    /// The interrupts, in the order of their messages.
    pub fn interrupts(&self) -> impl Iterator<Item = InterruptResource<'cb>> + use<'cb> {
        self.descriptors().filter_map(|(raw, translated)| {
            // SAFETY: a descriptor of the running callback's list.
            let (kind, flags) = unsafe { ((*translated).Type, (*translated).Flags) };
            (u32::from(kind) == CmResourceTypeInterrupt).then_some(InterruptResource {
                raw,
                translated,
                message: u32::from(flags) & CM_RESOURCE_INTERRUPT_MESSAGE != 0,
                callback: PhantomData,
            })
        })
    }
}
