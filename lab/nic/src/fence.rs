//! The DMA fence: an Intel VT-d remapping unit in front of the adapter, with page tables written by the lab.
//!
//! The adapter reaches only pages that are mapped. DMA addresses come from a span above guest RAM, so a physical
//! address used as a DMA address hits nothing. Section numbers: Intel Virtualization Technology for Directed I/O,
//! Architecture Specification.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    error::NicError,
    link::Link,
    page_ranges::PageRanges,
    qemu::SLOT,
    ram::{GuestRam, PAGE_SIZE, RamBlock},
};

const UNIT: u64 = 0xfed9_0000;
// Section 11.4, register offsets; the last three are found through CAP and ECAP.
const CAP: u64 = 0x08;
const ECAP: u64 = 0x10;
const GCMD: u64 = 0x18;
const GSTS: u64 = 0x1c;
const RTADDR: u64 = 0x20;
const CCMD: u64 = 0x28;
const FSTS: u64 = 0x34;

const GCMD_TRANSLATE: u64 = 1 << 31;
const GCMD_SET_ROOT: u64 = 1 << 30;
/// CCMD: invalidate, all contexts.
const CCMD_GLOBAL: u64 = 1 << 63 | 1 << 61;
/// IOTLB: invalidate, all entries, after draining reads and writes.
const IOTLB_GLOBAL: u64 = 1 << 63 | 1 << 60 | 1 << 49 | 1 << 48;
/// IOTLB: invalidate the pages named by IVA in our domain, after draining reads and writes.
const IOTLB_PAGES: u64 = 1 << 63 | 3 << 60 | 1 << 49 | 1 << 48 | DOMAIN << 32;
/// Largest power of two of pages that one page-selective invalidation names (CAP.MAMV of the model is 18).
const MAX_ADDRESS_MASK: u32 = 9;
const FSTS_OVERFLOW: u64 = 1 << 0;
const FSTS_PENDING: u64 = 1 << 1;
/// Upper half of a fault record: fault (cleared by writing it), read request.
const RECORD_FAULT: u64 = 1 << 63;
const RECORD_READ: u64 = 1 << 62;

/// Sections 9.1, 9.3: present; address width of three levels; section 9.8: read, write.
const PRESENT: u64 = 1;
const THREE_LEVELS: u64 = 1;
const SAGAW_THREE_LEVELS: u64 = 1 << 9;
const READ: u64 = 1;
const WRITE: u64 = 2;
const DOMAIN: u64 = 1;
const ENTRIES: u64 = 512;

/// DMA addresses: 4 GiB from 64 GiB on, above all guest RAM and above 32 bits.
const FIRST_PAGE: u64 = 0x10_0000_0000 / PAGE_SIZE;
const PAGES: u64 = 0x1_0000_0000 / PAGE_SIZE;

/// A DMA that the fence stopped.
///
/// The unit keeps one record; what the adapter does before that is read is stopped too but not recorded. QEMU also
/// stops without a record a write to a page that is mapped for reading and was read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DmaFault {
    /// The page the adapter wanted; bits 11:0 are not recorded.
    pub address: u64,
    /// It wanted to write.
    pub write: bool,
    /// Fault reason of the VT-d specification, table of legacy-mode reasons: 5 no write permission, 6 no read
    /// permission, others a table entry that is not present or wrong.
    pub reason: u8,
    /// Requester: bus, device and function.
    pub source: u16,
    /// Other requesters had faults that could not be recorded.
    pub more_lost: bool,
}

pub(crate) struct Fence {
    link: Arc<Link>,
    ram: GuestRam,
    /// Root and context table: the device reads them as long as the fence is up.
    _fixed: [RamBlock; 2],
    top: RamBlock,
    /// Tables of the second and the last level by the first page number they cover. They stay.
    middles: BTreeMap<u64, RamBlock>,
    leaves: BTreeMap<u64, RamBlock>,
    ranges: PageRanges,
    /// First pages of ranges that are taken but not mapped any more.
    revoked: BTreeSet<u64>,
    /// Offsets found through CAP and ECAP: first fault record, IVA (IOTLB follows it).
    records: u64,
    record_count: u64,
    iva: u64,
}

