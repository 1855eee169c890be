//! The processor: threads, IRQL, DPCs, timers, events, interrupts.

mod common;

use common::Board;
use lab_kernel::cpu::{self, DISPATCH_LEVEL, Event, PASSIVE_LEVEL};
use lab_kernel::rules;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// A shared log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, entry: impl Into<String>) {
        self.0.lock().unwrap().push(entry.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn violated() -> Vec<&'static str> {
    rules::violations().into_iter().map(|v| v.rule).collect()
}

machine_tests! {
    fn dpcs_run_in_order_at_dispatch_and_not_before_the_irql_drops() {
        Board::new().boot();
        let log = Log::default();
        assert_eq!(cpu::raise_irql(DISPATCH_LEVEL), PASSIVE_LEVEL);
        for i in 0..3 {
            let log = log.clone();
            cpu::queue_dpc(move || log.add(format!("dpc {i} at {}", cpu::irql())));
        }
        cpu::preempt_point();
        assert_eq!(log.take(), Vec::<String>::new());
        assert_eq!(cpu::lower_irql(PASSIVE_LEVEL), DISPATCH_LEVEL);
        assert_eq!(log.take(), ["dpc 0 at 2", "dpc 1 at 2", "dpc 2 at 2"]);
        assert_eq!((cpu::irql(), cpu::stats().dpcs), (PASSIVE_LEVEL, 3));
        assert_eq!(violated(), Vec::<&str>::new());
    }

    fn a_dpc_that_queues_a_dpc_runs_behind_those_already_queued() {
        Board::new().boot();
        let log = Log::default();
        let (first, second, nested) = (log.clone(), log.clone(), log.clone());
        cpu::queue_dpc(move || {
            first.add("first");
            cpu::queue_dpc(move || nested.add("nested"));
        });
        cpu::queue_dpc(move || second.add("second"));
        cpu::flush_dpcs();
        assert_eq!(log.take(), ["first", "second", "nested"]);
    }

    fn timers_expire_in_order_and_can_be_cancelled() {
        Board::new().boot();
        let log = Log::default();
        let set = |at: u32, name: &'static str| {
            let log = log.clone();
            cpu::set_timer(at * MS, move || log.add(format!("{name} at {:?}, IRQL {}", cpu::now(), cpu::irql())))
        };
        set(30, "c");
        set(10, "a");
        let gone = set(20, "b");
        set(10, "a2");
        assert!(cpu::cancel_timer(gone));
        assert!(!cpu::cancel_timer(gone));
        cpu::sleep(100 * MS);
        assert_eq!(log.take(), ["a at 10ms, IRQL 2", "a2 at 10ms, IRQL 2", "c at 30ms, IRQL 2"]);
        assert_eq!(cpu::now(), 100 * MS);
    }

    fn a_synchronization_event_wakes_one_waiter_a_notification_event_all() {
        Board::new().boot();
        let log = Log::default();
        for (kind, manual) in [("one", false), ("all", true)] {
            let event = Event::new(manual, false);
            for i in 0..3 {
                let (event, log) = (event.clone(), log.clone());
                cpu::spawn(&format!("waiter {i}"), move || {
                    let woken = cpu::wait(&event, Some(50 * MS));
                    log.add(format!("{kind} {i} {woken}"));
                });
            }
            cpu::sleep(MS);
            event.set();
            assert_eq!(event.is_set(), manual);
            cpu::sleep(100 * MS);
        }
        assert_eq!(
            log.take(),
            ["one 0 true", "one 1 false", "one 2 false", "all 0 true", "all 1 true", "all 2 true"]
        );
    }

    fn waits_end_in_time_and_take_the_signal() {
        Board::new().boot();
        let auto = Event::new(false, true);
        assert!(cpu::wait(&auto, None));
        assert!(!auto.is_set());
        assert!(!cpu::wait(&auto, Some(Duration::ZERO)));
        let before = cpu::now();
        assert!(!cpu::wait(&auto, Some(7 * MS)));
        assert_eq!(cpu::now() - before, 7 * MS);
        let manual = Event::new(true, true);
        assert!(cpu::wait(&manual, None) && cpu::wait(&manual, None));
        manual.reset();
        assert!(!cpu::wait(&manual, Some(Duration::ZERO)));
        let signal = auto.clone();
        cpu::set_timer(cpu::now() + 3 * MS, move || signal.set());
        assert_eq!(cpu::wait_any("either", &[&manual, &auto], Some(10 * MS)), Some(1));
        assert_eq!(cpu::wait_any("either", &[&manual, &auto], Some(MS)), None);
        // A zero timeout is allowed at DISPATCH_LEVEL.
        cpu::raise_irql(DISPATCH_LEVEL);
        assert!(!cpu::wait(&auto, Some(Duration::ZERO)));
    }

    fn join_waits_for_the_end_and_nested_threads_run() {
        Board::new().boot();
        let log = Log::default();
        let outer = log.clone();
        let t = cpu::spawn("outer", move || {
            let inner = outer.clone();
            let t = cpu::spawn("inner", move || inner.add("inner"));
            cpu::join(t);
            cpu::sleep(5 * MS);
            outer.add("outer");
        });
        cpu::join(t);
        cpu::join(t);
        assert_eq!(log.take(), ["inner", "outer"]);
        assert_eq!(cpu::now(), 5 * MS);
    }

    fn interrupts_preempt_by_irql_and_wait_while_disabled() {
        let board = Board::new();
        board.boot();
        let log: Rc<RefCell<Vec<String>>> = Rc::default();
        for (vector, irql) in [(3, 5), (4, 9)] {
            let log = log.clone();
            let isr = move || {
                log.borrow_mut().push(format!("isr {vector} at {}", cpu::irql()));
                let dpc_log = log.clone();
                cpu::queue_dpc(move || dpc_log.borrow_mut().push(format!("dpc of {vector}")));
                true
            };
            cpu::connect_interrupt(vector, irql, Box::new(isr));
        }
        let take = || std::mem::take(&mut *log.borrow_mut());
        board.fire(1 << 3 | 1 << 4 | 1 << 7);
        cpu::preempt_point();
        // The higher IRQL first; DPCs after both; vector 7 is nobody's.
        assert_eq!(take(), ["isr 4 at 9", "isr 3 at 5", "dpc of 4", "dpc of 3"]);
        assert_eq!(cpu::stats().spurious_interrupts, 1);

        cpu::set_interrupt_enabled(3, false);
        board.fire(1 << 3);
        cpu::preempt_point();
        assert_eq!(take(), Vec::<String>::new());
        cpu::set_interrupt_enabled(3, true);
        cpu::preempt_point();
        assert_eq!(take(), ["isr 3 at 5", "dpc of 3"]);

        // At DISPATCH_LEVEL service routines run, DPCs wait; at or above its IRQL the routine waits too.
        cpu::raise_irql(DISPATCH_LEVEL);
        board.fire(1 << 3);
        cpu::preempt_point();
        assert_eq!(take(), ["isr 3 at 5"]);
        cpu::raise_irql(5);
        board.fire(1 << 3);
        cpu::preempt_point();
        assert_eq!(take(), Vec::<String>::new());
        cpu::lower_irql(DISPATCH_LEVEL);
        assert_eq!(take(), ["isr 3 at 5"]);
        cpu::lower_irql(PASSIVE_LEVEL);
        assert_eq!(take(), ["dpc of 3", "dpc of 3"]);

        cpu::disconnect_interrupt(3);
        board.fire(1 << 3);
        cpu::preempt_point();
        assert_eq!((take(), cpu::stats().spurious_interrupts), (vec![], 2));
        // A message that came before the routine was connected is gone.
        board.fire(1 << 3);
        cpu::connect_interrupt(3, 5, Box::new(|| panic!("stale message delivered")));
        cpu::preempt_point();
        assert_eq!(violated(), Vec::<&str>::new());
    }

    fn a_line_interrupt_is_served_while_it_is_asserted() {
        let board = Board::new();
        board.boot();
        let (served, device) = (Rc::new(RefCell::new(0)), board.clone());
        let count = served.clone();
        cpu::connect_interrupt(cpu::LINE, 5, Box::new(move || {
            *count.borrow_mut() += 1;
            if *count.borrow() == 3 {
                device.set_line(false);
            }
            true
        }));
        board.set_line(true);
        cpu::preempt_point();
        assert_eq!(*served.borrow(), 3);
    }

    fn an_interrupt_ends_the_idle_loop_at_its_time() {
        let board = Board::new();
        board.boot();
        let event = Event::new(false, false);
        let signal = event.clone();
        cpu::connect_interrupt(0, 5, Box::new(move || {
            let signal = signal.clone();
            cpu::queue_dpc(move || signal.set());
            true
        }));
        board.plan(Duration::from_micros(1234), 1);
        assert!(cpu::wait(&event, None));
        assert_eq!(cpu::now(), Duration::from_micros(1234));
        board.plan(Duration::from_micros(2000), 1);
        assert!(cpu::wait(&event, Some(Duration::from_secs(9))));
        assert_eq!(cpu::now(), Duration::from_micros(2000));
        // A stall takes interrupts too, and its full time.
        board.plan(Duration::from_micros(2010), 1);
        cpu::stall(50);
        assert_eq!((cpu::now(), event.is_set()), (Duration::from_micros(2050), true));
    }

    fn a_disabled_source_does_not_stop_a_virtual_clock() {
        let board = Board::new();
        board.boot();
        cpu::connect_interrupt(cpu::LINE, 5, Box::new(|| true));
        cpu::set_interrupt_enabled(cpu::LINE, false);
        board.set_line(true);
        cpu::sleep(10 * MS);
        assert_eq!(cpu::now(), 10 * MS);
    }

    fn a_storm_breaks_a_rule_and_the_run_goes_on() {
        let board = Board::new();
        board.boot();
        cpu::connect_interrupt(cpu::LINE, 5, Box::new(|| false));
        board.set_line(true);
        cpu::preempt_point();
        cpu::preempt_point();
        assert!(violated().contains(&"NO_INTERRUPT_STORM"), "{:?}", violated());
        board.set_line(false);
        cpu::preempt_point();

        fn requeue() {
            cpu::queue_dpc(requeue);
        }
        requeue();
        cpu::sleep(MS);
        assert_eq!(cpu::now(), MS);
    }

    fn irql_misuse_is_recorded() {
        Board::new().boot();
        cpu::raise_irql(DISPATCH_LEVEL);
        cpu::raise_irql(PASSIVE_LEVEL);
        cpu::lower_irql(DISPATCH_LEVEL);
        cpu::flush_dpcs();
        assert_eq!(violated(), ["IRQL_RAISE", "IRQL_LOWER", "FLUSH_DPCS_PASSIVE"]);
        cpu::lower_irql(PASSIVE_LEVEL);
        cpu::queue_dpc(|| {
            cpu::raise_irql(9);
        });
        cpu::preempt_point();
        assert_eq!(violated().last(), Some(&"DPC_KEEPS_IRQL"));
        assert_eq!(cpu::irql(), PASSIVE_LEVEL);
        assert!(rules::checked_total() >= 6);
        assert_eq!(rules::violated_total(), 4);
    }

    fn a_thread_that_ends_wakes_nobody_else_and_leaves_its_irql_behind() {
        Board::new().boot();
        let t = cpu::spawn("high", || {
            cpu::raise_irql(cpu::APC_LEVEL);
        });
        cpu::join(t);
        assert_eq!((cpu::irql(), violated()), (PASSIVE_LEVEL, vec!["THREAD_ENDS_PASSIVE"]));
    }

    fn irql_belongs_to_the_thread_across_switches() {
        Board::new().boot();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let other = seen.clone();
        cpu::spawn("passive", move || other.lock().unwrap().push(cpu::irql()));
        cpu::raise_irql(cpu::APC_LEVEL);
        cpu::sleep(MS);
        assert_eq!((seen.lock().unwrap().as_slice(), cpu::irql()), (&[PASSIVE_LEVEL][..], cpu::APC_LEVEL));
    }

    fn threads_do_not_switch_at_preempt_points_unless_told() {
        Board::new().boot();
        let ran = Arc::new(AtomicBool::new(false));
        let other = ran.clone();
        cpu::spawn("other", move || other.store(true, Ordering::Relaxed));
        for _ in 0..1000 {
            cpu::preempt_point();
        }
        assert!(!ran.load(Ordering::Relaxed));
        cpu::yield_now();
        assert!(ran.load(Ordering::Relaxed));
        assert_eq!(cpu::stats().preemptions, 0);
    }

    fn no_switch_at_dispatch_even_if_every_preempt_point_switches() {
        Board::new().boot_seeded(1, 1);
        let ran = Arc::new(AtomicBool::new(false));
        let other = ran.clone();
        cpu::spawn("other", move || other.store(true, Ordering::Relaxed));
        cpu::raise_irql(DISPATCH_LEVEL);
        for _ in 0..100 {
            cpu::preempt_point();
        }
        assert!(!ran.load(Ordering::Relaxed));
        cpu::lower_irql(PASSIVE_LEVEL);
        assert!(ran.load(Ordering::Relaxed));
    }

    fn a_real_clock_works_too() {
        let board = Board::with_real_clock();
        board.boot();
        let log = Log::default();
        let timer = log.clone();
        cpu::set_timer(cpu::now() + 3 * MS, move || timer.add("timer"));
        cpu::connect_interrupt(1, 5, Box::new({
            let log = log.clone();
            move || { log.add("interrupt"); true }
        }));
        board.plan(cpu::now() + 6 * MS, 2);
        let before = cpu::now();
        cpu::sleep(10 * MS);
        assert!(cpu::now() - before >= 10 * MS);
        // Which comes first depends on the host: both may be late.
        let mut events = log.take();
        events.sort();
        assert_eq!(events, ["interrupt", "timer"]);
        let before = cpu::now();
        cpu::stall(200);
        assert!(cpu::now() - before >= Duration::from_micros(200));
    }

    fn outside_lab_threads_preempt_points_do_nothing_and_events_still_work() {
        let board = Board::with_real_clock();
        board.boot();
        let event = Event::new(false, false);
        let signal = event.clone();
        std::thread::spawn(move || {
            cpu::preempt_point();
            signal.set();
        });
        assert!(cpu::wait(&event, Some(Duration::from_secs(5))));
    }
}

