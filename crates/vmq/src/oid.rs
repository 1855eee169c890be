//! The requests as NDIS structures: OID_RECEIVE_FILTER_*, checked byte by byte.
//!
//! The door stands where NDIS stands on a miniport's top, so NDIS' own answers (the queries, the ids, the checks of length
//! and id) come from here too. Statuses are those of each OID's page; what the pages leave open is decided once: a malformed
//! structure is NDIS_STATUS_INVALID_PARAMETER, and what the capabilities do not offer NDIS_STATUS_NOT_SUPPORTED.

use crate::{
    Answer, Engine, Filter, FilterId, Host, MAX_QUEUES, QueueId, State, Vlan,
    information::{INVALID, Information, Object, Refusal, field_of, header, newest, value_of},
    request::{Call, Kind, Reply},
};
use core::ptr::NonNull;
use ndis_sys::{
    _NDIS_FRAME_HEADER::*, _NDIS_MAC_HEADER_FIELD as mac_header, _NDIS_RECEIVE_FILTER_TEST::*,
    _NDIS_RECEIVE_FILTER_TYPE::*, _NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE::*, _NDIS_RECEIVE_QUEUE_TYPE::*, *,
};

/// Bytes of a VmName or QueueName: 256 characters and a terminator that some count.
const MAX_NAME: u16 = 2 * 257;
/// Field tests in a filter: more than there are fields is a mistake.
const MAX_FIELDS: usize = 8;
/// The largest VLAN identifier; 4095 is reserved.
const MAX_VLAN: u16 = 4094;

type Result<T> = core::result::Result<T, Refusal>;

const NOT_SUPPORTED: Refusal = Refusal::Status(NDIS_STATUS_NOT_SUPPORTED);
const FAILURE: Refusal = Refusal::Status(NDIS_STATUS_FAILURE);

impl<R> Engine<R> {
    /// Answers a request; see [`crate::door::oid`], which the door calls instead. If NDIS_STATUS_PENDING, `request` is kept
    /// for [`crate::Effect::Complete`].
    ///
    /// # Safety
    /// The memory is an NDIS_OID_REQUEST as long as its header says, its InformationBuffer null or as long as the request
    /// says. Until the request is answered, or completed if it pends, both belong to the driver.
    #[expect(unsafe_code, reason = "the consumer's promise")]
    pub unsafe fn oid(&mut self, host: &mut impl Host, oid: NonNull<NDIS_OID_REQUEST>, request: R) -> NDIS_STATUS {
        // SAFETY: the caller's promise.
        let call = match unsafe { Call::new(oid) } {
            Ok(call) => call,
            Err(Refusal::Status(status)) => return status,
            Err(Refusal::Short(_)) => return NDIS_STATUS_INVALID_LENGTH,
        };
        // SAFETY: the caller's promise; it ends before `answer`, after which the lock is let go.
        let information = unsafe { call.information() };
        let result = self.dispatch(host, &call, information, request);
        call.answer(result)
    }

    fn dispatch(
        &mut self,
        host: &mut impl Host,
        call: &Call,
        information: Information<'_>,
        request: R,
    ) -> Result<Reply> {
        let query = matches!(call.kind, Kind::Query { .. });
        match (call.oid, call.kind) {
            (OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES, _) if query => capabilities(host, true, information),
            (OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, _) if query => {
                capabilities(host, host.limits().enabled, information)
            }
            (OID_RECEIVE_FILTER_GLOBAL_PARAMETERS, _) if query => global_parameters(host, information),
            (OID_RECEIVE_FILTER_ENUM_QUEUES, Kind::Query { statistics }) => self.enum_queues(statistics, information),
            (OID_RECEIVE_FILTER_QUEUE_PARAMETERS, Kind::Method) => self.queue_parameters(information),
            (OID_RECEIVE_FILTER_QUEUE_PARAMETERS, Kind::Set) => self.set_queue_parameters(information),
            (OID_RECEIVE_FILTER_ALLOCATE_QUEUE, Kind::Method) => self.allocate_queue(host, information),
            (OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, Kind::Method) => self.allocation_complete(host, information),
            (OID_RECEIVE_FILTER_SET_FILTER, Kind::Method) => self.set_filter_oid(host, information),
            (OID_RECEIVE_FILTER_CLEAR_FILTER, Kind::Set) => self.clear_filter_oid(host, information, request),
            (OID_RECEIVE_FILTER_ENUM_FILTERS, Kind::Method) => self.enum_filters(information),
            (OID_RECEIVE_FILTER_PARAMETERS, Kind::Method) => self.filter_parameters(information),
            (OID_RECEIVE_FILTER_FREE_QUEUE, Kind::Set) => self.free_queue(host, information, request, call.request_id),
            _ => Err(NOT_SUPPORTED),
        }
    }

