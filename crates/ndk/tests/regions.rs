//! The rules of memory that peers reach, by the dispatch tables: ranges, rights, fast registration, windows.

mod support;

use ndis_sys::ndk::{status::*, *};
use std::ptr::null_mut;
use support::{
    bench::*,
    consumer::*,
    memory::{Buffer, PAGE},
};
use wdk_sys::*;

#[test]
fn fast_registered_pages_are_written_until_they_are_invalidated() {
    let bench = Bench::new(PAGE, ALL);
    let [qp, peer] = bench.pair.qps;
    let adapter = bench.pair.consumer.adapter;
    let mut far = Buffer::in_pieces(&[3 * PAGE - 100, 100], 0x40_0000 + 50);
    let mut lam = vec![0_u64; 2 + 4];
    let (mut size, mut offset) = (8 + 8, 0_u32);
    let build = |size: &mut u32, offset: &mut u32, lam: &mut [u64], far: &mut Buffer| {
        let (mdl, length) = (far.mdl(), far.length() as u64);
        call!(adapter.NdkBuildLAM(
            mdl,
            length,
            None,
            null_mut(),
            lam.as_mut_ptr().cast(),
            &raw mut *size,
            &raw mut *offset
        ))
    };
    assert_eq!(build(&mut size, &mut offset, &mut lam, &mut far), STATUS_BUFFER_TOO_SMALL);
    assert_eq!(size, 16 + 4 * 8);
    assert_eq!(build(&mut size, &mut offset, &mut lam, &mut far), STATUS_SUCCESS);
    assert_eq!((size, offset, lam[1] as u32), (48, 50, 4));
    let pages: Vec<_> = lam[2..6].iter().map(|page| NDK_LOGICAL_ADDRESS { QuadPart: *page as i64 }).collect();

    let mr = mr(bench.pair.pds[1], true);
    let init = |pages, mr: *mut NDK_MR| call!(mr.NdkInitializeFastRegisterMr(pages, 1, Some(on_request), tag(0)));
    assert_eq!(init(257, mr), STATUS_IMPLEMENTATION_LIMIT);
    assert_eq!(init(4, mr), STATUS_SUCCESS);
    let base = 0x80_0000_u64 + 50;
    let flags = NDK_OP_FLAG_ALLOW_REMOTE_WRITE | NDK_OP_FLAG_ALLOW_REMOTE_READ | NDK_OP_FLAG_RDMA_READ_SINK;
    let register = |number, length| {
        let address = tag(base as usize);
        call!(peer.NdkFastRegister(tag(number), mr, 4, pages.as_ptr(), 50, length, address, flags))
    };
    let length = 3 * PAGE as u64;
    assert_eq!(register(1, length), STATUS_SUCCESS);
    let token = remote_token(mr);
    bench.pair.work();
    assert_eq!(statuses(bench.pair.cqs[1][1]), [(1, STATUS_SUCCESS)]);
    let mut own = Buffer::new(3 * PAGE, 0x1000);
    own.fill(4);
    let own_mr = registered(bench.pair.pds[0], &mut own, 0);
    assert_eq!(write(qp, 2, &[sge(own.address, 3 * PAGE as u32, local_token(own_mr))], base, token, 0), STATUS_SUCCESS);
    bench.pair.work();
    assert_eq!(statuses(bench.pair.cqs[0][1]), [(2, STATUS_SUCCESS)]);
    assert!(far.read() == own.read() && far.is_intact());

    // The peer invalidates it with a message; its token and its local token end.
    assert_eq!(receive(peer, 3, &[bench.sge(1, 0, 8)]), STATUS_SUCCESS);
    let sges = [bench.sge(0, 0, 8)];
    assert_eq!(call!(qp.NdkSendAndInvalidate(tag(4), sges.as_ptr(), 1, 0, token)), STATUS_SUCCESS);
    bench.pair.work();
    let received = results(bench.pair.cqs[1][0]);
    assert_eq!(received[0].Type, _NDK_OPERATION_TYPE::NdkOperationTypeReceiveAndInvalidate);
    assert_eq!((received[0].Status, received[0].TypeSpecificCompletionOutput as u32), (STATUS_SUCCESS, token));
    assert_eq!(statuses(bench.pair.cqs[0][1]), [(4, STATUS_SUCCESS)]);
    assert_eq!(register(5, length), STATUS_SUCCESS, "can be registered again");
    bench.pair.work();
    assert_eq!(write(qp, 6, &[sge(own.address, 8, local_token(own_mr))], base, token, 0), STATUS_SUCCESS);
    bench.pair.work();
    assert_eq!(statuses(bench.pair.cqs[0][1]), [(6, STATUS_ACCESS_VIOLATION)], "the old token");

    call!(adapter.NdkReleaseLAM(lam.as_mut_ptr().cast()));
    call!(adapter.NdkReleaseLAM(lam.as_mut_ptr().cast()));
    for mr in [mr, own_mr] {
        assert_eq!(close!(mr.NdkCloseMr, 900), STATUS_SUCCESS);
    }
    bench.close();
}

