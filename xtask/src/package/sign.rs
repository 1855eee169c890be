//! Signs and verifies with osslsigncode, by a test certificate of this machine's own or by the user's key.

use crate::cargo;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use std::{
    fs,
    path::{self, Path, PathBuf},
    process::Command,
};

/// Whose key signs. Without an option: a test certificate that is made once and stays in target/.
#[derive(Args, Default)]
pub struct KeyOptions {
    /// Private key: a PEM file (with --certificate) or a PFX file, which brings its certificates along
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Certificate chain of the key, PEM, the signer's first
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// File whose first line is the key's password or the token's PIN
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Library of a PKCS#11 token that holds the key (with --pkcs11-key and --certificate)
    #[arg(long, value_name = "LIBRARY", conflicts_with = "key", requires_all = ["pkcs11_key", "certificate"])]
    pub pkcs11: Option<PathBuf>,
    /// The key in the token, for example `pkcs11:token=igbcx;object=signing`
    #[arg(long, value_name = "URI", requires = "pkcs11")]
    pub pkcs11_key: Option<String>,
    /// Root certificates for verifying, PEM; without it the chain has to reach its root
    #[arg(long, value_name = "FILE")]
    pub roots: Option<PathBuf>,
    /// RFC 3161 time-stamp server; without it the signature ends with the certificate
    #[arg(long, value_name = "URL")]
    pub timestamp: Option<String>,
}

impl KeyOptions {
    /// The same files, named so that a program in another folder finds them.
    fn absolute(&self) -> Result<KeyOptions> {
        let absolute = |file: &Option<PathBuf>| file.as_ref().map(path::absolute).transpose();
        Ok(KeyOptions {
            key: absolute(&self.key)?,
            certificate: absolute(&self.certificate)?,
            password_file: absolute(&self.password_file)?,
            pkcs11: absolute(&self.pkcs11)?,
            roots: absolute(&self.roots)?,
            pkcs11_key: self.pkcs11_key.clone(),
            timestamp: self.timestamp.clone(),
        })
    }
}

/// A key that can sign, and the certificates to verify with.
pub struct Signer {
    key: Vec<String>,
    /// Certificate chain, PEM, the signer's first.
    certificate: PathBuf,
    roots: PathBuf,
    timestamp: Option<String>,
}

impl Signer {
    /// The key that `options` name. Makes the test certificate when they name none and there is none yet.
    pub fn new(options: &KeyOptions) -> Result<Signer> {
        let options = options.absolute()?;
        let text = |path: &Path| path.display().to_string();
        let mut key = Vec::new();
        let certificate = match (&options.key, &options.pkcs11, &options.certificate) {
            (None, None, None) => {
                let (test_key, certificate) = test_certificate()?;
                key.extend(["-key".into(), text(&test_key)]);
                certificate
            }
            (Some(pem), None, Some(certificate)) => {
                key.extend(["-key".into(), text(pem)]);
                certificate.clone()
            }
            (Some(pfx), None, None) => {
                key.extend(["-pkcs12".into(), text(pfx)]);
                certificates_of(pfx, options.password_file.as_deref())?
            }
            (None, Some(module), Some(certificate)) => {
                let uri = options.pkcs11_key.clone().context("--pkcs11 needs --pkcs11-key")?;
                key.extend(["-pkcs11module".into(), text(module), "-key".into(), uri]);
                certificate.clone()
            }
            _ => bail!("--certificate needs --key or --pkcs11"),
        };
        if !key.contains(&"-pkcs12".to_string()) {
            key.extend(["-certs".into(), text(&certificate)]);
        }
        if let Some(file) = &options.password_file {
            key.extend(["-readpass".into(), text(file)]);
        }
        let roots = options.roots.clone().unwrap_or_else(|| certificate.clone());
        Ok(Signer { key, certificate, roots, timestamp: options.timestamp.clone() })
    }

    /// Signs `file` in place.
    pub fn sign(&self, file: &Path) -> Result<()> {
        let signed = file.with_extension("signed");
        if signed.exists() {
            fs::remove_file(&signed)?;
        }
        let mut command = osslsigncode("sign");
        command.args(&self.key).args(["-h", "sha256", "-n", "igbcx"]);
        if let Some(url) = &self.timestamp {
            command.args(["-ts", url]);
        }
        quietly(command.arg("-in").arg(file).arg("-out").arg(&signed))?;
        fs::rename(&signed, file)?;
        Ok(())
    }

    /// Verifies the signature inside `file`.
    pub fn verify(&self, file: &Path) -> Result<()> {
        quietly(osslsigncode("verify").arg("-CAfile").arg(&self.roots).arg("-in").arg(file))
    }

    /// Verifies that `catalog` is signed and lists the image `file`.
    pub fn verify_listed(&self, catalog: &Path, file: &Path) -> Result<()> {
        let mut command = osslsigncode("verify");
        quietly(command.arg("-CAfile").arg(&self.roots).arg("-catalog").arg(catalog).arg("-in").arg(file))
    }

    /// Writes the signer's certificate as Windows' certificate store reads it.
    pub fn export(&self, to: &Path) -> Result<()> {
        let mut command = cargo::command("openssl");
        quietly(command.args(["x509", "-outform", "DER", "-in"]).arg(&self.certificate).arg("-out").arg(to))
    }
}

/// Key and certificate for tests. The key never leaves target/.
fn test_certificate() -> Result<(PathBuf, PathBuf)> {
    let folder = cargo::root().join("target/test-certificate");
    let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
    if key.exists() && certificate.exists() {
        return Ok((key, certificate));
    }
    fs::create_dir_all(&folder)?;
    let request = folder.join("request.cnf");
    fs::write(&request, TEST_CERTIFICATE)?;
    let mut command = cargo::command("openssl");
    command.args(["req", "-x509", "-newkey", "rsa:3072", "-nodes", "-sha256", "-days", "3650", "-config"]);
    quietly(command.arg(&request).arg("-keyout").arg(&key).arg("-out").arg(&certificate))?;
    println!("made a test certificate: {}", certificate.display());
    Ok((key, certificate))
}

const TEST_CERTIFICATE: &str = "\
[req]
distinguished_name = subject
x509_extensions = extensions
prompt = no
[subject]
CN = igbcx test certificate
[extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = codeSigning
subjectKeyIdentifier = hash
";

/// The certificates of a PFX file as PEM in target/, the signer's first.
fn certificates_of(pfx: &Path, password_file: Option<&Path>) -> Result<PathBuf> {
    let folder = cargo::root().join("target/package");
    fs::create_dir_all(&folder)?;
    let certificates = folder.join("chain.pem");
    let password = password_file.map_or("pass:".to_string(), |file| format!("file:{}", file.display()));
    let mut command = cargo::command("openssl");
    command.args(["pkcs12", "-nokeys", "-passin", &password, "-in"]).arg(pfx).arg("-out").arg(&certificates);
    quietly(&mut command)?;
    Ok(certificates)
}

fn osslsigncode(task: &str) -> Command {
    let mut command = cargo::command("osslsigncode");
    command.arg(task);
    command
}

/// Runs `command` and shows what it printed only when it fails.
pub fn quietly(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot start {}", cargo::describe(command)))?;
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).trim().to_string());
    ensure!(output.status.success(), "{} failed:\n{}", cargo::describe(command), text.join("\n"));
    Ok(())
}
