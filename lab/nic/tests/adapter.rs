//! The adapter against a real QEMU: registers, frames, interrupts, fence, link and faults.

mod rig;

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use lab_nic::{Clock, Endpoint, INTX_BIT, Net, Nic, NicConfig, NicError, ReadFault, virtual_time_qemu};
use rig::*;

#[test]
fn a_reset_adapter_shows_its_registers_and_address() {
    let rig = on_the_wire();
    rig.write(CTRL, 1 << 26);
    rig.wait("reset", Duration::from_secs(1), || rig.read(CTRL) & 1 << 26 == 0);
    assert_ne!(rig.read(STATUS), 0xffff_ffff);
    assert_eq!(rig.read(RAL0), 0xab00_5452);
    assert_eq!(rig.read(RAH0), 0x8000_efcd);
    assert_eq!(rig.nic.pci_read(0, 4), 0x10c9_8086, "82576");
    assert_eq!(rig.nic.pci_read(0, 2), 0x8086);
    assert_eq!(rig.nic.pci_read(1, 4), u32::MAX, "unaligned");
    let lens: Vec<_> = rig.nic.bars().iter().map(|bar| (bar.index, bar.len, bar.io)).collect();
    assert_eq!(lens, [(0, 0x20000, false), (1, 0x20000, false), (2, 0x20, true), (3, 0x4000, false)]);
    assert_eq!(rig.nic.mmio_read(0x1000, 4), 0xffff_ffff, "no BAR there");
    let stats = rig.nic.stats();
    assert_eq!((stats.reads_from[&RAL0], stats.writes_to[&CTRL]), (1, 1));
}

#[test]
fn frames_leave_byte_exact_and_in_order() {
    let rig = on_the_wire();
    let mut tx = Tx::start(&rig);
    let sent = frames([0xff; 6], 600);
    tx.send(&rig, &sent);
    let wire = rig.nic.wire().unwrap();
    assert!(wire.barrier());
    let received: Vec<_> = std::iter::from_fn(|| wire.recv()).collect();
    assert!(received == sent, "{} of {} frames, or other bytes", received.len(), sent.len());
}

#[test]
fn a_burst_of_ten_thousand_frames_is_whole_both_ways() {
    let rig = on_the_wire();
    rig.bring_link_up();
    let (mut tx, mut rx) = (Tx::start(&rig), Rx::start(&rig));
    let burst = frames(MAC, 10_000);
    let wire = rig.nic.wire().unwrap();
    tx.send(&rig, &burst);
    assert!(wire.barrier());
    let received: Vec<_> = std::iter::from_fn(|| wire.recv()).collect();
    assert!(received == burst, "{} frames of 10,000 on the wire", received.len());

    burst.iter().for_each(|frame| wire.send(frame));
    assert!(!wire.barrier(), "a ring of {RING} cannot hold 10,000 frames");
    let received = rx.take(&rig, burst.len());
    assert!(received == burst, "{} frames of 10,000 in memory", received.len());
    assert!(wire.barrier());
}

#[test]
fn messages_and_the_line_arrive() {
    let rig = on_the_wire();
    assert_eq!(rig.nic.msix_vectors(), 10);
    // An adapter with the line: any cause of ICR.
    rig.nic.enable_msix(0);
    rig.write(IMS, 1 << 2);
    rig.write(0x00c8, 1 << 2);
    assert_eq!(rig.nic.take_interrupts(), 1 << INTX_BIT);
    let before = rig.nic.now();
    rig.nic.idle(Duration::from_millis(1));
    assert!(rig.nic.now() - before >= Duration::from_millis(1), "an unserved line does not stop the clock");
    assert_eq!(rig.read(ICR) & 1 << 2, 1 << 2);
    assert_eq!(rig.nic.take_interrupts(), 0, "reading ICR takes the line back");

    // Three vectors of ten.
    rig.nic.enable_msix(3);
    rig.write(GPIE, 1 << 4 | 1 << 31);
    rig.write(EIAC, 0x7);
    rig.write(EIMS, 0x7);
    for vector in [2, 0, 1] {
        rig.write(EICS, 1 << vector);
        assert_eq!(rig.nic.take_interrupts(), 1 << vector);
        assert_eq!(rig.nic.take_interrupts(), 0, "once");
    }
    rig.nic.set_vector_masked(1, true);
    rig.write(EICS, 1 << 1);
    assert_eq!(rig.nic.take_interrupts(), 0, "masked");
    rig.nic.set_vector_masked(1, false);
    assert_eq!(rig.nic.take_interrupts(), 1 << 1, "delivered when unmasked");
    let stats = rig.nic.stats();
    assert_eq!(stats.interrupts[..4], [1, 2, 1, 0]);
    assert_eq!(stats.line_interrupts, 1);
}

