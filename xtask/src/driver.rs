//! Builds igbcx.sys: a static library by Cargo, the image from it by lld.
//!
//! Linking here and not under rustc keeps temporary names and absolute paths out of the PDB, and with them out of the
//! image, which carries a hash of the PDB. That makes the image the same wherever it is built.

use crate::{cargo, toolchain::Toolchain};
use anyhow::{Context, Result, ensure};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

const PRODUCTS: [&str; 2] = ["igbcx.sys", "igbcx.pdb"];

/// A processor architecture of Windows 11.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Architecture {
    X64,
    /// Built and checked statically; the lab does not run it.
    Arm64,
}

impl Architecture {
    /// As folders name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::X64 => "x64",
            Self::Arm64 => "arm64",
        }
    }

    /// As INF files and set-up name it.
    pub fn inf_name(self) -> &'static str {
        match self {
            Self::X64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// The Windows versions of a catalogue (`OS`): every release of Windows 11, and Windows Server 2025.
    pub fn os_names(self) -> &'static str {
        match self {
            Self::X64 => "_v100_X64_21H2,_v100_X64_22H2,_v100_X64_24H2,Server_v100_X64_24H2",
            Self::Arm64 => "_v100_ARM64_21H2,_v100_ARM64_22H2,_v100_ARM64_24H2",
        }
    }

    fn target(self) -> &'static str {
        match self {
            Self::X64 => "x86_64-pc-windows-msvc",
            Self::Arm64 => "aarch64-pc-windows-msvc",
        }
    }
}

const LINK_ARGS: [&str; 23] = [
    // What a WDK build of a KMDF driver passes (wdk-build 0.6.0, configure_wdk_binary_build).
    "/DRIVER",
    "/NODEFAULTLIB",
    "/ENTRY:FxDriverEntry",
    "/SUBSYSTEM:NATIVE,10.00",
    "/NXCOMPAT",
    "/DYNAMICBASE",
    "/OPT:REF,ICF",
    "/INTEGRITYCHECK",
    "/MANIFEST:NO",
    // What link.exe does by itself for a driver and lld does not.
    "/HIGHENTROPYVA",
    "/TSAWARE:NO",
    "/VERSION:10.0",
    "/RELEASE",
    // Code is never paged out, the loader's records are data.
    "/SECTION:.text,ERP",
    // Windows frees the code of DriverEntry when it has returned.
    "/SECTION:INIT,ERD",
    // The code pushes return addresses and returns to them, nothing else.
    "/CETCOMPAT",
    "/MERGE:.kmdfclassbind=.data",
    // Debug information, and nothing in it that names this machine or the time.
    "/DEBUG",
    "/PDB:igbcx.pdb",
    "/PDBALTPATH:igbcx.pdb",
    "/PDBSOURCEPATH:/igbcx",
    "/BREPRO",
    "/OUT:igbcx.sys",
];

/// Where the driver lies after a build.
pub fn image_path(architecture: Architecture) -> PathBuf {
    cargo::root().join(products(architecture)).join("igbcx.sys")
}

/// The folder of a build's products, from the source tree's root.
pub fn products(architecture: Architecture) -> PathBuf {
    Path::new("target/igbcx").join(architecture.name())
}

/// What a warning of the compiler means.
#[derive(Clone, Copy)]
pub enum Warnings {
    Shown,
    Denied,
}

/// Builds `igbcx.sys` and `igbcx.pdb` in `target/igbcx/x64` or `target/igbcx/arm64`.
pub fn build(architecture: Architecture, warnings: Warnings) -> Result<()> {
    build_in(&cargo::root(), architecture, warnings)?;
    let image = image_path(architecture);
    println!("{} ({} bytes)", image.display(), fs::metadata(&image)?.len());
    Ok(())
}

