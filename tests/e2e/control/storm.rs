//! Everything at once: eight threads of callers, power, the link, and removal at the end.

use super::{AsBytes, HEADER, Random, SOON, interface};
use igbcx_ioctl::{Code, EventMask, EventsRequest, Request, RingRequest, WaitRequest};
use igbcx_tests::{Rig, Run, Scenario, rig};
use lab_kernel::cpu;
use lab_kmdf::{File, Ioctl};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Operations of all threads together.
const OPERATIONS: u64 = 100_000;
const THREADS: u64 = 8;
/// Waits that one thread keeps.
const KEPT: usize = 16;

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario::new("control::storm", storm)]
}

/// What the threads share.
#[derive(Default)]
struct Count {
    sent: AtomicU64,
    ended: AtomicU64,
    stop: AtomicBool,
}

fn storm(run: &Run) {
    let mut rig = Rig::up(rig::builder(run));
    let count = Arc::new(Count::default());
    let device = rig.device().unwrap();
    let threads: Vec<_> = (0..THREADS)
        .map(|n| {
            let count = count.clone();
            let files = [(); 2].map(|()| device.open(&interface()).expect("open"));
            let random = Random(run.seed.wrapping_mul(0x9E37_79B9).wrapping_add(n) | 1);
            cpu::spawn(&format!("caller {n}"), move || caller(files.into(), random, OPERATIONS / THREADS, &count))
        })
        .collect();
    let mut cycle = 0_u64;
    while count.sent.load(Ordering::Relaxed) < OPERATIONS {
        cycle += 1;
        match cycle % 4 {
            0 => {
                rig.d3().unwrap();
                cpu::sleep(Duration::from_micros(200));
                rig.d0().unwrap();
            }
            1 => rig.nic().set_link(false),
            2 => rig.nic().set_link(true),
            _ => {}
        }
        cpu::sleep(Duration::from_micros(500));
    }
    count.stop.store(true, Ordering::Relaxed);
    threads.into_iter().for_each(cpu::join);
    assert_eq!(count.sent.load(Ordering::Relaxed), count.ended.load(Ordering::Relaxed), "every request ends, once");
    rig.remove();
    rig.finish();
}

fn caller(mut files: Vec<File>, mut random: Random, operations: u64, count: &Count) {
    let mut kept: Vec<Ioctl> = Vec::new();
    let ended = |request: &Ioctl| {
        request.wait(SOON * 10).expect("a request that was cancelled, or whose handle is closed, ends");
        count.ended.fetch_add(1, Ordering::Relaxed);
    };
    for _ in 0..operations {
        let file = &files[random.below(files.len() as u64) as usize];
        let operation = random.below(8);
        let request = match operation {
            0 => file.ioctl(Code::Version as u32, Request { header: HEADER }.bytes(), 40),
            1 => file.ioctl(Code::Statistics as u32, Request { header: HEADER }.bytes(), 2848),
            2 => file.ioctl(Code::Events as u32, EventsRequest { header: HEADER, after: 0 }.bytes(), 4096),
            3 => {
                let request =
                    RingRequest { header: HEADER, direction: random.below(2) as u8, queue: 0, reserved: [0; 6] };
                file.ioctl(Code::Ring as u32, request.bytes(), 1 << 14)
            }
            4 => file.ioctl(Code::Wait as u32, &[0; 3], 40),
            _ => {
                let mask = random.next() as u32 & EventMask::ALL.0 | 1;
                let request = WaitRequest { header: HEADER, mask, reserved: 0, after: random.below(64) };
                file.ioctl(Code::Wait as u32, request.bytes(), 40)
            }
        };
        count.sent.fetch_add(1, Ordering::Relaxed);
        // Of the short requests most are seen through, which gives the processor away; the others are cancelled anywhere.
        if operation < 5 && random.below(4) != 0 {
            ended(&request);
            continue;
        }
        kept.push(request);
        if kept.len() > KEPT {
            let request = kept.swap_remove(random.below(kept.len() as u64) as usize);
            request.cancel();
            ended(&request);
        }
        if random.below(200) == 0 {
            // The handle goes, and with it what waits on it; the other one's waits stay.
            let index = random.below(files.len() as u64) as usize;
            if files.len() > 1 {
                drop(files.swap_remove(index));
            }
        }
    }
    while !count.stop.load(Ordering::Relaxed) {
        cpu::sleep(Duration::from_millis(1));
    }
    kept.iter().for_each(|request| {
        request.cancel();
    });
    drop(files);
    kept.iter().for_each(ended);
}
