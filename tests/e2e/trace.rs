//! What a trace session gets of igbcx.sys, decoded as a trace tool does it, and what it costs when there is none.

use crate::control::event_log;
use igbcx_ioctl::EventKind;
use igbcx_tests::rig::LINK;
use igbcx_tests::{Rig, Run, Scenario, rig};
use lab_kernel::{
    cpu,
    etw::{self, Event, ProviderId, Value, Wanted},
    exports,
};
use std::time::Duration;

/// The provider's name: its GUID is the hash of it, or nobody would find it by name.
const NAME: &str = "igbcx";
/// The adapter's station address, as the field "Station" shows it.
const MAC: [u8; 6] = [0x02, 0x11, 0x22, 0x33, 0x44, 0x55];
const STATION: &str = "Station=0x21122334455";

const KEYWORD_STATE: u64 = 1;
const KEYWORD_LINK: u64 = 2;
const KEYWORD_FAULT: u64 = 4;
const ALL: Wanted = Wanted { level: 0, any_keyword: KEYWORD_STATE | KEYWORD_LINK | KEYWORD_FAULT, all_keywords: 0 };

const LEVEL_ERROR: u8 = 2;
const LEVEL_WARNING: u8 = 3;
const LEVEL_INFORMATION: u8 = 4;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new("trace::a_life", a_life),
        Scenario::new("trace::equals_the_event_log", equals_the_event_log),
        Scenario::new("trace::nobody_listens", nobody_listens),
        Scenario::new("trace::levels_and_keywords", levels_and_keywords),
        Scenario::new("trace::reset", reset),
        Scenario::new("trace::start_and_stop_that_fail", start_and_stop_that_fail),
        Scenario::new("trace::a_session_of_before", a_session_of_before),
    ]
}

fn build(run: &Run) -> Rig {
    Rig::build(rig::builder(run).mac(MAC))
}

fn listen(wanted: Wanted) {
    etw::enable(ProviderId::of_name(NAME), wanted);
}

/// The events since the last call as text without provider and station, which every event has.
fn events() -> Vec<String> {
    etw::take_events().iter().map(shown).collect()
}

fn shown(event: &Event) -> String {
    let text = event.decoded.as_ref().expect("self-describing").to_string();
    let own = text.strip_prefix("igbcx/").unwrap_or_else(|| panic!("{text}"));
    let (name, fields) = own.split_once(' ').unwrap_or((own, ""));
    let fields = fields.strip_prefix(STATION).unwrap_or_else(|| panic!("{text}"));
    format!("{name}{fields}")
}

const UP: &str = "LinkUp MegabitsPerSecond=1000 FullDuplex=true";

/// Waits until the driver has looked at the link once more.
fn link(rig: &Rig, up: bool) {
    rig.nic().set_link(up);
    rig.wait_link(up, LINK).unwrap();
}

fn a_life(run: &Run) {
    let mut rig = build(run);
    listen(ALL);
    rig.bring_up();
    assert_eq!(events(), ["Started", "LinkDown", UP]);
    rig.check_traffic();
    assert_eq!(events(), [""; 0], "packets are not events");
    link(&rig, false);
    link(&rig, true);
    assert_eq!(events(), ["LinkDown", UP]);
    rig.d3().unwrap();
    assert_eq!(events(), ["Stopped"]);
    rig.d0().unwrap();
    rig.wait_link(true, LINK).unwrap();
    assert_eq!(events(), ["Started", "LinkDown", UP]);
    rig.surprise_remove().unwrap();
    rig.remove();
    assert_eq!(events(), ["Removed", "Stopped"]);
    rig.finish();
}

/// Two ways out of the driver for the same events: both have all of them.
fn equals_the_event_log(run: &Run) {
    let mut rig = build(run);
    listen(ALL);
    rig.bring_up();
    for i in 0..20 {
        rig.nic().set_link(i % 2 != 0);
        cpu::sleep(Duration::from_millis(i * 3 % 7));
    }
    rig.wait_link(true, LINK).unwrap();
    rig.d3().unwrap();
    rig.d0().unwrap();
    rig.wait_link(true, LINK).unwrap();
    let traced: Vec<_> = etw::take_events().iter().map(numbers).collect();
    let logged: Vec<_> = event_log(&rig)
        .iter()
        .map(|event| {
            let kind = EventKind::from_number(event.kind).unwrap();
            (kind.name().replace('-', ""), event.arguments.to_vec())
        })
        .collect();
    assert!(traced.len() >= 8, "{traced:?}");
    assert_eq!(traced.len(), logged.len());
    for ((name, values), (kind, arguments)) in traced.iter().zip(&logged) {
        assert_eq!((name, values), (kind, &arguments[..values.len()].to_vec()));
    }
    rig.finish();
}