    /// A consumer's query lists the queues it allocated; one for statistics also the default queue.
    fn enum_queues(&self, statistics: bool, mut information: Information<'_>) -> Result<Reply> {
        const FIRST: usize = size_of::<NDIS_RECEIVE_QUEUE_INFO_ARRAY>();
        const ELEMENT: usize = size_of::<NDIS_RECEIVE_QUEUE_INFO>();
        let revision = newest::<NDIS_RECEIVE_QUEUE_INFO>();
        let allocated = || QueueId::all().filter(|queue| self.queues.look(*queue).state != State::Undefined);
        let count = allocated().count() + usize::from(statistics);
        let needed = FIRST + count * ELEMENT;
        information.room(needed)?;
        let array = NDIS_RECEIVE_QUEUE_INFO_ARRAY {
            Header: header::<NDIS_RECEIVE_QUEUE_INFO_ARRAY>(1),
            FirstElementOffset: FIRST as u32,
            NumElements: count as u32,
            ElementSize: ELEMENT as u32,
        };
        information.write(0, &array, 1)?;
        let mut offset = FIRST;
        if statistics {
            let default = NDIS_RECEIVE_QUEUE_INFO {
                Header: header::<NDIS_RECEIVE_QUEUE_INFO>(revision),
                QueueId: NDIS_DEFAULT_RECEIVE_QUEUE_ID,
                QueueState: NdisReceiveQueueOperationalStateRunning,
                ..Default::default()
            };
            information.write(offset, &default, revision)?;
            offset += ELEMENT;
        }
        for queue in allocated() {
            information.write(offset, &self.queue_info(queue, revision), revision)?;
            offset += ELEMENT;
        }
        done(0, needed, revision)
    }

    fn queue_info(&self, queue: QueueId, revision: u8) -> NDIS_RECEIVE_QUEUE_INFO {
        let parameters = self.parameters(queue);
        NDIS_RECEIVE_QUEUE_INFO {
            Header: header::<NDIS_RECEIVE_QUEUE_INFO>(revision),
            Flags: 0,
            QueueType: parameters.QueueType,
            QueueId: queue.number(),
            QueueGroupId: NDIS_DEFAULT_RECEIVE_QUEUE_GROUP_ID,
            QueueState: match self.queues.look(queue).state {
                State::Undefined => NdisReceiveQueueOperationalStateUndefined,
                State::Paused => NdisReceiveQueueOperationalStatePaused,
                State::Running => NdisReceiveQueueOperationalStateRunning,
                State::DmaStopped | State::Leaked => NdisReceiveQueueOperationalStateDmaStopped,
            },
            ProcessorAffinity: parameters.ProcessorAffinity,
            NumSuggestedReceiveBuffers: parameters.NumSuggestedReceiveBuffers,
            MSIXTableEntry: parameters.MSIXTableEntry,
            LookaheadSize: 0,
            VmName: parameters.VmName,
            QueueName: parameters.QueueName,
            NumFilters: self.queues.filters().of(queue).count() as u32,
            InterruptCoalescingDomainId: parameters.InterruptCoalescingDomainId,
        }
    }

    fn queue_parameters(&self, mut information: Information<'_>) -> Result<Reply> {
        let (asked, revision) = information.read::<NDIS_RECEIVE_QUEUE_PARAMETERS>(0)?;
        let queue = self.alive(asked.QueueId)?;
        let mut parameters = *self.parameters(queue);
        parameters.Header = header::<NDIS_RECEIVE_QUEUE_PARAMETERS>(revision);
        information.write(0, &parameters, revision)?;
        let len = size_in::<NDIS_RECEIVE_QUEUE_PARAMETERS>(revision);
        done(len, len, revision)
    }

