//! Which frames the MAC accepts: exact addresses first, a 4096-bit hash for what does not fit, everything when there
//! is no end of them.

use bitflags::bitflags;

use crate::MacAddress;
use crate::regs::{MTA, Rctl};

bitflags! {
    /// Kinds of frames wanted; the bits have NDIS_PACKET_TYPE's values.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct PacketFilter: u32 {
        /// To the station's address.
        const DIRECTED = 0x01;
        /// To a listed multicast address.
        const MULTICAST = 0x02;
        /// To any multicast address.
        const ALL_MULTICAST = 0x04;
        /// Broadcast.
        const BROADCAST = 0x08;
        /// Everything.
        const PROMISCUOUS = 0x20;
    }
}

/// Words of the hash table.
pub(crate) const HASH_WORDS: usize = MTA.len() as usize;

/// A snapshot of what is wanted. The owner keeps it and applies it again after every reset.
#[derive(Clone, Debug)]
pub struct ReceiveFilter {
    filter: PacketFilter,
    count: u8,
    multicast: [MacAddress; Self::MAX_MULTICAST],
}

impl ReceiveFilter {
    /// Multicast addresses kept; a longer list is taken as [`PacketFilter::ALL_MULTICAST`].
    pub const MAX_MULTICAST: usize = 128;

    /// A filter that accepts nothing.
    pub const fn nothing() -> Self {
        ReceiveFilter { filter: PacketFilter::empty(), count: 0, multicast: [MacAddress([0; 6]); Self::MAX_MULTICAST] }
    }

    /// A snapshot of `filter` and the list `multicast`; addresses in it that are not multicast are left out.
    pub fn new(filter: PacketFilter, multicast: impl IntoIterator<Item = MacAddress>) -> Self {
        let mut snapshot = ReceiveFilter { filter, ..Self::nothing() };
        if !filter.contains(PacketFilter::MULTICAST) {
            return snapshot;
        }
        for address in multicast.into_iter().filter(|address| address.is_multicast()) {
            let Some(place) = snapshot.multicast.get_mut(usize::from(snapshot.count)) else {
                snapshot.filter |= PacketFilter::ALL_MULTICAST;
                break;
            };
            *place = address;
            snapshot.count += 1;
        }
        snapshot
    }

    /// The registers' contents for a device with `receive_addresses` exact entries.
    pub(crate) fn plan(&self, station: MacAddress, receive_addresses: u8) -> Plan<'_> {
        let listed = self.listed();
        let (exact, hashed) = listed.split_at(listed.len().min(usize::from(receive_addresses) - 1));
        let mut hash = [0; HASH_WORDS];
        for address in hashed {
            let (word, bit) = hash_position(*address);
            hash[word] |= 1 << bit;
        }
        let station = self.filter.contains(PacketFilter::DIRECTED).then_some(station);
        Plan { station, multicast: exact, hash, rctl: self.rctl() }
    }

    /// All of `kinds` are wanted.
    pub(crate) fn wants(&self, kinds: PacketFilter) -> bool {
        self.filter.contains(kinds)
    }

    /// The multicast addresses kept.
    pub(crate) fn listed(&self) -> &[MacAddress] {
        &self.multicast[..usize::from(self.count)]
    }

    /// UPE, MPE and BAM.
    pub(crate) fn rctl(&self) -> Rctl {
        let mut rctl = Rctl::empty();
        if self.wants(PacketFilter::PROMISCUOUS) {
            rctl |= Rctl::UPE | Rctl::MPE | Rctl::BAM;
        }
        if self.wants(PacketFilter::ALL_MULTICAST) {
            rctl |= Rctl::MPE;
        }
        if self.wants(PacketFilter::BROADCAST) {
            rctl |= Rctl::BAM;
        }
        rctl
    }
}

/// Contents of the filter registers.
pub(crate) struct Plan<'a> {
    station: Option<MacAddress>,
    multicast: &'a [MacAddress],
    pub hash: [u32; HASH_WORDS],
    /// UPE, MPE and BAM.
    pub rctl: Rctl,
}

