//! What a driver file says about itself, without running it.

use crate::builder::{find_inf, is_resolved};
use crate::inf::{Inf, InfError, Kind};
use crate::sha256::Sha256;
use object::pe::{self, ImageNtHeaders64};
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader, PeFile64};
use object::{LittleEndian as LE, Object, ObjectSection};
use pdb_addr2line::pdb::PDB;
use std::fs;
use std::path::{Path, PathBuf};

/// Why a file could not be described.
#[derive(Debug, thiserror::Error)]
pub enum InfoError {
    /// The file could not be read.
    #[error("cannot read {0}: {1}")]
    Read(PathBuf, std::io::Error),
    /// The file is no x86-64 PE image.
    #[error("{0} is not an x86-64 PE image: {1}")]
    Image(PathBuf, object::Error),
    /// The INF could not be used.
    #[error(transparent)]
    Inf(#[from] InfError),
}

/// Describes the driver at `path`, and the INF given or found beside it, as text.
///
/// # Errors
/// Any [`InfoError`].
pub fn describe(path: &Path, inf: Option<&Path>) -> Result<String, InfoError> {
    let bytes = fs::read(path).map_err(|e| InfoError::Read(path.into(), e))?;
    let image = PeFile64::parse(&*bytes).map_err(|e| InfoError::Image(path.into(), e))?;
    let mut lines = headers(path, &bytes, &image);
    lines.extend(sections(&image));
    lines.extend(imports(&image).map_err(|e| InfoError::Image(path.into(), e))?);
    lines.push(pdb(path, &image));
    if let Some(inf) = inf.map(Path::to_owned).or_else(|| find_inf(path)) {
        lines.extend(inf_lines(&inf)?);
    }
    Ok(lines.join("\n"))
}

fn headers(path: &Path, bytes: &[u8], image: &PeFile64<'_>) -> Vec<String> {
    let mut hash = Sha256::default();
    hash.update(bytes);
    let nt: &ImageNtHeaders64 = image.nt_headers();
    let optional = nt.optional_header();
    let flags = optional.dll_characteristics();
    let names = [
        (pe::IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA, "high-entropy ASLR"),
        (pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE, "ASLR"),
        (pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT, "NX"),
        (pe::IMAGE_DLLCHARACTERISTICS_GUARD_CF, "CFG"),
    ];
    let set: Vec<_> = names.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect();
    let subsystem = optional.subsystem();
    let native = if subsystem == pe::IMAGE_SUBSYSTEM_NATIVE { " (native)" } else { "" };
    vec![
        format!("file       {} ({} bytes)", path.display(), bytes.len()),
        format!("sha256     {}", hash.hex()),
        format!("machine    {:#06x}", nt.file_header().machine.get(LE)),
        format!("subsystem  {subsystem}{native}"),
        format!("flags      {flags:#06x} {}", set.join(", ")),
        format!("entry      {:#x}, image size {:#x}", optional.address_of_entry_point(), optional.size_of_image()),
    ]
}

fn sections(image: &PeFile64<'_>) -> Vec<String> {
    let rights = |flags: u32| {
        [(pe::IMAGE_SCN_MEM_READ, 'r'), (pe::IMAGE_SCN_MEM_WRITE, 'w'), (pe::IMAGE_SCN_MEM_EXECUTE, 'x')]
            .map(|(bit, letter)| if flags & bit != 0 { letter } else { '-' })
            .iter()
            .collect::<String>()
    };
    let line = |section: object::read::pe::PeSection64<'_, '_>| {
        let flags = section.pe_section().characteristics.get(LE);
        let name = section.name().unwrap_or("?").to_owned();
        format!("section    {name:<8} {} {:#8x} bytes at {:#x}", rights(flags), section.size(), section.address())
    };
    image.sections().map(line).collect()
}

fn imports(image: &PeFile64<'_>) -> Result<Vec<String>, object::Error> {
    let mut lines = Vec::new();
    for import in image.imports()? {
        let (module, name) = (String::from_utf8_lossy(import.library()), String::from_utf8_lossy(import.name()));
        let note = if is_resolved(&module, &name) { "" } else { "   NOT IN THE LAB: a call stops the run" };
        lines.push(format!("import     {module}!{name}{note}"));
    }
    Ok(lines)
}

/// Whether the PDB beside the image, or where the linker put it, is the image's.
fn pdb(path: &Path, image: &PeFile64<'_>) -> String {
    let Ok(Some(record)) = image.pdb_info() else { return "pdb        none recorded".into() };
    let recorded = PathBuf::from(String::from_utf8_lossy(record.path()).into_owned());
    let beside = path.with_extension("pdb");
    let Some(found) = [beside, recorded.clone()].into_iter().find(|p| p.is_file()) else {
        return format!("pdb        {} (not found)", recorded.display());
    };
    let guid = fs::File::open(&found)
        .ok()
        .and_then(|file| PDB::open(file).ok())
        .and_then(|mut pdb| pdb.pdb_information().ok())
        .map(|information| information.guid.to_bytes_le());
    let verdict = match guid {
        Some(guid) if guid == record.guid() => "matches",
        Some(_) => "is of ANOTHER build",
        None => "is not readable",
    };
    format!("pdb        {} {verdict}", found.display())
}

fn inf_lines(path: &Path) -> Result<Vec<String>, InfoError> {
    let inf = Inf::read(path)?;
    let mut lines = vec![format!("inf        {}", path.display())];
    let mut sections = Vec::new();
    for model in inf.models() {
        lines.push(format!("installs   {} as {}", model.ids.join(", "), model.description));
        if !sections.contains(&model.install) {
            sections.push(model.install.clone());
        }
    }
    for section in sections {
        let install = inf.install_section(&section)?;
        let interrupts = match install.message_limit {
            0 => "the line interrupt".into(),
            u32::MAX => "as many messages as the adapter has".into(),
            limit => format!("at most {limit} messages"),
        };
        lines.push(format!("section    [{section}]: {interrupts}"));
        for keyword in &install.keywords {
            let default = keyword.default.as_deref().unwrap_or("absent");
            lines.push(format!("keyword    {} = {default} ({})", keyword.name, allowed(&keyword.kind)));
        }
    }
    Ok(lines)
}

fn allowed(kind: &Kind) -> String {
    match kind {
        Kind::Number { min, max, step, .. } => format!("{min} to {max} in steps of {step}"),
        Kind::Choice(values) => values.iter().map(|(v, text)| format!("{v}: {text}")).collect::<Vec<_>>().join(", "),
        Kind::Text { limit: Some(limit) } => format!("text of at most {limit} characters"),
        Kind::Text { limit: None } => "text".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_driver_is_refused() {
        let missing = describe(Path::new("/nonexistent/d.sys"), None);
        assert!(matches!(missing, Err(InfoError::Read(..))));
        let text = describe(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")), None);
        assert!(matches!(text, Err(InfoError::Image(..))));
        let elf = describe(&std::env::current_exe().unwrap(), None);
        assert!(matches!(elf, Err(InfoError::Image(..))));
    }
}
