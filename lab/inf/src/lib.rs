//! Reads an INF or INX as Windows' set-up would for one device: which models it installs, which registry values the
//! device's software key starts with, and what the keywords of the Advanced page take.

mod keyword;
mod syntax;

pub use keyword::{Keyword, Kind};
pub use syntax::{Document, Line, SyntaxError};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Why an INF is of no use for a device.
#[derive(Debug, thiserror::Error)]
pub enum InfError {
    /// The file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is not an INF.
    #[error("{path}, {source}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: SyntaxError,
    },
    /// A section or entry is missing or wrong.
    #[error("{path}: {message}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

/// A registry value as an AddReg line gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// REG_SZ (also REG_EXPAND_SZ, which the lab does not expand).
    Text(String),
    /// REG_DWORD.
    Dword(u32),
    /// REG_BINARY.
    Binary(Vec<u8>),
    /// REG_MULTI_SZ.
    Texts(Vec<String>),
}

/// One line of a models section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Device description.
    pub description: String,
    /// Name of the DDInstall section, undecorated.
    pub install: String,
    /// Hardware id and compatible ids, upper case.
    pub ids: Vec<String>,
}

/// What a DDInstall section does, as far as a driver can see it.
#[derive(Clone, Debug, Default)]
pub struct Install {
    /// Keywords of `Ndi\params`, by the order of the file.
    pub keywords: Vec<Keyword>,
    /// Values of the device's software key beside the keywords.
    pub values: BTreeMap<String, Value>,
    /// File name of the service binary.
    pub service_binary: Option<String>,
    /// KMDF version the INF asks for; `None` while it is the INX token `$KMDFVERSION$`.
    pub kmdf_version: Option<(u16, u16)>,
    /// Most messages (MSI, MSI-X) that Windows asks the bus for; 0 = line interrupts only, the default of Windows.
    pub message_limit: u32,
}

/// A PCI function, as its configuration space names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PciId {
    /// Vendor, offset 0.
    pub vendor: u16,
    /// Device, offset 2.
    pub device: u16,
    /// Subsystem device (high half) and vendor (low half), offset 0x2C.
    pub subsystem: u32,
    /// Revision, offset 8.
    pub revision: u8,
}

impl PciId {
    /// The hardware ids of the function, the most exact first (windows-driver-docs, install/identifiers-for-pci-devices.md).
    pub fn hardware_ids(&self) -> [String; 4] {
        let PciId { vendor, device, subsystem, revision } = self;
        let base = format!("PCI\\VEN_{vendor:04X}&DEV_{device:04X}");
        [
            format!("{base}&SUBSYS_{subsystem:08X}&REV_{revision:02X}"),
            format!("{base}&SUBSYS_{subsystem:08X}"),
            format!("{base}&REV_{revision:02X}"),
            base,
        ]
    }
}

/// An INF with its models.
#[derive(Clone, Debug)]
pub struct Inf {
    path: PathBuf,
    document: Document,
    models: Vec<Model>,
}

impl Inf {
    /// Reads a file in UTF-8 or UTF-16 with a byte order mark; INX tokens are read as for amd64.
    ///
    /// # Errors
    /// [`InfError`] if it cannot be read, is no INF or installs no model.
    pub fn read(path: &Path) -> Result<Inf, InfError> {
        let bytes = std::fs::read(path).map_err(|source| InfError::Read { path: path.into(), source })?;
        Inf::parse(path, &decode(&bytes))
    }

    /// Reads INF text; `path` is only for messages.
    ///
    /// # Errors
    /// As [`Inf::read`].
    pub fn parse(path: &Path, text: &str) -> Result<Inf, InfError> {
        let text = text.replace("$ARCH$", "amd64");
        let document = Document::parse(&text).map_err(|source| InfError::Syntax { path: path.into(), source })?;
        let mut inf = Inf { path: path.into(), document, models: Vec::new() };
        let signature = inf.document.line("Version", "Signature").map(|l| l.value(0).to_owned());
        if !signature.is_some_and(|s| s.eq_ignore_ascii_case("$WINDOWS NT$")) {
            return Err(inf.content("[Version] has no Signature = \"$WINDOWS NT$\""));
        }
        inf.models = inf.read_models()?;
        Ok(inf)
    }

    /// Every model it installs on amd64.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// What it installs for a device: the model with the most exact id wins, as on Windows.
    ///
    /// # Errors
    /// [`InfError::Content`] if no model matches or its sections are faulty.
    pub fn install(&self, device: PciId) -> Result<Install, InfError> {
        let ids = device.hardware_ids();
        let model = ids.iter().find_map(|id| self.models.iter().find(|m| m.ids.contains(id)));
        match model {
            Some(model) => self.install_section(&model.install),
            None => {
                let known: Vec<_> = self.models.iter().flat_map(|m| m.ids.first()).map(String::as_str).collect();
                Err(self.content(format!("installs {}, not {}", known.join(", "), ids[3])))
            }
        }
    }

