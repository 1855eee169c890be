//! The rules of connecting and parting, one by one, by the dispatch tables.

mod support;

use ndis_sys::ndk::{status::*, *};
use std::ptr::{null_mut, with_exposed_provenance_mut};
use support::{
    common::System,
    consumer::*,
    host::{Event, events, objects},
};
use wdk_sys::*;

/// Two unconnected queue pairs, a connector and a listener.
struct Meeting {
    consumer: Consumer,
    pd: *mut NDK_PD,
    cq: *mut NDK_CQ,
    qps: [*mut NDK_QP; 2],
    active: *mut NDK_CONNECTOR,
    listener: *mut NDK_LISTENER,
}

impl Meeting {
    fn new() -> Meeting {
        let consumer = Consumer::open(System::new());
        let (pd, cq) = (consumer.pd(), consumer.cq(64, 9));
        let qps = [1, 2].map(|number| qp(pd, [cq, cq], number));
        events();
        Meeting { consumer, pd, cq, qps, active: consumer.connector(), listener: consumer.listener(PORT, 7) }
    }

    fn run(&self) {
        self.consumer.host.run(BUDGET);
    }

    /// Connects as far as the connect event.
    fn incoming(&self) -> *mut NDK_CONNECTOR {
        assert_eq!(connect(self.active, self.qps[0], PORT, 1), STATUS_PENDING);
        self.run();
        match events()[..] {
            [Event::Connect(7, connector)] => with_exposed_provenance_mut(connector),
            ref other => panic!("{other:?}"),
        }
    }

    /// Connects as far as the accepted request.
    fn offered(&self) -> *mut NDK_CONNECTOR {
        let passive = self.incoming();
        assert_eq!(accept(passive, self.qps[1], 2), STATUS_PENDING);
        self.run();
        assert_eq!(events(), [Event::Request(1, STATUS_SUCCESS)]);
        passive
    }

    fn connected(&self) -> *mut NDK_CONNECTOR {
        let passive = self.offered();
        assert_eq!(self.complete(), STATUS_SUCCESS);
        self.run();
        assert_eq!(events(), [Event::Request(2, STATUS_SUCCESS)]);
        passive
    }

    fn complete(&self) -> NTSTATUS {
        let active = self.active;
        call!(active.NdkCompleteConnect(Some(on_disconnect), tag(1), Some(on_request), tag(1)))
    }

    /// Closes everything, and nothing is left.
    fn close(self, passives: &[*mut NDK_CONNECTOR]) {
        for connector in passives.iter().copied().chain([self.active]) {
            close!(connector.NdkCloseConnector, 90);
        }
        let Meeting { consumer, pd, cq, qps, listener, .. } = self;
        close!(listener.NdkCloseListener, 91);
        for qp in qps {
            close!(qp.NdkCloseQp, 92);
        }
        close!(cq.NdkCloseCq, 93);
        close!(pd.NdkClosePd, 94);
        consumer.host.run(BUDGET);
        consumer.close();
        assert_eq!(objects(consumer.host), 0);
    }
}

fn data_of(connector: *mut NDK_CONNECTOR) -> (NTSTATUS, [u32; 2], Vec<u8>) {
    let (mut limits, mut bytes, mut length) = ([u32::MAX; 2], vec![0; 300], 300);
    let [inbound, outbound] = &mut limits;
    let status = call!(connector.NdkGetConnectionData(inbound, outbound, bytes.as_mut_ptr().cast(), &raw mut length));
    bytes.truncate(if status == STATUS_SUCCESS { length as usize } else { 0 });
    (status, limits, bytes)
}

fn port_of(connector: *mut NDK_CONNECTOR, peer: bool) -> Result<u16, NTSTATUS> {
    let (mut address, mut length) = (SOCKADDR_IN::default(), 16);
    let at = (&raw mut address).cast();
    let status = if peer {
        call!(connector.NdkGetPeerAddress(at, &raw mut length))
    } else {
        call!(connector.NdkGetLocalAddress(at, &raw mut length))
    };
    if status == STATUS_SUCCESS { Ok(u16::from_be(address.sin_port)) } else { Err(status) }
}