    /// The capabilities offer no change of the processor, and there are no scheduler queues.
    fn set_queue_parameters(&mut self, information: Information<'_>) -> Result<Reply> {
        const CHANGES: u32 = NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED
            | NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED
            | NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED
            | NDIS_RECEIVE_QUEUE_PARAMETERS_INTERRUPT_COALESCING_DOMAIN_ID_CHANGED
            | NDIS_RECEIVE_QUEUE_PARAMETERS_QOS_SQ_ID_CHANGED;
        let (new, revision) = information.read::<NDIS_RECEIVE_QUEUE_PARAMETERS>(0)?;
        let queue = self.alive(new.QueueId)?;
        let changed = |flag| new.Flags & flag != 0;
        if new.Flags & NDIS_RECEIVE_QUEUE_PARAMETERS_CHANGE_MASK & !CHANGES != 0 {
            return Err(INVALID);
        }
        if changed(NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED) {
            check_name(&new.QueueName)?;
        }
        if changed(NDIS_RECEIVE_QUEUE_PARAMETERS_QOS_SQ_ID_CHANGED) && new.QosSqId != 0 {
            return Err(INVALID);
        }
        let kept = &mut self.parameters[queue.index()];
        if changed(NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED) {
            kept.Flags = new.Flags & NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION;
        }
        if changed(NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED) {
            kept.NumSuggestedReceiveBuffers = new.NumSuggestedReceiveBuffers;
        }
        if changed(NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED) {
            kept.QueueName = new.QueueName;
        }
        if changed(NDIS_RECEIVE_QUEUE_PARAMETERS_INTERRUPT_COALESCING_DOMAIN_ID_CHANGED) {
            kept.InterruptCoalescingDomainId = new.InterruptCoalescingDomainId;
        }
        done(size_in::<NDIS_RECEIVE_QUEUE_PARAMETERS>(revision), 0, revision)
    }

    fn allocate_queue(&mut self, host: &impl Host, mut information: Information<'_>) -> Result<Reply> {
        let (mut parameters, revision) = information.read::<NDIS_RECEIVE_QUEUE_PARAMETERS>(0)?;
        let len = size_in::<NDIS_RECEIVE_QUEUE_PARAMETERS>(revision);
        information.room(len)?;
        let valid = parameters.QueueType == NdisReceiveQueueTypeVMQueue
            && parameters.ProcessorAffinity.Mask != 0
            && parameters.LookaheadSize == 0;
        if !valid {
            return Err(INVALID);
        }
        check_name(&parameters.VmName)?;
        check_name(&parameters.QueueName)?;
        if parameters.QosSqId != 0 {
            return Err(NOT_SUPPORTED);
        }
        // Lookahead split is ignored since NDIS 6.30; other flags are not used here.
        parameters.Flags &= NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION;
        parameters.Header = header::<NDIS_RECEIVE_QUEUE_PARAMETERS>(revision);
        let queue = self.allocate(host, &parameters).map_err(Refusal::Status)?;
        information.write(0, self.parameters(queue), revision)?;
        done(len, len, revision)
    }

    /// Nothing is done unless each element names a queue whose allocation may be completed.
    fn allocation_complete(&mut self, host: &mut impl Host, mut information: Information<'_>) -> Result<Reply> {
        type Element = NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS;
        let (array, revision) = information.read::<NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY>(0)?;
        let head = size_in::<NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY>(revision);
        let list = information.array::<Element>(
            head,
            array.FirstElementOffset,
            array.NumElements,
            array.ElementSize,
            MAX_QUEUES,
        )?;
        information.room(list.end)?;
        let mut queues = [None; MAX_QUEUES];
        for (n, offset) in list.offsets().enumerate() {
            let (element, _) = information.read::<Element>(offset)?;
            let queue =
                QueueId::new(element.QueueId).filter(|queue| self.queues.may_complete(*queue)).ok_or(INVALID)?;
            if queues.iter().flatten().any(|(named, _)| *named == queue) {
                return Err(INVALID);
            }
            queues[n] = Some((queue, element.Flags));
        }
        for ((queue, flags), offset) in queues.into_iter().flatten().zip(list.offsets()) {
            let element = Element {
                Header: header::<Element>(1),
                Flags: flags,
                QueueId: queue.number(),
                CompletionStatus: self.complete(host, queue),
            };
            information.write(offset, &element, 1)?;
        }
        done(list.end, list.end, revision)
    }

