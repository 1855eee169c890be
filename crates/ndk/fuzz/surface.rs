//! Fuzzes the dispatch tables with the hostile consumer of `tests/surface`.
//!
//! ```text
//! cd crates/ndk/fuzz
//! RUSTC_BOOTSTRAP=1 RUSTFLAGS="--cfg fuzzing -Zsanitizer=address -Cpasses=sancov-module
//!     -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
//!     -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
//!     cargo run --release --target x86_64-unknown-linux-gnu -- corpus/surface -max_total_time=300
//! ```
#![no_main]

#[path = "../tests/surface/hostile.rs"]
mod hostile;
#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::OnceLock;
use support::common::System;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // One system for all inputs, as a driver has one while it is loaded: what an input leaves behind, the next ones meet.
    static SYSTEM: OnceLock<&'static System> = OnceLock::new();
    hostile::run(SYSTEM.get_or_init(System::new), data);
});
