//! A door with a consumer, and hardware that does as it is told.

use ndis_sys::{
    _NDIS_FRAME_HEADER::NdisFrameHeaderMac,
    _NDIS_MAC_HEADER_FIELD::{NdisMacHeaderFieldDestinationAddress, NdisMacHeaderFieldVlanId},
    _NDIS_RECEIVE_FILTER_TEST::NdisReceiveFilterTestEqual,
    _NDIS_RECEIVE_FILTER_TYPE::NdisReceiveFilterTypeVMQueue,
    _NDIS_RECEIVE_QUEUE_TYPE::NdisReceiveQueueTypeVMQueue,
    _NDIS_REQUEST_TYPE::{
        NdisRequestMethod, NdisRequestQueryInformation, NdisRequestQueryStatistics, NdisRequestSetInformation,
    },
    *,
};
use std::{
    cell::{Cell, RefCell},
    ptr::NonNull,
};
use vmq::{
    Engine, Failed, FilterTable, Gate, Host, Limits, MAX_QUEUES, QueueId, Stopped, Stuck, Wake,
    door::{self, Door},
};

pub const GROUP_AFFINITY: wdk_sys::GROUP_AFFINITY = wdk_sys::GROUP_AFFINITY { Mask: 1, Group: 0, Reserved: [0; 3] };

/// The hardware: what it is to refuse, and what it was told.
pub struct Hardware {
    gates: [Gate; MAX_QUEUES],
    pub limits: Limits,
    pub no_memory: bool,
    pub does_not_start: bool,
    pub does_not_stop: bool,
    pub cannot_match: Option<NDIS_STATUS>,
    pub memory: [bool; MAX_QUEUES],
    pub running: [bool; MAX_QUEUES],
    pub leaked: usize,
}

impl Host for Hardware {
    fn limits(&self) -> Limits {
        self.limits
    }

    fn gate(&self, queue: QueueId) -> &Gate {
        &self.gates[queue.index()]
    }

    fn vector(&self, queue: QueueId) -> u32 {
        queue.number() + 2
    }

    fn allocate(&mut self, queue: QueueId, _suggested: u32) -> Result<(), NDIS_STATUS> {
        assert!(!self.memory[queue.index()]);
        self.memory[queue.index()] = !self.no_memory;
        if self.no_memory { Err(NDIS_STATUS_RESOURCES) } else { Ok(()) }
    }

    fn free(&mut self, queue: QueueId) {
        assert!(self.memory[queue.index()] && !self.running[queue.index()]);
        self.memory[queue.index()] = false;
    }

    fn leak(&mut self, _queue: QueueId) {
        self.leaked += 1;
    }

    fn accepts(&self, _filters: &FilterTable) -> Result<(), NDIS_STATUS> {
        self.cannot_match.map_or(Ok(()), Err)
    }

    fn steer(&mut self, _filters: &FilterTable) -> Result<(), Failed> {
        Ok(())
    }

    fn start(&mut self, queue: QueueId) -> Result<(), Failed> {
        assert!(self.memory[queue.index()] && !self.running[queue.index()]);
        self.running[queue.index()] = true;
        if self.does_not_start { Err(Failed) } else { Ok(()) }
    }

    fn stop(&mut self, queue: QueueId) -> Result<Stopped, Stuck> {
        if self.does_not_stop {
            return Err(Stuck);
        }
        self.running[queue.index()] = false;
        Ok(Stopped::Queue)
    }
}

/// What the consumer was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    DmaStopped(u32),
    Completed(*mut NDIS_OID_REQUEST, NDIS_STATUS),
}

/// An adapter and its consumer.
pub struct Rig {
    locked: RefCell<(Engine<*mut NDIS_OID_REQUEST>, Hardware)>,
    busy: Cell<bool>,
    pub told: RefCell<Vec<Told>>,
}

impl Door for Rig {
    type Host = Hardware;
    type Request = *mut NDIS_OID_REQUEST;

    fn locked<T>(&self, body: impl FnOnce(&mut Engine<Self::Request>, &mut Hardware) -> T) -> T {
        assert!(!self.busy.replace(true), "the door's lock is taken twice");
        let (engine, hardware) = &mut *self.locked.borrow_mut();
        let result = body(engine, hardware);
        self.busy.set(false);
        result
    }