#[test]
fn the_fence_stops_and_reports_what_was_not_mapped() {
    let rig = on_the_wire();
    let wire = rig.nic.wire().unwrap();
    let mut tx = Tx::start(&rig);
    let secret = rig.nic.ram().alloc(1, 0).unwrap();
    secret.write(0, &frames([0xff; 6], 1)[0]);
    assert_eq!(rig.nic.dma_faults(), []);

    // A physical address is not a DMA address.
    tx.post_at(secret.phys(), 60);
    tx.ring_doorbell(&rig);
    assert!(wire.barrier());
    let faults = rig.nic.dma_faults();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!((faults[0].address, faults[0].write, faults[0].source), (secret.phys(), false, 3 << 3));
    assert_eq!(rig.nic.dma_faults(), [], "told once");
    // The model sends what a stopped read leaves it: zeros.
    assert_eq!(wire.recv(), Some(vec![0; 60]));

    // Mapped it can be read, unmapped no more.
    let address = rig.nic.dma_map(secret.phys(), 60, false);
    tx.post_at(address, 60);
    tx.ring_doorbell(&rig);
    assert_eq!(wire.recv(), Some(frames([0xff; 6], 1).remove(0)));
    rig.nic.dma_unmap(address, 60);
    tx.post_at(address, 60);
    tx.ring_doorbell(&rig);
    assert_eq!(wire.recv(), Some(vec![0; 60]), "unmapped");
    assert_eq!(rig.nic.dma_faults().iter().map(|fault| fault.address).collect::<Vec<_>>(), [address]);

    // Write permission is a permission of its own: head write-back needs it.
    let read_only = rig.nic.dma_map(secret.phys(), 4096, false);
    rig.write(TX_QUEUE + 0x38, read_only & 0xffff_ffff | 1);
    rig.write(TX_QUEUE + 0x3c, read_only >> 32);
    tx.post(&frames([0xff; 6], 1)[0]);
    tx.ring_doorbell(&rig);
    let faults = rig.nic.dma_faults();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!((faults[0].address, faults[0].write, faults[0].reason), (read_only, true, 5));
    rig.nic.dma_unmap(read_only, 4096);
}

#[test]
fn memory_under_dma_cannot_be_freed() {
    let rig = on_the_wire();
    let block = rig.nic.ram().alloc(3, 0).unwrap();
    let (phys, len) = (block.phys(), block.len());
    let address = rig.nic.dma_map(phys + 4096, 4096, true);
    assert!(rig.nic.ram().is_dma_mapped(phys, len));
    assert!(!rig.nic.ram().is_dma_mapped(phys, 4096));
    let freed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(block)));
    assert!(freed.is_err());
    rig.nic.dma_unmap(address, 4096);
    assert!(!rig.nic.ram().is_dma_mapped(phys, len));
    let again = rig.nic.ram().alloc(3, 0).unwrap();
    assert_ne!(again.phys(), phys, "a block that could not be freed is not handed out again");
}