#[test]
fn private_data_limits_and_addresses_reach_the_peer() {
    let meeting = Meeting::new();
    let active = meeting.active;
    assert_eq!(data_of(active).0, STATUS_CONNECTION_INVALID);
    assert_eq!(port_of(active, false), Err(STATUS_CONNECTION_INVALID));
    let mut hello: Vec<u8> = (0..=255).collect();
    let (mut from, mut to) = (address(0), address(PORT));
    let ((from, from_length), (to, to_length)) = (sockaddr(&mut from), sockaddr(&mut to));
    let mut begin = |limits: [u32; 2], length| {
        let hello = hello.as_mut_ptr().cast();
        let [inbound, outbound] = limits;
        call!(active.NdkConnect(
            meeting.qps[0],
            from,
            from_length,
            to,
            to_length,
            inbound,
            outbound,
            hello,
            length,
            Some(on_request),
            tag(1)
        ))
    };
    assert_eq!(begin([3, 1000], 257), STATUS_INVALID_BUFFER_SIZE);
    assert_eq!(begin([3, 1000], 256), STATUS_PENDING);
    meeting.run();
    let [Event::Connect(7, passive)] = events()[..] else { panic!("a connect event") };
    let passive: *mut NDK_CONNECTOR = with_exposed_provenance_mut(passive);
    // The active side's limits, seen from the other side and capped.
    assert_eq!(data_of(passive), (STATUS_SUCCESS, [16, 3], hello.clone()));
    let (mut few, mut length) = ([0_u8; 10], 10);
    let place = few.as_mut_ptr().cast();
    assert_eq!(
        call!(passive.NdkGetConnectionData(null_mut(), null_mut(), place, &raw mut length)),
        STATUS_BUFFER_TOO_SMALL
    );
    assert_eq!((length, &few[..]), (256, &hello[..10]));
    length = 0;
    let size_only = call!(passive.NdkGetConnectionData(null_mut(), null_mut(), null_mut(), &raw mut length));
    assert_eq!((size_only, length), (STATUS_SUCCESS, 256));
    let invalid = call!(passive.NdkGetConnectionData(null_mut(), null_mut(), null_mut(), &raw mut length));
    assert_eq!(invalid, STATUS_INVALID_PARAMETER);

    let (mut answer, qp) = (*b"yes", meeting.qps[1]);
    let answered =
        call!(passive.NdkAccept(qp, 0, 2, answer.as_mut_ptr().cast(), 3, None, null_mut(), Some(on_request), tag(2)));
    assert_eq!(answered, STATUS_PENDING);
    meeting.run();
    assert_eq!(data_of(active), (STATUS_SUCCESS, [2, 0], b"yes".to_vec()));
    assert_eq!(meeting.complete(), STATUS_SUCCESS);
    let [local, peer] = [false, true].map(|peer| port_of(active, peer).unwrap());
    assert!(local >= 49152 && peer == PORT);
    assert_eq!([true, false].map(|peer| port_of(passive, peer).unwrap()), [local, PORT]);
    // An effective outbound limit of 0: no reads.
    let [qp, other] = meeting.qps;
    assert_eq!(call!(qp.NdkRead(tag(1), null_mut(), 0, 0, 0, 0)), STATUS_INVALID_DEVICE_REQUEST);
    assert_eq!(call!(other.NdkRead(tag(1), null_mut(), 0, 0, 0, 0)), STATUS_SUCCESS);
    meeting.close(&[passive]);
}

