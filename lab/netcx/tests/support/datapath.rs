//! The queues of the mini driver: a loopback in software.

use super::board::board;
use super::driver::{State, is, plan, state};
use super::rings::{extension_word, layout};
use super::{ddi, defects};
use netadaptercx_sys::*;
use std::time::Duration;
use wdk_sys::BOOLEAN;

fn at_passive() {
    assert_eq!(lab_kernel::cpu::irql(), 0, "start and stop are at PASSIVE_LEVEL");
}

pub unsafe extern "win64" fn tx_start(_q: NETPACKETQUEUE) {
    at_passive();
    let s = state();
    assert_eq!((s.tx.packets.begin(), s.tx.packets.end(), s.tx.fragments.end()), (0, 0, 0));
}
pub unsafe extern "win64" fn rx_start(_q: NETPACKETQUEUE) {
    at_passive();
    let s = state();
    assert_eq!((s.rx.packets.begin(), s.rx.packets.end(), s.rx.fragments.end()), (0, 0, 0));
}
pub unsafe extern "win64" fn tx_stop(_q: NETPACKETQUEUE) {
    at_passive();
    let s = state();
    assert_eq!(s.tx.packets.owned(), 0);
}
pub unsafe extern "win64" fn rx_stop(_q: NETPACKETQUEUE) {
    at_passive();
    let mut s = state();
    assert_eq!((s.rx.packets.owned(), s.rx.fragments.owned()), (0, 0));
    s.wire.clear();
}
pub unsafe extern "win64" fn tx_armed(_q: NETPACKETQUEUE, enabled: BOOLEAN) {
    state().tx.armed = enabled != 0;
}
pub unsafe extern "win64" fn rx_armed(_q: NETPACKETQUEUE, enabled: BOOLEAN) {
    state().rx.armed = enabled != 0;
}

pub unsafe extern "win64" fn tx_cancel(_q: NETPACKETQUEUE) {
    state().tx.cancelled = true;
    defects::in_tx_cancel();
}

pub unsafe extern "win64" fn rx_cancel(_q: NETPACKETQUEUE) {
    state().rx.cancelled = true;
    if !is("rx_hang") {
        return_unused_rx();
    }
}

/// Rx cancel: every packet back with Ignore set, every fragment back.
fn return_unused_rx() {
    let s = state();
    let (packets, fragments) = (s.rx.packets, s.rx.fragments);
    let mut i = packets.begin();
    while i != packets.end() {
        packets.packet(i).Flags |= NET_PACKET::Ignore;
        i = packets.add(i, 1);
    }
    packets.set_begin(packets.end());
    let kept = u32::from(is("rx_hang_one_fragment"));
    fragments.set_begin(fragments.add(fragments.end(), kept.wrapping_neg()));
}

pub unsafe extern "win64" fn tx_advance(_q: NETPACKETQUEUE) {
    let notify = if plan().slow_tx { slow_tx() } else { fast_tx() };
    defects::in_tx_advance();
    if notify {
        notify_rx();
    }
}

/// Notifies, if the framework asked for it: one shot.
fn notify_rx() {
    let (rx, context) = {
        let mut s = state();
        if !std::mem::take(&mut s.rx.armed) || is("notification_lost") {
            return;
        }
        (s.rx.handle, s.context)
    };
    // SAFETY: live handles.
    unsafe {
        if plan().own_context {
            ddi::NetExecutionContextNotify(context as NETEXECUTIONCONTEXT);
        } else {
            ddi::NetRxQueueNotifyMoreReceivedPacketsAvailable(rx as NETPACKETQUEUE);
        }
    }
}

/// Puts the frame of a Tx packet on the wire; an ignored packet has none.
fn send(s: &mut State, packet: NET_PACKET) {
    if packet.Flags & NET_PACKET::Ignore != 0 {
        assert_eq!(packet.FragmentCount, 0);
        s.tx_ignored += 1;
        return;
    }
    assert_eq!(i32::from(packet.Layout.Layer2Type()), _NET_PACKET_LAYER2_TYPE::NetPacketLayer2TypeEthernet);
    let mut frame = Vec::new();
    for k in 0..u32::from(packet.FragmentCount) {
        let index = s.tx.fragments.add(packet.FragmentIndex, k);
        let fragment = *s.tx.fragments.fragment(index);
        assert!(fragment.ValidLength() > 0 && fragment.Offset() + fragment.ValidLength() <= fragment.Capacity());
        // SAFETY: the framework's extension data.
        let (la, va) = unsafe { (*extension_word(&s.tx.la, index), *extension_word(&s.tx.va, index)) };
        let len = fragment.ValidLength() as usize;
        let bytes = board().device_read(la, len).expect("Tx fragments are mapped");
        // SAFETY: the framework's address of the same bytes.
        assert_eq!(bytes, unsafe { std::slice::from_raw_parts(va as *const u8, len) });
        frame.extend(bytes);
    }
    frame.drain(..plan().backfill as usize);
    s.wire.push_back(frame);
}

