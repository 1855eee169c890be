use core::fmt;

use crate::MacAddress;

/// Which way a queue moves packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Memory to wire.
    Transmit,
    /// Wire to memory.
    Receive,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Direction::Transmit => "Tx",
            Direction::Receive => "Rx",
        })
    }
}

/// What can go wrong with the hardware, or with what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Every read answers all ones: the device left the bus.
    DeviceGone,
    /// CTRL.RST did not clear.
    ResetTimeout,
    /// The NVM did not put a station address into RAL0/RAH0.
    NvmNotLoaded,
    /// The NVM's station address is zero, multicast or broadcast.
    BadMacAddress(MacAddress),
    /// Firmware or another driver keeps the PHY.
    SemaphoreTimeout,
    /// MDIC did not become ready.
    PhyTimeout,
    /// MDIC reported an error on this PHY register, or no PHY answers.
    PhyFault {
        /// PHY register number, 0..=31.
        register: u8,
    },
    /// A queue did not report that it is enabled.
    QueueStartTimeout {
        /// Tx or Rx.
        direction: Direction,
        /// Queue number.
        queue: u8,
    },
    /// A queue did not report that it stopped: its memory may still be under DMA until the device is reset.
    QueueStuck {
        /// Tx or Rx.
        direction: Direction,
        /// Queue number.
        queue: u8,
    },
    /// The queue is enabled, or holds what was never given back.
    QueueBusy {
        /// Tx or Rx.
        direction: Direction,
        /// Queue number.
        queue: u8,
    },
    /// The model has no such queue.
    NoSuchQueue {
        /// Tx or Rx.
        direction: Direction,
        /// Queue number.
        queue: u8,
    },
    /// Ring size not 64..=4096 in steps of 8, or its memory too small or not aligned.
    BadRing,
    /// Receive buffer size not 1..=16 KiB in steps of 1 KiB.
    BadBufferSize,
    /// Longest frame not 60..=9216 bytes.
    BadFrameSize,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::DeviceGone => f.write_str("the device is gone"),
            Error::ResetTimeout => f.write_str("the device did not leave reset"),
            Error::NvmNotLoaded => f.write_str("the NVM gave no station address"),
            Error::BadMacAddress(address) => write!(f, "{address} is no station address"),
            Error::SemaphoreTimeout => f.write_str("the PHY semaphore was not granted"),
            Error::PhyTimeout => f.write_str("the PHY did not answer"),
            Error::PhyFault { register } => write!(f, "PHY register {register} failed"),
            Error::QueueStartTimeout { direction, queue } => write!(f, "{direction} queue {queue} did not start"),
            Error::QueueStuck { direction, queue } => write!(f, "{direction} queue {queue} did not stop"),
            Error::QueueBusy { direction, queue } => write!(f, "{direction} queue {queue} is in use"),
            Error::NoSuchQueue { direction, queue } => write!(f, "there is no {direction} queue {queue}"),
            Error::BadRing => f.write_str("ring size or memory does not fit the hardware"),
            Error::BadBufferSize => f.write_str("receive buffer size does not fit the hardware"),
            Error::BadFrameSize => f.write_str("frame size does not fit the hardware"),
        }
    }
}

impl core::error::Error for Error {}
