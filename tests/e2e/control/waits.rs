//! Requests that wait for an event: over cancellation, close, power, surprise removal and removal.

use super::{AsBytes, HEADER, SOON, ask, call, open, send};
use igbcx_ioctl::{Code, Event, EventKind, EventMask, Request, Statistics, WaitRequest};
use igbcx_tests::rig::LINK;
use igbcx_tests::{Rig, Run, Scenario, rig};
use lab_kmdf::{Completion, File, Ioctl};
use zerocopy::FromBytes;

const CANCELLED: u32 = 0xC000_0120;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new("control::wait_for_the_link", wait_for_the_link),
        Scenario::new("control::an_event_in_the_log_is_answered_at_once", an_event_in_the_log_is_answered_at_once),
        Scenario::new("control::many_waits_one_event", many_waits_one_event),
        Scenario::new("control::cancelled_wait", cancelled_wait),
        Scenario::new("control::close_cancels_only_its_own", close_cancels_only_its_own),
        Scenario::new("control::power_down_ends_waits", power_down_ends_waits),
        Scenario::new("control::a_wait_of_d3_is_answered_in_d0", a_wait_of_d3_is_answered_in_d0),
        Scenario::new("control::surprise_removal_ends_waits", surprise_removal_ends_waits),
        Scenario::new("control::removal_with_waits", removal_with_waits),
    ]
}

fn wait(file: &File, kinds: &[EventKind], after: u64) -> Ioctl {
    let mask = kinds.iter().fold(0, |mask, kind| mask | EventMask::of(*kind).0);
    send(file, Code::Wait, WaitRequest { header: HEADER, mask, reserved: 0, after }.bytes(), size_of::<Event>())
}

fn event(done: &Completion) -> Event {
    assert_eq!(done.status, 0, "{:#x}", done.status);
    Event::read_from_bytes(&done.output).expect("an event")
}

fn newest(file: &File) -> u64 {
    // A wait for anything after nothing answers the oldest event; the log's last number is in its list.
    let request = igbcx_ioctl::EventsRequest { header: HEADER, after: 0 };
    let done = call(file, Code::Events, request.bytes(), 1 << 16);
    let events = done.output[16..].chunks_exact(size_of::<Event>());
    events.map(|bytes| Event::read_from_bytes(bytes).unwrap().sequence).max().unwrap_or(0)
}

fn expect_cancelled(request: &Ioctl) {
    let done = request.wait(SOON).expect("the wait ends");
    assert_eq!(done.status as u32, CANCELLED, "{:#x}", done.status);
    assert_eq!(done.information, 0);
}

fn wait_for_the_link(run: &Run) {
    let rig = Rig::up(rig::builder(run));
    let file = open(&rig);
    let after = newest(&file);
    let down = wait(&file, &[EventKind::LinkDown], after);
    let up = wait(&file, &[EventKind::LinkUp], after);
    assert!(!down.is_done() && !up.is_done());
    rig.nic().set_link(false);
    rig.wait_link(false, LINK).unwrap();
    assert_eq!(event(&down.wait(SOON).expect("the link went")).kind, EventKind::LinkDown as u32);
    assert!(!up.is_done());
    rig.nic().set_link(true);
    rig.wait_link(true, LINK).unwrap();
    let up = event(&up.wait(SOON).expect("the link came"));
    assert_eq!((up.kind, up.arguments[..2].to_vec()), (EventKind::LinkUp as u32, vec![1000, 1]));
    drop(file);
    rig.finish();
}

fn an_event_in_the_log_is_answered_at_once(run: &Run) {
    let rig = Rig::up(rig::builder(run));
    let file = open(&rig);
    let started = wait(&file, &[EventKind::Started], 0).wait(SOON).expect("it is in the log");
    assert_eq!(event(&started).kind, EventKind::Started as u32);
    let later = wait(&file, &[EventKind::Started], event(&started).sequence);
    assert!(later.wait(std::time::Duration::from_millis(50)).is_none(), "there is only one");
    assert!(later.cancel());
    expect_cancelled(&later);
    drop(file);
    rig.finish();
}

fn many_waits_one_event(run: &Run) {
    let rig = Rig::up(rig::builder(run));
    let files: Vec<File> = (0..4).map(|_| open(&rig)).collect();
    let after = newest(&files[0]);
    let waits: Vec<Ioctl> =
        (0..100).map(|n| wait(&files[n % 4], &[EventKind::LinkDown, EventKind::Failed], after)).collect();
    let others: Vec<Ioctl> = (0..20).map(|n| wait(&files[n % 4], &[EventKind::Reset], after)).collect();
    rig.nic().set_link(false);
    rig.wait_link(false, LINK).unwrap();
    let events: Vec<Event> = waits.iter().map(|w| event(&w.wait(SOON).expect("answered"))).collect();
    assert!(events.iter().all(|e| *e == events[0]), "all get the same event");
    assert!(others.iter().all(|w| !w.is_done()), "and nobody else anything");
    drop(files);
    others.iter().for_each(expect_cancelled);
    rig.finish();
}