#[test]
fn a_privileged_token_reaches_logical_addresses() {
    let bench = Bench::new(PAGE, ALL);
    let [qp, peer] = bench.pair.qps;
    let adapter = bench.pair.consumer.adapter;
    let pd = bench.pair.pds[1];
    let mut far = Buffer::new(100, 0x4000 + 4090);
    let mut lam = [0_u64; 4];
    let (mut size, mut offset) = (32, 0);
    let (mdl, at) = (far.mdl(), lam.as_mut_ptr().cast());
    assert_eq!(
        call!(adapter.NdkBuildLAM(mdl, 100, None, null_mut(), at, &raw mut size, &raw mut offset)),
        STATUS_SUCCESS
    );
    assert_eq!((offset, lam[1] as u32), (4090, 2));
    let mut token = 0;
    call!(pd.NdkGetPrivilegedMemoryRegionToken(&raw mut token));
    let sges = [sge(lam[2] + 4090, 6, token), sge(lam[3], 94, token)];
    assert_eq!(receive(peer, 1, &sges), STATUS_SUCCESS);
    assert_eq!(send(qp, 2, &[bench.sge(0, 0, 100)], 0), STATUS_SUCCESS);
    bench.pair.work();
    assert_eq!(statuses(bench.pair.cqs[1][0]), [(1, STATUS_SUCCESS)]);
    assert_eq!(far.read(), bench.buffers[0].read()[..100]);
    assert_eq!(statuses(bench.pair.cqs[0][1]), [(2, STATUS_SUCCESS)]);
    // Never for a peer.
    assert_eq!(write(qp, 3, &[bench.sge(0, 0, 1)], lam[2] + 4090, token, 0), STATUS_SUCCESS);
    bench.pair.work();
    assert_eq!(statuses(bench.pair.cqs[0][1]), [(3, STATUS_ACCESS_VIOLATION)]);
    call!(adapter.NdkReleaseLAM(lam.as_mut_ptr().cast()));
    bench.close();
}

#[test]
fn a_window_shows_its_part_until_it_is_invalidated() {
    let mut bench = Bench::new(PAGE, NDK_MR_FLAG_ALLOW_LOCAL_WRITE);
    let [qp, peer] = bench.pair.qps;
    let (mr, window) = (bench.mrs[1], mw(bench.pair.pds[1]));
    let (part, length) = (bench.buffers[1].address + 100, 50_u64);
    let bind = |number, address: u64, length, flags| {
        call!(peer.NdkBind(tag(number), mr, window, tag(address as usize), length, flags))
    };
    assert_eq!(bind(1, part, 4000, NDK_OP_FLAG_ALLOW_REMOTE_READ), STATUS_ACCESS_VIOLATION);
    assert_eq!(bind(1, part, length, NDK_OP_FLAG_ALLOW_LOCAL_WRITE), STATUS_INVALID_PARAMETER);
    assert_eq!(bind(1, part, length, NDK_OP_FLAG_ALLOW_REMOTE_WRITE), STATUS_SUCCESS);
    let token = call!(window.NdkGetRemoteTokenFromMw());
    bench.buffers[0].fill(3);
    bench.pair.work();
    assert_eq!(statuses(bench.pair.cqs[1][1]), [(1, STATUS_SUCCESS)]);
    assert_eq!(call!(mr.NdkDeregisterMr(Some(on_request), tag(0))), STATUS_DEVICE_BUSY);
    assert_eq!(write(qp, 2, &[bench.sge(0, 0, 50)], part, token, 0), STATUS_SUCCESS);
    bench.pair.work();
    assert_eq!(statuses(bench.pair.cqs[0][1]), [(2, STATUS_SUCCESS)]);
    assert_eq!(bench.buffers[1].read()[100..150], bench.buffers[0].read()[..50]);
    let target = window.cast();
    assert_eq!(call!(peer.NdkInvalidate(tag(3), target, 0)), STATUS_SUCCESS);
    assert_eq!(call!(peer.NdkInvalidate(tag(4), target, NDK_OP_FLAG_SILENT_SUCCESS)), STATUS_SUCCESS);
    bench.pair.work();
    assert_eq!(statuses(bench.pair.cqs[1][1]), [(3, STATUS_SUCCESS), (4, STATUS_INVALID_DEVICE_REQUEST)]);
    assert_eq!(call!(peer.NdkInvalidate(tag(5), mr.cast(), 0)), STATUS_CONNECTION_INVALID);
    assert_eq!(close!(window.NdkCloseMw, 900), STATUS_SUCCESS);
    bench.close();
}

