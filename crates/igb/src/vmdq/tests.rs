use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::filter::{PacketFilter, ReceiveFilter};
use crate::model::I82576;
use crate::regs::{Dtxswc, MTA, RAH, RAH2, RAL, RAL2, RCTL, RPLOLR, RXDCTL, Rah, Rctl, SRRCTL, Srrctl, VFTA, VLVF};
use crate::regs::{VMOLR, VT_CTL, Vlvf, VtCtl};
use crate::testing::{ADDRESS, Chip, Memory};
use crate::{MacAddress, rx};

const BROADCAST: MacAddress = MacAddress([0xff; 6]);

fn device(chip: &Chip) -> Device<&Chip, &Chip> {
    Device::new(chip, chip, &I82576)
}

fn station(n: u8) -> MacAddress {
    MacAddress([2, 0, 0, 0, 0, n])
}

fn group(n: u8) -> MacAddress {
    MacAddress([1, 0, 0x5e, 0, 0, n])
}

fn filter(pool: u8, address: MacAddress, vlan: Vlan) -> Filter {
    Filter { pool, address, vlan }
}

fn steering(filters: &[Filter]) -> Result<Steering, Refusal> {
    Steering::new(ADDRESS, &I82576, filters.iter().copied())
}

/// A device in VMDq mode.
fn switched(chip: &Chip) -> Switch {
    let mut switch = Switch::new();
    device(chip).configure(1514).unwrap();
    device(chip).configure_pools(&mut switch).unwrap();
    switch
}

fn apply(chip: &Chip, switch: &mut Switch, wanted: &ReceiveFilter, filters: &[Filter]) {
    switch.apply(&device(chip), ADDRESS, 1514, wanted, &steering(filters).unwrap()).unwrap();
}

/// The pools that get a frame, read off the registers by the steps of 7.10.3.3 (replication enabled); VFRE is left out.
fn pools(chip: &Chip, to: MacAddress, tag: Option<u16>) -> u8 {
    let rctl = Rctl::from_bits_retain(chip.get(RCTL.offset()));
    let vmolr = |pool: u32| Vmolr::from_bits_retain(chip.get(VMOLR.at(pool).offset()));
    let with = |bit: Vmolr| (0..8).filter(|&pool| vmolr(pool).contains(bit)).fold(0, |mask, pool| mask | 1 << pool);
    let (low, high) = to.words();
    let mut list = 0_u8;
    for n in 0..32 {
        let (ral, rah) = if n < 16 {
            (RAL.at(n).offset(), RAH.at(n).offset())
        } else {
            (RAL2.at(n - 16).offset(), RAH2.at(n - 16).offset())
        };
        let entry = Rah::from_bits_retain(chip.get(rah));
        if entry.contains(Rah::AV) && chip.get(ral) == low && (entry & Rah::ADDRESS).bits() == high {
            list |= ((entry & Rah::POOLS).bits() >> 18) as u8;
        }
    }
    if to == BROADCAST {
        list |= with(Vmolr::BAM);
    } else if to.is_multicast() {
        let (word, bit) = crate::filter::hash_position(to);
        if list == 0 && chip.get(MTA.at(word as u32).offset()) & 1 << bit != 0 {
            list |= with(Vmolr::ROMPE);
        }
        list |= with(Vmolr::MPME);
    }
    if rctl.contains(Rctl::VFE) {
        let Some(id) = tag.map(|tag| tag & 0xfff) else {
            return default_pool(chip, to, list & with(Vmolr::AUPE));
        };
        if chip.get(VFTA.at(u32::from(id >> 5)).offset()) & 1 << (id & 31) == 0 {
            return 0;
        }
        let entries = (0..32).map(|n| Vlvf::from_bits_retain(chip.get(VLVF.at(n).offset())));
        let members = entries
            .filter(|entry| entry.contains(Vlvf::VI_EN) && (*entry & Vlvf::ID).bits() == u32::from(id))
            .fold(0, |mask, entry| mask | ((entry & Vlvf::POOLS).bits() >> 12) as u8);
        list &= members;
    }
    default_pool(chip, to, list)
}