#[test]
fn nobody_there_is_refused_and_can_be_tried_again() {
    let meeting = Meeting::new();
    let listener = meeting.listener;
    assert_eq!(connect(meeting.active, meeting.qps[0], PORT + 1, 1), STATUS_PENDING);
    meeting.run();
    assert_eq!(events(), [Event::Request(1, STATUS_CONNECTION_REFUSED)]);
    call!(listener.NdkControlConnectEvents(1));
    assert_eq!(connect(meeting.active, meeting.qps[0], PORT, 1), STATUS_PENDING);
    meeting.run();
    assert_eq!(events(), [Event::Request(1, STATUS_CONNECTION_REFUSED)]);
    call!(listener.NdkControlConnectEvents(0));
    let (mut far, active) = (SOCKADDR_IN { sin_addr: [10, 9, 9, 9], ..address(PORT) }, meeting.active);
    let mut from = address(0);
    let ((from, from_length), (to, to_length)) = (sockaddr(&mut from), sockaddr(&mut far));
    let qp = meeting.qps[0];
    let status =
        call!(active.NdkConnect(qp, from, from_length, to, to_length, 0, 0, null_mut(), 0, Some(on_request), tag(1)));
    assert_eq!(status, STATUS_PENDING);
    meeting.run();
    assert_eq!(events(), [Event::Request(1, STATUS_HOST_UNREACHABLE)]);
    let passive = meeting.connected();
    assert_eq!(connect(meeting.active, meeting.qps[0], PORT, 1), STATUS_INVALID_DEVICE_STATE);
    let another = meeting.consumer.connector();
    assert_eq!(connect(another, meeting.qps[0], PORT, 1), STATUS_CONNECTION_ACTIVE);
    meeting.close(&[passive, another]);
}

#[test]
fn a_rejection_carries_private_data_to_either_side() {
    let meeting = Meeting::new();
    let active = meeting.active;
    let passive = meeting.incoming();
    let mut no = *b"no";
    assert_eq!(call!(passive.NdkReject(no.as_mut_ptr().cast(), 2)), STATUS_SUCCESS);
    meeting.run();
    assert_eq!(events(), [Event::Request(1, STATUS_CONNECTION_REFUSED)]);
    assert_eq!(data_of(active).2, b"no");
    assert_eq!(call!(passive.NdkReject(null_mut(), 0)), STATUS_CONNECTION_INVALID);
    let second = meeting.offered();
    assert_eq!(call!(active.NdkReject(no.as_mut_ptr().cast(), 2)), STATUS_SUCCESS);
    meeting.run();
    assert_eq!(events(), [Event::Request(2, STATUS_CONNECTION_REFUSED)]);
    assert_eq!(data_of(second).2, b"no");
    assert_eq!(meeting.complete(), STATUS_CONNECTION_INVALID);
    meeting.close(&[passive, second]);
}

#[test]
fn giving_up_is_told_to_the_other_side() {
    // The active side, before the accept.
    let meeting = Meeting::new();
    let (active, passive) = (meeting.active, meeting.incoming());
    assert_eq!(close!(active.NdkCloseConnector, 50), STATUS_PENDING);
    meeting.run();
    assert_eq!(events(), [Event::Request(1, STATUS_CANCELLED), Event::Close(50)]);
    assert_eq!(accept(passive, meeting.qps[1], 2), STATUS_CONNECTION_ABORTED);
    assert_eq!(call!(passive.NdkReject(null_mut(), 0)), STATUS_CONNECTION_ABORTED);
    Meeting { active: passive, ..meeting }.close(&[]);
    // The active side, after the accept.
    let meeting = Meeting::new();
    let (active, passive) = (meeting.active, meeting.offered());
    assert_eq!(close!(active.NdkCloseConnector, 50), STATUS_SUCCESS);
    meeting.run();
    assert_eq!(events(), [Event::Request(2, STATUS_CONNECTION_ABORTED)]);
    Meeting { active: passive, ..meeting }.close(&[]);
    // The passive side, before and after the accept.
    let meeting = Meeting::new();
    let passive = meeting.incoming();
    assert_eq!(close!(passive.NdkCloseConnector, 50), STATUS_SUCCESS);
    meeting.run();
    assert_eq!(events(), [Event::Request(1, STATUS_CONNECTION_REFUSED)]);
    let passive = meeting.offered();
    assert_eq!(close!(passive.NdkCloseConnector, 51), STATUS_PENDING);
    meeting.run();
    assert_eq!(events(), [Event::Request(2, STATUS_CANCELLED), Event::Close(51)]);
    assert_eq!(meeting.complete(), STATUS_CONNECTION_ABORTED);
    meeting.close(&[]);
}

