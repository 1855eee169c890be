//! Posted requests, and the queues of fixed depth that they wait in.

use super::memory::{Binding, FastRegistration, MemoryId};
use crate::{
    slab::{NoMemory, filled},
    upcall::Context,
};
use alloc::vec::Vec;
use core::ptr::null_mut;
use ndis_sys::ndk::{
    _NDK_OPERATION_TYPE as TYPE, NDK_OP_FLAG_READ_FENCE, NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT,
    NDK_OP_FLAG_SILENT_SUCCESS, NDK_OPERATION_TYPE,
};

/// One local buffer of a request, as `NDK_SGE` has it; not checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sge {
    /// A virtual address, or a logical one with the privileged token.
    pub address: u64,
    /// In bytes.
    pub length: u32,
    /// A local token.
    pub token: u32,
}

/// What a request of the initiator queue does.
#[derive(Clone, Copy, Debug)]
pub enum Operation {
    /// NdkSend, and NdkSendAndInvalidate with the token to invalidate.
    Send { invalidate: Option<u32> },
    /// NdkWrite.
    Write { address: u64, token: u32 },
    /// NdkRead.
    Read { address: u64, token: u32 },
    /// NdkBind.
    Bind(Binding),
    /// NdkFastRegister.
    FastRegister(FastRegistration),
    /// NdkInvalidate.
    Invalidate(MemoryId),
}

impl Operation {
    /// As `NDK_RESULT_EX` calls it.
    #[must_use]
    pub const fn kind(&self) -> NDK_OPERATION_TYPE {
        match self {
            Operation::Send { .. } => TYPE::NdkOperationTypeSend,
            Operation::Write { .. } => TYPE::NdkOperationTypeWrite,
            Operation::Read { .. } => TYPE::NdkOperationTypeRead,
            Operation::Bind(_) => TYPE::NdkOperationTypeBind,
            Operation::FastRegister(_) => TYPE::NdkOperationTypeFastRegister,
            Operation::Invalidate(_) => TYPE::NdkOperationTypeInvalidate,
        }
    }
}

/// A request of the initiator queue.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The consumer's, for the completion.
    pub context: Context,
    /// What to do.
    pub operation: Operation,
    /// `NDK_OP_FLAG_*`; [`NDK_OP_FLAG_READ_FENCE`] needs nothing done, since a queue's requests are executed one after
    /// the other.
    pub flags: u32,
    /// Bytes to move.
    pub length: u32,
    /// Where the bytes come from or go to.
    pub buffers: Buffers,
}

/// Where the bytes of a request are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffers {
    /// In that many SGEs of the queue's place.
    Sges(u32),
    /// In the queue's inline data of the place.
    Inline,
}

impl Request {
    /// Flags that every request may have and that say nothing about what it does.
    pub const COMMON_FLAGS: u32 =
        NDK_OP_FLAG_SILENT_SUCCESS | NDK_OP_FLAG_READ_FENCE | ndis_sys::ndk::NDK_OP_FLAG_DEFER;

    const NONE: Request = Request {
        context: Context(null_mut()),
        operation: Operation::Send { invalidate: None },
        flags: 0,
        length: 0,
        buffers: Buffers::Sges(0),
    };

    /// True if a success is not to be told.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        self.flags & NDK_OP_FLAG_SILENT_SUCCESS != 0
    }

    /// True if the peer's completion is a solicited one.
    #[must_use]
    pub const fn is_soliciting(&self) -> bool {
        self.flags & NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT != 0
    }
}

/// A request of a receive queue.
#[derive(Clone, Copy, Debug)]
pub struct Receive {
    /// The consumer's, for the completion.
    pub context: Context,
    /// SGEs of the queue's place.
    pub sges: u32,
    /// Bytes there is room for.
    pub length: u64,
}

impl Receive {
    pub const NONE: Receive = Receive { context: Context(null_mut()), sges: 0, length: 0 };
}

/// Requests in the order they were posted, at most a fixed number, each with a place for SGEs and for inline data.
///
/// # Invariants
/// `used <= depth` and `head < depth` or both are 0; `sges` has `depth * width` elements and `inline` `depth *
/// inline_size`.
struct Ring<T> {
    requests: Vec<T>,
    sges: Vec<Sge>,
    inline: Vec<u8>,
    width: usize,
    inline_size: usize,
    head: usize,
    used: usize,
}