#[test]
fn events_set_by_other_os_threads_are_never_lost() {
    const NAME: &str = "events_set_by_other_os_threads_are_never_lost";
    if !common::is_child() {
        common::expect_success(NAME, &common::run_child(NAME, "1"));
        return;
    }
    Board::with_real_clock().boot();
    let (event, turns) = (Event::new(false, false), Arc::new(AtomicU32::new(0)));
    let (signal, seen) = (event.clone(), turns.clone());
    std::thread::spawn(move || {
        for turn in 0..2000 {
            while seen.load(Ordering::Acquire) != turn {
                std::thread::yield_now();
            }
            signal.set();
        }
    });
    for turn in 0..2000 {
        turns.store(turn, Ordering::Release);
        assert!(cpu::wait(&event, Some(Duration::from_secs(5))), "turn {turn}");
    }
}

/// What threads that share a processor by seeded preemption write.
fn interleaving(seed: u64) -> String {
    Board::new().boot_seeded(seed, 3);
    let log = Log::default();
    let threads: Vec<_> = (0..4)
        .map(|i| {
            let log = log.clone();
            cpu::spawn(&format!("worker {i}"), move || {
                for step in 0..20 {
                    log.add(format!("{i}.{step}"));
                    cpu::preempt_point();
                    if step % 7 == i {
                        cpu::sleep(MS);
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(cpu::join);
    log.take().join(" ")
}

#[test]
fn the_interleaving_depends_on_the_seed_alone() {
    const NAME: &str = "the_interleaving_depends_on_the_seed_alone";
    if common::is_child() {
        println!("order: {}", interleaving(common::child_argument().parse().unwrap()));
        return;
    }
    let run = |seed: u32| {
        let out = common::expect_success(NAME, &common::run_child(NAME, &seed.to_string()));
        out.lines().find_map(|l| l.split_once("order: ")).map(|(_, order)| order.to_owned()).unwrap()
    };
    let first = run(7);
    assert_eq!(first.split(' ').count(), 80);
    for _ in 0..10 {
        assert_eq!(run(7), first);
    }
    assert_ne!(run(8), first);
}

stop_tests! {
    fn a_wait_at_dispatch_level_stops() stops with ["0x000000B8 ATTEMPTED_SWITCH_FROM_DPC", "a wait (the moon) at IRQL 2"] {
        Board::new().boot();
        cpu::queue_dpc(|| {
            cpu::wait_for("the moon", &Event::new(false, false), None);
        });
        cpu::flush_dpcs();
    }

    fn a_deadlock_lists_who_waits_for_what() stops with
        ["deadlock", "thread 0 main: waits for the end of thread left", "thread 1 left: waits for the right hand since 0.001000 s",
         "thread 2 right: waits for the left hand"]
    {
        Board::new().boot();
        let (a, b) = (Event::new(false, false), Event::new(false, false));
        let left = cpu::spawn("left", move || {
            cpu::sleep(MS);
            cpu::wait_for("the right hand", &a, None);
        });
        cpu::spawn("right", move || {
            cpu::wait_for("the left hand", &b, None);
        });
        cpu::join(left);
    }

    fn silence_of_a_connected_interrupt_is_a_deadlock_in_the_end() stops with ["deadlock", "waits for a packet"] {
        Board::new().boot();
        cpu::connect_interrupt(0, 5, Box::new(|| true));
        cpu::wait_for("a packet", &Event::new(false, false), None);
    }

    fn a_thread_that_never_yields_is_stopped_by_the_watchdog() stops with ["no preempt point for 2 s", "thread 0 main, IRQL 0:", "a_thread_that_never_yields"] {
        Board::new().boot();
        cpu::set_watchdog(Duration::from_secs(2));
        loop {
            std::hint::spin_loop();
        }
    }

    fn a_panic_of_a_lab_thread_stops() stops with ["panicked at", "lab thread clumsy panicked"] {
        Board::new().boot();
        let t = cpu::spawn("clumsy", || panic!("oops"));
        cpu::join(t);
    }
}
