//! What of a PE image an Authenticode hash covers. Source: Microsoft, "Windows Authenticode Portable Executable Signature
//! Format", Calculating the PE Image Hash.

/// Index of the certificate table in the data directories.
const SECURITY: usize = 4;

/// The hashed parts of an image, in order: all but the checksum, the certificate table and its directory entry.
///
/// # Errors
/// What makes the bytes no PE image.
pub fn authenticode_bytes(image: &[u8]) -> Result<[&[u8]; 3], &'static str> {
    let u16_at = |at: usize| image.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    let u32_at = |at: usize| image.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize);
    if !image.starts_with(b"MZ") {
        return Err("it does not begin with MZ");
    }
    let signature = u32_at(0x3C).filter(|&at| at < image.len()).ok_or("it ends in its headers")?;
    if !image[signature..].starts_with(b"PE\0\0") {
        return Err("it has no PE signature");
    }
    let optional = signature + 24;
    // The data directories lie 96 bytes into a PE32 optional header and 112 into that of PE32+.
    let directories = match u16_at(optional) {
        Some(0x10B) => optional + 96,
        Some(0x20B) => optional + 112,
        _ => return Err("its optional header is of no known kind"),
    };
    let checksum = optional + 64;
    let entry = directories + SECURITY * 8;
    let (Some(table), Some(size)) = (u32_at(entry), u32_at(entry + 4)) else { return Err("it ends in its headers") };
    let end = match (table, size) {
        (0, 0) => image.len(),
        // Signers put the table at the end; bytes behind it would be covered by nothing.
        (table, size) if table >= entry + 8 && table + size == image.len() => table,
        _ => return Err("its certificate table is not at its end"),
    };
    Ok([&image[..checksum], &image[checksum + 4..entry], &image[entry + 8..end]])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A PE32+ file of headers only, with a certificate table of `table` bytes.
    fn image(table: u32) -> Vec<u8> {
        let mut bytes = vec![0; 512];
        bytes[..2].copy_from_slice(b"MZ");
        bytes[0x3C] = 0x40;
        bytes[0x40..0x44].copy_from_slice(b"PE\0\0");
        bytes[0x58..0x5A].copy_from_slice(&0x20B_u16.to_le_bytes());
        if table > 0 {
            let entry = 0x58 + 112 + 32;
            bytes[entry..entry + 4].copy_from_slice(&512_u32.to_le_bytes());
            bytes[entry + 4..entry + 8].copy_from_slice(&table.to_le_bytes());
            bytes.resize(512 + table as usize, 0xCC);
        }
        bytes
    }

    #[test]
    fn checksum_and_signature_are_left_out() {
        let (plain, mut signed) = (image(0), image(16));
        signed[0x58 + 64] = 0xFF;
        let parts = |bytes: &[u8]| authenticode_bytes(bytes).unwrap().concat();
        assert_eq!(parts(&plain), parts(&signed));
        assert_eq!(parts(&plain).len(), 512 - 4 - 8);
        signed[300] ^= 1;
        assert_ne!(parts(&plain), parts(&signed));
    }

    #[test]
    fn what_is_no_image_is_refused() {
        assert!(authenticode_bytes(b"").is_err());
        assert!(authenticode_bytes(b"MZ").is_err());
        for length in 0..300 {
            // Never a panic; an image that ends in its headers is refused.
            assert!(authenticode_bytes(&image(0)[..length.min(0x58 + 144)]).is_err(), "{length}");
        }
        let mut trailing = image(16);
        trailing.push(0);
        assert_eq!(authenticode_bytes(&trailing), Err("its certificate table is not at its end"));
        let mut other = image(0);
        other[0x58] = 0;
        assert!(authenticode_bytes(&other).is_err());
    }
}
