//! ntoskrnl.exe and hal.dll.

/// The address bound to an import.
pub fn resolve(module: &str, name: &str) -> Option<usize> { let _ = (module, name); todo!() }
/// The start of every export and table entry: counts the call and passes a preempt point.
pub fn entered(name: &'static str) { let _ = name; todo!() }
/// Calls of every entry so far, by name.
pub fn calls() -> Vec<(&'static str, u64)> { todo!() }
/// Names of all exports.
pub fn table() -> Vec<&'static str> { todo!() }
