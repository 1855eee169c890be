//! The rules of the transport, one by one, by the dispatch tables.

mod support;

use ndis_sys::ndk::{status::*, *};
use std::ptr::null_mut;
use support::{
    bench::*,
    consumer::*,
    host::{Event, events},
    memory::{Buffer, PAGE},
};
use wdk_sys::*;

#[test]
fn a_mebibyte_is_written_and_read_byte_for_byte() {
    let mut bench = Bench::new(MIB, ALL);
    let [qp, _] = bench.pair.qps;
    let (address, token) = (bench.buffers[1].address, remote_token(bench.mrs[1]));
    bench.buffers[0].fill(7);
    assert_eq!(write(qp, 1, &[bench.sge(0, 0, MIB as u32)], address, token, 0), STATUS_SUCCESS);
    bench.pair.work();
    assert_eq!(statuses(bench.pair.cqs[0][1]), [(1, STATUS_SUCCESS)]);
    assert_eq!(bench.buffers[0].read(), bench.buffers[1].read());

    bench.buffers[1].fill(99);
    assert_eq!(read(qp, 2, &[bench.sge(0, 0, MIB as u32)], address, token, 0), STATUS_SUCCESS);
    bench.pair.work();
    assert_eq!(statuses(bench.pair.cqs[0][1]), [(2, STATUS_SUCCESS)]);
    assert_eq!(bench.buffers[0].read(), bench.buffers[1].read());
    bench.close();
}

#[test]
fn what_overlaps_in_one_region_moves_as_memmove() {
    for (from, to) in [(0, 1000), (1000, 0), (0, 150_000), (150_000, 3)] {
        let pair = Pair::new();
        let mut buffer = Buffer::in_pieces(&[300_000], 0x7000);
        buffer.fill(3);
        let mr = registered(pair.pds[0], &mut buffer, ALL);
        // Both sides of the connection in one domain: a queue pair connected to one of the same PD would do as well.
        let far = registered(pair.pds[1], &mut buffer, ALL);
        let mut expected = buffer.read();
        expected.copy_within(from..from + 140_000, to);
        let own = [sge(buffer.address + from as u64, 140_000, local_token(mr))];
        let target = buffer.address + to as u64;
        assert_eq!(write(pair.qps[0], 1, &own, target, remote_token(far), 0), STATUS_SUCCESS);
        pair.work();
        assert_eq!(statuses(pair.cqs[0][1]), [(1, STATUS_SUCCESS)]);
        assert!(buffer.read() == expected && buffer.is_intact());
        for mr in [mr, far] {
            assert_eq!(close!(mr.NdkCloseMr, 900), STATUS_SUCCESS);
        }
        pair.close();
    }
}

#[test]
fn a_message_goes_to_the_oldest_receive_across_sges() {
    let mut bench = Bench::new(PAGE, ALL);
    let [qp, peer] = bench.pair.qps;
    bench.buffers[0].fill(9);
    for number in [1, 2] {
        let at = number as u64 * 1000;
        let sges = [bench.sge(1, at, 10), bench.sge(1, at + 500, 0), bench.sge(1, at + 100, 90)];
        assert_eq!(receive(peer, number, &sges), STATUS_SUCCESS);
    }
    assert_eq!(send(qp, 3, &[bench.sge(0, 0, 60), bench.sge(0, 60, 40)], 0), STATUS_SUCCESS);
    assert_eq!(send(qp, 4, &[], 0), STATUS_SUCCESS);
    bench.pair.work();
    let received = results(bench.pair.cqs[1][0]);
    let told: Vec<_> = received.iter().map(|it| (it.RequestContext.addr(), it.Status, it.BytesTransferred)).collect();
    assert_eq!(told, [(1, STATUS_SUCCESS, 100), (2, STATUS_SUCCESS, 0)]);
    assert!(received.iter().all(|it| it.Type == _NDK_OPERATION_TYPE::NdkOperationTypeReceive));
    assert!(received.iter().all(|it| it.QPContext.addr() == SIDES[1]));
    let sent = results(bench.pair.cqs[0][1]);
    assert_eq!(sent.iter().map(|it| it.RequestContext.addr()).collect::<Vec<_>>(), [3, 4]);
    assert!(sent.iter().all(|it| it.Type == _NDK_OPERATION_TYPE::NdkOperationTypeSend && it.QPContext.addr() == 100));
    let (source, target) = (bench.buffers[0].read(), bench.buffers[1].read());
    assert_eq!((&target[1000..1010], &target[1100..1190]), (&source[..10], &source[10..100]));
    bench.close();
}

