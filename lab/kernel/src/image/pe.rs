//! The bytes of a PE image at its address: a pure function of the file, the base and the bound imports.

use object::read::pe::{ExportTarget, ImageNtHeaders, Import, PeFile64};
use object::{LittleEndian as LE, Object, pe};
use std::collections::BTreeMap;
use std::ops::Range;

const PAGE: usize = 4096;
/// No driver is larger.
const LARGEST: usize = 256 << 20;

/// The parsed file and what decides whether and how it is mapped.
pub(super) struct Headers<'a> {
    file: PeFile64<'a>,
    pub(super) size_of_image: usize,
    /// NXCOMPAT, DYNAMICBASE and HIGHENTROPYVA.
    pub(super) hardened: bool,
}

pub(super) struct Section {
    pub(super) name: String,
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) read: bool,
    pub(super) write: bool,
    pub(super) execute: bool,
    pub(super) discardable: bool,
}

pub(super) struct Layout {
    pub(super) memory: Vec<u8>,
    pub(super) sections: Vec<Section>,
    pub(super) entry: usize,
    /// Offsets of exported names.
    pub(super) exports: BTreeMap<String, usize>,
    pub(super) pdata: Range<usize>,
    /// Path and GUID of the PDB.
    pub(super) code_view: Option<(String, [u8; 16])>,
}

impl<'a> Headers<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Headers<'a>, String> {
        const HARDENED: u16 = pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT
            | pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE
            | pe::IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA;
        let file = PeFile64::parse(bytes).map_err(|e| format!("not a 64-bit PE image: {e}"))?;
        let nt = file.nt_headers();
        let optional = nt.optional_header();
        let size_of_image = (optional.size_of_image.get(LE) as usize).next_multiple_of(PAGE);
        if nt.file_header().machine.get(LE) != pe::IMAGE_FILE_MACHINE_AMD64 {
            return Err("not an x86-64 image".to_owned());
        }
        if optional.subsystem.get(LE) != pe::IMAGE_SUBSYSTEM_NATIVE {
            return Err("not a native (kernel) image".to_owned());
        }
        if size_of_image == 0 || size_of_image > LARGEST {
            return Err(format!("SizeOfImage {size_of_image:#x}"));
        }
        let tls = file.data_directory(pe::IMAGE_DIRECTORY_ENTRY_TLS);
        if tls.is_some_and(|d| d.virtual_address.get(LE) != 0) {
            return Err("thread-local storage, which kernel images cannot have".to_owned());
        }
        let hardened = optional.dll_characteristics.get(LE) & HARDENED == HARDENED;
        Ok(Headers { file, size_of_image, hardened })
    }
}

/// The image as it stands in memory at `base`; `bind` gives the address of each import.
pub(super) fn lay_out(
    bytes: &[u8],
    headers: &Headers<'_>,
    base: u64,
    bind: &dyn Fn(&str, &str) -> usize,
) -> Result<Layout, String> {
    let mut builder = Builder { file: &headers.file, base, memory: vec![0; headers.size_of_image] };
    let sections = builder.copy_sections(bytes)?;
    builder.relocate().map_err(|e| format!("relocations: {e}"))?;
    builder.import(bind).map_err(|e| format!("imports: {e}"))?;
    builder.set_cookie()?;
    let entry = headers.file.nt_headers().optional_header().address_of_entry_point.get(LE) as usize;
    if !sections.iter().any(|s| s.execute && (s.start..s.start + s.len).contains(&entry)) {
        return Err(format!("entry point {entry:#x} is not in executable memory"));
    }
    Ok(Layout {
        exports: builder.exports()?,
        pdata: builder.directory(pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION),
        code_view: builder.code_view(),
        memory: builder.memory,
        sections,
        entry,
    })
}

struct Builder<'a> {
    file: &'a PeFile64<'a>,
    base: u64,
    memory: Vec<u8>,
}

