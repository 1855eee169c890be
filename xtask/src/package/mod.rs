//! Makes the driver package that Windows installs: `dist/igbcx-VERSION-ARCHITECTURE/`.

mod sign;
pub mod stamp;
mod symbols;
#[cfg(test)]
mod tests;
mod tool;
mod verify;

use crate::{
    cargo,
    driver::{self, Architecture, Warnings},
    image, lint_inf, setup,
};
use anyhow::{Context, Result};
use catalog::{Catalog, File};
use clap::Args;
use lab_inf::Inf;
use sha2::{Digest, Sha256};
use sign::{KeyOptions, Signer};
use std::{
    collections::BTreeSet,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

/// What `cargo xtask package` makes.
#[derive(Args, Default)]
pub struct Options {
    /// For which processors; both without this option. arm64 is built and checked, and was never run
    #[arg(long, value_enum)]
    pub arch: Vec<Architecture>,
    #[command(flatten)]
    pub key: KeyOptions,
    /// Make the packages a second time from a copy in another folder and compare all but the signatures
    #[arg(long)]
    pub check_reproducible: bool,
}

/// The files that the catalogue vouches for.
const LISTED: [&str; 2] = ["igbcx.inf", "igbcx.sys"];
const CATALOG: &str = "igbcx.cat";
const CERTIFICATE: &str = "igbcx.cer";
const SUMS: &str = "SHA256SUMS";

/// Kernel versions of catalogues for Windows 10 and 11.
const OS_VERSIONS: &str = "2:10.0";

/// Makes and verifies the packages.
pub fn run(options: &Options) -> Result<()> {
    setup::for_build(false)?;
    setup::for_package(false)?;
    let root = cargo::root();
    let time = stamp::source_time()?;
    let signer = Signer::new(&options.key)?;
    let architectures = match options.arch[..] {
        [] => vec![Architecture::X64, Architecture::Arm64],
        _ => options.arch.clone(),
    };
    for &architecture in &architectures {
        driver::build(architecture, Warnings::Shown)?;
    }
    let packages = make(&root, &architectures, time, &signer)?;
    if options.check_reproducible {
        driver::in_a_copy(|copy| {
            for &architecture in &architectures {
                driver::build_in(copy, architecture, Warnings::Shown)?;
            }
            let again = make(copy, &architectures, time, &signer)?;
            packages.iter().zip(&again).try_for_each(|(first, second)| verify::same_but_for_signatures(first, second))
        })?;
        println!("a second time, from another folder: the same bytes, signatures aside");
    }
    Ok(())
}

/// Makes the packages of the source tree at `root` from drivers that are built already.
fn make(root: &Path, architectures: &[Architecture], time: u64, signer: &Signer) -> Result<Vec<PathBuf>> {
    let tool = root.join("target/igbcx/igbcxctl.exe");
    if tool::can_be_built() {
        tool::build(root, &tool)?;
    } else {
        println!("igbcxctl.exe is left out: there is no {}", tool::LINKER);
        _ = fs::remove_file(&tool);
    }
    architectures.iter().map(|&architecture| make_one(root, architecture, &tool, time, signer)).collect()
}

fn make_one(root: &Path, architecture: Architecture, tool: &Path, time: u64, signer: &Signer) -> Result<PathBuf> {
    let version = version_resource::numbers(env!("CARGO_PKG_VERSION")).map(|number| number.to_string()).join(".");
    let folder = root.join("dist").join(format!("igbcx-{}-{}", env!("CARGO_PKG_VERSION"), architecture.name()));
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;

    let inx = root.join("inf/igbcx.inx");
    let text = fs::read_to_string(&inx).with_context(|| inx.display().to_string())?;
    let inf = stamp::stamp(&text, architecture.inf_name(), time, &version)?;
    fs::write(folder.join("igbcx.inf"), &inf)?;
    lint_inf::check(&folder.join("igbcx.inf"))?;

    for name in ["igbcx.sys", "igbcx.pdb"] {
        fs::copy(root.join(driver::products(architecture)).join(name), folder.join(name))?;
    }
    image::check(&folder.join("igbcx.sys"))?;
    signer.sign(&folder.join("igbcx.sys"))?;

    fs::write(folder.join(CATALOG), catalog(&folder, &inx, architecture, time)?)?;
    signer.sign(&folder.join(CATALOG))?;
    signer.export(&folder.join(CERTIFICATE))?;

    if tool.exists() {
        fs::copy(tool, folder.join("igbcxctl.exe"))?;
    }
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        fs::copy(root.join(name), folder.join(name))?;
    }
    for script in scripts(root)? {
        fs::copy(&script, folder.join(script.file_name().context("a script has a name")?))?;
    }
    fs::write(folder.join("README.txt"), readme(architecture))?;
    fs::write(folder.join(SUMS), sums(&folder)?)?;

    verify::verify(&folder, signer)?;
    symbols::add(&folder, &root.join("dist/symbols"))?;
    println!("{}: {} files, signed and verified", folder.display(), fs::read_dir(&folder)?.count());
    if architecture == Architecture::Arm64 {
        println!("  the arm64 driver was checked statically and never run");
    }
    Ok(folder)
}

/// The catalogue of the package in `folder`, not yet signed. The INX names the devices, for every architecture.
fn catalog(folder: &Path, inx: &Path, architecture: Architecture, time: u64) -> Result<Vec<u8>> {
    let read = |name: &&str| Ok(File::new(name, &fs::read(folder.join(name))?)?);
    let files = LISTED.iter().map(read).collect::<Result<Vec<_>>>()?;
    let inf = Inf::read(inx)?;
    let ids: BTreeSet<String> = inf.models().iter().flat_map(|model| &model.ids).map(|id| id.to_lowercase()).collect();
    let mut attributes = vec![("OS".to_string(), architecture.os_names().to_string())];
    attributes.extend(ids.into_iter().enumerate().map(|(index, id)| (format!("HWID{}", index + 1), id)));
    Ok(Catalog::new(files, OS_VERSIONS, attributes, time).to_der()?)
}

/// The PowerShell scripts and the trace profile that go into every package.
fn scripts(root: &Path) -> Result<Vec<PathBuf>> {
    let folder = root.join("package");
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut files = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "ps1" || extension == "wprp"));
    files.sort();
    Ok(files)
}

/// What a tester reads first.
fn readme(architecture: Architecture) -> String {
    let proof = match architecture {
        Architecture::X64 => "The project's lab on Linux tests the x64 driver. It was never run on Windows.",
        Architecture::Arm64 => "The arm64 driver was built and checked statically. It was never run anywhere.",
    };
    format!(
        "igbcx {}: NetAdapterCx driver for Intel 82576 network adapters, Windows 11 21H2 or newer, {}.\r\n{proof}\r\n\
         Install it on test machines only, from an elevated PowerShell: docs/install.md of the project.\r\n\
         igbcxctl.exe, if it is here, is an x64 program; Windows on Arm emulates it.\r\n",
        env!("CARGO_PKG_VERSION"),
        architecture.name(),
    )
}

/// The lines of SHA256SUMS: every file of the folder but itself.
fn sums(folder: &Path) -> Result<String> {
    let mut lines = String::new();
    for name in verify::names(folder)? {
        if name != SUMS {
            let hash = Sha256::digest(fs::read(folder.join(&name))?);
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(lines, "{hash}  {name}")?;
        }
    }
    Ok(lines)
}