#[test]
fn inline_data_is_taken_when_posted_whatever_its_token() {
    let mut bench = Bench::new(PAGE, ALL);
    let [qp, peer] = bench.pair.qps;
    let mut bytes: Vec<u8> = (0..64).collect();
    let expected = bytes.clone();
    let at = bytes.as_mut_ptr().expose_provenance() as u64;
    // More SGEs than the queue pair has, as NdkSend allows.
    let sges: Vec<_> = (0..8).map(|n| sge(at + n * 8, 8, 0xdead_beef)).collect();
    assert_eq!(receive(peer, 1, &[bench.sge(1, 0, 64)]), STATUS_SUCCESS);
    assert_eq!(send(qp, 2, &sges, NDK_OP_FLAG_INLINE), STATUS_SUCCESS);
    let remote = (bench.buffers[1].address + 100, remote_token(bench.mrs[1]));
    assert_eq!(write(qp, 3, &sges, remote.0, remote.1, NDK_OP_FLAG_INLINE), STATUS_SUCCESS);
    bytes.fill(0);
    bench.pair.work();
    assert_eq!(statuses(bench.pair.cqs[0][1]), [(2, STATUS_SUCCESS), (3, STATUS_SUCCESS)]);
    assert_eq!(bench.buffers[1].read()[..64], expected);
    assert_eq!(bench.buffers[1].read()[100..164], expected);
    let more: Vec<_> = (0..9).map(|_| sge(at, 8, 0)).collect();
    assert_eq!(send(qp, 4, &more, NDK_OP_FLAG_INLINE), STATUS_BUFFER_OVERFLOW);
    let many: Vec<_> = (0..257).map(|_| sge(at, 0, 0)).collect();
    assert_eq!(send(qp, 5, &many, NDK_OP_FLAG_INLINE), STATUS_DATA_OVERRUN);
    bench.buffers[1].fill(0);
    bench.close();
}

#[test]
fn posting_is_refused_inline_without_a_completion() {
    let bench = Bench::new(PAGE, ALL);
    let [qp, _] = bench.pair.qps;
    let one = bench.sge(0, 0, 8);
    assert_eq!(send(qp, 1, &[one; SGES as usize + 1], 0), STATUS_DATA_OVERRUN);
    assert_eq!(send(qp, 1, &[one; 17], 0), STATUS_DATA_OVERRUN);
    assert_eq!(receive(qp, 1, &[one; SGES as usize + 1]), STATUS_DATA_OVERRUN);
    assert_eq!(send(qp, 1, &[sge(0, 1 << 30, 0), sge(0, 1, 0)], 0), STATUS_BUFFER_OVERFLOW);
    assert_eq!(receive(qp, 1, &[sge(0, u32::MAX, 0), sge(0, u32::MAX, 0)]), STATUS_BUFFER_OVERFLOW);
    assert_eq!(send(qp, 1, &[one], 0x8000), STATUS_INVALID_PARAMETER);
    assert_eq!(call!(qp.NdkSend(tag(1), null_mut(), 1, 0)), STATUS_INVALID_PARAMETER);
    assert_eq!(read(qp, 1, &[one], 0, 0, NDK_OP_FLAG_INLINE), STATUS_INVALID_PARAMETER);
    for _ in 0..DEPTH {
        assert_eq!(send(qp, 1, &[one], NDK_OP_FLAG_DEFER), STATUS_SUCCESS);
        assert_eq!(receive(qp, 1, &[one]), STATUS_SUCCESS);
    }
    assert_eq!(send(qp, 1, &[one], 0), STATUS_NO_MORE_ENTRIES);
    assert_eq!(receive(qp, 1, &[one]), STATUS_NO_MORE_ENTRIES);
    assert_eq!(statuses(bench.pair.cqs[0][1]), []);
    let alone = qp_alone(&bench.pair);
    assert_eq!(send(alone, 1, &[one], 0), STATUS_CONNECTION_INVALID);
    assert_eq!(receive(alone, 1, &[one]), STATUS_SUCCESS, "at any time");
    bench.pair.work();
    assert_eq!(close!(alone.NdkCloseQp, 900), STATUS_SUCCESS);
    bench.pair.work();
    assert_eq!(statuses(bench.pair.cqs[0][0]), [(1, STATUS_CANCELLED)]);
    bench.close();
}

