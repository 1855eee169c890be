//! Reads igbcx.sys as it was built. `IGBCX_SYS` names the image; without it, the one that `cargo xtask build` leaves is
//! read.

use igbcx_image::{CHECKS, Image};
use std::{env, path::PathBuf};

fn image() -> Image {
    let built = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/igbcx/x64/igbcx.sys");
    let path = env::var_os("IGBCX_SYS").map_or(built, PathBuf::from);
    Image::read(&path).unwrap_or_else(|error| panic!("{error}"))
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

/// The keys as an independent reader of PDBs has them.
#[test]
fn a_symbol_store_finds_the_image_and_its_pdb() {
    let image = image();
    let keys = image.symbol_keys().unwrap();
    let mut pdb = pdb2::PDB::open(std::io::Cursor::new(&image.pdb)).unwrap();
    let (guid, age) = (pdb.pdb_information().unwrap().guid, pdb.debug_information().unwrap().age().unwrap_or(1));
    assert_eq!(keys.pdb, format!("{}{age:x}", guid.simple()).to_uppercase());
    let pe = u32::from_le_bytes(image.bytes[0x3C..0x40].try_into().unwrap()) as usize;
    let word = |at: usize| u32::from_le_bytes(image.bytes[at..at + 4].try_into().unwrap());
    assert_eq!(keys.image, format!("{:08X}{:x}", word(pe + 8), word(pe + 24 + 56)));
}
