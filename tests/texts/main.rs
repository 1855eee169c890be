//! What is not compiled can still be wrong: scripts are parsed, profiles read, and the names that guides give are looked up.

#[cfg(test)]
mod failure_table;
#[cfg(test)]
mod guides;
#[cfg(test)]
mod hlk_profile;
#[cfg(test)]
mod scripts;
#[cfg(test)]
mod trace_profile;

#[cfg(test)]
fn root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The text of a file, by its path from the top.
#[cfg(test)]
fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}
