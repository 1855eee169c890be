//! Answers about VM queues: those of a tool, and what there is of all.

use super::{parse, put, put_list, ready, refused};
use crate::{
    device::Igb,
    vmq::{consumer::Consumer, memory::Kind},
};
use igbcx_ioctl::{
    Answer, Refusal, Request, VLAN_ANY, VLAN_ID, VLAN_UNTAGGED_OR_ZERO, VmqAllocateRequest, VmqAllocated,
    VmqCapabilities, VmqClearFilterRequest, VmqFilter, VmqFilterSet, VmqFreeRequest, VmqQueue, VmqSetFilterRequest,
};
use ndis_sys::{NDIS_STATUS, NDIS_STATUS_FILE_NOT_FOUND, NDIS_STATUS_NOT_ACCEPTED, NDIS_STATUS_REQUEST_ABORTED};
use netadaptercx::{Result, Status, irql::Passive};
use vmq::{Filter, FilterId, QueueId, State, Vlan};

/// STATUS_SHARING_VIOLATION, STATUS_NOT_FOUND and STATUS_REQUEST_ABORTED: what NDIS has codes of its own for.
const SHARING_VIOLATION: Status = Status::new(0xC000_0043_u32 as i32);
const NOT_FOUND: Status = Status::new(0xC000_0225_u32 as i32);
const REQUEST_ABORTED: Status = Status::new(0xC000_0240_u32 as i32);

/// A request's end as the caller of DeviceIoControl gets it. A tool's request is not accepted while a kernel consumer has the
/// queues, or while there is no device.
fn ended<T>(result: core::result::Result<T, NDIS_STATUS>) -> Result<T> {
    result.map_err(|status| match status {
        NDIS_STATUS_NOT_ACCEPTED => SHARING_VIOLATION,
        NDIS_STATUS_FILE_NOT_FOUND => NOT_FOUND,
        NDIS_STATUS_REQUEST_ABORTED => REQUEST_ABORTED,
        status => Status::new(status),
    })
}

fn queue_id(number: u32) -> Result<QueueId> {
    QueueId::new(number).ok_or(refused(Refusal::Value))
}

pub fn capabilities(igb: &'static Igb, input: &[u8], output: &mut [u8], passive: Passive<'_>) -> Result<usize> {
    parse::<Request>(input)?;
    put(output, || {
        ready(igb)?;
        let (limits, owner) = igb.vmq.capabilities(igb, passive);
        let owner = match owner {
            None => 0,
            Some(Consumer::Kernel(_)) => 1,
            Some(Consumer::Tool) => 2,
        };
        Ok(VmqCapabilities {
            answer: Answer::new(size_of::<VmqCapabilities>()),
            enabled: limits.enabled.into(),
            queues: limits.queues,
            filters: limits.filters,
            owner,
            reserved: 0,
        })
    })
}

pub fn allocate(igb: &'static Igb, input: &[u8], output: &mut [u8], passive: Passive<'_>) -> Result<usize> {
    let wanted = parse::<VmqAllocateRequest>(input)?;
    put(output, || {
        ready(igb)?;
        let queue = ended(igb.vmq.tool_allocate(igb, wanted.buffers, passive))?.number();
        Ok(VmqAllocated { answer: Answer::new(size_of::<VmqAllocated>()), queue, reserved: 0 })
    })
}

pub fn set_filter(igb: &'static Igb, input: &[u8], output: &mut [u8], passive: Passive<'_>) -> Result<usize> {
    let wanted = parse::<VmqSetFilterRequest>(input)?;
    let queue = queue_id(wanted.queue)?;
    let vlan = match wanted.vlan_test {
        VLAN_ANY => Vlan::Any,
        VLAN_UNTAGGED_OR_ZERO => Vlan::UntaggedOrZero,
        _ => Vlan::Id(wanted.vlan),
    };
    put(output, || {
        ready(igb)?;
        let filter = Filter { address: wanted.address, vlan };
        let filter = ended(igb.vmq.tool_set_filter(igb, queue, filter, passive))?.number();
        Ok(VmqFilterSet { answer: Answer::new(size_of::<VmqFilterSet>()), filter, reserved: 0 })
    })
}

pub fn clear_filter(igb: &'static Igb, input: &[u8], output: &mut [u8], passive: Passive<'_>) -> Result<usize> {
    let wanted = parse::<VmqClearFilterRequest>(input)?;
    let queue = queue_id(wanted.queue)?;
    put(output, || {
        ready(igb)?;
        let filter = FilterId::new(wanted.filter).ok_or(NOT_FOUND)?;
        ended(igb.vmq.tool_clear_filter(igb, queue, filter, passive))?;
        Ok(Answer::new(size_of::<Answer>()))
    })
}

pub fn free(igb: &'static Igb, input: &[u8], output: &mut [u8], passive: Passive<'_>) -> Result<usize> {
    let queue = queue_id(parse::<VmqFreeRequest>(input)?.queue)?;
    put(output, || {
        ready(igb)?;
        ended(igb.vmq.tool_free(igb, queue, passive))?;
        Ok(Answer::new(size_of::<Answer>()))
    })
}

pub fn queues(igb: &'static Igb, input: &[u8], output: &mut [u8], passive: Passive<'_>) -> Result<usize> {
    parse::<Request>(input)?;
    igb.vmq.count_drops(igb, passive.into());
    igb.vmq.look(passive, |engine, memory| {
        let queues = QueueId::all().filter_map(|queue| {
            let state = match engine.queues().look(queue).state {
                State::Undefined => return None,
                State::Paused => 1,
                State::Running => 2,
                State::DmaStopped => 3,
                State::Leaked => 4,
            };
            let place = igb.vmq.queue(queue);
            let counts = &place.counts;
            let memory = memory(queue);
            Some(VmqQueue {
                queue: queue.number(),
                state,
                memory: match memory {
                    None => 0,
                    Some((Kind::Ndis, _)) => 1,
                    Some((Kind::Wdf, _)) => 2,
                },
                reserved: 0,
                vector: engine.parameters(queue).MSIXTableEntry,
                // CAST: at most 32.
                filters: engine.queues().filters().of(queue).count() as u32,
                buffers: memory.map_or(0, |(_, buffers)| buffers.into()),
                outstanding: place.gate().outstanding(),
                packets: counts.packets.get(),
                bytes: counts.bytes.get(),
                errors: counts.errors.get(),
                dropped: counts.dropped.get(),
                doorbells: counts.doorbells.get(),
                passes: counts.passes.get(),
                wakes: counts.wakes.get(),
                refused: counts.refused.get(),
            })
        });
        let total = queues.clone().count();
        put_list(output, total, queues.map(Ok))
    })
}

pub fn filters(igb: &'static Igb, input: &[u8], output: &mut [u8], passive: Passive<'_>) -> Result<usize> {
    parse::<Request>(input)?;
    igb.vmq.look(passive, |engine, _| {
        let filters = || engine.queues().filters().iter();
        put_list(
            output,
            filters().count(),
            filters().map(|(id, queue, filter)| {
                let (vlan_test, vlan) = match filter.vlan {
                    Vlan::Any => (VLAN_ANY, 0),
                    Vlan::UntaggedOrZero => (VLAN_UNTAGGED_OR_ZERO, 0),
                    Vlan::Id(id) => (VLAN_ID, id),
                };
                Ok(VmqFilter {
                    filter: id.number(),
                    // CAST: at most 7.
                    queue: queue.number() as u16,
                    vlan,
                    address: filter.address,
                    vlan_test,
                    reserved: 0,
                })
            }),
        )
    })
}
