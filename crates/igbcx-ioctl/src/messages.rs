//! Inputs and outputs.

use crate::{EventMask, PROTOCOL, Refusal};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

macro_rules! message {
    ($(#[$meta:meta])* $name:ident: $size:literal { $($(#[$field_meta:meta])* $field:ident: $ty:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
        #[repr(C)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $ty,)*
        }
        static_assertions::assert_eq_size!($name, [u8; $size]);
        static_assertions::const_assert!(core::mem::align_of::<$name>() <= 8);
    };
}

message! {
    /// How every input starts.
    Header: 8 {
        /// [`PROTOCOL`].
        version: u16,
        /// Zero.
        reserved: [u8; 6],
    }
}

message! {
    /// How every output starts.
    Answer: 8 {
        /// [`PROTOCOL`].
        version: u16,
        /// Zero.
        reserved: u16,
        /// Bytes of the whole answer, which may be more than the caller's buffer held of a list.
        size: u32,
    }
}

message! {
    /// A request without a parameter.
    Request: 8 {
        /// Version.
        header: Header,
    }
}

message! {
    /// Which registers.
    RegistersRequest: 16 {
        /// Version.
        header: Header,
        /// [`RegistersRequest::CLEARING`] or 0.
        flags: u32,
        /// Zero.
        reserved: u32,
    }
}

message! {
    /// Whose descriptors.
    RingRequest: 16 {
        /// Version.
        header: Header,
        /// 0 = transmit, 1 = receive.
        direction: u8,
        /// Queue number.
        queue: u8,
        /// Zero.
        reserved: [u8; 6],
    }
}

message! {
    /// Which events.
    EventsRequest: 16 {
        /// Version.
        header: Header,
        /// Only events with a higher number.
        after: u64,
    }
}

message! {
    /// What to wait for.
    WaitRequest: 24 {
        /// Version.
        header: Header,
        /// [`EventMask`], not empty.
        mask: u32,
        /// Zero.
        reserved: u32,
        /// Only events with a higher number; one that is in the log already is answered at once.
        after: u64,
    }
}

message! {
    /// Protocol, driver and device.
    Version: 40 {
        /// Version and size.
        answer: Answer,
        /// Driver version: major, minor, patch, 0.
        driver: [u16; 4],
        /// PCI vendor and device.
        pci: [u16; 2],
        /// Transmit and receive queues in use.
        queues: [u8; 2],
        /// Interrupt vectors in use; 0 = the line.
        vectors: u8,
        /// Zero.
        reserved: u8,
        /// Station address in use.
        address: [u8; 6],
        /// Permanent station address.
        permanent_address: [u8; 6],
        /// Longest frame without FCS.
        max_frame: u16,
        /// Zero.
        reserved2: u16,
    }
}

/// Queues of each direction that [`Statistics`] has room for.
pub const MAX_QUEUES: usize = 16;
/// Hardware counters that [`Statistics`] has room for.
pub const MAX_HARDWARE_COUNTERS: usize = 96;

message! {
    /// The driver's counters of one transmit queue.
    TxCounters: 64 {
        /// Packets the hardware reported as sent.
        packets: u64,
        /// Bytes of the packets handed to the hardware.
        bytes: u64,
        /// Tail writes.
        doorbells: u64,
        /// Advance calls.
        advances: u64,
        /// Times the queue was armed.
        arms: u64,
        /// Times its interrupt woke it.
        wakes: u64,
        /// Packets that were completed without being sent: cancelled, or refused as too long.
        dropped: u64,
        /// Zero.
        reserved: u64,
    }
}

message! {
    /// The driver's counters of one receive queue.
    RxCounters: 64 {
        /// Frames handed to the framework.
        packets: u64,
        /// Their bytes.
        bytes: u64,
        /// Tail writes.
        doorbells: u64,
        /// Advance calls.
        advances: u64,
        /// Times the queue was armed.
        arms: u64,
        /// Times its interrupt woke it.
        wakes: u64,
        /// Frames with receive errors or impossible lengths.
        errors: u64,
        /// Frames longer than a frame can be.
        too_long: u64,
    }
}

message! {
    /// All counters, since the device was added.
    Statistics: 2848 {
        /// Version and size.
        answer: Answer,
        /// Queues in use: transmit, receive.
        queues: [u8; 2],
        /// Hardware counters that are there.
        hardware_counters: u16,
        /// Zero.
        reserved: u32,
        /// Resets and power cycles the hardware counters were carried across.
        carried: u64,
        /// Waiting requests that were cancelled by the framework (EvtIoCanceledOnQueue).
        waits_cancelled: u64,
        /// Counters of the hardware, in the order of the igb crate's table.
        hardware: [u64; MAX_HARDWARE_COUNTERS],
        /// By queue number.
        tx: [TxCounters; MAX_QUEUES],
        /// By queue number.
        rx: [RxCounters; MAX_QUEUES],
    }
}

