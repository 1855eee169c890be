//! The guides name tests; each of them exists.

use igbcx_tests::{Scenario, runner};
use std::fs;

/// The scenario that knows all the others by `names`.
pub fn scenario(names: Vec<String>) -> Scenario {
    Scenario::new("names::of_the_guides", move |_| of_the_guides(&names))
}

fn of_the_guides(names: &[String]) {
    let root = runner::workspace();
    let guides = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let guides: Vec<_> =
        guides.chain([root.join("README.md")]).filter(|p| p.extension().is_some_and(|e| e == "md")).collect();
    let (mut found, mut missing) = (0, Vec::new());
    for guide in guides {
        let text = fs::read_to_string(&guide).unwrap();
        // In other guides than the HLK's, `a::b` can also be a path of Rust.
        let all = guide.ends_with("hlk.md");
        for name in text.split('`').filter(|quoted| is_name(quoted, names, all)) {
            found += 1;
            let exists = match name.strip_suffix('*') {
                Some(start) => names.iter().any(|scenario| scenario.starts_with(start)),
                None => names.iter().any(|scenario| scenario == name),
            };
            if !exists {
                missing.push(format!("{}: {name}", guide.display()));
            }
        }
    }
    assert!(found > 20, "{found} names were found: the search is broken");
    assert!(missing.is_empty(), "{missing:#?}");
}

/// `family::case` or `family::start*`, of a family there is unless `all`.
fn is_name(quoted: &str, names: &[String], all: bool) -> bool {
    let Some((family, case)) = quoted.split_once("::") else { return false };
    let word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let known = || names.iter().any(|name| name.split("::").next() == Some(family));
    word(family) && (case == "*" || word(case.strip_suffix('*').unwrap_or(case))) && (all || known())
}