fn cancelled_wait(run: &Run) {
    let rig = Rig::up(rig::builder(run));
    let file = open(&rig);
    let after = newest(&file);
    let waits: Vec<Ioctl> = (0..10).map(|_| wait(&file, &[EventKind::Reset], after)).collect();
    for request in waits.iter().step_by(2) {
        assert!(request.cancel());
        expect_cancelled(request);
    }
    assert!(waits.iter().skip(1).step_by(2).all(|w| !w.is_done()));
    let statistics: Statistics = ask(&file, Code::Statistics, &Request { header: HEADER });
    assert_eq!(statistics.waits_cancelled, 5, "EvtIoCanceledOnQueue counts");
    drop(file);
    waits.iter().skip(1).step_by(2).for_each(expect_cancelled);
    rig.finish();
}

fn close_cancels_only_its_own(run: &Run) {
    let rig = Rig::up(rig::builder(run));
    let (mine, other) = (open(&rig), open(&rig));
    let after = newest(&mine);
    let gone = wait(&mine, &[EventKind::LinkDown], after);
    let stays = wait(&other, &[EventKind::LinkDown], after);
    mine.close();
    expect_cancelled(&gone);
    assert!(!stays.is_done());
    rig.nic().set_link(false);
    rig.wait_link(false, LINK).unwrap();
    event(&stays.wait(SOON).expect("still waiting, and answered"));
    other.close();
    rig.finish();
}

fn power_down_ends_waits(run: &Run) {
    let mut rig = Rig::up(rig::builder(run));
    let file = open(&rig);
    for _ in 0..20 {
        let after = newest(&file);
        let stopped = wait(&file, &[EventKind::Stopped], after);
        let others: Vec<Ioctl> = (0..5).map(|_| wait(&file, &[EventKind::Reset], after)).collect();
        rig.d3().unwrap();
        assert_eq!(event(&stopped.wait(SOON).expect("the event came first")).kind, EventKind::Stopped as u32);
        others.iter().for_each(expect_cancelled);
        rig.d0().unwrap();
        // A queue that was purged and never started again would refuse or swallow this one (anchors.md, WinTap CHG-033).
        let again = wait(&file, &[EventKind::Started], after).wait(SOON).expect("the queue works again");
        assert_eq!(event(&again).kind, EventKind::Started as u32);
    }
    drop(file);
    rig.finish();
}

fn a_wait_of_d3_is_answered_in_d0(run: &Run) {
    let mut rig = Rig::up(rig::builder(run));
    let file = open(&rig);
    let after = newest(&file);
    rig.d3().unwrap();
    let waits: Vec<Ioctl> = (0..5).map(|_| wait(&file, &[EventKind::Started], after)).collect();
    let version = send(&file, Code::Version, Request { header: HEADER }.bytes(), 40);
    assert!(waits.iter().all(|w| !w.is_done()) && !version.is_done(), "who comes meanwhile waits");
    rig.d0().unwrap();
    for request in &waits {
        assert_eq!(event(&request.wait(SOON).expect("delivered by the start")).kind, EventKind::Started as u32);
    }
    assert_eq!(version.wait(SOON).expect("answered").status, 0);
    drop(file);
    rig.finish();
}

fn surprise_removal_ends_waits(run: &Run) {
    let mut rig = Rig::up(rig::builder(run));
    let file = open(&rig);
    let after = newest(&file);
    let removed = wait(&file, &[EventKind::Removed], after);
    let other = wait(&file, &[EventKind::Reset], after);
    rig.surprise_remove().unwrap();
    assert_eq!(event(&removed.wait(SOON).expect("it is told")).kind, EventKind::Removed as u32);
    expect_cancelled(&other);
    let late = wait(&file, &[EventKind::LinkUp], 0).wait(SOON).expect("nobody waits for a device that is gone");
    assert!((late.status as u32) >= 0xC000_0000, "{:#x}", late.status);
    assert!(rig.device().unwrap().open(&super::interface()).is_err(), "nor opens it");
    drop(file);
    rig.remove();
    rig.finish();
}

fn removal_with_waits(run: &Run) {
    let mut rig = Rig::up(rig::builder(run));
    let file = open(&rig);
    let after = newest(&file);
    let waits: Vec<Ioctl> = (0..10).map(|_| wait(&file, &[EventKind::Reset], after)).collect();
    // Windows does not remove a device with open handles: the query closes them first.
    drop(file);
    waits.iter().for_each(expect_cancelled);
    rig.remove();
    rig.finish();
}
