//! What Windows 11 demands of the image, one function for each demand.

use crate::{
    bind_record,
    damage::{Damage, optional_u16, optional_u32, replace, section_flags, set_directory, set_u16, set_u32},
    pe::{Image, debug_entries, imports, subsystem},
};
use object::{LittleEndian as LE, pe, read::pe::ResourceDirectoryEntryData};
use std::{collections::BTreeSet, io::Cursor};

/// A demand, how it is checked, and damaged images that show the check can fail.
pub struct Check {
    /// The demand.
    pub name: &'static str,
    /// Says what is wrong with an image that does not meet it.
    pub run: fn(&Image) -> Result<(), String>,
    /// Images that do not meet it.
    pub damage: &'static [Damage],
}

/// Every demand.
pub const CHECKS: [Check; 20] = [
    Check {
        name: "an x64 or ARM64 program, not a library",
        run: machine,
        damage: &[
            ("machine x86", |image| set_u16(image, image.signature_at() + 4, pe::IMAGE_FILE_MACHINE_I386)),
            ("the library flag", |image| {
                let flags = image.signature_at() + 22;
                set_u16(image, flags, image.u16_at(flags) | pe::IMAGE_FILE_DLL);
            }),
        ],
    },
    Check {
        name: "native subsystem 10.0",
        run: native,
        damage: &[
            ("console subsystem", |image| optional_u16(image, 68, |_| pe::IMAGE_SUBSYSTEM_WINDOWS_CUI)),
            ("subsystem 6.0", |image| optional_u16(image, 48, |_| 6)),
        ],
    },
    Check {
        name: "NX, ASLR with high entropy, forced integrity",
        run: characteristics,
        damage: &[
            ("no NX", |image| optional_u16(image, 70, |flags| flags & !pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT)),
            ("no ASLR", |image| optional_u16(image, 70, |flags| flags & !pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE)),
            ("32-bit ASLR", |image| {
                optional_u16(image, 70, |flags| flags & !pe::IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA);
            }),
            ("no integrity check", |image| {
                optional_u16(image, 70, |flags| flags & !pe::IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY);
            }),
            ("terminal server aware", |image| {
                optional_u16(image, 70, |flags| flags | pe::IMAGE_DLLCHARACTERISTICS_TERMINAL_SERVER_AWARE);
            }),
        ],
    },
    Check {
        name: "imports only what Windows 11 21H2 exports",
        run: only_known_imports,
        damage: &[
            ("an unknown name", |image| replace(image, b"\0RtlCopyUnicodeString\0", b"\0RtlCopyUnicodeStrinh\0")),
            ("an unknown module", |image| replace(image, b"ntoskrnl.exe\0", b"ntoskrnm.exe\0")),
            ("an import by ordinal", |image| {
                let (table, _) = image.directory(pe::IMAGE_DIRECTORY_ENTRY_IMPORT).expect("there are imports");
                let names = image.file_offset(table).map(|descriptor| image.u32_at(descriptor));
                let thunk = names.and_then(|names| image.file_offset(names)).expect("the lookup table is in the file");
                set_u32(image, thunk + 4, 0x8000_0000);
            }),
        ],
    },
    Check {
        name: "no section writable and executable",
        run: no_writable_code,
        damage: &[
            (".text writable", |image| section_flags(image, ".text", |flags| flags | pe::IMAGE_SCN_MEM_WRITE)),
            (".data executable", |image| section_flags(image, ".data", |flags| flags | pe::IMAGE_SCN_MEM_EXECUTE)),
        ],
    },
    Check {
        name: "code is never paged out",
        run: code_stays,
        damage: &[(".text pageable", |image| {
            section_flags(image, ".text", |flags| flags & !pe::IMAGE_SCN_MEM_NOT_PAGED);
        })],
    },
    Check {
        name: "INIT and relocations are discarded after DriverEntry, and nothing else",
        run: discarded,
        damage: &[
            ("INIT kept", |image| section_flags(image, "INIT", |flags| flags & !pe::IMAGE_SCN_MEM_DISCARDABLE)),
            (".text discarded", |image| section_flags(image, ".text", |flags| flags | pe::IMAGE_SCN_MEM_DISCARDABLE)),
        ],
    },
    Check {
        name: "sections on pages of their own",
        run: alignment,
        damage: &[("sections 512 apart", |image| optional_u32(image, 32, |_| 512))],
    },
    Check {
        name: "relocatable",
        run: relocatable,
        damage: &[
            ("no relocations", |image| set_directory(image, pe::IMAGE_DIRECTORY_ENTRY_BASERELOC, 0, 0)),
            ("marked as stripped", |image| {
                let flags = image.signature_at() + 22;
                set_u16(image, flags, image.u16_at(flags) | pe::IMAGE_FILE_RELOCS_STRIPPED);
            }),
        ],
    },
    Check {
        name: "the entry lies in INIT",
        run: entry,
        damage: &[("entry in the headers", |image| optional_u32(image, 16, |_| 0x200))],
    },
    Check {
        name: "no exports, no thread-local storage",
        run: nothing_else,
        damage: &[
            ("exports", |image| set_directory(image, pe::IMAGE_DIRECTORY_ENTRY_EXPORT, 0x1000, 40)),
            ("thread-local storage", |image| set_directory(image, pe::IMAGE_DIRECTORY_ENTRY_TLS, 0x1000, 40)),
        ],
    },
    Check {
        name: "functions can be unwound",
        run: unwind_table,
        damage: &[
            ("no table", |image| set_directory(image, pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION, 0, 0)),
            ("a function out of .text", |image| {
                let (table, _) = image.directory(pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION).expect("there is a table");
                let first = image.file_offset(table).expect("the table is in the file");
                set_u32(image, first, 0);
            }),
        ],
    },
    Check {
        name: "compatible with shadow stacks",
        run: shadow_stacks,
        damage: &[("the flag cleared", |image| {
            let (address, size) = image.directory(pe::IMAGE_DIRECTORY_ENTRY_DEBUG).expect("there is a debug directory");
            let start = image.file_offset(address).expect("the debug directory is in the file");
            let entries = (start..start + size as usize).step_by(28);
            for entry in
                entries.filter(|&entry| image.u32_at(entry + 12) == EXTENDED_CHARACTERISTICS).collect::<Vec<_>>()
            {
                let data = image.u32_at(entry + 24) as usize;
                set_u32(image, data, 0);
            }
        })],
    },
    Check {
        name: "control flow guard is claimed only with its tables",
        run: control_flow_guard,
        damage: &[("the claim without tables", |image| {
            optional_u16(image, 70, |flags| flags | pe::IMAGE_DLLCHARACTERISTICS_GUARD_CF);
            set_directory(image, pe::IMAGE_DIRECTORY_ENTRY_LOAD_CONFIG, 0, 0);
        })],
    },
    Check {
        name: "the version resource is this version's",
        run: version_resource,
        damage: &[
            ("no resources", |image| set_directory(image, pe::IMAGE_DIRECTORY_ENTRY_RESOURCE, 0, 0)),
            ("another version", |image| {
                let info = image.bytes.windows(4).position(|window| window == FIXED_INFO.to_le_bytes());
                let patch = info.expect("there is a version resource") + 14;
                set_u16(image, patch, image.u16_at(patch) + 1);
            }),
        ],
    },
    Check {
        name: "the checksum is right",
        run: checksum,
        damage: &[("one byte of the last section changed", |image| {
            let last = image.bytes.len() - 1;
            image.bytes[last] ^= 1;
        })],
    },
    Check {
        name: "the PDB is this image's",
        run: debug_information,
        damage: &[
            ("another identifier", |image| {
                let at = image.bytes.windows(4).position(|window| window == b"RSDS").expect("there is a PDB entry");
                image.bytes[at + 4] ^= 1;
            }),
            ("another age", |image| {
                let at = image.bytes.windows(4).position(|window| window == b"RSDS").expect("there is a PDB entry");
                image.bytes[at + 20] += 1;
            }),
            ("another file name", |image| replace(image, b"igbcx.pdb\0", b"igbcy.pdb\0")),
        ],
    },
    Check {
        name: "no time of building",
        run: no_time,
        damage: &[("a debug directory without the mark", |image| {
            let (address, _) = image.directory(pe::IMAGE_DIRECTORY_ENTRY_DEBUG).expect("there is a debug directory");
            set_directory(image, pe::IMAGE_DIRECTORY_ENTRY_DEBUG, address, 28);
        })],
    },
    Check {
        name: "no path of the machine that built it",
        run: no_machine,
        damage: &[
            ("a home folder in the image", |image| image.bytes.extend(b"/home/somebody/igbcx")),
            ("a home folder in the PDB", |image| image.pdb.extend(b"/home/somebody/igbcx")),
        ],
    },
    Check { name: "the class record of NetAdapterCx 2.2", run: bind_record::check, damage: bind_record::DAMAGE },
];

