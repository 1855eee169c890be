//! Installs what the build, the lab and the tests need.

use crate::{cargo, qemu, toolchain::Toolchain};
use anyhow::{Context, Result, bail};
use std::{
    env, fs,
    io::{self, IsTerminal, Write},
    path::Path,
    process::Command,
};

/// Debian's compiler with the standard library's source, and its linker.
const COMPILER_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];

/// What builds the driver.
pub fn for_build(yes: bool) -> Result<()> {
    if Toolchain::find().is_ok() {
        return Ok(());
    }
    install(&COMPILER_PACKAGES.map(String::from), "the compiler of the driver", yes)?;
    Toolchain::find().map(drop)
}

/// What builds the driver and runs it in the lab.
pub fn for_lab(yes: bool) -> Result<()> {
    for_build(yes)?;
    if qemu::check_stock().is_ok() {
        return Ok(());
    }
    let purpose = "a QEMU with the 82576";
    if let Some((path, text)) = qemu::missing_sources()? {
        allow(purpose, &format!("write {}", path.display()), yes)?;
        println!("writing {}", path.display());
        write_as_root(&path, &text)?;
        cargo::run(&mut apt_get(&["update"]))?;
    }
    install(&qemu::stock_packages(), purpose, yes)?;
    qemu::check_stock()
}

/// Everything, with the QEMU that makes the end-to-end tests repeatable where this system has its source.
pub fn for_tests(yes: bool) -> Result<()> {
    for_lab(yes)?;
    let root = cargo::root();
    if qemu::has_virtual_time(&root) {
        return Ok(());
    }
    let built = || -> Result<()> {
        let packages = qemu::missing_build_packages();
        if !packages.is_empty() {
            install(&packages, "what builds a QEMU with virtual time", yes)?;
        }
        println!("building a QEMU with virtual time, about two minutes; target/qemu/build.log tells more");
        qemu::build_virtual_time(&root)
    };
    if let Err(error) = built() {
        println!("no QEMU with virtual time, so the end-to-end tests run in real time: {error:#}");
    }
    Ok(())
}

/// Installs Debian packages, having asked where the machine is somebody's own.
///
/// # Errors
/// The system is not Debian's kin, the answer was no, or apt-get failed. The message names the packages.
fn install(packages: &[String], purpose: &str, yes: bool) -> Result<()> {
    let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
    let names = packages.join(" ");
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("{purpose} is missing. This system has no apt-get: install what Debian packages as {names}.");
    }
    allow(purpose, &format!("install {names}"), yes)?;
    println!("installing {names}");
    let arguments = [&["install", "--yes", "--no-install-recommends"], packages.as_slice()].concat();
    // Package lists may be missing or older than the archive: they are fetched when the first attempt fails.
    if cargo::output(apt_get(&arguments).stderr(io::stderr())).is_some() {
        return Ok(());
    }
    cargo::run(&mut apt_get(&["update"]))?;
    cargo::run(&mut apt_get(&arguments)).with_context(|| format!("{purpose} could not be installed"))
}

/// Whether the system may be changed: it is disposable, the command said yes, or the person at the terminal does.
fn allow(purpose: &str, change: &str, yes: bool) -> Result<()> {
    if yes || is_disposable() || agreed(&format!("{purpose} is missing: {change}?"))? {
        return Ok(());
    }
    bail!("{purpose} is missing. `cargo xtask setup --yes` will {change}.")
}

/// Whether this machine is CI's or a container: made to be changed.
fn is_disposable() -> bool {
    env::var_os("CI").is_some()
        || env::var_os("container").is_some()
        || ["/.dockerenv", "/run/.containerenv"].iter().any(|path| Path::new(path).exists())
}

/// Asks on the terminal; no terminal is a no.
fn agreed(question: &str) -> Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    print!("{question} [y/N] ");
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

fn is_root() -> bool {
    cargo::output(Command::new("id").arg("-u")).as_deref() == Some("0")
}

fn apt_get(args: &[&str]) -> Command {
    let mut command = as_root("env");
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=600"]).args(args);
    command
}

fn as_root(program: &str) -> Command {
    if is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.arg(program);
    command
}

fn write_as_root(path: &Path, text: &str) -> Result<()> {
    let draft = env::temp_dir().join(format!("igbcx-{}.sources", std::process::id()));
    fs::write(&draft, text)?;
    let result = cargo::run(as_root("install").args(["--mode=644"]).arg(&draft).arg(path));
    fs::remove_file(&draft)?;
    result
}
