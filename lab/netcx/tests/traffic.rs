//! A driver that keeps every rule carries traffic, whatever rings, buffers and schedules it gets.

mod support;

use lab_netcx::{Options, Placement, RxPacket, TxPacket};
use std::time::{Duration, Instant};
use support::driver::{Plan, state};
use support::{bytes, frame, isolated, load, violated};

/// Frames of many sizes and shapes.
fn mixture(n: u64) -> Vec<TxPacket> {
    let shapes: &[&[usize]] =
        &[&[14], &[60], &[14, 20, 20, 100], &[1514], &[14, 1500], &[1, 13, 7, 0, 333], &[500, 500, 500], &[64; 12]];
    (0..n).map(|i| frame(i, shapes[i as usize % shapes.len()])).collect()
}

fn expect_equal(sent: &[TxPacket], received: &[RxPacket]) {
    assert_eq!(received.len(), sent.len());
    for (tx, rx) in sent.iter().zip(received) {
        assert!(bytes(tx) == rx.data, "packet {} differs", tx.id);
    }
}

/// Starts, exchanges `n` frames, ends; checks that nothing was violated and no DMA went astray.
fn run(plan: Plan, options: Options, preempt_one_in: u32, n: u64) -> lab_netcx::AdapterStats {
    let lab = load(plan, options, preempt_one_in);
    lab.device.start().expect("the device starts");
    let sent = mixture(n);
    let received = lab.exchange(&sent);
    expect_equal(&sent, &received);
    let adapter = lab.adapter();
    let deadline = lab_kernel::cpu::now() + Duration::from_secs(1);
    while !adapter.tx_idle() && lab_kernel::cpu::now() < deadline {
        lab_kernel::cpu::wait(&adapter.tx_event(), Some(Duration::from_millis(10)));
    }
    assert!(adapter.tx_idle());
    let mut completed = adapter.tx_completed();
    completed.sort_unstable();
    assert_eq!(completed, (0..n).collect::<Vec<u64>>());
    let stats = adapter.stats();
    assert_eq!((stats.tx_packets, stats.rx_packets), (n, n));
    assert_eq!(stats.tx_bytes, sent.iter().map(|p| bytes(p).len() as u64).sum::<u64>());
    assert_eq!(lab.board.faults(), 0);
    lab.end();
    assert_eq!(violated(), Vec::<&str>::new());
    stats
}

#[test]
fn default_rings() {
    isolated("default_rings", || {
        let stats = run(Plan::default(), Options::default(), 0, 3000);
        assert!(stats.advance_calls > 0 && stats.arms > 0 && stats.notifications > 0, "{stats:?}");
        let rx = stats.rx_queues[0];
        assert!(rx.advances_at_dispatch > 0 && rx.advances_at_dispatch < rx.advance_calls, "{rx:?}");
        assert!(stats.tx_queues[0].max_packets_per_advance > 1, "{stats:?}");
        assert!(lab_kernel::rules::checked_total() > 10_000);
    });
}

#[test]
fn smallest_rings() {
    isolated("smallest_rings", || {
        let options = Options {
            tx_packets: Some(2),
            tx_fragments: Some(2),
            rx_packets: Some(2),
            rx_fragments: Some(2),
            ..Options::default()
        };
        let stats = run(Plan::default(), options, 0, 300);
        // One fragment at a time: packets of more pieces are bounced.
        assert!(stats.tx_bounced > 100, "{stats:?}");
    });
}

#[test]
fn largest_rings() {
    isolated("largest_rings", || {
        let options = Options {
            tx_packets: Some(4096),
            tx_fragments: Some(4096),
            rx_packets: Some(4096),
            rx_fragments: Some(4096),
            ..Options::default()
        };
        run(Plan::default(), options, 0, 6000);
    });
}

#[test]
fn strict_dma_maps_each_buffer_only_while_the_client_owns_it() {
    isolated("strict_dma_maps_each_buffer_only_while_the_client_owns_it", || {
        let options = Options { strict_dma: true, ..Options::default() };
        run(Plan::default(), options, 0, 1000);
        assert!(support::board::board().maps() > 2000);
    });
}