impl Plan<'_> {
    /// The `count` receive address entries, the station's first.
    pub fn exact(&self, count: u8) -> impl Iterator<Item = Option<MacAddress>> {
        let listed = self.multicast.iter().copied().map(Some).chain(core::iter::repeat(None));
        core::iter::once(self.station).chain(listed).take(usize::from(count))
    }
}

/// Word and bit of an address in the hash table with RCTL.MO = 0: bits 47:36 of the address.
pub(crate) fn hash_position(address: MacAddress) -> (usize, u32) {
    let [.., b4, b5] = address.0;
    let hash = u16::from_le_bytes([b4, b5]) >> 4;
    (usize::from(hash >> 5), u32::from(hash & 31))
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const STATION: MacAddress = MacAddress([0x52, 0x54, 0, 1, 2, 3]);

    fn group(n: u16) -> MacAddress {
        let [high, low] = n.to_be_bytes();
        MacAddress([1, 0, 0x5e, 0, high, low])
    }

    fn hash_bits(plan: &Plan<'_>) -> u32 {
        plan.hash.iter().map(|word| word.count_ones()).sum()
    }

    #[test]
    fn nothing_accepts_nothing() {
        let filter = ReceiveFilter::nothing();
        let plan = filter.plan(STATION, 24);
        assert!(plan.exact(24).all(|entry| entry.is_none()));
        assert_eq!(plan.exact(24).count(), 24);
        assert_eq!((plan.rctl, hash_bits(&plan)), (Rctl::empty(), 0));
    }

    #[test]
    fn each_kind_sets_its_bits() {
        let rctl = |filter| ReceiveFilter::new(filter, []).plan(STATION, 24).rctl;
        assert_eq!(rctl(PacketFilter::DIRECTED), Rctl::empty());
        assert_eq!(rctl(PacketFilter::MULTICAST), Rctl::empty());
        assert_eq!(rctl(PacketFilter::BROADCAST), Rctl::BAM);
        assert_eq!(rctl(PacketFilter::ALL_MULTICAST), Rctl::MPE);
        assert_eq!(rctl(PacketFilter::PROMISCUOUS), Rctl::UPE | Rctl::MPE | Rctl::BAM);
        assert_eq!(rctl(PacketFilter::BROADCAST | PacketFilter::ALL_MULTICAST), Rctl::BAM | Rctl::MPE);
    }

    #[test]
    fn list_counts_only_with_multicast_and_only_groups() {
        let without = ReceiveFilter::new(PacketFilter::DIRECTED, [group(1)]);
        assert_eq!(without.plan(STATION, 24).exact(24).flatten().collect::<Vec<_>>(), [STATION]);
        let with = ReceiveFilter::new(PacketFilter::MULTICAST, [group(1), STATION, group(2)]);
        assert_eq!(with.plan(STATION, 24).exact(24).flatten().collect::<Vec<_>>(), [group(1), group(2)]);
    }

    /// Every list length: exact entries first, the rest hashed, beyond the snapshot all multicast; nobody is lost.
    #[test]
    fn every_listed_group_is_accepted() {
        for count in 0..=200u16 {
            let filter = ReceiveFilter::new(PacketFilter::MULTICAST, (0..count).map(group));
            let plan = filter.plan(STATION, 24);
            let exact: Vec<_> = plan.exact(24).flatten().collect();
            assert_eq!(exact.len(), usize::from(count.min(23)));
            for n in 0..count {
                let (word, bit) = hash_position(group(n));
                let hashed = plan.hash[word] & 1 << bit != 0;
                assert!(exact.contains(&group(n)) || hashed || plan.rctl.contains(Rctl::MPE), "{n} of {count}");
            }
            assert_eq!(plan.rctl.contains(Rctl::MPE), usize::from(count) > ReceiveFilter::MAX_MULTICAST);
            assert_eq!(hash_bits(&plan) == 0, count <= 23);
        }
    }

    #[test]
    fn hash_is_bits_47_to_36() {
        assert_eq!(hash_position(MacAddress([0x01, 0xaa, 0x00, 0x12, 0x34, 0x56])), (0x563 >> 5, 0x563 & 31));
        assert_eq!(hash_position(MacAddress([1, 0, 0, 0, 0xf0, 0xff])), (127, 31));
    }
}
