//! Doing what initiator queues ask for, a bounded piece at a time.
//!
//! Requests of a queue pair are done one after the other, so they complete in the order they were posted, and a read fence
//! finds no read in progress. A request is checked as a whole before its first byte moves. One that fails completes with
//! its error, and its connection ends: what else waits on both sides completes with STATUS_CANCELLED (ND SPI, remarks of
//! each request of IND2QueuePair).
//!
//! | what | initiator | receive of the peer |
//! |---|---|---|
//! | own buffers invalid | STATUS_ACCESS_VIOLATION | |
//! | remote range invalid | STATUS_ACCESS_VIOLATION (unit test ndoverreadwrite of ND SPI) | |
//! | receive too small | STATUS_REMOTE_RESOURCES (ND_REMOTE_ERROR) | STATUS_BUFFER_OVERFLOW (ND SPI, Receive) |
//! | buffers of the receive invalid | STATUS_REMOTE_RESOURCES | STATUS_ACCESS_VIOLATION |
//! | token to invalidate is invalid | STATUS_REMOTE_RESOURCES | STATUS_INVALID_DEVICE_REQUEST |
//! | bind, fast-register, invalidate | see [`super::memory`] | |
//! | no receive for 2 s | STATUS_IO_TIMEOUT (unit test ndsendnoreceive) | |

use super::{
    access::Access,
    buffer::{Buffer, Gone, Moved},
    limits::{BYTES_PER_STEP, RECEIVER_NOT_READY_TIMEOUT, REQUESTS_PER_STEP},
    request::{Operation, Request},
    span::Span,
};
use crate::{
    engine::Engine,
    object::ObjectId,
    qp::{Link, Qp},
};
use ndis_sys::ndk::status::{STATUS_ACCESS_VIOLATION, STATUS_REMOTE_RESOURCES};
use wdk_sys::{NTSTATUS, STATUS_BUFFER_OVERFLOW, STATUS_INVALID_DEVICE_REQUEST, STATUS_IO_TIMEOUT, STATUS_SUCCESS};

/// What became of the oldest request of a queue.
enum Outcome {
    /// It is done.
    Done,
    /// It has got so far, and the step's budget is used up.
    Unfinished(Moved),
    /// Its peer has posted no receive.
    Waits,
    /// It failed.
    Failed(Failure),
}

/// How a request failed.
struct Failure {
    initiator: NTSTATUS,
    /// Of the receive that it took, if it is the receive's fault.
    receive: Option<NTSTATUS>,
}

/// The failure is the initiator's alone.
const fn failed(initiator: NTSTATUS) -> Outcome {
    Outcome::Failed(Failure { initiator, receive: None })
}

/// The receive fails with `receive`, and the initiator hears of a remote error.
const fn failed_remotely(receive: NTSTATUS) -> Outcome {
    Outcome::Failed(Failure { initiator: STATUS_REMOTE_RESOURCES, receive: Some(receive) })
}

impl Engine {
    /// Does a step's share of the requests of a connected queue pair.
    pub(crate) fn execute(&mut self, id: ObjectId<Qp>) {
        let mut budget = BYTES_PER_STEP;
        for _ in 0..REQUESTS_PER_STEP {
            let Some(qp) = self.qps.get(id) else { return };
            let (Link::Connected(peer), Some(request)) = (qp.link, qp.initiator.front().copied()) else { return };
            match self.attempt(id, peer, &request, &mut budget) {
                Outcome::Done => self.finish(id, peer, &request),
                Outcome::Unfinished(moved) => {
                    if let Some(qp) = self.qps.get_mut(id) {
                        qp.moved = Some(moved);
                    }
                    break;
                }
                Outcome::Waits => {
                    if self.wait_for_receive(id) {
                        return;
                    }
                    self.fail(id, peer, &Failure { initiator: STATUS_IO_TIMEOUT, receive: None });
                }
                Outcome::Failed(failure) => self.fail(id, peer, &failure),
            }
        }
        if self.qps.get(id).is_some_and(|qp| qp.initiator.front().is_some()) {
            self.wake(id.into());
        }
    }

    /// False if the queue pair has waited too long.
    fn wait_for_receive(&mut self, id: ObjectId<Qp>) -> bool {
        let now = self.now();
        let Some(qp) = self.qps.get_mut(id) else { return true };
        let deadline = qp.waits_since.get_or_insert(now).saturating_add(RECEIVER_NOT_READY_TIMEOUT);
        if now >= deadline {
            return false;
        }
        self.wake_at(id.into(), deadline);
        true
    }

    fn attempt(&mut self, id: ObjectId<Qp>, peer: ObjectId<Qp>, request: &Request, budget: &mut u32) -> Outcome {
        let done = match &request.operation {
            Operation::Bind(posted) => self.memory.bind(posted),
            Operation::FastRegister(posted) => self.memory.fast_register(posted),
            Operation::Invalidate(object) => self.memory.invalidate(*object),
            Operation::Write { address, token } => {
                return self.copy_remote(id, peer, request, (*address, *token), Access::REMOTE_WRITE, budget);
            }
            Operation::Read { address, token } => {
                return self.copy_remote(id, peer, request, (*address, *token), Access::REMOTE_READ, budget);
            }
            Operation::Send { invalidate } => return self.copy_message(id, peer, request, *invalidate, budget),
        };
        done.map_or_else(failed, |()| Outcome::Done)
    }

