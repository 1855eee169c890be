//! Inputs and outputs about VM queues.

use crate::{Answer, Checked, Header, Refusal};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

message! {
    /// What there is of VM queues.
    VmqCapabilities: 16 {
        /// Version and size.
        answer: Answer,
        /// 1 = queues may be allocated: keyword Vmdq, and enough interrupt vectors.
        enabled: u8,
        /// Queues the hardware has beside the default one.
        queues: u8,
        /// Filters it has room for.
        filters: u8,
        /// Who has queues or may get some: 0 = anybody, 1 = a kernel consumer, 2 = tools.
        owner: u8,
        /// Zero.
        reserved: u32,
    }
}

message! {
    /// A VM queue, complete: it receives as soon as it has a filter.
    VmqAllocateRequest: 16 {
        /// Version.
        header: Header,
        /// Receive buffers wished for; 0 = as many as usual.
        buffers: u32,
        /// Zero.
        reserved: u32,
    }
}

message! {
    /// A new VM queue.
    VmqAllocated: 16 {
        /// Version and size.
        answer: Answer,
        /// Its number, from 1.
        queue: u32,
        /// Zero.
        reserved: u32,
    }
}

message! {
    /// A filter on a VM queue.
    VmqSetFilterRequest: 24 {
        /// Version.
        header: Header,
        /// Queue number, from 1.
        queue: u32,
        /// VLAN identifier 0..=4094 if `vlan_test` is [`VLAN_ID`], or 0.
        vlan: u16,
        /// [`VLAN_ANY`], [`VLAN_UNTAGGED_OR_ZERO`] or [`VLAN_ID`].
        vlan_test: u8,
        /// Zero.
        reserved: u8,
        /// Destination address.
        address: [u8; 6],
        /// Zero.
        reserved2: [u8; 2],
    }
}

/// `vlan_test`: whatever the VLAN is.
pub const VLAN_ANY: u8 = 0;
/// `vlan_test`: no tag, or one with identifier 0.
pub const VLAN_UNTAGGED_OR_ZERO: u8 = 1;
/// `vlan_test`: a tag with the identifier `vlan`.
pub const VLAN_ID: u8 = 2;
/// Largest VLAN identifier; 4095 is reserved.
const MAX_VLAN: u16 = 4094;

message! {
    /// A new filter.
    VmqFilterSet: 16 {
        /// Version and size.
        answer: Answer,
        /// Its number, from 1, unique on the adapter.
        filter: u32,
        /// Zero.
        reserved: u32,
    }
}

message! {
    /// A filter to be cleared.
    VmqClearFilterRequest: 16 {
        /// Version.
        header: Header,
        /// Queue number, from 1.
        queue: u32,
        /// Filter number, from 1.
        filter: u32,
    }
}

message! {
    /// A VM queue to be freed.
    VmqFreeRequest: 16 {
        /// Version.
        header: Header,
        /// Queue number, from 1.
        queue: u32,
        /// Zero.
        reserved: u32,
    }
}

message! {
    /// A VM queue. Its counters go on over allocations, since the device was added.
    VmqQueue: 88 {
        /// Queue number, from 1.
        queue: u32,
        /// 1 = paused, 2 = running, 3 = DMA stopped (being freed), 4 = given up with its memory.
        state: u8,
        /// Shared memory: 0 = none yet, 1 = NDIS', 2 = WDF common buffers.
        memory: u8,
        /// Zero.
        reserved: u16,
        /// MSI-X vector.
        vector: u32,
        /// Filters set.
        filters: u32,
        /// Receive buffers.
        buffers: u32,
        /// Of these with the consumer.
        outstanding: u32,
        /// Frames received.
        packets: u64,
        /// Their bytes.
        bytes: u64,
        /// Frames with errors, or longer than a buffer.
        errors: u64,
        /// Frames that the hardware says it dropped for the queue (RQDPC).
        dropped: u64,
        /// Tail writes.
        doorbells: u64,
        /// Passes of the receive path.
        passes: u64,
        /// Times the queue's interrupt woke it.
        wakes: u64,
        /// Packets that a consumer returned and did not have.
        refused: u64,
    }
}

message! {
    /// A filter of a VM queue.
    VmqFilter: 16 {
        /// Filter number, from 1.
        filter: u32,
        /// Queue number, from 1.
        queue: u16,
        /// VLAN identifier if `vlan_test` is [`VLAN_ID`], or 0.
        vlan: u16,
        /// Destination address.
        address: [u8; 6],
        /// [`VLAN_ANY`], [`VLAN_UNTAGGED_OR_ZERO`] or [`VLAN_ID`].
        vlan_test: u8,
        /// Zero.
        reserved: u8,
    }
}

/// Names of the counters of [`VmqQueue`], in the order of [`VmqQueue::counters`].
pub const VMQ_COUNTERS: [&str; 8] =
    ["packets", "bytes", "errors", "dropped", "doorbells", "passes", "wakes", "refused"];

impl VmqQueue {
    /// The counters, in the order of [`VMQ_COUNTERS`].
    #[must_use]
    pub const fn counters(&self) -> [u64; VMQ_COUNTERS.len()] {
        let q = self;
        [q.packets, q.bytes, q.errors, q.dropped, q.doorbells, q.passes, q.wakes, q.refused]
    }
}

/// Zero where zero belongs, and a meaning in what means something.
const fn plain(reserved: bool, meaningful: bool) -> Result<(), Refusal> {
    match (reserved, meaningful) {
        (false, _) => Err(Refusal::Reserved),
        (true, false) => Err(Refusal::Value),
        (true, true) => Ok(()),
    }
}

impl Checked for VmqAllocateRequest {
    fn check(&self) -> Result<(), Refusal> {
        self.header.check()?;
        plain(self.reserved == 0, true)
    }
}

impl Checked for VmqSetFilterRequest {
    fn check(&self) -> Result<(), Refusal> {
        self.header.check()?;
        let vlan = match self.vlan_test {
            VLAN_ANY | VLAN_UNTAGGED_OR_ZERO => self.vlan == 0,
            VLAN_ID => self.vlan <= MAX_VLAN,
            _ => false,
        };
        plain(self.reserved == 0 && self.reserved2 == [0; 2], vlan && self.queue != 0)
    }
}

impl Checked for VmqClearFilterRequest {
    fn check(&self) -> Result<(), Refusal> {
        self.header.check()?;
        plain(true, self.queue != 0 && self.filter != 0)
    }
}

impl Checked for VmqFreeRequest {
    fn check(&self) -> Result<(), Refusal> {
        self.header.check()?;
        plain(self.reserved == 0, self.queue != 0)
    }
}
