//! The interface of VM queues.

use ndis_sys::{
    NDIS_OID_REQUEST, NDIS_RECEIVE_FILTER_ID, NDIS_RECEIVE_QUEUE_ID, NDIS_STATUS, NDIS_STATUS_INDICATION,
    assert_layout, evt_fn, zeroed_default,
};
use wdk_sys::{GUID, PINTERFACE_DEREFERENCE, PINTERFACE_REFERENCE, PVOID, ULONG, USHORT};

/// Names [`IGBCX_VMQ_INTERFACE`]: d1727778-4d31-4d9f-9725-316524d01d16.
pub const GUID_IGBCX_VMQ_INTERFACE: GUID =
    GUID { Data1: 0xd172_7778, Data2: 0x4d31, Data3: 0x4d9f, Data4: [0x97, 0x25, 0x31, 0x65, 0x24, 0xd0, 0x1d, 0x16] };
/// The version of [`IGBCX_VMQ_INTERFACE`] and [`IGBCX_VMQ_CONSUMER`] described here.
pub const IGBCX_VMQ_INTERFACE_VERSION: USHORT = 1;

/// In [`IGBCX_VMQ_PACKET::Flags`]: an 802.1Q tag was taken out of the frame and is in `VlanTag`.
pub const IGBCX_VMQ_PACKET_VLAN_STRIPPED: ULONG = 1;

/// Opens the interface for a consumer, which is copied.
///
/// IRQL: PASSIVE_LEVEL. `NDIS_STATUS_NOT_ACCEPTED` while another consumer has it open, `NDIS_STATUS_INVALID_PARAMETER`
/// if `Size` or `Version` of the consumer is wrong or a callback is null.
pub type IGBCX_VMQ_OPEN = Option<evt_fn!(fn(PVOID, *const IGBCX_VMQ_CONSUMER) -> NDIS_STATUS)>;
/// Closes the interface.
///
/// IRQL: PASSIVE_LEVEL. `NDIS_STATUS_NOT_ACCEPTED` while the consumer still has queues. After it returned
/// `NDIS_STATUS_SUCCESS` no callback runs and none comes.
pub type IGBCX_VMQ_CLOSE = Option<evt_fn!(fn(PVOID) -> NDIS_STATUS)>;
/// Issues an OID request of receive filters and queues (`OID_RECEIVE_FILTER_*`).
///
/// IRQL: PASSIVE_LEVEL. `NDIS_STATUS_PENDING` means that [`IGBCX_VMQ_OID_COMPLETE`] follows, exactly once and perhaps
/// before this returns; until then request and buffer belong to the driver. Any other result is final and has no
/// completion. The driver plays the part of NDIS too and assigns `QueueId` and `FilterId`.
pub type IGBCX_VMQ_OID = Option<evt_fn!(fn(PVOID, *mut NDIS_OID_REQUEST) -> NDIS_STATUS)>;
/// Cancels the pending requests whose `RequestId` is the given one: they end with `NDIS_STATUS_REQUEST_ABORTED`, unless
/// they ended otherwise first.
///
/// IRQL: up to DISPATCH_LEVEL.
pub type IGBCX_VMQ_CANCEL_OID = Option<evt_fn!(fn(PVOID, PVOID))>;
/// Returns packets: a chain linked by `Next`, in any order and of any mix of queues.
///
/// IRQL: up to DISPATCH_LEVEL. Allowed inside [`IGBCX_VMQ_RECEIVE`]. The packets and their data belong to the driver
/// from the call on.
pub type IGBCX_VMQ_RETURN_PACKETS = Option<evt_fn!(fn(PVOID, *mut IGBCX_VMQ_PACKET))>;

/// Hands the consumer `Count` packets of one queue, in the order of reception: a chain linked by `Next`.
///
/// IRQL: up to DISPATCH_LEVEL. The consumer owns the packets until it returns them with [`IGBCX_VMQ_RETURN_PACKETS`].
pub type IGBCX_VMQ_RECEIVE = Option<evt_fn!(fn(PVOID, NDIS_RECEIVE_QUEUE_ID, *mut IGBCX_VMQ_PACKET, ULONG))>;
/// Tells the consumer a status; the indication is valid during the call only.
///
/// IRQL: up to DISPATCH_LEVEL. For `NDIS_STATUS_RECEIVE_QUEUE_STATE` the buffer is a `NDIS_RECEIVE_QUEUE_STATE`.
pub type IGBCX_VMQ_STATUS = Option<evt_fn!(fn(PVOID, *const NDIS_STATUS_INDICATION))>;
/// Completes a request for which [`IGBCX_VMQ_OID`] returned `NDIS_STATUS_PENDING`; it is the consumer's again.
///
/// IRQL: up to DISPATCH_LEVEL.
pub type IGBCX_VMQ_OID_COMPLETE = Option<evt_fn!(fn(PVOID, *mut NDIS_OID_REQUEST, NDIS_STATUS))>;