impl<T: Copy> Ring<T> {
    fn new(none: T, depth: u32, width: u32, inline_size: u32) -> Result<Self, NoMemory> {
        let (depth, width, inline_size) = (depth as usize, width as usize, inline_size as usize);
        Ok(Ring {
            requests: filled(none, depth)?,
            sges: filled(Sge::default(), depth.checked_mul(width).ok_or(NoMemory)?)?,
            inline: filled(0, depth.checked_mul(inline_size).ok_or(NoMemory)?)?,
            width,
            inline_size,
            head: 0,
            used: 0,
        })
    }

    fn depth(&self) -> usize {
        self.requests.len()
    }

    /// The place behind the newest request, if there is one.
    fn vacant(&mut self) -> Option<Place<'_, T>> {
        if self.used == self.depth() {
            return None;
        }
        let place = (self.head + self.used) % self.depth();
        let sges = self.sges.get_mut(place * self.width..(place + 1) * self.width)?;
        let inline = self.inline.get_mut(place * self.inline_size..(place + 1) * self.inline_size)?;
        Some(Place { request: self.requests.get_mut(place)?, sges, inline, used: &mut self.used })
    }

    fn front(&self) -> Option<&T> {
        if self.used == 0 { None } else { self.requests.get(self.head) }
    }

    fn pop(&mut self) -> Option<T> {
        let request = *self.front()?;
        self.head = (self.head + 1) % self.depth();
        self.used -= 1;
        Some(request)
    }

    fn front_sges(&self, count: u32) -> &[Sge] {
        let from = self.head * self.width;
        self.sges.get(from..from + (count as usize).min(self.width)).unwrap_or_default()
    }

    fn front_inline(&self, length: u32) -> &[u8] {
        let from = self.head * self.inline_size;
        self.inline.get(from..from + (length as usize).min(self.inline_size)).unwrap_or_default()
    }
}

/// A free place of a queue; dropped without [`post`](Self::post), it stays free.
pub struct Place<'a, T> {
    request: &'a mut T,
    /// Room for as many SGEs as a request of the queue may have.
    pub sges: &'a mut [Sge],
    /// Room for as much inline data as a request of the queue may have.
    pub inline: &'a mut [u8],
    used: &'a mut usize,
}

impl<T> Place<'_, T> {
    /// The place is used: by `request`.
    pub fn post(self, request: T) {
        *self.request = request;
        *self.used += 1;
    }
}

/// An initiator queue.
pub struct InitiatorQueue(Ring<Request>);

impl InitiatorQueue {
    /// Room for `depth` requests of `width` SGEs and `inline_size` bytes of inline data each.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn new(depth: u32, width: u32, inline_size: u32) -> Result<Self, NoMemory> {
        Ok(InitiatorQueue(Ring::new(Request::NONE, depth, width, inline_size)?))
    }

    /// A place for one more request; `None` if the queue is full.
    pub fn vacant(&mut self) -> Option<Place<'_, Request>> {
        self.0.vacant()
    }

    /// The oldest request.
    #[must_use]
    pub fn front(&self) -> Option<&Request> {
        self.0.front()
    }

    /// The SGEs of the oldest request; none if its data is inline.
    #[must_use]
    pub fn front_sges(&self) -> &[Sge] {
        match self.front() {
            Some(Request { buffers: Buffers::Sges(count), .. }) => self.0.front_sges(*count),
            _ => &[],
        }
    }

    /// The inline data of the oldest request; none if its data is in SGEs.
    #[must_use]
    pub fn front_inline(&self) -> Option<&[u8]> {
        match self.front() {
            Some(Request { buffers: Buffers::Inline, length, .. }) => Some(self.0.front_inline(*length)),
            _ => None,
        }
    }

    /// Takes the oldest request out.
    pub fn pop(&mut self) -> Option<Request> {
        self.0.pop()
    }
}

/// A receive queue, of one queue pair or shared.
pub struct ReceiveQueue(Ring<Receive>);

