//! Receive filters: which frames reach the stack, for each kind of filter and each kind of frame.

use igbcx_tests::frames::{BROADCAST, PEER, frame};
use igbcx_tests::rig::LINK;
use igbcx_tests::{Rig, Run, Scenario, rig};

/// NET_PACKET_FILTER_FLAGS.
const DIRECTED: i32 = 1;
const MULTICAST: i32 = 2;
const ALL_MULTICAST: i32 = 4;
const BROAD: i32 = 8;
const PROMISCUOUS: i32 = 0x20;

/// STATUS_NDIS_MULTICAST_FULL.
const MULTICAST_FULL: i32 = 0xC023_0009_u32.cast_signed();

/// What passes a filter: directed, to another station, broadcast, listed groups, other groups.
type Passes = [bool; 5];

const TABLE: [(&str, i32, Passes); 10] = [
    ("nothing", 0, [false, false, false, false, false]),
    ("directed", DIRECTED, [true, false, false, false, false]),
    ("broadcast", BROAD, [false, false, true, false, false]),
    ("multicast", MULTICAST, [false, false, false, true, false]),
    ("all_multicast", ALL_MULTICAST, [false, false, false, true, true]),
    ("usual", DIRECTED | MULTICAST | BROAD, [true, false, true, true, false]),
    ("usual_and_all_multicast", DIRECTED | ALL_MULTICAST | BROAD, [true, false, true, true, true]),
    ("promiscuous", PROMISCUOUS, [true, true, true, true, true]),
    ("everything", 0x2F, [true, true, true, true, true]),
    ("directed_and_broadcast", DIRECTED | BROAD, [true, false, true, false, false]),
];

pub fn scenarios() -> Vec<Scenario> {
    let kinds = TABLE.into_iter().map(|(name, flags, passes)| {
        Scenario::new(format!("filters::{name}"), move |run| {
            let mut rig = Rig::up(rig::builder(run));
            apply(&rig, flags, &groups(8));
            check(&mut rig, &passes, 8, "after it was set");
            rig.finish();
        })
    });
    let lengths = [0, 1, 22, 23, 24, 25, 60, 128].into_iter().map(|count| {
        Scenario::new(format!("filters::{count}_groups"), move |run| {
            let mut rig = Rig::up(rig::builder(run));
            apply(&rig, MULTICAST, &groups(count));
            check(&mut rig, &[false, false, false, true, false], count, "with a long list");
            rig.finish();
        })
    });
    let others = [
        Scenario::new("filters::129_groups_are_refused", too_many),
        Scenario::new("filters::one_after_the_other", one_after_the_other),
        Scenario::new("filters::kept_over_power_and_restart", kept),
        Scenario::new("filters::listed_unicast_is_no_group", unicast_in_the_list),
    ];
    kinds.chain(lengths).chain(others).collect()
}

/// The n-th group of the test.
fn group(n: usize) -> [u8; 6] {
    [0x01, 0, 0x5E, (n >> 8) as u8, (n & 0xFF) as u8, (n * 7) as u8]
}

fn groups(count: usize) -> Vec<[u8; 6]> {
    (0..count).map(group).collect()
}

fn apply(rig: &Rig, flags: i32, groups: &[[u8; 6]]) {
    rig.adapter().set_receive_filter(flags, groups).unwrap_or_else(|s| panic!("filter {flags:#x}: {s:#x}"));
}

/// Bits 47:36 of the address, by which the 82576 looks groups up that have no exact entry (datasheet 7.1.3.2, RCTL.MO 0).
fn hash(group: [u8; 6]) -> u16 {
    u16::from_le_bytes([group[4], group[5]]) >> 4
}

/// Groups outside the list of `listed` that share no hash with one of it: hardware may let those through, and NDIS
/// filters them.
fn others(listed: usize) -> Vec<[u8; 6]> {
    let taken: Vec<u16> = groups(listed).into_iter().map(hash).collect();
    let candidates = (0..200).map(|n| [0x01, 0x80, 0xC2, 0x55, n, n ^ 0x3C]);
    candidates.filter(|g| !taken.contains(&hash(*g))).take(10).collect()
}

fn check(rig: &mut Rig, passes: &Passes, listed: usize, when: &str) {
    let mac = rig.adapter().mac();
    let mut neighbour = mac;
    neighbour[5] ^= 1;
    let cases = [
        ("directed", vec![mac]),
        ("to another station", vec![neighbour, [0x02, 1, 2, 3, 4, 5]]),
        ("broadcast", vec![BROADCAST]),
        ("listed groups", groups(listed)),
        ("other groups", others(listed)),
    ];
    for ((what, destinations), passes) in cases.into_iter().zip(passes) {
        let id = rig.fresh_id();
        let frames: Vec<_> = destinations.iter().map(|to| frame(*to, PEER, 100, id)).collect();
        let got: Vec<_> = rig.receive(&frames, frames.len()).into_iter().map(|p| p.data).collect();
        let wanted = if *passes { frames } else { Vec::new() };
        assert!(got == wanted, "{when}: {what}: {} frames passed and {} should", got.len(), wanted.len());
    }
}

/// NDIS refuses a longer list than the driver declares without asking it; the filter of before goes on.
fn too_many(run: &Run) {
    let mut rig = Rig::up(rig::builder(run));
    apply(&rig, MULTICAST | BROAD, &groups(128));
    assert_eq!(rig.adapter().set_receive_filter(MULTICAST, &groups(129)), Err(MULTICAST_FULL));
    check(&mut rig, &[false, false, true, true, false], 128, "after a list too long");
    rig.finish();
}

/// Each filter replaces the one before.
fn one_after_the_other(run: &Run) {
    let mut rig = Rig::up(rig::builder(run));
    for (flags, passes, listed) in TABLE
        .iter()
        .chain(TABLE.iter().rev())
        .zip([40, 3, 0, 128, 24].into_iter().cycle())
        .map(|((_, flags, passes), listed)| (*flags, *passes, listed))
    {
        apply(&rig, flags, &groups(listed));
        check(&mut rig, &passes, listed, &format!("filter {flags:#x} with {listed} groups"));
    }
    rig.finish();
}

/// The framework does not set it again after D3: contract.md 3.1 Receive filter.
fn kept(run: &Run) {
    let mut rig = Rig::up(rig::builder(run));
    for (flags, passes) in [(MULTICAST, [false, false, false, true, false]), (PROMISCUOUS, [true; 5])] {
        apply(&rig, flags, &groups(30));
        for _ in 0..50 {
            rig.d3().unwrap();
            rig.d0().unwrap();
            rig.wait_link(true, LINK).unwrap();
            check(&mut rig, &passes, 30, "after D3");
        }
        rig.adapter().restart_datapath().unwrap();
        check(&mut rig, &passes, 30, "after a restart of the queues");
    }
    rig.finish();
}

fn unicast_in_the_list(run: &Run) {
    let mut rig = Rig::up(rig::builder(run));
    let station = [0x02, 1, 2, 3, 4, 5];
    apply(&rig, DIRECTED | MULTICAST, &[station, group(0)]);
    check(&mut rig, &[true, false, false, true, false], 1, "with a station's address in the list");
    rig.finish();
}