fn machine(image: &Image) -> Result<(), String> {
    let header = &image.headers()?.file_header;
    let machine = header.machine.get(LE);
    if ![pe::IMAGE_FILE_MACHINE_AMD64, pe::IMAGE_FILE_MACHINE_ARM64].contains(&machine) {
        return Err(format!("machine {machine:#x}"));
    }
    let flags = header.characteristics.get(LE);
    equal("file flags", flags, pe::IMAGE_FILE_EXECUTABLE_IMAGE | pe::IMAGE_FILE_LARGE_ADDRESS_AWARE)
}

fn native(image: &Image) -> Result<(), String> {
    equal("subsystem and version", subsystem(image.headers()?), (pe::IMAGE_SUBSYSTEM_NATIVE, 10, 0))
}

fn characteristics(image: &Image) -> Result<(), String> {
    let wanted = pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT
        | pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE
        | pe::IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA
        | pe::IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY;
    equal("characteristics", image.headers()?.optional_header.dll_characteristics.get(LE), wanted)
}

fn only_known_imports(image: &Image) -> Result<(), String> {
    let data: serde_json::Value =
        serde_json::from_str(include_str!("../exports-21h2.json")).map_err(|error| error.to_string())?;
    let imports = imports(image)?;
    if imports.is_empty() {
        return Err("no imports at all".into());
    }
    for (module, name) in &imports {
        let lists = data["modules"][module].as_object().ok_or(format!("{module} is not a module of the list"))?;
        let known: BTreeSet<&str> =
            lists.values().filter_map(|list| list.as_array()).flatten().filter_map(|name| name.as_str()).collect();
        if !known.contains(name.as_str()) {
            return Err(format!("{name} of {module} is not in exports-21h2.json"));
        }
    }
    Ok(())
}

