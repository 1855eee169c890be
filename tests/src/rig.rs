//! A machine with igbcx.sys on a wire of the test's own, and the ways to move frames through it.

use crate::frames::{self, PEER};
use crate::runner::{Run, workspace};
use lab_kernel::cpu;
use netcx_lab::board::LoggedWire;
use netcx_lab::{Adapter, Builder, Machine, Net, Report, RxPacket, TxPacket};
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::time::Duration;

/// Longest wait for the link: autonegotiation takes up to 5 s on copper.
pub const LINK: Duration = Duration::from_secs(10);
/// Lab time in which frames that move at all have moved.
const PATIENCE: Duration = Duration::from_secs(10);
/// Lab time without a frame after which none is on its way, if that happens so often in a row: with real time a busy host
/// can hold up the whole machine for one of them.
const QUIET: Duration = Duration::from_millis(10);
const QUIET_ROUNDS: u32 = 4;

/// Guest RAM: enough for rings of 4096 descriptors with their buffers.
const RAM_MIB: u32 = 128;

/// Transmit control with its enable bit, and the tail of transmit queue 0 (82576 datasheet 8.12.1, 8.12.14).
const TCTL: u64 = 0x400;
const TCTL_EN: u64 = 1 << 1;
const TDT: u64 = 0xE018;

/// The image under test: `IGBCX_SYS`, or what `cargo xtask build` leaves.
pub fn image() -> PathBuf {
    std::env::var_os("IGBCX_SYS").map_or_else(|| workspace().join("target/igbcx/x64/igbcx.sys"), PathBuf::from)
}

/// The INF that installs it.
pub fn inf() -> PathBuf {
    workspace().join("inf/igbcx.inx")
}

/// A machine on the lab's wire as the scenarios set it up, not yet built.
pub fn builder(run: &Run) -> Builder {
    builder_without_inf(run).inf(inf())
}

/// [`builder`] with no INF named.
pub fn builder_without_inf(run: &Run) -> Builder {
    let builder = Machine::builder().driver(image()).net(Net::Wire).seed(run.seed).ram_mib(RAM_MIB).pcap(&run.capture);
    run.keywords.iter().fold(builder, |builder, (name, value)| builder.keyword(*name, *value))
}

/// The machine of a scenario.
pub struct Rig {
    machine: Machine,
    next_id: u64,
}

impl Deref for Rig {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        &self.machine
    }
}

impl DerefMut for Rig {
    fn deref_mut(&mut self) -> &mut Machine {
        &mut self.machine
    }
}

impl Rig {
    /// Builds the machine; its device is added but not started.
    pub fn build(builder: Builder) -> Rig {
        Rig { machine: builder.build().unwrap_or_else(|e| panic!("the machine cannot be built: {e}")), next_id: 1 }
    }

    /// Builds the machine, starts the device and waits for the link.
    pub fn up(builder: Builder) -> Rig {
        let mut rig = Rig::build(builder);
        rig.bring_up();
        rig
    }

    /// Starts the device and waits for the link.
    pub fn bring_up(&mut self) {
        self.start().unwrap_or_else(|e| panic!("{e}: {:?}", self.last_failure()));
        self.wait_link(true, LINK).unwrap_or_else(|e| panic!("{e}"));
    }

    fn last_failure(&self) -> Option<(&'static str, i32)> {
        self.device().ok()?.last_failure().map(|f| (f.step, f.status))
    }

