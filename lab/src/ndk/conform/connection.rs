//! Connection management: listeners, connectors, shared endpoints, private data, and every way to part.

use super::bench::*;
use crate::ndk::consumer::{Adapter, Connector, LIMIT, Side};
use lab_kernel::rules;
use ndis_sys::ndk::status::*;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use wdk_sys::{NTSTATUS, STATUS_CANCELLED, STATUS_IO_TIMEOUT, STATUS_SUCCESS};

rules! {
    NDK_REFUSED: "A connect that nobody takes ends with a status of the documented kind", "DDI ndkpi NDK_FN_CONNECT: STATUS_CONNECTION_REFUSED and the others; NDK_FN_REJECT";
    NDK_PAUSED: "A paused listener is as none, and takes connections again when it is restarted", "DDI ndkpi NDK_FN_CONTROL_CONNECT_EVENTS: Remarks";
    NDK_PRIVATE_DATA: "Private data of connect, accept and reject reaches the peer", "DDI ndkpi NDK_FN_GET_CONNECTION_DATA: Remarks";
    NDK_READ_LIMITS: "The effective read limits are at most what both sides and the adapter allow", "DDI ndkpi NDK_FN_ACCEPT: InboundReadLimit, OutboundReadLimit";
    NDK_ADDRESSES: "The addresses of a connection are those of its two ends", "DDI ndkpi NDK_FN_GET_LOCAL_ADDRESS, NDK_FN_GET_PEER_ADDRESS";
    NDK_EPHEMERAL: "Port 0 gets a port of its own from 49152 on", "DDI ndkpi NDK_FN_LISTEN, NDK_FN_CREATE_SHARED_ENDPOINT: STATUS_TOO_MANY_ADDRESSES";
    NDK_ADDRESS_IN_USE: "A local address is used once: STATUS_SHARING_VIOLATION", "DDI ndkpi NDK_FN_LISTEN, NDK_FN_CONNECT, NDK_FN_CREATE_SHARED_ENDPOINT";
    NDK_ADDRESS_INVALID: "A local address that no adapter can have is STATUS_INVALID_ADDRESS", "DDI ndkpi NDK_FN_LISTEN, NDK_FN_CONNECT, NDK_FN_CREATE_SHARED_ENDPOINT";
    NDK_ADDRESS_RELEASED: "An address is free again when its listener and all its connectors are closed", "docs NDKPI listeners, connectors, and endpoints";
    NDK_DISCONNECT_TOLD: "The peer of a connection that ends is told", "DDI ndkpi NDK_FN_DISCONNECT_EVENT_CALLBACK";
    NDK_DISCONNECT_FLUSHES: "NdkDisconnect flushes the QP of its side; the other side's requests wait for its own", "DDI ndkpi NDK_FN_DISCONNECT: Remarks; NDK_FN_DISCONNECT_EVENT_CALLBACK: Remarks";
    NDK_DISCONNECTED: "A QP whose connection has ended takes no initiator requests", "DDI ndkpi NDK_FN_SEND: STATUS_CONNECTION_INVALID";
    NDK_ABANDONED: "Whoever waits for a peer that gave up is told", "DDI ndkpi NDK_FN_ACCEPT, NDK_FN_COMPLETE_CONNECT: STATUS_CONNECTION_ABORTED; NDK_FN_REJECT";
    NDK_CONNECT_STATE: "NdkCompleteConnect without a connection under way is STATUS_CONNECTION_INVALID", "DDI ndkpi NDK_FN_COMPLETE_CONNECT";
    NDK_CLOSE_ENDS_REQUESTS: "The close of a connector completes after its pending requests", "DDI ndkpi NDK_FN_CLOSE_COMPLETION: Remarks";
}

const NOBODY: SocketAddrV4 = SocketAddrV4::new(HERE, 0);

