//! The ASN.1 of a catalogue. Sources: [MS-CAESO] 2.2 (trust list), wintrust.h and mscat.h of the Windows SDK (object
//! identifiers, CAT_NAMEVALUE, CAT_MEMBERINFO2), Microsoft's "Windows Authenticode Portable Executable Signature Format"
//! (SPC structures), RFC 2315 (PKCS #7).

use crate::{Error, File, Kind};
use der::{
    Any, Encode, Sequence, ValueOrd,
    asn1::{BmpString, Null, ObjectIdentifier, OctetString, SetOfVec, UtcTime},
};

/// szOID_CATALOG_LIST
pub const CATALOG_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.12.1.1");
/// szOID_CATALOG_LIST_MEMBER2
pub const CATALOG_MEMBER_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.12.1.3");
/// CAT_NAMEVALUE_OBJID
pub const NAME_VALUE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.12.2.1");
/// CAT_MEMBERINFO2_OBJID
pub const MEMBER_INFO_2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.12.2.3");
/// SPC_INDIRECT_DATA_OBJID
pub const INDIRECT_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.4");
/// SPC_PE_IMAGE_DATA_OBJID
pub const PE_IMAGE_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.15");
/// SPC_CAB_DATA_OBJID: what catalogues say of flat files
pub const FLAT_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.25");
/// szOID_CTL
pub const TRUST_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.10.1");
/// szOID_RSA_signedData
pub const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");

/// CRYPTCAT_ATTR_AUTHENTICATED | CRYPTCAT_ATTR_NAMEASCII | CRYPTCAT_ATTR_DATAASCII, as Inf2Cat sets them.
const ATTRIBUTE_FLAGS: u32 = 0x1001_0001;

#[derive(Sequence)]
pub struct TrustList {
    pub usage: Vec<ObjectIdentifier>,
    pub identifier: OctetString,
    pub time: UtcTime,
    pub algorithm: Algorithm,
    pub subjects: Vec<Subject>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub extensions: Option<Vec<Extension>>,
}

#[derive(Sequence)]
pub struct Algorithm {
    pub id: ObjectIdentifier,
    pub parameters: Null,
}

impl Algorithm {
    pub fn new(id: ObjectIdentifier) -> Self {
        Self { id, parameters: Null }
    }
}

/// One hash of one file.
#[derive(Sequence)]
pub struct Subject {
    pub hash: OctetString,
    pub attributes: SetOfVec<Attribute>,
}

#[derive(Sequence, ValueOrd)]
pub struct Attribute {
    pub id: ObjectIdentifier,
    pub values: SetOfVec<Any>,
}

/// CAT_NAMEVALUE
#[derive(Sequence)]
pub struct NameValue {
    pub name: BmpString,
    pub flags: u32,
    pub value: OctetString,
}

/// X.509 Extension without `critical`.
#[derive(Sequence)]
pub struct Extension {
    pub id: ObjectIdentifier,
    pub value: OctetString,
}

#[derive(Sequence)]
pub struct IndirectData {
    pub data: TypedValue,
    pub digest: DigestInfo,
}

#[derive(Sequence)]
pub struct TypedValue {
    pub id: ObjectIdentifier,
    pub value: Any,
}

#[derive(Sequence)]
pub struct DigestInfo {
    pub algorithm: Algorithm,
    pub digest: OctetString,
}

#[derive(Sequence)]
pub struct ContentInfo {
    pub id: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub content: Any,
}

/// SignedData of RFC 2315, where the content is a value and not an octet string.
#[derive(Sequence)]
struct Unsigned {
    version: u8,
    algorithms: SetOfVec<Any>,
    content: ContentInfo,
    signers: SetOfVec<Any>,
}

impl Attribute {
    fn new(id: ObjectIdentifier, value: Any) -> der::Result<Self> {
        Ok(Self { id, values: SetOfVec::from_iter([value])? })
    }
}

impl NameValue {
    fn new(name: &str, value: &str) -> der::Result<Self> {
        let value: Vec<u8> = value.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        Ok(Self { name: BmpString::from_utf8(name)?, flags: ATTRIBUTE_FLAGS, value: OctetString::new(value)? })
    }

    /// Name and value without the final zero; `None` for bytes that are no UTF-16.
    pub fn text(&self) -> Option<(String, String)> {
        let units: Vec<u16> = self.value.as_bytes().chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect();
        let value = String::from_utf16(units.strip_suffix(&[0]).unwrap_or(&units)).ok()?;
        Some((self.name.to_string(), value))
    }
}

impl Extension {
    pub fn new(name: &str, value: &str) -> der::Result<Self> {
        Ok(Self { id: NAME_VALUE, value: OctetString::new(NameValue::new(name, value)?.to_der()?)? })
    }
}

impl Subject {
    pub fn sha1(file: &File, os_versions: &str) -> der::Result<Self> {
        Ok(Self { hash: OctetString::new(file.sha1)?, attributes: attributes(file, os_versions)? })
    }

    pub fn sha256(file: &File, os_versions: &str) -> der::Result<Self> {
        let mut attributes = attributes(file, os_versions)?;
        attributes.insert(Attribute::new(INDIRECT_DATA, indirect_data(file)?)?)?;
        Ok(Self { hash: OctetString::new(file.sha256)?, attributes })
    }
}

/// What both entries of a file say.
fn attributes(file: &File, os_versions: &str) -> der::Result<SetOfVec<Attribute>> {
    SetOfVec::from_iter([
        Attribute::new(MEMBER_INFO_2, empty_choice(file.kind)?)?,
        Attribute::new(NAME_VALUE, Any::encode_from(&NameValue::new("OSAttr", os_versions)?)?)?,
        Attribute::new(NAME_VALUE, Any::encode_from(&NameValue::new("File", &file.name)?)?)?,
    ])
}

/// The member's subject type: an empty `[0]` for an image and `[2]` for a flat file.
fn empty_choice(kind: Kind) -> der::Result<Any> {
    let tag = match kind {
        Kind::Image => 0x80,
        Kind::Flat => 0x82,
    };
    any(&[tag, 0])
}

fn indirect_data(file: &File) -> der::Result<Any> {
    let data = match file.kind {
        // SpcPeImageData: flags "include resources", file an empty SpcString.
        Kind::Image => {
            TypedValue { id: PE_IMAGE_DATA, value: any(&[0x30, 10, 0x03, 2, 0x05, 0xA0, 0xA0, 4, 0xA2, 2, 0x80, 0])? }
        }
        // SpcLink: an empty file name.
        Kind::Flat => TypedValue { id: FLAT_DATA, value: any(&[0xA2, 2, 0x80, 0])? },
    };
    let digest = DigestInfo { algorithm: Algorithm::new(SHA256), digest: OctetString::new(file.sha256)? };
    Any::encode_from(&IndirectData { data, digest })
}

fn any(der: &[u8]) -> der::Result<Any> {
    der::Decode::from_der(der)
}

/// A SignedData around a trust list, without signers.
pub fn unsigned(trust_list: &[u8]) -> Result<Vec<u8>, Error> {
    let signed = Unsigned {
        version: 1,
        algorithms: SetOfVec::new(),
        content: ContentInfo { id: TRUST_LIST, content: any(trust_list)? },
        signers: SetOfVec::new(),
    };
    Ok(ContentInfo { id: SIGNED_DATA, content: Any::encode_from(&signed)? }.to_der()?)
}