    /// The bytes that a request of `qp` names on its own side.
    fn own_buffer<'a>(&'a self, qp: &'a Qp, write: bool) -> Buffer<'a> {
        match qp.initiator.front_inline() {
            Some(bytes) => Buffer::Span(Span::of_bytes(bytes)),
            None => Buffer::Sges { memory: &self.memory, domain: qp.domain, sges: qp.initiator.front_sges(), write },
        }
    }

    /// Writes to a range of the peer's, or reads from it.
    fn copy_remote(
        &self,
        id: ObjectId<Qp>,
        peer: ObjectId<Qp>,
        request: &Request,
        (address, token): (u64, u32),
        need: Access,
        budget: &mut u32,
    ) -> Outcome {
        let (Some(qp), Some(peer)) = (self.qps.get(id), self.qps.get(peer)) else { return Outcome::Waits };
        let length = u64::from(request.length);
        let own = self.own_buffer(qp, need == Access::REMOTE_READ);
        let Some(remote) = self.memory.remote(peer.domain, token, address, length, need) else {
            return failed(STATUS_ACCESS_VIOLATION);
        };
        if qp.moved.is_none() && !own.allows(length) {
            return failed(STATUS_ACCESS_VIOLATION);
        }
        let remote = Buffer::Span(remote);
        let (source, destination) = if need == Access::REMOTE_READ { (remote, own) } else { (own, remote) };
        go_on(qp.moved, &source, &destination, length, budget).unwrap_or_else(|Gone| failed(STATUS_ACCESS_VIOLATION))
    }

    /// Sends a message to the peer's next receive.
    fn copy_message(
        &mut self,
        id: ObjectId<Qp>,
        peer_id: ObjectId<Qp>,
        request: &Request,
        invalidate: Option<u32>,
        budget: &mut u32,
    ) -> Outcome {
        let length = u64::from(request.length);
        let Some(qp) = self.qps.get(id) else { return Outcome::Waits };
        if qp.moved.is_none() && !self.own_buffer(qp, false).allows(length) {
            return failed(STATUS_ACCESS_VIOLATION);
        }
        if !self.has_receive(peer_id) {
            return Outcome::Waits;
        }
        let (Some(qp), Some(peer)) = (self.qps.get(id), self.qps.get(peer_id)) else { return Outcome::Waits };
        let Some(receive) = peer.current else { return Outcome::Waits };
        if length > receive.length {
            return failed_remotely(STATUS_BUFFER_OVERFLOW);
        }
        if invalidate.is_some_and(|token| self.memory.invalidatable(peer.domain, token).is_none()) {
            return failed_remotely(STATUS_INVALID_DEVICE_REQUEST);
        }
        let sges = peer.current_sges.get(..receive.sges as usize).unwrap_or_default();
        let destination = Buffer::Sges { memory: &self.memory, domain: peer.domain, sges, write: true };
        if qp.moved.is_none() && !destination.allows(length) {
            return failed_remotely(STATUS_ACCESS_VIOLATION);
        }
        let source = self.own_buffer(qp, false);
        go_on(qp.moved, &source, &destination, length, budget).unwrap_or_else(|Gone| {
            if source.allows(length) {
                failed_remotely(STATUS_ACCESS_VIOLATION)
            } else {
                failed(STATUS_ACCESS_VIOLATION)
            }
        })
    }

    /// A request was done: completes it, and the receive it filled.
    fn finish(&mut self, id: ObjectId<Qp>, peer: ObjectId<Qp>, request: &Request) {
        if let Operation::Send { invalidate } = request.operation {
            if let Some(token) = invalidate
                && let Some(domain) = self.qps.get(peer).map(|peer| peer.domain)
                && let Some(object) = self.memory.invalidatable(domain, token)
            {
                // Valid: it was just looked up.
                let _ = self.memory.invalidate(object);
            }
            self.complete_receive(peer, STATUS_SUCCESS, request.length, invalidate, request.is_soliciting());
        }
        self.complete_initiator(id, STATUS_SUCCESS);
    }

    /// A request failed: completes it, the receive it took if that is at fault, and everything else of the connection.
    fn fail(&mut self, id: ObjectId<Qp>, peer: ObjectId<Qp>, failure: &Failure) {
        if let Some(status) = failure.receive {
            self.complete_receive(peer, status, 0, None, false);
        }
        self.complete_initiator(id, failure.initiator);
        self.break_link(id);
    }
}

/// Moves a step's share, beginning with `moved`.
fn go_on(
    moved: Option<Moved>,
    source: &Buffer<'_>,
    destination: &Buffer<'_>,
    length: u64,
    budget: &mut u32,
) -> Result<Outcome, Gone> {
    let moved = moved.unwrap_or_else(|| Moved::nothing(source, destination, length));
    let moved = moved.go_on(source, destination, length, budget)?;
    Ok(if moved.bytes == length { Outcome::Done } else { Outcome::Unfinished(moved) })
}
