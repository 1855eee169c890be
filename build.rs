//! Tells the linker where the WDK is (Windows), or which driver model is built (elsewhere).

fn main() -> Result<(), wdk_build::ConfigError> {
    wdk_build::configure_wdk_binary_build()
}