fn no_writable_code(image: &Image) -> Result<(), String> {
    let both = pe::IMAGE_SCN_MEM_WRITE | pe::IMAGE_SCN_MEM_EXECUTE;
    match image.sections()?.iter().find(|section| section.flags & both == both) {
        Some(section) => Err(section.name.clone()),
        None => Ok(()),
    }
}

fn code_stays(image: &Image) -> Result<(), String> {
    for section in image.sections()? {
        let is_code = section.flags & pe::IMAGE_SCN_MEM_EXECUTE != 0 && section.name != "INIT";
        if is_code && section.flags & pe::IMAGE_SCN_MEM_NOT_PAGED == 0 || section.name.starts_with("PAGE") {
            return Err(format!("{} may be paged out", section.name));
        }
    }
    Ok(())
}

fn discarded(image: &Image) -> Result<(), String> {
    for section in image.sections()? {
        let expected = ["INIT", ".reloc"].contains(&section.name.as_str());
        equal(&section.name, section.flags & pe::IMAGE_SCN_MEM_DISCARDABLE != 0, expected)?;
    }
    image.section("INIT").map(drop)
}

fn alignment(image: &Image) -> Result<(), String> {
    let step = image.headers()?.optional_header.section_alignment.get(LE);
    if step < 4096 {
        return Err(format!("section alignment {step}"));
    }
    match image.sections()?.iter().find(|section| section.address % step != 0) {
        Some(section) => Err(format!("{} begins at {:#x}", section.name, section.address)),
        None => Ok(()),
    }
}

