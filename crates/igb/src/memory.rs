//! Memory shared with the device: the one place of this crate that needs `unsafe`.
//!
//! [`DmaMemory`] is memory of the CPU alone. A queue takes it by value and shares it with the device; it comes back
//! out of the queue only when the queue's DMA is proven off.
#![expect(unsafe_code, reason = "descriptors are read and written through pointers the device uses too")]

use core::marker::PhantomData;
use core::ptr::NonNull;

use static_assertions::const_assert_eq;

use crate::Error;

/// A descriptor as this crate moves it: two whole little-endian words (7.1.5, 7.2.2.3).
#[repr(C, align(16))]
struct Descriptor {
    low: u64,
    high: u64,
}

const_assert_eq!(size_of::<Descriptor>(), DESCRIPTOR_BYTES);
const_assert_eq!(align_of::<Descriptor>(), 16);
const_assert_eq!(core::mem::offset_of!(Descriptor, high), 8);

/// Bytes of one descriptor, transmit or receive.
pub(crate) const DESCRIPTOR_BYTES: usize = 16;

/// Alignment the hardware wants of a ring (RDBAL, TDBAL).
const RING_ALIGNMENT: u64 = 128;

/// Physically contiguous memory that the CPU owns and the device can reach.
///
/// It says where memory is and whose it is; dropping it frees nothing.
#[derive(Debug)]
pub struct DmaMemory {
    address: NonNull<u8>,
    device_address: u64,
    len: usize,
}

// SAFETY: `new` demands exclusive use of the memory, and memory may be used from any thread.
unsafe impl Send for DmaMemory {}

impl DmaMemory {
    /// Memory of `len` bytes at `address`, which the device sees at `device_address`.
    ///
    /// # Safety
    /// Until this value, and a queue that took it, are gone:
    /// - the `len` bytes stay valid for reads and writes,
    /// - nothing but this value, that queue and the device touches them,
    /// - `device_address` leads the device to them and to nothing else.
    pub const unsafe fn new(address: NonNull<u8>, device_address: u64, len: usize) -> Self {
        DmaMemory { address, device_address, len }
    }

    /// First byte, for the owner's free function.
    pub const fn address(&self) -> NonNull<u8> {
        self.address
    }
}

/// A descriptor ring, and a little zeroed memory behind it, shared with the device.
///
/// Invariant: `base` points to `count` descriptors inside `memory`, aligned.
pub(crate) struct Descriptors {
    memory: DmaMemory,
    base: NonNull<Descriptor>,
    count: u16,
}

// SAFETY: all access goes through `memory`, which is exclusively ours and Send.
unsafe impl Send for Descriptors {}

impl Descriptors {
    /// Shares `memory`, zeroed, as `count` descriptors followed by at least `trailer` zero bytes.
    pub fn share(memory: DmaMemory, count: u16, trailer: usize) -> Result<Self, Error> {
        let base = memory.address.cast::<Descriptor>();
        let needed = usize::from(count) * DESCRIPTOR_BYTES + trailer;
        if memory.len < needed || !base.is_aligned() || !memory.device_address.is_multiple_of(RING_ALIGNMENT) {
            return Err(Error::BadRing);
        }
        // SAFETY: `memory` covers `len` bytes, valid for writes, and nobody else uses them.
        unsafe { memory.address.write_bytes(0, memory.len) };
        Ok(Descriptors { memory, base, count })
    }

    /// Address of the ring for the device.
    pub fn device_address(&self) -> u64 {
        self.memory.device_address
    }

    /// Address of the zeroed trailer for the device.
    pub fn trailer_device_address(&self) -> u64 {
        self.memory.device_address + u64::from(self.count) * DESCRIPTOR_BYTES as u64
    }

    /// Bytes of the ring, without the trailer.
    pub fn ring_bytes(&self) -> u32 {
        u32::from(self.count) * DESCRIPTOR_BYTES as u32
    }

    /// Reads the second word of a descriptor once: all of a write-back's status in one piece.
    #[inline]
    pub fn read_high(&self, index: u16) -> u64 {
        assert!(index < self.count);
        // SAFETY: `index` is below `count`, so this descriptor is inside `memory` (invariant).
        let descriptor = unsafe { self.base.add(usize::from(index)) };
        Slot { descriptor, ring: PhantomData }.read_high()
    }

    /// The `len` descriptors from `first` on, around the end of the ring.
    #[inline]
    pub fn walk(&mut self, first: u16, len: u16) -> Walk<'_> {
        assert!(first < self.count && len <= self.count);
        let straight = len.min(self.count - first);
        // SAFETY: `first + straight` is at most `count`, so both stay inside `memory` (invariant) or point to its end.
        let (at, stop) = unsafe { (self.base.add(usize::from(first)), self.base.add(usize::from(first + straight))) };
        Walk { at, stop, base: self.base, wrapped: usize::from(len - straight), ring: PhantomData }
    }

    /// Back to the CPU alone. The device must not use the ring any more.
    pub fn unshare(self) -> DmaMemory {
        self.memory
    }
}

/// Descriptors one after the other. A copy goes its own way from where it was copied.
///
/// Invariant: `at..stop`, and `wrapped` descriptors from `base` on, lie in the ring.
#[derive(Clone, Copy)]
pub(crate) struct Walk<'a> {
    at: NonNull<Descriptor>,
    stop: NonNull<Descriptor>,
    base: NonNull<Descriptor>,
    wrapped: usize,
    ring: PhantomData<&'a mut Descriptors>,
}

impl<'a> Walk<'a> {
    /// Descriptors still ahead.
    #[inline]
    pub fn left(&self) -> u16 {
        // SAFETY: both are of one ring, `stop` not before `at` (invariant).
        let straight = unsafe { self.stop.offset_from_unsigned(self.at) };
        // CAST: a ring has at most 4096 descriptors.
        (straight + self.wrapped) as u16
    }

