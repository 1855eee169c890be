//! System worker threads: they run work items, passive-level timers and interrupts, and deletions put off to
//! PASSIVE_LEVEL. As on Windows a job gets a thread of its own while it runs, so jobs may wait for each other.

use lab_kernel::cpu::{self, Event};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

struct Job(Box<dyn FnOnce()>);

struct Pool {
    jobs: VecDeque<Job>,
    /// One event for each thread that waits for a job.
    idle: Vec<Event>,
    threads: usize,
}

// SAFETY: jobs are queued and run by the baton holder of lab_kernel::cpu only, one thread at a time.
unsafe impl Send for Pool {}

static POOL: Mutex<Pool> = Mutex::new(Pool { jobs: VecDeque::new(), idle: Vec::new(), threads: 0 });

fn pool<R>(f: impl FnOnce(&mut Pool) -> R) -> R {
    f(&mut POOL.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Runs `job` at PASSIVE_LEVEL on a worker thread, not in this call. Any IRQL.
pub(crate) fn run(job: impl FnOnce() + 'static) {
    let idle = pool(|p| {
        p.jobs.push_back(Job(Box::new(job)));
        p.idle.pop().ok_or_else(|| {
            p.threads += 1;
            p.threads
        })
    });
    match idle {
        Ok(event) => event.set(),
        Err(number) => drop(cpu::spawn(&format!("kmdf worker {number}"), work)),
    }
}

fn work() {
    let wake = Event::new(false, false);
    loop {
        let job = pool(|p| {
            let job = p.jobs.pop_front();
            if job.is_none() {
                p.idle.push(wake.clone());
            }
            job
        });
        match job {
            Some(Job(job)) => job(),
            None => drop(cpu::wait_for("work for a kmdf worker", &wake, None)),
        }
    }
}
