use super::POOLS;
use crate::MacAddress;
use crate::model::Model;

/// Distinct VLANs that filters may name, VLAN 0 not counted: VLVF has 32 entries, and VLAN 0 always has one.
pub const MAX_VLANS: usize = VLAN_ENTRIES - 1;

/// Entries of VLVF.
pub(super) const VLAN_ENTRIES: usize = crate::regs::VLVF.len() as usize;
/// Most exact addresses of any model.
pub(super) const ADDRESS_ENTRIES: usize = 32;
/// Largest VLAN identifier; 4095 is reserved.
const MAX_VLAN: u16 = 4094;

const BROADCAST: MacAddress = MacAddress([0xff; 6]);
/// The pool that filters do not name.
pub(super) const DEFAULT_POOL: u8 = 1 << 0;

/// What a filter says of a frame's VLAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vlan {
    /// Whatever it is.
    Any,
    /// No tag, or one with identifier 0.
    UntaggedOrZero,
    /// A tag with this identifier, 0..=4094.
    Id(u16),
}

/// Frames for a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    /// 1..=7.
    pub pool: u8,
    /// Destination. A group address leaves the default pool its own view of the frame.
    pub address: MacAddress,
    /// VLAN.
    pub vlan: Vlan,
}

/// Why the hardware cannot do what a set of filters says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not a pool 1..=7.
    NoSuchPool,
    /// The address is zero, or the station's own, which is the default pool's.
    BadAddress,
    /// A VLAN identifier above 4094.
    BadVlan,
    /// Two pools want the same unicast frames.
    Taken,
    /// A pool takes all combinations of its addresses and its VLANs, and these are not all wanted.
    NotAProduct,
    /// [`Vlan::Any`] beside filters that look at the VLAN.
    MixedVlans,
    /// More addresses than the device has entries.
    TooManyAddresses,
    /// More VLANs than the device has entries.
    TooManyVlans,
}

/// VLANs as a set: bit n is entry n of the VLAN table.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Vlans(u64);

impl Vlans {
    const UNTAGGED: Vlans = Vlans(1 << VLAN_ENTRIES);
    const ANY: Vlans = Vlans(1 << (VLAN_ENTRIES + 1));
    const ZERO: Vlans = Vlans::entry(0);

    const fn entry(n: usize) -> Vlans {
        Vlans(1 << n)
    }

    const fn union(self, other: Vlans) -> Vlans {
        Vlans(self.0 | other.0)
    }

    const fn meets(self, other: Vlans) -> bool {
        self.0 & other.0 != 0
    }

    const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// VLANs of one address in each pool.
type InPools = [Vlans; POOLS as usize];

/// Pools as a bit mask, those that `belongs`.
fn pools(of: &InPools, belongs: impl Fn(Vlans) -> bool) -> u8 {
    (0..).zip(of).filter(|(_, vlans)| belongs(**vlans)).fold(0, |mask, (pool, _)| mask | 1 << pool)
}

/// A set of filters as the hardware does it: addresses with their pools, VLANs with their pools.
#[derive(Clone, Debug)]
pub struct Steering {
    addresses: [(MacAddress, u8); ADDRESS_ENTRIES],
    address_count: usize,
    vlans: [(u16, u8); VLAN_ENTRIES],
    vlan_count: usize,
    /// Pools that take untagged frames.
    pub(super) untagged: u8,
    /// Pools that take broadcasts.
    pub(super) broadcast: u8,
}

impl Steering {
    /// No filter.
    pub const fn nothing() -> Self {
        Steering {
            addresses: [(MacAddress([0; 6]), 0); ADDRESS_ENTRIES],
            address_count: 0,
            vlans: [(0, 0); VLAN_ENTRIES],
            vlan_count: 0,
            untagged: 0,
            broadcast: 0,
        }
    }

