//! The registry as NetConfiguration* shows it.
//!
//! Source: NetAdapterCx 21H2 `netcx/adapter/nxconfiguration.cpp`. An adapter's configuration goes through NDIS, which
//! converts between strings and numbers; a device's configuration is the plain key.

use super::adapter::{adapter, require_no_parent};
use super::{enter_passive, list};
use crate::bind::Client;
use crate::contract;
use crate::wdf;
use lab_kmdf::{RegValue, Registry};
use netadaptercx_sys::*;
use std::ptr::null_mut;
use wdk_sys::{
    NT_SUCCESS, NTSTATUS, PCUNICODE_STRING, PVOID, STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_SUCCESS, STATUS_UNSUCCESSFUL, UNICODE_STRING, WDF_OBJECT_ATTRIBUTES, WDFCOLLECTION, WDFDEVICE, WDFMEMORY,
    WDFOBJECT, WDFSTRING,
};

list! {
    NetAdapterOpenConfiguration, NetDeviceOpenConfiguration, NetConfigurationOpenSubConfiguration,
    NetConfigurationClose, NetConfigurationQueryUlong, NetConfigurationQueryString, NetConfigurationQueryMultiString,
    NetConfigurationQueryBinary, NetConfigurationQueryLinkLayerAddress, NetConfigurationAssignUlong,
    NetConfigurationAssignUnicodeString, NetConfigurationAssignBinary,
}

const STATUS_OBJECT_TYPE_MISMATCH: NTSTATUS = 0xC000_0024_u32 as i32;
const STATUS_BUFFER_OVERFLOW: NTSTATUS = 0x8000_0005_u32 as i32;
/// NDIS_MAX_PHYS_ADDRESS_LENGTH.
const LONGEST_ADDRESS: usize = 32;

/// Behind a NETCONFIGURATION.
struct Configuration {
    key: Registry,
    /// Opened from an adapter; else from a device.
    of_adapter: bool,
}

fn configuration(handle: NETCONFIGURATION) -> &'static Configuration {
    lab_kmdf::payload::<Configuration>(handle.cast())
}

/// # Safety
/// `text` is null or a valid UNICODE_STRING.
unsafe fn text_of(entry: &str, text: PCUNICODE_STRING) -> String {
    contract::not_null(entry, text);
    // SAFETY: not null; the caller vouches for the rest.
    let units = unsafe { std::slice::from_raw_parts((*text).Buffer, usize::from((*text).Length) / 2) };
    String::from_utf16_lossy(units)
}

