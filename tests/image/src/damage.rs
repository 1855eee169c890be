//! Ways to damage an image so that one check, and only what it looks at, no longer holds.

use crate::pe::Image;

/// What is done, and the doing.
pub type Damage = (&'static str, fn(&mut Image));

pub fn set_u16(image: &mut Image, offset: usize, value: u16) {
    image.bytes[offset..offset + 2].copy_from_slice(&value.to_le_bytes());
}

pub fn set_u32(image: &mut Image, offset: usize, value: u32) {
    image.bytes[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
}

/// Changes a 16-bit field of the optional header, given its offset there.
pub fn optional_u16(image: &mut Image, field: usize, change: fn(u16) -> u16) {
    let offset = image.optional_header_at() + field;
    set_u16(image, offset, change(image.u16_at(offset)));
}

/// Changes a 32-bit field of the optional header, given its offset there.
pub fn optional_u32(image: &mut Image, field: usize, change: fn(u32) -> u32) {
    let offset = image.optional_header_at() + field;
    set_u32(image, offset, change(image.u32_at(offset)));
}

/// Makes the data directory `index` describe `size` bytes at `address`.
pub fn set_directory(image: &mut Image, index: usize, address: u32, size: u32) {
    let offset = image.optional_header_at() + 112 + index * 8;
    set_u32(image, offset, address);
    set_u32(image, offset + 4, size);
}

/// Changes the flags of the section `name`.
pub fn section_flags(image: &mut Image, name: &str, change: fn(u32) -> u32) {
    let table = image.optional_header_at() + usize::from(image.u16_at(image.signature_at() + 20));
    let count = usize::from(image.u16_at(image.signature_at() + 6));
    for header in (0..count).map(|index| table + index * 40) {
        if image.bytes[header..header + 8].starts_with(name.as_bytes()) {
            set_u32(image, header + 36, change(image.u32_at(header + 36)));
        }
    }
}

/// Replaces the first occurrence of `from` by `to`, which is as long.
pub fn replace(image: &mut Image, from: &[u8], to: &[u8]) {
    let at = image.bytes.windows(from.len()).position(|window| window == from).expect("the image holds the bytes");
    image.bytes[at..at + to.len()].copy_from_slice(to);
}
