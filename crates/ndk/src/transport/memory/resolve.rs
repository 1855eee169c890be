//! The one place where a range of memory is checked: whose token, which registration, which rights, which bytes.

use super::{Backing, Memory, MemoryId, MemoryObject, Region};
use crate::transport::{
    access::Access,
    lam::LogicalAddresses,
    span::Span,
    token::{Side, Token},
};

impl Memory {
    /// The memory that an `NDK_SGE` of a request of `domain` names, with the rights to read it or, if `write`, to write
    /// it. `None` where the request is to fail with STATUS_ACCESS_VIOLATION. No bytes need no token.
    pub fn local(&self, domain: MemoryId, token: u32, address: u64, length: u64, write: bool) -> Option<Span<'_>> {
        if length == 0 {
            return Some(Span::EMPTY);
        }
        let token = Token::from_bits(token);
        let (id, object) = self.objects.at(u32::from(token.place)).filter(|_| token.side == Side::Local)?;
        match object {
            MemoryObject::Domain(it) if id == domain && it.privileged == token.key => {
                let (mapping, start) = self.lams.range(it.owner, address, length)?;
                Some(Span::of_mapping(mapping, start, length))
            }
            MemoryObject::Region(region) if region.domain == domain && region.local == token.key => {
                let need = if write { Access::LOCAL_WRITE } else { Access::LOCAL_READ };
                region.span(&self.lams, need, address, length)
            }
            _ => None,
        }
    }

    /// The memory that a peer of a queue pair of `domain` names, with the rights `need`, remote ones. `None` where the
    /// peer's request is to fail with STATUS_ACCESS_VIOLATION. No bytes need no token (ND SPI: a read of no bytes
    /// tests the connection).
    pub fn remote(&self, domain: MemoryId, token: u32, address: u64, length: u64, need: Access) -> Option<Span<'_>> {
        if length == 0 {
            return Some(Span::EMPTY);
        }
        let token = Token::from_bits(token);
        let (_, object) = self.objects.at(u32::from(token.place)).filter(|_| token.side == Side::Remote)?;
        match object {
            MemoryObject::Region(region) if region.domain == domain => {
                region.registration.as_ref().filter(|registration| registration.key == token.key)?;
                region.span(&self.lams, need, address, length)
            }
            MemoryObject::Window(window) if window.domain == domain => {
                let bound = window.bound.as_ref().filter(|bound| bound.key == token.key)?;
                within(bound.address, bound.length, address, length).filter(|_| bound.access.includes(need))?;
                let region = self.region(bound.region)?;
                region.registration.as_ref().filter(|registration| registration.key == bound.registration)?;
                // The window's rights are the peer's; the region's were compared when it was bound.
                region.span(&self.lams, Access::LOCAL_READ, address, length)
            }
            _ => None,
        }
    }
}

impl Region {
    fn span<'a>(&'a self, lams: &'a LogicalAddresses, need: Access, address: u64, length: u64) -> Option<Span<'a>> {
        let registration = self.registration.as_ref().filter(|it| it.access.includes(need))?;
        let start = within(registration.address, registration.length, address, length)?;
        let span = match &self.backing {
            Backing::Mapped(mapping) => Span::of_mapping(mapping, start, length),
            Backing::Pages(arrays) => Span::of_pages(lams, &arrays.pages, registration.offset + start, length),
            Backing::Uninitialized => return None,
        };
        span.is_mapped().then_some(span)
    }
}

/// How far `address` lies in the `length` bytes from `base` on, if all of the `wanted` bytes from it do. No sum is
/// formed that could wrap.
pub(super) fn within(base: u64, length: u64, address: u64, wanted: u64) -> Option<u64> {
    let start = address.checked_sub(base).filter(|start| *start <= length)?;
    (wanted <= length - start).then_some(start)
}
