//! The lab's command line and the demo.

use crate::{
    cargo,
    driver::{self, Architecture, Warnings},
    setup,
};
use anyhow::Result;
use std::{env, ffi::OsString, process::Command};

/// `netcx-lab` in the caller's folder.
fn netcx_lab() -> Result<Command> {
    let mut command = cargo::host("run");
    command.current_dir(env::current_dir()?);
    command.arg("--manifest-path").arg(cargo::root().join("Cargo.toml"));
    command.args(["--locked", "--quiet", "--package", "netcx-lab", "--bin", "netcx-lab", "--"]);
    Ok(command)
}

/// Builds the lab, with Cargo's progress on standard error.
fn build_lab() -> Result<()> {
    cargo::run(cargo::host("build").args(["--locked", "--package", "netcx-lab"]))
}

/// Becomes `netcx-lab ARGS`.
pub fn lab(args: &[OsString]) -> Result<()> {
    build_lab()?;
    cargo::become_it(netcx_lab()?.args(args))
}

/// Sets up, builds driver and lab, and becomes the lab's demo.
pub fn demo(args: &[OsString]) -> Result<()> {
    setup::for_lab(false)?;
    driver::build(Architecture::X64, Warnings::Shown)?;
    build_lab()?;
    let mut command = netcx_lab()?;
    command
        .arg("demo")
        .arg(driver::image_path(Architecture::X64))
        .arg("--inf")
        .arg(cargo::root().join("inf/igbcx.inx"))
        .args(args);
    cargo::become_it(&mut command)
}
