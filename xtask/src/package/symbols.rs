//! `dist/symbols`: driver and PDB of every package where a debugger looks for them (a symbol store with one tier).

use anyhow::{Context, Result};
use igbcx_image::Image;
use std::{fs, path::Path};

/// Puts `igbcx.sys` and `igbcx.pdb` of a package into the store.
pub fn add(package: &Path, store: &Path) -> Result<()> {
    let image = Image::read(&package.join("igbcx.sys"))?;
    let keys = image.symbol_keys().map_err(anyhow::Error::msg)?;
    for (name, key) in [("igbcx.sys", keys.image), ("igbcx.pdb", keys.pdb)] {
        let folder = store.join(name).join(key);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        fs::copy(package.join(name), folder.join(name))?;
    }
    Ok(())
}