#[test]
fn rights_are_checked_on_both_sides() {
    // The remote side's flags, whether it is a write, and whether it may be.
    for (flags, writes, allowed) in [
        (NDK_MR_FLAG_ALLOW_REMOTE_READ, false, true),
        (NDK_MR_FLAG_ALLOW_REMOTE_READ, true, false),
        (NDK_MR_FLAG_ALLOW_REMOTE_WRITE, true, true),
        (NDK_MR_FLAG_ALLOW_REMOTE_WRITE, false, false),
        (NDK_MR_FLAG_ALLOW_LOCAL_WRITE, true, false),
        (NDK_MR_FLAG_ALLOW_LOCAL_WRITE, false, false),
    ] {
        let mut bench = Bench::new(PAGE, ALL);
        let mut far = Buffer::new(PAGE, 0x9000);
        let mr = registered(bench.pair.pds[1], &mut far, flags);
        bench.buffers[0].fill(5);
        far.fill(6);
        let before = (far.read(), bench.buffers[0].read());
        let post = if writes { write } else { read };
        let own = [bench.sge(0, 0, 100)];
        assert_eq!(post(bench.pair.qps[0], 1, &own, far.address, remote_token(mr), 0), STATUS_SUCCESS);
        bench.pair.work();
        let status = if allowed { STATUS_SUCCESS } else { STATUS_ACCESS_VIOLATION };
        assert_eq!(statuses(bench.pair.cqs[0][1]), [(1, status)], "{flags} {writes}");
        assert_eq!((far.read(), bench.buffers[0].read()) != before, allowed);
        assert_eq!(close!(mr.NdkCloseMr, 900), STATUS_SUCCESS);
        bench.close();
    }
    // A read and a receive need local write.
    for receives in [false, true] {
        let bench = Bench::new(PAGE, ALL);
        let mut own = Buffer::new(PAGE, 0x9000);
        let mr = registered(bench.pair.pds[0], &mut own, NDK_MR_FLAG_ALLOW_REMOTE_READ);
        let sges = [sge(own.address, 8, local_token(mr))];
        let [qp, peer] = bench.pair.qps;
        if receives {
            assert_eq!(receive(qp, 1, &sges), STATUS_SUCCESS);
            assert_eq!(send(peer, 2, &[bench.sge(1, 0, 8)], 0), STATUS_SUCCESS);
            bench.pair.work();
            assert_eq!(statuses(bench.pair.cqs[0][0]), [(1, STATUS_ACCESS_VIOLATION)]);
            assert_eq!(statuses(bench.pair.cqs[1][1]), [(2, STATUS_REMOTE_RESOURCES)]);
        } else {
            let token = remote_token(bench.mrs[1]);
            assert_eq!(read(qp, 1, &sges, bench.buffers[1].address, token, 0), STATUS_SUCCESS);
            bench.pair.work();
            assert_eq!(statuses(bench.pair.cqs[0][1]), [(1, STATUS_ACCESS_VIOLATION)]);
        }
        assert_eq!(own.read(), [0; PAGE]);
        assert_eq!(close!(mr.NdkCloseMr, 900), STATUS_SUCCESS);
        bench.close();
    }
}

#[test]
fn one_byte_outside_is_refused_and_nothing_moves() {
    const LENGTH: usize = 200_000;
    let size = LENGTH as u32;
    // Where the remote range starts, relative to the region, and how long it is.
    let outside = [(u64::MAX, size), (1, size), (0, size + 1), (LENGTH as u64, 1), (u64::MAX, 1)];
    for (from, length) in outside {
        for reads in [false, true] {
            let mut bench = Bench::new(LENGTH, ALL);
            let mut own = Buffer::new(LENGTH + 1, 0x5000);
            let mr = registered(bench.pair.pds[0], &mut own, ALL);
            bench.buffers[1].fill(1);
            own.fill(2);
            let before = (own.read(), bench.buffers[1].read());
            let (address, token) = (bench.buffers[1].address.wrapping_add(from), remote_token(bench.mrs[1]));
            let sges = [sge(own.address, length, local_token(mr))];
            let qp = bench.pair.qps[0];
            let post = if reads { read } else { write };
            assert_eq!(post(qp, 1, &sges, address, token, 0), STATUS_SUCCESS);
            bench.pair.work();
            assert_eq!(statuses(bench.pair.cqs[0][1]), [(1, STATUS_ACCESS_VIOLATION)]);
            assert_eq!((own.read(), bench.buffers[1].read()), before, "{from:#x}+{length:#x}");
            assert_eq!(close!(mr.NdkCloseMr, 900), STATUS_SUCCESS);
            bench.close();
        }
    }
}

