//! OID requests as a virtual switch writes them, and what comes back: bytes at the offsets of the real structures.

use ndis_sys::_NDIS_FRAME_HEADER::NdisFrameHeaderMac;
use ndis_sys::_NDIS_MAC_HEADER_FIELD::{NdisMacHeaderFieldDestinationAddress, NdisMacHeaderFieldVlanId};
use ndis_sys::_NDIS_RECEIVE_FILTER_TEST::NdisReceiveFilterTestEqual;
use ndis_sys::_NDIS_RECEIVE_FILTER_TYPE::NdisReceiveFilterTypeVMQueue;
use ndis_sys::_NDIS_RECEIVE_QUEUE_TYPE::NdisReceiveQueueTypeVMQueue;
use ndis_sys::_NDIS_REQUEST_TYPE::{NdisRequestMethod, NdisRequestQueryInformation, NdisRequestSetInformation};
use ndis_sys::*;
use std::mem::offset_of;

/// The information buffer of a request: bytes, read and written by offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info(pub Vec<u8>);

/// A little-endian number of a structure.
pub trait Number: Sized + Copy {
    /// Its bytes.
    fn put(self, out: &mut [u8]);
    /// From its bytes.
    fn get(bytes: &[u8]) -> Self;
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Number for $type {
            fn put(self, out: &mut [u8]) {
                out.copy_from_slice(&self.to_le_bytes());
            }

            fn get(bytes: &[u8]) -> $type {
                let mut array = [0; size_of::<$type>()];
                array.copy_from_slice(bytes);
                <$type>::from_le_bytes(array)
            }
        }
    )*};
}
numbers!(u8, u16, u32, u64, i32);

impl Info {
    /// `len` zeros.
    pub fn zeroed(len: usize) -> Info {
        Info(vec![0; len])
    }

    /// Zeros that begin with a header of type NDIS_OBJECT_TYPE_DEFAULT.
    pub fn with_header(len: usize, revision: u8, size: u16) -> Info {
        let mut info = Info::zeroed(len);
        info.put_header(0, revision, size);
        info
    }

    /// Writes a header of type NDIS_OBJECT_TYPE_DEFAULT.
    pub fn put_header(&mut self, at: usize, revision: u8, size: u16) {
        self.put(at + offset_of!(NDIS_OBJECT_HEADER, Type), NDIS_OBJECT_TYPE_DEFAULT);
        self.put(at + offset_of!(NDIS_OBJECT_HEADER, Revision), revision);
        self.put(at + offset_of!(NDIS_OBJECT_HEADER, Size), size);
    }

    /// Type, revision and size of the header at `at`; zeros behind the end.
    pub fn header(&self, at: usize) -> (u8, u8, u16) {
        (self.get(at), self.get(at + 1), self.get(at + 2))
    }

    /// Writes a number.
    ///
    /// # Panics
    /// Behind the end.
    pub fn put<T: Number>(&mut self, at: usize, value: T) {
        value.put(&mut self.0[at..at + size_of::<T>()]);
    }

    /// Reads a number; behind the end there are zeros.
    pub fn get<T: Number>(&self, at: usize) -> T {
        let mut bytes = vec![0; size_of::<T>()];
        for (out, from) in bytes.iter_mut().zip(self.0.iter().skip(at)) {
            *out = *from;
        }
        T::get(&bytes)
    }
}

/// NDIS_REQUEST_TYPE of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// NdisRequestQueryInformation.
    Query,
    /// NdisRequestSetInformation.
    Set,
    /// NdisRequestMethod.
    Method,
    /// Any number.
    Other(i32),
}

impl Kind {
    /// The number.
    pub fn number(self) -> i32 {
        match self {
            Kind::Query => NdisRequestQueryInformation,
            Kind::Set => NdisRequestSetInformation,
            Kind::Method => NdisRequestMethod,
            Kind::Other(number) => number,
        }
    }
}