    fn dma_stopped(&self, queue: QueueId) {
        assert!(!self.busy.get(), "the consumer is told under the lock");
        vmq::dma_stopped(queue, |indication| {
            assert_eq!(indication.Header.Type, NDIS_OBJECT_TYPE_STATUS_INDICATION);
            assert_eq!(indication.StatusCode, NDIS_STATUS_RECEIVE_QUEUE_STATE);
            assert_eq!(indication.StatusBufferSize, 16);
            // SAFETY: the indication is of this kind, and valid here.
            let state = unsafe { indication.StatusBuffer.cast::<NDIS_RECEIVE_QUEUE_STATE>().read() };
            assert_eq!(
                (state.Header.Type, state.Header.Revision, state.Header.Size),
                (NDIS_OBJECT_TYPE_DEFAULT, 1, 16)
            );
            assert_eq!(
                state.QueueState,
                _NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE::NdisReceiveQueueOperationalStateDmaStopped
            );
            self.told.borrow_mut().push(Told::DmaStopped(state.QueueId));
        });
    }

    fn complete(&self, request: Self::Request, status: NDIS_STATUS) {
        assert!(!self.busy.get(), "the consumer is told under the lock");
        self.told.borrow_mut().push(Told::Completed(request, status));
    }
}

impl Rig {
    /// An adapter in D0 with all queues enabled.
    pub fn new() -> Self {
        let mut hardware = Hardware {
            gates: Default::default(),
            limits: Limits { queues: MAX_QUEUES as u8, filters: 23, enabled: true },
            no_memory: false,
            does_not_start: false,
            does_not_stop: false,
            cannot_match: None,
            memory: [false; MAX_QUEUES],
            running: [false; MAX_QUEUES],
            leaked: 0,
        };
        let mut engine = Engine::new();
        engine.resume(&mut hardware).unwrap();
        Self { locked: RefCell::new((engine, hardware)), busy: Cell::new(false), told: RefCell::default() }
    }

    pub fn hardware<T>(&self, change: impl FnOnce(&mut Hardware) -> T) -> T {
        self.locked(|_, hardware| change(hardware))
    }

    /// Issues a request.
    pub fn oid(&self, request: &mut Request) -> NDIS_STATUS {
        let at = &raw mut request.request;
        // SAFETY: the request is whole, its buffer has the lengths it says, and both stay where they are.
        unsafe { door::oid(self, NonNull::new(at).unwrap(), at) }
    }

    pub fn wake(&self, wake: Wake) {
        if wake == Wake::Engine {
            door::work(self);
        }
    }

    fn gate<T>(&self, queue: u32, look: impl FnOnce(&Gate) -> T) -> T {
        // The gate is outside the lock in a driver.
        let locked = self.locked.borrow();
        look(locked.1.gate(QueueId::new(queue).unwrap()))
    }

    /// The receive path indicates packets; false if the queue does not run.
    pub fn receive(&self, queue: u32, packets: u32) -> bool {
        let mut indicated = false;
        let wake = self.gate(queue, |gate| gate.receive(|receiving| indicated = receiving.indicate(packets)));
        wake.into_iter().for_each(|wake| self.wake(wake));
        indicated
    }

    /// `during` happens while the receive path is inside.
    pub fn during_pass(&self, queue: u32, during: impl FnOnce()) {
        // SAFETY: the rig is not moved, and gates are shared by design; only the borrow of the cell must not last.
        let gate = unsafe { &*self.gate(queue, |gate| &raw const *gate) };
        let wake = gate.receive(|_| during()).expect("the queue runs");
        self.wake(wake);
    }

    /// The consumer returns packets.
    pub fn give_back(&self, queue: u32, packets: u32) {
        let wake = self.gate(queue, |gate| gate.give_back(|| packets)).expect("alive").expect("out");
        self.wake(wake);
    }

    pub fn outstanding(&self, queue: u32) -> u32 {
        self.gate(queue, Gate::outstanding)
    }

    pub fn cancel(&self, queue: u32, request_id: usize) {
        let wake = self.gate(queue, |gate| gate.cancel(request_id));
        self.wake(wake);
    }

    /// A queue that is allocated: its id.
    pub fn allocated(&self) -> u32 {
        let mut request = allocate();
        assert_eq!(self.oid(&mut request), NDIS_STATUS_SUCCESS);
        request.read::<NDIS_RECEIVE_QUEUE_PARAMETERS>(0).QueueId
    }

