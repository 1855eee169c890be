//! DMA: the enabler and memory shared with the device.

use crate::{
    Result, Status,
    irql::Passive,
    wdf::{device::Device, object::NO_ATTRIBUTES},
};
use core::{
    mem::size_of,
    ptr::{NonNull, null_mut},
};
use wdk_sys::{
    _WDF_DMA_PROFILE, WDF_COMMON_BUFFER_CONFIG, WDF_DMA_ENABLER_CONFIG, WDFCOMMONBUFFER, WDFDMAENABLER,
    call_unsafe_wdf_function_binding,
};

/// A WDFDMAENABLER for a 64-bit scatter/gather bus master, a child of the device.
#[derive(Clone, Copy)]
pub struct DmaEnabler(WDFDMAENABLER);
// SAFETY: KMDF handles may be used from any thread; the object lives as long as its device.
unsafe impl Send for DmaEnabler {}
// SAFETY: as above.
unsafe impl Sync for DmaEnabler {}

impl DmaEnabler {
    /// # Errors
    /// The framework's status.
    pub fn new(device: Device, maximum_transfer: usize, _passive: Passive<'_>) -> Result<Self> {
        let mut config = WDF_DMA_ENABLER_CONFIG {
            Size: size_of::<WDF_DMA_ENABLER_CONFIG>() as u32,
            Profile: _WDF_DMA_PROFILE::WdfDmaProfileScatterGather64Duplex,
            MaximumLength: maximum_transfer as _,
            // NetAdapterCx maps packet buffers with the version 3 interface (contract.md 3.1, "DMA").
            WdmDmaVersionOverride: 3,
            ..WDF_DMA_ENABLER_CONFIG::default()
        };
        let mut enabler: WDFDMAENABLER = null_mut();
        // SAFETY: a live device and two live structures.
        Status::check(unsafe {
            call_unsafe_wdf_function_binding!(
                WdfDmaEnablerCreate,
                device.raw(),
                &raw mut config,
                NO_ATTRIBUTES,
                &raw mut enabler
            )
        })?;
        Ok(Self(enabler))
    }

    pub(crate) const fn raw(self) -> WDFDMAENABLER {
        self.0
    }
}

/// Contiguous memory that CPU and device share; freed when dropped.
pub struct CommonBuffer {
    handle: WDFCOMMONBUFFER,
    address: NonNull<u8>,
    device_address: u64,
    len: usize,
}
// SAFETY: plain memory, owned.
unsafe impl Send for CommonBuffer {}

impl CommonBuffer {
    /// `len` zeroed bytes, aligned for the device to `alignment` (a power of two).
    ///
    /// # Errors
    /// STATUS_INSUFFICIENT_RESOURCES.
    pub fn new(enabler: DmaEnabler, len: usize, alignment: u32, _passive: Passive<'_>) -> Result<Self> {
        let mut config = WDF_COMMON_BUFFER_CONFIG {
            Size: size_of::<WDF_COMMON_BUFFER_CONFIG>() as u32,
            // FILE_*_ALIGNMENT form: the alignment less one.
            AlignmentRequirement: alignment - 1,
        };
        let mut handle: WDFCOMMONBUFFER = null_mut();
        // SAFETY: a live enabler, two live structures, PASSIVE_LEVEL by the token.
        unsafe {
            Status::check(call_unsafe_wdf_function_binding!(
                WdfCommonBufferCreateWithConfig,
                enabler.raw(),
                len as _,
                &raw mut config,
                NO_ATTRIBUTES,
                &raw mut handle
            ))?;
        }
        // SAFETY: the buffer was just created.
        let (address, logical) = unsafe {
            (
                call_unsafe_wdf_function_binding!(WdfCommonBufferGetAlignedVirtualAddress, handle),
                call_unsafe_wdf_function_binding!(WdfCommonBufferGetAlignedLogicalAddress, handle),
            )
        };
        let buffer = NonNull::new(address.cast()).map(|address| Self {
            handle,
            address,
            // SAFETY: every bit pattern of the union is a QuadPart.
            device_address: unsafe { logical.QuadPart } as u64,
            len,
        });
        let buffer = buffer.ok_or(Status::new(wdk_sys::STATUS_INSUFFICIENT_RESOURCES))?;
        // SAFETY: `len` bytes that nothing else refers to yet.
        unsafe { buffer.address.as_ptr().write_bytes(0, len) };
        Ok(buffer)
    }

    /// First byte for the CPU.
    #[must_use]
    pub const fn address(&self) -> NonNull<u8> {
        self.address
    }

    /// First byte for the device.
    #[must_use]
    pub const fn device_address(&self) -> u64 {
        self.device_address
    }

    /// A copyable view for looking at the buffer while the device uses it.
    ///
    /// # Safety
    /// It is not used after the buffer is dropped.
    #[must_use]
    pub const unsafe fn view(&self) -> BufferView {
        BufferView { address: self.address, len: self.len }
    }

    /// Bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether the buffer has no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Drop for CommonBuffer {
    fn drop(&mut self) {
        // SAFETY: the object created in `new`, not deleted before; it may be deleted at or below DISPATCH_LEVEL.
        unsafe { call_unsafe_wdf_function_binding!(WdfObjectDelete, self.handle.cast()) };
    }
}

/// Reads of a buffer that the device, and whoever owns the buffer, may change at any time.
#[derive(Clone, Copy)]
pub struct BufferView {
    address: NonNull<u8>,
    len: usize,
}
// SAFETY: it only reads, and each word by itself.
unsafe impl Send for BufferView {}

impl BufferView {
    /// The 64-bit word with this index, if the buffer has it.
    #[must_use]
    pub fn word(&self, index: usize) -> Option<u64> {
        let words = self.len / size_of::<u64>();
        // SAFETY: inside the buffer, which is page-aligned and lives (see `view`); the read is volatile because others write.
        (index < words).then(|| unsafe { self.address.as_ptr().cast::<u64>().add(index).read_volatile() })
    }
}
