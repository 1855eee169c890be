//! The ABI edge of the consumer: the interface's functions, the callbacks, requests and packets as memory.
//!
//! # Invariants
//! A [`Packet`] is one that the provider indicated and that was not returned: its structure is readable, `Next` is the
//! consumer's. A [`Live`] request's memory belongs to the provider from [`Table::issue`] until it has ended.
#![expect(unsafe_code, reason = "structures and functions of another binary")]

use super::books::Books;
use super::request::{Answer, Info, Request};
use igbcx_interface::{
    GUID_IGBCX_VMQ_INTERFACE, IGBCX_VMQ_CONSUMER, IGBCX_VMQ_INTERFACE, IGBCX_VMQ_INTERFACE_VERSION, IGBCX_VMQ_PACKET,
};
use lab_kmdf::{Device, Exposed};
use ndis_sys::{
    NDIS_OBJECT_HEADER, NDIS_OID_REQUEST, NDIS_OID_REQUEST_DATA, NDIS_OID_REQUEST_METHOD_INFORMATION,
    NDIS_OID_REQUEST_QUERY_INFORMATION, NDIS_OID_REQUEST_SET_INFORMATION, NDIS_RECEIVE_QUEUE_ID,
    NDIS_RECEIVE_QUEUE_STATE, NDIS_STATUS, NDIS_STATUS_INDICATION, NDIS_STATUS_INVALID_PARAMETER,
    NDIS_STATUS_NOT_SUPPORTED,
};
use std::ptr::null_mut;
use wdk_sys::PVOID;

/// What a buffer has behind its end, and what an ended request holds.
const GUARD: u64 = 0xD1D1_D1D1_D1D1_D1D1;
/// Words of guard behind a buffer.
const GUARD_WORDS: usize = 2;

/// The functions of a provider.
#[derive(Clone, Copy)]
pub struct Table(IGBCX_VMQ_INTERFACE);

// SAFETY: function pointers and a context that the interface lets be used on any thread.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

impl Table {
    /// IRP_MN_QUERY_INTERFACE; the reference is released when the second value is dropped.
    ///
    /// # Errors
    /// The NTSTATUS of the request.
    pub fn query(device: &Device) -> Result<(Table, Exposed), i32> {
        let size = size_of::<IGBCX_VMQ_INTERFACE>() as u16;
        let exposed = device.query_interface(&GUID_IGBCX_VMQ_INTERFACE, size, IGBCX_VMQ_INTERFACE_VERSION)?;
        // SAFETY: the interface is as long as was asked for.
        let table = unsafe { exposed.as_ptr().cast::<IGBCX_VMQ_INTERFACE>().read() };
        Ok((Table(table), exposed))
    }

    /// The functions of a provider that is no driver.
    ///
    /// # Safety
    /// They are those of a provider as `igbcx-interface` describes it, and stay.
    pub unsafe fn of_provider(table: IGBCX_VMQ_INTERFACE) -> Table {
        Table(table)
    }

    /// Open, with the callbacks leading to `books`.
    pub(super) fn open(&self, books: &'static Books) -> NDIS_STATUS {
        let consumer = IGBCX_VMQ_CONSUMER {
            Size: size_of::<IGBCX_VMQ_CONSUMER>() as u16,
            Version: IGBCX_VMQ_INTERFACE_VERSION,
            Context: std::ptr::from_ref(books).cast_mut().cast(),
            Receive: Some(receive),
            Status: Some(status),
            OidComplete: Some(oid_complete),
        };
        self.open_as(&consumer)
    }

    /// Open with any consumer structure.
    pub fn open_as(&self, consumer: &IGBCX_VMQ_CONSUMER) -> NDIS_STATUS {
        let Some(open) = self.0.Open else { return NDIS_STATUS_NOT_SUPPORTED };
        // SAFETY: the provider copies the structure; a callback that is not null has the right signature.
        unsafe { open(self.0.Context, consumer) }
    }

    /// Close.
    pub fn close(&self) -> NDIS_STATUS {
        // SAFETY: the provider's function and context.
        self.0.Close.map_or(NDIS_STATUS_NOT_SUPPORTED, |close| unsafe { close(self.0.Context) })
    }

    /// Oid.
    pub(super) fn issue(&self, request: Handle) -> NDIS_STATUS {
        let Some(oid) = self.0.Oid else { return NDIS_STATUS_NOT_SUPPORTED };
        // SAFETY: a request with its buffer, which the books keep until it has ended and for a while after that.
        unsafe { oid(self.0.Context, request.0) }
    }

    /// Oid with a null request.
    pub fn issue_null(&self) -> NDIS_STATUS {
        // SAFETY: the provider looks for null.
        self.0.Oid.map_or(NDIS_STATUS_INVALID_PARAMETER, |oid| unsafe { oid(self.0.Context, null_mut()) })
    }

    /// CancelOid.
    pub fn cancel(&self, id: usize) {
        if let Some(cancel) = self.0.CancelOid {
            // SAFETY: the identifier is a number to the provider.
            unsafe { cancel(self.0.Context, id as PVOID) };
        }
    }

