//! Checks a finished package: signatures by osslsigncode, hashes by reading the catalogue back.

use super::{CATALOG, LISTED, Signer};
use anyhow::{Context, Result, ensure};
use catalog::{File, Listed, authenticode_bytes};
use std::{collections::BTreeSet, fs, path::Path};

/// Names of the files in `folder`, sorted.
pub fn names(folder: &Path) -> Result<BTreeSet<String>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// Verifies the package in `folder`.
///
/// # Errors
/// A signature does not hold, or the catalogue does not vouch for exactly the files that Windows copies.
pub fn verify(folder: &Path, signer: &Signer) -> Result<()> {
    let (image, catalog) = (folder.join("igbcx.sys"), folder.join(CATALOG));
    signer.verify(&image)?;
    signer.verify(&catalog)?;
    signer.verify_listed(&catalog, &image)?;
    let listed = read(&catalog)?;
    for name in LISTED {
        let file = File::new(name, &fs::read(folder.join(name))?)?;
        ensure!(listed.vouches_for(&file), "{CATALOG} does not vouch for {name}");
    }
    // A SHA-1 and a SHA-256 of each file, and nothing else.
    ensure!(listed.entries.len() == 2 * LISTED.len(), "{CATALOG} has {} entries", listed.entries.len());
    Ok(())
}

/// Compares two packages of the same source. A signature holds the time of signing; all else has to be equal.
pub fn same_but_for_signatures(first: &Path, second: &Path) -> Result<()> {
    let files = names(first)?;
    ensure!(files == names(second)?, "two packages of the same source hold different files");
    for name in files.iter().filter(|name| *name != super::SUMS) {
        let unsigned = |folder: &Path| -> Result<Vec<u8>> {
            let bytes = fs::read(folder.join(name))?;
            Ok(match name.as_str() {
                CATALOG => read(&folder.join(name))?.trust_list,
                "igbcx.sys" => authenticode_bytes(&bytes).map_err(anyhow::Error::msg)?.concat(),
                _ => bytes,
            })
        };
        ensure!(unsigned(first)? == unsigned(second)?, "{name} differs between two packages of the same source");
    }
    Ok(())
}

fn read(catalog: &Path) -> Result<Listed> {
    Listed::from_der(&fs::read(catalog)?).with_context(|| catalog.display().to_string())
}
