//! Driver Verifier mode: what the client may have written in the rings is compared around each Advance and Cancel.
//!
//! Source: NetAdapterCx 21H2 `netcx/adapter/nxqueueverifier.cpp` (poison, copies, IRQL) and `verifier.cpp` (rules and
//! their order).

use crate::contract::{self, Contract};
use crate::ring::{Copy, Ring};
use netadaptercx_sys::{
    _NET_PACKET_LAYER2_TYPE as l2, _NET_PACKET_LAYER3_TYPE as l3, _NET_PACKET_LAYER4_TYPE as l4, NET_FRAGMENT,
    NET_PACKET, NET_PACKET_LAYOUT,
};

/// Lengths and types all ones; the four reserved bits above them are not the driver's.
const POISON_LAYOUT: u64 = (1 << 36) - 1;
const LAYOUT_RESERVED: u64 = 0xf << 36;
const PACKET_RESERVED: u8 = !(NET_PACKET::Ignore | NET_PACKET::Scratch);
const FRAGMENT_RESERVED: u64 = 1 << 63;
const VALID_AND_OFFSET: u64 = NET_FRAGMENT::ValidLengthMask << NET_FRAGMENT::ValidLengthShift
    | NET_FRAGMENT::OffsetMask << NET_FRAGMENT::OffsetShift;
const CAPACITY: u64 = NET_FRAGMENT::CapacityMask << NET_FRAGMENT::CapacityShift;

/// What kind of queue the rings belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// Transmit.
    Tx,
    /// Receive; in driver attachment the client fills in Capacity too.
    Rx {
        /// NetRxFragmentBufferAttachmentModeDriver.
        driver_attaches: bool,
    },
}

/// The verifier of one queue.
pub struct Verifier {
    checked: Checked,
    /// Elements before these indices are poisoned already.
    poisoned_packet: u32,
    poisoned_fragment: u32,
    packets_before: Copy,
    fragments_before: Copy,
    packets_after: Copy,
    fragments_after: Copy,
    calls: u64,
}

impl Verifier {
    /// For a queue whose rings are empty.
    pub fn new(checked: Checked) -> Verifier {
        Verifier {
            checked,
            poisoned_packet: 0,
            poisoned_fragment: 0,
            packets_before: Copy::default(),
            fragments_before: Copy::default(),
            packets_after: Copy::default(),
            fragments_after: Copy::default(),
            calls: 0,
        }
    }

    /// Before EvtStart: the indices begin at 0 again.
    pub fn restart(&mut self) {
        self.poisoned_packet = 0;
        self.poisoned_fragment = 0;
    }

    /// Poisons what was newly posted and copies the rings. True: make this call at DISPATCH_LEVEL.
    pub fn before(&mut self, packets: &Ring, fragments: &Ring) -> bool {
        if let Checked::Rx { driver_attaches } = self.checked {
            while self.poisoned_packet != packets.end() {
                packets.set_packet(self.poisoned_packet, poison_packet(packets.packet(self.poisoned_packet)));
                self.poisoned_packet = packets.advance(self.poisoned_packet, 1);
            }
            while self.poisoned_fragment != fragments.end() {
                let f = poison_fragment(fragments.fragment(self.poisoned_fragment), driver_attaches);
                fragments.set_fragment(self.poisoned_fragment, f);
                self.poisoned_fragment = fragments.advance(self.poisoned_fragment, 1);
            }
        }
        packets.copy_to(&mut self.packets_before);
        fragments.copy_to(&mut self.fragments_before);
        if let Checked::Rx { driver_attaches } = self.checked {
            // What the client wrote in an earlier call counts as written: compare with the poison, not with that.
            for i in self.packets_before.range(packets.begin(), packets.end()) {
                self.packets_before.set_packet(i, poison_packet(self.packets_before.packet(i)));
            }
            for i in self.fragments_before.range(fragments.begin(), fragments.end()) {
                let f = poison_fragment(self.fragments_before.fragment(i), driver_attaches);
                self.fragments_before.set_fragment(i, f);
            }
        }
        self.calls += 1;
        self.calls % 2 == 1
    }