    fn content(&self, message: impl Into<String>) -> InfError {
        InfError::Content { path: self.path.clone(), message: message.into() }
    }

    /// `[Manufacturer]` names the models sections; a decoration for amd64 is preferred to one for every NT.
    fn read_models(&self) -> Result<Vec<Model>, InfError> {
        let manufacturers = self.document.section("Manufacturer").ok_or_else(|| self.content("no [Manufacturer]"))?;
        let mut models = Vec::new();
        for line in manufacturers {
            let decorations = &line.values[1..];
            let ours = |prefix: &str| decorations.iter().find(|d| d.to_lowercase().starts_with(prefix));
            let plain = |d: &&String| d.eq_ignore_ascii_case("nt") || d.to_lowercase().starts_with("nt.");
            let section = match ours("ntamd64").or_else(|| decorations.iter().find(plain)) {
                Some(decoration) => format!("{}.{decoration}", line.value(0)),
                None if decorations.is_empty() => line.value(0).to_owned(),
                None => continue,
            };
            let lines = self.document.section(&section).ok_or_else(|| self.content(format!("no [{section}]")))?;
            models.extend(lines.iter().filter(|l| l.values.len() >= 2).map(|l| Model {
                description: l.key.clone().unwrap_or_default(),
                install: l.value(0).to_owned(),
                ids: l.values[1..].iter().filter(|v| !v.is_empty()).map(|v| v.to_uppercase()).collect(),
            }));
        }
        if models.is_empty() {
            return Err(self.content("installs nothing on amd64"));
        }
        Ok(models)
    }

    /// The decorated form of a DDInstall section that Windows would take on amd64.
    fn decorated(&self, install: &str, suffix: &str) -> Option<String> {
        [".ntamd64", ".nt", ""]
            .into_iter()
            .map(|d| format!("{install}{d}{suffix}"))
            .find(|name| self.document.section(name).is_some())
    }

    /// What a DDInstall section does.
    ///
    /// # Errors
    /// [`InfError::Content`] if it or a section it names is absent or faulty.
    pub fn install_section(&self, install: &str) -> Result<Install, InfError> {
        let section = self.decorated(install, "").ok_or_else(|| self.content(format!("no [{install}] for amd64")))?;
        let mut result = Install { values: self.directives(&section)?, ..Install::default() };
        let mut params = Params::default();
        for name in self.listed(&section, "AddReg") {
            let lines = self.document.section(&name).ok_or_else(|| self.content(format!("no [{name}]")))?;
            for line in lines.iter().filter(|l| l.value(0).eq_ignore_ascii_case("HKR")) {
                let value = read_value(line).map_err(|e| self.content(format!("line {}: {e}", line.number)))?;
                if !params.take(line, &value) && line.value(1).is_empty() {
                    result.values.insert(line.value(2).to_owned(), value);
                }
            }
        }
        result.keywords = params.keywords().map_err(|e| self.content(e))?;
        result.service_binary = self.service_binary(install);
        result.kmdf_version = self.kmdf_version(install);
        result.message_limit = self.message_limit(install)?;
        Ok(result)
    }

    /// `MSISupported` and `MessageNumberLimit` of DDInstall.HW. Source: windows-driver-docs,
    /// kernel/enabling-message-signaled-interrupts-in-the-registry.md.
    fn message_limit(&self, install: &str) -> Result<u32, InfError> {
        const KEY: &str = "Interrupt Management\\MessageSignaledInterruptProperties";
        let (mut supported, mut limit) = (false, u32::MAX);
        let hardware = self.decorated(install, ".HW");
        for name in hardware.map_or(Vec::new(), |section| self.listed(&section, "AddReg")) {
            let lines = self.document.section(&name).ok_or_else(|| self.content(format!("no [{name}]")))?;
            for line in lines.iter().filter(|l| l.value(1).eq_ignore_ascii_case(KEY)) {
                let wanted = |name: &str| line.value(2).eq_ignore_ascii_case(name);
                if !wanted("MSISupported") && !wanted("MessageNumberLimit") {
                    continue;
                }
                let number = dword(line.value(4));
                let number = number.ok_or_else(|| self.content(format!("line {}: not a number", line.number)))?;
                if wanted("MSISupported") {
                    supported = number == 1;
                } else {
                    limit = number;
                }
            }
        }
        Ok(if supported { limit } else { 0 })
    }

    /// Names listed by every `key = a, b` line of a section.
    fn listed(&self, section: &str, key: &str) -> Vec<String> {
        let lines = self.document.section(section).unwrap_or_default();
        let ours = lines.iter().filter(|l| l.key.as_deref().is_some_and(|k| k.eq_ignore_ascii_case(key)));
        ours.flat_map(|l| l.values.iter().filter(|v| !v.is_empty()).cloned()).collect()
    }

