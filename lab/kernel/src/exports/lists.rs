//! Interlocked lists.

use super::{Ptr, exports};
use std::ptr::null_mut;

/// LIST_ENTRY: Flink, Blink. SLIST_HEADER: depth (16 bits) and sequence (48), then the first entry.
const BLINK: usize = 8;
const SLIST_NEXT: usize = 8;
const DEPTH: u64 = 0xFFFF;
const SEQUENCE_ONE: u64 = 0x1_0000;

type List = Ptr<*mut u8>;

fn flink(entry: List) -> List {
    Ptr(entry.read().cast())
}

fn blink(entry: List) -> List {
    Ptr(entry.field::<*mut u8>(BLINK).read().cast())
}

fn link(before: List, after: List) {
    before.write(after.0.cast());
    after.field::<*mut u8>(BLINK).write(before.0.cast());
}

/// Inserts between two neighbours; the returned neighbour is what the export reports (null if the list was empty).
fn insert(before: List, entry: List, after: List, head: List, neighbour: List) -> *mut u8 {
    link(entry, after);
    link(before, entry);
    if neighbour.address() == head.address() { null_mut() } else { neighbour.0.cast() }
}

fn push(header: Ptr<u64>, entry: List) -> *mut u8 {
    let first = header.field::<*mut u8>(SLIST_NEXT);
    let old = first.read();
    entry.write(old);
    first.write(entry.0.cast());
    header.write((header.read() & !DEPTH).wrapping_add(SEQUENCE_ONE) | (header.read() + 1) & DEPTH);
    old
}

fn pop(header: Ptr<u64>) -> *mut u8 {
    let first = header.field::<*mut u8>(SLIST_NEXT);
    let entry = first.read();
    if !entry.is_null() {
        first.write(Ptr(entry.cast::<*mut u8>()).read());
        header.write(header.read() - 1);
    }
    entry
}

exports! {
    [Any] fn ExInterlockedInsertHeadList(head: List, entry: List, _lock: Ptr<u64>) -> *mut u8 {
        let first = flink(head);
        insert(head, entry, first, head, first)
    }

    [Any] fn ExInterlockedInsertTailList(head: List, entry: List, _lock: Ptr<u64>) -> *mut u8 {
        let last = blink(head);
        insert(last, entry, head, head, last)
    }

    [Any] fn ExInterlockedRemoveHeadList(head: List, _lock: Ptr<u64>) -> *mut u8 {
        let first = flink(head);
        if first.address() == head.address() {
            return null_mut();
        }
        link(head, flink(first));
        first.0.cast()
    }

    [Any] fn ExInterlockedAddUlong(addend: Ptr<u32>, increment: u32, _lock: Ptr<u64>) -> u32 {
        let old = addend.read();
        addend.write(old.wrapping_add(increment));
        old
    }

    [Any] fn InitializeSListHead(header: Ptr<u64>) {
        header.write(0);
        header.field::<u64>(SLIST_NEXT).write(0);
    }

    [AtMostDispatch] fn ExpInterlockedPushEntrySList(header: Ptr<u64>, entry: List) -> *mut u8 { push(header, entry) }

    [AtMostDispatch] fn ExpInterlockedPopEntrySList(header: Ptr<u64>) -> *mut u8 { pop(header) }

    [AtMostDispatch] fn ExpInterlockedFlushSList(header: Ptr<u64>) -> *mut u8 {
        let first = header.field::<*mut u8>(SLIST_NEXT);
        let all = first.read();
        first.write(null_mut());
        header.write(header.read() & !DEPTH);
        all
    }

    [Any] fn ExQueryDepthSList(header: Ptr<u64>) -> u16 { (header.read() & DEPTH) as u16 }
}
