//! The measured cases: a queue between a fake framework and a fake device, one Advance per batch.

use crate::hardware::{Chip, DescriptorRing};
use igb::{model::I82576, rx, tx};
use igbcx::{
    counters::QueueCounts,
    pump::{receive, transmit},
};
use netadaptercx::ring::{RxRings, TxRings, fake::Framework};
use netadaptercx_sys::NET_PACKET;

/// Elements of every ring.
const RING: u16 = 512;
/// Bytes of every packet.
const BYTES: u32 = 1000;

/// One case, ready to run.
pub trait Case {
    /// Framework and device do their part of the next batch.
    fn prepare(&mut self, batch: u32);
    /// What is measured: EvtAdvance, from the queue's rings to its counters.
    fn measured_advance(&mut self);
    /// Packets that went through so far.
    fn packets(&self) -> u64;
}

/// Transmit: every Advance completes the batch before and posts the next.
pub struct Tx<'a> {
    framework: Framework,
    rings: TxRings,
    queue: tx::Queue<&'a Chip, Vec<tx::Completion>>,
    descriptors: DescriptorRing,
    counts: QueueCounts,
    fragments: u16,
    /// First descriptor the device has not sent.
    head: u16,
    posted: u16,
}

impl<'a> Tx<'a> {
    pub fn new(chip: &'a Chip, fragments: u16) -> Self {
        let framework = Framework::new(RING.into(), 0);
        let rings = framework.tx();
        let descriptors = DescriptorRing::new(tx::memory_len(RING));
        let completions = vec![tx::Completion::default(); RING.into()];
        let mut queue =
            tx::Queue::new(chip, &I82576, 0, RING, descriptors.dma(), completions).expect("a ring the hardware has");
        queue.enable(&chip).expect("the chip obeys");
        let counts = QueueCounts::default();
        Tx { framework, rings, queue, descriptors, counts, fragments, head: 0, posted: 0 }
    }
}

/// RS and DD of a transmit descriptor's second word (82576 datasheet 7.2.2.3).
const RS: u64 = 1 << 27;
const TX_DD: u64 = 1 << 32;

impl Case for Tx<'_> {
    fn prepare(&mut self, batch: u32) {
        for _ in 0..self.posted {
            if self.descriptors.high(self.head) & RS != 0 {
                self.descriptors.write_back(self.head, TX_DD);
            }
            self.head = (self.head + 1) % RING;
        }
        for _ in 0..batch {
            let first = self.framework.end::<netadaptercx_sys::NET_FRAGMENT>();
            for _ in 0..self.fragments {
                self.framework.post_fragment(BYTES / u32::from(self.fragments), 2, 0x1000_0000);
            }
            let packet = NET_PACKET { FragmentIndex: first, FragmentCount: self.fragments, ..NET_PACKET::default() };
            self.framework.post(packet);
        }
        self.posted = self.fragments * batch as u16;
    }

    #[inline(never)]
    fn measured_advance(&mut self) {
        let sent = transmit(&mut self.rings, &mut self.queue);
        self.counts.sent(&sent);
    }

    fn packets(&self) -> u64 {
        self.counts.packets.get()
    }
}

/// Receive: every Advance hands a batch over and gives back to the hardware the buffers of the batch before.
pub struct Rx<'a> {
    framework: Framework,
    rings: RxRings,
    queue: rx::Queue<&'a Chip>,
    descriptors: DescriptorRing,
    frames: rx::FrameAssembler,
    counts: QueueCounts,
    /// Next descriptor the device fills.
    head: u16,
}

impl<'a> Rx<'a> {
    pub fn new(chip: &'a Chip) -> Self {
        let framework = Framework::new(RING.into(), 0);
        let rings = framework.rx();
        let descriptors = DescriptorRing::new(rx::memory_len(RING));
        let mut queue =
            rx::Queue::new(chip, &I82576, 0, RING, 2048, descriptors.dma()).expect("a ring the hardware has");
        queue.enable(&chip).expect("the chip obeys");
        let (frames, counts) = (rx::FrameAssembler::new(1), QueueCounts::default());
        let mut case = Rx { framework, rings, queue, descriptors, frames, counts, head: 0 };
        // The first Advance of a queue only gives buffers to the hardware.
        case.prepare(0);
        case.measured_advance();
        case
    }
}

/// DD and EOP, length above (82576 datasheet 7.1.5.2).
const RECEIVED: u64 = 0b11 | (BYTES as u64) << 32;

impl Case for Rx<'_> {
    fn prepare(&mut self, batch: u32) {
        while self.framework.free::<NET_PACKET>() != 0 {
            self.framework.post(NET_PACKET::default());
            self.framework.post_fragment(0, 0, 0x1000_0000);
        }
        for _ in 0..batch {
            self.descriptors.write_back(self.head, RECEIVED);
            self.head = (self.head + 1) % RING;
        }
    }

    #[inline(never)]
    fn measured_advance(&mut self) {
        let received = receive(&mut self.rings, &mut self.queue, &mut self.frames);
        self.counts.received(&received);
    }

    fn packets(&self) -> u64 {
        self.counts.packets.get()
    }
}
