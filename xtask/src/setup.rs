//! Installs what the build, the lab and the tests need.

use crate::{cargo, qemu, toolchain::Toolchain};
use anyhow::{Context, Result, bail};
use std::{
    env, fs,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
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
    for_package_tests(yes)?;
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

/// Programs that make a driver package, and the Debian packages that they are in.
const PACKAGE_PROGRAMS: [(&str, &str); 2] = [("openssl", "openssl"), ("osslsigncode", "osslsigncode")];

/// The C runtime of igbcxctl.exe.
const TOOL_PROGRAMS: [(&str, &str); 1] = [("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64-win32")];

/// What makes the driver package. It can do without the tool.
pub fn for_package(yes: bool) -> Result<()> {
    install_programs(&PACKAGE_PROGRAMS, "what makes a driver package", yes)?;
    if let Err(error) = install_programs(&TOOL_PROGRAMS, "what builds igbcxctl.exe", yes) {
        println!("{error:#}");
    }
    Ok(())
}

/// Programs that read a driver package back, or take the sample of one apart.
const PACKAGE_TEST_PROGRAMS: [(&str, &str); 2] = [("msiextract", "msitools"), ("python3", "python3")];

/// Architectures of the sample package.
const SAMPLES: [&str; 2] = ["x64", "x86"];

/// What tests the driver package: signify, and a package with a catalogue that Microsoft signed.
fn for_package_tests(yes: bool) -> Result<()> {
    for_package(yes)?;
    install_programs(&PACKAGE_TEST_PROGRAMS, "what tests a driver package", yes)?;
    let lists = cargo::root().join("xtask/python");
    if cargo::output(Command::new(python()).args(["-c", "import signify"])).is_none() {
        let folder = python_folder();
        if cargo::output(Command::new("python3").args(["-m", "venv"]).arg(&folder)).is_none() {
            install(&["python3-venv".to_string()], "Python's virtual environments", yes)?;
            cargo::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        }
        cargo::run(pip("install").arg("--require-hashes").arg("--requirement").arg(lists.join("signify.txt")))?;
    }
    let samples = cargo::root().join("target/package-samples");
    if SAMPLES.iter().all(|architecture| samples.join(architecture).join("ViGEmBus.cat").exists()) {
        return Ok(());
    }
    fs::create_dir_all(&samples)?;
    let mut download = pip("download");
    download.args(["--no-deps", "--require-hashes", "--dest"]).arg(&samples);
    cargo::run(download.arg("--requirement").arg(lists.join("samples.txt")))?;
    extract_samples(&samples)
}

/// Takes the driver's three files out of the installers in the Python package.
fn extract_samples(folder: &Path) -> Result<()> {
    let archive = folder.join("vgamepad-0.2.0.tar.gz");
    cargo::run(Command::new("tar").arg("--extract").arg("--file").arg(&archive).arg("--directory").arg(folder))?;
    for architecture in SAMPLES {
        let installers = folder.join("vgamepad-0.2.0/vgamepad/win/vigem/install").join(architecture);
        let installer = installers.join(format!("ViGEmBusSetup_{architecture}.msi"));
        let unpacked = folder.join("unpacked").join(architecture);
        cargo::run(Command::new("msiextract").arg("--directory").arg(&unpacked).arg(&installer).stdout(Stdio::null()))?;
        fs::create_dir_all(folder.join(architecture))?;
        for name in ["ViGEmBus.inf", "ViGEmBus.sys", "ViGEmBus.cat"] {
            let found = cargo::output(Command::new("find").arg(&unpacked).args(["-name", name]));
            let found = found
                .filter(|path| !path.is_empty())
                .with_context(|| format!("{name} is not in {}", installer.display()))?;
            fs::copy(found, folder.join(architecture).join(name))?;
        }
    }
    Ok(())
}

fn python_folder() -> PathBuf {
    cargo::root().join("target/package-python")
}

/// Python with signify.
pub fn python() -> PathBuf {
    python_folder().join("bin/python")
}

fn pip(task: &str) -> Command {
    let mut command = Command::new(python());
    command.args(["-m", "pip", task, "--quiet", "--disable-pip-version-check"]);
    command
}

/// Installs the packages of the programs that are not there.
fn install_programs(programs: &[(&str, &str)], purpose: &str, yes: bool) -> Result<()> {
    let there = |program: &str| cargo::output(cargo::command("which").arg(program)).is_some();
    let missing: Vec<String> = programs.iter().filter(|(p, _)| !there(p)).map(|(_, name)| name.to_string()).collect();
    if missing.is_empty() { Ok(()) } else { install(&missing, purpose, yes) }
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
