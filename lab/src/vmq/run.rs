//! `netcx-lab vmq`: frames for every pool at once, then queues freed and allocated again under traffic.

use super::books::Hold;
use super::request::{Filter, Request, Vlan};
use super::switch::{Interface, Refused, Switch};
use super::tally::{Counts, Tally, frame};
use crate::error::Error;
use crate::machine::Machine;
use crate::progress::Progress;
use crate::report::{Report, Vmq, VmqQueue};
use crate::{Adapter, Builder, Net};
use lab_kernel::cpu;
use ndis_sys::{NDIS_RECEIVE_QUEUE_ID, NDIS_STATUS_PENDING, NDIS_STATUS_SUCCESS};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Longest wait for the link: autonegotiation takes up to 5 s on copper.
const LINK: Duration = Duration::from_secs(10);
/// Lab time in which a request ends whose packets are back.
const SOON: Duration = Duration::from_secs(5);
/// Lab time without a frame, so often in a row, after which none is on its way.
const QUIET: Duration = Duration::from_millis(2);
const QUIET_ROUNDS: u32 = 50;
/// Frames of one stream that are on their way at a time: fewer than any ring has buffers.
const BURST: u64 = 32;
/// Frames of each stream in one cycle.
const CYCLE_BURST: u64 = 8;
/// Lengths of the frames, without tag.
const LENGTHS: [usize; 8] = [60, 61, 64, 128, 320, 594, 1024, 1514];
/// First VLAN identifier of the filters that have one.
const VLANS: u16 = 100;
/// The stream of the adapter's own queue.
const DEFAULT: u32 = 0;

/// What the run does.
#[derive(Clone, Debug)]
pub struct Run {
    /// Frames, over all pools together.
    pub frames: u64,
    /// Times that a queue is freed with packets out and allocated again.
    pub cycles: u64,
    /// Pools with traffic: the default one and VM queues.
    pub pools: u32,
    /// NumSuggestedReceiveBuffers of a queue.
    pub buffers: u32,
    /// Packets that the consumer holds at a time.
    pub hold: usize,
    /// Seed of every choice.
    pub seed: u64,
    /// Where a report goes if the driver stops the machine.
    pub json: Option<PathBuf>,
}

impl Default for Run {
    fn default() -> Run {
        Run { frames: 100_000, cycles: 100, pools: 8, buffers: 256, hold: 16, seed: 1, json: None }
    }
}

/// A stream of frames and where they go to.
struct Stream {
    id: u32,
    filter: Filter,
    queue: NDIS_RECEIVE_QUEUE_ID,
}

/// The machine in the middle of the run.
struct Floor<'a> {
    machine: &'a Machine,
    adapter: &'static Adapter,
    switch: Switch,
    tally: Tally,
    streams: Vec<Stream>,
    sent: u64,
    /// Packets that were out when their queue was freed.
    held_over_free: u64,
}

impl Run {
    /// Runs it on the lab's wire and removes the device. What fails after the machine is built is in the report.
    ///
    /// # Errors
    /// What keeps the machine from being built.
    pub fn run(&self, builder: Builder, progress: &mut Progress) -> Result<Report, Error> {
        progress.stage("start", 1);
        let mut machine = builder.net(Net::Wire).seed(self.seed).keyword("Vmdq", "1").build()?;
        if let Some(json) = &self.json {
            machine.report_if_stopped(json.clone());
        }
        let mut section = Vmq::default();
        let mut failures = Vec::new();
        if let Err(e) = self.traffic(&mut machine, &mut section, &mut failures, progress) {
            failures.push(e.to_string());
        }
        progress.stage("remove", 1);
        let mut report = machine.finish();
        progress.set(1);
        progress.done();
        section.leaks = report.leaks.len();
        report.vmq = Some(section);
        failures.into_iter().for_each(|f| report.fail(f));
        Ok(report)
    }

