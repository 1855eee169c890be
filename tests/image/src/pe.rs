//! The parts of a PE32+ file that the checks read, by file offset where a damaged copy is to be made.

use object::{
    LittleEndian as LE,
    pe::ImageNtHeaders64,
    read::pe::{ImageNtHeaders, PeFile64},
};

/// A driver and its debug information.
#[derive(PartialEq, Eq)]
pub struct Image {
    /// The `.sys` file.
    pub bytes: Vec<u8>,
    /// The `.pdb` file.
    pub pdb: Vec<u8>,
}

/// Address, size, flags and file range of a section.
pub struct Section {
    /// Name, at most 8 characters.
    pub name: String,
    /// Address in the loaded image, from its base.
    pub address: u32,
    /// Bytes in the loaded image.
    pub size: u32,
    /// `IMAGE_SCN_*`.
    pub flags: u32,
    /// Offset in the file.
    pub file_offset: u32,
    /// Bytes in the file.
    pub file_size: u32,
}

impl Section {
    /// What may be done with it, as `read execute`.
    pub fn access(&self) -> String {
        use object::pe::{
            IMAGE_SCN_MEM_DISCARDABLE, IMAGE_SCN_MEM_EXECUTE, IMAGE_SCN_MEM_NOT_PAGED, IMAGE_SCN_MEM_READ,
            IMAGE_SCN_MEM_WRITE,
        };
        let names = [
            (IMAGE_SCN_MEM_READ, "read"),
            (IMAGE_SCN_MEM_WRITE, "write"),
            (IMAGE_SCN_MEM_EXECUTE, "execute"),
            (IMAGE_SCN_MEM_NOT_PAGED, "not paged"),
            (IMAGE_SCN_MEM_DISCARDABLE, "discarded"),
        ];
        let held: Vec<_> = names.iter().filter(|(flag, _)| self.flags & flag != 0).map(|(_, name)| *name).collect();
        held.join(", ")
    }

    /// Whether `address` lies in it.
    pub fn contains(&self, address: u32) -> bool {
        (self.address..self.address + self.size).contains(&address)
    }
}

/// The folders of a symbol store that hold driver and PDB (repository dotnet/symstore,
/// `docs/specs/SSQP_Key_Conventions.md`: PE-timestamp-filesize and PDB-Signature-Age).
pub struct SymbolKeys {
    /// Time stamp and size of the image.
    pub image: String,
    /// GUID and age.
    pub pdb: String,
}

impl Image {
    /// Where a symbol store holds driver and PDB.
    pub fn symbol_keys(&self) -> Result<SymbolKeys, String> {
        let headers = self.headers()?;
        let (stamp, size) =
            (headers.file_header.time_date_stamp.get(LE), headers.optional_header.size_of_image.get(LE));
        let file = self.parse()?;
        let pdb = object::Object::pdb_info(&file).map_err(|error| error.to_string())?.ok_or("no PDB is named")?;
        let [a, b, c, d, e, f, g, h, rest @ ..] = pdb.guid();
        let fields = (u32::from_le_bytes([a, b, c, d]), u16::from_le_bytes([e, f]), u16::from_le_bytes([g, h]));
        let rest: String = rest.iter().map(|byte| format!("{byte:02X}")).collect();
        Ok(SymbolKeys {
            image: format!("{stamp:08X}{size:x}"),
            pdb: format!("{:08X}{:04X}{:04X}{rest}{:x}", fields.0, fields.1, fields.2, pdb.age()),
        })
    }