fn default_pool(chip: &Chip, to: MacAddress, list: u8) -> u8 {
    let control = VtCtl::from_bits_retain(chip.get(VT_CTL.offset()));
    assert_eq!(control.bits() >> 7 & 7, 0, "DEF_PL");
    if list == 0 && !to.is_multicast() && !control.contains(VtCtl::DIS_DEF_POOL) { 1 } else { list }
}

/// What filters say, by their own words.
fn wanted_pools(filters: &[Filter], to: MacAddress, tag: Option<u16>) -> u8 {
    filters
        .iter()
        .filter(|filter| filter.address == to)
        .filter(|filter| match filter.vlan {
            Vlan::Any => true,
            Vlan::UntaggedOrZero => tag.is_none_or(|tag| tag & 0xfff == 0),
            Vlan::Id(id) => tag.is_some_and(|tag| tag & 0xfff == id),
        })
        .fold(0, |mask, filter| mask | 1 << filter.pool)
}

/// What the receive filter says, by its own words, of a frame in a VLAN that the default pool is in.
fn default_wants(filter: &ReceiveFilter, to: MacAddress) -> bool {
    filter.wants(PacketFilter::PROMISCUOUS)
        || if to == BROADCAST {
            filter.wants(PacketFilter::BROADCAST)
        } else if to.is_multicast() {
            filter.wants(PacketFilter::ALL_MULTICAST) || filter.listed().contains(&to)
        } else {
            to == ADDRESS && filter.wants(PacketFilter::DIRECTED)
        }
}

#[test]
fn a_device_in_vmdq_mode_has_one_pool() {
    let chip = Chip::dirty();
    switched(&chip);
    assert_eq!(chip.get(regs::MRQC.offset()), 0b011);
    assert_eq!((chip.get(regs::VFRE.offset()), chip.get(regs::VFTE.offset())), (1, 1));
    assert_eq!(chip.get(RPLOLR.offset()), Vmolr::STRCRC.bits());
    assert!((0..128).all(|n| chip.get(VFTA.at(n).offset()) == u32::MAX));
}

#[test]
fn pools_are_enabled_one_by_one() {
    let chip = Chip::new();
    switched(&chip);
    let device = device(&chip);
    device.enable_pool(3, true).unwrap();
    device.enable_pool(7, true).unwrap();
    assert_eq!(chip.get(regs::VFRE.offset()), 0b1000_1001);
    device.enable_pool(3, false).unwrap();
    assert_eq!(chip.get(regs::VFRE.offset()), 0b1000_0001);
    assert_eq!(device.enable_pool(8, true), Err(Error::NoSuchQueue { direction: Direction::Receive, queue: 8 }));
}

#[test]
fn drops_are_counted_by_queue() {
    let chip = Chip::new();
    chip.set(regs::RQDPC.at(5).offset(), 0xffff_f123);
    assert_eq!(device(&chip).dropped(5), Ok(0x123));
    assert_eq!(device(&chip).dropped(4), Ok(0));
    assert!(device(&chip).dropped(16).is_err());
}