message! {
    /// How a list starts.
    List: 16 {
        /// Version; the size is that of the whole list, of which as many elements follow as fit.
        answer: Answer,
        /// Elements that follow.
        count: u32,
        /// Zero.
        reserved: u32,
    }
}

message! {
    /// A register.
    Register: 8 {
        /// Byte offset in BAR0.
        offset: u32,
        /// Its value.
        value: u32,
    }
}

message! {
    /// State of a ring; its descriptors follow, as many as fit.
    Ring: 32 {
        /// Version; the size is that of the whole answer.
        answer: Answer,
        /// Descriptors that follow.
        count: u32,
        /// Descriptors of the ring.
        descriptors: u32,
        /// Head register: the next descriptor the hardware takes.
        head: u32,
        /// Tail register: the first descriptor the hardware does not own.
        tail: u32,
        /// RXDCTL or TXDCTL.
        control: u32,
        /// Zero.
        reserved: u32,
    }
}

message! {
    /// A descriptor as it lies in memory.
    Descriptor: 16 {
        /// Buffer address, or what the hardware wrote over it.
        low: u64,
        /// Command, or what the hardware wrote over it.
        high: u64,
    }
}

/// PHY registers in [`Link`].
pub const PHY_REGISTERS: usize = 16;

message! {
    /// The link.
    Link: 64 {
        /// Version and size.
        answer: Answer,
        /// Mbit/s, 0 without a link.
        speed: u32,
        /// 1 = full duplex.
        full_duplex: u8,
        /// 1 = obeys PAUSE frames.
        rx_pause: u8,
        /// 1 = sends PAUSE frames.
        tx_pause: u8,
        /// 1 if `phy` was read.
        phy_valid: u8,
        /// STATUS register.
        status: u32,
        /// CTRL register.
        control: u32,
        /// Times the link went up or down.
        changes: u64,
        /// PHY registers 0..=15 (IEEE 802.3 clause 22); 11 to 14 are not read and stay 0.
        phy: [u16; PHY_REGISTERS],
    }
}

/// A request that can be checked.
pub trait Checked: FromBytes + KnownLayout + Immutable + Sized {
    /// Refuses values that are reserved or mean nothing.
    ///
    /// # Errors
    /// [`Refusal`].
    fn check(&self) -> Result<(), Refusal>;
}

/// Reads a request of exactly its length.
///
/// # Errors
/// [`Refusal`]: wrong length, version, reserved bits or values.
pub fn parse<T: Checked>(input: &[u8]) -> Result<T, Refusal> {
    let request = T::read_from_bytes(input).map_err(|_| Refusal::InputLength)?;
    request.check()?;
    Ok(request)
}

impl Header {
    /// The header of a request.
    pub const NEW: Self = Self { version: PROTOCOL, reserved: [0; 6] };

    pub(crate) const fn check(&self) -> Result<(), Refusal> {
        if self.version != PROTOCOL {
            return Err(Refusal::Version);
        }
        match self.reserved {
            [0, 0, 0, 0, 0, 0] => Ok(()),
            _ => Err(Refusal::Reserved),
        }
    }
}

impl Answer {
    /// The start of an answer of `size` bytes.
    #[must_use]
    pub const fn new(size: usize) -> Self {
        Self { version: PROTOCOL, reserved: 0, size: size as u32 }
    }
}

impl Checked for Request {
    fn check(&self) -> Result<(), Refusal> {
        self.header.check()
    }
}

impl RegistersRequest {
    /// Also the registers that reading clears, statistics among them; the driver keeps what it clears.
    pub const CLEARING: u32 = 1;
}

impl Checked for RegistersRequest {
    fn check(&self) -> Result<(), Refusal> {
        self.header.check()?;
        if self.flags & !Self::CLEARING != 0 || self.reserved != 0 { Err(Refusal::Reserved) } else { Ok(()) }
    }
}

impl Checked for RingRequest {
    fn check(&self) -> Result<(), Refusal> {
        self.header.check()?;
        if self.reserved != [0; 6] {
            Err(Refusal::Reserved)
        } else if self.direction > 1 || usize::from(self.queue) >= MAX_QUEUES {
            Err(Refusal::Value)
        } else {
            Ok(())
        }
    }
}

impl Checked for EventsRequest {
    fn check(&self) -> Result<(), Refusal> {
        self.header.check()
    }
}

impl Checked for WaitRequest {
    fn check(&self) -> Result<(), Refusal> {
        self.header.check()?;
        if self.reserved != 0 || self.mask & !EventMask::ALL.0 != 0 {
            Err(Refusal::Reserved)
        } else if self.mask == 0 {
            Err(Refusal::Value)
        } else {
            Ok(())
        }
    }
}
