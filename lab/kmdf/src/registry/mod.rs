//! Registry keys.

pub(crate) mod api;

use crate::abi::{REG_BINARY, REG_DWORD, REG_MULTI_SZ, REG_QWORD, REG_SZ};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A typed registry value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegValue {
    /// REG_DWORD.
    Dword(u32),
    /// REG_QWORD.
    Qword(u64),
    /// REG_SZ.
    Sz(String),
    /// REG_MULTI_SZ.
    MultiSz(Vec<String>),
    /// REG_BINARY.
    Binary(Vec<u8>),
}

impl RegValue {
    /// The REG_ type number.
    pub fn kind(&self) -> u32 {
        match self {
            RegValue::Dword(_) => REG_DWORD,
            RegValue::Qword(_) => REG_QWORD,
            RegValue::Sz(_) => REG_SZ,
            RegValue::MultiSz(_) => REG_MULTI_SZ,
            RegValue::Binary(_) => REG_BINARY,
        }
    }

    /// The data as the registry stores it; strings with their terminators.
    pub fn bytes(&self) -> Vec<u8> {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        match self {
            RegValue::Dword(value) => value.to_le_bytes().into(),
            RegValue::Qword(value) => value.to_le_bytes().into(),
            RegValue::Sz(text) => wide(&format!("{text}\0")),
            RegValue::MultiSz(texts) => {
                wide(&texts.iter().map(|t| format!("{t}\0")).chain(["\0".into()]).collect::<String>())
            }
            RegValue::Binary(bytes) => bytes.clone(),
        }
    }

    /// The value that a type number and data make; `None` for other types and for numbers of a wrong length.
    pub fn from_bytes(kind: u32, bytes: &[u8]) -> Option<RegValue> {
        let text = || {
            let units: Vec<u16> = bytes.chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect();
            String::from_utf16_lossy(&units)
        };
        Some(match kind {
            REG_DWORD => RegValue::Dword(u32::from_le_bytes(bytes.try_into().ok()?)),
            REG_QWORD => RegValue::Qword(u64::from_le_bytes(bytes.try_into().ok()?)),
            REG_SZ => RegValue::Sz(text().trim_end_matches('\0').into()),
            REG_MULTI_SZ => {
                RegValue::MultiSz(text().split('\0').filter(|t| !t.is_empty()).map(str::to_owned).collect())
            }
            REG_BINARY => RegValue::Binary(bytes.into()),
            _ => return None,
        })
    }
}

#[derive(Default)]
struct Key {
    /// By lower-case name: the name as it was set, and the value.
    values: BTreeMap<String, (String, RegValue)>,
    subkeys: BTreeMap<String, Registry>,
}

/// A registry key; clones are the same key. Names compare without case.
#[derive(Clone, Default)]
pub struct Registry(Arc<Mutex<Key>>);

impl Registry {
    /// An empty key.
    pub fn new() -> Registry {
        Registry::default()
    }

    fn with<R>(&self, f: impl FnOnce(&mut Key) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sets a value.
    pub fn set(&self, name: &str, value: RegValue) {
        self.with(|k| k.values.insert(name.to_lowercase(), (name.to_owned(), value)));
    }

    /// Reads a value.
    pub fn get(&self, name: &str) -> Option<RegValue> {
        self.with(|k| k.values.get(&name.to_lowercase()).map(|(_, value)| value.clone()))
    }

    /// Removes a value and returns it.
    pub fn remove(&self, name: &str) -> Option<RegValue> {
        self.with(|k| k.values.remove(&name.to_lowercase()).map(|(_, value)| value))
    }

    /// All values by name.
    pub fn values(&self) -> Vec<(String, RegValue)> {
        self.with(|k| k.values.values().cloned().collect())
    }

    /// The subkey `name`, made if absent.
    pub fn subkey(&self, name: &str) -> Registry {
        self.with(|k| k.subkeys.entry(name.to_lowercase()).or_default().clone())
    }

    /// The subkey `name` if it exists.
    pub fn find_subkey(&self, name: &str) -> Option<Registry> {
        self.with(|k| k.subkeys.get(&name.to_lowercase()).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_way_through_bytes() {
        for value in [
            RegValue::Dword(7),
            RegValue::Qword(1 << 40),
            RegValue::Sz("1514".into()),
            RegValue::MultiSz(vec!["a".into(), "bc".into()]),
            RegValue::Binary(vec![1, 2, 3]),
        ] {
            assert_eq!(RegValue::from_bytes(value.kind(), &value.bytes()), Some(value));
        }
        assert_eq!(RegValue::from_bytes(REG_DWORD, &[1, 2]), None);
    }

    #[test]
    fn names_compare_without_case_and_clones_are_the_same_key() {
        let key = Registry::new();
        key.clone().set("*TransmitBuffers", RegValue::Dword(512));
        assert_eq!(key.get("*transmitbuffers"), Some(RegValue::Dword(512)));
        key.subkey("Parameters").set("x", RegValue::Dword(1));
        assert_eq!(key.find_subkey("PARAMETERS").and_then(|k| k.get("X")), Some(RegValue::Dword(1)));
    }
}