#[test]
fn a_connection_is_not_made_for_ever() {
    const MINUTE: u64 = 60 * 10_000_000;
    let meeting = Meeting::new();
    let passive = meeting.incoming();
    meeting.consumer.host.advance(MINUTE - 1);
    meeting.run();
    assert_eq!(events(), []);
    meeting.consumer.host.advance(1);
    meeting.run();
    assert_eq!(events(), [Event::Request(1, STATUS_IO_TIMEOUT)]);
    assert_eq!(accept(passive, meeting.qps[1], 2), STATUS_CONNECTION_ABORTED);
    let second = meeting.offered();
    meeting.consumer.host.advance(MINUTE);
    meeting.run();
    assert_eq!(events(), [Event::Request(2, STATUS_IO_TIMEOUT)]);
    assert_eq!(meeting.complete(), STATUS_IO_TIMEOUT);
    meeting.close(&[passive, second]);
}

#[test]
fn a_disconnect_flushes_one_side_and_is_told_to_the_other() {
    let meeting = Meeting::new();
    let (active, passive) = (meeting.active, meeting.connected());
    let [qp, peer] = meeting.qps;
    for (number, qp) in [(11, qp), (12, peer)] {
        assert_eq!(call!(qp.NdkReceive(tag(number), null_mut(), 0)), STATUS_SUCCESS);
    }
    assert_eq!(call!(active.NdkDisconnect(Some(on_request), tag(5))), STATUS_PENDING);
    meeting.run();
    assert_eq!(events(), [Event::Disconnect(2), Event::Request(5, STATUS_SUCCESS)]);
    assert_eq!(statuses(meeting.cq), [(11, STATUS_CANCELLED)], "the peer's receives wait for its consumer");
    assert_eq!(call!(active.NdkDisconnect(Some(on_request), tag(5))), STATUS_CONNECTION_INVALID);
    assert_eq!(call!(peer.NdkSend(tag(13), null_mut(), 0, 0)), STATUS_CONNECTION_INVALID);
    assert_eq!(call!(passive.NdkDisconnect(Some(on_request), tag(6))), STATUS_PENDING);
    meeting.run();
    assert_eq!(events(), [Event::Request(6, STATUS_SUCCESS)]);
    assert_eq!(statuses(meeting.cq), [(12, STATUS_CANCELLED)]);
    let another = meeting.consumer.connector();
    assert_eq!(connect(another, qp, PORT, 1), STATUS_INVALID_DEVICE_STATE, "a queue pair is connected once");
    meeting.close(&[passive, another]);
}

#[test]
fn closing_is_disconnecting() {
    for closes_qp in [false, true] {
        let meeting = Meeting::new();
        let (active, passive) = (meeting.active, meeting.connected());
        let [qp, peer] = meeting.qps;
        assert_eq!(call!(qp.NdkReceive(tag(11), null_mut(), 0)), STATUS_SUCCESS);
        assert_eq!(call!(peer.NdkSend(tag(12), null_mut(), 0, NDK_OP_FLAG_DEFER)), STATUS_SUCCESS);
        if closes_qp {
            assert_eq!(close!(qp.NdkCloseQp, 60), STATUS_PENDING, "its connector is still there");
        } else {
            assert_eq!(close!(active.NdkCloseConnector, 60), STATUS_SUCCESS);
        }
        meeting.run();
        assert_eq!(events(), [Event::Disconnect(2)]);
        assert_eq!(statuses(meeting.cq), [(11, STATUS_CANCELLED)]);
        if closes_qp {
            assert_eq!(close!(active.NdkCloseConnector, 61), STATUS_SUCCESS);
            meeting.run();
            assert_eq!(events(), [Event::Close(60)]);
            let fresh = support::consumer::qp(meeting.pd, [meeting.cq; 2], 3);
            Meeting { active: passive, qps: [fresh, peer], ..meeting }.close(&[]);
        } else {
            Meeting { active: passive, ..meeting }.close(&[]);
        }
    }
}

