//! Reads igbcx.sys as it was built and checks what Windows demands of a kernel image.
//!
//! Each check comes with damaged copies of the image that it has to reject. `IGBCX_SYS` names the image; without it,
//! the one that `cargo xtask build` leaves is read.

mod bind_record;
mod checks;
mod damage;
mod pe;

use checks::CHECKS;
use pe::Image;
use std::{env, fs, path::PathBuf};

fn image() -> Image {
    let built = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/igbcx/x64/igbcx.sys");
    let path = env::var_os("IGBCX_SYS").map_or(built, PathBuf::from);
    let read = |path: PathBuf| fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Image { pdb: read(path.with_extension("pdb")), bytes: read(path) }
}

#[test]
fn the_image_passes_every_check() {
    let image = image();
    let found: Vec<String> = CHECKS
        .iter()
        .filter_map(|check| (check.run)(&image).err().map(|fault| format!("{}: {fault}", check.name)))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_check_rejects_its_damaged_images() {
    let image = image();
    for check in &CHECKS {
        assert!(!check.damage.is_empty(), "{} was never seen to fail", check.name);
        for (what, damage) in check.damage {
            let mut damaged = Image { bytes: image.bytes.clone(), pdb: image.pdb.clone() };
            damage(&mut damaged);
            assert!(damaged != image, "{}: `{what}` changed nothing", check.name);
            assert!((check.run)(&damaged).is_err(), "{}: `{what}` went unnoticed", check.name);
        }
    }
}
