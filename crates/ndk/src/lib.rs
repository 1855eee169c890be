//! An NDK provider: objects, work requests and completions, without hardware or kernel calls.
//!
//! ```text
//!   consumer --> dispatch tables (door) --> Engine: all objects of a device, plain data under one lock
//!                     ^                        |
//!                     | handle                 v woken objects
//!   consumer <-- Upcall <-- run(budget) <-- Object::step
//! ```
//!
//! ## One lock, no calls under it
//! [`Engine`] is everything that changes, and [`Platform::engine`] locks it: a spin lock for all adapters of a device. What
//! is done under it is bounded, calls neither the consumer nor the platform, and copies no more than a step's share of
//! data. Memory comes before the lock is taken ([`engine::Prepared`], or rings of full depth), apart from places in tables.
//! Consumers' memory (results, SGE arrays, addresses, private data) is read and written without it.
//!
//! Functions of the dispatch tables use [`run::with_engine`]: it locks, acts, unlocks, and asks the platform for
//! [`run()`] if something was woken.
//!
//! ## Objects
//! A consumer holds a [`handle::Handle`]; it leads to a name ([`object::ObjectId`]: place and generation) and the name, under
//! the lock, to the object if it still lives. References between objects are names too; none dangles. An object's life
//! ([`object::Base`]) is its adapter, its antecedents, and the count of what a close waits for:
//!
//! - a successor holds its antecedents and its adapter, until its own close completion has returned;
//! - a request that is pending holds its object ([`Engine::hold`], [`Engine::release`]) until its completion was handed to
//!   an upcall;
//! - an upcall holds its object until it returns.
//!
//! `NdkCloseXxx` is [`Engine::close`]: [`object::Object::closing`] starts what brings requests to their end; with nothing
//! held the object is gone and the answer is STATUS_SUCCESS. Otherwise it is STATUS_PENDING, and when the last hold ends the
//! object is taken out, its close completion is called, and then its antecedents are released. So nothing is touched after
//! its completion, and an antecedent's completion comes after its successors' have returned.
//!
//! ## Work and callbacks
//! [`Engine::wake`] queues an object, once; `wake_at` does so at a time. [`run()`] takes woken objects one after the other and
//! calls [`object::Object::step`] of each, which does a bounded piece (for data: at most 64 KiB) and may return one
//! [`upcall::Upcall`]. `run` makes it without the lock, at or below DISPATCH_LEVEL, and then calls
//! [`object::Object::returned`]. A step with more to do or to tell wakes its object again, so all objects take turns.
//!
//! There is one `run` at a time for a device. It follows that callbacks of a device never run at the same time, none is made
//! inside a function that the consumer calls, and all that a consumer posts is done later. Create requests complete inline.
//!
//! ## Completions
//! [`Engine::place`] puts a [`cq::Completion`] into a CQ and has its consumer notified, by the rules of [`arm`]. It says
//! [`cq::Placed::Unusable`] when the CQ overran or failed: then the completion is dropped, and a QP that gets this answer, or
//! is woken and finds [`cq::Cq::is_usable`] false, is unusable too and places nothing any more.
//!
//! ## A new type of object
//! 1. Its type `T: Object` in a file of its own, with `KIND`, `LIMIT`, `table`, `table_mut`, and of `closing`, `step`,
//!    `returned`, `stop`, `end` what it needs.
//! 2. [`object::Kind`], [`object::KINDS`] and `with_type!` get it; [`Engine`] gets its [`table::Table`].
//! 3. `door/` gets its dispatch table and functions: `object` resolves a handle, `admit` takes a [`engine::Prepared`] in and
//!    writes the handle, `close` closes. Its create function goes into the table of its parent.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod adapter;
pub mod connector;
pub mod cq;
pub mod door;
pub mod engine;
pub mod handle;
pub mod listener;
mod memory;
pub mod mr;
pub mod mw;
pub mod object;
pub mod pd;
pub mod platform;
pub mod qp;
pub mod run;
pub mod shared_endpoint;
pub mod slab;
pub mod srq;
pub mod table;
pub mod transport;
pub mod upcall;

pub use door::adapter::{close_adapter, open_adapter};
pub use engine::Engine;
pub use platform::{MappedMdl, Platform};
pub use run::{expire, fail, run, start, stop};