/// Makes a NETCONFIGURATION below `parent`.
///
/// # Safety
/// `attributes` and `out` are a client's: valid, `attributes` perhaps null.
unsafe fn open(
    entry: &'static str,
    parent: WDFOBJECT,
    configuration: Configuration,
    attributes: *mut WDF_OBJECT_ATTRIBUTES,
    out: *mut NETCONFIGURATION,
) -> NTSTATUS {
    contract::not_null(entry, out.cast_const());
    // SAFETY: the caller vouches for both.
    unsafe {
        out.write(null_mut());
        require_no_parent(entry, attributes);
    }
    if let Some(status) = lab_kmdf::take_failure(entry) {
        return status;
    }
    // SAFETY: the caller vouches for the attributes.
    match unsafe { lab_kmdf::create_object("NETCONFIGURATION", attributes, parent, Box::new(configuration)) } {
        Ok(handle) => {
            // SAFETY: as above.
            unsafe { out.write(handle.cast()) };
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

unsafe extern "win64" fn NetAdapterOpenConfiguration(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETADAPTER,
    attributes: *mut WDF_OBJECT_ATTRIBUTES,
    out: *mut NETCONFIGURATION,
) -> NTSTATUS {
    let entry = "NetAdapterOpenConfiguration";
    enter_passive(entry, globals);
    let key = lab_kmdf::registry_of(adapter(handle).origin().device as WDFDEVICE);
    // SAFETY: a client's arguments.
    unsafe { open(entry, handle.cast(), Configuration { key, of_adapter: true }, attributes, out) }
}

unsafe extern "win64" fn NetDeviceOpenConfiguration(
    globals: PNET_DRIVER_GLOBALS,
    device: WDFDEVICE,
    attributes: *mut WDF_OBJECT_ATTRIBUTES,
    out: *mut NETCONFIGURATION,
) -> NTSTATUS {
    let entry = "NetDeviceOpenConfiguration";
    enter_passive(entry, globals);
    let key = lab_kmdf::registry_of(device);
    // SAFETY: a client's arguments.
    unsafe { open(entry, device.cast(), Configuration { key, of_adapter: false }, attributes, out) }
}

unsafe extern "win64" fn NetConfigurationOpenSubConfiguration(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETCONFIGURATION,
    name: PCUNICODE_STRING,
    attributes: *mut WDF_OBJECT_ATTRIBUTES,
    out: *mut NETCONFIGURATION,
) -> NTSTATUS {
    let entry = "NetConfigurationOpenSubConfiguration";
    enter_passive(entry, globals);
    let parent = configuration(handle);
    // SAFETY: a client's arguments.
    unsafe {
        let key = parent.key.subkey(&text_of(entry, name));
        open(entry, handle.cast(), Configuration { key, of_adapter: parent.of_adapter }, attributes, out)
    }
}

unsafe extern "win64" fn NetConfigurationClose(globals: PNET_DRIVER_GLOBALS, handle: NETCONFIGURATION) {
    enter_passive("NetConfigurationClose", globals);
    configuration(handle);
    lab_kmdf::delete_object(handle.cast());
}

/// The value of `name`, or the failure planned for this call.
///
/// # Safety
/// `name` is a client's.
unsafe fn read(entry: &'static str, key: &Registry, name: PCUNICODE_STRING) -> Result<RegValue, NTSTATUS> {
    if let Some(status) = lab_kmdf::take_failure(entry) {
        return Err(status);
    }
    // SAFETY: the caller vouches for it.
    key.get(&unsafe { text_of(entry, name) }).ok_or(STATUS_OBJECT_NAME_NOT_FOUND)
}

/// As RtlUnicodeStringToInteger with a base: leading blanks, a sign, digits until the first other character, no digit
/// is 0, and overflow wraps.
fn integer(text: &str, base: u32) -> u32 {
    let text = text.trim_start_matches(|c: char| c <= ' ');
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let value = digits
        .chars()
        .map_while(|c| c.to_digit(base))
        .fold(0u32, |sum, digit| sum.wrapping_mul(base).wrapping_add(digit));
    if negative { value.wrapping_neg() } else { value }
}

unsafe extern "win64" fn NetConfigurationQueryUlong(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETCONFIGURATION,
    flags: NET_CONFIGURATION_QUERY_ULONG_FLAGS,
    name: PCUNICODE_STRING,
    value: *mut ULONG,
) -> NTSTATUS {
    const HEX: i32 = _NET_CONFIGURATION_QUERY_ULONG_FLAGS::NET_CONFIGURATION_QUERY_ULONG_MAY_BE_STORED_AS_HEX_STRING;
    let entry = "NetConfigurationQueryUlong";
    enter_passive(entry, globals);
    contract::QUERY_ULONG_FLAGS
        .require(contract::only_flags(flags, HEX), flags as u64, 0, || format!("flags {flags:#x}"));
    contract::not_null(entry, value.cast_const());
    let configuration = configuration(handle);
    // SAFETY: a client's name.
    let read = unsafe { read(entry, &configuration.key, name) };
    let result = match read {
        Ok(RegValue::Dword(number)) => Ok(number),
        Ok(RegValue::Sz(text)) => Ok(integer(&text, if flags == HEX { 16 } else { 10 })),
        Ok(_) if configuration.of_adapter => Err(STATUS_OBJECT_TYPE_MISMATCH),
        Ok(_) => Err(STATUS_INVALID_PARAMETER),
        Err(status) => Err(status),
    };
    // SAFETY: not null; the client vouches that it is writable.
    unsafe { value.write(result.unwrap_or(0)) };
    result.err().unwrap_or(STATUS_SUCCESS)
}

/// The attributes for a new object: the client's, with a parent if they name none.
///
/// # Safety
/// `attributes` is null or valid.
unsafe fn with_parent(attributes: *const WDF_OBJECT_ATTRIBUTES, parent: WDFOBJECT) -> WDF_OBJECT_ATTRIBUTES {
    // SAFETY: the caller vouches for it.
    let mut copy = unsafe { attributes.as_ref() }.copied().unwrap_or(WDF_OBJECT_ATTRIBUTES {
        Size: size_of::<WDF_OBJECT_ATTRIBUTES>() as u32,
        ExecutionLevel: wdk_sys::_WDF_EXECUTION_LEVEL::WdfExecutionLevelInheritFromParent,
        SynchronizationScope: wdk_sys::_WDF_SYNCHRONIZATION_SCOPE::WdfSynchronizationScopeInheritFromParent,
        ..Default::default()
    });
    if copy.ParentObject.is_null() {
        copy.ParentObject = parent;
    }
    copy
}

/// # Safety
/// `attributes` and `out` are a client's.
unsafe fn make_string(
    client: Client,
    text: &str,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    parent: WDFOBJECT,
    out: *mut WDFSTRING,
) -> NTSTATUS {
    let mut units: Vec<u16> = text.encode_utf16().collect();
    let bytes = (units.len() * 2) as u16;
    let text = UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: units.as_mut_ptr() };
    // SAFETY: the caller vouches for its pointers; the text lives through the call.
    unsafe {
        let mut attributes = with_parent(attributes, parent);
        wdf::string_create(client.wdf_globals, &text, &mut attributes, out)
    }
}

unsafe extern "win64" fn NetConfigurationQueryString(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETCONFIGURATION,
    name: PCUNICODE_STRING,
    attributes: *mut WDF_OBJECT_ATTRIBUTES,
    out: *mut WDFSTRING,
) -> NTSTATUS {
    let entry = "NetConfigurationQueryString";
    let client = enter_passive(entry, globals);
    contract::not_null(entry, out.cast_const());
    // SAFETY: a client's arguments.
    match unsafe { read(entry, &configuration(handle).key, name) } {
        // SAFETY: as above.
        Ok(RegValue::Sz(text)) => unsafe { make_string(client, &text, attributes, handle.cast(), out) },
        Ok(_) => STATUS_OBJECT_TYPE_MISMATCH,
        Err(status) => status,
    }
}

unsafe extern "win64" fn NetConfigurationQueryMultiString(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETCONFIGURATION,
    name: PCUNICODE_STRING,
    attributes: *mut WDF_OBJECT_ATTRIBUTES,
    collection: WDFCOLLECTION,
) -> NTSTATUS {
    let entry = "NetConfigurationQueryMultiString";
    let client = enter_passive(entry, globals);
    // SAFETY: a client's arguments.
    let texts = match unsafe { read(entry, &configuration(handle).key, name) } {
        Ok(RegValue::MultiSz(texts)) => texts,
        Ok(_) => return STATUS_OBJECT_TYPE_MISMATCH,
        Err(status) => return status,
    };
    for text in texts {
        let mut string: WDFSTRING = null_mut();
        // SAFETY: as above; the string was made if the first call succeeded.
        let status = unsafe {
            let made = make_string(client, &text, attributes, collection.cast(), &mut string);
            if NT_SUCCESS(made) { wdf::collection_add(client.wdf_globals, collection, string.cast()) } else { made }
        };
        if !NT_SUCCESS(status) {
            return status;
        }
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn NetConfigurationQueryBinary(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETCONFIGURATION,
    name: PCUNICODE_STRING,
    pool_type: POOL_TYPE,
    attributes: *mut WDF_OBJECT_ATTRIBUTES,
    out: *mut WDFMEMORY,
) -> NTSTATUS {
    const STATUS_NOT_FOUND: NTSTATUS = 0xC000_0225_u32 as i32;
    let entry = "NetConfigurationQueryBinary";
    let client = enter_passive(entry, globals);
    contract::not_null(entry, out.cast_const());
    // SAFETY: a client's arguments.
    let bytes = match unsafe { read(entry, &configuration(handle).key, name) } {
        Ok(RegValue::Binary(bytes)) => bytes,
        Ok(_) => return STATUS_NOT_FOUND,
        Err(status) => return status,
    };
    let mut buffer: PVOID = null_mut();
    // SAFETY: as above; a made memory object has `bytes.len()` bytes at `buffer`.
    unsafe {
        let mut attributes = with_parent(attributes, handle.cast());
        let status = wdf::memory_create(client.wdf_globals, &mut attributes, pool_type, bytes.len(), out, &mut buffer);
        if NT_SUCCESS(status) {
            buffer.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
        status
    }
}

/// The bytes of "NetworkAddress": hexadecimal digits in pairs, perhaps with '-' between them.
fn network_address(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().filter(|c| *c != '-').map(|c| Some(c.to_digit(16)? as u8)).collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    (!digits.is_empty() && pairs.remainder().is_empty()).then(|| pairs.map(|p| p[0] << 4 | p[1]).collect())
}

unsafe extern "win64" fn NetConfigurationQueryLinkLayerAddress(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETCONFIGURATION,
    out: *mut NET_ADAPTER_LINK_LAYER_ADDRESS,
) -> NTSTATUS {
    let entry = "NetConfigurationQueryLinkLayerAddress";
    enter_passive(entry, globals);
    contract::not_null(entry, out.cast_const());
    let configuration = configuration(handle);
    contract::NOT_NULL.require(configuration.of_adapter, 0, 0, || format!("{entry} with a device's configuration"));
    if let Some(status) = lab_kmdf::take_failure(entry) {
        return status;
    }
    let Some(RegValue::Sz(text)) = configuration.key.get("NetworkAddress") else { return STATUS_UNSUCCESSFUL };
    let Some(bytes) = network_address(&text) else { return STATUS_UNSUCCESSFUL };
    if bytes.len() > LONGEST_ADDRESS {
        return STATUS_BUFFER_OVERFLOW;
    }
    let mut address = NET_ADAPTER_LINK_LAYER_ADDRESS { Length: bytes.len() as u16, ..Default::default() };
    address.Address[..bytes.len()].copy_from_slice(&bytes);
    // SAFETY: not null; the client vouches that it is writable.
    unsafe { out.write(address) };
    STATUS_SUCCESS
}

/// Sets a value, unless a failure is planned for this call.
///
/// # Safety
/// `name` is a client's.
unsafe fn assign(entry: &'static str, handle: NETCONFIGURATION, name: PCUNICODE_STRING, value: RegValue) -> NTSTATUS {
    if let Some(status) = lab_kmdf::take_failure(entry) {
        return status;
    }
    // SAFETY: the caller vouches for it.
    configuration(handle).key.set(&unsafe { text_of(entry, name) }, value);
    STATUS_SUCCESS
}

unsafe extern "win64" fn NetConfigurationAssignUlong(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETCONFIGURATION,
    name: PCUNICODE_STRING,
    value: ULONG,
) -> NTSTATUS {
    let entry = "NetConfigurationAssignUlong";
    enter_passive(entry, globals);
    // SAFETY: a client's arguments.
    unsafe { assign(entry, handle, name, RegValue::Dword(value)) }
}

unsafe extern "win64" fn NetConfigurationAssignUnicodeString(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETCONFIGURATION,
    name: PCUNICODE_STRING,
    value: PCUNICODE_STRING,
) -> NTSTATUS {
    let entry = "NetConfigurationAssignUnicodeString";
    enter_passive(entry, globals);
    // SAFETY: a client's arguments.
    unsafe { assign(entry, handle, name, RegValue::Sz(text_of(entry, value))) }
}

unsafe extern "win64" fn NetConfigurationAssignBinary(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETCONFIGURATION,
    name: PCUNICODE_STRING,
    buffer: PVOID,
    len: ULONG,
) -> NTSTATUS {
    let entry = "NetConfigurationAssignBinary";
    enter_passive(entry, globals);
    contract::not_null(entry, buffer.cast_const());
    // SAFETY: not null; the client vouches for `len` bytes.
    let bytes = unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), len as usize) }.to_vec();
    // SAFETY: a client's arguments.
    unsafe { assign(entry, handle, name, RegValue::Binary(bytes)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_become_numbers_as_in_the_kernel() {
        assert_eq!(integer("1514", 10), 1514);
        assert_eq!(integer("  7x", 10), 7);
        assert_eq!(integer("", 10), 0);
        assert_eq!(integer("junk", 10), 0);
        assert_eq!(integer("-1", 10), u32::MAX);
        assert_eq!(integer("1F", 16), 0x1f);
        assert_eq!(integer("4294967296", 10), 0);
    }

    #[test]
    fn network_addresses() {
        assert_eq!(network_address("02-00-5E-10-20-30"), Some(vec![2, 0, 0x5e, 0x10, 0x20, 0x30]));
        assert_eq!(network_address("02005e102030"), Some(vec![2, 0, 0x5e, 0x10, 0x20, 0x30]));
        assert_eq!(network_address(""), None);
        assert_eq!(network_address("123"), None);
        assert_eq!(network_address("zz"), None);
    }
}