/// A request before it is issued. Every part can be made wrong.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is asked for.
    pub oid: NDIS_OID,
    /// How.
    pub kind: Kind,
    /// The information buffer; its length is what the request has memory for.
    pub info: Info,
    /// InputBufferLength of a method, InformationBufferLength of a set.
    pub input: u32,
    /// OutputBufferLength of a method, InformationBufferLength of a query.
    pub output: u32,
    /// RequestId, by which it is cancelled.
    pub id: usize,
    /// Type, revision and size of the request's header.
    pub header: (u8, u8, u16),
    /// InformationBuffer is null.
    pub no_buffer: bool,
}

/// Which VLANs a filter lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vlan {
    /// The filter has no test of the tag.
    Any,
    /// VLAN identifier equal.
    Id(u16),
    /// NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO.
    UntaggedOrZero,
}

/// A filter of the kind that VM queues have: destination address, and perhaps VLAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Filter {
    /// Destination address.
    pub mac: [u8; 6],
    /// Its VLANs.
    pub vlan: Vlan,
}

impl Filter {
    /// True for a frame to `mac` with VLAN identifier `vlan` (`None`: it has no tag).
    pub fn matches(&self, mac: &[u8], vlan: Option<u16>) -> bool {
        self.mac == mac
            && match self.vlan {
                Vlan::Any => true,
                Vlan::Id(id) => vlan == Some(id),
                Vlan::UntaggedOrZero => vlan.is_none_or(|id| id == 0),
            }
    }
}

impl Request {
    fn new(oid: NDIS_OID, kind: Kind, info: Info, input: usize, output: usize) -> Request {
        let header = (NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST_REVISION_2, NDIS_SIZEOF_OID_REQUEST_REVISION_2);
        Request { oid, kind, info, input: input as u32, output: output as u32, id: 0, header, no_buffer: false }
    }

    /// A query with room for `room` bytes.
    pub fn query(oid: NDIS_OID, room: usize) -> Request {
        Request::new(oid, Kind::Query, Info::zeroed(room), 0, room)
    }

    /// A set.
    pub fn set(oid: NDIS_OID, info: Info) -> Request {
        let input = info.0.len();
        Request::new(oid, Kind::Set, info, input, 0)
    }

    /// A method: the first `input` bytes go in, as many as there is room for come back.
    pub fn method(oid: NDIS_OID, info: Info, input: usize) -> Request {
        let output = info.0.len();
        Request::new(oid, Kind::Method, info, input, output)
    }

    /// OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES.
    pub fn hardware_capabilities() -> Request {
        Request::query(OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES, size_of::<NDIS_RECEIVE_FILTER_CAPABILITIES>())
    }

    /// OID_RECEIVE_FILTER_CURRENT_CAPABILITIES.
    pub fn current_capabilities() -> Request {
        Request::query(OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, size_of::<NDIS_RECEIVE_FILTER_CAPABILITIES>())
    }

    /// OID_RECEIVE_FILTER_GLOBAL_PARAMETERS.
    pub fn global_parameters() -> Request {
        Request::query(OID_RECEIVE_FILTER_GLOBAL_PARAMETERS, size_of::<NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS>())
    }

    /// OID_RECEIVE_FILTER_ENUM_QUEUES with room for `queues`.
    pub fn enum_queues(queues: usize) -> Request {
        let room = size_of::<NDIS_RECEIVE_QUEUE_INFO_ARRAY>() + queues * size_of::<NDIS_RECEIVE_QUEUE_INFO>();
        Request::query(OID_RECEIVE_FILTER_ENUM_QUEUES, room)
    }

    /// OID_RECEIVE_FILTER_QUEUE_PARAMETERS as a method: what the queue has.
    pub fn queue_parameters(queue: NDIS_RECEIVE_QUEUE_ID) -> Request {
        let mut info = parameters_header();
        info.put(offset_of!(NDIS_RECEIVE_QUEUE_PARAMETERS, QueueId), queue);
        let input = info.0.len();
        Request::method(OID_RECEIVE_FILTER_QUEUE_PARAMETERS, info, input)
    }