impl ReceiveQueue {
    /// Room for `depth` requests of `width` SGEs each.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn new(depth: u32, width: u32) -> Result<Self, NoMemory> {
        Ok(ReceiveQueue(Ring::new(Receive::NONE, depth, width, 0)?))
    }

    /// A place for one more request; `None` if the queue is full.
    pub fn vacant(&mut self) -> Option<Place<'_, Receive>> {
        self.0.vacant()
    }

    /// SGEs that a request may have.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.0.width as u32 // CAST: made from a u32.
    }

    /// Number of requests that wait.
    #[must_use]
    pub fn used(&self) -> u32 {
        self.0.used as u32 // CAST: at most the depth, made from a u32.
    }

    /// Takes the oldest request out, its SGEs into `sges`, which has room for [`width`](Self::width).
    pub fn pop_into(&mut self, sges: &mut [Sge]) -> Option<Receive> {
        let receive = *self.0.front()?;
        for (to, from) in sges.iter_mut().zip(self.0.front_sges(receive.sges)) {
            *to = *from;
        }
        self.0.pop()
    }

    /// Moves all requests to `other`, an empty queue of equal width and at least as deep as this one is used.
    pub fn move_to(&mut self, other: &mut ReceiveQueue) {
        while let Some(place) = if self.used() == 0 { None } else { other.vacant() } {
            let Some(receive) = self.pop_into(place.sges) else { return };
            place.post(receive);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::VecDeque, vec::Vec};

    fn post(queue: &mut ReceiveQueue, number: usize) -> bool {
        let Some(place) = queue.vacant() else { return false };
        for (n, sge) in place.sges.iter_mut().enumerate() {
            *sge = Sge { address: (number * 10 + n) as u64, length: 1, token: 0 };
        }
        let context = Context(core::ptr::without_provenance_mut(number));
        place.post(Receive { context, sges: (number % 3) as u32, length: number as u64 });
        true
    }

    #[test]
    fn a_queue_is_first_in_first_out_and_never_deeper_than_made() {
        for depth in [0, 1, 2, 3, 7] {
            let mut queue = ReceiveQueue::new(depth, 2).unwrap();
            let mut model = VecDeque::new();
            for number in 0..200_usize {
                let posted = post(&mut queue, number);
                assert_eq!(posted, model.len() < depth as usize);
                if posted {
                    model.push_back(number);
                }
                if number % 5 < 3 {
                    let mut sges = [Sge::default(); 2];
                    let popped = queue.pop_into(&mut sges);
                    let expected = model.pop_front();
                    assert_eq!(popped.map(|receive| receive.length), expected.map(|number| number as u64));
                    if let Some(number) = expected {
                        let filled: Vec<_> = (0..number % 3).map(|n| (number * 10 + n) as u64).collect();
                        assert_eq!(sges[..number % 3].iter().map(|sge| sge.address).collect::<Vec<_>>(), filled);
                    }
                }
                assert_eq!(queue.used() as usize, model.len());
            }
        }
    }

    #[test]
    fn a_place_that_is_given_up_stays_free() {
        let mut queue = InitiatorQueue::new(1, 1, 8).unwrap();
        assert!(queue.vacant().is_some());
        assert!(queue.front().is_none());
        let place = queue.vacant().unwrap();
        place.inline[..3].copy_from_slice(&[1, 2, 3]);
        place.post(Request { length: 3, buffers: Buffers::Inline, ..Request::NONE });
        assert!(queue.vacant().is_none());
        assert_eq!((queue.front_inline(), queue.front_sges()), (Some(&[1, 2, 3][..]), &[][..]));
        assert!(queue.pop().is_some() && queue.pop().is_none() && queue.vacant().is_some());
    }

    #[test]
    fn a_deeper_queue_takes_over_in_order() {
        let mut queue = ReceiveQueue::new(3, 2).unwrap();
        (0..3).for_each(|number| assert!(post(&mut queue, number)));
        let mut deeper = ReceiveQueue::new(5, 2).unwrap();
        queue.move_to(&mut deeper);
        assert_eq!((queue.used(), deeper.used()), (0, 3));
        let mut sges = [Sge::default(); 2];
        let order: Vec<_> = core::iter::from_fn(|| deeper.pop_into(&mut sges)).map(|receive| receive.length).collect();
        assert_eq!(order, [0, 1, 2]);
    }
}