    /// The headers and tables.
    pub fn parse(&self) -> Result<PeFile64<'_>, String> {
        PeFile64::parse(self.bytes.as_slice()).map_err(|error| error.to_string())
    }

    /// The file and optional headers.
    pub fn headers(&self) -> Result<&ImageNtHeaders64, String> {
        Ok(self.parse()?.nt_headers())
    }

    /// The section table.
    pub fn sections(&self) -> Result<Vec<Section>, String> {
        let file = self.parse()?;
        let section = |header: &object::pe::ImageSectionHeader| Section {
            name: String::from_utf8_lossy(header.raw_name()).into_owned(),
            address: header.virtual_address.get(LE),
            size: header.virtual_size.get(LE),
            flags: header.characteristics.get(LE),
            file_offset: header.pointer_to_raw_data.get(LE),
            file_size: header.size_of_raw_data.get(LE),
        };
        Ok(file.section_table().iter().map(section).collect())
    }

    /// The first section of this name.
    pub fn section(&self, name: &str) -> Result<Section, String> {
        self.sections()?.into_iter().find(|section| section.name == name).ok_or(format!("no section {name}"))
    }

    /// Address and size of the data directory `index`; zeros when it is absent.
    pub fn directory(&self, index: usize) -> Result<(u32, u32), String> {
        let file = self.parse()?;
        Ok(file.data_directories().get(index).map_or((0, 0), |directory| directory.address_range()))
    }

    /// Whether the image claims control flow guard.
    pub fn has_control_flow_guard(&self) -> Result<bool, String> {
        let flags = self.headers()?.optional_header.dll_characteristics.get(LE);
        Ok(flags & object::pe::IMAGE_DLLCHARACTERISTICS_GUARD_CF != 0)
    }

    /// File offset of the byte at `address` in the loaded image, if the file has that byte.
    pub fn file_offset(&self, address: u32) -> Result<usize, String> {
        let sections = self.sections()?;
        let section = sections
            .iter()
            .find(|section| (section.address..section.address + section.file_size).contains(&address))
            .ok_or(format!("{address:#x} is not in the file"))?;
        Ok((section.file_offset + address - section.address) as usize)
    }

    /// File offset of the PE signature.
    pub fn signature_at(&self) -> usize {
        self.u32_at(0x3c) as usize
    }

    /// File offset of the optional header.
    pub fn optional_header_at(&self) -> usize {
        self.signature_at() + 24
    }

    /// The number at a file offset.
    pub fn u16_at(&self, offset: usize) -> u16 {
        u16::from_le_bytes([self.bytes[offset], self.bytes[offset + 1]])
    }

    /// The number at a file offset.
    pub fn u32_at(&self, offset: usize) -> u32 {
        u32::from(self.u16_at(offset)) | u32::from(self.u16_at(offset + 2)) << 16
    }

    /// The number at a file offset.
    pub fn u64_at(&self, offset: usize) -> u64 {
        u64::from(self.u32_at(offset)) | u64::from(self.u32_at(offset + 4)) << 32
    }

    /// The address of a pointer's target, counted from the image's base.
    pub fn relative(&self, pointer: u64) -> Result<u32, String> {
        let headers = self.headers()?;
        let offset = pointer.wrapping_sub(headers.optional_header.image_base.get(LE));
        u32::try_from(offset)
            .ok()
            .filter(|&address| address < headers.optional_header.size_of_image.get(LE))
            .ok_or(format!("pointer {pointer:#x} lies outside the image"))
    }

    /// Addresses that the loader relocates.
    pub fn relocated(&self) -> Result<Vec<u32>, String> {
        let file = self.parse()?;
        let fault = |error: object::Error| error.to_string();
        let mut addresses = Vec::new();
        let section_data = file.section_table();
        let Some(mut blocks) = file.data_directories().relocation_blocks(file.data(), &section_data).map_err(fault)?
        else {
            return Ok(addresses);
        };
        while let Some(block) = blocks.next().map_err(fault)? {
            for relocation in block {
                if relocation.typ != object::pe::IMAGE_REL_BASED_DIR64 {
                    return Err(format!("relocation type {} at {:#x}", relocation.typ, relocation.virtual_address));
                }
                addresses.push(relocation.virtual_address);
            }
        }
        Ok(addresses)
    }

    /// The checksum that the file should carry: 16-bit words added with end-around carry, without the field itself, plus
    /// the file's length.
    pub fn checksum(&self) -> u32 {
        let field = self.optional_header_at() + 64;
        let words = self.bytes.chunks(2).enumerate();
        let sum =
            words.filter(|(index, _)| !(field..field + 4).contains(&(index * 2))).fold(0, |sum: u32, (_, word)| {
                let sum = sum + u32::from(word[0]) + (u32::from(*word.get(1).unwrap_or(&0)) << 8);
                (sum & 0xffff) + (sum >> 16)
            });
        sum + self.bytes.len() as u32
    }
}

/// An entry of the debug directory: its type and its data.
pub fn debug_entries(image: &Image) -> Result<Vec<(u32, &[u8])>, String> {
    let (address, size) = image.directory(object::pe::IMAGE_DIRECTORY_ENTRY_DEBUG)?;
    if size == 0 {
        return Ok(Vec::new());
    }
    let start = image.file_offset(address)?;
    (start..start + size as usize)
        .step_by(28)
        .map(|entry| {
            let length = image.u32_at(entry + 16) as usize;
            let data = image.u32_at(entry + 24) as usize;
            let bytes = image.bytes.get(data..data + length).ok_or("a debug entry lies outside the file")?;
            Ok((image.u32_at(entry + 12), bytes))
        })
        .collect()
}

/// Every import as (module, name). An import by ordinal has no name and is a fault.
pub fn imports(image: &Image) -> Result<Vec<(String, String)>, String> {
    use object::read::pe::{ImageThunkData, Import};
    let file = image.parse()?;
    let fault = |error: object::Error| error.to_string();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut found = Vec::new();
    let Some(table) = file.import_table().map_err(fault)? else { return Ok(found) };
    let mut descriptors = table.descriptors().map_err(fault)?;
    while let Some(descriptor) = descriptors.next().map_err(fault)? {
        let module = text(table.name(descriptor.name.get(LE)).map_err(fault)?);
        let mut thunks = table.thunks(descriptor.original_first_thunk.get(LE)).map_err(fault)?;
        while let Some(thunk) = thunks.next::<ImageNtHeaders64>().map_err(fault)? {
            if thunk.is_ordinal() {
                return Err(format!("{module} is imported from by ordinal {}", thunk.ordinal()));
            }
            match table.import::<ImageNtHeaders64>(thunk).map_err(fault)? {
                Import::Name(_, name) => found.push((module.clone(), text(name))),
                Import::Ordinal(ordinal) => return Err(format!("{module} is imported from by ordinal {ordinal}")),
            }
        }
    }
    Ok(found)
}

/// Subsystem and version fields of the optional header.
pub fn subsystem(headers: &ImageNtHeaders64) -> (u16, u16, u16) {
    let header = headers.optional_header();
    (header.subsystem.get(LE), header.major_subsystem_version.get(LE), header.minor_subsystem_version.get(LE))
}
