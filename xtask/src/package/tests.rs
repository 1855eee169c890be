//! The packages that `cargo xtask package` made, read back by other programs. They need those and the packages; the step
//! `package` of `cargo xtask test` has both.

use super::{
    KeyOptions, Signer,
    sign::quietly,
    stamp,
    verify::{names, verify},
};
use crate::{cargo, setup};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn packages() -> Vec<PathBuf> {
    let dist = cargo::root().join("dist");
    let folders = fs::read_dir(&dist).unwrap_or_else(|error| panic!("{}: {error}", dist.display()));
    let folders: Vec<PathBuf> =
        folders.map(|entry| entry.unwrap().path()).filter(|path| path.join("igbcx.inf").exists()).collect();
    assert!(!folders.is_empty(), "no package in {}", dist.display());
    folders
}

/// An empty folder of this test's own.
fn scratch(name: &str) -> PathBuf {
    let folder = cargo::root().join("target/package-tests").join(name);
    _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn copy(package: &Path, name: &str) -> PathBuf {
    let folder = scratch(name);
    for name in names(package).unwrap() {
        fs::copy(package.join(&name), folder.join(&name)).unwrap();
    }
    folder
}

fn change_byte(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 0x20;
    fs::write(file, bytes).unwrap();
}

fn openssl(arguments: &[&str], folder: &Path) {
    quietly(cargo::command("openssl").args(arguments).current_dir(folder)).unwrap();
}

#[test]
#[ignore = "the step `package` of `cargo xtask test`"]
fn signify_reads_the_packages_back() {
    for package in packages() {
        let script = cargo::root().join("xtask/src/package/read_back.py");
        quietly(Command::new(setup::python()).arg(script).arg(&package).arg("50")).unwrap();
    }
}

#[test]
#[ignore = "the step `package` of `cargo xtask test`"]
fn checksums_hold() {
    for package in packages() {
        quietly(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&package)).unwrap();
        let sums = fs::read_to_string(package.join("SHA256SUMS")).unwrap();
        assert_eq!(sums.lines().count() + 1, names(&package).unwrap().len());
    }
}

#[test]
#[ignore = "the step `package` of `cargo xtask test`"]
fn a_changed_byte_fails_the_verification() {
    let signer = Signer::new(&KeyOptions::default()).unwrap();
    for package in packages() {
        verify(&package, &signer).unwrap();
        for (name, at) in [("igbcx.inf", 300), ("igbcx.sys", 0x1800), ("igbcx.cat", 200)] {
            let damaged = copy(&package, "changed");
            change_byte(&damaged.join(name), at);
            let error = verify(&damaged, &signer).expect_err(name).to_string();
            assert!(error.contains(name), "{error}");
        }
        // Signed as it should be, with another file behind the catalogue's back.
        let damaged = copy(&package, "other-image");
        change_byte(&damaged.join("igbcx.sys"), 0x1800);
        signer.sign(&damaged.join("igbcx.sys")).unwrap();
        signer.verify(&damaged.join("igbcx.sys")).unwrap();
        let error = signer.verify_listed(&damaged.join("igbcx.cat"), &damaged.join("igbcx.sys"));
        assert!(error.is_err(), "osslsigncode took an image that the catalogue does not list");
    }
}

#[test]
#[ignore = "the step `package` of `cargo xtask test`"]
fn a_key_in_a_pfx_file_signs() {
    let folder = scratch("pfx");
    let subject = ["-subj", "/CN=igbcx test of a PFX", "-addext", "extendedKeyUsage=codeSigning"];
    let request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "certificate.pem"];
    openssl(&[&request[..], &subject].concat(), &folder);
    fs::write(folder.join("password"), "secret\n").unwrap();
    let export = ["pkcs12", "-export", "-inkey", "key.pem", "-in", "certificate.pem", "-out", "key.pfx"];
    openssl(&[&export[..], &["-passout", "file:password"]].concat(), &folder);

    let file = folder.join("igbcx.sys");
    fs::copy(packages()[0].join("igbcx.sys"), &file).unwrap();
    let options = KeyOptions {
        key: Some(folder.join("key.pfx")),
        password_file: Some(folder.join("password")),
        ..KeyOptions::default()
    };
    let signer = Signer::new(&options).unwrap();
    signer.sign(&file).unwrap();
    signer.verify(&file).unwrap();
    let other = Signer::new(&KeyOptions::default()).unwrap();
    assert!(other.verify(&file).is_err(), "a signature was verified by another root");
}

#[test]
#[ignore = "the step `package` of `cargo xtask test`"]
fn the_package_carries_the_commits_date() {
    let date = stamp::date(stamp::source_time().unwrap());
    for package in packages() {
        let inf = fs::read_to_string(package.join("igbcx.inf")).unwrap();
        assert!(inf.contains(&format!("DriverVer   = {date},")), "no {date} in {}", package.display());
    }
}