fn is_refusal(status: Option<NTSTATUS>) -> bool {
    let documented =
        [STATUS_CONNECTION_REFUSED, STATUS_HOST_UNREACHABLE, STATUS_NETWORK_UNREACHABLE, STATUS_IO_TIMEOUT];
    status.is_some_and(|status| documented.contains(&status))
}

fn new_connector(adapter: &Adapter) -> Option<Connector> {
    must(&NDK_WITHIN_LIMITS, "NdkCreateConnector", adapter.create_connector())
}

fn side(data: &[u8]) -> Side {
    Side { inbound: 2, outbound: 2, data: data.to_vec(), ex: false }
}

/// Nobody there, paused, rejected, and asked out of order.
pub fn refusals(adapter: &Adapter) -> Option<()> {
    let end = End::new(adapter, A, &Shape::default())?;
    let at = fresh_address();
    let refused = |what: &str, status: Option<NTSTATUS>| {
        NDK_REFUSED.check(is_refusal(status), || format!("{what}: {status:x?}"));
    };
    let connector = new_connector(adapter)?;
    refused("no listener", connector.connect(end.qp, NOBODY, at, &side(b"")).wait());
    connector.close().wait();

    let connector = new_connector(adapter)?;
    let status = connector.complete_connect(false).wait();
    NDK_CONNECT_STATE.check(status == Some(STATUS_CONNECTION_INVALID), || format!("{status:x?}"));
    connector.close().wait();

    let listener = listen(adapter, at)?;
    listener.pause(true);
    let connector = new_connector(adapter)?;
    let status = connector.connect(end.qp, NOBODY, at, &side(b"")).wait();
    let nobody = listener.incoming(QUIET).is_none();
    NDK_PAUSED.check(is_refusal(status) && nobody, || format!("paused: {status:x?}, no event {nobody}"));
    connector.close().wait();
    listener.pause(false);

    let connector = new_connector(adapter)?;
    let connecting = connector.connect(end.qp, NOBODY, at, &side(b"please"));
    let incoming = listener.incoming(LIMIT);
    NDK_PAUSED.check(incoming.is_some(), || "restarted: no connect event".to_owned());
    let incoming = incoming?;
    let rejected = incoming.reject(b"no, thank you");
    NDK_REFUSED.check(rejected == STATUS_SUCCESS, || format!("NdkReject: {rejected:#x}"));
    let status = connecting.wait();
    NDK_REFUSED.check(status == Some(STATUS_CONNECTION_REFUSED), || format!("rejected: {status:x?}"));
    let (_, _, data) = connector.data();
    NDK_PRIVATE_DATA.check(data.starts_with(b"no, thank you"), || format!("of the reject: {data:x?}"));
    incoming.close().wait();
    connector.close().wait();
    listener.close().wait();
    end.close();
    Some(())
}

