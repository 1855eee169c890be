//! The adapter's own traffic while the hardware runs in VMDq mode: it is the default pool's, and goes on as without.

use crate::{bursts, cycles, fragments, internet, interrupts, lengths, link, removal, stuck};
use igbcx_tests::{Rig, Run, Scenario, rig};
use netcx_lab::RegValue;

/// Multiple Receive Queues Command and its VMDq mode (82576 datasheet 8.10).
const MRQC: u64 = 0x5818;
const VMDQ: u64 = 3;
/// MSI-X messages of the adapter's own queues and the link.
const OWN_MESSAGES: u32 = 3;

pub fn scenarios() -> Vec<Scenario> {
    let always = [
        crate::filters::scenarios(),
        internet::scenarios(),
        lengths::scenarios(),
        link::scenarios(),
        stuck::scenarios(),
    ];
    let full = [
        fragments::scenarios(),
        bursts::scenarios(),
        cycles::scenarios(),
        interrupts::scenarios(),
        removal::scenarios(),
    ];
    let full = full.into_iter().flatten().map(|scenario| scenario.full_unless(false));
    let under_vmdq =
        always.into_iter().flatten().chain(full).map(|scenario| scenario.with_keyword("vmdq_main", "Vmdq", "1"));
    let keywords = [("0", 0), ("1", VMDQ), ("2", 0), ("on", 0)].map(|(value, mode)| {
        Scenario::new(format!("vmdq_main::keyword_{value}"), move |run| check_mode(run, value, 10, mode))
    });
    // A VM queue has a message of its own, or there is none.
    let granted = [(0, 0), (1, 0), (OWN_MESSAGES, 0), (OWN_MESSAGES + 1, VMDQ)].map(|(messages, mode)| {
        Scenario::new(format!("vmdq_main::{messages}_messages"), move |run| check_mode(run, "1", messages, mode))
    });
    under_vmdq.chain(keywords).chain(granted).collect()
}

fn check_mode(run: &Run, keyword: &str, messages: u32, mode: u64) {
    // Past the INF, which knows two values only.
    let keyword = RegValue::Sz(keyword.into());
    let mut rig = Rig::up(rig::builder(run).registry_value("Vmdq", keyword).messages(messages));
    assert_eq!(rig.register(MRQC), mode);
    let id = rig.fresh_id();
    let frame = rig.incoming(100, id);
    assert_eq!(rig.receive(std::slice::from_ref(&frame), 1).len(), 1);
    rig.finish();
}
