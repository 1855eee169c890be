//! Which frame goes where.

use super::{BUFFERS, Bench, HOLD_ALL, HOLD_NONE, address, builder, with_tag};
use igbcx_tests::frames::{BROADCAST, assert_same, packet};
use igbcx_tests::{Run, Scenario};
use ndis_sys::*;
use netcx_lab::progress::Progress;
use netcx_lab::vmq::{self, Filter, Vlan};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new("vmq_traffic::every_pool", |run| every_pool(run, true)),
        Scenario::new("vmq_traffic::every_pool_in_common_buffers", |run| every_pool(run, false)),
        Scenario::new("vmq_traffic::common_buffers_go_through_the_flow", common_buffers),
        Scenario::new("vmq_traffic::address", by_address),
        Scenario::new("vmq_traffic::address_and_vlan", by_vlan),
        Scenario::new("vmq_traffic::address_in_any_vlan", any_vlan),
        Scenario::new("vmq_traffic::filters_together", filters_together),
        Scenario::new("vmq_traffic::lengths", lengths),
        Scenario::new("vmq_traffic::longer_than_a_buffer", longer_than_a_buffer),
        Scenario::new("vmq_traffic::paused_queues_drop", paused),
        Scenario::new("vmq_traffic::empty_ring_drops_and_recovers", empty_ring),
        Scenario::new("vmq_traffic::default_pool_keeps_its_frames", default_pool),
        Scenario::new("vmq_traffic::broadcast_and_multicast", groups),
        Scenario::new("vmq_traffic::sent_to_a_queue_s_address", sent_by_the_adapter),
        Scenario::new("vmq_traffic::returned_in_the_callback", |run| held(run, 0)),
        Scenario::new("vmq_traffic::returned_out_of_order", |run| held(run, 30)),
        Scenario::new("vmq_traffic::dma_after_the_stop_is_caught", late_dma),
    ]
}

/// The command `cargo lab vmq`, in small.
fn every_pool(run: &Run, shared_memory: bool) {
    let small = vmq::Run { frames: 4000, cycles: 14, buffers: 128, seed: run.seed, ..vmq::Run::default() };
    let builder = igbcx_tests::rig::builder(run).options(|o| o.shared_memory = shared_memory);
    let report = small.run(builder, &mut Progress::hidden()).unwrap_or_else(|e| panic!("{e}"));
    assert!(report.ok, "{:?}\n{:#?}", report.failures, report.rules.violated);
    let section = report.vmq.unwrap();
    assert_eq!((section.queues.len(), section.cycles, section.leaks, section.foreign), (8, 14, 0, 0));
    assert!(section.queues.iter().all(|q| q.counts.sent >= 500 && q.counts.is_clean()), "{:?}", section.queues);
    assert_eq!(section.shared_memory > 0, shared_memory, "the memory is NDIS' where NDIS grants it");
    assert!(section.held_over_free > 0, "packets were held over FREE_QUEUE");
}

fn common_buffers(run: &Run) {
    let bench = Bench::new(builder(run).options(|o| o.shared_memory = false), HOLD_ALL);
    let queue = bench.queue(1);
    assert_eq!(bench.rig.adapter().queue_memory(queue), 0, "NDIS granted nothing");
    bench.check_queue(queue, 1, 20);
    bench.switch.clear_filters(queue).unwrap();
    bench.switch.free(queue).unwrap();
    bench.finish();
}

fn by_address(run: &Run) {
    let bench = Bench::new(builder(run), HOLD_NONE);
    let queues: Vec<_> = (1..=7).map(|n| bench.queue(n)).collect();
    let sent: Vec<_> = (0..210).map(|i| bench.frame(i % 7 + 1)).collect();
    bench.send(&sent);
    for (at, queue) in queues.iter().enumerate() {
        let of_it: Vec<_> = sent.iter().skip(at).step_by(7).cloned().collect();
        bench.expect(*queue, &of_it);
    }
    // An address that no queue has is not the adapter's either.
    bench.send(&[bench.frame(99)]);
    assert!(queues.iter().all(|queue| bench.frames.count(*queue) == 0));
    assert!(bench.rig.adapter().recv().is_none());
    bench.finish();
}