#[test]
fn addresses_that_wrap_are_refused() {
    let bench = Bench::new(PAGE, ALL);
    let qp = bench.pair.qps[0];
    let token = remote_token(bench.mrs[1]);
    assert_eq!(write(qp, 1, &[bench.sge(0, 0, 64)], u64::MAX - 10, token, 0), STATUS_SUCCESS);
    bench.pair.work();
    assert_eq!(statuses(bench.pair.cqs[0][1]), [(1, STATUS_ACCESS_VIOLATION)]);
    bench.close();
    let bench = Bench::new(PAGE, ALL);
    let [qp, _] = bench.pair.qps;
    let own = sge(u64::MAX - 10, 64, local_token(bench.mrs[0]));
    assert_eq!(send(qp, 1, &[own], 0), STATUS_SUCCESS);
    bench.pair.work();
    assert_eq!(statuses(bench.pair.cqs[0][1]), [(1, STATUS_ACCESS_VIOLATION)]);
    bench.close();
}

#[test]
fn memory_that_goes_away_in_the_middle_stops_the_transfer() {
    let bench = Bench::new(MIB, ALL);
    let [qp, _] = bench.pair.qps;
    let (address, token) = (bench.buffers[1].address, remote_token(bench.mrs[1]));
    assert_eq!(write(qp, 1, &[bench.sge(0, 0, MIB as u32)], address, token, 0), STATUS_SUCCESS);
    bench.pair.consumer.host.step(2);
    let mr = bench.mrs[1];
    assert_eq!(call!(mr.NdkDeregisterMr(Some(on_request), tag(0))), STATUS_SUCCESS);
    bench.pair.work();
    assert_eq!(statuses(bench.pair.cqs[0][1]), [(1, STATUS_ACCESS_VIOLATION)]);
    bench.close();
}

#[test]
fn nothing_moves_if_any_sge_is_wrong() {
    for what in 0..4 {
        let mut bench = Bench::new(PAGE, ALL);
        let [qp, peer] = bench.pair.qps;
        bench.buffers[0].fill(1);
        bench.buffers[1].fill(2);
        let before = [0, 1].map(|side| bench.buffers[side].read());
        let (address, token) = (bench.buffers[1].address + 2000, remote_token(bench.mrs[1]));
        let good = bench.sge(0, 0, 100);
        let bad = bench.sge(0, PAGE as u64 - 99, 100);
        let posted = match what {
            0 => write(qp, 1, &[good, bad], address, token, 0),
            1 => read(qp, 1, &[good, bad], address, token, 0),
            _ => {
                let (near, far) = (bench.sge(1, 0, 100), bench.sge(1, PAGE as u64 - 99, 100));
                assert_eq!(receive(peer, 2, &[near, if what == 3 { far } else { near }]), STATUS_SUCCESS);
                send(qp, 1, &[good, if what == 2 { bad } else { good }], 0)
            }
        };
        assert_eq!(posted, STATUS_SUCCESS);
        bench.pair.work();
        let status = if what == 3 { STATUS_REMOTE_RESOURCES } else { STATUS_ACCESS_VIOLATION };
        assert_eq!(statuses(bench.pair.cqs[0][1]), [(1, status)]);
        assert_eq!([0, 1].map(|side| bench.buffers[side].read()), before, "{what}");
        bench.close();
    }
}

#[test]
fn a_flushed_fast_register_can_be_posted_again() {
    let bench = Bench::new(PAGE, ALL);
    let qp = bench.pair.qps[0];
    let mr = mr(bench.pair.pds[0], true);
    assert_eq!(call!(mr.NdkInitializeFastRegisterMr(1, 0, Some(on_request), tag(0))), STATUS_SUCCESS);
    let page = NDK_LOGICAL_ADDRESS { QuadPart: 0x5000 };
    let register =
        |number, flags| call!(qp.NdkFastRegister(tag(number), mr, 1, &raw const page, 0, 8, null_mut(), flags));
    assert_eq!(register(1, NDK_OP_FLAG_DEFER), STATUS_SUCCESS);
    assert_eq!(register(2, NDK_OP_FLAG_DEFER), STATUS_DEVICE_BUSY, "the first has not been executed");
    call!(qp.NdkFlush());
    assert_eq!(statuses(bench.pair.cqs[0][1]), [(1, STATUS_CANCELLED)]);
    assert_eq!(register(3, 0), STATUS_SUCCESS);
    bench.pair.work();
    assert_eq!(statuses(bench.pair.cqs[0][1]), [(3, STATUS_ACCESS_VIOLATION)], "a page of no mapping");
    assert_eq!(close!(mr.NdkCloseMr, 900), STATUS_SUCCESS);
    bench.close();
}