    /// OID_RECEIVE_FILTER_QUEUE_PARAMETERS as a set: another number of suggested buffers.
    pub fn suggest_buffers(queue: NDIS_RECEIVE_QUEUE_ID, buffers: u32) -> Request {
        let mut info = parameters_header();
        info.put(
            offset_of!(NDIS_RECEIVE_QUEUE_PARAMETERS, Flags),
            NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED,
        );
        info.put(offset_of!(NDIS_RECEIVE_QUEUE_PARAMETERS, QueueId), queue);
        info.put(offset_of!(NDIS_RECEIVE_QUEUE_PARAMETERS, NumSuggestedReceiveBuffers), buffers);
        Request::set(OID_RECEIVE_FILTER_QUEUE_PARAMETERS, info)
    }

    /// OID_RECEIVE_FILTER_ALLOCATE_QUEUE.
    pub fn allocate_queue(buffers: u32) -> Request {
        let mut info = parameters_header();
        info.put(
            offset_of!(NDIS_RECEIVE_QUEUE_PARAMETERS, Flags),
            NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION,
        );
        info.put(offset_of!(NDIS_RECEIVE_QUEUE_PARAMETERS, QueueType), NdisReceiveQueueTypeVMQueue);
        // Processor 0 of group 0: the machine has one.
        info.put(offset_of!(NDIS_RECEIVE_QUEUE_PARAMETERS, ProcessorAffinity), 1_u64);
        info.put(offset_of!(NDIS_RECEIVE_QUEUE_PARAMETERS, NumSuggestedReceiveBuffers), buffers);
        put_name(&mut info, offset_of!(NDIS_RECEIVE_QUEUE_PARAMETERS, VmName), "a virtual machine");
        put_name(&mut info, offset_of!(NDIS_RECEIVE_QUEUE_PARAMETERS, QueueName), "its queue");
        let input = info.0.len();
        Request::method(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, info, input)
    }

    /// OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE of a batch.
    pub fn allocation_complete(queues: &[NDIS_RECEIVE_QUEUE_ID]) -> Request {
        let first = size_of::<NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY>();
        let element = size_of::<NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS>();
        let mut info = Info::with_header(
            first + queues.len() * element,
            NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY_REVISION_1,
            NDIS_SIZEOF_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY_REVISION_1,
        );
        info.put(offset_of!(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY, FirstElementOffset), first as u32);
        info.put(offset_of!(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY, NumElements), queues.len() as u32);
        info.put(offset_of!(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY, ElementSize), element as u32);
        for (i, queue) in queues.iter().enumerate() {
            let at = first + i * element;
            info.put_header(
                at,
                NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS_REVISION_1,
                NDIS_SIZEOF_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS_REVISION_1,
            );
            info.put(at + offset_of!(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS, QueueId), *queue);
        }
        let input = info.0.len();
        Request::method(OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, info, input)
    }

    /// OID_RECEIVE_FILTER_SET_FILTER.
    pub fn set_filter(queue: NDIS_RECEIVE_QUEUE_ID, filter: Filter) -> Request {
        type Head = NDIS_RECEIVE_FILTER_PARAMETERS;
        let fields = 1 + usize::from(matches!(filter.vlan, Vlan::Id(_)));
        let (first, element) =
            (size_of::<Head>().next_multiple_of(8), size_of::<NDIS_RECEIVE_FILTER_FIELD_PARAMETERS>());
        let mut info = Info::with_header(
            first + fields * element,
            NDIS_RECEIVE_FILTER_PARAMETERS_REVISION_2,
            NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_2,
        );
        info.put(offset_of!(Head, FilterType), NdisReceiveFilterTypeVMQueue);
        info.put(offset_of!(Head, QueueId), queue);
        info.put(offset_of!(Head, FieldParametersArrayOffset), first as u32);
        info.put(offset_of!(Head, FieldParametersArrayNumElements), fields as u32);
        info.put(offset_of!(Head, FieldParametersArrayElementSize), element as u32);
        let flags = match filter.vlan {
            Vlan::UntaggedOrZero => NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO,
            _ => 0,
        };
        put_field(&mut info, first, flags, NdisMacHeaderFieldDestinationAddress, &filter.mac);
        if let Vlan::Id(id) = filter.vlan {
            put_field(&mut info, first + element, 0, NdisMacHeaderFieldVlanId, &id.to_be_bytes());
        }
        let input = info.0.len();
        Request::method(OID_RECEIVE_FILTER_SET_FILTER, info, input)
    }