fn by_vlan(run: &Run) {
    let bench = Bench::new(builder(run), HOLD_NONE);
    let mac = address(1).mac;
    let queue = bench.switch.add_queue(BUFFERS, &[Filter { mac, vlan: Vlan::Id(7) }]).unwrap();
    let other = bench.queue(2);
    let to = |n: u8, vlan: Option<u16>| bench.frame_to(address(n).mac, vlan, 100);
    // Another VLAN, none, the priority bits alone: not for the first queue. Priority bits beside the VLAN do not matter.
    let inside = [to(1, Some(7)), to(1, Some(7 | 5 << 13))];
    let outside = [to(1, Some(8)), to(1, None), to(1, Some(0)), to(2, Some(7)), to(2, Some(9))];
    let untagged = [to(2, None), to(2, Some(0)), to(2, Some(3 << 13))];
    bench.send(&[&inside[..1], &outside[..], &untagged[..], &inside[1..]].concat());
    bench.expect(queue, &inside);
    bench.expect(other, &untagged);
    bench.finish();
}

fn any_vlan(run: &Run) {
    let bench = Bench::new(builder(run), HOLD_NONE);
    let any = |n: u8| Filter { vlan: Vlan::Any, ..address(n) };
    let queue = bench.switch.add_queue(BUFFERS, &[any(1)]).unwrap();
    let other = bench.switch.add_queue(BUFFERS, &[any(2)]).unwrap();
    let to = |n: u8, vlan: Option<u16>| bench.frame_to(address(n).mac, vlan, 100);
    let vlans = [None, Some(7), Some(8), Some(0), Some(4094)];
    let (first, second) = (vlans.map(|vlan| to(1, vlan)), vlans.map(|vlan| to(2, vlan)));
    bench.send(&[&first[..], &second[..]].concat());
    bench.expect(queue, &first);
    bench.expect(other, &second);
    bench.finish();
}

/// Several addresses of one queue, one address in several queues, and sets of filters that the hardware cannot tell apart.
fn filters_together(run: &Run) {
    let bench = Bench::new(builder(run), HOLD_NONE);
    let queue = bench.queue(1);
    bench.switch.set_filter(queue, address(2)).unwrap();
    bench.switch.set_filter(queue, address(3)).unwrap();
    let sent: Vec<_> = (0..30).map(|i| bench.frame(i % 3 + 1)).collect();
    bench.send(&sent);
    bench.expect(queue, &sent);
    // The same address in two queues, by VLAN.
    let mac = address(9).mac;
    let first = bench.switch.add_queue(BUFFERS, &[Filter { mac, vlan: Vlan::Id(1) }]).unwrap();
    let second = bench.switch.add_queue(BUFFERS, &[Filter { mac, vlan: Vlan::Id(2) }]).unwrap();
    let to = |vlan| bench.frame_to(mac, Some(vlan), 100);
    let sent = [to(1), to(2), to(2), to(1)];
    bench.send(&sent);
    bench.expect(first, &[sent[0].clone(), sent[3].clone()]);
    bench.expect(second, &[sent[1].clone(), sent[2].clone()]);
    // A queue takes {its addresses} x {its VLANs}: {4, 4} and {5, 5} alone cannot be had, and the first goes on as it was.
    let pair = |n: u8, vlan: u16| Filter { mac: address(n).mac, vlan: Vlan::Id(vlan) };
    let both = bench.switch.add_queue(BUFFERS, &[pair(4, 4)]).unwrap();
    refused(&bench, both, pair(5, 5), NDIS_STATUS_NOT_SUPPORTED);
    // One frame, two queues; the station's address; any VLAN beside filters that look at it.
    let empty = bench.switch.allocate(BUFFERS).unwrap();
    refused(&bench, empty, address(1), NDIS_STATUS_INVALID_PARAMETER);
    let station = Filter { mac: bench.rig.adapter().mac(), vlan: Vlan::UntaggedOrZero };
    refused(&bench, empty, station, NDIS_STATUS_INVALID_PARAMETER);
    refused(&bench, empty, Filter { vlan: Vlan::Any, ..pair(4, 4) }, NDIS_STATUS_NOT_SUPPORTED);
    let sent = [bench.frame_to(address(4).mac, Some(4), 100)];
    bench.send(&sent);
    bench.expect(both, &sent);
    bench.finish();
}

