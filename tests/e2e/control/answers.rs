//! What the requests answer, against what the wire and QEMU saw.

use super::{HEADER, ask, call, list, open};
use igbcx_ioctl::{
    Code, Descriptor, Event, EventKind, EventsRequest, Link, List, Register, RegistersRequest, Request, Ring,
    RingRequest, Statistics, Version,
};
use igbcx_tests::frames::packet;
use igbcx_tests::rig::LINK;
use igbcx_tests::{Rig, Run, Scenario, rig};
use zerocopy::{FromBytes, IntoBytes};

/// FCS bytes, which the hardware counts and the wire's frames here have not.
const FCS: u64 = 4;
/// Shortest frame sent here. QEMU's size classes leave out frames of less than 64 bytes without FCS.
const SHORTEST: usize = 64;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new("control::version", version),
        Scenario::new("control::statistics_equal_the_wire", statistics_equal_the_wire),
        Scenario::new("control::statistics_survive_power", statistics_survive_power),
        Scenario::new("control::registers", registers),
        Scenario::new("control::clearing_registers_keep_the_totals", clearing_registers_keep_the_totals),
        Scenario::new("control::ring", ring),
        Scenario::new("control::link", link),
        Scenario::new("control::events", events),
    ]
}

fn version(run: &Run) {
    let mac = [0x02, 0x11, 0x22, 0x33, 0x44, 0x55];
    let builder = rig::builder(run).mac(mac).keyword("*JumboPacket", "4088").messages(2);
    let rig = Rig::up(builder.keyword("NetworkAddress", "02A0B0C0D0E0"));
    let file = open(&rig);
    let version: Version = ask(&file, Code::Version, &Request { header: HEADER });
    assert_eq!(version.pci, [0x8086, 0x10C9]);
    assert_eq!(version.queues, [1, 1]);
    assert_eq!(version.vectors, 2);
    assert_eq!(version.permanent_address, mac);
    assert_eq!(version.address, [0x02, 0xA0, 0xB0, 0xC0, 0xD0, 0xE0]);
    assert_eq!(version.max_frame, 4088);
    drop(file);
    rig.finish();
}

fn statistics(file: &lab_kmdf::File) -> Statistics {
    ask(file, Code::Statistics, &Request { header: HEADER })
}

/// The hardware counter with this name in the order of the protocol: the datasheet's order of offsets.
fn hardware(statistics: &Statistics, name: &str) -> u64 {
    let index = HARDWARE.iter().position(|n| *n == name).unwrap_or_else(|| panic!("no counter {name}"));
    statistics.hardware[index]
}

/// The driver's order of counters, written down here again so that a change of it is seen.
const HARDWARE: &[&str] = &[
    "CRCERRS", "ALGNERRC", "SYMERRS", "RXERRC", "MPC", "SCC", "ECOL", "MCC", "LATECOL", "COLC", "CBTMPC", "DC",
    "TNCRS", "HTDPMC", "CBRDPC", "RLEC", "XONRXC", "XONTXC", "XOFFRXC", "XOFFTXC", "FCRUC", "PRC64", "PRC127",
    "PRC255", "PRC511", "PRC1023", "PRC1522", "GPRC", "BPRC", "MPRC", "GPTC", "GORC", "GOTC", "RNBC", "RUC", "RFC",
    "ROC", "RJC", "MNGPRC", "MPDC", "MNGPTC", "TOR", "TOT", "TPR", "TPT", "PTC64", "PTC127", "PTC255", "PTC511",
    "PTC1023", "PTC1522", "MPTC", "BPTC", "TSCTC", "CBRMPC", "IAC", "RPTHC", "HGPTC", "HTCBDPC", "HGORC", "HGOTC",
    "LENERRS", "SCVPC", "HRMPC",
];

/// Frames each way, of lengths that spread over the hardware's size classes.
fn traffic(rig: &mut Rig, count: u64) -> (u64, u64) {
    let length = |n: u64| SHORTEST + (n as usize * 37) % 1400;
    let out: Vec<_> = (0..count).map(|n| packet(rig.outgoing(length(n), n), n)).collect();
    assert_eq!(rig.transmit(&out).len() as u64, count);
    let inwards: Vec<_> = (0..count).map(|n| rig.incoming(length(n), n)).collect();
    assert_eq!(rig.receive(&inwards, count as usize).len() as u64, count);
    (count, (0..count).map(|n| length(n) as u64).sum())
}