    /// A queue that runs, with its filter.
    pub fn running(&self) -> (u32, u32) {
        let queue = self.allocated();
        assert_eq!(self.oid(&mut complete(&[queue])), NDIS_STATUS_SUCCESS);
        (queue, self.filtered(queue, [2, 0, 0, 0, 0, queue as u8]))
    }

    pub fn filtered(&self, queue: u32, address: [u8; 6]) -> u32 {
        let mut request = set_filter(queue, address, None);
        assert_eq!(self.oid(&mut request), NDIS_STATUS_SUCCESS);
        request.read::<NDIS_RECEIVE_FILTER_PARAMETERS>(0).FilterId
    }
}

/// A request with its buffer.
pub struct Request {
    pub request: NDIS_OID_REQUEST,
    pub buffer: Vec<u64>,
}

impl Request {
    fn new(kind: NDIS_REQUEST_TYPE, oid: NDIS_OID, len: usize) -> Box<Self> {
        let mut request = Box::new(Self { request: NDIS_OID_REQUEST::default(), buffer: vec![0; len.div_ceil(8)] });
        request.request.Header = NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_OID_REQUEST,
            Revision: NDIS_OID_REQUEST_REVISION_2,
            Size: NDIS_SIZEOF_OID_REQUEST_REVISION_2,
        };
        request.request.RequestType = kind;
        request.request.DATA.Oid = oid;
        request.request.RequestId = std::ptr::without_provenance_mut(0x1000);
        let (buffer, len) = (request.buffer.as_mut_ptr().cast(), len as u32);
        // Every form has buffer and length in the same place.
        request.request.DATA.QUERY_INFORMATION.InformationBuffer = buffer;
        request.shortened(len)
    }

    pub fn query(oid: NDIS_OID, len: usize) -> Box<Self> {
        Self::new(NdisRequestQueryInformation, oid, len)
    }

    pub fn statistics(oid: NDIS_OID, len: usize) -> Box<Self> {
        Self::new(NdisRequestQueryStatistics, oid, len)
    }

    pub fn set(oid: NDIS_OID, len: usize) -> Box<Self> {
        Self::new(NdisRequestSetInformation, oid, len)
    }

    pub fn method(oid: NDIS_OID, len: usize) -> Box<Self> {
        Self::new(NdisRequestMethod, oid, len)
    }

    /// Says that the buffer is shorter than it is.
    pub fn shortened(mut self: Box<Self>, len: u32) -> Box<Self> {
        self.request.DATA.QUERY_INFORMATION.InformationBufferLength = len;
        if self.request.RequestType == NdisRequestMethod {
            self.request.DATA.METHOD_INFORMATION.OutputBufferLength = len;
        }
        self
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: bytes of integers.
        unsafe { std::slice::from_raw_parts(self.buffer.as_ptr().cast(), self.buffer.len() * 8) }
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: bytes of integers.
        unsafe { std::slice::from_raw_parts_mut(self.buffer.as_mut_ptr().cast(), self.buffer.len() * 8) }
    }

    pub fn read<T: Copy>(&self, offset: usize) -> T {
        assert!(offset + size_of::<T>() <= self.bytes().len());
        // SAFETY: the bytes are there, and only NDIS' plain structures are read.
        unsafe { self.bytes()[offset..].as_ptr().cast::<T>().read_unaligned() }
    }

    pub fn write<T: Copy>(&mut self, offset: usize, value: T) {
        assert!(offset + size_of::<T>() <= self.bytes().len());
        // SAFETY: the bytes are there.
        unsafe { self.bytes_mut()[offset..].as_mut_ptr().cast::<T>().write_unaligned(value) }
    }

    pub fn change<T: Copy>(&mut self, offset: usize, change: impl FnOnce(&mut T)) {
        let mut value = self.read::<T>(offset);
        change(&mut value);
        self.write(offset, value);
    }

    /// BytesRead, BytesWritten and BytesNeeded.
    pub fn counts(&self) -> (u32, u32, u32) {
        // SAFETY: every form is integers; the kind says which it is.
        unsafe {
            let data = &self.request.DATA;
            if self.request.RequestType == NdisRequestMethod {
                let method = data.METHOD_INFORMATION;
                return (method.BytesRead, method.BytesWritten, method.BytesNeeded);
            }
            let query = data.QUERY_INFORMATION;
            if self.request.RequestType == NdisRequestSetInformation {
                return (query.BytesWritten, 0, query.BytesNeeded);
            }
            (0, query.BytesWritten, query.BytesNeeded)
        }
    }
}