impl Builder<'_> {
    fn copy_sections(&mut self, bytes: &[u8]) -> Result<Vec<Section>, String> {
        let header_bytes = self.file.nt_headers().optional_header().size_of_headers.get(LE) as usize;
        let header = bytes.get(..header_bytes).ok_or("SizeOfHeaders is larger than the file")?;
        self.slice(0, header_bytes)?.copy_from_slice(header);
        let mut sections = Vec::new();
        for header in self.file.section_table().iter() {
            let name = String::from_utf8_lossy(header.raw_name()).into_owned();
            let start = header.virtual_address.get(LE) as usize;
            let len = (header.virtual_size.get(LE).max(1) as usize).next_multiple_of(PAGE);
            if !start.is_multiple_of(PAGE) || start < header_bytes {
                return Err(format!("section {name} at {start:#x}"));
            }
            let data = header.pe_data(bytes).map_err(|e| format!("section {name}: {e}"))?;
            let room = self.slice(start, len).map_err(|e| format!("section {name}: {e}"))?;
            let copied = data.len().min(len);
            room[..copied].copy_from_slice(&data[..copied]);
            let has = |flag: u32| header.characteristics.get(LE) & flag != 0;
            sections.push(Section {
                name,
                start,
                len,
                read: has(pe::IMAGE_SCN_MEM_READ),
                write: has(pe::IMAGE_SCN_MEM_WRITE),
                execute: has(pe::IMAGE_SCN_MEM_EXECUTE),
                discardable: has(pe::IMAGE_SCN_MEM_DISCARDABLE),
            });
        }
        Ok(sections)
    }

    fn relocate(&mut self) -> Result<(), String> {
        let delta = self.base.wrapping_sub(self.file.nt_headers().optional_header().image_base.get(LE));
        let directories = self.file.data_directories();
        let sections = self.file.section_table();
        let blocks = directories.relocation_blocks(self.file.data(), &sections).map_err(|e| e.to_string())?;
        let Some(mut blocks) = blocks else { return Ok(()) };
        while let Some(block) = blocks.next().map_err(|e| e.to_string())? {
            for relocation in block {
                match relocation.typ {
                    pe::IMAGE_REL_BASED_DIR64 => {
                        let place = relocation.virtual_address as usize;
                        let value = self.get_u64(place)?;
                        self.put_u64(place, value.wrapping_add(delta))?;
                    }
                    pe::IMAGE_REL_BASED_ABSOLUTE => {}
                    other => return Err(format!("type {other}")),
                }
            }
        }
        Ok(())
    }

    fn import(&mut self, bind: &dyn Fn(&str, &str) -> usize) -> Result<(), String> {
        let text = |e: object::Error| e.to_string();
        let Some(table) = self.file.import_table().map_err(text)? else { return Ok(()) };
        let mut descriptors = table.descriptors().map_err(text)?;
        while let Some(descriptor) = descriptors.next().map_err(text)? {
            let module = String::from_utf8_lossy(table.name(descriptor.name.get(LE)).map_err(text)?).into_owned();
            let first = descriptor.first_thunk.get(LE);
            let names = match descriptor.original_first_thunk.get(LE) {
                0 => first,
                names => names,
            };
            let mut thunks = table.thunks(names).map_err(text)?;
            let mut slot = first as usize;
            while let Some(thunk) = thunks.next::<pe::ImageNtHeaders64>().map_err(text)? {
                let name = match table.import::<pe::ImageNtHeaders64>(thunk).map_err(text)? {
                    Import::Name(_, name) => String::from_utf8_lossy(name).into_owned(),
                    Import::Ordinal(ordinal) => format!("#{ordinal}"),
                };
                self.put_u64(slot, bind(&module, &name) as u64)?;
                slot += 8;
            }
        }
        Ok(())
    }

    /// The loader gives every image a cookie of its own; an image whose cookie still has the linker's value stops itself
    /// (int 29h, code 6).
    fn set_cookie(&mut self) -> Result<(), String> {
        /// Offset of SecurityCookie in IMAGE_LOAD_CONFIG_DIRECTORY64.
        const SECURITY_COOKIE: usize = 0x58;
        /// Fixed, so that runs repeat; the upper 16 bits of a cookie are zero.
        const COOKIE: u64 = 0x0000_6C61_625F_6B65;
        let directory = self.directory(pe::IMAGE_DIRECTORY_ENTRY_LOAD_CONFIG);
        if directory.is_empty() {
            return Ok(());
        }
        let size = self.get_u64(directory.start)? as u32 as usize;
        if size < SECURITY_COOKIE + 8 {
            return Ok(());
        }
        // The field is an address; the relocation has been applied to it.
        let cookie = self.get_u64(directory.start + SECURITY_COOKIE)?;
        if cookie != 0 {
            self.put_u64(cookie.wrapping_sub(self.base) as usize, COOKIE).map_err(|e| format!("stack cookie: {e}"))?;
        }
        Ok(())
    }

    fn exports(&self) -> Result<BTreeMap<String, usize>, String> {
        let Some(table) = self.file.export_table().map_err(|e| format!("exports: {e}"))? else {
            return Ok(BTreeMap::new());
        };
        let exports = table.exports().map_err(|e| format!("exports: {e}"))?;
        let named = exports.into_iter().filter_map(|e| match (e.name, e.target) {
            (Some(name), ExportTarget::Address(rva)) => {
                Some((String::from_utf8_lossy(name).into_owned(), rva as usize))
            }
            _ => None,
        });
        Ok(named.collect())
    }

    fn code_view(&self) -> Option<(String, [u8; 16])> {
        let record = self.file.pdb_info().ok()??;
        Some((String::from_utf8_lossy(record.path()).into_owned(), record.guid()))
    }

    /// Where a data directory lies in the image; empty if there is none or it is out of bounds.
    fn directory(&self, index: usize) -> Range<usize> {
        let Some(directory) = self.file.data_directory(index) else { return 0..0 };
        let start = directory.virtual_address.get(LE) as usize;
        let end = start + directory.size.get(LE) as usize;
        if start == 0 || end > self.memory.len() { 0..0 } else { start..end }
    }

    fn slice(&mut self, start: usize, len: usize) -> Result<&mut [u8], String> {
        let size = self.memory.len();
        let end = start.checked_add(len).filter(|end| *end <= size);
        end.map(|end| &mut self.memory[start..end])
            .ok_or(format!("{start:#x}+{len:#x} is outside the image of {size:#x} bytes"))
    }

    fn get_u64(&mut self, at: usize) -> Result<u64, String> {
        let bytes = self.slice(at, 8)?;
        Ok(u64::from_le_bytes(bytes.try_into().expect("8 bytes")))
    }

    fn put_u64(&mut self, at: usize, value: u64) -> Result<(), String> {
        self.slice(at, 8)?.copy_from_slice(&value.to_le_bytes());
        Ok(())
    }
}