    /// Checks what the call did.
    pub fn after(&mut self, packets: &Ring, fragments: &Ring) {
        packets.copy_to(&mut self.packets_after);
        fragments.copy_to(&mut self.fragments_after);
        for (name, before, after) in [
            ("packet", &self.packets_before, &self.packets_after),
            ("fragment", &self.fragments_before, &self.fragments_after),
        ] {
            verify_header(name, before, after);
            verify_begin_index(name, before, after);
            verify_framework_elements(name, before, after);
        }
        match self.checked {
            Checked::Tx => self.verify_tx(),
            Checked::Rx { driver_attaches } => self.verify_rx(driver_attaches),
        }
    }

    /// Every packet and fragment the client owned at the call, returned or not.
    fn verify_tx(&self) {
        let (before, after) = (&self.packets_before, &self.packets_after);
        for i in before.range(before.begin(), before.end()) {
            let (old, new) = (before.packet(i), after.packet(i));
            let kept = NET_PACKET { Flags: 0, ..old } == NET_PACKET { Flags: 0, ..new }
                && (old.Flags ^ new.Flags) & !NET_PACKET::Scratch == 0;
            contract::RING_TX_PACKET.require(kept, 0, 0, || format!("Tx packet {i}: {old:?} became {new:?}"));
        }
        let (before, after) = (&self.fragments_before, &self.fragments_after);
        for i in before.range(before.begin(), before.end()) {
            let (old, new) = (before.fragment(i), after.fragment(i));
            let kept = (old.bits ^ new.bits) & !NET_FRAGMENT::Scratch == 0;
            contract::RING_TX_FRAGMENT
                .require(kept, 0, 0, || format!("Tx fragment {i}: {} became {}", describe(old), describe(new)));
        }
    }

    fn verify_rx(&self, driver_attaches: bool) {
        let (before, after) = (&self.packets_before, &self.packets_after);
        let mut returned = true;
        let mut previous: Option<NET_PACKET> = None;
        for i in before.range(before.begin(), before.end()) {
            let (old, new) = (before.packet(i), after.packet(i));
            let changed = || format!("Rx packet {i}: {old:?} became {new:?}");
            if new.Flags & NET_PACKET::Ignore != 0 {
                let kept = NET_PACKET { Flags: 0, ..old } == NET_PACKET { Flags: 0, ..new }
                    && (old.Flags ^ new.Flags) & PACKET_RESERVED == 0;
                contract::RING_RX_IGNORE.require(kept, 0, 0, changed);
                continue;
            }
            let kept = (old.Flags ^ new.Flags) & PACKET_RESERVED == 0
                && (old.Layout.raw() ^ new.Layout.raw()) & LAYOUT_RESERVED == 0;
            contract::RING_RX_RESERVED.require(kept, 0, 0, changed);
            returned &= i != after.begin();
            if !returned {
                continue;
            }
            let written = new.FragmentIndex != old.FragmentIndex
                && new.FragmentCount != old.FragmentCount
                && new.Layout.Layer2Type() != old.Layout.Layer2Type()
                && new.Layout.Layer3Type() != old.Layout.Layer3Type()
                && new.Layout.Layer4Type() != old.Layout.Layer4Type();
            contract::RING_RX_PACKET_WRITTEN.require(written, 0, 0, changed);
            self.verify_fragment_range(i, new);
            verify_layout(i, new);
            if let Some(previous) = previous {
                self.verify_order(i, previous, new);
            }
            self.verify_fragments(i, new, driver_attaches);
            previous = Some(new);
        }
    }