fn qp_alone(pair: &Pair) -> *mut NDK_QP {
    qp(pair.pds[0], pair.cqs[0], 300)
}

#[test]
fn deferred_requests_go_with_the_next_one_or_with_a_failure() {
    for fails in [false, true] {
        let bench = Bench::new(PAGE, ALL);
        let [qp, _] = bench.pair.qps;
        let (address, token) = (bench.buffers[1].address, remote_token(bench.mrs[1]));
        let own = [bench.sge(0, 0, 8)];
        assert_eq!(write(qp, 1, &own, address, token, NDK_OP_FLAG_DEFER), STATUS_SUCCESS);
        bench.pair.work();
        assert_eq!(statuses(bench.pair.cqs[0][1]), [], "may be done at any time; here it waits");
        if fails {
            assert_eq!(write(qp, 2, &own, address, token, 0x8000 | NDK_OP_FLAG_DEFER), STATUS_INVALID_PARAMETER);
        } else {
            assert_eq!(write(qp, 2, &own, address, token, 0), STATUS_SUCCESS);
        }
        bench.pair.work();
        let done: &[_] = if fails { &[(1, STATUS_SUCCESS)] } else { &[(1, STATUS_SUCCESS), (2, STATUS_SUCCESS)] };
        assert_eq!(statuses(bench.pair.cqs[0][1]), done);
        bench.close();
    }
}

#[test]
fn a_silent_success_is_silent_and_a_failure_is_not() {
    let bench = Bench::new(PAGE, ALL);
    let [qp, _] = bench.pair.qps;
    let (address, token) = (bench.buffers[1].address, remote_token(bench.mrs[1]));
    let own = [bench.sge(0, 0, 8)];
    for number in 0..3 * DEPTH as usize {
        assert_eq!(write(qp, number, &own, address, token, NDK_OP_FLAG_SILENT_SUCCESS), STATUS_SUCCESS);
        bench.pair.work();
    }
    assert_eq!(statuses(bench.pair.cqs[0][1]), []);
    assert_eq!(write(qp, 77, &own, address, token ^ 1 << 20, NDK_OP_FLAG_SILENT_SUCCESS), STATUS_SUCCESS);
    assert_eq!(write(qp, 78, &own, address, token, NDK_OP_FLAG_SILENT_SUCCESS), STATUS_SUCCESS);
    bench.pair.work();
    assert_eq!(statuses(bench.pair.cqs[0][1]), [(77, STATUS_ACCESS_VIOLATION), (78, STATUS_CANCELLED)]);
    bench.close();
}

#[test]
fn a_failure_ends_the_connection_for_both() {
    let bench = Bench::new(PAGE, ALL);
    let [qp, peer] = bench.pair.qps;
    let own = [bench.sge(0, 0, 8)];
    assert_eq!(receive(qp, 1, &own), STATUS_SUCCESS);
    assert_eq!(receive(peer, 2, &[bench.sge(1, 0, 8)]), STATUS_SUCCESS);
    assert_eq!(write(qp, 3, &own, 0, 0, 0), STATUS_SUCCESS);
    assert_eq!(send(qp, 4, &own, 0), STATUS_SUCCESS);
    bench.pair.work();
    assert_eq!(statuses(bench.pair.cqs[0][1]), [(3, STATUS_ACCESS_VIOLATION), (4, STATUS_CANCELLED)]);
    assert_eq!(statuses(bench.pair.cqs[0][0]), [(1, STATUS_CANCELLED)]);
    assert_eq!(statuses(bench.pair.cqs[1][0]), [(2, STATUS_CANCELLED)]);
    assert_eq!(events(), [Event::Disconnect(SIDES[0]), Event::Disconnect(SIDES[1])]);
    for qp in bench.pair.qps {
        assert_eq!(send(qp, 5, &own, 0), STATUS_CONNECTION_INVALID);
    }
    assert_eq!(receive(peer, 6, &[]), STATUS_SUCCESS);
    bench.pair.work();
    assert_eq!(statuses(bench.pair.cqs[1][0]), [(6, STATUS_CANCELLED)], "what is posted later is flushed");
    let connector = bench.pair.connectors[0];
    assert_eq!(call!(connector.NdkDisconnect(Some(on_request), tag(8))), STATUS_PENDING);
    bench.pair.work();
    assert_eq!(events(), [Event::Request(8, STATUS_SUCCESS)]);
    bench.close();
}