fn refused(bench: &Bench, queue: u32, filter: Filter, status: NDIS_STATUS) {
    let refused = bench.switch.set_filter(queue, filter).expect_err("a set of filters that cannot be had");
    assert_eq!(refused.status, status, "{filter:?}: {refused}");
}

fn lengths(run: &Run) {
    let bench = Bench::new(builder(run), HOLD_NONE);
    let queue = bench.queue(1);
    let lengths = (60..=1514).step_by(41).chain([61, 1500, 1513, 1514]);
    let sent: Vec<_> = lengths.map(|len| bench.frame_to(address(1).mac, None, len)).collect();
    sent.chunks(BUFFERS as usize / 2).for_each(|sent| {
        bench.send(sent);
        bench.expect(queue, sent);
    });
    bench.finish();
}

/// A frame that does not fit in a buffer arrives whole or not at all, and the next one arrives.
fn longer_than_a_buffer(run: &Run) {
    let bench = Bench::new(builder(run).keyword("*JumboPacket", "9014"), HOLD_NONE);
    let queue = bench.queue(1);
    for len in [2030, 2047, 2048, 2049, 4000, 9014] {
        let (long, next) = (bench.frame_to(address(1).mac, None, len), bench.frame(1));
        bench.send(&[long.clone(), next.clone()]);
        let got: Vec<_> = bench.frames.take(queue).into_iter().map(with_tag).collect();
        assert!(got == [long, next.clone()] || got == [next], "{len} bytes: {} frames", got.len());
    }
    bench.finish();
}

/// A queue without filters, or whose allocation is not complete, gets nothing, and nobody else does.
fn paused(run: &Run) {
    let bench = Bench::new(builder(run), HOLD_NONE);
    let queue = bench.switch.allocate(BUFFERS).unwrap();
    let silent = |what: &str| {
        bench.send(&[bench.frame(1), bench.frame(1)]);
        assert_eq!(bench.frames.count(queue), 0, "{what}");
        assert!(bench.rig.adapter().recv().is_none(), "{what}");
    };
    silent("allocated");
    let filter = bench.switch.set_filter(queue, address(1)).unwrap();
    silent("with a filter, not complete");
    bench.switch.complete_allocation(&[queue]).unwrap();
    bench.check_queue(queue, 1, 3);
    bench.switch.clear_filter(queue, filter).unwrap();
    silent("its filter is cleared");
    // Filters can return.
    bench.switch.set_filter(queue, address(1)).unwrap();
    bench.check_queue(queue, 1, 3);
    bench.finish();
}

/// The consumer keeps every packet: what comes then is lost, and nothing else.
fn empty_ring(run: &Run) {
    let bench = Bench::new(builder(run), HOLD_ALL);
    let (queue, other) = (bench.queue(1), bench.queue(2));
    for round in 0..3 {
        let sent: Vec<_> = (0..BUFFERS * 2).map(|_| bench.frame(1)).collect();
        bench.send(&sent);
        let got: Vec<_> = bench.frames.take(queue).into_iter().map(with_tag).collect();
        assert!(got.len() >= BUFFERS as usize / 2 && got.len() < sent.len(), "round {round}: {} came", got.len());
        assert_same(&got, &sent[..got.len()], "the first ones came");
        bench.check_queue(other, 2, 3);
        bench.switch.return_queue(queue);
        // A DPC gives the buffers back to the ring.
        bench.settle();
        bench.check_queue(queue, 1, 3);
        bench.switch.return_some(usize::MAX);
    }
    let mut bench = bench;
    bench.rig.check_traffic();
    bench.finish();
}

/// With every queue in use the adapter's own frames go where they went before.
fn default_pool(run: &Run) {
    let mut bench = Bench::new(builder(run), HOLD_NONE);
    bench.rig.check_traffic();
    let queues: Vec<_> = (1..=7).map(|n| bench.queue(n)).collect();
    for round in 0..20 {
        bench.rig.check_traffic();
        bench.check_queue(queues[round % 7], round as u8 % 7 + 1, 2);
    }
    bench.rig.adapter().restart_datapath().unwrap();
    bench.rig.check_traffic();
    bench.check_queue(queues[0], 1, 2);
    bench.finish();
}

