//! A consumer's memory: buffers, MDLs that describe them, and virtual addresses that are not the ones they are mapped at.

use wdk_sys::{MDL, PVOID};

pub const PAGE: usize = 4096;

/// A buffer between guard bytes that nobody may change, and the MDL chain of it.
pub struct Buffer {
    bytes: Vec<u8>,
    mdls: Vec<MDL>,
    /// The virtual address of the MDL: an index, as NdkRegisterMr says, not to be used as an address.
    pub address: u64,
    length: usize,
}

const GUARD: usize = 64;
const GUARD_BYTE: u8 = 0xa5;

impl Buffer {
    /// `length` bytes called `address`, in one MDL.
    pub fn new(length: usize, address: u64) -> Box<Buffer> {
        Self::in_pieces(&[length], address)
    }

    /// A chain of MDLs of the given lengths, virtually contiguous, with guards between their memory.
    pub fn in_pieces(lengths: &[usize], address: u64) -> Box<Buffer> {
        let total: usize = lengths.iter().sum();
        let mut bytes = vec![GUARD_BYTE; total + GUARD * (lengths.len() + 1)];
        let mut mdls = Vec::new();
        let (mut at, mut covered) = (GUARD, 0);
        for length in lengths {
            bytes[at..at + length].fill(0);
            let va = address + covered as u64;
            mdls.push(MDL {
                MappedSystemVa: bytes[at..].as_mut_ptr().cast(),
                StartVa: (va & !(PAGE as u64 - 1)) as usize as PVOID,
                ByteCount: *length as u32,
                ByteOffset: (va % PAGE as u64) as u32,
                ..MDL::default()
            });
            at += length + GUARD;
            covered += length;
        }
        let mut buffer = Box::new(Buffer { bytes, mdls, address, length: total });
        for n in 1..buffer.mdls.len() {
            let next = &raw mut buffer.mdls[n];
            buffer.mdls[n - 1].Next = next;
        }
        buffer
    }

    pub fn mdl(&mut self) -> *mut MDL {
        self.mdls.first_mut().map_or(core::ptr::null_mut(), |mdl| &raw mut *mdl)
    }

    pub fn mdls(&mut self) -> &mut [MDL] {
        &mut self.mdls
    }

    pub const fn length(&self) -> usize {
        self.length
    }

    /// All bytes, in order.
    pub fn read(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.length);
        let mut at = GUARD;
        for mdl in &self.mdls {
            out.extend_from_slice(&self.bytes[at..at + mdl.ByteCount as usize]);
            at += mdl.ByteCount as usize + GUARD;
        }
        out
    }

    /// Sets all bytes.
    pub fn write(&mut self, from: &[u8]) {
        assert_eq!(from.len(), self.length);
        let (mut at, mut done) = (GUARD, 0);
        for mdl in &self.mdls {
            let length = mdl.ByteCount as usize;
            self.bytes[at..at + length].copy_from_slice(&from[done..done + length]);
            at += length + GUARD;
            done += length;
        }
    }

    /// Sets all bytes to a pattern of their position.
    pub fn fill(&mut self, seed: u8) {
        let pattern: Vec<u8> =
            (0..self.length).map(|n| (n as u8).wrapping_mul(31).wrapping_add((n >> 8) as u8 ^ seed)).collect();
        self.write(&pattern);
    }

    /// True if the guards are as they were.
    pub fn is_intact(&self) -> bool {
        let mut at = 0;
        for mdl in &self.mdls {
            if self.bytes[at..at + GUARD].iter().any(|byte| *byte != GUARD_BYTE) {
                return false;
            }
            at += GUARD + mdl.ByteCount as usize;
        }
        self.bytes[at..].iter().all(|byte| *byte == GUARD_BYTE)
    }
}
