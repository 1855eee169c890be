//! The receive side of a queue's rings (buffers allocated and attached by the framework).

use super::{
    extension::{Extension, FragmentLogicalAddress},
    raw::{Ring, Straight},
};
use netadaptercx_sys::{_NET_PACKET_LAYER2_TYPE, NET_FRAGMENT, NET_PACKET, NET_PACKET_LAYOUT};

/// Ethernet, nothing known about what is inside: the framework parses layers 3 and 4 itself.
const ETHERNET: NET_PACKET_LAYOUT = NET_PACKET_LAYOUT::from_raw(
    (_NET_PACKET_LAYER2_TYPE::NetPacketLayer2TypeEthernet as u64) << NET_PACKET_LAYOUT::Layer2TypeShift,
);

/// A receive queue's rings. Fragments between Begin and `offered` are the hardware's, those up to End are free buffers.
pub struct RxRings {
    packets: Ring<NET_PACKET>,
    fragments: Ring<NET_FRAGMENT>,
    logical: Extension<FragmentLogicalAddress>,
    /// First fragment the hardware was not offered.
    offered: u32,
    /// First fragment the hardware has not filled: it and those before it belong to the frame being put together.
    unfilled: u32,
}

impl RxRings {
    pub(crate) fn new(
        packets: Ring<NET_PACKET>,
        fragments: Ring<NET_FRAGMENT>,
        logical: Extension<FragmentLogicalAddress>,
    ) -> Self {
        let begin = fragments.begin();
        Self { packets, fragments, logical, offered: begin, unfilled: begin }
    }

    /// Slots of the fragment ring: at most one less is posted at a time.
    #[must_use]
    pub fn fragment_slots(&self) -> u32 {
        self.fragments.slots()
    }

    /// Buffers the hardware was not offered yet, in order. What the iterator yields counts as offered.
    #[inline]
    pub fn free_buffers(&mut self) -> FreeBuffers<'_> {
        FreeBuffers { end: self.fragments.end(), rings: self }
    }

    /// Buffers the hardware was not offered yet, `most` of them and as far as they lie in one piece. They stay so until
    /// [`Self::offer`].
    #[inline]
    #[must_use]
    pub fn unoffered(&self, most: usize) -> Unoffered<'_> {
        let fragments = self.fragments.straight(self.offered, self.fragments.end());
        let count = most.min(fragments.len());
        Unoffered { fragments: fragments.first(count), logical: self.logical }
    }

    /// The hardware was offered the next `buffers`. More than there are counts as all of them.
    #[inline]
    pub fn offer(&mut self, buffers: usize) {
        let free = self.fragments.distance(self.offered, self.fragments.end());
        // CAST: at most `free`.
        self.offered = self.fragments.add(self.offered, buffers.min(free as usize) as u32);
    }

    /// Starts handing received frames over. Nothing is returned to the framework before [`Receive::finish`], which moves
    /// both Begin indices.
    #[inline]
    pub fn receive(&mut self) -> Receive<'_> {
        let (packet, frame) = (self.packets.begin(), self.fragments.begin());
        Receive { packet, packet_end: self.packets.end(), frame, rings: self }
    }

    /// Cancel: returns every packet, unfilled, and every fragment (contract.md 3.1, "Cancel").
    ///
    /// The device must not write any buffer any more.
    pub fn return_all(&mut self) {
        let (mut packet, end) = (self.packets.begin(), self.packets.end());
        while packet != end {
            let mut element = self.packets.get(packet);
            // The only change a packet with Ignore may show.
            element.Flags |= NET_PACKET::Ignore;
            self.packets.set(packet, element);
            packet = self.packets.add(packet, 1);
        }
        self.packets.give_back(end, end);
        let end = self.fragments.end();
        self.fragments.give_back(end, end);
        self.offered = end;
        self.unfilled = end;
    }
}

/// Iterator over buffers to offer to the hardware: their device addresses.
pub struct FreeBuffers<'r> {
    rings: &'r mut RxRings,
    end: u32,
}

impl Iterator for FreeBuffers<'_> {
    type Item = u64;

    #[inline]
    fn next(&mut self) -> Option<u64> {
        let index = self.rings.offered;
        if index == self.end {
            return None;
        }
        self.rings.offered = self.rings.fragments.add(index, 1);
        Some(self.rings.fragments.view().get_with(index, &self.rings.logical).1.LogicalAddress)
    }
}

/// Buffers in one piece that the hardware can be offered.
pub struct Unoffered<'r> {
    fragments: Straight<'r, NET_FRAGMENT>,
    logical: Extension<FragmentLogicalAddress>,
}