#[test]
fn scattered_fragments_cross_pages() {
    isolated("scattered_fragments_cross_pages", || {
        let options =
            Options { tx_placement: Placement::Scattered { seed: 5 }, strict_dma: true, ..Options::default() };
        let plan = Plan { max_fragments: 64, ..Plan::default() };
        assert_eq!(run(plan, options, 0, 1000).tx_bounced, 0);
    });
}

#[test]
fn misaligned_fragments_are_bounced() {
    isolated("misaligned_fragments_are_bounced", || {
        let options = Options { tx_placement: Placement::Scattered { seed: 9 }, ..Options::default() };
        let plan = Plan { alignment: 16, ..Plan::default() };
        assert!(run(plan, options, 0, 500).tx_bounced > 100);
    });
}

#[test]
fn bounce_always_makes_one_fragment_of_each_packet() {
    isolated("bounce_always_makes_one_fragment_of_each_packet", || {
        let options = Options { bounce_always: true, ..Options::default() };
        assert_eq!(run(Plan::default(), options, 0, 1000).tx_bounced, 1000);
    });
}

#[test]
fn backfill_is_left_free_before_the_frame() {
    isolated("backfill_is_left_free_before_the_frame", || {
        let stats = run(Plan { backfill: 32, ..Plan::default() }, Options::default(), 0, 200);
        assert_eq!(stats.tx_bounced, 200);
    });
}

#[test]
fn small_rx_buffers_make_frames_of_many_fragments() {
    isolated("small_rx_buffers_make_frames_of_many_fragments", || {
        let lab = load(Plan::default(), Options { rx_buffer_len: Some(100), ..Options::default() }, 0);
        lab.device.start().unwrap();
        let sent = mixture(500);
        let received = lab.exchange(&sent);
        expect_equal(&sent, &received);
        assert!(received.iter().all(|p| usize::from(p.fragments) == p.data.len().div_ceil(100)));
        lab.end();
        assert_eq!(violated(), Vec::<&str>::new());
    });
}

#[test]
fn slow_hardware_is_armed_only_while_packets_are_out() {
    isolated("slow_hardware_is_armed_only_while_packets_are_out", || {
        let stats = run(Plan { slow_tx: true, ..Plan::default() }, Options::default(), 0, 400);
        assert!(stats.tx_queues[0].arms > 0 && stats.tx_queues[0].notifications > 0, "{stats:?}");
    });
}

#[test]
fn worker_thread_only() {
    isolated("worker_thread_only", || {
        run(Plan::default(), Options { dpc_first_loop: false, ..Options::default() }, 0, 1000);
    });
}

#[test]
fn short_dpc_budget() {
    isolated("short_dpc_budget", || {
        run(Plan::default(), Options { dpc_rounds: 1, ..Options::default() }, 0, 1000);
    });
}

#[test]
fn random_preemption() {
    isolated("random_preemption", || {
        run(Plan { slow_tx: true, ..Plan::default() }, Options::default(), 3, 400);
    });
}

#[test]
fn context_of_the_client() {
    isolated("context_of_the_client", || {
        run(Plan { own_context: true, ..Plan::default() }, Options::default(), 0, 1000);
    });
}

#[test]
fn buffers_of_the_client() {
    isolated("buffers_of_the_client", || {
        run(Plan { driver_buffers: true, ..Plan::default() }, Options::default(), 0, 1000);
        assert!(!state().free_buffers.is_empty(), "buffers came back");
    });
}

#[test]
fn client_of_2_0() {
    isolated("client_of_2_0", || {
        let mut lab_plan = Plan { minor: 0, ..Plan::default() };
        lab_plan.case = "queue_size".to_owned();
        // A 2.0 client's queue configuration has no execution context: 48 bytes.
        run(lab_plan, Options::default(), 0, 200);
    });
}

