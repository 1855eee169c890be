//! The adapter's own TCP/IP goes on while a virtual switch works on the other pools.

use super::{BUFFERS, HOLD_NONE, address, builder};
use igbcx_tests::{Rig, Run, Scenario};
use lab_kernel::cpu;
use netcx_lab::Net;
use netcx_lab::server::Server;
use netcx_lab::vmq::{Collected, Interface, Random, Switch};
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const DOWNLOAD: u64 = 1 << 20;
/// Queues that come and go at least, and rounds of pings and a download in which they have to.
const QUEUES: u64 = 50;
const ROUNDS: u32 = 200;
const PINGS: u16 = 20;
const WAIT: Duration = Duration::from_secs(30);

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario::new("vmq_neighbours::dhcp_ping_and_http_over_the_default_pool", tcp_ip)]
}

fn tcp_ip(run: &Run) {
    // Before the machine binds itself, and threads started later, to one processor.
    let server = Server::start(run.seed).unwrap();
    let rig = Rig::up(builder(run).net(Net::User).preempt_one_in(8));
    let interface = Interface::of(&rig).unwrap();
    let switch = interface.open(Collected::new().1, HOLD_NONE, run.seed).unwrap();
    let (over, cycles) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let worker = {
        let (over, cycles, seed) = (over.clone(), cycles.clone(), run.seed);
        cpu::spawn("virtual switch", move || churn(switch, seed, &over, &cycles))
    };
    let mut stack = rig.stack().unwrap();
    let lease = stack.dhcp(WAIT).unwrap();
    let gateway = lease.router.unwrap_or(lease.server);
    let address = SocketAddrV4::new(gateway, server.port());
    let mut rounds = 0;
    while cycles.load(Ordering::Relaxed) < QUEUES {
        rounds += 1;
        let pings = stack.ping(gateway, PINGS, 56, Duration::from_secs(1), &mut |_| {});
        assert_eq!((pings.received, pings.corrupt), (PINGS.into(), 0));
        let response = stack.get(address, &format!("/{DOWNLOAD}"), &mut |_| {}).unwrap();
        assert_eq!((response.status, response.bytes), (200, DOWNLOAD));
        let record = server.exchanges().into_iter().rfind(|e| e.method == "GET").expect("the server's record");
        assert_eq!(record.sha256, response.sha256);
        assert!(rounds < ROUNDS, "{} queues came and went meanwhile", cycles.load(Ordering::Relaxed));
    }
    over.store(true, Ordering::Relaxed);
    cpu::join(worker);
    println!("{rounds} rounds, {} queues came and went meanwhile", cycles.load(Ordering::Relaxed));
    switch.end().unwrap();
    drop(stack);
    drop(interface);
    rig.finish();
}

/// Queues come and go until the others are done.
fn churn(switch: Switch, seed: u64, over: &AtomicBool, cycles: &AtomicU64) {
    let mut random = Random::new(seed);
    let mut queues = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let n = cycles.fetch_add(1, Ordering::Relaxed);
        if queues.len() == 7 {
            let queue = queues.swap_remove(random.below(queues.len()));
            switch.drop_queue(queue).unwrap();
        }
        queues.push(switch.add_queue(BUFFERS, &[address(n as u8)]).unwrap());
        cpu::yield_now();
    }
}