    /// The descriptors ahead, up to the end of the ring at most.
    #[inline]
    pub fn straight(&self) -> Straight<'a> {
        // SAFETY: as in `left`.
        let len = unsafe { self.stop.offset_from_unsigned(self.at) };
        Straight { first: self.at, len, ring: PhantomData }
    }

    /// Goes past the first `count` descriptors of [`Self::straight`].
    #[inline]
    pub fn pass(&mut self, count: usize) {
        let straight = self.straight();
        assert!(count <= straight.len);
        // SAFETY: at most `stop` (invariant).
        self.at = unsafe { self.at.add(count) };
    }

    /// The descriptor behind, and its index: the newest of the walk once it has begun.
    #[inline]
    pub fn newest(&self) -> Option<(Slot<'a>, u16)> {
        // SAFETY: `at` is not before `base`, in one ring (invariant).
        let index = unsafe { self.at.offset_from_unsigned(self.base) }.checked_sub(1)?;
        // SAFETY: `at` is behind `base`, so the descriptor before it is in the ring.
        let descriptor = unsafe { self.at.sub(1) };
        // CAST: a ring has at most 4096 descriptors.
        Some((Slot { descriptor, ring: PhantomData }, index as u16))
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Slot<'a>;

    #[inline]
    fn next(&mut self) -> Option<Slot<'a>> {
        if self.at == self.stop {
            if self.wrapped == 0 {
                return None;
            }
            self.at = self.base;
            // SAFETY: `wrapped` descriptors from `base` on are in the ring (invariant).
            self.stop = unsafe { self.base.add(self.wrapped) };
            self.wrapped = 0;
        }
        let descriptor = self.at;
        // SAFETY: `at` is before `stop` (invariant).
        self.at = unsafe { descriptor.add(1) };
        Some(Slot { descriptor, ring: PhantomData })
    }
}

/// Descriptors in one piece.
///
/// Invariant: `len` descriptors from `first` on lie in the ring.
#[derive(Clone, Copy)]
pub(crate) struct Straight<'a> {
    first: NonNull<Descriptor>,
    len: usize,
    ring: PhantomData<&'a mut Descriptors>,
}

impl<'a> Straight<'a> {
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// The first `count` of these, at most all.
    #[inline]
    pub fn first(self, count: usize) -> Self {
        assert!(count <= self.len);
        Straight { len: count, ..self }
    }

    /// All but the first `count`, at most all.
    #[inline]
    pub fn after(self, count: usize) -> Self {
        assert!(count <= self.len);
        // SAFETY: at most `len` descriptors on (invariant).
        Straight { first: unsafe { self.first.add(count) }, len: self.len - count, ..self }
    }

    /// Descriptor `n` of the run.
    #[inline]
    pub fn get(&self, n: usize) -> Slot<'a> {
        assert!(n < self.len);
        // SAFETY: `n` is below `len` (invariant).
        Slot { descriptor: unsafe { self.first.add(n) }, ring: PhantomData }
    }
}

/// One descriptor of a ring. Accesses are volatile: the device reads and writes it behind the compiler's back.
#[derive(Clone, Copy)]
pub(crate) struct Slot<'a> {
    descriptor: NonNull<Descriptor>,
    ring: PhantomData<&'a mut Descriptors>,
}

impl Slot<'_> {
    /// Writes the descriptor. The device must not own it: it learns of it from the next doorbell.
    #[inline]
    pub fn write(self, low: u64, high: u64) {
        let descriptor = self.descriptor.as_ptr();
        // SAFETY: a slot is a valid, aligned descriptor of a ring borrowed for as long.
        unsafe { (&raw mut (*descriptor).low).write_volatile(low.to_le()) };
        self.write_high(high);
    }

    /// Writes the second word alone, under the same condition.
    #[inline]
    pub fn write_high(self, high: u64) {
        let descriptor = self.descriptor.as_ptr();
        // SAFETY: as in `write`.
        unsafe { (&raw mut (*descriptor).high).write_volatile(high.to_le()) };
    }

    /// Reads the second word once: length and status of a write-back in one piece, whatever the device does meanwhile.
    #[inline]
    pub fn read_high(self) -> u64 {
        let descriptor = self.descriptor.as_ptr();
        // SAFETY: as in `write`; an aligned 8-byte volatile read is a single access.
        u64::from_le(unsafe { (&raw const (*descriptor).high).read_volatile() })
    }
}

/// Everything written to shared memory so far is seen by the device before the register write that follows.
#[inline]
pub(crate) fn write_barrier() {
    // x86-64: a store to uncached memory does not pass earlier stores, so the compiler alone has to be held back.
    #[cfg(target_arch = "x86_64")]
    core::sync::atomic::compiler_fence(core::sync::atomic::Ordering::Release);
    #[cfg(target_arch = "aarch64")]
    // SAFETY: a barrier touches no memory and no register.
    unsafe {
        core::arch::asm!("dmb oshst", options(nostack, preserves_flags));
    }
}

/// What the device wrote before the status just read is seen by the reads that follow.
#[inline]
pub(crate) fn read_barrier() {
    // x86-64: loads are not reordered with loads.
    #[cfg(target_arch = "x86_64")]
    core::sync::atomic::compiler_fence(core::sync::atomic::Ordering::Acquire);
    #[cfg(target_arch = "aarch64")]
    // SAFETY: a barrier touches no memory and no register.
    unsafe {
        core::arch::asm!("dmb oshld", options(nostack, preserves_flags));
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the barriers between descriptor memory and registers are written for x86_64 and aarch64");
