//! The conformance suite: scenarios over an NDK provider's dispatch tables, judged by rules.
//!
//! Each scenario has an adapter of its own. A rule is a sentence with the page it comes from; scenarios check rules as
//! they go, and so does the [consumer](super::consumer) with every call and callback. A rule that no scenario checked is
//! a failure: the suite is complete or it says so. `lab/tests/ndk.rs` proves for each rule that it can fail.

pub mod bench;
mod connection;
mod cq;
mod memory;
mod objects;
mod power;
mod random;
mod srq;
mod work;

pub use power::Power;
pub use random::THREADS;

use super::consumer::{Adapter, Level, Provider, set_level};
use bench::{NDK_WITHIN_LIMITS, close_adapter, must};
use lab_kernel::rules;
use lab_kernel::rules::RuleCount;
use serde::Serialize;

rules! {
    NDK_SCENARIO_ENDS: "A scenario comes to its end", "lab/src/ndk/conform: a create, connect or result that it stands on failed";
}

/// Names of the rules begin with it.
const PREFIX: &str = "NDK_";
type Scenario = fn(&Adapter) -> Option<()>;

/// Every scenario but the random ones and those that move the device.
const SCENARIOS: &[(&str, Scenario)] = &[
    ("adapter", objects::adapter),
    ("limits", objects::limits),
    ("each type", objects::each_type),
    ("antecedents", objects::antecedents),
    ("CQ arms", cq::arms_against_events),
    ("CQ merges", cq::merges),
    ("CQ arms with completions", cq::arms_with_completions),
    ("CQ deferral", cq::deferred),
    ("CQ overrun", cq::overrun),
    ("CQ resize", cq::resize),
    ("CQ moderation", cq::moderation),
    ("CQ results", cq::results),
    ("CQ closes", cq::closes),
    ("transfers", memory::transfers),
    ("bounds", memory::bounds),
    ("rights", memory::rights),
    ("tokens", memory::tokens),
    ("windows", memory::windows),
    ("fast register", memory::fast_register),
    ("remote invalidate", memory::remote_invalidate),
    ("privileged token", memory::privileged),
    ("Ex connection", memory::ex_connection),
    ("work results", work::results),
    ("work order", work::order),
    ("work flags", work::flags),
    ("work limits", work::limits),
    ("flush", work::flush),
    ("receives", work::receives),
    ("refusals", connection::refusals),
    ("connection data", connection::data),
    ("addresses", connection::addresses),
    ("partings", connection::partings),
    ("abandoned", connection::abandoned),
    ("shared receives", srq::shared),
];

/// Random operations, and from how many threads.
const RANDOM: [(&str, u64); 2] = [("random", 1), ("random on 8 threads", THREADS)];

/// What is run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Random operations: half of them from one thread, half from [`THREADS`].
    pub operations: u64,
    /// Seed of the random operations.
    pub seed: u64,
    /// Run the scenarios whose name contains this.
    pub only: Option<String>,
    /// The levels at which the scenarios are run, one after the other.
    pub levels: Vec<Level>,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan { operations: 200_000, seed: 1, only: None, levels: vec![Level::Passive, Level::Dispatch] }
    }
}

/// One rule and how it came out.
#[derive(Clone, Debug, Serialize)]
pub struct RuleResult {
    /// Its name.
    pub name: String,
    /// What it demands.
    pub text: String,
    /// Where that is written.
    pub source: String,
    /// Checks made.
    pub checks: u64,
    /// Checks failed.
    pub failures: u64,
    /// What happened, at most 20 times.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
}

/// The verdict on a provider.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verdict {
    /// Rules that were checked.
    pub checked: usize,
    /// Rules that did not hold.
    pub failed: usize,
    /// Checks made.
    pub checks: u64,
    /// Rules that nothing checked, of those that should have been.
    pub not_checked: Vec<String>,
    /// Functions in the dispatch tables of all objects.
    pub functions: usize,
    /// Those of them that were called.
    pub functions_called: usize,
    /// Every rule by name.
    pub list: Vec<RuleResult>,
}

impl Plan {
    /// True if the scenario of this name is run.
    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }

    /// Random operations that are run.
    pub fn random_operations(&self) -> u64 {
        let halves = RANDOM.iter().filter(|(name, _)| self.wants(name)).count() as u64;
        self.operations / 2 * halves
    }
}

/// Runs the plan. `power` moves the provider's device, if there is one, and at the end makes it fail.
pub fn run(
    provider: &Provider,
    mut power: Option<&mut dyn Power>,
    plan: &Plan,
    progress: &mut dyn FnMut(&str, u64, u64),
) {
    let wanted = |name: &str| plan.wants(name);
    for level in &plan.levels {
        set_level(*level);
        for (name, scenario) in SCENARIOS.iter().filter(|(name, _)| wanted(name)) {
            progress(name, 0, 1);
            scene(provider, name, scenario);
            progress(name, 1, 1);
        }
        if wanted("adapter close") {
            NDK_SCENARIO_ENDS.check(objects::adapter_close(provider).is_some(), || "adapter close".to_owned());
        }
    }
    set_level(Level::Alternating);
    for (name, threads) in RANDOM {
        let half = plan.operations / 2;
        if half > 0 && wanted(name) {
            progress(name, 0, half);
            scene(provider, name, |adapter| {
                random::run(adapter, plan.seed, half, threads, &mut |done| progress(name, done, half))
            });
        }
    }
    set_level(Level::Passive);
    if let Some(power) = &mut power
        && wanted("power")
    {
        progress("power", 0, 2);
        scene(provider, "power", |adapter| power::sleep(adapter, &mut **power));
        progress("power", 1, 2);
        scene(provider, "power failure", |adapter| power::failure(adapter, &mut **power));
        progress("power", 2, 2);
    }
}

/// The device is pulled out, by `remove`, in the middle of everything; nothing is left open afterwards.
pub fn removal(provider: &Provider, remove: &mut dyn FnMut() -> bool) {
    scene(provider, "removal", |adapter| power::interrupted(adapter, remove));
}

fn scene(provider: &Provider, name: &str, scenario: impl FnOnce(&Adapter) -> Option<()>) {
    let Some(adapter) = must(&NDK_WITHIN_LIMITS, "OpenNdkAdapter", provider.open()) else { return };
    let ended = scenario(&adapter).is_some();
    NDK_SCENARIO_ENDS.check(ended, || name.to_owned());
    // What a scenario left open would keep the adapter open for ever.
    if ended {
        close_adapter(adapter);
    }
}

/// The rules and how they came out so far; with `whole`, a rule that was not checked counts.
pub fn verdict(whole: bool) -> Verdict {
    let counts: Vec<RuleCount> = rules::all().into_iter().filter(|rule| rule.name.starts_with(PREFIX)).collect();
    let violations = rules::violations();
    let list: Vec<_> = counts
        .iter()
        .map(|rule| {
            let details = violations.iter().filter(|v| v.rule == rule.name).map(|v| v.detail.clone()).collect();
            RuleResult {
                name: rule.name.into(),
                text: rule.text.into(),
                source: rule.source.into(),
                checks: rule.checked,
                failures: rule.violated,
                details,
            }
        })
        .collect();
    let not_checked = counts.iter().filter(|r| whole && r.checked == 0).map(|r| r.name.to_owned()).collect();
    let (functions, functions_called) = super::consumer::functions();
    Verdict {
        checked: list.iter().filter(|r| r.checks > 0).count(),
        failed: list.iter().filter(|r| r.failures > 0).count(),
        checks: list.iter().map(|r| r.checks).sum(),
        not_checked,
        functions,
        functions_called,
        list,
    }
}
