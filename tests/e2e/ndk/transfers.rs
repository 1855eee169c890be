//! The figures of the issue, one by one: 1 MiB each way, one byte out of bounds in each direction, a send nobody receives.

use igbcx_tests::{Rig, Run, rig};
use lab_kernel::cpu;
use ndis_sys::ndk::status::{STATUS_ACCESS_VIOLATION, STATUS_TOO_MANY_ADDRESSES};
use ndis_sys::ndk::*;
use netcx_lab::ndk::conform::bench::*;
use netcx_lab::ndk::consumer::{Adapter, Buffer, Memory, Work};
use netcx_lab::ndk::run::provider;
use std::net::SocketAddrV4;
use std::time::Duration;
use wdk_sys::{STATUS_INSUFFICIENT_RESOURCES, STATUS_IO_TIMEOUT, STATUS_SUCCESS};

const MIB: usize = 1 << 20;
/// Longer than a provider lets a send wait for its receive.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longer than it lets a handshake take.
const HANDSHAKE: Duration = Duration::from_secs(200);

fn with_adapter(run: &Run, work: impl FnOnce(&Adapter)) {
    let rig = Rig::up(rig::builder(run));
    let provider = provider(&rig).unwrap();
    let adapter = provider.open().unwrap();
    work(&adapter);
    adapter.close();
    drop(provider);
    rig.finish();
}

fn pair(adapter: &Adapter, memory: usize) -> Pair {
    Pair::new(adapter, &Shape { memory, ..Shape::default() }).expect("a pair connects")
}

pub fn one_mib(run: &Run) {
    with_adapter(run, |adapter| {
        for memory in [Memory::Pool, Memory::Process] {
            let pair = pair(adapter, MIB);
            let remote = Region::over(pair.b.pd, Buffer::new(memory, 1000, MIB), ALL_RIGHTS).unwrap();
            let a = &pair.a;
            a.region.buffer.fill(1);
            assert_eq!(a.qp.write(1, &[a.region.sge(0, MIB)], remote.address(0), remote.remote, 0), STATUS_SUCCESS);
            assert_eq!(one(&a.cq).unwrap().status, STATUS_SUCCESS);
            assert!(remote.buffer.contents() == a.region.buffer.contents(), "written byte for byte");
            remote.buffer.fill(2);
            assert_eq!(a.qp.read(2, &[a.region.sge(0, MIB)], remote.address(0), remote.remote, 0), STATUS_SUCCESS);
            assert_eq!(one(&a.cq).unwrap().status, STATUS_SUCCESS);
            assert!(remote.buffer.contents() == a.region.buffer.contents(), "read byte for byte");
            remote.close();
            pair.close();
        }
    });
}

/// A write and a read that begin one byte early and that end one byte late, at either side.
pub fn one_byte_out_of_bounds(run: &Run) {
    with_adapter(run, |adapter| {
        for write in [true, false] {
            for (at_remote, at, len) in
                [(true, -1, MIB), (true, 1, MIB), (false, -1, MIB), (false, 1, MIB), (true, 0, MIB + 1)]
            {
                let pair = pair(adapter, 2 * MIB);
                let (a, b) = (&pair.a, &pair.b);
                let pd = if at_remote { b.pd } else { a.pd };
                let tight = Region::over(pd, Buffer::new(Memory::Pool, 0, MIB), ALL_RIGHTS).unwrap();
                tight.buffer.fill(3);
                a.region.buffer.fill(4);
                b.region.buffer.fill(5);
                let all = || (tight.buffer.contents(), a.region.buffer.contents(), b.region.buffer.contents());
                let before = all();
                let sge = if at_remote { a.region.sge(0, len) } else { tight.buffer.sge(at, len as u32, tight.local) };
                let (remote, token) =
                    if at_remote { (tight.address(at), tight.remote) } else { (b.region.address(0), b.region.remote) };
                let status = if write {
                    a.qp.write(1, &[sge], remote, token, 0)
                } else {
                    a.qp.read(1, &[sge], remote, token, 0)
                };
                let outcome = if status == STATUS_SUCCESS { one(&a.cq).unwrap().status } else { status };
                let what = format!("write {write}, remote {at_remote}, {len} bytes at {at}");
                assert_eq!(outcome, STATUS_ACCESS_VIOLATION, "{what}: {outcome:#x}");
                assert!(all() == before, "{what}: bytes moved");
                tight.close();
                pair.close();
            }
        }
    });
}

/// A send without a receive ends with STATUS_IO_TIMEOUT, not before 100 ms and not never; so does what waits behind it.
pub fn a_send_times_out(run: &Run) {
    with_adapter(run, |adapter| {
        let pair = pair(adapter, 4096);
        let begun = cpu::now();
        pair.a.send(1, 0, 100, 0);
        pair.a.send(2, 0, 100, NDK_OP_FLAG_SILENT_SUCCESS);
        let works: Vec<Work> = take_up_to(&pair.a.cq, 2, PATIENCE);
        let took = cpu::now() - begun;
        println!("{took:?}: {works:x?}");
        assert_eq!(works.iter().map(|w| w.request).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(works[0].status, STATUS_IO_TIMEOUT);
        assert_ne!(works[1].status, STATUS_SUCCESS);
        assert!(took >= Duration::from_millis(100) && took < PATIENCE, "{took:?}");
        pair.close();
    });
}

/// An accept that the connecting side never completes ends with STATUS_IO_TIMEOUT, and so does a connect that nobody decides.
pub fn a_handshake_times_out(run: &Run) {
    with_adapter(run, |adapter| {
        let shape = Shape::default();
        let (a, b) = (End::new(adapter, 1, &shape).unwrap(), End::new(adapter, 2, &shape).unwrap());
        let at = fresh_address();
        let listener = listen(adapter, at).unwrap();
        for accepts in [true, false] {
            let connector = adapter.create_connector().unwrap();
            let connecting = connector.connect(a.qp, SocketAddrV4::new(HERE, 0), at, &shape.connect);
            let incoming = listener.incoming(PATIENCE).unwrap();
            let waiting = if accepts {
                let accepting = incoming.accept(b.qp, &shape.accept);
                assert_eq!(connecting.wait(), Some(STATUS_SUCCESS));
                accepting
            } else {
                connecting
            };
            let begun = cpu::now();
            assert_eq!(waiting.wait_for(HANDSHAKE), Some(STATUS_IO_TIMEOUT), "accepts {accepts}");
            println!("accepts {accepts}: {:?}", cpu::now() - begun);
            wait_all([incoming.close(), connector.close()]);
        }
        wait_all([listener.close()]);
        a.close();
        b.close();
    });
}

/// Port 0 is answered until there is no port, or no room for another endpoint.
pub fn ports_run_out(run: &Run) {
    with_adapter(run, |adapter| {
        let mut endpoints = Vec::new();
        let refused = loop {
            match adapter.create_endpoint(SocketAddrV4::new(HERE, 0)) {
                Ok(endpoint) => endpoints.push(endpoint),
                Err(status) => break status,
            }
            assert!(endpoints.len() <= 65_536, "more endpoints than ports");
        };
        println!("{} endpoints, then {refused:#x}", endpoints.len());
        assert!([STATUS_TOO_MANY_ADDRESSES, STATUS_INSUFFICIENT_RESOURCES].contains(&refused), "{refused:#x}");
        wait_all(endpoints.into_iter().map(|endpoint| endpoint.close()));
        let again = adapter.create_endpoint(SocketAddrV4::new(HERE, 0)).expect("ports are free again");
        wait_all([again.close()]);
    });
}
