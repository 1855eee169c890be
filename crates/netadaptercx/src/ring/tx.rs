//! The transmit side of a queue's rings.

use super::{
    extension::{Extension, FragmentLogicalAddress},
    raw::{Ring, Straight, View},
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

    /// Whether a packet waits.
    #[inline]
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        self.taken != self.packets.end()
    }

    #[inline]
    fn pieces(&self) -> Pieces<'_> {
        Pieces { fragments: self.fragments.view(), logical: self.logical }
    }

    /// The packets that wait, `most` of them and as far as they lie in one piece. They stay there until [`Self::take`].
    #[inline]
    #[must_use]
    pub fn waiting(&self, most: usize) -> Waiting<'_> {
        let packets = self.packets.straight(self.taken, self.packets.end());
        let count = most.min(packets.len());
        Waiting { packets: packets.first(count), pieces: self.pieces() }
    }

    /// Takes the next `packets` out of the waiting ones: the hardware has them. More than wait counts as all of them.
    #[inline]
    pub fn take(&mut self, packets: usize) {
        let waiting = self.packets.distance(self.taken, self.packets.end());
        // CAST: at most `waiting`.
        self.taken = self.packets.add(self.taken, packets.min(waiting as usize) as u32);
    }

    /// Returns the oldest `packets` taken packets and their fragments to the framework. More than were taken counts as
    /// all of them.
    #[inline]
    pub fn complete(&mut self, packets: u32) {
        let begin = self.packets.begin();
        let packets = packets.min(self.packets.distance(begin, self.taken));
        let end = begin.wrapping_add(packets);
        // The framework lays a packet's fragments behind those of the packet before, so the newest packet that has any
        // says where they all end.
        for n in 0..packets {
            let packet = self.packets.get(end.wrapping_sub(n + 1));
            if fragments_of(&packet) != 0 {
                let end = packet.FragmentIndex.wrapping_add(packet.FragmentCount.into());
                self.fragments.give_back(end, end);
                break;
            }
        }
        self.packets.give_back(end, self.taken);
    }
}

/// Number of a packet's fragments. One that the framework posted with Ignore has none, whatever its other fields say.
#[inline]
const fn fragments_of(packet: &NET_PACKET) -> u16 {
    if packet.Flags & NET_PACKET::Ignore == 0 { packet.FragmentCount } else { 0 }
}

/// All fragments with their addresses.
#[derive(Clone, Copy)]
struct Pieces<'r> {
    fragments: View<'r, NET_FRAGMENT>,
    logical: Extension<FragmentLogicalAddress>,
}

impl Pieces<'_> {
    #[inline]
    fn get(&self, index: u32) -> TxFragment {
        let (fragment, logical) = self.fragments.get_with(index, &self.logical);
        TxFragment {
            device_address: logical.LogicalAddress.wrapping_add(u64::from(fragment.Offset())),
            length: fragment.ValidLength(),
        }
    }
}

/// Packets that wait, the next one first.
pub struct Waiting<'r> {
    pieces: Pieces<'r>,
    packets: Straight<'r, NET_PACKET>,
}

impl Waiting<'_> {
    /// Number of packets.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.packets.len()
    }

    /// No packet waits.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The fragments of packet `n`, in order. None for an ignored packet.
    #[inline]
    #[must_use]
    pub fn fragments(&self, n: usize) -> Fragments<'_> {
        let packet = self.packets.get(n);
        Fragments { pieces: self.pieces, index: packet.FragmentIndex, left: fragments_of(&packet) }
    }

    /// All of packet `n`, if it lies in one fragment.
    #[inline]
    #[must_use]
    pub fn single(&self, n: usize) -> Option<TxFragment> {
        let packet = self.packets.get(n);
        (fragments_of(&packet) == 1).then(|| self.pieces.get(packet.FragmentIndex))
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
        Fragments { pieces: self.rings.pieces(), index: self.packet.FragmentIndex, left: fragments_of(&self.packet) }
    }

    /// Takes the packet out of the waiting ones: the hardware has it, or it is skipped.
    #[inline]
    pub fn take(self) {
        self.rings.taken = self.rings.packets.add(self.rings.taken, 1);
    }
}

/// Iterator over a packet's fragments.
pub struct Fragments<'p> {
    pieces: Pieces<'p>,
    index: u32,
    left: u16,
}

impl Iterator for Fragments<'_> {
    type Item = TxFragment;

    #[inline]
    fn next(&mut self) -> Option<TxFragment> {
        self.left = self.left.checked_sub(1)?;
        let fragment = self.pieces.get(self.index);
        self.index = self.index.wrapping_add(1);
        Some(fragment)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.left), Some(usize::from(self.left)))
    }
}
impl ExactSizeIterator for Fragments<'_> {}