#[test]
fn a_receive_that_is_too_small_fails_on_both_sides() {
    let mut bench = Bench::new(PAGE, ALL);
    let [qp, peer] = bench.pair.qps;
    bench.buffers[0].fill(1);
    assert_eq!(receive(peer, 1, &[bench.sge(1, 0, 99)]), STATUS_SUCCESS);
    assert_eq!(send(qp, 2, &[bench.sge(0, 0, 100)], 0), STATUS_SUCCESS);
    bench.pair.work();
    assert_eq!(statuses(bench.pair.cqs[1][0]), [(1, STATUS_BUFFER_OVERFLOW)]);
    assert_eq!(statuses(bench.pair.cqs[0][1]), [(2, STATUS_REMOTE_RESOURCES)]);
    assert_eq!(bench.buffers[1].read(), [0; PAGE], "nothing moved");
    bench.close();
}

#[test]
fn a_send_waits_for_a_receive_but_not_for_ever() {
    let bench = Bench::new(PAGE, ALL);
    let [qp, peer] = bench.pair.qps;
    let host = bench.pair.consumer.host;
    assert_eq!(send(qp, 1, &[bench.sge(0, 0, 8)], 0), STATUS_SUCCESS);
    bench.pair.work();
    host.advance(19_999_999);
    host.run(BUDGET);
    assert_eq!(statuses(bench.pair.cqs[0][1]), []);
    assert_eq!(receive(peer, 2, &[bench.sge(1, 0, 8)]), STATUS_SUCCESS);
    host.run(BUDGET);
    assert_eq!(statuses(bench.pair.cqs[0][1]), [(1, STATUS_SUCCESS)]);
    assert_eq!(statuses(bench.pair.cqs[1][0]), [(2, STATUS_SUCCESS)]);
    assert_eq!(send(qp, 3, &[bench.sge(0, 0, 8)], 0), STATUS_SUCCESS);
    host.run(BUDGET);
    host.advance(19_999_999);
    host.run(BUDGET);
    assert_eq!(statuses(bench.pair.cqs[0][1]), []);
    host.advance(1);
    host.run(BUDGET);
    assert_eq!(statuses(bench.pair.cqs[0][1]), [(3, STATUS_IO_TIMEOUT)]);
    bench.close();
}