fn fast_tx() -> bool {
    let mut s = state();
    let (packets, fragments) = (s.tx.packets, s.tx.fragments);
    let mut i = packets.begin();
    while i != packets.end() {
        let packet = *packets.packet(i);
        send(&mut s, packet);
        i = packets.add(i, 1);
    }
    packets.set_begin(packets.end());
    if !is("tx_keeps_fragments") {
        fragments.set_begin(fragments.end());
    }
    true
}

/// Packets go to the hardware, which finishes one every 20 microseconds.
fn slow_tx() -> bool {
    let mut s = state();
    let (packets, fragments) = (s.tx.packets, s.tx.fragments);
    let mut new = false;
    while s.tx.next != packets.end() {
        let packet = *packets.packet(s.tx.next);
        send(&mut s, packet);
        s.tx.next = packets.add(s.tx.next, 1);
        s.in_flight += 1;
        new = true;
    }
    while s.finished > 0 {
        let packet = *packets.packet(packets.begin());
        fragments.set_begin(fragments.add(fragments.begin(), u32::from(packet.FragmentCount)));
        packets.set_begin(packets.add(packets.begin(), 1));
        s.finished -= 1;
    }
    if new && !std::mem::replace(&mut s.busy, true) {
        let at = lab_kernel::cpu::now() + Duration::from_micros(20);
        lab_kernel::cpu::set_timer(at, finish_one);
    }
    new
}

fn finish_one() {
    let notify = {
        let mut s = state();
        s.in_flight -= 1;
        s.finished += 1;
        s.busy = s.in_flight > 0;
        if s.busy {
            let at = lab_kernel::cpu::now() + Duration::from_micros(20);
            lab_kernel::cpu::set_timer(at, finish_one);
        }
        std::mem::take(&mut s.tx.armed).then_some(s.tx.handle)
    };
    if let Some(queue) = notify {
        // SAFETY: the Tx queue lives while packets are in flight.
        unsafe { ddi::NetTxQueueNotifyMoreCompletedPacketsAvailable(queue as NETPACKETQUEUE) };
    }
}

pub unsafe extern "win64" fn rx_advance(_q: NETPACKETQUEUE) {
    if state().rx.cancelled {
        return;
    }
    if !defects::in_rx_advance() {
        receive();
    }
}

/// Frames of the wire into the rings.
pub fn receive() {
    let mut s = state();
    while let Some(frame) = s.wire.front() {
        let rx = &s.rx;
        let capacity = if plan().driver_buffers {
            plan().max_frame as usize
        } else {
            rx.fragments.fragment(rx.fragments.begin()).Capacity() as usize
        };
        let pieces = frame.len().div_ceil(capacity.max(1)) as u32;
        if rx.packets.owned() == 0 || rx.fragments.owned() < pieces {
            break;
        }
        let frame = s.wire.pop_front().unwrap();
        let first = s.rx.fragments.begin();
        for (k, piece) in frame.chunks(capacity).enumerate() {
            let index = s.rx.fragments.add(first, k as u32);
            fill(&mut s, index, piece);
        }
        let packet = s.rx.packets.packet(s.rx.packets.begin());
        packet.FragmentIndex = first;
        packet.FragmentCount = pieces as u16;
        packet.Layout = layout([2, 0, 0], [14, 0, 0]);
        s.rx.packets.set_begin(s.rx.packets.add(s.rx.packets.begin(), 1));
        s.rx.fragments.set_begin(s.rx.fragments.add(first, pieces));
    }
}

fn fill(s: &mut State, index: u32, piece: &[u8]) {
    let fragment = s.rx.fragments.fragment(index);
    if plan().driver_buffers {
        let buffer =
            s.free_buffers.pop().unwrap_or_else(|| vec![0u8; plan().max_frame as usize].leak().as_mut_ptr() as u64);
        // SAFETY: a buffer of the driver, and the framework's extension data.
        unsafe {
            (buffer as *mut u8).copy_from_nonoverlapping(piece.as_ptr(), piece.len());
            *extension_word(&s.rx.va, index) = buffer;
            *extension_word(&s.rx.return_context, index) = buffer;
        }
        fragment.bits = (piece.len() as u64) | plan().max_frame << NET_FRAGMENT::CapacityShift;
    } else {
        // SAFETY: the framework's extension data.
        let la = unsafe { *extension_word(&s.rx.la, index) };
        assert!(board().device_write(la, piece), "posted Rx buffers are mapped");
        *fragment = fragment.with_valid(piece.len() as u32, 0);
        if is("overrun") {
            let behind = la + u64::from(fragment.Capacity());
            assert!(board().device_write(behind, b"too far"), "the queue's buffers are mapped as a whole");
        }
    }
}

pub unsafe extern "win64" fn return_buffer(_a: NETADAPTER, context: NET_FRAGMENT_RETURN_CONTEXT_HANDLE) {
    state().free_buffers.push(context as u64);
}
