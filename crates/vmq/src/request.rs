//! An NDIS_OID_REQUEST: its kind, its buffer, and the numbers it is answered with.

use crate::information::{INVALID, Information, Refusal};
use core::ptr::{NonNull, addr_of, addr_of_mut};
use ndis_sys::{
    _NDIS_REQUEST_TYPE as request_type, NDIS_DEFAULT_VPORT_ID, NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID,
    NDIS_OID_REQUEST, NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID, NDIS_OID_REQUEST_REVISION_1, NDIS_OID_REQUEST_REVISION_2,
    NDIS_SIZEOF_OID_REQUEST_REVISION_1, NDIS_SIZEOF_OID_REQUEST_REVISION_2, NDIS_STATUS, NDIS_STATUS_INVALID_LENGTH,
    NDIS_STATUS_NOT_SUPPORTED,
};

/// What is done with the information buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Written: a consumer's query, or one for statistics.
    Query {
        /// NdisRequestQueryStatistics: about the whole adapter.
        statistics: bool,
    },
    /// Read.
    Set,
    /// Read, then written.
    Method,
}

/// What a request that was not refused did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// NDIS_STATUS_SUCCESS, NDIS_STATUS_PENDING, or a status that came after the buffer was accepted.
    pub status: NDIS_STATUS,
    /// BytesRead.
    pub read: usize,
    /// BytesWritten.
    pub written: usize,
    /// SupportedRevision.
    pub revision: u8,
}

/// A request that is being answered.
///
/// Invariant: the memory is a request of at least revision 1, which may be read and written.
pub struct Call {
    request: NonNull<NDIS_OID_REQUEST>,
    /// What it does.
    pub kind: Kind,
    /// What it is about.
    pub oid: NDIS_OID,
    /// What it is cancelled by.
    pub request_id: usize,
}

impl Call {
    /// Takes a request up.
    ///
    /// # Errors
    /// The status of one that is no request, or not for this adapter.
    ///
    /// # Safety
    /// The memory has a header, and as many bytes as the header says; they may be read and written during the call.
    pub unsafe fn new(request: NonNull<NDIS_OID_REQUEST>) -> Result<Self, Refusal> {
        let at = request.as_ptr();
        // SAFETY: a header may be read.
        let header = unsafe { addr_of!((*at).Header).read() };
        if header.Type != NDIS_OBJECT_TYPE_OID_REQUEST
            || header.Revision < NDIS_OID_REQUEST_REVISION_1
            || header.Size < NDIS_SIZEOF_OID_REQUEST_REVISION_1
        {
            return Err(INVALID);
        }
        if header.Revision >= NDIS_OID_REQUEST_REVISION_2 && header.Size >= NDIS_SIZEOF_OID_REQUEST_REVISION_2 {
            // SAFETY: the header says that these fields are there.
            let (flags, vport) = unsafe { (addr_of!((*at).Flags).read(), addr_of!((*at).VPortId).read()) };
            if flags & NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID != 0 && vport != NDIS_DEFAULT_VPORT_ID {
                return Err(Refusal::Status(NDIS_STATUS_NOT_SUPPORTED));
            }
        }
        // SAFETY: the header says that the fields of revision 1 are there.
        let (kind, oid, id) = unsafe {
            (addr_of!((*at).RequestType).read(), addr_of!((*at).DATA.Oid).read(), addr_of!((*at).RequestId).read())
        };
        let kind = match kind {
            request_type::NdisRequestQueryInformation => Kind::Query { statistics: false },
            request_type::NdisRequestQueryStatistics => Kind::Query { statistics: true },
            request_type::NdisRequestSetInformation => Kind::Set,
            request_type::NdisRequestMethod => Kind::Method,
            _ => return Err(Refusal::Status(NDIS_STATUS_NOT_SUPPORTED)),
        };
        Ok(Self { request, kind, oid, request_id: id.addr() })
    }

    /// The request's buffer.
    ///
    /// # Safety
    /// It may be read and written as the request says, by nobody else, during `'a`.
    pub unsafe fn information<'a>(&self) -> Information<'a> {
        let at = self.request.as_ptr();
        // SAFETY: the type's invariant; the form is that of the kind.
        let (buffer, readable, writable) = unsafe {
            match self.kind {
                Kind::Query { .. } => {
                    let query = addr_of!((*at).DATA.QUERY_INFORMATION).read();
                    (query.InformationBuffer, 0, query.InformationBufferLength)
                }
                Kind::Set => {
                    let set = addr_of!((*at).DATA.SET_INFORMATION).read();
                    (set.InformationBuffer, set.InformationBufferLength, 0)
                }
                Kind::Method => {
                    let method = addr_of!((*at).DATA.METHOD_INFORMATION).read();
                    (method.InformationBuffer, method.InputBufferLength, method.OutputBufferLength)
                }
            }
        };
        // SAFETY: the caller's promise.
        unsafe { Information::new(buffer.cast(), readable, writable) }
    }

    /// Writes the numbers of the answer and gives its status. To be called before anybody can complete the request.
    pub fn answer(&self, result: Result<Reply, Refusal>) -> NDIS_STATUS {
        let (status, read, written, needed) = match result {
            Ok(reply) => {
                // SAFETY: the type's invariant.
                unsafe { addr_of_mut!((*self.request.as_ptr()).SupportedRevision).write(reply.revision) };
                (reply.status, reply.read as u32, reply.written as u32, 0)
            }
            Err(Refusal::Short(needed)) => (NDIS_STATUS_INVALID_LENGTH, 0, 0, needed),
            Err(Refusal::Status(status)) => (status, 0, 0, 0),
        };
        // SAFETY: the type's invariant.
        let data = unsafe { &mut *addr_of_mut!((*self.request.as_ptr()).DATA) };
        match self.kind {
            Kind::Query { .. } => {
                data.QUERY_INFORMATION.BytesWritten = written;
                data.QUERY_INFORMATION.BytesNeeded = needed;
            }
            Kind::Set => {
                data.SET_INFORMATION.BytesRead = read;
                data.SET_INFORMATION.BytesNeeded = needed;
            }
            Kind::Method => {
                data.METHOD_INFORMATION.BytesRead = read;
                data.METHOD_INFORMATION.BytesWritten = written;
                data.METHOD_INFORMATION.BytesNeeded = needed;
            }
        }
        status
    }
}