    /// ReturnPackets of whatever is at an address, as a broken consumer does. A provider looks only at packets of its own.
    pub fn return_anything(&self, address: usize) {
        if let Some(give_back) = self.0.ReturnPackets {
            // SAFETY: the provider refuses what it did not indicate without looking at it.
            unsafe { give_back(self.0.Context, address as *mut IGBCX_VMQ_PACKET) };
        }
    }

    /// ReturnPackets, as one chain in this order.
    pub(super) fn give_back(&self, packets: Vec<Packet>) {
        let next = packets.iter().skip(1).map(|p| p.0).chain([null_mut()]);
        for (packet, next) in packets.iter().zip(next) {
            // SAFETY: the invariant of `Packet`.
            unsafe { (&raw mut (*packet.0).Next).write(next) };
        }
        if let (Some(first), Some(give_back)) = (packets.first(), self.0.ReturnPackets) {
            // SAFETY: a chain of packets that the consumer owns; with this call it does not any more.
            unsafe { give_back(self.0.Context, first.0) };
        }
    }
}

/// A packet that the consumer owns.
pub struct Packet(*mut IGBCX_VMQ_PACKET);

// SAFETY: the interface lets a packet be used and returned on any thread.
unsafe impl Send for Packet {}

/// What a packet says about itself; `Next` is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    pub queue: u32,
    pub filter: u32,
    pub data: usize,
    pub len: u32,
    pub flags: u32,
    pub tag: u16,
    pub reserved: [u16; 3],
    pub provider: [usize; 2],
}

impl Packet {
    /// Where its structure is.
    pub fn address(&self) -> usize {
        self.0 as usize
    }

    /// Its fields as of now.
    pub fn fields(&self) -> Fields {
        // SAFETY: the invariant of `Packet`.
        let p = unsafe { self.0.read() };
        Fields {
            queue: p.QueueId,
            filter: p.FilterId,
            data: p.Data as usize,
            len: p.Length,
            flags: p.Flags,
            tag: p.VlanTag,
            reserved: p.Reserved,
            provider: p.Provider.map(|p| p as usize),
        }
    }

    /// Its data, if `is_memory` says of address and length that they are memory.
    pub fn data(&self, is_memory: impl FnOnce(usize, usize) -> bool) -> Option<&[u8]> {
        let Fields { data, len, .. } = self.fields();
        // SAFETY: memory of the queue, which nobody writes while the consumer owns the packet: that it was not written
        // is checked when the packet goes back.
        is_memory(data, len as usize).then(|| unsafe { std::slice::from_raw_parts(data as *const u8, len as usize) })
    }
}

/// Names a [`Live`] request.
#[derive(Clone, Copy)]
pub(super) struct Handle(*mut NDIS_OID_REQUEST);

impl Handle {
    /// By what OidComplete names it.
    pub fn address(self) -> usize {
        self.0 as usize
    }
}

/// A request in memory that does not move.
pub(super) struct Live {
    request: *mut NDIS_OID_REQUEST,
    /// The buffer in words, with guard words behind it.
    words: Vec<u64>,
    len: usize,
    kind: i32,
}

// SAFETY: memory of its own that the baton holder touches.
unsafe impl Send for Live {}

impl Live {
    pub fn new(request: &Request) -> Live {
        let len = request.info.0.len();
        let mut words = vec![GUARD; len.div_ceil(8) + GUARD_WORDS];
        let start = words.as_mut_ptr();
        // SAFETY: the words have room for the bytes.
        unsafe { start.cast::<u8>().copy_from_nonoverlapping(request.info.0.as_ptr(), len) };
        let buffer: PVOID = if request.no_buffer { null_mut() } else { start.cast() };
        let (kind, oid) = (request.kind.number(), request.oid);
        let data = match request.kind {
            super::request::Kind::Query => NDIS_OID_REQUEST_DATA {
                QUERY_INFORMATION: NDIS_OID_REQUEST_QUERY_INFORMATION {
                    Oid: oid,
                    InformationBuffer: buffer,
                    InformationBufferLength: request.output,
                    ..Default::default()
                },
            },
            super::request::Kind::Method => NDIS_OID_REQUEST_DATA {
                METHOD_INFORMATION: NDIS_OID_REQUEST_METHOD_INFORMATION {
                    Oid: oid,
                    InformationBuffer: buffer,
                    InputBufferLength: request.input,
                    OutputBufferLength: request.output,
                    ..Default::default()
                },
            },
            super::request::Kind::Set | super::request::Kind::Other(_) => NDIS_OID_REQUEST_DATA {
                SET_INFORMATION: NDIS_OID_REQUEST_SET_INFORMATION {
                    Oid: oid,
                    InformationBuffer: buffer,
                    InformationBufferLength: request.input,
                    ..Default::default()
                },
            },
        };
        let (kind_of_object, revision, size) = request.header;
        let made = NDIS_OID_REQUEST {
            Header: NDIS_OBJECT_HEADER { Type: kind_of_object, Revision: revision, Size: size },
            RequestType: kind,
            RequestId: request.id as PVOID,
            DATA: data,
            ..Default::default()
        };
        Live { request: Box::into_raw(Box::new(made)), words, len, kind }
    }

