//! The version resource of igbcx.sys: what Explorer, `driverquery` and a crash dump say of the file.
//!
//! It is written as a `.res` file, which link.exe and lld take as they take object files, so that no resource compiler is
//! needed. Layouts: Microsoft's menurc/vs-versioninfo.md, stringfileinfo.md, varfileinfo.md, resource-file-formats.md and
//! verrsrc.h of the Windows SDK.

/// US English in UTF-16: the only language there is.
const LANGUAGE: u16 = 0x0409;
const CODE_PAGE: u16 = 1200;

/// A `.res` file with the version resource of igbcx.sys.
///
/// # Panics
/// `version` is not Cargo's `major.minor.patch`.
pub fn driver(version: &str) -> Vec<u8> {
    let numbers = numbers(version);
    let text = numbers.map(|number| number.to_string()).join(".");
    let strings = [
        ("CompanyName", "igbcx"),
        ("FileDescription", "NetAdapterCx driver for Intel 82576 network adapters"),
        ("FileVersion", &text),
        ("InternalName", "igbcx.sys"),
        ("LegalCopyright", "The igbcx authors; MIT OR Apache-2.0"),
        ("OriginalFilename", "igbcx.sys"),
        ("ProductName", "igbcx"),
        ("ProductVersion", &text),
    ];
    let info = version_info(numbers, &strings);
    // The empty resource by which a 32-bit .res file is known, then ours.
    [resource(0, 0, 0, 0, &[]), resource(RT_VERSION, 1, MOVEABLE_PURE, LANGUAGE, &info)].concat()
}

/// `0.1.2` as the four numbers that Windows wants: 0.1.2.0.
///
/// # Panics
/// `version` is not Cargo's `major.minor.patch`.
pub fn numbers(version: &str) -> [u16; 4] {
    let parts: Vec<u16> = version.split('.').map(|part| part.parse().expect("a version is of small numbers")).collect();
    let [major, minor, patch] = parts[..] else { panic!("{version} is not major.minor.patch") };
    [major, minor, patch, 0]
}

const RT_VERSION: u16 = 16;
const MOVEABLE_PURE: u16 = 0x0030;

/// RESOURCEHEADER with numbers for type and name, and the data.
fn resource(kind: u16, name: u16, flags: u16, language: u16, data: &[u8]) -> Vec<u8> {
    const HEADER: u32 = 32;
    let mut out = Vec::new();
    out.extend((data.len() as u32).to_le_bytes());
    out.extend(HEADER.to_le_bytes());
    for word in [0xFFFF, kind, 0xFFFF, name] {
        out.extend(word.to_le_bytes());
    }
    out.extend([0; 4]); // DataVersion
    out.extend(flags.to_le_bytes());
    out.extend(language.to_le_bytes());
    out.extend([0; 8]); // Version, Characteristics
    out.extend(data);
    align(&mut out);
    out
}

/// VS_VERSIONINFO.
fn version_info(numbers: [u16; 4], strings: &[(&str, &str)]) -> Vec<u8> {
    let table: Vec<Vec<u8>> = strings.iter().map(|(name, value)| string(name, value)).collect();
    let table = block(&format!("{LANGUAGE:04x}{CODE_PAGE:04x}"), TEXT, 0, &[], &table);
    let translation = [LANGUAGE.to_le_bytes(), CODE_PAGE.to_le_bytes()].concat();
    let translation = block("Translation", BINARY, 4, &translation, &[]);
    let children =
        [block("StringFileInfo", TEXT, 0, &[], &[table]), block("VarFileInfo", TEXT, 0, &[], &[translation])];
    let fixed = fixed_info(numbers);
    block("VS_VERSION_INFO", BINARY, fixed.len() as u16, &fixed, &children)
}

/// VS_FIXEDFILEINFO.
fn fixed_info(numbers: [u16; 4]) -> Vec<u8> {
    const SIGNATURE: u32 = 0xFEEF_04BD;
    const STRUCTURE_VERSION: u32 = 0x0001_0000;
    const FLAGS_MASK: u32 = 0x3F;
    const VOS_NT_WINDOWS32: u32 = 0x0004_0004;
    const VFT_DRV: u32 = 3;
    const VFT2_DRV_NETWORK: u32 = 6;
    let high = u32::from(numbers[0]) << 16 | u32::from(numbers[1]);
    let low = u32::from(numbers[2]) << 16 | u32::from(numbers[3]);
    let fields = [
        SIGNATURE,
        STRUCTURE_VERSION,
        high,
        low,
        high,
        low,
        FLAGS_MASK,
        0,
        VOS_NT_WINDOWS32,
        VFT_DRV,
        VFT2_DRV_NETWORK,
        0,
        0,
    ];
    fields.iter().flat_map(|field| field.to_le_bytes()).collect()
}

const BINARY: u16 = 0;
const TEXT: u16 = 1;

/// A String of a StringTable: its value's length counts UTF-16 units, with the final zero.
fn string(name: &str, value: &str) -> Vec<u8> {
    let value = utf16(value);
    block(name, TEXT, (value.len() / 2) as u16, &value, &[])
}

/// The form that all parts of a version resource share: length, value's length, type, key, value, children.
fn block(key: &str, kind: u16, value_length: u16, value: &[u8], children: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![0; 2];
    out.extend(value_length.to_le_bytes());
    out.extend(kind.to_le_bytes());
    out.extend(utf16(key));
    align(&mut out);
    out.extend(value);
    for child in children {
        align(&mut out);
        out.extend(child);
    }
    let length = out.len() as u16;
    out[..2].copy_from_slice(&length.to_le_bytes());
    out
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

fn align(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_an_empty_resource_and_ours() {
        let file = driver("1.2.3");
        assert_eq!(file[..16], [0, 0, 0, 0, 32, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF, 0, 0]);
        let size = u32::from_le_bytes(file[32..36].try_into().unwrap()) as usize;
        assert_eq!(file.len(), 64 + size.next_multiple_of(4));
        assert_eq!(file[40..44], [0xFF, 0xFF, 16, 0]);
        let length = u16::from_le_bytes(file[64..66].try_into().unwrap());
        assert_eq!(usize::from(length), size);
    }

    #[test]
    fn fixed_information_holds_the_version_twice() {
        let info = version_info([1, 2, 3, 0], &[]);
        let fixed = info.windows(4).position(|window| window == 0xFEEF_04BD_u32.to_le_bytes()).unwrap();
        assert_eq!(fixed % 4, 0);
        let version = [2, 0, 1, 0, 0, 0, 3, 0];
        assert_eq!(info[fixed + 8..fixed + 24], [version, version].concat());
    }

    #[test]
    #[should_panic(expected = "not major.minor.patch")]
    fn other_versions_are_refused() {
        numbers("1.2");
    }
}
