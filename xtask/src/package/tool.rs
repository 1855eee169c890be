//! Builds igbcxctl.exe with the C runtime of mingw-w64: a program needs the standard library, and that a C runtime.

use crate::{cargo, driver, toolchain::Toolchain};
use anyhow::Result;
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

const TARGET: &str = "x86_64-pc-windows-gnu";
/// GCC for Windows, with mingw-w64's C runtime.
pub const LINKER: &str = "x86_64-w64-mingw32-gcc";

/// Whether the linker is there.
pub fn can_be_built() -> bool {
    cargo::output(cargo::command(LINKER).arg("--version")).is_some()
}

/// Runs GCC with paths from the source tree's root on. ld orders imports by the paths of the libraries that they come from:
/// with whole paths, the program would depend on where the tree lies.
const LINKER_SCRIPT: &str = "\
#!/bin/bash
root=$(pwd -P)
exec x86_64-w64-mingw32-gcc \"${@//\"$root\"\\//}\"
";

/// Builds igbcxctl.exe of the source tree at `root` and puts it at `to`.
pub fn build(root: &Path, to: &Path) -> Result<()> {
    let toolchain = Toolchain::find()?;
    let work = root.join("target/igbcxctl-build");
    fs::create_dir_all(&work)?;
    let script = work.join("linker.sh");
    fs::write(&script, LINKER_SCRIPT)?;
    fs::set_permissions(&script, Permissions::from_mode(0o755))?;
    let flags = ["-Clink-arg=-Wl,--no-insert-timestamp".to_string(), "-Cstrip=symbols".to_string()];
    cargo::run(
        driver::release(&toolchain, "build", root, TARGET, &flags)
            .args(["-Zbuild-std=std,panic_abort", "--package", "igbcxctl"])
            .env("CARGO_TARGET_DIR", &work)
            .env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER", &script)
            // rustc puts libraries there that it makes for the link.
            .env("TMPDIR", "/tmp"),
    )?;
    fs::copy(work.join(TARGET).join("release/igbcxctl.exe"), to)?;
    Ok(())
}
