//! Hardware resources: what the PnP manager assigns, and the WDFCMRESLIST objects a driver reads them from.
//!
//! Layouts: wdm.h CM_PARTIAL_RESOURCE_DESCRIPTOR. As on Windows every MSI-X message has a descriptor of its own.

use crate::bus::Bus;
use crate::ddi::ddi;
use crate::object::{new_object, payload};
use lab_kernel::rules;
use std::sync::Arc;
use wdk_sys::{
    _CM_PARTIAL_RESOURCE_DESCRIPTOR__bindgen_ty_1 as Union,
    _CM_PARTIAL_RESOURCE_DESCRIPTOR__bindgen_ty_1__bindgen_ty_1 as Range,
    _CM_PARTIAL_RESOURCE_DESCRIPTOR__bindgen_ty_1__bindgen_ty_3 as InterruptRange, CM_PARTIAL_RESOURCE_DESCRIPTOR,
    CM_RESOURCE_INTERRUPT_LATCHED, CM_RESOURCE_INTERRUPT_MESSAGE, CmResourceTypeInterrupt, CmResourceTypeMemory,
    LARGE_INTEGER, NTSTATUS, PCM_PARTIAL_RESOURCE_DESCRIPTOR, ULONG, WDFCMRESLIST, WDFDEVICE,
};

rules! {
    RESOURCE_INDEX: "Resource descriptors are read at indices below WdfCmResourceListGetCount", "DDI wdfresource WdfCmResourceListGetDescriptor";
}

const CM_RESOURCE_TYPE_PORT: u8 = 1;
const SHARE_DEVICE_EXCLUSIVE: u8 = 1;
const SHARE_SHARED: u8 = 3;
const MEMORY_BAR: u16 = 0x80;
const PORT_IO: u16 = 1;
const PORT_BAR: u16 = 0x100;
/// Interrupt vectors: 16 per IRQL on x64. Messages from 0x90 (IRQL 9) on, the line at 0x81 (IRQL 8).
const FIRST_MESSAGE_VECTOR: u32 = 0x90;
const LINE_VECTOR: u32 = 0x81;
/// Interrupt pin of the line in the raw descriptor: the chipset's first input.
const LINE_NUMBER: u32 = 16;

/// What the PnP manager assigns to a device.
#[derive(Clone)]
pub struct Resources {
    /// The bus below.
    pub bus: Arc<dyn Bus>,
    /// Memory BARs: physical address and bytes, in BAR order.
    pub bars: Vec<(u64, u64)>,
    /// I/O BARs: port and bytes.
    pub ports: Vec<(u64, u64)>,
    /// MSI-X messages granted; 0 = a line interrupt.
    pub messages: u32,
}

impl Resources {
    /// The BARs of an adapter and `messages` messages, at most as many as it has.
    pub fn of_nic(nic: &Arc<lab_nic::Nic>, messages: u32) -> Resources {
        let of = |io: bool| nic.bars().iter().filter(|b| b.io == io).map(|b| (b.phys, b.len)).collect();
        Resources { bus: nic.clone(), bars: of(false), ports: of(true), messages: messages.min(nic.msix_vectors()) }
    }
}

/// Where the interrupt of a descriptor comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Message(u32),
    Line,
}

/// The source of a translated interrupt descriptor that this module made.
pub(crate) fn source_of(translated: &CM_PARTIAL_RESOURCE_DESCRIPTOR) -> Option<Source> {
    if u32::from(translated.Type) != CmResourceTypeInterrupt {
        return None;
    }
    // SAFETY: an interrupt descriptor; every bit pattern is a value of its integers.
    let vector = unsafe { translated.u.Interrupt.Vector };
    match vector {
        LINE_VECTOR => Some(Source::Line),
        _ => vector.checked_sub(FIRST_MESSAGE_VECTOR).map(Source::Message),
    }
}

/// Level and affinity of an interrupt descriptor.
pub(crate) fn level_and_affinity(translated: &CM_PARTIAL_RESOURCE_DESCRIPTOR) -> (u32, u32, u64) {
    // SAFETY: as in `source_of`.
    unsafe { (translated.u.Interrupt.Level, translated.u.Interrupt.Vector, translated.u.Interrupt.Affinity) }
}

/// Payload of WDFCMRESLIST. The descriptors do not move while the list lives.
pub(crate) struct ResourceList(Box<[CM_PARTIAL_RESOURCE_DESCRIPTOR]>);

impl ResourceList {
    pub(crate) fn descriptors(&self) -> &[CM_PARTIAL_RESOURCE_DESCRIPTOR] {
        &self.0
    }

    /// The index of a descriptor by its address: drivers pass the pointers they got from the list.
    pub(crate) fn index_of(&self, descriptor: *const CM_PARTIAL_RESOURCE_DESCRIPTOR) -> Option<usize> {
        self.0.iter().position(|d| std::ptr::eq(d, descriptor))
    }
}

/// The raw and the translated list of a device, children of it.
pub(crate) fn make_lists(device: WDFDEVICE, resources: &Resources) -> Result<(WDFCMRESLIST, WDFCMRESLIST), NTSTATUS> {
    let globals = crate::object::object(device.cast()).globals;
    let make = |raw: bool| {
        let list = Box::new(ResourceList(descriptors(resources, raw).into()));
        new_object("WDFCMRESLIST", None, device.cast(), globals, list).map(|handle| handle.cast())
    };
    Ok((make(true)?, make(false)?))
}

