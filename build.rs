//! Tells the linker where the WDK is (Windows), or which driver model is built (elsewhere), and adds the version resource.

use std::{env, fs, path::Path};

fn main() -> Result<(), wdk_build::ConfigError> {
    link_version_resource();
    wdk_build::configure_wdk_binary_build()
}

/// Where Cargo links the image. On Linux `cargo xtask build` links it.
fn link_version_resource() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_CFG_WINDOWS").is_none() {
        return;
    }
    let folder = env::var_os("OUT_DIR").expect("Cargo sets OUT_DIR");
    let file = Path::new(&folder).join("igbcx.res");
    fs::write(&file, version_resource::driver(env!("CARGO_PKG_VERSION"))).expect("OUT_DIR can be written");
    println!("cargo::rustc-link-arg-cdylib={}", file.display());
}
