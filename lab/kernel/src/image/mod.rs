//! Maps a driver image as the Windows loader does: sections with their rights, relocations, imports, stack cookie.

mod pe;
mod thunk;

use crate::backtrace::{self, PdbFile, TracedImage};
use crate::mmio::emulate;
use crate::rules;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::fmt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use thunk::not_implemented_stub;

rules! {
    IMAGE_W_XOR_X: "No section of a driver is both writable and executable", "Windows driver security checklist: HVCI-compatible code";
    IMAGE_NX_ASLR: "A driver image is linked with NXCOMPAT, DYNAMICBASE and HIGHENTROPYVA", "PE format: DllCharacteristics";
}

/// Why an image could not be loaded; the text names the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError(String);

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LoadError {}

/// A loaded driver. Dropping it unloads the image; what still points into it then faults.
#[derive(Debug)]
pub struct Image {
    name: String,
    sha256: String,
    base: usize,
    size: usize,
    entry: usize,
    exports: BTreeMap<String, usize>,
    discardable: Vec<(usize, usize)>,
}

/// What a report says about an address of an image that is not (or no more) accessible.
struct Place {
    name: String,
    base: usize,
    size: usize,
    loaded: bool,
    /// Sections that are gone since DriverEntry.
    discarded: Vec<(usize, usize)>,
}

/// All images ever loaded; their address space is not reused.
static PLACES: Mutex<Vec<Place>> = Mutex::new(Vec::new());

