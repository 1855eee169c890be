//! The record by which the driver asks the loader for NetAdapterCx 2.2.
//!
//! Layout: `WDF_CLASS_BIND_INFO`, 80 bytes, of `shared/abi/layout-x64.json` (kmdf_loader); values:
//! `class_record_netadaptercx` of `shared/abi/kmdf-binding.json`.

use crate::{
    damage::{Damage, set_u32},
    pe::Image,
};

const SIZE: u32 = 80;
/// Entries of the NetAdapterCx 2.2 function table.
const FUNCTIONS: u32 = 124;
const CLASS: &str = "NetAdapterCx";

/// There is one record; its size, version and count are right, and the loader relocates its pointers.
pub fn check(image: &Image) -> Result<(), String> {
    let (address, record) = find(image)?;
    let numbers = [(0, SIZE), (16, 2), (20, 2), (24, 0), (40, FUNCTIONS)];
    for (offset, expected) in numbers {
        let found = image.u32_at(record + offset);
        if found != expected {
            return Err(format!("the record holds {found} at offset {offset}, not {expected}"));
        }
    }
    let data = image.section(".data")?;
    let relocated = image.relocated()?;
    for offset in [8, 32, 48] {
        if !relocated.contains(&(address + offset as u32)) {
            return Err(format!("the record's pointer at offset {offset} is not relocated"));
        }
    }
    for (offset, size) in [(32, FUNCTIONS * 8), (48, 8)] {
        let target = image.relative(image.u64_at(record + offset))?;
        if !data.contains(target) || !data.contains(target + size - 1) {
            return Err(format!("the record's pointer at offset {offset} leads out of .data"));
        }
    }
    for offset in [56, 64, 72] {
        if image.u64_at(record + offset) != 0 {
            return Err(format!("the record's pointer at offset {offset} is not null"));
        }
    }
    Ok(())
}

/// Address and file offset of the only place whose second pointer leads to the class name.
fn find(image: &Image) -> Result<(u32, usize), String> {
    let data = image.section(".data")?;
    let last = data.file_size.min(data.size).saturating_sub(SIZE);
    let places = (0..=last).step_by(8).map(|step| (data.address + step, (data.file_offset + step) as usize));
    let found: Vec<_> = places.filter(|&(_, offset)| names_class(image, offset) == Ok(true)).collect();
    match found[..] {
        [record] => Ok(record),
        _ => Err(format!("{} records of class {CLASS}", found.len())),
    }
}

fn names_class(image: &Image, record: usize) -> Result<bool, String> {
    let name = image.file_offset(image.relative(image.u64_at(record + 8))?)?;
    let expected: Vec<u8> = CLASS.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    Ok(image.bytes[name..].starts_with(&expected))
}

fn change(image: &mut Image, offset: usize, value: u32) {
    let (_, record) = find(image).expect("the undamaged image has a record");
    set_u32(image, record + offset, value);
}

/// Records that the loader or NetAdapterCx would refuse.
pub const DAMAGE: &[Damage] = &[
    ("another size", |image| change(image, 0, SIZE + 8)),
    ("another major version", |image| change(image, 16, 3)),
    ("another minor version", |image| change(image, 20, 1)),
    ("a longer table", |image| change(image, 40, FUNCTIONS + 1)),
    ("a table out of the image", |image| change(image, 36, 2)),
    ("a bind callback", |image| change(image, 56, 0x1000)),
    ("another name", |image| {
        let (_, record) = find(image).expect("the undamaged image has a record");
        let name = image.relative(image.u64_at(record + 8)).and_then(|address| image.file_offset(address));
        image.bytes[name.expect("the record's name is in the file")] = b'M';
    }),
];
