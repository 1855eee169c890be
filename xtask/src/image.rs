//! `cargo xtask check-image`: what Windows demands of a driver as a file.

use anyhow::{Context, Result, ensure};
use igbcx_image::{CHECKS, Image};
use std::path::Path;

/// Checks `file` and prints every demand with its outcome.
pub fn run(file: &Path) -> Result<()> {
    let image = Image::read(file)?;
    println!("{}: {} bytes", file.display(), image.bytes.len());
    for section in image.sections().map_err(anyhow::Error::msg)? {
        println!("  {:8} {:#08x} {:>7} bytes  {}", section.name, section.address, section.size, section.access());
    }
    let faults = CHECKS
        .iter()
        .filter_map(|check| {
            let fault = (check.run)(&image).err();
            println!("  {:6}  {}", if fault.is_none() { "ok" } else { "FAILED" }, check.name);
            fault.map(|fault| println!("          {fault}"))
        })
        .count();
    if !image.has_control_flow_guard().map_err(anyhow::Error::msg)? {
        println!("  note    built without control flow guard (docs/building.md)");
    }
    ensure!(faults == 0, "{} does not meet {faults} of {} demands", file.display(), CHECKS.len());
    Ok(())
}

/// Checks `file` silently.
///
/// # Errors
/// The first demand that it does not meet.
pub fn check(file: &Path) -> Result<()> {
    let image = Image::read(file)?;
    CHECKS.iter().try_for_each(|check| {
        (check.run)(&image).map_err(anyhow::Error::msg).with_context(|| format!("{}: {}", file.display(), check.name))
    })
}
