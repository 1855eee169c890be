//! The rules a driver is judged by: each check is counted, a violation is recorded and printed, and the run goes on.

use crate::backtrace;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Violations of one rule that are kept and printed in full; further ones are only counted.
const KEPT_PER_RULE: u64 = 20;

/// One rule, declared by [`rules!`](crate::rules!).
pub struct Rule {
    /// Upper-case name, unique in the lab.
    pub name: &'static str,
    /// What the driver must do, one sentence.
    pub text: &'static str,
    /// Where that is written: DDI page, datasheet section or source file.
    pub source: &'static str,
    checked: AtomicU64,
    violated: AtomicU64,
    registered: AtomicBool,
}

/// One recorded violation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Name of the rule.
    pub rule: &'static str,
    /// What the rule demands.
    pub text: &'static str,
    /// Where that is written.
    pub source: &'static str,
    /// What happened.
    pub detail: String,
    /// The driver's innermost function, file and line; `None` if no driver code was running.
    pub at: Option<String>,
}

/// Counters of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCount {
    /// Name of the rule.
    pub name: &'static str,
    /// What the rule demands.
    pub text: &'static str,
    /// Where that is written.
    pub source: &'static str,
    /// How often it was checked.
    pub checked: u64,
    /// How often it did not hold.
    pub violated: u64,
}

static REGISTERED: Mutex<Vec<&'static Rule>> = Mutex::new(Vec::new());
static VIOLATIONS: Mutex<Vec<Violation>> = Mutex::new(Vec::new());

impl Rule {
    /// Used by [`rules!`](crate::rules!).
    pub const fn new(name: &'static str, text: &'static str, source: &'static str) -> Rule {
        Rule {
            name,
            text,
            source,
            checked: AtomicU64::new(0),
            violated: AtomicU64::new(0),
            registered: AtomicBool::new(false),
        }
    }

    /// Counts one check; if `ok` is false, records and prints a violation. Returns `ok`.
    pub fn check(&'static self, ok: bool, detail: impl FnOnce() -> String) -> bool {
        if !self.registered.swap(true, Ordering::Relaxed) {
            REGISTERED.lock().unwrap_or_else(PoisonError::into_inner).push(self);
        }
        self.checked.fetch_add(1, Ordering::Relaxed);
        if !ok && self.violated.fetch_add(1, Ordering::Relaxed) < KEPT_PER_RULE {
            self.record(detail());
        }
        ok
    }

    fn record(&self, detail: String) {
        let at = backtrace::innermost();
        let place = at.as_ref().map_or(String::new(), |at| format!(" in {at}"));
        eprintln!("lab: rule {} violated: {detail}{place} [{}; {}]", self.name, self.text, self.source);
        let violation = Violation { rule: self.name, text: self.text, source: self.source, detail, at };
        VIOLATIONS.lock().unwrap_or_else(PoisonError::into_inner).push(violation);
    }

    /// This rule's counters.
    pub fn count(&self) -> RuleCount {
        RuleCount {
            name: self.name,
            text: self.text,
            source: self.source,
            checked: self.checked.load(Ordering::Relaxed),
            violated: self.violated.load(Ordering::Relaxed),
        }
    }
}

/// The violations recorded so far, oldest first; of each rule at most the first 20.
pub fn violations() -> Vec<Violation> {
    VIOLATIONS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Checks made, over all rules.
pub fn checked_total() -> u64 {
    snapshot().iter().map(|r| r.checked).sum()
}

/// Violations counted, over all rules (also those beyond the first 20 of a rule).
pub fn violated_total() -> u64 {
    snapshot().iter().map(|r| r.violated).sum()
}

/// The counters of every rule checked so far, by name.
pub fn snapshot() -> Vec<RuleCount> {
    let mut counts: Vec<_> =
        REGISTERED.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|r| r.count()).collect();
    counts.sort_by_key(|c| c.name);
    counts
}

/// Every rule of this program, checked or not, with its counters, by name.
pub fn all() -> Vec<RuleCount> {
    unsafe extern "C" {
        #[link_name = "__start_lab_rules"]
        static FIRST: usize;
        #[link_name = "__stop_lab_rules"]
        static END: usize;
    }
    let first = (&raw const FIRST).cast::<&'static Rule>();
    let end = (&raw const END).cast::<&'static Rule>();
    // SAFETY: the linker puts these symbols around the section lab_rules, which holds references to rules and nothing
    // else (`list_rule!` alone writes to it).
    let rules = unsafe { std::slice::from_raw_parts(first, end.offset_from_unsigned(first)) };
    let mut counts: Vec<_> = rules.iter().map(|r| r.count()).collect();
    counts.sort_by_key(|c| c.name);
    counts
}

/// Puts a static rule on the list that [`all`](crate::rules::all) reads.
#[macro_export]
macro_rules! list_rule {
    ($rule:expr) => {
        const _: () = {
            #[used]
            // SAFETY: the section holds `&'static Rule` and nothing else, as `rules::all` expects.
            #[unsafe(link_section = "lab_rules")]
            static LISTED: &$crate::rules::Rule = &$rule;
        };
    };
}

/// Declares rules as statics: `rules! { NAME: "what must hold", "source"; ... }`.
#[macro_export]
macro_rules! rules {
    ($($(#[$meta:meta])* $name:ident: $text:expr, $source:expr;)*) => {
        $(
            #[doc = $text]
            #[doc = concat!("\n\nSource: ", $source)]
            $(#[$meta])*
            pub static $name: $crate::rules::Rule = $crate::rules::Rule::new(stringify!($name), $text, $source);
            $crate::list_rule!($name);
        )*
    };
}