/// Pool 0 under VMDq is what the receive filter makes of one queue, and the other pools are empty.
#[test]
fn default_pool_is_the_receive_filter() {
    let tags = [None, Some(0), Some(0x2007), Some(4094)];
    for bits in 0..64 {
        let kinds = PacketFilter::from_bits_truncate(bits);
        for groups in [0, 5, 23, 24, 60, 200] {
            let chip = Chip::dirty();
            let mut switch = switched(&chip);
            let wanted = ReceiveFilter::new(kinds, (0..groups).map(group));
            apply(&chip, &mut switch, &wanted, &[]);
            for tag in tags {
                for n in 0..=groups.max(1) {
                    // A group that is not listed may share its hash with one that is.
                    let hashed = groups > 23 && !default_wants(&wanted, group(n));
                    if !hashed {
                        assert_eq!(pools(&chip, group(n), tag), default_wants(&wanted, group(n)).into());
                    }
                }
                for to in [ADDRESS, station(1), BROADCAST] {
                    assert_eq!(pools(&chip, to, tag), default_wants(&wanted, to).into(), "{kinds:?} {to} {tag:?}");
                }
            }
            assert_eq!(chip.get(regs::DTXSWC.offset()), 0, "nothing to loop back to");
            let all_groups = wanted.rctl().contains(Rctl::MPE);
            let vmolr = Vmolr::from_bits_retain(chip.get(VMOLR.at(0).offset()));
            assert_eq!(vmolr.contains(Vmolr::MPME), all_groups);
            if all_groups {
                // For a device model that does not know MPME.
                assert!((0..128).all(|n| chip.get(MTA.at(n).offset()) == u32::MAX));
            } else if groups <= 23 {
                assert!((0..128).all(|n| chip.get(MTA.at(n).offset()) == 0), "exact entries come first");
            }
        }
    }
}

#[test]
fn frames_may_be_as_long_as_the_device_s() {
    let chip = Chip::new();
    let mut switch = switched(&chip);
    switch.apply(&device(&chip), ADDRESS, 9014, &ReceiveFilter::nothing(), &Steering::nothing()).unwrap();
    for pool in 0..8 {
        let offload = Vmolr::from_bits_retain(chip.get(VMOLR.at(pool).offset()));
        assert!(offload.contains(Vmolr::LPE | Vmolr::STRCRC));
        assert_eq!((offload & Vmolr::RLPML).bits(), 9022);
        assert_eq!(offload.contains(Vmolr::STRVLAN), pool != 0, "tags of pool 0 stay in the frame");
    }
}

#[test]
fn sets_that_the_hardware_cannot_do_are_refused() {
    use Vlan::{Any, Id, UntaggedOrZero};
    let refused = |filters: &[Filter]| steering(filters).unwrap_err();
    for pool in [0, 8, 255] {
        assert_eq!(refused(&[filter(pool, station(1), Any)]), Refusal::NoSuchPool);
    }
    assert_eq!(refused(&[filter(1, MacAddress([0; 6]), Any)]), Refusal::BadAddress);
    assert_eq!(refused(&[filter(1, ADDRESS, Id(5))]), Refusal::BadAddress);
    assert_eq!(refused(&[filter(1, station(1), Id(4095))]), Refusal::BadVlan);
    assert_eq!(refused(&[filter(1, station(1), Any), filter(2, station(1), Any)]), Refusal::Taken);
    let overlap = [filter(1, station(1), UntaggedOrZero), filter(2, station(1), Id(0))];
    assert_eq!(refused(&overlap), Refusal::Taken, "a frame tagged 0 is for both");
    let corners = [filter(1, station(1), Id(5)), filter(1, station(2), Id(6))];
    assert_eq!(refused(&corners), Refusal::NotAProduct, "the pool would get 1 in VLAN 6 and 2 in VLAN 5 too");
    assert_eq!(refused(&[filter(1, station(1), Any), filter(2, station(2), Id(5))]), Refusal::MixedVlans);
    assert_eq!(refused(&[filter(1, BROADCAST, Any), filter(2, station(2), UntaggedOrZero)]), Refusal::MixedVlans);
}

#[test]
fn sets_that_the_hardware_can_do_are_taken() {
    use Vlan::{Any, Id, UntaggedOrZero};
    let sets: [&[Filter]; 7] = [
        &[],
        &[filter(1, BROADCAST, Any)],
        &[filter(1, station(1), Any), filter(1, station(1), Any), filter(2, station(2), Any)],
        &[filter(1, station(1), Id(5)), filter(2, station(1), Id(6)), filter(3, station(1), UntaggedOrZero)],
        &[
            filter(1, station(1), Id(5)),
            filter(1, station(2), Id(6)),
            filter(1, station(1), Id(6)),
            filter(1, station(2), Id(5)),
        ],
        &[filter(1, BROADCAST, Any), filter(2, BROADCAST, Any), filter(7, group(1), Any), filter(6, group(1), Any)],
        &[filter(1, station(1), UntaggedOrZero), filter(1, station(1), Id(0)), filter(1, BROADCAST, UntaggedOrZero)],
    ];
    for set in sets {
        assert_eq!(steering(set).unwrap().is_empty(), set.is_empty());
    }
}

