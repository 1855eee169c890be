//! The compiler and linker of the driver.
//!
//! The driver is compiled together with `core` and `alloc` (`-Zbuild-std`), so a toolchain needs the standard library's
//! source, but not a prebuilt one for Windows.

use crate::cargo;
use anyhow::{Result, bail};
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// A Rust toolchain with the standard library's source, and a linker of Windows images.
pub struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
    /// Where the standard library's source lies, for paths in debug information.
    pub library_source: PathBuf,
    linker: Vec<PathBuf>,
}

impl Toolchain {
    /// The toolchain that started xtask when it has the standard library's source (rustup component `rust-src`), else
    /// Debian's own compiler.
    pub fn find() -> Result<Self> {
        match Self::rustup().or_else(Self::debian) {
            Some(toolchain) => Ok(toolchain),
            None => bail!(
                "no toolchain that can build the driver. On Debian: `cargo xtask setup`. \
                 With rustup: `rustup component add rust-src`."
            ),
        }
    }

    fn rustup() -> Option<Self> {
        let rustc = env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from);
        let sysroot = PathBuf::from(cargo::output(cargo::command(&rustc).args(["--print", "sysroot"]))?);
        let host = cargo::output(cargo::command(&rustc).args(["--print", "host-tuple"]))?;
        let linker = sysroot.join("lib/rustlib").join(host).join("bin/rust-lld");
        if !linker.exists() {
            return None;
        }
        let flavor = ["-flavor", "link"].map(PathBuf::from);
        Self::with_source(&sysroot, env::var_os("CARGO")?.into(), rustc, [vec![linker], flavor.into()].concat())
    }

    fn debian() -> Option<Self> {
        Self::with_source(Path::new("/usr"), "/usr/bin/cargo".into(), "/usr/bin/rustc".into(), vec![debian_linker()?])
    }

    fn with_source(sysroot: &Path, cargo: PathBuf, rustc: PathBuf, linker: Vec<PathBuf>) -> Option<Self> {
        let library_source = sysroot.join("lib/rustlib/src/rust");
        let complete = library_source.join("library/core/Cargo.toml").exists();
        complete.then_some(Self { cargo, rustc, library_source, linker })
    }

    /// This toolchain's Cargo, free of settings that would change the image from one machine to another.
    pub fn cargo(&self, subcommand: &str) -> Command {
        let mut command = cargo::command(&self.cargo);
        for name in ["RUSTFLAGS", "RUSTC_WRAPPER", "RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH"] {
            command.env_remove(name);
        }
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if ["CARGO_BUILD_", "CARGO_ENCODED_", "CARGO_PROFILE_", "CARGO_TARGET_"].iter().any(|p| text.starts_with(p))
            {
                command.env_remove(&name);
            }
        }
        command.arg(subcommand).env("RUSTC", &self.rustc);
        command
    }

    /// The linker, in the form of Microsoft's link.exe.
    pub fn linker(&self) -> Command {
        let mut command = cargo::command(&self.linker[0]);
        command.args(&self.linker[1..]);
        command
    }
}

/// `/RELEASE` (the image's checksum) needs LLD 19.
fn debian_linker() -> Option<PathBuf> {
    (19..40).map(|version| PathBuf::from(format!("/usr/bin/lld-link-{version}"))).find(|path| path.exists())
}