/// The name in small letters, and the values behind the station.
fn numbers(event: &Event) -> (String, Vec<u32>) {
    let decoded = event.decoded.as_ref().expect("self-describing");
    let number = |value: &Value| match value {
        Value::Unsigned(value) => *value as u32,
        Value::Bool(value) => u32::from(*value),
        Value::NtStatus(value) => *value,
        other => panic!("{other}"),
    };
    (decoded.name.to_lowercase(), decoded.fields.iter().skip(1).map(|(_, value)| number(value)).collect())
}

fn calls(name: &str) -> u64 {
    exports::calls().into_iter().find(|(n, _)| *n == name).map_or(0, |(_, count)| count)
}

fn nobody_listens(run: &Run) {
    let mut rig = build(run);
    assert_eq!(etw::registered(), [ProviderId::of_name(NAME)]);
    rig.bring_up();
    rig.check_traffic();
    link(&rig, false);
    link(&rig, true);
    listen(ALL);
    etw::disable(ProviderId::of_name(NAME));
    rig.d3().unwrap();
    rig.d0().unwrap();
    rig.remove();
    assert_eq!((calls("EtwRegister"), calls("EtwWriteTransfer")), (1, 0));
    assert_eq!(events(), [""; 0]);
    rig.finish();
    assert_eq!(calls("EtwUnregister"), 1);
    assert_eq!(etw::registered(), []);
}

fn levels_and_keywords(run: &Run) {
    let mut rig = build(run);
    let mut life = |wanted: Wanted| {
        listen(wanted);
        let before = calls("EtwWriteTransfer");
        rig.bring_up();
        rig.stop().unwrap();
        let events = etw::take_events();
        // The driver asks ETW for nothing that the session does not want.
        assert_eq!(calls("EtwWriteTransfer") - before, events.len() as u64);
        assert!(events.iter().all(|e| e.level == LEVEL_INFORMATION), "{events:?}");
        events.iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(life(Wanted::every_level(KEYWORD_LINK)), ["LinkDown", UP]);
    assert_eq!(life(Wanted::every_level(KEYWORD_STATE)), ["Started", "Stopped"]);
    assert_eq!(life(Wanted { level: LEVEL_INFORMATION, ..ALL }), ["Started", "LinkDown", UP, "Stopped"]);
    assert_eq!(life(Wanted { level: LEVEL_WARNING, ..ALL }), [""; 0]);
    assert_eq!(life(Wanted { all_keywords: KEYWORD_STATE | KEYWORD_FAULT, ..ALL }), [""; 0]);
    rig.finish();
}

/// A receive queue that never stops (RXDCTL.ENABLE stuck, 82576 datasheet 8.10.9).
fn reset(run: &Run) {
    let mut rig = build(run);
    rig.bring_up();
    rig.nic().faults().stuck_bits(0xC028, 1 << 25, 0);
    listen(Wanted { level: LEVEL_WARNING, ..ALL });
    let restarted = rig.adapter().restart_datapath();
    println!("restart of the datapath: {restarted:?}");
    let events = etw::take_events();
    let first: Vec<_> = events.iter().take(2).map(|e| (e.level, shown(e))).collect();
    let expected = [(LEVEL_ERROR, "Failed".to_owned()), (LEVEL_WARNING, "Reset Queue=0 Receive=true".to_owned())];
    assert_eq!(first, expected);
    rig.nic().faults().clear();
    rig.remove();
    rig.finish();
}

/// A reset that never ends (CTRL.RST stuck, 82576 datasheet 8.2.1): STATUS_IO_TIMEOUT.
fn start_and_stop_that_fail(run: &Run) {
    let mut rig = build(run);
    listen(Wanted { level: LEVEL_ERROR, ..ALL });
    rig.nic().faults().stuck_bits(0, 1 << 26, 0);
    rig.start().unwrap_err();
    // The adapter has no station address yet.
    let [event] = etw::take_events().try_into().unwrap();
    assert_eq!(event.decoded.unwrap().to_string(), "igbcx/Error Station=0x0 Status=0xc00000b5");
    rig.nic().faults().clear();
    rig.add_again().unwrap();
    rig.bring_up();
    assert_eq!(events(), [""; 0], "a start is no error");
    rig.nic().faults().stuck_bits(0, 1 << 26, 0);
    rig.d3().unwrap_err();
    assert_eq!(events(), ["Error Status=0xc00000b5"]);
    rig.nic().faults().clear();
    rig.remove();
    rig.finish();
}

/// A session that waits for the provider, as an autologger does, loses nothing of its start.
fn a_session_of_before(run: &Run) {
    let mut rig = build(run);
    listen(ALL);
    rig.reload().unwrap();
    rig.bring_up();
    assert_eq!(events(), ["Started", "LinkDown", UP]);
    assert_eq!((calls("EtwRegister"), calls("EtwUnregister")), (2, 1));
    rig.finish();
}
