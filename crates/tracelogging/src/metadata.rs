//! The descriptions that go with provider and event, as bytes.
//!
//! Format: the comments "ProviderMetadata" and "EventMetadata" in TraceLoggingDynamic.h (repository
//! microsoft/tracelogging, `etw/cpp/traceloggingdynamic`). Type numbers: enums TlgIn_t and TlgOut_t of the SDK's
//! TraceLoggingProvider.h.

/// What a field of an event holds, and how it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// u32.
    U32,
    /// u32, false when zero.
    Bool32,
    /// NTSTATUS.
    NtStatus,
    /// u64, shown in hexadecimal.
    Hex64,
}

/// In the byte of the input type: a byte with the output type follows.
const CHAIN: u8 = 0x80;

impl Type {
    /// Input type, and output type where it is not the input type's own.
    const fn numbers(self) -> (u8, Option<u8>) {
        match self {
            Type::U32 => (8, None),
            Type::Bool32 => (13, None),
            Type::NtStatus => (20, Some(14)),
            Type::Hex64 => (21, None),
        }
    }

    /// Bytes of a value.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Type::U32 | Type::Bool32 | Type::NtStatus => 4,
            Type::Hex64 => 8,
        }
    }
}

/// A field of an event.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    name: &'static str,
    kind: Type,
}

impl Field {
    /// A field; the name may not contain NUL.
    #[must_use]
    pub const fn new(name: &'static str, kind: Type) -> Self {
        Self { name, kind }
    }
}

/// Bytes of the values of `fields`, one after the other.
#[must_use]
pub const fn payload_size(fields: &[Field]) -> usize {
    let (mut size, mut i) = (0, 0);
    while i < fields.len() {
        size += fields[i].kind.size();
        i += 1;
    }
    size
}

/// Bytes of [`provider`].
#[must_use]
pub const fn provider_size(name: &str) -> usize {
    2 + name.len() + 1
}

/// The provider's traits: its name. `SIZE` is [`provider_size`].
#[must_use]
pub const fn provider<const SIZE: usize>(name: &str) -> [u8; SIZE] {
    Writer::new().text(name).finish()
}

/// Bytes of [`event`].
#[must_use]
pub const fn event_size(name: &str, fields: &[Field]) -> usize {
    let (mut size, mut i) = (2 + 1 + name.len() + 1, 0);
    while i < fields.len() {
        let (_, output) = fields[i].kind.numbers();
        size += fields[i].name.len() + 1 + if output.is_some() { 2 } else { 1 };
        i += 1;
    }
    size
}

/// An event's name and fields, without tags. `SIZE` is [`event_size`].
#[must_use]
pub const fn event<const SIZE: usize>(name: &str, fields: &[Field]) -> [u8; SIZE] {
    let mut writer = Writer::new().byte(0).text(name);
    let mut i = 0;
    while i < fields.len() {
        writer = writer.text(fields[i].name);
        writer = match fields[i].kind.numbers() {
            (input, None) => writer.byte(input),
            (input, Some(output)) => writer.byte(input | CHAIN).byte(output),
        };
        i += 1;
    }
    writer.finish()
}

/// Fills the bytes behind the length that every description starts with.
struct Writer<const SIZE: usize> {
    bytes: [u8; SIZE],
    at: usize,
}

impl<const SIZE: usize> Writer<SIZE> {
    const fn new() -> Self {
        Self { bytes: [0; SIZE], at: 2 }
    }

    const fn byte(mut self, byte: u8) -> Self {
        self.bytes[self.at] = byte;
        self.at += 1;
        self
    }

    /// UTF-8 with a NUL behind it.
    const fn text(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        let mut i = 0;
        while i < text.len() {
            assert!(text[i] != 0, "a NUL ends the name");
            self = self.byte(text[i]);
            i += 1;
        }
        self.byte(0)
    }

    const fn finish(mut self) -> [u8; SIZE] {
        assert!(self.at == SIZE && SIZE <= u16::MAX as usize, "the size is not that of the description");
        [self.bytes[0], self.bytes[1]] = (SIZE as u16).to_le_bytes();
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [Field; 4] = [
        Field::new("Station", Type::Hex64),
        Field::new("Speed", Type::U32),
        Field::new("FullDuplex", Type::Bool32),
        Field::new("Status", Type::NtStatus),
    ];

    /// The same event described by Microsoft's own builder: package traceloggingdynamic 1.0.1 of PyPI,
    /// `reset(b'LinkUp', 4, 2)` and `add_hexint64`, `add_uint32`, `add_bool32`, `add_hexint32(.., OutType.NTSTATUS)`;
    /// that package leaves the length to its `write`.
    const BY_MICROSOFT: &[u8] = b"\0LinkUp\0Station\0\x15Speed\0\x08FullDuplex\0\x0dStatus\0\x94\x0e";

    #[test]
    fn an_event_is_described_as_microsofts_builder_does() {
        const SIZE: usize = event_size("LinkUp", &FIELDS);
        let bytes = event::<SIZE>("LinkUp", &FIELDS);
        assert_eq!(bytes[..2], (SIZE as u16).to_le_bytes());
        assert_eq!(bytes[2..], *BY_MICROSOFT);
        assert_eq!(payload_size(&FIELDS), 20);
    }

    #[test]
    fn an_event_may_have_no_fields() {
        assert_eq!(event::<{ event_size("Up", &[]) }>("Up", &[]), *b"\x06\0\0Up\0");
    }

    #[test]
    fn a_provider_is_described_by_its_name() {
        assert_eq!(provider::<{ provider_size("igbcx") }>("igbcx"), *b"\x08\0igbcx\0");
    }
}