/// Private data, read limits and addresses of a connection that is made.
pub fn data(adapter: &Adapter) -> Option<()> {
    let info = adapter.info();
    let (a, b) = (End::new(adapter, A, &Shape::default())?, End::new(adapter, B, &Shape::default())?);
    let at = fresh_address();
    let listener = listen(adapter, at)?;
    let connector = new_connector(adapter)?;
    let hello: Vec<u8> = (0..info.MaxCallerData.min(56)).map(|i| i as u8 + 1).collect();
    let welcome: Vec<u8> = (0..info.MaxCalleeData.min(40)).map(|i| 200 - i as u8).collect();
    let asking = Side { inbound: 3, outbound: 7, data: hello.clone(), ex: false };
    let giving = Side { inbound: 5, outbound: 2, data: welcome.clone(), ex: true };
    let connecting = connector.connect(a.qp, NOBODY, at, &asking);
    let incoming = listener.incoming(LIMIT)?;
    let (inbound, outbound, data) = incoming.data();
    NDK_PRIVATE_DATA.check(data.starts_with(&hello), || format!("of the connect: {data:x?}"));
    let capped = inbound <= info.MaxInboundReadLimit && outbound <= info.MaxOutboundReadLimit;
    NDK_READ_LIMITS.check(capped, || format!("at the listener: {inbound}, {outbound}"));
    let (local, peer) = (incoming.local_address(), incoming.peer_address());
    let accepting = incoming.accept(b.qp, &giving);
    must_be(&NDK_CONNECTS, "NdkConnect", connecting.wait())?;
    let (inbound, outbound, data) = connector.data();
    NDK_PRIVATE_DATA.check(data.starts_with(&welcome), || format!("of the accept: {data:x?}"));
    let most_in = asking.inbound.min(giving.outbound).min(info.MaxInboundReadLimit);
    let most_out = asking.outbound.min(giving.inbound).min(info.MaxOutboundReadLimit);
    let capped = inbound <= most_in && outbound <= most_out;
    NDK_READ_LIMITS.check(capped, || format!("{inbound} of {most_in}, {outbound} of {most_out}"));
    must_be(&NDK_CONNECTS, "NdkCompleteConnect", connector.complete_connect(false).wait())?;
    must_be(&NDK_CONNECTS, "NdkAcceptEx", accepting.wait())?;
    let own = connector.local_address();
    let ephemeral = own.is_some_and(|own| own.port() >= 49152);
    NDK_EPHEMERAL.check(ephemeral, || format!("connect from port 0: {own:?}"));
    let right = local == Some(at) && peer == own && connector.peer_address() == Some(at);
    NDK_ADDRESSES.check(right, || format!("listener's {local:?} {peer:?}, connector's {own:?}"));
    wait_all([incoming.close(), connector.close()]);
    a.close();
    b.close();
    wait_all([listener.close()]);
    Some(())
}

/// Addresses in use, and free again.
pub fn addresses(adapter: &Adapter) -> Option<()> {
    let at = fresh_address();
    let first = listen(adapter, at)?;
    let told = first.local_address();
    NDK_ADDRESSES.check(told == Some(at), || format!("the listener of {at} says {told:?}"));
    let in_use = |what: &str, status: Option<NTSTATUS>| {
        NDK_ADDRESS_IN_USE.check(status == Some(STATUS_SHARING_VIOLATION), || format!("{what}: {status:x?}"));
    };
    let second = must(&NDK_WITHIN_LIMITS, "NdkCreateListener", adapter.create_listener())?;
    in_use("a second listener", second.listen(at).wait());
    in_use("an endpoint", adapter.create_endpoint(at).err());
    let end = End::new(adapter, A, &Shape::default())?;
    let connector = new_connector(adapter)?;
    in_use("a connector", connector.connect(end.qp, at, fresh_address(), &side(b"")).wait());
    let multicast = SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 1), 4420);
    let status = second.listen(multicast).wait();
    NDK_ADDRESS_INVALID.check(status == Some(STATUS_INVALID_ADDRESS), || format!("listen on {multicast}: {status:x?}"));
    let status = adapter.create_endpoint(multicast).err();
    NDK_ADDRESS_INVALID
        .check(status == Some(STATUS_INVALID_ADDRESS), || format!("endpoint at {multicast}: {status:x?}"));
    wait_all([connector.close(), second.close(), first.close()]);
    let again = listen(adapter, at);
    NDK_ADDRESS_RELEASED.check(again.is_some(), || "after the listener was closed".to_owned());
    wait_all(again.iter().map(|l| l.close()));
    let anywhere = listen(adapter, NOBODY)?;
    let told = anywhere.local_address();
    NDK_EPHEMERAL.check(told.is_some_and(|t| t.port() >= 49152), || format!("listener: {told:?}"));
    let endpoint = must(&NDK_WITHIN_LIMITS, "NdkCreateSharedEndpoint", adapter.create_endpoint(NOBODY))?;
    let told = endpoint.local_address();
    NDK_EPHEMERAL.check(told.is_some_and(|t| t.port() >= 49152), || format!("endpoint: {told:?}"));
    wait_all([anywhere.close(), endpoint.close()]);
    end.close();
    // The connectors of a listener keep its address.
    let mut pair = Pair::new(adapter, &Shape::default())?;
    let at = pair.listener.local_address()?;
    let closing = pair.listener.close();
    settle();
    let second = must(&NDK_WITHIN_LIMITS, "NdkCreateListener", adapter.create_listener())?;
    in_use("while a connector accepted there is open", second.listen(at).wait());
    wait_all(pair.a.connector.take().map(|c| c.close()));
    wait_all(pair.b.connector.take().map(|c| c.close()));
    closing.wait();
    let status = second.listen(at).wait();
    NDK_ADDRESS_RELEASED.check(status == Some(STATUS_SUCCESS), || format!("after the last connector: {status:x?}"));
    second.close().wait();
    pair.a.close();
    pair.b.close();
    Some(())
}