    /// The packet's fragments were the client's before the call and are not afterwards.
    fn verify_fragment_range(&self, i: u32, p: NET_PACKET) {
        let (before, after) = (&self.fragments_before, &self.fragments_after);
        let owned = before.distance(before.begin(), before.end());
        let check = |rule: &'static Contract, ok: bool| {
            rule.require(ok, 0, 0, || {
                format!(
                    "Rx packet {i}: fragments {} + {} of {}, owned {}..{} before and {}..{} after",
                    p.FragmentIndex,
                    p.FragmentCount,
                    before.count(),
                    before.begin(),
                    before.end(),
                    after.begin(),
                    after.end()
                )
            });
        };
        check(&contract::RX_FRAGMENT_COUNT, p.FragmentCount != 0);
        check(&contract::RX_FRAGMENT_COUNT_IN_RANGE, u32::from(p.FragmentCount) <= owned);
        let last = before.advance(p.FragmentIndex, u32::from(p.FragmentCount) - 1);
        check(&contract::RX_FIRST_FRAGMENT_BEFORE, in_range(before, p.FragmentIndex));
        check(&contract::RX_LAST_FRAGMENT_BEFORE, in_range(before, last));
        check(&contract::RX_FIRST_FRAGMENT_AFTER, !in_range(after, p.FragmentIndex));
        check(&contract::RX_LAST_FRAGMENT_AFTER, !in_range(after, last));
    }

    fn verify_order(&self, i: u32, previous: NET_PACKET, p: NET_PACKET) {
        let ring = &self.fragments_after;
        // Positions counted from the client's side of the ring: what was just returned ends at BeginIndex.
        let position = |index: u32| if index < ring.begin() { index + ring.count() } else { index };
        let previous_last = ring.advance(previous.FragmentIndex, u32::from(previous.FragmentCount) - 1);
        let detail = || {
            format!(
                "Rx packet {i} has fragments {} + {}, the packet before it {} + {}",
                p.FragmentIndex, p.FragmentCount, previous.FragmentIndex, previous.FragmentCount
            )
        };
        let first = position(p.FragmentIndex);
        contract::RX_FRAGMENTS_ASCEND.require(position(previous.FragmentIndex) < first, 0, 0, detail);
        contract::RX_FRAGMENTS_APART.require(position(previous_last) < first, 0, 0, detail);
    }

    fn verify_fragments(&self, i: u32, p: NET_PACKET, driver_attaches: bool) {
        for k in 0..u32::from(p.FragmentCount) {
            let index = self.fragments_before.advance(p.FragmentIndex, k);
            let (old, new) = (self.fragments_before.fragment(index), self.fragments_after.fragment(index));
            let detail = || format!("Rx packet {i}, fragment {index}: {} became {}", describe(old), describe(new));
            let keep = if driver_attaches { FRAGMENT_RESERVED } else { FRAGMENT_RESERVED | CAPACITY };
            contract::RING_RX_FRAGMENT_KEPT.require((old.bits ^ new.bits) & keep == 0, 0, 0, detail);
            let written = new.ValidLength() != old.ValidLength()
                && new.Offset() != old.Offset()
                && (!driver_attaches || new.Capacity() != old.Capacity());
            contract::RING_RX_FRAGMENT_WRITTEN.require(written, 0, 0, detail);
            contract::RX_FRAGMENT_LENGTH.require(new.Offset() + new.ValidLength() <= new.Capacity(), 0, 0, detail);
        }
    }
}

fn poison_packet(p: NET_PACKET) -> NET_PACKET {
    NET_PACKET {
        FragmentIndex: u32::MAX,
        FragmentCount: u16::MAX,
        Layout: NET_PACKET_LAYOUT::from_raw(POISON_LAYOUT),
        Flags: p.Flags,
    }
}

fn poison_fragment(f: NET_FRAGMENT, driver_attaches: bool) -> NET_FRAGMENT {
    NET_FRAGMENT { bits: f.bits | VALID_AND_OFFSET | if driver_attaches { CAPACITY } else { 0 } }
}

fn describe(f: NET_FRAGMENT) -> String {
    format!(
        "ValidLength {} Capacity {} Offset {} bits 62-63 {}",
        f.ValidLength(),
        f.Capacity(),
        f.Offset(),
        f.bits >> 62
    )
}

fn verify_header(name: &str, before: &Copy, after: &Copy) {
    contract::RING_HEADER.require(before.immutable_header() == after.immutable_header(), 0, 0, || {
        format!("{name} ring: header {:02x?} became {:02x?}", before.immutable_header(), after.immutable_header())
    });
}

