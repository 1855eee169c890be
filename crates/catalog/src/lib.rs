//! The catalogue (`.cat`) of a Windows driver package: a list of the package's files with their hashes, as Inf2Cat writes
//! it for packages of Windows 8 and later (catalogue version 2: each file by SHA-1 and by SHA-256).
//!
//! A catalogue is a PKCS #7 SignedData whose content is a certificate trust list ([MS-CAESO] 2.2). [`Catalog::to_der`]
//! leaves the signers empty: signing is the work of another tool. Members are byte for byte those of Microsoft-signed
//! catalogues (`tests/samples.rs`).

mod asn1;
mod authenticode;
mod read;

pub use authenticode::authenticode_bytes;
pub use read::{Entry, Listed};

use der::{Encode, asn1::UtcTime};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use std::time::Duration;

/// Why a catalogue cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are no catalogue of version 2, or a value has no place in one.
    #[error("not a catalogue: {0}")]
    Der(#[from] der::Error),
    /// An ASN.1 value that is well formed and not what a catalogue holds there.
    #[error("not a catalogue: {0}")]
    Content(&'static str),
    /// A file that is to be hashed as an image is none.
    #[error("{name} is no PE image: {reason}")]
    Image {
        /// The file.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// How a file is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A PE image: without checksum, certificate table and its directory entry, so that a signature does not change it.
    Image,
    /// Any other file: every byte.
    Flat,
}

impl Kind {
    /// What a file of this name is: `.sys`, `.dll` and `.exe` are images.
    pub fn of(name: &str) -> Kind {
        let name = name.to_ascii_lowercase();
        if [".sys", ".dll", ".exe"].iter().any(|end| name.ends_with(end)) { Kind::Image } else { Kind::Flat }
    }
}

/// A file of the package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    name: String,
    kind: Kind,
    sha1: [u8; 20],
    sha256: [u8; 32],
}

impl File {
    /// Hashes a file. Catalogues hold names in lower case.
    ///
    /// # Errors
    /// [`Error::Image`] if the name is an image's and the bytes are not.
    pub fn new(name: &str, bytes: &[u8]) -> Result<File, Error> {
        let kind = Kind::of(name);
        let (mut sha1, mut sha256) = (Sha1::new(), Sha256::new());
        let parts = match kind {
            Kind::Flat => vec![bytes],
            Kind::Image => {
                authenticode_bytes(bytes).map_err(|reason| Error::Image { name: name.to_owned(), reason })?.to_vec()
            }
        };
        for part in parts {
            sha1.update(part);
            sha256.update(part);
        }
        Ok(File {
            name: name.to_ascii_lowercase(),
            kind,
            sha1: sha1.finalize().into(),
            sha256: sha256.finalize().into(),
        })
    }
}

/// A catalogue before it is signed.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// The files.
    pub files: Vec<File>,
    /// Kernel versions for which the files are signed, for example `2:10.0`.
    pub os_versions: String,
    /// Text attributes of the whole catalogue in order, for example `OS` and `HWID1`.
    pub attributes: Vec<(String, String)>,
    /// Seconds since 1970 of its making.
    pub time: u64,
    /// Its name. Inf2Cat takes an arbitrary GUID.
    pub identifier: [u8; 16],
}

impl Catalog {
    /// A catalogue of `files`, named by their hashes, so that the same files give the same bytes.
    pub fn new(files: Vec<File>, os_versions: &str, attributes: Vec<(String, String)>, time: u64) -> Catalog {
        let mut hash = Sha256::new();
        files.iter().for_each(|file| hash.update(file.sha256));
        let mut identifier = [0; 16];
        identifier.copy_from_slice(&hash.finalize()[..16]);
        Catalog { files, os_versions: os_versions.to_owned(), attributes, time, identifier }
    }

    /// The certificate trust list.
    ///
    /// # Errors
    /// [`Error::Der`] for a text outside the Basic Multilingual Plane or a time after 2049.
    pub fn trust_list(&self) -> Result<Vec<u8>, Error> {
        let mut subjects = Vec::new();
        for file in &self.files {
            subjects.push(asn1::Subject::sha1(file, &self.os_versions)?);
            subjects.push(asn1::Subject::sha256(file, &self.os_versions)?);
        }
        subjects.sort_by(|a, b| a.hash.as_bytes().cmp(b.hash.as_bytes()));
        let extensions = self.attributes.iter().map(|(name, value)| asn1::Extension::new(name, value));
        let list = asn1::TrustList {
            usage: vec![asn1::CATALOG_LIST],
            identifier: der::asn1::OctetString::new(self.identifier)?,
            time: UtcTime::from_unix_duration(Duration::from_secs(self.time))?,
            algorithm: asn1::Algorithm::new(asn1::CATALOG_MEMBER_V2),
            subjects,
            extensions: Some(extensions.collect::<Result<_, _>>()?),
        };
        Ok(list.to_der()?)
    }

    /// The catalogue file, not yet signed.
    ///
    /// # Errors
    /// As [`Catalog::trust_list`].
    pub fn to_der(&self) -> Result<Vec<u8>, Error> {
        asn1::unsigned(&self.trust_list()?)
    }
}