    fn set_filter_oid(&mut self, host: &mut impl Host, mut information: Information<'_>) -> Result<Reply> {
        let (mut parameters, revision) = information.read::<NDIS_RECEIVE_FILTER_PARAMETERS>(0)?;
        let head = size_in::<NDIS_RECEIVE_FILTER_PARAMETERS>(revision);
        information.room(head)?;
        if parameters.FilterType != NdisReceiveFilterTypeVMQueue
            || parameters.FilterId != NDIS_DEFAULT_RECEIVE_FILTER_ID
            || parameters.RequestedFilterIdBitCount != 0
        {
            return Err(INVALID);
        }
        // The default queue is NetAdapterCx's, which says what it receives; no tunnels, no virtual ports.
        if parameters.QueueId == NDIS_DEFAULT_RECEIVE_QUEUE_ID
            || parameters.Flags & NDIS_RECEIVE_FILTER_PACKET_ENCAPSULATION != 0
            || parameters.VPortId != NDIS_DEFAULT_VPORT_ID
        {
            return Err(NOT_SUPPORTED);
        }
        let queue = self.alive(parameters.QueueId)?;
        let list = information.array::<NDIS_RECEIVE_FILTER_FIELD_PARAMETERS>(
            head,
            parameters.FieldParametersArrayOffset,
            parameters.FieldParametersArrayNumElements,
            parameters.FieldParametersArrayElementSize,
            MAX_FIELDS,
        )?;
        let filter = read_filter(&information, list.offsets())?;
        let id = self.set_filter(host, queue, filter).map_err(Refusal::Status)?;
        parameters.Header = header::<NDIS_RECEIVE_FILTER_PARAMETERS>(revision);
        parameters.FilterId = id.number();
        information.write(0, &parameters, revision)?;
        done(list.end, head, revision)
    }

    fn clear_filter_oid(&mut self, host: &mut impl Host, information: Information<'_>, request: R) -> Result<Reply> {
        // A structure that is none names no filter: the page has no other status for it.
        let not_found = Refusal::Status(NDIS_STATUS_FILE_NOT_FOUND);
        let read = information.read::<NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS>(0);
        let (parameters, revision) = read.map_err(|refusal| if refusal == INVALID { not_found } else { refusal })?;
        let ids = QueueId::new(parameters.QueueId).zip(FilterId::new(parameters.FilterId));
        let (queue, filter) = ids.ok_or(not_found)?;
        let answer = self.clear_filter(host, queue, filter, request);
        pending(answer, size_in::<NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS>(revision), revision)
    }

    fn free_queue(
        &mut self,
        host: &impl Host,
        information: Information<'_>,
        request: R,
        request_id: usize,
    ) -> Result<Reply> {
        let (parameters, revision) = information.read::<NDIS_RECEIVE_QUEUE_FREE_PARAMETERS>(0)?;
        let queue = QueueId::new(parameters.QueueId).ok_or(INVALID)?;
        let answer = self.free(host, queue, request, request_id);
        pending(answer, size_in::<NDIS_RECEIVE_QUEUE_FREE_PARAMETERS>(revision), revision)
    }

    fn enum_filters(&self, mut information: Information<'_>) -> Result<Reply> {
        const ELEMENT: usize = size_of::<NDIS_RECEIVE_FILTER_INFO>();
        let (mut array, revision) = information.read::<NDIS_RECEIVE_FILTER_INFO_ARRAY>(0)?;
        if array.Flags & NDIS_RECEIVE_FILTER_INFO_ARRAY_VPORT_ID_SPECIFIED != 0 {
            return Err(FAILURE);
        }
        let queue = match array.QueueId {
            NDIS_DEFAULT_RECEIVE_QUEUE_ID => None,
            number => Some(
                QueueId::new(number)
                    .filter(|queue| self.queues.look(*queue).state != State::Undefined)
                    .ok_or(FAILURE)?,
            ),
        };
        let filters = || self.queues.filters().iter().filter(|(_, of, _)| Some(*of) == queue);
        let head = size_in::<NDIS_RECEIVE_FILTER_INFO_ARRAY>(revision);
        let count = filters().count();
        let needed = head + count * ELEMENT;
        information.room(needed)?;
        array.Header = header::<NDIS_RECEIVE_FILTER_INFO_ARRAY>(revision);
        (array.FirstElementOffset, array.NumElements, array.ElementSize) = (head as u32, count as u32, ELEMENT as u32);
        information.write(0, &array, revision)?;
        for (n, (id, ..)) in filters().enumerate() {
            let element = NDIS_RECEIVE_FILTER_INFO {
                Header: header::<NDIS_RECEIVE_FILTER_INFO>(1),
                Flags: 0,
                FilterType: NdisReceiveFilterTypeVMQueue,
                FilterId: id.number(),
            };
            information.write(head + n * ELEMENT, &element, 1)?;
        }
        done(head, needed, revision)
    }

