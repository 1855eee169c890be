//! Builds igbcx.sys: a static library by Cargo, the image from it by lld.
//!
//! Linking here and not under rustc keeps temporary names and absolute paths out of the PDB, and with them out of the
//! image, which carries a hash of the PDB. That makes the image the same wherever it is built.

use crate::{cargo, toolchain::Toolchain};
use anyhow::{Context, Result, ensure};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

const TARGET: &str = "x86_64-pc-windows-msvc";
const PRODUCTS: [&str; 2] = ["igbcx.sys", "igbcx.pdb"];

const LINK_ARGS: [&str; 22] = [
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
    "/MACHINE:X64",
    "/HIGHENTROPYVA",
    "/TSAWARE:NO",
    "/VERSION:10.0",
    "/RELEASE",
    // Code is never paged out, the loader's records are data.
    "/SECTION:.text,ERP",
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
pub fn image_path() -> PathBuf {
    cargo::root().join("target/igbcx/x64/igbcx.sys")
}

/// What a warning of the compiler means.
#[derive(Clone, Copy)]
pub enum Warnings {
    Shown,
    Denied,
}

/// Builds `target/igbcx/x64/igbcx.sys` and `igbcx.pdb`.
pub fn build(warnings: Warnings) -> Result<()> {
    build_in(&cargo::root(), warnings)?;
    let image = image_path();
    println!("{} ({} bytes)", image.display(), fs::metadata(&image)?.len());
    Ok(())
}

/// Builds the driver of the source tree at `root` into its own target folder.
fn build_in(root: &Path, warnings: Warnings) -> Result<()> {
    let toolchain = Toolchain::find()?;
    let work = root.join("target/igbcx-build");
    let mut compile = toolchain.cargo("rustc");
    if let Warnings::Denied = warnings {
        compile.args(["-Zwarnings", "--config", "build.warnings='deny'"]);
    }
    cargo::run(
        compile
            .current_dir(root)
            .arg("--config")
            .arg(root.join("linux/cargo.toml"))
            .args(["--config", &path_remapping(root, &toolchain), "-Zlockfile-path", "--locked"])
            .args(["-Zbuild-std=core,alloc,compiler_builtins", "-Zbuild-std-features=compiler-builtins-mem"])
            .args(["--release", "--target", TARGET, "--package", "igbcx", "--lib", "--crate-type", "staticlib"])
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_DIR", &work),
    )?;

    let link = work.join("link");
    fs::create_dir_all(&link)?;
    fs::copy(work.join(TARGET).join("release/igbcx.lib"), link.join("igbcx.lib"))?;
    cargo::run(toolchain.linker().current_dir(&link).arg("igbcx.lib").args(LINK_ARGS))?;

    let products = root.join("target/igbcx/x64");
    fs::create_dir_all(&products)?;
    for name in PRODUCTS {
        fs::rename(link.join(name), products.join(name)).with_context(|| format!("the linker left no {name}"))?;
    }
    Ok(())
}

/// The Cargo setting that makes paths in the image the same on every machine.
fn path_remapping(root: &Path, toolchain: &Toolchain) -> String {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo"))).unwrap_or_default();
    let flag = |from: &Path, to: &str| format!("'--remap-path-prefix={}/={to}'", from.display());
    let flags =
        [flag(root, ""), flag(&home.join("registry/src"), "/registry/"), flag(&toolchain.library_source, "/rust/")];
    format!("target.{TARGET}.rustflags=[{}]", flags.join(","))
}

/// Builds a copy of the source in another folder and compares the products byte for byte with the first build's.
pub fn check_reproducible() -> Result<()> {
    let root = cargo::root();
    let scratch = env::temp_dir().join(format!("igbcx-second-build-{}", std::process::id()));
    let copy = scratch.join("another folder");
    let result = copy_source(&root, &copy).and_then(|()| build_in(&copy, Warnings::Shown)).and_then(|()| {
        for name in PRODUCTS {
            let product = Path::new("target/igbcx/x64").join(name);
            let same = fs::read(root.join(&product))? == fs::read(copy.join(&product))?;
            ensure!(same, "{name} differs between two builds of the same source");
        }
        println!("the second build, from {}, gave the same bytes", copy.display());
        Ok(())
    });
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
