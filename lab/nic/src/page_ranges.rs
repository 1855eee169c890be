//! First room in a span of pages, for guest RAM and for DMA addresses.

use std::collections::BTreeMap;

/// Ranges handed out of a span of page numbers. One free page stays behind every range, so running over the end of
/// one never lands in the next. Search goes on from the last range, so a freed number comes back as late as possible.
pub(crate) struct PageRanges {
    first: u64,
    end: u64,
    cursor: u64,
    used: BTreeMap<u64, u64>,
}

impl PageRanges {
    /// A span of the page numbers `first..end`, all free.
    pub fn new(first: u64, end: u64) -> PageRanges {
        PageRanges { first, end, cursor: first, used: BTreeMap::new() }
    }

    /// The first page of `pages` free ones; `align` is in pages and a power of two.
    pub fn alloc(&mut self, pages: u64, align: u64) -> Option<u64> {
        assert!(pages > 0 && align.is_power_of_two(), "a range of {pages} pages aligned to {align}");
        let at = self.find(self.cursor, pages, align).or_else(|| self.find(self.first, pages, align))?;
        self.used.insert(at, pages);
        self.cursor = at + pages + 1;
        Some(at)
    }

    fn find(&self, from: u64, pages: u64, align: u64) -> Option<u64> {
        let behind = |(&start, &len): (&u64, &u64)| start + len + 1;
        let mut at = from.max(self.used.range(..=from).next_back().map_or(0, behind)).next_multiple_of(align);
        while at + pages < self.end {
            match self.used.range(at..at + pages + 1).next() {
                None => return Some(at),
                Some(range) => at = behind(range).next_multiple_of(align),
            }
        }
        None
    }

    /// Gives the range that starts at page `start` back; its length, or `None` if there is no such range.
    pub fn free(&mut self, start: u64) -> Option<u64> {
        self.used.remove(&start)
    }

    /// The range that holds `page`: its first page and its length.
    pub fn containing(&self, page: u64) -> Option<(u64, u64)> {
        let (&start, &len) = self.used.range(..=page).next_back()?;
        (page < start + len).then_some((start, len))
    }

    /// Every range in use, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.used.iter().map(|(&start, &len)| (start, len))
    }
}

#[cfg(test)]
mod tests {
    use super::PageRanges;

    #[test]
    fn ranges_never_touch_and_come_back_late() {
        let mut ranges = PageRanges::new(10, 30);
        let a = ranges.alloc(4, 1).unwrap();
        let b = ranges.alloc(4, 4).unwrap();
        assert_eq!((a, b), (10, 16));
        assert_eq!(ranges.free(a), Some(4));
        assert_eq!(ranges.alloc(4, 1), Some(21), "a freed range is not the next one handed out");
        assert_eq!(ranges.alloc(4, 1), Some(10), "but it is found when the end is reached");
        assert_eq!(ranges.alloc(4, 1), None);
        assert_eq!(ranges.containing(19), Some((16, 4)));
        assert_eq!(ranges.containing(20), None);
        assert_eq!(ranges.free(11), None);
    }

    #[test]
    fn an_alignment_skips_past_used_ranges() {
        let mut ranges = PageRanges::new(1, 64);
        assert_eq!(ranges.alloc(1, 1), Some(1));
        assert_eq!(ranges.alloc(8, 16), Some(16));
        assert_eq!(ranges.alloc(8, 16), Some(32));
        assert_eq!(ranges.iter().collect::<Vec<_>>(), [(1, 1), (16, 8), (32, 8)]);
    }
}