    /// The adapter.
    pub fn adapter(&self) -> &'static Adapter {
        self.machine.adapter().unwrap_or_else(|e| panic!("{e}"))
    }

    /// The lab's end of the cable.
    pub fn wire(&self) -> LoggedWire<'_> {
        self.machine.wire().expect("the rig is built on a wire")
    }

    /// The register at `offset` of BAR0, read past the driver.
    pub fn register(&self, offset: u64) -> u64 {
        self.nic().mmio_read(self.nic().bars()[0].phys + offset, 4)
    }

    /// Writes the register at `offset` of BAR0 past the driver.
    pub fn set_register(&self, offset: u64, value: u64) {
        self.nic().mmio_write(self.nic().bars()[0].phys + offset, 4, value);
    }

    /// Keeps the adapter from sending, past the driver: what is posted stays under DMA. The model sends at once, a wire
    /// takes its time.
    pub fn hold_transmitter(&self) {
        self.set_register(TCTL, self.register(TCTL) & !TCTL_EN);
    }

    /// Lets it send again, by a write of the tail that it has already.
    pub fn release_transmitter(&self) {
        self.set_register(TCTL, self.register(TCTL) | TCTL_EN);
        self.set_register(TDT, self.register(TDT));
    }

    /// An id no frame had before.
    pub fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// A frame of the adapter to the peer.
    pub fn outgoing(&self, len: usize, id: u64) -> Vec<u8> {
        frames::frame(PEER, self.adapter().mac(), len, id)
    }

    /// A frame of the peer to the adapter.
    pub fn incoming(&self, len: usize, id: u64) -> Vec<u8> {
        frames::frame(self.adapter().mac(), PEER, len, id)
    }

    /// Sends packets through the adapter until all are completed and returns what came out on the wire.
    ///
    /// # Panics
    /// They are not all completed once within the patience of lab time.
    pub fn transmit(&self, packets: &[TxPacket]) -> Vec<Vec<u8>> {
        let adapter = self.adapter();
        let end = cpu::now() + PATIENCE;
        let mut waiting = packets.iter();
        let mut held = waiting.next();
        let (mut seen, mut completed) = (Vec::new(), adapter.tx_completed());
        assert!(completed.is_empty(), "completions from before: {completed:?}");
        while completed.len() < packets.len() {
            while let Some(packet) = held {
                if !adapter.send(packet.clone()) {
                    break;
                }
                held = waiting.next();
            }
            cpu::wait_for("completions of the frames sent", &adapter.tx_event(), Some(QUIET));
            self.drain_wire(&mut seen);
            completed.extend(adapter.tx_completed());
            assert!(cpu::now() < end, "{} of {} packets are completed", completed.len(), packets.len());
        }
        let mut ids: Vec<u64> = packets.iter().map(|p| p.id).collect();
        ids.sort_unstable();
        completed.sort_unstable();
        assert!(completed == ids, "each packet is completed once");
        self.wire().barrier();
        self.drain_wire(&mut seen);
        seen
    }

    /// Takes what came out on the wire.
    pub fn drain_wire(&self, into: &mut Vec<Vec<u8>>) {
        let wire = self.wire();
        into.extend(std::iter::from_fn(|| wire.recv()));
    }

    /// Puts frames on the wire and returns what the stack above the adapter got, once `count` came or nothing more comes.
    pub fn receive(&self, frames: &[Vec<u8>], count: usize) -> Vec<RxPacket> {
        let wire = self.wire();
        frames.iter().for_each(|frame| wire.send(frame));
        self.collect(count)
    }

    /// What the stack above the adapter gets: until `count` packets came or nothing more comes.
    pub fn collect(&self, count: usize) -> Vec<RxPacket> {
        let adapter = self.adapter();
        let wire = self.wire();
        let mut packets: Vec<RxPacket> = Vec::new();
        let mut quiet = 0;
        loop {
            packets.extend(std::iter::from_fn(|| adapter.recv()));
            if packets.len() >= count || quiet == QUIET_ROUNDS {
                return packets;
            }
            let settled = wire.barrier();
            let came = cpu::wait_for("frames from the wire", &adapter.rx_event(), Some(QUIET));
            quiet = if came || !settled { 0 } else { quiet + 1 };
        }
    }

    /// One frame of 100 bytes each way arrives whole, and nothing else does.
    ///
    /// # Panics
    /// It does not.
    pub fn check_traffic(&mut self) {
        let id = self.fresh_id();
        let out = self.outgoing(100, id);
        frames::assert_same(&self.transmit(&[frames::packet(out.clone(), id)]), &[out], "sent");
        let inwards = self.incoming(100, id);
        let got: Vec<_> = self.receive(std::slice::from_ref(&inwards), 1).into_iter().map(|p| p.data).collect();
        frames::assert_same(&got, &[inwards], "received");
    }

    /// Removes the device, unloads the driver and demands a run without fault, violation or leak.
    ///
    /// # Panics
    /// With what was found.
    pub fn finish(self) -> Report {
        let report = self.machine.finish();
        assert!(report.ok, "the run is not clean:\n  {}\n{:#?}", report.failures.join("\n  "), report.rules.violated);
        report
    }

    /// The machine without its rig.
    pub fn into_machine(self) -> Machine {
        self.machine
    }
}
