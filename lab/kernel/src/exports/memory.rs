//! Memory intrinsics, device memory and physically contiguous memory.

use super::{Entry, Ptr, exports};
use crate::dma::{self, DmaBlock};
use crate::{mmio, rules};
use std::arch::global_asm;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::{Mutex, PoisonError};

rules! {
    CONTIGUOUS_FREE_MATCHES: "MmFreeContiguousMemory gets what MmAllocateContiguous* returned", "DDI wdm MmFreeContiguousMemory";
}

// The compiler calls these at any place, also in the middle of code that must not be preempted, and __chkstk must keep
// every register: no bookkeeping here. win64: RCX, RDX, R8 are the arguments; RDI and RSI belong to the caller.
global_asm!(
    ".globl lab_memcpy",
    "lab_memcpy:",
    ".cfi_startproc",
    "mov rax, rcx",
    "mov r9, rdi",
    "mov r10, rsi",
    "mov rdi, rcx",
    "mov rsi, rdx",
    "mov rcx, r8",
    "rep movsb",
    "mov rdi, r9",
    "mov rsi, r10",
    "ret",
    ".cfi_endproc",
    ".globl lab_memmove",
    "lab_memmove:",
    ".cfi_startproc",
    // A forward copy is right unless the destination starts inside the source.
    "mov rax, rcx",
    "sub rax, rdx",
    "cmp rax, r8",
    "jae lab_memcpy",
    "mov rax, rcx",
    "mov r9, rdi",
    "mov r10, rsi",
    "lea rdi, [rcx + r8 - 1]",
    "lea rsi, [rdx + r8 - 1]",
    "mov rcx, r8",
    "std",
    "rep movsb",
    "cld",
    "mov rdi, r9",
    "mov rsi, r10",
    "ret",
    ".cfi_endproc",
    ".globl lab_memset",
    "lab_memset:",
    ".cfi_startproc",
    "mov r9, rdi",
    "mov r10, rcx",
    "mov rdi, rcx",
    "mov eax, edx",
    "mov rcx, r8",
    "rep stosb",
    "mov rax, r10",
    "mov rdi, r9",
    "ret",
    ".cfi_endproc",
    ".globl lab_memcmp",
    "lab_memcmp:",
    ".cfi_startproc",
    "xor eax, eax",
    "test r8, r8",
    "jz 2f",
    "1:",
    "movzx eax, byte ptr [rcx]",
    "movzx r9d, byte ptr [rdx]",
    "sub eax, r9d",
    "jnz 2f",
    "inc rcx",
    "inc rdx",
    "dec r8",
    "jnz 1b",
    "2:",
    "ret",
    ".cfi_endproc",
    ".globl lab_chkstk",
    "lab_chkstk:",
    ".cfi_startproc",
    "ret",
    ".cfi_endproc",
);

unsafe extern "C" {
    static lab_memcpy: c_void;
    static lab_memmove: c_void;
    static lab_memset: c_void;
    static lab_memcmp: c_void;
    static lab_chkstk: c_void;
}

/// Floating-point marker that compilers refer to.
static FLTUSED: u32 = 0x9875;

static CONTIGUOUS: Mutex<BTreeMap<usize, DmaBlock>> = Mutex::new(BTreeMap::new());

fn allocate_contiguous(len: usize, highest: u64) -> *mut c_void {
    let Some(block) = dma::alloc_contiguous(len).filter(|b| b.phys + b.len as u64 - 1 <= highest) else {
        return std::ptr::null_mut();
    };
    let va = block.va;
    CONTIGUOUS.lock().unwrap_or_else(PoisonError::into_inner).insert(va as usize, block);
    va.cast()
}

pub(super) fn entries() -> Vec<Entry> {
    let mut entries = functions::entries();
    entries.extend([
        ("memcpy", &raw const lab_memcpy as usize),
        ("memmove", &raw const lab_memmove as usize),
        ("RtlMoveMemory", &raw const lab_memmove as usize),
        ("RtlCopyMemory", &raw const lab_memmove as usize),
        ("memset", &raw const lab_memset as usize),
        ("memcmp", &raw const lab_memcmp as usize),
        ("__chkstk", &raw const lab_chkstk as usize),
        ("_fltused", &raw const FLTUSED as usize),
    ]);
    entries
}

mod functions {
    use super::*;

    exports! {
        [Any] fn RtlZeroMemory(destination: Ptr<u8>, length: usize) {
            (0..length).for_each(|i| destination.add(i).write(0));
        }

        [Any] fn RtlFillMemory(destination: Ptr<u8>, length: usize, fill: u8) {
            (0..length).for_each(|i| destination.add(i).write(fill));
        }

        /// Returns how many bytes agree before the first difference.
        [Any] fn RtlCompareMemory(a: Ptr<u8>, b: Ptr<u8>, length: usize) -> usize {
            (0..length).take_while(|i| a.add(*i).read() == b.add(*i).read()).count()
        }

        [AtMostDispatch] fn MmMapIoSpaceEx(physical: u64, length: usize, _protect: u32) -> *mut c_void {
            mmio::map(physical, length)
        }

        [AtMostDispatch] fn MmMapIoSpace(physical: u64, length: usize, _cache_type: u32) -> *mut c_void {
            mmio::map(physical, length)
        }

        [AtMostDispatch] fn MmUnmapIoSpace(address: *mut c_void, length: usize) {
            mmio::unmap(address, length);
        }

        [AtMostDispatch] fn MmAllocateContiguousMemory(length: usize, highest: u64) -> *mut c_void {
            allocate_contiguous(length, highest)
        }

        [AtMostDispatch] fn MmAllocateContiguousMemorySpecifyCache(
            length: usize, _lowest: u64, highest: u64, _boundary: u64, _cache_type: u32,
        ) -> *mut c_void {
            allocate_contiguous(length, highest)
        }

        [AtMostDispatch] fn MmAllocateContiguousNodeMemory(
            length: usize, _lowest: u64, highest: u64, _boundary: u64, _protect: u32, _node: u32,
        ) -> *mut c_void {
            allocate_contiguous(length, highest)
        }

        [AtMostDispatch] fn MmFreeContiguousMemory(address: *mut c_void) {
            let block = CONTIGUOUS.lock().unwrap_or_else(PoisonError::into_inner).remove(&(address as usize));
            CONTIGUOUS_FREE_MATCHES.check(block.is_some(), || format!("{address:p}"));
        }

        [AtMostDispatch] fn MmFreeContiguousMemorySpecifyCache(address: *mut c_void, _length: usize, _cache_type: u32) {
            let block = CONTIGUOUS.lock().unwrap_or_else(PoisonError::into_inner).remove(&(address as usize));
            CONTIGUOUS_FREE_MATCHES.check(block.is_some(), || format!("{address:p}"));
        }

        /// Known for contiguous memory only; 0 for everything else.
        [Any] fn MmGetPhysicalAddress(address: usize) -> u64 {
            let blocks = CONTIGUOUS.lock().unwrap_or_else(PoisonError::into_inner);
            let block = blocks.range(..=address).next_back().filter(|(va, b)| address - **va < b.len);
            block.map_or(0, |(va, b)| b.phys + (address - va) as u64)
        }
    }
}