impl Unoffered<'_> {
    /// Number of buffers.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.fragments.len()
    }

    /// There is no buffer.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Device address of buffer `n`.
    #[inline]
    #[must_use]
    pub fn device_address(&self, n: usize) -> u64 {
        self.fragments.behind(n, &self.logical).LogicalAddress
    }
}

/// Frames handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Their number.
    pub packets: usize,
    /// Bytes in all of them.
    pub bytes: u64,
}

/// The packet of a frame in `count` fragments from `first` on.
#[inline]
const fn whole_frame(first: u32, count: u16) -> NET_PACKET {
    NET_PACKET { FragmentIndex: first, FragmentCount: count, Layout: ETHERNET, Flags: 0 }
}

/// Received frames on their way to the framework.
pub struct Receive<'r> {
    rings: &'r mut RxRings,
    /// Next packet element to fill, and the first that is not ours.
    packet: u32,
    packet_end: u32,
    /// First fragment of the frame being put together.
    frame: u32,
}

impl Receive<'_> {
    /// Whether another frame can be handed over.
    #[inline]
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.packet != self.packet_end
    }

    /// The hardware filled the next buffer with `length` bytes of the frame. False if the buffer is not that large or was
    /// never offered: the frame must be discarded then.
    #[inline]
    #[must_use]
    pub fn fill(&mut self, length: u32) -> bool {
        let index = self.rings.unfilled;
        if index == self.rings.offered {
            return false;
        }
        self.rings.unfilled = self.rings.fragments.add(index, 1);
        let fragment = self.rings.fragments.get(index);
        if length > fragment.Capacity() {
            return false;
        }
        self.rings.fragments.set(index, fragment.with_valid(length, 0));
        true
    }

    /// How many frames [`Self::deliver_singles`] can hand over: packets and buffers up to the end of either ring.
    #[inline]
    #[must_use]
    pub fn singles_room(&self) -> usize {
        let rings = &*self.rings;
        if self.frame != rings.unfilled {
            return 0;
        }
        let packets = rings.packets.straight(self.packet, self.packet_end).len();
        packets.min(rings.fragments.straight(rings.unfilled, rings.offered).len())
    }

    /// Hands over frames that lie in one buffer each, `most` of them, at most [`Self::singles_room`]. `length(n)` is the
    /// length of the n-th frame from here, or None where something else comes. A buffer too small for its frame ends it
    /// too; [`Self::fill`] deals with that.
    #[inline]
    pub fn deliver_singles(&mut self, most: usize, length: impl Fn(usize) -> Option<u16>) -> Delivered {
        let rings = &mut *self.rings;
        let mut packets = rings.packets.straight(self.packet, self.packet_end).first(most);
        let mut fragments = rings.fragments.straight(rings.unfilled, rings.offered).first(most);
        let mut delivered = Delivered { packets: 0, bytes: 0 };
        while delivered.packets < most {
            let n = delivered.packets;
            let Some(length) = length(n) else { break };
            let fragment = fragments.get(n);
            if u32::from(length) > fragment.Capacity() {
                break;
            }
            fragments.set(n, fragment.with_valid(length.into(), 0));
            // CAST: a run is shorter than its ring, which has 2^32 slots at most.
            packets.set_whole(n, whole_frame(self.frame + n as u32, 1));
            delivered.packets += 1;
            delivered.bytes += u64::from(length);
        }
        // CAST: as above.
        let count = delivered.packets as u32;
        self.packet = rings.packets.add(self.packet, count);
        rings.unfilled = rings.fragments.add(rings.unfilled, count);
        self.frame = rings.unfilled;
        delivered
    }

    /// The buffers filled since the last frame are a whole frame.
    ///
    /// Without room or without a filled buffer nothing is handed over and the frame is discarded.
    #[inline]
    pub fn deliver(&mut self) {
        let count = self.rings.fragments.distance(self.frame, self.rings.unfilled);
        if self.has_room() && count != 0 {
            // A packet's count has 16 bits; a fragment ring has fewer slots than that.
            self.rings.packets.set(self.packet, whole_frame(self.frame, count as u16));
            self.packet = self.rings.packets.add(self.packet, 1);
        }
        self.discard();
    }

    /// Drops the frame being put together: its buffers go back without a packet, and the framework reclaims them in
    /// order (contract.md 3.1, "Skipped fragments").
    #[inline]
    pub fn discard(&mut self) {
        self.frame = self.rings.unfilled;
    }

    /// Returns the finished frames and their buffers to the framework.
    #[inline]
    pub fn finish(self) {
        let next = self.rings.offered;
        self.rings.packets.give_back(self.packet, self.packet);
        self.rings.fragments.give_back(self.frame, next);
    }
}
