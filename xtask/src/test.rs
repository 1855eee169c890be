//! Every check and test, one step after the other.

use crate::{
    cargo,
    driver::{self, Architecture},
    package, setup,
};
use anyhow::{Context, Result, ensure};
use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// How many tests passed and failed.
#[derive(Clone, Copy, Default)]
struct Count {
    passed: usize,
    failed: usize,
}

type Run = fn(full: bool) -> Result<Count>;

/// Name and work of each step. `build` comes first: the steps that load the image need it.
const STEPS: [(&str, Run); 12] = [
    ("setup", |_| check(setup::for_tests(false))),
    ("build", |_| check(driver::build(Architecture::X64, driver::Warnings::Denied))),
    ("locks", |_| check(locks())),
    ("format", |_| check(format())),
    ("lint", |_| check(lint())),
    ("unit", |_| unit()),
    ("abi", |_| abi()),
    ("loom", |_| loom()),
    ("image", |_| count(tests_of("igbcx-image").env("IGBCX_SYS", driver::image_path(Architecture::X64)))),
    ("package", |_| package()),
    ("reproducible", reproducible),
    ("end-to-end", end_to_end),
];

/// Runs the steps whose name contains `filter`, and `setup` and `build` in any case.
pub fn run(full: bool, filter: Option<&str>) -> Result<()> {
    let wanted = |name: &str| matches!(name, "setup" | "build") || filter.is_none_or(|text| name.contains(text));
    let mut total = Count::default();
    let mut report = Vec::new();
    for (name, step) in STEPS.into_iter().filter(|(name, _)| wanted(name)) {
        println!("\n==> {name}");
        let start = Instant::now();
        let outcome = step(full);
        let took = start.elapsed();
        let count = match &outcome {
            Ok(count) => *count,
            Err(error) => {
                println!("{name}: {error:#}");
                Count { passed: 0, failed: 1 }
            }
        };
        total.passed += count.passed;
        total.failed += count.failed;
        report.push((name, count, took));
        if outcome.is_err() && matches!(name, "setup" | "build") {
            break;
        }
    }
    println!();
    for (name, count, took) in report {
        println!("{name:>14}  {:>5} passed  {:>3} failed  {:>7}", count.passed, count.failed, seconds(took));
    }
    println!("\n{} passed, {} failed", total.passed, total.failed);
    if total.failed > 0 {
        std::process::exit(1);
    }
    Ok(())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// A step that is one check.
fn check(result: Result<()>) -> Result<Count> {
    result.map(|()| Count { passed: 1, failed: 0 })
}

/// Both lock files belong to the manifests, in the view of Windows and in that of Linux.
fn locks() -> Result<()> {
    for mut command in [cargo::windows("metadata"), cargo::host("metadata")] {
        cargo::run(command.args(["--locked", "--format-version", "1"]).stdout(Stdio::null()))?;
    }
    Ok(())
}

fn format() -> Result<()> {
    cargo::run(cargo::windows("fmt").args(["--all", "--check"]))?;
    for stand_in in ["wdk-build", "wdk-sys"] {
        cargo::run(cargo::windows("fmt").args(["--check", "--manifest-path"]).arg(stand_in_manifest(stand_in)))?;
    }
    Ok(())
}

fn lint() -> Result<()> {
    cargo::run(cargo::host("clippy").args(["--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn unit() -> Result<Count> {
    let mut command = cargo::host("test");
    command.args(["--locked", "--no-fail-fast", "--workspace"]);
    count(command.args(["--exclude", "igbcx-tests", "--exclude", "igbcx-image"]))
}

/// The WDK stand-in is no member of the workspace, so that Windows never sees it.
fn abi() -> Result<Count> {
    let mut command = cargo::windows("test");
    command.args(["--locked", "--manifest-path"]).arg(stand_in_manifest("wdk-sys"));
    count(command.env("CARGO_TARGET_DIR", cargo::root().join("target/wdk-compat")))
}

/// The model checker replaces the atomics of the whole build, hence a target folder of its own.
fn loom() -> Result<Count> {
    let mut command = cargo::host("test");
    for package in ["arm", "netadaptercx", "igbcx", "vmq"] {
        command.args(["--package", package]);
    }
    command.args(["--locked", "--lib", "--", "notify::tests", "model::", "race::"]);
    count(command.env("RUSTFLAGS", "--cfg loom").env("CARGO_TARGET_DIR", cargo::root().join("target/loom")))
}

/// Makes the driver packages and reads them back. The tests that need the packages, or samples, are ignored elsewhere.
fn package() -> Result<Count> {
    package::run(&package::Options::default())?;
    let catalog = count(tests_of("catalog").args(["--", "--include-ignored"]))?;
    let packages = count(tests_of("xtask").args(["--", "--include-ignored", "package::tests"]))?;
    Ok(Count { passed: 1 + catalog.passed + packages.passed, failed: catalog.failed + packages.failed })
}

/// A second build of the driver; whole: of the packages too.
fn reproducible(full: bool) -> Result<Count> {
    if full {
        return check(package::run(&package::Options { check_reproducible: true, ..Default::default() }));
    }
    check(driver::check_reproducible(Architecture::X64))
}

/// The test targets whose names start with `e2e` load the driver into the lab.
fn end_to_end(full: bool) -> Result<Count> {
    let mut command = in_tests_package();
    command.args(["--test", "e2e*"]);
    if full {
        command.env("IGBCX_FULL", "1");
    }
    count(&mut command)
}

fn tests_of(package: &str) -> Command {
    let mut command = cargo::host("test");
    command.args(["--locked", "--no-fail-fast", "--package", package]);
    command
}

fn in_tests_package() -> Command {
    let mut command = tests_of("igbcx-tests");
    command.env("IGBCX_SYS", driver::image_path(Architecture::X64));
    command
}

fn stand_in_manifest(name: &str) -> std::path::PathBuf {
    cargo::root().join("crates/wdk-compat").join(name).join("Cargo.toml")
}

/// Runs a test command, shows what it prints and adds up the results its test runners close with.
fn count(command: &mut Command) -> Result<Count> {
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| cargo::describe(command))?;
    let stdout = child.stdout.take().context("the command's output is piped")?;
    let mut total = Count::default();
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        println!("{line}");
        if let Some(count) = closing_line(&line) {
            total.passed += count.passed;
            total.failed += count.failed;
        }
    }
    let status = child.wait()?;
    ensure!(total.passed + total.failed > 0, "{} ran no test ({status})", cargo::describe(command));
    if !status.success() && total.failed == 0 {
        println!("{} failed: {status}", cargo::describe(command));
        total.failed = 1;
    }
    Ok(total)
}

/// Reads `test result: ok. 3 passed; 0 failed; ...` and `3 passed, 0 failed`.
fn closing_line(line: &str) -> Option<Count> {
    let numbers =
        line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")).map_or(line, |(_, rest)| rest);
    let (passed, rest) = numbers.split_once(" passed")?;
    let (failed, _) = rest.strip_prefix([';', ','])?.trim_start().split_once(" failed")?;
    Some(Count { passed: passed.parse().ok()?, failed: failed.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::closing_line;

    fn read(line: &str) -> Option<(usize, usize)> {
        closing_line(line).map(|count| (count.passed, count.failed))
    }

    #[test]
    fn closing_lines_of_both_kinds_are_read() {
        assert_eq!(read("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured"), Some((3, 0)));
        assert_eq!(read("test result: FAILED. 12 passed; 2 failed; 0 ignored"), Some((12, 2)));
        assert_eq!(read("40 passed, 1 failed"), Some((40, 1)));
    }

    #[test]
    fn other_lines_are_not_counted() {
        for line in ["", "running 3 tests", "100 pings passed, as expected", "x passed, y failed", "1 passed"] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
