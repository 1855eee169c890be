//! D3, stop and start, and surprise removal after each step of a session.

use super::session::{STEPS, Session};
use igbcx_tests::{Rig, Run, Scenario, rig};
use netcx_lab::ndk::consumer::Provider;
use netcx_lab::ndk::run::provider;

pub fn scenarios() -> Vec<Scenario> {
    let pulled = (0..=STEPS)
        .map(|steps| Scenario::new(format!("ndk::pulled_out_after_step_{steps:02}"), move |run| surprise(run, steps)));
    let stays = [
        Scenario::new("ndk::d3_after_each_step", |run| {
            stays(run, |rig| {
                rig.d3().unwrap();
                rig.d0().unwrap();
            });
        }),
        Scenario::new("ndk::stop_after_each_step", |run| {
            stays(run, |rig| {
                rig.stop().unwrap();
                rig.start().unwrap();
            });
        }),
        Scenario::new("ndk::closed_in_d3_after_each_step", closed_in_d3),
        Scenario::new("ndk::before_the_start", before_the_start),
    ];
    stays.into_iter().chain(pulled).collect()
}

fn begun(provider: &Provider, steps: usize) -> Session {
    let (session, result) = Session::run(provider, steps);
    assert_eq!(result, Ok(()), "{steps} steps");
    session
}

fn whole(provider: &Provider) {
    begun(provider, STEPS).close();
}

/// The device comes back: what was open can be closed, and a new session works.
fn stays(run: &Run, event: impl Fn(&mut Rig)) {
    let mut rig = Rig::up(rig::builder(run));
    let provider = provider(&rig).unwrap();
    for steps in 0..=STEPS {
        let mut session = begun(&provider, steps);
        event(&mut rig);
        session.check_pending();
        session.close();
        whole(&provider);
    }
    drop(provider);
    rig.finish();
}

/// The session is closed while the device has no power.
fn closed_in_d3(run: &Run) {
    let mut rig = Rig::up(rig::builder(run));
    let provider = provider(&rig).unwrap();
    for steps in 0..=STEPS {
        let session = begun(&provider, steps);
        rig.d3().unwrap();
        session.close();
        let (session, result) = Session::run(&provider, STEPS);
        assert!(result.is_err(), "a session without power");
        session.close();
        rig.d0().unwrap();
    }
    whole(&provider);
    drop(provider);
    rig.finish();
}

/// The adapter is pulled out; the consumer closes, gives the interface up, and the device goes. A process has one adapter
/// to pull.
fn surprise(run: &Run, steps: usize) {
    let mut rig = Rig::up(rig::builder(run));
    let provider = provider(&rig).unwrap();
    let mut session = begun(&provider, steps);
    rig.surprise_remove().unwrap();
    session.check_pending();
    session.close();
    let (session, result) = Session::run(&provider, STEPS);
    assert!(result.is_err(), "a session without a device");
    session.close();
    drop(provider);
    rig.remove();
    rig.finish();
}

/// The door of a device that has not started.
fn before_the_start(run: &Run) {
    let rig = Rig::build(rig::builder(run));
    let provider = provider(&rig).unwrap();
    if let Ok(adapter) = provider.open() {
        assert!(adapter.create_pd().is_err(), "a device that has not started makes nothing");
        adapter.close();
    }
    drop(provider);
    rig.finish();
}
