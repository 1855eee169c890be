//! VM receive queues as NDIS defines them, apart from hardware and kernel: the requests a virtual switch issues, the life of
//! queues and filters, and the flow of OID_RECEIVE_FILTER_FREE_QUEUE (contract.md 3.4).
//!
//! # Who calls what
//!
//! The driver has one [`Engine`] behind a lock that PASSIVE_LEVEL code takes, one [`Gate`] a queue outside that lock, and
//! implements [`Host`] (hardware and memory) and [`door::Door`] (the lock and the consumer).
//!
//! | who | calls | IRQL |
//! |---|---|---|
//! | the consumer's Oid | [`door::oid`] | PASSIVE |
//! | a tool's request | [`Engine::allocate`] and so on in [`door::Door::locked`], then [`door::settle`] | PASSIVE |
//! | the receive path | [`Gate::receive`], in it [`Receiving::indicate`] before each hand-over | DISPATCH |
//! | the consumer's ReturnPackets | [`Gate::give_back`] around [`Buffers::give_back`] | <= DISPATCH |
//! | the consumer's CancelOid | [`Gate::cancel`] of every queue | <= DISPATCH |
//! | the work item, whenever one of these three says [`Wake::Engine`] | [`door::work`] | PASSIVE |
//! | D0Entry, after the reset and the set-up of the device | [`Engine::reset_done`] (true), then [`Engine::resume`] | PASSIVE |
//! | D0Exit; a reset in D0 | [`door::suspend`] | PASSIVE |
//! | surprise removal, ReleaseHardware; the consumer's close | [`door::end`] | PASSIVE |
//!
//! [`Host`]'s functions run under the lock and call nobody back. The consumer's callbacks run without it, at PASSIVE_LEVEL,
//! on the thread that found them due; out of them the consumer may do anything it may do at that level. The work item must
//! run once more if it is asked for while it runs, as KMDF's does.
//!
//! # Life of a queue
//!
//! | NDIS state | here | what happens |
//! |---|---|---|
//! | Undefined | not allocated | |
//! | Paused | allocated | filters may be set, and reach the hardware, which drops their frames: it does not receive yet |
//! | Paused, Running | allocation complete: has memory | receives while it has filters, pauses when the last is cleared |
//! | Paused | being freed | the gate is closed, the receive path leaves, the DMA is stopped |
//! | DmaStopped | its DMA proven off | the consumer is told once, returns its packets, the memory is freed, the request ends |
//! | none | leaked | packets did not come back within the wait of a close or removal, or the DMA did not stop |
//!
//! FREE_QUEUE ends with NDIS_STATUS_SUCCESS on the spot if nothing is out, and pends otherwise. What else can end it:
//!
//! - CancelOid, or a reset: NDIS_STATUS_REQUEST_ABORTED at once. The consumer still gets DmaStopped, if it has not, and the
//!   queue is still freed by the last return; until then its id is in use, and another FREE_QUEUE may wait for it.
//! - The hardware does not stop: NDIS_STATUS_REQUEST_ABORTED without DmaStopped. The queue is Paused with its memory; another
//!   FREE_QUEUE tries again, SET_FILTER fails, and a reset of the device sets it free.
//! - Removal or close while packets stay out: NDIS_STATUS_REQUEST_ABORTED after the driver's bounded wait; the memory is
//!   leaked.
//!
//! In D3 the queues stay and requests are answered as in D0; the hardware learns of them in D0Entry. CLEAR_FILTER of the last
//! filter pends while the receive path is in the queue, and cannot be cancelled: it ends with that pass. A closed door or a
//! removed device frees its queues without DmaStopped, but for those a FREE_QUEUE was taken of.
//!
//! # Invariants
//!
//! Checked after every step of every sequence of up to 8 events (`model.rs`; from states in which much is going on, of up to 6,
//! or 8 with IGBCX_FULL=1). The first five also hold in the interleavings of the lock-free part that loom tries (`race.rs`): all
//! of two threads, and those with at most three preemptions of three.
//!
//! 1. A queue's memory is freed at most once for each time it was allocated, and only when its DMA is proven off, no packet
//!    of it is out, and neither receive path nor a returning caller is inside.
//! 2. DmaStopped is told exactly once for each FREE_QUEUE that got as far as the proof, never before the DMA is proven off,
//!    and always before the end of the request.
//! 3. FREE_QUEUE ends with NDIS_STATUS_SUCCESS only after the last return and after the memory was freed.
//! 4. Each request that pends is completed exactly once, one that does not pend never.
//! 5. Whenever a step becomes possible that nobody takes by himself, somebody was told [`Wake::Engine`].
//! 6. No packet is indicated of a queue that is not complete, has no filter, is suspended or is being freed, once the request
//!    that made it so has ended.
//! 7. The hardware matches exactly the filters that are set, whenever it works and the last request succeeded.
//! 8. The hardware is started and stopped only in D0, and only while the receive path is out; that of a paused queue is off.
//! 9. When the door is closed and every packet came back, nothing is left; what is leaked is known to be.
#![no_std]
#![deny(unsafe_code)]

#[cfg(test)]
#[macro_use]
extern crate std;

mod buffers;
mod engine;
mod filter;
mod gate;
mod host;
#[expect(unsafe_code, reason = "reads and writes the consumer's memory")]
mod information;
#[cfg(all(test, not(loom)))]
mod model;
mod oid;
#[cfg(all(test, loom))]
#[expect(unsafe_code, reason = "cells that loom watches")]
mod race;
#[expect(unsafe_code, reason = "reads and writes the consumer's request")]
mod request;
mod state;

#[expect(unsafe_code, reason = "hands an unsafe call on")]
pub mod door;

pub use buffers::{Buffers, NotOut};
pub use engine::{Engine, dma_stopped};
pub use filter::{Filter, FilterId, FilterTable, MAX_FILTERS, Vlan};
pub use gate::{Gate, Receiving, TooMany, Wake};
pub use host::{Failed, Host, Limits, MAX_QUEUES, QueueId, Stopped, Stuck};
pub use state::{Answer, Effect, Look, Pause, Queues, State};
