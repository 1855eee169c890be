//! A bare-handed driver for the tests: just enough of the 82576 to move frames. Register offsets and descriptor
//! layouts: Intel 82576 Gigabit Ethernet Controller Datasheet, sections 7.1.5, 7.2.2 and 8.

use std::{sync::Arc, time::Duration};

use lab_nic::{Clock, Net, Nic, NicConfig, RamBlock};

pub const CTRL: u64 = 0x0000;
pub const STATUS: u64 = 0x0008;
pub const MDIC: u64 = 0x0020;
pub const ICR: u64 = 0x00c0;
pub const IMS: u64 = 0x00d0;
pub const RCTL: u64 = 0x0100;
pub const TCTL: u64 = 0x0400;
pub const GPIE: u64 = 0x1514;
pub const EICS: u64 = 0x1520;
pub const EIMS: u64 = 0x1524;
pub const EIAC: u64 = 0x152c;
pub const IVAR0: u64 = 0x1700;
pub const RAL0: u64 = 0x5400;
pub const RAH0: u64 = 0x5404;
pub const RX_QUEUE: u64 = 0xc000;
pub const TX_QUEUE: u64 = 0xe000;
const BASE_LOW: u64 = 0x00;
const BASE_HIGH: u64 = 0x04;
const LEN: u64 = 0x08;
const SRRCTL: u64 = 0x0c;
const TAIL: u64 = 0x18;
const QUEUE_CONTROL: u64 = 0x28;

pub const STATUS_LINK_UP: u64 = 1 << 1;
pub const MAC: [u8; 6] = [0x52, 0x54, 0, 0xab, 0xcd, 0xef];
const QUEUE_ENABLE: u64 = 1 << 25;
/// Descriptors in a ring, 16 bytes each.
pub const RING: u64 = 256;
const BUFFER: u64 = 2048;

pub struct Rig {
    pub nic: Arc<Nic>,
    bar0: u64,
}

impl Rig {
    pub fn new(config: NicConfig) -> Rig {
        let nic = Nic::start(&config).unwrap_or_else(|e| panic!("{e}"));
        let bar0 = nic.bars().iter().find(|bar| bar.index == 0).expect("BAR0").phys;
        Rig { nic, bar0 }
    }

    pub fn read(&self, register: u64) -> u64 {
        self.nic.mmio_read(self.bar0 + register, 4)
    }

    pub fn write(&self, register: u64, value: u64) {
        self.nic.mmio_write(self.bar0 + register, 4, value);
    }

    pub fn wait(&self, what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
        let end = self.nic.now() + limit;
        while !done() {
            assert!(self.nic.now() < end, "{what}: not within {limit:?}; {:?}", self.nic.failure());
            self.nic.step(Duration::from_micros(200));
        }
    }

    /// Restarts autonegotiation; the model has a link half a second later.
    pub fn bring_link_up(&self) {
        const PHY_CONTROL: u64 = 1 << 26 | 1 << 21;
        self.write(MDIC, PHY_CONTROL | 0x1200);
        self.wait("link", Duration::from_secs(3), || self.read(STATUS) & STATUS_LINK_UP != 0);
    }

    fn start_queue(&self, queue: u64, ring: u64) {
        self.write(queue + BASE_LOW, ring & 0xffff_ffff);
        self.write(queue + BASE_HIGH, ring >> 32);
        self.write(queue + LEN, RING * 16);
        self.write(queue + QUEUE_CONTROL, QUEUE_ENABLE);
    }
}

/// Memory mapped for the adapter, unmapped with its owner.
pub struct Dma {
    nic: Arc<Nic>,
    pub block: RamBlock,
    pub address: u64,
}

impl Dma {
    pub fn new(nic: &Arc<Nic>, bytes: u64) -> Dma {
        let block = nic.ram().alloc(bytes.div_ceil(lab_nic::PAGE_SIZE), 4096).unwrap();
        let address = nic.dma_map(block.phys(), block.len(), true);
        Dma { nic: Arc::clone(nic), block, address }
    }
}

impl Drop for Dma {
    fn drop(&mut self) {
        self.nic.dma_unmap(self.address, self.block.len());
    }
}

pub struct Tx {
    ring: Dma,
    buffers: Dma,
    tail: u64,
}

impl Tx {
    pub fn start(rig: &Rig) -> Tx {
        let tx = Tx { ring: Dma::new(&rig.nic, RING * 16), buffers: Dma::new(&rig.nic, RING * BUFFER), tail: 0 };
        rig.start_queue(TX_QUEUE, tx.ring.address);
        rig.write(TCTL, 1 << 1);
        tx
    }

