//! The requests of `igbcxctl vmq`: the driver itself is the consumer, counts the frames and keeps their buffers.
//!
//! They take the same way through the engine as a kernel consumer's. Each ends before it returns; the door is the tool's from
//! its first queue to its last.

use super::{Ports, Vmq, patience};
use crate::{
    device::Igb,
    vmq::consumer::{Consumer, Pending},
};
use ndis_sys::{
    _NDIS_RECEIVE_QUEUE_TYPE, NDIS_RECEIVE_QUEUE_PARAMETERS, NDIS_STATUS, NDIS_STATUS_NOT_ACCEPTED,
    NDIS_STATUS_REQUEST_ABORTED, NDIS_STATUS_SUCCESS,
};
use netadaptercx::irql::Passive;
use vmq::{Answer, Engine, Filter, FilterId, Host, Limits, QueueId, State};

/// How long a request that pends may take: ms.
const PENDING_MS: u32 = 1000;

type Result<T> = core::result::Result<T, NDIS_STATUS>;

impl Vmq {
    /// What the adapter can do, and who has the door open.
    pub fn capabilities(&self, igb: &'static Igb, passive: Passive<'_>) -> (Limits, Option<Consumer>) {
        let owner = self.owner(passive);
        (Ports { igb, consumer: owner, passive }.limits(), owner)
    }

    /// Allocates a queue with memory for `buffers` frames (0: as many as usual).
    pub fn tool_allocate(&self, igb: &'static Igb, buffers: u32, passive: Passive<'_>) -> Result<QueueId> {
        let parameters = NDIS_RECEIVE_QUEUE_PARAMETERS {
            QueueType: _NDIS_RECEIVE_QUEUE_TYPE::NdisReceiveQueueTypeVMQueue,
            NumSuggestedReceiveBuffers: buffers,
            ..NDIS_RECEIVE_QUEUE_PARAMETERS::ZEROED
        };
        self.tool(igb, passive, |engine, ports| {
            let queue = engine.allocate(ports, &parameters)?;
            match engine.complete(ports, queue) {
                NDIS_STATUS_SUCCESS => Ok(queue),
                status => {
                    // It never ran, so this ends as soon as the lock is let go.
                    let _ = engine.free(ports, queue, Pending::TOOL, 0);
                    Err(status)
                }
            }
        })
    }

    /// Sets a filter on a queue of the tool.
    pub fn tool_set_filter(
        &self,
        igb: &'static Igb,
        queue: QueueId,
        filter: Filter,
        passive: Passive<'_>,
    ) -> Result<FilterId> {
        self.tool(igb, passive, |engine, ports| engine.set_filter(ports, queue, filter))
    }

    /// Clears a filter of a queue of the tool.
    pub fn tool_clear_filter(
        &self,
        igb: &'static Igb,
        queue: QueueId,
        filter: FilterId,
        passive: Passive<'_>,
    ) -> Result<()> {
        let answer =
            self.tool(igb, passive, |engine, ports| Ok(engine.clear_filter(ports, queue, filter, Pending::TOOL)))?;
        self.end(answer, passive, |engine| engine.queues().look(queue).state != State::Running)
    }

    /// Frees a queue of the tool, which has no filter any more.
    pub fn tool_free(&self, igb: &'static Igb, queue: QueueId, passive: Passive<'_>) -> Result<()> {
        let answer = self.tool(igb, passive, |engine, ports| Ok(engine.free(ports, queue, Pending::TOOL, 0)))?;
        self.end(answer, passive, |engine| engine.queues().look(queue).state == State::Undefined)?;
        // The door is free again if this was the last one.
        self.tool(igb, passive, |_, _| Ok(()))
    }

    /// Runs a request, for which the door becomes the tool's unless a kernel consumer has it, and takes every step that it
    /// makes possible.
    fn tool<T>(
        &self,
        igb: &'static Igb,
        passive: Passive<'_>,
        request: impl FnOnce(&mut Engine<Pending>, &mut Ports<'_>) -> Result<T>,
    ) -> Result<T> {
        let result = {
            let mut control = self.control.lock(passive);
            if matches!(control.owner, Some(Consumer::Kernel(_))) {
                return Err(NDIS_STATUS_NOT_ACCEPTED);
            }
            control.owner = Some(Consumer::Tool);
            request(&mut control.engine, &mut Ports { igb, consumer: Some(Consumer::Tool), passive })
        };
        self.kick_started();
        self.settle(igb, passive);
        let mut control = self.control.lock(passive);
        if control.engine.is_empty() {
            control.owner = None;
        }
        result
    }

    /// The end of a request that may pend: it is there when `ended` says so.
    fn end(&self, answer: Answer, passive: Passive<'_>, ended: impl Fn(&Engine<Pending>) -> bool) -> Result<()> {
        match answer {
            Answer::Done(NDIS_STATUS_SUCCESS) => return Ok(()),
            Answer::Done(status) => return Err(status),
            Answer::Pending => {}
        }
        let mut wait = patience(PENDING_MS, passive);
        loop {
            if self.look(passive, |engine, _| ended(engine)) {
                return Ok(());
            }
            if !wait() {
                return Err(NDIS_STATUS_REQUEST_ABORTED);
            }
        }
    }
}
