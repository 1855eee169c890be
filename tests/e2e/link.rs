//! The link goes and comes back.

use igbcx_tests::frames::packet;
use igbcx_tests::rig::LINK;
use igbcx_tests::{Rig, Run, Scenario, rig};
use lab_kernel::cpu;
use std::time::Duration;

/// A stop of the device may take this long, whatever the link does (reliability.md A3).
const STOP: Duration = Duration::from_secs(1);

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new("link::down_and_up", down_and_up),
        Scenario::new("link::flapping", flapping),
        Scenario::new("link::stop_while_down", |run| stop_while_down(run, |rig| rig.stop().unwrap())),
        Scenario::new("link::d3_while_down", |run| stop_while_down(run, |rig| rig.d3().unwrap())),
        Scenario::new("link::remove_while_down", |run| stop_while_down(run, |rig| rig.remove())),
        Scenario::new("link::restart_while_down", restart_while_down),
    ]
}

fn down_and_up(run: &Run) {
    let mut rig = Rig::up(rig::builder(run));
    let link = rig.adapter().link();
    assert!(link.connected && link.full_duplex, "{link:?}");
    assert_eq!((link.tx_speed, link.rx_speed), (1_000_000_000, 1_000_000_000));
    for _ in 0..5 {
        rig.check_traffic();
        rig.nic().set_link(false);
        rig.wait_link(false, LINK).unwrap();
        assert!(!rig.adapter().link().connected);
        rig.nic().set_link(true);
        rig.wait_link(true, LINK).unwrap();
        assert_eq!(rig.adapter().link(), link);
    }
    rig.check_traffic();
    rig.finish();
}

/// Changes faster than the driver can look: what it reports in the end is the truth.
fn flapping(run: &Run) {
    let mut rig = Rig::up(rig::builder(run));
    for i in 0..200_u64 {
        rig.nic().set_link(i % 2 != 0);
        cpu::sleep(Duration::from_micros(i * 7 % 1500));
    }
    rig.wait_link(true, LINK).unwrap();
    rig.check_traffic();
    rig.nic().set_link(false);
    rig.wait_link(false, LINK).unwrap();
    rig.finish();
}

fn fill(rig: &Rig, frames: u64) {
    rig.nic().set_link(false);
    rig.wait_link(false, LINK).unwrap();
    for id in 0..frames {
        assert!(rig.adapter().send(packet(rig.outgoing(200, id), id)));
    }
}

fn stop_while_down(run: &Run, stop: impl Fn(&mut Rig)) {
    let mut rig = Rig::up(rig::builder(run));
    let adapter = rig.adapter();
    fill(&rig, 2000);
    let start = cpu::now();
    stop(&mut rig);
    let took = cpu::now() - start;
    assert!(took <= STOP, "the stop took {took:?}");
    let mut completed = adapter.tx_completed();
    completed.sort_unstable();
    assert_eq!(completed, (0..2000).collect::<Vec<_>>(), "every packet is completed, sent or not");
    rig.finish();
}

fn restart_while_down(run: &Run) {
    let mut rig = Rig::up(rig::builder(run));
    for _ in 0..10 {
        fill(&rig, 600);
        rig.adapter().restart_datapath().unwrap();
        assert_eq!(rig.adapter().tx_completed().len(), 600);
        rig.nic().set_link(true);
        rig.wait_link(true, LINK).unwrap();
        rig.drain_wire(&mut Vec::new());
        rig.check_traffic();
    }
    rig.finish();
}