/// Builds the driver of the source tree at `root` into its own target folder.
pub fn build_in(root: &Path, architecture: Architecture, warnings: Warnings) -> Result<()> {
    let toolchain = Toolchain::find()?;
    let target = architecture.target();
    let work = root.join("target/igbcx-build");
    let mut compile = release(&toolchain, "rustc", root, target, &[]);
    if let Warnings::Denied = warnings {
        compile.args(["-Zwarnings", "--config", "build.warnings='deny'"]);
    }
    cargo::run(
        compile
            .args(["-Zbuild-std=core,alloc,compiler_builtins", "-Zbuild-std-features=compiler-builtins-mem"])
            .args(["--package", "igbcx", "--lib", "--crate-type", "staticlib"])
            .env("CARGO_TARGET_DIR", &work),
    )?;

    let link = work.join("link");
    fs::create_dir_all(&link)?;
    fs::copy(work.join(target).join("release/igbcx.lib"), link.join("igbcx.lib"))?;
    fs::write(link.join("igbcx.res"), version_resource::driver(env!("CARGO_PKG_VERSION")))?;
    let machine = format!("/MACHINE:{}", architecture.name());
    cargo::run(toolchain.linker().current_dir(&link).args(["igbcx.lib", "igbcx.res", &machine]).args(LINK_ARGS))?;

    let products = root.join(products(architecture));
    fs::create_dir_all(&products)?;
    for name in PRODUCTS {
        fs::rename(link.join(name), products.join(name)).with_context(|| format!("the linker left no {name}"))?;
    }
    Ok(())
}

/// A release build of the source tree at `root` for Windows, the same on every machine: locked, with the stand-ins, and
/// without paths of this machine. `flags` go to rustc.
pub fn release(toolchain: &Toolchain, subcommand: &str, root: &Path, target: &str, flags: &[String]) -> Command {
    let mut flags = flags.to_vec();
    flags.extend(path_remapping(root, toolchain));
    let flags: Vec<String> = flags.iter().map(|flag| format!("'{flag}'")).collect();
    let mut command = toolchain.cargo(subcommand);
    command
        .current_dir(root)
        .arg("--config")
        .arg(root.join("linux/cargo.toml"))
        .args(["--config", &format!("target.{target}.rustflags=[{}]", flags.join(","))])
        .args(["-Zlockfile-path", "--locked", "--release", "--target", target])
        .env("RUSTC_BOOTSTRAP", "1");
    command
}

/// The options of rustc that make paths in the image the same on every machine.
fn path_remapping(root: &Path, toolchain: &Toolchain) -> [String; 3] {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo"))).unwrap_or_default();
    let flag = |from: &Path, to: &str| format!("--remap-path-prefix={}/={to}", from.display());
    [flag(root, ""), flag(&home.join("registry/src"), "/registry/"), flag(&toolchain.library_source, "/rust/")]
}

/// Builds a copy of the source in another folder and compares the products byte for byte with the first build's.
pub fn check_reproducible(architecture: Architecture) -> Result<()> {
    in_a_copy(|copy| {
        build_in(copy, architecture, Warnings::Shown)?;
        for name in PRODUCTS {
            let product = products(architecture).join(name);
            let same = fs::read(cargo::root().join(&product))? == fs::read(copy.join(&product))?;
            ensure!(same, "{name} differs between two builds of the same source");
        }
        println!("the second build, from {}, gave the same bytes", copy.display());
        Ok(())
    })
}

/// Does `work` in a copy of the source that lies in another folder and is deleted afterwards.
pub fn in_a_copy(work: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let scratch = env::temp_dir().join(format!("igbcx-second-build-{}", std::process::id()));
    let copy = scratch.join("another folder");
    let result = copy_source(&cargo::root(), &copy).and_then(|()| work(&copy));
    fs::remove_dir_all(&scratch)?;
    result
}

/// Copies what a build reads: everything but results and history.
fn copy_source(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let target = to.join(&name);
        if entry.file_type()?.is_dir() {
            if name != "target" && name != ".git" && name != "dist" {
                copy_source(&entry.path(), &target)?;
            }
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
