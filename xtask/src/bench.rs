//! Counts the instructions of the datapath under callgrind and compares them with the gate.

use crate::cargo;
use anyhow::{Context, Result, bail, ensure};
use std::{path::PathBuf, process::Command};

/// A case of benches/, and how many instructions a packet may cost.
struct Gate {
    case: &'static str,
    name: &'static str,
    batch: u32,
    limit: f64,
}

/// The gate: what a packet may cost when the rings are in the cache.
const GATES: [Gate; 5] = [
    Gate { case: "tx-1", name: "Tx, 1 fragment", batch: 32, limit: 36.0 },
    Gate { case: "tx-1", name: "Tx, 1 fragment", batch: 1, limit: 165.0 },
    Gate { case: "tx-2", name: "Tx, 2 fragments", batch: 32, limit: 75.0 },
    Gate { case: "rx", name: "Rx", batch: 32, limit: 32.0 },
    Gate { case: "rx", name: "Rx", batch: 1, limit: 95.0 },
];

/// Batches of one run; a second run has twice as many. The difference is free of start-up and warm-up.
const ROUNDS: u32 = 1024;
/// Batches of the run that is timed.
const TIMED_ROUNDS: u32 = 200_000;

/// Builds benches/, measures every case and prints a table.
///
/// # Errors
/// No valgrind, a run that failed, or a case beyond its limit.
pub fn run() -> Result<()> {
    ensure!(
        cargo::output(cargo::command("valgrind").arg("--version")).is_some(),
        "callgrind counts the instructions, and valgrind is missing: apt-get install valgrind"
    );
    let program = build()?;
    println!("{:<16} {:>6} {:>16} {:>8} {:>14}", "case", "batch", "instr./packet", "gate", "cycles/packet");
    let mut beyond = Vec::new();
    for gate in &GATES {
        let instructions = instructions(&program, gate)?;
        let cycles = datapath(&mut cargo::command(&program), gate, TIMED_ROUNDS)?;
        let verdict = if instructions <= gate.limit { "" } else { "  beyond" };
        println!("{:<16} {:>6} {instructions:>16.1} {:>8.0} {cycles:>14}{verdict}", gate.name, gate.batch, gate.limit);
        if instructions > gate.limit {
            beyond.push(format!("{} at batch {}", gate.name, gate.batch));
        }
    }
    if beyond.is_empty() { Ok(()) } else { bail!("more instructions than the gate allows: {}", beyond.join(", ")) }
}

/// Builds the release profile, the driver's own.
fn build() -> Result<PathBuf> {
    let target = cargo::root().join("target/bench");
    cargo::run(
        cargo::host("build")
            .args(["--locked", "--quiet", "--release", "--package", "igbcx-benches"])
            .env("CARGO_TARGET_DIR", &target),
    )?;
    Ok(target.join("release/datapath"))
}

/// Instructions of EvtAdvance's work per packet.
fn instructions(program: &PathBuf, gate: &Gate) -> Result<f64> {
    let once = callgrind(program, gate, ROUNDS)?;
    let twice = callgrind(program, gate, 2 * ROUNDS)?;
    let batches = twice.checked_sub(once).context("callgrind counted less in a longer run")?;
    Ok(batches as f64 / f64::from(ROUNDS * gate.batch))
}

/// Instructions that a run spent in the measured function and what it calls.
fn callgrind(program: &PathBuf, gate: &Gate, rounds: u32) -> Result<u64> {
    let mut command = cargo::command("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*measured_advance*"]);
    command.arg(program).args([gate.case, &gate.batch.to_string(), &rounds.to_string()]);
    let output = command.output().with_context(|| cargo::describe(&command))?;
    ensure!(output.status.success(), "{} failed: {}", cargo::describe(&command), output.status);
    let report = String::from_utf8_lossy(&output.stderr);
    collected(&report).with_context(|| format!("{} reported no count", cargo::describe(&command)))
}

/// Reads `==123== Collected : 4567`.
fn collected(report: &str) -> Option<u64> {
    report.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

/// The benchmark's own result: median cycles per packet.
fn datapath(command: &mut Command, gate: &Gate, rounds: u32) -> Result<String> {
    command.args([gate.case, &gate.batch.to_string(), &rounds.to_string()]);
    cargo::output(command).with_context(|| format!("{} failed", cargo::describe(command)))
}

#[cfg(test)]
mod tests {
    use super::collected;

    #[test]
    fn a_count_is_read_from_callgrinds_report() {
        assert_eq!(collected("==7== \n==7== Events    : Ir\n==7== Collected : 4567\n"), Some(4567));
        assert_eq!(collected("==7== Events    : Ir\n"), None);
    }
}
