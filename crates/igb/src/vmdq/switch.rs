use super::POOLS;
use super::steering::{ADDRESS_ENTRIES, DEFAULT_POOL, Steering, VLAN_ENTRIES};
use crate::device::{Device, FRAME_OVERHEAD, receive_address};
use crate::filter::{HASH_WORDS, PacketFilter, ReceiveFilter, hash_position};
use crate::regs::{self, Dtxswc, Rah, Rctl, Register, Vlvf, Vmolr, VtCtl};
use crate::{Delay, Error, MacAddress, Registers};

/// Contents of the switch's registers.
#[derive(Clone)]
struct Image {
    /// RAL and RAH.
    exact: [(u32, u32); ADDRESS_ENTRIES],
    hash: [u32; HASH_WORDS],
    vlans: [u32; VLAN_ENTRIES],
    pools: [u32; POOLS as usize],
    default_pool: u32,
    loopback: u32,
}

impl Image {
    const EMPTY: Image = Image {
        exact: [FREE; ADDRESS_ENTRIES],
        hash: [0; HASH_WORDS],
        vlans: [0; VLAN_ENTRIES],
        pools: [0; POOLS as usize],
        default_pool: 0,
        loopback: 0,
    };
}

/// RAL and RAH of an entry not in use.
const FREE: (u32, u32) = (0, 0);

/// Two entries have the same address, or both none.
fn same_address(one: (u32, u32), other: (u32, u32)) -> bool {
    one.0 == other.0 && (one.1 ^ other.1) & (Rah::ADDRESS | Rah::AV).bits() == 0
}

/// What the registers of the switch hold, so that a change touches only what differs: an address or VLAN that stays keeps
/// its entry, and its frames reach their pool while other filters come and go.
///
/// About 2.5 KiB, all of it here: a change needs little stack.
pub struct Switch {
    addresses: [Option<MacAddress>; ADDRESS_ENTRIES],
    vlans: [Option<u16>; VLAN_ENTRIES],
    wanted: Image,
    written: Image,
    /// `written` is what the registers hold.
    known: bool,
}

impl Switch {
    /// Of a device about which nothing is known.
    pub const fn new() -> Self {
        Switch {
            addresses: [None; ADDRESS_ENTRIES],
            vlans: [None; VLAN_ENTRIES],
            wanted: Image::EMPTY,
            written: Image::EMPTY,
            known: false,
        }
    }

    /// The device was reset.
    pub(super) fn forget(&mut self) {
        self.addresses.fill(None);
        self.vlans.fill(None);
        self.known = false;
    }

    /// Gives pool 0 what `filter` lets through for the address `station`, and the other pools what `steering` says.
    /// `max_frame` as for [`Device::configure`].
    pub fn apply<R: Registers, D: Delay>(
        &mut self,
        device: &Device<R, D>,
        station: MacAddress,
        max_frame: u16,
        filter: &ReceiveFilter,
        steering: &Steering,
    ) -> Result<(), Error> {
        let entries = device.model().receive_addresses;
        self.draw_addresses(station, filter, steering, entries.into());
        self.draw_vlans(steering);
        self.draw_pools(max_frame, filter, steering);
        let mut rctl = filter.rctl();
        rctl.set(Rctl::BAM, rctl.contains(Rctl::BAM) || steering.broadcast != 0);
        rctl.set(Rctl::VFE, !steering.vlans().is_empty());
        self.write(device, rctl, entries.into())
    }

    /// The address table, of `room` exact entries, in which the station and `steering`'s addresses fit; the hash takes what
    /// is left of pool 0's list.
    fn draw_addresses(&mut self, station: MacAddress, filter: &ReceiveFilter, steering: &Steering, room: usize) {
        let all_groups = filter.rctl().contains(Rctl::MPE);
        let own = filter.wants(PacketFilter::DIRECTED).then_some(station);
        let steered = steering.addresses();
        let in_exact = |address: &MacAddress| steered.iter().any(|(known, _)| known == address);
        let listed = || filter.listed().iter().copied().filter(|address| !in_exact(address));
        let left = room - usize::from(own.is_some()) - steered.len();
        let exact = own.into_iter().chain(steered.iter().map(|(address, _)| *address)).chain(listed().take(left));
        settle(&mut self.addresses, exact);
        for (entry, place) in self.wanted.exact.iter_mut().zip(self.addresses) {
            *entry = place.map_or(FREE, |address| {
                let (low, high) = address.words();
                // What filters do not name is pool 0's; what they name is its too if it is a group it wants.
                let pools = pools_of(steered, address).map_or(DEFAULT_POOL, |pools| {
                    let wanted = address.is_multicast() && (all_groups || filter.listed().contains(&address));
                    if wanted { pools | DEFAULT_POOL } else { pools }
                });
                (low, high | (Rah::pools(pools) | Rah::AV).bits())
            });
        }
        self.wanted.hash.fill(if all_groups { u32::MAX } else { 0 });
        for address in listed().skip(left) {
            let (word, bit) = hash_position(address);
            self.wanted.hash[word] |= 1 << bit;
        }
    }