fn verify_begin_index(name: &str, before: &Copy, after: &Copy) {
    let owned = |c: &Copy| c.distance(c.begin(), c.end());
    // The framework compares only the masked distance. An index outside the ring passes that and then leads it out of
    // the ring's memory, so here it is the same failure.
    let ok = owned(after) <= owned(before) && after.begin() < after.count();
    contract::RING_BEGIN_INDEX.require(ok, 0, 0, || {
        format!(
            "{name} ring of {}: BeginIndex {} became {} with EndIndex {}",
            before.count(),
            before.begin(),
            after.begin(),
            before.end()
        )
    });
}

/// As the framework does: all its elements but the last one before BeginIndex.
fn verify_framework_elements(name: &str, before: &Copy, after: &Copy) {
    for i in before.range(before.end(), before.advance(before.begin(), before.count() - 1)) {
        contract::RING_FRAMEWORK_ELEMENT.require(before.element(i) == after.element(i), 0, 0, || {
            format!(
                "{name} ring: element {i} {:02x?} became {:02x?}; the client owned {}..{} before and {}..{} after",
                before.element(i),
                after.element(i),
                before.begin(),
                before.end(),
                after.begin(),
                after.end()
            )
        });
    }
}

fn in_range(ring: &Copy, index: u32) -> bool {
    let (begin, end) = (ring.begin(), ring.end());
    if begin <= end { (begin..end).contains(&index) } else { index < end || (begin..ring.count()).contains(&index) }
}

fn verify_layout(i: u32, p: NET_PACKET) {
    let layout = p.Layout;
    let check = |rule: &'static Contract, ok: bool| {
        rule.require(ok, 0, 0, || {
            format!(
                "Rx packet {i}: layer 2 type {} length {}, layer 3 type {} length {}, layer 4 type {} length {}",
                layout.Layer2Type(),
                layout.Layer2HeaderLength(),
                layout.Layer3Type(),
                layout.Layer3HeaderLength(),
                layout.Layer4Type(),
                layout.Layer4HeaderLength()
            )
        });
    };
    let (type2, type3, type4) =
        (i32::from(layout.Layer2Type()), i32::from(layout.Layer3Type()), i32::from(layout.Layer4Type()));
    check(&contract::RX_LAYER2_TYPE, type2 <= l2::NetPacketLayer2TypeIeee80211);
    check(&contract::RX_LAYER3_TYPE, type3 <= l3::NetPacketLayer3TypeIPv6NoExtensions);
    check(&contract::RX_LAYER4_TYPE, type4 <= l4::NetPacketLayer4TypeIPNotFragment);

    let length = layout.Layer2HeaderLength();
    check(&contract::RX_LAYER2_NULL, type2 != l2::NetPacketLayer2TypeNull || length == 0);
    check(&contract::RX_LAYER2_ETHERNET, type2 != l2::NetPacketLayer2TypeEthernet || length == 0 || length >= 14);

    let length = layout.Layer3HeaderLength();
    let ipv4 = (l3::NetPacketLayer3TypeIPv4UnspecifiedOptions..=l3::NetPacketLayer3TypeIPv4NoOptions).contains(&type3);
    let ipv6 =
        (l3::NetPacketLayer3TypeIPv6UnspecifiedExtensions..=l3::NetPacketLayer3TypeIPv6NoExtensions).contains(&type3);
    check(&contract::RX_LAYER3_IPV4, !ipv4 || length == 0 || length >= 20);
    check(&contract::RX_LAYER3_IPV6, !ipv6 || length == 0 || length >= 40);

    let length = layout.Layer4HeaderLength();
    let tcp = type4 == l4::NetPacketLayer4TypeTcp && length != 0;
    check(&contract::RX_LAYER4_TCP, !tcp || (20..=60).contains(&length) && length.is_multiple_of(4));
    check(&contract::RX_LAYER4_UDP, type4 != l4::NetPacketLayer4TypeUdp || length == 0 || length >= 8);
}
