//! Reads a catalogue back, signed or not.

use crate::{
    Error, File,
    asn1::{
        Attribute, CATALOG_LIST, CATALOG_MEMBER_V2, ContentInfo, INDIRECT_DATA, IndirectData, NAME_VALUE, NameValue,
        SIGNED_DATA, TRUST_LIST, TrustList,
    },
};
use der::{Any, Decode, Encode, Reader, SliceReader};

/// What a catalogue says of one hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// SHA-1 (20 bytes) or SHA-256 (32 bytes) of the file.
    pub hash: Vec<u8>,
    /// Name of the file (`File`), in lower case.
    pub file: String,
    /// Kernel versions (`OSAttr`).
    pub os_versions: String,
}

/// A catalogue that was read.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its hashes, in its order.
    pub entries: Vec<Entry>,
    /// Text attributes of the whole catalogue.
    pub attributes: Vec<(String, String)>,
    /// Seconds since 1970 of its making.
    pub time: u64,
    /// Its name.
    pub identifier: Vec<u8>,
    /// The certificate trust list: what a signature covers.
    pub trust_list: Vec<u8>,
}

impl Listed {
    /// Reads a `.cat` file of version 2. Who signed it, and whether the signature holds, is not looked at.
    ///
    /// # Errors
    /// [`Error::Der`] or [`Error::Content`].
    pub fn from_der(bytes: &[u8]) -> Result<Listed, Error> {
        let outer = ContentInfo::from_der(bytes)?;
        if outer.id != SIGNED_DATA {
            return Err(Error::Content("it is no PKCS #7 SignedData"));
        }
        // SignedData: version, digest algorithms, content, then certificates and signers that are of no concern here.
        let mut signed = SliceReader::new(outer.content.value())?;
        u8::decode(&mut signed)?;
        Any::decode(&mut signed)?;
        let content = ContentInfo::decode(&mut signed)?;
        while !signed.is_finished() {
            Any::decode(&mut signed)?;
        }
        if content.id != TRUST_LIST {
            return Err(Error::Content("it signs no trust list"));
        }
        let trust_list = content.content.to_der()?;
        let list = TrustList::from_der(&trust_list)?;
        if list.usage != [CATALOG_LIST] || list.algorithm.id != CATALOG_MEMBER_V2 {
            return Err(Error::Content("its trust list is no catalogue of version 2"));
        }
        let entries = list.subjects.iter().map(|s| entry(s.hash.as_bytes(), s.attributes.as_slice()));
        let mut attributes = Vec::new();
        for extension in list.extensions.iter().flatten().filter(|extension| extension.id == NAME_VALUE) {
            attributes.push(text(&NameValue::from_der(extension.value.as_bytes())?)?);
        }
        Ok(Listed {
            entries: entries.collect::<Result<_, _>>()?,
            attributes,
            time: list.time.to_unix_duration().as_secs(),
            identifier: list.identifier.as_bytes().to_vec(),
            trust_list,
        })
    }

    /// Whether the catalogue vouches for `file`: its name with both of its hashes.
    pub fn vouches_for(&self, file: &File) -> bool {
        let named = |hash: &[u8]| self.entries.iter().any(|entry| entry.hash == hash && entry.file == file.name);
        named(&file.sha1) && named(&file.sha256)
    }
}

fn entry(hash: &[u8], attributes: &[Attribute]) -> Result<Entry, Error> {
    let mut entry = Entry { hash: hash.to_vec(), file: String::new(), os_versions: String::new() };
    for attribute in attributes {
        for value in attribute.values.iter() {
            if attribute.id == NAME_VALUE {
                let (name, value) = text(&value.decode_as::<NameValue>()?)?;
                match name.as_str() {
                    "File" => entry.file = value,
                    "OSAttr" => entry.os_versions = value,
                    _ => {}
                }
            } else if attribute.id == INDIRECT_DATA
                && value.decode_as::<IndirectData>()?.digest.digest.as_bytes() != hash
            {
                return Err(Error::Content("an entry's digest is not the one it is listed by"));
            }
        }
    }
    Ok(entry)
}

fn text(value: &NameValue) -> Result<(String, String), Error> {
    value.text().ok_or(Error::Content("an attribute is no text"))
}