    /// The VLAN table; pool 0 is in every VLAN there is an entry for.
    fn draw_vlans(&mut self, steering: &Steering) {
        settle(&mut self.vlans, steering.vlans().iter().map(|(id, _)| *id));
        for (entry, place) in self.wanted.vlans.iter_mut().zip(self.vlans) {
            *entry =
                place.map_or(0, |id| Vlvf::vlan(id, pools_of(steering.vlans(), id).unwrap_or(0) | DEFAULT_POOL).bits());
        }
    }

    fn draw_pools(&mut self, max_frame: u16, filter: &ReceiveFilter, steering: &Steering) {
        let every = Vmolr::longest(max_frame + FRAME_OVERHEAD) | Vmolr::STRCRC;
        for (pool, offload) in (0..).zip(&mut self.wanted.pools) {
            let mut wanted = every | Vmolr::STRVLAN;
            wanted.set(Vmolr::AUPE, steering.untagged & 1 << pool != 0);
            wanted.set(Vmolr::BAM, steering.broadcast & 1 << pool != 0);
            *offload = wanted.bits();
        }
        let mut default = every | Vmolr::AUPE;
        default.set(Vmolr::BAM, filter.rctl().contains(Rctl::BAM));
        default.set(Vmolr::MPME, filter.rctl().contains(Rctl::MPE));
        default.set(Vmolr::ROMPE, self.wanted.hash != [0; HASH_WORDS]);
        self.wanted.pools[0] = default.bits();
        let mut default_pool = VtCtl::RPL_EN;
        default_pool.set(VtCtl::DIS_DEF_POOL, !filter.wants(PacketFilter::PROMISCUOUS));
        self.wanted.default_pool = default_pool.bits();
        let mut loopback = Dtxswc::empty();
        loopback.set(Dtxswc::LOOPBACK_EN, !steering.is_empty());
        self.wanted.loopback = loopback.bits();
    }

    /// Writes what differs, in an order in which a frame whose filters stay reaches its pool all the time: what goes is
    /// taken out of the address table first, what comes is put in there last, and the VLANs are looked at only while
    /// their entries are there.
    fn write<R: Registers, D: Delay>(&mut self, device: &Device<R, D>, rctl: Rctl, entries: u32) -> Result<(), Error> {
        // After an error nothing is known, and the next change writes everything.
        let known = core::mem::replace(&mut self.known, false);
        let (old, new) = (&self.written, &self.wanted);
        let change = |register: Register<u32>, old: u32, new: u32| {
            if !known || old != new {
                device.bus().write(register, new);
            }
        };
        let moved = |n: usize| !known || !same_address(old.exact[n], new.exact[n]);
        for n in (0..entries).filter(|&n| moved(n as usize)) {
            device.bus().write(receive_address(n).1, Rah::empty());
        }
        if !rctl.contains(Rctl::VFE) {
            device.bus().modify(regs::RCTL, |rctl| rctl - Rctl::VFE)?;
        }
        for (n, (old, new)) in (0..).zip(old.pools.iter().zip(new.pools)) {
            change(regs::VMOLR.at(n).raw(), *old, new);
        }
        for (n, (old, new)) in (0..).zip(old.vlans.iter().zip(new.vlans)) {
            change(regs::VLVF.at(n).raw(), *old, new);
        }
        for (n, (old, new)) in (0..).zip(old.hash.iter().zip(new.hash)) {
            change(regs::MTA.at(n), *old, new);
        }
        change(regs::VT_CTL.raw(), old.default_pool, new.default_pool);
        let ours = Rctl::UPE | Rctl::MPE | Rctl::BAM | Rctl::VFE;
        device.bus().modify(regs::RCTL, |now| (now - ours) | rctl)?;
        for n in 0..entries {
            let (old, new, moved) = (old.exact[n as usize], new.exact[n as usize], moved(n as usize));
            let (low, high) = receive_address(n);
            if moved && new != FREE {
                device.bus().write(low, new.0);
                device.bus().write(high, Rah::from_bits_retain(new.1));
            } else if !moved {
                // Of an address that stays only the pools change, in one write.
                change(high.raw(), old.1, new.1);
            }
        }
        change(regs::DTXSWC.raw(), old.loopback, new.loopback);
        device.bus().flush()?;
        self.written.clone_from(&self.wanted);
        self.known = true;
        Ok(())
    }
}

impl Default for Switch {
    fn default() -> Self {
        Self::new()
    }
}

/// The pools of `key`, if the table has it.
fn pools_of<K: Copy + PartialEq>(table: &[(K, u8)], key: K) -> Option<u8> {
    table.iter().find(|(known, _)| *known == key).map(|(_, pools)| *pools)
}

/// Gives each key of `wanted` a place: the one it has, or a free one.
fn settle<K: Copy + PartialEq>(places: &mut [Option<K>], wanted: impl Iterator<Item = K> + Clone) {
    for place in places.iter_mut() {
        *place = place.filter(|key| wanted.clone().any(|wanted| wanted == *key));
    }
    for key in wanted {
        if !places.contains(&Some(key))
            && let Some(free) = places.iter_mut().find(|place| place.is_none())
        {
            *free = Some(key);
        }
    }
}