    /// OID_RECEIVE_FILTER_CLEAR_FILTER.
    pub fn clear_filter(queue: NDIS_RECEIVE_QUEUE_ID, filter: NDIS_RECEIVE_FILTER_ID) -> Request {
        let mut info = Info::with_header(
            size_of::<NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS>(),
            NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1,
            NDIS_SIZEOF_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1,
        );
        info.put(offset_of!(NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS, QueueId), queue);
        info.put(offset_of!(NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS, FilterId), filter);
        Request::set(OID_RECEIVE_FILTER_CLEAR_FILTER, info)
    }

    /// OID_RECEIVE_FILTER_ENUM_FILTERS of a queue, with room for `filters`.
    pub fn enum_filters(queue: NDIS_RECEIVE_QUEUE_ID, filters: usize) -> Request {
        let input = size_of::<NDIS_RECEIVE_FILTER_INFO_ARRAY>();
        let mut info = Info::with_header(
            input + filters * size_of::<NDIS_RECEIVE_FILTER_INFO>(),
            NDIS_RECEIVE_FILTER_INFO_ARRAY_REVISION_2,
            NDIS_SIZEOF_RECEIVE_FILTER_INFO_ARRAY_REVISION_2,
        );
        info.put(offset_of!(NDIS_RECEIVE_FILTER_INFO_ARRAY, QueueId), queue);
        Request::method(OID_RECEIVE_FILTER_ENUM_FILTERS, info, input)
    }

    /// OID_RECEIVE_FILTER_PARAMETERS of a filter.
    pub fn filter_parameters(filter: NDIS_RECEIVE_FILTER_ID) -> Request {
        type Head = NDIS_RECEIVE_FILTER_PARAMETERS;
        let room = size_of::<Head>().next_multiple_of(8) + 2 * size_of::<NDIS_RECEIVE_FILTER_FIELD_PARAMETERS>();
        let mut info = Info::with_header(
            room,
            NDIS_RECEIVE_FILTER_PARAMETERS_REVISION_2,
            NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_2,
        );
        info.put(offset_of!(Head, FilterId), filter);
        Request::method(OID_RECEIVE_FILTER_PARAMETERS, info, size_of::<Head>())
    }

    /// OID_RECEIVE_FILTER_FREE_QUEUE.
    pub fn free_queue(queue: NDIS_RECEIVE_QUEUE_ID) -> Request {
        let mut info = Info::with_header(
            size_of::<NDIS_RECEIVE_QUEUE_FREE_PARAMETERS>(),
            NDIS_RECEIVE_QUEUE_FREE_PARAMETERS_REVISION_1,
            NDIS_SIZEOF_RECEIVE_QUEUE_FREE_PARAMETERS_REVISION_1,
        );
        info.put(offset_of!(NDIS_RECEIVE_QUEUE_FREE_PARAMETERS, QueueId), queue);
        Request::set(OID_RECEIVE_FILTER_FREE_QUEUE, info)
    }

