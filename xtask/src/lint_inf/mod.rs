//! `cargo xtask lint-inf`: what InfVerif, the HLK's Test-NetHLK and NetAdapterCx demand of the INF, found without them.
//!
//! A rule is a function with an id, a sentence and a source. `tests.rs` holds one INF for each rule that breaks it alone.

mod device;
mod keywords;
mod structure;
#[cfg(test)]
mod tests;

use crate::{cargo, package::stamp};
use anyhow::{Result, anyhow, ensure};
use lab_inf::{Document, Inf, Install, Line};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// Something an INF has to keep to.
struct Rule {
    id: &'static str,
    /// The demand.
    says: &'static str,
    source: &'static str,
    check: fn(&Subject, &mut Findings),
}

/// Where a rule is broken and how.
struct Findings(Vec<(Option<usize>, String)>);

impl Findings {
    fn at(&mut self, line: &Line, text: impl Into<String>) {
        self.0.push((Some(line.number), text.into()));
    }

    fn add(&mut self, text: impl Into<String>) {
        self.0.push((None, text.into()));
    }
}

/// The INF or INX that is looked at.
struct Subject {
    text: String,
    document: Document,
    /// What Windows' set-up would make of each install section; the error where it could make nothing of it.
    installs: Result<Vec<Install>, String>,
    /// Seconds since 1970.
    now: u64,
}

impl Subject {
    fn new(path: &Path, text: &str, now: u64) -> Result<Subject> {
        let document = Document::parse(&text.replace("$ARCH$", "amd64")).map_err(|error| anyhow!("{error}"))?;
        let mut subject = Subject { text: text.into(), document, installs: Ok(Vec::new()), now };
        subject.installs = read(path, text.replace(&subject.architecture(), "amd64").as_str());
        Ok(subject)
    }

    /// Whether the tokens of stampinf are still there.
    fn is_inx(&self) -> bool {
        self.text.contains("$ARCH$")
    }

    /// `amd64` or `arm64`, by the models section.
    fn architecture(&self) -> String {
        let sections = self.document.sections().map(|(name, _)| name);
        let arm64 = sections.into_iter().any(|name| name.contains(".ntarm64"));
        if arm64 { "arm64".into() } else { "amd64".into() }
    }

    fn value(&self, section: &str, key: &str) -> Option<&str> {
        self.document.line(section, key).map(|line| line.value(0))
    }

    /// The values of every line with this key, with the line.
    fn listed<'a>(&'a self, section: &str, key: &'a str) -> impl Iterator<Item = (&'a Line, &'a str)> {
        let lines = self.document.section(section).unwrap_or_default();
        let ours = lines.iter().filter(move |line| has_key(line, key));
        ours.flat_map(|line| line.values.iter().map(move |value| (line, value.as_str()))).filter(|(_, v)| !v.is_empty())
    }

    /// The lines of the models sections, and the names of those sections.
    fn models(&self) -> Vec<(String, &Line)> {
        let manufacturers = self.document.section("Manufacturer").unwrap_or_default();
        let names = manufacturers.iter().flat_map(|line| {
            let decorated = line.values[1..].iter().map(|decoration| format!("{}.{decoration}", line.value(0)));
            if line.values.len() > 1 { decorated.collect() } else { vec![line.value(0).to_string()] }
        });
        let lines = names.map(|name| (self.document.section(&name).unwrap_or_default(), name));
        lines.flat_map(|(lines, name)| lines.iter().map(move |line| (name.clone(), line))).collect()
    }

    /// The install sections that the models name.
    fn install_sections(&self) -> BTreeSet<String> {
        self.models().iter().map(|(_, line)| line.value(0).to_lowercase()).collect()
    }

    /// The AddReg lines of `install` with a suffix such as `.HW`.
    fn add_reg(&self, section: &str) -> Vec<&Line> {
        let names = self.listed(section, "AddReg").map(|(_, name)| name);
        names.flat_map(|name| self.document.section(name).unwrap_or_default()).collect()
    }

    /// The line that sets the registry value `name` of `key` among `lines`.
    fn registry<'a>(lines: &[&'a Line], key: &str, name: &str) -> Option<&'a Line> {
        let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
        lines.iter().copied().find(|line| same(line.value(1), key) && same(line.value(2), name))
    }
}

fn has_key(line: &Line, key: &str) -> bool {
    line.key.as_deref().is_some_and(|found| found.eq_ignore_ascii_case(key))
}

fn read(path: &Path, text: &str) -> Result<Vec<Install>, String> {
    let inf = Inf::parse(path, text).map_err(|error| error.to_string())?;
    let sections: BTreeSet<&str> = inf.models().iter().map(|model| model.install.as_str()).collect();
    sections.into_iter().map(|section| inf.install_section(section).map_err(|error| error.to_string())).collect()
}

fn rules() -> impl Iterator<Item = &'static Rule> {
    structure::RULES.iter().chain(device::RULES).chain(keywords::RULES)
}

/// The broken rules of an INF, each with its findings.
fn lint(path: &Path, text: &str, now: u64) -> Result<Vec<(&'static Rule, Findings)>> {
    let subject = Subject::new(path, text, now)?;
    let mut broken = Vec::new();
    for rule in rules() {
        let mut findings = Findings(Vec::new());
        (rule.check)(&subject, &mut findings);
        if !findings.0.is_empty() {
            broken.push((rule, findings));
        }
    }
    Ok(broken)
}

/// Lints `file`, without one the project's INX, or lists the rules.
pub fn run(file: Option<PathBuf>, list: bool) -> Result<()> {
    if list {
        for rule in rules() {
            println!("{:20} {}\n{:20} source: {}", rule.id, rule.says, "", rule.source);
        }
        return Ok(());
    }
    let file = file.unwrap_or_else(|| cargo::root().join("inf/igbcx.inx"));
    check(&file)?;
    println!("{}: keeps to all {} rules", file.display(), rules().count());
    Ok(())
}

/// Lints `file` and prints what it finds.
///
/// # Errors
/// A rule is broken, or the file is no INF.
pub fn check(file: &Path) -> Result<()> {
    let text = lab_inf::decode(&fs::read(file).map_err(|error| anyhow!("{}: {error}", file.display()))?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let broken = lint(file, &text, now).map_err(|error| anyhow!("{}: {error}", file.display()))?;
    for (rule, findings) in &broken {
        for (line, text) in &findings.0 {
            let line = line.map(|line| format!(":{line}")).unwrap_or_default();
            println!("{}{line}: {}: {text}", file.display(), rule.id);
        }
        println!("    {} ({})", rule.says, rule.source);
    }
    ensure!(broken.is_empty(), "{} breaks {} rules", file.display(), broken.len());
    Ok(())
}

/// Whether `date` (mm/dd/yyyy) is one, and lies between `first` and a day after `now` (time zones).
fn is_date_between(date: &str, first: &str, now: u64) -> bool {
    let order = |date: &str| {
        let parts: Vec<u32> = date.split(['/', '-']).map(|part| part.parse().ok()).collect::<Option<_>>()?;
        let [month, day, year] = parts[..] else { return None };
        let widths: Vec<usize> = date.split(['/', '-']).map(str::len).collect();
        (widths == [2, 2, 4] && (1..=12).contains(&month) && (1..=31).contains(&day)).then_some((year, month, day))
    };
    let last = stamp::date(now + 86_400);
    order(date).is_some_and(|date| Some(date) >= order(first) && Some(date) <= order(&last))
}
