//! Catalogues that Microsoft made and signed, rewritten from the files that they list.
//!
//! The samples come from a package of PyPI (`xtask/python/samples.txt` names it) and lie in `target/package-samples`,
//! where `cargo xtask setup` puts them. A driver of Windows 10 alone, for x64 and for x86.

use catalog::{Catalog, File, Listed};
use std::{fs, path::PathBuf};

const NAME: &str = "ViGEmBus";

fn sample(architecture: &str, extension: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/package-samples").join(architecture);
    let path = folder.join(format!("{NAME}.{extension}"));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; `cargo xtask setup` puts it there", path.display()))
}

fn file(architecture: &str, extension: &str) -> File {
    File::new(&format!("{NAME}.{extension}"), &sample(architecture, extension)).unwrap()
}

#[test]
#[ignore = "needs the samples of `cargo xtask setup`"]
fn rewritten_catalogues_are_the_same_bytes() {
    for architecture in ["x64", "x86"] {
        let theirs = Listed::from_der(&sample(architecture, "cat")).unwrap();
        assert_eq!(theirs.entries.len(), 4);
        let ours = Catalog {
            files: vec![file(architecture, "inf"), file(architecture, "sys")],
            os_versions: "2:10.0".into(),
            attributes: theirs.attributes.clone(),
            time: theirs.time,
            identifier: theirs.identifier.clone().try_into().unwrap(),
        };
        assert_eq!(ours.trust_list().unwrap(), theirs.trust_list, "{architecture}");
        let again = Listed::from_der(&ours.to_der().unwrap()).unwrap();
        assert_eq!(again.trust_list, theirs.trust_list, "{architecture}");
    }
}

#[test]
#[ignore = "needs the samples of `cargo xtask setup`"]
fn a_changed_byte_is_not_vouched_for() {
    let theirs = Listed::from_der(&sample("x64", "cat")).unwrap();
    for extension in ["inf", "sys"] {
        let mut bytes = sample("x64", extension);
        let name = format!("{NAME}.{extension}");
        assert!(theirs.vouches_for(&File::new(&name, &bytes).unwrap()));
        let other_name = File::new(&format!("other.{extension}"), &bytes).unwrap();
        assert!(!theirs.vouches_for(&other_name));
        bytes[1000] ^= 1;
        assert!(!theirs.vouches_for(&File::new(&name, &bytes).unwrap()));
    }
}

#[test]
#[ignore = "needs the samples of `cargo xtask setup`"]
fn damaged_catalogues_are_refused_or_read_without_a_panic() {
    let bytes = sample("x64", "cat");
    let whole = Listed::from_der(&bytes).unwrap();
    let start = bytes.windows(whole.trust_list.len()).position(|window| window == whole.trust_list).unwrap();
    for at in start..start + whole.trust_list.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        if let Ok(read) = Listed::from_der(&damaged) {
            assert_ne!(read.trust_list, whole.trust_list, "a change at {at} is nowhere to be seen");
        }
        assert!(Listed::from_der(&bytes[..at]).is_err());
    }
}