#[test]
fn tables_end() {
    let addresses = |count: u8| (0..count).map(|n| filter(1 + n % 7, station(n + 1), Vlan::Any)).collect::<Vec<_>>();
    assert!(steering(&addresses(23)).is_ok());
    assert_eq!(steering(&addresses(24)).unwrap_err(), Refusal::TooManyAddresses);
    let vlans = |count: u16| (0..count).map(|id| filter(1, station(1), Vlan::Id(id + 1))).collect::<Vec<_>>();
    assert!(steering(&vlans(MAX_VLANS as u16)).is_ok());
    assert_eq!(steering(&vlans(MAX_VLANS as u16 + 1)).unwrap_err(), Refusal::TooManyVlans);
}

/// All exact entries are in use: the station's, 23 filters'; the default pool's groups are hashed and none is lost.
#[test]
fn a_full_address_table_keeps_the_station_and_hashes_groups() {
    let chip = Chip::dirty();
    let mut switch = switched(&chip);
    let filters: Vec<_> = (0..23).map(|n| filter(1 + n % 7, station(n + 1), Vlan::Any)).collect();
    let wanted = ReceiveFilter::new(PacketFilter::DIRECTED | PacketFilter::MULTICAST, (0..30).map(group));
    apply(&chip, &mut switch, &wanted, &filters);
    assert_eq!(pools(&chip, ADDRESS, None), 1);
    for filter in &filters {
        assert_eq!(pools(&chip, filter.address, Some(7)), 1 << filter.pool);
    }
    assert!((0..30).all(|n| pools(&chip, group(n), None) == 1));
    assert_eq!(chip.get(regs::DTXSWC.offset()), Dtxswc::LOOPBACK_EN.bits());
    assert_eq!(chip.get(RAH2.at(8).offset()), 0xffff_fff7, "beyond the model's entries nothing is touched");
}

#[test]
fn a_group_of_a_filter_stays_the_default_pools_too() {
    let chip = Chip::new();
    let mut switch = switched(&chip);
    let filters = [filter(2, group(1), Vlan::Any), filter(3, group(1), Vlan::Any), filter(4, BROADCAST, Vlan::Any)];
    for (kinds, listed, in_default) in [
        (PacketFilter::MULTICAST | PacketFilter::BROADCAST, true, 1),
        (PacketFilter::ALL_MULTICAST | PacketFilter::BROADCAST, false, 1),
        (PacketFilter::MULTICAST, false, 0),
    ] {
        let wanted = ReceiveFilter::new(kinds, listed.then(|| group(1)));
        apply(&chip, &mut switch, &wanted, &filters);
        assert_eq!(pools(&chip, group(1), None), 0b1100 | in_default);
        // By its entry, too: a device model may not know VMOLR.MPME.
        assert!((0..16).any(|n| chip.get(RAH.at(n).offset()) >> 18 & 0xff == 0b1100 | u32::from(in_default)));
        let broadcast = u8::from(kinds.contains(PacketFilter::BROADCAST));
        assert_eq!(pools(&chip, BROADCAST, None), 0b1_0000 | broadcast);
        assert_eq!(chip.get(RCTL.offset()) & Rctl::BAM.bits(), Rctl::BAM.bits(), "broadcast passes the first stage");
    }
}