#[test]
fn blocks_are_zeroed_aligned_and_found_by_address() {
    let rig = Rig::new(NicConfig { fence: false, ..config(Net::Wire, Clock::Real) });
    let ram = rig.nic.ram();
    let empty = ram.hash();
    let first = ram.alloc(2, 1 << 20).unwrap();
    assert_eq!(first.phys() % (1 << 20), 0);
    first.write(5000, b"netcx");
    assert_eq!(ram.phys_of(ram.va_of(first.phys() + 5000).unwrap()), Some(first.phys() + 5000));
    assert_eq!(ram.va_of(first.phys() + first.len()), None, "the page behind a block belongs to nobody");
    let written = ram.hash();
    assert_ne!(written, empty);
    drop(first);
    assert_eq!(ram.hash(), empty);
    let all = ram.alloc((64 << 20) / 4096 - 256 - 8, 0).unwrap();
    let mut end = [1; 4096];
    all.read(all.len() - 4096, &mut end);
    assert_eq!(end, [0; 4096]);
    assert!(matches!(ram.alloc(8, 0), Err(NicError::OutOfRam(8))));
    assert_eq!(rig.nic.dma_map(all.phys() + 7, 4, true), all.phys() + 7, "no fence: DMA addresses are physical ones");
}

#[test]
fn the_link_goes_down_and_up() {
    let rig = on_the_wire();
    rig.bring_link_up();
    rig.nic.set_link(false);
    assert_eq!(rig.read(STATUS) & STATUS_LINK_UP, 0);
    rig.nic.set_link(true);
    rig.wait("link", Duration::from_secs(3), || rig.read(STATUS) & STATUS_LINK_UP != 0);
    assert!(rig.nic.hmp("info network").unwrap().contains("nic"));
}

#[test]
fn planned_faults_bend_reads_only() {
    let rig = on_the_wire();
    let status = rig.read(STATUS);
    let plan = rig.nic.faults();
    plan.reads(ReadFault::AllOnes, plan.accesses() + 1);
    assert_eq!(rig.read(STATUS), status, "from the next access on");
    assert_eq!(rig.read(STATUS), 0xffff_ffff);
    rig.write(RAL0, 0x1234_5678);
    plan.clear();
    assert_eq!(rig.read(RAL0), 0x1234_5678, "writes went through");
    plan.reads(ReadFault::Random(3), 0);
    assert_ne!(rig.read(STATUS), rig.read(STATUS));
    plan.clear();
    plan.stuck_bits(STATUS, 1 << 30, 0);
    assert_eq!(rig.read(STATUS), status | 1 << 30);
}

#[test]
fn an_adapter_that_is_pulled_out_is_silent() {
    let rig = on_the_wire();
    let wire = rig.nic.wire().unwrap();
    let mut tx = Tx::start(&rig);
    rig.nic.enable_msix(1);
    rig.write(GPIE, 1 << 4 | 1 << 31);
    rig.write(EIMS, 1);
    rig.write(EICS, 1);
    rig.nic.flush();
    rig.nic.faults().surprise_remove();
    assert_eq!(rig.nic.take_interrupts(), 0);
    assert_eq!(rig.read(STATUS), 0xffff_ffff);
    assert_eq!(rig.nic.pci_read(0, 2), 0xffff_ffff);
    tx.post(&frames([0xff; 6], 1)[0]);
    tx.ring_doorbell(&rig);
    wire.barrier();
    assert!(!tx.is_done());
    assert_eq!(wire.recv(), None);
    assert!(rig.nic.failure().is_none(), "a fault of the plan is no fault of QEMU");
}

#[test]
fn a_qemu_that_dies_is_named_and_harms_nobody() {
    let rig = on_the_wire();
    // QEMU ends, and says nothing of its own accord.
    let _ = rig.nic.hmp("quit");
    assert_eq!(rig.read(STATUS), 0xffff_ffff);
    rig.write(CTRL, 0);
    rig.nic.idle(Duration::from_millis(1));
    rig.nic.step(Duration::from_millis(1));
    assert_eq!(rig.nic.take_interrupts(), 0);
    let failure = rig.nic.failure().expect("a reason");
    assert!(failure.to_string().contains("lost"), "{failure}");
    assert!(rig.nic.hmp("info status").is_err());
}

