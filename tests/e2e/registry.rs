//! Keywords as a hostile registry may hold them: what makes no sense gets the INF's default.

use igbcx_tests::{Rig, Run, Scenario, rig};
use netcx_lab::RegValue;

/// QEMU's address of the adapter.
const MAC: [u8; 6] = [0x52, 0x54, 0, 0x49, 0x47, 0x42];
/// Bytes of a descriptor, and the registers with the bytes of a ring (82576 datasheet 8.10.7, 8.12.12).
const DESCRIPTOR: u64 = 16;
const RDLEN: u64 = 0xC008;
const TDLEN: u64 = 0xE008;

fn text(text: &str) -> RegValue {
    RegValue::Sz(text.into())
}

/// A number keyword.
#[derive(Clone, Copy)]
struct Number {
    name: &'static str,
    good: u32,
    /// Just out of range.
    below: u32,
    above: u32,
    /// What the driver uses.
    actual: fn(&Rig) -> u64,
    default: u64,
}

const NUMBERS: [Number; 3] = [
    Number {
        name: "*ReceiveBuffers",
        good: 1024,
        below: 56,
        above: 4104,
        actual: |rig| rig.register(RDLEN) / DESCRIPTOR,
        default: 512,
    },
    Number {
        name: "*TransmitBuffers",
        good: 1024,
        below: 56,
        above: 4104,
        actual: |rig| rig.register(TDLEN) / DESCRIPTOR,
        default: 512,
    },
    Number {
        name: "*JumboPacket",
        good: 4088,
        below: 1513,
        above: 9015,
        actual: |rig| u64::from(rig.adapter().mtu()) + 14,
        default: 1514,
    },
];

/// Values of a number keyword: name of the case, value, whether the keyword is `good` with it.
fn numbers(keyword: Number) -> Vec<(&'static str, RegValue, bool)> {
    let Number { good, below, above, .. } = keyword;
    vec![
        ("good_text", text(&good.to_string()), true),
        ("good_dword", RegValue::Dword(good), true),
        ("below", text(&below.to_string()), false),
        ("above", text(&above.to_string()), false),
        ("zero", text("0"), false),
        ("negative", text("-1"), false),
        ("empty", text(""), false),
        ("words", text("many"), false),
        ("huge", text("99999999999999999999"), false),
        ("all_ones", RegValue::Dword(u32::MAX), false),
        ("wraps_to_good", RegValue::Dword(good + 0x1_0000), false),
        ("binary", RegValue::Binary(vec![1, 2, 3]), false),
        ("no_bytes", RegValue::Binary(vec![]), false),
        ("texts", RegValue::MultiSz(vec!["a".into(), "b".into()]), false),
        ("long", text(&"1".repeat(5000)), false),
    ]
}

pub fn scenarios() -> Vec<Scenario> {
    let mut all = Vec::new();
    for keyword in NUMBERS {
        for (case, value, holds) in numbers(keyword) {
            let wanted = if holds { keyword.good.into() } else { keyword.default };
            let name = format!("registry::{}_{case}", keyword.name.trim_start_matches('*'));
            all.push(Scenario::new(name, move |run| {
                let mut rig = Rig::up(rig::builder(run).registry_value(keyword.name, value.clone()));
                assert_eq!((keyword.actual)(&rig), wanted, "{} with {value:?}", keyword.name);
                rig.check_traffic();
                rig.finish();
            }));
        }
    }
    let own = [0x02, 0xAB, 0xCD, 0xEF, 0x01, 0x23];
    let addresses = [
        ("good", text("02ABCDEF0123"), own),
        ("lower_case", text("02abcdef0123"), own),
        ("multicast", text("03ABCDEF0123"), MAC),
        ("broadcast", text("FFFFFFFFFFFF"), MAC),
        ("zero", text("000000000000"), MAC),
        ("short", text("02ABCDEF01"), MAC),
        ("words", text("not an address"), MAC),
        ("empty", text(""), MAC),
        ("number", RegValue::Dword(0x0200_0001), MAC),
        ("binary", RegValue::Binary(own.to_vec()), MAC),
    ];
    for (case, value, wanted) in addresses {
        all.push(Scenario::new(format!("registry::NetworkAddress_{case}"), move |run| {
            let mut rig = Rig::up(rig::builder(run).registry_value("NetworkAddress", value.clone()));
            assert_eq!(rig.adapter().mac(), wanted, "NetworkAddress {value:?}");
            rig.check_traffic();
            rig.finish();
        }));
    }
    all.push(Scenario::new("registry::no_keywords", no_keywords));
    all
}

/// Without an INF there is no value at all.
fn no_keywords(run: &Run) {
    // A driver beside no INF: the lab finds none above the capture's folder.
    let alone = run.capture.with_extension("sys");
    std::fs::copy(rig::image(), &alone).unwrap();
    let mut rig = Rig::up(rig::builder_without_inf(run).driver(&alone));
    assert_eq!(rig.register(RDLEN) / DESCRIPTOR, 512);
    assert_eq!(rig.register(TDLEN) / DESCRIPTOR, 512);
    assert_eq!((rig.adapter().mtu(), rig.adapter().mac()), (1500, MAC));
    rig.check_traffic();
    rig.finish();
    std::fs::remove_file(&alone).unwrap();
}