fn relocatable(image: &Image) -> Result<(), String> {
    let flags = image.headers()?.file_header.characteristics.get(LE);
    let relocated = image.relocated()?;
    if flags & pe::IMAGE_FILE_RELOCS_STRIPPED != 0 || relocated.is_empty() {
        return Err("no relocations".into());
    }
    // A pointer that is relocated leads into the image.
    for address in relocated {
        image.relative(image.u64_at(image.file_offset(address)?))?;
    }
    Ok(())
}

fn entry(image: &Image) -> Result<(), String> {
    let address = image.headers()?.optional_header.address_of_entry_point.get(LE);
    if image.section("INIT")?.contains(address) { Ok(()) } else { Err(format!("entry {address:#x}")) }
}

fn nothing_else(image: &Image) -> Result<(), String> {
    let unwanted =
        [("exports", pe::IMAGE_DIRECTORY_ENTRY_EXPORT), ("thread-local storage", pe::IMAGE_DIRECTORY_ENTRY_TLS)];
    for (what, index) in unwanted {
        equal(what, image.directory(index)?, (0, 0))?;
    }
    Ok(())
}

fn unwind_table(image: &Image) -> Result<(), String> {
    let (address, size) = image.directory(pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION)?;
    let arm64 = image.headers()?.file_header.machine.get(LE) == pe::IMAGE_FILE_MACHINE_ARM64;
    let entry_size = if arm64 { 8 } else { 12 };
    let code: Vec<_> =
        image.sections()?.into_iter().filter(|section| section.flags & pe::IMAGE_SCN_MEM_EXECUTE != 0).collect();
    if size == 0 || size % entry_size != 0 {
        return Err(format!("a table of {size} bytes"));
    }
    let table = image.file_offset(address)?;
    let mut last_end = 0;
    for entry in (table..table + size as usize).step_by(entry_size as usize) {
        let begin = image.u32_at(entry);
        let end = if arm64 { begin + arm64_length(image, image.u32_at(entry + 4))? } else { image.u32_at(entry + 4) };
        let inside = code.iter().any(|section| section.contains(begin) && section.contains(end.wrapping_sub(1)));
        if begin < last_end || end <= begin || !inside {
            return Err(format!("function {begin:#x}..{end:#x} after {last_end:#x}"));
        }
        if !arm64 {
            image.file_offset(image.u32_at(entry + 8))?;
        }
        last_end = end;
    }
    Ok(())
}

/// Length of an ARM64 function: packed into its entry, or in the record that the entry leads to. Source: Microsoft,
/// "ARM64 exception handling".
fn arm64_length(image: &Image, word: u32) -> Result<u32, String> {
    let units = match word & 3 {
        0 => image.u32_at(image.file_offset(word)?) & 0x3FFFF,
        _ => word >> 2 & 0x7FF,
    };
    Ok(units * 4)
}

/// Type of the debug entry with the extended DLL characteristics.
const EXTENDED_CHARACTERISTICS: u32 = 20;

/// x64 only: ARM64 has no shadow stacks.
fn shadow_stacks(image: &Image) -> Result<(), String> {
    const CET_COMPAT: u8 = 1;
    if image.headers()?.file_header.machine.get(LE) != pe::IMAGE_FILE_MACHINE_AMD64 {
        return Ok(());
    }
    let entries = debug_entries(image)?;
    let flags = entries.iter().find(|(kind, _)| *kind == EXTENDED_CHARACTERISTICS).and_then(|(_, data)| data.first());
    if flags.is_some_and(|flags| flags & CET_COMPAT != 0) { Ok(()) } else { Err("not marked compatible".into()) }
}

/// An image that claims the guard and has no table of valid targets would be refused or crash at its first call.
fn control_flow_guard(image: &Image) -> Result<(), String> {
    let (address, size) = image.directory(pe::IMAGE_DIRECTORY_ENTRY_LOAD_CONFIG)?;
    if image.has_control_flow_guard()? && (address == 0 || size == 0) {
        return Err("claimed without a load configuration".into());
    }
    Ok(())
}

