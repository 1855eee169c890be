//! The judge itself: what must make a run fail does.

use igbcx_tests::{Rig, Run, Scenario, rig};
use lab_kernel::cpu;
use std::time::Duration;

/// Address of the receive ring of queue 0, low and high half (82576 datasheet 8.10.5, 8.10.6).
const RDBAL: u64 = 0xC000;
const RDBAH: u64 = 0xC004;

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario::new("judge::a_wrong_dma_address_is_caught", wrong_address)]
}

/// A ring moved to memory that nobody mapped: the fence stops the adapter there, and the run is not clean.
fn wrong_address(run: &Run) {
    let mut rig = Rig::up(rig::builder(run));
    rig.check_traffic();
    rig.set_register(RDBAL, 0x7770_0000);
    rig.set_register(RDBAH, 0);
    rig.wire().send(&rig.incoming(100, 1));
    rig.wire().barrier();
    cpu::sleep(Duration::from_millis(1));
    let report = rig.into_machine().finish();
    assert!(!report.ok);
    assert!(report.dma_faults > 0, "{:?}", report.failures);
    assert!(report.dma_fault_list[0].contains("0x77700000"), "{:?}", report.dma_fault_list);
}