#[test]
fn packets_the_framework_cannot_send_are_posted_ignored() {
    isolated("packets_the_framework_cannot_send_are_posted_ignored", || {
        let lab = load(Plan::default(), Options::default(), 0);
        lab.device.start().unwrap();
        let sent = [frame(0, &[60]), frame(1, &[]), frame(2, &[0, 0]), frame(3, &[4000]), frame(4, &[61])];
        let received = lab.exchange(&sent);
        assert_eq!(received.iter().map(|p| p.data.len()).collect::<Vec<_>>(), [60, 61]);
        let adapter = lab.adapter();
        assert_eq!(adapter.tx_completed().len(), 5);
        assert_eq!((state().tx_ignored, adapter.stats().tx_ignored), (3, 3));
        lab.end();
        assert_eq!(violated(), Vec::<&str>::new());
    });
}

#[test]
fn a_full_backlog_is_refused_and_starvation_ends() {
    isolated("a_full_backlog_is_refused_and_starvation_ends", || {
        let lab = load(Plan::default(), Options::default(), 0);
        lab.device.start().unwrap();
        let adapter = lab.adapter();
        lab_kernel::cpu::sleep(Duration::from_millis(1));
        let before = adapter.stats().advance_calls;
        lab_netcx::starve(Duration::from_secs(60));
        let accepted = (0..5000).filter(|i| adapter.send(frame(*i, &[60]))).count();
        assert_eq!(accepted, lab_netcx::TX_BACKLOG);
        lab_kernel::cpu::sleep(Duration::from_secs(59));
        assert_eq!(adapter.stats().advance_calls, before);
        lab_kernel::cpu::sleep(Duration::from_secs(2));
        let mut received = 0;
        while lab_kernel::cpu::wait(&adapter.rx_event(), Some(Duration::from_millis(100))) {
            while adapter.recv().is_some() {
                received += 1;
            }
        }
        assert_eq!(received, accepted);
        lab.end();
        assert_eq!(violated(), Vec::<&str>::new());
    });
}

#[test]
fn a_stack_that_does_not_read_stops_the_receiver_without_loss() {
    isolated("a_stack_that_does_not_read_stops_the_receiver_without_loss", || {
        let lab = load(Plan::default(), Options { rx_packets: Some(8), ..Options::default() }, 0);
        lab.device.start().unwrap();
        let adapter = lab.adapter();
        let sent = mixture(200);
        for packet in &sent {
            assert!(adapter.send(packet.clone()));
        }
        lab_kernel::cpu::sleep(Duration::from_millis(100));
        // Eight elements come with twice as many packet structures; seven are in the ring at most.
        assert!(adapter.stats().rx_packets <= 16);
        let received = lab.exchange(&[]);
        assert!(received.is_empty());
        let mut all = Vec::new();
        while all.len() < sent.len() && lab_kernel::cpu::wait(&adapter.rx_event(), Some(Duration::from_millis(100))) {
            while let Some(packet) = adapter.recv() {
                all.push(packet);
            }
        }
        expect_equal(&sent, &all);
        lab.end();
    });
}

/// Not a bound but a figure: packets a second through both directions, verifier on and off.
#[test]
fn throughput_of_the_loopback() {
    for verifier in ["on", "off"] {
        if let Some(argument) = support::child() {
            let options = Options { verifier: argument == "on", ..Options::default() };
            let lab = load(Plan::default(), options, 0);
            lab.device.start().unwrap();
            let frames: Vec<TxPacket> = (0..50_000).map(|i| frame(i, &[54, 1460])).collect();
            let begun = Instant::now();
            assert_eq!(lab.exchange(&frames).len(), frames.len());
            let rate = frames.len() as f64 / begun.elapsed().as_secs_f64();
            println!("verifier {argument}: {rate:.0} packets/s");
            assert!(rate > 20_000.0, "64 MiB over HTTP need well under 30 s");
            return;
        }
        let output = support::in_child("throughput_of_the_loopback", verifier);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        println!("{}", text.lines().find(|l| l.contains("packets/s")).unwrap_or_default());
    }
}
