//! The blue screen.

/// Ends the process with exit code 3.
pub fn bugcheck(code: u32, params: [u64; 4]) -> ! { let _ = (code, params); todo!() }
/// Ends the run with a message that is not a bugcheck of Windows; exit code 3.
pub fn stop(message: &str) -> ! { let _ = message; todo!() }
/// Runs `f` before the process ends by a bugcheck.
pub fn at_stop(f: impl FnOnce() + Send + 'static) { let _ = f; todo!() }
/// The symbolic name of a bugcheck code.
pub fn name(code: u32) -> Option<&'static str> { let _ = code; todo!() }
