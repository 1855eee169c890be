//! VM queues of igbcx.sys, used through its query interface by the lab's virtual switch.

mod failures;
mod flow;
mod neighbours;
mod statuses;
mod steps;
mod storm;
mod sweep;
mod traffic;

use igbcx_tests::{Rig, Run, Scenario, rig};
use lab_kernel::cpu;
use netcx_lab::Builder;
use netcx_lab::vmq::{Collected, Filter, Hold, Interface, Switch, Vlan, frame};
use std::cell::Cell;
use std::time::Duration;

/// Buffers of a queue: fewer than the adapter's own has, so that a ring runs empty in a test.
const BUFFERS: u32 = 64;
/// The switch returns nothing by itself.
const HOLD_ALL: Hold = Hold { packets: usize::MAX, in_callback: false };
/// The switch returns at once.
const HOLD_NONE: Hold = Hold { packets: 0, in_callback: true };
/// Lab time without a frame, so often in a row, after which none is on its way.
const QUIET: Duration = Duration::from_millis(2);
const QUIET_ROUNDS: u32 = 10;

pub fn scenarios() -> Vec<Scenario> {
    let families = [
        statuses::scenarios(),
        flow::scenarios(),
        traffic::scenarios(),
        steps::scenarios(),
        failures::scenarios(),
        neighbours::scenarios(),
        storm::scenarios(),
        sweep::scenarios(),
    ];
    families.into_iter().flatten().collect()
}

/// A machine whose adapter has VM queues, not yet built.
fn builder(run: &Run) -> Builder {
    rig::builder(run).keyword("Vmdq", "1")
}

/// A machine with the switch on it.
struct Bench {
    /// Before the rig: its reference to the interface goes before the device does.
    interface: Option<Interface>,
    switch: Switch,
    frames: Collected,
    rig: Rig,
    next: Cell<u64>,
}

impl Bench {
    /// A started machine, and the interface open.
    fn new(builder: Builder, hold: Hold) -> Bench {
        Bench::over(Rig::up(builder), hold)
    }

    fn over(rig: Rig, hold: Hold) -> Bench {
        let interface = Interface::of(&rig).unwrap_or_else(|e| panic!("{e}"));
        let (frames, sink) = Collected::new();
        let switch = interface.open(sink, hold, 1).unwrap_or_else(|status| panic!("Open: {status:#x}"));
        Bench { interface: Some(interface), switch, frames, rig, next: Cell::new(0) }
    }

    /// A queue for the `n`-th address.
    fn queue(&self, n: u8) -> u32 {
        self.switch.add_queue(BUFFERS, &[address(n)]).unwrap_or_else(|e| panic!("queue {n}: {e}"))
    }

    /// A frame for the `n`-th address that no other frame is like.
    fn frame(&self, n: u8) -> Vec<u8> {
        self.frame_to(address(n).mac, None, 100)
    }

    fn frame_to(&self, mac: [u8; 6], vlan: Option<u16>, len: usize) -> Vec<u8> {
        self.next.set(self.next.get() + 1);
        frame(mac, vlan, 1, self.next.get(), len)
    }

    /// Puts frames on the wire and waits until all that moves has moved.
    fn send(&self, frames: &[Vec<u8>]) {
        let wire = self.rig.wire();
        frames.iter().for_each(|frame| wire.send(frame));
        self.settle();
    }

    fn settle(&self) {
        let mut quiet = 0;
        while quiet < QUIET_ROUNDS {
            let settled = self.rig.wire().barrier();
            quiet = if self.switch.wait_packets(QUIET) || !settled && quiet == 0 { 0 } else { quiet + 1 };
        }
    }

    /// `count` new frames for the `n`-th address arrive in `queue`, whole and in order, without a tag.
    fn check_queue(&self, queue: u32, n: u8, count: usize) {
        self.frames.take(queue);
        let sent: Vec<_> = (0..count).map(|_| self.frame(n)).collect();
        self.send(&sent);
        self.expect(queue, &sent);
    }

    /// The queue got these frames since the last look.
    fn expect(&self, queue: u32, sent: &[Vec<u8>]) {
        let got: Vec<Vec<u8>> = self.frames.take(queue).into_iter().map(with_tag).collect();
        igbcx_tests::frames::assert_same(&got, sent, &format!("queue {queue}"));
    }

    /// Everything is given back: queues, interface, device, driver; and the run was clean.
    fn finish(mut self) {
        self.switch.set_hold(HOLD_NONE);
        self.switch.return_some(usize::MAX);
        self.switch.end().unwrap_or_else(|e| panic!("{e}"));
        self.interface = None;
        self.rig.finish();
    }

    /// The interface is given up, the device was removed.
    fn finish_removed(mut self) {
        self.interface = None;
        self.switch.abandon();
        self.rig.finish();
    }
}

/// The `n`-th address, without a tag: what a virtual switch sets for a machine without a VLAN.
fn address(n: u8) -> Filter {
    Filter { mac: [0x02, 0x56, 0x4D, 0, 0, n], vlan: Vlan::UntaggedOrZero }
}

/// A frame as it was on the wire.
fn with_tag((tag, mut data): (Option<u16>, Vec<u8>)) -> Vec<u8> {
    if let Some(tag) = tag {
        let [high, low] = tag.to_be_bytes();
        data.splice(12..12, [0x81, 0x00, high, low]);
    }
    data
}

/// Runs `work` on a lab thread of its own while `meanwhile` runs here, and waits for both.
fn beside<R>(work: impl FnOnce() + Send + 'static, meanwhile: impl FnOnce() -> R) -> R {
    let thread = cpu::spawn("beside", work);
    let result = meanwhile();
    cpu::join(thread);
    result
}