#[test]
fn a_configuration_that_cannot_be_served_is_told_with_qemus_words() {
    let wrong = NicConfig { device: "no-such-nic".into(), ..config(Net::Wire, Clock::Real) };
    let told = Nic::start(&wrong).unwrap_err().to_string();
    assert!(told.contains("no-such-nic"), "{told}");
    let wrong = NicConfig { qemu: Some("/nonexistent".into()), ..config(Net::Wire, Clock::Real) };
    let told = Nic::start(&wrong).unwrap_err().to_string();
    assert!(told.contains("/nonexistent"), "{told}");
    let wrong = NicConfig { ram_mib: 4096, ..config(Net::Wire, Clock::Real) };
    assert!(matches!(Nic::start(&wrong), Err(NicError::Config(_))));
}

#[test]
fn two_adapters_reach_each_other_over_datagrams() {
    let folder = tempfile::tempdir().unwrap();
    let end = |name: &str| Endpoint::Unix(folder.path().join(name));
    let adapter = |ours: &str, theirs: &str, byte: u8| {
        let net = Net::Dgram { local: end(ours), remote: end(theirs) };
        Rig::new(NicConfig { mac: [2, 0, 0, 0, 0, byte], ..config(net, Clock::Real) })
    };
    let (left, right) = (adapter("left", "right", 1), adapter("right", "left", 2));
    right.bring_link_up();
    let mut rx = Rx::start(&right);
    let mut tx = Tx::start(&left);
    let sent = frames([2, 0, 0, 0, 0, 2], 3);
    tx.send(&left, &sent);
    assert_eq!(rx.take(&right, 3), sent);
}

#[test]
fn the_capture_shows_both_directions() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("wire.pcapng");
    let rig = Rig::new(NicConfig { pcap: Some(path.clone()), ..config(Net::Wire, Clock::Real) });
    rig.bring_link_up();
    let (mut tx, mut rx) = (Tx::start(&rig), Rx::start(&rig));
    let out = frames([0xff; 6], 2);
    let back = frames(MAC, 1);
    tx.send(&rig, &out[..1]);
    rig.nic.step(Duration::from_millis(2));
    rig.nic.wire().unwrap().send(&back[0]);
    rx.take(&rig, 1);
    rig.nic.step(Duration::from_millis(2));
    tx.send(&rig, &out[1..]);
    rig.nic.stop();
    assert_eq!(rig.read(STATUS), 0xffff_ffff, "stopped");
    assert!(rig.nic.failure().is_none());

    let seen = captured(&path);
    let frames: Vec<_> = seen.iter().map(|(frame, direction, _)| (frame.as_slice(), *direction)).collect();
    assert_eq!(frames, [(&out[0][..], 2), (&back[0], 1), (&out[1], 2)]);
    assert!(seen.windows(2).all(|pair| pair[0].2 < pair[1].2));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let age = now.abs_diff(seen[2].2);
    assert!(age < Duration::from_secs(20), "time stamps are off by {age:?}");
}

/// Frames of a pcapng file with direction and time.
fn captured(path: &PathBuf) -> Vec<(Vec<u8>, u32, Duration)> {
    use pcap_file::pcapng::{Block, PcapNgReader, blocks::enhanced_packet::EnhancedPacketOption};
    let mut reader = PcapNgReader::new(fs::File::open(path).unwrap()).unwrap();
    let mut frames = Vec::new();
    while let Some(block) = reader.next_block() {
        if let Block::EnhancedPacket(packet) = block.unwrap() {
            let [EnhancedPacketOption::Flags(flags)] = packet.options[..] else { panic!("{packet:?}") };
            frames.push((packet.data.to_vec(), flags & 3, packet.timestamp));
        }
    }
    frames
}