/// A graceful disconnect from either side, and a connector that is just closed.
pub fn partings(adapter: &Adapter) -> Option<()> {
    for (from_a, graceful) in [(true, true), (false, true), (true, false), (false, false)] {
        let mut pair = Pair::new(adapter, &Shape::default())?;
        let what = format!("side {}, graceful {graceful}", if from_a { "A" } else { "B" });
        let (here, there) = if from_a { (&mut pair.a, &mut pair.b) } else { (&mut pair.b, &mut pair.a) };
        for i in 0..3 {
            here.receive(i, 0, 8);
            there.receive(i, 0, 8);
        }
        let connector = here.connector.take()?;
        if graceful {
            let status = connector.disconnect().wait();
            NDK_DISCONNECT_TOLD.check(status == Some(STATUS_SUCCESS), || format!("{what}: {status:x?}"));
            let own = take(&here.rcq, 3);
            let flushed = own.len() == 3 && own.iter().all(|w| w.status == STATUS_CANCELLED);
            NDK_DISCONNECT_FLUSHES.check(flushed, || format!("{what}: {own:x?}"));
        } else {
            connector.close().wait();
        }
        settle();
        let peer = there.connector.clone()?;
        NDK_DISCONNECT_TOLD.check(peer.disconnects() == 1, || format!("{what}: told {} times", peer.disconnects()));
        if graceful {
            let early = there.rcq.results(9);
            NDK_DISCONNECT_FLUSHES.check(early.is_empty(), || format!("{what}: the peer's requests: {early:x?}"));
        }
        for end in [&*here, &*there] {
            let status = end.qp.send(9, &[end.region.sge(0, 8)], 0);
            NDK_DISCONNECTED.check(status == STATUS_CONNECTION_INVALID, || format!("{what}: send {status:#x}"));
        }
        let status = peer.disconnect().wait();
        NDK_DISCONNECT_TOLD.check(status.is_some(), || format!("{what}: the peer's own disconnect"));
        let theirs = take(&there.rcq, 3);
        let flushed = theirs.len() == 3 && theirs.iter().all(|w| w.status == STATUS_CANCELLED);
        NDK_DISCONNECT_FLUSHES.check(flushed, || format!("{what}: after the peer's own: {theirs:x?}"));
        if graceful {
            connector.close().wait();
        }
        pair.close();
    }
    Some(())
}

