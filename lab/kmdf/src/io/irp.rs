//! The I/O manager's packet: what was asked, the buffers, and how it ended.
//!
//! METHOD_BUFFERED has one system buffer for input and output. What lies behind the input is filled with a pattern that
//! differs from packet to packet, so that bytes which reach the caller without having been written are recognised.

use super::file::OpenFile;
use lab_kernel::cpu::Event;
use lab_kernel::rules;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use wdk_sys::_WDF_REQUEST_TYPE as kind;
use wdk_sys::{NTSTATUS, ULONG, WDF_REQUEST_TYPE};

rules! {
    IOCTL_STALE_BYTES: "Every output byte that a request reports was written by the driver", "DDI wdfrequest WdfRequestCompleteWithInformation; Windows copies Information bytes of the system buffer to the caller";
    IOCTL_OUTPUT_LENGTH: "A request reports no more output bytes than the caller's buffer holds", "DDI wdm IO_STATUS_BLOCK; WDF fxrequest.cpp VerifyCompleteInternal";
}

/// Pool tag of system buffers, the I/O manager's.
const TAG: u32 = u32::from_le_bytes(*b"Io  ");
/// So many unwritten bytes in a row are no coincidence.
const STALE_RUN: usize = 4;
/// So many packets in a row with an unwritten byte at the same place are none either.
const STALE_STREAK: u8 = 4;

/// IRP_MJ_ codes that reach a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Major {
    Create,
    Read,
    Write,
    DeviceControl,
    InternalDeviceControl,
}

impl Major {
    pub(crate) fn of(request_type: WDF_REQUEST_TYPE) -> Option<Major> {
        Some(match request_type {
            kind::WdfRequestTypeCreate => Major::Create,
            kind::WdfRequestTypeRead => Major::Read,
            kind::WdfRequestTypeWrite => Major::Write,
            kind::WdfRequestTypeDeviceControl => Major::DeviceControl,
            kind::WdfRequestTypeDeviceControlInternal => Major::InternalDeviceControl,
            _ => return None,
        })
    }

    pub(crate) fn request_type(self) -> WDF_REQUEST_TYPE {
        match self {
            Major::Create => kind::WdfRequestTypeCreate,
            Major::Read => kind::WdfRequestTypeRead,
            Major::Write => kind::WdfRequestTypeWrite,
            Major::DeviceControl => kind::WdfRequestTypeDeviceControl,
            Major::InternalDeviceControl => kind::WdfRequestTypeDeviceControlInternal,
        }
    }

    pub(crate) fn is_control(self) -> bool {
        matches!(self, Major::DeviceControl | Major::InternalDeviceControl)
    }
}

/// How the buffers of a control code travel: its two lowest bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Buffered,
    /// Input in the system buffer, output mapped (IN_DIRECT and OUT_DIRECT).
    Direct,
    Neither,
}

impl Method {
    pub(crate) fn of(code: ULONG) -> Method {
        match code & 3 {
            0 => Method::Buffered,
            3 => Method::Neither,
            _ => Method::Direct,
        }
    }
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// IoStatus.Status.
    pub status: NTSTATUS,
    /// IoStatus.Information.
    pub information: u64,
    /// What the caller's buffer got: at most `information` bytes, none of a failed request.
    pub output: Vec<u8>,
}

/// What is called when the request completes, by whoever completes it, at most at DISPATCH_LEVEL.
pub(crate) type Then = Box<dyn FnOnce(&Completion)>;

/// The packet.
pub(crate) struct Irp {
    pub(crate) major: Major,
    pub(crate) code: ULONG,
    pub(crate) input_len: usize,
    pub(crate) output_len: usize,
    pub(crate) from_kernel: bool,
    pub(crate) file: Arc<OpenFile>,
    /// Input, and with METHOD_BUFFERED output.
    system: Cell<*mut u8>,
    /// Output of METHOD_xxx_DIRECT.
    mapped: Cell<*mut u8>,
    key: u64,
    /// IoCancelIrp was called.
    pub(crate) canceled: Cell<bool>,
    /// The WDFREQUEST while there is one.
    pub(crate) request: Cell<usize>,
    pub(crate) done: Event,
    result: RefCell<Option<Completion>>,
    then: RefCell<Option<Then>>,
}

// SAFETY: cells and buffers of a packet are used by the baton holder of lab_kernel::cpu only.
unsafe impl Send for Irp {}
// SAFETY: as above.
unsafe impl Sync for Irp {}

/// What is asked.
pub(crate) struct Ask<'a> {
    pub(crate) major: Major,
    pub(crate) code: ULONG,
    pub(crate) input: &'a [u8],
    pub(crate) output_len: usize,
    pub(crate) from_kernel: bool,
}

static KEYS: AtomicU64 = AtomicU64::new(1);

impl Irp {
    /// A packet with its buffers; `None`: no pool.
    pub(crate) fn new(file: Arc<OpenFile>, ask: &Ask<'_>, then: Option<Then>) -> Option<Irp> {
        let (input_len, output_len) = (ask.input.len(), ask.output_len);
        let method = if ask.major.is_control() { Method::of(ask.code) } else { Method::Buffered };
        let (system_len, mapped_len) = match method {
            Method::Buffered => (input_len.max(output_len), 0),
            Method::Direct => (input_len, output_len),
            Method::Neither => (0, 0),
        };
        let key = KEYS.fetch_add(1, Ordering::Relaxed);
        let system = buffer(system_len, key)?;
        let Some(mapped) = buffer(mapped_len, key) else {
            give_back(system);
            return None;
        };
        let irp = Irp {
            major: ask.major,
            code: ask.code,
            input_len,
            output_len,
            from_kernel: ask.from_kernel,
            file,
            system: Cell::new(system),
            mapped: Cell::new(mapped),
            key,
            canceled: Cell::new(false),
            request: Cell::new(0),
            done: Event::new(true, false),
            result: RefCell::default(),
            then: RefCell::new(then),
        };
        if !irp.system.get().is_null() {
            // SAFETY: the system buffer holds the larger of input and output.
            unsafe { irp.system.get().copy_from_nonoverlapping(ask.input.as_ptr(), input_len) };
        }
        Some(irp)
    }