#[test]
fn other_vlans_reach_a_promiscuous_default_pool() {
    let chip = Chip::new();
    let mut switch = switched(&chip);
    let filters = [filter(1, station(1), Vlan::Id(5))];
    apply(&chip, &mut switch, &ReceiveFilter::new(PacketFilter::PROMISCUOUS, []), &filters);
    assert_eq!(pools(&chip, station(1), Some(5)), 0b10);
    assert_eq!(pools(&chip, station(1), Some(6)), 1);
    assert_eq!(pools(&chip, station(1), None), 1);
    assert_eq!(pools(&chip, BROADCAST, Some(5)), 1);
    assert_eq!(pools(&chip, BROADCAST, None), 1);
    apply(&chip, &mut switch, &ReceiveFilter::new(PacketFilter::BROADCAST, []), &filters);
    assert_eq!(pools(&chip, station(1), Some(6)), 0);
    assert_eq!(pools(&chip, BROADCAST, Some(5)), 1);
    assert_eq!(pools(&chip, BROADCAST, Some(0)), 1);
}

/// Applies `filters` and looks at the device after each write; their number.
fn apply_by_steps(
    chip: &Chip,
    switch: &mut Switch,
    wanted: &ReceiveFilter,
    filters: &[Filter],
    look: impl Fn(&Chip),
) -> usize {
    let replay = Chip::new();
    (0..0x8000).for_each(|n| replay.set(4 * n, chip.get(4 * n)));
    chip.take_writes();
    apply(chip, switch, wanted, filters);
    let writes = chip.take_writes();
    for (offset, value) in &writes {
        replay.set(*offset, *value);
        look(&replay);
    }
    writes.len()
}

/// The first filter that looks at VLANs, and the last one's end: the default pool's frames of that VLAN go on.
#[test]
fn a_vlan_comes_and_goes_without_a_gap_in_the_default_pool() {
    let chip = Chip::new();
    let mut switch = switched(&chip);
    let wanted = ReceiveFilter::new(PacketFilter::DIRECTED | PacketFilter::BROADCAST, []);
    apply(&chip, &mut switch, &wanted, &[]);
    for filters in [&[filter(1, station(1), Vlan::Id(5))][..], &[]] {
        apply_by_steps(&chip, &mut switch, &wanted, filters, |replay| {
            for tag in [None, Some(0), Some(5)] {
                assert_eq!(pools(replay, ADDRESS, tag), 1, "{tag:?}");
                assert_eq!(pools(replay, BROADCAST, tag), 1, "{tag:?}");
            }
        });
    }
}

/// One filter more or less: few writes, and after each of them the frames of the other filters have their pool.
#[test]
fn what_stays_is_not_touched() {
    let chip = Chip::new();
    let mut switch = switched(&chip);
    let wanted = ReceiveFilter::new(PacketFilter::DIRECTED | PacketFilter::BROADCAST, []);
    let all: Vec<_> = (1..=6).map(|n| filter(n, station(n), Vlan::Id(u16::from(n) * 100))).collect();
    apply(&chip, &mut switch, &wanted, &all);
    chip.take_writes();
    apply(&chip, &mut switch, &wanted, &all);
    assert!(chip.take_writes().iter().all(|write| write.0 == RCTL.offset()), "nothing changes");
    for left_out in 0..6 {
        let rest: Vec<_> = all.iter().copied().filter(|filter| filter.address != all[left_out].address).collect();
        for set in [&rest, &all] {
            let writes = apply_by_steps(&chip, &mut switch, &wanted, set, |replay| {
                for frame in &rest {
                    let Vlan::Id(id) = frame.vlan else { unreachable!() };
                    assert_eq!(pools(replay, frame.address, Some(id)), 1 << frame.pool);
                }
            });
            assert!(writes <= 7, "{writes}");
            assert_eq!(pools(&chip, all[left_out].address, Some(left_out as u16 * 100 + 100)) != 0, set.len() == 6);
        }
    }
}

/// A pool is added to an address that another pool has in another VLAN: one write, the entry stays valid.
#[test]
fn a_second_pool_of_an_address_comes_in_one_write() {
    let chip = Chip::new();
    let mut switch = switched(&chip);
    let filters = [filter(1, station(1), Vlan::Id(5)), filter(2, station(1), Vlan::Id(6))];
    apply(&chip, &mut switch, &ReceiveFilter::nothing(), &filters[..1]);
    chip.take_writes();
    apply(&chip, &mut switch, &ReceiveFilter::nothing(), &filters);
    let high = chip.take_writes().into_iter().filter(|write| write.0 == RAH.at(0).offset()).collect::<Vec<_>>();
    assert_eq!(high.len(), 1);
    assert_ne!(high[0].1 & Rah::AV.bits(), 0);
    assert_eq!(pools(&chip, station(1), Some(5)), 0b10);
    assert_eq!(pools(&chip, station(1), Some(6)), 0b100);
}

