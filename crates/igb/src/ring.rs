//! Index arithmetic of every ring in this crate: a run of used places that moves around a circle.

/// `used` places from `first` on, of `size`.
///
/// Invariant: `first < size`, `used <= size`, `2 <= size <= 4096`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    size: u16,
    first: u16,
    used: u16,
}

impl Run {
    pub const fn new(size: u16) -> Self {
        Run { size, first: 0, used: 0 }
    }

    /// Back to the beginning, nothing used.
    pub fn clear(&mut self) {
        *self = Run::new(self.size);
    }

    /// Oldest used place.
    #[inline]
    pub const fn first(&self) -> u16 {
        self.first
    }

    #[inline]
    pub const fn used(&self) -> u16 {
        self.used
    }

    /// Place behind the newest used one.
    #[inline]
    pub const fn end(&self) -> u16 {
        self.wrap(self.first + self.used)
    }

    /// Places that may be used; one always stays free, since the hardware takes head = tail for an empty ring.
    #[inline]
    pub const fn room(&self) -> u16 {
        (self.size - 1).saturating_sub(self.used)
    }

    /// The first of `room` places, as far as they come before the end of the circle.
    #[inline]
    pub fn straight_room(&self, room: u16) -> u16 {
        room.min(self.size - self.end())
    }

    /// Most places that can ever be used at once.
    #[inline]
    pub const fn capacity(&self) -> u16 {
        self.size - 1
    }

    #[inline]
    pub const fn previous(&self, place: u16) -> u16 {
        if place == 0 { self.size - 1 } else { place - 1 }
    }

    /// Uses `count` more places; at most `room`.
    #[inline]
    pub fn extend(&mut self, count: u16) {
        debug_assert!(count <= self.room());
        self.used += count;
    }

    /// Frees the `count` oldest places; at most `used`.
    #[inline]
    pub fn retire(&mut self, count: u16) {
        debug_assert!(count <= self.used);
        self.first = self.wrap(self.first + count);
        self.used -= count;
    }

    #[inline]
    const fn wrap(&self, place: u16) -> u16 {
        if place >= self.size { place - self.size } else { place }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Every state of every size up to 16, and every step out of it, against a queue of place numbers.
    #[test]
    fn agrees_with_a_queue_of_places() {
        for size in 2..=16u16 {
            for first in 0..size {
                for used in 0..size {
                    let run = Run { size, first, used };
                    let places: VecDeque<u16> = (0..used).map(|n| (first + n) % size).collect();
                    assert_eq!(run.room(), size - 1 - used);
                    assert_eq!(run.end(), (first + used) % size);
                    assert_eq!(run.end() == run.first(), used == 0, "full must not look empty");
                    for count in 0..=run.room() {
                        let mut longer = run;
                        longer.extend(count);
                        assert_eq!((longer.first, longer.used), (first, used + count));
                    }
                    for count in 0..=used {
                        let mut shorter = run;
                        shorter.retire(count);
                        let rest: VecDeque<u16> = places.iter().skip(usize::from(count)).copied().collect();
                        assert_eq!(usize::from(shorter.used), rest.len());
                        if let Some(&oldest) = rest.front() {
                            assert_eq!(shorter.first, oldest);
                        }
                        assert_eq!(shorter.end(), run.end());
                    }
                }
            }
            for place in 0..size {
                assert_eq!(Run::new(size).previous((place + 1) % size), place);
            }
        }
    }

    #[test]
    fn largest_ring_does_not_overflow() {
        let mut run = Run::new(4096);
        run.extend(4095);
        run.retire(4095);
        run.extend(4095);
        assert_eq!((run.first(), run.end(), run.room()), (4095, 4094, 0));
    }
}