    /// Queue and filter of a SET_FILTER that this module can read.
    pub(super) fn filter_to_set(&self) -> Option<(NDIS_RECEIVE_QUEUE_ID, Filter)> {
        type Head = NDIS_RECEIVE_FILTER_PARAMETERS;
        type Field = NDIS_RECEIVE_FILTER_FIELD_PARAMETERS;
        let word = |at| self.info.get::<u32>(at) as usize;
        let first = word(offset_of!(Head, FieldParametersArrayOffset));
        let count = word(offset_of!(Head, FieldParametersArrayNumElements));
        let size = word(offset_of!(Head, FieldParametersArrayElementSize));
        let (mut mac, mut vlan) = (None, Vlan::Any);
        for i in 0..count.min(2) {
            let at = first.checked_add(i.checked_mul(size)?)?;
            let value = at.checked_add(offset_of!(Field, FieldValue))?;
            let field: i32 = self.info.get(at + offset_of!(Field, HeaderField));
            if field == NdisMacHeaderFieldDestinationAddress {
                mac = self.info.0.get(value..value.checked_add(6)?).and_then(|m| m.try_into().ok());
                let flags: u32 = self.info.get(at + offset_of!(Field, Flags));
                if flags & NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO != 0 {
                    vlan = Vlan::UntaggedOrZero;
                }
            } else if field == NdisMacHeaderFieldVlanId {
                // Values are in network byte order (DDI ntddndis NDIS_RECEIVE_FILTER_FIELD_PARAMETERS).
                vlan = Vlan::Id(u16::from_be(self.info.get(value)));
            } else {
                return None;
            }
        }
        Some((self.info.get(offset_of!(Head, QueueId)), Filter { mac: mac?, vlan }))
    }

    /// Queue and filter of a CLEAR_FILTER.
    pub(super) fn filter_to_clear(&self) -> (NDIS_RECEIVE_QUEUE_ID, NDIS_RECEIVE_FILTER_ID) {
        type Clear = NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS;
        (self.info.get(offset_of!(Clear, QueueId)), self.info.get(offset_of!(Clear, FilterId)))
    }

    /// Queues of a QUEUE_ALLOCATION_COMPLETE.
    pub(super) fn queues_to_complete(&self) -> Vec<NDIS_RECEIVE_QUEUE_ID> {
        let word = |at| self.info.get::<u32>(at) as usize;
        let first = word(offset_of!(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY, FirstElementOffset));
        let count = word(offset_of!(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY, NumElements));
        let size = word(offset_of!(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY, ElementSize));
        let queue = offset_of!(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS, QueueId);
        let elements = (0..count.min(self.info.0.len())).map(|i| first.saturating_add(i.saturating_mul(size)));
        elements.take_while(|at| *at < self.info.0.len()).map(|at| self.info.get(at + queue)).collect()
    }

    /// Queue of a FREE_QUEUE.
    pub(super) fn queue_to_free(&self) -> NDIS_RECEIVE_QUEUE_ID {
        self.info.get(offset_of!(NDIS_RECEIVE_QUEUE_FREE_PARAMETERS, QueueId))
    }

    /// With this RequestId.
    pub fn with_id(mut self, id: usize) -> Request {
        self.id = id;
        self
    }

    /// With only `bytes` of buffer in every length that it has.
    pub fn shortened(mut self, bytes: usize) -> Request {
        self.info.0.truncate(bytes);
        self.input = self.input.min(bytes as u32);
        self.output = self.output.min(bytes as u32);
        self
    }
}

/// What a request ended with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The final status.
    pub status: NDIS_STATUS,
    /// The information buffer as the driver left it.
    pub info: Info,
    /// BytesRead of a set or method.
    pub read: u32,
    /// BytesWritten of a query or method.
    pub written: u32,
    /// BytesNeeded.
    pub needed: u32,
}

impl Answer {
    /// QueueId of an allocated queue.
    pub fn queue_id(&self) -> NDIS_RECEIVE_QUEUE_ID {
        self.info.get(offset_of!(NDIS_RECEIVE_QUEUE_PARAMETERS, QueueId))
    }