/// A run with link, frames both ways, interrupts and time; hash of what it left behind.
fn scripted_run() -> ([u8; 32], Vec<u64>, Duration) {
    let rig = Rig::new(config(Net::Wire, Clock::Virtual));
    assert!(rig.nic.clock_is_virtual());
    rig.nic.enable_msix(2);
    rig.write(GPIE, 1 << 4 | 1 << 31);
    rig.write(IVAR0, 0x80 | 0x81 << 8);
    rig.write(EIAC, 0x3);
    rig.write(EIMS, 0x3);
    rig.bring_link_up();
    let (mut tx, mut rx) = (Tx::start(&rig), Rx::start(&rig));
    let wire = rig.nic.wire().unwrap();
    let mut log = Vec::new();
    for round in 0..50 {
        for frame in frames(MAC, 20) {
            wire.send(&frame);
        }
        log.push(rig.nic.take_interrupts());
        while let Some(frame) = rx.next(&rig) {
            tx.post(&frame);
            log.push(frame.len() as u64);
        }
        tx.ring_doorbell(&rig);
        rig.nic.idle(Duration::from_micros(50 * round));
        log.push(rig.nic.now().as_nanos() as u64);
        log.extend(std::iter::from_fn(|| wire.recv()).map(|frame| frame.len() as u64));
        log.push(rig.read(STATUS));
    }
    assert_eq!(log.iter().filter(|&&entry| entry == 60).count(), 100, "each round moves its frames both ways");
    (rig.nic.ram().hash(), log, rig.nic.now())
}

#[test]
fn equal_runs_with_virtual_time_are_equal_to_the_bit() {
    if virtual_time_qemu().is_none() {
        eprintln!("skipped: no QEMU with virtual time (cargo xtask setup builds it)");
        return;
    }
    let first = scripted_run();
    for run in 1..20 {
        assert!(scripted_run() == first, "run {run} differs from the first");
    }
}

#[test]
fn virtual_time_passes_only_when_asked() {
    if virtual_time_qemu().is_none() {
        eprintln!("skipped: no QEMU with virtual time (cargo xtask setup builds it)");
        return;
    }
    let rig = Rig::new(config(Net::Wire, Clock::Auto));
    assert!(rig.nic.clock_is_virtual());
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(rig.nic.now(), Duration::ZERO);
    rig.nic.step(Duration::from_micros(1500));
    assert_eq!(rig.nic.now(), Duration::from_micros(1500));
    rig.nic.idle(Duration::from_millis(700));
    assert_eq!(rig.nic.now(), Duration::from_micros(701_500));
    // An interrupt ends an idle time early.
    rig.nic.enable_msix(1);
    rig.write(GPIE, 1 << 4 | 1 << 31);
    rig.write(EIMS, 1);
    rig.write(EICS, 1);
    rig.nic.idle(Duration::from_secs(1));
    assert_eq!(rig.nic.now(), Duration::from_micros(701_500));
    assert_eq!(rig.nic.take_interrupts(), 1);
}

#[test]
fn the_user_net_answers_an_arp_request() {
    let rig = Rig::new(config(Net::User, Clock::Auto));
    assert!(!rig.nic.clock_is_virtual(), "a net with a life of its own runs in real time");
    rig.bring_link_up();
    let (mut tx, mut rx) = (Tx::start(&rig), Rx::start(&rig));
    let request = [
        &[0xff; 6][..],
        &MAC,
        &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1],
        &MAC,
        &[10, 0, 2, 15],
        &[0; 6],
        &[10, 0, 2, 2],
        &[0; 18],
    ];
    tx.send(&rig, &[request.concat()]);
    let answer = rx.take(&rig, 1).remove(0);
    assert_eq!(answer[12..14], [8, 6]);
    assert_eq!(answer[28..32], [10, 0, 2, 2]);
}

#[test]
fn an_adapter_can_be_used_from_other_threads() {
    let rig = on_the_wire();
    let nic = Arc::clone(&rig.nic);
    let id = std::thread::spawn(move || nic.pci_read(2, 2)).join().unwrap();
    assert_eq!(id, 0x10c9);
}
