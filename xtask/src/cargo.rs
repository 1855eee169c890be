//! Cargo and other programs as this repository runs them.

use anyhow::{Context, Result, ensure};
use std::{
    env,
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::Command,
};

/// The repository's folder.
pub fn root() -> PathBuf {
    let here =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().expect("xtask lies in the repository").to_path_buf()
}

/// The Cargo that started xtask.
fn cargo_path() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// A command without what Cargo set for xtask itself.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Plain Cargo: the view that Windows has of this repository.
pub fn windows(subcommand: &str) -> Command {
    let mut command = command(cargo_path());
    command.arg(subcommand);
    command
}

/// Cargo with the stand-ins of a machine without a WDK. The options follow the subcommand: clippy loses them elsewhere.
pub fn host(subcommand: &str) -> Command {
    let mut command = windows(subcommand);
    add_linux_options(&mut command);
    command
}

/// Adds the stand-ins and the second lock file. The lock file option is unstable, hence `RUSTC_BOOTSTRAP`.
pub fn add_linux_options(command: &mut Command) {
    command.arg("--config").arg(root().join("linux/cargo.toml")).arg("-Zlockfile-path").env("RUSTC_BOOTSTRAP", "1");
}

/// Becomes `cargo ARGS` with the stand-ins, in the caller's folder.
pub fn host_passthrough(args: &[OsString]) -> Result<()> {
    let (subcommand, rest) = args.split_first().context("name a Cargo command")?;
    let mut command = host(&subcommand.to_string_lossy());
    command.current_dir(env::current_dir()?).args(rest);
    become_it(&mut command)
}

/// Replaces xtask by `command`, so that signals and the exit code are the command's own.
pub fn become_it(command: &mut Command) -> Result<()> {
    let error = command.exec();
    Err(error).with_context(|| format!("cannot start {}", describe(command)))
}

/// Runs `command` to its end. An exit code other than 0 is an error that names the command.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", describe(command)))?;
    ensure!(status.success(), "{} failed: {status}", describe(command));
    Ok(())
}

/// What `command` prints on standard output, without the final line end; None when it cannot start or fails.
pub fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim_end().to_string())
}

/// `command` as one would type it.
pub fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