    /// Its name, as long as it lives.
    pub fn handle(&self) -> Handle {
        Handle(self.request)
    }

    /// What the provider left in it, and whether the guard behind the buffer is whole.
    pub fn answer(&self, status: NDIS_STATUS) -> (Answer, bool) {
        // SAFETY: the request is this value's, and it has ended: nobody writes it.
        let data = unsafe { (*self.request).DATA };
        let mut bytes: Vec<u8> = self.words.iter().flat_map(|w| w.to_le_bytes()).collect();
        let whole = bytes[self.len..].iter().all(|b| *b == GUARD as u8);
        bytes.truncate(self.len);
        // SAFETY: every form of the union is plain numbers, all of which are initialised.
        let (read, written, needed) = unsafe {
            match self.kind {
                ndis_sys::_NDIS_REQUEST_TYPE::NdisRequestQueryInformation => {
                    let q = data.QUERY_INFORMATION;
                    (0, q.BytesWritten, q.BytesNeeded)
                }
                ndis_sys::_NDIS_REQUEST_TYPE::NdisRequestMethod => {
                    let m = data.METHOD_INFORMATION;
                    (m.BytesRead, m.BytesWritten, m.BytesNeeded)
                }
                _ => {
                    let s = data.SET_INFORMATION;
                    (s.BytesRead, 0, s.BytesNeeded)
                }
            }
        };
        (Answer { status, info: Info(bytes), read, written, needed }, whole)
    }

    /// Fills it with the guard pattern: nobody may write it from now on.
    pub fn bury(&mut self) {
        self.words.fill(GUARD);
        // SAFETY: the request is this value's, and nothing reads it as a structure any more.
        unsafe { self.request.cast::<u8>().write_bytes(GUARD as u8, size_of::<NDIS_OID_REQUEST>()) };
    }

    /// Of a buried request: nobody wrote it.
    pub fn is_untouched(&self) -> bool {
        // SAFETY: the request is this value's; it was filled with bytes.
        let bytes = unsafe { std::slice::from_raw_parts(self.request.cast::<u8>(), size_of::<NDIS_OID_REQUEST>()) };
        self.words.iter().all(|w| *w == GUARD) && bytes.iter().all(|b| *b == GUARD as u8)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // SAFETY: made by `Live::new` from a box; the union is plain data.
        drop(unsafe { Box::from_raw(self.request) });
    }
}

/// A status indication, copied.
pub(super) struct Indication {
    pub header: (u8, u8, u16),
    pub status: NDIS_STATUS,
    /// Of NDIS_STATUS_RECEIVE_QUEUE_STATE with a buffer that is long enough: header, queue and state.
    pub state: Option<((u8, u8, u16), u32, i32)>,
}

/// The consumer behind a context.
///
/// # Safety
/// `context` is the one given to [`Table::open`].
unsafe fn books(context: PVOID) -> &'static Books {
    // SAFETY: the books are never freed.
    unsafe { &*context.cast::<Books>() }
}

unsafe extern "win64" fn receive(
    context: PVOID,
    queue: NDIS_RECEIVE_QUEUE_ID,
    first: *mut IGBCX_VMQ_PACKET,
    count: u32,
) {
    let mut packets = Vec::with_capacity(count as usize);
    let mut at = first;
    // A chain longer than it says is followed one step more, so that the difference is seen.
    while !at.is_null() && packets.len() <= count as usize {
        packets.push(Packet(at));
        // SAFETY: a packet of the chain that the provider just indicated.
        at = unsafe { (*at).Next };
    }
    // SAFETY: the provider passes the consumer's context.
    unsafe { books(context) }.received(queue, packets, count);
}

unsafe extern "win64" fn status(context: PVOID, indication: *const NDIS_STATUS_INDICATION) {
    // SAFETY: the provider's indication is valid during the call, and so is its buffer.
    let copied = unsafe { indication.as_ref() }.map(|i| {
        let long = i.StatusBufferSize as usize >= size_of::<NDIS_RECEIVE_QUEUE_STATE>() && !i.StatusBuffer.is_null();
        let state = (i.StatusCode == ndis_sys::NDIS_STATUS_RECEIVE_QUEUE_STATE && long).then(|| {
            // SAFETY: as above; long enough.
            let state = unsafe { i.StatusBuffer.cast::<NDIS_RECEIVE_QUEUE_STATE>().read_unaligned() };
            (triple(state.Header), state.QueueId, state.QueueState)
        });
        Indication { header: triple(i.Header), status: i.StatusCode, state }
    });
    // SAFETY: the provider passes the consumer's context.
    unsafe { books(context) }.indicated(copied);
}

unsafe extern "win64" fn oid_complete(context: PVOID, request: *mut NDIS_OID_REQUEST, status: NDIS_STATUS) {
    // SAFETY: the provider passes the consumer's context.
    unsafe { books(context) }.completed(request as usize, status);
}

fn triple(header: NDIS_OBJECT_HEADER) -> (u8, u8, u16) {
    (header.Type, header.Revision, header.Size)
}