/// Broadcasts and multicasts are the adapter's; a queue gets a copy if it has a filter for the group, and only then.
fn groups(run: &Run) {
    let bench = Bench::new(builder(run), HOLD_NONE);
    let queue = bench.queue(1);
    const ALL_SYSTEMS: [u8; 6] = [0x01, 0, 0x5E, 0, 0, 1];
    let sent = [BROADCAST, ALL_SYSTEMS].map(|to| bench.frame_to(to, None, 100));
    let got = bench.rig.receive(&sent, 2);
    assert_same(&got.into_iter().map(|p| p.data).collect::<Vec<_>>(), &sent, "the adapter's");
    assert_eq!(bench.frames.count(queue), 0);
    // A queue's own group, which the adapter has not joined.
    let group = Filter { mac: [0x01, 0, 0x5E, 1, 2, 3], vlan: Vlan::UntaggedOrZero };
    bench.switch.set_filter(queue, group).unwrap();
    let sent = [bench.frame_to(group.mac, None, 100)];
    bench.send(&sent);
    bench.expect(queue, &sent);
    assert!(bench.rig.adapter().recv().is_none(), "the adapter has not joined it");
    // A group of the adapter's and of two queues, and the broadcast address: everyone gets a copy.
    let other = bench.queue(2);
    for mac in [ALL_SYSTEMS, BROADCAST] {
        let shared = Filter { mac, vlan: Vlan::UntaggedOrZero };
        bench.switch.set_filter(queue, shared).unwrap();
        bench.switch.set_filter(other, shared).unwrap();
        let sent = [bench.frame_to(mac, None, 100)];
        let got = bench.rig.receive(&sent, 1);
        bench.settle();
        bench.expect(queue, &sent);
        bench.expect(other, &sent);
        assert_same(&got.into_iter().map(|p| p.data).collect::<Vec<_>>(), &sent, "the adapter's copy");
    }
    bench.finish();
}

/// What the adapter itself sends to a queue's address: the device's switch gives it to the queue, and not to the wire. An
/// address that no queue has goes out.
fn sent_by_the_adapter(run: &Run) {
    let bench = Bench::new(builder(run), HOLD_NONE);
    let queue = bench.queue(1);
    let sent = [bench.frame(1), bench.frame(1)];
    let outwards = bench.frame(99);
    let packets = [packet(sent[0].clone(), 1), packet(outwards.clone(), 2), packet(sent[1].clone(), 3)];
    let seen = bench.rig.transmit(&packets);
    bench.settle();
    bench.expect(queue, &sent);
    assert_same(&seen, &[outwards], "on the wire");
    bench.finish();
}

fn held(run: &Run, packets: usize) {
    let bench = Bench::new(builder(run), vmq::Hold { packets, in_callback: true });
    let (queue, other) = (bench.queue(1), bench.queue(2));
    for _ in 0..20 {
        let sent: Vec<_> = (0..20).flat_map(|_| [bench.frame(1), bench.frame(2)]).collect();
        bench.send(&sent);
        let of = |first: usize| sent.iter().skip(first).step_by(2).cloned().collect::<Vec<_>>();
        bench.expect(queue, &of(0));
        bench.expect(other, &of(1));
    }
    bench.finish();
}

/// The judge: were the queue's DMA to go on after its DmaStopped indication, the run would not be clean.
fn late_dma(run: &Run) {
    let bench = Bench::new(builder(run), HOLD_NONE);
    let queue = bench.queue(1);
    bench.check_queue(queue, 1, 3);
    // As the indication would, behind the driver's back.
    bench.rig.adapter().stop_queue_dma(queue);
    bench.send(&[bench.frame(1)]);
    bench.switch.end().unwrap();
    drop(bench.interface);
    let report = bench.rig.into_machine().finish();
    assert!(!report.ok && report.dma_faults > 0, "{:?}", report.failures);
}