    fn filter_parameters(&self, mut information: Information<'_>) -> Result<Reply> {
        const ELEMENT: usize = size_of::<NDIS_RECEIVE_FILTER_FIELD_PARAMETERS>();
        let (asked, revision) = information.read::<NDIS_RECEIVE_FILTER_PARAMETERS>(0)?;
        let id = FilterId::new(asked.FilterId).ok_or(INVALID)?;
        let (queue, filter) = self.queues.filters().get(id).ok_or(INVALID)?;
        let head = size_in::<NDIS_RECEIVE_FILTER_PARAMETERS>(revision);
        let first = head.next_multiple_of(align_of::<NDIS_RECEIVE_FILTER_FIELD_PARAMETERS>());
        let count = fields(filter).count();
        let needed = first + count * ELEMENT;
        information.room(needed)?;
        let parameters = NDIS_RECEIVE_FILTER_PARAMETERS {
            Header: header::<NDIS_RECEIVE_FILTER_PARAMETERS>(revision),
            FilterType: NdisReceiveFilterTypeVMQueue,
            QueueId: queue.number(),
            FilterId: id.number(),
            FieldParametersArrayOffset: first as u32,
            FieldParametersArrayNumElements: count as u32,
            FieldParametersArrayElementSize: ELEMENT as u32,
            ..Default::default()
        };
        information.write(0, &parameters, revision)?;
        for (n, field) in fields(filter).enumerate() {
            information.write(first + n * ELEMENT, &field, field.Header.Revision)?;
        }
        done(head, needed, revision)
    }

    fn alive(&self, number: NDIS_RECEIVE_QUEUE_ID) -> Result<QueueId> {
        QueueId::new(number).filter(|queue| self.queues.is_alive(*queue)).ok_or(INVALID)
    }
}

fn size_in<T: Object>(revision: u8) -> usize {
    T::SIZES[usize::from(revision) - 1].into()
}

fn done(read: usize, written: usize, revision: u8) -> Result<Reply> {
    Ok(Reply { status: NDIS_STATUS_SUCCESS, read, written, revision })
}

fn pending(answer: Answer, read: usize, revision: u8) -> Result<Reply> {
    match answer {
        Answer::Done(NDIS_STATUS_SUCCESS) => done(read, 0, revision),
        Answer::Done(status) => Err(Refusal::Status(status)),
        Answer::Pending => Ok(Reply { status: NDIS_STATUS_PENDING, read, written: 0, revision }),
    }
}

/// Capabilities as they are, or of an adapter without queues.
fn capabilities(host: &impl Host, with_queues: bool, mut information: Information<'_>) -> Result<Reply> {
    let revision = newest::<NDIS_RECEIVE_FILTER_CAPABILITIES>();
    let limits = host.limits();
    let none = NDIS_RECEIVE_FILTER_CAPABILITIES {
        Header: header::<NDIS_RECEIVE_FILTER_CAPABILITIES>(revision),
        ..Default::default()
    };
    let all = NDIS_RECEIVE_FILTER_CAPABILITIES {
        EnabledFilterTypes: NDIS_RECEIVE_FILTER_VMQ_FILTERS_ENABLED,
        EnabledQueueTypes: NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED,
        NumQueues: limits.queues.into(),
        SupportedQueueProperties: NDIS_RECEIVE_FILTER_MSI_X_SUPPORTED | NDIS_RECEIVE_FILTER_VM_QUEUE_SUPPORTED,
        SupportedFilterTests: NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_EQUAL_SUPPORTED,
        SupportedHeaders: NDIS_RECEIVE_FILTER_MAC_HEADER_SUPPORTED,
        SupportedMacHeaderFields: NDIS_RECEIVE_FILTER_MAC_HEADER_DEST_ADDR_SUPPORTED
            | NDIS_RECEIVE_FILTER_MAC_HEADER_VLAN_ID_SUPPORTED,
        MaxMacHeaderFilters: limits.filters.into(),
        ..none
    };
    information.write(0, if with_queues { &all } else { &none }, revision)?;
    done(0, size_in::<NDIS_RECEIVE_FILTER_CAPABILITIES>(revision), revision)
}

