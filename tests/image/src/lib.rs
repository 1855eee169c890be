//! What Windows 11 demands of igbcx.sys as a file, on x64 and on ARM64.
//!
//! Each [`Check`] comes with damaged copies of the image that it has to reject. `cargo xtask check-image` and the tests of
//! this package run the same checks.

mod bind_record;
mod checks;
mod damage;
mod pe;

pub use checks::{CHECKS, Check};
pub use damage::Damage;
pub use pe::{Image, Section, SymbolKeys};

use std::{fs, io, path::Path};

impl Image {
    /// Reads a driver and the PDB beside it.
    ///
    /// # Errors
    /// One of the two files cannot be read; the message names it.
    pub fn read(path: &Path) -> io::Result<Image> {
        let read = |path: &Path| {
            fs::read(path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
        };
        Ok(Image { bytes: read(path)?, pdb: read(&path.with_extension("pdb"))? })
    }
}