/// An address whose first four bytes are zero replaces another one in its entry.
#[test]
fn an_entry_is_used_again() {
    let chip = Chip::new();
    let mut switch = switched(&chip);
    let zeros = MacAddress([0, 0, 0, 0, 0, 9]);
    let ends_alike = MacAddress([2, 0, 0, 7, 0, 2]);
    for address in [station(1), zeros, station(2)] {
        apply(&chip, &mut switch, &ReceiveFilter::nothing(), &[]);
        apply(&chip, &mut switch, &ReceiveFilter::nothing(), &[filter(1, address, Vlan::Any)]);
        assert_eq!(pools(&chip, address, None), 0b10, "{address}");
    }
    assert_eq!(pools(&chip, zeros, None), 0);
    // At once, in the entry that the other one leaves.
    for address in [ends_alike, station(2)] {
        apply(&chip, &mut switch, &ReceiveFilter::nothing(), &[filter(1, address, Vlan::Any)]);
        assert_eq!(pools(&chip, address, None), 0b10, "{address}");
    }
    assert_eq!(pools(&chip, ends_alike, None), 0);
}

#[test]
fn after_a_reset_everything_is_written_again() {
    let chip = Chip::new();
    let mut switch = switched(&chip);
    let filters = [filter(1, station(1), Vlan::UntaggedOrZero), filter(2, station(2), Vlan::Id(5))];
    let wanted = ReceiveFilter::new(PacketFilter::all(), [group(1)]);
    apply(&chip, &mut switch, &wanted, &filters);
    let registers = |chip: &Chip| (0..0x8000).map(|n| chip.get(4 * n)).collect::<Vec<_>>();
    let before = registers(&chip);
    device(&chip).reset().unwrap();
    device(&chip).configure(1514).unwrap();
    device(&chip).configure_pools(&mut switch).unwrap();
    apply(&chip, &mut switch, &wanted, &filters);
    let after = registers(&chip);
    let vmdq = [RCTL.offset(), VT_CTL.offset(), regs::DTXSWC.offset(), regs::MRQC.offset(), regs::VFRE.offset()];
    let arrays = [(0x5200, 0x5400), (0x5400, 0x5480), (0x54e0, 0x5520), (0x5600, 0x5800), (0x5ad0, 0x5af4)];
    let offsets = vmdq
        .into_iter()
        .chain(arrays.into_iter().chain([(0x5d00, 0x5d80)]).flat_map(|(from, to)| (from..to).step_by(4)));
    for offset in offsets {
        assert_eq!(before[offset as usize / 4], after[offset as usize / 4], "{offset:#x}");
    }
}

#[test]
fn a_gone_device_is_noticed_and_nothing_is_believed_then() {
    let chip = Chip::new();
    let mut switch = switched(&chip);
    let filters = [filter(1, station(1), Vlan::Id(5))];
    chip.fail(|_, _, _| u32::MAX);
    let gone = switch.apply(&device(&chip), ADDRESS, 1514, &ReceiveFilter::nothing(), &steering(&filters).unwrap());
    assert_eq!(gone, Err(Error::DeviceGone));
    assert_eq!(device(&chip).enable_pool(1, true), Err(Error::DeviceGone));
    chip.fail(|_, _, honest| honest);
    apply(&chip, &mut switch, &ReceiveFilter::nothing(), &filters);
    assert_eq!(pools(&chip, station(1), Some(5)), 0b10);
    chip.fail(|_, _, _| u32::MAX);
    assert!(switch.apply(&device(&chip), ADDRESS, 1514, &ReceiveFilter::nothing(), &Steering::nothing()).is_err());
    chip.fail(|_, _, honest| honest);
    chip.set(RAH.at(0).offset(), 0);
    chip.set(VLVF.at(0).offset(), 0);
    apply(&chip, &mut switch, &ReceiveFilter::nothing(), &filters);
    assert_eq!(pools(&chip, station(1), Some(5)), 0b10, "written again although it was the same before");
}

