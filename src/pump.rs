//! The loops of Advance: packets between the framework's rings and the hardware's.
//!
//! There is no Windows in here, so that benches/ counts the very instructions the driver runs.

use core::ops::DerefMut;
use igb::{
    Registers, rx,
    tx::{self, Completion, Fragment, Refusal},
};
use netadaptercx::ring::{Receive, RxRings, TxFragment, TxRings};

/// What one Advance of a transmit queue did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Packets posted to the hardware.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets that are completed without being sent.
    pub dropped: u64,
    /// The tail register was written.
    pub rang: bool,
}

/// Completes what the hardware sent, and posts what the framework has, while there is room.
#[inline]
pub fn transmit<R: Registers, C: DerefMut<Target = [Completion]>>(
    rings: &mut TxRings,
    ring: &mut tx::Queue<R, C>,
) -> Sent {
    let mut sent = Sent::default();
    rings.complete(ring.reclaim());
    let mut batch = ring.batch();
    let room = batch.room();
    while rings.has_waiting() {
        let some = post_singles(rings, &mut batch, &mut sent)
            || post_chains(rings, &mut batch, &mut sent)
            || post_packet(rings, &mut batch, &mut sent);
        if !some {
            break;
        }
    }
    sent.rang = batch.room() != room;
    batch.submit();
    sent
}

#[inline]
fn fragment(fragment: TxFragment) -> Fragment {
    Fragment { device_address: fragment.device_address, length: fragment.length }
}

/// Posts packets of one fragment each; false if something else comes. Not inlined, so that the loop has all registers.
#[inline(never)]
fn post_singles<R: Registers>(rings: &mut TxRings, batch: &mut tx::Batch<'_, R>, sent: &mut Sent) -> bool {
    let waiting = rings.waiting(batch.singles_room());
    let posted = batch.post_singles(waiting.len(), |n| waiting.single(n).map(fragment));
    taken(rings, posted, sent)
}

/// Posts packets of several fragments each; false if something else comes. Not inlined, as above.
#[inline(never)]
fn post_chains<R: Registers>(rings: &mut TxRings, batch: &mut tx::Batch<'_, R>, sent: &mut Sent) -> bool {
    let waiting = rings.waiting(batch.room().into());
    let posted = batch.post_chains(waiting.len(), |n| waiting.fragments(n).map(fragment));
    taken(rings, posted, sent)
}

#[inline]
fn taken(rings: &mut TxRings, posted: tx::Posted, sent: &mut Sent) -> bool {
    rings.take(posted.packets);
    sent.packets += posted.packets as u64;
    sent.bytes += posted.bytes;
    posted.packets != 0
}

/// Posts one packet of any kind; false if it has to wait.
#[inline(never)]
fn post_packet<R: Registers>(rings: &mut TxRings, batch: &mut tx::Batch<'_, R>, sent: &mut Sent) -> bool {
    let Some(packet) = rings.next_packet() else { return false };
    let mut length = 0;
    let fragments = packet.fragments().map(|piece| {
        length += u64::from(piece.length);
        fragment(piece)
    });
    // A packet the OS posted without data has no fragments and is skipped: it completes in its place.
    match batch.post(fragments) {
        Ok(()) if length != 0 => {
            sent.packets += 1;
            sent.bytes += length;
        }
        Ok(()) => sent.dropped += 1,
        Err(Refusal::NoRoom) => return false,
        Err(Refusal::TooLong) => {
            batch.skip();
            sent.dropped += 1;
        }
    }
    packet.take();
    true
}

/// What one Advance of a receive queue did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Frames handed to the framework.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The tail register was written.
    pub rang: bool,
}

/// Hands over what the hardware received, and gives it the buffers the framework has.
#[inline]
pub fn receive<R: Registers>(
    rings: &mut RxRings,
    ring: &mut rx::Queue<R>,
    frames: &mut rx::FrameAssembler,
) -> Received {
    let mut report = Received::default();
    let mut received = rings.receive();
    let mut completions = ring.completions();
    loop {
        if frames.is_idle() {
            receive_singles(&mut received, &mut completions, &mut report);
        }
        if !received.has_room() {
            break;
        }
        let Some(completion) = completions.next() else { break };
        receive_piece(&mut received, completion, frames, &mut report);
    }
    drop(completions);
    received.finish();
    loop {
        let free = rings.unoffered(ring.straight_room());
        let count = free.len();
        if count == 0 {
            break;
        }
        ring.post(count, move |n| free.device_address(n));
        rings.offer(count);
    }
    report.rang = ring.submit();
    report
}

/// Hands over frames in one buffer each, up to something else. Not inlined, so that the loop has all registers.
#[inline(never)]
fn receive_singles(received: &mut Receive<'_>, completions: &mut rx::Completions<'_>, report: &mut Received) {
    let ahead = completions.straight(received.singles_room());
    let delivered = received.deliver_singles(ahead.len(), |n| ahead.whole(n));
    completions.pass(delivered.packets);
    report.packets += delivered.packets as u64;
    report.bytes += delivered.bytes;
}

/// Deals with one buffer of any frame.
#[inline(never)]
fn receive_piece(
    received: &mut Receive<'_>,
    completion: rx::Completion,
    frames: &mut rx::FrameAssembler,
    report: &mut Received,
) {
    let filled = received.fill(completion.length().into());
    match frames.push(completion) {
        rx::Frame::Partial => {}
        rx::Frame::Whole { length, .. } if filled => {
            received.deliver();
            report.packets += 1;
            report.bytes += u64::from(length);
        }
        rx::Frame::Whole { .. } | rx::Frame::Bad { .. } => received.discard(),
    }
}
