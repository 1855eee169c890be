//! Names of the interface and of its control codes.

/// `{8F4F5E0A-3E5B-4C1D-9B57-6A1C0D9E8257}` as the first three fields of a GUID and its eight bytes.
pub const INTERFACE: (u32, u16, u16, [u8; 8]) =
    (0x8F4F_5E0A, 0x3E5B, 0x4C1D, [0x9B, 0x57, 0x6A, 0x1C, 0x0D, 0x9E, 0x82, 0x57]);

/// [`INTERFACE`] as it lies in memory.
pub const GUID_BYTES: [u8; 16] = {
    let (a, b, c, d) = INTERFACE;
    let (a, b, c) = (a.to_le_bytes(), b.to_le_bytes(), c.to_le_bytes());
    [a[0], a[1], a[2], a[3], b[0], b[1], c[0], c[1], d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]]
};

/// The device's security, as the INF sets it: the system and administrators may write, everyone may read.
///
/// Every control code demands read and write access, so only the former get answers. The device itself stays readable, as
/// NDIS's own users of the adapter, which share its security, need not be administrators.
pub const SDDL: &str = "D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GR;;;WD)(A;;GR;;;RC)";

/// A device type of the range that is not Microsoft's.
const DEVICE_TYPE: u32 = 0x8257;
const METHOD_BUFFERED: u32 = 0;
/// FILE_READ_ACCESS and FILE_WRITE_ACCESS.
const READ_WRITE_ACCESS: u32 = 3;

/// CTL_CODE of devioctl.h.
const fn ctl_code(function: u32) -> u32 {
    DEVICE_TYPE << 16 | READ_WRITE_ACCESS << 14 | function << 2 | METHOD_BUFFERED
}

/// The control codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Code {
    /// Protocol, driver and device.
    Version = ctl_code(0x800),
    /// Counters of the hardware and of the queues.
    Statistics = ctl_code(0x801),
    /// Registers.
    Registers = ctl_code(0x802),
    /// Descriptors of a queue.
    Ring = ctl_code(0x803),
    /// MAC link state and PHY registers.
    Link = ctl_code(0x804),
    /// Events still in the log.
    Events = ctl_code(0x805),
    /// The next event of some kinds.
    Wait = ctl_code(0x806),
    /// What there is of VM queues.
    VmqCapabilities = ctl_code(0x807),
    /// A VM queue of one's own.
    VmqAllocate = ctl_code(0x808),
    /// A filter on it.
    VmqSetFilter = ctl_code(0x809),
    /// A filter less.
    VmqClearFilter = ctl_code(0x80A),
    /// Its end.
    VmqFree = ctl_code(0x80B),
    /// Every VM queue.
    VmqQueues = ctl_code(0x80C),
    /// Every filter of VM queues.
    VmqFilters = ctl_code(0x80D),
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 14] = [
        Self::Version,
        Self::Statistics,
        Self::Registers,
        Self::Ring,
        Self::Link,
        Self::Events,
        Self::Wait,
        Self::VmqCapabilities,
        Self::VmqAllocate,
        Self::VmqSetFilter,
        Self::VmqClearFilter,
        Self::VmqFree,
        Self::VmqQueues,
        Self::VmqFilters,
    ];

    /// The code with this number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|code| *code as u32 == number)
    }
}
