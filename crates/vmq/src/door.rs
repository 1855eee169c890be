//! The door's part of a request: the engine under the lock, the consumer's callbacks without it, in the right order.

use crate::{Effect, Engine, Host, Pause, QueueId};
use core::ptr::NonNull;
use ndis_sys::{NDIS_OID_REQUEST, NDIS_STATUS, NDIS_STATUS_PENDING};

/// A door: the engine with its lock, and the consumer behind it.
pub trait Door {
    /// The hardware.
    type Host: Host;
    /// Names a request that pends, such as its pointer; equal names are the same request.
    type Request: Clone + PartialEq;

    /// Runs `body` with the door's lock, which only PASSIVE_LEVEL code takes. `body` calls no consumer and does not come
    /// back here.
    fn locked<T>(&self, body: impl FnOnce(&mut Engine<Self::Request>, &mut Self::Host) -> T) -> T;

    /// Tells the consumer that the queue's DMA has stopped ([`crate::dma_stopped`]). Without the lock, at PASSIVE_LEVEL; the
    /// consumer may issue and cancel requests and return packets meanwhile.
    fn dma_stopped(&self, queue: QueueId);

    /// Tells the consumer that a request has ended which pended. Like [`Self::dma_stopped`].
    fn complete(&self, request: Self::Request, status: NDIS_STATUS);
}

/// Answers an OID request. NDIS_STATUS_PENDING means that [`Door::complete`] is called for `request`, exactly once and perhaps
/// before this returns; else it is not called. PASSIVE_LEVEL.
///
/// # Safety
/// As for [`Engine::oid`].
pub unsafe fn oid<D: Door>(door: &D, oid: NonNull<NDIS_OID_REQUEST>, request: D::Request) -> NDIS_STATUS {
    // SAFETY: the caller's promise.
    let status = door.locked(|engine, host| unsafe { engine.oid(host, oid, request.clone()) });
    let settled = settle(door, (status == NDIS_STATUS_PENDING).then_some(&request));
    settled.unwrap_or(status)
}

/// The work item of [`crate::Wake::Engine`]: takes every step that can be taken and tells the consumer. PASSIVE_LEVEL.
pub fn work<D: Door>(door: &D) {
    settle(door, None);
}

/// Like [`work`], but the end of `own` is returned and not told.
pub fn settle<D: Door>(door: &D, own: Option<&D::Request>) -> Option<NDIS_STATUS> {
    let mut answer = None;
    while let Some(effect) = door.locked(|engine, host| engine.next(host)) {
        match effect {
            Effect::DmaStopped(queue) => {
                door.dma_stopped(queue);
                door.locked(|engine, _| engine.announced(queue));
            }
            Effect::Complete(request, status) if own == Some(&request) => answer = Some(status),
            Effect::Complete(request, status) => door.complete(request, status),
        }
    }
    answer
}

/// D0Exit, or before a reset in D0: closes every queue, lets the receive path leave (`wait` waits a moment and says whether
/// to go on waiting), runs `reset` with the lock and takes its word for every DMA being off. True if the receive path left in
/// time; if not, the device is reset all the same, and the queue it is in cannot run until it left. PASSIVE_LEVEL.
pub fn suspend<D: Door>(
    door: &D,
    pause: Pause,
    mut wait: impl FnMut() -> bool,
    reset: impl FnOnce(&mut D::Host) -> bool,
) -> bool {
    door.locked(|engine, host| engine.suspend(host, pause));
    let idle = loop {
        if door.locked(|engine, host| engine.is_idle(host)) {
            break true;
        }
        if !wait() {
            break false;
        }
    };
    door.locked(|engine, host| {
        let proven = reset(host);
        engine.reset_done(proven);
    });
    work(door);
    idle
}

/// Why every queue goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The consumer closes the door.
    Close,
    /// The device goes.
    Remove,
}

/// Frees every queue, ends every pending request, and waits for packets that are out (`wait` as for [`suspend`]). What does
/// not come back in time is leaked; true if nothing was. No callback comes after this if no other thread is inside the door.
/// PASSIVE_LEVEL.
pub fn end<D: Door>(door: &D, end: End, mut wait: impl FnMut() -> bool) -> bool {
    door.locked(|engine, host| match end {
        End::Close => engine.close(host),
        End::Remove => engine.remove(host),
    });
    loop {
        work(door);
        if door.locked(|engine, _| engine.is_empty()) {
            return true;
        }
        if !wait() {
            break;
        }
    }
    let leaked = door.locked(|engine, _| engine.abandon());
    work(door);
    !leaked
}
