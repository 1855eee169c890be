//! Receive filters: what they match, and the table of those that are set.

use crate::QueueId;
use ndis_sys::NDIS_RECEIVE_FILTER_ID;

/// Filters that can be set at once.
pub const MAX_FILTERS: usize = 32;

/// What a filter says of a frame's VLAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vlan {
    /// Whatever it is: no VLAN test, and the flag below not set.
    Any,
    /// No tag, or one with identifier 0: `NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO`.
    UntaggedOrZero,
    /// A tag with this identifier, 0..=4094.
    Id(u16),
}

/// What a filter matches: both must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Destination address, in the order of the wire.
    pub address: [u8; 6],
    /// VLAN.
    pub vlan: Vlan,
}

/// A filter's number, 1..=[`MAX_FILTERS`], unique on the adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FilterId(u8);

impl FilterId {
    /// The id with this number.
    #[must_use]
    pub fn new(number: NDIS_RECEIVE_FILTER_ID) -> Option<Self> {
        u8::try_from(number).ok().filter(|n| (1..=MAX_FILTERS as u8).contains(n)).map(Self)
    }

    /// `FilterId` of the NDIS structures.
    #[must_use]
    pub const fn number(self) -> NDIS_RECEIVE_FILTER_ID {
        self.0 as NDIS_RECEIVE_FILTER_ID
    }

    const fn of_index(index: usize) -> Self {
        Self(index as u8 + 1)
    }

    const fn index(self) -> usize {
        self.0 as usize - 1
    }
}

/// The filters that are set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FilterTable([Option<(QueueId, Filter)>; MAX_FILTERS]);

impl FilterTable {
    /// No filter.
    #[must_use]
    pub const fn new() -> Self {
        Self([None; MAX_FILTERS])
    }

    /// Every filter, by id.
    pub fn iter(&self) -> impl Iterator<Item = (FilterId, QueueId, &Filter)> {
        let places = self.0.iter().enumerate();
        places.filter_map(|(n, place)| place.as_ref().map(|(queue, filter)| (FilterId::of_index(n), *queue, filter)))
    }

    /// Every filter of a queue, by id.
    pub fn of(&self, queue: QueueId) -> impl Iterator<Item = (FilterId, &Filter)> {
        self.iter().filter(move |(_, of, _)| *of == queue).map(|(id, _, filter)| (id, filter))
    }

    /// A filter and its queue.
    #[must_use]
    pub fn get(&self, id: FilterId) -> Option<(QueueId, &Filter)> {
        self.0[id.index()].as_ref().map(|(queue, filter)| (*queue, filter))
    }

    /// Adds a filter under the lowest free id, if fewer than `limit` are set.
    pub(crate) fn insert(&mut self, queue: QueueId, filter: Filter, limit: usize) -> Option<FilterId> {
        let index = self.0.iter().take(limit).position(Option::is_none)?;
        self.0[index] = Some((queue, filter));
        Some(FilterId::of_index(index))
    }

    pub(crate) fn remove(&mut self, id: FilterId) {
        self.0[id.index()] = None;
    }

    pub(crate) fn remove_all_of(&mut self, queue: QueueId) {
        for place in self.0.iter_mut().filter(|place| matches!(place, Some((of, _)) if *of == queue)) {
            *place = None;
        }
    }
}

impl Default for FilterTable {
    fn default() -> Self {
        Self::new()
    }
}
