//! An adapter that somebody else left running: firmware, a crashed driver, another operating system.

use igbcx_tests::{Rig, Run, Scenario, rig};
use lab_kernel::cpu;
use std::time::Duration;

/// Registers of the 82576 (datasheet chapter 8) and what somebody left in them.
const LEFT: &[(&str, &[(u64, u64)])] = &[
    (
        "interrupts_pending",
        &[(0x00D0, 0xFFFF_FFFF), (0x1524, 0xFFFF_FFFF), (0x00C8, 0xFFFF_FFFF), (0x1520, 0xFFFF_FFFF)],
    ),
    ("msix_mode", &[(0x1514, 0xFFFF_FFFF), (0x152C, 0x3FF), (0x1528, 0x3FF), (0x1700, 0x8585_8585), (0x1740, 0x8585)]),
    ("receiver_on", &[(0x0100, 0x8002 | 0x18), (0x5200, 0xFFFF_FFFF), (0x5204, 0xFFFF_FFFF)]),
    (
        "queues_on",
        &[
            (0xC008, 4096),
            (0xC028, 1 << 25),
            (0xC068, 1 << 25),
            (0xE008, 4096),
            (0xE028, 1 << 25),
            (0xE068, 1 << 25),
            (0x0400, 0x0102),
            (0x0100, 2),
        ],
    ),
    ("several_queues", &[(0x5818, 0x0000_0003), (0x5C00, 0x0101_0101), (0x581C, 0xFFFF), (0x5080, 0x0403)]),
    ("wake_armed", &[(0x5800, 0x0000_000F), (0x5808, 0x0000_00FF)]),
    ("loopback_and_vlan", &[(0x0000, 0x4000_0041), (0x5600, 0xFFFF_FFFF), (0x0100, 0x0004_00C2)]),
    ("link_forced_down", &[(0x0000, 0x0000_1800), (0x0020, 0x0420_0800)]),
    ("master_disabled", &[(0x0000, 0x0000_0004)]),
    ("semaphores_taken", &[(0x5B50, 0x0000_0003), (0x5B5C, 0x0000_0002)]),
];

pub fn scenarios() -> Vec<Scenario> {
    let each = LEFT.iter().map(|(name, registers)| {
        Scenario::new(format!("dirty::{name}"), move |run| start_over(run, registers.to_vec()))
    });
    let all = Scenario::new("dirty::all_of_it", |run| {
        start_over(run, LEFT.iter().flat_map(|(_, registers)| registers.iter().copied()).collect());
    });
    each.chain([all]).collect()
}

fn start_over(run: &Run, registers: Vec<(u64, u64)>) {
    let mut rig = Rig::build(rig::builder(run));
    for (offset, value) in registers {
        rig.set_register(offset, value);
    }
    cpu::sleep(Duration::from_millis(1));
    rig.bring_up();
    rig.check_traffic();
    // Nothing of before is left: only what the filter lets through comes in.
    let mut other = rig.incoming(100, 9);
    other[5] ^= 1;
    assert!(rig.receive(&[other], 1).is_empty(), "a frame to another station was received");
    rig.d3().unwrap();
    rig.d0().unwrap();
    rig.wait_link(true, rig::LINK).unwrap();
    rig.check_traffic();
    rig.finish();
}
