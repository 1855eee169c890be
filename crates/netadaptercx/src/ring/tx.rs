//! The transmit side of a queue's rings.

use super::{
    extension::{Extension, FragmentLogicalAddress},
    raw::Ring,
};
use netadaptercx_sys::{NET_FRAGMENT, NET_PACKET};

/// A transmit queue's rings. Packets between Begin and `taken` are the hardware's, those up to End wait.
pub struct TxRings {
    packets: Ring<NET_PACKET>,
    fragments: Ring<NET_FRAGMENT>,
    logical: Extension<FragmentLogicalAddress>,
    taken: u32,
}

impl TxRings {
    pub(crate) fn new(
        packets: Ring<NET_PACKET>,
        fragments: Ring<NET_FRAGMENT>,
        logical: Extension<FragmentLogicalAddress>,
    ) -> Self {
        let taken = packets.begin();
        Self { packets, fragments, logical, taken }
    }

    /// Slots of the fragment ring: at most one less is posted at a time.
    #[must_use]
    pub fn fragment_slots(&self) -> u32 {
        self.fragments.slots()
    }

    /// Packets taken and not completed.
    #[must_use]
    pub fn outstanding(&self) -> u32 {
        self.packets.distance(self.packets.begin(), self.taken)
    }

    /// The next packet that waits. It stays there until [`TxPacket::take`].
    #[inline]
    pub fn next_packet(&mut self) -> Option<TxPacket<'_>> {
        if self.taken == self.packets.end() {
            return None;
        }
        let packet = self.packets.get(self.taken);
        Some(TxPacket { packet, rings: self })
    }

    /// Returns the oldest `packets` taken packets and their fragments to the framework. More than were taken counts as
    /// all of them.
    #[inline]
    pub fn complete(&mut self, packets: u32) {
        let begin = self.packets.begin();
        let packets = packets.min(self.packets.distance(begin, self.taken));
        let mut fragments = 0;
        for n in 0..packets {
            let packet = self.packets.get(self.packets.add(begin, n));
            // A packet the framework posted with Ignore has no fragments, whatever its other fields say.
            if packet.Flags & NET_PACKET::Ignore == 0 {
                fragments += u32::from(packet.FragmentCount);
            }
        }
        self.packets.give_back(begin.wrapping_add(packets), self.taken);
        let begin = self.fragments.begin();
        self.fragments.give_back(begin.wrapping_add(fragments), begin.wrapping_add(fragments));
    }
}

/// A packet that the framework posted.
pub struct TxPacket<'r> {
    packet: NET_PACKET,
    rings: &'r mut TxRings,
}

/// A piece of a packet in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxFragment {
    /// Address of its first byte for the device.
    pub device_address: u64,
    /// Bytes.
    pub length: u32,
}

impl<'r> TxPacket<'r> {
    /// The framework could not post the packet's data: it has no fragments and is only to be completed in its place
    /// (contract.md 3.1, "Ignore").
    #[inline]
    #[must_use]
    pub fn is_ignored(&self) -> bool {
        self.packet.Flags & NET_PACKET::Ignore != 0
    }

    /// Number of fragments.
    #[inline]
    #[must_use]
    pub fn fragment_count(&self) -> u16 {
        self.packet.FragmentCount
    }

    /// The packet's fragments in order. None for an ignored packet.
    #[inline]
    #[must_use]
    pub fn fragments(&self) -> Fragments<'_> {
        let count = if self.is_ignored() { 0 } else { self.packet.FragmentCount };
        Fragments { rings: self.rings, index: self.packet.FragmentIndex, left: count }
    }

    /// Takes the packet out of the waiting ones: the hardware has it, or it is skipped.
    #[inline]
    pub fn take(self) {
        self.rings.taken = self.rings.packets.add(self.rings.taken, 1);
    }
}

/// Iterator over a packet's fragments.
pub struct Fragments<'p> {
    rings: &'p TxRings,
    index: u32,
    left: u16,
}

impl Iterator for Fragments<'_> {
    type Item = TxFragment;

    #[inline]
    fn next(&mut self) -> Option<TxFragment> {
        self.left = self.left.checked_sub(1)?;
        let fragment = self.rings.fragments.get(self.index);
        let logical = self.rings.logical.get(self.index);
        self.index = self.index.wrapping_add(1);
        Some(TxFragment {
            device_address: logical.LogicalAddress.wrapping_add(u64::from(fragment.Offset())),
            length: fragment.ValidLength(),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.left), Some(usize::from(self.left)))
    }
}
impl ExactSizeIterator for Fragments<'_> {}