fn descriptors(resources: &Resources, raw: bool) -> Vec<CM_PARTIAL_RESOURCE_DESCRIPTOR> {
    let mut list = Vec::new();
    for &(phys, len) in &resources.bars {
        list.push(range(CmResourceTypeMemory as u8, MEMORY_BAR, phys, len));
    }
    for &(port, len) in &resources.ports {
        list.push(range(CM_RESOURCE_TYPE_PORT, PORT_IO | PORT_BAR, port, len));
    }
    if resources.messages == 0 {
        let (level, vector) = if raw { (LINE_NUMBER, LINE_NUMBER) } else { (LINE_VECTOR >> 4, LINE_VECTOR) };
        list.push(interrupt(SHARE_SHARED, 0, level, vector));
    }
    for message in 0..resources.messages {
        let flags = (CM_RESOURCE_INTERRUPT_LATCHED | CM_RESOURCE_INTERRUPT_MESSAGE) as u16;
        let vector = FIRST_MESSAGE_VECTOR + message;
        // The raw form has a group and a message count where the translated one has a level and a group.
        let level = if raw { 1 << 16 } else { vector >> 4 };
        list.push(interrupt(SHARE_DEVICE_EXCLUSIVE, flags, level, vector));
    }
    list
}

fn range(kind: u8, flags: u16, start: u64, len: u64) -> CM_PARTIAL_RESOURCE_DESCRIPTOR {
    let start = LARGE_INTEGER { QuadPart: start as i64 };
    let range = Range { Start: start, Length: u32::try_from(len).expect("a BAR below 4 GiB") };
    let mut descriptor = CM_PARTIAL_RESOURCE_DESCRIPTOR {
        Type: kind,
        ShareDisposition: SHARE_DEVICE_EXCLUSIVE,
        Flags: flags,
        ..Default::default()
    };
    // The range is shorter than the union, whose rest stays zero.
    descriptor.u.Generic = range;
    descriptor
}

fn interrupt(share: u8, flags: u16, level: u32, vector: u32) -> CM_PARTIAL_RESOURCE_DESCRIPTOR {
    CM_PARTIAL_RESOURCE_DESCRIPTOR {
        Type: CmResourceTypeInterrupt as u8,
        ShareDisposition: share,
        Flags: flags,
        u: Union { Interrupt: InterruptRange { Level: level, Vector: vector, Affinity: 1 } },
    }
}

ddi! {
    fn WdfCmResourceListGetCount(DISPATCH_LEVEL; list: WDFCMRESLIST) -> ULONG {
        payload::<ResourceList>(list.cast()).0.len() as ULONG
    }

    fn WdfCmResourceListGetDescriptor(DISPATCH_LEVEL; list: WDFCMRESLIST, index: ULONG) -> PCM_PARTIAL_RESOURCE_DESCRIPTOR {
        let list = payload::<ResourceList>(list.cast());
        let descriptor = list.0.get(index as usize);
        RESOURCE_INDEX.check(descriptor.is_some(), || format!("index {index} of {}", list.0.len()));
        descriptor.map_or(std::ptr::null_mut(), |d| std::ptr::from_ref(d).cast_mut())
    }
}

/// The descriptor a driver points to in a configuration.
pub(crate) fn read(pointer: PCM_PARTIAL_RESOURCE_DESCRIPTOR) -> Option<CM_PARTIAL_RESOURCE_DESCRIPTOR> {
    // SAFETY: null, or a pointer that the driver had from WdfCmResourceListGetDescriptor and vouches for.
    (!pointer.is_null()).then(|| unsafe { pointer.read_unaligned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct NoBus;
    impl Bus for NoBus {
        fn config_read(&self, _: u16, _: u8) -> u32 {
            0
        }
        fn config_write(&self, _: u16, _: u8, _: u32) {}
        fn enable_messages(&self, _: u32) {}
        fn disable_messages(&self) {}
        fn dma_map(&self, phys: u64, _: u64, _: bool) -> u64 {
            phys
        }
        fn dma_unmap(&self, _: u64, _: u64) {}
        fn dma_revoke(&self, _: &[(u64, u64)]) {}
    }

    #[test]
    fn descriptors_have_the_bytes_of_wdm_h() {
        let resources =
            Resources { bus: Arc::new(NoBus), bars: vec![(0x1_8000_0000, 0x2_0000)], ports: vec![], messages: 2 };
        let bytes = |d: &CM_PARTIAL_RESOURCE_DESCRIPTOR| {
            // SAFETY: 20 bytes without padding.
            unsafe { std::slice::from_raw_parts(std::ptr::from_ref(d).cast::<u8>(), 20) }.to_vec()
        };
        let translated = descriptors(&resources, false);
        assert_eq!(translated.len(), 3);
        assert_eq!(bytes(&translated[0]), [3, 1, 0x80, 0, 0, 0, 0, 0x80, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0]);
        assert_eq!(bytes(&translated[2]), [2, 1, 3, 0, 9, 0, 0, 0, 0x91, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        let raw = descriptors(&resources, true);
        assert_eq!(bytes(&raw[1]), [2, 1, 3, 0, 0, 0, 1, 0, 0x90, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(source_of(&translated[2]), Some(Source::Message(1)));
        let line = descriptors(&Resources { messages: 0, ..resources }, false);
        assert_eq!(source_of(&line[1]), Some(Source::Line));
    }
}
