//! Maps a PE driver image.

use std::path::Path;

/// Why an image could not be loaded.
#[derive(Debug)]
pub struct LoadError(pub String);
impl std::fmt::Display for LoadError { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(&self.0) } }
impl std::error::Error for LoadError {}

/// A loaded driver.
pub struct Image { }
impl Image {
    /// File name.
    pub fn name(&self) -> &str { todo!() }
    /// Lower-case hex SHA-256 of the file.
    pub fn sha256(&self) -> &str { todo!() }
    /// Address of the entry point: `unsafe extern "win64" fn(*mut DRIVER_OBJECT, *const UNICODE_STRING) -> NTSTATUS`.
    pub fn entry(&self) -> usize { todo!() }
    /// First byte.
    pub fn base(&self) -> usize { todo!() }
    /// Bytes mapped.
    pub fn size(&self) -> usize { todo!() }
    /// Address of an exported function or variable.
    pub fn export(&self, name: &str) -> Option<usize> { let _ = name; todo!() }
    /// True if `address` lies in the image.
    pub fn contains(&self, address: usize) -> bool { let _ = address; todo!() }
    /// What Windows does after DriverEntry succeeded: the INIT sections are gone.
    pub fn discard_init(&self) { todo!() }
}
/// Maps, relocates, binds, sets the cookie.
pub fn load(path: &Path, resolver: &dyn Fn(&str, &str) -> Option<usize>) -> Result<Image, LoadError> { let _ = (path, resolver); todo!() }
/// A win64 function that stops the run and names itself.
pub fn not_implemented_stub(name: String) -> usize { let _ = name; todo!() }