/// Signature of VS_FIXEDFILEINFO.
const FIXED_INFO: u32 = 0xFEEF_04BD;

fn version_resource(image: &Image) -> Result<(), String> {
    let data = resource(image, pe::RT_VERSION)?;
    let info = image.bytes.get(data).ok_or("the version resource lies outside the file")?;
    let fixed = info.windows(4).position(|window| window == FIXED_INFO.to_le_bytes());
    let numbers = fixed.and_then(|at| info.get(at + 8..at + 16)).ok_or("no VS_FIXEDFILEINFO")?;
    let number = |at: usize| u16::from_le_bytes([numbers[at], numbers[at + 1]]);
    equal("version", [number(2), number(0), number(6), number(4)], version_resource::numbers(env!("CARGO_PKG_VERSION")))
}

/// File range of the first resource of a type.
fn resource(image: &Image, kind: u16) -> Result<std::ops::Range<usize>, String> {
    let fault = |error: object::Error| error.to_string();
    let file = image.parse()?;
    let directory = file.data_directories().resource_directory(file.data(), &file.section_table()).map_err(fault)?;
    let directory = directory.ok_or("no resources")?;
    let root = directory.root().map_err(fault)?;
    let mut entry = root.entries.iter().find(|entry| !entry.has_name() && entry.name_or_id.get(LE) == u32::from(kind));
    // Type, name, language.
    loop {
        match entry.ok_or("no such resource")?.data(directory).map_err(fault)? {
            ResourceDirectoryEntryData::Table(table) => entry = table.entries.first(),
            ResourceDirectoryEntryData::Data(leaf) => {
                let start = image.file_offset(leaf.offset_to_data.get(LE))?;
                return Ok(start..start + leaf.size.get(LE) as usize);
            }
        }
    }
}

fn checksum(image: &Image) -> Result<(), String> {
    equal("checksum", image.headers()?.optional_header.check_sum.get(LE), image.checksum())
}

fn debug_information(image: &Image) -> Result<(), String> {
    let entries = debug_entries(image)?;
    let record = entries.iter().find(|(kind, _)| *kind == pe::IMAGE_DEBUG_TYPE_CODEVIEW);
    let record = record.and_then(|(_, data)| data.strip_prefix(b"RSDS")).ok_or("no PDB entry")?;
    let (identifier, rest) = record.split_at_checked(20).ok_or("a short PDB entry")?;
    equal("PDB file name", String::from_utf8_lossy(rest), "igbcx.pdb\0".into())?;

    let fault = |error: pdb2::Error| error.to_string();
    let mut pdb = pdb2::PDB::open(Cursor::new(&image.pdb)).map_err(fault)?;
    let information = pdb.pdb_information().map_err(fault)?;
    equal("PDB identifier", &identifier[..16], information.guid.to_bytes_le().as_slice())?;
    let age = u32::from_le_bytes([identifier[16], identifier[17], identifier[18], identifier[19]]);
    equal("PDB age", age, information.age)?;
    equal("age of the PDB's debug information", Some(age), pdb.debug_information().map_err(fault)?.age())
}

/// A build marked reproducible carries hashes where the time would be.
fn no_time(image: &Image) -> Result<(), String> {
    let marked = debug_entries(image)?.iter().any(|(kind, _)| *kind == pe::IMAGE_DEBUG_TYPE_REPRO);
    if marked { Ok(()) } else { Err("not marked reproducible".into()) }
}

fn no_machine(image: &Image) -> Result<(), String> {
    let root = env!("CARGO_MANIFEST_DIR").strip_suffix("tests/image").unwrap_or_default();
    for path in ["/home/", "/root/", "/Users/", root] {
        for (what, bytes) in [("image", &image.bytes), ("PDB", &image.pdb)] {
            if bytes.windows(path.len()).any(|window| window == path.as_bytes()) {
                return Err(format!("the {what} names {path}"));
            }
        }
    }
    Ok(())
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, found: T, wanted: T) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("{what}: {found:x?}, not {wanted:x?}")) }
}