fn places() -> MutexGuard<'static, Vec<Place>> {
    PLACES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Maps the driver at `path`, relocates it, binds its imports through `resolver` (module and function as the image
/// spells them) and sets its stack cookie. An import that the resolver does not know is bound to a thunk that stops the
/// run and names it.
///
/// # Errors
/// [`LoadError`] when the file cannot be read or is no x86-64 native PE image with sound tables.
pub fn load(path: &Path, resolver: &dyn Fn(&str, &str) -> Option<usize>) -> Result<Image, LoadError> {
    let file = std::fs::read(path).map_err(|e| LoadError(format!("{}: {e}", path.display())))?;
    load_bytes(path, &file, resolver)
}

/// [`load`] for a file that has been read: `path` only names it and its PDB.
///
/// # Errors
/// As [`load`].
pub fn load_bytes(
    path: &Path,
    file: &[u8],
    resolver: &dyn Fn(&str, &str) -> Option<usize>,
) -> Result<Image, LoadError> {
    let fail = |reason: String| LoadError(format!("{}: {reason}", path.display()));
    let headers = pe::Headers::parse(file).map_err(&fail)?;
    IMAGE_NX_ASLR.check(headers.hardened, || path.display().to_string());
    let base = reserve(headers.size_of_image).ok_or_else(|| fail("no address space".to_owned()))?;
    let bind = |module: &str, name: &str| {
        resolver(module, name).unwrap_or_else(|| not_implemented_stub(format!("{module}!{name}")))
    };
    let layout = pe::lay_out(file, &headers, base as u64, &bind).map_err(|reason| {
        release(base, headers.size_of_image);
        fail(reason)
    })?;
    for section in &layout.sections {
        IMAGE_W_XOR_X.check(!(section.write && section.execute), || section.name.clone());
    }
    publish(base, &layout);

    let name = path.file_name().map_or(String::new(), |n| n.to_string_lossy().into_owned());
    places().push(Place { name: name.clone(), base, size: layout.memory.len(), loaded: true, discarded: Vec::new() });
    let image = Image {
        sha256: Sha256::digest(file).iter().map(|byte| format!("{byte:02x}")).collect(),
        base,
        size: layout.memory.len(),
        entry: base + layout.entry,
        exports: layout.exports.into_iter().map(|(name, rva)| (name, base + rva)).collect(),
        discardable: layout.sections.iter().filter(|s| s.discardable).map(|s| (base + s.start, s.len)).collect(),
        name,
    };
    backtrace::add_image(TracedImage {
        name: path.file_stem().map_or(String::new(), |n| n.to_string_lossy().into_owned()),
        base: base as u64,
        memory: layout.memory,
        pdata: layout.pdata,
        pdb: layout.code_view.map(|(recorded, guid)| PdbFile { path: find_pdb(path, &recorded), guid }),
    });
    Ok(image)
}

/// The PDB beside the image, or else where the linker put it.
fn find_pdb(image: &Path, recorded: &str) -> PathBuf {
    let beside = image.with_extension("pdb");
    if beside.exists() { beside } else { PathBuf::from(recorded) }
}

impl Image {
    /// File name, such as `igbcx.sys`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of the file in lower-case hex.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Address of the entry point: `unsafe extern "win64" fn(*mut DRIVER_OBJECT, *const UNICODE_STRING) -> NTSTATUS`.
    pub fn entry(&self) -> usize {
        self.entry
    }

    /// Address of the first byte.
    pub fn base(&self) -> usize {
        self.base
    }

    /// Bytes of address space.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Address of an exported function or variable.
    pub fn export(&self, name: &str) -> Option<usize> {
        self.exports.get(name).copied()
    }

    /// True if `address` lies in the image.
    pub fn contains(&self, address: usize) -> bool {
        address.wrapping_sub(self.base) < self.size
    }

    /// What Windows does once DriverEntry has succeeded: discardable sections (INIT) are gone, touching them faults.
    pub fn discard_init(&self) {
        for (start, len) in &self.discardable {
            protect(*start, *len, libc::PROT_NONE);
        }
        if let Some(place) = places().iter_mut().find(|p| p.base == self.base) {
            place.discarded = self.discardable.clone();
        }
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        backtrace::remove_image(self.base as u64);
        emulate::forget_decoded();
        reserve_again(self.base, self.size);
        if let Some(place) = places().iter_mut().find(|p| p.base == self.base) {
            place.loaded = false;
        }
    }
}

/// What an address that faulted is, if it lies in an image.
pub(crate) fn describe(address: u64) -> Option<String> {
    let places = places();
    let place = places.iter().find(|p| (address as usize).wrapping_sub(p.base) < p.size)?;
    let discarded = place.discarded.iter().any(|(start, len)| (*start..start + len).contains(&(address as usize)));
    let state = match (place.loaded, discarded) {
        (false, _) => "unloaded image ",
        (true, true) => "discarded section of ",
        (true, false) => "",
    };
    Some(format!("{state}{}+{:#x}", place.name, address as usize - place.base))
}

fn reserve(size: usize) -> Option<usize> {
    // SAFETY: a fresh private mapping without access rights.
    let base = unsafe {
        libc::mmap(
            ptr::null_mut(),
            size,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    (base != libc::MAP_FAILED).then_some(base as usize)
}

/// Gives back what `reserve` gave.
fn release(base: usize, size: usize) {
    // SAFETY: unmaps exactly the reservation of an image that was not published.
    unsafe { libc::munmap(base as *mut c_void, size) };
}

/// Frees the memory of an image and keeps its addresses reserved.
fn reserve_again(base: usize, size: usize) {
    // SAFETY: replaces exactly the mapping that `reserve` made for this image; nothing of the lab borrows from it.
    unsafe {
        libc::mmap(
            base as *mut c_void,
            size,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED,
            -1,
            0,
        );
    }
}

/// Copies the image to its place and sets the rights of headers and sections.
fn publish(base: usize, layout: &pe::Layout) {
    protect(base, layout.memory.len(), libc::PROT_READ | libc::PROT_WRITE);
    // SAFETY: `reserve` mapped size_of_image bytes at `base`, as many as `memory` has, writable now and unused.
    unsafe { ptr::copy_nonoverlapping(layout.memory.as_ptr(), base as *mut u8, layout.memory.len()) };
    protect(base, layout.memory.len(), libc::PROT_READ);
    for section in &layout.sections {
        let mut rights = if section.read { libc::PROT_READ } else { libc::PROT_NONE };
        rights |= if section.write { libc::PROT_READ | libc::PROT_WRITE } else { 0 };
        rights |= if section.execute { libc::PROT_READ | libc::PROT_EXEC } else { 0 };
        protect(base + section.start, section.len, rights);
    }
}

fn protect(start: usize, len: usize, rights: i32) {
    // SAFETY: callers name page ranges of an image mapping; Rust code never borrows from it.
    let result = unsafe { libc::mprotect(start as *mut c_void, len, rights) };
    assert_eq!(result, 0, "mprotect of an image");
}