    fn traffic(
        &self,
        machine: &mut Machine,
        section: &mut Vmq,
        failures: &mut Vec<String>,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        machine.start()?;
        machine.wait_link(true, LINK)?;
        progress.set(1);
        let interface = Interface::of(machine)?;
        let tally = Tally::default();
        let hold = Hold { packets: self.hold, in_callback: true };
        let switch = interface
            .open(Box::new(tally.clone()), hold, self.seed)
            .map_err(|status| Error::Vmq(Refused { what: "Open", status }))?;
        let adapter = machine.adapter()?;
        let mut floor = Floor { machine, adapter, switch, tally, streams: Vec::new(), sent: 0, held_over_free: 0 };
        floor.allocate(self)?;
        section.shared_memory = floor.streams.iter().map(|s| adapter.queue_memory(s.queue)).sum();

        progress.stage("frames", self.frames);
        let begun = Instant::now();
        while floor.sent < self.frames {
            let each = (self.frames - floor.sent).div_ceil(floor.streams.len() as u64).min(BURST);
            floor.burst(each, self.frames);
            progress.set(floor.sent);
        }
        section.seconds = begun.elapsed().as_secs_f64();
        section.frames_per_second = floor.sent as f64 / section.seconds.max(f64::EPSILON);

        progress.stage("cycles", self.cycles);
        let begun = Instant::now();
        for cycle in 0..self.cycles {
            floor.cycle(self, cycle)?;
            section.cycles += 1;
            progress.set(cycle + 1);
        }
        section.cycle_seconds = begun.elapsed().as_secs_f64();
        section.held_over_free = floor.held_over_free;

        floor.count(section, failures);
        floor.switch.end().map_err(Error::Vmq)
    }
}

