//! The decoder of self-describing events, as a trace tool has one.
//!
//! Format: the comments "ProviderMetadata" and "EventMetadata" in TraceLoggingDynamic.h (repository
//! microsoft/tracelogging); numbers and meaning of the types: `enum InType` and `enum OutType` there.

use super::ProviderId;
use std::fmt;

/// An event as a trace tool shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// Name of the provider.
    pub provider: String,
    /// Name of the event.
    pub name: String,
    /// Its fields in order.
    pub fields: Vec<(String, Value)>,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// An unsigned integer.
    Unsigned(u64),
    /// A signed integer.
    Signed(i64),
    /// A floating point number.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// Shown in hexadecimal.
    Hex(u64),
    /// An NTSTATUS.
    NtStatus(u32),
    /// Text.
    Text(String),
    /// A GUID.
    Guid(ProviderId),
    /// Anything else, as it lies in memory.
    Bytes(Vec<u8>),
    /// An array.
    List(Vec<Value>),
    /// A structure.
    Struct(Vec<(String, Value)>),
}

impl fmt::Display for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.name)?;
        self.fields.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Unsigned(value) => write!(f, "{value}"),
            Value::Signed(value) => write!(f, "{value}"),
            Value::Float(value) => write!(f, "{value}"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Hex(value) => write!(f, "{value:#x}"),
            Value::NtStatus(value) => write!(f, "{value:#010x}"),
            Value::Text(value) => write!(f, "{value:?}"),
            Value::Guid(value) => write!(f, "{value:?}"),
            Value::Bytes(value) => write!(f, "{value:02x?}"),
            Value::List(values) => write!(f, "{values:?}"),
            Value::Struct(fields) => write!(f, "{fields:?}"),
        }
    }
}

/// In-type byte: the type, how often it comes, and whether an out-type byte follows.
const TYPE: u8 = 0x1F;
const COUNT: u8 = 0x60;
const CONSTANT_COUNT: u8 = 0x20;
const VARIABLE_COUNT: u8 = 0x40;
const CHAIN: u8 = 0x80;
const STRUCT: u8 = 24;
const OUT_NTSTATUS: u8 = 14;
/// Structures in structures.
const DEEPEST: usize = 8;

/// Bytes that are taken from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or_else(|| format!("{len} bytes of {}", self.0.len()))?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    fn u16(&mut self) -> Result<u16, String> {
        Ok(u16::from_le_bytes(self.take(2)?.try_into().expect("two bytes")))
    }

    fn unsigned(&mut self, len: usize) -> Result<u64, String> {
        let mut bytes = [0; 8];
        bytes[..len].copy_from_slice(self.take(len)?);
        Ok(u64::from_le_bytes(bytes))
    }

    /// UTF-8 up to a NUL.
    fn name(&mut self) -> Result<String, String> {
        let len = self.0.iter().position(|byte| *byte == 0).ok_or("a name without end")?;
        let text = str::from_utf8(&self.take(len + 1)?[..len]).map_err(|e| e.to_string())?;
        Ok(text.to_owned())
    }

    fn tags(&mut self) -> Result<(), String> {
        while self.byte()? & 0x80 != 0 {}
        Ok(())
    }

    /// What follows the length that the bytes start with.
    fn sized(bytes: &'a [u8]) -> Result<Reader<'a>, String> {
        let mut reader = Reader(bytes);
        let len = reader.u16()?;
        if usize::from(len) != bytes.len() {
            return Err(format!("length {len} of {} bytes", bytes.len()));
        }
        Ok(reader)
    }
}

/// The name in the traits of a provider.
pub(super) fn provider_name(traits: &[u8]) -> Result<String, String> {
    let mut reader = Reader::sized(traits)?;
    let name = reader.name()?;
    if name.is_empty() {
        return Err("a provider without name".to_owned());
    }
    while !reader.0.is_empty() {
        // Size of the trait with this field, its type, its data.
        let size = usize::from(reader.u16()?);
        reader.take(size.checked_sub(2).filter(|rest| *rest > 0).ok_or("a trait without type")?)?;
    }
    Ok(name)
}