fn statistics_equal_the_wire(run: &Run) {
    let mut rig = Rig::up(rig::builder(run));
    let file = open(&rig);
    let before = statistics(&file);
    let (packets, bytes) = traffic(&mut rig, 500);
    let after = statistics(&file);
    let grown = |name: &'static str| hardware(&after, name) - hardware(&before, name);

    for (direction, tx) in [("sent", true), ("received", false)] {
        let (own_packets, own_bytes) = if tx {
            (after.tx[0].packets - before.tx[0].packets, after.tx[0].bytes - before.tx[0].bytes)
        } else {
            (after.rx[0].packets - before.rx[0].packets, after.rx[0].bytes - before.rx[0].bytes)
        };
        assert_eq!((own_packets, own_bytes), (packets, bytes), "the driver's own, {direction}");
        let names = if tx { ["GPTC", "TPT", "GOTC", "TOT"] } else { ["GPRC", "TPR", "GORC", "TOR"] };
        assert_eq!((grown(names[0]), grown(names[1])), (packets, packets), "the hardware's, {direction}");
        let with_fcs = bytes + packets * FCS;
        assert_eq!((grown(names[2]), grown(names[3])), (with_fcs, with_fcs), "the hardware's bytes, {direction}");
    }
    let classes = |names: [&'static str; 6]| names.into_iter().map(grown).sum::<u64>();
    assert_eq!(classes(["PRC64", "PRC127", "PRC255", "PRC511", "PRC1023", "PRC1522"]), packets);
    assert_eq!(classes(["PTC64", "PTC127", "PTC255", "PTC511", "PTC1023", "PTC1522"]), packets);
    assert_eq!((after.rx[0].errors, after.rx[0].too_long, after.tx[0].dropped), (0, 0, 0));
    assert_eq!((after.queues, after.waits_cancelled), ([1, 1], 0));
    drop(file);
    rig.finish();
}

fn statistics_survive_power(run: &Run) {
    let mut rig = Rig::up(rig::builder(run));
    let file = open(&rig);
    let mut expected = 0;
    for cycle in 0..5 {
        expected += traffic(&mut rig, 20).0;
        rig.d3().unwrap();
        rig.d0().unwrap();
        rig.wait_link(true, LINK).unwrap();
        let now = statistics(&file);
        assert_eq!(now.carried, cycle + 1);
        assert_eq!((hardware(&now, "GPTC"), hardware(&now, "GPRC")), (expected, expected), "cycle {cycle}");
        assert_eq!((now.tx[0].packets, now.rx[0].packets), (expected, expected), "cycle {cycle}");
    }
    drop(file);
    rig.finish();
}

fn registers(run: &Run) {
    let rig = Rig::up(rig::builder(run));
    let file = open(&rig);
    let plain = RegistersRequest { header: HEADER, flags: 0, reserved: 0 };
    let (head, all) = list::<Register>(&file, Code::Registers, plain.as_bytes(), 1 << 16);
    assert_eq!(head.answer.size as usize, size_of::<List>() + all.len() * size_of::<Register>());
    for register in &all {
        assert_eq!(u64::from(register.value), rig.register(register.offset.into()), "offset {:#x}", register.offset);
    }
    let mac = rig.adapter().mac();
    let station = all.iter().find(|r| r.offset == 0x5400).expect("RAL0").value;
    assert_eq!(station.to_le_bytes(), mac[..4]);
    // With less room as many as fit come, and the size says how much room all of them want.
    for room in [16, 24, 39, 40] {
        let (head, some) = list::<Register>(&file, Code::Registers, plain.as_bytes(), room);
        assert_eq!(some.len(), (room - 16) / 8);
        assert_eq!(head.answer.size as usize, size_of::<List>() + all.len() * size_of::<Register>());
        assert_eq!(some[..], all[..some.len()]);
    }
    drop(file);
    rig.finish();
}

fn clearing_registers_keep_the_totals(run: &Run) {
    let mut rig = Rig::up(rig::builder(run));
    let file = open(&rig);
    let (packets, _) = traffic(&mut rig, 30);
    let clearing = RegistersRequest { flags: RegistersRequest::CLEARING, header: HEADER, reserved: 0 };
    let (_, first) = list::<Register>(&file, Code::Registers, clearing.as_bytes(), 1 << 16);
    let (_, second) = list::<Register>(&file, Code::Registers, clearing.as_bytes(), 1 << 16);
    let gptc = |list: &[Register]| u64::from(list.iter().find(|r| r.offset == 0x4080).expect("GPTC").value);
    assert_eq!((gptc(&first), gptc(&second)), (packets, 0), "reading clears");
    assert_eq!(hardware(&statistics(&file), "GPTC"), packets, "and nothing is lost to the totals");
    drop(file);
    rig.finish();
}

fn ring(run: &Run) {
    let mut rig = Rig::up(rig::builder(run).keyword("*TransmitBuffers", "64").keyword("*ReceiveBuffers", "128"));
    let file = open(&rig);
    traffic(&mut rig, 10);
    for (direction, descriptors, base) in [(0_u8, 64_u32, 0xE000_u64), (1, 128, 0xC000)] {
        let request = RingRequest { header: HEADER, direction, queue: 0, reserved: [0; 6] };
        let done = call(&file, Code::Ring, request.as_bytes(), 1 << 17);
        assert_eq!(done.status, 0, "{:#x}", done.status);
        let (ring, body) = Ring::read_from_prefix(&done.output).unwrap();
        assert_eq!((ring.descriptors, ring.count), (descriptors, descriptors));
        assert_eq!(body.len(), descriptors as usize * size_of::<Descriptor>());
        let register = |offset| rig.register(base + offset) as u32;
        assert_eq!((ring.head, ring.tail, ring.control), (register(0x10), register(0x18), register(0x28)));
        assert!(body.iter().any(|byte| *byte != 0), "descriptors were written");
    }
    drop(file);
    rig.finish();
}

fn link(run: &Run) {
    let rig = Rig::up(rig::builder(run));
    let file = open(&rig);
    let up: Link = ask(&file, Code::Link, &Request { header: HEADER });
    assert_eq!((up.speed, up.full_duplex, up.phy_valid), (1000, 1, 1));
    assert_eq!(u64::from(up.status), rig.register(0x8));
    assert!(up.phy[2] != 0 && up.phy[2] != 0xffff, "PHY identifier {:#x}", up.phy[2]);
    rig.nic().set_link(false);
    rig.wait_link(false, LINK).unwrap();
    let down: Link = ask(&file, Code::Link, &Request { header: HEADER });
    assert_eq!(down.speed, 0);
    assert_eq!(down.changes, up.changes + 1);
    drop(file);
    rig.finish();
}

fn events(run: &Run) {
    let mut rig = Rig::up(rig::builder(run));
    let file = open(&rig);
    let read =
        |after| list::<Event>(&file, Code::Events, EventsRequest { header: HEADER, after }.as_bytes(), 1 << 16).1;
    let kinds = |events: &[Event]| -> Vec<EventKind> {
        events.iter().map(|e| EventKind::from_number(e.kind).expect("a kind of the protocol")).collect()
    };
    let first = read(0);
    assert_eq!(kinds(&first).first(), Some(&EventKind::Started));
    let up = first.iter().find(|e| e.kind == EventKind::LinkUp as u32).expect("the link came");
    assert_eq!(up.arguments[..2], [1000, 1]);
    let last = first.last().unwrap().sequence;
    rig.nic().set_link(false);
    rig.wait_link(false, LINK).unwrap();
    assert_eq!(kinds(&read(last)), [EventKind::LinkDown]);
    rig.d3().unwrap();
    rig.nic().set_link(true);
    rig.d0().unwrap();
    let later = read(last);
    assert!(kinds(&later).starts_with(&[EventKind::LinkDown, EventKind::Stopped, EventKind::Started]), "{later:?}");
    assert!(later.windows(2).all(|w| w[0].sequence + 1 == w[1].sequence && w[0].time <= w[1].time));
    drop(file);
    rig.finish();
}