impl Floor<'_> {
    /// One VM queue for each pool but the default one, completed as one batch.
    fn allocate(&mut self, run: &Run) -> Result<(), Error> {
        let filter = Filter { mac: self.adapter.mac(), vlan: Vlan::Any };
        self.streams.push(Stream { id: DEFAULT, filter, queue: DEFAULT });
        self.tally.belongs(DEFAULT, DEFAULT);
        for id in 1..run.pools {
            let queue = self.switch.allocate(run.buffers).map_err(Error::Vmq)?;
            let filter = filter_of(id);
            self.switch.set_filter(queue, filter).map_err(Error::Vmq)?;
            self.tally.belongs(id, queue);
            self.streams.push(Stream { id, filter, queue });
        }
        let queues: Vec<_> = self.streams[1..].iter().map(|s| s.queue).collect();
        if queues.is_empty() { Ok(()) } else { self.switch.complete_allocation(&queues).map_err(Error::Vmq) }
    }

    /// `each` frames for every stream, mixed, but no more than `limit` in all; returns when they have arrived, or when
    /// nothing more comes.
    fn burst(&mut self, each: u64, limit: u64) {
        let wire = self.machine.wire();
        for _ in 0..each {
            for stream in &self.streams {
                if self.sent == limit {
                    break;
                }
                let number = self.tally.send(stream.id);
                if let Some(wire) = &wire {
                    wire.send(&stream.frame(number));
                }
                self.sent += 1;
            }
        }
        self.settle();
    }

    /// Lets everything that is on its way arrive.
    fn settle(&self) {
        let mut quiet = 0;
        let mut arrived = self.tally.arrived();
        loop {
            while let Some(packet) = self.adapter.recv() {
                self.tally.arrive(DEFAULT, &packet.data);
            }
            let now = self.tally.arrived();
            if now >= self.sent || quiet == QUIET_ROUNDS {
                return;
            }
            quiet = if now > arrived { 0 } else { quiet + 1 };
            arrived = now;
            if let Some(wire) = self.machine.wire() {
                wire.barrier();
            }
            cpu::wait_any("frames of any queue", &[self.switch.came(), &self.adapter.rx_event()], Some(QUIET));
        }
    }

    /// Frees one of the queues while the consumer has packets of it, allocates another, and sends to all.
    fn cycle(&mut self, run: &Run, cycle: u64) -> Result<(), Error> {
        if self.streams.len() == 1 {
            self.burst(CYCLE_BURST, u64::MAX);
            return Ok(());
        }
        let at = 1 + cycle as usize % (self.streams.len() - 1);
        let Stream { id, filter, queue } = self.streams[at];
        self.switch.clear_filters(queue).map_err(Error::Vmq)?;
        let out = self.switch.packets_out(queue);
        let ticket = self.switch.issue(Request::free_queue(queue));
        self.held_over_free += out as u64;
        if ticket.pended != (out > 0) {
            let status = if ticket.pended { NDIS_STATUS_PENDING } else { NDIS_STATUS_SUCCESS };
            return Err(Error::Vmq(Refused { what: "FREE_QUEUE, pending exactly while packets are out", status }));
        }
        // Others' packets in the same chain.
        self.switch.return_some(out);
        self.switch.return_queue(queue);
        let status = self.switch.wait(&ticket, SOON).map_or(NDIS_STATUS_PENDING, |answer| answer.status);
        if status != NDIS_STATUS_SUCCESS {
            return Err(Error::Vmq(Refused { what: "FREE_QUEUE", status }));
        }
        let queue = self.switch.add_queue(run.buffers, &[filter]).map_err(Error::Vmq)?;
        self.tally.belongs(id, queue);
        self.streams[at].queue = queue;
        self.burst(CYCLE_BURST, u64::MAX);
        Ok(())
    }

    /// The counts of every stream, and what is wrong with them.
    fn count(&self, section: &mut Vmq, failures: &mut Vec<String>) {
        let counts = self.tally.counts();
        for stream in &self.streams {
            let counts = counts.get(&stream.id).copied().unwrap_or_default();
            let queue = VmqQueue { queue: stream.queue, filter: stream.name(), counts };
            if !counts.is_clean() {
                failures.push(format!("queue {} ({}): {}", queue.queue, queue.filter, in_words(&counts)));
            }
            section.queues.push(queue);
        }
        section.foreign = self.tally.foreign();
        if section.foreign > 0 {
            failures.push(format!("{} frames came that were not sent", section.foreign));
        }
    }
}

impl Stream {
    fn frame(&self, number: u64) -> Vec<u8> {
        let vlan = match self.filter.vlan {
            Vlan::Id(id) => Some(id),
            Vlan::Any | Vlan::UntaggedOrZero => None,
        };
        let length = LENGTHS[(number as usize * 5 + self.id as usize) % LENGTHS.len()];
        frame(self.filter.mac, vlan, self.id, number, length)
    }

    fn name(&self) -> String {
        let mac = crate::builder::mac_text(self.filter.mac);
        match (self.id, self.filter.vlan) {
            (DEFAULT, _) => format!("{mac}, default"),
            (_, Vlan::Id(id)) => format!("{mac}, VLAN {id}"),
            (_, Vlan::UntaggedOrZero) => format!("{mac}, no VLAN"),
            (_, Vlan::Any) => mac,
        }
    }
}

/// Of a VM queue: an address, and for every second one a VLAN. Hardware that looks at VLANs does so for every filter.
fn filter_of(id: u32) -> Filter {
    let vlan = if id.is_multiple_of(2) { Vlan::Id(VLANS + id as u16) } else { Vlan::UntaggedOrZero };
    Filter { mac: [0x02, 0x56, 0x4D, 0x51, 0, id as u8], vlan }
}

fn in_words(counts: &Counts) -> String {
    let Counts { sent, received, misplaced, reordered, lost, corrupted } = *counts;
    format!(
        "{received} of {sent} frames came as sent; {misplaced} misplaced, {reordered} reordered, {lost} lost, {corrupted} corrupted"
    )
}
