//! Adapter logical address mappings (NdkBuildLam): the adapter's view of locked pages.
//!
//! A hardware provider answers bus addresses. This one has an address space of its own, so that an address that a
//! consumer makes up leads nowhere: bits 62 to 48 are the mapping's generation, 47 to 32 its place, 31 to 12 the page,
//! 11 to 0 the byte. Only the bytes that the consumer asked to map can be reached, not the rest of their first and last
//! page.

use super::{PAGE_SIZE, copy::Run, mapping::Mapping};
use crate::slab::{Id, NoMemory, Slab};

const MAX_LAMS: u32 = 1 << 16;
const PAGES_PER_LAM: u64 = 1 << 20;

/// Most bytes one mapping can span.
pub const MAX_LAM_LENGTH: u64 = (PAGES_PER_LAM - 1) * PAGE_SIZE;

/// A mapping: the bytes, and where the first one lies in its page.
pub struct Lam {
    mapping: Mapping,
    first_byte_offset: u32,
    owner: Owner,
}

/// Who built a mapping, and whose domains may use it: a name of an adapter, which means nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner(pub u64);

/// Name of a mapping.
pub type LamId = Id<Lam>;

/// The mappings of an adapter.
pub struct LogicalAddresses(Slab<Lam>);

impl LogicalAddresses {
    pub const fn new() -> Self {
        LogicalAddresses(Slab::new(MAX_LAMS))
    }

    /// Takes a mapping in whose first byte is `first_byte_offset` bytes into its page.
    pub fn insert(&mut self, mapping: Mapping, first_byte_offset: u32, owner: Owner) -> Result<LamId, NoMemory> {
        debug_assert!(u64::from(first_byte_offset) < PAGE_SIZE && mapping.length() <= MAX_LAM_LENGTH);
        self.0.insert(Lam { mapping, first_byte_offset, owner })
    }

    /// Removes a mapping of `owner`'s. False if it has no such mapping.
    pub fn remove(&mut self, id: LamId, owner: Owner) -> bool {
        self.0.get(id).is_some_and(|lam| lam.owner == owner) && self.0.remove(id).is_some()
    }

    /// The logical address of a page of a mapping.
    pub const fn page_address(id: LamId, page: u32) -> u64 {
        let bits = id.to_bits();
        (bits >> 32 & 0x7fff) << 48 | (bits & 0xffff) << 32 | (page as u64) << 12
    }

    /// The mapping that `address` names.
    fn at(&self, address: u64) -> Option<&Lam> {
        let (id, lam) = self.0.at((address >> 32 & 0xffff) as u32)?; // CAST: masked.
        (Self::page_address(id, 0) ^ address <= u64::from(u32::MAX)).then_some(lam)
    }

    /// The mapping that `address` lies in, and how far into it.
    fn locate(&self, address: u64) -> Option<(&Mapping, u64)> {
        let lam = self.at(address)?;
        let offset = (address & u64::from(u32::MAX)).checked_sub(u64::from(lam.first_byte_offset))?;
        (offset < lam.mapping.length()).then_some((&lam.mapping, offset))
    }

    /// True if the mapping that `address` names is `owner`'s.
    pub fn is_owned(&self, address: u64, owner: Owner) -> bool {
        self.at(address).is_some_and(|lam| lam.owner == owner)
    }

    /// The mapping of `owner` that holds `length` bytes from `address` on, and where they start in it.
    pub fn range(&self, owner: Owner, address: u64, length: u64) -> Option<(&Mapping, u64)> {
        let (mapping, offset) = self.locate(address).filter(|_| self.is_owned(address, owner))?;
        (length <= mapping.length() - offset).then_some((mapping, offset))
    }

    /// The contiguous memory from `address` on, at most to the end of its page.
    pub fn run_in_page_from(&self, address: u64) -> Option<Run> {
        let (mapping, offset) = self.locate(address)?;
        let run = mapping.run_from(offset)?;
        let left = PAGE_SIZE - address % PAGE_SIZE;
        Some(run.first(run.length().min(left as usize))) // CAST: at most PAGE_SIZE.
    }

    /// The contiguous memory that ends with the byte at `last`, at most from the beginning of its page.
    pub fn run_in_page_until(&self, last: u64) -> Option<Run> {
        let (mapping, offset) = self.locate(last)?;
        let run = mapping.run_until(offset + 1)?;
        let before = last % PAGE_SIZE + 1;
        Some(run.last(run.length().min(before as usize))) // CAST: at most PAGE_SIZE.
    }
}
