//! Eight threads issue, cancel and return, while frames come for every queue.

use super::{Bench, address, builder};
use igbcx_tests::{Run, Scenario};
use lab_kernel::cpu;
use ndis_sys::*;
use netcx_lab::vmq::{Filter, Hold, Random, Request, Switch, Vlan};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const THREADS: u64 = 8;
/// Operations of all threads together.
const OPERATIONS: u64 = 8_000;
const BUFFERS: u32 = 32;

pub fn scenarios() -> Vec<Scenario> {
    let storms = (0..8).map(|n| Scenario::new(format!("vmq_storm::{n}"), move |run| storm(run, n)).full_unless(n < 2));
    storms.collect()
}

fn storm(run: &Run, n: u64) {
    let seed = run.seed.wrapping_mul(100) + n;
    let hold = Hold { packets: 60, in_callback: n.is_multiple_of(2) };
    let bench = Bench::new(builder(run).seed(seed).preempt_one_in([3, 16, 64, 0][(n % 4) as usize]), hold);
    let done = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = (1..=THREADS)
        .map(|id| {
            let (switch, done) = (bench.switch, done.clone());
            let random = Random::new(seed * 100 + id);
            cpu::spawn(&format!("vm {id}"), move || machine(switch, id, random, &done))
        })
        .collect();
    let mut random = Random::new(seed);
    while done.load(Ordering::Relaxed) < THREADS {
        for _ in 0..16 {
            bench.rig.wire().send(&bench.frame(1 + random.below(THREADS as usize) as u8));
        }
        bench.rig.wire().barrier();
        cpu::sleep(Duration::from_micros(50));
    }
    threads.into_iter().for_each(cpu::join);
    bench.settle();
    let frames: usize = (1..=7).map(|queue| bench.frames.count(queue)).sum();
    println!("{frames} frames came");
    assert!(frames > 100, "frames came in the middle of everything");
    let mut bench = bench;
    bench.rig.check_traffic();
    bench.finish();
}

/// A virtual machine's queue, again and again; one of eight finds no queue free.
fn machine(switch: Switch, id: u64, mut random: Random, done: &AtomicU64) {
    for operation in 0..OPERATIONS / THREADS {
        let Ok(queue) = switch.allocate(BUFFERS) else {
            switch.return_some(random.below(8));
            cpu::sleep(Duration::from_micros(20));
            continue;
        };
        let filter = address(id as u8);
        let tagged = Filter { vlan: Vlan::Id(9), ..filter };
        let early = random.below(2) == 0;
        if early {
            switch.set_filter(queue, filter).expect("a filter");
        }
        switch.complete_allocation(&[queue]).expect("memory");
        if !early {
            switch.set_filter(queue, filter).expect("a filter");
        }
        for _ in 0..random.below(4) {
            match random.below(4) {
                0 => drop(switch.ask(Request::enum_queues(7))),
                1 => drop(switch.ask(Request::queue_parameters(queue))),
                2 => drop(switch.ask(Request::set_filter(queue, tagged))),
                _ => cpu::sleep(Duration::from_micros(random.below(200) as u64)),
            }
            switch.return_some(random.below(8));
        }
        switch.clear_filters(queue).expect("CLEAR_FILTER");
        let request = id << 32 | operation;
        let ticket = switch.issue(Request::free_queue(queue).with_id(request as usize));
        if random.below(8) == 0 {
            switch.cancel(request as usize);
        }
        if random.below(2) == 0 {
            cpu::sleep(Duration::from_micros(random.below(50) as u64));
        }
        switch.return_queue(queue);
        let end = switch.wait(&ticket, Duration::from_secs(5)).expect("all packets are back");
        // A cancelled one goes on by itself; whoever is next may get its number.
        let known = [NDIS_STATUS_SUCCESS, NDIS_STATUS_REQUEST_ABORTED];
        assert!(known.contains(&end.status), "FREE_QUEUE of queue {queue}: {:#x}", end.status);
    }
    done.fetch_add(1, Ordering::Relaxed);
}
