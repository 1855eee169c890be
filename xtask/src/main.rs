//! The commands of this repository. `cargo xtask --help` lists them, docs/building.md explains them.

mod bench;
mod cargo;
mod demo;
mod driver;
mod image;
mod lint_inf;
mod package;
mod qemu;
mod setup;
mod test;
mod toolchain;

use anyhow::Result;
use clap::{Parser, Subcommand};
use driver::Architecture;
use std::{ffi::OsString, path::PathBuf, process::ExitCode};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds igbcx.sys on Linux, runs it in the lab and tests it")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what build, lab and tests need, or say what is missing
    Setup {
        /// Install missing packages on a machine that is neither a container nor CI
        #[arg(long)]
        yes: bool,
    },
    /// Build target/igbcx/x64/igbcx.sys and igbcx.pdb
    Build {
        /// For which processor; arm64 is built and checked, and was never run
        #[arg(long, value_enum, default_value = "x64")]
        arch: Architecture,
        /// Build a second time from a copy in another folder and compare the files byte for byte
        #[arg(long)]
        check_reproducible: bool,
    },
    /// Make the signed driver packages dist/igbcx-VERSION-ARCHITECTURE
    Package(package::Options),
    /// Check an INF or INX against what InfVerif, the HLK and NetAdapterCx demand
    LintInf {
        /// The file; inf/igbcx.inx without one
        file: Option<PathBuf>,
        /// List the rules with their sources
        #[arg(long)]
        rules: bool,
    },
    /// Check a driver against what Windows demands of its file; the PDB lies beside it
    CheckImage { file: PathBuf },
    /// Set up, build, and run the driver in the lab: DHCP, pings, a download and an upload
    Demo {
        /// Options of `cargo lab demo`, for example --pcap FILE or --json FILE
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// The lab's own command line; `cargo lab` is short for it
    #[command(disable_help_flag = true)]
    Lab {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Run every check and test
    Test {
        /// Run the sampled end-to-end tests whole
        #[arg(long)]
        full: bool,
        /// Run only the steps whose name contains this text
        filter: Option<String>,
    },
    /// Count the datapath's instructions per packet under callgrind and compare them with the gate
    Bench,
    /// Run a Cargo command with the stand-ins of a machine without a WDK: `cargo xtask host test -p igb`
    #[command(disable_help_flag = true)]
    Host {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        args: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Setup { yes } => setup::for_tests(yes),
        Task::Build { arch, check_reproducible } => {
            setup::for_build(false)?;
            driver::build(arch, driver::Warnings::Shown)?;
            if check_reproducible { driver::check_reproducible(arch) } else { Ok(()) }
        }
        Task::Package(options) => package::run(&options),
        Task::LintInf { file, rules } => lint_inf::run(file, rules),
        Task::CheckImage { file } => image::run(&file),
        Task::Demo { args } => demo::demo(&args),
        Task::Lab { args } => demo::lab(&args),
        Task::Test { full, filter } => test::run(full, filter.as_deref()),
        Task::Bench => bench::run(),
        Task::Host { args } => cargo::host_passthrough(&args),
    }
}
