//! Backtraces.

/// The driver frames of the calling thread, innermost first, as text lines.
pub fn current() -> Vec<String> { todo!() }
/// The place of a code address: `function (file:line)`.
pub fn describe(address: u64) -> String { let _ = address; todo!() }