/// Sides that give up before the connection is made, and closes with requests pending.
pub fn abandoned(adapter: &Adapter) -> Option<()> {
    let gave_up = |status: Option<NTSTATUS>| {
        status.is_some_and(|s| [STATUS_CONNECTION_ABORTED, STATUS_CONNECTION_REFUSED, STATUS_IO_TIMEOUT].contains(&s))
    };
    let (a, b) = (End::new(adapter, A, &Shape::default())?, End::new(adapter, B, &Shape::default())?);
    let at = fresh_address();
    let listener = listen(adapter, at)?;
    let begin = || {
        let connector = new_connector(adapter)?;
        let connecting = connector.connect(a.qp, NOBODY, at, &side(b""));
        Some((connector, connecting, listener.incoming(LIMIT)?))
    };
    // The connector is closed before it is accepted.
    let (connector, connecting, incoming) = begin()?;
    let closing = connector.close();
    closing.wait();
    let ended = connecting.status();
    NDK_CLOSE_ENDS_REQUESTS.check(ended.is_some_and(|s| s != STATUS_SUCCESS), || format!("connect: {ended:x?}"));
    settle();
    let status = incoming.accept(b.qp, &side(b"")).wait();
    NDK_ABANDONED.check(gave_up(status), || format!("accept after the connector was closed: {status:x?}"));
    incoming.close().wait();
    // It is closed, or says no, when it was accepted.
    for close in [true, false] {
        let (connector, connecting, incoming) = begin()?;
        let accepting = incoming.accept(b.qp, &side(b""));
        must_be(&NDK_CONNECTS, "NdkConnect", connecting.wait())?;
        let pending = accepting.status().is_none();
        if close {
            connector.close().wait();
        } else {
            let status = connector.reject(b"after all, no");
            NDK_ABANDONED.check(status == STATUS_SUCCESS, || format!("NdkReject by the connecting side: {status:#x}"));
        }
        let status = accepting.wait();
        let told = pending && gave_up(status);
        NDK_ABANDONED
            .check(told, || format!("accept of a peer that gave up (close {close}): {status:x?}, pending {pending}"));
        if !close {
            connector.close().wait();
        }
        incoming.close().wait();
    }
    // The accepting side goes, before or after its accept.
    let (connector, connecting, incoming) = begin()?;
    incoming.close().wait();
    let status = connecting.wait();
    NDK_ABANDONED
        .check(is_refusal(status) || gave_up(status), || format!("connect to a closed connector: {status:x?}"));
    connector.close().wait();
    let (connector, connecting, incoming) = begin()?;
    let accepting = incoming.accept(b.qp, &side(b""));
    must_be(&NDK_CONNECTS, "NdkConnect", connecting.wait())?;
    incoming.close().wait();
    let ended = accepting.status();
    NDK_CLOSE_ENDS_REQUESTS.check(ended.is_some_and(|s| s != STATUS_SUCCESS), || format!("accept: {ended:x?}"));
    let status = connector.complete_connect(false).wait();
    let told = gave_up(status) || status == Some(STATUS_CONNECTION_INVALID);
    NDK_ABANDONED.check(told, || format!("complete of a peer that is closed: {status:x?}"));
    connector.close().wait();
    closed_in_completion(adapter, &a)?;
    // A listener that closes takes no more connections, and lets those go that nobody decided on.
    let (connector, connecting, incoming) = begin()?;
    let closing = listener.close();
    settle();
    let late = new_connector(adapter)?;
    let status = late.connect(a.qp, NOBODY, at, &side(b"")).wait();
    NDK_REFUSED.check(status.is_some_and(|s| s != STATUS_SUCCESS), || format!("a closing listener: {status:x?}"));
    late.close().wait();
    incoming.close().wait();
    connecting.wait();
    connector.close().wait();
    closing.wait();
    a.close();
    b.close();
    Some(())
}

/// A connector that its own failed connect closes, from inside the completion.
fn closed_in_completion(adapter: &Adapter, a: &End) -> Option<()> {
    let connector = new_connector(adapter)?;
    let slot = Arc::new(Mutex::new(None));
    let (inner, kept) = (connector.clone(), slot.clone());
    let called = Arc::new(AtomicBool::new(false));
    let flag = called.clone();
    let hook = Box::new(move |_| {
        flag.store(true, Ordering::Relaxed);
        *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(inner.close());
    });
    let connecting = connector.connect_then(a.qp, NOBODY, fresh_address(), &side(b""), Some(hook));
    let status = connecting.wait();
    if !called.load(Ordering::Relaxed) {
        // Refused inline: there was no completion to close it from.
        connector.close().wait();
    }
    NDK_REFUSED.check(is_refusal(status), || format!("{status:x?}"));
    let closing = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    wait_all(closing);
    Some(())
}