impl Fence {
    /// Puts the fence up with nothing mapped.
    pub fn new(link: Arc<Link>, ram: &GuestRam) -> Result<Fence, NicError> {
        let (root, context, top) = (ram.alloc(1, PAGE_SIZE)?, ram.alloc(1, PAGE_SIZE)?, ram.alloc(1, PAGE_SIZE)?);
        root.write_u64(0, context.phys() | PRESENT);
        let entry = u64::from(SLOT) << 3 << 4;
        context.write_u64(entry, top.phys() | PRESENT);
        context.write_u64(entry + 8, DOMAIN << 8 | THREE_LEVELS);
        let read = |offset| link.call(format_args!("readq {:#x}", UNIT + offset));
        let (cap, ecap) = (read(CAP), read(ECAP));
        if cap & SAGAW_THREE_LEVELS == 0 {
            return Err(NicError::Config("the DMA fence has no three-level tables".into()));
        }
        let fence = Fence {
            ram: ram.clone(),
            top,
            middles: BTreeMap::new(),
            leaves: BTreeMap::new(),
            ranges: PageRanges::new(FIRST_PAGE, FIRST_PAGE + PAGES),
            revoked: BTreeSet::new(),
            records: (cap >> 24 & 0x3ff) * 16,
            record_count: (cap >> 40 & 0xff) + 1,
            iva: (ecap >> 8 & 0x3ff) * 16,
            link,
            _fixed: [root, context],
        };
        fence.write_64(RTADDR, fence._fixed[0].phys());
        fence.write_32(GCMD, GCMD_SET_ROOT);
        fence.write_64(CCMD, CCMD_GLOBAL);
        fence.write_64(fence.iva + 8, IOTLB_GLOBAL);
        fence.write_32(GCMD, GCMD_TRANSLATE);
        let status = fence.link.call(format_args!("readl {:#x}", UNIT + GSTS));
        match fence.link.failure() {
            Some(failure) => Err(failure),
            None if status & GCMD_TRANSLATE == 0 => Err(NicError::Config("the DMA fence does not come up".into())),
            None => Ok(fence),
        }
    }

    /// Lets the adapter read, and if asked write, the pages of a physical range; the DMA address of its first byte.
    ///
    /// # Panics
    /// When the memory belongs to no block, or 4 GiB of DMA addresses are in use.
    pub fn map(&mut self, phys: u64, len: u64, write: bool) -> u64 {
        let (first, pages) = span(phys, len);
        self.ram.note_dma_map(first, pages);
        let range = self.ranges.alloc(pages, 1).expect("4 GiB of DMA addresses are in use");
        let access = if write { READ | WRITE } else { READ };
        for i in 0..pages {
            let (leaf, offset) = self.leaf(range + i);
            leaf.write_u64(offset, ((first + i) * PAGE_SIZE) | access);
        }
        range * PAGE_SIZE + phys % PAGE_SIZE
    }

    /// Takes mappings back, each with the address and length of its `map`; when it returns the adapter cannot reach
    /// the pages any more.
    ///
    /// # Panics
    /// When a range is not one that `map` returned.
    pub fn unmap(&mut self, ranges: &[(u64, u64)]) {
        for &(address, len) in ranges {
            let (first, pages) = span(address, len);
            let mapped = self.ranges.free(first);
            assert_eq!(mapped, Some(pages), "unmap of {address:#x}+{len:#x}, which was not mapped like this");
            if !self.revoked.remove(&first) {
                self.clear(first, pages);
            }
        }
        self.link.observe();
    }

    /// As `unmap`, but the addresses stay taken until their `unmap`: a late access is a fault and hits nothing new.
    ///
    /// # Panics
    /// When a range is not one that `map` returned.
    pub fn revoke(&mut self, ranges: &[(u64, u64)]) {
        for &(address, len) in ranges {
            let (first, pages) = span(address, len);
            let mapped = self.ranges.containing(first);
            assert_eq!(mapped, Some((first, pages)), "revoke of {address:#x}+{len:#x}, which was not mapped like this");
            if self.revoked.insert(first) {
                self.clear(first, pages);
            }
        }
        self.link.observe();
    }