/// Metadata and values of an event. All of both is used, or the event is wrong.
pub(super) fn decode(traits: &[u8], metadata: &[u8], values: &[u8]) -> Result<Decoded, String> {
    let provider = provider_name(traits)?;
    let mut metadata = Reader::sized(metadata)?;
    metadata.tags()?;
    let name = metadata.name()?;
    if name.is_empty() {
        return Err("an event without name".to_owned());
    }
    let mut values = Reader(values);
    let mut fields = Vec::new();
    while !metadata.0.is_empty() {
        fields.push(field(&mut metadata, &mut values, 0)?);
    }
    if !values.0.is_empty() {
        return Err(format!("{} bytes behind the last value", values.0.len()));
    }
    Ok(Decoded { provider, name, fields })
}

fn field(metadata: &mut Reader<'_>, values: &mut Reader<'_>, depth: usize) -> Result<(String, Value), String> {
    let name = metadata.name()?;
    let input = metadata.byte()?;
    let output = if input & CHAIN == 0 { 0 } else { metadata.byte()? };
    if output & CHAIN != 0 {
        metadata.tags()?;
    }
    let output = output & !CHAIN;
    let constant = if input & COUNT == CONSTANT_COUNT { metadata.u16()? } else { 0 };
    let count = match input & COUNT {
        0 => None,
        CONSTANT_COUNT => Some(constant),
        VARIABLE_COUNT => Some(values.u16()?),
        _ => return Err(format!("{name}: a custom type")),
    };
    let members = Reader(metadata.0);
    let mut one = || {
        if input & TYPE == STRUCT {
            // The out type is the number of fields that follow; each element has them all.
            *metadata = Reader(members.0);
            let deeper = depth + 1;
            if deeper > DEEPEST || output == 0 {
                return Err(format!("{name}: a structure of {output} fields at depth {deeper}"));
            }
            (0..output).map(|_| field(metadata, values, deeper)).collect::<Result<_, _>>().map(Value::Struct)
        } else {
            scalar(input & TYPE, output, values).map_err(|e| format!("{name}: {e}"))
        }
    };
    let value = match count {
        None => one()?,
        Some(count) => Value::List((0..count).map(|_| one()).collect::<Result<_, _>>()?),
    };
    Ok((name, value))
}

fn scalar(input: u8, output: u8, values: &mut Reader<'_>) -> Result<Value, String> {
    Ok(match input {
        1 => Value::Text(wide_text(values)?),
        2 => Value::Text(values.name()?),
        3 => Value::Signed(i64::from(values.byte()? as i8)),
        4 => Value::Unsigned(values.unsigned(1)?),
        5 => Value::Signed(i64::from(values.unsigned(2)? as i16)),
        6 => Value::Unsigned(values.unsigned(2)?),
        7 => Value::Signed(i64::from(values.unsigned(4)? as i32)),
        8 => Value::Unsigned(values.unsigned(4)?),
        9 => Value::Signed(values.unsigned(8)? as i64),
        10 => Value::Unsigned(values.unsigned(8)?),
        11 => Value::Float(f32::from_bits(values.unsigned(4)? as u32).into()),
        12 => Value::Float(f64::from_bits(values.unsigned(8)?)),
        13 => Value::Bool(values.unsigned(4)? != 0),
        14 => Value::Bytes(counted(values)?.to_vec()),
        15 => Value::Guid(ProviderId(values.take(16)?.try_into().expect("16 bytes"))),
        // FILETIME, SYSTEMTIME.
        17 => Value::Unsigned(values.unsigned(8)?),
        18 => Value::Bytes(values.take(16)?.to_vec()),
        19 => sid(values)?,
        20 if output == OUT_NTSTATUS => Value::NtStatus(values.unsigned(4)? as u32),
        20 => Value::Hex(values.unsigned(4)?),
        21 => Value::Hex(values.unsigned(8)?),
        22 => {
            let units: Vec<u16> = counted(values)?
                .chunks(2)
                .map(|u| u16::from(u[0]) | u.get(1).map_or(0, |h| u16::from(*h) << 8))
                .collect();
            Value::Text(String::from_utf16(&units).map_err(|e| e.to_string())?)
        }
        23 => Value::Text(str::from_utf8(counted(values)?).map_err(|e| e.to_string())?.to_owned()),
        other => return Err(format!("type {other}")),
    })
}