/// What `IRP_MN_QUERY_INTERFACE` for [`GUID_IGBCX_VMQ_INTERFACE`] fills in: `INTERFACE`, then the functions.
///
/// `Context` is the first argument of every function.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct IGBCX_VMQ_INTERFACE {
    /// Size of this structure in bytes.
    pub Size: USHORT,
    /// [`IGBCX_VMQ_INTERFACE_VERSION`].
    pub Version: USHORT,
    /// The driver's.
    pub Context: PVOID,
    /// Takes a reference to the interface.
    pub InterfaceReference: PINTERFACE_REFERENCE,
    /// Releases a reference to the interface.
    pub InterfaceDereference: PINTERFACE_DEREFERENCE,
    /// See [`IGBCX_VMQ_OPEN`].
    pub Open: IGBCX_VMQ_OPEN,
    /// See [`IGBCX_VMQ_CLOSE`].
    pub Close: IGBCX_VMQ_CLOSE,
    /// See [`IGBCX_VMQ_OID`].
    pub Oid: IGBCX_VMQ_OID,
    /// See [`IGBCX_VMQ_CANCEL_OID`].
    pub CancelOid: IGBCX_VMQ_CANCEL_OID,
    /// See [`IGBCX_VMQ_RETURN_PACKETS`].
    pub ReturnPackets: IGBCX_VMQ_RETURN_PACKETS,
}

zeroed_default!(IGBCX_VMQ_INTERFACE);
assert_layout!(
    IGBCX_VMQ_INTERFACE,
    72,
    8,
    Size = 0,
    Version = 2,
    Context = 8,
    InterfaceReference = 16,
    InterfaceDereference = 24,
    Open = 32,
    Close = 40,
    Oid = 48,
    CancelOid = 56,
    ReturnPackets = 64
);

/// The callbacks of the consumer of [`IGBCX_VMQ_INTERFACE`]; `Context` is the first argument of each.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct IGBCX_VMQ_CONSUMER {
    /// Size of this structure in bytes.
    pub Size: USHORT,
    /// [`IGBCX_VMQ_INTERFACE_VERSION`].
    pub Version: USHORT,
    /// The consumer's.
    pub Context: PVOID,
    /// See [`IGBCX_VMQ_RECEIVE`].
    pub Receive: IGBCX_VMQ_RECEIVE,
    /// See [`IGBCX_VMQ_STATUS`].
    pub Status: IGBCX_VMQ_STATUS,
    /// See [`IGBCX_VMQ_OID_COMPLETE`].
    pub OidComplete: IGBCX_VMQ_OID_COMPLETE,
}

zeroed_default!(IGBCX_VMQ_CONSUMER);
assert_layout!(
    IGBCX_VMQ_CONSUMER,
    40,
    8,
    Size = 0,
    Version = 2,
    Context = 8,
    Receive = 16,
    Status = 24,
    OidComplete = 32
);

/// A received frame. The driver allocates it; a consumer may change `Next` and nothing else.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct IGBCX_VMQ_PACKET {
    /// The next packet of the chain, or null.
    pub Next: *mut IGBCX_VMQ_PACKET,
    /// The queue whose filter the frame passed.
    pub QueueId: NDIS_RECEIVE_QUEUE_ID,
    /// The filter that matched; 0 if unknown.
    pub FilterId: NDIS_RECEIVE_FILTER_ID,
    /// The frame from its destination address on, in the queue's shared memory.
    pub Data: *const u8,
    /// Bytes at `Data`, without the frame check sequence and without a tag that was taken out.
    pub Length: ULONG,
    /// [`IGBCX_VMQ_PACKET_VLAN_STRIPPED`]; other bits are zero.
    pub Flags: ULONG,
    /// The tag control information (priority, DEI, VLAN) in host byte order, if the flag says so.
    pub VlanTag: USHORT,
    /// Zero.
    pub Reserved: [USHORT; 3],
    /// The driver's own; a consumer does not touch it.
    pub Provider: [PVOID; 2],
}

zeroed_default!(IGBCX_VMQ_PACKET);
assert_layout!(
    IGBCX_VMQ_PACKET,
    56,
    8,
    Next = 0,
    QueueId = 8,
    FilterId = 12,
    Data = 16,
    Length = 24,
    Flags = 28,
    VlanTag = 32,
    Reserved = 34,
    Provider = 40
);
