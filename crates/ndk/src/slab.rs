//! Entries named by a place and a generation, so that a name outlives its entry harmlessly.

use alloc::vec::Vec;
use core::{cmp::Ordering, fmt, hash, marker::PhantomData};

/// The allocator has no memory left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory;

impl From<alloc::collections::TryReserveError> for NoMemory {
    fn from(_: alloc::collections::TryReserveError) -> Self {
        NoMemory
    }
}

/// A vector of exactly `length` elements, or [`NoMemory`] where `vec!` would end the system.
///
/// # Errors
/// [`NoMemory`].
pub fn filled<T: Clone>(value: T, length: usize) -> Result<Vec<T>, NoMemory> {
    let mut vector = Vec::new();
    vector.try_reserve_exact(length)?;
    vector.resize(length, value);
    Ok(vector)
}

/// The name of an entry of a [`Slab`]; it never names a later entry in the same place.
pub struct Id<T> {
    place: u32,
    generation: u32,
    entry: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// Names no entry, ever: a slab has fewer places.
    pub const NONE: Self = Self::from_bits(u64::MAX);

    /// Index of the entry in its slab.
    #[must_use]
    pub const fn place(self) -> u32 {
        self.place
    }

    /// The name as a number, for a context that only carries numbers.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.generation as u64) << 32 | self.place as u64
    }

    /// What [`to_bits`](Self::to_bits) gave; any other number names no entry or, harmlessly, some entry.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Id { place: bits as u32, generation: (bits >> 32) as u32, entry: PhantomData }
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.to_bits() == other.to_bits()
    }
}

impl<T> Eq for Id<T> {}

impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.to_bits().cmp(&other.to_bits())
    }
}

impl<T> hash::Hash for Id<T> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.to_bits().hash(state);
    }
}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.place, self.generation)
    }
}

struct Slot<T> {
    generation: u32,
    entry: Option<T>,
}

/// Entries in places that are used again, first in first out, so that a generation comes around as late as it can.
///
/// # Invariants
/// `free` has room for every slot's index and holds exactly those of the slots without entry.
pub struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: alloc::collections::VecDeque<u32>,
    limit: u32,
}

impl<T> Slab<T> {
    /// An empty slab of at most `limit` entries.
    #[must_use]
    pub const fn new(limit: u32) -> Self {
        Slab { slots: Vec::new(), free: alloc::collections::VecDeque::new(), limit }
    }

    /// Takes an entry in.
    ///
    /// # Errors
    /// [`NoMemory`], also at the limit.
    pub fn insert(&mut self, entry: T) -> Result<Id<T>, NoMemory> {
        self.reserve()?;
        let place = self.free.pop_front().ok_or(NoMemory)?;
        let slot = self.slots.get_mut(place as usize).ok_or(NoMemory)?;
        slot.generation = slot.generation.wrapping_add(1);
        slot.entry = Some(entry);
        Ok(Id { place, generation: slot.generation, entry: PhantomData })
    }

    /// Makes sure that the next [`insert`](Self::insert) finds a place.
    ///
    /// # Errors
    /// [`NoMemory`], also at the limit.
    pub fn reserve(&mut self) -> Result<(), NoMemory> {
        if !self.free.is_empty() {
            return Ok(());
        }
        let place = u32::try_from(self.slots.len()).map_err(|_| NoMemory)?;
        if place >= self.limit {
            return Err(NoMemory);
        }
        self.slots.try_reserve(1)?;
        // One place for every slot, the new one too: a later `remove` pushes without asking for memory.
        self.free.try_reserve(self.slots.len() + 1 - self.free.len())?;
        self.slots.push(Slot { generation: 0, entry: None });
        self.free.push_back(place);
        Ok(())
    }

    /// Gives an entry back, if the name still names one.
    pub fn remove(&mut self, id: Id<T>) -> Option<T> {
        let slot = self.slots.get_mut(id.place as usize).filter(|slot| slot.generation == id.generation)?;
        let entry = slot.entry.take()?;
        self.free.push_back(id.place);
        Some(entry)
    }

    /// The entry, if the name still names one.
    #[must_use]
    pub fn get(&self, id: Id<T>) -> Option<&T> {
        self.slots.get(id.place as usize).filter(|slot| slot.generation == id.generation)?.entry.as_ref()
    }

    /// The entry, if the name still names one.
    pub fn get_mut(&mut self, id: Id<T>) -> Option<&mut T> {
        self.slots.get_mut(id.place as usize).filter(|slot| slot.generation == id.generation)?.entry.as_mut()
    }

    /// The entry in a place now, whatever its generation, and its name.
    #[must_use]
    pub fn at(&self, place: u32) -> Option<(Id<T>, &T)> {
        let slot = self.slots.get(place as usize)?;
        Some((Id { place, generation: slot.generation, entry: PhantomData }, slot.entry.as_ref()?))
    }

    /// Every entry with its name.
    pub fn iter(&self) -> impl Iterator<Item = (Id<T>, &T)> {
        (0..).map_while(|place| (place < self.places()).then_some(place)).filter_map(|place| self.at(place))
    }

    /// Number of places, used or not.
    #[must_use]
    pub fn places(&self) -> u32 {
        self.slots.len() as u32 // CAST: at most `limit`, a u32.
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// True if there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_names_a_later_entry() {
        let mut slab = Slab::new(8);
        let first = slab.insert('a').unwrap();
        assert_eq!(slab.remove(first), Some('a'));
        let second = slab.insert('b').unwrap();
        assert_eq!(first.place(), second.place());
        assert_ne!(first, second);
        assert_eq!((slab.get(first), slab.get(second)), (None, Some(&'b')));
        assert_eq!(slab.remove(first), None);
        assert_eq!(Id::from_bits(second.to_bits()), second);
        assert_eq!(slab.get(Id::from_bits(u64::MAX)), None);
    }

    #[test]
    fn the_limit_holds_and_places_come_back_in_order() {
        let mut slab = Slab::new(3);
        let ids: Vec<_> = (0..3).map(|n| slab.insert(n).unwrap()).collect();
        assert_eq!(slab.insert(9), Err(NoMemory));
        slab.remove(ids[2]);
        slab.remove(ids[0]);
        assert_eq!(slab.len(), 1);
        assert_eq!(slab.insert(7).unwrap().place(), 2);
        assert_eq!(slab.insert(8).unwrap().place(), 0);
        assert_eq!(slab.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [8, 1, 7]);
    }
}
