//! The parts of a PE32+ file that the checks read, by file offset where a damaged copy is to be made.

use object::{
    LittleEndian as LE,
    pe::ImageNtHeaders64,
    read::pe::{ImageNtHeaders, PeFile64},
};

/// A driver and its debug information.
#[derive(PartialEq, Eq)]
pub struct Image {
    pub bytes: Vec<u8>,
    pub pdb: Vec<u8>,
}

/// Address, size, flags and file range of a section.
pub struct Section {
    pub name: String,
    pub address: u32,
    pub size: u32,
    pub flags: u32,
    pub file_offset: u32,
    pub file_size: u32,
}

impl Section {
    pub fn contains(&self, address: u32) -> bool {
        (self.address..self.address + self.size).contains(&address)
    }
}

impl Image {
    pub fn parse(&self) -> Result<PeFile64<'_>, String> {
        PeFile64::parse(self.bytes.as_slice()).map_err(|error| error.to_string())
    }

    pub fn headers(&self) -> Result<&ImageNtHeaders64, String> {
        Ok(self.parse()?.nt_headers())
    }

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

    pub fn section(&self, name: &str) -> Result<Section, String> {
        self.sections()?.into_iter().find(|section| section.name == name).ok_or(format!("no section {name}"))
    }

    /// Address and size of the data directory `index`; zeros when it is absent.
    pub fn directory(&self, index: usize) -> Result<(u32, u32), String> {
        let file = self.parse()?;
        Ok(file.data_directories().get(index).map_or((0, 0), |directory| directory.address_range()))
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

    pub fn u16_at(&self, offset: usize) -> u16 {
        u16::from_le_bytes([self.bytes[offset], self.bytes[offset + 1]])
    }

    pub fn u32_at(&self, offset: usize) -> u32 {
        u32::from(self.u16_at(offset)) | u32::from(self.u16_at(offset + 2)) << 16
    }

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