    /// FilterId of a filter that was set.
    pub fn filter_id(&self) -> NDIS_RECEIVE_FILTER_ID {
        self.info.get(offset_of!(NDIS_RECEIVE_FILTER_PARAMETERS, FilterId))
    }

    /// CompletionStatus of each queue of a completed batch.
    pub fn completion_statuses(&self) -> Vec<NDIS_STATUS> {
        let word = |at| self.info.get::<u32>(at) as usize;
        let first = word(offset_of!(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY, FirstElementOffset));
        let count = word(offset_of!(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY, NumElements));
        let size = word(offset_of!(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY, ElementSize));
        let status = offset_of!(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS, CompletionStatus);
        (0..count).map(|i| self.info.get(first + i * size + status)).collect()
    }

    /// Identifier, state (NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE) and number of filters of each queue of a list.
    pub fn queues(&self) -> Vec<(NDIS_RECEIVE_QUEUE_ID, i32, u32)> {
        let word = |at| self.info.get::<u32>(at) as usize;
        let first = word(offset_of!(NDIS_RECEIVE_QUEUE_INFO_ARRAY, FirstElementOffset));
        let count = word(offset_of!(NDIS_RECEIVE_QUEUE_INFO_ARRAY, NumElements));
        let size = word(offset_of!(NDIS_RECEIVE_QUEUE_INFO_ARRAY, ElementSize));
        let one = |at| {
            (
                self.info.get(at + offset_of!(NDIS_RECEIVE_QUEUE_INFO, QueueId)),
                self.info.get(at + offset_of!(NDIS_RECEIVE_QUEUE_INFO, QueueState)),
                self.info.get(at + offset_of!(NDIS_RECEIVE_QUEUE_INFO, NumFilters)),
            )
        };
        (0..count).map(|i| one(first + i * size)).collect()
    }

    /// Identifier of each filter of a list.
    pub fn filters(&self) -> Vec<NDIS_RECEIVE_FILTER_ID> {
        let word = |at| self.info.get::<u32>(at) as usize;
        let first = word(offset_of!(NDIS_RECEIVE_FILTER_INFO_ARRAY, FirstElementOffset));
        let count = word(offset_of!(NDIS_RECEIVE_FILTER_INFO_ARRAY, NumElements));
        let size = word(offset_of!(NDIS_RECEIVE_FILTER_INFO_ARRAY, ElementSize));
        (0..count).map(|i| self.info.get(first + i * size + offset_of!(NDIS_RECEIVE_FILTER_INFO, FilterId))).collect()
    }
}

fn parameters_header() -> Info {
    Info::with_header(
        size_of::<NDIS_RECEIVE_QUEUE_PARAMETERS>(),
        NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_3,
        NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_3,
    )
}

/// An IF_COUNTED_STRING: bytes, then UTF-16.
fn put_name(info: &mut Info, at: usize, name: &str) {
    let units: Vec<u16> = name.encode_utf16().collect();
    info.put(at + offset_of!(IF_COUNTED_STRING_LH, Length), (2 * units.len()) as u16);
    for (i, unit) in units.into_iter().enumerate() {
        info.put(at + offset_of!(IF_COUNTED_STRING_LH, String) + 2 * i, unit);
    }
}

/// A test that a field of the MAC header equals `value`.
fn put_field(info: &mut Info, at: usize, flags: u32, field: i32, value: &[u8]) {
    type Field = NDIS_RECEIVE_FILTER_FIELD_PARAMETERS;
    info.put_header(
        at,
        NDIS_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_2,
        NDIS_SIZEOF_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_2,
    );
    info.put(at + offset_of!(Field, Flags), flags);
    info.put(at + offset_of!(Field, FrameHeader), NdisFrameHeaderMac);
    info.put(at + offset_of!(Field, ReceiveFilterTest), NdisReceiveFilterTestEqual);
    info.put(at + offset_of!(Field, HeaderField), field);
    let value_at = at + offset_of!(Field, FieldValue);
    info.0[value_at..value_at + value.len()].copy_from_slice(value);
}
