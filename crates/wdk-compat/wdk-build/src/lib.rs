//! Stand-in for Microsoft's `wdk-build` on machines without a WDK.
//!
//! Build scripts of the driver and of wdk, wdk-alloc and wdk-panic call it; where there is no WDK it only says which
//! driver model is built. The linker settings of a WDK build come from `xtask build` instead.

use std::{convert::Infallible, error::Error, fmt};

/// The genuine crate's error type. Nothing can fail here, so it has no values.
#[derive(Debug)]
pub struct ConfigError(Infallible);

impl fmt::Display for ConfigError {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {}
    }
}

impl Error for ConfigError {}

/// Tells the compiler that a KMDF driver's library is built.
///
/// # Errors
/// Never; the signature is the genuine crate's.
pub fn configure_wdk_library_build() -> Result<(), ConfigError> {
    println!("cargo::rustc-check-cfg=cfg(driver_model__driver_type, values(\"WDM\", \"KMDF\", \"UMDF\"))");
    println!("cargo::rustc-cfg=driver_model__driver_type=\"KMDF\"");
    Ok(())
}

/// Tells the compiler that a KMDF driver's image is built.
///
/// # Errors
/// Never; the signature is the genuine crate's.
pub fn configure_wdk_binary_build() -> Result<(), ConfigError> {
    configure_wdk_library_build()
}
