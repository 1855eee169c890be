//! ExAllocatePool2 and its relatives.

use super::{IRQL_AT_MOST_APC, exports};
use crate::bugcheck::bugcheck_because;
use crate::{cpu, pool, rules};

rules! {
    POOL_TAG: "Pool is allocated with a tag", "DDI wdm ExAllocatePool2: Tag";
    POOL_SIZE: "Pool is allocated with a size that is not zero", "DDI wdm ExAllocatePool2: NumberOfBytes";
    POOL_FLAGS: "Exactly one kind of pool is asked for", "DDI wdm ExAllocatePool2: Flags";
}

const FLAG_UNINITIALIZED: u64 = 0x2;
const FLAG_RAISE_ON_FAILURE: u64 = 0x20;
const FLAG_NON_PAGED: u64 = 0x40;
const FLAG_NON_PAGED_EXECUTE: u64 = 0x80;
const FLAG_PAGED: u64 = 0x100;
/// Bit of POOL_TYPE that all paged types have.
const TYPE_PAGED: u32 = 1;
/// POOL_RAISE_IF_ALLOCATION_FAILURE.
const TYPE_RAISE: u32 = 0x10;
const STATUS_INSUFFICIENT_RESOURCES: u64 = 0xC000_009A;

fn allocate(paged: bool, len: usize, tag: u32, zero: bool, raise: bool) -> *mut u8 {
    POOL_TAG.check(tag != 0 && tag != u32::from_le_bytes(*b"None"), || format!("tag {tag:#x}, {len} bytes"));
    POOL_SIZE.check(len != 0, || format!("tag {tag:#x}"));
    check_paged_irql(paged);
    let block = pool::allocate_from(paged, len, tag, zero);
    if block.is_null() && raise {
        bugcheck_because(0x1E, [STATUS_INSUFFICIENT_RESOURCES, 0, 0, 0], "a raising pool allocation failed");
    }
    block
}

fn check_paged_irql(paged: bool) {
    let irql = cpu::irql();
    if paged {
        IRQL_AT_MOST_APC.check(irql <= cpu::APC_LEVEL, || format!("paged pool at IRQL {irql}"));
    }
}

fn free(block: *mut u8, tag: u32) {
    check_paged_irql(pool::is_paged(block));
    pool::free(block, tag);
}

exports! {
    [AtMostDispatch] fn ExAllocatePool2(flags: u64, len: usize, tag: u32) -> *mut u8 {
        let kinds = flags & (FLAG_NON_PAGED | FLAG_NON_PAGED_EXECUTE | FLAG_PAGED);
        POOL_FLAGS.check(kinds.is_power_of_two(), || format!("flags {flags:#x}"));
        let (zero, raise) = (flags & FLAG_UNINITIALIZED == 0, flags & FLAG_RAISE_ON_FAILURE != 0);
        allocate(flags & FLAG_PAGED != 0, len, tag, zero, raise)
    }

    [AtMostDispatch] fn ExAllocatePoolWithTag(kind: u32, len: usize, tag: u32) -> *mut u8 {
        allocate(kind & TYPE_PAGED != 0, len, tag, false, kind & TYPE_RAISE != 0)
    }

    [AtMostDispatch] fn ExFreePool(block: *mut u8) {
        free(block, 0);
    }

    [AtMostDispatch] fn ExFreePoolWithTag(block: *mut u8, tag: u32) {
        free(block, tag);
    }

    [AtMostDispatch] fn ExFreePool2(block: *mut u8, tag: u32, _parameters: *const u8, _count: u32) {
        free(block, tag);
    }
}