    pub(crate) fn method(&self) -> Method {
        if self.major.is_control() { Method::of(self.code) } else { Method::Buffered }
    }

    /// A read or write of no bytes.
    pub(crate) fn is_empty_transfer(&self) -> bool {
        match self.major {
            Major::Read => self.output_len == 0,
            Major::Write => self.input_len == 0,
            _ => false,
        }
    }

    /// Where the driver finds its input, null if it has none.
    pub(crate) fn input(&self) -> *mut u8 {
        self.system.get()
    }

    /// Where the driver puts its output, null if it has no such place.
    pub(crate) fn output(&self) -> *mut u8 {
        if self.method() == Method::Direct { self.mapped.get() } else { self.system.get() }
    }

    pub(crate) fn result(&self) -> Option<Completion> {
        self.result.borrow().clone()
    }

    /// IoCompleteRequest: gives the caller `information` bytes unless the status is an error, and the buffers back.
    pub(crate) fn complete(&self, status: NTSTATUS, information: u64) {
        let is_error = (status as u32) >> 30 == 3;
        let copied = if is_error || self.output_len == 0 || matches!(self.major, Major::Write | Major::Create) {
            0
        } else {
            let fits = information <= self.output_len as u64;
            IOCTL_OUTPUT_LENGTH.check(fits, || {
                format!("{self}: {information} bytes are reported, the buffer holds {}", self.output_len)
            });
            (information as usize).min(self.output_len)
        };
        let place = self.output();
        let output = if copied == 0 || place.is_null() {
            Vec::new()
        } else {
            // SAFETY: the buffer holds output_len bytes and is not freed yet.
            unsafe { std::slice::from_raw_parts(place, copied) }.to_vec()
        };
        self.check_stale(&output);
        give_back(self.system.replace(std::ptr::null_mut()));
        give_back(self.mapped.replace(std::ptr::null_mut()));
        self.request.set(0);
        let completion = Completion { status, information, output };
        let then = self.then.take();
        *self.result.borrow_mut() = Some(completion.clone());
        self.done.set();
        if let Some(then) = then {
            then(&completion);
        }
        self.file.request_ended();
    }

    /// Looks for the pattern in what is given to the caller.
    fn check_stale(&self, output: &[u8]) {
        let first = if self.method() == Method::Buffered { self.input_len } else { 0 };
        let mut run = 0;
        let mut long = None;
        let mut unwritten = Vec::new();
        for (at, &byte) in output.iter().enumerate().skip(first) {
            let stale = byte == pattern(self.key, at);
            unwritten.push((at, stale));
            run = if stale { run + 1 } else { 0 };
            if run == STALE_RUN {
                long.get_or_insert(at + 1 - STALE_RUN);
            }
        }
        if output.len() > first {
            let streak = note_streaks((self.major, self.code, output.len()), &unwritten);
            IOCTL_STALE_BYTES.check(long.or(streak).is_none(), || {
                let at = long.or(streak).unwrap_or_default();
                format!("{self}: byte {at} of the {} reported was not written", output.len())
            });
        }
    }
}

impl std::fmt::Display for Irp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.major)?;
        if self.major.is_control() {
            write!(f, " {:#010x}", self.code)?;
        }
        Ok(())
    }
}

/// A block of pool full of the pattern; null for no bytes.
fn buffer(len: usize, key: u64) -> Option<*mut u8> {
    if len == 0 {
        return Some(std::ptr::null_mut());
    }
    let block = lab_kernel::pool::allocate(len, TAG, false);
    if block.is_null() {
        return None;
    }
    for at in 0..len {
        // SAFETY: the block is `len` bytes long.
        unsafe { block.add(at).write(pattern(key, at)) };
    }
    Some(block)
}

fn give_back(block: *mut u8) {
    if !block.is_null() {
        lab_kernel::pool::free(block, TAG);
    }
}

/// Byte `at` of the pattern of a packet: one word of splitmix64 for eight bytes.
fn pattern(key: u64, at: usize) -> u8 {
    let mut word = key.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(at as u64 / 8);
    word = (word ^ word >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    (word ^ word >> 31).to_le_bytes()[at % 8]
}

/// Packets that are alike: what they ask for, and how many bytes they report.
type Like = (Major, ULONG, usize);

/// Alike packets in a row in which a byte was the pattern's, by its place.
static STREAKS: Mutex<BTreeMap<Like, BTreeMap<usize, u8>>> = Mutex::new(BTreeMap::new());

/// Counts; a byte whose streak is long enough was never written: a hole in a structure, too short for [`STALE_RUN`].
fn note_streaks(like: Like, bytes: &[(usize, bool)]) -> Option<usize> {
    let mut all = STREAKS.lock().unwrap_or_else(PoisonError::into_inner);
    let streaks = all.entry(like).or_default();
    let mut found = None;
    for &(at, stale) in bytes {
        if stale {
            let streak = streaks.entry(at).or_insert(0);
            *streak = streak.saturating_add(1);
            if *streak >= STALE_STREAK {
                found.get_or_insert(at);
            }
        } else {
            streaks.remove(&at);
        }
    }
    found
}
