//! README and docs: links lead somewhere, files and commands that are named exist.

use crate::{read, root};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Folders of the repository; a quoted path that starts with one of them names a file or folder.
const TOP: [&str; 12] =
    [".github", "benches", "crates", "docs", "inf", "lab", "linux", "package", "shared", "src", "tests", "xtask"];

fn guides() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut guides: Vec<_> = docs.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    guides.push(root().join("README.md"));
    guides.sort();
    guides
}

/// Markdown without its indented and fenced blocks of code.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let kept = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fence && !fenced && !line.starts_with("    ")
    });
    kept.collect::<Vec<_>>().join("\n")
}

/// Targets of `[text](target)`.
fn links(text: &str) -> Vec<&str> {
    let parts = text.split("](").skip(1);
    parts.filter_map(|rest| rest.split_once(')').map(|(target, _)| target)).collect()
}

/// What is quoted by single backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(file: &Path) -> BTreeSet<String> {
    let text = prose(&fs::read_to_string(file).unwrap());
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

/// Faults of a guide's text; `file` says where relative links start.
fn faults(file: &Path, text: &str, commands: &BTreeSet<String>) -> Vec<String> {
    let prose = prose(text);
    let mut faults = Vec::new();
    for target in links(&prose).into_iter().filter(|target| !target.starts_with("https://")) {
        let (path, heading) = target.split_once('#').unwrap_or((target, ""));
        let path = if path.is_empty() { file.to_owned() } else { file.parent().unwrap().join(path) };
        if !path.exists() {
            faults.push(format!("link to {target}"));
        } else if !heading.is_empty() && !anchors(&path).contains(heading) {
            faults.push(format!("link to the heading {target}"));
        }
    }
    for name in quoted(&prose) {
        let top = name.split('/').next().unwrap();
        let plain = name.contains('/') && !name.contains(['*', ' ', '<', '{']);
        if plain && TOP.contains(&top) && top != "shared" && !root().join(name).exists() {
            faults.push(format!("file {name}"));
        }
    }
    for (_, rest) in text.match_indices("cargo xtask ").map(|(at, found)| text.split_at(at + found.len())) {
        let command: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
        if !command.is_empty() && !commands.contains(&command) {
            faults.push(format!("cargo xtask {command}"));
        }
    }
    faults
}

/// The subcommands of xtask, from the variants of its `enum Task`.
fn commands() -> BTreeSet<String> {
    let source = read("xtask/src/main.rs");
    let body = source.split_once("enum Task {").and_then(|(_, rest)| rest.split_once("\n}")).expect("enum Task").0;
    let variants = body
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    let names = variants.map(|line| line.chars().take_while(char::is_ascii_alphanumeric).collect::<String>());
    names
        .map(|name| {
            let kebab = name.chars().flat_map(|c| {
                let dash = c.is_ascii_uppercase().then_some('-');
                dash.into_iter().chain([c.to_ascii_lowercase()])
            });
            kebab.skip(1).collect()
        })
        .collect()
}

#[test]
fn what_guides_name_exists() {
    let commands = commands();
    assert!(commands.contains("build") && commands.contains("test"), "{commands:?}");
    let mut found = Vec::new();
    for guide in guides() {
        let text = fs::read_to_string(&guide).unwrap();
        found.extend(faults(&guide, &text, &commands).into_iter().map(|f| format!("{}: {f}", guide.display())));
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn what_does_not_exist_is_found() {
    let guide = root().join("docs/debug.md");
    for (text, fault) in [
        ("see [there](lab.md)", None),
        ("see [there](nowhere.md)", Some("link to nowhere.md")),
        ("see [there](lab.md#the-machine)", None),
        ("see [there](lab.md#the-engine)", Some("link to the heading lab.md#the-engine")),
        ("see [below](#bug-check-0x19e)", None),
        ("see [there](https://github.com/nowhere)", None),
        ("in `src/device.rs`", None),
        ("in `src/gadget.rs`", Some("file src/gadget.rs")),
        ("run `cargo xtask build`", None),
        ("run `cargo xtask lint-inf`", None),
        ("run `cargo xtask polish`", Some("cargo xtask polish")),
        ("    cargo xtask polish", Some("cargo xtask polish")),
        ("```\n[a](nowhere.md)\n```", None),
    ] {
        let found = faults(&guide, text, &commands());
        assert_eq!(found, fault.into_iter().collect::<Vec<_>>(), "{text}");
    }
}