pub fn head(revision: u8, size: u16) -> NDIS_OBJECT_HEADER {
    NDIS_OBJECT_HEADER { Type: NDIS_OBJECT_TYPE_DEFAULT, Revision: revision, Size: size }
}

pub fn parameters() -> NDIS_RECEIVE_QUEUE_PARAMETERS {
    NDIS_RECEIVE_QUEUE_PARAMETERS {
        Header: head(3, NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_3),
        QueueType: NdisReceiveQueueTypeVMQueue,
        ProcessorAffinity: GROUP_AFFINITY,
        NumSuggestedReceiveBuffers: 100,
        ..Default::default()
    }
}

pub fn allocate() -> Box<Request> {
    let mut request = Request::method(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, 1096);
    request.write(0, parameters());
    request
}

pub fn complete(queues: &[u32]) -> Box<Request> {
    let mut request = Request::method(OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, 20 + 16 * queues.len());
    request.write(
        0,
        NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY {
            Header: head(1, 20),
            Flags: 0,
            FirstElementOffset: 20,
            NumElements: queues.len() as u32,
            ElementSize: 16,
        },
    );
    for (n, queue) in queues.iter().enumerate() {
        let element = NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS {
            Header: head(1, 16),
            Flags: 0,
            QueueId: *queue,
            CompletionStatus: -1,
        };
        request.write(20 + 16 * n, element);
    }
    request
}

/// A filter with a VLAN, or for untagged frames.
pub fn set_filter(queue: u32, address: [u8; 6], vlan: Option<u16>) -> Box<Request> {
    let fields = 1 + u32::from(vlan.is_some());
    let mut request = Request::method(OID_RECEIVE_FILTER_SET_FILTER, 48 + 56 * fields as usize);
    request.write(
        0,
        NDIS_RECEIVE_FILTER_PARAMETERS {
            Header: head(2, 44),
            FilterType: NdisReceiveFilterTypeVMQueue,
            QueueId: queue,
            FieldParametersArrayOffset: 48,
            FieldParametersArrayNumElements: fields,
            FieldParametersArrayElementSize: 56,
            ..Default::default()
        },
    );
    let field = |field, bytes: &[u8]| {
        let mut value = [0; 16];
        value[..bytes.len()].copy_from_slice(bytes);
        NDIS_RECEIVE_FILTER_FIELD_PARAMETERS {
            Header: head(2, 56),
            FrameHeader: NdisFrameHeaderMac,
            ReceiveFilterTest: NdisReceiveFilterTestEqual,
            HeaderField: NDIS_RECEIVE_FILTER_HEADER_FIELD { MacHeaderField: field },
            FieldValue: NDIS_RECEIVE_FILTER_FIELD_VALUE { FieldByteArrayValue: value },
            ..Default::default()
        }
    };
    let mut mac = field(NdisMacHeaderFieldDestinationAddress, &address);
    match vlan {
        None => mac.Flags = NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO,
        Some(id) => request.write(48 + 56, field(NdisMacHeaderFieldVlanId, &id.to_be_bytes())),
    }
    request.write(48, mac);
    request
}

pub fn clear_filter(queue: u32, filter: u32) -> Box<Request> {
    let mut request = Request::set(OID_RECEIVE_FILTER_CLEAR_FILTER, 16);
    request.write(
        0,
        NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS { Header: head(1, 16), Flags: 0, QueueId: queue, FilterId: filter },
    );
    request
}

pub fn free(queue: u32) -> Box<Request> {
    let mut request = Request::set(OID_RECEIVE_FILTER_FREE_QUEUE, 12);
    request.write(0, NDIS_RECEIVE_QUEUE_FREE_PARAMETERS { Header: head(1, 12), Flags: 0, QueueId: queue });
    request
}

/// A request with a buffer one byte too short ends as INVALID_LENGTH, and says how much it needs.
pub fn refuses_short(rig: &Rig, request: Box<Request>, needed: u32) {
    let mut request = request.shortened(needed - 1);
    assert_eq!(rig.oid(&mut request), NDIS_STATUS_INVALID_LENGTH);
    assert_eq!(request.counts(), (0, 0, needed));
    let mut request = request.shortened(0);
    assert_eq!(rig.oid(&mut request), NDIS_STATUS_INVALID_LENGTH);
    assert!((1..=needed).contains(&request.counts().2));
}
