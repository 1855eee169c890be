//! `netcx-lab ndk`.

use super::conform::Plan;
use super::run::{self, ConformReport, TrafficReport};
use crate::cli::{Common, builder};
use crate::error::Error;
use crate::progress::Progress;
use crate::report;
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;

/// What to do with a driver's NDK provider.
#[derive(Subcommand)]
pub(crate) enum Ndk {
    /// Judge it: every function, status and close state, random operations, D3, failure and removal
    Conform(Conform),
    /// Messages to and fro between two queue pairs, with a histogram of the round trips
    Ping(Ping),
    /// Writes, then reads, as many as go
    Bw(Bandwidth),
}

#[derive(Args)]
pub(crate) struct Conform {
    #[command(flatten)]
    common: Common,
    /// Random operations, half of them from eight threads; 10000000 is the full sweep
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    operations: u64,
    /// Only the scenarios whose name contains this; rules that are not checked then do not count
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

#[derive(Args)]
pub(crate) struct Ping {
    #[command(flatten)]
    common: Common,
    /// Bytes of a message
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    size: usize,
    /// Round trips
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    count: u64,
}

#[derive(Args)]
pub(crate) struct Bandwidth {
    #[command(flatten)]
    common: Common,
    /// Bytes of a request
    #[arg(long, value_name = "BYTES", default_value_t = 65_536)]
    size: usize,
    /// How long each way, in seconds
    #[arg(long, value_name = "N", default_value_t = 2)]
    seconds: u64,
}

/// Runs the command and prints its report.
pub(crate) fn main(command: &Ndk) -> Result<ExitCode, Error> {
    match command {
        Ndk::Conform(args) => conform(args),
        Ndk::Ping(args) => {
            let report = run::run_ping(builder(&args.common), args.size, args.count, &mut Progress::new())?;
            Ok(traffic(&report, &args.common))
        }
        Ndk::Bw(args) => {
            let report = run::run_bandwidth(builder(&args.common), args.size, args.seconds, &mut Progress::new())?;
            Ok(traffic(&report, &args.common))
        }
    }
}

fn conform(args: &Conform) -> Result<ExitCode, Error> {
    let common = &args.common;
    let plan = Plan { operations: args.operations, seed: common.seed, only: args.only.clone(), ..Plan::default() };
    let report: ConformReport = run::run_conform(builder(common), &plan, common.json.clone(), &mut Progress::new())?;
    print!("{}", report.text());
    Ok(conclude(&report, report.ok, common.json.as_deref()))
}

fn traffic(report: &TrafficReport, common: &Common) -> ExitCode {
    report.ping.iter().for_each(|ping| print!("{}", ping.text()));
    report.bandwidth.iter().for_each(|bandwidth| print!("{}", bandwidth.text()));
    report.machine.failures.iter().for_each(|failure| println!("  - {failure}"));
    conclude(report, report.machine.ok, common.json.as_deref())
}

fn conclude(report: &impl Serialize, ok: bool, json: Option<&Path>) -> ExitCode {
    if let Some(path) = json
        && let Err(source) = report::write_json(report, path)
    {
        eprintln!("netcx-lab: {}", Error::Write { path: path.to_owned(), source });
        return ExitCode::FAILURE;
    }
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