#[test]
fn a_queue_of_a_pool_drops_when_it_is_full() {
    let chip = Chip::new();
    let memory = Memory::new(rx::memory_len(64));
    let queue = || rx::Queue::new(&chip, &I82576, 5, 64, 2048, memory.dma()).unwrap();
    queue().dropping_when_full().enable(&&chip).unwrap();
    let advanced = Srrctl::ADVANCED_ONE_BUFFER | Srrctl::buffer_kib(2);
    assert_eq!(chip.get(SRRCTL.at(5).offset()), (advanced | Srrctl::DROP_EN).bits());
    chip.set(RXDCTL.at(5).offset(), 0);
    queue().enable(&&chip).unwrap();
    assert_eq!(chip.get(SRRCTL.at(5).offset()), advanced.bits());
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let address = prop_oneof![4 => (1..6u8).prop_map(station), 1 => (0..2u8).prop_map(group), 1 => Just(BROADCAST)];
    let vlan = prop_oneof![Just(Vlan::Any), Just(Vlan::UntaggedOrZero), (0..4u16).prop_map(Vlan::Id)];
    (1..8u8, address, vlan).prop_map(|(pool, address, vlan)| Filter { pool, address, vlan })
}

proptest! {
    /// Whatever set is taken does exactly what its filters say, after whatever set was there before; and what is refused
    /// could not have been done.
    #[test]
    fn taken_sets_do_what_they_say(
        sets in prop::collection::vec(prop::collection::vec(any_filter(), 0..7), 1..5),
        bits in 0..64u32,
        groups in 0..3u8,
    ) {
        let chip = Chip::dirty();
        let mut switch = switched(&chip);
        let wanted = ReceiveFilter::new(PacketFilter::from_bits_truncate(bits), (0..groups).map(group));
        let restricted = |filters: &[Filter]| filters.iter().any(|filter| filter.vlan != Vlan::Any);
        for filters in &sets {
            let Ok(steering) = steering(filters) else { continue };
            switch.apply(&device(&chip), ADDRESS, 1514, &wanted, &steering).unwrap();
            for tag in [None, Some(0), Some(0xe001), Some(2), Some(3), Some(4)] {
                let addresses = (1..7).map(station).chain((0..3).map(group)).chain([ADDRESS, BROADCAST]);
                for to in addresses {
                    let named = filters.iter().any(|f| matches!(f.vlan, Vlan::Id(id) if Some(id) == tag.map(|t| t & 0xfff)));
                    let in_default_vlan = !restricted(filters) || tag.is_none_or(|tag| tag & 0xfff == 0) || named;
                    let of_filters = wanted_pools(filters, to, tag);
                    let promiscuous = wanted.wants(PacketFilter::PROMISCUOUS) && !to.is_multicast();
                    let default = if promiscuous {
                        of_filters == 0
                    } else if to.is_multicast() || of_filters == 0 {
                        in_default_vlan && default_wants(&wanted, to)
                    } else {
                        false
                    };
                    let got = pools(&chip, to, tag);
                    prop_assert_eq!(got, of_filters | u8::from(default), "{} {:?} of {:?}", to, tag, filters);
                }
            }
        }
    }

    /// A set is refused only for what it is: with any one filter per pool of its own address it is taken.
    #[test]
    fn one_filter_a_pool_is_always_taken(vlans in prop::collection::vec(0..4095u16, 7)) {
        let filters: Vec<_> = (1..).zip(vlans).map(|(n, id)| filter(n, station(n), Vlan::Id(id))).collect();
        prop_assert!(steering(&filters).is_ok());
    }
}