#[test]
fn an_address_is_used_once_until_all_its_connections_are_closed() {
    let meeting = Meeting::new();
    let adapter = meeting.consumer.adapter;
    let listener = {
        let mut listener = null_mut();
        let made = call!(adapter.NdkCreateListener(Some(on_connect), tag(8), None, null_mut(), &raw mut listener));
        assert_eq!(made, STATUS_SUCCESS);
        listener
    };
    let listen = |mut at: SOCKADDR_IN| {
        let (at, length) = sockaddr(&mut at);
        call!(listener.NdkListen(at, length, Some(on_request), tag(1)))
    };
    let mut endpoint = null_mut();
    let mut share = |mut at: SOCKADDR_IN| {
        let (at, length) = sockaddr(&mut at);
        call!(adapter.NdkCreateSharedEndpoint(at, length, None, null_mut(), &raw mut endpoint))
    };
    assert_eq!((listen(address(PORT)), share(address(PORT))), (STATUS_SHARING_VIOLATION, STATUS_SHARING_VIOLATION));
    let nowhere = SOCKADDR_IN { sin_addr: [0; 4], ..address(1) };
    let many = SOCKADDR_IN { sin_addr: [224, 0, 0, 1], ..address(1) };
    let other_family = SOCKADDR_IN { sin_family: 77, ..address(1) };
    for bad in [nowhere, many, other_family] {
        assert_eq!((listen(bad), share(bad)), (STATUS_INVALID_ADDRESS, STATUS_INVALID_ADDRESS));
    }
    // The listener's address stays its own while a connection of its lives.
    let passive = meeting.connected();
    let first = meeting.listener;
    assert_eq!(close!(first.NdkCloseListener, 70), STATUS_PENDING);
    assert_eq!(listen(address(PORT)), STATUS_SHARING_VIOLATION);
    let another = meeting.consumer.connector();
    let fresh = qp(meeting.pd, [meeting.cq; 2], 3);
    assert_eq!(connect(another, fresh, PORT, 3), STATUS_PENDING);
    meeting.run();
    assert_eq!(events(), [Event::Request(3, STATUS_CONNECTION_REFUSED)], "a listener being closed accepts nothing");
    close!(passive.NdkCloseConnector, 71);
    meeting.run();
    assert!(events().contains(&Event::Close(70)));
    assert_eq!(listen(address(PORT)), STATUS_SUCCESS);
    assert_eq!(listen(address(PORT + 1)), STATUS_INVALID_DEVICE_STATE);
    assert_eq!(close!(fresh.NdkCloseQp, 72), STATUS_SUCCESS);
    Meeting { listener, ..meeting }.close(&[another]);
}

#[test]
fn a_shared_endpoint_has_one_connection_to_each_address() {
    let meeting = Meeting::new();
    let endpoint = meeting.consumer.shared_endpoint(0);
    let (mut local, mut length) = (SOCKADDR_IN::default(), 16);
    assert_eq!(call!(endpoint.NdkGetLocalAddress((&raw mut local).cast(), &raw mut length)), STATUS_SUCCESS);
    assert!(u16::from_be(local.sin_port) >= 49152);
    let begin = |connector: *mut NDK_CONNECTOR, qp, port| {
        let mut to = address(port);
        let (to, to_length) = sockaddr(&mut to);
        call!(connector.NdkConnectWithSharedEndpoint(
            qp,
            endpoint,
            to,
            to_length,
            0,
            0,
            null_mut(),
            0,
            Some(on_request),
            tag(1)
        ))
    };
    assert_eq!(begin(meeting.active, meeting.qps[0], PORT), STATUS_PENDING);
    let another = meeting.consumer.connector();
    assert_eq!(begin(another, meeting.qps[1], PORT), STATUS_ADDRESS_ALREADY_EXISTS);
    meeting.run();
    let [Event::Connect(7, passive)] = events()[..] else { panic!("a connect event") };
    assert_eq!(close!(endpoint.NdkCloseSharedEndpoint, 80), STATUS_PENDING);
    let active = meeting.active;
    close!(active.NdkCloseConnector, 81);
    meeting.run();
    assert_eq!(events(), [Event::Request(1, STATUS_CANCELLED), Event::Close(81), Event::Close(80)]);
    Meeting { active: another, ..meeting }.close(&[with_exposed_provenance_mut(passive)]);
}