    /// The numeric entries that the net class installer copies to the software key.
    fn directives(&self, section: &str) -> Result<BTreeMap<String, Value>, InfError> {
        let mut values = BTreeMap::new();
        for name in ["*IfType", "*MediaType", "*PhysicalMediaType", "Characteristics", "BusType"] {
            if let Some(line) = self.document.line(section, name) {
                let number = dword(line.value(0));
                let number =
                    number.ok_or_else(|| self.content(format!("line {}: {name} is not a number", line.number)))?;
                values.insert(name.to_owned(), Value::Dword(number));
            }
        }
        Ok(values)
    }

    fn service_binary(&self, install: &str) -> Option<String> {
        let services = self.decorated(install, ".Services")?;
        let service = self.document.line(&services, "AddService")?.value(2).to_owned();
        let path = self.document.line(&service, "ServiceBinary")?.value(0);
        path.rsplit('\\').next().map(Into::into)
    }

    fn kmdf_version(&self, install: &str) -> Option<(u16, u16)> {
        let wdf = self.decorated(install, ".Wdf")?;
        let section = self.document.line(&wdf, "KmdfService")?.value(1).to_owned();
        let (major, minor) = self.document.line(&section, "KmdfLibraryVersion")?.value(0).split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    }
}

/// The `Ndi\params` keys while they are collected.
#[derive(Default)]
struct Params {
    order: Vec<String>,
    values: BTreeMap<String, BTreeMap<String, String>>,
    choices: BTreeMap<String, Vec<(String, String)>>,
}

impl Params {
    /// Takes an AddReg line if it is about `Ndi\params`.
    fn take(&mut self, line: &Line, value: &Value) -> bool {
        const PREFIX: &str = "ndi\\params\\";
        let key = line.value(1);
        if !key.get(..PREFIX.len()).is_some_and(|k| k.eq_ignore_ascii_case(PREFIX)) {
            return false;
        }
        let text = match value {
            Value::Text(text) => text.clone(),
            Value::Dword(number) => number.to_string(),
            Value::Binary(_) | Value::Texts(_) => return true,
        };
        let (name, sub) = key[PREFIX.len()..].split_once('\\').unwrap_or((&key[PREFIX.len()..], ""));
        if !self.order.iter().any(|n| n.eq_ignore_ascii_case(name)) {
            self.order.push(name.to_owned());
        }
        let folded = name.to_lowercase();
        if sub.is_empty() {
            self.values.entry(folded).or_default().insert(line.value(2).to_lowercase(), text);
        } else if sub.eq_ignore_ascii_case("enum") {
            self.choices.entry(folded).or_default().push((line.value(2).to_owned(), text));
        }
        true
    }

    fn keywords(mut self) -> Result<Vec<Keyword>, String> {
        let none = BTreeMap::new();
        let mut keywords = Vec::new();
        for name in &self.order {
            let folded = name.to_lowercase();
            let choices = self.choices.remove(&folded).unwrap_or_default();
            keywords.push(Keyword::from_values(name, self.values.get(&folded).unwrap_or(&none), choices)?);
        }
        Ok(keywords)
    }
}

/// The value of an AddReg line `root, key, name, flags, value...`. Flags: windows-driver-docs,
/// install/inf-addreg-directive.md.
fn read_value(line: &Line) -> Result<Value, String> {
    const TYPE_MASK: u32 = 0xFFFF_0001;
    let flags = match line.value(3) {
        "" => 0,
        text => dword(text).ok_or_else(|| format!("flags are not a number: {text:?}"))?,
    };
    let values = line.values.get(4..).unwrap_or_default();
    let first = values.first().map_or("", String::as_str);
    match flags & TYPE_MASK {
        0x0000_0000 | 0x0002_0000 => Ok(Value::Text(first.to_owned())),
        0x0001_0000 => Ok(Value::Texts(values.to_vec())),
        0x0001_0001 if values.len() <= 1 => {
            dword(first).map(Value::Dword).ok_or_else(|| format!("not a 32-bit number: {first:?}"))
        }
        0x0000_0001 | 0x0001_0001 => {
            let byte = |v: &String| u8::from_str_radix(v, 16).map_err(|_| format!("not a byte: {v:?}"));
            let bytes = values.iter().map(byte).collect::<Result<Vec<_>, _>>()?;
            match <[u8; 4]>::try_from(bytes.as_slice()) {
                Ok(four) if flags & TYPE_MASK == 0x0001_0001 => Ok(Value::Dword(u32::from_le_bytes(four))),
                _ => Ok(Value::Binary(bytes)),
            }
        }
        other => Err(format!("registry type {other:#x} is not known")),
    }
}

/// A number as INF files write it: decimal, negative, or 0x and hexadecimal.
fn dword(text: &str) -> Option<u32> {
    let text = text.trim();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse::<u32>().ok().or_else(|| text.parse::<i32>().ok().map(i32::cast_unsigned)),
    }
}

/// Text in UTF-16 with a byte order mark, or else in UTF-8.
pub fn decode(bytes: &[u8]) -> String {
    let wide = |order: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|c| order([c[0], c[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xFF, 0xFE, ..] => wide(u16::from_le_bytes),
        [0xFE, 0xFF, ..] => wide(u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests;