fn global_parameters(host: &impl Host, mut information: Information<'_>) -> Result<Reply> {
    let enabled = u32::from(host.limits().enabled);
    let parameters = NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS {
        Header: header::<NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS>(1),
        Flags: 0,
        EnabledFilterTypes: enabled * NDIS_RECEIVE_FILTER_VMQ_FILTERS_ENABLED,
        EnabledQueueTypes: enabled * NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED,
    };
    information.write(0, &parameters, 1)?;
    done(0, size_of::<NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS>(), 1)
}

fn check_name(name: &IF_COUNTED_STRING_LH) -> Result<()> {
    if name.Length <= MAX_NAME && name.Length.is_multiple_of(2) { Ok(()) } else { Err(INVALID) }
}

/// A filter from its field tests, which all must hold.
fn read_filter(information: &Information<'_>, offsets: impl Iterator<Item = usize>) -> Result<Filter> {
    const UNTAGGED_OR_ZERO: u32 = NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO;
    let (mut address, mut vlan, mut flags) = (None, None, 0);
    for offset in offsets {
        let (field, _) = information.read::<NDIS_RECEIVE_FILTER_FIELD_PARAMETERS>(offset)?;
        if field.FrameHeader != NdisFrameHeaderMac || field.ReceiveFilterTest != NdisReceiveFilterTestEqual {
            return Err(NOT_SUPPORTED);
        }
        let value = value_of(&field);
        let twice = match field_of(&field) {
            mac_header::NdisMacHeaderFieldDestinationAddress => {
                let [a, b, c, d, e, f, ..] = value;
                address.replace([a, b, c, d, e, f]).is_some()
            }
            mac_header::NdisMacHeaderFieldVlanId => vlan.replace(u16::from_be_bytes([value[0], value[1]])).is_some(),
            _ => return Err(NOT_SUPPORTED),
        };
        flags |= field.Flags;
        if twice || flags & !UNTAGGED_OR_ZERO != 0 {
            return Err(INVALID);
        }
    }
    let vlan = match (vlan, flags) {
        (None, UNTAGGED_OR_ZERO) => Vlan::UntaggedOrZero,
        (None, _) => Vlan::Any,
        (Some(id), 0) if id <= MAX_VLAN => Vlan::Id(id),
        _ => return Err(INVALID),
    };
    Ok(Filter { address: address.ok_or(INVALID)?, vlan })
}

/// A filter as field tests.
fn fields(filter: &Filter) -> impl Iterator<Item = NDIS_RECEIVE_FILTER_FIELD_PARAMETERS> {
    let test = |field: NDIS_MAC_HEADER_FIELD, bytes: &[u8]| {
        let mut value = [0; 16];
        value[..bytes.len()].copy_from_slice(bytes);
        let revision = newest::<NDIS_RECEIVE_FILTER_FIELD_PARAMETERS>();
        NDIS_RECEIVE_FILTER_FIELD_PARAMETERS {
            Header: header::<NDIS_RECEIVE_FILTER_FIELD_PARAMETERS>(revision),
            FrameHeader: NdisFrameHeaderMac,
            ReceiveFilterTest: NdisReceiveFilterTestEqual,
            HeaderField: NDIS_RECEIVE_FILTER_HEADER_FIELD { MacHeaderField: field },
            FieldValue: NDIS_RECEIVE_FILTER_FIELD_VALUE { FieldByteArrayValue: value },
            ..Default::default()
        }
    };
    let mut address = test(mac_header::NdisMacHeaderFieldDestinationAddress, &filter.address);
    let mut vlan = None;
    match filter.vlan {
        Vlan::Any => {}
        Vlan::UntaggedOrZero => address.Flags = NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO,
        Vlan::Id(id) => vlan = Some(test(mac_header::NdisMacHeaderFieldVlanId, &id.to_be_bytes())),
    }
    [address].into_iter().chain(vlan)
}