#[test]
fn what_a_listener_has_not_told_is_refused_when_it_closes() {
    let meeting = Meeting::new();
    let listener = meeting.listener;
    assert_eq!(connect(meeting.active, meeting.qps[0], PORT, 1), STATUS_PENDING);
    close!(listener.NdkCloseListener, 85);
    meeting.run();
    assert_eq!(events(), [Event::Close(85), Event::Request(1, STATUS_CONNECTION_REFUSED)]);
    let listener = meeting.consumer.listener(PORT, 7);
    Meeting { listener, ..meeting }.close(&[]);
}

#[test]
fn losing_power_ends_everything_and_tells_it() {
    let meeting = Meeting::new();
    let passive = meeting.connected();
    let [qp, peer] = meeting.qps;
    assert_eq!(call!(qp.NdkReceive(tag(11), null_mut(), 0)), STATUS_SUCCESS);
    assert_eq!(call!(peer.NdkSend(tag(12), null_mut(), 0, NDK_OP_FLAG_DEFER)), STATUS_SUCCESS);
    let waiting = meeting.consumer.connector();
    let fresh = support::consumer::qp(meeting.pd, [meeting.cq; 2], 3);
    assert_eq!(connect(waiting, fresh, PORT, 3), STATUS_PENDING);
    ndk::stop(meeting.consumer.host);
    let mut told = events();
    told.sort_by_key(|event| format!("{event:?}"));
    assert_eq!(told, [Event::Disconnect(1), Event::Disconnect(2), Event::Request(3, STATUS_CANCELLED)]);
    assert_eq!(statuses(meeting.cq), [(11, STATUS_CANCELLED), (12, STATUS_CANCELLED)]);
    assert_eq!(call!(qp.NdkSend(tag(13), null_mut(), 0, 0)), STATUS_CONNECTION_INVALID);
    ndk::start(meeting.consumer.host);
    assert_eq!(close!(fresh.NdkCloseQp, 86), STATUS_SUCCESS);
    meeting.close(&[passive, waiting]);
}

#[test]
fn a_queue_pair_without_its_cq_is_silent_and_its_peer_hears_of_it() {
    let consumer = Consumer::open(System::new());
    let pds = [consumer.pd(), consumer.pd()];
    let cqs = [[consumer.cq(2, 1), consumer.cq(2, 2)], [consumer.cq(8, 3), consumer.cq(8, 4)]];
    let qps = [0, 1].map(|side| qp(pds[side], cqs[side], SIDES[side]));
    let pair = Pair::of(consumer, pds, cqs, qps);
    let [qp, peer] = qps;
    for number in 0..3 {
        assert_eq!(call!(qp.NdkReceive(tag(number), null_mut(), 0)), STATUS_SUCCESS);
        assert_eq!(call!(peer.NdkReceive(tag(10 + number), null_mut(), 0)), STATUS_SUCCESS);
        assert_eq!(call!(peer.NdkSend(tag(20 + number), null_mut(), 0, 0)), STATUS_SUCCESS);
    }
    pair.work();
    assert_eq!(statuses(cqs[0][0]), [], "the queue overran");
    assert_eq!(statuses(cqs[0][1]), []);
    let told: Vec<_> = events().into_iter().filter(|event| matches!(event, Event::Disconnect(_))).collect();
    assert_eq!(told, [Event::Disconnect(SIDES[0]), Event::Disconnect(SIDES[1])]);
    let sent: Vec<_> = statuses(cqs[1][1]);
    assert_eq!(sent, [(20, STATUS_SUCCESS), (21, STATUS_SUCCESS), (22, STATUS_SUCCESS)]);
    let received: Vec<_> = (0..3).map(|number| (10 + number, STATUS_CANCELLED)).collect();
    assert_eq!(statuses(cqs[1][0]), received);
    assert_eq!(call!(qp.NdkSend(tag(1), null_mut(), 0, 0)), STATUS_CONNECTION_INVALID);
    pair.close();
}