    /// Checks that a device of `model` with the address `station` can do exactly what `filters` say. The same filter twice
    /// is one.
    #[inline(never)]
    pub fn new(station: MacAddress, model: &Model, filters: impl IntoIterator<Item = Filter>) -> Result<Self, Refusal> {
        let mut steering = Self::nothing();
        // VLAN 0 has entry 0, in use or not.
        steering.vlan_count = 1;
        let mut wanted = [InPools::default(); ADDRESS_ENTRIES];
        let mut broadcast = InPools::default();
        // The station keeps an entry.
        let room = usize::from(model.receive_addresses - 1).min(ADDRESS_ENTRIES);
        for filter in filters {
            if !(1..POOLS).contains(&filter.pool) {
                return Err(Refusal::NoSuchPool);
            }
            if filter.address == MacAddress([0; 6]) || filter.address == station {
                return Err(Refusal::BadAddress);
            }
            let of_address = if filter.address == BROADCAST {
                &mut broadcast
            } else {
                &mut wanted[steering.address_entry(filter.address, room)?]
            };
            let vlans = steering.vlans_of(filter.vlan)?;
            let in_pool = &mut of_address[usize::from(filter.pool)];
            *in_pool = in_pool.union(vlans);
        }
        let every = || wanted[..steering.address_count].iter().chain([&broadcast]);
        check(every())?;
        let unicast = steering.addresses.iter().zip(&wanted).filter(|((address, _), _)| !address.is_multicast());
        check_unicast(unicast.map(|(_, pools)| pools))?;

        if every().flatten().all(|vlans| vlans.is_empty() || vlans.meets(Vlans::ANY)) {
            steering.vlan_count = 0;
        }
        let taking = |part| every().fold(0, |mask, of| mask | pools(of, |vlans: Vlans| vlans.meets(part)));
        for (n, (_, mask)) in steering.vlans[..steering.vlan_count].iter_mut().enumerate() {
            *mask = taking(Vlans::entry(n));
        }
        steering.untagged = taking(Vlans::UNTAGGED);
        steering.broadcast = pools(&broadcast, |vlans| !vlans.is_empty());
        for ((_, mask), of) in steering.addresses.iter_mut().zip(&wanted) {
            *mask = pools(of, |vlans| !vlans.is_empty());
        }
        Ok(steering)
    }

    /// No filter in it.
    pub fn is_empty(&self) -> bool {
        self.address_count == 0 && self.broadcast == 0
    }

    /// Addresses but broadcast, with their pools.
    pub(super) fn addresses(&self) -> &[(MacAddress, u8)] {
        &self.addresses[..self.address_count]
    }

    /// VLANs with their pools; none if no filter looks at the VLAN.
    pub(super) fn vlans(&self) -> &[(u16, u8)] {
        &self.vlans[..self.vlan_count]
    }

    fn address_entry(&mut self, address: MacAddress, room: usize) -> Result<usize, Refusal> {
        if let Some(n) = self.addresses().iter().position(|(known, _)| *known == address) {
            return Ok(n);
        }
        if self.address_count == room {
            return Err(Refusal::TooManyAddresses);
        }
        self.addresses[self.address_count].0 = address;
        self.address_count += 1;
        Ok(self.address_count - 1)
    }

    fn vlans_of(&mut self, vlan: Vlan) -> Result<Vlans, Refusal> {
        let id = match vlan {
            Vlan::Any => return Ok(Vlans::ANY),
            Vlan::UntaggedOrZero => return Ok(Vlans::UNTAGGED.union(Vlans::ZERO)),
            Vlan::Id(id) => id,
        };
        if id > MAX_VLAN {
            return Err(Refusal::BadVlan);
        }
        if let Some(n) = self.vlans().iter().position(|(known, _)| *known == id) {
            return Ok(Vlans::entry(n));
        }
        let place = self.vlans.get_mut(self.vlan_count).ok_or(Refusal::TooManyVlans)?;
        place.0 = id;
        self.vlan_count += 1;
        Ok(Vlans::entry(self.vlan_count - 1))
    }
}

/// Every address of a pool has the same VLANs, and the pools look at the VLAN all or none.
fn check<'a>(addresses: impl Iterator<Item = &'a InPools>) -> Result<(), Refusal> {
    let mut of_pool = InPools::default();
    let mut all = Vlans::default();
    for of_address in addresses {
        for (of_pool, &vlans) in of_pool.iter_mut().zip(of_address).filter(|(_, vlans)| !vlans.is_empty()) {
            if !of_pool.is_empty() && *of_pool != vlans {
                return Err(Refusal::NotAProduct);
            }
            *of_pool = vlans;
            all = all.union(vlans);
        }
    }
    if all.meets(Vlans::ANY) && all != Vlans::ANY { Err(Refusal::MixedVlans) } else { Ok(()) }
}

/// No frame is for two pools.
fn check_unicast<'a>(mut addresses: impl Iterator<Item = &'a InPools>) -> Result<(), Refusal> {
    let disjoint = |of_address: &InPools| {
        let mut seen = Vlans::default();
        of_address.iter().all(|&vlans| {
            let fresh = !seen.meets(vlans);
            seen = seen.union(vlans);
            fresh
        })
    };
    if addresses.all(disjoint) { Ok(()) } else { Err(Refusal::Taken) }
}
