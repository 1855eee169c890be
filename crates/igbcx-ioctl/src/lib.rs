//! The control protocol of igbcx.sys, defined once for the driver, igbcxctl and the lab.
//!
//! A caller opens the device interface [`INTERFACE`] for reading and writing, which administrators and the system may
//! ([`SDDL`]), and sends I/O control codes with METHOD_BUFFERED. Every input starts with a [`Header`] and has exactly the
//! length of its request; every output but that of a wait starts with an [`Answer`]. All fields are little-endian and of
//! fixed width; reserved fields are zero in both directions, and a request in which one is not is refused, so that they can
//! get a meaning later.
//!
//! | code | input | output | waits |
//! |---|---|---|---|
//! | [`Code::Version`] | [`Request`] | [`Version`] | no |
//! | [`Code::Statistics`] | [`Request`] | [`Statistics`] | no |
//! | [`Code::Registers`] | [`RegistersRequest`] | [`List`], then [`Register`]s | no |
//! | [`Code::Ring`] | [`RingRequest`] | [`Ring`], then [`Descriptor`]s | no |
//! | [`Code::Link`] | [`Request`] | [`Link`] | no |
//! | [`Code::Events`] | [`EventsRequest`] | [`List`], then [`Event`]s | no |
//! | [`Code::Wait`] | [`WaitRequest`] | [`Event`] | until the event, cancellation, power-down or removal |
//! | [`Code::VmqCapabilities`] | [`Request`] | [`VmqCapabilities`] | no |
//! | [`Code::VmqAllocate`] | [`VmqAllocateRequest`] | [`VmqAllocated`] | no |
//! | [`Code::VmqSetFilter`] | [`VmqSetFilterRequest`] | [`VmqFilterSet`] | no |
//! | [`Code::VmqClearFilter`] | [`VmqClearFilterRequest`] | [`Answer`] | for a pass of the receive path |
//! | [`Code::VmqFree`] | [`VmqFreeRequest`] | [`Answer`] | as above |
//! | [`Code::VmqQueues`] | [`Request`] | [`List`], then [`VmqQueue`]s | no |
//! | [`Code::VmqFilters`] | [`Request`] | [`List`], then [`VmqFilter`]s | no |
//!
//! VM queues that are allocated so belong to no handle: they last until they are freed or the device goes. While a kernel
//! consumer has the driver's query interface open they are its alone, and the requests that change something are refused
//! with STATUS_SHARING_VIOLATION; while there are any of a tool, no kernel consumer gets in.
//!
//! What a wrong request gets: [`Refusal`].
#![no_std]
#![forbid(unsafe_code)]

mod codes;
mod event;
#[macro_use]
mod messages;
mod vmq;

pub use codes::{Code, GUID_BYTES, INTERFACE, SDDL};
pub use event::{Event, EventKind, EventMask};
pub use messages::*;
pub use vmq::*;

/// Version of this protocol. A driver answers requests of its own version and refuses others.
pub const PROTOCOL: u16 = 1;

/// Why a request is refused; [`Refusal::ntstatus`] is what the caller of DeviceIoControl gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No such control code.
    UnknownCode,
    /// The input has not the length of its request.
    InputLength,
    /// The output has no room for the smallest answer.
    OutputLength,
    /// Another protocol version.
    Version,
    /// A reserved field or an undefined flag is not zero.
    Reserved,
    /// A field has a value that means nothing (queue number, direction, empty mask).
    Value,
}

impl Refusal {
    /// The NTSTATUS that names the fault.
    #[must_use]
    pub const fn ntstatus(self) -> i32 {
        (match self {
            Self::UnknownCode => 0xC000_0010_u32, // STATUS_INVALID_DEVICE_REQUEST
            Self::InputLength => 0xC000_0206,     // STATUS_INVALID_BUFFER_SIZE
            Self::OutputLength => 0xC000_0023,    // STATUS_BUFFER_TOO_SMALL
            Self::Version => 0xC000_0059,         // STATUS_REVISION_MISMATCH
            Self::Reserved => 0xC000_000D,        // STATUS_INVALID_PARAMETER
            Self::Value => 0xC000_00F0,           // STATUS_INVALID_PARAMETER_2
        }) as i32
    }
}