#[test]
fn a_flush_cancels_in_order_and_leaves_the_connection() {
    let mut bench = Bench::new(MIB, ALL);
    let [qp, peer] = bench.pair.qps;
    let host = bench.pair.consumer.host;
    bench.buffers[0].fill(8);
    for number in 1..=3 {
        assert_eq!(receive(qp, number, &[]), STATUS_SUCCESS);
        assert_eq!(send(qp, 10 + number, &[], NDK_OP_FLAG_SILENT_SUCCESS), STATUS_SUCCESS);
    }
    call!(qp.NdkFlush());
    let cancelled = |numbers: [usize; 3]| numbers.map(|number| (number, STATUS_CANCELLED));
    assert_eq!(statuses(bench.pair.cqs[0][0]), cancelled([1, 2, 3]));
    assert_eq!(statuses(bench.pair.cqs[0][1]), cancelled([11, 12, 13]));
    assert_eq!(receive(peer, 20, &[bench.sge(1, 0, MIB as u32)]), STATUS_SUCCESS);
    assert_eq!(receive(peer, 21, &[bench.sge(1, 0, MIB as u32)]), STATUS_SUCCESS);
    // In the middle of a message the receiver flushes: the message goes to the next receive, from its beginning.
    assert_eq!(send(qp, 22, &[bench.sge(0, 0, MIB as u32)], 0), STATUS_SUCCESS);
    host.step(3);
    call!(peer.NdkFlush());
    assert_eq!(statuses(bench.pair.cqs[1][0]), [(20, STATUS_CANCELLED), (21, STATUS_CANCELLED)]);
    assert_eq!(receive(peer, 23, &[bench.sge(1, 0, MIB as u32)]), STATUS_SUCCESS);
    bench.buffers[1].write(&vec![0; MIB]);
    host.run(BUDGET);
    assert_eq!(statuses(bench.pair.cqs[1][0]), [(23, STATUS_SUCCESS)]);
    assert_eq!(statuses(bench.pair.cqs[0][1]), [(22, STATUS_SUCCESS)]);
    assert!(bench.buffers[0].read() == bench.buffers[1].read());
    bench.close();
}

#[test]
fn a_shared_queue_serves_its_queue_pairs_and_tells_when_it_runs_low() {
    let host = support::common::System::new();
    let consumer = Consumer::open(host);
    let pds = [consumer.pd(), consumer.pd()];
    let cqs = [0, 1].map(|side| [0, 1].map(|n| consumer.cq(64, SIDES[side] + 10 + n)));
    let srq = srq(pds[1], 4, 2, 50);
    let qps = [qp(pds[0], cqs[0], SIDES[0]), qp_with_srq(pds[1], cqs[1], srq, SIDES[1])];
    let pair = Pair::of(consumer, pds, cqs, qps);
    let post = |number| call!(srq.NdkSrqReceive(tag(number), null_mut(), 0));
    assert_eq!(receive(qps[1], 1, &[]), STATUS_INVALID_DEVICE_REQUEST);
    assert_eq!([post(1), post(2), post(3)], [STATUS_SUCCESS; 3]);
    assert_eq!(send(qps[0], 4, &[], 0), STATUS_SUCCESS);
    pair.work();
    assert_eq!((events(), statuses(cqs[1][0])), (vec![], vec![(1, STATUS_SUCCESS)]), "two wait: not below 2");
    assert_eq!(send(qps[0], 5, &[], 0), STATUS_SUCCESS);
    pair.work();
    assert_eq!((events(), statuses(cqs[1][0])), (vec![Event::Srq(50, STATUS_SUCCESS)], vec![(2, STATUS_SUCCESS)]));
    assert_eq!(send(qps[0], 6, &[], 0), STATUS_SUCCESS);
    assert_eq!(send(qps[0], 7, &[], 0), STATUS_SUCCESS);
    pair.work();
    assert_eq!((events(), statuses(cqs[1][0])), (vec![], vec![(3, STATUS_SUCCESS)]), "once per arming; 7 waits");
    assert_eq!(post(8), STATUS_SUCCESS);
    pair.work();
    assert_eq!(statuses(cqs[1][0]), [(8, STATUS_SUCCESS)]);
    let modify = |depth, threshold| call!(srq.NdkModifySrq(depth, threshold, Some(on_request), tag(0)));
    assert_eq!(modify(8193, 0), STATUS_INVALID_PARAMETER);
    assert_eq!(modify(0, 1), STATUS_SUCCESS);
    pair.work();
    assert_eq!(events(), [Event::Srq(50, STATUS_SUCCESS)], "already below");
    assert_eq!((post(1), post(2), modify(1, 0)), (STATUS_SUCCESS, STATUS_SUCCESS, STATUS_BUFFER_OVERFLOW));
    assert_eq!((modify(2, 0), post(3)), (STATUS_SUCCESS, STATUS_NO_MORE_ENTRIES));
    assert_eq!((modify(3, 0), post(3)), (STATUS_SUCCESS, STATUS_SUCCESS));
    assert_eq!(close!(srq.NdkCloseSrq, 899), STATUS_PENDING);
    pair.close_after(&[899]);
}