fn wide_text(values: &mut Reader<'_>) -> Result<String, String> {
    let mut units = Vec::new();
    loop {
        match values.u16()? {
            0 => return String::from_utf16(&units).map_err(|e| e.to_string()),
            unit => units.push(unit),
        }
    }
}

fn counted<'a>(values: &mut Reader<'a>) -> Result<&'a [u8], String> {
    let len = values.u16()?;
    values.take(len.into())
}

/// Revision, number of subauthorities, authority, subauthorities.
fn sid(values: &mut Reader<'_>) -> Result<Value, String> {
    let count = *values.0.get(1).ok_or("a SID without length")?;
    Ok(Value::Bytes(values.take(8 + 4 * usize::from(count))?.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRAITS: &[u8] = b"\x08\0igbcx\0";

    fn sized(rest: &[u8]) -> Vec<u8> {
        let mut bytes = (rest.len() as u16 + 2).to_le_bytes().to_vec();
        bytes.extend(rest);
        bytes
    }

    /// Made by Microsoft's builder: package traceloggingdynamic 1.0.1 of PyPI, `reset(b'Sample', 4, 2, tag=0x21)` and one
    /// call of each `add_` function below, whose names stand in the fields.
    #[test]
    fn what_microsofts_builder_makes_is_decoded() {
        let metadata = sized(include_bytes!("sample.metadata"));
        let decoded = decode(TRAITS, &metadata, include_bytes!("sample.values")).unwrap();
        assert_eq!(
            decoded.to_string(),
            "igbcx/Sample zstr16=\"e\u{e4}\" zstr8=\"ab\" int8=-1 uint8=2 int16=-3 uint16=4 int32=-5 uint32=6 int64=-7 \
             uint64=8 float32=1.5 float64=-2.5 bool32=true binary=[01, 02] guid={4009cf12-9a2d-5f3c-b6ab-a615353226cb} \
             filetime=9 hexint32=0xa hexint64=0xb status=0xc0000001 str16=\"cd\" str8=\"ef\" \
             seq=[Unsigned(1), Unsigned(2)] struct=[(\"x\", Unsigned(3)), (\"y\", Text(\"z\"))]"
        );
    }

    #[test]
    fn every_cut_and_every_lie_is_an_error() {
        let metadata = sized(include_bytes!("sample.metadata"));
        let values = include_bytes!("sample.values");
        for len in 0..values.len() {
            assert!(decode(TRAITS, &metadata, &values[..len]).is_err(), "{len}");
        }
        let longer = [values.as_slice(), &[0]].concat();
        assert!(decode(TRAITS, &metadata, &longer).is_err());
        for len in 0..metadata.len() {
            assert!(decode(TRAITS, &metadata[..len], values).is_err());
            // The length says what the bytes are, but they end early.
            let cut = sized(&metadata[2..len.max(2)]);
            assert!(decode(TRAITS, &cut, values).is_err(), "{len}");
        }
        for traits in [&b""[..], b"\x03\0\0", b"\x04\0a", b"\x05\0ab", b"\x07\0a\0\x02\0\x01", b"\x06\0a\0\x03\0"] {
            assert!(provider_name(traits).is_err(), "{traits:?}");
        }
        let group = b"\x17\0a\0\x13\0\x010123456789abcdef";
        assert_eq!(provider_name(group).as_deref(), Ok("a"));
        // A structure within itself without end, a custom type, a type that does not exist.
        for field in [&b"s\0\x98\x01"[..], b"c\0\x61", b"t\0\x10", b"t\0\x1F"] {
            let metadata = sized(&[b"\0E\0", field].concat());
            assert!(decode(TRAITS, &metadata, &[0; 64]).is_err(), "{field:?}");
        }
    }
}