    /// Posts a frame of at most 2048 bytes.
    pub fn post(&mut self, frame: &[u8]) {
        let buffer = self.tail * BUFFER;
        self.buffers.block.write(buffer, frame);
        self.post_at(self.buffers.address + buffer, frame.len() as u64);
    }

    /// Posts a frame of memory that lies at a DMA address.
    pub fn post_at(&mut self, address: u64, len: u64) {
        // advanced data descriptor: EOP, IFCS, RS, DEXT
        let command: u64 = len | 0b0011 << 20 | (1 << 0 | 1 << 1 | 1 << 3 | 1 << 5) << 24;
        self.ring.block.write_u64(self.tail * 16, address);
        self.ring.block.write_u64(self.tail * 16 + 8, command | len << 46);
        self.tail = (self.tail + 1) % RING;
    }

    pub fn ring_doorbell(&self, rig: &Rig) {
        rig.write(TX_QUEUE + TAIL, self.tail);
    }

    /// Whether the last frame posted was written back as done.
    pub fn is_done(&self) -> bool {
        let last = (self.tail + RING - 1) % RING;
        self.ring.block.read_u64(last * 16 + 8) >> 32 & 1 != 0
    }

    pub fn send(&mut self, rig: &Rig, frames: &[Vec<u8>]) {
        for batch in frames.chunks(RING as usize - 1) {
            batch.iter().for_each(|frame| self.post(frame));
            self.ring_doorbell(rig);
            rig.nic.flush();
            assert!(self.is_done(), "the last frame of a batch was not sent");
        }
    }
}

pub struct Rx {
    ring: Dma,
    buffers: Dma,
    next: u64,
}

impl Rx {
    /// A ring of 2 KiB buffers that takes every frame.
    pub fn start(rig: &Rig) -> Rx {
        let rx = Rx { ring: Dma::new(&rig.nic, RING * 16), buffers: Dma::new(&rig.nic, RING * BUFFER), next: 0 };
        (0..RING).for_each(|slot| rx.give(slot));
        // advanced one-buffer descriptors, 2 KiB packet buffers
        rig.write(RX_QUEUE + SRRCTL, 2 | 1 << 25);
        rig.start_queue(RX_QUEUE, rx.ring.address);
        // enable, unicast and multicast promiscuous, broadcast, strip CRC
        rig.write(RCTL, 1 << 1 | 1 << 3 | 1 << 4 | 1 << 15 | 1 << 26);
        rig.write(RX_QUEUE + TAIL, RING - 1);
        rig.nic.flush();
        rx
    }

    fn give(&self, slot: u64) {
        self.ring.block.write_u64(slot * 16, self.buffers.address + slot * BUFFER);
        self.ring.block.write_u64(slot * 16 + 8, 0);
    }

    /// The next frame received; its descriptor goes back.
    pub fn next(&mut self, rig: &Rig) -> Option<Vec<u8>> {
        let status = self.ring.block.read_u64(self.next * 16 + 8);
        if status & 1 == 0 {
            return None;
        }
        let mut frame = vec![0; (status >> 32 & 0xffff) as usize];
        self.buffers.block.read(self.next * BUFFER, &mut frame);
        self.give(self.next);
        rig.write(RX_QUEUE + TAIL, self.next);
        self.next = (self.next + 1) % RING;
        Some(frame)
    }

    pub fn take(&mut self, rig: &Rig, count: usize) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        rig.wait("frames", Duration::from_secs(10), || {
            while let Some(frame) = self.next(rig) {
                frames.push(frame);
            }
            frames.len() >= count
        });
        frames
    }
}

/// `count` frames to `destination`, each of its own length and content.
pub fn frames(destination: [u8; 6], count: usize) -> Vec<Vec<u8>> {
    let frame = |i: usize| {
        let len = 60 + i * 37 % 1455;
        let mut frame = [&destination[..], &[2, 0, 0, 0, 0, 1], &[0x88, 0xb5]].concat();
        frame.extend((frame.len()..len).map(|at| (at * 7 + i * 13) as u8));
        frame
    };
    (0..count).map(frame).collect()
}

pub fn config(net: Net, clock: Clock) -> NicConfig {
    NicConfig { mac: MAC, net, clock, ram_mib: 64, ..NicConfig::default() }
}

pub fn on_the_wire() -> Rig {
    Rig::new(config(Net::Wire, Clock::Real))
}