    /// Takes the pages out of the tables and out of the unit's caches.
    fn clear(&mut self, first: u64, pages: u64) {
        for page in first..first + pages {
            let (leaf, offset) = self.leaf(page);
            let entry = leaf.read_u64(offset);
            leaf.write_u64(offset, 0);
            self.ram.note_dma_unmap(entry / PAGE_SIZE);
        }
        self.invalidate(first, pages);
    }

    /// The faults recorded since the last call.
    pub fn take_faults(&self) -> Vec<DmaFault> {
        let status = self.link.call(format_args!("readl {:#x}", UNIT + FSTS));
        if self.link.failure().is_some() || status & (FSTS_OVERFLOW | FSTS_PENDING) == 0 {
            return Vec::new();
        }
        let mut faults = Vec::new();
        for record in 0..self.record_count {
            let at = self.records + 16 * record;
            let upper = self.link.call(format_args!("readq {:#x}", UNIT + at + 8));
            if upper & RECORD_FAULT == 0 {
                continue;
            }
            let lower = self.link.call(format_args!("readq {:#x}", UNIT + at));
            faults.push(DmaFault {
                address: lower & !(PAGE_SIZE - 1),
                write: upper & RECORD_READ == 0,
                reason: (upper >> 32) as u8,
                source: upper as u16,
                more_lost: status & FSTS_OVERFLOW != 0,
            });
            self.write_32(at + 12, RECORD_FAULT >> 32);
        }
        self.write_32(FSTS, FSTS_OVERFLOW);
        self.link.observe();
        faults
    }

    /// The last-level table that covers `page` and the offset of its entry.
    fn leaf(&mut self, page: u64) -> (&RamBlock, u64) {
        let (middle_key, leaf_key) = (page / (ENTRIES * ENTRIES), page / ENTRIES);
        let new_table =
            |ram: &GuestRam| ram.alloc(1, PAGE_SIZE).expect("guest RAM has room for the tables of the fence");
        if !self.leaves.contains_key(&leaf_key) {
            let (ram, top) = (&self.ram, &self.top);
            let middle = self.middles.entry(middle_key).or_insert_with(|| {
                let table = new_table(ram);
                top.write_u64(middle_key % ENTRIES * 8, table.phys() | READ | WRITE);
                table
            });
            let table = new_table(ram);
            middle.write_u64(leaf_key % ENTRIES * 8, table.phys() | READ | WRITE);
            self.leaves.insert(leaf_key, table);
        }
        (&self.leaves[&leaf_key], page % ENTRIES * 8)
    }

    /// Drops cached translations of the pages (section 6.5).
    fn invalidate(&self, first: u64, pages: u64) {
        // One command covers an aligned power of two of pages.
        let mask = (0..=MAX_ADDRESS_MASK).find(|mask| first >> mask == (first + pages - 1) >> mask);
        match mask {
            Some(mask) => {
                self.write_64(self.iva, ((first >> mask << mask) * PAGE_SIZE) | u64::from(mask));
                self.write_64(self.iva + 8, IOTLB_PAGES);
            }
            None => self.write_64(self.iva + 8, IOTLB_GLOBAL),
        }
    }

    fn write_32(&self, offset: u64, value: u64) {
        self.link.post(format_args!("writel {:#x} {value:#x}", UNIT + offset));
    }

    fn write_64(&self, offset: u64, value: u64) {
        self.link.post(format_args!("writeq {:#x} {value:#x}", UNIT + offset));
    }
}

/// The pages of an address and a length: the first, and how many.
fn span(address: u64, len: u64) -> (u64, u64) {
    let first = address / PAGE_SIZE;
    (first, (address + len.max(1)).div_ceil(PAGE_SIZE) - first)
}
