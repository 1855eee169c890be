//! The WdfRegistry entries (WDF fxregistryapi.cpp, fxregkey.cpp).

use super::{RegValue, Registry};
use crate::abi::*;
use crate::args::{Buffer, In, Out, Utf16, Utf16Out};
use crate::ddi::ddi;
use crate::object::attributes::{self, Allowed};
use crate::object::{delete_object, new_object, object, payload};
use lab_kernel::rules;
use wdk_sys::{
    NTSTATUS, STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS, ULONG, USHORT,
    WDF_OBJECT_ATTRIBUTES, WDFOBJECT,
};

rules! {
    REGISTRY_NAME: "Value and key names are valid UNICODE_STRINGs", "WDF fxvalidatefunctions.cpp FxValidateUnicodeString";
}

/// Payload of WDFKEY.
struct RegKey(Registry);

/// Makes a WDFKEY below `parent` unless the attributes name another parent.
pub(crate) fn open_key(
    registry: &Registry,
    parent: WDFOBJECT,
    attributes: In<WDF_OBJECT_ATTRIBUTES>,
    key: Out<WDFKEY>,
) -> NTSTATUS {
    key.require("Key");
    let made = attributes::read(attributes, Allowed::PARENT).and_then(|attributes| {
        new_object("WDFKEY", attributes.as_ref(), parent, object(parent).globals, Box::new(RegKey(registry.clone())))
    });
    match made {
        Ok(handle) => {
            key.set(handle.cast(), "Key");
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

fn name_of(name: Utf16, what: &'static str) -> Result<String, NTSTATUS> {
    let text = name.text(what);
    REGISTRY_NAME.check(text.is_some(), || what.into());
    text.ok_or(STATUS_INVALID_PARAMETER)
}

fn value_of(key: WDFKEY, name: Utf16) -> Result<RegValue, NTSTATUS> {
    let registry = &payload::<RegKey>(key.cast()).0;
    registry.get(&name_of(name, "ValueName")?).ok_or(STATUS_OBJECT_NAME_NOT_FOUND)
}

fn assign(key: WDFKEY, name: Utf16, value: Option<RegValue>) -> NTSTATUS {
    let registry = &payload::<RegKey>(key.cast()).0;
    match (name_of(name, "ValueName"), value) {
        (Ok(name), Some(value)) => {
            registry.set(&name, value);
            STATUS_SUCCESS
        }
        (Err(status), _) => status,
        (_, None) => STATUS_INVALID_PARAMETER,
    }
}

ddi! {
    fn WdfRegistryOpenKey(
        PASSIVE_LEVEL; parent: WDFKEY, name: Utf16, _access: ULONG, attributes: In<WDF_OBJECT_ATTRIBUTES>, key: Out<WDFKEY>,
    ) -> NTSTATUS {
        let registry = &payload::<RegKey>(parent.cast()).0;
        match name_of(name, "KeyName").and_then(|n| registry.find_subkey(&n).ok_or(STATUS_OBJECT_NAME_NOT_FOUND)) {
            Ok(found) => open_key(&found, object(parent.cast()).parent.get() as WDFOBJECT, attributes, key),
            Err(status) => status,
        }
    }

    fn WdfRegistryCreateKey(
        PASSIVE_LEVEL; parent: WDFKEY, name: Utf16, _access: ULONG, _options: ULONG, disposition: Out<ULONG>,
        attributes: In<WDF_OBJECT_ATTRIBUTES>, key: Out<WDFKEY>,
    ) -> NTSTATUS {
        const CREATED_NEW_KEY: ULONG = 1;
        const OPENED_EXISTING_KEY: ULONG = 2;
        let registry = &payload::<RegKey>(parent.cast()).0;
        let name = match name_of(name, "KeyName") {
            Ok(name) => name,
            Err(status) => return status,
        };
        let existed = registry.find_subkey(&name).is_some();
        disposition.set_opt(if existed { OPENED_EXISTING_KEY } else { CREATED_NEW_KEY });
        open_key(&registry.subkey(&name), object(parent.cast()).parent.get() as WDFOBJECT, attributes, key)
    }

    fn WdfRegistryClose(PASSIVE_LEVEL; key: WDFKEY) {
        payload::<RegKey>(key.cast());
        delete_object(key.cast());
    }

    fn WdfRegistryQueryULong(PASSIVE_LEVEL; key: WDFKEY, name: Utf16, value: Out<ULONG>) -> NTSTATUS {
        value.require("Value");
        match value_of(key, name) {
            Ok(RegValue::Dword(found)) => {
                value.set(found, "Value");
                STATUS_SUCCESS
            }
            Ok(_) => STATUS_OBJECT_TYPE_MISMATCH,
            Err(status) => status,
        }
    }

    fn WdfRegistryQueryValue(
        PASSIVE_LEVEL; key: WDFKEY, name: Utf16, length: ULONG, buffer: Buffer, queried: Out<ULONG>, kind: Out<ULONG>,
    ) -> NTSTATUS {
        let value = match value_of(key, name) {
            Ok(value) => value,
            Err(status) => return status,
        };
        let bytes = value.bytes();
        queried.set_opt(bytes.len() as ULONG);
        kind.set_opt(value.kind());
        if buffer.is_null() || bytes.len() > length as usize {
            return STATUS_BUFFER_OVERFLOW;
        }
        buffer.write(&bytes);
        STATUS_SUCCESS
    }

    fn WdfRegistryQueryUnicodeString(
        PASSIVE_LEVEL; key: WDFKEY, name: Utf16, byte_length: Out<USHORT>, string: Utf16Out,
    ) -> NTSTATUS {
        let value = match value_of(key, name) {
            Ok(value) => value,
            Err(status) => return status,
        };
        if !string.is_null() && string.maximum() == 0 {
            return STATUS_INVALID_PARAMETER;
        }
        if !matches!(value.kind(), REG_SZ | REG_EXPAND_SZ) {
            return STATUS_OBJECT_TYPE_MISMATCH;
        }
        let bytes = value.bytes();
        byte_length.set_opt(u16::try_from(bytes.len()).unwrap_or(u16::MAX));
        if string.is_null() || bytes.len() > string.maximum() {
            return STATUS_BUFFER_OVERFLOW;
        }
        string.write(&bytes.chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect::<Vec<_>>());
        STATUS_SUCCESS
    }

    fn WdfRegistryAssignULong(PASSIVE_LEVEL; key: WDFKEY, name: Utf16, value: ULONG) -> NTSTATUS {
        assign(key, name, Some(RegValue::Dword(value)))
    }

    fn WdfRegistryAssignUnicodeString(PASSIVE_LEVEL; key: WDFKEY, name: Utf16, value: Utf16) -> NTSTATUS {
        assign(key, name, value.text("Value").map(RegValue::Sz))
    }

    fn WdfRegistryAssignValue(
        PASSIVE_LEVEL; key: WDFKEY, name: Utf16, kind: ULONG, length: ULONG, value: Buffer,
    ) -> NTSTATUS {
        assign(key, name, RegValue::from_bytes(kind, &value.read(length as usize)))
    }

    fn WdfRegistryRemoveValue(PASSIVE_LEVEL; key: WDFKEY, name: Utf16) -> NTSTATUS {
        let registry = &payload::<RegKey>(key.cast()).0;
        match name_of(name, "ValueName") {
            Ok(name) if registry.remove(&name).is_some() => STATUS_SUCCESS,
            Ok(_) => STATUS_OBJECT_NAME_NOT_FOUND,
            Err(status) => status,
        }
    }
}
