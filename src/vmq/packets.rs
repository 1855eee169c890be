//! The packets of a queue: what a consumer holds, and how it gives it back.

use crate::vmq::memory::Kind;
use alloc::vec::Vec;
use core::{cell::UnsafeCell, mem::size_of, ptr::null_mut};
use igbcx_interface::{IGBCX_VMQ_PACKET, IGBCX_VMQ_PACKET_VLAN_STRIPPED};
use vmq::{Buffers, QueueId};

/// A packet for each buffer, by the same index.
pub struct Packets {
    pub buffers: Buffers,
    /// Where the buffers' memory came from.
    pub memory: Kind,
    packets: Vec<UnsafeCell<IGBCX_VMQ_PACKET>>,
}
// SAFETY: a packet is written by the receive path while its buffer is the driver's, and belongs to the consumer while it is
// out; `buffers` says which.
unsafe impl Sync for Packets {}
// SAFETY: as above; the pointers in it lead to the queue's memory.
unsafe impl Send for Packets {}

/// A frame in a buffer.
pub struct Frame {
    pub queue: QueueId,
    pub filter: u32,
    pub data: *const u8,
    pub length: u32,
    /// The tag that was taken out.
    pub tag: Option<u16>,
}

impl Packets {
    /// Packets for `count` buffers; none without room for them.
    pub fn new(count: u16) -> Option<Self> {
        let mut packets = Vec::new();
        packets.try_reserve_exact(count.into()).ok()?;
        packets.resize_with(count.into(), || UnsafeCell::new(IGBCX_VMQ_PACKET::default()));
        Some(Self { buffers: Buffers::new(count).ok()?, memory: Kind::Ndis, packets })
    }

    /// The same, of buffers in memory of `kind`.
    pub fn in_memory(self, kind: Kind) -> Self {
        Self { memory: kind, ..self }
    }

    /// First byte, and the one behind the last.
    pub fn range(&self) -> (usize, usize) {
        let range = self.packets.as_ptr_range();
        (range.start.addr(), range.end.addr())
    }

    /// Puts `frame` into packet `index`, whose buffer is the driver's, at the end of `chain`.
    #[inline]
    pub fn chain(&self, chain: &mut Chain, index: u16, frame: &Frame) {
        let packet = self.packets[usize::from(index)].get();
        let (flags, tag) = frame.tag.map_or((0, 0), |tag| (IGBCX_VMQ_PACKET_VLAN_STRIPPED, tag));
        let whole = IGBCX_VMQ_PACKET {
            Next: null_mut(),
            QueueId: frame.queue.number(),
            FilterId: frame.filter,
            Data: frame.data,
            Length: frame.length,
            Flags: flags,
            VlanTag: tag,
            Reserved: [0; 3],
            Provider: [null_mut(); 2],
        };
        // SAFETY: a packet of ours; its buffer is the driver's, so nobody else uses it (see the type). So is that of the last
        // packet of a chain that the consumer has not got.
        unsafe {
            packet.write(whole);
            match chain.last {
                Some(last) => (*self.packets[usize::from(last)].get()).Next = packet,
                None => chain.first = packet,
            }
        }
        chain.last = Some(index);
        chain.count += 1;
        chain.bytes += u64::from(frame.length);
        self.buffers.take_out(index);
    }

    /// The index of `packet`, if it is one of these.
    #[inline]
    pub fn index(&self, packet: *const IGBCX_VMQ_PACKET) -> Option<u32> {
        let offset = packet.addr().checked_sub(self.range().0)?;
        let index = offset / size_of::<IGBCX_VMQ_PACKET>();
        let whole = offset.is_multiple_of(size_of::<IGBCX_VMQ_PACKET>()) && index < self.packets.len();
        // CAST: a queue has at most 65535 buffers.
        whole.then_some(index as u32)
    }

    /// The packet behind packet `index`, as the consumer linked it.
    #[inline]
    pub fn next(&self, index: u32) -> *mut IGBCX_VMQ_PACKET {
        let packet = self.packets[index as usize].get();
        // SAFETY: a packet of ours. If it is not out, which the caller finds out next, the value is not used.
        unsafe { (&raw const (*packet).Next).read_volatile() }
    }
}

/// Packets on their way to the consumer.
pub struct Chain {
    pub first: *mut IGBCX_VMQ_PACKET,
    last: Option<u16>,
    pub count: u32,
    pub bytes: u64,
}

impl Chain {
    /// No packet.
    pub const fn empty() -> Self {
        Self { first: null_mut(), last: None, count: 0, bytes: 0 }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use core::ptr::dangling;

    fn frame(length: u32, tag: Option<u16>) -> Frame {
        Frame { queue: QueueId::new(3).unwrap(), filter: 7, data: dangling(), length, tag }
    }

    fn packets() -> Packets {
        Packets::new(8).unwrap()
    }

    #[test]
    fn a_chain_is_in_order_and_whole() {
        let packets = packets();
        let mut chain = Chain::empty();
        for (index, length, tag) in [(5, 60, None), (2, 1500, Some(0xE064)), (7, 61, Some(0))] {
            packets.chain(&mut chain, index, &frame(length, tag));
        }
        assert_eq!((chain.count, chain.bytes), (3, 1621));
        let mut at = chain.first;
        for (index, length, flags, tag) in [(5, 60, 0, 0), (2, 1500, 1, 0xE064), (7, 61, 1, 0)] {
            assert_eq!(packets.index(at), Some(index));
            // SAFETY: a packet of the chain, which nobody else has.
            let packet = unsafe { *at };
            assert_eq!((packet.QueueId, packet.FilterId, packet.Length), (3, 7, length));
            assert_eq!((packet.Flags, packet.VlanTag, packet.Data), (flags, tag, dangling()));
            at = packets.next(index);
        }
        assert!(at.is_null());
    }

    #[test]
    fn only_whole_packets_of_the_queue_are_known() {
        let (packets, others) = (packets(), packets());
        let mut chain = Chain::empty();
        packets.chain(&mut chain, 0, &frame(60, None));
        let first = chain.first;
        assert_eq!(packets.index(first), Some(0));
        assert_eq!(packets.index(first.wrapping_add(7)), Some(7));
        assert_eq!(packets.index(first.wrapping_add(8)), None);
        assert_eq!(packets.index(first.wrapping_sub(1)), None);
        assert_eq!(packets.index(first.wrapping_byte_add(8)), None);
        assert_eq!(packets.index(null_mut()), None);
        assert_eq!(others.index(first), None);
    }

    #[test]
    fn a_packet_is_out_once_and_comes_back_once() {
        let packets = packets();
        let mut chain = Chain::empty();
        packets.chain(&mut chain, 4, &frame(60, None));
        assert!(packets.buffers.give_back(3).is_err());
        assert!(packets.buffers.give_back(4).is_ok());
        assert!(packets.buffers.give_back(4).is_err());
        assert_eq!(packets.buffers.collect().collect::<Vec<_>>(), [4]);
    }
}
