//! Random requests of a consumer, and a model that knows what must come of them: every request completes once (a silent
//! success not at all), in order, with a status that it can have; every byte is where the requests put it and nowhere
//! else; every close completes once; nothing is left at the end.
//!
//! `IGBCX_NDK_OPERATIONS` says how many operations there are; it is 10 million with `IGBCX_FULL=1`. `IGBCX_SEED` is the
//! first of the seeds, one for each 100,000 operations.

#[path = "../support/mod.rs"]
mod support;

mod direction;
mod link;
mod shadow;

use link::Link;

const OPERATIONS: u64 = 300_000;
const PER_SEED: u64 = 100_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A generator of arbitrary numbers (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

#[test]
fn whatever_a_consumer_posts_ends_as_it_must() {
    let full = std::env::var_os("IGBCX_FULL").is_some_and(|full| full == "1");
    let operations = number("IGBCX_NDK_OPERATIONS").unwrap_or(if full { 10_000_000 } else { OPERATIONS });
    let first = number("IGBCX_SEED").unwrap_or(1);
    let mut tally = link::Tally::default();
    for seed in (first..).take(operations.div_ceil(PER_SEED) as usize) {
        let mut random = Random(seed);
        let system = support::common::System::new();
        let mut links = [Link::new(system, 5000), Link::new(system, 6000)];
        for _ in 0..PER_SEED.min(operations) {
            let n = random.below(2) as usize;
            links[n].operate(&mut random, &mut tally);
        }
        for link in links {
            link.finish(&mut tally);
        }
        assert_eq!(support::host::objects(system), 0, "seed {seed}: something is left");
    }
    println!("{tally:?}");
    tally.check(operations);
}
